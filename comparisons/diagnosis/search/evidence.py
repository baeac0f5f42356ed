"""What somebody claims, compared with the right numbers and with those that slips give."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from autodiff.check.ratio import Factor, first_fitting, fraction, powers, share
from autodiff.readings.terms import Term, number
from comparisons.diagnosis.equations.conventions import variable_of
from comparisons.diagnosis.equations.paper import MISFIT, replaced
from comparisons.diagnosis.equations.replay import Backward, Changes, Numbers, local_derivatives
from comparisons.diagnosis.slips.typical import Slip

RIGHT = 1e-9
"""How far a right gradient may be off, in units of its largest entry: far more than rounding."""

ROUGH = 1e-5
"""How far one may be off that no slip explains: by the rounding of float32, or by differences."""


class Claim(NamedTuple):
    """The gradients that somebody claims, by parameter, and other adjoints, by name."""

    grads: Mapping[str, Any]
    adjoints: Mapping[str, Any] = {}


class Case(NamedTuple):
    """One point: the numbers of the right backward pass, and those claimed.

    `largest` is the largest entry of all right gradients.
    """

    known: Numbers
    claimed: dict[str, Any]
    largest: float


class Seen:
    """The arrays that were seen, each once, without those that are known anyway."""

    def __init__(self, observed: Iterable[Any], known: Iterable[Any]) -> None:
        self.arrays: list[Any] = []
        self.by_shape: dict[tuple[int, ...], list[tuple[float, int]]] = {}
        forward = [*map(np.squeeze, known)]
        for x in map(np.squeeze, observed):
            if np.any(x) and not self.places(x) and not any(alike(y, x) for y in forward):
                self.by_shape.setdefault(tuple(sorted(x.shape)), []).append(
                    (evenness(x), len(self.arrays))
                )
                self.arrays.append(x)

    def multiples(self, x: Any) -> list[tuple[float, int]]:
        """Return where an array is seen, perhaps transposed, and how many times larger.

        One number would be a multiple of any other.
        """
        x = np.squeeze(x)
        entries = self.by_shape.get(tuple(sorted(x.shape)), []) if x.ndim and np.any(x) else []
        even = evenness(x) if entries else 0.0
        near = [i for other, i in entries if abs(other - even) <= 1e-7 * even]
        found = [(multiple(y, x), i) for i in near for y in layouts(self.arrays[i])]
        return [(k, i) for k, i in found if k]

    def places(self, x: Any, scale: float = 1.0) -> list[int]:
        """Return where `scale` times an array is seen, perhaps transposed or with axes of 1."""
        if np.size(x) == 1:
            entries = self.by_shape.get((), [])
            return [i for _, i in entries if alike(self.arrays[i], scale * np.asarray(x))]
        return [i for k, i in self.multiples(x) if is_close(k, scale)]


def evenness(x: Any) -> float:
    """Return a number that multiples of an array share."""
    return float(np.sum(np.abs(x)) / np.max(np.abs(x)))


def is_close(k: float, other: float) -> bool:
    return abs(k - other) <= 1e-8 * abs(other)


@dataclass(frozen=True)
class Evidence:
    """A backward pass and what is claimed of it, at one point or at several.

    `seen` are adjoints that were claimed, or seen in the variables of the code, at the first point;
    those in `named` have the names of adjoints, and `variables` are all of them, line by line.
    Slips fit if off by `tolerance` at most.
    """

    backward: Backward
    cases: Sequence[Case]
    seen: Seen
    named: Mapping[str, Any]
    tolerance: float = RIGHT
    variables: Sequence[Any] = ()

    @cached_property
    def errors(self) -> dict[str, float]:
        """How far each claimed gradient is off at most, in units of its largest entry."""
        return {
            path: max(error(case, path, self.true(case, path)) for case in self.cases)
            for path in self.backward.parameters
        }

    @cached_property
    def wrong(self) -> list[str]:
        return [path for path, off in self.errors.items() if not off <= RIGHT]

    @property
    def right(self) -> list[str]:
        return [path for path in self.errors if path not in self.wrong]

    @cached_property
    def suspects(self) -> list[Term]:
        """The equations that all wrong gradients depend on."""
        return [x for x in self.backward.equations if self.affected([x]).issuperset(self.wrong)]

    @property
    def is_single(self) -> bool:
        arrays = [np.asarray(x) for case in self.cases for x in case.claimed.values()]
        return all(np.array_equal(x, x.astype(np.float32)) for x in arrays)

    @cached_property
    def adjoints_named(self) -> dict[Term, tuple[int, Any]]:
        """The adjoints that something is named after, with where that is seen and what it is."""
        backward, found = self.backward, dict[Term, tuple[int, Any]]()
        of = {x: backward.bars[x] for x in backward.adjoints}
        known = {backward.names[of[x]]: x for x in of if of[x] in backward.names}
        for name, given in self.named.items():
            variable, at = variable_of(name, known), self.seen.places(given)
            x = known[variable] if variable else None
            if x is not None and at and np.squeeze(given).shape == np.squeeze(x.data).shape:
                found[x] = at[0], np.reshape(given, x.shape)
        return found

    @cached_property
    def ratios(self) -> list[float]:
        """By what factors claimed gradients differ that are multiples of the right ones."""
        case = self.cases[0]
        several = ((path, x) for path, x in case.claimed.items() if np.size(x) > 1)
        found = [multiple(x, self.true(case, path)) for path, x in several]
        return [k for k in dict.fromkeys(found) if k]

    @property
    def scales(self) -> tuple[float, ...]:
        """How many times larger all adjoints may be: on paper 1/N may be put in later."""
        N = self.backward.N
        return (1.0, float(N), 1.0 / N) if N > 1 else (1.0,)

    def true(self, case: Case, path: str, now: Numbers | None = None) -> Any:
        x = self.backward.gradients[path]
        if x is None:
            return np.zeros(self.backward.parameters[path].shape)
        return (now or case.known)[x]

    def affected(self, changed: Iterable[Term]) -> set[str]:
        below = {x for term in changed for x in self.backward.below[term]}
        return {path for path, x in self.backward.gradients.items() if x in below}

    def fits(self, slips: Iterable[Slip], only: set[str] | None = None) -> float | None:
        """Return how well slips reproduce what is claimed; None where they do not.

        With `only`, some parameters are compared and the others not.
        """
        changes = merged(slips)
        wanted = self.affected(changes) if only is None else only
        if only is None and not wanted.issuperset(self.wrong):
            return None
        paths = {self.backward.gradients[path]: path for path in wanted}
        worst = 0.0
        for case in self.cases:
            try:
                for x, number in self.backward.steps(changes, case.known):
                    off = error(case, paths[x], number) if x in paths else 0.0
                    if off > self.tolerance:
                        return None
                    worst = max(worst, off)
            except MISFIT:
                return None
        return worst

    def at(self, case: Case, changes: Changes) -> float:
        """Return how far what is claimed at a point is from the gradients with some changes."""
        now = self.backward.replay(changes, case.known)
        if now is None:
            return np.inf
        return max(error(case, path, self.true(case, path, now)) for path in case.claimed)

    def explained(self, slips: Iterable[Slip] = ()) -> set[int]:
        """Return which arrays that were seen are adjoints as some slips have them."""
        now = self.backward.replay(merged(slips), self.cases[0].known)
        assert now is not None
        of_parameters = set(self.backward.gradients.values())
        adjoints = [now[x] for x in self.backward.equations if x not in of_parameters]
        found = [{i for x in adjoints for i in self.seen.places(x, k)} for k in self.scales]
        return max(found, key=len)


def evidence(
    loss: Callable[..., Any],
    points: Sequence[tuple[Any, tuple[Any, ...]]],
    claims: Sequence[Claim],
    variables: Sequence[Any] = (),
) -> Evidence:
    """Return what is claimed of `loss(params, *data)` at points `(params, data)`."""
    backward = Backward(loss, *points[0])
    cases = []
    for point, claim in zip(points, claims, strict=True):
        known = backward.numbers(*point)
        entries = [known[x] for x in backward.gradient_of.values()]
        largest = max((float(np.max(np.abs(x), initial=0.0)) for x in entries), default=0.0)
        cases.append(Case(known, dict(claim.grads), largest))
    named, known = claims[0].adjoints, cases[0].known
    given = [*backward.inputs, *backward.forward, *local_derivatives(backward)]
    forward = [backward.compute(x, known) for x in given]
    seen = Seen([*named.values(), *(x.value for x in variables)], forward)
    return Evidence(backward, cases, seen, named, variables=variables)


def error(case: Case, path: str, x: Any) -> float:
    """Return how far the gradient that is claimed is from `x`, in units of its largest entry."""
    return difference(case.claimed[path], x, case.largest)


def difference(claimed: Any, x: Any, largest: float) -> float:
    """Return how far an array is from another, in units of its largest entry.

    Where terms cancel, rounding is that of the others, of which `largest` is the largest entry.
    """
    if np.shape(x) != np.shape(claimed):
        return np.inf
    gap = float(np.max(np.abs(np.subtract(x, claimed)), initial=0.0))
    size = np.max(np.abs(claimed), initial=0.0) or np.max(np.abs(x), initial=0.0)
    if gap <= 1e-14 * largest:
        return gap / largest if gap else 0.0
    return gap / float(size) if np.isfinite(gap) else np.inf


def merged(slips: Iterable[Slip]) -> dict[Term, Term]:
    return {x: right for slip in slips for x, right in slip.changes.items()}


def alike(x: Any, y: Any) -> bool:
    """Return whether two arrays hold the same numbers, perhaps transposed or with axes of 1."""
    x, y = np.squeeze(x), np.squeeze(y)
    size = np.max(np.abs(y), initial=0.0)
    return any(
        z.shape == y.shape and bool(np.max(np.abs(1.0 * z - y), initial=0.0) <= 1e-8 * size)
        for z in layouts(x)
    )


def layouts(x: Any) -> tuple[Any, ...]:
    return (x, x.T) if x.ndim > 1 else (x,)


def multiple(target: Any, one: Any, zero: Any = 0.0) -> float | None:
    """Return k for which zero + k (one - zero) is the target, if there is one."""
    k = nearest(target, one, zero)
    if k is None:
        return None
    off = np.max(np.abs(np.subtract(target, zero) - k * np.subtract(one, zero)), initial=0.0)
    return k if off <= 1e-8 * np.max(np.abs(target), initial=0.0) else None


def nearest(target: Any, one: Any, zero: Any) -> float | None:
    """Return k for which zero + k (one - zero) is nearest to the target; None if there is none."""
    if one is None or zero is None:
        return None
    if np.shape(one) != np.shape(target) or np.shape(zero) not in ((), np.shape(one)):
        return None
    slope, gap = np.subtract(one, zero), np.subtract(target, zero)
    size = float(np.sum(slope * slope))
    k = float(np.sum(slope * gap)) / size if size > 0.0 else np.nan
    return k if np.isfinite(k) else None


def solved(evidence: Evidence, slip: Slip, path: str) -> Slip | None:
    """Return a slip with its factor found from what is claimed for a parameter; None if it is not.

    By Newton's method. Where the only evidence is one number, a factor that nobody would write is
    not accepted.
    """
    case, factor = evidence.cases[0], slip.factor
    assert factor is not None
    target = case.claimed[path]

    def at(x: float) -> Any:
        now = evidence.backward.replay(slip.changes, {**case.known, factor: x})
        return None if now is None else evidence.true(case, path, now)

    x = 0.0
    for _ in range(8):
        step = nearest(target, at(x + 0.125), at(x))
        if step is None:
            return None
        x += 0.125 * step
        if abs(step) <= 1e-12 * abs(x):
            break
    found = bound(evidence, slip, x)
    is_certain = len(evidence.cases) > 1 or np.size(target) > 1
    return found if is_certain or is_simple(evidence, found) else None


def is_simple(evidence: Evidence, slip: Slip) -> bool:
    """Return whether a slip has no factor, or one that somebody may write."""
    if slip.factor is None:
        return True
    value = float(slip.factor.number)
    return slip.factor in slip.names or fraction(value, 10).fits(value, 10 * evidence.tolerance)


def bound(evidence: Evidence, slip: Slip, x: float) -> Slip:
    """Return a slip with a number for its factor: the one that `x` seems to be.

    It has a name if N is in it, and is 0 where there is nothing but rounding.
    """
    assert slip.factor is not None
    x = 0.0 if abs(x) < 1e-12 else x
    N = evidence.backward.N
    named = powers("N", N)
    simple = fraction(x, 10), share(x, "N", N), Factor(Fraction(float(f"{x:.6g}")))
    found = first_fitting(x, [*named, *simple], 10 * evidence.tolerance)
    factor = number(float(found))
    is_third = "/" in found.code  # and the like: no decimal number
    names = {**slip.names, factor: found.code} if found in named or is_third else slip.names
    new = {slip.factor: factor}
    changes = {y: z for y, right in slip.changes.items() if (z := replaced(right, new))}
    return slip._replace(changes=changes, names=names, factor=factor)
