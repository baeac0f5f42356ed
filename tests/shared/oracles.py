"""Derivatives obtained without `autodiff`: by complex step, by differences, and over all paths."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np


def complex_step(f: Callable[..., Any], operands: Sequence[Any], position: int) -> np.ndarray:
    """Return the Jacobian of `f` in one operand, shape (*out.shape, *operand.shape).

    Imag f(x + ih) / h has no cancellation, so it is right to rounding wherever `f` is analytic.
    """
    h = 1e-30
    x = np.asarray(operands[position], complex)
    columns = []
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += 1j * h
        columns.append(np.imag(f(*operands[:position], moved, *operands[position + 1 :])) / h)
    return _as_jacobian(columns, f(*operands), x)


def central_differences(
    f: Callable[..., Any], operands: Sequence[Any], position: int
) -> np.ndarray:
    """Return the same Jacobian from real evaluations of `f`, by Richardson extrapolation.

    With steps h, h/2, h/4, h/8 the error is of order h^8 beside rounding: about 1e-11.
    """
    x = np.asarray(operands[position], float)

    def difference(index: tuple[int, ...], h: float) -> Any:
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        before, after = operands[:position], operands[position + 1 :]
        rise = np.asarray(f(*before, up, *after)) - np.asarray(f(*before, down, *after))
        return rise / (2 * h)

    columns = []
    for index in np.ndindex(x.shape):
        row = [difference(index, 0.02 / 2**k) for k in range(4)]
        for order in (4, 16, 64):
            row = [(order * fine - coarse) / (order - 1) for coarse, fine in pairwise(row)]
        columns.append(row[0])
    return _as_jacobian(columns, f(*operands), x)


def _as_jacobian(columns: list[Any], out: Any, x: np.ndarray) -> np.ndarray:
    shape = (*np.shape(out), *x.shape)
    return np.stack(columns, axis=-1).reshape(shape) if columns else np.zeros(shape)


class Step(NamedTuple):
    """One operation of a program; operands are positions among its leaves and earlier steps."""

    operation: str
    operands: tuple[int, ...]
    options: Mapping[str, Any]


def run(program: Sequence[Step], leaves: Sequence[Any], operations: Mapping[str, Any]) -> list[Any]:
    """Return the leaves and the result of every step, each computed by `operations`."""
    nodes = list(leaves)
    for name, operands, options in program:
        nodes.append(operations[name](*[nodes[i] for i in operands], **options))
    return nodes


def gradients_over_paths(
    program: Sequence[Step], leaves: Sequence[Any], seed: Any, operations: Mapping[str, Any]
) -> list[np.ndarray]:
    """Return the derivatives of sum(seed * last result) in the leaves, summed path by path.

    The derivative of a node in a leaf is the sum, over the operands of the node, of the node's
    Jacobian in that operand times the derivative of the operand in the leaf. Nothing is remembered
    from one path to the next. `operations` are NumPy functions of complex arguments.
    """
    nodes = run(program, leaves, operations)

    def jacobian(node: int, leaf: int) -> np.ndarray:
        if node < len(leaves):
            size = np.size(nodes[node])
            return np.eye(size) if node == leaf else np.zeros((size, np.size(nodes[leaf])))
        name, operands, options = program[node - len(leaves)]
        inputs = [nodes[i] for i in operands]
        total = np.zeros((np.size(nodes[node]), np.size(nodes[leaf])))
        for position, operand in enumerate(operands):
            local = complex_step(lambda *xs: operations[name](*xs, **options), inputs, position)
            total += local.reshape(np.size(nodes[node]), -1) @ jacobian(operand, leaf)
        return total

    return [
        (np.ravel(seed) @ jacobian(len(nodes) - 1, i)).reshape(np.shape(leaf))
        for i, leaf in enumerate(leaves)
    ]
