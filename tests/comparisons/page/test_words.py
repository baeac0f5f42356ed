"""Equations in spoken words."""

import unicodedata

import pytest

from comparisons.page.words import words

ENTRIES = {
    "ū_jk = Σ_i ḡ_ij x_ik": "u bar at j, k equals the sum over i of g bar at i, j times x at i, k",
    "z̄_i = (1/N) (σ(z_i) - t_i)": "z bar at i equals 1 over N times, sigma of z at i minus t at i",
    "v₁_i = max_j first_h_ij": "v 1 at i equals the maximum over j of first_h at i, j",
    "s = log Σ_i exp(x_i)": "s equals the logarithm of the sum over i of exp of x at i",
    "p̄_ij = [t_i = j] v₄_i": "p bar at i, j equals 1 if t at i equals j, else 0, times v 4 at i",
    "y_i = v_(2i+k) w_0": "y at i equals v at open bracket 2i plus k close bracket times w at 0",
    "y_i = (x_0 if i < 3, else x_i)": "y at i equals, x at 0 if i is less than 3, else x at i",
    "y_i = x_(⌊i/2⌋, i mod 2)": "y at i equals x at the floor of i over 2, i modulo 2",
}


@pytest.mark.parametrize("equation", ENTRIES)
def test_an_entry_is_said_with_its_indices(equation: str) -> None:
    left, right = unicodedata.normalize("NFD", equation).split(" = ", 1)
    assert words(left, right, letters="ijk") == ENTRIES[equation]


@pytest.mark.parametrize(
    ("equation", "spoken"),
    [
        ("s = Σ X", "s equals the sum of X"),
        ("Σ = A Σ - b", "Σ equals A times Σ minus b"),
        ("y_i = x_i", "y_i equals x_i"),
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
