"""The slips of the diagnosis as data for a page, which computes them from the numbers it shows."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.readings.steps import as_data
from autodiff.readings.terms import Term
from comparisons.diagnosis.equations.replay import Backward
from comparisons.diagnosis.search.evidence import Claim, evidence
from comparisons.diagnosis.search.trials import Trials
from comparisons.diagnosis.wording import in_words

# What is said to somebody who looks for the formula does not quote it.
FORGOTTEN = re.compile(r"the (factor|slope|term) (?!1 / N was).* was forgotten")


@np.errstate(all="ignore")
def slips(f: Callable[..., Any], params: Any, *data: Any) -> dict[str, Any]:
    """Return the slips in the backward pass of `f(params, *data)`, one program for all of them.

    "terms" are as in `steps`; one with a "variable" has the numbers that the statement of that name
    has. "of" has for each adjoint, by name, the "words" of its slips, the likeliest first, without
    its formula or a part of that, and the "term" that each computes in its place. "names" are
    those of paper alone, such as y and N, each with its "term", and "examples" is the number of
    examples, 0 if there are none.
    """
    found = evidence(f, [(params, data)], [Claim({})])
    backward, trials = found.backward, Trials(found)
    table = Table(backward)

    def said(x: Term) -> list[tuple[str, Term]]:
        options = sorted(trials.options(x), key=lambda slip: slip.cost)
        right = backward.expression(backward.rights[x])
        words = [(in_words(slip, backward)[1], slip.changes[x]) for slip in options]
        return [x for x in words if right not in x[0] or " " not in right]

    return {
        "of": {
            backward.names[x]: [
                {"words": FORGOTTEN.sub(r"a \1 was forgotten", words), "term": table.at(term)}
                for words, term in said(x)
            ]
            for x in backward.equations
            if x in backward.adjoints
        },
        "names": [
            {"name": name, "term": table.at(x)}
            for x, name in backward.names.items()
            if name not in table.shown and (x in backward.forward or x.is_number)
        ],
        "terms": table.terms,
        "examples": backward.N,
    }


class Table:
    """The terms that slips are made of, each once, with the positions that they have."""

    def __init__(self, backward: Backward) -> None:
        self.backward = backward
        statements = [*backward.listed.forward, *backward.listed.backward]
        self.shown = {backward.listed.names[x.term] for x in statements}
        self.shown |= {backward.names[x] for x in backward.inputs}
        self.terms: list[dict[str, Any]] = []
        self.places: dict[Term, int] = {}

    def at(self, term: Term) -> int:
        """Return the position of a term, after those of its operands."""
        if term not in self.places:
            name, right = self.backward.names.get(term), self.backward.rights.get(term)
            if name in self.shown:
                data = {"variable": name, "shape": list(term.shape)}
            elif right is not None:
                return self.places.setdefault(term, self.at(right))
            else:
                data = as_data(term, {x: self.at(x) for x in term.operands})
            self.places[term] = len(self.terms)
            self.terms.append(data)
        return self.places[term]
