"""Which slip, in which equation of a backward pass, gives the gradients that somebody claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.arguments import parameter_names
from comparisons.diagnosis.explanation import Diagnosis
from comparisons.diagnosis.replay import Backward, Numbers, as_float, paths
from comparisons.diagnosis.search import Claim, Search
from comparisons.diagnosis.slips import FAR_FETCHED, Slip, slips_in
from comparisons.printing import listed

INVISIBLE = 1e-6


def diagnose(
    loss: Callable[..., Any], params: Any, *data: Any, claimed: Mapping[str, Any]
) -> Diagnosis:
    """Find the slip in the backward pass of `loss(params, *data)` that gives `claimed`.

    `claimed` has the structure of `params`; if that is a dict, further entries such as "G_bar" may
    give other adjoints, named after the variables of `loss`. `loss` is any function that the engine
    can record. The equations of its backward pass are computed again with one slip in them at a
    time, and with two where one is not enough.

    Raises ValueError where `claimed` has not the structure of `params`, TypeError where it is not
    made of numbers, and as `autodiff.grad` does.
    """
    root = parameter_names(loss).get(0, "arg0")
    claim = as_claim(paths(params, root), params, claimed)
    search = Search(loss, [(params, data)], [claim])
    backward = search.backward
    return search.diagnosis([*poor(backward, data), *hidden(backward, params, data)])


def as_claim(names: Sequence[str], params: Any, claimed: Any) -> Claim:
    """Split what is claimed into gradients and other adjoints."""
    extras = {}
    if isinstance(params, dict):
        if not isinstance(claimed, Mapping):
            raise TypeError(f"claimed must be a dict of gradients, not {type(claimed).__name__}")
        missing = [key for key in params if key not in claimed]
        if missing:
            raise ValueError(
                f"claimed lacks {listed(missing)}; it needs the keys {listed(list(params))}"
            )
        extras = {key: numbers(x, key) for key, x in claimed.items() if key not in params}
        claimed = {key: claimed[key] for key in params}
    found = flat(params, claimed)
    if len(found) != len(names):
        raise ValueError("claimed has not the structure of params")
    return Claim({name: numbers(x, name) for name, x in zip(names, found)}, extras)


def flat(params: Any, claimed: Any) -> list[Any]:
    """Return what is claimed for each number or array in `params`."""
    if isinstance(params, dict):
        if not isinstance(claimed, Mapping) or claimed.keys() != params.keys():
            raise ValueError(f"claimed needs a dict with the keys {listed(list(params))}")
        return [y for key, x in params.items() for y in flat(x, claimed[key])]
    if isinstance(params, (list, tuple)):
        if not isinstance(claimed, (list, tuple)) or len(claimed) != len(params):
            raise ValueError(f"claimed needs {len(params)} gradients where params has a sequence")
        return [y for x, part in zip(params, claimed) for y in flat(x, part)]
    return [claimed]


def numbers(x: Any, name: str) -> Any:
    """Return claimed numbers as an array of float64 or float32."""
    try:
        array = np.asarray(x)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"what is claimed for {name} is no array of real numbers")
    return as_float(array)


def hidden(backward: Backward, params: Any, data: tuple[Any, ...], rng: Any = 0) -> list[str]:
    """Say which mistakes cannot be seen at a point, though they can elsewhere."""
    random = np.random.default_rng(rng)
    here = backward.numbers(params, data)
    elsewhere = backward.numbers(*[jittered(x, random) for x in (params, data)])
    unseen = []
    with np.errstate(all="ignore"):
        for equation in backward.equations:
            for slip in slips_in(backward, equation):
                if (
                    slip.factor is None
                    and slip.cost < FAR_FETCHED
                    and effect(backward, slip, here)
                    <= INVISIBLE
                    < effect(backward, slip, elsewhere)
                ):
                    unseen.append(f"in {backward.written(equation)}, {slip.words()}")
    shown = "; ".join(dict.fromkeys(unseen[:3]))
    return [f"At this point some mistakes cannot be seen, such as: {shown}."] if shown else []


def poor(backward: Backward, data: tuple[Any, ...]) -> list[str]:
    """Say what is poor about data, because mistakes cancel out there."""
    warnings = []
    if backward.N == 1:
        warnings.append("There is one example: sums, means and 1/N cannot be told apart.")
    for x, given in zip(backward.data, data):
        if np.ndim(given) == 1 and np.size(given) > 1 and np.ptp(given) == 0.0:
            warnings.append(f"All entries of {x.name} are equal: some mistakes cancel out there.")
    return warnings


def effect(backward: Backward, slip: Slip, known: Numbers) -> float:
    """Return by how much a slip changes gradients, in units of each; 0 where that is no number."""
    now = backward.replay(slip.changes, known)
    worst = 0.0
    for x in backward.gradients.values():
        if now is None or x is None or np.shape(now[x]) != np.shape(known[x]):
            continue
        gap = np.max(np.abs(np.subtract(now[x], known[x])), initial=0.0)
        size = np.max(np.abs(known[x]), initial=0.0)
        worst = max(worst, float(gap / size) if size and np.isfinite(gap / size) else 0.0)
    return worst


def jittered(tree: Any, random: np.random.Generator) -> Any:
    """Return random numbers in a structure; targets from 0 to 1 stay there."""
    if isinstance(tree, dict):
        return {key: jittered(x, random) for key, x in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([jittered(x, random) for x in tree])
    if not isinstance(tree, (float, np.floating, np.ndarray)):
        return tree
    x = np.asarray(tree)
    if x.ndim and np.all((x == 0.0) | (x == 1.0)):  # labels
        return random.permutation(x)
    if x.ndim and np.all((x >= 0.0) & (x <= 1.0)):
        return random.uniform(size=x.shape)
    spread = float(np.std(x)) or 1.0
    return (
        abs(x) + spread * random.uniform(size=x.shape)
        if np.all(x > 0.0)
        else (spread * random.normal(size=x.shape))
    )
