"""Numbers of one example in C: a variable for each, and what is added up over the examples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

from autodiff import primitives
from autodiff.readings.indexed.equations import Equation, Equations
from autodiff.readings.indexed.formula import (
    COMPUTE,
    Chosen,
    Entry,
    Formula,
    Index,
    Moved,
    Position,
    Reduced,
    Whole,
)
from autodiff.readings.listing import Listing
from autodiff.readings.native.functions import NAMES, VECTORISED, Functions, joined, number
from autodiff.readings.native.loop import LONGEST, Loop, NoLoops
from autodiff.readings.notation import Identifiers, Written
from autodiff.readings.terms import Term

WIDEST = 32
"""Terms of a sum; of longer ones a product of matrices in BLAS is faster."""
WORDS = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while main unlike NAN INFINITY "
    "fabs sqrt copysign isnan isfinite"
)


class Label(str):
    """The text of a position that is found among the numbers of an example."""


class Sum(NamedTuple):
    """What is added to a variable for each example, behind `depth` loops, for an equation."""

    name: str
    lines: Sequence[str]
    depth: int
    equation: Equation
    of: Formula


class Line(NamedTuple):
    """A variable and its text, behind the lines that it needs."""

    name: str
    text: str
    before: Sequence[str]


class Formulas(Loop):
    """Writes equations of one entry each: a variable for every number of an example."""

    def __init__(self, listing: Listing) -> None:
        """Raises NoLoops."""
        if listing.terms.has_float32:
            raise NoLoops("it computes in float32")
        if listing.terms.value not in listing.names:
            raise NoLoops("its value is a constant")
        super().__init__(Equations(listing))
        self.listing = listing
        taken = [self.letter, *WORDS.split(), *VECTORISED, *NAMES, *vars(primitives)]
        self.identifiers = Identifiers(taken)
        arrays = [*listing.terms.inputs.values(), *[x for x, _ in listing.terms.arrays]]
        self.given = {x: self.new(listing.names[x]) for x in arrays}
        self.names: dict[tuple[Term, tuple[Any, ...]], str] = {}
        self.sums: list[Sum] = []
        self.functions = Functions()
        self.before: list[str] = []
        self.current = ""
        self.lines: dict[Term, list[Line]] = {}
        for equation in self.equations.equations:
            self.lines[equation.term] = [*self.entries(equation)]

    def new(self, wish: str) -> str:
        return self.identifiers.new(wish.encode("ascii", "ignore").decode() or "v")

    def entries(self, equation: Equation) -> Iterator[Line]:
        self.equation, start = equation, self.listing.names[equation.term]
        for env, place in self.places(equation.at):
            subscripts = [str(x) for x in place if x != self.letter]
            name = self.new("_".join([start, *subscripts]))
            self.names[equation.term, place] = name
            if len(self.names) > LONGEST:
                raise NoLoops(f"it has more than {LONGEST} numbers for each example")
            self.before = []
            self.current = name
            text = self.text(equation.right, env, name).text
            yield Line(name, text, self.before)

    # Formulas.

    def text(self, x: Formula, env: Mapping[Index, Any], name: str = "") -> Written:
        if isinstance(x, Entry):
            return self.entry(x.term, [self.position(p, env) for p in x.at])
        if isinstance(x, Reduced):
            return self.reduced(x, env, name)
        if isinstance(x, Chosen):
            return self.chosen(x, env)
        if isinstance(x, Whole):
            raise NoLoops("one of its functions is of whole arrays")
        operands = [self.text(y, env) for y in x.operands]
        if x.primitive is primitives.add and x.term.is_mask:
            return joined("({} || {})", *operands)
        template = self.functions.template(x.primitive, len(operands))
        if x.primitive in self.functions.refusing:
            arguments = ", ".join(y.text for y in operands)
            self.before.append(f"unlike |= {x.primitive.name}_unlike({arguments});")
        return joined(template, *operands)

    def position(self, p: Position, env: Mapping[Index, Any]) -> Any:
        """Return a position as a number, or as text where it depends on the example."""
        if isinstance(p, int):
            return p
        if isinstance(p, Index):
            if p not in env:
                raise NoLoops("it compares each example with every other")
            return env[p]
        if isinstance(p, Moved):
            left, right = self.position(p.left, env), self.position(p.right, env)
            if isinstance(left, Label) and p.sign == "%":
                return left  # a label below 0 is for the engine, as one that is too large is
            if isinstance(left, int) and isinstance(right, int):
                return COMPUTE[p.sign](left, right)
            kind = Label if Label in (type(left), type(right)) else str
            return kind(f"({left} {p.sign[0]} {right})")  # to C // is / of integers
        if isinstance(p, Entry) and p.term not in self.given and p.term not in self.listing.names:
            at = [self.position(q, env) for q in p.at]
            if not all(isinstance(q, int) for q in at):
                raise NoLoops("it picks elements by an array that is no argument")
            return int(p.term.data[tuple(at)])
        return Label(self.text(p, env).text)

    def entry(self, term: Term, place: Sequence[Any]) -> Written:
        if term.is_number and term not in self.listing.names:
            return number(term.number)
        for axis, p in enumerate(place):
            if isinstance(p, Label):
                return self.picked(term, place, axis)
        if term in self.given:
            at = f"[{offset(place, term.shape)}]" if term.shape else ""
            return Written(f"{self.given[term]}{at}")
        if (term, tuple(place)) not in self.names:
            raise NoLoops("it computes an example from another")
        return Written(self.names[term, tuple(place)])

    def picked(self, term: Term, place: Sequence[Any], axis: int) -> Written:
        """Write a choice among all entries that a label may pick."""
        label, n = place[axis], term.shape[axis]
        if n > WIDEST:
            raise NoLoops(f"a label picks one of more than {WIDEST}")
        each = [self.entry(term, [*place[:axis], k, *place[axis + 1 :]]).text for k in range(n)]
        self.before.append(f"unlike |= !({label} >= 0 && {label} < {n});")
        choices = "".join(f"{label} == {k} ? {x} : " for k, x in enumerate(each[:-1]))
        return Written(f"({choices}{each[-1]})")

    def reduced(self, x: Reduced, env: Mapping[Index, Any], name: str) -> Written:
        examples = [i for i in x.over if self.is_example(i)]
        rest = [i for i in x.over if i not in examples]
        if math.prod(i.length for i in rest) > WIDEST:
            raise NoLoops(f"a sum has more than {WIDEST} terms")
        if len(examples) > 1:
            raise NoLoops("it compares each example with every other")
        if examples and x.primitive.name not in ("sum", "mean"):
            raise NoLoops(f"it takes the {x.primitive.name} over examples")
        before = self.before
        if examples:
            self.before = []
            env = {i: p for i, p in env.items() if p != self.letter}
            env |= {examples[0]: self.letter}
        runs = product(*[range(i.length) for i in rest])
        each = [self.text(x.of, {**env, **dict(zip(rest, places))}) for places in runs]
        found = self.folded(x.primitive, each)
        is_mean = x.primitive is primitives.mean
        if examples:
            total = name if name and not is_mean else self.new(f"{self.current}_sum")
            lines = [*self.before, f"{total} += {found.text};"]
            self.sums.append(Sum(total, lines, self.depth(x.of), self.equation, x.of))
            found, self.before = Written(total), before
        return joined("{} / {}", found, number(x.count)) if is_mean else found

    def folded(self, primitive: Any, each: Sequence[Written]) -> Written:
        """Write what a reduction makes of some numbers."""
        if primitive in (primitives.max, primitives.min):
            name = "maximum" if primitive is primitives.max else "minimum"
            self.functions.require(name)
            return reduce(lambda a, b: joined(f"{name}({{}}, {{}})", a, b), each)
        if primitive is not primitives.logsumexp:
            return reduce(lambda a, b: joined("{} + {}", a, b), each)
        top = Written(self.new("top"))
        self.before.append(f"double {top.text} = {self.folded(primitives.max, each).text};")
        self.before.append(f"{top.text} = isfinite({top.text}) ? {top.text} : 0.0;")
        powers = [joined("exp({})", joined("{} - {}", x, top)) for x in each]
        return joined("{} + {}", joined("log({})", self.folded(primitives.sum, powers)), top)

    def chosen(self, x: Chosen, env: Mapping[Index, Any]) -> Written:
        tests = []
        for a, sign, b in x.conditions:
            left, right = self.position(a, env), self.position(b, env)
            if not (isinstance(left, int) and isinstance(right, int)):
                tests.append(f"{left} {sign} {right}")
            elif not COMPUTE[sign](left, right):
                return self.text(x.otherwise, env)
        then = self.text(x.then, env)
        if not tests:
            return then
        return Written(f"({' && '.join(tests)} ? {then.text} : {self.text(x.otherwise, env).text})")


def offset(place: Sequence[Any], shape: Sequence[int]) -> str:
    """Write where in memory an entry is."""
    texts, fixed, step = [], 0, math.prod(shape)
    for p, n in zip(place, shape):
        step //= n
        if isinstance(p, int):
            fixed += step * p
        else:
            texts.append(p if step == 1 else f"{step} * {p}")
    return " + ".join([*texts, *([str(fixed)] if fixed or not texts else [])])
