"""Products of arrays of any number of axes: einsum is a primitive, the others are matmul."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.functions import broadcast_to, dot, ravel, reshape, stack, swapaxes
from autodiff.more.extend import primitive
from autodiff.more.moving import as_tuple, diagonal, moveaxis
from autodiff.primitives import matmul


def _einsum_rule(g: Any, out: Any, *operands: Any, subscripts: str, position: int) -> Any:
    """Exchange the result and the operand; what was summed over in it alone is spread."""
    inputs, result = subscripts.split("->")
    others = inputs.split(",")
    own = others.pop(position)
    rest = [x for i, x in enumerate(operands) if i != position]
    found = "".join(i for i in own if i in result + "".join(others))
    part = _einsum(g, *rest, subscripts=f"{','.join([result, *others])}->{found}")
    x = operands[position]
    lengths = [n if i in found else 1 for i, n in zip(own, shape(x))]
    return part if found == own else broadcast_to(reshape(part, lengths), shape(x))


_einsum: Any = primitive(
    lambda *operands, subscripts: np.einsum(subscripts, *operands, optimize=True),
    name="einsum",
    every=_einsum_rule,
)


def einsum(*operands: Any, optimize: Any = None) -> Any:
    """Return the sum of products that `numpy.einsum` does, its subscripts as a string or lists."""
    is_text = isinstance(operands[0], str)
    places = range(1, len(operands)) if is_text else range(0, len(operands) - 1, 2)
    xs = [operands[i] for i in places]
    stand_ins: Any = [np.empty(shape(x)) if i in places else x for i, x in enumerate(operands)]
    # "Complete contraction:" and then all letters, also for dots and for what is left implicit.
    subscripts = np.einsum_path(*stand_ins, optimize=False)[1].split()[2]
    inputs, result = subscripts.split("->")
    terms = inputs.split(",")
    sizes = {i: n for term, x in zip(terms, xs) for i, n in zip(term, shape(x)) if n != 1}
    for at, term in enumerate(terms):
        terms[at], xs[at] = distinct(term, xs[at], sizes)
    return _einsum(*xs, subscripts=f"{','.join(terms)}->{result}")


def distinct(term: str, x: Any, sizes: dict[str, int]) -> tuple[str, Any]:
    """Take the diagonal where a letter stands twice; drop axes that would be broadcast."""
    for i in {*term}:
        while term.count(i) > 1:
            a = term.index(i)
            b = term.index(i, a + 1)
            x, term = diagonal(x, 0, a, b), term[:a] + term[a + 1 : b] + term[b + 1 :] + i
    kept = [k for k, i in enumerate(term) if shape(x)[k] == sizes.get(i, 1)]
    if len(kept) < len(term):
        x = reshape(x, [shape(x)[k] for k in kept])
    return "".join(term[k] for k in kept), x


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Return the sum of products over axes of both: as many at the end of `a`, or those given."""
    n, m = len(shape(a)), len(shape(b))
    of_a, of_b = (range(n - axes, n), range(axes)) if isinstance(axes, int) else map(as_tuple, axes)
    if [shape(a)[i] for i in of_a] != [shape(b)[i] for i in of_b]:
        raise ValueError(f"tensordot: axes {axes} of {shape(a)} and {shape(b)} differ in length")
    rows, columns = [*range(n)], [*range(n, n + m)]
    for i, j in zip(of_a, of_b):
        columns[j] = rows[i]
    return einsum(a, rows, b, columns, [k for k in rows + columns if (rows + columns).count(k) < 2])


def kron(a: Any, b: Any) -> Any:
    """Return the products of every element of `a` with the whole of `b`, in blocks."""
    ndim = max(len(shape(a)), len(shape(b)))
    m, n = ((1,) * (ndim - len(shape(x))) + shape(x) for x in (a, b))
    blocks = reshape(a, [k for i in m for k in (i, 1)]) * reshape(b, [k for j in n for k in (1, j)])
    return reshape(blocks, [i * j for i, j in zip(m, n)])


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Return the vector products of vectors of three elements along an axis of each."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if shape(a)[-1] != 3 or shape(b)[-1] != 3:
        raise ValueError(f"cross: vectors have three elements; these are {shape(a)} and {shape(b)}")
    (a1, a2, a3), (b1, b2, b3) = ([x[..., i] for i in range(3)] for x in (a, b))
    return stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], axisc)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "inner": lambda a, b: (
        dot(a, swapaxes(b, -1, -2)) if shape(a) and len(shape(b)) > 1 else dot(a, b)
    ),
    "vdot": lambda a, b: matmul(ravel(a), ravel(b)),
}
"""Functions that one expression in terms of the others is."""
