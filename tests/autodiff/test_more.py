"""NumPy's functions that record by way of `autodiff.more`, against NumPy and differences of it."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracles import central_differences
from places import ROOT
from samples import apart, inside, matrices, normal, positive

import autodiff
from autodiff import Value, check_gradient, compile, derivation, grad, gradients, more, source
from autodiff.functions import FUNCTIONS, UFUNCS
from autodiff.more import special

Case = tuple[Callable[..., Any], tuple[Any, ...]]

M, S = matrices(3, 3), matrices(3, 3, symmetric=True)
V, A, B = normal(3), normal(2, 3), normal(3, 4)
T = normal(2, 3, 4)
WITH_ZEROS = np.array([[0.5, 0.0, 2.0], [0.0, 0.0, -1.5]])

CASES: dict[str, Case] = {
    "mod": (np.mod, (np.array([0.5, 2.5, -1.5]), 2.0)),
    "float_power": (np.float_power, (positive(3), normal(3))),
    "radians": (np.radians, (V,)),
    "degrees": (np.degrees, (V,)),
    "positive": (np.positive, (V,)),
    "real": (np.real, (V,)),
    "conjugate": (np.conj, (V,)),
    "sinc": (np.sinc, (np.array([-2.3, -0.2, 0.0, 1e-4, 0.3183, 0.3184, 7.5]),)),
    "cumsum": (np.cumsum, (T,)),
    "cumsum along": (lambda x: np.cumsum(x, axis=1), (T,)),
    "cumprod": (np.cumprod, (A,)),
    "cumprod along": (lambda x: np.cumprod(x, axis=-1), (T,)),
    "cumprod with zeros": (lambda x: np.cumprod(x, axis=1), (WITH_ZEROS,)),
    "prod": (np.prod, (A,)),
    "prod along": (lambda x: np.prod(x, axis=(0, 2), keepdims=True), (T,)),
    "prod with zeros": (lambda x: np.prod(x, axis=1), (WITH_ZEROS,)),
    "prod of one": (lambda x: np.prod(x, axis=0), (normal(1, 3),)),
    "std": (np.std, (A,)),
    "std along": (lambda x: np.std(x, axis=1, ddof=1, keepdims=True), (A,)),
    "ptp": (np.ptp, (apart(2, 3),)),
    "det of each": (np.linalg.det, (normal(2, 3, 3),)),
    **{f"pinv {x.shape}": (np.linalg.pinv, (x,)) for x in (normal(3, 2), normal(2, 3))},
    "norm": (np.linalg.norm, (A,)),
    "norm along": (lambda x: np.linalg.norm(x, axis=0, keepdims=True), (A,)),
    "norm 1": (lambda x: np.linalg.norm(x, 1, axis=1), (A,)),
    "norm 3": (lambda x: np.linalg.norm(x, 3), (V,)),
    "norm inf": (lambda x: np.linalg.norm(x, np.inf), (apart(3),)),
    "norm of columns": (lambda x: np.linalg.norm(x, 1), (A,)),
    **{
        f"norm {ord} of matrices": (
            lambda x, ord=ord: np.linalg.norm(x, ord, axis=(0, 2), keepdims=True),
            (normal(3, 2, 4),),
        )
        for ord in ("nuc", 2, -2)
    },
    "norm of rows": (lambda x: np.linalg.norm(x, np.inf, axis=(1, 2)), (T,)),
    "norm of columns from behind": (lambda x: np.linalg.norm(x, 1, axis=(0, -1)), (T,)),
    "repeat of a number": (lambda x: np.repeat(x, 2), (np.array(0.7),)),
    "repeat": (lambda x: np.repeat(x, 2), (A,)),
    "repeat along": (lambda x: np.repeat(x, [1, 0, 2], axis=1), (A,)),
    "repeat unevenly": (lambda x: np.repeat(x, [2, 0, 1], 0), (V,)),
    "resize": (lambda x: np.resize(x, (3, 3)), (A,)),
    "delete": (lambda x: np.delete(x, [0, 2], axis=-1), (T,)),
    "compress": (lambda x: np.compress([True, False, True], x, axis=1), (A,)),
    "extract": (lambda x: np.extract(np.eye(2, 3), x), (A,)),
    "append": (lambda x, y: np.append(x, y, axis=0), (A, normal(1, 3))),
    "append all": (np.append, (A, V)),
    "select": (lambda x, y: np.select([A > 0.5, A > 0.0], [x, y], 2.0), (A, T[:, :, :3][:, :1, 0])),
    "nan_to_num": (lambda x: np.nan_to_num(x + np.array([0.0, np.nan, np.inf]), posinf=3.0), (V,)),
    "take_along_axis": (
        lambda x: np.take_along_axis(x, np.array([[2, 0], [1, 1]]), axis=1),
        (A,),
    ),
    "take_along_axis, broadcast": (
        lambda x: np.take_along_axis(x, np.array([[[1], [1]]]), 1),
        (T,),
    ),
    "tile": (lambda x: np.tile(x, 3), (A,)),
    "tile over": (lambda x: np.tile(x, (2, 1, 2)), (A,)),
    "tile of a number": (lambda x: np.tile(x, (2, 2)), (normal(),)),
    "roll": (lambda x: np.roll(x, 2), (A,)),
    "roll along": (lambda x: np.roll(x, (1, -2), axis=(0, 1)), (A,)),
    "flip": (np.flip, (A,)),
    "flipud": (np.flipud, (A,)),
    "fliplr": (np.fliplr, (A,)),
    **{f"rot90 {k}": (lambda x, k=k: np.rot90(x, k), (A,)) for k in range(-1, 5)},
    "rot90 in axes": (lambda x: np.rot90(x, 1, (2, 0)), (T,)),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), (T,)),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1), (T,)),
    "rollaxis forward": (lambda x: np.rollaxis(x, 0, 3), (T,)),
    "swapaxes": (lambda x: np.swapaxes(x, 0, 2), (T,)),
    "split": (lambda x: np.split(x, 3, axis=1)[1], (A,)),
    "split at": (lambda x: np.split(x, [1, 3], axis=-1)[1], (T,)),
    "array_split": (lambda x: np.array_split(x, 2, axis=1)[0], (A,)),
    "array_split unevenly": (lambda x: np.array_split(x, [3, 1], axis=2)[1], (T,)),
    "hsplit": (lambda x: np.hsplit(x, [1])[1], (A,)),
    "vsplit": (lambda x: np.vsplit(x, 2)[1], (A,)),
    "dsplit": (lambda x: np.dsplit(x, 2)[0], (T,)),
    "pad": (lambda x: np.pad(x, ((1, 0), (0, 2))), (A,)),
    "pad with a number": (lambda x: np.pad(x, 1, constant_values=2.0), (A,)),
    "pad edge": (lambda x: np.pad(x, 2, "edge"), (A,)),
    "pad reflect": (lambda x: np.pad(x, 1, mode="reflect"), (A,)),
    "pad wrap": (lambda x: np.pad(x, 1, mode="wrap"), (A,)),
    "take": (lambda x: np.take(x, [2, 0, 2], axis=1), (A,)),
    "vstack": (lambda x, y: np.vstack([x, y]), (A, V)),
    "hstack": (lambda x, y: np.hstack([x, y, 2.0]), (V, V)),
    "hstack of matrices": (lambda x: np.hstack([x, x]), (A,)),
    "column_stack": (lambda x, y: np.column_stack([x, y]), (V, normal(3, 2))),
    "stack": (lambda x: np.stack([x, 2.0 * x]), (A,)),
    **{f"atleast_{n}d": (getattr(np, f"atleast_{n}d"), (V,)) for n in (1, 2, 3)},
    "atleast_3d of a number": (np.atleast_3d, (normal(),)),
    "atleast_3d of a matrix": (np.atleast_3d, (A,)),
    "diff": (np.diff, (A,)),
    "diff twice": (lambda x: np.diff(x, 2, axis=0), (normal(4, 2),)),
    "gradient": (np.gradient, (normal(5),)),
    "gradient along": (lambda x: np.gradient(x, 0.5, axis=1), (T,)),
    "gradient along axes": (lambda x: np.gradient(x, 0.5, 2.0, axis=(2, 0))[1], (T,)),
    "linspace": (lambda x, y: np.linspace(x, y, 5), (1.0, 3.0)),
    "linspace of arrays": (lambda x: np.linspace(0.0, x, 3), (V,)),
    "sort": (np.sort, (apart(2, 3),)),
    "sort all": (lambda x: np.sort(x, axis=None), (apart(2, 3),)),
    "partition": (lambda x: np.partition(x, 2, axis=0), (apart(5, 2),)),
    "partition at a list": (lambda x: np.partition(x, [1]), (apart(5),)),
    "diag of a vector": (lambda x: np.diag(x, 1), (V,)),
    "diag of a matrix": (lambda x: np.diag(x, -1), (A,)),
    "diagonal": (lambda x: np.diagonal(x, 1, 0, 2), (T,)),
    "trace": (lambda x: np.trace(x, axis1=2, axis2=1), (T,)),
    "tril": (lambda x: np.tril(x, -1), (T,)),
    "triu": (np.triu, (A,)),
    "einsum without an arrow": (lambda x, y: np.einsum("ij,jk", x, y), (A, B)),
    "einsum of a trace": (lambda x: np.einsum("ii", x), (M,)),
    "einsum of a diagonal": (lambda x: np.einsum("ii->i", x), (M,)),
    "einsum with dots": (lambda x, y: np.einsum("...ij,...jk->...ik", x, y), (T, normal(4, 3))),
    "einsum that broadcasts": (lambda x, y: np.einsum("ij,ij->i", x, y), (A, normal(1, 3))),
    "einsum that drops": (lambda x, y: np.einsum("ij,k->i", x, y), (A, V)),
    "einsum of lists": (lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), (A, B)),
    "einsum of lists with dots": (lambda x, y: np.einsum(x, [..., 5], y, [5]), (T, normal(4))),
    "tensordot": (lambda x, y: np.tensordot(x, y, 1), (T, normal(4, 2))),
    "tensordot over axes": (
        lambda x, y: np.tensordot(x, y, ([2, 0], [0, 2])),
        (T, normal(4, 5, 2)),
    ),
    "tensordot over all": (np.tensordot, (A, A + 1.0)),
    "inner": (np.inner, (A, T[:, :, :3] if T.shape[2] == 3 else normal(4, 3))),
    "inner of numbers": (np.inner, (normal(), A)),
    "dot of stacks": (np.dot, (A, normal(2, 3, 4))),
    "vdot": (np.vdot, (A, A + 1.0)),
    "kron": (np.kron, (A, normal(2, 2))),
    "kron of unlike": (np.kron, (V, A)),
    "cross": (np.cross, (A, normal(2, 3, seed=1))),
    "cross along": (lambda x, y: np.cross(x, y, axis=0), (normal(3, 2), normal(3, 2, seed=1))),
    "cross with a list": (lambda x: np.cross(x, [1.0, 2.0, 3.0]), (V,)),
    "cross of axes": (
        lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0),
        (normal(3, 2), normal(2, 3, seed=1)),
    ),
    "solve of a vector": (np.linalg.solve, (M, V)),
    "solve for a list": (lambda x: np.linalg.solve(x, [1.0, 2.0, 3.0]), (M,)),
    "eigenvalues, l": (lambda x: np.linalg.eigvalsh(x + np.triu(x, 1), "l"), (S,)),
    "norm 1, axes from the end": (lambda x: np.linalg.norm(x, 1, (-1, 0)), (A,)),
    "norm -inf": (lambda x: np.linalg.norm(x, -np.inf, (2, 0), keepdims=True), (T,)),
    "slogdet": (lambda x: np.linalg.slogdet(x)[1], (M,)),
    "svd": (lambda x: np.linalg.svd(x, full_matrices=False)[0] ** 2, (matrices(4, 3),)),
    "svd of a square": (lambda x: np.linalg.svd(x)[2], (M,)),
    "singular values": (lambda x: np.linalg.svd(x, compute_uv=False), (A,)),
    "eigh of the upper triangle": (lambda x: np.linalg.eigh(x, "U")[1] ** 2, (S,)),
    "slogdet, both": (lambda x: np.prod(np.stack(np.linalg.slogdet(x))), (M,)),
    "eigh": (lambda x: np.linalg.eigh(x)[0], (S,)),
    "cholesky of a symmetric matrix": (np.linalg.cholesky, (S,)),
    "cholesky, upper": (lambda x: np.linalg.cholesky(x + x.T + 9.0 * np.eye(3), upper=True), (M,)),
    "cholesky": (lambda x: np.linalg.cholesky(x @ x.T), (M,)),
}


def used(case: Case) -> Callable[..., Any]:
    """Return a function of one number with all results of a case in it, each another weight."""
    function, operands = case
    size = np.shape(function(*operands))
    weights = np.cos(0.3 + np.arange(np.prod(size, dtype=int))).reshape(size)
    return lambda *xs: autodiff.sum(weights * function(*xs))


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_are_numpys(name: str) -> None:
    function, operands = CASES[name]
    values = [Value(x) for x in operands]
    out, expected = function(*values), function(*operands)
    assert isinstance(out, Value)
    np.testing.assert_allclose(out.data, expected, rtol=1e-13, atol=1e-14)
    seed = np.random.default_rng(1).normal(size=out.shape)
    for i, got in enumerate(gradients(out, values, seed)):
        slopes = np.tensordot(seed, central_differences(function, operands, i), out.ndim)
        np.testing.assert_allclose(got, slopes, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_float32_and_all_readings(name: str) -> None:
    f, operands = used(CASES[name]), CASES[name][1]
    args = [np.asarray(x, float) for x in operands]
    every = tuple(range(len(args)))

    def slope(xs: Any) -> Any:
        found = grad(lambda *ys: f(*ys) ** 2, every)(*xs)
        return sum(
            autodiff.sum(g * np.cos(1.0 + np.arange(g.size)).reshape(g.shape)) for g in found
        )

    assert check_gradient(slope, args)
    expected = grad(f, every)(*args)
    single = grad(f, every)(*[np.float32(x) for x in args])
    for got, wanted in zip(single, expected, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)
    for got, wanted in zip(compile(f, argnums=every)(*args)[1], expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)
    for form in ("arrays", "loops"):
        names: dict[str, Any] = {}
        exec(source(f, *args, argnums=every, form=form), names)
        found = next(x for key, x in names.items() if key.endswith("_and_gradient"))(*args)[1]
        for got, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)
    text = derivation(f, *args, argnums=every).text
    assert "np." not in text.replace("np.arange", "")


PLAIN: list[Callable[..., Any]] = [
    *(np.floor, np.ceil, np.rint, np.trunc, np.isnan, np.isfinite, np.isinf, np.signbit, np.fix),
    *(np.round, np.argmax, np.argmin, np.argsort, np.count_nonzero, np.any, np.all, np.shape),
    *(np.ndim, np.size, np.zeros_like, np.ones_like, np.iscomplexobj),
    *(lambda x: np.round(x, 1), lambda x: np.argmax(x, axis=1), lambda x: np.allclose(x, x)),
    *(lambda x: np.isclose(x, 0.0), lambda x: np.array_equal(x, x), lambda x: x // 0.3),
    *(lambda x: np.searchsorted(np.arange(3.0), x), lambda x: np.full_like(x, 2.0)),
]


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")  # from NumPy 2.5 on
@pytest.mark.parametrize("function", PLAIN)
def test_what_has_no_derivative_is_plain(function: Callable[..., Any]) -> None:
    x = normal(2, 3)
    got, expected = function(Value(x)), function(x)
    assert not isinstance(got, Value)
    assert np.asarray(got).dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(got, expected)


def test_what_has_no_derivative_is_computed_again_by_what_is_compiled() -> None:
    def f(x: Any) -> Any:
        return autodiff.sum((x - np.round(x, 1)) ** 2 * (1.0 - np.any(np.isnan(x), 0)))

    run = compile(f)
    for x in (np.array([0.25, 1.5]), np.array([-3.25, 7.75])):
        np.testing.assert_allclose(run(x)[1], grad(f)(x), rtol=1e-15)


def test_arrays_of_values() -> None:
    a, b = Value(2.0), Value([1.0, 3.0])
    made = autodiff.array([[a, 1.0], [0.5, a * a]])
    np.testing.assert_array_equal(made.data, [[2.0, 1.0], [0.5, 4.0]])
    assert gradients(autodiff.sum(made * np.array([[1.0, 2.0], [3.0, 5.0]])), a) == 1 + 5 * 4
    assert autodiff.array([b, b]).shape == (2, 2)
    assert autodiff.array([[1, 2]]).dtype == int
    with pytest.raises(TypeError, match=r"autodiff\.array makes one Value"):
        np.array([a, a])


def test_methods_are_those_of_numpy_and_of_habit() -> None:
    x = positive(2, 3)
    for name in ("tanh", "exp", "log", "std", "prod", "cumsum", "argmax", "any", "round", "sort"):
        expected = getattr(x, name, lambda name=name: getattr(np, name)(x))()
        if name == "sort":
            expected = np.sort(x)
        got = getattr(Value(x), name)()
        np.testing.assert_allclose(getattr(got, "data", got), expected, rtol=1e-14)
    assert Value(2.0).item() == 2.0
    assert Value(x).flatten().shape == (6,)
    assert (Value(7.5) % 2.0).data == 1.5
    assert (7.5 % Value(2.0)).data == 1.5
    assert round(Value(1.25), 1) == 1.2
    with pytest.raises(TypeError, match="out of the graph"):
        grad(lambda v: v.item())(2.0)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        *[("detach", ".data"), ("numpy", ".data"), ("requires_grad", "every Value")],
        *[("at", "where"), ("unsqueeze", "expand_dims"), ("_prev", ".parents")],
    ],
)
def test_habits_of_other_libraries_are_answered(name: str, word: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; .*{word}"):
        getattr(Value(1.0), name)
    assert not hasattr(Value(1.0), "nonsense")


@pytest.mark.parametrize(
    ("function", "operands", "message"),
    [
        (np.linalg.inv, (np.zeros((2, 2)),), "inv: operand 1 of shape .2, 2.: Singular matrix"),
        (np.linalg.cholesky, (-np.eye(2),), "cholesky: .* not positive definite"),
        (lambda x: np.linalg.norm(x, "fro"), (np.ones(2),), "norm: ord='fro' of 1 axes has no"),
        (lambda x: np.linalg.pinv(x, rcond=0.1), (np.eye(2),), r"pinv of a Value takes \(x\)"),
        (lambda x: np.diff(x, axis=1), (np.ones(2),), "axis 1 is out of bounds"),
        (lambda x: np.take(x, 0, 1), (np.ones(2),), "axis 1 is out of bounds"),
        (lambda x: np.take_along_axis(x, np.array([0]), 1), (np.eye(2),), "as many axes"),
        (lambda x: np.rot90(x, 2, (0, 0)), (np.eye(2),), "Axes must be different"),
        (lambda x: np.pad(x, 1, "reflect", reflect_type="odd"), (np.eye(2),), "reflect_type="),
        (np.gradient, (np.ones(1),), "too small to calculate a numerical gradient"),
        (lambda x: np.select([x > 0], [x, x]), (np.ones(2),), "1 conditions, and 2 choices"),
        (np.diag, (1.0,), "must be 1- or 2-d"),
        (np.sort, (1.0,), "axis -1 is out of bounds"),
        (lambda x: np.roll(x, 1, 1), (np.ones(2),), "axis 1 is out of bounds"),
        (lambda x: np.linalg.norm(x, 0), (np.ones(2),), "norm: ord=0 .* no derivative rule"),
        (np.linalg.svd, (np.ones((2, 3)),), "svd: .* give full_matrices=False"),
        (np.linalg.svd, (np.ones(3),), "1-dimensional array given"),
        (lambda x: np.pad(x, 1, "mean"), (np.ones(2),), "mode='mean' has no derivative rule"),
        (lambda x: np.split(x, 2), (np.ones(3),), "split does not result in an equal division"),
        (lambda x: np.compress(x, x), (np.ones(2),), "compress: only what is picked from"),
        (
            lambda x: np.gradient(x, np.arange(3)),
            (np.ones(3),),
            "spacing along an axis is one number",
        ),
        (lambda x: np.take(x, [0], axis=1), (np.ones(2),), "axis 1 is out of bounds"),
        (lambda x: np.cross(x, x), (np.ones(2),), "vectors have three elements"),
        (lambda x: np.einsum("ij,jk", x), (np.eye(2),), "must be equal to the number of operands"),
        (lambda x: np.tensordot(x, x, 1), (np.ones((2, 3)),), "differ in length"),
    ],
)
def test_refusals_are_sentences(
    function: Callable[..., Any], operands: tuple[Any, ...], message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        function(*[Value(x) for x in operands])


SPECIAL = {
    **dict.fromkeys(("gamma", "gammaln", "psi"), positive),
    **dict.fromkeys(("erf", "erfc", "ndtr", "log_ndtr"), normal),
    "logit": lambda *shape: 0.5 + 0.5 * inside(*shape),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_functions_of_scipy(name: str) -> None:
    theirs = getattr(pytest.importorskip("scipy.special"), name)
    x = SPECIAL[name](3)
    v = Value(x)
    y = theirs(v)
    np.testing.assert_array_equal(y.data, theirs(x))
    expected = np.diagonal(central_differences(theirs, (x,), 0))
    np.testing.assert_allclose(gradients(y, v, np.ones(3)), expected, rtol=1e-8)

    def f(x: Any) -> Any:
        return autodiff.sum(theirs(x))

    assert check_gradient(lambda x: autodiff.sum(grad(f)(x) ** 2), x)
    np.testing.assert_allclose(compile(f)(x)[1], grad(f)(x), rtol=1e-14)
    with pytest.raises(ValueError, match="is not written as NumPy code"):
        source(f, x)


def test_densities_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    x, cov = normal(4), matrices(2, 2, symmetric=True)
    points = normal(4, 2)
    for ours, theirs, args in (
        (special.norm.logpdf, stats.norm.logpdf, (x, 0.3, 1.2)),
        (special.norm.pdf, stats.norm.pdf, (x, 0.3, 1.2)),
        (special.norm.cdf, stats.norm.cdf, (x, 0.3, 1.2)),
        (special.norm.logcdf, stats.norm.logcdf, (x, 0.3, 1.2)),
        (special.t.logpdf, stats.t.logpdf, (x, 3.0, 0.3, 1.2)),
        (special.t.pdf, stats.t.pdf, (x, 3.0)),
        (
            special.multivariate_normal.logpdf,
            stats.multivariate_normal.logpdf,
            (points, [1, 2], cov),
        ),
        (special.multivariate_normal.pdf, stats.multivariate_normal.pdf, (points[0], [1, 2], cov)),
    ):
        np.testing.assert_allclose(ours(*args), theirs(*args), rtol=1e-12)
        assert check_gradient(lambda p, f=ours, rest=args[1:]: autodiff.sum(f(p, *rest)), args[0])
    assert check_gradient(
        lambda c: special.multivariate_normal.logpdf(points[0], np.zeros(2), c), cov
    )


def test_it_is_loaded_when_it_is_first_used() -> None:
    program = (
        "import sys, numpy as np; from autodiff import Value, grad; v = Value([1.0, 2.0])\n"
        "np.sum(np.exp(v) @ v).backward(); assert 'autodiff.more' not in sys.modules\n"
        "np.tan(v); assert 'autodiff.more' in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_reference_names_what_records() -> None:
    page = (ROOT / "docs" / "reference" / "autodiff.md").read_text(encoding="utf-8")
    section = page.split("## More of NumPy")[1].split("##")[0]
    named = {*re.findall(r"`(\w+)`", section)} - {"norm", "t", "multivariate_normal"}
    of_scipy = set(re.findall(r"`(\w+)`", section.split("scipy.special`:")[1].split(";")[0]))
    assert of_scipy <= {*UFUNCS}
    kind = type(np.sum)
    ours = {theirs.__name__ for theirs in FUNCTIONS if isinstance(theirs, kind)} | {*UFUNCS}
    assert named - {"norm"} <= ours
    for name in vars(more):
        theirs = getattr(np, name, None)
        if isinstance(theirs, kind | np.ufunc) and not hasattr(autodiff, name):
            assert {name, getattr(theirs, "__name__", "")} & named or name in UNNAMED, name


UNNAMED = {"around", "deg2rad", "rad2deg", "empty_like", "full_like", "iscomplexobj"}
UNNAMED |= {"power", "sign"}
