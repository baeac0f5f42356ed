"""What a few rows show of a function: whether it is a mean or a sum, and how much it computes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from autodiff.arguments import as_positions, filled, leaves, name_of, positions_of, tree_map
from autodiff.blocks.call import Block, Call, cut, has_rows, loaded, noted
from autodiff.readings.trace import Trace
from autodiff.transforms import value_and_grad
from autodiff.walk import oldest_first

FEW = 101
"""Rows that are looked at."""


class Learned(NamedTuple):
    """What a few rows show of a function; `is_mean` is None where they do not show that.

    `numbers` are computed for a row, `reads_integers` says that a program would be for these rows
    only, and `rows` are those of the first block.
    """

    is_mean: bool | None
    numbers: int
    reads_integers: bool
    rows: int


def learned(
    f: Callable[..., Any], argnums: int | Sequence[int], call: Call, blocks: Sequence[Block]
) -> Learned:
    """Look at a few rows, spread over the first blocks; ValueError if blocks do not add up."""
    args, rows, first = few(f, call, blocks)
    wanted = positions_of(f, as_positions(f, argnums), args)
    both = value_and_grad(f, argnums)
    with noted(f"{rows} rows, to see whether it is a mean or a sum"):
        found = kinds(both, args, call, rows)
        # Near by, where it need not be defined, less is 0 or equal by chance.
        with np.errstate(all="ignore"), suppress(ValueError, ArithmeticError):
            found &= kinds(both, moved(args, wanted), call, rows)
        trace = Trace(f, args, argnums)
    if not found:
        raise ValueError(
            f"{name_of(f)} is neither a mean nor a sum over rows: blocks of them do not add up to "
            "the whole. Something depends on several of them, like a maximum over the batch or its "
            "variance, or stands once beside a sum, like a decay of weights"
        )
    names = {[*trace.args][i] for i in call.names}
    fixed = {path[0] for path, x in trace.fixed.items() if isinstance(x, np.ndarray)}
    recorded = [x._raw for x in oldest_first([trace.value])]
    numbers = sum(np.size(x) for x in recorded if rows in np.shape(x)) // rows
    is_mean = found.pop() if len(found) == 1 else None
    return Learned(is_mean, numbers, bool(fixed & names), first)


def few(
    f: Callable[..., Any], call: Call, blocks: Sequence[Block]
) -> tuple[Sequence[Any], int, int]:
    """Return arguments with a few rows, how many these are, and how many the first block has."""
    first, found, most = 0, [], FEW
    for block in blocks:
        parts, rows = loaded(call, block)
        if rows:
            picked = np.linspace(0, rows - 1, min(rows, most)).astype(int)
            found.append(cut(parts, picked))
            first, most = first or rows, most - len(picked)
        if not most:
            break
    if not found:
        raise ValueError(f"{name_of(f)} was called without rows")
    columns = zip(*map(leaves, found))
    joined = (np.concatenate(x) if has_rows(x[0]) else x[0] for x in columns)
    return call.args(filled(found[0], joined)), FEW - most, first


def kinds(both: Callable[..., Any], args: Sequence[Any], call: Call, rows: int) -> set[bool]:
    """Return whether two parts of the rows add up as for a mean (True) and for a sum (False)."""
    if rows < 2:
        return {True, False}
    middle = 2 * rows // 5 or 1
    batched = [args[i] for i in call.names]
    found = []
    for part in slice(None), slice(middle), slice(middle, None):
        value, gradient = both(*call._replace(others=args).args(cut(batched, part)))
        found.append([np.ravel(x) for x in (value, *leaves(gradient))])
    eps = max(np.finfo(x.dtype).eps for x in found[0])
    whole, one, two = map(np.concatenate, found)
    if not np.isfinite([one, two, whole]).all():
        return {True, False}
    possible = set()
    for is_mean, (a, b, c) in {True: (middle, rows - middle, rows), False: (1, 1, 1)}.items():
        gap = np.max(np.abs(a * one + b * two - c * whole))
        if gap <= eps ** (2 / 3) * np.max(np.abs([a * one, b * two, c * whole])):
            possible.add(is_mean)
    return possible


def moved(args: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
    """Return arguments that are a little different where they are differentiated."""
    rng = np.random.default_rng(0)

    def near(x: Any, _: Any) -> Any:
        x = np.asarray(x, None if isinstance(x, (np.floating, np.ndarray)) else np.float64)
        step = 0.1 * (np.max(np.abs(x), initial=0.0) or 1.0) * rng.normal(size=x.shape)
        return (x + step.astype(np.result_type(x, np.float32)))[()]

    return [tree_map(near, x) if i in wanted else x for i, x in enumerate(args)]
