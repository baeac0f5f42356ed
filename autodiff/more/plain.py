"""Functions whose derivative is zero almost everywhere or none: they give plain numbers."""

from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.more.extend import without_derivative

floor = without_derivative(np.floor)
ceil = without_derivative(np.ceil)
rint = without_derivative(np.rint)
isnan = without_derivative(np.isnan)
isfinite = without_derivative(np.isfinite)
isinf = without_derivative(np.isinf)
signbit = without_derivative(np.signbit)
heaviside = without_derivative(np.heaviside)

round = around = without_derivative(np.round)
fix = without_derivative(np.fix)
argmax = without_derivative(np.argmax)
argmin = without_derivative(np.argmin)
argsort = without_derivative(np.argsort)
searchsorted = without_derivative(np.searchsorted)
count_nonzero = without_derivative(np.count_nonzero)
any = without_derivative(np.any)
all = without_derivative(np.all)
isclose = without_derivative(np.isclose)
allclose = without_derivative(np.allclose)
array_equal = without_derivative(np.array_equal)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """Return an array of the shape and dtype of `x`."""
    return np.empty(np.shape(x), dtype or x.dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return an array of the shape and dtype of `x`, filled with one number."""
    return np.full(np.shape(x), fill_value, dtype or x.dtype)


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of `x`."""
    return shape(x)


def iscomplexobj(x: Any) -> bool:
    """Return False: Values are real."""
    return False
