"""Typical slips: what a right equation of a backward pass may have become on paper.

Each is an edit of one equation, or of several at once, that anyone can make: a factor is left out,
a variable is taken for another, a sum becomes a mean. None says what is right: the equations do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.graph import Node, Primitive
from autodiff.readings.listing import Term
from autodiff.readings.trace import Traced
from autodiff.walk import oldest_first
from comparisons.diagnosis.paper import apply, argument, number
from comparisons.diagnosis.replay import Backward, Changes

ACTIVATIONS = (primitives.tanh, primitives.sigmoid, primitives.relu)
LIKELY, POSSIBLE, FAR_FETCHED = 1, 2, 3


class Edit(NamedTuple):
    """Another right side, the kind of slip that it is, and what happened, in words.

    `factor` is a number in it that is found from the claimed gradients.
    """

    right: Term | None
    kind: str
    words: Callable[[], str]
    cost: int = POSSIBLE
    factor: Term | None = None


class Slip(NamedTuple):
    """A slip in one equation or in several."""

    changes: Changes
    kind: str
    words: Callable[[], str]
    cost: int
    factor: Term | None = None


def slips_in(backward: Backward, equation: Term, right: Term | None = None) -> Iterator[Slip]:
    """Yield the slips that one equation may have, `right` being its right side if given."""
    for edit in Edits(backward, equation, right or equation).all():
        if edit.right is not None:
            yield Slip({equation: edit.right}, edit.kind, edit.words, edit.cost, edit.factor)


class Edits:
    """The edits of one equation of a backward pass."""

    def __init__(self, backward: Backward, equation: Term, right: Term) -> None:
        self.backward = backward
        self.equation = equation
        self.right = backward.unnamed(right)
        self.of = backward.listing.undone.get(equation)
        below = set(backward.below[equation])
        self.pool = [x for x in backward.named() if x not in below]
        self.activation = next((x for x in self.activated() if argument(x[1]) is self.of), None)
        self.slope_cancelled = False
        self.factors = self.as_factors()

    def all(self) -> Iterator[Edit]:
        """Yield all edits; some may have the same numbers."""
        yield from self.of_the_whole()
        yield from self.inside(self.right)
        yield from self.of_the_slope()
        yield from self.of_variables()

    def text(self, term: Term) -> str:
        """Write a term."""
        return self.backward.expression(term)

    # The right side as a whole.

    def of_the_whole(self) -> Iterator[Edit]:
        """Yield a wrong factor, a sibling, a part of the batch, another layout, a stray term."""
        right = self.right
        factor = number(1.0)
        scaled = apply(primitives.multiply, factor, right)
        yield Edit(scaled, "constant factor", lambda: "", LIKELY, factor)
        for x in self.pool:
            if x.shape == right.shape and right.shape:
                words = f"there is a factor {x.name} too many"
                cost = LIKELY if self.activation and x is self.of else POSSIBLE
                yield Edit(apply(primitives.multiply, right, x), "extra factor", said(words), cost)
        for f, out in self.activated():
            slope = self.slope(f, out, argument(out))
            extra = self.as_column(slope)
            product = apply(primitives.multiply, right, extra)
            if slope is not None and product is not None and product.shape == right.shape:
                text = self.text(slope)
                words = f"there is a slope {text} too many"
                cost = LIKELY if self.activation == (f, out) else POSSIBLE
                yield Edit(product, "extra slope", said(words), cost)
                own = self.slope_cancelled and self.activation == (f, out)
                words = f"the slope {text} was forgotten" if own else f"it is divided by {text}"
                quotient = apply(primitives.divide, right, extra)
                kind, cost = ("slope forgotten", LIKELY) if own else ("extra slope", FAR_FETCHED)
                yield Edit(quotient, kind, said(words), cost)
        if self.is_of_batch(right):
            for name, i in (("last", -1), ("first", 0)):
                mask = np.zeros((right.shape[0], *[1] * (right.ndim - 1)))
                mask[i] = 1.0
                only = apply(primitives.multiply, right, constant(mask, f"only_{name}"))
                yield Edit(only, "one example", said(f"only the {name} example counts"), LIKELY)
            if self.of is not None and self.is_first():
                yield from self.of_the_output()
        if right.ndim == 2:
            yield from self.in_another_layout()
        if self.of in self.backward.parameters.values():
            yield from self.of_a_gradient()

    def is_first(self) -> bool:
        """Tell whether no other adjoint that the reader's code names comes before this one."""
        before = [x for x in self.backward.equations if self.equation in self.backward.below[x]]
        unnamed = self.backward.listing.unnamed
        return all(
            self.backward.listing.undone.get(x) in {None, *unnamed}
            for x in before
            if x is not self.equation
        )

    def of_the_output(self) -> Iterator[Edit]:
        """Yield the adjoint that the sum or the mean of an output has, in place of the loss."""
        shape = self.right.shape
        assert self.of is not None
        name = self.of.name
        length = "N" if len(shape) == 1 else str(shape)
        ones = constant(np.ones(shape), f"np.ones({length})")
        for what, x in (("sum", number(1.0)), ("mean", self.one_over_n())):
            words = f"this is the gradient of the {what} of {name}, not of the loss"
            spread = apply(primitives.multiply, x, ones)
            yield Edit(spread, "gradient of the output", said(words))
            for f, out in self.activated():
                slope = self.slope(f, out, self.of)
                if argument(out) is self.of and slope is not None:
                    words = f"this is the gradient of the {what} of {out.name}, not of the loss"
                    yield Edit(
                        apply(primitives.multiply, x, slope), "gradient of the output", said(words)
                    )

    def of_a_gradient(self) -> Iterator[Edit]:
        """Yield what may happen to the gradient in a parameter."""
        right, of = self.right, self.of
        assert of is not None
        factor = number(1.0)
        decay = apply(primitives.multiply, factor, of)
        words = (
            f"a multiple of {of.name} is added, as by regularisation that the loss does not have"
        )
        yield Edit(
            apply(primitives.add, right, decay), "regularisation", said(words), POSSIBLE, factor
        )
        for x in self.pool:
            if x in self.backward.equations:
                for y, words in self.reduced(x):
                    yield Edit(y, "gradient of a sibling", said(words), FAR_FETCHED)

    def in_another_layout(self) -> Iterator[Edit]:
        """Yield a matrix transposed, or reshaped."""
        turned = self.turned(self.right)
        yield Edit(turned, "transposed", said("the result is transposed"), LIKELY)
        words = "the result is of another layout: reshaped where transposed is due"
        for x in (turned, self.right):
            for shape in (self.right.shape, self.right.shape[::-1]):
                reshaped = apply(primitives.reshape, x, shape=shape)
                yield Edit(reshaped, "reshaped", said(words))

    def reduced(self, x: Term) -> Iterator[tuple[Term | None, str]]:
        """Yield another adjoint, or a part of it, with words."""
        yield x, f"{x.name} stands there"
        for axis in range(x.ndim if x.ndim > 1 else 0):
            total = apply(primitives.sum, x, axis=axis, keepdims=False)
            yield total, f"the sum of {x.name} over axis {axis} stands there"
            for i in (0, -1):
                part = apply(primitives.getitem, x, index=(*[slice(None)] * axis, i))
                yield part, f"a part of {x.name} stands there"

    # Slopes.

    def of_the_slope(self) -> Iterator[Edit]:
        """Yield the slope at another place, or that of another activation."""
        factors = self.factors
        if factors is None or self.activation is None:
            return
        f, out = self.activation
        for at in (out, self.of, apply(f, out)):
            for g in self.activations():
                if at is not None:
                    yield Edit(
                        apply(primitives.multiply, factors[0], self.slope(g, at)),
                        "slope at the wrong place" if g is f else "slope of another activation",
                        self.about_slope(f, g, at),
                        LIKELY if at.name else POSSIBLE,
                    )

    def about_slope(self, f: Primitive, g: Primitive, at: Term) -> Callable[[], str]:
        """Say which slope was taken, and where."""
        if g is f:
            return lambda: f"the slope was taken at {self.text(at)}"
        return lambda: f"the slope is that of {g.name}, not of {f.name}"

    def as_factors(self) -> tuple[Term, Term] | None:
        """Return what comes back and the slope that it is multiplied by, element by element."""
        if self.right.primitive is primitives.multiply and self.activation is not None:
            a, b = self.right.operands
            if self.backward.is_adjoint(a) and not self.backward.is_adjoint(b):
                return a, b
            if self.backward.is_adjoint(b) and not self.backward.is_adjoint(a):
                return b, a
        if self.activation is not None and self.activation[1] in self.backward.of(self.equation):
            # In y - t the slope of y is cancelled by the loss.
            slope = self.slope(*self.activation, self.of)
            adjoint = apply(primitives.divide, self.right, slope)
            if adjoint is not None and slope is not None:
                self.slope_cancelled = True
                return adjoint, slope
        return None

    def activated(self) -> Iterator[tuple[Primitive, Term]]:
        """Yield the activations in the pass, with their results; softmax counts as sigmoid."""
        for x in self.pool:
            if x.primitive in ELEMENTWISE and len(x.operands) == 1 and x.forward:
                yield x.primitive, x
            elif x.primitive is primitives.divide and argument(x) is not None:
                yield primitives.sigmoid, x

    def activations(self) -> list[Primitive]:
        """Return the activations that may be confused."""
        return list(dict.fromkeys([*[f for f, _ in self.activated()], *ACTIVATIONS]))

    def slope(self, f: Primitive, out: Term, x: Term | None = None) -> Term | None:
        """Return the derivative of an activation, by the rule of the primitive.

        It is that where the result is `out` and the operand `x`; without `x`, what becomes of it
        where `out` is put for both.
        """
        listing = self.backward.listing
        placeholders = []
        for term in (out, out if x is None else x):
            placeholders.append(Traced(term.data))
            listing.of_node[placeholders[-1]] = term
        result: Node = dict(f.rules)[0](1.0, *placeholders)
        for node in oldest_first([result]):
            listing.add(node, forward=False)
        term = listing.of_node[result]
        if term.primitive is primitives.sigmoid_slope:
            return apply(primitives.multiply, out, apply(primitives.subtract, number(1.0), out))
        if term.primitive is primitives.multiply and term.operands[0].number == 1.0:
            return term.operands[1]
        return term

    def as_column(self, x: Term | None) -> Term | None:
        """Return a number for each example as a column, beside a matrix."""
        if x is not None and x.ndim == 1 and self.right.ndim == 2 and self.is_of_batch(x):
            return apply(primitives.getitem, x, index=(slice(None), None))
        return x

    # Variables.

    def of_variables(self) -> Iterator[Edit]:
        """Yield one variable for another of the same shape, or a changed one."""
        inside = set()
        if self.factors is not None and not self.slope_cancelled:
            inside = set(self.backward.listing.parts(self.factors[1]))
        for old in dict.fromkeys(self.backward.listing.parts(self.right)):
            if old.is_number:
                continue
            for new in self.pool:
                if new.shape == old.shape and new is not old:
                    yield self.swapped(old, new, old in inside)
            yield from self.of_variable(old)

    def swapped(self, old: Term, new: Term, in_slope: bool) -> Edit:
        """Return an edit with one variable for another."""
        right = self.backward.replaced(self.right, old, new)
        of = self.backward.listing.undone.get(new)
        if of is old and old in self.backward.parameters.values():
            words = f"the gradient {new.name} stands in place of the weight {old.name}"
            return Edit(right, "gradient for the weight", said(words), LIKELY)
        if in_slope:
            words = f"the slope was taken at {new.name}"
            return Edit(right, "slope at the wrong place", said(words), LIKELY)
        kind = "another adjoint" if self.backward.is_adjoint(old) else "another variable"
        return Edit(right, kind, said(f"{new.name} stands in place of {old.name}"), POSSIBLE)

    def of_variable(self, old: Term) -> Iterator[Edit]:
        """Yield what may happen to a variable itself."""
        backward = self.backward

        def changed(new: Term | None) -> Term | None:
            return new and backward.replaced(self.right, old, new)

        if old.ndim == 2 and old.shape[0] == old.shape[1]:
            words = f"{old.name} is transposed where it must not be, or not where it must"
            yield Edit(changed(self.turned(old)), "transposed", said(words), LIKELY)
        if self.is_of_batch(old):
            average = apply(primitives.mean, old, axis=0, keepdims=False)
            total = apply(primitives.sum, old, axis=0, keepdims=False)
            for x, what in ((average, "averaged"), (total, "summed")):
                spread = apply(primitives.broadcast_to, x, shape=old.shape)
                words = f"{old.name} was {what} over the batch"
                words += ", as when (N,) and (N, 1) make (N, N)" if old.ndim == 1 else ""
                yield Edit(changed(spread), "broadcast", said(words))
        if any(out is old for _, out in self.activated()):
            square = apply(primitives.multiply, old, old)
            for x in (square, apply(primitives.subtract, number(1.0), square)):
                words = f"{old.name} had been changed in place"
                yield Edit(changed(x), "changed in place", said(words))
        for path, x in backward.parameters.items():
            gradient = backward.gradients[path]
            if x is old and gradient in self.pool:
                factor = number(1.0)
                step = apply(primitives.multiply, factor, gradient)
                words = f"{old.name} had been updated before"
                yield Edit(
                    changed(apply(primitives.subtract, old, step)),
                    "updated too early",
                    said(words),
                    LIKELY,
                    factor,
                )

    # Inside the right side.

    def inside(self, term: Term) -> Iterator[Edit]:
        """Yield the edits of a term and of its operands."""
        slope = self.factors
        yield from self.local(term)
        for i, x in enumerate(term.operands):
            if x.name or not x.operands:
                continue
            in_slope = slope is not None and term is self.right and x is slope[1]
            for edit in self.inside(x):
                if edit.right is None:
                    continue
                operands = [edit.right if j == i else y for j, y in enumerate(term.operands)]
                new = self.backward.rebuilt(term, operands)
                if in_slope:
                    cost = POSSIBLE if edit.kind == "sign" else edit.cost
                    words = self.became(edit.right)
                    yield Edit(new, "slope mistyped", words, cost, edit.factor)
                else:
                    yield Edit(new, edit.kind, edit.words, edit.cost, edit.factor)

    def became(self, slope: Term) -> Callable[[], str]:
        """Say what a slope has become."""
        return lambda: f"the slope became {self.text(slope)}"

    def local(self, term: Term) -> Iterator[Edit]:
        """Yield the edits of an operation."""
        p = term.primitive
        if p is primitives.multiply:
            yield from self.of_product(term)
        elif p is primitives.divide:
            yield from self.of_quotient(term)
        elif p in (primitives.add, primitives.subtract):
            yield from self.of_sum(term)
        elif p is primitives.matmul or p is primitives.outer:
            yield from self.of_matrix_product(term)
        elif p is primitives.sum:
            yield from self.of_reduction(term)
        elif p in (primitives.power, primitives.square):
            yield self.without(term, term.operands[0], "the power was forgotten")
        elif p is primitives.negative:
            yield self.without(term, term.operands[0], "the minus was forgotten", "sign")
        elif p is primitives.greater:
            a, b = term.operands
            words = "the mask is the wrong way round"
            yield Edit(apply(primitives.less, a, b), "slope mistyped", said(words))
        elif p in self.activations():
            words = f"{p.name} was forgotten"
            yield self.without(term, term.operands[0], words, "activation forgotten")

    def without(
        self,
        term: Term,
        rest: Term | None,
        words: str,
        kind: str = "factor forgotten",
        cost: int = LIKELY,
    ) -> Edit:
        """Return an edit that leaves only a part of a term, spread to the shape of the whole."""
        if rest is not None and rest.shape != term.shape:
            rest = apply(primitives.broadcast_to, rest, shape=term.shape)
        return Edit(rest, kind, said(words), cost)

    def of_product(self, term: Term) -> Iterator[Edit]:
        """Yield a factor forgotten, taken twice or divided by, and a matrix product."""
        a, b = term.operands
        slope = self.factors if term is self.right else None
        for x, rest in ((a, b), (b, a)):
            if slope and x is slope[1]:
                kind, called = "slope forgotten", f"slope {self.text(x)}"
            elif slope and x is slope[0]:
                kind, called = "adjoint forgotten", f"incoming adjoint {self.text(x)}"
            else:
                kind, called = "factor forgotten", f"factor {self.text(x)}"
            kind = "1/N" if self.text(x) == "1 / N" else kind
            yield self.without(term, rest, f"the {called} was forgotten", kind)
            if slope and x is slope[0]:
                mean = apply(primitives.multiply, self.one_over_n(), rest)
                words = f"the {called} was forgotten, but for 1 / N"
                yield self.without(term, mean, words, kind, POSSIBLE)
            if x.number == 2.0:
                square = apply(primitives.multiply, rest, rest)
                yield Edit(square, "slope mistyped", said("the square was not differentiated"))
            twice = apply(primitives.multiply, term, x)
            kind = kind.replace("forgotten", "twice")
            yield Edit(twice, kind, said(f"the {called} stands there twice"))
        if a.ndim == b.ndim == 2:
            words = "a matrix product stands where an element-wise one is due"
            for left, right in ((a, self.turned(b)), (self.turned(a), b), (a, b)):
                product = apply(primitives.matmul, left, right)
                yield Edit(product, "matrix product", said(words))

    def of_quotient(self, term: Term) -> Iterator[Edit]:
        """Yield a division forgotten, made twice, or a product in its place."""
        a, b = term.operands
        called = self.text(b)
        kind = "1/N" if called == "N" else "factor forgotten"
        yield self.without(term, a, f"the division by {called} was forgotten", kind)
        words = f"there are two divisions by {called}"
        yield Edit(apply(primitives.divide, term, b), kind, said(words))
        words = f"it is multiplied by {called}, not divided"
        yield Edit(apply(primitives.multiply, a, b), kind, said(words))

    def of_sum(self, term: Term) -> Iterator[Edit]:
        """Yield a term forgotten, of the wrong sign, or with a wrong factor."""
        a, b = term.operands
        p = term.primitive
        assert p is not None
        minus = p is primitives.subtract
        swapped = apply(primitives.add if minus else primitives.subtract, a, b)
        words = "+ stands for -" if minus else "- stands for +"
        yield Edit(swapped, "sign", said(words))
        if minus:
            words = "the difference is the wrong way round"
            yield Edit(apply(p, b, a), "sign", said(words), LIKELY)
        negative = apply(primitives.negative, b) if minus else b
        for x, rest in ((a, negative), (b, a)):
            own = self.of is not None and self.leaves(x) == {self.of}
            kind = "regularisation" if own else "term forgotten"
            yield self.without(term, rest, f"the term {self.text(x)} was forgotten", kind)
            factor = number(1.0)
            scaled = apply(primitives.multiply, factor, x)
            operands = (scaled, b) if x is a else (a, scaled)
            if x.is_number:
                continue
            words = f"the term {self.text(x)} has a wrong factor"
            yield Edit(apply(p, *operands), kind, said(words), POSSIBLE, factor)
        if b.primitive is primitives.multiply and b.operands[0] is b.operands[1]:
            root = apply(p, a, b.operands[0])
            squared = apply(primitives.multiply, root, root)
            yield Edit(squared, "slope mistyped", said("the square stands outside the brackets"))

    def leaves(self, term: Term) -> set[Term]:
        """Return the variables that a term is made of."""
        return {term} if term.name else set(self.backward.listing.parts(term))

    def of_matrix_product(self, term: Term) -> Iterator[Edit]:
        """Yield an operand forgotten, transposed or in the other place, and sums forgotten."""
        a, b = term.operands
        assert term.primitive is not None
        for i, x in enumerate((a, b)):
            ones = constant(np.ones(x.shape), "ones")
            rest = apply(term.primitive, *((ones, b) if i == 0 else (a, ones)))
            is_adjoint = self.backward.is_adjoint(x)
            kind = "adjoint forgotten" if is_adjoint else "factor forgotten"
            called = f"{'incoming adjoint' if is_adjoint else 'factor'} {self.text(x)}"
            yield Edit(rest, kind, said(f"the {called} was forgotten"), LIKELY)
            if is_adjoint:
                mean = apply(primitives.multiply, self.one_over_n(), rest)
                yield Edit(mean, kind, said(f"the {called} was forgotten, but for 1 / N"))
        words = "an element-wise product stands where a matrix product is due"
        yield Edit(apply(primitives.multiply, a, b), "element-wise product", said(words))
        if term.primitive is primitives.outer:
            return
        length = a.shape[-1]
        if b.ndim == 1 and a.ndim == 2:
            column = apply(primitives.getitem, b, index=(slice(None), None))
            unsummed = apply(primitives.multiply, self.turned(a), column)
            yield Edit(unsummed, "sum forgotten", said("the sum was forgotten"), LIKELY)
        if length == self.backward.N:
            for name, row in (("last", slice(-1, None)), ("first", slice(0, 1))):
                left = apply(primitives.getitem, a, index=(*[slice(None)] * (a.ndim - 1), row))
                right = apply(primitives.getitem, b, index=(row,))
                one = apply(primitives.matmul, left, right)
                words = f"only the {name} example counts"
                yield Edit(one, "one example", said(words), LIKELY)
        words = "the operands are in the wrong order, or transposed"
        for x, y in ((a, b), (b, a)):
            for u in (x, self.turned(x)):
                for v in (y, self.turned(y)):
                    if u is not a or v is not b:
                        yield Edit(apply(primitives.matmul, u, v), "transposed", said(words))

    def of_reduction(self, term: Term) -> Iterator[Edit]:
        """Yield a sum forgotten, over another axis, or of one example."""
        (x,) = term.operands
        axis = term.parameters["axis"]
        yield Edit(x, "sum forgotten", said("the sum was forgotten"), LIKELY)
        for other in (None, *range(x.ndim)):
            if (other,) != axis and other != axis:
                total = apply(primitives.sum, x, axis=other, keepdims=False)
                words = "the sum is over the wrong axis" if other is not None else "all is summed"
                yield Edit(total, "wrong axis", said(words), LIKELY)
        if self.is_of_batch(x):
            for name, i in (("last", -1), ("first", 0)):
                part = apply(primitives.getitem, x, index=(i,))
                yield Edit(part, "one example", said(f"only the {name} example counts"), LIKELY)

    # Pieces.

    def is_of_batch(self, x: Term) -> bool:
        """Tell whether a term has a row for each example."""
        backward = self.backward
        return bool(x.ndim and backward.N and backward.in_rows and x.shape[0] == backward.N)

    def turned(self, x: Term | None) -> Term | None:
        """Return a matrix transposed, without transposing twice."""
        if x is None or x.ndim != 2:
            return None
        if x.primitive is primitives.transpose:
            return x.operands[0]
        return apply(primitives.transpose, x, axes=None)

    def one_over_n(self) -> Term:
        """Return 1 / N."""
        n = number(float(self.backward.N or 1))
        n.name = "N"
        found = apply(primitives.divide, number(1.0), n)
        assert found is not None
        return found


ELEMENTWISE = (*ACTIVATIONS, primitives.softplus, primitives.exp, primitives.sin, primitives.cos)


def slips_in_several(backward: Backward) -> Iterator[Slip]:
    """Yield the slips that change several equations at once."""
    gradients = {
        x: gradient
        for path, x in backward.parameters.items()
        if (gradient := backward.gradients[path]) is not None
    }
    factor = number(1.0)
    changes: dict[Term, Term] = {}
    for equation in backward.equations:
        right: Term = equation
        for x, gradient in gradients.items():
            if gradient not in backward.below[equation] and x in backward.listing.parts(equation):
                step = apply(primitives.multiply, factor, gradient)
                new = backward.replaced(right, x, apply(primitives.subtract, x, step))
                right = new or right
        if right is not equation:
            changes[equation] = right
    if len(changes) > 1:
        words = "the parameters had been updated before all gradients were there"
        yield Slip(changes, "updated too early", said(words), LIKELY, factor)
    for which, chosen in (
        ("every parameter", list(gradients)),
        ("every weight", [x for x in gradients if x.name and not is_bias(backward, x)]),
        ("every bias", [x for x in gradients if is_bias(backward, x)]),
    ):
        factor = number(1.0)
        changes = {}
        for x in chosen:
            decay = apply(primitives.multiply, factor, x)
            added = apply(primitives.add, backward.unnamed(gradients[x]), decay)
            if added is not None:
                changes[gradients[x]] = added
        if len(changes) > 1:
            words = (
                f"a multiple of {which} is added, as by regularisation that the loss does not have"
            )
            yield Slip(changes, "regularisation", said(words), POSSIBLE, factor)


def is_bias(backward: Backward, x: Term) -> bool:
    """Tell whether a parameter is only added: its gradient is a sum."""
    path = next(path for path, parameter in backward.parameters.items() if parameter is x)
    gradient = backward.gradients[path]
    return gradient is not None and gradient.primitive in (primitives.sum, primitives.identity)


def said(words: str) -> Callable[[], str]:
    """Return a function that returns `words`."""
    return lambda: words


def constant(x: Any, name: str) -> Term:
    """Return an array as a term with a name."""
    node = Node()
    node._raw, node.primitive = x, None
    term = Term(node)
    term.name = name
    return term


def alike_in_layers(backward: Backward) -> Iterator[Slip]:
    """Yield the slips that were made alike in all equations of one form, as in a loop of layers."""
    forms: dict[str, list[Term]] = {}
    for equation in backward.equations:
        forms.setdefault(anonymous(backward, equation, backward.unnamed(equation)), []).append(
            equation
        )
    for equations in forms.values():
        made: dict[tuple[str, str], list[Slip]] = {}
        for equation in equations if len(equations) > 1 else ():
            for slip in slips_in(backward, equation):
                if slip.factor is None and slip.cost < FAR_FETCHED:
                    form = anonymous(backward, equation, slip.changes[equation])
                    made.setdefault((slip.kind, form), []).append(slip)
        for (kind, _), slips in made.items():
            changes = {x: right for slip in slips for x, right in slip.changes.items()}
            if len(changes) == len(equations):
                words = " and ".join(dict.fromkeys(slip.words() for slip in slips))
                yield Slip(changes, kind, said(words), slips[0].cost)


def anonymous(backward: Backward, equation: Term, right: Term) -> str:
    """Write a right side with numbers for the names that an equation and its variable have."""
    of = backward.listing.undone.get(equation)
    text = backward.written(equation, right).partition(" = ")[2]
    if of is not None and not of.name:
        text = text.replace(backward.expression(of), "$")
    parts = [x.name for x in backward.of(equation) if not x.is_number]
    places = {name: f"${i}" for i, name in enumerate(parts)}
    places.setdefault(of.name if of is not None else None, "$")
    return re.sub(r"\b[^\W\d]\w*", lambda match: str(places.get(match[0], match[0])), text)
