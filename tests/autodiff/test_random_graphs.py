"""Programs that Hypothesis grows: the engine against sums over paths, JAX and PyTorch."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import Step, gradients_over_paths, run
from random_programs import ELEMENTWISE, ENGINE, NUMPY, operations, programs, relaxed

from autodiff import Value, gradients


def by_engine(program: list[Step], leaves: list[Any], seed: Any) -> tuple[Any, list[Any]]:
    values = [Value(x) for x in leaves]
    out = run(program, values, operations(ENGINE))[-1]
    return out.data, gradients(out, values, seed)


def check(got: list[Any], expected: list[Any], tolerance: float) -> None:
    scale = 1 + max(np.max(np.abs(x), initial=0.0) for x in expected)
    for a, b in zip(got, expected):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


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
    nodes = [x for x in run(program, values, operations(ENGINE)) if isinstance(x, Value)]
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
