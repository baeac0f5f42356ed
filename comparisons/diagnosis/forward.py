"""Mistakes in a forward pass, and the backward pass judged for the network that was written.

The forward pass is a list of equations too. Where the numbers that it gives are not among those of
the code, slips are tried in it until they are.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.arguments import leaves
from autodiff.graph import Node
from autodiff.readings.terms import Term
from comparisons.diagnosis import diagnose
from comparisons.diagnosis.equations.paper import MISFIT, made, rebuilt, replaced, within
from comparisons.diagnosis.equations.replay import (
    Backward,
    Changes,
    Numbers,
    as_float,
    local_values,
)
from comparisons.diagnosis.search.evidence import Claim, Evidence, alike, bound, evidence, merged
from comparisons.diagnosis.slips.kinds import FAR_FETCHED, Kind
from comparisons.diagnosis.slips.typical import (
    Slip,
    alike_in_layers,
    cross_entropy,
    slips_in_forward,
)
from comparisons.diagnosis.wording import Diagnosis, in_words
from comparisons.printing import listed

FACTORS = (-1.0, 2.0, 0.5, 10.0, 0.1)
MOST = 4  # mistakes in one forward pass
RIGHT_FOR = "The backward pass is right for the network that {}."

Draw = tuple[Any, tuple[Any, ...]]  # parameters and data


class Forward(NamedTuple):
    """What is wrong with a forward pass, and with the backward pass beside that.

    `mistakes` are dicts of plain text, as those of an `Explanation`, and `places` the positions of
    the variables in which each shows. `remark` says for which network the backward pass is right,
    or is judged in `backward`; there is neither where the gradients are right.
    """

    mistakes: list[dict[str, str]]
    places: list[list[int]]
    remark: str = ""
    backward: Diagnosis | None = None


@np.errstate(all="ignore")
def judge(
    loss: Callable[..., Any],
    points: Sequence[Draw],
    found: Evidence,
    variables: Sequence[tuple[str, Any]],
    returned: float | None,
    diagnosis: Diagnosis | None = None,
) -> Forward | None:
    """Return what is wrong with the forward pass of code that was checked at `points`, if anything.

    `variables` are the names and values seen in the code at the first point, in order, and
    `returned` is the loss there. Beside the `diagnosis` of its gradients, a mistake is found too
    that shows in these alone.
    """
    search = Search(found, variables, returned, points[0])
    slips = search.slips()
    if diagnosis is not None:
        slips = slips or search.hidden(unknown=not diagnosis.explanations)
    if not slips:
        return None
    now = search.numbers(merged(slips))
    mistakes = [search.in_text(x) for x in slips]
    places = [search.places(x, now) for x in slips]
    if not found.wrong:
        return Forward(mistakes, places)
    rights, is_known = search.written(slips), slips[0].kind is not Kind.SOMETHING_ELSE
    if not is_known:  # but at the first point
        found, points = replace(found, cases=found.cases[:1]), points[:1]
    else:
        claims = [Claim(case.claimed, found.named) for case in found.cases]
        written = evidence(Written(loss, found.backward, rights), points, claims, found.variables)
        if not written.wrong:
            return Forward(mistakes, places, RIGHT_FOR.format("you wrote"))
    asked = on_numbers(found, points, rights)
    if not asked.wrong:
        return Forward(mistakes, places, RIGHT_FOR.format("was asked for"))
    for_asked = diagnose.diagnosis(asked, [])
    if is_known and fewest(for_written := diagnose.diagnosis(written, [])) <= fewest(for_asked):
        return Forward(mistakes, places, "For the network that you wrote:", for_written)
    if not is_known and fewest(for_asked) > 1:
        return Forward(mistakes, places, "The backward pass can be judged once this is right.")
    return Forward(mistakes, places, "With the numbers of your forward pass:", for_asked)


def on_numbers(found: Evidence, points: Sequence[Draw], rights: Changes) -> Evidence:
    """Return the backward pass asked for, on the numbers that a forward pass with slips gives."""
    backward = copy(found.backward)
    backward.rights = rights
    known = [backward.numbers(*point) for point in points]
    cases = [case._replace(known=x) for case, x in zip(found.cases, known)]
    return replace(found, backward=backward, cases=cases)


def fewest(diagnosis: Diagnosis) -> float:
    numbers = [] if diagnosis.left else [len(x.slips) for x in diagnosis.explanations]
    return min(numbers, default=np.inf)


class Written:
    """The loss of a network with other right sides in its forward pass; called as the loss is."""

    def __init__(self, loss: Callable[..., Any], backward: Backward, rights: Changes) -> None:
        self.backward, self.rights = backward, rights
        self.__code__ = getattr(loss, "__code__", None)  # it names the arguments

    def __call__(self, *args: Any) -> Any:
        given = [x for x in leaves(args) if isinstance(x, Node)]
        return self.value(self.backward.value, dict(zip(self.backward.inputs, given)))

    def value(self, term: Term, known: Numbers) -> Any:
        """Return what a term is; a variable that held a Value here would give it its name."""
        if term not in known:
            known[term] = self.computed(term, known)
            if isinstance(known[term], Node) and known[term].name is None:
                known[term].name = self.backward.names.get(term)
        return known[term]

    def computed(self, term: Term, known: Numbers) -> Any:
        if term in self.rights:
            return self.value(self.rights[term], known)
        if term.primitive is None:
            return term.data
        return term.primitive(*[self.value(x, known) for x in term.operands], **term.parameters)


class Search:
    """The search for slips in a forward pass that give the numbers that were seen.

    `rights` are the right sides, in which a cross-entropy is written with target and output, its
    `losses`; `fused` leads from it to what stands in the loss.
    """

    def __init__(
        self, found: Evidence, seen: Sequence[tuple[str, Any]], returned: float | None, point: Draw
    ) -> None:
        self.found, self.backward, self.seen, self.returned = found, found.backward, seen, returned
        self.first, self.point = replace(found, cases=found.cases[:1]), point
        self.known = found.cases[0].known
        # What only masks and the loss read can give by chance what a slip on the way back gives.
        rights = self.backward.rights
        readers = [
            rights[x] for x in self.backward.variables if x in rights and not self.is_loss(x)
        ]
        self.read = {x for right in readers for x in outside_masks(right, self.backward)}
        self.inner = [x for x in local_values(self.backward) if x.ndim]
        self.norms = np.array([np.linalg.norm(x) for _, x in seen])
        self.given = {i for x in self.backward.inputs for i in self.at(x, self.known)}
        self.fused: dict[Term, Term] = {}
        self.losses: dict[Term, tuple[Term, Term]] = {}
        shown = [x for x in self.backward.forward if x in rights and x not in self.backward.pieces]
        # Integers may be one-hot rows on paper, as not in the loss itself.
        shown = [x for x in shown if rights[x].primitive is not primitives.scatter]
        rights = {x: self.apart(rights[x]) for x in shown}
        self.rights: dict[Term, Term] = {}
        while left := [x for x in rights if x not in self.rights]:  # in the order of computation
            read = {x: self.backward.parts(rights[x]) for x in left}
            self.rights |= {x: rights[x] for x in left if set(left).isdisjoint(read[x])}

    def apart(self, term: Term) -> Term:
        """Write the cross-entropy of a logit as that of the output."""
        if term.primitive is not primitives.logistic_cross_entropy:
            operands = tuple(map(self.apart, term.operands))
            return term if operands == term.operands else rebuilt(term, *operands) or term
        z, t = term.operands
        sigmoids = {
            right.operands[0]: x
            for x, right in self.backward.rights.items()
            if x.forward and right.primitive is primitives.sigmoid
        }
        y = sigmoids.get(z) or made(primitives.sigmoid, z)
        whole = cross_entropy(t, y)
        self.fused[whole], self.losses[whole] = term, (t, y)
        return whole

    def written(self, slips: Sequence[Slip]) -> dict[Term, Term]:
        """Return all right sides with slips, the cross-entropy as in the loss where y is right."""
        rights = {**self.backward.rights, **self.rights, **merged(slips)}
        if merged(slips).keys().isdisjoint(y for _, y in self.losses.values()):
            rights |= {x: replaced(rights[x], self.fused) or rights[x] for x in self.rights}
        return rights

    def slips(self) -> list[Slip]:
        """Return slips, each of which explains most of what was seen beside those before."""
        slips: list[Slip] = []
        while len(slips) < MOST:
            before = len(self.explained(self.numbers(merged(slips))))
            ranks = [(self.rank([*slips, x]), x) for x in self.possible(merged(slips))]
            rank, slip = max(ranks, key=lambda x: x[0], default=((0,), None))
            if slip is None or rank[0] <= before:
                break
            slips.append(slip)
        return slips

    def rank(self, slips: Sequence[Slip]) -> tuple[int, int, int]:
        """Return how much is explained, by named terms and by others, and how likely that is."""
        now, last = self.numbers(merged(slips)), slips[-1]
        inner = [x for x in path(last, self.rights) if now and self.at(x, now) - self.given]
        return len(self.explained(now)), len(inner), -last.cost

    def hidden(self, unknown: bool) -> list[Slip]:
        """Return a slip that gives the gradients claimed, if not what was seen.

        With `unknown` it may also be of no kind, if a variable of the code, put in place of one,
        gives either what was seen after that or the gradients.
        """
        before = len(self.explained(self.numbers({})))
        others = chain(self.possible({}), self.of_no_kind() if unknown else ())
        for slip in others if self.found.wrong else ():
            more = len(self.explained(self.numbers(slip.changes))) - before
            least = 2 if self.read.isdisjoint(slip.changes) else slip.kind is Kind.SOMETHING_ELSE
            if more > 1 or (more >= least and self.fits(slip)):
                return [slip]
        return []

    def fits(self, slip: Slip) -> bool:
        """Return whether the right backward pass gives what is claimed at the first point."""
        try:
            return not on_numbers(self.first, [self.point], self.written([slip])).wrong
        except MISFIT:
            return False

    def of_no_kind(self) -> Iterator[Slip]:
        for x in self.unconfirmed({}):
            for i, (name, value) in enumerate(self.seen):
                data = laid_out(value, np.shape(self.known[x]))
                if data is not None and i not in self.given and not self.is_loss(x):
                    term = Term(data)
                    names = {**self.backward.names, term: name}
                    yield Slip({x: term}, ((Kind.SOMETHING_ELSE, ()),), FAR_FETCHED, names)

    def possible(self, changes: Changes) -> Iterator[Slip]:
        """Yield the slips in equations that nothing that was seen shows to be right."""
        N = self.backward.N or 1
        slips_in = partial(slips_in_forward, rights=self.rights, losses=self.losses)
        judged = [x for x in self.unconfirmed(changes) if self.found.wrong or self.is_loss(x)]
        for slip in chain(
            *(slips_in(self.backward, x) for x in judged),
            alike_in_layers(self.backward, judged, slips_in),
        ):
            if not changes.keys().isdisjoint(slip.changes):
                continue
            if slip.factor is not None:
                more = (N, 1 / N, N / 2) if any(map(self.is_loss, slip.changes)) else ()
                yield from (bound(self.found, slip, k) for k in (*FACTORS, *more))
            elif slip.cost < FAR_FETCHED:
                yield slip

    def is_loss(self, x: Term) -> bool:
        return x is self.backward.value

    def unconfirmed(self, changes: Changes) -> list[Term]:
        """Return the variables that are not seen, and what is made of them neither."""
        now, parts = self.numbers(changes), self.backward.parts
        terms = [y for x in self.rights for y in within(self.backward.rights[x]) if y.ndim]
        shown = {x for y in terms if self.at(y, now) for x in parts(y)}
        confirmed = set(changes)
        for x in reversed(self.rights):
            if x in shown or self.at(x, now) or any(x in parts(self.rights[y]) for y in confirmed):
                confirmed.add(x)
        return [x for x in self.rights if x not in confirmed]

    # What was seen.

    def numbers(self, changes: Changes) -> Numbers:
        """Return the numbers of the forward pass with some changes; none where they do not fit."""
        now = {x: self.known[x] for x in self.backward.inputs}
        try:
            for x, right in self.rights.items():
                now[x] = self.backward.compute(changes.get(x, right), now)
                if np.shape(now[x]) != np.shape(self.known[x]):
                    return {}
        except MISFIT:
            return {}
        return now

    def explained(self, now: Numbers) -> set[int]:
        """Return where the numbers of a forward pass are seen."""
        return {i for x in [*now, *(self.inner if now else ())] for i in self.at(x, now)}

    def at(self, x: Term, now: Numbers) -> set[int]:
        """Return the positions of a number or an array among what was seen, -1 for the loss.

        A loss counts if it was returned: another number may be equal to a wrong one by chance.
        """
        if self.is_loss(x) and (self.returned is None or not alike(self.returned, now[x])):
            return set()
        data = as_float(self.backward.compute(x, now))  # masks as numbers
        norm = np.linalg.norm(data)
        # What is 0 may be what a sum begins with.
        near = map(int, np.flatnonzero(abs(self.norms - norm) < 1e-6 * norm))
        found = {i for i in near if alike(self.seen[i][1], data)}
        return found | {-1} if self.is_loss(x) else found

    def places(self, slip: Slip, now: Numbers) -> list[int]:
        """Return the positions of variables that show a slip, one for each equation alike."""
        alike = [x for x in slip.changes if self.at(x, now)] if len(slip.made) > 1 else []
        parts = [slip._replace(changes={x: slip.changes[x]}) for x in alike] or [slip]
        return [i for part in parts if (i := self.place(part, now)) is not None]

    def place(self, slip: Slip, now: Numbers) -> int | None:
        """Return the position of the first variable that shows a slip."""
        for x in path(slip, self.rights):
            if inner := self.at(x, now) - self.given:
                return min(inner)
        order, names = [x for x in now if x in self.backward.names], self.backward.names
        for i in range(max(map(order.index, slip.changes)), len(order)):
            others = {names[x] for x in order if x is not order[i]}
            at = [k for k in self.at(order[i], now) if k >= 0 and self.seen[k][0] not in others]
            if at:  # what holds the same numbers as a variable before it was assigned last
                before = any(not self.at(x, now).isdisjoint(at) for x in order[:i])
                return max(at) if before else min(at)
        return None

    def in_text(self, slip: Slip) -> dict[str, str]:
        backward, changes = self.backward, slip.changes
        kind, words = in_words(slip, backward)
        written = listed([backward.written(x, y, slip.names) for x, y in changes.items()])
        return {
            "kind": kind,
            "equation": listed([backward.names[x] for x in changes]),
            "right": listed([backward.written(x, self.rights[x]) for x in changes]),
            "written": "" if slip.kind is Kind.SOMETHING_ELSE else written,
            "words": words,
        }


def path(slip: Slip, rights: Changes) -> list[Term]:
    """Return the terms from a slip up to the right side that it is in, without that."""
    return [y for x, right in slip.changes.items() for y in differing(right, rights[x])[:-1]]


def differing(new: Term, old: Term) -> list[Term]:
    """Return the terms in which a right side differs from another, the innermost first."""
    pairs = list(zip(new.operands, old.operands))
    inner = [(x, y) for x, y in pairs if x is not y]
    is_inside = new.primitive is old.primitive and len(inner) == 1 and inner[0][0].operands
    return [*(differing(*inner[0]) if is_inside else ()), new]


def outside_masks(term: Term, backward: Backward) -> Iterator[Term]:
    """Yield the variables that a right side is written with, but for those in masks alone."""
    for x in term.operands:
        if x in backward.names:
            yield x
        elif not x.is_mask:
            yield from outside_masks(x, backward)


def laid_out(x: Any, shape: tuple[int, ...]) -> Any:
    """Return an array with a shape, transposed or with axes of 1 if need be; None if it has not."""
    for y in (np.asarray(x), np.transpose(x)):
        if np.squeeze(y).shape == tuple(n for n in shape if n != 1):
            return y.reshape(shape)
    return None
