"""The index form against the engine: every equation evaluated entry by entry."""

import itertools
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from blackboard import Blackboard
from hypothesis import given
from latex2mathml.converter import convert as latex_to_mathml
from matplotlib import mathtext
from random_programs import as_function, programs, relaxed
from samples import ALL, SAMPLES, Sample, normal, positive

from autodiff import (
    Value,
    derivation,
    logsumexp,
    mean,
    primitives,
    stack,
    sum,
    where,
)
from autodiff.primitives import MASKS
from autodiff.readings.indexed.equations import Equations
from autodiff.readings.indexed.formula import (
    Applied,
    Chosen,
    Entry,
    Index,
    Moved,
    Reduced,
    Whole,
    all_parts,
)
from autodiff.readings.listing import Listing
from autodiff.readings.notation import TEXT
from autodiff.value import record
from mlp import engine, tutorial_problem

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


def evaluated(equations: Equations) -> dict[Any, Any]:
    """Return what the equations alone lead to, by term."""
    listing = equations.listing
    known = {x: x.data for x in listing.terms.inputs.values()}
    for (term, _), at, right in equations.equations:
        result = np.zeros(term.shape)
        for place in np.ndindex(result.shape):
            where = {p: i for p, i in zip(at, place) if isinstance(p, Index)}
            result[place] = numbers(right, where, known)
        known[term] = result
    return known


def read(equations: Equations) -> None:
    """Assert that each equation, as it is printed, says what the engine computed.

    Each is read with the engine's numbers; those that are written as digits have six.
    """
    names, listing = equations.writer.names, equations.listing
    arrays = {equations.writer.variable(x, TEXT).text: x.data for x in names}
    arrays |= {TEXT.variable(listing.names[x], 0, False): x.data for x, _ in listing.terms.arrays}
    arrays |= {TEXT.variable(x, 0, False): y for x, y in listing.constants.items()}
    arrays |= {"N": equations.count} if equations.count else {}
    for equation in equations.equations:
        if any(isinstance(x, Whole) for x in all_parts(equation.right)):
            continue
        letters = equations.axes.letters_of(equation)
        board = Blackboard(arrays, {letters[i]: i.length for i in letters})
        text = " = ".join(equations.sides(equation, TEXT))
        name, subscripts, right = board.equation(text)
        array = np.asarray(board.arrays[name], float)
        largest = max([np.max(np.abs(x), initial=1.0) for x in map(np.asarray, arrays.values())])
        for place in np.ndindex(equation.term.shape):
            where = {letters[p]: i for p, i in zip(equation.at, place) if isinstance(p, Index)}
            found = array[tuple([x(where) for x in subscripts])]
            close = np.isclose(right(where), found, rtol=0, atol=1e-5 * largest, equal_nan=True)
            assert close, text


def assert_as_the_engine(f: Any, *args: Any, argnums: Any = 0) -> None:
    """Assert that the equations lead to the engine's numbers, but for rounding.

    Rounding is of the size of the largest number on the way, as where 1 / x - 1 / x is a gradient.
    """
    listing = Listing(f, args, argnums)
    known = evaluated(Equations(listing))
    largest = max([np.max(np.abs(x.data), initial=1e-3) for x in listing.terms.used])
    for term, _ in [*listing.forward, *listing.backward]:
        found = known[term]
        np.testing.assert_allclose(found, term.data, rtol=0, atol=1e-13 * largest)


@relaxed
@given(programs())
def test_every_equation_gives_the_engines_numbers(case: Any) -> None:
    f, leaves = as_function(case)
    with np.errstate(all="ignore"):
        assert_as_the_engine(f, leaves)


@relaxed
@given(programs())
def test_what_is_printed_reads_as_it_is_meant(case: Any) -> None:
    f, leaves = as_function(case)
    with np.errstate(all="ignore"):
        read(Equations(Listing(f, (leaves,), 0)))


def labels(params: Any, X: Any, t: Any) -> Any:
    Z = X @ params["W"] + params["b"]
    return mean(logsumexp(Z, axis=1) - Z[np.arange(len(t)), t])


def embedding(E: Any, t: Any, w: Any) -> Any:
    H = E[t]
    return sum(np.tanh(H @ w)) / 3.0


def attention(Q: Any, K: Any, V: Any) -> Any:
    S = Q @ K.T / np.sqrt(3.0)
    E = np.exp(S - np.max(S, axis=1, keepdims=True))
    A = E / np.sum(E, axis=1, keepdims=True)
    return np.sum((A @ V) ** 2)


def heads(X: Any, W: Any) -> Any:
    P = np.transpose((X @ W).reshape(4, 2, 3), (1, 0, 2))
    return np.sum(np.tanh(P @ np.transpose(P, (0, 2, 1))))


def convolution(x: Any, w: Any) -> Any:
    y = x[:-2] * w[0] + x[1:-1] * w[1] + x[2:] * w[2]
    return np.sum(y**2)


def backwards(x: Any, y: Any) -> Any:
    return np.sum(x[::-1] * y) + np.sum(x[4:0:-2] ** 2) + x[-1] * y[1]


def positions(x: Any) -> Any:
    first = x[np.array([1, 1]), :, np.array([0, 2])] * np.arange(3.0)
    second = x[:, np.array([-1, 0]), np.array([[0], [1]])]
    return np.sum(first) + np.sum(second[..., None] ** 2) + np.sum(x[0, None, 1:, -1])


def pieces(a: Any, b: Any, c: Any) -> Any:
    S = np.concatenate([a, b, c, a], axis=1)
    return np.sum(np.sum(S * S, axis=0) * np.arange(7.0)) + np.sum(stack([a, a * a], axis=-1) ** 3)


def taken(I: Any, J: Any, N: Any, x: Any, X: Any, k: Any, i: Any) -> Any:  # noqa: E741
    y = X @ x * k + i
    return mean(y * N) + np.sum(I @ J)


def underlined(W_1: Any, h_prev: Any, beta: Any, x: Any) -> Any:
    h = np.tanh(x @ W_1 + h_prev)
    return mean(h * beta) / 2.0


def unused(a: Any, B: Any, c: Any) -> Any:
    return np.sum(a + 0.0 * np.ones(3)) + np.sum(a)


def quotients(a: Any, B: Any) -> Any:
    s = np.sum(B, axis=0)[0] / a
    return -np.sum(B) / (a / s) * (s * a) / (a * s) - (a - s) - (-s) ** 2 + (a * s) ** (-a)


def negatives(x: Any, w: Any) -> Any:
    return mean(np.abs(x)) * -1.25 + w * (-w * w) + (-w) / -3.0 + w * (-2.0 * w)


def many_axes(x: Any) -> Any:
    return np.sum(x * x) + np.sum(x[..., 0])


TUTORIAL = """\
g_ij = Σ_k x_ik u_jk + b_j     |   G = X Uᵀ + b
h_ij = tanh(g_ij)              |   H = tanh(G)
z_i  = Σ_j h_ij w_j + c        |   z = H W + c
loss = (1/N) Σ_i ℒ(z_i, t_i)   |   loss = mean(ℒ(z, t))

z̄_i  = (1/N) (σ(z_i) - t_i)    |   z̄ = 1 / 500 · (σ(z) - t)
w̄_j  = Σ_i h_ij z̄_i            |   W̄ = Hᵀ z̄
c̄    = Σ_i z̄_i                 |   c̄ = z̄ᵀ 1
h̄_ij = z̄_i w_j                 |   H̄ = z̄ Wᵀ
ḡ_ij = h̄_ij (1 - h_ij²)        |   Ḡ = H̄ ⊙ (1 - H ⊙ H)
ū_jk = Σ_i ḡ_ij x_ik           |   Ū = Ḡᵀ X
b̄_j  = Σ_i ḡ_ij                |   b̄ = Ḡᵀ 1

i = 0, …, 499;  j = 0, …, 2;  k = 0, 1;  N = 500"""


def test_the_tutorials_network_is_written_as_on_the_blackboard() -> None:
    X, t, params = tutorial_problem()
    expected = unicodedata.normalize("NFC", TUTORIAL)
    found = derivation(engine.loss, params, X, t, side_by_side=True).text
    assert unicodedata.normalize("NFC", found) == expected
    found = derivation(engine.loss, params, X, t, indices=True).text
    alone = re.sub(r" *\|.*", "", expected)
    assert unicodedata.normalize("NFC", found) == alone


FUNCTIONS: dict[Callable[..., Any], tuple[Any, ...]] = {
    labels: ({"W": normal(2, 3), "b": normal(3)}, normal(5, 2), np.array([0, 1, 2, 1, 0])),
    embedding: (normal(4, 3), np.array([0, 3, -1]), normal(3)),
    attention: (normal(4, 3), normal(5, 3), normal(5, 2)),
    heads: (normal(4, 6), normal(6, 6)),
    convolution: (normal(6), normal(3)),
    backwards: (normal(6), normal(6, seed=1)),
    positions: (normal(2, 3, 3),),
    pieces: (normal(3, 2), normal(3, 1), normal(3, 2, seed=1)),
    taken: (normal(2, 3), normal(3, 4), 2.0, normal(3), normal(5, 3), 3.0, 1.0),
    underlined: (normal(2, 3), normal(4, 3), normal(3), normal(4, 2)),
    unused: (normal(3), normal(3, 2), 1.0),
    quotients: (2.0, positive(2, 3)),
    negatives: (normal(2, 3), 1.5),
    many_axes: (normal(*[2] * 12),),
}


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_is_printed_of_functions_reads_as_it_is_meant(f: Callable[..., Any]) -> None:
    args = FUNCTIONS[f]
    argnums = [i for i, x in enumerate(args) if not (np.ndim(x) and x.dtype.kind == "i")]
    equations = Equations(Listing(f, args, argnums))
    read(equations)
    assert_as_the_engine(f, *args, argnums=argnums)
    known = [*equations.writer.names.values(), *(["N"] if equations.count else [])]
    letters = {x for y in equations.equations for x in equations.axes.letters_of(y).values()}
    assert len({*known}) == len(known)
    assert letters.isdisjoint(known)


def test_only_arrays_have_entries_in_lower_case_and_a_letter_counts_a_mean_alone() -> None:
    text = derivation(taken, *FUNCTIONS[taken], argnums=2, indices=True).text
    assert "(1/5) Σ_l y_l N + " in text

    def penalised(w: Any, X: Any) -> Any:
        return mean(X @ w) + sum(w) / 5.0

    text = derivation(penalised, normal(2), normal(5, 2), indices=True).text
    assert "loss = (1/5) Σ_i " in text
    assert "N" not in text


@relaxed
@given(programs())
def test_an_axis_has_one_letter_and_an_adjoint_those_of_its_array(case: Any) -> None:
    f, leaves = as_function(case)
    with np.errstate(all="ignore"):
        equations = Equations(Listing(f, (leaves,), 0))
    seen: dict[Any, tuple[str, ...]] = {}
    lengths: dict[str, int] = {}
    for equation in equations.equations:
        letters = equations.axes.letters_of(equation)
        own = tuple([letters[p] for p in equation.at if isinstance(p, Index)])
        assert len({*own}) == len(own)
        seen[equation.term] = own
        of = equations.listing.writer.bars.get(equation.term)
        if of in seen:
            assert own == seen[of]
        for index, letter in letters.items():
            assert lengths.setdefault(letter, index.length) == index.length


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_its_latex_is_well_formed(f: Callable[..., Any]) -> None:
    """Also for matplotlib, which refuses a second subscript and knows most of LaTeX."""
    latex = derivation(f, *FUNCTIONS[f], indices=True).latex
    for line in latex.splitlines()[1:-1]:
        text = line.removesuffix(r"\\").replace("&", "")
        ElementTree.fromstring(latex_to_mathml(text))
        if not re.search(r"\\bmod|cases", text):
            mathtext.MathTextParser("path").parse(f"${text}$")


def applied(name: str, sample: Sample) -> Any:
    """Return a function of one number that applies a primitive."""

    def raw(*xs: Any) -> Any:
        xs = tuple([x > 0.0 for x in xs]) if name.startswith("logical") else xs
        return record(ALL[name], xs, sample.parameters)

    weights = normal(*np.shape(raw(*map(Value, sample.operands)).data), seed=9)

    def f(*xs: Any) -> Any:
        y = raw(*xs)
        return sum((where(y, xs[0], 0.5) if ALL[name] in MASKS else y) * weights)

    return f


@pytest.mark.parametrize("name", ALL)
def test_every_primitive_is_written_entry_by_entry(name: str) -> None:
    """Also where a mask picks elements, or there are none: as a function of whole arrays."""
    for sample in SAMPLES.get(name, SAMPLES["maximum"]):
        args = sample.operands[: 1 if name == "logical_not" else None]
        if name.startswith("logical") and not all(map(np.ndim, args)):
            continue
        f, argnums = applied(name, sample._replace(operands=args)), range(len(args))
        with np.errstate(all="ignore"):
            read(Equations(Listing(f, args, argnums)))
            assert_as_the_engine(f, *args, argnums=argnums)
