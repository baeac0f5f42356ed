"""Formulas of entries written down: as text, in LaTeX and as code."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from autodiff import primitives
from autodiff.readings.indexed.formula import (
    ZERO,
    Applied,
    At,
    Chosen,
    Entry,
    Formula,
    Index,
    Moved,
    Position,
    Reduced,
    Whole,
)
from autodiff.readings.notation import (
    ATOM,
    CODE,
    POWER,
    PRODUCT,
    SUM,
    TEX,
    Style,
    Written,
    tex_variable,
)
from autodiff.readings.terms import Term, frozen
from autodiff.readings.writing import Writer, filled, template_of

PRODUCTS = {"code": "{} * {}", "text": "{} {}", "tex": r"{} \, {}"}
DOTS = {"code": "{} * {}", "text": "{} · {}", "tex": r"{} \cdot {}"}
SQUARES = {"code": "{} ** 2", "text": "{}²", "tex": "{}^2"}
SHARES = {"text": "(1/N)", "tex": r"\frac{{1}}{{N}}"}
REDUCTIONS = {
    "sum": ("Σ_{over} {of}", r"\sum_{{{over}}} {of}"),
    "mean": ("(1/{count}) Σ_{over} {of}", r"\frac{{1}}{{{count}}} \sum_{{{over}}} {of}"),
    "max": ("max_{over} {of}", r"\max_{{{over}}} {of}"),
    "min": ("min_{over} {of}", r"\min_{{{over}}} {of}"),
    "logsumexp": ("log Σ_{over} exp({of})", r"\log \sum_{{{over}}} \exp\left({of}\right)"),
}
RELATIONS = {
    "code": {},
    "text": {"==": "=", "<=": "≤", ">=": "≥"},
    "tex": {"==": "=", "<=": r"\leq", ">=": r"\geq"},
}
POSITIONS = {
    "code": {"+": "{} + {}", "-": "{} - {}", "*": "{} * {}", "//": "{} // {}", "%": "{} % {}"},
    "text": {"+": "{}+{}", "-": "{}-{}", "*": "{1}{0}", "//": "⌊{}/{}⌋", "%": "{} mod {}"},
    "tex": {
        **{"+": "{}+{}", "-": "{}-{}", "*": "{1}{0}"},
        **{"//": r"\lfloor {}/{} \rfloor", "%": r"{} \bmod {}"},
    },
}


def entry_name(name: str, others: Iterable[str]) -> str:
    """Return the name of an entry of a matrix: its letter in lower case, if nothing has that."""
    match = re.fullmatch(r"([A-Z])(_?\d*)(_bar)?", name)
    lower = f"{name[0].lower()}{name[1:]}"
    stem = lower.removesuffix("_bar")
    return lower if match and stem not in {*others} else name


@dataclass(frozen=True)
class Entries:
    """How formulas are written in a style, with these letters for indices.

    A number that divides and is the `count` of a mean is written N.
    """

    writer: Writer
    style: Style
    letters: Mapping[Index, str]
    count: int | None = None

    def written(self, x: Formula) -> Written:
        if isinstance(x, Applied):
            return self.applied(x)
        if isinstance(x, Reduced):
            return self.reduced(x)
        if isinstance(x, Chosen):
            return self.chosen(x)
        if isinstance(x, Whole):
            text = self.writer.expression(x.term, self.style).text
            return Written(self.subscripted(f"({text})", x.term.shape, x.at))
        return Written(self.subscripted(self.name(x.term), x.term.shape, x.at))

    def name(self, term: Term) -> str:
        style = self.style
        if term not in self.writer.names:
            is_number = term.is_number
            return style.number(term.data) if is_number else self.writer.arrays[frozen(term.data)]
        if style is TEX:
            style = TEX._replace(variable=lambda name, _, adjoint: tex_variable(name, 0, adjoint))
        return self.writer.variable(term, style).text

    def applied(self, x: Applied) -> Written:
        primitive, name = x.primitive, self.style.name
        operands = [self.operand(y, x) for y in x.operands]
        if primitive is primitives.multiply:
            template = PRODUCTS[name]
            if operands[0] == operands[1] and len(operands[0].text) > 1:
                template, operands = SQUARES[name], operands[:1]
            elif operands[1].level >= POWER and operands[1].text[:1].isdigit():
                template = DOTS[name]
        elif primitive is primitives.power and operands[1].text == "2":
            template, operands = SQUARES[name], operands[:1]
        elif primitive is primitives.divide and self.style is not CODE and self.is_count(x):
            template = SHARES[name]
            if operands[0].text == "1":
                operands = []
            else:
                template, operands = f"{template} {{}}", operands[:1]
        else:
            arrays = [np.float64()] * len(operands)
            template = template_of(primitive, arrays, {}, self.style)
        return filled(template, operands, self.style, {"options": ""})

    def operand(self, x: Formula, reader: Applied) -> Written:
        if isinstance(x, Entry) and x.term.is_number and x.term not in self.writer.names:
            return self.writer.number(x.term, reader.term, self.style)
        found, primitive = self.written(x), reader.primitive
        if isinstance(x, Reduced) and primitive in (primitives.add, primitives.subtract):
            return Written(found.text, PRODUCT)
        is_quotient = isinstance(x, Applied) and x.primitive is primitives.divide
        if is_quotient and primitive is primitives.multiply and " / " in found.text:
            return Written(found.text, SUM)
        return found

    def is_count(self, x: Applied) -> bool:
        """Return whether something is divided by the number of elements of a mean."""
        divisor = x.operands[1]
        return isinstance(divisor, Entry) and divisor.term.number == self.count is not None

    def reduced(self, x: Reduced) -> Written:
        over = "".join(self.letters[i] for i in x.over)
        count = "N" if x.count == self.count else str(x.count)
        of = self.written(x.of)
        is_loose = of.level < PRODUCT and not isinstance(x.of, Reduced)
        if is_loose and x.primitive is not primitives.logsumexp:
            of = Written(self.style.brackets.format(of.text))
        template = REDUCTIONS[x.primitive.name][self.style is TEX]
        return Written(template.format(over=over, count=count, of=of.text), SUM)

    def conditions(self, x: Chosen) -> str:
        relations = RELATIONS[self.style.name]
        return (" and " if self.style is CODE else ", ").join(
            f"{self.position(a).text} {relations.get(sign, sign)} {self.position(b).text}"
            for a, sign, b in x.conditions
        )

    def chosen(self, x: Chosen) -> Written:
        joint = self.conditions(x)
        then, otherwise = self.written(x.then), self.written(x.otherwise)
        if self.style is CODE:
            return Written(f"({then.text} if {joint} else {otherwise.text})")
        if x.otherwise is ZERO:
            return filled(PRODUCTS[self.style.name], [Written(f"[{joint}]"), then], self.style, {})
        if self.style is TEX:
            cases = rf"{then.text} & {joint} \\ {otherwise.text} & \text{{otherwise}}"
            return Written(rf"\begin{{cases}} {cases} \end{{cases}}")
        return Written(f"({then.text} if {joint}, else {otherwise.text})")

    def subscripted(self, name: str, shape: tuple[int, ...], at: At) -> str:
        """Write an entry; axes of one element are left out but in code."""
        if not shape:
            return name
        if self.style is CODE:
            return f"{name}[{', '.join(self.position(p).text for p in at)}]"
        texts = [self.position(p).text for p, n in zip(at, shape) if n != 1]
        is_short = all(len(x) == 1 for x in texts)
        subscript = ("" if is_short else ", ").join(texts)
        if self.style is TEX and subscript:
            return f"{{{name}}}_{{{subscript}}}" if "_" in name else f"{name}_{{{subscript}}}"
        return f"{name}_{subscript if is_short else f'({subscript})'}" if texts else name

    def position(self, p: Position) -> Written:
        """Write a position, with the signs of code or of a subscript."""
        if isinstance(p, int):
            return Written(str(p))
        if isinstance(p, Index):
            return Written(self.letters[p])
        if not isinstance(p, Moved):
            return self.written(p)
        left, right = self.position(p.left), self.position(p.right)
        if p.sign not in "+-" and left.level < ATOM:
            left = Written(f"({left.text})")
        text = POSITIONS[self.style.name][p.sign].format(left.text, right.text)
        return Written(text, SUM if p.sign in "+-" else PRODUCT)
