"""Embeddings and labels as indices, and the mean cross-entropy of softmax."""

import numpy as np

from autodiff import logsumexp


def loss(params, ix, t):
    E = params["C"][ix]
    H = np.tanh(E @ params["W1"] + params["b1"])
    logits = H @ params["W2"] + params["b2"]
    return np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(t)), t])


def problem(rng):
    p = {
        "C": rng.standard_normal((5, 2)),
        "W1": rng.standard_normal((2, 4)),
        "b1": rng.standard_normal(4),
        "W2": rng.standard_normal((4, 5)),
        "b2": rng.standard_normal(5),
    }
    return rng.integers(0, 5, 9), rng.integers(0, 5, 9), p


def backprop(ix, t, params):
    C, W1, b1, W2, b2 = (params[k] for k in ("C", "W1", "b1", "W2", "b2"))
    n = len(t)
    emb = C[ix]
    h = np.tanh(emb @ W1 + b1)
    logits = h @ W2 + b2
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    dlogits = p.copy()
    dlogits[np.arange(n), t] -= 1
    dlogits /= n
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dh = dlogits @ W2.T
    dpre = (1 - h**2) * dh
    dW1 = emb.T @ dpre
    db1 = dpre.sum(0)
    demb = dpre @ W1.T
    dC = np.zeros_like(C)
    np.add.at(dC, ix, demb)
    return {"C": dC, "W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
