"""The gradient of b is that of the last example alone.

Wrong: b_bar
"""

import numpy as np


def backprop(X, t, params):
    """Return the gradients and the loss."""
    N, hidden = len(X), len(params["b"])
    G = X @ params["U"].T + params["b"]
    H = np.tanh(G)
    z = H @ params["W"] + params["c"]
    y = 1 / (1 + np.exp(-z))
    loss = -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y)) / N

    dz = (y - t) / N
    dW, dc = np.dot(dz, H), np.sum(dz)
    dG = np.outer(dz, params["W"]) * (1 - H * H)
    dU = np.zeros(params["U"].shape)
    db = np.zeros(hidden)
    for i in range(N):
        for j in range(hidden):
            dU[j] += dG[i, j] * X[i]
            db[j] = dG[i, j]

    return {"U": dU, "b": db, "W": dW, "c": dc}, loss
