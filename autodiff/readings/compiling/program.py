"""Straight-line NumPy for arguments of certain shapes: in which memory, under which names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff.arrays import FLOAT32, FLOAT64
from autodiff.graph import Primitive
from autodiff.readings.compiling.calls import Calls, Step, Symbol, needed, root
from autodiff.readings.listing import listing
from autodiff.readings.notation import Identifiers, code_number, placed, quoted
from autodiff.readings.writing import index_text

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


class Miss(Exception):  # noqa: N818
    """The arguments are not those that a program is for."""


class Unlike(Exception):  # noqa: N818
    """The numbers are unlike those that a program is for: bad targets, for example."""


class Buffer(NamedTuple):
    """Memory for results like `data`; `text` says of which other buffer it is a part."""

    name: str
    data: Any
    text: str = ""


class Runnable(NamedTuple):
    """The text of a program, and the function that it defines."""

    source: str
    run: Callable[..., Any]


class Program:
    """What a function computes for arguments of certain shapes: `source` is its text."""

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], argnums: Any) -> None:
        self.listing = listed = listing(f, args, argnums)
        self.calls = calls = Calls(listed)
        self.namespace: dict[str, Any] = {
            **{"np": np, "array": np.array, "empty": np.empty, "pool": []},
            **{"Miss": Miss, "Unlike": Unlike, "as_number": as_number, "missing": object()},
        }
        self.names = Identifiers([*self.namespace, "run", "others", "memory", "buffers", "result"])
        self.local = {name: self.names.new(name) for name in listed.trace.parameters}
        self.scalars: set[Symbol] = set()  # held as NumPy's scalars, not as floats or 0-d arrays
        self.numbers: dict[tuple[str, Any], str] = {}
        self.views: dict[str, str] = {}
        self.name_of: dict[Any, str] = {}
        self.buffers: list[Buffer] = []
        self.handed_out: set[Symbol] = set()
        self.value = calls.value_of(listed.terms.value)
        self.gradients = {x: calls.value_of(term) for x, term in listed.terms.gradients.items()}
        self.results = [self.value, *self.gradients.values()]
        self.steps = needed(calls.steps, self.results)
        self.sums = self.sums_at_the_end()
        self.give_memory()
        self.name_results()
        self.lines: list[str] = []
        for step in self.steps:
            self.write(step)
        self.source = self.module()

    def runnable(self) -> Runnable:
        """Return what is kept: nothing of the arrays of the first call."""
        exec(self.source, self.namespace)
        runnable = Runnable(self.source, self.namespace["run"])
        # What knows each other is taken apart, so that reference counts free the arrays.
        for step in self.calls.steps:
            step.__dict__.clear()
        self.calls.__dict__.clear()
        self.__dict__.clear()
        return runnable

    # Memory.

    def sums_at_the_end(self) -> dict[Step, slice]:
        """Choose the sums over rows that one call can make, and move them to the end.

        Nothing but single numbers may depend on them. What they add up is kept side by side, in
        the rows of one array; returned is which rows are those of each.
        """
        of: dict[Any, set[Step]] = {}  # the sums that a result depends on
        chosen = [step for step in self.steps if self.is_sum_over_rows(step)]
        for step in self.steps:
            sums = set().union(*[of.get(x, set()) for x in step.inputs if isinstance(x, Symbol)])
            if sums and (step.kind != "__call__" or np.ndim(step.result.data)):
                chosen = [sum_ for sum_ in chosen if sum_ not in sums]
            of[step.result] = sums | ({step} & set(chosen))
        like = [step.inputs[0].data for step in chosen]
        if len(chosen) < 2 or len({(len(x), x.dtype) for x in like}) > 1:
            return {}
        late = [step for step in self.steps if of[step.result] & set(chosen)]
        moved = set(late)
        self.steps = [step for step in self.steps if step not in moved] + late
        rows: dict[Step, slice] = {}
        of_array: dict[Symbol, slice] = {}
        start = 0
        for step, x in zip(chosen, like):
            rows[step] = of_array.setdefault(step.inputs[0], slice(start, start + x[0].size))
            start = max(start, rows[step].stop)
        block = np.empty((start, len(like[0])), like[0].dtype)
        self.buffers.append(Buffer(self.names.numbered("m"), block))
        return rows

    def is_sum_over_rows(self, step: Step) -> bool:
        """Tell whether a step adds up the rows of an array that has a buffer, in memory's order."""
        x = step.inputs[0] if step.inputs else None
        if step.kind != "reduce" or step.function is not np.add or not over_rows(step):
            return False
        if not isinstance(x, Symbol) or x.step is None or x.step.kind != "__call__":
            return False
        returned = {root(y) for y in self.results if isinstance(y, Symbol)}
        in_rows = x.ndim == 1 or in_columns(x.data)
        return in_rows and x.dtype == step.result.dtype and x not in returned and x.size > 0

    def give_memory(self) -> None:
        """Give every result that does not leave the program a buffer, its own or a free one."""
        returned = {root(x) for x in self.results if isinstance(x, Symbol)}
        last: dict[Symbol, int] = {}
        for i, step in enumerate(self.steps):
            for x in step.inputs:
                if isinstance(x, Symbol):
                    last[root(x)] = i
        self.buffer_of: dict[Symbol, int] = {}
        summed: dict[Symbol, Buffer] = {}
        for step, rows in self.sums.items():
            x = step.inputs[0]
            if x in summed:
                continue
            part = f"[{rows.start}]" if x.ndim == 1 else f"[{rows.start}:{rows.stop}].T"
            summed[x] = Buffer(self.names.numbered("m"), x.data, f"{self.buffers[0].name}{part}")
        free: dict[Any, list[int]] = defaultdict(list)
        for i, step in enumerate(self.steps):
            x = step.result
            ending = {
                self.buffer_of[y]
                for y in {root(y) for y in step.inputs if isinstance(y, Symbol)}
                if y in self.buffer_of and last[y] == i and y not in summed
            }
            if x in summed:
                self.buffer_of[x] = len(self.buffers)
                self.buffers.append(summed[x])
            elif (
                step.kind == "__call__"
                and isinstance(x.data, np.ndarray)
                and x.data.ndim > 0
                and x not in returned
                and x in last
            ):
                # NumPy would multiply matrices in place by way of a copy.
                in_place = [] if step.function is np.matmul else sorted(ending)
                fits = [n for n in in_place if layout(self.buffers[n].data) == layout(x.data)]
                if fits:
                    number = fits[0]
                    ending.discard(number)
                elif free[layout(x.data)]:
                    number = free[layout(x.data)].pop()
                else:
                    number = len(self.buffers)
                    self.buffers.append(Buffer(self.names.numbered("m"), x.data))
                self.buffer_of[x] = number
            for number in sorted(ending):
                free[layout(self.buffers[number].data)].append(number)

    # Text.

    def name_results(self) -> None:
        """Name symbols as the listing names their terms, as far as it does."""
        for x, term in zip(self.listing.trace.inputs, self.listing.terms.inputs):
            name = (
                self.local[x.path[0]]
                if len(x.path) == 1
                else self.names.new(self.listing.names[term])
            )
            self.calls.of_term[term].name = name
        for term in self.listing.terms.used:
            symbol = self.calls.of_term[term]
            named = self.listing.names.get(term)
            if named and isinstance(symbol, Symbol) and not symbol.name:
                symbol.name = self.names.new(named)
        for step in self.steps:
            if step.result is not None and not step.result.name:
                step.result.name = self.names.numbered("v")

    def write(self, step: Step) -> None:
        """Write one step."""
        if step.kind == "expect":
            negation = "not " * bool(step.expected)
            self.lines += [f"if {negation}{self.operand(step.inputs[0])}:", "    raise Unlike"]
            return
        if step.function == "T":
            step.result.name = self.shown(step.inputs[0], ".T") or step.result.name
            if step.result.name in self.views.values():
                return
        x = step.result
        held = any(isinstance(y, Symbol) and y in self.scalars for y in step.inputs)
        if x.ndim == 0 and (step.kind == "reduce" or (step.function in SIGNS and held)):
            self.scalars.add(x)
        text = self.call(step)
        if self.calls.weak and type(step.result.data) is float:
            text = f"float({text})"
        self.lines.append(f"{step.result.name} = {text}")

    def call(self, step: Step) -> str:
        """Write the call of a step."""
        operands = [self.operand(x, step) for x in step.inputs]
        if step.function == "T":
            return f"{operands[0]}.T"
        if step.function == "getitem":
            index = step.options["index"]
            parts = index if isinstance(index, tuple) else (index,)
            texts = [index_text(i, self.listing.writer.arrays) for i in parts]
            return f"{operands[0]}[{', '.join(texts)}]"
        sign = SIGNS.get(step.function)
        if sign and step.kind == "__call__" and np.ndim(step.result.data) == 0:
            return sign.format(*operands)
        if step.kind == "reduce":
            return self.reduction(step, operands[0])
        if self.is_outer(step):
            row = self.shown(step.inputs[1], "[None]") or f"{operands[1]}[None]"
            return f"{self.known('dot', np.dot)}({operands[0]}, {row}, {self.memory_of(step)})"
        options = [f"{key}={self.constant(x)}" for key, x in step.options.items()]
        name = self.function(step)
        if step.result in self.buffer_of:
            keyword = "out=" * (step.function in (np.maximum, np.minimum))  # NumPy wants it
            operands.append(f"{keyword}{self.memory_of(step)}")
        return f"{name}({', '.join([*operands, *options])})"

    def function(self, step: Step) -> str:
        """Return the name under which a function is called, and see that it is known."""
        if isinstance(step.function, Primitive):
            return self.known(step.function.name, step.function.function)
        if step.kind == "reduce":
            return self.known(f"{step.function.__name__}_reduce", step.function.reduce)
        if step.function is np.matmul and self.is_dot(step):
            return self.known("dot", np.dot)
        return self.known(step.function.__name__, step.function)

    def shown(self, x: Any, how: str) -> str:
        """Return the name of a view of a buffer, made with it once; none for other arrays."""
        if x not in self.buffer_of:
            return ""
        text = f"{self.buffers[self.buffer_of[x]].name}{how}"
        if text not in self.views:
            self.views[text] = self.names.numbered("m")
        return self.views[text]

    def memory_of(self, step: Step) -> str:
        """Return the name of the buffer for the result of a step."""
        return self.buffers[self.buffer_of[step.result]].name

    def reduction(self, step: Step, operand: str) -> str:
        """Write a reduction."""
        if step in self.sums:
            if step is next(iter(self.sums)):
                self.total = self.names.new("sums")
                call = f"{self.function(step)}({self.buffers[0].name}, 1)"
                self.lines.append(f"{self.total} = {call}")
            rows = self.sums[step]
            one = np.ndim(step.result.data) == 0
            return f"{self.total}[{rows.start if one else f'{rows.start}:{rows.stop}'}]"
        axis, keepdims = step.options.get("axis"), step.options.get("keepdims")
        if keepdims:
            options = [f"axis={axis}", "keepdims=True"]
        elif over_rows(step) and step.inputs[0].ndim == 1:
            options = []
        else:
            options = [str(axis)]
        return f"{self.function(step)}({', '.join([operand, *options])})"

    def is_outer(self, step: Step) -> bool:
        """Tell whether a product is that of a column and a row, which `dot` computes faster."""
        if step.function is not np.multiply or step.result not in self.buffer_of:
            return False
        a, b = (np.asarray(x.data if isinstance(x, Symbol) else x) for x in step.inputs)
        column = a.ndim == 2 and a.shape[1] == 1 and b.ndim == 1 and len(a) > 1 and len(b) > 1
        return column and a.dtype == b.dtype == step.result.dtype and a.dtype.kind == "f"

    def is_dot(self, step: Step) -> bool:
        """Tell whether `dot` multiplies the same; it is faster, and particular about its result."""
        x = step.result
        plain = x not in self.buffer_of or not in_columns(x.data)
        return plain and all(np.ndim(y.data) < 3 for y in (*step.inputs, x))

    def known(self, wish: str, x: Any) -> str:
        """Return the name of an object that the program needs."""
        key = x if callable(x) else id(x)
        if key not in self.name_of:
            name = wish if wish not in self.names.taken and wish.isidentifier() else ""
            name = name or self.names.new(wish)
            self.names.taken.add(name)
            self.namespace[name] = x
            self.name_of[key] = name
        return self.name_of[key]

    def operand(self, x: Any, step: Step | None = None) -> str:
        """Write an operand: a name or a number.

        A number beside an array is an array already, which spares NumPy making one each time.
        """
        if isinstance(x, Symbol):
            return x.name
        if type(x) is float and step and step.kind == "__call__" and np.ndim(step.result.data):
            arrays = [y.data for y in step.inputs if isinstance(y, Symbol)]
            dtype = np.result_type(*arrays, x)
            key = (repr(x), dtype)
            if key not in self.numbers:
                self.numbers[key] = self.names.numbered("k")
            return self.numbers[key]
        return self.constant(x)

    def constant(self, x: Any) -> str:
        """Write a number or a parameter; arrays get a name."""
        if isinstance(x, float):
            return code_number(x)
        if x is None or type(x) in (bool, int):
            return repr(x)
        if isinstance(x, tuple) and all(type(i) in (int, bool) for i in x):
            return repr(x)
        return self.known("constant", x)

    def module(self) -> str:
        """Write the whole program."""
        trace = self.listing.trace
        lines = self.arguments()
        trees = {i: self.tree(trace.args[i], (trace.parameters[i],)) for i in trace.positions}
        gradient = self.tuple_of([trees[i] for i in trace.positions])
        if not trace.several:
            gradient = trees[trace.positions[0]]
        value = self.returned(self.value, np.result_type(self.listing.terms.value.data).type)
        memory = self.memory()
        if memory:
            names = [*[buffer.name for buffer in self.buffers], *self.views.values()]
            lines += ["try:", "    buffers = pool.pop()", "except IndexError:"]
            lines += ["    buffers = memory()", f"{', '.join(names)}, = buffers"]
        lines += [*self.lines, f"result = {value}, {gradient}"]
        lines += [*["pool.append(buffers)"] * bool(memory), "return result"]
        numbers = [
            f"{name} = array({code_number(float(text))}, {quoted(str(dtype))})"
            for (text, dtype), name in self.numbers.items()
        ]
        before = [*numbers, "", "", *memory] if numbers else memory
        parameters = [f"{name}=missing" for name in self.local.values()]
        head = f"def run({', '.join([*parameters, '*others'])}):"
        return "\n".join([*before, head, *[f"    {x}" for x in lines]]) + "\n"

    def tree(self, x: Any, path: tuple[Any, ...]) -> str:
        """Write the gradient in an argument, in its structure."""
        if isinstance(x, dict):
            items = [f"{quoted(k)}: {self.tree(v, (*path, k))}" for k, v in x.items()]
            return f"{{{', '.join(items)}}}"
        if isinstance(x, (list, tuple)):
            parts = [self.tree(v, (*path, i)) for i, v in enumerate(x)]
            if hasattr(x, "_fields"):
                return f"{self.known(type(x).__name__, type(x))}({', '.join(parts)})"
            return f"[{', '.join(parts)}]" if isinstance(x, list) else self.tuple_of(parts)
        node = next(x.node for x in self.listing.trace.inputs if x.path == path)
        if node in self.gradients:
            return self.returned(self.gradients[node], np.result_type(node._raw).type)
        zero = np.zeros(np.shape(node._raw), np.result_type(node._raw))
        return self.copied(zero) if zero.ndim else self.known("zero", zero[()])

    def tuple_of(self, parts: list[str]) -> str:
        """Write a tuple."""
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"

    def returned(self, x: Any, kind: Any) -> str:
        """Write a result as the caller's own array or number."""
        if not isinstance(x, Symbol):
            return self.known("constant", kind(x)) if np.ndim(x) == 0 else self.copied(x)
        if x.ndim == 0:
            name = x.name
            return name if x in self.scalars else f"{self.known(kind.__name__, kind)}({name})"
        own = root(x) is x and x.step is not None and x not in self.handed_out
        self.handed_out.add(x)
        return x.name if own else self.copied(x)

    def memory(self) -> list[str]:
        """Write the function that makes the buffers, and views of them."""
        if not self.buffers:
            return []
        lines = ["def memory():"]
        for name, x, text in self.buffers:
            shape, view = (x.shape[::-1], ".T") if in_columns(x) else (x.shape, "")
            made = text or f"empty({shape}, {quoted(str(x.dtype))}){view}"
            lines.append(f"    {name} = {made}")
        names = [*[buffer.name for buffer in self.buffers], *self.views]
        return [*lines, f"    return ({', '.join(names)},)", "", ""]

    def copied(self, x: Any) -> str:
        """Write a copy of an array."""
        return f"{self.known('copy', np.copy)}({self.operand(x)})"

    def arguments(self) -> list[str]:
        """Write how the arguments are fetched, and that others are not for this program."""
        trace = self.listing.trace
        names = list(self.local.values())
        lines = ["if others:", "    raise Miss"]
        checks: list[str] = []
        for parameter, x in zip(names, trace.args):
            self.structure(parameter, x, checks)
        for value, path in trace.fixed:
            place, constant = self.place(path), self.known("constant", value)
            checks.append(f"type({place}) is not type({constant}) or {place} != {constant}")
        fetched = [f"if {' or '.join(checks)}:", "    raise Miss"] if checks else []
        for x, term in zip(trace.inputs, self.listing.terms.inputs):
            name = self.calls.of_term[term].name
            if len(x.path) > 1:
                fetched.append(f"{name} = {self.place(x.path)}")
        if fetched:
            lines += ["try:", *[f"    {line}" for line in fetched]]
            lines += ["except KeyError:", "    raise Miss from None"]
        differentiated = {trace.parameters[i] for i in trace.positions}
        for x, term in zip(trace.inputs, self.listing.terms.inputs):
            name = self.calls.of_term[term].name
            if not term.ndim:
                kind = self.known("float64", np.float64)
                kind = kind if type(term.data) is float else self.known("float32", np.float32)
                slow = f"as_number({name}, {kind}, {x.path[0] in differentiated})"
                if type(term.data) is float:
                    lines += [f"if type({name}) is not float:"]
                    slow = f"    {name} = float({name}) if type({name}) is {kind} else {slow}"
                else:
                    slow = f"{name} = {slow}"
                lines.append(slow)
                continue
            array = self.known("ndarray", np.ndarray)
            dtype = "float32" if term.data.dtype == np.float32 else "float64"
            kind = self.known(f"{dtype}_", np.dtype(dtype))
            order = f" or {name}.strides != {term.data.strides}" * (term.ndim > 1)
            lines += [
                f"if type({name}) is not {array} or {name}.shape != {term.shape}{order}:",
                "    raise Miss",
                f"if {name}.dtype is not {kind}:",
                f"    {name} = {self.conversion(name, kind)}",
            ]
        return lines

    def conversion(self, name: str, kind: str) -> str:
        """Write how an array of another dtype is converted; labels are often int64."""
        slow = f"{self.known('converted', converted)}({name}, {kind})"
        if kind != "float64_":
            return slow
        usual = self.known("int64_", np.dtype(np.int64))
        return f"{name}.astype({kind}) if {name}.dtype is {usual} else {slow}"

    def place(self, path: tuple[Any, ...]) -> str:
        """Write where an argument is found."""
        return placed((self.local[path[0]], *path[1:]))

    def structure(self, place: str, x: Any, checks: list[str]) -> None:
        """Write what shows that an argument has another structure."""
        if isinstance(x, dict):
            keys = self.known("keys", list(x))
            checks.append(
                f"type({place}) is not {self.known('dict_', dict)} or [*{place}] != {keys}"
            )
            for key, branch in x.items():
                self.structure(f"{place}[{quoted(key)}]", branch, checks)
        elif isinstance(x, (list, tuple)):
            kind = self.known(f"{type(x).__name__}_", type(x))
            checks.append(f"type({place}) is not {kind} or len({place}) != {len(x)}")
            for i, branch in enumerate(x):
                self.structure(f"{place}[{i}]", branch, checks)


def as_number(x: Any, kind: Any, differentiated: bool) -> Any:
    """Return an argument that is one number of a kind; an integer is one where it must be."""
    if type(x) is np.ndarray and x.ndim == 0:
        x = x[()]
    elif not isinstance(x, (int, float, np.number, np.bool_)):
        raise Miss
    if isinstance(x, np.float32) != (kind is np.float32) or isinstance(x, np.complexfloating):
        raise Miss
    if not differentiated and not isinstance(x, (float, np.floating)):
        raise Miss
    return x if kind is np.float32 else float(x)


def converted(x: Any, dtype: Any) -> Any:
    """Return an array of integers or of another byte order as floats; float32 is another dtype."""
    if dtype is FLOAT64 and x.dtype.kind in "biuf" and x.dtype != FLOAT32:
        return x.astype(FLOAT64)
    if dtype is not FLOAT64 and x.dtype == FLOAT32:
        return x.astype(FLOAT32)
    raise Miss


def over_rows(step: Step) -> bool:
    """Tell whether a step reduces vectors or matrices over their first axis."""
    x, axis = step.inputs[0], step.options.get("axis")
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return (
        not step.options.get("keepdims") and x.ndim in (1, 2) and {i % x.ndim for i in axes} == {0}
    )


def in_columns(x: Any) -> bool:
    """Tell whether an array lies in memory with its last axis slowest."""
    return bool(x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous)


def layout(x: Any) -> tuple[Any, ...]:
    """Return what two arrays have in common that can have the same memory."""
    return x.shape, x.dtype, in_columns(x)
