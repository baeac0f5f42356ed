"""The diagnosis of wrong gradients, on slips that were written without it."""

import copy
import itertools
import time

import numpy as np
import pytest
from slip_corpus import NETWORKS, RIGHT, TUTORIAL, compiled, patched

from autodiff import concatenate, logistic_cross_entropy, mean, relu, tanh, value_and_grad
from comparisons.diagnosis.diagnose import claimed_numbers, diagnose, diagnosis
from comparisons.diagnosis.evidence import Claim, evidence
from comparisons.diagnosis.replay import Backward
from mlp import engine

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass")

EVERY = [TUTORIAL, *NETWORKS]


def claims(network, code, draws=3):
    """Return points and what the code claims there; None where it fails."""
    rng = np.random.default_rng(1)
    points, found = [], []
    function = compiled(code)
    for _ in range(draws):
        X, t, params = network.problem(rng)
        try:
            grads = function(X.copy(), t.copy(), copy.deepcopy(params))[0]
        except ValueError:
            return None
        points.append((params, (X, t)))
        found.append(Claim({name: claimed_numbers(grads[name], name) for name in params}))
    return points, found


def diagnosed(network, *slips):
    found = claims(network, patched(network.code, *slips))
    return found and diagnosis(evidence(network.loss, *found), [])


def equations(explanation):
    return {name for slip in explanation.slips for name in slip["equation"].split(" and ")}


@pytest.mark.parametrize("network", EVERY, ids=lambda network: network.name)
def test_equations_on_paper_give_the_gradients_of_the_engine(network):
    X, t, params = network.problem(np.random.default_rng(0))
    backward = Backward(network.loss, params, (X, t))
    other = network.problem(np.random.default_rng(1))
    _, gradients = value_and_grad(network.loss)(other[2], *other[:2])
    known = backward.numbers(other[2], other[:2])
    for name, equation in backward.gradients.items():
        np.testing.assert_allclose(known[equation], gradients[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("network", EVERY, ids=lambda network: network.name)
def test_right_gradients_are_called_right(network):
    assert diagnosis(evidence(network.loss, *claims(network, network.code)), []).ok


SINGLE = [(network, name) for network in EVERY for name in network.slips]


@pytest.mark.parametrize(("network", "name"), SINGLE, ids=lambda x: getattr(x, "name", x))
def test_the_equation_of_a_slip_is_found(network, name):
    slip = network.slips[name]
    diagnosis = diagnosed(network, slip)
    assert not diagnosis.ok
    assert slip.equation in equations(diagnosis.explanations[0])
    assert diagnosis.explanations[0].error < 1e-12


def pairs(network):
    """Return every twentieth pair, in an order that mixes them."""
    every = list(itertools.combinations(network.slips, 2))
    order = np.random.default_rng(0).permutation(len(every))
    return [every[i] for i in order[::20]]


@pytest.mark.parametrize("network", EVERY, ids=lambda network: network.name)
def test_two_slips_at_once(network):
    """One may hide the other, or a pair of others may give the same numbers to the last digit."""
    found = total = 0
    for names in pairs(network):
        slips = [network.slips[name] for name in names]
        if patched(network.code, *slips) is None or (outcome := diagnosed(network, *slips)) is None:
            continue
        total += 1
        wanted = {slip.equation for slip in slips}
        fits = [equations(x) for x in outcome.explanations]
        found += any(x <= wanted for x in fits)
        assert all(x.error < 1e-9 for x in outcome.explanations), names
    assert found >= 0.9 * total
    assert total >= 10


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_in_other_algebra_are_never_called_wrong(name):
    from comparisons.homework.checking import check_backprop

    check = check_backprop(compiled(RIGHT[name]))
    assert check.ok, check.text()


def tutorial_claims(draw=0, **changes):
    X, t, params = TUTORIAL.problem(np.random.default_rng(draw))
    _, gradients = value_and_grad(engine.loss)(params, X, t)
    return (params, X, t), {**gradients, **changes}


def test_an_unknown_mistake_is_not_explained_but_located():
    (params, X, t), right = tutorial_claims()
    diagnosis = diagnose(
        engine.loss, params, X, t, claimed={**right, "W": np.sin(right["W"]) + 0.3}
    )
    assert diagnosis.wrong == ["W"]
    assert not diagnosis.explanations
    assert "the first adjoint that may be wrong is W_bar, in W_bar = H.T @ z_bar" in diagnosis.text


def test_adjoints_that_are_claimed_tell_which_is_the_first_that_disagrees():
    (params, X, t), right = tutorial_claims()
    junk = np.random.default_rng(3).normal(size=(len(X), 3))
    claimed = {**right, "U": junk.T @ X, "b": junk.sum(axis=0), "G_bar": junk}
    diagnosis = diagnose(engine.loss, params, X, t, claimed=claimed)
    assert "the first adjoint that disagrees is G_bar" in diagnosis.text


def test_claimed_adjoints_decide_between_explanations():
    network, slip = TUTORIAL, next(s for s in TUTORIAL.slips.values() if s.equation == "G_bar")
    X, t, params = network.problem(np.random.default_rng(0))
    _, right = value_and_grad(network.loss)(params, X, t)
    doubled = {**right, "U": 2 * right["U"], "b": 2 * right["b"]}
    undecided = diagnose(network.loss, params, X, t, claimed=doubled)
    assert [equations(x) for x in undecided.explanations] == [{"H_bar"}, {"G_bar"}]
    backward = Backward(network.loss, params, (X, t))
    known = {backward.names[x]: y for x, y in backward.numbers(params, (X, t)).items()}
    seen = {"H_bar": known["H_bar"], "G_bar": 2 * known["G_bar"]}
    decided = diagnose(network.loss, params, X, t, claimed={**doubled, **seen})
    assert [equations(x) for x in decided.explanations] == [{slip.equation}]


def test_a_factor_of_one_number_is_not_explained_by_any_factor():
    (params, X, t), right = tutorial_claims()
    strange = diagnose(engine.loss, params, X, t, claimed={**right, "c": 0.3712 * right["c"]})
    assert not strange.explanations
    half = diagnose(engine.loss, params, X, t, claimed={**right, "c": 0.5 * right["c"]})
    assert half.explanations[0].slips[0]["kind"] == "constant factor"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"b": np.zeros(3), "U": 0.01 * np.ones((3, 2))}, "the slope was taken at G"),
    ],
)
def test_a_point_that_hides_mistakes_is_warned_about(change, words):
    (params, X, t), _ = tutorial_claims()
    params = {**params, **change}
    _, right = value_and_grad(engine.loss)(params, X, t)
    diagnosis = diagnose(engine.loss, params, X, t, claimed=right)
    assert words in "\n".join(diagnosis.warnings)


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


def test_a_diagnosis_takes_less_than_two_seconds_even_where_nothing_fits():
    (params, X, t), right = tutorial_claims()
    junk = {name: np.cos(x) for name, x in right.items()}
    start = time.perf_counter()
    diagnose(engine.loss, params, X, t, claimed=junk)
    assert time.perf_counter() - start < 2.0


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
