"""The network number by number: the tutorial's scalar form, one Value for every parameter.

Thousands of small nodes show what the engine does; `mlp.engine` does the same work hundreds
of times faster.
"""

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from autodiff import logistic_cross_entropy, sigmoid, tanh, value_and_grad
from mlp.data import Array, Parameters, Result, check_shapes


def forward(X: Array, params: Parameters) -> Array:
    """Return y (N,), the probability of label 1 for each row of X (N, 2)."""
    check_shapes(X, np.zeros(len(X)), params)
    numbers = {name: np.asarray(p).tolist() for name, p in params.items()}
    return np.array([sigmoid(logit(numbers, x)) for x in points(X)])


def backprop(X: Array, t: Array, params: Parameters) -> Result:
    """Return the gradients and the loss.

    Raises ValueError where shapes do not fit each other or a target is not in [0, 1].
    """
    check_shapes(X, t, params)
    data = [*zip(points(X), np.asarray(t, float).tolist())]

    def mean_loss(values: Any) -> Any:
        return (1 / len(X)) * sum(loss(values, x, t_i) for x, t_i in data)

    numbers = {name: np.asarray(p).tolist() for name, p in params.items()}
    value, grads = value_and_grad(mean_loss)(numbers)
    return {name: np.array(g)[()] for name, g in grads.items()}, float(value)


def loss(params: Any, x: Any, t: Any) -> Any:
    """Return the loss for one data point, as the tutorial's board derives it in scalar form.

    `params` are nested lists of numbers, x is (x_1, x_2), and t the target.
    """
    z = logit(params, x)
    return logistic_cross_entropy(z, t)


def logit(params: Any, x: Any, tanh: Any = tanh) -> Any:
    """Return z for one data point; another engine's numbers need its own `tanh`."""
    hidden = []
    for (u_1, u_2), b in zip(params["U"], params["b"]):
        g = u_1 * x[0] + u_2 * x[1] + b
        h = tanh(g)
        hidden.append(h)
    return reduce(add, [w * h for w, h in zip(params["W"], hidden)]) + params["c"]


def points(X: Array) -> Any:
    """Return the rows of X as lists; Python's floats are faster in the engine than NumPy's."""
    if np.ndim(X) != 2 or np.shape(X)[1] != 2:
        raise ValueError(f"X has shape {np.shape(X)}; the scalar form is for points (x_1, x_2)")
    return np.asarray(X, float).tolist()
