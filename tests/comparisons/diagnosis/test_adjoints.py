"""Every adjoint of a backward pass by itself: right, wrong and why, or right but for another."""

import copy
import importlib.util
import inspect
import re

import numpy as np
import pytest
from places import ROOT
from slip_corpus import NETWORKS, TUTORIAL, compiled, patched

from comparisons import check_adjoints
from comparisons.diagnosis.adjoints import Status
from comparisons.diagnosis.equations.conventions import variable_of

SPEC = importlib.util.spec_from_file_location("letters", ROOT / "docs" / "examples" / "letters.py")
letters = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(letters)
X, Y, PARAMS = letters.problem(np.random.default_rng(3))


def edited(function, *edits):
    """Return a function of the example with some text in it replaced, each once."""
    code = inspect.getsource(function)
    for old, new in edits:
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    namespace = dict(vars(letters))
    exec(code, namespace)
    return namespace[function.__name__]


def adjoints(*edits):
    """Return the adjoints that the example computes by hand, with some of its lines changed."""
    found = edited(letters.backprop, ("return grads, f.loss", "return locals()"), *edits)
    return {k: x for k, x in found(X, Y, PARAMS).items() if k.endswith("_bar")}


def checked(*edits):
    return check_adjoints(letters.loss, PARAMS, X, Y, claimed=adjoints(*edits))


def by_name(check):
    return {row.name.removesuffix("_bar"): row for row in check.rows}


def statuses(check, *wanted):
    return [name for name, row in by_name(check).items() if row.status in wanted]


RIGHT = adjoints()


# The example.


def test_all_adjoints_of_the_example_are_right():
    check = checked()
    assert check.ok
    assert {f"{name}_bar" for name in by_name(check)} == RIGHT.keys()
    assert statuses(check, Status.EXACT, Status.RIGHT) == list(by_name(check))
    check.assert_ok()


@pytest.mark.parametrize("name", sorted(x.removesuffix("_bar") for x in RIGHT))
def test_they_are_the_derivatives_of_what_comes_after(name):
    """The oracle runs the forward pass with a variable moved along a random direction."""
    adjoint, step = RIGHT[f"{name}_bar"], 1e-6
    direction = np.random.default_rng(5).normal(size=adjoint.shape)
    if name in PARAMS:

        def moved(by):
            return letters.loss({**PARAMS, name: PARAMS[name] + by * direction}, X, Y)
    else:
        line = next(
            x for x in inspect.getsource(letters.forward).splitlines() if f"  {name} = " in x
        )

        def moved(by):
            namespace = edited(
                letters.forward, (f"{line}\n", f"{line}\n    {name} = {name} + BUMP\n")
            )
            namespace.__globals__["BUMP"] = by * direction
            return namespace(X, Y, PARAMS).loss

    slope = (moved(step) - moved(-step)) / (2 * step)
    assert np.sum(adjoint * direction) == pytest.approx(slope, rel=1e-6, abs=1e-9)


# One mistake.

SLIPS = [
    ("log_y", "= -1 / N", "= 1 / N", "sign is wrong"),
    ("log_y", "= -1 / N", "= -1", "1 / N is missing"),
    ("C", "np.add.at(C_bar, X, pair_bar)", "C_bar[X] += pair_bar", "only the last counts"),
    ("total", "-s_bar * f.total**-2", "s_bar * f.total**-2", "minus"),
    ("P", "y_bar * f.s + total_bar", "y_bar * f.s", "term total_bar was forgotten"),
    ("F", "P_bar * f.P", "P_bar * f.y", "slope was taken at y"),
    ("B", "(1 - f.A**2)", "(1 - f.B**2)", "slope was taken at B"),
    ("b", "np.sum(B_bar, axis=0)", "np.mean(B_bar, axis=0)", "mean over the batch"),
    ("scale", "np.sum(B_bar * f.Q, axis=0)", "np.sum(B_bar, axis=0)", "factor Q was forgotten"),
    ("D2", "var_bar / (N - 1)", "var_bar", "division by 12 was forgotten"),
    ("D2", "var_bar / (N - 1)", "var_bar / N", "N stands in place of 12"),
    ("D", "D2_bar * 2 * f.D", "D2_bar * f.D", "factor 2 was forgotten"),
    ("D", "Q_bar * f.r + D2_bar * 2 * f.D", "Q_bar * f.r", "was forgotten"),
    ("G", "D_bar + m_bar / N", "D_bar", "term m_bar / N was forgotten"),
    ("G", "D_bar + m_bar / N", "D_bar - m_bar / N", "- stands for +"),
    ("E", 'G_bar @ params["U"].T', 'G_bar @ params["U"]', "transposed"),
]


@pytest.mark.parametrize(("name", "right", "wrong", "words"), SLIPS)
def test_one_mistake_is_named_and_what_follows_from_it_is_not_called_wrong(
    name, right, wrong, words
):
    check = checked((right, wrong))
    assert statuses(check, Status.WRONG) == [name]
    assert words in by_name(check)[name].sentence
    assert f"{name}_bar = " in by_name(check)[name].slip["written"]
    changed = {
        x.removesuffix("_bar")
        for x, array in adjoints((right, wrong)).items()
        if np.max(np.abs(array - RIGHT[x])) > 1e-8 * np.max(np.abs(RIGHT[x]))
    }
    follow = statuses(check, Status.FOLLOWS)
    assert {*follow, name} <= changed  # some change by no more than rounding does
    assert all(by_name(check)[x].because == (f"{name}_bar",) for x in follow)
    assert not check.ok
    with pytest.raises(AssertionError, match=f"{name}_bar"):
        check.assert_ok()


def test_two_slips_in_one_equation_are_both_said():
    given = adjoints(("np.add.at(C_bar, X, pair_bar)", "C_bar[X] = pair_bar"))
    given["C_bar"] *= 3.0
    check = check_adjoints(letters.loss, PARAMS, X, Y, claimed=given)
    assert statuses(check, Status.WRONG) == ["C"]
    assert re.search("factor 3 .* only the last counts", by_name(check)["C"].sentence)
    assert "C_bar = 3 * scatter(pair_bar * is_last" in by_name(check)["C"].sentence


def test_an_early_mistake_hides_no_later_one():
    slips = {name: slip for name, *slip in SLIPS if name in ("P", "B", "D", "G")}
    check = checked(*[(right, wrong) for right, wrong, _ in slips.values()])
    assert statuses(check, Status.WRONG) == ["P", "B", "D", "G"]
    for name, (*_, words) in slips.items():
        assert words in by_name(check)[name].sentence
    assert by_name(check)["A"].because == ("P_bar",)
    assert by_name(check)["U"].because == ("G_bar",)


def test_a_mistake_that_no_slip_explains_is_wrong_and_the_rest_still_follows():
    random = np.random.default_rng(0).normal(size=RIGHT["Q_bar"].shape)
    check = checked(('B_bar * params["scale"]', f"np.array({random.tolist()})"))
    assert statuses(check, Status.WRONG) == ["Q"]
    assert "No typical slip in Q_bar = B_bar * scale" in by_name(check)["Q"].sentence
    assert by_name(check)["C"].because == ("Q_bar",)


# Slips that were written without this check.


@pytest.mark.parametrize("network", [TUTORIAL, *NETWORKS], ids=lambda network: network.name)
def test_each_slip_is_named_in_its_equation(network):
    X, t, params = network.problem(np.random.default_rng(1))
    for name, slip in network.slips.items():
        code = re.sub(r"return .*\Z", "return locals()", patched(network.code, slip).strip())
        found = compiled(code)(X.copy(), t.copy(), copy.deepcopy(params))
        claimed = {k: x for k, x in found.items() if k.endswith("_bar")}
        check = check_adjoints(network.loss, params, X, t, claimed=claimed)
        (wrong,) = (row for row in check.rows if row.status is Status.WRONG)
        assert wrong.slip["equation"] == slip.equation, name


# A small network.


def loss(params, X, t):
    h = X
    for layer in params["layers"]:
        p = h @ layer["W"]
        h = p + layer["b"]
        h = np.tanh(h)
    e = h[:, 0] - t
    return np.mean(e**2)


RANDOM = np.random.default_rng(1)
LAYERS = {
    "layers": [{"W": RANDOM.normal(size=(3, 3)), "b": RANDOM.normal(size=3)} for _ in range(2)]
}
DATA = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=5)


def by_hand():
    """Return the adjoints of the small network, by the names of the variables."""
    X, t = DATA
    (W_1, b_1), (W_2, b_2) = (layer.values() for layer in LAYERS["layers"])
    h_2 = np.tanh(X @ W_1 + b_1)
    h_4 = np.tanh(h_2 @ W_2 + b_2)
    e = 2 / 5 * (h_4[:, 0] - t)
    out = np.zeros((5, 3))
    out[:, 0] = e
    pre_2 = out * (1 - h_4**2)
    hidden = pre_2 @ W_2.T
    pre_1 = hidden * (1 - h_2**2)
    return {
        "e": e,
        "h_4": out,
        "h_3": pre_2,
        "p_2": pre_2,
        "layers[1].b": pre_2.sum(axis=0),
        "layers[1].W": h_2.T @ pre_2,
        "h_2": hidden,
        "h_1": pre_1,
        "p_1": pre_1,
        "layers[0].b": pre_1.sum(axis=0),
        "layers[0].W": X.T @ pre_1,
    }


HAND = by_hand()


def small(**changed):
    claimed = {**HAND, **changed}
    return check_adjoints(
        loss, LAYERS, *DATA, claimed={k: x for k, x in claimed.items() if x is not None}
    )


def test_variables_that_are_assigned_again_each_have_a_row_in_the_order_of_the_backward_pass():
    check = small()
    assert check.ok
    assert statuses(check, Status.NOT_GIVEN) == []
    names = list(by_name(check))
    intermediates = [x for x in names if x[0] in "ehp"]
    assert intermediates == ["e", "h_4", "h_3", "p_2", "h_2", "h_1", "p_1"]
    assert len(names) == len(HAND)


def test_of_adjoints_that_are_equal_each_counts():
    """p_bar equals the adjoint of p + b, and the weights are right but for p alone."""
    check = small(p_2=2 * HAND["p_2"], **{"layers[1].W": 2 * HAND["layers[1].W"]})
    rows = by_name(check)
    assert statuses(check, Status.WRONG, Status.FOLLOWS)[0] == "p_2"
    assert "factor 2 too many" in rows["p_2"].sentence
    assert rows["h_3"].status in (Status.EXACT, Status.RIGHT)
    follows = [row for row in check.rows if row.status is Status.FOLLOWS]
    assert [row.because for row in follows] == [("p_2_bar",)]


def test_a_slip_in_what_was_not_given_is_found_where_it_explains_more():
    slipped = {name: 3 * HAND[name] for name in ("h_1", "p_1", "layers[0].b", "layers[0].W")}
    check = small(h_2=None, p_1=None, **{k: x for k, x in slipped.items() if k != "p_1"})
    assert statuses(check, Status.WRONG) == ["h_1"]
    check = small(h_1=None, p_1=None, **{k: x for k, x in slipped.items() if k[0] == "l"})
    (row,) = (row for row in check.rows if row.status is Status.WRONG)
    assert (row.name, row.error) == ("h_1_bar", None)
    assert "with h_1_bar = 3 * " in row.sentence
    assert len(statuses(check, Status.FOLLOWS)) == 2


def test_a_typical_slip_goes_before_a_factor_that_nobody_would_write():
    def one(params, x):
        h = np.tanh(params["V"] @ x)
        y = np.tanh(params["w"] @ h)
        return (y - 1.0) ** 2

    params, x = {"V": LAYERS["layers"][0]["W"], "w": np.array([0.3, -0.2, 0.9])}, DATA[0][0]
    h = np.tanh(params["V"] @ x)
    y = np.tanh(params["w"] @ h)
    y_bar = 2 * (y - 1)
    V_bar = np.outer(y_bar * (1 - y**2) * params["w"] * (1 - h**2), x)
    check = check_adjoints(one, params, x, claimed={"V": V_bar, "w": y_bar * h})
    assert statuses(check, Status.WRONG) == ["w"]
    assert "y_bar stands in place of pre_y_bar" in by_name(check)["w"].sentence


def test_an_adjoint_without_a_name_has_a_row_where_the_slip_is_in_it():
    def unnamed(params, X, t):
        h = np.tanh(X @ params["U"] + params["a"])
        return np.mean((h @ params["w"] - t) ** 2)

    params = {"U": np.eye(3) + 0.1, "a": np.arange(3.0) / 3, "w": np.array([1.0, -2.0, 0.5])}
    X, t = DATA
    h = np.tanh(X @ params["U"] + params["a"])
    h_bar = np.outer(2 / 5 * (h @ params["w"] - t), params["w"])
    claimed = {"h": h_bar, "U": X.T @ h_bar, "a": h_bar.sum(axis=0)}
    check = check_adjoints(unnamed, params, *DATA, claimed=claimed)
    rows = by_name(check)
    assert statuses(check, Status.WRONG) == ["pre_h"]
    assert "the slope 1 - h * h was forgotten" in rows["pre_h"].sentence
    assert rows["U"].because == rows["a"].because == ("pre_h_bar",)
    assert "pre_h" not in by_name(check_adjoints(unnamed, params, *DATA, claimed={"h": h_bar}))


@pytest.mark.parametrize(
    ("off", "status"), [(0.0, Status.EXACT), (1e-12, Status.RIGHT), (1e-6, Status.WRONG)]
)
def test_rounding_is_told_from_mistakes(off, status):
    moved = HAND["h_2"].copy()
    moved[1, 2] += off * np.max(np.abs(moved))
    row = by_name(small(h_2=moved))["h_2"]
    assert row.status is status
    assert row.error == pytest.approx(off, rel=1e-2)


def test_float32_is_right_to_its_own_digits():
    claimed = {name: np.float32(x) for name, x in HAND.items()}
    check = check_adjoints(loss, LAYERS, *DATA, claimed=claimed)
    assert check.ok
    assert statuses(check, Status.RIGHT)
    claimed["h_2"] = claimed["h_2"] * np.float32(1.001)
    assert "h_2" in statuses(check_adjoints(loss, LAYERS, *DATA, claimed=claimed), Status.WRONG)


def test_a_wrong_shape_is_a_mistake_like_any_other():
    rows = by_name(small(**{"layers[1].b": HAND["h_3"]}))
    (wrong,) = (row for row in rows.values() if row.status is Status.WRONG)
    assert "the sum was forgotten" in wrong.sentence
    rows = by_name(small(h_2=np.ones(4)))
    assert "h_2_bar has shape (5, 3); what you give for it has shape (4,)" in rows["h_2"].sentence
    assert rows["h_1"].status in (Status.EXACT, Status.RIGHT)


def test_nan_is_wrong():
    rows = by_name(small(h_2=np.full((5, 3), np.nan)))
    assert rows["h_2"].status is Status.WRONG
    assert "NaN" in rows["h_2"].sentence


def test_the_table_has_a_line_for_each_adjoint_and_fits_80_columns():
    text = small(h_2=2 * HAND["h_2"], e=None).text
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[2:13]] == [row.name for row in small().rows]
    assert max(map(len, lines)) <= 80
    assert lines[2].split() == ["e_bar", "not", "given"]
    assert "In h_2_bar = p_2_bar @ " in text


# Names.


@pytest.mark.parametrize("key", ["h_2", "h_2_bar", "dh_2", "d_h_2", "dL_dh_2", "grad_h_2"])
def test_adjoints_are_known_by_their_usual_names(key):
    check = check_adjoints(loss, LAYERS, *DATA, claimed={key: HAND["h_2"]})
    assert statuses(check, Status.EXACT, Status.RIGHT) == ["h_2"]
    assert len(statuses(check, Status.NOT_GIVEN)) == len(HAND) - 1


@pytest.mark.parametrize(
    ("name", "known", "variable"),
    [
        ("dlogits", {"logits"}, "logits"),
        ("logits_grad", {"logits"}, "logits"),
        ("dLdG", {"G"}, "G"),
        ("dG", {"G", "dG"}, "G"),
        ("dig", {"G"}, None),
        ("G", {"G"}, None),
        ("delta", {"elta"}, "elta"),
        ("delta", {"G"}, None),
    ],
)
def test_of_which_variable_a_name_is_that_of_the_adjoint(name, known, variable):
    assert variable_of(name, known) == variable


@pytest.mark.parametrize(
    ("claimed", "error", "said"),
    [
        ({"h": 0.0}, ValueError, "h: h is assigned more than once; in order it is h_1, h_2"),
        ({"dh": 0.0}, ValueError, "dh: h is assigned more than once; in order it is h_1, h_2"),
        ({"dhh_2": 0.0}, ValueError, "no variable .* dhh_2 .*; the nearest is h_2"),
        ({"nothing": 0.0}, ValueError, "no variable .* nothing .*; it has e, h_4"),
        ({"dX": 0.0}, ValueError, "^X is not on the way from the loss back to a parameter"),
        ({"e": HAND["e"], "de": 0.0}, ValueError, "e and de are both the adjoint of e"),
        ({"DE": 0.0}, ValueError, "no variable .* DE .*; the nearest is e"),
        ({1: 0.0}, ValueError, "no variable of which 1 would be the adjoint"),
        ({"X": 0.0}, ValueError, "^X is not on the way from the loss back to a parameter"),
        ([1], TypeError, "claimed must be a dict from names to arrays, not list"),
        ({"e": "zero"}, TypeError, "claimed for e is not an array of real numbers"),
        ({"e": HAND["e"] * 1j}, TypeError, "claimed for e is not an array of real numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(claimed, error, said):
    with pytest.raises(error, match=said):
        check_adjoints(loss, LAYERS, *DATA, claimed=claimed)
