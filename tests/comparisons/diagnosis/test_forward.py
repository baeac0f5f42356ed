"""Mistakes in a forward pass: named where they are, the backward pass judged beside them."""

import re

import numpy as np
import pytest
from forward_corpus import NETWORKS, STYLES, Mistake
from slip_corpus import NETWORKS as OTHERS
from slip_corpus import TUTORIAL, compiled, patched

from autodiff import logistic_cross_entropy, logsumexp, mean, sigmoid
from comparisons import check_backprop
from comparisons.homework.checking import Task

TUTORIAL_TASK, DEEP = (Task(x.loss, x.problem) for x in NETWORKS)
SINGLE = [(x, name) for x in NETWORKS for name in x.mistakes]
WRITTEN = "The backward pass is right for the network that you wrote."
ASKED = "The backward pass is right for the network that was asked for."

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in log")


@pytest.fixture
def checked(tmp_path):
    """Return the check of code in a file, from which its lines are read."""

    def check(code, task=TUTORIAL_TASK):
        path = tmp_path / "submission.py"
        path.write_text(code, encoding="utf-8")
        module = {"__name__": "submission"}
        exec(compile(code, str(path), "exec"), module)
        return check_backprop(module["backprop"], task)

    return check


def lines(check):
    """Return the numbers of the lines that are called the student's mistakes."""
    return [int(x) for x in re.findall(r"This is your line (\d+):", " ".join(check.hint()))]


def equations(check):
    return [slip["equation"] for slip in check.mistakes]


def are_slopes_of_own_loss(backprop, X, t, params):
    """Return whether the gradients are those of the loss returned, by small differences."""
    grads, _ = backprop(X, t, params)
    for key, x in params.items():
        for index in np.ndindex(np.shape(x)):
            step = np.zeros(np.shape(x))
            step[index] = 1e-6
            up, down = (backprop(X, t, {**params, key: x + d})[1] for d in (step, -step))
            if not np.isclose(grads[key][index], (up - down) / 2e-6, rtol=1e-5, atol=1e-8):
                return False
    return True


def test_there_are_twenty_kinds_for_each_network():
    assert [len(x.mistakes) >= 20 for x in NETWORKS] == [True, True]


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_right_without_a_mistake(style, checked):
    assert checked(STYLES[style], DEEP if style.startswith("deep") else TUTORIAL_TASK).ok


@pytest.mark.parametrize(("network", "name"), SINGLE, ids=lambda x: getattr(x, "name", x))
def test_a_mistake_is_named_in_its_line_and_no_other(network, name, checked):
    """Differences of the loss returned, where there is one, decide what the gradients are for."""
    mistake = network.mistakes[name]
    check = checked(mistake.code(), Task(network.loss, network.problem))
    assert not check.ok
    assert equations(check) == [mistake.equation]
    assert lines(check) == [mistake.line]
    assert mistake.code().splitlines()[mistake.line - 1].strip() in check.lines[0]
    assert (WRITTEN in check.forward) + (ASKED in check.forward) == bool(check.wrong)
    point = network.problem(np.random.default_rng(5))
    returned = compiled(mistake.code())(*point)
    if check.wrong and isinstance(returned, tuple) and np.isfinite(returned[1]):
        own = are_slopes_of_own_loss(compiled(mistake.code()), *point)
        assert own == (WRITTEN in check.forward)


def with_more(mistake, old, new):
    return mistake._replace(beside=(*mistake.beside, (old, new))).code()


TUTORIALS, DEEPER = (x.mistakes for x in NETWORKS)


@pytest.mark.parametrize(
    ("mistake", "old", "new", "equation"),
    [
        (TUTORIALS["sigmoid for tanh"], "np.sum(z_bar)", "np.mean(z_bar)", "c_bar"),
        (TUTORIALS["output bias forgotten"], "(1 - H**2)", "(1 - H)", "G_bar"),
        (TUTORIALS["squared error"], "H_bar * (1 - H**2)", "H_bar", "G_bar"),
        (DEEPER["first bias forgotten"], "H2.T @ z_bar", "G2.T @ z_bar", "W_bar"),
        (DEEPER["minimum for maximum"], "np.sum(G2_bar, axis=0)", "G2_bar[-1]", "b2_bar"),
    ],
    ids=lambda x: x if isinstance(x, str) and "_bar" in x else "",
)
def test_the_backward_pass_is_diagnosed_for_the_network_that_was_written(
    mistake, old, new, equation, checked
):
    code = with_more(mistake, old, new)
    check = checked(code, DEEP if mistake in DEEPER.values() else TUTORIAL_TASK)
    wrong = next(i for i, line in enumerate(code.splitlines(), 1) if line.strip().endswith(new))
    assert equations(check) == [mistake.equation, equation]
    assert lines(check) == [mistake.line, wrong]
    assert WRITTEN not in check.forward
    assert ASKED not in check.forward


def test_a_summed_loss_beside_a_mean_of_gradients_is_no_mistake_of_these(checked):
    summed = STYLES["plain"].replace("loss = np.mean", "loss = np.sum")
    check = checked(summed)
    assert check.wrong == []
    assert equations(check) == ["loss"]
    forgotten = checked(summed.replace("H_bar * (1 - H**2)", "H_bar"))
    assert equations(forgotten) == ["loss", "G_bar"]


@pytest.mark.parametrize(
    ("old", "new", "equation"),
    [
        ("np.tanh(G)", "np.sin(G)", "H"),
        ("X @ U.T + b", "X @ U.T + b**2", "G"),
        ("y = sigmoid(z)", "y = 1 / 1 + np.exp(-z)", "y"),
    ],
)
def test_the_line_is_found_where_the_mistake_is_of_no_kind(old, new, equation, checked):
    check = checked(Mistake("plain", old, new, equation).code())
    assert [slip["words"].partition(",")[0] for slip in check.mistakes] == [
        "something else was computed"
    ]
    assert equations(check) == [equation]
    assert new in check.lines[0]
    assert ASKED in check.forward


def test_a_mistake_in_both_layers_is_shown_in_both(checked):
    code = STYLES["deep plain"].replace("X @ U1.T + b1", "X @ U1.T")
    check = checked(code.replace("H1 @ U2.T + b2", "H1 @ U2.T"), DEEP)
    assert equations(check) == ["G1 and G2"]
    assert lines(check) == [12, 14]


def test_mistakes_in_both_layers_are_both_named(checked):
    code = STYLES["deep plain"].replace("X @ U1.T + b1", "X @ U1.T")
    check = checked(code.replace("np.tanh(G2)", "sigmoid(G2)"), DEEP)
    assert equations(check) == ["G1", "H2"]
    assert len(lines(check)) == 2


LOOP = """\
import numpy as np


def backprop(X, t, params):
    a, layers = X, [X]
    for i in (1, 2):
        s = a @ params[f"U{i}"].T + params[f"b{i}"]
        a = np.tanh(s)
        layers.append(a)
    z = a @ params["W"] + params["c"]
    y = 1 / (1 + np.exp(-z))
    loss = np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))
    d = (y - t) / len(t)
    grads = {"W": a.T @ d, "c": d.sum()}
    back = np.outer(d, params["W"])
    for i in (2, 1):
        d = back * (1 - layers[i] ** 2)
        grads |= {f"U{i}": d.T @ layers[i - 1], f"b{i}": d.sum(axis=0)}
        back = d @ params[f"U{i}"]
    return grads, loss
"""


@pytest.mark.parametrize(
    ("old", "new", "named", "line"),
    [
        (' + params[f"b{i}"]', "", "G1 and G2", 7),
        ("np.tanh(s)", "1 / (1 + np.exp(-s))", "H1 and H2", 8),
    ],
)
def test_a_mistake_in_a_loop_of_layers_is_one_in_each(old, new, named, line, checked):
    two_tanh = next(x for x in OTHERS if x.name == "two tanh layers")
    task = Task(two_tanh.loss, two_tanh.problem)
    assert checked(LOOP, task).ok
    check = checked(LOOP.replace(old, new), task)
    assert equations(check) == [named]
    assert lines(check) == [line]
    assert ASKED in check.forward


BACKWARD = [
    (network, name)
    for network in (TUTORIAL, *OTHERS)
    for name in list(network.slips)[::8]
    if not name.startswith("adjoint of H")
]


@pytest.mark.parametrize(("network", "name"), BACKWARD, ids=lambda x: getattr(x, "name", x))
def test_a_mistake_in_a_backward_pass_is_not_one_in_the_forward_pass(network, name, checked):
    code = patched(network.code, network.slips[name])
    check = checked(code, Task(network.loss, network.problem))
    assert not check.ok
    assert check.forward == []


@pytest.mark.parametrize("wrong", ["sigmoid(G)", "np.tanh(X @ U.T)", "G + 0"])
def test_what_is_computed_rightly_too_is_no_mistake(wrong, checked):
    code = STYLES["plain"].replace("    H = ", f"    other = {wrong}\n    H = ")
    check = checked(code.replace("np.sum(z_bar)", "np.mean(z_bar)"))
    assert check.forward == []
    assert equations(check) == ["c_bar"]


def test_a_part_with_a_name_of_its_own_is_no_mistake(checked):
    code = STYLES["plain"].replace("G = X @ U.T + b", "part = X @ U.T").replace("(G)", "(part + b)")
    assert checked(code).ok
    assert checked(code.replace("np.sum(z_bar)", "np.mean(z_bar)")).forward == []


def test_what_is_made_of_a_variable_without_a_name_shows_it_to_be_right(checked):
    def loss(params, X, t):
        G = X @ params["U"].T + params["b"]
        return mean((np.tanh(G) @ params["W"] + params["c"] - t) ** 2)

    code = STYLES["short"].replace("    output = sigmoid(hidden.dot(W) + c)\n", "")
    code = code.replace("(output - t) / X.shape[0]", "(hidden.dot(W) + c - t) ** 3")
    check = checked(code, Task(loss, NETWORKS[0].problem))
    assert not check.ok
    assert check.forward == []


def test_a_forward_pass_of_which_nothing_is_seen_is_not_judged(checked):
    code = STYLES["short"].replace("hidden.dot(W) + c", "0.7 * hidden.dot(W) + c**3")
    code = code.replace("output = ", "error = (").replace("+ c**3)", "+ c**3) - t)")
    code = code.replace(
        "    error = (output - t) / X.shape[0]\n", "    error = error / X.shape[0]\n"
    )
    check = checked(code)
    assert not check.ok
    assert check.forward == []


def test_what_only_decides_between_cases_is_not_wrong_because_the_gradients_are(checked):
    def loss(params, X, t):
        error = X @ params["w"] - t
        a = np.abs(error)
        return mean(np.where(a < 1.0, 0.5 * error**2, a - 0.5))

    def problem(rng):
        return rng.normal(size=(10, 3)), rng.normal(size=10), {"w": rng.normal(size=3)}

    code = """
def backprop(X, t, params):
    error = X @ params["w"] - t
    return {"w": X.T @ error / len(t)}
"""
    check = checked(code, Task(loss, problem))
    assert not check.ok
    assert check.forward == []


def embedding(params, ix, t):
    z = params["C"][ix] @ params["W"]
    return mean(logsumexp(z, axis=1) - z[np.arange(len(t)), t])


def labelled(rng):
    params = {"C": rng.normal(size=(5, 2)), "W": rng.normal(size=(2, 4))}
    return rng.integers(0, 5, 9), rng.integers(0, 4, 9), params


EMBEDDING = """
import numpy as np

def backprop(ix, t, params):
    E = params["C"][ix]
    p = np.exp(E @ params["W"])
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(t)), t] -= 1
    p /= len(t)
    C_bar = np.zeros_like(params["C"])
    np.add.at(C_bar, ix, p @ params["W"].T)
    return {"C": C_bar, "W": E.T @ p}
"""


def test_labels_as_integers_are_no_forward_pass(checked):
    task = Task(embedding, labelled)
    assert checked(EMBEDDING, task).ok
    check = checked(EMBEDDING.replace("    p[np.arange(len(t)), t] -= 1\n", ""), task)
    assert check.forward == []
    assert [slip["kind"] for slip in check.mistakes] == ["term forgotten"]


def test_hints_say_no_more_than_their_level_allows(checked):
    check = checked(TUTORIALS["relu the wrong way round"].code())
    assert [level for level in range(4) if "minimum" in check.text(level)] == [2, 3]
    assert check.hint(1) == ["The gradients in U, b, W and c are wrong.", "The loss is wrong."]
    line = "This is your line 12: H = np.minimum(0, G)."
    assert check.hint(2)[2:] == ["Look at the equation of H.", line]
    assert check.hint(3)[2:] == [
        "In the forward pass, in H = np.tanh(G), np.minimum(G, 0.0) stands in place of tanh: "
        "H = np.minimum(G, 0.0).",
        line,
        WRITTEN,
    ]
    assert check.to_dict(2)["mistakes"] == [{"equation": "H"}]
    assert {"kind", "equation", "right", "written", "words"} <= check.to_dict()["mistakes"][
        0
    ].keys()


TWICE = """
import numpy as np
from scipy.special import expit

def backprop(X, y, params):
    h1 = expit(X @ params["w1"])
    h2 = expit(h1 @ params["w2"])
    slope = h1 * (1 - h1)
    d = (h2 - y) / len(X)
    w1_bar = X.T @ (d @ params["w2"].T * slope)
    return {"w1": w1_bar + 0.1 * np.cos(params["w1"]), "w2": h1.T @ d}
"""


def test_the_output_and_a_slope_are_not_taken_for_something_wrong(checked):
    """The loss has names for neither: what one computes of a right variable is right."""

    def loss(params, X, y):
        h1 = sigmoid(X @ params["w1"])
        z2 = h1 @ params["w2"]
        return mean(logistic_cross_entropy(z2, y))

    def problem(rng):
        params = {"w1": rng.normal(size=(3, 4)), "w2": rng.normal(size=(4, 1))}
        return rng.normal(size=(8, 3)), (np.arange(8.0) % 2).reshape(8, 1), params

    check = checked(TWICE, Task(loss, problem))
    assert (check.right, check.wrong) == (["w2"], ["w1"])
    assert check.forward == []
    assert check.mistakes == []


STEPS = """
import numpy as np

def backprop(xs, ts, params):
    hs = [np.zeros(2)]
    for x in xs:
        hs.append(np.tanh(params["W"] @ x + params["U"] @ hs[-1]))
    grads = {k: np.zeros_like(v) for k, v in params.items()}
    back = np.zeros(2)
    for s in (1, 0):
        z_bar = (hs[s + 1] - ts[s]) * (1 - hs[s + 1] ** 2)
        grads["W"] += np.outer(z_bar, xs[s])
        grads["U"] += np.outer(z_bar, hs[s])
        back = params["U"].T @ z_bar
    return grads
"""


def test_zeros_that_sums_begin_with_are_no_forward_pass(checked):
    def loss(params, xs, ts):
        h, total = np.zeros(2), 0.0
        for x, t in zip(xs, ts):
            h = np.tanh(params["W"] @ x + params["U"] @ h)
            total = total + 0.5 * np.sum((h - t) ** 2)
        return total

    def problem(rng):
        params = {"W": rng.normal(size=(2, 3)), "U": rng.normal(size=(2, 2))}
        return rng.normal(size=(2, 3)), rng.normal(size=(2, 2)), params

    task = Task(loss, problem)
    assert checked(STEPS.replace("(hs[s + 1] - ts[s])", "(hs[s + 1] - ts[s] + back)"), task).ok
    check = checked(STEPS, task)
    assert check.forward == []
    assert equations(check) == ["h_1_bar"]
