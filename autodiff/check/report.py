"""What a check of gradients found, and its text: values that are made once and not changed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from autodiff.check.slopes import DIRECTIONS, ENTRIES, MANY, Slope

SHOWN = 3  # entries that are shown of each argument


class Verdict(StrEnum):
    """What is said of the gradient in an argument."""

    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Entry:
    """A given derivative in one entry of an argument, or along a direction, and the numerical one.

    `label` is what the report calls it, `index` its place or the name of the direction, `allowed`
    how far `given` may be off. Where the entry `is_lost`, that is too far to decide anything.
    """

    label: str
    index: tuple[int, ...] | str
    given: float
    slope: Slope
    allowed: float
    is_lost: bool

    @property
    def difference(self) -> float:
        """The given derivative minus the numerical one, at a kink the nearest between the sides."""
        low, high = sorted([self.slope.left, self.slope.right])
        return self.given - min(max(self.given, low), high)

    @property
    def excess(self) -> float:
        """The difference in units of what is allowed."""
        excess = abs(self.difference) / self.allowed if self.difference else 0.0
        return math.inf if math.isnan(excess) else excess

    @property
    def is_wrong(self) -> bool:
        """Whether rounding does not explain the difference."""
        return self.excess > 1.0

    def row(self) -> list[str]:
        """Return the entry's line of the table of the worst."""
        slope = self.slope
        low, high = sorted([slope.left, slope.right])
        numerical = f"{low:.6g} to {high:.6g}" if slope.is_kink else f"{slope.value:.9g}"
        ratio = "" if slope.is_kink or not slope.value else f"{self.given / slope.value:.8g}"
        return [self.label, f"{self.given:.9g}", numerical, f"{self.difference:.1e}", ratio]


@dataclass(frozen=True)
class Argument:
    """What was found about an array or number in the first argument.

    `ratio` is the factor between given and numerical derivatives in words, if it is constant;
    `mismatch` says what is wrong with the shape of a gradient, which has no entries then.
    """

    name: str
    verdict: Verdict
    entries: Sequence[Entry] = ()
    ratio: str | None = None
    mismatch: str | None = None

    @property
    def worst(self) -> list[Entry]:
        """The entries to show, of a wrong argument the wrong ones, the worst of them first."""
        chosen = [e for e in self.entries if e.is_wrong or self.verdict != Verdict.WRONG]
        return sorted(chosen, key=lambda e: e.excess, reverse=True)[:SHOWN]

    def explained(self, side: str, f: str) -> Iterator[str]:
        """Yield what there is to say about the gradient of `f` in this argument, in sentences."""
        if self.mismatch:
            yield self.mismatch
        if self.ratio:
            yield f"{self.name}, {side} compared with numerical: {self.ratio}."
        lost = [e for e in self.entries if e.is_lost and self.verdict == Verdict.UNDECIDED]
        for e in lost[:1]:
            yield (
                f"{e.label}: numerical differentiation gives {e.slope.value:.3g}, give or take "
                f"{e.allowed:.1g}: {f} is noisy or not smooth here, or its gradient too small "
                "beside its terms or its value."
            )
        for e in [e for e in self.entries if e.slope.is_kink][:SHOWN]:
            yield (
                f"{e.label}: {f} has a kink here; its derivative is {e.slope.left:.6g} on the left "
                f"and {e.slope.right:.6g} on the right."
            )


@dataclass(frozen=True)
class GradientCheck:
    """The report of `check_gradient`: true if every gradient is right, and its own text.

    `side` is whose gradients were checked, "yours" or "engine". `arguments` have the verdicts;
    `problems` are sentences about the function; `accuracy` is what rounding explains, relative to
    the largest derivative, NaN if nothing is decided; `seed` is what random entries were drawn
    with, None where all entries were checked.
    """

    function: str
    side: str
    problems: list[str]
    arguments: list[Argument]
    method: str = "none"
    accuracy: float = math.nan
    seed: int | None = None

    def __bool__(self) -> bool:
        return not self.problems and all(a.verdict == Verdict.RIGHT for a in self.arguments)

    def assert_ok(self) -> None:
        """Raise AssertionError with the text of the report unless it is true."""
        if not self:
            raise AssertionError(str(self))

    def __repr__(self) -> str:
        summary = [["argument", "verdict", "largest difference", "allowed"]]
        tables = [summary]
        for a in self.arguments:
            first = [f"{abs(x):.1e}" for e in a.worst[:1] for x in (e.difference, e.allowed)]
            summary.append([a.name, a.verdict, *(first or ["", ""])])
            if a.verdict == Verdict.WRONG and a.entries:
                header = ["entry", self.side, "numerical", "difference", "ratio"]
                tables.append([header, *map(Entry.row, a.worst)])
        sentences = [x for a in self.arguments for x in a.explained(self.side, self.function)]
        told = "\n".join([*self.problems, *sentences]), "\n".join(self.circumstances())
        return "\n\n".join(filter(None, [self.headline(), *map(aligned, tables), *told]))

    def headline(self) -> str:
        """Return the verdict in a line."""
        found = [
            f"{verdict} in {', '.join(names)}"
            for verdict in (Verdict.WRONG, Verdict.UNDECIDED)
            if (names := [a.name for a in self.arguments if a.verdict == verdict])
        ]
        whose = "Your gradient" if self.side == "yours" else "The engine's gradient"
        problem = f", and {self.function} has a problem" if self.problems else ""
        return f"{whose} of {self.function} is {' and '.join(found) or 'right'}{problem}."

    def circumstances(self) -> Iterator[str]:
        """Yield how the report was made, in sentences."""
        if self.method != "none":
            yield f"Method: {self.method}."
        if math.isfinite(self.accuracy):
            yield (
                f"Accuracy: rounding cannot explain differences above {self.accuracy:.0e} of the "
                "largest derivative."
            )
        if self.seed is not None:
            yield (
                f"Of more than {MANY} entries {ENTRIES} were checked, and {DIRECTIONS} directions, "
                f"drawn with seed {self.seed}."
            )


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is text and the others numbers."""
    first, *others = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        [name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, others))]
        for name, *cells in rows
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)
