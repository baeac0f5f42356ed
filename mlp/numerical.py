"""The gradient from values of the loss alone: by complex steps, central or forward differences.

Each moves one entry of one parameter at a time, so that a gradient in P numbers costs P or 2 P
evaluations of the loss. `backprop` is the complex step, the one that is exact to rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlp import by_hand
from mlp.data import Array, Parameters, Result, check_shapes

COMPLEX_STEP = 1e-100
# Where rounding, of the order of eps / h, and truncation, of the order of h^2 or h, are in balance.
CENTRAL_STEP = float(np.finfo(float).eps ** (1 / 3))
FORWARD_STEP = float(np.finfo(float).eps ** (1 / 2))


forward = by_hand.forward


def loss(X: Array, t: Array, params: Parameters) -> Any:
    """Return the mean logistic cross-entropy, for real parameters or an analytic path of them.

    As softplus(z) - t z with softplus(z) = max(z, 0) + log(1 + exp(-|z|)), where real parts decide
    which branch z is on: each branch is analytic, which abs() would not be.
    """
    z = np.tanh(X @ params["U"].T + params["b"]) @ params["W"] + params["c"]
    positive = np.real(z) > 0.0
    softplus = np.where(positive, z, 0.0) + np.log1p(np.exp(np.where(positive, -z, z)))
    return np.mean(softplus - t * z)


def complex_step(X: Array, t: Array, params: Parameters, step: float = COMPLEX_STEP) -> Result:
    """Return gradients, imag(loss(p + i h)) / h, and the loss.

    Nothing is subtracted, so h may be so small that its square underflows, and the result is exact
    to rounding. Source: Squire and Trapp, SIAM Review 40 (1998).
    """
    return entry_by_entry(X, t, params, lambda at: np.imag(at(1j * step)) / step)


def central_differences(
    X: Array, t: Array, params: Parameters, step: float = CENTRAL_STEP
) -> Result:
    """Return gradients, (loss(p + h) - loss(p - h)) / 2 h, wrong by about h^2, and the loss."""
    return entry_by_entry(X, t, params, lambda at: (at(step) - at(-step)) / (2.0 * step))


def forward_differences(
    X: Array, t: Array, params: Parameters, step: float = FORWARD_STEP
) -> Result:
    """Return gradients, (loss(p + h) - loss(p)) / h, wrong by about h, and the loss."""
    here = loss(X, t, params)
    return entry_by_entry(X, t, params, lambda at: (at(step) - here) / step)


backprop = complex_step


def entry_by_entry(X: Array, t: Array, params: Parameters, slope: Callable[[Any], Any]) -> Result:
    """Return gradients and loss; `slope` gets the loss as a function of what one entry moves by.

    Raises ValueError where shapes do not fit each other.
    """
    check_shapes(X, t, params)
    grads = {name: np.zeros(np.shape(p)) for name, p in params.items()}
    for name, grad in grads.items():
        for index in np.ndindex(grad.shape):
            entry = np.zeros(grad.shape)
            entry[index] = 1.0

            def at(by: complex) -> Any:  # called within this turn of the loop
                return loss(X, t, {**params, name: params[name] + by * entry})  # noqa: B023

            grad[index] = slope(at)
    return {name: grad[()] for name, grad in grads.items()}, float(loss(X, t, params))
