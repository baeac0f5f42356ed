"""The search for the slips in a backward pass that give the gradients that somebody claims."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain as joined
from itertools import groupby, islice, takewhile
from typing import NamedTuple

import numpy as np

from autodiff.readings.terms import Term
from comparisons.diagnosis.equations.paper import replaced
from comparisons.diagnosis.search.chain import Chain, State
from comparisons.diagnosis.search.evidence import ROUGH, Evidence, alike, merged, solved
from comparisons.diagnosis.search.trials import cost_of
from comparisons.diagnosis.slips.kinds import Kind
from comparisons.diagnosis.slips.typical import Slip, alike_in_layers, slips_in, slips_in_several
from comparisons.printing import listed

WORK, CALL = 3e7, 30
"""How many numbers may be computed for two slips in one equation that nothing shows, and how many
one call of NumPy counts for."""

Fit = tuple[tuple[Slip, ...], float]
"""Slips, and how far what they give is from what is claimed."""


class Found(NamedTuple):
    """The slips that fit equally well; what they leave unexplained; whether all were tried."""

    fits: list[Fit]
    left: tuple[Term, ...] = ()
    all_tried: bool = True


def search(evidence: Evidence) -> Found:
    is_rounding = max(evidence.errors.values()) <= ROUGH
    glance = None if is_rounding else at_a_glance(evidence)
    if glance is not None:
        return Found([glance])
    alone = in_one_slip(evidence)
    # Only what is seen to be right and cannot be so with a single slip speaks for several.
    if is_rounding or (alone and evidence.explained(alone[0][0]) >= evidence.explained()):
        return Found(alone)
    if not alone and (fit := kept(evidence)):
        return Found([fit])
    chain = Chain(evidence)
    several = whole(evidence, chain.search(depth=1))
    if alone:
        seen = [len(evidence.explained(fits[0][0])) for fits in (alone, several) if fits]
        return Found(several if seen[-1] > seen[0] else alone)
    several = several or whole(evidence, chain.search(depth=2))
    if several:
        return Found(several)
    ends = chain.search(depth=1, twice=True)
    size = sum(CALL + np.size(x) for x in evidence.cases[0].known.values())
    tried = (two for x in evidence.suspects for two in chain.trials.upon(x))
    found = whole(evidence, ends) or ranked(evidence, islice(tried, int(WORK / size) + 100))
    if found:
        return Found(found)
    fits, left = in_part(evidence, ends)
    return Found(fits, left, next(tried, None) is None)


def at_a_glance(evidence: Evidence) -> Fit | None:
    """Return an explanation that needs no search."""
    wrong = evidence.wrong
    if not any(np.any(case.claimed[path]) for case in evidence.cases for path in wrong):
        return without_equation(Kind.ZERO, listed(wrong))  # a template, not filled in
    other = dict(zip(wrong, reversed(wrong)))
    if len(wrong) == 2 and all(
        alike(case.claimed[x], evidence.true(case, other[x]))
        for case in evidence.cases
        for x in wrong
    ):
        return without_equation(Kind.SWAPPED, *wrong)
    return None


def in_one_slip(evidence: Evidence) -> list[Fit]:
    """Return the slips that explain all that is wrong each by itself."""
    backward, claimed = evidence.backward, evidence.cases[0].claimed
    largest = max(sorted(evidence.wrong), key=lambda path: np.size(claimed[path]))
    single = [slips_in(backward, x) for x in evidence.suspects]
    for slips in (joined(*single, slips_in_several(backward)), alike_in_layers(backward)):
        known = (x if x.factor is None else solved(evidence, x, largest) for x in slips)
        if alone := ranked(evidence, ((x,) for x in known if x is not None)):
            return alone
    return []


def whole(evidence: Evidence, ends: list[State]) -> list[Fit]:
    """Return the slips in the cheapest ends of a chain that explain all that is wrong."""
    for _, equal in groupby(ends, key=lambda end: end.cost):
        if found := ranked(evidence, (end.slips for end in equal if not end.open)):
            return found
    return []


def in_part(evidence: Evidence, ends: list[State]) -> tuple[list[Fit], tuple[Term, ...]]:
    """Return the likeliest slips that explain some of what is wrong, and what they leave."""
    for end in takewhile(lambda end: end.slips, ends):
        known = evidence.affected(merged(end.slips)) - evidence.affected(end.open)
        error = None if end.hidden else evidence.fits(end.slips, known)
        if error is not None:
            return [(end.slips, error)], end.open
    return [], ()


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
    return without_equation(Kind.STATE)


def without_equation(kind: Kind, *about: str) -> Fit:
    return (Slip({}, ((kind, about),), 1, {}),), np.nan


def ranked(evidence: Evidence, tried: Iterable[tuple[Slip, ...]]) -> list[Fit]:
    """Return what fits, the best supported and simplest first, once for the same equations."""
    fits = [(slips, error) for slips in tried if (error := evidence.fits(slips)) is not None]
    found, pieces = dict[tuple[str, ...], Fit](), evidence.backward.pieces
    fits.sort(key=lambda fit: not pieces.isdisjoint(merged(fit[0])))  # what has a name goes first
    for slips, error in sorted(fits, key=lambda fit: cost_of(fit[0])):
        labels = [[evidence.backward.label(x) for x in slip.changes] for slip in slips]
        found.setdefault(tuple(map(listed, labels)), (slips, error))
    ranks = [(-len(evidence.explained(slips)), cost_of(slips)) for slips, _ in found.values()]
    best = min(ranks, default=None)
    return [fit for fit, rank in zip(found.values(), ranks) if rank == best]
