"""Entries of results as formulas in entries of operands: how each primitive touches axes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.arrays import POSITIONS
from autodiff.graph import Primitive
from autodiff.readings.terms import Term, is_of_engine, is_one, number
from autodiff.readings.trace import own_adjoint
from autodiff.readings.writing import is_range


@dataclass(frozen=True, eq=False, slots=True)
class Index:
    """A letter for 0, ..., length - 1."""

    length: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A position computed from another with a whole number: "+", "-", "*", "//", "%"."""

    left: Position
    sign: str
    right: Position


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of an array; a number has no positions."""

    term: Term
    at: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """A primitive of numbers."""

    primitive: Primitive
    operands: tuple[Formula, ...]
    term: Term


@dataclass(frozen=True, slots=True)
class Reduced:
    """What a reduction makes of all entries that the indices lead to."""

    primitive: Primitive
    over: tuple[Index, ...]
    of: Formula

    @property
    def count(self) -> int:
        return math.prod(i.length for i in self.over)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One formula where all conditions hold, and another elsewhere."""

    conditions: tuple[tuple[Position, str, Position], ...]
    then: Formula
    otherwise: Formula


@dataclass(frozen=True, slots=True)
class Whole:
    """An entry of what a primitive without an index form makes of whole arrays."""

    term: Term
    at: tuple[Position, ...]


Formula = Entry | Applied | Reduced | Chosen | Whole
Position = int | Index | Moved | Formula
At = tuple[Position, ...]
Operand = Callable[[int, At], Formula]
"""Returns an entry of an operand, found by its place among the operands."""

COMPUTE = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul},
    **{"//": operator.floordiv, "%": operator.mod},
    **{"<": operator.lt, "<=": operator.le, ">=": operator.ge, "==": operator.eq},
}
ZERO = Entry(number(0.0))


def children(x: Any) -> Sequence[Any]:
    """Return the formulas and positions that a formula or a position is made of."""
    if isinstance(x, Moved):
        return x.left, x.right
    if isinstance(x, Entry | Whole):
        return x.at
    if isinstance(x, Applied):
        return x.operands
    if isinstance(x, Reduced):
        return (x.of,)
    if isinstance(x, Chosen):
        return *[y for a, _, b in x.conditions for y in (a, b)], x.then, x.otherwise
    return ()


def all_parts(x: Any) -> Iterator[Any]:
    """Yield a formula or a position and all that it is made of."""
    yield x
    for y in children(x):
        yield from all_parts(y)


def indices(shape: Sequence[int]) -> At:
    """Return an index for each axis; an axis of one element needs none."""
    return tuple([Index(n) if n != 1 else 0 for n in shape])


def aligned(at: At, shape: Sequence[int]) -> At:
    """Return the positions in an operand that is broadcast."""
    return tuple([p if n != 1 else 0 for p, n in zip(at[len(at) - len(shape) :], shape)])


def moved(left: Position, sign: str, right: int) -> Position:
    """Return a position computed from another, simplified."""
    if isinstance(left, int):
        return int(COMPUTE[sign](left, right))
    if right == {"+": 0, "*": 1, "//": 1}.get(sign):
        return left
    if sign == "+" and isinstance(left, Moved) and left.sign in "+-" and type(left.right) is int:
        return moved(left.left, "+", right + (left.right if left.sign == "+" else -left.right))
    return Moved(left, sign, right) if sign != "+" or right > 0 else Moved(left, "-", -right)


def formula(term: Term, at: At, operand: Operand) -> Formula:
    """Return an entry of an applied term, in entries of its operands."""
    primitive = term.primitive
    is_empty = 0 in term.shape or any(0 in x.shape for x in term.operands)
    if primitive in FORMS and not is_empty:
        return FORMS[primitive](term, at, operand)
    if primitive is None or is_empty or not is_elementwise(primitive):
        return Whole(term, at)
    entries = [operand(i, aligned(at, x.shape)) for i, x in enumerate(term.operands)]
    applied = Applied(primitive, tuple(entries), term)
    return multiplied(term, *entries) if primitive is primitives.multiply else applied


def is_elementwise(primitive: Primitive) -> bool:
    """Return whether a primitive without a form of its own is of numbers, as ufuncs are."""
    function = primitive.function
    is_ufunc = isinstance(function, np.ufunc) and function.signature is None
    return is_ufunc or is_of_engine(primitive)


def multiplied(term: Term, a: Formula, b: Formula) -> Formula:
    """Return a product; one factor alone where the other is 1, as the adjoint of a sum is."""
    if isinstance(a, Entry) and a.term.is_number and is_one(a.term):
        return b
    return Applied(primitives.multiply, (a, b), term)


def of_reduction(term: Term, at: At, operand: Operand) -> Formula:
    (x,), axis = term.operands, term.parameters["axis"]
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {i % x.ndim for i in axes}
    kept = iter(at if len(at) < x.ndim else [p for i, p in enumerate(at) if i not in reduced])
    fresh = indices(x.shape)
    inner = tuple([fresh[i] if i in reduced else next(kept) for i in range(x.ndim)])
    over = tuple([p for i, p in enumerate(inner) if i in reduced and isinstance(p, Index)])
    assert term.primitive
    return Reduced(term.primitive, over, operand(0, inner)) if over else operand(0, inner)


def of_matmul(term: Term, at: At, operand: Operand) -> Formula:
    a, b = term.operands
    k = indices(a.shape[-1:])
    columns = at[-1:] if b.ndim > 1 else ()
    rest = at[: len(at) - len(columns)]
    row = rest[-1:] if a.ndim > 1 else ()
    batch = rest[: len(rest) - len(row)]
    entries = (
        operand(0, (*aligned(batch, a.shape[:-2]), *row, *k)),
        operand(1, (*aligned(batch, b.shape[:-2]), *k, *columns)),
    )
    product = multiplied(term, *entries)
    over = tuple([i for i in k if isinstance(i, Index)])
    return Reduced(primitives.sum, over, product) if over else product


def of_outer(term: Term, at: At, operand: Operand) -> Formula:
    return multiplied(term, operand(0, at[:1]), operand(1, at[1:]))


def of_reshape(term: Term, at: At, operand: Operand) -> Formula:
    """Join and split axes: the smallest groups that have the same number of elements."""
    (x,) = term.operands
    inner: list[Position] = []
    old, new = list(x.shape), list(zip(term.shape, at))
    while old or new:
        lengths: list[int] = []
        group: list[tuple[int, Position]] = []
        while not (lengths and group) or math.prod(lengths) != math.prod(n for n, _ in group):
            is_behind = math.prod(lengths) < math.prod(n for n, _ in group) or not lengths
            if old and (is_behind or not new):
                lengths.append(old.pop(0))
            elif new:
                group.append(new.pop(0))
            else:
                break
        same = [n for n in lengths if n != 1]
        positions = [p for n, p in group if n != 1]
        if same == [n for n, _ in group if n != 1]:
            kept = iter(positions)
            inner += [0 if n == 1 else next(kept) for n in lengths]
            continue
        flat: Position = 0
        for n, p in group:
            flat = added(moved(flat, "*", n), p)
        size = math.prod(lengths)
        for i, n in enumerate(lengths):
            size //= n
            whole = moved(flat, "//", size) if n != 1 else 0
            first = all(m == 1 for m in lengths[:i])
            inner.append(whole if first or n == 1 else moved(whole, "%", n))
    return operand(0, tuple(inner))


def added(a: Position, b: Position) -> Position:
    if isinstance(b, int):
        return moved(a, "+", b)
    return b if a == 0 else Moved(a, "+", b)


def of_transpose(term: Term, at: At, operand: Operand) -> Formula:
    axes = term.parameters["axes"]
    order = range(len(at))[::-1] if axes is None else [i % len(at) for i in axes]
    inner = dict(zip(order, at))
    return operand(0, tuple([inner[i] for i in range(len(at))]))


def of_concatenate(term: Term, at: At, operand: Operand) -> Formula:
    axis = term.parameters["axis"] % len(at)
    start, ends = 0, []
    for x in term.operands:
        ends.append((start, start + x.shape[axis]))
        start += x.shape[axis]

    def piece(i: int) -> Formula:
        p = moved(at[axis], "+", -ends[i][0]) if term.operands[i].shape[axis] != 1 else 0
        return operand(i, (*at[:axis], p, *at[axis + 1 :]))

    found = piece(len(ends) - 1)
    for i in reversed(range(len(ends) - 1)):
        found = Chosen(((at[axis], "<", ends[i][1]),), piece(i), found)
    return found


def of_getitem(term: Term, at: At, operand: Operand) -> Formula:
    x, *positions = term.operands
    return operand(0, tuple(picked(x.shape, term.parameters["index"], positions, at, operand)))


def of_scatter(term: Term, at: At, operand: Operand) -> Formula:
    """Add up the elements that are put at an entry: what an index leads to, found backwards."""
    x, *positions = term.operands
    fresh = indices(x.shape)
    known: dict[Position, Position] = {}

    def places() -> Sequence[Position]:
        solved = tuple([known.get(p, p) for p in fresh])
        return picked(term.shape, term.parameters["index"], positions, solved, operand)

    conditions: list[tuple[Position, str, Position]] = []
    again: set[int] = set()  # axes whose index an axis before has found, as on a diagonal
    for axis, (place, p, n) in enumerate(zip(places(), at, term.shape)):
        step, start, index = 1, 0, place
        if isinstance(index, Moved) and type(index.right) is int and index.sign in "+-":
            start, index = (index.right if index.sign == "+" else -index.right), index.left
        if isinstance(index, Moved) and type(index.right) is int and index.sign == "*":
            step, index = index.right, index.left
        if not isinstance(index, Index) or index in known:
            again.update([axis] if index in known else [])
            continue
        known[index] = moved(moved(p, "+", -start), "//", step)
        first, last = sorted([start, start + step * (index.length - 1)])
        conditions += [(p, ">=", first)] if first > 0 else []
        conditions += [(p, "<=", last)] if last < n - 1 else []
        if abs(step) != 1:
            conditions.append((moved(moved(p, "+", -start), "%", abs(step)), "==", 0))
    for axis, (place, p) in enumerate(zip(places(), at)):
        is_fixed = isinstance(place, int) and place != p
        if is_fixed or axis in again or any(isinstance(x, Entry) for x in all_parts(place)):
            conditions.append((p, "==", place) if is_fixed else (place, "==", p))
    if any(type(a) is type(b) is int for a, _, b in conditions):
        conditions = [c for c in conditions if not holds(c)]
        if any(type(a) is type(b) is int for a, _, b in conditions):
            return ZERO
    over = tuple([p for p in fresh if isinstance(p, Index) and p not in known])
    entry = operand(0, tuple([known.get(p, p) for p in fresh]))
    found = Chosen(tuple(conditions), entry, ZERO) if conditions else entry
    return Reduced(primitives.sum, over, found) if over else found


def holds(condition: tuple[Position, str, Position]) -> bool:
    """Return whether a condition on two numbers holds; False where an index is in it."""
    a, sign, b = condition
    if type(a) is not int or type(b) is not int:
        return False
    return bool(COMPUTE[sign](a, b))


def picked(
    shape: Sequence[int], index: Any, operands: Sequence[Term], at: At, operand: Operand
) -> list[Position]:
    """Return where in an array of `shape` an entry of `array[index]` stands."""
    parts = parts_of(shape, index)
    shapes = [x.shape for x in [*parts, *operands] if isinstance(x, np.ndarray | Term)]
    together = len(np.broadcast_shapes(*shapes))
    advanced = [i for i, x in enumerate(parts) if not (x is None or isinstance(x, slice))]
    if not shapes:
        advanced = []
    # Axes of arrays that stand side by side stay where they are, others come first.
    is_adjacent = bool(advanced) and advanced[-1] - advanced[0] == len(advanced) - 1
    given = list(at)
    first = advanced[0] if is_adjacent else 0
    start = len([x for x in parts[:first] if x is None or isinstance(x, slice)])
    joint = tuple(given[start : start + together])
    del given[start : start + together]
    places: list[Position] = []
    positions = iter(enumerate(operands, 1))
    for part in parts:
        n = shape[len(places)] if part is not None else 0
        if part is None:
            given.pop(0)
        elif isinstance(part, slice):
            begin, _, step = part.indices(n)
            places.append(moved(moved(given.pop(0), "*", step), "+", begin))
        elif part is POSITIONS:
            i, x = next(positions)
            place = operand(i, aligned(joint, x.shape))
            places.append(Moved(place, "%", n) if np.any(np.asarray(x.data) < 0) else place)
        elif np.size(part) == 1:
            places.append(int(np.ravel(part)[0]) % n)
        else:
            inner = aligned(joint, part.shape)
            places.append(inner[0] if is_range(part) else Entry(Term(part % n), inner))
    return places


def parts_of(shape: Sequence[int], index: Any) -> list[Any]:
    """Return an index part by part, one for each axis and for each None; masks as positions."""
    parts: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        is_mask = isinstance(part, np.ndarray) and part.dtype == np.bool_ and part.ndim
        parts += np.nonzero(part) if is_mask else [part]
    missing = len(shape) - len([x for x in parts if x is not None and x is not ...])
    dots = [i for i, x in enumerate(parts) if x is ...]
    here = dots[0] if dots else len(parts)
    return [*parts[:here], *[slice(None)] * missing, *parts[here + len(dots) :]]


def unmoved(term: Term, at: At, operand: Operand) -> Formula:
    return operand(0, aligned(at, term.operands[0].shape))


FORMS: dict[Primitive | None, Callable[[Term, At, Operand], Formula]] = {
    **{getattr(primitives, x): of_reduction for x in ("sum", "mean", "max", "min", "logsumexp")},
    **{getattr(primitives, x): unmoved for x in ("cast", "identity", "broadcast_to")},
    own_adjoint: unmoved,
    primitives.matmul: of_matmul,
    primitives.outer: of_outer,
    primitives.reshape: of_reshape,
    primitives.transpose: of_transpose,
    primitives.getitem: of_getitem,
    primitives.scatter: of_scatter,
    primitives.concatenate: of_concatenate,
}
