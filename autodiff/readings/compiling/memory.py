"""In which order calls are made, and in which memory their results live."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate, count
from typing import Any, NamedTuple

import numpy as np

from autodiff.readings.compiling.calls import Call, Calls


class Buffer(NamedTuple):
    """Memory for arrays, `in_columns` if their last axis is the slowest; or `rows` of the block."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    in_columns: bool
    rows: slice | None = None


class Memory:
    """The calls in order, and the names of the buffers that hold their results.

    What is returned to the caller is in none of them. `sums` are made at the end by one call: each
    adds up some rows of the block, which is the first buffer, and its result is the same entries of
    that call's.
    """

    def __init__(self, calls: Calls) -> None:
        returned = {root(x) for x in (calls.value, *calls.gradients.values())}
        self.calls, self.sums = with_sums_last(calls.calls, returned)
        self.buffers, self.of = in_buffers(self.calls, self.sums, returned)


def with_sums_last(
    calls: list[Call], returned: Collection[Call]
) -> tuple[list[Call], dict[Call, slice]]:
    """Choose the sums over rows that one call can make, and move them to the end.

    Nothing but single numbers may depend on them. What they add up is kept side by side, in the
    rows of one block; returned is which rows are those of each, beside the calls in order.
    """
    chosen = {call: None for call in calls if is_sum_over_rows(call, returned)}
    behind: dict[Call, set[Call]] = {}  # the sums that a result depends on
    for call in calls:
        behind[call] = set().union(*[behind.get(x, ()) for x in call.operands])
        if call.kind != "__call__" or call.ndim:
            for sum_ in behind[call]:
                chosen.pop(sum_, None)
        if call in chosen:
            behind[call].add(call)
    summed = dict.fromkeys(call.operands[0] for call in chosen)
    if len(chosen) < 2 or len({(len(x.data), x.data.dtype) for x in summed}) > 1:
        return calls, {}
    late = {call for call in calls if behind[call] & chosen.keys()}
    ends = [*accumulate((x.data[0].size for x in summed), initial=0)]
    rows = dict(zip(summed, map(slice, ends, ends[1:])))
    order = sorted(calls, key=lambda call: call in late)
    return order, {call: rows[call.operands[0]] for call in chosen}


def is_sum_over_rows(call: Call, returned: Collection[Call]) -> bool:
    """Return whether a call adds up the rows of an array that gets a buffer, in memory's order."""
    if call.function != np.add.reduce or call.options.get("keepdims"):
        return False
    x, axis = call.operands[0], call.options.get("axis", 0)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    in_rows = x.ndim == 1 or (x.ndim == 2 and in_columns(x.data))
    if not in_rows or {i % x.ndim for i in axes} != {0}:
        return False
    return x.kind == "__call__" and x not in returned and x.data.size > 0


def in_buffers(
    calls: Sequence[Call], sums: Mapping[Call, slice], returned: Collection[Call]
) -> tuple[dict[str, Buffer], dict[Call, str]]:
    """Give every result that does not leave the program a buffer, its own or a free one.

    Returned are the buffers, named m1, m2, ..., and the names of those that results are in.
    """
    names = map("m{}".format, count(1))
    buffers: dict[str, Buffer] = {}
    of: dict[Call, str] = {}
    parts = {call.operands[0]: rows for call, rows in sums.items()}
    if parts:
        x = next(iter(parts)).data
        shape = (max(rows.stop for rows in parts.values()), len(x))
        buffers[next(names)] = Buffer(shape, x.dtype, in_columns=False)
    name_of_part = dict(zip(parts, names))
    free: dict[Buffer, list[str]] = defaultdict(list)
    last = {root(x): i for i, call in enumerate(calls) for x in call.operands}
    for i, call in enumerate(calls):
        read = {x for x in map(root, call.operands) if x in of and x not in parts and last[x] == i}
        ending = sorted({of[x] for x in read}, key=lambda name: int(name[1:]))
        if call in parts:
            of[call] = name_of_part[call]
            buffers[of[call]] = like(call.data)._replace(rows=parts[call])
        elif call.kind == "__call__" and call.ndim and call in last and call not in returned:
            wanted = like(call.data)
            fits = [name for name in ending if buffers[name] == wanted]
            # NumPy would multiply matrices in place by way of a copy.
            if fits and call.function is not np.matmul:
                of[call] = fits[0]
                ending.remove(fits[0])
            elif free[wanted]:
                of[call] = free[wanted].pop()
            else:
                of[call] = next(names)
                buffers[of[call]] = wanted
        for name in ending:
            free[buffers[name]].append(name)
    return buffers, of


def root(x: Call) -> Call:
    """Return the call whose memory a view shows."""
    while x.kind == "view":
        x = x.operands[0]
    return x


def is_outer(call: Call) -> bool:
    """Return whether a call multiplies a column and a row, which `dot` computes faster."""
    if call.function is not np.multiply:
        return False
    a, b = (np.asarray(x.data) for x in call.operands)
    column = a.ndim == 2 and a.shape[1] == 1 and b.ndim == 1 and len(a) > 1 and len(b) > 1
    return column and a.dtype == b.dtype == call.data.dtype and a.dtype.kind == "f"


def in_columns(x: Any) -> bool:
    """Return whether an array lies in memory with its last axis slowest."""
    return bool(x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous)


def like(x: Any) -> Buffer:
    """Return memory for results like an array."""
    return Buffer(x.shape, x.dtype, in_columns(x))
