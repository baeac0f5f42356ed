"""Every way's gradient compared with every other's, at the initial and the trained parameters."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from rich.table import Table

from comparisons.printing import listed, scientific, table
from comparisons.tables.training import train_with
from comparisons.tables.ways import (
    BY_HAND,
    Way,
    affordable,
    compared,
    disagree,
    fallback,
    installed_ways,
    lost_digits,
)
from mlp.data import tutorial_problem
from mlp.plots import STYLE


def measure(
    seed: int, points: int, hidden: int, steps: int, learning_rate: float, ways: Sequence[Way] = ()
) -> dict[str, Any]:
    """Compare `ways`, all that are installed by default, by hand first.

    "culprits" in the result names the exact ways that disagree with most of the others. Where they
    do at the initial parameters, nothing is trained. Raises Diverged where training by hand does.
    """
    X, t, initial = tutorial_problem(points, hidden, seed)
    ways, left_out = affordable(ways or installed_ways(), points, hidden, 10.0)
    places = [compared("initial", ways, X, t, initial)]
    if steps and not places[0]["culprits"]:
        trained = train_with(BY_HAND, X, t, initial, steps, learning_rate).params
        places.append(compared("trained", ways, X, t, trained))
    return {
        "steps": steps,
        "exact": [way.name for way in ways if way.exact],
        "places": places,
        "culprits": sorted({name for place in places for name in place["culprits"]}),
        "left_out": left_out,
        "fallback": fallback(places[0]["losses"]),
    }


def exact_pairs(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the pairs of exact ways, each with the place where it was compared."""
    for place in result["places"]:
        for pair in place["pairs"]:
            if set(pair["ways"]) <= set(result["exact"]):
                yield place["place"], pair


def verdict(result: dict[str, Any]) -> str:
    if result["culprits"]:
        return " ".join(accusation(name, result) for name in result["culprits"])
    worst = max((pair["relative"] for _, pair in exact_pairs(result)), default=0.0)
    return (
        f"The {len(result['exact'])} exact ways agree: no two gradients differ by more than "
        f"{scientific(worst)} of their largest entry."
    )


def accusation(name: str, result: dict[str, Any]) -> str:
    """Return what is wrong with a way: compared with which, in which parameters, in which not."""
    apart = [(place, pair) for place, pair in exact_pairs(result) if disagree(pair)]
    place, pair = next((place, pair) for place, pair in apart if name in pair["ways"])
    other = next(way for way in pair["ways"] if way != name)
    found = pair["parameters"]
    wrong = [key for key, gap in found.items() if gap["absolute"] > pair["allowed"]]
    right = [key for key in found if key not in wrong]
    blamed = f"{name} is wrong: at the {place} parameters its"
    if not wrong:
        loss = scientific(pair["loss"])
        return f"{blamed} loss differs by {loss} from that of {other}; the gradients agree."
    worst = max((found[key] for key in wrong), key=lambda gap: gap["absolute"])
    much = "" if np.isinf(worst["absolute"]) else f" by {scientific(worst['absolute'])}"
    rest = f"; the gradient in {listed(right)} agrees" if right else ""
    return (
        f"{blamed} gradient in {listed(wrong)} differs from that of {other}, most in "
        f"{worst['entry']}{much}{rest}."
    )


def tables(result: dict[str, Any]) -> list[str | Table]:
    shown: list[str | Table] = [verdict(result)]
    for place in result["places"]:
        names = list(place["losses"])
        first = place["pairs"][: len(names) - 1]
        rows = []
        for pair in first:
            found = pair["parameters"].values()
            absolute = [scientific(x["absolute"]) for x in found]
            relative = [scientific(x["relative"]) for x in found]
            rows += [
                [pair["ways"][1], "abs.", scientific(pair["loss"]), *absolute],
                ["", "rel.", scientific(pair["relative_loss"]), *relative],
                ["", "at", "", *(x["entry"] if x["absolute"] else "" for x in found)],
            ]
        every = {tuple(pair["ways"]): scientific(pair["relative"]) for pair in place["pairs"]}
        matrix = [
            [f"{i} {a}{' *' if a in result['exact'] else ''}"]
            + [every.get((b, a), "-" if a == b else "") for b in names[:-1]]
            for i, a in enumerate(names, 1)
        ]
        after = f" ({result['steps']} steps)" if place["place"] == "trained" else ""
        shown += [
            f"At the {place['place']} parameters{after}: how far the loss and each gradient are "
            f"from those {names[0]}, absolutely and relative to the gradient's largest entry, and "
            "in which entry the difference is largest.",
            table(["way", "", "loss", *first[0]["parameters"]], rows, left=2, group=3),
            "Every way against every other: the largest difference, relative to the largest entry "
            "of the whole gradient. Exact ways, marked *, differ by rounding alone, and 0 is "
            "agreement to the last bit.",
            table(["way", *map(str, range(1, len(names)))], matrix),
        ]
    if result["culprits"] and len(result["places"]) == 1:
        shown.append("Nothing was trained, because the gradients are wrong before it.")
    from_y = [x for _, x in exact_pairs(result) if x["ways"][0] == BY_HAND.name and not disagree(x)]
    lost = max(from_y, key=lambda pair: float(pair["relative_loss"]), default=None)
    notes = [lost_digits(lost) if lost else "", result["left_out"], result["fallback"]]
    return [*shown, *filter(None, notes)]


@rc_context(STYLE)
def figure(result: dict[str, Any]) -> Figure:
    picture = Figure(figsize=(11, 5.4), layout="constrained")
    axes = picture.subplots(1, len(result["places"]), sharey=True, squeeze=False)[0]
    limits = 1e-17, 1.0
    for ax, place in zip(axes, result["places"]):
        names = list(place["losses"])
        grid = np.full((len(names) - 1, len(names) - 1), np.nan)
        for pair in place["pairs"]:
            i, j = (names.index(way) for way in pair["ways"])
            grid[j - 1, i] = pair["relative"]
            colour = "white" if pair["relative"] > 2e-8 else "black"
            text = scientific(pair["relative"], 0)
            ax.text(i, j - 1, text, ha="center", va="center", fontsize=8, color=colour)
        image = ax.imshow(np.clip(grid, *limits), norm=LogNorm(*limits), cmap="viridis_r")
        ax.set_xticks(range(len(names) - 1), names[:-1], rotation=40, ha="right")
        ax.set_yticks(range(len(names) - 1), names[1:])
        ax.set_title(f"at the {place['place']} parameters")
        ax.spines[:].set_visible(False)
    bar = picture.colorbar(image, ax=axes, shrink=0.9)
    bar.set_label("largest difference / largest entry of the gradient")
    return picture
