"""The cross-entropy of y against that of z: what is left of the loss and its slope as |z| grows."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import RenderableType

from comparisons.printing import paragraph, table
from mlp.losses import (
    cross_entropy,
    cross_entropy_slope,
    logistic_cross_entropy,
    logistic_cross_entropy_slope,
    sigmoid,
)

LOGITS = (-1000.0, -700.0, -100.0, -40.0, -20.0, -5.0, 0.0, 5.0, 20.0, 36.0, 40.0, 100.0, 1000.0)
CURVE = np.linspace(-60.0, 60.0, 481)
EPS = 2.0**-52
SMALLEST = Decimal("4.94e-324")
DIGITS = Context(prec=60, Emin=-(10**9), Emax=10**9)


def exact(z: float, t: int) -> tuple[Decimal, Decimal]:
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
        "table": [row(z, t) for t in (1, 0) for z in LOGITS],
        "curve": [row(z, t) for t in (1, 0) for z in CURVE.tolist()],
    }


def row(z: float, t: int) -> dict[str, Any]:
    """Return values and relative errors of both forms at one logit."""
    found: dict[str, Any] = {"z": z, "t": t}
    with np.errstate(all="ignore"):  # infinities and NaN are what is to be seen
        naive_ones = cross_entropy(sigmoid(z), t), cross_entropy_slope(z, t)
        stable_ones = logistic_cross_entropy(z, t), logistic_cross_entropy_slope(z, t)
    quantities = zip(("loss", "slope"), exact(z, t), naive_ones, stable_ones)
    for name, truth, naive, stable in quantities:
        found[name] = {
            "exact": f"{truth:.20e}",
            "naive": float(naive),
            "stable": float(stable),
            "naive_error": relative_error(float(naive), truth),
            "stable_error": relative_error(float(stable), truth),
        }
    return found


def relative_error(x: float, truth: Decimal) -> float:
    """Return |x - truth| / |truth|; 0 where no float64 is nearer, as 0 is to 1e-400."""
    if x == float(truth):
        return 0.0 if abs(truth) < SMALLEST else float(gap(x, truth))
    return float(gap(x, truth)) if math.isfinite(x) else math.inf


def gap(x: float, truth: Decimal) -> Decimal:
    """Return the relative error of a finite number."""
    return abs(DIGITS.divide(DIGITS.subtract(Decimal(x), truth), truth))


def digits(found: dict[str, Any], form: str) -> str:
    """Return how many decimal digits are right, at most 16; nothing where float64 has none."""
    error = found[f"{form}_error"]
    if abs(Decimal(found["exact"])) < SMALLEST:
        return ""
    if error == 0.0:
        return "16"
    return str(max(0, min(16, math.floor(-math.log10(error) + 0.5)))) if error < 1.0 else "0"


def short(x: str | float) -> str:
    """Return a number to two digits, however small."""
    rounded = float(x)
    return f"{rounded or Decimal(x):.1e}" if rounded or isinstance(x, str) else "0"


def verdict(result: dict[str, Any]) -> str:
    """Return a sentence: where the loss from y is of no use, and how good the one from z is."""
    lost = min(abs(r["z"]) for r in result["table"] if not math.isfinite(r["loss"]["naive"]))
    fewest = min(int(digits(r["loss"], "stable") or 16) for r in result["table"])
    return (
        f"Already at z = {lost:g} the loss from y is infinite or no number; the loss from z has "
        f"{fewest} of 16 digits right where it is worst."
    )


def tables(result: dict[str, Any]) -> list[RenderableType]:
    """Return a table for each target."""
    sentences = {
        1: "Target 1. For large z the point is classified rightly and y rounds to 1: log(y) and "
        "y - 1 keep fewer and fewer digits and none from z = 37 on, where the other half of the "
        "formula is 0 log(0), no number. Far below 0, y rounds to 0 and its loss is infinite.",
        0: "Target 0. For large z the point is classified wrongly, and 1 - y rounds to 0: the loss "
        "from y becomes infinite from z = 37 on, where the true loss is a harmless 37. "
        "For negative z it vanishes long before the true loss does. The slope keeps its digits.",
    }
    shown: list[RenderableType] = [
        paragraph(
            "The loss can be computed from y = sigmoid(z), as the cross-entropy is written, or "
            "directly from z, as the logistic cross-entropy; so can its slope in z. For both, the "
            "columns `digits right` say how many of the 16 digits of a float64 are those of the "
            "exact value. They are blank where the exact value is too small for float64."
        )
    ]
    for t, sentence in sentences.items():
        rows = [
            [
                f"{r['z']:g}",
                short(r["loss"]["exact"]),
                short(r["loss"]["naive"]),
                digits(r["loss"], "naive"),
                digits(r["loss"], "stable"),
                short(r["slope"]["exact"]),
                short(r["slope"]["naive"]),
                digits(r["slope"], "naive"),
                digits(r["slope"], "stable"),
            ]
            for r in result["table"]
            if r["t"] == t
        ]
        header = [
            "z",
            "exact\nloss",
            "loss\nfrom y",
            "digits\nright,\nfrom y",
            "digits\nright,\nfrom z",
            "exact\nslope",
            "slope\ny - t",
            "digits\nright,\nfrom y",
            "digits\nright,\nfrom z",
        ]
        shown += [paragraph(sentence), table(header, rows, left=0)]
    return shown


def figure(result: dict[str, Any]) -> Figure:
    """Draw the relative errors of both forms against z."""
    picture = Figure(figsize=(11, 7), layout="constrained")
    axes = picture.subplots(2, 2, sharex=True, sharey=True)
    for i, (quantity, title) in enumerate((("loss", "loss"), ("slope", "slope in z"))):
        for j, t in enumerate((1, 0)):
            ax = axes[i, j]
            rows = [r for r in result["curve"] if r["t"] == t]
            z = [r["z"] for r in rows]
            for form, colour, size, label in (
                ("naive", "#D55E00", 6, "from y = sigmoid(z)"),
                ("stable", "#0072B2", 3, "from z"),
            ):
                errors = np.array([r[quantity][f"{form}_error"] for r in rows])
                ax.plot(
                    z, np.clip(errors, 1e-18, 3.0), ".", markersize=size, color=colour, label=label
                )
                infinite = np.isinf(errors)
                if infinite.any():
                    ax.plot(
                        np.array(z)[infinite],
                        np.full(infinite.sum(), 3.0),
                        "^",
                        markersize=4,
                        color=colour,
                        label="infinite or no number",
                    )
            ax.axhline(EPS, color="0.5", linewidth=0.8)
            ax.set(yscale="log", ylim=(1e-18, 20.0), title=f"{title}, t = {t}")
            ax.grid(True, color="0.92", linewidth=0.6)
            if i:
                ax.set_xlabel("logit z")
            if not j:
                ax.set_ylabel("relative error")
            ax.legend(
                fontsize=8, loc="center left" if t == 1 else "upper center" if i == 0 else "center"
            )
    axes[0, 0].annotate(
        "eps = 2.2e-16", (-58, EPS), textcoords="offset points", xytext=(0, 3), fontsize=8
    )
    return picture
