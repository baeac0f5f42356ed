"""What is installed, and what happens where only NumPy is."""

import subprocess
import sys
import tomllib
from typing import Any

import pytest
from places import ROOT

import autodiff

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED, OPTIONAL = PROJECT["dependencies"], PROJECT["optional-dependencies"]["cli"]
EXTRA = ["click", "latex2mathml", "matplotlib", "rich", "tqdm"]
# As `import` does where a library is not installed.
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


def run(program: str, missing: Any = EXTRA) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(missing=missing) + program
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_numpy_alone_is_required() -> None:
    assert [x.partition(">")[0] for x in REQUIRED] == ["numpy"]
    assert [x.partition(">")[0] for x in OPTIONAL] == EXTRA


def test_the_oldest_versions_tested_are_the_lower_bounds() -> None:
    stated = REQUIRED + OPTIONAL
    pins = dict(
        line.split("==") for line in (ROOT / "tests" / "oldest.txt").read_text().splitlines()
    )
    # With the newest pyparsing the oldest matplotlib warns when it is imported.
    assert pins.keys() - {x.partition(">")[0] for x in stated} == {"pyparsing"}
    for bound in stated:
        name, least = bound.split(">=")
        assert pins[name].startswith(least)


def test_with_numpy_alone_the_engine_and_the_network_work() -> None:
    program = """
from autodiff import check_gradient, compile, derivation, draw, grad, hessian, source
from mlp import compiled, engine, train, tutorial_problem
X, t, params = tutorial_problem()
history = train(engine.backprop, X, t, params, steps=3)
assert len(history.losses) == 3
derivation(engine.loss, params, X, t), source(engine.loss, params, X, t)
draw(engine.loss, params, X, t).svg
print(bool(check_gradient(engine.loss, params, X, t)))
"""
    done = run(program)
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


START = "from comparisons.__main__ import start; sys.argv[1:] = {}; start()"
USES = {
    START.format([]): EXTRA,
    START.format(["check", "docs/mistakes/slope_at_G.py"]): EXTRA,
    START.format(["explore"]): ["latex2mathml"],
    START.format(["stability"]): ["matplotlib"],
    START.format(["gradients"]): ["rich"],
    "from comparisons import diagnose": EXTRA,
    "from comparisons import explore": EXTRA,
    "from mlp import plots": EXTRA,
    "from mlp import *; train(lambda *x: x, *tutorial_problem(), progress=True)": EXTRA,
    "from autodiff import draw; draw(lambda x: x * x, 2.0).save('x.png')": EXTRA,
}


@pytest.mark.parametrize(("program", "missing"), USES.items())
def test_what_needs_more_says_what_to_install(program: str, missing: list[str]) -> None:
    done = run(program, missing)
    assert done.returncode != 0
    assert done.stdout == ""
    sentence = done.stderr.splitlines()[-1]
    assert any(name in sentence for name in missing)
    assert "pip install 'backprop-by-hand[cli]'" in sentence
    if program.startswith("from comparisons.__main__"):
        assert done.stderr == f"{sentence}\n"
        assert sentence.startswith("backprop: ")


def test_a_missing_module_of_our_own_is_a_bug_and_no_advice() -> None:
    done = run("from comparisons import diagnose", ["comparisons.printing"])
    assert "Traceback" in done.stderr
    assert "pip install" not in done.stderr


def test_the_version_is_written_once() -> None:
    assert PROJECT["dynamic"] == ["version"]
    done = subprocess.run(
        [sys.executable, "-m", "comparisons", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"backprop {autodiff.__version__}\n"
    for name in ("CHANGELOG.md", "CITATION.cff"):
        assert autodiff.__version__ in (ROOT / name).read_text(encoding="utf-8"), name
