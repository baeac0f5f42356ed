"""Which slip, in which equation of a backward pass, gives the gradients that somebody claims."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from autodiff.arguments import pairs, parameter_names, tree_map
from comparisons.diagnosis import wording
from comparisons.diagnosis.equations.replay import Backward, Numbers, as_float, paths
from comparisons.diagnosis.search.evidence import ROUGH, Claim, Evidence, difference, evidence
from comparisons.diagnosis.search.search import Found, search
from comparisons.diagnosis.slips.kinds import FAR_FETCHED
from comparisons.diagnosis.slips.typical import Slip, slips_in
from comparisons.diagnosis.wording import Diagnosis
from comparisons.printing import listed

INVISIBLE = 1e-6
"""What cannot be seen changes no gradient by more than this, in units of its largest entry."""

SINGLE = 1e-4
"""How far gradients with a slip may be from what is claimed in float32."""


def diagnose(
    loss: Callable[..., Any], params: Any, *data: Any, claimed: Mapping[str, Any]
) -> Diagnosis:
    """Find the slip in the backward pass of `loss(params, *data)` that gives `claimed`.

    `claimed` has the structure of `params`; if that is a dict, further entries such as "G_bar" may
    give other adjoints, named after the variables of `loss`. `loss` is any function that the engine
    can record. The equations of its backward pass are computed again with one slip in them at a
    time, and where one is not enough, from the loss on with a slip in each that does not give what
    is claimed.

    Raises ValueError where `claimed` does not have the structure of `params`, TypeError where it is
    not made of numbers, and as `autodiff.grad` does.

    >>> def loss(params, x, t):
    ...     z = params["w"] * x
    ...     return np.mean((z - t) ** 2)
    >>> x, t = np.array([1.0, 2.0, 4.0]), np.array([0.5, 3.0, 1.0])
    >>> found = diagnose(loss, {"w": 1.5}, x, t, claimed={"w": np.mean((1.5 * x - t) * x)})
    >>> print(found.explanations[0].slips[0]["written"])
    z_bar = 1 / N * (z - t)
    """
    root = parameter_names(loss).get(0, "arg0")
    claim = as_claim(paths(params, root), params, claimed)
    found = evidence(loss, [(params, data)], [claim])
    poor = wording.poor(found.backward, data)
    return diagnosis(found, [*poor, *hidden(found.backward, params, data)])


@np.errstate(all="ignore")
def diagnosis(evidence: Evidence, warnings: Sequence[str]) -> Diagnosis:
    """Return what explains the gradients that are wrong, in words."""
    right, wrong, errors = evidence.right, evidence.wrong, evidence.errors
    found = search(evidence) if wrong else Found([])
    remarks: list[str] = []
    first = ""
    worst = max(errors.values(), default=0.0)
    if wrong and not found.fits and worst <= ROUGH:
        right, wrong = list(errors), []
        remarks = [
            f"The gradients are off by {worst:.0e} of their largest entries, which no slip "
            "explains: it is the rounding of float32, or the error of finite differences."
        ]
    elif wrong and not found.fits and evidence.is_single:
        evidence = replace(evidence, tolerance=SINGLE)
        found = search(evidence)
    if wrong and not found.fits:
        first, where = wording.first_wrong(evidence)
        untried = "Not every pair of slips was tried: this network is too large for that."
        remarks = [where, "" if found.all_tried else untried]
        remarks += [wording.about_gradient(evidence, path) for path in wrong]
    explanations = [wording.in_text(x, evidence) for x in found.fits]
    written = map(evidence.backward.written, found.left)
    left = [f"What is wrong in {x} was not found." for x in written]
    constant = [path for path in wrong if evidence.backward.gradients[path] is None]
    if found.fits and constant:
        left.append(f"The loss does not depend on {listed(constant)}, whose gradient is 0.")
    said = [x for x in remarks if x]
    return Diagnosis(right, wrong, errors, explanations, left, first, said, list(warnings))


def as_claim(names: Sequence[str], params: Any, claimed: Any) -> Claim:
    """Split what is claimed into gradients and other adjoints."""
    extras = {}
    if isinstance(params, dict):
        if not isinstance(claimed, Mapping):
            raise TypeError(f"claimed must be a dict of gradients, not {type(claimed).__name__}")
        keys = list(params)
        missing = [key for key in keys if key not in claimed]
        if missing:
            raise ValueError(f"claimed lacks {listed(missing)}; it needs the keys {listed(keys)}")
        extras = {key: claimed_numbers(x, key) for key, x in claimed.items() if key not in params}
        claimed = {key: claimed[key] for key in params}
    try:
        given = [x for _, x in pairs(params, claimed)]
    except ValueError as error:
        raise ValueError(f"claimed does not have the structure of params: {error}") from None
    return Claim({name: claimed_numbers(x, name) for name, x in zip(names, given)}, extras)


def claimed_numbers(x: Any, name: str) -> Any:
    try:
        array = np.asarray(x)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"what is claimed for {name} is not an array of real numbers")
    return as_float(array)


@np.errstate(all="ignore")
def hidden(backward: Backward, params: Any, data: tuple[Any, ...]) -> list[str]:
    """Say which mistakes cannot be seen at a point, though they can elsewhere."""
    random = np.random.default_rng(0)
    here = backward.numbers(params, data)
    other = elsewhere(params, random, is_data=False), elsewhere(data, random, is_data=True)
    there = backward.numbers(*other)

    def is_hidden(slip: Slip) -> bool:
        if slip.factor is not None or slip.cost >= FAR_FETCHED:
            return False
        return effect(backward, slip, here) <= INVISIBLE < effect(backward, slip, there)

    slips = (slip for x in backward.equations for slip in slips_in(backward, x))
    mistakes = [
        f"in {backward.written(x)}, {wording.sentence(slip, backward)}"
        for slip in islice(filter(is_hidden, slips), 3)
        for x in slip.changes
    ]
    shown = "; ".join(dict.fromkeys(mistakes))
    return [f"At this point some mistakes cannot be seen, such as: {shown}."] if shown else []


def effect(backward: Backward, slip: Slip, known: Numbers) -> float:
    """Return by how much a slip changes gradients, in units of each; 0 where that is NaN."""
    now = backward.replay(slip.changes, known) or known
    gradients = [x for x in backward.gradients.values() if x is not None]
    found = [difference(known[x], now[x], 0.0) for x in gradients]
    return max((off for off in found if np.isfinite(off)), default=0.0)


def elsewhere(tree: Any, random: np.random.Generator, is_data: bool) -> Any:
    """Return other numbers in a structure: arrays of data shuffled, so that labels stay labels."""

    def leaf(given: Any, path: Any) -> Any:
        if not isinstance(given, (float, np.floating, np.ndarray)):
            return given
        if is_data and np.ndim(given):
            return random.permuted(given)
        spread = float(np.std(given)) if np.size(given) else 0.0
        drawn = (spread or 1.0) * random.normal(size=np.shape(given))
        return abs(drawn) if np.all(np.greater(given, 0.0)) else drawn

    return tree_map(leaf, tree)
