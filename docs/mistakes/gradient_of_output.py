"""What is propagated is the slope of the output, not that of the loss.

Wrong: z_bar
"""

import numpy as np


def backprop(X, t, params):
    """Return the gradients and the loss."""
    N = X.shape[0]
    ones = np.ones(N)

    G = X @ params["U"].T + np.outer(ones, params["b"])
    H = np.tanh(G)
    z = H @ params["W"] + params["c"]
    y = 1 / (1 + np.exp(-z))
    losses = -t * np.log(y) - (1 - t) * np.log(1 - y)
    loss = losses.sum() / N

    z_bar = (1 / N) * y * (1 - y)
    W_bar = H.T @ z_bar
    c_bar = ones @ z_bar
    H_bar = z_bar[:, np.newaxis] * params["W"]
    G_bar = H_bar * (1 - np.tanh(G) ** 2)
    U_bar = G_bar.T @ X
    b_bar = ones @ G_bar

    grads = {}
    grads["U"] = U_bar
    grads["b"] = b_bar
    grads["W"] = W_bar
    grads["c"] = c_bar
    return grads, loss
