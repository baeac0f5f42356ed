"""The equations of a pass computed one by one, with slips in them, from given numbers."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from autodiff.readings.terms import Term
from comparisons.diagnosis.equations.paper import MISFIT
from comparisons.diagnosis.equations.replay import Numbers
from comparisons.diagnosis.search.evidence import Evidence, bound, is_simple, multiple
from comparisons.diagnosis.slips.kinds import FAR_FETCHED, Kind
from comparisons.diagnosis.slips.typical import Slip, anew, slips_in

FACTORS = (-1.0, 2.0, 0.5)
RATES = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001)


class Trials:
    """The equations of a pass and the slips in each."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.backward = evidence, evidence.backward
        self.listed: dict[Term, list[Slip]] = {}
        self.distinct: dict[Term, list[Slip]] = {}
        self.parts: dict[Term, list[Term]] = {}
        self.values: dict[Any, Any] = {}

    def slips_in(self, x: Term) -> list[Slip]:
        if x not in self.listed:
            self.listed[x] = list(slips_in(self.backward, x))
        return self.listed[x]

    def unknown(self, x: Term) -> list[Slip]:
        """Return the slips in an equation with an unknown number, but for a mere factor."""
        slips = [slip for slip in self.slips_in(x) if slip.factor is not None]
        return [*slips[1:], *anew(self.backward, x)]

    def options(self, x: Term) -> list[Slip]:
        """Return the slips in an equation, a few factors in place of any, none twice."""
        if x not in self.distinct:
            self.distinct[x] = list(self.without_unknown(x))
        return self.distinct[x]

    def without_unknown(self, variable: Term) -> Iterator[Slip]:
        evidence = self.evidence
        common = dict.fromkeys([*FACTORS, *evidence.scales[1:], *evidence.ratios])
        factors = {Kind.UPDATED: RATES, Kind.CONSTANT_FACTOR: tuple(common)}
        slips = []
        for slip in self.slips_in(variable):
            if slip.factor is None:
                slips.append(slip)
            else:
                slips += [bound(evidence, slip, x) for x in factors.get(slip.kind, ())]
        known = evidence.cases[0].known
        found = {digits(known[variable])}
        for slip in sorted(slips, key=lambda slip: cost_of([slip])):
            value = self.computed(slip.changes[variable], known)
            if value is not None and digits(value) not in found:
                found.add(digits(value))
                yield slip

    def value(self, term: Term, now: Numbers) -> Any:
        """Return what a right side gives, once for the same numbers; None if they do not fit."""
        if term not in self.parts:
            self.parts[term] = self.backward.parts(term)
        parts = [now[x] for x in self.parts[term] if x in now]
        key = (term, *map(id, parts))
        if key not in self.values:
            self.values[key] = self.computed(term, now), parts  # whose ids stay theirs
        return self.values[key][0]

    def computed(self, term: Term, now: Numbers) -> Any:
        try:
            return self.backward.compute(term, now)
        except MISFIT:
            return None

    def slips(self, x: Term, now: Numbers) -> Iterator[tuple[Slip, Any]]:
        """Yield the slips in an equation, with what they give of some numbers."""
        for slip in self.options(x):
            value = self.value(slip.changes[x], now)
            if value is not None and np.shape(value) == x.shape:
                yield slip, value

    def explaining(
        self, x: Term, now: Numbers, target: Any, fits: Callable[[Any], bool]
    ) -> Iterator[tuple[Slip, ...]]:
        """Yield the slips in an equation that give a target, perhaps with a factor too."""
        for slip in chain(self.slips_in(x), anew(self.backward, x)):
            if slip.factor is not None:
                one, zero = self.ends(slip, x, now)
                k = multiple(target, one, zero)
                exact = None if k is None else bound(self.evidence, slip, k)
                if exact and (np.size(target) > 1 or is_simple(self.evidence, exact)):
                    value = self.computed(exact.changes[x], now)
                    if fits(value):
                        yield (exact,)
                continue
            value = self.value(slip.changes[x], now)
            if fits(value):
                yield (slip,)
            elif value is not None and (k := multiple(target, value)):
                factor = self.times(x, slip, k)
                if is_simple(self.evidence, factor):
                    yield factor, slip._replace(changes=factor.changes)

    def upon(self, x: Term) -> Iterator[tuple[Slip, Slip]]:
        """Yield a slip on top of another in an equation."""
        for slip in self.options(x):
            others = slips_in(self.backward, x, slip.changes[x]) if slip.cost < FAR_FETCHED else ()
            for other in others:
                if other.factor is None and other.cost < FAR_FETCHED:
                    yield slip, other

    def ends(self, slip: Slip, x: Term, now: Numbers) -> tuple[Any, Any]:
        """Return what a slip gives with the factors 1 and 0; None twice where it does not fit."""
        assert slip.factor is not None
        values = [self.computed(slip.changes[x], {**now, slip.factor: k}) for k in (1.0, 0.0)]
        return (None, None) if values[0] is None or values[1] is None else (values[0], values[1])

    def times(self, x: Term, slip: Slip | None, k: float) -> Slip:
        """Return a constant factor, on top of a slip."""
        right = slip.changes[x] if slip else None
        return bound(self.evidence, next(slips_in(self.backward, x, right)), k)


def cost_of(slips: Sequence[Slip]) -> tuple[int, int]:
    """Return what sorts slips: the likelier first, those with a factor after those without."""
    return sum(slip.cost for slip in slips), sum(slip.factor is not None for slip in slips)


def digits(x: Any) -> tuple[Any, ...]:
    """Return what is the same for arrays that are equal but for rounding."""
    size = float(np.max(np.abs(x), initial=0.0))
    return np.shape(x), f"{size:.9g}", (np.round(np.divide(x, size or 1.0), 9) + 0.0).tobytes()
