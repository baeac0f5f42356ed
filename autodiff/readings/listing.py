"""A traced function as a list of statements, forward and backward, ready to be written down."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.arrays import shape
from autodiff.graph import Node, Primitive
from autodiff.readings.notation import (
    AS_A_CALL,
    ATOM,
    CODE,
    NOTATION,
    PRODUCT,
    SIGN,
    TEX,
    Names,
    Notation,
    Style,
    Written,
    cleaned,
    is_whole,
    levels_of,
    written,
)
from autodiff.readings.trace import HELPERS, Input, Trace
from autodiff.walk import oldest_first

LONGEST = 60
"""Characters of an expression."""

NUMERICS = "autodiff.numerics"
UNCHANGED_AT_THE_SAME = (primitives.cast, primitives.reshape, primitives.broadcast_to)
ELEMENTWISE = {
    p for p in vars(primitives).values() if isinstance(p, Primitive) and p.broadcasts
} - {primitives.matmul, primitives.broadcast_to, primitives.logistic_cross_entropy}


class Term:
    """A number, an input, or a primitive applied to other terms."""

    __slots__ = ("forward", "name", "ndim", "node", "number", "operands", "primitive", "uses")

    def __init__(self, node: Node | None, number: Any = None) -> None:
        self.node = node
        self.number = number
        self.operands: tuple[Term, ...] = ()
        self.primitive: Primitive | None = None
        self.name: str | None = None
        self.uses = 0
        self.forward = True
        self.ndim = 0 if node is None else len(shape(node._raw))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return () if self.node is None else shape(self.node._raw)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters with which the primitive is applied."""
        assert self.node is not None
        return dict(self.node.parameters) if self.node.primitive is self.primitive else {}

    @property
    def data(self) -> Any:
        """The numbers with which the function was run."""
        return self.number if self.node is None else self.node._raw

    @property
    def is_number(self) -> bool:
        """Tell whether this is a number that is written as such."""
        return self.number is not None

    @property
    def is_mask(self) -> bool:
        """Tell whether this is true or false."""
        return self.node is not None and np.result_type(self.node._raw) == np.bool_


class Statement(NamedTuple):
    """`name = term`; `undoes` is the forward statement that a backward one belongs to.

    Where an adjoint is equal to what has a name already, `of` is the input that it belongs to.
    """

    term: Term
    undoes: Statement | None = None
    of: Term | None = None


class Listing:
    """The statements of a trace: every name is defined before it is used, nothing twice."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.names = Names([*trace.parameters, *HELPERS])
        self.constants: dict[str, Any] = {}
        self.terms: dict[Any, Term] = {}
        self.unnamed: set[Term] = set()
        self.aliases: dict[Term, str] = {}
        self.of_node: dict[Node, Term] = {}
        unkeyed = {x.node for x in trace.inputs if sum(isinstance(k, str) for k in x.path) == 1}
        self.repeated = Counter(
            name for x, name in trace.names.items() if x.primitive is not None or x in unkeyed
        )
        self.node_at = {x.path: x.node for x in trace.inputs}
        self.inputs = [self.new_input(x) for x in trace.inputs]
        forward = oldest_first([trace.value])
        for node in forward:
            self.add(node, forward=True)
        wanted = [x.node for x in trace.inputs if x.node in trace.adjoints]
        for node in oldest_first([trace.adjoints[x] for x in wanted]):
            self.add(node, forward=False)
        self.value = self.of_node[trace.value]
        self.gradients = {x: self.of_node[trace.adjoints[x]] for x in wanted}
        self.has_float32 = any(np.result_type(x._raw) == np.float32 for x in self.of_node)
        self.used = self.count_uses([self.value, *self.gradients.values()])
        self.read = {self.value, *self.gradients.values()}.union(*[x.operands for x in self.used])
        self.give_names(forward)
        self.shorten()
        self.forward = [Statement(t) for t in self.used if t.forward and t.name]
        self.backward = self.in_order()
        self.renumber()

    # Terms.

    def new_input(self, x: Input) -> Term:
        """Add a number or an array among the arguments."""
        term = Term(x.node)
        parameter, *keys = map(str, x.path)
        if not keys:
            term.name = parameter
        else:
            term.name = self.named(*self.wish(x))
        self.of_node[x.node] = term
        return term

    def wish(self, x: Input) -> tuple[str, bool]:
        """Return the name of an input, and whether others may have it: its key or a variable's."""
        last = max(i for i, key in enumerate(x.path) if isinstance(key, str))
        if last == 0 and x.node in self.trace.names:
            return self.trace.names[x.node], True
        indices = "".join(str(key + 1) for key in x.path[last + 1 :])
        return f"{x.path[last]}_{indices}" if indices else x.path[last], False

    def named(self, wish: str, shared: bool = True) -> str:
        """Return a new name; one that a loop gives to several gets a number each time."""
        if shared and self.repeated[wish] > 1:
            return self.names.numbered(f"{cleaned(wish)}_")
        return self.names.new(wish)

    def add(self, node: Node, forward: bool) -> None:
        """Add what a node computes, simplified, unless an equal term is there."""
        if node in self.of_node:
            return
        if node.primitive is None:
            self.of_node[node] = self.constant(node._raw, node.name)
            return
        operands = [
            self.of_node[x] if isinstance(x, Node) else self.constant(raw, None)
            for x, raw in zip(node.operands, node.inputs)
        ]
        term = self.simplified(node, node.primitive, operands)
        if not isinstance(term, Term):
            primitive, operands = term
            key = (primitive, *map(id, operands), frozen(dict(node.parameters)))
            if primitive is not node.primitive:
                key = (primitive, *map(id, operands))
            found = self.terms.get(key)
            if found is None:
                found = self.terms[key] = Term(node)
                found.primitive = primitive
                found.operands = tuple(operands)
                found.forward = forward
            term = found
        self.of_node[node] = term

    def simplified(self, node: Node, primitive: Primitive, operands: list[Term]) -> Any:
        """Return an equal term, or a primitive and operands, that compute the same numbers."""
        if not operands:
            return primitive, operands
        first = operands[0]
        if primitive is primitives.identity:
            return first
        same_shape = first.node is not None and first.shape == shape(node._raw)
        if primitive in UNCHANGED_AT_THE_SAME and same_shape and is_like(first, node):
            return first
        if (
            primitive is first.primitive is primitives.transpose
            and node.parameters["axes"] is first.parameters["axes"] is None
        ):
            return first.operands[0]
        if primitive is primitives.negative and first.primitive is primitives.negative:
            return first.operands[0]
        if primitive is primitives.negative and first.is_number:
            return self.constant(-first.number, None)
        if primitive in ELEMENTWISE:
            operands = self.without_broadcasts(node, operands)
            a, b = operands[0], operands[-1]
            if primitive is primitives.multiply:
                if is_one(a) and is_like(b, node):
                    return b
                if is_one(b) and is_like(a, node):
                    return a
            if primitive is primitives.power and is_one(b) and is_like(a, node):
                return a
            # The negative of a spread array has a memory order of its own, and so has the sum.
            spread = b.operands and b.operands[0].primitive is primitives.broadcast_to
            if primitive is primitives.add and b.primitive is primitives.negative and not spread:
                return primitives.subtract, [a, b.operands[0]]
        return primitive, operands

    def without_broadcasts(self, node: Node, operands: list[Term]) -> list[Term]:
        """Replace operands that are spread before NumPy would spread them itself."""
        operands = list(operands)
        for i, x in enumerate(operands):
            if x.primitive is primitives.broadcast_to:
                inner = x.operands[0]
                others = [y for j, y in enumerate(operands) if j != i]
                same_shape = np.broadcast_shapes(inner.shape, *[y.shape for y in others])
                same_dtype = np.result_type(inner.data, *[y.data for y in others])
                if same_shape == x.shape and (
                    same_dtype == np.result_type(x.data, *[y.data for y in others])
                ):
                    operands[i] = inner
        return operands

    def constant(self, data: Any, name: str | None) -> Term:
        """Add a number, or an array that was not an argument."""
        if np.ndim(data) == 0:
            number = data if isinstance(data, (np.float32, np.bool_, bool)) else float(data)
            key: Any = ("number", type(number), repr(number))
            if key not in self.terms:
                self.terms[key] = Term(None, number)
        else:
            key = ("array", frozen(data))
            if key not in self.terms:
                node = Node()
                node._raw = data
                term = self.terms[key] = Term(node)
                term.name = self.array_name(data, name or "constant")
        return self.terms[key]

    def array_name(self, data: Any, wish: str) -> str:
        """Return the name of an array that is written beside the function."""
        for name, known in self.constants.items():
            if frozen(known) == frozen(data):
                return name
        name = self.names.new(wish.upper())
        self.constants[name] = data
        return name

    # Names and order.

    def count_uses(self, roots: list[Term]) -> list[Term]:
        """Return the terms that the roots are made of, in the order in which they were added."""
        order = {term: i for i, term in enumerate(self.terms.values())}
        seen, stack = set(roots), list(roots)
        while stack:
            for x in stack.pop().operands:
                x.uses += 1
                if x not in seen:
                    seen.add(x)
                    stack.append(x)
        return sorted((x for x in seen if x.primitive), key=order.__getitem__)

    def give_names(self, forward: list[Node]) -> None:
        """Name what the reader's code names, the adjoints of that, and what is used repeatedly."""
        used = set(self.used)
        for node in forward:
            wish = node.name or self.trace.names.get(node)
            if wish and self.is_free(self.of_node[node], used):
                self.of_node[node].name = self.named(wish)
        if self.value.primitive is not None and self.value.name is None:
            self.value.name = self.names.new("loss")
        # The oldest node of a term has its whole adjoint: others are the term times 1, for example.
        self.adjoint_of: dict[Term, Term] = {}
        for node in sorted(self.trace.adjoints, key=lambda node: node.serial):
            if node in self.of_node and self.trace.adjoints[node] in self.of_node:
                adjoint = self.of_node[self.trace.adjoints[node]]
                self.adjoint_of.setdefault(self.of_node[node], adjoint)
        # Of several with the same adjoint the one nearest to the loss lends its name.
        self.undone: dict[Term, Term] = {}
        for term in reversed([*self.inputs, *self.used]):
            if term in self.adjoint_of:
                of = self.undone.setdefault(self.adjoint_of[term], term)
                if term.name and not of.name:
                    self.undone[self.adjoint_of[term]] = term
        for adjoint, term in self.undone.items():
            if term.name and self.is_free(adjoint, used) and not adjoint.forward:
                adjoint.name = self.names.new(f"{term.name}_bar")
        for term in self.used:
            if term.uses > 1 and self.is_free(term, used) and not is_short(term):
                self.name_freely(term)

    def is_free(self, term: Term, used: set[Term]) -> bool:
        """Tell whether a term can be given a name."""
        return term in used and term.name is None and term.primitive is not None

    def name_freely(self, term: Term) -> None:
        """Name a term that the reader's code does not; an adjoint after what it belongs to."""
        of = self.undone.get(term)
        if of is not None and of.primitive is not None and of.name is None and of.uses:
            of.name = self.numbered(of)
        if of is not None and of.name and not term.forward:
            term.name = self.names.new(f"{of.name}_bar")
        else:
            term.name = self.numbered(term)

    def numbered(self, term: Term) -> str:
        """Return the next of v1, v2, ... for a forward term, of u1, u2, ... for another."""
        self.unnamed.add(term)
        return self.names.numbered("v" if term.forward else "u")

    def renumber(self) -> None:
        """Give numbers in the order of the statements."""
        adjoints = {x for x in self.used if not x.forward and self.undone.get(x) in self.unnamed}
        self.names.release([str(term.name) for term in self.unnamed | adjoints])
        for term, _, alias in [*self.forward, *self.backward]:
            if alias is not None:
                continue
            of = self.undone.get(term)
            if term in self.unnamed:
                term.name = self.numbered(term)
            elif of in self.unnamed and not term.forward:
                term.name = self.names.new(f"{of.name}_bar")

    def shorten(self) -> None:
        """Name parts of expressions that would become too long."""
        texts: dict[Term, str] = {}
        for term in self.used:
            while True:
                text = self.expression(term, CODE).text
                inline = [x for x in term.operands if x.name is None and x.operands]
                if len(text) + len(term.name or "") <= LONGEST or not inline:
                    break
                self.name_freely(max(inline, key=lambda x: len(texts[x])))
            texts[term] = text

    def in_order(self) -> list[Statement]:
        """Return the backward statements, each group after the forward one that it undoes."""
        statements: list[Statement] = []
        done: set[Term] = set()

        def emit(term: Term, undoes: Statement | None) -> None:
            """Add a term after those that it is written with."""
            stack = [(term, iter(self.parts(term)))]
            while stack:
                term, parts = stack[-1]
                part = next((x for x in parts if not x.forward and x not in done), None)
                if part is not None:
                    stack.append((part, iter(self.parts(part))))
                    continue
                stack.pop()
                if term.name and not term.forward and term not in done:
                    done.add(term)
                    statements.append(Statement(term, undoes))

        readers: dict[Term, Statement] = {}
        for statement in reversed(self.forward):
            for x in self.parts(statement.term):
                readers[x] = statement
        gradient_of = {self.of_node[x]: term for x, term in self.gradients.items()}

        def emit_adjoint(x: Term, undoes: Statement | None) -> None:
            """Add the adjoint of a term; that of an input under its own name."""
            term = self.adjoint_of[x]
            emit(term, undoes)
            own = self.undone.get(term) is x and term.primitive is not None and not term.forward
            if gradient_of.pop(x, None) is not None and not own:
                self.aliases[x] = self.names.new(f"{x.name}_bar")
                statements.append(Statement(term, undoes, x))

        if self.value in self.adjoint_of:
            emit_adjoint(self.value, None)
        for statement in reversed(self.forward):
            parts = list(dict.fromkeys(self.parts(statement.term)))
            for x in sorted(parts, key=lambda x: x.primitive is not None):
                if x in self.adjoint_of and readers[x] is statement:
                    emit_adjoint(x, statement)
        for x in list(gradient_of):
            emit_adjoint(x, None)
        return statements

    def parts(self, term: Term) -> Iterable[Term]:
        """Return the named terms that the expression of a term is written with, left to right."""
        found: list[Term] = []
        stack = list(reversed(term.operands))
        while stack:
            x = stack.pop()
            if x.name:
                found.append(x)
            else:
                stack.extend(reversed(x.operands))
        return found

    def zeros(self) -> list[Term]:
        """Return the inputs whose gradient is asked for and is zero."""
        wanted = {self.trace.parameters[i] for i in self.trace.positions}
        return [
            term
            for x, term in zip(self.trace.inputs, self.inputs)
            if x.path[0] in wanted and x.node not in self.gradients
        ]

    # Writing.

    def sides(self, statement: Statement, style: Style) -> tuple[str, str]:
        """Write both sides of a statement."""
        term, of = statement.term, statement.of
        if of is None:
            return self.variable(term, style).text, self.expression(term, style).text
        if term.name:
            right = self.variable(term, style).text
        else:
            right = (
                style.number(term.number) if term.is_number else self.expression(term, style).text
            )
        if style is CODE:
            return self.aliases[of], right
        return style.variable(str(of.name), of.ndim, True), right

    def is_weak(self, term: Term) -> bool:
        """Tell whether a result is a float64 number where there are float32 ones.

        The engine holds it as a Python float, which leaves arrays of float32 as they are.
        """
        return (
            self.has_float32
            and type(term.data) is float
            and any(x.ndim or not isinstance(x.data, (float, int)) for x in term.operands)
        )

    def expression(self, term: Term, style: Style) -> Written:
        """Write what a term computes, in terms of named ones."""
        operands = [self.operand(x, term, style) for x in term.operands]
        return applied(self, term, operands, style)

    def operand(self, term: Term, reader: Term, style: Style) -> Written:
        """Write a term as an operand of another: by its name, if it has one."""
        if term.name:
            return self.variable(term, style)
        if term.is_number:
            return self.number(term, reader, style)
        return self.expression(term, style)

    def variable(self, term: Term, style: Style) -> Written:
        """Write the name of a term."""
        of = self.undone.get(term)
        if style is not CODE and of is not None and term.name == f"{of.name}_bar":
            return Written(style.variable(str(of.name), term.ndim, True))
        return Written(style.variable(str(term.name), term.ndim, False))

    def number(self, term: Term, reader: Term, style: Style) -> Written:
        """Write a number; whole ones as integers where the result is a float anyway."""
        text = style.number(term.number)
        if style is CODE and is_whole(term.number) and not isinstance(term.number, bool):
            template = reader.primitive and notation_of(reader.primitive).code
            if isinstance(template, str) and levels_of(template)[0] < ATOM:
                others = [x for x in reader.operands if not x.is_number]
                if (others or template == "{} / {}") and not any(x.is_mask for x in others):
                    text = text.removesuffix(".0")
        level = SIGN if text[0] == "-" else PRODUCT if "cdot" in text else ATOM
        return Written(text, level)


def applied(listing: Listing, term: Term, operands: list[Written], style: Style) -> Written:
    """Write an application of a primitive to operands that are written already."""
    primitive = term.primitive
    assert primitive is not None
    parameters = term.parameters
    template: Any = notation_of(primitive).template(style.name)
    if callable(template):
        template = template(*[np.asarray(x.data) for x in term.operands], **parameters)
    fields = {key: parameter(listing, key, x) for key, x in parameters.items()}
    fields["options"] = "".join(
        f", {key}={fields[key]}"
        for key, x in parameters.items()
        if x is not None and x is not False and (key != "axis" or term.operands[0].ndim != 1)
    )
    if template is None or (style is not CODE and template.startswith("np.")):
        call = re.fullmatch(r"np\.(\w+)\((.*)\)", template or "")
        name = function_name(call[1] if call else primitive, style)
        name = name.replace("{", "{{").replace("}", "}}")
        template = style.call.format(name, call[2] if call else "{operands}{options}")
    if "{operands}" in template:
        result = Written(template.format(operands=joined(operands), **fields))
    else:
        result = written(template, operands, style, **fields)
    if style is CODE and listing.is_weak(term):
        return Written(f"float({result.text})")
    return result


def notation_of(primitive: Primitive) -> Notation:
    return NOTATION.get(primitive.name, AS_A_CALL)


def joined(operands: list[Written]) -> str:
    """Write the operands of a call."""
    return ", ".join(x.text for x in operands)


def function_name(primitive: Primitive | str, style: Style) -> str:
    """Return the name of the function that a primitive is called by."""
    name = primitive if isinstance(primitive, str) else primitive.name
    if style is CODE:
        helper = isinstance(primitive, Primitive) and primitive.function.__module__ == NUMERICS
        return name if helper else f"np.{name}"
    if style is TEX:
        known = ("exp", "log", "sin", "cos", "tanh", "max", "min")
        return f"\\{name}" if name in known else rf"\mathrm{{{name.replace('_', chr(92) + ' ')}}}"
    return name


def parameter(listing: Listing, key: str, x: Any) -> str:
    """Write an axis, a shape, a dtype or an index."""
    if key == "dtype":
        return str(np.dtype(x))
    if key == "axis" and isinstance(x, tuple) and len(x) == 1:
        x = x[0]
    if key == "index":
        parts = [part(listing, i) for i in (x if isinstance(x, tuple) else (x,))]
        return ", ".join(parts) if parts else "()"
    return repr(tuple(map(int, x)) if isinstance(x, tuple) else x)


def part(listing: Listing, i: Any) -> str:
    """Write one part of an index."""
    if isinstance(i, slice):
        ends = ["" if end is None else str(end) for end in (i.start, i.stop)]
        return ":".join(ends) + (f":{i.step}" if i.step is not None else "")
    if isinstance(i, np.ndarray):
        return listing.array_name(i, "index")
    return "..." if i is ... else str(i)


def is_one(term: Term) -> bool:
    """Tell whether a term is 1, or everywhere 1."""
    if term.primitive is primitives.power:
        return bool(term.operands[1].number == 0.0)
    return type(term.number) in (float, np.float32) and bool(term.number == 1.0)


def is_like(term: Term, node: Node) -> bool:
    """Tell whether a term has the shape and the dtype of a result."""
    if term.node is None:
        return type(term.number) is float and type(node._raw) is float
    raw = term.node._raw
    return term.shape == shape(node._raw) and np.result_type(raw) == np.result_type(node._raw)


def is_short(term: Term) -> bool:
    """Tell whether a term is written again rather than named."""
    if term.primitive is primitives.transpose and term.operands[0].name:
        return True
    return all(x.is_number for x in term.operands)


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
