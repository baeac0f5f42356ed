"""Constant factors and their names: in words, in code, and as numbers."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.check.ratio import Factor, constant_factor, first_fitting, fraction, powers, share

LENGTHS = {"N": 500, "H": 30}
RIGHT = np.array([[0.3, 0.0], [-2.0, 1e-7]])


def found(yours: Any, right: Any, lengths: dict[str, int]) -> Factor:
    factor = constant_factor(yours, right, lengths)
    assert factor is not None
    return factor


@pytest.mark.parametrize(
    ("k", "words", "code"),
    [
        (-1.0, "the opposite sign", "-1"),
        (1.0, "exactly 1 times", "1"),
        (0.0, "exactly 0 times", "0"),
        (2.0, "exactly 2 times", "2"),
        (-2.0, "exactly minus 2 times", "-2"),
        (12.0, "exactly 12 times", "12"),
        (0.5, "exactly 1/2 of", "0.5"),
        (-0.75, "exactly minus 3/4 of", "-0.75"),
        (500.0, "exactly N times, with N = 500", "N"),
        (-500.0, "exactly minus N times, with N = 500", "-N"),
        (1 / 500, "exactly 1/N of, with N = 500", "(1 / N)"),
        (-1 / 500, "exactly minus 1/N of, with N = 500", "-(1 / N)"),
        (500.0**2, "exactly N^2 times, with N = 500", "N**2"),
        (1 / 500**2, "exactly 1/N^2 of, with N = 500", "(1 / N**2)"),
        (1000.0, "exactly 2 * N times, with N = 500", "2 * N"),
        (-1 / 1000, "exactly minus 1/2 * 1/N of, with N = 500", "-0.5 * (1 / N)"),
        (1 / 30, "exactly 1/H of, with H = 30", "(1 / H)"),
        (13.0, "13 times", "13"),
        (1.23456, "1.23456 times", "1.23456"),
        (-0.001234567, "-0.00123457 times", "-0.00123457"),
        (1.000001, "1.000001 times", "1"),
    ],
)
def test_a_factor_in_words_in_code_and_as_a_number(k: float, words: str, code: str) -> None:
    factor = found(k * RIGHT, RIGHT, LENGTHS)
    assert factor.words == words
    assert factor.code == code
    assert float(factor) == pytest.approx(k, rel=1e-15)
    assert factor.is_named == words.startswith(("exactly", "the opposite"))


@pytest.mark.parametrize(
    ("yours", "right"),
    [
        ([1.0, 2.0], [1.0, 1.0]),
        ([0.0, 2.0], [1.0, 1.0]),
        ([1.0, 2.0], [0.5, 0.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([1.0, np.nan], [1.0, 1.0]),
        ([2.0, 2.0 + 1e-8], [1.0, 1.0]),
        ([], []),
    ],
)
def test_no_factor_where_the_ratio_is_not_constant(yours: list[float], right: list[float]) -> None:
    assert constant_factor(yours, right, {"N": 2}) is None


@given(
    st.sampled_from([1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2)]),
    st.sampled_from([1, -1, 2, -2]),
    st.integers(41, 1000),
)
def test_multiples_of_powers_of_a_length_are_found(times: Any, power: int, n: int) -> None:
    expected = Factor(Fraction(times), "N", n, power)
    assert found(float(times) * float(n) ** power, 1.0, {"N": n}) == expected
    assert expected in powers("N", n)
    assert eval(expected.code, {"N": n}) == pytest.approx(float(expected), rel=1e-15)


def test_a_length_is_named_only_where_no_fraction_says_as_much() -> None:
    assert found(8.0, 1.0, {"N": 8}).words == "exactly 8 times"
    assert found(4.0, 1.0, {"N": 2}).words == "exactly 4 times"
    assert found(1.0, 1.0, {"N": 1}).words == "exactly 1 times"
    assert found(13.0, 1.0, {"N": 0}).words == "13 times"
    assert not powers("N", 2)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_nothing_fits_is_itself(x: float) -> None:
    factor = first_fitting(x, [], 1e-9)
    assert float(factor) == x
    assert factor.fits(x, 0.0)


@given(st.integers(3, 1000), st.integers(1, 40), st.sampled_from([-1.0, 1.0]))
def test_a_share_of_a_length(length: int, k: int, sign: float) -> None:
    found = share(sign * length / k, "N", length)
    assert found == Factor(Fraction(int(sign), k), "N", length, 1)
    assert found.fits(sign * length / k, 1e-14)


def test_the_first_that_fits_is_taken() -> None:
    candidates = [*powers("N", 10), fraction(20.0), share(20.0, "N", 10)]
    assert first_fitting(20.0, candidates, 1e-9).code == "2 * N"
    assert first_fitting(20.0, candidates[-2:], 1e-9).code == "20"
    assert first_fitting(20.0 + 1e-6, candidates, 1e-9).code == "20"
    assert float(first_fitting(20.0 + 1e-6, candidates, 1e-9)) == 20.0 + 1e-6
    assert float(share(0.0, "N", 10)) == 10.0
