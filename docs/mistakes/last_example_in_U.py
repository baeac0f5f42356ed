"""The gradient of U is set by every example, where it should be added to.

Wrong: U_bar
"""

import math

import numpy as np


def backprop(X, t, params):
    """Return the gradients and the loss."""
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)
    loss = 0.0
    U_bar, b_bar, W_bar, c_bar = np.zeros_like(U), np.zeros_like(b), np.zeros_like(W), 0.0

    for x, target in zip(X, t, strict=True):
        g = U @ x + b
        h = np.tanh(g)
        z = W @ h + c
        y = 1 / (1 + math.exp(-z))
        loss += -math.log(y if target == 1 else 1 - y) / N

        z_bar = (y - target) / N
        h_bar = z_bar * W
        g_bar = h_bar * (1 - h * h)
        W_bar += z_bar * h
        c_bar += z_bar
        U_bar = np.outer(g_bar, x)
        b_bar += g_bar

    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
