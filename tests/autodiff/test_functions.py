"""Every public function against NumPy's or SciPy's own: numbers, shapes, dtypes, special values."""

import builtins
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autodiff
from autodiff import Value

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def arrays(shape: Any, **elements: Any) -> st.SearchStrategy[np.ndarray]:
    """Return arrays of any real dtype; floating ones with nan, inf, -0.0 and subnormals."""
    dtypes = st.sampled_from([np.float64, np.float32, np.int64, np.int8, np.bool_])
    return dtypes.flatmap(
        lambda dtype: hnp.arrays(
            dtype, shape, elements=elements if np.dtype(dtype).kind == "f" else None
        )
    )


SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
MODERATE = {"min_value": -64, "max_value": 64}


def held(x: np.ndarray) -> Any:
    """Return data as the engine holds them: float32 kept, other dtypes as float64.

    A float64 scalar is Python's float, which does not widen float32.
    """
    x = x if x.dtype == np.float32 else x.astype(np.float64)
    return x if x.ndim else x[()] if x.dtype == np.float32 else float(x)


def check(
    ours: Callable[..., Any], theirs: Callable[..., Any], *xs: np.ndarray, near_zero: float = 0.0
) -> None:
    """Compare what Values and what plain arrays give with NumPy, which may refuse: so must we.

    `near_zero` is an absolute error that is allowed, in units of rounding.
    """
    plain = [held(x) for x in xs]
    try:
        expected = np.asarray(theirs(*plain))
    except (ValueError, IndexError):
        with pytest.raises((ValueError, IndexError)):
            ours(*map(Value, xs))
        return
    recorded = ours(*map(Value, xs))
    assert type(recorded) is Value
    computed = ours(*plain)
    assert not isinstance(computed, Value)
    number = np.finfo(expected.dtype)
    for got in map(np.asarray, (recorded.data, computed)):
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(
            got, expected, rtol=4 * number.eps, atol=2 * number.tiny + near_zero * number.eps
        )


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in [
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "square",
        "abs",
        "sin",
        "cos",
        "tanh",
        "ravel",
        "transpose",
        "squeeze",
    ]
} | {
    "sigmoid": scipy.special.expit,
    "log_sigmoid": scipy.special.log_expit,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "relu": lambda x: np.maximum(x, 0.0),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(x=SHAPES.flatmap(arrays))
def test_functions_of_one_operand(name: str, x: np.ndarray) -> None:
    check(getattr(autodiff, name), ELEMENTWISE[name], x)


OPERATORS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "maximum": autodiff.maximum,
    "minimum": autodiff.minimum,
}


@pytest.mark.parametrize("name", OPERATORS)
@given(data=st.data())
def test_functions_of_two_operands_broadcast(name: str, data: st.DataObject) -> None:
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=3))
    a, b = (data.draw(arrays(shape)) for shape in shapes.input_shapes)
    expected = np.asarray(getattr(np, name)(held(a), held(b)))
    spellings = [OPERATORS[name], getattr(np, name)]
    operands = [(Value(a), Value(b)), (Value(a), b.astype(np.result_type(held(b))))]
    operands += [(a.astype(np.result_type(held(a))), Value(b))]
    for function in spellings:
        for pair in operands:
            got = function(*pair)
            assert type(got) is Value
            assert got.shape == expected.shape
            if got.ndim and a.ndim and b.ndim:
                assert got.dtype == expected.dtype
                np.testing.assert_array_equal(got.data, expected)


@given(data=st.data())
def test_where(data: st.DataObject) -> None:
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_dims=3))
    mask, a, b = (data.draw(hnp.arrays(bool, s)) for s in shapes.input_shapes)
    a = data.draw(arrays(a.shape))
    b = data.draw(arrays(b.shape))
    check(lambda a, b: autodiff.where(mask, a, b), lambda a, b: np.where(mask, a, b), a, b)


@given(
    x=SHAPES.flatmap(arrays),
    bounds=st.tuples(st.none() | st.integers(-2, 0), st.none() | st.integers(0, 2)),
)
def test_clip(x: np.ndarray, bounds: tuple[Any, Any]) -> None:
    low, high = bounds
    check(
        lambda x: autodiff.clip(x, low, high) if bounds != (None, None) else x + 0,
        lambda x: np.clip(x, low, high) if bounds != (None, None) else x + 0,
        x,
    )


@st.composite
def reduced(draw: st.DrawFn, min_side: int = 0, **elements: Any) -> Any:
    """Return an array and NumPy's options `axis` and `keepdims` for a reduction of it."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=min_side, max_side=4))
    axes = st.none() | hnp.valid_tuple_axes(len(shape))
    if shape:
        axes |= st.integers(-len(shape), len(shape) - 1)
    return draw(arrays(shape, **elements)), {"axis": draw(axes), "keepdims": draw(st.booleans())}


@pytest.mark.parametrize("name", ["sum", "max", "min", "mean", "logsumexp"])
@given(data=st.data())
def test_reductions(name: str, data: st.DataObject) -> None:
    x, options = data.draw(reduced(1 if name in ("mean", "logsumexp") else 0))
    theirs = np.logaddexp.reduce if name == "logsumexp" else getattr(np, name)
    ours = getattr(autodiff, name)
    near_zero = 4 if name == "logsumexp" else 0  # the logarithm of a sum near 1
    check(lambda x: ours(x, **options), lambda x: theirs(x, **options), x, near_zero=near_zero)


@given(data=st.data(), ddof=st.integers(0, 1))
def test_var(data: st.DataObject, ddof: int) -> None:
    x, options = data.draw(reduced(1, **MODERATE))
    x = held(x) if np.ndim(held(x)) else np.float64(x)
    shape = np.shape(np.sum(x, axis=options["axis"]))
    if np.size(x) // max(np.prod(shape, dtype=int), 1) <= ddof:
        with pytest.raises(ValueError, match=f"var.*ddof={ddof}"):
            autodiff.var(Value(x), ddof=ddof, **options)
        return
    got = autodiff.var(Value(x), ddof=ddof, **options)
    expected = np.var(x, ddof=ddof, **options)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    error = 64 * np.finfo(expected.dtype).eps
    np.testing.assert_allclose(got.data, expected, rtol=error, atol=error * np.max(np.abs(x)) ** 2)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@given(data=st.data())
def test_softmax(name: str, data: st.DataObject) -> None:
    x = data.draw(
        hnp.array_shapes(max_dims=3).flatmap(lambda s: hnp.arrays(float, s, elements=MODERATE))
    )
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    expected = getattr(scipy.special, name)(x, axis=axis)
    for argument in (x, Value(x)):
        got = getattr(autodiff, name)(argument, axis=axis)
        got = got.data if isinstance(got, Value) else got
        np.testing.assert_allclose(got, expected, rtol=2e-14, atol=1e-14 * 64)
    if name == "softmax":
        np.testing.assert_allclose(got.sum(axis), 1, rtol=1e-13)


def test_softmax_and_logsumexp_do_not_overflow() -> None:
    x = Value([1e4, 1e4, -1e4])
    np.testing.assert_allclose(autodiff.softmax(x).data, [0.5, 0.5, 0.0])
    np.testing.assert_allclose(
        autodiff.log_softmax(x).data, [-np.log(2), -np.log(2), -2e4 - np.log(2)]
    )
    assert autodiff.logsumexp(Value([1e4, 1e4])).data == 1e4 + np.log(2)


@given(data=st.data())
def test_matmul_and_dot(data: st.DataObject) -> None:
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(
            signature=np.matmul.signature, max_dims=2, max_side=5, min_side=0
        )
    ).input_shapes
    a, b = (data.draw(hnp.arrays(float, shape, elements=MODERATE)) for shape in shapes)
    expected = np.matmul(a, b)
    products = [Value(a) @ Value(b), Value(a) @ b, a @ Value(b), np.matmul(a, Value(b))]
    if b.ndim <= 2:
        products += [np.dot(Value(a), b), autodiff.dot(a, Value(b)), Value(a).dot(Value(b))]
    for got in products:
        assert type(got) is Value
        assert got.shape == np.shape(expected)
        np.testing.assert_allclose(got.data, expected, rtol=1e-13, atol=1e-11)
    np.testing.assert_allclose(autodiff.matmul(a, b), expected, rtol=1e-13, atol=1e-11)


def test_nan_in_a_product_stays_in_its_row() -> None:
    a = np.ones((4, 3))
    a[1, 2] = np.nan
    np.testing.assert_array_equal(
        np.isnan((Value(a) @ np.ones((3, 2))).data), np.isnan(a @ np.ones((3, 2)))
    )


X = np.random.default_rng(0).normal(size=(2, 1, 3))
CALLS: list[tuple[str, np.ndarray, tuple[Any, ...], dict[str, Any]]] = [
    ("sum", X, (), {}),
    ("sum", X, (0,), {}),
    ("sum", X, (), {"axis": (0, -1), "keepdims": True}),
    ("sum", X, (), {"keepdims": True}),
    ("mean", X, (-1,), {}),
    ("max", X, (), {"axis": 0}),
    ("min", X, (), {"axis": 2, "keepdims": True}),
    ("var", X, (), {"axis": 2, "ddof": 1}),
    ("var", X, (), {"axis": (0, 2), "keepdims": True}),
    ("clip", X, (-0.5, 0.5), {}),
    ("clip", X, (None, 0.5), {}),
    ("clip", X, (), {"a_min": 0.1, "a_max": None}),
    ("transpose", X, (), {}),
    ("transpose", X, ((2, 0, 1),), {}),
    ("transpose", X[:, 0], ([1, 0],), {}),
    ("swapaxes", X, (0, -1), {}),
    ("reshape", X, ((3, 2),), {}),
    ("reshape", X, (-1,), {}),
    ("reshape", X[:, 0].T, ((2, 3),), {}),
    ("ravel", X.T, (), {}),
    ("expand_dims", X, (0,), {}),
    ("expand_dims", X, (), {"axis": (0, -1)}),
    ("squeeze", X, (), {}),
    ("squeeze", X, (), {"axis": 1}),
    ("broadcast_to", X, ((4, 2, 5, 3),), {}),
    ("outer", X, (X,), {}),
    ("dot", X[:, 0], (X[0, 0],), {}),
    ("dot", X[0, 0], (2.0,), {}),
    ("dot", X[:, 0], (X[:, 0].T,), {}),
]


@pytest.mark.parametrize(("name", "x", "args", "options"), CALLS)
def test_three_spellings(name: str, x: np.ndarray, args: Any, options: Any) -> None:
    """A module function, NumPy's own, and the method, where NumPy has one, are the same."""
    expected = getattr(np, name)(x, *args, **options)
    spellings = [getattr(autodiff, name), getattr(np, name)]
    if hasattr(np.ndarray, name):
        spellings.append(getattr(Value, name))
    for function in spellings:
        got = function(Value(x), *args, **options)
        assert type(got) is Value
        assert got.shape == np.shape(expected)
        np.testing.assert_allclose(got.data, expected, rtol=1e-14)
    np.testing.assert_allclose(spellings[0](x, *args, **options), expected, rtol=1e-14)


def test_methods_take_shapes_and_axes_one_by_one() -> None:
    v = Value(X)
    assert v.reshape(3, 2).shape == (3, 2)
    assert v.reshape(-1).shape == (6,)
    assert v.transpose(2, 0, 1).shape == (3, 2, 1)


@pytest.mark.parametrize("join", [np.concatenate, autodiff.concatenate])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate(join: Callable[..., Any], axis: int) -> None:
    a, b = np.arange(4.0).reshape(2, 2), np.ones((2, 2))
    for arrays in ([Value(a), b], (a, Value(b)), [Value(a), Value(b)]):
        got = join(arrays, axis=axis)
        assert type(got) is Value
        np.testing.assert_array_equal(got.data, np.concatenate([a, b], axis))
    np.testing.assert_array_equal(autodiff.concatenate([a, b], axis), np.concatenate([a, b], axis))


@pytest.mark.parametrize("join", [np.stack, autodiff.stack])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_stack(join: Callable[..., Any], axis: int) -> None:
    a, b = np.arange(4.0).reshape(2, 2), np.ones((2, 2))
    got = join([Value(a), b], axis=axis)
    assert type(got) is Value
    np.testing.assert_array_equal(got.data, np.stack([a, b], axis))


def test_stack_makes_a_vector_of_numbers() -> None:
    a, b = Value(2.0), Value(3.0)
    v = autodiff.stack([a, b, 1.0])
    np.testing.assert_array_equal(v.data, [2.0, 3.0, 1.0])
    (v * np.array([5.0, 7.0, 11.0])).sum().backward()
    assert (a.grad, b.grad) == (5.0, 7.0)


@pytest.mark.parametrize("z", [0.3, -0.0, 800.0, np.array([-3.0, 0.0, 2.0])])
@pytest.mark.parametrize("t", [0.0, 0.25, 1, True])
def test_logistic_cross_entropy_is_that_of_the_tutorial(z: Any, t: float) -> None:
    expected = t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z)
    np.testing.assert_allclose(autodiff.logistic_cross_entropy(z, t), expected, rtol=1e-15)
    recorded = autodiff.logistic_cross_entropy(Value(z), t)
    assert recorded.shape == np.shape(z)
    np.testing.assert_allclose(recorded.data, expected, rtol=1e-15)
    targets = np.full(np.shape(z), t)
    recorded = autodiff.logistic_cross_entropy(z, Value(targets))
    np.testing.assert_allclose(recorded.data, expected, rtol=1e-15)


BUILTINS = {"abs", "compile", "max", "min", "sum"}


def test_import_star_replaces_no_builtin() -> None:
    namespace: dict[str, Any] = {}
    exec("from autodiff import *", namespace)
    assert not {*namespace} & {*dir(builtins)} - {"__builtins__"}
    assert all(hasattr(autodiff, name) for name in BUILTINS)


def test_every_public_function_is_tested_here() -> None:
    tested = {*ELEMENTWISE, *OPERATORS, *(call[0] for call in CALLS)}
    tested |= {"where", "logsumexp", "softmax", "log_softmax", "matmul", "concatenate", "stack"}
    tested |= {"logistic_cross_entropy"}
    transforms = {"Value", "grad", "gradients", "value_and_grad", "vjp", "zero_grad"}
    transforms |= {"jvp", "hvp", "jacobian", "hessian", "source", "compile", "derivation"}
    transforms |= {"check_gradient", "draw", "steps"}
    transforms |= {
        "array",
        "check_primitive",
        "custom_gradient",
        "in_blocks",
        "primitive",
        "register",
    }
    public = {*autodiff.__all__, *BUILTINS}
    assert public - transforms <= tested
    required = (
        "exp expm1 log log1p sqrt square abs sin cos tanh sigmoid log_sigmoid softplus relu "
        "maximum minimum where clip sum mean max min var logsumexp softmax log_softmax dot matmul "
        "outer transpose swapaxes reshape ravel expand_dims squeeze broadcast_to concatenate stack "
        "logistic_cross_entropy"
    )
    assert set(required.split()) | transforms <= public


def test_infinity_and_nan_flow_through_gradients_too() -> None:
    x = Value([np.nan, np.inf, -np.inf, 0.0])
    autodiff.exp(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [np.nan, np.inf, 0.0, 1.0])
    x = Value(0.0)
    autodiff.log(x).backward()
    assert x.grad == np.inf
    x.zero_grad()
    (1.0 / x).backward()
    assert x.grad == -np.inf
    x = Value(0.0)
    assert np.isnan((x / 0.0).data)
    assert (Value(-1.0) / 0.0).data == -np.inf
    assert np.isnan((Value(-1.0) ** 0.5).data)
    assert (Value(10.0) ** 400).data == np.inf


def test_arrays_to_join_may_come_one_by_one() -> None:
    v = Value([1.0, 2.0])
    for join in (autodiff.concatenate, autodiff.stack):
        np.testing.assert_array_equal(join(x for x in (v, v)).data, join([v, v]).data)
