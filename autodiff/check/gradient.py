"""`check_gradient`: gradients held against numerical differentiation, and a report of it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from autodiff.arguments import (
    as_positions,
    described,
    leaves,
    name_of,
    pairs,
    parameter_names,
    positions_of,
    tree_map,
)
from autodiff.arrays import FLOAT64, as_data
from autodiff.check import slopes as numerical
from autodiff.check.slopes import EPS, Derivatives, Slope, is_float
from autodiff.graph import Node
from autodiff.transforms import grad

ROUNDINGS = 256.0  # of the largest derivative, which a gradient may be off by
SHOWN = 3  # entries that are shown of each argument


def check_gradient(
    f: Callable[..., Any], *args: Any, gradients: Any = None, seed: int = 0
) -> GradientCheck:
    """Compare gradients of `f` in its first argument with numerical differentiation; report it.

    `gradients` are to be checked, in the structure that `grad(f)` returns; without them the
    engine's are. `f` takes numbers, arrays and nested structures of them and returns one number; it
    is called on copies, in float64. Arrays of more than 24 entries are checked at 8 random entries
    and along 4 random unit vectors, drawn with `seed`.

    A gradient is wrong where it is further from the numerical one than the error of that and its
    own rounding explain. At a kink everything between the derivatives on either side is right.
    Nothing is decided where fewer than two digits of the largest derivative are attainable.

    Raises TypeError where an argument is no structure of real numbers or `f` returns no number,
    and ValueError where `f` is not finite at the point or gradients have another structure.
    """
    point = Point(f, args)
    report = GradientCheck(point.name, "engine" if gradients is None else "yours", point.problems)
    given = point.matched(grad(f)(*point.arguments()) if gradients is None else gradients)
    if point.is_random:
        report.arguments = [Argument(name, "undecided") for name in point.names]
        return report
    eps = EPS if gradients is None else max([point.eps, *map(eps_of, given)])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # f is called far from the point, and on complex numbers
        compare(point, given, eps, np.random.default_rng(seed), report)
    if any(np.size(x) > numerical.MANY for x in point.xs):
        report.seed = seed
    return report


def named_ratio(
    yours: Any, right: Any, sizes: Mapping[str, int], tolerance: float = 1e-9
) -> str | None:
    """Return the factor k of `yours` = k * `right` in words, or None if no k is right to 1e-9.

    The arrays have one shape; entries where both are 0 are ignored, and one must be left. `sizes`
    are lengths that k may come from, by the letter that they are called, such as {"N": 500}. The
    words are "the opposite sign", "exactly 2 times", "exactly 1/2 of", "exactly N times, with
    N = 500", "exactly 1/N^2 of, with N = 500", the same with "minus", or else "1.2345 times".
    """
    yours, right = np.asarray(yours, float), np.asarray(right, float)
    counted = (yours != 0.0) | (right != 0.0)
    yours, right = yours[counted], right[counted]
    if not yours.size or not np.all(np.isfinite(yours) & np.isfinite(right) & (right != 0.0)):
        return None
    ratio = float(np.median(yours / right))

    def is_near(x: Any, y: Any) -> bool:
        return bool(np.all(abs(x - y) <= tolerance * abs(y)))

    if not is_near(yours / right, ratio):
        return None
    if is_near(ratio, -1.0):
        return "the opposite sign"
    minus, size = "minus " if ratio < 0.0 else "", abs(ratio)
    simple = Fraction(size).limit_denominator(12)
    if simple.numerator <= 12 and is_near(size, float(simple)):
        return f"exactly {minus}{simple} {'times' if simple.denominator == 1 else 'of'}"
    for letter, n in sizes.items():
        for name, k in (letter, n), (f"{letter}^2", n**2):
            if is_near(size, k):
                return f"exactly {minus}{name} times, with {letter} = {n}"
            if is_near(size * k, 1.0):
                return f"exactly {minus}1/{name} of, with {letter} = {n}"
    return f"{ratio:.{10 if abs(size - 1.0) < 1e-5 else 6}g} times"


class Point:
    """A function at a point, called with the leaves of its arguments in a list.

    Those of the first argument come first: `xs` in float64, with the `names` that the report gives
    them. `problems` are sentences about a function whose gradient says little.
    """

    def __init__(self, f: Callable[..., Any], args: Sequence[Any]) -> None:
        positions_of(f, as_positions(f, 0), args)
        self.f, self.name, self.args = f, name_of(f), list(args)
        known = parameter_names(f)
        self.roots = [known.get(i, f"argument {i + 1}") for i in range(len(args))]
        self.names: list[str] = []
        self.xs: list[Any] = []
        tree_map(self.differentiate, args[0], None if isinstance(args[0], dict) else self.roots[0])
        found = leaves(self.args)
        self.eps = max(map(eps_of, found), default=EPS)  # of the coarsest
        self.others = [x.astype(FLOAT64) if eps_of(x) > EPS else x for x in found[len(self.xs) :]]
        self.leaves = self.xs + self.others
        self.problems: list[str] = []
        self.look()

    def differentiate(self, x: Any, name: str | None) -> None:
        """Note a number or array to differentiate in, and its name."""
        if isinstance(x, Node):
            raise TypeError(
                f"{name} is a {described(x)}; check_gradient takes numbers, such as its .data"
            )
        data = np.array(as_data(x, str(name)), FLOAT64)
        self.names.append(str(name))
        self.xs.append(data if isinstance(x, np.ndarray) else data[()])

    def look(self) -> None:
        """Note whether `f` changes its arguments or gives another value when called again."""
        args = self.arguments()
        value, again = number(self.f(*args), self.name), self.at(self.leaves)
        if not (isinstance(value, float) and math.isfinite(value)):
            raise ValueError(
                f"{self.name} returned {value} at this point, and only a finite real number has a "
                "gradient"
            )
        for root, before, after in zip(self.roots, self.arguments(), args):
            if not is_same(before, after):
                self.problems.append(
                    f"{self.name} changes its argument {root}; it should compute a new one."
                )
        self.is_random = not abs(again - value) <= 64.0 * EPS * abs(value)
        if self.is_random:
            self.problems.append(
                f"{self.name} is not deterministic: called twice with the same arguments it "
                f"returned {value:.10g} and {again:.10g}."
            )

    def arguments(self, xs: Sequence[Any] | None = None) -> Any:
        """Return copies of the arguments, with the leaves `xs`."""
        copies = iter([x.copy() if isinstance(x, np.ndarray) else x for x in xs or self.leaves])
        return tree_map(lambda *_: next(copies), self.args)

    def at(self, xs: Sequence[Any]) -> Any:
        """Return the value of `f` for other leaves; NaN where it has none."""
        try:
            return number(self.f(*self.arguments(xs)), self.name)
        except Exception:  # f need not bear what nobody asked it about
            return math.nan

    def matched(self, gradients: Any) -> list[Any]:
        """Return the leaves of gradients that have the structure of the first argument."""
        try:
            found = [g for _, g in pairs(self.args[0], gradients)]
        except ValueError as error:
            raise ValueError(
                f"gradients have not the structure that grad({self.name}) returns: {error}"
            ) from None
        for name, g in zip(self.names, found):
            as_data(g, f"the gradient of {name}")
        return [np.asarray(g) for g in found]

    def sizes(self) -> dict[str, int]:
        """Return the length N of the data: of the leading axis of all other arrays."""
        lengths = {len(x) for x in self.others if isinstance(x, np.ndarray) and x.ndim}
        return {"N": lengths.pop()} if len(lengths) == 1 else {}


def number(y: Any, name: str) -> Any:
    """Return what a function returned as a float, or as a complex number."""
    found = np.asarray(y._raw if isinstance(y, Node) else y)
    if found.size != 1 or found.dtype.kind not in "biufc":
        raise TypeError(
            f"{name} returned {described(y)}; a gradient is that of one number, such as a sum or a "
            "mean"
        )
    return complex(found.item()) if found.dtype.kind == "c" else float(found.item())


def eps_of(x: Any) -> float:
    """Return what an array or number is rounded to, relative to itself."""
    return float(np.finfo(np.asarray(x).dtype).eps) if is_float(x) else EPS


def is_same(before: Any, after: Any) -> bool:
    """Say whether two arguments have the same structure and the same numbers in it."""
    try:
        return all(
            x is y or np.array_equal(x, y, equal_nan=is_float(x)) for x, y in pairs(before, after)
        )
    except (TypeError, ValueError):
        return False


@dataclass
class Entry:
    """A derivative in one entry of an argument, or along a direction, and what was found of it.

    `label` is what the report calls it, `index` its place or the name of the direction, and
    `allowed` what `given` may be off by.
    """

    label: str
    index: tuple[int, ...] | str
    given: float
    slope: Slope
    allowed: float

    @property
    def difference(self) -> float:
        """The given derivative minus the numerical one, at a kink the nearest between the sides."""
        low, high = sorted([self.slope.left, self.slope.right])
        return self.given - min(max(self.given, low), high)

    @property
    def excess(self) -> float:
        """How many times the difference is what rounding explains."""
        excess = abs(self.difference) / self.allowed if self.difference else 0.0
        return math.inf if math.isnan(excess) else excess

    @property
    def is_wrong(self) -> bool:
        """Whether rounding does not explain the difference."""
        return self.excess > 1.0


@dataclass
class Argument:
    """What was found of an array or number in the first argument; `sentences` explain it."""

    name: str
    verdict: str
    entries: list[Entry] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    ratio: str | None = None

    @property
    def worst(self) -> list[Entry]:
        """The entries to show, of a wrong argument the wrong ones, the worst of them first."""
        chosen = [e for e in self.entries if e.is_wrong or self.verdict != "wrong"]
        return sorted(chosen, key=lambda e: e.excess, reverse=True)[:SHOWN]


def compare(
    point: Point, given: Sequence[Any], eps: float, rng: np.random.Generator, report: GradientCheck
) -> None:
    """Measure the derivatives, judge the given ones, which are rounded to `eps`, and report it."""
    derivatives = Derivatives(point.at, point.leaves, len(point.xs), eps, rng)
    fits = [g.shape == np.shape(x) for x, g in zip(point.xs, given)]
    chosen = [[*numerical.directions(x, rng)] if fit else [] for x, fit in zip(point.xs, fits)]
    slopes = iter(derivatives.slopes([(i, d) for i, ds in enumerate(chosen) for _, d in ds]))
    rounding = derivatives.change() + ROUNDINGS * eps * derivatives.largest

    def entry(i: int, index: tuple[int, ...] | str, d: Any, slope: Slope) -> Entry:
        label = point.names[i] + (f", {index}" if isinstance(index, str) else f"{[*index] or ''}")
        along = float(np.sum(given[i] * d, where=d != 0.0, dtype=FLOAT64))
        return Entry(label, index, along, slope, slope.error + rounding)

    def culprit(i: int) -> Entry:
        """Return the entry that a search by halves leads to, along random directions."""
        x = point.xs[i]

        def excess(places: Any) -> float:
            d = numerical.unit(x, places, rng)
            return entry(i, "", d, derivatives.slope(i, d)).excess

        places = np.arange(x.size)
        while len(places) > 1:
            places = max(np.array_split(places, 2), key=excess)
        d = numerical.unit(x, places)
        return entry(i, numerical.as_index(places[0], x), d, *derivatives.slopes([(i, d)]))

    report.method = "extrapolated central differences"
    if derivatives.is_complex:
        report.method = f"complex step, which {report.method} confirm"
    for i, (name, lines) in enumerate(zip(point.names, chosen)):
        argument = Argument(name, "right", [entry(i, *line, next(slopes)) for line in lines])
        if any(e.slope.is_kink for e in argument.entries):  # which along a direction may cancel
            argument.entries = [e for e in argument.entries if isinstance(e.index, tuple)]
        wrong = [e.index for e in argument.entries if e.is_wrong]
        if wrong and all(isinstance(index, str) for index in wrong):
            argument.entries.append(culprit(i))
        judge(argument, derivatives, report, point.sizes())
        if not fits[i]:
            argument.verdict, shapes = "wrong", (np.shape(point.xs[i]), given[i].shape)
            argument.sentences = ["{} has shape {}, but its gradient {}.".format(name, *shapes)]
        report.arguments.append(argument)
    entries = [e for a in report.arguments for e in a.entries if not e.slope.is_kink]
    known = [e.allowed for e in entries if not derivatives.is_lost(e.allowed)]
    if derivatives.largest and known:
        report.accuracy = max(known) / derivatives.largest


def judge(
    argument: Argument, derivatives: Derivatives, report: GradientCheck, sizes: Mapping[str, int]
) -> None:
    """Set the verdict on an argument, and say what explains it."""
    entries, say = argument.entries, argument.sentences.append
    lost = [e for e in entries if derivatives.is_lost(e.allowed)]
    if any(e.is_wrong and e not in lost for e in entries):
        argument.verdict = "wrong"
        argument.ratio = ratio_of(entries, max(1e-9, 16.0 * derivatives.eps), sizes)
        if argument.ratio:
            say(f"{argument.name}, {report.side} compared with numerical: {argument.ratio}.")
    elif lost:
        argument.verdict = "undecided"
        say(
            f"{lost[0].label}: numerical differentiation gives {lost[0].slope.value:.3g}, and "
            f"{lost[0].allowed:.1g} more or less is no mistake: {report.function} is noisy or not "
            "smooth here, or its gradient too small beside its terms or its value."
        )
    for e in [e for e in entries if e.slope.is_kink][:SHOWN]:
        say(
            f"{e.label}: {report.function} has a kink here; its derivative is {e.slope.left:.6g} "
            f"on the left and {e.slope.right:.6g} on the right."
        )


def ratio_of(entries: Sequence[Entry], tolerance: float, sizes: Mapping[str, int]) -> str | None:
    """Return the constant factor between given and numerical derivatives in words, if any.

    Where there is one entry any factor is constant, and only one with a name says something.
    """
    sharp = [e for e in entries if e.slope.error <= tolerance * abs(e.slope.value)]
    words = named_ratio([e.given for e in sharp], [e.slope.value for e in sharp], sizes, tolerance)
    if not words or not (len(sharp) > 1 or words.startswith(("exactly", "the"))):
        return None
    k = sharp[0].given / sharp[0].slope.value
    fits = [abs(e.given - k * e.slope.value) <= (1.0 + abs(k)) * e.allowed for e in entries]
    return words if all(fits) and abs(k - 1.0) > tolerance else None


@dataclass
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
    arguments: list[Argument] = field(default_factory=list)
    method: str = "none"
    accuracy: float = math.nan
    seed: int | None = None

    def __bool__(self) -> bool:
        return not self.problems and all(a.verdict == "right" for a in self.arguments)

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
            if a.verdict == "wrong" and a.entries:
                header = ["entry", self.side, "numerical", "difference", "ratio"]
                tables.append([header, *map(row, a.worst)])
        sentences = [sentence for a in self.arguments for sentence in a.sentences]
        told = "\n".join([*self.problems, *sentences]), "\n".join(self.circumstances())
        return "\n\n".join(filter(None, [self.headline(), *map(aligned, tables), *told]))

    def headline(self) -> str:
        """Return the verdict in a line."""
        found = [
            f"{verdict} in {', '.join(names)}"
            for verdict in ("wrong", "undecided")
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
                f"Accuracy: differences above {self.accuracy:.0e} of the largest derivative are no "
                "rounding."
            )
        if self.seed is not None:
            yield (
                f"Of more than {numerical.MANY} entries {numerical.ENTRIES} were checked, and "
                f"{numerical.DIRECTIONS} directions, drawn with seed {self.seed}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return strings, lists and numbers, as JSON has them; infinity is "inf", NaN "nan"."""
        arguments = [{**vars(a), "entries": [*map(self.entry, a.worst)]} for a in self.arguments]
        return dict(tree_map(plain, {"ok": bool(self), **vars(self), "arguments": arguments}))

    def entry(self, e: Entry) -> dict[str, Any]:
        """Return an entry for `to_dict`."""
        return {
            "index": e.index if isinstance(e.index, str) else list(e.index),
            self.side: e.given,
            "numerical": e.slope.value,
            "left": e.slope.left,
            "right": e.slope.right,
            "difference": e.difference,
            "allowed": e.allowed,
        }


def row(e: Entry) -> list[str]:
    """Return an entry's line of the table of the worst."""
    low, high = sorted([e.slope.left, e.slope.right])
    numerical = f"{low:.6g} to {high:.6g}" if e.slope.is_kink else f"{e.slope.value:.9g}"
    ratio = "" if e.slope.is_kink or not e.slope.value else f"{e.given / e.slope.value:.8g}"
    return [e.label, f"{e.given:.9g}", numerical, f"{e.difference:.1e}", ratio]


def plain(x: Any, _path: str | None) -> Any:
    """Return a leaf as JSON can have it."""
    return x if not isinstance(x, float) or math.isfinite(x) else str(x)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is text and the others numbers."""
    first, *others = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        [name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, others))]
        for name, *cells in rows
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)
