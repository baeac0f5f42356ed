"""What a diagnosis says: plain text and sentences, made of what the search has found."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.check.ratio import first_fitting, fraction, share
from autodiff.readings.terms import Term
from comparisons.diagnosis.equations.replay import Backward, Changes, Numbers, as_float
from comparisons.diagnosis.places import Place, Places, Spot, place_of, times
from comparisons.diagnosis.search.evidence import (
    RIGHT,
    Evidence,
    difference,
    is_close,
    merged,
    multiple,
)
from comparisons.diagnosis.search.search import Fit
from comparisons.diagnosis.slips.kinds import Kind
from comparisons.diagnosis.slips.typical import Slip
from comparisons.printing import listed

ON_FACTORS = {f"{x} {y}" for x in ("adjoint", "factor", "slope") for y in ("forgotten", "twice")}
"""Labels of kinds that are counted as "1/N" where the factor is N or 1/N."""


class Explanation(NamedTuple):
    """Slips, in the order of the backward pass, that give the claimed gradients.

    `slips` are dicts of plain text: "kind", "equation" (the name of what was computed wrongly),
    "where" (what has that in the code), "right" and "written" (equations as code), "words". `error`
    is the largest difference that is left, in units of the largest entry, and `spots` are where in
    the code each slip stands, or shows first, if that is known; `lines` say so.
    """

    slips: tuple[dict[str, str], ...]
    error: float
    spots: Sequence[Spot | None]

    @property
    def lines(self) -> list[str]:
        return [str(spot or "") for spot in self.spots]


class Diagnosis(NamedTuple):
    """What is wrong with claimed gradients, and why.

    `right` and `wrong` are names of parameters; `explanations` are those that fit equally well, the
    first the most likely, and `left` says what they do not explain; `first_wrong` names, where
    there is none, the adjoint that disagrees first on the way back from the loss; `warnings` say
    what cannot be seen at the points given.
    """

    right: list[str]
    wrong: list[str]
    errors: Mapping[str, float]
    explanations: Sequence[Explanation] = ()
    left: Sequence[str] = ()
    first_wrong: str = ""
    remarks: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        return not self.wrong

    @property
    def text(self) -> str:
        """The diagnosis in sentences."""
        return "\n".join([*self.sentences(), *self.warnings])

    def __str__(self) -> str:
        return self.text

    def sentences(self) -> list[str]:
        """Say what is wrong: the slips, or where the search for one has to begin."""
        if self.ok:
            return ["The gradients are right.", *self.remarks]
        if not self.explanations:
            return ["No typical slips give these numbers.", *self.remarks]
        first, *others = self.explanations
        if not first.slips[0]["equation"]:
            words = first.slips[0]["words"]
            return [f"{words[0].upper()}{words[1:]}."]
        same = [f"{places(other)}: {written(other)}" for other in others[:3]]
        alike = [f"The same numbers come out if {x}." for x in same]
        several = self.left or len({slip["right"] for slip in first.slips}) > 1
        said = self.one_by_one(first) if several else [self.explained(first), *first.lines[:1]]
        return [*filter(None, said), *alike]

    def explained(self, first: Explanation) -> str:
        """Say in a sentence what happened and how it is known."""
        start = "; ".join(filter(None, (first.slips[0]["before"], places(first))))
        right = f"it should be {once(slip['right'] for slip in first.slips)}"
        start = re.sub("^(in|your) ", lambda match: match[0].capitalize(), start)
        return short(f"{start}: {right}; with {written(first)} {self.reproduced(first)}.")

    def reproduced(self, first: Explanation) -> str:
        rest = f" ({are(self.right)} right)" if self.right else ""
        exactly = f"to {first.error:.0e}" if first.error else "to the last bit"
        return f"your {are(self.wrong)} reproduced {exactly}{rest}"

    def one_by_one(self, first: Explanation) -> list[str]:
        """Say of several mistakes where each is, the one to mend first at the beginning."""
        found: dict[str, list[int]] = {}
        for i, slip in enumerate(first.slips):
            found.setdefault(slip["right"], []).append(i)
        several = len({first.lines[ones[0]] or right for right, ones in found.items()})
        start, them = f"{several} mistakes were found, in the order of the backward pass", "them"
        if several == 1:
            shows = ", which shows in several equations" if len(found) > 1 else ""
            start, them = f"One mistake was found{shows}", "it"
        said = [f"{start}; with {them} {self.reproduced(first)}." if not self.left else f"{start}."]
        for right, ones in found.items():
            slips = [first.slips[i] for i in ones]
            words = once(slip["words"] for slip in slips)
            line = first.lines[ones[0]]
            is_same = line and line in said
            what = "Then" if len(said) > 1 else "Mend this first"
            start = f"{'By the same line' if is_same else what}: in {slips[0]['where']}"
            yours = f"it should be {right}, and you have {slips[-1]['written']}"
            said += [short(f"{start}, {words}: {yours}."), "" if is_same else line]
        return [*said, *self.left]


def places(explanation: Explanation) -> str:
    found: dict[str, list[str]] = {}
    for slip in explanation.slips:
        found.setdefault(slip["where"], []).append(slip["words"])
    return " and ".join(f"in {where}, {once(words)}" for where, words in found.items())


def written(explanation: Explanation) -> str:
    return once(slip["written"] for slip in explanation.slips)


def short(text: str) -> str:
    """Return a text with fractions or six digits in place of long decimal numbers."""
    for x in re.findall(r"\d+\.\d{7,}(?!e)", text):
        text = text.replace(x, first_fitting(float(x), [fraction(float(x))], 1e-12).code)
    return text


def once(texts: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(texts))


def are(names: Sequence[str]) -> str:
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"


def in_text(fit: Fit, evidence: Evidence) -> Explanation:
    slips, error = fit
    backward, changes, known = evidence.backward, merged(slips), evidence.cases[0].known
    now = backward.replay(changes, known) or known
    terms = [*backward.forward, *(x for x in backward.equations if x in backward.bars)]
    found = {x: y for x in terms if changes and (y := place_of(x, now, evidence))}
    said = texts(slips, backward, found)
    first = [
        next((found[x] for x in differing(slip, changes, evidence) if x in found), None)
        for slip in slips
    ]
    at = Counter(place.variable.line for place in first if place)
    spots: list[Spot | None] = [None] * len(slips)
    for i, (slip, place) in enumerate(zip(slips, first)):
        if place is not None:
            is_certain = not place.is_returned or at[place.variable.line] > 1
            is_own = is_local(slip, place, found, backward) and not lacks_share(backward, now, slip)
            spots[i] = Spot(place.variable, is_certain and is_own)
    return Explanation(tuple(said), error, spots)


def differing(slip: Slip, changes: Changes, evidence: Evidence) -> list[Term]:
    """Return the equations that a slip, among others, gives other numbers, or may give them."""
    backward, known = evidence.backward, evidence.cases[0].known
    others = {x: right for x, right in changes.items() if x not in slip.changes}
    with_all, without = (backward.replay(some, known) or known for some in (changes, others))
    below = [x for y in slip.changes for x in backward.below[y]]
    pairs = {x: (as_float(with_all[x]), as_float(without[x])) for x in below}
    return [x for x in below if not difference(*pairs[x], 0.0) <= RIGHT] or below


def is_local(slip: Slip, place: Place, found: Places, backward: Backward) -> bool:
    """Return whether a slip was made in the line of a place, and not where that has come from.

    What a line adds to what was there may be wrong in another. One of the terms of a gradient has a
    line of its own, which is right. A dict may only collect what has been computed.
    """
    text, x = place.variable.text, next(iter(slip.changes))
    added = (Kind.DECAY, Kind.CONSTANT, Kind.CONSTANT_IN)
    is_added = slip.kind in added or re.search(r"[-+*/@]=|^(\w+) = \1 [-+]", text)
    is_term = slip.kind.label == Kind.TERM_FORGOTTEN.label and x in backward.gradients.values()
    read = {found[y].variable.name for y in backward.parts(slip.changes[x]) if y in found}
    is_computed = place.variable.name or not read.isdisjoint(re.findall(r"\w+", text))
    return bool(is_computed and not is_added and (place.is_called or not is_term))


def lacks_share(backward: Backward, now: Numbers, slip: Slip) -> bool:
    """Return whether an adjoint, which is not a gradient, is N times what it should be."""
    x = next(iter(slip.changes))
    k = multiple(now[x], backward.compute(backward.rights[x], now))
    return x not in backward.gradients.values() and k is not None and is_close(k, backward.N)


def texts(slips: Sequence[Slip], backward: Backward, found: Places) -> list[dict[str, str]]:
    """Return slips as plain text; one upon another is written with what that has brought in."""
    names = {x: name for slip in slips for x, name in slip.names.items()}
    changes = merged(slips)
    return [slip_in_text(x._replace(names=names), changes, backward, found) for x in slips]


def slip_in_text(slip: Slip, changes: Changes, backward: Backward, found: Places) -> dict[str, str]:
    """Return a slip as plain text; `changes` are those of all slips that were made."""
    label, words = in_words(slip, backward)
    taken = {"", *(found[x].variable.name for x in slip.changes if x in found)}
    yours = {x: y for x, y in found.items() if y.variable.name not in taken}
    before = [
        f"your {yours[x].variable.name}" if x in yours else backward.names[x]
        for x in dict.fromkeys(x for term in slip.changes for x in backward.of(term))
        if x in backward.adjoints and x not in changes and backward.bars[x] not in backward.pieces
    ]
    held = {x: f"{times(1 / y.factor, backward.N)}your {y.variable.name}" for x, y in yours.items()}
    right = [
        backward.written(x, backward.rights[x])
        + backward.meanings([x, *backward.of(x), *backward.parts(changes[x])], held)
        for x in slip.changes
    ]
    return {
        "kind": label,
        "equation": listed([backward.label(x) for x in slip.changes]),
        "right": " and ".join(right),
        "written": " and ".join(backward.written(x, changes[x], slip.names) for x in slip.changes),
        "words": words,
        "where": " and ".join(where(x, found.get(x), backward) for x in slip.changes),
        "before": f"{are(before)} right" if before else "",
    }


def where(x: Term, place: Place | None, backward: Backward) -> str:
    """Say what an adjoint is that of, after the name of the variable that has it, if one does."""
    x = next((y for y in backward.below[x] if y in backward.bars), x)
    is_gradient, of = x in backward.gradients.values(), backward.bars[x]
    meaning = f"{'gradient in' if is_gradient else 'adjoint of'} {backward.expression(of)}"
    if place is None or not place.variable.name:
        return f"{'your' if is_gradient else 'the'} {meaning}"
    name, more = place.variable.name, f"{times(place.factor, backward.N)}the {meaning}"
    return f"your {name}" if name == backward.names[x] else f"your {name} ({more})"


def in_words(slip: Slip, backward: Backward) -> tuple[str, str]:
    """Return the label of a slip, and what happened; a factor is named."""
    kind, about = slip.made[0]
    if kind is Kind.CONSTANT_FACTOR:
        return about_factor(slip, backward)
    of_n = kind.label in ON_FACTORS and any(
        backward.expression(x, slip.names) in ("N", "1 / N") for x in about
    )
    return "1/N" if of_n else kind.label, sentence(slip, backward)


def about_factor(slip: Slip, backward: Backward) -> tuple[str, str]:
    assert slip.factor is not None
    (variable,) = slip.changes
    N, k, factor = backward.N, float(slip.factor.number), slip.names.get(slip.factor)
    if k == 0.0:
        return Kind.ZERO.label, "everything was lost: it is 0"
    if k == -1.0:
        return "sign", "the sign is wrong"
    if factor == "N":
        return "1/N", "1 / N is missing"
    if factor == "(1 / N)":
        summed = backward.rights[variable].primitive in (primitives.sum, primitives.matmul)
        if summed and variable in backward.gradients.values():
            return "mean for sum", "the mean over the batch stands where the sum is due"
        return "1/N", "1 / N stands there twice"
    x = backward.rights[variable]
    if x.primitive is primitives.sum and is_close(k * np.size(x.operands[0].data), 1.0):
        return "mean for sum", "the mean stands where the sum is due"
    simple = fraction(k, 10)
    is_odd = k != float(simple) or (k > 1.0 and simple.times.denominator > 2)
    if is_odd and k > 0.0 and N > 1 and k == float(share(k, "N", N)):
        return "1/N", f"1 / {N / k:.0f} stands in place of 1 / N"
    return slip.kind.label, sentence(slip, backward)


def sentence(slip: Slip, backward: Backward) -> str:
    def text(x: Any) -> str:
        return backward.expression(x, slip.names) if isinstance(x, Term) else str(x)

    fields = {"factor": text(slip.factor), "k": slip.factor and slip.factor.number}
    return once(kind.sentence.format(*map(text, about), **fields) for kind, about in slip.made)


# Where no slip was found.


def first_wrong(evidence: Evidence) -> tuple[str, str]:
    """Return the first adjoint on the way back from the loss that is wrong, and say so.

    An adjoint that was claimed, or seen, is known to be right or wrong. One that leads to a right
    gradient is right too. The first of the others may be wrong.
    """
    backward, names = evidence.backward, evidence.backward.names
    right, known = [], evidence.cases[0].known
    for x in backward.equations:
        is_seen = any(evidence.seen.places(known[x], k) for k in evidence.scales)
        if is_seen or not evidence.affected([x]).isdisjoint(evidence.right):
            right.append(x)
    others = [x for x in backward.equations if x not in right]
    left = [x for x in others if not evidence.affected([x]).isdisjoint(evidence.wrong)]
    left = [x for x in left if x not in backward.pieces] or left
    if not left:
        return "", ""
    claimed = [x for x in others if x in evidence.adjoints_named]
    first, disagrees = (claimed[0], "disagrees") if claimed else (left[0], "may be wrong")
    adjoints = [x for x in right if x in backward.adjoints and x not in backward.pieces]
    found = [names[x] for x in adjoints if x not in backward.gradients.values()]
    start = f"{are(found)} right; " if found else ""
    return names[first], (
        f"On the way back from the loss {start}the first adjoint that {disagrees} is "
        f"{names[first]}, in {backward.written(first)}."
    )


def about_gradient(evidence: Evidence, path: str) -> str:
    case = evidence.cases[0]
    right, yours = evidence.true(case, path), case.claimed[path]
    said = about_numbers(path, right, yours, evidence.tolerance)
    swapped = [
        name
        for name, x in case.claimed.items()
        if np.shape(right) == np.shape(x) != np.shape(yours) == np.shape(evidence.true(case, name))
    ]
    return f"{said} Are {path} and {swapped[0]} swapped?" if swapped else said


def about_numbers(path: str, right: Any, yours: Any, tolerance: float) -> str:
    true, claimed = np.asarray(right), np.asarray(yours)
    if true.shape != claimed.shape:
        return f"{path} has shape {true.shape}; what you give for it has shape {claimed.shape}."
    if not np.all(np.isfinite(claimed)):
        return f"{path} has entries that are NaN or infinite."
    ratio = float(np.sum(claimed * true) / np.sum(true * true)) if np.any(true) else np.nan
    if true.size > 1 and np.allclose(claimed, ratio * true, rtol=1e-9, atol=0.0):
        return f"{path} is {ratio:.6g} times what it should be."
    if true.size > 1 and np.allclose(np.sort(claimed.ravel()), np.sort(true.ravel()), rtol=1e-9):
        return f"{path} has the right entries in another order."
    off = ~np.isclose(claimed, true, rtol=tolerance, atol=0.0)
    return f"{path} is wrong only {places_of(off, path)}." if 0 < np.sum(off) < true.size else ""


def places_of(off: Any, path: str) -> str:
    """Say where a mask holds: at up to four entries, or in what row or column."""
    found = np.argwhere(off)
    shared = [i for i in range(off.ndim) if len(set(found[:, i])) == 1] if len(found) > 4 else []
    if off.ndim == 2 and shared:
        return f"in its {('row', 'column')[shared[0]]} {found[0, shared[0]]}"
    at = ", ".join(f"{path}[{','.join(map(str, i))}]" for i in found[:4])
    return f"at {at} and {len(found) - 4} more" if len(found) > 4 else f"at {at}"


def poor(backward: Backward, data: Sequence[Any]) -> list[str]:
    """Say what is poor about data, because mistakes cancel out there."""
    warnings = []
    if backward.N == 1:
        warnings.append("There is one example: sums, means and 1/N cannot be told apart.")
    for x, given in zip(backward.data, data):
        if np.ndim(given) == 1 and np.size(given) > 1 and np.ptp(given) == 0.0:
            name = backward.names[x]
            warnings.append(f"All entries of {name} are equal: some mistakes cancel out there.")
    return warnings
