"""`in_blocks`: value and gradient of a mean or a sum, from those of blocks of its examples."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from itertools import count
from math import ceil
from typing import Any
from uuid import uuid4

import numpy as np

from autodiff.arguments import as_positions, filled, name_of, positions_of
from autodiff.blocks.call import Block, Call, called
from autodiff.blocks.learning import Learned
from autodiff.blocks.worker import Worker, pairwise
from autodiff.errors import explained

NUMBERS = 2**20
"""Numbers that a function computes of a block; a compiled one keeps a part of them at a time."""

Map = Callable[..., Iterable[Any]]


@explained
def in_blocks(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    batched: int | Sequence[int] | None = None,
    size: int | None = None,
    map: Map = map,
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes what `value_and_grad(f, argnums)` does, block by block.

    `f` is a mean or a sum over examples, which are the rows of the arguments `batched`: arrays or
    nested structures of them, by default all arguments that are neither differentiated nor single
    numbers or words. A block has `size` rows, the last one fewer; by default there is one block, or
    an even number of those that fit in a cache with what is computed of them. Each is computed by
    `compile(f, argnums, "auto")`, and `map` does that: the built-in one, or one of threads,
    processes or machines, such as the `map` of an Executor. Sums are pairwise and in the order of
    the rows: a result is the same to the last bit at each run.

    In place of an array there may be a list of functions, one for each block: they are called where
    the block is computed, and load it.

    Whether `f` is a mean or a sum is found out on a few rows at the first call. Raises ValueError
    where it is neither, where there are no rows, and where arguments differ in how many they have;
    TypeError as `compile` does. What else `f` raises gets a note of the rows.

    >>> def loss(w, X, t):
    ...     return mean((X @ w - t) ** 2)
    >>> w, X, t = np.zeros(2), np.ones((1000, 2)), np.arange(1000.0)
    >>> value, gradient = in_blocks(loss, size=300)(w, X, t)
    >>> float(value), gradient.tolist()
    (332833.5, [-999.0, -999.0])
    """
    positions = as_positions(f, argnums)
    if not callable(map):
        raise TypeError(f"map is a function such as Python's own, not {map!r}")
    if size is not None and (not hasattr(size, "__index__") or size < 1 or size is True):
        raise ValueError(f"size is a number of rows, at least 1, not {size!r}")
    worker = Worker(uuid4().hex, f, argnums)
    found: dict[Any, Learned] = {}

    @wraps(f)
    def blocked(*args: Any, **options: Any) -> tuple[Any, Any]:
        if options:
            raise TypeError(f"in blocks, {name_of(f)} takes no {'=, '.join(options)}= by name")
        wanted = positions_of(f, positions, args)
        call, blocks = called(f, args, wanted, batched)
        if call.key not in found:
            found.clear()
            learn = partial(worker.learned, call)
            (found[call.key],) = map(learn, [blocks]) if call.loads else [learn(blocks)]
        known = found[call.key]
        if known.is_mean is None:
            found.clear()
        value, *rest = whole(worker, call, blocks, known, size, map)
        gradient = tuple(filled([args[i] for i in wanted], iter(rest)))
        return value, gradient if isinstance(argnums, Sequence) else gradient[0]

    return blocked


def whole(
    worker: Worker, call: Call, blocks: Sequence[Block], known: Learned, size: int | None, map: Map
) -> Sequence[Any]:
    """Return value and gradient, from those of the blocks."""
    rows = known.rows if call.loads else call.rows(blocks[0].parts)
    number = 1 if size else ceil(rows * known.numbers / NUMBERS)
    if number > 1:
        number += number % 2  # so that two that compute have as many
    most = max(1, min(size or rows, rows // max(1, number)))
    if not call.loads and most == rows:
        return worker.results(call, known, most, blocks[0], rows)
    if not call.loads:
        blocks = blocks[0].cut(rows, most)
    found = map(partial(worker.sums, call, known, most), blocks)
    number_of_found = count()
    sums = pairwise(x for x, _ in zip(found, number_of_found) if x)
    if (given := next(number_of_found)) != len(blocks):
        raise ValueError(
            f"map gave {given} results for {len(blocks)} blocks; it gives one for each, in their "
            "order, as Python's own does"
        )
    if not sums:
        raise ValueError(f"{name_of(worker.f)} was called without rows")
    rows, *results = sums
    if known.is_mean is None and rows > 1 and any(np.any(x) for x in results):
        raise ValueError(
            f"{name_of(worker.f)} and its gradient are 0, or infinite or NaN, on the rows that "
            "were tried, which does not show whether it is a mean or a sum"
        )
    return results if known.is_mean is False else [x / rows for x in results]
