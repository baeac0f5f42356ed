"""Where the nodes of a program's graph are on the page."""

from collections.abc import Collection
from typing import Any

from autodiff.readings.layers import layout

HEIGHT = 40.0
COLUMN = 9.0  # of a name, in pixels
LONGEST = 14  # characters of a name


def reads(program: dict[str, Any], term: int, named: Collection[int]) -> list[int]:
    """Return the terms with a name that an equation is written with."""
    found: dict[int, None] = {}
    stack = [term]
    while stack:
        for x in program["terms"][stack.pop()].get("operands", ()):
            if x in named:
                found[x] = None
            else:
                stack.append(x)
    return list(found)


def graph(program: dict[str, Any]) -> dict[str, Any]:
    """Return nodes and edges of the forward pass, in layers from the left and from above.

    Each way to lay them out has its "size", the "middles" of the nodes, which are the terms in
    "nodes", and the "lines" of the edges, pairs of positions in "nodes".
    """
    forward = [x for x in program["statements"] if x["forward"]]
    read = {program["value"], *(y for x in forward for y in x["reads"])}
    drawn = [*(x for x in program["inputs"] if x["term"] in read), *forward]
    at = {x["term"]: i for i, x in enumerate(drawn)}
    names = [x["text"] if isinstance(x["text"], str) else x["text"][0] for x in drawn]
    width = COLUMN * min(LONGEST, max(map(len, names))) + 40
    edges = [(at[y], at[x["term"]]) for x in forward for y in x["reads"] if y in at]
    ways = {}
    for way, turns in (("across", True), ("down", False)):
        along, beside = (width, HEIGHT) if turns else (HEIGHT, width)
        size, middles, lines = layout([beside] * len(drawn), along, edges)
        ways[way] = {
            "size": turned(size, turns),
            "middles": [turned(x, turns) for x in middles],
            "lines": [[turned(x, turns) for x in line] for line in lines],
        }
    return {"nodes": list(at), "edges": edges, "width": width, "height": HEIGHT, **ways}


def turned(point: tuple[float, float], turns: bool) -> list[float]:
    x, y = (round(z, 1) for z in point)
    return [y, x] if turns else [x, y]
