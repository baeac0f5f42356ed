"""Derivatives of functions: `gradients`, `grad`, `value_and_grad` and `vjp`. They store nothing."""

import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, TypeVar, TypeVarTuple, overload

import numpy as np

from autodiff.arguments import (
    as_positions,
    described,
    filled,
    leaves,
    name_of,
    pairs,
    parameter_names,
    positions_of,
    tree_map,
)
from autodiff.arrays import P, shape
from autodiff.errors import explained
from autodiff.graph import Node, as_seed
from autodiff.primitives import identity
from autodiff.value import Value, enclosing
from autodiff.walk import walk

Scalar = float | np.floating[Any] | Value
A = TypeVar("A")
R = TypeVar("R")
S = TypeVar("S", bound=Scalar)
Ts = TypeVarTuple("Ts")


def gradients(y: Value, xs: Any, seed: Any = None, record: bool = False) -> Any:
    """Return the gradients of `y` with respect to the Values `xs`: arrays in the structure of `xs`.

    `xs` is a Value or a nested structure of Values, leaves or not; the gradient is zero for one
    that `y` does not depend on. `seed` is the adjoint of `y`, of its shape; 1 for a number. With
    `record` the gradients are Values, which can be differentiated again.

    Raises TypeError where `y` or an x is no Value; ValueError for an array without a seed and for
    a seed of another shape.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [float(g) for g in gradients(a * b, [a, b])]
    [3.0, 2.0]
    """
    if not isinstance(y, Node):
        raise TypeError(f"gradients are those of a Value, not of {described(y)}")
    wanted = leaves(xs)
    for x in wanted:
        if not isinstance(x, Node):
            raise TypeError(f"gradients are taken in Values, not in {described(x)}")
    record = record or isinstance(seed, Node)
    return adjoints_in([xs], wanted, {y: as_seed(y, seed)}, record)[0]


@overload
def value_and_grad(
    f: Callable[Concatenate[A, P], S],
) -> Callable[Concatenate[A, P], tuple[S, A]]: ...
@overload
def value_and_grad(f: Callable[P, S], argnums: int) -> Callable[P, tuple[S, Any]]: ...
@overload
def value_and_grad(
    f: Callable[P, S], argnums: Sequence[int]
) -> Callable[P, tuple[S, tuple[Any, ...]]]: ...
@explained
def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes `f` and its gradient: `(value, gradient)`.

    `argnums` is the position of the argument to differentiate with respect to, or several positions
    in a tuple or list. An argument is a number, an array or a nested structure of them, and its
    gradient has the same structure, with plain arrays in it; several gradients are a tuple. `f`
    must return one number. At Values, and inside a function that is being differentiated, value and
    gradient are Values, so that differentiating twice gives derivatives of derivatives.

    Raises TypeError where `f` returns anything else or an argument is no structure of numbers.

    >>> value, gradient = value_and_grad(lambda x: sum(x * x))(np.array([1.0, 2.0]))
    >>> float(value), gradient.tolist()
    (5.0, [2.0, 4.0])
    """
    positions = as_positions(f, argnums)
    several = isinstance(argnums, Sequence)
    names = parameter_names(f)

    @wraps(f)
    def differentiated(*args: Any, **options: Any) -> tuple[Any, Any]:
        y, points, xs, record = traced(f, names, positions, args, options)
        if isinstance(y, Node) and (type(y._raw) is float or y._raw.size == 1):
            value, seeds = y if record else released(y._raw), {y: as_seed(y, None)}
        elif isinstance(y, (int, float, np.number, np.ndarray)) and np.ndim(y) == 0:
            warn_of_constant(f)
            value, seeds = y, {}
        else:
            raise TypeError(
                f"{name_of(f)} returned {described(y)}; a gradient is that of one number, "
                "such as a sum or a mean"
            )
        del y  # so that the walk can free what it has passed
        gradient = adjoints_in(points, xs, seeds, record)
        return value, tuple(gradient) if several else gradient[0]

    return differentiated


@overload
def grad(f: Callable[Concatenate[A, P], Scalar]) -> Callable[Concatenate[A, P], A]: ...
@overload
def grad(f: Callable[P, Scalar], argnums: int) -> Callable[P, Any]: ...
@overload
def grad(f: Callable[P, Scalar], argnums: Sequence[int]) -> Callable[P, tuple[Any, ...]]: ...
@explained
def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes the gradient of `f`; see `value_and_grad`.

    >>> float(grad(lambda x: x**3)(2.0)), float(grad(grad(lambda x: x**3))(2.0))
    (12.0, 12.0)
    >>> grad(lambda p: sum(p["w"] * p["x"]))({"w": np.ones(2), "x": np.ones(2)})["w"].tolist()
    [1.0, 1.0]
    """
    both = value_and_grad(f, argnums)

    @wraps(f)
    def gradient(*args: Any, **options: Any) -> Any:
        return both(*args, **options)[1]

    return gradient


@explained
def vjp(f: Callable[[*Ts], R], *args: *Ts) -> tuple[R, Callable[[R], tuple[*Ts]]]:
    """Return `f(*args)` and its pullback, from its adjoint to a tuple of the arguments'.

    Arguments and result are numbers, arrays or nested structures of them; an adjoint has the
    structure and the shapes of what it belongs to.

    >>> result, pullback = vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> result.tolist(), pullback(np.array([1.0, 10.0]))[0].tolist()
    ([1.0, 4.0], [2.0, 40.0])
    """
    return linearized(f, range(len(args)), args, {})


def zero_grad(values: Any) -> None:
    """Set the gradient of every Value in a nested structure, such as `params`, back to zero.

    >>> params = {"w": Value(3.0)}
    >>> (params["w"] ** 2).backward()
    >>> zero_grad(params)
    >>> float(params["w"].grad)
    0.0
    """
    for value in leaves(values):
        if not isinstance(value, Value):
            raise TypeError(f"zero_grad is for Values, not for {described(value)}")
        value.zero_grad()


def linearized(
    f: Callable[..., Any], positions: Sequence[int], args: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    """Return what `vjp` does, with respect to the arguments at `positions` alone."""
    result, points, xs, record = traced(f, parameter_names(f), positions, args, options)
    results = leaves(result)
    if results and not any(isinstance(y, Node) for y in results):
        warn_of_constant(f)

    def pullback(*given: Any) -> tuple[Any, ...]:
        if len(given) != 1:
            raise TypeError(
                f"the pullback of {name_of(f)} takes one adjoint, in the structure of the result "
                f"(for a tuple of results a tuple), not {len(given)}"
            )
        (adjoint,) = given
        seeds: dict[Node, Any] = {}
        try:
            for y, part in pairs(result, adjoint):
                if isinstance(y, Node):
                    seed = as_seed(y, part)
                    seeds[y] = seeds[y] + seed if y in seeds else seed
        except ValueError as error:
            raise ValueError(
                f"the adjoint does not have the structure of what {name_of(f)} returned: {error}"
            ) from None
        recorded = record or any(isinstance(seed, Node) for seed in seeds.values())
        return tuple(adjoints_in(points, xs, seeds, recorded))

    return result if record else tree_map(value_of, result), pullback


def traced(
    f: Callable[..., Any],
    names: Mapping[int, str],
    positions: Sequence[int],
    args: Sequence[Any],
    options: Mapping[str, Any],
) -> tuple[Any, list[Any], list[Any], bool]:
    """Call `f` with Values, which get `names`, in place of the arguments at `positions`.

    Return the result, those arguments, their Values, and whether the backward pass is to be
    recorded, because somebody may differentiate it.
    """
    inputs = list(args)
    for i in positions_of(f, positions, args):
        inputs[i] = as_values(args[i], names.get(i))
    xs = leaves([inputs[i] for i in positions])  # before f can change its arguments
    record = enclosing.count > 0 or any(x.primitive for x in xs)  # some are made of Values
    return enclosed(f, inputs, options), [args[i] for i in positions], xs, record


def enclosed(f: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call a function that is being differentiated."""
    enclosing.count += 1
    try:
        return f(*args, **options)
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error.__cause__, TypeError) and "setting an array element" in str(error):
            raise error.__cause__ from None  # ours, of a Value assigned into an array of NumPy
        if not isinstance(error, ValueError) and any(map(has_list_of_numbers, args)):
            raise TypeError(
                f"{error}; an argument of {name_of(f)} is a list or a tuple of numbers, "
                "each differentiated alone: wrap it in np.array(...) if it is used as an array"
            ) from error
        raise
    finally:
        enclosing.count -= 1


def has_list_of_numbers(tree: Any) -> bool:
    """Tell whether a list or tuple of numbers alone is in an argument made of Values."""
    if isinstance(tree, dict):
        return any(map(has_list_of_numbers, tree.values()))
    if not isinstance(tree, (list, tuple)) or hasattr(tree, "_fields") or not tree:
        return False
    numbers = all(isinstance(x, Node) and not shape(x) for x in tree)
    return numbers or any(map(has_list_of_numbers, tree))


def as_values(tree: Any, name: str | None) -> Any:
    """Return an argument with Values, named by their keys or by `name`, for its numbers.

    A Value is replaced by another that depends on it, so that what `f` does with its argument is
    told from what it does with the same Value found elsewhere.
    """

    def as_value(x: Any, path: str | None) -> Any:
        if not isinstance(x, Node):
            return Value(x, path or name)
        alias = identity(x)
        alias.name = path or name or x.name
        return alias

    return tree_map(as_value, tree)


def adjoints_in(
    trees: Sequence[Any], xs: Collection[Node], seeds: dict[Node, Any], record: bool
) -> list[Any]:
    """Return the adjoints of `xs`, the leaves of `trees`, in their structure; or as Values.

    `seeds` are the adjoints of the results. What they do not depend on has the adjoint zero.
    """
    if record:
        seeds = {y: as_node(seed, y) for y, seed in seeds.items()}
    adjoints = walk(seeds, xs, record)
    parts = [adjoints[x] if x in adjoints else np.zeros_like(x._raw)[()] for x in xs]
    found = map(as_node, parts, xs) if record else map(released, parts)
    return [filled(tree, found) for tree in trees]


def as_node(seed: Any, y: Node) -> Any:
    """Return an adjoint that is recorded with: a Value of the kind of `y`."""
    kind: Any = type(y)
    return seed if isinstance(seed, Node) else kind(seed)


def warn_of_constant(f: Callable[..., Any]) -> None:
    """Warn of a result without a graph, which may have lost it, in the line of the user."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "autodiff":
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"{name_of(f)} returned plain numbers, whose gradient is zero; if they depend on the "
        "arguments, .data or an array took them out of the graph",
        stacklevel=level,
    )


def released(data: Any) -> Any:
    """Return numbers of the graph as an array, or a NumPy scalar, of the caller's own."""
    return np.float64(data) if type(data) is float else data.copy()


def value_of(y: Any, path: Any) -> Any:
    """Return the numbers of a result of a differentiated function."""
    return released(y._raw) if isinstance(y, Node) else y
