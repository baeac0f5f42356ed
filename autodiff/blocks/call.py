"""The arguments of a call, and the blocks of those that are batched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from autodiff.arguments import (
    as_positions,
    described,
    leaves,
    name_of,
    parameter_names,
    positions_of,
    tree_map,
)
from autodiff.graph import Node


class Block(NamedTuple):
    """The batched arguments of a block, or what loads them, and where it is in the batch."""

    parts: Sequence[Any]
    first: int = 0
    number: int | None = None

    def cut(self, rows: int, most: int) -> list[Block]:
        starts = range(0, rows, most)
        return [
            Block(cut(self.parts, slice(i, i + most)), self.first + i, self.number) for i in starts
        ]

    @property
    def rows(self) -> int:
        return len(next(filter(has_rows, leaves(list(self.parts)))))

    def __str__(self) -> str:
        where = "" if self.number is None else f" of block {self.number}"
        return f"rows {self.first} to {self.first + self.rows - 1}{where}"


class Call(NamedTuple):
    """The arguments that are not batched, None for the others, whose names are at their positions.

    `key` is what may make the function another one, `loads` says that blocks are loaded.
    """

    others: Sequence[Any]
    names: Mapping[int, str]
    loads: bool
    key: Any

    def args(self, parts: Sequence[Any]) -> list[Any]:
        """Return all arguments."""
        args = [*self.others]
        for i, x in zip(self.names, parts):
            args[i] = x
        return args

    def rows(self, parts: Sequence[Any]) -> int:
        """Return how many rows the batched arguments have."""
        lengths: dict[str, int] = {}

        def note(x: Any, path: str | None) -> None:
            if has_rows(x):
                lengths[str(path)] = len(x)
            elif np.shape(x):
                raise TypeError(f"{path} is {described(x)}; what is batched are arrays of NumPy")

        for name, x in zip(self.names.values(), parts):
            before = len(lengths)
            tree_map(note, x, name)
            if len(lengths) == before:
                raise TypeError(
                    f"{name} is {described(x)}, without rows; batched= says what has them"
                )
        if len({*lengths.values()}) > 1:
            found = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise ValueError(f"what is batched has different numbers of rows: {found}")
        return next(iter(lengths.values()))


def called(
    f: Callable[..., Any],
    args: Sequence[Any],
    wanted: Sequence[int],
    batched: int | Sequence[int] | None,
) -> tuple[Call, list[Block]]:
    """Return a call, and its blocks if they are loaded; otherwise one of all rows."""
    if any(isinstance(x, Node) for x in leaves(list(args))):
        raise TypeError(
            f"in_blocks takes numbers, not Values; value_and_grad({name_of(f)}) takes both"
        )
    if batched is None:
        rest = [i for i in range(len(args)) if i not in wanted]
        places = [i for i in rest if isinstance(args[i], (dict, list, tuple)) or np.shape(args[i])]
    else:
        places = [*positions_of(f, as_positions(f, batched, "batched"), args, "batched")]
    if not places or {*places} & {*wanted}:
        raise ValueError(
            f"one argument of {name_of(f)} at least must be batched, and none that is "
            f"differentiated; batched are {places}, differentiated {[*wanted]}"
        )
    names = {i: parameter_names(f).get(i, f"argument {i}") for i in places}
    parts = [args[i] for i in names]
    numbers = {
        len(x) if isinstance(x, (list, tuple)) and x and all(map(callable, x)) else 0 for x in parts
    }
    if len(numbers) > 1:
        raise ValueError(
            f"{', '.join(names.values())} must all be arrays, or lists of as many functions"
        )
    others = [None if i in names else x for i, x in enumerate(args)]
    loads = numbers != {0}
    key = (*names, loads, *[kind_of(x) for x in leaves(others)])
    if not loads:
        return Call(others, names, loads, key), [Block(parts)]
    return Call(others, names, loads, key), [Block(x, 0, i) for i, x in enumerate(zip(*parts))]


def has_rows(x: Any) -> bool:
    kinds = np.ma.MaskedArray, np.matrix
    return isinstance(x, np.ndarray) and x.ndim > 0 and not isinstance(x, kinds)


def cut(parts: Sequence[Any], rows: Any) -> list[Any]:
    """Return some rows of the batched arguments; numbers and words among them as they are."""
    return [tree_map(lambda x, _: np.asarray(x[rows]) if has_rows(x) else x, x) for x in parts]


def kind_of(x: Any) -> Any:
    """Return what about an argument that is not batched may make a function another one."""
    return np.shape(x) if isinstance(x, (np.ndarray, float, np.floating)) else f"{type(x)} {x}"


def loaded(call: Call, block: Block) -> tuple[Sequence[Any], int]:
    """Return the batched arguments of a block, and how many rows they have."""
    if not call.loads:
        return block.parts, call.rows(block.parts)
    with noted(f"block {block.number}"):
        parts = [load() for load in block.parts]
        return parts, call.rows(parts)


@contextmanager
def noted(place: Any) -> Iterator[None]:
    """Add to an exception where it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in_blocks: in {place}")
        raise
