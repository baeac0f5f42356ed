"""The functions of the library, with NumPy's names and arguments, and how NumPy reaches them.

Each records when one of its operands is a Value and gives plain numbers or arrays otherwise.
Most are primitives as they stand; those here are written in terms of primitives, or check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, overload

import numpy as np

from autodiff import primitives
from autodiff.arrays import Array, Operand, Plain, V, of_operand, of_operands, of_several, shape
from autodiff.errors import called, check_call
from autodiff.graph import NO_PARAMETERS, Node, Primitive, record
from autodiff.primitives import MASKS, exp, matmul, maximum, minimum, multiply, square

Axis = int | tuple[int, ...] | None


@of_operand
def sum(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the sum of the elements of `x`, or the sums over `axis`.

    >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0).tolist()
    [4.0, 6.0]
    """
    return primitives.sum(x, axis=axis, keepdims=bool(keepdims))


@of_operand
def max(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the largest element of `x`, or the largest ones over `axis`.

    >>> grad(max)(np.array([1.0, 3.0, 3.0])).tolist()  # a tie is shared
    [0.0, 0.5, 0.5]
    """
    return primitives.max(x, axis=axis, keepdims=bool(keepdims))


@of_operand
def min(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the smallest element of `x`, or the smallest ones over `axis`.

    >>> grad(min)(np.array([1.0, 3.0, 3.0])).tolist()
    [1.0, 0.0, 0.0]
    """
    return primitives.min(x, axis=axis, keepdims=bool(keepdims))


@of_operand
def mean(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the mean of the elements of `x`, or the means over `axis`.

    Raises ValueError for an empty batch, whose mean is undefined.

    >>> grad(mean)(np.array([1.0, 3.0])).tolist()
    [0.5, 0.5]
    """
    return primitives.mean(x, axis=axis, keepdims=bool(keepdims))


@of_operand
def var(x: Array, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """Return the variance: the sum of squared deviations from the mean over n - `ddof`.

    Raises ValueError for n <= `ddof` and for an empty batch.

    >>> float(var(np.array([1.0, 3.0])))
    1.0
    """
    squares = mean(square(x - mean(x, axis, keepdims=True)), axis, keepdims=keepdims)
    n = math.prod(shape(x)) / math.prod(shape(squares))
    if n <= ddof:
        raise ValueError(f"var: {n:g} elements are too few for ddof={ddof}")
    return squares * (n / (n - ddof)) if ddof else squares


@of_operand
def logsumexp(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) over `axis`, without overflow.

    >>> float(logsumexp(np.array([0.0, 1000.0])))
    1000.0
    """
    return primitives.logsumexp(x, axis=axis, keepdims=bool(keepdims))


@of_operand
def log_softmax(x: Array, axis: int = -1) -> Array:
    """Return x - logsumexp(x) over `axis`: the logarithm of softmax.

    >>> log_softmax(np.array([0.0, 1000.0])).tolist()
    [-1000.0, 0.0]
    """
    shifted = x - max(x, axis, keepdims=True)
    return shifted - logsumexp(shifted, axis, keepdims=True)  # type: ignore[no-any-return]


@of_operand
def softmax(x: Array, axis: int = -1) -> Array:
    """Return exp(x) / sum(exp(x)) over `axis`, without overflow.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    e = exp(x - max(x, axis, keepdims=True))
    return e / sum(e, axis, keepdims=True)  # type: ignore[no-any-return]


@overload
def where(condition: Any, a: V, b: Operand) -> V: ...
@overload
def where(condition: Any, a: Plain, b: V) -> V: ...
@overload
def where(condition: Any, a: Plain, b: Plain) -> Array: ...
def where(condition: Any, a: Any, b: Any) -> Any:
    """Return `a` where `condition` holds and `b` elsewhere.

    >>> x = np.array([-1.0, 2.0])
    >>> where(x > 0.0, x, 0.1 * x).tolist()
    [-0.1, 2.0]
    """
    return primitives.where(condition, a, b)


@of_operand
def clip(x: Array, a_min: Any = None, a_max: Any = None) -> Array:
    """Return `x` limited to [`a_min`, `a_max`]; a bound that is None does not limit.

    >>> clip(np.array([-1.0, 0.5, 2.0]), 0.0, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    x = x if a_min is None else maximum(x, a_min)
    return x if a_max is None else minimum(x, a_max)


@overload
def dot(a: V, b: Operand) -> V: ...
@overload
def dot(a: Plain, b: V) -> V: ...
@overload
def dot(a: Plain, b: Plain) -> Any: ...
def dot(a: Any, b: Any) -> Any:
    """Return the product as `numpy.dot` does.

    >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    if not shape(a) or not shape(b):
        return multiply(a, b)
    return matmul(a, b) if len(shape(b)) <= 2 else named("tensordot")(a, b, ([-1], [-2]))


@of_operands
def outer(a: Any, b: Any) -> Any:
    """Return the products of every element of `a` with every one of `b`, shape (a.size, b.size).

    >>> outer(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    return primitives.outer(ravel(a), ravel(b))


@of_operand
def transpose(x: Array, axes: int | Sequence[int] | None = None) -> Array:
    """Return `x` with its axes reversed, or in the order of `axes`.

    >>> transpose(np.ones((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    if len(shape(x)) < 2 and axes is None:
        return x
    return primitives.transpose(x, axes=None if axes is None else integers(axes))


@of_operand
def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """Return `x` with two axes exchanged.

    >>> swapaxes(np.ones((2, 3, 4)), 0, -1).shape
    (4, 3, 2)
    """
    axes = list(range(len(shape(x))))
    try:
        axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    except IndexError:
        raise ValueError(f"swapaxes: {called(x, 1)} lacks axis {axis1} or {axis2}") from None
    return transpose(x, axes)


@of_operand
def reshape(x: Array, shape: int | Sequence[int]) -> Array:
    """Return the elements of `x`, last axis fastest, in another shape; one length may be -1.

    >>> reshape(np.array([1.0, 2.0, 3.0, 4.0]), (2, -1)).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return primitives.reshape(x, shape=integers(shape))


@of_operand
def ravel(x: Array) -> Array:
    """Return the elements of `x` as a vector.

    >>> ravel(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return x if len(shape(x)) == 1 else reshape(x, -1)


@of_operand
def expand_dims(x: Array, axis: int | tuple[int, ...]) -> Array:
    """Return `x` with an axis of length 1 inserted at each position in `axis`.

    >>> expand_dims(np.ones(3), 0).shape
    (1, 3)
    """
    return reshape(x, new_shape(np.expand_dims, x, axis))


@of_operand
def squeeze(x: Array, axis: Axis = None) -> Array:
    """Return `x` without its axes of length 1, or without those in `axis`.

    >>> squeeze(np.ones((1, 3, 1))).shape
    (3,)
    """
    return reshape(x, new_shape(np.squeeze, x, axis))


def integers(given: int | Sequence[int]) -> tuple[int, ...]:
    """Return a shape or axes, given as one integer or as several."""
    return (int(given),) if isinstance(given, (int, np.integer)) else tuple(given)


def new_shape(function: Callable[..., Any], x: Any, axis: Any) -> tuple[int, ...]:
    """Return the shape that a NumPy function of an array and an axis would give `x`."""
    try:
        return np.shape(function(np.empty(shape(x)), axis))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{function.__name__}: {called(x, 1)} with axis={axis}: {error}") from None


@of_operand
def broadcast_to(x: Array, shape: int | Sequence[int]) -> Array:
    """Return `x` repeated to fill `shape`.

    >>> broadcast_to(np.array([1.0, 2.0]), (2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    return primitives.broadcast_to(x, shape=integers(shape))


@of_operand
def getitem(x: Array, index: Any) -> Any:
    """Return `x[index]`, for integers, slices, None, ... and arrays of integers or booleans."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, Node) for part in parts):
        raise TypeError(
            "a Value is indexed by integers, slices, None, ... and arrays of integers or "
            "booleans, not by Values; a comparison such as v > 0 gives such an array"
        )
    return primitives.getitem(x, index=tuple(map(as_index, parts)))


def as_index(part: Any) -> Any:
    """Return a part of an index, or the array of positions or mask that it is, which is ours."""
    if part is None or part is ... or isinstance(part, (int, np.integer, slice)):
        return part
    empty = isinstance(part, (list, tuple, range)) and not part  # to NumPy an array of floats
    return np.array(part, np.intp) if empty else np.array(part)


@of_several
def concatenate(arrays: Iterable[Any], axis: int = 0) -> Any:
    """Join arrays along an axis that they have.

    >>> concatenate([np.array([1.0, 2.0]), np.array([3.0])]).tolist()
    [1.0, 2.0, 3.0]
    """
    arrays = list(arrays)
    if not arrays:
        raise ValueError("concatenate: there are no arrays to join")
    if axis is None:
        raise TypeError("concatenate: axis is an integer; ravel the arrays to join all elements")
    return primitives.concatenate(*arrays, axis=axis)


@of_several
def stack(arrays: Iterable[Any], axis: int = 0) -> Any:
    """Join arrays, or numbers, of one shape along a new axis.

    >>> stack([1.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    arrays = list(arrays)
    if len({shape(x) for x in arrays}) > 1:
        names = ", ".join(called(x, i) for i, x in enumerate(arrays, 1))
        raise ValueError(f"stack: the arrays must have one shape; these are {names}")
    return concatenate([expand_dims(x, axis) for x in arrays], axis)


# What NumPy's own functions do when an operand is a Value (NEP 13 and NEP 18).

# By name, so that SciPy's ufuncs are known without importing SciPy.
UFUNCS: dict[str, Any] = {
    name: primitive
    for name, primitive in vars(primitives).items()
    if isinstance(primitive, Primitive) and isinstance(getattr(np, name, None), np.ufunc)
} | {
    "absolute": primitives.abs,
    "expit": primitives.sigmoid,
    "log_expit": primitives.log_sigmoid,
}

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    getattr(np, name): function
    for name, function in globals().items()
    if isinstance(getattr(np, name, None), type(np.sum))  # one that asks its operands
} | {
    np.amax: max,
    np.amin: min,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.zeros_like: lambda x: np.zeros(x.shape, x.dtype),
    np.ones_like: lambda x: np.ones(x.shape, x.dtype),
}


def ours_for(table: dict[Any, Any], function: Any) -> Callable[..., Any] | None:
    """Return our form of a NumPy function; `autodiff.more` is loaded when one is missed."""
    if function not in table:
        import_module("autodiff.more")
    return table.get(function)


def named(name: str) -> Callable[..., Any]:
    """Return a function of ours, from wherever it is."""
    places = globals(), vars(primitives), vars(import_module("autodiff.more"))
    found: Callable[..., Any] = next(place[name] for place in places if name in place)
    return found


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """Record what NumPy was asked for, or raise a TypeError that says what to use instead."""
    ours = ours_for(UFUNCS, ufunc.__name__)
    if ours and method == "__call__" and not options:
        if isinstance(ours, Primitive):
            return (compare if ours in MASKS else record)(ours, inputs)
        return ours(*inputs)
    name = f"np.{ufunc.__name__}" if hasattr(np, ufunc.__name__) else ufunc.__name__
    if method != "__call__":
        raise TypeError(
            f"{name}.{method} has no derivative rule; use a function such as np.sum, or .data"
        )
    if options:
        raise TypeError(
            f"{name}: {', '.join(f'{key}=' for key in options)} cannot be recorded; leave it out "
            "(every result of a Value is a new Value)"
        )
    raise TypeError(f"{name} has no derivative rule; {ADVICE}")


def apply_function(function: Callable[..., Any], args: Any, options: Any) -> Any:
    """As `apply_ufunc`, for NumPy's functions that are no ufuncs."""
    name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
    ours = ours_for(FUNCTIONS, function)
    if ours is None:
        raise TypeError(f"{name} has no derivative rule; {ADVICE}")
    try:
        return ours(*args, **options)
    except TypeError:
        check_call(f"{name} of a Value", ours, args, options)
        raise


ADVICE = (
    "write it with the functions in `autodiff.__all__`, or use .data, "
    "the numbers alone, where no gradient is wanted"
)


def compare(
    primitive: Primitive, operands: tuple[Any, ...], parameters: Mapping[str, Any] = NO_PARAMETERS
) -> Any:
    """Return what has no derivative, such as a mask, as plain numbers; a node if that is kept."""
    if any(isinstance(v, Node) and v.keeps_masks for v in operands):
        return record(primitive, operands, parameters)
    inputs = [getattr(v, "_raw", v) for v in operands]
    inputs = [np.asarray(x) if isinstance(x, (list, tuple)) else x for x in inputs]
    try:
        return primitive.function(*inputs, **parameters)
    except (ValueError, TypeError) as error:
        names = " and ".join([called(v, i) for i, v in enumerate(operands, 1)])
        raise type(error)(f"{names} do not compare: {error}") from None
