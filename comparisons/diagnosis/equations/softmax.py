"""Softmax and its cross-entropy on paper: the adjoint of the logits is one equation."""

from collections.abc import Iterator, Mapping

import numpy as np

from autodiff import primitives
from autodiff.readings.notation import Identifiers
from autodiff.readings.terms import Term, number
from autodiff.readings.trace import HELPERS
from comparisons.diagnosis.equations.paper import Paper, argument, made, within

ROUNDING = 1e-10


def with_softmax(paper: Paper) -> Paper:
    """Return equations in which softmax is gone back through at once.

    The adjoint of its logits Z is (Y - T) / N where the loss is the cross-entropy, and else
    Y (Y_bar - sum(Y_bar Y)). An equation stays as it is where neither has its numbers.
    """
    names, rights, pieces = dict(paper.names), dict(paper.rights), set(paper.pieces)
    forward, backward = list(paper.forward), list(paper.backward)
    identifiers = Identifiers([*names.values(), *HELPERS])
    axes = {Z: axis for x in paper.rights.values() for Z, axis in softmaxes_in(x, rights)}
    for adjoint in paper.backward:
        Z = paper.bars.get(adjoint)
        if Z not in axes or not Z.ndim:
            continue
        quotients = (x for x in rights if rights[x].primitive is primitives.divide)
        Y = next((x for x in quotients if logits_of(rights[x], rights) is Z), None)
        right = rights[Y] if Y in forward else softmax(Z, axes[Z])
        Y = Y or Term(right.data)
        differences = ((scaled(Y, T, adjoint), T, ones) for T, ones in targets(paper, Z))
        otherwise = through(paper, Y, axes[Z], adjoint), None, None
        new, T, ones = next((found for found in differences if found[0]), otherwise)
        if new is None:
            continue
        rights[adjoint] = new
        if Y not in names:
            names[Y] = identifiers.new("Y" if Y.ndim > 1 else "y")
        if Y not in forward:
            rights[Y] = right
            forward.append(Y)
            backward = [x for x in backward if x is not Y]
        if T is not None and T not in paper.inputs:
            names[T] = identifiers.new("one_hot")
        if T is not None and ones is not None:
            rights[T] = ones
            forward.append(T)
            pieces.add(T)
    return paper._replace(
        names=names, rights=rights, forward=forward, backward=backward, pieces=frozenset(pieces)
    )


def softmaxes_in(term: Term, rights: Mapping[Term, Term]) -> Iterator[tuple[Term, int]]:
    """Yield the logits, and the axis, of every softmax and logsumexp in a term."""
    Z = logits_of(term, rights)
    if Z is not None:
        total = term if term.primitive is primitives.logsumexp else term.operands[1]
        axis = rights.get(total, total).parameters["axis"]
        if isinstance(axis, int):
            yield Z, axis
    for x in term.operands:
        yield from softmaxes_in(x, rights)


def logits_of(term: Term, rights: Mapping[Term, Term]) -> Term | None:
    if term.primitive not in (primitives.divide, primitives.logsumexp):
        return None
    Z = argument(term, rights)
    right = rights.get(Z, Z) if Z is not None else None
    if right is not None and right.primitive is primitives.subtract:
        top = rights.get(right.operands[1], right.operands[1])
        if top.primitive is primitives.max and top.operands[0] is right.operands[0]:
            return right.operands[0]  # the shift by the maximum cancels
    return Z


def softmax(Z: Term, axis: int) -> Term:
    """Return softmax as it is written on paper, shifted by the maximum where exp overflows."""
    e = made(primitives.exp, Z)
    if not np.all(np.isfinite(e.data)):
        top = made(primitives.max, Z, axis=axis, keepdims=True)
        e = made(primitives.exp, made(primitives.subtract, Z, top))
    return made(primitives.divide, e, made(primitives.sum, e, axis=axis, keepdims=True))


def targets(paper: Paper, Z: Term) -> Iterator[tuple[Term, Term | None]]:
    """Yield what may be the targets: data, or with its right side a one at each label."""
    for x in [*paper.inputs, *paper.forward]:
        if x not in paper.rights and x.shape == Z.shape:
            yield x, None
    for right in paper.rights.values():
        for x in (right, *within(right)):
            if x.primitive is primitives.scatter and x.shape == Z.shape:
                ones = made(primitives.scatter, number(1.0), *x.operands[1:], **x.parameters)
                yield Term(ones.data), ones


def scaled(Y: Term, T: Term, adjoint: Term) -> Term | None:
    """Return Y - T over a length of its own, if it has the numbers of an adjoint then.

    Other factors may depend on data.
    """
    term = made(primitives.subtract, Y, T)
    size = np.sum(np.multiply(term.data, adjoint.data))
    n = np.round(np.sum(np.square(term.data)) / size) if size > 0 else 0.0
    if n not in (1, term.data.size, *term.shape):
        return None
    if n > 1:
        share = made(primitives.divide, number(1.0), number(float(n)))
        term = made(primitives.multiply, share, term)
    return term if agree(term, adjoint) else None


def through(paper: Paper, Y: Term, axis: int, adjoint: Term) -> Term | None:
    Y_bar = next((x for x in paper.backward if paper.bars.get(x) is Y), None)
    if Y_bar is None:
        return None
    product = made(primitives.multiply, Y_bar, Y)
    total = made(primitives.sum, product, axis=axis, keepdims=True)
    term = made(primitives.multiply, Y, made(primitives.subtract, Y_bar, total))
    return term if agree(term, adjoint) else None


def agree(x: Term, y: Term) -> bool:
    size = np.max(np.abs(y.data), initial=0.0)
    return x.shape == y.shape and bool(np.all(abs(x.data - y.data) <= ROUNDING * size))
