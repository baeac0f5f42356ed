"""`Value` in use: attributes, operators, indexing, NumPy's and SciPy's own functions."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import central_differences
from scipy.special import expit, log_expit

import autodiff
from autodiff import Value

M = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]])


def test_attributes_of_an_array() -> None:
    v = Value(M, name="M")
    np.testing.assert_array_equal(v.data, M)
    np.testing.assert_array_equal(v.grad, np.zeros((2, 3)))
    assert (v.name, v.shape, v.ndim, v.size, v.dtype) == ("M", (2, 3), 2, 6, np.float64)
    assert (v.parents, v.primitive, len(v)) == ((), None, 2)
    assert v.T.shape == (3, 2)


def test_attributes_of_a_number() -> None:
    v = Value(2)
    assert v.data == 2.0
    assert isinstance(v.data, float)
    assert (v.name, v.shape, v.ndim, v.size, v.dtype) == (None, (), 0, 1, np.float64)
    assert v.grad == 0.0
    assert v.T.data == 2.0
    assert float(v) == 2.0


def test_a_result_knows_what_made_it() -> None:
    a, b = Value(2.0), Value(3.0)
    product = a * b
    assert [p is x for p, x in zip(product.parents, (a, b))] == [True, True]
    assert product.primitive is autodiff.primitives.multiply
    assert (a * 4.0).parents[0] is a
    assert len((a * 4.0).parents) == 1
    assert (a * a).parents[1] is a


def test_names_can_be_given_and_changed() -> None:
    v = Value(1.0, "v") + 1.0
    assert v.name is None
    v.name = "sum"
    assert v.name == "sum"


@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_, ">f8"]),
        hnp.array_shapes(min_dims=0, min_side=0),
    )
)
def test_float32_is_kept_and_other_real_numbers_become_float64(x: np.ndarray) -> None:
    v = Value(x)
    assert v.dtype == (np.float32 if x.dtype == np.float32 else np.float64)
    assert v.dtype.isnative
    assert v.shape == x.shape
    np.testing.assert_array_equal(v.data, x.astype(v.dtype))


@pytest.mark.parametrize("data", [3, 3.0, True, np.float64(3), np.int32(3), np.array(3.0), 10**20])
def test_scalars_are_held_as_floats(data: Any) -> None:
    assert type(Value(data).data) is float
    assert Value(data).data == float(data)


def test_lists_tuples_and_ranges_are_arrays() -> None:
    np.testing.assert_array_equal(Value([[1, 2], [3, 4]]).data, [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(Value((1, 2.5)).data, [1.0, 2.5])
    np.testing.assert_array_equal(Value(range(3)).data, [0.0, 1.0, 2.0])


def test_data_are_copied() -> None:
    x = M.copy()
    v = Value(x)
    x[0, 0] = 99.0
    np.testing.assert_array_equal(v.data, M)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Value(2), "Value(2.0)"),
        (Value(2.0, name="c"), "Value(2.0, name='c')"),
        (Value([1.0, 2.0]), "Value([1., 2.], shape=(2,))"),
        (Value(np.float32(0.5)), "Value(0.5, dtype=float32)"),
        (Value(2.0) * 3.0, "Value(6.0, from multiply)"),
        (Value(np.zeros((2, 0))), "Value([], shape=(2, 0))"),
    ],
)
def test_repr(value: Value, expected: str) -> None:
    assert repr(value) == expected


def test_repr_of_a_large_array_is_short() -> None:
    text = repr(Value(np.zeros((1000, 1000)), name="W"))
    assert len(text) < 200
    assert "shape=(1000, 1000)" in text
    assert "name='W'" in text


def test_format() -> None:
    assert f"{Value(2.0) / 3.0:.3f}" == "0.667"
    assert f"{Value(2.0)}" == "Value(2.0)"
    assert f"{Value([2.0]):.1f}" == "2.0"


BINARY: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
]
OTHERS = [2.0, 2, True, np.float64(2.5), np.int64(2), [1, 2.0, 3], (3, 2, 1), np.array([1, 2, 3]),
          np.array([[1.0], [2.0]]), np.array(2.0), np.array([True, False, True])]  # fmt: skip


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("mine", [1.5, np.abs(M)], ids=["number", "array"])
def test_operators_in_both_orders(operation: Any, other: Any, mine: Any) -> None:
    v = Value(mine)
    held = np.asarray(other, float)
    with np.errstate(divide="ignore"):
        for got, expected in (
            (operation(v, other), operation(np.asarray(mine), held)),
            (operation(other, v), operation(held, np.asarray(mine))),
            (operation(v, Value(other)), operation(np.asarray(mine), held)),
        ):
            assert type(got) is Value
            assert got.shape == expected.shape
            np.testing.assert_array_equal(got.data, expected)


def test_unary_operators() -> None:
    v = Value(M)
    np.testing.assert_array_equal((-v).data, -M)
    np.testing.assert_array_equal((+v).data, M)
    np.testing.assert_array_equal(abs(v).data, abs(M))


def test_matrix_product_in_both_orders() -> None:
    for other in (M.T, M.T.tolist(), Value(M.T)):
        assert type(Value(M) @ other) is Value
        np.testing.assert_array_equal((Value(M) @ other).data, M @ M.T)
        np.testing.assert_array_equal((other @ Value(M)).data, M.T @ M)


def test_augmented_assignment_makes_a_new_value() -> None:
    v = w = Value([1.0, 2.0])
    w += 1.0
    w *= 2.0
    np.testing.assert_array_equal(v.data, [1.0, 2.0])
    np.testing.assert_array_equal(w.data, [4.0, 6.0])


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("other", [1.0, 1, [1, 4, 3], np.array([0.5, -2.0, 3.0]), np.float64(0.5)])
def test_comparisons_give_plain_masks(compare: Any, other: Any) -> None:
    held = np.asarray(other)
    for got, expected in (
        (compare(Value(M), other), compare(M, held)),
        (compare(other, Value(M)), compare(held, M)),
        (compare(Value(M), Value(other)), compare(M, held)),
    ):
        assert type(got) is np.ndarray
        assert got.dtype == bool
        np.testing.assert_array_equal(got, expected)


def test_numpys_comparisons_give_plain_masks_too() -> None:
    got = np.greater(Value(M), 0.0)
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, M > 0)


def test_comparisons_of_numbers_decide() -> None:
    v = Value(2.0)
    assert v > 1.0
    assert 1.0 < v  # noqa: SIM300
    assert v == 2.0
    assert not v != 2.0  # noqa: SIM202
    assert bool(v)
    assert not Value(0.0)
    assert isinstance(v > 1.0, (bool, np.bool_))


def test_values_are_keys_by_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert {a: "a", b: "b"}[b] == "b"
    assert len({a, b}) == 2


INDICES = [0, -1, (0, 1), np.int64(1), slice(None, None, -1), (slice(None), slice(1, None)), None,
           (..., None), ..., [1, 0, 1], np.array([1, 0]), ([0, 1, 0], [2, 2, 2]), M > 0,
           [True, False], (slice(None), [0, 0]), (None, 0, [2, 1]), ((0, 0),), [[0, 0], [1, 1]],
           (1, [], None), ()]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing(index: Any) -> None:
    v = Value(M)
    picked = v[index]
    expected = M[index]
    assert picked.shape == expected.shape
    np.testing.assert_array_equal(picked.data, expected)
    seed = np.arange(1.0, 1.0 + expected.size).reshape(expected.shape)
    picked.backward(seed)
    gradient = np.zeros(M.shape)
    np.add.at(gradient, index, seed)
    np.testing.assert_array_equal(v.grad, gradient)


@pytest.mark.parametrize("index", [None, ..., (), (None, ...)], ids=repr)
def test_indexing_a_number(index: Any) -> None:
    v = Value(3.0)
    picked = v[index]
    assert picked.shape == np.float64(3.0)[index].shape
    picked.sum().backward()
    assert v.grad == 1.0


def test_a_mask_from_a_comparison_indexes() -> None:
    v = Value(M)
    v[v > 0.0].sum().backward()
    np.testing.assert_array_equal(v.grad, M > 0)


def test_iteration_and_unpacking() -> None:
    v = Value(M)
    first, second = v
    np.testing.assert_array_equal(first.data, M[0])
    total = sum(x * k for k, row in enumerate(v) for x in row)
    total.backward()
    np.testing.assert_array_equal(v.grad, [[0.0] * 3, [1.0] * 3])
    assert second.parents[0] is v


def test_in_is_a_comparison_of_numbers() -> None:
    assert Value(2.0) in [1.0, 2.0]


def test_shape_queries_answer_at_once_and_record_nothing() -> None:
    v = Value(M)
    before = Value(0.0).serial
    assert (np.shape(v), np.ndim(v), np.size(v), v.shape, len(v)) == ((2, 3), 2, 6, (2, 3), 2)
    assert Value(0.0).serial == before + 1


NUMPY_CALLS: dict[str, Callable[[Any], Any]] = {
    "np.tanh(v)": np.tanh,
    "np.exp(v)": np.exp,
    "np.abs(v)": np.abs,
    "np.negative(v)": np.negative,
    "np.sum(v)": np.sum,
    "np.sum(v, axis=0)": lambda v: np.sum(v, axis=0),
    "np.mean(v, 1)": lambda v: np.mean(v, 1),
    "np.max(v, axis=0, keepdims=True)": lambda v: np.max(v, axis=0, keepdims=True),
    "np.amin(v)": np.amin,
    "np.dot(X, v.T)": lambda v: np.dot(M + 1.0, v.T),
    "X @ v": lambda v: (M.T + 1.0) @ v,
    "v @ X": lambda v: v @ (M.T + 1.0),
    "X * v": lambda v: M * v,
    "X - v": lambda v: (M + 1.0) - v,
    "np.outer": lambda v: np.outer(v, M[0]),
    "np.where": lambda v: np.where(M > 0.7, v, 0.0),
    "np.clip": lambda v: np.clip(v, -1.0, 2.2),
    "np.maximum": lambda v: np.maximum(0.7, v),
    "np.transpose": np.transpose,
    "np.reshape": lambda v: np.reshape(v, (3, 2)),
    "np.concatenate": lambda v: np.concatenate([M, v], axis=1),
    "np.stack": lambda v: np.stack([v, M]),
    "np.float64 * v": lambda v: np.float64(3.0) * v,
    "expit": expit,
    "log_expit": log_expit,
}


@pytest.mark.parametrize("call", NUMPY_CALLS)
def test_numpy_and_scipy_functions_record(call: str) -> None:
    function = NUMPY_CALLS[call]
    v = Value(M)
    out = function(v)
    assert type(out) is Value
    expected = np.asarray(function(M))
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(out.data, expected, rtol=1e-15, atol=1e-15)
    seed = np.random.default_rng(0).normal(size=out.shape)
    out.backward(seed)
    slope = np.tensordot(seed, central_differences(function, [M], 0), out.ndim)
    np.testing.assert_allclose(v.grad, slope, rtol=1e-9, atol=1e-9)


def test_plain_arrays_give_plain_arrays() -> None:
    for function in (autodiff.tanh, autodiff.sigmoid, autodiff.sum, autodiff.softmax):
        assert not isinstance(function(M), Value)
    assert type(autodiff.tanh(M)) is np.ndarray
    assert type(autodiff.tanh([1, 2])) is np.ndarray


# The tutorial's own cells, unchanged.

FORWARD = """
def forward(X, params):
    G = np.dot(X, params['U'].T) + params['b']
    H = np.tanh(G)
    z = np.dot(H, params['W'].T) + params['c']
    y = sigmoid(z)
    return y
"""
CROSS_ENTROPY = "loss = (1./N) * np.sum(-t * np.log(y) - (1 - t) * np.log(1 - y))"


@pytest.mark.parametrize("c", [0, 0.3])
def test_the_tutorials_cells_run_unchanged(c: float) -> None:
    rng = np.random.default_rng(0)
    N, H = 40, 3
    X, t = rng.normal(size=(N, 2)), rng.integers(0, 2, N)
    start = {"U": rng.normal(size=(H, 2)), "b": rng.normal(size=H), "W": rng.normal(size=H), "c": c}
    params = {name: Value(x, name) for name, x in start.items()}
    cells: dict[str, Any] = {"np": np, "sigmoid": expit, "N": N, "t": t}
    exec(FORWARD, cells)
    y = cells["y"] = cells["forward"](X, params)
    exec(CROSS_ENTROPY, cells)
    cells["loss"].backward()

    z_bar = (expit(np.tanh(X @ start["U"].T + start["b"]) @ start["W"] + c) - t) / N
    hidden = np.tanh(X @ start["U"].T + start["b"])
    G_bar = np.outer(z_bar, start["W"]) * (1 - hidden**2)
    expected = {"U": G_bar.T @ X, "b": G_bar.sum(0), "W": hidden.T @ z_bar, "c": z_bar.sum()}
    for name, value in params.items():
        np.testing.assert_allclose(value.grad, expected[name], rtol=1e-13, atol=1e-15)
    plain = cells["forward"](X, start)
    assert type(plain) is np.ndarray
    np.testing.assert_allclose(y.data, plain, rtol=1e-15)


def test_a_copy_of_the_data_is_an_array_like_any_other() -> None:
    v = Value([1.0, 2.0])
    for mine in (v.data.copy(), np.zeros_like(v.data) + v.data, np.array(v.data)):
        same = mine
        mine += 1.0
        mine **= 2
        np.multiply(mine, 2.0, out=mine)
        np.testing.assert_array_equal(same, [8.0, 18.0])
    momentum = np.zeros_like(v.data)
    for m in (momentum,):
        m += v.data
    np.testing.assert_array_equal(momentum, [1.0, 2.0])
    np.testing.assert_array_equal(v.data, [1.0, 2.0])


def test_new_data_and_gradients_have_the_dtype_of_the_leaf() -> None:
    p = Value(np.float32([1.0, 2.0]))
    p.data = p.data - np.float64(0.1) * np.ones(2)
    p.grad = np.ones(2)
    assert p.data.dtype == p.grad.dtype == np.float32
    p.grad = None
    np.testing.assert_array_equal(p.grad, [0.0, 0.0])


def test_float32_is_kept_beside_masks_and_plain_numbers() -> None:
    v = Value(np.float32([1.0, -2.0]))
    for result in (v * (v > 0), autodiff.logistic_cross_entropy(v, 1.0), v + 1.0, 2.0 / v):
        assert result.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool])
def test_plain_arrays_of_narrow_dtypes_do_not_wrap(dtype: type) -> None:
    t = np.array([1, 0]).astype(dtype)
    z = np.array([1.0, -1.0])
    np.testing.assert_array_equal(
        autodiff.logistic_cross_entropy(z, t), autodiff.logistic_cross_entropy(z, t.astype(float))
    )
    if dtype is not bool:
        np.testing.assert_array_equal(autodiff.softplus(t), autodiff.softplus(t.astype(float)))


def test_a_copy_of_the_data_is_written_into_and_the_data_are_not() -> None:
    v = Value([1.0, 2.0])
    changed = v.data.copy()
    changed[0] = 5.0
    np.testing.assert_array_equal(changed, [5.0, 2.0])
    np.testing.assert_array_equal(v.data, [1.0, 2.0])
