"""What type checkers say of programs that use the engine; pyright where it is installed."""

import ast
import inspect
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


def test_the_stub_has_every_public_name_with_its_parameters() -> None:
    stub = ast.parse((ROOT / "autodiff" / "__init__.pyi").read_text(encoding="utf-8"))
    functions = [x for x in stub.body if isinstance(x, ast.FunctionDef)]
    names = {x.name for x in functions}
    for x in stub.body:
        if isinstance(x, ast.ImportFrom):
            names |= {alias.asname for alias in x.names if alias.asname}
        elif isinstance(x, ast.AnnAssign) and isinstance(x.target, ast.Name):
            names.add(x.target.id)
        elif isinstance(x, ast.Assign) and ast.unparse(x.targets[0]) == "__all__":
            assert ast.literal_eval(x.value) == autodiff.__all__
    public = {*autodiff.__all__, "abs", "compile", "max", "min", "sum", "__version__"}
    assert names == public
    assert len(functions) >= 20
    for x in functions:
        own = {arg.arg for arg in (*x.args.posonlyargs, *x.args.args, *x.args.kwonlyargs)}
        assert own <= {*inspect.signature(getattr(autodiff, x.name)).parameters}, x.name


def test_the_right_program_runs() -> None:
    runpy.run_path(str(HERE / "right.py"))
