"""Which adjoints of a backward pass are right, which are wrong, and which only follow from those.

Every equation is computed from the numbers that somebody claims, where there are some: so an early
mistake does not hide a later one.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from autodiff.arrays import plain
from autodiff.readings.terms import Term
from comparisons.diagnosis.diagnose import claimed_numbers
from comparisons.diagnosis.equations.conventions import undecorated, variable_of
from comparisons.diagnosis.equations.paper import MISFIT
from comparisons.diagnosis.equations.replay import Backward, Changes, Numbers
from comparisons.diagnosis.search.evidence import (
    RIGHT,
    ROUGH,
    Evidence,
    Seen,
    bound,
    difference,
    is_simple,
    multiple,
)
from comparisons.diagnosis.slips.typical import Slip, slips_in
from comparisons.diagnosis.wording import about_numbers, slip_in_text
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
        for name, status, error, because, slip, _ in self.rows:
            before = because if len(because) < 4 else (*because[:2], "others")
            verdict = f"{status}: {slip['kind']}" if slip else f"{status} {listed(before)}".rstrip()
            size = "" if error is None or error == np.inf else scientific(error)
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
    """
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
        name = key if key in known else variable_of(key, known)
        if name is None:
            raise ValueError(unknown(key, backward, known))
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
        return f"{key}: {name} is not on the way from the loss back to a parameter"
    numbered = [x for x in known if re.fullmatch(r".*_\d+", x)][::-1]
    stems = {x.rpartition("_")[0] for x in numbered}
    name = key if key in stems else variable_of(key, stems)
    if name:
        several = [x for x in numbered if x.rpartition("_")[0] == name]
        return f"{key}: {name} is assigned more than once; in order it is {listed(several)}"
    near = get_close_matches(undecorated(key), known, 1) or get_close_matches(key, known, 1)
    names = {x: y for y, x in known.items()}.values()
    nearest = f"the nearest is {near[0]}" if near else f"it has {listed(list(names))}"
    return f"the loss has no variable of which {key} would be the adjoint; {nearest}"


@np.errstate(all="ignore")
def compared(
    backward: Backward, point: tuple[Any, tuple[Any, ...]], claimed: Mapping[Term, Any]
) -> AdjointCheck:
    """Return what is found of the adjoints that are claimed at a point `(params, data)`."""
    own = Own(backward, backward.numbers(*point), claimed)
    found, rows = own.slips(), []
    named = set(variables(backward).values())
    causes: dict[Term, tuple[str, ...]] = {}
    for x, result, _ in own.following(own.changes):
        name, off = backward.names[x], own.error(x, own.known[x]) if x in claimed else None
        before = tuple(dict.fromkeys(y for part in backward.of(x) for y in causes.get(part, ())))
        row = Row(name, Status.NOT_GIVEN, off)
        if off is not None and off <= own.tolerance:
            row, before = row._replace(status=Status.RIGHT), ()
            if any(np.array_equal(claimed[x], y) for y in (own.known[x], x.data)):
                row = Row(name, Status.EXACT, 0.0)
        elif x in found:
            row, before = found[x]._replace(name=name, error=off), (name,)
        elif off is not None and own.error(x, result) <= own.tolerance:
            row = row._replace(status=Status.FOLLOWS if before else Status.RIGHT, because=before)
        elif off is not None:
            said = f"No typical slip in {backward.written(x)} gives your {name}."
            of = backward.names[backward.bars[x]]
            more = about_numbers(of, result, claimed[x], own.tolerance)
            row, before = Row(name, Status.WRONG, off, sentence=f"{said} {more}".strip()), (name,)
        causes[x] = before
        if x in named or x in found:
            rows.append(row)
    return AdjointCheck(tuple(rows))


class Own:
    """Somebody's own numbers: what is claimed where it is, elsewhere what follows from that.

    `known` are the right numbers, `changes` the slips that were found in what is not given.
    """

    def __init__(self, backward: Backward, known: Numbers, claimed: Mapping[Term, Any]) -> None:
        self.backward, self.known, self.claimed = backward, known, claimed
        self.changes: dict[Term, Term] = {}
        sizes = [float(np.max(np.abs(known[x]), initial=0.0)) for x in backward.equations]
        self.largest = max(sizes, default=0.0)
        is_single = all(np.array_equal(x, np.float32(x)) for x in claimed.values())
        self.tolerance = ROUGH if is_single else RIGHT
        self.evidence = Evidence(backward, (), Seen((), ()), {}, self.tolerance)

    def following(self, changes: Changes) -> Iterator[tuple[Term, Any, Numbers]]:
        """Yield the equations, what each gives, and the numbers of which it gives that.

        Where a number does not have the shape that others need, the right one is taken.
        """
        now = dict(self.known)
        for x in self.backward.equations:
            result = self.backward.compute(changes.get(x, self.backward.rights[x]), now)
            yield x, result, now
            own = (self.claimed.get(x, result), result, self.known[x])
            now[x] = next(y for y in own if np.shape(y) == x.shape)

    def error(self, x: Term, result: Any) -> float:
        """Return how far what is claimed is from a result, in units of the largest entry."""
        return difference(self.claimed[x], result, self.largest)

    def slips(self) -> dict[Term, Row]:
        """Return a row for each adjoint in whose equation a slip explains what is claimed."""
        found, tried = dict[Term, Row](), set[Term]()
        while True:
            for x, result, now in self.following(self.changes):
                if x not in self.claimed or x in tried:
                    continue
                if min(self.error(x, self.known[x]), self.error(x, result)) > self.tolerance:
                    tried.add(x)
                    if explained := self.explained(x, now):
                        w, slip, off = explained
                        found[w] = self.row(slip, x, off)
                        if w is not x:
                            self.changes |= slip.changes  # what is not given follows from it
                        break
            else:
                return found

    def explained(self, x: Term, now: Numbers) -> tuple[Term, Slip, float] | None:
        """Return the equation with the slip that gives what is claimed, and what it is off by.

        It is the adjoint's own or that of one before it that is not given; of several that which
        explains most of the other adjoints, then the likeliest, then the nearest.
        """
        fits = []
        for w in self.not_given(x):
            between = [y for y in self.backward.below[w] if x in self.backward.below[y]]
            path = [y for y in between if y is x or y not in self.claimed]
            for slip in slips_in(self.backward, w):
                known = slip if slip.factor is None else self.solved(slip, x, path, now)
                off = self.error(x, self.at(path, known.changes, now)) if known else np.inf
                if known and off <= self.tolerance:
                    odd = not is_simple(self.evidence, known)
                    cost = (-self.agreement(known), odd, known.cost, known.factor is not None)
                    fits.append((cost, (w, known, off)))
        return min(fits, key=itemgetter(0))[1] if fits else None

    def not_given(self, x: Term) -> list[Term]:
        """Return an equation and those before it with nothing claimed in between, nearest first."""
        found = [x]
        for y in found:
            found += [
                z
                for z in self.backward.of(y)
                if z in self.backward.below and z not in self.claimed and z not in found
            ]
        return found

    def at(self, path: Iterable[Term], changes: Changes, now: Numbers) -> Any:
        """Return what the last equation of a path gives with some changes; NaN if they misfit."""
        now, result = dict(now), np.nan
        changes = {**self.changes, **changes}
        try:
            for x in path:
                right = changes.get(x, self.backward.rights[x])
                now[x] = result = self.backward.compute(right, now)
        except MISFIT:
            return np.nan
        return result

    def solved(self, slip: Slip, x: Term, path: list[Term], now: Numbers) -> Slip | None:
        """Return a slip with the factor, on which results depend linearly, that fits best."""
        assert slip.factor is not None
        zero, one = (self.at(path, slip.changes, {**now, slip.factor: k}) for k in (0.0, 1.0))
        target = self.claimed[x]
        k = multiple(target, one, zero, self.tolerance)
        found = None if k is None else bound(self.evidence, slip, k)
        certain = found and (np.size(target) > 1 or is_simple(self.evidence, found))
        return found if certain else None

    def agreement(self, slip: Slip) -> int:
        """Count the adjoints that are as their equations have them if a slip was made."""
        following = self.following({**self.changes, **slip.changes})
        claimed = ((x, result) for x, result, _ in following if x in self.claimed)
        return sum(self.error(x, result) <= self.tolerance for x, result in claimed)

    def row(self, slip: Slip, x: Term, off: float) -> Row:
        """Say which slip gives what is claimed for an adjoint."""
        backward = self.backward
        said = slip_in_text(slip, slip.changes, backward)
        exactly = f"to {off:.0e}" if off else "to the last bit"
        sentence = (
            f"In {said['right']}, {said['words']}: with {said['written']} your "
            f"{backward.names[x]} is reproduced {exactly}."
        )
        return Row(backward.names[x], Status.WRONG, slip=said, sentence=sentence)
