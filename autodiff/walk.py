"""The backward walk: reverse-mode differentiation of a recorded graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.errors import called
from autodiff.graph import Node
from autodiff.primitives import cast


def walk(
    adjoints: dict[Node, Any], wanted: Collection[Node] | None = None, record: bool = False
) -> dict[Node, Any]:
    """Complete the adjoints of results with those of the nodes that they depend on; return them.

    With `wanted`, only what leads to those nodes is computed, and only theirs are kept; a graph
    that nobody else holds is freed on the way. With `record`, the rules run on the nodes in place
    of their numbers, so that the pass is itself recorded; the adjoints given are nodes too.

    A node is visited once, after all its readers, when its adjoint is complete however many paths
    lead to it: with `b = a + a; c = b + b`, an adjoint of `b` passed on after the first of its two
    parts would lose half of the gradient. Parts are added with `+`, never in place, because a rule
    may hand the same array to several operands, as that of `add` does.
    """
    nodes = oldest_first(adjoints)
    asked = None if wanted is None else set(wanted)
    needed = None
    if asked is not None and (
        record or not asked.issuperset([node for node in nodes if node.primitive is None])
    ):
        needed = ways_to(asked, nodes)
    while nodes:
        node = nodes.pop()
        primitive = node.primitive
        if primitive is None or node not in adjoints:
            continue
        g = adjoints[node] if asked is None or node in asked else adjoints.pop(node)
        operands, inputs, out = node.operands, node.inputs, node._raw
        if record:
            out = node
            inputs = [x if isinstance(x, Node) else raw for x, raw in zip(operands, inputs)]
        elif type(out) is float and primitive.unrolls and needed is None and not node.parameters:
            # The loop below, unrolled for two numbers: number-by-number graphs consist of these.
            # A zero, by which a rule might divide, goes through the loop.
            x, y = inputs
            if type(x) is float and type(y) is float and y:
                a, b = operands
                if isinstance(a, Node):
                    part = float(primitive.rules[0](g, out, x, y))
                    adjoints[a] = adjoints[a] + part if a in adjoints else part
                if isinstance(b, Node):
                    part = float(primitive.rules[1](g, out, x, y))
                    adjoints[b] = adjoints[b] + part if b in adjoints else part
                continue
        for operand, x, rule in zip(operands, inputs, primitive.rules):
            if rule is None or not isinstance(operand, Node):
                continue
            if needed is not None and operand not in needed:
                continue
            try:
                part = rule(g, out, *inputs, **node.parameters)
            except ZeroDivisionError:  # Python raises where NumPy gives inf or nan
                part = rule(*map(np.float64, (g, out, *inputs)))
            if type(x) is np.ndarray:
                if getattr(part, "shape", ()) != x.shape:
                    part = fit(part, x.shape, node, operand)
                if part.dtype is not x.dtype:
                    part = part.astype(x.dtype)
            elif isinstance(x, Node):
                part = fit(part, shape(x._raw), node, operand)
                if np.result_type(part._raw) != np.result_type(x._raw):
                    part = cast(part, dtype=np.result_type(x._raw))
            elif type(part) is not type(x):
                part = type(x)(fit(part, (), node, operand))
            adjoints[operand] = adjoints[operand] + part if operand in adjoints else part
    return adjoints


def oldest_first(results: Iterable[Node]) -> list[Node]:
    """Return the nodes that `results` depend on, themselves included, each before its readers.

    An operand is older than its reader, so the order of creation is a topological order.
    """
    nodes = list(results)
    seen = set(nodes)
    for node in nodes:
        for operand in node.operands:
            if isinstance(operand, Node) and operand not in seen:
                seen.add(operand)
                nodes.append(operand)
    nodes.sort(key=attrgetter("serial"))
    return nodes


def ways_to(wanted: Collection[Node], nodes: list[Node]) -> set[Node]:
    """Return those of `nodes`, oldest first, that are wanted or have a derivative there."""
    needed = set(wanted)
    for node in nodes:
        if node.primitive is not None:
            for operand, rule in zip(node.operands, node.primitive.rules):
                if rule is not None and isinstance(operand, Node) and operand in needed:
                    needed.add(node)
                    break
    return needed


def fit(part: Any, to: tuple[int, ...], node: Node, operand: Node) -> Any:
    """Undo a broadcast: sum the adjoint that a rule gave over the axes that the operand lacks."""
    given = shape(part)
    if given == to:
        return part
    lead = len(given) - len(to)
    if (
        not node.primitive.broadcasts
        or lead < 0
        or len(given) != len(shape(node._raw))
        or not all(n in (1, m) for n, m in zip(to, given[lead:]))
    ):
        raise ValueError(
            f"the rule of {node.primitive.name} gave {called(operand)} an adjoint of shape "
            f"{given}; an adjoint has the shape of what it belongs to"
        )
    if 1 in to:
        ones = [i for i, n in enumerate(to, lead) if n == 1]
        return part.sum(axis=(*range(lead), *ones)).reshape(to)
    return part.sum(axis=tuple(range(lead)))
