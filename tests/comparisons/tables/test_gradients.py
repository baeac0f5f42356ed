"""The comparison of gradients: numerical ways against each other, and who is named as wrong."""

import numpy as np
import pytest

from comparisons.tables import gradients
from comparisons.tables.training import train_with
from comparisons.tables.ways import (
    BY_HAND,
    NUMPY_WAYS,
    Way,
    affordable,
    compared,
    culprits,
    difference,
    disagree,
    installed_ways,
)
from mlp import by_hand
from mlp.data import tutorial_problem
from mlp.numerical import central_differences, complex_step, forward_differences

WAYS = list(NUMPY_WAYS)


def sabotaged(way, factor=1.0 + 1e-9, name="U"):
    def backprop(X, t, params):
        grads, loss = way.backprop(X, t, params)
        wrong = np.array(grads[name])
        wrong.flat[np.argmax(np.abs(wrong))] *= factor
        return {**grads, name: wrong}, loss

    return Way(way.name, backprop, way.exact, way.seconds)


def measured(ways, steps=100):
    return gradients.measure(0, 60, 3, steps, 1.0, ways)


@pytest.mark.parametrize("hidden", [1, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_complex_step_is_exact_and_differences_are_nearly(hidden, seed):
    X, t, params = tutorial_problem(40, hidden, seed)
    params["b"] = params["b"] + 0.3
    params["c"] = -0.2
    reference = by_hand.backprop(X, t, params)
    for backprop, error in (
        (complex_step, 1e-13),
        (central_differences, 1e-8),
        (forward_differences, 1e-6),
    ):
        found = difference(backprop(X, t, params), reference)
        assert found["relative"] < error
        assert found["relative_loss"] < 1e-13


def test_the_complex_step_is_exact_on_both_branches_of_the_loss_and_far_out():
    X = np.array([[200.0, -100.0], [-200.0, 100.0], [1.0, 2.0], [-1.0, 0.5]])
    t = np.array([1, 0, 0, 1])
    params = {
        "U": np.array([[1.0, 0.5], [-0.3, 0.2]]),
        "b": np.array([0.1, -0.2]),
        "W": np.array([30.0, -5.0]),
        "c": 0.5,
    }
    found = difference(complex_step(X, t, params), by_hand.backprop(X, t, params))
    assert found["relative"] < 1e-13


def test_a_numerical_way_leaves_its_arguments_alone():
    X, t, params = tutorial_problem(10, 2, 0)
    before = {name: np.array(p) for name, p in params.items()}
    for backprop in (complex_step, central_differences, forward_differences):
        grads, loss = backprop(X, t, params)
        assert isinstance(loss, float)
        for name, p in params.items():
            assert np.array_equal(p, before[name])
            assert np.shape(grads[name]) == np.shape(p)


def test_no_culprit_among_the_true_ways():
    result = measured(WAYS)
    assert result["culprits"] == []
    assert [place["place"] for place in result["places"]] == ["initial", "trained"]
    assert len(result["places"][0]["pairs"]) == len(WAYS) * (len(WAYS) - 1) // 2
    assert "agree" in gradients.verdict(result)


@pytest.mark.parametrize("victim", [way.name for way in WAYS if way.exact])
def test_a_way_wrong_by_1e_9_is_named(victim):
    ways = [sabotaged(way) if way.name == victim else way for way in WAYS]
    result = measured(ways)
    assert result["culprits"] == [victim]
    assert gradients.verdict(result).startswith(f"{victim} is wrong")
    assert "U[" in gradients.verdict(result)


@pytest.mark.parametrize("factor", [-1.0, np.nan, np.inf, 0.0])
def test_gross_errors_are_named(factor):
    ways = [sabotaged(way, factor, "W") if way.name == "engine" else way for way in WAYS]
    assert measured(ways)["culprits"] == ["engine"]


def test_an_inexact_way_is_no_culprit():
    ways = [sabotaged(w, 1.5) if w.name == "finite differences" else w for w in WAYS]
    assert measured(ways)["culprits"] == []


def test_a_wrong_loss_with_right_gradients_is_named():
    def backprop(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return grads, 2.0 * loss

    ways = [Way("engine", backprop) if way.name == "engine" else way for way in WAYS]
    result = measured(ways)
    assert result["culprits"] == ["engine"]
    assert "its loss" in gradients.verdict(result)


@pytest.mark.parametrize("hidden", [256, 1000])
def test_digits_that_the_tutorials_loss_loses_far_out_are_said_and_no_mistake(hidden):
    """There y rounds to 1, or nearly: log(1 - y) is infinite, or has few digits left."""
    with np.errstate(all="ignore"):
        result = gradients.measure(0, 5000, hidden, 0, 1.0, NUMPY_WAYS[:3])
    assert result["culprits"] == []
    assert gradients.tables(result)[-1].startswith("The loss by hand is ")
    assert "exact ways agree" in gradients.verdict(result)


def test_without_a_majority_both_are_named():
    pair = {"ways": ["a", "b"], "absolute": 1.0, "allowed": 0.1, "relative_loss": 0.0}
    assert culprits(["a", "b"], [pair]) == ["a", "b"]
    assert culprits(["a"], [pair]) == []


def wrong_by(error, params):
    """Return the ways, engine's off by this fraction of the largest entry at these parameters."""

    def backprop(X, t, at):
        grads, loss = by_hand.backprop(X, t, at)
        if all(np.array_equal(at[name], params[name]) for name in at):
            size = max(np.max(np.abs(g)) for g in grads.values())
            grads = {**grads, "W": grads["W"] + error * size * np.array([0.0, 1.0, 0.0])}
        return grads, loss

    return [Way("engine", backprop) if way.name == "engine" else way for way in WAYS]


@pytest.fixture(scope="module")
def problem():
    X, t, initial = tutorial_problem()
    return (
        X,
        t,
        {"initial": initial, "trained": train_with(BY_HAND, X, t, initial, 1000, 1.0).params},
    )


@pytest.mark.parametrize("place", ["initial", "trained"])
def test_in_the_tutorials_run_1e_12_of_the_largest_entry_at_the_place_itself_decides(
    problem, place
):
    """The gradient before training is a hundred times that after it: neither excuses the other."""
    X, t, params = problem
    for error, named in ((3e-12, ["engine"]), (0.8e-12, [])):
        result = gradients.measure(0, 500, 3, 1000, 1.0, wrong_by(error, params[place]))
        assert [place["place"] for place in result["places"] if place["culprits"]] == (
            [place] if named else []
        )
        assert result["culprits"] == named
    for pair in compared(place, WAYS, X, t, params[place])["pairs"]:
        assert pair["allowed"] == 1e-12 * pair["largest"]


def rounded_otherwise(units):
    """Return the gradients by hand from a y that is off by some units in its last place."""

    def backprop(X, t, params):
        H, y = by_hand.hidden_and_output(X, params)
        loss = by_hand.backprop(X, t, params)[1]
        bars = by_hand.backward(X, t, params["W"], H, y * (1.0 + units * np.finfo(float).eps))
        return {name: bars[f"{name}_bar"] for name in params}, loss

    return Way(f"{units} units", backprop)


@pytest.mark.parametrize(("seed", "points", "hidden"), [(0, 10, 3), (0, 2, 1)])
def test_near_a_minimum_a_rounding_is_no_mistake_and_more_is(seed, points, hidden):
    X, t, initial = tutorial_problem(points, hidden, seed)
    params = train_with(BY_HAND, X, t, initial, 20000, 1.0).params
    ways = [WAYS[0], rounded_otherwise(1), rounded_otherwise(40)]
    rounding, mistake, _ = compared("trained", ways, X, t, params)["pairs"]
    assert rounding["relative"] > 1e-12
    assert not disagree(rounding)
    assert disagree(mistake)


@pytest.mark.parametrize(
    ("slip", "wrong", "right"),
    [
        (lambda g: {k: -v for k, v in g.items()}, "in U, b, W and c", None),
        (lambda g: {k: 60 * v for k, v in g.items()}, "in U, b, W and c", None),
        (lambda g: {**g, "U": g["U"].T}, "most in U, of shape (2, 3) and (3, 2)", "b, W and c"),
        (lambda g: {**g, "b": np.full(3, np.nan)}, "in b differs", "U, W and c"),
        (lambda g: {**g, "U": 2 * g["U"], "b": 2 * g["b"]}, "in U and b", "W and c"),
    ],
)
def test_a_slip_is_named_with_what_is_wrong_and_what_is_right_and_nothing_is_trained(
    slip, wrong, right
):
    def backprop(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return slip(grads), loss

    result = measured([Way("by hand", backprop), *WAYS[1:]], steps=1000)
    assert result["culprits"] == ["by hand"]
    assert len(result["places"]) == 1
    verdict = gradients.verdict(result)
    assert verdict.startswith("by hand is wrong: at the initial parameters")
    assert wrong in verdict
    assert right is None or f"the gradient in {right} agrees" in verdict
    told = "Nothing was trained, because the gradients are wrong before it."
    assert told in gradients.tables(result)
    assert gradients.figure(result)


def test_pytorch_is_among_the_ways_where_it_is_installed():
    pytest.importorskip("torch")
    ways = installed_ways()
    assert [way.name for way in ways if way.exact][-1] == "PyTorch float64"
    assert measured(ways)["culprits"] == []
    broken = [sabotaged(way) if way.name == "PyTorch float64" else way for way in ways]
    assert measured(broken)["culprits"] == ["PyTorch float64"]


def test_a_difference_is_found_where_it_is():
    _, _, params = tutorial_problem(10, 3, 0)
    a = {name: np.ones(np.shape(p)) for name, p in params.items()}
    b = {name: p.copy() for name, p in a.items()}
    b["U"][2, 1] = 1.25
    b["c"] = np.array(3.0)
    found = difference((a, 1.0), (b, 1.5))
    assert found["parameters"]["U"] == {"absolute": 0.25, "relative": 0.2, "entry": "U[2,1]"}
    assert found["parameters"]["c"] == {"absolute": 2.0, "relative": 2.0 / 3.0, "entry": "c"}
    assert found["parameters"]["b"]["absolute"] == 0.0
    assert found["relative"] == 2.0 / 3.0
    assert found["loss"] == 0.5
    assert difference((a, np.inf), (a, np.inf))["loss"] == np.inf


def test_ways_that_would_take_minutes_are_left_out_with_a_sentence():
    kept, sentence = affordable(WAYS, 1_000_000, 3, 5.0)
    assert [way.name for way in kept][:2] == ["by hand", "engine"]
    assert "number by number" in sentence
    assert affordable(WAYS, 500, 3, 5.0) == (WAYS, "")
