"""What one step of gradient descent costs: every way and every installed peer, side by side."""

import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.table import Table

from comparisons.printing import circumstances, scientific, table
from comparisons.tables.peers import Peer, descent, installed_peers
from comparisons.tables.ways import (
    BLOCKS,
    BY_HAND,
    LOOPS,
    NUMPY_WAYS,
    TOLERANCE,
    affordable,
    difference,
    fallback,
    lost_digits,
    rounding,
)
from comparisons.threads import THREADS
from mlp import engine
from mlp.data import Array, Parameters, tutorial_problem
from mlp.plots import BLUE, STYLE, beside

Step = Callable[[], Any]
ROUNDS = 15
LARGE = 1_000_000
"""Points times hidden units from which on threads are measured, too."""


def measure(seed: int, points: int, hidden: int) -> dict[str, Any]:
    """Time one step, loss, gradients and update, of everyone whose gradient is the engine's."""
    X, t, params = tutorial_problem(points, hidden, seed)
    contestants, left_out = contestants_for(points, hidden)
    steps, notes = checked_steps(contestants, X, t, params)
    packages = sorted({peer.package for peer in installed_peers()})
    return {
        "points": points,
        "hidden": hidden,
        "circumstances": circumstances(),
        "versions": {package: version(package) for package in packages},
        "rounds": ROUNDS,
        "ways": timed(steps),
        "on_all_cores": on_all_cores(seed, points, hidden) if points * hidden >= LARGE else {},
        "notes": [*filter(None, [left_out]), *notes],
        "fallback": fallback(steps),
    }


def contestants_for(points: int, hidden: int) -> tuple[list[Peer], str]:
    """Return who can be timed at this size, and a sentence about the others."""
    ways = [
        Peer(w.name, "numpy", partial(descent, w.backprop), 1e-10 if w.exact else 1e-6, w.seconds)
        for w in NUMPY_WAYS
    ]
    return affordable([*ways, *installed_peers()], points, hidden, 3.0)


def checked_steps(
    contestants: Sequence[Peer], X: Array, t: Any, params: Parameters
) -> tuple[dict[str, Step], list[str]]:
    """Return the steps of those who agree with the engine, by name, and a sentence on each other.

    By hand is the unit of time and always among them; what its formulas lose is said as well.
    """
    steps, notes = dict[str, Step](), list[str]()
    for peer in contestants:
        step, found = checked_step(peer, X, t, params)
        gap, is_unit = max(found["relative"], found["relative_loss"]), peer.name == BY_HAND.name
        if is_unit or gap <= peer.tolerance:
            steps[peer.name] = step
        if (
            is_unit
            and found["relative"] <= TOLERANCE
            and found["loss"] <= rounding(X, t, params)[1]
        ):
            notes += filter(None, [lost_digits(found)])
        elif gap > peer.tolerance:
            is_timed = "timed all the same, but" if is_unit else "not timed:"
            wrong = f"it and the engine disagree ({scientific(gap)}); run `backprop gradients`."
            notes.append(f"{peer.name} is {is_timed} {wrong}")
    return steps, notes


def checked_step(peer: Peer, X: Array, t: Any, params: Parameters) -> tuple[Step, dict[str, Any]]:
    """Make the first step; return `step` and how far its gradient is from the engine's."""
    step, current = peer.start(X, t, params)
    loss = float(step())
    # With learning rate 1 the gradient is what the parameters have lost.
    grads = {name: params[name] - np.asarray(p, float) for name, p in current().items()}
    return step, difference((grads, loss), engine.backprop(X, t, params))


def timed(steps: dict[str, Step]) -> dict[str, Any]:
    """Time all in turn, in rounds of 20 ms, fewer for slow ones; return medians, the fastest first.

    The garbage collector is on, but does not look at what was there before: otherwise the steps of
    one library would be charged for the objects of all the others. The time of a turn includes
    collecting the garbage that it leaves.
    """
    calls, rounds = {}, {}
    times: dict[str, list[float]] = {name: [] for name in steps}
    gc.collect()
    gc.freeze()
    try:
        for name, step in steps.items():
            seconds = min(time_of(step, 1) for _ in range(2))
            calls[name] = max(1, int(0.02 / seconds))
            in_a_second = min(ROUNDS, max(3, int(1.0 / seconds)))
            rounds[name] = in_a_second if name != "by hand" else ROUNDS
        for i in range(ROUNDS):
            for name, step in steps.items():
                if i * rounds[name] % ROUNDS < rounds[name]:
                    times[name].append(time_of(step, calls[name], gc.collect) / calls[name])
    finally:
        gc.unfreeze()
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        name: {
            "microseconds": 1e6 * medians[name],
            "ratio": medians[name] / medians["by hand"],
            "rounds": len(times[name]),
            "calls": calls[name],
        }
        for name in sorted(medians, key=medians.__getitem__)
    }


def time_of(step: Step, calls: int, finish: Callable[[], Any] = lambda: None) -> float:
    """Return the seconds that some calls and `finish` take."""
    begin = perf_counter()
    for _ in range(calls):
        step()
    finish()
    return perf_counter() - begin


def on_all_cores(seed: int, points: int, hidden: int) -> dict[str, Any]:
    """Time who takes several threads in a process where all of them may have as many as cores."""
    environment = {key: x for key, x in os.environ.items() if key not in THREADS}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    environment["OPENBLAS_NUM_THREADS"] = "1"  # NumPy's would get in the way of those of blocks
    call = f"print_on_all_cores({seed}, {points}, {hidden})"
    command = [sys.executable, "-c", f"from comparisons.tables import speed; speed.{call}"]
    found = subprocess.check_output(command, env=environment, stderr=subprocess.PIPE)
    return dict(json.loads(found))


def print_on_all_cores(seed: int, points: int, hidden: int) -> None:
    """Print, as JSON, the times of the ways that take several threads, and by hand."""
    contestants = [Peer(w.name, "numpy", partial(descent, w.backprop)) for w in (BY_HAND, BLOCKS)]
    for peer in installed_peers():
        if peer.package == "torch":
            start: Any = peer.start
            contestants.append(replace(peer, start=partial(start, threads=os.cpu_count())))
        elif peer.package == "jax":
            contestants.append(peer)
    steps, _ = checked_steps(contestants, *tutorial_problem(points, hidden, seed))
    print(json.dumps({"cores": os.cpu_count(), "ways": timed(steps)}))


def verdict(result: dict[str, Any]) -> str:
    ways = result["ways"]
    spoken = {"engine": "the engine", "compiled": "its compiled form"}
    if not result["fallback"]:
        spoken[LOOPS.name] = "its loops in C"
    found = [f"{spoken[name]} {ways[name]['ratio']:.2f}" for name in spoken if name in ways]
    return f"{', '.join(['By hand takes 1', *found])}."


def tables(result: dict[str, Any]) -> list[str | Table]:
    made, cores = result["circumstances"], result["on_all_cores"]
    shown = [
        f"The time of one training step (loss, gradients and update) with {result['points']:,} "
        f"points and {result['hidden']:,} hidden units. {verdict(result)}",
        times(result["ways"]),
        f"Medians of up to {result['rounds']} rounds, taken in turn in one process; NumPy "
        f"{made['numpy']}, Python {made['python']}, threads: {made['threads']}, garbage collector "
        "on. Every gradient was first checked against the engine's.",
        result["fallback"] or f"The {LOOPS.name} were built by {made['compiler']}.",
        *result["notes"],
    ]
    if versions := result["versions"]:
        found = ", ".join(f"{name} {number}" for name, number in versions.items())
        shown.insert(3, f"Other libraries: {found}.")
    if cores:
        shown += [
            f"With a thread for each of {cores['cores']} cores, in a process of its own; by hand "
            "uses one.",
            times(cores["ways"]),
        ]
    return shown


def times(ways: dict[str, Any]) -> Table:
    rows = [[name, *cost(way), str(way["rounds"])] for name, way in ways.items()]
    return table(["who", "µs per step", "by hand = 1", "rounds"], rows)


def cost(way: dict[str, Any]) -> list[str]:
    """Return the microseconds of a step, and its time in units of by hand."""
    us, ratio = way["microseconds"], way["ratio"]
    return [f"{us:,.{1 if us < 100 else 0}f}", f"{ratio:,.{2 if ratio < 10 else 0}f}"]


@rc_context(STYLE)
def figure(result: dict[str, Any]) -> Figure:
    ways = result["ways"]
    picture = Figure(figsize=(11, 0.8 + 0.36 * len(ways)), layout="constrained")
    ax = picture.subplots()
    values = [way["microseconds"] for way in ways.values()]
    others = set(ways) - {way.name for way in NUMPY_WAYS}
    legend = " (blue discs: this project, grey squares: other libraries)" if others else ""
    # Not as bars: a logarithmic scale has no 0 where they could begin.
    ax.invert_yaxis()
    ax.grid(True, axis="y")
    for i, (name, way) in enumerate(ways.items()):
        marker, colour = ("s", "0.4") if name in others else ("o", BLUE)
        ax.plot(values[i], name, marker, color=colour)
        text, box = "{} µs, {} ×".format(*cost(way)), {"fc": "white", "ec": "none", "pad": 1}
        beside(ax, text, (values[i], i), (7, 0), va="center", fontsize=9, bbox=box)
    ax.set(
        xscale="log",
        xlim=(min(values) / 2, max(values) * 12),
        xlabel=f"microseconds a step{legend}",
        title=f"One training step, {result['points']} points, {result['hidden']} hidden units",
    )
    return picture
