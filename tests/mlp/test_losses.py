"""The loss as the tutorial writes it against 60-digit arithmetic, and what it loses."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp import losses

mpmath.mp.dps = 60
EPS = 2.2e-16


def exact_sigmoid(z):
    return 1 / (1 + mpmath.exp(-mpmath.mpf(z)))


def exact_loss(z, t):
    z, t = mpmath.mpf(z), mpmath.mpf(t)
    return t * mpmath.log1p(mpmath.exp(-z)) + (1 - t) * mpmath.log1p(mpmath.exp(z))


@pytest.mark.filterwarnings("error")
def test_the_sigmoid_is_accurate_everywhere():
    magnitudes = [0.0, *np.logspace(-300, -3, 50), *np.linspace(0.01, 700, 400), 1e6]
    for z in (*magnitudes, *(-x for x in magnitudes)):
        assert losses.sigmoid(z) == pytest.approx(float(exact_sigmoid(z)), rel=2 * EPS)


@given(st.floats(-12, 12), st.floats(0, 1))
def test_at_moderate_logits_the_loss_of_y_is_that_of_z(z, t):
    loss = losses.cross_entropy(losses.sigmoid(z), t)
    assert loss == pytest.approx(float(exact_loss(z, t)), abs=1e-10)


def test_what_the_loss_of_y_loses():
    z, t = np.array([40.0, -800.0, 40.0]), np.array([1, 1, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        naive = losses.cross_entropy(losses.sigmoid(z), t)
    np.testing.assert_array_equal(naive, [np.nan, np.inf, np.inf])


def test_shapes():
    y = np.full(3, 0.5)
    assert losses.cross_entropy(y, np.ones(3)).shape == (3,)
    assert losses.cross_entropy(y, 1).shape == (3,)
    assert np.ndim(losses.cross_entropy(0.5, 1)) == 0
    with pytest.raises(ValueError, match=r"shape \(3,\) and targets of shape \(3, 1\) must"):
        losses.cross_entropy(y, np.ones((3, 1)))


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64])
def test_labels_of_any_dtype_give_the_same_loss(dtype):
    y, t = np.array([0.2, 0.7]), np.array([1, 0])
    np.testing.assert_array_equal(
        losses.cross_entropy(y, t.astype(dtype)), losses.cross_entropy(y, t.astype(float))
    )
