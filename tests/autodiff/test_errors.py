"""Every error in a sentence: the operation, the operands, their shapes, and what to do."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import Value, grad, gradients, hessian, hvp, jacobian, value_and_grad, vjp


def words(*parts: str) -> str:
    """Return a pattern for a message that contains the parts in this order."""
    return "(?s)" + ".*".join(parts)


# Shapes that do not fit.


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("add", operator.add),
        ("subtract", operator.sub),
        ("multiply", operator.mul),
        ("divide", operator.truediv),
        ("power", operator.pow),
        ("maximum", autodiff.maximum),
        ("minimum", np.minimum),
        ("where", lambda a, b: autodiff.where(True, a, b)),
    ],
)
def test_shapes_that_do_not_broadcast(name: str, operation: Callable[..., Any]) -> None:
    a, b = Value(np.ones((2, 3)), name="G"), np.ones(4)
    message = words(
        f"{name}: ", r"'G' of shape \(2, 3\)", r"shape \(4,\)", "do not broadcast", "equal"
    )
    with pytest.raises(ValueError, match=message):
        operation(a, b)
    with pytest.raises(ValueError, match=words(name, "operand 1", r"'G' of shape \(2, 3\)")):
        operation(b, a)


def test_broadcast_to_a_shape_that_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match=words("broadcast_to", r"'b' of shape \(3,\)", r"\(2, 4\)")
    ):
        autodiff.broadcast_to(Value(np.ones(3), "b"), (2, 4))


@pytest.mark.parametrize("product", [operator.matmul, autodiff.dot, np.dot, autodiff.matmul])
def test_shapes_that_do_not_multiply(product: Callable[..., Any]) -> None:
    X, U = np.ones((5, 2)), Value(np.ones((3, 2)), name="U")
    message = words(
        "(matmul|dot)", r"operand 1 of shape \(5, 2\)", r"'U' of shape \(3, 2\)", r"\.T"
    )
    with pytest.raises(ValueError, match=message):
        product(X, U)


def test_a_transpose_is_not_suggested_where_it_would_not_help() -> None:
    with pytest.raises(ValueError, match=r"shape \(5, 2\).*shape \(3, 4\)") as caught:
        Value(np.ones((5, 2))) @ np.ones((3, 4))
    assert ".T" not in str(caught.value)


def test_a_vector_that_does_not_multiply() -> None:
    with pytest.raises(ValueError, match=words("matmul", r"\(5, 2\)", r"'W' of shape \(3,\)")):
        np.ones((5, 2)) @ Value(np.ones(3), name="W")


def test_numbers_are_not_matrix_multiplied() -> None:
    with pytest.raises(ValueError, match=words("matmul", r"shape \(\)", r"multiplied with \*")):
        Value(2.0) @ Value(3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: v.reshape(4), words("reshape", r"'v' of shape \(2, 3\)", r"4")),
        (lambda v: v.sum(axis=2), words("sum", r"'v' of shape \(2, 3\)", "axis", "2")),
        (lambda v: v.mean(axis=2), words("mean", r"'v' of shape \(2, 3\)", "axis", "2")),
        (lambda v: v.max(axis=-3), words("max", r"'v' of shape \(2, 3\)", "axis", "-3")),
        (lambda v: autodiff.softmax(v, 5), words(r"'v' of shape \(2, 3\)", "axis", "5")),
        (lambda v: v.transpose(0, 2), words("transpose", r"'v' of shape \(2, 3\)", "ax")),
        (lambda v: v.swapaxes(0, 7), words("swapaxes", r"'v' of shape \(2, 3\)", "7")),
        (lambda v: v.squeeze(0), words("squeeze", r"'v' of shape \(2, 3\)", "(axis|size)")),
        (lambda v: autodiff.expand_dims(v, 9), words("expand_dims", r"'v' of shape \(2, 3\)", "9")),
        (lambda v: autodiff.concatenate([v, np.ones((3, 4))]), words("concatenate", r"\(3, 4\)")),
        (
            lambda v: autodiff.concatenate([]),
            words("concatenate", "(at least one|no arrays|empty)"),
        ),
        (
            lambda v: autodiff.stack([]),
            words("(stack|concatenate)", "(at least one|no arrays|empty)"),
        ),
        (
            lambda v: autodiff.stack([v, np.ones(3)]),
            words("(stack|concatenate)", r"shape \(2, 3\)", r"shape \(3,\)"),
        ),
        (lambda v: v[:, :0].max(axis=1), words("max", r"shape \(2, 0\)")),
        (lambda v: np.dot(v, np.ones((2, 4, 3))), words("dot", r"\(2, 4, 3\)", "differ")),
    ],
)
def test_shapes_axes_and_lengths_that_do_not_fit(call: Callable[..., Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(Value(np.ones((2, 3)), name="v"))


@pytest.mark.parametrize("index", [5, (0, 0, 0), [7], 1.5, "a", (slice(None), 9)])
def test_an_index_that_names_nothing(index: Any) -> None:
    with pytest.raises(
        (IndexError, TypeError), match=words("(getitem|index)", r"'v' of shape \(2, 3\)")
    ):
        Value(np.ones((2, 3)), name="v")[index]


def test_a_value_as_an_index() -> None:
    with pytest.raises(TypeError, match=words("index", "not (of|by) Values", "v > 0")):
        Value([1.0, 2.0])[Value(0)]


# The loss.


def test_column_targets_against_logits_are_refused_in_the_loss() -> None:
    z, t = Value(np.zeros(4), name="z"), np.zeros((4, 1))
    message = words("logistic_cross_entropy", r"'z' of shape \(4,\)", r"\(4, 1\)", "reshape")
    with pytest.raises(ValueError, match=message):
        autodiff.logistic_cross_entropy(z, t)
    with pytest.raises(ValueError, match=words("logistic_cross_entropy", r"\(4, 1\)", r"\(4,\)")):
        autodiff.logistic_cross_entropy(t, Value(np.zeros(4)))
    with pytest.raises(ValueError, match=words("logistic_cross_entropy", r"\(4,\)", r"\(4, 1\)")):
        autodiff.logistic_cross_entropy(np.zeros(4), t)


@pytest.mark.parametrize(
    ("t", "found"),
    [
        ([0.0, 1.5], "1.5"),
        ([-0.25, 1.0], "-0.25"),
        ([1, 2], "2"),
        ([0.0, np.nan], "nan"),
        (2.0, "2"),
        (np.nan, "nan"),
        (-1, "-1"),
        ([np.inf, 0.0], "inf"),
    ],
)
@pytest.mark.parametrize("wrap", [Value, np.asarray])
def test_targets_outside_0_to_1_or_nan_are_refused(t: Any, found: str, wrap: Any) -> None:
    with pytest.raises(ValueError, match=words("logistic_cross_entropy", "from 0 to 1", found)):
        autodiff.logistic_cross_entropy(Value([0.0, 0.0]), wrap(t))


# What is no array of real numbers.

NOT_NUMBERS: list[tuple[Any, type[Exception], str]] = [
    ("abc", TypeError, "str"),
    (["a", "b"], TypeError, "list"),
    (None, TypeError, "(NoneType|object)"),
    (object(), TypeError, "object"),
    ({"a": 1.0}, TypeError, "(dict|object)"),
    (np.array([1.0, None]), TypeError, "object"),
    (1j, TypeError, "complex"),
    (np.array([1 + 2j]), TypeError, "complex"),
    ([1.0, [2.0, 3.0]], ValueError, "no array of numbers"),
    (np.array(["2020-01-01"], "datetime64[D]"), TypeError, "datetime64"),
    (np.ma.masked_array([1.0, 2.0], [True, False]), TypeError, "MaskedArray"),
    (10**400, ValueError, "no array of numbers"),
]


@pytest.mark.parametrize(("data", "kind", "message"), NOT_NUMBERS)
def test_strings_objects_and_complex_numbers_are_no_data(
    data: Any, kind: Any, message: str
) -> None:
    with pytest.raises(kind, match=words("weights", message)):
        Value(data, name="weights")
    with pytest.raises(kind, match=message):
        Value(data)
    v = Value([1.0, 2.0])
    with pytest.raises(kind, match=message):
        v.data = data


@pytest.mark.parametrize(("data", "kind", "message"), NOT_NUMBERS)
def test_strings_objects_and_complex_numbers_are_no_operands(
    data: Any, kind: Any, message: str
) -> None:
    v = Value([1.0, 2.0])
    with pytest.raises(kind, match=words("add: operand 2", message)):
        v + data
    first = r"does not become an array" if type(data) is np.ma.MaskedArray else message
    with pytest.raises(kind, match=first):
        data * v
    with pytest.raises(kind, match=words("matmul: operand 2", message)):
        v @ data


def test_a_value_is_not_made_of_a_value() -> None:
    with pytest.raises(TypeError, match=words("'U' of shape", "already", r"\.data")):
        Value(Value(1.0, name="U"))


def test_a_list_of_values_is_stacked() -> None:
    with pytest.raises(TypeError, match=r"autodiff\.array"):
        Value([Value(1.0), Value(2.0)])
    with pytest.raises(TypeError, match=r"autodiff\.array"):
        autodiff.sum([Value(1.0), Value(2.0)])


# backward and gradients.


def test_backward_on_an_array_without_a_seed() -> None:
    y = Value([1.0, 2.0]) * 2.0
    y.name = "y"
    for call in (y.backward, lambda: gradients(y, y)):
        with pytest.raises(ValueError, match=words(r"'y' of shape \(2,\)", "seed", r"sum\(\)")):
            call()


@pytest.mark.parametrize("seed", [1.0, [1.0], [[1.0, 1.0]], [1.0, 2.0, 3.0]])
def test_a_seed_of_the_wrong_shape(seed: Any) -> None:
    y = Value([1.0, 2.0]) * 2.0
    shape = str(np.shape(seed)).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(
        ValueError, match=words(f"seed of shape {shape}", r"a Value of shape \(2,\)")
    ):
        y.backward(seed)
    with pytest.raises(ValueError, match="seed of shape"):
        gradients(y, y, seed)
    with pytest.raises(ValueError, match="seed of shape"):
        vjp(lambda x: x * 2.0, np.ones(2))[1](np.array(seed))


@pytest.mark.parametrize("seed", ["a", 1j, [None, 1.0]])
def test_a_seed_that_is_no_number(seed: Any) -> None:
    with pytest.raises(TypeError, match="seed"):
        (Value([1.0, 2.0]) * 2.0).backward(seed)


def test_gradients_of_and_in_values_only() -> None:
    x = Value(1.0)
    with pytest.raises(TypeError, match=words("gradients are those of a Value", "float")):
        gradients(2.0, x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=words("in Values", r"ndarray of shape \(2,\)")):
        gradients(x * 2.0, [x, np.ones(2)])


def test_an_adjoint_of_another_structure() -> None:
    _, pullback = vjp(lambda x: (x, x * 2.0), 1.0)
    with pytest.raises(ValueError, match=words("adjoint", "structure", "2 entries")):
        pullback(1.0)
    _, pullback = vjp(lambda x: {"a": x, "b": x * 2.0}, 1.0)
    with pytest.raises(ValueError, match=words("structure", "keys", "'a', 'b'")):
        pullback({"a": 1.0, "q": 1.0})


# Assigning and changing in place.


def test_assigning_into_a_value() -> None:
    v = Value([1.0, 2.0], name="v")
    with pytest.raises(
        TypeError, match=words(r"'v' of shape \(2,\)", "where, concatenate or stack")
    ):
        v[0] = 5.0
    with pytest.raises(TypeError, match="cannot be assigned into"):
        (v * 2.0)[:] = 0.0


def change_by_item(x: Any) -> None:
    x[0] = 9.0


def change_by_out(x: Any) -> None:
    np.add(x, 1.0, out=x)


def change_by_copyto(x: Any) -> None:
    np.copyto(x, 0.0)


def change_by_fill(x: Any) -> None:
    x.fill(0.0)


def change_by_sort(x: Any) -> None:
    x.sort()


def change_through_asarray(x: Any) -> None:
    np.asarray(x)[0] = 9.0


def change_through_a_view(x: Any) -> None:
    x.reshape(1, 2)[0] = 9.0


def change_by_at(x: Any) -> None:
    np.add.at(x, 0, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        change_by_item,
        change_by_out,
        change_by_copyto,
        change_by_fill,
        change_by_sort,
        change_through_asarray,
        change_through_a_view,
        change_by_at,
    ],
)
def test_recorded_data_and_gradients_are_not_changed_in_place(change: Callable[..., Any]) -> None:
    v = Value([2.0, 1.0])
    y = v * v
    y.backward([1.0, 1.0])
    for array in (v.data, y.data, v.grad, y.grad):
        with pytest.raises(ValueError, match=r"read-only|assign a new array"):
            change(array)
    np.testing.assert_array_equal(v.data, [2.0, 1.0])
    np.testing.assert_array_equal(gradients(y, v, [1.0, 1.0]), [4.0, 2.0])


def test_an_item_that_is_set_says_what_to_do() -> None:
    v = Value([2.0, 1.0])
    with pytest.raises(ValueError, match=words("in place", r"v\.data = v\.data - step", "copy")):
        v.data[0] = 1.0
    with pytest.raises(ValueError, match=words("in place", r"v\.data = v\.data - step", "copy")):
        np.add(v.data, 1.0, out=v.data)
    changed = v.data.copy()
    changed[0] = 7.0
    np.testing.assert_array_equal(v.data, [2.0, 1.0])


def test_data_of_a_result_are_not_replaced() -> None:
    y = Value([1.0, 2.0]) * 2.0
    with pytest.raises(ValueError, match=words(r"shape \(2,\)", "result of multiply", "leaf")):
        y.data = [1.0, 2.0]


def test_new_data_have_the_old_shape() -> None:
    v = Value([1.0, 2.0], name="b")
    with pytest.raises(ValueError, match=words(r"\(3,\)", r"'b' of shape \(2,\)")):
        v.data = np.ones(3)
    with pytest.raises(ValueError, match=words(r"\(2, 2\)", r"'b' of shape \(2,\)")):
        v.data -= np.ones((2, 2))


def test_a_gradient_has_the_shape_of_its_data() -> None:
    v = Value([1.0, 2.0], name="b")
    with pytest.raises(ValueError, match=words(r"\(3,\)", r"'b' of shape \(2,\)")):
        v.grad = np.ones(3)


# NumPy.


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda v: np.spacing(v), "np.spacing"),
        (lambda v: np.ldexp(v, 2), "np.ldexp"),
        (lambda v: np.unwrap(v), "np.unwrap"),
        (lambda v: np.linalg.qr(v), r"np.linalg\S*qr"),
        (lambda v: np.median(v), "np.median"),
    ],
)
def test_a_numpy_function_without_a_rule(call: Callable[..., Any], name: str) -> None:
    with pytest.raises(TypeError, match=words(name, "no derivative rule")):
        call(Value([1.0, 2.0]))


def test_a_numpy_function_without_a_rule_says_what_to_use() -> None:
    with pytest.raises(TypeError, match=words("np.nextafter", "autodiff.__all__", r"\.data")):
        np.nextafter(Value(1.0), 2.0)
    with pytest.raises(TypeError, match=words("np.median", "autodiff.__all__", r"\.data")):
        np.median(Value([1.0]))


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (lambda v, a: np.add(v, 1.0, out=a), "out"),
        (lambda v, a: np.exp(v, where=np.array([True, False])), "where"),
        (lambda v, a: np.exp(v, dtype=np.float32), "dtype"),
        (lambda v, a: np.sum(v, out=a), "out"),
        (lambda v, a: np.sum(v, where=[True, False]), "where"),
        (lambda v, a: np.mean(v, dtype=float), "dtype"),
        (lambda v, a: np.max(v, initial=0.0), "initial"),
        (lambda v, a: np.concatenate([v, v], out=a), "out"),
        (lambda v, a: np.clip(v, 0.0, 1.0, out=a), "out"),
        (lambda v, a: np.dot(v, v, out=a), "out"),
    ],
)
def test_arguments_that_cannot_be_recorded(call: Callable[..., Any], option: str) -> None:
    with pytest.raises(TypeError, match=words(r"np\.\w+", option)):
        call(Value([1.0, 2.0]), np.zeros(2))


def test_an_array_is_not_changed_by_a_value() -> None:
    x = np.zeros(2)
    with pytest.raises(TypeError, match=words("np.add", "out=", "new Value")):
        x += Value([1.0, 2.0])
    with pytest.raises(TypeError, match=r"\.data"):
        x[:] = Value([1.0, 2.0])


@pytest.mark.parametrize("method", ["reduce", "accumulate", "outer", "at", "reduceat"])
def test_ufunc_methods_without_a_rule(method: str) -> None:
    v = Value([1.0, 2.0])
    args = {"outer": (v, v), "at": (v, 0, 1.0), "reduceat": (v, [0])}.get(method, (v,))
    with pytest.raises(TypeError, match=words(rf"np\.add\.{method}", "no derivative rule", "use")):
        getattr(np.add, method)(*args)


@pytest.mark.parametrize(
    "convert",
    [np.asarray, np.array, lambda v: np.array([v, v]), lambda v: np.float64(v), np.asanyarray],
)
def test_nothing_turns_a_value_into_an_array_unasked(convert: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"'v' of shape \(2,\)"):
        convert(Value([1.0, 2.0], name="v"))


def test_asarray_says_what_is_meant() -> None:
    with pytest.raises(TypeError, match=words("graph", r"\.data", r"autodiff\.array")):
        np.asarray(Value([1.0, 2.0]))


# One number.


@pytest.mark.parametrize("use", [float, bool, lambda v: 1 if v else 0, lambda v: v and 1.0])
def test_float_or_if_on_an_array(use: Callable[..., Any]) -> None:
    with pytest.raises(
        TypeError, match=words("needs one number", r"'v' of shape \(2,\) has 2", r"sum\(\)")
    ):
        use(Value([1.0, 2.0], name="v"))


def test_one_element_is_a_number() -> None:
    assert float(Value([[2.5]])) == 2.5
    assert bool(Value([1.0]))


def test_len_and_iteration_of_a_number() -> None:
    with pytest.raises(TypeError, match=words("'c' of shape", "number", "no length")):
        len(Value(1.0, name="c"))
    with pytest.raises(TypeError, match=words("'c' of shape", "number")):
        list(Value(1.0, name="c"))


# grad.


@pytest.mark.parametrize(
    ("f", "found"),
    [
        (lambda x: x * np.ones(3), r"Value of shape \(3,\)"),
        (lambda x: None, "NoneType"),
        (lambda x: (x, x), "tuple"),
        (lambda x: {"loss": x}, "dict"),
        (lambda x: "loss", "str"),
        (lambda x: np.ones(2), r"ndarray of shape \(2,\)"),
    ],
)
@pytest.mark.parametrize("transform", [grad, value_and_grad])
def test_grad_of_a_function_that_returns_no_number(
    f: Callable[..., Any], found: str, transform: Callable[..., Any]
) -> None:
    f.__name__ = "cost"
    with pytest.raises(TypeError, match=words("cost returned", found, "one number", "sum")):
        transform(f)(2.0)


@pytest.mark.parametrize("argnums", [2, -3, (0, 5)])
def test_argnums_that_name_no_argument(argnums: Any) -> None:
    def cost(a: Any, b: Any) -> Any:
        return a * b

    with pytest.raises(TypeError, match=words("cost", "2 positional arguments", "argnums")):
        grad(cost, argnums)(1.0, 2.0)


def test_arguments_that_are_no_numbers_are_named() -> None:
    with pytest.raises(TypeError, match=words("U", "str")):
        grad(lambda params: params["U"])({"U": "abc"})
    with pytest.raises(TypeError, match=words("rate", "complex")):
        grad(lambda rate: rate)(1j)


# Empty batches.


@pytest.mark.parametrize(
    ("function", "shape", "options"),
    [
        (autodiff.mean, (0,), {}),
        (autodiff.mean, (0, 3), {"axis": 0}),
        (np.mean, (0,), {}),
        (Value.mean, (3, 0), {"axis": 1, "keepdims": True}),
        (autodiff.var, (0,), {}),
    ],
)
def test_an_empty_batch_in_mean(function: Callable[..., Any], shape: Any, options: Any) -> None:
    size = str(shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=words("(mean|var)", f"'losses' of shape {size}", "empty")):
        function(Value(np.zeros(shape), name="losses"), **options)


def test_too_few_elements_for_a_variance() -> None:
    with pytest.raises(ValueError, match=words("var", "1", "ddof=1")):
        autodiff.var(Value([1.0]), ddof=1)


# Not errors.


def test_nan_and_infinity_are_no_errors() -> None:
    v = Value([np.nan, np.inf, -np.inf])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal((v + 1.0).data, [np.nan, np.inf, -np.inf])
        np.testing.assert_array_equal(autodiff.relu(v).data, [np.nan, np.inf, 0.0])
        assert np.isnan(v.sum().data)
        assert np.isnan(v.max().data)
    z = Value([np.nan, 0.0])
    assert np.isnan(autodiff.logistic_cross_entropy(z, [0.0, 1.0]).data[0])


def test_an_empty_sum_is_zero_and_has_a_gradient() -> None:
    v = Value(np.zeros((0, 3)))
    v.sum().backward()
    assert v.grad.shape == (0, 3)
    total = v.sum(axis=0)
    np.testing.assert_array_equal(total.data, np.zeros(3))
    total.backward(np.ones(3))


def test_messages_are_short() -> None:
    with pytest.raises(ValueError, match="do not broadcast") as caught:
        Value(np.ones((1000, 7))) + Value(np.ones((1000, 8)))
    assert len(str(caught.value)) < 250
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "call",
    [
        lambda u: autodiff.tanh(u, u),
        lambda u: autodiff.tanh(np.zeros(2), np.ones(2)),
        lambda u: autodiff.maximum(u, u, u),
        lambda u: autodiff.matmul(u),
        lambda u: autodiff.exp(u, out=np.zeros(2)),
        lambda u: autodiff.exp(np.zeros(2), where=np.array([True, False])),
    ],
)
def test_operands_and_options_that_a_function_does_not_take(call: Any) -> None:
    u = Value([1.0, 2.0])
    with pytest.raises(TypeError, match="operand"):
        call(u)
    np.testing.assert_array_equal(u.data, [1.0, 2.0])


@pytest.mark.parametrize("argnums", ["a", None, 1.0, [0, "b"]])
def test_argnums_that_are_no_integers(argnums: Any) -> None:
    with pytest.raises(TypeError, match="argnums"):
        grad(lambda x: x * x, argnums)


@pytest.mark.parametrize(
    "transform",
    [grad, value_and_grad, jacobian, hessian, hvp, autodiff.compile, autodiff.in_blocks],
)
def test_a_habit_from_other_libraries_is_answered_with_what_is_taken(transform: Any) -> None:
    name = transform.__name__
    with pytest.raises(
        TypeError, match=words(rf"{name} takes \(f, argnums=0", "'argnum'")
    ) as caught:
        transform(lambda x: x * x, argnum=1)
    assert len(str(caught.value)) < 150


def test_grad_of_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="cannot be called"):
        grad(3.0)


@pytest.mark.parametrize("compare", [lambda v: v > np.ones(4), lambda v: np.equal(v, np.ones(4))])
def test_comparing_shapes_that_do_not_fit(compare: Any) -> None:
    with pytest.raises(ValueError, match=words("'v' of shape \\(3,\\)", "\\(4,\\)", "compare")):
        compare(Value(np.ones(3), "v"))


def test_batches_that_do_not_multiply() -> None:
    with pytest.raises(ValueError, match="axes before the last two"):
        Value(np.ones((5, 2, 3))) @ np.ones((4, 3, 2))


def test_targets_out_of_range_are_reported_as_they_are() -> None:
    with pytest.raises(ValueError, match="from 2 to 3"):
        autodiff.logistic_cross_entropy(Value([0.0, 1.0]), [2.0, 3.0])


def test_more_axes_than_the_shape_to_broadcast_to() -> None:
    with pytest.raises(ValueError, match=words("broadcast_to", "2 axes")):
        autodiff.broadcast_to(Value(np.ones((1, 3))), (3,))


def test_a_name_is_a_string() -> None:
    with pytest.raises(TypeError, match="name of a Value is a string"):
        Value(1.0, 2)


def test_options_of_other_libraries_are_answered_with_what_a_value_takes() -> None:
    with pytest.raises(TypeError, match=words("Value takes data and name=, not label=", r"\.name")):
        Value(1.0, label="a")
    with pytest.raises(TypeError, match=words("not requires_grad=", "every Value has")):
        Value(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"not dtype=$"):
        Value(1.0, dtype=np.float32)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian, hvp])
def test_what_is_no_function_or_position_is_refused_before_the_call(transform: Any) -> None:
    with pytest.raises(TypeError, match="float cannot be called"):
        transform(3.0)
    with pytest.raises(TypeError, match="argnums is an integer or several, not 'a'"):
        transform(lambda x: x * x, "a")


def test_a_name_that_the_package_does_not_have() -> None:
    with pytest.raises(AttributeError, match="module 'autodiff' has no attribute 'nothing'"):
        autodiff.nothing  # noqa: B018
