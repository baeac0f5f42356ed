"""The PyTorch model against by hand and against the tutorial's figures."""

import warnings

import numpy as np
import pytest
from places import GOLDEN

from mlp import by_hand, train, tutorial_problem

torch = pytest.importorskip("torch")
pytorch = pytest.importorskip("mlp.pytorch")


def problem(num_points, hidden, seed):
    X, t, params = tutorial_problem(num_points, hidden, seed)
    rng = np.random.default_rng(seed)
    return X, t, params | {"b": rng.normal(size=hidden), "c": np.float64(rng.normal())}


@pytest.mark.parametrize(("num_points", "hidden", "seed"), [(1, 1, 0), (7, 3, 1), (60, 5, 2)])
def test_agrees_with_by_hand(num_points, hidden, seed):
    X, t, params = problem(num_points, hidden, seed)
    expected, expected_loss = by_hand.backprop(X, t, params)
    largest = max(np.abs(g).max() for g in expected.values())
    for backprop, dtype, tolerance in (
        (pytorch.backprop, np.float64, 1e-12),
        (pytorch.backprop_float32, np.float32, 1e-5),
    ):
        grads, loss = backprop(X, t, params)
        assert type(loss) is float
        assert loss == pytest.approx(expected_loss, rel=tolerance)
        assert list(grads) == list(expected)
        for name, g in expected.items():
            assert grads[name].dtype == dtype
            assert grads[name].shape == g.shape
            np.testing.assert_allclose(grads[name], g, rtol=0, atol=tolerance * largest)
    np.testing.assert_allclose(
        pytorch.forward(X, params), by_hand.forward(X, params), rtol=1e-13, strict=True
    )


def test_trains_as_the_tutorial_does():
    X, t, params = tutorial_problem()
    history = pytorch.train_float32(X, t, params)
    assert len(history.losses) == 1000
    for step, loss in GOLDEN["loss_by_step"].items():
        assert history.losses[int(step)] == pytest.approx(loss, rel=1e-4)
    for name, expected in GOLDEN["final_parameters"].items():
        np.testing.assert_allclose(history.params[name], expected, rtol=1e-3)


def test_trains_with_our_loop_too():
    X, t, params = tutorial_problem()
    history = train(pytorch.backprop, X, t, params, steps=51)
    assert history.losses[50] == pytest.approx(GOLDEN["loss_by_step"]["50"], rel=1e-12)


def test_leaves_inputs_and_random_numbers_alone():
    X, t, params = problem(5, 3, 0)
    before = [x.copy() for x in (X, t, *params.values())]
    for array in (X, t, *params.values()):
        if array.ndim:
            array.flags.writeable = False
    state = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pytorch.backprop(X, t, params)
        pytorch.train_float32(X, t, params, steps=2)
    assert torch.equal(torch.get_rng_state(), state)
    for x, old in zip((X, t, *params.values()), before, strict=True):
        np.testing.assert_array_equal(x, old)


def test_column_targets_are_refused():
    X, t, params = tutorial_problem(6)
    with pytest.raises(ValueError, match=r"t has shape \(6, 1\).* must have shape \(6,\)"):
        pytorch.backprop(X, t[:, None], params)
