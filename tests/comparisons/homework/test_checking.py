"""Checks of a hand-written backprop: verdicts, hints, exit statuses, what does not matter."""

import builtins
import io
import json
import os
import re
import signal
import sys
import types
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from places import ROOT
from rich.console import Console

from comparisons.cli import main
from comparisons.homework import grading
from comparisons.homework.checking import Check, Task, check_backprop, check_file, problem
from mlp import by_hand, compiled, engine

MISTAKES = ROOT / "docs" / "mistakes"
CODE = (MISTAKES / "slope_at_G.py").read_text(encoding="utf-8")
WRONG, RIGHT = "1 - G * G", "1 - H * H"


def wrong_slope(X, t, params):
    grads, loss = by_hand.backprop(X, t, params)
    bars = by_hand.adjoints(X, t, params)
    G = X @ params["U"].T + params["b"]
    G_bar = bars["H_bar"] * (1 - G * G)
    return {**grads, "U": G_bar.T @ X, "b": G_bar.sum(axis=0)}, loss


@pytest.mark.parametrize("backprop", [by_hand.backprop, engine.backprop, compiled.backprop])
def test_the_ways_of_the_project_are_right(backprop):
    check = check_backprop(backprop)
    assert check.ok
    assert check
    assert (check.score, check.status, check.wrong, check.mistakes) == (1.0, 0, [], [])
    check.assert_ok()


def test_the_engine_is_recognised_and_not_forbidden():
    assert any(
        "autodiff" in note or "engine" in note for note in check_backprop(engine.backprop).notes
    )


def test_a_wrong_one_raises_with_the_diagnosis():
    check = check_backprop(wrong_slope)
    assert (check.score, check.status, check.wrong) == (0.5, 1, ["U", "b"])
    assert check.mistakes[0]["kind"] == "slope at the wrong place"
    assert check.mistakes[0]["equation"] == "G_bar"
    assert check.lines[0].rstrip(".").endswith(': G_bar = bars["H_bar"] * (1 - G * G)')
    with pytest.raises(AssertionError, match="the slope was taken at G") as error:
        check.assert_ok()
    assert str(error.value) == str(check) == repr(check)


def test_hints_say_more_step_by_step_and_the_solution_last():
    check = check_backprop(wrong_slope)
    levels = [check.text(hint) for hint in range(4)]
    assert levels[0].startswith("wrong_slope is wrong.")
    assert "U" not in levels[0].replace("U, b", "")
    assert "The gradients in U and b are wrong; those in W and c are right." in levels[1]
    assert "G_bar" not in levels[1]
    assert "Look at the equation of your G_bar." in levels[2]
    assert "This is your line" in levels[2]
    for solution in ("1 - H", "tanh", "the slope"):
        assert not any(solution in text for text in levels[:3])
    assert RIGHT in levels[3]
    assert WRONG in levels[3]


def test_the_table_has_for_each_parameter_what_was_claimed_and_what_is_right():
    check = check_backprop(wrong_slope)
    head, _, *rows = check.text().split("\n\n")[1].splitlines()
    columns = ["gradient in", "verdict", "difference", "worst at", "yours", "engine", "ratio"]
    assert re.split(" {2,}", head) == columns
    table = {row[0]: row for row in (re.split(" {2,}", line) for line in rows)}
    assert {name: row[1] for name, row in table.items()} == {
        "U": "wrong", "b": "wrong", "W": "right", "c": "right",
    }  # fmt: skip
    drawn = Task.load(None).drawn(seed=0)
    for name in ("U", "b"):
        *_, place, yours, right, ratio = table[name]
        index = tuple(map(int, re.findall(r"\d+", place)))
        pairs = [
            [backprop(X, t, params)[0][name][index] for backprop in (wrong_slope, engine.backprop)]
            for params, (X, t) in drawn
        ]
        assert [yours, right, ratio] in [[f"{x:.6g}" for x in (a, b, a / b)] for a, b in pairs]
    head, _, *rows = check.text(hint=1).split("\n\n")[1].splitlines()
    assert [line.split() for line in rows] == [row[:2] for row in table.values()]
    assert "gradient in" not in check.text(hint=0)


def test_the_text_is_plain_wherever_it_is_made(monkeypatch):
    """In Jupyter rich would display the table at once; with FORCE_COLOR it would colour it."""
    check, shown = check_backprop(wrong_slope), []
    plain = check.text()
    monkeypatch.setattr(Console, "_environ", {"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert check.text() == plain
    shell = type("ZMQInteractiveShell", (), {})
    monkeypatch.setattr(builtins, "get_ipython", shell, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=shown.append))
    assert str(check) == plain
    assert shown == []
    assert "\x1b" not in plain


@pytest.mark.parametrize("hint", range(3))
def test_json_says_no_more_than_the_hint(hint):
    text = json.dumps(check_backprop(wrong_slope).to_dict(hint))
    assert RIGHT not in text
    assert "the slope" not in text
    params, (X, t) = Task.load(None).drawn(seed=0)[0]
    for gradient in engine.backprop(X, t, params)[0].values():
        assert all(f"{x:.5g}" not in text for x in np.ravel(gradient))


def test_a_wrong_loss_is_wrong_and_named():
    def summed(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return grads, loss * len(X)

    check = check_backprop(summed)
    assert (check.ok, check.score, check.wrong) == (False, 1.0, [])
    assert "The loss is wrong" in check.text()
    assert check.loss.endswith(", exactly 11 times.")


def test_gradients_that_are_true_to_a_wrong_loss_are_recognised():
    check = check_file(MISTAKES / "summed_loss.py")
    assert "Your gradients are those of your loss" in check.loss


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="must be a function, not dict"):
        check_backprop({})


def test_what_raises_could_not_be_checked():
    def broken(X, t, params):
        return params["V"]

    check = check_backprop(broken)
    assert (check.status, check.ok, check.score) == (2, False, 0.0)
    assert "could not be checked" in check.text()
    with pytest.raises(AssertionError, match="KeyError"):
        check.assert_ok()


def test_nan_is_wrong():
    def nan(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return {**grads, "W": grads["W"] * np.nan}, loss

    check = check_backprop(nan)
    assert check.wrong == ["W"]
    assert "NaN" in check.text()
    json.dumps(check.to_dict())


def test_noise_is_said():
    rng = np.random.default_rng(0)

    def noisy(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return {k: g + rng.normal(size=np.shape(g)) for k, g in grads.items()}, loss

    check = check_backprop(noisy)
    assert not check.ok
    assert any("second call" in note for note in check.notes)


def test_a_second_call_at_the_first_point_counts():
    calls = []

    def wrong_at_last(X, t, params):
        calls.append(1)
        grads, loss = by_hand.backprop(X, t, params)
        return {k: g if len(calls) < 4 else 2 * g for k, g in grads.items()}, loss

    check = check_backprop(wrong_at_last)
    assert check.wrong == ["U", "b", "W", "c"]
    assert [slip["kind"] for slip in check.mistakes] == ["state kept between calls"]


def test_where_calls_differ_the_first_is_explained():
    total = {}

    def accumulated(X, t, params):
        grads, loss = wrong_slope(X, t, params)
        for name, gradient in grads.items():
            total[name] = total.get(name, 0) + gradient
        return dict(total), loss

    check = check_backprop(accumulated)
    assert [slip["equation"] for slip in check.mistakes] == ["G_bar"]
    assert check.wrong == ["U", "b"]


@pytest.mark.parametrize(
    ("rounded", "notes"),
    [
        (np.float32, ["Gradients are in float32, which keeps 6 digits."]),
        (lambda x: np.float64(np.float32(x)), ["The gradients are off by"]),
    ],
)
def test_what_is_coarse_is_right_and_it_is_said_once(rounded, notes):
    def backprop(X, t, params):
        H = np.tanh(X @ params["U"].T + params["b"])
        z_bar = (1 / (1 + np.exp(-(H @ params["W"] + params["c"]))) - t) / len(X)
        G_bar = np.outer(z_bar, params["W"]) * (1 - H * H)
        grads = {"U": G_bar.T @ X, "b": G_bar.sum(0), "W": H.T @ z_bar, "c": z_bar.sum()}
        return {name: rounded(x) for name, x in grads.items()}

    check = check_backprop(backprop)
    assert check.ok
    assert len(check.notes) == len(notes)
    assert all(map(str.startswith, check.notes, notes))


def test_nan_at_every_call_hides_no_other_mistake():
    """Calls that give NaN in the same places give the same: all points are compared."""
    first = []

    def nan(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        first.append(X)
        b = grads["b"] if np.array_equal(X, first[0]) else 2 * grads["b"]
        return {**grads, "W": grads["W"] * np.nan, "b": b}, loss

    assert check_backprop(nan).wrong == ["b", "W"]


def test_the_points_make_mistakes_visible():
    for seed in range(50):
        X, t, params = problem(np.random.default_rng(seed))
        G = X @ params["U"].T + params["b"]
        assert set(t) == {0, 1}
        assert min(params["W"]) < 0 < max(params["W"])
        assert np.all(params["b"] != 0.0)
        assert 0.3 < np.median(abs(G)) < 2.0
    assert check_backprop(by_hand.backprop).diagnosis.warnings == []


def test_every_seed_gives_the_same_diagnosis():
    for seed in range(20):
        check = check_backprop(wrong_slope, seed=seed)
        assert [slip["equation"] for slip in check.mistakes] == ["G_bar"], seed


# The command.


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(tmp_path)


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(args)
    return stop.value.code, *capsys.readouterr()


def test_check_exits_with_0_1_or_2(capsys, tmp_path):
    Path("right.py").write_text(CODE.replace(WRONG, RIGHT))
    Path("wrong.py").write_text(CODE)
    Path("broken.py").write_text(CODE + "\nimport nothing_like_this\n")
    Path("none.py").write_text("x = 1\n")
    assert run(capsys, "check", "right.py")[0] == 0
    status, out, _ = run(capsys, "check", "wrong.py")
    assert status == 1
    assert "your line 26: G_bar = H_bar * (1 - G * G)" in out
    assert run(capsys, "check", "none.py")[0] == 2
    assert run(capsys, "check", "missing.py")[0] == 2
    status, out, _ = run(capsys, "check", "broken.py")
    assert status == 1
    assert "nothing_like_this" in out


def test_check_gives_json_and_hints(capsys):
    Path("wrong.py").write_text(CODE)
    status, out, _ = run(capsys, "check", "wrong.py", "--json", "--hint", "2")
    found = json.loads(out)
    assert status == 1
    assert found["mistakes"] == [{"equation": "G_bar"}]
    assert found["per_parameter"]["W"] == {"verdict": "right"}


def test_check_takes_another_function_and_a_notebook(capsys):
    Path("two.py").write_text(CODE.replace("def backprop(", "def mine("))
    assert run(capsys, "check", "two.py:mine")[0] == 1
    cells = [{"cell_type": "code", "source": ["%matplotlib inline\n", *CODE.splitlines(True)]}]
    Path("notebook.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    status, out, _ = run(capsys, "check", "notebook.ipynb")
    assert status == 1
    assert "the slope was taken at G" in out


OTHER = """
import numpy as np
from autodiff import mean


def cost(params, X, t):
    return mean((X @ params["w"] - t) ** 2)


def problem(rng):
    return rng.normal(size=(7, 3)), rng.normal(size=7), {"w": rng.normal(size=3)}


def backprop(X, t, params):
    return {"w": X.T @ (X @ params["w"] - t) / len(X)}
"""


MADE_OF_LABELS = """
import numpy as np

def cost(params, t):
    total = 0.0
    for k in t:
        row = np.zeros(3)
        row[k] = 1.0
        total = total + np.sum(row * params["w"] ** 2)
    return total

def problem(rng):
    return rng.permutation([0, 0, 1, 2]), {"w": rng.normal(size=3)}
"""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["class"], "class is a folder: backprop grade class checks all files in it"),
        (["other.py", "--intermediates", "--hint", "1"], "says all that it finds"),
        (["other.py", "--loss", "other.py:cost", "--points", "5"], "problem(rng) draws the data"),
    ],
)
def test_check_refuses_what_would_have_no_effect(capsys, options, said):
    Path("class").mkdir()
    Path("other.py").write_text(OTHER)
    status, out, err = run(capsys, "check", *options)
    assert (status, out) == (2, "")
    assert said in err


def test_the_number_one_is_not_called_the_number_of_examples():
    check = check_backprop(wrong_slope, Task(engine.loss, partial(problem, examples=1)))
    assert "G_bar = H_bar * (1 - G * G)" in check.mistakes[0]["written"]
    assert "(1 - H * H)" in check.mistakes[0]["right"]


def test_check_takes_another_network(capsys):
    Path("other.py").write_text(OTHER)
    status, out, _ = run(capsys, "check", "other.py", "--loss", "other.py:cost")
    assert status == 1
    assert "the factor 2 was forgotten" in " ".join(out.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OTHER.replace("def problem", "def points"), "must also define problem(rng)"),
        (OTHER.replace("def cost", "def price"), "cost"),
        ("def cost(:", "SyntaxError"),
        (OTHER.replace("return rng.normal(size=(7, 3)), rng", "return 3, rng"), "of shape ()"),
        (OTHER.replace('return mean((X @ params["w"] - t) ** 2)', "return 3.0"), "cost"),
        (OTHER.replace('{"w": rng.normal(size=3)}', "rng.normal(size=3)"), "params a dict"),
        (OTHER.replace("** 2)", "** 2) * np.nan"), "the loss is nan where problem(rng) draws"),
        (MADE_OF_LABELS, "the equations of the loss change with its labels: index with these"),
        (OTHER + "cost.batch_axis = 2", "batch_axis is 0 or 1"),
    ],
)
def test_a_wrong_loss_file_is_refused_in_a_sentence(capsys, text, words):
    Path("other.py").write_text(OTHER)
    Path("loss.py").write_text(text)
    status, _, err = run(capsys, "check", "other.py", "--loss", "loss.py:cost")
    assert status == 2
    assert err.startswith("backprop: --loss: ")
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_gradient_of_another_shape_is_shown_by_its_shape():
    def backprop(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return {**grads, "W": np.ones(4)}, loss

    shown = check_backprop(backprop).per_parameter["W"]
    assert (shown["entry"], shown["yours"], shown["engine"]) == ("shape", "(4,)", "(3,)")


def test_few_points_are_warned_about(capsys):
    Path("right.py").write_text(CODE.replace(WRONG, RIGHT))
    status, out, _ = run(capsys, "check", "right.py", "--points", "1")
    assert status == 0
    assert "There is one example" in out


# The class.


def test_a_row_is_in_the_journal_before_the_next_is_asked_for():
    Path("class").mkdir()
    for name in ("ann", "bob"):
        Path("class", name).with_suffix(".py").write_text(CODE)
    settings = grading.Settings(hint=2, seed=0, points=11, loss=None)
    for number, row in enumerate(grading.grade(Path("class"), Path("journal"), settings), 1):
        noted = [json.loads(line)[1] for line in Path("journal").read_text().splitlines()]
        assert len(noted) == number
        assert noted[-1] == row


def test_in_the_table_of_a_class_the_score_alone_is_a_number():
    row = {"submission": "ann.py", "verdict": "right", "mistake": [], "score": 1.0}
    table, *_ = grading.tables([{**row, "parameters": dict.fromkeys("UbWc", "right")}])
    assert [x.justify for x in table.columns] == ["left"] * 7 + ["right"]


def test_the_picture_of_a_class_says_how_many_are_right():
    rows = [{"verdict": "right", "mistake": []}, {"verdict": "wrong", "mistake": ["sign"]}]
    assert grading.figure(rows).axes[0].get_title(loc="left") == "2 submissions, 1 right"


@pytest.mark.parametrize("suffix", [".csv", ".json", ".png"])
def test_grade_writes_over_nothing(capsys, suffix):
    Path("class").mkdir()
    Path("class/ann.py").write_text(CODE)
    there = Path("grades").with_suffix(suffix)
    there.write_text("kept")
    status, _, err = run(capsys, "grade", "class", "--out", "grades.csv")
    assert (status, there.read_text()) == (2, "kept")
    assert f"{there} is there already" in err


def test_grade_writes_marks_and_goes_on_where_it_was_interrupted(capsys):
    Path("class/ann").mkdir(parents=True)
    Path("class/ann/work.py").write_text(CODE)
    Path("class/bob.py").write_text(CODE.replace(WRONG, RIGHT))
    Path("class/eve.py").write_text("while True:\n    pass\n".replace("True", "1 / 0"))
    status, _, err = run(capsys, "grade", "class", "--out", "marks/grades.csv")
    assert status == 0, err
    head, *lines = Path("marks/grades.csv").read_text().splitlines()
    assert head == "submission,score,verdict,U,b,W,c,mistake,equation,hint,notes"
    assert [line.split(",")[:3] for line in lines] == [
        ["ann/work.py", "0.5", "wrong"],
        ["bob.py", "1.0", "right"],
        ["eve.py", "0.0", "could not be checked"],
    ]
    assert RIGHT not in lines[0]
    rows = json.loads(Path("marks/grades.json").read_text())
    assert rows[0]["mistake"] == ["slope at the wrong place"]
    assert Path("marks/grades.png").stat().st_size > 5_000
    assert not Path("marks/grades.partial").exists()
    first = Path("marks/grades.csv").read_text()

    status, _, err = run(capsys, "grade", "class", "--out", "marks/grades.csv")
    assert status == 2
    assert "is there already" in err

    settings = grading.Settings(hint=2, seed=0, points=11, loss=None)
    for row in grading.grade(Path("class"), Path("marks/again.partial"), settings):
        if row["submission"] == "bob.py":
            break
    noted = Path("marks/again.partial").read_text()
    Path("marks/again.partial").write_text(noted.replace('"score": 1.0', '"score": 0.25') + "{half")
    assert run(capsys, "grade", "class", "--out", "marks/again.csv")[0] == 0
    second = Path("marks/again.csv").read_text()
    assert second == first.replace("bob.py,1.0", "bob.py,0.25")


# The process that runs it is one, that which checks it the parent of that.
PARENTS = {
    "the next": ("os.getppid()", ""),
    "the one after": (
        "int(open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2].split()[1])",
        "may have killed it",
    ),
}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for processes")
@pytest.mark.parametrize("whom", PARENTS)
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_a_file_that_ends_the_process_that_checks_it_costs_its_own_row(how, whom, monkeypatch):
    whom, words = PARENTS[whom]
    Path("class").mkdir()
    for name in ("ann", "eve"):
        Path(f"class/{name}.py").write_text(CODE)
    Path("class/bob.py").write_text(f"import os, signal\nos.kill({whom}, signal.{how})\n")

    settings = grading.Settings(hint=2, seed=0, points=11, loss=None)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have ignored it
    rows = list(grading.grade(Path("class"), Path("journal"), settings))
    signal.signal(signal.SIGINT, before)
    rows.sort(key=lambda row: row["submission"])
    monkeypatch.setattr(grading, "in_processes", lambda left, settings: iter(left))  # none is left
    assert list(grading.grade(Path("class"), Path("journal"), settings)) == rows
    assert [(row["submission"], row["verdict"]) for row in rows] == [
        ("ann.py", "wrong"),
        ("bob.py", "could not be checked"),
        ("eve.py", "wrong"),
    ]
    assert words in rows[1]["hint"][0]


def test_a_run_that_the_teacher_interrupts_blames_nobody(monkeypatch):
    def interrupted(future, timeout=None):
        raise KeyboardInterrupt

    settings = grading.Settings(hint=2, seed=0, points=11, loss=None)
    Path("ann.py").write_text(CODE)
    for wait in ("result", "exception"):
        monkeypatch.setattr(Future, wait, interrupted)
    with pytest.raises(KeyboardInterrupt):
        grading.graded_alone(Path("ann.py"), "ann.py", settings)


def test_names_and_terminals_of_another_encoding_cost_nothing(monkeypatch):
    name = "class/\N{CYRILLIC CAPITAL LETTER ZHE}\udcff.py"
    Path("class").mkdir()
    try:
        Path(name).write_text(CODE)
    except (OSError, UnicodeError):
        pytest.skip("file names are UTF-8 here")
    for encoding in ("cp1252", "utf-8"):
        for args in (["check", name], ["grade", "class", "--out", f"{encoding}.csv"]):
            monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
            with pytest.raises(SystemExit) as stop:
                main(args)
            assert stop.value.code == (args[0] == "check")
            text = sys.stdout.buffer.getvalue().decode(encoding)
            assert Path(name).name.encode(encoding, "backslashreplace").decode(encoding) in text
            assert text.count("\\u") == (2 if encoding == "cp1252" else 1)
    (row,) = json.loads(Path("cp1252.json").read_text())
    assert row["submission"] == Path(name).name
    assert "\\udcff.py,0.5,wrong," in Path("cp1252.csv").read_text("utf-8")


def test_grade_refuses_an_empty_folder(capsys):
    Path("empty").mkdir()
    status, _, err = run(capsys, "grade", "empty")
    assert status == 2
    assert "no .py or .ipynb file" in err


def test_a_fault_of_ours_costs_one_row(monkeypatch):
    def fails(*args):
        raise RuntimeError("no")

    monkeypatch.setattr(grading, "check_file", fails)
    row = grading.graded(MISTAKES / "sign.py", "sign.py", grading.Settings(3, 0, 11, None))
    assert row["verdict"] == "could not be checked"
    assert "RuntimeError: no" in " ".join(row["hint"])


def test_a_refused_check_is_plain():
    check = Check("x", "it is empty")
    assert str(check) == "x could not be checked: it is empty"
    assert check.to_dict()["problem"] == "it is empty"
