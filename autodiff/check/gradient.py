"""`check_gradient`: gradients measured by numerical differentiation, judged and reported."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from autodiff.arguments import (
    as_positions,
    described,
    filled,
    leaves,
    name_of,
    pairs,
    parameter_names,
    positions_of,
    tree_map,
)
from autodiff.arrays import FLOAT64, as_data
from autodiff.check.ratio import constant_factor
from autodiff.check.report import Argument, Entry, GradientCheck, Verdict
from autodiff.check.slopes import EPS, MANY, Derivatives, Slope, directions, is_float, unit
from autodiff.graph import Node
from autodiff.transforms import grad

ROUNDINGS = 256.0  # of the largest derivative, which a gradient may be off by


def check_gradient(
    f: Callable[..., Any], *args: Any, gradients: Any = None, seed: int = 0
) -> GradientCheck:
    """Check gradients of `f`, with respect to its first argument, by numerical differentiation.

    `gradients` are what is checked, in the structure that `grad(f)` returns; by default they are
    the engine's. `f` takes numbers, arrays and nested structures of them and returns one number; it
    is called on copies, in float64. Arrays of more than 24 entries are checked at 8 random entries
    and along 4 random unit vectors, drawn with `seed`.

    A gradient is wrong where it differs from the numerical one by more than the error of that and
    its own rounding explain. At a kink everything between the derivatives on either side is right.
    Nothing is decided where fewer than two digits of the largest derivative are attainable.

    Raises TypeError where an argument is not a structure of real numbers or `f` does not return a
    number, and ValueError where `f` is not finite at the point or gradients have another structure.

    >>> x = np.array([1.0, 2.0])
    >>> bool(check_gradient(lambda x: sum(x**3), x, gradients=3 * x**2))
    True
    >>> bool(check_gradient(lambda x: sum(x**3), x, gradients=3 * x))
    False
    """
    flat = FlatFunction(f, args)
    problems, is_random = flat.tried()
    side = "engine" if gradients is None else "yours"
    given = flat.matched(grad(f)(*flat.arguments()) if gradients is None else gradients)
    if is_random:
        undecided = [Argument(name, Verdict.UNDECIDED) for name in flat.names]
        return GradientCheck(flat.name, side, problems, undecided)
    eps = EPS if gradients is None else max([flat.eps, *map(eps_of, given)])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # f is called far from the point, and on complex numbers
        measured, method, accuracy = measure(flat, given, eps, np.random.default_rng(seed))
    found = {len(x) for x in flat.others if isinstance(x, np.ndarray) and x.ndim}
    lengths = {"N": found.pop()} if len(found) == 1 else {}  # N is that of the data
    arguments = []
    for name, x, g, entries in zip(flat.names, flat.xs, given, measured):
        if g.shape == np.shape(x):
            verdict, ratio = judged(entries, max(1e-9, 16.0 * eps), lengths)
            arguments.append(Argument(name, verdict, entries, ratio))
        else:
            words = f"{name} has shape {np.shape(x)}, but its gradient has shape {g.shape}."
            arguments.append(Argument(name, Verdict.WRONG, mismatch=words))
    drawn_with = seed if any(np.size(x) > MANY for x in flat.xs) else None
    return GradientCheck(flat.name, side, problems, arguments, method, accuracy, drawn_with)


class FlatFunction:
    """A function with the leaves of its arguments in one list, as they are at the point.

    Those of the first argument come first: `xs` in float64, with the `names` that the report gives
    them. `eps` is what the coarsest leaf was rounded to.
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
        self.eps = max(map(eps_of, found), default=EPS)
        self.others = [x.astype(FLOAT64) if eps_of(x) > EPS else x for x in found[len(self.xs) :]]
        self.leaves = self.xs + self.others

    def differentiate(self, x: Any, name: str | None) -> None:
        """Note a number or array to differentiate in, and its name."""
        if isinstance(x, Node):
            raise TypeError(
                f"{name} is a {described(x)}; check_gradient takes numbers, such as its .data"
            )
        data = np.array(as_data(x, str(name)), FLOAT64)
        self.names.append(str(name))
        self.xs.append(data if isinstance(x, np.ndarray) else data[()])

    def arguments(self, xs: Sequence[Any] | None = None) -> Any:
        """Return copies of the arguments, with the leaves `xs`."""
        copies = iter([x.copy() if isinstance(x, np.ndarray) else x for x in xs or self.leaves])
        return filled(self.args, copies)

    def at(self, xs: Sequence[Any]) -> Any:
        """Return the value of `f` for other leaves; NaN where it has none."""
        try:
            return as_scalar(self.f(*self.arguments(xs)), self.name)
        except Exception:  # f may fail away from the point
            return math.nan

    def tried(self) -> tuple[list[str], bool]:
        """Call the function twice; return what is wrong with it, and whether it is random.

        Raises TypeError and ValueError where its value is not one finite real number.
        """
        args = self.arguments()
        value, again = as_scalar(self.f(*args), self.name), self.at(self.leaves)
        if not (isinstance(value, float) and math.isfinite(value)):
            raise ValueError(
                f"{self.name} returned {value} at this point, and only a finite real number has a "
                "gradient"
            )
        problems = [
            f"{self.name} changes its argument {root}; it should compute a new one."
            for root, before, after in zip(self.roots, self.arguments(), args)
            if not is_same(before, after)
        ]
        is_random = not abs(again - value) <= 64.0 * EPS * abs(value)
        if is_random:
            problems.append(
                f"{self.name} is not deterministic: called twice with the same arguments it "
                f"returned {value:.10g} and {again:.10g}."
            )
        return problems, is_random

    def matched(self, gradients: Any) -> list[Any]:
        """Return the leaves of gradients that have the structure of the first argument."""
        try:
            found = [g for _, g in pairs(self.args[0], gradients)]
        except ValueError as error:
            raise ValueError(
                f"gradients do not have the structure that grad({self.name}) returns: {error}"
            ) from None
        for name, g in zip(self.names, found):
            as_data(g, f"the gradient of {name}")
        return [np.asarray(g) for g in found]


def as_scalar(y: Any, name: str) -> Any:
    """Return what the function called `name` returned as a float, or as a complex number."""
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
    """Return whether two arguments have the same structure and the same numbers in it."""
    try:
        return all(
            x is y or np.array_equal(x, y, equal_nan=is_float(x)) for x, y in pairs(before, after)
        )
    except (TypeError, ValueError):
        return False


def measure(
    flat: FlatFunction, given: Sequence[Any], eps: float, rng: np.random.Generator
) -> tuple[list[list[Entry]], str, float]:
    """Return the entries of each argument, by which method, and what rounding explains in them.

    The given derivatives are rounded to `eps`. There are no entries where they have another shape
    than their argument. What rounding explains is relative to the largest derivative, and NaN where
    nothing can be decided.
    """
    derivatives = Derivatives(flat.at, flat.leaves, len(flat.xs), eps, rng)
    chosen = [
        [*directions(x, rng)] if g.shape == np.shape(x) else [] for x, g in zip(flat.xs, given)
    ]
    slopes = iter(derivatives.slopes([(i, d) for i, lines in enumerate(chosen) for _, d in lines]))
    rounding = derivatives.change() + ROUNDINGS * eps * derivatives.largest
    method = "extrapolated central differences"
    if derivatives.is_complex:
        method = f"complex step, which {method} confirm"

    def entry(i: int, place: int | str, d: Any, slope: Slope) -> Entry:
        index: Any = place
        if isinstance(place, int):
            index = tuple(map(int, np.unravel_index(place, np.shape(flat.xs[i]))))
        label = flat.names[i] + (f", {index}" if isinstance(index, str) else f"{[*index] or ''}")
        along = float(np.sum(given[i] * d, where=d != 0.0, dtype=FLOAT64))
        allowed = slope.error + rounding
        return Entry(label, index, along, slope, allowed, derivatives.is_lost(allowed))

    def excess(i: int, places: Any) -> float:
        d = unit(flat.xs[i], places, rng)
        return entry(i, "", d, derivatives.slope(i, d)).excess

    measured = []
    for i, (x, lines) in enumerate(zip(flat.xs, chosen)):
        entries = [entry(i, *line, next(slopes)) for line in lines]
        if any(e.slope.is_kink for e in entries):  # which along a direction may cancel
            entries = [e for e in entries if isinstance(e.index, tuple)]
        wrong = [e.index for e in entries if e.is_wrong]
        if wrong and all(isinstance(index, str) for index in wrong):
            places = np.arange(x.size)
            while len(places) > 1:  # a search by halves, along random directions
                places = max(np.array_split(places, 2), key=partial(excess, i))
            d = unit(x, places)
            entries.append(entry(i, int(places[0]), d, *derivatives.slopes([(i, d)])))
        measured.append(entries)
    smooth = [e for entries in measured for e in entries if not e.slope.is_kink]
    known = [e.allowed for e in smooth if not derivatives.is_lost(e.allowed)]
    decided = derivatives.largest and known
    return measured, method, max(known) / derivatives.largest if decided else math.nan


def judged(
    entries: Sequence[Entry], tolerance: float, lengths: Mapping[str, int]
) -> tuple[Verdict, str | None]:
    """Return the verdict on an argument, and of a wrong one the constant factor, if any, in words.

    Where there is one entry any factor is constant, and only one with a name says something.
    """
    if not any(e.is_wrong and not e.is_lost for e in entries):
        is_lost = any(e.is_lost for e in entries)
        return Verdict.UNDECIDED if is_lost else Verdict.RIGHT, None
    sharp = [e for e in entries if e.slope.error <= tolerance * abs(e.slope.value)]
    factor = constant_factor(
        [e.given for e in sharp], [e.slope.value for e in sharp], lengths, tolerance
    )
    if factor is None or not (len(sharp) > 1 or factor.is_named) or factor.fits(1.0, tolerance):
        return Verdict.WRONG, None
    k = float(factor)
    fits = [abs(e.given - k * e.slope.value) <= (1.0 + abs(k)) * e.allowed for e in entries]
    return Verdict.WRONG, factor.words if all(fits) else None
