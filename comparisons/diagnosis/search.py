"""The search for the slips in a backward pass that give the gradients that somebody claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.readings.listing import Term
from comparisons.diagnosis.explanation import Diagnosis, Explanation, is_or_are
from comparisons.diagnosis.paper import number
from comparisons.diagnosis.replay import Backward, Changes, Numbers
from comparisons.diagnosis.slips import (
    FAR_FETCHED,
    Slip,
    alike_in_layers,
    constant,
    said,
    slips_in,
    slips_in_several,
)
from comparisons.printing import listed

RIGHT = 1e-9
"""How far a right gradient may be off, in units of its largest entry: far more than rounding."""

ROUGH = 1e-5
"""How far one may be off that no slip explains: by the rounding of float32, or by differences."""

SINGLE = 1e-4
"""How far gradients with a slip may be from what is claimed in float32."""

FACTORS = (-1.0, 2.0, 0.5)
MANY = 20
WORK = 3e7
"""How many numbers may be computed for pairs: on a common network all of them, in a second."""

Fit = tuple[tuple[Slip, ...], float]
"""Slips, and how far what they give is from what is claimed."""


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


class Search:
    """The search for slips that give the claims at all points."""

    def __init__(
        self,
        loss: Callable[..., Any],
        points: Sequence[tuple[Any, tuple[Any, ...]]],
        claims: Sequence[Claim],
        observed: Mapping[str, Any] | None = None,
    ) -> None:
        self.backward = Backward(loss, *points[0])
        self.cases = [self.case(point, claim) for point, claim in zip(points, claims, strict=True)]
        self.observed = [*claims[0].adjoints.values(), *(observed or {}).values()]
        self.named_adjoints = claims[0].adjoints
        arrays = [np.asarray(x) for claim in claims for x in claim.grads.values()]
        self.is_single = all(np.array_equal(x, x.astype(np.float32)) for x in arrays)
        self.tolerance = RIGHT
        self.left = 0
        self.errors = {
            path: max(self.error(case, path, self.true(case, path)) for case in self.cases)
            for path in self.backward.parameters
        }
        self.wrong = [path for path, error in self.errors.items() if not error <= self.tolerance]
        self.right = [path for path in self.errors if path not in self.wrong]

    def diagnosis(self, warnings: Sequence[str] = ()) -> Diagnosis:
        """Return the outcome."""
        found: list[Explanation] = []
        remarks: list[str] = []
        if self.wrong:
            found = self.explained()
        if not found and self.wrong and max(self.errors.values()) <= ROUGH:
            self.wrong, self.right = [], list(self.errors)
            worst = max(self.errors.values())
            remarks = [
                f"The gradients are off by {worst:.0e} of their largest entries, which no slip "
                "explains: it is the rounding of float32, or the error of finite differences."
            ]
        elif not found and self.wrong and self.is_single:
            self.tolerance = SINGLE
            found = self.explained()
        first = ""
        if self.wrong and not found:
            first, where = self.first_wrong()
            remarks += [where] if where else []
            if self.left < 0:
                remarks.append("Not all pairs were tried: there are too many on this network.")
        if not found:
            remarks += [remark for path in self.wrong for remark in self.remarks(path)]
        return Diagnosis(self.right, self.wrong, self.errors, found, first, remarks, list(warnings))

    def case(self, point: tuple[Any, tuple[Any, ...]], claim: Claim) -> Case:
        """Return what is known and claimed at a point."""
        known = self.backward.numbers(*point)
        entries = [known[x] for x in self.backward.gradients.values() if x is not None]
        largest = max((float(np.max(np.abs(x), initial=0.0)) for x in entries), default=0.0)
        return Case(known, dict(claim.grads), largest)

    def is_wrong_at(self, number: int) -> bool:
        """Tell whether any gradient is wrong at a point."""
        return self.at(self.cases[number], {}) > self.tolerance

    def explained(self) -> list[Explanation]:
        """Return the explanations that fit, as closely as `tolerance` says."""
        with np.errstate(all="ignore"):
            return (
                self.zero()
                or self.kept()
                or self.ranked(self.alone() or self.everywhere() or self.in_pairs())
            )

    # Comparing.

    def true(self, case: Case, path: str, now: Numbers | None = None) -> Any:
        """Return the gradient in a parameter, right or with slips."""
        equation = self.backward.gradients[path]
        if equation is None:
            return np.zeros(self.backward.parameters[path].shape)
        return (now or case.known)[equation]

    def error(self, case: Case, path: str, x: Any) -> float:
        """Return how far what is claimed is from `x`, in units of the largest entry."""
        claimed = case.claimed[path]
        if np.shape(x) != np.shape(claimed):
            return np.inf
        gap = float(np.max(np.abs(np.subtract(x, claimed)), initial=0.0))
        size = np.max(np.abs(claimed), initial=0.0) or np.max(np.abs(x), initial=0.0)
        if gap <= 1e-14 * case.largest:  # where terms cancel, rounding is that of the others
            return gap / case.largest if gap else 0.0
        return gap / float(size) if np.isfinite(gap) else np.inf

    def affected(self, changed: Iterable[Term]) -> set[str]:
        """Return the parameters whose gradients depend on some equations."""
        below = {x for term in changed for x in self.backward.below[term]}
        return {path for path, x in self.backward.gradients.items() if x in below}

    def fits(self, slips: Sequence[Slip], only: Iterable[str] | None = None) -> float | None:
        """Return how well slips reproduce what is claimed; None where they do not.

        With `only`, some parameters are compared at the first point, and the others not.
        """
        changes = {x: right for slip in slips for x, right in slip.changes.items()}
        wanted = sorted(self.affected(changes)) if only is None else sorted(only)
        if only is None and not set(self.wrong) <= set(wanted):
            return None
        worst = 0.0
        for case in self.cases[: None if only is None else 1]:
            now = self.backward.replay(changes, case.known)
            if now is None:
                return None
            for path in wanted:
                error = self.error(case, path, self.true(case, path, now))
                if not error <= self.tolerance:
                    return None
                worst = max(worst, error)
        return worst

    # Searching.

    def alone(self) -> list[Fit]:
        """Return the single slips that fit."""
        found: list[Fit] = []
        for slip in self.candidates():
            if slip.factor is not None and not self.solved(slip):
                continue
            error = self.fits([slip])
            if error is not None:
                found.append(((slip,), error))
        return found

    def zero(self) -> list[Explanation]:
        """Return that all that is wrong is 0, as in a template that was not filled in."""
        if any(np.any(case.claimed[path] != 0.0) for case in self.cases for path in self.wrong):
            return []
        return [told_at_once("zero", f"what you return for {listed(self.wrong)} is 0")]

    def everywhere(self) -> list[Fit]:
        """Return the slips that fit if they were made alike in all layers."""
        found: list[Fit] = []
        for slip in alike_in_layers(self.backward):
            error = self.fits([slip])
            if error is not None:
                found.append(((slip,), error))
        return found

    def kept(self) -> list[Explanation]:
        """Return what is right at the first point alone, and so was kept from there."""
        first, *others = self.cases
        if self.is_wrong_at(0):
            return []
        backward = self.backward
        text = "only the first call is right: something is kept from call to call"
        for x in [s.term for s in backward.listing.forward]:
            old = constant(first.known[x], f"first_{x.name}")
            changes = {
                y: right
                for y in backward.equations
                if (right := backward.replaced(backward.unnamed(y), x, old)) is not None
                and x in backward.listing.parts(y)
            }
            slip = Slip(changes, "stale cache", said(f"{x.name} is that of the first call"), 1)
            errors = [self.at(case, slip.changes) for case in others]
            if changes and all(error <= self.tolerance for error in errors):
                return [self.explanation((slip,), max(errors))]
        return [told_at_once("state kept between calls", text)]

    def at(self, case: Case, changes: Mapping[Term, Term]) -> float:
        """Return how far what is claimed at a point is from the gradients with some changes."""
        now = self.backward.replay(changes, case.known)
        if now is None:
            return np.inf
        return max(self.error(case, path, self.true(case, path, now)) for path in case.claimed)

    def candidates(self) -> Iterable[Slip]:
        """Yield the slips on which all wrong parameters depend."""
        wrong = set(self.wrong)
        for equation in self.backward.equations:
            if wrong <= self.affected([equation]):
                yield from slips_in(self.backward, equation)
        for slip in slips_in_several(self.backward):
            if wrong <= self.affected(slip.changes):
                yield slip

    def solved(self, slip: Slip, path: str | None = None, given: Changes | None = None) -> bool:
        """Find the factor of a slip from what is claimed for a parameter, by Newton's method.

        It is the largest wrong one if none is named; `given` are changes by another slip. Where
        the only evidence is one number, a factor that nobody would write is not accepted.
        """
        case, factor = self.cases[0], slip.factor
        assert factor is not None
        path = path or max(self.wrong, key=lambda path: np.size(case.claimed[path]))
        target = case.claimed[path]
        if not np.all(np.isfinite(target)):
            return False

        def at(x: float) -> Any:
            factor.number = x
            now = self.backward.replay({**(given or {}), **slip.changes}, case.known)
            if now is None:
                return None
            found = self.true(case, path, now)
            return found if np.shape(found) == np.shape(target) else None

        x = 0.0
        for _ in range(8):
            here, there = at(x), at(x + 0.125)
            if here is None or there is None:
                return False
            slope = np.subtract(there, here) / 0.125
            size = np.sum(slope * slope)
            step = np.sum(np.subtract(target, here) * slope) / size if size > 0 else np.nan
            if not np.isfinite(step):
                return False
            x += float(step)
            if abs(step) <= 1e-13 * abs(x):
                break
        factor.number, factor.name = self.rounded(x)
        certain = len(self.cases) > 1 or np.size(target) > 1
        simple = abs(nearby(x) - x) <= 10 * self.tolerance * abs(x)
        return certain or simple or factor.name is not None

    def rounded(self, x: float) -> tuple[float, str | None]:
        """Return a factor as the number that it seems to be, with a name if N is in it."""
        N = float(self.backward.N)
        near = 10 * self.tolerance
        if N > 2.0:
            for name, unit in (("N", N), ("(1 / N)", 1 / N), ("N**2", N**2), ("(1 / N**2)", N**-2)):
                for times in (1.0, -1.0, 2.0, -2.0, 0.5, -0.5):
                    if abs(x - times * unit) <= near * unit:
                        sign = {1.0: "", -1.0: "-"}.get(times, f"{times:g} * ")
                        return times * unit, f"{sign}{name}"
        for nice in (nearby(x), share(x, N), float(f"{x:.6g}")):
            if abs(nice - x) <= near * abs(x):
                return nice, None
        return x, None

    def in_pairs(self) -> list[Fit]:
        """Return the pairs of slips that fit.

        Where a parameter depends on one of the two equations alone, the slip in that one must fit
        it alone; so few pairs are left to be computed.
        """
        wrong = set(self.wrong)
        if len(self.cases) == 1 and sum(np.size(self.cases[0].claimed[x]) for x in wrong) == 1:
            return []  # one number agrees with some pair by chance
        size = sum(np.size(x) for x in self.cases[0].known.values())
        self.left = int(WORK / size) + 100
        equations = self.backward.equations
        reach = {x: self.affected([x]) for x in equations}
        plain = {x: self.without_factors(x) for x in equations}
        found: list[Fit] = []
        for i, first in enumerate(equations):
            if reach[first] >= wrong:
                for slip in plain[first]:
                    for other in slips_in(self.backward, first, slip.changes[first]):
                        if other.factor is None and other.cost < FAR_FETCHED:
                            self.try_pair(slip, other, found)
            for second in equations[i + 1 :]:
                if reach[first] | reach[second] >= wrong:
                    of_first, of_second = reach[first] - reach[second], reach[second] - reach[first]
                    ones = self.fitting(first, plain[first], of_first)
                    others = self.fitting(second, plain[second], of_second, first)
                    for one in ones:
                        for other in others:
                            self.try_pair(one, other, found)
                    if of_first and not of_second:
                        self.try_factors(ones[:MANY], second, found)
        return found

    def try_pair(self, one: Slip, other: Slip, found: list[Fit]) -> None:
        """Note two slips if they fit, unless very many were tried already."""
        self.left -= 1
        if self.left < 0:
            return
        affected = self.affected([*one.changes, *other.changes])
        quick = min(affected, key=lambda path: np.size(self.cases[0].claimed[path]))
        if self.fits([one, other], [quick]) is not None:
            error = self.fits([one, other])
            if error is not None:
                found.append(((one, other), error))

    def try_factors(self, ones: Sequence[Slip], equation: Term, found: list[Fit]) -> None:
        """Note a slip together with a factor in another equation, where they fit."""
        path = max(self.affected([equation]), key=lambda path: np.size(self.cases[0].claimed[path]))
        for slip in slips_in(self.backward, equation):
            for one in ones if slip.factor is not None else ():
                if self.solved(slip, path, one.changes):
                    self.try_pair(one, self.fixed(equation, slip), found)

    def fitting(
        self, equation: Term, slips: Sequence[Slip], only: set[str], before: Term | None = None
    ) -> list[Slip]:
        """Return the slips in an equation that alone give what is claimed for some parameters.

        Factors are found from these. Slips that read what depends on the equation `before` are kept
        unless something reads that equation anyway: they cannot be judged alone.
        """
        if not only:
            return list(slips)
        path = max(only, key=lambda path: np.size(self.cases[0].claimed[path]))
        solved = [
            self.fixed(equation, slip)
            for slip in slips_in(self.backward, equation)
            if slip.factor is not None and self.solved(slip, path)
        ]
        below = set(self.backward.below[before]) if before is not None else set()
        return [
            slip
            for slip in [*slips, *solved]
            if self.fits([slip], only) is not None
            or (
                equation not in below
                and not below.isdisjoint(self.backward.of(slip.changes[equation]))
            )
        ]

    def without_factors(self, equation: Term) -> list[Slip]:
        """Return the slips in an equation, a few factors in place of any, none twice."""
        slips = []
        for slip in slips_in(self.backward, equation):
            if slip.factor is None:
                slips.append(slip)
            elif slip.kind in ("updated too early", "constant factor"):
                slips += [self.fixed(equation, slip, x) for x in self.some_factors(slip)]
        known = self.cases[0].known
        seen = [np.asarray(known[equation])]
        distinct = []
        for slip in sorted(slips, key=lambda slip: simplicity(((slip,), 0.0))):
            x = np.asarray(self.backward.compute(slip.changes[equation], known))
            if not any(close(x, y) for y in seen):
                seen.append(x)
                distinct.append(slip)
        return distinct

    def some_factors(self, slip: Slip) -> list[float]:
        """Return the factors that are tried in pairs."""
        if slip.kind == "updated too early":
            return [1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001]
        N = self.backward.N
        return [*FACTORS, *([float(N), 1.0 / N] if N > 1 else [])]

    def fixed(self, equation: Term, slip: Slip, x: float | None = None) -> Slip:
        """Return a slip with a number for its factor, by default the one that was found."""
        assert slip.factor is not None
        factor = number(0.0)
        factor.number, factor.name = self.rounded(float(slip.factor.number if x is None else x))
        new = self.backward.replaced(slip.changes[equation], slip.factor, factor)
        assert new is not None
        return slip._replace(changes={equation: new}, factor=factor)

    # What is found.

    def ranked(self, found: Sequence[Fit]) -> list[Explanation]:
        """Return what fits, the best supported and simplest first, each once."""
        explanations: list[Explanation] = []
        for slips, error in sorted(found, key=simplicity):
            new = self.explanation(slips, error)
            same = {tuple(slip["equation"] for slip in x.slips) for x in explanations}
            if tuple(slip["equation"] for slip in new.slips) not in same:
                explanations.append(new)
        explanations.sort(key=lambda x: (-x.support, x.cost))
        if not explanations:
            return []
        best = explanations[0]
        return [x for x in explanations if x.support == best.support and x.cost == best.cost]

    def explanation(self, slips: tuple[Slip, ...], error: float) -> Explanation:
        """Put slips into words."""
        changes = {x: right for slip in slips for x, right in slip.changes.items()}
        now = self.backward.replay(changes, self.cases[0].known)
        assert now is not None
        values = {str(x.name): now[x] for x in self.backward.equations}
        return Explanation(
            tuple(self.told(slip, changes) for slip in slips),
            error,
            self.support(changes, now),
            simplicity((slips, error)),
            values,
            [str(x.name) for y in changes for x in self.backward.below[y]],
        )

    def told(self, slip: Slip, changes: Mapping[Term, Term]) -> dict[str, str]:
        """Return a slip as plain text."""
        backward = self.backward
        terms = list(slip.changes)
        kind, words = in_words(slip, terms[0], backward)
        before = [
            str(x.name)
            for x in dict.fromkeys(x for term in terms for x in backward.listing.parts(term))
            if x in backward.adjoints
            and x not in changes
            and backward.listing.undone[x] not in backward.listing.unnamed
        ]
        return {
            "kind": kind,
            "equation": listed([backward.label(x) for x in terms]),
            "right": " and ".join(backward.written(x) for x in terms),
            "written": " and ".join(backward.written(x, changes[x]) for x in terms),
            "words": words,
            "before": f"{listed(before)} {is_or_are(before)} right" if before else "",
        }

    def support(self, changes: Iterable[Term], now: Numbers) -> int:
        """Count the adjoints that were seen and are as some slips would have them."""
        of_parameters = set(self.backward.gradients.values())
        adjoints = [x for x in self.backward.equations if x not in of_parameters]
        return max(
            sum(any(alike(seen, factor * now[x]) for seen in self.observed) for x in adjoints)
            for factor in self.scales()
        )

    def scales(self) -> tuple[float, ...]:
        """Return how many times larger all adjoints may be: on paper 1/N may be put in later."""
        N = self.backward.N
        return (1.0, float(N), 1.0 / N) if N > 1 else (1.0,)

    def is_as_seen(self, seen: Any, adjoint: Any) -> bool:
        """Tell whether what was seen is an adjoint."""
        return any(alike(seen, factor * adjoint) for factor in self.scales())

    def first_wrong(self) -> tuple[str, str]:
        """Return the first adjoint on the way back from the loss that is wrong, and say so.

        An adjoint that was claimed, or seen, is known to be right or wrong. One that leads to a
        right gradient is right too. The first of the others may be wrong.
        """
        backward, known = self.backward, self.cases[0].known
        of_parameters = set(backward.gradients.values())
        right = {
            x
            for x in backward.equations
            if any(self.is_as_seen(y, known[x]) for y in self.observed)
            or any(backward.gradients[path] in backward.below[x] for path in self.right)
        }
        wrong = set(self.wrong)
        left = [x for x in backward.equations if x not in right and self.affected([x]) & wrong]
        if not left:
            return "", ""
        first, disagrees = left[0], "may be wrong"
        for x in backward.equations:
            if x not in right and str(x.name) in self.named_adjoints:
                first, disagrees = x, "disagrees"
                break
        names = [str(x.name) for x in backward.equations if x in right and x not in of_parameters]
        start = f"{listed(names)} {is_or_are(names)} right; " if names else ""
        return str(first.name), (
            f"On the way back from the loss {start}the first adjoint that {disagrees} is "
            f"{first.name}, in {backward.written(first)}."
        )

    def remarks(self, path: str) -> list[str]:
        """Describe what is wrong with the gradient in a parameter."""
        case = self.cases[0]
        true, claimed = np.asarray(self.true(case, path)), np.asarray(case.claimed[path])
        if true.shape != claimed.shape:
            return [f"{path} has shape {claimed.shape}; its gradient has shape {true.shape}."]
        if not np.all(np.isfinite(claimed)):
            return [f"{path} has entries that are NaN or infinite."]
        ratio = float(np.sum(claimed * true) / np.sum(true * true)) if np.any(true) else np.nan
        if true.size > 1 and np.allclose(claimed, ratio * true, rtol=1e-9, atol=0.0):
            return [f"{path} is {ratio:.6g} times what it should be."]
        if true.size > 1 and np.allclose(
            np.sort(claimed.ravel()), np.sort(true.ravel()), rtol=1e-9
        ):
            return [f"{path} has the right entries in another order."]
        off = ~np.isclose(claimed, true, rtol=self.tolerance, atol=0.0)
        if 0 < np.sum(off) < true.size:
            at = ", ".join(f"{path}[{','.join(map(str, i))}]" for i in np.argwhere(off)[:4])
            return [f"{path} is wrong only at {at}."]
        return []


def told_at_once(kind: str, words: str) -> Explanation:
    """Return an explanation that names no equation."""
    slip = dict.fromkeys(("equation", "right", "written", "before"), "")
    return Explanation(({**slip, "kind": kind, "words": words},), np.nan, 0, (1, 0), {}, ())


def nearby(x: float) -> float:
    """Return the fraction with a small denominator that is nearest to a number."""
    return float(Fraction(x).limit_denominator(10)) if abs(x) < 1e9 else x


def share(x: float, n: float) -> float:
    """Return the nearest of n, n / 2, n / 3, ... to a number."""
    return n / (round(n / x) or 1) if x and n else x


def simplicity(item: Fit) -> tuple[int, int]:
    """Return what sorts slips: the likelier first, those with a factor after those without."""
    slips, _ = item
    return sum(slip.cost for slip in slips), sum(slip.factor is not None for slip in slips)


def in_words(slip: Slip, equation: Term, backward: Backward) -> tuple[str, str]:
    """Return the kind of a slip, and what happened; a factor is named."""
    words = slip.words()
    if slip.factor is None or slip.kind == "slope mistyped":
        return slip.kind, words
    k, N = float(slip.factor.number), backward.N
    if slip.kind == "updated too early":
        return slip.kind, f"{words}, with a learning rate of {k:.6g}"
    if slip.kind == "regularisation" and not words.startswith("the term"):
        return slip.kind, f"{words} ({k:.6g} times)"
    if slip.kind != "constant factor":
        if k == 0.0:
            return slip.kind, words.replace("has a wrong factor", "was forgotten")
        return slip.kind, f"{words}, {slip.factor.name or f'{k:.6g}'}"
    if k == 0.0:
        return "zero", "everything was lost: it is 0"
    if k == -1.0:
        return "sign", "the sign is wrong"
    if slip.factor.name == "N":
        return "1/N", "1 / N is missing"
    if slip.factor.name == "(1 / N)":
        summed = equation.primitive in (primitives.sum, primitives.matmul)
        if summed and equation in backward.gradients.values():
            return "mean for sum", "the mean over the batch stands where the sum is due"
        return "1/N", "1 / N stands there twice"
    if k != nearby(k) and N > 1 and k == share(k, N):
        return "1/N", f"1 / {N / k:.0f} stands in place of 1 / N"
    return slip.kind, f"there is a factor {slip.factor.name or f'{k:.6g}'} too many"


def close(x: Any, y: Any) -> bool:
    """Tell whether two arrays are equal but for rounding."""
    return x.shape == y.shape and bool(np.allclose(x, y, rtol=1e-10, atol=1e-14))


def alike(x: Any, y: Any) -> bool:
    """Tell whether two arrays hold the same numbers, perhaps transposed or with axes of 1."""
    x, y = np.squeeze(x), np.squeeze(y)
    size = np.max(np.abs(y), initial=0.0)
    return any(
        z.shape == y.shape and bool(np.max(np.abs(z - y), initial=0.0) <= 1e-8 * size)
        for z in (x, x.T)
    )
