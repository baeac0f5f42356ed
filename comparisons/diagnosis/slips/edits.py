"""An equation as somebody may have got it wrong, and what its operations may have become."""

import math
from collections import ChainMap
from collections.abc import Iterator, Sequence
from functools import partial, reduce
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.graph import Node, Primitive
from autodiff.readings.terms import Table, Term, number
from autodiff.readings.trace import Traced
from autodiff.readings.writing import index_text
from comparisons.diagnosis.equations.paper import apply, made, rebuilt, replaced, summands, within
from comparisons.diagnosis.equations.replay import Backward
from comparisons.diagnosis.slips.kinds import LIKELY, POSSIBLE, Kind

ACTIVATIONS = (primitives.tanh, primitives.sigmoid, primitives.relu)
POWERS = (primitives.power, primitives.square, primitives.sqrt)
ELEMENTWISE = (*ACTIVATIONS, primitives.softplus, primitives.exp, primitives.sin, primitives.cos)


class Equation:
    """An equation of a backward pass and what is around it.

    `variable` is an adjoint, that of `of`, or one of the forward pass, and `right` its right side,
    which may have a slip already. `pool` are the variables that could be taken for another; where
    there is no slip yet, `pieces` are what has no name in the forward pass and could be, too.
    `activated` are the activations in the pass with their results, and `activation` is the one that
    this equation goes back through. `adjoint` and `slope` are the factors of the right side where
    it is the product of what comes back and a slope; where the loss has cancelled the slope, as in
    y - t, they are what they would be without that. `names` are those of the pass and of what slips
    bring in.
    """

    def __init__(self, backward: Backward, variable: Term, right: Term) -> None:
        self.backward, self.variable, self.right = backward, variable, right
        self.of = backward.bars.get(variable)
        self.names = dict(backward.names)
        later = backward.variables[backward.variables.index(variable) :]
        self.pool = [x for x in backward.variables if x not in backward.below.get(variable, later)]
        known = [backward.rights[x] for x in self.pool if x.forward and x in backward.rights]
        is_as_it_was = right.is_mask or right is backward.rights.get(variable)
        self.pieces = dict.fromkeys(y for x in known if is_as_it_was for y in within(x))
        self.activated = list(activated(backward, self.pool))
        self.activations = list(dict.fromkeys([*[f for f, _ in self.activated], *ACTIVATIONS]))
        through = (x for x in self.activated if backward.argument(x[1]) is self.of)
        self.activation = next(through, None)
        self.adjoint: Term | None = None
        self.slope: Term | None = None
        self.slope_cancelled = False
        comes_back = [backward.is_adjoint(x) or x in backward.bars for x in right.operands]
        is_product = right.primitive is primitives.multiply and comes_back == [True, False]
        if self.activation and is_product:
            self.adjoint, self.slope = right.operands  # in this order by every rule
        elif self.activation and self.activation[1] in backward.of(variable):
            slope = slope_of(backward, *self.activation, self.of)
            self.adjoint = apply(primitives.divide, right, slope)
            self.slope_cancelled = self.adjoint is not None
            self.slope = slope if self.slope_cancelled else None

    @property
    def is_first(self) -> bool:
        """Whether no other adjoint that the reader's code names comes before this one."""
        backward, variable = self.backward, self.variable
        others = [x for x in backward.equations if x is not variable]
        before = {backward.bars.get(x) for x in others if variable in backward.below[x]}
        return before <= {None, *backward.pieces}

    def constant(self, x: Any, name: str) -> Term:
        term = Term(x)
        self.names[term] = name
        return term

    def length(self) -> Term:
        n = number(float(self.backward.N or 1))
        self.names[n] = "N"
        return n

    def one_over_n(self) -> Term:
        return made(primitives.divide, number(1.0), self.length())

    def is_of_batch(self, x: Term) -> bool:
        """Return whether a term has a row for each example."""
        backward = self.backward
        return bool(x.ndim and backward.N and backward.in_rows and x.shape[0] == backward.N)


def activated(backward: Backward, pool: list[Term]) -> Iterator[tuple[Primitive, Term]]:
    """Yield the activations in a pass, with their results; softmax counts as sigmoid."""
    for x in pool:
        p = backward.rights[x].primitive if x in backward.rights else None
        if p in ELEMENTWISE and x.forward:
            yield p, x
        elif p is primitives.divide and backward.argument(x) is not None:
            yield primitives.sigmoid, x


def slope_of(backward: Backward, f: Primitive, out: Term, x: Term | None = None) -> Term:
    """Return the derivative of an activation, by the rule of the primitive.

    It is that where the result is `out` and the operand `x`; without `x`, what becomes of it where
    `out` is put for both.
    """
    given: dict[Node, Term] = {Traced(term.data): term for term in (out, out if x is None else x)}
    table = Table(given, ChainMap({}, backward.known))
    ((_, rule),) = f.rules
    result = rule(1.0, *given)
    table.add([result], forward=False)
    term = table.of_node[result]
    if term.primitive is primitives.sigmoid_slope:
        return made(primitives.multiply, out, made(primitives.subtract, number(1.0), out))
    if term.primitive is primitives.multiply and term.operands[0].number == 1.0:
        return term.operands[1]
    return term


def turned(x: Term | None) -> Term | None:
    """Return a matrix, or each of several, transposed, without transposing twice."""
    if x is None or x.ndim < 2:
        return None
    *others, n, m = range(x.ndim)
    axes = (*others, m, n) if others else None
    if x.primitive is primitives.transpose and x.parameters["axes"] == axes:
        return x.operands[0]
    return apply(primitives.transpose, x, axes=axes)


# Edits within a right side.


class Edit(NamedTuple):
    """Another right side, the kind of slip that it is, and what its sentence is `about`.

    It is None where what was edited does not fit. `factor` is a number in it that is to be found
    from the claimed gradients.
    """

    right: Term | None
    kind: Kind
    about: tuple[Any, ...] = ()
    cost: int = POSSIBLE
    factor: Term | None = None


def inside(eq: Equation, term: Term) -> Iterator[Edit]:
    yield from local(eq, term)
    for i, x in enumerate(term.operands):
        for edit in inside(eq, x) if x.operands else ():
            operands = [edit.right if j == i else y for j, y in enumerate(term.operands)]
            new = edit._replace(right=rebuilt(term, *operands))
            if term is eq.right and x is eq.slope:
                cost = POSSIBLE if edit.kind.label == "sign" else edit.cost
                new = new._replace(kind=Kind.SLOPE_MISTYPED, about=(edit.right,), cost=cost)
            yield new


def local(eq: Equation, term: Term) -> Iterator[Edit]:
    p = term.primitive
    if p is primitives.multiply:
        yield from of_product(eq, term)
    elif p is primitives.divide:
        a, b = term.operands
        yield without(term, a, Kind.DIVISION_FORGOTTEN, b)
        yield Edit(apply(primitives.divide, term, b), Kind.DIVISION_TWICE, (b,))
        yield Edit(apply(primitives.multiply, a, b), Kind.PRODUCT_FOR_QUOTIENT, (b,))
        if b.number == eq.backward.N - 1:
            n = eq.length()
            yield Edit(apply(primitives.divide, a, n), Kind.ANOTHER_VARIABLE, (n, b), LIKELY)
    elif p in (primitives.add, primitives.subtract):
        yield from of_sum(eq, term)
        if term is eq.right and p is primitives.add:
            yield from of_addends(eq, summands(term))
    elif p is primitives.matmul or p is primitives.outer:
        yield from of_matrix_product(eq, term)
    elif p is primitives.sum:
        yield from of_reduction(eq, term)
    elif p is primitives.scatter:
        factor = number(1.0)
        x, positions = term.operands[0], term.operands[1:]
        more = apply(primitives.add, x, factor)
        names = [eq.names.get(i, "...") for i in positions]
        index = f"[{index_text(term.parameters['index'], {}, names)}]"
        yield Edit(rebuilt(term, more, *positions), Kind.CONSTANT_IN, (index,), POSSIBLE, factor)
        if len(positions) == 1 and 0 < positions[0].ndim < x.ndim:
            last = last_of_each(eq, positions[0], x.ndim)
            new = apply(primitives.multiply, x, last)
            yield Edit(rebuilt(term, new, *positions), Kind.LAST_OF_SAME, cost=LIKELY)
    elif p in POWERS:
        yield without(term, term.operands[0], Kind.POWER_FORGOTTEN)
        for other in (*POWERS[1:], primitives.abs) if eq.variable.forward else ():
            if other is not p:
                kind = Kind.ABSOLUTE_VALUE if other is primitives.abs else Kind.ANOTHER_ACTIVATION
                yield Edit(apply(other, term.operands[0]), kind, (other.name, p.name))
    elif p is primitives.negative:
        yield without(term, term.operands[0], Kind.MINUS_FORGOTTEN)
    elif term.is_mask:
        yield Edit(apply(primitives.logical_not, term), Kind.MASK_TURNED, cost=LIKELY)
        for always in (True, False):
            mask = eq.constant(np.full(term.shape, always), str(always))
            yield Edit(mask, Kind.MASK_FORGOTTEN, (term, always), LIKELY)
    elif p in (*eq.activations, primitives.sign):
        cost = POSSIBLE if p is primitives.sign else LIKELY
        yield without(term, term.operands[0], Kind.ACTIVATION_FORGOTTEN, p.name, cost=cost)
        if eq.variable.forward and p in eq.activations:
            yield from of_activation(eq, term)
    elif p is primitives.transpose and eq.variable.forward:
        (x,) = term.operands
        reshaped = apply(primitives.reshape, x, shape=term.shape)
        yield Edit(reshaped, Kind.OPERAND_RESHAPED, (x,))
        yield Edit(x if x.shape == term.shape else None, Kind.OPERAND_TRANSPOSED, (x,), LIKELY)


def without(term: Term, rest: Term | None, kind: Kind, *about: Any, cost: int = LIKELY) -> Edit:
    """Return an edit that leaves only a part of a term, spread to the shape of the whole."""
    if rest is not None and rest.shape != term.shape:
        rest = apply(primitives.broadcast_to, rest, shape=term.shape)
    return Edit(rest, kind, about, cost)


def of_activation(eq: Equation, term: Term) -> Iterator[Edit]:
    """Yield another activation, and one of the negative argument."""
    (x,), f = term.operands, term.primitive
    assert f is not None
    for g in eq.activations:
        if g is not f:
            yield Edit(apply(g, x), Kind.ANOTHER_ACTIVATION, (g.name, f.name), LIKELY)
    minimum = made(primitives.minimum, x, number(0.0))
    yield Edit(minimum, Kind.ANOTHER_ACTIVATION, (minimum, f.name))
    negative = apply(primitives.negative, x)
    yield Edit(apply(f, negative), Kind.ARGUMENT_NEGATIVE, (f.name,))


def of_product(eq: Equation, term: Term) -> Iterator[Edit]:
    """Yield a factor forgotten, taken twice or divided by, and a matrix product."""
    a, b = term.operands
    for x, rest in ((a, b), (b, a)):
        is_slope, is_adjoint = (term is eq.right and x is y for y in (eq.slope, eq.adjoint))
        is_minus = x.number == -1.0
        forgotten = Kind.MINUS_FORGOTTEN if is_minus else Kind.FACTOR_FORGOTTEN
        twice = Kind.FACTOR_TWICE
        if is_slope:
            forgotten, twice = Kind.SLOPE_FORGOTTEN, Kind.SLOPE_TWICE
        elif is_adjoint:
            forgotten, twice = Kind.ADJOINT_FORGOTTEN, Kind.ADJOINT_TWICE
        inner = eq.backward.is_adjoint(x) and not is_adjoint
        yield without(term, rest, forgotten, x, cost=POSSIBLE if inner else LIKELY)
        if is_adjoint:
            mean = apply(primitives.multiply, eq.one_over_n(), rest)
            yield without(term, mean, Kind.ALL_BUT_SHARE_FORGOTTEN, x, cost=POSSIBLE)
        if x.number == 2.0:
            yield Edit(apply(primitives.multiply, rest, rest), Kind.SQUARE_NOT_DIFFERENTIATED)
        if a is b:
            yield Edit(apply(primitives.multiply, number(2.0), x), Kind.DOUBLE_FOR_SQUARE)
        yield Edit(apply(primitives.multiply, term, x), twice, (x,))
    if a.ndim == b.ndim == 2:
        for left, right in ((a, turned(b)), (turned(a), b), (a, b)):
            yield Edit(apply(primitives.matmul, left, right), Kind.MATRIX_PRODUCT)


def of_sum(eq: Equation, term: Term) -> Iterator[Edit]:
    """Yield a term forgotten, of the wrong sign, or with a wrong factor."""
    a, b = term.operands
    without_a: Term | None = b
    if term.primitive is primitives.add:
        yield Edit(apply(primitives.subtract, a, b), Kind.MINUS_FOR_PLUS)
    else:
        yield Edit(apply(primitives.add, a, b), Kind.PLUS_FOR_MINUS)
        yield Edit(apply(primitives.subtract, b, a), Kind.WRONG_WAY_ROUND, cost=LIKELY)
        without_a = apply(primitives.negative, b)
    for x, rest in ((a, without_a), (b, a)):
        own = eq.of is not None and eq.backward.parts(x) == [eq.of]
        yield without(term, rest, Kind.OWN_TERM_FORGOTTEN if own else Kind.TERM_FORGOTTEN, x)
        if x.is_number:
            continue
        factor = number(1.0)
        scaled = apply(primitives.multiply, factor, x)
        new = rebuilt(term, scaled, b) if x is a else rebuilt(term, a, scaled)
        kind = Kind.OWN_TERM_SCALED if own else Kind.TERM_SCALED
        yield Edit(new, kind, (x,), POSSIBLE, factor)
    if b.primitive is primitives.multiply and b.operands[0] is b.operands[1]:
        root = rebuilt(term, a, b.operands[0])
        yield Edit(apply(primitives.multiply, root, root), Kind.SQUARE_OUTSIDE)


def of_addends(eq: Equation, terms: list[Term]) -> Iterator[Edit]:
    """Yield one that overwrites the others, and what differs between them at another step."""
    plus = partial(apply, primitives.add)
    for x in terms:
        yield Edit(x, Kind.OVERWRITTEN, (x,), LIKELY)
    for column in islice(columns(terms), 1, None):
        first, cost = column[0], POSSIBLE if eq.backward.is_adjoint(column[0]) else LIKELY
        parts = eq.backward.parts(first)
        others = [x for x in eq.pool if len(parts) == 1 and x.shape == parts[0].shape]
        ends = [None, *(replaced(first, {parts[0]: x}) for x in others)]
        shifted = [new for x in ends for new in ((*column[1:], x), (x, *column[:-1]))]
        for new in (column[::-1], *shifted, *([x] * len(column) for x in column)):
            kept = [x for x in zip(terms, column, new) if x[-1] is not None]
            edited = reduce(plus, (replaced(term, {y: z}) for term, y, z in kept))
            for about in islice(((z, y) for _, y, z in kept if z is not y), 1):
                yield Edit(edited, Kind.OUT_OF_STEP, about, cost)


def columns(terms: Sequence[Term]) -> Iterator[Sequence[Term]]:
    """Yield what differs between terms in the same place, from the whole inwards."""
    if len(set(terms)) > 1:
        yield terms
        if len({(x.primitive, len(x.operands)) for x in terms}) == 1:
            for column in zip(*[x.operands for x in terms]):
                yield from columns(column)


def of_matrix_product(eq: Equation, term: Term) -> Iterator[Edit]:
    """Yield an operand forgotten, transposed or in the other place, and sums forgotten."""
    a, b = term.operands
    for x in (a, b):
        ones = eq.constant(np.ones(x.shape), "ones")
        rest = rebuilt(term, ones, b) if x is a else rebuilt(term, a, ones)
        is_adjoint = eq.backward.is_adjoint(x)
        kind = Kind.ADJOINT_FORGOTTEN if is_adjoint else Kind.FACTOR_FORGOTTEN
        yield Edit(rest, kind, (x,), LIKELY)
        if is_adjoint:
            mean = apply(primitives.multiply, eq.one_over_n(), rest)
            yield Edit(mean, Kind.ALL_BUT_SHARE_FORGOTTEN, (x,))
    yield Edit(apply(primitives.multiply, a, b), Kind.ELEMENTWISE_PRODUCT)
    if term.primitive is primitives.outer:
        return
    if b.ndim == 1 and a.ndim == 2:
        column = apply(primitives.getitem, b, index=(slice(None), None))
        yield Edit(apply(primitives.multiply, turned(a), column), Kind.SUM_FORGOTTEN, cost=LIKELY)
    if a.shape[-1] == eq.backward.N:
        for which, row in (("last", slice(-1, None)), ("first", slice(0, 1))):
            left = apply(primitives.getitem, a, index=(*[slice(None)] * (a.ndim - 1), row))
            right = apply(primitives.getitem, b, index=(row,))
            yield Edit(apply(primitives.matmul, left, right), Kind.ONE_EXAMPLE, (which,), LIKELY)
    for x, y in ((a, b), (b, a)):
        for u in (x, turned(x)):
            for v in (y, turned(y)):
                if u is not a or v is not b:
                    yield Edit(apply(primitives.matmul, u, v), Kind.OPERANDS_TURNED)


def last_of_each(eq: Equation, ix: Term, ndim: int) -> Term:
    """Return what is 1 in the rows of an array whose index does not come again, and else 0."""
    n = math.prod(ix.shape)
    column, row = (made(primitives.reshape, ix, shape=shape) for shape in ((n, 1), (n,)))
    later = eq.constant(np.triu(np.ones((n, n)), 1), "later")
    same = made(primitives.multiply, made(primitives.equal, column, row), later)
    again = made(primitives.sum, same, axis=1, keepdims=False)
    rows = (*ix.shape, *[1] * (ndim - ix.ndim))
    last = made(primitives.reshape, made(primitives.equal, again, number(0.0)), shape=rows)
    eq.names[last] = "is_last"
    return last


def of_reduction(eq: Equation, term: Term) -> Iterator[Edit]:
    """Yield a sum forgotten, over another axis, or of one example."""
    (x,) = term.operands
    axis, keepdims = term.parameters["axis"], term.parameters["keepdims"]
    yield Edit(x, Kind.SUM_FORGOTTEN, cost=LIKELY)
    for other in (None, *range(x.ndim)):
        if (other,) != axis and other != axis:
            total = apply(primitives.sum, x, axis=other, keepdims=keepdims and other is not None)
            if other is None:
                yield without(term, total, Kind.ALL_SUMMED)
            yield Edit(total, Kind.ALL_SUMMED if other is None else Kind.WRONG_AXIS, cost=LIKELY)
    for y in eq.pool:
        if y.shape == x.shape and y is not x:
            more = apply(primitives.multiply, x, y)
            yield Edit(rebuilt(term, more), Kind.EXTRA_FACTOR, (y,))
    if eq.is_of_batch(x):
        for which, i in (("last", -1), ("first", 0)):
            part = apply(primitives.getitem, x, index=(i,))
            yield Edit(part, Kind.ONE_EXAMPLE, (which,), LIKELY)
