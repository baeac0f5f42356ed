"""An equation as somebody may have got it wrong: what stands in it, and what could have."""

from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autodiff import primitives
from autodiff.graph import Node, Primitive
from autodiff.readings.terms import Table, Term, number
from autodiff.readings.trace import Traced
from comparisons.diagnosis.paper import apply, made
from comparisons.diagnosis.replay import Backward

ACTIVATIONS = (primitives.tanh, primitives.sigmoid, primitives.relu)
ELEMENTWISE = (*ACTIVATIONS, primitives.softplus, primitives.exp, primitives.sin, primitives.cos)


@dataclass(frozen=True)
class Equation:
    """An equation of a backward pass and what is around it.

    `variable` is an adjoint, that of `of`, and `right` its right side, which may have a slip
    already. `pool` are the variables that could be taken for another. `activated` are the
    activations in the pass with their results, and `activation` is the one that this equation goes
    back through. `adjoint` and `slope` are the factors of the right side where it is the product of
    what comes back and a slope; where the loss has cancelled the slope, as in y - t, they are what
    they would be without that. `names` are those of the pass and of what slips bring in.
    """

    backward: Backward
    variable: Term
    right: Term
    of: Term | None
    pool: list[Term]
    activated: list[tuple[Primitive, Term]]
    activation: tuple[Primitive, Term] | None
    adjoint: Term | None
    slope: Term | None
    slope_cancelled: bool
    names: dict[Term, str]

    @property
    def activations(self) -> list[Primitive]:
        return list(dict.fromkeys([*[f for f, _ in self.activated], *ACTIVATIONS]))

    @property
    def is_gradient(self) -> bool:
        return self.of in self.backward.parameters.values()

    @property
    def is_first(self) -> bool:
        """Whether no other adjoint that the reader's code names comes before this one."""
        backward = self.backward
        before = [x for x in backward.equations if self.variable in backward.below[x]]
        return all(
            backward.bars.get(x) in {None, *backward.pieces}
            for x in before
            if x is not self.variable
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

    def as_column(self, x: Term | None) -> Term | None:
        """Return a number for each example as a column, beside a matrix."""
        if x is not None and x.ndim == 1 and self.right.ndim == 2 and self.is_of_batch(x):
            return apply(primitives.getitem, x, index=(slice(None), None))
        return x


def equation(backward: Backward, variable: Term, right: Term) -> Equation:
    of = backward.bars.get(variable)
    below = set(backward.below[variable])
    pool = [x for x in backward.variables if x not in below]
    found = list(activated(backward, pool))
    activation = next(((f, out) for f, out in found if backward.argument(out) is of), None)
    adjoint = slope = None
    cancelled = False
    if activation is not None:
        comes_back = [backward.is_adjoint(x) for x in right.operands]
        if right.primitive is primitives.multiply and comes_back == [True, False]:
            adjoint, slope = right.operands  # in this order by every rule
        if adjoint is None and activation[1] in backward.of(variable):
            slope = slope_of(backward, *activation, of)
            adjoint = apply(primitives.divide, right, slope)
            cancelled = adjoint is not None
    return Equation(
        backward,
        variable,
        right,
        of,
        pool,
        found,
        activation,
        adjoint,
        slope if adjoint is not None else None,
        cancelled,
        dict(backward.names),
    )


def activated(backward: Backward, pool: list[Term]) -> Iterator[tuple[Primitive, Term]]:
    """Yield the activations in a pass, with their results; softmax counts as sigmoid."""
    for x in pool:
        right = backward.rights.get(x)
        if right is None:
            continue
        if right.primitive in ELEMENTWISE and len(right.operands) == 1 and x.forward:
            yield right.primitive, x
        elif right.primitive is primitives.divide and backward.argument(x) is not None:
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
