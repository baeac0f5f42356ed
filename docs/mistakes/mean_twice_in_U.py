"""The gradient of U alone is averaged twice.

Wrong: U_bar
"""

import numpy as np


def backprop(X, t, params):
    """Return the gradients and the loss."""
    W = params["W"]
    n = len(t)

    a1 = X @ params["U"].T + params["b"]
    h = np.tanh(a1)
    a2 = h @ W + params["c"]
    y = 1.0 / (1.0 + np.exp(-a2))
    loss = -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y))

    delta2 = (y - t) / n
    dW = delta2 @ h
    dc = np.sum(delta2)
    delta1 = np.outer(delta2, W) * (1 - h**2)
    dU = delta1.T @ X / n
    db = np.sum(delta1, axis=0)

    return {"U": dU, "b": db, "W": dW, "c": dc}, loss
