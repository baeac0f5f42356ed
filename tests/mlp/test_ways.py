"""Every way to the gradient against every other, the tutorial's figures, and a complex step."""

import importlib
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import complex_step
from places import GOLDEN

from autodiff import Value, logistic_cross_entropy, mean, tanh
from autodiff.readings.native.build import compiler
from mlp import by_hand, compiled, engine, loops, numerical, scalar, tutorial_problem

IN_BLOCKS = SimpleNamespace(backprop=loops.backprop_in_blocks, forward=loops.forward)
WAYS = [by_hand, engine, compiled, loops, IN_BLOCKS, scalar, numerical]
NAMES = ["U", "b", "W", "c"]


@st.composite
def problems(draw):
    """Draw data with both labels likely and parameters none of which is zero."""
    N, H = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    params = {
        "U": rng.uniform(-1.5, 1.5, (H, 2)),
        "b": rng.uniform(-1.5, 1.5, H),
        "W": rng.uniform(-1.5, 1.5, H),
        "c": np.float64(rng.uniform(-1.5, 1.5)),
    }
    X, t = rng.uniform(-3.0, 3.0, (N, 2)), rng.integers(0, 2, N)
    for array in (X, t, *params.values()):
        if array.ndim:
            array.flags.writeable = False
    return X, t, params


def assert_equal_gradients(grads, expected, tolerance):
    """Compare entry by entry, relative to the largest entry of all."""
    largest = max(np.abs(g).max() for g in expected.values())
    for name in NAMES:
        assert np.shape(grads[name]) == np.shape(expected[name])
        np.testing.assert_allclose(
            grads[name], expected[name], rtol=0, atol=tolerance * largest, err_msg=name
        )


@pytest.mark.parametrize("way", WAYS)
def test_the_tutorials_first_step(way):
    grads, loss = way.backprop(*tutorial_problem())
    first = GOLDEN["first_step"]
    assert loss == pytest.approx(first["loss"], rel=1e-13)
    for name in NAMES:
        np.testing.assert_allclose(grads[name], first["gradients"][name], rtol=0, atol=1e-13)


@pytest.mark.parametrize("way", WAYS)
@given(problem=problems())
def test_gradients_against_a_complex_step(way, problem):
    X, t, params = problem

    def cost(*operands):
        U, b, W, c = operands
        z = np.tanh(X @ U.T + b) @ W + c
        return np.mean(t * np.log(1 + np.exp(-z)) + (1 - t) * np.log(1 + np.exp(z)))

    operands = [params[name] for name in NAMES]
    expected = {name: complex_step(cost, operands, i) for i, name in enumerate(NAMES)}
    grads, loss = way.backprop(X, t, params)
    assert loss == pytest.approx(cost(*operands), rel=1e-11)
    assert_equal_gradients(grads, expected, 1e-11)


@given(problems())
def test_all_ways_agree(problem):
    X, t, params = problem
    expected, expected_loss = by_hand.backprop(X, t, params)
    y = by_hand.forward(X, params)
    for way in WAYS[1:]:
        grads, loss = way.backprop(X, t, params)
        assert loss == pytest.approx(expected_loss, rel=1e-12)
        assert_equal_gradients(grads, expected, 1e-12)
        np.testing.assert_allclose(way.forward(X, params), y, rtol=1e-14)


@given(problems())
def test_adjoints_by_hand_are_the_engines_equation_by_equation(problem):
    X, t, params = problem
    U, b, W, c = (Value(params[name]) for name in NAMES)
    G = X @ U.T + b
    H = tanh(G)
    z = H @ W + c
    mean(logistic_cross_entropy(z, t)).backward()
    recorded = {"z": z, "H": H, "G": G, "U": U, "b": b, "W": W, "c": c}
    bars = by_hand.adjoints(X, t, params)
    assert bars.keys() == {f"{name}_bar" for name in recorded}
    for name, value in recorded.items():
        bar = bars[f"{name}_bar"]
        assert np.shape(bar) == value.shape
        np.testing.assert_allclose(
            bar, value.grad, rtol=0, atol=1e-12 * np.abs(bars["z_bar"]).max(), err_msg=name
        )


@pytest.mark.parametrize("way", WAYS)
def test_forward_is_the_tutorials_scalar_form(way):
    X, _, params = tutorial_problem(20, hidden=4, seed=3)
    params["b"] += 0.3
    y = way.forward(X, params)
    assert type(y) is np.ndarray
    for (x1, x2), y_i in zip(X, y, strict=True):
        h = [math.tanh(u1 * x1 + u2 * x2 + b) for (u1, u2), b in zip(params["U"], params["b"])]
        z = sum(w * h_j for w, h_j in zip(params["W"], h)) + params["c"]
        assert y_i == pytest.approx(1 / (1 + math.exp(-z)), rel=1e-13)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("hidden", [1, 3])
def test_what_comes_back_is_plain(way, hidden):
    X, t, params = tutorial_problem(6, hidden)
    params["c"] = 0
    grads, loss = way.backprop(X, t, params)
    assert type(loss) is float
    assert list(grads) == NAMES
    assert [type(grads[name]) for name in NAMES] == [np.ndarray] * 3 + [np.float64]
    assert all(grads[name].flags.writeable for name in "UbW")


@pytest.mark.parametrize("way", WAYS)
def test_column_targets_are_refused(way):
    X, t, params = tutorial_problem(6)
    with pytest.raises(ValueError, match=r"\(6,\).*\(6, 1\)|\(6, 1\).*\(6,\)"):
        way.backprop(X, t[:, None], params)


def test_saturated_logits():
    """At |z| = 200 the loss through y is lost, and the engine's is exact."""
    X, t = np.zeros((1, 2)), np.array([1])
    params = {"U": np.ones((1, 2)), "b": np.zeros(1), "W": np.ones(1), "c": np.float64(200.0)}
    with np.errstate(divide="ignore", invalid="ignore"):
        assert math.isnan(by_hand.backprop(X, t, params)[1])
    assert by_hand.adjoints(X, t, params)["c_bar"] == 0.0
    grads, loss = engine.backprop(X, t, params)
    assert loss == pytest.approx(math.exp(-200.0), rel=1e-14)
    assert grads["c"] == pytest.approx(-math.exp(-200.0), rel=1e-14)


def test_the_scalar_form_is_for_points_of_the_plane():
    _, t, params = tutorial_problem(6)
    params["U"] = np.ones((3, 4))
    with pytest.raises(ValueError, match=r"X has shape \(6, 4\); the scalar form is for points"):
        scalar.backprop(np.ones((6, 4)), t, params)
    with pytest.raises(ValueError, match=r"b has shape \(2,\)"):
        scalar.forward(np.ones((6, 2)), {**params, "U": np.ones((3, 2)), "b": np.ones(2)})


def test_the_loops_are_in_c_where_there_is_a_compiler_and_by_numpy_where_layers_are_wide():
    for hidden, backend in ((3, "c" if compiler() else "numpy"), (40, "numpy")):
        X, t, params = tutorial_problem(60, hidden)
        grads, loss = loops.backprop(X, t, params)
        expected, expected_loss = engine.backprop(X, t, params)
        assert loops.loss_and_gradients.backend == backend
        assert loss == pytest.approx(expected_loss, rel=1e-14)
        assert_equal_gradients(grads, expected, 1e-13)


def test_without_a_compiler_the_loops_are_computed_by_numpy_to_the_last_bit():
    program = (
        "from mlp import compiled, loops, tutorial_problem\n"
        "problem = tutorial_problem(20)\n"
        "print(repr(loops.backprop(*problem)) == repr(compiled.backprop(*problem)))\n"
        "print(loops.loss_and_gradients.backend)"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "CC": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["True", "numpy"]


def test_importing_mlp_imports_nothing_heavy():
    program = (
        "import sys, mlp, mlp.by_hand, mlp.engine, mlp.loops, mlp.scalar, mlp.numerical\n"
        "print(*{'matplotlib', 'torch', 'tqdm', 'scipy'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_without_pytorch_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "mlp.pytorch", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'backprop-by-hand\[torch\]'"):
        importlib.import_module("mlp.pytorch")
