"""What computes blocks, in whichever process, and adds them up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from threading import Lock
from typing import Any

from autodiff.arguments import leaves
from autodiff.blocks.call import Block, Call, loaded, noted
from autodiff.blocks.learning import Learned, learned
from autodiff.readings.compiling.compile import compile
from autodiff.transforms import value_and_grad

KEPT = 16
"""Functions that a process keeps compiled for others."""


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
