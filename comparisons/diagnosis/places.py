"""Where in somebody's code an adjoint was assigned, or a number of the forward pass."""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from autodiff.check.ratio import first_fitting, fraction, powers
from autodiff.readings.terms import Term
from comparisons.diagnosis.equations.replay import Numbers
from comparisons.diagnosis.search.evidence import Evidence, alike, is_close, layouts, multiple


class Place(NamedTuple):
    """A variable that was assigned an adjoint `factor` times, or a number of the forward pass.

    Whether a function returned it to another, and whether it has the name of what it is that of.
    """

    variable: Any
    factor: float
    is_returned: bool
    is_called: bool


class Spot(NamedTuple):
    """A line of somebody's code, that of a variable, in which a slip was made or shows first."""

    variable: Any
    is_own: bool = True

    def __str__(self) -> str:
        text = f": {self.variable.text}" if self.variable.text else ""
        start = "This is your" if self.is_own else "It shows first in"
        return f"{start} line {self.variable.line}{text}."


Places = Mapping[Term, Place]


def place_of(x: Term, now: Numbers, evidence: Evidence) -> Place | None:
    """Return where an adjoint, perhaps times a factor, was assigned, or else returned in a dict.

    If no variable has it, it is a part of the expression of the next. Of several in one function it
    is the first, unless one has the name of what the adjoint is that of; the first ones are those
    of adjoints before it that have the same value, as where a slope was forgotten.
    """
    value, backward = now[x], evidence.backward
    same_size = [y for y in evidence.variables if np.size(y.value) == np.size(value)]
    for variables in ([y for y in same_size if y.name], [y for y in same_size if not y.name]):
        seen = [multiple_of(y.value, value, evidence.scales) for y in variables]
        factors = [1.0] if x.forward else dict.fromkeys([*evidence.scales, *filter(None, seen)])
        for factor in factors:
            if found := [y for y, k in zip(variables, seen) if k and is_close(k, factor)]:
                of = re.escape(backward.names[x].removesuffix("_bar"))
                here = [y for y in found if y.function == found[0].function]
                called = [y for y in here if re.search(rf"(?<![A-Z]){of}(?![a-z0-9])", y.name)]
                earlier = takewhile(lambda other: other is not x, backward.variables)
                same = sum(alike(now[other], value) for other in earlier)
                chosen = called[0] if called else here[min(same, len(here) - 1)]
                return Place(chosen, factor, len(here) < len(found), bool(called))
    return None


def multiple_of(x: Any, value: Any, scales: Sequence[float]) -> float | None:
    """Return how many times an adjoint somebody has: what is left, such as 1/N, may come later.

    One number is a multiple of any other, so there it is one of the usual `scales`, or minus that.
    """
    if not np.any(value):
        return None
    if np.size(value) == 1:
        signed = (k * sign for sign in (1.0, -1.0) for k in scales)
        return next((k for k in signed if alike(x, k * np.asarray(value))), None)
    found = (multiple(np.squeeze(x), y) for y in layouts(np.squeeze(value)))
    return next(filter(None, found), None)


def times(k: float, N: int) -> str:
    """Return a factor in words: "minus ", "N times ", "" for 1."""
    size = first_fitting(abs(k), [*powers("N", N), fraction(abs(k), 10)], 1e-8).code.strip("()")
    return f"{'minus ' if k < 0.0 else ''}{'' if size == '1' else f'{size} times '}"
