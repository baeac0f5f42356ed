"""The page's interpreter against the engine, in a browser."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import Step
from plain_steps import evaluated
from random_programs import as_function, programs, relaxed
from samples import ALL, MORE, PRIMITIVES, SAMPLES, apart, binary, unary

import autodiff
from autodiff import steps, value_and_grad
from autodiff.primitives import MASKS
from autodiff.readings.steps import as_data
from autodiff.readings.terms import Term

Script = Callable[..., Any]
COMPUTE = """
    const { prepared } = await import("interpreter");
    return given.map((program) => prepared(program)().map((x) => Array.from(x)));
"""


def is_ufunc(primitive: Any) -> bool:
    """Return whether the page computes a primitive that the engine's own table has not."""
    return isinstance(primitive.function, np.ufunc)


def applied(name: str, *operands: Any, **parameters: Any) -> dict[str, Any]:
    """Return a program of one primitive."""
    leaves = [Term(np.asarray(x)) for x in operands]
    with np.errstate(all="ignore"):
        data = np.asarray(ALL[name].function(*operands, **parameters))
    result = Term(data, ALL[name], (*leaves,), parameters)
    at = {x: i for i, x in enumerate(leaves)}
    return {"terms": [as_data(x, at) for x in (*leaves, result)]}


def one_by_one(name: str) -> list[dict[str, Any]]:
    """Return a program of one primitive for each of its samples."""
    is_logical = name.startswith("logical")
    found = []
    of_masks = unary(apart) if ALL[name].arity == 1 else binary(apart)
    for operands, parameters, _ in SAMPLES.get(name, of_masks):
        if is_logical and not all(map(np.ndim, operands)):
            continue  # single masks are numbers to the engine
        operands = [np.asarray(x) > 0.2 if is_logical else x for x in operands]
        found.append(applied(name, *operands, **parameters))
    return found


def with_gradients(name: str) -> list[dict[str, Any]]:
    """Return a program, forward and backward, for each sample of a primitive."""

    def traced(operands: Any, parameters: Any) -> dict[str, Any]:
        def f(*xs: Any) -> Any:
            y = PRIMITIVES[name](*xs, **parameters)
            return autodiff.sum(y * apart(*np.shape(y), seed=3))

        arrays = [np.asarray(x, float) for x in operands]
        return steps(f, *arrays, argnums=tuple(range(len(arrays))))

    return [traced(operands, parameters) for operands, parameters, _ in SAMPLES[name]]


def largest(*arrays: Any) -> float:
    numbers = np.concatenate([np.ravel(x) for x in arrays])
    return np.max(np.abs(numbers), initial=0.0, where=np.isfinite(numbers))


def check(got: list[Any], expected: list[Any], scale: float | None = None) -> None:
    for a, b in zip(got, expected, strict=True):
        atol = 1e-12 * (largest(b) if scale is None else scale)
        np.testing.assert_allclose(a, np.ravel(b), rtol=0, atol=atol)


@pytest.mark.parametrize(
    "name", sorted(name for name, x in ALL.items() if name not in MORE or is_ufunc(x))
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_primitive_at_its_samples(script: Script, name: str) -> None:
    made = one_by_one(name) + (with_gradients(name) if ALL[name] not in MASKS else [])
    assert {x["primitive"] for program in made for x in program["terms"]} > {name}
    encoded = json.loads(json.dumps(made, allow_nan=False))
    for program, got in zip(made, script(COMPUTE, encoded), strict=True):
        check(got, evaluated(program))


@settings(relaxed, max_examples=200)
@given(programs())
def test_programs_that_hypothesis_grows(
    script: Script, drawn: tuple[list[Step], list[Any], Any]
) -> None:
    f, leaves = as_function(drawn)
    value, gradients = value_and_grad(f)(leaves)
    program = steps(f, leaves)
    (got,) = script(COMPUTE, [program])
    scale = largest(value, *gradients)
    check([got[program["value"]]], [value], scale)
    for x, gradient in zip(program["inputs"], gradients, strict=True):
        at = program["gradients"].get(x["name"])
        check([np.zeros(np.size(gradient)) if at is None else got[at]], [gradient], scale)
    every = evaluated(program)
    check(got, every, largest(*every))


def test_numbers_given_for_inputs_count_for_one_call(script: Script) -> None:
    def f(w: Any, x: Any) -> Any:
        return autodiff.sum(autodiff.tanh(x @ w))

    w, x = np.array([0.5, -0.25]), np.array([[1.0, 2.0], [3.0, 4.0]])
    program = steps(f, w, x)
    moved = {"w": [0.1, 0.2], "x": [1.0, 0.0, 0.0, 1.0]}
    at = {x["name"]: x["term"] for x in program["inputs"]}
    got = script(
        """
        const { prepared } = await import("interpreter");
        const compute = prepared(given.program);
        const results = (values) => [given.program.value, given.program.gradients.w]
            .map((i) => Array.from(values[i]));
        return [[], given.moved, given.moved, []].map((x) => results(compute(new Map(x))));
        """,
        {"program": program, "moved": [[at[name], x] for name, x in moved.items()]},
    )
    own = value_and_grad(f)(w, x)
    other = value_and_grad(f)(np.array(moved["w"]), np.eye(2))
    for found, expected in zip(got, (own, other, other, own), strict=True):
        check(found, list(expected))


def test_positions_among_the_inputs_can_be_changed(script: Script) -> None:
    def f(z: Any, labels: Any) -> Any:
        picked = z[np.arange(len(labels)), labels]
        return autodiff.sum(picked * picked)

    z = np.arange(6.0).reshape(2, 3)
    program = steps(f, z, np.array([0, 2]))
    at = next(x["term"] for x in program["inputs"] if x["name"] == "labels")
    got, *refused = script(
        """
        const { prepared } = await import("interpreter");
        const compute = prepared(given.program);
        const values = compute(new Map([[given.at, [1, -3]]]));
        const result = Array.from(values[given.program.gradients.z]);
        const said = [[1, 3], [1, 0.5]].map((labels) => {
            try { compute(new Map([[given.at, labels]])); } catch (error) { return error.message; }
        });
        return [result, ...said];
        """,
        {"program": program, "at": at},
    )
    np.testing.assert_array_equal(got, [0.0, 2.0, 0.0, 6.0, 0.0, 0.0])
    sentence = "There is no element {} along an axis of length 3."
    assert refused == [sentence.format(3), sentence.format(0.5)]


def test_the_axes_of_positions_that_are_apart_come_first(script: Script) -> None:
    x, at = np.arange(48.0).reshape(2, 3, 2, 4), np.array([1, 0, 1])
    every = slice(None)
    indices = [(every, at, every, at), (every, at, None, 0), (every, every, at, at), (0, every, at)]
    made = [applied("getitem", x, index=index) for index in indices]
    for program, got, index in zip(made, script(COMPUTE, made), indices, strict=True):
        assert program["terms"][-1]["shape"] == list(x[index].shape)
        np.testing.assert_array_equal(got[-1], np.ravel(x[index]))


def test_nothing_overflows_or_loses_its_digits(script: Script) -> None:
    x = np.array([0.0, 1e-9, 1.0, 40.0, 800.0, -1e-9, -1.0, -40.0, -800.0])
    names = ["sigmoid", "sigmoid_slope", "softplus", "log_sigmoid"]
    made = [applied(name, x) for name in names]
    for name in ("logistic_cross_entropy", "logistic_residual"):
        made += [applied(name, x, np.full(x.shape, t)) for t in (0.0, 0.25, 1.0)]
    rows = np.array([[800.0, 801.0], [-800.0, -801.0], [-np.inf, -np.inf], [np.inf, 1.0]])
    made.append(applied("logsumexp", rows, axis=1, keepdims=False))
    for program, got in zip(made, script(COMPUTE, made), strict=True):
        with np.errstate(divide="ignore"):
            expected = evaluated(program)[-1]
        np.testing.assert_allclose(got[-1], expected, rtol=1e-14)


def test_a_loss_has_no_value_for_targets_that_are_no_probabilities(script: Script) -> None:
    program = applied("logistic_cross_entropy", np.zeros(3), np.ones(3))
    program["terms"][1]["data"] = [1.5, -0.1, 1.0]
    (got,) = script(COMPUTE, [program])
    np.testing.assert_allclose(got[-1], [np.nan, np.nan, np.log(2.0)])


def test_sums_and_products_of_masks_are_masks_as_in_numpy(script: Script) -> None:
    def f(x: Any) -> Any:
        return autodiff.sum(x * ((x > 0.0) + (x > 1.0))) * (1.0 * ((x > 0.0) @ (x > 1.0)))

    x = np.array([1.5, 2.0, 0.5, -3.0])
    program = steps(f, x)
    (got,) = script(COMPUTE, [program])
    value, gradient = value_and_grad(f)(x)
    assert value == 4.0
    check([got[program["value"]], got[program["gradients"]["x"]]], [value, gradient])


def test_nan_infinity_and_the_powers_that_javascript_has_otherwise(script: Script) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1.0, -1.0, 0.0])
    names = ["power", "maximum", "minimum", "less", "not_equal", "logistic_residual"]
    made = [applied(name, x[:, None], x / 2 if "residual" in name else x) for name in names]
    for program, got in zip(made, script(COMPUTE, made), strict=True):
        with np.errstate(all="ignore"):
            check(got, evaluated(program))


@pytest.mark.parametrize(
    ("program", "given", "sentence"),
    [
        (
            {"terms": [{"primitive": "toString", "operands": [], "parameters": {}, "shape": []}]},
            [],
            "This page cannot compute toString: it has no function of that name.",
        ),
        (
            {"terms": [{"primitive": None, "data": [1.0, 2.0], "shape": [2]}]},
            [[0, [1.0]]],
            "1 numbers were given where 2 are needed.",
        ),
    ],
)
def test_what_cannot_be_computed_is_said(
    script: Script, program: Any, given: Any, sentence: str
) -> None:
    said = script(
        """
        const { prepared } = await import("interpreter");
        const numbers = new Map(given.given);
        try { prepared(given.program)(numbers); } catch (error) { return error.message; }
        """,
        {"program": program, "given": given},
    )
    assert said == sentence
