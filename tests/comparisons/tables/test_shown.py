"""What the tables say and the pictures show, but for the numbers: as it was looked at and approved.

After a change that is meant, `python tests/comparisons/tables/test_shown.py` writes it anew.
"""

import importlib
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from rich.console import Console

from comparisons.tables.ways import NUMPY_WAYS

APPROVED = Path(__file__).parents[2] / "shared" / "shown.json"
TIMED = {"microseconds": 12.5, "ratio": 1.5, "rounds": 15, "calls": 3}
OPTIONS: dict[str, Any] = {
    "gradients": (0, 30, 3, 5, 1.0),
    "training": (0, 30, 3, 60, 1.0),
    "stability": (),
    "differences": (0, 30, 3),
    "derivation": (0, 30, 2),
}


def result_of(part: str, module: Any) -> Any:
    if part in OPTIONS:
        return module.measure(*OPTIONS[part])
    ways = dict.fromkeys(("by hand", "loops in C", "another"), TIMED)
    ways["engine"] = {**TIMED, "microseconds": 140.0}
    return {
        "points": 500,
        "hidden": 3,
        "rounds": 15,
        "circumstances": {"numpy": "2.0", "python": "3.11", "compiler": "cc -O3", "threads": 1},
        "versions": {"another": "1.0"},
        "ways": ways,
        "on_all_cores": {"cores": 2, "ways": dict.fromkeys(("in blocks", "by hand"), TIMED)},
        "notes": ["A note."],
        "fallback": "",
    }


def text_of(shown: list[Any]) -> list[str]:
    console = Console(width=150, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        for x in shown:
            console.print(x)
    lines = [without_numbers(line) for line in captured.get().splitlines()]
    # Rounding decides how many rows alike there are, and where a difference is largest.
    lines = [re.sub(r"^at .*", "at", line) for line in lines if line]
    return [line for line, _ in groupby(lines)]


def without_numbers(text: str) -> str:
    number = r"-?(?:\d[\d.,]*(?:e[+-]\d+)?|\binf\b|\bnan\b)%?"
    return re.sub(r"[ <─]+", " ", re.sub(number, "0", text)).strip()


def picture_of(figure: Figure) -> list[str]:
    """Return a line for each thing that there is to say of a picture and of each of its parts."""
    size = [f"{x:.2f}" for x in figure.get_size_inches()]
    below = [[without_numbers(x.get_text()) for x in y.get_texts()] for y in figure.legends]
    said = [item for ax in figure.axes for item in axes_of(ax).items()]
    return [f"size {size}", f"legends {below}", *(f"{key} {value}" for key, value in said)]


def axes_of(ax: Axes) -> dict[str, Any]:
    limits = {"x": ax.get_xlim(), "y": ax.get_ylim()}
    legend = ax.get_legend()
    return {
        "titles": [without_numbers(ax.get_title(loc=x)) for x in ("left", "center", "right")],
        "labels": [ax.get_xlabel(), ax.get_ylabel()],
        "scales": [ax.get_xscale(), ax.get_yscale(), str(ax.get_aspect()), ax.axison],
        "limits": {
            x: [f"{y:.3g}" for y in limits[x]]
            for x in "xy"
            if not getattr(ax, f"get_autoscale{x}_on")()
        },
        "shared": [
            len(x.get_siblings(ax)) for x in (ax.get_shared_x_axes(), ax.get_shared_y_axes())
        ],
        "grid": [
            [x.get_visible(), x.get_linewidth()]
            for x in ax.get_xgridlines()[:1] + ax.get_ygridlines()[:1]
        ],
        "spines": [x.get_visible() for x in ax.spines.values()],
        "legend": legend
        and [
            legend._loc,
            legend._ncols,
            legend.get_frame_on(),
            [x.get_text() and without_numbers(x.get_text()) for x in legend.get_texts()],
        ],
        "lines": [line_of(x) for x in ax.lines],
        "texts": [text_style(x) for x in ax.texts],
        "points": [
            [len(x.get_offsets()), x.get_zorder(), sorted({to_hex(c) for c in x.get_facecolors()})]
            for x in ax.collections
            if hasattr(x, "get_sizes")
        ],
        "images": [x.get_cmap().name for x in ax.images],
    }


def line_of(line: Line2D) -> list[Any]:
    sizes = [round(float(x), 3) for x in (line.get_linewidth(), line.get_markersize())]
    kinds = [line.get_linestyle(), str(line.get_marker()), to_hex(line.get_color())]
    return [
        len(np.atleast_1d(line.get_xdata())),
        *kinds,
        *sizes,
        without_numbers(str(line.get_label())),
    ]


def text_style(text: Text) -> list[Any]:
    return [without_numbers(text.get_text()), text.get_fontsize(), text.get_ha(), text.get_va()]


def shown(part: str) -> Any:
    module = importlib.import_module(f"comparisons.tables.{part}")
    with np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        if hasattr(module, "installed_ways"):
            patch.setattr(module, "installed_ways", lambda: list(NUMPY_WAYS))
            patch.setattr(module, "fallback", lambda names: "")  # with or without a compiler
        result = result_of(part, module)
        found = {
            "text": text_of(module.tables(result)),
            "picture": picture_of(module.figure(result)),
        }
    return json.loads(json.dumps(found))


@pytest.mark.parametrize("part", [*OPTIONS, "speed"])
def test_tables_and_pictures_are_as_approved(part: str) -> None:
    approved = json.loads(APPROVED.read_text(encoding="utf-8"))[part]
    found = shown(part)
    assert found["text"] == approved["text"]
    assert found["picture"] == approved["picture"]


if __name__ == "__main__":
    found = {part: shown(part) for part in [*OPTIONS, "speed"]}
    APPROVED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
