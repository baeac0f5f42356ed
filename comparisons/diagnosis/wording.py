"""What a diagnosis says: plain text and sentences, made of what the search has found."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.check.ratio import fraction, share
from autodiff.readings.terms import Term
from comparisons.diagnosis.equations.replay import Backward, Numbers
from comparisons.diagnosis.search.evidence import Evidence, is_close, merged, multiple
from comparisons.diagnosis.search.search import Fit
from comparisons.diagnosis.slips.kinds import Kind
from comparisons.diagnosis.slips.typical import Slip
from comparisons.printing import listed

ON_FACTORS = {f"{x} {y}" for x in ("adjoint", "factor", "slope") for y in ("forgotten", "twice")}
"""Labels of kinds that are counted as "1/N" where the factor is N or 1/N."""


ADDED = (Kind.DECAY, Kind.CONSTANT, Kind.CONSTANT_IN)
"""What a line may add to what another has computed."""


class Explanation(NamedTuple):
    """Slips, in the order of the backward pass, that give the claimed gradients.

    `slips` are dicts of plain text: "kind", "equation" (the name of what was computed wrongly) and
    its "meaning" if nobody gave it that name, "right" and "written" (equations as code), "words".
    `error` is the largest difference that is left, in units of the largest entry; `values` the
    adjoints that follow, by name, and `changed` has for each slip the names of those that depend on
    it, the one that it is in first. A slip is `local` unless it forgot 1/N, or added
    something, which could be done in another line.
    """

    slips: tuple[dict[str, str], ...]
    error: float
    values: Mapping[str, Any]
    changed: Sequence[Sequence[str]]
    local: Sequence[bool]


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

    def sentences(self, lines: Sequence[str] = ()) -> list[str]:
        """Say what is wrong: the slips, or where the search for one has to begin.

        `lines` has for each slip a sentence about where it stands in the code, or "".
        """
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
        said = self.one_by_one(first, lines) if several else [self.explained(first), *lines[:1]]
        return [*filter(None, said), *alike]

    def explained(self, first: Explanation) -> str:
        """Say in a sentence what happened and how it is known."""
        found = places(first)
        before = first.slips[0]["before"]
        start = f"{before}; {found}" if before else f"{found[0].upper()}{found[1:]}"
        return f"{start}: with {written(first)} {self.reproduced(first)}."

    def reproduced(self, first: Explanation) -> str:
        rest = f" ({are(self.right)} right)" if self.right else ""
        exactly = f"to {first.error:.0e}" if first.error else "to the last bit"
        return f"your {are(self.wrong)} reproduced {exactly}{rest}"

    def one_by_one(self, first: Explanation, lines: Sequence[str]) -> list[str]:
        """Say of several mistakes where each is, the one to mend first at the beginning."""
        found: dict[str, list[int]] = {}
        for i, slip in enumerate(first.slips):
            found.setdefault(slip["right"], []).append(i)
        number = f"{len(found)} mistakes were" if len(found) > 1 else "One mistake was"
        start = f"{number} found, in the order of the backward pass"
        said = [f"{start}; with them {self.reproduced(first)}." if not self.left else f"{start}."]
        for right, ones in found.items():
            words = once(first.slips[i]["words"] for i in ones)
            what = "Mend this first: in" if len(said) == 1 else "Then: in"
            said.append(f"{what} {right}, {words}: you have {first.slips[ones[-1]]['written']}.")
            said += [lines[i] for i in ones[:1] if lines]
        return [*said, *self.left]


def places(explanation: Explanation) -> str:
    found: dict[str, list[str]] = {}
    for slip in explanation.slips:
        found.setdefault(slip["right"], []).append(slip["words"])
    return " and ".join(f"in {right}, {once(words)}" for right, words in found.items())


def written(explanation: Explanation) -> str:
    return once(slip["written"] for slip in explanation.slips)


def once(texts: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(texts))


def are(names: Sequence[str]) -> str:
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"


def in_text(fit: Fit, evidence: Evidence) -> Explanation:
    slips, error = fit
    backward, changes = evidence.backward, merged(slips)
    now = backward.replay(changes, evidence.cases[0].known) if changes else None
    values = {backward.names[x]: now[x] for x in backward.equations} if now else {}
    changed = [
        [backward.names[x] for y in slip.changes for x in backward.below[y]] for slip in slips
    ]
    # A slip on top of another is written with what that one has brought in.
    names = {x: name for slip in slips for x, name in slip.names.items()}
    said = tuple(slip_in_text(slip._replace(names=names), changes, backward) for slip in slips)
    local = [
        now is None or not (slip.kind in ADDED or lacks_share(backward, now, slip))
        for slip in slips
    ]
    return Explanation(said, error, values, changed, local)


def lacks_share(backward: Backward, now: Numbers, slip: Slip) -> bool:
    """Return whether an adjoint, which is not a gradient, is N times what it should be."""
    x = next(iter(slip.changes))
    others = {y: now[y] for y in now if y is not x}
    factor = multiple(now[x], backward.compute(backward.rights[x], others))
    return (
        x not in backward.gradients.values() and factor is not None and is_close(factor, backward.N)
    )


def slip_in_text(slip: Slip, changes: Mapping[Term, Term], backward: Backward) -> dict[str, str]:
    """Return a slip as plain text, `changes` being those of all slips that were made."""
    label, words = in_words(slip, backward)
    before = [
        backward.names[x]
        for x in dict.fromkeys(x for term in slip.changes for x in backward.of(term))
        if x in backward.adjoints and x not in changes and backward.bars[x] not in backward.pieces
    ]
    return {
        "kind": label,
        "equation": listed([backward.label(x) for x in slip.changes]),
        "meaning": listed(list(filter(None, map(backward.meaning, slip.changes)))),
        "right": " and ".join(backward.written(x) for x in slip.changes),
        "written": " and ".join(backward.written(x, changes[x], slip.names) for x in slip.changes),
        "words": words,
        "before": f"{are(before)} right" if before else "",
    }


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
    if is_odd and N > 1 and k == float(share(k, "N", N)):
        return "1/N", f"1 / {N / k:.0f} stands in place of 1 / N"
    return slip.kind.label, sentence(slip, backward)


def sentence(slip: Slip, backward: Backward) -> str:
    def text(x: Any) -> str:
        return backward.expression(x, slip.names) if isinstance(x, Term) else str(x)

    fields = {"factor": text(slip.factor), "k": slip.factor and slip.factor.number}
    return once(kind.sentence.format(*map(text, about), **fields) for kind, about in slip.made)


# Where no slip was found.


def unexplained(x: Term, evidence: Evidence) -> str:
    backward = evidence.backward
    return f"What is wrong in {backward.written(x)} was not found."


def about_rounding(evidence: Evidence) -> str:
    return (
        f"The gradients are off by {max(evidence.errors.values()):.0e} of their largest entries, "
        "which no slip explains: it is the rounding of float32, or the error of finite differences."
    )


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
