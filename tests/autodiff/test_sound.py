"""Nothing is lost in silence: numbers that leave the graph, digits, lines that warnings name."""

import inspect
import math
import operator
import re
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import Value, check_gradient, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp


def assigned(v: Any) -> Any:
    x = np.zeros(2)
    x[0] = v
    return autodiff.sum(x * x) * v


def filled(v: Any) -> Any:
    x = np.zeros(2)
    x.fill(v)
    return autodiff.sum(x * x) * v


LEAVING: dict[str, Callable[[Any], Any]] = {
    "float": lambda v: float(v) * v,
    "math": lambda v: math.exp(v) * v,
    "%": lambda v: float("%.3f" % v) * v,  # noqa: UP031
    "complex": lambda v: complex(v).real * v,
    "int": lambda v: int(v) * v,
    "index": lambda v: operator.index(v) * v,
    "range": lambda v: len(range(v)) * v,
    "trunc": lambda v: math.trunc(v) * v,
    "floor": lambda v: math.floor(v) * v,
    "format": lambda v: float(f"{v:.3f}") * v,
    "format int": lambda v: int(f"{v:.0f}") * v,
    "assigned": assigned,
    "filled": filled,
    "float64": lambda v: np.float64(v) * v,
    "float32": lambda v: np.float32(v) * v,
    "array": lambda v: np.array(v) * v,
    "full": lambda v: np.full(2, v)[0] * v,
    "divmod": lambda v: divmod(v, 2)[0] * v,
}


@pytest.mark.parametrize("name", LEAVING)
@pytest.mark.parametrize("derivative", [grad, value_and_grad, jacobian, hessian])
def test_numbers_do_not_leave_a_function_that_is_being_differentiated(
    name: str, derivative: Any
) -> None:
    with pytest.raises(TypeError, match=r" of shape|digits of a Value"):
        derivative(LEAVING[name])(2.0)


def test_where_nothing_is_differentiated_numbers_are_numbers() -> None:
    v = Value(2.6)
    assert (int(v), float(v), f"{v:.1f}", float(f"{v:.1f}")) == (2, 2.6, "2.6", 2.6)


def test_digits_are_shown_to_people_while_differentiating() -> None:
    seen = []

    def f(v: Any) -> Any:
        seen.append(f"v = {v:.2f}")
        return v * v

    assert grad(f)(2.0) == 4.0
    assert seen == ["v = 2.00"]


LISTS: list[Callable[[Any], Any]] = [
    lambda x: np.sum(x),
    lambda x: np.sum(x * x),
    lambda x: x @ x,
    lambda x: (2.0 * x)[0],
    lambda x: x.sum(),
    lambda x: np.sum((np.ones(2) - x) ** 2),
]


@pytest.mark.parametrize("f", LISTS)
@pytest.mark.parametrize("x", [[1.0, 2.0], (1.0, 2.0)])
def test_a_list_used_as_an_array_is_told_to_be_wrapped(f: Any, x: Any) -> None:
    with pytest.raises(TypeError, match=r"a list or a tuple of numbers.*wrap it in np\.array"):
        grad(f)(x)
    with pytest.raises(TypeError, match=r"wrap it in np\.array"):
        grad(lambda params: f(params["x"]))({"x": x})
    assert np.all(np.isfinite(grad(f)(np.array(x))))


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(TypeError) as raised:
        grad(lambda p: p["w"] + None)({"w": np.ones(2), "layers": [np.ones(2)]})
    assert "np.array" not in str(raised.value)

    def careful(x: Any) -> Any:
        try:
            float("x" + 1)  # type: ignore[operator]
        except TypeError as error:
            raise ValueError("of the user's own") from error

    with pytest.raises(ValueError, match="of the user's own"):
        grad(careful)(1.0)


@pytest.mark.parametrize(
    "derivative",
    [
        lambda f: grad(f)(2.0),
        lambda f: value_and_grad(f)(2.0),
        lambda f: vjp(f, 2.0),
        lambda f: jvp(f, (2.0,), (1.0,)),
        lambda f: jacobian(f)(2.0),
        lambda f: hessian(f)(2.0),
        lambda f: check_gradient(f, 2.0),
    ],
)
def test_a_warning_names_the_function_and_points_to_the_line_of_the_user(derivative: Any) -> None:
    def frozen(x: Any) -> float:
        return 3.0

    with pytest.warns(UserWarning, match="frozen returned plain numbers") as seen:
        derivative(frozen)
    assert {x.filename for x in seen} == {__file__}
    assert {x.lineno for x in seen} == {inspect.getsourcelines(derivative)[1]}


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (lambda x: np.exp(x), 1000.0, "overflow encountered in exp"),
        (lambda x: 1.0 / x, 0.0, "divide by zero encountered in .*divide"),
        (lambda x: np.log(x), 0.0, "divide by zero encountered in log"),
        (lambda x: x * x, np.array(1e200), "overflow encountered in multiply"),
    ],
)
def test_warnings_of_numpy_name_the_operation(f: Any, x: Any, words: str) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        grad(lambda x: autodiff.sum(f(x)))(np.full(2, x))
    assert re.match(words, str(seen[0].message))


def test_sentences_for_calls_of_another_shape() -> None:
    with pytest.raises(
        ValueError, match=r"transpose: operand 1 of shape \(2, 2\) with axes=\(0,\)"
    ):
        np.transpose(Value(np.ones((2, 2))), 0)
    with pytest.raises(TypeError, match=r"two tuples.*jvp\(<lambda>, \(x,\), \(v,\)\)"):
        jvp(lambda x: x * x, 1.0, 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes one adjoint, in the structure of the result"):
        vjp(lambda x: (x, x), 1.0)[1](1.0, 2.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes its arguments and, last, v"):
        hvp(lambda x: x * x)(1.0)


def test_ours_is_named_in_place_of_scipys() -> None:
    special = pytest.importorskip("scipy.special")
    for name in ("logsumexp", "softmax"):
        with pytest.raises(TypeError, match=f"use autodiff.{name} in place of SciPy's"):
            getattr(special, name)(Value(np.ones(2)))


def test_hvp_and_hessian_are_called_alike() -> None:
    def f(a: Any, b: Any, *, scale: float) -> Any:
        return scale * autodiff.sum(a**3 * b)

    a, b, v = np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array([0.5, 2.0])
    np.testing.assert_allclose(hvp(f)(a, b, v, scale=2.0), 12.0 * a * b * v, rtol=1e-15)
    both = hvp(f, (0, 1))(a, b, (v, 0.0 * v), scale=1.0)
    rows = hessian(f, (0, 1))(a, b, scale=1.0)
    for product, row in zip(both, rows):
        np.testing.assert_allclose(product, row[0] @ v, rtol=1e-14)
    for given in [(a, v), (a,), (2.0, 1.0)]:
        with pytest.raises(TypeError, match=r"as hessian is: hvp\(f\)\(x, v\)"):
            hvp(f, *given)


NARROW = np.array([0.1, 0.7, 0.9], np.float32)
BESIDE: dict[str, Callable[[Any, Any], Any]] = {
    "difference": lambda x, c: autodiff.sum((x - c) ** 2),
    "product": lambda x, c: autodiff.sum(autodiff.exp(x * c)),
    "matmul": lambda x, c: (x @ c) ** 2,
    "outer": lambda x, c: autodiff.sum(autodiff.outer(x, c) ** 2),
    "quotient": lambda x, c: autodiff.sum(c / x),
    "power": lambda x, c: autodiff.sum(x**c),
    "exponential": lambda x, c: autodiff.sum(c**x),
    "maximum": lambda x, c: autodiff.sum(autodiff.maximum(x, c) ** 2),
    "where": lambda x, c: autodiff.sum(autodiff.where(x > 0.2, x * c, c)),
    "cross-entropy": lambda x, c: autodiff.sum(autodiff.logistic_cross_entropy(x, c)),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_float64_gradient_beside_a_float32_constant_is_exact(name: str) -> None:
    x = np.array([0.1, 0.2, 0.3])
    for derivative in (grad, hessian):
        ours = derivative(lambda x: BESIDE[name](x, NARROW))(x)
        wide = derivative(lambda x: BESIDE[name](x, NARROW.astype(np.float64)))(x)
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, wide, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("x", [NARROW, np.float32(0.5)])
def test_jvp_of_float32_stays_float32(x: Any) -> None:
    result, along = jvp(lambda x: x * x, (x,), (x,))
    assert result.dtype == along.dtype == np.float32
    np.testing.assert_allclose(along, 2 * x * x, rtol=1e-6)


def test_the_record_keeps_the_inputs_of_every_step() -> None:
    """What docs/how_to/library.md says of memory."""

    def added(x: Any) -> Any:
        y = x
        for _ in range(100):
            y = y + 1.0
        return autodiff.sum(y)

    x = np.ones(100_000)
    tracemalloc.start()
    grad(added)(x)
    peak = tracemalloc.get_traced_memory()[1] / x.nbytes
    tracemalloc.stop()
    assert 100 < peak < 105
