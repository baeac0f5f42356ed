"""Nested dicts, lists, tuples and named tuples of arrays, such as a dict of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def tree_map(function: Callable[[Any, str], Any], tree: Any, path: str = "") -> Any:
    """Return the structure of `tree` with `function(leaf, path)` for each leaf.

    The path of a leaf is made of the keys that lead to it, as in "layers.0.W".
    """
    if isinstance(tree, dict):
        start = f"{path}." if path else ""
        return {key: tree_map(function, branch, f"{start}{key}") for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)):
        keys = getattr(tree, "_fields", range(len(tree)))
        mapped = tree_map(function, dict(zip(keys, tree)), path).values()
        return type(tree)(*mapped) if hasattr(tree, "_fields") else type(tree)(mapped)
    return function(tree, path)


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of `tree` in order."""
    found: list[Any] = []
    tree_map(lambda leaf, path: found.append(leaf), tree)
    return found
