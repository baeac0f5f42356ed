"""What a trace computes, as terms: simplified, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.arrays import shape
from autodiff.graph import NO_PARAMETERS, Node, Primitive
from autodiff.readings.trace import Trace, own_adjoint
from autodiff.walk import oldest_first

UNCHANGED_AT_THE_SAME = (primitives.cast, primitives.reshape, primitives.broadcast_to)
UNDONE_BY_THEMSELVES = (primitives.negative, primitives.transpose)
ELEMENTWISE = {
    p for p in vars(primitives).values() if isinstance(p, Primitive) and p.broadcasts
} - {primitives.matmul, primitives.broadcast_to, primitives.logistic_cross_entropy}


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A number, an array, or a primitive applied to other terms; which name it has is not its own.

    `data` is what it was when the function was run, `forward` whether it belongs to the function
    and not to its backward pass, and `is_number` whether it is written as its digits.
    """

    data: Any
    primitive: Primitive | None = None
    operands: tuple[Term, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    forward: bool = True
    is_number: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return shape(self.data)

    @property
    def ndim(self) -> int:
        return len(shape(self.data))

    @property
    def number(self) -> Any:
        """The number that is written as its digits; None for all else."""
        return self.data if self.is_number else None

    @property
    def is_mask(self) -> bool:
        return not self.is_number and bool(np.result_type(self.data) == np.bool_)


def number(x: Any) -> Term:
    return Term(x, is_number=True)


def is_of_engine(primitive: Primitive) -> bool:
    """Return whether a primitive is one of those in the engine's own table."""
    return vars(primitives).get(primitive.name) is primitive


class Terms:
    """The terms of a trace.

    `used` are the applied ones that the value and the gradients are made of, operands first.
    `arrays` are constants that were found outside the arguments, with the names that they ask for.
    `adjoints` leads from a forward term to its adjoint; `inputs` and `gradients` are found by where
    they are among the arguments.
    """

    def __init__(self, trace: Trace) -> None:
        self.inputs = {path: Term(x._raw) for path, x in trace.inputs.items()}
        table = Table(dict(zip(trace.inputs.values(), self.inputs.values())), {})
        of_node = self.of_node = table.of_node
        ends = {path: trace.adjoints[x] for path, x in trace.inputs.items() if x in trace.adjoints}
        table.add([trace.value], forward=True)
        table.add(ends.values(), forward=False)
        self.arrays = table.arrays
        self.value = of_node[trace.value]
        self.gradients = {path: of_node[x] for path, x in ends.items()}
        # The oldest node of a term has its whole adjoint: others are the term times 1, for example.
        self.adjoints: dict[Term, Term] = {}
        for node in sorted(trace.adjoints, key=lambda node: node.serial):
            if node in of_node and trace.adjoints[node] in of_node:
                self.adjoints.setdefault(of_node[node], of_node[trace.adjoints[node]])
        needed = {self.value, *self.gradients.values()}
        for term in reversed([*table.known.values()]):
            if term in needed:
                needed.update(term.operands)
        self.used = [x for x in table.known.values() if x in needed and x.primitive]
        self.has_float32 = any(np.result_type(x._raw) == np.float32 for x in of_node)


class Table:
    """The terms of nodes, each made once; `known` has them by what they compute."""

    def __init__(self, of_node: Mapping[Node, Term], known: MutableMapping[Any, Term]) -> None:
        self.of_node = dict(of_node)
        self.known = known
        self.arrays: list[tuple[Term, str]] = []

    def add(self, results: Iterable[Node], forward: bool) -> None:
        for node in oldest_first(results):
            if node not in self.of_node:
                self.of_node[node] = self.term(node, forward)

    def term(self, node: Node, forward: bool) -> Term:
        """Return what a node computes, simplified; an equal term if there is one."""
        if node.primitive is None:
            return self.constant(node._raw, node.name)
        operands = [
            self.of_node[x] if isinstance(x, Node) else self.constant(raw, None)
            for x, raw in zip(node.operands, node.inputs)
        ]
        primitive = node.primitive
        if primitive is own_adjoint and forward:
            return operands[0]
        if primitive in ELEMENTWISE:
            operands = without_broadcasts(operands)
        if operands and (equal := self.equal(node, operands)):
            return equal
        if primitive is primitives.add and (negated := self.negated(operands[1])):
            primitive, operands = primitives.subtract, [operands[0], negated]
        parameters = node.parameters if primitive is node.primitive else NO_PARAMETERS
        key = node if primitive is own_adjoint else key_of(primitive, operands, parameters)
        if key not in self.known:
            self.known[key] = Term(node._raw, primitive, tuple(operands), parameters, forward)
        return self.known[key]

    def negated(self, term: Term) -> Term | None:
        """Return what is subtracted where a term is added, if that is written so."""
        if term.primitive is primitives.negative:
            (x,) = term.operands
            # The negative of a spread array has a memory order of its own, and so has the sum.
            return x if x.primitive is not primitives.broadcast_to else None
        is_negative = term.is_number and term.number < 0.0
        return self.constant(-term.number, None) if is_negative else None

    def constant(self, data: Any, name: str | None) -> Term:
        """Return a number, or an array that was not an argument."""
        if np.ndim(data) == 0:
            x = data if isinstance(data, (np.float32, np.bool_, bool)) else float(data)
            return self.known.setdefault(("number", type(x), repr(x)), number(x))
        key = ("array", frozen(data))
        if key not in self.known:
            self.known[key] = Term(data)
            self.arrays.append((self.known[key], name or "constant"))
        return self.known[key]

    def equal(self, node: Node, operands: list[Term]) -> Term | None:
        """Return a simpler term that computes the same numbers as a node, if there is one."""
        primitive, first, last = node.primitive, operands[0], operands[-1]
        unchanged = primitive in UNCHANGED_AT_THE_SAME and not first.is_number
        if primitive.name == "identity" or (unchanged and is_like(first, node)):
            return first
        undone = primitive is first.primitive and primitive in UNDONE_BY_THEMSELVES
        if undone and node.parameters.get("axes") is first.parameters.get("axes") is None:
            return first.operands[0]
        if primitive is primitives.negative and first.is_number:
            return self.constant(-first.number, None)
        if primitive is primitives.multiply and is_one(first) and is_like(last, node):
            return last
        is_power = primitive in (primitives.multiply, primitives.power)
        return first if is_power and is_one(last) and is_like(first, node) else None


def without_broadcasts(operands: list[Term]) -> list[Term]:
    """Replace operands that are spread before NumPy would spread them itself."""
    for i, x in enumerate(operands):
        if x.primitive is primitives.broadcast_to:
            fewer = [*operands[:i], x.operands[0], *operands[i + 1 :]]
            dtype = np.result_type(*[y.data for y in operands])
            if (
                np.broadcast_shapes(*[y.shape for y in fewer]) == x.shape
                and np.result_type(*[y.data for y in fewer]) == dtype
            ):
                operands = fewer
    return operands


def key_of(primitive: Primitive, operands: Iterable[Term], parameters: Mapping[str, Any]) -> Any:
    return (primitive, *map(id, operands), frozen(dict(parameters)))


def is_one(term: Term) -> bool:
    if term.primitive is primitives.power:
        return bool(term.operands[1].number == 0.0)
    return type(term.number) in (float, np.float32) and bool(term.number == 1.0)


def is_like(term: Term, node: Node) -> bool:
    """Return whether a term has the shape and the dtype of a result."""
    if term.is_number:
        return type(term.number) is float and type(node._raw) is float
    same_dtype = np.result_type(term.data) == np.result_type(node._raw)
    return term.shape == shape(node._raw) and bool(same_dtype)


def frozen(x: Any) -> Any:
    """Return parameters or an array as something that can be looked up."""
    if isinstance(x, np.ndarray):
        return ("array", x.shape, x.dtype.str, x.tobytes())
    if isinstance(x, dict):
        return tuple((key, frozen(value)) for key, value in x.items())
    if isinstance(x, tuple):
        return tuple(map(frozen, x))
    if isinstance(x, slice):
        return ("slice", x.start, x.stop, x.step)
    return (type(x), x)
