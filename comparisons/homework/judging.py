"""What a function returned against what the engine says; all that asks for a diagnosis."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.check.ratio import constant_factor
from comparisons.diagnosis.diagnose import diagnosis as diagnosed
from comparisons.diagnosis.diagnose import hidden
from comparisons.diagnosis.evidence import RIGHT, ROUGH, Claim, Evidence, alike, error, evidence
from comparisons.diagnosis.wording import Diagnosis, poor
from comparisons.homework.calling import Collected, Draw, differ
from comparisons.homework.check import Check, Points, Verdict, WrongLoss
from comparisons.homework.loading import NoteKind
from comparisons.homework.watching import Variable


def judged(
    name: str, collected: Collected, points: Sequence[Draw], loss: Callable[..., Any], seed: int
) -> Check:
    """Compare what a function returned with the gradients of `loss`, and diagnose it."""
    notes = [str(note) for note in collected.notes]
    if collected.problem is not None:
        return Check(name, f"{collected.problem}.", notes)
    params, data = points[0]
    found = claimed(collected, points, loss)
    diagnosis = diagnosed(found, hidden(found.backward, params, data))
    notes += poor(found.backward, data)
    coarse = {NoteKind.COARSE, NoteKind.BY_DIFFERENCES}
    if diagnosis.ok and coarse.isdisjoint(note.kind for note in collected.notes):
        notes += diagnosis.remarks
    return Check(
        name,
        None,
        notes,
        {path: compared(found, diagnosis, path) for path in found.errors},
        wrong_loss(found, diagnosis, collected),
        diagnosis,
        line_of(diagnosis, collected.variables, found.scales),
        Points(len(points), found.backward.N, seed),
        [dict(slip) for x in diagnosis.explanations[:1] for slip in x.slips],
    )


def claimed(collected: Collected, points: Sequence[Draw], loss: Callable[..., Any]) -> Evidence:
    """Return what a function returned at all points as the evidence for a diagnosis.

    The second call at the first point counts as one more. Where it gives something else than the
    first, and that was wrong already, the first call is all that a slip has to explain.
    """
    seen = {x.name: x.value for x in collected.variables}
    observed = [x.value for x in collected.variables]
    claims = [Claim(result.grads, {**seen, **result.extras}) for result in collected.results]
    again = collected.first_again
    assert again is not None
    at = [*points, points[0]]
    found = evidence(loss, at, [*claims, Claim(again.grads, again.extras)], observed)
    if found.at(found.cases[0], {}) > RIGHT and differ(collected.results[0], again):
        return evidence(loss, at[:1], claims[:1], observed)
    return found


def compared(found: Evidence, diagnosis: Diagnosis, path: str) -> dict[str, Any]:
    """Return the verdict on a gradient, and the entry that is farthest off at any point."""
    result = {
        "verdict": Verdict.WRONG if path in diagnosis.wrong else Verdict.RIGHT,
        "error": found.errors[path],
        **dict.fromkeys(("entry", "yours", "engine", "ratio"), ""),
    }
    case = max(found.cases, key=lambda case: error(case, path, found.true(case, path)))
    yours, right = np.asarray(case.claimed[path], float), np.asarray(found.true(case, path))
    if yours.shape != right.shape:
        return {**result, "entry": "shape", "yours": str(yours.shape), "engine": str(right.shape)}
    if path in diagnosis.right:
        return result
    gap = np.abs(yours - right)
    at = np.unravel_index(np.argmax(np.where(np.isfinite(gap), gap, np.inf)), gap.shape)
    return {
        **result,
        "entry": f"{path}[{', '.join(map(str, at))}]" if at else path,
        "yours": f"{yours[at]:.6g}",
        "engine": f"{right[at]:.6g}",
        "ratio": f"{yours[at] / right[at]:.6g}" if right[at] else "",
    }


def wrong_loss(found: Evidence, diagnosis: Diagnosis, collected: Collected) -> WrongLoss | None:
    """Return what is wrong with the loss at the first point where it is wrong, if at any."""
    tolerance = RIGHT if diagnosis.wrong else ROUGH
    for case, result in zip(found.cases, collected.results):
        right = float(found.backward.compute(found.backward.value, case.known))
        yours = result.loss
        if yours is None or abs(yours - right) <= tolerance * abs(right):
            continue
        factor = constant_factor(yours, right, {"N": found.backward.N}) if yours else None
        own, first = collected.loss_gradient, found.cases[0].claimed
        is_own = own is not None and all(
            np.shape(own[key]) == np.shape(x) and np.allclose(own[key], x, rtol=1e-5, atol=1e-8)
            for key, x in first.items()
        )
        words = factor.words if factor and factor.is_named else ""
        return WrongLoss(yours, right, words, is_own and not diagnosis.ok)
    return None


def line_of(diagnosis: Diagnosis, variables: Sequence[Variable], scales: Sequence[float]) -> str:
    """Return the line of the code in which the first mistake stands, if a variable shows it.

    On paper 1/N may be put in later, so all adjoints may be N times larger.
    """
    if not diagnosis.explanations:
        found = [x for x in variables if x.name == diagnosis.first_wrong]
        return f"line {found[-1].line}: {found[-1].text}" if found else ""
    values, changed = diagnosis.explanations[0].values, diagnosis.explanations[0].changed
    for name in changed:
        value = values[name]
        twins = sum(np.shape(x) == np.shape(value) and alike(x, value) for x in values.values())
        for factor in scales:
            found = [x for x in variables if alike(x.value, factor * value)]
            if found and np.any(value):
                # What is equal to an adjoint before it was assigned last, if at all.
                x = found[-1 if twins > 1 else 0]
                missing = twins > len({x.name for x in found}) and name[:-4] in diagnosis.errors
                return "" if missing else f"line {x.line}: {x.text}"
    return ""
