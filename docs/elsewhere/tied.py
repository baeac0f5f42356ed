"""An autoencoder whose decoder has the weights of its encoder."""

import numpy as np

from autodiff import sigmoid


def loss(params, X):
    H = sigmoid(X @ params["W"] + params["b"])
    R = H @ params["W"].T + params["c"]
    return 0.5 * np.mean(np.sum((R - X) ** 2, axis=1))


def problem(rng):
    p = {"W": rng.standard_normal((4, 3)), "b": rng.standard_normal(3), "c": rng.standard_normal(4)}
    return rng.standard_normal((6, 4)), p


def backprop(X, params):
    W, b, c = params["W"], params["b"], params["c"]
    n = len(X)
    hidden = 1 / (1 + np.exp(-(X @ W + b)))
    recon = hidden @ W.T + c
    delta_out = (recon - X) / n
    grad_c = delta_out.sum(axis=0)
    grad_dec = delta_out.T @ hidden
    delta_hidden = delta_out @ W * hidden * (1 - hidden)
    grad_enc = X.T @ delta_hidden
    grad_b = delta_hidden.sum(axis=0)
    return {"W": grad_enc + grad_dec, "b": grad_b, "c": grad_c}
