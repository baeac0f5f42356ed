"""Products of arrays of any number of axes: einsum is a primitive, the others are matmul."""

import math
from string import ascii_letters
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.functions import broadcast_to, ravel, reshape, transpose
from autodiff.more.extend import primitive
from autodiff.more.moving import along, as_tuple, diagonal
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


def einsum(subscripts: str, *operands: Any, optimize: Any = None) -> Any:
    """Return the sum of products that `numpy.einsum` does, given as a string."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum: the first argument is a string of subscripts, such as 'ij,jk->ik'")
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms, xs = inputs.split(","), list(operands)
    if len(terms) != len(xs):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, not {len(xs)}")
    free = [i for i in ascii_letters if i not in subscripts]
    hidden = [len(shape(x)) - len(term.replace("...", "")) for term, x in zip(terms, xs)]
    most = "".join(free[: max(0, *[n for n, t in zip(hidden, terms) if "..." in t], 0)])
    terms = [t.replace("...", most[len(most) - n :]) for t, n in zip(terms, hidden)]
    if not arrow:
        letters = "".join(terms)
        result = most + "".join(
            sorted(i for i in {*letters} if letters.count(i) == 1 and i not in most)
        )
    result = result.replace("...", most)
    sizes: dict[str, int] = {}
    for term, x in zip(terms, xs):
        for i, n in zip(term, shape(x)):
            sizes[i] = n if sizes.get(i, 1) == 1 else sizes[i]
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
    kept = [k for k, i in enumerate(term) if shape(x)[k] == sizes[i]]
    if len(kept) < len(term):
        x = reshape(x, [shape(x)[k] for k in kept])
    return "".join(term[k] for k in kept), x


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Return the sum of products over axes of both: as many at the end of `a`, or those given."""
    n, m = len(shape(a)), len(shape(b))
    if isinstance(axes, int):
        axes = [*range(n - axes, n)], [*range(axes)]
    of_a, of_b = ([i % k for i in as_tuple(x)] for x, k in zip(axes, (n, m)))
    if [shape(a)[i] for i in of_a] != [shape(b)[i] for i in of_b]:
        raise ValueError(f"tensordot: axes {axes} of {shape(a)} and {shape(b)} differ in length")
    rows = [i for i in range(n) if i not in of_a]
    columns = [i for i in range(m) if i not in of_b]
    size = math.prod(shape(a)[i] for i in of_a)
    left = reshape(transpose(a, [*rows, *of_a]), (math.prod(shape(a)[i] for i in rows), size))
    right = reshape(
        transpose(b, [*of_b, *columns]), (size, math.prod(shape(b)[i] for i in columns))
    )
    return reshape(
        matmul(left, right), [*[shape(a)[i] for i in rows], *[shape(b)[i] for i in columns]]
    )


def inner(a: Any, b: Any) -> Any:
    """Return the sums of products over the last axes."""
    return tensordot(a, b, ([-1], [-1])) if shape(a) and shape(b) else a * b


def vdot(a: Any, b: Any) -> Any:
    """Return the sum of the products of all elements."""
    return matmul(ravel(a), ravel(b))


def kron(a: Any, b: Any) -> Any:
    """Return the products of every element of `a` with the whole of `b`, in blocks."""
    ndim = max(len(shape(a)), len(shape(b)))
    m, n = ((1,) * (ndim - len(shape(x))) + shape(x) for x in (a, b))
    blocks = reshape(a, [k for i in m for k in (i, 1)]) * reshape(b, [k for j in n for k in (1, j)])
    return reshape(blocks, [i * j for i, j in zip(m, n)])


def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """Return the vector products of vectors of three elements along `axis`."""
    if shape(a)[axis] != 3 or shape(b)[axis] != 3:
        raise ValueError(f"cross: vectors have three elements; these are {shape(a)} and {shape(b)}")
    on, back = np.array([1, 2, 0]), np.array([2, 0, 1])
    return along(a, axis, on) * along(b, axis, back) - along(a, axis, back) * along(b, axis, on)
