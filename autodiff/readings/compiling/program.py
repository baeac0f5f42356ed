"""The text of a program: calls of NumPy, line by line, in memory that is kept between runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from autodiff.readings.compiling.calls import Call, Calls, data_of, item, transpose
from autodiff.readings.compiling.guards import Miss, Scope, Unlike, as_number, guards
from autodiff.readings.compiling.memory import (
    Buffer,
    Memory,
    in_columns,
    is_outer,
    over_rows,
    root,
)
from autodiff.readings.notation import code_number, quoted
from autodiff.readings.trace import Trace

SIGNS = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.negative: "-{}",
    np.less: "{} < {}",
    np.less_equal: "{} <= {}",
    np.greater: "{} > {}",
    np.greater_equal: "{} >= {}",
}

OBJECTS = {
    **{"np": np, "array": np.array, "missing": object()},
    **{"Miss": Miss, "Unlike": Unlike, "as_number": as_number},
}
TAKEN = ("empty", "memory", "buffers", "others", "result", "run")


class Runnable(NamedTuple):
    """The text of a program, and the function that it defines."""

    source: str
    run: Callable[..., Any]


def program(trace: Trace, calls: Calls, memory: Memory) -> Runnable:
    """Write calls as a function of arguments like those traced, and define it.

    What is defined keeps nothing of the arrays of the trace.
    """
    buffers = [f"m{number}" for number in (*memory.buffers, *memory.views.values())]
    scope = Scope({**OBJECTS, "pool": []}, [*TAKEN, *buffers])
    local = {parameter: scope.new(parameter) for parameter in trace.parameters}
    name_of = names_of(trace, calls, memory, local, scope)
    writer = Writer(memory, name_of, scope)
    checks = guards(trace, local, [name_of[x] for x in calls.inputs], scope)
    lines = [line for call in memory.calls for line in writer.lines(call)]
    gradients = [
        nested(trace.args[i], (trace.parameters[i],), calls, writer) for i in trace.positions
    ]
    gradient = tuple_of(gradients) if trace.several else gradients[0]
    lines.append(f"result = {writer.returned(calls.value)}, {gradient}")
    if buffers:
        take = ["try:", "    buffers = pool.pop()", "except IndexError:", "    buffers = memory()"]
        lines = [*take, f"{', '.join(buffers)}, = buffers", *lines, "pool.append(buffers)"]
    parameters = [f"{name}=missing" for name in local.values()]
    head = f"def run({', '.join([*parameters, '*others'])}):"
    run = "\n    ".join([head, *checks, *lines, "return result"])
    return runnable(writer.constants(), memory_text(memory), run, scope.objects)


def names_of(
    trace: Trace, calls: Calls, memory: Memory, local: Mapping[str, str], names: Scope
) -> dict[Call, str]:
    """Name results as the listing does, as far as it does, and views of buffers as those."""
    found = {}
    for x, call in zip(trace.inputs, calls.inputs):
        if len(x.path) == 1:
            found[call] = local[x.path[0]]
    for call, wish in calls.names.items():
        if call not in found:
            found[call] = names.new(wish)
    for call in memory.calls:
        if call not in found and call.kind != "expect":
            found[call] = names.numbered("v")
    for call in memory.calls:
        if call.function is transpose and call in memory.viewed:
            found[call] = f"m{memory.viewed[call]}"
    return found


def runnable(constants: str, memory: str, run: str, objects: Mapping[str, Any]) -> Runnable:
    """Join the parts of a program, and define its functions."""
    if memory:
        objects = {**objects, "memory": defined("memory", memory, {"empty": np.empty})}
    source = "\n\n\n".join([text for text in (constants, memory, run) if text]) + "\n"
    return Runnable(source, defined("run", f"{constants}\n{run}", objects))


def defined(name: str, text: str, objects: Mapping[str, Any]) -> Any:
    """Return a function by its text; it does not see itself, so that reference counts free it."""
    namespace = dict(objects)
    exec(text, namespace)
    return namespace.pop(name)


def memory_text(memory: Memory) -> str:
    """Write the function that makes the buffers, and views of them."""
    if not memory.buffers:
        return ""
    lines = [f"    m{number} = {made(buffer)}" for number, buffer in memory.buffers.items()]
    buffers = [f"m{number}" for number in memory.buffers]
    views = [f"m{number}{how}" for number, how in memory.views]
    lines.append(f"    return ({', '.join([*buffers, *views])},)")
    return "\n".join(["def memory():", *lines])


def made(buffer: Buffer) -> str:
    """Write how a buffer is made."""
    shape, rows = buffer.shape, buffer.rows
    if rows is not None:
        return f"m1[{rows.start}]" if len(shape) == 1 else f"m1[{rows.start}:{rows.stop}].T"
    dtype = quoted(str(buffer.dtype))
    return f"empty({shape[::-1]}, {dtype}).T" if buffer.in_columns else f"empty({shape}, {dtype})"


def nested(x: Any, path: tuple[Any, ...], calls: Calls, writer: Writer) -> str:
    """Write the gradient in an argument, in its structure."""
    if isinstance(x, dict):
        items = [f"{quoted(k)}: {nested(v, (*path, k), calls, writer)}" for k, v in x.items()]
        return f"{{{', '.join(items)}}}"
    if isinstance(x, (list, tuple)):
        parts = [nested(v, (*path, i), calls, writer) for i, v in enumerate(x)]
        if hasattr(x, "_fields"):
            return f"{writer.scope.object(type(x).__name__, type(x))}({', '.join(parts)})"
        return f"[{', '.join(parts)}]" if isinstance(x, list) else tuple_of(parts)
    return writer.returned(calls.gradients[path])


def tuple_of(parts: list[str]) -> str:
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


class Writer:
    """Writes calls one by one, and notes the objects and numbers that their text refers to."""

    def __init__(self, memory: Memory, name_of: Mapping[Call, str], scope: Scope) -> None:
        self.memory = memory
        self.name_of = name_of
        self.scope = scope
        self.scalars = numpy_scalars(memory.calls)
        self.sums = scope.new("sums")
        self.numbers: dict[tuple[str, np.dtype[Any]], str] = {}
        self.handed_out: set[Call] = set()

    def lines(self, call: Call) -> list[str]:
        """Write a call; none is needed for a view of a buffer, which is kept with it."""
        if call.kind == "expect":
            negation = "not " if call.data else ""
            return [f"if {negation}{self.operand(call.operands[0])}:", "    raise Unlike"]
        if call.function is transpose and call in self.memory.viewed:
            return []
        text = self.expression(call)
        if type(call.data) is float:
            text = f"float({text})"
        lines = [f"{self.name_of[call]} = {text}"]
        if call is next(iter(self.memory.sums), None):
            lines.insert(0, f"{self.sums} = {self.scope.object(call.name, call.function)}(m1, 1)")
        return lines

    def expression(self, call: Call) -> str:
        """Write the right side of a call."""
        function, number = call.function, self.memory.of.get(call)
        operands = [self.operand(x, call) for x in call.operands]
        if function is transpose:
            return f"{operands[0]}.T"
        if function is item:
            return f"{operands[0]}[{self.index(call.options['index'])}]"
        if call.kind == "reduce":
            return self.reduction(call, operands[0])
        if call.kind == "__call__" and not call.ndim and function in SIGNS:
            return SIGNS[function].format(*operands)
        if number and is_outer(call):
            viewed = self.memory.viewed.get(call)
            row = f"m{viewed}" if viewed else f"{operands[1]}[None]"
            return f"{self.scope.object('dot', np.dot)}({operands[0]}, {row}, m{number})"
        if number:  # NumPy wants a keyword for some
            wants = function in (np.maximum, np.minimum)
            operands.append(f"out=m{number}" if wants else f"m{number}")
        options = [f"{key}={self.constant(x)}" for key, x in call.options.items()]
        if function is np.matmul and is_dot(call, self.memory):
            return f"{self.scope.object('dot', np.dot)}({', '.join(operands)})"
        return f"{self.scope.object(call.name, function)}({', '.join([*operands, *options])})"

    def reduction(self, call: Call, operand: str) -> str:
        """Write a reduction; some sums are entries of one that is made for all of them."""
        if call in self.memory.sums:
            rows = self.memory.sums[call]
            return f"{self.sums}[{f'{rows.start}:{rows.stop}' if call.ndim else rows.start}]"
        axis = call.options.get("axis")
        if call.options.get("keepdims"):
            options = [f"axis={axis}", "keepdims=True"]
        elif over_rows(call) and call.operands[0].ndim == 1:
            options = []
        else:
            options = [str(axis)]
        return f"{self.scope.object(call.name, call.function)}({', '.join([operand, *options])})"

    def operand(self, x: Any, reader: Call | None = None) -> str:
        """Write an operand: a name or a number.

        A number beside an array is an array already, which spares NumPy making one each time.
        """
        if isinstance(x, Call):
            return self.name_of[x]
        if type(x) is float and reader and reader.kind == "__call__" and reader.ndim:
            dtype = np.result_type(*[y.data for y in reader.reads], x)
            if (repr(x), dtype) not in self.numbers:
                self.numbers[repr(x), dtype] = self.scope.numbered("k")
            return self.numbers[repr(x), dtype]
        return self.constant(x)

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
        if x is None or type(x) in (bool, int):
            return repr(x)
        if isinstance(x, tuple) and all(type(i) in (int, bool) for i in x):
            return repr(x)
        return self.scope.object("constant", x)

    def index(self, x: Any) -> str:
        """Write an index, as in x[:, None]."""
        parts = x if isinstance(x, tuple) else (x,)
        whole = [isinstance(i, slice) and i == slice(None) for i in parts]
        return ", ".join(":" if w else self.constant(i) for i, w in zip(parts, whole))

    def returned(self, x: Any) -> str:
        """Write a result as the caller's own array or number."""
        kind = np.result_type(data_of(x)).type
        if not isinstance(x, Call):
            return self.copied(x) if np.ndim(x) else self.scope.object("constant", kind(x))
        name = self.name_of[x]
        if not x.ndim:
            return (
                name if x in self.scalars else f"{self.scope.object(kind.__name__, kind)}({name})"
            )
        own = root(x) is x and x.kind != "input" and x not in self.handed_out
        self.handed_out.add(x)
        return name if own else self.copied(x)

    def copied(self, x: Any) -> str:
        return f"{self.scope.object('copy', np.copy)}({self.operand(x)})"


def numpy_scalars(calls: list[Call]) -> set[Call]:
    """Return the numbers that are NumPy's scalars, neither floats nor arrays without axes."""
    found: set[Call] = set()
    for call in calls:
        of_scalars = call.function in SIGNS and not found.isdisjoint(call.reads)
        if not call.ndim and (call.kind == "reduce" or of_scalars):
            found.add(call)
    return found


def is_dot(call: Call, memory: Memory) -> bool:
    """Return whether `dot` multiplies the same; it is faster, and particular about its result."""
    fits = call not in memory.of or not in_columns(call.data)
    return fits and all(np.ndim(data_of(x)) < 3 for x in (*call.operands, call))
