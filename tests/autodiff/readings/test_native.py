"""C and loops: the engine's numbers, its refusals, and NumPy where there is no C."""

import gc
import math
import subprocess
import sys
import threading
import tracemalloc
import unicodedata
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from networks import LABELS, NETWORKS, T, X, batch_norm, embedding, hinge, two_layers
from random_programs import as_function, programs, relaxed
from samples import MORE, PRIMITIVES, SAMPLES

import autodiff
from autodiff import compile as compiled_form
from autodiff import logistic_cross_entropy, source, sum, tanh, value_and_grad
from autodiff.arguments import leaves
from autodiff.readings.native import build
from mlp import engine
from mlp.data import tutorial_problem

needs_compiler = pytest.mark.skipif(
    not build.compiler(), reason="no C compiler: apt install build-essential"
)
UNIT = 2.0**-52


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield tmp_path / "backprop-by-hand"
    build.compiler.cache_clear()


def in_c(f: Any, argnums: Any = 0) -> Any:
    """Return the compiled function, and hold it to C."""
    compiled = compiled_form(f, argnums, backend="c")

    def call(*args: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = compiled(*args)
        assert compiled.backend == "c"
        return result

    return call


def assert_alike(got: Any, right: Any) -> None:
    """Compare value and gradient, to 1e-13 of the largest entry of either."""
    assert type(got[1]) is type(right[1])
    ours, theirs = [[x[0], *leaves(x[1])] for x in (got, right)]
    largest = max([0.1, *[np.max(np.abs(x), initial=0.0) for x in theirs]])
    for a, b in zip(ours, theirs, strict=True):
        assert np.shape(a) == np.shape(b)
        assert type(a) is type(b)
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * largest)


def from_loops(f: Any, *args: Any, argnums: Any = 0) -> Any:
    """Write the loops, run them, and return what they compute."""
    namespace: dict[str, Any] = {}
    exec(source(f, *args, argnums=argnums, form="loops"), namespace)
    (run,) = [x for name, x in namespace.items() if name.endswith("_and_gradient")]
    return run(*args)


@pytest.mark.parametrize(
    ("f", "args", "argnums"), NETWORKS, ids=lambda x: getattr(x, "__name__", "")
)
def test_loops_compute_what_the_engine_does(f: Any, args: Any, argnums: Any) -> None:
    assert_alike(from_loops(f, *args, argnums=argnums), value_and_grad(f, argnums)(*args))


@needs_compiler
@pytest.mark.parametrize(
    ("f", "args", "argnums"), NETWORKS, ids=lambda x: getattr(x, "__name__", "")
)
def test_c_computes_what_the_engine_does(f: Any, args: Any, argnums: Any) -> None:
    ours = in_c(f, argnums)
    for _ in range(2):
        assert_alike(ours(*args), value_and_grad(f, argnums)(*args))


@relaxed
@given(programs())
def test_loops_of_any_program(case: Any) -> None:
    f, args = as_function(case)
    with np.errstate(all="ignore"):
        assert_alike(from_loops(f, args), value_and_grad(f)(args))


@needs_compiler
@settings(parent=relaxed, max_examples=40)
@given(programs())
def test_c_of_any_program_that_is_a_loop(case: Any) -> None:
    f, args = as_function(case)
    ours = compiled_form(f, backend="auto")
    with np.errstate(all="ignore"):
        assert_alike(ours(args), value_and_grad(f)(args))


@needs_compiler
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("reduction", [autodiff.max, autodiff.min, autodiff.logsumexp])
def test_extremes_start_from_none_of_the_numbers(reduction: Any, sign: float) -> None:
    def f(x: Any) -> Any:
        return sum(reduction(x, axis=1))

    x = sign * (800.0 + np.arange(40.0).reshape(20, 2))
    right = value_and_grad(f)(x)
    assert_alike(from_loops(f, x), right)
    assert_alike(in_c(f)(x), right)


@needs_compiler
@pytest.mark.parametrize("name", SAMPLES)
def test_c_of_every_primitive(name: str) -> None:
    for sample in SAMPLES[name]:
        primitive, parameters = PRIMITIVES[name], sample.parameters
        weights = np.cos(np.arange(np.size(primitive.function(*sample.operands, **parameters))))

        def f(operands: Any, p: Any = primitive, q: Any = parameters, w: Any = weights) -> Any:
            return sum(autodiff.reshape(tanh(p(*operands, **q)), -1) * w)

        args = [np.asarray(x, float) for x in sample.operands]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # of a build that fails
            warnings.filterwarnings("ignore", "(divide|invalid|overflow)")
            ours = compiled_form(f, backend="auto")(args)
            assert_alike(ours, value_and_grad(f)(args))
            assert_alike(from_loops(f, args), value_and_grad(f)(args))


@needs_compiler
def test_what_was_traced_is_not_kept() -> None:
    x = np.linspace(0, 1, 100_000)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for backend, most in (("c", 2.5), ("numpy", 8)):
            ours = compiled_form(lambda x: sum(tanh(x) * x), backend=backend)
            result = ours(x)
            assert tracemalloc.get_traced_memory()[0] < most * x.nbytes
            assert ours.backend == backend
            del ours, result
    finally:
        tracemalloc.stop()
        gc.enable()


def test_the_tutorials_network_is_one_pass_with_its_equations() -> None:
    X, t, params = tutorial_problem(seed=0)
    text = source(engine.loss, params, X, t, form="c")
    assert text.count("for (long i = 0; i < 500; i++)") == text.count("for (") == 1
    comments = [
        unicodedata.normalize("NFC", line.strip())
        for line in text.splitlines()
        if line.strip().startswith("//")
    ]
    assert comments[0] == "// g_ij = Σ_k x_ik u_jk + b_j"
    assert "// ū_jk = Σ_i ḡ_ij x_ik" in comments
    assert (
        "    const double H_2 = tanh(G_2);" in text.splitlines()[0:200]
        or "H_2 = tanh(G_2);" in text
    )
    assert "U_bar_2_1 += G_bar_2 * X[2 * i + 1];" in text


def test_what_reads_a_mean_over_examples_has_a_pass_of_its_own() -> None:
    _, args, _ = NETWORKS[1]
    assert source(batch_norm, *args, form="c").count("for (long i = 0;") == 5


@needs_compiler
def test_the_logistic_family_keeps_its_digits() -> None:
    small, large = np.logspace(-300, -9, 40), np.logspace(-8, 6, 200)
    middle = [np.linspace(-40, 40, 801), np.linspace(-750, 750, 601), [745.1, 36.7, 0.0]]
    z = np.concatenate([small, -small, large, -large, *middle])
    with mpmath.workdps(60):
        exact = [mpmath.mpf(float(x)) for x in z]
        up = [mpmath.log1p(mpmath.exp(-x)) for x in exact]
        down = [mpmath.log1p(mpmath.exp(x)) for x in exact]
        falling = [-1 / (1 + mpmath.exp(x)) for x in exact]
        rising = [1 / (1 + mpmath.exp(-x)) for x in exact]
    ours = in_c(lambda z, v, t: sum(v * logistic_cross_entropy(z, t)), (0, 1))
    for target, losses, slopes in ((1.0, up, falling), (0.0, down, rising)):
        _, (slope, loss) = ours(z, np.ones(len(z)), np.full(len(z), target))
        for got, right in ((slope, slopes), (loss, losses)):
            expected = np.array([float(x) for x in right])
            spacing = np.maximum(np.abs(expected) * UNIT, 5e-324)
            assert np.max(np.abs(got - expected) / spacing) <= 4


@needs_compiler
@pytest.mark.parametrize("z", [math.nan, math.inf, -math.inf, 0.0, -0.0])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: sum(tanh(x) * x),
        lambda x: sum(autodiff.maximum(x, 0.0) + autodiff.abs(x)),
        lambda x: sum(1.0 / x),
        lambda x: sum(autodiff.sqrt(x) + autodiff.log(x)),
        lambda x: sum(autodiff.exp(x) + autodiff.sigmoid(x) + autodiff.softplus(x)),
        lambda x: autodiff.logsumexp(autodiff.reshape(x, (10, 2)), axis=1)[0] + sum(x) * 0,
    ],
)
def test_nan_infinities_and_signed_zeros_mean_what_they_mean_elsewhere(f: Any, z: float) -> None:
    x = np.linspace(0.5, 2.5, 20)
    x[3] = z
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right_value, right = value_and_grad(f)(x)
        value, gradient = compiled_form(f, backend="c")(x)
    np.testing.assert_allclose(value, right_value, rtol=1e-14)
    np.testing.assert_allclose(gradient, right, rtol=1e-14)
    np.testing.assert_array_equal(np.signbit(gradient[3]), np.signbit(right[3]))


# What the engine refuses.


WITHOUT_C = {"logaddexp2"}
NUMBERS = np.array([-0.75, -0.5, -0.0, 0.0, 0.25, 0.5, 0.9, np.nan, np.inf, -np.inf, 1.0, 3.5])


@needs_compiler
@pytest.mark.parametrize(
    "name", [name for name, x in MORE.items() if isinstance(x.function, np.ufunc)]
)
def test_numpys_other_functions_of_numbers(name: str) -> None:
    def f(x: Any, y: Any) -> Any:
        return sum(MORE[name](x * 1.0) if MORE[name].arity == 1 else MORE[name](x, y))

    first, second = np.repeat(NUMBERS, len(NUMBERS)), np.tile(NUMBERS, len(NUMBERS))
    compiled = compiled_form(f, backend="auto" if name in WITHOUT_C else "c")
    for x, y in zip(first, second, strict=True):
        args = np.full(2, x), np.full(2, y)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            got, right = compiled(*args), value_and_grad(f)(*args)
        np.testing.assert_allclose(got[0], right[0], rtol=1e-13)
        np.testing.assert_allclose(got[1], right[1], rtol=1e-13)
    assert compiled.backend == ("numpy" if name in WITHOUT_C else "c")


@needs_compiler
def test_the_value_may_be_an_argument_as_it_is() -> None:
    assert_alike(in_c(lambda x: x)(2.0), (np.float64(2.0), np.float64(1.0)))


@needs_compiler
def test_what_has_no_derivative_in_c() -> None:
    def f(x: Any) -> Any:
        masks = np.isnan(x) + 2.0 * np.isfinite(x) + 3.0 * np.isinf(x) + 4.0 * np.signbit(x)
        return sum(x * (np.floor(x) + np.ceil(x) + np.rint(x) + np.trunc(x)) + x * masks)

    x = np.array([-1.75, -0.5, 0.5, 1.5, 2.25])
    assert_alike(in_c(f)(x), value_and_grad(f)(x))


@needs_compiler
def test_targets_and_labels_are_checked_as_ever() -> None:
    tutorial = X, T, {"U": np.ones((3, 2)), "b": np.ones(3), "W": np.ones(3), "c": 0.5}
    X_, t, params = tutorial
    ours = in_c(engine.loss)
    ours(params, X_, t)
    for wrong in (1.5, -0.25, math.nan):
        bad = t.copy()
        bad[-1] = wrong
        with pytest.raises(ValueError, match="targets are probabilities"):
            ours(params, X_, bad)
    _, args, argnums = NETWORKS[2]
    picks = in_c(embedding, argnums)
    picks(*args)
    negative = np.where(LABELS == 2, -1, LABELS)
    assert_alike(
        picks(*args[:2], negative), value_and_grad(embedding, argnums)(*args[:2], negative)
    )
    with pytest.raises(IndexError):
        picks(*args[:2], np.where(LABELS == 2, 3, LABELS))


@needs_compiler
def test_arrays_may_lie_in_memory_in_any_way() -> None:
    w = np.array([0.5, -1.5])
    right = value_and_grad(hinge)(w, X, T)
    wide = np.zeros((2 * len(X), 6))
    wide[::2, 1:5:3] = X
    ways = [
        (w, np.asfortranarray(X), T),
        (w, wide[::2, 1:5:3], T),
        (np.repeat(w, 3)[::3], X, np.repeat(T, 2)[::2]),
        (w[::-1].copy()[::-1], X[::-1].copy()[::-1], T.astype(int)),
        (w.astype(">f8"), X, T),
    ]
    ours = in_c(hinge)
    for args in ways:
        before = [x.copy() for x in args]
        for _ in range(2):
            assert_alike(ours(*args), right)
        for x, y in zip(args, before):
            np.testing.assert_array_equal(x, y)


@needs_compiler
def test_results_are_the_callers_own() -> None:
    ours = in_c(hinge)
    w = np.array([0.5, -1.5])
    _, first = ours(w, X, T)
    kept = first.copy()
    ours(w + 1, X, T)
    np.testing.assert_array_equal(first, kept)
    first[:] = 0
    assert_alike(ours(w, X, T), value_and_grad(hinge)(w, X, T))


# Where there is no C.


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: sum(tanh(x @ np.ones((40, 40)))), "a sum has more than 32 terms"),
        (lambda x: sum(autodiff.exp(x @ x.T)), "it compares each example with every other"),
        (lambda x: autodiff.max(x), "it takes the max over examples"),
        (lambda x: sum(x[1:] * x[:-1]) + sum(tanh(x)[1:] * x[:-1]), "it computes an example from"),
        (lambda x: sum(tanh(x)), "float32"),
        (lambda x: sum(tanh(x[np.arange(60) // 2])), "an array that is no argument"),
    ],
)
def test_what_is_no_loop_is_computed_by_numpy_and_says_why(f: Any, reason: str) -> None:
    x = np.linspace(-1, 1, 60)
    if "terms" in reason:
        x = np.linspace(-1, 1, 2000).reshape(50, 40)
    if "no argument" in reason:
        x = x[::2]
    if "float32" in reason:
        x = x.astype(np.float32)
    if "each" in reason:
        x = x.reshape(30, 2)
    ours = compiled_form(f, backend="c")
    with pytest.warns(RuntimeWarning, match=reason) as caught:
        value, gradient = ours(x)
    right_value, right = value_and_grad(f)(x)
    np.testing.assert_allclose(value, right_value, rtol=1e-6 if x.dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(gradient, right, rtol=1e-6 if x.dtype == np.float32 else 1e-13)
    assert caught[0].filename == __file__
    assert ours.backend == "numpy"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours(x)
        compiled_form(f, backend="auto")(x)
    with pytest.raises(ValueError, match=reason):
        source(f, x, form="c")


def test_no_compiler_is_a_warning_where_c_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc -O2")
    build.compiler.cache_clear()
    args = np.array([0.5, -1.5]), X, T
    ours = compiled_form(hinge, backend="c")
    with pytest.warns(RuntimeWarning, match="there is no C compiler"):
        assert_alike(ours(*args), value_and_grad(hinge)(*args))
    automatic = compiled_form(hinge, backend="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        automatic(*args)
    assert automatic.backend == "numpy"


@pytest.mark.parametrize("backend", ["c", "auto"])
def test_a_compiler_that_fails_is_a_warning(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{sys.executable} -c 'import sys; sys.exit(\"error: no space\")'")
    build.compiler.cache_clear()
    args = np.array([0.5, -1.5]), X, T
    ours = compiled_form(hinge, backend=backend)
    with pytest.warns(RuntimeWarning, match="fails: error: no space"):
        assert_alike(ours(*args), value_and_grad(hinge)(*args))
    assert ours.backend == "numpy"


@needs_compiler
def test_a_cache_folder_that_cannot_be_written_is_a_warning(cache: Path) -> None:
    cache.write_text("a file")
    args = np.array([0.5, -1.5]), X, T
    ours = compiled_form(hinge, backend="auto")
    with pytest.warns(RuntimeWarning, match="nothing can be built in .*backprop-by-hand"):
        assert_alike(ours(*args), value_and_grad(hinge)(*args))


PROGRAM = [
    sys.executable,
    "-c",
    "import warnings, numpy as np, autodiff as ad; warnings.simplefilter('error')\n"
    "f = ad.compile(lambda x: ad.sum(ad.tanh(x) * x), backend='c')\n"
    "print(repr(f(np.linspace(0, 1, 50))[0]), f.backend)",
]


def said_by_another_process() -> str:
    """A process that has a library open would not look at its file again."""
    return subprocess.run(PROGRAM, stdout=subprocess.PIPE, text=True, check=True).stdout


@needs_compiler
def test_a_program_is_built_once_and_a_broken_one_again(cache: Path) -> None:
    said = said_by_another_process()
    assert said.endswith(" c\n")
    (library,) = cache.iterdir()
    made = library.stat().st_mtime_ns
    assert said_by_another_process() == said
    assert library.stat().st_mtime_ns == made
    library.write_text("no library")
    broken = library.stat().st_ino
    assert said_by_another_process() == said
    assert library.stat().st_size > 1000
    assert library.stat().st_ino != broken  # replaced at once, and never written into


@needs_compiler
def test_processes_may_build_at_once(cache: Path) -> None:
    running = [subprocess.Popen(PROGRAM, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {process.communicate(timeout=120)[0] for process in running}
    assert len(said) == 1
    assert said.pop().endswith(" c\n")
    assert [path.suffix for path in cache.iterdir()] == [".so"]


@needs_compiler
def test_threads_may_call_at_once() -> None:
    ours = in_c(two_layers)
    f, args, _ = NETWORKS[0]
    ours(*args)
    barrier = threading.Barrier(4)

    def call(k: int) -> Any:
        barrier.wait()
        return [ours({**args[0], "b2": args[0]["b2"] + k}, *args[1:]) for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        for k, results in enumerate(pool.map(call, range(4))):
            right = value_and_grad(f)({**args[0], "b2": args[0]["b2"] + k}, *args[1:])
            for result in results:
                assert_alike(result, right)


@needs_compiler
@pytest.mark.parametrize(
    "names",
    [
        ("double", "for_", "restrict"),
        ("exp", "tanh", "sqrt"),
        ("i", "j", "unlike"),
        ("NAN", "INFINITY", "isnan"),
        ("unix", "linux", "M_PI"),
        ("run", "DATA", "main"),
        ("ü", "σ", "名"),
        ("x_0", "x", "y0"),
    ],
)
def test_any_name_is_a_name(names: tuple[str, str, str]) -> None:
    a, b, c = names
    namespace: dict[str, Any] = {"m": autodiff}
    exec(f"def f({a}, {b}, {c}):\n    return m.mean(m.tanh({a} @ {b}) * {c})", namespace)
    args = X, np.array([0.5, -1.5]), T
    right = value_and_grad(namespace["f"], (1, 2))(*args)
    assert_alike(in_c(namespace["f"], (1, 2))(*args), right)


def test_other_backends_and_forms_are_refused() -> None:
    with pytest.raises(ValueError, match="'numpy', 'c', 'auto', not 'cuda'"):
        compiled_form(hinge, backend="cuda")
    with pytest.raises(ValueError, match="not 'fortran'"):
        source(hinge, np.ones(2), X, T, form="fortran")


@needs_compiler
def test_a_variable_may_have_the_name_of_a_function_of_c() -> None:
    def f(atan: Any, floored: Any) -> Any:
        hypot = np.arctan(atan) * np.remainder(floored, 2.0)
        fmod = np.hypot(hypot, np.logaddexp(floored, 1.0))
        return sum(fmod)

    args = np.array([0.5, 1.5]), np.array([0.3, 0.7])
    assert_alike(in_c(f)(*args), value_and_grad(f)(*args))
