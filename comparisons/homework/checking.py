"""Whether a hand-written `backprop` is right, and what is wrong with it if not."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from comparisons.diagnosis.replay import Backward
from comparisons.homework import sandbox
from comparisons.homework.calling import Draw, collect
from comparisons.homework.check import Check
from comparisons.homework.judging import judged
from comparisons.homework.loading import Refused, load
from mlp import engine

DRAWS = 3
EXAMPLES = 11
"""No other length in the network, and its inverse is not a factor that anybody writes by chance."""


def problem(rng: np.random.Generator, examples: int = EXAMPLES) -> tuple[Any, Any, dict[str, Any]]:
    """Return data and parameters for the tutorial's network at which mistakes show.

    X has shape (examples, 2), t (examples,), with both labels; there are 3 hidden units. No bias is
    0, W has both signs, and entries of G are of the order of 1, where tanh is neither its argument
    nor its limit.
    """
    signs = np.array([1.0, -1.0, rng.choice([-1.0, 1.0])])
    t = rng.integers(0, 2, examples)
    t[:2] = [0, 1][:examples]
    params = {
        "U": rng.uniform(0.3, 0.9, (3, 2)) * rng.choice([-1.0, 1.0], (3, 2)),
        "b": rng.uniform(0.2, 0.6, 3) * rng.choice([-1.0, 1.0], 3),
        "W": rng.permutation(rng.uniform(0.5, 1.5, 3) * signs),
        "c": rng.uniform(0.2, 0.6),
    }
    return rng.normal(size=(examples, 2)), t, params


class Task(NamedTuple):
    """What a `backprop` has to be the gradient of, and where it is checked.

    `loss(params, *data)` is any function that the engine can record, and `problem(rng)` draws
    `(*data, params)`.
    """

    loss: Callable[..., Any]
    problem: Callable[[np.random.Generator], tuple[Any, ...]]

    @staticmethod
    def load(spec: str | None, points: int = EXAMPLES) -> "Task":
        """Return the tutorial's task, or that of a file, given as FILE:FUNCTION.

        The file also has to define `problem(rng)`. Raises ValueError, in a sentence, otherwise.
        """
        if spec is None:
            return Task(engine.loss, partial(problem, examples=points))
        path, name = Task.parsed(spec)
        try:
            loss, _ = load(path, name or "loss")
        except Refused as error:
            raise ValueError(str(error)) from None
        draw = loss.__globals__.get("problem")
        if draw is None:
            raise ValueError(
                f"{path.name} must also define problem(rng), which returns the data and the "
                "parameters at which to check, as in: return X, t, params"
            )
        task = Task(loss, draw)
        try:
            (params, data), *_ = task.drawn(0)
            Backward(loss, params, data)
        except Exception as error:  # of the code of a teacher, who needs to know what it says
            raise ValueError(f"{path.name}: {type(error).__name__}: {error}") from None
        return task

    @staticmethod
    def parsed(spec: str) -> tuple[Path, str | None]:
        """Split FILE:FUNCTION; the function may be missing."""
        path, colon, name = spec.rpartition(":")
        if colon and name.isidentifier() and not Path(spec).exists():
            return Path(path), name
        return Path(spec), None

    def drawn(self, seed: int) -> list[Draw]:
        """Return the points at which is checked."""
        rng = np.random.default_rng(seed)
        points = []
        for _ in range(DRAWS):
            *data, params = self.problem(rng)
            if not isinstance(params, dict):
                raise TypeError(
                    f"problem(rng) must return (*data, params), params a dict, not {params!r}"
                )
            points.append((params, tuple(data)))
        return points

    def data_names(self, points: Sequence[Draw]) -> tuple[str, ...]:
        """Return the names of the data: those of the arguments of the loss after the parameters."""
        names = list(inspect.signature(self.loss).parameters)[1:]
        return tuple(names[: len(points[0][1])])


TUTORIAL = Task(engine.loss, problem)


def check_backprop(backprop: Callable[..., Any], task: Task = TUTORIAL, seed: int = 0) -> Check:
    """Check a function `backprop(X, t, params)` against the engine, and find its mistake.

    It has to return the gradients, as a dict with the keys of `params`, with or without the loss.

    Raises TypeError where `backprop` is not a function, and what the engine raises for the loss.
    """
    if not callable(backprop):
        raise TypeError(f"backprop must be a function, not {type(backprop).__name__}")
    points = task.drawn(seed)
    collected = collect(backprop, points, task.data_names(points))
    name = getattr(backprop, "__name__", "backprop")
    return judged(name, collected, points, task.loss, seed)


def check_file(path: Path, name: str | None = None, task: Task = TUTORIAL, seed: int = 0) -> Check:
    """Check the function `name`, by default `backprop`, of a file or notebook in a sandbox."""
    points = task.drawn(seed)
    collected = sandbox.run(path, name, points, task.data_names(points))
    return judged(f"{name or 'backprop'} in {path.name}", collected, points, task.loss, seed)
