"""The loop over examples: which axis it runs along, and what is known behind how many loops."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from autodiff.readings.indexed.equations import Equation, Equations
from autodiff.readings.indexed.formula import At, Entry, Index, Reduced, children
from autodiff.readings.terms import Term

LONGEST = 300
"""Numbers of an example: of more a compiler makes no fast program, and not within a second."""


class NoLoops(Exception):  # noqa: N818
    """Why a function is not written as loops over examples."""


class Loop:
    """A loop along the longest axis, by the letter of that.

    What depends on the letter is local, what is added up along the axis is known behind the loop.
    What reads a sum and is local has a loop of its own, in which all that it needs is computed
    again. The `depth` of what an equation computes is the number of loops before it.
    """

    def __init__(self, equations: Equations) -> None:
        self.equations = equations
        self.axis, self.length = self.longest()
        self.letter = equations.axes.letters.get(self.axis, ["i"])[0]
        self.depths: dict[Term, int] = {}
        for equation in equations.equations:
            self.depths[equation.term] = self.depth(equation.right)

    def longest(self) -> tuple[Any, int]:
        """Return the longest axis of all that is computed with, and its length."""
        lengths = {
            self.equations.axes.root(i): i.length
            for equation in self.equations.equations
            for i in self.equations.axes.letters_of(equation)
        }
        return max(lengths.items(), key=lambda item: item[1], default=(None, 0))

    def is_example(self, index: Any) -> bool:
        return isinstance(index, Index) and self.equations.axes.root(index) == self.axis

    def depth(self, x: Any) -> int:
        """Return how many loops are before a formula."""
        inner = max([self.depth(y) for y in children(x)], default=0)
        if isinstance(x, Entry):
            return max(inner, self.depths.get(x.term, 0))
        return inner + (isinstance(x, Reduced) and any(map(self.is_example, x.over)))

    def is_local(self, equation: Equation) -> bool:
        """Return whether an equation is computed for each example."""
        return any(map(self.is_example, equation.at))

    def places(self, at: At) -> Iterator[tuple[dict[Index, Any], tuple[Any, ...]]]:
        """Yield what the indices are for each entry of a result, and where it is."""
        if sum(map(self.is_example, at)) > 1:
            raise NoLoops("it compares each example with every other")
        runs: list[Sequence[Any]] = [
            [self.letter] if self.is_example(p) else range(p.length if isinstance(p, Index) else 1)
            for p in at
        ]
        if math.prod(map(len, runs)) > LONGEST:
            raise NoLoops(f"it has more than {LONGEST} numbers for each example")
        for place in product(*runs):
            yield {p: x for p, x in zip(at, place) if isinstance(p, Index)}, place
