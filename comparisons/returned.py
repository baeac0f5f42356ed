"""Understand what a student's function returned: which numbers are the gradient in what."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from comparisons.loading import Refused

LARGEST_GRADIENT = 1_000_000
LOSSES = {"e", "l", "j", "cost", "error", "objective", "nll", "ce", "cross_entropy"}
OF_THE_LOSS = r"d_?(?:L|E|J|C|[Ll]oss|cost)_?d_?"
PREFIXES = rf"{OF_THE_LOSS}|(?:bar|grad|gradient|g|nabla|delta|d)_|(?:grad|d)(?=[A-Z])"
DECORATED = re.compile(
    rf"(?:{PREFIXES}|d(?=[a-z]\d*$))([A-Za-z]\w*)|(\w+)_(?:bar|grad|gradient)|([A-Z]\w*)bar"
)


@dataclass
class Result:
    """What a call returned: gradients by the name of the parameter, other adjoints, the loss."""

    grads: dict[str, np.ndarray[Any, Any]]
    extras: dict[str, np.ndarray[Any, Any]]
    loss: float | None


@dataclass(eq=False)
class Entry:
    """A thing that was returned, with its name: a key of a dict, or what the code calls it."""

    name: str
    value: Any
    is_keyed: bool = False


def understood(returned: Any, params: Mapping[str, Any], names: Any, notes: list[str]) -> Result:
    """Return the gradients, adjoints and loss in what was returned; Refused if they are not there.

    `names` are those of `returned_names`. Notes are added to `notes`. A gradient of a wrong shape
    is kept.
    """
    keys = list(params)
    wanted = f"expected were a dict with the gradients of {', '.join(keys)}, and the loss"
    if returned is None or (len(keys) > 1 and not isinstance(returned, Mapping | tuple | list)):
        raise Refused(f"the function returned {described(returned)}; {wanted}")
    found = list(entries(returned, names, len(keys)))
    taken = by_name(found, keys)
    left = [x for x in found if x not in taken.values()]
    if not taken and not any(x.is_keyed for x in left):
        taken = dict(zip(keys, in_order(left, [squeezed(p) for p in params.values()])))
        left = [x for x in found if x not in taken.values()]
    if missing := [key for key in keys if key not in taken]:
        came = [*taken, *(x.name or described(x.value) for x in left)]
        raise Refused(
            f"the gradient of {' and '.join(missing)} is missing; {wanted}; "
            f"returned were {', '.join(came) or 'no gradients at all'}"
        )
    grads = {key: gradient(key, taken[key].value, np.shape(params[key]), notes) for key in keys}
    named = [x for x in left if x.name.lower() in LOSSES or x.name.lower().endswith("loss")]
    scalars = [x for x in named or left if is_scalar(x.value) and (named or not x.is_keyed)]
    loss = None
    if len(scalars) == 1 or (named and scalars):
        left.remove(scalars[0])
        loss = float(numbers(scalars[0].value, "the loss").item())
        if not np.isfinite(loss):
            notes.append(f"the loss is {'NaN' if np.isnan(loss) else 'infinite'}")
    elif named:
        notes.append(f"the loss is not one number but {described(named[0].value)}")
    extras: dict[str, np.ndarray[Any, Any]] = {}
    for x in left:
        with suppress(Refused):
            bare = undecorated(x.name)
            if name := f"{bare}_bar" if bare else x.name:
                extras.setdefault(name, numbers(x.value, name).astype(float))
    return Result(grads, extras, loss)


def returned_names(function: Callable[..., Any]) -> Any:
    """Return the names in the last line, if that is a `return`, nested as the things are there."""
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        last = definition.body[-1]  # type: ignore[attr-defined]
    except (OSError, TypeError, SyntaxError, ValueError, AttributeError):
        return None
    tuples = {
        target.id: node.value
        for node in ast.walk(definition)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple | ast.List)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def name(node: ast.AST | None) -> Any:
        match node:
            case ast.Name(id) if id in tuples:
                return name(tuples.pop(id))
            case ast.Tuple() | ast.List():
                return [name(x) for x in node.elts]
            case ast.Name(text) | ast.Attribute(attr=text):
                return text
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                return key
            case ast.Call(func=ast.Attribute(value=ast.Name(text)), args=[]):
                return text
            case ast.Call(args=[x, *_]):
                return name(x)
        return None

    return name(last.value) if isinstance(last, ast.Return) else None


def entries(value: Any, names: Any, count: int) -> Iterator[Entry]:
    """Yield what is in a dict, a tuple, or one within the other; `count` parameters are expected.

    A list of lists may be an array as well: only `count` things beside at most one other are taken
    for so many gradients.
    """
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        for key, x in value.items():
            inner = isinstance(x, Mapping)
            yield from entries(x, None, count) if inner else [Entry(str(key), x, True)]
    elif isinstance(value, tuple | list):
        if not isinstance(names, list) or len(names) != len(value):
            names = [None] * len(value)
        for x, name in zip(value, names):
            gradients = isinstance(x, tuple | list) and len(value) <= 2 and len(x) == count > 1
            inner = gradients or isinstance(x, Mapping)
            yield from entries(x, name, count) if inner else [Entry(text(name), x)]
    else:
        yield Entry(text(names), value)


def text(name: Any) -> str:
    """Return a name, "" for anything else."""
    return name if isinstance(name, str) else ""


def undecorated(name: str) -> str | None:
    """Return "W" for "W_bar", "dW", "grad_W", "dL_dW" and the like, None for other names."""
    match = DECORATED.fullmatch(name)
    return next(filter(None, match.groups())) if match else None


def by_name(found: Sequence[Entry], keys: Sequence[str]) -> dict[str, Entry]:
    """Return what is named like a parameter: exactly, else undecorated, else in another case."""
    taken: dict[str, Entry] = {}
    for form in (str, bare, lambda name: bare(name).lower()):
        for x in found:
            means = [key for key in keys if form(x.name) == (key.lower() if form not in (str, bare) else key)]
            if len(means) == 1 and means[0] not in taken and x not in taken.values():
                taken[means[0]] = x
    return taken
