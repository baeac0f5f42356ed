"""What a submission's function may be called with, return and do, and how it is understood."""

import sys
import textwrap
import warnings
from functools import partial

import numpy as np
import pytest

from comparisons.homework import calling
from comparisons.homework.calling import MOST_VARIABLES, collect
from comparisons.homework.loading import Note, NoteKind, Refused, load
from comparisons.homework.returned import Result
from comparisons.homework.sandbox import run
from mlp import by_hand, engine

EXPECTED = ("X", "t")


def points(n=2, N=7):
    rng = np.random.default_rng(1)
    return [
        (
            {
                "U": rng.normal(size=(3, 2)),
                "b": rng.normal(size=3),
                "W": rng.normal(size=3),
                "c": rng.normal(),
            },
            (rng.normal(size=(N, 2)), rng.integers(0, 2, N).astype(float)),
        )
        for _ in range(n)
    ]


def right(X, t, params):
    H = np.tanh(X @ params["U"].T + params["b"])
    z = H @ params["W"] + params["c"]
    z_bar = (1 / (1 + np.exp(-z)) - t) / len(X)
    G_bar = np.outer(z_bar, params["W"]) * (1 - H * H)
    grads = {"U": G_bar.T @ X, "b": G_bar.sum(axis=0), "W": H.T @ z_bar, "c": z_bar.sum()}
    return grads, np.mean(np.logaddexp(0, z) - t * z)


def assert_understood(function, loss=True, rtol=1e-11):
    """Assert that a function's results are the right gradients, and return what was collected."""
    collected = collect(function, points(), EXPECTED)
    assert_right(collected, loss, rtol)
    return collected


def assert_right(collected, loss=True, rtol=1e-11):
    assert collected.problem is None
    assert len(collected.results) == len(points()) + 1
    for (params, (X, t)), result in zip(points(), collected.results):
        grads, value = engine.backprop(X, t, params)
        assert list(result.grads) == list(params)
        for name, gradient in grads.items():
            assert result.grads[name].shape == np.shape(params[name])
            assert result.grads[name].dtype == np.float64
            np.testing.assert_allclose(result.grads[name], gradient, rtol=rtol, atol=1e-14)
        assert result.loss == (pytest.approx(value, rel=1e-6) if loss else None)


def written(folder, source, name=None):
    """Return the function that a file with some source defines."""
    path = folder / "backprop.py"
    path.write_text(textwrap.dedent(source))
    return load(path, name)[0]


def other_order(params, labels, inputs):
    return right(inputs, labels, params)


def one_by_one(x, y, U, b, w, c):
    return right(x, y, {"U": U, "b": b, "W": w, "c": c})


def no_names(first, second, third):
    return right(first, second, third)


def no_names_one_by_one(a1, a2, p1, p2, p3, p4):
    return right(a1, a2, {"U": p1, "b": p2, "W": p3, "c": p4})


def positional_only(t, params, X, /):
    return right(X, t, params)


def keyword_only(X, *, theta, targets):
    return right(X, targets, theta)


def options(X, t, params, learning_rate=0.1, c=None, U=0, verbose=False, **more):
    assert (learning_rate, c, U, verbose, more) == (0.1, None, 0, False, {})
    return right(X, t, params)


def default_parameters(X, t=None, params=None):
    return right(X, t, params)


def anything(*args):
    return right(*args)


class Network:
    def backprop(self, X, y, params):
        return right(X, y, params)

    __call__ = backprop


SIGNATURES = [
    other_order,
    one_by_one,
    no_names,
    no_names_one_by_one,
    positional_only,
    keyword_only,
    options,
    default_parameters,
    anything,
    Network().backprop,
    Network(),
    partial(options, verbose=False),
    lambda data, labels, weights: right(data, labels, weights),
]


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda f: getattr(f, "__name__", "object"))
def test_arguments_are_known_by_their_names_else_by_their_order(function):
    assert assert_understood(function).notes == []


@pytest.mark.parametrize(
    "function",
    [
        lambda X, t, params, rate: None,
        lambda X, params: None,
        lambda: None,
        lambda X, t, params, *, rate: None,
    ],
)
def test_a_function_that_cannot_be_called_is_refused_with_what_was_expected(function):
    collected = collect(function, points(), EXPECTED)
    assert collected.results == []
    assert "called with (X, t, params), where params is a dict of U, b, W, c" in collected.problem


RETURNS = {
    "the tutorial's": ("return grads, loss", True),
    "the loss first": ("return loss, grads", True),
    "no loss": ("return grads", False),
    "no loss but its place": ("return grads, None", False),
    "a loss without a name": ("return grads, loss + 0.0", True),
    "a loss as an array": ("return grads, np.array([[loss]])", True),
    "one dict": ("return {**grads, 'loss': loss}", True),
    "a dict in a dict": ("return {'gradients': grads, 'loss': loss}", True),
    "bars": ("return {f'{k}_bar': g for k, g in grads.items()}, loss", True),
    "bars in front": ("return {f'bar_{k}': g for k, g in grads.items()}, loss", True),
    "d": ("return {f'd{k}': g for k, g in grads.items()}, loss", True),
    "d_": ("return {f'd_{k}': g for k, g in grads.items()}, loss", True),
    "grad_": ("return {f'grad_{k}': g for k, g in grads.items()}, loss", True),
    "_grad": ("return {f'{k}_grad': g for k, g in grads.items()}, loss", True),
    "g_": ("return {f'g_{k}': g for k, g in grads.items()}, loss", True),
    "dL_d": ("return {f'dL_d{k}': g for k, g in grads.items()}, loss", True),
    "dE_d": ("return {f'dE_d{k}': g for k, g in grads.items()}, loss", True),
    "dloss_d": ("return {f'dloss_d{k}': g for k, g in grads.items()}, loss", True),
    "nabla_": ("return {f'nabla_{k}': g for k, g in grads.items()}, loss", True),
    "delta_": ("return {f'delta_{k}': g for k, g in grads.items()}, loss", True),
    "other cases": ("return {k.swapcase(): g for k, g in grads.items()}, loss", True),
    "names in another order": ("return loss, dW, db, dc, dU", True),
    "names and no loss": ("return dc, dW, db, dU", False),
    "names within": ("return (dW, dU, dc, db), loss", True),
    "a named result": ("result = dc, dW, db, dU, loss\nreturn result", True),
    "converted names": ("return float(loss), np.array(dW), dU.copy(), db.tolist(), dc", True),
    "keys as names": ("return grads['W'], grads['U'], grads['b'], grads['c'], loss", True),
    "the last return": ("if N < 0:\n    return None, None\nreturn loss, dW, db, dc, dU", True),
    "order": ("return [1 * g for g in grads.values()]", False),
    "order, the loss last": ("return [*grads.values(), loss]", True),
    "order, the loss first": ("return [loss, *grads.values()]", True),
    "order within": ("return list(grads.values()), loss", True),
    "order within, the loss first": ("return loss, tuple(grads.values())", True),
    "lists": ("return {k: np.asarray(g).tolist() for k, g in grads.items()}, loss", True),
    "a named tuple": (
        "from collections import namedtuple\n"
        "return namedtuple('Gradients', 'loss b U c W')(loss, db, dU, dc, dW)",
        True,
    ),
    "a cache": ("return grads, loss, {'H': H, 'name': 'tutorial'}", True),
    "words": ("return grads, loss, 'done'", True),
}
BODY = """\
import numpy as np
from mlp import by_hand

def backprop(X, t, params):
    N = len(X)
    H = np.tanh(X @ params["U"].T + params["b"])
    grads, loss = by_hand.backprop(X, t, params)
    dU, db, dW, dc = grads.values()
"""


@pytest.mark.parametrize("what", RETURNS)
def test_results_are_understood(tmp_path, what):
    end, has_loss = RETURNS[what]
    function = written(tmp_path, BODY + textwrap.indent(end, "    "))
    assert_understood(function, has_loss)


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ("return dU, db", "missing"),
        ("return dU, db, dW, dc, loss, 1, 2", None),
        ("return np.concatenate([np.ravel(g) for g in grads.values()])", "an array of shape (13,)"),
        ("return {'U': dU, 'b': db, 'V': dW, 'c': dc}", "gradient of W is missing"),
        ("return [loss] * 9", "gradient of U and b and W and c is missing"),
        ("return {0: dU, 1: db}, loss", "returned were 0, 1, loss"),
        ("return loss", "returned a number"),
    ],
)
def test_results_that_are_not_understood_are_refused_with_what_was_expected(
    tmp_path, end, sentence
):
    function = written(tmp_path, BODY + "    " + end)
    collected = collect(function, points(), EXPECTED)
    if sentence is None:
        assert collected.problem is None
    else:
        assert sentence in collected.problem
        assert "a dict with the gradients of U, b, W, c" in collected.problem


def test_other_adjoints_are_extras_with_bars():
    def backprop(X, t, params):
        grads, loss = right(X, t, params)
        bars = by_hand.adjoints(X, t, params)
        more = {"dG": bars["G_bar"], "grad_H": bars["H_bar"], "z_bar": bars["z_bar"], "data": X}
        return {**grads, **more, "E_bar": 1.0, "loss": loss}

    extras = assert_understood(backprop).results[0].extras
    assert list(extras) == ["G_bar", "H_bar", "z_bar", "data", "E_bar"]
    params, (X, t) = points()[0]
    bars = by_hand.adjoints(X, t, params)
    assert all(np.array_equal(extras[name], bars[name]) for name in ("G_bar", "H_bar", "z_bar"))


def changed_by(change):
    """Return a right `backprop` whose gradients something is done to."""

    def backprop(X, t, params):
        grads, loss = right(X, t, params)
        return change(grads), loss

    return backprop


def test_axes_of_length_1_are_taken_away_and_other_shapes_kept():
    reshaped = {"W": lambda g: g[None, :], "b": lambda g: g[:, None], "c": lambda g: np.array([g])}
    function = changed_by(lambda grads: {k: reshaped.get(k, np.array)(g) for k, g in grads.items()})
    notes = assert_understood(function).notes
    assert Note(NoteKind.RESHAPED, ("W", "(1, 3)", "(3,)")) in notes
    assert len(notes) == 3
    collected = collect(changed_by(lambda g: {**g, "U": g["U"].T}), points(), EXPECTED)
    assert collected.problem is None
    assert collected.results[0].grads["U"].shape == (2, 3)


def test_matrices_and_float32_are_numbers_too():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_understood(changed_by(lambda g: {**g, "W": np.matrix(g["W"])}))
    single = changed_by(lambda grads: {k: np.float32(g) for k, g in grads.items()})
    assert Note(NoteKind.COARSE, ("float32", "6")) in assert_understood(single, rtol=1e-5).notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda g: {**g, "b": g["b"].astype(int)}, "b is an array of integers: fractions are cut"),
        (lambda g: {**g, "W": g["W"] * np.nan}, "The gradient of W holds NaN."),
        (lambda g: {**g, "W": g["W"] / 0}, "The gradient of W holds infinity."),
    ],
)
def test_numbers_that_cannot_be_right_are_noted(change, sentence):
    with np.errstate(all="ignore"):
        collected = collect(changed_by(change), points(), EXPECTED)
    assert collected.problem is None
    assert any(sentence in str(note) for note in collected.notes)


def test_nan_is_the_same_as_nan():
    def backprop(X, t, params):
        grads, loss = right(X, t, params)
        return {**grads, "W": X[:3, 0] * np.nan}, loss * np.nan

    (params, (X, t)), *others = points()
    with np.errstate(invalid="ignore"):
        collected = collect(
            backprop, [(params, (np.where(X > 0, X, np.nan), t)), *others], EXPECTED
        )
    assert {x.kind for x in collected.notes} == {NoteKind.NOT_FINITE, NoteKind.LOSS_NOT_FINITE}


def test_changed_inputs_are_noted_and_do_not_change_the_points():
    given = points()

    def backprop(X, t, params):
        grads, loss = right(X, t, params)
        params["W"] -= grads["W"]
        params["new"] = 1
        t += 1
        return grads, loss

    notes = collect(backprop, given, EXPECTED).notes
    assert notes == [
        Note(NoteKind.CHANGED_INPUT, (x,)) for x in ("t", "params['W']", "params['new']")
    ]
    for (params, (X, t)), (before, (X_before, t_before)) in zip(given, points()):
        assert np.array_equal(X, X_before)
        assert np.array_equal(t, t_before)
        assert all(np.array_equal(params[name], before[name]) for name in {*params, *before})


def test_state_that_is_kept_from_call_to_call_is_noted():
    total = {}

    def backprop(X, t, params):
        grads, loss = right(X, t, params)
        for name, gradient in grads.items():
            total[name] = total.get(name, 0) + gradient
        return total, loss

    collected = collect(backprop, points(), EXPECTED)
    assert collected.notes == [Note(NoteKind.NOT_REPEATABLE)]
    first, second, again = collected.results
    assert np.allclose(
        again.grads["U"],
        2 * first.grads["U"] + (second.grads["U"] - first.grads["U"]),
    )


def test_the_order_of_additions_is_no_difference():
    calls = []

    def backprop(X, t, params):
        calls.append(1)
        grads, loss = right(X, t, params)
        return {k: g * (1 + 1e-15 * len(calls)) for k, g in grads.items()}, loss * (1 + 1e-15)

    assert assert_understood(backprop).notes == []


def test_other_networks_and_data_are_understood():
    rng = np.random.default_rng(0)
    point = (
        {"w": rng.normal(size=2)},
        (rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=5)),
    )

    def by_name(v, w, X, y):
        return X.T @ (v * (X @ w - y)) / len(X)

    collected = collect(by_name, [point], ("X", "t", "v"))
    params, (X, t, v) = point
    assert collected.problem is None
    assert np.allclose(collected.results[0].grads["w"], X.T @ (v * (X @ params["w"] - t)) / 5)


def test_the_gradient_of_the_own_loss_is_that_of_the_engine(monkeypatch):
    monkeypatch.setattr(calling, "LONGEST_SLOPES", np.inf)
    collected = collect(right, points(), EXPECTED)
    params, (X, t) = points()[0]
    for name, gradient in engine.backprop(X, t, params)[0].items():
        np.testing.assert_allclose(collected.loss_gradient[name], gradient, rtol=1e-8, atol=1e-10)
    assert collect(lambda *a: right(*a)[0], points(), EXPECTED).loss_gradient is None
    monkeypatch.setattr(calling, "LONGEST_SLOPES", -1.0)
    assert assert_understood(right).loss_gradient is None


def test_variables_are_what_each_line_assigned(tmp_path):
    function = written(
        tmp_path,
        """\
        import numpy as np

        def backprop(X, t, params):
            total = np.zeros(3)
            for i in range(3):
                part = np.full(3, float(i))
                total += part
            alias = total
            alias *= 2
            total = (
                total
                + 1
            )
            word, flag = "no", True
            inner = helper(total)
            squares = sum([k * k for k in total])
            return params, inner

        def helper(a):
            b = a[0] + 0.5
            return b
        """,
    )
    found = {(x.name, x.line): x.value for x in collect(function, points(), EXPECTED).variables}
    assert np.array_equal(found["total", 4], np.zeros(3))
    assert np.array_equal(found["part", 6], np.full(3, 2.0))
    assert np.array_equal(found["total", 7], np.full(3, 3.0))
    assert np.array_equal(found["alias", 8], np.full(3, 3.0))
    assert np.array_equal(found["alias", 9], np.full(3, 6.0))
    assert np.array_equal(found["total", 10], np.full(3, 7.0))
    assert found["inner", 15] == found["b", 20] == 7.5
    assert found["squares", 16] == 3 * 49
    assert not {"word", "flag", "X", "t", "params", "a"} & {name for name, _ in found}
    texts = {x.line: x.text for x in collect(function, points(), EXPECTED).variables}
    assert texts[9] == "alias *= 2"


def test_what_containers_and_objects_hold_is_seen_and_every_turn_of_a_loop(tmp_path):
    function = written(
        tmp_path,
        """\
        import numpy as np

        class Layer:
            def __init__(self, W):
                self.W = W

            def twice(self):
                self.dW = 2 * self.W

        def backprop(X, t, params):
            grads, steps = {}, [None, None]
            for i, x in enumerate(X):
                row = x * i
            for k in (0, 1):
                steps[k] = np.full(2, k + 0.5)
            grads["b"] = np.ones(3)
            layer = Layer(params["U"])
            layer.twice()
            return params
        """,
    )
    variables = collect(function, points(), EXPECTED).variables
    X = points()[0][1][0]
    by_name = {}
    for x in variables:
        by_name.setdefault(x.name, []).append((x.line, x.value))
    rows = [value for _, value in by_name["row"]]
    assert np.array_equal(rows[0], X * np.arange(len(X))[:, None])  # all turns as one array
    assert all(any(np.array_equal(x * i, row) for row in rows[1:]) for i, x in enumerate(X))
    assert [line for line, _ in by_name["steps[1]"]] == [15]
    assert np.array_equal(by_name["steps[1]"][0][1], [1.5, 1.5])
    ((line, b),) = by_name["grads['b']"]
    assert (line, b.tolist()) == (16, [1.0, 1.0, 1.0])
    places = {line for name in by_name if name.endswith(".dW") for line, _ in by_name[name]}
    assert 8 in places


def test_an_exception_is_shown_with_its_line_and_the_shapes_there(tmp_path):
    function = written(tmp_path, "def backprop(X, t, params):\n    G = X * 2\n    return G @ X\n")
    collected = collect(function, points(), EXPECTED)
    assert collected.problem.startswith("your line 3, `return G @ X`: ValueError")
    assert "(G has shape (7, 2), X has shape (7, 2)). If the number of" in collected.problem


def test_variables_are_limited_in_number_and_size(tmp_path, monkeypatch):
    monkeypatch.setattr(calling, "LONGEST_TRACE", np.inf)
    lines = "".join(f"    v = X + {i}\n" for i in range(MOST_VARIABLES + 10))
    function = written(tmp_path, f"def backprop(X, t, params):\n{lines}    return params\n")
    assert len(collect(function, points(), EXPECTED).variables) == MOST_VARIABLES
    large = "def backprop(X, t, params):\n    A = X.repeat(10_000)\n    return params\n"
    assert all(
        x.name == "" for x in collect(written(tmp_path, large), points(), EXPECTED).variables
    )


def test_the_tracer_of_others_is_restored():
    def tracer(*_):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        collect(right, points(), EXPECTED)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


ENGINES = {
    "autodiff": "from autodiff import value_and_grad\nfrom mlp.engine import loss\n"
    "def backprop(X, t, params):\n    value, grads = value_and_grad(loss)(params, X, t)\n"
    "    return grads, value\n",
    "backward": "from autodiff import Value\nfrom mlp.engine import loss\n"
    "def backprop(X, t, params):\n    p = {k: Value(x) for k, x in params.items()}\n"
    "    E = loss(p, X, t)\n    E.backward()\n    return {k: x.grad for k, x in p.items()}, E\n",
    "compiled": "from autodiff import compile\nfrom mlp.engine import loss\nf = compile(loss)\n"
    "def backprop(X, t, params):\n    value, grads = f(params, X, t)\n    return grads, value\n",
    "mlp": "from mlp.by_hand import backprop as given\n"
    "def backprop(X, t, params):\n    return given(X, t, params)\n",
    "autograd": "import autograd, autograd.numpy as np\ndef loss(params, X, t):\n"
    "    z = np.dot(np.tanh(np.dot(X, params['U'].T) + params['b']), params['W']) + params['c']\n"
    "    return np.mean(np.logaddexp(0, z) - t * z)\n"
    "def backprop(X, t, params):\n"
    "    return autograd.grad(loss)(params, X, t), loss(params, X, t)\n",
    "jax": "import jax, jax.numpy as np\njax.config.update('jax_enable_x64', True)\n"
    "def loss(params, X, t):\n"
    "    z = np.tanh(X @ params['U'].T + params['b']) @ params['W'] + params['c']\n"
    "    return np.mean(np.logaddexp(0, z) - t * z)\n"
    "f = jax.jit(jax.value_and_grad(loss))\n"
    "def backprop(X, t, params):\n    value, grads = f(params, X, t)\n    return grads, value\n",
    "torch": "import torch\n"
    "def backprop(X, t, params):\n    p = {k: torch.tensor(x, dtype=torch.float64,\n"
    "         requires_grad=True) for k, x in params.items()}\n"
    "    z = torch.tanh(torch.tensor(X) @ p['U'].T + p['b']) @ p['W'] + p['c']\n"
    "    loss = torch.mean(torch.nn.functional.softplus(z) - torch.tensor(t) * z)\n"
    "    loss.backward()\n    return {k: x.grad for k, x in p.items()}, loss\n",
}


@pytest.mark.parametrize("what", ENGINES)
def test_differentiation_by_a_library_is_noted(tmp_path, what):
    package = {"backward": "autodiff", "compiled": "autodiff"}.get(what, what)
    pytest.importorskip(package)
    (tmp_path / "backprop.py").write_text(ENGINES[what])
    collected = run(tmp_path / "backprop.py", None, points(), EXPECTED, seconds=60.0)
    assert_right(collected, rtol=1e-9)
    name = {"autodiff": "own engine", "mlp": "own network", "torch": "PyTorch"}.get(
        package, package
    )
    assert any(f"{name}, not by equations of your own" in str(note) for note in collected.notes)


def test_functions_of_a_library_alone_are_no_differentiation(tmp_path):
    source = "import numpy as np\nfrom mlp.losses import sigmoid\nimport autodiff\n" + BODY.replace(
        "grads, loss = by_hand.backprop(X, t, params)", "H = autodiff.tanh(H)\n    sigmoid(H)"
    ).replace("    dU, db, dW, dc = grads.values()\n", "    return params\n")
    collected = collect(written(tmp_path, source), points(), EXPECTED)
    assert collected.problem is None
    assert collected.notes == []


FORWARD = """\
import numpy as np

def loss(X, t, params):
    z = np.tanh(X @ params["U"].T + params["b"]) @ params["W"] + params["c"]
    return np.mean(np.logaddexp(0, z) - t * z)

"""
DIFFERENCES = {
    "copies": """\
def backprop(X, t, params):
    grads = {}
    for k, p in params.items():
        grads[k] = np.zeros(np.shape(p))
        for i in np.ndindex(np.shape(p)):
            moved = dict(params)
            moved[k] = np.array(p)
            moved[k][i] += 1e-6
            grads[k][i] = (loss(X, t, moved) - loss(X, t, params)) / 1e-6
    return grads, loss(X, t, params)
""",
    "in place": """\
def backprop(X, t, params):
    params = {k: np.array(p) for k, p in params.items()}
    grads = {k: np.zeros_like(p) for k, p in params.items()}
    for k, p in params.items():
        for i in np.ndindex(p.shape):
            old = p[i]
            p[i] = old + 1e-6
            above = loss(X, t, params)
            p[i] = old - 1e-6
            grads[k][i] = (above - loss(X, t, params)) / 2e-6
            p[i] = old
    return grads, loss(X, t, params)
""",
    "one by one": """\
def E(X, t, U, b, W, c):
    return loss(X, t, {"U": U, "b": b, "W": W, "c": c})

def backprop(X, t, params):
    p = [np.array(x) for x in params.values()]
    grads = [np.zeros_like(x) for x in p]
    for k in range(4):
        for i in np.ndindex(p[k].shape):
            moved = [x.copy() for x in p]
            moved[k][i] += 1e-6
            grads[k][i] = (E(X, t, *moved) - E(X, t, *p)) / 1e-6
    return grads, E(X, t, *p)
""",
    "one vector": """\
def backprop(X, t, params):
    def f(v):
        return loss(X, t, {"U": v[:6].reshape(3, 2), "b": v[6:9], "W": v[9:12], "c": v[12]})

    v = np.concatenate([np.ravel(p) for p in params.values()])
    g = np.array([(f(v + h) - f(v - h)) / 2e-6 for h in 1e-6 * np.eye(13)])
    return {"U": g[:6].reshape(3, 2), "b": g[6:9], "W": g[9:12], "c": g[12]}, f(v)
""",
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_finite_differences_are_noted(tmp_path, what):
    collected = assert_understood(written(tmp_path, FORWARD + DIFFERENCES[what]), rtol=1e-3)
    assert [note for note in collected.notes if note.kind is NoteKind.BY_DIFFERENCES]


def test_loops_over_examples_and_units_are_no_finite_differences(tmp_path):
    source = """\
    import math
    import numpy as np

    def activation(u, b, x):
        return math.tanh(u @ x + b)

    def loss(z, t):
        return np.logaddexp(0, z) - t * z

    def slope(h):
        return 1 - h * h

    def example(x, t, params):
        h = np.array([activation(u, b, x) for u, b in zip(params["U"], params["b"])])
        z = h @ params["W"] + params["c"]
        d = 1 / (1 + math.exp(-z)) - t
        g = d * params["W"] * slope(h)
        return {"U": np.outer(g, x), "b": g, "W": d * h, "c": d}, loss(z, t)

    def backprop(X, t, params):
        total, E = {k: np.zeros(np.shape(p)) for k, p in params.items()}, 0
        for i in range(len(X)):
            grads, value = example(X[i], t[i], params)
            for k in total:
                total[k] = total[k] + grads[k] / len(X)
            E += value / len(X)
        return total, E
    """
    function = written(tmp_path, source)
    collected = collect(function, points(N=40), EXPECTED)
    assert collected.notes == []
    assert_understood(function)


def test_load_returns_a_function_with_notes_or_refuses(tmp_path):
    path = tmp_path / "given.py"
    path.write_text("def f(x): return x + 1\nopen('no such file')\n")
    function, notes = load(path, "f")
    assert function(1) == 2
    assert len(notes) == 1
    assert "your line 2, `open('no such file')`: FileNotFoundError" in str(notes[0])
    path.write_text("def f(x): return x + 2\n")
    assert load(path, "f")[0](1) == 3
    with pytest.raises(Refused, match="defines no function backprop; its functions are f"):
        load(path)
    path.write_text("raise ValueError('before')\ndef f(x): pass\n")
    with pytest.raises(Refused, match=r"your line 1.*before"):
        load(path, "f")


def test_an_interruption_passes_through():
    def backprop(X, t, params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(backprop, points(), EXPECTED)


def test_printing_is_not_repeated(capsys):
    def backprop(X, t, params):
        print("once")
        return right(X, t, params)

    collect(backprop, points(), EXPECTED)
    assert capsys.readouterr().out == "once\n" * 3


def test_results_are_plain_data():
    result = collect(right, points(), EXPECTED).results[0]
    assert type(result) is Result
    assert type(result.loss) is float
    assert all(type(x) is np.ndarray for x in result.grads.values())
