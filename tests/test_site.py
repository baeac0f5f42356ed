"""The site builds without a warning, and reads without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

import autodiff
import comparisons
import mlp

pytest.importorskip("mkdocs", reason="the site needs MkDocs: pip install -e '.[docs]'")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The text of every page, by its path."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.html")
    }


def test_every_file_of_code_has_a_page(site: dict[str, str]) -> None:
    files = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.py")]
    assert {str(path.with_suffix(".html")) for path in files if path != Path("site.py")} <= set(
        site
    )


@pytest.mark.parametrize("package", [autodiff, mlp, comparisons], ids=lambda x: x.__name__)
def test_the_reference_has_every_public_name(site: dict[str, str], package: Any) -> None:
    page = site[f"reference/{package.__name__}.html"]
    builtins = ["abs", "compile", "max", "min", "sum"] if package is autodiff else []
    for name in [*package.__all__, *builtins]:
        assert f'id="{package.__name__}.{name}"' in page or f"<code>{name}</code>: " in page, name


def test_nothing_is_fetched_from_elsewhere(site: dict[str, str]) -> None:
    fetched = {
        url
        for page in site.values()
        for pattern in (
            r'<(?:script|img|iframe)\b[^>]*\bsrc="?([^" >]+)',
            r'<link\b[^>]*rel="?(?:stylesheet|icon)[^>]*href="?([^" >]+)',
        )
        for url in re.findall(pattern, page)
    }
    assert {"tutorial_1.png", "explore.html", "site.css"} <= fetched
    assert [url for url in fetched if re.match(r"(\w+:)?//", url)] == []


def test_the_live_page_is_in_place(site: dict[str, str]) -> None:
    assert "<script" in site["explore.html"]
    assert 'src="explore.html"' in site["live.html"]


def test_formulas_are_mathml_and_figures_are_described(site: dict[str, str]) -> None:
    assert site["tutorial.html"].count("<mtable") == 4
    displays = re.findall(r'<math [^>]*display="block">', site["tutorial.html"])
    assert len(displays) >= 6
    for path, page in site.items():
        assert 'class="arithmatex"' not in page, path
        assert all(
            'alt="' in image and 'alt=""' not in image for image in re.findall("<img.*?>", page)
        )


def test_parts_of_the_readme_and_the_modules_are_put_in(site: dict[str, str]) -> None:
    assert "A <code>Value</code> is a number or an array" in site["how_to/library.html"]
    for name in ("Primitive", "_reduction", "walk"):
        assert re.search(rf'<span class="n[cf]">{name}</span>', site["engine.html"]), name
    for page in site.values():
        assert not re.search(r"\{(README|code|primitives)\b", page)
