"""Which terms get a name, and which one: those of the reader's own code, where it has one."""

from collections import Counter
from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.readings.notation import CODE, Identifiers, cleaned
from autodiff.readings.terms import Term, Terms, frozen
from autodiff.readings.trace import HELPERS, Path, Trace, own_adjoint
from autodiff.readings.writing import Writer, is_range
from autodiff.walk import oldest_first

LONGEST = 60
"""Characters of an expression."""


class Naming:
    """Which terms have a name.

    `names` are those of the reader's code; `pieces` are terms that get a number instead, once their
    order is known: v1, v2, ... in the function, u1, u2, ... in its backward pass, unless they are
    the adjoint of another piece. Until then their names are drafts, only as long as a number is.
    `bars` leads from an adjoint to what it is the adjoint of. `constants` are arrays that are
    written beside the function, by name, `arrays` the names of arrays of positions, by content, and
    `identifiers` knows the names that nothing else may have.
    """

    def __init__(self, trace: Trace, terms: Terms) -> None:
        """Name what the reader's code names, the adjoints of that, and what is used repeatedly."""
        self.trace, self.terms, self.used = trace, terms, set(terms.used)
        self.uses = Counter(x for term in terms.used for x in term.operands)
        called = [getattr(x.primitive.function, "__name__", "") for x in terms.used if x.primitive]
        self.identifiers = Identifiers([*trace.args, *HELPERS, *called])
        self.names: dict[Term, str] = {}
        self.pieces: set[Term] = set()
        self.constants: dict[str, Any] = {}
        self.arrays: dict[Any, str] = {}
        unkeyed = {
            x for path, x in trace.inputs.items() if sum(isinstance(k, str) for k in path) == 1
        }
        self.repeated = Counter(
            name for x, name in trace.names.items() if x.primitive is not None or x in unkeyed
        )
        for path, term in terms.inputs.items():
            self.names[term] = self.identifier(*self.wish(path)) if path[1:] else path[0]
        for term, wish in terms.arrays:
            self.names[term] = self.identifiers.new(wish.upper())
            self.constants[self.names[term]] = term.data
        for node in oldest_first([trace.value]):
            known, term = node.name or trace.names.get(node), terms.of_node[node]
            if known and self.is_free(term):
                self.names[term] = self.identifier(known)
        if self.is_free(terms.value):
            self.names[terms.value] = self.identifiers.new("loss")
        self.bars = self.adjoints()
        for adjoint, term in self.bars.items():
            if term in self.names and self.is_free(adjoint) and not adjoint.forward:
                self.names[adjoint] = self.identifiers.new(f"{self.names[term]}_bar")
        for term in terms.used:
            if self.uses[term] > 1 and self.is_free(term) and not self.is_short(term):
                self.set_apart(term)
        for term in terms.used:
            index = term.parameters.get("index")
            for x in index if isinstance(index, tuple) else (index,):
                if isinstance(x, np.ndarray) and not is_range(x) and frozen(x) not in self.arrays:
                    self.arrays[frozen(x)] = self.identifiers.new("INDEX")
                    self.constants[self.arrays[frozen(x)]] = x

    def wish(self, path: Path) -> tuple[str, bool]:
        """Return the name of an input, and whether others may have it: its key or a variable's."""
        last = max(i for i, key in enumerate(path) if isinstance(key, str))
        if last == 0 and self.trace.inputs[path] in self.trace.names:
            return self.trace.names[self.trace.inputs[path]], True
        indices = "".join(str(key + 1) for key in path[last + 1 :])
        return f"{path[last]}_{indices}" if indices else path[last], False

    def identifier(self, wish: str, shared: bool = True) -> str:
        """Return a new name; one that a loop gives to several gets a number each time."""
        if shared and self.repeated[wish] > 1:
            return self.identifiers.numbered(f"{cleaned(wish)}_")
        return self.identifiers.new(wish)

    def adjoints(self) -> dict[Term, Term]:
        """Return what each adjoint belongs to.

        Of several terms with the same adjoint the one nearest to the loss lends its name.
        """
        bars: dict[Term, Term] = {}
        for term in reversed([*self.terms.inputs.values(), *self.terms.used]):
            if term in self.terms.adjoints:
                adjoint = self.terms.adjoints[term]
                of = bars.setdefault(adjoint, term)
                if term in self.names and of not in self.names:
                    bars[adjoint] = term
        return bars

    def is_free(self, term: Term) -> bool:
        return term in self.used and term not in self.names

    def is_short(self, term: Term) -> bool:
        """Return whether a term is written again rather than named."""
        if term.primitive is primitives.transpose and term.operands[0] in self.names:
            return True
        return all(x.is_number for x in term.operands)

    def set_apart(self, term: Term) -> None:
        """Have a term that the reader's code has no name for named; an adjoint after its term."""
        of = self.bars.get(term)
        if of is not None and self.is_free(of) and self.uses[of]:
            self.draft(of)
        if of not in self.names or term.forward:
            self.draft(term)
        elif of in self.pieces:
            self.draft(term, f"{self.names[of]}_bar")
        else:
            self.names[term] = self.identifiers.new(f"{self.names[of]}_bar")

    def draft(self, piece: Term, name: str = "") -> None:
        self.pieces.add(piece)
        self.names[piece] = name or ("v0" if piece.forward else "u0")

    def shorten(self) -> None:
        """Set parts of expressions apart that would become too long where they are written."""
        writer = Writer(self.names, self.bars, self.arrays, self.terms.has_float32)
        texts: dict[Term, str] = {}
        for term in self.terms.used:
            while True:
                text = writer.expression(term, CODE).text
                inline = [x for x in term.operands if x not in self.names and x.operands]
                fits = len(text) + len(self.names.get(term, "")) <= LONGEST
                if fits or not inline or term.primitive is own_adjoint:
                    break
                self.set_apart(max(inline, key=lambda x: len(texts[x])))
            texts[term] = text
