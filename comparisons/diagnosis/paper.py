"""The equations of a listing as a derivation on paper has them.

The engine computes y - t, y (1 - y) and the like in one operation each, so that they keep their
digits, and spreads a mean over the batch before anything else. On paper they stand apart: y - t
with y = sigmoid(z), and one factor 1/N in front; and names are those that the reader gave.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.arrays import plain
from autodiff.graph import Node, Primitive
from autodiff.readings.listing import Listing, Term

SPREADING = (primitives.broadcast_to, primitives.reshape)


def apply(primitive: Primitive, *operands: Term | None, **parameters: Any) -> Term | None:
    """Return a new term; None where the operands do not fit, or one is None."""
    terms = tuple(x for x in operands if x is not None)
    if len(terms) < len(operands):
        return None
    node = Node()
    try:
        with np.errstate(all="ignore"):
            data = plain(primitive.function(*[x.data for x in terms], **parameters))
    except (ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError):
        return None
    node._raw, node.primitive, node.parameters = data, primitive, parameters
    term = Term(node)
    term.primitive, term.operands, term.forward = primitive, terms, False
    return term


def made(primitive: Primitive, *operands: Term, **parameters: Any) -> Term:
    """Return a new term whose operands fit."""
    term = apply(primitive, *operands, **parameters)
    assert term is not None
    return term


def number(x: float) -> Term:
    """Return a number as a term of its own."""
    return Term(None, x)


def equations(listing: Listing) -> list[Term]:
    """Return the backward equations, each known by the term that it names, in order."""
    for term in listing.used:
        if not term.forward:
            take_apart(listing, term)
    for term in listing.unnamed:
        if term.forward:
            term.name = None
    found = [s.term for s in listing.backward if s.of is None]
    constants = {x: x.operands[0] for x in found if is_spread_number(listing, x)}
    if constants:
        for term in listing.used:
            gather(term, constants)
        read = {y for x in listing.used for y in x.operands}
        found = [x for x in found if x not in constants or x in read]
    return [y for x in found for y in (*before_activation(listing, x), x)]


def before_activation(listing: Listing, equation: Term) -> list[Term]:
    """Return the adjoints within an equation of what an activation is taken of, as equations.

    On paper it stands alone, whether or not the reader's code has a name for it.
    """
    found = []
    stack = [equation]
    while stack:
        term = stack.pop()
        of = listing.undone.get(term)
        if of is not None and of.name is None and not term.forward:
            reader = next((x for x in listing.used if x.name and argument(x) is of), None)
            if reader is not None and term is not equation:
                found.append(term)
            if reader is not None:
                term.name = listing.names.new(f"pre_{reader.name}_bar")
        stack.extend(x for x in term.operands if not x.name)
    return found[::-1]


def take_apart(listing: Listing, term: Term) -> None:
    """Write a fused primitive with simpler ones, in place."""
    if term.primitive is primitives.logistic_residual:
        z, t = term.operands
        term.primitive, term.operands = primitives.subtract, (sigmoid(listing, z), t)
    elif term.primitive is primitives.sigmoid_slope:
        y = sigmoid(listing, term.operands[0])
        rest = made(primitives.subtract, number(1.0), y)
        term.primitive, term.operands = primitives.multiply, (y, rest)
    elif term.primitive is primitives.divide and argument(term) and term in listing.unnamed:
        listing.unnamed.remove(term)
        term.name = listing.names.new("Y" if term.ndim > 1 else "y")


def sigmoid(listing: Listing, z: Term) -> Term:
    """Return the term sigmoid(z), named y if it has no name and that is free."""
    key = (primitives.sigmoid, id(z), ())
    y = listing.terms.get(key) or made(primitives.sigmoid, z)
    listing.terms[key] = y
    y.forward = True
    if y.name is None and "y" not in listing.names.taken:
        y.name = listing.names.new("y")
    return y


def argument(term: Term) -> Term | None:
    """Return what softmax, exp(...) over its sum, or a function of one operand is taken of."""
    if len(term.operands) == 1:
        return term.operands[0]
    if term.primitive is not primitives.divide:
        return None
    e, total = term.operands
    if e.primitive is not primitives.exp or total.operands != (e,):
        return None
    (shifted,) = e.operands
    return shifted.operands[0] if shifted.primitive is primitives.subtract else shifted


def is_spread_number(listing: Listing, equation: Term) -> bool:
    """Tell whether an equation gives one number, such as 1/N, to all that the reader's code
    has no name for."""
    return (
        equation.primitive is primitives.broadcast_to
        and listing.undone.get(equation) in listing.unnamed
        and not listing.parts(equation)
        and equation.operands[0].ndim == 0
    )


def gather(term: Term, constants: dict[Term, Term]) -> None:
    """Write numbers in place of arrays that repeat them, and once where two terms share one."""

    def single(x: Term) -> Term:
        if x in constants:
            return constants[x]
        inner = single(x.operands[0]) if x.operands and not x.name else x
        if x.primitive in SPREADING and inner.ndim == 0:
            return inner
        if x.primitive is primitives.negative and inner.ndim == 0:
            return made(primitives.negative, inner)
        return x

    if (
        term.primitive is None
        or not term.primitive.broadcasts
        or term.primitive in (primitives.matmul, primitives.broadcast_to)
    ):
        return
    operands = tuple(map(single, term.operands))
    if np.broadcast_shapes(*[x.shape for x in operands]) != term.shape:
        return
    term.operands = operands
    if term.primitive is primitives.add:
        a, b = map(as_product, term.operands)
        if a and b and a[0] is b[0] and a[2] != b[2]:
            minus, plus = (a, b) if a[2] < 0 else (b, a)
            difference = made(primitives.subtract, plus[1], minus[1])
            term.primitive, term.operands = primitives.multiply, (a[0], difference)


def as_product(term: Term) -> tuple[Term, Term, int] | None:
    """Return a number, what it is multiplied by, and the sign of it all."""
    if term.primitive is primitives.multiply and term.operands[0].ndim == 0:
        factor, x = term.operands
        if factor.primitive is primitives.negative:
            return factor.operands[0], x, -1
        return factor, x, 1
    return None
