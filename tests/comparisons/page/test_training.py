"""Gradient descent in the page, against the tutorial's numbers and NumPy."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from places import ROOT

import autodiff
from autodiff import steps
from mlp import train, tutorial_problem
from mlp.engine import backprop, forward, loss

Script = Callable[..., Any]
NUMBERS = json.loads((ROOT / "tests/shared/tutorial_numbers.json").read_text())
X, LABELS, PARAMETERS = tutorial_problem()
T = LABELS.astype(float)
PROGRAM = json.loads(json.dumps(steps(loss, PARAMETERS, X, T)))
MAKE = """
    const { descended } = await import("training");
    const { plane, surface } = await import("plane");
    const { prepared } = await import("interpreter");
    const { program, rate = 1 } = given;
    const compute = prepared(program);
    const begun = (numbers = []) => ({ given: new Map(numbers), losses: [] });
    const after = (count, run = begun(), by = rate) => descended(program, compute, run, by, count);
    const flat = plane(program);
    const shown = ({ given: numbers }) =>
        Array.from(surface(program, flat)(given.points, [flat.term], numbers)[0]);
"""
PLANE = 'const { plane } = await import("plane"); return plane(given);'
POINTS = np.random.default_rng(0).uniform(-5.0, 5.0, (1201, 2))


def test_a_thousand_steps_give_the_tutorial_s_losses(script: Script) -> None:
    losses, numbers = script(
        MAKE
        + """
        const run = after(1000);
        return [run.losses, [...run.given].map(([i, x]) => [i, Array.from(x)])];
        """,
        {"program": PROGRAM},
    )
    table = {**NUMBERS["loss_by_step"], "999": NUMBERS["last_step"]["loss"]}
    assert len(losses) == 1000
    assert f"{losses[-1]:.4f}" == "0.0331"
    for step, expected in table.items():
        assert losses[int(step)] == pytest.approx(expected, rel=1e-9)
    found = dict(map(tuple, numbers))
    for x in PROGRAM["inputs"]:
        if x["wanted"]:
            expected = np.ravel(NUMBERS["final_parameters"][x["name"]])
            np.testing.assert_allclose(found.pop(x["term"]), expected, rtol=1e-8)
    assert not found, "what has no gradient is not changed"


def test_a_run_begins_again_with_what_is_given_and_at_another_rate(script: Script) -> None:
    start = {**PARAMETERS, "U": PARAMETERS["U"] * 2.0}
    at = {x["name"]: x["term"] for x in PROGRAM["inputs"]}
    losses = script(
        MAKE
        + """
        after(3);
        const run = begun([[given.at, given.numbers]]);
        return after(12, after(8, run, 0.5), 0.5).losses;
        """,
        {"program": PROGRAM, "at": at["U"], "numbers": start["U"].ravel().tolist()},
    )
    expected = train(backprop, X, T, start, steps=20, learning_rate=0.5, progress=False)
    np.testing.assert_allclose(losses, expected.losses, rtol=1e-12)


@pytest.mark.parametrize("rate", [1e3, 1e308])
def test_what_diverges_is_said_and_ends_the_run(script: Script, rate: float) -> None:
    program = steps(lambda w: autodiff.sum(w**4.0), np.array([1.0, 2.0]))
    said, count, once = script(
        MAKE + "const run = after(50); return [run.problem, run.losses.length, after(1).problem];",
        {"program": program, "rate": rate},
    )
    assert said.endswith(f": try a smaller rate than {rate:g}.")
    assert 1 <= count < 50
    assert once == ("" if rate == 1e3 else said)


def test_a_loss_that_is_not_finite_from_the_start_is_not_the_rate_s_fault(script: Script) -> None:
    with np.errstate(invalid="ignore"):
        program = steps(lambda w: autodiff.sum(autodiff.log(w)), np.array([-1.0]))
    said = script(MAKE + "return after(1).problem;", {"program": program})
    assert said == "The loss is NaN before any step: look at the numbers of the inputs."


def test_the_surface_is_what_the_network_makes_of_the_points(script: Script) -> None:
    got = script(
        MAKE
        + """
        return shown(after(10));
        """,
        {"program": PROGRAM, "points": POINTS.ravel().tolist()},
    )
    trained = train(backprop, X, T, PARAMETERS, steps=10, progress=False).params
    np.testing.assert_allclose(1 / (1 + np.exp(-np.array(got))), forward(POINTS, trained), 1e-12)


def test_the_surface_of_several_outputs_has_a_row_for_each_point(script: Script) -> None:
    W, labels = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 1.0]]), np.arange(7) % 3

    def classes(W: Any, X: Any, labels: Any) -> Any:
        scores = X @ W
        logp = autodiff.log_softmax(scores)
        return -autodiff.mean(logp[np.arange(len(labels)), labels])

    program = steps(classes, W, X[:7], labels)
    got = script(
        MAKE + "return shown(begun());",
        {"program": program, "points": POINTS.ravel().tolist()},
    )
    expected = autodiff.log_softmax(POINTS @ W)
    np.testing.assert_allclose(np.reshape(got, (-1, 3)), expected, rtol=1e-12, atol=1e-12)


def by_probability(w: Any, X: Any, t: Any) -> Any:
    y = autodiff.sigmoid(X @ w)
    return -autodiff.mean(t * autodiff.log(y) + (1.0 - t) * autodiff.log(1.0 - y))


def with_labels_outside(w: Any, X: Any) -> Any:
    return by_probability(w, X, T)


def test_what_is_compared_is_what_all_of_the_loss_goes_through(script: Script) -> None:
    for f, data in ((by_probability, (X, T)), (with_labels_outside, (X,))):
        program = steps(f, np.array([0.3, -0.2]), *data)
        (y,) = [x["term"] for x in program["statements"] if x["name"] == "y"]
        (points,) = [x["term"] for x in program["inputs"] if x["name"] == "X"]
        found = script(PLANE, program)
        assert (found["data"], found["term"], found["units"][-1]) == (points, y, y)


def standardised(w: Any, X: Any, t: Any) -> Any:
    z = (X - autodiff.mean(X, 0)) @ w
    return autodiff.mean((z - t) ** 2.0)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda w: autodiff.sum(w * w), (np.ones(3),)),
        (lambda w, x: autodiff.sum(w @ x), (np.ones(2), np.ones(2))),
        (lambda w, X: autodiff.sum(X @ w), (np.ones(3), np.ones((5, 3)))),
        (standardised, (np.ones(2), X, T)),
        (lambda w, X: autodiff.sum(w), (np.ones(2), X)),
    ],
    ids=["no data", "one example", "three inputs", "examples mixed", "data unused"],
)
def test_there_is_no_surface_where_points_have_no_output(
    script: Script, f: Callable[..., Any], args: Any
) -> None:
    program = steps(f, *args)
    assert script(PLANE, program) is None
