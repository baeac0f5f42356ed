"""Kinds of options of the command `backprop`, and what they refuse."""

import math
from pathlib import Path

import click


def positive(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """Refuse NaN and infinity, which are numbers to Python, as well as 0 and less."""
    if not 0.0 < value < math.inf:
        wrong = "not finite" if value == math.inf else "not above 0"
        raise click.BadParameter(f"{value:g} is {wrong}.")
    return value


def whole(name: str, least: int, most: int, default: int | None, summary: str) -> click.Option:
    kind = click.IntRange(least, most)
    return click.Option([f"--{name}"], type=kind, default=default, metavar="INTEGER", help=summary)


def page_name(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a name that is not that of a page: it may be somebody's code."""
    if path and path.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{path} is not the name of a page, such as check.html.")
    return path


def page_option(name: str, summary: str, default: str | None = None) -> click.Option:
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.Option([name], type=kind, default=default, callback=page_name, help=summary)
