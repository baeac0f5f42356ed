"""The index form against the engine: every equation evaluated entry by entry."""

import itertools
import math
import operator
from typing import Any

import numpy as np
from hypothesis import given
from random_programs import as_function, programs, relaxed

from autodiff import primitives, value_and_grad
from autodiff.readings.indexed.equations import Equations
from autodiff.readings.indexed.formula import (
    Applied,
    Chosen,
    Entry,
    Index,
    Moved,
    Reduced,
    Whole,
)
from autodiff.readings.listing import Listing

SIGNS = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul},
    **{"//": operator.floordiv, "%": operator.mod},
    **{"<": operator.lt, "<=": operator.le, ">=": operator.ge, "==": operator.eq},
}
REDUCTIONS = {
    primitives.sum: math.fsum,
    primitives.mean: lambda xs: math.fsum(xs) / len(xs),
    primitives.max: max,
    primitives.min: min,
    primitives.logsumexp: lambda xs: math.log(math.fsum(map(math.exp, xs))),
}


def numbers(x: Any, at: dict[Index, int], known: dict[Any, Any]) -> Any:
    """Return what a formula or a position is where the indices are these."""
    match x:
        case Index():
            return at[x]
        case Moved():
            left, right = numbers(x.left, at, known), numbers(x.right, at, known)
            return SIGNS[x.sign](int(left), right)
        case Entry():
            place = tuple([int(numbers(p, at, known)) for p in x.at])
            array = np.asarray(known.get(x.term, x.term.data))
            assert all(0 <= i < n for i, n in zip(place, array.shape)), "outside of the array"
            return kind(x.term)(array[place])
        case Applied():
            operands = [numbers(y, at, known) for y in x.operands]
            return kind(x.term)(x.primitive.function(*operands))
        case Reduced():
            runs = itertools.product(*[range(i.length) for i in x.over])
            xs = [numbers(x.of, {**at, **dict(zip(x.over, run))}, known) for run in runs]
            return REDUCTIONS[x.primitive](xs)
        case Chosen():
            holds = all(
                SIGNS[sign](numbers(a, at, known), numbers(b, at, known))
                for a, sign, b in x.conditions
            )
            return numbers(x.then if holds else x.otherwise, at, known)
        case Whole():
            return whole(x.term, known)[tuple([int(numbers(p, at, known)) for p in x.at])]
    return x


def whole(term: Any, known: dict[Any, Any]) -> Any:
    """Return what a term is, computed from arrays."""
    if term in known or term.primitive is None:
        return np.asarray(known.get(term, term.data))
    operands = [whole(x, known) for x in term.operands]
    return np.asarray(term.primitive.function(*operands, **term.parameters))


def kind(term: Any) -> Any:
    return np.bool_ if term.is_mask else float


def evaluated(f: Any, *args: Any, argnums: Any = 0) -> tuple[Any, dict[Any, Any]]:
    """Return the value and the gradients, by path, that the equations alone lead to."""
    listing = Listing(f, args, argnums)
    known = {x: x.data for x in listing.terms.inputs.values()}
    for (term, _, of), at, right in Equations(listing).equations:
        result = np.zeros((of or term).shape)
        for place in np.ndindex(result.shape):
            where = {p: i for p, i in zip(at, place) if isinstance(p, Index)}
            result[place] = numbers(right, where, known)
        if of is None:
            known[term] = result
    terms = listing.terms
    return known.get(terms.value, terms.value.data), {
        path: known.get(x, x.data) for path, x in terms.gradients.items()
    }


def assert_like(found: Any, right: Any) -> None:
    largest = np.max(np.abs(right), initial=0.0)
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-13 * max(largest, 1e-3))


@relaxed
@given(programs())
def test_every_equation_gives_the_engines_numbers(case: Any) -> None:
    f, leaves = as_function(case)
    with np.errstate(all="ignore"):
        right_value, right = value_and_grad(f)(leaves)
        value, gradients = evaluated(f, leaves)
    assert_like(value, right_value)
    for (_, i), gradient in gradients.items():
        assert_like(gradient, right[i])
