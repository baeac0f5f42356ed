"""Programs that Hypothesis grows: the engine against sums over paths, JAX and PyTorch.

Programs compute with scalars and arrays, use nodes any number of times, and keep away from kinks
and from the ends of domains: where a step would come close, the program goes on without it.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import Step, gradients_over_paths, run
from samples import DEFINITIONS

import autodiff
from autodiff import Value, gradients

SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3), (2, 1)]
MARGIN = 1e-2


def operations(m: Any) -> dict[str, Callable[..., Any]]:
    """Return every operation, in the functions of one library."""
    return {
        "add": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b,
        "power": lambda a, b: a**b,
        "square": lambda a: a**2,
        "negative": lambda a: -a,
        "reciprocal": lambda a: 1.0 / a,
        "maximum": lambda a, b: m.maximum(a, b),
        "minimum": lambda a, b: m.minimum(a, b),
        "where": lambda a, b: m.where(m.asarray(np.arange(3) < 2), a, b),
        "sum": lambda a, axis: m.sum(a, axis),
        "mean": lambda a, axis: m.mean(a, axis),
        "max": lambda a, axis: m.amax(a, axis),
        "min": lambda a, axis: m.amin(a, axis),
        "logsumexp": lambda a, axis: m.logsumexp(a, axis),
        "matmul": lambda a, b: m.matmul(a, b),
        "outer": lambda a, b: m.outer(a, b),
        "reshape": lambda a, shape: a.reshape(shape),
        "transpose": lambda a: a.T,
        "broadcast_to": lambda a, shape: m.broadcast_to(a, shape),
        "getitem": lambda a, index: a[index],
        "stack": lambda a, b: m.stack([a, b], 0),
        "concatenate": lambda a, b: m.concatenate([a, b], 0),
        **{name: getattr(m, name) for name in ELEMENTWISE},
    }


ELEMENTWISE = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "sin",
    "cos",
    "tanh",
    "abs",
    "relu",
    "sigmoid",
    "softplus",
    "log_sigmoid",
]
NUMPY = SimpleNamespace(
    asarray=np.asarray,
    where=np.where,
    stack=np.stack,
    concatenate=np.concatenate,
    amax=np.max,
    amin=np.min,
    logsumexp=lambda x, axis: np.log(np.sum(np.exp(x), axis)),
    **{
        n: DEFINITIONS[n]
        for n in ["maximum", "minimum", "sum", "mean", "matmul", "outer", "broadcast_to"]
    },
    **{n: DEFINITIONS[n] for n in ELEMENTWISE},
)
ENGINE = SimpleNamespace(**vars(autodiff), asarray=np.asarray, amax=autodiff.max, amin=autodiff.min)

DOMAINS: dict[str, Callable[..., float]] = {
    # How far the operands are from a kink or the end of the domain.
    "divide": lambda a, b: np.min(np.abs(b)),
    "reciprocal": lambda a: np.min(np.abs(a)),
    "power": lambda a, b: np.min(a),
    "log": np.min,
    "log1p": lambda a: np.min(a) + 1,
    "sqrt": np.min,
    "abs": lambda a: np.min(np.abs(a)),
    "relu": lambda a: np.min(np.abs(a)),
    "maximum": lambda a, b: np.min(np.abs(a - b)),
    "minimum": lambda a, b: np.min(np.abs(a - b)),
    "max": lambda a, axis: gap(a),
    "min": lambda a, axis: gap(a),
}


def gap(a: Any) -> float:
    return np.min(np.diff(np.sort(np.ravel(a))), initial=np.inf)


def as_function(case: tuple[list[Step], list[Any], Any]) -> tuple[Callable[..., Any], list[Any]]:
    """Return the sum of seed times result as a function of the leaves, and the leaves."""
    program, leaves, seed = case

    def f(xs: Any) -> Any:
        return autodiff.sum(run(program, xs, operations(ENGINE))[-1] * seed)

    return f, [np.asarray(x) for x in leaves]


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Step], list[Any], Any]:
    """Return a program, its leaves and a seed for its last result."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    leaves = [rng.uniform(0.1, 2.0, shape) * rng.choice([-1, 1], shape) for shape in shapes]
    raw = operations(NUMPY)
    program: list[Step] = []
    nodes: list[Any] = list(leaves)
    for _ in range(draw(st.sampled_from([1, 2, 4, 8, 16, 24]))):
        name = draw(st.sampled_from(sorted(raw)))
        count = raw[name].__code__.co_varnames.count("b") if name not in ELEMENTWISE else 0
        # Late nodes are likelier, so that programs are deep and nodes are shared.
        operands = tuple(
            len(nodes) - 1 - draw(st.integers(0, min(2, len(nodes) - 1))) for _ in range(1 + count)
        )
        options = draw(options_of(name, np.shape(nodes[operands[0]])))
        inputs = [nodes[i] for i in operands]
        try:
            with np.errstate(all="ignore"):
                if DOMAINS.get(name, lambda *_, **__: 1.0)(*inputs, **options) < MARGIN:
                    continue
                result = raw[name](*inputs, **options)
        except (ValueError, IndexError):  # shapes that do not fit
            continue
        if not 0 < np.max(np.abs(result), initial=0.0) < 20 or np.size(result) > 24:
            continue
        program.append(Step(name, operands, options))
        nodes.append(result)
    return program, leaves, rng.normal(size=np.shape(nodes[-1]))


def options_of(name: str, shape: tuple[int, ...]) -> st.SearchStrategy[dict[str, Any]]:
    if name in ("sum", "mean", "max", "min", "logsumexp"):
        axes = list(range(-len(shape), len(shape)))
        return st.fixed_dictionaries({"axis": st.sampled_from([tuple(range(len(shape))), *axes])})
    if name == "reshape":
        return st.sampled_from([{"shape": (math.prod(shape),)}, {"shape": (-1, 1)}])
    if name == "broadcast_to":
        return st.sampled_from([{"shape": (2, *shape)}, {"shape": (2, 3)}])
    if name == "getitem":
        options = [
            0,
            -1,
            slice(None, None, -1),
            None,
            (..., 0),
            np.array([0, 0, 1]),
            slice(1, None),
        ]
        return st.sampled_from([{"index": index} for index in options])
    return st.just({})


def by_engine(program: list[Step], leaves: list[Any], seed: Any) -> tuple[Any, list[Any]]:
    values = [Value(x) for x in leaves]
    out = run(program, values, operations(ENGINE))[-1]
    return out.data, gradients(out, values, seed)


def check(got: list[Any], expected: list[Any], tolerance: float) -> None:
    scale = 1 + max(np.max(np.abs(x), initial=0.0) for x in expected)
    for a, b in zip(got, expected):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


relaxed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@relaxed
@given(programs())
def test_engine_is_the_sum_over_paths(drawn: tuple[list[Step], list[Any], Any]) -> None:
    program, leaves, seed = drawn
    raw = operations(NUMPY)
    result, adjoints = by_engine(program, leaves, seed)
    np.testing.assert_allclose(result, run(program, leaves, raw)[-1], rtol=1e-12, atol=1e-12)
    check(adjoints, gradients_over_paths(program, leaves, seed, raw), 1e-10)


@relaxed
@given(programs())
def test_backward_gives_what_gradients_gives(
    drawn: tuple[list[Step], list[Any], Any],
) -> None:
    """Of every node, leaves and results, in the leaves wanted together, alone or not at all."""
    program, leaves, seed = drawn
    values = [Value(x) for x in leaves]
    nodes = run(program, values, operations(ENGINE))
    expected = gradients(nodes[-1], nodes, seed)
    nodes[-1].backward(seed)
    for node, adjoint in zip(nodes, expected):
        np.testing.assert_array_equal(node.grad, adjoint)
        np.testing.assert_array_equal(gradients(nodes[-1], node, seed), adjoint)


@relaxed
@given(programs())
def test_engine_agrees_with_pytorch(drawn: tuple[list[Step], list[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    program, leaves, seed = drawn
    namespace = SimpleNamespace(
        asarray=torch.asarray,
        where=torch.where,
        stack=torch.stack,
        concatenate=torch.concatenate,
        sum=torch.sum,
        mean=torch.mean,
        amax=torch.amax,
        amin=torch.amin,
        logsumexp=torch.logsumexp,
        maximum=torch.maximum,
        minimum=torch.minimum,
        matmul=torch.matmul,
        broadcast_to=torch.broadcast_to,
        outer=lambda a, b: torch.outer(a.ravel(), b.ravel()),
        softplus=lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        log_sigmoid=lambda x: -torch.logaddexp(-x, torch.zeros_like(x)),
        **{n: getattr(torch, n) for n in set(ELEMENTWISE) - {"softplus", "log_sigmoid"}},
    )
    table = operations(namespace)
    table["transpose"] = lambda a: a.permute(tuple(reversed(range(a.ndim))))
    table["getitem"] = lambda a, index: (
        a.flip(0) if isinstance(index, slice) and index.step == -1 else a[index]
    )
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in leaves]
    out = run(program, tensors, table)[-1]
    expected = torch.autograd.grad(
        out, tensors, torch.tensor(seed, dtype=torch.float64), allow_unused=True
    )
    result, adjoints = by_engine(program, leaves, seed)
    np.testing.assert_allclose(result, out.detach(), rtol=1e-12, atol=1e-12)
    zeros = [np.zeros(np.shape(x)) for x in leaves]
    check(adjoints, [z if g is None else g.numpy() for z, g in zip(zeros, expected)], 1e-10)


@settings(relaxed, max_examples=settings.default.max_examples // 10)  # it compiles each step
@given(programs())
def test_engine_agrees_with_jax(drawn: tuple[list[Step], list[Any], Any]) -> None:
    jax = pytest.importorskip("jax")
    program, leaves, seed = drawn
    with jax.enable_x64(True):
        namespace = SimpleNamespace(
            **{
                n: getattr(jax.numpy, n)
                for n in [
                    "asarray",
                    "where",
                    "stack",
                    "concatenate",
                    "sum",
                    "mean",
                    "amax",
                    "amin",
                    "maximum",
                    "minimum",
                    "matmul",
                    "outer",
                    "broadcast_to",
                    "exp",
                    "expm1",
                    "log",
                    "log1p",
                    "sqrt",
                    "sin",
                    "cos",
                    "tanh",
                    "abs",
                ]
            },
            **{
                n: getattr(jax.nn, n)
                for n in ["logsumexp", "relu", "sigmoid", "softplus", "log_sigmoid"]
            },
        )
        table = operations(namespace)
        out, pullback = jax.vjp(
            lambda *xs: run(program, xs, table)[-1], *map(jax.numpy.asarray, leaves)
        )
        expected = [np.asarray(x) for x in pullback(jax.numpy.asarray(seed))]
    result, adjoints = by_engine(program, leaves, seed)
    np.testing.assert_allclose(result, out, rtol=1e-12, atol=1e-12)
    check(adjoints, expected, 1e-10)


def test_the_sum_over_paths_is_right_where_it_can_be_done_by_hand() -> None:
    """b = a + a; c = b * b: four paths from c to a, each 2 a, and dc/da = 8 a."""
    program = [Step("add", (0, 0), {}), Step("multiply", (1, 1), {})]
    (got,) = gradients_over_paths(program, [np.array(3.0)], 1.0, operations(NUMPY))
    assert got == 24.0


def test_programs_use_every_operation_and_many_paths() -> None:
    used: set[str] = set()
    most_paths = 0

    @settings(relaxed, max_examples=300, derandomize=True, database=None)
    @given(programs())
    def collect(drawn: tuple[list[Step], list[Any], Any]) -> None:
        nonlocal most_paths
        program, leaves, _ = drawn
        used.update(step.operation for step in program)
        paths = [1] * len(leaves)
        for step in program:
            paths.append(sum(paths[i] for i in step.operands))
        most_paths = max(most_paths, paths[-1])

    collect()
    assert most_paths >= 32
    assert used == set(operations(NUMPY))
