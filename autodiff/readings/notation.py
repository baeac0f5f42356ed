"""How primitives, names and numbers are written: as NumPy code, as text, and in LaTeX."""

import builtins
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from autodiff.numerics import is_plain

# How tightly an expression holds together; an operand that is looser needs brackets.
LOOSE, COMPARISON, OR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(9)

LEVELS = [
    (COMPARISON, {"<", "<=", ">", ">=", "==", "!=", "≤", "≥", "=", "≠", "\\leq", "\\geq", "\\neq"}),
    (OR, {"|", "∨", "\\vee"}),
    (AND, {"&", "∧", "\\wedge"}),
    (SUM, {"+", "-"}),
    (PRODUCT, {"*", "/", "@", "·", "⊙", "\\odot", "\\,"}),
    (POWER, {"^"}),
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
    variable: Callable[[str, int, bool], str]
    function: Callable[[str], str]


@cache
def levels_of(template: str) -> tuple[int, tuple[int, ...]]:
    """Return the level of what a template makes, and those that its operands need."""
    depth, outside = 0, ""
    operands: list[tuple[int, int]] = []  # how deep in brackets, and where in what is outside
    for literal, field, _, _ in Formatter().parse(template):
        is_operand = field is not None and (not field or field.isdigit())
        for character in f"{literal}x" if is_operand else literal:
            depth += (character in "([{") - (character in ")]}")
            outside += character if depth == 0 and character not in ")]}" else ""
        if is_operand:
            operands.append((depth, len(outside) - (depth == 0)))
    words = outside.split()
    level = next((level for level, signs in LEVELS if not signs.isdisjoint(words[1:])), ATOM)
    if level == ATOM and outside[:1] in ("-", "~", "¬"):
        level = SIGN
    elif level == ATOM and len(words) > 1:
        level = PRODUCT  # side by side
    elif level == ATOM and any(mark in outside for mark in "^ᵀ²"):
        level = POWER
    tight = level == PRODUCT and not any(sign in words for sign in "*/@")
    right = POWER if tight else level + 1 if level not in (SIGN, ATOM) else level
    first = level + 1 if level in (COMPARISON, POWER) else level
    needed = []
    for number, (inside, place) in enumerate(operands):
        if inside:
            needed.append(LOOSE)
        elif outside[place + 1 : place + 2].strip():  # with something attached, such as .T
            needed.append(ATOM)
        else:
            needed.append(right if number or place else first)
    return level, tuple(needed)


# Numbers.


def code_number(x: Any) -> str:
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, np.float32):
        return f"np.float32({code_number(float(x))})"
    return re.sub("inf|nan", r"np.\g<0>", repr(float(x)))


def short_number(x: Any) -> str:
    """Write a number for a reader, whole numbers without a decimal point."""
    if isinstance(x, (bool, np.bool_)):
        return str(int(x))
    return f"{float(x):.0f}" if is_whole(x) else f"{float(x):.6g}"


def tex_number(x: Any) -> str:
    mantissa, _, exponent = short_number(x).replace("inf", r"\infty").partition("e")
    mantissa = mantissa.replace("nan", r"\mathrm{NaN}")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def is_whole(x: Any) -> bool:
    """Tell whether a number is an integer that is written more shortly as such."""
    return not isinstance(x, np.float32) and float(x).is_integer() and abs(float(x)) < 1e6


# Names.

NOT_FOR_NAMES = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "l", "O", "I"}


class Identifiers:
    """Identifiers, each given once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = {*taken, *NOT_FOR_NAMES}
        self.last: Counter[str] = Counter()

    def new(self, wish: str) -> str:
        """Return an identifier like `wish`, or made of it, that was not given before."""
        name = cleaned(wish)
        if name in self.taken:
            return self.numbered(f"{name}_", first=2)
        self.taken.add(name)
        return name

    def numbered(self, stem: str, first: int = 1) -> str:
        number = max(first, self.last[stem] + 1)
        while f"{stem}{number}" in self.taken:
            number += 1
        self.last[stem] = number
        self.taken.add(f"{stem}{number}")
        return f"{stem}{number}"


def cleaned(wish: str) -> str:
    characters = unicodedata.normalize("NFKC", wish)
    allowed = "".join(c if f"v{c}".isidentifier() else "_" for c in characters)
    name = allowed[:24].strip("_") or "v"
    return name if name.isidentifier() else f"v_{name}"


def quoted(x: Any) -> str:
    """Write a key or a text as code, with double quotes where that needs no more escapes."""
    if not isinstance(x, str):
        return repr(x if x is None else int(x))
    quote = "'" if x.count('"') > x.count("'") else '"'
    characters = [f"\\{c}" if c == quote else c if c in "'\"" else repr(c)[1:-1] for c in x]
    return f"{quote}{''.join(characters)}{quote}"


def placed(path: tuple[Any, ...]) -> str:
    start: str = path[0]
    return start + "".join(f"[{quoted(key)}]" for key in path[1:])


# How a variable is written, by its name, its number of axes, and whether it is an adjoint.

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
GREEK = {
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda"),
    *("mu", "nu", "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
}


def stem_and_number(name: str) -> tuple[str, str]:
    """Split a name into a stem and the number at its end, as in W1, W_1."""
    match = re.fullmatch(r"(\w*?[^\W\d_])_?([0-9]*)", name)
    return (match[1], match[2]) if match else (name, "")


def text_variable(name: str, ndim: int, adjoint: bool) -> str:
    """Write a variable as text: numbers at its end as subscripts, an adjoint with a bar."""
    stem, number = stem_and_number(name)
    if adjoint:
        over = "\u0304" if len(stem) == 1 else "\u0305"
        stem = "".join(character + over for character in stem)
    return stem + number.translate(SUBSCRIPTS)


def tex_variable(name: str, ndim: int, adjoint: bool) -> str:
    """Write a variable in LaTeX: arrays in bold type, an adjoint with a bar."""
    start, number = stem_and_number(name)
    stem, *subscripts = [part for part in (*start.split("_"), number) if part] or [r"\_"]
    if stem in GREEK:
        base = f"\\{stem}"
    else:
        font = r"\mathbf{{{}}}" if ndim else "{}" if len(stem) == 1 else r"\mathrm{{{}}}"
        base = font.format(stem)
    if adjoint:
        base = f"\\bar{{{base}}}" if len(stem) == 1 or stem in GREEK else f"\\overline{{{base}}}"
    below = ", ".join(subscripts)
    if not below:
        return base
    return f"{base}_{{{below}}}" if below.isdigit() else rf"{base}_{{\mathrm{{{below}}}}}"


def tex_function(name: str) -> str:
    known = ("exp", "log", "sin", "cos", "tanh", "max", "min")
    spaced = name.replace("_", r"\ ")
    return f"\\{name}" if name in known else rf"\mathrm{{{spaced}}}"


CODE = Style("code", "({})", code_number, lambda name, ndim, adjoint: name, str)
TEXT = Style("text", "({})", short_number, text_variable, str)
TEX = Style("tex", r"\left({}\right)", tex_number, tex_variable, tex_function)

# How a primitive is written, where it is not written as a call. A template is a format string, or
# a function of the operands' arrays and the parameters that returns one.

Template = str | Callable[..., str] | None


def notation(
    code: Template = None, text: Template = None, tex: Template = None
) -> dict[str, Template]:
    """Return the templates by style, None for a call: text serves for LaTeX, and code for both."""
    return {"code": code, "text": text or code, "tex": tex or text or code}


def product(of_numbers: str, of_arrays: str) -> Callable[..., str]:
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


NOTATION = {
    "add": notation("{} + {}"),
    "subtract": notation("{} - {}"),
    "multiply": notation(
        "{} * {}", product("{} · {}", "{} ⊙ {}"), product(r"{} \, {}", r"{} \odot {}")
    ),
    "divide": notation("{} / {}", tex=r"\frac{{{}}}{{{}}}"),
    "power": notation(text="{}^{}", tex="{}^{{{}}}"),
    "negative": notation("-{}"),
    "sqrt": notation(text="√{}", tex=r"\sqrt{{{}}}"),
    "square": notation(text="{}²", tex="{}^2"),
    "less": notation("{} < {}"),
    "less_equal": notation("{} <= {}", "{} ≤ {}", r"{} \leq {}"),
    "greater": notation("{} > {}"),
    "greater_equal": notation("{} >= {}", "{} ≥ {}", r"{} \geq {}"),
    "equal": notation("{} == {}", "{} = {}"),
    "not_equal": notation("{} != {}", "{} ≠ {}", r"{} \neq {}"),
    "logical_and": notation("{} & {}", "{} ∧ {}", r"{} \wedge {}"),
    "logical_or": notation("{} | {}", "{} ∨ {}", r"{} \vee {}"),
    "logical_not": notation("~{}", "¬{}", r"\neg {}"),
    "abs": notation(text="abs({})", tex=r"\left|{{{}}}\right|"),
    "sigmoid": notation(text="σ({})", tex=r"\sigma\left({}\right)"),
    "sigmoid_slope": notation(text="σ'({})", tex=r"\sigma^\prime\left({}\right)"),
    "logistic_cross_entropy": notation(text="ℒ({}, {})", tex=r"\mathcal{{L}}\left({}, {}\right)"),
    "logistic_residual": notation(text="σ({}) - {}", tex=r"\sigma\left({}\right) - {}"),
    "sum": notation(text=total("{}ᵀ 1", "Σ {}"), tex=total(r"{}^\top \mathbf{{1}}", r"\sum {}")),
    "mean": notation("np.mean({}{options})"),
    "matmul": notation(
        lambda a, b: "{} @ {}" if is_plain(a, b) else "matmul({}, {})", "{} {}", "{} {}"
    ),
    "outer": notation(text="{} {}ᵀ", tex=r"{} {}^\top"),
    "broadcast_to": notation("np.broadcast_to({}, {shape})"),
    "cast": notation(
        lambda x, dtype: "{}.astype(np.{dtype})" if x.ndim else "np.{dtype}({})",
        "{dtype}({})",
        r"\mathrm{{{dtype}}}\left({}\right)",
    ),
    "identity": notation("{}"),
    "own_adjoint": notation("{}"),
    "reshape": notation("np.reshape({}, {shape})"),
    "transpose": notation(
        lambda x, axes: "{}.T" if axes is None else "np.transpose({}, {axes})",
        lambda x, axes: "{}ᵀ" if axes is None else "transpose({}, {axes})",
        lambda x, axes: r"{}^\top" if axes is None else r"{}^{{\top{axes}}}",
    ),
    "getitem": notation("{}[{index}]", tex=r"{}\left[{index}\right]"),
    "scatter": notation(
        "scatter({}, np.s_[{index}], {shape})",
        "scatter({}, [{index}])",
        r"\mathrm{{scatter}}\left({}, [{index}]\right)",
    ),
    "einsum": notation(
        'np.einsum("{subscripts}", {operands}, optimize=True)',
        'np.einsum("{subscripts}", {operands})',
        r"\mathrm{{einsum}}_{{{subscripts}}}\left({operands}\right)",
    ),
    "concatenate": notation("np.concatenate([{operands}], axis={axis})"),
}
