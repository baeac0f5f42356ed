"""A traced function as a list of statements, forward and backward, with a name for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from autodiff.readings.naming import Naming
from autodiff.readings.notation import CODE, Identifiers, Style
from autodiff.readings.terms import Term, Terms, terms
from autodiff.readings.trace import Trace, trace
from autodiff.readings.writing import Writer, parts


class Statement(NamedTuple):
    """`name = term`; `undoes` is the forward statement that a backward one belongs to.

    Where an adjoint is equal to what has a name already, `of` is the input that it belongs to.
    """

    term: Term
    undoes: Statement | None = None
    of: Term | None = None


@dataclass(frozen=True)
class Listing:
    """The statements of a trace: every name is defined before it is used, nothing twice.

    `aliases` are the names of gradients that are equal to something else that has one, by input;
    `constants` are arrays that are written beside the function; `pieces` are the named terms that
    neither the reader's code has a name for nor are the adjoint of another.
    """

    trace: Trace
    terms: Terms
    aliases: Mapping[Term, str]
    constants: Mapping[str, Any]
    pieces: Set[Term]
    forward: Sequence[Statement]
    backward: Sequence[Statement]
    writer: Writer

    @property
    def names(self) -> Mapping[Term, str]:
        return self.writer.names

    def sides(self, statement: Statement, style: Style) -> tuple[str, str]:
        writer, (term, _, of) = self.writer, statement
        if of is None:
            return writer.variable(term, style).text, writer.expression(term, style).text
        right = writer.operand(term, term, style).text
        if style is CODE:
            return self.aliases[of], right
        return style.variable(self.names[of], of.ndim, True), right


def listing(f: Callable[..., Any], args: Sequence[Any], argnums: int | Sequence[int]) -> Listing:
    """Return the statements of a function and of its backward pass.

    Raises as `trace` does.
    """
    record = trace(f, args, argnums)
    found = terms(record)
    naming = Naming(record, found)
    forward = [Statement(x) for x in found.used if x.forward and x in naming.names]
    backward = in_order(found, naming, forward)
    identifiers = Identifiers(naming.identifiers.taken)
    names = dict(naming.names)
    numbered = set()
    for term, _, x in [*forward, *backward]:
        if x is None and term in naming.pieces:
            of = naming.bars.get(term)
            if of in naming.pieces and not term.forward:
                names[term] = identifiers.new(f"{names[of]}_bar")
            else:
                names[term] = identifiers.numbered("v" if term.forward else "u")
                numbered.add(term)
    aliases = {x: identifiers.new(f"{names[x]}_bar") for _, _, x in backward if x is not None}
    writer = Writer(names, naming.bars, naming.arrays, found.has_float32)
    return Listing(record, found, aliases, naming.constants, numbered, forward, backward, writer)


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
    gradient_of = {terms.of_node[x]: term for x, term in terms.gradients.items()}

    def emit_adjoint(x: Term, undoes: Statement | None) -> None:
        """Add the adjoint of a term; that of an input under its own name."""
        term = terms.adjoints[x]
        emit(term, undoes)
        own = naming.bars.get(term) is x and term.primitive is not None and not term.forward
        if gradient_of.pop(x, None) is not None and not own:
            statements.append(Statement(term, undoes, x))

    if terms.value in terms.adjoints:
        emit_adjoint(terms.value, None)
    for statement in reversed(forward):
        of_statement = dict.fromkeys(parts(statement.term, named))
        for x in sorted(of_statement, key=lambda x: x.primitive is not None):
            if x in terms.adjoints and readers[x] is statement:
                emit_adjoint(x, statement)
    for x in list(gradient_of):
        emit_adjoint(x, None)
    return statements
