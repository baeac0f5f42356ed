"""Call a student's `backprop` at some points, and say what it did."""

import inspect
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from comparisons.homework.loading import Note, NoteKind, Refused, failure
from comparisons.homework.returned import Array, Result, equal_numbers, returned_names, understood
from comparisons.homework.watching import Variable, Watch

Draw = tuple[dict[str, Any], tuple[Any, ...]]
"""Parameters and data, drawn at random."""

ROUNDING = 1e-12  # what the order of additions can make, relative to the largest number
LONGEST_SLOPES = 1.0  # seconds
FIXED_SIZE = ". If the number of points is written into the code, say it with --points"
SYNONYMS = (
    {"x", "xs", "data", "inputs", "input", "features", "examples", "samples"},
    {"t", "ts", "y", "ys", "labels", "label", "targets", "target"},
)
PARAMS = {"params", "parameters", "param", "parms", "p", "theta", "weights", "model", "w", "θ"}


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


def collect(
    function: Callable[..., Any], points: Sequence[Draw], expected: Sequence[str]
) -> Collected:
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
            for name in changed(point, given, expected):
                notes.append(Note(NoteKind.CHANGED_INPUT, (name,)))
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
        watch = Watch(module, params)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # has been printed
            if again.loss is not None:
                with suppress(Exception, SystemExit):
                    out.loss_gradient = loss_gradient(
                        lambda given: understood(call(given), params, names, []).loss, points[0]
                    )
            watch.follow(partial(call, deepcopy(points[0])))
        out.variables = list(watch.variables.values())
        notes += watch.notes()
    out.notes = list(dict.fromkeys(notes))
    return out


def arranged(
    function: Callable[..., Any], expected: Sequence[str], keys: Sequence[str]
) -> Callable[[Draw], Any]:
    """Return the call of a function at a point; which argument is which, its names or order say."""
    bound = roles(function, expected, keys)

    def call(point: Draw) -> Any:
        params, data = point
        values = {**params, "params": params, **dict(zip(expected, data))}
        named = {name: values[role] for name, role in bound.kwargs.items()}
        return function(*(values[role] for role in bound.args), **named)

    return call


def roles(
    function: Callable[..., Any], expected: Sequence[str], keys: Sequence[str]
) -> inspect.BoundArguments:
    """Bind to each argument the name of the data or of the parameter that it is, or "params"."""
    signature = inspect.signature(function)
    arguments = [
        p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    one_by_one, together = [*expected, *keys], [*expected, "params"]
    for order in (one_by_one, together):
        found = {p.name: role for p in arguments if (role := role_of(p.name, order))}
        required = {p.name for p in arguments if p.default is p.empty}
        if sorted(found.values()) == sorted(order) and required <= found.keys():
            return inspect.BoundArguments(signature, OrderedDict(found))
    for order in (together, one_by_one):
        with suppress(TypeError):
            return signature.bind(*order)
    raise Refused(
        f"the function takes {signature}, and it is to be called with ({', '.join(together)}), "
        f"where params is a dict of {', '.join(keys)}"
    )


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


def globals_of(function: Any) -> Mapping[str, Any]:
    """Return the globals of the code of a function, a method, a partial or a callable object."""
    function = inspect.unwrap(getattr(function, "func", function))
    code = function if hasattr(function, "__globals__") else type(function).__call__
    found: Mapping[str, Any] = getattr(code, "__globals__", {})
    return found


def changed(before: Draw, after: Draw, expected: Sequence[str]) -> list[str]:
    """Return the names of the data and parameters that a call has changed."""
    (params, data), (params_after, data_after) = before, after
    pairs = dict(zip(expected, zip(data, data_after)))
    for key in {**params, **params_after}:
        pairs[f"params[{key!r}]"] = (params.get(key), params_after.get(key))
    return [name for name, pair in pairs.items() if not equal_numbers(*pair)]


def differ(first: Result, again: Result) -> bool:
    """Return whether two calls have given different gradients."""
    return not all(equal_numbers(x, again.grads[k], ROUNDING) for k, x in first.grads.items())


def loss_gradient(loss: Callable[[Draw], float | None], point: Draw) -> dict[str, Array]:
    """Return the numerical gradient of a student's own loss at a point.

    Raises TimeoutError after LONGEST_SLOPES, and TypeError where no loss is returned.
    """
    from autodiff.check.slopes import central_gradient  # without a loss its import is saved

    params, data = point
    end = time.perf_counter() + LONGEST_SLOPES

    def value(xs: list[Any]) -> float:
        if time.perf_counter() > end:
            raise TimeoutError
        moved = {key: x[()] for key, x in zip(params, map(np.asarray, xs))}
        return float(loss(deepcopy((moved, data))))  # type: ignore[arg-type]

    return dict(zip(params, central_gradient(value, list(params.values()))))
