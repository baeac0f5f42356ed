"""Blocks: the whole's numbers, whatever their size and whoever computes them, and refusals."""

import math
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice, pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import NETWORKS, batch_norm
from random_programs import relaxed

import autodiff
from autodiff import Value, compile, in_blocks, mean, value_and_grad
from autodiff.arguments import leaves, tree_map
from autodiff.blocks.call import called
from autodiff.blocks.worker import KEPT, Worker
from mlp import engine
from mlp.data import tutorial_problem


@pytest.fixture(scope="module", params=["processes", "dask"])
def others(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Yield an executor of two other processes."""
    if request.param == "dask":
        distributed = pytest.importorskip("distributed")
        workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
        with distributed.LocalCluster(**workers) as cluster, distributed.Client(cluster) as client:
            yield client.get_executor()
    else:
        # Not forked: a process in which JAX has threads must not be.
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
            yield executor


@contextmanager
def threads(number: int) -> Iterator[Any]:
    with ThreadPoolExecutor(number) as executor:
        yield executor.map


def numbers(result: Any) -> list[Any]:
    return [result[0], *leaves(result[1])]


def assert_equal(got: Any, right: Any, tolerance: float = 1e-12) -> None:
    """Compare value and gradient, relative to the largest entry of each."""
    assert type(got[1]) is type(right[1])
    largest = max(np.max(np.abs(x), initial=0.0) for x in leaves(right[1]))
    for a, b, size in zip(numbers(got), numbers(right), [abs(right[0]), *[largest] * 99]):
        assert type(a) is type(b)
        assert np.shape(a) == np.shape(b)
        assert np.result_type(a) == np.result_type(b)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * size)


def assert_same_bits(got: Any, right: Any) -> None:
    assert [np.asarray(x).tobytes() for x in numbers(got)] == [
        np.asarray(x).tobytes() for x in numbers(right)
    ]


def total(params: Any, X: Any, t: Any) -> Any:
    return len(X) * engine.loss(params, X, t)


def decayed(params: Any, X: Any, t: Any) -> Any:
    return engine.loss(params, X, t) + 0.1 * autodiff.sum(params["U"] ** 2)


def test_what_is_no_larger_than_a_block_is_computed_as_it_is() -> None:
    X, t, params = tutorial_problem(500, 3, 0)
    ours = in_blocks(engine.loss, map=lambda *_: pytest.fail("there is one block"))
    for _ in range(2):
        assert_same_bits(ours(params, X, t), compile(engine.loss, backend="auto")(params, X, t))


@settings(parent=relaxed, max_examples=60)
@given(
    st.integers(1, 70), st.integers(1, 80), st.integers(1, 4), st.integers(0, 2**32 - 1), st.data()
)
def test_any_size_and_number_of_threads(
    points: int, size: int, workers: int, seed: int, data: st.DataObject
) -> None:
    f = data.draw(st.sampled_from([engine.loss, total, decayed]))
    X, t, params = tutorial_problem(points, 2, seed)
    with threads(workers) as map_:
        got = in_blocks(f, size=size, map=map_)(params, X, t)
    assert_equal(got, value_and_grad(f)(params, X, t))
    assert_same_bits(got, in_blocks(f, size=size)(params, X, t))


def linear(data: Any, w: Any, b: Any) -> Any:
    return mean((data[0]["X"] @ w + b - data[1]) ** 2)


BATCHES = {"two_layers", "one_hot", "nested", "columns", "recurrent", "convolution", "hinge"}
CASES = [case for case in NETWORKS if case[0].__name__ in BATCHES]
CASES.append((linear, ([{"X": np.eye(37, 2)}, np.arange(37)], np.ones(2), 0.5), (2, -2)))


@pytest.mark.parametrize("size", [None, 1, 5, 36, 37, 100])
@pytest.mark.parametrize(("f", "args", "argnums"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_networks(f: Any, args: Any, argnums: Any, size: Any) -> None:
    ours = in_blocks(f, argnums, size=size)
    first = ours(*args)
    assert_equal(first, value_and_grad(f, argnums)(*args))
    assert_same_bits(first, ours(*args))
    assert ours.__name__ == f.__name__


def test_float32_stays() -> None:
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(50, 3)).astype(np.float32), np.ones(3, np.float32)
    f = lambda w, X: mean((X @ w) ** 2)  # noqa: E731
    assert_equal(in_blocks(f, size=7)(w, X), value_and_grad(f)(w, X), 1e-6)


def test_rounding_does_not_grow_with_the_number_of_blocks() -> None:
    """Added one by one, as many numbers of float32 would be wrong by some 1e-5."""
    x = np.random.default_rng(0).random(2**14, np.float32)
    value, gradient = in_blocks(lambda w, x: autodiff.sum(w * x), size=1)(np.float32(1), x)
    assert gradient.dtype == np.float32
    assert gradient == pytest.approx(math.fsum(x), rel=2e-7)
    assert value == gradient


@pytest.mark.parametrize("points", [999, 100_000])
def test_other_processes(others: Executor, points: int) -> None:
    X, t, params = tutorial_problem(points, 3, 0)
    for size in (points // 5, None):
        expected = in_blocks(engine.loss, size=size)(params, X, t)
        ours = in_blocks(engine.loss, size=size, map=others.map)
        for _ in range(2):
            assert_same_bits(ours(params, X, t), expected)
    assert_equal(expected, value_and_grad(engine.loss)(params, X, t))


def rows(x: np.ndarray, start: int, stop: int) -> np.ndarray:
    return x[start:stop]


def saved(path: str, start: int, stop: int) -> np.ndarray:
    loaded: np.ndarray = np.load(path, mmap_mode="r")[start:stop]
    return loaded


def test_blocks_that_are_loaded_where_they_are_computed(others: Executor, tmp_path: Path) -> None:
    X, t, params = tutorial_problem(1000, 3, 0)
    paths = [str(tmp_path / name) for name in ("X.npy", "t.npy")]
    for path, x in zip(paths, (X, t)):
        np.save(path, x)
    ends = [0, 0, 1, 2, 500, 500, 990, 1000]  # files of one row and of none, too
    blocks = [[partial(saved, path, a, b) for a, b in pairwise(ends)] for path in paths]
    for size in (None, 64):
        got = in_blocks(engine.loss, size=size, map=others.map)(params, *blocks)
        assert_equal(got, value_and_grad(engine.loss)(params, X, t))
        assert_same_bits(got, in_blocks(engine.loss, size=size)(params, *blocks))


def test_a_worker_that_is_sent_again_is_the_one_that_came_first() -> None:
    sent = [pickle.dumps(Worker(f"test {number}", engine.loss, 0)) for number in range(KEPT + 1)]
    first = pickle.loads(sent[0])
    for x in sent[:KEPT]:
        pickle.loads(x)
    assert pickle.loads(sent[0]) is first
    for x in sent[1:]:
        pickle.loads(x)
    assert pickle.loads(sent[0]) is not first


def test_threads_wait_for_one_that_compiles() -> None:
    calls = []

    def loss(w: Any, X: Any) -> Any:
        calls.append(0)
        return mean((X @ w) ** 2)

    X, w = np.random.default_rng(0).normal(size=(1000, 2)), np.ones(2)
    in_blocks(loss, size=10)(w, X)
    alone, calls[:] = len(calls), []
    with threads(8) as map_:
        in_blocks(loss, size=10, map=map_)(w, X)
    assert len(calls) == alone < 20


def test_blocks_are_smaller_where_more_is_computed() -> None:
    found = []
    for hidden in (3, 30, 300):
        X, t, params = tutorial_problem(100_000, hidden, 0)
        seen: list[Any] = []

        def noted(compute: Any, blocks: Any, seen: list[Any] = seen) -> Iterator[Any]:
            seen += [block.rows for block in blocks]
            return map(compute, blocks)

        in_blocks(engine.loss, map=noted)(params, X, t)
        assert sum(seen) == 100_000
        assert len({*seen[:-1]}) == 1
        assert seen[-1] <= seen[0]
        assert 100_000 // seen[0] % 2 == 0  # as many for each of two
        numbers = 3 * hidden * seen[0]  # G before and after b, and H
        assert 2**18 < numbers < 2**20
        found.append(seen[0])
    assert found[0] >= 5 * found[1] >= 25 * found[2]


def test_what_is_found_out_needs_few_blocks() -> None:
    X, t, params = tutorial_problem(1000, 3, 0)
    loads = []

    def load(x: Any, start: int) -> Any:
        loads.append(start)
        return x[start : start + 60]

    blocks = [[partial(load, x, start) for start in range(0, 1000, 60)] for x in (X, t)]
    ours = in_blocks(engine.loss)
    ours(params, *blocks)
    assert len(loads) == 2 * (len(blocks[0]) + 2)
    ours(params, *blocks)
    assert len(loads) == 2 * (2 * len(blocks[0]) + 2)


@pytest.mark.parametrize(("f", "args", "argnums"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_programs_are_made_once_but_not_for_integers_that_are_read(
    f: Any, args: Any, argnums: Any
) -> None:
    wanted = [argnums] if argnums == 0 else [2, 1]
    call, (block,) = called(f, args, wanted, None)
    worker = Worker("test", f, argnums)
    known = worker.learned(call, [block])
    worker.lock = MagicMock()
    for _ in range(2):
        worker.sums(call, known, 10, block)
        assert worker.lock.__enter__.call_count == 2  # for 10 rows, and for the last 7
    reads = f.__name__ == "one_hot"
    assert (known.is_mean, known.reads_integers, known.rows) == (True, reads, 37)
    assert bool(worker.full.source) is bool(worker.rest.source) is not reads


MEMORY = """
import sys
import numpy as np
from autodiff import in_blocks
from mlp import engine, tutorial_problem
X, t = (np.load(path, mmap_mode="r") for path in sys.argv[1:])
print(float(in_blocks(engine.loss)(tutorial_problem(2)[2], X, t)[0]))
print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says what a process took at most")
def test_ten_million_rows_of_files_take_300_megabytes(tmp_path: Path) -> None:
    """The arrays take 240, until the system wants them back; all that is computed 1,500."""
    paths = tmp_path / "X.npy", tmp_path / "t.npy"
    for path, shape in zip(paths, [(10**7, 2), (10**7,)]):
        np.lib.format.open_memmap(path, "w+", np.float64, shape).flush()
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, paths)], capture_output=True, text=True, check=True
    )
    value, most = map(float, run.stdout.split())
    assert value == pytest.approx(math.log(2), rel=1e-12)
    assert 100_000 < most < 300_000


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize(
    ("f", "params"),
    [
        (lambda w, X: autodiff.max(X @ w), np.ones(2)),
        (lambda w, X: mean((X @ w) ** 2) ** 0.5, np.ones(2)),
        (lambda w, X: mean((X @ w) ** 2) * len(X) ** 0.5, np.ones(2)),
        (lambda w, X: autodiff.sum((X @ w) ** 2) + 1e-6 * w @ w, np.ones(2)),
        (lambda w, X: mean((w * X[1:] - X[:-1]) ** 2), np.ones(2)),
        (lambda w, X: autodiff.sum((X[:5] @ w) ** 2), np.ones(2)),
        (
            lambda p, X: batch_norm(p, X, X[:, 0] > 0),
            {"W": np.arange(8.0).reshape(2, 4), "w": np.arange(4.0)},
        ),
    ],
    ids=["maximum", "root", "power", "decay", "neighbours", "first", "batch_norm"],
)
def test_neither_mean_nor_sum(f: Any, params: Any, zero: bool) -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    if zero:
        params = tree_map(lambda x, _: 0.0 * x, params)
    for points in (20, 300):
        with (
            np.errstate(all="ignore"),
            pytest.raises(ValueError, match="is neither a mean nor a sum over rows"),
        ):
            in_blocks(f)(params, X[:points])


def hinge(w: Any, X: Any, t: Any) -> Any:
    return autodiff.sum(autodiff.relu(1 - t * (X @ w)))


def test_a_map_that_loses_a_block_is_refused() -> None:
    def lossy(f: Callable[..., Any], blocks: Iterable[Any]) -> Iterator[Any]:
        return islice(map(f, blocks), 2)

    w, X = np.ones(2), np.ones((9, 2))
    with pytest.raises(ValueError, match="map gave 2 results for 3 blocks"):
        in_blocks(lambda w, X: np.sum((X @ w) ** 2), size=3, map=lossy)(w, X)


def test_what_is_zero_on_a_few_rows_is_not_known_yet() -> None:
    X, w = np.full((1000, 1), 100.0), np.ones(1)
    ours = in_blocks(hinge, size=10)
    value, gradient = ours(w, X, np.ones(1000))
    assert (value, gradient.tolist()) == (0, [0])
    t = np.ones(1000)
    t[3] = -1
    with pytest.raises(ValueError, match="hinge and its gradient are 0, or infinite or NaN, on"):
        ours(w, X, t)
    with pytest.raises(ValueError, match="0, or infinite or NaN"), np.errstate(all="ignore"):
        ours(np.nan * w, X, t)
    assert_equal(ours(-w, X, t), value_and_grad(hinge)(-w, X, t))
    assert_equal(ours(w, X, t), value_and_grad(hinge)(w, X, t))  # which is known by now
    assert_equal(ours(w, X[:1], t[:1]), value_and_grad(hinge)(w, X[:1], t[:1]))


def reduced(w: Any, X: Any, how: str, scale: float, bias: Any) -> Any:
    return {"mean": mean, "sum": autodiff.sum}[how](scale * (X @ w + bias[0]) ** 2)


def test_constants_are_neither_differentiated_nor_batched() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    ours, right = in_blocks(reduced, batched=1, size=7), value_and_grad(reduced)
    for how in ("mean", "sum", "mean"):
        for scale, bias in ((1.0, [2.0]), (3.0, [4.0])):
            args = np.ones(2), X, how, scale, bias
            assert_equal(ours(*args), right(*args))
    ours = in_blocks(lambda w, X, how, scale: reduced(w, X, how, scale, [1.0]), size=7)
    args = np.ones(2), X, "sum", 2.0
    assert_equal(ours(*args), right(*args, [1.0]))


def test_an_exception_names_the_rows(others: Executor) -> None:
    X, t, params = tutorial_problem(1000, 3, 0)
    t[620] = 2
    blocks = [[partial(rows, x, a, a + 250) for a in (0, 250, 500, 750)] for x in (X, t)]
    for map_ in (map, others.map):
        ours = in_blocks(engine.loss, size=100, map=map_)
        for args, place in (((X, t), "rows 600 to 699"), (blocks, "rows 100 to 199 of block 2")):
            with pytest.raises(ValueError, match="targets") as caught:
                ours(params, *args)
            assert caught.value.__notes__ == [f"in_blocks: in {place}"]
    with pytest.raises(FileNotFoundError) as missing:
        ours(params, [partial(saved, "missing.npy", 0, 9)], [partial(rows, t, 0, 9)])
    assert missing.value.__notes__ == ["in_blocks: in block 0"]
    with pytest.raises(ValueError, match="different numbers of rows: X 9, t 8") as unequal:
        ours(params, [partial(rows, X, 0, 9)], [partial(rows, t, 0, 8)])
    assert unequal.value.__notes__ == ["in_blocks: in block 0"]


def test_after_an_interruption_all_is_as_before() -> None:
    X, t, params = tutorial_problem(100, 3, 0)
    left = [3]

    def interrupted(compute: Any, blocks: Any) -> Iterator[Any]:
        for block in blocks:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            yield compute(block)

    ours = in_blocks(engine.loss, size=9, map=interrupted)
    with pytest.raises(KeyboardInterrupt):
        ours(params, X, t)
    assert_same_bits(ours(params, X, t), in_blocks(engine.loss, size=9)(params, X, t))


X, T, PARAMS = tutorial_problem(6, 3, 0)
NUMBERS = np.ma.masked_array(X, X > 1)


@pytest.mark.parametrize(
    ("options", "args", "kind", "message"),
    [
        ({}, (PARAMS, X, T[:5]), ValueError, "different numbers of rows: X 6, t 5"),
        ({}, (PARAMS, X[:0], T[:0]), ValueError, "loss was called without rows"),
        ({}, (PARAMS, [lambda: X[:0]], [lambda: T[:0]]), ValueError, "without rows"),
        ({}, (PARAMS, [lambda: X], T), ValueError, "X, t must all be arrays, or lists of as many"),
        ({}, (PARAMS, X, [*T.tolist()]), TypeError, "t is list, without rows; batched="),
        ({}, (PARAMS, NUMBERS, T), TypeError, r"X is MaskedArray of shape \(6, 2\); what"),
        ({}, (PARAMS, {"a": NUMBERS}, T), TypeError, r"X\.a is MaskedArray"),
        ({}, (Value(1.0), X, T), TypeError, "takes numbers, not Values; value_and_grad"),
        ({}, (PARAMS, 1.0), ValueError, "must be batched"),
        ({"batched": 1}, (PARAMS, 1.0), TypeError, "X is float, without rows"),
        ({"batched": (0, 1)}, (PARAMS, X, T), ValueError, "none that is differentiated"),
        ({"batched": 3}, (PARAMS, X, T), TypeError, "batched=3 names none of them"),
        ({"batched": "X"}, (PARAMS, X, T), TypeError, "batched is an integer or several"),
        ({"argnums": 3}, (PARAMS, X, T), TypeError, "argnums=3 names none of them"),
        ({"size": 0}, (PARAMS, X, T), ValueError, "size is a number of rows, at least 1, not 0"),
        ({"size": True}, (PARAMS, X, T), ValueError, "size is a number of rows"),
        ({"size": 2.5}, (PARAMS, X, T), ValueError, "size is a number of rows, .* not 2.5"),
        ({"map": 2}, (PARAMS, X, T), TypeError, "map is a function such as Python's own, not 2"),
    ],
)
def test_refusals(options: Any, args: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        in_blocks(engine.loss, **options)(*args)
