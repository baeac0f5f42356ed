"""The search for the slips in a backward pass that give the gradients that somebody claims."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, product
from typing import Any

import numpy as np

from autodiff.readings.terms import Term
from comparisons.diagnosis.evidence import Evidence, bound, solved
from comparisons.diagnosis.kinds import FAR_FETCHED, Kind
from comparisons.diagnosis.paper import replaced
from comparisons.diagnosis.replay import Backward
from comparisons.diagnosis.slips import Slip, alike_in_layers, slips_in, slips_in_several
from comparisons.printing import listed

FACTORS = (-1.0, 2.0, 0.5)
RATES = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001)
MANY = 20
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
    single = chain(*[slips_in(backward, x) for x in equations], slips_in_several(backward))
    largest = evidence.largest(evidence.wrong)
    for slips in (single, alike_in_layers(backward)):
        known = (x if x.factor is None else solved(evidence, x, largest) for x in slips)
        alone = ranked(evidence, ((x,) for x in known if x is not None))
        if alone:
            return alone, True
    size = sum(np.size(x) for x in evidence.cases[0].known.values())
    pairs = in_pairs(evidence)
    found = ranked(evidence, islice(pairs, int(WORK / size) + 100))
    return found, next(pairs, None) is None


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


def in_pairs(evidence: Evidence) -> Iterator[tuple[Slip, Slip]]:
    """Yield the pairs of slips that may fit together.

    Where a parameter depends on one of the two equations alone, the slip in that one must fit it
    alone; so few pairs are left to be computed.
    """
    backward, wrong, claimed = evidence.backward, set(evidence.wrong), evidence.cases[0].claimed
    if len(evidence.cases) == 1 and sum(np.size(claimed[x]) for x in wrong) == 1:
        return  # one number agrees with some pair by chance
    reach = {x: evidence.affected([x]) for x in backward.equations}
    simple = {x: without_factors(evidence, x) for x in backward.equations}
    for i, first in enumerate(backward.equations):
        if reach[first] >= wrong:
            for slip in simple[first]:
                for other in slips_in(backward, first, slip.changes[first]):
                    if other.factor is None and other.cost < FAR_FETCHED:
                        yield slip, other
        for second in backward.equations[i + 1 :]:
            if reach[first] | reach[second] >= wrong:
                of_first, of_second = reach[first] - reach[second], reach[second] - reach[first]
                ones = fitting(evidence, first, simple[first], of_first, set())
                below = set(backward.below[first])
                others = fitting(evidence, second, simple[second], of_second, below)
                yield from product(ones, others)
                if of_first and not of_second:
                    path = evidence.largest(reach[second])
                    for slip, one in product(with_factors(backward, second), ones[:MANY]):
                        found = solved(evidence, slip, path, one.changes)
                        if found is not None:
                            yield one, found


def with_factors(backward: Backward, variable: Term) -> list[Slip]:
    return [slip for slip in slips_in(backward, variable) if slip.factor is not None]


def fitting(
    evidence: Evidence, variable: Term, slips: list[Slip], only: set[str], below: set[Term]
) -> list[Slip]:
    """Return the slips in an equation that alone give what is claimed for some parameters.

    Factors are found from these. Slips that read what is in `below`, which depends on another
    slip, are kept unless the equation depends on that anyway: they cannot be judged alone.
    """
    if not only:
        return slips
    backward, path = evidence.backward, evidence.largest(only)
    found = [solved(evidence, slip, path) for slip in with_factors(backward, variable)]
    return [
        slip
        for slip in [*slips, *filter(None, found)]
        if evidence.fits([slip], only) is not None
        or (variable not in below and not below.isdisjoint(backward.parts(slip.changes[variable])))
    ]


def without_factors(evidence: Evidence, variable: Term) -> list[Slip]:
    """Return the slips in an equation, a few factors in place of any, none twice."""
    factors = {Kind.UPDATED: RATES, Kind.CONSTANT_FACTOR: (*FACTORS, *evidence.scales[1:])}
    slips = []
    for slip in slips_in(evidence.backward, variable):
        if slip.factor is None:
            slips.append(slip)
        else:
            slips += [bound(evidence, slip, x) for x in factors.get(slip.kind, ())]
    known = evidence.cases[0].known
    distinct: dict[Any, Slip | None] = {digits(known[variable]): None}
    for slip in sorted(slips, key=lambda slip: cost_of([slip])):
        x = evidence.backward.compute(slip.changes[variable], known)
        distinct.setdefault(digits(x), slip)
    return [slip for slip in distinct.values() if slip is not None]


def digits(x: Any) -> tuple[Any, ...]:
    """Return what is the same for arrays that are equal but for rounding."""
    size = float(np.max(np.abs(x), initial=0.0))
    return np.shape(x), f"{size:.9g}", (np.round(np.divide(x, size or 1.0), 9) + 0.0).tobytes()
