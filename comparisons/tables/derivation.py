"""The equations of backpropagation, derived from the code of the two forward passes."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from autodiff import derivation
from mlp import engine, scalar
from mlp.data import tutorial_problem

FORMS = {
    "scalar": "In scalar form, for one data point x with target t",
    "vectorised": "Vectorised, for all data points at once, with the shape of each quantity",
}
MOST_HIDDEN = 10


def measure(seed: int, points: int, hidden: int) -> dict[str, Any]:
    """Return the equations of both forms, as text and in LaTeX."""
    X, t, params = tutorial_problem(points, hidden, seed)
    lists = {name: np.asarray(p).tolist() for name, p in params.items()}
    forms = {"vectorised": derivation(engine.loss, params, X, t, shapes=True)}
    if hidden <= MOST_HIDDEN:
        forms = {"scalar": derivation(scalar.loss, lists, X[0].tolist(), float(t[0])), **forms}
    return {name: {"text": form.text, "latex": form.latex} for name, form in forms.items()}


def tables(result: dict[str, Any]) -> list[str]:
    shown = []
    for name, form in result.items():
        shown += [f"{FORMS[name]}:", form["text"]]
    note = (
        "A bar marks an adjoint, the derivative of the loss in a quantity; ⊙ multiplies element "
        "by element, σ is the logistic function, and a product with 1 is a sum."
    )
    if "scalar" not in result:
        note += f" The scalar form is shown for up to {MOST_HIDDEN} hidden units."
    return [*shown, note]


def figure(result: dict[str, Any]) -> Figure:
    columns = [form["latex"].splitlines()[1:-1] for form in result.values()]
    longest = max(map(len, columns))
    figure = Figure(figsize=(4.5 * len(columns), 0.28 * (longest + 2)), layout="constrained")
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    for axes, name, lines in zip(panels, result, columns):
        axes.set_title(FORMS[name].partition(",")[0], loc="left")
        axes.set_axis_off()
        axes.set_ylim(longest, 0)
        for i, line in enumerate(lines):
            left, right, *note = line.removesuffix(r"\\").split("&")
            place = {"y": i + 0.5, "transform": axes.get_yaxis_transform()}
            axes.text(x=0.12, s=f"${left.strip()}$", ha="right", **place)
            axes.text(x=0.14, s=f"${right.strip()}$", **place)
            axes.text(x=0.8, s=f"${note[-1].strip()}$" if note else "", color="0.4", **place)
    return figure


def verdict(result: dict[str, Any]) -> str:
    return "The equations of the backward pass follow from the code of the forward pass."
