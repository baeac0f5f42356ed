"""The page that has reverse mode whole: it is right, it is short, and it points to what exists."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import GOLDEN, ROOT

from mlp import engine, tutorial_problem

PAGE = ROOT / "docs" / "first_sitting.py"
TEXT = PAGE.read_text()


def read(text: str = TEXT) -> dict[str, Any]:
    """Return what is defined on the page."""
    names: dict[str, Any] = {"__name__": "first_sitting"}
    exec(compile(text, PAGE, "exec"), names)
    return names


page = read()
gradient = page["grad"](page["loss"])


def assert_close(found: dict[str, Any], expected: dict[str, Any], largest: float) -> None:
    assert list(found) == list(expected)
    for name, g in expected.items():
        assert np.shape(found[name]) == np.shape(g)
        np.testing.assert_allclose(found[name], g, rtol=0, atol=1e-14 * largest, err_msg=name)


def largest(grads: dict[str, Any]) -> float:
    return float(max(np.abs(g).max() for g in grads.values()))


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 1000))
def test_it_computes_the_engines_gradients(points: int, hidden: int, seed: int) -> None:
    X, t, params = tutorial_problem(points, hidden, seed)
    params |= {"b": params["b"] + 0.3, "c": np.float64(-0.2)}
    expected, loss = engine.backprop(X, t, params)
    assert page["loss"](params, X, t).data == pytest.approx(loss, rel=1e-14)
    assert_close(gradient(params, X, t), expected, largest(expected))


def test_it_trains_the_tutorials_network_with_the_engines_gradients() -> None:
    """Where they cancel after a while, they are as good as the terms that they are sums of."""
    X, t, params = tutorial_problem()
    at_the_start = largest(engine.backprop(X, t, params)[0])
    for step in range(1000):
        grads = gradient(params, X, t)
        if step % 250 == 0:
            assert_close(grads, engine.backprop(X, t, params)[0], at_the_start)
        params = {name: p - grads[name] for name, p in params.items()}
    for name, expected in GOLDEN["final_parameters"].items():
        np.testing.assert_allclose(params[name], expected, rtol=1e-9)


def chain(a: Any) -> Any:
    """The program in the prose: d is 6 a."""
    b = a + a
    c = b + b
    return b + c


def derivative(names: dict[str, Any]) -> float:
    return float(names["grad"](lambda params: chain(params["a"]))({"a": 1.0})["a"])


def test_the_example_of_the_prose_needs_the_order_and_the_sum() -> None:
    assert derivative(page) == 6.0
    for right, wrong, result in (
        ("node = max(waiting", "node = min(waiting", 8.0),
        ("= previous + ", "= ", 1.0),
    ):
        assert TEXT.count(right) == 1
        assert derivative(read(TEXT.replace(right, wrong))) == result


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (1, 1), (3, 4)])
@pytest.mark.parametrize("apply", [lambda x, M: x + M, lambda x, M: M * x, lambda x, M: x * x * M])
def test_broadcasting_is_undone(apply: Callable[..., Any], shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, M, h = rng.normal(size=shape), rng.normal(size=(3, 4)), 1e-30
    found = page["grad"](lambda params: page["mean"](apply(params["x"], M)))({"x": x})["x"]
    assert found.shape == shape
    for index in np.ndindex(shape):
        moved = x.astype(complex)
        moved[index] += 1j * h
        assert found[index] == pytest.approx(np.imag(np.mean(apply(moved, M))) / h, rel=1e-13)


def test_what_the_result_does_not_depend_on_has_gradient_zero() -> None:
    found = page["grad"](lambda params: page["mean"](params["used"]))(
        {"used": np.ones(2), "unused": np.ones(3)}
    )
    np.testing.assert_array_equal(found["used"], [0.5, 0.5])
    np.testing.assert_array_equal(found["unused"], np.zeros(3))


def test_run_it_shows_the_tutorials_loss_fall() -> None:
    run = subprocess.run([sys.executable, PAGE], capture_output=True, text=True, check=True)
    losses = dict(re.findall(r"step +(\d+): the loss is (\d\.\d+)", run.stdout))
    assert losses["0"] == f"{GOLDEN['loss_by_step']['0']:.4f}" == "0.7454"
    assert losses["1000"] == "0.0331"
    assert not run.stderr


def test_it_is_one_page_on_numpy_alone_and_every_module_that_it_names_exists() -> None:
    assert len(TEXT.splitlines()) <= 120
    assert re.findall(r"^(?:import|from) (\w+)", TEXT, re.M) == ["typing", "numpy"]
    named = re.findall(r"`(\w+/\w+\.py)`", TEXT)
    engine_proper = ["graph", "primitives", "value", "walk", "transforms"]
    assert named == [f"autodiff/{name}.py" for name in engine_proper]
    assert all((ROOT / path).is_file() for path in named)
