"""The command line: exit statuses, one line for every wrong input, JSON, figures."""

import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from places import ROOT

from comparisons import cli
from comparisons.cli import main
from comparisons.printing import scientific
from comparisons.tables import gradients, speed, training, ways
from comparisons.tables.ways import NUMPY_WAYS, Way
from mlp import by_hand

SMALL = ["--points", "30", "--steps", "20"]


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """Restore the environment that `main` changes, run in an empty folder, without PyTorch."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(ways, "find_spec", lambda package: None)
    monkeypatch.chdir(tmp_path)


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(args)
    out, err = capsys.readouterr()
    return stop.value.code, out, err


def set_width(monkeypatch, columns):
    """Rich keeps the environment that it found when it was imported."""
    monkeypatch.setattr("rich.console.Console._environ", {"COLUMNS": str(columns)})


@pytest.mark.parametrize("part", ["gradients", "training"])
def test_a_part_prints_its_tables_and_draws_its_figure(capsys, part):
    status, out, err = run(capsys, part, *SMALL)
    assert (status, err) == (0, "")
    assert "engine" in out
    assert Path("out", f"{part}.png").stat().st_size > 10_000


def test_the_derivation_is_printed_and_drawn(capsys, monkeypatch):
    set_width(monkeypatch, 80)
    status, out, err = run(capsys, "derivation", "--hidden", "2")
    assert (status, err) == (0, "")
    for line in ("g₂   = U₂₁ · x₁ + U₂₂ · x₂ + b₂", "G    = X Uᵀ + b               (500, 2)"):
        assert line in out.splitlines()
    assert Path("out", "derivation.png").stat().st_size > 10_000
    _, out, _ = run(capsys, "derivation", "--hidden", "11", "--json")
    assert set(json.loads(out)["derivation"]) == {"vectorised"}


def test_the_derivation_with_indices(capsys, monkeypatch):
    set_width(monkeypatch, 80)
    _, out, _ = run(capsys, "derivation", "--indices")
    assert "h_ij = tanh(g_ij)" in out.splitlines()
    assert "G    = X Uᵀ + b               (500, 3)" in out.splitlines()
    _, out, _ = run(capsys, "derivation", "--side-by-side", "--hidden", "1000")
    assert "loss = (1/N) Σ_i ℒ(z_i, t_i)   |   loss = mean(ℒ(z, t))" in out.splitlines()
    assert "(500, 1000)" not in out
    for form in ("scalar form", "form with indices", "vectorised form"):
        assert " ".join(out.split()).count(f"The {form} ") >= 1
    _, out, _ = run(capsys, "derivation", "--side-by-side", "--json")
    found = json.loads(out)["derivation"]
    assert set(found) == {"scalar", "indices", "vectorised", "side_by_side"}
    assert r"\bar{w}_{j} &= \sum_{i} h_{ij} \, \bar{z}_{i} \\" in found["indices"]["latex"]


@pytest.mark.parametrize("part", ["stability", "differences", "derivation"])
def test_json_is_valid_and_alone(capsys, part):
    status, out, err = run(capsys, part, "--json", "--out", "here/too")
    assert (status, err) == (0, "")
    found = json.loads(out, parse_constant=pytest.fail)
    assert set(found) == {"options", "circumstances", part, "figures"}
    assert found["figures"] == [str(Path("here/too", f"{part}.png"))]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_what_the_encoding_lacks_is_replaced(monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    with process("derivation", "--hidden", "1", encoding=encoding) as running:
        out, err = running.communicate()
    assert (running.returncode, err) == (0, "")
    product = "⊙" if encoding == "utf-8" else r"\u2299"
    assert f"(1 - H {product} H)" in out


def test_infinities_are_strings_in_json(capsys):
    _, out, _ = run(capsys, "stability", "--json")
    rows = {(r["z"], r["t"]): r for r in json.loads(out)["stability"]["table"]}
    assert rows[40.0, 0]["loss"]["naive"] == "inf"
    assert rows[40.0, 1]["loss"]["naive"] == "nan"
    assert float(rows[40.0, 0]["loss"]["naive"]) == float("inf")


def test_the_schema_of_gradients_and_training(capsys):
    _, out, _ = run(capsys, "gradients", "--json", *SMALL)
    found = json.loads(out)
    assert found["options"]["points"] == 30
    assert found["gradients"]["culprits"] == []
    for place in found["gradients"]["places"]:
        for pair in place["pairs"]:
            assert len(pair["ways"]) == 2
            assert set(pair["parameters"]) == {"U", "b", "W", "c"}
            for parameter in pair["parameters"].values():
                assert set(parameter) == {"absolute", "relative", "entry"}
    _, out, _ = run(capsys, "training", "--json", *SMALL)
    for way in json.loads(out)["training"]["ways"].values():
        assert len(way["losses"]) == way["steps"] == 20
        assert 0.0 <= way["accuracy"] <= 1.0


def test_all_runs_every_comparison(capsys, monkeypatch):
    monkeypatch.setattr(speed, "installed_peers", list)
    monkeypatch.setattr(speed, "ROUNDS", 3)
    status, out, err = run(capsys, "all", "--json", *SMALL)
    assert (status, err) == (0, "")
    found = json.loads(out, parse_constant=pytest.fail)
    assert set(cli.COMPARISONS) <= set(found)
    assert len(found["figures"]) == 5
    assert found["speed"]["ways"]["by hand"]["ratio"] == 1.0
    assert found["speed"]["ways"]["engine"]["microseconds"] > 0.0


@pytest.mark.parametrize("args", [[], ["all"]])
def test_all_is_the_default(monkeypatch, args):
    ran = []
    monkeypatch.setattr(cli, "run", lambda parts, **options: ran.append((list(parts), options)))
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 0
    ((parts, options),) = ran
    assert parts == cli.COMPARISONS
    assert options["points"] == 500
    assert options["steps"] == 1000
    assert options["out"] == Path("out")


def test_exit_status_1_and_the_culprit_where_exact_ways_disagree(capsys, monkeypatch):
    def wrong(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return {**grads, "U": grads["U"] * (1.0 + 1e-9)}, loss

    broken = [Way("engine", wrong) if w.name == "engine" else w for w in NUMPY_WAYS]
    monkeypatch.setattr(gradients, "installed_ways", lambda: broken)
    status, out, _ = run(capsys, "gradients", *SMALL)
    assert status == 1
    assert "engine is wrong" in out
    status, out, _ = run(capsys, "gradients", "--json", *SMALL)
    assert status == 1
    assert json.loads(out)["gradients"]["culprits"] == ["engine"]


@pytest.mark.parametrize("args", ["--points 10", "--seed 7 --hidden 1"])
def test_exit_status_0_where_the_gradient_is_nearly_0(capsys, args):
    status, out, _ = run(capsys, "gradients", "--steps", "20000", *args.split())
    assert status == 0
    assert "exact ways agree" in out


WRONG = [
    ["--bogus"],
    ["nonsense"],
    ["gradients", "extra"],
    ["gradients", "--points", "-3"],
    ["gradients", "--points", "1"],
    ["gradients", "--points", "many"],
    ["gradients", "--points", "2.5"],
    ["gradients", "--points", "1" + "0" * 30],
    ["gradients", "--points"],
    ["gradients", "--hidden", "0"],
    ["gradients", "--points", "2000000", "--hidden", "1000"],
    ["gradients", "--seed", "-1"],
    ["gradients", "--seed", str(2**32)],
    ["gradients", "--seed", "a\nb"],
    ["training", "--steps", "-1"],
    ["training", "--steps", "1e3"],
    ["training", "--learning-rate", "fast"],
    ["training", "--learning-rate", "nan"],
    ["training", "--learning-rate", "inf"],
    ["training", "--learning-rate", "0"],
    ["training", "--learning-rate", "-1"],
    ["training", "--learning-rate", "1e300"],
    ["training", "--learning-rate", "1e5"],
    ["gradients", "--learning-rate", "1e308"],
    ["stability", "--points", "10"],
    ["stability", "--out", "file/inside"],
    ["stability", "--out", "file"],
    ["stability", "--out", "x" * 5000],
    ["stability", "--out", "/proc/nothing"],
    ["stability", "--json=3"],
]


@pytest.mark.parametrize("args", WRONG, ids=lambda args: " ".join(args)[:50].replace("\n", " "))
def test_wrong_input_gives_one_line_and_exit_status_2(capsys, args):
    Path("file").touch()
    status, out, err = run(capsys, *args)
    assert status == 2
    assert out == ""
    assert err.startswith("backprop: ")
    assert err.count("\n") == 1
    assert len(err) > len("backprop: ") + 10


def test_a_figure_that_cannot_be_written_is_one_line_too(capsys):
    Path("out", "stability.png").mkdir(parents=True)
    status, _, err = run(capsys, "stability", "--json")
    assert status == 2
    assert err.startswith("backprop: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["", *cli.PARTS, "all", "explore"])
def test_help_shows_an_example(capsys, name):
    status, out, err = run(capsys, *([name] if name else []), "--help")
    assert (status, err) == (0, "")
    assert "Example: backprop" in out


def process(*args, program=("-m", "comparisons"), encoding="utf-8"):
    return subprocess.Popen(
        [sys.executable, *program, *args],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([".", str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding=encoding,
        # Where the tests run in a shell's background, it would inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("args", [WRONG[0], WRONG[3], WRONG[22]])
def test_no_traceback_in_a_process(args):
    with process(*args) as running:
        out, err = running.communicate()
    assert running.returncode == 2
    assert out == ""
    assert err.startswith("backprop: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("seconds", [0.0, 0.4, 1.5])
def test_ctrl_c_exits_with_130_and_no_traceback(seconds):
    with process("training", "--steps", "1000000") as running:
        deadline = time.monotonic() + 20.0
        # The folder is made before anything is measured, so Python and main are up by then.
        while not Path("out").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(seconds)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out, err) == (130, "", "")


def installed():
    """Return what the script `backprop` runs when it is installed."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["backprop"]
    module, function = entry.split(":")
    return ["-c", f"from {module} import {function}; {function}()"]


INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize("program", [["-m", "comparisons"], installed()], ids=["-m", "installed"])
@pytest.mark.parametrize("package", ["click", "numpy"])
@pytest.mark.parametrize(
    "code",
    [
        INTERRUPT,
        # Python itself ends by the signal where KeyboardInterrupt leaves `exec` of text,
        f"exec({INTERRUPT!r})",
        # loses it in a callback,
        f"import weakref\ndef gone(_):\n    {INTERRUPT}\nx = weakref.ref(set(), gone)",
        # and extensions make another error of it.
        f"try:\n    {INTERRUPT}\nexcept BaseException:\n    raise ImportError from None",
    ],
    ids=["plain", "exec", "callback", "other error"],
)
def test_ctrl_c_during_an_import_exits_with_130_and_no_traceback(program, package, code):
    Path(f"{package}.py").write_text(f"{code}\nraise RuntimeError('not interrupted')")
    with process("stability", program=program) as running:
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out, err) == (130, "", "")


def test_an_interrupt_in_this_process_is_exit_status_130(capsys, monkeypatch):
    def interrupted(parts, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    status, out, err = run(capsys, "stability")
    assert (status, out, err.strip()) == (130, "", "")


def test_a_closed_pipe_leaves_no_traceback():
    with process("stability") as running:
        running.stdout.close()
        err = running.stderr.read()
    assert running.returncode == 141
    assert err == ""


def test_one_thread_is_set_before_numpy_is_imported():
    with process("stability", "--json") as running:
        out, _ = running.communicate()
    assert json.loads(out)["circumstances"]["threads"] == 1
    check = "import sys, comparisons.cli; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("part", ["gradients", "training", "stability", "differences"])
def test_no_number_loses_digits_in_a_narrow_terminal(capsys, monkeypatch, part):
    module = importlib.import_module(f"comparisons.tables.{part}")
    monkeypatch.setattr(module, "measure", functools.cache(module.measure))
    monkeypatch.setattr(module, "figure", lambda result: None)
    options = {"stability": [], "differences": SMALL[:2]}.get(part, SMALL)

    def printed(columns):
        set_width(monkeypatch, columns)
        return run(capsys, part, *options)[1]

    def numbers(text):
        return [word for word in text.split() if any(map(str.isdigit, word))]

    wide = printed(200)
    for columns in (40, 60, 80):
        narrow = printed(columns)
        assert narrow != wide
        assert numbers(narrow) == numbers(wide)


def test_runs_that_drift_apart_are_not_called_the_same(capsys, monkeypatch):
    monkeypatch.setattr(training, "installed_ways", lambda: NUMPY_WAYS[:3])
    status, out, _ = run(capsys, "training", "--learning-rate", "10", "--steps", "150")
    assert status == 0
    words = " ".join(out.split())
    assert "The runs drift apart: at this learning rate training amplifies rounding errors" in words
    assert "the run is the same" not in words


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["gradients", "--points", "abc"], "'abc' is not a whole number"),
        (["training", "--learning-rate", "fast"], "'fast' is not a number"),
        (["training", "--learning-rate", "0"], "0 is not above 0"),
        (["--seed", "1", "gradients"], "as in: backprop gradients --seed 1"),
        (
            ["training", "--learning-rate", "30"],
            "training by hand: the loss is nan at step 4, after ",
        ),
    ],
)
def test_errors_say_what_is_wrong(capsys, args, said):
    assert said in run(capsys, *args)[2]


def test_explore_writes_a_page_of_the_tutorial_or_of_a_file(capsys):
    assert run(capsys, "explore", "--points", "5") == (0, "Page: explore.html\n", "")
    assert "G = X @ params" in Path("explore.html").read_text(encoding="utf-8")
    huber = ROOT / "docs" / "elsewhere" / "huber.py"
    assert run(capsys, "explore", f"{huber}:loss", "--out", "h.html") == (0, "Page: h.html\n", "")
    assert "np.abs(e)" in Path("h.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["no.py"], "no.py cannot be read: No such file or directory"),
        (["no.py", "--points", "5"], "problem(rng) draws the data, so that --points has no say"),
        (["--out", "nowhere/page.html"], "nowhere/page.html: No such file or directory"),
    ],
)
def test_a_page_that_cannot_be_written_is_a_line(capsys, args, said):
    status, out, err = run(capsys, "explore", *args)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_no_steps_print_nothing_that_is_empty(capsys):
    _, out, _ = run(capsys, "training", "--steps", "0")
    assert "No step was made" in out
    assert "by hand" not in out


def test_all_begins_with_a_line_for_each_part_and_prints_tables_on_request(capsys, monkeypatch):
    monkeypatch.setattr(speed, "installed_peers", list)
    monkeypatch.setattr(speed, "ROUNDS", 3)
    for part in cli.COMPARISONS:
        module = importlib.import_module(f"comparisons.tables.{part}")
        monkeypatch.setattr(module, "figure", lambda result: None)
    set_width(monkeypatch, 300)
    page = f"Page, with every table and figure: {Path('out', 'report.html')}"
    _, brief, _ = run(capsys, "all", *SMALL)
    assert [line.split(":")[0] for line in brief.splitlines()[:5]] == cli.COMPARISONS
    assert brief.splitlines()[5:] == [page]
    assert Path("out", "report.html").stat().st_size > 10_000
    _, verbose, _ = run(capsys, "all", "--verbose", *SMALL)
    assert [line.split(":")[0] for line in verbose.splitlines()[:5]] == cli.COMPARISONS
    assert verbose.splitlines()[-1] == page
    assert "µs per step" not in brief
    assert "µs per step" in verbose


def test_a_small_number_has_two_digits_or_as_many_as_asked_for():
    assert [scientific(x) for x in (0.0, 3.14e-16, -2.5)] == ["0", "3.1e-16", "-2.5e+00"]
    assert scientific(3.14159e-16, 3) == "3.142e-16"


@pytest.mark.parametrize("part", cli.PARTS)
def test_the_example_in_the_help_of_a_part_can_be_run(capsys, monkeypatch, part):
    ran = []
    monkeypatch.setattr(cli, "run", lambda parts, **options: ran.extend(parts))
    example = next(
        line for line in run(capsys, part, "-h")[1].splitlines() if f"backprop {part} -" in line
    )
    assert run(capsys, *example.split("backprop ")[1].split())[0] == 0
    assert ran == [part]


def test_the_list_of_commands_says_of_each_in_a_whole_sentence_what_it_does(capsys):
    lines = run(capsys, "--help")[1].partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert {line.split()[0] for line in lines} == set(cli.group.commands)
    assert all(line.endswith(".") and not line.endswith("..") for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_check_is_as_wide_as_the_terminal_and_no_wider_than_is_easy_to_read(
    capsys, monkeypatch, width
):
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = run(capsys, "check", str(ROOT / "docs" / "mistakes" / "slope_at_G.py"))
    sentences = out.split("\n\n")[2].splitlines()
    assert min(width, 100) - 20 < max(map(len, sentences)) <= min(width, 100)


def test_short_help(capsys):
    assert run(capsys, "gradients", "-h") == run(capsys, "gradients", "--help")
