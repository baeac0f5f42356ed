"""NumPy's functions whose derivative is zero almost everywhere or none: they give plain numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.more.extend import without_derivative


def of_shape(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that asks NumPy's about an array of the shape and dtype of a Value."""
    return lambda x, *args, **options: theirs(np.empty(shape(x), x.dtype), *args, **options)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: without_derivative(getattr(np, name))
    for name in (
        *("floor", "ceil", "rint", "round", "around", "fix", "signbit", "heaviside"),
        *("isnan", "isfinite", "isinf", "isclose", "allclose", "array_equal", "any", "all"),
        *("argmax", "argmin", "argsort", "argpartition", "searchsorted", "count_nonzero"),
    )
} | {
    name: of_shape(getattr(np, name))
    for name in ("shape", "iscomplexobj", "empty_like", "full_like")
}
