"""A function and its gradient in C: one pass over the examples, forward and backward together."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autodiff.readings.indexed.equations import Equation
from autodiff.readings.indexed.formula import Entry, Formula, Index, all_parts, indices
from autodiff.readings.native.formulas import Formulas, Line, offset
from autodiff.readings.native.functions import VECTORISED
from autodiff.readings.notation import TEXT
from autodiff.readings.terms import Term
from autodiff.readings.trace import Path


class Program(NamedTuple):
    """A C function: its text and name, and what it takes.

    These are the arrays of `inputs`, those that the gradients of `outputs` are written to, and the
    `numbers`. It returns the value.
    """

    text: str
    name: str
    inputs: Sequence[Term]
    outputs: Sequence[Path]
    numbers: Sequence[Term]


class Write(NamedTuple):
    """A line that hands an entry of a gradient out, in the loop behind `depth` others or none."""

    line: str
    gradient: Term
    depth: int | None


class Writer(Formulas):
    """Puts lines in order: what no example is needed for, a loop, what that has added up."""

    def program(self) -> Program:
        """Put the lines in order: what no example is needed for, a loop, what it has added up."""
        listing, terms = self.listing, self.listing.terms
        outputs = {path: terms.inputs[path] for path in terms.gradients}
        targets = {path: self.new(f"{listing.names[x]}_bar_out") for path, x in outputs.items()}
        writes = [*self.writes(targets)]
        deepest = max([*self.depths.values(), 0])
        body: list[str] = []
        for depth in range(deepest + 1):
            body += self.between(depth)
            body += self.loop(depth, [x for x in writes if x.depth == depth])
        body += [x.line for x in writes if x.depth is None]
        body.append(f"return unlike ? NAN : {self.entry(terms.value, ()).text};")
        inputs = [x for x in self.given if x.shape]
        numbers = [x for x in self.given if not x.shape]
        name = self.new(f"{listing.trace.name}_and_gradient")
        parameters = [
            *[f"const double *restrict {self.given[x]}" for x in inputs],
            *[f"double *restrict {targets[path]}" for path in outputs],
            *[f"double {self.given[x]}" for x in numbers],
        ]
        head = laid_out(f"double {name}(", ", ".join(parameters), ") {")
        inner = ["int unlike = 0;", *body]
        function = "\n".join([*head, *[f"    {line}" if line else "" for line in inner], "}"])
        shapes = ", ".join(f"{self.given[x]} {x.shape}" for x in inputs)
        texts = [self.beginning(function, shapes), *self.functions.texts.values(), function]
        return Program("\n\n".join(texts) + "\n", name, inputs, [*outputs], numbers)

    def beginning(self, function: str, shapes: str) -> str:
        text = "\n".join([*self.functions.texts.values(), function])
        parameters = {1: "double", 2: "double, double"}
        simd = [
            f'__attribute__((simd("notinbranch"))) double {x}({parameters[1 + (x == "pow")]});'
            for x in VECTORISED
            if re.search(rf"\b{x}\(", text)
        ]
        about = textwrap.wrap(
            f"{self.listing.trace.name} and its gradient, written from its code by reverse-mode "
            f"differentiation. Arrays, row after row in memory: {shapes}. NaN is returned for "
            "numbers that the function refuses.",
            94,
        )
        lines = ["/* " + "\n   ".join(about) + " */", "", "#include <math.h>"]
        if simd:
            lines += ["", "#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)"]
            lines += ["#if __GLIBC_PREREQ(2, 35)", *simd, "#endif", "#endif"]
        return "\n".join(lines)

    def writes(self, targets: Mapping[Path, str]) -> Iterator[Write]:
        """Yield the lines that hand gradients out."""
        terms = self.listing.terms
        for path, target in targets.items():
            x, gradient = terms.inputs[path], self.listing.gradients[path]
            at = indices(x.shape)
            for axis, p in enumerate(at):
                if isinstance(p, Index):
                    self.equations.axes.join(p, (x, axis))
            for _, place in self.places(at):
                depth = self.depths[gradient] if self.letter in place else None
                text = self.names[gradient, place]
                yield Write(f"{target}[{offset(place, x.shape)}] = {text};", gradient, depth)

    def between(self, depth: int) -> list[str]:
        """Write what depends on no example, behind some loops."""
        sums = {x.name for x in self.sums}
        body = []
        for equation in self.equations.equations:
            if not self.is_local(equation) and self.depths[equation.term] == depth:
                lines = [x for x in self.lines[equation.term] if x.name not in sums]
                body += self.block(equation, lines)
        return body

    def block(
        self, equation: Equation, lines: Sequence[Line], more: Sequence[str] = ()
    ) -> list[str]:
        """Write lines below their equation."""
        texts = [y for x in lines for y in (*x.before, f"const double {x.name} = {x.text};")]
        if not texts and not more:
            return []
        return [f"// {' = '.join(self.equations.sides(equation, TEXT))}", *texts, *more]

    def loop(self, depth: int, writes: Sequence[Write]) -> list[str]:
        """Write a pass over the examples, with all that its sums and what it hands out need."""
        sums = [x for x in self.sums if x.depth == depth]
        if not sums and not writes:
            return []
        local = {x.term: x for x in self.equations.equations if self.is_local(x)}
        needed: set[Term] = set()
        stack = [x.gradient for x in writes] + [y for x in sums for y in terms_of(x.of)]
        while stack:
            term = stack.pop()
            if term in local and term not in needed:
                needed.add(term)
                stack += terms_of(local[term].right)
        body: list[str] = []
        for equation in self.equations.equations:
            added = [line for x in sums if x.equation is equation for line in x.lines]
            lines = self.lines[equation.term] if equation.term in needed else []
            body += self.block(equation, lines, added)
        declared = laid_out("double ", ", ".join(f"{x.name} = 0.0" for x in sums), ";")
        head = "#pragma omp simd"
        if any(line.startswith("unlike") for line in body):
            head += " reduction(|: unlike)"
        if sums:
            head += f" reduction(+: {', '.join(x.name for x in sums)})"
        return [
            *(declared if sums else []),
            "\\\n".join(textwrap.wrap(head, 90)),
            f"for (long {self.letter} = 0; {self.letter} < {self.length}; {self.letter}++) {{",
            *[f"    {line}" for line in [*body, *[x.line for x in writes]]],
            "}",
        ]


def terms_of(formula: Formula) -> list[Term]:
    return [x.term for x in all_parts(formula) if isinstance(x, Entry)]


def laid_out(start: str, items: str, end: str) -> list[str]:
    """Write a list in brackets over as many lines as it needs."""
    if len(start) + len(items) + len(end) <= 94:
        return [f"{start}{items}{end}"]
    # An item stays in one line.
    lines = textwrap.wrap(f"{items}{end}".replace(" ", "~").replace(",~", ", "), 90)
    return [start.rstrip(), *["    " + line.replace("~", " ") for line in lines]]
