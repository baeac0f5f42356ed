"""What the tables have in common: their look, numbers as text, JSON, and how a run was made."""

import json
import math
import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from autodiff.readings.native.build import compiler, described
from comparisons.page import sheet
from comparisons.page.sheet import Html


class Terminal(Console):
    """A console that leaves it to `cli.main` to end the program where the reader has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def scientific(x: float, digits: int = 1) -> str:
    """Return a small number in a few characters: 3.1e-16, or 0 for exactly 0."""
    return "0" if x == 0.0 else f"{x:.{digits}e}"


def digits_right(error: float) -> int:
    """Return how many of a float64's 16 decimal digits a relative error leaves."""
    return round(min(16.0, -math.log10(max(error, 1e-17)))) if error < 1.0 else 0


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def paragraph(sentence: str) -> Text:
    """Return a sentence with an empty line before it."""
    return Text(f"\n{sentence}")


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, group: int = 0
) -> Table:
    """Return a table whose first `left` columns are text, the others numbers.

    An empty line follows every `group` rows. The table is as wide as it needs to be: in a narrow
    terminal its lines wrap, and no number loses digits.
    """
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for i, name in enumerate(header):
        shown.add_column(name, justify="left" if i < left else "right", no_wrap=True)
    for i, row in enumerate(rows, 1):
        shown.add_row(*row, end_section=bool(group and i % group == 0))
    wide = Console(width=10_000)
    shown.width = Measurement.get(wide, wide.options, shown).maximum
    return shown


def as_text(shown: Table) -> str:
    console = Console(width=200, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        console.print(shown)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def as_html(shown: Table, caption: str) -> Html:
    """Return a table as HTML, its first column as heads of rows; one without is of those above."""
    columns = [list(map(str, column.cells)) for column in shown.columns]
    kinds = [{"class_": "number"} if x.justify == "right" else {} for x in shown.columns]
    heads = [sheet.heading(x.header, "col", **kind) for x, kind in zip(shown.columns, kinds)]
    rows = []
    for i, (name, *cells) in enumerate(zip(*columns)):
        row = [sheet.element("td", x, **kind) for x, kind in zip(cells, kinds[1:])]
        if name:
            below = next((j for j, x in enumerate(columns[0][i + 1 :], 1) if x), 0)
            span = below or len(columns[0]) - i
            more = {"rowspan": span} if span > 1 else {}
            row.insert(0, sheet.heading(name, "row", **kinds[0], **more))
        rows.append(row)
    return sheet.grid(caption, heads, rows)


def circumstances() -> dict[str, Any]:
    """Return what a result may depend on: versions, machine, C compiler and threads."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "compiler": described() if compiler() else "none",
        "threads": 1 if os.environ.get("OPENBLAS_NUM_THREADS") == "1" else "not limited",
    }


def to_json(results: Any) -> str:
    """Return JSON, in which infinities and NaN are the strings "inf", "-inf" and "nan"."""
    return json.dumps(for_json(results), indent=2, allow_nan=False)


def for_json(x: Any) -> Any:
    """Return nested results in the types that JSON knows."""
    if isinstance(x, dict):
        return {str(key): for_json(value) for key, value in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [for_json(value) for value in x]
    if isinstance(x, (float, np.floating)):
        return float(x) if math.isfinite(x) else str(float(x))
    return x.item() if isinstance(x, np.generic) else x
