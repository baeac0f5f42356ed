"""The equations on paper: values that neither an edit nor a search writes into."""

from collections import Counter

import numpy as np
import pytest
from slip_corpus import NETWORKS, TUTORIAL

from autodiff import grad, log_softmax, logsumexp, mean, value_and_grad
from autodiff.readings.listing import Listing
from autodiff.readings.notation import CODE
from autodiff.readings.terms import Term
from comparisons.diagnosis.diagnose import diagnosis
from comparisons.diagnosis.equations.paper import on_paper
from comparisons.diagnosis.equations.replay import Backward, batch
from comparisons.diagnosis.search.evidence import Claim, evidence
from comparisons.diagnosis.slips.typical import alike_in_layers, slips_in

TRIED = {
    **{
        "COMPLEMENT": 1,
        "CONSTANT": 4,
        "CONSTANT_FACTOR": 7,
        "EXTRA_FACTOR": 29,
        "EXTRA_SLOPE": 11,
        "DIVIDED_BY_SLOPE": 4,
    },
    **{"ONE_EXAMPLE": 14, "OF_OUTPUT": 4, "DECAY": 4, "RESULT_TRANSPOSED": 3, "RESHAPED": 6},
    **{"SIBLING": 24, "SUM_OF_SIBLING": 22, "PART_OF_SIBLING": 44},
    **{"SLOPE_FORGOTTEN": 2, "SLOPE_TWICE": 1, "SLOPE_MISTYPED": 14, "SLOPE_ELSEWHERE": 11},
    **{"SLOPE_OF_ANOTHER": 16, "GRADIENT_FOR_WEIGHT": 1, "UPDATED": 1, "CHANGED_IN_PLACE": 6},
    **{"ANOTHER_VARIABLE": 19, "ANOTHER_ADJOINT": 19, "SPREAD": 12, "SPREAD_VECTOR": 10},
    **{"FACTOR_FORGOTTEN": 5, "FACTOR_TWICE": 2, "DIVISION_FORGOTTEN": 1, "DIVISION_TWICE": 1},
    **{"PRODUCT_FOR_QUOTIENT": 1, "PLUS_FOR_MINUS": 1, "WRONG_WAY_ROUND": 1},
    **{"TERM_FORGOTTEN": 2, "TERM_SCALED": 2, "ADJOINT_FORGOTTEN": 4, "ADJOINT_TWICE": 1},
    **{"ALL_BUT_SHARE_FORGOTTEN": 4, "MATRIX_PRODUCT": 2, "ELEMENTWISE_PRODUCT": 1},
    **{"OPERANDS_TURNED": 2, "SUM_FORGOTTEN": 3, "ALL_SUMMED": 4, "WRONG_AXIS": 1},
}

every_network = pytest.mark.parametrize(
    "network", [TUTORIAL, *NETWORKS], ids=lambda network: network.name
)


def state(backward):
    return {key: dict(x) for key, x in vars(backward).items() if isinstance(x, dict)}


@every_network
def test_equations_on_paper_give_the_gradients_of_the_engine_at_other_numbers(network):
    X, t, params = network.problem(np.random.default_rng(0))
    backward = Backward(network.loss, params, (X, t))
    other = network.problem(np.random.default_rng(1))
    _, gradients = value_and_grad(network.loss)(other[2], *other[:2])
    known = backward.numbers(other[2], other[:2])
    for name, equation in backward.gradients.items():
        np.testing.assert_allclose(known[equation], gradients[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("weights", "data", "expected"),
    [
        ((3, 2), [(5, 2), (5, 3)], (5, True)),
        ((6, 6), [(6, 9), (6, 9)], (9, False)),
        ((6, 6), [(9, 6), (9, 6)], (9, True)),
        ((3, 3), [(3, 1), (3, 1)], (1, False)),
        ((3, 3), [(3, 3), (3, 3)], (3, True)),
        ((2, 3), [(3,)], (0, False)),
        ((), [(7,), (7,)], (7, True)),
        ((3, 2), [(2,), (3,)], (0, False)),
        ((1, 1), [(1, 7), (1, 7)], (7, False)),
    ],
)
def test_the_batch_is_the_axis_that_no_parameter_has(weights, data, expected):
    assert batch([np.zeros(shape) for shape in data], [Term(np.zeros(weights))]) == expected


@pytest.mark.parametrize(("given", "N"), [(None, 4), (0, 4), (1, 6)])
def test_a_loss_may_say_whether_examples_are_rows_or_columns(given, N):
    """Of an autoencoder with as many hidden units as examples no shape says which axis is which."""

    def loss(params, X, T):
        return np.sum((params["W"] @ np.tanh(params["V"] @ X) - T) ** 2) / 6

    if given is not None:
        loss.batch_axis = given
    rng = np.random.default_rng(0)
    params = {"V": rng.normal(size=(6, 4)), "W": rng.normal(size=(4, 6))}
    backward = Backward(loss, params, (rng.normal(size=(4, 6)), rng.normal(size=(4, 6))))
    assert (backward.N, backward.in_rows) == (N, N == 4)


@pytest.mark.parametrize(
    ("given", "shapes", "said"),
    [
        (2, [(5, 3)], "batch_axis is 0 or 1, the same length in all data, not 2"),
        ("rows", [(5, 3)], "not 'rows'"),
        (1, [(5, 3), (5, 2)], "the same length in all data, not 1"),
    ],
)
def test_an_axis_that_is_none_of_the_data_is_refused(given, shapes, said):
    with pytest.raises(ValueError, match=said):
        batch([np.zeros(shape) for shape in shapes], [], given)


LABELLED = {
    "position": lambda Z, t: -mean(log_softmax(Z)[np.arange(len(t)), t]),
    "array": lambda Z, t: mean(logsumexp(Z, axis=1) - np.sum(np.eye(3)[t] * Z, axis=1)),
}


@pytest.mark.parametrize("loss", LABELLED.values(), ids=LABELLED)
def test_other_labels_pick_other_entries(loss):
    def of_weights(W, X, t):
        return loss(X @ W, t)

    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    backward = Backward(of_weights, W, (X, np.array([0, 2, 1, 1, 0])))
    t = np.array([1, 0, 2, 0, 2])
    known = backward.numbers(W, (X, t))
    expected = grad(of_weights)(W, X, t)
    np.testing.assert_allclose(known[backward.gradients["W"]], expected, rtol=1e-12, atol=1e-15)


def test_a_mask_of_labels_that_picks_others_is_refused():
    backward = Backward(lambda W, t: np.sum(W[t > 0]), np.ones(3), (np.array([0, 1, 1]),))
    with pytest.raises(ValueError, match="use where"):
        backward.numbers(np.ones(3), (np.array([1, 0, 1]),))


@every_network
def test_with_adjoints_apart_the_gradients_are_the_same(network):
    X, t, params = network.problem(np.random.default_rng(0))
    backward, apart = (Backward(network.loss, params, (X, t), apart=x) for x in (False, True))
    numbers, others = (x.numbers(params, (X, t)) for x in (backward, apart))
    for name, gradient in backward.gradients.items():
        right = numbers[gradient]
        np.testing.assert_allclose(others[apart.gradients[name]], right, rtol=1e-12, atol=1e-15)


def test_apart_every_variable_has_an_adjoint_of_its_own():
    def loss(w, X):
        z = X @ w
        e = z + 1.0
        s = e**2
        return -np.mean(s)

    w, X = np.ones(2), np.arange(6.0).reshape(3, 2)
    together, apart = (Backward(loss, w, (X,), apart=x) for x in (False, True))
    assert [together.written(x) for x in together.equations] == [
        "e_bar = -1 / N * (2 * e)",
        "w_bar = X.T @ e_bar",
    ]
    assert [apart.written(x) for x in apart.equations] == [
        "s_bar = np.broadcast_to(-1 / N, (3,))",
        "e_bar = s_bar * (2 * e)",
        "z_bar = e_bar",
        "w_bar = X.T @ z_bar",
    ]


@every_network
def test_copying_to_paper_leaves_the_listing_as_it_is(network):
    X, t, params = network.problem(np.random.default_rng(0))
    listed = Listing(network.loss, (params, X, t), 0)

    def text():
        return [listed.sides(s, CODE) for s in [*listed.forward, *listed.backward]]

    before = text()
    on_paper(listed)
    assert text() == before


@every_network
def test_on_paper_every_variable_stands_alone_and_before_its_readers(network):
    X, t, params = network.problem(np.random.default_rng(0))
    backward = Backward(network.loss, params, (X, t))
    assert all(not x.operands for x in backward.variables)
    for i, x in enumerate(backward.equations):
        assert set(backward.of(x)).isdisjoint(backward.equations[i:])


def test_the_error_of_an_output_is_a_difference_on_paper():
    softmax = next(network for network in NETWORKS if network.name == "softmax")
    for network, z, y, t in ((TUTORIAL, "z", "y", "t"), (softmax, "Z", "Y", "T")):
        *data, params = network.problem(np.random.default_rng(0))
        backward = Backward(network.loss, params, tuple(data))
        assert f"{z}_bar = 1 / N * ({y} - {t})" in map(backward.written, backward.equations)


def test_a_search_for_two_slips_writes_nothing_into_the_equations():
    X, t, params = TUTORIAL.problem(np.random.default_rng(0))
    _, right = value_and_grad(TUTORIAL.loss)(params, X, t)
    claimed = {**right, "b": right["b"] / 7, "W": -right["W"], "U": 3 * right["U"]}
    found = evidence(TUTORIAL.loss, [(params, (X, t))], [Claim(claimed)])
    before = state(found.backward)
    assert len(diagnosis(found, []).wrong) == 3
    assert state(found.backward) == before


@every_network
def test_a_slip_changes_what_depends_on_it_and_nothing_else(network):
    X, t, params = network.problem(np.random.default_rng(0))
    backward = Backward(network.loss, params, (X, t))
    known = backward.numbers(params, (X, t))
    variable = backward.equations[len(backward.equations) // 2]
    with np.errstate(all="ignore"):
        for slip in slips_in(backward, variable):
            now = backward.replay(slip.changes, known)
            for x in backward.equations if now else ():
                if x not in backward.below[variable]:
                    assert now[x] is known[x]


def test_the_slips_that_are_tried_on_the_tutorials_network():
    """How many of each kind: an edit that is made no more would be missed by nobody else."""
    X, t, params = TUTORIAL.problem(np.random.default_rng(0))
    backward = Backward(TUTORIAL.loss, params, (X, t))
    with np.errstate(all="ignore"):
        found = Counter(
            slip.kind.name for x in backward.equations for slip in slips_in(backward, x)
        )
    assert found == TRIED


def test_a_slip_may_be_made_alike_in_all_layers():
    network = next(network for network in NETWORKS if network.name == "two tanh layers")
    X, t, params = network.problem(np.random.default_rng(0))
    backward = Backward(network.loss, params, (X, t))
    with np.errstate(all="ignore"):
        written = [
            [backward.written(x, right, slip.names) for x, right in slip.changes.items()]
            for slip in alike_in_layers(backward)
        ]
    slope_at_the_input = [f"G{i}_bar = H{i}_bar * (1 - G{i} * G{i})" for i in (2, 1)]
    too_many = [f"b{i}_bar = np.sum(G{i}_bar, axis=0) * b{i}" for i in (2, 1)]
    assert slope_at_the_input in written
    assert too_many in written
