"""Numerical derivatives: `Derivatives` with bounds of their errors, `central_gradient` without.

The functions that are differentiated take a list of arrays and return one number, NaN where they
have none. Each derivative is the slope at s = 0 of f(x + s d), where d moves one entry of an array
or all of them in a random direction.

Sources: complex steps, Squire and Trapp, SIAM Review 40 (1998); differences, Ridders, Advances in
Engineering Software 4 (1982); the rounding of f, Moré and Wild, SIAM Journal on Scientific
Computing 33 (2011).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

EPS = float(np.finfo(np.float64).eps)
COMPLEX_STEP = 1e-100
CENTRAL_STEP = 3e-4  # where rounding, eps / h, and what is left by extrapolation, h^4, are equal
LARGEST_STEP = 0.03
RATIO = 2.2  # of one step to the next; no power of 2, so that each of them rounds differently
LEVELS = 40
ENOUGH = 3e-11  # relative error from which no shorter step is tried
SAFETY = 10.0  # the bound of an error is so many times its estimate
ROUGH = 1e-2  # relative error from which nothing follows
MANY = 24  # entries; where there are more, some are drawn
ENTRIES, DIRECTIONS = 8, 4  # drawn from those
SHAKES = 6

Function = Callable[[list[Any]], Any]
Line = Mapping[int, Any]  # the direction in which each of some arrays moves
Rng = np.random.Generator
Row = list[tuple[float, float]]  # derivatives, each with its error


class Slope(NamedTuple):
    """A derivative, the bound of its error, and those on either side, which differ at a kink."""

    value: float
    error: float
    left: float
    right: float

    @property
    def is_kink(self) -> bool:
        return self.left != self.right


class Derivatives:
    """The derivatives of `f` at `xs`, in the first `n` of these arrays; floats have error `eps`.

    `is_complex` says whether complex steps are to be trusted, `largest` is the largest derivative
    so far, and `height` the largest value of f.
    """

    def __init__(self, f: Function, xs: Sequence[Any], n: int, eps: float, rng: Rng) -> None:
        self.f, self.xs, self.n, self.eps, self.rng = f, xs, n, eps, rng
        self.here: float = f(list(xs))
        self.noise = max(self.rounding(), EPS * abs(self.here))
        self.height = abs(self.here)
        self.is_complex, self.largest = True, 0.0

    def at(self, line: Line, s: complex, xs: Sequence[Any] | None = None) -> Any:
        """Return f(x + s d)."""
        moved = list(xs or self.xs)
        for i, d in line.items():
            moved[i] = moved[i] + s * d
        return self.f(moved)

    def rounding(self) -> float:
        """Return the rounding of f, from fourth differences with the least step that f can tell.

        The line is not through the point, where there may be kinks and zeros, but beside it.
        """
        aside, d = ({i: self.drawn(i) for i in range(self.n)} for _ in range(2))
        beside = [x + 1e-4 * aside[i] if i in aside else x for i, x in enumerate(self.xs)]
        for step in 10.0 ** np.arange(-9.0, -3.0):
            values = np.real([self.at(d, k * step, beside) for k in range(-4, 5)])
            if len(set(values)) == len(values):
                found = float(np.sqrt(np.mean(np.diff(values, 4) ** 2) / 70.0))
                return found if math.isfinite(found) else 0.0
        return 0.0

    def drawn(self, i: int) -> Any:
        """Return a random direction for array `i`, about as large as that."""
        return self.rng.uniform(-1.0, 1.0, np.shape(self.xs[i])) * np.maximum(abs(self.xs[i]), 1.0)

    def slopes(self, lines: Sequence[tuple[int, Any]]) -> list[Slope]:
        """Return the derivatives in array i along d for each (i, d).

        They are complex steps if differences are good enough to confirm all of them.
        """
        found = [self.slope(i, d) for i, d in lines]
        self.is_complex &= not all(x.is_kink for x in found)
        exact = []
        for (i, d), x in zip(lines, found if self.is_complex else ()):
            y = x.value if x.is_kink else self.complex_step({i: d})
            if self.is_lost(x.error) or not abs(y - x.value) <= x.error:
                self.is_complex = False
                break
            error = min(x.error, SAFETY * max(16.0 * EPS * abs(y), self.noise))
            exact.append(x if x.is_kink else Slope(y, error, y, y))
        return exact if self.is_complex else found

    def slope(self, i: int, d: Any) -> Slope:
        """Return the derivative in array `i` along `d` by differences.

        Two are extrapolated: the central one, and how far those on either side are from it, which
        goes to 0 where there is no kink. Of all extrapolations those are taken that have the least
        error together. Steps shrink until rounding alone is more than that, or until it is small
        beside the derivative and the largest one.
        """

        def phi(s: float) -> float:
            y = self.at({i: d}, s)
            if isinstance(y, complex) or not math.isfinite(y):
                return math.nan
            self.height = max(self.height, abs(y))
            return float(y)

        value, error, gap = math.nan, math.inf, 0.0
        central, apart = Row(), Row()
        start = LARGEST_STEP * float(np.max(abs(self.xs[i]), where=d != 0.0, initial=1.0))
        for level in range(LEVELS):
            h = start / RATIO**level
            up, down = phi(h), phi(-h)
            if math.isnan(down):  # `phi` may end here, and goes on as it came
                down = 2.0 * self.here - up
            elif math.isnan(up):
                up = 2.0 * self.here - down
            rounding = max(self.noise, EPS * abs(up), EPS * abs(down)) / h
            central = extrapolated(central, (up - down) / (2.0 * h), 2)
            apart = extrapolated(apart, (up - 2.0 * self.here + down) / (2.0 * h), 1)
            for (x, x_error), (y, y_error) in zip(central, apart):
                if x_error + y_error + rounding < error:
                    value, error, gap = x, x_error + y_error + rounding, y
            if error <= max(RATIO * rounding, ENOUGH * max(self.largest, abs(value))):
                break
        self.largest = max(self.largest, abs(value))
        error *= SAFETY
        if abs(gap) > error:
            return Slope(value, error, value - gap, value + gap)
        return Slope(value, error, value, value)

    def complex_step(self, line: Line, xs: Sequence[Any] | None = None) -> float:
        """Return imag(f(x + i h d)) / h, exact to rounding where f is analytic; else NaN."""
        y = self.at(line, 1j * COMPLEX_STEP, xs)
        return y.imag / COMPLEX_STEP if isinstance(y, complex) else math.nan

    def is_lost(self, error: float) -> bool:
        """Return whether an error leaves less than two digits of the largest derivative.

        Where no derivative is told from 0, f says what is small; or f near the point, if f is 0.
        """
        size = self.largest
        if size <= error / SAFETY:
            size = max(size, 1e-3 * (abs(self.here) or self.height))
        return not error <= ROUGH * size

    def change(self) -> float:
        """Return by how much derivatives differ at points that rounding cannot tell apart.

        A computed gradient is about as far off as the gradient there is: that is what rounding does
        to it, terms that cancel included. All entries are moved at once, with random signs. In
        double precision the error of differences is more than that.
        """
        if self.eps == EPS and not self.is_complex:
            return 0.0
        line = {i: self.rng.choice([-1.0, 1.0], np.shape(self.xs[i])) for i in range(self.n)}

        def derivative(xs: Sequence[Any]) -> float:
            if self.is_complex:
                return self.complex_step(line, xs)
            h = 1e-3
            return float(np.real(self.at(line, h, xs) - self.at(line, -h, xs))) / (2.0 * h)

        def shaken(x: Any) -> Any:  # to less, so that probabilities stay so
            return x * (1.0 - 2.0 * self.eps * self.rng.uniform(size=np.shape(x)))

        here = derivative(self.xs)
        points = ([shaken(x) if is_float(x) else x for x in self.xs] for _ in range(SHAKES))
        changes = [abs(derivative(point) - here) for point in points]
        return SAFETY * max([x for x in changes if math.isfinite(x)], default=0.0)


def central_gradient(f: Function, xs: Sequence[Any]) -> list[Any]:
    """Return the derivatives of `f` in all entries of the arrays `xs`, in arrays of their shapes.

    They take four evaluations an entry: two central differences, extrapolated to step 0. The error
    is about 1e-11 where `f` is smooth and of the size of 1. `f` must not change what it is given.
    """
    xs = [np.asarray(x, float) for x in xs]

    def derivative(i: int, place: int) -> float:
        d = unit(xs[i], [place])
        row: Row = []
        for h in (CENTRAL_STEP, CENTRAL_STEP / RATIO):
            step = h * max(1.0, abs(float(xs[i].flat[place])))
            up, down = (f([*xs[:i], xs[i] + s * d, *xs[i + 1 :]]) for s in (step, -step))
            row = extrapolated(row, (up - down) / (2.0 * step), 2)
        return row[-1][0]

    return [
        np.reshape([derivative(i, k) for k in range(x.size)], x.shape) for i, x in enumerate(xs)
    ]


def extrapolated(coarse: Row, difference: float, power: int) -> Row:
    """Return the next row of Ridders' tableau: extrapolations to step 0, each with its error.

    The error of the difference is a series in the step to the powers `power`, `power` + 2, ...
    The error of an extrapolation is how far it is from the two that it was made from.
    """
    row = [(difference, math.inf)]
    for (last, _), k in zip(coarse, count(power, 2)):
        finer = row[-1][0]
        better = finer + (finer - last) / (RATIO**k - 1.0)
        row.append((better, abs(better - finer) + abs(better - last)))
    return row


def directions(x: Any, rng: Rng) -> Iterator[tuple[int | str, Any]]:
    """Yield the directions in which an array is checked, each after its entry's place or a name."""
    drawn = range(x.size) if x.size <= MANY else sorted(rng.choice(x.size, ENTRIES, replace=False))
    for i in drawn:
        yield int(i), unit(x, [i])
    for i in range(DIRECTIONS if x.size > MANY else 0):
        yield f"direction {i + 1}", unit(x, range(x.size), rng)


def unit(x: Any, places: Any, rng: Rng | None = None) -> Any:
    """Return an array like `x` that is 0 but at `places`, where it is 1 or a random unit vector.

    No entry of it is near 0, and no two are likely to cancel, so that no mistake hides from it.
    """
    d = np.zeros(x.size)
    d[places] = 1.0
    if rng:
        d[places] = rng.uniform(0.5, 1.5, len(places)) * rng.choice([-1.0, 1.0], len(places))
        d /= np.linalg.norm(d)
    return d.reshape(x.shape)[()]


def is_float(x: Any) -> bool:
    return isinstance(x, (float, np.ndarray, np.floating)) and np.asarray(x).dtype.kind == "f"
