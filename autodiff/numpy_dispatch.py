"""What NumPy's own functions do when an operand is a Value (NEP 13 and NEP 18)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import functions, primitives
from autodiff.arrays import shape
from autodiff.errors import called
from autodiff.graph import Node, Primitive, record
from autodiff.primitives import MASKS

# By name, so that SciPy's ufuncs are known without importing SciPy.
UFUNCS: dict[str, Primitive] = {
    name: primitive
    for name, primitive in vars(primitives).items()
    if isinstance(primitive, Primitive) and isinstance(getattr(np, name, None), np.ufunc)
} | {
    "absolute": primitives.abs,
    "expit": primitives.sigmoid,
    "log_expit": primitives.log_sigmoid,
}

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    getattr(np, name): getattr(functions, name)
    for name in [
        "sum",
        "mean",
        "max",
        "min",
        "var",
        "where",
        "clip",
        "dot",
        "outer",
        "transpose",
        "swapaxes",
        "reshape",
        "ravel",
        "expand_dims",
        "squeeze",
        "broadcast_to",
        "concatenate",
        "stack",
    ]
} | {
    np.amax: functions.max,
    np.amin: functions.min,
    np.shape: shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.zeros_like: lambda x: np.zeros(x.shape, x.dtype),
    np.ones_like: lambda x: np.ones(x.shape, x.dtype),
}


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """Record what NumPy was asked for, or raise a TypeError that says what to use instead."""
    primitive = UFUNCS.get(ufunc.__name__)
    if primitive and method == "__call__" and not options:
        return (compare if primitive in MASKS else record)(primitive, inputs)
    name = f"np.{ufunc.__name__}" if hasattr(np, ufunc.__name__) else ufunc.__name__
    if method != "__call__":
        raise TypeError(
            f"{name}.{method} has no derivative rule; use a function such as np.sum, or .data"
        )
    if options:
        raise TypeError(
            f"{name}: {', '.join(f'{key}=' for key in options)} cannot be recorded; leave it out "
            "(every result of a Value is a new Value)"
        )
    raise TypeError(f"{name} has no derivative rule; {ADVICE}")


def apply_function(function: Callable[..., Any], args: Any, options: Any) -> Any:
    """As `apply_ufunc`, for NumPy's functions that are no ufuncs."""
    name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
    ours = FUNCTIONS.get(function)
    if ours is None:
        raise TypeError(f"{name} has no derivative rule; {ADVICE}")
    try:
        return ours(*args, **options)
    except TypeError:
        signature = inspect.signature(ours)
        try:
            signature.bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"{name} of a Value takes {signature}: {error}") from None
        raise


ADVICE = (
    "write it with the functions in `autodiff.__all__`, or use .data, "
    "the numbers alone, where no gradient is wanted"
)


def compare(primitive: Primitive, operands: tuple[Any, ...]) -> Any:
    """Return the plain mask of a comparison, which has no derivative; a node where that is kept."""
    if any(isinstance(v, Node) and v.keeps_masks for v in operands):
        return record(primitive, operands)
    inputs = [v._raw if isinstance(v, Node) else v for v in operands]
    inputs = [np.asarray(x) if isinstance(x, (list, tuple)) else x for x in inputs]
    try:
        return primitive.function(*inputs)
    except (ValueError, TypeError) as error:
        names = " and ".join([called(v, i) for i, v in enumerate(operands, 1)])
        raise type(error)(f"{names} do not compare: {error}") from None
