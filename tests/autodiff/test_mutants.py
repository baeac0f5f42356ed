"""The tests of the tests: with any rule made wrong, the test of the rules must fail."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rule_checks import check_rules
from samples import PRIMITIVES, SAMPLES

from autodiff import Value, gradients, walk

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in log")

MUTATIONS: dict[str, Callable[[Any], Any]] = {
    "wrong by 0.05 %": lambda part: part * 1.0005,
    "of the wrong sign": lambda part: -part,
    "dropped": lambda part: part * 0.0,
}


def mutated(rule: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *args, **parameters: change(rule(*args, **parameters))


def rules_of(name: str) -> dict[int, Callable[..., Any]]:
    primitive = PRIMITIVES[name]
    return {0: primitive.every} if primitive.every else dict(primitive.rules)


MUTANTS = [
    (name, position, mutation)
    for name in SAMPLES
    for position in rules_of(name)
    for mutation in MUTATIONS
]


@pytest.mark.parametrize(("name", "position", "mutation"), MUTANTS)
def test_a_wrong_rule_is_found(
    name: str, position: int, mutation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_rules(name)
    primitive = PRIMITIVES[name]
    rules = rules_of(name)
    wrong = mutated(rules[position], MUTATIONS[mutation])
    if primitive.every:
        monkeypatch.setattr(primitive, "every", wrong)
    else:
        monkeypatch.setattr(primitive, "rules", tuple((rules | {position: wrong}).items()))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_rules(name)


def test_every_rule_is_in_the_sweep() -> None:
    """An operand without a rule is one in which the derivative is zero."""
    operands = {(name, i) for name in SAMPLES for i in range(PRIMITIVES[name].arity or 1)}
    swept = {(name, i) for name, i, _ in MUTANTS}
    assert operands - swept == {("sign", 0), ("where", 0)}
    assert swept <= operands
    assert len(MUTANTS) == 3 * len(swept)


@pytest.mark.parametrize("operand", [0, 1])
def test_a_wrong_rule_for_one_operand_among_many_is_found(
    operand: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = rules_of("concatenate")[0]

    def wrong(*args: Any, position: int, **parameters: Any) -> Any:
        return rule(*args, position=position, **parameters) * (
            1.0 if position != operand else 1.0005
        )

    monkeypatch.setattr(PRIMITIVES["concatenate"], "every", wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_rules("concatenate")


MISTAKES: dict[str, Callable[[Any, Any], Any]] = {
    "averaged, not summed": lambda part, fitted: fitted * (np.size(fitted) / np.size(part)),
    "wrong by 0.05 %": lambda part, fitted: fitted * 1.0005,
    "the first, not the sum": lambda part, fitted: np.resize(part, np.shape(fitted)),
}


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "where", "matmul", "broadcast_to"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broadcast_that_is_undone_wrongly_is_found(
    name: str, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = walk.unbroadcast
    monkeypatch.setattr(
        walk, "unbroadcast", lambda part, *to: MISTAKES[mistake](part, right(part, *to))
    )
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_rules(name)


def test_an_adjoint_passed_on_before_it_is_complete_loses_a_part() -> None:
    """Why a topological order: b = a + a; c = b + b; d = b * c, with b visited before c."""
    a = Value(1.0)
    b = a + a
    c = b + b
    d = b * c
    assert gradients(d, a) == 16.0
    b.serial, c.serial = c.serial, b.serial
    assert gradients(d, a) != 16.0


@pytest.mark.parametrize("name", ["add", "exp", "sum", "where", "getitem"])
def test_a_wrong_function_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function = PRIMITIVES[name].function
    wrong = mutated(function, lambda out: out * 1.0005)
    monkeypatch.setattr(PRIMITIVES[name], "function", wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_rules(name)
