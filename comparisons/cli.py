"""The command `backprop`, also `python -m comparisons`: options in, tables and figures out."""

import importlib
import io
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from comparisons import advice
from comparisons.options import page_option, positive, whole
from comparisons.threads import THREADS

PROBLEM = ("seed", "points", "hidden")
# The parts: their options, what they do, an example. Their modules are imported when they run: not
# before threads are limited.
PARTS = {
    "gradients": (
        (*PROBLEM, "steps", "learning_rate"),
        "Compare every way's gradient with every other's. It is done before and after training. "
        "The exit status is 1 if two exact ways differ by more than rounding.",
        "--seed 3 --hidden 5",
    ),
    "training": (
        (*PROBLEM, "steps", "learning_rate"),
        "Train with every way's gradients: losses, paths, accuracy.",
        "--steps 2000 --learning-rate 0.5",
    ),
    "stability": (
        (),
        "Show the digits that the loss loses for large logits.",
        "--json",
    ),
    "differences": (
        PROBLEM,
        "Show the error of numerical gradients against their step.",
        "--points 100",
    ),
    "speed": (
        PROBLEM,
        "Time a training step in every way, and in other libraries.",
        "--points 5000",
    ),
    "derivation": (
        (*PROBLEM, "indices", "side_by_side"),
        "Derive the backward pass from the code of the forward pass. Its equations are printed in "
        "scalar form and vectorised.",
        "--side-by-side",
    ),
}
COMPARISONS = [part for part in PARTS if part != "derivation"]
# The most numbers in an array: with more, what is compared is the machine's memory.
LARGEST = 10_000_000


JSON = click.Option(
    ["--json", "as_json"], is_flag=True, help="Write JSON to standard output in place of tables."
)
OPTIONS = [
    whole(
        "seed", 0, 2**32 - 1, 0, "Seed of the data and initial parameters; 0 gives the tutorial's."
    ),
    whole("points", 2, 2_000_000, 500, "Number of data points, N."),
    whole("hidden", 1, 1000, 3, "Number of hidden units, H."),
    whole("steps", 0, 1_000_000, 1000, "Steps of gradient descent."),
    click.Option(
        ["--learning-rate"],
        type=float,
        default=1.0,
        callback=positive,
        metavar="NUMBER",
        help="Step size: p is replaced by p - learning rate * gradient.",
    ),
    click.Option(["--indices"], is_flag=True, help="Also show the form with indices."),
    click.Option(
        ["--side-by-side"],
        is_flag=True,
        help="Show the form with indices and the vectorised form side by side.",
    ),
    click.Option(
        ["--out"],
        type=click.Path(file_okay=False, writable=True, path_type=Path),
        default="out",
        help="Folder for figures and page, created if it is not there.",
    ),
    click.Option(["--verbose"], is_flag=True, help="Also print every table."),
    JSON,
]


def show_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from autodiff import __version__

        click.echo(f"backprop {__version__}")
        context.exit()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Example: backprop gradients --seed 3 --hidden 5. Each command has its own --help.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
def group() -> None:
    """Check backpropagation by hand, and compare every way to the gradient of a small network.

    Without a command, all comparisons are run, as by `all`.
    """


def add_command(name: str, parts: Sequence[str], summary: str, example: str) -> None:
    """Add a command that runs its part, or several, with the options that any of them takes."""
    known = {"out", "as_json"}.union(*(PARTS[part][0] for part in parts))
    known |= {"verbose"} if len(parts) > 1 else set()
    command = click.Command(
        name,
        callback=lambda **options: run(parts, **options),
        params=[option for option in OPTIONS if option.name in known],
        help=summary,
        epilog=f"Example: backprop {name} {example}",
    )
    group.add_command(command)


add_command(
    "all", COMPARISONS, "Run all five comparisons on the tutorial's problem.", "--out figures"
)
for part, (_, summary, example) in PARTS.items():
    add_command(part, [part], summary, example)


def run(
    parts: Sequence[str], out: Path, as_json: bool, verbose: bool = False, **options: Any
) -> None:
    """Run some parts with the options that they know; exit with 1 if exact ways disagree.

    Of several parts the terminal shows what they say in short, a page everything.
    """
    if options.get("points", 0) * options.get("hidden", 0) > LARGEST:
        raise click.UsageError(
            f"{options['points']:,} points times {options['hidden']:,} hidden units are too many: "
            f"at most {LARGEST:,} fit."
        )
    out.mkdir(parents=True, exist_ok=True)  # before anything is measured, as it may not be allowed
    import numpy as np

    from comparisons.page.sheet import save
    from comparisons.printing import Terminal, circumstances, paragraph, to_json
    from comparisons.tables import report
    from mlp import Diverged

    console, progress = Terminal(quiet=as_json, highlight=False), Terminal(stderr=True)
    results: dict[str, Any] = {"options": options, "circumstances": circumstances()}
    done: list[report.Part] = []
    for part in parts:
        module = importlib.import_module(f"comparisons.tables.{part}")
        try:
            # Infinities stand in the tables; warnings of them would say it twice.
            with np.errstate(all="ignore"), progress.status(f"measuring: {part}"):
                result = module.measure(**{name: options[name] for name in PARTS[part][0]})
        except Diverged as error:
            why = f"training by hand: {error}; `backprop stability` shows how y loses its digits"
            raise click.ClickException(why) from None
        results[part] = result
        found = module.verdict(result), module.tables(result), module.figure(result)
        done.append(report.Part(part, *found))
        if len(parts) > 1:
            console.print(f"{part}: {done[-1].verdict}", markup=False)
    for x in done if len(parts) == 1 or verbose else ():
        if len(parts) > 1:
            console.rule(x.name, style="none")
        for shown in x.shown:
            console.print(paragraph(shown) if isinstance(shown, str) else shown, crop=False)
    figures = results["figures"] = [report.save_figure(x, out) for x in done if x.figure]
    if figures:
        console.print(f"\nFigure{'s' * (len(figures) > 1)}: {', '.join(figures)}", soft_wrap=True)
    if len(parts) > 1:
        results["page"] = str(out / "report.html")
        save(report.page(done, options, results["circumstances"]), Path(results["page"]))
        console.print(f"Page, with every table and figure: {results['page']}", soft_wrap=True)
    if as_json:
        click.echo(to_json(results))
    if results.get("gradients", {}).get("culprits"):
        sys.exit(1)


def checking(hint: int) -> list[click.Option]:
    """Return the options that `check` and `grade` share, hints up to a level by default."""
    levels = "0 right or wrong, 1 which parameters, 2 which equation, 3 which slip"
    points = "Number of data points of the tutorial's network; with few, mistakes may not show."
    loss = "Another network: a loss(params, *data), in a file that also has problem(rng)."
    return [
        whole("hint", 0, 3, hint, f"How much is said: {levels}."),
        JSON,
        whole("seed", 0, 2**32 - 1, 0, "Seed of the data and parameters of the check."),
        whole("points", 1, 5_000, 11, points),
        click.Option(["--loss"], metavar="FILE:FUNCTION", help=loss),
    ]


@group.command(
    params=[
        click.Argument(["target"], metavar="FILE[:FUNCTION]"),
        *checking(hint=3),
        click.Option(
            ["--intermediates"],
            is_flag=True,
            help="Check every adjoint held in a variable such as dH or H_bar.",
        ),
        page_option(
            "--html",
            "Also write a page: the code with remarks beside its lines, and all gradients.",
        ),
    ],
    epilog="Example: backprop check homework.py --hint 1",
)
def check(
    target: str,
    hint: int,
    loss: str | None,
    points: int,
    seed: int,
    as_json: bool,
    intermediates: bool,
    html: Path | None,
) -> None:
    """Find the mistake in a hand-written backprop(X, t, params).

    FILE is a Python file or a notebook. It runs in a process of its own, with limits on time and
    memory, but can do to this machine whatever you can. The exit status is 0 if all is right, 1 if
    not, and 2 if it could not be checked.
    """
    from comparisons.homework.checking import Task, check_file
    from comparisons.printing import to_json

    path, name = Task.parsed(target)
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder: backprop grade {path} checks all files in it.")
    if intermediates and html:
        raise click.UsageError("--html is a page of the gradients, without --intermediates.")
    if intermediates and hint < 3:
        raise click.UsageError("--intermediates says all that it finds, whatever the --hint.")
    try:
        task = Task.load(loss, points)
    except ValueError as error:
        raise click.UsageError(f"--loss: {error}") from None
    if intermediates:
        from comparisons.homework.intermediates import check_intermediates

        try:
            adjoints = check_intermediates(path, name, task, seed)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        rows = [row._asdict() for row in adjoints.rows]
        click.echo(to_json(rows) if as_json else adjoints.text)
        sys.exit(not adjoints.ok)
    found = check_file(path, name, task, seed)
    width = min(100, shutil.get_terminal_size((100, 0)).columns)
    click.echo(to_json(found.to_dict(hint)) if as_json else found.text(hint, width))
    if html and path.is_file():
        from comparisons.homework.page import page
        from comparisons.page.sheet import save

        save(page(found, path, hint), html)
        click.echo(f"\nPage: {html}", err=as_json)
    sys.exit(found.status)


@group.command(
    params=checking(hint=2), epilog="Example: backprop grade submissions --out grades.csv --hint 2"
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    default="grades.csv",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The table; a .json and a .png of the same name are written beside it.",
)
def grade(
    folder: Path, out: Path, hint: int, loss: str | None, points: int, seed: int, as_json: bool
) -> None:
    """Check a folder of submissions: marks, hints and a histogram.

    Submissions are the .py and .ipynb files in FOLDER and below. They can do to this machine
    whatever you can: use a container for those of strangers. A run that was interrupted goes on
    where it was. The exit status is 0 whatever the marks are.
    """
    from rich.progress import track

    from comparisons.homework import grading
    from comparisons.homework.checking import Task
    from comparisons.printing import Terminal, to_json

    journal = out.with_suffix(".partial")
    for path in (out, out.with_suffix(".json"), out.with_suffix(".png")):
        if path.exists():
            raise click.UsageError(f"{path} is there already; move it, or name another with --out.")
    try:
        Task.load(loss, points)
        number = len(grading.submissions(folder))
    except (ValueError, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from None
    out.parent.mkdir(parents=True, exist_ok=True)
    console, progress = Terminal(quiet=as_json, highlight=False), Terminal(stderr=True)
    rows = grading.grade(folder, journal, grading.Settings(hint, seed, points, loss))
    done = list(track(rows, "checking", total=number, console=progress))
    done.sort(key=lambda row: str(row["submission"]))
    files = grading.write(done, out)
    journal.unlink(missing_ok=True)
    for shown in grading.tables(done):
        console.print(shown, crop=False)
    console.print(f"\nWritten: {', '.join(map(str, files))}", soft_wrap=True)
    if as_json:
        click.echo(to_json(done))


@group.command(
    params=[
        click.Argument(["target"], metavar="[FILE:FUNCTION]", required=False),
        whole("seed", 0, 2**32 - 1, 0, "Seed of the data and parameters."),
        whole("points", 2, 20_000, None, "Data points of the tutorial's network, 8 unless given."),
        page_option("--out", "File for the page.", "explore.html"),
    ],
    epilog="Example: backprop explore network.py:loss --out network.html",
)
def explore(target: str | None, seed: int, points: int | None, out: Path) -> None:
    """Write a page that steps through backpropagation, live.

    FILE defines a loss(params, *data) and problem(rng), which draws the data and the parameters;
    without it the page is about the tutorial's network.
    """
    from comparisons.homework.checking import Task
    from comparisons.page.explore import explore as written
    from mlp import engine, tutorial_problem

    try:
        if target is None:
            X, t, params = tutorial_problem(points or 8, seed=seed)
            page = written(engine.loss, params, X, t, path=out)
        elif points is not None:
            raise ValueError("problem(rng) draws the data, so that --points has no say")
        else:
            task = Task.load(target)
            params, data = task.drawn(seed)[0]
            page = written(task.loss, params, *data, path=out)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Page: {page.path}")


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; exit with 0, 1 for exact ways that disagree, 2 for wrong input."""
    # Before NumPy is imported: its libraries read these once.
    os.environ.update(dict.fromkeys(THREADS, "1"), MPLBACKEND="Agg")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks comes out as \u22a4
            stream.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if args is None else args)
    own = ("-h", "--help", "--version")
    if not given or (given[0].startswith("-") and given[0] not in own):
        given = ["all", *given]
    try:
        group.main(given, prog_name="backprop", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        fail(error.format_message())
    except MemoryError:
        fail("there is not enough memory for so many points and hidden units.")
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except ModuleNotFoundError as error:
        fail(advice(error))
    except OSError as error:
        fail(f"{error.filename or 'output'}: {error.strerror}.")
    sys.exit(0)


def fail(message: str) -> NoReturn:
    """Write one line, in words for someone who does not know Click, and exit with 2."""
    message = message.replace("a valid integer range", "a whole number")
    message = message.replace("a valid float", "a number")
    if "unexpected extra argument" in message and any(f"({part}" in message for part in PARTS):
        message += "; options come after the command, as in: backprop gradients --seed 1"
    click.echo(f"backprop: {' '.join(message.split())}", err=True)
    sys.exit(2)
