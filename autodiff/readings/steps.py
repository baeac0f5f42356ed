"""A function and its backward pass as plain data, for pictures, pages and anyone's own tool."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.arrays import POSITIONS
from autodiff.readings.listing import Listing, Statement
from autodiff.readings.notation import CODE, TEX, TEXT, placed, stem_and_number
from autodiff.readings.terms import Term

MOST = 1_000_000


def steps(f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] = 0) -> dict[str, Any]:
    """Return the program of `f` and of its gradient in the arguments `argnums`: dicts and lists.

    "terms" are in the order of computation, each with its "primitive", None for a number or an
    array, "operands" (positions among the terms), "parameters", "shape" and whether it is a "mask",
    which NumPy adds otherwise; those without a primitive have their "data", all numbers in one
    list. "statements" are the equations that `derivation` and `source` write, with the "term" that
    each computes, "name", "code", "text" and "latex" (two sides each), the "line" of the function's
    code that it comes from and, on the way back, what it is the adjoint "of" and the statement that
    it "undoes". "inputs", "value" and "gradients" say which terms are these; "code" are the lines
    of `f`.

    NaN and infinities are strings. Raises as `source` does, and ValueError for more than a million
    numbers.
    """
    listing = Listing(f, args, argnums)
    inputs = list(listing.terms.inputs.values())
    constants = [x for x, _ in listing.terms.arrays]
    results = [listing.terms.value, *listing.terms.gradients.values()]  # which may be numbers
    terms = in_order([*inputs, *constants], [*listing.terms.used, *results])
    size = sum(np.size(x.data) for x in terms)
    if size > MOST:
        raise ValueError(
            f"{listing.trace.name} computes {size:,} numbers for these arguments, too many to be "
            "followed one by one; give it fewer examples"
        )
    at = {x: i for i, x in enumerate(terms)}
    lines = lines_of(f)
    statements = [*listing.forward, *listing.backward]
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
        "statements": [
            {
                **written(listing, x, at),
                "undoes": None if x.undoes is None else statements.index(x.undoes),
                "line": line_of(listing, x.undoes or x, lines),
            }
            for x in statements
        ],
        "value": at[listing.terms.value],
        "gradients": {
            listing.names[listing.terms.inputs[path]]: at[x]
            for path, x in listing.terms.gradients.items()
        },
        "code": code_of(f),
    }


def in_order(first: Sequence[Term], used: Sequence[Term]) -> list[Term]:
    """Return terms and all that they are made of, numbers among that, each once."""
    found = dict.fromkeys(first)
    for term in used:
        found.update(dict.fromkeys(x for x in term.operands if x.primitive is None))
        found[term] = None
    return list(found)


def as_data(term: Term, at: dict[Term, int]) -> dict[str, Any]:
    data: dict[str, Any] = {"shape": list(term.shape), "forward": term.forward, "mask": term.is_mask}
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


def written(listing: Listing, statement: Statement, at: dict[Term, int]) -> dict[str, Any]:
    term, _, alias = statement
    of = listing.writer.bars.get(term) if alias is None else alias
    return {
        "term": at[term],
        "name": listing.names[term] if alias is None else listing.aliases[alias],
        "of": at.get(of) if of is not None else None,
        "forward": term.forward and alias is None,
        **{style.name: listing.sides(statement, style) for style in (CODE, TEXT)},
        "latex": listing.sides(statement, TEX),
    }


def code_of(f: Callable[..., Any]) -> list[str]:
    """Return the lines of a function; none where they cannot be found."""
    try:
        return textwrap.dedent("".join(inspect.getsourcelines(f)[0])).splitlines()
    except (OSError, TypeError):
        return []


def lines_of(f: Callable[..., Any]) -> dict[str, list[int]]:
    """Return in which lines of its code, from 0 on, a function assigns each variable, or returns.

    That it returns stands under "".
    """
    found: dict[str, list[int]] = {}
    try:
        tree = ast.parse("\n".join(code_of(f)))
    except SyntaxError:  # as in a lambda within a call
        return found
    for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, []).append(node.lineno - 1)
        elif isinstance(node, ast.Return):
            found.setdefault("", []).append(node.lineno - 1)
    return found


def line_of(listing: Listing, statement: Statement, lines: dict[str, list[int]]) -> int | None:
    """Return the line of a forward statement; the one of several that has its number, if any."""
    name = listing.names[statement.term]
    if name in lines:
        return lines[name][0]
    stem, number = stem_and_number(name)
    places = lines.get(stem, [])
    if places:
        return places[int(number) - 1] if number and int(number) <= len(places) else places[-1]
    is_value = statement.term is listing.terms.value
    return lines[""][-1] if is_value and "" in lines else None
