"""Understand what a student's function returned: which numbers are the gradient in what."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from comparisons.diagnosis.equations.conventions import undecorated
from comparisons.homework.loading import Note, NoteKind, Refused

Array = np.ndarray[Any, Any]

LARGEST_GRADIENT = 1_000_000
LOSSES = {"e", "l", "j", "cost", "error", "objective", "nll", "ce", "cross_entropy"}


class Result(NamedTuple):
    """What a call returned: gradients by the name of the parameter, other adjoints, the loss."""

    grads: dict[str, Array]
    extras: dict[str, Array]
    loss: float | None


class Item:
    """A thing that was returned, with its name: a key of a dict, or what the code calls it."""

    def __init__(self, name: str, value: Any, is_keyed: bool = False) -> None:
        self.name, self.value, self.is_keyed = name, value, is_keyed
        self.array = real_array(value)


def understood(returned: Any, params: Mapping[str, Any], names: Any, notes: list[Note]) -> Result:
    """Return the gradients, adjoints and loss in what was returned; Refused if they are not there.

    `names` are `returned_names`; notes are added to `notes`. A gradient of a wrong shape is kept.
    """
    keys = list(params)
    wanted = f"expected was a dict with the gradients of {', '.join(keys)}, and the loss"
    if returned is None or (len(keys) > 1 and not isinstance(returned, Mapping | tuple | list)):
        raise Refused(f"the function returned {type_in_words(returned)}; {wanted}")
    found = list(items(returned, names, len(keys)))
    taken = by_name(found, keys)
    if not taken and not any(x.is_keyed for x in found):
        taken = dict(zip(keys, in_order(found, [np.shape(x) for x in params.values()])))
    left = [x for x in found if x not in taken.values()]
    if missing := [key for key in keys if key not in taken]:
        came = [*taken, *(x.name or type_in_words(x.value) for x in left)]
        raise Refused(
            f"the gradient of {' and '.join(missing)} is missing; {wanted}; "
            f"returned were {', '.join(came) or 'no gradients at all'}"
        )
    grads = {key: gradient(key, taken[key], np.shape(x), notes) for key, x in params.items()}
    loss = None
    named = [x for x in left if x.name.lower() in LOSSES or x.name.lower().endswith("loss")]
    numbers = {x: x.array for x in left if x.array is not None and x.array.size <= LARGEST_GRADIENT}
    candidates = named or [x for x in left if not x.is_keyed]
    scalars = [x for x in candidates if x in numbers and numbers[x].size == 1]
    if len(scalars) == 1 or (named and scalars):
        loss = float(numbers.pop(scalars[0]).item())
        if not np.isfinite(loss):
            notes.append(Note(NoteKind.LOSS_NOT_FINITE, ("NaN" if np.isnan(loss) else "infinite",)))
    elif named:
        notes.append(Note(NoteKind.LOSS_NOT_ONE, (type_in_words(named[0].value),)))
    extras: dict[str, Array] = {}
    for x, array in numbers.items():
        if x.name:
            bare = undecorated(x.name)
            extras.setdefault(x.name if bare == x.name else f"{bare}_bar", array.astype(float))
    return Result(grads, extras, loss)


def returned_names(function: Callable[..., Any]) -> Any:
    """Return the names in the last line, if that is a `return`, nested as the things are there."""
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        last = definition.body[-1]  # type: ignore[attr-defined]
    except (OSError, TypeError, SyntaxError, ValueError, AttributeError):
        return ""
    tuples: dict[str, ast.expr] = {}
    for node in ast.walk(definition):
        match node:
            case ast.Assign([ast.Name(id), *_], ast.Tuple() | ast.List() as value):
                tuples[id] = value

    def name(node: ast.AST | None) -> Any:
        match node:
            case ast.Name(id) if id in tuples:
                return name(tuples.pop(id))
            case ast.Tuple() | ast.List():
                return [name(x) for x in node.elts]
            case ast.Subscript(slice=ast.Constant(value=str(text))):
                return text
            case ast.Name(text) | ast.Attribute(attr=text):
                return text
            case ast.Call(args=[x, *_]) | ast.Call(func=ast.Attribute(value=x)):
                return name(x)
        return ""

    return name(last.value) if isinstance(last, ast.Return) else ""


def items(value: Any, names: Any, count: int) -> Iterator[Item]:
    """Yield what is in a dict, a tuple, or one within the other; `count` gradients are expected."""
    value = value._asdict() if hasattr(value, "_asdict") else value
    if isinstance(value, Mapping):
        for key, x in value.items():
            inner = isinstance(x, Mapping)
            yield from items(x, "", count) if inner else [Item(str(key), x, True)]
    elif isinstance(value, tuple | list):
        if not isinstance(names, list) or len(names) != len(value):
            names = [""] * len(value)
        for x, name in zip(value, names):
            # A list of lists may be an array as well: at most the loss may stand beside this one.
            gradients = isinstance(x, tuple | list) and len(value) <= 2 and len(x) == count > 1
            inner = gradients or isinstance(x, Mapping)
            yield from items(x, name, count) if inner else [Item(str(name), x)]
    else:
        yield Item(str(names), value)


def by_name(found: Sequence[Item], keys: Sequence[str]) -> dict[str, Item]:
    """Return what is named like a parameter: exactly, else undecorated, else in another case."""
    taken: dict[str, Item] = {}
    for of_name, of_key in (
        (str, str),
        (undecorated, str),
        (lambda name: undecorated(name).lower(), str.lower),
        (lambda name: name.lower().removeprefix("d"), str.lower),
    ):
        for x in found:
            means = [key for key in keys if of_key(key) == of_name(x.name)]
            if len(means) == 1 and means[0] not in taken and x not in taken.values():
                taken[means[0]] = x
    return taken


def in_order(found: Sequence[Item], shapes: Sequence[tuple[int, ...]]) -> Sequence[Item]:
    """Return nameless gradients in the order of the parameters, without a loss at either end."""
    if len(found) == len(shapes) + 1:
        ways = [x for x in (found[1:], found[:-1]) if all(map(fits, x, shapes))]
        found = ways[0] if len(ways) == 1 else []
    return found if len(found) == len(shapes) else []


def fits(item: Item, shape: tuple[int, ...]) -> bool:
    """Return whether an array has a shape but for axes of length 1."""
    bare = tuple(n for n in shape if n != 1)
    return item.array is not None and item.array.squeeze().shape == bare


def gradient(key: str, item: Item, shape: tuple[int, ...], notes: list[Note]) -> Array:
    """Return a gradient as float64, in the shape of its parameter if it has as many numbers."""
    array = item.array
    if array is None:
        kind = type_in_words(item.value)
        raise Refused(f"the gradient of {key} is not an array of real numbers but {kind}")
    if array.size > LARGEST_GRADIENT:
        raise Refused(
            f"the gradient of {key} has shape {array.shape}, more numbers than can be looked at"
        )
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        digits = np.finfo(array.dtype).precision
        notes.append(Note(NoteKind.COARSE, (str(array.dtype), str(digits))))
    elif array.dtype.kind != "f" and array.ndim:
        notes.append(Note(NoteKind.INTEGERS, (key,)))
    notes += [
        Note(NoteKind.NOT_FINITE, (key, what))
        for what, is_such in (("NaN", np.isnan), ("infinity", np.isinf))
        if np.any(is_such(array))
    ]
    if array.shape != shape and fits(item, shape):
        notes.append(Note(NoteKind.RESHAPED, (key, str(array.shape), str(shape))))
        array = array.reshape(shape)
    return array.astype(float)


def real_array(value: Any) -> Array | None:
    """Return a copy of real numbers in an array, list, tensor or Value; None for other things."""
    # PyTorch refuses tensors with a gradient, as Value does: their numbers are in `data`.
    inner = value if isinstance(value, np.ndarray) else getattr(value, "data", value)
    with suppress(Exception):
        array = np.array(inner)
        return array if array.dtype.kind in "fiub" else None
    return None


def type_in_words(x: Any) -> str:
    """Return "a str", "an array of shape (3,) of float64" and the like."""
    if x is None:
        return "nothing (None)"
    if isinstance(x, np.ndarray):
        return f"an array of shape {x.shape} of {x.dtype}"
    kind = "complex number" if isinstance(x, complex) else type(x).__name__
    kind = "number" if isinstance(x, int | float) else kind
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def equal_numbers(x: Any, y: Any, rtol: float = 0.0) -> bool:
    """Return whether two things are the same numbers, NaN as well, up to `rtol` of the largest."""
    with suppress(Exception):
        atol = rtol * np.max(np.abs(x), initial=0.0, where=np.isfinite(x))
        return np.shape(x) == np.shape(y) and np.allclose(x, y, rtol, atol, equal_nan=True)
    return x is y  # no numbers
