"""Forward passes with a mistake, in several styles of code, and the line in which it is.

A mistake replaces one expression of a style's code; `beside` are other replacements, which make the
backward pass that of the network that is written then. Where there are none, either it is so anyway
or the backward pass stays that of the right network.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from slip_corpus import Problem, drawn

from autodiff import logistic_cross_entropy, mean, relu, tanh
from mlp import engine


class Mistake(NamedTuple):
    """What stands in place of `old`, and the equation that is wrong then."""

    style: str
    old: str
    new: str
    equation: str
    beside: tuple[tuple[str, str], ...] = ()

    def code(self) -> str:
        code = STYLES[self.style]
        for old, new in ((self.old, self.new), *self.beside):
            assert code.count(old) == 1, (old, code.count(old))
            code = code.replace(old, new)
        return code

    @property
    def line(self) -> int:
        return STYLES[self.style].partition(self.old)[0].count("\n") + 1


class Network(NamedTuple):
    name: str
    loss: Callable[..., Any]
    problem: Problem
    mistakes: dict[str, Mistake]


def deep_loss(params: Any, X: Any, t: Any) -> Any:
    G1 = X @ params["U1"].T + params["b1"]
    H1 = relu(G1)
    G2 = H1 @ params["U2"].T + params["b2"]
    H2 = tanh(G2)
    z = H2 @ params["W"] + params["c"]
    return mean(logistic_cross_entropy(z, t))


IMPORT = """\
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


"""

STYLES = {
    "plain": """\
def backprop(X, t, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N = len(X)
    G = X @ U.T + b
    H = np.tanh(G)
    z = H @ W + c
    y = sigmoid(z)
    loss = np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))
    z_bar = (y - t) / N
    W_bar = H.T @ z_bar
    c_bar = np.sum(z_bar)
    H_bar = np.outer(z_bar, W)
    G_bar = H_bar * (1 - H**2)
    U_bar = G_bar.T @ X
    b_bar = np.sum(G_bar, axis=0)
    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss
""",
    "short": """\
def backprop(X, t, params):
    U, b, W, c = (params[key] for key in "UbWc")
    hidden = np.tanh(X.dot(U.T) + b)
    output = sigmoid(hidden.dot(W) + c)
    error = (output - t) / X.shape[0]
    delta = error[:, None] * W * (1 - hidden * hidden)
    return {
        "U": delta.T.dot(X),
        "b": delta.sum(axis=0),
        "W": hidden.T.dot(error),
        "c": error.sum(),
    }
""",
    "two functions": """\
def forward(x, params):
    a1 = np.dot(x, params["U"].T)
    a1 += params["b"]
    h = np.tanh(a1)
    a2 = np.dot(h, params["W"]) + params["c"]
    return {"a1": a1, "h": h, "y": sigmoid(a2)}


def cost(y, t):
    losses = -(t * np.log(y) + (1 - t) * np.log(1 - y))
    return losses.mean()


def backprop(X, t, params):
    cache = forward(X, params)
    h, y = cache["h"], cache["y"]
    J = cost(y, t)
    d2 = y - t
    d1 = d2.reshape(-1, 1) @ params["W"].reshape(1, -1) * (1 - np.square(h))
    n = t.size
    grads = {
        "U": d1.T @ X / n,
        "b": d1.mean(axis=0),
        "W": h.T @ d2 / n,
        "c": d2.mean(),
    }
    return grads, J
""",
    "columns": """\
def backprop(X, t, params):
    x, labels = X.T, t.reshape(1, -1)
    m = x.shape[1]
    w1, b1 = params["U"], params["b"].reshape(-1, 1)
    w2 = params["W"].reshape(1, -1)
    Z1 = w1 @ x + b1
    A1 = np.tanh(Z1)
    Z2 = w2 @ A1 + params["c"]
    A2 = sigmoid(Z2)
    cost = -np.sum(labels * np.log(A2) + (1 - labels) * np.log(1 - A2)) / m
    dZ2 = A2 - labels
    dW = (dZ2 @ A1.T / m).ravel()
    dc = np.sum(dZ2) / m
    dZ1 = w2.T @ dZ2 * (1 - A1**2)
    dU = dZ1 @ x.T / m
    db = np.sum(dZ1, axis=1) / m
    return {"U": dU, "b": db, "W": dW, "c": dc}, cost
""",
    "deep plain": """\
def backprop(X, t, params):
    U1, b1, U2, b2 = params["U1"], params["b1"], params["U2"], params["b2"]
    W, c = params["W"], params["c"]
    N = len(X)
    G1 = X @ U1.T + b1
    H1 = np.maximum(G1, 0)
    G2 = H1 @ U2.T + b2
    H2 = np.tanh(G2)
    z = H2 @ W + c
    y = sigmoid(z)
    loss = np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))
    z_bar = (y - t) / N
    W_bar = H2.T @ z_bar
    c_bar = np.sum(z_bar)
    H2_bar = np.outer(z_bar, W)
    G2_bar = H2_bar * (1 - H2**2)
    U2_bar = G2_bar.T @ H1
    b2_bar = np.sum(G2_bar, axis=0)
    H1_bar = G2_bar @ U2
    G1_bar = H1_bar * (G1 > 0)
    U1_bar = G1_bar.T @ X
    b1_bar = np.sum(G1_bar, axis=0)
    grads = {"U1": U1_bar, "b1": b1_bar, "U2": U2_bar, "b2": b2_bar, "W": W_bar, "c": c_bar}
    return grads, loss
""",
    "deep short": """\
def relu(x):
    return x * (x > 0)


def backprop(X, t, params):
    U1, b1, U2, b2, W, c = params.values()
    h1 = relu(X @ U1.T + b1)
    h2 = np.tanh(h1 @ U2.T + b2)
    y = sigmoid(h2 @ W + c)
    e = (y - t) / len(t)
    d2 = np.outer(e, W) * (1 - h2**2)
    d1 = d2 @ U2 * (h1 > 0)
    return {
        "U1": d1.T @ X,
        "b1": d1.sum(axis=0),
        "U2": d2.T @ h1,
        "b2": d2.sum(axis=0),
        "W": e @ h2,
        "c": e.sum(),
    }
""",
    "deep layers": """\
class Layer:
    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias

    def forward(self, x):
        self.x = x
        out = x @ self.weights.T
        out = out + self.bias
        return out

    def backward(self, adjoint):
        self.weights_bar, self.bias_bar = adjoint.T @ self.x, adjoint.sum(axis=0)
        return adjoint @ self.weights


def backprop(X, t, params):
    first = Layer(params["U1"], params["b1"])
    second = Layer(params["U2"], params["b2"])
    last = Layer(params["W"][None, :], params["c"])
    labels = t[:, None]
    s1 = first.forward(X)
    r1 = np.where(s1 > 0, s1, 0)
    s2 = second.forward(r1)
    r2 = np.tanh(s2)
    s3 = last.forward(r2)
    p = sigmoid(s3)
    E = np.mean(-labels * np.log(p) - (1 - labels) * np.log(1 - p))
    d3 = (p - labels) / len(p)
    d2 = last.backward(d3) * (1 - r2**2)
    d1 = second.backward(d2) * (s1 > 0)
    first.backward(d1)
    return {
        "U1": first.weights_bar,
        "b1": first.bias_bar,
        "U2": second.weights_bar,
        "b2": second.bias_bar,
        "W": last.weights_bar[0],
        "c": last.bias_bar[0],
    }, E
""",
}
STYLES = {name: IMPORT + code for name, code in STYLES.items()}

PLAIN_LOSS = "np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))"
LAYERS_LOSS = "np.mean(-labels * np.log(p) - (1 - labels) * np.log(1 - p))"
COLUMNS_COST = "-np.sum(labels * np.log(A2) + (1 - labels) * np.log(1 - A2)) / m"
LOSSES = "-(t * np.log(y) + (1 - t) * np.log(1 - y))"

IN_THE_TUTORIAL = {
    "sigmoid for tanh": Mistake(
        "plain", "np.tanh(G)", "sigmoid(G)", "H", (("(1 - H**2)", "H * (1 - H)"),)
    ),
    "sigmoid for tanh, slope of tanh": Mistake(
        "columns", "np.tanh(Z1)", "1 / (1 + np.exp(-Z1))", "H"
    ),
    "relu for tanh": Mistake(
        "two functions",
        "np.tanh(a1)",
        "np.maximum(0, a1)",
        "H",
        (("(1 - np.square(h))", "(h > 0)"),),
    ),
    "relu the wrong way round": Mistake(
        "plain", "np.tanh(G)", "np.minimum(0, G)", "H", (("(1 - H**2)", "(G < 0)"),)
    ),
    "activation left out": Mistake(
        "short",
        "np.tanh(X.dot(U.T) + b)",
        "X.dot(U.T) + b",
        "H",
        ((" * (1 - hidden * hidden)", ""),),
    ),
    "activation twice": Mistake("plain", "np.tanh(G)", "np.tanh(np.tanh(G))", "H"),
    "hidden bias forgotten": Mistake("short", "X.dot(U.T) + b", "X.dot(U.T)", "G"),
    "output bias forgotten": Mistake("plain", "H @ W + c", "H @ W", "z"),
    "bias subtracted": Mistake("columns", "w1 @ x + b1", "w1 @ x - b1", "G"),
    "bias after the activation": Mistake(
        "short", "np.tanh(X.dot(U.T) + b)", "np.tanh(X.dot(U.T)) + b", "G and H"
    ),
    "weights for the bias": Mistake("two functions", 'params["b"]', 'params["W"]', "G"),
    "hidden layer not read": Mistake("columns", "w2 @ A1 +", "w2 @ Z1 +", "z"),
    "weights reshaped": Mistake("plain", "X @ U.T", "X @ U.reshape(2, 3)", "G"),
    "inputs halved": Mistake(
        "two functions", 'np.dot(x, params["U"].T)', '0.5 * np.dot(x, params["U"].T)', "G"
    ),
    "output not squashed": Mistake("short", "sigmoid(hidden.dot(W) + c)", "hidden.dot(W) + c", "y"),
    "tanh at the output": Mistake("plain", "y = sigmoid(z)", "y = np.tanh(z)", "y"),
    "sign in the exponent": Mistake("columns", "sigmoid(Z2)", "1 / (1 + np.exp(Z2))", "y"),
    "squared error": Mistake(
        "plain",
        PLAIN_LOSS,
        "np.mean((y - t) ** 2)",
        "loss",
        (("(y - t) / N", "2 * (y - t) * y * (1 - y) / N"),),
    ),
    "loss summed": Mistake(
        "columns",
        COLUMNS_COST,
        COLUMNS_COST.removesuffix(" / m"),
        "loss",
        (
            ("(dZ2 @ A1.T / m)", "(dZ2 @ A1.T)"),
            ("np.sum(dZ2) / m", "np.sum(dZ2)"),
            ("dZ1 @ x.T / m", "dZ1 @ x.T"),
            ("axis=1) / m", "axis=1)"),
        ),
    ),
    "loss without its minus": Mistake(
        "two functions", LOSSES, LOSSES.removeprefix("-"), "loss", (("d2 = y - t", "d2 = t - y"),)
    ),
    "loss of label 1 alone": Mistake(
        "plain",
        PLAIN_LOSS,
        "np.mean(-t * np.log(y))",
        "loss",
        (("(y - t) / N", "t * (y - 1) / N"),),
    ),
}

IN_TWO_HIDDEN_LAYERS = {
    "sigmoid for tanh": Mistake(
        "deep layers", "np.tanh(s2)", "sigmoid(s2)", "H2", (("(1 - r2**2)", "r2 * (1 - r2)"),)
    ),
    "tanh for relu": Mistake(
        "deep plain", "np.maximum(G1, 0)", "np.tanh(G1)", "H1", (("(G1 > 0)", "(1 - H1**2)"),)
    ),
    "minimum for maximum": Mistake(
        "deep plain", "np.maximum(G1, 0)", "np.minimum(G1, 0)", "H1", (("(G1 > 0)", "(G1 < 0)"),)
    ),
    "relu for tanh, slope of tanh": Mistake("deep layers", "np.tanh(s2)", "s2 * (s2 > 0)", "H2"),
    "first activation left out": Mistake(
        "deep plain", "np.maximum(G1, 0)", "G1", "H1", ((" * (G1 > 0)", ""),)
    ),
    "second activation left out": Mistake(
        "deep short",
        "np.tanh(h1 @ U2.T + b2)",
        "h1 @ U2.T + b2",
        "H2",
        ((" * (1 - h2**2)", ""),),
    ),
    "first bias forgotten": Mistake("deep plain", "X @ U1.T + b1", "X @ U1.T", "G1"),
    "second bias forgotten": Mistake("deep short", "h1 @ U2.T + b2", "h1 @ U2.T", "G2"),
    "output bias forgotten": Mistake("deep short", "h2 @ W + c", "h2 @ W", "z"),
    "bias subtracted": Mistake("deep plain", "H1 @ U2.T + b2", "H1 @ U2.T - b2", "G2"),
    "bias after the activation": Mistake(
        "deep short", "np.tanh(h1 @ U2.T + b2)", "np.tanh(h1 @ U2.T) + b2", "G2 and H2"
    ),
    "bias of the other layer": Mistake("deep plain", "U2.T + b2", "U2.T + b1", "G2"),
    "weights of the other layer": Mistake("deep short", "h1 @ U2.T", "h1 @ U1.T", "G2"),
    "inputs for the first layer": Mistake("deep plain", "H1 @ U2.T", "X @ U2.T", "G2"),
    "first layer for the second": Mistake("deep short", "h2 @ W + c", "h1 @ W + c", "z"),
    "weights not transposed": Mistake(
        "deep plain",
        "H1 @ U2.T",
        "H1 @ U2",
        "G2",
        (("G2_bar.T @ H1", "H1.T @ G2_bar"), ("G2_bar @ U2\n", "G2_bar @ U2.T\n")),
    ),
    "factor": Mistake("deep layers", "np.tanh(s2)", "2 * np.tanh(s2)", "H2"),
    "sign in the exponent": Mistake("deep plain", "y = sigmoid(z)", "y = 1 / (1 + np.exp(z))", "y"),
    "half the squared error": Mistake(
        "deep layers",
        LAYERS_LOSS,
        "np.mean((p - labels) ** 2) / 2",
        "loss",
        (("(p - labels) / len(p)", "(p - labels) * p * (1 - p) / len(p)"),),
    ),
    "loss summed": Mistake(
        "deep plain",
        PLAIN_LOSS,
        PLAIN_LOSS.replace("mean", "sum"),
        "loss",
        (("(y - t) / N", "y - t"),),
    ),
    "plus for minus in the loss": Mistake(
        "deep layers",
        LAYERS_LOSS,
        LAYERS_LOSS.replace(" - (1 - labels) *", " + (1 - labels) *"),
        "loss",
    ),
}

NETWORKS = (
    Network("tutorial", engine.loss, drawn(U=(3, 2), b=(3,), W=(3,), c=()), IN_THE_TUTORIAL),
    Network(
        "two hidden layers",
        deep_loss,
        drawn(relus=(("U1", "b1"),), U1=(4, 4), b1=(4,), U2=(4, 4), b2=(4,), W=(4,), c=()),
        IN_TWO_HIDDEN_LAYERS,
    ),
)
