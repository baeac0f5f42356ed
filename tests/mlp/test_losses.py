"""The losses and their slopes against 60-digit arithmetic, and what the naive forms lose."""

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp import losses

mpmath.mp.dps = 60
EPS = 2.2e-16
MAGNITUDES = np.concatenate([[0.0], np.logspace(-300, -3, 50), np.linspace(0.01, 750, 400), [1e6]])
Z = np.concatenate([-MAGNITUDES, MAGNITUDES])


def exact_sigmoid(z):
    return 1 / (1 + mpmath.exp(-mpmath.mpf(z)))


def exact_slope(z, t):
    t = mpmath.mpf(t)
    return (1 - t) * exact_sigmoid(z) - t * exact_sigmoid(-z)


def exact_loss(z, t):
    z, t = mpmath.mpf(z), mpmath.mpf(t)
    return t * mpmath.log1p(mpmath.exp(-z)) + (1 - t) * mpmath.log1p(mpmath.exp(z))


def worst_relative_error(computed, exact):
    """Return the largest relative error, subnormal numbers aside."""
    pairs = [(c, e) for c, e in zip(computed.tolist(), exact) if abs(e) > 2.3e-308]
    assert len(pairs) > 0.9 * len(exact)
    return max(float(abs((c - e) / e)) for c, e in pairs)


@pytest.mark.parametrize("t", [0, 1])
def test_stable_forms_are_accurate_everywhere(t):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = losses.logistic_cross_entropy(Z, t)
        slope = losses.logistic_cross_entropy_slope(Z, t)
        y = losses.sigmoid(Z)
    assert worst_relative_error(loss, [exact_loss(z, t) for z in Z.tolist()]) < 2 * EPS
    assert worst_relative_error(slope, [exact_slope(z, t) for z in Z.tolist()]) < 2 * EPS
    assert worst_relative_error(y, [exact_sigmoid(z) for z in Z.tolist()]) < 2 * EPS


@given(st.floats(-1e3, 1e3), st.floats(0, 1))
def test_stable_forms_with_soft_targets(z, t):
    assert losses.logistic_cross_entropy(z, t) == pytest.approx(
        float(exact_loss(z, t)), rel=4 * EPS, abs=1e-300
    )
    error = losses.logistic_cross_entropy_slope(z, t) - float(exact_slope(z, t))
    assert abs(error) <= 2 * EPS


@given(st.floats(-12, 12), st.floats(0, 1))
def test_naive_forms_are_the_same_functions_at_moderate_logits(z, t):
    y = losses.sigmoid(z)
    assert losses.cross_entropy(y, t) == pytest.approx(float(exact_loss(z, t)), abs=1e-10)
    assert losses.cross_entropy_slope(z, t) == pytest.approx(float(exact_slope(z, t)), abs=2 * EPS)


def test_what_the_naive_forms_lose():
    z, t = np.array([40.0, -800.0, 40.0]), np.array([1, 1, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        naive = losses.cross_entropy(losses.sigmoid(z), t)
    np.testing.assert_array_equal(naive, [np.nan, np.inf, np.inf])
    assert losses.cross_entropy_slope(40.0, 1) == 0.0
    assert losses.logistic_cross_entropy_slope(40.0, 1) == pytest.approx(-np.exp(-40.0))


@pytest.mark.parametrize(
    "function",
    [
        losses.cross_entropy,
        losses.cross_entropy_slope,
        losses.logistic_cross_entropy,
        losses.logistic_cross_entropy_slope,
    ],
)
def test_shapes(function):
    y = np.full(3, 0.5)
    assert function(y, np.ones(3)).shape == (3,)
    assert function(y, 1).shape == (3,)
    assert np.ndim(function(0.5, 1)) == 0
    with pytest.raises(ValueError, match=r"shape \(3,\) and targets of shape \(3, 1\) must"):
        function(y, np.ones((3, 1)))


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64])
def test_labels_of_any_dtype_give_the_same_loss(dtype):
    y, t = np.array([0.2, 0.7]), np.array([1, 0])
    np.testing.assert_array_equal(
        losses.cross_entropy(y, t.astype(dtype)), losses.cross_entropy(y, t.astype(float))
    )
