"""A backward pass as equations, which can be computed again with some of them changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.arguments import leaves, tree_map
from autodiff.arrays import plain
from autodiff.graph import Node
from autodiff.readings.listing import Listing, Term
from autodiff.readings.notation import CODE
from autodiff.readings.trace import trace
from comparisons.diagnosis.paper import apply, equations, made

Changes = Mapping[Term, Term]
"""Other right sides for some equations, each of which is known by the term that it names."""

Numbers = dict[Term, Any]


class Backward:
    """The equations of the backward pass of `loss(params, *data)`, in the order of computation.

    They are the named terms of a listing.
    """

    def __init__(self, loss: Callable[..., Any], params: Any, data: tuple[Any, ...]) -> None:
        self.listing = Listing(trace(loss, (params, *data), 0))
        self.N, self.in_rows = batch(data)
        self.equations = equations(self.listing)
        root = self.listing.trace.parameters[0]
        inputs = [x for x in self.listing.trace.inputs if x.path[0] == root]
        self.parameters = dict(
            zip(paths(params, root), (self.listing.of_node[x.node] for x in inputs))
        )
        self.data = [x for x in self.listing.inputs if x not in self.parameters.values()]
        self.gradients = {
            path: self.gradient(x.node, term)
            for x, (path, term) in zip(inputs, self.parameters.items())
        }
        if self.N and self.N not in {n for x in self.parameters.values() for n in x.shape}:
            for term in self.listing.terms.values():
                if term.is_number and term.number == self.N and term.name is None:
                    term.name = "N"
        self.adjoints = {x for x in self.equations if x in self.listing.undone}
        below = {x: self.readers_of(x) for x in self.equations}
        used = set(self.gradients.values())
        self.equations = [x for x in self.equations if not used.isdisjoint(below[x])]
        self.below = {x: below[x] for x in self.equations}

    def gradient(self, node: Node, parameter: Term) -> Term | None:
        """Return the equation of the gradient in a parameter, of its own; None if it is zero."""
        term = self.listing.gradients.get(node)
        if term is None or (term in self.equations and self.listing.undone[term] is parameter):
            return term
        equation = made(primitives.identity, term)
        equation.name = self.listing.aliases[parameter]
        self.listing.undone[equation] = parameter
        self.equations.append(equation)
        return equation

    # Terms.

    def unnamed(self, term: Term) -> Term:
        """Return a right side, without the name of its equation."""
        copy = Term(term.node)
        copy.primitive, copy.operands, copy.forward = term.primitive, term.operands, False
        return copy

    def rebuilt(self, term: Term, operands: Iterable[Term | None]) -> Term | None:
        """Return a term with other operands."""
        assert term.primitive is not None
        return apply(term.primitive, *operands, **term.parameters)

    def replaced(self, term: Term, old: Term, new: Term | None) -> Term | None:
        """Return the right side of an equation with `new` for every occurrence of `old`."""
        operands = [
            new if x is old else x if x.name or not x.operands else self.replaced(x, old, new)
            for x in term.operands
        ]
        if all(x is y for x, y in zip(operands, term.operands)):
            return term
        return self.rebuilt(term, operands)

    def is_adjoint(self, term: Term) -> bool:
        """Tell whether a term has a factor that comes back from the loss."""
        if term in self.adjoints:
            return True
        return not term.forward and any(self.is_adjoint(x) for x in term.operands)

    def readers_of(self, term: Term) -> list[Term]:
        """Return the equations that depend on one, itself included, in order."""
        found = {term}
        for x in self.equations:
            if not found.isdisjoint(self.listing.parts(x)):
                found.add(x)
        return [x for x in self.equations if x in found]

    def of(self, equation: Term) -> list[Term]:
        """Return what an equation is written with, each once."""
        return list(dict.fromkeys(self.listing.parts(equation)))

    def named(self) -> Iterator[Term]:
        """Yield what has a name: arguments, forward results, adjoints."""
        seen: set[Term] = set()
        forward = [s.term for s in self.listing.forward]
        y = self.listing.terms.values()
        for x in [*self.listing.inputs, *forward, *y, *self.equations]:
            if x.name and not x.is_number and x not in seen:
                seen.add(x)
                yield x

    # Numbers.

    def numbers(self, params: Any, data: tuple[Any, ...]) -> Numbers:
        """Return the numbers of all named terms for arguments of the same shapes."""
        kinds = (float, np.floating, np.ndarray)
        given = [x for x in leaves([params, *data]) if isinstance(x, kinds)]
        known: Numbers = dict(zip(self.listing.inputs, map(as_float, given)))
        with np.errstate(all="ignore"):
            for x in self.named():
                if x not in known:
                    known[x] = self.right_side(x, known)
        return known

    def right_side(self, term: Term, known: Numbers) -> Any:
        """Compute what an equation says."""
        if term.primitive is None:
            return term.data
        operands = [self.compute(x, known) for x in term.operands]
        return plain(term.primitive.function(*operands, **term.parameters))

    def compute(self, term: Term, known: Numbers) -> Any:
        """Compute a term from the numbers of named ones."""
        if term in known:
            return known[term]
        return term.number if term.is_number else self.right_side(term, known)

    def replay(self, changes: Changes, known: Numbers) -> Numbers | None:
        """Return the numbers that change with some equations; None where they do not fit."""
        affected = {x for changed in changes for x in self.below[changed]}
        now = dict(known)
        try:
            for x in self.equations:
                if x in changes:
                    now[x] = self.compute(changes[x], now)
                elif x in affected:
                    now[x] = self.right_side(x, now)
        except (ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError):
            return None
        return now

    # Writing.

    def label(self, equation: Term) -> str:
        """Return the name of the adjoint that an equation, or a piece of one, belongs to."""
        for x in self.below[equation]:
            if x in self.adjoints and x not in self.listing.unnamed:
                return str(x.name)
        return str(equation.name)

    def written(self, term: Term, right: Term | None = None) -> str:
        """Write an equation as code, with another right side if one is given.

        Names that the listing gave to pieces are explained.
        """
        if right is not None and (right.name or right.primitive is None):
            return f"{term.name} = {right.name or CODE.number(right.number)}"
        text = f"{term.name} = {self.listing.expression(right or term, CODE).text}"
        pieces = [x for x in self.of(right or term) if x in self.listing.unnamed]
        meant = [f"{x.name} = {self.listing.expression(x, CODE).text}" for x in pieces]
        return f"{text} ({', '.join(meant)})" if meant else text

    def expression(self, term: Term) -> str:
        """Write a term as code."""
        if term.is_number and not term.name:
            return f"{float(term.number):.6g}"
        return self.listing.operand(term, term, CODE).text


def batch(data: tuple[Any, ...]) -> tuple[int, bool]:
    """Return the number of examples, and whether each is a row and not a column.

    It is the length that the first axes of all arrays share, or the last ones; 0 if there is none.
    """
    shapes = [np.shape(x) for x in leaves(data) if np.ndim(x)]
    for in_rows, axis in ((True, 0), (False, -1)):
        lengths = {shape[axis] for shape in shapes}
        if len(lengths) == 1:
            return lengths.pop(), in_rows
    return 0, False


def paths(tree: Any, root: str = "params") -> list[str]:
    """Return the name of every number or array in a structure, such as "U" or "layers[0].W"."""
    found: list[str] = []
    tree_map(lambda _, path: found.append(path or root), tree)
    return found


def as_float(x: Any) -> Any:
    """Return numbers in float64, a scalar as a float."""
    return plain(np.asarray(x, np.float64))
