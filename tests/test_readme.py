"""The code of the README and of the how-to pages runs, and prints what its comments say."""

import contextlib
import io
import re
import unicodedata

import pytest
from places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "how_to").glob("*.md"))]
BLOCKS = {
    page.name: re.findall(
        r"```python\n(.*?)```(?:\n\n```\n(.*?)```)?", page.read_text(encoding="utf-8"), re.DOTALL
    )
    for page in PAGES
}


def test_there_is_code():
    assert len(BLOCKS["README.md"]) >= 3
    assert {"grade.md", "library.md", "primitive.md"} <= {name for name in BLOCKS if BLOCKS[name]}


@pytest.mark.parametrize(
    ("page", "number"), [(name, i) for name, blocks in BLOCKS.items() for i in range(len(blocks))]
)
def test_block_prints_what_it_says(page, number):
    """Each block is read after those before it; what it prints is in comments or in a fence."""
    for library in re.findall(r"^from (\w+)", BLOCKS[page][number][0], re.MULTILINE):
        pytest.importorskip(library)
    namespace = {"__name__": "__main__"}
    for code, _ in BLOCKS[page][:number]:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, page, "exec"), namespace)
    code, fenced = BLOCKS[page][number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, page, "exec"), namespace)
    if fenced:
        assert unicodedata.normalize("NFC", printed.getvalue()) == unicodedata.normalize(
            "NFC", fenced
        )
        return
    said = re.findall(r"^ *print\(.*\) +# (.*)$", code, re.MULTILINE)
    lines = printed.getvalue().splitlines()
    assert len(lines) == len(said)
    for line, comment in zip(lines, said):
        assert comment == line or comment.startswith(f"{line}, ")


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_files_that_it_names_exist():
    for name in re.findall(r"`((?:autodiff|mlp|comparisons|docs)/[\w/]+\.py)`", README):
        assert (ROOT / name).exists(), name


def lines(*names: str) -> int:
    """Return the number of lines in files, and in all modules below folders."""
    paths = [
        path
        for name in names
        for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py")))
    ]
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


ENGINE = ["autodiff/graph.py", "autodiff/primitives.py", "autodiff/walk.py"]


@pytest.mark.parametrize(
    ("start", "count"),
    [
        ("`graph.py`, `primitives.py` and `walk.py`:", lines(*ENGINE)),
        ("the rest of `autodiff`:", lines("autodiff") - lines(*ENGINE)),
        ("`mlp`:", lines("mlp")),
        ("`comparisons`:", lines("comparisons")),
    ],
)
def test_the_lengths_that_it_gives_are_right_to_ten_lines(start, count):
    (said,) = re.findall(rf"{re.escape(start)} ([\d,]+)", " ".join(README.split()), re.IGNORECASE)
    assert abs(int(said.replace(",", "")) - count) <= 10
