"""Training with every way, and the timing of every way and peer."""

import json
import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
from places import GOLDEN

from autodiff.readings.native.build import compiler, described
from comparisons.tables import peers, speed, training
from comparisons.tables.ways import BY_HAND, LOOPS, NUMPY_WAYS, Way, difference
from mlp import by_hand
from mlp.data import tutorial_problem


def test_the_loss_table_is_the_tutorials():
    result = training.measure(0, 500, 3, 1000, 1.0, ways=list(NUMPY_WAYS[:2]))
    for way in result["ways"].values():
        for step, loss in GOLDEN["loss_by_step"].items():
            assert way["losses"][int(step)] == pytest.approx(loss, abs=1e-9)
        for name, p in GOLDEN["final_parameters"].items():
            assert np.allclose(way["params"][name], p, rtol=0, atol=1e-9)
    y = by_hand.forward(*final(result))
    _, t, _ = tutorial_problem()
    assert result["ways"]["engine"]["accuracy"] == np.mean((y > 0.5) == t)
    assert result["ways"]["engine"]["largest_distance"] < 1e-12


def final(result):
    X, _, _ = tutorial_problem()
    return X, {name: np.array(p) for name, p in result["ways"]["by hand"]["params"].items()}


def test_a_long_name_has_two_lines_in_the_head_of_the_table():
    result = training.measure(0, 20, 3, 1, 1.0, ways=[BY_HAND, Way("a b c d", by_hand.backprop)])
    heads = [column.header for x in training.tables(result) for column in getattr(x, "columns", [])]
    assert "a\nb c d" in heads


def test_a_slow_way_makes_fewer_steps_and_it_is_said():
    slow = Way("slow", by_hand.backprop, seconds=lambda n, h: 0.025)
    ways = [BY_HAND, slow]
    result = training.measure(0, 20, 3, 120, 1.0, ways=ways)
    assert result["ways"]["slow"]["steps"] == 100
    assert "To save time, slow made only the first 100 steps." in training.tables(result)


def test_a_way_that_leaves_the_path_is_seen():
    def backprop(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return {**grads, "c": grads["c"] + 1e-4}, loss

    result = training.measure(0, 20, 3, 50, 1.0, ways=[BY_HAND, Way("off", backprop)])
    assert 1e-4 < result["ways"]["off"]["largest_distance"] < 1e-1
    assert result["ways"]["off"]["at_step"] == 50
    assert training.verdict(result) == (
        "The runs drift apart: by hand and off disagree; run `backprop gradients` first."
    )


def test_a_way_that_diverges_is_told_and_does_not_end_the_comparison():
    def backprop(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return grads, np.inf if params["c"] else loss

    result = training.measure(0, 20, 3, 50, 1.0, ways=[BY_HAND, Way("off", backprop)])
    assert result["ways"]["off"]["diverged_at"] == 1
    assert any("off diverged" in str(x) for x in training.tables(result))


def test_every_axis_of_the_picture_is_labelled():
    picture = training.figure(training.measure(0, 20, 3, 2, 1.0, ways=[BY_HAND, BY_HAND]))
    plots = [ax for ax in picture.axes if ax.get_title()]
    assert len(plots) == 4
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in plots)


def test_curves_that_coincide_do_not_hide_each_other():
    """The engine and its compiled form follow the same path to the last bit."""
    result = training.measure(0, 60, 3, 200, 1.0, ways=list(NUMPY_WAYS[:4]))
    engine, compiled, loops = next(
        ax.lines for ax in training.figure(result).axes if ax.get_title().startswith("distance")
    )
    assert np.array_equal(engine.get_ydata(), compiled.get_ydata())
    for below, above in ((engine, compiled), (compiled, loops)):
        assert below.get_markersize() > above.get_markersize()
        assert below.get_linewidth() > above.get_linewidth()
        assert above.get_markerfacecolor() == "none"


def test_no_steps_at_all():
    result = training.measure(0, 20, 3, 0, 1.0, ways=list(NUMPY_WAYS[:2]))
    assert result["ways"]["engine"]["largest_distance"] == 0.0
    training.tables(result)
    training.figure(result)


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: peer.name)
def test_a_peers_first_step_is_the_engines(peer):
    pytest.importorskip(peer.package)
    X, t, params = tutorial_problem(30, 3, 1)
    before = {key: np.array(p) for key, p in params.items()}
    _, found = speed.checked_step(peer, X, t, params)
    assert max(found["relative"], found["relative_loss"]) < peer.tolerance
    assert all(np.array_equal(p, before[key]) for key, p in params.items())


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: peer.name)
def test_a_peers_second_step_starts_where_the_first_ended(peer):
    pytest.importorskip(peer.package)
    X, t, params = tutorial_problem(30, 3, 1)
    step, current = peer.start(X, t, params)
    own_step, own = peers.descent(by_hand.backprop, X, t, params)
    for _ in range(3):
        assert float(step()) == pytest.approx(own_step(), rel=10 * peer.tolerance)
    assert difference((current(), 0.0), (own(), 0.0))["relative"] < 10 * peer.tolerance


def test_micrograd_works_for_more_points_than_python_may_recurse():
    pytest.importorskip("micrograd")
    X, t, params = tutorial_problem(1500, 1, 0)
    found = difference(peers.micrograd_backprop(X, t, params), by_hand.backprop(X, t, params))
    assert found["relative"] < 1e-12


def test_a_contestant_with_a_wrong_gradient_is_not_timed(monkeypatch):
    def wrong(X, t, params):
        grads, loss = by_hand.backprop(X, t, params)
        return {**grads, "c": grads["c"] * 1.5}, loss

    for name, backprop, timed in (
        ("wrong", wrong, "wrong is not timed: it"),
        ("by hand", by_hand.backprop, None),
        ("by hand", wrong, "by hand is timed all the same, but it"),
    ):
        contestants = [
            peers.Peer("by hand", "numpy", partial(peers.descent, by_hand.backprop)),
            peers.Peer(name, "numpy", partial(peers.descent, backprop)),
        ]
        monkeypatch.setattr(speed, "contestants_for", lambda *size, found=contestants: (found, ""))
        result = speed.measure(0, 30, 3)
        assert list(result["ways"]) == ["by hand"]
        assert "grey" not in speed.figure(result).axes[0].get_xlabel()
        for note in result["notes"]:
            assert note.startswith(f"{timed} and the engine disagree (")
            assert note.endswith("); run `backprop gradients`.")
        assert len(result["notes"]) == (timed is not None)


@pytest.mark.parametrize(("hidden", "said"), [(256, "is off by 4.3e-06: "), (1000, "is infinite")])
def test_where_the_loss_by_hand_loses_its_digits_the_exact_ways_are_timed_and_it_is_said(
    monkeypatch, hidden, said
):
    """The engine is the reference: it has no digits to lose where y rounds to 1."""
    names = ["by hand", "engine", "compiled"]
    contestants = [x for x in speed.contestants_for(5000, hidden)[0] if x.name in names]
    monkeypatch.setattr(speed, "contestants_for", lambda *size: (contestants, ""))
    monkeypatch.setattr(speed, "LARGE", np.inf)
    with np.errstate(all="ignore"):
        result = speed.measure(0, 5000, hidden)
    assert sorted(result["ways"]) == sorted(names)
    assert result["ways"]["by hand"]["ratio"] == 1.0
    (note,) = result["notes"]
    assert note.startswith(f"The loss by hand {said}")
    assert note in speed.tables(result)


def test_the_loops_are_timed_with_the_compiler_that_built_them_or_said_not_to_be_there(monkeypatch):
    contestants = [x for x in speed.contestants_for(60, 3)[0] if x.name in ("by hand", LOOPS.name)]
    monkeypatch.setattr(speed, "contestants_for", lambda points, hidden: (contestants, ""))
    for hidden, is_built in ((3, bool(compiler())), (40, False)):
        result = speed.measure(0, 60, hidden)
        assert set(result["ways"]) == {"by hand", "loops in C"}
        said = " ".join(x for x in speed.tables(result) if isinstance(x, str))
        assert (f"The loops in C were built by {described()}." in said) is is_built
        assert ("The loops in C were computed by NumPy: " in said) is not is_built
        assert result["circumstances"]["compiler"] == (described() if compiler() else "none")


def test_without_a_compiler_every_table_with_the_loops_says_that_numpy_computed_them():
    program = (
        "from comparisons.tables import gradients, speed, training\n"
        "from comparisons.tables.ways import BY_HAND, LOOPS, fallback\n"
        "ways = [BY_HAND, LOOPS]\n"
        "print(gradients.tables(gradients.measure(0, 20, 3, 2, 1.0, ways))[-1])\n"
        "print(*[x for x in training.tables(training.measure(0, 20, 3, 2, 1.0, ways=ways))"
        " if 'NumPy' in str(x)])\n"
        "speed.contestants_for = lambda *_: ([speed.Peer(x.name, 'numpy',"
        " speed.partial(speed.descent, x.backprop)) for x in ways], '')\n"
        "result = speed.measure(0, 20, 3)\n"
        "print(*[x for x in speed.tables(result) if 'by NumPy' in str(x)])\n"
        "print(result['circumstances']['compiler'])"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    found = subprocess.run(
        command, env={**os.environ, "CC": "/nonexistent"}, capture_output=True, text=True
    )
    said = "The loops in C were computed by NumPy: there is no C compiler."
    assert found.stdout.splitlines() == [said, said, said, "none"], found.stderr


def test_who_takes_threads_is_timed_with_them(monkeypatch, capsys):
    monkeypatch.setattr(
        speed, "timed", lambda steps: {name: step() for name, step in steps.items()}
    )
    speed.print_on_all_cores(0, 100, 3)
    found = json.loads(capsys.readouterr().out)
    packages = {"PyTorch float64": "torch", "PyTorch float32": "torch", "JAX jit": "jax"}
    installed = [name for name, package in packages.items() if find_spec(package)]
    assert [*found["ways"]] == ["by hand", "in blocks", *installed]
    assert found["cores"] == os.cpu_count()
    if find_spec("torch"):
        import torch

        assert torch.get_num_threads() == os.cpu_count()
        torch.set_num_threads(1)


def test_threads_are_as_many_as_they_like_where_they_are_measured_but_for_numpys(monkeypatch):
    monkeypatch.setenv("NPROC", "1")
    seen = []

    def check_output(command, env, stderr):
        seen.append((command[-1].partition("; ")[2], env.get("NPROC"), env["OPENBLAS_NUM_THREADS"]))
        return "{}"

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "5")
    monkeypatch.setattr(subprocess, "check_output", check_output)
    speed.on_all_cores(0, 100, 3)
    assert seen == [("speed.print_on_all_cores(0, 100, 3)", None, "1")]


def test_threads_are_measured_where_there_is_much_to_compute(monkeypatch):
    contestants = [x for x in speed.contestants_for(60, 3)[0] if x.name == "by hand"]
    monkeypatch.setattr(speed, "contestants_for", lambda points, hidden: (contestants, ""))
    monkeypatch.setattr(speed, "on_all_cores", lambda *problem: {"problem": problem})
    monkeypatch.setattr(speed, "LARGE", 90)
    assert speed.measure(1, 29, 3)["on_all_cores"] == {}
    assert speed.measure(1, 30, 3)["on_all_cores"] == {"problem": (1, 30, 3)}


def test_what_would_take_too_long_is_left_out(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda package: True)
    contestants, sentence = speed.contestants_for(1_000_000, 3)
    assert {"by hand", "engine"} < {peer.name for peer in contestants}
    assert sentence == (
        "Left out, because one gradient takes more than 3 s at this size: number by number, "
        "micrograd."
    )
    kept, sentence = speed.contestants_for(5000, 3)
    assert "number by number" in [peer.name for peer in kept]
    assert sentence == (
        "Left out, because one gradient takes more than 3 s at this size: micrograd."
    )
