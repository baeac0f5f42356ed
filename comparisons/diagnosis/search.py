"""The search for the slips in a backward pass that give the gradients that somebody claims."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from comparisons.diagnosis.evidence import Evidence, merged, solved
from comparisons.diagnosis.kinds import Kind
from comparisons.diagnosis.pairs import in_pairs
from comparisons.diagnosis.paper import replaced
from comparisons.diagnosis.replay import Numbers
from comparisons.diagnosis.slips import Slip, alike_in_layers, slips_in, slips_in_several
from comparisons.printing import listed

SINGLE = 1e-4
"""How far gradients with a slip may be from what is claimed in float32."""


class Found(NamedTuple):
    """Slips that fit: how far what they give is from what is claimed, and what they give.

    `support` is the number of adjoints that were seen to be as these slips have them.
    """

    slips: tuple[Slip, ...]
    error: float
    now: Numbers
    support: int = 0


class Outcome(NamedTuple):
    """The slips that fit equally well, the likeliest first, and whether all pairs were tried."""

    found: Sequence[Found]
    all_tried: bool = True


def search(evidence: Evidence) -> Outcome:
    with np.errstate(all="ignore"):
        at_once = all_zero(evidence) or kept(evidence)
        if at_once is not None:
            return Outcome([at_once])
        alone = ranked(evidence, single(evidence)) or ranked(evidence, everywhere(evidence))
        if alone:
            return Outcome(alone)
        pairs, all_tried = in_pairs(evidence)
        return Outcome(ranked(evidence, pairs), all_tried)


def in_float32(evidence: Evidence) -> Evidence:
    return replace(evidence, tolerance=SINGLE)


def all_zero(evidence: Evidence) -> Found | None:
    """Return that all that is wrong is 0, as in a template that was not filled in."""
    if any(np.any(case.claimed[path]) for case in evidence.cases for path in evidence.wrong):
        return None
    return at_a_glance(Kind.ZERO, listed(evidence.wrong))


def kept(evidence: Evidence) -> Found | None:
    """Return what is right at the first point alone, and so was kept from there."""
    first, *others = evidence.cases
    if evidence.at(first, {}) > evidence.tolerance:
        return None
    backward = evidence.backward
    for x in backward.forward:
        changes, names = {}, dict(backward.names)
        old = replace(x, data=first.known[x])
        names[old] = f"first_{names[x]}"
        for y in backward.equations:
            right = replaced(backward.rights[y], {x: old})
            if right is not None and x in backward.of(y):
                changes[y] = right
        errors = [evidence.at(case, changes) for case in others]
        if changes and all(error <= evidence.tolerance for error in errors):
            slip = Slip(changes, ((Kind.STALE, (x,)),), 1, names)
            return as_found(evidence, (slip,), max(errors))
    return at_a_glance(Kind.STATE)


def at_a_glance(kind: Kind, *about: str) -> Found:
    """Return an explanation that names no equation."""
    return Found((Slip({}, ((kind, about),), 1, {}),), np.nan, {})


def single(evidence: Evidence) -> Iterator[tuple[tuple[Slip, ...], float]]:
    backward, wrong = evidence.backward, set(evidence.wrong)
    equations = [x for x in backward.equations if wrong <= evidence.affected([x])]
    several = [x for x in slips_in_several(backward) if wrong <= evidence.affected(x.changes)]
    for slips in [*[slips_in(backward, x) for x in equations], several]:
        for slip in slips:
            known = slip if slip.factor is None else solved(evidence, slip)
            error = evidence.fits([known]) if known is not None else None
            if known is not None and error is not None:
                yield (known,), error


def everywhere(evidence: Evidence) -> Iterator[tuple[tuple[Slip, ...], float]]:
    for slip in alike_in_layers(evidence.backward):
        error = evidence.fits([slip])
        if error is not None:
            yield (slip,), error


def ranked(evidence: Evidence, fits: Iterable[tuple[tuple[Slip, ...], float]]) -> list[Found]:
    """Return what fits, the best supported and simplest first, once for the same equations."""
    found: dict[tuple[str, ...], Found] = {}
    for slips, error in sorted(fits, key=lambda fit: cost_of(fit[0])):
        labels = [[evidence.backward.label(x) for x in slip.changes] for slip in slips]
        found.setdefault(tuple(map(listed, labels)), as_found(evidence, slips, error))
    if not found:
        return []
    best = min((-x.support, cost_of(x.slips)) for x in found.values())
    return [x for x in found.values() if (-x.support, cost_of(x.slips)) == best]


def as_found(evidence: Evidence, slips: tuple[Slip, ...], error: float) -> Found:
    now = evidence.backward.replay(merged(slips), evidence.cases[0].known)
    assert now is not None
    return Found(slips, error, now, evidence.support(now))


def cost_of(slips: Sequence[Slip]) -> tuple[int, int]:
    """Return what sorts slips: the likelier first, those with a factor after those without."""
    return sum(slip.cost for slip in slips), sum(slip.factor is not None for slip in slips)
