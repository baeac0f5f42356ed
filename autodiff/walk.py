"""The backward walk: reverse-mode differentiation of a recorded graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any

import numpy as np

from autodiff.graph import Node, Primitive, called, shape


def walk(seeds: Mapping[Node, Any], wanted: Collection[Node] | None = None) -> dict[Node, Any]:
    """Return the adjoints of the nodes that the seeded results depend on.

    `seeds` gives the results their adjoints; with `wanted`, only those nodes are asked about.
    A node is visited once, after all its readers, when its adjoint is complete however many paths
    lead to it: with `b = a + a; c = b + b`, an adjoint of `b` passed on after the first of its two
    parts would lose half of the gradient. Parts are added with `+`, never in place, because a rule
    may hand the same array to several operands, as that of `add` does.
    """
    nodes = oldest_first(seeds)
    needed = asked = set(nodes)
    if wanted is not None:
        asked = set(wanted)
        needed = ways_to(asked, nodes)
    adjoints = seeds
    while nodes:
        node = nodes.pop()
        primitive = node.primitive
        if primitive is None or node not in adjoints:
            continue
        if node in asked:
            g = adjoints[node]
        else:
            g = adjoints.pop(node)
            needed.discard(node)
        out, inputs = node._data, node.inputs
        if type(out) is float and len(inputs) == 2:
            # The loop below, unrolled for two numbers: number-by-number graphs consist of these.
            x, y = inputs
            if type(x) is float and type(y) is float and y:
                a, b = node.operands
                if a in needed:
                    part = primitive.rules[0](g, out, x, y)
                    adjoints[a] = adjoints[a] + part if a in adjoints else part
                if b in needed:
                    part = primitive.rules[1](g, out, x, y)
                    adjoints[b] = adjoints[b] + part if b in adjoints else part
                continue
        parameters = node.parameters
        for operand, x, rule in zip(node.operands, inputs, primitive.rules):
            if not isinstance(operand, Node) or operand not in needed or rule is None:
                continue
            try:
                part = rule(g, out, *inputs, **parameters)
            except ZeroDivisionError:  # Python raises where NumPy gives inf or nan
                part = rule(*map(np.float64, (g, out, *inputs)))
            if type(part) is not type(x) or (
                type(x) is not float and (part.shape != x.shape or part.dtype is not x.dtype)
            ):
                part = fit(part, x, primitive, operand)
            adjoints[operand] = adjoints[operand] + part if operand in adjoints else part
    return adjoints


def oldest_first(results: Iterable[Node]) -> list[Node]:
    """Return the nodes that `results` depend on, themselves included, each after its readers.

    An operand is older than its reader, so descending creation order is a topological order.
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
    """Return those of `nodes`, newest first, that are wanted or depend on one that is."""
    needed = set(wanted)
    for node in nodes:
        for operand in node.operands:
            if isinstance(operand, Node) and operand in needed:
                needed.add(node)
                break
    return needed


def fit(part: Any, x: Any, primitive: Primitive, operand: Node) -> Any:
    """Give a rule's result the shape and dtype of the operand's data `x`, undoing a broadcast."""
    given, to = shape(part), shape(x)
    if given != to:
        if not primitive.broadcasts or not broadcasts(to, given):
            raise ValueError(
                f"the rule of {primitive.name} gave {called(operand)} an adjoint of shape {given}; "
                "an adjoint has the shape of what it belongs to"
            )
        lead = len(given) - len(to)
        axes = (*range(lead), *[i for i, n in enumerate(to, lead) if n == 1])
        part = part.sum(axes)
        if 1 in to:
            part = part.reshape(to)
    if type(x) is float:
        return float(part)
    return part if part.dtype == x.dtype else part.astype(x.dtype)


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Tell whether an array of `shape` can be broadcast to the shape `to`."""
    return len(shape) <= len(to) and all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(to))
    )
