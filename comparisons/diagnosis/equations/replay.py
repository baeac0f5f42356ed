"""A backward pass as equations, which can be computed again with some of them changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.arguments import leaves, tree_map
from autodiff.arrays import plain
from autodiff.readings.listing import Listing
from autodiff.readings.notation import CODE
from autodiff.readings.terms import Term, Terms, frozen, key_of
from autodiff.readings.trace import Trace
from autodiff.readings.writing import Writer, parts
from comparisons.diagnosis.equations.paper import MISFIT, argument, on_paper, replaced, within
from comparisons.diagnosis.equations.softmax import with_softmax

Changes = Mapping[Term, Term]
"""Other right sides for some equations, each of which is known by its variable."""

Numbers = dict[Term, Any]


class Backward:
    """The equations of the backward pass of `loss(params, *data)`, in the order of computation.

    `parameters` are variables by the names of the parameters, such as "U" or "layers[0].W", and
    `gradients` those of their gradients, None for one that is zero; `gradient_of` has the others by
    the variable of the parameter. `below` has the equations that depend on one, itself included. N
    is the number of examples, 0 if there is none, and `in_rows` says that each is a row of the data
    and not a column; where shapes leave that open, `loss.batch_axis` may be 0 for rows or 1 for
    columns. What `apart` is, `Trace` says.
    """

    def __init__(
        self, loss: Callable[..., Any], params: Any, data: tuple[Any, ...], apart: bool = False
    ) -> None:
        listed = Listing(loss, (params, *data), 0, apart)
        paper = on_paper(listed) if apart else with_softmax(on_paper(listed))
        root = next(iter(listed.trace.args))
        found = [x for x, path in zip(paper.inputs, listed.trace.inputs) if path[0] == root]
        self.loss, self.listed = loss, listed
        self.parameters = dict(zip(paths(params, root), found))
        self.data = [x for x in paper.inputs if x not in found]
        self.gradient_of = {x: paper.gradients[x] for x in found if x in paper.gradients}
        self.gradients = {path: self.gradient_of.get(x) for path, x in self.parameters.items()}
        self.N, self.in_rows = batch(data, found, getattr(loss, "batch_axis", None))
        self.rights, self.bars, self.value = paper.rights, paper.bars, paper.value
        self.pieces, self.inputs, self.forward = paper.pieces, paper.inputs, paper.forward
        self.names = dict(paper.names)
        if self.N > 1 and self.N not in {n for x in found for n in x.shape}:
            written = {x for right in self.rights.values() for x in numbers_in(right)}
            self.names |= {x: "N" for x in written if x.number == self.N}
        self.adjoints = {x for x in paper.backward if x in self.bars}
        self.inlined: dict[Term, Term] = {}
        for x in paper.backward:
            if x in self.pieces and x not in self.bars:
                self.inlined[x] = replaced(self.rights[x], self.inlined) or self.rights[x]
        below: dict[Term, set[Term]] = {}
        for x in reversed(paper.backward):
            below[x] = {x}.union(*[below[y] for y in below if x in self.of(y)])
        self.equations = [x for x in paper.backward if below[x] & set(self.gradient_of.values())]
        self.below = {x: [y for y in self.equations if y in below[x]] for x in self.equations}
        self.variables = [*paper.inputs, *paper.forward, *self.equations]
        self.known = {
            key_of(right.primitive, right.operands, right.parameters): x
            for x, right in self.rights.items()
            if right.primitive is not None
        }
        self.writer = Writer(self.names, self.bars, {}, listed.terms.has_float32)

    def of(self, variable: Term) -> list[Term]:
        return self.parts(self.rights[variable])

    def parts(self, term: Term) -> list[Term]:
        """Return the variables that a term is written with, each once; a variable is one itself."""
        return [term] if term in self.names else list(dict.fromkeys(parts(term, self.names)))

    def is_adjoint(self, term: Term) -> bool:
        """Return whether a term has a factor that comes back from the loss."""
        if term in self.adjoints or term.forward:
            return term in self.adjoints
        return any(map(self.is_adjoint, self.rights.get(term, term).operands))

    def argument(self, variable: Term) -> Term | None:
        """Return what the activation that gives a variable is taken of; None if none does."""
        return argument(self.rights[variable], self.rights)

    # Numbers.

    def numbers(self, params: Any, data: tuple[Any, ...]) -> Numbers:
        """Return the numbers of all variables for arguments of the same shapes."""
        kinds = (float, np.floating, np.ndarray)
        given = [x for x in leaves([params, *data]) if isinstance(x, kinds)]
        known: Numbers = dict(zip(self.inputs, map(as_float, given)))
        if any(isinstance(x, np.ndarray) for x in self.listed.trace.fixed.values()):
            known |= self.constants(params, data)
        with np.errstate(all="ignore"):
            for x in self.variables:
                known[x] = self.compute(x, known)
        return known

    def constants(self, params: Any, data: tuple[Any, ...]) -> Numbers:
        """Return the arrays outside the graph that labels gave, as in `np.eye(3)[t]`.

        Raises ValueError where the terms are put together in another way.
        """
        old, new = self.listed.terms, Terms(Trace(self.loss, (params, *data), 0))
        if wiring(old) != wiring(new):
            raise ValueError(
                "the equations of the loss change with its labels: index with these, as in z[t], "
                "or use where, in place of masks and arrays that are made of them"
            )
        return {x: y.data for (x, _), (y, _) in zip(old.arrays, new.arrays)}

    def compute(self, term: Term, known: Numbers) -> Any:
        if term in known:
            return known[term]
        if term.primitive is None:
            return term.data if term not in self.rights else self.compute(self.rights[term], known)
        operands = [known[x] if x in known else self.compute(x, known) for x in term.operands]
        return plain(term.primitive.function(*operands, **term.parameters))

    def steps(self, changes: Changes, known: Numbers) -> Iterator[tuple[Term, Any]]:
        """Yield in order the equations that change with some of them, with their numbers."""
        affected = {x for changed in changes for x in self.below[changed]}
        now = dict(known)
        for x in self.equations:
            if x in affected:
                now[x] = self.compute(changes.get(x, self.rights[x]), now)
                yield x, now[x]

    def replay(self, changes: Changes, known: Numbers) -> Numbers | None:
        """Return all numbers as some changes make them; None where they do not fit."""
        try:
            return {**known, **dict(self.steps(changes, known))}
        except MISFIT:
            return None

    # Writing.

    def label(self, variable: Term) -> str:
        """Return the name of the adjoint that an equation, or a piece of one, belongs to."""
        named = (x for x in self.below[variable] if x in self.adjoints and x not in self.pieces)
        return self.names[next(named, variable)]

    def written(self, variable: Term, right: Term | None = None, names: Any = None) -> str:
        """Write an equation as code, with another right side if one is given.

        Without one, names that are not the reader's are explained. `names` are those of a slip.
        """
        term = right or self.rights[variable]
        text = f"{self.names[variable]} = {self.expression(term, names, digits=False)}"
        return text if right else f"{text}{self.meanings([variable, *self.parts(term)], {})}"

    def meanings(self, variables: Iterable[Term], yours: Mapping[Term, str]) -> str:
        """Say in brackets what variables are, as far as their names do not; `yours` says more."""
        found = {x: (yours.get(x), self.meaning(x)) for x in variables}
        said = {self.names[x]: ", ".join(filter(None, y)) for x, y in found.items()}
        meant = [f"{name} is {y}" for name, y in said.items() if y not in ("", f"your {name}")]
        return f" ({'; '.join(meant)})" if meant else ""

    def meaning(self, variable: Term) -> str:
        """Say what an adjoint is that of if that has no name."""
        of = self.bars.get(variable)
        if of is None or of in self.names or variable.forward:
            return ""
        return f"the adjoint of {self.expression(of)}"

    def expression(self, term: Term, names: Any = None, digits: bool = True) -> str:
        """Write a term as code; a number that stands alone to six digits, or to all."""
        writer = self.writer if names is None else replace(self.writer, names=names)
        term = replaced(term, self.inlined) or term
        if term.is_number and term not in writer.names:
            return f"{float(term.number):.6g}" if digits else CODE.number(term.number)
        return writer.operand(term, term, CODE).text


def wiring(terms: Terms) -> list[Any]:
    """Return what terms are but for the numbers in them; digits count."""
    places = [*terms.inputs.values(), *(x for x, _ in terms.arrays), *terms.used]
    at = {x: i for i, x in enumerate(places)}
    return [
        (x.primitive, [at.get(y, repr(y.number)) for y in x.operands], frozen(dict(x.parameters)))
        for x in terms.used
    ]


def numbers_in(term: Term) -> list[Term]:
    return [term] if term.is_number else [y for x in term.operands for y in numbers_in(x)]


def local_values(backward: Backward) -> list[Term]:
    """Return what is made of numbers of the forward pass alone on the way, there or back.

    The first terms of the backward pass hold no adjoint either, but come from the loss.
    """
    forward = [
        y for x in backward.forward if x in backward.rights for y in within(backward.rights[x])
    ]
    back = [y for x in backward.equations for y in within(backward.rights[x])]
    functions = [x for x in back if len(x.operands) == 1 and x.operands[0] in backward.forward]
    return [*forward, *functions, *local_derivatives(backward)]


def local_derivatives(backward: Backward) -> list[Term]:
    """Return what adjoints are multiplied with, element by element."""
    rights = [backward.rights[x] for x in backward.equations]
    products = [y for x in rights for y in (x, *within(x)) if y.primitive is primitives.multiply]
    pairs = [x.operands for x in products]
    return [b for a, b in pairs if backward.is_adjoint(a) and not backward.is_adjoint(b)]


def batch(data: tuple[Any, ...], parameters: Iterable[Term], given: Any = None) -> tuple[int, bool]:
    """Return the number of examples, and whether each is a row and not a column.

    It is the length that the first axes of all arrays share, or the last ones, if no parameter has
    an axis of that length, and rather not 1; where all of these do, vectors are one example. 0 is
    none. Where the axis is `given`, that is it.
    """
    shapes = [np.shape(x) for x in leaves(data) if np.ndim(x)]
    of_parameters = {n for x in parameters for n in x.shape if n > 1}
    possible = []
    for in_rows, axis in ((True, 0), (False, -1)):
        lengths = {shape[axis] for shape in shapes}
        if len(lengths) == 1:
            possible.append((lengths.pop(), in_rows))
    if given is not None:
        alike = [found for found in possible if (given, found[1]) in ((0, True), (1, False))]
        if not alike:
            raise ValueError(f"batch_axis is 0 or 1, the same length in all data, not {given!r}")
        return alike[0]
    alone = [found for found in possible if found[0] not in of_parameters]
    alone.sort(key=lambda found: found[0] == 1)
    if any(len(shape) > 1 for shape in shapes):
        alone += possible
    return next(iter(alone), (0, False))


def paths(tree: Any, root: str = "params") -> list[str]:
    """Return the name of every number or array in a structure, such as "U" or "layers[0].W"."""
    found: list[str] = []
    tree_map(lambda _, path: found.append(path or root), tree)
    return found


def as_float(x: Any) -> Any:
    return plain(np.asarray(x, np.float64))
