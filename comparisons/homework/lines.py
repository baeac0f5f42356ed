"""In which lines of a student's code the mistakes stand that a diagnosis has found."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from comparisons.diagnosis.search.evidence import alike, is_close, layouts, multiple
from comparisons.diagnosis.slips.kinds import Kind
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
    places = [
        next(filter(None, (place_of(x, first.values, variables, scales) for x in names)), None)
        for names in first.changed
    ]
    at = Counter(place.variable.line for place in places if place)
    lines = []
    for place, is_local, slip, names in zip(places, first.local, first.slips, first.changed):
        if place is None:
            lines.append("")
            continue
        # One of the terms of a gradient has a line of its own, which is right.
        of_gradient = names[0].removesuffix("_bar") in diagnosis.errors
        is_term = slip["kind"] == Kind.TERM_FORGOTTEN.label and of_gradient and not place.is_called
        # What a line adds to what was there may be wrong in another, and so may what a function was
        # given, unless it returns something wrong each time.
        is_added = re.search(r"[-+*/@]=|^(\w+) = \1 [-+]", place.variable.text)
        is_certain = not place.is_returned or at[place.variable.line] > 1
        lines.append(this_is(place.variable, is_local and is_certain and not (is_added or is_term)))
    return lines


def this_is(x: Variable, is_own: bool = True) -> str:
    text = f": {x.text}" if x.text else ""
    return f"{'This is your' if is_own else 'It shows first in'} line {x.line}{text}."


class Place(NamedTuple):
    """A variable that was assigned an adjoint.

    Whether a function returned it to another, and whether it has the name of what it is that of.
    """

    variable: Variable
    is_returned: bool
    is_called: bool


def place_of(
    name: str, values: Mapping[str, Any], variables: Sequence[Variable], scales: Sequence[float]
) -> Place | None:
    """Return where an adjoint, perhaps times a factor, was assigned.

    If no variable has it, it is a part of the expression of the next. Of several in one function it
    is the first, unless one has the name of what the adjoint is that of; the first ones are those
    of adjoints before it that have the same value, as where a slope was forgotten.
    """
    value = values[name]
    if not np.any(value):
        return None
    seen = [multiple_of(x.value, value, scales) for x in variables]
    for factor in dict.fromkeys([*scales, *filter(None, seen)]):
        found = [x for x, k in zip(variables, seen) if k is not None and is_close(k, factor)]
        if found:
            of = re.escape(name.removesuffix("_bar"))
            here = [x for x in found if x.function == found[0].function]
            called = [x for x in here if re.search(rf"(?<![A-Z]){of}(?![a-z0-9])", x.name)]
            earlier = takewhile(lambda other: other != name, values)
            same = sum(alike(values[other], value) for other in earlier)
            chosen = called[0] if called else here[min(same, len(here) - 1)]
            return Place(chosen, len(here) < len(found), bool(called))
    return None


def multiple_of(x: Any, value: Any, scales: Sequence[float]) -> float | None:
    """Return how many times an adjoint somebody has: what is left, such as 1/N, may come later.

    One number is a multiple of any other, so there it is one of the usual `scales`.
    """
    if np.size(value) == 1:
        return next((k for k in scales if alike(x, k * np.asarray(value))), None)
    found = (multiple(np.squeeze(x), y) for y in layouts(np.squeeze(value)))
    return next(filter(None, found), None)
