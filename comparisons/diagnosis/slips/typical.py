"""Typical slips: what a right equation of a backward pass may have become on paper.

Each is an edit of one equation, or of several at once, that anyone can make: a factor is left out,
a variable is taken for another, a sum becomes a mean. None says what is right: the equations do.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.readings.terms import Term, number
from comparisons.diagnosis.equations.paper import apply, made, replaced, within
from comparisons.diagnosis.equations.replay import Backward, Changes
from comparisons.diagnosis.slips.edits import (
    ACTIVATIONS,
    ELEMENTWISE,
    Edit,
    Equation,
    inside,
    local,
    slope_of,
    turned,
)
from comparisons.diagnosis.slips.kinds import FAR_FETCHED, LIKELY, POSSIBLE, Kind


class Slip(NamedTuple):
    """A slip in one equation or in several.

    `made` are the kinds of it and what their sentences are about, `names` those of what it has
    brought into the equations. `factor` is an unknown number in it, or one that was found.
    """

    changes: Changes
    made: tuple[tuple[Kind, tuple[Any, ...]], ...]
    cost: int
    names: Mapping[Term, str]
    factor: Term | None = None

    @property
    def kind(self) -> Kind:
        return self.made[0][0]


def slips_in(backward: Backward, variable: Term, right: Term | None = None) -> Iterator[Slip]:
    """Yield the slips that one equation may have, `right` being its right side if given."""
    eq = Equation(backward, variable, right or backward.rights[variable])
    for edit in chain(of_the_whole(eq), inside(eq, eq.right), of_the_slope(eq), of_variables(eq)):
        if edit.right is not None:
            kinds = ((edit.kind, edit.about),)
            yield Slip({variable: edit.right}, kinds, edit.cost, eq.names, edit.factor)


def of_the_whole(eq: Equation) -> Iterator[Edit]:
    right, factor = eq.right, number(1.0)
    scaled = apply(primitives.multiply, factor, right)
    yield Edit(scaled, Kind.CONSTANT_FACTOR, (), LIKELY, factor)
    for x in eq.pool:
        scaled = apply(primitives.multiply, right, x) if x.ndim else None
        if scaled is not None and scaled.shape == right.shape:
            cost = LIKELY if eq.activation and x is eq.of else POSSIBLE
            yield Edit(scaled, Kind.EXTRA_FACTOR, (x,), cost)
    yield from of_slopes(eq)
    if eq.is_of_batch(right):
        for which, i in (("last", -1), ("first", 0)):
            mask = np.zeros((right.shape[0], *[1] * (right.ndim - 1)))
            mask[i] = 1.0
            only = apply(primitives.multiply, right, eq.constant(mask, f"only_{which}"))
            yield Edit(only, Kind.ONE_EXAMPLE, (which,), LIKELY)
        if eq.of is not None and eq.is_first:
            yield from of_the_output(eq, eq.of)
    if right.ndim == 2:
        yield Edit(turned(right), Kind.RESULT_TRANSPOSED, cost=LIKELY)
        for matrix, shape in ((turned(right), right.shape), (right, right.shape[::-1])):
            yield Edit(apply(primitives.reshape, matrix, shape=shape), Kind.RESHAPED)
    if eq.of is not None and eq.of in eq.backward.parameters.values():
        yield from of_a_gradient(eq, eq.of)


def of_slopes(eq: Equation) -> Iterator[Edit]:
    """Yield a slope too many, or one that the loss has cancelled and that was forgotten."""
    for f, out in eq.activated:
        slope = slope_of(eq.backward, f, out, eq.backward.argument(out))
        extra: Term | None = slope
        if slope.ndim == 1 and eq.right.ndim == 2 and eq.is_of_batch(slope):
            extra = apply(primitives.getitem, slope, index=(slice(None), None))
        scaled = apply(primitives.multiply, eq.right, extra)
        if scaled is not None and scaled.shape == eq.right.shape:
            here = eq.activation == (f, out)
            yield Edit(scaled, Kind.EXTRA_SLOPE, (slope,), LIKELY if here else POSSIBLE)
            quotient = apply(primitives.divide, eq.right, extra)
            if eq.slope_cancelled and here:
                yield Edit(quotient, Kind.SLOPE_FORGOTTEN, (slope,), LIKELY)
            else:
                yield Edit(quotient, Kind.DIVIDED_BY_SLOPE, (slope,), FAR_FETCHED)
        for factor in slope.operands if slope.primitive is primitives.multiply else ():
            if factor.shape == eq.right.shape:
                half = apply(primitives.multiply, eq.right, factor)
                yield Edit(half, Kind.EXTRA_FACTOR, (factor,))


def of_the_output(eq: Equation, of: Term) -> Iterator[Edit]:
    """Yield the adjoint that the sum or the mean of an output has, in place of the loss."""
    shape = eq.right.shape
    length = "N" if len(shape) == 1 else str(shape)
    ones = eq.constant(np.ones(shape), f"np.ones({length})")
    for what, x in (("sum", number(1.0)), ("mean", eq.one_over_n())):
        yield Edit(apply(primitives.multiply, x, ones), Kind.OF_OUTPUT, (what, of))
        if eq.activation is not None:
            through = apply(primitives.multiply, x, slope_of(eq.backward, *eq.activation, of))
            yield Edit(through, Kind.OF_OUTPUT, (what, eq.activation[1]))


def of_a_gradient(eq: Equation, of: Term) -> Iterator[Edit]:
    factor = number(1.0)
    if of not in eq.backward.parts(eq.right):  # else the loss has a decay
        decay = apply(primitives.multiply, factor, of)
        yield Edit(apply(primitives.add, eq.right, decay), Kind.DECAY, (of,), POSSIBLE, factor)
    factor = number(1.0)
    yield Edit(apply(primitives.add, eq.right, factor), Kind.CONSTANT, (), POSSIBLE, factor)
    for x in eq.pool:
        if x in eq.backward.equations:
            yield Edit(x, Kind.SIBLING, (x,), FAR_FETCHED)
            for axis in range(x.ndim if x.ndim > 1 else 0):
                total = apply(primitives.sum, x, axis=axis, keepdims=False)
                yield Edit(total, Kind.SUM_OF_SIBLING, (x, axis), FAR_FETCHED)
                for i in (0, -1):
                    part = apply(primitives.getitem, x, index=(*[slice(None)] * axis, i))
                    yield Edit(part, Kind.PART_OF_SIBLING, (x,), FAR_FETCHED)


def of_the_slope(eq: Equation) -> Iterator[Edit]:
    """Yield the slope at another place, or that of another activation."""
    if eq.adjoint is None or eq.activation is None:
        return
    f, out = eq.activation
    again = apply(f, out)
    yield Edit(apply(primitives.multiply, eq.adjoint, again), Kind.SLOPE_MISTYPED, (again,))
    for at in filter(None, (out, eq.of, eq.adjoint, again)):
        cost = LIKELY if at in eq.names else POSSIBLE
        for g in eq.activations:
            other = apply(primitives.multiply, eq.adjoint, slope_of(eq.backward, g, at))
            if g is f:
                yield Edit(other, Kind.SLOPE_ELSEWHERE, (at,), cost)
            else:
                yield Edit(other, Kind.SLOPE_OF_ANOTHER, (g.name, f.name), cost)


def of_variables(eq: Equation) -> Iterator[Edit]:
    """Yield one variable for another of the same shape, or a changed one."""
    in_slope = [] if eq.slope is None or eq.slope_cancelled else eq.backward.parts(eq.slope)
    unnamed = [x for x in within(eq.right) if x in eq.pieces and x.ndim and not x.is_mask]
    for old in dict.fromkeys([*eq.backward.parts(eq.right), *unnamed]):
        if old.is_number:
            continue
        is_weight = old in eq.backward.parameters.values()
        is_adjoint = eq.backward.is_adjoint(old)
        for new in (*eq.pool, *(eq.pieces if not is_adjoint else ())):
            if new is not old and may_stand(new, old, eq.of in eq.backward.gradient_of):
                kind = Kind.ANOTHER_ADJOINT if is_adjoint else Kind.ANOTHER_VARIABLE
                cost = POSSIBLE if new in eq.names and old in eq.names else FAR_FETCHED
                edit = Edit(replaced(eq.right, {old: new}), kind, (new, old), cost)
                if is_weight and eq.backward.bars.get(new) is old:
                    edit = edit._replace(kind=Kind.GRADIENT_FOR_WEIGHT, cost=LIKELY)
                elif old in in_slope:
                    edit = edit._replace(kind=Kind.SLOPE_ELSEWHERE, about=(new,), cost=LIKELY)
                yield edit
        yield from of_variable(eq, old)


def may_stand(new: Term, old: Term, anywhere: bool) -> bool:
    """Return whether a variable may stand for another: it has its shape, or can be spread to it.

    Where the result may have `anywhere` another shape, one length in common will do.
    """
    pairs = list(zip(new.shape, old.shape))
    if new.ndim != old.ndim or (new.is_number and not old.is_number):
        return False
    return all(n in (1, m) for n, m in pairs) or (anywhere and any(n == m for n, m in pairs))


def of_variable(eq: Equation, old: Term) -> Iterator[Edit]:
    def changed(new: Term | None) -> Term | None:
        return new and replaced(eq.right, {old: new})

    if old.ndim == 2 and old.shape[0] == old.shape[1]:
        yield Edit(changed(turned(old)), Kind.OPERAND_TRANSPOSED, (old,), LIKELY)
    if eq.is_of_batch(old):
        kind = Kind.SPREAD_VECTOR if old.ndim == 1 else Kind.SPREAD
        for how, what in ((primitives.mean, "averaged"), (primitives.sum, "summed")):
            row = apply(how, old, axis=0, keepdims=False)
            spread = apply(primitives.broadcast_to, row, shape=old.shape)
            yield Edit(changed(spread), kind, (old, what))
    if (primitives.sigmoid, old) in eq.activated:
        complement = apply(primitives.subtract, number(1.0), old)
        yield Edit(changed(complement), Kind.COMPLEMENT, (old, old))
    if any(out is old for _, out in eq.activated):
        square = apply(primitives.multiply, old, old)
        for x in (square, apply(primitives.subtract, number(1.0), square)):
            yield Edit(changed(x), Kind.CHANGED_IN_PLACE, (old,))
    if eq.of in eq.backward.gradient_of and not eq.backward.is_adjoint(old):
        for g in eq.activations:
            out = apply(g, old)
            slope = out and slope_of(eq.backward, g, out, old)
            yield Edit(changed(apply(primitives.multiply, old, slope)), Kind.EXTRA_SLOPE, (slope,))
    gradient = eq.backward.gradient_of.get(old)
    if gradient in eq.pool:
        factor = number(1.0)
        step = apply(primitives.multiply, factor, gradient)
        new = changed(apply(primitives.subtract, old, step))
        yield Edit(new, Kind.UPDATED, (old,), LIKELY, factor)


def anew(backward: Backward, variable: Term) -> Iterator[Slip]:
    """Yield that an adjoint is not used as it was computed, but computed anew, times a factor."""
    right = backward.rights[variable]
    for x in backward.of(variable):
        if x in backward.adjoints and x not in backward.gradient_of.values():
            factor, new = number(1.0), replaced(right, {x: backward.rights[x]})
            edited = apply(primitives.multiply, factor, new)
            if edited is not None:
                kinds = ((Kind.ANEW, (x,)),)
                yield Slip({variable: edited}, kinds, FAR_FETCHED, backward.names, factor)


def slips_in_masks(backward: Backward) -> Iterator[Slip]:
    """Yield the slips in a mask that several equations have in common."""
    rights = {x: backward.rights[x] for x in backward.equations}
    masks = [(y, x) for x, right in rights.items() for y in within(right) if y.is_mask]
    for mask, first in dict(masks[::-1]).items():
        eq = Equation(backward, first, mask)
        for edit in chain(local(eq, mask), of_variables(eq)):
            new = {x: replaced(right, {mask: edit.right}) for x, right in rights.items()}
            changes = {x: y for x, y in new.items() if y not in (None, rights[x])}
            if len(changes) > 1:
                yield Slip(changes, ((edit.kind, edit.about),), edit.cost, eq.names)


def slips_in_several(backward: Backward) -> Iterator[Slip]:
    yield from slips_in_masks(backward)
    rights, gradients = backward.rights, backward.gradient_of
    factor = number(1.0)
    changes: dict[Term, Term] = {}
    for variable in backward.equations:
        updated = {
            x: made(primitives.subtract, x, made(primitives.multiply, factor, gradient))
            for x, gradient in gradients.items()
            if gradient not in backward.below[variable] and x in backward.of(variable)
        }
        right = replaced(rights[variable], updated)
        if updated and right is not None:
            changes[variable] = right
    if len(changes) > 1:
        yield Slip(changes, ((Kind.ALL_UPDATED, ()),), LIKELY, backward.names, factor)
    added = (primitives.sum, primitives.identity)
    biases = [x for x in gradients if rights[gradients[x]].primitive in added]
    for which, chosen in (
        ("every parameter", list(gradients)),
        ("every weight", [x for x in gradients if x not in biases]),
        ("every bias", biases),
    ):
        if len(chosen) > 1 and not any(x in backward.of(gradients[x]) for x in chosen):
            factor = number(1.0)
            pairs = [(gradients[x], made(primitives.multiply, factor, x)) for x in chosen]
            changes = {x: made(primitives.add, rights[x], decay) for x, decay in pairs}
            yield Slip(changes, ((Kind.DECAY, (which,)),), POSSIBLE, backward.names, factor)


def slips_in_forward(
    backward: Backward,
    variable: Term,
    rights: Mapping[Term, Term],
    losses: Mapping[Term, tuple[Term, Term]],
) -> Iterator[Slip]:
    """Yield the slips that an equation of a forward pass may have, `rights` being all of these.

    `losses` are the cross-entropies in them, with target and output.
    """
    right, names = rights[variable], backward.names
    yield from slips_in(backward, variable, right)
    factor = number(1.0)
    for whole, (t, y) in losses.items():
        square = made(primitives.square, made(primitives.subtract, y, t))
        multiples = [made(primitives.multiply, factor, x) for x in (square, whole)]
        for kind, new in (
            *zip((Kind.ANOTHER_LOSS, Kind.CONSTANT_FACTOR), multiples),
            (Kind.ANOTHER_LOSS, square),
            *((Kind.EXCHANGED, cross_entropy(t, y, less)) for less in product((0, 1), repeat=4)),
        ):
            other = replaced(right, {whole: new})
            if other is not None and other is not right:
                needed = factor if new in multiples else None
                yield Slip({variable: other}, ((kind, ()),), LIKELY, names, needed)
    for f in ACTIVATIONS:
        kinds = ((Kind.EXTRA_ACTIVATION, (f.name,)),)
        yield Slip({variable: made(f, right)}, kinds, POSSIBLE, names)
    if right.primitive in ELEMENTWISE:
        (x,), f = right.operands, right.primitive
        total = rights.get(x, x)
        is_sum = total.primitive is primitives.add
        for b, rest in (total.operands, total.operands[::-1]) if is_sum else ():
            after = made(primitives.add, made(f, x if x in rights else rest), b)
            changes = {x: rest, variable: after} if x in rights else {variable: after}
            yield Slip(changes, ((Kind.ADDED_AFTER, (b, f.name)),), LIKELY, names)


def cross_entropy(t: Term, y: Term, less: Sequence[int] = (0, 0, 1, 1)) -> Term:
    """Return -t log(y) - (1 - t) log(1 - y), in which `less` says where it is 1 - t or 1 - y."""
    from_one = [made(primitives.subtract, number(1.0), x) for x in (t, y)]
    a, b, c, d = (pair[i] for pair, i in zip(2 * [*zip((t, y), from_one)], less))
    left = made(primitives.multiply, made(primitives.negative, a), made(primitives.log, b))
    return made(primitives.subtract, left, made(primitives.multiply, c, made(primitives.log, d)))


def alike_in_layers(
    backward: Backward,
    equations: Sequence[Term] | None = None,
    slips_in: Callable[[Backward, Term], Iterator[Slip]] = slips_in,
) -> Iterator[Slip]:
    """Yield the slips that were made alike in all equations of one form, as in a loop of layers.

    The equations are those of the backward pass unless others are given.
    """
    forms: dict[tuple[str, str], list[Term]] = {}
    for x in backward.equations if equations is None else equations:
        form = anonymous(backward, x, backward.rights[x], backward.names)
        for stem in ("", re.sub(r"\d+", "", backward.names[x])):
            forms.setdefault((form, stem), []).append(x)
    for variables in dict.fromkeys(map(tuple, forms.values())):
        alike: dict[tuple[str, str], list[Slip]] = {}
        for x in variables if len(variables) > 1 else ():
            for slip in slips_in(backward, x):
                if slip.factor is None and slip.cost < FAR_FETCHED:
                    form = anonymous(backward, x, slip.changes[x], slip.names)
                    alike.setdefault((slip.kind.label, form), []).append(slip)
        for slips in alike.values():
            changes = {x: right for slip in slips for x, right in slip.changes.items()}
            if len(changes) == len(variables):
                names = {x: name for slip in slips for x, name in slip.names.items()}
                kinds = tuple(y for slip in slips for y in slip.made)
                yield Slip(changes, kinds, slips[0].cost, names)


def anonymous(backward: Backward, variable: Term, right: Term, names: Mapping[Term, str]) -> str:
    """Write a right side with numbers for the names that an equation and its variable have."""
    of = backward.bars.get(variable)
    text = backward.written(variable, right, names).partition(" = ")[2]
    if of is not None and of not in backward.names:
        text = text.replace(backward.expression(of), "$")
    variables = [x for x in backward.of(variable) if not x.is_number]
    places = {names[x]: f"${i}" for i, x in enumerate(variables)}
    if of in backward.names:
        places.setdefault(names[of], "$")
    return re.sub(r"\b[^\W\d]\w*", lambda match: places.get(match[0], match[0]), text)
