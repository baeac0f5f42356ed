"""What computes blocks, in whichever process, and adds them up; what a few rows show of a function.

That is whether it is a mean or a sum, and how much it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from autodiff.arguments import as_positions, filled, leaves, name_of, positions_of, tree_map
from autodiff.blocks.call import Block, Call, cut, has_rows, loaded, noted
from autodiff.readings.compiling.compile import compile
from autodiff.readings.trace import Trace
from autodiff.transforms import value_and_grad
from autodiff.walk import oldest_first

KEPT = 16
"""Functions that a process keeps compiled for others."""

FEW = 101
"""Rows that are looked at."""


class Worker:
    """Computes blocks. One that is sent to another process stays there with what it compiled."""

    def __init__(self, token: str, f: Callable[..., Any], argnums: int | Sequence[int]) -> None:
        self.sent = token, f, argnums
        self.f, self.argnums = f, argnums
        self.engine = value_and_grad(f, argnums)
        self.full = compile(f, argnums, backend="auto")
        self.rest = compile(f, argnums)  # what is left over is not worth a call of the C compiler
        self.ready: set[int] = set()
        self.lock = Lock()

    def __reduce__(self) -> Any:
        return kept, self.sent

    def sums(self, call: Call, known: Learned, most: int, block: Block) -> Sequence[Any]:
        """Return the rows of a block, and value and gradient added up over them."""
        return pairwise(self.terms(call, known, most, block))

    def terms(self, call: Call, known: Learned, most: int, block: Block) -> Iterator[Sequence[Any]]:
        parts, total = loaded(call, block)
        for part in block._replace(parts=parts).cut(total, most):
            rows = part.rows
            weight = 1 if known.is_mean is False else rows
            yield rows, *[weight * x for x in self.results(call, known, most, part, rows)]

    def results(self, call: Call, known: Learned, most: int, part: Block, rows: int) -> list[Any]:
        """Return value and gradient of a block that is in memory and is not cut."""
        run = self.full if rows == most else self.rest
        run = self.engine if known.reads_integers else run
        with noted(part), nullcontext() if rows in self.ready else self.lock:
            value, gradient = run(*call.args(part.parts))
        self.ready.add(rows)  # one thread has compiled, and the others have waited
        return [value, *leaves(gradient)]

    def learned(self, call: Call, blocks: Sequence[Block]) -> Learned:
        return learned(self.f, self.argnums, call, blocks)


workers: dict[str, Worker] = {}
lock = Lock()


def kept(token: str, f: Callable[..., Any], argnums: int | Sequence[int]) -> Worker:
    """Return the worker that came to this process before, or a new one."""
    with lock:
        worker = workers.pop(token, None) or Worker(token, f, argnums)
        workers[token] = worker
        for old in [*workers][:-KEPT]:
            del workers[old]
    return worker


def pairwise(terms: Iterable[Sequence[Any]]) -> Sequence[Any]:
    """Return the sums of numbers, added up like a tournament, so that rounding hardly grows."""
    done: list[tuple[int, Sequence[Any]]] = []
    for sums in terms:
        count = 1
        while done and done[-1][0] == count:
            sums = [x + y for x, y in zip(done.pop()[1], sums)]
            count *= 2
        done.append((count, sums))
    total: Sequence[Any] = ()
    for _, sums in reversed(done):
        total = [x + y for x, y in zip(sums, total)] if total else sums
    return total


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
