"""The equations of a function and of its backward pass, as text and in LaTeX."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.readings.listing import Listing, Statement, listing
from autodiff.readings.notation import TEX, TEXT, tex_variable, text_variable


class Derivation:
    """Equations, the forward ones first, then the adjoints from the loss to the arguments.

    `text` is for a terminal and `latex` an `aligned` environment; a notebook shows the latter.
    """

    def __init__(self, listing: Listing, shapes: bool, numbers: bool) -> None:
        self._listing = listing
        self._shapes = shapes
        self._numbers = numbers

    @property
    def text(self) -> str:
        """The equations in Unicode, each adjoint with a bar above its letter."""
        sides = [self._listing.sides(statement, TEXT) for statement in self._statements()]
        names = self._listing.names
        sides += [(text_variable(names[x], x.ndim, True), "0") for x in self._listing.zeros()]
        left = max(width(name) for name, _ in sides)
        lines = [f"{name}{' ' * (left - width(name))} = {text}" for name, text in sides]
        notes = [self._note(statement) for statement in self._statements()]
        notes += [""] * (len(sides) - len(notes))
        if any(notes):
            right = max(map(width, lines))
            pairs = zip(lines, notes, strict=True)
            lines = [
                f"{line}{' ' * (right - width(line))}   {note}".rstrip() for line, note in pairs
            ]
        forward = len(self._listing.forward)
        return "\n".join([*lines[:forward], "", *lines[forward:]])

    @property
    def latex(self) -> str:
        lines = []
        for statement in self._statements():
            name, text = self._listing.sides(statement, TEX)
            note = self._note(statement)
            spaced = note.replace(" ", r"\ ")
            beside = rf" && \mathrm{{{spaced}}}" if note else ""
            lines.append(f"{name} &= {text}{beside}")
        for x in self._listing.zeros():
            lines.append(f"{tex_variable(self._listing.names[x], x.ndim, True)} &= 0")
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"

    def _statements(self) -> list[Statement]:
        return [*self._listing.forward, *self._listing.backward]

    def _note(self, statement: Statement) -> str:
        """Return what is asked for beside an equation: shape, numbers."""
        x = np.asarray((statement.of or statement.term).data)
        parts = [str(x.shape)] if self._shapes else []
        if self._numbers:
            data = np.array2string(
                np.asarray(statement.term.data), precision=4, threshold=6, edgeitems=2
            )
            parts.append(" ".join(data.split()))
        return "  ".join(parts)


def derivation(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] = 0,
    shapes: bool = False,
    numbers: bool = False,
) -> Derivation:
    """Return the equations of `f` and of its derivatives in the arguments `argnums`.

    Variables have the names that they have in the code of `f`; the adjoint of one, the derivative
    of the result in it, has a bar. On request the shape of each stands beside its equation, and
    its numbers for `args`.

    Raises as `source` does.
    """
    return Derivation(listing(f, args, argnums), shapes, numbers)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: bars stand above letters."""
    return sum(not unicodedata.combining(character) for character in text)
