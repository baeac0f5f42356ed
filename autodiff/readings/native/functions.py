"""How C writes numbers and the functions of primitives: NumPy's functions that they consist of."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.graph import Primitive
from autodiff.readings.compiling.calls import Call, Recorder
from autodiff.readings.native.loop import NoLoops
from autodiff.readings.notation import ATOM, CODE, SIGN, Written
from autodiff.readings.writing import filled

VECTORISED = ("cos", "exp", "expm1", "log", "log1p", "pow", "sin", "tanh")
"""What glibc computes for several numbers at a time."""

TEMPLATES = {
    **{"add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}"},
    **{"negative": "-{}", "power": "pow({}, {})", "absolute": "fabs({})"},
    **{"less": "({} < {})", "less_equal": "({} <= {})", "equal": "({} == {})"},
    **{"greater": "({} > {})", "greater_equal": "({} >= {})", "not_equal": "({} != {})"},
    **{"logical_and": "({} && {})", "bitwise_and": "({} && {})"},
    **{"logical_or": "({} || {})", "bitwise_or": "({} || {})"},
    **{"logical_not": "!({})", "invert": "!({})", "count_nonzero": "({} != 0)"},
    **{"where": "({} ? {} : {})", "signbit": "(copysign(1.0, {}) < 0.0)"},
    **{name: f"({name}({{}}) != 0)" for name in ("isnan", "isfinite", "isinf")},
    **{f"arc{name}": f"a{name}({{}})" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"arctan2": "atan2({}, {})", "reciprocal": "1.0 / {}"},
}
BODIES = {
    "maximum": "double maximum(double x, double y) { return x >= y || isnan(x) ? x : y; }",
    "minimum": "double minimum(double x, double y) { return x <= y || isnan(x) ? x : y; }",
    "sign": "double sign(double x) { return isnan(x) ? x : (x > 0) - (x < 0); }",
    "square": "double square(double x) { return x * x; }",
    "logaddexp": "double logaddexp(double x, double y) "
    "{ return x == y ? x + 0.6931471805599453 : (x > y ? x : y) + log1p(exp(-fabs(x - y))); }",
    "remainder": "double floored(double x, double y) "
    "{ const double r = fmod(x, y); return r != 0.0 ? (r < 0.0) != (y < 0.0) ? r + y : r : "
    "copysign(0.0, y); }",
}
TEMPLATES["remainder"] = "floored({}, {})"  # C's own remainder rounds to the nearest
SAME = {
    *("sqrt", "tan", "sinh", "cosh", "log2", "log10", "exp2", "hypot", "cbrt", "fabs", "floor"),
    *("ceil", "rint", "trunc", "fmod", "fmax", "fmin", "copysign"),
}
"""Functions that have the same name in NumPy and in C."""
NAMES = {*SAME, *BODIES, *re.findall(r"[a-z]\w+", " ".join(TEMPLATES.values()))}
"""Names that a variable in C may not have."""
ARGUMENTS = "xyz"


def number(x: Any) -> Written:
    """Write a number with all its digits."""
    text = repr(float(x)).replace("inf", "INFINITY").replace("nan", "NAN")
    return Written(text, SIGN if text.startswith("-") else ATOM)


def joined(template: str, *operands: Written) -> Written:
    """Write operands into a template, in brackets where they need them; `--x` is no sign twice."""
    if template == "-{}" and operands[0].text.startswith("-"):
        template = "-({})"
    return filled(template, operands, CODE, {})


class Functions:
    """The functions that a text calls and that C has not, by name.

    `refusing` are the primitives that refuse some numbers: a function named f_unlike, of the same
    numbers as f, returns whether it does.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.templates: dict[Primitive, str] = {}
        self.refusing: set[Primitive] = set()

    def template(self, primitive: Primitive, count: int) -> str:
        """Return how a primitive of some operands is called."""
        if primitive not in self.templates:
            self.templates[primitive] = self.traced(primitive, ARGUMENTS[:count])
        return self.templates[primitive]

    def traced(self, primitive: Primitive, arguments: str) -> str:
        """Take the function of a primitive apart; define it if it is more than one of NumPy's."""
        recorder = Recorder(has_float32=False)
        like = np.bool_(True) if primitive.name.startswith("logical_") else np.float64(0.5)
        inputs = [Call("input", like, name=x) for x in arguments]
        with np.errstate(all="ignore"):
            made = recorder.call_of(primitive.function(*map(recorder.symbol, inputs)))
        expected = [x for x in recorder.calls if x.kind == "expect"]
        if made.operands == tuple(inputs) and not expected:
            return self.named(made)
        parameters = ", ".join(f"double {x}" for x in arguments)
        self.define(f"double {primitive.name}({parameters})", recorder.calls, made)
        for test in expected:
            negated = Call("__call__", None, test.operands, name="invert")
            wrong = negated if test.data else test.operands[0]
            self.define(f"int {primitive.name}_unlike({parameters})", recorder.calls, wrong)
            self.refusing.add(primitive)
        return f"{primitive.name}({', '.join(['{}'] * len(arguments))})"

    def named(self, call: Call) -> str:
        """Return how a function of NumPy's is called."""
        self.require(call.name)
        if call.name not in {*TEMPLATES, *BODIES, *VECTORISED, *SAME}:
            raise NoLoops(f"C has no {call.name}")
        return TEMPLATES.get(call.name, f"{call.name}({', '.join(['{}'] * len(call.operands))})")

    def require(self, name: str) -> None:
        if name in BODIES:
            self.texts[name] = f"static inline {BODIES[name]}"

    def define(self, head: str, calls: Sequence[Call], made: Call) -> None:
        """Define a function; what is read more than once has a name in it."""
        needed = {made}
        for call in reversed(calls):
            if call in needed:
                needed.update(call.operands)
        used = [call for call in calls if call in needed]
        reads = Counter(x for call in used for x in call.operands)
        names: dict[Call, Written] = {}
        lines: list[str] = []
        for call in [*used, made] if made not in used else used:
            if call.kind == "input":
                continue
            texts = [self.operand(x, names) for x in call.operands]
            names[call] = joined(self.named(call), *texts)
            if reads[call] > 1:
                lines.append(f"    const double v{len(lines) + 1} = {names[call].text};")
                names[call] = Written(f"v{len(lines)}")
        lines.append(f"    return {names[made].text};")
        self.texts[head] = "\n".join([f"static inline {head} {{", *lines, "}"])

    def operand(self, x: Call, names: dict[Call, Written]) -> Written:
        if x.kind == "constant":
            return number(x.data)
        return Written(x.name) if x.kind == "input" else names[x]
