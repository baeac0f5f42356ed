"""The NumPy code of a function and its backward pass, to be read, pasted and run."""

import ast
import builtins
import dis
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from autodiff import numerics
from autodiff.arguments import fold
from autodiff.primitives import broadcast_to, getitem, identity, reshape, scatter, transpose
from autodiff.readings.indexed.equations import Equations
from autodiff.readings.indexed.loops import loops
from autodiff.readings.listing import Listing, Statement
from autodiff.readings.native.loop import NoLoops
from autodiff.readings.native.program import Writer
from autodiff.readings.notation import CODE, Identifiers, code_number, placed, quoted
from autodiff.readings.terms import Term, is_of_engine
from autodiff.readings.trace import HELPERS, Path, Trace
from autodiff.readings.writing import code_name, is_defined

WIDTH = 88
"""Characters of a line, as ruff and Black have it."""

SHARE_MEMORY = (transpose, reshape, getitem, broadcast_to, identity)


def source(
    f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] = 0, form: str = "arrays"
) -> str:
    """Return a Python module with one function that computes `f` and its gradient: NumPy alone.

    The function takes what `f` takes and returns `(value, gradient)` as `value_and_grad(f)` does,
    with the same numbers, in float64 to the last bit. Variables have the names that they have in
    the code of `f`, and their adjoints those names with `_bar`. What is written holds for arguments
    of the shapes of `args`, and for the integers, strings and the like among them, which it checks;
    what `f` finds elsewhere is written out as constants. Arrays of integers become floats
    unless they are an index.

    `form` is "arrays"; "loops" for the same as loops over single entries, equal to rounding, in
    which a matrix product is a sum; or "c" for one C function that goes through the examples once,
    forward and backward together, and keeps the numbers of an example in local variables. It takes
    the arrays of the arguments, row after row, then those that the gradients are written to, then
    numbers; it returns the value, or NaN where `f` refuses numbers.

    Raises ValueError for another form, and for "c" where `f` is no loop over examples; TypeError
    where `f` returns no number that depends on its arguments, and where its code
    decides something by the numbers: an `if`, `float()`.

    >>> def f(x):
    ...     y = tanh(x)
    ...     return y * y
    >>> [line.strip() for line in source(f, 1.0).splitlines() if "_bar =" in line]
    ['y_bar = y + y', 'x_bar = y_bar * (1 - loss)']
    """
    listing = Listing(f, args, argnums)
    if form == "arrays":
        return module(listing, partial(assignment, listing))
    if form == "loops":
        equations = Equations(listing)
        of = dict(zip([*listing.forward, *listing.backward], equations.equations))
        positions = as_positions(listing.terms.used)
        return module(listing, lambda x: "\n".join(loops(equations, of[x], positions)))
    if form == "c":
        try:
            return Writer(listing).program().text
        except NoLoops as reason:
            raise ValueError(f"{listing.trace.name} is not written in C: {reason}") from None
    raise ValueError(f'form is "arrays", "loops" or "c", not {form!r}')


def module(listing: Listing, write: Callable[[Statement], str]) -> str:
    """Write the module; `write` says how a statement is written in it."""
    trace, names = listing.trace, listing.names
    shapes = ", ".join(f"{names[x]} {x.shape}" for x in listing.terms.inputs.values())
    body = [f'"""Return {trace.name} and its gradient.', ""]
    body += [*textwrap.wrap(f"Shapes: {shapes}.", WIDTH - 4), '"""']
    body += [*inputs(listing), "", "# Forward."]
    body += map(write, listing.forward)
    body += ["", "# Backward."]
    undone: Statement | None = None
    for statement in listing.backward:
        if statement.undoes is not undone and statement.undoes is not None:
            undone = statement.undoes
            body.append(f"# {' = '.join(listing.sides(undone, CODE))}")
        body.append(write(statement))
    value = listing.terms.value
    returned = names.get(value) or code_number(value.number)
    name = Identifiers([*names.values(), *HELPERS]).new("gradient")
    body += [assignment(listing, x) for x in listing.zeros]
    nested = nested_gradients(trace, lambda _, path: names[listing.gradients[path]], placed)
    body += ["", laid_out(f"{name} = {nested}"), f"return {returned}, {name}"]
    header = laid_out(f"def {trace.name}_and_gradient({', '.join(trace.args)}):", 0)
    function = "\n".join([header, *[textwrap.indent(line, "    ") for line in body]])
    constants = [laid_out(f"{key} = {array(x)}", 0) for key, x in listing.constants.items()]
    start = '"""Written from the code of a forward pass by reverse-mode differentiation."""'
    parts = [start, "import numpy as np", *(["\n".join(constants)] if constants else [])]
    called = re.findall(r"(?<![\w.])(\w+)\(", "\n".join(body[1:]))
    return "\n\n\n".join(["\n\n".join(parts), *helpers(called, listing), function]) + "\n"


def inputs(listing: Listing) -> list[str]:
    """Fetch the arguments and check their shapes, and those that were not numbers."""
    lines = []
    terms, names = listing.terms, listing.names
    read = {terms.value, *terms.gradients.values()}.union(*[x.operands for x in terms.used])
    positions = as_positions(terms.used)
    for path, term in terms.inputs.items():
        place, name = placed(path), names[term]
        single = is_single(term)
        start = f"{name} = " if term in read else ""
        dtype = ", np.float32" if single else ", int" if term in positions else ""
        lines.append(laid_out(f"{start}checked({place}, {term.shape}, {quoted(place)}{dtype})"))
        if start and terms.has_float32 and not term.shape and not single:
            lines.append(f"{name} = float({name})")
    for path, fixed in listing.trace.fixed.items():
        if isinstance(fixed, np.ndarray):
            place, numbers = placed(path), array(fixed)
            lines.append(laid_out(f"if not np.array_equal({place}, {numbers}):"))
            lines.append(f'    raise ValueError("this code is for other numbers in {path[0]}")')
        if fixed is None or isinstance(fixed, (int, np.integer, str)):
            place = placed(path)
            message = quoted(f"this code is for {place} = {quoted(fixed)}")
            lines.append(f"if {place} != {quoted(fixed)}:")
            lines.append(textwrap.indent(laid_out(f"raise ValueError({message})", 8), "    "))
    return lines


def as_positions(used: Sequence[Term]) -> set[Term]:
    """Return the inputs that an index is made of: there they must be integers, as they were."""
    found = {x for term in used if term.primitive in (getitem, scatter) for x in term.operands[1:]}
    for term in reversed(used):
        if term in found and np.result_type(term.data).kind == "f":  # not argsort, which counts
            found.update(term.operands)
    return found


def assignment(listing: Listing, statement: Statement) -> str:
    name, text = listing.sides(statement, CODE)
    term = statement.term
    if term.primitive is identity and term.operands[0].is_number:
        dtype = ", np.float32" if is_single(term) else ""
        zeros = f"np.zeros({term.shape}{dtype})"
        text = zeros if term.shape else f"np.{np.result_type(term.data)}({text})"
    elif term.shape and term.primitive in SHARE_MEMORY and term in listing.gradients.values():
        text = f"np.copy({text})"
    return line(name, text)


def is_single(x: Term) -> bool:
    return bool(np.result_type(x.data) == np.float32)


def line(name: str, text: str) -> str:
    """Write an assignment, with brackets around what is too long for a line and is no call."""
    if len(f"{name} = {text}") + 4 > WIDTH and not re.fullmatch(r"[\w.]+\(.*\)", text):
        text = f"({text})"
    return laid_out(f"{name} = {text}")


def laid_out(text: str, indent: int = 4) -> str:
    """Write code in one line; if that is too long, what its last brackets hold one to a line."""
    if len(text) + indent <= WIDTH:
        return text
    cuts, depth = [0], 0
    for mark in re.finditer(r"""[][(){},]|"(\\.|[^"\\])*"|'(\\.|[^'\\])*'""", text):
        opens, closes = mark[0] in "([{", mark[0] in ")]}"
        depth -= closes
        if opens and not depth:
            cuts = [mark.end()]
        elif (closes and not depth) or (mark[0] == "," and depth == 1):
            cuts.append(mark.end() - closes)
        depth += opens
    if len(cuts) == 1:
        return text
    comma = "" if len(cuts) == 2 and text[cuts[0] - 1] == "(" else ","  # no tuple of what is none
    items = [text[start:end].strip(", ") for start, end in pairwise(cuts)]
    lines = [laid_out(f"{x}{comma}", indent + 4) for x in items if x]
    inner = textwrap.indent("\n".join(lines), "    ")
    return f"{text[: cuts[0]]}\n{inner}\n{text[cuts[-1] :]}"


def nested_gradients(
    trace: Trace, leaf: Callable[[Any, Path], str], place: Callable[[Path], str]
) -> str:
    """Return the text of the gradient in the structure of the arguments.

    `leaf` writes what is at a path, and `place` where an argument is found, which named tuples are
    made from.
    """

    def branch(tree: Any, parts: dict[Any, str], path: Path) -> str:
        if isinstance(tree, dict):
            return f"{{{', '.join(f'{quoted(key)}: {x}' for key, x in parts.items())}}}"
        if hasattr(tree, "_fields"):
            fields = map("{}={}".format, tree._fields, parts.values())
            return f"{place(path)}._replace({', '.join(fields)})"
        items = ", ".join(parts.values())
        if isinstance(tree, list):
            return f"[{items}]"
        return f"({items},)" if len(parts) == 1 else f"({items})"

    found = [fold(trace.args[name], leaf, branch, (name,)) for name in trace.wanted]
    return branch((), dict(enumerate(found)), ()) if trace.several else str(found[0])


def helpers(names: Sequence[str], listing: Listing) -> list[str]:
    """Return the code of the functions that NumPy has not and that are used.

    Raises ValueError where one is not to be written, as one of SciPy's.
    """
    known = {name: x for name, x in vars(numerics).items() if inspect.isfunction(x)}
    for term in listing.terms.used:
        primitive: Any = term.primitive
        function, name = primitive.function, code_name(primitive)
        if is_defined(function) and not is_of_engine(primitive):
            if known.setdefault(name, function) is not function or name in listing.trace.args:
                raise ValueError(f"two things are called {name} here; give the primitive its own")
        elif not (name_in_numpy(name) is function or is_of_engine(primitive) or is_ours(function)):
            raise ValueError(
                f"{primitive.name} is not written as NumPy code: its function is neither NumPy's "
                "nor defined with def"
            )
    needed: dict[str, str] = {}
    stack = list(reversed(names))
    while stack:
        name = stack.pop()
        if name in known and name not in needed:
            function = known[name]
            if is_ours(function):
                needed[name] = without_types(inspect.getsource(function))
                stack += reversed(function.__code__.co_names)
            else:
                needed[name] = defined(function)
    return [CHECKED, *needed.values()]


def is_ours(function: Any) -> bool:
    """Return whether a function is one of ours, which is NumPy's of the name of its primitive."""
    return str(getattr(function, "__module__", "")).startswith("autodiff.")


def name_in_numpy(name: str) -> Any:
    """Return what code such as np.linalg.inv finds; None for nothing."""
    found: Any = np
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found


def defined(function: Callable[..., Any]) -> str:
    """Return the code of somebody's function, which must need NumPy alone."""
    known = {"np", *dir(builtins)}
    others = [x.argval for x in dis.get_instructions(function) if x.opname == "LOAD_GLOBAL"]
    others = [x for x in [*others, *function.__code__.co_freevars] if x not in known]
    try:
        code = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except OSError:
        others = ["its code, which is not found"]
    if others:
        raise ValueError(
            f"{function.__name__} is not written beside the code: it needs {', '.join(others)}"
        )
    assert isinstance(code, ast.FunctionDef)
    code.decorator_list, code.returns = [], None
    for x in ast.walk(code.args):
        if isinstance(x, ast.arg):
            x.annotation = None
    return ast.unparse(code)


def without_types(code: str) -> str:
    first, rest = code.split("\n", 1)
    first = re.sub(r": (Any|bool|tuple\[int, \.\.\.\])| -> \w+(?=:$)", "", first)
    rest = rest.replace(": Any = ", " = ")
    return f"{first.replace(' = ', '=')}\n{rest}".rstrip()


def array(x: Any) -> str:
    if x.size > 10_000:
        raise ValueError(
            f"an array of shape {x.shape} is found outside the arguments, too long to be written "
            "out; make it an argument"
        )
    if not x.size:
        return f"np.zeros({x.shape}, dtype=np.{x.dtype})"
    numbers = re.sub("inf|nan", r"np.\g<0>", repr(x.tolist()))
    dtype = ", dtype=np.float32" if x.dtype == np.float32 else ""
    return f"np.array({numbers}{dtype})"


CHECKED = '''def checked(x, shape, name, dtype=np.float64):
    """Return x as an array of numbers, or refuse its shape."""
    x = np.array(x, dtype)
    if x.shape != shape:
        raise ValueError(f"{name} has shape {x.shape}; this code is for {shape}")
    return x[()]'''
