"""The NumPy code of a function and its backward pass, to be read, pasted and run."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff import numerics, primitives
from autodiff.readings.listing import Listing, Statement, Term
from autodiff.readings.notation import CODE, code_number, placed, quoted
from autodiff.readings.trace import trace

WIDTH = 88
"""Characters of a line, as ruff and Black have it."""

VIEWS = (
    primitives.transpose,
    primitives.reshape,
    primitives.getitem,
    primitives.broadcast_to,
)


def source(f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] = 0) -> str:
    """Return a Python module with one function that computes `f` and its gradient: NumPy alone.

    The function takes what `f` takes and returns `(value, gradient)` as `value_and_grad(f)` does,
    with the same numbers, in float64 to the last bit. Variables have the names that they have in
    the code of `f`, and their adjoints those names with `_bar`. What is written holds for arguments
    of the shapes of `args`, and for the integers, strings and the like among them, which it checks;
    what `f` finds elsewhere is written out as constants. Arrays of integers become floats.

    Raises TypeError where `f` returns no number that depends on its arguments, and where its code
    decides something by the numbers: an `if`, `float()`.
    """
    listing = Listing(trace(f, args, argnums))
    text = module(listing)
    listing.__dict__.clear()  # so that reference counts free the arrays
    return text


def module(listing: Listing) -> str:
    """Write a listing as a module."""
    trace = listing.trace
    body = [*docstring(listing), *inputs(listing), "", "# Forward."]
    body += [assignment(listing, statement) for statement in listing.forward]
    body += ["", "# Backward."]
    undone: Statement | None = None
    for statement in listing.backward:
        if statement.undoes is not undone and statement.undoes is not None:
            undone = statement.undoes
            body.append(f"# {' = '.join(listing.sides(undone, CODE))}")
        body.append(assignment(listing, statement))
    value = listing.value.name or code_number(listing.value.number)
    name = listing.names.new("gradient")
    gradient = gradients(listing, body, len(name) + 7)
    body += ["", f"{name} = {gradient}", f"return {value}, {name}"]
    header = call(f"def {identifier(trace.name)}_and_gradient(", trace.parameters, 1)
    function = "\n".join([f"{header}:", *[textwrap.indent(line, "    ") for line in body]])
    constants = [f"{name} = {array(x, len(name) + 3)}" for name, x in listing.constants.items()]
    parts = [
        '"""Written from the code of a forward pass by reverse-mode differentiation."""',
        "import numpy as np",
        *["\n".join(constants)] * bool(constants),
    ]
    called = re.findall(r"(?<![\w.])(\w+)\(", "\n".join(body[1:]))
    return "\n\n\n".join(["\n\n".join(parts), *helpers(called), function]) + "\n"


def identifier(name: str) -> str:
    """Return the name of a function as an identifier; a lambda is called f."""
    return name if name.isidentifier() else "f"


def docstring(listing: Listing) -> list[str]:
    """Say what the function returns and for which shapes."""
    shapes = ", ".join(f"{x.name} {x.shape}" for x in listing.inputs)
    lines = textwrap.wrap(f"Shapes: {shapes}.", WIDTH - 4)
    name = identifier(listing.trace.name)
    return [f'"""Return {name} and its gradient.', "", *lines, '"""']


def inputs(listing: Listing) -> list[str]:
    """Fetch the arguments and check their shapes, and those that were not numbers."""
    lines = []
    for x, term in zip(listing.trace.inputs, listing.inputs):
        place = placed(x.path)
        single = np.result_type(x.node._raw) == np.float32
        start = f"{term.name} = " if term in listing.read else ""
        args = [place, str(term.shape), quoted(place), *["np.float32"] * single]
        lines.append(call(f"{start}checked(", args))
        if start and listing.has_float32 and not term.shape and not single:
            lines.append(f"{term.name} = float({term.name})")
    for x, path in listing.trace.fixed:
        if x is None or isinstance(x, (int, np.integer, str)):
            place = placed(path)
            said = quoted(f"this code is for {place} = {quoted(x)}")
            lines.append(f"if {place} != {quoted(x)}:")
            lines.append(textwrap.indent(call("raise ValueError(", [said], 8), "    "))
    return lines


def assignment(listing: Listing, statement: Statement) -> str:
    """Write a statement; a gradient that is not the caller's own is copied."""
    name, text = listing.sides(statement, CODE)
    term = statement.term
    if statement.of is not None and term.is_number:
        single = np.result_type(statement.of.data) == np.float32
        text = f"np.{'float32' if single else 'float64'}({text})"
    elif term.shape and (statement.of or is_shared(term, listing)):
        text = f"np.copy({text})"
    return line(f"{name} = ", text)


def line(start: str, text: str) -> str:
    """Write a statement, on several lines if it is long."""
    if len(start) + len(text) + 4 <= WIDTH:
        return start + text
    name, bracket, args = text.partition("(")
    if bracket and re.fullmatch(r"[\w.]+", name) and text.endswith(")"):
        return call(f"{start}{name}(", arguments(args[:-1]))
    return f"{start}(\n    {text}\n)"


def call(start: str, args: Sequence[str], used: int = 4) -> str:
    """Write a call, with one argument to a line if it is long."""
    text = f"{start}{', '.join(args)})"
    if len(text) + used <= WIDTH:
        return text
    lines = [f"[\n{spread(arguments(x[1:-1]), 4)}]" if is_long_list(x) else x for x in args]
    return f"{start}\n{spread(lines, 4)})" if len(args) > 1 else f"{start}\n    {args[0]}\n)"


def is_long_list(text: str) -> bool:
    """Tell whether an argument is a list that does not fit in a line."""
    return text[0] == "[" and len(text) + 9 > WIDTH


def arguments(text: str) -> list[str]:
    """Split the arguments of a call, which contain no quotes."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def spread(items: Sequence[str], indent: int) -> str:
    """Write the items of a call or a collection one to a line."""
    return "".join(textwrap.indent(f"{item},\n", " " * indent) for item in items)


def gradients(listing: Listing, body: list[str], used: int) -> str:
    """Write the gradients in the structure of the arguments; add to `body` what is missing."""
    trace = listing.trace

    def tree(x: Any, path: tuple[Any, ...], used: int) -> str:
        if isinstance(x, dict):
            items = [(f"{quoted(k)}: ", v, k) for k, v in x.items()]
            return collection("{", items, "}", path, used)
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            items = [(f"{k}=", v, i) for i, (k, v) in enumerate(zip(x._fields, x))]
            return collection(f"{placed(path)}._replace(", items, ")", path, used)
        if isinstance(x, (list, tuple)):
            items = [("", v, i) for i, v in enumerate(x)]
            return collection(
                *("[", items, "]") if isinstance(x, list) else ("(", items, ")"), path, used
            )
        return leaf(listing.node_at[path])

    def collection(start: str, items: Any, end: str, path: tuple[Any, ...], used: int) -> str:
        texts = [label + tree(x, (*path, key), 4 + len(label)) for label, x, key in items]
        return bracketed(start, texts, end, used)

    def leaf(node: Any) -> str:
        x, term = listing.of_node[node], listing.gradients.get(node)
        if x in listing.aliases:
            return listing.aliases[x]
        if term is not None:
            return str(term.name)
        name = listing.names.new(f"{x.name}_bar")
        single = np.result_type(node._raw) == np.float32
        zero = f"np.float{32 if single else 64}(0.0)"
        if x.shape:
            zero = f"np.zeros({x.shape}{', np.float32' * single})"
        body.append(line(f"{name} = ", zero))
        return name

    texts = [tree(trace.args[i], (trace.parameters[i],), used) for i in trace.positions]
    return bracketed("(", texts, ")", used) if trace.several else texts[0]


def bracketed(start: str, items: Sequence[str], end: str, used: int) -> str:
    """Write a collection in one line, or one item to a line if it is long."""
    comma = "," if start == "(" and len(items) == 1 else ""
    text = start + ", ".join(items) + comma + end
    if len(text) + used <= WIDTH and "\n" not in text:
        return text
    return f"{start}\n{spread(items, 4)}{end}"


def helpers(names: Sequence[str]) -> list[str]:
    """Return the code of the functions that NumPy has not and that are used."""
    needed: dict[str, str] = {}

    def need(name: str) -> None:
        function = getattr(numerics, name, None)
        if inspect.isfunction(function) and name not in needed:
            code = inspect.getsource(function)
            needed[name] = without_types(code)
            for other in function.__code__.co_names:
                need(other)

    for name in names:
        need(name)
    return [CHECKED, *needed.values()]


def without_types(code: str) -> str:
    """Return the code of a function without its annotations."""
    first, rest = code.split("\n", 1)
    first = re.sub(r": (Any|bool|tuple\[int, \.\.\.\])| -> \w+(?=:$)", "", first)
    rest = rest.replace(": Any = ", " = ")
    return f"{first.replace(' = ', '=')}\n{rest}".rstrip()


def is_shared(term: Term, listing: Listing) -> bool:
    """Tell whether a gradient may share memory with something else."""
    return term in listing.gradients.values() and term.primitive in VIEWS


def array(x: Any, used: int) -> str:
    """Write an array as code."""
    if x.size > 10_000:
        raise ValueError(
            f"an array of shape {x.shape} is found outside the arguments, too long to be written "
            "out; make it an argument"
        )
    if not x.size:
        return f"np.zeros({x.shape}, dtype=np.{x.dtype})"
    dtype = f", dtype=np.{x.dtype}" if x.dtype == np.float32 else ""
    text = nested(x, 0)
    if used + len(f"np.array({text}{dtype})") <= WIDTH and "\n" not in text:
        return f"np.array({text}{dtype})"
    text = textwrap.indent(nested(x, 4), "    ")
    return f"np.array(\n{text}{dtype and ',' + chr(10) + '    ' + dtype[2:] + ','}\n)"


def nested(x: Any, used: int) -> str:
    """Write the numbers of an array as nested lists."""
    if not x.ndim:
        return str(x) if x.dtype.kind in "iub" else code_number(float(x))
    parts = [nested(part, used + 4) for part in x]
    return bracketed("[", parts, "]", used + 1)


CHECKED = '''def checked(x, shape, name, dtype=np.float64):
    """Return x as an array of numbers, or refuse its shape."""
    x = np.array(x, dtype)
    if x.shape != shape:
        raise ValueError(f"{name} has shape {x.shape}; this code is for {shape}")
    return x[()]'''
