"""Cross-entropy of a probability y and of its logit z, element by element, and their slopes in z.

The two are the same function of z, because y = sigmoid(z), but not the same in floating point: y
rounds to 1 from z = 37 on, and what y no longer says is lost to anything computed from it.
"""

from typing import Any

import numpy as np


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z)), element by element.

    >>> float(sigmoid(0.0))
    0.5
    """
    with np.errstate(over="ignore"):  # 1 / infinity is the right limit
        return 1.0 / (1.0 + np.exp(-np.asarray(z, float)))


def cross_entropy(y: Any, t: Any) -> Any:
    """Return -t log(y) - (1 - t) log(1 - y) as it stands: infinite or NaN where y rounds to 0 or 1.

    `y` are probabilities and `t` targets in [0, 1], of one shape; either may be a single number.
    Source of both losses: CSC321, Tutorial 5, "Loss function".

    >>> float(cross_entropy(0.5, 1) == np.log(2.0))
    1.0
    """
    check_same_shape(y, t)
    return -(t * np.log(y)) - (1.0 - t) * np.log(1.0 - y)


def cross_entropy_slope(z: Any, t: Any) -> Any:
    """Return the derivative of the cross-entropy in z, computed through y: y - t.

    Where t = 1 and z is large, y and t are nearly equal and their difference has no digits left.

    >>> float(cross_entropy_slope(40.0, 1))  # no digits are left
    0.0
    """
    check_same_shape(z, t)
    return sigmoid(z) - t


def logistic_cross_entropy(z: Any, t: Any) -> Any:
    """Return t log(1 + exp(-z)) + (1 - t) log(1 + exp(z)), accurate for every z.

    `z` are logits and `t` targets in [0, 1], of one shape; either may be a single number.

    >>> float(logistic_cross_entropy(1000.0, 0))
    1000.0
    """
    check_same_shape(z, t)
    z = np.asarray(z, float)
    return t * np.logaddexp(0.0, -z) + (1.0 - t) * np.logaddexp(0.0, z)


def logistic_cross_entropy_slope(z: Any, t: Any) -> Any:
    """Return the derivative of `logistic_cross_entropy` in z without cancellation.

    It is sigmoid(z) - t, written as (1 - t) sigmoid(z) - t sigmoid(-z), which for targets 0 and 1
    is a single term.

    >>> f"{logistic_cross_entropy_slope(40.0, 1):.3e}"
    '-4.248e-18'
    """
    check_same_shape(z, t)
    return (1.0 - t) * sigmoid(z) - t * sigmoid(-np.asarray(z, float))


def check_same_shape(x: Any, t: Any) -> None:
    """Raise ValueError for (N,) and (N, 1), which would broadcast to (N, N)."""
    if np.shape(x) != np.shape(t) and np.shape(x) and np.shape(t):
        raise ValueError(
            f"outputs of shape {np.shape(x)} and targets of shape {np.shape(t)} must have the same "
            "shape; reshape one of them, for example with t.reshape(-1)"
        )
