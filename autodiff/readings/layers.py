"""Boxes and the lines between them laid out in layers, after Sugiyama, Tagawa and Toda (1981)."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import fsum

# Pixels, as all lengths here: between two boxes of a layer, between two layers.
BETWEEN, GAP = 20.0, 36.0
ORDERING, PLACING = 5, 7
BEND = [i / 12 for i in range(13)]

Point = tuple[float, float]


def layout(
    widths: Sequence[float], height: float, edges: Sequence[tuple[int, int]]
) -> tuple[Point, list[Point], list[list[Point]]]:
    """Return width and height of the whole, the middle of each box, and the points of each line.

    An edge leads down to a later box, and enters it in the order given, from left to right. One to
    an earlier box closes a cycle; it is laid out as if it led back. y grows downwards.
    """
    ways = [(min(edge), max(edge)) for edge in edges]
    depth = [0] * len(widths)  # the longest way down
    for a, b in sorted(ways, reverse=True):
        depth[a] = max(depth[a], depth[b] + 1)
    layers: list[list[int]] = [[] for _ in range(max(depth) + 1)]
    for i, d in enumerate(depth):
        layers[d].append(i)
    wide, chains = list(widths), []
    for a, b in ways:  # with a box of no width in every layer that an edge passes
        chains.append([a])
        for d in range(depth[a] - 1, depth[b], -1):
            layers[d].append(len(wide))
            chains[-1].append(len(wide))
            wide.append(0.0)
        chains[-1].append(b)
    x, ports = placed(layers, chains, wide)
    y = {}
    for level, layer in enumerate(reversed(layers)):
        y.update(dict.fromkeys(layer, BETWEEN + height / 2 + (height + GAP) * level))
    lines: list[list[Point]] = []
    for chain, port in zip(chains, ports):
        lines.append([])
        for i, j in pairwise(chain):
            way = x[j] + (port if j == chain[-1] else 0.0) - x[i]
            top = y[i] + height / 2
            lines[-1] += [(x[i] + way * s * s * (3 - 2 * s), top + GAP * s) for s in BEND]
    right = max(at + w / 2 for at, w in zip(x, wide))
    size = right + BETWEEN, max(y.values()) + height / 2 + BETWEEN
    return size, [(x[i], y[i]) for i in range(len(widths))], lines


def placed(
    layers: list[list[int]], chains: list[list[int]], width: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return where each box is from left to right, and how far from its middle a chain enters one.

    Sweeps up and down put a box where its neighbours in the last layer are on average, and order
    the layer by that; at last they look both ways and leave the order as it is.
    """
    into = defaultdict(list)
    for k, chain in enumerate(chains):
        into[chain[-1]].append(k)
    ports = [0.0] * len(chains)
    for i, those in into.items():
        for n, k in enumerate(those):
            ports[k] = ((n + 0.5) / len(those) - 0.5) * 0.8 * width[i]
    above, below = defaultdict(list), defaultdict(list)
    for chain, port in zip(chains, ports):
        for i, j in pairwise(chain):
            offset = port if j == chain[-1] else 0.0
            above[j].append((i, -offset))
            below[i].append((j, offset))
    x = [0.0] * len(width)
    for sweep in range(ORDERING + PLACING):
        down, ordering = sweep % 2 == 1, sweep < ORDERING
        for layer in reversed(layers) if down else layers:
            for i in layer:
                near = above[i] + below[i] if not ordering else above[i] if down else below[i]
                if near:
                    x[i] = fsum(x[j] + offset for j, offset in near) / len(near)
            if ordering:
                layer.sort(key=x.__getitem__)
            for i, at in zip(layer, apart([x[i] for i in layer], [width[i] for i in layer])):
                x[i] = at
    left = min(at - w / 2 for at, w in zip(x, width)) - BETWEEN
    return [at - left for at in x], ports


def apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Return places near those wanted, in that order, at which nothing overlaps.

    Pushing what is too near to the right would do, or to the left; this is the mean of both.
    """
    right, left = list(wanted), list(wanted)
    needed = [(a + b) / 2 + BETWEEN for a, b in pairwise(widths)]
    for i, gap in enumerate(needed, 1):
        right[i] = max(right[i], right[i - 1] + gap)
        left[-i - 1] = min(left[-i - 1], left[-i] - needed[-i])
    return [(a + b) / 2 for a, b in zip(right, left)]
