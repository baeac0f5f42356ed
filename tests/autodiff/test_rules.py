"""Every rule of every primitive against derivatives of the definition in plain NumPy."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import central_differences
from rule_checks import check_rules
from samples import ALL, DEFINITIONS, MORE, PRIMITIVES, SAMPLES, Sample

import autodiff
from autodiff import Value, gradients
from autodiff.graph import Primitive

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in log")


def test_every_primitive_has_samples_and_a_definition() -> None:
    assert set(SAMPLES) == set(DEFINITIONS) == set(PRIMITIVES)
    assert all(primitive.name == name for name, primitive in ALL.items())
    assert all(SAMPLES.values())


@pytest.mark.parametrize("name", SAMPLES)
def test_rules_agree_with_complex_step(name: str) -> None:
    check_rules(name)


@pytest.mark.parametrize("name", SAMPLES)
def test_rules_agree_with_central_differences(name: str) -> None:
    check_rules(name, central_differences, 1e-9)


@pytest.mark.parametrize("name", SAMPLES)
def test_an_adjoint_of_one_operand_does_not_depend_on_the_others_being_values(name: str) -> None:
    for sample in SAMPLES[name]:
        values = [Value(x) for x in sample.operands]
        out = PRIMITIVES[name](*values, **sample.parameters)
        seed = np.ones(out.shape)
        for i, expected in enumerate(gradients(out, values, seed)):
            operands = list(sample.operands)
            operands[i] = value = Value(operands[i])
            alone = PRIMITIVES[name](*operands, **sample.parameters)
            np.testing.assert_array_equal(gradients(alone, value, seed), expected)


@pytest.mark.parametrize("name", SAMPLES)
def test_float32_is_kept(name: str) -> None:
    for sample in SAMPLES[name]:
        single = [Value(np.float32(x)) for x in sample.operands]
        double = [Value(x.data.astype(np.float64)) for x in single]
        parameters = sample.parameters | ({"dtype": np.float32} if name == "cast" else {})
        out = PRIMITIVES[name](*single, **parameters)
        exact = PRIMITIVES[name](*double, **sample.parameters)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out.data, exact.data, rtol=1e-5, atol=1e-5)
        seed = np.ones(out.shape)
        pairs = zip(gradients(out, single, seed), gradients(exact, double, seed))
        for i, (got, expected) in enumerate(pairs):
            if i not in sample.without:
                assert got.dtype == np.float32
                np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-5)


def check_dot_product(
    name: str, operands: tuple[Any, ...], parameters: dict[str, Any], rng: np.random.Generator
) -> None:
    """Check <seed, J v> = <vjp(seed), v> for a random seed and a random direction v."""
    directions = [rng.normal(size=np.shape(x)) for x in operands]
    values = [Value(x) for x in operands]
    out = PRIMITIVES[name](*values, **parameters)
    seed = rng.normal(size=out.shape)
    moved = [x + 1e-30j * v for x, v in zip(operands, directions)]
    pushed = np.imag(DEFINITIONS[name](*moved, **parameters)) / 1e-30
    assert pushed.shape == out.shape
    terms = [np.vdot(g, v) for g, v in zip(gradients(out, values, seed), directions)]
    scale = 1 + np.abs(seed * pushed).sum() + np.abs(terms).sum()
    assert abs(np.vdot(seed, pushed) - sum(terms)) <= 1e-13 * scale


OTHERS = {"where", "outer", "matmul", "sign", "logistic_cross_entropy"}  # sampled above
OTHERS |= {name for name, x in MORE.items() if not isinstance(x.function, np.ufunc)}
BROADCASTING = [
    name
    for name in SAMPLES
    if name not in OTHERS and all(not sample.parameters for sample in SAMPLES[name])
]
DOMAINS = {
    "log": (0.1, 9),
    "log1p": (-0.9, 9),
    "sqrt": (0.1, 9),
    "divide": (0.1, 9),
    "power": (0.1, 4),
    **dict.fromkeys(("log2", "log10", "remainder", "fmod"), (0.1, 9)),
    **dict.fromkeys(("tan", "arcsin", "arccos", "arctanh"), (-0.9, 0.9)),
    "arccosh": (1.1, 9),
}


@pytest.mark.parametrize("name", BROADCASTING)
@given(data=st.data())
def test_dot_product_for_any_broadcast(name: str, data: st.DataObject) -> None:
    count = len(SAMPLES[name][0].operands)
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=4)
    ).input_shapes
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    operands = tuple(rng.uniform(*DOMAINS.get(name, (-4, 4)), size=shape) for shape in shapes)
    check_dot_product(name, operands, {}, rng)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp"])
@given(data=st.data())
def test_dot_product_for_any_reduction(name: str, data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, max_side=4))
    axes = hnp.valid_tuple_axes(len(shape))
    if shape:
        axes |= st.integers(-len(shape), len(shape) - 1)
    axis = data.draw(st.none() | axes)
    keepdims = data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    operands = (rng.normal(size=shape),)
    check_dot_product(name, operands, {"axis": axis, "keepdims": keepdims}, rng)


@given(data=st.data())
def test_dot_product_for_any_matrix_product(data: st.DataObject) -> None:
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=4)
    ).input_shapes
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    check_dot_product("matmul", tuple(rng.normal(size=s) for s in shapes), {}, rng)


@given(data=st.data())
def test_dot_product_for_any_index(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=4))
    index = data.draw(
        hnp.basic_indices(shape, allow_newaxis=True)
        | hnp.integer_array_indices(shape)
        | hnp.arrays(bool, shape)
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=shape)
    value = Value(x)
    out = value[index]
    np.testing.assert_array_equal(out.data, x[index])
    seed = rng.normal(size=out.shape)
    expected = np.zeros(shape)
    np.add.at(expected, index, seed)
    np.testing.assert_allclose(gradients(out, value, seed), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_rule_that_gives_a_wrong_shape_is_an_error(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    primitive = PRIMITIVES[name]
    sample = next(x for x in SAMPLES[name] if np.shape(x.operands[0])[-1:] > (1,))
    monkeypatch.setattr(primitive, "rules", [(0, lambda g, *_, **__: np.ones((7, 5, 9)))])
    values = [Value(x, name="culprit") for x in sample.operands]
    out = primitive(*values, **sample.parameters)
    shape = re.escape(str(values[0].shape))
    message = rf"rule of {name} gave 'culprit' of shape {shape}.*shape \(7, 5, 9\)"
    with pytest.raises(ValueError, match=message):
        gradients(out, values[0], np.ones(out.shape))


def test_a_legal_broadcast_is_told_from_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Summing a surplus axis would give `tanh` a gradient of the right shape and a wrong value."""
    monkeypatch.setattr(PRIMITIVES["tanh"], "rules", [(0, lambda g, out, x: np.stack([g, g]))])
    x = Value([1.0, 2.0], name="x")
    with pytest.raises(ValueError, match=r"rule of tanh gave 'x' of shape \(2,\).*\(2, 2\)"):
        PRIMITIVES["tanh"](x).backward([1.0, 1.0])


def test_samples_reach_every_parameter() -> None:
    for name, samples in SAMPLES.items():
        used = {key for sample in samples for key in sample.parameters}
        assert all(set(sample.parameters) == used for sample in samples), name


def test_a_sample_that_is_excepted_is_excepted_for_a_reason() -> None:
    """Only the exponent of a negative base has no derivative."""
    for name, samples in SAMPLES.items():
        for sample in samples:
            if sample.without:
                assert name == "power"
                assert isinstance(sample, Sample)
                assert sample.without == (1,)
                assert np.min(sample.operands[0]) < 0


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_rules_work_on_values(name: str) -> None:
    """Run on Values, a rule gives a Value with the numbers that it gives on arrays."""
    primitive = PRIMITIVES[name]
    for k, sample in enumerate(SAMPLES[name]):
        values = [Value(x) for x in sample.operands]
        out = primitive(*values, **sample.parameters)
        g = Value(np.random.default_rng(k).normal(size=out.shape))
        for _, rule in primitive.rules or primitive.rules_for(values):
            recorded = rule(g, out, *values, **sample.parameters)
            inputs = [np.float64(v.data) if not v.ndim else np.array(v.data) for v in values]
            plain = rule(np.array(g.data), np.array(out.data), *inputs, **sample.parameters)
            assert isinstance(recorded, Value)
            np.testing.assert_allclose(recorded.data, plain, rtol=1e-13, atol=1e-15)


def test_the_mixed_derivatives_of_power_agree_where_an_exponent_is_zero() -> None:
    a, b = Value(4.0), Value(0.0)
    out = a**b
    of_a, of_b = (rule(1.0, out, a, b) for _, rule in PRIMITIVES["power"].rules)
    assert gradients(of_a, b) == pytest.approx(0.25)
    assert gradients(of_b, a) == pytest.approx(0.25)


def test_a_rule_that_is_missing_or_has_parameters_works_on_numbers() -> None:
    scaled = Primitive(
        "scaled",
        lambda a, b, factor: factor * a * b,
        lambda g, out, a, b, factor: g * factor * b,
        None,
    )
    a, b = Value(1.0), Value(2.0)
    scaled(a, b, factor=3.0).backward()
    assert (a.grad, b.grad) == (6.0, 0.0)


def test_softmax_keeps_its_digits_at_large_logits() -> None:
    x = np.array([1e6 + 0.5, 1e6 + 1.25])
    expected = autodiff.softmax(x - 1e6)
    np.testing.assert_allclose(autodiff.softmax(x), expected, rtol=4e-16)
    np.testing.assert_allclose(autodiff.grad(autodiff.logsumexp)(x), expected, rtol=4e-16)
    np.testing.assert_allclose(autodiff.log_softmax(x), autodiff.log_softmax(x - 1e6), rtol=4e-16)
