"""The page: a program as plain data, the modules that compute and show it, in one file."""

import base64
import html
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from latex2mathml.converter import convert

from autodiff import steps
from autodiff.readings.notation import TEX, TEXT
from comparisons.page.graph import graph, reads
from comparisons.page.slips import slips
from comparisons.page.words import spoken, words

LIVE = Path(__file__).parent / "live"
# In LaTeX: of two letters or more, and neither indices nor a command nor upright already.
SPECIAL = "".join(rf"(?<!\\{x}\{{)" for x in ["mathrm", "mathbf", "text", "begin", "end"])
WORD = re.compile(rf"(?<![\\\w])(?<!_\{{){SPECIAL}[A-Za-z]{{2,}}(?![\w{{])")
MENDED = [
    (re.compile(r'(<mi mathvariant="(\w+)">[^<]*)</mi><mi mathvariant="\2">'), r"\1"),
    (
        re.compile("<mover>(.*?)<mo [^>]*>&#x0(?:00AF|2015);</mo></mover>"),
        r'<mrow class="bar">\1</mrow>',
    ),
    (re.compile("<mo>&#x022A4;</mo>"), '<mi mathvariant="normal">T</mi>'),
]


@dataclass(frozen=True)
class Page:
    """A page that was written to `path`; a notebook shows it."""

    path: Path
    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        frame = '<iframe title="{}" srcdoc="{}" style="width: 100%; height: 50rem; border: 0">'
        return frame.format(html.escape(self.path.stem), html.escape(self.html)) + "</iframe>"


def explore(
    f: Callable[..., Any],
    *args: Any,
    path: str | Path = "explore.html",
    argnums: int | Sequence[int] = 0,
) -> Page:
    """Write a page on which `f` and its gradient in the arguments `argnums` are computed live.

    The page is one file, which needs no other and no network. Raises as `steps` does, and OSError
    where it cannot be written.

    >>> explore(lambda x: np.tanh(x) ** 2, 0.5, path="tanh.html").path.name
    'tanh.html'
    """
    program = steps(f, *args, argnums=argnums)
    none = {"of": {}, "names": [], "terms": [], "examples": 0}
    program["slips"] = slips(f, *args) if argnums == 0 else none
    for x in program["inputs"]:
        ndim = len(program["terms"][x["term"]]["shape"])
        for key, adjoint in (("", False), ("adjoint_", True)):
            x[f"{key}text"] = TEXT.variable(x["name"], ndim, adjoint)
            x[f"{key}math"] = mathml(TEX.variable(x["name"], ndim, adjoint))
        x["words"] = spoken(x["text"])
    letters = "".join(re.findall(r"(\w+) = 0", program["legend"]))
    line = None
    for statement in reversed(program["statements"]):  # a part of a line is before what it is in
        if statement["forward"]:
            line = statement["line"] = line if statement["line"] is None else statement["line"]
    named = {x["term"] for x in [*program["inputs"], *program["statements"]]}
    for statement in program["statements"]:
        statement["reads"] = reads(program, statement["term"], named)
        if statement["undoes"] is not None:
            statement["line"] = program["statements"][statement["undoes"]]["line"]
        statement["math"] = [mathml(side) for side in statement.pop("latex")]
        statement["words"] = words(*statement["text"])
        entries = statement.pop("indices")
        if letters:
            statement["entries"] = {
                "math": [mathml(side) for side in entries["latex"]],
                "words": words(*entries["text"], letters=letters),
            }
    program["graph"] = graph(program)
    page = Page(Path(path), text_of(program))
    page.path.write_text(page.html, encoding="utf-8")
    return page


def mathml(latex: str) -> str:
    """Return MathML, a word in one element."""
    return converted(WORD.sub(r"\\mathrm{\g<0>}", latex))


def converted(latex: str, display: str = "inline") -> str:
    """Return MathML, a bar as long as what is below it."""
    found: str = convert(latex.replace(r"\mathbf{1}", "\U0001d7cf"), display=display)
    for pattern, right in MENDED:
        while found != (found := pattern.sub(right, found)):
            pass
    return found


def text_of(program: dict[str, Any]) -> str:
    """Return the page: "<" is escaped where text of others could end a script."""
    scripts = {path.stem: path.read_bytes() for path in sorted(LIVE.glob("*.js"))}
    addresses = {
        name: f"data:text/javascript;base64,{base64.b64encode(script).decode()}"
        for name, script in scripts.items()
    }
    return Template((LIVE / "page.html").read_text(encoding="utf-8")).substitute(
        name=html.escape(program["name"]),
        style=(LIVE / "page.css").read_text(encoding="utf-8"),
        modules=json.dumps({"imports": addresses}),
        program=json.dumps(program, separators=(",", ":")).replace("<", r"\u003c"),
    )
