"""The code that is written for a function: what it says, that it runs, and that it is exact."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import as_function, programs
from samples import PRIMITIVES, SAMPLES

import autodiff
from autodiff import Value, grad, log_softmax, source, value_and_grad
from autodiff.readings.notation import Identifiers
from mlp import by_hand, engine
from mlp.data import tutorial_problem


def executed(text: str) -> Any:
    """Return the function that a module defines last."""
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    return namespace[ast.parse(text).body[-1].name]


def function_of(text: str) -> str:
    """Return the code of the function that a module defines last."""
    return ast.get_source_segment(text, ast.parse(text).body[-1]) or ""


def assert_equal(got: Any, expected: Any) -> None:
    """Compare nested structures to the last bit."""
    assert type(got) is type(expected) or np.ndim(got) == 0
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        got, expected = list(got.values()), list(expected.values())
    if isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            assert_equal(a, b)
    else:
        assert np.shape(got) == np.shape(expected)
        assert np.result_type(got) == np.result_type(expected)
        np.testing.assert_array_equal(got, expected)


def check(f: Any, *args: Any, argnums: Any = 0) -> str:
    """Return the code of `f`, which must give what the engine gives and change nothing."""
    text = source(f, *args, argnums=argnums)
    written = executed(text)
    assert_equal(written(*args), value_and_grad(f, argnums)(*args))
    assert_equal(written(*args), value_and_grad(f, argnums)(*args))
    return text


def backward_lines(text: str) -> list[str]:
    lines = text.split("# Backward.\n")[1].split("\n\n")[0].splitlines()
    return [line.strip() for line in lines if not line.strip().startswith("#")]


TUTORIAL = """
    # Forward.
    G = matmul(X, U.T) + b
    H = np.tanh(G)
    z = H @ W + c
    loss = np.mean(logistic_cross_entropy(z, t))

    # Backward.
    # loss = np.mean(logistic_cross_entropy(z, t))
    z_bar = 1 / 500 * logistic_residual(z, t)
    # z = H @ W + c
    W_bar = H.T @ z_bar
    c_bar = np.sum(z_bar)
    H_bar = outer(z_bar, W)
    # H = np.tanh(G)
    G_bar = H_bar * (1 - H * H)
    # G = matmul(X, U.T) + b
    U_bar = G_bar.T @ X
    b_bar = np.sum(G_bar, axis=0)

    gradient = {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}
    return loss, gradient"""


def loss(params: Any, X: Any, t: Any) -> Any:
    G = X @ params["U"].T + params["b"]
    H = np.tanh(G)
    z = H @ params["W"] + params["c"]
    return np.mean(autodiff.logistic_cross_entropy(z, t))


def test_the_tutorials_network_gives_the_tutorials_equations() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    for f in (loss, engine.loss):
        text = check(f, params, X, t)
        assert function_of(text).endswith(TUTORIAL)


def test_by_hand_reads_as_what_is_written() -> None:
    """Line by line, but for N, y - t, and the outer product, which are written out here."""
    X, t, params = tutorial_problem(500, 3, 0)
    written = "\n".join(backward_lines(source(loss, params, X, t)))
    for ours, tutorials in (
        ("1 / 500", "(1 / N)"),
        ("logistic_residual(z, t)", "(y - t)"),
        ("outer(", "np.outer("),
    ):
        written = written.replace(ours, tutorials)
    lines = inspect.getsource(by_hand.backward).splitlines()
    assert written.splitlines() == [line.strip() for line in lines if "_bar = " in line]


@pytest.mark.parametrize("hidden", [1, 2, 5, 40])
@pytest.mark.parametrize("points", [1, 2, 30, 5000])
def test_other_sizes_are_exact_too(points: int, hidden: int) -> None:
    X, t, params = tutorial_problem(max(points, 2), hidden, 1)
    check(loss, params, X[:points], t[:points])


@given(programs())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_programs_are_exact(case: Any) -> None:
    f, leaves = as_function(case)

    with np.errstate(all="ignore"):
        check(f, leaves)


@given(programs())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_derivatives_of_random_programs_are_exact(case: Any) -> None:
    f, leaves = as_function(case)

    def squared_slope(xs: Any) -> Any:
        return sum(autodiff.sum(g * g) for g in grad(f)(xs))

    with np.errstate(all="ignore"):
        check(squared_slope, leaves)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_primitive_is_exact(name: str) -> None:
    for number, sample in enumerate(SAMPLES[name]):
        rng = np.random.default_rng(number)
        primitive, parameters = PRIMITIVES[name], sample.parameters
        weights = rng.normal(size=np.shape(primitive.function(*sample.operands, **parameters)))

        def f(operands: Any, p: Any = primitive, q: Any = parameters, w: Any = weights) -> Any:
            return autodiff.sum(p(*operands, **q) * w)

        with np.errstate(all="ignore"):
            check(f, [np.asarray(x, float) for x in sample.operands])


def formatted_and_clean(texts: list[str], folder: Path) -> None:
    for number, text in enumerate(texts):
        (folder / f"written{number}.py").write_text(text, encoding="utf-8")
    for command in (["format", "--diff"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr


def test_what_is_written_is_formatted_and_clean(tmp_path: Path) -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    texts = [source(loss, params, X, t), source(hostile, HOSTILE, 3), source(deep, LAYERS, POINTS)]

    @given(programs())
    @settings(
        max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    def grow(case: Any) -> None:
        f, leaves = as_function(case)

        with np.errstate(all="ignore"):
            texts.append(source(f, leaves))

    grow()
    formatted_and_clean(texts, tmp_path)


HOSTILE = {
    "checked": 1.25,
    "sigmoid": 0.75,
    "x'];import os#": np.ones(3),
    "import": 2.0 * np.ones(3),
    "__class__": 3.0,
    'quote"': 1.0,
    "line\nbreak\\": np.array([1.0, -1.0, 2.0]),
    "l": 0.5,
    "np": 1.5,
    "sum": np.ones(1),
    "ünïcode ": 2.0,
    7: 1.0,
    "a_very_long_name_for_an_array_that_goes_on_and_on_and_on_and_on": np.ones(3),
}


def hostile(d: Any, n: Any) -> Any:
    l = d["x'];import os#"] * d["import"] ** n + d["__class__"] * d['quote"']  # noqa: E741
    lambda_ = np.maximum(l * d["line\nbreak\\"], 0.0) * d["l"] * d["np"] + d["sum"]
    sigmoid = autodiff.sigmoid(d["checked"] * d["sigmoid"])
    outer = np.outer(lambda_, d["import"])
    return np.sum(lambda_ * d["ünïcode "] * d[7]) * np.mean(d[list(d)[-1]]) * sigmoid + outer[0, 0]


def test_names_never_become_code() -> None:
    text = check(hostile, HOSTILE, 3)
    tree = ast.parse(text)
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [alias.name for node in imports for alias in node.names] == ["numpy"]

    def named(x: Any) -> Any:
        y = x * 2.0
        y.name = 'v"; raise SystemExit("hostile")  #'
        return y * y

    check(named, 2.0)
    named.__name__ = "f(): raise SystemExit  #"
    check(named, 2.0)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4, unique=True))
@settings(max_examples=60, deadline=None)
def test_any_key_is_only_a_key(keys: list[str]) -> None:
    params = {key: float(i + 1) for i, key in enumerate(keys)}

    def f(params: Any) -> Any:
        total = 1.0
        for x in params.values():
            total = total * x
        return total

    check(f, params)


def test_keys_that_are_no_names_are_refused() -> None:
    class Key:
        def __repr__(self) -> str:
            return "__import__('os')"

    with pytest.raises(TypeError, match="keys of p are strings or integers"):
        source(lambda p: sum(p.values()), {Key(): 1.0})


RNG = np.random.default_rng(0)
LAYERS = [
    (RNG.normal(size=(4, 5)), RNG.normal(size=5)),
    (RNG.normal(size=(5, 3)), np.zeros(3)),
]
POINTS = RNG.normal(size=(6, 4))
LABELS = np.array([0, 1, 2, 0, 1, 2])


def dense(x: Any, W: Any, b: Any) -> Any:
    inside = x @ W + b
    return inside


def deep(layers: Any, x: Any) -> Any:
    h = x
    for W, b in layers:
        h = np.tanh(dense(h, W, b))
    chosen = autodiff.log_softmax(h)[np.arange(6), LABELS]
    return -np.mean(chosen)


def test_names_are_those_of_the_readers_code() -> None:
    text = check(deep, LAYERS, POINTS)
    for line in (
        'W_1 = checked(layers[0][0], (4, 5), "layers[0][0]")',
        'b_2 = checked(layers[1][1], (3,), "layers[1][1]")',
        "inside_1 = x @ W_1 + b_1",
        "h_1 = np.tanh(inside_1)",
        "h_2 = np.tanh(inside_2)",
        "loss = -np.mean(chosen)",
        "chosen_bar = np.broadcast_to(-1 / 6, (6,))",
        "W_2_bar = h_1.T @ inside_2_bar",
        "gradient = [(W_1_bar, b_1_bar), (W_2_bar, b_2_bar)]",
    ):
        assert f"    {line}\n" in text, text
    assert "[np.arange(6), INDEX]" in text


def test_an_explicit_name_wins() -> None:
    def f(x: Any) -> Any:
        y = np.exp(x)
        y.name = "growth"
        return y * y

    assert "growth_bar = " in check(f, 1.0)


def test_the_outer_name_wins() -> None:
    def f(x: Any, W: Any, b: Any) -> Any:
        outside = dense(x, W, b)
        return np.sum(outside * outside)

    text = check(f, POINTS, *LAYERS[0], argnums=(1, 2))
    assert "outside = x @ W + b" in text
    assert "inside" not in text


class Pair(NamedTuple):
    a: Any
    b: Any


def test_structures_of_arguments_and_several_argnums() -> None:
    def f(p: Pair, q: Any, r: Any) -> Any:
        return np.sum(p.a * q[0]["u"] * q[1]) + np.sum(p.b) * r

    args = (Pair(np.ones(3), np.ones((2, 2))), ({"u": 2.0 * np.ones(3)}, 1.5), 2.0)
    for argnums in (0, 1, 2, -1, (0,), (2, 0), (0, 1, 2)):
        check(f, *args, argnums=argnums)


def test_what_is_returned_is_the_callers_own() -> None:
    def f(x: Any, w: Any) -> Any:
        return np.sum(x * w) + np.sum(x.T * 3.0)

    x, w = np.ones((2, 2)), np.ones((2, 2))
    written = executed(source(f, x, w, argnums=(0, 1)))
    _, (of_x, of_w) = written(x, w)
    of_w += 1.0
    of_x += 1.0
    np.testing.assert_array_equal(x, 1.0)
    np.testing.assert_array_equal(w, 1.0)
    _, (g, h) = executed(source(lambda a, b: np.sum(a + b), x, w, argnums=(0, 1)))(x, w)
    g += 1.0
    np.testing.assert_array_equal(h, 1.0)


def test_gradients_that_are_constant_or_zero() -> None:
    check(lambda x, y: 3.0 * x + 0.0 * np.sum(y[:0]), 2.0, np.ones(3), argnums=(0, 1))
    check(lambda x, y: np.sum(x), np.ones(3), np.ones((2, 1)), argnums=(0, 1))
    check(lambda x: x, 2.0)


def test_nothing_is_computed_twice() -> None:
    text = check(lambda x: np.sum(np.tanh(x)) * np.sum(np.tanh(x)), np.ones(3))
    assert sum("np.tanh(" in line.split("#")[0] for line in text.splitlines()) == 1


def test_float32_is_kept() -> None:
    x = np.linspace(-1, 1, 5, dtype=np.float32)

    def f(x: Any, s: Any, w: Any) -> Any:
        return np.sum(np.tanh(x * s) * x) + np.sum(w * x)

    text = check(f, x, 1.5, np.linspace(0, 1, 5), argnums=(0, 1, 2))
    assert "np.float32" in text


def test_other_shapes_are_refused() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    written = executed(source(loss, params, X, t))
    with pytest.raises(ValueError, match=r"X has shape \(499, 2\); this code is for \(500, 2\)"):
        written(params, X[1:], t)
    with pytest.raises(ValueError, match=r"params\[\"b\"\] has shape"):
        written({**params, "b": np.ones(4)}, X, t)


def test_arguments_that_are_no_numbers_are_checked() -> None:
    def f(x: Any, mode: str, n: int, flag: bool, nothing: Any) -> Any:
        for _ in range(n):
            x = np.tanh(x) if mode == "tanh" else np.exp(x)
        return np.sum(x) if flag else np.mean(x)

    args = (np.ones(3), 'ta"nh', 2, True, None)
    written = executed(check(f, *args))
    for changed in (("exp", 2, True, None), ('ta"nh', 3, True, None), ('ta"nh', 2, False, 1)):
        with pytest.raises(ValueError, match="this code is for"):
            written(args[0], *changed)


def test_arrays_found_elsewhere_are_constants() -> None:
    mask, shift = np.array([True, False, True]), np.linspace(0, 1, 40).reshape(4, 10)
    base = Value(np.array([1.0, np.inf, -2.0]), name="base")

    def f(x: Any) -> Any:
        return np.sum(np.where(mask, x, -x)) + np.sum(x[0] * shift) + np.sum(base[::2] * x[::2])

    text = check(f, np.ones(3))
    assert "BASE = np.array([1.0, np.inf, -2.0])" in text
    with pytest.raises(ValueError, match="make it an argument"):
        source(lambda x: np.sum(x * np.ones(20_000)), np.ones(20_000))


@pytest.mark.parametrize(
    ("f", "use"),
    [
        (lambda x: x if x > 0 else -x, "condition"),
        (lambda x: x * float(x), r"float\(\)"),
        (lambda x: x * x.data, r"\.data"),
        (lambda x: x * (1.0 if x == 1.0 and x > 0 else 2.0), "condition"),
    ],
)
def test_what_is_decided_by_the_numbers_is_refused(f: Any, use: str) -> None:
    with pytest.raises(TypeError, match=use + ".*would freeze"):
        source(f, 1.0)


def test_a_number_that_was_given_is_not_given_again() -> None:
    identifiers = Identifiers(["u1"])
    given = [identifiers.numbered("u"), identifiers.new("u2"), identifiers.numbered("u")]
    assert given == ["u2", "u2_2", "u3"]


def test_a_traced_value_becomes_float64_or_float32_alone() -> None:
    with pytest.raises(TypeError, match="becomes float64 or float32, not int64"):
        source(lambda x: np.sum((x > 0).astype(np.int64) * x + x.astype(np.int64)), np.ones(3))


def test_labels_are_an_index_by_their_name() -> None:
    def loss(Z: Any, t: Any) -> Any:
        return -np.sum(log_softmax(Z)[np.arange(5), t]) + np.sum(Z[2 * t - 1] ** 2.0)

    Z = np.random.default_rng(0).normal(size=(5, 3))
    t = np.array([0, 2, 1, 1, 0])
    text = check(loss, Z, t)
    assert "[np.arange(5), t]" in text
    assert_equal(executed(text)(Z, t[::-1]), value_and_grad(loss)(Z, t[::-1]))


def test_labels_that_become_an_array_are_those_of_the_code() -> None:
    def loss(Z: Any, t: Any) -> Any:
        return np.sum(Z * np.eye(3)[t])

    t = np.array([0, 2, 1])
    written = executed(check(loss, np.ones((3, 3)), t))
    with pytest.raises(ValueError, match="for other numbers in t"):
        written(np.ones((3, 3)), t[::-1])


def test_an_index_of_no_axes_is_written() -> None:
    assert "    v1 = x[()]\n" in source(lambda x: np.sum(x[()] * x), np.ones(3))


def test_a_call_needs_no_brackets() -> None:
    text = source(lambda W, x: np.sum(np.sin(W).T @ x), np.ones((3, 2)), np.ones(3))
    assert "np.sum(np.sin(W).T @ x)" in text


def test_a_traced_value_shows_no_numbers() -> None:
    shown = []
    source(lambda w: shown.append((repr(w), repr(w * 2.0))) or w.sum(), np.full(3, 0.25))
    assert shown == [("Value(numbers of shape (3,), name='w')", "Value(numbers of shape (3,))")]


def test_what_is_no_function_and_what_is_no_position() -> None:
    function: Any = 3
    with pytest.raises(TypeError, match="int cannot be called"):
        source(function, 1.0)
    position: Any = "a"
    with pytest.raises(TypeError, match="argnums is an integer or several, not 'a'"):
        source(lambda x: x, 1.0, argnums=position)


def test_functions_of_no_number_are_refused() -> None:
    with pytest.raises(TypeError, match=r"returned Value of shape \(3,\)"):
        source(lambda x: x * 2.0, np.ones(3))
    with pytest.raises(TypeError, match="depends on the arguments"):
        source(lambda x: 3.0, 1.0)


def test_a_tracer_that_was_there_before_is_there_afterwards() -> None:
    def tracer(*_: Any) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        source(lambda x: x * x, 2.0)
        with pytest.raises(TypeError):
            source(lambda x: float(x), 2.0)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_long_programs_do_not_nest() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for i in range(3000):
            total = total + np.tanh(x * float(i))
        return total

    check(f, 0.3)


def test_number_by_number_is_exact() -> None:
    def f(u: Any, v: Any, x: Any, t: Any) -> Any:
        total = 0.0
        for i in range(len(x)):
            total = total + autodiff.logistic_cross_entropy(v * autodiff.tanh(u * x[i]), t[i])
        return total / len(x)

    check(f, 0.4, -1.2, [0.5, -1.0, 2.0], [1.0, 0.0, 1.0], argnums=(0, 1))


@pytest.mark.parametrize("name", ["np", "checked", "sigmoid", "outer", "gradient", "loss"])
def test_any_name_of_a_parameter(name: str) -> None:
    namespace: dict[str, Any] = {"total": np.sum, "sig": autodiff.sigmoid}
    exec(f"def f({name}, y): return total(sig({name}) * y + 2.0)", namespace)
    check(namespace["f"], np.ones(3), 1.5)


def test_what_is_fixed_is_checked_wherever_it_is() -> None:
    def f(x: Any, options: Any, labels: Any) -> Any:
        return np.sum(x[labels[0]] * (2.0 if options["flag"] else 3.0))

    written = executed(check(f, np.ones((3, 2)), {"flag": True}, [1, 0]))
    for wrong in (({"flag": False}, [1, 0]), ({"flag": True}, [0, 0])):
        with pytest.raises(ValueError, match="this code is for"):
            written(np.ones((3, 2)), *wrong)


def test_inner_gradients_at_other_numbers() -> None:
    check(lambda x: grad(lambda y: x * y * y)(3.0) * x, 2.0)


def test_strided_arguments_are_packed_as_in_the_engine() -> None:
    rng = np.random.default_rng(1)
    for seed in range(20):
        a = np.repeat(rng.normal(size=(16, 2)), 2, axis=0)[::2]
        check(lambda a, b: np.sum(np.sin(a @ b * 0.3)), a, rng.normal(size=(2, 1)), argnums=(0, 1))
        assert not a.flags.c_contiguous, seed


def test_float32_numbers() -> None:
    check(lambda x, y: np.sum(x * np.ones(3) * y), np.float32(2), 2.0, argnums=(0, 1))
    check(lambda x: x + 0.0, np.float32(2))


def test_argnums_that_name_no_argument() -> None:
    with pytest.raises(TypeError, match="names none of them"):
        source(lambda x: x, 1.0, argnums=1)
    with pytest.raises(TypeError, match="names none of them"):
        source(lambda: 1.0)


def test_many_operands_and_parameters_are_spread_over_lines(tmp_path: Path) -> None:
    many = [np.full(2, float(i)) for i in range(30)]
    texts = [source(lambda xs: np.sum(np.tanh(np.concatenate(xs))), many)]
    names = ", ".join(f"a_rather_long_name_{i}" for i in range(8))
    namespace: dict[str, Any] = {}
    exec(f"def f({names}): return a_rather_long_name_0 * a_rather_long_name_7", namespace)
    texts.append(source(namespace["f"], *map(float, range(8))))
    formatted_and_clean(texts, tmp_path)


def test_the_negative_of_a_spread_array_keeps_its_memory_order() -> None:
    """Spread and negated it lies row by row; the difference with an array by columns does too."""
    rng = np.random.default_rng(0)

    def f(x: Any, y: Any) -> Any:
        by_columns = np.outer(x, y)
        return np.sum(np.exp(by_columns + -np.broadcast_to(y, (60, 3))), axis=0) @ y

    for _ in range(10):
        check(f, rng.normal(size=60), rng.normal(size=3), argnums=(0, 1))


@pytest.mark.parametrize("key", ["𐧀", "²", "a b", "1", "class", "é", "_", ""])
def test_any_key_is_written_as_an_identifier(key: str) -> None:
    """The first is a numeral: alphanumeric, and yet not allowed in identifiers."""
    text = source(lambda p: np.sum(p[key] * 2.0) ** 2, {key: np.ones(3)})
    namespace: dict[str, Any] = {}
    exec(compile(text, "written", "exec"), namespace)
    _, gradient = namespace["f_and_gradient"]({key: np.ones(3)})
    np.testing.assert_array_equal(gradient[key], np.full(3, 24.0))
