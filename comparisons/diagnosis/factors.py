"""An unknown factor in a slip, found from what is claimed."""

from fractions import Fraction
from typing import Any

import numpy as np

from autodiff.check.ratio import Factor, first_fitting, fraction, powers, share
from autodiff.readings.terms import number
from comparisons.diagnosis.evidence import Evidence
from comparisons.diagnosis.replay import Changes
from comparisons.diagnosis.slips import Slip


def solved(
    evidence: Evidence, slip: Slip, path: str | None = None, given: Changes | None = None
) -> Slip | None:
    """Return a slip with its factor found from what is claimed for a parameter; None if it is not.

    By Newton's method, from the largest wrong parameter if none is named; `given` are changes by
    another slip. Where the only evidence is one number, a factor that nobody would write is not
    accepted.
    """
    case, backward, factor = evidence.cases[0], evidence.backward, slip.factor
    assert factor is not None
    path = path or evidence.largest(evidence.wrong)
    target = case.claimed[path]
    if not np.all(np.isfinite(target)):
        return None

    def at(x: float) -> Any:
        now = backward.replay({**(given or {}), **slip.changes}, {**case.known, factor: x})
        if now is None:
            return None
        found = evidence.true(case, path, now)
        return found if np.shape(found) == np.shape(target) else None

    x = 0.0
    for _ in range(8):
        here, there = at(x), at(x + 0.125)
        if here is None or there is None:
            return None
        slope = np.subtract(there, here) / 0.125
        size = np.sum(slope * slope)
        step = np.sum(np.subtract(target, here) * slope) / size if size > 0 else np.nan
        if not np.isfinite(step):
            return None
        x += float(step)
        if abs(step) <= 1e-13 * abs(x):
            break
    found = bound(evidence, slip, x)
    value = float(found.factor.number) if found.factor else x
    simple = fraction(value, 10).fits(value, 10 * evidence.tolerance)
    certain = len(evidence.cases) > 1 or np.size(target) > 1 or found.factor in found.names
    return found if certain or simple else None


def bound(evidence: Evidence, slip: Slip, x: float) -> Slip:
    assert slip.factor is not None
    value, name = rounded(x, evidence.backward.N, 10 * evidence.tolerance)
    factor = number(value)
    names = slip.names if name is None else {**slip.names, factor: name}
    changes = {}
    for variable, right in slip.changes.items():
        new = evidence.backward.replaced(right, slip.factor, factor)
        assert new is not None
        changes[variable] = new
    return slip._replace(changes=changes, names=names, factor=factor)


def rounded(x: float, n: int, near: float) -> tuple[float, str | None]:
    """Return a factor as the number that it seems to be, with a name if N is in it."""
    named = powers("N", n)
    simple = fraction(x, 10), share(x, "N", n), Factor(Fraction(float(f"{x:.6g}")))
    found = first_fitting(x, [*named, *simple], near)
    return float(found), found.code if found in named else None
