"""A traced function as a list of statements, forward and backward, with a name for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autodiff.readings.naming import Naming
from autodiff.readings.notation import CODE, Identifiers, Style
from autodiff.readings.terms import Term, Terms
from autodiff.readings.trace import Trace
from autodiff.readings.writing import Writer, parts


class Statement(NamedTuple):
    """`name = term`; `undoes` is the forward statement that a backward one belongs to.

    Where an adjoint is equal to what has a name already, `of` is the input that it belongs to.
    """

    term: Term
    undoes: Statement | None = None
    of: Term | None = None


class Listing:
    """The statements of a function: every name is defined before it is used, nothing twice.

    `aliases` are the names of gradients that are equal to something else that has one, by input;
    `constants` are arrays that are written beside the function; `pieces` are the named terms that
    neither the reader's code has a name for nor are the adjoint of another.
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
        self.backward = in_order(self.terms, naming, self.forward)
        identifiers = Identifiers(naming.identifiers.taken)
        self.names = dict(naming.names)
        self.pieces: set[Term] = set()
        for term, _, x in [*self.forward, *self.backward]:
            if x is None and term in naming.pieces:
                of = naming.bars.get(term)
                if of in naming.pieces and not term.forward:
                    self.names[term] = identifiers.new(f"{self.names[of]}_bar")
                else:
                    self.names[term] = identifiers.numbered("v" if term.forward else "u")
                    self.pieces.add(term)
        inputs = [x for _, _, x in self.backward if x is not None]
        self.aliases = {x: identifiers.new(f"{self.names[x]}_bar") for x in inputs}
        self.writer = Writer(self.names, naming.bars, naming.arrays, self.terms.has_float32)

    def sides(self, statement: Statement, style: Style) -> tuple[str, str]:
        writer, (term, _, of) = self.writer, statement
        if of is None:
            return writer.variable(term, style).text, writer.expression(term, style).text
        right = writer.operand(term, term, style).text
        if style is CODE:
            return self.aliases[of], right
        return style.variable(self.names[of], of.ndim, True), right


def in_order(terms: Terms, naming: Naming, forward: Sequence[Statement]) -> list[Statement]:
    """Return the backward statements, each group after the forward one that it undoes.

    An adjoint belongs to the last forward statement that reads what it is the adjoint of. Before
    it come the adjoints and pieces that its expression is written with, and those of inputs come
    first in their group. A gradient that no statement reads ends the list.
    """
    named = naming.names
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
    with_gradient = dict.fromkeys(terms.inputs[path] for path in terms.gradients)

    def emit_adjoint(x: Term, undoes: Statement | None) -> None:
        """Add the adjoint of a term; that of an input under its own name."""
        term = terms.adjoints[x]
        emit(term, undoes)
        own = naming.bars.get(term) is x and term.primitive is not None and not term.forward
        if x in with_gradient and not own:
            statements.append(Statement(term, undoes, x))
        with_gradient.pop(x, None)

    if terms.value in terms.adjoints:
        emit_adjoint(terms.value, None)
    for statement in reversed(forward):
        of_statement = dict.fromkeys(parts(statement.term, named))
        for x in sorted(of_statement, key=lambda x: x.primitive is not None):
            if x in terms.adjoints and readers[x] is statement:
                emit_adjoint(x, statement)
    for x in list(with_gradient):
        emit_adjoint(x, None)
    return statements
