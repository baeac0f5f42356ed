"""A hinge loss with weight decay."""

import numpy as np


def loss(params, X, t):
    H = np.tanh(X @ params["W"] + params["b"])
    s = H @ params["v"] + params["c"]
    return np.mean(np.maximum(0, 1 - t * s)) + 0.05 * np.sum(params["v"] ** 2)


def problem(rng):
    p = {
        "W": rng.standard_normal((2, 4)),
        "b": rng.standard_normal(4),
        "v": rng.standard_normal(4),
        "c": float(rng.standard_normal()),
    }
    return rng.standard_normal((9, 2)), np.where(np.arange(9) % 2 == 0, 1.0, -1.0), p


LAM = 0.1


def backprop(X, t, params):
    W, b, v, c = params["W"], params["b"], params["v"], params["c"]
    h = np.tanh(X @ W + b)
    s = h @ v + c
    margin = 1 - t * s
    ds = np.where(margin > 0, -t, 0.0) / len(t)
    dv = h.T @ ds + LAM * v
    dc = np.sum(ds)
    dh = ds[:, None] * v[None, :]
    dz = dh * (1 - h**2)
    return {"W": X.T @ dz, "b": dz.sum(axis=0), "v": dv, "c": dc}
