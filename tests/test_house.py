"""Who may import whom, how long anything may be, and what `import autodiff` brings in."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from places import ROOT

FOLDERS = {
    "autodiff",
    "autodiff/blocks",
    "autodiff/check",
    "autodiff/more",
    "autodiff/readings",
    "autodiff/readings/compiling",
    "autodiff/readings/indexed",
    "autodiff/readings/native",
    "mlp",
    "comparisons",
    "comparisons/diagnosis",
    "comparisons/diagnosis/equations",
    "comparisons/diagnosis/search",
    "comparisons/diagnosis/slips",
    "comparisons/homework",
    "comparisons/page",
    "comparisons/tables",
}
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("*.py"))
}
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Where there is no entry for a module, the one of its folder holds.
AUTODIFF = {"autodiff", "autodiff.blocks", "autodiff.check", "autodiff.more", "autodiff.readings"}
AUTODIFF |= {f"autodiff.readings.{room}" for room in ("compiling", "indexed", "native")}
MLP = {"mlp", "mlp.plots", "mlp.pytorch", "mlp.training"}
PAGE = "comparisons.page.sheet"
BELOW = {"comparisons.printing", "comparisons.threads", PAGE, "matplotlib", "numpy", "rich"}
STEPS = {f"comparisons.diagnosis.{folder}" for folder in ("equations", "slips", "search")}
ROOMS = {f"comparisons.{folder}" for folder in ("homework", "page", "tables")}
MAY_IMPORT: dict[str, set[str]] = {
    "autodiff": {"numpy"},
    "autodiff.readings": {"autodiff", "numpy"},
    "autodiff.readings.equations": {*AUTODIFF, "numpy"},
    "autodiff.readings.source": {*AUTODIFF, "numpy"},
    "autodiff.readings.steps": {*AUTODIFF, "numpy"},
    "autodiff.readings.picture": {"autodiff", "autodiff.readings", "matplotlib", "numpy"},
    "autodiff.readings.compiling": {*AUTODIFF, "autodiff.readings.source", "numpy"},
    "autodiff.readings.native": {*AUTODIFF, "autodiff.readings.source", "numpy"},
    "autodiff.readings.indexed": {"autodiff", "autodiff.readings", "numpy"},
    "autodiff.blocks": {*AUTODIFF, "numpy"},
    "autodiff.check": {"autodiff", "numpy"},
    "autodiff.check.primitive": {*AUTODIFF, "autodiff.readings.source", "numpy"},
    "autodiff.more": {"autodiff", "numpy"},
    "mlp": {*AUTODIFF, "mlp.training", "numpy"},
    "mlp.plots": {"mlp", "matplotlib", "numpy"},
    "mlp.pytorch": {"mlp", "mlp.training", "numpy", "torch"},
    "mlp.training": {"mlp", "numpy", "tqdm"},
    "comparisons": set(),
    "comparisons.threads": set(),
    "comparisons.options": {"click"},
    "comparisons.printing": {PAGE, "autodiff.readings.native", "numpy", "rich"},
    PAGE: set(),
    "comparisons.diagnosis.equations": {*AUTODIFF, *BELOW},
    "comparisons.diagnosis.slips": {*AUTODIFF, *BELOW, "comparisons.diagnosis.equations"},
    "comparisons.diagnosis.search": {*AUTODIFF, *BELOW, *STEPS - {"comparisons.diagnosis.search"}},
    "comparisons.diagnosis": {*AUTODIFF, *BELOW, *STEPS},
    "comparisons.homework": {*AUTODIFF, *MLP, *BELOW, *STEPS, "comparisons.diagnosis"},
    "comparisons.page": {
        *{*AUTODIFF, *BELOW, *STEPS, "comparisons.diagnosis"},
        *{"autodiff.readings.steps", "latex2mathml"},
    },
    "comparisons.tables": {*AUTODIFF, *MLP, *BELOW, "torch"},
    "comparisons.cli": {
        "autodiff",
        "comparisons",
        "comparisons.options",
        *MLP,
        *BELOW,
        "comparisons.homework",
        "comparisons.page",
        "comparisons.tables",
        "click",
    },
    "comparisons.__main__": {"comparisons", "comparisons.cli"},
}
IMPORT_BY_NAME = {
    "autodiff",
    "autodiff.functions",
    "autodiff.more.special",
    "comparisons",
    "comparisons.cli",
    "comparisons.tables.peers",
}


@cache
def text(module: str) -> str:
    return PATHS[module].read_text(encoding="utf-8")


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(text(module))


def lines(*modules: str) -> int:
    return sum(len(text(module).splitlines()) for module in modules)


def nodes(module: str) -> Iterator[ast.AST]:
    """Yield the nodes of a module; of a package not those that only a type checker reads."""
    stack: list[ast.AST] = [tree(module)]
    while stack:
        node = stack.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if (
                isinstance(child, ast.If)
                and ast.unparse(child.test) == "TYPE_CHECKING"
                and PATHS[module].name == "__init__.py"
            ):
                stack += child.orelse
            else:
                stack.append(child)


def imports(module: str) -> set[str]:
    """Return what a module imports, wherever it does: modules of ours, top levels of others."""
    found = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in PATHS else str(node.module) for name in names}
    return {
        name if name in PATHS else top
        for name in found
        if (top := name.split(".")[0]) not in sys.stdlib_module_names
    }


def entry(module: str) -> str:
    """Return the entry of MAY_IMPORT for a module of ours, or the name of another library."""
    if module in MAY_IMPORT or module not in PATHS:
        return module
    return PATHS[module].parent.relative_to(ROOT).as_posix().replace("/", ".")


def test_every_folder_of_code_is_looked_at() -> None:
    found = {
        path.parent.relative_to(ROOT).as_posix()
        for top in ROOT.iterdir()
        if top.name not in {"tests", "docs", "build"} and not top.name.startswith(".")
        for path in top.rglob("*.py")
    }
    assert found == FOLDERS
    assert {name.replace(".", "/") for name in PATHS} >= FOLDERS, "an __init__.py is missing"
    assert len(PATHS) >= 50


def test_every_entry_is_of_something_that_is_there() -> None:
    named = set().union(MAY_IMPORT, *MAY_IMPORT.values())
    assert {name for name in named if name.startswith(("autodiff", "mlp", "comp"))} <= set(PATHS)


@pytest.mark.parametrize("module", sorted(PATHS))
def test_arrows_run_downwards(module: str) -> None:
    own = entry(module)
    assert {entry(name) for name in imports(module)} <= MAY_IMPORT[own] | {own}


def test_few_modules_import_by_a_name_that_is_computed() -> None:
    found = {
        module
        for module in PATHS
        if re.search(r"\b(import_module|__import__|find_loader|exec_module)\b", text(module))
    }
    assert found == IMPORT_BY_NAME


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Deleting, again and again, the modules that import none of the rest leaves nothing."""
    graph = {module: imports(module) & set(PATHS) for module in PATHS}
    assert "autodiff.graph" in graph["autodiff.walk"]
    assert "autodiff" in graph["mlp.engine"]
    while free := {name for name, modules in graph.items() if not modules & set(graph)}:
        for name in free:
            del graph[name]
    assert not graph


def test_import_autodiff_brings_in_numpy_and_the_standard_library_alone() -> None:
    program = (
        "import sys, numpy; before = set(sys.modules); import autodiff; "
        "print(*set(sys.modules) - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    brought = set(run.stdout.split())
    ours = {name for name in brought if name.startswith("autodiff")}
    assert {"autodiff", "autodiff.walk"} <= ours
    assert {entry(name) for name in ours} == {"autodiff"}
    assert {name.split(".")[0] for name in brought - ours} <= sys.stdlib_module_names | {"numpy"}


def test_no_module_is_long() -> None:
    assert {module: n for module in PATHS if (n := lines(module)) > 400} == {}


@pytest.mark.parametrize(
    ("kinds", "most"), [((ast.ClassDef,), 200), ((ast.FunctionDef, ast.AsyncFunctionDef), 60)]
)
def test_no_class_or_function_is_long(kinds: tuple[type[Any], ...], most: int) -> None:
    lengths = {
        f"{module}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for module in PATHS
        for node in ast.walk(tree(module))
        if isinstance(node, kinds)
    }
    assert len(lengths) >= 30
    assert {name: length for name, length in lengths.items() if length > most} == {}


def test_no_folder_is_crowded() -> None:
    crowds = {folder: len(list((ROOT / folder).glob("*.py"))) for folder in FOLDERS}
    assert {folder: n for folder, n in crowds.items() if n > 12} == {}


def test_the_engine_is_three_short_modules_and_the_whole_is_not_long() -> None:
    assert lines("autodiff.graph", "autodiff.primitives", "autodiff.walk") <= 520
    assert lines(*PATHS) <= 18_500


def test_nothing_is_taken_apart_to_be_freed() -> None:
    emptied = re.compile(r"(__dict__|vars\([^)]*\))\.clear\(")
    assert [module for module in PATHS if emptied.search(text(module))] == []


def test_what_tests_share_stands_apart_from_them() -> None:
    shared = {path.stem for path in TESTS if path.parent.name == "shared"}
    modules = {path.stem for path in TESTS} - shared
    assert {"samples", "oracles", "random_programs"} <= shared
    assert {"conftest", "test_house", "test_graph", "test_cli"} <= modules
    for path in TESTS:
        parsed = ast.parse(path.read_text(encoding="utf-8"))
        found = {
            str(name)
            for node in ast.walk(parsed)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in (getattr(node, "module", None), *[alias.name for alias in node.names])
        }
        assert not found & modules, path
        tests = [x for x in parsed.body if getattr(x, "name", "").startswith("test_")]
        assert bool(tests) == path.name.startswith("test_"), path


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "autodiff" / "py.typed").exists()
