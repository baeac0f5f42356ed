"""Who may import whom, and what `import autodiff` brings in."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

ALL = ("autodiff", "mlp", "comparisons")
PACKAGES = {
    "autodiff": {"autodiff", "numpy"},
    "mlp": {"mlp", "autodiff", "numpy", "matplotlib", "torch", "tqdm"},
}
ONLY_IN = {"matplotlib": "mlp/plots.py", "torch": "mlp/pytorch.py", "tqdm": "mlp/training.py"}


def imports(path: Path) -> set[str]:
    """Return the top-level packages that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(
                (node.module or path.parent.name).split(".")[0]
                if not node.level
                else path.parent.name
            )
    return found - sys.stdlib_module_names


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def needs(path: Path) -> set[str]:
    """Return the modules that a module imports, anywhere in it; of a package what it lacks."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found - set(ALL)


MODULES = [
    path.relative_to(ROOT).as_posix() for p in PACKAGES for path in sorted((ROOT / p).rglob("*.py"))
]


@pytest.mark.parametrize("module", MODULES)
def test_arrows_run_downwards(module: str) -> None:
    found = imports(ROOT / module)
    assert found <= PACKAGES[module.split("/")[0]]
    for package in found & set(ONLY_IN):
        assert module == ONLY_IN[package]


def test_all_modules_are_looked_at() -> None:
    assert {"autodiff/graph.py", "autodiff/primitives.py", "mlp/__init__.py"} <= set(MODULES)


def test_import_autodiff_brings_in_numpy_and_the_standard_library_alone() -> None:
    program = (
        "import sys, numpy; before = set(sys.modules); import autodiff; "
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(run.stdout.split()) - sys.stdlib_module_names <= {"autodiff", "numpy"}
    assert "autodiff" in run.stdout


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Deleting, again and again, the modules that import none of the rest leaves nothing."""
    paths = [path for package in ALL for path in sorted((ROOT / package).rglob("*.py"))]
    names = {dotted(path): path for path in paths}
    assert {"autodiff.walk", "comparisons.homework.checking", "mlp.data"} <= set(names)
    graph = {name: needs(path) & set(names) - {name} for name, path in names.items()}
    while free := {name for name, modules in graph.items() if not modules & set(graph)}:
        for name in free:
            del graph[name]
    assert not graph


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "autodiff" / "py.typed").exists()
