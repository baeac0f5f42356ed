"""Pictures show the whole graph, legibly: nothing overlaps, whatever names and numbers are."""

import re
import sys
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given
from places import ROOT
from random_programs import as_function, programs, relaxed

import autodiff
from autodiff import Value, draw, walk
from autodiff.readings import picture
from mlp import engine, scalar, tutorial_problem

X, T, PARAMS = tutorial_problem()
LISTS = {name: np.asarray(p).tolist() for name, p in PARAMS.items()}
SVG = "{http://www.w3.org/2000/svg}"


def by_number(params, n=500):
    return sum(scalar.loss(params, x, t) for x, t in zip(X[:n].tolist(), T.tolist())) / n


def chain(n):
    x = y = Value(0.5, name="x")
    for _ in range(n):
        y = np.tanh(y + 1.0)
    return y * x


def drawn(image):
    """Return boxes as (left, top, right, bottom), and lines and heads of arrows as lists of points.

    They are read from the SVG; a head is three points, the tip in the middle.
    """
    root = ElementTree.fromstring(image.svg)
    boxes, lines, heads = [], [], []
    for x in root:
        points = [tuple(map(float, p.split(","))) for p in x.get("points", "").split()]
        if x.tag == f"{SVG}polygon":
            (left, *_, right), (top, *_, bottom) = map(sorted, zip(*points))
            boxes.append((left, top, right, bottom))
        elif x.tag == f"{SVG}polyline":
            (heads if len(points) == 3 else lines).append(points)
    return boxes, lines, heads


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def touches(box, a, b):
    """Return whether the way from a to b has a point within a box: cut it at each side."""
    start, end = 0.0, 1.0
    for axis in (0, 1):
        way = b[axis] - a[axis]
        low, high = box[axis] + 0.5, box[axis + 2] - 0.5
        if way == 0.0:
            if not low < a[axis] < high:
                return False
            continue
        ends = sorted([(low - a[axis]) / way, (high - a[axis]) / way])
        start, end = max(start, ends[0]), min(end, ends[1])
    return start < end


def check_layout(image):
    """Check that no boxes overlap, no line runs through one, and each goes where it belongs."""
    boxes, lines, heads = drawn(image)
    assert len(boxes) == len(image.boxes)
    assert len(lines) == len(heads) == len(image.edges)
    root = ElementTree.fromstring(image.svg)
    right, bottom = float(root.get("width")), float(root.get("height"))
    assert all(b[0] > 0 and b[1] > 0 and b[2] < right and b[3] < bottom for b in boxes)
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    for (a, b), line, head in zip(image.edges, lines, heads):
        assert not [box for box in boxes for p, q in pairwise(line) if touches(box, p, q)]
        assert head[1] == (line[-1] if a < b else line[0])
        (x, y), (to_x, to_y) = line[0], line[-1]
        above, below = sorted([a, b])
        assert boxes[above][0] < x < boxes[above][2]
        assert boxes[below][0] < to_x < boxes[below][2]
        assert y == pytest.approx(boxes[above][3], abs=0.2)
        assert to_y == pytest.approx(boxes[below][1], abs=0.2)
    for box, (left, _, right, _) in zip(image.boxes, boxes):
        assert max(map(len, box.lines)) * 7.83 < right - left  # the widest monospaced letters


def test_the_checks_of_a_layout_find_what_is_wrong():
    assert overlap((0, 0, 10, 10), (9, 9, 20, 20))
    assert not overlap((0, 0, 10, 10), (10, 0, 20, 10))
    assert touches((0, 0, 10, 10), (-5, 5), (15, 5))
    assert touches((0, 0, 10, 10), (5, 5), (6, 6))
    assert touches((0, 0, 10, 10), (-1, 4), (4, -1))
    assert not touches((0, 0, 10, 10), (-1, 0.4), (0.4, -1))
    assert not touches((0, 0, 10, 10), (5, -5), (5, 0))


@relaxed
@given(programs())
def test_nothing_overlaps_and_the_sums_of_the_walk_are_shown(case):
    """The backward walk sums an adjoint over axes just where the picture says that it does."""
    f, leaves = as_function(case)
    result = f([Value(x) for x in leaves])
    assume(isinstance(result, Value))
    summed = []

    def noting(part, to):
        strides = np.broadcast_to(np.ones(to), part.shape).strides  # 0 where numbers are repeated
        new = part.ndim - len(to)
        axes = [i for i, n in enumerate(part.shape) if i < new or (n > 1 and strides[i] == 0)]
        summed.append(", ".join(map(str, axes)))
        return unbroadcast(part, to)

    image = draw(result)
    check_layout(image)
    unbroadcast, walk.unbroadcast = walk.unbroadcast, noting
    try:
        result.backward()
    finally:
        walk.unbroadcast = unbroadcast
    said = [box.lines[1] for box in image.boxes if box.kind == "broadcast"]
    if "nodes in" not in image.boxes[-1].lines[-1]:
        axes = [re.fullmatch(r"adjoint summed over ax[ie]s (.*)", line)[1] for line in said]
        assert sorted(axes) == sorted(summed)
        assert len(image.boxes) - len(said) == len(nodes_and_constants(result))
        assert len(image.edges) - len(said) == sum(len(x.operands) for x in nodes(result))


def nodes(result):
    found, left = {}, [result]
    while left:
        x = left.pop()
        if id(x) not in found:
            found[id(x)] = x
            left += x.parents
    return list(found.values())


def nodes_and_constants(result):
    all_nodes = nodes(result)
    constants = {id(raw) for x in all_nodes for y, raw in zip(x.operands, x.inputs) if y is None}
    return [*all_nodes, *constants]


@relaxed
@given(programs())
def test_folded_graphs_are_laid_out_as_well_and_nothing_is_lost(case):
    f, leaves = as_function(case)
    result = f([Value(x) for x in leaves])
    assume(isinstance(result, Value))
    everything = nodes_and_constants(result)
    assume(len(everything) > 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture, "MOST", 5)
        image = draw(result, values=True)
    check_layout(image)
    assert stands_for(image) == len(everything)
    assert len([box for box in image.boxes if box.kind != "broadcast"]) <= 5
    assert f"{len(everything)} nodes in" in image.boxes[-1].lines[-1]


def stands_for(image):
    counts = [re.search(r"× ([\d,]+)", " ".join(box.lines)) for box in image.boxes]
    return sum(
        int(count[1].replace(",", "")) if count else 1
        for box, count in zip(image.boxes, counts)
        if box.kind != "broadcast"
    )


def test_the_tutorial_as_arrays():
    image = draw(engine.loss, PARAMS, X, T)
    check_layout(image)
    assert [(box.kind, " | ".join(box.lines)) for box in image.boxes] == [
        ("parameter", "U | parameter · (3, 2)"),
        ("parameter", "b | parameter · (3,)"),
        ("parameter", "W | parameter · (3,)"),
        ("parameter", "c | parameter"),
        ("data", "X | data · (500, 2)"),
        ("data", "t | data · (500,)"),
        ("operation", "transpose | (2, 3)"),
        ("operation", "matmul | (500, 3)"),
        ("broadcast", "broadcast | adjoint summed over axis 0"),
        ("operation", "G | add · (500, 3)"),
        ("operation", "H | tanh · (500, 3)"),
        ("operation", "matmul | (500,)"),
        ("broadcast", "broadcast | adjoint summed over axis 0"),
        ("operation", "z | add · (500,)"),
        ("operation", "logistic_cross_entropy | (500,)"),
        ("result", "loss | mean · result"),
    ]


def test_the_picture_in_the_readme_is_what_is_drawn():
    image = draw(engine.loss, PARAMS, X, T)
    assert (ROOT / "docs" / "graph.svg").read_text(encoding="utf-8") == image.svg


def test_the_tutorial_number_by_number():
    image = draw(scalar.loss, LISTS, X[0].tolist(), float(T[0]), values=True, adjoints=True)
    check_layout(image)
    assert len(image.boxes) == 38
    names = {box.lines[0] for box in image.boxes}
    assert {"U₁₁", "U₃₂", "b₃", "W₂", "c", "x₁", "x₂", "t", "g₁", "h₃", "z", "loss"} <= names


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        (lambda: by_number(values_of(LISTS)), {"logistic_cross_entropy × 500"}),
        (lambda: chain(5000), {"tanh × 4,999, one after another", "x parameter"}),
    ],
)
def test_what_repeats_in_thousands_of_nodes_is_drawn_once(result, kept):
    result = result()
    everything = nodes_and_constants(result)
    assert len(everything) > 10_000
    image = draw(result)
    check_layout(image)
    assert len(image.boxes) <= 60
    assert stands_for(image) == len(everything)
    assert kept <= {" ".join(box.lines) for box in image.boxes}
    assert any("one after another" in line for box in image.boxes for line in box.lines)
    assert f"{len(everything):,} nodes in" in image.boxes[-1].lines[-1]


def values_of(tree):
    return {
        "U": [[Value(u) for u in row] for row in tree["U"]],
        "b": [Value(b) for b in tree["b"]],
        "W": [Value(w) for w in tree["W"]],
        "c": Value(tree["c"]),
    }


def test_parameters_with_names_are_kept_apart():
    image = draw(lambda params: by_number(params, 40), LISTS)
    parameters = {box.lines[0] for box in image.boxes if box.kind == "parameter"}
    assert len(parameters) == 13
    assert {"h₁ … h₁₁₈", "h₂ … h₁₁₉", "h₃ … h₁₂₀"} <= {box.lines[0] for box in image.boxes}


def test_values_and_adjoints():
    a = Value(3.0, name="a")
    b = a + a
    c = b * b * np.array([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match=r"before backward\(\) was called"):
        draw(c, adjoints=True)
    c.backward(np.ones(4))
    boxes = [" | ".join(box.lines) for box in draw(c, values=True, adjoints=True).boxes]
    assert boxes == [
        "a | parameter | value 3 | adjoint 240",
        "add | value 6 | adjoint 120",
        "multiply | value 36 | adjoint 10",
        "data | (4,) | values 1 to 4",
        "broadcast | adjoint summed over axis 0",
        "multiply | (4,) · result | values 36 to 144 | adjoints 1",
    ]
    traced = draw(lambda a: np.sum(a * a), np.array([1.0, 2.0]), values=True, adjoints=True)
    assert traced.boxes[0].lines == ["a", "parameter · (2,)", "values 1, 2", "adjoints 2, 4"]


def test_operands_enter_from_left_to_right():
    a, b = Value(1.0, name="a"), Value(2.0, name="b")
    image = draw((b - a) / (a - b))
    ends = {}
    for (i, j), line in zip(image.edges, drawn(image)[1]):
        ends.setdefault(j, []).append((line[-1][0], image.boxes[i].lines[0]))
    names = [[name for _, name in sorted(found)] for found in ends.values()]
    assert names == [["b", "a"], ["a", "b"], ["subtract", "subtract"]]


def test_kinds_differ_without_colour_and_are_seen_on_light_and_dark():
    kinds = [look for kind, look in picture.LOOKS.items() if kind not in ("edge", "back")]
    outlines = [(width, dashes, cut) for _, width, dashes, _, cut in kinds]
    assert len(set(outlines)) == len(outlines)
    for page, text in (("#ffffff", "#1a1a1a"), ("#161616", "#eeeeee")):
        assert contrast(page, text) >= 7.0
        for colour, *_ in picture.LOOKS.values():
            assert not colour.startswith("#") or contrast(page, colour) >= 3.0


def contrast(a, b):
    """Return the ratio of luminances as the Web Content Accessibility Guidelines define it."""
    lights = []
    for colour in (a, b):
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        lights.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return max(lights) / min(lights)


HOSTILE = [
    '</text><script>alert("x")</script>',
    "a&b'\"",
    "$x_1$ $",
    '\\N"]; x',
    "\0\n\u202e",
    "漢" * 80,
]


@pytest.mark.filterwarnings("ignore:Glyph")  # that matplotlib's font lacks
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_are_text(name, tmp_path):
    image = draw(np.exp(Value(1.0, name=name)))
    check_layout(image)
    root = ElementTree.fromstring(image.svg)
    assert {x.tag.removeprefix(SVG) for x in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "polygon", "polyline", "text")
    }
    shown = next(root.iter(f"{SVG}text")).text
    if name.isprintable() and len(name) <= 28:
        assert shown == name
    assert len(shown) <= 28
    assert shown.isprintable()
    assert image.dot.count("\n") == 6
    (label,) = re.findall(r'^  0 \[label="((?:[^"\\]|\\.)*)", shape', image.dot, re.MULTILINE)
    assert re.sub(r"\\(.)", r"\1", label.removesuffix(r"\nparameter")) == shown
    image.save(tmp_path / "graph.png")


def test_a_reader_that_does_not_see_is_told_the_graph():
    root = ElementTree.fromstring(draw(engine.loss, PARAMS, X, T).svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == root.find(f"{SVG}title").text == "Graph of loss"
    words = root.find(f"{SVG}desc").text
    assert "H, tanh · (500, 3)" in words
    assert "G goes into H" in words


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        ("svg", b"<svg "),
        ("SVG", b"<svg "),
        ("dot", b"digraph"),
        ("png", b"\x89PNG"),
        ("pdf", b"%PDF"),
    ],
)
def test_saves(ending, start, tmp_path):
    draw(engine.loss, PARAMS, X, T).save(tmp_path / f"graph.{ending}")
    assert (tmp_path / f"graph.{ending}").read_bytes().startswith(start)


def test_matplotlib_draws_the_same_boxes_and_lines():
    image = draw(engine.loss, PARAMS, X, T)
    boxes, lines, heads = drawn(image)
    (ax,) = image.figure().axes
    assert len(ax.patches) == len(boxes) + len(lines) + len(heads)
    assert [x.get_text() for x in ax.texts] == ["\n".join(box.lines) for box in image.boxes]
    for patch, (left, top, right, bottom) in zip(ax.patches[-len(boxes) :], boxes):
        points = patch.get_xy()
        found = *points.min(axis=0), *points.max(axis=0)
        np.testing.assert_allclose(found, (left, top, right, bottom), atol=0.06)


def test_a_notebook_shows_it():
    image = draw(Value(2.0))
    assert image._repr_svg_() == image.svg
    assert "result" in image.svg


def test_errors_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(TypeError, match="a Value alone, or a function and its arguments, not list"):
        draw([1.0])
    with pytest.raises(TypeError, match="a Value alone"):
        draw(Value(1.0), 2.0)
    image = draw(Value(1.0))
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf or \.dot, not as graph\.jpg"):
        image.save("graph.jpg")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="drawn by matplotlib"):
        image.save(tmp_path / "graph.png")
    image.save(tmp_path / "graph.svg")


def test_draw_is_exported():
    assert autodiff.draw is picture.draw
