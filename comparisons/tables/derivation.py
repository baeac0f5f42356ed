"""The equations of backpropagation, derived from the code of the two forward passes."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from autodiff import derivation
from mlp import engine, scalar
from mlp.data import tutorial_problem

FORMS = {
    "scalar": "In scalar form, for one data point x with target t",
    "indices": "With indices, for an entry of each array",
    "vectorised": "Vectorised, for all data points at once, with the shape of each quantity",
    "side_by_side": "With indices, and vectorised",
}
NOTE = (
    "The scalar form has an equation for each number computed from one data point. The form with "
    "indices (--indices) has one for an entry of each array, with sums written out. The vectorised "
    "form is for whole arrays: such a sum becomes a product of matrices, and --side-by-side shows "
    "how.\n\n"
    "A bar marks an adjoint, the derivative of the loss with respect to a quantity; ⊙ multiplies "
    "element by element, σ is the logistic function, and a product with 1 is a sum."
)
MOST_HIDDEN = 10


def measure(
    seed: int, points: int, hidden: int, indices: bool = False, side_by_side: bool = False
) -> dict[str, Any]:
    """Return the equations of each form that is wanted, as text and in LaTeX."""
    X, t, params = tutorial_problem(points, hidden, seed)
    lists = {name: np.asarray(p).tolist() for name, p in params.items()}
    forms = {}
    if hidden <= MOST_HIDDEN:
        forms["scalar"] = derivation(scalar.loss, lists, X[0].tolist(), float(t[0]))
    if indices or side_by_side:
        forms["indices"] = derivation(engine.loss, params, X, t, indices=True)
    forms["vectorised"] = derivation(engine.loss, params, X, t, shapes=True)
    if side_by_side:
        forms["side_by_side"] = derivation(engine.loss, params, X, t, side_by_side=True)
    return {name: {"text": form.text, "latex": form.latex} for name, form in forms.items()}


def tables(result: dict[str, Any]) -> list[str]:
    shown = []
    for name, form in result.items():
        if "side_by_side" not in result or name in ("scalar", "side_by_side"):
            shown += [f"{FORMS[name]}:", form["text"]]
    if "scalar" not in result:
        return [*shown, f"{NOTE} The scalar form is shown for up to {MOST_HIDDEN} hidden units."]
    return [*shown, NOTE]


def figure(result: dict[str, Any]) -> Figure:
    forms = [name for name in result if name != "side_by_side"]
    columns = [result[name]["latex"].splitlines()[1:-1] for name in forms]
    longest = max(map(len, columns))
    figure = Figure(figsize=(4.5 * len(columns), 0.28 * (longest + 2)), layout="constrained")
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    for axes, name, lines in zip(panels, forms, columns):
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
