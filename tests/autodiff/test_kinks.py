"""The table in docs/kinks.md, row by row."""

import re
from typing import Any

import numpy as np
import pytest
from places import ROOT

import autodiff
from autodiff import Value, more

PAGE = ROOT / "docs" / "kinks.md"
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \| .+ \|$", PAGE.read_text(), re.MULTILINE)
NUMBERS: dict[str, Any] = {"inf": np.inf, "nan": np.nan, "dict": dict}


def derivatives(function: str, at: dict[str, Any]) -> dict[str, Any]:
    values = {name: Value(x) for name, x in at.items()}
    with np.errstate(all="ignore"):
        out = eval(function, {**vars(more), **vars(autodiff), **values})
        out.backward(np.ones(out.shape))
    return {name: value.grad for name, value in values.items()}


@pytest.mark.parametrize(("function", "at", "expected"), ROWS)
def test_row(function: str, at: str, expected: str) -> None:
    point = eval(f"dict({at})", NUMBERS)
    for name, derivative in derivatives(function, point).items():
        np.testing.assert_array_equal(derivative, eval(f"dict({expected})", NUMBERS)[name])


@pytest.mark.parametrize(("function", "at", "expected"), [r for r in ROWS if "[" not in r[1]])
@pytest.mark.parametrize("shape", [(2,), (1, 3)])
def test_row_in_arrays(function: str, at: str, expected: str, shape: tuple[int, ...]) -> None:
    point = {name: np.full(shape, x) for name, x in eval(f"dict({at})", NUMBERS).items()}
    for name, derivative in derivatives(function, point).items():
        wanted = np.full(shape, eval(f"dict({expected})", NUMBERS)[name])
        np.testing.assert_array_equal(derivative, wanted)


def test_every_row_of_the_page_is_run() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert len(ROWS) == len(lines) - 2
    page = " ".join(function for function, *_ in ROWS)
    for name in [
        "relu(",
        "abs(",
        "maximum(",
        "minimum(",
        "max(",
        "min(",
        "clip(",
        "where(",
        "sqrt(",
        "**",
    ]:
        assert name in page


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_along_an_axis(name: str) -> None:
    x = Value([[2.0, 2.0, 2.0], [2.0, 1.0, 3.0]])
    getattr(autodiff, name)(x, axis=0).sum().backward()
    np.testing.assert_array_equal(x.grad.sum(0), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(x.grad[:, 0], [0.5, 0.5])


def test_zeros_of_either_sign_are_the_same_kink() -> None:
    for name in ("relu", "abs"):
        x = Value([0.0, -0.0])
        getattr(autodiff, name)(x).sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.0])


def test_a_function_with_a_kink_has_its_own_derivative_beside_it() -> None:
    x = Value([-1e-300, 1e-300])
    autodiff.relu(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 1.0])
