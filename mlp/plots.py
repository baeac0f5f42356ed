"""Pictures of the data, the decision surface, the hidden units and the training.

Each function draws on the Axes `ax`, or on those of a new figure, and returns them. Labels are told
apart by colour and by shape.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.rcsetup import cycler
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "mlp.plots needs matplotlib; install it with: pip install 'backprop-by-hand[cli]'",
        name=error.name,
    ) from None

from mlp.data import Parameters

# The palette of Okabe and Ito, which colour-blind readers can tell apart, without its yellow, which
# is too faint on white.
BLUE, VERMILION = "#0072B2", "#D55E00"
PROBABILITY = LinearSegmentedColormap.from_list("probability", ["#6BAED6", "#FFFFFF", "#F4A261"])
COLOURS = BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
STYLE: Any = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.framealpha": 1.0,
}
"""What pictures of a family have in common: `with matplotlib.rc_context(STYLE)`, or over `def`."""
EXTENT = -6.0, 6.0
POINTS: Any = {"s": 22, "edgecolors": "white", "linewidths": 0.5, "zorder": 3}
BELOW: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.1), "ncols": 6, "frameon": False}
SMALL: Any = {"fontsize": "small", "columnspacing": 1.0, "handlelength": 1.8, "handletextpad": 0.4}


def plot_data(X: Any, t: Any, ax: Axes | None = None) -> Axes:
    """Draw the points X (N, 2), those with t = 1 as vermilion discs, others as blue triangles."""
    X, t = np.asarray(X), np.asarray(t)
    if X.ndim != 2 or X.shape[1] != 2 or t.shape != X.shape[:1]:
        raise ValueError(f"points (N, 2) and labels (N,) are drawn, not {X.shape} and {t.shape}")
    ax = plane(ax)
    for label, colour, marker in ((1, VERMILION, "o"), (0, BLUE, "^")):
        points = X[(t > 0.5) == label]
        ax.scatter(*points.T, marker=marker, color=colour, label=f"$t = {label}$", **POINTS)
    return with_legend(ax)


def plot_decision_surface(
    forward: Callable[[Any, Parameters], Any], params: Parameters, ax: Axes | None = None
) -> Axes:
    """Draw the predicted probability of label 1 over the plane, and the line where it is 1/2.

    `forward` is that of any way: `forward(X, params) -> y`.
    """
    ax = plane(ax)
    x, step = np.linspace(*EXTENT, 200, retstep=True)
    x1, x2 = np.meshgrid(x, x)
    points = np.stack([x1.ravel(), x2.ravel()], axis=1)
    y = np.asarray(forward(points, params)).reshape(x1.shape)
    edges = EXTENT[0] - step / 2, EXTENT[1] + step / 2  # a number stands for the square about it
    surface = ax.imshow(
        y, PROBABILITY, vmin=0.0, vmax=1.0, extent=edges * 2, origin="lower", interpolation="none"
    )
    if y.min() < 0.5 < y.max():
        ax.contour(x1, x2, y, levels=[0.5], colors="black", linewidths=1.5)
        ax.plot([], [], color="black", linewidth=1.5, label="$y = 1/2$")
    with_legend(ax)
    colour_bar = ax.figure.colorbar(surface, ax=ax, shrink=0.8, pad=0.02)
    colour_bar.set_label(r"$y = \Pr(t = 1 \mid \mathbf{x})$")
    return ax


def plot_hidden_lines(params: Parameters, ax: Axes | None = None) -> Axes:
    """Draw the line U_j x + b_j = 0 of each hidden unit j, where its h_j changes sign.

    A unit with both weights zero has no line. The legend tells up to six units apart.
    """
    ax = plane(ax)
    for j, (u, b_j) in enumerate(zip(np.asarray(params["U"]), params["b"]), 1):
        if not u.any():
            continue
        nearest = -b_j * u / (u @ u)
        ax.axline(
            nearest,
            nearest + u[::-1] * (-1.0, 1.0),  # at right angles to u
            color="0.25",
            linestyle=("--", "-.", ":")[(j - 1) % 3],
            label=f"$g_{j} = 0$" if len(params["b"]) <= 6 else "" if j > 1 else "$g_j = 0$",
        )
    return with_legend(ax)


def plot_loss(losses: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss at each step."""
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ax.plot(np.asarray(losses))
    ax.set(xlabel="step", ylabel="loss (mean cross-entropy)", ylim=(0.0, None), axisbelow=True)
    ax.grid(True, color="0.9", linewidth=0.6)
    return ax


def beside(ax: Axes, text: str, at: Any, by: tuple[int, int], **style: Any) -> None:
    """Write a text beside a point of the data, moved by so many points of print."""
    ax.annotate(text, at, textcoords="offset points", xytext=by, **style)


def plane(ax: Axes | None) -> Axes:
    """Return the Axes, or new ones, that show the part of the plane in all pictures."""
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ax.set(xlim=EXTENT, ylim=EXTENT, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    return ax


def with_legend(ax: Axes) -> Axes:
    """Put a legend below the picture, where it hides nothing, if there is anything to explain."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(**BELOW, **SMALL)
    return ax
