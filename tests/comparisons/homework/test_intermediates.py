"""The adjoints in the variables of somebody's file."""

import json

import pytest
from places import ROOT

from comparisons import cli
from comparisons.diagnosis.adjoints import Status
from comparisons.homework.intermediates import check_intermediates

LETTERS = ROOT / "docs" / "examples" / "letters.py"
RIGHT = """
import numpy as np

def backprop(X, t, params):
    H = np.tanh(X @ params["U"].T + params["b"])
    y = 1 / (1 + np.exp(-(H @ params["W"] + params["c"])))
    dz = (y - t) / len(t)
    dL_dH = dz[:, None] * params["W"]
    G_bar = dL_dH * (1 - H**2)
    return {"U": G_bar.T @ X, "b": G_bar.sum(axis=0), "W": H.T @ dz, "c": dz.sum()}
"""


@pytest.fixture
def written(tmp_path):
    def write(*edits):
        code = RIGHT
        for old, new in edits:
            assert code.count(old) == 1
            code = code.replace(old, new)
        path = tmp_path / "homework.py"
        path.write_text(code, encoding="utf-8")
        return path

    return write


def statuses(check, *wanted):
    return [row.name for row in check.rows if row.status in wanted]


def test_variables_with_the_names_of_adjoints_are_looked_at(written):
    check = check_intermediates(written())
    assert check.ok
    names = ["z_bar", "W_bar", "c_bar", "H_bar", "G_bar", "U_bar", "b_bar"]
    assert statuses(check, Status.EXACT, Status.RIGHT) == names


def test_a_forward_variable_is_no_adjoint(written):
    check = check_intermediates(written(("dL_dH = ", "E = "), ("dL_dH * ", "E * ")))
    assert statuses(check, Status.NOT_GIVEN) == ["H_bar"]
    assert check.ok


def test_the_last_value_of_a_variable_counts(written):
    later = ("G_bar = dL_dH * (1 - H**2)", "G_bar = dL_dH\n    G_bar = G_bar * (1 - H**2)")
    assert check_intermediates(written(later)).ok
    missing = ("G_bar = dL_dH * (1 - H**2)", "G_bar = dL_dH\n    G_bar = G_bar * (1 - H)")
    assert statuses(check_intermediates(written(missing)), Status.WRONG) == ["G_bar"]


def test_one_over_n_may_be_put_in_at_the_end(written):
    late = written(
        ("(y - t) / len(t)", "y - t"),
        ("G_bar.T @ X", "G_bar.T @ X / len(t)"),
        ("G_bar.sum(axis=0)", "G_bar.mean(axis=0)"),
        ("H.T @ dz", "H.T @ dz / len(t)"),
        ("dz.sum()", "dz.mean()"),
    )
    assert check_intermediates(late).ok
    forgotten = check_intermediates(written(("(y - t) / len(t)", "y - t")))
    assert statuses(forgotten, Status.WRONG) == ["z_bar"]
    assert len(statuses(forgotten, Status.FOLLOWS)) == 6


def test_the_adjoint_of_one_example_in_a_loop_is_passed_over(written):
    loop = (
        '    dL_dH = dz[:, None] * params["W"]\n',
        "    dL_dH = np.zeros(H.shape)\n    for i in range(len(t)):\n        H_bar = dz[i] * "
        'params["W"]\n        dL_dH[i] = H_bar\n',
    )
    check = check_intermediates(written(loop))
    assert check.ok


def test_the_example_is_right_and_the_command_says_so(capsys):
    arguments = ["check", str(LETTERS), "--loss", str(LETTERS), "--intermediates"]
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert stop.value.code == 0
    assert len(lines) == 27
    assert all("right" in line for line in lines[2:])


def test_the_command_exits_with_1_for_wrong_and_2_for_not_checked(written, capsys):
    path = str(written(("(1 - H**2)", "(1 - H)")))
    with pytest.raises(SystemExit) as stop:
        cli.main(["check", path, "--intermediates", "--json"])
    assert stop.value.code == 1
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["G_bar"]["status"] == "wrong"
    assert rows["U_bar"]["because"] == ["G_bar"]
    path = str(written(("(1 - H**2)", "(1 - K**2)")))
    with pytest.raises(SystemExit) as stop:
        cli.main(["check", path, "--intermediates"])
    assert stop.value.code == 2
    assert "K" in capsys.readouterr().err
