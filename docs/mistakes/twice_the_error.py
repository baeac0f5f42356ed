"""A factor 2, as from a square, stands before the error.

Wrong: z_bar
"""

import numpy as np


def sigma(z):
    """Return the logistic function of z."""
    return 1.0 / (1.0 + np.exp(-z))


def backprop(X, t, params):
    """Return the gradients and the loss."""
    U, b, W, c = (params[name] for name in ("U", "b", "W", "c"))
    N = X.shape[0]
    G = X.dot(U.T) + b
    H = np.tanh(G)
    z = H.dot(W) + c
    y = sigma(z)
    loss = np.mean(t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z))

    grads = {}
    dz = 2 * (y - t) / N
    grads["W"] = H.T.dot(dz)
    grads["c"] = dz.sum()
    dH = dz[:, None] * W
    dG = dH * (1 - np.tanh(G) ** 2)
    grads["U"] = dG.T.dot(X)
    grads["b"] = dG.sum(axis=0)
    return grads, loss
