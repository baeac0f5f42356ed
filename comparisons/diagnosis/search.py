"""The search for the slips in a backward pass that give the gradients that somebody claims."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain as joined
from itertools import groupby, islice

import numpy as np

from comparisons.diagnosis.chain import Chain, options
from comparisons.diagnosis.evidence import ROUGH, Evidence, solved
from comparisons.diagnosis.kinds import FAR_FETCHED, Kind
from comparisons.diagnosis.paper import replaced
from comparisons.diagnosis.slips import Slip, alike_in_layers, slips_in, slips_in_several
from comparisons.printing import listed

WORK = 3e7
"""How many numbers may be computed for pairs: on a common network all of them, in a second."""

Fit = tuple[tuple[Slip, ...], float]
"""Slips, and how far what they give is from what is claimed."""


def search(evidence: Evidence) -> tuple[list[Fit], bool]:
    """Return the slips that fit equally well, and whether all were tried that may fit."""
    backward, wrong = evidence.backward, set(evidence.wrong)
    if not any(np.any(case.claimed[path]) for case in evidence.cases for path in wrong):
        return [at_a_glance(Kind.ZERO, listed(evidence.wrong))], True  # a template, not filled in
    of_first = kept(evidence)
    if of_first is not None:
        return [of_first], True
    equations = [x for x in backward.equations if wrong <= evidence.affected([x])]
    single = joined(*[slips_in(backward, x) for x in equations], slips_in_several(backward))
    largest = evidence.largest(evidence.wrong)
    alone: list[Fit] = []
    for slips in (single, alike_in_layers(backward)):
        known = (x if x.factor is None else solved(evidence, x, largest) for x in slips)
        alone = alone or ranked(evidence, ((x,) for x in known if x is not None))
    is_rounding = max(evidence.errors.values()) <= ROUGH
    if is_rounding or (alone and not evidence.seen.arrays):
        return alone, True
    chain = Chain(evidence)
    for depth, twice in ((1, False), (2, False), (1, True)):
        for _, ends in groupby(chain.search(depth, twice), key=lambda end: end.cost):
            found = ranked(evidence, (end.slips for end in ends if not end.open))
            if found:
                is_better = not alone or evidence.support(found[0][0]) > evidence.support(
                    alone[0][0]
                )
                return (found if is_better else alone), True
        if alone:
            return alone, True
    size = sum(np.size(x) for x in evidence.cases[0].known.values())
    twice = in_one_equation(evidence)
    found = ranked(evidence, islice(twice, int(WORK / size) + 100))
    return found, next(twice, None) is None


def kept(evidence: Evidence) -> Fit | None:
    """Return what is right at the first point alone, and so was kept from there."""
    first, *others = evidence.cases
    if evidence.at(first, {}) > evidence.tolerance:
        return None
    backward = evidence.backward
    for x in backward.forward:
        old = replace(x, data=first.known[x])
        readers = [y for y in backward.equations if x in backward.of(y)]
        changes = {y: z for y in readers if (z := replaced(backward.rights[y], {x: old}))}
        errors = [evidence.at(case, changes) for case in others]
        if changes and all(error <= evidence.tolerance for error in errors):
            names = {**backward.names, old: f"first_{backward.names[x]}"}
            return (Slip(changes, ((Kind.STALE, (x,)),), 1, names),), max(errors)
    return at_a_glance(Kind.STATE)


def at_a_glance(kind: Kind, *about: str) -> Fit:
    """Return an explanation that names no equation."""
    return (Slip({}, ((kind, about),), 1, {}),), np.nan


def ranked(evidence: Evidence, tried: Iterable[tuple[Slip, ...]]) -> list[Fit]:
    """Return what fits, the best supported and simplest first, once for the same equations."""
    fits = [(slips, error) for slips in tried if (error := evidence.fits(slips)) is not None]
    found: dict[tuple[str, ...], Fit] = {}
    for slips, error in sorted(fits, key=lambda fit: cost_of(fit[0])):
        labels = [[evidence.backward.label(x) for x in slip.changes] for slip in slips]
        found.setdefault(tuple(map(listed, labels)), (slips, error))
    ranks = [(-evidence.support(slips), cost_of(slips)) for slips, _ in found.values()]
    best = min(ranks, default=None)
    return [fit for fit, rank in zip(found.values(), ranks) if rank == best]


def cost_of(slips: Sequence[Slip]) -> tuple[int, int]:
    """Return what sorts slips: the likelier first, those with a factor after those without."""
    return sum(slip.cost for slip in slips), sum(slip.factor is not None for slip in slips)


def in_one_equation(evidence: Evidence) -> Iterator[tuple[Slip, Slip]]:
    """Yield a slip on top of another, in each equation that all wrong gradients depend on."""
    for x in evidence.backward.equations:
        if evidence.affected([x]) >= set(evidence.wrong):
            for slip in options(evidence, x):
                for other in slips_in(evidence.backward, x, slip.changes[x]):
                    if other.factor is None and other.cost < FAR_FETCHED:
                        yield slip, other
