"""Numerical gradients: exact by complex step, and by differences as good as theory has it."""

import numpy as np
import pytest

from mlp import by_hand, numerical, tutorial_problem

X, T, PARAMS = tutorial_problem(20, 2, 1)
PARAMS |= {"b": PARAMS["b"] + 0.3, "c": np.float64(-0.2)}
EXACT, LOSS = by_hand.backprop(X, T, PARAMS)


def error(backprop, *step):
    grads, loss = backprop(X, T, PARAMS, *step)
    assert loss == pytest.approx(LOSS, rel=1e-14)
    return max(np.abs(grads[name] - g).max() for name, g in EXACT.items())


@pytest.mark.parametrize(
    ("backprop", "order", "best"),
    [
        (numerical.forward_differences, 1, 1e-7),
        (numerical.central_differences, 2, 1e-9),
        (numerical.complex_step, 2, 1e-15),
    ],
)
def test_a_tenth_of_the_step_makes_a_tenth_of_the_error_or_a_hundredth(backprop, order, best):
    coarse, fine = error(backprop, 1e-2), error(backprop, 1e-3)
    assert coarse / fine == pytest.approx(10.0**order, rel=0.05)
    assert error(backprop) < best


@pytest.mark.parametrize(
    "backprop",
    [numerical.complex_step, numerical.central_differences, numerical.forward_differences],
)
def test_arguments_stay_and_wrong_shapes_are_refused(backprop):
    params = {name: np.array(p) for name, p in PARAMS.items()}
    backprop(X, T, params)
    for name, p in PARAMS.items():
        np.testing.assert_array_equal(params[name], p)
    with pytest.raises(ValueError, match=r"t has shape \(20, 1\)"):
        backprop(X, T[:, None], params)
