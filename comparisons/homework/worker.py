"""The process of the sandbox: check one submission under limits, note what it did, and end."""

import faulthandler
import json
import os
import pickle
import shutil
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from comparisons.homework.calling import Collected, collect
from comparisons.homework.loading import LARGEST_FILE, load, meaning


def work() -> None:
    """Check the submission that the sandbox asks for in a folder; note the results there as JSON.

    The folder is the second argument of the program. Standard input ends when the sandbox does.
    """
    sys.path.append(sys.path.pop(0))  # the project, behind the student's own modules
    folder, process = Path(sys.argv[2]), os.getpid()
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
    text = json.dumps(asdict(out), default=lambda array: array.tolist())
    (folder / "result.json").write_text(text)
    os._exit(0)  # no thread and no function of the submission is waited for


def guard(folder: Path, seconds: float, megabytes: int) -> None:
    """Limit this process, and have it end when the sandbox ends, in whatever way."""
    watched = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

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
        import resource

        for kind, limit in (
            (resource.RLIMIT_AS, megabytes * 2**20),
            (resource.RLIMIT_FSIZE, LARGEST_FILE),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):  # the limit in force is lower already
                resource.setrlimit(kind, (limit, limit))
