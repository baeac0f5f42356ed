"""A check as a page: the verdict, hints folded up, the code with remarks, and the gradients."""

import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from comparisons.diagnosis.places import Spot
from comparisons.diagnosis.search.evidence import RIGHT
from comparisons.homework.checking import FULL, Check, parameter_table
from comparisons.homework.loading import Refused, cells
from comparisons.page.sheet import (
    Html,
    document,
    element,
    fold,
    grid,
    heading,
    items,
    link,
    section,
)
from comparisons.printing import as_html, scientific, table

MOST = 12  # rows and columns of an array of which every entry is shown
LEVELS = ("which gradients are wrong", "in which equation", "which slip")


def page(check: Check, path: Path, hint: int = FULL) -> str:
    """Return a page with what is found of a file, with no more in it than a level of hints allows.

    The code of the file stands in it whatever the level is.
    """
    sources = dict(source(path))
    spots = check.spots if hint >= 2 else []
    parts = [element("p", check.sentence())] if check.problem is not None else []
    if hint >= 1 and check.per_parameter:
        caption = "Each gradient, and its entry that is farthest off"
        parts.append(as_html(parameter_table(check.per_parameter, hint), caption))
    hints = [check.hint(level) for level in range(1, hint + 1)]
    folded = [
        fold(f"Hint {level}: {about}", items(*said))
        for level, (about, said) in enumerate(zip(LEVELS, hints), 1)
        if said and said not in hints[: level - 1]
    ]
    if folded:
        parts.append(section("Hints", *folded))
    if (hint >= 1 or check.ok) and check.notes:
        parts.append(section("Notes", items(*check.notes)))
    if sources:
        parts.append(section("Your code", *listing(sources, spots, hint)))
    if hint >= FULL and check.arrays:
        explained = (
            "Orange entries are above 0, blue ones below, the deeper the larger. In a frame: those "
            "of yours that differ. They are those of the point at which the gradient is farthest "
            "off."
        )
        shown = [
            element("div", element("h3", f"{name}: {x['verdict']}"), compared(*check.arrays[name]))
            for name, x in check.per_parameter.items()
        ]
        parts.append(section("Your gradients and the right ones", element("p", explained), *shown))
    title = check.sentence() if check.problem is None else f"{check.name} {check.verdict}"
    return document(title, *parts, element("p", check.points))


def source(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of a file that can be read, or of each cell of a notebook, after its name."""
    with suppress(Refused):
        for filename, code in cells(path):
            text = "".join(linecache.getlines(filename))
            if isinstance(code, bytes):
                text = code.decode(errors="replace")
            yield Path(filename).name, re.split(r"\r\n|\r|\n", text.rstrip())


def listing(
    sources: Mapping[str, Sequence[str]], spots: Sequence[tuple[Spot, dict[str, str]]], hint: int
) -> Iterator[Html]:
    """Yield the code, with a remark beside each line in which a slip was made or shows first."""
    remarks: dict[tuple[str, int], dict[str, None]] = {}
    for spot, slip in spots:
        if spot.variable.file in sources:
            at = spot.variable.file, spot.variable.line
            remarks.setdefault(at, {})[remark(spot, slip, hint)] = None
    several = len(sources) > 1
    if remarks:
        found = [f"Remark beside {f'{name}, ' * several}line {i}" for name, i in remarks]
        yield items(*(link(f"remark-{k}", x) for k, x in enumerate(found)))
    ids = {at: f"remark-{k}" for k, at in enumerate(remarks)}
    for name, lines in sources.items():
        if several:
            yield element("h3", name)
        shown = []
        for i, line in enumerate(lines, 1):
            said = [element("p", x, class_="remark") for x in remarks.get((name, i), {})]
            marks = {"class_": "marked", "id": ids[name, i]} if said else {}
            shown.append(element("li", element("span", i), element("code", line), *said, **marks))
        yield element("ol", *shown, class_="code", role="list")


def remark(spot: Spot, slip: Mapping[str, str], hint: int) -> str:
    start = "Here" if spot.is_own else "Here it shows first:"
    if hint < FULL:
        return f"{start} look at the equation of {slip.get('where', slip['equation'])}."
    return f"{start} {slip['words']}: it should be {slip['right']}."


def compared(yours: Any, right: Any) -> Html:
    """Return a gradient, yours and the right one, entry by entry unless there are many."""
    both = {"yours": yours, "right": right}
    scale = RIGHT * np.max(np.abs(right), initial=0.0)
    off = ~(np.abs(yours - right) <= scale) if yours.shape == right.shape else None
    if all(x.ndim <= 2 and max(x.shape, default=1) <= MOST for x in both.values()):
        entries = np.abs(np.concatenate([x.ravel() for x in both.values()]))
        largest = np.max(entries, where=np.isfinite(entries), initial=0.0)
        shown = heat("yours", yours, largest, off), heat("right", right, largest)
        return element("div", *shown, class_="pair")
    caption = "They are too large to be shown entry by entry."
    if off is not None:
        gap = scientific(float(np.max(np.abs(yours - right))))
        caption += f" {np.sum(off)} of {off.size} entries differ, by {gap} at most."
    header = ["", "shape", "smallest", "mean", "largest"]
    rows = [
        [kind, str(x.shape), *(f"{float(y):.4g}" for y in (np.min(x), np.mean(x), np.max(x)))]
        for kind, x in both.items()
    ]
    return as_html(table(header, rows, left=2), caption)


def heat(kind: str, x: Any, largest: float, off: Any = None) -> Html:
    """Return an array as a table, each entry in a colour by its sign and its size."""
    off = np.zeros(x.shape, bool) if off is None else off
    heads = [heading(j, "col", class_="number") for j in range(x.shape[-1])] if x.ndim else []
    rows = []
    for i, (entries, marks) in enumerate(zip(np.atleast_2d(x), np.atleast_2d(off))):
        head = [heading(i, "row")] if x.ndim == 2 else []
        rows.append([*head, *(cell(y, largest, mark) for y, mark in zip(entries, marks))])
    return grid(kind, [heading("", "col")] * (x.ndim == 2) + heads, rows, class_="heat")


def cell(x: float, largest: float, is_off: bool) -> Html:
    size = abs(x) / largest if largest and np.isfinite(x) else 0.0
    kinds = [("minus" if x < 0.0 else "plus") if size else "", "off" if is_off else ""]
    style = f"--size: {0.55 * size:.3f}"
    return element("td", f"{x:.4g}", class_=" ".join(filter(None, kinds)), style=style)
