"""Find out whether a hand-written `backprop` is right, and what is wrong with it if not."""

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from autodiff.check.ratio import constant_factor
from comparisons.diagnosis import diagnose, forward
from comparisons.diagnosis.equations.replay import Backward
from comparisons.diagnosis.places import Spot
from comparisons.diagnosis.search.evidence import RIGHT, ROUGH, Claim, Evidence, error, evidence
from comparisons.diagnosis.wording import Diagnosis, are, poor
from comparisons.homework import sandbox
from comparisons.homework.calling import Collected, Draw, Variable, collect, differ
from comparisons.homework.loading import NoteKind, load
from comparisons.printing import as_text, listed, scientific, table
from mlp import engine

DRAWS = 3
EXAMPLES = 11  # no other length in the network, and 1/11 is no factor that one writes by chance
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
    loss, `lines` say where each mistake stands in the code, if that was found, `points` where it
    was checked. `mistakes` are dicts of text, the slips of the most likely explanation. `forward`
    are sentences about mistakes in the forward pass and the backward pass beside them, which then
    stand in place of a diagnosis. `spots` are the lines of the code with the slip in each, and
    `arrays` each gradient, yours and the right one, where it is farthest off.
    """

    name: str
    problem: str | None = None
    notes: list[str] = field(default_factory=list)
    per_parameter: dict[str, dict[str, Any]] = field(default_factory=dict)
    loss: str = ""
    diagnosis: Diagnosis | None = None
    lines: list[str] = field(default_factory=list)
    points: str = ""
    mistakes: list[dict[str, str]] = field(default_factory=list)
    forward: list[str] = field(default_factory=list)
    spots: list[tuple[Spot, dict[str, str]]] = field(default_factory=list)
    arrays: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """The parameters whose gradients are wrong."""
        return [name for name, x in self.per_parameter.items() if x["verdict"] is Verdict.WRONG]

    @property
    def right(self) -> list[str]:
        return [name for name in self.per_parameter if name not in self.wrong]

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
            plural = "s" * (len(self.wrong) > 1)
            ones = "those" if len(self.right) > 1 else "that"
            rest = f"; {ones} in {are(self.right)} right" if self.right else ""
            lines.append(f"The gradient{plural} in {are(self.wrong)} wrong{rest}.")
        if self.loss:
            lines.append(self.loss if level >= FULL else "The loss is wrong.")
        if level >= FULL:
            if self.diagnosis is None or not self.wrong:
                return [*lines, *self.forward]
            return [*lines, *self.diagnosis.sentences()]
        mistakes = [slip.get("where", slip["equation"]) for slip in self.mistakes]
        equations = [*mistakes, getattr(self.diagnosis, "first_wrong", "")]
        names = list(dict.fromkeys(filter(None, equations)))
        if level == 2 and names:
            lines.append(f"Look at the equation{'s' * (len(names) > 1)} of {listed(names)}.")
            lines += dict.fromkeys(filter(None, self.lines))
        return lines

    def text(self, hint: int = FULL, width: int = 100) -> str:
        """Return the verdict, a table, the diagnosis up to a level of hints, and notes."""
        wrapped = partial(
            textwrap.fill, width=width, break_long_words=False, break_on_hyphens=False
        )
        said = [
            [self.sentence()],
            self.hint(hint),
            self.notes if hint >= 1 or self.ok else [],
            [self.points],
        ]
        parts = ["\n".join(map(wrapped, sentences)) for sentences in said]
        if hint >= 1 and self.per_parameter:
            parts.insert(1, as_text(parameter_table(self.per_parameter, hint)))
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


def parameter_table(per_parameter: dict[str, dict[str, Any]], hint: int) -> Table:
    """Return the table of the parameters, without numbers below the last hint."""
    header = ["gradient in", "verdict", "difference", "worst at", "yours", "engine", "ratio"]
    shown = len(header) if hint >= FULL else 2
    found = [{**x, "error": scientific(x["error"])} for x in per_parameter.values()]
    rows = [[name, *x.values()][:shown] for name, x in zip(per_parameter, found)]
    return table(header[:shown], rows, left=2)


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


class Task(NamedTuple):
    """What a `backprop` has to be the gradient of, `loss(params, *data)`, and where it is checked.

    The engine can record the loss, and `problem(rng)` draws `(*data, params)`. `loss.batch_axis`
    may say that examples are rows of the data, 0, or columns, 1, where shapes leave that open.
    """

    loss: Callable[..., Any]
    problem: Callable[[np.random.Generator], tuple[Any, ...]]

    @staticmethod
    def load(spec: str | None, points: int = EXAMPLES) -> "Task":
        """Return the tutorial's task, or that of FILE:FUNCTION; else ValueError, in a sentence."""
        if spec is None:
            return Task(engine.loss, partial(problem, examples=points))
        if points != EXAMPLES:
            raise ValueError("problem(rng) draws the data, so that --points has no say")
        path, name = Task.parsed(spec)
        loss, _ = load(path, name or "loss")
        draw = loss.__globals__.get("problem")
        if not callable(draw):
            raise ValueError(
                f"{path.name} must also define problem(rng), which returns the data and the "
                "parameters at which to check, as in: return X, t, params"
            )
        task = Task(loss, draw)
        try:
            drawn = task.drawn(0)
            with np.errstate(all="ignore"):
                backward = Backward(loss, *drawn[0])
                for params, data in drawn:
                    backward.numbers(params, data)
                    if not np.isfinite(value := loss(params, *data)):
                        raise ValueError(f"the loss is {value} where problem(rng) draws")
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

    def drawn(self, seed: int) -> list[Draw]:
        rng = np.random.default_rng(seed)
        drawn: list[Any] = [self.problem(rng) for _ in range(DRAWS)]
        for x in drawn:
            if not (isinstance(x, tuple) and isinstance(x[-1], dict)):
                raise TypeError(
                    f"problem(rng) must return (*data, params), params a dict, not {x!r}"
                )
        return [(params, tuple(data)) for *data, params in drawn]


TUTORIAL = Task(engine.loss, problem)


def check_backprop(backprop: Callable[..., Any], task: Task = TUTORIAL, seed: int = 0) -> Check:
    """Check a function `backprop(X, t, params)` against the engine, and find its mistake.

    It has to return the gradients, as a dict with the keys of `params`, with or without the loss.

    Raises TypeError where `backprop` is not a function, and what the engine raises for the loss.

    >>> def backprop(X, t, params):
    ...     grads, loss = by_hand.backprop(X, t, params)
    ...     return {**grads, "b": grads["b"] / len(X)}, loss
    >>> check = check_backprop(backprop)
    >>> check.ok, check.wrong, check.mistakes[0]["words"]
    (False, ['b'], 'the mean over the batch stands where the sum is due')
    """
    if not callable(backprop):
        raise TypeError(f"backprop must be a function, not {type(backprop).__name__}")
    if not isinstance(task, Task):
        raise TypeError(f"task must be a Task(loss, problem), not {type(task).__name__}")
    name = getattr(backprop, "__name__", "backprop")
    return checked(name, task, seed, partial(collect, backprop))


def check_file(path: Path, name: str | None = None, task: Task = TUTORIAL, seed: int = 0) -> Check:
    """Check the function `name`, by default `backprop`, of a file or notebook in a sandbox."""
    name_in_file = f"{name or 'backprop'} in {path.name}"
    return checked(name_in_file, task, seed, partial(sandbox.run, path, name))


def checked(name: str, task: Task, seed: int, called: Callable[..., Collected]) -> Check:
    """Compare what a function is seen to do with the gradients of the task's loss; diagnose it."""
    points = task.drawn(seed)
    _, data = points[0]
    collected = called(points, list(inspect.signature(task.loss).parameters)[1 : 1 + len(data)])
    notes = [str(note) for note in collected.notes]
    if collected.problem is not None:
        return Check(name, f"{collected.problem}.", notes)
    first, *_, again = collected.results
    seen = {x.name: x.value for x in collected.variables}
    claims = [Claim(x.grads, {**seen, **x.extras}) for x in collected.results]
    found = evidence(task.loss, [*points, points[0]], claims, collected.variables)
    if found.at(found.cases[0], {}) > RIGHT and differ(first, again):
        # The first call was wrong already: that is all that a slip has to explain.
        found = evidence(task.loss, points[:1], claims[:1], collected.variables)
    values = [(x.name, x.value) for x in collected.variables]
    drawn = [*points, points[0]][: len(found.cases)]
    judge = partial(forward.judge, task.loss, drawn, found, values, first.loss)
    judged = judge() if max(found.errors.values(), default=0.0) > ROUGH else None
    if judged is None:
        diagnosis = diagnose.diagnosis(found, [])
    else:
        diagnosis = Diagnosis(found.right, found.wrong, found.errors)
    notes += poor(found.backward, data)
    coarse = {NoteKind.COARSE, NoteKind.BY_DIFFERENCES}
    if diagnosis.ok and coarse.isdisjoint(note.kind for note in collected.notes):
        notes += diagnosis.remarks
    loss = wrong_loss(found, diagnosis, collected)
    if judged is None and (diagnosis.wrong or loss):
        judged = judge(diagnosis)
    N = found.backward.N
    examples = f" of {N} example{'' if N == 1 else 's'}" if N else ""
    arrays = {path: farthest(found, path) for path in found.errors}
    return Check(
        name,
        None,
        notes,
        {path: compared(found, diagnosis, path, *arrays[path]) for path in found.errors},
        loss,
        points=f"Checked at {len(points)} points{examples}, seed {seed}.",
        arrays=arrays,
        **explained(diagnosis, judged, collected.variables),
    )


def explained(
    diagnosis: Diagnosis, judged: forward.Forward | None, variables: Sequence[Variable]
) -> dict[str, Any]:
    """Return what a check says of the mistakes: of those in the forward pass first, if any."""
    backward = diagnosis if judged is None else judged.backward
    first = next(iter(backward.explanations), None) if backward else None
    slips = list(first.slips) if first else []
    spots = [(spot, slip) for spot, slip in zip(first.spots, slips) if spot] if first else []
    if judged is None:
        lines = list(first.lines) if first else []
        return {"diagnosis": diagnosis, "mistakes": slips, "lines": lines, "spots": spots}
    said, lines, earlier = list[str](), list[str](), list[tuple[Spot, dict[str, str]]]()
    for slip, places in zip(judged.mistakes, judged.places):
        written = f": {slip['written']}" if slip["written"] else ""
        here = [Spot(variables[i], is_own=bool(written)) for i in places]
        shown = list(dict.fromkeys(map(str, here)))
        said += [f"In the forward pass, in {slip['right']}, {slip['words']}{written}.", *shown]
        lines += shown
        earlier += [(spot, slip) for spot in here]
    said += [*filter(None, [judged.remark]), *(backward.sentences() if backward else [])]
    mistakes = [*judged.mistakes, *slips]
    return {"mistakes": mistakes, "lines": lines, "spots": [*earlier, *spots], "forward": said}


def farthest(found: Evidence, path: str) -> tuple[Any, Any]:
    """Return a gradient, claimed and right, at the point where it is farthest off."""
    case = max(found.cases, key=lambda case: error(case, path, found.true(case, path)))
    return np.asarray(case.claimed[path], float), np.asarray(found.true(case, path))


def compared(
    found: Evidence, diagnosis: Diagnosis, path: str, yours: Any, right: Any
) -> dict[str, Any]:
    """Return the verdict on a gradient, and its entry that is farthest off."""
    entry = ("", "", "", "")
    if yours.shape != right.shape:
        entry = ("shape", str(yours.shape), str(right.shape), "")
    elif path in diagnosis.wrong:
        gap = np.abs(yours - right)
        at = np.unravel_index(np.argmax(np.where(np.isfinite(gap), gap, np.inf)), gap.shape)
        place = f"{path}[{', '.join(map(str, at))}]" if at else path
        ratio = f"{yours[at] / right[at]:.6g}" if right[at] else ""
        entry = (place, f"{yours[at]:.6g}", f"{right[at]:.6g}", ratio)
    verdict = Verdict.WRONG if path in diagnosis.wrong else Verdict.RIGHT
    worst = dict(zip(("entry", "yours", "engine", "ratio"), entry))
    return {"verdict": verdict, "error": found.errors[path], **worst}


def wrong_loss(found: Evidence, diagnosis: Diagnosis, collected: Collected) -> str:
    """Say what is wrong with the loss at the first point where it is wrong, if at any."""
    tolerance = RIGHT if diagnosis.wrong else ROUGH
    for case, result in zip(found.cases, collected.results[:-1]):
        right = float(found.backward.compute(found.backward.value, case.known))
        yours = result.loss
        if yours is None or abs(yours - right) <= tolerance * abs(right):
            continue
        factor = constant_factor(yours, right, {"N": found.backward.N}) if yours else None
        ratio = f", {factor.words}" if factor and factor.is_named else ""
        start = f"The loss is wrong: yours is {yours:.6g}, and that of the engine {right:.6g}"
        own = collected.loss_gradient
        is_own = own is not None and all(
            np.shape(own[key]) == np.shape(x) and np.allclose(own[key], x, rtol=1e-5, atol=1e-8)
            for key, x in found.cases[0].claimed.items()
        )
        end = " Your gradients are those of your loss: the loss itself differs."
        return f"{start}{ratio}.{end if is_own and not diagnosis.ok else ''}"
    return ""
