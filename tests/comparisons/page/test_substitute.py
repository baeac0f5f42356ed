"""Equations of an entry: what is written is computed again, by Python, from the text alone."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import Step
from plain_steps import evaluated
from random_programs import as_function, programs, relaxed
from samples import DEFINITIONS

import autodiff
from autodiff import steps
from mlp import tutorial_problem
from mlp.engine import loss

Script = Callable[..., Any]
SIDES = """
    const { sides } = await import("substitute");
    const { prepared } = await import("interpreter");
    const { program, part } = given;
    const numbers = prepared(program)();
    return program.statements.map((statement) => {
        const entry = Math.floor(part * numbers[statement.term].length);
        return sides(program, numbers, statement, entry, given.isLong);
    });
"""
PARTS = """
    const { parts } = await import("substitute");
    const { prepared } = await import("interpreter");
    const numbers = prepared(given)();
    const last = ({ term }) => numbers[term].length - 1;
    return given.statements.map((statement) => {
        const { paths, sums } = parts(given, numbers, statement, last(statement));
        return { paths: paths.map((x) => ({ ...x, values: Array.from(x.values) })), sums };
    });
"""
FUNCTIONS = {
    **DEFINITIONS,
    "max": lambda *xs: np.max(xs),
    "min": lambda *xs: np.min(xs),
    "logsumexp": lambda *xs: np.log(np.sum(np.exp(xs))),
    "σ": DEFINITIONS["sigmoid"],
    "slope": DEFINITIONS["sigmoid_slope"],
}
SIGNS = {"·": "*", "^": "**", "²": "**2", "≤": "<=", "≥": ">=", "≠": "!=", " = ": " == "}
SIGNS |= {"∧": "&", "∨": "|", "¬": "not ", "σ'": "slope"}


def computed(text: str, arrays: dict[str, Any]) -> float:
    """Return what a formula says, where names stand for arrays."""
    names = sorted(arrays, key=len, reverse=True)
    variables = {f"n{i}_": np.asarray(arrays[name]) for i, name in enumerate(names)}
    pattern = "|".join(rf"(?<!\w){re.escape(name)}(?![\w\u0304\u0305(])" for name in names)
    code = re.sub(pattern, lambda match: f"n{names.index(match[0])}_", text)
    for sign, python in SIGNS.items():
        code = code.replace(sign, python)
    return float(eval(code, {**FUNCTIONS, **variables}))


def largest(terms: list[Any]) -> float:
    return max(np.max(np.abs(x), initial=0.0) for x in terms)


def named(program: dict[str, Any], terms: list[Any]) -> dict[str, Any]:
    places = [(x["name"], x["term"]) for x in [*program["inputs"], *program["constants"]]]
    places += [(x["text"][0], x["term"]) for x in program["statements"]]
    return {name: terms[i] for name, i in reversed(places)}


@settings(relaxed, max_examples=100)
@given(programs(), st.floats(0.0, 1.0, exclude_max=True))
def test_a_formula_says_what_its_entry_is(
    script: Script, drawn: tuple[list[Step], list[Any], Any], part: float
) -> None:
    f, leaves = as_function(drawn)
    program = steps(f, leaves)
    terms = evaluated(program)
    arrays, scale = named(program, terms), largest(terms)
    for statement, found in zip(
        program["statements"], script(SIDES, {"program": program, "part": part})
    ):
        left, formula, result = found[0], found[1], found[-1]
        whole = np.ravel(terms[statement["term"]])
        value = float(whole[int(part * whole.size)])
        assert computed(left, arrays) == value
        assert float(result) == pytest.approx(value, rel=1e-3, abs=1e-9 * scale)
        if "..." not in formula and "√" not in formula:
            tolerance = 1e-4 * scale  # numbers that have no name are written to six digits
            assert computed(formula, arrays) == pytest.approx(value, abs=tolerance)


def equations(script: Script, program: dict[str, Any]) -> dict[str, str]:
    """Return the equation of the last entry of each statement."""
    found = script(SIDES, {"program": program, "part": 0.999})
    statements = program["statements"]
    return {x["name"]: " = ".join(sides) for x, sides in zip(statements, found, strict=True)}


def test_the_tutorial_s_equations_with_numbers(script: Script) -> None:
    X, t, params = tutorial_problem(num_points=6)
    found = equations(script, steps(loss, params, X, t.astype(float)))
    assert found["H"] == "H[5,2] = tanh(G[5,2]) = tanh(-0.3187) = -0.3083"
    assert found["H_bar"] == "H̄[5,2] = z̄[5] · W[2] = 0.1322 · (-2.553) = -0.3374"
    assert found["c_bar"] == (
        "c̄ = z̄[0] + z̄[1] + ... + z̄[5] = -0.01033 + (-0.03954) + ... + 0.1322 = 0.2326"
    )
    assert found["z"] == (
        "z[5] = H[5,0] · W[0] + H[5,1] · W[1] + H[5,2] · W[2] + c = "
        "-0.8352 · 0.3131 + (-0.9574 · (-0.8541)) + (-0.3083 · (-2.553)) + 0 = 1.343"
    )
    assert found["loss"].startswith(
        "loss = (ℒ(z[0], t[0]) + ℒ(z[1], t[1]) + ... + ℒ(z[5], t[5])) / 6"
    )


def test_long_sums_are_written_out_on_request_but_not_without_end(script: Script) -> None:
    for count, left_out in ((5, 0), (300, 0), (301, 2)):
        program = steps(lambda x: autodiff.sum(x), np.arange(float(count)))
        text = script(SIDES, {"program": program, "part": 0, "isLong": True})[0][1]
        shown = [*range(count)] if not left_out else [*range(298), 300]
        assert re.findall(r"\[(\d+)\]", text) == [str(i) for i in shown]
        assert ("..." in text) == bool(left_out)


def test_an_adjoint_equal_to_what_has_a_name_is_that(script: Script) -> None:
    program = steps(lambda w, x: autodiff.sum(w * x) + 3.0 * w[0], np.ones(2), np.array([2.0, 5.0]))
    assert "w_bar" in equations(script, program)
    program = steps(lambda w, x: autodiff.sum(w * x), np.ones(2), np.array([2.0, 5.0]))
    assert equations(script, program)["w_bar"] == "w̄[1] = x[1] = 5"
    program = steps(lambda a, b: a - b, 2.0, 3.0, argnums=1)
    assert equations(script, program)["b_bar"] == "b̄ = -1"


def test_what_is_picked_and_put_back_is_traced_to_its_entry(script: Script) -> None:
    def f(z: Any, labels: Any) -> Any:
        picked = z[np.arange(len(labels)), labels]
        joined = autodiff.concatenate([picked, z[0]])
        return autodiff.sum(joined * joined)

    found = equations(script, steps(f, np.arange(6.0).reshape(2, 3), np.array([0, 2])))
    assert found["picked"] == "picked[1] = z[1,2] = 5"
    assert found["joined"] == "joined[4] = z[0,2] = 2"


def test_the_part_of_each_path_and_the_sum_that_undoes_a_broadcast(script: Script) -> None:
    def f(w: Any, x: Any) -> Any:
        y = w * x
        return autodiff.sum(autodiff.exp(y) + y * y - autodiff.sin(y))

    w, x = np.array([0.5]), np.array([[1.0, 2.0], [3.0, -1.0]])
    program = steps(f, w, x)
    names = [statement["name"] for statement in program["statements"]]
    found = dict(zip(names, script(PARTS, program), strict=True))
    y = np.ravel(w * x)
    values = sorted(tuple(path["values"]) for path in found["y_bar"]["paths"])
    expected = sorted(map(tuple, (np.exp(y), y, y, -np.cos(y))))
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    texts = {path["text"] for path in found["y_bar"]["paths"]}
    assert {"y[1,1]"} < texts
    assert found["y_bar"]["sums"] == found["w_bar"]["paths"] == []
    (total,) = found["w_bar"]["sums"]
    assert (total["before"], total["after"]) == ([2, 2], [1])
    assert all(x == {"paths": [], "sums": []} for name, x in found.items() if "bar" not in name)


def test_a_part_that_is_taken_away_is_negative(script: Script) -> None:
    def f(w: Any, x: Any) -> Any:
        y = w * x
        return autodiff.sum((x - y) * autodiff.exp(y))

    w, x = 0.5, np.array([1.0, -2.0])
    program = steps(f, w, x)
    (at,) = (i for i, x in enumerate(program["statements"]) if x["name"] == "y_bar")
    paths = script(PARTS, program)[at]["paths"]
    assert program["terms"][program["statements"][at]["term"]]["primitive"] == "subtract"
    y = w * x
    expected = [(x - y) * np.exp(y), -np.exp(y)]
    np.testing.assert_allclose([path["values"] for path in paths], expected, rtol=1e-12)
    assert [path["text"] for path in paths] == ["v₃[1]", "-v₂[1]"]


@settings(relaxed, max_examples=100)
@given(programs())
def test_the_parts_of_all_paths_add_up(
    script: Script, drawn: tuple[list[Step], list[Any], Any]
) -> None:
    f, leaves = as_function(drawn)
    program = steps(f, leaves)
    terms = evaluated(program)
    scale = largest(terms)
    uses = [i for x in program["terms"] if x["forward"] for i in x.get("operands", [])]
    for statement, found in zip(program["statements"], script(PARTS, program), strict=True):
        whole = np.ravel(terms[statement["term"]])
        paths = found["paths"]
        assert len(paths) != 1
        assert len(paths) <= uses.count(statement["of"])
        if paths:
            total = np.sum([path["values"] for path in paths], axis=0)
            np.testing.assert_allclose(total, whole, rtol=0, atol=1e-12 * scale)
