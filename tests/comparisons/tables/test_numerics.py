"""Stability against mpmath, and the V of the finite differences against theory."""

import math

import mpmath
import numpy as np
import pytest

from comparisons.tables import differences, stability
from comparisons.tables.ways import Way
from mlp import by_hand


@pytest.fixture(scope="module")
def digits():
    with mpmath.workdps(600):
        yield


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("t", [0, 1])
@pytest.mark.parametrize("z", [*stability.LOGITS, 0.1, -37.25, 709.9, -744.5])
def test_the_exact_values_are_those_of_mpmath(z, t):
    s = mpmath.mpf(z) if t == 0 else -mpmath.mpf(z)
    loss, slope = stability.exact_values(z, t)
    expected = mpmath.log1p(mpmath.exp(s)), (1 - 2 * t) / (1 + mpmath.exp(-s))
    for found, truth in zip((loss, slope), expected):
        assert abs(mpmath.mpf(str(found)) / truth - 1) < mpmath.mpf("1e-50")


def row(z, t):
    return stability.evaluated(z, t)


@pytest.mark.parametrize("z", stability.LOGITS)
@pytest.mark.parametrize("t", [0, 1])
def test_the_stable_form_keeps_its_digits_everywhere(z, t):
    found = row(z, t)
    for quantity in ("loss", "slope"):
        assert found[quantity]["stable_error"] < 4 * 2.0**-52


def test_the_naive_form_loses_them_where_it_is_said_to():
    right, wrong = row(40.0, 1), row(40.0, 0)
    assert right["slope"]["naive"] == 0.0
    assert right["slope"]["naive_error"] == 1.0
    assert math.isinf(wrong["loss"]["naive"])
    assert math.isinf(wrong["loss"]["naive_error"])
    assert wrong["slope"]["naive_error"] < 1e-15
    assert 1e-9 < row(20.0, 1)["loss"]["naive_error"] < 1e-6


@pytest.mark.parametrize(
    ("error", "shown"), [(0.0, "16"), (1e-16, "16"), (1e-7, "7"), (2.0, "0"), (math.inf, "0")]
)
def test_digits_that_are_right(error, shown):
    assert stability.digits({"naive_error": error, "exact": "1.5"}, "naive") == shown


@pytest.fixture(scope="module")
def v():
    return differences.measure(0, 200, 3)


def error(v, method, step):
    return v["methods"][method]["errors"][int(np.argmin(np.abs(np.log(v["steps"]) - np.log(step))))]


def test_the_best_steps_are_those_of_theory(v):
    best = {name: method["best_step"] for name, method in v["methods"].items()}
    assert 1e-9 < best["forward"] < 1e-6
    assert 1e-6 <= best["central"] < 1e-4
    assert best["complex"] < 1e-7


def test_forward_errors_grow_with_the_step_and_central_ones_with_its_square(v):
    assert error(v, "forward", 1e-3) / error(v, "forward", 1e-5) == pytest.approx(1e2, rel=0.1)
    assert error(v, "central", 1e-2) / error(v, "central", 1e-3) == pytest.approx(1e2, rel=0.1)
    assert error(v, "complex", 1e-2) / error(v, "complex", 1e-3) == pytest.approx(1e2, rel=0.1)


def test_small_steps_cancel_unless_they_are_complex(v):
    assert error(v, "forward", 1e-18) == pytest.approx(1.0)
    assert error(v, "central", 1e-18) == pytest.approx(1.0)
    below = [e for h, e in zip(v["steps"], v["methods"]["complex"]["errors"]) if h < 1e-8]
    assert max(below) < 2e-15


def test_a_size_that_would_take_too_long_is_refused_with_a_sentence():
    result = differences.measure(0, 1_000_000, 10)
    assert "fewer --points" in result["left_out"]
    assert differences.figure(result) is None
    assert len(differences.tables(result)) == 1


def test_errors_are_not_blamed_on_the_methods_where_by_hand_is_wrong(monkeypatch, v):
    def wrong(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return {**grads, "c": grads["c"] * 1.5 + 0.1}, loss

    assert differences.verdict(v).startswith("At their best")
    monkeypatch.setattr(differences, "BY_HAND", Way("by hand", wrong))
    result = differences.measure(0, 30, 3)
    assert differences.verdict(result).startswith("By hand and the complex step disagree (")
    assert str(differences.tables(result)[0]).strip() == differences.verdict(result)


def test_a_method_has_its_curve_and_its_best_step_in_the_picture():
    result = differences.measure(0, 30, 3)
    lines = differences.figure(result).axes[0].lines
    for method, curve, best in zip(result["methods"].values(), lines[::2], lines[1::2]):
        np.testing.assert_array_equal(curve.get_xdata(), result["steps"])
        assert best.get_xdata() == [method["best_step"]]
    assert len(lines) == 2 * len(result["methods"])
