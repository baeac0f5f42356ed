"""Two convolutions along a row, written with slices, and the squared error."""

import numpy as np

from autodiff import relu


def loss(params, X, T):
    w, k = params["w"], params["k"]
    n = X.shape[1] - 2
    S = X[:, 0:n] * w[0] + X[:, 1 : n + 1] * w[1] + X[:, 2 : n + 2] * w[2] + params["b"]
    H = relu(S)
    Y = H[:, :-1] * k[0] + H[:, 1:] * k[1]
    return np.mean(np.sum((Y - T) ** 2, axis=1))


def problem(rng):
    p = {
        "w": rng.standard_normal(3),
        "b": float(rng.standard_normal()),
        "k": rng.standard_normal(2),
    }
    return rng.standard_normal((4, 9)), rng.standard_normal((4, 6)), p


def backprop(X, T, params):
    w, b, k = params["w"], params["b"], params["k"]
    N, n = len(X), X.shape[1] - 2
    S = sum(X[:, j : j + n] * w[j] for j in range(3)) + b
    H = np.maximum(S, 0)
    Y = H[:, :-1] * k[0] + H[:, 1:] * k[1]
    dY = 2 * (Y - T) / N
    dk = np.array([np.sum(dY * H[:, :-1]), np.sum(dY * H[:, 1:])])
    dH = np.zeros_like(H)
    dH[:, :-1] += dY * k[0]
    dH[:, 1:] += dY * k[1]
    dS = dH * (S > 0)
    dw = np.zeros(3)
    for j in range(3):
        dw[j] = np.sum(dS * X[:, j : j + n])
    return {"w": dw, "b": dS.sum(), "k": dk}
