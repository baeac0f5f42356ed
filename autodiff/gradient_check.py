"""`check_gradient`: gradients held against numerical differentiation, and a report of it.

Every derivative here is the slope at s = 0 of f(x + s d), where d moves one entry of an argument
or, in a large one, all of them in a random direction.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from autodiff.arrays import FLOAT64, as_data
from autodiff.graph import Node
from autodiff.transforms import (
    as_positions,
    described,
    grad,
    name_of,
    parameter_names,
    positions_of,
)
from autodiff.tree import pairs, tree_map

EPS = float(np.finfo(np.float64).eps)
COMPLEX_STEP = 1e-100
LARGEST_STEP = 0.1
RATIO = 2.2  # of one step to the next; no power of 2, so that each of them rounds differently
LEVELS = 40
# Of 8,000 right gradients none was off by more than 0.3 of what these two allow.
SAFETY = 10.0  # times the error of the numerical derivative
ROUNDINGS = 256.0  # of the largest derivative
HOPELESS = 1e-3  # relative errors of numerical derivatives from which nothing follows,
ROUGH = 0.1  # and of given ones
MANY = 24  # entries; where there are more, some are drawn
ENTRIES, DIRECTIONS = 8, 4  # drawn from those
SHOWN = 3  # entries that are shown of each argument


def check_gradient(
    f: Callable[..., Any],
    *args: Any,
    gradients: Any = None,
    argnums: int | Sequence[int] = 0,
    seed: int = 0,
) -> GradientCheck:
    """Compare gradients of `f` at `args` with numerical differentiation and return a report.

    `gradients` are to be checked, in the structure that `grad(f, argnums)` returns; without them
    the engine's are. `f` takes numbers, arrays and nested structures of them and returns one
    number; it is called on copies, in float64. Arrays of more than 24 entries are checked at 8
    random entries and along 4 random unit vectors, drawn with `seed`.

    The numerical derivatives are complex steps where these agree with differences, and else the
    differences, extrapolated from several steps. A gradient is wrong where it is further from them
    than ten times what their error and its own rounding explain. At a kink everything between the
    derivatives on either side is right. Where fewer than three digits are attainable nothing is
    decided.

    Sources: complex steps, Squire and Trapp, SIAM Review 40 (1998); differences, Ridders, Advances
    in Engineering Software 4 (1982); the rounding of f, Moré and Wild, SIAM Journal on Scientific
    Computing 33 (2011).

    Raises TypeError where an argument is no structure of real numbers or `f` returns no number,
    and ValueError where `f` is not finite at the point or gradients have another structure.
    """
    point = Point(f, args, argnums)
    side = "engine" if gradients is None else "yours"
    if gradients is None:
        gradients = grad(f, argnums)(*point.arguments())
    given = point.matched(gradients)
    report = GradientCheck(point.name, side, point.problems)
    if point.is_random:
        report.arguments = [Argument(name, "undecided") for name in point.names]
        return report
    eps = max([point.eps, *map(eps_of, given)]) if side == "yours" else EPS
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # f is called far from the point, and on complex numbers
        compare(point, given, eps, np.random.default_rng(seed), report)
    if any(x.size > MANY for x in point.xs):
        report.seed = seed
    return report


def named_ratio(yours: Any, right: Any, sizes: Mapping[str, int]) -> str | None:
    """Return the factor k of `yours` = k * `right` in words, or None if no k is right to 1e-9.

    The arrays have one shape; entries where both are 0 are ignored, and one must be left. `sizes`
    are lengths that k may come from, by the letter that they are called, such as {"N": 500}. The
    words are "the opposite sign", "exactly 2 times", "exactly 1/2 of", "exactly N times, with
    N = 500", "exactly 1/N^2 of, with N = 500", the same with "minus", or else "1.2345 times".
    """
    ratio = constant_ratio(np.asarray(yours, float), np.asarray(right, float))
    return None if ratio is None else in_words(ratio, sizes)


def constant_ratio(yours: Any, right: Any, tolerance: float = 1e-9) -> float | None:
    """Return the k of `yours` = k * `right`, if there is one."""
    counted = (yours != 0.0) | (right != 0.0)
    yours, right = yours[counted], right[counted]
    if not yours.size or not np.all(np.isfinite(yours) & np.isfinite(right) & (right != 0.0)):
        return None
    ratios = yours / right
    middle = float(np.median(ratios))
    return middle if np.all(abs(ratios - middle) <= tolerance * abs(middle)) else None


def in_words(ratio: float, sizes: Mapping[str, int], tolerance: float = 1e-9) -> str:
    """Return a factor in words; see `named_ratio`."""

    def is_near(x: float, y: float) -> bool:
        return abs(x - y) <= tolerance * abs(y)

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
    """A function at a point: how to call it again, and what it does there.

    `xs` are the leaves of the differentiated arguments as float64 arrays, `names` what the report
    calls them, `problems` sentences about a function whose gradient says little.
    """

    def __init__(
        self, f: Callable[..., Any], args: Sequence[Any], argnums: int | Sequence[int]
    ) -> None:
        positions = positions_of(f, as_positions(f, argnums), args)
        if len(set(positions)) < len(positions):
            raise ValueError(f"argnums={argnums!r} names an argument twice")
        self.f, self.name = f, name_of(f)
        self.positions, self.several = positions, isinstance(argnums, Sequence)
        self.names: list[str] = []
        self.xs: list[Any] = []
        self.eps = EPS  # of the coarsest of the arguments
        self.args = [tree_map(lambda x, _: self.in_double(x), x) for x in args]
        known = parameter_names(f)
        self.roots = [known.get(i, f"argument {i + 1}") for i in range(len(args))]
        for i in positions:
            whole = self.several or not isinstance(args[i], dict)
            self.args[i] = tree_map(self.leaf, self.args[i], self.roots[i] if whole else None)
        self.problems: list[str] = []
        self.value = self.looked_at()

    def in_double(self, x: Any) -> Any:
        """Return an array or scalar in float64 if it has fewer digits, else as it is."""
        dtype = getattr(x, "dtype", None)
        if isinstance(x, (np.ndarray, np.floating)) and dtype in (np.float16, np.float32):
            self.eps = max(self.eps, eps_of(x))
            return x.astype(FLOAT64)
        return x

    def leaf(self, x: Any, name: str | None) -> Any:
        """Return a number or array to differentiate in; note it and its name."""
        if isinstance(x, Node):
            raise TypeError(
                f"{name} is a {described(x)}; check_gradient takes numbers, such as its .data"
            )
        data = np.array(as_data(x, str(name)), FLOAT64)
        self.names.append(str(name))
        self.xs.append(data)
        return data if isinstance(x, np.ndarray) else data[()]

    def looked_at(self) -> float:
        """Return the value of `f`; note whether it changes its arguments or gives another value."""
        args = self.arguments()
        value: Any = number(self.f(*args), self.name)
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
        again = number(self.f(*self.arguments()), self.name)
        self.is_random = not abs(again - value) <= 64.0 * EPS * abs(value)
        if self.is_random:
            self.problems.append(
                f"{self.name} is not deterministic: called twice with the same arguments it "
                f"returned {value:.10g} and {again:.10g}."
            )
        return value

    def arguments(
        self, xs: Sequence[Any] | None = None, args: Sequence[Any] | None = None
    ) -> list[Any]:
        """Return copies of all arguments, with the leaves `xs`."""
        left = iter(self.xs if xs is None else xs)
        made = list(self.args if args is None else args)
        for i, tree in enumerate(made):
            if i not in self.positions:
                made[i] = tree_map(lambda x, _: x.copy() if is_array(x) else x, tree)
        for i in self.positions:
            made[i] = tree_map(
                lambda x, _: next(left).copy() if is_array(x) else next(left)[()], self.args[i]
            )
        return made

    def at(self, xs: Sequence[Any], args: Sequence[Any] | None = None) -> Any:
        """Return the value of `f` for other leaves; NaN where it has none."""
        try:
            return number(self.f(*self.arguments(xs, args)), self.name)
        except Exception:  # f need not bear what nobody asked it about
            return math.nan

    def matched(self, gradients: Any) -> list[Any]:
        """Return the leaves of gradients that have the structure of the arguments."""
        trees = [self.args[i] for i in self.positions]
        try:
            found = [g for _, g in pairs(trees if self.several else trees[0], gradients)]
        except ValueError as error:
            raise ValueError(
                f"gradients have not the structure that grad({self.name}) returns: {error}"
            ) from None
        for name, g in zip(self.names, found):
            as_data(g, f"the gradient of {name}")
        return [np.asarray(g) for g in found]

    def sizes(self) -> dict[str, int]:
        """Return the length N of the data: of the leading axis of all other arrays."""
        lengths = {
            len(x)
            for i, tree in enumerate(self.args)
            if i not in self.positions
            for x in flat(tree)
            if is_array(x) and x.ndim
        }
        return {"N": lengths.pop()} if len(lengths) == 1 else {}


def number(y: Any, name: str) -> Any:
    """Return what a function returned as a float, or as a complex number."""
    found = np.asarray(y._raw if isinstance(y, Node) else y)
    if found.size != 1 or found.dtype.kind not in "biufc":
        raise TypeError(
            f"{name} returned {described(y)}; a gradient is that of one number, such as a sum or a "
            "mean"
        )
    return found.reshape(()).astype(np.complex128 if found.dtype.kind == "c" else FLOAT64).item()


def eps_of(x: Any) -> float:
    """Return what an array or scalar is rounded to, relative to itself."""
    return float(np.finfo(x.dtype).eps) if x.dtype.kind == "f" else EPS


def is_array(x: Any) -> bool:
    """Say whether a leaf is an array, and no single number or anything else."""
    return isinstance(x, np.ndarray)


def flat(tree: Any) -> list[Any]:
    """Return the leaves of a tree."""
    return [x for x, _ in pairs(tree, tree)]


def is_same(before: Any, after: Any) -> bool:
    """Say whether two arguments have the same structure and the same numbers in it."""

    def equal(x: Any, y: Any) -> bool:
        numbers = np.asarray(x).dtype.kind in "fc" and np.asarray(y).dtype.kind in "fc"
        return x is y or np.array_equal(x, y, equal_nan=numbers)

    try:
        return all(equal(x, y) for x, y in pairs(before, after))
    except ValueError:
        return False


class Slope(NamedTuple):
    """A derivative by differences, its error, those on either side, and the step that was best.

    At a kink `left` and `right` differ; elsewhere they are the derivative itself.
    """

    value: float
    error: float
    left: float
    right: float
    step: float

    @property
    def is_kink(self) -> bool:
        """Whether the derivatives on the two sides differ."""
        return self.left != self.right


class Tableau:
    """Differences for shorter and shorter steps h, extrapolated to 0 (Ridders).

    Their error is a series in `ratio` to the powers 1, 2, ... The best of all extrapolations is the
    one that differs least from those that it was made from, rounding added.
    """

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self.row: list[float] = []
        self.value, self.error, self.step = math.nan, math.inf, math.nan

    def add(self, difference: float, rounding: float, h: float) -> None:
        """Add the difference for the next step."""
        coarse, self.row = self.row, [difference]
        for j, last in enumerate(coarse):
            finer = self.row[j]
            better = finer + (finer - last) / (self.ratio ** (j + 1) - 1.0)
            error = abs(better - finer) + abs(better - last) + rounding
            self.row.append(better)
            if error < self.error:
                self.value, self.error, self.step = better, error, h


def slope(phi: Callable[[float], float], start: float, noise: float) -> Slope:
    """Return the derivative of `phi` at 0 from steps of `start` and less; `phi` is off by `noise`.

    Steps shrink until rounding alone is more than the error of the best derivative so far.
    """
    here = phi(0.0)
    central, right, left = Tableau(RATIO**2), Tableau(RATIO), Tableau(RATIO)
    for level in range(LEVELS):
        h = start / RATIO**level
        up, down = phi(h), phi(-h)
        rounding = max(noise, EPS * abs(up), EPS * abs(down)) / h
        central.add((up - down) / (2.0 * h), rounding, h)
        right.add((up - here) / h, rounding, h)
        left.add((here - down) / h, rounding, h)
        if rounding > max(central.error, right.error, left.error):
            break
    if math.isinf(left.error) or math.isinf(right.error):  # f ends here
        side = min(left, right, key=lambda tableau: tableau.error)
        return Slope(side.value, side.error, side.value, side.value, side.step)
    middle, error = (left.value + right.value) / 2.0, left.error + right.error
    if abs(right.value - left.value) > 2.0 * SAFETY * error:
        return Slope(middle, error, left.value, right.value, central.step)
    if central.error <= error:  # estimates can be too good; that the sides agree is another one
        middle, error = central.value, max(central.error, abs(right.value - left.value) / 2.0)
    return Slope(middle, error, middle, middle, central.step)


@dataclass
class Entry:
    """A derivative in one entry of an argument, or along a direction, and what was found of it.

    `index` has the entry's place, or a name of the direction. `difference` is how far `given` is
    from the numerical derivative, or at a kink from the nearest between those on either side;
    `allowed` is what it may be.
    """

    index: tuple[int, ...] | str
    direction: Any
    given: float
    slope: Slope
    exact: float = math.nan  # by complex step
    allowed: float = math.inf

    @property
    def is_kink(self) -> bool:
        """Whether the derivatives on the two sides differ."""
        return self.slope.is_kink

    @property
    def difference(self) -> float:
        """The given derivative minus the numerical one."""
        low, high = sorted([self.slope.left, self.slope.right])
        return self.given - (min(max(self.given, low), high) if self.is_kink else self.slope.value)

    @property
    def is_wrong(self) -> bool:
        """Whether rounding does not explain the difference; true of NaN."""
        return not abs(self.difference) <= self.allowed

    @property
    def excess(self) -> float:
        """How many times the difference is what it may be."""
        excess = abs(self.difference) / self.allowed if self.difference else 0.0
        return math.inf if math.isnan(excess) else excess


def compare(
    point: Point,
    given: Sequence[Any],
    eps: float,
    rng: np.random.Generator,
    report: GradientCheck,
) -> None:
    """Measure the derivatives, judge the given ones, which are rounded to `eps`, and report it."""
    measure = Measure(point, given, eps, rng)
    groups = []
    for i, (x, g) in enumerate(zip(point.xs, given)):
        chosen = directions(x, rng) if g.shape == x.shape else ()
        groups.append([measure.entry(i, index, d) for index, d in chosen])
    report.method = measure.settle(groups)
    for i, (name, entries) in enumerate(zip(point.names, groups)):
        if given[i].shape != point.xs[i].shape:
            sentence = f"{name} has shape {point.xs[i].shape}, but its gradient {given[i].shape}."
            report.arguments.append(Argument(name, "wrong", sentences=[sentence]))
            continue
        if any(e.is_kink for e in entries):  # slopes of several kinks along a direction may cancel
            entries = [e for e in entries if isinstance(e.index, tuple)]
        measure.allow(i, entries)
        wrong = [e.index for e in entries if e.is_wrong]
        if wrong and all(isinstance(index, str) for index in wrong):
            found = measure.culprit(i, rng)
            measure.allow(i, [found])
            entries.append(found)
        report.arguments.append(judged(name, entries, measure))


def directions(x: Any, rng: np.random.Generator) -> Iterator[tuple[tuple[int, ...] | str, Any]]:
    """Yield the entries in which an argument is checked, and the directions, with their names."""
    drawn = range(x.size) if x.size <= MANY else sorted(rng.choice(x.size, ENTRIES, replace=False))
    for i in drawn:
        yield as_index(i, x), unit(x, [i])
    for i in range(DIRECTIONS if x.size > MANY else 0):
        yield f"direction {i + 1}", unit(x, range(x.size), rng)


def unit(x: Any, places: Any, rng: np.random.Generator | None = None) -> Any:
    """Return an array like `x` that is 0 but at `places`, where it is 1 or a random unit vector.

    No entry of it is near 0, and no two are likely to cancel, so that no mistake hides from it.
    """
    d = np.zeros(x.size)
    d[places] = 1.0
    if rng:
        d[places] = rng.uniform(0.5, 1.5, len(places)) * rng.choice([-1.0, 1.0], len(places))
        d /= np.linalg.norm(d)
    return d.reshape(x.shape)


def shaken(point: Point, eps: float, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    """Return leaves and arguments with every float made smaller by up to `eps` of itself.

    A computed gradient is about as far off as the gradient there is: that is what rounding does to
    it, terms that cancel included. Smaller, so that a probability stays one.
    """

    def smaller(x: Any) -> Any:
        kind = np.asarray(x).dtype.kind
        return x * (1.0 - eps * rng.uniform(size=np.shape(x))) if kind == "f" else x

    args = [tree_map(lambda x, _: smaller(x), x) for x in point.args]
    return [smaller(x) for x in point.xs], args


class Measure:
    """Numerical derivatives at a point, by differences and, where they agree, by complex steps."""

    def __init__(
        self, point: Point, given: Sequence[Any], eps: float, rng: np.random.Generator
    ) -> None:
        self.point, self.given, self.eps = point, given, eps
        self.noise = noise_of(point, rng)
        self.near = [shaken(point, 2.0 * eps, rng) for _ in range(3)]
        self.is_complex = True
        self.largest = 0.0  # derivative
        self.change = 0.0  # of derivatives by rounding
        self.height = 0.0  # of f near the point

    def moved(self, i: int, d: Any, by: complex, xs: Sequence[Any]) -> list[Any]:
        """Return the leaves with leaf `i` moved along `d`."""
        return [x + by * d if i == k else x for k, x in enumerate(xs)]

    def entry(self, i: int, index: tuple[int, ...] | str, d: Any) -> Entry:
        """Return the derivatives of leaf `i` along `d`, the given one and the numerical ones."""

        def phi(by: float) -> Any:
            y = self.point.at(self.moved(i, d, by, self.point.xs))
            if isinstance(y, complex) or not math.isfinite(y):
                return math.nan
            self.height = max(self.height, abs(y))
            return y

        size = float(np.max(abs(self.point.xs[i]), where=d != 0.0, initial=1.0))
        start = LARGEST_STEP * size
        given = float(np.sum(self.given[i] * d, where=d != 0.0, dtype=FLOAT64))
        entry = Entry(index, d, given, slope(phi, start, self.noise))
        found = entry.slope
        if found.is_kink or not abs(entry.difference) <= SAFETY * found.error:
            # Long steps may pass over what f does near the point, and take a bend for a kink.
            again = slope(phi, 1e-4 * start, self.noise)
            unlike = abs(again.value - found.value) > SAFETY * (again.error + found.error)
            closer = abs(again.value - given) < abs(found.value - given)
            if not again.is_kink if found.is_kink else unlike and closer:
                entry.slope = again
        if self.is_complex and not entry.is_kink:
            entry.exact = self.complex_step(i, d, self.point.xs)
            gap = abs(entry.exact - entry.slope.value)
            self.is_complex = gap <= SAFETY * entry.slope.error
        return entry

    def complex_step(
        self, i: int, d: Any, xs: Sequence[Any], args: Sequence[Any] | None = None
    ) -> float:
        """Return imag(f(x + i h d)) / h, exact to rounding where f is analytic; else NaN."""
        y = self.point.at(self.moved(i, d, 1j * COMPLEX_STEP, xs), args)
        return y.imag / COMPLEX_STEP if isinstance(y, complex) else math.nan

    def difference(
        self, i: int, d: Any, h: float, xs: Sequence[Any], args: Sequence[Any] | None = None
    ) -> float:
        """Return the central difference with step h."""
        up, down = (self.point.at(self.moved(i, d, by, xs), args) for by in (h, -h))
        return float(np.real(up - down)) / (2.0 * h)

    def settle(self, groups: Sequence[Sequence[Entry]]) -> str:
        """Take the complex steps if all agree with the differences; return the method's name."""
        for i, e in [(i, e) for i, entries in enumerate(groups) for e in entries]:
            e.slope = self.settled(e)
            self.largest = max(self.largest, abs(e.slope.value))
            changes = [] if e.is_kink else self.changes(i, e)
            self.change = max([self.change, *[x for x in changes if math.isfinite(x)]])
        if self.is_complex:
            return "complex step, which extrapolated central differences confirm"
        return "extrapolated central differences"

    def settled(self, entry: Entry) -> Slope:
        """Return the derivative by complex step, if that is trusted, instead of differences."""
        if not self.is_complex or entry.is_kink:
            return entry.slope
        x = entry.exact
        error = min(entry.slope.error, max(16.0 * EPS * abs(x), self.noise))
        return Slope(x, error, x, x, entry.slope.step)

    def allow(self, i: int, entries: Sequence[Entry]) -> None:
        """Set what each derivative may be off by: its error, and the rounding of the given one.

        The latter is relative to the terms that were added, which may cancel: it shows in how
        derivatives change when all numbers are rounded.
        """
        for e in entries:
            terms = float(np.linalg.norm(self.given[i] * e.direction))
            size = max(self.largest, terms if math.isfinite(terms) else 0.0)
            e.allowed = SAFETY * (e.slope.error + self.change) + ROUNDINGS * self.eps * size

    def changes(self, i: int, e: Entry) -> list[float]:
        """Return by how much a derivative differs at points that rounding cannot tell apart."""
        d, h = e.direction, e.slope.step
        if self.is_complex:
            return [abs(self.complex_step(i, d, *near) - e.slope.value) for near in self.near]
        if self.eps == EPS:  # of which the error of differences is a multiple
            return []
        here = self.difference(i, d, h, self.point.xs)
        return [abs(self.difference(i, d, h, *near) - here) for near in self.near]

    def culprit(self, i: int, rng: np.random.Generator) -> Entry:
        """Return the entry that a search by halves leads to, along random directions."""
        x = self.point.xs[i]
        places = np.arange(x.size)
        while len(places) > 1:
            halves = np.array_split(places, 2)
            missed = [abs(self.entry(i, "", unit(x, half, rng)).difference) for half in halves]
            places = halves[1 if math.isnan(missed[1]) or missed[1] > missed[0] else 0]
        found = self.entry(i, as_index(places[0], x), unit(x, places))
        found.slope = self.settled(found)
        return found


def noise_of(point: Point, rng: np.random.Generator) -> float:
    """Return the rounding of `f`, from its fourth differences along a line (Moré and Wild).

    Steps grow from where nearly all numbers are rounded to the same, if `f` computes with fewer
    digits, to where `f` is no cubic any more and its fourth differences show that instead. The line
    is not through the point, where there may be kinks and zeros, but beside it.
    """

    def drawn() -> list[Any]:
        return [rng.uniform(-1.0, 1.0, x.shape) * np.maximum(abs(x), 1.0) for x in point.xs]

    beside, line = [x + 1e-4 * d for x, d in zip(point.xs, drawn())], drawn()
    noise, told_apart = EPS * abs(point.value), False
    for step in 10.0 ** np.arange(-9.0, -3.0):
        values = [point.at([x + k * step * d for x, d in zip(beside, line)]) for k in range(-4, 5)]
        found = float(np.sqrt(np.mean(np.diff(np.real(values), 4) ** 2) / 70.0))
        if told_apart and not found < 8.0 * noise:
            break
        noise = max(noise, found if math.isfinite(found) else 0.0)
        told_apart = len(set(values)) == len(values)
    return noise


def as_index(i: Any, x: Any) -> tuple[int, ...]:
    """Return the index of the i-th entry of an array."""
    return tuple(int(k) for k in np.unravel_index(i, x.shape))


@dataclass
class Argument:
    """What was found of a differentiated argument; `sentences` explain the verdict."""

    name: str
    verdict: str
    entries: list[Entry] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    ratio: str | None = None

    @property
    def worst(self) -> Entry | None:
        """The entry whose difference is the largest of what is allowed."""
        return max(self.entries, key=lambda e: e.excess, default=None)

    def worst_entries(self) -> list[Entry]:
        """Return the entries to show; of a wrong argument the wrong ones."""
        chosen = [e for e in self.entries if e.is_wrong or self.verdict != "wrong"]
        return sorted(chosen, key=lambda e: e.excess, reverse=True)[:SHOWN]

    @property
    def accuracy(self) -> float:
        """What differences may be, relative to the largest derivative; NaN if that is no more."""
        smooth = [e for e in self.entries if not e.is_kink]
        size = max([abs(e.slope.value) for e in smooth], default=0.0)
        allowed = max([e.allowed for e in smooth], default=0.0)
        return allowed / size if allowed < size else math.nan

    def doubt(self, e: Entry, function: str) -> str:
        """Return why an entry is undecided."""
        if SAFETY * e.slope.error > 0.5 * e.allowed:
            numerical = f"{e.slope.value:.3g}, give or take {SAFETY * e.slope.error:.1g}"
            if not math.isfinite(e.slope.error):
                numerical = "no finite derivative"
            return (
                f"{self.label(e)}: numerical differentiation gives {numerical}. {function} is "
                "noisy or not smooth here, or its gradient is too small beside its value."
            )
        return (
            f"{self.label(e)}: rounding alone may change a gradient of {e.slope.value:.3g} by "
            f"{e.allowed:.1g} here; use double precision or another point."
        )

    def label(self, entry: Entry) -> str:
        """Return what an entry is called."""
        if isinstance(entry.index, str):
            return f"{self.name}, {entry.index}"
        return self.name + (f"[{', '.join(map(str, entry.index))}]" if entry.index else "")


def judged(name: str, entries: list[Entry], measure: Measure) -> Argument:
    """Return the verdict on an argument."""
    argument = Argument(name, "right", entries)
    size = max([abs(e.slope.value) for e in entries], default=0.0)
    if any(size <= SAFETY * e.slope.error or size <= e.allowed for e in entries):
        # A gradient of 0 is one that is small beside the others, or beside f.
        size = max(measure.largest, 1e-8 * measure.height)
    undecided = [
        e
        for e in entries
        if not (SAFETY * e.slope.error <= HOPELESS * size and e.allowed <= ROUGH * size)
    ]
    wrong = [e for e in entries if e.is_wrong and e not in undecided]
    if wrong:
        argument.verdict = "wrong"
        argument.ratio = ratio_of(entries, measure)
    elif undecided:
        argument.verdict = "undecided"
        argument.sentences.append(argument.doubt(undecided[0], measure.point.name))
    kinks = [e for e in entries if e.is_kink]
    for e in kinks[:SHOWN]:
        argument.sentences.append(
            f"{argument.label(e)}: {measure.point.name} has a kink here; its derivative is "
            f"{e.slope.left:.6g} on the left and {e.slope.right:.6g} on the right."
        )
    if len(kinks) > SHOWN:
        argument.sentences.append(f"{name} has {len(kinks) - SHOWN} more entries at kinks.")
    return argument


def ratio_of(entries: Sequence[Entry], measure: Measure) -> str | None:
    """Return the constant factor between given and numerical derivatives in words, if any.

    Where there is one entry any factor is constant, and only one with a name says something.
    """
    tolerance = max(1e-9, 16.0 * measure.eps)
    sharp = [
        e for e in entries if not e.is_kink and e.slope.error < 0.1 * tolerance * abs(e.slope.value)
    ]
    yours, right = np.array([(e.given, e.slope.value) for e in sharp]).reshape(-1, 2).T
    k = constant_ratio(yours, right, tolerance)
    if k is None or abs(k - 1.0) <= tolerance:
        return None
    if any(abs(e.given - k * e.slope.value) > (1.0 + abs(k)) * e.allowed for e in entries):
        return None
    words = in_words(k, measure.point.sizes(), tolerance)
    return words if len(sharp) > 1 or words.startswith(("exactly", "the")) else None


@dataclass
class GradientCheck:
    """The report of `check_gradient`: true if every gradient is right, and its own text.

    `side` is whose gradients were checked, "yours" or "engine". `arguments` have the verdicts;
    `problems` are sentences about the function; `seed` is what random entries were drawn with, None
    where all entries were checked.
    """

    function: str
    side: str
    problems: list[str]
    arguments: list[Argument] = field(default_factory=list)
    method: str = "none"
    seed: int | None = None

    def __bool__(self) -> bool:
        return not self.problems and all(a.verdict == "right" for a in self.arguments)

    @property
    def accuracy(self) -> float:
        """The coarsest of the accuracies of arguments that are decided; NaN without any."""
        decided = [a for a in self.arguments if a.verdict != "undecided"]
        known = [a.accuracy for a in decided if math.isfinite(a.accuracy)]
        return max(known, default=math.nan)

    def assert_ok(self) -> None:
        """Raise AssertionError with the text of the report unless it is true."""
        if not self:
            raise AssertionError(str(self))

    def __repr__(self) -> str:
        parts = [self.headline(), aligned(self.verdicts(), left=2)]
        for a in self.arguments:
            if a.verdict == "wrong" and a.entries:
                parts.append(aligned(self.worst(a), left=1))
        sentences = [sentence for a in self.arguments for sentence in self.sentences(a)]
        parts.append("\n".join([*self.problems, *sentences]))
        parts.append("\n".join(self.circumstances()))
        return "\n\n".join(part for part in parts if part)

    def headline(self) -> str:
        """Return the verdict in a line."""
        found = [
            f"{verdict} in {', '.join(names)}"
            for verdict in ("wrong", "undecided")
            if (names := [a.name for a in self.arguments if a.verdict == verdict])
        ]
        whose = "Your gradient" if self.side == "yours" else "The engine's gradient"
        verdict = " and ".join(found) or "right"
        problem = f", and {self.function} has a problem" if self.problems else ""
        return f"{whose} of {self.function} is {verdict}{problem}."

    def verdicts(self) -> list[list[str]]:
        """Return the lines of the first table."""
        rows = [["argument", "verdict", "largest difference", "allowed"]]
        for a in self.arguments:
            worst = a.worst
            numbers = [f"{abs(worst.difference):.1e}", f"{worst.allowed:.1e}"] if worst else []
            rows.append([a.name, a.verdict, *(numbers or ["", ""])])
        return rows

    def worst(self, argument: Argument) -> list[list[str]]:
        """Return the lines of the table of the worst entries of an argument."""
        rows = [["entry", self.side, "numerical", "difference", "ratio"]]
        for e in argument.worst_entries():
            low, high = sorted([e.slope.left, e.slope.right])
            numerical = f"{low:.6g} to {high:.6g}" if e.is_kink else f"{e.slope.value:.9g}"
            ratio = "" if e.is_kink or not e.slope.value else f"{e.given / e.slope.value:.8g}"
            rows.append(
                [argument.label(e), f"{e.given:.9g}", numerical, f"{e.difference:.1e}", ratio]
            )
        return rows

    def sentences(self, argument: Argument) -> list[str]:
        """Return what explains a verdict."""
        if argument.ratio is None:
            return argument.sentences
        words = f"{argument.name}, {self.side} compared with numerical: {argument.ratio}."
        return [words, *argument.sentences]

    def circumstances(self) -> Iterator[str]:
        """Yield how the report was made, in sentences."""
        if self.method == "none":
            return
        yield f"Method: {self.method}."
        if math.isfinite(self.accuracy):
            yield (
                f"Accuracy: differences above {self.accuracy:.0e} of the largest entry of an "
                "argument are no rounding."
            )
        if self.seed is not None:
            yield (
                f"Of more than {MANY} entries {ENTRIES} were checked, and {DIRECTIONS} directions, "
                f"drawn with seed {self.seed}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return strings, lists and numbers, as JSON has them; infinity is "inf", NaN "nan"."""
        return {
            "ok": bool(self),
            "function": self.function,
            "side": self.side,
            "problems": list(self.problems),
            "method": self.method,
            "accuracy": plain(self.accuracy),
            "seed": self.seed,
            "arguments": [
                {
                    "name": a.name,
                    "verdict": a.verdict,
                    "ratio": a.ratio,
                    "sentences": self.sentences(a),
                    "accuracy": plain(a.accuracy),
                    "entries": [self.entry(e) for e in a.worst_entries()],
                }
                for a in self.arguments
            ],
        }

    def entry(self, e: Entry) -> dict[str, Any]:
        """Return an entry for `to_dict`."""
        return {
            "index": e.index if isinstance(e.index, str) else list(e.index),
            self.side: plain(e.given),
            "numerical": plain(e.slope.value),
            "left": plain(e.slope.left),
            "right": plain(e.slope.right),
            "difference": plain(e.difference),
            "allowed": plain(e.allowed),
        }


def plain(x: float) -> float | str:
    """Return a number as JSON can have it."""
    return x if math.isfinite(x) else str(x)


def aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Return a table whose first `left` columns are text and the others numbers."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)
