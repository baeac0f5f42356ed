"""The diagnosis of wrong gradients, on slips that were written without it."""

import copy

import numpy as np
import pytest
from right_sources import RIGHT
from slip_corpus import NETWORKS, TUTORIAL, Slip, compiled, patched

from autodiff import concatenate, logistic_cross_entropy, mean, relu, sigmoid, tanh, value_and_grad
from autodiff import sum as total
from comparisons import check_backprop, diagnose
from comparisons.diagnosis.wording import about_numbers
from comparisons.homework.checking import Task
from mlp import engine

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass")

EVERY = [TUTORIAL, *NETWORKS]
every_network = pytest.mark.parametrize("network", EVERY, ids=lambda network: network.name)


def diagnosed(network, *slips):
    """Return the diagnosis of what the network's code returns at a point with slips in it."""
    X, t, params = network.problem(np.random.default_rng(1))
    backprop = compiled(patched(network.code, *slips))
    claimed, _ = backprop(X.copy(), t.copy(), copy.deepcopy(params))
    return diagnose(network.loss, params, X, t, claimed=claimed)


def equations(explanation):
    return {name for slip in explanation.slips for name in slip["equation"].split(" and ")}


@every_network
def test_right_gradients_are_called_right(network):
    diagnosis = diagnosed(network)
    assert diagnosis.ok
    assert max(diagnosis.errors.values()) < 1e-12


@every_network
def test_right_code_is_right_at_all_points(network):
    check = check_backprop(compiled(network.code), Task(network.loss, network.problem))
    assert check.ok, check.text()
    assert max(x["error"] for x in check.per_parameter.values()) < 1e-12


SINGLE = [(network, name) for network in EVERY for name in network.slips]


@pytest.mark.parametrize(("network", "name"), SINGLE, ids=lambda x: getattr(x, "name", x))
def test_the_equation_of_a_slip_is_found(network, name):
    slip = network.slips[name]
    diagnosis = diagnosed(network, slip)
    assert not diagnosis.ok
    assert slip.equation in equations(diagnosis.explanations[0])
    assert diagnosis.explanations[0].error < 1e-12


def test_a_slip_on_top_of_another_is_written_with_what_that_brought_in():
    """The weight is forgotten, for which there are ones, and another adjoint sent back."""
    network = next(x for x in NETWORKS if x.name == "two relu layers")
    slip = Slip("H1_bar = G2_bar @ U2", "H1_bar = H2_bar @ np.ones(U2.shape)", "H1_bar")
    diagnosis = diagnosed(network, slip)
    assert equations(diagnosis.explanations[0]) == {"H1_bar"}
    assert "H1_bar = H2_bar @ ones" in diagnosis.text


def pairs(network, most=6):
    """Return a few pairs of slips in different lines, no slip twice."""
    names = [str(name) for name in np.random.default_rng(0).permutation(list(network.slips))]
    slips = network.slips
    each = zip(names[::2], names[1::2])
    return [(one, other) for one, other in each if slips[one].old != slips[other].old][:most]


TWO = [(network, *pair) for network in EVERY for pair in pairs(network)]


@pytest.mark.parametrize(("network", "one", "other"), TWO, ids=lambda x: getattr(x, "name", x))
def test_two_slips_at_once(network, one, other):
    """One may hide the other, so that its equation alone explains the numbers."""
    slips = [network.slips[one], network.slips[other]]
    explanations = diagnosed(network, *slips).explanations
    assert any(equations(x) <= {slip.equation for slip in slips} for x in explanations)
    assert all(x.error < 1e-9 for x in explanations)


def test_there_are_enough_pairs():
    assert len(TWO) == 6 * len(EVERY) >= 40


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_in_other_algebra_are_never_called_wrong(name):
    check = check_backprop(compiled(RIGHT[name]))
    assert check.ok, check.text()


def tutorial_claims(draw=0, **changes):
    X, t, params = TUTORIAL.problem(np.random.default_rng(draw))
    _, gradients = value_and_grad(engine.loss)(params, X, t)
    return (params, X, t), {**gradients, **changes}


def test_a_decay_with_another_factor_is_one_of_regularisation():
    def loss(params, X):
        return np.sum(np.tanh(X @ params["W"])) + 0.1 * np.sum(params["W"] ** 4)

    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(5, 3)), rng.normal(size=3)
    claimed = {"W": X.T @ (1 - np.tanh(X @ W) ** 2) + 0.6 * W**3}  # not 0.4
    (slip,) = diagnose(loss, {"W": W}, X, claimed=claimed).explanations[0].slips
    assert slip["kind"] == "regularisation"
    assert slip["words"].endswith("has a wrong factor, 1.5")


def decayed(params, X, T):
    H = np.tanh(X @ params["U"])
    weights = total(params["U"] ** 2) + total(params["W"] ** 2)
    return 0.5 * mean(total((H @ params["W"] - T) ** 2, axis=1)) + 0.05 * weights


def test_a_decay_forgotten_in_all_weights_is_not_one_that_the_loss_does_not_have():
    rng = np.random.default_rng(0)
    params = {"U": rng.normal(size=(3, 4)), "W": rng.normal(size=(4, 2))}
    X, T = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    gradients = value_and_grad(decayed)(params, X, T)[1]
    claimed = {key: gradient - 0.1 * params[key] for key, gradient in gradients.items()}
    slips = diagnose(decayed, params, X, T, claimed=claimed).explanations[0].slips
    words = " and ".join(slip["words"] for slip in slips)
    assert (
        sum(
            x.startswith("the term ") and x.endswith(" was forgotten") for x in words.split(" and ")
        )
        == 2
    )


def test_a_transpose_forgotten_is_not_written_as_another():
    def loss(params, X, T):
        return mean((params["A"] @ np.tanh(params["A"] @ X) - T) ** 2)

    rng = np.random.default_rng(0)
    A, X, T = rng.normal(size=(3, 3)), rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    H = np.tanh(A @ X)
    out_bar = 2 * (A @ H - T) / T.size
    claimed = {"A": out_bar @ H.T + (A @ out_bar * (1 - H**2)) @ X.T}
    (slip,) = diagnose(loss, {"A": A}, X, T, claimed=claimed).explanations[0].slips
    assert slip["kind"] == "transposed"
    assert "A @ v2_bar" in slip["written"]


def test_a_mean_of_all_entries_is_called_that():
    def loss(params, X):
        G = X * params["u"] + params["b"]
        return mean(total(np.tanh(G), axis=1))

    def problem(rng):
        return rng.normal(size=(5, 3)), {"u": rng.normal(size=3), "b": rng.normal()}

    def backprop(X, params):
        G_bar = (1 - np.tanh(X * params["u"] + params["b"]) ** 2) / len(X)
        return {"u": np.sum(G_bar * X, axis=0), "b": np.mean(G_bar)}

    (slip,) = check_backprop(backprop, Task(loss, problem)).mistakes
    assert slip["words"] == "the mean stands where the sum is due"


def test_rows_with_the_same_index_that_were_not_added_are_called_that():
    def loss(params, ix, T):
        return 0.5 * total((params["C"][ix] - T) ** 2)

    def problem(rng):
        return rng.integers(0, 4, 9), rng.normal(size=(9, 2)), {"C": rng.normal(size=(4, 2))}

    def backprop(ix, T, params):
        C_bar = np.zeros_like(params["C"])
        C_bar[ix] += params["C"][ix] - T
        return {"C": C_bar}

    (slip,) = check_backprop(backprop, Task(loss, problem)).mistakes
    assert slip["kind"] == "sum forgotten"
    assert slip["words"].startswith("of the rows with the same index only the last counts")


def test_a_gate_taken_for_what_it_leaves_is_called_that():
    def loss(params, x, h):
        z = sigmoid(x @ params["W"])
        return total(z * np.tanh(x @ params["U"]) + (1 - z) * h)

    rng = np.random.default_rng(0)
    x, h = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    params = {key: rng.normal(size=(2, 3)) for key in "WU"}
    z, c = 1 / (1 + np.exp(-(x @ params["W"]))), np.tanh(x @ params["U"])
    claimed = {"W": x.T @ ((c - h) * z * (1 - z)), "U": x.T @ ((1 - z) * (1 - c * c))}
    (slip,) = diagnose(loss, params, x, h, claimed=claimed).explanations[0].slips
    assert slip["words"] == "1 - z stands in place of z"


@pytest.mark.parametrize("none_right", [False, True])
def test_the_gradients_that_are_right_are_said_if_there_are_any(none_right):
    (params, X, t), right = tutorial_claims()
    claimed = {name: -g if none_right or name == "W" else g for name, g in right.items()}
    text = diagnose(engine.loss, params, X, t, claimed=claimed).text
    assert ("(U, b and c are right)" in text) is not none_right
    assert "( " not in text


def test_a_parameter_without_entries_is_right():
    params = {"W": np.ones(3), "none": np.zeros((0, 2))}

    def loss(params, X):
        return np.sum((X @ params["W"]) ** 2) + np.sum(params["none"])

    X = np.arange(6.0).reshape(2, 3)
    claimed = {"W": X.T @ (X @ params["W"]), "none": params["none"]}
    assert diagnose(loss, params, X, claimed=claimed).wrong == ["W"]


def test_an_unknown_mistake_is_not_explained_but_located():
    (params, X, t), right = tutorial_claims()
    diagnosis = diagnose(
        engine.loss, params, X, t, claimed={**right, "W": np.sin(right["W"]) + 0.3}
    )
    assert diagnosis.wrong == ["W"]
    assert not diagnosis.explanations
    assert (
        "On the way back from the loss z_bar, H_bar and G_bar are right; the first adjoint that "
        "may be wrong is W_bar, in W_bar = H.T @ z_bar"
    ) in diagnosis.text


def test_adjoints_that_are_claimed_tell_which_is_the_first_that_disagrees():
    (params, X, t), right = tutorial_claims()
    junk = np.random.default_rng(3).normal(size=(len(X), 3))
    claimed = {**right, "U": junk.T @ X, "b": junk.sum(axis=0), "G_bar": junk}
    diagnosis = diagnose(engine.loss, params, X, t, claimed=claimed)
    assert "the first adjoint that disagrees is G_bar" in diagnosis.text


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_claimed_adjoints_decide_between_explanations(scale):
    def loss(params, X, t):
        return engine.loss(params, X, t) * scale

    X, t, params = TUTORIAL.problem(np.random.default_rng(0))
    H = np.tanh(X @ params["U"].T + params["b"])
    y = 1 / (1 + np.exp(-H @ params["W"] - params["c"]))
    H_bar = np.outer(scale * (y - t) / len(X), params["W"])
    _, right = value_and_grad(loss)(params, X, t)
    doubled = {**right, "U": 2 * right["U"], "b": 2 * right["b"]}
    undecided = diagnose(loss, params, X, t, claimed=doubled)
    assert [equations(x) for x in undecided.explanations] == [{"H_bar"}, {"G_bar"}]
    for H_times, wrong in ((1, "G_bar"), (2, "H_bar")):
        seen = {"H_bar": H_times * H_bar, "G_bar": 2 * H_bar * (1 - H**2)}
        decided = diagnose(loss, params, X, t, claimed={**doubled, **seen})
        assert [equations(x) for x in decided.explanations] == [{wrong}]


@pytest.mark.parametrize(
    ("written", "kinds", "words"),
    [
        (lambda H_bar, H, G: -H_bar * (1 - G**2), ["sign", "slope at the wrong place"], "at G"),
        (lambda H_bar, H, G: -H_bar, ["sign", "slope forgotten"], "1 - H * H"),
        (
            lambda H_bar, H, G: 2 * H_bar * H * (1 - H),
            ["constant factor", "slope of another activation"],
            "sigmoid",
        ),
    ],
)
def test_a_factor_before_the_adjoint_does_not_hide_the_slope(written, kinds, words):
    """H_bar is known to be right, so both slips are in the equation of G_bar."""
    (params, X, t), right = tutorial_claims()
    G = X @ params["U"].T + params["b"]
    H = np.tanh(G)
    y = 1 / (1 + np.exp(-H @ params["W"] - params["c"]))
    H_bar = np.outer((y - t) / len(X), params["W"])
    G_bar = written(H_bar, H, G)
    claimed = {"U": G_bar.T @ X, "b": G_bar.sum(axis=0), "H_bar": H_bar, "G_bar": G_bar}
    explanations = diagnose(engine.loss, params, X, t, claimed={**right, **claimed}).explanations
    slips = next(x.slips for x in explanations if equations(x) == {"G_bar"})
    assert [slip["kind"] for slip in slips] == kinds
    assert words in slips[1]["words"]


def test_a_factor_of_one_number_is_not_explained_by_any_factor():
    (params, X, t), right = tutorial_claims()
    strange = diagnose(engine.loss, params, X, t, claimed={**right, "c": 0.3712 * right["c"]})
    assert not strange.explanations
    half = diagnose(engine.loss, params, X, t, claimed={**right, "c": 0.5 * right["c"]})
    assert half.explanations[0].slips[0]["kind"] == "constant factor"


def test_a_point_that_hides_mistakes_is_warned_about():
    (params, X, t), _ = tutorial_claims()
    params = {**params, "b": np.zeros(3), "U": 0.01 * np.ones((3, 2))}
    _, right = value_and_grad(engine.loss)(params, X, t)
    diagnosis = diagnose(engine.loss, params, X, t, claimed=right)
    assert "the slope was taken at G" in "\n".join(diagnosis.warnings)


def test_one_example_and_equal_labels_are_warned_about():
    (params, X, t), _ = tutorial_claims()
    for data, words in (((X[:1], t[:1]), "one example"), ((X, np.ones(len(X))), "are equal")):
        _, right = value_and_grad(engine.loss)(params, *data)
        assert words in diagnose(engine.loss, params, *data, claimed=right).text


def test_a_good_point_needs_no_warning():
    (params, X, t), right = tutorial_claims()
    assert diagnose(engine.loss, params, X, t, claimed=right).warnings == []


def test_parameters_in_a_list_and_functions_without_data():
    x = np.array([1.5, -0.5, 2.0])
    assert diagnose(lambda p: mean(p[0] * p[0]), [x], claimed=[2 * x / 3]).ok
    diagnosis = diagnose(lambda p: mean(p[0] * p[0]), [x], claimed=[x / 3])
    assert diagnosis.explanations


def test_a_parameter_without_influence_has_gradient_zero():
    def loss(params, X):
        return mean(relu(X @ params["U"]))

    X, U = np.random.default_rng(0).normal(size=(7, 2)), np.array([0.5, 1.0])
    _, right = value_and_grad(loss)({"U": U, "unused": 1.0}, X)
    assert diagnose(loss, {"U": U, "unused": 1.0}, X, claimed=right).ok
    wrong = diagnose(loss, {"U": U, "unused": 1.0}, X, claimed={**right, "unused": 0.5})
    assert wrong.wrong == ["unused"]


def test_wrong_input_is_refused_in_a_sentence():
    (params, X, t), right = tutorial_claims()
    with pytest.raises(ValueError, match="claimed lacks W"):
        diagnose(engine.loss, params, X, t, claimed={k: v for k, v in right.items() if k != "W"})
    with pytest.raises(TypeError, match="a dict of gradients, not list"):
        diagnose(engine.loss, params, X, t, claimed=[1.0])
    with pytest.raises(TypeError, match="claimed for W is not an array of real numbers"):
        diagnose(engine.loss, params, X, t, claimed={**right, "W": "w"})


def test_claims_of_nan_are_wrong():
    (params, X, t), right = tutorial_claims()
    diagnosis = diagnose(engine.loss, params, X, t, claimed={**right, "W": right["W"] * np.nan})
    assert diagnosis.wrong == ["W"]
    assert "NaN" in diagnosis.text


def test_nothing_explains_junk():
    (params, X, t), right = tutorial_claims()
    junk = {name: np.cos(x) for name, x in right.items()}
    diagnosis = diagnose(engine.loss, params, X, t, claimed=junk)
    assert not diagnosis.explanations
    assert diagnosis.first_wrong == "z_bar"


def test_a_template_that_returns_zeros_is_called_that():
    (params, X, t), right = tutorial_claims()
    zeros = {name: np.zeros(np.shape(x)) for name, x in right.items()}
    diagnosis = diagnose(engine.loss, params, X, t, claimed=zeros)
    assert diagnosis.sentences() == ["What you return for U, b, W and c is 0."]


@pytest.mark.parametrize(
    "loss",
    [
        lambda p, X: mean(X @ p["w"] + p["c"]),
        lambda p, X: mean(tanh(X @ p["U"]) @ p["v"]),
        lambda p, X: mean(concatenate([X @ p["w"], p["v"]])),
    ],
)
def test_means_of_what_has_no_name_are_right(loss):
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=2), "c": 0.5, "U": rng.normal(size=(2, 3)), "v": np.ones(3)}
    X = rng.normal(size=(7, 2))
    assert diagnose(loss, params, X, claimed=value_and_grad(loss)(params, X)[1]).ok


def deep_loss(weights, X, t):
    H = X
    for W in weights[:-1]:
        H = tanh(H @ W)
    return mean(logistic_cross_entropy(H @ weights[-1], t))


def test_a_slip_made_alike_in_all_layers_of_a_loop_is_found():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((2, 4), (4, 3), (3, 5), (5,))]
    X, t = rng.normal(size=(9, 2)), rng.integers(0, 2, 9) * 1.0
    inputs, sums = [X], []
    for W in weights[:-1]:
        sums.append(inputs[-1] @ W)
        inputs.append(np.tanh(sums[-1]))
    z_bar = (1 / (1 + np.exp(-inputs[-1] @ weights[-1])) - t) / 9
    claimed, H_bar = [inputs[-1].T @ z_bar], np.outer(z_bar, weights[-1])
    for W, H, G in zip(weights[-2::-1], inputs[-2::-1], sums[::-1]):
        G_bar = H_bar * (1 - G * G)
        claimed.insert(0, H.T @ G_bar)
        H_bar = G_bar @ W.T
    (explanation,) = diagnose(deep_loss, weights, X, t, claimed=claimed).explanations
    assert explanation.slips[0]["equation"] == "pre_H_3_bar, pre_H_2_bar and pre_H_1_bar"
    assert explanation.slips[0]["kind"] == "slope at the wrong place"


def test_a_forgotten_activation_without_a_name_is_found():
    """`y` being the labels, sigmoid(z) has no name in the equation of z_bar, nor has tanh here."""

    def loss(params, X, y):
        z = np.tanh(X @ params["U"].T) @ params["W"]
        return mean(logistic_cross_entropy(z, y))

    X, y, params = TUTORIAL.problem(np.random.default_rng(0))
    params = {"U": params["U"], "W": params["W"]}
    G, W = X @ params["U"].T, params["W"]
    z = np.tanh(G) @ W
    for last, hidden, equation, name in (
        (z, np.tanh(G), "z_bar", "sigmoid"),
        (1 / (1 + np.exp(-z)), G, "W_bar", "tanh"),
    ):
        z_bar = (last - y) / len(X)
        U_bar = (np.outer(z_bar, W) * (1 - np.tanh(G) ** 2)).T @ X
        claimed = {"U": U_bar, "W": hidden.T @ z_bar}
        (explanation,) = diagnose(loss, params, X, y, claimed=claimed).explanations
        (slip,) = explanation.slips
        assert (slip["equation"], slip["kind"]) == (equation, "activation forgotten")
        assert slip["words"] == f"{name} was forgotten"
        assert explanation.error < 1e-12


def test_sums_and_transposes_with_names_are_not_activations():
    def loss(params, X, t):
        V = params["U"].T
        G = X @ V
        H = tanh(G)
        s = total(H, axis=1)
        z = s * params["w"] + params["c"]
        return mean(logistic_cross_entropy(z, t))

    X, t, params = TUTORIAL.problem(np.random.default_rng(0))
    params = {"U": params["U"], "w": 0.7, "c": params["c"]}
    H = np.tanh(X @ params["U"].T)
    s = H.sum(axis=1)
    z_bar = (1 / (1 + np.exp(-s * params["w"] - params["c"])) - t) / len(X)
    s_bar = z_bar * params["w"]
    H_bar = np.repeat(s_bar[:, None], 3, axis=1)
    right = {"U": (H_bar * (1 - H**2)).T @ X, "w": z_bar @ s, "c": z_bar.sum()}
    assert diagnose(loss, params, X, t, claimed=right).ok
    forgotten = diagnose(loss, params, X, t, claimed={**right, "U": H_bar.T @ X})
    assert [slip["kind"] for slip in forgotten.explanations[0].slips] == ["slope forgotten"]
    assert equations(forgotten.explanations[0]) == {"G_bar"}


def test_a_quotient_is_a_softmax_only_where_it_is_one():
    """The slope Y (1 - Y) too many is a typical slip after a softmax alone."""
    X, _, params = TUTORIAL.problem(np.random.default_rng(0))
    U = params["U"]
    for softmax in (True, False):

        def quotient(Z, softmax=softmax):
            return np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True) if softmax else Z / (2 + Z)

        def loss(params, X):
            Y = quotient(X @ params["U"].T)
            return mean(total(Y * Y, axis=1))

        Y = quotient(X @ U.T)
        Y_bar = 2 * Y / len(X) * Y * (1 - Y)
        inner = np.sum(Y_bar * Y, axis=1, keepdims=True)
        Z_bar = Y * (Y_bar - inner) if softmax else Y_bar * 2 / (2 + X @ U.T) ** 2
        explanations = diagnose(loss, {"U": U}, X, claimed={"U": Z_bar.T @ X}).explanations
        kinds = {slip["kind"] for x in explanations for slip in x.slips}
        assert ("extra slope" in kinds) == softmax, kinds


def test_gradients_that_stand_for_each_other_are_seen():
    def loss(params, X):
        return np.sum(np.tanh(X @ params["v"] + X @ params["w"] ** 2))

    rng = np.random.default_rng(0)
    X, params = rng.normal(size=(5, 3)), {"v": rng.normal(size=3), "w": rng.normal(size=3)}
    _, right = value_and_grad(loss)(params, X)
    swapped = {"v": right["w"], "w": right["v"]}
    text = diagnose(loss, params, X, claimed=swapped).text
    assert text == "What you return for v is the gradient in w, and the other way round."


def test_shapes_that_are_those_of_each_other_are_asked_about():
    (params, X, t), right = tutorial_claims()
    claimed = {**right, "U": np.ones(3), "b": np.ones((3, 2))}
    text = diagnose(engine.loss, params, X, t, claimed=claimed).text
    assert "what you give for it has shape (3,). Are U and b swapped?" in text


def test_a_gradient_of_what_the_loss_does_not_read_is_not_called_explained():
    def loss(params, X):
        return np.sum(np.tanh(X @ params["w"]))

    rng = np.random.default_rng(0)
    X, params = rng.normal(size=(5, 3)), {"w": rng.normal(size=3), "b": np.zeros(2)}
    claimed = {"w": X.T @ (1 - np.tanh(X @ params["w"])), "b": np.ones(2)}
    text = diagnose(loss, params, X, claimed=claimed).text
    assert "reproduced" not in text
    assert "The loss does not depend on b, whose gradient is 0." in text


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([(0, 0), (2, 1)], "at U[0,0], U[2,1]"),
        ([(i, 1) for i in range(5)], "in its column 1"),
        ([(3, j) for j in range(5)], "in its row 3"),
        ([(i, i) for i in range(5)] + [(0, 1)], "at U[0,0], U[0,1], U[1,1], U[2,2] and 2 more"),
    ],
)
def test_where_entries_are_wrong_is_said_of_all_of_them(entries, said):
    right = np.random.default_rng(0).normal(size=(6, 5))
    yours = right.copy()
    yours[tuple(zip(*entries))] += 1.0 + np.arange(len(entries))
    assert about_numbers("U", right, yours, 1e-9) == f"U is wrong only {said}."
