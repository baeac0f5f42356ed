"""Several mistakes at once, as they stand in code: each is found where it is, and no other."""

import numpy as np
import pytest
from slip_corpus import compiled

from autodiff import logistic_cross_entropy
from comparisons.homework import checking
from comparisons.homework.checking import Task, check_backprop

RIGHT = {
    "z_bar": "(y - t) / N",
    "w_bar": "H2.T @ z_bar",
    "c_bar": "np.sum(z_bar)",
    "H2_bar": "np.outer(z_bar, w)",
    "G2_bar": "H2_bar * (1 - H2**2)",
    "U2_bar": "G2_bar.T @ H1",
    "b2_bar": "np.sum(G2_bar, axis=0)",
    "H1_bar": "G2_bar @ U2",
    "G1_bar": "H1_bar * (1 - H1**2)",
    "U1_bar": "G1_bar.T @ X",
    "b1_bar": "np.sum(G1_bar, axis=0)",
}
WRONG = {
    "z_bar": ["(t - y) / N", "y / N", "(y - t) / N * y * (1 - y)"],
    "w_bar": ["H1.T @ z_bar", "G2.T @ z_bar", "H2.T @ np.ones(N)"],
    "c_bar": ["np.mean(z_bar)", "z_bar[-1]"],
    "H2_bar": ["np.outer(z_bar, w_bar)", "np.outer(t, w)", "-np.outer(z_bar, w)"],
    "G2_bar": ["H2_bar * (1 - H2)", "H2_bar * (1 - G2**2)", "H2_bar * (1 - H1**2)"],
    "U2_bar": ["H2_bar.T @ H1", "G2_bar.T @ G1", "H1.T @ G2_bar"],
    "b2_bar": ["np.mean(G2_bar, axis=0)", "np.sum(H2_bar, axis=0)", "G2_bar[0]"],
    "H1_bar": ["G2_bar @ U2.T", "H2_bar @ U2", "G2_bar @ (U2 - 0.5 * U2_bar)"],
    "G1_bar": ["H1_bar * (1 + H1**2)", "H1_bar * H1 * (1 - H1)", "H2_bar * (1 - H1**2)"],
    "U1_bar": ["H1_bar.T @ X", "(X.T @ G1_bar).reshape(3, 2)", "2 * G1_bar.T @ X"],
    "b1_bar": ["np.sum(H1_bar, axis=0)", "np.sum(G2_bar, axis=0)"],
}
CODE = """
import numpy as np

def backprop(X, t, params):
    U1, b1, U2, b2, w, c = (params[name] for name in ("U1", "b1", "U2", "b2", "w", "c"))
    N = len(X)
    G1 = X @ U1.T + b1
    H1 = np.tanh(G1)
    G2 = H1 @ U2.T + b2
    H2 = np.tanh(G2)
    y = 1 / (1 + np.exp(-(H2 @ w + c)))
{backward}
    return {{"U1": U1_bar, "b1": b1_bar, "U2": U2_bar, "b2": b2_bar, "w": w_bar, "c": c_bar}}
"""


def loss(params, X, t):
    G1 = X @ params["U1"].T + params["b1"]
    H1 = np.tanh(G1)
    G2 = H1 @ params["U2"].T + params["b2"]
    H2 = np.tanh(G2)
    z = H2 @ params["w"] + params["c"]
    return np.mean(logistic_cross_entropy(z, t))


def problem(rng):
    X, t, params = checking.problem(rng)
    sizes = {"U1": (3, 2), "b1": 3, "U2": (3, 3), "b2": 3, "w": 3}
    signs = (-1.0, 1.0)
    drawn = {k: rng.uniform(0.4, 1.2, n) * rng.choice(signs, n) for k, n in sizes.items()}
    return X, t, {**drawn, "c": params["c"]}


def checked(**changes):
    """Check the backward pass with other right sides, or another line in place of one."""
    lines = [f"    {name} = {changes.get(name, right)}" for name, right in RIGHT.items()]
    return check_backprop(compiled(CODE.format(backward="\n".join(lines))), Task(loss, problem))


def equations(check):
    return {slip["equation"] for slip in check.mistakes}


def line_of(name):
    return 1 + CODE.partition("{backward}")[0].count("\n") + list(RIGHT).index(name)


DRAWS = [np.random.default_rng([number, seed]) for number in (2, 3, 4, 5) for seed in range(4)]


@pytest.mark.parametrize("rng", DRAWS, ids=lambda rng: str(rng.bit_generator.seed_seq.entropy))
def test_every_one_of_several_mistakes_is_found_and_no_other(rng):
    number = rng.bit_generator.seed_seq.entropy[0]
    names = [str(name) for name in rng.choice(list(RIGHT), number, replace=False)]
    wrong = {name: str(rng.choice(WRONG[name])) for name in names}
    check = checked(**wrong)
    assert equations(check) == set(wrong), check.text()
    assert not check.diagnosis.left
    for slip, line in zip(check.mistakes, check.lines):
        assert line == f"This is your line {line_of(slip['equation'])}."


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("z_bar", "(y - t) / N * (1 - y)", "there is a factor 1 - y too many"),
        ("c_bar", "np.sum(z_bar * y)", "there is a factor y too many"),
        ("G2_bar", "H2_bar * (1 - 2 * H2)", "the slope became 1 - 2 * H2"),
        ("G2_bar", "H2_bar * np.tanh(H2)", "the slope became np.tanh(H2)"),
        ("b2_bar", "np.sum(G2_bar) * np.ones(3)", "all is summed"),
    ],
)
def test_a_mistake_is_named_beside_two_others(name, wrong, words):
    check = checked(H1_bar="-G2_bar @ U2", b1_bar="G1_bar[0]", **{name: wrong})
    assert {slip["equation"]: slip["words"] for slip in check.mistakes}[name] == words
    assert len(check.mistakes) == 3


def test_only_what_is_confirmed_is_said_beside_what_was_not_found():
    check = checked(z_bar="-(y - t) / N", w_bar="(1 - H2).T @ z_bar", c_bar="np.sum(y) / N")
    assert equations(check) == {"z_bar", "c_bar"}
    assert check.diagnosis.left == ["What is wrong in w_bar = H2.T @ z_bar was not found."]


def test_the_mistake_to_mend_first_is_the_first_on_the_way_back():
    sentences = checked(c_bar="z_bar[-1]", H1_bar="-G2_bar @ U2", b2_bar="G2_bar[0]").hint()
    starts = [x.partition(",")[0] for x in sentences if "you have" in x]
    assert starts == [
        "Mend this first: in your H1_bar", "Then: in your c_bar", "Then: in your b2_bar",
    ]  # fmt: skip


def test_a_right_value_that_is_not_used_is_not_called_wrong():
    check = checked(U1_bar="H1_bar.T @ X", b1_bar="np.sum(H1_bar, axis=0)")
    assert equations(check) == {"U1_bar", "b1_bar"}


@pytest.mark.parametrize("factor", ["N", "-1", "-2 * N"])
def test_adjoints_may_be_multiples_until_the_end(factor):
    """That is a convention and no mistake; the one that is made is found beside it."""
    by = {name: f"({RIGHT[name]}) / ({factor})" for name in RIGHT if name[0] not in "zHG"}
    by["z_bar"] = f"({factor}) * (y - t) / N"
    assert checked(**by).ok
    check = checked(**by, G1_bar="H1_bar * (1 - H1)")
    assert equations(check) == {"G1_bar"}
    assert check.lines == [f"This is your line {line_of('G1_bar')}."]


def test_what_no_slip_explains_is_said_beside_what_is_found():
    check = checked(w_bar="np.sin(7 * w)", G1_bar="H1_bar * (1 - H1)")
    assert equations(check) == {"G1_bar"}
    assert check.hint()[-1] == "What is wrong in w_bar = H2.T @ z_bar was not found."


def test_an_adjoint_that_no_slip_explains_does_not_hide_what_comes_after():
    check = checked(H2_bar="np.outer(z_bar, w) * np.sin(H1)", U1_bar="H1_bar.T @ X")
    assert equations(check) == {"U1_bar"}
    assert check.diagnosis.left == ["What is wrong in H2_bar = outer(z_bar, w) was not found."]


def test_a_division_by_another_length_is_called_that():
    check = checked(b1_bar="11 / 3 * np.sum(G1_bar, axis=0)", U2_bar="2 * G2_bar.T @ H1")
    words = {slip["equation"]: slip["words"] for slip in check.mistakes}
    assert words == {
        "b1_bar": "1 / 3 stands in place of 1 / N",
        "U2_bar": "there is a factor 2 too many",
    }


def test_a_negative_factor_is_no_division_by_another_length():
    (slip,) = checked(H1_bar="-(G2_bar @ U2) / N").mistakes
    assert slip["words"] == "there is a factor -(1 / N) too many"


@pytest.mark.parametrize("name", ["w_bar", "H2_bar"])
def test_an_adjoint_that_is_computed_anew_is_told_from_the_one_before(name):
    anew = {"w_bar": "H2.T @ (y - t)", "H2_bar": "np.outer(y - t, w)"}[name]
    check = checked(z_bar="(y - t) / N * y * (1 - y)", **{name: anew})
    words = {slip["equation"]: slip["words"] for slip in check.mistakes}
    assert words.keys() == {"z_bar", name}
    assert words[name] == "z_bar is not used but computed anew, times N"


COLUMN = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def backprop(x, t, params):
    W, b = [params[f"W{i}"] for i in (1, 2, 3)], [params[f"b{i}"] for i in (1, 2, 3)]
    out = [x]
    for i in range(3):
        out.append(sigmoid(W[i] @ out[-1] + b[i]))
    delta = (out[-1] - t) * out[-1] * (1 - out[-1])
    grads = {}
    for i in (2, 1, 0):
        if i < 2:
            delta = W[{layer}].T @ delta * out[i + 1] * (1 - out[i + 1])
        grads[f"b{i + 1}"] = delta
        grads[f"W{i + 1}"] = delta @ out[i].T
    return grads
"""


def column(params, x, t):
    a = x
    for i in (1, 2, 3):
        z = params[f"W{i}"] @ a + params[f"b{i}"]
        a = 1.0 / (1.0 + np.exp(-z))
    return 0.5 * np.sum((a - t) ** 2)


def one_column(rng):
    shapes = {"W": (3, 3), "b": (3, 1)}
    params = {f"{k}{i}": rng.normal(size=n) for k, n in shapes.items() for i in (1, 2, 3)}
    return rng.normal(size=(3, 1)), rng.uniform(size=(3, 1)), params


def test_the_weights_of_another_layer_in_a_loop_over_layers():
    """Adjoints that are gradients too are weak evidence, and there is no other here."""
    task = Task(column, one_column)
    assert check_backprop(compiled(COLUMN.replace("{layer}", "i + 1")), task).ok
    check = check_backprop(compiled(COLUMN.replace("{layer}", "i")), task)
    words = {slip["words"] for slip in check.mistakes}
    assert words == {"W2 stands in place of W3", "W1 stands in place of W2"}
