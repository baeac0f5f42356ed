"""The search for two slips that together give the gradients that somebody claims."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.readings.terms import Term
from comparisons.diagnosis.edits import FAR_FETCHED
from comparisons.diagnosis.evidence import Evidence, bound, solved
from comparisons.diagnosis.kinds import Kind
from comparisons.diagnosis.slips import Slip, slips_in

FACTORS = (-1.0, 2.0, 0.5)
RATES = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001)
MANY = 20
WORK = 3e7
"""How many numbers may be computed for pairs: on a common network all of them, in a second."""


def in_pairs(evidence: Evidence) -> tuple[list[tuple[tuple[Slip, ...], float]], bool]:
    """Return the pairs of slips that fit, each with its error, and whether all were tried."""
    pairs = Pairs(evidence)
    pairs.search()
    return pairs.found, pairs.left >= 0


class Pairs:
    """Pairs tried so far: those that fit, and how many more may be tried."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.backward = evidence, evidence.backward
        size = sum(np.size(x) for x in evidence.cases[0].known.values())
        self.left = int(WORK / size) + 100
        self.found: list[tuple[tuple[Slip, ...], float]] = []

    def search(self) -> None:
        """Try all pairs.

        Where a parameter depends on one of the two equations alone, the slip in that one must fit
        it alone; so few pairs are left to be computed.
        """
        evidence, wrong = self.evidence, set(self.evidence.wrong)
        claimed = evidence.cases[0].claimed
        if len(evidence.cases) == 1 and sum(np.size(claimed[x]) for x in wrong) == 1:
            return  # one number agrees with some pair by chance
        equations = self.backward.equations
        reach = {x: evidence.affected([x]) for x in equations}
        simple = {x: self.without_factors(x) for x in equations}
        for i, first in enumerate(equations):
            if reach[first] >= wrong:
                for slip in simple[first]:
                    for other in slips_in(self.backward, first, slip.changes[first]):
                        if other.factor is None and other.cost < FAR_FETCHED:
                            self.try_pair(slip, other)
            for second in equations[i + 1 :]:
                if reach[first] | reach[second] >= wrong:
                    of_first, of_second = reach[first] - reach[second], reach[second] - reach[first]
                    ones = self.fitting(first, simple[first], of_first)
                    others = self.fitting(second, simple[second], of_second, first)
                    for one in ones:
                        for other in others:
                            self.try_pair(one, other)
                    if of_first and not of_second:
                        self.try_factors(ones[:MANY], second)

    def try_pair(self, one: Slip, other: Slip) -> None:
        """Note two slips if they fit, unless very many were tried already."""
        self.left -= 1
        if self.left < 0:
            return
        affected = self.evidence.affected([*one.changes, *other.changes])
        quick = min(affected, key=lambda path: np.size(self.evidence.cases[0].claimed[path]))
        if self.evidence.fits([one, other], [quick]) is not None:
            error = self.evidence.fits([one, other])
            if error is not None:
                self.found.append(((one, other), error))

    def try_factors(self, ones: Sequence[Slip], variable: Term) -> None:
        """Note a slip together with a factor in another equation, where they fit."""
        path = self.evidence.largest(self.evidence.affected([variable]))
        for slip in slips_in(self.backward, variable):
            for one in ones if slip.factor is not None else ():
                found = solved(self.evidence, slip, path, one.changes)
                if found is not None:
                    self.try_pair(one, found)

    def fitting(
        self, variable: Term, slips: Sequence[Slip], only: set[str], before: Term | None = None
    ) -> list[Slip]:
        """Return the slips in an equation that alone give what is claimed for some parameters.

        Factors are found from these. Slips that read what depends on the equation `before` are kept
        unless something reads that equation anyway: they cannot be judged alone.
        """
        if not only:
            return list(slips)
        path = self.evidence.largest(only)
        found = [
            solved(self.evidence, slip, path)
            for slip in slips_in(self.backward, variable)
            if slip.factor is not None
        ]
        below = set(self.backward.below[before]) if before is not None else set()
        return [
            slip
            for slip in [*slips, *filter(None, found)]
            if self.evidence.fits([slip], only) is not None
            or (
                variable not in below
                and not below.isdisjoint(self.backward.parts(slip.changes[variable]))
            )
        ]

    def without_factors(self, variable: Term) -> list[Slip]:
        """Return the slips in an equation, a few factors in place of any, none twice."""
        slips = []
        for slip in slips_in(self.backward, variable):
            if slip.factor is None:
                slips.append(slip)
            else:
                slips += [bound(self.evidence, slip, x) for x in self.some_factors(slip.kind)]
        known = self.evidence.cases[0].known
        seen = [np.asarray(known[variable])]
        distinct = []
        for slip in sorted(slips, key=lambda slip: (slip.cost, slip.factor is not None)):
            x = np.asarray(self.backward.compute(slip.changes[variable], known))
            if not any(close(x, y) for y in seen):
                seen.append(x)
                distinct.append(slip)
        return distinct

    def some_factors(self, kind: Kind) -> Sequence[float]:
        if kind is Kind.UPDATED_BEFORE:
            return RATES
        N = self.backward.N
        shares = (float(N), 1.0 / N) if N > 1 else ()
        return (*FACTORS, *shares) if kind is Kind.CONSTANT_FACTOR else ()


def close(x: Any, y: Any) -> bool:
    return x.shape == y.shape and bool(np.allclose(x, y, rtol=1e-10, atol=1e-14))
