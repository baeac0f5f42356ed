"""Equations in spoken words."""

import unicodedata

import pytest

from comparisons.page.words import words


@pytest.mark.parametrize(
    ("equation", "spoken"),
    [
        ("Ḡ = H̄ ⊙ (1 - H ⊙ H)", "G bar equals H bar times, element by element, 1 minus H squared"),
        ("z = H W + c", "z equals H times W plus c"),
        ("z̄ = 1 / 8 · (σ(z) - t)", "z bar equals 1 over 8 times, sigma of z minus t"),
        ("Ū = Ḡᵀ X", "U bar equals G bar transposed times X"),
        ("b̄ = Ḡᵀ 1", "b bar equals G bar summed over the rows"),
        (
            "x = √(a + b) · c",
            "x equals the square root of open bracket a plus b close bracket times c",
        ),
        ("v̄₃ = -exp(v₁) + 2", "v 3 bar equals minus exp of v 1 plus 2"),
        ("u = (a + b) / (c - d)", "u equals open bracket a plus b close bracket over, c minus d"),
        ("y = H ⊙ Hᵀ", "y equals H times, element by element, H transposed"),
        ("y = A ⊙ A²", "y equals A times, element by element, A squared"),
    ],
)
def test_what_is_written_is_said(equation: str, spoken: str) -> None:
    left, right = unicodedata.normalize("NFD", equation).split(" = ")
    assert words(left, right) == spoken
