"""Entries of results as formulas in entries of operands: how each primitive touches axes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
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

    conditions: tuple[Condition, ...]
    then: Formula
    otherwise: Formula


@dataclass(frozen=True, slots=True)
class Whole:
    """An entry of what a primitive without an index form makes of whole arrays."""

    term: Term
    at: tuple[Position, ...]


Formula = Entry | Applied | Reduced | Chosen | Whole
Position = int | Index | Moved | Formula
Condition = tuple[Position, str, Position]
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


def moved(left: Position, sign: str, right: Position) -> Position:
    """Return a position computed from two others, simplified."""
    if isinstance(left, int) and isinstance(right, int):
        return int(COMPUTE[sign](left, right))
    if right == {"+": 0, "*": 1, "//": 1}.get(sign):
        return left
    if sign == "+" and left == 0:
        return right
    if sign != "+" or not isinstance(right, int):
        return Moved(left, sign, right)
    if isinstance(left, Moved) and left.sign in "+-" and type(left.right) is int:
        return moved(left.left, "+", right + COMPUTE[left.sign](0, left.right))
    return Moved(left, "+", right) if right > 0 else Moved(left, "-", -right)


def chosen(conditions: Iterable[Condition], then: Formula, otherwise: Formula) -> Formula:
    """Return a choice; whether conditions on two numbers hold is decided at once."""
    left = []
    for a, sign, b in conditions:
        if type(a) is not int or type(b) is not int:
            left.append((a, sign, b))
        elif not COMPUTE[sign](a, b):
            return otherwise
    return Chosen(tuple(left), then, otherwise) if left else then


def formula(term: Term, at: At, operand: Operand) -> Formula:
    """Return an entry of an applied term, in entries of its operands."""
    primitive = term.primitive
    is_empty = 0 in term.shape or any(0 in x.shape for x in term.operands)
    if primitive is None or is_empty or has_mask(term.parameters.get("index")):
        return Whole(term, at)
    if primitive in FORMS:
        return FORMS[primitive](term, at, operand)
    if not is_elementwise(primitive):
        return Whole(term, at)
    entries = [operand(i, aligned(at, x.shape)) for i, x in enumerate(term.operands)]
    applied = Applied(primitive, tuple(entries), term)
    return multiplied(term, *entries) if primitive is primitives.multiply else applied


def is_elementwise(primitive: Primitive) -> bool:
    """Return whether a primitive without a form of its own is of numbers, as ufuncs are."""
    function = primitive.function
    is_ufunc = isinstance(function, np.ufunc) and function.signature is None
    return is_ufunc or is_of_engine(primitive)


def has_mask(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(getattr(x, "dtype", type(x)) in (bool, np.bool_) for x in parts)


def multiplied(term: Term, a: Formula, b: Formula) -> Formula:
    """Return a product; one factor alone where the other is 1, as the adjoint of a sum is."""
    for factor, other in ((a, b), (b, a)):
        if isinstance(factor, Entry) and factor.term.is_number and is_one(factor.term):
            return other
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
    old = iter([n for n in x.shape if n != 1])
    new = iter([(n, p) for n, p in zip(term.shape, at) if n != 1])
    inner: list[Position] = []
    for length in old:
        lengths, (size, flat) = [length], next(new)
        while (missing := math.prod(lengths) - size) != 0:
            if missing < 0:
                lengths.append(next(old))
            else:
                n, p = next(new)
                size, flat = size * n, moved(moved(flat, "*", n), "+", p)
        for i, n in enumerate(lengths):
            size //= n
            whole = moved(flat, "//", size)
            inner.append(moved(whole, "%", n) if i else whole)
    positions = iter(inner)
    return operand(0, tuple([next(positions) if n != 1 else 0 for n in x.shape]))


def of_transpose(term: Term, at: At, operand: Operand) -> Formula:
    axes = term.parameters["axes"]
    order = range(len(at))[::-1] if axes is None else [i % len(at) for i in axes]
    inner = dict(zip(order, at))
    return operand(0, tuple([inner[i] for i in range(len(at))]))


def of_concatenate(term: Term, at: At, operand: Operand) -> Formula:
    axis, end = term.parameters["axis"] % len(at), 0
    pieces = []
    for i, x in enumerate(term.operands):
        p = moved(at[axis], "+", -end) if x.shape[axis] != 1 else 0
        end += x.shape[axis]
        pieces.append((end, operand(i, (*at[:axis], p, *at[axis + 1 :]))))
    found = pieces.pop()[1]
    for end, piece in reversed(pieces):
        found = chosen([(at[axis], "<", end)], piece, found)
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

    conditions: list[Condition] = []
    again: set[int] = set()  # axes whose index an axis before has found, as on a diagonal
    for axis, (place, p, n) in enumerate(zip(places(), at, term.shape)):
        step, start, index = 1, 0, place
        if isinstance(index, Moved) and type(index.right) is int and index.sign in "+-":
            start, index = COMPUTE[index.sign](0, index.right), index.left
        if isinstance(index, Moved) and type(index.right) is int and index.sign == "*":
            step, index = index.right, index.left
        if not isinstance(index, Index) or index in known:
            again.update([axis] if index in known else [])
            continue
        way = 1 if step > 0 else -1
        steps = moved(moved(p, "*", way), "+", -way * start)
        known[index] = moved(steps, "//", abs(step))
        first, last = sorted([start, start + step * (index.length - 1)])
        conditions += [(p, ">=", first)] if first > 0 and last == n - 1 else []
        conditions += [(first, "<=", p)] if first > 0 and last < n - 1 else []
        conditions += [(p, "<=", last)] if last < n - 1 else []
        conditions += [(moved(steps, "%", abs(step)), "==", 0)] if abs(step) != 1 else []
    for axis, (place, p) in enumerate(zip(places(), at)):
        if isinstance(place, int) and place != p:
            conditions.append((p, "==", place))
        elif axis in again or any(isinstance(x, Entry) for x in all_parts(place)):
            conditions.append((place, "==", p))
    over = tuple([p for p in fresh if isinstance(p, Index) and p not in known])
    entry = operand(0, tuple([known.get(p, p) for p in fresh]))
    found = chosen(conditions, entry, ZERO)
    return Reduced(primitives.sum, over, found) if over and found is not ZERO else found


def picked(
    shape: Sequence[int], index: Any, operands: Sequence[Term], at: At, operand: Operand
) -> list[Position]:
    """Return where in an array of `shape` an entry of `array[index]` stands."""
    parts = parts_of(shape, index)
    shapes = [x.shape for x in [*parts, *operands] if isinstance(x, np.ndarray | Term)]
    is_basic = [x is None or isinstance(x, slice) for x in parts]
    given, start = [*at], 0
    joint: At = ()
    if shapes:
        # Axes of arrays that stand side by side stay where they are, others come first.
        advanced = [i for i, basic in enumerate(is_basic) if not basic]
        if advanced[-1] - advanced[0] == len(advanced) - 1:
            start = advanced[0]
        end = start + len(np.broadcast_shapes(*shapes))
        joint, given[start:end] = tuple(given[start:end]), []
    places: list[Position] = []
    positions = iter(enumerate(operands, 1))
    for part in parts:
        if part is None:
            given.pop(0)
            continue
        n = shape[len(places)]
        if isinstance(part, slice):
            begin, _, step = part.indices(n)
            places.append(moved(moved(given.pop(0), "*", step), "+", begin))
        elif part is not POSITIONS and np.size(part) == 1:
            places.append(int(np.ravel(part)[0]) % n)
        elif part is not POSITIONS and is_range(part):
            places += aligned(joint, part.shape)
        else:
            i, x = next(positions) if part is POSITIONS else (0, Term(part))
            inner = aligned(joint, x.shape)
            place = operand(i, inner) if i else Entry(x, inner)
            places.append(Moved(place, "%", n) if np.any(np.asarray(x.data) < 0) else place)
    return places


def parts_of(shape: Sequence[int], index: Any) -> list[Any]:
    """Return an index part by part, one for each axis and for each None."""
    parts = [*index] if isinstance(index, tuple) else [index]
    missing = len(shape) - len([x for x in parts if x is not None and x is not ...])
    here = next((i for i, x in enumerate(parts) if x is ...), len(parts))
    return [*parts[:here], *[slice(None)] * missing, *parts[here + 1 :]]


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
