"""Statements entry by entry, with a letter for each axis."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from autodiff import primitives
from autodiff.readings.indexed.entries import Entries, entry_name
from autodiff.readings.indexed.formula import (
    Applied,
    At,
    Entry,
    Formula,
    Index,
    Position,
    Reduced,
    all_parts,
    children,
    formula,
    indices,
)
from autodiff.readings.listing import Listing, Statement
from autodiff.readings.notation import Style
from autodiff.readings.terms import Term
from autodiff.readings.writing import Writer

LETTERS = "ijklmnpqrsabcdefghtuvwxyz"


class Equation(NamedTuple):
    """A statement, and the entry of it at some indices as a formula."""

    statement: Statement
    at: At
    right: Formula

    @property
    def term(self) -> Term:
        return self.statement.term


class Equations:
    """The statements of a listing entry by entry.

    An index that runs along an axis has the letter of that axis in all equations; where two of an
    equation run along one axis, the second has another letter. `count` is the number of elements
    that a mean is taken of, None unless it is the same for all means.
    """

    def __init__(self, listing: Listing, statements: Sequence[Statement] = ()) -> None:
        self.listing = listing
        self.equations = [
            self.equation(x) for x in [*listing.forward, *listing.backward, *statements]
        ]
        known = {*listing.names.values()}
        names = {x: entry_name(s, known) if x.ndim else s for x, s in listing.names.items()}
        self.axes = Axes(self.equations, listing.writer.bars, {*names.values()})
        self.writer = Writer(names, listing.writer.bars, listing.writer.arrays)
        self.count = None if "N" in names.values() else self.counted()

    def counted(self) -> int | None:
        """Return of how many elements all means are, if the function divides by that nowhere."""
        counts, divisors = set(), set()
        for equation in self.equations:
            for x in all_parts(equation.right):
                if isinstance(x, Reduced) and x.primitive is primitives.mean:
                    counts.add(x.count)
                is_quotient = isinstance(x, Applied) and x.primitive is primitives.divide
                if is_quotient and x.term.forward and isinstance(x.operands[1], Entry):
                    divisors.add(x.operands[1].term.number)
        return counts.pop() if len(counts) == 1 and not counts & divisors else None

    def equation(self, statement: Statement) -> Equation:
        at = indices(statement.term.shape)
        return Equation(statement, at, formula(statement.term, at, self.operands(statement.term)))

    def operands(self, term: Term) -> Callable[[int, At], Formula]:
        return lambda i, at: self.entry(term.operands[i], at)

    def entry(self, term: Term, at: At) -> Formula:
        """Return an entry of a term: by its name if it has one, or what it computes."""
        if term.primitive is None or term in self.listing.names:
            return Entry(term, at)
        return formula(term, at, self.operands(term))

    def sides(self, equation: Equation, style: Style) -> tuple[str, str]:
        """Write both sides of an equation, in text or LaTeX."""
        entries = Entries(self.writer, style, self.axes.letters_of(equation), self.count)
        right = entries.written(equation.right).text
        right = "1/N" if right == "(1/N)" else right
        return entries.written(Entry(equation.term, equation.at)).text, right

    @property
    def legend(self) -> str:
        """What the letters stand for."""
        runs: dict[int, dict[str, None]] = {}
        for equation in self.equations:
            for index, letter in self.axes.letters_of(equation).items():
                runs.setdefault(index.length, {})[letter] = None
        ends = {n: "1" if n == 2 else f"…, {n - 1}" for n in runs if n}
        texts = [f"{', '.join(runs[n])} = 0, {ends[n]}" for n in ends]
        return ";  ".join([*texts, *([f"N = {self.count}"] if self.count else [])])


class Axes:
    """Which indices run along the same axis, and the letters for each axis."""

    def __init__(
        self, equations: Iterable[Equation], bars: Mapping[Term, Term], names: Container[str]
    ) -> None:
        self.same: dict[Any, Any] = {}
        self.letters: dict[Any, list[str]] = {}
        self.unused = iter([x for x in LETTERS if x not in names])
        for adjoint, term in bars.items():
            for axis in range(term.ndim):
                self.join((adjoint, axis), (term, axis))
        for equation in equations:
            for x in [Entry(equation.term, equation.at), *all_parts(equation.right)]:
                for axis, index in enumerate(x.at if isinstance(x, Entry) else ()):
                    if isinstance(index, Index) and index.length == x.term.shape[axis]:
                        self.join((x.term, axis), index)
        for equation in equations:
            self.letters_of(equation)

    def join(self, a: Any, b: Any) -> None:
        if self.root(a) != self.root(b):
            self.same[self.root(a)] = self.root(b)

    def root(self, key: Any) -> Any:
        while key in self.same:
            key = self.same[key]
        return key

    def letters_of(self, equation: Equation) -> dict[Index, str]:
        """Return the letters of the indices of an equation, none twice where both are meant."""
        found: dict[Index, str] = {}
        self.name_inner(equation.right, found, self.name(equation.at, found, frozenset()))
        return found

    def name(
        self, over: Iterable[Position], found: dict[Index, str], taken: frozenset[str]
    ) -> frozenset[str]:
        """Give indices letters; return these and those that were taken."""
        for index in over:
            if isinstance(index, Index):
                letters = self.letters.setdefault(self.root(index), [])
                found[index] = next((x for x in letters if x not in taken), "") or self.new()
                letters += [] if found[index] in letters else [found[index]]
                taken |= {found[index]}
        return taken

    def name_inner(self, x: Any, found: dict[Index, str], taken: frozenset[str]) -> None:
        inner = self.name(x.over, found, taken) if isinstance(x, Reduced) else taken
        for y in children(x):
            self.name_inner(y, found, inner)

    def new(self) -> str:
        return next(self.unused, "") or f"i{sum(map(len, self.letters.values()))}"
