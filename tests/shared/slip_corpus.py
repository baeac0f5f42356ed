"""Networks with a right backward pass by hand, slips in it as patches of its lines, and right ones.

A slip replaces one line of a network's `code`, so that two slips of different lines can be put in
together. `RIGHT` are correct `backprop`s for the tutorial's network in other algebra.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autodiff import (
    logistic_cross_entropy,
    logsumexp,
    mean,
    relu,
    sigmoid,
    sum,
    tanh,
)
from mlp import engine

N = 9
LAMBDA = 0.1


class Slip(NamedTuple):
    """A line of a network's code, the line written instead of it, and the equation it breaks."""

    old: str
    new: str
    equation: str


class Network(NamedTuple):
    name: str
    loss: Callable[..., Any]
    problem: Callable[[np.random.Generator], tuple[Any, Any, dict[str, Any]]]
    code: str
    slips: dict[str, Slip]


def patched(code: str, *slips: Slip) -> str | None:
    """Return the code with all slips in it, or None where two of them patch the same line."""
    lines = code.splitlines()
    places = [[line.strip() for line in lines].index(slip.old) for slip in slips]
    if len(set(places)) < len(places):
        return None
    for place, slip in zip(places, slips):
        lines[place] = lines[place].replace(slip.old, slip.new)
    return "\n".join(lines) + "\n"


def compiled(code: str) -> Callable[..., Any]:
    """Return the function `backprop` that the code defines, in a module of its own."""
    module: dict[str, Any] = {"__name__": "submission"}
    exec(compile(code, "<submission>", "exec"), module)
    return module["backprop"]


def slips_in(code: str, lines: dict[str, str]) -> dict[str, Slip]:
    """Return a slip for each wrong line: it stands where the code assigns the same name."""
    right = {line.split(" = ")[0].strip(): line.strip() for line in code.splitlines()}
    slips = {}
    for name, new in lines.items():
        equation = new.split(" = ")[0]
        slips[name] = Slip(right[equation], new, equation)
    return slips


def spread(rng: np.random.Generator, *shape: int) -> Any:
    """Return numbers of both signs, none near 0 and none large."""
    signs = rng.permutation(np.resize([1.0, -1.0], int(np.prod(shape))))
    return signs.reshape(shape) * rng.uniform(0.3, 0.9, shape)


def drawn(**shapes: tuple[int, ...]) -> Callable[[np.random.Generator], Any]:
    """Return a function that draws X (N, D), labels t (N,) and the parameters."""

    def problem(rng: np.random.Generator) -> Any:
        X = rng.uniform(-1.5, 1.5, (N, shapes[next(iter(shapes))][1]))
        t = rng.permutation(np.arange(N) % 2)
        return X, t, {name: spread(rng, *shape) for name, shape in shapes.items()}

    return problem


def one_hot(problem: Callable[[np.random.Generator], Any], K: int) -> Callable[..., Any]:
    """Return a function that draws the same with one-hot targets T (N, K), every class in them."""

    def with_classes(rng: np.random.Generator) -> Any:
        X, _, params = problem(rng)
        return X, np.eye(K)[rng.permutation(np.arange(N) % K)], params

    return with_classes


def real_targets(problem: Callable[[np.random.Generator], Any]) -> Callable[..., Any]:
    """Return a function that draws the same with real targets t (N,)."""

    def with_numbers(rng: np.random.Generator) -> Any:
        X, _, params = problem(rng)
        return X, rng.normal(size=N), params

    return with_numbers


def alive(problem: Callable[[np.random.Generator], Any]) -> Callable[..., Any]:
    """Return a function that draws until each ReLU is on for some examples and off for others."""

    def active(rng: np.random.Generator) -> Any:
        while True:
            X, t, params = problem(rng)
            H, mixed = X, True
            for U, b in [("U", "b"), ("U1", "b1"), ("U2", "b2")]:
                if U in params:
                    on = H @ params[U].T + params[b] > 0
                    mixed &= bool(np.all((np.sum(on, axis=0) > 1) & (np.sum(on, axis=0) < N - 1)))
                    H = on * (H @ params[U].T + params[b])
            if mixed:
                return X, t, params

    return active


# The tutorial's network.

TUTORIAL_CODE = """\
import numpy as np


def backprop(X, t, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)
    G = X @ U.T + b
    H = np.tanh(G)
    z = H @ W + c
    y = 1 / (1 + np.exp(-z))
    loss = np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))
    z_bar = (y - t) / N
    W_bar = H.T @ z_bar
    c_bar = np.sum(z_bar)
    H_bar = np.outer(z_bar, W)
    G_bar = H_bar * (1 - H**2)
    U_bar = G_bar.T @ X
    b_bar = np.sum(G_bar, axis=0)
    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
"""

TUTORIAL = Network(
    "tutorial",
    engine.loss,
    drawn(U=(3, 2), b=(3,), W=(3,), c=()),
    TUTORIAL_CODE,
    slips_in(
        TUTORIAL_CODE,
        {
            "extra y(1 - y)": "z_bar = (y - t) * y * (1 - y) / N",
            "no 1/N": "z_bar = y - t",
            "1/N twice": "z_bar = (y - t) / N / N",
            "sign": "z_bar = (t - y) / N",
            "error doubled": "z_bar = 2 * (y - t) / N",
            "gradient of the output": "z_bar = y * (1 - y) / N",
            "labels broadcast": "z_bar = np.mean(y[:, None] - t, axis=1) / N",
            "logit for probability": "z_bar = (z - t) / N",
            "no 1/N in W": "W_bar = H.T @ (y - t)",
            "W of G": "W_bar = G.T @ z_bar",
            "W halved": "W_bar = H.T @ z_bar / 2",
            "W of the last example": "W_bar = H[-1] * z_bar[-1]",
            "W reversed in sign": "W_bar = -H.T @ z_bar",
            "decay of W": "W_bar = H.T @ z_bar + 0.1 * W",
            "c not summed": "c_bar = z_bar",
            "c as a mean": "c_bar = np.mean(z_bar)",
            "c of the last example": "c_bar = z_bar[-1]",
            "gradient for weight": "H_bar = np.outer(z_bar, W_bar)",
            "W updated before use": "H_bar = np.outer(z_bar, W - 0.5 * W_bar)",
            "adjoint of z forgotten": "H_bar = np.outer(np.ones(N), W)",
            "H_bar reshaped": "H_bar = np.outer(W, z_bar).reshape(N, -1)",
            "no 1/N from H on": "H_bar = np.outer(y - t, W)",
            "slope forgotten": "G_bar = H_bar",
            "slope at G": "G_bar = H_bar * (1 - G**2)",
            "slope at H": "G_bar = H_bar * (1 - np.tanh(H) ** 2)",
            "slope without square": "G_bar = H_bar * (1 - H)",
            "slope with plus": "G_bar = H_bar * (1 + H**2)",
            "slope of sigmoid": "G_bar = H_bar * H * (1 - H)",
            "slope of relu": "G_bar = H_bar * (G > 0)",
            "slope times G": "G_bar = H_bar * (1 - H**2) * G",
            "adjoint of H forgotten": "G_bar = 1 - H**2",
            "U reshaped": "U_bar = (X.T @ G_bar).reshape(U.shape)",
            "U from H_bar": "U_bar = H_bar.T @ X",
            "U doubled": "U_bar = 2 * G_bar.T @ X",
            "U of the last example": "U_bar = np.outer(G_bar[-1], X[-1])",
            "b not summed": "b_bar = G_bar",
            "b as a mean": "b_bar = np.mean(G_bar, axis=0)",
            "b from H_bar": "b_bar = np.sum(H_bar, axis=0)",
            "b times X": "b_bar = np.sum(G_bar.T @ X, axis=1)",
            "decay of b": "b_bar = np.sum(G_bar, axis=0) + 0.1 * b",
        },
    ),
)


# Two hidden layers of tanh, logistic cross-entropy.


def two_tanh_loss(params: Any, X: Any, t: Any) -> Any:
    G1 = X @ params["U1"].T + params["b1"]
    H1 = tanh(G1)
    G2 = H1 @ params["U2"].T + params["b2"]
    H2 = tanh(G2)
    z = H2 @ params["W"] + params["c"]
    return mean(logistic_cross_entropy(z, t))


TWO_TANH_CODE = """\
import numpy as np


def backprop(X, t, params):
    U1, b1, U2, b2 = params["U1"], params["b1"], params["U2"], params["b2"]
    W, c = params["W"], params["c"]
    N = len(X)
    G1 = X @ U1.T + b1
    H1 = np.tanh(G1)
    G2 = H1 @ U2.T + b2
    H2 = np.tanh(G2)
    z = H2 @ W + c
    y = 1 / (1 + np.exp(-z))
    loss = np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))
    z_bar = (y - t) / N
    W_bar = H2.T @ z_bar
    c_bar = np.sum(z_bar)
    H2_bar = np.outer(z_bar, W)
    G2_bar = H2_bar * (1 - H2**2)
    U2_bar = G2_bar.T @ H1
    b2_bar = np.sum(G2_bar, axis=0)
    H1_bar = G2_bar @ U2
    G1_bar = H1_bar * (1 - H1**2)
    U1_bar = G1_bar.T @ X
    b1_bar = np.sum(G1_bar, axis=0)
    grads = {"U1": U1_bar, "b1": b1_bar, "U2": U2_bar, "b2": b2_bar, "W": W_bar, "c": c_bar}
    return grads, loss
"""

TWO_TANH = Network(
    "two tanh layers",
    two_tanh_loss,
    drawn(U1=(5, 4), b1=(5,), U2=(3, 5), b2=(3,), W=(3,), c=()),
    TWO_TANH_CODE,
    slips_in(
        TWO_TANH_CODE,
        {
            "extra y(1 - y)": "z_bar = (y - t) * y * (1 - y) / N",
            "no 1/N": "z_bar = y - t",
            "sign": "z_bar = (t - y) / N",
            "gradient of the output": "z_bar = y * (1 - y) / N",
            "labels broadcast": "z_bar = np.mean(y - t[:, None], axis=0) / N",
            "1/N twice in W": "W_bar = H2.T @ z_bar / N",
            "c as a mean": "c_bar = np.mean(z_bar)",
            "gradient for weight": "H2_bar = np.outer(z_bar, W_bar)",
            "W updated before use": "H2_bar = np.outer(z_bar, W - 0.1 * W_bar)",
            "second slope forgotten": "G2_bar = H2_bar",
            "second slope at G2": "G2_bar = H2_bar * (1 - G2**2)",
            "second slope without square": "G2_bar = H2_bar * (1 - H2)",
            "U2 of the last example": "U2_bar = np.outer(G2_bar[-1], H1[-1])",
            "U2 of G1": "U2_bar = G2_bar.T @ G1",
            "b2 not summed": "b2_bar = G2_bar",
            "b2 from H2_bar": "b2_bar = np.sum(H2_bar, axis=0)",
            "weight's gradient for U2": "H1_bar = G2_bar @ U2_bar",
            "adjoint of H2 for G2": "H1_bar = H2_bar @ U2",
            "U2 updated before use": "H1_bar = G2_bar @ (U2 - 0.5 * U2_bar)",
            "first slope forgotten": "G1_bar = H1_bar",
            "first slope at H1": "G1_bar = H1_bar * (1 - np.tanh(H1) ** 2)",
            "first slope of sigmoid": "G1_bar = H1_bar * H1 * (1 - H1)",
            "adjoint of H1 forgotten": "G1_bar = 1 - H1**2",
            "U1 reshaped": "U1_bar = (X.T @ G1_bar).reshape(U1.shape)",
            "U1 doubled": "U1_bar = 2 * G1_bar.T @ X",
            "b1 as a mean": "b1_bar = np.mean(G1_bar, axis=0)",
        },
    ),
)


# One hidden layer of sigmoids, logistic cross-entropy.


def sigmoid_loss(params: Any, X: Any, t: Any) -> Any:
    G = X @ params["U"].T + params["b"]
    H = sigmoid(G)
    z = H @ params["W"] + params["c"]
    return mean(logistic_cross_entropy(z, t))


SIGMOID_CODE = """\
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backprop(X, t, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)
    G = X @ U.T + b
    H = sigmoid(G)
    z = H @ W + c
    y = sigmoid(z)
    loss = np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))
    z_bar = (y - t) / N
    W_bar = H.T @ z_bar
    c_bar = np.sum(z_bar)
    H_bar = np.outer(z_bar, W)
    G_bar = H_bar * H * (1 - H)
    U_bar = G_bar.T @ X
    b_bar = np.sum(G_bar, axis=0)
    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
"""

SIGMOID = Network(
    "sigmoid hidden layer",
    sigmoid_loss,
    drawn(U=(5, 4), b=(5,), W=(5,), c=()),
    SIGMOID_CODE,
    slips_in(
        SIGMOID_CODE,
        {
            "extra y(1 - y)": "z_bar = (y - t) * y * (1 - y) / N",
            "1/N twice": "z_bar = (y - t) / N**2",
            "sign": "z_bar = (t - y) / N",
            "gradient of the output": "z_bar = y * (1 - y) / N",
            "labels broadcast": "z_bar = np.mean(y[:, None] - t, axis=0) / N",
            "no 1/N in W": "W_bar = H.T @ (y - t)",
            "W of G": "W_bar = G.T @ z_bar",
            "c not summed": "c_bar = z_bar",
            "c of the last example": "c_bar = z_bar[-1]",
            "gradient for weight": "H_bar = np.outer(z_bar, W_bar)",
            "W updated before use": "H_bar = np.outer(z_bar, W - 0.01 * W_bar)",
            "adjoint of z forgotten": "H_bar = np.outer(np.ones(N), W)",
            "slope forgotten": "G_bar = H_bar",
            "slope at H": "G_bar = H_bar * sigmoid(H) * (1 - sigmoid(H))",
            "slope at G": "G_bar = H_bar * G * (1 - G)",
            "slope of tanh": "G_bar = H_bar * (1 - H**2)",
            "slope of relu": "G_bar = H_bar * (G > 0)",
            "slope with one factor": "G_bar = H_bar * (1 - H)",
            "slope with plus": "G_bar = H_bar * H * (1 + H)",
            "adjoint of H forgotten": "G_bar = H * (1 - H)",
            "U halved": "U_bar = 0.5 * G_bar.T @ X",
            "U reshaped": "U_bar = (X.T @ G_bar).reshape(U.shape)",
            "b as a mean": "b_bar = np.mean(G_bar, axis=0)",
            "b times X": "b_bar = G_bar.T @ X[:, 0]",
        },
    ),
)


# One hidden layer of ReLUs, linear output, squared loss.


def regression_loss(params: Any, X: Any, t: Any) -> Any:
    G = X @ params["U"].T + params["b"]
    H = relu(G)
    z = H @ params["W"] + params["c"]
    return mean((z - t) ** 2)


REGRESSION_CODE = """\
import numpy as np


def backprop(X, t, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)
    G = X @ U.T + b
    H = np.maximum(G, 0)
    z = H @ W + c
    loss = np.mean((z - t) ** 2)
    z_bar = 2 * (z - t) / N
    W_bar = H.T @ z_bar
    c_bar = np.sum(z_bar)
    H_bar = np.outer(z_bar, W)
    G_bar = H_bar * (G > 0)
    U_bar = G_bar.T @ X
    b_bar = np.sum(G_bar, axis=0)
    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
"""

REGRESSION = Network(
    "relu regression",
    regression_loss,
    alive(real_targets(drawn(U=(5, 4), b=(5,), W=(5,), c=()))),
    REGRESSION_CODE,
    slips_in(
        REGRESSION_CODE,
        {
            "factor 2 forgotten": "z_bar = (z - t) / N",
            "no 1/N": "z_bar = 2 * (z - t)",
            "1/N twice": "z_bar = 2 * (z - t) / N / N",
            "sign": "z_bar = 2 * (t - z) / N",
            "square for slope": "z_bar = (z - t) ** 2 / N",
            "gradient of the output": "z_bar = np.ones(N) / N",
            "labels broadcast": "z_bar = 2 * np.mean(z[:, None] - t, axis=1) / N",
            "W halved": "W_bar = 0.5 * H.T @ z_bar",
            "W of G": "W_bar = G.T @ z_bar",
            "W of the last example": "W_bar = H[-1] * z_bar[-1]",
            "c as a mean": "c_bar = np.mean(z_bar)",
            "c not summed": "c_bar = z_bar",
            "gradient for weight": "H_bar = np.outer(z_bar, W_bar)",
            "W updated before use": "H_bar = np.outer(z_bar, W - 0.1 * W_bar)",
            "no 1/N from H on": "H_bar = np.outer(2 * (z - t), W)",
            "slope forgotten": "G_bar = H_bar",
            "mask of H_bar": "G_bar = H_bar * (H_bar > 0)",
            "mask turned round": "G_bar = H_bar * (G < 0)",
            "H for its slope": "G_bar = H_bar * H",
            "slope of tanh": "G_bar = H_bar * (1 - H**2)",
            "slope of sigmoid": "G_bar = H_bar * H * (1 - H)",
            "adjoint of H forgotten": "G_bar = 1.0 * (G > 0)",
            "U doubled": "U_bar = 2 * G_bar.T @ X",
            "U from H_bar": "U_bar = H_bar.T @ X",
            "b from H_bar": "b_bar = np.sum(H_bar, axis=0)",
            "b as a mean": "b_bar = np.mean(G_bar, axis=0)",
        },
    ),
)


# One hidden layer of tanh, softmax output, one-hot targets T (N, K).


def softmax_loss(params: Any, X: Any, T: Any) -> Any:
    G = X @ params["U"].T + params["b"]
    H = tanh(G)
    Z = H @ params["W"].T + params["c"]
    return mean(logsumexp(Z, axis=1) - sum(T * Z, axis=1))


SOFTMAX_CODE = """\
import numpy as np


def backprop(X, T, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)
    G = X @ U.T + b
    H = np.tanh(G)
    Z = H @ W.T + c
    Y = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    loss = -np.sum(T * np.log(Y)) / N
    Z_bar = (Y - T) / N
    W_bar = Z_bar.T @ H
    c_bar = np.sum(Z_bar, axis=0)
    H_bar = Z_bar @ W
    G_bar = H_bar * (1 - H**2)
    U_bar = G_bar.T @ X
    b_bar = np.sum(G_bar, axis=0)
    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
"""

SOFTMAX = Network(
    "softmax",
    softmax_loss,
    one_hot(drawn(U=(5, 4), b=(5,), W=(3, 5), c=(3,)), 3),
    SOFTMAX_CODE,
    slips_in(
        SOFTMAX_CODE,
        {
            "extra y(1 - y)": "Z_bar = (Y - T) * Y * (1 - Y) / N",
            "no 1/N": "Z_bar = Y - T",
            "mean over the classes too": "Z_bar = (Y - T) / T.size",
            "1/N twice": "Z_bar = (Y - T) / N / N",
            "sign": "Z_bar = (T - Y) / N",
            "gradient of the output": "Z_bar = Y * (1 - Y) / N",
            "right class only": "Z_bar = T * (Y - 1) / N",
            "targets forgotten": "Z_bar = Y / N",
            "W of the last example": "W_bar = np.outer(Z_bar[-1], H[-1])",
            "W reshaped": "W_bar = (H.T @ Z_bar).reshape(W.shape)",
            "W doubled": "W_bar = 2 * Z_bar.T @ H",
            "c as a mean": "c_bar = np.mean(Z_bar, axis=0)",
            "c not summed": "c_bar = Z_bar",
            "c over the classes": "c_bar = np.sum(Z_bar, axis=1)",
            "gradient for weight": "H_bar = Z_bar @ W_bar",
            "W updated before use": "H_bar = Z_bar @ (W - 0.1 * W_bar)",
            "1/N twice from H on": "H_bar = Z_bar @ W / N",
            "slope forgotten": "G_bar = H_bar",
            "slope at G": "G_bar = H_bar * (1 - G**2)",
            "slope as a square": "G_bar = H_bar * (1 - H) ** 2",
            "slope of relu": "G_bar = H_bar * (H > 0)",
            "slope times G": "G_bar = H_bar * (1 - H**2) * G",
            "adjoint of H forgotten": "G_bar = 1 - H**2",
            "U reshaped": "U_bar = (X.T @ G_bar).reshape(U.shape)",
            "U of H_bar": "U_bar = H_bar.T @ X",
            "b of the last example": "b_bar = G_bar[-1]",
            "b as a mean": "b_bar = np.mean(G_bar, axis=0)",
        },
    ),
)


# One hidden layer of sigmoids, sigmoid output, squared loss and weight decay.


def decay_loss(params: Any, X: Any, t: Any) -> Any:
    U, W = params["U"], params["W"]
    G = X @ U.T + params["b"]
    H = sigmoid(G)
    z = H @ W + params["c"]
    y = sigmoid(z)
    return 0.5 * mean((y - t) ** 2) + 0.5 * LAMBDA * (sum(U * U) + sum(W * W))


DECAY_CODE = """\
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backprop(X, t, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)
    lam = 0.1
    G = X @ U.T + b
    H = sigmoid(G)
    z = H @ W + c
    y = sigmoid(z)
    loss = 0.5 * np.mean((y - t) ** 2) + 0.5 * lam * (np.sum(U * U) + np.sum(W * W))
    y_bar = (y - t) / N
    z_bar = y_bar * y * (1 - y)
    W_bar = H.T @ z_bar + lam * W
    c_bar = np.sum(z_bar)
    H_bar = np.outer(z_bar, W)
    G_bar = H_bar * H * (1 - H)
    U_bar = G_bar.T @ X + lam * U
    b_bar = np.sum(G_bar, axis=0)
    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
"""

DECAY = Network(
    "squared loss with weight decay",
    decay_loss,
    drawn(U=(5, 4), b=(5,), W=(5,), c=()),
    DECAY_CODE,
    slips_in(
        DECAY_CODE,
        {
            "no 1/N": "y_bar = y - t",
            "1/N twice": "y_bar = (y - t) / N / N",
            "sign": "y_bar = (t - y) / N",
            "error doubled": "y_bar = 2 * (y - t) / N",
            "labels broadcast": "y_bar = np.mean(y - t[:, None], axis=0) / N",
            "y(1 - y) forgotten": "z_bar = y_bar",
            "y(1 - y) twice": "z_bar = y_bar * (y * (1 - y)) ** 2",
            "slope of sigmoid at y": "z_bar = y_bar * sigmoid(y) * (1 - sigmoid(y))",
            "slope of tanh at the output": "z_bar = y_bar * (1 - y**2)",
            "adjoint of y forgotten": "z_bar = y * (1 - y)",
            "decay of W forgotten": "W_bar = H.T @ z_bar",
            "decay of W without lam": "W_bar = H.T @ z_bar + W",
            "decay of W doubled": "W_bar = H.T @ z_bar + 2 * lam * W",
            "decay of c": "c_bar = np.sum(z_bar) + lam * c",
            "c as a mean": "c_bar = np.mean(z_bar)",
            "gradient for weight": "H_bar = np.outer(z_bar, W_bar)",
            "W updated before use": "H_bar = np.outer(z_bar, W - 0.1 * W_bar)",
            "adjoint of y for z": "H_bar = np.outer(y_bar, W)",
            "slope forgotten": "G_bar = H_bar",
            "slope with one factor": "G_bar = H_bar * (1 - H)",
            "slope of tanh": "G_bar = H_bar * (1 - H**2)",
            "decay of U forgotten": "U_bar = G_bar.T @ X",
            "decay of U without lam": "U_bar = G_bar.T @ X + U",
            "decay of U averaged": "U_bar = G_bar.T @ X + lam * U / N",
            "decay of U with minus": "U_bar = G_bar.T @ X - lam * U",
            "decay of b": "b_bar = np.sum(G_bar, axis=0) + lam * b",
            "b from H_bar": "b_bar = np.sum(H_bar, axis=0)",
        },
    ),
)


# Two hidden layers of ReLUs, softmax output, one-hot targets T (N, K).


def two_relu_loss(params: Any, X: Any, T: Any) -> Any:
    G1 = X @ params["U1"].T + params["b1"]
    H1 = relu(G1)
    G2 = H1 @ params["U2"].T + params["b2"]
    H2 = relu(G2)
    Z = H2 @ params["W"].T + params["c"]
    return mean(logsumexp(Z, axis=1) - sum(T * Z, axis=1))


TWO_RELU_CODE = """\
import numpy as np


def backprop(X, T, params):
    U1, b1, U2, b2 = params["U1"], params["b1"], params["U2"], params["b2"]
    W, c = params["W"], params["c"]
    N = len(X)
    G1 = X @ U1.T + b1
    H1 = np.maximum(G1, 0)
    G2 = H1 @ U2.T + b2
    H2 = np.maximum(G2, 0)
    Z = H2 @ W.T + c
    Y = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    loss = -np.sum(T * np.log(Y)) / N
    Z_bar = (Y - T) / N
    W_bar = Z_bar.T @ H2
    c_bar = np.sum(Z_bar, axis=0)
    H2_bar = Z_bar @ W
    G2_bar = H2_bar * (G2 > 0)
    U2_bar = G2_bar.T @ H1
    b2_bar = np.sum(G2_bar, axis=0)
    H1_bar = G2_bar @ U2
    G1_bar = H1_bar * (G1 > 0)
    U1_bar = G1_bar.T @ X
    b1_bar = np.sum(G1_bar, axis=0)
    grads = {"U1": U1_bar, "b1": b1_bar, "U2": U2_bar, "b2": b2_bar, "W": W_bar, "c": c_bar}
    return grads, loss
"""

TWO_RELU = Network(
    "two relu layers",
    two_relu_loss,
    alive(one_hot(drawn(U1=(7, 4), b1=(7,), U2=(5, 7), b2=(5,), W=(3, 5), c=(3,)), 3)),
    TWO_RELU_CODE,
    slips_in(
        TWO_RELU_CODE,
        {
            "extra y(1 - y)": "Z_bar = (Y - T) * Y * (1 - Y) / N",
            "no 1/N": "Z_bar = Y - T",
            "sign": "Z_bar = (T - Y) / N",
            "gradient of the output": "Z_bar = Y * (1 - Y) / N",
            "W of G2": "W_bar = Z_bar.T @ G2",
            "1/N twice in W": "W_bar = Z_bar.T @ H2 / N",
            "c as a mean": "c_bar = np.mean(Z_bar, axis=0)",
            "gradient for weight": "H2_bar = Z_bar @ W_bar",
            "W updated before use": "H2_bar = Z_bar @ (W - 0.1 * W_bar)",
            "second slope forgotten": "G2_bar = H2_bar",
            "second mask of H2_bar": "G2_bar = H2_bar * (H2_bar > 0)",
            "second mask turned round": "G2_bar = H2_bar * (G2 < 0)",
            "adjoint of H2 forgotten": "G2_bar = 1.0 * (G2 > 0)",
            "U2 of G1": "U2_bar = G2_bar.T @ G1",
            "U2 of the last example": "U2_bar = np.outer(G2_bar[-1], H1[-1])",
            "b2 from H2_bar": "b2_bar = np.sum(H2_bar, axis=0)",
            "b2 not summed": "b2_bar = G2_bar",
            "adjoint of H2 for G2": "H1_bar = H2_bar @ U2",
            "weight's gradient for U2": "H1_bar = G2_bar @ U2_bar",
            "U2 updated before use": "H1_bar = G2_bar @ (U2 - 0.5 * U2_bar)",
            "first slope forgotten": "G1_bar = H1_bar",
            "first slope of tanh": "G1_bar = H1_bar * (1 - H1**2)",
            "H1 for its slope": "G1_bar = H1_bar * H1",
            "U1 reshaped": "U1_bar = (X.T @ G1_bar).reshape(U1.shape)",
            "U1 halved": "U1_bar = G1_bar.T @ X / 2",
            "b1 as a mean": "b1_bar = np.mean(G1_bar, axis=0)",
        },
    ),
)

NETWORKS = [TWO_TANH, SIGMOID, REGRESSION, SOFTMAX, DECAY, TWO_RELU]


# The tutorial's network, right, in other algebra.

FORWARD = """\
import math

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(X, t, params):
    G = X @ params["U"].T + params["b"]
    H = np.tanh(G)
    z = H @ params["W"] + params["c"]
    y = sigmoid(z)
    return G, H, z, y, np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))


def backprop(X, t, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N, D = X.shape
    K = len(W)
    G, H, z, y, loss = forward(X, t, params)
"""

GRADIENTS = '    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss\n'

BODIES = {
    "matrix products": """\
    z_bar = (y - t) / N
    W_bar = np.dot(z_bar, H)
    c_bar = z_bar @ np.ones(N)
    H_bar = z_bar[:, None] @ W[None, :]
    G_bar = np.multiply(H_bar, 1 - np.square(np.tanh(G)))
    U_bar = np.matmul(X.T, G_bar).T
    b_bar = G_bar.T @ np.ones(N)
""",
    "loop over examples": """\
    U_bar, b_bar, W_bar, c_bar = np.zeros((K, D)), np.zeros(K), np.zeros(K), 0.0
    for i in range(N):
        error = (y[i] - t[i]) / N
        delta = error * W * (1 - H[i] ** 2)
        c_bar += error
        W_bar += error * H[i]
        b_bar += delta
        U_bar += np.outer(delta, X[i])
""",
    "loops over examples, units and inputs": """\
    U_bar, b_bar, W_bar, c_bar = np.zeros((K, D)), np.zeros(K), np.zeros(K), 0.0
    for i in range(N):
        error = (y[i] - t[i]) / N
        c_bar += error
        for j in range(K):
            W_bar[j] += error * H[i, j]
            g_bar = error * W[j] * (1 - H[i, j] * H[i, j])
            b_bar[j] += g_bar
            for k in range(D):
                U_bar[j, k] += g_bar * X[i, k]
""",
    "loop over units": """\
    error = y - t
    c_bar = np.mean(error)
    U_bar, b_bar, W_bar = np.empty((K, D)), np.empty(K), np.empty(K)
    for j, unit in enumerate(H.T):
        W_bar[j] = np.mean(error * unit)
        delta = error * W[j] * (1 - unit) * (1 + unit)
        b_bar[j] = np.mean(delta)
        U_bar[j] = [np.mean(delta * column) for column in X.T]
""",
    "einsum": """\
    error = (y - t) / N
    slope = 1 - H**2
    c_bar = np.einsum("i->", error)
    W_bar = np.einsum("i,ij->j", error, H)
    b_bar = np.einsum("i,j,ij->j", error, W, slope)
    U_bar = np.einsum("i,j,ij,ik->jk", error, W, slope, X)
""",
    "einsum with a path": """\
    operands = (y - t, W, 1 - H * H, X)
    path, _ = np.einsum_path("i,j,ij,ik->jk", *operands, optimize="optimal")
    U_bar = np.einsum("i,j,ij,ik->jk", *operands, optimize=path) / N
    b_bar = np.einsum("i,j,ij->j", *operands[:3], optimize=True) / N
    W_bar = np.einsum("i,ij->j", y - t, H) / N
    c_bar = np.einsum("i->", y - t) / N
""",
    "examples as columns": """\
    x, w, target = X.T, W.reshape(1, -1), t.reshape(1, -1)
    g = U @ x + b[:, None]
    h = np.tanh(g)
    output = sigmoid(w @ h + c)
    delta2 = (output - target) / N
    delta1 = (w.T @ delta2) * (1 - h**2)
    U_bar = delta1 @ x.T
    b_bar = delta1.sum(axis=1)
    W_bar = (delta2 @ h.T).ravel()
    c_bar = delta2.sum()
""",
    "homogeneous coordinates": """\
    X1 = np.hstack([X, np.ones((N, 1))])
    H1 = np.hstack([np.tanh(X1 @ np.column_stack([U, b]).T), np.ones((N, 1))])
    w = np.append(W, c)
    delta2 = (sigmoid(H1 @ w) - t) / N
    w_bar = H1.T @ delta2
    delta1 = np.outer(delta2, w) * (1 - H1**2)
    M_bar = delta1[:, :-1].T @ X1
    U_bar, b_bar, W_bar, c_bar = M_bar[:, :-1], M_bar[:, -1], w_bar[:-1], w_bar[-1]
""",
    "output from tanh": """\
    output = (1 + np.tanh(z / 2)) / 2
    z_bar = (np.tanh(z / 2) + 1 - 2 * t) / (2 * N)
    loss = -np.mean(np.log(np.where(t == 1, output, 1 - output)))
    W_bar, c_bar = z_bar @ H, z_bar.sum()
    G_bar = np.outer(z_bar, W) * (1 - H**2)
    U_bar, b_bar = G_bar.T @ X, G_bar.sum(axis=0)
""",
    "1/N at the end": """\
    delta2 = y - t
    delta1 = delta2[:, np.newaxis] * W * (1 - H**2)
    sums = {"U": delta1.T @ X, "b": delta1.sum(0), "W": H.T @ delta2, "c": delta2.sum()}
    grads = {name: total / N for name, total in sums.items()}
    return grads, loss
""",
    "1/N in each line": """\
    error = y - t
    W_bar = 1 / N * H.T @ error
    c_bar = 1 / N * np.sum(error)
    delta = np.outer(error, W) - np.outer(error, W) * H**2
    U_bar = 1 / N * delta.T @ X
    b_bar = 1 / N * np.sum(delta, axis=0)
""",
    "numbers and math": """\
    U_bar, b_bar, W_bar, c_bar = [[0.0] * D for _ in range(K)], [0.0] * K, [0.0] * K, 0.0
    loss = 0.0
    for x, target in zip(X.tolist(), t.tolist()):
        h = [math.tanh(b[j] + math.fsum(U[j][k] * x[k] for k in range(D))) for j in range(K)]
        z = c + sum(W[j] * h[j] for j in range(K))
        loss += math.log1p(math.exp(-z if target == 1 else z)) / N
        z_bar = (1 / (1 + math.exp(-z)) - target) / N
        c_bar += z_bar
        for j in range(K):
            W_bar[j] += z_bar * h[j]
            b_bar[j] += z_bar * W[j] * (1 - h[j] ** 2)
            for k in range(D):
                U_bar[j][k] += z_bar * W[j] * (1 - h[j] ** 2) * x[k]
    U_bar, b_bar, W_bar = np.array(U_bar), np.array(b_bar), np.array(W_bar)
""",
    "float32": """\
    small = {name: np.asarray(value, np.float32) for name, value in params.items()}
    X, t = np.asarray(X, np.float32), np.asarray(t, np.float32)
    G, H, z, y, loss = forward(X, t, small)
    z_bar = (y - t) / np.float32(N)
    W_bar, c_bar = H.T @ z_bar, z_bar.sum()
    G_bar = np.outer(z_bar, small["W"]) * (1 - H * H)
    U_bar, b_bar = G_bar.T @ X, G_bar.sum(axis=0)
""",
    "outer products averaged": """\
    deltas = [(y[i] - t[i]) * W * (1 - H[i] ** 2) for i in range(N)]
    U_bar = np.mean([np.outer(delta, x) for delta, x in zip(deltas, X)], axis=0)
    b_bar = np.mean(deltas, axis=0)
    W_bar = np.mean((y - t)[:, None] * H, axis=0)
    c_bar = np.mean(y - t)
""",
    "np.matrix": """\
    x, u, w, h = np.matrix(X), np.matrix(U), np.matrix(W), np.matrix(H)
    delta2 = np.matrix(y - t).T / N
    delta1 = np.multiply(delta2 * w, 1 - np.power(h, 2))
    U_bar = np.asarray(delta1.T * x).reshape(u.shape)
    b_bar = np.asarray(delta1.sum(axis=0)).ravel()
    W_bar = np.asarray(h.T * delta2).ravel()
    c_bar = float(delta2.sum())
""",
    "gradients as a tuple": """\
    z_bar = (y - t) / N
    G_bar = np.outer(z_bar, W) * (1 - H**2)
    return (G_bar.T @ X, G_bar.sum(axis=0), H.T @ z_bar, z_bar.sum()), loss
""",
    "loss first": """\
    z_bar = (y - t) / N
    G_bar = np.outer(z_bar, W) * (1 - H**2)
    grads = {"U": G_bar.T @ X, "b": G_bar.sum(axis=0), "W": H.T @ z_bar, "c": z_bar.sum()}
    return loss, grads
""",
    "W as a row": """\
    row = W.reshape(1, K)
    z_bar = sigmoid(H @ row.T + c) - t[:, None]
    z_bar /= N
    H_bar = z_bar @ row
    W_bar = z_bar.T @ H
    c_bar = np.sum(z_bar, axis=0)
    G_bar = H_bar * (1 - H**2)
    U_bar, b_bar = G_bar.T @ X, np.sum(G_bar, axis=0, keepdims=True)
""",
    "halves of the batch": """\
    def total(first, last):
        if last - first > 1:
            middle = (first + last) // 2
            return [p + q for p, q in zip(total(first, middle), total(middle, last))]
        error = y[first] - t[first]
        delta = error * W * (1 - H[first] ** 2)
        return [np.outer(delta, X[first]), delta, error * H[first], error]

    U_bar, b_bar, W_bar, c_bar = [part / N for part in total(0, N)]
""",
    "closures": """\
    grads = {}

    def affine(x, weights, bias, names):
        def back(adjoint):
            grads[names[0]] = adjoint.T @ x
            grads[names[1]] = adjoint.sum(axis=0)
            return adjoint @ weights

        return x @ weights.T + bias, back

    def squash(x):
        out = np.tanh(x)
        return out, lambda adjoint: adjoint * (1 - out**2)

    first, back_first = affine(X, U, b, "Ub")
    second, back_second = squash(first)
    third, back_third = affine(second, W[None], np.array([c]), "Wc")
    back_first(back_second(back_third((sigmoid(third) - t[:, None]) / N)))
    grads["W"], grads["c"] = grads["W"][0], grads["c"][0]
    return grads, loss
""",
    "classes": """\
    class Layer:
        def __init__(self, weights, bias):
            self.weights, self.bias = weights, bias

        def forward(self, x):
            self.x = x
            return x @ self.weights.T + self.bias

        def backward(self, adjoint):
            self.weights_bar, self.bias_bar = adjoint.T @ self.x, adjoint.sum(axis=0)
            return adjoint @ self.weights

    hidden, output = Layer(U, b), Layer(W[np.newaxis], c)
    activity = np.tanh(hidden.forward(X))
    probability = sigmoid(output.forward(activity)[:, 0])
    hidden.backward(output.backward((probability - t)[:, None] / N) * (1 - activity**2))
    U_bar, b_bar = hidden.weights_bar, hidden.bias_bar
    W_bar, c_bar = output.weights_bar[0], output.bias_bar[0]
""",
    "lists of terms": """\
    U_bar, b_bar, W_bar, c_bar = [], [], [], []
    for x, h, output, target in zip(X, H, y, t):
        c_bar += [(output - target) / N]
        W_bar += [c_bar[-1] * h]
        b_bar += [c_bar[-1] * W * (1 - h**2)]
        U_bar += [b_bar[-1][:, None] * x]
    U_bar, b_bar, W_bar, c_bar = sum(U_bar), sum(b_bar), sum(W_bar), sum(c_bar)
""",
    "complex step": """\
    grads = {}
    for name, value in params.items():
        grads[name] = np.empty(np.shape(value))
        for index in np.ndindex(np.shape(value)):
            moved = np.array(value, complex)
            moved[index] += 1e-30j
            grads[name][index] = forward(X, t, {**params, name: moved})[-1].imag / 1e-30
    return grads, loss
""",
    "central differences": """\
    grads = {}
    for name, value in params.items():
        grads[name] = np.empty(np.shape(value))
        for index in np.ndindex(np.shape(value)):
            losses = []
            for step in (1e-5, -1e-5):
                moved = np.array(value, float)
                moved[index] += step
                losses.append(forward(X, t, {**params, name: moved})[-1])
            grads[name][index] = (losses[0] - losses[1]) / 2e-5
    return grads, loss
""",
    "in place on own copies": """\
    z_bar = y.copy()
    z_bar -= t
    z_bar /= N
    slope = H.copy()
    slope *= slope
    np.subtract(1, slope, out=slope)
    slope *= W
    slope *= z_bar[:, None]
    U_bar = np.zeros((K, D))
    np.matmul(slope.T, X, out=U_bar)
    b_bar, W_bar, c_bar = slope.sum(axis=0), z_bar @ H, z_bar.sum()
""",
    "slope as 1 / cosh^2": """\
    z_bar = np.where(t == 1, -1 / (1 + np.exp(z)), y) / N
    G_bar = np.outer(z_bar, W) / np.cosh(G) ** 2
    U_bar, b_bar = np.tensordot(G_bar, X, axes=(0, 0)), np.add.reduce(G_bar)
    W_bar, c_bar = np.inner(H.T, z_bar), np.add.reduce(z_bar)
""",
    "through y": """\
    E_bar = 1.0
    y_bar = E_bar / N * (-t / y + (1 - t) / (1 - y))
    z_bar = y_bar * y * (1 - y)
    W_bar, c_bar = z_bar.dot(H), z_bar.sum()
    H_bar = np.kron(z_bar[:, None], W)
    G_bar = H_bar * (1 + H) * (1 - H)
    U_bar, b_bar = (X.T @ G_bar).T, G_bar.sum(axis=0)
""",
    "Jacobian matrices": """\
    loss_by_z = (y - t)[None, :] / N
    z_by_W, z_by_c = H, np.ones((N, 1))
    c_bar = (loss_by_z @ z_by_c).item()
    W_bar = (loss_by_z @ z_by_W)[0]
    U_bar, b_bar = np.zeros((K, D)), np.zeros(K)
    for i in range(N):
        h_by_g = np.diag(1 - H[i] ** 2)
        g_by_U = np.kron(np.eye(K), X[i])
        loss_by_g = loss_by_z[:, i] * W @ h_by_g
        U_bar += (loss_by_g @ g_by_U).reshape(K, D)
        b_bar += loss_by_g @ np.eye(K)
""",
    "tangents": """\
    def slope_of_loss(U_dot, b_dot, W_dot, c_dot):
        G_dot = X @ U_dot.T + b_dot
        H_dot = (1 - H**2) * G_dot
        z_dot = H_dot @ W + H @ W_dot + c_dot
        return np.mean((y - t) * z_dot)

    grads = {}
    zeros = [np.zeros((K, D)), np.zeros(K), np.zeros(K), np.zeros(())]
    for position, name in enumerate("UbWc"):
        grads[name] = np.empty(zeros[position].shape)
        for index in np.ndindex(zeros[position].shape):
            direction = [zero.copy() for zero in zeros]
            direction[position][index] = 1.0
            grads[name][index] = slope_of_loss(*direction)
    return grads, loss
""",
    "parts of the batch": """\
    U_bar, b_bar, W_bar, c_bar = 0.0, 0.0, 0.0, 0.0
    for part in np.array_split(np.random.permutation(N), 3):
        error = (y[part] - t[part]) / N
        delta = error[:, None] * (W - W * H[part] ** 2)
        U_bar = U_bar + delta.T @ X[part]
        b_bar = b_bar + delta.sum(axis=0)
        W_bar = W_bar + error @ H[part]
        c_bar = c_bar + error.sum()
""",
}

RIGHT = {
    name: FORWARD + body + ("" if "\n    return " in body else GRADIENTS)
    for name, body in BODIES.items()
}
"""Correct sources; "gradients as a tuple", "loss first" and "W as a row" are not of the plain form.

"float32" is right to 1e-4 and "central differences" to 1e-5, all others to 1e-12.
"""
