"""Which terms get a name, and which one: those of the reader's own code, where it has one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from autodiff import primitives
from autodiff.readings.notation import CODE, Identifiers, cleaned
from autodiff.readings.terms import Term, Terms, frozen
from autodiff.readings.trace import HELPERS, Path, Trace
from autodiff.readings.writing import Writer, index_arrays
from autodiff.walk import oldest_first

LONGEST = 60
"""Characters of an expression."""


class Naming(NamedTuple):
    """Which terms have a name.

    `names` are those of the reader's code, and `pieces` the terms that get a number instead, once
    their order is known: v1, v2, ... in the function, u1, u2, ... in its backward pass, unless they
    are the adjoint of another piece. `bars` leads from an adjoint to what it is the adjoint of.
    `constants` are arrays that are written beside the function, by name, `arrays` the names of
    arrays of positions, by content, and `taken` the names that nothing else may have.
    """

    names: Mapping[Term, str]
    pieces: frozenset[Term]
    bars: Mapping[Term, Term]
    constants: Mapping[str, Any]
    arrays: Mapping[Any, str]
    taken: frozenset[str]

    def is_named(self, term: Term) -> bool:
        return term in self.names or term in self.pieces


def name(trace: Trace, terms: Terms) -> Naming:
    return Namer(trace, terms).naming()


class Namer:
    """The choice of names: `names` are final, those in `drafts` only as long as a number is."""

    def __init__(self, trace: Trace, terms: Terms) -> None:
        self.trace, self.terms, self.used = trace, terms, set(terms.used)
        self.identifiers = Identifiers([*trace.parameters, *HELPERS])
        self.names: dict[Term, str] = {}
        self.drafts: dict[Term, str] = {}
        unkeyed = {
            x for path, x in trace.inputs.items() if sum(isinstance(k, str) for k in path) == 1
        }
        self.repeated = Counter(
            name for x, name in trace.names.items() if x.primitive is not None or x in unkeyed
        )

    def naming(self) -> Naming:
        """Name what the reader's code names, the adjoints of that, and what is used repeatedly."""
        for path, term in zip(self.trace.inputs, self.terms.inputs):
            self.give(term, self.identifier(*self.wish(path)) if path[1:] else path[0])
        constants = {}
        for term, wish in self.terms.arrays:
            self.give(term, self.identifiers.new(wish.upper()))
            constants[self.names[term]] = term.data
        for node in oldest_first([self.trace.value]):
            known, term = node.name or self.trace.names.get(node), self.terms.of_node[node]
            if known and self.is_free(term):
                self.give(term, self.identifier(known))
        if self.terms.value.primitive is not None and self.terms.value not in self.names:
            self.give(self.terms.value, self.identifiers.new("loss"))
        self.bars = self.adjoints()
        for adjoint, term in self.bars.items():
            if term in self.names and self.is_free(adjoint) and not adjoint.forward:
                self.give(adjoint, self.identifiers.new(f"{self.names[term]}_bar"))
        for term in self.terms.used:
            if self.terms.uses[term] > 1 and self.is_free(term) and not self.is_short(term):
                self.set_apart(term)
        arrays: dict[Any, str] = {}
        for x in index_arrays(self.terms.used):
            if frozen(x) not in arrays:
                arrays[frozen(x)] = self.identifiers.new("INDEX")
                constants[arrays[frozen(x)]] = x
        self.shorten(arrays)
        pieces = frozenset(self.drafts.keys() - self.names.keys())
        taken = frozenset(self.identifiers.taken)
        return Naming(self.names, pieces, self.bars, constants, arrays, taken)

    def give(self, term: Term, name: str) -> None:
        self.names[term] = self.drafts[term] = name

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
        for term in reversed([*self.terms.inputs, *self.terms.used]):
            if term in self.terms.adjoints:
                adjoint = self.terms.adjoints[term]
                of = bars.setdefault(adjoint, term)
                if term in self.names and of not in self.names:
                    bars[adjoint] = term
        return bars

    def is_free(self, term: Term) -> bool:
        return term in self.used and term not in self.drafts

    def is_short(self, term: Term) -> bool:
        """Return whether a term is written again rather than named."""
        if term.primitive is primitives.transpose and term.operands[0] in self.drafts:
            return True
        return all(x.is_number for x in term.operands)

    def set_apart(self, term: Term) -> None:
        """Have a term that the reader's code has no name for named; an adjoint after its term."""
        of = self.bars.get(term)
        if of is not None and self.is_free(of) and self.terms.uses[of]:
            self.drafts[of] = "v0" if of.forward else "u0"
        if of is None or of not in self.drafts or term.forward:
            self.drafts[term] = "v0" if term.forward else "u0"
        elif of in self.names:
            self.give(term, self.identifiers.new(f"{self.names[of]}_bar"))
        else:
            self.drafts[term] = f"{self.drafts[of]}_bar"

    def shorten(self, arrays: Mapping[Any, str]) -> None:
        """Set parts of expressions apart that would become too long."""
        writer = Writer(self.drafts, self.bars, arrays, self.terms.has_float32)
        texts: dict[Term, str] = {}
        for term in self.terms.used:
            while True:
                text = writer.expression(term, CODE).text
                inline = [x for x in term.operands if x not in self.drafts and x.operands]
                if len(text) + len(self.drafts.get(term, "")) <= LONGEST or not inline:
                    break
                self.set_apart(max(inline, key=lambda x: len(texts[x])))
            texts[term] = text


def numbered(naming: Naming, order: Sequence[Term]) -> dict[Term, str]:
    """Return the names of all named terms; pieces are numbered in the order of the statements."""
    identifiers = Identifiers(naming.taken)
    names = dict(naming.names)
    for term in order:
        if term in naming.pieces:
            of = naming.bars.get(term)
            if of in naming.pieces and not term.forward:
                names[term] = identifiers.new(f"{names[of]}_bar")
            else:
                names[term] = identifiers.numbered("v" if term.forward else "u")
    return names
