"""The pictures show the numbers that they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from mlp import by_hand, plots, tutorial_problem

X, T, PARAMS = tutorial_problem(31, hidden=3, seed=1)
PARAMS["b"] += np.array([0.5, -1.0, 2.0])
PARAMS["W"] *= 5.0


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.plot_data(X, T, ax),
        lambda ax: plots.plot_decision_surface(by_hand.forward, PARAMS, ax),
        lambda ax: plots.plot_hidden_lines(PARAMS, ax),
        lambda ax: plots.plot_loss([3.0, 2.0, 1.0], ax),
    ],
)
def test_draws_on_given_or_new_axes(draw):
    given = plt.subplots()[1]
    assert draw(given) is given
    new = draw(None)
    assert isinstance(new, Axes)
    assert new is not given
    assert new.get_xlabel()
    assert new.get_ylabel()
    new.figure.canvas.draw()


def test_data():
    ax = plots.plot_data(X.tolist(), T.tolist())
    drawn = {c.get_label(): c.get_offsets() for c in ax.collections}
    np.testing.assert_array_equal(drawn["$t = 1$"], X[T == 1])
    np.testing.assert_array_equal(drawn["$t = 0$"], X[T == 0])
    ones, zeros = (c for c in ax.collections if isinstance(c, PathCollection))
    assert ones.get_paths()[0].vertices.shape != zeros.get_paths()[0].vertices.shape
    assert ax.get_aspect() == 1.0
    assert ax.get_xlim() == ax.get_ylim() == (-6.0, 6.0)
    with pytest.raises(ValueError, match=r"drawn, not \(31, 2\) and \(31, 1\)"):
        plots.plot_data(X, T[:, None])


def test_decision_surface():
    ax = plots.plot_decision_surface(lambda X, p: by_hand.forward(X, p).tolist(), PARAMS)
    (surface,) = ax.images
    left, right, bottom, top = surface.get_extent()
    shown = np.asarray(surface.get_array())
    for row, column in ((0, 0), (5, 170), (-1, -1), (100, 20)):
        down, across = (np.arange(200)[[row, column]] + 0.5) / 200
        middle = np.array([[left + across * (right - left), bottom + down * (top - bottom)]])
        (y,) = by_hand.forward(middle, PARAMS)
        np.testing.assert_allclose(shown[row, column], y, rtol=1e-9)
    assert surface.origin == "lower"
    assert surface.get_clim() == (0.0, 1.0)
    assert ax.get_xlim() == ax.get_ylim() == (-6.0, 6.0)
    boundary = ax.collections[-1].get_paths()[0].vertices
    assert len(boundary) > 50
    np.testing.assert_allclose(by_hand.forward(boundary, PARAMS), 0.5, atol=5e-3)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["$y = 1/2$"]


def test_hidden_lines_are_where_the_units_change_sign():
    ax = plots.plot_hidden_lines(PARAMS)
    assert len(ax.lines) == 3
    for line, u, b_j in zip(ax.lines, PARAMS["U"], PARAMS["b"]):
        for point in (line.get_xy1(), line.get_xy2()):
            assert u @ point + b_j == pytest.approx(0.0, abs=1e-12)
    assert len(ax.get_legend().get_texts()) == 3


def test_hidden_units_without_a_line_and_many_of_them():
    ax = plots.plot_hidden_lines({"U": np.zeros((2, 2)), "b": np.ones(2)})
    assert len(ax.lines) == 0
    assert ax.get_legend() is None
    ax = plots.plot_hidden_lines({"U": np.ones((9, 2)), "b": np.arange(9.0)})
    assert len(ax.lines) == 9
    assert len(ax.get_legend().get_texts()) == 1


def test_loss():
    ax = plots.plot_loss(np.array([3.0, 2.0, 1.0]))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [3.0, 2.0, 1.0])
    assert ax.get_ylim()[0] == 0.0
