"""Reads equations with indices as they are printed, as a mathematician would, and computes them."""

import itertools
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from samples import DEFINITIONS

Number = Callable[[Mapping[str, int]], Any]
"""What an expression is where the indices are these."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **DEFINITIONS,
    "σ": DEFINITIONS["sigmoid"],
    "σ'": DEFINITIONS["sigmoid_slope"],
    "ℒ": DEFINITIONS["logistic_cross_entropy"],
    "float32": np.float32,
    "floor_divide": np.floor_divide,
    "trunc": np.trunc,
}
RUNNING = {"Σ": sum, "max": max, "min": min, "log": math.log}
SIGNS = {"=": np.equal, "≠": np.not_equal, "<": np.less, "≤": np.less_equal}
SIGNS |= {">": np.greater, "≥": np.greater_equal}


def of(f: Callable[..., Any], *operands: Number) -> Number:
    return lambda e: f(*[x(e) for x in operands])


def product(a: Number, b: Number) -> Number:
    """Return a product, without the second factor where the first is a condition that fails."""
    return lambda e: x if (x := a(e)) is False else x * b(e)


class Blackboard:
    """Equations over `arrays`, by the names that they have there; `lengths` are those of letters.

    Raises ValueError for what could be read in two ways.
    """

    def __init__(self, arrays: Mapping[str, Any], lengths: Mapping[str, int]) -> None:
        self.arrays = {name: np.squeeze(x) for name, x in arrays.items()}
        self.lengths = lengths
        names = "|".join(map(re.escape, sorted([*arrays, *FUNCTIONS], key=len, reverse=True)))
        words = rf"(?:{names})(?![A-Za-z₀-₉])|(?:mod|if|else)\b|\d[\d.]*(?:e[-+]?\d+)?"
        self.token = re.compile(rf"\s*({words}|\S)")

    def equation(self, text: str) -> tuple[str, list[Any], Number]:
        """Return the name on the left, its subscripts, and the right side."""
        self.text, self.at = text, 0
        name = self.next()
        subscripts = self.subscripts()
        self.expect("=")
        right = self.choice()
        if self.peek():
            raise ValueError(f"{text} goes on with {text[self.at :]}")
        return name, subscripts, right

    def peek(self) -> str:
        found = self.token.match(self.text, self.at)
        return found[1] if found else ""

    def next(self) -> str:
        found = self.token.match(self.text, self.at)
        assert found, f"{self.text} ends too early"
        self.at = found.end()
        return found[1]

    def skip(self, *words: str) -> str:
        return self.next() if self.peek() in words else ""

    def expect(self, word: str) -> None:
        if not self.skip(word):
            raise ValueError(f"no {word} in {self.text} at {self.text[self.at :]}")

    # From loose to tight; `e` has what the indices are.

    def choice(self) -> Number:
        cases: list[tuple[Number, Number]] = []
        while True:
            last = cases and self.skip("else")
            value = self.junction()
            if last or not self.skip("if"):
                return lambda e: next((v for v, c in cases if c(e)), value)(e)
            cases.append((value, self.conditions()))

    def conditions(self) -> Number:
        """Read conditions up to a bracket or a case."""
        tests: list[Number] = []
        while True:
            left = self.sum()
            while sign := self.skip(*SIGNS):
                right = self.sum()
                tests.append(of(SIGNS[sign], left, right))
                left = right
            if not self.skip(",") or self.case_follows():
                return lambda e: all(test(e) for test in tests)

    def case_follows(self) -> bool:
        return bool(re.match(r"\s*else|[^\]]* if ", self.text[self.at :]))

    def junction(self) -> Number:
        value = self.sum()
        while sign := self.skip("∧", "∨"):
            right = self.sum()
            value = of(np.logical_and if sign == "∧" else np.logical_or, value, right)
        return value

    def sum(self) -> Number:
        value = self.term()
        while sign := self.skip("+", "-"):
            right = self.term()
            value = of(operator.add if sign == "+" else np.subtract, value, right)
        return value

    def term(self) -> Number:
        if self.skip("-"):
            inner = self.term()
            return of(operator.neg, inner)
        value, divided = self.power(), False
        while True:
            sign = self.skip("·", "/", "mod")
            if not sign and not (self.starts_factor()):
                return value
            if divided and sign != "/":
                raise ValueError(f"{self.text}: is what follows below the line?")
            divided |= sign == "/"
            right = self.power()
            operation = {"/": operator.truediv, "mod": operator.mod}.get(sign)
            value = of(operation, value, right) if operation else product(value, right)

    def starts_factor(self) -> bool:
        word = self.peek()
        return bool(word) and (
            word in "([⌊√Σ¬" or word in (*self.arrays, *FUNCTIONS, *RUNNING, *self.lengths)
        )

    def power(self) -> Number:
        if self.skip("¬"):
            inner = self.atom()
            return of(operator.not_, inner)
        if self.skip("-"):
            return of(operator.neg, self.power())
        base = self.atom()
        if self.skip("²"):
            return of(np.square, base)
        if not self.skip("^"):
            return base
        negative = self.skip("-")
        exponent = self.atom()
        return of(lambda a, b: a ** (-b if negative else b), base, exponent)

    def atom(self) -> Number:
        word = self.next()
        if word in self.arrays:
            return self.entry(self.arrays[word], self.subscripts())
        if word in self.lengths:
            return lambda e: e[word]
        if word == "Σ" or (word in RUNNING and self.peek() in ("_", "Σ")):
            return self.running(word)
        if word in FUNCTIONS:
            self.expect("(")
            operands = [self.junction()]
            while self.skip(","):
                operands.append(self.junction())
            self.expect(")")
            return of(FUNCTIONS[word], *operands)
        if word == "√":
            inner = self.atom()
            return of(np.sqrt, inner)
        if word in ("(", "[", "⌊"):
            inner = self.conditions() if word == "[" else self.choice()
            self.expect({"(": ")", "[": "]", "⌊": "⌋"}[word])
            return of(math.floor, inner) if word == "⌊" else inner
        if not word[0].isdigit():
            raise ValueError(f"{word} in {self.text}")
        number = float(word)
        return lambda e: number

    def running(self, word: str) -> Number:
        """Read a sum and the like: over its letters, of all factors that follow."""
        if word == "log":
            inner = self.term()
            return of(math.log, inner)
        over = [str(x) for x in self.subscripts(letters=True)]
        inner = self.term()

        def value(e: Mapping[str, int]) -> Any:
            if not e.keys().isdisjoint(over):
                raise ValueError(f"{self.text}: a letter twice")
            runs = itertools.product(*[range(self.lengths[x]) for x in over])
            return RUNNING[word]([inner({**e, **dict(zip(over, run))}) for run in runs])

        return value

    def subscripts(self, letters: bool = False) -> list[Any]:
        if not self.skip("_"):
            return []
        if self.skip("("):
            found = [self.sum()]
            while self.skip(","):
                found.append(self.sum())
            self.expect(")")
            return found
        word = re.compile(r"[a-z0-9]+").match(self.text, self.at)
        assert word, self.text
        self.at = word.end()
        if letters:
            return [*word[0]]
        return [(lambda e, x=x: int(x) if x.isdigit() else e[x]) for x in word[0]]

    def entry(self, array: Any, subscripts: list[Any]) -> Number:
        if array.ndim != len(subscripts):
            raise ValueError(f"{self.text}: {len(subscripts)} subscripts, {array.ndim} axes")
        return lambda e: array[tuple([int(x(e)) for x in subscripts])][()]
