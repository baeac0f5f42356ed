"""Nested dicts, lists, tuples and named tuples of arrays, such as a dict of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def tree_map(function: Callable[[Any, str | None], Any], tree: Any, path: str | None = None) -> Any:
    """Return the structure of `tree` with `function(leaf, path)` for each leaf.

    The path of a leaf is made of the keys that lead to it, as in "layers[0].W".
    """
    if isinstance(tree, dict):
        start = f"{path}." if path else ""
        return {key: tree_map(function, branch, f"{start}{key}") for key, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_asdict"):
        return type(tree)(*tree_map(function, tree._asdict(), path).values())
    if isinstance(tree, (list, tuple)):
        start = path or ""
        return type(tree)([tree_map(function, x, f"{start}[{i}]") for i, x in enumerate(tree)])
    return function(tree, path)


def pairs(tree: Any, other: Any, path: str = "") -> Iterator[tuple[Any, Any]]:
    """Yield the leaves of `tree` with those of `other` at the same places.

    Raises ValueError where the structures differ.
    """
    if isinstance(tree, dict):
        if not isinstance(other, dict) or other.keys() != tree.keys():
            raise ValueError(f"expected a dict with the keys {list(tree)}{path and ' in ' + path}")
        for key, branch in tree.items():
            yield from pairs(branch, other[key], f"{path}[{key!r}]")
    elif isinstance(tree, (list, tuple)):
        if not isinstance(other, (list, tuple)) or len(other) != len(tree):
            raise ValueError(f"expected {len(tree)} entries{path and ' in ' + path}")
        for i, branch in enumerate(tree):
            yield from pairs(branch, other[i], f"{path}[{i}]")
    else:
        yield tree, other


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
