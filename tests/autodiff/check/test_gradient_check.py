"""The checker checked: right gradients pass, wrong ones are found and named."""

from typing import Any

import numpy as np
import pytest

from autodiff import Value, abs, check_gradient, grad, mean, relu, sigmoid, sin, sum
from autodiff.check.report import Verdict
from mlp import by_hand, engine, initial_parameters, make_dataset, tutorial_problem

SEEDS = range(25)


def loss(params: dict[str, Any], X: Any, t: Any) -> Any:
    """The tutorial's loss in NumPy alone, analytic for moderate logits."""
    z = np.tanh(X @ params["U"].T + params["b"]) @ params["W"] + params["c"]
    return np.mean(np.log1p(np.exp(z)) - t * z)


def real_loss(params: dict[str, Any], X: Any, t: Any) -> Any:
    if any(np.iscomplexobj(p) for p in params.values()):
        raise TypeError("numbers are real here")
    return loss(params, X, t)


def network(seed: int, points: int = 9) -> tuple[Any, Any, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    X, t = make_dataset(points, rng)
    params = initial_parameters(3, rng)
    return X, t, {**params, "b": rng.normal(size=3), "c": np.float64(rng.normal())}


def quadratic(x: Any) -> Any:
    """Half the sum of squares, whose gradient is x."""
    return np.sum(x * x) / 2.0


def verdicts(report: Any) -> dict[str, str]:
    return {a.name: a.verdict for a in report.arguments}


def worst(report: Any, name: str) -> Any:
    return next(a.worst[0] for a in report.arguments if a.name == name)


# Right gradients.


@pytest.mark.parametrize("f", [loss, real_loss, engine.loss])
@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_by_hand_are_right(f: Any, seed: int) -> None:
    X, t, params = network(seed)
    report = check_gradient(f, params, X, t, gradients=by_hand.backprop(X, t, params)[0])
    assert report
    assert report.accuracy < 1e-8
    report.assert_ok()


def test_the_tutorials_network_is_right() -> None:
    X, t, params = tutorial_problem()
    report = check_gradient(engine.loss, params, X, t)
    assert verdicts(report) == dict.fromkeys(["U", "b", "W", "c"], "right")
    assert report.side == "engine"
    assert "differences" in report.method


def test_ten_or_so_calls_are_enough_for_an_entry() -> None:
    X, t, params = tutorial_problem()
    calls = []

    def counted(params: Any, X: Any, t: Any) -> Any:
        calls.append(1)
        return engine.loss(params, X, t)

    assert check_gradient(counted, params, X, t)
    assert len(calls) <= 140


@pytest.mark.parametrize("steps", [100, 2000])
def test_gradients_that_nearly_cancel_after_training_are_right(steps: int) -> None:
    X, t, params = network(0, 50)
    for _ in range(steps):
        grads, _ = by_hand.backprop(X, t, params)
        params = {name: p - 0.5 * grads[name] for name, p in params.items()}
    for f in (loss, real_loss):
        grads, _ = by_hand.backprop(X, t, params)
        assert check_gradient(f, params, X, t, gradients=grads)
        grads["U"] = grads["U"] * (1 + 1e-6)
        assert verdicts(check_gradient(f, params, X, t, gradients=grads))["U"] == "wrong"


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: sum(np.exp(x)), np.array([-5.0, 0.0, 5.0])),
        (lambda x: sum(sin(1e6 * x)), np.array([0.1, 2.0])),
        (lambda x: sigmoid(1e6 * x), 1e-7),
        (lambda x: x * x + np.exp(-np.square(x / 1e-6)), 1e-7),
        (lambda x: np.log(x), 1e-8),
        (lambda x: np.log(x), 1e8),
        (lambda x: sum(x) * 0.0, np.ones(3)),
        (lambda x: x * x, 0.0),
        (lambda x: x**2.5, 0.0),
        (lambda x: relu(x - 1.0) ** 2, 1.0),
        (lambda x: sum(np.exp(x - 1e4) / sum(np.exp(x - 1e4))), np.array([1e4, 1e4 + 1.0])),
    ],
)
def test_hard_functions_are_right_and_wrong_by_a_thousandth(f: Any, x: Any) -> None:
    gradient = grad(f)(x)
    assert check_gradient(f, x)
    if np.max(np.abs(gradient)) > 1e-12:
        assert not check_gradient(f, x, gradients=1.001 * gradient)


# Wrong gradients.


@pytest.mark.parametrize("f", [loss, real_loss])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["U", "b", "W", "c"])
def test_a_mistake_of_a_millionth_is_found_and_named(f: Any, seed: int, name: str) -> None:
    X, t, params = network(seed)
    grads, _ = by_hand.backprop(X, t, params)
    grads[name] = grads[name] * (1.0 + 1e-6)
    report = check_gradient(f, params, X, t, gradients=grads)
    assert not report
    assert verdicts(report) == {n: "wrong" if n == name else "right" for n in params}
    found = worst(report, name)
    assert found.given == np.asarray(grads[name])[found.index]
    assert found.given / found.slope.value == pytest.approx(1.0 + 1e-6, rel=1e-8)


@pytest.mark.parametrize("f", [loss, real_loss])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_wrong_entry_is_found(f: Any, seed: int) -> None:
    X, t, params = network(seed)
    grads, _ = by_hand.backprop(X, t, params)
    index = seed % 3, seed % 2
    grads["U"][index] *= 1.0005
    report = check_gradient(f, params, X, t, gradients=grads)
    assert [e.index for e in report.arguments[0].entries if e.is_wrong] == [index]
    assert f"U[{index[0]}, {index[1]}]" in str(report)


def test_a_transposed_gradient_is_wrong_off_the_diagonal() -> None:
    A = np.random.default_rng(0).normal(size=(3, 3))
    report = check_gradient(lambda W: np.sum(A * W), np.ones((3, 3)), gradients=A.T)
    wrong = [e.index for e in report.arguments[0].entries if e.is_wrong]
    assert wrong == [(i, j) for i in range(3) for j in range(3) if i != j]
    assert report.arguments[0].ratio is None


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1.0, "the opposite sign"),
        (2.0, "exactly 2 times"),
        (0.5, "exactly 1/2 of"),
        (1 / 37, "exactly 1/N of, with N = 37"),
        (-37.0, "exactly minus N times, with N = 37"),
        (0.0, "exactly 0 times"),
        (1.234, "1.234 times"),
    ],
)
def test_a_constant_ratio_is_named(factor: float, words: str) -> None:
    X, t, params = network(1, 37)
    grads, _ = by_hand.backprop(X, t, params)
    for f in (loss, real_loss):
        scaled = {**grads, "W": factor * grads["W"]}
        report = check_gradient(f, params, X, t, gradients=scaled)
        assert report.arguments[2].ratio == words
        assert f"W, yours compared with numerical: {words}." in str(report)
        assert all(a.ratio is None for a in report.arguments if a.name != "W")


@pytest.mark.parametrize("off", [-1e-3, 1e-3])
def test_no_ratio_is_named_where_an_entry_that_is_not_sharp_does_not_fit(off: float) -> None:
    """The first entry is flat but for a ripple that hides its derivative, not what it is off by."""

    def f(x: Any) -> Any:
        return np.sum(np.real(x) ** 2) + 1e-10 * np.sin(1e12 * np.real(x[0]))

    x = np.array([0.0, 1.0, 2.0])
    report = check_gradient(f, x, gradients=4.0 * x + np.array([off, 0.0, 0.0]))
    assert verdicts(report) == {"x": "wrong"}
    assert report.arguments[0].ratio is None


def test_the_ratio_of_a_single_entry_is_told_only_if_it_has_a_name() -> None:
    assert check_gradient(quadratic, 3.0, gradients=6.0).arguments[0].ratio == "exactly 2 times"
    assert check_gradient(quadratic, 3.0, gradients=3.7).arguments[0].ratio is None


def test_a_wrong_shape_is_a_verdict_and_a_wrong_structure_an_error() -> None:
    X, t, params = network(0)
    grads, _ = by_hand.backprop(X, t, params)
    report = check_gradient(loss, params, X, t, gradients={**grads, "U": grads["U"].T})
    assert verdicts(report) == {"U": "wrong", "b": "right", "W": "right", "c": "right"}
    assert "U has shape (3, 2), but its gradient has shape (2, 3)." in str(report)
    del grads["b"]
    with pytest.raises(ValueError, match=r"not have the structure that grad\(loss\) returns.*'b'"):
        check_gradient(loss, params, X, t, gradients=grads)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_wrong_there(bad: float) -> None:
    for size in (3, 100):
        x = np.linspace(1.0, 2.0, size)
        given = x.copy()
        given[2] = bad
        report = check_gradient(quadratic, x, gradients=given)
        assert (2,) in [e.index for e in report.arguments[0].entries if e.is_wrong]
        assert not report


def test_wrong_rules_of_the_engine_are_found() -> None:
    def frozen(x: Any) -> Any:
        return sum(x * (x.data if isinstance(x, Value) else x))

    report = check_gradient(frozen, np.array([1.0, 2.0]))
    assert verdicts(report) == {"x": "wrong"}
    assert report.arguments[0].ratio == "exactly 1/2 of"
    assert "engine" in str(report)


# Large arrays.


def test_large_arrays_are_checked_in_part_and_along_directions() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.sum(np.sin(x))

    x = np.random.default_rng(2).normal(size=(200, 300))
    report = check_gradient(f, x, gradients=np.cos(x))
    assert report
    assert len(calls) < 1000
    assert "drawn with seed 0" in str(report)
    assert report.seed == 0
    indices = [e.index for e in report.arguments[0].entries]
    assert indices[-1] == "direction 4"
    others = check_gradient(f, x, gradients=np.cos(x), seed=1).arguments[0].entries
    assert indices != [e.index for e in others]


@pytest.mark.parametrize("f", [lambda x: np.sum(np.sin(x)), lambda x: np.sum(np.sin(np.real(x)))])
@pytest.mark.parametrize("seed", range(10))
def test_one_wrong_entry_of_many_is_found(f: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 40))
    index = (int(rng.integers(30)), int(rng.integers(40)))
    given = np.cos(x)
    given[index] += 1e-3
    report = check_gradient(f, x, gradients=given, seed=seed)
    assert index in [e.index for e in report.arguments[0].entries if e.is_wrong]


def test_two_entries_exchanged_in_a_large_array_are_found() -> None:
    x = np.random.default_rng(0).normal(size=500)
    given = x.copy()
    given[[3, 4]] = given[[4, 3]]
    for seed in range(20):
        found = check_gradient(quadratic, x, gradients=given, seed=seed).arguments[0].entries
        assert {e.index for e in found if e.is_wrong} & {(3,), (4,)}


# Kinks.


@pytest.mark.parametrize("f", [lambda x: sum(abs(x)), lambda x: np.sum(np.abs(x))])
@pytest.mark.parametrize(("slope", "is_right"), [(-1, 1), (0, 1), (0.3, 1), (1, 1), (1.01, 0)])
def test_at_a_kink_every_slope_between_the_sides_is_right(
    f: Any, slope: float, is_right: int
) -> None:
    report = check_gradient(f, np.array([2.0, 0.0]), gradients=np.array([1.0, slope]))
    assert bool(report) == is_right
    assert "x[1]: <lambda> has a kink here; its derivative is -1 on the left and 1" in str(report)
    assert [e.slope.is_kink for e in report.arguments[0].entries] == [False, True]


@pytest.mark.parametrize("distance", [0.3, 1e-2, 1e-4, 1e-6])
def test_a_kink_near_the_point_does_not_disturb(distance: float) -> None:
    x = np.array([distance, -distance])
    assert check_gradient(lambda x: sum(relu(x) + np.exp(x)), x)
    given = np.exp(x) + (x > 0.0)
    wrong = check_gradient(
        lambda x: sum(relu(x) + np.exp(x)), x, gradients=given * [1.0, 1.0 + 1e-3]
    )
    assert [e.index for e in wrong.arguments[0].entries if e.is_wrong] == [(1,)]


def test_directions_across_kinks_are_not_judged() -> None:
    signs = np.resize([1.0, -1.0], 60)
    report = check_gradient(lambda x: sum(signs * relu(x)), np.zeros(60))
    assert report
    assert all(e.slope.is_kink for e in report.arguments[0].entries)


def test_a_smooth_bend_is_no_kink() -> None:
    report = check_gradient(lambda x: np.sqrt(x * x + 1e-8), 0.0)
    assert report
    assert not any(e.slope.is_kink for e in report.arguments[0].entries)


def test_the_complex_step_is_not_fooled_by_functions_that_are_not_analytic() -> None:
    x = np.array([-1.5, 2.0])
    cases = [
        (lambda x: np.sum(np.abs(x) ** 3 + x), 3.0 * x * np.abs(x) + 1.0),
        (lambda x: np.sum(np.real(x) ** 2 + x), 2.0 * x + 1.0),
        (lambda x: np.sum(x * np.conj(x) + x), 2.0 * x + 1.0),
    ]
    for f, gradient in cases:
        report = check_gradient(f, x, gradients=gradient)
        assert report
        assert report.method == "extrapolated central differences"
        assert not check_gradient(f, x, gradients=np.ones(2))


def test_the_complex_step_is_used_where_it_is_right() -> None:
    x = np.array([0.5, 1.5])
    report = check_gradient(lambda x: 1e6 + np.sum(np.sin(x)), x, gradients=np.cos(x))
    assert report.method.startswith("complex step")
    assert report.accuracy < 1e-7
    assert not check_gradient(
        lambda x: 1e6 + np.sum(np.sin(x)), x, gradients=np.cos(x) * (1 + 1e-6)
    )


# What nothing can be said of.


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.round(x), 1.5),
        (lambda x: np.sqrt(x), 0.0),
        (lambda x: np.sin(1e30 * np.real(x)), 1.1),
        (lambda x: 1e13 + np.real(x) ** 2, 1.0),
        (lambda x: np.sign(np.real(x) - 0.3), 0.3),
    ],
)
def test_what_cannot_be_differentiated_is_undecided(f: Any, x: float) -> None:
    report = check_gradient(f, x, gradients=2.0)
    assert verdicts(report) == {"x": "undecided"}
    assert not report
    assert "x: numerical differentiation gives" in str(report)


def test_functions_of_few_digits_give_few_digits() -> None:
    def f(x: Any) -> Any:
        return np.float64(np.sum(np.sin(np.real(x).astype(np.float32)), dtype=np.float32))

    x = np.random.default_rng(0).normal(size=6)
    report = check_gradient(f, x, gradients=np.cos(x))
    assert report
    assert 1e-7 < report.accuracy < 1e-3
    assert not check_gradient(f, x, gradients=1.01 * np.cos(x))


# Problems of the function.


def test_a_function_that_is_random_is_said_so() -> None:
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: quadratic(x) + 1e-9 * rng.normal(), np.ones(3))
    assert verdicts(report) == {"x": "undecided"}
    assert "not deterministic" in str(report)


def test_a_function_that_changes_its_arguments_is_said_so_and_the_callers_stay() -> None:
    def shifts(x: Any, data: Any) -> Any:
        data["offset"] += 1.0
        return np.sum(x * data["offset"])

    def forgets(x: Any, data: Any) -> Any:
        return np.sum(x * data.pop("offset"))

    x, data = np.ones(3), {"offset": np.zeros(3)}
    for f, gradient in ((shifts, np.ones(3)), (forgets, np.zeros(3))):
        report = check_gradient(f, x, data, gradients=gradient)
        assert verdicts(report) == {"x": "right"}
        assert not report
        assert f"{f.__name__} changes its argument data" in str(report)
    np.testing.assert_array_equal(data["offset"], 0.0)

    def doubles(x: Any) -> Any:
        x *= 2.0
        return np.sum(x)

    report = check_gradient(doubles, x, gradients=np.full(3, 2.0))
    assert report.problems == ["doubles changes its argument x; it should compute a new one."]
    np.testing.assert_array_equal(x, 1.0)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (np.ones(2), TypeError, r"returned ndarray of shape \(2,\); a gradient is that of one"),
        ("1.0", TypeError, "returned str"),
        (None, TypeError, "returned NoneType"),
        (1j, ValueError, "only a finite real number has a gradient"),
        (np.nan, ValueError, "returned nan at this point"),
        (np.inf, ValueError, "returned inf at this point"),
    ],
)
def test_what_is_no_number_has_no_gradient(
    result: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_gradient(lambda x: result, 1.0, gradients=0.0)


def test_arguments_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="x is complex"):
        check_gradient(quadratic, np.ones(2, complex))
    with pytest.raises(TypeError, match=r"x is a Value of shape .* takes numbers"):
        check_gradient(quadratic, Value(np.ones(2)))
    with pytest.raises(TypeError, match="the gradient of x is no array of numbers"):
        check_gradient(quadratic, 1.0, gradients="1.0")
    with pytest.raises(TypeError, match="was called with 0 positional arguments"):
        check_gradient(quadratic)
    with pytest.raises(TypeError, match="cannot be called"):
        check_gradient(1.0, 1.0)


# Numbers of other kinds.


@pytest.mark.parametrize("f", [loss, real_loss])
@pytest.mark.parametrize("seed", SEEDS)
def test_rounding_to_single_precision_is_no_mistake(f: Any, seed: int) -> None:
    X, t, params = network(seed)
    X = X.astype(np.float32)
    params = {name: np.asarray(p, np.float32) for name, p in params.items()}
    grads, _ = by_hand.backprop(X, t.astype(np.float32), params)
    grads = {name: np.asarray(g, np.float32) for name, g in grads.items()}
    assert check_gradient(f, params, X, t, gradients=grads)
    name = "UbWc"[seed % 4]
    grads[name] = grads[name] * np.float32(1.02)
    assert verdicts(check_gradient(f, params, X, t, gradients=grads))[name] == "wrong"


def test_gradients_computed_from_single_precision_are_as_rough_in_any_dtype() -> None:
    x = np.linspace(0.1, 2.0, 7, dtype=np.float32)
    given = np.exp(x)
    report = check_gradient(lambda x: np.sum(np.exp(x)), x, gradients=given.astype(np.float64))
    assert report
    assert not check_gradient(lambda x: np.sum(np.exp(x)), x, gradients=given * np.float32(1.01))


@pytest.mark.parametrize("f", [loss, real_loss])
@pytest.mark.parametrize("seed", range(5))
def test_cancellation_in_single_precision_is_no_mistake(f: Any, seed: int) -> None:
    """The mean of the data is 1e-4 of its terms, and so are the digits of the gradient in w."""
    x = np.random.default_rng(seed).normal(size=300).astype(np.float32)
    x -= np.mean(x) - np.float32(1e-4)

    def linear(w: Any, x: Any) -> Any:
        return np.mean(w * x) if f is loss else np.mean(np.real(w) * x)

    given = np.float32(np.cumsum(x, dtype=np.float32)[-1] / np.float32(x.size))
    assert abs(given - np.mean(x, dtype=np.float64)) > 1e-10
    assert "wrong" not in verdicts(check_gradient(linear, 1.0, x, gradients=given)).values()


def test_the_engine_is_checked_in_double_precision() -> None:
    def f(x: Any) -> Any:
        assert x.dtype == np.float64 or x.dtype == np.complex128
        return sum(np.exp(x))

    report = check_gradient(f, np.array([1.0, 2.0], np.float32))
    assert report
    assert report.accuracy < 1e-8


def test_integers_are_numbers() -> None:
    assert check_gradient(quadratic, np.array([1, 2, 3]))
    assert check_gradient(quadratic, 3, gradients=3)
    assert not check_gradient(quadratic, np.array([1, 2, 3]), gradients=np.array([1, 2, 4]))


def test_empty_arrays_are_right() -> None:
    assert check_gradient(lambda x: np.sum(x), np.ones((0, 2)))


@pytest.mark.filterwarnings("ignore:<lambda> returned plain numbers")
def test_no_numbers_at_all_are_right() -> None:
    assert check_gradient(lambda params: 1.0, {})


def test_a_gradient_of_zero_is_right() -> None:
    assert check_gradient(lambda x: np.sum(x) * 0.0 + 1.0, np.ones(3))
    assert check_gradient(lambda x: np.sum(x[1]), [np.ones(3), np.ones(2)])
    report = check_gradient(lambda x, y: np.sum(y), 1.0, np.ones(2), gradients=1e-9)
    assert verdicts(report) == {"x": "wrong"}


@pytest.mark.parametrize("tiny", [1e-8, 1e-12, 1e-20])
def test_a_right_gradient_that_is_tiny_beside_the_others_is_right(tiny: float) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(np.real(x[0]))) + tiny * np.sum(np.exp(np.real(x[1])))

    x = [np.array([0.3, 1.0]), np.array([0.2, -1.0])]
    right = [np.cos(x[0]), tiny * np.exp(x[1])]
    assert check_gradient(f, x, gradients=right)
    assert check_gradient(lambda x: f([x[1], x[0]]), x[::-1], gradients=right[::-1])
    assert not check_gradient(f, x, gradients=[right[0], right[1] + 1e-6])


# Names, structure and text.


def test_arguments_have_the_names_of_keys_and_parameters() -> None:
    def f(params: Any, X: Any) -> Any:
        return np.sum(params["U"] * X) + np.sum(params["layers"][0] * 2.0)

    params, X = {"U": np.ones(2), "layers": [np.ones(3)]}, np.ones(2)
    assert list(verdicts(check_gradient(f, params, X))) == ["U", "layers[0]"]
    given = {"U": np.ones(2), "layers": [np.full(3, 4.0)]}
    assert verdicts(check_gradient(f, params, X, gradients=given))["layers[0]"] == "wrong"
    assert list(verdicts(check_gradient(lambda *xs: xs[0] * xs[1], 1.0, 2.0))) == ["argument 1"]
    assert list(verdicts(check_gradient(lambda x: x[0] * x[1], [1.0, 2.0]))) == ["x[0]", "x[1]"]


def test_the_report_of_a_right_gradient() -> None:
    report = check_gradient(quadratic, np.array([1.0, 2.0]))
    text = str(report)
    assert text == repr(report)
    assert report.arguments[0].verdict is Verdict.RIGHT
    for value, name in ((report, "method"), (report.arguments[0], "verdict")):
        with pytest.raises(AttributeError):
            setattr(value, name, "")
    assert text.startswith("The engine's gradient of quadratic is right.\n\nargument  verdict")
    assert "Method: " in text
    assert "Accuracy: rounding cannot explain differences above " in text
    report.assert_ok()


def test_the_report_of_a_wrong_gradient() -> None:
    report = check_gradient(quadratic, np.array([1.0, 2.0, 3.0]), gradients=np.array([1.0, 3, -3]))
    lines = str(report).splitlines()
    assert lines[0] == "Your gradient of quadratic is wrong in x."
    assert lines[2].split() == ["argument", "verdict", "largest", "difference", "allowed"]
    assert lines[3].split()[:3] == ["x", "wrong", "6.0e+00"]
    assert "entry  yours  numerical  difference  ratio" in lines
    assert "x[2]      -3          3    -6.0e+00     -1" in lines
    assert "x[1]       3          2     1.0e+00    1.5" in lines
    with pytest.raises(AssertionError) as caught:
        report.assert_ok()
    assert str(caught.value) == str(report)


def test_the_report_holds_its_numbers() -> None:
    report = check_gradient(quadratic, np.array([1.0, 2.0]), gradients=np.array([1.0, 4.0]))
    assert (bool(report), report.function, report.side) == (False, "quadratic", "yours")
    (x,) = report.arguments
    assert (x.name, x.verdict) == ("x", "wrong")
    (entry,) = x.worst
    assert entry.index == (1,)
    assert (entry.given, entry.slope.value) == (4.0, pytest.approx(2.0))
    assert entry.difference == pytest.approx(2.0)


def test_the_same_seed_gives_the_same_report() -> None:
    x = np.random.default_rng(0).normal(size=100)
    first, second = (check_gradient(quadratic, x, seed=5) for _ in range(2))
    assert first == second


def test_it_works_without_the_engine_being_able_to_differentiate() -> None:
    assert check_gradient(lambda x: np.cumsum(x)[-1], np.ones(3), gradients=np.ones(3))


def test_losses_that_refuse_their_neighbours_are_checked_where_they_can_be() -> None:
    def f(x: Any) -> Any:
        if x < 0.0:
            raise ValueError("x must not be negative")
        return np.exp(x)

    assert check_gradient(f, 0.0)
    assert not check_gradient(f, 0.0, gradients=1.0001)


def test_means_over_data_in_a_list_of_points() -> None:
    X = [np.array([1.0, 2.0]), np.array([3.0, -1.0])]
    assert check_gradient(lambda w, X: mean((X[0] * w) ** 2) + sum(X[1] * w), np.ones(2), X)
