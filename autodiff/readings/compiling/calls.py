"""A function taken apart into calls of NumPy: its primitives run on symbols that note them down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autodiff import primitives
from autodiff.readings.listing import Listing, Term, frozen

KIND_OF = {
    **dict.fromkeys((primitives.reshape, primitives.getitem, primitives.broadcast_to), "view"),
    **dict.fromkeys((primitives.scatter, primitives.cast, primitives.concatenate), "call"),
    primitives.logsumexp: "call",
}
"""Primitives that are called as they are; the functions of the others are taken apart."""


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """One NumPy call, or an argument, and what it gave with the numbers of the first run.

    `kind` is the method of a ufunc, such as "__call__" and "reduce"; "call" for another function,
    or "view" if the result may share the memory of the first operand; "input" for an argument;
    "expect" for a number that has to be as true or false as it was. Operands are calls, and numbers
    and arrays that are constant.
    """

    function: Any
    name: str
    kind: str
    operands: tuple[Any, ...]
    options: Mapping[str, Any]
    data: Any

    @property
    def ndim(self) -> int:
        return np.ndim(self.data)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(self.data)

    @property
    def reads(self) -> list[Call]:
        """The operands that are not constant."""
        return [x for x in self.operands if isinstance(x, Call)]


class Calls(NamedTuple):
    """The calls that give a value and its gradients, in order; results are calls or constants.

    `gradients` are found by the path of their argument, as in ("params", "U"); `names` are those of
    the listing, which does not name every result.
    """

    calls: list[Call]
    inputs: list[Call]
    value: Any
    gradients: dict[tuple[Any, ...], Any]
    names: dict[Call, str]


def calls_of(listing: Listing) -> Calls:
    """Return the calls of NumPy that a listing stands for, as far as its results need them."""
    recorder = Recorder(listing.has_float32)
    of: dict[Term, Any] = {
        term: Call(None, "", "input", (), {}, recorder.held(term.data)) for term in listing.inputs
    }
    with np.errstate(all="ignore"):
        for term in listing.used:
            primitive: Any = term.primitive
            inputs = [recorder.symbol(of.get(x, x.data)) for x in term.operands]
            if primitive in KIND_OF:
                options = (KIND_OF[primitive], inputs, term.parameters, primitive.name)
                x = recorder.record(primitive.function, *options)
            else:
                x = primitive.function(*inputs, **term.parameters)
            of[term] = call_of(x)
    names: dict[Call, str] = {}
    for term, x in of.items():
        if isinstance(x, Call) and term.name:
            names.setdefault(x, term.name)
    differentiated = {listing.trace.parameters[i] for i in listing.trace.positions}
    gradients = {}
    for x in listing.trace.inputs:
        if x.node in listing.gradients:
            term = listing.gradients[x.node]
            gradients[x.path] = of.get(term, term.data)
        elif x.path[0] in differentiated:
            gradients[x.path] = np.zeros(np.shape(x.node._raw), np.result_type(x.node._raw))
    value = of.get(listing.value, listing.value.data)
    calls = needed(recorder.calls, [value, *gradients.values()])
    return Calls(calls, [of[term] for term in listing.inputs], value, gradients, names)


def needed(calls: Sequence[Call], results: Sequence[Any]) -> list[Call]:
    """Return the calls that results depend on, and what is expected on the way."""
    kept: list[Call] = []
    wanted = {x for x in results if isinstance(x, Call)}
    for call in reversed(calls):
        if call.kind == "expect" or call in wanted:
            kept.append(call)
            wanted.update(call.reads)
    return kept[::-1]


class Symbol(NDArrayOperatorsMixin):
    """A result to which NumPy's functions are applied in order that they are recorded."""

    def __init__(self, recorder: Recorder, call: Call) -> None:
        self.recorder = recorder
        self.call = call

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        options.pop("out", None)  # as in `x /= y`, where a new result is as good
        if method == "__call__":
            return self.recorder.record(ufunc, method, inputs, options)
        name = f"{ufunc.__name__}_{method}"
        return self.recorder.record(getattr(ufunc, method), method, inputs, options, name)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.recorder.record(function, "call", args, options)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "ndim", "size", "dtype", "strides"):
            return getattr(np.asarray(self.call.data), name)
        raise AttributeError(name)

    def __getitem__(self, index: Any) -> Any:
        return self.recorder.record(item, "view", (self,), {"index": index})

    def __bool__(self) -> bool:
        """Note that the code of a primitive has looked at a number: others end the program."""
        found = bool(self.call.data)
        self.recorder.calls.append(Call(None, "", "expect", (self.call,), {}, found))
        return found

    @property
    def T(self) -> Any:  # noqa: N802
        if self.call.function is transpose:
            return self.recorder.symbol(self.call.operands[0])
        return self.recorder.record(transpose, "view", (self,), {})

    def copy(self) -> Any:
        return self.recorder.record(np.copy, "call", (self,), {})

    def astype(self, dtype: Any) -> Any:
        return self.recorder.record(np.asarray, "call", (self,), {"dtype": np.dtype(dtype)})


class Recorder:
    """Notes the calls that are made on symbols, none of them twice; it holds no symbol itself.

    Where there are float32 arrays, float64 numbers are Python's, which leave them as they are.
    """

    def __init__(self, has_float32: bool) -> None:
        self.calls: list[Call] = []
        self.known: dict[Any, Any] = {}
        self.has_float32 = has_float32

    def record(self, function: Any, kind: str, inputs: Any, options: Any, name: str = "") -> Any:
        """Note a call, unless the same was noted before; without symbols compute it at once."""
        operands = tuple(map(call_of, inputs))
        key = (function, *map(identity_of, operands), frozen(options))
        if key not in self.known:
            data = [data_of(x) for x in operands]
            found = self.held(function(*data, **options))
            if any(isinstance(x, Call) for x in operands):
                if kind == "call" and np.may_share_memory(found, data[0]):
                    kind = "view"
                found = Call(function, name or function.__name__, kind, operands, options, found)
                self.calls.append(found)
            self.known[key] = found
        return self.symbol(self.known[key])

    def held(self, x: Any) -> Any:
        """Return a result as the program will have it."""
        if isinstance(x, float):  # as np.float64 is
            return float(x) if self.has_float32 else np.float64(x)
        return x

    def symbol(self, x: Any) -> Any:
        return Symbol(self, x) if isinstance(x, Call) else x


def transpose(x: Any) -> Any:
    return x.T


def item(x: Any, index: Any) -> Any:
    return x[index]


def call_of(x: Any) -> Any:
    """Return the call that a symbol stands for; other things as they are."""
    return x.call if isinstance(x, Symbol) else x


def data_of(x: Any) -> Any:
    """Return the numbers of a result or a constant."""
    return x.data if isinstance(x, Call) else x


def identity_of(x: Any) -> Any:
    """Return what makes an operand the same as another."""
    if isinstance(x, (float, np.floating)):
        return type(x), repr(x)  # 0.0 is not -0.0
    return x if isinstance(x, Call) else frozen(x)
