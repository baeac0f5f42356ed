"""Terms written down, in code, in text and in LaTeX, by the names that they have."""

import inspect
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.arrays import POSITIONS
from autodiff.graph import Primitive
from autodiff.readings.notation import (
    ATOM,
    CODE,
    NOTATION,
    PRODUCT,
    SIGN,
    TEX,
    Style,
    Written,
    is_whole,
    levels_of,
)
from autodiff.readings.terms import Term, frozen


@dataclass(frozen=True)
class Writer:
    """How terms are written: by their names, those without one by what they compute.

    `bars` leads from an adjoint to what it is the adjoint of, and `arrays` from the content of an
    array of positions to its name. With `has_float32` a float64 number is kept from making float32
    arrays float64.
    """

    names: Mapping[Term, str]
    bars: Mapping[Term, Term]
    arrays: Mapping[Any, str]
    has_float32: bool = False

    def variable(self, term: Term, style: Style) -> Written:
        """Write the name of a term, that of an adjoint with a bar in text and LaTeX."""
        name, of = self.names[term], self.bars.get(term)
        whose = self.names.get(of) if of is not None else None
        if style is not CODE and whose and name == f"{whose}_bar":
            return Written(style.variable(whose, term.ndim, True))
        return Written(style.variable(name, term.ndim, False))

    def operand(self, term: Term, reader: Term, style: Style) -> Written:
        """Write a term as an operand of another: by its name, if it has one."""
        if term in self.names:
            return self.variable(term, style)
        if term.is_number:
            return self.number(term, reader, style)
        return self.expression(term, style)

    def number(self, term: Term, reader: Term, style: Style) -> Written:
        """Write a number; whole ones as integers where the result is a float anyway."""
        text = style.number(term.number)
        if style is CODE and is_whole(term.number) and not isinstance(term.number, bool):
            template = reader.primitive and NOTATION.get(reader.primitive.name, {}).get("code")
            if isinstance(template, str) and levels_of(template)[0] < ATOM:
                others = [x for x in reader.operands if not x.is_number]
                if (others or template == "{} / {}") and not any(x.is_mask for x in others):
                    text = text.removesuffix(".0")
        level = SIGN if text[0] == "-" else PRODUCT if "cdot" in text else ATOM
        return Written(text, level)

    def expression(self, term: Term, style: Style) -> Written:
        """Write what a term computes, in terms of named ones."""
        primitive = term.primitive
        assert primitive is not None
        operands = [self.operand(x, term, style) for x in term.operands]
        positions: list[str] = []
        parameters = term.parameters
        arrays = [np.asarray(x.data) for x in term.operands]
        template = template_of(primitive, arrays, parameters, style)
        if "index" in parameters and len(operands) > 1:
            operands, positions = operands[:1], [x.text for x in operands[1:]]
        fields = {key: self.parameter(key, x, positions, style) for key, x in parameters.items()}
        fields["options"] = "".join(
            f", {key}={fields[key]}"
            for key, x in parameters.items()
            if x is not None and x is not False and (key != "axis" or term.operands[0].ndim != 1)
        )
        result = filled(template, operands, style, fields)
        if style is CODE and self.has_float32 and is_weak(term):
            return Written(f"float({result.text})")
        return result

    def parameter(self, key: str, x: Any, positions: Iterable[str], style: Style) -> str:
        if key == "dtype":
            return str(np.dtype(x))
        if key == "axis" and isinstance(x, tuple) and len(x) == 1:
            x = x[0]
        if key == "index":
            return index_text(x, self.arrays, positions)
        if isinstance(x, str):
            return x if key == "subscripts" or style is TEX else f'"{x}"'
        return repr(tuple(map(int, x)) if isinstance(x, tuple) else x)


def template_of(
    primitive: Primitive, arrays: Sequence[Any], parameters: Mapping[str, Any], style: Style
) -> str:
    """Return how a primitive of these arrays is written."""
    template: Any = NOTATION.get(primitive.name, {}).get(style.name)
    if callable(template):
        return str(template(*arrays, **parameters))
    if template is None:
        name = code_name(primitive) if style is CODE else f"np.{primitive.name}"
        return f"{name}({{operands}}{{options}})"
    return str(template)


def code_name(primitive: Primitive) -> str:
    """Return how code calls the function of a primitive: as NumPy's, or one written beside it."""
    function = primitive.function
    module, _, rest = str(getattr(function, "__module__", "")).partition(".")
    if is_defined(function):
        return str(function.__name__)
    if module == "numpy" and rest:
        return f"np.{rest}.{function.__name__}"
    return f"np.{primitive.name}"


def is_defined(function: Any) -> bool:
    """Return whether a function is Python that NumPy has not, by a name that it is called by."""
    ours = inspect.isfunction(function) and function.__name__.isidentifier()
    return ours and not str(function.__module__).startswith("numpy")


def filled(
    template: str, operands: Sequence[Written], style: Style, fields: Mapping[str, str]
) -> Written:
    """Write operands into a template, in brackets where they are looser than it."""
    if template == "{}":
        return operands[0]
    fields = {**fields, "operands": ", ".join(x.text for x in operands)}
    call = re.fullmatch(r"np\.(\w+)\((.*)\)", template)
    if call and style is not CODE:
        fields["function"] = style.function(call[1])
        template = "{function}" + style.brackets.format(call[2])
    level, needed = levels_of(template)
    texts = [
        style.brackets.format(x.text) if x.level < need else x.text
        for x, need in zip(operands, needed)
    ]
    return Written(template.format(*texts, **fields), level)


def parts(term: Term, names: Container[Term]) -> list[Term]:
    """Return the named terms that the expression of a term is written with, left to right."""
    inner = [[x] if x in names else parts(x, names) for x in term.operands]
    return [x for found in inner for x in found]


def is_weak(term: Term) -> bool:
    """Return whether a result is a float64 number that is made of something else than those.

    The engine holds it as a Python float, which leaves arrays of float32 as they are.
    """
    return type(term.data) is float and any(
        x.ndim or not isinstance(x.data, (float, int)) for x in term.operands
    )


def is_range(x: Any) -> bool:
    """Return whether an array is `np.arange(n)`."""
    return x.dtype.kind == "i" and x.ndim == 1 and np.array_equal(x, np.arange(len(x)))


def index_text(index: Any, arrays: Mapping[Any, str], positions: Iterable[str] = ()) -> str:
    """Write an index, the arrays in it by their names, and `positions` where operands stand."""
    texts, operands = [], iter(positions)
    for i in index if isinstance(index, tuple) else (index,):
        if isinstance(i, slice):
            ends = ["" if end is None else str(end) for end in (i.start, i.stop)]
            texts.append(":".join(ends) + (f":{i.step}" if i.step is not None else ""))
        elif i is POSITIONS:
            texts.append(next(operands))
        elif isinstance(i, np.ndarray) and is_range(i):
            texts.append(f"np.arange({len(i)})")
        elif isinstance(i, np.ndarray):
            texts.append(arrays[frozen(i)])
        else:
            texts.append("..." if i is ... else str(i))
    return ", ".join(texts) or "()"
