"""How primitives, names and numbers are written: as NumPy code, as text, and in LaTeX."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

# How tightly an expression holds together; an operand that is looser needs brackets.
LOOSE, COMPARISON, OR, AND, SUM, PRODUCT, SIGN, ATOM = range(8)

LEVELS = [
    (COMPARISON, ("<", "<=", ">", ">=", "==", "!=", "≤", "≥", "=", "≠", "\\le", "\\ge", "\\ne")),
    (OR, ("|", "∨", "\\vee")),
    (AND, ("&", "∧", "\\wedge")),
    (SUM, ("+", "-")),
    (PRODUCT, ("*", "/", "@", "·", "⊙", "\\odot", "\\,")),
]


class Written(NamedTuple):
    """An expression as it is written, and how tightly it holds together."""

    text: str
    level: int = ATOM


class Style(NamedTuple):
    """What differs between code, text and LaTeX."""

    name: str
    brackets: str
    number: Callable[[Any], str]


@cache
def levels_of(template: str) -> tuple[int, tuple[int, ...]]:
    """Return the level of what a template makes, and those that its operands need."""
    depth, depths, outside = 0, [], ""
    for literal, field, _, _ in Formatter().parse(template):
        for character in literal:
            depth += (character in "([{") - (character in ")]}")
            outside += character if depth == 0 and character not in ")]}" else ""
        if field is not None and (not field or field.isdigit()):
            depths.append(depth)
            outside += " x " if depth == 0 else ""
    words = outside.split()
    level = ATOM
    for candidate, signs in reversed(LEVELS):
        if any(word in signs for word in words[1:]):
            level = candidate
    if level == ATOM and words and words[0] in "-~¬":
        level = SIGN
    elif level == ATOM and words.count("x") > 1 and template[0] == "{":
        level = PRODUCT  # two factors side by side
    right = level + 1 if level < SIGN else level
    first = level + 1 if level == COMPARISON else level
    needed = [LOOSE if d else right for d in depths]
    if needed and not depths[0]:
        needed[0] = first
    return level, tuple(needed)


def written(template: str, operands: Sequence[Written], style: Style, **parameters: str) -> Written:
    """Fill a template, with brackets around the operands that need them."""
    level, needed = levels_of(template)
    texts = [
        style.brackets.format(x.text) if x.level < need else x.text
        for x, need in zip(operands, needed)
    ]
    return Written(template.format(*texts, **parameters), level)


# Numbers.


def code_number(x: Any) -> str:
    """Write a number as Python code that gives it back exactly."""
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, np.float32):
        return f"np.float32({code_number(float(x))})"
    x = float(x)
    if np.isnan(x):
        return "np.nan"
    return repr(x).replace("inf", "np.inf")


def short_number(x: Any) -> str:
    """Write a number for a reader, whole numbers without a decimal point."""
    if isinstance(x, (bool, np.bool_)):
        return str(int(x))
    return f"{float(x):.0f}" if is_whole(x) else f"{float(x):.6g}"


def tex_number(x: Any) -> str:
    """Write a number in LaTeX."""
    mantissa, _, exponent = short_number(x).replace("inf", r"\infty").partition("e")
    mantissa = mantissa.replace("nan", r"\mathrm{NaN}")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def is_whole(x: Any) -> bool:
    """Tell whether a number is an integer that is written more shortly as such."""
    return not isinstance(x, np.float32) and float(x).is_integer() and abs(float(x)) < 1e6


CODE = Style("code", "({})", code_number)
TEXT = Style("text", "({})", short_number)
TEX = Style("tex", r"\left({}\right)", tex_number)


# Names.

NOT_FOR_NAMES = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "l", "O", "I"}


class Names:
    """Identifiers, each given once."""

    def __init__(self, taken: Sequence[str]) -> None:
        self.taken = {*taken, *NOT_FOR_NAMES}

    def new(self, wish: str) -> str:
        """Return an identifier like `wish`, or made of it, that was not given before."""
        name = unicodedata.normalize("NFKC", re.sub(r"\W", "_", wish))[:24].strip("_") or "v"
        name = name if name.isidentifier() else f"v_{name}"
        number, free = 1, name
        while free in self.taken or (number == 1 and keyword.iskeyword(free)):
            number += 1
            free = f"{name}_{number}"
        self.taken.add(free)
        return free

    def numbered(self, letter: str) -> str:
        """Return a letter with the next number."""
        number = 1
        while f"{letter}{number}" in self.taken:
            number += 1
        self.taken.add(f"{letter}{number}")
        return f"{letter}{number}"


def quoted(x: Any) -> str:
    """Write a key or a text as code, with double quotes where that needs no more escapes."""
    if not isinstance(x, str):
        return repr(x if x is None else int(x))
    quote = "'" if x.count('"') > x.count("'") else '"'
    characters = [f"\\{c}" if c == quote else c if c in "'\"" else repr(c)[1:-1] for c in x]
    return f"{quote}{''.join(characters)}{quote}"


def placed(path: tuple[Any, ...]) -> str:
    """Write where an argument is found."""
    start: str = path[0]
    return start + "".join(f"[{quoted(key)}]" for key in path[1:])


# Templates that depend on what is multiplied or summed.


def product(of_numbers: str, of_arrays: str) -> Callable[..., str]:
    """Return the template of an element-wise product."""
    return lambda a, b: of_arrays if a.ndim and b.ndim else of_numbers


def total(over_rows: str, over_all: str) -> Callable[..., str]:
    """Return the template of a sum: as a product with the vector of ones where it is one."""

    def template(x: Any, axis: Any, keepdims: bool) -> str:
        if keepdims:
            return "sum({}{options})"
        if x.ndim == 1 or (x.ndim == 2 and axis in (0, (0,))):
            return over_rows
        return over_all if axis is None else "sum({}{options})"

    return template
