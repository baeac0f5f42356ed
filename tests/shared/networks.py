"""Functions of a batch, in the shapes that people write, and arguments for them."""

from typing import Any

import numpy as np

from autodiff import (
    exp,
    log,
    logistic_cross_entropy,
    logsumexp,
    max,
    maximum,
    mean,
    relu,
    sin,
    sqrt,
    sum,
    tanh,
    where,
)

rng = np.random.default_rng(0)
N = 37
X = rng.normal(size=(N, 2))
LABELS = rng.integers(0, 3, N)
T = (rng.random(N) > 0.5) * 1.0


def two_layers(p: Any, X: Any, y: Any) -> Any:
    """Softmax of labels, with weight decay: sums over examples and over weights."""
    Z = tanh(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    decay = sum(p["W1"] ** 2) + sum(p["W2"] ** 2)
    return mean(logsumexp(Z, axis=1) - Z[np.arange(len(y)), y]) + 0.01 * decay


def batch_norm(p: Any, X: Any, t: Any) -> Any:
    """An example depends on the mean of all, forward and backward: several passes."""
    G = X @ p["W"]
    m = mean(G, axis=0)
    v = mean((G - m) ** 2, axis=0)
    H = relu((G - m) / sqrt(v + 1e-5))
    return mean(logistic_cross_entropy(H @ p["w"], t))


def embedding(E: Any, w: Any, y: Any) -> Any:
    return mean(tanh(E[y] @ w) ** 2)


def log_of_softmax(W: Any, X: Any, y: Any) -> Any:
    e = exp(X @ W - max(X @ W, axis=1, keepdims=True))
    P = e / sum(e, axis=1, keepdims=True)
    return -mean(log(P[np.arange(len(y)), y]))


def one_hot(W: Any, X: Any, y: Any) -> Any:
    e = exp(X @ W)
    return -mean(sum(np.eye(3)[y] * log(e / sum(e, axis=1, keepdims=True)), axis=1))


def in_the_data(X: Any, w: Any) -> Any:
    return sum(tanh(X @ w) ** 2)


def nested(parts: Any, x: Any) -> Any:
    a, (b, c) = parts
    return mean(sin(a * x) * b + where(x > 0, c * x, exp(-x)))


def columns(w: Any, X: Any, t: Any) -> Any:
    return mean((X @ w - t[:, None]) ** 2)


def recurrent(w: Any, x: Any) -> Any:
    h: Any = 0.0
    for k in range(4):
        h = tanh(w[0] * h + w[1] * x[:, k])
    return mean(h * h)


def convolution(w: Any, x: Any) -> Any:
    return mean(relu(x[:, 1:] * w[0] + x[:, :-1] * w[1]))


def deviation(x: Any) -> Any:
    return sqrt(mean((x - mean(x)) ** 2))


def hinge(w: Any, X: Any, t: Any) -> Any:
    return mean(maximum(0.0, 1 - (2 * t - 1) * (X @ w)))


def weighted(z: Any, v: Any, t: Any) -> Any:
    """The adjoint of v is what is weighted, which no statement has a name for."""
    return sum(v * logistic_cross_entropy(z, t))


def normal(*shape: int) -> Any:
    return rng.normal(size=shape)


WEIGHTS = {"W1": normal(2, 4), "b1": normal(4), "W2": normal(4, 3), "b2": normal(3)}
NETWORKS: list[tuple[Any, tuple[Any, ...], Any]] = [
    (two_layers, (WEIGHTS, X, LABELS), 0),
    (batch_norm, ({"W": normal(2, 4), "w": normal(4)}, X, T), 0),
    (embedding, (normal(3, 4), normal(4), LABELS), (0, 1)),
    (log_of_softmax, (normal(2, 3), X, LABELS), 0),
    (one_hot, (normal(2, 3), X, LABELS), 0),
    (in_the_data, (X, normal(2)), (0, 1)),
    (nested, ([1.5, (np.float64(0.3), 0.7)], normal(N)), 0),
    (columns, (normal(2, 1), X, T), 0),
    (recurrent, (normal(2), normal(N, 4)), 0),
    (convolution, (normal(2), normal(N, 6)), 0),
    (deviation, (normal(N),), 0),
    (hinge, (normal(2), X, T), 0),
    (weighted, (normal(N), normal(N), T), (0, 1)),
]
