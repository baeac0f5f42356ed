"""The equations of a function and of its backward pass, as text and in LaTeX."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.readings.listing import Listing
from autodiff.readings.notation import TEX, TEXT, Style


@dataclass(frozen=True, repr=False)
class Derivation:
    """Equations, the forward ones first, then the adjoints from the loss to the arguments.

    `text` is for a terminal and `latex` an `aligned` environment; a notebook shows the latter.
    """

    listing: Listing
    shapes: bool
    numbers: bool

    @property
    def text(self) -> str:
        """The equations in Unicode, each adjoint with a bar above its letter."""
        rows = self._rows(TEXT)
        left = max(width(name) for name, _, _ in rows)
        lines = [f"{name}{' ' * (left - width(name))} = {right}" for name, right, _ in rows]
        longest = max(map(width, lines))
        for i, (line, (_, _, note)) in enumerate(zip(lines, rows)):
            lines[i] = f"{line}{' ' * (longest - width(line))}   {note}".rstrip()
        forward = len(self.listing.forward)
        return "\n".join([*lines[:forward], "", *lines[forward:]])

    @property
    def latex(self) -> str:
        """The equations in LaTeX."""
        lines = []
        for name, right, note in self._rows(TEX):
            spaced = note.replace(" ", r"\ ")
            lines.append(f"{name} &= {right}" + (rf" && \mathrm{{{spaced}}}" if note else ""))
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"

    def _rows(self, style: Style) -> list[tuple[str, str, str]]:
        """Return both sides of each equation and what is asked for beside it: shape, numbers."""
        listing = self.listing
        rows = []
        for statement in [*listing.forward, *listing.backward]:
            data = np.asarray(statement.term.data)
            notes = [str(np.shape((statement.of or statement.term).data))] if self.shapes else []
            if self.numbers:
                text = np.array2string(data, precision=4, threshold=6, edgeitems=2)
                notes.append(" ".join(text.split()))
            rows.append((*listing.sides(statement, style), "  ".join(notes)))
        for path, x in listing.terms.inputs.items():
            if path[0] in listing.trace.wanted and path not in listing.terms.gradients:
                rows.append((style.variable(listing.names[x], x.ndim, True), "0", ""))
        return rows


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

    >>> def loss(w, x):
    ...     h = tanh(w * x)
    ...     return h * h
    >>> print(derivation(loss, 1.0, 2.0))
    h    = tanh(w · x)
    loss = h · h
    <BLANKLINE>
    h̄    = h + h
    w̄    = h̄ · (1 - loss) · x
    """
    return Derivation(Listing(f, args, argnums), shapes, numbers)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: bars stand above letters."""
    return sum(not unicodedata.combining(character) for character in text)
