"""Pictures of recorded graphs: boxes and lines, in SVG, in DOT, or drawn by matplotlib."""

import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autodiff.arguments import described
from autodiff.arrays import shape
from autodiff.graph import Node
from autodiff.readings.layers import Point, layout
from autodiff.readings.naming import Naming
from autodiff.readings.notation import TEXT
from autodiff.readings.terms import Terms
from autodiff.readings.trace import Trace
from autodiff.walk import oldest_first

# Boxes of a picture; characters of a name; how often boxes are told apart by what they read.
MOST, LONGEST, ROUNDS = 60, 28, 3
# Pixels: size of letters, width of one, height of a line.
FONT, COLUMN, LINE = 13, 8.0, 17.0

# Colour, width and dashes of a border, colour inside, and what is cut off the corners.
LOOKS: dict[str, tuple[str, float, tuple[int, ...], str, float]] = {
    "parameter": ("#0072B2", 2.5, (), "#0072B21A", 9.0),
    "data": ("#009E73", 1.5, (7, 3), "#009E731A", 0.0),
    "constant": ("#808080", 1.5, (2, 3), "none", 0.0),
    "operation": ("#808080", 1.0, (), "none", 0.0),
    "broadcast": ("none", 0.0, (), "none", 0.0),
    "result": ("#D55E00", 4.0, (), "#D55E001A", 0.0),
    "edge": ("currentColor", 1.0, (), "none", 0.0),
    "back": ("currentColor", 1.0, (5, 4), "none", 0.0),
}
CSS = (
    ".autodiff{color:#1a1a1a;max-width:100%;height:auto}.autodiff text{text-anchor:middle;"
    "fill:currentColor}@media screen and (prefers-color-scheme:dark){.autodiff{color:#eee}"
    ".autodiff .page{fill:#161616}}"
)


class Box(NamedTuple):
    kind: str
    lines: list[str]


@dataclass(frozen=True, repr=False)
class Picture:
    """A graph as boxes, oldest first, and edges to their readers; a notebook shows it."""

    boxes: Sequence[Box]
    edges: Sequence[tuple[int, int]]

    def shapes(self) -> tuple[Point, list[Point], list[tuple[str, list[Point]]]]:
        """Return the size, the middles of the boxes, and lines and outlines with their kinds."""
        height = LINE * max(len(box.lines) for box in self.boxes) + 14.0
        widths = [COLUMN * max(map(columns, box.lines)) + 24.0 for box in self.boxes]
        size, middles, lines = layout(widths, height, self.edges)
        shapes = []
        for (a, b), line in zip(self.edges, lines):
            (x, y), side = (line[0], 7.0) if a > b else (line[-1], -7.0)
            head = [(x - 4.0, y + side), (x, y), (x + 4.0, y + side)]
            shapes += [("back" if a > b else "edge", line), ("edge", head)]
        for (kind, _), (x, y), width in zip(self.boxes, middles, widths):
            w, h, cut = width / 2, height / 2, LOOKS[kind][-1]
            half = [(-w, cut - h), (cut - w, -h), (w - cut, -h), (w, cut - h)]
            shapes.append((kind, [(x + s * a, y + s * b) for s in (1, -1) for a, b in half]))
        return size, middles, shapes

    @property
    def svg(self) -> str:
        """The picture as an SVG document, light or dark as its reader has it."""
        (width, height), middles, shapes = self.shapes()
        names = [box.lines[0] for box in self.boxes]
        title = escape(f"Graph of {names[-1]}")
        words = [", ".join(box.lines) for box in self.boxes]
        words += [f"{names[a]} goes into {names[b]}" for a, b in self.edges]
        parts = [
            '<svg xmlns="http://www.w3.org/2000/svg" class="autodiff" role="img" '
            f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'aria-label="{title}" font-family="monospace" font-size="{FONT}"><title>{title}'
            f"</title><desc>{escape('. '.join(words))}.</desc><style>{CSS}</style>",
            '<rect class="page" width="100%" height="100%" fill="#fff"/>',
        ]
        for kind, points in shapes:
            colour, thick, dashes, face, _ = LOOKS[kind]
            parts.append(
                f'<poly{"line" if kind in ("edge", "back") else "gon"} class="{kind}" '
                f'points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="{face}" '
                f'stroke="{colour}" stroke-width="{thick}" '
                f'stroke-dasharray="{" ".join(map(str, dashes))}"/>'
            )
        for box, (x, y) in zip(self.boxes, middles):
            for i, text in enumerate(box.lines):
                below = y + FONT + LINE * (i - len(box.lines) / 2)
                weight = "normal" if i or box.kind == "broadcast" else "bold"
                place = f'x="{x:.1f}" y="{below:.1f}" font-weight="{weight}"'
                parts.append(f"<text {place}>{escape(text)}</text>")
        return "\n".join([*parts, "</svg>\n"])

    def _repr_svg_(self) -> str:
        return self.svg

    @property
    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        rows = ["digraph {", "  node [shape=box, fontname=monospace]"]
        for i, box in enumerate(self.boxes):
            label = r"\n".join(s.replace("\\", r"\\").replace('"', r"\"") for s in box.lines)
            rows.append(f'  {i} [label="{label}"]')
        return "\n".join([*rows, *[f"  {a} -> {b}" for a, b in self.edges], "}\n"])

    def save(self, path: Any) -> None:
        """Write a file that ends in .svg, .dot, or, with matplotlib, .png or .pdf.

        Raises ValueError for another ending, and ImportError where matplotlib is missing.
        """
        ending = Path(path).suffix.lower()
        if ending in (".png", ".pdf"):
            self.figure().savefig(path, dpi=144)
        elif ending in (".svg", ".dot"):
            Path(path).write_text(self.svg if ending == ".svg" else self.dot, encoding="utf-8")
        else:
            raise ValueError(f"a picture is saved as .svg, .png, .pdf or .dot, not as {path}")

    def figure(self) -> Any:
        """Return the picture as a figure of matplotlib, a point for a pixel."""
        try:
            from matplotlib.figure import Figure
            from matplotlib.patches import Polygon
        except ImportError:
            raise ImportError(
                "a .png or .pdf is drawn by matplotlib, which is missing and .svg does not need; "
                "install it with: pip install 'backprop-by-hand[cli]'"
            ) from None
        (width, height), middles, shapes = self.shapes()
        figure = Figure((width / 72, height / 72))
        ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        ax.axis("off")
        for kind, points in shapes:
            colour, thick, dashes, face, _ = LOOKS[kind]
            shape = Polygon(points, closed=kind not in ("edge", "back"), facecolor=face, lw=thick)
            shape.set(ec=colour.replace("currentColor", "black"), ls=(0, dashes) if dashes else "-")
            ax.add_patch(shape)
        font: Any = {"size": FONT, "family": "monospace", "ha": "center", "va": "center"}
        for box, (x, y) in zip(self.boxes, middles):
            ax.text(x, y, "\n".join(box.lines), parse_math=False, **font)
        return figure


class Item(NamedTuple):
    """A node, or a constant that one reads; `reads` are the positions of its operands."""

    node: Node | None
    raw: Any
    reads: list[int]
    kind: str
    operation: str
    name: str


def draw(
    of: Any,
    *args: Any,
    argnums: int | Sequence[int] = 0,
    values: bool = False,
    adjoints: bool = False,
) -> Picture:
    """Return a picture of the graph of a Value, or of what a function computes of `args`.

    A box has a name, an operation and, of an array, the shape; on request its value and adjoint, of
    more than three numbers the range. Of a Value, names are those given with `name=`, Values that
    were not computed are parameters, and adjoints are what `backward()` left; of a function, names
    are those of its code, and the arguments `argnums` are parameters. Operands enter a box from
    left to right. Where one is broadcast, it is said over which axes its adjoint is summed on the
    way back. Of graphs with more than 60 boxes those alike are drawn as one, with their number.

    Raises TypeError for anything else, ValueError where there are no adjoints, and as `source`.

    >>> w = Value(2.0, name="w")
    >>> picture = draw(w * w, values=True)
    >>> [box.lines for box in picture.boxes]
    [['w', 'parameter', 'value 2'], ['multiply', 'result', 'value 4']]
    """
    data: set[Node] = set()
    name: Callable[[Node], str | None] = attrgetter("name")
    adjoint: Callable[[Node], Any] = attrgetter("_grad")
    if isinstance(of, Node) and not args:
        result = of
    elif callable(of):
        trace = Trace(of, args, argnums)
        result, terms = trace.value, Terms(trace)
        naming = Naming(trace, terms)
        data = {x for path, x in trace.inputs.items() if path[0] not in trace.wanted}
        names = {x: s for x, s in naming.names.items() if x not in naming.pieces}
        known = {x: names[y] for x, y in terms.of_node.items() if y in names}
        name = {x: TEXT.variable(s, 0, False) for x, s in known.items()}.get
        adjoint = {x: y._raw for x, y in trace.adjoints.items()}.get
    else:
        raise TypeError(
            f"draw takes a Value alone, or a function and its arguments, not {described(of)}"
        )
    if adjoints and adjoint(result) is None:
        raise ValueError("there are no adjoints to draw before backward() was called")
    items = flattened(result, data, name)
    return Picture(*drawn(items, alike(items), values, adjoint if adjoints else None))


def flattened(result: Node, data: set[Node], name: Callable[[Node], str | None]) -> list[Item]:
    """Return the nodes of a graph and their constants, oldest first."""
    items: list[Item] = []
    at: dict[int, int] = {}
    for node in oldest_first([result]):
        for x, raw in zip(node.operands, node.inputs):
            if x is None and id(raw) not in at:
                at[id(raw)] = len(items)
                items.append(Item(None, raw, [], "data" if shape(raw) else "constant", "", ""))
        reads = [at[id(raw if x is None else x)] for x, raw in zip(node.operands, node.inputs)]
        kind = "operation" if node.primitive else "data" if node in data else "parameter"
        axis = node.parameters.get("axis")
        operation = node.primitive.name if node.primitive else ""
        operation += f" axis={axis}" if axis is not None else ""
        title = "".join(c if c.isprintable() else "\ufffd" for c in name(node) or "")
        title = title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"
        at[id(node)] = len(items)
        kind = "result" if node is result else kind
        items.append(Item(node, node._raw, reads, kind, operation, title))
    return items


def alike(items: Sequence[Item]) -> list[int]:
    """Return for each item the number of the box that it is drawn as, from the oldest on.

    Too many items for a box each are told apart by how they look, then by what they read, or by
    what reads them if they read nothing, again and again, as long as there are not too many boxes.
    """
    if len(items) <= MOST:
        return list(range(len(items)))
    # Names of what is computed come last: where they are too many, those of parameters may do.
    looks = [(x.kind, x.operation, shape(x.raw), not x.reads and x.name, x.name) for x in items]
    readers: list[list[tuple[int, int]]] = [[] for _ in items]
    for i, item in enumerate(items):
        for k, j in enumerate(item.reads):
            readers[j].append((i, k))
    box = [0] * len(items)
    for step in range(len(looks[0]) + ROUNDS):
        number: dict[Hashable, int] = {}
        finer = []
        for i, item in enumerate(items):
            if step < len(looks[0]):
                part: Hashable = looks[i][step]
            elif item.reads:
                part = tuple([box[j] for j in item.reads])
            else:
                part = frozenset([(box[j], k) for j, k in readers[i]])
            finer.append(number.setdefault((box[i], part), len(number)))
        box = finer if len(number) <= MOST else box
    return box


def drawn(
    items: Sequence[Item], group: list[int], values: bool, adjoint: Callable[[Node], Any] | None
) -> tuple[list[Box], list[tuple[int, int]]]:
    """Return a box for each group of items, one for each broadcast, and the edges."""
    members: dict[int, list[Item]] = {}
    read: dict[int, dict[tuple[int, int], str]] = {}
    for g, item in zip(group, items):
        members.setdefault(g, []).append(item)
        ways = read.setdefault(g, {})
        for k, j in enumerate(item.reads):
            assert item.node is not None
            way = group[j], k if item.node.primitive.arity or len(items) <= MOST else 0
            if way not in ways:
                ways[way] = summed(item.node, k)
    boxes: dict[tuple[int, ...], Box] = {}
    edges: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for g, those in members.items():
        for (j, k), axes in read[g].items():
            if axes:
                boxes[g, j, k] = Box("broadcast", ["broadcast", f"adjoint summed over {axes}"])
                edges += [((j,), (g, j, k)), ((g, j, k), (g,))]
            elif j != g:
                edges.append(((j,), (g,)))
        boxes[g,] = Box(those[0].kind, said(those, values, adjoint))
        if len(those) > 1:
            chain = ", one after another" if any(j >= g for j, _ in read[g]) else ""
            boxes[g,].lines.append(f"× {len(those):,}{chain}")
    if len(members) < len(items):
        boxes[group[-1],].lines.append(f"{len(items):,} nodes in {len(members)} boxes")
    at = {key: i for i, key in enumerate(boxes)}
    return [*boxes.values()], [(at[a], at[b]) for a, b in edges]


def said(those: Sequence[Item], values: bool, adjoint: Callable[[Node], Any] | None) -> list[str]:
    """Return what a box says about the items that it stands for."""
    first, size, names = those[0], shape(those[0].raw), [item.name for item in those]
    what, is_number = first.operation or first.kind, first.kind == "constant" and len(those) == 1
    name = TEXT.number(first.raw) if is_number else names[0]
    if len(set(names)) > 1:
        name = f"{names[0]} … {names[-1]}" if all(names) else ""
    rest = [what if name else "", str(size) if size else ""]
    rest.append("result" if first.kind == "result" != what else "")
    lines = [name or what, " · ".join(filter(None, rest))]
    if values and not is_number:
        lines.append(f"value {numbers(item.raw for item in those)}")
    found = [adjoint(x.node) for x in those if adjoint and x.node is not None]
    if any(x is not None for x in found):
        lines.append(f"adjoint {numbers(x for x in found if x is not None)}")
    return [line for line in lines if line]


def summed(node: Node, position: int) -> str:
    """Return over which axes the adjoint of an operand is summed: by what its rule gives."""
    operand, rule = node.operands[position], dict(node.primitive.rules).get(position)
    to, of = shape(node.inputs[position]), shape(node._raw)
    if operand is None or rule is None or not node.primitive.broadcasts or to == of:
        return ""
    with np.errstate(all="ignore"):
        g = np.zeros(of, np.result_type(node._raw))
        given = shape(rule(g, node._raw, *node.inputs, **node.parameters))
    lead = len(given) - len(to)
    axes = [str(i) for i, n in enumerate(given) if i < lead or n != to[i - lead]]
    return f"ax{'es' if len(axes) > 1 else 'is'} {', '.join(axes)}" if axes else ""


def numbers(arrays: Iterable[Any]) -> str:
    """Write up to three numbers, of more the range."""
    flat = np.concatenate([np.ravel(x) for x in arrays])
    if flat.size <= 3:
        return ", ".join(f"{float(x):.3g}" for x in flat)
    return " to ".join(dict.fromkeys(f"{float(x):.3g}" for x in (flat.min(), flat.max())))


def columns(text: str) -> int:
    """Return how wide a text is, at most, in letters of one width."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
