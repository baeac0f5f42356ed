"""A student's file run in a process of its own, of which nothing comes back but data."""

import faulthandler
import json
import linecache
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import numpy as np

from comparisons.homework.calling import Collected, Draw, Variable, collect
from comparisons.homework.loading import LARGEST_FILE, Note, NoteKind, load, meaning, place
from comparisons.homework.returned import Array, Result
from comparisons.threads import THREADS

ROOT = Path(__file__).parents[2]
PROGRAM = (
    "import sys; sys.path[0] = sys.argv[1]; from comparisons.homework.sandbox import serve; serve()"
)
LONGEST_OUTPUT = 20_000
GRACE = 2.0  # seconds that the process has to end by itself
# Idle ones by the process that may use them: a fork of it would share their pipes.
SERVERS = defaultdict[int, list["subprocess.Popen[bytes]"]](list)


def run(
    path: str | Path,
    name: str | None,
    points: Sequence[Draw],
    expected: Sequence[str],
    seconds: float = 10.0,
    megabytes: int = 2048,
) -> Collected:
    """Return what the function `name` (`backprop`) of a file or notebook does at some points.

    It runs in a new process, with a working folder that is removed, for so many seconds and with so
    much memory at most (on Windows memory is not limited). `expected` are the names of the data.
    Nothing is raised for what the submission does: it is the `problem` of the result.

    This guards against accidents, not against malice: the file can do whatever its user can.
    """
    path = Path(path).absolute()
    order = pickle.dumps((path, name, points, expected, seconds, megabytes))
    with TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        (folder / "work").mkdir()
        (folder / "order.pickle").write_bytes(order)
        status = exit_status(folder, seconds + GRACE)
        where = beginning(folder / "where", LONGEST_OUTPUT)
        if status is None or where:
            late = f"it did not finish within {seconds:g} s (is there an endless loop?)"
            collected = Collected(problem=late + last_line(where, path))
        else:
            collected = left_behind(folder / "result.json", status, points)
        collected.output = beginning(folder / "output", LONGEST_OUTPUT)
        return collected


def exit_status(folder: Path, seconds: float) -> int | None:
    """Run a process for a folder and return its exit status, None if it took too long."""
    idle = SERVERS[os.getpid()]
    server = idle.pop() if idle else started()
    assert server.stdin is not None is not server.stdout
    with suppress(OSError):
        server.stdin.write(json.dumps([str(folder), seconds]).encode() + b"\n")
        server.stdin.flush()
        if said := server.stdout.readline():
            idle.append(server)
            return None if said == b"None\n" else int(said)
    try:  # it has ended, or runs the submission itself
        return server.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        kill(server.pid)


def started() -> "subprocess.Popen[bytes]":
    """Start a process that serves as long as this one lives."""
    settings = {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **dict.fromkeys(THREADS, "1"), **settings},
        start_new_session=True,
    )


def kill(process: int) -> None:
    """End a process with all that it has started; with no more than itself on Windows."""
    with suppress(OSError):
        getattr(os, "killpg", os.kill)(process, getattr(signal, "SIGKILL", signal.SIGTERM))


def last_line(where: str, path: Path) -> str:
    """Say in which line of the student's a process was, if it noted that."""
    linecache.checkcache(str(path))
    main = re.escape(ascii(path.name)[1:-1])
    found = re.search(rf'File ".*[/\\](cell \d+|{main})", line (\d+)', where)
    if found is None:
        return ""
    filename = found[1] if found[1].startswith("cell ") else str(path)
    return f"; it was at {place(filename, int(found[2]), str(path))}"


def beginning(path: Path, most: int) -> str:
    """Return the beginning of a file, nothing if it has become anything but a file."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(most).decode(errors="replace")
    return ""


def left_behind(path: Path, status: int, points: Sequence[Draw]) -> Collected:
    """Return the results that a process has left, or say how it ended without any."""
    text = beginning(path, LARGEST_FILE)
    if not text:
        how = f"it ended Python with status {status} before a result was there (os._exit?)"
        if status < 0:
            how = f"it crashed Python ({signal.Signals(-status).name})"
        return Collected(problem=how)
    try:
        found = from_json(json.loads(text))
        keys = [x.grads.keys() for x in found.results]
        if found.problem is None and keys != [params.keys() for params, _ in [*points, points[0]]]:
            raise ValueError("other results than were asked for")
        return found
    except Exception as error:  # whatever the submission may have written there
        return Collected(problem=f"it left results that cannot be read ({type(error).__name__})")


def from_json(raw: dict[str, Any]) -> Collected:
    """Return Collected from plain data; an exception where it is anything else."""

    def arrays(x: dict[str, Any]) -> dict[str, Array]:
        return {name: np.array(value, float) for name, value in x.items()}

    return Collected(
        [
            Result(arrays(grads), arrays(extras), None if loss is None else float(loss))
            for grads, extras, loss in raw["results"]
        ],
        None if raw["problem"] is None else str(raw["problem"]),
        [Note(NoteKind(kind), tuple(map(str, about))) for kind, about in raw["notes"]],
        [
            Variable(str(name), int(line), str(text), np.array(value, float), str(function))
            for name, line, text, value, function in raw["variables"]
        ],
        None if raw["loss_gradient"] is None else arrays(raw["loss_gradient"]),
    )


# What the process does.


def serve() -> None:
    """Run a process for each folder named on standard input, and print its exit status.

    It is forked from this one: NumPy takes longer to import than most submissions to run. Where a
    library may not bear that, this process is itself that of the first folder.
    """
    sys.path.append(sys.path.pop(0))  # the project, behind the student's own modules
    for line in sys.stdin:
        folder, seconds = json.loads(line)
        if sys.platform != "linux":
            work(Path(folder))
        elif process := os.fork():
            print(waited_for(process, seconds), flush=True)
        else:
            os.setsid()
            work(Path(folder))


def waited_for(process: int, seconds: float) -> int | None:
    """Return the exit status of a process, None if it takes longer; end all that it started."""
    signal.signal(signal.SIGALRM, lambda *_: kill(process))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _, status = os.waitpid(process, 0)
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # as it is to be in the next one
    kill(process)
    return os.waitstatus_to_exitcode(status) if left else None


def work(folder: Path) -> NoReturn:
    """Check the submission that the sandbox asks for in a folder, and note the results there."""
    process = os.getpid()
    order = pickle.loads((folder / "order.pickle").read_bytes())
    path, name, points, expected, seconds, megabytes = order
    guard(folder, seconds, megabytes)
    sys.argv[:] = [str(path)]
    try:
        function, notes = load(path, name)
        out = collect(function, points, expected)
        out.notes[:0] = notes
    except BaseException as error:
        out = Collected(problem=meaning(error))
    if os.getpid() != process:  # a child that the submission has forked and not ended
        os._exit(0)
    with suppress(BaseException):
        sys.stdout.flush()
    text = json.dumps(vars(out), default=lambda array: array.tolist())
    (folder / "result.json").write_text(text)
    os._exit(0)  # no thread and no function of the submission is waited for


def guard(folder: Path, seconds: float, megabytes: int) -> None:
    """Limit this process, and have it end when the sandbox ends, in whatever way."""
    watched = os.dup(0)  # ends when the sandbox does
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["TMPDIR"] = str(folder / "work")
    os.chdir(folder / "work")

    def end_with_sandbox() -> None:
        os.read(watched, 1)
        shutil.rmtree(folder, ignore_errors=True)
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=end_with_sandbox, daemon=True).start()
    where = (folder / "where").open("w")
    faulthandler.dump_traceback_later(seconds, file=where, exit=True)
    with suppress(ImportError):
        from resource import RLIMIT_AS, RLIMIT_CORE, RLIMIT_FSIZE, setrlimit

        limits = {RLIMIT_AS: megabytes * 2**20, RLIMIT_FSIZE: LARGEST_FILE, RLIMIT_CORE: 0}
        for kind, limit in limits.items():
            with suppress(ValueError, OSError):  # the limit in force is lower already
                setrlimit(kind, (limit, limit))
