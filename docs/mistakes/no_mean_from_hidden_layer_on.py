"""From the hidden layer on, the gradients are not averaged.

Wrong: H_bar
"""

import numpy as np


def sigmoid(z):
    """Return the logistic function of z."""
    return 1 / (1 + np.exp(-z))


def backprop(X, t, params):
    """Return the gradients and the loss."""
    N = X.shape[0]

    G = np.dot(X, params["U"].T) + params["b"]
    H = np.tanh(G)
    z = np.dot(H, params["W"]) + params["c"]
    y = sigmoid(z)
    loss = np.sum(-t * np.log(y) - (1 - t) * np.log(1 - y)) / N

    z_bar = (y - t) / N
    W_bar = np.dot(H.T, z_bar)
    c_bar = np.dot(z_bar, np.ones(N))
    H_bar = np.outer(y - t, params["W"])
    G_bar = H_bar * (1 - H**2)
    U_bar = np.dot(G_bar.T, X)
    b_bar = np.dot(G_bar.T, np.ones(N))

    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
