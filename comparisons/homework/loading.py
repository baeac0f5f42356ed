"""A file of Python or a notebook: get a function out of it, and say in which line it failed."""

import ast
import errno
import json
import linecache
import os
import re
import sys
import textwrap
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LARGEST_FILE = 64_000_000  # bytes that a submission may write to a file
MAGIC = re.compile(r"(?m)^([ \t]*)(%%?[a-zA-Z]|[!?]).*")  # lines that IPython alone understands
OTHER_LANGUAGE = re.compile(r"\s*%%(?!time|capture|prun)")


class Refused(ValueError):  # noqa: N818
    """A submission that cannot be used; the message is a sentence for the student."""


class NoteKind(StrEnum):
    """What may be worth a note although the check goes on: the sentence, with gaps."""

    NOT_ALL_RAN = "Not all of the file could be run: {}."
    CHANGED_INPUT = "The function changes its input {}."
    NOT_REPEATABLE = "A second call at the same point returns something else."
    LOSS_NOT_FINITE = "The loss is {}."
    LOSS_NOT_ONE = "The loss is not one number but {}."
    COARSE = "Gradients are in {}, which keeps {} digits."
    INTEGERS = (
        "The gradient of {} is an array of integers: fractions are cut off, as they are in "
        "np.zeros_like of integers."
    )
    NOT_FINITE = "The gradient of {} holds {}."
    RESHAPED = "The gradient of {} has shape {}, the parameter {}: taken as the same numbers."
    BY_LIBRARY = "The gradient is computed by {}, not by equations of your own."
    BY_DIFFERENCES = (
        "The gradient is computed by finite differences or complex steps: your code runs {} times "
        "with one entry of the parameters changed."
    )


class Note(NamedTuple):
    """A note on a submission: of which kind, and what fills the gaps of its sentence."""

    kind: NoteKind
    about: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.kind.format(*self.about)


SENTENCES: dict[type[BaseException], str] = {
    Refused: "{error}",
    SystemExit: "called sys.exit, which ends the program",
    RecursionError: "a function calls itself without end (RecursionError)",
    MemoryError: "needs more memory than is allowed (MemoryError)",
    EOFError: "asks for input, and there is no keyboard here (EOFError)",
    ModuleNotFoundError: "needs the module {error.name}, which is not installed here",
}


def load(path: str | Path, name: str | None = None) -> tuple[Callable[..., Any], list[Note]]:
    """Return the function `name` (`backprop`) of a .py file or a notebook, and notes; or Refused.

    The code runs as a module of its own, with its folder on `sys.path`. Where it fails after the
    function was defined, a note says so; cells of a notebook run whether or not others fail.
    """
    name, path = name or "backprop", Path(path).absolute()
    module = sys.modules["submission"] = types.ModuleType("submission")
    module.__file__ = str(path)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    failures = []
    for filename, source in cells(path):
        try:
            exec(compile(source, filename, "exec", dont_inherit=True), vars(module))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failures.append(failure(error, vars(module)))
    function = vars(module).get(name)
    if callable(function) and not isinstance(function, type):
        return function, [Note(NoteKind.NOT_ALL_RAN, (x,)) for x in failures]
    if failures:
        raise Refused(failures[0])
    others = [key for key, x in vars(module).items() if isinstance(x, types.FunctionType)]
    raise Refused(
        f"{path.name} defines no function {name}"
        + (f"; its functions are {', '.join(others)}" if others else ", nor any other function")
    )


def cells(path: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yield the pieces of code in a file, each with the file name to compile it under."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}") from None
    if path.suffix.lower() == ".py":
        linecache.checkcache(str(path))
        yield str(path), content
        return
    if path.suffix.lower() != ".ipynb":
        raise Refused(f"{path.name} is neither a .py file nor a notebook (.ipynb)")
    try:
        raw = json.loads(content)
        sources = ["".join(x["source"]) for x in raw["cells"] if x["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise Refused(f"{path.name} is not a notebook that can be read ({what})") from None
    for i, source in enumerate(sources, 1):
        filename = str(path.parent / f"cell {i}")
        linecache.cache[filename] = len(source), None, source.splitlines(True), filename
        yield filename, "" if OTHER_LANGUAGE.match(source) else MAGIC.sub(r"\1pass", source)


def own(frame: types.FrameType, module: Mapping[str, Any]) -> bool:
    """Return whether a frame runs the student's code: the module, or a file beside it."""
    folder = os.path.dirname(module.get("__file__") or "")
    beside = folder and os.path.dirname(frame.f_code.co_filename) == folder
    return bool(beside) or frame.f_globals is module


def place(filename: str, line: int, main: str | None) -> str:
    """Say where a line stands, with its text; `main` is the file of which no name need be said."""
    text = statement(filename, line)[1][:150]
    where = f"your line {line}" + ("" if filename == main else f" of {Path(filename).name}")
    return f"{where}, `{text}`" if text else where


@cache
def statements(source: str) -> list[ast.stmt]:
    """Return the statements of a program that hold no others."""
    with suppress(SyntaxError, ValueError):
        found = (x for x in ast.walk(ast.parse(source)) if isinstance(x, ast.stmt))
        return [x for x in found if not hasattr(x, "body")]
    return []


def statement(filename: str, line: int, name: str = "") -> tuple[int, str]:
    """Return the line where the statement on a line begins, and its text in one line.

    Of a dict over several lines that is what it has for the last key in `name`.
    """
    source = "".join(linecache.getlines(filename))
    found = [x for x in statements(source) if x.lineno <= line <= (x.end_lineno or line)]
    if len(found) != 1 or found[0].lineno == found[0].end_lineno:
        return line, linecache.getline(filename, line).strip()
    dicts = [x for x in ast.walk(found[0]) if isinstance(x, ast.Dict)]
    entries = {ast.unparse(key): x for y in dicts for key, x in zip(y.keys, y.values) if key}
    part = entries.get(name.rpartition("[")[2].removesuffix("]"), found[0])
    return part.lineno, textwrap.shorten(ast.unparse(part), 120)


def failure(error: BaseException, module: Mapping[str, Any]) -> str:
    """Say what an exception was and in which of the student's lines it arose."""
    main = module.get("__file__")
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{place(error.filename, error.lineno, main)}: {type(error).__name__}: {error.msg}"
    frames = [x for x in traceback.walk_tb(error.__traceback__) if own(x[0], module)]
    if not frames:
        return meaning(error)
    frame, line = frames[-1]
    filename = frame.f_code.co_filename
    sentence = f"{place(filename, line, main)}: {meaning(error)}"
    shapes = shapes_in(linecache.getline(filename, line), frame.f_locals)
    return f"{sentence} ({shapes})" if shapes and not isinstance(error, SystemExit) else sentence


def meaning(error: BaseException) -> str:
    """Say what an exception means, in place of its name where that is better."""
    for kind, sentence in SENTENCES.items():
        if isinstance(error, kind):
            return sentence.format(error=error)
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return f"prints or writes more than {LARGEST_FILE // 10**6} MB"
    message = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {message}".removesuffix(": ")


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
