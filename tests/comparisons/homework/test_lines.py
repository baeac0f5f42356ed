"""The line of a mistake, where more than one line holds the numbers that it gave."""

import numpy as np
import pytest

from comparisons import check_backprop
from comparisons.homework.checking import Task

CODE = """
import numpy as np

def backprop(X, t, params):
    hidden = np.tanh(X @ params["U"])
    first = (hidden @ params["w"] - t) / len(t)
    second = np.outer(first, params["w"])
    third = second{slope}
    return {{"U": X.T @ third, "w": hidden.T @ first}}
"""


def loss(params, X, t):
    H = np.tanh(X @ params["U"])
    y = H @ params["w"]
    return 0.5 * np.mean((y - t) ** 2)


def problem(rng):
    params = {"U": rng.standard_normal((3, 4)), "w": rng.standard_normal(4)}
    return rng.standard_normal((7, 3)), rng.standard_normal(7), params


@pytest.mark.parametrize("slope", ["", " * 1", " * (1 - hidden)"])
def test_a_line_that_is_right_is_not_the_one_that_passed_its_numbers_on(tmp_path, slope):
    path = tmp_path / "submission.py"
    path.write_text(CODE.format(slope=slope))
    space = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    assert check_backprop(space["backprop"], Task(loss, problem)).lines == [
        f"This is your line 8: third = second{slope}."
    ]
