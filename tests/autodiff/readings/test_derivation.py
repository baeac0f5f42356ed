"""The equations: those of the tutorial, for any primitive, and nothing that LaTeX cannot read."""

import re
import unicodedata
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser
from random_programs import as_function, programs
from samples import ALL, PRIMITIVES, SAMPLES

import autodiff
from autodiff import derivation, source
from autodiff.primitives import MASKS
from mlp import engine, scalar
from mlp.data import tutorial_problem

PARSER: Any = MathTextParser("path")

VECTORISED = """
G    = X Uᵀ + b
H    = tanh(G)
z    = H W + c
loss = mean(ℒ(z, t))

z̄    = 1 / 500 · (σ(z) - t)
W̄    = Hᵀ z̄
c̄    = z̄ᵀ 1
H̄    = z̄ Wᵀ
Ḡ    = H̄ ⊙ (1 - H ⊙ H)
Ū    = Ḡᵀ X
b̄    = Ḡᵀ 1
"""
SCALAR = """
g    = U₁₁ · x₁ + U₁₂ · x₂ + b₁
h    = tanh(g)
z    = W₁ · h + c
loss = ℒ(z, t)

z̄    = σ(z) - t
W̄₁   = z̄ · h
c̄    = z̄
h̄    = z̄ · W₁
ḡ    = h̄ · (1 - h · h)
Ū₁₁  = ḡ · x₁
Ū₁₂  = ḡ · x₂
b̄₁   = ḡ
"""


def composed(text: str) -> str:
    """Return text with letters and bars apart, however they were typed."""
    return unicodedata.normalize("NFD", text.strip())


def lists(params: Any) -> Any:
    return {name: np.asarray(p).tolist() for name, p in params.items()}


@cache
def read(latex: str) -> None:
    PARSER.parse(f"${latex}$")


def render(latex: str) -> None:
    """Have every cell of the equations, each closed in itself, read by matplotlib's parser."""
    lines = latex.splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{aligned}", r"\end{aligned}")
    for line in lines[1:-1]:
        cells = line.removesuffix(r"\\").split("&")
        assert len(cells) in (2, 4)
        for cell in filter(None, map(str.strip, cells)):
            read(re.sub(r"\d+", "1", cell))  # once, whatever the numbers are


def test_the_tutorials_network_vectorised() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    found = derivation(engine.loss, params, X, t)
    assert composed(found.text) == composed(VECTORISED)
    assert str(found) == repr(found) == found.text
    render(found.latex)
    assert r"\bar{\mathbf{H}} &= \bar{\mathbf{z}} \mathbf{W}^\top \\" in found.latex
    assert r"\bar{c} &= \bar{\mathbf{z}}^\top \mathbf{1} \\" in found.latex
    assert found._repr_latex_() == f"$${found.latex}$$"


def test_the_tutorials_network_in_scalar_form() -> None:
    X, _, params = tutorial_problem(2, 1, 0)
    found = derivation(scalar.loss, lists(params), X[0].tolist(), 1.0)
    assert composed(found.text) == composed(SCALAR)
    render(found.latex)
    assert r"\bar{U}_{11} &= \bar{g} \, x_{1} \\" in found.latex


def test_hidden_units_are_numbered() -> None:
    X, _, params = tutorial_problem(2, 3, 0)
    text = composed(derivation(scalar.loss, lists(params), X[0].tolist(), 0.0).text)
    for line in (
        "g₂   = U₂₁ · x₁ + U₂₂ · x₂ + b₂",
        "h₃   = tanh(g₃)",
        "Ū₃₂  = ḡ₃ · x₂",
        "b̄₁   = ḡ₁",
    ):
        assert composed(line) in text.splitlines(), text


def test_shapes_and_numbers_stand_beside_the_equations() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    found = derivation(engine.loss, params, X, t, shapes=True, numbers=True)
    lines = composed(found.text).splitlines()
    assert lines[0].endswith("... [ 0.2402 -3.8295 0.8891] [ 0.3178 -6.0123 1.684 ]]")
    assert "   (500, 3)  [[ 0.1305" in lines[0]
    assert lines[3].endswith("()  0.7454")
    assert [line.index("(5") for line in lines[:3]] == [lines[0].index("(500, 3)")] * 3
    render(found.latex)
    shapes = derivation(engine.loss, params, X, t, shapes=True)
    assert r"\mathrm{(500,\ 3)}" in shapes.latex
    render(shapes.latex)


def test_numbers_of_a_gradient_are_those_of_the_engine() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    grads, _ = engine.backprop(X, t, params)
    text = derivation(engine.loss, params, X, t, numbers=True).text
    expected = " ".join(np.array2string(grads["W"], precision=4).split())
    assert expected in text


def test_a_quotient_is_a_fraction_in_latex() -> None:
    found = derivation(lambda a, b: np.sum(a / b), np.ones(3), np.full(3, 2.0), argnums=(0, 1))
    assert r"\frac{a}{b}" in found.latex.replace(r"\mathbf{a}", "a").replace(r"\mathbf{b}", "b")


def test_numbers_have_the_digits_that_they_need() -> None:
    text = derivation(lambda x: 0.25 * np.sum(x * x) + 3.0 * np.sum(x), np.ones(3)).text
    assert text.startswith("loss = 0.25 · ((x ⊙ x)ᵀ 1) + 3 · (xᵀ 1)\n")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_primitive_is_written(name: str) -> None:
    for sample in SAMPLES[name]:
        primitive, parameters = PRIMITIVES[name], sample.parameters
        weights = np.ones(np.shape(primitive.function(*sample.operands, **parameters)))

        def f(operands: Any, p: Any = primitive, q: Any = parameters, w: Any = weights) -> Any:
            return autodiff.sum(p(*operands, **q) * w)

        with np.errstate(all="ignore"):
            found = derivation(f, [np.asarray(x, float) for x in sample.operands], shapes=True)
        assert "np." not in found.text
        render(found.latex)


@pytest.mark.parametrize("name", sorted(p.name for p in MASKS))
def test_every_mask_is_written(name: str) -> None:
    mask = ALL[name]

    def f(x: Any, y: Any) -> Any:
        a, b = x > 0.0, y > 0.0
        chosen = (
            mask(a) if name == "logical_not" else mask(a, b) if "logical" in name else mask(x, y)
        )
        return np.sum(np.where(chosen, x, y))

    found = derivation(f, np.ones(3), np.zeros(3))
    assert "np." not in found.text
    render(found.latex)


@given(programs())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_programs_are_written(case: Any) -> None:
    f, leaves = as_function(case)

    with np.errstate(all="ignore"):
        found = derivation(f, leaves)
    assert "np." not in found.text
    render(found.latex)


@given(st.text(st.characters(max_codepoint=0x24F), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_names_never_unbalance_latex(key: str) -> None:
    render(derivation(lambda p: np.sum(p[key] * p[key]), {key: np.ones(2)}).latex)


def test_brackets_are_those_that_are_needed() -> None:
    def f(a: Any, b: Any, c: Any, d: Any) -> Any:
        first = (a + b) * c - (a - (b - c))
        second = -(d + 1.0) * 2.0
        third = (-d) ** 3.0
        return first * second * third

    lines = derivation(f, 1.0, 2.0, 3.0, 4.0).text.splitlines()
    assert lines[0] == "first  = (a + b) · c - (a - (b - c))"
    assert lines[1] == "second = -(d + 1) · 2"
    assert lines[2] == "third  = (-d)^3"


def test_sums_powers_and_signs_have_their_brackets() -> None:
    found = derivation(lambda x: x * -2.0, 2.0)
    assert "x · (-2)" in found.text
    render(found.latex)

    def g(x: Any, A: Any) -> Any:
        return x * np.sum(A) ** 2.0

    assert "(Σ A)^2" in derivation(g, 2.0, np.ones((2, 2))).text
    assert "(Aᵀ 1)^2" in derivation(g, 2.0, np.ones(2)).text
    for h in (
        lambda A: np.sum(A.T**2.0),
        lambda A: np.sum(np.sum(A.T, axis=0) ** 3.0),
        lambda A: np.sum(1e-7**A),
        lambda A: np.sum(A * -2.0),
    ):
        render(derivation(h, np.ones((2, 3))).latex)


def test_a_gradient_of_zero_is_an_equation_too() -> None:
    text = composed(derivation(lambda x, y: x * x, 2.0, 3.0, argnums=(0, 1)).text)
    assert composed("ȳ    = 0") in text.splitlines()


def test_names_of_underscores() -> None:
    def f(__a: Any, _: Any) -> Any:
        return __a * _

    render(derivation(f, 1.0, 2.0, argnums=(0, 1)).latex)


def test_a_negative_number_that_is_added_is_subtracted() -> None:
    def f(b: Any) -> Any:
        return np.sum(b * (b + -1.0))

    text = source(f, np.ones(3))
    assert "b - 1" in text
    assert "+ -" not in text
    assert "+ -" not in derivation(f, np.ones(3)).text
