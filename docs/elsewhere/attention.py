"""One head of attention, and the mean squared error."""

import numpy as np

from autodiff import softmax


def loss(params, X, T):
    Q = X @ params["Wq"]
    K = X @ params["Wk"]
    V = X @ params["Wv"]
    S = Q @ K.T / np.sqrt(3)
    A = softmax(S)
    out = A @ V
    return np.mean((out - T) ** 2)


def problem(rng):
    p = {k: rng.standard_normal((4, 3)) for k in ("Wq", "Wk", "Wv")}
    return rng.standard_normal((5, 4)), rng.standard_normal((5, 3)), p


def backprop(X, T, params):
    Wq, Wk, Wv = params["Wq"], params["Wk"], params["Wv"]
    q = X @ Wq
    k = X @ Wk
    v = X @ Wv
    d_k = q.shape[1]
    scores = q @ k.T / np.sqrt(d_k)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    att = e / e.sum(axis=1, keepdims=True)
    out = att @ v

    dout = 2 * (out - T) / out.size
    datt = dout @ v.T
    dv = att.T @ dout
    dscores = att * (datt - np.sum(datt * att, axis=1, keepdims=True))
    dscores = dscores / np.sqrt(d_k)
    dq = dscores @ k
    dk = dscores.T @ q
    return {"Wq": X.T @ dq, "Wk": X.T @ dk, "Wv": X.T @ dv}
