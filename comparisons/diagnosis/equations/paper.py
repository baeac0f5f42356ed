"""The equations of a backward pass as a derivation on paper has them.

The engine computes y - t, y (1 - y) and the like in one operation each, so that they keep their
digits, and spreads a mean over the batch before anything else. On paper they stand apart: y - t
with y = sigmoid(z), and one factor 1/N in front; and names are those that the reader gave.

Every variable is a term without operands here, so that an equation can be computed, written and
changed without looking at any other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.arrays import plain
from autodiff.graph import Primitive
from autodiff.readings.listing import Listing
from autodiff.readings.notation import Identifiers
from autodiff.readings.terms import ELEMENTWISE, Term, number
from autodiff.readings.trace import HELPERS, own_adjoint
from autodiff.readings.writing import parts

FUSED = (primitives.logistic_residual, primitives.sigmoid_slope)
MISFIT = (ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError)
"""What primitives raise for operands that do not fit."""


class Paper(NamedTuple):
    """Equations on paper.

    `rights` has the right side of every variable but the inputs, `forward` and `backward` are
    these variables in the order of computation, `gradients` those of the inputs; `bars` leads from
    an adjoint to what it is the adjoint of, and `pieces` are what the reader's code has no name
    for.
    """

    names: Mapping[Term, str]
    rights: Mapping[Term, Term]
    inputs: Sequence[Term]
    forward: Sequence[Term]
    backward: Sequence[Term]
    value: Term
    gradients: Mapping[Term, Term]
    bars: Mapping[Term, Term]
    pieces: frozenset[Term]


def made(primitive: Primitive, *operands: Term, **parameters: Any) -> Term:
    with np.errstate(all="ignore"):
        data = plain(primitive.function(*[x.data for x in operands], **parameters))
    return Term(data, primitive, operands, parameters, forward=False)


def apply(primitive: Primitive, *operands: Term | None, **parameters: Any) -> Term | None:
    """Return a new term; None where the operands do not fit, or one is None."""
    terms = [x for x in operands if x is not None]
    try:
        return made(primitive, *terms, **parameters) if len(terms) == len(operands) else None
    except MISFIT:
        return None


def rebuilt(term: Term, *operands: Term | None) -> Term | None:
    """Return the same operation on other operands, without transposing twice."""
    assert term.primitive is not None
    x, p = operands[0], primitives.transpose
    if x is not None and p is term.primitive is x.primitive and x.ndim == 2:
        return x.operands[0]
    return apply(term.primitive, *operands, **term.parameters)


def replaced(term: Term, new: Mapping[Term, Term | None]) -> Term | None:
    """Return a term with others in place of some that it is made of, the outermost first."""
    if term in new:
        return new[term]
    operands = tuple([replaced(x, new) for x in term.operands])
    return term if operands == term.operands else rebuilt(term, *operands)


def within(term: Term) -> list[Term]:
    """Return the terms that one is made of, without variables and numbers."""
    inner = [x for x in term.operands if x.operands]
    return [*inner, *(y for x in inner for y in within(x))]


def argument(term: Term, rights: Mapping[Term, Term]) -> Term | None:
    """Return what softmax, exp(...) over its sum, or a function of one operand is taken of.

    Where variables stand in it, `rights` says what they are.
    """
    if len(term.operands) == 1:
        return term.operands[0]
    if term.primitive is not primitives.divide:
        return None
    e, total = term.operands
    power, added = rights.get(e, e), rights.get(total, total)
    if power.primitive is not primitives.exp or added.operands != (e,):
        return None
    (shifted,) = power.operands
    difference = rights.get(shifted, shifted)
    return difference.operands[0] if difference.primitive is primitives.subtract else shifted


def on_paper(listing: Listing) -> Paper:
    copies, terms = Copies(listing), listing.terms
    copy = copies.copy
    named = dict.fromkeys(x for x in [*terms.used, *copies.sigmoids.values()] if x in copies.names)
    forward = [copy(x) for x in named if x.forward] + [x for x, _ in terms.arrays]
    names = {copy(x): name for x, name in copies.names.items()}
    bars = {copy(x): copy(of) for x, of in listing.writer.bars.items() if not is_alias(x)}
    rights = {copy(x): copies.rights[copy(x)] for x in named}
    read = {x for right in rights.values() for x in parts(right, names)}
    backward = [copy(x) for x, _ in listing.backward if x in copies.names]
    gradients = {}
    arguments = [argument(rights[x], rights) for x in forward if x in rights]
    before = {of: z for z in arguments if z for of in summands(z)}
    for path, term in terms.gradients.items():
        of, gradient = terms.inputs[path], copy(term)
        if gradient in read and of in before:  # it is the adjoint of a sum, and as such read
            bars[gradient] = before[of]
        if gradient not in backward or bars.get(gradient) is not of:
            name = listing.names[listing.gradients[path]]
            right = made(primitives.identity, copies.spread.get(gradient, gradient))
            gradient = Term(right.data, forward=False)
            rights[gradient], names[gradient], bars[gradient] = right, name, of
            backward.append(gradient)
        gradients[of] = gradient
    inputs, value = tuple(terms.inputs.values()), copy(terms.value)
    pieces = frozenset(map(copy, copies.pieces))
    paper = Paper(names, rights, inputs, forward, backward, value, gradients, bars, pieces)
    return with_activations(paper, copies.identifiers)


def is_alias(term: Term) -> bool:
    """Return whether a gradient is written down as equal to another term."""
    return term.primitive is primitives.identity


class Copies:
    """The terms of a listing copied to paper, where `names` are of those that are variables there.

    `rights` has what these variables compute. `spread` are the adjoints that give one number, such
    as 1/N, to all that the reader's code has no name for, with that number.
    """

    def __init__(self, listing: Listing) -> None:
        used = listing.terms.used
        names = listing.names
        self.identifiers = Identifiers([*names.values(), *HELPERS])
        self.pieces = set(listing.pieces)
        read = Counter(y for x in used for y in x.operands)
        inlined = {
            x for x in self.pieces if x.forward or (read[x] == 1 and x not in listing.writer.bars)
        }
        self.names = {x: names[x] for x in names if x not in inlined and not is_alias(x)}
        self.sigmoids = {x.operands[0]: x for x in used if x.primitive is primitives.sigmoid}
        for x in used:
            if not x.forward:
                self.name_outputs(x)
        self.copied: dict[Term, Term] = {}
        self.rights: dict[Term, Term] = {}
        self.spread: dict[Term, Term] = {}
        for x, _ in listing.backward:
            piece = listing.writer.bars.get(x) in listing.pieces
            number_spread = x.primitive is primitives.broadcast_to and x.operands[0].ndim == 0
            if piece and number_spread and not parts(x, self.names):
                self.spread[self.copy(x)] = self.copy(x.operands[0])

    def name_outputs(self, term: Term) -> None:
        """Name the sigmoid in a derivative of the engine, and softmax, if they have no name."""
        if term.primitive in FUSED:
            z = term.operands[0]
            if z not in self.sigmoids:
                self.sigmoids[z] = replace(made(primitives.sigmoid, z), forward=True)
            y = self.sigmoids[z]
            if y not in self.names and "y" not in self.identifiers.taken:
                self.names[y] = self.identifiers.new("y")
        elif term.primitive is primitives.divide and argument(term, {}) and term in self.pieces:
            self.pieces.remove(term)
            self.names[term] = self.identifiers.new("Y" if term.ndim > 1 else "y")

    def copy(self, term: Term) -> Term:
        """Return the copy of a term, each time the same; that of a named one is a variable."""
        if term.primitive is None:
            return term
        if term not in self.copied:
            copied = self.gathered(self.apart(term, tuple(map(self.copy, term.operands))))
            if copied.primitive is own_adjoint:
                (x,) = copied.operands
                copied = x if x.operands else replace(copied, primitive=primitives.identity)
            if term in self.names:
                variable = Term(term.data, forward=term.forward)
                self.rights[variable], copied = copied, variable
            self.copied[term] = copied
        return self.copied[term]

    def apart(self, term: Term, operands: tuple[Term, ...]) -> Term:
        """Write a fused primitive of the backward pass with simpler ones."""
        if term.forward or term.primitive not in FUSED:
            kept = with_kept_axes(term, operands)
            return kept or replace(term, operands=operands)
        y = self.copy(self.sigmoids[term.operands[0]])
        if term.primitive is primitives.logistic_residual:
            return replace(term, primitive=primitives.subtract, operands=(y, operands[1]))
        rest = made(primitives.subtract, number(1.0), y)
        return replace(term, primitive=primitives.multiply, operands=(y, rest))

    def gathered(self, term: Term) -> Term:
        """Write numbers in place of arrays that repeat them, and once where two terms share one."""
        if term.primitive not in ELEMENTWISE:
            return term
        operands = tuple(map(self.single, term.operands))
        if np.broadcast_shapes(*[x.shape for x in operands]) != term.shape:
            return term
        if term.primitive is primitives.add:
            a, b = (as_product(self.rights.get(x, x)) for x in operands)
            if a and b and a[0] is b[0] and a[2] != b[2]:
                minus, plus = (a, b) if a[2] < 0 else (b, a)
                difference = made(primitives.subtract, plus[1], minus[1])
                return replace(term, primitive=primitives.multiply, operands=(a[0], difference))
        return replace(term, operands=operands)

    def single(self, x: Term) -> Term:
        """Return the number that an array repeats, or what it is."""
        if x in self.spread:
            return self.spread[x]
        if x.primitive in (primitives.negative, primitives.broadcast_to, primitives.reshape):
            inner = self.single(x.operands[0])
            if inner.ndim == 0:
                is_minus = x.primitive is primitives.negative
                return made(primitives.negative, inner) if is_minus else inner
        return x


def summands(term: Term) -> list[Term]:
    """Return what a sum without a name adds up."""
    if term.primitive is not primitives.add:
        return []
    return [y for x in term.operands for y in (summands(x) or [x])]


def with_kept_axes(term: Term, operands: tuple[Term, ...]) -> Term | None:
    """Return a sum that is given back its axes of length 1 as one that has kept them."""
    if term.primitive is not primitives.reshape or operands[0].primitive is not primitives.sum:
        return None
    total, (x,) = operands[0], operands[0].operands
    kept = made(primitives.sum, x, axis=total.parameters["axis"], keepdims=True)
    return replace(kept, data=term.data) if kept.shape == term.shape else None


def as_product(term: Term) -> tuple[Term, Term, int] | None:
    """Return a number, what it is multiplied by, and the sign of it all."""
    if term.primitive is not primitives.multiply or term.operands[0].ndim:
        return None
    factor, x = term.operands
    if factor.primitive is primitives.negative:
        return factor.operands[0], x, -1
    return factor, x, 1


def with_activations(paper: Paper, identifiers: Identifiers) -> Paper:
    """Return equations in which the adjoints of what activations are taken of stand alone.

    On paper they do, whether or not the reader's code has a name for them.
    """
    variables = [x for x in [*paper.forward, *paper.backward] if x in paper.rights]
    readers = {argument(paper.rights[x], paper.rights): x for x in reversed(variables)}
    names, rights, bars = dict(paper.names), dict(paper.rights), dict(paper.bars)
    alone: dict[Term, Term] = {}
    backward: list[Term] = []
    for x in paper.backward:
        inner: list[Term] = []
        stack = [(x, paper.rights[x])]
        while stack:
            adjoint, right = stack.pop()
            of = paper.bars.get(adjoint)
            if of and of in readers and of not in names and not adjoint.is_number:
                if adjoint is not x:
                    alone[adjoint] = Term(adjoint.data, forward=False)
                    bars[alone[adjoint]], rights[alone[adjoint]] = of, adjoint
                    inner.append(alone[adjoint])
                name = identifiers.new(f"pre_{names[readers[of]]}_bar")
                names[alone.get(adjoint, adjoint)] = name
            stack += [(y, y) for y in right.operands if y not in names]
        backward += [*inner[::-1], x]
    for x, right in rights.items():
        others = {old: new for old, new in alone.items() if old is not right}
        rights[x] = replaced(right, others) or right
    return paper._replace(names=names, rights=rights, backward=backward, bars=bars)
