"""Moving elements: written in primitives that move them, linear and exact."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autodiff import functions, primitives
from autodiff.arrays import shape
from autodiff.functions import (
    broadcast_to,
    concatenate,
    expand_dims,
    ravel,
    reshape,
    transpose,
    where,
)
from autodiff.graph import Node
from autodiff.more.extend import primitive


def along(x: Any, axis: int, index: Any) -> Any:
    """Return what an index picks along one axis."""
    return functions.getitem(x, (*[slice(None)] * (axis % len(shape(x))), index))


def in_order(x: Any, axis: int | None) -> tuple[Any, int]:
    """Return an array and the axis along which its elements follow each other."""
    return (ravel(x), 0) if axis is None else (x, axis)


def as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, Sequence | np.ndarray) else (x,)


def array(x: Any, dtype: Any = None) -> Any:
    """Return an array of what lists and tuples hold: a Value if one is among them.

    NumPy's own `np.array` cannot, because it asks no Value.

    >>> array([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    """
    if isinstance(x, Node):
        return x
    if isinstance(x, list | tuple) and x:
        parts = [array(y) if isinstance(y, list | tuple | Node) else y for y in x]
        if any(isinstance(y, Node) for y in parts):
            return functions.stack(parts)
    return np.array(x, dtype)


# Order and shape.


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Return `x` with axes moved to other places."""
    n = len(shape(x))
    old, new = ([a % n for a in as_tuple(axes)] for axes in (source, destination))
    order = [a for a in range(n) if a not in old]
    for to, a in sorted(zip(new, old, strict=True)):
        order.insert(to, a)
    return transpose(x, order) if order != [*range(n)] else x


def rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    """Return `x` with an axis moved back to before the axis `start`."""
    n = len(shape(x))
    axis, start = axis % n, start + n if start < 0 else start
    return moveaxis(x, axis, start - (axis < start))


def flip(x: Any, axis: Any = None) -> Any:
    """Return `x` in reverse order along some axes, or all."""
    for a in range(len(shape(x))) if axis is None else as_tuple(axis):
        x = along(x, a, slice(None, None, -1))
    return x


def flipud(x: Any) -> Any:
    return flip(x, 0)


def fliplr(x: Any) -> Any:
    return flip(x, 1)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Return `m` turned by `k` right angles, from the first of two axes to the second."""
    a, b = axes
    if k % 4 == 2:
        return flip(flip(m, a), b)
    m = flip(m, b) if k % 4 == 1 else m
    m = functions.swapaxes(m, a, b) if k % 2 else m
    return flip(m, b) if k % 4 == 3 else m


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Return `x` with elements moved along axes; those from the end come to the start."""
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), shape(x))
    for a, by in np.broadcast(axis, shift):
        n = shape(x)[a]
        cut = n - int(by) % n if n else 0
        if cut != n:
            x = concatenate([along(x, a, slice(cut, None)), along(x, a, slice(cut))], int(a))
    return x


def atleast(ndim: int) -> Any:
    def function(*arrays: Any) -> Any:
        found = [x if len(shape(x)) >= ndim else widened(x, ndim) for x in arrays]
        return found[0] if len(found) == 1 else tuple(found)

    return function


def widened(x: Any, ndim: int) -> Any:
    """Return `x` with axes of length 1 as NumPy adds them: the third one last."""
    n = len(shape(x))
    to = (1,) * (2 - n) + shape(x) + (1,) if ndim == 3 else (1,) * (ndim - n) + shape(x)
    return reshape(x, to)


atleast_1d, atleast_2d, atleast_3d = map(atleast, (1, 2, 3))


# Joining and splitting.


def vstack(arrays: Iterable[Any]) -> Any:
    """Join arrays one below the other."""
    return concatenate([atleast_2d(x) for x in arrays], 0)


def hstack(arrays: Iterable[Any]) -> Any:
    """Join arrays side by side."""
    arrays = [atleast_1d(x) for x in arrays]
    return concatenate(arrays, 0 if arrays and len(shape(arrays[0])) == 1 else 1)


def column_stack(arrays: Iterable[Any]) -> Any:
    """Join vectors as columns."""
    return concatenate([x if len(shape(x)) > 1 else reshape(x, (-1, 1)) for x in arrays], 1)


def array_split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """Return pieces of `x` along an axis, of about one length or cut before some positions."""
    pieces = np.array_split(np.arange(shape(x)[axis]), sections)
    stops = np.cumsum([len(piece) for piece in pieces]).tolist()
    if np.ndim(sections):  # which may overlap
        return [along(x, axis, slice(*at)) for at in zip([0, *sections], [*sections, None])]
    return [along(x, axis, slice(a, b)) for a, b in zip([0, *stops], stops)]


def split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """Return equal pieces of `x` along an axis, or pieces cut before some positions."""
    if not np.ndim(sections) and shape(x)[axis] % sections:
        raise ValueError(f"split: an axis of length {shape(x)[axis]} in {sections} equal pieces")
    return array_split(x, sections, axis)


# Repeating and adding.


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Return `x` with each element repeated, along an axis or all in one row."""
    x, axis = in_order(x, axis)
    return along(x, axis, np.repeat(np.arange(shape(x)[axis]), repeats))


def tile(x: Any, reps: Any) -> Any:
    """Return `x` laid side by side as often as `reps` says for each axis."""
    reps = as_tuple(reps)
    ndim = max(len(reps), len(shape(x)))
    reps, to = (1,) * (ndim - len(reps)) + reps, (1,) * (ndim - len(shape(x))) + shape(x)
    spread = broadcast_to(reshape(x, [m for n in to for m in (1, n)]), [*sum(zip(reps, to), ())])
    return reshape(spread, [n * m for n, m in zip(reps, to)])


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0.0) -> Any:
    """Return `x` with elements added before and behind along each axis: numbers, or its own."""
    widths = np.broadcast_to(pad_width, (len(shape(x)), 2)).tolist()
    if mode == "constant":
        index = tuple([slice(a, a + n) for (a, _), n in zip(widths, shape(x))])
        to = tuple([a + n + b for (a, b), n in zip(widths, shape(x))])
        frame = np.pad(np.zeros(shape(x)), pad_width, constant_values=constant_values)
        inside = primitives.scatter(x, index=index, shape=to)
        return inside + frame if frame.any() else inside
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(f"pad: mode={mode!r} has no derivative rule")
    for axis, width in enumerate(widths):
        x = along(x, axis, np.pad(np.arange(shape(x)[axis]), width, mode))  # type: ignore[call-overload]
    return x


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Return the elements at some positions, along an axis or among all."""
    x, axis = in_order(x, axis)
    return along(x, axis, indices)


def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Return the differences of neighbours, `n` times."""
    for _ in range(n):
        x = along(x, axis, slice(1, None)) - along(x, axis, slice(-1))
    return x


def gradient(f: Any, spacing: float = 1.0, *, axis: int | None = None) -> Any:
    """Return central differences at equal `spacing`, one-sided at the ends, along each axis."""
    if axis is None and len(shape(f)) > 1:
        return tuple([gradient(f, spacing, axis=a) for a in range(len(shape(f)))])
    axis = axis or 0
    ends = diff(f, axis=axis)
    inner = 0.5 * (along(f, axis, slice(2, None)) - along(f, axis, slice(-2)))
    parts = [along(ends, axis, slice(1)), inner, along(ends, axis, slice(-1, None))]
    return concatenate(parts, axis) / spacing


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Any:
    """Return `num` numbers at equal distances."""
    steps = np.linspace(0.0, 1.0, num, endpoint)
    return start + expand_dims(stop - start, 0) * reshape(
        steps, (-1, *[1] * len(shape(stop - start)))
    )


# Sorting: two primitives that are each other's rules.


def sorted_as(y: Any, x: Any, axis: Any = -1) -> Any:
    """y in the order that sorts x."""
    return np.take_along_axis(y, np.argsort(x, axis, kind="stable"), axis)


def unsorted_as(y: Any, x: Any, axis: Any = -1) -> Any:
    """y in the order from before x was sorted."""
    order = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(y, np.argsort(order, axis, kind="stable"), axis)


_sorted: Any = primitive(sorted_as, lambda g, out, y, x, *, axis: _unsorted(g, x, axis=axis), None)
_unsorted: Any = primitive(
    unsorted_as, lambda g, out, y, x, *, axis: _sorted(g, x, axis=axis), None
)


def sort(x: Any, axis: int | None = -1) -> Any:
    """Return `x` sorted along an axis, or all its elements; equal ones stay in their order."""
    x, axis = in_order(x, axis)
    return _sorted(x, x, axis=axis)


# Matrices and their diagonals.


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the diagonals of the matrices in two axes, along the last axis."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = shape(x)[-2:]
    index = np.nonzero(np.eye(rows, columns, offset))
    return functions.getitem(x, (..., *index))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the sums of the diagonals of the matrices in two axes."""
    return functions.sum(diagonal(x, offset, axis1, axis2), -1)


def diag(x: Any, k: int = 0) -> Any:
    """Return the matrix with a vector on a diagonal, or a diagonal of a matrix."""
    if len(shape(x)) == 2:
        return diagonal(x, k)
    n = shape(x)[0] + abs(k)
    return primitives.scatter(x, index=np.nonzero(np.eye(n, k=k)), shape=(n, n))


def tril(x: Any, k: int = 0) -> Any:
    """Return matrices with zeros above a diagonal."""
    return where(lower(x, k), x, 0.0)


def triu(x: Any, k: int = 0) -> Any:
    """Return matrices with zeros below a diagonal."""
    return where(lower(x, k - 1), 0.0, x)


def lower(x: Any, k: int) -> Any:
    """Return the mask of what is on and below a diagonal."""
    rows, columns = shape(x)[-2:]
    return np.tri(rows, columns, k, bool)
