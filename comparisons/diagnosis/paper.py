"""The equations of a backward pass as a derivation on paper has them.

The engine computes y - t, y (1 - y) and the like in one operation each, so that they keep their
digits, and spreads a mean over the batch before anything else. On paper they stand apart: y - t
with y = sigmoid(z), and one factor 1/N in front; and names are those that the reader gave.

Every variable is a term without operands here, so that an equation can be computed, written and
changed without looking at any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.arrays import plain
from autodiff.graph import Primitive
from autodiff.readings.listing import Listing
from autodiff.readings.notation import Identifiers
from autodiff.readings.terms import Term, number
from autodiff.readings.trace import HELPERS
from autodiff.readings.writing import parts

SPREADING = (primitives.broadcast_to, primitives.reshape)


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


def apply(primitive: Primitive, *operands: Term | None, **parameters: Any) -> Term | None:
    """Return a new term; None where the operands do not fit, or one is None."""
    terms = tuple(x for x in operands if x is not None)
    if len(terms) < len(operands):
        return None
    try:
        with np.errstate(all="ignore"):
            data = plain(primitive.function(*[x.data for x in terms], **parameters))
    except (ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError):
        return None
    return Term(data, primitive, terms, parameters, forward=False)


def made(primitive: Primitive, *operands: Term, **parameters: Any) -> Term:
    term = apply(primitive, *operands, **parameters)
    assert term is not None
    return term


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
    copy = Copy(listing)
    terms = listing.terms
    named = [x for x in [*terms.used, *copy.sigmoids.values()] if x in copy.names]
    rights = {copy.variable(x): copy.right(x) for x in named}
    names = {copy.variable(x): name for x, name in copy.names.items()}
    bars = {copy.copy(x): copy.copy(of) for x, of in listing.writer.bars.items()}
    forward = [s.term for s in listing.forward if s.term in copy.names]
    forward += [x for x in copy.sigmoids.values() if x in copy.names and x not in forward]
    read = {x for right in rights.values() for x in parts(right, names)}
    backward = [copy.variable(s.term) for s in listing.backward if s.of is None]
    backward = [x for x in backward if x not in copy.spread or x in read]
    gradients = {}
    for path, of in terms.inputs.items():
        if path in terms.gradients:
            gradient = copy.copy(terms.gradients[path])
            if gradient not in backward or bars.get(gradient) is not of:
                right = made(primitives.identity, copy.spread.get(gradient, gradient))
                gradient = Term(right.data, forward=False)
                rights[gradient], names[gradient], bars[gradient] = right, listing.aliases[of], of
                backward.append(gradient)
            gradients[of] = gradient
    paper = Paper(
        names,
        rights,
        tuple(terms.inputs.values()),
        [*map(copy.variable, forward), *[x for x, _ in terms.arrays]],
        backward,
        copy.copy(terms.value),
        gradients,
        bars,
        frozenset(map(copy.copy, copy.pieces)),
    )
    return with_activations(paper, copy.identifiers)


class Copy:
    """The terms of a listing copied to paper, where `names` are of those that are variables there.

    `spread` are the adjoints that give one number, such as 1/N, to all that the reader's code has
    no name for, with that number.
    """

    def __init__(self, listing: Listing) -> None:
        used = listing.terms.used
        taken = [*listing.names.values(), *listing.aliases.values(), *HELPERS]
        self.identifiers = Identifiers(taken)
        self.pieces = set(listing.pieces)
        self.names = {
            x: name for x, name in listing.names.items() if not (x in self.pieces and x.forward)
        }
        self.sigmoids = {x.operands[0]: x for x in used if x.primitive is primitives.sigmoid}
        for x in used:
            if not x.forward:
                self.name_outputs(x)
        self.variables: dict[Term, Term] = {}
        self.copied: dict[Term, Term] = {}
        self.rights: dict[Term, Term] = {}
        self.spread: dict[Term, Term] = {}
        for x, _, of in listing.backward:
            piece = listing.writer.bars.get(x) in listing.pieces and of is None
            number_spread = x.primitive is primitives.broadcast_to and x.operands[0].ndim == 0
            if piece and number_spread and not parts(x, self.names):
                self.spread[self.variable(x)] = self.copy(x.operands[0])

    def name_outputs(self, term: Term) -> None:
        """Name the sigmoid in a derivative of the engine, and softmax, if they have no name."""
        if term.primitive in (primitives.logistic_residual, primitives.sigmoid_slope):
            z = term.operands[0]
            if z not in self.sigmoids:
                self.sigmoids[z] = replace(made(primitives.sigmoid, z), forward=True)
            y = self.sigmoids[z]
            if y not in self.names and "y" not in self.identifiers.taken:
                self.names[y] = self.identifiers.new("y")
        elif term.primitive is primitives.divide and argument(term, {}) and term in self.pieces:
            self.pieces.remove(term)
            self.names[term] = self.identifiers.new("Y" if term.ndim > 1 else "y")

    def variable(self, term: Term) -> Term:
        """Return the variable that a named term is on paper."""
        if term.primitive is None:
            return term
        if term not in self.variables:
            self.variables[term] = Term(term.data, forward=term.forward)
            self.copied[self.variables[term]] = term
        return self.variables[term]

    def copy(self, term: Term) -> Term:
        if term in self.names or term.primitive is None:
            return self.variable(term)
        return self.right(term)

    def right(self, term: Term) -> Term:
        """Return what a term computes, each time the same."""
        if term not in self.rights:
            operands = tuple(map(self.copy, term.operands))
            self.rights[term] = self.gathered(self.apart(term, operands))
        return self.rights[term]

    def apart(self, term: Term, operands: tuple[Term, ...]) -> Term:
        """Write a fused primitive of the backward pass with simpler ones."""
        fused = (primitives.logistic_residual, primitives.sigmoid_slope)
        if term.forward or term.primitive not in fused:
            return replace(term, operands=operands)
        y = self.copy(self.sigmoids[term.operands[0]])
        if term.primitive is primitives.logistic_residual:
            return replace(term, primitive=primitives.subtract, operands=(y, operands[1]))
        rest = made(primitives.subtract, number(1.0), y)
        return replace(term, primitive=primitives.multiply, operands=(y, rest))

    def gathered(self, term: Term) -> Term:
        """Write numbers in place of arrays that repeat them, and once where two terms share one."""
        if (
            term.primitive is None
            or not term.primitive.broadcasts
            or term.primitive in (primitives.matmul, primitives.broadcast_to)
        ):
            return term
        operands = tuple(map(self.single, term.operands))
        if np.broadcast_shapes(*[x.shape for x in operands]) != term.shape:
            return term
        if term.primitive is primitives.add:
            a, b = (
                as_product(self.right(self.copied[x]) if x in self.copied else x) for x in operands
            )
            if a and b and a[0] is b[0] and a[2] != b[2]:
                minus, plus = (a, b) if a[2] < 0 else (b, a)
                difference = made(primitives.subtract, plus[1], minus[1])
                return replace(term, primitive=primitives.multiply, operands=(a[0], difference))
        return replace(term, operands=operands)

    def single(self, x: Term) -> Term:
        """Return the number that an array repeats, or what it is."""
        if x in self.spread:
            return self.spread[x]
        inner = self.single(x.operands[0]) if x.operands else x
        if x.primitive in SPREADING and inner.ndim == 0:
            return inner
        if x.primitive is primitives.negative and inner.ndim == 0:
            return made(primitives.negative, inner)
        return x


def as_product(term: Term) -> tuple[Term, Term, int] | None:
    """Return a number, what it is multiplied by, and the sign of it all."""
    if term.primitive is primitives.multiply and term.operands[0].ndim == 0:
        factor, x = term.operands
        if factor.primitive is primitives.negative:
            return factor.operands[0], x, -1
        return factor, x, 1
    return None


def with_activations(paper: Paper, identifiers: Identifiers) -> Paper:
    """Return equations in which the adjoints of what activations are taken of stand alone.

    On paper they do, whether or not the reader's code has a name for them.
    """
    readers: dict[Term | None, Term] = {}
    for x in [*paper.forward, *paper.backward]:
        if x in paper.rights:
            readers.setdefault(argument(paper.rights[x], paper.rights), x)
    names, rights, bars = dict(paper.names), dict(paper.rights), dict(paper.bars)
    alone: dict[Term, Term] = {}
    backward: list[Term] = []
    for x in paper.backward:
        inner: list[Term] = []
        stack = [(x, paper.rights[x])]
        while stack:
            adjoint, right = stack.pop()
            of = paper.bars.get(adjoint)
            if of is not None and of not in names and of in readers:
                if adjoint is not x:
                    alone[adjoint] = Term(adjoint.data, forward=False)
                    bars[alone[adjoint]], rights[alone[adjoint]] = of, adjoint
                    inner.append(alone[adjoint])
                name = identifiers.new(f"pre_{names[readers[of]]}_bar")
                names[alone.get(adjoint, adjoint)] = name
            stack += [(y, y) for y in right.operands if y not in names]
        backward += [*inner[::-1], x]
    rights = {x: substituted(right, alone) for x, right in rights.items()}
    return paper._replace(names=names, rights=rights, backward=backward, bars=bars)


def substituted(term: Term, new: Mapping[Term, Term]) -> Term:
    """Return a term with others in place of some that it is made of, the outermost first."""
    operands = tuple([new[x] if x in new else substituted(x, new) for x in term.operands])
    return term if operands == term.operands else replace(term, operands=operands)
