"""Sums and products along axes. All but cumsum are written in primitives, so no rule is needed."""

import math
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.functions import Axis, concatenate, max, min, reshape, var
from autodiff.more.extend import primitive
from autodiff.more.moving import along, as_tuple, flip, in_order, moveaxis
from autodiff.primitives import sqrt

_cumsum: Any = primitive(
    lambda x, axis: np.cumsum(x, axis=axis),
    lambda g, out, x, *, axis: flip(_cumsum(flip(g, axis), axis=axis), axis),
    name="cumsum",
)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Return the sums of the first elements, along `axis` or of all."""
    x, axis = in_order(x, axis)
    return _cumsum(x, axis=axis)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Return the products of the first elements, along `axis` or of all.

    Those of 1, 2, 4, ... neighbours are multiplied, which is exact where an element is zero.
    """
    x, axis = in_order(x, axis)
    n, step = shape(x)[axis], 1
    while step < n:
        first, rest = along(x, axis, slice(step)), along(x, axis, slice(step, None))
        x = concatenate([first, rest * along(x, axis, slice(n - step))], axis)
        step *= 2
    return x


def prod(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the product of the elements, or the products over `axis`: halves are multiplied."""
    to = np.sum(np.empty(shape(x)), axis=axis, keepdims=keepdims).shape
    axes = range(len(shape(x))) if axis is None else as_tuple(axis)
    x = moveaxis(x, axes, range(len(axes)))
    x = reshape(x, (math.prod(shape(x)[: len(axes)]), *shape(x)[len(axes) :]))
    while (n := shape(x)[0]) > 1:
        half = x[: n // 2] * x[n // 2 : n // 2 * 2]
        x = concatenate([half, x[-1:]]) if n % 2 else half
    return reshape(x, to) if shape(x)[0] else np.ones(to)


def root(x: Any) -> Any:
    """Return the square root, with slope 0 at 0."""
    return sqrt(x + (x == 0.0)) * (x != 0.0)


def std(x: Any, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """Return the standard deviation; its slope is 0 where all elements are the same."""
    return root(var(x, axis, ddof=ddof, keepdims=keepdims))


def ptp(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the largest minus the smallest element."""
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)
