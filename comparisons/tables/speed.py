"""What one step of gradient descent costs: every way and every installed peer, side by side."""

import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.table import Table

from comparisons.printing import circumstances, table
from comparisons.tables.peers import Peer, descent, installed_peers, micrograd_backprop
from comparisons.tables.ways import (
    BLOCKS,
    BY_HAND,
    LOOPS,
    NUMPY_WAYS,
    affordable,
    difference,
    fallback,
)
from comparisons.threads import THREADS
from mlp import scalar
from mlp.data import Array, Parameters, tutorial_problem
from mlp.plots import BLUE, STYLE

ROUNDS = 15
LARGE = 1_000_000
"""Points times hidden units from which on threads are measured, too."""


def measure(seed: int, points: int, hidden: int) -> dict[str, Any]:
    """Time one step, loss, gradients and update, in this process, and number by number alone."""
    X, t, params = tutorial_problem(points, hidden, seed)
    contestants, left_out = contestants_for(points, hidden)
    notes = [left_out] if left_out else []
    steps: dict[str, Callable[[], Any]] = {}
    for peer in contestants:
        step, gap = checked_step(peer, X, t, params)
        if gap <= peer.tolerance:
            steps[peer.name] = step
        else:
            wrong = f"{peer.name} is not timed: it and by hand disagree ({gap:.1e})"
            notes.append(f"{wrong}; run `backprop gradients`.")
    numbers = any(peer.name == "micrograd" for peer in contestants)
    packages = sorted({peer.package for peer in installed_peers()})
    return {
        "points": points,
        "hidden": hidden,
        "circumstances": circumstances(),
        "versions": {package: version(package) for package in packages},
        "rounds": ROUNDS,
        "ways": timed(steps),
        "alone": number_by_number(seed, points, hidden) if numbers else {},
        "on_all_cores": on_all_cores(seed, points, hidden) if points * hidden >= LARGE else {},
        "notes": notes,
        "fallback": fallback(steps),
    }


def contestants_for(points: int, hidden: int) -> tuple[list[Peer], str]:
    """Return who can be timed at this size, and a sentence about the others."""
    ways = [
        Peer(w.name, "numpy", partial(descent, w.backprop), 1e-10 if w.exact else 1e-6, w.seconds)
        for w in NUMPY_WAYS
    ]
    return affordable([*ways, *installed_peers()], points, hidden, 3.0)


def checked_step(peer: Peer, X: Array, t: Any, params: Parameters) -> tuple[Any, float]:
    """Make the first step; return `step` and how far its gradient is from that by hand."""
    step, current = peer.start(X, t, params)
    loss = float(step())
    # With learning rate 1 the gradient is what the parameters have lost.
    grads = {name: params[name] - np.asarray(p, float) for name, p in current().items()}
    found = difference((grads, loss), BY_HAND.backprop(X, t, params))
    return step, max(found["relative"], found["relative_loss"])


def timed(steps: dict[str, Callable[[], Any]]) -> dict[str, Any]:
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


def time_of(step: Callable[[], Any], calls: int, finish: Callable[[], Any] = lambda: None) -> float:
    """Return the seconds that some calls and `finish` take."""
    begin = perf_counter()
    for _ in range(calls):
        step()
    finish()
    return perf_counter() - begin


ALONE = {"engine, number by number": scalar.backprop, "micrograd": micrograd_backprop}


def number_by_number(seed: int, points: int, hidden: int) -> dict[str, Any]:
    """Time loss and gradients on graphs of single numbers, in alternating processes of each."""
    times: dict[str, list[float]] = {name: [] for name in ALONE}
    for _ in range(2):
        for name, found in times.items():
            found += in_own_process(name, seed, points, hidden)
    medians = {name: 1e3 * statistics.median(found) for name, found in times.items()}
    ours, theirs = medians.values()
    return {"milliseconds": medians, "ratio": theirs / ours, "processes_each": 2}


def in_own_process(name: str, seed: int, points: int, hidden: int) -> list[float]:
    """Return the times of some calls in a new Python process, the garbage collector on."""
    return list(printed(f"print_times({name!r}, {seed}, {points}, {hidden})"))


def on_all_cores(seed: int, points: int, hidden: int) -> dict[str, Any]:
    """Time who takes several threads in a process where all of them may have as many as cores."""
    return dict(printed(f"print_on_all_cores({seed}, {points}, {hidden})", one_thread=False))


def printed(call: str, one_thread: bool = True) -> Any:
    """Return what a function of this module prints in a new Python process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if not one_thread:
        environment = {key: x for key, x in environment.items() if key not in THREADS}
        environment["OPENBLAS_NUM_THREADS"] = (
            "1"  # NumPy's, which get in the way of those of blocks
        )
    code = f"from comparisons.tables import speed; speed.{call}"
    command = [sys.executable, "-c", code]
    return json.loads(subprocess.check_output(command, env=environment, stderr=subprocess.PIPE))


def print_times(name: str, seed: int, points: int, hidden: int) -> None:
    """Print, as JSON, seconds of calls after a first one: three, or more if they are short."""
    call = partial(ALONE[name], *tutorial_problem(points, hidden, seed))
    first = time_of(call, 1)
    print(json.dumps([time_of(call, 1) for _ in range(max(3, min(20, int(0.5 / first))))]))


def print_on_all_cores(seed: int, points: int, hidden: int) -> None:
    """Print, as JSON, the times of the ways that take several threads, and by hand."""
    problem = tutorial_problem(points, hidden, seed)
    contestants = [Peer(w.name, "numpy", partial(descent, w.backprop)) for w in (BY_HAND, BLOCKS)]
    for peer in installed_peers():
        if peer.package == "torch":
            start: Any = peer.start
            contestants.append(replace(peer, start=partial(start, threads=os.cpu_count())))
        elif peer.package == "jax":
            contestants.append(peer)
    steps = [(peer, *checked_step(peer, *problem)) for peer in contestants]
    found = timed({peer.name: step for peer, step, gap in steps if gap <= peer.tolerance})
    print(json.dumps({"cores": os.cpu_count(), "ways": found}))


def verdict(result: dict[str, Any]) -> str:
    ways = result["ways"]
    if "engine" not in ways:
        return "The engine is not timed."
    spoken = {"engine": "the engine", "compiled": "its compiled form"}
    if not result["fallback"]:
        spoken[LOOPS.name] = "its loops in C"
    found = [f"{spoken[name]} {ways[name]['ratio']:.2f}" for name in spoken if name in ways]
    return f"By hand takes 1, {', '.join(found)}."


def tables(result: dict[str, Any]) -> list[str | Table]:
    ways, alone, made = result["ways"], result["alone"], result["circumstances"]
    rows = [[name, *cost(way), str(way["rounds"])] for name, way in ways.items()]
    engine = f": {verdict(result).replace('By', 'by')}" if "engine" in ways else "."
    shown = [
        f"One step of training, loss, gradients and update, on {result['points']} points and "
        f"{result['hidden']} hidden units{engine}",
        table(["who", "us a step", "by hand = 1", "rounds"], rows),
        f"Medians of up to {result['rounds']} rounds, in turn in one process; NumPy "
        f"{made['numpy']}, Python {made['python']}, threads: {made['threads']}, garbage "
        "collector on. Every gradient was checked against by hand first."
        + "".join(f" {name} {found}." for name, found in result["versions"].items()),
        result["fallback"] or f"The {LOOPS.name} are built by {made['compiler']}.",
        *result["notes"],
    ]
    if cores := result["on_all_cores"]:
        rows = [[name, *cost(way), str(way["rounds"])] for name, way in cores["ways"].items()]
        shown += [
            f"With as many threads as cores, {cores['cores']}, in a process of its own; by hand "
            "takes one.",
            table(["who", "us a step", "by hand = 1", "rounds"], rows),
        ]
    if alone:
        rows = [[name, f"{found:.1f}"] for name, found in alone["milliseconds"].items()]
        shown += [
            "Number by number, each in a process of its own: loss and gradients on the same graph "
            f"of single numbers; micrograd takes {alone['ratio']:.1f} times as long.",
            table(["who", "ms a gradient"], rows),
        ]
    return shown


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
        ax.annotate(
            "{} µs, {} ×".format(*cost(way)),
            (values[i], i),
            textcoords="offset points",
            xytext=(7, 0),
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.set(
        xscale="log",
        xlim=(min(values) / 2, max(values) * 12),
        xlabel=f"microseconds a step{legend}",
        title=f"One training step, {result['points']} points, {result['hidden']} hidden units",
    )
    return picture
