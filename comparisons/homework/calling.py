"""Call a student's `backprop` at some points, once under a tracer, and say what it did."""

import inspect
import linecache
import os
import re
import sys
import time
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from comparisons.homework.loading import Note, NoteKind, Refused, failure, own, statement
from comparisons.homework.returned import Array, Result, equal_numbers, returned_names, understood

Draw = tuple[dict[str, Any], tuple[Any, ...]]  # parameters and data

ROUNDING = 1e-12  # what the order of additions can make, relative to the largest number
LONGEST_SLOPES, LONGEST_TRACE = 1.0, 2.0  # seconds
FIXED_SIZE = ". If the number of points is written into the code, say it with --points"
SYNONYMS = (
    {"x", "xs", "data", "inputs", "input", "features", "examples", "samples"},
    {"t", "ts", "y", "ys", "labels", "label", "targets", "target"},
)
PARAMS = {"params", "parameters", "param", "parms", "p", "theta", "weights", "model", "w", "θ"}
MOST_VARIABLES, MOST_TURNS, MOST_ENTRIES, LARGEST_ARRAY = 1_000, 200, 30, 20_000
ENGINES = {
    "autodiff": "this project's own engine",
    "mlp": "this project's own network",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    **{name: name for name in ("jax", "autograd", "mygrad", "micrograd", "tinygrad")},
}
DIFFERENTIATES = re.compile(r"walk|Compiled|backprop|_?backward(_pass)?|_?vjp|grad|gradient|grad_f")


class Variable(NamedTuple):
    """A number or array that a line of the student's code assigned, or returned without a name.

    `file` is the name of the file, or of the cell of a notebook.
    """

    name: str
    line: int
    text: str
    value: Any
    function: str = ""
    file: str = ""


@dataclass
class Collected:
    """What a submission did at some points, and once more at the first: the last of the `results`.

    There are fewer if it has a `problem`, a sentence without a full stop. `variables` and
    `loss_gradient`, the numerical gradient of the student's own loss, are those of the first point.
    """

    results: list[Result] = field(default_factory=list)
    problem: str | None = None
    notes: list[Note] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    loss_gradient: dict[str, Array] | None = None
    output: str = ""


def collect(function: Callable[..., Any], points: list[Draw], expected: Sequence[str]) -> Collected:
    """Call a function at points `(params, (X, t))` and return what it did, whatever that was.

    `expected` are the names of the data. It gets copies, once more at the first point after the
    others, then to differentiate its own loss, and finally under a tracer.
    """
    out, notes = Collected(), list[Note]()
    params, module, names = points[0][0], globals_of(function), returned_names(function)
    try:
        call = arranged(function, expected, list(params))
        for point in [*points, points[0]]:
            given = deepcopy(point)
            out.results.append(understood(call(given), params, names, notes))
            notes += changed(point, given, expected)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        out.problem = failure(error, module)
        if type(error) is ValueError and re.search("mismatch|broadcast", str(error)):
            out.problem += FIXED_SIZE
    else:
        first, *_, again = out.results
        if differ(first, again) or not equal_numbers(first.loss, again.loss, ROUNDING):
            notes.append(Note(NoteKind.NOT_REPEATABLE))
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # has been printed
            if again.loss is not None:
                with suppress(Exception, SystemExit):
                    out.loss_gradient = loss_gradient(
                        lambda given: understood(call(given), params, names, []).loss, points[0]
                    )
            watch = Watch(module, params)
            notes += watch.follow(partial(call, deepcopy(points[0])))
        seen = (*watch.stacked(), *watch.variables)
        out.variables = [x._replace(name=re.sub(r"^return\b.*", "", x.name)) for x in seen]
    out.notes = list(dict.fromkeys(notes))
    return out


def arranged(
    function: Callable[..., Any], expected: Sequence[str], keys: Sequence[str]
) -> Callable[[Draw], Any]:
    """Return the call of a function at a point; which argument is which, its names or order say."""
    signature, ways = inspect.signature(function), list[inspect.BoundArguments]()
    one_by_one, together = [*expected, *keys], [*expected, "params"]
    arguments = [p for p in signature.parameters.values() if "VAR_" not in p.kind.name]
    required = {p.name for p in arguments if p.default is p.empty}
    for order in (one_by_one, together):
        found = {p.name: role for p in arguments if (role := role_of(p.name, order))}
        if sorted(found.values()) == sorted(order) and required <= found.keys():
            ways.append(inspect.BoundArguments(signature, OrderedDict(found)))
    for order in (together, one_by_one):
        with suppress(TypeError):
            ways.append(signature.bind(*order))
    if not ways:
        raise Refused(
            f"the function takes {signature}, and it is to be called with ({', '.join(together)}), "
            f"where params is a dict of {', '.join(keys)}"
        )

    def call(point: Draw) -> Any:
        params, data = point
        values = {**params, "params": params, **dict(zip(expected, data))}
        named = {name: values[role] for name, role in ways[0].kwargs.items()}
        return function(*(values[role] for role in ways[0].args), **named)

    return call


def role_of(name: str, order: Sequence[str]) -> str | None:
    """Return which of `order` an argument of this name is, None if the name says nothing."""
    if name in order:
        return name
    alike = [
        role
        for role in order
        if role.lower() == name.lower()
        or any({role.lower(), name.lower()} <= group for group in SYNONYMS)
        or (role == "params" and name.lower() in PARAMS)
    ]
    return alike[0] if len(alike) == 1 else None


def globals_of(function: Any) -> Any:
    """Return the globals of the code of a function, a method, a partial or a callable object."""
    function = inspect.unwrap(getattr(function, "func", function))
    code = function if hasattr(function, "__globals__") else type(function).__call__
    return getattr(code, "__globals__", {})


def changed(before: Draw, after: Draw, expected: Sequence[str]) -> list[Note]:
    """Return a note for each of the data and parameters that a call has changed."""
    (params, data), (params_after, data_after) = before, after
    pairs = dict(zip(expected, zip(data, data_after)))
    for key in {**params, **params_after}:
        pairs[f"params[{key!r}]"] = (params.get(key), params_after.get(key))
    return [Note(NoteKind.CHANGED_INPUT, (x,)) for x, xs in pairs.items() if not equal_numbers(*xs)]


def differ(first: Result, again: Result) -> bool:
    return not all(equal_numbers(x, again.grads[k], ROUNDING) for k, x in first.grads.items())


def loss_gradient(loss: Callable[[Draw], float | None], point: Draw) -> dict[str, Array]:
    """Return the numerical gradient of a student's own loss; TimeoutError after LONGEST_SLOPES."""
    from autodiff.check.slopes import central_gradient  # without a loss its import is saved

    params, data = point
    end = time.perf_counter() + LONGEST_SLOPES

    def value(xs: list[Any]) -> float:
        if time.perf_counter() > end:
            raise TimeoutError
        moved = {key: x[()] for key, x in zip(params, map(np.asarray, xs))}
        return float(loss(deepcopy((moved, data))))  # type: ignore[arg-type]

    return dict(zip(params, central_gradient(value, list(params.values()))))


class Watch:
    """A tracer of one call: what the student's lines assign, and who else differentiates."""

    def __init__(self, module: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        self.module = module  # the globals of the student's code
        self.variables: list[Variable] = []
        self.turns: dict[tuple[str, int], list[Variable]] = {}
        self.engine, self.moved = "", 0
        # A number that is passed alone would not be recognised.
        self.params = [x for x in map(as_vector, params.values()) if x.size > 1]
        self.entries = sum(x.size for x in self.params)
        self.params.append(as_vector(dict(params)))

    def follow(self, call: Callable[[], Any]) -> Iterator[Note]:
        """Run a call under the tracer, whatever it raises; yield who differentiated beside it."""
        self.end = time.perf_counter() + LONGEST_TRACE
        previous = sys.gettrace()
        # What is compiled cannot be seen.
        uncompiled = getattr(sys.modules.get("jax"), "disable_jit", nullcontext)
        try:
            with suppress(Exception, SystemExit), uncompiled():
                sys.settrace(self.enter)
                call()
        finally:
            sys.settrace(previous)
        if self.engine:
            yield Note(NoteKind.BY_LIBRARY, (ENGINES[self.engine],))
        if self.moved >= max(1, self.entries):
            yield Note(NoteKind.BY_DIFFERENCES, (str(self.moved),))

    def enter(self, frame: types.FrameType, event: str, _: Any) -> Any:
        """Look at a call; return the tracer of its lines if they are the student's."""
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        name = frame.f_code.co_qualname.removesuffix(".__call__").rpartition(".")[2]
        if time.perf_counter() > self.end:
            sys.settrace(None)
        elif own(frame, self.module):
            self.moved += any(map(self.is_moved, frame.f_locals.values()))
            return self.lines(frame)
        elif package in ENGINES and DIFFERENTIATES.fullmatch(name):
            self.engine = self.engine or package
        return None

    def lines(self, frame: types.FrameType) -> Callable[..., Any]:
        """Return the tracer of the lines of a frame: what differs after a line, it assigned."""
        filename, line = frame.f_code.co_filename, frame.f_lineno
        seen = {name: (x, copied(x)) for name, x, _ in self.entries_of(frame)}

        def step(frame: types.FrameType, event: str, result: Any) -> Any:
            nonlocal line
            text = linecache.getline(filename, line).strip()
            for name, x, is_also in self.entries_of(frame, result) if event != "exception" else ():
                old, content = seen.get(name, (seen, None))
                whole = re.split(r"[.\[]", name)[0]
                is_named = content is not None and whole in text
                if x is old and (not is_named or equal_numbers(x, content)):
                    continue
                content = copied(x)
                seen[name] = x, content
                if content is not None and not (
                    is_also and text.startswith((f"{whole} =", "return"))
                ):
                    at = statement(filename, line, name)
                    code = frame.f_code.co_name, os.path.basename(filename)
                    self.assigned(Variable(name, *at, content, *code))
            line = frame.f_lineno
            if time.perf_counter() <= self.end:
                return step
            sys.settrace(None)
            return None

        return step

    def entries_of(self, frame: types.FrameType, result: Any = None) -> Iterator[tuple[Any, ...]]:
        """Yield the variables of a frame and of a result, those within containers and objects too.

        With each comes whether it is held there and is another variable too.
        """
        plain = set(map(id, frame.f_locals.values()))
        for name, x in [*frame.f_locals.items(), ("return", result)]:
            for entry, y in entries(name, x, self.module.get("__name__")):
                yield entry, y, id(y) in plain if entry != name else name == "return"

    def assigned(self, variable: Variable) -> None:
        turns = self.turns.setdefault((variable.name, variable.line), [])
        if len(self.variables) < MOST_VARIABLES and len(turns) < MOST_TURNS:
            self.variables.append(variable)
            turns.append(variable)

    def stacked(self) -> Iterator[Variable]:
        """Yield what a line assigned in the turns of a loop, perhaps over the examples, as one."""
        for turns in self.turns.values():
            values = [x.value for x in turns]
            if 1 < len(values) < MOST_TURNS and len({np.shape(x) for x in values}) == 1:
                yield turns[0]._replace(value=np.stack(values))

    def is_moved(self, x: Any) -> bool:
        """Return whether these are parameters of which one entry alone differs."""
        with suppress(Exception):
            if isinstance(x, dict | np.ndarray):
                x = as_vector(x)
                return any(x.size == p.size and np.sum(x != p) == 1 for p in self.params)
        return False


def entries(name: str, x: Any, module: Any, depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of a variable, or those of what it holds."""
    held: list[tuple[str, Any]] | None = None
    if isinstance(x, dict):
        held = [(f"{name}[{key!r}]", y) for key, y in x.items()]
    elif isinstance(x, list | tuple):
        held = [(f"{name}[{i}]", y) for i, y in enumerate(x)]
        if copied(x) is not None:
            yield name, x
    elif type(x).__module__ == module and hasattr(x, "__dict__"):
        held = [(f"{name}.{key}", y) for key, y in vars(x).items()]
    if held is None or not depth:
        yield name, x
    elif len(held) <= MOST_ENTRIES:
        for entry, y in held:
            yield from entries(entry, y, module, depth - 1)


def as_vector(x: Any) -> np.ndarray[Any, Any]:
    """Return an array, or all the numbers of a dict of arrays, as one vector."""
    return np.concatenate([*map(np.ravel, x.values())]) if isinstance(x, dict) else np.ravel(x)


def copied(x: Any) -> Any:
    """Return a copy of floats, in an array, a list or alone; None for all else, as for counts."""
    if isinstance(x, list | tuple) and x and all(isinstance(y, float) for y in x):
        return np.array(x) if len(x) <= LARGEST_ARRAY else None
    if isinstance(x, np.ndarray):
        return np.array(x) if x.dtype.kind == "f" and x.size <= LARGEST_ARRAY else None
    return float(x) if isinstance(x, float | np.floating) else None
