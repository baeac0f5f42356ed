"""Arguments of functions: nested structures of arrays, positions, and the names of parameters."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import index
from typing import Any

from autodiff.graph import Node


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


def filled(tree: Any, values: Iterator[Any]) -> Any:
    """Return the structure of `tree` with the next of `values` for each leaf."""
    if not isinstance(tree, (dict, list, tuple)):
        return next(values)
    return rebuilt(tree, {key: filled(branch, values) for key, branch in entries(tree)})


def pairs(tree: Any, other: Any, path: str = "") -> Iterator[tuple[Any, Any]]:
    """Yield the leaves of `tree` with those of `other` at the same places.

    Raises ValueError where the structures differ.
    """
    if isinstance(tree, dict):
        alike = isinstance(other, dict) and other.keys() == tree.keys()
        expected = f"a dict with the keys {list(tree)}"
    elif isinstance(tree, (list, tuple)):
        alike = isinstance(other, (list, tuple)) and len(other) == len(tree)
        expected = f"{len(tree)} entries"
    else:
        yield tree, other
        return
    if not alike:
        raise ValueError(f"expected {expected}{path and ' in ' + path}")
    for key, branch in entries(tree):
        yield from pairs(branch, other[key], f"{path}[{key!r}]")


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


def as_positions(
    f: Callable[..., Any], argnums: int | Sequence[int], name: str = "argnums"
) -> list[int]:
    """Return `argnums` as a list; TypeError where they are no integers or `f` is no function."""
    if not callable(f):
        raise TypeError(f"a gradient is that of a function; {described(f)} cannot be called")
    try:
        return [index(i) for i in (argnums if isinstance(argnums, Sequence) else (argnums,))]
    except TypeError:
        raise TypeError(f"{name} is an integer or several, not {argnums!r}") from None


def positions_of(
    f: Callable[..., Any], argnums: Sequence[int], args: Sequence[Any], name: str = "argnums"
) -> tuple[int, ...]:
    """Return which arguments are meant, counted from the first; some are not there: TypeError."""
    for i in argnums:
        if not -len(args) <= i < len(args):
            raise TypeError(
                f"{name_of(f)} was called with {len(args)} positional arguments; {name}={i} "
                "names none of them"
            )
    return tuple([i % len(args) for i in argnums])


def parameter_names(f: Callable[..., Any]) -> dict[int, str]:
    """Return the names of the positional parameters of `f`, as far as they can be known."""
    code = getattr(f, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    return dict(enumerate(names[1:] if hasattr(f, "__self__") else names))


def name_of(f: Callable[..., Any]) -> str:
    """Name a function for an error message."""
    return getattr(f, "__name__", "the function")


def described(x: Any) -> str:
    """Describe a wrong argument or result by its type, with the shape if it has one."""
    shape = getattr(x, "shape", None)
    kind = "Value" if isinstance(x, Node) else type(x).__name__
    return kind if shape is None else f"{kind} of shape {shape}"


def fold(tree: Any, leaf: Callable[..., Any], branch: Callable[..., Any], path: Any = ()) -> Any:
    """Return what is made of a structure from its leaves on.

    Of a leaf that is `leaf(x, path)`, the path being the tuple of the keys and positions that lead
    to it, and of a container `branch(container, parts, path)`, where `parts` are what was made of
    its entries, by key or position.
    """
    if not isinstance(tree, (dict, list, tuple)):
        return leaf(tree, path)
    parts = {key: fold(x, leaf, branch, (*path, key)) for key, x in entries(tree)}
    return branch(tree, parts, path)


def entries(tree: Any) -> Iterable[tuple[Any, Any]]:
    """Return the entries of a container, each with its key or position."""
    return tree.items() if isinstance(tree, dict) else enumerate(tree)


def rebuilt(tree: Any, parts: dict[Any, Any]) -> Any:
    """Return a container like `tree`, with other entries."""
    if isinstance(tree, dict):
        return parts
    return type(tree)(*parts.values()) if hasattr(tree, "_fields") else type(tree)(parts.values())
