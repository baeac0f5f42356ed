"""Every way's gradient against every other's, at the initial and at the trained parameters."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from rich.console import RenderableType

from comparisons.report import number, paragraph, table
from comparisons.training import train_by_hand
from comparisons.ways import Way, affordable, installed_ways
from mlp.data import Array, Parameters, tutorial_problem

TOLERANCE = 1e-12
# By hand the loss is computed from y, as in the tutorial, and loses digits that the others keep.
LOSS_TOLERANCE = 1e-6


def measure(
    seed: int,
    points: int,
    hidden: int,
    steps: int,
    learning_rate: float,
    ways: list[Way] | None = None,
) -> dict[str, Any]:
    """Compare `ways`, all that are installed by default, by hand first.

    "culprits" in the result names the exact ways that disagree with most of the others. Where they
    do at the initial parameters, nothing is trained. Raises Diverged where training by hand does.
    """
    X, t, initial = tutorial_problem(points, hidden, seed)
    ways, left_out = affordable(ways or installed_ways(), points, hidden, 10.0)
    exact = [way.name for way in ways if way.exact]
    places = [compared("initial", ways, X, t, initial)]
    scale = largest_entry(places)
    places[0]["culprits"] = culprits(exact, places[0]["pairs"], scale)
    if steps and not places[0]["culprits"]:
        trained = train_by_hand(X, t, initial, steps, learning_rate).params
        places.append(compared("trained", ways, X, t, trained))
        scale = largest_entry(places)
        places[1]["culprits"] = culprits(exact, places[1]["pairs"], scale)
    return {
        "steps": steps,
        "exact": exact,
        "scale": scale,
        "places": places,
        "culprits": sorted({name for place in places for name in place["culprits"]}),
        "left_out": left_out,
    }


def compared(place: str, ways: list[Way], X: Array, t: Any, params: Parameters) -> dict[str, Any]:
    """Return the gradients of all ways at some parameters, and the difference of every pair."""
    results = {way.name: way.backprop(X, t, params) for way in ways}
    return {
        "place": place,
        "losses": {name: float(loss) for name, (_, loss) in results.items()},
        "gradients": {
            name: {key: np.asarray(g, float).tolist() for key, g in grads.items()}
            for name, (grads, _) in results.items()
        },
        "pairs": [
            {"ways": [a, b], **difference(results[a], results[b])}
            for a, b in combinations(results, 2)
        ],
    }


def largest_entry(places: list[dict[str, Any]]) -> float:
    """Return the largest finite entry of all gradients at all places.

    Rounding is measured by it. Near a minimum the gradient is small because its terms cancel; their
    rounding errors do not.
    """
    return float(max(pair["largest"] for place in places for pair in place["pairs"]))


def difference(a: tuple[Parameters, float], b: tuple[Parameters, float]) -> dict[str, Any]:
    """Return how far two results `(grads, loss)` are apart.

    Per parameter: the largest absolute difference, its ratio to the largest entry of that
    parameter's gradient, and the entry where it is. "relative" is the largest absolute difference
    of all in units of "largest", the largest entry of the whole gradient. NaN and another shape
    differ infinitely.
    """
    parameters = {}
    largest = worst = 0.0
    for name in b[0]:
        x, y = np.asarray(a[0][name], float), np.asarray(b[0][name], float)
        if x.shape == y.shape:
            gap = np.asarray(np.where(np.isfinite(x) & np.isfinite(y), np.abs(x - y), np.inf))
            index = np.unravel_index(np.argmax(gap), gap.shape)
            absolute, entry = float(gap[index]), name
            entry += f"[{','.join(map(str, index))}]" if index else ""
        else:
            absolute, entry = np.inf, f"{name}, of shape {x.shape} and {y.shape}"
        sizes = np.abs(np.concatenate([x.ravel(), y.ravel()]))
        size = float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))
        worst, largest = max(worst, absolute), max(largest, size)
        parameters[name] = {
            "absolute": absolute,
            "relative": ratio(absolute, size),
            "entry": entry,
        }
    loss = abs(a[1] - b[1]) if np.isfinite(a[1]) and np.isfinite(b[1]) else np.inf
    return {
        "loss": float(loss),
        "relative_loss": ratio(float(loss), max(abs(a[1]), abs(b[1]))),
        "relative": ratio(worst, largest),
        "absolute": worst,
        "largest": largest,
        "parameters": parameters,
    }


def ratio(difference: float, size: float) -> float:
    """Return a difference relative to a size; no difference is none of anything."""
    if difference in (0.0, np.inf):
        return difference
    return float(difference / size)


def culprits(exact: list[str], pairs: list[dict[str, Any]], scale: float) -> list[str]:
    """Return the exact ways that disagree with most of the others, or all that disagree."""
    against = dict.fromkeys(exact, 0)
    for pair in pairs:
        a, b = pair["ways"]
        if a in against and b in against and disagree(pair, scale):
            against[a] += 1
            against[b] += 1
    majority = [name for name, count in against.items() if count > (len(exact) - 1) / 2]
    return majority or [name for name, count in against.items() if count]


def disagree(pair: dict[str, Any], scale: float) -> bool:
    """Say whether two results differ by more than rounding."""
    return bool(pair["absolute"] > TOLERANCE * scale or pair["relative_loss"] > LOSS_TOLERANCE)


def verdict(result: dict[str, Any]) -> str:
    """Return a sentence: that the exact ways agree, or who does not, where and by how much."""
    exact, scale = result["exact"], result["scale"]
    if not result["culprits"]:
        worst = max(
            (
                pair["relative"]
                for place in result["places"]
                for pair in place["pairs"]
                if set(pair["ways"]) <= set(exact)
            ),
            default=0.0,
        )
        return (
            f"The {len(exact)} exact ways agree: no two gradients differ by more than "
            f"{number(worst)} of their largest entry."
        )
    return " ".join(accusation(name, result["places"], exact, scale) for name in result["culprits"])


def accusation(name: str, places: list[dict[str, Any]], exact: list[str], scale: float) -> str:
    """Say what is wrong with a way: against which, in which parameters, and in which not."""
    place, pair = next(
        (place["place"], pair)
        for place in places
        for pair in place["pairs"]
        if name in pair["ways"] and set(pair["ways"]) <= set(exact) and disagree(pair, scale)
    )
    other = next(way for way in pair["ways"] if way != name)
    found = pair["parameters"]
    wrong = [key for key, gap in found.items() if gap["absolute"] > TOLERANCE * scale]
    right = [key for key in found if key not in wrong]
    if not wrong:
        return (
            f"{name} is wrong: at the {place} parameters its loss differs by "
            f"{number(pair['loss'])} from that of {other}; the gradients agree."
        )
    worst = max((found[key] for key in wrong), key=lambda gap: gap["absolute"])
    much = "" if np.isinf(worst["absolute"]) else f" by {number(worst['absolute'])}"
    rest = f"; the gradient in {listed(right)} agrees" if right else ""
    return (
        f"{name} is wrong: at the {place} parameters its gradient in {listed(wrong)} differs from "
        f"that of {other}, most in {worst['entry']}{much}{rest}."
    )


def listed(names: list[str]) -> str:
    """Join names as in a sentence."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def tables(result: dict[str, Any]) -> list[RenderableType]:
    """Return the verdict and, for both places, by hand in full and every pair in brief."""
    shown: list[RenderableType] = [paragraph(verdict(result))]
    for place in result["places"]:
        names = list(place["losses"])
        first = [pair for pair in place["pairs"] if pair["ways"][0] == names[0]]
        rows = []
        for pair in first:
            found = pair["parameters"].values()
            rows += [
                [pair["ways"][1], "abs.", number(pair["loss"])]
                + [number(x["absolute"]) for x in found],
                ["", "rel.", number(pair["relative_loss"])]
                + [number(x["relative"]) for x in found],
                ["", "at", ""] + [x["entry"] if x["absolute"] else "" for x in found],
            ]
        after = f" ({result['steps']} steps)" if place["place"] == "trained" else ""
        shown += [
            paragraph(
                f"At the {place['place']} parameters{after}: how far each way is from "
                f"{names[0]}, absolute and relative to the parameter's largest entry, and the "
                "entry at which it is farthest."
            ),
            table(["way", "", "loss", *first[0]["parameters"]], rows, left=2, group=3),
            paragraph(
                "Every way against every other: the largest difference, relative to the largest "
                "entry of the whole gradient. Exact ways, marked *, differ by rounding alone; "
                "0 is agreement to the last bit."
            ),
            matrix(names, result["exact"], place["pairs"]),
        ]
    if result["culprits"] and len(result["places"]) == 1:
        shown.append(paragraph("Nothing was trained, because the gradients are wrong before it."))
    if result["left_out"]:
        shown.append(paragraph(result["left_out"]))
    return shown


def matrix(names: list[str], exact: list[str], pairs: list[dict[str, Any]]) -> RenderableType:
    """Return the table of every way against every other, its columns numbered as its rows."""
    found = {tuple(pair["ways"]): number(pair["relative"]) for pair in pairs}
    rows = [
        [f"{i} {a}{' *' if a in exact else ''}"]
        + [found.get((b, a), "") if a != b else "-" for b in names[:-1]]
        for i, a in enumerate(names, 1)
    ]
    return table(["way", *map(str, range(1, len(names)))], rows[1:])


def figure(result: dict[str, Any]) -> Figure:
    """Draw the largest relative difference of every pair at both places."""
    picture = Figure(figsize=(11, 5.4), layout="constrained")
    axes = picture.subplots(1, len(result["places"]), sharey=True, squeeze=False)[0]
    limits = 1e-17, 1.0
    norm = LogNorm(*limits)
    for ax, place in zip(axes, result["places"]):
        names = list(place["losses"])
        grid = np.full((len(names) - 1, len(names) - 1), np.nan)
        for pair in place["pairs"]:
            i, j = (names.index(way) for way in pair["ways"])
            grid[j - 1, i] = pair["relative"]
        image = ax.imshow(np.clip(grid, *limits), norm=norm, cmap="viridis_r")
        for j, i in np.argwhere(~np.isnan(grid)):
            dark = grid[j, i] > 1e-11
            ax.text(
                i,
                j,
                number(grid[j, i], 0),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
        ax.set_xticks(range(len(names) - 1), names[:-1], rotation=40, ha="right")
        ax.set_yticks(range(len(names) - 1), names[1:])
        ax.set_title(f"at the {place['place']} parameters")
        ax.spines[:].set_visible(False)
    bar = picture.colorbar(image, ax=axes, shrink=0.9)
    bar.set_label("largest difference / largest entry of the gradient")
    return picture
