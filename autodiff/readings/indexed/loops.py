"""Equations of entries as loops: the Python that computes them one by one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from textwrap import indent

import numpy as np

from autodiff import primitives
from autodiff.readings.indexed.entries import Entries
from autodiff.readings.indexed.equations import Equation, Equations
from autodiff.readings.indexed.formula import (
    Applied,
    Chosen,
    Entry,
    Index,
    Position,
    Reduced,
    all_parts,
)
from autodiff.readings.notation import CODE, TEXT, Identifiers, Written
from autodiff.readings.terms import Term

SUMS = (primitives.sum, primitives.mean)
STARTS = {primitives.max: "-np.inf", primitives.min: "np.inf"}


@dataclass(frozen=True)
class Block(Entries):
    """Formulas as code, and the lines that compute what is no expression before them."""

    new: Callable[[str], str] = str
    lines: list[str] = field(default_factory=list)

    def applied(self, x: Applied) -> Written:
        if x.primitive is not primitives.where:
            return super().applied(x)
        condition, then, otherwise = [self.operand(y, x).text for y in x.operands]
        text = f"{then} if {condition} else {otherwise}"
        is_float32 = np.result_type(x.term.data) == np.float32
        return Written(f"np.float{32 if is_float32 else 64}({text})")  # and no array

    def reduced(self, x: Reduced) -> Written:
        name = self.new("total")
        self.lines.extend(self.accumulated(name, x))
        return Written(name)

    def accumulated(self, name: str, x: Reduced, is_zero: bool = False) -> list[str]:
        """Write the loops that compute a reduction in a variable, which may be 0 already."""
        if x.primitive is primitives.logsumexp:
            return self.shifted(name, x)
        inner = replace(self, lines=[])
        text = inner.written(x.of).text
        step = f"{name} += {text}"
        if x.primitive in STARTS:
            step = f"{name} = np.{x.primitive.name}imum({name}, {text})"
        first = [] if is_zero else [f"{name} = {STARTS.get(x.primitive, '0.0')}"]
        last = [f"{name} /= {x.count}"] if x.primitive is primitives.mean else []
        return [*first, *self.in_loops(x.over, [*inner.lines, step]), *last]

    def shifted(self, name: str, x: Reduced) -> list[str]:
        """Write log(sum(exp(x))) with the largest element taken out, so that nothing overflows."""
        top = self.new("top")
        inner = replace(self, lines=[])
        text = inner.written(x.of).text
        return [
            *self.accumulated(top, replace(x, primitive=primitives.max)),
            f"{top} = {top} if np.isfinite({top}) else 0.0",
            f"{name} = 0.0",
            *self.in_loops(x.over, [*inner.lines, f"{name} += np.exp({text} - {top})"]),
            f"{name} = np.log({name}) + {top}",
        ]

    def chosen(self, x: Chosen) -> Written:
        """Write a choice; where a part needs lines before it, as a statement."""
        branches = [replace(self, lines=[]) for _ in range(2)]
        texts = [y.written(z).text for y, z in zip(branches, (x.then, x.otherwise))]
        if not any(y.lines for y in branches):
            return super().chosen(x)
        name = self.new("chosen")
        bodies = [
            indent("\n".join([*y.lines, f"{name} = {text}"]), "    ").splitlines()
            for y, text in zip(branches, texts)
        ]
        self.lines.extend([f"if {self.conditions(x)}:", *bodies[0], "else:", *bodies[1]])
        return Written(name)

    def in_loops(self, over: Iterable[Position], lines: Sequence[str]) -> list[str]:
        for p in reversed([p for p in over if isinstance(p, Index)]):
            head = f"for {self.letters[p]} in range({p.length}):"
            lines = [head, *[f"    {line}" for line in lines]]
        return [*lines]


def loops(equations: Equations, equation: Equation, positions: Iterable[Term]) -> list[str]:
    """Write an equation as loops over its entries; what is among `positions` holds integers."""
    term, shape, right = equation.term, equation.term.shape, equation.right
    listing, letters = equations.listing, equations.axes.letters_of(equation)
    identifiers = Identifiers(listing.names.values())
    block = Block(listing.writer, CODE, letters, None, identifiers.new, [])
    entry = block.written(Entry(term, equation.at)).text
    lines = [f"# {' = '.join(equations.sides(equation, TEXT))}"]
    if shape:
        dtype = np.dtype(np.intp) if term in positions else np.result_type(term.data)
        of_kind = "" if dtype == np.float64 else f", np.{dtype}"
        lines.append(f"{listing.names[term]} = np.zeros({shape}{of_kind})")
    if isinstance(right, Reduced) and right.primitive in SUMS:
        inner = block.accumulated(entry, right, is_zero=bool(shape))
    else:
        text = block.written(right).text
        if not shape and all(x.term.is_number for x in all_parts(right) if isinstance(x, Entry)):
            text = f"np.{np.result_type(term.data)}({text})"  # as other results are
        inner = [*block.lines, f"{entry} = {text}"]
    return [*lines, *block.in_loops(equation.at, inner)]
