"""A folder of submissions checked: marks, hints, and which mistakes a class makes."""

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import RenderableType

from comparisons.homework.checking import Check, Task, Verdict, check_file
from comparisons.printing import paragraph, table, to_json
from mlp.plots import STYLE

SPAWN = get_context("spawn")  # not forked: the threads of a library may hold a lock at that moment
task = cache(Task.load)  # once in each process


class Settings(NamedTuple):
    """What the checks of a folder have in common."""

    hint: int
    seed: int
    points: int
    loss: str | None


def submissions(folder: Path) -> list[Path]:
    """Return the Python files and notebooks in a folder and below, hidden ones left out."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".ipynb")
        and path.is_file()
        and not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise FileNotFoundError(f"there is no .py or .ipynb file in {folder}")
    return found


def grade(folder: Path, journal: Path, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for every submission as it is checked, in parallel processes.

    Rows are noted in `journal`, and those that stand there for the same file and settings are not
    computed again. A submission that cannot be checked does not stop the others, nor does one that
    ends the process that checks it.
    """
    done, left = dict[str, dict[str, Any]](), dict[str, tuple[Path, str]]()
    if journal.exists():
        for line in journal.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, TypeError):  # of an interrupted run, the last may be half
                key, row = json.loads(line)
                done[key] = row
    loss = b"" if settings.loss is None else Task.parsed(settings.loss)[0].read_bytes()
    for path in submissions(folder):
        name = path.relative_to(folder).as_posix()
        depends_on = repr((name, settings)).encode() + path.read_bytes() + loss
        key = hashlib.sha256(depends_on).hexdigest()
        if key in done:
            yield done[key]
        else:
            left[key] = path, name
    with journal.open("a", encoding="utf-8") as notes:
        for key, row in in_processes(left, settings):
            notes.write(json.dumps([key, row]) + "\n")
            notes.flush()
            yield row


def in_processes(
    left: Mapping[str, tuple[Path, str]], settings: Settings
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the keys and rows of submissions, checked by as many processes as there are processors.

    Where one of these ends, it is not known which submission has ended it: those that are left are
    checked again, each in a process of its own.
    """
    again = dict(left)
    pool = ProcessPoolExecutor(os.cpu_count(), SPAWN)
    try:
        futures = {pool.submit(graded, *left[key], settings): key for key in left}
        for future in as_completed(futures):
            if not isinstance(future.exception(), BrokenExecutor | KeyboardInterrupt):
                del again[futures[future]]
                yield futures[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for key, (path, name) in again.items():
        yield key, graded_alone(path, name, settings)


def graded_alone(path: Path, name: str, settings: Settings) -> dict[str, Any]:
    """Check one submission in a process of its own, which it may end."""
    with ProcessPoolExecutor(1, SPAWN) as pool:
        future = pool.submit(graded, path, name, settings)
        error = future.exception()  # what is raised here is the teacher's own Ctrl-C
    if not isinstance(error, BrokenExecutor | KeyboardInterrupt):
        return future.result()
    killed = (
        "the process that was checking it has ended: the file may have killed it, or memory "
        "may have run out."
    )
    return row(name, Check(name, killed), settings.hint)


def graded(path: Path, name: str, settings: Settings) -> dict[str, Any]:
    """Check one submission and return its row, whatever it does."""
    try:
        check = check_file(path, None, task(settings.loss, settings.points), settings.seed)
    except Exception as error:  # a fault of ours, which must not cost the others their marks
        check = Check(name, f"the check itself failed: {type(error).__name__}: {error}")
    return row(name, check, settings.hint)


def row(name: str, check: Check, hint: int) -> dict[str, Any]:
    """Return what is said of a submission: plain data."""
    kinds = [slip["kind"] for slip in check.mistakes]
    if check.verdict is Verdict.WRONG and not kinds:
        kinds = ["no typical slip" if check.wrong else "wrong loss"]
    return {
        "submission": name,
        "score": round(check.score, 4),
        "verdict": check.verdict,
        "parameters": {key: x["verdict"] for key, x in check.per_parameter.items()},
        "mistake": kinds,
        "equation": [slip["equation"] for slip in check.mistakes],
        "hint": [check.sentence(), *check.hint(hint)],
        "notes": check.notes,
    }


def write(rows: Sequence[dict[str, Any]], out: Path) -> list[Path]:
    """Write the rows as CSV and as JSON, and the histogram; return the paths."""
    files = [out, out.with_suffix(".json"), out.with_suffix(".png")]
    start, parameters = ("submission", "score", "verdict"), parameters_in(rows)
    # A file name may hold bytes that are not UTF-8; JSON writes them in the same way.
    with files[0].open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*start, *parameters, "mistake", "equation", "hint", "notes"])
        for row in rows:
            gradients = [row["parameters"].get(key, "") for key in parameters]
            slips = [" and ".join(row[key]) for key in ("mistake", "equation")]
            sentences = [" ".join(row[key]) for key in ("hint", "notes")]
            writer.writerow([*(row[key] for key in start), *gradients, *slips, *sentences])
    files[1].write_text(to_json(rows) + "\n", encoding="utf-8")
    figure(rows).savefig(files[2], dpi=150)
    return files


def parameters_in(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row["parameters"]))


def kinds(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count the submissions that show a mistake, the most frequent first, and those not checked."""
    unchecked = [row["verdict"] for row in rows if row["verdict"] == Verdict.NOT_CHECKED]
    found = [kind for row in rows for kind in set(row["mistake"])]
    return dict(Counter(sorted(unchecked + found)).most_common())


def tables(rows: Sequence[dict[str, Any]]) -> list[RenderableType]:
    counts = Counter(row["verdict"] for row in rows)
    mean = sum(row["score"] for row in rows) / len(rows)
    parameters, marks = parameters_in(rows), {Verdict.RIGHT: "yes", Verdict.WRONG: "no", None: ""}
    lines = []
    for row in rows:
        gradients = [marks[row["parameters"].get(p)] for p in parameters]
        end = [" and ".join(row["mistake"]), f"{row['score']:.2f}"]
        lines.append([row["submission"], row["verdict"], *gradients, *end])
    head = ["submission", "verdict", *parameters, "mistake", "score"]
    sentence = ", ".join(f"{counts[v]} {v}" for v in Verdict if counts[v])
    shown: list[RenderableType] = [table(head, lines, left=len(head) - 1)]
    if found := kinds(rows):
        shown.append(paragraph("What the class got wrong:"))
        shown.append(table(["mistake", "submissions"], [[x, str(n)] for x, n in found.items()]))
    return [*shown, paragraph(f"{len(rows)} submissions: {sentence}; mean score {mean:.2f}.")]


@rc_context(STYLE)
def figure(rows: Sequence[dict[str, Any]]) -> Figure:
    found = kinds(rows)
    right = sum(row["verdict"] == Verdict.RIGHT for row in rows)
    picture = Figure(figsize=(7.5, 1.4 + 0.3 * max(len(found), 1)), layout="constrained")
    axes = picture.subplots()
    bars = axes.barh(list(found), list(found.values()))
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("submissions")
    axes.set_title(f"{len(rows)} submissions, {right} right", loc="left")
    axes.margins(y=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return picture
