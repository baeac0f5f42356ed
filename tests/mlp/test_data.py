"""The tutorial's data: equal to a plain loop, and to the figures of the tutorial's own run."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import GOLDEN

from mlp import initial_parameters, make_dataset, tutorial_problem
from mlp.data import check_shapes

SEEDS = st.integers(0, 2**32 - 1)


def point_by_point(num_points, rng):
    X, t = [], []
    positives = num_points // 2
    for i in range(num_points):
        positive = i < positives
        r = rng.uniform(0, 2.5) if positive else rng.uniform(3.5, 5)
        angle = rng.uniform(0, 2 * math.pi)
        X.append([r * math.sin(angle), r * math.cos(angle)])
        t.append(int(positive))
    return X, t


@given(st.integers(1, 60), SEEDS)
def test_dataset_equals_a_loop_to_the_last_bit(num_points, seed):
    X, t = make_dataset(num_points, seed)
    expected = point_by_point(num_points, np.random.RandomState(seed))
    assert X.dtype == np.float64
    assert t.dtype.kind == "i"
    assert (X.tolist(), t.tolist()) == expected


@given(st.integers(1, 60), st.integers(1, 9), SEEDS)
def test_generators_are_used_as_they_are_and_advance(num_points, hidden, seed):
    for make in (np.random.RandomState, np.random.default_rng):
        ours, theirs = make(seed), make(seed)
        X, t = make_dataset(num_points, ours)
        assert (X.tolist(), t.tolist()) == point_by_point(num_points, theirs)
        params = initial_parameters(hidden, ours)
        np.testing.assert_array_equal(params["U"], theirs.standard_normal((hidden, 2)))
        np.testing.assert_array_equal(params["W"], theirs.standard_normal(hidden))
        assert ours.uniform() == theirs.uniform()


def test_the_tutorials_run():
    X, t, params = tutorial_problem()
    data = GOLDEN["data"]
    assert list(X.shape) == data["shape"]
    np.testing.assert_allclose(X[:3], data["first_rows"], rtol=1e-15)
    np.testing.assert_allclose(X[-3:], data["last_rows"], rtol=1e-15)
    np.testing.assert_allclose(X.sum(axis=0), data["sum"], rtol=1e-13)
    assert t.sum() == data["labels_sum"]
    assert list(params) == ["U", "b", "W", "c"]
    for name, expected in GOLDEN["initial_parameters"].items():
        assert np.shape(params[name]) == np.shape(expected)
        np.testing.assert_allclose(params[name], expected, rtol=1e-15)


@given(st.integers(1, 60), st.integers(1, 9), SEEDS)
def test_a_problem_is_data_and_then_parameters_of_one_stream(num_points, hidden, seed):
    X, t, params = tutorial_problem(num_points, hidden, seed)
    rng = np.random.RandomState(seed)
    expected_X, expected_t = make_dataset(num_points, rng)
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(t, expected_t)
    for name, expected in initial_parameters(hidden, rng).items():
        np.testing.assert_array_equal(params[name], expected)
    check_shapes(X, t, params)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make_dataset(0), ValueError, "num_points must be at least 1, not 0"),
        (lambda: make_dataset(5.0), TypeError, "num_points must be an integer, not 5.0"),
        (lambda: make_dataset(True), TypeError, "num_points must be an integer, not True"),
        (lambda: initial_parameters(0), ValueError, "hidden must be at least 1, not 0"),
        (lambda: initial_parameters("3"), TypeError, "hidden must be an integer, not '3'"),
        (lambda: make_dataset(5, -1), ValueError, "a seed must be from 0 to"),
        (lambda: make_dataset(5, 2**32), ValueError, "a seed must be from 0 to"),
        (lambda: make_dataset(5, 0.5), TypeError, "rng must be an integer seed, a np.random.Ra"),
        (lambda: initial_parameters(3, None), TypeError, "rng must be an integer seed"),
        (lambda: tutorial_problem(seed="0"), TypeError, "seed must be an integer, not '0'"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
