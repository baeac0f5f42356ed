"""Derivatives of derivatives: every rule differentiated again, and the forms that do it."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from oracles import central_differences, complex_step
from samples import DEFINITIONS, PRIMITIVES, SAMPLES, Sample

import autodiff
from autodiff import Value, grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from mlp import by_hand, engine
from mlp.data import tutorial_problem
from mlp.training import train

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in log")

SMOOTH = [
    *("exp", "expm1", "log", "log1p", "sqrt", "square", "sin", "cos", "tanh", "negative", "power"),
    *("sigmoid", "sigmoid_slope", "softplus", "log_sigmoid"),
]


def contracted(name: str, sample: Sample, i: int, seed: Any) -> Any:
    """Return, as a function of the operands, the sum of `seed` times the derivatives in one."""

    def first(*operands: Any, record: bool) -> Any:
        values = [x if isinstance(x, Value) else Value(x) for x in operands]
        out = PRIMITIVES[name](*values, **sample.parameters)
        return gradients(out, values[i], seed, record=record)

    return first


@pytest.mark.parametrize("name", SAMPLES)
def test_second_derivatives_agree_with_differences_of_first(name: str) -> None:
    """The recorded pass equals the plain one, and so do its derivatives in every operand."""
    for number, sample in enumerate(SAMPLES[name]):
        rng = np.random.default_rng(number)
        definition = partial(DEFINITIONS[name], **sample.parameters)
        seed = rng.normal(size=np.shape(definition(*sample.operands)))
        for i in range(len(sample.operands)):
            if i in sample.without:
                continue
            first = contracted(name, sample, i, seed)
            values = [Value(x) for x in sample.operands]
            out = PRIMITIVES[name](*values, **sample.parameters)
            once = gradients(out, values[i], seed, record=True)
            np.testing.assert_array_equal(once.data, first(*sample.operands, record=False))
            if not once.size:
                continue
            weights = rng.normal(size=once.shape)
            for j, twice in enumerate(gradients(once, values, weights)):
                if j in sample.without:
                    continue
                expected = np.tensordot(
                    weights,
                    central_differences(partial(first, record=False), sample.operands, j),
                    once.ndim,
                )
                np.testing.assert_allclose(
                    twice,
                    expected,
                    rtol=1e-7,
                    atol=1e-7 * (1 + np.max(np.abs(expected), initial=0)),
                    err_msg=f"{name}, sample {number}, operands {i + 1} and {j + 1}",
                )


@pytest.mark.parametrize("name", SMOOTH)
def test_third_derivatives_agree_with_differences_of_second(name: str) -> None:
    sample = next(s for s in SAMPLES[name] if s.operands[0] is not None and np.ndim(s.operands[0]))
    others = sample.operands[1:]

    def total(x: Any) -> Any:
        return autodiff.sum(PRIMITIVES[name](x, *others))

    def second(x: Any) -> Any:
        return grad(lambda x: autodiff.sum(grad(total)(x)))(x)

    x = np.asarray(sample.operands[0], float)
    third = grad(lambda x: autodiff.sum(second(x)))(x)
    step = 1e-5
    np.testing.assert_allclose(
        third, (second(x + step) - second(x - step)) / (2 * step), rtol=1e-6, atol=1e-6
    )


def test_grad_of_grad_of_grad() -> None:
    f = partial(np.power, 2.0)
    expected = 4.0
    for order in range(5):
        assert f(2.0) == pytest.approx(expected, rel=1e-14), order
        f, expected = grad(f), expected * np.log(2.0)


def test_an_inner_derivative_is_not_confused_with_the_outer_one() -> None:
    """d/dx [ d/dy (x y) at y = x ] is 1, not 2."""
    assert grad(lambda x: grad(lambda y: x * y)(x))(2.0) == 1.0
    assert grad(lambda x: grad(lambda y: x * y**2)(3.0))(2.0) == 6.0
    assert grad(lambda x: x * grad(lambda y: y**2)(3.0))(2.0) == 6.0


def test_gradients_recorded_are_values_and_the_graph_is_unchanged() -> None:
    x = Value([1.0, 2.0], name="x")
    y = (x**3).sum()
    g = gradients(y, x, record=True)
    assert isinstance(g, Value)
    assert x.grad.tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(gradients(g.sum(), x), [6.0, 12.0])
    np.testing.assert_array_equal(gradients(y, x), [3.0, 12.0])
    of_x, of_other = gradients(y, [x, Value(5.0)], record=True)
    assert (of_x.shape, of_other.data) == ((2,), 0.0)


def test_a_gradient_at_a_value_can_be_differentiated() -> None:
    x = Value(2.0)
    slope = grad(lambda x: x**3)(x)
    assert slope.data == 12.0
    slope.backward()
    assert x.grad == 12.0
    y, g = value_and_grad(lambda x: x**2)(x)
    assert (y.data, g.data) == (4.0, 4.0)
    z, pullback = vjp(lambda x: x**2, x)
    assert (z.data, pullback(1.0)[0].data) == (4.0, 4.0)


def test_float32_is_kept_by_the_recorded_pass() -> None:
    x = np.array([0.5, -1.0], np.float32)
    w = np.array([1.0, 2.0])
    twice = hvp(lambda x: autodiff.sum(w * x**3))(x, np.ones(2))
    assert twice.dtype == np.float32
    np.testing.assert_allclose(twice, 6 * w * x, rtol=1e-6)


def test_an_error_in_an_inner_function_leaves_nothing_recorded_behind() -> None:
    def broken(x: Any) -> Any:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        grad(broken)(1.0)
    assert type(grad(lambda x: x * x)(1.0)) is np.float64


class Pair(NamedTuple):
    a: Any
    b: Any


def test_jvp_of_nested_structures() -> None:
    def f(p: Pair, s: Any) -> Any:
        return {"u": p.a * s, "v": [autodiff.sum(np.tanh(p.b)), 7.0]}

    args = (Pair(2.0, np.array([0.3, -1.0])), np.array([1.0, 2.0, 3.0]))
    along = (Pair(0.5, np.array([1.0, 2.0])), np.array([1.0, 0.0, -1.0]))
    result, tangent = jvp(f, args, along)
    np.testing.assert_array_equal(result["u"], [2.0, 4.0, 6.0])
    np.testing.assert_allclose(tangent["u"], 0.5 * args[1] + 2.0 * along[1])
    slope = 1 - np.tanh(args[0].b) ** 2
    assert tangent["v"][0] == pytest.approx(slope @ along[0].b)
    assert tangent["v"][1] == 0.0
    with pytest.raises(ValueError, match="tangents"):
        jvp(f, args, along[:1])


def test_jvp_of_a_constant_is_zero() -> None:
    with pytest.warns(UserWarning, match="plain numbers"):
        assert jvp(lambda x: 3.0, (1.0,), (2.0,)) == (3.0, 0.0)


def test_jvp_is_differentiated_again() -> None:
    assert grad(lambda x: jvp(lambda x: x**3, (x,), (1.0,))[1])(2.0) == 12.0


@pytest.mark.parametrize("name", ["matmul", "softmax", "outer"])
def test_jacobian_agrees_with_complex_step(name: str) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=3), rng.normal(size=(3, 2))
    functions: dict[str, Any] = {
        "matmul": lambda a, b: a @ b,
        "softmax": lambda a, b: np.exp(a) / np.sum(np.exp(a)) * b[:, 0],
        "outer": lambda a, b: np.outer(a, b),
    }
    f = functions[name]
    for i, got in enumerate(jacobian(f, (0, 1))(a, b)):
        np.testing.assert_allclose(got, complex_step(f, (a, b), i), rtol=1e-13, atol=1e-14)


def test_jacobian_of_structures() -> None:
    got = jacobian(lambda p: [p["x"] ** 2, {"y": p["x"] * p["s"]}])({"x": np.ones(2), "s": 3.0})
    np.testing.assert_array_equal(got[0]["x"], [[2.0, 0.0], [0.0, 2.0]])
    np.testing.assert_array_equal(got[0]["s"], [0.0, 0.0])
    np.testing.assert_array_equal(got[1]["y"]["x"], [[3.0, 0.0], [0.0, 3.0]])
    np.testing.assert_array_equal(got[1]["y"]["s"], [1.0, 1.0])
    empty = jacobian(lambda x: x[:0])(np.ones(3))
    assert empty.shape == (0, 3)


def test_hessian_of_the_tutorials_loss_is_that_of_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    X, t, params = tutorial_problem(500, 3, 0)

    def loss(params: Any, X: Any, t: Any) -> Any:
        z = jax.numpy.tanh(X @ params["U"].T + params["b"]) @ params["W"] + params["c"]
        return jax.numpy.mean(jax.numpy.logaddexp(0.0, z) - t * z)

    expected = jax.hessian(loss)(params, X, t)
    got = hessian(engine.loss)(params, X, t)
    for a in params:
        for b in params:
            assert got[a][b].shape == np.shape(params[a]) + np.shape(params[b])
            np.testing.assert_allclose(got[a][b], expected[a][b], rtol=0, atol=1e-10)


def test_hvp_is_the_hessian_times_the_vector() -> None:
    X, t, params = tutorial_problem(50, 3, 1)
    rng = np.random.default_rng(0)
    v = {name: rng.normal(size=np.shape(p)) for name, p in params.items()}
    matrix = hessian(engine.loss)(params, X, t)
    product = hvp(engine.loss)(params, X, t, v)
    for a in params:
        expected = sum(np.tensordot(matrix[a][b], v[b], np.ndim(v[b])) for b in params)
        np.testing.assert_allclose(product[a], expected, rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="structure"):
        hvp(engine.loss)(params, X, t, {"U": v["U"]})


def test_newtons_method_goes_below_what_a_thousand_gradient_steps_reach() -> None:
    """Steps in the directions of positive curvature, halved until the loss falls."""
    X, t, params = tutorial_problem(500, 3, 0)
    reached = by_hand.backprop(X, t, train(by_hand.backprop, X, t, params, steps=1000).params)[1]
    _, loss = newton(X, t, params, steps=50)
    assert loss < reached


def newton(X: Any, t: Any, params: Any, steps: int) -> tuple[Any, float]:
    shapes = {name: np.shape(p) for name, p in params.items()}
    x = np.concatenate([np.ravel(p) for p in params.values()])

    def loss_of(x: Any) -> Any:
        start, tree = 0, {}
        for name, shape in shapes.items():
            stop = start + int(np.prod(shape))
            tree[name] = np.reshape(x[start:stop], shape)
            start = stop
        return engine.loss(tree, X, t)

    loss = float(loss_of(x))
    for _ in range(steps):
        curvature, directions = np.linalg.eigh(hessian(loss_of)(x))
        slopes = directions.T @ grad(loss_of)(x)
        step = directions @ (slopes / np.maximum(np.abs(curvature), 1e-4))
        while float(loss_of(x - step)) > loss:
            step = step / 2
        x = x - step
        loss = float(loss_of(x))
    return x, loss


@pytest.mark.parametrize("tangent", [np.ones((2, 3)), np.ones(1), 1.0])
def test_tangents_have_the_shapes_of_the_arguments(tangent: Any) -> None:
    with pytest.raises(ValueError, match=r"shape.*expected shape \(3,\)"):
        jvp(lambda x: np.sum(x * x), (np.ones(3),), (tangent,))
    with pytest.raises(ValueError, match=r"shape.*expected shape \(3,\)"):
        hvp(lambda x: np.sum(x * x))(np.ones(3), tangent)


def test_jacobian_of_no_argument() -> None:
    with pytest.raises(TypeError, match="names none of them"):
        jacobian(lambda x: x, 3)(1.0)
