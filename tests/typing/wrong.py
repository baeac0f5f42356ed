"""Wrong uses: a type checker has to refuse every line with a comment, and no other."""

import numpy as np
from numpy.typing import NDArray

from autodiff import Value, grad, jacobian, mean, tanh, value_and_grad

Array = NDArray[np.float64]


def loss(w: Array, X: Array) -> float: ...  # type: ignore[empty-body]  # the body is beside the point


def vector(w: Array) -> Array: ...  # type: ignore[empty-body]


w, v = np.ones(2), Value(np.ones(2))
grad(loss)(w)  # wrong: X is missing
grad(loss)("w", w)  # wrong: no array
grad(vector)  # wrong: an array is no number to differentiate
grad(w)  # wrong: no function
value_and_grad(loss)(w, w)[2]  # wrong: value and gradient are two
v + "1"  # wrong: text
tanh(v).shape()  # wrong: a property
mean(v, "rows")  # wrong: an axis is an integer
grad(loss, argnum=1)  # wrong: argnums
jacobian(vector)(w).shape()  # wrong: the derivative is an array
