"""What a check of a hand-written `backprop` has found, and how it is said."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from rich.console import Console

from comparisons.diagnosis.wording import Diagnosis, is_or_are
from comparisons.printing import listed, scientific, table

wrapped = partial(textwrap.fill, width=100, break_long_words=False, break_on_hyphens=False)
FULL = 3  # the level of hints that tells the slip


class Verdict(StrEnum):
    """What is found of a submission, or of one gradient."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_CHECKED = "could not be checked"


@dataclass(frozen=True)
class Check:
    """What a check of a `backprop` has found.

    `problem` is a sentence where it could not be checked, and the rest is then empty.
    `per_parameter` has a dict for each parameter: "verdict" is "right" or "wrong", "error" the
    largest difference in units of the largest entry, and "entry", "yours", "engine" and "ratio"
    describe the worst. `notes` are sentences about how it was computed, `loss` is one about a wrong
    loss, `line` is where the first mistake stands in the code, if that was found, `points` where it
    was checked. `mistakes` are dicts of text, the slips of the most likely explanation.
    """

    name: str
    problem: str | None = None
    notes: list[str] = field(default_factory=list)
    per_parameter: dict[str, dict[str, Any]] = field(default_factory=dict)
    loss: str = ""
    diagnosis: Diagnosis | None = None
    line: str = ""
    points: str = ""
    mistakes: list[dict[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Whether it is right: the gradients, and the loss where there is one."""
        if self.problem is not None:
            return Verdict.NOT_CHECKED
        return Verdict.WRONG if self.wrong or self.loss else Verdict.RIGHT

    @property
    def ok(self) -> bool:
        return self.verdict is Verdict.RIGHT

    @property
    def score(self) -> float:
        """The fraction of the parameters whose gradients are right."""
        return len(self.right) / len(self.per_parameter) if self.per_parameter else 0.0

    @property
    def status(self) -> int:
        """The exit status of the command: 0 right, 1 wrong, 2 not checked."""
        return list(Verdict).index(self.verdict)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return self.text()

    def assert_ok(self, hint: int = FULL) -> None:
        """Raise AssertionError with the text of the check unless all is right."""
        if not self.ok:
            raise AssertionError(self.text(hint))

    def sentence(self) -> str:
        if self.problem is not None:
            return f"{self.name} {self.verdict}: {self.problem}"
        return f"{self.name} is {self.verdict}."

    def hint(self, level: int = FULL) -> list[str]:
        """Return hints up to a level: 1 which parameters, 2 which equation, 3 which slip."""
        if self.verdict is not Verdict.WRONG or level < 1:
            return []
        lines = []
        if self.wrong:
            rest = f"; {'those' if len(self.right) > 1 else 'that'} in {are(self.right, 'right')}"
            plural = "s" if len(self.wrong) > 1 else ""
            found = f"The gradient{plural} in {are(self.wrong, 'wrong')}"
            lines.append(f"{found}{rest if self.right else ''}.")
        if self.loss:
            lines.append(self.loss if level >= FULL else "The loss is wrong.")
        if self.diagnosis is None or not self.wrong:
            return lines
        if level >= FULL:
            line = [f"This is your {self.line}."] if self.line else []
            return [*lines, *self.diagnosis.sentences(), *line]
        equations = [*(slip["equation"] for slip in self.mistakes), self.diagnosis.first_wrong]
        names = list(dict.fromkeys(filter(None, equations)))
        if level == 2 and names:
            plural = "s" if len(names) > 1 else ""
            where = f" (your {self.line})" if self.line else ""
            lines.append(f"Look at the equation{plural} of {listed(names)}{where}.")
        return lines

    def text(self, hint: int = FULL) -> str:
        """Return the verdict, a table, the diagnosis up to a level of hints, and notes."""
        said = [
            [self.sentence()],
            self.hint(hint),
            self.notes if hint >= 1 or self.ok else [],
            [self.points],
            self.diagnosis.warnings if self.diagnosis and hint >= FULL else [],
        ]
        parts = ["\n".join(map(wrapped, sentences)) for sentences in said]
        if hint >= 1 and self.per_parameter:
            parts.insert(1, rendered(self.per_parameter, hint))
        return "\n\n".join(filter(None, parts))

    def to_dict(self, hint: int = FULL) -> dict[str, Any]:
        """Return the check as plain data, with no more in it than the level of hints allows."""

        def shown(x: dict[str, Any], key: str) -> dict[str, Any]:
            return x if hint >= FULL else {key: x[key]}

        result: dict[str, Any] = {"name": self.name, "ok": self.ok, "problem": self.problem}
        result["verdict"] = self.sentence()
        if hint >= 1:
            result |= {"score": self.score, "notes": self.notes}
            gradients = self.per_parameter.items()
            result["per_parameter"] = {name: shown(x, "verdict") for name, x in gradients}
        if hint >= 2:
            result["mistakes"] = [shown(slip, "equation") for slip in self.mistakes]
        return {**result, "hints": self.hint(hint), "points": self.points}


def are(names: Sequence[str], what: str) -> str:
    return f"{listed(names)} {is_or_are(names)} {what}"


def rendered(per_parameter: dict[str, dict[str, Any]], hint: int) -> str:
    """Return the table of the parameters as text; without numbers below the last hint."""
    header = ["gradient in", "verdict", "difference", "worst at", "yours", "engine", "ratio"]
    shown = len(header) if hint >= FULL else 2
    found = [{**x, "error": scientific(x["error"])} for x in per_parameter.values()]
    rows = [[name, *x.values()][:shown] for name, x in zip(per_parameter, found)]
    console = Console(width=200, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        console.print(table(header[:shown], rows, left=2))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
