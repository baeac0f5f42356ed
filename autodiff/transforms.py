"""Derivatives of functions: `gradients`, `grad`, `value_and_grad` and `vjp`. They store nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from autodiff.graph import Node, as_seed
from autodiff.tree import leaves, tree_map
from autodiff.value import Value
from autodiff.walk import walk


def gradients(y: Value, xs: Any, seed: Any = None) -> Any:
    """Return the gradients of `y` in the Values `xs`, as plain arrays in the structure of `xs`.

    `xs` is a Value or a nested structure of Values, leaves or not; the gradient is zero in one that
    `y` does not depend on. `seed` is the adjoint of `y`, of its shape; 1 for a number.

    Raises TypeError where `y` or an x is no Value; ValueError for an array without a seed and for
    a seed of another shape.
    """
    if not isinstance(y, Node):
        raise TypeError(f"gradients are those of a Value, not of {described(y)}")
    wanted = leaves(xs)
    for x in wanted:
        if not isinstance(x, Node):
            raise TypeError(f"gradients are taken in Values, not in {described(x)}")
    return collected(xs, walk({y: as_seed(y, seed)}, wanted))


def value_and_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes `f` and its gradient: `(value, gradient)`.

    `argnums` says in which positional argument, or arguments, to differentiate: numbers, arrays or
    nested structures of them. The gradient has the same structure, with plain arrays in it; for a
    tuple of `argnums` it is a tuple. `f` must return one number.

    Raises TypeError where `f` returns anything else or an argument is no structure of numbers.
    """
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    names = parameter_names(f)

    @wraps(f)
    def differentiated(*args: Any, **options: Any) -> tuple[Any, Any]:
        xs: list[Value] = []
        inputs = list(args)
        for i in positions:
            if not -len(args) <= i < len(args):
                raise TypeError(
                    f"{name_of(f)} was called with {len(args)} positional arguments; argnums={i} "
                    "names none of them"
                )
            inputs[i] = as_values(args[i], names[i : i + 1], xs)
        y = f(*inputs, **options)
        if isinstance(y, Node) and (type(y._raw) is float or y._raw.size == 1):
            value, seeds = released(y._raw), {y: as_seed(y, None)}
        elif isinstance(y, (int, float, np.number)):
            warnings.warn(
                f"{name_of(f)} returned a plain number, whose gradient is zero; if it depends on "
                "the arguments, float() or .data took it out of the graph",
                stacklevel=2,
            )
            value, seeds = y, {}
        else:
            raise TypeError(
                f"{name_of(f)} returned {described(y)}; a gradient is that of one number, "
                "such as a sum or a mean"
            )
        del y  # so that the walk can free what it has passed
        adjoints = walk(seeds, xs)
        results = [collected(inputs[i], adjoints) for i in positions]
        return value, tuple(results) if isinstance(argnums, tuple) else results[0]

    return differentiated


def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that computes the gradient of `f`; see `value_and_grad`."""
    both = value_and_grad(f, argnums)

    @wraps(f)
    def gradient(*args: Any, **options: Any) -> Any:
        return both(*args, **options)[1]

    return gradient


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return `f(*args)` and a function from its adjoint to a tuple of those of the arguments.

    Arguments and result are numbers, arrays or nested structures of them; an adjoint has the
    structure and the shapes of what it belongs to.
    """
    names = parameter_names(f)
    xs: list[Value] = []
    inputs = [as_values(x, names[i : i + 1], xs) for i, x in enumerate(args)]
    result = f(*inputs)
    outputs = leaves(result)

    def pullback(adjoint: Any) -> tuple[Any, ...]:
        parts = leaves(adjoint)
        if len(parts) != len(outputs):
            raise ValueError(
                f"the adjoint has {len(parts)} arrays and the result of {name_of(f)} has "
                f"{len(outputs)}; give it the same structure"
            )
        seeds: dict[Node, Any] = {}
        for y, part in zip(outputs, parts):
            if isinstance(y, Node):
                seed = as_seed(y, part)
                seeds[y] = seeds[y] + seed if y in seeds else seed
        adjoints = walk(seeds, xs)
        return tuple([collected(x, adjoints) for x in inputs])

    return tree_map(lambda y, _: released(y._raw) if isinstance(y, Node) else y, result), pullback


def zero_grad(values: Any) -> None:
    """Set the gradient of every Value in a nested structure, such as `params`, back to zero."""
    for value in leaves(values):
        value.zero_grad()


def parameter_names(f: Callable[..., Any]) -> Sequence[str]:
    """Return the names of the parameters of `f`, as far as they can be known."""
    code = getattr(f, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code else ()


def as_values(tree: Any, name: Sequence[str], found: list[Value]) -> Any:
    """Return an argument with Values, named by key or `name`, for its numbers; add to `found`."""
    values = tree_map(Value, tree, *name)
    found += leaves(values)
    return values


def collected(xs: Any, adjoints: Mapping[Node, Any]) -> Any:
    """Return the adjoints of `xs` in their structure; zero for one that has none."""
    return tree_map(
        lambda x, _: released(adjoints[x] if x in adjoints else np.zeros(x.shape, x.dtype)[()]), xs
    )


def released(data: Any) -> Any:
    """Return numbers of the graph as an array, or a NumPy scalar, of the caller's own."""
    return np.float64(data) if type(data) is float else data.copy()


def name_of(f: Callable[..., Any]) -> str:
    """Name a function for an error message."""
    return getattr(f, "__name__", "the function")


def described(x: Any) -> str:
    """Describe a wrong argument or result by its type, with the shape if it has one."""
    shape = getattr(x, "shape", None)
    return type(x).__name__ if shape is None else f"{type(x).__name__} of shape {shape}"
