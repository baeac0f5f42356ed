"""A function taken apart into calls of NumPy: its primitives run on symbols that note them down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autodiff import primitives
from autodiff.graph import Primitive
from autodiff.readings.listing import Listing
from autodiff.readings.terms import Term, frozen

VIEWS = (primitives.reshape, primitives.getitem, primitives.broadcast_to)
WHOLE = (*VIEWS, primitives.scatter, primitives.cast, primitives.concatenate, primitives.logsumexp)
"""Primitives that are called as they are; the functions of the others are taken apart."""


class Symbol(NDArrayOperatorsMixin):
    """An array that NumPy's functions are written down for, with the numbers of the first call."""

    def __init__(self, calls: Calls, data: Any, step: Step | None = None) -> None:
        self.calls = calls
        self.data = data
        self.step = step
        self.name = ""

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        options.pop("out", None)  # as in `x /= y`, where a new result is as good
        return self.calls.record(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.calls.record(function, "call", args, options)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "ndim", "size", "dtype", "strides"):
            return getattr(np.asarray(self.data), name)
        raise AttributeError(name)

    def __getitem__(self, index: Any) -> Any:
        return self.calls.record("getitem", "view", (self,), {"index": index})

    def __bool__(self) -> bool:
        return self.calls.expect(self)

    @property
    def T(self) -> Any:  # noqa: N802
        """The transpose."""
        if self.step is not None and self.step.function == "T":
            return self.step.inputs[0]
        return self.calls.record("T", "view", (self,), {})

    def copy(self) -> Any:
        """A copy, in full."""
        return self.calls.record(np.copy, "call", (self,), {})

    def astype(self, dtype: Any) -> Any:
        """The numbers in another dtype."""
        return self.calls.record(np.asarray, "call", (self,), {"dtype": np.dtype(dtype)})


class Step:
    """One NumPy call: its function, what it is applied to, and the symbol that it gives.

    `kind` is the method of a ufunc, such as "__call__" and "reduce"; of another function "call", or
    "view" if the result may share the memory of the first operand; or "expect", for a number that
    must be `expected`.
    """

    def __init__(self, function: Any, kind: str, inputs: Sequence[Any], options: Any) -> None:
        self.function = function
        self.kind = kind
        self.inputs = inputs
        self.options = options
        self.result: Any = None
        self.expected: bool | None = None


class Calls:
    """The calls of NumPy that a listing stands for, none of them twice, and what they gave."""

    def __init__(self, listing: Listing) -> None:
        self.steps: list[Step] = []
        self.known: dict[Any, Any] = {}
        self.of_term: dict[Term, Any] = {}
        self.weak = (
            listing.terms.has_float32
        )  # float64 numbers are Python's, which leave float32 arrays
        for term in listing.terms.inputs:
            self.of_term[term] = Symbol(self, self.held(term.data))
        with np.errstate(all="ignore"):
            for term in listing.terms.used:
                self.of_term[term] = self.computed(term)

    def computed(self, term: Term) -> Any:
        """Compute a term on symbols, taken apart into NumPy's own functions where it can be."""
        primitive = term.primitive
        assert primitive is not None
        operands = [self.value_of(x) for x in term.operands]
        if primitive is primitives.transpose and term.parameters["axes"] is None:
            return operands[0].T
        if primitive in WHOLE:
            kind = "view" if primitive in VIEWS else "call"
            return self.record(primitive, kind, operands, term.parameters)
        return primitive.function(*operands, **term.parameters)

    def value_of(self, term: Term) -> Any:
        """Return the symbol of a term, or a number."""
        if term in self.of_term:
            return self.of_term[term]
        return term.number if term.is_number else term.data

    def record(self, function: Any, kind: str, inputs: Sequence[Any], options: Any) -> Any:
        """Note a call, unless the same was noted before; without symbols compute it at once."""
        data = [x.data if isinstance(x, Symbol) else x for x in inputs]
        key = (function, kind, *map(identity_of, inputs), frozen(options))
        if key not in self.known:
            result = self.held(apply(function, kind, data, options))
            if any(isinstance(x, Symbol) for x in inputs):
                if kind == "call" and np.may_share_memory(result, data[0]):
                    kind = "view"
                step = Step(function, kind, inputs, options)
                step.result = result = Symbol(self, result, step)
                self.steps.append(step)
            self.known[key] = result
        return self.known[key]

    def held(self, x: Any) -> Any:
        """Return a result as the program will have it."""
        if type(x) is float and not self.weak:
            return np.float64(x)
        return float(x) if type(x) is np.float64 and self.weak else x

    def expect(self, symbol: Symbol) -> bool:
        """Note that the code of a primitive has looked at a number: others end the program."""
        step = Step(None, "expect", (symbol,), {})
        step.expected = bool(symbol.data)
        self.steps.append(step)
        return step.expected


def identity_of(x: Any) -> Any:
    """Return what makes an operand the same as another."""
    return id(x) if isinstance(x, Symbol) else frozen(x) if type(x) is not float else repr(x)


def apply(function: Any, kind: str, inputs: Sequence[Any], options: Any) -> Any:
    """Make the call that a step stands for."""
    if function == "T":
        return inputs[0].T
    if function == "getitem":
        return inputs[0][options["index"]]
    if isinstance(function, Primitive):
        return function.function(*inputs, **options)
    if kind in ("call", "__call__"):
        return function(*inputs, **options)
    return getattr(function, kind)(*inputs, **options)


def root(x: Symbol) -> Symbol:
    """Return the symbol whose memory a view shows."""
    while x.step is not None and x.step.kind == "view" and isinstance(x.step.inputs[0], Symbol):
        x = x.step.inputs[0]
    return x


def needed(steps: Sequence[Step], results: Sequence[Any]) -> list[Step]:
    """Return the steps that results depend on, and what is expected on the way."""
    kept: list[Step] = []
    wanted = {x for x in results if isinstance(x, Symbol)}
    for step in reversed(steps):
        if step.kind == "expect" or step.result in wanted:
            kept.append(step)
            wanted.update(x for x in step.inputs if isinstance(x, Symbol))
    return kept[::-1]
