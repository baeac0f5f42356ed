"""Networks with a right backward pass by hand, and slips in it as patches of its lines.

A slip replaces one line of a network's `code`, so that two slips of different lines can be put in
together.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff import logistic_cross_entropy, logsumexp, mean, relu, sigmoid, sum, tanh
from mlp import engine

N = 9
LAMBDA = 0.1


Problem = Callable[[np.random.Generator], tuple[Any, Any, dict[str, Any]]]


class Slip(NamedTuple):
    """A line of a network's code, the line written instead of it, and the equation it breaks."""

    old: str
    new: str
    equation: str


class Network(NamedTuple):
    name: str
    loss: Callable[..., Any]
    problem: Problem
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


def network(
    name: str, loss: Callable[..., Any], problem: Problem, code: str, lines: dict[str, str]
) -> Network:
    """Return a network; each of the wrong lines stands where its code assigns the same name."""
    right = {line.split(" = ")[0].strip(): line.strip() for line in code.splitlines()}
    slips = {}
    for slip, new in lines.items():
        equation = new.split(" = ")[0]
        slips[slip] = Slip(right[equation], new, equation)
    return Network(name, loss, problem, code, slips)


def spread(rng: np.random.Generator, *shape: int) -> Any:
    """Return numbers of both signs, none near 0 and none large."""
    signs = rng.permutation(np.resize([1.0, -1.0], int(np.prod(shape))))
    return signs.reshape(shape) * rng.uniform(0.3, 0.9, shape)


def labels(rng: np.random.Generator) -> Any:
    return rng.permutation(np.arange(N) % 2)


def one_hot(rng: np.random.Generator) -> Any:
    return np.eye(3)[rng.permutation(np.arange(N) % 3)]


def real(rng: np.random.Generator) -> Any:
    return rng.normal(size=N)


def are_alive(relus: Sequence[tuple[str, str]], X: Any, params: dict[str, Any]) -> bool:
    """Return whether each ReLU is on for some examples and off for others."""
    for U, b in relus:
        G = X @ params[U].T + params[b]
        on = np.sum(G > 0, axis=0)
        if np.any((on <= 1) | (on >= N - 1)):
            return False
        X = G * (G > 0)
    return True


def drawn(
    targets: Callable[[np.random.Generator], Any] = labels,
    relus: Sequence[tuple[str, str]] = (),
    **shapes: tuple[int, ...],
) -> Problem:
    """Return a function that draws X (N, D), targets and parameters with which ReLUs are alive."""

    def problem(rng: np.random.Generator) -> Any:
        while True:
            X = rng.uniform(-1.5, 1.5, (N, shapes[next(iter(shapes))][1]))
            t = targets(rng)
            params = {name: spread(rng, *shape) for name, shape in shapes.items()}
            if are_alive(relus, X, params):
                return X, t, params

    return problem


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

TUTORIAL = network(
    "tutorial",
    engine.loss,
    drawn(U=(3, 2), b=(3,), W=(3,), c=()),
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

TWO_TANH = network(
    "two tanh layers",
    two_tanh_loss,
    drawn(U1=(5, 4), b1=(5,), U2=(3, 5), b2=(3,), W=(3,), c=()),
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

SIGMOID = network(
    "sigmoid hidden layer",
    sigmoid_loss,
    drawn(U=(5, 4), b=(5,), W=(5,), c=()),
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

REGRESSION = network(
    "relu regression",
    regression_loss,
    drawn(real, [("U", "b")], U=(5, 4), b=(5,), W=(5,), c=()),
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

SOFTMAX = network(
    "softmax",
    softmax_loss,
    drawn(one_hot, U=(5, 4), b=(5,), W=(3, 5), c=(3,)),
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

DECAY = network(
    "squared loss with weight decay",
    decay_loss,
    drawn(U=(5, 4), b=(5,), W=(5,), c=()),
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

TWO_RELU = network(
    "two relu layers",
    two_relu_loss,
    drawn(
        one_hot,
        [("U1", "b1"), ("U2", "b2")],
        **{"U1": (7, 4), "b1": (7,), "U2": (5, 7), "b2": (5,), "W": (3, 5), "c": (3,)},
    ),
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
)

NETWORKS = [TWO_TANH, SIGMOID, REGRESSION, SOFTMAX, DECAY, TWO_RELU]
