"""The run as a page: in short first, then every table and figure, and how it was made last."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from rich.table import Table

from comparisons.page.sheet import Html, document, element, items, joined, link, picture, section
from comparisons.printing import as_html, table


class Part(NamedTuple):
    """A part of a run: its name, what it shows in a sentence, and all that it shows."""

    name: str
    verdict: str
    shown: Sequence[str | Table]
    figure: Figure | None


def page(parts: Sequence[Part], options: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """Return a page with the parts of a run, the options that it had, and its circumstances."""
    short = items(*(joined(link(x.name, x.name), f": {x.verdict}") for x in parts))
    sections = [section("In short", short)]
    sections += [section(x.name.capitalize(), *blocks(x)) for x in parts]
    rows = [[name.replace("_", " "), str(x)] for name, x in [*options.items(), *made.items()]]
    last = as_html(table(["what", "value"], rows, left=2), "What the numbers depend on")
    title = "Every way to the gradient, compared"
    return document(title, *sections, section("Circumstances", last))


def blocks(part: Part) -> Iterator[Html]:
    """Yield what a part shows, the figure first; the sentence before a table is its caption."""
    if part.figure:
        file = io.BytesIO()
        # However many points are drawn, sharp in print and small.
        part.figure.savefig(file, format="webp", dpi=175, pil_kwargs={"lossless": True})
        yield picture(file.getvalue(), alt=f"{panels(part.figure)}. {part.verdict}")
    before = None
    for x in part.shown:
        if isinstance(x, Table):
            yield as_html(x, before or part.name)
        elif before is not None:
            yield element("p", before)
        before = None if isinstance(x, Table) else x
    if before is not None:
        yield element("p", before)


def save_figure(part: Part, folder: Path) -> str:
    path = folder / f"{part.name}.png"
    if part.figure:
        part.figure.savefig(path, dpi=150)
    return str(path)


def panels(figure: Figure) -> str:
    """Say what the panels of a figure are: the title of each, and what it shows against what."""
    said = []
    for ax in figure.axes:
        x = ax.get_xlabel() or figure.get_supxlabel()
        y = ax.get_ylabel() or figure.get_supylabel()
        if title := ax.get_title():
            said.append(f"{title} ({y} against {x})" if x and y else title)
    return re.sub(r"[${}\\]", "", "; ".join(said))
