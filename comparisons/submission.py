"""A student's file: load it, call its `backprop`, and understand whatever comes back.

Nothing heavier than NumPy is imported: `comparisons.sandbox` starts a process for every file, and
that process runs `work`.
"""

from __future__ import annotations

import ast
import errno
import faulthandler
import inspect
import json
import linecache
import os
import re
import shutil
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Point = tuple[tuple[Any, ...], dict[str, Any]]

MOST_VARIABLES, MOST_NUMBERS, LARGEST_ARRAY = 400, 300_000, 100_000
LARGEST_GRADIENT = 1_000_000
LARGEST_FILE = 64_000_000  # bytes that a submission may write to a file, and its results
LONGEST_TRACE = 2.0  # seconds
LONGEST_DIFFERENCES = 1.0  # seconds
SYNONYMS = (
    {"X", "x", "data", "inputs", "input", "features", "examples", "samples", "Xs", "xs"},
    {"t", "T", "y", "Y", "labels", "label", "targets", "target", "ts", "ys"},
)
PARAMS = {"params", "parameters", "param", "parms", "p", "theta", "weights", "model", "w", "θ"}
LOSSES = {"e", "l", "j", "cost", "error", "objective", "nll", "ce", "cross_entropy"}
PLAIN = r"(?:dL|dE|dJ|dC|d_?[Ll]oss|d_?cost)_?d_?|bar_|grad(?:ient)?_|g_|nabla_|delta_|d_"
PREFIX = re.compile(rf"(?:{PLAIN}|(?:grad|d)(?=[A-Z])|d(?=[a-z]\d*$))([A-Za-z]\w*)")
SUFFIX = re.compile(r"(\w+?)_(?:bar|grad|gradient)|([A-Z]\w*)bar")
ENGINES = {
    "autodiff": "this project's own engine",
    "mlp": "this project's own network",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    **{name: name for name in ("jax", "autograd", "mygrad", "micrograd", "tinygrad")},
}
DIFFERENTIATES = re.compile(r"walk|compiled|backprop|_?backward(_pass)?|_?vjp|grad|gradient|grad_f")


class Refused(ValueError):  # noqa: N818
    """A submission that cannot be used; the message is a sentence for the student."""


@dataclass
class Result:
    """What a call returned: gradients by the name of the parameter, other adjoints, the loss."""

    grads: dict[str, np.ndarray[Any, Any]]
    extras: dict[str, np.ndarray[Any, Any]]
    loss: float | None


@dataclass
class Variable:
    """A number or array that a line of the student's code assigned."""

    name: str
    line: int
    text: str
    value: Any


@dataclass
class Collected:
    """What a submission did at some points; `results` is shorter than those if it has a `problem`.

    `variables` and `loss_gradient`, central differences of the student's own loss, are those of the
    first point, at which `first_again` is called after all others. `engine` is the package that
    differentiated in the student's place.
    """

    results: list[Result] = field(default_factory=list)
    problem: str | None = None
    notes: list[str] = field(default_factory=list)
    first_again: Result | None = None
    variables: list[Variable] = field(default_factory=list)
    engine: str | None = None
    loss_gradient: dict[str, np.ndarray[Any, Any]] | None = None
    output: str = ""


def load(path: str | Path, name: str | None = None) -> tuple[Callable[..., Any], list[str]]:
    """Return the function `name` (`backprop`) of a .py file or a notebook, and notes on the way.

    The code runs as a module of its own, with its folder on `sys.path`. Where it fails after the
    function was defined, a note says so; cells of a notebook run whether or not others fail.
    Raises Refused where there is no such function.
    """
    name, path = name or "backprop", Path(path).absolute()
    module = types.ModuleType("submission")
    module.__file__ = str(path)
    sys.modules["submission"] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    failures = []
    for filename, source in cells(path):
        try:
            exec(compiled(source, filename), module.__dict__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failures.append(failure(error, module.__dict__))
    function = module.__dict__.get(name)
    if callable(function) and not isinstance(function, type):
        return function, [f"not all of the file could be run: {x}" for x in failures]
    if failures:
        raise Refused(failures[0])
    others = [key for key, x in vars(module).items() if isinstance(x, types.FunctionType)]
    raise Refused(
        f"{path.name} defines no function {name}"
        + (f"; its functions are {', '.join(others)}" if others else ", nor any other function")
    )


def cells(path: Path) -> list[tuple[str, str | bytes]]:
    """Return the pieces of code in a file, each with the file name to compile it under."""
    if path.is_dir():
        raise Refused(f"{path.name} is a folder; a .py or .ipynb file was expected")
    if path.suffix.lower() not in (".py", ".ipynb"):
        raise Refused(f"{path.name} is neither a .py file nor a notebook (.ipynb)")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    if path.suffix.lower() == ".py":
        found: list[tuple[str, str | bytes]] = [(str(path), content)]
        linecache.checkcache(str(path))
    else:
        found = []
        for i, source in enumerate(notebook(content, path.name), 1):
            lines = source.splitlines(keepends=True)
            linecache.cache[f"cell {i}"] = (len(source), None, lines, f"cell {i}")
            found.append((f"cell {i}", source))
    if not any(source.strip() for _, source in found):
        raise Refused(f"{path.name} holds no code")
    return found


def notebook(content: bytes, name: str) -> list[str]:
    """Return the code cells of a notebook."""
    try:
        raw = json.loads(content)
        sources = [cell["source"] for cell in raw["cells"] if cell["cell_type"] == "code"]
        return ["".join(source) for source in sources]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise Refused(f"{name} is not a notebook that can be read ({what})") from None


def compiled(source: str | bytes, filename: str) -> types.CodeType:
    """Compile code; in a cell, lines for IPython alone (% ! ?) are left out."""
    try:
        return compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError:
        if isinstance(source, bytes):
            raise
    if re.match(r"\s*%%(?!time|capture|prun)", source):
        source = ""
    source = re.sub(r"(?m)^([ \t]*)[%!?].*$", r"\1pass", source)
    return compile(source, filename, "exec", dont_inherit=True)


def own(frame: types.FrameType, module: Mapping[str, Any]) -> bool:
    """Tell whether a frame runs the student's code: the module, or a file beside it."""
    if frame.f_globals is module:
        return True
    folder = os.path.dirname(module.get("__file__") or "")
    return bool(folder) and os.path.dirname(frame.f_code.co_filename) == folder


def place(filename: str, line: int, main: str | None) -> str:
    """Say where a line stands, with its text."""
    text = linecache.getline(filename, line).strip()
    if filename.startswith("cell "):
        where = f"line {line} of your {filename}"
    else:
        where = f"your line {line}" + ("" if filename == main else f" of {Path(filename).name}")
    return f"{where}, `{text[:150]}`" if text else where


def failure(error: BaseException, module: Mapping[str, Any]) -> str:
    """Say what an exception was and in which of the student's lines it arose."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        if own(trace.tb_frame, module):
            frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    main = module.get("__file__")
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{place(error.filename, error.lineno, main)}: {type(error).__name__}: {error.msg}"
    if not frames:
        return said(error)
    frame, line = frames[-1]
    sentence = f"{place(frame.f_code.co_filename, line, main)}: {said(error)}"
    shapes = shapes_in(linecache.getline(frame.f_code.co_filename, line), frame.f_locals)
    return f"{sentence} ({shapes})" if shapes and not isinstance(error, SystemExit) else sentence


def said(error: BaseException) -> str:
    """Say what an exception means."""
    if isinstance(error, SystemExit):
        return "called sys.exit, which ends the program"
    if isinstance(error, RecursionError):
        return "a function calls itself without end (RecursionError)"
    if isinstance(error, MemoryError):
        return "needs more memory than is allowed (MemoryError)"
    if isinstance(error, EOFError):
        return "asks for input, and there is no keyboard here (EOFError)"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"needs the module {error.name}, which is not installed here"
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return f"prints or writes more than {LARGEST_FILE // 10**6} MB"
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = ""
    return f"{type(error).__name__}: {message[:300]}".removesuffix(": ")


def shapes_in(text: str, variables: Mapping[str, Any]) -> str:
    """Say the shapes of the arrays that a line names, as `params["W"]` or by a name."""
    found = {}
    for name, key in re.findall(r"(\w+)(?:\[['\"](\w+)['\"]\])?", text):
        value = variables.get(name)
        if key and isinstance(value, dict):
            name, value = f"{name}[{key!r}]", value.get(key)
        if isinstance(value, np.ndarray):
            found[name] = f"{name} has shape {value.shape}"
    return ", ".join(list(found.values())[:6])


class Plan(NamedTuple):
    """What is passed: a data array by its index, all parameters (None), or one by its name."""

    by_position: list[int | str | None]
    by_name: dict[str, int | str | None]

    def call(self, function: Callable[..., Any], point: Point) -> Any:
        """Call a function with copies of data and parameters."""

        def given(role: int | str | None) -> Any:
            data, params = point
            return params if role is None else params[role] if type(role) is str else data[role]  # type: ignore[index]

        return function(
            *map(given, self.by_position), **{name: given(x) for name, x in self.by_name.items()}
        )


def planned(function: Callable[..., Any], expected: Sequence[str], keys: Sequence[str]) -> Plan:
    """Find out from names, else from the order, which argument is which."""
    everything = [*range(len(expected)), None]
    one_by_one = [*range(len(expected)), *keys]
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return Plan(everything, {})
    required = [
        p
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    roles = {p.name: role_of(p.name, expected, keys) for p in required}
    if "" not in roles.values() and len(set(roles.values())) == len(roles):
        for p in parameters:
            role = role_of(p.name, expected, keys)
            missing = everything if None in roles.values() else [*one_by_one, None]
            if p not in required and role in missing and role not in roles.values():
                roles[p.name] = role
        if set(roles.values()) in (set(everything), set(one_by_one)):
            first = [roles.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_ONLY]
            return Plan(first, roles)
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    most = np.inf if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(places)
    if not any(p.kind is p.KEYWORD_ONLY for p in required):
        for order in (everything, one_by_one):
            if len(required) <= len(order) <= most:
                return Plan(order, {})
    raise Refused(
        f"the function takes ({', '.join(map(str, parameters))}), and it is to be called with "
        f"({', '.join([*expected, 'params'])}), where params is a dict of {', '.join(keys)}"
    )


def role_of(name: str, expected: Sequence[str], keys: Sequence[str]) -> int | str | None:
    """Return what an argument of this name is in a Plan, or "" if the name says nothing."""
    if name in expected:
        return expected.index(name)
    if name in keys:
        return name
    for group in SYNONYMS:
        meant = [i for i, x in enumerate(expected) if x in group]
        if name in group and len(meant) == 1:
            return meant[0]
    alike = [key for key in keys if key.lower() == name.lower()]
    if len(alike) == 1 and name.lower() not in PARAMS:
        return alike[0]
    return None if name.lower() in PARAMS else ""


class Entry(NamedTuple):
    """A number or array that was returned, with its name if it has one."""

    name: str | None
    value: Any
    is_keyed: bool = False


def returned_names(function: Callable[..., Any]) -> list[Any]:
    """Return the names after the last `return` of several things, nested as they are there."""
    try:
        lines = inspect.getsource(function)
        tree = ast.parse(inspect.cleandoc("\n" + lines))
    except (OSError, TypeError, SyntaxError, ValueError):
        return []
    tuples = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in reversed(list(own_returns(tree.body[0]))):
        value = node.value
        if isinstance(value, ast.Name):
            value = tuples.get(value.id, value)
        if isinstance(value, ast.Tuple | ast.List):
            names = written_name(value)
            return list(names)
    return []


def own_returns(node: ast.AST) -> Iterator[ast.Return]:
    """Yield the return statements of a function, in order, without those of inner functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield from own_returns(child)


def written_name(node: ast.AST) -> Any:
    """Return the name in an expression such as `W_bar`, `grads["W"]` or `float(loss)`, or None."""
    match node:
        case ast.Tuple() | ast.List():
            return [written_name(x) for x in node.elts]
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name)), args=[]):
            return name
        case ast.Call(args=[x, *_]):
            return written_name(x)
    return None


def entries(value: Any, names: Any, count: int) -> Iterator[Entry]:
    """Yield what is in a dict, a tuple, or one within the other; `count` parameters are expected.

    A list of lists may be an array as well: only `count` things beside at most one other are taken
    for so many gradients.
    """
    if isinstance(value, Mapping):
        for key, x in value.items():
            if isinstance(x, Mapping):
                yield from entries(x, [], count)
            else:
                yield Entry(str(key), x, True)
    elif isinstance(value, tuple | list):
        names = list(getattr(value, "_fields", names))
        names = names if len(names) == len(value) else [None] * len(value)
        for x, name in zip(value, names):
            inside = isinstance(x, tuple | list) and len(value) <= 2 and len(x) == count
            if isinstance(x, Mapping) or (inside and count > 1):
                yield from entries(x, name if isinstance(name, list) else [], count)
            else:
                yield Entry(name if isinstance(name, str) else None, x)
    else:
        yield Entry(names if isinstance(names, str) else None, value)


def undecorated(name: str) -> str | None:
    """Return "W" for "W_bar", "dW", "grad_W", "dL_dW" and the like, None for other names."""
    match = PREFIX.fullmatch(name) or SUFFIX.fullmatch(name)
    return next(filter(None, match.groups())) if match else None


def key_of(name: str, keys: Sequence[str], rank: int) -> str | None:
    """Return the parameter a name means: itself, then undecorated, then regardless of case."""
    bare = undecorated(name) or name.removeprefix("d")
    if rank < 2:
        return next((key for key in keys if key == (bare if rank else name)), None)
    alike = [key for key in keys if key.lower() in (name.lower(), bare.lower())]
    return alike[0] if len(alike) == 1 else None


def is_loss(name: str | None) -> bool:
    """Tell whether a name is one of a loss."""
    return name is not None and (name.lower() in LOSSES or name.lower().endswith("loss"))


def understood(
    returned: Any, params: Mapping[str, Any], names: list[Any], notes: dict[str, None]
) -> Result:
    """Return the gradients, adjoints and loss in what was returned; Refused if they are not there.

    Notes are added to `notes`. A gradient of a wrong shape is kept.
    """
    keys = list(params)
    wanted = f"a dict with the gradients of {', '.join(keys)}, and the loss"
    if returned is None:
        raise Refused(f"the function returned nothing (None); expected were {wanted}")
    if not isinstance(returned, Mapping | tuple | list) and len(keys) > 1:
        raise Refused(f"the function returned {described(returned)}; expected were {wanted}")
    found = list(entries(returned, names, len(keys)))
    grads: dict[str, Any] = {}
    for rank in range(3):
        for entry in found:
            key = key_of(entry.name or "", keys, rank)
            if key is not None and key not in grads:
                grads[key] = entry.value
                found = [x for x in found if x is not entry]
    if not grads and not any(entry.is_keyed for entry in found):
        grads, found = in_order(found, params)
    if missing := [key for key in keys if key not in grads]:
        came = [entry.name or described(entry.value) for entry in found]
        raise Refused(
            f"the gradient of {' and '.join(missing)} is missing; expected were {wanted}; "
            f"returned were {', '.join([*grads, *came]) or 'no gradients at all'}"
        )
    result = Result({}, {}, None)
    for key in keys:
        result.grads[key] = gradient(key, grads[key], np.shape(params[key]), notes)
    scalars = [x for x in found if is_scalar(x.value)]
    losses = [x for x in scalars if is_loss(x.name)] or [x for x in scalars if not x.is_keyed]
    if len(losses) == 1 or any(is_loss(x.name) for x in losses):
        result.loss = float(numbers(losses[0].value, "the loss").reshape(()))
        if not np.isfinite(result.loss):
            notes[f"the loss is {'NaN' if np.isnan(result.loss) else 'infinite'}"] = None
    elif wrong := [x for x in found if is_loss(x.name)]:
        notes[f"the loss is no number but {described(wrong[0].value)}"] = None
    for entry in found:
        if entry.name and all(entry is not x for x in losses[:1]):
            bare = undecorated(entry.name)
            with suppress(Refused):
                array = numbers(entry.value, entry.name).astype(float)
                result.extras.setdefault(f"{bare}_bar" if bare else entry.name, array)
    return result


def is_scalar(x: Any) -> bool:
    """Tell whether a thing is one real number."""
    with suppress(Refused):
        return numbers(x, "").size == 1
    return False


def in_order(found: list[Entry], params: Mapping[str, Any]) -> tuple[dict[str, Any], list[Entry]]:
    """Return nameless gradients by the order of the parameters, and what is left: the loss."""
    n = len(params)
    ways: dict[int, list[tuple[list[Entry], list[Entry]]]] = {
        n: [(found, [])],
        n + 1: [(found[:n], found[n:]), (found[1:], found[:1])],
    }
    fits = [
        (gradients, rest)
        for gradients, rest in ways.get(len(found), [])
        if all(squeezed(x.value) == squeezed(p) for x, p in zip(gradients, params.values()))
        and all(is_scalar(x.value) for x in rest)
    ]
    named = [way for way in fits if way[1] and is_loss(way[1][0].name)]
    fits = named or (ways[n] if len(found) == n else fits)
    if len(fits) != 1:
        return {}, found
    return dict(zip(params, (x.value for x in fits[0][0]))), fits[0][1]


def squeezed(x: Any) -> list[int]:
    """Return the shape of an array without its axes of length 1; [0] if it is no array."""
    with suppress(Exception):
        return [n for n in np.shape(x) if n != 1]
    return [0]


def described(x: Any) -> str:
    """Say what a thing is: an array by its shape."""
    if isinstance(x, np.ndarray):
        return f"an array of shape {x.shape}"
    return "a number" if isinstance(x, int | float) else f"a {type(x).__name__}"


def numbers(value: Any, what: str) -> np.ndarray[Any, Any]:
    """Return the numbers in an array, a list, a tensor or a Value, in their own dtype."""
    try:
        array = np.asarray(value)
    except Exception:
        try:
            array = np.asarray(value.data)  # PyTorch refuses tensors with a gradient, as Value does
        except Exception:
            raise Refused(f"{what} is no array of numbers but {described(value)}") from None
    if array.dtype.kind not in "fiub":
        kind = {"c": "holds complex numbers", "O": "is an array of objects, not of numbers"}
        said = kind.get(array.dtype.kind, f"is no array of numbers but {described(value)}")
        raise Refused(f"{what} {said}")
    if array.size > LARGEST_GRADIENT:
        raise Refused(f"{what} has shape {array.shape}, more numbers than can be looked at")
    return np.array(array)


def gradient(
    key: str, value: Any, shape: tuple[int, ...], notes: dict[str, None]
) -> np.ndarray[Any, Any]:
    """Return a gradient as float64, in the shape of its parameter if it has as many numbers."""
    array = numbers(value, f"the gradient of {key}")
    if array.dtype.kind != "f" and array.ndim:
        notes[
            f"the gradient of {key} is an array of integers: fractions are cut off, as they are in "
            "np.zeros_like of integers"
        ] = None
    elif array.dtype.kind == "f" and array.dtype.itemsize < 8:
        notes[
            f"gradients are in {array.dtype}, which keeps {np.finfo(array.dtype).precision} digits"
        ] = None
    if array.shape != shape and squeezed(array) == [n for n in shape if n != 1]:
        notes[
            f"the gradient of {key} has shape {array.shape}, the parameter {shape}: taken as the "
            "same numbers"
        ] = None
        array = array.reshape(shape)
    for kind, found in (("NaN", np.isnan(array)), ("infinity", np.isinf(array))):
        if np.any(found):
            notes[f"the gradient of {key} holds {kind}"] = None
    return array.astype(float)


def collect(
    function: Callable[..., Any], points: Sequence[Point], expected: Sequence[str]
) -> Collected:
    """Call a function at points `((X, t), params)` and return what it did, whatever that was.

    `expected` are the names of the data. It gets copies, once more at the first point after the
    others, then under a tracer, and finally for differences of its own loss.
    """
    out, notes = Collected(), dict[str, None]()
    params, module, plan = points[0][1], module_of(function), None
    names = returned_names(function)
    try:
        plan = planned(function, expected, list(params))
        for point in [*points, points[0]]:
            given = deepcopy(point)
            start = time.perf_counter()
            returned = plan.call(function, given)
            seconds = time.perf_counter() - start
            out.results.append(understood(returned, params, names, notes))
            for name in changed(point, given, expected):
                notes[f"the function changes its input {name}"] = None
        out.first_again = out.results.pop()
        if differ(out.results[0], out.first_again):
            notes["a second call at the same point returns something else"] = None
    except Refused as error:
        out.problem = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        out.problem = failure(error, module)
    if plan is None:
        return out
    # What it prints again has been said; where it did not end well, that may be without end.
    with redirect_stdout(StringIO()) if out.problem is None else nullcontext():
        if out.problem is None and seconds * 4 * count(params) < LONGEST_DIFFERENCES:
            with suppress(Exception, SystemExit):
                out.loss_gradient = loss_gradient(
                    lambda given: understood(plan.call(function, given), params, names, {}).loss,
                    points[0],
                )
        watch = Watch(module, params)
        watch.follow(partial(plan.call, function, deepcopy(points[0])))
    out.variables, out.engine = list(watch.variables.values()), watch.engine
    out.notes = [*notes, *watch.notes()]
    return out


def count(params: Mapping[str, Any]) -> int:
    """Return how many numbers the parameters are."""
    return sum(int(np.size(x)) for x in params.values())


def module_of(function: Any) -> dict[str, Any]:
    """Return the globals of the code of a function, a method, a partial or a callable object."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    if not hasattr(function, "__globals__"):
        function = vars(type(function)).get("__call__")
    found: dict[str, Any] = getattr(function, "__globals__", {})
    return found


def changed(before: Point, after: Point, expected: Sequence[str]) -> list[str]:
    """Return the names of the data and parameters that a call has changed."""
    (data, params), (data_after, params_after) = before, after
    pairs = dict(zip(expected, zip(data, data_after)))
    for key in {**params, **params_after}:
        pairs[f"params[{key!r}]"] = (params.get(key), params_after.get(key))
    return [name for name, pair in pairs.items() if not same(*pair)]


def same(x: Any, y: Any) -> bool:
    """Tell whether two things are the same numbers in the same shape."""
    try:
        return np.shape(x) == np.shape(y) and np.array_equal(x, y, equal_nan=True)
    except Exception:
        return x is y


def differ(first: Result, again: Result) -> bool:
    """Tell whether two results differ by more than the order of additions can make."""
    pairs = [(x, again.grads[key]) for key, x in first.grads.items()]
    pairs.append((np.array(first.loss or 0.0), np.array(again.loss or 0.0)))
    return not all(
        x.shape == y.shape
        and np.allclose(x, y, rtol=1e-12, atol=1e-13 * np.max(np.abs(x), initial=0), equal_nan=True)
        for x, y in pairs
    )


def loss_gradient(
    loss: Callable[[Point], float | None], point: Point
) -> dict[str, np.ndarray[Any, Any]] | None:
    """Return central differences of a loss, those of two steps extrapolated: the error is O(h^4).

    None where a call returns no loss.
    """
    data, params = point
    result = {key: np.zeros(np.shape(x)) for key, x in params.items()}
    for key, x in params.items():
        for index in np.ndindex(np.shape(x)):
            slopes = []
            for h in (2e-3, 1e-3):
                ends = []
                for step in (h, -h):
                    given = deepcopy((data, params))
                    moved = np.array(x, float)
                    moved[index] += step
                    given[1][key] = moved if moved.ndim else float(moved)
                    ends.append(loss(given))
                if ends[0] is None or ends[1] is None:
                    return None
                slopes.append((ends[0] - ends[1]) / (2 * h))
            result[key][index] = (4 * slopes[1] - slopes[0]) / 3
    return result


class Watch:
    """A tracer of one call: what the student's lines assign, and who else differentiates."""

    def __init__(self, module: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        self.module, self.params = module, params
        self.variables: dict[tuple[str, int], Variable] = {}
        self.engine: str | None = None
        self.moved, self.numbers = 0, 0

    def follow(self, call: Callable[[], Any]) -> None:
        """Run a call under the tracer, whatever becomes of it."""
        previous = sys.gettrace()
        self.end = time.perf_counter() + LONGEST_TRACE
        jax = sys.modules.get("jax")
        try:
            with getattr(jax, "disable_jit", nullcontext)():  # what is compiled cannot be seen
                sys.settrace(self.enter)
                call()
        except KeyboardInterrupt:
            raise
        except BaseException:
            pass  # has been said, or is said of another call
        finally:
            sys.settrace(previous)

    def notes(self) -> Iterator[str]:
        """Say who differentiated, if it was not the student."""
        if self.engine:
            who = ENGINES[self.engine]
            yield f"the gradient is computed by {who}, not by equations of your own"
        # A number that is passed alone is not recognised.
        if self.moved >= max(1, count({k: p for k, p in self.params.items() if np.ndim(p)})):
            yield (
                "the gradient is computed by finite differences or complex steps: your code runs "
                f"{self.moved} times with one entry of the parameters changed"
            )

    def enter(self, frame: types.FrameType, event: str, _: Any) -> Any:
        """Look at a call; return the tracer of its lines if they are the student's."""
        if time.perf_counter() > self.end:
            sys.settrace(None)
            return None
        if own(frame, self.module):
            self.moved += self.is_moved(frame.f_locals)
            return self.lines(frame)
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package in ENGINES and DIFFERENTIATES.fullmatch(frame.f_code.co_name):
            self.engine = self.engine or package
        return None

    def lines(self, frame: types.FrameType) -> Callable[..., Any]:
        """Return the tracer of the lines of a frame."""
        code, line = frame.f_code, frame.f_lineno
        seen = {name: (x, copied(x)) for name, x in frame.f_locals.items()}

        def step(frame: types.FrameType, event: str, _: Any) -> Any:
            nonlocal line
            text = linecache.getline(code.co_filename, line).strip()
            for name, x in frame.f_locals.items() if event != "exception" else ():
                old, content = seen.get(name, (seen, None))
                if x is not old or (content is not None and name in text and not same(x, content)):
                    seen[name] = (x, copied(x))
                    self.keep(name, line, text, seen[name][1])
            line = frame.f_lineno
            if time.perf_counter() > self.end:
                sys.settrace(None)
                return None
            return step

        return step

    def keep(self, name: str, line: int, text: str, value: Any) -> None:
        """Note an assignment in place of an earlier one of the same line."""
        earlier = self.variables.pop((name, line), None)
        self.numbers += np.size(value) - (0 if earlier is None else np.size(earlier.value))
        if value is None or len(self.variables) == MOST_VARIABLES or self.numbers > MOST_NUMBERS:
            return
        self.variables[name, line] = Variable(name, line, text, value)

    def is_moved(self, variables: Mapping[str, Any]) -> bool:
        """Tell whether one entry alone of the parameters differs, in any form they may have."""
        arrays = [np.asarray(p) for p in self.params.values()]
        arrays.append(np.concatenate([np.ravel(p) for p in arrays]))
        for x in variables.values():
            with suppress(Exception):
                if isinstance(x, dict) and x.keys() == self.params.keys():
                    forms = [sum(np.count_nonzero(x[key] != p) for key, p in self.params.items())]
                elif isinstance(x, np.ndarray) and x.ndim:
                    forms = [np.count_nonzero(x != p) for p in arrays if p.shape == x.shape]
                else:
                    continue
                if 1 in forms:
                    return True
        return False


def copied(x: Any) -> Any:
    """Return a copy of an array of floats or of a number, None for anything else."""
    if isinstance(x, np.ndarray):
        return np.array(x) if x.dtype.kind == "f" and x.size <= LARGEST_ARRAY else None
    if isinstance(x, int | float | np.number) and not isinstance(x, bool | complex):
        with suppress(OverflowError, TypeError):
            return float(x)
    return None


def work() -> None:
    """Check the submission that the sandbox asks for in a folder, note the results there, and end.

    The folder is the second argument of the program. Standard input ends when the sandbox does.
    """
    sys.path.append(sys.path.pop(0))  # the project, behind the student's own modules
    folder, process = Path(sys.argv[2]), os.getpid()
    order = decoded((folder / "order.json").read_text())
    guard(folder, order["seconds"], order["megabytes"])
    sys.argv[:] = [order["path"]]
    out = Collected()
    try:
        function, notes = load(order["path"], order["name"])
        out = collect(function, order["points"], order["expected"])
        out.notes[:0] = notes
    except Refused as error:
        out.problem = str(error)
    except BaseException as error:
        out.problem = said(error)
    if os.getpid() != process:  # a child that the submission has forked and not ended
        os._exit(0)
    with suppress(BaseException):
        sys.stdout.flush()
    noted = folder / "result.json"
    try:
        noted.write_text(encoded(out))
    except BaseException as error:
        noted.write_text(encoded(Collected(problem=f"no results can be noted: {said(error)}")))
    os._exit(0)  # no thread and no function of the submission is waited for


def guard(folder: Path, seconds: float, megabytes: int) -> None:
    """Limit this process, and have it end when the sandbox ends, in whatever way."""
    watched = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def end_with_parent() -> None:
        os.read(watched, 1)
        shutil.rmtree(folder, ignore_errors=True)
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    if hasattr(faulthandler, "register"):  # the sandbox asks where the submission is
        faulthandler.register(signal.SIGUSR1, (folder / "where").open("w"))
    with suppress(ImportError):
        import resource

        for kind, limit in (
            (resource.RLIMIT_AS, megabytes * 2**20),
            (resource.RLIMIT_CPU, int(seconds) + 2),
            (resource.RLIMIT_FSIZE, LARGEST_FILE),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):  # the limit in force is lower already
                resource.setrlimit(kind, (limit, limit))


def encoded(x: Any) -> str:
    """Return JSON, in which arrays and the dataclasses above are dicts."""

    def plain(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return {"dtype": x.dtype.str, "shape": x.shape, "numbers": x.ravel().tolist()}
        return x.item() if isinstance(x, np.generic) else vars(x)

    return json.dumps(x, default=plain)


def decoded(text: str | bytes) -> Any:
    """Return what `encoded` was given, with dicts in place of dataclasses, lists for tuples."""

    def restored(x: dict[str, Any]) -> Any:
        if x.keys() != {"dtype", "shape", "numbers"}:
            return x
        dtype = np.dtype(x["dtype"])
        if dtype.kind not in "fiub":
            raise ValueError(f"an array of {dtype}")
        return np.array(x["numbers"], dtype).reshape(x["shape"])

    return json.loads(text, object_hook=restored)
