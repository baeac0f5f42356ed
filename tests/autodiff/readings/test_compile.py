"""Compiled functions: the engine's numbers, for any call, from any thread, nobody else's memory."""

import copy
import gc
import pickle
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_programs import as_function, programs
from samples import PRIMITIVES, SAMPLES

import autodiff
from autodiff import Value, grad, log_softmax, value_and_grad
from autodiff import compile as compiled_form
from autodiff.arguments import leaves
from autodiff.graph import Primitive
from mlp import compiled, engine
from mlp.data import tutorial_problem

UNIT = 2.0**-52
MOST = 16  # programs that are kept, as the docstring of compile says


def assert_close(got: Any, expected: Any, units: float = 4.0) -> None:
    """Compare nested structures, each array to 4 units in the last place of its largest entry."""
    assert type(got) is type(expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
    if isinstance(expected, (dict, list, tuple)):
        for a, b in zip(leaves(got), leaves(expected), strict=True):
            assert_close(a, b, units)
        return
    assert np.shape(got) == np.shape(expected)
    unit = float(np.finfo(np.result_type(expected)).eps)
    finite = np.abs(expected)[np.isfinite(expected)]
    np.testing.assert_allclose(
        got, expected, rtol=0, atol=units * unit * np.max(finite, initial=0.0)
    )


def check(f: Any, *args: Any, argnums: Any = 0) -> Any:
    """Compare three calls, at other numbers each time, with the engine's."""
    ours = compiled_form(f, argnums)
    for k in range(3):
        moved = [moved_by(x, k) for x in args]
        assert_close(ours(*moved), value_and_grad(f, argnums)(*moved))
    return ours


def moved_by(x: Any, k: int) -> Any:
    if isinstance(x, dict):
        return {key: moved_by(v, k) for key, v in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*[moved_by(v, k) for v in x])
    if isinstance(x, (list, tuple)):
        return type(x)([moved_by(v, k) for v in x])
    if isinstance(x, (np.ndarray, float)):
        return x * x.dtype.type(1 + 0.01 * k) if isinstance(x, np.ndarray) else x * (1 + 0.01 * k)
    return x


@given(programs())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_programs(case: Any) -> None:
    f, leaves = as_function(case)

    with np.errstate(all="ignore"):
        check(f, leaves)


@given(programs())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_derivatives_of_random_programs(case: Any) -> None:
    f, leaves = as_function(case)

    def squared_slope(xs: Any) -> Any:
        return sum(autodiff.sum(g * g) for g in grad(f)(xs))

    with np.errstate(all="ignore"):
        check(squared_slope, leaves)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_primitive(name: str) -> None:
    for number, sample in enumerate(SAMPLES[name]):
        rng = np.random.default_rng(number)
        primitive, parameters = PRIMITIVES[name], sample.parameters
        weights = rng.normal(size=np.shape(primitive.function(*sample.operands, **parameters)))

        def f(operands: Any, p: Any = primitive, q: Any = parameters, w: Any = weights) -> Any:
            return autodiff.sum(p(*operands, **q) * w)

        args = [np.asarray(x, float) for x in sample.operands]
        with np.errstate(all="ignore"):
            assert_close(compiled_form(f)(args), value_and_grad(f)(args))


@pytest.mark.parametrize("hidden", [1, 2, 3, 40])
@pytest.mark.parametrize("points", [2, 63, 64, 500, 2048, 2049, 20_000])
def test_the_tutorials_network(points: int, hidden: int) -> None:
    X, t, params = tutorial_problem(points, hidden, 1)
    for labels in (t, t.astype(float), t > 0.5, 0.1 + 0.8 * t):
        for _ in range(2):
            grads, loss = compiled.backprop(X, labels, params)
            expected, expected_loss = engine.backprop(X, labels, params)
            assert_close(grads, expected)
            assert loss == pytest.approx(expected_loss, rel=8 * UNIT)


def test_the_first_call_and_the_source() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    ours = compiled_form(engine.loss)
    assert ours.source == ""
    ours(params, X, t)
    assert "def run(params=missing, X=missing, t=missing, *others):" in ours.source
    assert ours.source.count("tanh(") == 1
    assert ours.source.count("exp(") == 1
    assert ours.source.count("greater_equal(z, ") == 1
    assert ours.source.count("add_reduce(") == 1  # for the loss and both biases
    assert "G = add(" in ours.source
    assert re.search(r"v\d+ = dot\(v\d+, m\d+, m\d+\)", ours.source)  # z_bar times W, a row
    result = 'return loss, {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}'  # none a copy
    assert result in ours.source
    assert ours.__name__ == "loss"


def test_views_of_buffers_are_made_once_with_the_buffers() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    ours = compiled_form(engine.loss)
    ours(params, X, t)
    memory, run = ours.source.split("def run(")
    views = re.findall(r"m\d+(?:\.T|\[None\])", memory.split("return")[1])
    assert len(set(views)) == len(views) >= 3
    assert not re.search(r"m\d+(\.T|\[)", run)


def test_what_is_returned_is_the_callers_own() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    ours = compiled_form(engine.loss)
    first = ours(params, X, t)
    kept = {name: g.copy() for name, g in first[1].items()}
    for g in first[1].values():
        if g.ndim:
            g += 100.0
    second = ours({name: 1.5 * p for name, p in params.items()}, X, t)
    third = ours(params, X, t)
    assert_close(third[1], kept, 0.0)
    assert all(np.all(first[1][name] != kept[name]) for name in ("U", "b", "W"))
    arrays = [g for _, grads in (first, second, third) for g in grads.values() if g.ndim]
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:i])


def test_gradients_that_are_arguments_or_each_other_are_copies() -> None:
    def f(x: Any, w: Any) -> Any:
        return np.sum(x * w) + np.sum(x.T * 3.0)

    ours = compiled_form(f, (0, 1))
    x, w = np.ones((2, 2)), np.full((2, 2), 2.0)
    _, (of_x, of_w) = ours(x, w)
    of_x += 1.0
    of_w += 1.0
    np.testing.assert_array_equal(x, 1.0)
    np.testing.assert_array_equal(w, 2.0)
    _, (g, h) = compiled_form(lambda a, b: np.sum(a + b), (0, 1))(x, w)
    g += 1.0
    np.testing.assert_array_equal(h, 1.0)
    constant = compiled_form(lambda a, b: np.sum(a) + 0.0 * np.sum(b[:0]), (0, 1))
    for _ in range(2):
        _, (g, h) = constant(x, w)
        np.testing.assert_array_equal(g, 1.0)
        np.testing.assert_array_equal(h, 0.0)
        g += 1.0
        h += 1.0


def test_arguments_are_not_changed() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    before = [X.copy(), t.copy(), *[np.copy(p) for p in params.values()]]
    for _ in range(3):
        compiled.backprop(X, t, params)
    for a, b in zip([X, t, *params.values()], before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_call_at_once() -> None:
    X, t, params = tutorial_problem(3000, 8, 0)
    ours = compiled_form(engine.loss)
    scales = np.linspace(0.5, 2.0, 64)
    inputs = [{name: s * p for name, p in params.items()} for s in scales]
    expected = [value_and_grad(engine.loss)(p, X, t) for p in inputs]
    barrier = threading.Barrier(8)

    def work(k: int) -> list[Any]:
        barrier.wait()
        return [(i, ours(inputs[i], X, t)) for i in range(k, 64, 8)]

    with ThreadPoolExecutor(8) as pool:
        for results in pool.map(work, range(8)):
            for i, result in results:
                assert_close(result[1], expected[i][1])


def test_other_shapes_dtypes_and_structures_are_compiled_anew() -> None:
    def f(p: Any, x: Any) -> Any:
        return sum(np.sum(np.tanh(q * x)) for q in (p.values() if isinstance(p, dict) else p))

    ours = compiled_form(f)
    ones = np.ones(3)
    for p, x in (
        ({"a": ones, "b": 2.0}, ones),
        ({"a": ones, "b": 2.0}, 3.0),
        ({"a": ones, "b": ones}, ones),
        ({"a": ones, "c": 2.0}, ones),
        ({"a": np.ones(1), "b": 2.0}, ones),
        ([ones, 2.0], ones),
        ([ones, 2.0, 1.5], ones),
        ((ones, 2.0), ones),
        ({"a": ones.astype(np.float32), "b": 2.0}, ones.astype(np.float32)),
        ({"a": ones, "b": np.float32(2.0)}, ones.astype(np.float32)),
        ({"a": ones, "b": 2}, np.arange(3)),
        ({"a": np.ones((2, 3), order="F"), "b": 2.0}, ones),
        ({"a": ones[::-1], "b": np.array(2.0)}, [1.0, 2.0, 3.0][0]),
    ):
        for _ in range(2):
            assert_close(ours(p, x), value_and_grad(f)(p, x))


def test_only_the_last_shapes_are_kept() -> None:
    traced = []

    def f(x: Any) -> Any:
        traced.append(x.size)
        return np.sum(x * x)

    ours = compiled_form(f)
    for n in range(1, MOST + 3):
        ours(np.ones(n))
    assert len(traced) == MOST + 2
    ours(np.ones(MOST + 2))
    ours(np.ones(3))
    assert len(traced) == MOST + 2
    ours(np.ones(1))
    assert len(traced) == MOST + 3


def test_each_memory_order_has_a_program() -> None:
    traced = []

    def f(x: Any) -> Any:
        traced.append(x.shape)
        return np.sum(x * x)

    ours = compiled_form(f)
    for x in (T3[0], np.asfortranarray(T3[0]), T3[0], np.asfortranarray(T3[0]), T3[:, 0]):
        assert_close(ours(x), value_and_grad(lambda x: np.sum(x * x))(x))
    assert traced == [(3, 4), (3, 4), (2, 4)]


def test_a_function_has_one_name() -> None:
    ours = compiled_form(lambda x: np.sum(np.exp(np.sum(x, axis=0))) * np.sum(np.sin(x)))
    ours(T3[0])
    assert ours.source.count("add_reduce(") > 1
    assert not re.search(r"reduce_\d", ours.source)


class Model:
    w = 3.0

    @partial(compiled_form, argnums=1)
    def loss(self, x: Any) -> Any:
        return self.w * x * x


@compiled_form
def squares(x: Any) -> Any:
    return np.sum(x * x)


def test_a_compiled_function_is_bound_sent_and_copied_as_any_function_is() -> None:
    assert Model().loss(2.0) == (12.0, 12.0)
    assert pickle.loads(pickle.dumps(squares)) is squares
    assert copy.deepcopy({"f": squares})["f"] is squares


class Pair(NamedTuple):
    a: Any
    b: Any


def test_structures_and_argnums() -> None:
    def f(p: Pair, q: Any, r: Any) -> Any:
        return np.sum(p.a * q[0]["u"] * q[1]) + np.sum(p.b) * r

    args = (Pair(np.ones(3), np.ones((2, 2))), ({"u": 2.0 * np.ones(3)}, 1.5), 2.0)
    for argnums in (0, 1, 2, -1, (0,), (2, 0), (0, 1, 2)):
        check(f, *args, argnums=argnums)


def test_arguments_that_are_not_numbers() -> None:
    def f(x: Any, mode: str, n: int, options: Any) -> Any:
        for _ in range(n):
            x = np.tanh(x) if mode == "tanh" else np.exp(x)
        return np.sum(x) if options["flag"] else np.mean(x)

    ours = compiled_form(f)
    x = np.linspace(-1, 1, 5)
    for mode in ("tanh", "exp"):
        for n in (1, 2):
            for flag in (True, False, None):
                for _ in range(2):
                    args = (x, mode, n, {"flag": flag})
                    assert_close(ours(*args), value_and_grad(f)(*args))


@pytest.mark.parametrize(
    ("t", "message"),
    [
        (np.full(500, 2.0), "from 0 to 1"),
        (np.full(500, np.nan), "from 0 to 1"),
        (np.ones((500, 1)), "differ in shape"),
    ],
)
def test_errors_are_those_of_the_engine(t: Any, message: str) -> None:
    X, good, params = tutorial_problem(500, 3, 0)
    ours = compiled_form(engine.loss)
    ours(params, X, good)
    for rows in (500, 400):  # the program of the last call may be for other shapes
        ours(params, X[:rows], good[:rows])
        with pytest.raises(ValueError, match=message):
            ours(params, X, t)
    assert_close(ours(params, X, good), value_and_grad(engine.loss)(params, X, good))


def test_what_a_primitive_expects_of_its_numbers_is_checked_at_each_call() -> None:
    def doubled(x: Any) -> Any:
        if np.max(x) > 10.0:
            raise ValueError("too large")
        return x * 2.0 if np.min(x) < 0.0 else x * 3.0

    primitive = Primitive("doubled", doubled, lambda g, out, x: g * (out / x))
    for first, second in ((1.0, -1.0), (-1.0, 1.0)):
        ours = compiled_form(lambda x: autodiff.sum(primitive(x)))
        for scale in (first, second, 2.0 * first):
            assert ours(scale * np.ones(3))[0] == autodiff.sum(doubled(scale * np.ones(3)))
        with pytest.raises(ValueError, match="too large"):
            ours(np.full(3, 11.0))


def test_values_are_refused() -> None:
    ours = compiled_form(lambda x: np.sum(x * x))
    for x in (Value(np.ones(3)), Value(1.0)):
        for _ in range(2):
            with pytest.raises(TypeError, match="takes numbers, not Value"):
                ours(x)
            ours(np.ones(3))
            ours(1.0)


def test_a_branch_that_depends_on_numbers_is_refused() -> None:
    ours = compiled_form(lambda x: x if x > 0 else -x)
    with pytest.raises(TypeError, match="would freeze"):
        ours(1.0)


def test_scalars_follow_numpy_where_python_would_raise() -> None:
    def f(x: Any, y: Any) -> Any:
        return x / y

    ours = compiled_form(f)
    for y in (2.0, 0.0, 4.0):
        with np.errstate(all="ignore"):
            got, expected = ours(1.0, y), value_and_grad(f)(1.0, y)
        assert got[0] == expected[0]
        assert got[1] == expected[1]
        assert type(got[0]) is type(expected[0]) is np.float64


def test_captured_arrays_are_constants() -> None:
    scale = np.ones(3)
    ours = compiled_form(lambda x: np.sum(x * scale))
    assert ours(np.ones(3))[0] == 3.0
    scale[:] = 2.0
    assert ours(np.ones(3))[0] == 3.0


def test_nothing_is_kept_of_a_call() -> None:
    ours = compiled_form(engine.loss)
    X, t, params = tutorial_problem(500, 3, 0)
    ours(params, X, t)
    gc.collect()
    ours(params, X, t)
    assert gc.collect() == 0


def test_the_arrays_of_the_first_call_are_not_kept() -> None:
    import tracemalloc

    X, t, params = tutorial_problem(100_000, 3, 0)
    autodiff.source(engine.loss, params, X[:2], t[:2])
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        autodiff.source(engine.loss, params, X, t)
        assert tracemalloc.get_traced_memory()[0] < t.nbytes
        ours = compiled_form(engine.loss)
        ours(params, X, t)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert kept < 20 * t.nbytes  # what one step needs at once, and no more


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_program_and_its_buffers_are_freed_without_the_garbage_collector(dtype: Any) -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    given = {name: p.astype(dtype) for name, p in params.items()}
    gc.collect()
    gc.disable()
    try:
        ours = compiled_form(engine.loss)
        for rows in (500, 400, 500):
            ours(given, X[:rows].astype(dtype), t[:rows].astype(dtype))
        assert "pool.append(buffers)" in ours.source
        del ours
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_training_is_the_same() -> None:
    from mlp.training import train

    X, t, params = tutorial_problem(500, 3, 0)
    a = train(compiled.backprop, X, t, params, steps=200)
    b = train(engine.backprop, X, t, params, steps=200)
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-12)


RNG = np.random.default_rng(7)
V = RNG.normal(size=5)
PAIR = RNG.normal(size=2)
T3 = RNG.normal(size=(2, 3, 4))


def views_used_late(x: Any) -> Any:
    y = x * 1.5
    moved = np.transpose(y, (2, 0, 1))
    swapped = np.swapaxes(y, 0, 1)
    z = np.sin(x * 2.0)
    q = z * np.cos(z)
    late = np.sum(np.sin(moved) * np.transpose(q, (2, 0, 1)))
    return late + np.sum(np.cos(swapped) * np.swapaxes(q, 0, 1))


def sums_of_one_array(x: Any) -> Any:
    y = np.tanh(x)
    return np.sum(y) + 3.0 * np.sum(y, axis=0) + np.mean(y, axis=-1) + np.sum(np.exp(x), (0,))


PROGRAMS: dict[str, tuple[Any, Any]] = {
    "views that are used late": (views_used_late, (T3,)),
    "one array summed in several ways": (sums_of_one_array, (V,)),
    "an inner gradient at other numbers": (
        lambda x: np.sum(x * grad(lambda y: np.sum((x * y) ** 2))(np.ones(5))),
        (V,),
    ),
    "an inner gradient of a captured argument": (
        lambda x: grad(lambda y: x * y * y)(3.0) * x,
        (2.0,),
    ),
    "an inner Jacobian": (
        lambda x: np.sum(autodiff.jacobian(lambda y: x * y**2)(np.ones(5))),
        (V,),
    ),
    "the matrix with its transpose": (
        lambda A: np.sum(np.tanh(A + A.T) @ A.T @ A),
        (T3[0, :, :3],),
    ),
    "softmax": (lambda x: np.sum(autodiff.softmax(x) ** 2) + autodiff.logsumexp(x), (V,)),
    "a chain of products of one number": (lambda x: power_of_two(x, 14), (1.0001,)),
    "a long sum": (lambda x: sum(np.sin(x * i) for i in range(600)), (0.3,)),
    "infinity as a constant": (lambda x: np.sum(np.minimum(x, np.inf)), (V,)),
    "a float32 number": (lambda x: x + 0.0, (np.float32(2.0),)),
    "a constant gradient in float32": (lambda x: x * 2.0 + 1.0, (np.float32(2.0),)),
    "a column times a constant": (lambda x: np.sum(np.sin(x[:, None] * PAIR)), (V,)),
    "a constant column": (lambda x: np.sum(np.sin(PAIR[:, None] * x)), (V,)),
    "a product with a constant": (lambda x: np.sum(x[:, None] * PAIR), (V,)),
    "a matrix and a constant": (lambda x: np.sum((x[:, None] @ PAIR[None]) @ PAIR), (V,)),
    "zeros of both signs": (
        lambda x: np.sum(1.0 / (x + 0.0)) - np.sum(1.0 / (x + -0.0)),
        (np.array([-0.0, -0.0]),),
    ),
    "sums of nothing": (
        lambda x: np.sum(np.sin(x[:0])) + np.sum(np.cos(x[:0])) + np.sum(x),
        (V,),
    ),
    "sums of masks": (lambda x: np.sum(x * (np.sum(x > 0) + np.sum(x > 1))), (V,)),
    "a sum over no axis": (lambda x: np.sum(np.exp(np.sum(np.sin(x), axis=()))), (V,)),
    "a sum that keeps its axis": (lambda x: np.sum(x / np.sum(x, axis=0, keepdims=True)), (V,)),
    "a mask as numbers": (lambda x: np.sum((x > 0).astype(float) * x), (V,)),
    "masks that differ": (lambda x: np.sum(np.where((x > 0) ^ (x > 1), x, 0.0)), (V,)),
}


def power_of_two(x: Any, n: int) -> Any:
    for _ in range(n):
        x = x * x
    return x


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_were_wrong_or_slow_once(name: str) -> None:
    f, args = PROGRAMS[name]
    with np.errstate(all="ignore"):
        check(f, *args)


def test_a_transpose_of_an_argument_is_copied() -> None:
    ours = compiled_form(lambda x, w: np.sum(x * np.transpose(w, (2, 0, 1))))
    x = np.ones((4, 2, 3))
    for _ in range(2):
        assert not np.shares_memory(ours(x, T3)[1], T3)


@pytest.mark.parametrize("b", [2.0 * V, 0.5])
@pytest.mark.parametrize(
    "f", [lambda x, b: np.sum(np.sin(x + b)), lambda x, b: np.sum((x + b) ** 3.0)]
)
def test_gradients_stay_as_they_are_at_the_next_call(f: Any, b: Any) -> None:
    """With a number for b, its gradient is the sum of that in x, which is returned too."""
    ours = compiled_form(f, (0, 1))
    _, (of_x, of_b) = ours(V, b)
    kept = of_x.copy()
    assert not np.shares_memory(of_x, of_b)
    ours(3.0 * V, b)
    np.testing.assert_array_equal(of_x, kept)


NUMBERS = [2.0, 2, True, np.float64(2.0), np.int64(2), np.array(2.0), np.array(2)]
NUMBERS += [np.float32(2.0), np.array(2.0, np.float32), np.float16(2.0), np.longdouble(2.0)]


@pytest.mark.parametrize("first", [2.0, np.float32(2.0)])
@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
def test_numbers_of_any_type(first: Any, argnums: Any) -> None:
    """After a program for one type every other gives what the engine does, type included."""

    def f(x: Any, y: Any) -> Any:
        return (x + 1.0) * y * y

    for number in NUMBERS:
        ours = compiled_form(f, argnums)
        for y in (first, number, first):
            assert_close(ours(3.0, y), value_and_grad(f, argnums)(3.0, y))
            assert_close(ours(y, np.float32(3.0)), value_and_grad(f, argnums)(y, np.float32(3.0)))


def test_the_order_of_keys_counts() -> None:
    def f(d: Any) -> Any:
        return sum(i * np.sum(x**2) for i, x in enumerate(d.values()))

    ours = compiled_form(f)
    for d in ({"a": V, "b": 2 * V}, {"b": V, "a": 2 * V}, {"a": V, "b": 2 * V}):
        assert_close(ours(d), value_and_grad(f)(d))


def test_integers_and_floats_are_told_apart_where_they_are_fixed() -> None:
    def f(x: Any, n: Any) -> Any:
        return np.sum(x * (2 if isinstance(n, int) else 3))

    ours = compiled_form(f)
    for n in (1.0, 1, 1.0, np.int64(1), True):
        assert_close(ours(V, n), value_and_grad(f)(V, n))


def test_defaults_keywords_functions_and_slices_among_the_arguments() -> None:
    def f(x: Any, p: Any = 2.0, g: Any = np.tanh, *, n: int = 3) -> Any:
        return np.sum(g(x[:n]) ** p)

    ours = compiled_form(f)
    for _ in range(2):
        assert_close(ours(np.abs(V)), value_and_grad(f)(np.abs(V)))
        assert_close(ours(np.abs(V), 3.0), value_and_grad(f)(np.abs(V), 3.0))
        assert_close(ours(V, 2.0, np.sin), value_and_grad(f)(V, 2.0, np.sin))
        assert_close(ours(V, 2.0, n=2), value_and_grad(f)(V, 2.0, n=2))
    with pytest.raises(TypeError, match="f was called with 0"):
        ours()
    part = compiled_form(lambda x, n: np.sum(x[:n]))
    assert_close(part(V, np.int64(2)), value_and_grad(lambda x: np.sum(x[:2]))(V))


@pytest.mark.parametrize(
    "name", ["type", "len", "pool", "memory", "array", "empty", "number", "args", "run", "float64"]
)
def test_any_name_of_a_parameter(name: str) -> None:
    namespace: dict[str, Any] = {"np": np}
    exec(f"def f({name}, y): return np.sum(np.tanh({name}) * y + 2.0)", namespace)
    check(namespace["f"], V, 1.5)


@pytest.mark.parametrize("wrong", [None, object(), 1j, "text", np.complex128(1j), np.array(1j)])
def test_wrong_arguments_after_a_first_program(wrong: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x * y)

    ours = compiled_form(f)
    ours(V, 2.0)
    with pytest.raises(TypeError):
        ours(V, wrong)
    with pytest.raises(TypeError):
        ours(V * 1j, 2.0)


def test_argnums_that_name_no_argument() -> None:
    for argnums in (2, -3, (0, 5)):
        with pytest.raises(TypeError, match="names none of them"):
            compiled_form(lambda x, y: np.sum(x * y), argnums)(V, V)


def test_within_a_differentiated_function_the_engine_is_used() -> None:
    assert grad(lambda w: compiled_form(lambda x: x * w)(3.0)[0] * w)(2.0) == 12.0


def test_a_captured_value_does_not_let_numbers_decide() -> None:
    base = Value(1.0)
    for f in (lambda x: x if x * base > 0 else -x, lambda x: x if base * x > 0 else -x):
        with pytest.raises(TypeError, match="would freeze"):
            compiled_form(f)(1.0)


LABELS: list[Callable[[Any, Any], Any]] = [
    lambda Z, t: -np.mean(log_softmax(Z)[np.arange(4), t]),
    lambda Z, t: np.sum(Z.T[t] ** 2.0),
    lambda Z, t: np.sum(Z[:, t] * (t + 1)),
    lambda Z, t: np.sum(Z[2:, t - 1, None] ** 2.0),
    lambda Z, t: np.sum(Z[t > 0] ** 2.0),
    lambda Z, t: np.sum(np.eye(3)[t] * Z**2.0),
]


@pytest.mark.parametrize("pick", LABELS)
def test_other_labels_are_other_indices(pick: Callable[[Any, Any], Any]) -> None:
    ours = compiled_form(pick)
    Z = np.random.default_rng(0).normal(size=(4, 3))
    for t in ([0, 2, 1, 1], [2, 2, 2, 0], [-1, 0, 0, 1]):
        for dtype in (np.int64, np.int8):
            got, expected = (f(Z, np.array(t, dtype)) for f in (ours, value_and_grad(pick)))
            np.testing.assert_array_equal(got[0], expected[0])
            np.testing.assert_array_equal(got[1], expected[1])


def test_labels_out_of_range_are_refused_in_a_sentence() -> None:
    ours = compiled_form(LABELS[0])
    ours(np.ones((4, 3)), np.array([0, 1, 2, 0]))
    with pytest.raises(IndexError, match=r"getitem: .*shape \(4, 3\).* out of bounds"):
        ours(np.ones((4, 3)), np.array([0, 1, 3, 0]))


def test_an_index_that_is_differentiated_or_a_float_is_refused() -> None:
    for index in (lambda x: x > 0, lambda x: x):
        with pytest.raises(TypeError, match="an index does not depend on"):
            compiled_form(lambda x, i=index: np.sum(x[i(x)]))(V)
        with pytest.raises(TypeError, match="an index does not depend on"):
            compiled_form(lambda x, y, i=index: np.sum(x[i(y)]))(V, V)


def test_first_calls_at_once() -> None:
    ours = compiled_form(lambda x: np.sum(np.tanh(x) ** 2.0))
    barrier = threading.Barrier(8)

    def work(k: int) -> list[Any]:
        barrier.wait()
        return [(n, ours(np.full(n, 0.5))) for n in (k + 1, 3, k + 20, 64)]

    with ThreadPoolExecutor(8) as pool:
        for results in pool.map(work, range(8)):
            for n, (value, g) in results:
                assert value == pytest.approx(n * np.tanh(0.5) ** 2, rel=1e-13)
                assert g.shape == (n,)


def test_a_further_argument_has_a_name_of_its_own() -> None:
    def f(arg1: Any, *others: Any) -> Any:
        return arg1 * others[0]

    assert compiled_form(f, (0, 1))(2.0, 3.0) == value_and_grad(f, (0, 1))(2.0, 3.0)
