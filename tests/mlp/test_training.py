"""Gradient descent: the tutorial's run, and what `train` promises."""

import io
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import GOLDEN

from mlp import Diverged, by_hand, engine, train, tutorial_problem

X, T, PARAMS = tutorial_problem(8)


def bowl(X, t, params):
    """Return the gradients of half the sum of squares of all parameters: the parameters."""
    return params, 0.5 * sum(float(np.sum(p * p)) for p in params.values())


def test_snapshots_are_taken_if_asked_for():
    assert train(by_hand.backprop, *tutorial_problem(), steps=2).snapshots == {}


@pytest.mark.parametrize("way", [by_hand, engine])
def test_the_tutorials_run(way):
    history = train(way.backprop, *tutorial_problem(), snapshot_every=500)
    assert len(history.losses) == 1000
    assert not history.interrupted
    for step, loss in GOLDEN["loss_by_step"].items():
        assert history.losses[int(step)] == pytest.approx(loss, rel=0, abs=1e-9)
    assert history.losses[-1] == pytest.approx(GOLDEN["last_step"]["loss"], rel=0, abs=1e-9)
    assert list(history.snapshots) == [0, 500, 1000]
    for name, expected in GOLDEN["final_parameters"].items():
        np.testing.assert_allclose(history.params[name], expected, rtol=1e-9)
        np.testing.assert_array_equal(history.snapshots[1000][name], history.params[name])


@given(st.integers(0, 12), st.integers(0, 5), st.floats(0.01, 1.5))
def test_gradient_descent_in_a_bowl(steps, snapshot_every, learning_rate):
    """There every step multiplies every parameter by 1 - learning_rate."""
    history = train(bowl, X, T, PARAMS, steps, learning_rate, snapshot_every)
    shrink = 1.0 - learning_rate

    def after(k):
        return {name: shrink**k * p for name, p in PARAMS.items()}

    for name, expected in after(steps).items():
        np.testing.assert_allclose(history.params[name], expected, rtol=1e-10, atol=1e-300)
    expected_losses = [bowl(X, T, after(k))[1] for k in range(steps)]
    np.testing.assert_allclose(history.losses, expected_losses, rtol=1e-10, atol=1e-300)
    every = range(0, steps + 1, snapshot_every) if snapshot_every else []
    assert list(history.snapshots) == list(every)
    for k, snapshot in history.snapshots.items():
        for name, expected in after(k).items():
            np.testing.assert_allclose(snapshot[name], expected, rtol=1e-10, atol=1e-300)


def test_nothing_that_a_backprop_does_reaches_the_caller():
    x, t, params = tutorial_problem(8)
    refused = []

    def careless(X, t, params):
        for array in (X, t, params["U"], params["b"], params["W"]):
            try:
                array += 1.0
            except ValueError:
                refused.append(array)
        params["c"] += 1.0
        params["extra"] = 1.0
        del params["U"]
        return {name: np.zeros_like(p) for name, p in PARAMS.items()}, 1.0

    history = train(careless, x, t, params, steps=2)
    assert len(refused) == 10
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(t, T)
    assert params.keys() == PARAMS.keys()
    for name, p in PARAMS.items():
        np.testing.assert_array_equal(params[name], p)
        np.testing.assert_array_equal(history.params[name], p)


def test_the_history_is_the_callers_own():
    params = {name: np.array(p) for name, p in PARAMS.items()}
    history = train(bowl, X, T, params, steps=1, snapshot_every=1)
    held = [history.params, *history.snapshots.values(), params]
    arrays = [tree[name] for tree in held for name in "UbW"]
    assert all(a.flags.writeable for a in arrays)
    assert not any(np.shares_memory(a, b) for a in arrays for b in arrays if a is not b)


def test_lists_and_integers_are_taken_too():
    params = {"U": [[1, 0]], "b": [0], "W": [1], "c": 0}
    history = train(by_hand.backprop, [[1, 2], [3, 4]], [0, 1], params, steps=3)
    assert np.isfinite(history.losses).all()
    assert np.shape(history.params["c"]) == ()


def nan_at(bad_step, loss=math.nan):
    steps = iter(range(bad_step + 1))

    def backprop(X, t, params):
        grads, value = bowl(X, t, params)
        return grads, loss if next(steps) == bad_step else value

    return backprop


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_divergence_names_the_step_and_keeps_the_history(loss):
    with pytest.raises(
        Diverged, match=f"the loss is {loss} at step 3, after .* than 0.5"
    ) as caught:
        train(nan_at(3, loss), X, T, PARAMS, learning_rate=0.5, snapshot_every=2)
    history = caught.value.history
    assert len(history.losses) == 4
    np.testing.assert_equal(history.losses[-1], loss)
    assert list(history.snapshots) == [0, 2]
    for name, p in PARAMS.items():
        np.testing.assert_allclose(history.params[name], p / 8)


def test_divergence_at_the_first_step_points_to_the_data():
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(Diverged, match="nan at step 0, before any update: look for NaN"):
        train(engine.backprop, bad, T, PARAMS)


def test_ctrl_c_keeps_what_there_is():
    calls = iter(range(6))

    def interrupted(X, t, params):
        if next(calls) == 5:
            raise KeyboardInterrupt
        return bowl(X, t, params)

    history = train(interrupted, X, T, PARAMS, learning_rate=0.5)
    assert history.interrupted
    assert len(history.losses) == 5
    for name, p in PARAMS.items():
        np.testing.assert_allclose(history.params[name], p / 32)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "seen"),
    [
        (io.StringIO, None, False),
        (io.StringIO, True, True),
        (Terminal, False, False),
        (Terminal, True, True),
    ],
)
def test_progress_is_shown_on_a_terminal_or_on_request(monkeypatch, stream, progress, seen):
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    train(bowl, X, T, PARAMS, steps=3, learning_rate=0.5, progress=progress)
    assert ("training" in shown.getvalue()) == seen


def test_a_long_run_shows_a_bar_on_a_terminal_and_a_short_one_none(monkeypatch):
    for seconds, seen in ((0.4, False), (0.7, True)):
        shown, now = Terminal(), [0.0]
        monkeypatch.setattr(sys, "stderr", shown)
        monkeypatch.setattr("tqdm.std.time", lambda now=now: now[0])

        def slow(X, t, params, seconds=seconds, now=now):
            now[0] += seconds
            return bowl(X, t, params)

        train(slow, X, T, PARAMS, steps=2, learning_rate=0.5)
        assert ("training" in shown.getvalue()) == seen


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"backprop": by_hand}, TypeError, "backprop must be a function of .X, t, params."),
        ({"steps": -1}, ValueError, "steps must be at least 0, not -1"),
        ({"steps": 2.5}, TypeError, "steps must be an integer, not 2.5"),
        ({"snapshot_every": -1}, ValueError, "snapshot_every must be at least 0"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be a positive number, not 0.0"),
        ({"learning_rate": -1}, ValueError, "learning_rate must be a positive number, not -1"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must be a positive .*, not nan"),
        ({"learning_rate": math.inf}, ValueError, "learning_rate must be a positive .*, not inf"),
        ({"learning_rate": "1"}, ValueError, "learning_rate must be a positive number, not '1'"),
        ({"X": X[:0], "t": T[:0]}, ValueError, r"X of shape \(0, 2\) has no points"),
        ({"X": X[:, 0]}, ValueError, r"X of shape \(8,\) and U of shape \(3, 2\) must be matric"),
        ({"X": X[:, :1]}, ValueError, r"U has shape \(3, 2\).*must have shape \(3, 1\)"),
        ({"X": X.astype(str)}, TypeError, "X is not an array of real numbers"),
        ({"X": X + 1j}, TypeError, "X is not an array of real numbers"),
        ({"t": [None] * 8}, TypeError, "t is not an array of real numbers"),
        ({"params": [1.0]}, TypeError, r"params must be a dict with the keys .*, not \[1.0\]"),
        ({"t": T[:5]}, ValueError, r"t has shape \(5,\); with 8 points .* have shape \(8,\)"),
        ({"t": T[:, None]}, ValueError, r"t has shape \(8, 1\);.* must have shape \(8,\)"),
        ({"params": {"U": PARAMS["U"]}}, ValueError, "params has the keys U; it needs U, b, W"),
        ({"params": PARAMS | {"V": 1.0}}, ValueError, "params has the keys U, b, W, c, V; it"),
        ({"params": PARAMS | {"b": np.ones(2)}}, ValueError, r"b has shape \(2,\)"),
        ({"params": PARAMS | {"W": np.ones((1, 3))}}, ValueError, r"W has shape \(1, 3\)"),
        ({"params": PARAMS | {"c": np.ones(1)}}, ValueError, r"c has shape \(1,\)"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    arguments = {"backprop": bowl, "X": X, "t": T, "params": PARAMS} | change
    with pytest.raises(error, match=message):
        train(**arguments)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (None, TypeError, r"must return \(grads, loss\), a dict and a number, not NoneType"),
        ((1.0, PARAMS), TypeError, "a dict and a number, not float, dict"),
        ((PARAMS, np.ones(8)), TypeError, r"not dict, ndarray of shape \(8,\)"),
        ((list(PARAMS.values()), 1.0), TypeError, "must be a dict with the keys of .*, not list"),
        (({"U": PARAMS["U"]}, 1.0), ValueError, "have the keys U; those of params are U, b, W, c"),
        ((PARAMS | {"z": 1.0}, 1.0), ValueError, "have the keys U, b, W, c, z; those of params"),
        ((PARAMS | {"b": 0.0}, 1.0), ValueError, r"the gradient of b has shape \(\); b itself has"),
        ((PARAMS | {"c": np.ones(1)}, 1.0), ValueError, r"gradient of c has shape \(1,\); c itse"),
        ((PARAMS | {"U": np.ones((2, 3))}, 1.0), ValueError, r"gradient of U has shape \(2, 3\)"),
    ],
)
def test_wrong_results_of_a_backprop_are_named(result, error, message):
    with pytest.raises(error, match=message):
        train(lambda X, t, params: result, X, T, PARAMS)


@pytest.mark.parametrize(
    "W", [np.ones(3) * 1j, np.array(["a", "b", "c"]), np.ma.masked_array(np.ones(3))]
)
def test_gradients_that_are_no_real_numbers(W):
    X, t, params = tutorial_problem(20)

    def strange(X, t, params):
        return {
            name: W if name == "W" else np.zeros(np.shape(p)) for name, p in params.items()
        }, 1.0

    with pytest.raises(TypeError, match="gradient of W is not an array of real numbers"):
        train(strange, X, t, params, steps=1)


def test_targets_out_of_range_and_a_loss_that_is_text_are_refused():
    X, t, params = tutorial_problem(20)
    with pytest.raises(ValueError, match="targets from 0 to 1; these go from -1 to 1"):
        train(by_hand.backprop, X, 2 * t - 1, params, steps=1)
    with pytest.raises(TypeError, match=r"must return \(grads, loss\)"):
        train(lambda X, t, params: (params, "0.3"), X, t, params, steps=1)


def test_parameters_that_are_not_finite_after_the_last_step_are_no_success():
    X, t, params = tutorial_problem(20)

    def overflowing(X, t, params):
        return {name: np.full(np.shape(p), np.inf) for name, p in params.items()}, 1.0

    with pytest.raises(Diverged, match="no longer finite") as caught:
        train(overflowing, X, t, params, steps=1)
    assert len(caught.value.history.losses) == 1
