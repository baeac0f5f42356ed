"""What type checkers say of programs that use the engine; pyright where it is installed."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import autodiff

HERE = Path(__file__).parent
PLACES = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def checked(checker: str, name: str, tmp_path: Path) -> tuple[set[int], str]:
    """Return the lines of a file that a checker finds wrong, in strict mode, and all it says."""
    if checker == "mypy":
        pytest.importorskip("mypy")
        command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(HERE / name)]
        command += ["--cache-dir", str(tmp_path)]
    else:
        program = shutil.which("pyright", path=PLACES) or pytest.skip(
            "pyright is missing: pip install pyright"
        )
        strict = tmp_path / name
        strict.write_text(
            "# pyright: strict, reportUnusedExpression=false\n" + (HERE / name).read_text()
        )
        command = [program, "--pythonpath", sys.executable, str(strict)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    added = checker == "pyright"
    lines = {int(n) - added for n in re.findall(r"\.py:(\d+):.*error", run.stdout)}
    return lines, run.stdout + run.stderr


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_right_program_is_accepted_in_strict_mode(checker: str, tmp_path: Path) -> None:
    lines, said = checked(checker, "right.py", tmp_path)
    assert not lines, said
    assert "0 errors" in said or "no issues" in said


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_wrong_uses_are_refused(checker: str, tmp_path: Path) -> None:
    text = (HERE / "wrong.py").read_text()
    wrong = {i for i, line in enumerate(text.splitlines(), 1) if "# wrong: " in line}
    assert len(wrong) >= 5
    lines, said = checked(checker, "wrong.py", tmp_path)
    assert lines == wrong, said


def test_type_checkers_find_lazy_names_where_python_does() -> None:
    tree = ast.parse((ROOT / "autodiff" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [x for x in tree.body if isinstance(x, ast.If)]
    seen = {
        alias.name: str(x.module).removeprefix("autodiff.")
        for x in block.body
        if isinstance(x, ast.ImportFrom)
        for alias in x.names
    }
    assert seen == autodiff.READINGS


def test_the_right_program_runs() -> None:
    runpy.run_path(str(HERE / "right.py"))
