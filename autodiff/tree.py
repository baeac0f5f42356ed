"""Nested dicts, lists, tuples and named tuples of arrays, such as a dict of parameters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any


def tree_map(function: Callable[[Any, str | None], Any], tree: Any, name: str | None = None) -> Any:
    """Return the structure of `tree` with `function(leaf, name)` for each leaf.

    The name of a leaf is its key in the dict or its field in the named tuple that holds it, and
    inside a list or a plain tuple that of the list, with the position: "layers[0]".
    """
    if isinstance(tree, dict):
        return {key: tree_map(function, branch, str(key)) for key, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*map(tree_map, repeat(function), tree, tree._fields))
    if isinstance(tree, (list, tuple)):
        start = name or ""
        return type(tree)([tree_map(function, x, f"{start}[{i}]") for i, x in enumerate(tree)])
    return function(tree, name)


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of `tree` in order."""
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (list, tuple)):
        return [tree]
    found = []
    for branch in tree:
        if isinstance(branch, (dict, list, tuple)):
            found += leaves(branch)
        else:
            found.append(branch)
    return found
