"""What happens inside one call of a student's function, line by line."""

import linecache
import re
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from comparisons.homework.loading import Note, NoteKind, own
from comparisons.homework.returned import equal_numbers

MOST_VARIABLES, LARGEST_ARRAY = 400, 20_000
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
        self.params = [x for x in map(as_vector, params.values()) if x.size > 1]
        self.entries = sum(x.size for x in self.params)
        self.params.append(as_vector(dict(params)))

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

    def notes(self) -> Iterator[Note]:
        """Yield who differentiated, if it was not the student."""
        if self.engine:
            yield Note(NoteKind.BY_LIBRARY, (ENGINES[self.engine],))
        if self.moved >= max(1, self.entries):
            yield Note(NoteKind.BY_DIFFERENCES, (str(self.moved),))

    def enter(self, frame: types.FrameType, event: str, _: Any) -> Any:
        """Look at a call; return the tracer of its lines if they are the student's."""
        if time.perf_counter() > self.end:
            sys.settrace(None)
        elif own(frame, self.module):
            self.moved += any(map(self.is_moved, frame.f_locals.values()))
            return self.lines(frame)
        else:
            package = str(frame.f_globals.get("__name__")).partition(".")[0]
            if package in ENGINES and DIFFERENTIATES.fullmatch(frame.f_code.co_name):
                self.engine = self.engine or package
        return None

    def lines(self, frame: types.FrameType) -> Callable[..., Any]:
        """Return the tracer of the lines of a frame: what differs after a line, it assigned."""
        filename, line = frame.f_code.co_filename, frame.f_lineno
        seen = {name: (x, copied(x)) for name, x in frame.f_locals.items()}

        def step(frame: types.FrameType, event: str, _: Any) -> Any:
            nonlocal line
            text = linecache.getline(filename, line).strip()
            for name, x in frame.f_locals.items() if event != "exception" else ():
                old, content = seen.get(name, (seen, None))
                is_named = content is not None and name in text
                if x is old and (not is_named or equal_numbers(x, content)):
                    continue
                content = copied(x)
                seen[name] = x, content
                self.variables.pop((name, line), None)
                if content is not None and len(self.variables) < MOST_VARIABLES:
                    self.variables[name, line] = Variable(name, line, text, content)
            line = frame.f_lineno
            if time.perf_counter() > self.end:
                sys.settrace(None)
                return None
            return step

        return step

    def is_moved(self, x: Any) -> bool:
        """Return whether these are parameters of which one entry alone differs."""
        with suppress(Exception):
            if isinstance(x, dict | np.ndarray):
                x = as_vector(x)
                return any(x.size == p.size and np.sum(x != p) == 1 for p in self.params)
        return False


def as_vector(x: Any) -> np.ndarray[Any, Any]:
    """Return an array, or all the numbers of a dict of arrays, as one vector."""
    return np.concatenate([*map(np.ravel, x.values())]) if isinstance(x, dict) else np.ravel(x)


def copied(x: Any) -> Any:
    """Return a copy of an array of floats or of a number, None for anything else."""
    if isinstance(x, np.ndarray):
        return np.array(x) if x.dtype.kind == "f" and x.size <= LARGEST_ARRAY else None
    if isinstance(x, int | float | np.number) and not isinstance(x, bool | complex):
        with suppress(OverflowError, TypeError):
            return float(x)
    return None
