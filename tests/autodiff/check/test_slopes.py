"""Central differences extrapolated, against derivatives that are known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import logistic_cross_entropy
from autodiff.check.slopes import EPS, Derivatives, central_gradient
from mlp import by_hand, tutorial_problem


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 100))
def test_the_gradient_of_a_network_is_that_by_hand(points: int, hidden: int, seed: int) -> None:
    X, t, params = tutorial_problem(points, hidden, seed)
    calls = []

    def loss(xs: list[Any]) -> Any:
        U, b, W, c = xs
        calls.append(xs)
        return np.mean(logistic_cross_entropy(np.tanh(X @ U.T + b) @ W + c, t))

    found = central_gradient(loss, list(params.values()))
    assert len(calls) == 4 * sum(np.size(p) for p in params.values())
    for (name, p), g in zip(params.items(), found, strict=True):
        assert g.shape == np.shape(p)
        np.testing.assert_allclose(
            g, by_hand.backprop(X, t, params)[0][name], rtol=0, atol=3e-11, err_msg=name
        )


@pytest.mark.parametrize("x", [1e-3, 1.0, 1e3, -1e6])
def test_the_step_grows_with_the_entry(x: float) -> None:
    given = np.array([x, 2.0])
    square, constant = central_gradient(lambda xs: np.sum(xs[0] ** 2), [given, np.ones((0, 2))])
    np.testing.assert_allclose(square[0], 2.0 * x, rtol=0, atol=1e-11 * max(1.0, abs(x)))
    np.testing.assert_allclose(square[1], 4.0, rtol=0, atol=1e-11 * max(1.0, abs(x)) ** 2)
    assert constant.shape == (0, 2)
    np.testing.assert_array_equal(given, [x, 2.0])


def test_extrapolation_cancels_the_third_derivative() -> None:
    (found,) = central_gradient(lambda xs: 1e3 * xs[0] ** 3, [0.0])
    assert abs(float(found)) < 1e-15


@pytest.mark.parametrize("grid", [1e-10, 1e-6, 1e-4])
def test_the_rounding_of_a_function_is_found(grid: float) -> None:
    """Rounded to a grid of width w, a value is off by w / sqrt(12), in the quadratic mean."""

    def f(xs: list[Any]) -> float:
        return float(np.round(np.sum(np.sin(np.real(xs[0]))) / grid) * grid)

    found = [
        Derivatives(f, [np.linspace(0.1, 2.0, 7)], 1, EPS, np.random.default_rng(seed)).noise
        for seed in range(20)
    ]
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(grid / np.sqrt(12.0), rel=0.5)


def test_steps_are_as_long_as_the_entry_allows() -> None:
    derivatives = Derivatives(
        lambda xs: float(np.log(np.real(xs[0]))), [1e8], 1, EPS, np.random.default_rng(0)
    )
    found = derivatives.slope(0, np.float64(1.0))
    assert found.value == pytest.approx(1e-8, rel=1e-9)
    assert found.error < 1e-9 * 1e-8
