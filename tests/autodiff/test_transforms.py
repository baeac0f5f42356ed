"""`backward`, `zero_grad` and the pure forms: what they give, in which structure, and to whom."""

import math
import warnings
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import autodiff
from autodiff import Value, grad, gradients, jacobian, jvp, value_and_grad, vjp, zero_grad


def test_asking_twice_adds_to_leaves_and_not_to_results() -> None:
    """d(x^4)/dx at 3 is 108; an engine that adds up inside as well gives 324 the second time."""
    x = Value(3.0)
    square = x * x
    fourth = square * square
    fourth.backward()
    assert (x.grad, square.grad, fourth.grad) == (108.0, 18.0, 1.0)
    fourth.backward()
    assert (x.grad, square.grad, fourth.grad) == (216.0, 18.0, 1.0)
    x.zero_grad()
    assert x.grad == 0.0
    fourth.backward()
    assert x.grad == 108.0


def test_results_show_the_latest_pass() -> None:
    x = Value([1.0, 2.0])
    y = 3.0 * x
    (y * y).sum().backward()
    np.testing.assert_array_equal(y.grad, [6.0, 12.0])
    y.sum().backward()
    np.testing.assert_array_equal(y.grad, [1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [21.0, 39.0])


def test_leaves_add_up_over_graphs() -> None:
    x = Value([1.0, 2.0])
    (2.0 * x).sum().backward()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [4.0, 6.0])


def test_backward_from_a_leaf() -> None:
    x = Value(5.0)
    x.backward()
    x.backward(3.0)
    assert x.grad == 4.0


@pytest.mark.parametrize("seed", [[1.0, -2.0], (1, -2), np.array([1, -2]), np.float32([1, -2])])
def test_a_seed_weighs_the_elements(seed: Any) -> None:
    x = Value([3.0, 5.0])
    (x * x).backward(seed)
    np.testing.assert_array_equal(x.grad, [6.0, -20.0])


def test_one_element_needs_no_seed() -> None:
    x = Value([[3.0]])
    (x * x).backward()
    np.testing.assert_array_equal(x.grad, [[6.0]])


def test_a_seed_is_the_callers_own() -> None:
    x = Value([3.0, 5.0])
    seed = np.ones(2)
    y = x + 0.0
    y.backward(seed)
    seed[:] = 7.0
    np.testing.assert_array_equal(y.grad, [1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [1.0, 1.0])


def test_a_shared_adjoint_is_not_added_to_in_place() -> None:
    """`add` hands the same array to both operands, and a gets another part afterwards."""
    a, b = Value([1.0, 2.0]), Value([3.0, 4.0])
    early = 10.0 * a
    ((a + b) + early).backward([1.0, 1.0])
    np.testing.assert_array_equal(a.grad, [11.0, 11.0])
    np.testing.assert_array_equal(b.grad, [1.0, 1.0])
    (a + b).backward([1.0, 1.0])
    np.testing.assert_array_equal(b.grad, [2.0, 2.0])


@pytest.mark.parametrize("x", [3.0, [1.0, -2.0]])
def test_a_value_minus_itself(x: Any) -> None:
    v = Value(x)
    (v - v).sum().backward()
    np.testing.assert_array_equal(v.grad, np.zeros(v.shape))


def test_zero_grad_of_a_structure() -> None:
    params = {"U": Value([1.0, 2.0]), "rest": [Value(3.0), (Value(4.0),)]}
    (params["U"].sum() * params["rest"][0] * params["rest"][1][0]).backward()
    zero_grad(params)
    np.testing.assert_array_equal(params["U"].grad, [0.0, 0.0])
    assert params["rest"][0].grad == params["rest"][1][0].grad == 0.0


# gradients


class Layer(NamedTuple):
    W: Any
    b: Any


def structure() -> dict[str, Any]:
    return {
        "layers": [Layer(W=np.ones((2, 3)), b=np.zeros(2)), Layer(W=np.ones((1, 2)), b=0.5)],
        "scale": (2.0, {"inner": np.float32([1.0, 2.0])}),
        "none": [],
    }


def loss(params: Any, x: Any) -> Any:
    first, second = params["layers"]
    hidden = autodiff.tanh(x @ first.W.T + first.b)
    out = (hidden @ second.W.T).sum() + second.b
    return out * params["scale"][0] + params["scale"][1]["inner"].sum()


X = np.random.default_rng(0).normal(size=(4, 3))


def assert_same_structure(got: Any, like: Any) -> None:
    assert type(got) is type(like) or not isinstance(like, (dict, list, tuple))
    if isinstance(like, dict):
        assert list(got) == list(like)
        for key in like:
            assert_same_structure(got[key], like[key])
    elif isinstance(like, (list, tuple)):
        assert len(got) == len(like)
        for a, b in zip(got, like):
            assert_same_structure(a, b)
    else:
        assert not isinstance(got, Value)
        assert isinstance(got, np.ndarray if np.ndim(like) else np.floating)
        assert got.shape == np.shape(like)
        assert got.dtype == (np.float32 if np.result_type(like) == np.float32 else np.float64)


def test_gradients_have_the_structure_of_the_arguments() -> None:
    params = structure()
    value, slopes = value_and_grad(loss)(params, X)
    assert_same_structure(slopes, params)
    assert_same_structure(grad(loss)(params, X), params)
    assert_same_structure(vjp(loss, params, X)[1](1.0), (params, X))
    np.testing.assert_allclose(value, loss(params, X))
    assert slopes["layers"][1].b == 2.0
    np.testing.assert_array_equal(slopes["scale"][1]["inner"], np.float32([1.0, 1.0]))
    hidden = np.tanh(X @ np.ones((3, 2)))
    np.testing.assert_allclose(slopes["layers"][0].b, 2.0 * (1 - hidden**2).sum(0))


def test_gradients_in_values_of_any_structure_leaves_or_not() -> None:
    a, b = Value(2.0), Value([3.0, 4.0])
    c = a * b
    y = (c * c).sum()
    got = gradients(y, {"a": a, "rest": [c, (b, a)]})
    assert got["a"] == got["rest"][1][1] == 100.0
    np.testing.assert_array_equal(got["rest"][0], [12.0, 16.0])
    np.testing.assert_array_equal(got["rest"][1][0], [24.0, 32.0])
    assert gradients(y, y) == 1.0
    assert gradients(y, []) == []


def test_the_pure_forms_store_nothing() -> None:
    a = Value(2.0)
    y = a * a
    gradients(y, a)
    assert a.grad == y.grad == 0.0
    captured = Value(3.0)
    grad(lambda x: x * captured)(2.0)
    assert captured.grad == 0.0


def test_an_input_that_the_output_does_not_depend_on_has_gradient_zero() -> None:
    a, b = Value([1.0, 2.0]), Value(np.float32([[3.0]]))
    y = (a * 2.0).sum()
    np.testing.assert_array_equal(gradients(y, [b, a])[0], [[0.0]])
    assert gradients(y, b).dtype == np.float32
    slopes = grad(lambda params: params["used"] * 2.0)({"used": 1.0, "unused": [1.0, np.ones(2)]})
    np.testing.assert_array_equal(slopes["unused"][1], [0.0, 0.0])
    assert slopes["unused"][0] == 0.0
    np.testing.assert_array_equal(b.grad, [[0.0]])


def test_an_unused_input_that_is_not_finite_has_gradient_zero() -> None:
    a, b = Value(1.0), Value([np.nan, np.inf])
    np.testing.assert_array_equal(gradients(a * 2.0, b), [0.0, 0.0])
    assert gradients(a * 2.0, Value(np.inf)) == 0.0


# grad and value_and_grad


def f(a: Any, b: Any, *, power: float = 1.0) -> Any:
    return (a * a * b**power).sum()


def test_argnums() -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    np.testing.assert_array_equal(grad(f)(a, b), [6.0, 20.0])
    np.testing.assert_array_equal(grad(f, 1)(a, b), [1.0, 4.0])
    np.testing.assert_array_equal(grad(f, -1)(a, b), [1.0, 4.0])
    both = grad(f, (1, 0))(a, b)
    assert type(both) is tuple
    np.testing.assert_array_equal(both, [[1.0, 4.0], [6.0, 20.0]])
    assert type(grad(f, (0,))(a, b)) is tuple
    value, slope = value_and_grad(f, 1)(a, b)
    assert value == 23.0
    np.testing.assert_array_equal(slope, [1.0, 4.0])


def test_keyword_arguments_are_handed_on() -> None:
    np.testing.assert_array_equal(grad(f)(np.ones(1), np.array([3.0]), power=2.0), [18.0])
    np.testing.assert_array_equal(jacobian(f)(np.ones(1), np.array([3.0]), power=2.0), [18.0])


def test_only_the_argument_asked_about_is_a_value() -> None:
    seen: list[Any] = []

    def look(a: Any, b: Any) -> Any:
        seen.extend([type(a), type(b)])
        return (a * b).sum()

    b = np.ones(2)
    grad(look)(b, b)
    assert seen == [Value, np.ndarray]


def test_integers_are_differentiated_as_numbers() -> None:
    slope = grad(lambda x: (x * x).sum())(np.array([1, 2]))
    assert slope.dtype == np.float64
    np.testing.assert_array_equal(slope, [2.0, 4.0])
    assert grad(lambda x: x * x)(3) == 6.0


def test_one_element_counts_as_a_number() -> None:
    value, slope = value_and_grad(lambda x: x * x)(np.array([3.0]))
    np.testing.assert_array_equal(value, [9.0])
    np.testing.assert_array_equal(slope, [6.0])


def test_names_and_docstrings_are_kept() -> None:
    def energy(x: Any) -> Any:
        """Half of x squared."""
        return 0.5 * x * x

    assert grad(energy).__name__ == "energy"
    assert grad(energy).__doc__ == "Half of x squared."


def test_arguments_are_named_for_messages() -> None:
    names: list[Any] = []

    def look(params: Any, x: Any) -> Any:
        names.extend([params["U"].name, params["layers"][0].name, x.name])
        return x

    grad(look, (0, 1))({"U": 1.0, "layers": [2.0]}, 1.0)
    assert names == ["U", "layers[0]", "x"]


def test_a_value_keeps_its_name_where_the_argument_has_none() -> None:
    names: list[Any] = []
    grad(lambda *values: names.append(values[0].name) or values[0])(Value(2.0, name="v"))
    assert names == ["v"]


def test_the_same_argument_twice() -> None:
    x = np.array([1.0, 2.0])
    first, second = grad(lambda a, b: (a * a * b).sum(), (0, 1))(x, x)
    np.testing.assert_array_equal(first, 2 * x * x)
    np.testing.assert_array_equal(second, x * x)


def test_a_constant_function_warns_and_has_gradient_zero() -> None:
    def frozen(x: Any) -> Any:
        return (x * x).data

    with pytest.warns(UserWarning, match=r"frozen returned plain numbers.*zero.*\.data"):
        assert grad(frozen)(3.0) == 0.0


@pytest.mark.parametrize(
    "derivative",
    [
        lambda f: grad(f)(2.0),
        lambda f: vjp(f, 2.0)[1](1.0)[0],
        lambda f: jvp(f, (2.0,), (1.0,))[1],
        lambda f: jacobian(f)(2.0),
    ],
)
def test_every_transform_warns_of_numbers_that_left_the_graph(derivative: Any) -> None:
    with pytest.warns(UserWarning, match="returned plain numbers, whose gradient is zero"):
        assert derivative(lambda x: x.data**2) == 0.0


def test_a_part_of_the_result_may_be_constant_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, _ = vjp(lambda x: {"y": x * x, "n": 7.0}, 2.0)
    assert result == {"y": 4.0, "n": 7.0}


def test_float_is_refused_where_it_would_lose_the_gradient() -> None:
    """It gave 2.718 for the derivative of x exp(x) at 1, which is 5.437."""
    with pytest.raises(TypeError, match=r"float\(\) would take 'x' .*np\.exp.*\.data"):
        grad(lambda x: x * math.exp(x))(1.0)
    assert grad(lambda x: x * np.exp(x))(1.0) == pytest.approx(2 * np.e, rel=1e-15)
    assert grad(lambda x: x * math.exp(x.data))(1.0) == np.exp(1.0)
    assert float(Value(2.0) * 3.0) == 6.0


def test_a_value_can_be_printed_where_it_is_differentiated() -> None:
    printed: list[str] = []

    def f(x: Any) -> Any:
        printed.extend([repr(x), str(x), f"{x}", f"{x:.2f}"])
        return x * x

    assert grad(f)(2.0) == 4.0
    assert printed == ["Value(2.0, name='x')"] * 3 + ["2.00"]


# vjp


def test_vjp_of_arrays() -> None:
    A = np.random.default_rng(1).normal(size=(3, 2))
    result, pullback = vjp(lambda A, x: A @ x, A, np.array([1.0, 2.0]))
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, A @ [1.0, 2.0])
    A_bar, x_bar = pullback(np.array([1.0, 0.0, -1.0]))
    np.testing.assert_array_equal(A_bar, np.outer([1.0, 0.0, -1.0], [1.0, 2.0]))
    np.testing.assert_allclose(x_bar, A.T @ [1.0, 0.0, -1.0])


def test_vjp_pulls_back_as_often_as_asked() -> None:
    _, pullback = vjp(lambda x: x * x, np.array([1.0, 2.0]))
    rows = [pullback(e)[0] for e in np.eye(2)]
    np.testing.assert_array_equal(rows, [[2.0, 0.0], [0.0, 4.0]])
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [2.0, 4.0])


def test_vjp_of_a_structure() -> None:
    def both(x: Any) -> dict[str, Any]:
        return {"square": x * x, "rest": [x.sum(), 7.0]}

    result, pullback = vjp(both, np.array([1.0, 2.0]))
    assert list(result) == ["square", "rest"]
    assert type(result["square"]) is np.ndarray
    np.testing.assert_array_equal(result["square"], [1.0, 4.0])
    assert result["rest"] == [3.0, 7.0]
    (x_bar,) = pullback({"square": np.array([1.0, 10.0]), "rest": [100.0, 0.0]})
    np.testing.assert_array_equal(x_bar, [102.0, 140.0])


def test_vjp_of_a_result_named_twice_adds_both_adjoints() -> None:
    def twice(x: Any) -> Any:
        y = 2.0 * x
        return y, y

    _, pullback = vjp(twice, 1.0)
    assert pullback((1.0, 10.0)) == (22.0,)


def test_vjp_where_a_result_depends_on_another() -> None:
    def chain(x: Any) -> Any:
        y = x * x
        return y, y * y

    _, pullback = vjp(chain, 3.0)
    assert pullback((1.0, 0.0)) == (6.0,)
    assert pullback((0.0, 1.0)) == (108.0,)
    assert pullback((1.0, 1.0)) == (114.0,)


def test_dicts_of_any_kind_are_structures() -> None:
    params = OrderedDict(a=1.0, b=2.0)
    assert grad(lambda p: p["a"] * p["b"])(params) == {"a": 2.0, "b": 1.0}


# Results are the caller's own.


def test_result_arrays_are_writable_and_shared_with_nobody() -> None:
    """`add` hands the same adjoint to both operands; the caller must not see that."""
    a, b = Value(np.ones(3)), Value(np.ones(3))
    seed = np.ones(3)
    y = a + b
    results = [*gradients(y, [a, b, a, y], seed), gradients(y, a, seed)]
    for i, x in enumerate(results):
        assert type(x) is np.ndarray
        assert x.flags.writeable
        assert not np.shares_memory(x, seed)
        x[:] = i
    np.testing.assert_array_equal(np.array(results)[:, 0], range(5))
    np.testing.assert_array_equal(seed, np.ones(3))
    np.testing.assert_array_equal(gradients(y, a, seed), np.ones(3))


def test_value_and_vjp_results_are_the_callers_own() -> None:
    x = np.ones(3)
    value, slope = value_and_grad(lambda x: x.reshape(3)[:1])(x)
    value[:] = slope[:] = 5.0
    result, pullback = vjp(lambda x: x.reshape(3, 1), x)
    result[:] = 7.0
    (adjoint,) = pullback(np.ones((3, 1)))
    adjoint[:] = 9.0
    np.testing.assert_array_equal(pullback(np.ones((3, 1)))[0], np.ones(3))
    np.testing.assert_array_equal(x, np.ones(3))


def test_a_result_that_is_an_input_is_the_callers_own() -> None:
    x = np.ones(3)
    result, pullback = vjp(lambda x: x, x)
    result[:] = 7.0
    np.testing.assert_array_equal(x, np.ones(3))
    seed = np.ones(3)
    pullback(seed)[0][:] = 3.0
    np.testing.assert_array_equal(seed, np.ones(3))


def test_gradients_broadcast_from_a_sum_are_writable() -> None:
    slope = grad(lambda x: x.sum())(np.ones((2, 2)))
    slope[0, 0] = 5.0
    np.testing.assert_array_equal(slope, [[5.0, 1.0], [1.0, 1.0]])


def test_gradient_descent_converges() -> None:
    target = np.array([1.0, -2.0])
    x = np.zeros(2)
    step = grad(lambda x: ((x - target) ** 2).sum())
    p = Value(np.zeros(2), name="p")
    for _ in range(100):
        x -= 0.1 * step(x)
        ((p - target) ** 2).sum().backward()
        p.data = p.data - 0.1 * p.grad
        p.zero_grad()
    np.testing.assert_allclose(x, target, atol=1e-8)
    np.testing.assert_array_equal(x, p.data)


def test_a_function_may_rebind_the_entries_of_its_argument() -> None:
    def of_dict(p: Any) -> Any:
        c = p.pop("c")
        p["U"] = p["U"] * 2.0
        p["new"] = p["U"]
        return (p["U"] * p["U"]).sum() * c

    params = {"U": np.ones(2), "c": 3.0}
    gradients_ = grad(of_dict)(params)
    assert list(gradients_) == ["U", "c"]
    np.testing.assert_array_equal(gradients_["U"], [24.0, 24.0])
    assert gradients_["c"] == 8.0
    assert list(params) == ["U", "c"]
    value, pullback = vjp(of_dict, params)
    assert value == 24.0
    np.testing.assert_array_equal(pullback(1.0)[0]["U"], [24.0, 24.0])


def test_adjoints_are_paired_with_results_by_key() -> None:
    _, pullback = vjp(lambda x: {"a": x, "b": 10.0 * x}, 3.0)
    assert pullback({"b": 1.0, "a": 0.0}) == (10.0,)


def test_argnums_may_be_a_list() -> None:
    assert grad(lambda a, b: a * b, [0, 1])(2.0, 3.0) == (3.0, 2.0)


def test_no_arguments_to_differentiate_in() -> None:
    assert grad(lambda p: Value(2.0) * 3.0)({}) == {}
