"""Mistakes in networks and conventions that people use, each in the line that it is in."""

import linecache
import textwrap

import numpy as np
import pytest
from slip_corpus import compiled

from autodiff import logistic_cross_entropy, sigmoid
from comparisons.homework.checking import Task, check_backprop


def columns(params, X, Y):
    Z1 = params["W1"] @ X + params["b1"]
    A1 = np.tanh(Z1)
    Z2 = params["W2"] @ A1 + params["b2"]
    return np.mean(logistic_cross_entropy(Z2, Y))


COLUMNS = """
    def backprop(X, Y, params):
        W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
        m = X.shape[1]
        A1 = np.tanh(W1 @ X + b1)
        A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
        dZ2 = A2 - Y
        dW2 = dZ2 @ A1.T / m
        db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = W2.T @ dZ2 * (1 - A1**2)
        dW1 = dZ1 @ X.T / m
        db1 = np.sum(dZ1, axis=1, keepdims=True) / m
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
"""


def first_column(params, X, t):
    z = params["w"][:, 1:] @ X.T + params["w"][:, :1]
    decay = 0.05 * np.sum(params["w"][:, 1:] ** 2)
    return np.mean(logistic_cross_entropy(z, t[None, :])) + decay


FIRST_COLUMN = """
    def backprop(X, t, params):
        w = params["w"]
        ones = np.ones((len(X), 1))
        inputs = np.hstack([ones, X])
        y = 1 / (1 + np.exp(-(w @ inputs.T)))
        penalty = 0.1 * w
        penalty[:, 0] = 0
        grad = (y - t) @ inputs / len(X) + penalty
        return {"w": grad}
"""


def gates(params, x, s):
    keep = sigmoid(params["K"] @ x + params["k"])
    new = np.tanh(params["M"] @ x + params["m"])
    return np.sum((keep * s + (1 - keep) * new) ** 2)


GATES = """
    class Cell:
        def __init__(self, params):
            self.p = params

        def forward(self, x, s):
            self.x, self.s = x, s
            self.keep = 1 / (1 + np.exp(-(self.p["K"] @ x + self.p["k"])))
            self.new = np.tanh(self.p["M"] @ x + self.p["m"])
            return self.keep * s + (1 - self.keep) * self.new

        def backward(self, dout):
            dkeep = dout * (self.s - self.new)
            dnew = dout * (1 - self.keep)
            da = dkeep * self.keep * (1 - self.keep)
            dc = dnew * (1 - self.new**2)
            grads = {"K": np.outer(da, self.x), "M": np.outer(dc, self.x)}
            grads["k"] = da
            grads["m"] = dc
            return grads

    def backprop(x, s, params):
        cell = Cell(params)
        out = cell.forward(x, s)
        return cell.backward(2 * out)
"""


def per_example(params, X, t):
    return np.mean((np.tanh(X @ params["w"]) - t) ** 2)


PER_EXAMPLE = """
    def backprop(X, t, params):
        w = params["w"]
        total = np.zeros(len(w))
        for x, target in zip(X, t):
            out = np.tanh(x @ w)
            step = 2 * (out - target) * (1 - out**2)
            total = total + step * x
        return {"w": total / len(X)}
"""


ONE_LINE_A_GATE = """
    def backprop(x, s, params):
        keep = 1 / (1 + np.exp(-(params["K"] @ x + params["k"])))
        new = np.tanh(params["M"] @ x + params["m"])
        top = 2 * (keep * s + (1 - keep) * new)
        back_keep = top * (s - new) * keep * (1 - keep)
        back_new = top * (1 - keep) * (1 - new**2)
        gK, gM = np.outer(back_keep, x), np.outer(back_new, x)
        gk, gm = back_keep, back_new
        return {"K": gK, "M": gM, "k": gk, "m": gm}
"""


def numbers(params, x, t):
    h = sigmoid(x * params["u"] + params["p"])
    y = sigmoid(h * params["v"] + params["q"])
    return (y - t) ** 2


NUMBERS = """
    def backprop(x, t, params):
        u, p, v, q = (params[key] for key in "upvq")
        h = 1 / (1 + np.exp(-(x * u + p)))
        y = 1 / (1 + np.exp(-(h * v + q)))
        dy = 2 * (y - t)
        dh = dy * y * (1 - y) * v
        gv = dy * y * (1 - y) * h
        gq = dy * y * (1 - y)
        gu = dh * h * (1 - h) * x
        gp = dh * h * (1 - h)
        return {"u": gu, "p": gp, "v": gv, "q": gq}
"""


def drawn(**sizes):
    def problem(rng):
        data = [rng.normal(size=n) for key, n in sizes.items() if key.startswith("data")]
        params = {key: rng.normal(size=n) for key, n in sizes.items() if not key.startswith("data")}
        return *data, params

    return problem


def with_labels(problem):
    def labelled(rng):
        X, t, params = problem(rng)
        return X, 1.0 * (t > 0), params

    return labelled


SHAPES = {"W1": (4, 2), "b1": (4, 1), "W2": (1, 4), "b2": (1, 1)}
NETWORKS = {
    "columns": (columns, with_labels(drawn(data=(2, 7), data2=(1, 7), **SHAPES)), COLUMNS),
    "first column": (
        first_column,
        with_labels(drawn(data=(9, 3), data2=9, w=(1, 4))),
        FIRST_COLUMN,
    ),
    "gates": (gates, drawn(data=3, data2=2, K=(2, 3), k=2, M=(2, 3), m=2), GATES),
    "a line a gate": (gates, drawn(data=3, data2=2, K=(2, 3), k=2, M=(2, 3), m=2), ONE_LINE_A_GATE),
    "numbers": (numbers, drawn(data=(), data2=(), u=(), p=(), v=(), q=()), NUMBERS),
    "per example": (per_example, drawn(data=(8, 3), data2=8, w=3), PER_EXAMPLE),
}
MISTAKES = [
    (
        "columns",
        "axis=1, keepdims=True) / m\n    dZ1",
        "axis=0, keepdims=True) / m\n    dZ1",
        "b2_bar",
        "sum",
    ),
    ("columns", "dZ2 @ A1.T", "dZ2 @ A2.T", "W2_bar", "in place of A1"),
    ("columns", "(1 - A1**2)", "(1 - A1)", "Z1_bar", "slope became 1 - A1"),
    ("first column", "penalty[:, 0] = 0", "penalty[:, 0] = 0.1", "w_bar", "is added in [:, :1]"),
    ("gates", 'grads["k"] = da', 'grads["k"] = dc', "k_bar", "in place of"),
    ("gates", "(self.s - self.new)", "(self.s + self.new)", "keep_bar", "minus was forgotten"),
    ("per example", "(1 - out**2)", "(1 - out)", "w_bar", "factor np.tanh(X @ w)"),
]


def code_of(name):
    return "import numpy as np\n" + textwrap.dedent(NETWORKS[name][2])


def checked(name, code):
    loss, problem, _ = NETWORKS[name]
    lines = len(code), None, code.splitlines(True), "<submission>"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(linecache.cache, "<submission>", lines)
        return check_backprop(compiled(code), Task(loss, problem))


def test_what_later_adjoints_are_seen_to_be_is_not_taken_for_a_mistake_before_them():
    code = code_of("a line a gate").replace(
        "gk, gm = back_keep, back_new", "gk, gm = back_new, back_new"
    )
    check = checked("a line a gate", code)
    assert [slip["equation"] for slip in check.mistakes] == ["k_bar"], check.text()


def test_a_wrong_gradient_that_is_equal_to_an_adjoint_is_not_taken_for_it():
    """A weight for its input gives what comes back to the layer before."""
    code = code_of("numbers").replace("dy * y * (1 - y) * v", "dy * v")
    code = code.replace("gv = dy * y * (1 - y) * h", "gv = dy * y * (1 - y) * v")
    check = checked("numbers", code)
    assert {slip["equation"] for slip in check.mistakes} == {"h_bar", "v_bar"}, check.text()


@pytest.mark.parametrize("name", NETWORKS)
def test_right_code_in_any_style_is_right(name):
    check = checked(name, code_of(name))
    assert check.ok, check.text()
    assert check.notes == []


def test_a_name_that_nobody_gave_is_explained_in_a_hint():
    check = checked("gates", code_of("gates").replace("(1 - self.new**2)", "(1 - self.new)"))
    (_, where, line) = check.hint(2)
    assert where == "Look at the equation of your dc (the adjoint of M @ x + m)."
    assert line.startswith("This is your line")


@pytest.mark.parametrize("written", ["grad_A1", "dA1", "A1_bar", "dL_dA1"])
def test_an_adjoint_that_no_slip_explains_is_known_by_its_name(written):
    strange = f"{written} = np.sin(W2.T @ dZ2)\n    dZ1 = {written} * (1 - A1**2)"
    code = code_of("columns").replace("dZ1 = W2.T @ dZ2 * (1 - A1**2)", strange)
    check = checked("columns", code.replace("dZ1 @ X.T / m", "dZ1 @ X.T"))
    assert {slip["equation"] for slip in check.mistakes} == {"W1_bar"}
    assert check.diagnosis.left == ["What is wrong in A1_bar = W2.T @ Z2_bar was not found."]


@pytest.mark.parametrize(("name", "right", "wrong", "equation", "words"), MISTAKES)
def test_a_mistake_is_named_in_its_equation_and_line(name, right, wrong, equation, words):
    code = code_of(name)
    assert code.count(right) == 1
    check = checked(name, code.replace(right, wrong))
    assert len(check.mistakes) == 1, check.text()
    assert check.mistakes[0]["equation"].startswith(equation)
    assert words in check.mistakes[0]["words"]
    line = code[: code.index(right)].count("\n") + 1
    (said,) = check.lines
    assert said.startswith((f"This is your line {line}: ", "It shows first in line "))
