"""The corpus itself: right sources are right, and every mistake has an effect where it says."""

import ast
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import ROOT
from right_sources import RIGHT
from slip_corpus import NETWORKS, TUTORIAL, Network, Slip, compiled, patched

from autodiff import source, value_and_grad
from mlp import engine

MISTAKES = sorted((ROOT / "docs" / "mistakes").glob("*.py"))
ROUNDING = next(path for path in MISTAKES if path.stem == "float32")
ON_THE_SECOND_CALL = {"stale_cache", "accumulated_over_calls"}
TIES = {("mean_twice_from_hidden_layer_on", "mean_twice_from_slope_on")}
TOLERANCES = {"float32": 1e-4, "central differences": 1e-5}

# The parameters whose gradients can be wrong where an equation is.
REACHED = {
    "z_bar": {"U", "b", "W", "c"},
    "H_bar": {"U", "b"},
    "G_bar": {"U", "b"},
    "U_bar": {"U"},
    "b_bar": {"b"},
    "W_bar": {"W"},
    "c_bar": {"c"},
    "update": {"U", "b"},
    "all": {"U", "b", "W", "c"},
    "loss": {"U", "b", "W", "c"},
}

every_network = pytest.mark.parametrize("network", [TUTORIAL, *NETWORKS], ids=lambda n: n.name)


def problems(network: Network, number: int = 5) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Yield problems drawn for the network, one for each seed."""
    for seed in range(number):
        yield network.problem(np.random.default_rng(seed))


def distance(given: Any, right: Any) -> float:
    """Return the largest difference relative to the largest entry, infinite for another shape."""
    if np.shape(given) != np.shape(right):
        return np.inf
    return float(np.max(np.abs(given - right)) / np.max(np.abs(right)))


def distances(given: dict[str, Any], right: dict[str, Any]) -> dict[str, float]:
    assert given.keys() == right.keys()
    return {name: distance(given[name], right[name]) for name in right}


def wrong_in(path: Path) -> set[str]:
    """Return the names that the docstring of a mistake gives in its line `Wrong: ...`."""
    sentence, blank, wrong = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")
    assert sentence.endswith(".")
    assert not blank
    assert wrong.startswith("Wrong: ")
    return set(wrong.removeprefix("Wrong: ").split(", "))


def plain(result: Any, params: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Return (grads, loss), the gradients in the shapes of `params`, whatever form they came in."""
    grads, loss = result if not isinstance(result[1], dict) else result[::-1]
    if isinstance(grads, tuple):
        grads = dict(zip("UbWc", grads))
    return {name: np.reshape(grads[name], np.shape(p)) for name, p in params.items()}, loss


@every_network
def test_the_code_of_every_network_is_right(network: Network) -> None:
    backprop = compiled(network.code)
    for X, t, params in problems(network):
        value, right = value_and_grad(network.loss)(params, X, t)
        grads, loss = backprop(X, t, params)
        assert distance(loss, value) < 1e-12
        assert max(distances(grads, right).values()) < 1e-12


@every_network
def test_every_slip_gives_another_gradient_and_the_same_loss(network: Network) -> None:
    for X, t, params in problems(network):
        value, right = value_and_grad(network.loss)(params, X, t)
        for name, slip in network.slips.items():
            grads, loss = compiled(patched(network.code, slip) or "")(X, t, params)
            assert max(distances(grads, right).values()) > 1e-6, name
            assert distance(loss, value) < 1e-12, name


@every_network
def test_no_two_slips_of_a_network_have_the_same_effect(network: Network) -> None:
    X, t, params = next(problems(network))
    effects = {
        name: compiled(patched(network.code, slip) or "")(X, t, params)[0]
        for name, slip in network.slips.items()
    }
    for one, other in combinations(effects, 2):
        assert max(distances(effects[one], effects[other]).values()) > 1e-6, (one, other)


@every_network
def test_the_equation_of_every_slip_is_one_of_the_engine(network: Network) -> None:
    X, t, params = next(problems(network))
    lines = source(network.loss, params, X, t).splitlines()
    left_sides = {line.split(" = ")[0].strip() for line in lines}
    assert {slip.equation for slip in network.slips.values()} <= left_sides


@every_network
def test_two_slips_go_together_unless_they_patch_the_same_line(network: Network) -> None:
    for one, other in combinations(network.slips.values(), 2):
        both = patched(network.code, one, other)
        if one.old == other.old:
            assert both is None
        else:
            lines = [line.strip() for line in (both or "").split("\n")]
            assert one.new in lines
            assert other.new in lines
            assert len(lines) == len(network.code.split("\n"))


def test_a_patch_of_a_line_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="not in list"):
        patched(TUTORIAL.code, Slip("y_bar = 0", "y_bar = 1", "y_bar"))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", RIGHT)
def test_right_in_other_algebra(name: str) -> None:
    tolerance = TOLERANCES.get(name, 1e-12)
    backprop = compiled(RIGHT[name])
    for X, t, params in problems(TUTORIAL):
        before = [array.copy() for array in (X, t, *params.values())]
        grads, loss = plain(backprop(X, t, params), params)
        right, value = engine.backprop(X, t, params)
        assert distance(loss, value) < tolerance
        assert max(distances(grads, right).values()) < tolerance
        assert all(map(np.array_equal, before, (X, t, *params.values())))


def results(path: Path) -> Iterator[tuple[dict[str, float], float]]:
    """Yield how far each gradient and the loss are from the engine's, on one problem each."""
    backprop: Callable[..., Any] = compiled(path.read_text())
    for X, t, params in problems(TUTORIAL):
        right, value = engine.backprop(X, t, params)
        grads, loss = backprop(X.copy(), t.copy(), {k: np.copy(p) for k, p in params.items()})
        yield distances(grads, right), distance(loss, value)


@pytest.mark.parametrize("path", sorted(set(MISTAKES) - {ROUNDING}), ids=lambda path: path.stem)
def test_every_mistake_is_wrong_where_it_says(path: Path) -> None:
    wrong = wrong_in(path)
    assert wrong <= set(REACHED)
    calls = list(results(path))
    if path.stem in ON_THE_SECOND_CALL:
        grads, loss = calls.pop(0)
        assert max(*grads.values(), loss) < 1e-12
    for grads, loss in calls:
        off = {name for name, far in grads.items() if far > 1e-6}
        assert off <= set().union(*(REACHED[equation] for equation in wrong))
        assert all(far < 1e-12 for name, far in grads.items() if name not in off)
        assert bool(off) or wrong == {"loss"}
        if wrong == {"loss"}:
            assert loss > 1e-6
        elif wrong != {"all"}:
            assert loss < 1e-12


def test_single_precision_is_right_to_single_precision() -> None:
    assert wrong_in(ROUNDING) == {"none"}
    for grads, loss in results(ROUNDING):
        assert 1e-12 < max(*grads.values(), loss) < 1e-4


def test_no_two_mistakes_have_the_same_effect() -> None:
    """The second call is looked at, because some are right on the first."""
    effects = {}
    for path in MISTAKES:
        backprop = compiled(path.read_text())
        for X, t, params in problems(TUTORIAL, 2):
            effects[path.stem] = backprop(X, t, {k: np.copy(p) for k, p in params.items()})
    same = set()
    for one, other in combinations(effects, 2):
        (grads, loss), (others, loss_of_other) = effects[one], effects[other]
        far = max(*distances(grads, others).values(), distance(loss, loss_of_other))
        if far < 1e-9:
            same.add((one, other))
    assert same == TIES


def test_few_mistakes_return_another_shape() -> None:
    assert len(MISTAKES) >= 45
    shapes = {path.stem for path in MISTAKES if np.inf in next(results(path))[0].values()}
    assert shapes == {"bias_not_summed", "output_bias_not_summed", "bias_wrong_axis"}
