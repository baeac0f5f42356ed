"""Which adjoints of a backward pass are right, which are wrong, and which only follow from those.

Every equation is computed from the numbers that somebody claims, where there are some: so an early
mistake does not hide a later one.
"""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from autodiff.arrays import plain
from autodiff.readings.terms import Term
from comparisons.diagnosis.diagnose import claimed_numbers
from comparisons.diagnosis.equations.conventions import undecorated, variable_of
from comparisons.diagnosis.equations.replay import Backward, Numbers
from comparisons.diagnosis.search.chain import Chain, State
from comparisons.diagnosis.search.evidence import (
    ROUGH,
    Case,
    Evidence,
    Seen,
    difference,
    error,
    merged,
)
from comparisons.diagnosis.slips.typical import Slip
from comparisons.diagnosis.wording import about_numbers, once, texts
from comparisons.printing import as_text, listed, scientific, table


class Status(StrEnum):
    """What is found of an adjoint; one that FOLLOWS is right but for an earlier one."""

    EXACT = "right to the last bit"
    RIGHT = "right"
    WRONG = "wrong"
    FOLLOWS = "right but for"
    NOT_GIVEN = "not given"


class Row(NamedTuple):
    """An adjoint by its name in the equations, and what is found of it.

    `error` is the largest difference in units of the largest entry, None without numbers; `because`
    has the adjoints that one that follows would be right but for. `slip` is plain text as in an
    Explanation, and `sentence` says what is wrong.
    """

    name: str
    status: Status
    error: float | None = None
    because: tuple[str, ...] = ()
    slip: Mapping[str, str] = {}
    sentence: str = ""


@dataclass(frozen=True, repr=False)
class AdjointCheck:
    """A row for each adjoint that the code has a name for, in the order of the backward pass.

    Another adjoint has one where a slip was found in it.
    """

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        return all(row.status not in (Status.WRONG, Status.FOLLOWS) for row in self.rows)

    @property
    def text(self) -> str:
        """A table of the adjoints, and a sentence about each that is wrong."""
        shown = []
        for name, status, off, because, slip, _ in self.rows:
            before = because if len(because) < 4 else (*because[:2], "others")
            verdict = f"{status}: {slip['kind']}" if slip else f"{status} {listed(before)}".rstrip()
            size = "" if off is None or off == np.inf else scientific(off)
            shown.append([name, verdict, size])
        found = as_text(table(["adjoint", "verdict", "difference"], shown, left=2))
        said = [textwrap.fill(row.sentence, 80) for row in self.rows if row.sentence]
        return "\n\n".join([found, *said])

    def __repr__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return self.ok

    def assert_ok(self) -> None:
        """Raise AssertionError with the text unless all adjoints that were given are right."""
        if not self.ok:
            raise AssertionError(self.text)


def check_adjoints(
    loss: Callable[..., Any], params: Any, *data: Any, claimed: Mapping[str, Any]
) -> AdjointCheck:
    """Compare adjoints of `loss(params, *data)`, and find the slip in each that is wrong.

    `claimed` has arrays by the names of variables of `loss`, parameters among them, or by those of
    their adjoints: "H", "H_bar", "dH", "dL_dH", "grad_H" or "H_grad".

    Axes of length 1 do not matter. Raises ValueError where a name is not that of a variable,
    TypeError where something is not made of numbers, and as `autodiff.grad` does.

    >>> def loss(w, x):
    ...     h = np.tanh(w * x)
    ...     return np.mean(h)
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> h, dh = np.tanh(0.5 * x), np.ones(3) / 3
    >>> found = check_adjoints(loss, 0.5, x, claimed={"dh": dh, "dw": np.sum(dh * (1 - h) * x)})
    >>> [row.name for row in found.rows if row.status == "wrong"]  # the slope is 1 - h * h
    ['pre_h_bar']
    """
    if not isinstance(claimed, Mapping):
        raise TypeError(
            f"claimed must be a dict from names to arrays, not {type(claimed).__name__}"
        )
    backward = Backward(loss, params, data, apart=True)
    return compared(backward, (params, data), as_adjoints(backward, claimed))


def variables(backward: Backward) -> dict[str, Term]:
    """Return the adjoints of variables that the code has a name for, by that name."""
    named = {backward.bars[x]: x for x in backward.equations if x in backward.adjoints}
    own = {x: y for x, y in named.items() if x in backward.names and x not in backward.pieces}
    gradients = {path: x for path, x in backward.gradients.items() if x is not None}
    return {**{backward.names[x]: y for x, y in own.items()}, **gradients}


def as_adjoints(backward: Backward, claimed: Mapping[str, Any]) -> dict[Term, Any]:
    """Return what is claimed, by the adjoints of the equations."""
    known = variables(backward)
    found: dict[Term, Any] = {}
    keys: dict[Term, str] = {}
    for key, given in claimed.items():
        name = key if key in known else variable_of(str(key), known)
        if name is None:
            raise ValueError(unknown(str(key), backward, known))
        x = known[name]
        if x in found:
            raise ValueError(f"{keys[x]} and {key} are both the adjoint of {name}")
        found[x], keys[x] = in_shape(claimed_numbers(given, key), x.shape), key
    return found


def in_shape(given: Any, shape: tuple[int, ...]) -> Any:
    """Return an array in a shape if it differs from that in axes of length 1 alone."""
    bare = [tuple(n for n in x if n != 1) for x in (np.shape(given), shape)]
    return plain(np.reshape(given, shape)) if bare[0] == bare[1] else given


def unknown(key: str, backward: Backward, known: Mapping[str, Term]) -> str:
    """Say what is wrong with a name."""
    used = set(backward.names.values())
    name = key if key in used else variable_of(key, used)
    if name:
        return f"{name} is not on the way from the loss back to a parameter"
    numbered = [x for x in known if re.fullmatch(r".*_\d+", x)][::-1]
    stems = {x.rpartition("_")[0] for x in numbered}
    name = key if key in stems else variable_of(key, stems)
    if name:
        several = [x for x in numbered if x.rpartition("_")[0] == name]
        return f"{key}: {name} is assigned more than once; in order it is {listed(several)}"
    lower = {x.lower(): x for x in known}
    near = [y for x in (undecorated(key), key) for y in get_close_matches(x.lower(), lower, 1)]
    names = {x: y for y, x in known.items()}.values()
    nearest = f"the nearest is {lower[near[0]]}" if near else f"it has {listed(list(names))}"
    return f"the loss has no variable of which {key} would be the adjoint; {nearest}"


@np.errstate(all="ignore")
def compared(
    backward: Backward, point: tuple[Any, tuple[Any, ...]], claimed: Mapping[Term, Any]
) -> AdjointCheck:
    """Return what is found of the adjoints that are claimed at a point `(params, data)`."""
    known, names = backward.numbers(*point), backward.names
    evidence = as_evidence(backward, known, claimed)
    ends = Chain(evidence).search(depth=1)
    state = min(ends, key=lambda end: (end.cost, len(merged(end.slips).keys() - claimed.keys())))
    slips = {x: [y for y in state.slips if x in y.changes] for x in backward.equations}
    named, largest = set(variables(backward).values()), evidence.cases[0].largest
    causes: dict[Term, tuple[str, ...]] = {}
    rows = []
    for x in backward.equations:
        name, off = names[x], difference(claimed[x], known[x], largest) if x in claimed else None
        result = backward.compute(backward.rights[x], state.now)
        before = tuple(dict.fromkeys(y for part in backward.of(x) for y in causes.get(part, ())))
        row = Row(name, Status.NOT_GIVEN, off)
        if off is not None and off <= evidence.tolerance:
            row, before = row._replace(status=Status.RIGHT), ()
            if any(np.array_equal(claimed[x], y) for y in (known[x], x.data)):
                row = Row(name, Status.EXACT, 0.0)
        elif slips[x]:
            shown = next(y for y in backward.below[x] if y in claimed)
            row, before = (
                explained(slips[x], x, shown, state, evidence)._replace(error=off),
                (name,),
            )
        elif off is not None and x not in state.open:
            row = row._replace(status=Status.FOLLOWS if before else Status.RIGHT, because=before)
        elif off is not None:
            said = f"No typical slip in {backward.written(x)} gives your {name}."
            more = about_numbers(name, result, claimed[x], evidence.tolerance)
            row, before = Row(name, Status.WRONG, off, sentence=f"{said} {more}".strip()), (name,)
        causes[x] = before
        if x in named or slips[x]:
            rows.append(row)
    return AdjointCheck(tuple(rows))


def as_evidence(backward: Backward, known: Numbers, claimed: Mapping[Term, Any]) -> Evidence:
    """Return what is claimed as evidence in which every adjoint counts as a gradient does."""
    sizes = [float(np.max(np.abs(known[x]), initial=0.0)) for x in backward.equations]
    by_name = {backward.names[x]: given for x, given in claimed.items()}
    case = Case(known, by_name, max(sizes, default=0.0))
    backward = copy(backward)
    backward.gradients = {backward.names[x]: x for x in claimed}
    evidence = Evidence(backward, [case], Seen((), ()), {})
    return replace(evidence, tolerance=ROUGH) if evidence.is_single else evidence


def explained(slips: Sequence[Slip], x: Term, shown: Term, state: State, evidence: Evidence) -> Row:
    """Say which slips in an equation give what is claimed for an adjoint, its own or a later."""
    backward, case = evidence.backward, evidence.cases[0]
    changes = merged(slips)
    said = texts(slips, backward, {})
    right = changes.get(shown, backward.rights[shown])
    off = error(case, backward.names[shown], backward.compute(right, state.now))
    sentence = (
        f"In {said[0]['right']}, {once(y['words'] for y in said)}: with {said[-1]['written']} your "
        f"{backward.names[shown]} is reproduced {f'to {off:.0e}' if off else 'to the last bit'}."
    )
    return Row(backward.names[x], Status.WRONG, slip=said[0], sentence=sentence)
