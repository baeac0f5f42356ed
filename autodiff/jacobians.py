"""Derivatives of second order and of several results, composed of backward passes alone."""

import builtins
import math
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import count, islice
from typing import Any, Concatenate, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from autodiff.arguments import as_positions, filled, leaves, name_of, pairs, tree_map
from autodiff.arrays import Array, P, shape
from autodiff.errors import explained
from autodiff.functions import reshape, stack, sum
from autodiff.graph import Node
from autodiff.transforms import A, R, Scalar, Ts, grad, gradients, linearized, vjp
from autodiff.value import Value

D = TypeVar("D", bound=np.generic)


@overload
def jvp(f: Callable[[*Ts], R], args: tuple[*Ts], tangents: tuple[*Ts]) -> tuple[R, R]: ...
@overload
def jvp(f: Callable[..., R], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[R, R]: ...
@explained
def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return `f(*args)` and its derivative along `tangents`, in the structure of the result.

    `tangents` have the structure and the shapes of `args`. The pullback of `f` is linear in the
    adjoint that it is given; the derivative of its product with `tangents` in that adjoint is what
    is asked for.

    >>> result, along = jvp(lambda x: x * x, [np.array([1.0, 2.0])], [np.array([1.0, 10.0])])
    >>> along.tolist()
    [2.0, 40.0]
    """
    if not isinstance(args, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            f"jvp takes the arguments of {name_of(f)} and their tangents as two tuples, of one "
            f"entry each for a function of one argument: jvp({name_of(f)}, (x,), (v,))"
        )
    result, pullback = vjp(f, *args)
    adjoint = tree_map(lambda y, _: Value(np.zeros_like(getattr(y, "_raw", y))), result)
    along = inner(pullback(adjoint), tuple(tangents), "tangents and args")
    record = any(isinstance(x, Node) for x in leaves([result, tangents]))
    if not isinstance(along, Node):  # no number of the result depends on args
        along = Value(along)
    return result, gradients(along, adjoint, record=record)


@overload
def hvp(f: Callable[Concatenate[A, P], Scalar]) -> Callable[..., A]: ...
@overload
def hvp(f: Callable[..., Scalar], argnums: int | Sequence[int]) -> Callable[..., Any]: ...
@explained
def hvp(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *others: Any
) -> Callable[..., Any]:
    """Return a function of the arguments of `f` and of `v`, the Hessian of `f` times `v`.

    `f` returns one number; `v`, the last argument, has the structure and the shapes of the argument
    that is differentiated with respect to (a tuple for several), and so has the result. The matrix
    is never built.

    >>> hvp(lambda x: sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.0])).tolist()
    [6.0, 0.0]
    """
    if others or isinstance(argnums, (np.ndarray, float)):
        raise TypeError(f"hvp is called as hessian is: hvp({name_of(f)})(x, v)")
    gradient = grad(f, argnums)

    @wraps(f)
    def product(*args: Any, **options: Any) -> Any:
        if len(args) < 2:
            raise TypeError(
                f"the product with the Hessian of {name_of(f)} takes its arguments and, last, v"
            )
        *point, v = args

        def along(*xs: Any, **options: Any) -> Any:
            return inner(gradient(*xs, **options), v, "v and x")

        return grad(along, argnums)(*point, **options)

    return product


@overload
def jacobian(
    f: Callable[Concatenate[NDArray[D], P], Array | Scalar],
) -> Callable[Concatenate[NDArray[D], P], NDArray[D]]: ...
@overload
def jacobian(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]: ...
@explained
def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes the derivative of every number that `f` returns.

    For a result of shape R and an argument of shape A it is an array of shape R + A; of nested
    structures, one in the structure of the result of those in the structure of the argument. For
    several `argnums` there is a tuple of the latter.

    >>> jacobian(lambda x: stack([x[0] * x[1], x[0]]))(np.array([2.0, 3.0])).tolist()
    [[3.0, 2.0], [1.0, 0.0]]
    """
    positions = as_positions(f, argnums)

    @wraps(f)
    def derivatives(*args: Any, **options: Any) -> Any:
        result, pullback = linearized(f, positions, args, options)
        xs = tuple([args[i] for i in positions])
        numbers = count()
        places = tree_map(
            lambda y, _: np.reshape([*islice(numbers, math.prod(shape(y)))], shape(y)), result
        )

        def row(number: int) -> list[Any]:
            """Return the derivatives of an element of the result by its number."""
            return leaves(pullback(tree_map(lambda place, _: 1.0 * (place == number), places)))

        def block(place: Any, path: str | None) -> Any:
            columns = (
                reshape(stack(parts), place.shape + shape(x))
                if parts
                else np.zeros(place.shape + shape(x), np.result_type(x))
                for x, *parts in zip(leaves(xs), *map(row, place.flat))
            )
            blocks = filled(xs, columns)
            return blocks if isinstance(argnums, Sequence) else blocks[0]

        return tree_map(block, places)

    return derivatives


@overload
def hessian(
    f: Callable[Concatenate[NDArray[D], P], Scalar],
) -> Callable[Concatenate[NDArray[D], P], NDArray[D]]: ...
@overload
def hessian(f: Callable[P, Scalar], argnums: int | Sequence[int] = 0) -> Callable[P, Any]: ...
@explained
def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes the second derivatives of `f`, which returns one number.

    They are the `jacobian` of the gradient: for arguments of shapes A and B, shape A + B.

    >>> hessian(lambda x: x[0] * x[1])(np.array([2.0, 3.0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def inner(a: Any, b: Any, names: str) -> Any:
    """Return the sum of the products of the numbers at the same places; errors have the `names`."""
    try:
        products = list(pairs(a, b))
        for x, y in products:
            if shape(x) != shape(y):
                raise ValueError(f"expected shape {shape(x)}, not {shape(y)}")
    except ValueError as error:
        raise ValueError(f"{names} differ in structure or shape: {error}") from None
    return builtins.sum(sum(x * y) for x, y in products)
