"""The equations of a function and of its backward pass, as text and in LaTeX."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from autodiff.readings.indexed.equations import Equations
from autodiff.readings.listing import Listing
from autodiff.readings.notation import TEX, TEXT, Style


@dataclass(frozen=True, repr=False)
class Derivation:
    """Equations, the forward ones first, then the adjoints from the loss to the arguments.

    `text` is for a terminal and `latex` an `aligned` environment; a notebook shows the latter.
    """

    listing: Listing
    shapes: bool = False
    numbers: bool = False
    indices: bool = False
    side_by_side: bool = False

    @property
    def text(self) -> str:
        """The equations in Unicode, each adjoint with a bar above its letter."""
        rows = self._rows(TEXT)
        left = max(width(row[0]) for row in rows)
        columns = [[padded(name, left) + f" = {right}" for name, right, *_ in rows]]
        if self.side_by_side:
            columns.append([f"|   {' = '.join(row[2:4])}" for row in rows])
        columns.append([row[-1] for row in rows])
        lines = [""] * len(rows)
        for column in columns:
            longest = max(map(width, lines))
            lines = [f"{padded(x, longest)}   {y}" if x else y for x, y in zip(lines, column)]
        lines = [line.rstrip() for line in lines]
        forward = len(self.listing.forward)
        legend = ["", self._equations.legend] if self.indices and self._equations.legend else []
        return "\n".join([*lines[:forward], "", *lines[forward:], *legend])

    @property
    def latex(self) -> str:
        """The equations in LaTeX."""
        lines = []
        for name, right, *beside, note in self._rows(TEX):
            line = f"{name} &= {right}"
            if beside:
                line += f" & \\qquad {beside[0]} &= {beside[1]}"
            spaced = note.replace(" ", r"\ ")
            lines.append(line + (rf" && \mathrm{{{spaced}}}" if note else ""))
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"

    @cached_property
    def _equations(self) -> Equations:
        return Equations(self.listing, self.listing.zeros)

    def _rows(self, style: Style) -> list[tuple[str, ...]]:
        """Return both sides of each equation, in one form or two, and a note: shape, numbers."""
        listing = self.listing
        statements = [*listing.forward, *listing.backward, *listing.zeros]
        sides = [[listing.sides(x, style)] for x in statements]
        if self.indices:
            by_entry = [self._equations.sides(x, style) for x in self._equations.equations]
            sides = [[x, *(y if self.side_by_side else [])] for x, y in zip(by_entry, sides)]
        rows = []
        for statement, forms in zip(statements, sides):
            data = np.asarray(statement.term.data)
            notes = [str(data.shape)] if self.shapes else []
            if self.numbers:
                text = np.array2string(data, precision=4, threshold=6, edgeitems=2)
                notes.append(" ".join(text.split()))
            rows.append((*chain(*forms), "  ".join(notes)))
        return rows


def derivation(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] = 0,
    shapes: bool = False,
    numbers: bool = False,
    indices: bool = False,
    side_by_side: bool = False,
) -> Derivation:
    """Return the equations of `f` and of its derivatives in the arguments `argnums`.

    Variables have the names that they have in the code of `f`; the adjoint of one, the derivative
    of the result in it, has a bar. On request the shape of each stands beside its equation, and
    its numbers for `args`. With `indices` each entry has an equation, in which the axes of arrays
    are letters and matrix products are sums; positions count from 0 as in NumPy, and [i = j] is 1
    where it holds and 0 elsewhere. `side_by_side` has this form and that of whole arrays in one
    line.

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
    >>> def product(W, x):
    ...     return sum(W @ x)
    >>> print(derivation(product, np.ones((3, 2)), np.ones(2), side_by_side=True))
    loss = Σ_i Σ_j w_ij x_j   |   loss = (W x)ᵀ 1
    <BLANKLINE>
    w̄_ij = x_j                |   W̄ = broadcast_to(1, (3,)) xᵀ
    <BLANKLINE>
    i = 0, …, 2;  j = 0, 1
    """
    listing = Listing(f, args, argnums)
    return Derivation(listing, shapes, numbers, indices or side_by_side, side_by_side)


def padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: bars stand above letters."""
    return sum(not unicodedata.combining(character) for character in text)
