"""Functions that a reader adds: rules, NumPy's names, backward passes by hand, and their check."""

from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import (
    Value,
    check_gradient,
    check_primitive,
    compile,
    custom_gradient,
    derivation,
    grad,
    gradients,
    hessian,
    primitive,
    register,
    source,
    steps,
    value_and_grad,
)
from autodiff.functions import FUNCTIONS, UFUNCS

SCALE = 3.0


def softsign(x: Any) -> Any:
    """x over 1 + |x|."""
    return x / (1.0 + np.abs(x))


def scaled(x: Any) -> Any:
    return x * SCALE


def slope(g: Any, out: Any, x: Any) -> Any:
    return g / (1.0 + np.abs(x)) ** 2


POINTS = [0.5, np.array([1.0, -2.0]), np.array([[0.3], [4.0]])]


def test_a_primitive_of_ones_own_is_in_every_reading() -> None:
    p = primitive(softsign, slope)
    check_primitive(p, POINTS)

    def f(x: Any) -> Any:
        return autodiff.sum(p(x) * x)

    x = np.array([1.0, -3.0])
    assert "softsign(x)" in derivation(f, x).text
    text = source(f, x)
    assert "def softsign(x):" in text
    names: dict[str, Any] = {}
    exec(text, names)
    np.testing.assert_array_equal(names["f_and_gradient"](x)[1], grad(f)(x))
    np.testing.assert_array_equal(compile(f)(x)[1], grad(f)(x))
    assert compile(f, backend="auto")(x)[0] == f(x)


def test_its_name_is_not_taken_by_a_variable_and_never_by_another_function() -> None:
    p, q = primitive(softsign, slope), primitive(scaled, lambda g, out, x: g * SCALE)

    def f(x: Any) -> Any:
        softsign = p(x)
        return softsign * softsign

    names: dict[str, Any] = {}
    exec(source(f, 2.0), names)
    assert names["f_and_gradient"](2.0) == value_and_grad(f)(2.0)
    with pytest.raises(ValueError, match="scaled is not written beside the code: it needs SCALE"):
        source(lambda x: q(x), 2.0)
    with pytest.raises(ValueError, match="two things are called softsign here"):
        source(lambda softsign: p(softsign), 2.0)
    doubled = primitive(lambda x: 2.0 * x, lambda g, out, x: 2.0 * g, name="cbrt")
    with pytest.raises(ValueError, match="neither NumPy's nor defined with def"):
        source(lambda x: doubled(x), 2.0)


def test_a_name_of_numpys_records_once_it_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodiff.functions.UFUNCS", UFUNCS.copy())
    monkeypatch.setattr("autodiff.more.extend.UFUNCS", autodiff.functions.UFUNCS)
    monkeypatch.setattr("autodiff.functions.FUNCTIONS", FUNCTIONS.copy())
    monkeypatch.setattr("autodiff.more.extend.FUNCTIONS", autodiff.functions.FUNCTIONS)
    autodiff.functions.UFUNCS.pop("copysign", None)
    with pytest.raises(TypeError, match="no derivative rule"):
        np.copysign(Value(1.0), 2.0)
    ours = primitive(np.copysign, lambda g, out, a, b: g * np.sign(a) * np.sign(b), None)
    register(np.copysign, ours)
    register(np.nan_to_num, lambda x: np.where(np.isnan(x), 0.0, x))
    assert grad(lambda x: np.copysign(x, -1.0))(2.0) == -1.0
    assert grad(np.nan_to_num)(2.0) == 1.0
    with pytest.raises(TypeError, match="does not ask its operands"):
        register(softsign, ours)


@pytest.mark.parametrize(
    ("rules", "name", "message"),
    [
        ((None,), "", "2 operands, and 1 rules"),
        ((None, None), "sum", "sum is the name of a primitive of the engine"),
        ((None, None), "not a name", "has an identifier for a name"),
    ],
)
def test_what_is_no_primitive(rules: Any, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        primitive(np.copysign, *rules, name=name)


WRONG = {
    "its rules disagree": primitive(softsign, lambda g, out, x: g / (1.0 + np.abs(x))),
    "the derivatives of its rules": primitive(
        softsign, lambda g, out, x: g * np.array((1 + abs(getattr(x, "data", x))) ** -2.0)
    ),
    "float64 of float32": primitive(
        lambda x: np.float64(1.0) * np.asarray(x, float), lambda g, out, x: g, name="widened"
    ),
    "cannot be computed": primitive(softsign, lambda g, out, x: g / float(1.0 + np.abs(x)) ** 2),
    "shapes .2, 1., .1,.*rules": primitive(
        lambda a, b: a * b,
        lambda g, out, a, b: g * b,
        lambda g, out, a, b: g * (a if np.ndim(b) < 2 and np.ndim(a) < 2 else 2.0 * a),
        name="spread",
        broadcasts=True,
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_with_a_primitive_is_found(message: str) -> None:
    p = WRONG[message]
    sample = (np.ones(1), np.full(1, 2.0)) if p.arity == 2 else 0.5
    with pytest.raises(AssertionError, match=f"(?s){p.name} at sample 1.*{message}"):
        check_primitive(p, [sample])


def test_a_check_needs_samples_and_rules() -> None:
    with pytest.raises(ValueError, match="no samples"):
        check_primitive(primitive(softsign, slope), [])
    with pytest.raises(ValueError, match="no rule to check"):
        check_primitive(primitive(softsign, None), [1.0])


@custom_gradient
def half(x: Any) -> Any:
    """Return x²; the derivative that it brings along is half of the right one."""
    return x * x, lambda g: g * x


def test_every_reading_has_the_backward_pass_by_hand_and_not_the_engines() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return half(y) + half(half(y))

    x = 0.3
    y = np.sin(x)
    expected = (y + y**2 * y) * np.cos(x)
    assert grad(f)(x) == pytest.approx(expected)
    names: dict[str, Any] = {}
    exec(source(f, x), names)
    assert names["f_and_gradient"](x)[1] == pytest.approx(expected)
    assert compile(f)(x)[1] == pytest.approx(expected)
    assert "x₁ · y + y" in [x["text"][1] for x in steps(f, x)["statements"]]


@custom_gradient
def loss(w: Any, X: Any, t: Any) -> Any:
    """Return the cross-entropy, with its gradient by hand."""
    z = X @ w

    def backward(g: Any) -> Any:
        z_bar = g * (1.0 / (1.0 + np.exp(-z)) - t)
        return X.T @ z_bar, np.outer(z_bar, w), -g * z

    return np.sum(np.log(1.0 + np.exp(z)) - t * z), backward


def by_engine(w: Any, X: Any, t: Any) -> Any:
    z = X @ w
    return np.sum(np.log(1.0 + np.exp(z)) - t * z)


ARGS = np.array([0.1, -0.2]), np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]]), np.array([1.0, 0, 1])


def test_a_backward_pass_by_hand_is_used_printed_and_differentiated() -> None:
    every = (0, 1, 2)
    for got, expected in zip(grad(loss, every)(*ARGS), grad(by_engine, every)(*ARGS), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-13)
    np.testing.assert_allclose(hessian(loss)(*ARGS), hessian(by_engine)(*ARGS), rtol=1e-12)
    check_primitive(loss, [ARGS])
    assert "w̄    = Xᵀ (1 / (1 + exp(-z)) - t)" in derivation(loss, *ARGS).text
    assert loss(*ARGS) == by_engine(*ARGS)
    assert loss.__doc__ == "Return the cross-entropy, with its gradient by hand."
    for form in ("arrays", "loops"):
        text = source(loss, *ARGS, argnums=every, form=form)
        names: dict[str, Any] = {}
        exec(text, names)
        found = names["loss_and_gradient"](*ARGS)
        for got, expected in zip([found[0], *found[1]], [loss(*ARGS), *grad(loss, every)(*ARGS)]):
            np.testing.assert_allclose(got, expected, rtol=1e-14)
        assert "z = X @ w" in text or form == "loops"
    assert "exp(-z)" in source(loss, *ARGS, form="c")


def test_a_backward_pass_by_hand_runs_once_for_all_operands_of_each_result() -> None:
    passes = []

    @custom_gradient
    def product(a: Any, b: Any) -> Any:
        def backward(g: Any) -> Any:
            passes.append(g)
            return g * b, g * a

        return a * b, backward

    a, b = Value(2.0), Value(3.0)
    # Both results get the very same adjoint.
    assert gradients(product(a, b) + product(b, a), [a, b]) == [6.0, 4.0]
    assert len(passes) == 2


def test_a_wrong_backward_pass_by_hand_is_found_and_a_misshapen_one_refused() -> None:
    @custom_gradient
    def wrong(x: Any) -> Any:
        return x * x, lambda g: g * x

    @custom_gradient
    def short(a: Any, b: Any) -> Any:
        return a * b, lambda g: g

    @custom_gradient
    def alone(x: Any) -> Any:
        return x

    @custom_gradient
    def one(x: Any, y: Any) -> Any:
        return x * y, lambda g: [g * y, None]

    assert not check_gradient(wrong, 3.0)
    assert grad(one)(1.0, 2.0) == 2.0
    with pytest.raises(ValueError, match="backward pass of one gave None for operand 2"):
        grad(one, argnums=1)(1.0, 2.0)
    with pytest.raises(TypeError, match="one takes operands only, not y="):
        grad(lambda x: one(x, y=2.0))(1.0)
    with pytest.raises(ValueError, match="backward pass of short gave 1 adjoints for 2 operands"):
        grad(short)(1.0, 2.0)
    with pytest.raises(TypeError, match=r"alone: .*returns its result and a function, backward"):
        grad(alone)(1.0)


def powered(x: Any, kind: str = "") -> Any:
    return x * x if kind == "square" else x * x * x


def test_a_parameter_may_be_a_string() -> None:
    p = primitive(powered, lambda g, out, x, *, kind: g * (2.0 * x if kind == "square" else x))
    check_primitive(p, [1.5, np.array([1.0, -2.0])], kind="square")
    assert 'powered(x, kind="square")' in source(lambda x: p(x, kind="square"), 2.0)
    with pytest.raises(AssertionError, match="powered at sample 1"):
        check_primitive(p, [1.5], kind="cube")
