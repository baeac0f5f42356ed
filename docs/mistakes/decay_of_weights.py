"""The gradients of the weights have the term of a weight decay that the loss does not have.

Wrong: U_bar, W_bar
"""

import numpy as np


def backprop(X, t, params):
    """Return the gradients and the loss."""
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)

    # forward
    G = X @ U.T + b
    H = np.tanh(G)
    z = H @ W + c
    y = 1 / (1 + np.exp(-z))
    loss = np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))

    # backward
    z_bar = 1 / N * (y - t)
    c_bar = np.sum(z_bar)
    W_bar = H.T @ z_bar + 0.01 * W
    H_bar = np.outer(z_bar, W)
    G_bar = H_bar * (1 - H * H)
    b_bar = np.sum(G_bar, axis=0)
    U_bar = G_bar.T @ X + 0.01 * U

    grads = {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}
    return grads, loss
