"""In which lines of a student's code the mistakes stand that a diagnosis has found."""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from comparisons.diagnosis.search.evidence import alike, is_close, multiple
from comparisons.diagnosis.wording import Diagnosis
from comparisons.homework.calling import Variable


def lines_of(
    diagnosis: Diagnosis, variables: Sequence[Variable], scales: Sequence[float]
) -> list[str]:
    """Say of each slip in which line of the code it stands, or where it shows first."""
    if not diagnosis.explanations:
        found = [x for x in variables if x.name == diagnosis.first_wrong]
        return [this_is(found[-1], is_own=False)] if found else []
    first = diagnosis.explanations[0]
    slips = zip(first.changed, first.local)
    return [line_of(names, own, first.values, variables, scales) for names, own in slips]


def line_of(
    names: Sequence[str],
    is_local: bool,
    values: Mapping[str, Any],
    variables: Sequence[Variable],
    scales: Sequence[float],
) -> str:
    """Say in which line the first of some adjoints is computed: where it or the next is assigned.

    An adjoint that no variable has is a part of the expression of the next.
    """
    for name in names:
        x = place_of(name, values, variables, scales)
        if x is not None:
            # What a line adds to what was there may be wrong in another.
            is_added = re.search(r"[-+*/@]=|^(\w+) = \1 [-+]", x.text)
            return this_is(x, is_local and not is_added)
    return ""


def this_is(x: Variable, is_own: bool = True) -> str:
    text = f": {x.text}" if x.text else ""
    return f"{'This is your' if is_own else 'It shows first in'} line {x.line}{text}."


def place_of(
    name: str, values: Mapping[str, Any], variables: Sequence[Variable], scales: Sequence[float]
) -> Variable | None:
    """Return the variable that was assigned an adjoint, perhaps times a factor.

    Of several in one function it is the first, unless one has the name of what the adjoint is that
    of; the first ones are those of adjoints before it that have the same value, as where a slope
    was forgotten.
    """
    value = values[name]
    if not np.any(value):
        return None
    seen = [multiple_of(x.value, value, scales) for x in variables]
    for factor in dict.fromkeys([*scales, *filter(None, seen)]):
        found = [x for x, k in zip(variables, seen) if k is not None and is_close(k, factor)]
        if found:
            of = name.removesuffix("_bar")
            here = [x for x in found if x.function == found[0].function]
            called = [x for x in here if re.search(rf"(?<![A-Z]){of}(?![a-z0-9])", x.name)]
            earlier = takewhile(lambda other: other != name, values)
            same = sum(alike(values[other], value) for other in earlier)
            return called[0] if called else here[min(same, len(here) - 1)]
    return None


def multiple_of(x: Any, value: Any, scales: Sequence[float]) -> float | None:
    """Return how many times an adjoint somebody has: what is left, such as 1/N, may come later.

    One number is a multiple of any other, so there it is one of the usual `scales`.
    """
    if np.size(value) == 1:
        return next((k for k in scales if alike(x, k * np.asarray(value))), None)
    x, value = np.squeeze(x), np.squeeze(value)
    return multiple(x, value) or (multiple(x, value.T) if value.ndim > 1 else None)
