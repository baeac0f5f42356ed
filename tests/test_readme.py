"""The README's code runs, and prints what its comments say."""

import contextlib
import io
import re
import unicodedata

import pytest
from places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```\n(.*?)```)?", README, re.DOTALL)


def test_there_is_code():
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_prints_what_it_says(number):
    """Each block is read after those before it; what it prints is in comments or in a fence."""
    namespace = {}
    for code, _ in BLOCKS[:number]:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, "README.md", "exec"), namespace)
    code, fenced = BLOCKS[number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), namespace)
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
