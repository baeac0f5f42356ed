"""The backward walk: reverse-mode differentiation of a recorded graph."""

from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.errors import called
from autodiff.graph import Node, ndarray
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
            out, inputs = node, [raw if x is None else x for x, raw in zip(operands, inputs)]
        two = primitive.arity == 2 and not node.parameters
        x, y = inputs if two else (None, None)
        for i, rule in primitive.rules or primitive.rules_for(operands):
            operand = operands[i]
            if operand is None or (needed is not None and operand not in needed):
                continue
            try:  # called in full where it is faster
                part = rule(g, out, x, y) if two else rule(g, out, *inputs, **node.parameters)
            except ZeroDivisionError:  # Python raises where NumPy gives inf or nan
                part = rule(*map(np.float64, (g, out, *inputs)))
            kind, raw = type(part), operand._raw
            if kind is not type(raw) or (
                kind is ndarray and (part.shape != raw.shape or part.dtype is not raw.dtype)
            ):
                part = fit(part, operand, node)
            adjoints[operand] = adjoints[operand] + part if operand in adjoints else part
    return adjoints


def oldest_first(results: Iterable[Node]) -> list[Node]:
    """Return the nodes that `results` depend on, themselves included, each before its readers.

    An operand is older than its reader, so the order of creation is a topological order.
    """
    nodes = []
    found = list(results)
    seen = set(found)
    while found:
        node = found.pop()
        nodes.append(node)
        for operand in node.operands:
            if operand is not None and operand not in seen:
                seen.add(operand)
                found.append(operand)
    nodes.sort(key=attrgetter("serial"))
    return nodes


def ways_to(wanted: Collection[Node], nodes: list[Node]) -> set[Node]:
    """Return those of `nodes`, oldest first, that are wanted or have a derivative there."""
    needed = set(wanted)
    for node in nodes:
        if node.primitive is not None:
            rules = node.primitive.rules or node.primitive.rules_for(node.operands)
            if any(node.operands[i] in needed for i, _ in rules):
                needed.add(node)
    return needed


def fit(part: Any, operand: Node, node: Node) -> Any:
    """Return what a rule of `node` gave to `operand` in its shape and dtype."""
    raw = operand._raw
    given, to = shape(part), shape(raw)
    if given != to:
        if not is_broadcast(to, given, node):
            raise ValueError(
                f"the rule of {node.primitive.name} gave {called(operand)} an adjoint of shape "
                f"{given}; an adjoint has the shape of what it belongs to"
            )
        part = unbroadcast(part, to)
    if isinstance(part, Node):
        dtype = np.result_type(raw)
        return part if np.result_type(part._raw) == dtype else cast(part, dtype=dtype)
    return part.astype(raw.dtype, copy=False) if type(raw) is ndarray else type(raw)(part)


def is_broadcast(to: tuple[int, ...], given: tuple[int, ...], node: Node) -> bool:
    """Return whether `node` may have spread an operand of shape `to` over the shape `given`."""
    lead = len(given) - len(to)
    if lead < 0 or not node.primitive.broadcasts or len(given) != len(shape(node._raw)):
        return False
    return to == given[lead:] or all(n in (1, m) for n, m in zip(to, given[lead:]))


def unbroadcast(part: Any, to: tuple[int, ...]) -> Any:
    """Sum an adjoint over the axes that the operand, of shape `to`, lacks or has with length 1."""
    lead = part.ndim - len(to)
    axes = (*range(lead), *[i for i, n in enumerate(to, lead) if n == 1])
    total = np.add.reduce(part, axis=axes) if type(part) is ndarray else part.sum(axis=axes)
    return total.reshape(to) if 1 in to else total
