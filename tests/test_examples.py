"""Public functions have an example in their docstrings, and it prints what it says."""

import doctest
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autodiff
import comparisons
import mlp
from autodiff.graph import Primitive
from mlp import by_hand

# What the examples assume to be imported; see docs/reference.
KNOWN = {"np": np, "by_hand": by_hand}


def named(package: Any) -> list[str]:
    """Return the public names, those of builtins too, which `import *` leaves out."""
    return [*package.__all__, *(["abs", "compile", "max", "min", "sum"] * (package is autodiff))]


PUBLIC = [
    (package, name)
    for package in (autodiff, mlp, comparisons)
    for name in named(package)
    if not isinstance(getattr(package, name), Primitive)  # they are rows of a table
]


def namespace() -> dict[str, Any]:
    packages = (mlp, comparisons, autodiff)
    return {name: getattr(p, name) for p in packages for name in named(p)} | KNOWN


def test_most_of_what_is_public_is_looked_at() -> None:
    assert len(PUBLIC) >= 45


@pytest.mark.parametrize(("package", "name"), PUBLIC, ids=lambda x: getattr(x, "__name__", x))
def test_example_prints_what_it_says(
    package: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # for what an example writes
    value = getattr(package, name)
    names = namespace() | {n: getattr(package, n) for n in named(package)}
    module = importlib.import_module(value.__module__)
    (found,) = doctest.DocTestFinder(recurse=False).find(value, name, module, names)
    assert found.examples, f"{package.__name__}.{name} has no example"
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(found, out=said.append)
    assert not said, "".join(said)
