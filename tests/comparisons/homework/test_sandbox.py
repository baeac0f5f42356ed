"""Submissions run in the sandbox: right ones, and whatever else a file can do."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from places import ROOT

from comparisons.homework.calling import Collected
from comparisons.homework.loading import NoteKind
from comparisons.homework.sandbox import run
from mlp import engine

EXPECTED = ("X", "t")
LIMIT = 1.5  # seconds, for what never ends
LATE = rf"^it did not finish within {LIMIT:g} s"
RIGHT = """\
import numpy as np

def backprop(X, t, params):
    N = len(X)
    H = np.tanh(X @ params["U"].T + params["b"])
    y = 1 / (1 + np.exp(-(H @ params["W"] + params["c"])))
    loss = -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y))
    z_bar = (y - t) / N
    G_bar = np.outer(z_bar, params["W"]) * (1 - H * H)
    return {"U": G_bar.T @ X, "b": G_bar.sum(0), "W": H.T @ z_bar, "c": z_bar.sum()}, loss
"""


def points(n=2, N=7):
    rng = np.random.default_rng(0)
    return [
        (
            {
                "U": rng.normal(size=(3, 2)),
                "b": rng.normal(size=3),
                "W": rng.normal(size=3),
                "c": 0.25,
            },
            (rng.normal(size=(N, 2)), np.arange(N) % 2),
        )
        for _ in range(n)
    ]


def submitted(folder: Path, source: str, name="backprop.py", **limits) -> Collected:
    path = folder / name
    path.write_text(textwrap.dedent(source))
    return run(path, None, points(), EXPECTED, **limits)


def body(lines: str) -> str:
    """Return a right file whose function begins with other lines, the first of them line 4."""
    first = "def backprop(X, t, params):\n"
    return RIGHT.replace(first, first + textwrap.indent(lines, "    ") + "\n")


def is_right(collected: Collected) -> bool:
    assert collected.problem is None
    assert len(collected.results) == 3
    for (params, (X, t)), result in zip(points(), collected.results):
        grads, loss = engine.backprop(X, t, params)
        assert result.loss == pytest.approx(loss, rel=1e-12)
        for name, gradient in grads.items():
            np.testing.assert_allclose(result.grads[name], gradient, rtol=1e-10, atol=1e-14)
    return True


def test_a_right_file_gives_the_gradients_of_the_engine(tmp_path):
    collected = submitted(tmp_path, RIGHT)
    assert is_right(collected)
    assert collected.notes == []
    assert collected.output == ""
    named = {x.name for x in collected.variables if x.name}
    assert named == {"H", "y", "loss", "z_bar", "G_bar"}


def test_numbers_come_back_to_the_last_bit(tmp_path):
    source = "def backprop(X, t, params):\n    return {**params, 'X': X}, float('nan')\n"
    collected = submitted(tmp_path, source)
    for (params, (X, _)), result in zip(points(), collected.results):
        assert all(np.array_equal(result.grads[name], x) for name, x in params.items())
        assert np.array_equal(result.extras["X"], X)
        assert np.isnan(result.loss)


# What the file is, and what is said of it: of the problem, and otherwise of the notes.
PROBLEMS = {
    "an endless loop": (
        body("while True:\n    pass"),
        rf"{LATE}.*your line [45]",
    ),
    "sleep": (body("import time; time.sleep(60)"), rf"{LATE}.*your line 4"),
    "a loop that catches all": (
        body("while True:\n    try:\n        1 / 0\n    except BaseException:\n        pass"),
        LATE,
    ),
    "an endless loop at the top": (RIGHT + "while True: pass\n", rf"{LATE}.*your line 11"),
    "a fork that never ends": (
        body("import os\nif os.fork() == 0:\n    while True: pass\nos.wait()"),
        LATE,
    ),
    "sys.exit": (body("import sys; sys.exit(0)"), r"^your line 4, `.*`: called sys.exit"),
    "exit": (body("exit()"), r"^your line 4, `exit\(\)`: called sys.exit"),
    "sys.exit before the definition": (
        "import sys\nsys.exit()\n" + RIGHT,
        "^your line 2.*sys.exit",
    ),
    "os._exit": (body("import os; os._exit(0)"), r"ended Python with status 0 .*os\._exit"),
    "abort": (body("import os; os.abort()"), "it crashed Python.*SIGABRT"),
    "a segmentation fault": (
        body("import ctypes; ctypes.string_at(0)"),
        "it crashed Python.*SIGSEGV",
    ),
    "memory": (body("a = np.ones((100000, 100000))"), r"^your line 4, .*: needs more memory"),
    "a growing list": (body("a = []\nwhile True:\n    a.append([0] * 10**6)"), "needs more memory"),
    "recursion": (body("return backprop(X, t, params)"), "^your line 4.*calls itself without end"),
    "input": (body("input('how many? ')"), r"^your line 4, .*asks for input"),
    "a missing module": (
        "import no_such_module\n" + RIGHT,
        "^your line 1.*no_such_module.*not inst",
    ),
    "an exception": (body("1 / 0"), r"^your line 4, `1 / 0`: ZeroDivisionError: division by zero$"),
    "shapes that do not fit": (
        body('H = X @ params["U"]'),
        r"^your line 4, `H = .*ValueError: matmul.*X has shape \(7, 2\), "
        r"params\['U'\] has shape \(3, 2\)",
    ),
    "an unknown key": (body('params["V"]'), r"^your line 4, `params\[\"V\"\]`: KeyError: 'V'"),
    "an exception without text": (
        body("assert False"),
        "^your line 4, `assert False`: AssertionError$",
    ),
    "its own BaseException": (
        "class Stop(BaseException): pass\ndef backprop(X, t, params):\n    raise Stop('no')\n",
        "^your line 3, `raise Stop.*Stop: no",
    ),
    "Ctrl-C of its own": (body("raise KeyboardInterrupt"), "KeyboardInterrupt"),
    "a syntax error": (
        "def backprop(X, t, params)\n    return 1\n",
        "^your line 1, .*SyntaxError: exp",
    ),
    "an indentation": ("def f():\nreturn 1\n", "^your line 2, `return 1`: IndentationError"),
    "Python 2": (RIGHT + "print 'hello'\n", "^your line 11, .*SyntaxError: Missing parentheses"),
    "null bytes": ("x = 1\0", "null bytes"),
    "nothing": ("\n\n", "defines no function backprop, nor any other"),
    "no function": (
        "def forward(X): pass\ndef loss(y): pass\n",
        "no function backprop.*forward, loss",
    ),
    "another name": (RIGHT.replace("backprop", "gradients"), "no function backprop.*gradients"),
    "a class": ("class backprop: pass\n", "no function backprop"),
    "nothing returned": (body("return"), "returned nothing"),
    "a sentence": (body("return 'done'"), "returned a str; expected was a dict .* U, b, W, c"),
    "a generator": (body("yield 1"), "returned a generator; expected"),
    "wrong keys": (
        body("return {'W1': 1, 'b1': 2}, 3"),
        "of U and b and W and c is missing.*W1, b1",
    ),
    "a missing key": (body("return {'U': 1, 'b': 1, 'c': 1}"), "gradient of W is missing"),
    "objects": (
        body("return dict.fromkeys(params, object())"),
        "the gradient of U is not an array of real numbers but an object$",
    ),
    "None inside": (
        body("return dict.fromkeys(params)"),
        "the gradient of U is not an array of real numbers but nothing",
    ),
    "text inside": (body("return dict.fromkeys(params, 'big')"), "gradient of U is not an array"),
    "complex": (
        body("return dict.fromkeys(params, 1j)"),
        "the gradient of U is not an array of real numbers but a complex number$",
    ),
    "a ragged list": (
        body("return dict.fromkeys(params, [[1], [1, 2]])"),
        "gradient of U is not an arr",
    ),
    "a huge gradient": (
        body("return dict.fromkeys(params, np.zeros(3_000_000))"),
        r"U has shape \(3000000,\), more",
    ),
    "another signature": (
        "def backprop(X, t, params, rate):\n    return 1\n",
        r"takes \(X, t, params, rate\).*called with \(X, t, params\).*U, b, W, c",
    ),
    "printing for ever": (body("while True: print('x' * 100_000)"), r"prints or writes more than"),
    "printing from below": (
        body("import os\nwhile True: os.write(1, b'x' * 100_000)"),
        "prints or writes more than",
    ),
}
NOTES = {
    "code that fails at the end": (RIGHT + "open('data.csv')\n", "your line 11.*FileNotFoundError"),
    "sys.exit at the end": (RIGHT + "import sys; sys.exit(3)\n", "your line 11.*called sys.exit"),
    "arguments of a program": (
        RIGHT + "import argparse; argparse.ArgumentParser().parse_args()\n",
        None,
    ),
    "a thread that never ends": (
        RIGHT + "import threading, time\nthreading.Thread(target=time.sleep, args=[60]).start()\n",
        None,
    ),
    "a process that never ends": (
        RIGHT + "import subprocess\nsubprocess.Popen(['sleep', '60'])\n",
        None,
    ),
    "a fork that goes on": (RIGHT + "import os; os.fork()\n", None),
    "another folder": (RIGHT + "import os; os.chdir('/')\n", None),
    "closed output": (RIGHT + "import sys; sys.stdout.close(); sys.stderr.close()\n", None),
    "closed descriptors": (RIGHT + "import os; os.close(1); os.close(2)\n", None),
    "handlers at the end": (RIGHT + "import atexit; atexit.register(lambda: 1 / 0)\n", None),
    "a signal of its own": (
        RIGHT + "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n",
        None,
    ),
    "a tracer of its own": (body("import sys; sys.settrace(None)"), None),
    "a main program": (RIGHT + "if __name__ == '__main__':\n    1 / 0\n", None),
    "errors of NumPy": (RIGHT + "np.seterr(all='raise')\n", None),
    "changed inputs": (RIGHT.replace("return", "params['U'] -= 1; X[:] = 0; return"), "input X"),
    "random numbers": (
        RIGHT.replace("z_bar =", "z_bar = 1e-9 * np.random.rand() +"),
        "second call",
    ),
    "state": (
        RIGHT.replace(
            "return", "params.setdefault('k', 1); CALLS.append(1); loss *= len(CALLS); return"
        )
        + "CALLS = []\n",
        "second call",
    ),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_a_file_does_is_said_in_a_sentence(tmp_path, what):
    source, sentence = PROBLEMS[what]
    limits = {"seconds": LIMIT} if LATE in sentence else {}
    collected = submitted(tmp_path, source, megabytes=1024, **limits)
    assert collected.problem is not None
    assert re.search(sentence, collected.problem), collected.problem
    assert "\n" not in collected.problem
    assert len(collected.output) <= 20_000


@pytest.mark.parametrize("what", NOTES)
def test_what_does_not_prevent_a_check_is_a_note(tmp_path, what):
    source, sentence = NOTES[what]
    collected = submitted(tmp_path, source)
    assert collected.problem is None
    notes = " ".join(map(str, collected.notes))
    assert re.search(sentence, notes) if sentence else not notes
    if what not in ("changed inputs", "random numbers", "state"):
        assert is_right(collected)


def test_what_is_no_submission_is_refused(tmp_path):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "text.txt").write_text(RIGHT)
    (tmp_path / "broken.ipynb").write_text('{"cells": [')
    (tmp_path / "no_cells.ipynb").write_text("[]")
    (tmp_path / "empty.ipynb").write_text('{"cells": []}')
    (tmp_path / "binary.py").write_bytes(bytes(range(256)))
    for name, sentence in {
        "folder.py": "folder.py cannot be read: Is a directory",
        "text.txt": "neither a .py file nor a notebook",
        "missing.py": "missing.py cannot be read: No such file",
        "broken.ipynb": "not a notebook that can be read",
        "no_cells.ipynb": "not a notebook that can be read",
        "empty.ipynb": "defines no function backprop",
        "binary.py": "SyntaxError",
    }.items():
        problem = run(tmp_path / name, None, points(), EXPECTED).problem
        assert problem is not None
        assert sentence in problem


def test_a_notebook_runs_cell_by_cell(tmp_path):
    sources = [
        "%matplotlib inline\n!pip install x\nimport numpy as np",
        ["%%time\n", "data = open('data.csv')\n"],
        RIGHT,
        "%%bash\nls",
        "1 / 0",
    ]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    cells.insert(1, {"cell_type": "markdown", "source": "# Text"})
    path = tmp_path / "Übung 1.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    collected = run(path, None, points(), EXPECTED)
    assert is_right(collected)
    assert len(collected.notes) == 2
    assert {note.kind for note in collected.notes} == {NoteKind.NOT_ALL_RAN}
    assert "your line 2 of cell 2, `data = open('data.csv')`" in str(collected.notes[0])
    assert "your line 1 of cell 5, `1 / 0`: ZeroDivisionError" in str(collected.notes[1])
    assert ("G_bar", 9) in {(x.name, x.line) for x in collected.variables}


def test_an_endless_loop_in_a_notebook_or_a_file_with_accents_is_found(tmp_path):
    source = RIGHT + "while True: pass\n"
    cell = {"cell_type": "code", "source": source}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [cell], "nbformat": 4}))
    late = run(path, None, points(), EXPECTED, seconds=LIMIT).problem
    assert late.endswith("it was at your line 11 of cell 1")
    late = submitted(tmp_path, source, "Übung.py", seconds=LIMIT).problem
    assert late.endswith("it was at your line 11, `while True: pass`")


def test_a_file_may_import_its_neighbours_and_the_project(tmp_path):
    (tmp_path / "layers.py").write_text(
        "import numpy as np\ndef act(G):\n    H = np.tanh(G)\n    return H\n"
    )
    source = "import mlp, layers\n" + RIGHT.replace("np.tanh", "layers.act")
    collected = submitted(tmp_path, source)
    assert is_right(collected)
    assert ("H", 3) in {(x.name, x.line) for x in collected.variables}
    failing = submitted(tmp_path, source.replace("layers.act(", "layers.act(None + "))
    assert "your line 6" in failing.problem
    (tmp_path / "layers.py").write_text("def act(G):\n    return 1 / 0\n")
    assert "your line 2 of layers.py, `return 1 / 0`" in submitted(tmp_path, source).problem


def test_output_is_captured_with_that_of_other_processes(tmp_path):
    source = RIGHT + "print('α' * 3)\nimport os; os.system('echo below; echo error >&2')\n"
    output = submitted(tmp_path, source).output
    assert {"ααα", "below", "error"} <= set(output.split())


def test_nothing_but_data_comes_back(tmp_path, monkeypatch):
    """Whatever stands where the results are expected, it is a sentence."""
    for text in (
        "[]",
        '{"results": 1}',
        "[" * 100_000,
        "not JSON",
        '{"dtype": "O", "shape": [1], "numbers": [1]}',
        json.dumps(vars(Collected())),
        json.dumps(
            {**vars(Collected()), "results": [{"grads": {"U": "x"}, "extras": {}, "loss": 1}]}
        ),
    ):
        source = f"""\
        import os, sys
        for folder, _, files in os.walk('..'):
            if "order.pickle" in files:
                open(os.path.join(folder, "result.json"), "w").write({text!r})
        os._exit(0)
        """
        assert "cannot be read" in submitted(tmp_path, source).problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_pipes_and_devices_in_place_of_files_do_not_hang_the_sandbox(tmp_path):
    source = RIGHT + textwrap.dedent("""\
        import os
        os.chdir("..")
        os.remove("output")
        os.mkfifo("output")
        os.symlink("/dev/zero", "result.json")
        os._exit(0)
        """)
    collected = submitted(tmp_path, source)
    assert "before a result was there" in collected.problem
    assert collected.output == ""


def test_the_working_folder_is_temporary_and_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    source = RIGHT + "import os\nopen('here', 'w').write('x')\nprint(os.getcwd())\n"
    collected = submitted(tmp_path, source)
    assert collected.output.strip().startswith(str(tmp_path / "temporary"))
    assert list((tmp_path / "temporary").iterdir()) == []
    assert sorted(x.name for x in tmp_path.iterdir()) == ["backprop.py", "temporary"]


def is_alive(process: int) -> bool:
    """Return whether a process runs; one that has ended may still be waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(process: int) -> bool:
    """Wait for the end of a process, for a minute at most."""
    end = time.perf_counter() + 60
    while is_alive(process) and time.perf_counter() < end:
        time.sleep(0.02)
    return not is_alive(process)


def test_what_one_file_does_to_its_process_no_other_sees(tmp_path):
    source = "import numpy as np, os, sys, signal\nassert not hasattr(np, 'mine')\nnp.mine = 1\n"
    assert is_right(submitted(tmp_path, source + RIGHT))
    harm = "np.tanh = sys.path = None; os.environ.clear(); os.chdir('/')\n"
    harm += "signal.signal(signal.SIGTERM, signal.SIG_IGN); os._exit(3)\n"
    assert "status 3" in submitted(tmp_path, source + harm).problem
    assert is_right(submitted(tmp_path, source + RIGHT))


def test_files_may_be_run_at_the_same_time(tmp_path):
    sources = [RIGHT, body("return 'one'"), RIGHT, body("import time; time.sleep(0.5); return 2")]
    with ThreadPoolExecutor() as threads:
        found = threads.map(
            lambda i: submitted(tmp_path, sources[i], f"file_{i}.py"), range(len(sources))
        )
        first, one, third, two = found
    assert is_right(first)
    assert is_right(third)
    assert "returned a str" in one.problem
    assert "returned a number" in two.problem


def test_a_file_that_outwits_the_clock_in_its_process_is_ended_from_outside(tmp_path):
    source = "import faulthandler; faulthandler.cancel_dump_traceback_later()\nwhile True: pass\n"
    assert re.search(LATE, submitted(tmp_path, source, seconds=LIMIT).problem)
    assert is_right(submitted(tmp_path, RIGHT))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for processes")
def test_processes_that_a_file_starts_end_with_it(tmp_path):
    source = RIGHT + "import subprocess\nprint(subprocess.Popen(['sleep', '60']).pid)\n"
    assert gone(int(submitted(tmp_path, source).output))
    hanging = source + "import sys; sys.stdout.flush()\nwhile True: pass\n"
    assert gone(int(submitted(tmp_path, hanging, seconds=LIMIT).output))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for processes")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_process_ends_when_that_of_the_sandbox_is_interrupted(tmp_path, how):
    noted = tmp_path / "noted"
    path = tmp_path / "backprop.py"
    path.write_text(
        f"import os\nopen({str(noted)!r}, 'w').write(f'{{os.getpid()}} ')\nwhile 1: pass"
    )
    program = (  # what runs in the background of a shell ignores SIGINT
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from comparisons.homework.sandbox import run; "
        f"run({str(path)!r}, None, [({{}}, ())], (), 300.0)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL, env=os.environ
    )
    end = time.perf_counter() + 60
    while not (noted.exists() and noted.read_text().endswith(" ")) and time.perf_counter() < end:
        time.sleep(0.02)
    parent.send_signal(how)
    parent.wait(60)
    assert gone(int(noted.read_text()))


def test_the_process_of_a_file_imports_numpy_and_little_else():
    """Most of the time that a usual file takes is that of imports."""
    program = (
        "import sys, numpy; before = set(sys.modules); import comparisons.homework.sandbox; "
        "print(*set(sys.modules) - before)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    ours = {"sandbox", "calling", "loading", "returned"}
    wanted = {"comparisons", "comparisons.homework", "comparisons.threads"}
    wanted |= {f"comparisons.homework.{x}" for x in ours}
    folders = {"comparisons.diagnosis", "comparisons.diagnosis.equations"}
    wanted |= {*folders, "comparisons.diagnosis.equations.conventions"}
    assert {x for x in found if x.partition(".")[0] not in sys.stdlib_module_names} == wanted


def test_no_process_and_no_pipe_is_left_open(tmp_path):
    (tmp_path / "ends.py").write_text("import os\nos.kill(os.getppid(), 9)\n")
    (tmp_path / "right.py").write_text(RIGHT)
    program = (
        "from comparisons.homework.sandbox import SERVERS, run; "
        "from concurrent.futures import ThreadPoolExecutor as Pool; "
        f"files = [{str(tmp_path)!r} + '/' + x for x in ('ends.py', 'right.py', 'right.py')]; "
        "list(Pool().map(lambda x: run(x, None, [], ()), files)); "
        "[(servers)] = SERVERS.values(); "
        "print(*(x.pid for x in servers))"
    )
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", program]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stderr == ""
    assert all(gone(int(pid)) for pid in found.stdout.split())
