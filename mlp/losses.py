"""The sigmoid, and the cross-entropy of a probability y as the tutorial writes it, for `by_hand`.

The loss as a function of the logit z, which keeps its digits however large |z| is, is the engine's
`autodiff.logistic_cross_entropy`.
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
    ValueError for (N,) and (N, 1), which would broadcast to (N, N). Source: CSC321, Tutorial 5,
    "Loss function".

    >>> float(cross_entropy(0.5, 1) == np.log(2.0))
    1.0
    """
    if np.shape(y) != np.shape(t) and np.shape(y) and np.shape(t):
        raise ValueError(
            f"outputs of shape {np.shape(y)} and targets of shape {np.shape(t)} must have the same "
            "shape; reshape one of them, for example with t.reshape(-1)"
        )
    return -(t * np.log(y)) - (1.0 - t) * np.log(1.0 - y)
