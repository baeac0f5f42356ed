"""The error of finite differences against their step: too large truncates, too small cancels."""

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.table import Table

from comparisons.printing import digits_right, scientific, table
from comparisons.tables.ways import BY_HAND, COMPLEX_STEP, TOLERANCE, difference
from mlp.data import tutorial_problem
from mlp.numerical import central_differences, complex_step, forward_differences
from mlp.plots import BLUE, STYLE, VERMILION, beside

# Each with its best step in theory, and the colour, marker and width of its curve: a wide one can
# be seen below a narrow one where they coincide.
METHODS: dict[str, tuple[Any, str, str, str, float]] = {
    "forward": (forward_differences, "1e-8, root of eps", VERMILION, "o", 1.0),
    "central": (central_differences, "6e-6, cube root of eps", BLUE, "s", 3.0),
    "complex": (complex_step, "any below 1e-8", "#009E73", "^", 1.0),
}
STEPS = 10.0 ** np.arange(0.0, -20.5, -0.5)


def measure(seed: int, points: int, hidden: int) -> dict[str, Any]:
    """Return each method's largest error per step, relative to the largest entry by hand."""
    seconds = 2.0 * len(STEPS) * COMPLEX_STEP.seconds(points, hidden)
    if seconds > 30.0:
        left_out = (
            f"At this size, finite differences with {len(STEPS)} steps would take about "
            f"{seconds:.0f} s; give fewer --points or --hidden to see them."
        )
        return {"steps": [], "methods": {}, "left_out": left_out}
    X, t, params = tutorial_problem(points, hidden, seed)
    reference = BY_HAND.backprop(X, t, params)
    methods = {}
    for name, (backprop, *_) in METHODS.items():
        found = [backprop(X, t, params, float(h)) for h in STEPS]
        errors = [difference(each, reference)["relative"] for each in found]
        # Of errors that are all a few units of rounding, take that of the largest step.
        best = int(np.argmax(np.array(errors) <= max(min(errors), 4.0 * np.finfo(float).eps)))
        best_step, best_error = float(STEPS[best]), errors[best]
        methods[name] = {"errors": errors, "best_step": best_step, "best_error": best_error}
    return {"steps": STEPS.tolist(), "methods": methods, "left_out": ""}


def verdict(result: dict[str, Any]) -> str:
    if not result["methods"]:
        return str(result["left_out"])
    forward, central, complex_ = (m["best_error"] for m in result["methods"].values())
    if complex_ > TOLERANCE:
        return (
            f"By hand and the complex step disagree ({scientific(complex_)}), so these are not the "
            "errors of the methods; run `backprop gradients`."
        )
    return (
        f"At their best, forward differences get {digits_right(forward)} digits right, central "
        f"differences {digits_right(central)}, and the complex step {digits_right(complex_)}."
    )


def tables(result: dict[str, Any]) -> list[str | Table]:
    methods = result["methods"]
    if not methods:
        return [result["left_out"]]
    found = list(methods.values())
    bests = [m["best_step"] for m in found]
    rows = [
        [f"{h:.0e}"]
        + [scientific(m["errors"][i]) + (" <" if h == m["best_step"] else "  ") for m in found]
        for i, h in enumerate(result["steps"])
        if i % 2 == 0 or h in bests
    ]
    summary = [
        [name, f"{m['best_step']:.1e}", METHODS[name][1], scientific(m["best_error"])]
        for name, m in methods.items()
    ]
    shown: list[str | Table] = [
        "The error of a numerical gradient against its step h, relative to the largest entry: a "
        "large step follows the curve, not the tangent; a small one subtracts numbers that differ "
        "in their last digits only. The complex step subtracts nothing. The best step of each is "
        "marked <.",
        table(["step h", *methods], rows, left=0),
        table(["method", "best step here", "expected", "error there"], summary),
    ]
    shown.insert(0 if methods["complex"]["best_error"] > TOLERANCE else 2, verdict(result))
    return shown


@rc_context(STYLE)
def figure(result: dict[str, Any]) -> Figure | None:
    if not result["methods"]:
        return None
    picture = Figure(figsize=(11, 6), layout="constrained")
    ax = picture.subplots()
    for name, method in result["methods"].items():
        _, _, colour, marker, width = METHODS[name]
        errors = np.clip(method["errors"], 1e-17, 1e2)
        ax.plot(
            result["steps"],
            errors,
            f"{marker}-",
            color=colour,
            lw=width,
            ms=3.5 + width,
            label=f"{name}, best at h = {method['best_step']:.0e}",
        )
        at = method["best_step"], max(method["best_error"], 1e-17)
        ax.plot(*at, "*", color=colour, markersize=15, markeredgecolor="black")
        beside(ax, scientific(method["best_error"]), at, (-12, -8), ha="right", va="top")
    ax.set(
        xscale="log",
        yscale="log",
        ylim=(1e-17, 1e1),
        xlabel="step h",
        ylabel="largest error / largest entry of the gradient",
        title="Error of a numerical gradient against its step; stars: the best",
    )
    ax.grid(True)
    picture.legend(loc="outside lower center", ncols=3, frameon=False)
    return picture
