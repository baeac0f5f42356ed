"""The tutorial's training run with every way's gradients: losses and parameter paths."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from rich.table import Table

from comparisons.printing import scientific, table
from comparisons.tables.ways import (
    BY_HAND,
    Way,
    affordable,
    compared,
    disagree,
    fallback,
    installed_ways,
)
from mlp import Diverged, History, by_hand, plots, train
from mlp.data import Array, Parameters, tutorial_problem

EVERY = 50
SAME = 1e-3


def train_with(
    way: Way, X: Array, t: Any, params: Parameters, steps: int, learning_rate: float
) -> History:
    """Train with one way's gradients; Ctrl-C is KeyboardInterrupt, as everywhere else."""
    history = train(
        way.backprop, X, t, params, steps, learning_rate, snapshot_every=EVERY, progress=False
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def measure(
    seed: int,
    points: int,
    hidden: int,
    steps: int,
    learning_rate: float,
    ways: Sequence[Way] = (),
) -> dict[str, Any]:
    """Train with each way, from the same parameters.

    A slow way takes as many of the first steps as fit into 2.5 seconds.
    Raises Diverged where training by hand does.
    """
    X, t, initial = tutorial_problem(points, hidden, seed)
    ways, left_out = affordable(ways or installed_ways(), points, hidden, 10.0)
    reference = train_with(BY_HAND, X, t, initial, steps, learning_rate)
    exact = [way for way in ways if way.exact]
    pairs = compared("initial", exact, X, t, initial)["pairs"]
    results = {}
    for way in ways:
        history, diverged_at = reference, None
        if way is not BY_HAND:
            fit = int(2.5 / way.seconds(points, hidden))
            # All, or as many as fit the time, a multiple of 50 if it can be.
            allowed = steps if fit >= steps else max(1, fit // EVERY * EVERY or fit)
            try:
                history = train_with(way, X, t, initial, allowed, learning_rate)
            except Diverged as error:
                history, diverged_at = error.history, len(error.history.losses) - 1
        distances = {k: distance(p, reference.snapshots[k]) for k, p in history.snapshots.items()}
        if len(history.losses) == steps and diverged_at is None:
            distances[steps] = distance(history.params, reference.params)
        farthest = max(distances, key=lambda step: distances[step])
        results[way.name] = {
            "steps": len(history.losses),
            "losses": history.losses.tolist(),
            "distances": distances,
            "largest_distance": distances[farthest],
            "at_step": farthest,
            "diverged_at": diverged_at,
            "accuracy": accuracy(by_hand.forward(X, history.params), t),
            "params": {name: np.asarray(p).tolist() for name, p in history.params.items()},
        }
    return {
        "steps": steps,
        "learning_rate": learning_rate,
        "initial_accuracy": accuracy(by_hand.forward(X, initial), t),
        "ways": results,
        "exact": [way.name for way in exact],
        "disagreement": next((pair["ways"] for pair in pairs if disagree(pair)), []),
        "left_out": left_out,
        "fallback": fallback(results),
        "problem": {"num_points": points, "hidden": hidden, "seed": seed},
    }


def distance(a: Parameters, b: Parameters) -> float:
    """Return the largest difference of any parameter; infinite where one is NaN."""
    gaps = [np.max(np.abs(np.asarray(a[name]) - b[name])) for name in b]
    return float(np.nan_to_num(np.max(gaps), nan=np.inf))


def accuracy(y: Array, t: Any) -> float:
    """Return the fraction of points on the right side of y = 1/2."""
    return float(np.mean((y > 0.5) == t))


def verdict(result: dict[str, Any]) -> str:
    ways = result["ways"].values()
    if not result["steps"]:
        return "No step was made."
    if any(way["diverged_at"] is not None for way in ways):
        return "Not every way reaches the end."
    if max(way["largest_distance"] for way in ways) < SAME:
        return "Whichever way the gradients are computed, the run is the same."
    if result["disagreement"]:
        a, b = result["disagreement"]
        b = "the engine" if b == "engine" else b
        return f"The runs drift apart: {a} and {b} disagree; run `backprop gradients` first."
    if max(result["ways"][name]["largest_distance"] for name in result["exact"]) < SAME:
        return (
            "The runs of the exact ways are the same; the others drift away, because training "
            "amplifies their errors."
        )
    return (
        "The runs drift apart: at this learning rate training amplifies rounding errors, so equal "
        "gradients end at different parameters."
    )


def tables(result: dict[str, Any]) -> list[str | Table]:
    ways, steps = result["ways"], result["steps"]
    correct = f"{result['initial_accuracy']:.1%} of the points are classified correctly."
    if not steps:
        return [f"{verdict(result)} At the initial parameters {correct}"]
    every = sorted({*range(0, steps, EVERY), steps - 1})
    some = np.linspace(0, len(every) - 1, min(len(every), 41)).astype(int)
    rows = [
        [str(step)]
        + [f"{w['losses'][step]:.5f}" if step < len(w["losses"]) else "" for w in ways.values()]
        for step in (every[i] for i in some)
    ]
    reference, *others = ways
    farthest = max((ways[name]["largest_distance"] for name in others), default=0.0)
    summary, notes = [], []
    for name, w in ways.items():
        last = w["losses"][-1]
        apart = scientific(w["largest_distance"]) if name != reference else ""
        at_step = str(w["at_step"]) if w["largest_distance"] else ""
        ends = f"{last:.9f}", f"{w['accuracy']:.1%}", apart, at_step
        summary.append([name, str(w["steps"]), *ends])
        if w["diverged_at"] is not None:
            notes.append(f"{name} diverged: its loss is {last} at step {w['diverged_at']}.")
        elif w["steps"] < steps:
            notes.append(f"To save time, {name} made only the first {w['steps']} steps.")
    return [
        f"The loss during training, learning rate {result['learning_rate']:g}. {verdict(result)}",
        table(["step", *(name.replace(" ", "\n", 1) for name in ways)], rows, left=0),
        *notes,
        *filter(None, [result["left_out"], result["fallback"]]),
        f"How the runs end. Before training, {correct} At every {EVERY}th step and at the end, no "
        f"parameter is farther than {scientific(farthest)} from its value {reference}.",
        table(["way", "steps", "last loss", "correct", "farthest", "at step"], summary),
    ]


@rc_context(plots.STYLE)
def figure(result: dict[str, Any]) -> Figure:
    X, t, initial = tutorial_problem(**result["problem"])
    reference, *others = result["ways"]
    trained = result["ways"][reference]
    picture = Figure(figsize=(11, 9.5), layout=ConstrainedLayoutEngine(h_pad=0.12))
    (before, after), (loss, apart) = picture.subplots(2, 2, gridspec_kw={"hspace": 0.06})
    accuracies = result["initial_accuracy"], trained["accuracy"]
    for ax, params, title, accuracy in zip(
        (before, after),
        (initial, trained["params"]),
        ("before training", f"after {trained['steps']} steps"),
        accuracies,
    ):
        arrays = {name: np.array(p) for name, p in params.items()}
        plots.plot_decision_surface(by_hand.forward, arrays, ax)
        if len(t) <= 5000:
            plots.plot_data(X, t, ax)
        plots.plot_hidden_lines(arrays, ax)
        ax.set_title(f"{title}: {accuracy:.1%} correct")
    if trained["losses"]:
        plots.plot_loss(trained["losses"], loss)
        for step, side in (0, "left"), (len(trained["losses"]) - 1, "right"):
            value = trained["losses"][step]
            plots.beside(loss, f"{value:.4f}", (step, value), (4, 6), ha=side)
    loss.set_title(f"loss, {reference}")
    # Each curve is thinner, with smaller markers and wider gaps, than the one below it: where they
    # coincide, all can be seen.
    for i, name in enumerate(others):
        distances = {k: d for k, d in result["ways"][name]["distances"].items() if d}
        below = len(others) - 1 - i
        apart.plot(
            list(distances),
            list(distances.values()),
            marker="os^Dvph"[i % 7],
            markersize=4 + 1.3 * below,
            markerfacecolor="none",
            linewidth=0.8 + 0.3 * below,
            linestyle=(0, (4, i)),
            label=f"{name}: {scientific(max(distances.values(), default=0.0))} at most",
        )
    apart.set(
        yscale="log",
        xlabel="step",
        ylabel="largest difference of any parameter",
        title=f"distance from the parameters {reference}",
    )
    apart.grid(True)
    if others:
        apart.legend(fontsize="small", labelspacing=0.3)
    return picture
