"""The line of a mistake, and what the code calls the adjoint that it is in."""

import numpy as np
import pytest

from comparisons import check_backprop
from comparisons.homework.checking import Task, check_file

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


OVER_LINES = """
import numpy as np

def backprop(X, t, params):
    N = len(t)
    hidden = np.tanh(X @ params["U"])
    grad_y = (  # times N
        hidden @ params["w"]
        - t
    )
    grad_H = np.outer(grad_y, params["w"])
    grad_G = (
        grad_H
        * {slope}
    )
    return {{
        "U": {U},
        "w": {w},
    }}
"""
RIGHT = {"slope": "(1 - hidden**2)", "U": "X.T @ grad_G / N", "w": "hidden.T @ grad_y / N"}


def checked(tmp_path, code, **wrong):
    path = tmp_path / "submission.py"
    path.write_text(code.format(**{**RIGHT, **wrong}))
    return check_file(path, task=Task(loss, problem))


def test_a_statement_over_several_lines_is_shown_as_a_whole(tmp_path):
    assert checked(tmp_path, OVER_LINES).ok
    check = checked(tmp_path, OVER_LINES, slope="(1 - hidden)")
    assert check.lines == ["This is your line 12: grad_G = grad_H * (1 - hidden)."]


@pytest.mark.parametrize(("name", "line"), [("U", 17), ("w", 18)])
def test_an_entry_of_a_dict_that_is_returned_has_a_line_of_its_own(tmp_path, name, line):
    wrong = RIGHT[name].replace("grad_G", "(2 * grad_G)").replace("grad_y", "(2 * grad_y)")
    check = checked(tmp_path, OVER_LINES, **{name: wrong})
    assert check.wrong == [name]
    (said,) = check.lines
    assert said.startswith(f"This is your line {line}: ")
    assert f"n your gradient in {name}, there is a factor 2" in " ".join(check.hint())


def test_what_is_only_collected_in_a_dict_may_be_wrong_in_another_line(tmp_path):
    columns = "{{j: h @ grad_y for j, h in enumerate(hidden.T**2)}}"
    code = OVER_LINES.replace("    return", f"    columns = {columns}\n    return")
    check = checked(tmp_path, code, w="np.array([*columns.values()]) / N")
    assert check.wrong == ["w"]
    assert not any(line.startswith("This is your") for line in check.lines)


def test_numbers_in_a_list_are_seen_together(tmp_path):
    code = OVER_LINES.replace(
        "    return", "    columns = [h @ grad_y for h in hidden.T**2]\n    return"
    )
    check = checked(tmp_path, code, w="np.array(columns) / N")
    (line,) = check.lines
    assert line.startswith("This is your")
    assert "columns = [" in line


CENTRED = """
import numpy as np

def backprop(X, t, params):
    Z = X @ params["w"]
    D = Z - np.mean(Z)
    N, scale = len(t), 1 / np.sqrt(np.mean(D**2) + 1.0)
    y_bar = 2 * (D * scale - t) / N
    v_bar = np.sum(y_bar * D) * -0.5 * scale**3
    m_bar = -np.sum(y_bar) * scale
    Z_bar = y_bar * scale + v_bar * 2 * D{share} + m_bar / N
    return {{"w": X.T @ Z_bar}}
"""


def centred(params, X, t):
    Z = X @ params["w"]
    D = Z - np.mean(Z)
    v = np.mean(D**2)
    y = D / np.sqrt(v + 1.0)
    return np.mean((y - t) ** 2)


def regression(rng):
    return rng.standard_normal((7, 3)), rng.standard_normal(7), {"w": rng.standard_normal(3)}


def test_a_line_whose_number_does_not_change_is_not_that_of_the_mistake(tmp_path):
    """D adds up to 0, so that m_bar is the same with and without 1/N in the adjoint of D."""
    path, task = tmp_path / "submission.py", Task(centred, regression)
    path.write_text(CENTRED.format(share=" / N"))
    assert check_file(path, task=task).ok
    path.write_text(CENTRED.format(share=""))
    (line,) = check_file(path, task=task).lines
    assert "Z_bar = " in line


def test_the_names_of_the_code_lead_with_what_they_stand_for(tmp_path):
    check = checked(tmp_path, OVER_LINES, slope="(1 - hidden)")
    said = check.hint()[1]
    assert said.startswith("Your grad_H is right; in your grad_G (N times the adjoint of ")
    assert "H_bar is 1 / N times your grad_H" in said
    assert "H is your hidden" in said
    assert check.mistakes[0]["written"].endswith("= H_bar * (1 - H)")
    assert "your grad_G (N times" in check.hint(2)[1]
    assert check.hint(2)[2] == check.lines[0]
