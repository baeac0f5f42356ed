"""A traced function as a list of statements, forward and backward, with a name for each."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.readings.naming import Naming
from autodiff.readings.notation import Identifiers, Style
from autodiff.readings.terms import Term, Terms, number
from autodiff.readings.trace import Trace
from autodiff.readings.writing import Writer, parts


class Statement(NamedTuple):
    """`name = term`; `undoes` is the forward statement that a backward one belongs to."""

    term: Term
    undoes: Statement | None = None


class Listing:
    """The statements of a function: every name is defined before it is used, nothing twice.

    `gradients` are found by where their inputs are among the arguments. One that is equal to what
    has another name is a term of its own, the identity of that; the `zeros` say so of inputs that
    the function does not depend on. `constants` are arrays that are written beside the function;
    `pieces` are the named terms that neither the reader's code has a name for nor are the adjoint
    of another.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        argnums: int | Sequence[int],
        apart: bool = False,
    ) -> None:
        """Raises as `Trace` does, which says what `apart` is."""
        self.trace = Trace(f, args, argnums, apart)
        self.terms = Terms(self.trace)
        naming = Naming(self.trace, self.terms)
        naming.shorten()
        self.constants = naming.constants
        self.forward = [Statement(x) for x in self.terms.used if x.forward and x in naming.names]
        inputs, adjoints = self.terms.inputs, self.terms.gradients
        self.gradients = {
            path: own_gradient(x, adjoints.get(path), naming.bars)
            for path, x in inputs.items()
            if path[0] in self.trace.wanted
        }
        ends = {inputs[path]: self.gradients[path] for path in adjoints}
        self.backward = in_order(self.terms, {*naming.names, *ends.values()}, self.forward, ends)
        self.zeros = [Statement(x) for path, x in self.gradients.items() if path not in adjoints]
        identifiers = Identifiers(naming.identifiers.taken)
        self.names = dict(naming.names)
        self.pieces: set[Term] = set()
        for term, _ in [*self.forward, *self.backward]:
            if term in naming.pieces:
                of = naming.bars.get(term)
                if of in naming.pieces and not term.forward:
                    self.names[term] = identifiers.new(f"{self.names[of]}_bar")
                else:
                    self.names[term] = identifiers.numbered("v" if term.forward else "u")
                    self.pieces.add(term)
        bars = dict(naming.bars)
        for path, x in self.gradients.items():
            if x.primitive is primitives.identity:
                self.names[x] = identifiers.new(f"{self.names[inputs[path]]}_bar")
                bars[x] = inputs[path]
        self.writer = Writer(self.names, bars, naming.arrays, self.terms.has_float32)

    def sides(self, statement: Statement, style: Style) -> tuple[str, str]:
        writer, term = self.writer, statement.term
        return writer.variable(term, style).text, writer.expression(term, style).text


def own_gradient(x: Term, gradient: Term | None, bars: Mapping[Term, Term]) -> Term:
    """Return the gradient in an input: its adjoint, or a term that is equal to what has a name."""
    if gradient is None:
        zeros = np.zeros(x.shape, np.result_type(x.data))
        return Term(zeros, primitives.identity, (number(0.0),), forward=False)
    if bars.get(gradient) is x and gradient.primitive is not None and not gradient.forward:
        return gradient
    return Term(gradient.data, primitives.identity, (gradient,), forward=False)


def in_order(
    terms: Terms, named: Container[Term], forward: Sequence[Statement], ends: Mapping[Term, Term]
) -> list[Statement]:
    """Return the backward statements, each group after the forward one that it undoes.

    An adjoint belongs to the last forward statement that reads what it is the adjoint of. Before
    it come the adjoints and pieces that its expression is written with, and those of inputs come
    first in their group. `ends` are the gradients by input; one that no statement reads ends the
    list.
    """
    statements: list[Statement] = []
    done: set[Term] = set()

    def emit(term: Term, undoes: Statement | None) -> None:
        """Add a term after those that it is written with."""
        stack = [term]
        while stack:
            before = [x for x in parts(stack[-1], named) if not x.forward and x not in done]
            if before:
                stack.append(before[0])
                continue
            term = stack.pop()
            if term in named and not term.forward and term not in done:
                done.add(term)
                statements.append(Statement(term, undoes))

    readers: dict[Term, Statement] = {}
    for statement in reversed(forward):
        for x in parts(statement.term, named):
            readers[x] = statement
    adjoints = {**terms.adjoints, **ends}
    if terms.value in adjoints:
        emit(adjoints[terms.value], None)
    for statement in reversed(forward):
        of_statement = dict.fromkeys(parts(statement.term, named))
        for x in sorted(of_statement, key=lambda x: x.primitive is not None):
            if x in adjoints and readers[x] is statement:
                emit(adjoints[x], statement)
    for gradient in ends.values():
        emit(gradient, None)
    return statements
