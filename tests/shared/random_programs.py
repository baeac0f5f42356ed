"""Programs that Hypothesis grows, in the functions of any library.

Programs compute with scalars and arrays, variable and constant, use nodes any number of times, and
keep away from kinks and from the ends of domains: where a step would come close, the program goes
on without it.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from oracles import Step, run
from samples import DEFINITIONS

import autodiff

SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3), (2, 1)]
CONSTANTS: list[tuple[int, ...]] = [(), (2,), (3,), (2, 1)]
TAKE_CONSTANTS = ["add", "multiply", "divide", "power", "maximum", "matmul", "spread", "spread"]
MARGIN = 1e-2


def operations(m: Any) -> dict[str, Callable[..., Any]]:
    """Return every operation, in the functions of one library."""
    return {
        "constant": lambda data: m.asarray(data),
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
        "spread": lambda a, b: a[..., None] * b,
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
    """Return a program, its leaves and a seed for its last result.

    A constant has one reader, the step after it, whose other operand depends on a leaf.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(shape: tuple[int, ...]) -> Any:
        return rng.uniform(0.1, 2.0, shape) * rng.choice([-1, 1], shape)

    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    leaves = [numbers(shape) for shape in shapes]
    raw = operations(NUMPY)
    names = sorted(raw.keys() - {"constant"})
    program: list[Step] = []
    nodes: list[Any] = list(leaves)
    variable = list(range(len(leaves)))
    for _ in range(draw(st.sampled_from([1, 2, 4, 8, 16, 32]))):
        with_constant = draw(st.sampled_from([False, False, False, True]))
        name = draw(st.sampled_from(TAKE_CONSTANTS if with_constant else names))
        count = raw[name].__code__.co_varnames.count("b") if name not in ELEMENTWISE else 0
        # Late nodes are likelier, so that programs are deep and nodes are shared.
        operands = [
            variable[-1 - draw(st.integers(0, min(2, len(variable) - 1)))] for _ in range(1 + count)
        ]
        steps, inputs = [], [nodes[i] for i in operands]
        if with_constant:
            position = draw(st.integers(0, 1))
            operands[position] = len(nodes)
            inputs[position] = numbers(draw(st.sampled_from(CONSTANTS)))
            steps.append(Step("constant", (), {"data": inputs[position]}))
        options = draw(options_of(name, np.shape(inputs[0])))
        try:
            with np.errstate(all="ignore"):
                if DOMAINS.get(name, lambda *_, **__: 1.0)(*inputs, **options) < MARGIN:
                    continue
                result = raw[name](*inputs, **options)
        except (ValueError, IndexError):  # shapes that do not fit
            continue
        if not 0 < np.max(np.abs(result), initial=0.0) < 20 or np.size(result) > 24:
            continue
        steps.append(Step(name, tuple(operands), options))
        program += steps
        nodes += [step.options["data"] for step in steps[:-1]] + [result]
        variable.append(len(nodes) - 1)
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
            (slice(None), None),
            (..., 0),
            np.array([0, 0, 1]),
            slice(1, None),
        ]
        return st.sampled_from([{"index": index} for index in options])
    return st.just({})


relaxed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
