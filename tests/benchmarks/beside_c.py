"""What the loops in C reach, beside C by hand, the tutorial's code, JAX and PyTorch, in one run.

`python tests/benchmarks/beside_c.py [ROUNDS]` prints medians, and what ours is of each beside its
bound; so of the shortest times, too, which a busy machine disturbs less. JAX and PyTorch have two
threads, the others one.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from scipy.special import expit

from autodiff import compile
from autodiff.readings.native.build import built, described
from comparisons.tables.peers import loss_in
from mlp import by_hand, compiled, engine, tutorial_problem

KERNEL = Path(__file__).with_name("network.c").read_text(encoding="utf-8")
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 41
OURS, BARE = "loops in C", "loops in C, bare call"
C, FUNCTION = "C by hand", "function alone, bare call"
TUTORIAL, NUMPY, JAX, TORCH = "the tutorial's code", "compiled, NumPy", "JAX jit", "PyTorch"
FIRST = """
import numpy, os, time
from autodiff import compile
from mlp import engine, tutorial_problem
from autodiff.readings.native import call
built, spent = call.built, []
def timed(*args):
    begin = time.perf_counter()
    function = built(*args)
    spent.append(time.perf_counter() - begin)
    return function
call.built = timed
X, t, params = tutorial_problem()
f = compile(engine.loss, backend="c")
begin = time.perf_counter()
f(params, X, t)
print(spent[0], time.perf_counter() - begin)
"""


def tutorial(X: Any, t: Any, params: Any) -> Any:
    """Make the calls of NumPy and SciPy that the tutorial's code makes, tanh twice as it does."""
    N, ones = X.shape[0], np.ones
    G = np.dot(X, params["U"].T) + params["b"]
    H = np.tanh(G)
    y = expit(np.dot(H, params["W"].T) + params["c"])
    loss = (1.0 / N) * np.sum(-t * np.log(y) - (1 - t) * np.log(1 - y))
    z_bar = (1.0 / N) * (y - t)
    G_bar = np.outer(z_bar, params["W"].T) * (1 - np.tanh(G) ** 2)
    U_bar, b_bar = np.dot(G_bar.T, X), np.dot(G_bar.T, ones(N))
    W_bar, c_bar = np.dot(H.T, z_bar), np.dot(z_bar, ones(N))
    return loss, {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}


def contestants(X: Any, t: Any, params: Any) -> dict[str, Callable[[], Any]]:
    """Return calls that compute loss and gradients, or the loss alone."""
    kernel = f"#define N {len(X)}\n{KERNEL}"
    gradient, function = built(kernel, "gradient", 9, 1), built(kernel, "function", 5, 1)
    U, b, W, c = (params[name] for name in ("U", "b", "W", "c"))
    empty, real = np.empty, t.astype(float)
    ours: Any = compile(engine.loss, backend="c")

    def c_by_hand() -> Any:
        grads = empty((3, 2)), empty(3), empty(3), empty(())
        return gradient(U, b, W, X, real, *grads, c), dict(zip(params, grads))

    ours(params, X, real)
    bare, made = built(ours.source, "loss_and_gradient", 9, 1), c_by_hand()[1]
    outputs = made.values()
    found = {
        OURS: lambda: ours(params, X, real),
        BARE: lambda: (bare(U, b, W, X, real, *outputs, c), made),
        C: c_by_hand,
        FUNCTION: lambda: (function(U, b, W, X, real, c), None),
        TUTORIAL: lambda: tutorial(X, real, params),
        "by hand": lambda: by_hand.backprop(X, real, params)[::-1],
        NUMPY: lambda: compiled.loss_and_gradients(params, X, real),
        JAX: jax(X, real, params),
    }
    if len(X) > 10_000:  # below, one thread waits for the other
        found[TORCH] = torch(X, real, params)
    expected, slopes = engine.loss_and_gradients(params, X, t)
    for name, call in found.items():
        loss, grads = call()
        assert abs(loss - expected) < 1e-12 * expected, name
        for key in grads or ():
            assert np.max(np.abs(grads[key] - slopes[key])) < 1e-12, (name, key)
    assert ours.backend == "c"
    return found


def jax(X: Any, t: Any, params: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    both = jax.jit(jax.value_and_grad(lambda p, X, t: loss_in(jnp, jnp.matmul, p, X, t)))
    state = {name: jnp.asarray(p) for name, p in params.items()}
    inputs, targets = jnp.asarray(X), jnp.asarray(t)
    return lambda: jax.block_until_ready(both(state, inputs, targets))


def torch(X: Any, t: Any, params: Any) -> Callable[[], Any]:
    import torch

    from mlp.pytorch import Model, like

    torch.set_num_threads(2)
    model = Model(params, torch.float64)
    inputs, targets = torch.tensor(X), torch.tensor(t)[:, None]
    criterion = torch.nn.BCEWithLogitsLoss()

    def call() -> Any:
        model.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        grads = {name: like(p.grad, params[name]) for name, p in model.by_name().items()}
        return loss.item(), grads

    return call


def measured(points: int, seconds: float, rounds: int) -> dict[str, list[float]]:
    """Time all in each round, in any order; return the seconds of a call."""
    calls = contestants(*tutorial_problem(points))
    counts = {name: max(1, int(seconds / time_of(call, 3))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds):
        for name in Random(i).sample([*calls], len(calls)):  # threads of others may still spin
            times[name].append(time_of(calls[name], counts[name]))
    return times


def time_of(call: Callable[[], Any], count: int) -> float:
    begin = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - begin) / count


def builds() -> dict[str, list[list[float]]]:
    """Return the seconds of a build and of the whole first call, in new processes."""
    found: dict[str, list[list[float]]] = {"first time": [], "from the cache": []}
    for _ in range(5):
        with TemporaryDirectory() as folder:
            for times in found.values():
                environment = {**os.environ, "XDG_CACHE_HOME": folder}
                command = [sys.executable, "-c", FIRST]
                out = subprocess.run(
                    command, env=environment, check=True, capture_output=True, text=True
                ).stdout
                times.append([float(x) for x in out.split()])
    return found


def main() -> None:
    print(f"{described()}\n{ROUNDS} rounds (5 times as many at N = 500), NumPy {np.__version__}\n")
    bounds = {
        500: {TUTORIAL: "0.3 (aim 0.2)", JAX: "0.25", C: ""},
        1_000_000: {JAX: "0.3", TORCH: "0.25", C: "1.2"},
    }
    for points, wanted in bounds.items():
        times = measured(points, 0.001, ROUNDS if points > 10_000 else 5 * ROUNDS)
        unit, factor = ("us", 1e6) if points < 10_000 else ("ms", 1e3)
        print(f"{f'N = {points:,}':28}{unit:>9}{'of it':>9}{'shortest':>9}  bound")
        for name, found in times.items():
            median = statistics.median(found)
            ratios = statistics.median(times[OURS]) / median, min(times[OURS]) / min(found)
            numbers = f"{factor * median:9.2f}{ratios[0]:9.3f}{ratios[1]:9.3f}"
            print(f"{name:28}{numbers}  {wanted.get(name, '')}".rstrip())
        both = [(statistics.median(times[x]), min(times[x])) for x in (BARE, FUNCTION)]
        said = ", shortest ".join(f"{a / b:.2f}" for a, b in zip(*both))
        print(f"gradient of function, bare calls: {said} (bound 1.3)\n")
    for name, pairs in builds().items():
        build, whole = (1e3 * statistics.median(x) for x in zip(*pairs))
        bound = {"first time": "1000", "from the cache": "10"}[name]
        print(f"build, {name:16} {build:7.1f} ms (bound {bound}), whole first call {whole:.1f} ms")


if __name__ == "__main__":
    main()
