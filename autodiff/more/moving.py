"""Moving elements: written in primitives that move them, linear and exact."""

import math
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff import functions, primitives
from autodiff.arguments import leaves, tree_map
from autodiff.arrays import POSITIONS, shape
from autodiff.functions import broadcast_to, concatenate, getitem, ravel, reshape, transpose, where
from autodiff.graph import Node
from autodiff.more.plain import FUNCTIONS as PLAIN


def along(x: Any, axis: int, index: Any) -> Any:
    """Return what an index picks along one axis."""
    axis = normalize_axis_index(axis, len(shape(x)))
    everything = isinstance(index, slice) and index == slice(None)
    return x if everything else getitem(x, (*[slice(None)] * axis, index))


def in_order(x: Any, axis: int | None) -> tuple[Any, int]:
    """Return an array and the axis along which its elements follow each other."""
    return (ravel(x), 0) if axis is None else (x, normalize_axis_index(axis, len(shape(x))))


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


# Order and shape: NumPy itself says what becomes of lengths and positions.


def by_shape(theirs: Callable[..., Any], start: Callable[..., Any], ours: Any) -> Any:
    """Return a function that calls `ours` with the shape that NumPy's makes of one to start with.

    >>> np.moveaxis(np.empty((0, 1, 2, 3)), 1, -1).shape  # says how axes are ordered
    (0, 2, 3, 1)
    """

    def function(x: Any, *args: Any, **options: Any) -> Any:
        before = (*start(shape(x)),)
        after = theirs(np.empty(before), *args, **options).shape
        return ours(x, after) if after != before else x if hasattr(x, "shape") else array(x)

    return update_wrapper(function, theirs)


def each(function: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *xs: function(*xs) if len(xs) == 1 else tuple(map(function, xs))


def picking(theirs: Any) -> Callable[..., Any]:
    """Return a function that picks elements of a Value as NumPy's picks from their positions."""

    def ours(*args: Any, **options: Any) -> Any:
        values = [x for x in leaves([args, options]) if isinstance(x, Node)]
        if not values:
            return theirs(*args, **options)
        if len(values) > 1:
            raise TypeError(f"{theirs.__name__}: only what is picked from may be a Value")
        (x,) = values
        places = np.arange(math.prod(shape(x))).reshape(shape(x))
        args, options = tree_map(lambda y, _: places if y is x else y, (args, options))
        return tree_map(lambda found, _: picked(x, places, found), theirs(*args, **options))

    return update_wrapper(ours, theirs)


def picked(x: Any, places: Any, found: Any) -> Any:
    """Return the elements of `x` at the places found: axis by axis where these are a grid."""
    x, places = (x, places) if shape(x) else (ravel(x), ravel(places))
    coordinates = np.unravel_index(found, shape(x))
    if found.ndim == places.ndim and found.size:
        ahead = [np.moveaxis(at, axis, -1) for axis, at in enumerate(coordinates)]
        grid = [at.flat[: at.shape[-1]] for at in ahead]
        if np.array_equal(places[np.ix_(*grid)], found):
            for axis, index in enumerate(grid):
                x = along(x, axis, as_slice(index, shape(x)[axis]))
            return x
    return getitem(x, coordinates) if found.ndim == 1 else getitem(ravel(x), found)


def as_slice(index: Any, length: int) -> Any:
    """Return positions along an axis as a slice if they follow each other, forward or backward."""
    first, last = int(index[0]), int(index[-1])
    if np.array_equal(index, np.arange(first, last + 1)):
        return slice(first or None, last + 1 if last + 1 < length else None)
    if np.array_equal(index, np.arange(first, last - 1, -1)):
        return slice(first if first + 1 < length else None, last - 1 if last else None, -1)
    return index


moveaxis, rollaxis = [
    by_shape(theirs, lambda shape: range(len(shape)), transpose)
    for theirs in (np.moveaxis, np.rollaxis)
]
atleast_1d, atleast_2d, atleast_3d = [
    each(by_shape(theirs, tuple, reshape))
    for theirs in (np.atleast_1d, np.atleast_2d, np.atleast_3d)
]
flip, flipud, fliplr = map(picking, (np.flip, np.flipud, np.fliplr))
array_split, split = map(picking, (np.array_split, np.split))
hsplit, vsplit, dsplit = map(picking, (np.hsplit, np.vsplit, np.dsplit))
delete, compress, extract = map(picking, (np.delete, np.compress, np.extract))
repeat, resize, diagonal = map(picking, (np.repeat, np.resize, np.diagonal))


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Return `m` turned by `k` right angles, from the first of two axes to the second."""
    np.rot90(np.empty(shape(m)), k, axes)  # says what is wrong
    a, b = axes
    turned = functions.swapaxes(m, a, b) if k % 2 else m
    return flip(turned, ((), a, (a, b), b)[k % 4]) if k % 4 else m


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Return `x` with elements moved along axes; those from the end come to the start."""
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), shape(x))
    for a, by in np.broadcast(axis, shift):
        n = shape(x)[normalize_axis_index(a, len(shape(x)))]
        cut = n - int(by) % n if n else 0
        if cut != n:
            x = concatenate([along(x, a, slice(cut, None)), along(x, a, slice(cut))], int(a))
    return x


def tile(x: Any, reps: Any) -> Any:
    """Return `x` laid side by side as often as `reps` says for each axis."""
    reps = as_tuple(reps)
    ndim = max(len(reps), len(shape(x)))
    reps, to = (1,) * (ndim - len(reps)) + reps, (1,) * (ndim - len(shape(x))) + shape(x)
    spread = broadcast_to(reshape(x, [m for n in to for m in (1, n)]), [*sum(zip(reps, to), ())])
    return reshape(spread, [n * m for n, m in zip(reps, to)])


def pad(x: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Any:
    """Return `x` with elements added before and behind along each axis: numbers, or its own."""
    if "reflect_type" in options:
        raise ValueError("pad: reflect_type= has no derivative rule; leave it out for 'even'")
    if mode in ("edge", "reflect", "symmetric", "wrap"):
        return padded(x, pad_width, mode, **options)
    if mode != "constant":
        raise ValueError(f"pad: mode={mode!r} has no derivative rule")
    frame = np.pad(np.zeros(shape(x), x.dtype), pad_width, **options)
    starts = np.broadcast_to(pad_width, (len(shape(x)), 2))[:, 0].tolist()
    index = tuple([slice(a, a + n) for a, n in zip(starts, shape(x))])
    inside = primitives.scatter(x, index=index, shape=frame.shape)
    return inside + frame if frame.any() else inside


padded = picking(np.pad)


def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Return the differences of neighbours, `n` times."""
    np.diff(np.zeros(shape(x)), n, axis)  # says what is wrong
    for _ in range(n):
        x = along(x, axis, slice(1, None)) - along(x, axis, slice(-1))
    return x


def gradient(f: Any, *spacing: Any, axis: Any = None) -> Any:
    """Return central differences at equal `spacing`, one-sided at the ends, along each axis."""
    axes = range(len(shape(f))) if axis is None else as_tuple(axis)
    steps = spacing if len(spacing) > 1 else (spacing or (1.0,)) * len(axes)
    if any(shape(h) for h in steps):
        raise ValueError("gradient: the spacing along an axis is one number; points are not taken")
    np.gradient(np.zeros(shape(f)), *[1.0] * len(spacing), axis=axis)  # says what is wrong
    found = [central(f, h, a) for h, a in zip(steps, axes)]
    return found[0] if len(found) == 1 else tuple(found)


def central(f: Any, spacing: Any, axis: int) -> Any:
    ends = diff(f, axis=axis)
    inner = 0.5 * (along(f, axis, slice(2, None)) - along(f, axis, slice(-2)))
    parts = [along(ends, axis, slice(1)), inner, along(ends, axis, slice(-1, None))]
    return concatenate(parts, axis) / spacing


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Any:
    """Return `num` numbers at equal distances."""
    apart = stop - start
    steps = np.linspace(0.0, 1.0, num, endpoint)
    return start + steps.reshape(-1, *[1] * len(shape(apart))) * apart


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """Return the elements at `indices` along an axis, others at each place of the other axes."""
    x, axis = in_order(x, axis)
    if len(shape(indices)) != len(shape(x)):
        raise ValueError("take_along_axis: there are as many axes of indices as of the array")
    index: list[Any] = [*np.indices(shape(x), sparse=True)]
    if isinstance(indices, Node):  # computed again with other numbers
        index[axis] = POSITIONS
        return primitives.getitem(x, indices, index=tuple(index))
    index[axis] = indices
    return getitem(x, tuple(index))


def sort(x: Any, axis: int | None = -1) -> Any:
    """Return `x` sorted along an axis, or all its elements; equal ones stay in their order."""
    x, axis = in_order(x, axis)
    return take_along_axis(x, PLAIN["argsort"](x, axis=axis, kind="stable"), axis)


def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """Return `x` with the elements at `kth` where sorting moves them, smaller ones before."""
    x, axis = in_order(x, axis)
    return take_along_axis(x, PLAIN["argpartition"](x, kth=as_tuple(kth), axis=axis), axis)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0.0) -> Any:
    """Return elements of the first choice whose condition holds."""
    if len(condlist) != len(choicelist):
        raise ValueError(f"select: {len(condlist)} conditions, and {len(choicelist)} choices")
    for condition, x in reversed([*zip(condlist, choicelist)]):
        default = where(condition, x, default)
    return default


def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Return `x` with numbers for NaN and the infinities, by default 0 and the largest ones."""
    most = float(np.finfo(x.dtype).max)
    x = where(x == np.inf, most if posinf is None else posinf, where(x != x, nan, x))
    return where(x == -np.inf, -most if neginf is None else neginf, x)


def diag(x: Any, k: int = 0) -> Any:
    """Return the matrix with a vector on a diagonal, or a diagonal of a matrix."""
    np.diag(np.empty(shape(x)), k)  # says what is wrong
    if len(shape(x)) == 2:
        return diagonal(x, k)
    n = shape(x)[0] + abs(k)
    return primitives.scatter(x, index=np.nonzero(np.eye(n, k=k)), shape=(n, n))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "vstack": lambda arrays: concatenate([atleast_2d(x) for x in arrays]),
    "hstack": lambda arrays: concatenate(
        arrays := [atleast_1d(x) for x in arrays], min(1, len(shape(arrays[0])) - 1)
    ),
    "column_stack": lambda arrays: concatenate(
        [x if len(shape(x)) > 1 else reshape(x, (-1, 1)) for x in arrays], 1
    ),
    "append": lambda x, values, axis=None: concatenate(
        [ravel(x), ravel(values)] if axis is None else [x, values], axis or 0
    ),
    "take": lambda x, indices, axis=None: along(*in_order(x, axis), indices),
    "trace": lambda x, *at, **axes: functions.sum(diagonal(x, *at, **axes), -1),
    "tril": lambda x, k=0: where(np.tril(np.ones(shape(x)[-2:], bool), k), x, 0.0),
    "triu": lambda x, k=0: where(np.triu(np.ones(shape(x)[-2:], bool), k), x, 0.0),
}
"""Functions that one expression in terms of the others is."""
