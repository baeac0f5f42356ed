"""Call a student's `backprop` at some points, and say what it did."""

from __future__ import annotations

import inspect
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from comparisons.homework.loading import Refused, failure, load
from comparisons.homework.returned import Result, returned_names, same, understood
from comparisons.homework.watching import Variable, Watch

__all__ = ["Collected", "Point", "Refused", "Result", "Variable", "collect", "load"]

Point = tuple[tuple[Any, ...], dict[str, Any]]

LONGEST_DIFFERENCES = 1.0  # seconds
SYNONYMS = (
    {"x", "xs", "data", "inputs", "input", "features", "examples", "samples"},
    {"t", "ts", "y", "ys", "labels", "label", "targets", "target"},
)
PARAMS = {"params", "parameters", "param", "parms", "p", "theta", "weights", "model", "w", "θ"}


@dataclass
class Collected:
    """What a submission did at some points; `results` is shorter than those if it has a `problem`.

    `variables` and `loss_gradient`, central differences of the student's own loss, are those of the
    first point, at which `first_again` is called after all others. `notes` and `problem` are
    sentences without a capital and a full stop.
    """

    results: list[Result] = field(default_factory=list)
    problem: str | None = None
    notes: list[str] = field(default_factory=list)
    first_again: Result | None = None
    variables: list[Variable] = field(default_factory=list)
    loss_gradient: dict[str, np.ndarray[Any, Any]] | None = None
    output: str = ""


def collect(
    function: Callable[..., Any], points: Sequence[Point], expected: Sequence[str]
) -> Collected:
    """Call a function at points `((X, t), params)` and return what it did, whatever that was.

    `expected` are the names of the data. It gets copies, once more at the first point after the
    others, then for differences of its own loss, and finally under a tracer.
    """
    out, notes = Collected(), list[str]()
    params, module, names = points[0][1], globals_of(function), returned_names(function)
    try:
        call = arranged(function, expected, list(params))
        for point in [*points, points[0]]:
            given = deepcopy(point)
            start = time.perf_counter()
            returned = call(given)
            seconds = time.perf_counter() - start
            out.results.append(understood(returned, params, names, notes))
            for name in changed(point, given, expected):
                notes.append(f"the function changes its input {name}")
        out.first_again = out.results.pop()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        out.problem = failure(error, module)
    else:
        if differ(out.results[0], out.first_again):
            notes.append("a second call at the same point returns something else")
        watch = Watch(module, params)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # has been printed
            longest = seconds * 2 * sum(map(np.size, params.values()))
            if out.first_again.loss is not None and longest < LONGEST_DIFFERENCES:
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
) -> Callable[[Point], Any]:
    """Return the call of a function at a point; which argument is which, its names or order say."""
    bound = roles(function, expected, keys)

    def call(point: Point) -> Any:
        data, params = point
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


def changed(before: Point, after: Point, expected: Sequence[str]) -> list[str]:
    """Return the names of the data and parameters that a call has changed."""
    (data, params), (data_after, params_after) = before, after
    pairs = dict(zip(expected, zip(data, data_after)))
    for key in {**params, **params_after}:
        pairs[f"params[{key!r}]"] = (params.get(key), params_after.get(key))
    return [name for name, pair in pairs.items() if not same(*pair)]


def differ(first: Result, again: Result) -> bool:
    """Tell whether two results differ by more than the order of additions can make."""
    pairs = [*((x, again.grads[key]) for key, x in first.grads.items()), (first.loss, again.loss)]
    return not all(x is y or same(x, y, rtol=1e-12) for x, y in pairs)


def loss_gradient(loss: Callable[[Point], Any], point: Point) -> dict[str, np.ndarray[Any, Any]]:
    """Return central differences of a loss: the error is of the order of 1e-10."""
    (data, params), h = point, 1e-5
    result = {key: np.zeros(np.shape(x)) for key, x in params.items()}
    for key, slopes in result.items():
        for index in np.ndindex(slopes.shape):
            ends = []
            for step in (h, -h):
                moved = np.array(params[key], float)
                moved[index] += step
                ends.append(loss(deepcopy((data, {**params, key: moved[()]}))))
            slopes[index] = (ends[0] - ends[1]) / (2 * h)
    return result
