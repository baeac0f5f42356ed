"""A student's file run in a process of its own, of which nothing comes back but data."""

import atexit
import faulthandler
import json
import linecache
import math
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
GRACE = 2.0  # seconds that the process has to say where it is
ALARM = getattr(signal, "SIGALRM", None)
# Those that are idle, by the process that uses them: a fork of it has the same pipes.
SERVERS = defaultdict[int, list["subprocess.Popen[str]"]](list)


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
        status = exit_status(folder)
        where = beginning(folder / "where", LONGEST_OUTPUT)
        if where or (ALARM and status == -ALARM):
            late = f"it did not finish within {seconds:g} s (is there an endless loop?)"
            collected = Collected(problem=late + last_line(where, path))
        else:
            collected = left_behind(folder / "result.json", status, points)
        collected.output = beginning(folder / "output", LONGEST_OUTPUT)
        return collected


def exit_status(folder: Path) -> int:
    """Run the process for a folder and return its exit status."""
    idle = SERVERS[os.getpid()]
    settings = {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    server = (
        idle.pop()
        if idle
        else subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ROOT)],
            bufsize=1,
            stdin=subprocess.PIPE,  # stays open as long as this process lives
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **dict.fromkeys(THREADS, "1"), **settings},
            start_new_session=True,
            text=True,
        )
    )
    with suppress(OSError):
        print(json.dumps(str(folder)), file=server.stdin)
        if said := server.stdout.readline():  # type: ignore[union-attr]
            idle.append(server)
            return int(said)
    status = server.wait()  # it was itself the process for the folder, or has been ended by that
    kill(server.pid)
    server.communicate()  # closes the pipes
    return status


@atexit.register
def end_servers() -> None:
    """End the idle servers of this process, and close what leads to them."""
    for server in SERVERS.pop(os.getpid(), ()):
        kill(server.pid)
        server.communicate()


def kill(process: int) -> None:
    """End a process with all that it has started; on Windows it alone."""
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
            Variable(str(name), int(line), str(text), np.array(value, float), *map(str, code))
            for name, line, text, value, *code in raw["variables"]
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
        process = os.fork() if sys.platform == "linux" else 0
        if not process:
            work(Path(json.loads(line)))
        _, status = os.waitpid(process, 0)
        kill(process)
        print(os.waitstatus_to_exitcode(status), flush=True)


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
    with suppress(AttributeError, OSError):  # this process may be that of the first folder
        os.setsid()
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
    if ALARM:
        signal.alarm(math.ceil(seconds + GRACE))
    with suppress(ImportError):
        from resource import RLIMIT_AS, RLIMIT_CORE, RLIMIT_FSIZE, setrlimit

        limits = {RLIMIT_AS: megabytes * 2**20, RLIMIT_FSIZE: LARGEST_FILE, RLIMIT_CORE: 0}
        for kind, limit in limits.items():
            with suppress(ValueError, OSError):  # the limit in force is lower already
                setrlimit(kind, (limit, limit))
