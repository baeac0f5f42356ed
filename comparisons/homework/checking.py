"""Whether a hand-written `backprop` is right, and what is wrong with it if not."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from autodiff.check.ratio import constant_factor
from comparisons.diagnosis.diagnose import diagnosis as diagnosed
from comparisons.diagnosis.diagnose import hidden
from comparisons.diagnosis.evidence import RIGHT, ROUGH, Claim, Evidence, alike, evidence
from comparisons.diagnosis.evidence import error as error_of
from comparisons.diagnosis.replay import Backward
from comparisons.diagnosis.wording import Diagnosis, is_or_are, poor
from comparisons.homework import calling as submission
from comparisons.homework import sandbox
from comparisons.printing import listed, scientific, table
from mlp import engine

Point = tuple[tuple[Any, ...], dict[str, Any]]

DRAWS = 3
EXAMPLES = 11
"""A number that is no other length in the network, and whose inverse nobody writes by chance."""

FULL = 3


def problem(rng: np.random.Generator, examples: int = EXAMPLES) -> tuple[Any, Any, dict[str, Any]]:
    """Return data and parameters for the tutorial's network at which mistakes show.

    X has shape (examples, 2), t (examples,), with both labels; there are 3 hidden units. No bias is
    0, W has both signs, and entries of G are of the order of 1, where tanh is neither its argument
    nor its limit.
    """
    signs = np.array([1.0, -1.0, rng.choice([-1.0, 1.0])])
    t = rng.integers(0, 2, examples)
    t[:2] = [0, 1][:examples]
    params = {
        "U": rng.uniform(0.3, 0.9, (3, 2)) * rng.choice([-1.0, 1.0], (3, 2)),
        "b": rng.uniform(0.2, 0.6, 3) * rng.choice([-1.0, 1.0], 3),
        "W": rng.permutation(rng.uniform(0.5, 1.5, 3) * signs),
        "c": rng.uniform(0.2, 0.6),
    }
    return rng.normal(size=(examples, 2)), t, params


@dataclass(frozen=True)
class Check:
    """What a check of a `backprop` has found.

    `problem` is a sentence where it could not be checked, and the rest is then empty.
    `per_parameter` has a dict for each parameter: "verdict" is "right" or "wrong", "error" the
    largest difference in units of the largest entry, and "entry", "yours", "engine" and "ratio"
    describe the worst. `notes` are sentences about how it was computed, `line` is where the first
    mistake stands in the code, if that was found. `mistakes` are dicts of text, the slips of the
    most likely explanation.
    """

    name: str
    problem: str | None
    notes: list[str]
    per_parameter: dict[str, dict[str, Any]]
    loss: str
    diagnosis: Diagnosis | None
    line: str
    points: str
    mistakes: list[dict[str, str]]

    @staticmethod
    def refused(name: str, problem: str, notes: Sequence[str] = ()) -> Check:
        """Return the check of what could not be checked."""
        return Check(name, problem, list(notes), {}, "", None, "", "", [])

    @property
    def ok(self) -> bool:
        """Whether the gradients are right, and the loss where there is one."""
        return self.problem is None and not self.wrong and not self.loss

    @property
    def wrong(self) -> list[str]:
        """The parameters whose gradients are wrong."""
        return [name for name, x in self.per_parameter.items() if x["verdict"] == "wrong"]

    @property
    def right(self) -> list[str]:
        """The parameters whose gradients are right."""
        return [name for name in self.per_parameter if name not in self.wrong]

    @property
    def score(self) -> float:
        """The fraction of the parameters whose gradients are right."""
        return len(self.right) / len(self.per_parameter) if self.per_parameter else 0.0

    @property
    def status(self) -> int:
        """The exit status of the command: 0 right, 1 wrong, 2 not checked."""
        return 2 if self.problem is not None else 0 if self.ok else 1

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def assert_ok(self, hint: int = FULL) -> None:
        """Raise AssertionError with the text of the check unless all is right."""
        if not self.ok:
            raise AssertionError(self.text(hint))

    def verdict(self) -> str:
        """Say in a sentence whether it is right."""
        if self.problem is not None:
            return f"{self.name} could not be checked: {self.problem}"
        if self.ok:
            return f"{self.name} is right."
        return f"{self.name} is wrong."

    def hint(self, level: int = FULL) -> list[str]:
        """Return hints up to a level: 1 which parameters, 2 which equation, 3 which slip."""
        if self.problem is not None or self.ok or level < 1:
            return []
        lines = []
        if self.wrong:
            lines.append(f"{gradients_in(self.wrong, 'wrong')}{self.rest()}.")
        if self.loss:
            lines.append(self.loss if level >= FULL else "The loss is wrong.")
        names = [name for name in dict.fromkeys(x["equation"] for x in self.mistakes) if name]
        if not names and self.diagnosis is not None and self.diagnosis.first_wrong:
            names = [self.diagnosis.first_wrong]
        if level == 2 and names:
            plural = "s" if len(names) > 1 else ""
            where = f" (your {self.line})" if self.line else ""
            lines.append(f"Look at the equation{plural} of {listed(names)}{where}.")
        if level >= FULL and self.diagnosis is not None and self.wrong:
            lines += self.diagnosis.sentences()
            if self.line:
                lines.append(f"This is your {self.line}.")
        return lines

    def rest(self) -> str:
        """Say which gradients are right, at the end of a sentence."""
        if not self.right:
            return ""
        ones = "those" if len(self.right) > 1 else "that"
        return f"; {ones} in {listed(self.right)} {is_or_are(self.right)} right"

    def text(self, hint: int = FULL) -> str:
        """Return the verdict, a table, the diagnosis up to a level of hints, and notes."""
        parts = [wrapped([self.verdict()])]
        if self.problem is None and hint >= 1:
            parts.append(self.rendered(hint))
        notes = self.notes if hint >= 1 or self.ok else []
        for lines in (self.hint(hint), notes, [self.points] if self.points else []):
            parts += [wrapped(lines)] if lines else []
        if hint >= FULL and self.diagnosis is not None and self.diagnosis.warnings:
            parts.append(wrapped(self.diagnosis.warnings))
        return "\n\n".join(parts)

    def rendered(self, hint: int) -> str:
        """Return the table of the parameters as text; without numbers below the last hint."""
        header = ["gradient in", "verdict"]
        rows = [[name, x["verdict"]] for name, x in self.per_parameter.items()]
        if hint >= FULL:
            header += ["difference", "worst at", "yours", "engine", "ratio"]
            for row, x in zip(rows, self.per_parameter.values()):
                row += [
                    scientific(x["error"]),
                    *[x[key] for key in ("entry", "yours", "engine", "ratio")],
                ]
        out = StringIO()
        Console(file=out, width=200, color_system=None).print(table(header, rows, left=2))
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def to_dict(self, hint: int = FULL) -> dict[str, Any]:
        """Return the check as plain data, with no more in it than the level of hints allows."""
        shown = ("verdict",) if hint < FULL else None
        result: dict[str, Any] = {
            "name": self.name,
            "ok": self.ok,
            "problem": self.problem,
            "verdict": self.verdict(),
        }
        if hint >= 1:
            result["score"] = self.score
            result["notes"] = self.notes
            result["per_parameter"] = {
                name: {key: y for key, y in x.items() if shown is None or key in shown}
                for name, x in self.per_parameter.items()
            }
        if hint >= 2:
            result["mistakes"] = [
                slip if hint >= FULL else {"equation": slip["equation"]} for slip in self.mistakes
            ]
        return {**result, "hints": self.hint(hint), "points": self.points}


class Task(NamedTuple):
    """What a `backprop` has to be the gradient of, and where it is checked.

    `loss(params, *data)` is any function that the engine can record, and `problem(rng)` draws
    `(*data, params)`.
    """

    loss: Callable[..., Any]
    problem: Callable[[np.random.Generator], tuple[Any, ...]]

    @staticmethod
    def load(spec: str | None, points: int = EXAMPLES) -> Task:
        """Return the tutorial's task, or that of a file, given as FILE:FUNCTION.

        The file also has to define `problem(rng)`. Raises ValueError, in a sentence, otherwise.
        """
        if spec is None:
            return Task(engine.loss, partial(problem, examples=points))
        path, name = Task.parsed(spec)
        try:
            loss, _ = submission.load(path, name or "loss")
        except submission.Refused as error:
            raise ValueError(str(error)) from None
        draw = loss.__globals__.get("problem")
        if draw is None:
            raise ValueError(
                f"{path.name} must also define problem(rng), which returns the data and the "
                "parameters at which to check, as in: return X, t, params"
            )
        task = Task(loss, draw)
        try:
            (data, params), *_ = drawn(task, 0)
            Backward(loss, params, data)
        except Exception as error:  # of the code of a teacher, who needs to know what it says
            raise ValueError(f"{path.name}: {type(error).__name__}: {error}") from None
        return task

    @staticmethod
    def parsed(spec: str) -> tuple[Path, str | None]:
        """Split FILE:FUNCTION; the function may be missing."""
        path, colon, name = spec.rpartition(":")
        if colon and name.isidentifier() and not Path(spec).exists():
            return Path(path), name
        return Path(spec), None


TUTORIAL = Task(engine.loss, problem)


def check_backprop(backprop: Callable[..., Any], task: Task = TUTORIAL, seed: int = 0) -> Check:
    """Check a function `backprop(X, t, params)` against the engine, and find its mistake.

    It has to return the gradients, as a dict with the keys of `params`, with or without the loss.

    Raises TypeError where `backprop` is no function, and what the engine raises for the loss.
    """
    if not callable(backprop):
        raise TypeError(f"backprop must be a function, not {type(backprop).__name__}")
    points = drawn(task, seed)
    collected = submission.collect(backprop, points, data_names(task, points))
    return judged(getattr(backprop, "__name__", "backprop"), collected, points, task, seed)


def check_file(path: Path, name: str | None = None, task: Task = TUTORIAL, seed: int = 0) -> Check:
    """Check the function `name`, by default `backprop`, of a file or notebook in a sandbox."""
    points = drawn(task, seed)
    collected = sandbox.run(path, name, points, data_names(task, points))
    return judged(f"{name or 'backprop'} in {path.name}", collected, points, task, seed)


def drawn(task: Task, seed: int) -> list[Point]:
    """Return the points at which is checked."""
    rng = np.random.default_rng(seed)
    points = []
    for _ in range(DRAWS):
        *data, params = task.problem(rng)
        if not isinstance(params, dict):
            raise TypeError(
                f"problem(rng) must return (*data, params), params a dict, not {params!r}"
            )
        points.append((tuple(data), params))
    return points


def data_names(task: Task, points: Sequence[Point]) -> tuple[str, ...]:
    """Return the names of the data: those of the arguments of the loss after the parameters."""
    names = list(inspect.signature(task.loss).parameters)[1:]
    return tuple(names[: len(points[0][0])])


def judged(
    name: str,
    collected: submission.Collected,
    points: Sequence[Point],
    task: Task,
    seed: int,
) -> Check:
    """Compare what a function returned with the engine, and diagnose it."""
    notes = [f"{note[0].upper()}{note[1:]}." for note in collected.notes]
    if collected.problem is not None:
        problem = collected.problem
        if "ValueError" in problem and any(word in problem for word in ("mismatch", "broadcast")):
            problem += ". If the number of points is written into the code, say it with --points"
        return Check.refused(name, f"{problem}.", notes)
    results = collected.results
    seen = {x.name: x.value for x in collected.variables}
    claims = [Claim(result.grads, {**seen, **result.extras}) for result in results]
    data, params = points[0]
    observed = [x.value for x in collected.variables]
    at = [(p, d) for d, p in points]
    if collected.first_again is not None:
        at.append((params, data))
        claims.append(Claim(collected.first_again.grads, collected.first_again.extras))
    search = evidence(task.loss, at, claims, observed)
    if search.at(search.cases[0], {}) > RIGHT and differ(results[0], collected.first_again):
        search = evidence(task.loss, at[:1], claims[:1], observed)
    N = search.backward.N
    size = f" of {N} example{'s' if N > 1 else ''}" if N else ""
    where = f"Checked at {len(points)} points{size}, seed {seed}."
    notes += poor(search.backward, data)
    diagnosis = diagnosed(search, hidden(search.backward, params, data))
    if diagnosis.ok and not any("float32" in note or "differences" in note for note in notes):
        notes += diagnosis.remarks
    mistakes = [dict(x) for x in diagnosis.explanations[0].slips] if diagnosis.explanations else []
    return Check(
        name,
        None,
        notes,
        {path: described(search, diagnosis, path) for path in search.errors},
        wrong_loss(search, diagnosis, collected),
        diagnosis,
        line_of(diagnosis, collected.variables, search.scales),
        where,
        mistakes,
    )


def gradients_in(names: Sequence[str], verdict: str) -> str:
    """Say that the gradients in some parameters are right or wrong."""
    plural = "s" if len(names) > 1 else ""
    return f"The gradient{plural} in {listed(names)} {is_or_are(names)} {verdict}"


def wrapped(lines: Sequence[str]) -> str:
    """Return sentences in lines of a terminal."""
    return "\n".join(
        textwrap.fill(x, 100, break_long_words=False, break_on_hyphens=False) for x in lines
    )


def differ(first: submission.Result, again: submission.Result | None) -> bool:
    """Tell whether two calls at one point have given different gradients, the first no better."""
    return again is not None and any(
        not np.array_equal(x, again.grads.get(path, np.nan), equal_nan=True)
        for path, x in first.grads.items()
    )


def described(search: Evidence, diagnosis: Diagnosis, path: str) -> dict[str, Any]:
    """Return the verdict on a gradient, and the entry that is farthest off at any point."""
    error = search.errors[path]
    result = {
        "verdict": "wrong" if path in diagnosis.wrong else "right",
        "error": error,
        **dict.fromkeys(("entry", "yours", "engine", "ratio"), ""),
    }
    case = max(search.cases, key=lambda case: error_of(case, path, search.true(case, path)))
    yours, right = np.asarray(case.claimed[path], float), np.asarray(search.true(case, path))
    if yours.shape != right.shape:
        return {**result, "entry": "shape", "yours": str(yours.shape), "engine": str(right.shape)}
    if path in diagnosis.right:
        return result
    gap = np.abs(yours - right)
    at = np.unravel_index(np.argmax(np.where(np.isfinite(gap), gap, np.inf)), gap.shape)
    entry = f"[{', '.join(map(str, at))}]" if at else ""
    ratio = f"{yours[at] / right[at]:.6g}" if right[at] else ""
    return {
        **result,
        "entry": path + entry,
        "yours": f"{yours[at]:.6g}",
        "engine": f"{right[at]:.6g}",
        "ratio": ratio,
    }


def wrong_loss(search: Evidence, diagnosis: Diagnosis, collected: submission.Collected) -> str:
    """Say what is wrong with the loss, in a sentence, or nothing."""
    for case, result in zip(search.cases, collected.results):
        right = float(search.backward.compute(search.backward.value, case.known))
        yours = result.loss
        if yours is None or abs(yours - right) <= (RIGHT if diagnosis.wrong else ROUGH) * abs(
            right
        ):
            continue
        factor = constant_factor(yours, right, {"N": search.backward.N}) if yours else None
        words = f"The loss is wrong: yours is {yours:.6g}, and that of the engine {right:.6g}"
        words += f", {factor.words}." if factor and factor.is_named else "."
        own = collected.loss_gradient
        if (
            own
            and diagnosis.wrong
            and all(
                np.shape(own[path]) == np.shape(x)
                and np.allclose(own[path], x, rtol=1e-5, atol=1e-8)
                for path, x in search.cases[0].claimed.items()
            )
        ):
            words += " Your gradients are those of your loss: it is the loss that is another."
        return words
    return ""


def line_of(
    diagnosis: Diagnosis, variables: Sequence[submission.Variable], scales: Sequence[float]
) -> str:
    """Return the line of the code in which the first mistake stands, if a variable shows it.

    On paper 1/N may be put in later, so all adjoints may be N times larger.
    """
    if not diagnosis.explanations:
        found = [x for x in variables if x.name == diagnosis.first_wrong]
        return f"line {found[-1].line}: {found[-1].text}" if found else ""
    values, changed = diagnosis.explanations[0].values, diagnosis.explanations[0].changed
    for name in changed:
        value = values[name]
        same = sum(np.shape(x) == np.shape(value) and alike(x, value) for x in values.values())
        for factor in scales:
            found = [x for x in variables if alike(x.value, factor * value)]
            if found and np.any(value):
                # What is equal to an adjoint before it was assigned last, if at all.
                x = found[-1 if same > 1 else 0]
                missing = same > len({x.name for x in found}) and name[:-4] in diagnosis.errors
                return "" if missing else f"line {x.line}: {x.text}"
    return ""
