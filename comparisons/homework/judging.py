"""What a function returned against what the engine says; all that asks for a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.check.gradient import named_ratio
from comparisons.diagnosis.diagnose import hidden, poor
from comparisons.diagnosis.explanation import Diagnosis
from comparisons.diagnosis.search import RIGHT, ROUGH, Claim, Search, alike
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
    search = searched(collected, points, loss)
    diagnosis = search.diagnosis(hidden(search.backward, params, data))
    notes += poor(search.backward, data)
    coarse = {NoteKind.COARSE, NoteKind.BY_DIFFERENCES}
    if diagnosis.ok and coarse.isdisjoint(note.kind for note in collected.notes):
        notes += diagnosis.remarks
    return Check(
        name,
        None,
        notes,
        {path: compared(search, path) for path in search.errors},
        wrong_loss(search, collected),
        diagnosis,
        line_of(diagnosis, collected.variables, search.scales()),
        Points(len(points), search.backward.N, seed),
        [dict(slip) for x in diagnosis.explanations[:1] for slip in x.slips],
    )


def searched(collected: Collected, points: Sequence[Draw], loss: Callable[..., Any]) -> Search:
    """Return the search for slips that give what a function returned at all points.

    The second call at the first point counts as one more. Where it gives something else than the
    first, and that was wrong already, the first call is all that a slip has to explain.
    """
    seen = {x.name: x.value for x in collected.variables}
    observed = {f"{i}": x.value for i, x in enumerate(collected.variables)}
    claims = [Claim(result.grads, {**seen, **result.extras}) for result in collected.results]
    again = collected.first_again
    assert again is not None
    at = [*points, points[0]]
    search = Search(loss, at, [*claims, Claim(again.grads, again.extras)], observed)
    if search.is_wrong_at(0) and differ(collected.results[0], again):
        return Search(loss, at[:1], claims[:1], observed)
    return search


def compared(search: Search, path: str) -> dict[str, Any]:
    """Return the verdict on a gradient, and the entry that is farthest off at any point."""
    result = {
        "verdict": Verdict.WRONG if path in search.wrong else Verdict.RIGHT,
        "error": search.errors[path],
        **dict.fromkeys(("entry", "yours", "engine", "ratio"), ""),
    }
    case = max(search.cases, key=lambda case: search.error(case, path, search.true(case, path)))
    yours, right = np.asarray(case.claimed[path], float), np.asarray(search.true(case, path))
    if yours.shape != right.shape:
        return {**result, "entry": "shape", "yours": str(yours.shape), "engine": str(right.shape)}
    if path in search.right:
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


def wrong_loss(search: Search, collected: Collected) -> WrongLoss | None:
    """Return what is wrong with the loss at the first point where it is wrong, if at any."""
    for case, result in zip(search.cases, collected.results):
        right = float(search.backward.compute(search.backward.listing.value, case.known))
        yours = result.loss
        if yours is None or abs(yours - right) <= (RIGHT if search.wrong else ROUGH) * abs(right):
            continue
        ratio = yours and named_ratio(np.array(yours), np.array(right), {"N": search.backward.N})
        own = collected.loss_gradient
        has_these_gradients = (
            own is not None
            and bool(search.wrong)
            and all(
                np.shape(own[path]) == np.shape(x)
                and np.allclose(own[path], x, rtol=1e-5, atol=1e-8)
                for path, x in search.cases[0].claimed.items()
            )
        )
        named = ratio if ratio and ratio.startswith("exactly") else ""
        return WrongLoss(yours, right, named, has_these_gradients)
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
