"""The text of a program: calls of NumPy, line by line, in memory that is kept between runs."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from autodiff.readings.compiling.calls import Call, Calls, item, transpose
from autodiff.readings.compiling.guards import Scope, run_text
from autodiff.readings.compiling.memory import Buffer, Memory, is_outer, root
from autodiff.readings.listing import Listing
from autodiff.readings.notation import NOTATION, code_number, quoted
from autodiff.readings.writing import index_text

SIGNS = {
    getattr(np, name): str(NOTATION[name]["code"])
    for name in (
        *("add", "subtract", "multiply", "divide", "negative"),
        *("less", "less_equal", "greater", "greater_equal"),
    )
}

TAKEN = ("empty", "memory", "buffers", "others", "run")


class Runnable(NamedTuple):
    """The text of a program, the function that it defines, and what it is computed by."""

    source: str
    run: Callable[..., Any]
    backend: str = "numpy"


def program(listing: Listing) -> Runnable:
    """Write and define a function of arguments like those that a listing was made for.

    What is defined keeps nothing of the arrays of the trace.
    """
    trace, calls = listing.trace, Calls(listing)
    memory = Memory(calls)
    scope = Scope({"np": np, "array": np.array, "pool": []}, [*TAKEN, *memory.buffers])
    name_of = {call: scope.new(wish) for call, wish in calls.names.items()}
    names = {path: name_of[call] for path, call in calls.inputs.items()}
    names |= {path: scope.new(path[0]) for path in trace.parameters if path not in names}
    writer = CallWriter(memory, name_of, scope)
    lines = [line for call in memory.calls for line in writer.lines(call)]
    if memory.buffers:
        take = ["try:", "    buffers = pool.pop()", "except IndexError:", "    buffers = memory()"]
        buffers = ", ".join([*memory.buffers, *writer.views.values()])
        lines = [*take, f"{buffers}, = buffers", *lines, "pool.append(buffers)"]
    value = writer.returned(calls.value)
    run = run_text(
        trace, names, scope, lines, value, lambda _, path: writer.returned(calls.gradients[path])
    )
    parts = [writer.constants(), memory_text(memory.buffers, writer.views), run]
    source = "\n\n\n".join([part for part in parts if part]) + "\n"
    namespace = dict(scope.objects)
    exec(source, namespace)
    if memory.buffers:  # among its own globals it would be freed by the garbage collector alone
        namespace["memory"] = FunctionType(namespace["memory"].__code__, {"empty": np.empty})
    return Runnable(source, namespace.pop("run"))


def memory_text(buffers: Mapping[str, Buffer], views: Mapping[str, str]) -> str:
    """Write the function that makes the buffers, and views of them."""
    if not buffers:
        return ""
    lines = ["def memory():"]
    for name, (shape, dtype, in_columns, rows) in buffers.items():
        if rows is not None:
            made = f"m1[{rows.start}]" if len(shape) == 1 else f"m1[{rows.start}:{rows.stop}].T"
        elif in_columns:
            made = f"empty({shape[::-1]}, {quoted(str(dtype))}).T"
        else:
            made = f"empty({shape}, {quoted(str(dtype))})"
        lines.append(f"{name} = {made}")
    return "\n    ".join([*lines, f"return ({', '.join([*buffers, *views])},)"])


class CallWriter:
    """Writes calls one by one, and notes what their text refers to.

    `views` are those of buffers that are made once, as the buffers are, and their names.
    """

    def __init__(self, memory: Memory, names: Mapping[Call, str], scope: Scope) -> None:
        self.memory = memory
        self.scope = scope
        self.name_of = dict(names)
        for call in memory.calls:
            if call not in names and call.kind != "expect":
                self.name_of[call] = scope.numbered("v")
        self.scalars: set[Call] = set()  # NumPy's, neither floats nor arrays without axes
        self.sums = scope.new("sums")
        self.views: dict[str, str] = {}
        self.numbers: dict[tuple[str, np.dtype[Any]], str] = {}
        self.handed_out: set[Call] = set()

    def lines(self, call: Call) -> list[str]:
        """Write a call; none is needed for a view of a buffer."""
        if call.kind == "expect":
            negation = "not " if call.data else ""
            return [f"if {negation}{self.operand(call.operands[0])}:", "    raise Unlike"]
        if call.function is transpose and call.operands[0] in self.memory.of:
            self.name_of[call] = self.view(call.operands[0], ".T")
            return []
        of_scalars = call.function in SIGNS and not self.scalars.isdisjoint(call.operands)
        if not call.ndim and (call.kind == "reduce" or of_scalars):
            self.scalars.add(call)
        text = self.expression(call)
        if type(call.data) is float:
            text = f"float({text})"
        lines = [f"{self.name_of[call]} = {text}"]
        if call is next(iter(self.memory.sums), None):
            lines.insert(0, f"{self.sums} = {self.called(call, ['m1', '1'])}")
        return lines

    def expression(self, call: Call) -> str:
        """Write the right side of a call."""
        function, buffer = call.function, self.memory.of.get(call)
        operands = [self.operand(x, call) for x in call.operands]
        if function is transpose:
            return f"{operands[0]}.T"
        if function is item:
            return f"{operands[0]}[{index_text(call.options['index'], {})}]"
        if call.kind == "reduce":
            return self.reduction(call, operands[0])
        if call.kind == "__call__" and not call.ndim and function in SIGNS:
            return SIGNS[function].format(*operands)
        if buffer and is_outer(call):
            operands[1] = self.view(call.operands[1], "[None]")
        if buffer:
            keyword = "out=" if function in (np.maximum, np.minimum) else ""  # NumPy wants it
            operands.append(f"{keyword}{buffer}")
        options = [f"{key}={self.constant(x)}" for key, x in call.options.items()]
        return self.called(call, [*operands, *options])

    def called(self, call: Call, args: list[str]) -> str:
        """Write a call of a function by its name, of `dot` where it computes the same faster."""
        is_product = call.function is np.matmul and all(x.ndim < 3 for x in call.operands)
        is_dot = is_product or (call in self.memory.of and is_outer(call))
        name, function = ("dot", np.dot) if is_dot else (call.name, call.function)
        return f"{self.scope.object(name, function)}({', '.join(args)})"

    def view(self, x: Call, how: str) -> str:
        """Write a view of a result, which is made once if that is in a buffer."""
        if x not in self.memory.of:
            return f"{self.operand(x)}{how}"
        text = f"{self.memory.of[x]}{how}"
        if text not in self.views:
            self.views[text] = self.scope.numbered("m")
        return self.views[text]

    def reduction(self, call: Call, operand: str) -> str:
        """Write a reduction; some sums are entries of one that is made for all of them."""
        if call in self.memory.sums:
            rows = self.memory.sums[call]
            return f"{self.sums}[{f'{rows.start}:{rows.stop}' if call.ndim else rows.start}]"
        axis = call.options.get("axis", 0)
        options = [] if call.operands[0].ndim == 1 and axis != () else [str(axis)]
        if call.options.get("keepdims"):
            options.append("keepdims=True")
        return self.called(call, [operand, *options])

    def operand(self, x: Call, reader: Call | None = None) -> str:
        """Write an operand: a name or a number.

        A number beside an array is an array already, which spares NumPy making one each time.
        """
        if x.kind != "constant":
            return self.name_of[x]
        if type(x.data) is float and reader and reader.kind == "__call__" and reader.ndim:
            key = (repr(x.data), np.result_type(*[y.data for y in reader.operands]))
            if key not in self.numbers:
                self.numbers[key] = self.scope.numbered("k")
            return self.numbers[key]
        return self.constant(x.data)

    def constants(self) -> str:
        """Write the numbers that are arrays already."""
        return "\n".join(
            f"{name} = array({code_number(float(text))}, {quoted(str(dtype))})"
            for (text, dtype), name in self.numbers.items()
        )

    def constant(self, x: Any) -> str:
        """Write a number or a parameter; what cannot be written gets a name."""
        if isinstance(x, float):
            return code_number(x)
        parts = x if isinstance(x, tuple) else (x,)
        if all(i is None or type(i) in (int, bool) for i in parts):
            return repr(x)
        return self.scope.object("constant", x)

    def returned(self, x: Call) -> str:
        """Write a result as the caller's own array or number."""
        if x in self.scalars:
            return self.name_of[x]
        if not x.ndim:
            kind = np.result_type(x.data).type
            if x.kind == "constant":
                return self.scope.object("constant", kind(x.data))
            return f"{self.scope.object(kind.__name__, kind)}({self.name_of[x]})"
        own = root(x) is x and x.kind not in ("input", "constant") and x not in self.handed_out
        self.handed_out.add(x)
        name = self.operand(x)
        return name if own else f"{self.scope.object('copy', np.copy)}({name})"
