"""The cross-entropy of y against that of z: what is left of the loss and its slope as |z| grows."""

import math
from decimal import Context, Decimal
from itertools import product
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.table import Table

from autodiff import Value, logistic_cross_entropy
from comparisons.printing import digits_right, table
from mlp import cross_entropy, sigmoid
from mlp.plots import BLUE, STYLE, VERMILION, beside

LOGITS = (-1000.0, -700.0, -100.0, -40.0, -20.0, -5.0, 0.0, 5.0, 20.0, 36.0, 40.0, 100.0, 1000.0)
EPS = 2.0**-52
SMALLEST = Decimal("4.94e-324")
DIGITS = Context(prec=60, Emin=-(10**9), Emax=10**9)


def exact_values(z: float, t: int) -> tuple[Decimal, Decimal]:
    """Return the logistic cross-entropy and its derivative in z, to 50 digits and more.

    With s = z for t = 0 and -z for t = 1 they are log(1 + exp(s)) and, up to sign,
    exp(s) / (1 + exp(s)). Written so, log(1 + x) needs as many more digits as x has zeros.
    """
    s = Decimal(z if t == 0 else -z)
    e = DIGITS.exp(s)
    zeros = Context(prec=60 + max(0, -e.adjusted()), Emin=DIGITS.Emin, Emax=DIGITS.Emax)
    loss = zeros.ln(zeros.add(1, e))
    slope = DIGITS.divide(e, DIGITS.add(1, e))
    return loss, slope if t == 0 else slope.copy_negate()  # unary minus would round


def measure() -> dict[str, Any]:
    """Evaluate both losses and slopes, for targets 0 and 1, with the exact values beside them."""
    return {
        "table": [evaluated(z, t) for t in (1, 0) for z in LOGITS],
        "curve": [evaluated(z, t) for t in (1, 0) for z in np.linspace(-60.0, 60.0, 481).tolist()],
    }


def evaluated(z: float, t: int) -> dict[str, Any]:
    """Return the values and the relative errors of both forms at one logit, from z the engine's."""
    found: dict[str, Any] = {"z": z, "t": t}
    with np.errstate(all="ignore"):  # infinities and NaN are what is to be seen
        y = sigmoid(z)
        from_y = cross_entropy(y, t), y - t
        logit = Value(z)
        loss = logistic_cross_entropy(logit, t)
        loss.backward()
        from_z = loss.data, logit.grad
    for name, truth, naive, stable in zip(("loss", "slope"), exact_values(z, t), from_y, from_z):
        forms = {"naive": float(naive), "stable": float(stable)}
        errors = {f"{form}_error": relative_error(x, truth) for form, x in forms.items()}
        found[name] = {"exact": f"{truth:.20e}", **forms, **errors}
    return found


def relative_error(x: float, truth: Decimal) -> float:
    """Return |x - truth| / |truth|; 0 where no float64 is nearer, as 0 is to 1e-400."""
    if not math.isfinite(x):
        return math.inf
    if x == float(truth) and abs(truth) < SMALLEST:
        return 0.0
    return float(abs(DIGITS.divide(DIGITS.subtract(Decimal(x), truth), truth)))


def digits(found: dict[str, Any], form: str) -> str:
    """Return how many digits are right; nothing where the exact value is too small for float64."""
    too_small = abs(Decimal(found["exact"])) < SMALLEST
    return "" if too_small else str(digits_right(found[f"{form}_error"]))


def verdict(result: dict[str, Any]) -> str:
    lost = min(abs(r["z"]) for r in result["table"] if not math.isfinite(r["loss"]["naive"]))
    fewest = min(int(digits(r["loss"], "stable") or 16) for r in result["table"])
    return (
        f"Already at z = {lost:g} the loss from y is infinite or NaN; the loss from z has "
        f"{fewest} of 16 digits right where it is worst."
    )


def tables(result: dict[str, Any]) -> list[str | Table]:
    sentences = {
        1: "Target 1. For large z the point is classified correctly and y rounds to 1: log(y) and "
        "y - 1 keep fewer and fewer digits and none from z = 37 on, where the other half of the "
        "formula is 0 log(0), which is NaN. Far below 0, y rounds to 0 and its loss is infinite.",
        0: "Target 0. For large z the point is misclassified, and 1 - y rounds to 0: the loss "
        "from y becomes infinite from z = 37 on, where the true loss is a harmless 37. "
        "For negative z it vanishes long before the true loss does. The slope keeps its digits.",
    }
    shown: list[str | Table] = [
        "The loss can be computed from y = sigmoid(z), as the cross-entropy is written, or "
        "directly from z, as the logistic cross-entropy; so can its slope in z. For both, the "
        "columns of digits right say how many of the 16 digits of a float64 are those of the "
        "exact value. They are blank where the exact value is too small for float64."
    ]
    right = ["digits\nright,\nfrom y", "digits\nright,\nfrom z"]
    header = ["z", "exact\nloss", "loss\nfrom y", *right, "exact\nslope", "slope\ny - t", *right]
    for t, sentence in sentences.items():
        some = [r for r in result["table"] if r["t"] == t]
        rows = [[f"{r['z']:g}", *cells(r["loss"]), *cells(r["slope"])] for r in some]
        shown += [sentence, table(header, rows, left=0)]
    return shown


def cells(found: dict[str, Any]) -> list[str]:
    """Return what a row says of the loss or of the slope."""
    exact = found["exact"]
    shown = f"{float(exact):.4g}" if float(exact) else f"{Decimal(exact):.3e}"
    return [shown, f"{found['naive']:.4g}", digits(found, "naive"), digits(found, "stable")]


@rc_context(STYLE)
def figure(result: dict[str, Any]) -> Figure:
    picture = Figure(figsize=(11, 7), layout="constrained")
    axes = picture.subplots(2, 2, sharex=True, sharey=True)
    panels = product((("loss", "loss"), ("slope", "slope in z")), (1, 0))
    forms = ("naive", VERMILION, 6, "from y = sigmoid(z)"), ("stable", BLUE, 3, "from z")
    for ax, ((quantity, title), t) in zip(axes.flat, panels):
        rows = [r for r in result["curve"] if r["t"] == t]
        z = np.array([r["z"] for r in rows])
        for form, colour, size, label in forms:
            errors = np.array([r[quantity][f"{form}_error"] for r in rows])
            ax.plot(z, np.maximum(errors, 1e-18), ".", ms=size, color=colour, label=label)
            infinite = z[np.isinf(errors)]
            if infinite.size:
                top = np.full_like(infinite, 3.0)
                ax.plot(infinite, top, "^", ms=4, color=colour, label="infinite or NaN")
                first = infinite.min()
                beside(ax, f"from z = {first:g} on", (first, 3.0), (-8, 0), ha="right")
        ax.axhline(EPS, color="0.5", linewidth=0.8)
        ax.set(yscale="log", ylim=(2e-19, 20.0), title=f"{title}, t = {t}")
        ax.grid(True)
    handles = axes[0, 0].get_legend_handles_labels()
    picture.legend(*handles, loc="outside upper center", ncols=3, frameon=False)
    picture.supxlabel("logit z", fontsize="medium")
    picture.supylabel("relative error (1e-18 stands for 0)", fontsize="medium")
    beside(axes[0, 0], "eps = 2.2e-16", (-58, EPS), (0, 3), fontsize=8)
    return picture
