"""What a diagnosis says: the slips that explain wrong gradients, in plain text and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from comparisons.printing import listed


class Explanation(NamedTuple):
    """A slip, or two, that give the claimed gradients.

    `slips` are dicts of plain text: "kind", "equation" (the name of what was computed wrongly),
    "right" and "written" (equations as code), "words". `error` is the largest difference that is
    left, in units of the largest entry; `support` the number of adjoints, beside the gradients,
    that are known to be as this says.
    """

    slips: tuple[dict[str, str], ...]
    error: float
    support: int
    cost: tuple[int, int]
    values: Mapping[str, Any]
    changed: Sequence[str]


class Diagnosis(NamedTuple):
    """What is wrong with claimed gradients, and why.

    `right` and `wrong` are names of parameters; `explanations` are those that fit equally well, the
    first the most likely; `first_wrong` names, where there is none, the adjoint that disagrees
    first on the way back from the loss; `warnings` say what cannot be seen at the points given.
    """

    right: list[str]
    wrong: list[str]
    errors: dict[str, float]
    explanations: list[Explanation]
    first_wrong: str
    remarks: list[str]
    warnings: list[str]

    @property
    def ok(self) -> bool:
        """Whether all gradients are right."""
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
            none = "Neither a typical slip nor any two of them give these numbers."
            return [none, *self.remarks]
        first, *others = self.explanations
        if not first.slips[0]["equation"]:
            words = first.slips[0]["words"]
            return [f"{words[0].upper()}{words[1:]}."]
        lines = [self.explained(first)]
        lines += [f"The same numbers come out if {summary(other)}." for other in others[:3]]
        return lines

    def explained(self, explanation: Explanation) -> str:
        """Say in a sentence what happened and how it is known."""
        found = described(explanation)
        rest = f" ({listed(self.right)} {is_or_are(self.right)} right)" if self.right else ""
        written = once(slip["written"] for slip in explanation.slips)
        before = explanation.slips[0]["before"]
        start = f"{before}; {found}" if before else f"{found[0].upper()}{found[1:]}"
        return (
            f"{start}: with {written} your {listed(self.wrong)} "
            f"{is_or_are(self.wrong)} reproduced to {explanation.error:.0e}{rest}."
        ).replace("to 0e+00", "to the last bit")


def described(explanation: Explanation) -> str:
    """Say where slips are and what they are."""
    places: dict[str, list[str]] = {}
    for slip in explanation.slips:
        places.setdefault(slip["right"], []).append(slip["words"])
    return " and ".join(f"in {right}, {once(words)}" for right, words in places.items())


def summary(explanation: Explanation) -> str:
    """Say where slips are and what they are, with what was written."""
    return f"{described(explanation)}: {once(slip['written'] for slip in explanation.slips)}"


def once(texts: Iterable[str]) -> str:
    """Join texts, each once."""
    return " and ".join(dict.fromkeys(texts))


def is_or_are(names: Sequence[str]) -> str:
    """Return the verb for names."""
    return "is" if len(names) == 1 else "are"
