"""What happens inside one call of a student's function, line by line."""

from __future__ import annotations

import linecache
import re
import sys
import time
import types
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from comparisons.loading import own
from comparisons.returned import same

MOST_VARIABLES, MOST_NUMBERS = 400, 100_000
LONGEST_TRACE = 2.0  # seconds
ENGINES = {
    "autodiff": "this project's own engine",
    "mlp": "this project's own network",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    **{name: name for name in ("jax", "autograd", "mygrad", "micrograd", "tinygrad")},
}
DIFFERENTIATES = re.compile(r"walk|compiled|backprop|_?backward(_pass)?|_?vjp|grad|gradient|grad_f")


@dataclass
class Variable:
    """A number or array that a line of the student's code assigned."""

    name: str
    line: int
    text: str
    value: Any


class Watch:
    """A tracer of one call: what the student's lines assign, and who else differentiates.

    `module` has the globals of the student's code, `params` are the parameters of the call.
    """

    def __init__(self, module: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        self.module = module
        self.variables: dict[tuple[str, int], Variable] = {}
        self.engine: str | None = None
        self.moved = 0
        # A number that is passed alone would not be recognised.
        self.params = [x for x in map(flat, params.values()) if x.size > 1]
        self.entries = sum(x.size for x in self.params)
        self.params.append(flat(params))

    def follow(self, call: Callable[[], Any]) -> None:
        """Run a call under the tracer; an exception passes in silence."""
        self.end = time.perf_counter() + LONGEST_TRACE
        previous = sys.gettrace()
        try:
            # What is compiled cannot be seen.
            with getattr(sys.modules.get("jax"), "disable_jit", nullcontext)():
                sys.settrace(self.enter)
                call()
        except (Exception, SystemExit):
            pass
        finally:
            sys.settrace(previous)

    def notes(self) -> list[str]:
        """Say who differentiated, if it was not the student."""
        notes = []
        if self.engine:
            who = ENGINES[self.engine]
            notes.append(f"the gradient is computed by {who}, not by equations of your own")
        if self.moved >= max(1, self.entries):
            notes.append(
                "the gradient is computed by finite differences or complex steps: your code runs "
                f"{self.moved} times with one entry of the parameters changed"
            )
        return notes

    def enter(self, frame: types.FrameType, event: str, _: Any) -> Any:
        """Look at a call; return the tracer of its lines if they are the student's."""
        if self.is_late():
            return None
        if own(frame, self.module):
            self.moved += any(map(self.is_moved, frame.f_locals.values()))
            return self.lines(frame)
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package in ENGINES and DIFFERENTIATES.fullmatch(frame.f_code.co_name):
            self.engine = self.engine or package
        return None

    def is_late(self) -> bool:
        """Tell whether the time for tracing is over, and end the tracing if so."""
        late = time.perf_counter() > self.end
        if late:
            sys.settrace(None)
        return late

    def lines(self, frame: types.FrameType) -> Callable[..., Any]:
        """Return the tracer of the lines of a frame: what differs after a line, it assigned."""
        filename, line = frame.f_code.co_filename, frame.f_lineno
        seen = {name: (x, copied(x)) for name, x in frame.f_locals.items()}

        def step(frame: types.FrameType, event: str, _: Any) -> Any:
            nonlocal line
            text = linecache.getline(filename, line).strip()
            for name, x in frame.f_locals.items() if event != "exception" else ():
                old, content = seen.get(name, (seen, None))
                if x is not old or (content is not None and name in text and not same(x, content)):
                    seen[name] = (x, copied(x))
                    self.keep(Variable(name, line, text, seen[name][1]))
            line = frame.f_lineno
            return None if self.is_late() else step

        return step

    def keep(self, found: Variable) -> None:
        """Note an assignment in place of an earlier one of the same line."""
        self.variables.pop((found.name, found.line), None)
        numbers = sum(np.size(x.value) for x in self.variables.values()) + np.size(found.value)
        if found.value is None or len(self.variables) == MOST_VARIABLES or numbers > MOST_NUMBERS:
            return
        self.variables[found.name, found.line] = found

    def is_moved(self, x: Any) -> bool:
        """Tell whether these are parameters of which one entry alone differs."""
        if not isinstance(x, dict | np.ndarray):
            return False
        with suppress(Exception):
            x = flat(x)
            return any(x.size == p.size and np.count_nonzero(x != p) == 1 for p in self.params)
        return False


def flat(x: Any) -> np.ndarray[Any, Any]:
    """Return an array, or all the numbers of a dict of arrays, as one vector."""
    return np.concatenate([np.ravel(p) for p in x.values()]) if isinstance(x, Mapping) else np.ravel(x)


def copied(x: Any) -> Any:
    """Return a copy of an array of floats or of a number, None for anything else."""
    if isinstance(x, np.ndarray):
        return np.array(x) if x.dtype.kind == "f" and x.size <= MOST_NUMBERS else None
    if isinstance(x, int | float | np.number) and not isinstance(x, bool | complex):
        with suppress(OverflowError, TypeError):
            return float(x)
    return None
