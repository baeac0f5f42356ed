"""A function and its backward pass as plain data, for pictures, pages and anyone's own tool."""

import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.arrays import POSITIONS
from autodiff.graph import Primitive
from autodiff.primitives import add, divide, multiply
from autodiff.readings.indexed.equations import Equation, Equations
from autodiff.readings.listing import Listing
from autodiff.readings.notation import CODE, NOTATION, TEX, TEXT, levels_of, placed
from autodiff.readings.terms import Term

MOST = 1_000_000


def steps(f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] = 0) -> dict[str, Any]:
    """Return the program of `f` and of its gradient in the arguments `argnums`: dicts and lists.

    "terms" are in the order of computation, each with its "primitive", None for a number or an
    array, "operands" (positions among the terms), "parameters", "shape" and whether it is a "mask",
    which NumPy adds otherwise; those without a primitive have their "data", all numbers in one
    list. "statements" are the equations that `derivation` and `source` write, with the "term" that
    each computes, "name", "code", "text" and "latex" (two sides each), "indices" (its "text" and
    "latex" entry by entry), the "line" of the function's code that it comes from and, on the way
    back, what it is the adjoint "of" and the statement that it "undoes". "inputs", "constants",
    "value" and "gradients" say which terms are these, "notation" how primitives are written of
    single numbers, "legend" what the letters of indices stand for; "code" are the lines of `f`.

    NaN and infinities are strings. Raises as `source` does, and ValueError for more than a million
    numbers.

    >>> [" = ".join(x["code"]) for x in steps(lambda x: sin(x), 1.0)["statements"]]
    ['loss = np.sin(x)', 'x_bar = np.cos(x)']
    """
    listing = Listing(f, args, argnums)
    inputs = list(listing.terms.inputs.values())
    constants = [x for x, _ in listing.terms.arrays]
    gradients = {p: x for p, x in listing.gradients.items() if p in listing.terms.gradients}
    results = [listing.terms.value, *gradients.values()]  # which may be numbers
    terms = in_order([*inputs, *constants], [*listing.terms.used, *results])
    size = sum(np.size(x.data) for x in terms)
    if size > MOST:
        raise ValueError(
            f"{listing.trace.name} computes {size:,} numbers for these arguments, too many to be "
            "followed one by one; give it fewer examples"
        )
    at = {x: i for i, x in enumerate(terms)}
    applied = [(x.primitive, x.operands) for x in terms if x.primitive and not x.parameters]
    code, first = code_of(f)
    by_entry = Equations(listing)
    return {
        "name": listing.trace.name,
        "terms": [as_data(x, at) for x in terms],
        "inputs": [
            {
                "term": at[x],
                "name": listing.names[x],
                "place": placed(path),
                "wanted": path[0] in listing.trace.wanted,
            }
            for path, x in listing.terms.inputs.items()
        ],
        "constants": [{"term": at[x], "name": listing.names[x]} for x in constants],
        "statements": [written(by_entry, x, at, first) for x in by_entry.equations],
        "legend": by_entry.legend,
        "value": at[listing.terms.value],
        "gradients": {
            listing.names[listing.terms.inputs[path]]: at[x] for path, x in gradients.items()
        },
        "notation": {
            primitive.name: in_numbers(primitive, len(operands))
            for primitive, operands in [*[(x, "ab") for x in (add, multiply, divide)], *applied]
        },
        "code": code,
    }


def in_numbers(primitive: Primitive, count: int) -> dict[str, Any]:
    """Return how a primitive of numbers is written, and how tightly it and its operands hold."""
    template: Any = NOTATION.get(primitive.name, {}).get("text")
    if callable(template):
        template = template(*[np.float64()] * count)
    if template is None:
        template = f"{primitive.name}({', '.join(['{}'] * count)})"
    level, needed = levels_of(template)
    return {"template": template, "level": level, "needed": list(needed)}


def in_order(first: Sequence[Term], used: Sequence[Term]) -> list[Term]:
    """Return terms and all that they are made of, numbers among that, each once."""
    found = dict.fromkeys(first)
    for term in used:
        found.update(dict.fromkeys(x for x in term.operands if x.primitive is None))
        found[term] = None
    return list(found)


def as_data(term: Term, at: dict[Term, int]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "shape": list(term.shape),
        "forward": term.forward,
        "mask": term.is_mask,
    }
    if term.primitive is None:
        numbers = np.ravel(np.asarray(term.data, np.float64)).tolist()
        return {"primitive": None, **data, "data": list(map(plain, numbers))}
    return {
        "primitive": term.primitive.name,
        **data,
        "operands": [at[x] for x in term.operands],
        "parameters": {key: plain(x) for key, x in term.parameters.items()},
    }


def plain(x: Any) -> Any:
    """Return a parameter or a number as JSON has it."""
    if isinstance(x, float):
        return x if np.isfinite(x) else {"inf": "Infinity", "-inf": "-Infinity"}.get(repr(x), "NaN")
    if isinstance(x, slice):
        return {"slice": [x.start, x.stop, x.step]}
    if isinstance(x, tuple | list):
        return [plain(y) for y in x]
    if isinstance(x, np.ndarray):
        return {"array": x.ravel().tolist(), "shape": list(x.shape)}
    if isinstance(x, np.integer | np.bool_):
        return x.item()
    if x is ... or x is POSITIONS or isinstance(x, np.dtype):
        return "..." if x is ... else "operand" if x is POSITIONS else str(x)
    return x


def written(
    by_entry: Equations, equation: Equation, at: dict[Term, int], first: int
) -> dict[str, Any]:
    """Return a statement as data; the code of its function begins in line `first`."""
    listing, statement = by_entry.listing, equation.statement
    term, undoes = statement
    of = listing.writer.bars.get(term)
    return {
        "term": at[term],
        "name": listing.names[term],
        "of": at.get(of) if of is not None else None,
        "forward": term.forward,
        "undoes": None if undoes is None else listing.forward.index(undoes),
        "line": line_of(listing, (undoes or statement).term, first),
        "code": [*listing.sides(statement, CODE)],
        "text": [*listing.sides(statement, TEXT)],
        "latex": [*listing.sides(statement, TEX)],
        "indices": {
            "text": [*by_entry.sides(equation, TEXT)],
            "latex": [*by_entry.sides(equation, TEX)],
        },
    }


def code_of(f: Callable[..., Any]) -> tuple[list[str], int]:
    """Return the lines of a function, and the number of the first; none if they are not found."""
    try:
        lines, first = inspect.getsourcelines(f)
    except (OSError, TypeError):
        return [], 0
    return textwrap.dedent("".join(lines)).splitlines(), first


def line_of(listing: Listing, term: Term, first: int) -> int | None:
    """Return the line of a function, from 0 on, in which a term got its name or was returned."""
    trace, of_node = listing.trace, listing.terms.of_node
    lines = [line for node, line in trace.lines.items() if of_node.get(node) is term]
    return lines[0] - first if lines and lines[0] >= first else None
