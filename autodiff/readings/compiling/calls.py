"""A function taken apart into calls of NumPy: its primitives run on symbols that note them down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autodiff.graph import Primitive
from autodiff.primitives import (
    broadcast_to,
    cast,
    concatenate,
    getitem,
    logsumexp,
    reshape,
    scatter,
)
from autodiff.readings.listing import Listing
from autodiff.readings.terms import Term, frozen, is_of_engine

KIND_OF = {
    **dict.fromkeys((reshape, getitem, broadcast_to), "view"),
    **dict.fromkeys((scatter, cast, concatenate, logsumexp), "call"),
}
"""Primitives that are called as they are; the functions of the engine's others are taken apart."""

transpose: Any = attrgetter("T")


def kind_of(primitive: Primitive) -> str | None:
    """Return how a primitive is called; None for one whose function is taken apart."""
    is_known = isinstance(primitive.function, np.ufunc) or is_of_engine(primitive)
    return KIND_OF.get(primitive, None if is_known else "call")


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """One NumPy call, or what calls begin with, and what it gave with the numbers of the first run.

    `kind` is the method of a ufunc, such as "__call__" and "reduce"; "call" for another function,
    or "view" if the result may share the memory of the first operand; "expect" for a number that
    has to be as true or false as it was; "input" for an argument, "constant" for any other number
    or array.
    """

    kind: str
    data: Any
    operands: tuple[Call, ...] = ()
    function: Any = None
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        return np.ndim(self.data)


class Calls:
    """The calls of NumPy that a listing stands for, in order, as far as its results need them.

    `inputs` and `gradients` are found by where they are among the arguments; `names` are those of
    the listing, which does not name every result.
    """

    def __init__(self, listing: Listing) -> None:
        terms = listing.terms
        recorder = Recorder(terms.has_float32)
        of = {term: Call("input", recorder.held(term.data)) for term in terms.inputs.values()}
        self.inputs = {path: of[term] for path, term in terms.inputs.items()}

        def result(term: Term) -> Call:
            return of[term] if term in of else recorder.call_of(term.data)

        with np.errstate(all="ignore"):
            for term in terms.used:
                primitive: Any = term.primitive
                operands = [recorder.symbol(result(x)) for x in term.operands]
                kind = kind_of(primitive)
                if kind:
                    how = kind, primitive.function, primitive.name
                    found = recorder.record(*how, operands, term.parameters)
                else:
                    found = primitive.function(*operands, **term.parameters)
                of[term] = recorder.call_of(found)
        self.names: dict[Call, str] = {}
        for term, call in of.items():
            if term in listing.names and call.kind != "constant":
                self.names.setdefault(call, listing.names[term])
        self.value = result(terms.value)
        self.gradients = {
            path: result(terms.gradients.get(path, zeros))
            for path, zeros in listing.gradients.items()
        }
        needed = {self.value, *self.gradients.values()}
        for call in reversed(recorder.calls):
            if call.kind == "expect" or call in needed:
                needed.update((call, *call.operands))
        self.calls = [call for call in recorder.calls if call in needed]


class Symbol(NDArrayOperatorsMixin):
    """A result to which NumPy's functions are applied in order that they are recorded."""

    def __init__(self, recorder: Recorder, call: Call) -> None:
        self.recorder = recorder
        self.call = call

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        options.pop("out", None)  # as in `x /= y`, where a new result is as good
        if method == "__call__":
            return self.recorder.record(method, ufunc, ufunc.__name__, inputs, options)
        name = f"{ufunc.__name__}_{method}"
        return self.recorder.record(method, getattr(ufunc, method), name, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.recorder.record("call", function, function.__name__, args, options)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "ndim", "size", "dtype", "strides"):
            return getattr(np.asarray(self.call.data), name)
        raise AttributeError(name)

    def __getitem__(self, index: Any) -> Any:
        return self.recorder.record("view", item, "item", (self,), {"index": index})

    def __bool__(self) -> bool:
        """Note that the code of a primitive has looked at a number: others end the program."""
        found = bool(self.call.data)
        self.recorder.calls.append(Call("expect", found, (self.call,)))
        return found

    @property
    def T(self) -> Any:  # noqa: N802
        if self.call.function is transpose:
            return self.recorder.symbol(self.call.operands[0])
        return self.recorder.record("view", transpose, "T", (self,), {})

    def copy(self) -> Any:
        return self.recorder.record("call", np.copy, "copy", (self,), {})

    def astype(self, dtype: Any) -> Any:
        options = {"dtype": np.dtype(dtype)}
        return self.recorder.record("call", np.asarray, "asarray", (self,), options)


class Recorder:
    """Notes the calls that are made on symbols, none of them twice; it holds no symbol itself.

    Where there are float32 arrays, float64 numbers are Python's, which leave them as they are.
    """

    def __init__(self, has_float32: bool) -> None:
        self.calls: list[Call] = []
        self.known: dict[Any, Call] = {}
        self.has_float32 = has_float32

    def record(self, kind: str, function: Any, name: str, inputs: Any, options: Any) -> Any:
        """Note a call, unless the same was noted before; of constants compute it at once."""
        operands = tuple(map(self.call_of, inputs))
        key = (function, operands, frozen(options))
        if key not in self.known:
            data = [x.data for x in operands]
            found = self.held(function(*data, **options))
            if all(x.kind == "constant" for x in operands):
                self.known[key] = self.call_of(found)
            else:
                shared = kind == "call" and np.may_share_memory(found, data[0])
                call = Call("view" if shared else kind, found, operands, function, name, options)
                self.known[key] = call
                self.calls.append(call)
        return self.symbol(self.known[key])

    def call_of(self, x: Any) -> Call:
        """Return the call that a symbol stands for; of anything else, that it is constant."""
        if isinstance(x, Symbol):
            return x.call
        key = repr(x) if isinstance(x, (float, np.floating)) else x  # 0.0 is not -0.0
        return self.known.setdefault(("constant", type(x), frozen(key)), Call("constant", x))

    def symbol(self, call: Call) -> Any:
        """Return what a primitive is applied to."""
        return call.data if call.kind == "constant" else Symbol(self, call)

    def held(self, x: Any) -> Any:
        """Return a result as the program will have it."""
        if isinstance(x, float):  # as np.float64 is
            return float(x) if self.has_float32 else np.float64(x)
        return x


def item(x: Any, index: Any) -> Any:
    return x[index]
