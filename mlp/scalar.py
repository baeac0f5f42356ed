"""The network number by number: the tutorial's scalar form, one Value for every parameter.

Thousands of small nodes show what the engine does; `mlp.engine` does the same work hundreds
of times faster.
"""

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from autodiff import Value, logistic_cross_entropy, sigmoid, tanh
from mlp.data import Array, Parameters, check_shapes


def forward(X: Array, params: Parameters) -> Array:
    """Return y (N,), the probability of label 1 for each row of X (N, 2)."""
    check_shapes(X, np.zeros(len(X)), params)
    numbers = {name: np.asarray(p).tolist() for name, p in params.items()}
    return np.array([sigmoid(z_i) for z_i in logits(X, **numbers)])


def backprop(X: Array, t: Array, params: Parameters) -> tuple[Parameters, float]:
    """Return the gradients and the loss.

    Raises ValueError where shapes do not fit each other or a target is not in [0, 1].
    """
    check_shapes(X, t, params)
    values = {name: as_values(np.asarray(p).tolist()) for name, p in params.items()}
    total = 0.0
    # Python's floats are faster in the engine than NumPy's.
    for z_i, t_i in zip(logits(X, **values), np.asarray(t, float).tolist()):
        total = total + logistic_cross_entropy(z_i, t_i)
    loss: Any = (1 / len(X)) * total
    loss.backward()
    return {name: np.array(grads_of(v))[()] for name, v in values.items()}, loss.data


def loss(params: Any, x: Any, t: Any) -> Any:
    """Return the loss for one data point, as the tutorial's board derives it in scalar form.

    `params` are nested lists of numbers, x is (x_1, x_2), and t the target.
    """
    hidden = []
    for (u_1, u_2), b in zip(params["U"], params["b"]):
        g = u_1 * x[0] + u_2 * x[1] + b
        h = tanh(g)
        hidden.append(h)
    z = reduce(add, [w * h for w, h in zip(params["W"], hidden)]) + params["c"]
    return logistic_cross_entropy(z, t)


def logits(X: Array, U: Any, b: Any, W: Any, c: Any) -> Iterator[Any]:
    """Yield z_i for each row of X; the parameters are nested lists of Values or of floats."""
    if np.ndim(X) != 2 or np.shape(X)[1] != 2:
        raise ValueError(f"X has shape {np.shape(X)}; the scalar form is for points (x_1, x_2)")
    for x_i1, x_i2 in np.asarray(X, float).tolist():
        z_i = c
        for (u_j1, u_j2), b_j, w_j in zip(U, b, W):
            g_ij = u_j1 * x_i1 + u_j2 * x_i2 + b_j
            h_ij = tanh(g_ij)
            z_i = z_i + w_j * h_ij
        yield z_i


def as_values(numbers: Any) -> Any:
    return [as_values(n) for n in numbers] if isinstance(numbers, list) else Value(numbers)


def grads_of(values: Any) -> Any:
    return [grads_of(v) for v in values] if isinstance(values, list) else values.grad
