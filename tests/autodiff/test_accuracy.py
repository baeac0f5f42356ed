"""The logistic family and its derivatives against 60-digit arithmetic, from -1e6 to 1e6."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import autodiff
from autodiff import Value, gradients

UNIT = 2.0**-52
SMALLEST_NORMAL = float(np.finfo(float).tiny)
LIMIT = 2.0


def points() -> np.ndarray:
    """Return several hundred logits, dense near 0 and where exp(-|z|) drops below rounding."""
    rng = np.random.default_rng(0)
    sizes = np.concatenate(
        [np.logspace(-300, -9, 30), np.logspace(-8, 6, 120), [1e6, 36.7, 37.5, 745.2]]
    )
    middle = [np.linspace(-40, 40, 161), rng.uniform(-3, 3, 150), rng.uniform(-750, 750, 60)]
    return np.concatenate([sizes, -sizes, [0.0, -0.0], *middle])


Z = points()


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def softplus(z: Any) -> Any:
    return mpmath.log1p(mpmath.exp(-abs(z))) + max(z, 0)


EXACT: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    # name: (the engine's function, the value, the derivative)
    "sigmoid": (autodiff.sigmoid, sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "log_sigmoid": (autodiff.log_sigmoid, lambda z: -softplus(-z), lambda z: sigmoid(-z)),
    "softplus": (autodiff.softplus, softplus, sigmoid),
    "logistic_cross_entropy, target 0": (
        lambda z: autodiff.logistic_cross_entropy(z, 0.0),
        softplus,
        sigmoid,
    ),
    "logistic_cross_entropy, target 1": (
        lambda z: autodiff.logistic_cross_entropy(z, 1.0),
        lambda z: softplus(-z),
        lambda z: -sigmoid(-z),
    ),
    "logistic_cross_entropy, target 0 as an array": (
        lambda z: autodiff.logistic_cross_entropy(z, np.zeros(z.shape)),
        softplus,
        sigmoid,
    ),
    "logistic_cross_entropy, target 1 as an array": (
        lambda z: autodiff.logistic_cross_entropy(z, np.ones(z.shape)),
        lambda z: softplus(-z),
        lambda z: -sigmoid(-z),
    ),
}


def check(got: Any, exact: Callable[[Any], Any]) -> None:
    """Compare with the exact numbers, results below the smallest normal number aside."""
    compared = 0
    for z, number in zip(Z, got):
        with mpmath.workdps(60):
            true = exact(mpmath.mpf(z))
            if abs(true) < SMALLEST_NORMAL:
                assert abs(number) <= SMALLEST_NORMAL
                continue
            error = abs(mpmath.mpf(number) / true - 1) / UNIT
        compared += 1
        assert error <= LIMIT, f"{float(error)} units at z = {z!r}"
    assert compared > 400


@pytest.mark.parametrize("name", EXACT)
def test_arrays(name: str) -> None:
    function, value, derivative = EXACT[name]
    z = Value(Z)
    out = function(z)
    check(out.data.tolist(), value)
    check(gradients(out, z, np.ones(Z.shape)).tolist(), derivative)


@pytest.mark.parametrize("name", EXACT)
def test_scalars(name: str) -> None:
    function, value, derivative = EXACT[name]
    logits = [Value(z) for z in Z]
    results = [function(z) for z in logits]
    check([out.data for out in results], value)
    check([float(gradients(out, z)) for out, z in zip(results, logits)], derivative)


def test_the_derivative_in_the_target_is_minus_the_logit() -> None:
    t = Value(np.full(Z.shape, 0.25))
    autodiff.logistic_cross_entropy(Z, t).backward(np.ones(Z.shape))
    np.testing.assert_array_equal(t.grad, -Z)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_soft_targets_are_right_where_nothing_cancels(t: float) -> None:
    """Near sigmoid(z) = t the difference is a small number; relative to its terms it is right."""
    z = Value(Z)
    autodiff.logistic_cross_entropy(z, t).backward(np.ones(Z.shape))
    for at, got in zip(Z, z.grad):
        with mpmath.workdps(60):
            exact = float(sigmoid(mpmath.mpf(at)) - mpmath.mpf(t))
        assert abs(got - exact) <= 2 * UNIT * (abs(exact) + t)


def test_plain_arrays_give_the_same() -> None:
    for function, *_ in EXACT.values():
        np.testing.assert_array_equal(function(Z), function(Value(Z)).data)
