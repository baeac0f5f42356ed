"""Formulas of entries written down: as text, in LaTeX and as code."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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
    LOOSE,
    PRODUCT,
    SUM,
    TEX,
    TEXT,
    Style,
    Written,
    tex_variable,
)
from autodiff.readings.terms import Term, frozen
from autodiff.readings.writing import Writer, filled, template_of

PRODUCTS = {"text": "{} {}", "tex": r"{} \, {}"}
DOTS = {"text": "{} · {}", "tex": r"{} \cdot {}"}
SHARES = {"text": "(1/N)", "tex": r"\frac{1}{N}"}
COMPARISONS = primitives.MASKS - {getattr(primitives, f"logical_{x}") for x in ("and", "or", "not")}
REDUCTIONS = {
    "sum": ("Σ_{over} {of}", r"\sum_{{{over}}} {of}"),
    "mean": ("(1/{count}) Σ_{over} {of}", r"\frac{{1}}{{{count}}} \sum_{{{over}}} {of}"),
    "max": ("max_{over} {of}", r"\max_{{{over}}} {of}"),
    "min": ("min_{over} {of}", r"\min_{{{over}}} {of}"),
    "logsumexp": ("log Σ_{over} exp({of})", r"\log \sum_{{{over}}} \exp\left({of}\right)"),
}
SIGNS = {
    "code": {},
    "text": {
        **{"==": "=", "<=": "≤", ">=": "≥", "+": "{}+{}", "-": "{}-{}", "*": "{1}{0}"},
        **{"//": "⌊{}/{}⌋", "%": "{} mod {}"},
    },
    "tex": {
        **{"==": "=", "<=": r"\leq", ">=": r"\geq", "+": "{}+{}", "-": "{}-{}", "*": "{1}{0}"},
        **{"//": r"\lfloor {}/{} \rfloor", "%": r"{} \bmod {}"},
    },
}


def entry_name(name: str, others: Iterable[str]) -> str:
    """Return the name of an entry of an array: its letter in lower case, if nothing has that."""
    lower = f"{name[0].lower()}{name[1:]}"
    is_letter = re.fullmatch(r"[A-Z](_?\d*)(_bar)?", name)
    return lower if is_letter and lower.removesuffix("_bar") not in {*others} else name


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
            whole = self.writer.expression(x.term, self.style)
            if not x.at:
                return whole
            return Written(self.subscripted(f"({whole.text})", x.term.shape, x.at))
        if self.is_digits(x.term):
            return self.writer.number(x.term, x.term, self.style)
        return Written(self.subscripted(self.name(x.term), x.term.shape, x.at))

    def name(self, term: Term) -> str:
        style = self.style
        if term not in self.writer.names:
            return style.variable(self.writer.arrays[frozen(term.data)], 0, False)
        if style is TEX:
            style = TEX._replace(variable=lambda name, _, adjoint: tex_variable(name, 0, adjoint))
        return self.writer.variable(term, style).text

    def applied(self, x: Applied) -> Written:
        primitive, style = x.primitive, self.style
        operands = [self.operand(y, x) for y in x.operands]
        if style is not CODE:
            if primitive is primitives.multiply:
                return self.product(*operands)
            if primitive is primitives.power and operands[1].text == "2":
                primitive = primitives.square
            elif self.is_share(x):
                return self.product(Written(SHARES[style.name]), operands[0])
        template = template_of(primitive, [np.float64()] * len(operands), {}, style)
        found = filled(template, operands, style, {"options": ""})
        is_bracket = primitive in COMPARISONS and style is not CODE
        return Written(f"[{found.text}]") if is_bracket else found

    def product(self, a: Written, b: Written) -> Written:
        """Write a product, without brackets around one that it ends in."""
        if "1" in (a.text, b.text):
            return a if b.text == "1" else b
        if a == b:
            template = template_of(primitives.square, [np.float64()], {}, self.style)
            return filled(template, [a], self.style, {})
        b = Written(b.text) if b.level == PRODUCT and b.text[0] != "-" else b
        is_number = b.level > SUM and b.text[0].isdigit()
        template = (DOTS if is_number else PRODUCTS)[self.style.name]
        return filled(template, [a, b], self.style, {})

    def operand(self, x: Formula, reader: Applied) -> Written:
        if isinstance(x, Entry) and self.is_digits(x.term):
            return self.writer.number(x.term, reader.term, self.style)
        found, primitive = self.written(x), reader.primitive
        if isinstance(x, Reduced) and primitive in (primitives.add, primitives.subtract):
            return Written(found.text, PRODUCT)
        is_quotient = isinstance(x, Applied) and x.primitive is primitives.divide
        is_factor = primitive is primitives.multiply and self.style is TEXT
        if is_factor and is_quotient and not self.is_share(x):
            return Written(found.text, SUM)
        return found

    def is_digits(self, term: Term) -> bool:
        return term.is_number and term not in self.writer.names

    def is_share(self, x: Any) -> bool:
        """Return whether something is divided by the number of elements of a mean."""
        divisor = x.operands[-1]
        is_count = isinstance(divisor, Entry) and divisor.term.number == self.count is not None
        return is_count and x.primitive is primitives.divide

    def reduced(self, x: Reduced) -> Written:
        over = "".join(self.letters[i] for i in x.over)
        count = "N" if x.count == self.count else str(x.count)
        of = self.written(x.of)
        is_loose = of.level < PRODUCT or of.text[0] == "-"
        if is_loose and not isinstance(x.of, Reduced) and x.primitive is not primitives.logsumexp:
            of = Written(self.style.brackets.format(of.text))
        template = REDUCTIONS[x.primitive.name][self.style is TEX]
        return Written(template.format(over=over, count=count, of=of.text), SUM)

    def conditions(self, x: Chosen) -> str:
        """Write what must hold, what is between two numbers once."""
        signs = SIGNS[self.style.name]
        texts: list[str] = []
        for a, sign, b in x.conditions:
            left = self.position(a).text
            right = f" {signs.get(sign, sign)} {self.position(b).text}"
            if self.style is not CODE and texts and texts[-1].endswith(f" {left}"):
                texts[-1] += right
            else:
                texts.append(left + right)
        return (" and " if self.style is CODE else ", ").join(texts)

    def chosen(self, x: Chosen) -> Written:
        joint, then = self.conditions(x), self.written(x.then)
        if x.otherwise is ZERO and self.style is not CODE:
            return self.product(Written(f"[{joint}]"), then)
        otherwise = self.written(x.otherwise).text
        if self.style is CODE:
            return Written(f"({then.text} if {joint} else {otherwise})")
        if self.style is TEX:
            begin, end = r"\begin{cases} ", r" \end{cases}"
            rest = otherwise.removeprefix(begin).removesuffix(end)
            rest += r" & \text{otherwise}" if rest == otherwise else ""
            return Written(rf"{begin}{then.text} & {joint} \\ {rest}{end}")
        first = then.text if then.level > LOOSE else f"({then.text})"
        is_last = not isinstance(x.otherwise, Chosen) or x.otherwise.otherwise is ZERO
        return Written(f"{first} if {joint}, {'else ' if is_last else ''}{otherwise}", LOOSE)

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
        is_code, is_sum = self.style is CODE, p.sign in "+-"
        if not is_sum and left.level < ATOM:
            left = Written(f"({left.text})")
        template = SIGNS[self.style.name].get(p.sign, f"{{}} {p.sign} {{}}")
        if p.sign == "*" and p.right == -1 and not is_code:
            template = "-{}"
        if p.sign == "+" and left.text[0] == "-" and not is_code:
            template = "{1}{0}"
        level = SUM if is_sum else PRODUCT if is_code or p.sign != "//" else ATOM
        return Written(template.format(left.text, right.text), level)
