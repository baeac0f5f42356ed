"""Softmax and its cross-entropy: one equation on paper, however the loss is written."""

import numpy as np
import pytest
from slip_corpus import compiled

from autodiff import grad, log_softmax, logsumexp, softmax
from comparisons import check_backprop, diagnose
from comparisons.diagnosis.equations.replay import Backward
from comparisons.homework.checking import Task

N, D, K = 5, 4, 3


def by_hand(Z):
    return np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)


def shifted(Z):
    E = np.exp(Z - np.max(Z, axis=1, keepdims=True))
    return E / np.sum(E, axis=1, keepdims=True)


OF_TARGETS = {
    "softmax": lambda Z, T: -np.sum(T * np.log(softmax(Z))) / N,
    "by hand": lambda Z, T: -np.mean(np.sum(T * np.log(by_hand(Z)), axis=1)),
    "shifted": lambda Z, T: -np.sum(T * np.log(shifted(Z))) / N,
    "log_softmax": lambda Z, T: -np.sum(T * log_softmax(Z)) / N,
    "logsumexp": lambda Z, T: np.mean(logsumexp(Z, axis=1) - np.sum(T * Z, axis=1)),
}
OF_LABELS = {
    "log_softmax": lambda Z, t: -np.mean(log_softmax(Z)[np.arange(N), t]),
    "softmax": lambda Z, t: -np.mean(np.log(softmax(Z)[np.arange(N), t])),
    "logsumexp": lambda Z, t: np.mean(logsumexp(Z, axis=1) - Z[np.arange(N), t]),
    "array": lambda Z, t: -np.sum(np.eye(K)[t] * log_softmax(Z)) / N,
}
BOTH = [(f, False) for f in OF_TARGETS.values()] + [(f, True) for f in OF_LABELS.values()]
written_in_any_way = pytest.mark.parametrize(("way", "has_labels"), BOTH)


def problem(seed=0):
    rng = np.random.default_rng(seed)
    params = {"W": rng.normal(size=(D, K)), "b": rng.normal(size=K)}
    return params, rng.normal(size=(N, D)), rng.permutation([0, 2, 1, 1, 0])


def loss_of(way):
    def loss(params, X, T):
        Z = X @ params["W"] + params["b"]
        return way(Z, T)

    return loss


def equation(backward, name):
    return next(text for x in backward.equations if (text := backward.written(x)).startswith(name))


@written_in_any_way
def test_the_adjoint_of_logits_is_output_minus_target(way, has_labels):
    loss = loss_of(way)
    params, X, t = problem()
    T = t if has_labels else np.eye(K)[t]
    backward = Backward(loss, params, (X, T))
    target = "one_hot" if has_labels else "T"
    assert equation(backward, "Z_bar").startswith(f"Z_bar = 1 / N * (Y - {target})")
    params, X, t = problem(1)
    T = t if has_labels else np.eye(K)[t]
    known, expected = backward.numbers(params, (X, T)), grad(loss)(params, X, T)
    for name, x in backward.gradients.items():
        np.testing.assert_allclose(known[x], expected[name], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", sorted(OF_TARGETS.keys() - {"logsumexp"}))
def test_targets_that_do_not_add_up_to_1_leave_the_equations_as_they_are(name):
    way = OF_TARGETS[name]
    params, X, t = problem()
    T = np.eye(K)[t] + 0.5
    backward = Backward(loss_of(way), params, (X, T))
    known, expected = backward.numbers(params, (X, T)), grad(loss_of(way))(params, X, T)
    assert "Y - T" not in equation(backward, "Z_bar")
    for name, x in backward.gradients.items():
        np.testing.assert_allclose(known[x], expected[name], rtol=1e-11, atol=1e-15)


def test_a_weight_among_the_data_counts():
    def loss(params, X, T, weight):
        return weight * -np.sum(T * log_softmax(X @ params["W"] + params["b"]))

    params, X, t = problem()
    T = np.eye(K)[t]
    right = grad(loss)(params, X, T, 0.25)
    backward = Backward(loss, params, (X, T, 0.5))
    known = backward.numbers(params, (X, T, 0.25))
    for name, x in backward.gradients.items():
        np.testing.assert_allclose(known[x], right[name], rtol=1e-11, atol=1e-15)


def test_classes_in_rows():
    def loss(W, X, T):
        Z = W @ X
        return -np.sum(T * np.log(softmax(Z, axis=0))) / N

    params, X, t = problem()
    backward = Backward(loss, params["W"].T, (X.T, np.eye(K)[t].T))
    assert equation(backward, "Z_bar") == "Z_bar = 1 / N * (Y - T)"


def squares(params, X, T):
    Z = X @ params["W"] + params["b"]
    Y = softmax(Z)
    return np.mean((Y - T) ** 2)


SLIPS_OF_CROSS_ENTROPY = {
    "the factor 1 / N was forgotten": lambda Y, T: Y - T,
    "the difference is the wrong way round": lambda Y, T: (T - Y) / N,
    "there is a slope Y * (1 - Y) too many": lambda Y, T: (Y - T) / N * Y * (1 - Y),
}


@written_in_any_way
@pytest.mark.parametrize("words", SLIPS_OF_CROSS_ENTROPY)
def test_a_slip_in_the_adjoint_of_logits(way, has_labels, words):
    params, X, t = problem()
    T = np.eye(K)[t]
    Z_bar = SLIPS_OF_CROSS_ENTROPY[words](by_hand(X @ params["W"] + params["b"]), T)
    claimed = {"W": X.T @ Z_bar, "b": np.sum(Z_bar, axis=0)}
    found = diagnose(loss_of(way), params, X, t if has_labels else T, claimed=claimed)
    (slip,) = found.explanations[0].slips
    assert (slip["equation"], slip["words"]) == ("Z_bar", words)


SLIPS_OF_SOFTMAX = {
    "Y * (Y_bar - Y_bar * Y)": lambda Y, Y_bar: Y_bar * Y * (1 - Y),
    "Y * Y_bar": lambda Y, Y_bar: Y_bar * Y,
    "Y_bar - np.sum(Y_bar * Y, axis=-1, keepdims=True)": lambda Y, Y_bar: (
        Y_bar - np.sum(Y_bar * Y, axis=1, keepdims=True)
    ),
    "Y * (Y_bar - np.sum(Y_bar * Y, axis=0, keepdims=True))": lambda Y, Y_bar: (
        Y * (Y_bar - np.sum(Y_bar * Y, axis=0))
    ),
}


@pytest.mark.parametrize("written", SLIPS_OF_SOFTMAX)
def test_a_slip_in_softmax_itself(written):
    params, X, t = problem()
    T, Y = np.eye(K)[t], by_hand(X @ params["W"] + params["b"])
    Z_bar = SLIPS_OF_SOFTMAX[written](Y, 2 * (Y - T) / (N * K))
    claimed = {"W": X.T @ Z_bar, "b": np.sum(Z_bar, axis=0)}
    (slip,) = diagnose(squares, params, X, T, claimed=claimed).explanations[0].slips
    assert slip["written"] == f"Z_bar = {written}"


def test_a_jacobian_that_is_summed_leaves_rounding_and_no_factor_is_found_from_that():
    params, X, t = problem()
    T, Y = np.eye(K)[t], by_hand(X @ params["W"] + params["b"])
    J = Y[:, :, None] * (np.eye(K) - Y[:, None, :])
    Z_bar = 2 * (Y - T) / (N * K) * np.sum(J, axis=1)
    claimed = {"W": X.T @ Z_bar, "b": np.sum(Z_bar, axis=0)}
    assert np.any(claimed["W"])
    (slip,) = diagnose(squares, params, X, T, claimed=claimed).explanations[0].slips
    assert slip["equation"] in ("Y_bar", "Z_bar")
    assert slip["kind"] != "1/N"


AXIS = """
import numpy as np

def backprop(X, t, params):
    n = len(t)
    E = np.exp(X @ params["W"] + params["b"])
    P = E / E.sum(axis=0)
    Z_bar = P.copy()
    Z_bar[np.arange(n), t] -= 1{inside}
    return {{"W": X.T @ Z_bar{outside}, "b": Z_bar.sum(axis=0){outside}}}
"""


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_softmax_over_the_batch_is_a_mistake_in_the_forward_pass(where):
    """Where 1/N is put in has no say."""
    shares = {"inside": "", "outside": "", where: {"inside": "; Z_bar /= n"}.get(where, " / n")}
    task = Task(loss_of(OF_LABELS["logsumexp"]), lambda rng: (*problem(rng)[1:], problem(rng)[0]))
    check = check_backprop(compiled(AXIS.format(**shares)), task)
    (slip,) = check.mistakes
    assert (slip["equation"], slip["words"]) == ("Y", "the sum is over the wrong axis")


def test_logits_whose_exponential_overflows_are_shifted():
    params, X, t = problem()
    backward = Backward(loss_of(OF_LABELS["logsumexp"]), params, (1e4 * X, t))
    known = backward.numbers(params, (1e4 * X, t))
    right = grad(loss_of(OF_LABELS["logsumexp"]))(params, 1e4 * X, t)
    for name, x in backward.gradients.items():
        np.testing.assert_allclose(known[x], right[name], rtol=1e-11, atol=1e-15)
