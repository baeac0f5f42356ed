"""How a program fetches its arguments, and refuses those that it is not for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import BuiltinMethodType
from typing import Any

import numpy as np

from autodiff.arguments import fold
from autodiff.arrays import FLOAT32, FLOAT64
from autodiff.readings.notation import Identifiers, placed
from autodiff.readings.source import nested_gradients
from autodiff.readings.trace import Path, Trace


class Miss(Exception):  # noqa: N818
    """The arguments are not those that a program is for."""


class Unlike(Exception):  # noqa: N818
    """The numbers are unlike those that a program is for: bad targets, for example."""


class Scope(Identifiers):
    """The names in a text: those of variables, and those of the objects that it refers to."""

    def __init__(self, objects: Mapping[str, Any], taken: Iterable[str]) -> None:
        self.objects = {**GUARDS, **objects}
        super().__init__([*self.objects, *taken])
        self.name_of: dict[Any, str] = {}

    def object(self, wish: str, x: Any) -> str:
        """Return the name of an object; the same for the same one."""
        key = x if isinstance(x, BuiltinMethodType) else id(x)  # np.add.reduce is made anew
        if key not in self.name_of:
            name = wish if wish.isidentifier() and wish not in self.taken else self.new(wish)
            self.taken.add(name)
            self.objects[name] = x
            self.name_of[key] = name
        return self.name_of[key]


def run_text(
    trace: Trace,
    names: Mapping[Path, str],
    scope: Scope,
    lines: Sequence[str],
    value: str,
    gradient: Callable[[Any, Path], str],
) -> str:
    """Write a function that fetches its arguments, does `lines` and returns value and gradient.

    `names` are those of the parameters and of the inputs, by their paths; `gradient` writes what is
    returned for an input.
    """
    parameters = [f"{names[path]}=missing" for path in trace.parameters]
    checks = guards(trace, names, scope)
    nested = nested_gradients(trace, gradient, lambda path: place_of(path, names))
    head = f"def run({', '.join([*parameters, '*others'])}):"
    return "\n    ".join([head, *checks, *lines, f"return {value}, {nested}"])


def guards(trace: Trace, names: Mapping[Path, str], scope: Scope) -> list[str]:
    """Write how arguments are fetched, and that others are not for this program."""
    tests: list[str] = []
    for path in trace.parameters:
        tests += structure(names[path], trace.args[path[0]], scope)
    for path, value in trace.fixed.items():
        place, constant = place_of(path, names), scope.object("constant", value)
        if isinstance(value, np.ndarray):
            equal = scope.object("array_equal", np.array_equal)
            tests.append(f"not {equal}({place}, {constant})")
        else:
            tests.append(f"type({place}) is not type({constant}) or {place} != {constant}")
    fetched = [f"if {' or '.join(tests)}:", "    raise Miss"] if tests else []
    for path in trace.inputs:
        if len(path) > 1:
            fetched.append(f"{names[path]} = {place_of(path, names)}")
    lines = ["if others:", "    raise Miss"]
    if fetched:
        lines += ["try:", *[f"    {line}" for line in fetched]]
        lines += ["except KeyError:", "    raise Miss from None"]
    for path, node in trace.inputs.items():
        if np.ndim(node._raw):
            lines += array(names[path], node._raw, scope)
        else:
            lines += number(names[path], node._raw, path[0] in trace.wanted, scope)
    return lines


def place_of(path: Path, names: Mapping[Path, str]) -> str:
    return placed((names[path[:1]], *path[1:]))


def structure(name: str, argument: Any, scope: Scope) -> list[str]:
    """Write the tests that show that an argument has another structure."""

    def branch(x: Any, parts: dict[Any, list[str]], path: Path) -> list[str]:
        place, kind = placed(path), scope.object(f"{type(x).__name__}_", type(x))
        test = f"len({place}) != {len(x)}"
        if isinstance(x, dict):
            test = f"[*{place}] != {scope.object('keys', list(x))}"
        inner = [test for tests in parts.values() for test in tests]
        return [f"type({place}) is not {kind} or {test}", *inner]

    tests: list[str] = fold(argument, lambda *_: [], branch, (name,))
    return tests


def number(name: str, x: Any, differentiated: bool, scope: Scope) -> list[str]:
    """Write the check and the conversion of an argument that is a number."""
    dtype = np.float64 if type(x) is float else np.float32
    kind = scope.object(dtype.__name__, dtype)
    slow = f"as_number({name}, {kind}, {differentiated})"
    if dtype is np.float32:
        return [f"{name} = {slow}"]
    usual = f"float({name}) if type({name}) is {kind}"
    return [f"if type({name}) is not float:", f"    {name} = {usual} else {slow}"]


def array(name: str, x: Any, scope: Scope) -> list[str]:
    """Write the check of an array, and its conversion from another dtype."""
    dtype = FLOAT32 if x.dtype == FLOAT32 else FLOAT64
    kind = scope.object(f"{dtype}_", dtype)
    conversion = f"{scope.object('converted', converted)}({name}, {kind})"
    if dtype is FLOAT64:  # labels are often int64
        usual = scope.object("int64_", np.dtype(np.int64))
        conversion = f"{name}.astype({kind}) if {name}.dtype is {usual} else {conversion}"
    test = f"type({name}) is not {scope.object('ndarray', np.ndarray)} or {name}.shape != {x.shape}"
    if x.ndim > 1:
        test += f" or {name}.strides != {x.strides}"
    lines = [f"if {test}:", "    raise Miss"]
    return [*lines, f"if {name}.dtype is not {kind}:", f"    {name} = {conversion}"]


def as_number(x: Any, kind: Any, differentiated: bool) -> Any:
    """Return an argument that is one number of a kind; an integer is one where it must be."""
    if type(x) is np.ndarray and x.ndim == 0:
        x = x[()]
    elif not isinstance(x, (int, float, np.number, np.bool_)):
        raise Miss
    if isinstance(x, np.float32) != (kind is np.float32) or isinstance(x, np.complexfloating):
        raise Miss
    if not differentiated and not isinstance(x, (float, np.floating)):
        raise Miss
    return x if kind is np.float32 else float(x)


def converted(x: Any, dtype: Any) -> Any:
    """Return an array of integers or of another byte order as floats; float32 is another dtype."""
    if x.dtype.kind not in "biuf" or (x.dtype == FLOAT32) != (dtype is FLOAT32):
        raise Miss
    return x.astype(dtype)


GUARDS = {"missing": object(), "Miss": Miss, "Unlike": Unlike, "as_number": as_number}
