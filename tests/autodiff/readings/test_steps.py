"""A program as plain data."""

import json

import numpy as np
import pytest
from hypothesis import given
from plain_steps import evaluated
from random_programs import as_function, programs, relaxed

from autodiff import derivation, steps, value_and_grad


def loop(w, x):
    h = w * 1.0
    for _ in range(2):
        h = np.tanh(h * x)
    total = np.sum(h)
    return total


def by_name(program):
    return {x["name"]: x for x in program["statements"]}


def test_it_is_json_and_every_operand_comes_before_its_reader():
    program = steps(loop, 0.5, np.arange(3.0), argnums=(0, 1))
    assert json.loads(json.dumps(program, allow_nan=False)) == program
    for i, x in enumerate(program["terms"]):
        assert all(operand < i for operand in x.get("operands", []))


@relaxed
@given(programs())
def test_the_data_alone_gives_value_and_gradients(drawn):
    f, leaves = as_function(drawn)
    value, gradients = value_and_grad(f)(leaves)
    program = json.loads(json.dumps(steps(f, leaves)))
    found = evaluated(program)
    np.testing.assert_allclose(found[program["value"]], value, rtol=1e-12)
    scale = max(np.max(np.abs(x), initial=0.0) for x in gradients)
    for x, gradient in zip(program["inputs"], gradients, strict=True):
        at = program["gradients"].get(x["name"])
        got = np.zeros(np.shape(gradient)) if at is None else found[at]
        np.testing.assert_allclose(got, gradient, rtol=0, atol=1e-12 * scale)
        assert np.shape(got) == np.shape(gradient)


def test_a_gradient_that_is_a_number_is_a_term():
    program = steps(lambda a, b: a - b, 2.0, 3.0, argnums=(0, 1))
    found = {name: program["terms"][at] for name, at in program["gradients"].items()}
    assert [x["primitive"] for x in found.values()] == ["identity", "identity"]
    numbers = {name: program["terms"][x["operands"][0]]["data"] for name, x in found.items()}
    assert numbers == {"a": [1.0], "b": [-1.0]}


def test_arrays_outside_have_names_and_masks_are_told_apart():
    CONSTANT = np.array([1.0, 2.0])
    program = steps(lambda w: np.sum(np.where(w > CONSTANT, w, 0.0)), np.array([0.0, 3.0]))
    ((name, data),) = [(x["name"], program["terms"][x["term"]]) for x in program["constants"]]
    assert (name, data["data"]) == ("CONSTANT", [1.0, 2.0])
    assert {x["primitive"] for x in program["terms"] if x["mask"]} == {"greater"}


def test_entries_are_those_that_the_derivation_prints():
    def f(w, x):
        h = np.tanh(x @ w)
        return np.sum(h[:, 0] * h[:, 1])

    w, x = np.ones((3, 2)), np.ones((4, 3))
    program = steps(f, w, x)
    found = [" = ".join(y["indices"]["text"]) for y in program["statements"]]
    printed = derivation(f, w, x, indices=True).text.splitlines()
    assert found == [" ".join(y.split()) for y in printed[:-1] if y]
    assert program["legend"] == printed[-1]
    assert any("Σ" in y for y in found)
    assert any("\\sum" in y["indices"]["latex"][1] for y in program["statements"])
    assert steps(lambda a: a * a, 2.0)["legend"] == ""


def test_how_primitives_of_numbers_are_written():
    notation = steps(lambda x: np.sum(np.tanh(x) ** 2.0), np.ones(2))["notation"]
    templates = {name: x["template"] for name, x in notation.items()}
    assert templates["multiply"] == "{} · {}"
    assert templates["tanh"] == "tanh({})"
    assert all(len(x["needed"]) == x["template"].count("{}") for x in notation.values())


def test_each_statement_knows_its_line_and_a_backward_one_that_of_what_it_undoes():
    program = steps(loop, 0.5, np.arange(3.0))
    found = {name: x["line"] for name, x in by_name(program).items()}
    assert found == {"h_1": 3, "h_2": 3, "total": 4, "h_1_bar": 3, "w_bar": 3}
    assert program["code"][3].strip() == "h = np.tanh(h * x)"
    undone = by_name(program)["w_bar"]["undoes"]
    assert program["statements"][undone]["name"] == "h_1"


def test_the_line_of_what_is_returned_or_computed_by_another_function():
    def inner(w):
        square = w * w
        return square + 1.0

    def outer(w):
        first = inner(w)
        return np.sum(first * 2.0)

    found = by_name(steps(outer, np.ones(2)))
    assert (found["square"]["line"], found["first"]["line"], found["loss"]["line"]) == (1, 1, 2)


def test_numbers_that_json_lacks_are_strings():
    program = steps(lambda w, x: np.sum(np.where(x > 0.0, w, x)), 1.0, np.array([np.nan, -np.inf]))
    data = [x["data"] for x in program["terms"] if x["primitive"] is None]
    assert ["NaN", "-Infinity"] in data
    json.dumps(program, allow_nan=False)


def test_what_is_the_adjoint_of_what():
    program = steps(lambda w: w * w * 3.0, 2.0)
    (name,) = program["gradients"]
    (statement,) = (x for x in program["statements"] if x["term"] == program["gradients"][name])
    assert program["terms"][statement["of"]]["data"] == [2.0]


def test_more_than_a_million_numbers_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"1,\d{3},\d{3} numbers .* give it fewer examples"):
        steps(lambda x: np.sum(x * x), np.zeros(520_000))
