"""Constant factors by the names that explain them: 2, 1/2, N, 1/N, N^2, and these with a sign."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

SMALL = 12  # numerators and denominators up to here are names
UNITS = {  # by the power of N: in words, and in code
    1: ("N times", "N"),
    -1: ("1/N of", "(1 / N)"),
    2: ("N^2 times", "N**2"),
    -2: ("1/N^2 of", "(1 / N**2)"),
}


class Factor(NamedTuple):
    """The number `times` * length ** `power`, where the length is called by its `letter`."""

    times: Fraction
    letter: str = ""
    length: int = 1
    power: int = 0

    def __float__(self) -> float:
        return float(self.times * Fraction(self.length) ** self.power)

    def fits(self, x: float, tolerance: float) -> bool:
        return abs(x - float(self)) <= tolerance * abs(float(self))

    @property
    def is_named(self) -> bool:
        """Whether it explains anything, as a length or a simple fraction does."""
        return bool(self.letter) or max(abs(self.times.numerator), self.times.denominator) <= SMALL

    @property
    def words(self) -> str:
        """What the factor does: "the opposite sign", "exactly 1/N of, with N = 500"."""
        k, size, sign = float(self), abs(self.times), "minus " if self.times < 0 else ""
        if not self.is_named:
            return f"{k:.{10 if abs(abs(k) - 1.0) < 1e-5 else 6}g} times"
        if self.letter:
            unit = UNITS[self.power][0].replace("N", self.letter)
            product = unit if size == 1 else f"{size} * {unit}"
            return f"exactly {sign}{product}, with {self.letter} = {self.length}"
        if k == -1.0:
            return "the opposite sign"
        return f"exactly {sign}{size} {'times' if size.denominator == 1 else 'of'}"

    @property
    def code(self) -> str:
        """The factor in Python: "2", "-N", "(1 / N)", "0.5 * N**2", "(1 / 3)"."""
        if not self.letter:
            decimal = f"{float(self):.6g}"
            is_decimal = self.times.denominator > 100 or Fraction(decimal) == self.times
            return decimal if is_decimal else f"({self.times})".replace("/", " / ")
        unit = UNITS[self.power][1].replace("N", self.letter)
        if abs(self.times) != 1:
            return f"{float(self.times):.6g} * {unit}"
        return f"-{unit}" if self.times < 0 else unit


def powers(letter: str, length: int) -> list[Factor]:
    """Return what a length explains: N, 1/N, N^2, 1/N^2, and these times -1, 2, -2, 1/2, -1/2.

    There are none of a length up to 2, of which fractions say as much.
    """
    multiples = [Fraction(x) for x in (1, -1, 2, -2, "1/2", "-1/2")] if length > 2 else []
    return [Factor(times, letter, length, power) for power in UNITS for times in multiples]


def share(x: float, letter: str, length: int) -> Factor:
    """Return the nearest of length, length / 2, length / 3, ... to a number."""
    return Factor(Fraction(1, round(length / x) or 1 if x else 1), letter, length, 1)


def fraction(x: float, denominators: int = SMALL) -> Factor:
    """Return the fraction with a small denominator that is nearest to a number."""
    return Factor(Fraction(x).limit_denominator(denominators))


def first_fitting(x: float, candidates: Iterable[Factor], tolerance: float) -> Factor:
    """Return the first factor that a number is, or else the number as it stands."""
    return next((y for y in candidates if y.fits(x, tolerance)), Factor(Fraction(x)))


def constant_factor(
    yours: Any, right: Any, lengths: Mapping[str, int], tolerance: float = 1e-9
) -> Factor | None:
    """Return the k of `yours` = k * `right`, arrays of one shape; None if no k is right to 1e-9.

    Entries where both are 0 are ignored, and one must be left. `lengths` are what k may come from,
    by the letter that they are called, such as {"N": 500}, if it is not a simple fraction.
    """
    yours, right = np.asarray(yours, float), np.asarray(right, float)
    counted = (yours != 0.0) | (right != 0.0)
    yours, right = yours[counted], right[counted]
    if not yours.size or not np.all(np.isfinite(yours) & np.isfinite(right) & (right != 0.0)):
        return None
    ratios = yours / right
    k = float(np.median(ratios))
    if not np.all(abs(ratios - k) <= tolerance * abs(k)):
        return None
    candidates = [fraction(k), *(x for item in lengths.items() for x in powers(*item))]
    return first_fitting(k, [x for x in candidates if x.is_named], tolerance)
