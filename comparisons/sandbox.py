"""A student's file run in a process of its own, of which nothing comes back but data."""

from __future__ import annotations

import linecache
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from comparisons.cli import THREADS
from comparisons.submission import (
    LARGEST_FILE,
    Collected,
    Point,
    Result,
    Variable,
    decoded,
    encoded,
    place,
)

ROOT = Path(__file__).parent.parent
PROGRAM = "import sys; sys.path[0] = sys.argv[1]; from comparisons.submission import work; work()"
LONGEST_OUTPUT = 20_000


def run(
    path: str | Path,
    name: str | None,
    points: Sequence[Point],
    expected: Sequence[str],
    seconds: float = 10.0,
    megabytes: int = 2048,
) -> Collected:
    """Return what the function `name` (`backprop`) of a file or notebook does at some points.

    It runs in a new process, with a working folder that is removed, for so many seconds and with so
    much memory at most (no limits of memory on Windows). `expected` are the names of the data.
    Nothing is raised for what the submission does: it is the `problem` of the result.
    """
    path = Path(path).absolute()
    folder = Path(tempfile.mkdtemp(prefix="submission-"))
    try:
        (folder / "work").mkdir()
        order = {
            "path": str(path),
            "name": name,
            "points": list(points),
            "expected": list(expected),
            "seconds": seconds,
            "megabytes": megabytes,
        }
        (folder / "order.json").write_text(encoded(order))
        status = finished(folder, seconds)
        collected = (
            Collected(problem=f"did not finish within {seconds:g} s{where(folder, path)}")
            if status is None
            else result(folder, status, points)
        )
        collected.output = beginning(folder / "output")
        return collected
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def finished(folder: Path, seconds: float) -> int | None:
    """Run the process and return its exit status, None if it took longer than it may."""
    environment = {
        **os.environ,
        **dict.fromkeys(THREADS, "1"),
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "TMPDIR": str(folder / "work"),
    }
    late = threading.Event()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ROOT), str(folder)],
            stdin=subprocess.PIPE,  # stays open as long as this process lives
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder / "work",
            env=environment,
            start_new_session=True,
        )

    def stop() -> None:
        late.set()
        if hasattr(signal, "SIGUSR1"):
            with suppress(OSError):
                process.send_signal(signal.SIGUSR1)  # where is it?
                time.sleep(0.05)
        kill(process)

    timer = threading.Timer(seconds, stop)
    try:
        timer.start()
        status = process.wait()
    finally:
        timer.cancel()
        kill(process)
        process.wait()
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
    cpu = getattr(signal, "SIGXCPU", None)
    return None if late.is_set() or (cpu is not None and status == -cpu) else status


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def where(folder: Path, path: Path) -> str:
    """Say in which line of the student's a process hung, if it noted that."""
    trace = beginning(folder / "where")
    for filename, line in re.findall(r'File "(.*)", line (\d+)', trace):
        if filename == ascii(str(path))[1:-1]:
            linecache.checkcache(str(path))
            filename = str(path)
        elif not filename.startswith("cell "):
            continue
        return f": is there an endless loop? It was at {place(filename, int(line), filename)}"
    return ": is there an endless loop?"


def beginning(path: Path) -> str:
    """Return the beginning of a file, nothing if it has become anything but a file."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(LONGEST_OUTPUT).decode(errors="replace")
    return ""


def result(folder: Path, status: int, points: Sequence[Point]) -> Collected:
    """Return the results that a process has noted, or say how it ended without any."""
    noted = folder / "result.json"
    if not noted.is_file():
        if status < 0:
            with suppress(ValueError):
                return Collected(problem=f"crashed Python ({signal.Signals(-status).name})")
        return Collected(
            problem=f"ended Python with status {status} before a result was there (os._exit?)"
        )
    try:
        if noted.stat().st_size > LARGEST_FILE:
            raise ValueError("too large")
        found = collected(decoded(noted.read_bytes()))
        keys = [result.grads.keys() for result in found.results]
        if found.problem is None and keys != [params.keys() for _, params in points]:
            raise ValueError("other results than were asked for")
        return found
    except Exception as error:  # whatever the submission may have written there
        return Collected(problem=f"left results that cannot be read ({type(error).__name__})")


def collected(raw: dict[str, Any]) -> Collected:
    """Return Collected from plain data; an exception where it is anything else."""
    return Collected(
        [one_result(x) for x in raw["results"]],
        None if raw["problem"] is None else str(raw["problem"]),
        [str(x) for x in raw["notes"]],
        None if raw["first_again"] is None else one_result(raw["first_again"]),
        [
            Variable(str(x["name"]), int(x["line"]), str(x["text"]), number(x["value"]))
            for x in raw["variables"]
        ],
        None if raw["engine"] is None else str(raw["engine"]),
        None if raw["loss_gradient"] is None else arrays(raw["loss_gradient"]),
    )


def one_result(raw: dict[str, Any]) -> Result:
    """Return a Result from plain data."""
    loss = None if raw["loss"] is None else float(raw["loss"])
    return Result(arrays(raw["grads"]), arrays(raw["extras"]), loss)


def arrays(raw: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return a dict of arrays of float64; an exception if anything else is in it."""
    return {str(name): np.array(number(x), float) for name, x in raw.items()}


def number(x: Any) -> Any:
    """Return an array or a float; an exception if it is neither."""
    return x if isinstance(x, np.ndarray) else float(x)
