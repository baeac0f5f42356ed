"""An equation as somebody may have got it wrong: what stands in it, and what could have."""

from collections import ChainMap
from collections.abc import Iterator
from typing import Any

from autodiff import primitives
from autodiff.graph import Node, Primitive
from autodiff.readings.terms import Table, Term, number
from autodiff.readings.trace import Traced
from comparisons.diagnosis.paper import apply, made
from comparisons.diagnosis.replay import Backward

ACTIVATIONS = (primitives.tanh, primitives.sigmoid, primitives.relu)
ELEMENTWISE = (*ACTIVATIONS, primitives.softplus, primitives.exp, primitives.sin, primitives.cos)


class Equation:
    """An equation of a backward pass and what is around it.

    `variable` is an adjoint, that of `of`, and `right` its right side, which may have a slip
    already. `pool` are the variables that could be taken for another. `activated` are the
    activations in the pass with their results, and `activation` is the one that this equation goes
    back through. `adjoint` and `slope` are the factors of the right side where it is the product of
    what comes back and a slope; where the loss has cancelled the slope, as in y - t, they are what
    they would be without that. `names` are those of the pass and of what slips bring in.
    """

    def __init__(self, backward: Backward, variable: Term, right: Term) -> None:
        self.backward, self.variable, self.right = backward, variable, right
        self.of = backward.bars.get(variable)
        self.names = dict(backward.names)
        self.pool = [x for x in backward.variables if x not in backward.below[variable]]
        self.activated = list(activated(backward, self.pool))
        self.activations = list(dict.fromkeys([*[f for f, _ in self.activated], *ACTIVATIONS]))
        through = (x for x in self.activated if backward.argument(x[1]) is self.of)
        self.activation = next(through, None)
        self.adjoint: Term | None = None
        self.slope: Term | None = None
        self.slope_cancelled = False
        if self.activation is None:
            return
        comes_back = [backward.is_adjoint(x) for x in right.operands]
        if right.primitive is primitives.multiply and comes_back == [True, False]:
            self.adjoint, self.slope = right.operands  # in this order by every rule
        elif self.activation[1] in backward.of(variable):
            slope = slope_of(backward, *self.activation, self.of)
            self.adjoint = apply(primitives.divide, right, slope)
            self.slope_cancelled = self.adjoint is not None
            self.slope = slope if self.slope_cancelled else None

    @property
    def is_first(self) -> bool:
        """Whether no other adjoint that the reader's code names comes before this one."""
        backward, variable = self.backward, self.variable
        before = [x for x in backward.equations if variable in backward.below[x]]
        return all(
            x is variable or backward.bars.get(x) in {None, *backward.pieces} for x in before
        )

    def constant(self, x: Any, name: str) -> Term:
        term = Term(x)
        self.names[term] = name
        return term

    def one_over_n(self) -> Term:
        n = number(float(self.backward.N or 1))
        self.names[n] = "N"
        return made(primitives.divide, number(1.0), n)

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


def slope_of(
    backward: Backward, f: Primitive, out: Term | None, x: Term | None = None
) -> Term | None:
    """Return the derivative of an activation, by the rule of the primitive.

    It is that where the result is `out` and the operand `x`; without `x`, what becomes of it where
    `out` is put for both.
    """
    if out is None:
        return None
    given: dict[Node, Term] = {Traced(term.data): term for term in (out, out if x is None else x)}
    table = Table(given, ChainMap({}, backward.known))
    ((_, rule),) = f.rules
    result = rule(1.0, *given)
    table.add([result], forward=False)
    term = table.of_node[result]
    if term.primitive is primitives.sigmoid_slope:
        return apply(primitives.multiply, out, apply(primitives.subtract, number(1.0), out))
    if term.primitive is primitives.multiply and term.operands[0].number == 1.0:
        return term.operands[1]
    return term


def turned(x: Term | None) -> Term | None:
    """Return a matrix transposed, without transposing twice."""
    if x is None or x.ndim != 2:
        return None
    if x.primitive is primitives.transpose:
        return x.operands[0]
    return apply(primitives.transpose, x, axes=None)
