"""What the site needs beyond Markdown: parts of the README, code as pages, the notebook, formulas.

MkDocs calls these functions while it builds. All is done at build time, so that reading needs no
script for formulas and no network.
"""

import base64
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import griffe
from mkdocs.structure.files import File, Files

import autodiff
from autodiff.graph import Primitive
from comparisons.page.explore import converted

ROOT = Path(__file__).parents[1]
FIGURES = ("derivation", "stability", "differences")
LIVE = "explore.html"
WIDE = "---\nhide: [toc]\n---\n\n"
EXAMPLE = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add a page for the notebook, one for each file of Python code, and what commands write."""
    for name, content in written().items():
        files.append(File.generated(config, name, content=content))
    for file in [*files]:
        path = Path(file.src_uri)
        if path.suffix == ".py" and file.inclusion.is_included():
            text = f"{WIDE}# {path.name}\n\n{fenced(file.content_string, 'python')}"
            files.append(File.generated(config, f"{path.with_suffix('.md')}", content=text))
        elif path.suffix == ".ipynb":
            text, figures = notebook(json.loads(file.content_string), path.stem)
            files.append(File.generated(config, f"{path.with_suffix('.md')}", content=text))
            for name, data in figures.items():
                files.append(File.generated(config, f"{path.parent / name}", content=data))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Put in the parts of the README, the modules and the list that a page asks for in braces."""
    up = "../" * page.file.src_uri.count("/")
    for asked, found in {
        r"README: (.*)": lambda match: section(match[1], up),
        r"code: (.*)": lambda match: fenced((ROOT / match[1]).read_text("utf-8"), "python"),
        r"primitives": lambda _: primitives(),
    }.items():
        markdown = re.sub(rf"^\{{{asked}\}}$", found, markdown, flags=re.MULTILINE)
    return re.sub(r"\]\(([\w/.]+)\.py\)", r"](\1.md)", markdown)


def on_page_content(content: str, page: Any, config: Any, files: Files) -> str:
    return FORMULA.sub(mathml, content)


def primitives() -> str:
    """Return a list of the public functions that are rows of the table of primitives."""
    known = {name: getattr(autodiff, name) for name in ("abs", *autodiff.__all__)}
    return "\n".join(
        f"- `{name}`: {x.__doc__.partition(chr(10))[0]}"
        for name, x in known.items()
        if isinstance(x, Primitive)
    )


def section(title: str, up: str) -> str:
    """Return the part of the README below a heading; `up` leads from the page to docs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (part,) = re.findall(rf"^##? {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.M)
    return str(part).replace("](docs/", f"]({up}").strip()


def written() -> dict[str, bytes]:
    """Return the live page and the figures, written by the command that a reader would use."""
    commands = {f"figures/{x}.png": (x, "figures") for x in FIGURES}
    found = {}
    with TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        for name, (command, out) in (commands | {LIVE: ("explore", LIVE)}).items():
            line = [sys.executable, "-m", "comparisons", command, "--out", out]
            subprocess.run(line, cwd=folder, env=environment, check=True, capture_output=True)
            found[name] = (Path(folder) / name).read_bytes()
    return found


def mathml(found: re.Match[str]) -> str:
    latex = html.unescape(found[2]).replace("{aligned}", "{split}")  # which the converter knows
    return converted(latex, "block" if found[1] == "div" else "inline")


def notebook(cells: Any, stem: str) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its figures by their file names."""
    parts, figures = [], {}
    for cell in cells["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(fenced(source, "python"))
        for output in cell["outputs"]:
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                name = f"{stem}_{len(figures) + 1}.png"
                figures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![{cell['metadata']['alt']}]({name})")
            elif "text/latex" in data:
                parts.append("".join(data["text/latex"]))
            else:
                parts.append(fenced("".join(data["text/plain"]), "{ .text .output }"))
    return "\n\n".join(parts), figures


class Examples(griffe.Extension):
    """Tells Markdown that the examples in docstrings are code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(
                lambda found: fenced(found[0], "pycon"), obj.docstring.value
            )


def fenced(text: str, language: str) -> str:
    return f"````{language}\n{text.rstrip()}\n````"
