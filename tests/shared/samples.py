"""For every primitive: what it computes, in plain NumPy, and operands to try its rules at.

The samples cover each form of broadcasting and each parameter, and stay away from kinks.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.graph import Primitive
from autodiff.more import elementwise, linalg, moving, products, reductions
from autodiff.primitives import MASKS

ALL = {
    name: primitive
    for name, primitive in vars(primitives).items()
    if isinstance(primitive, Primitive)
}
MORE = {
    x.name: x
    for module in (elementwise, linalg, moving, products, reductions)
    for x in vars(module).values()
    if isinstance(x, Primitive) and x.name not in ALL
}
ALL |= MORE
PRIMITIVES = {name: primitive for name, primitive in ALL.items() if primitive not in MASKS}


class Sample(NamedTuple):
    operands: tuple[Any, ...]
    parameters: dict[str, Any] = {}  # noqa: RUF012
    without: tuple[int, ...] = ()
    """Positions of operands in which there is no derivative here."""


def _scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.result_type(x))
    np.add.at(out, index, x)
    return out


def _cholesky(x: Any) -> Any:
    """Return the factor by the textbook's recursion, for complex arguments too."""
    out = np.zeros_like(x)
    for j in range(x.shape[-1]):
        rest = x[..., j:, j] - np.sum(out[..., j:, :j] * out[..., j, None, :j], -1)
        out[..., j:, j] = rest / np.sqrt(rest[..., :1])
    return out


def _eigenpairs(x: Any) -> Any:
    """Return eigenvalues and eigenvectors, continued to complex arguments by Newton's method."""
    x = np.tril(x) + np.tril(x, -1).T
    values, vectors = np.linalg.eigh(np.real(x))
    if np.isrealobj(x):
        return values, vectors
    values, vectors = values.astype(complex), vectors.astype(complex)
    for k in range(len(x)):
        for _ in range(2):
            v, shifted = vectors[:, k], x - values[k] * np.eye(len(x))
            slope = np.block([[shifted, -v[:, None]], [v, np.zeros(1)]])
            step = np.linalg.solve(slope, -np.append(shifted @ v, (v @ v - 1) / 2))
            vectors[:, k] += step[:-1]
            values[k] += step[-1]
    return values, vectors


def _aligned(vectors: Any, like: Any) -> Any:
    """Return columns with the signs that others have."""
    return vectors * np.sign(np.sum(np.real(vectors) * like, -2))


def _eigenvectors(x: Any, UPLO: str) -> Any:
    found = _eigenpairs(x if UPLO == "L" else x.T)[1]
    return _aligned(found, np.linalg.eigh(np.real(x), UPLO)[1])


def _left_vectors(x: Any) -> Any:
    """Return the left singular vectors, by eigenvectors of the smaller of x'x and xx'."""
    if x.shape[0] <= x.shape[1]:
        found = _eigenpairs(x @ x.T)[1]
    else:
        values, vectors = _eigenpairs(x.T @ x)
        found = x @ vectors / np.sqrt(values)
    return _aligned(found[:, ::-1], np.linalg.svd(np.real(x), full_matrices=False)[0])


def _right_vectors(x: Any) -> Any:
    right = np.linalg.svd(np.real(x), full_matrices=False)[2]
    return _aligned(_left_vectors(x.T), right.T).T


def _singular_values(x: Any) -> Any:
    return np.sqrt(_eigenpairs(x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x)[0][::-1])


def _pinv(x: Any) -> Any:
    t = np.swapaxes(x, -1, -2)
    return np.linalg.inv(t @ x) @ t if x.shape[-2] >= x.shape[-1] else t @ np.linalg.inv(x @ t)


# Written from the definitions, for complex arguments where a derivative exists: np.maximum and
# np.max order complex numbers by their real parts, and sqrt(x * x) is |x| off the imaginary axis.
DEFINITIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "negative": np.negative,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sign": lambda x: np.sign(np.real(x)),
    "abs": lambda x: np.sqrt(x * x),
    "relu": lambda x: np.where(np.real(x) > 0, x, 0.0),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": np.where,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sigmoid_slope": lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "log_sigmoid": lambda x: -np.log(1 + np.exp(-x)),
    "logistic_cross_entropy": lambda z, t: (
        t * np.log(1 + np.exp(-z)) + (1 - t) * np.log(1 + np.exp(z))
    ),
    "logistic_residual": lambda z, t: 1 / (1 + np.exp(-z)) - t,
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "logsumexp": lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
    "matmul": np.matmul,
    "outer": np.outer,
    "broadcast_to": np.broadcast_to,
    "cast": lambda x, dtype: x,
    "identity": lambda x: x,
    "reshape": lambda x, shape: np.reshape(x, shape),
    "transpose": np.transpose,
    "getitem": lambda x, index: x[index],
    "scatter": _scatter,
    "concatenate": lambda *arrays, axis: np.concatenate(arrays, axis),
    **{name: getattr(np, name) for name in ("tan", "arcsin", "arccos", "arctan", "sinh", "cosh")},
    **{name: getattr(np, name) for name in ("arcsinh", "arccosh", "arctanh", "log2", "log10")},
    "arctan2": lambda a, b: np.arctan(a / b) + np.pi * (np.real(b) < 0) * np.sign(np.real(a)),
    "exp2": lambda x: 2.0**x,
    "logaddexp": lambda a, b: np.log(np.exp(a) + np.exp(b)),
    "logaddexp2": lambda a, b: np.log(2.0**a + 2.0**b) / np.log(2.0),
    "hypot": lambda a, b: np.sqrt(a * a + b * b),
    "reciprocal": lambda x: 1 / x,
    "cbrt": lambda x: np.sign(np.real(x)) * (x * np.sign(np.real(x))) ** (1 / 3),
    "fabs": lambda x: np.sqrt(x * x),
    "remainder": lambda a, b: a - np.floor(np.real(a) / np.real(b)) * b,
    "fmod": lambda a, b: a - np.trunc(np.real(a) / np.real(b)) * b,
    "fmax": np.maximum,
    "fmin": np.minimum,
    "cumsum": np.cumsum,
    "einsum": lambda *operands, subscripts: np.einsum(subscripts, *operands),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "pinv": _pinv,
    "solve": np.linalg.solve,
    "log_abs_det": lambda x: np.log(np.linalg.det(x) ** 2) / 2,
    "cholesky": _cholesky,
    "eigvalsh": np.vectorize(
        lambda x, UPLO: _eigenpairs(x if UPLO == "L" else x.T)[0], signature="(n,n),()->(n)"
    ),
    "eigenvectors": np.vectorize(_eigenvectors, signature="(n,n),()->(n,n)"),
    "svdvals": np.vectorize(_singular_values, signature="(m,n)->(k)"),
    "left_vectors": np.vectorize(_left_vectors, signature="(m,n)->(m,k)"),
    "right_vectors": np.vectorize(_right_vectors, signature="(m,n)->(k,n)"),
}


def normal(*shape: int, seed: int = 0) -> Any:
    """Return normal numbers, a float for no axes."""
    x = np.random.default_rng([seed, *shape]).normal(size=shape)
    return x if shape else float(x)


def positive(*shape: int, seed: int = 0) -> Any:
    return np.abs(normal(*shape, seed=seed)) + 0.3


def probability(*shape: int, seed: int = 0) -> Any:
    return 1 / (1 + np.exp(normal(*shape, seed=seed)))


def apart(*shape: int, seed: int = 0) -> Any:
    """Return numbers at least 0.05 from 0, from each other, and from those of other seeds < 4."""
    steps = np.random.default_rng([seed, *shape]).permutation(np.prod(shape, dtype=int))
    x = 0.4 * (steps.reshape(shape) - steps.size // 2) + 0.1 * seed + 0.05
    return x if shape else float(x)


def inside(*shape: int, seed: int = 0) -> Any:
    """Return numbers between -0.9 and 0.9."""
    return 0.9 * np.tanh(normal(*shape, seed=seed))


def above_one(*shape: int, seed: int = 0) -> Any:
    return 1.0 + positive(*shape, seed=seed)


def far(*shape: int, seed: int = 0) -> Any:
    """Return numbers of both signs, at least 0.5 from 0."""
    x = apart(*shape, seed=seed)
    return x + 0.5 * np.sign(x)


def halves(*shape: int, seed: int = 0) -> Any:
    """Return numbers between two integers, so that a multiple of an integer is never near."""
    return np.floor(4 * normal(*shape, seed=seed)) + 0.5


def whole(*shape: int, seed: int = 0) -> Any:
    return np.floor(2 * positive(*shape, seed=seed)) + 2.0


def matrices(*shape: int, symmetric: bool = False) -> Any:
    """Return matrices with all eigenvalues, or singular values, far from each other and from 0."""
    x = 0.3 * normal(*shape)
    x = x + np.eye(*shape[-2:]) * np.arange(1.0, shape[-1] + 1)
    return (x + np.swapaxes(x, -1, -2)) / 2 if symmetric else x


SHAPES = [(), (1,), (3,), (2, 3), (2, 1, 3)]
PAIRS = [
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((1,), ()),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 3), (2, 1)),
    ((2, 1), (1, 3)),
    ((1,), (3,)),
    ((1, 1), (3,)),
    ((3,), (2, 1)),
    ((2, 3), (2, 3)),
    ((2, 1, 3), (4, 1)),
]


def unary(draw: Callable[..., Any]) -> list[Sample]:
    return [Sample((draw(*shape),)) for shape in SHAPES]


def binary(draw: Callable[..., Any], second: Callable[..., Any] | None = None) -> list[Sample]:
    return [Sample((draw(*a, seed=1), (second or draw)(*b, seed=2))) for a, b in PAIRS]


def reductions() -> list[Sample]:
    shapes_and_axes: list[tuple[tuple[int, ...], Sequence[Any]]] = [
        ((), [None]),
        ((1,), [None, 0]),
        ((3,), [None, 0, -1, (0,)]),
        ((2, 3), [None, 0, 1, -2, (0, 1), ()]),
        ((2, 3, 4), [None, 1, (0, 2), (-1, 0)]),
    ]
    return [
        Sample((apart(*shape),), {"axis": axis, "keepdims": keepdims})
        for shape, axes in shapes_and_axes
        for axis, keepdims in product(axes, (False, True))
    ]


def indices() -> list[tuple[tuple[int, ...], Any]]:
    """Return shapes and indices into them; some name an element more than once."""
    mask = np.array([[True, False, True], [False, True, True]])
    return [
        ((3,), (1,)),
        ((3,), (-1,)),
        ((3,), (np.int64(1),)),
        ((4,), (slice(1, 3),)),
        ((4,), (slice(None, None, -2),)),
        ((4,), (slice(2, 2),)),
        ((3,), (None,)),
        ((3,), (..., None)),
        ((2, 3), (0,)),
        ((2, 3), (1, 2)),
        ((2, 3), (..., 1)),
        ((2, 3), (slice(None), None, slice(0, 2))),
        ((3,), (np.array([2, 0]),)),
        ((3,), (np.array([1, 1, 0, 1]),)),
        ((3,), (np.array([[0, 0], [2, -3]]),)),
        ((2, 3), (slice(None), np.array([0, 0, 2]))),
        ((2, 3), (np.array([1, 1]), np.array([2, 2]))),
        ((2, 3), (0, np.array([1, 1]))),
        ((2, 3, 4), (np.array([1, 1]), slice(None), np.array([0, 0]))),
        ((2, 3), (mask,)),
        ((2, 3), (np.array([True, False]),)),
        ((2, 3), (slice(None), np.array([False, True, True]))),
    ]


def scatters() -> Sequence[Sample]:
    samples = []
    for i, (shape, index) in enumerate(indices()):
        x = normal(*np.shape(normal(*shape)[index]), seed=i)
        samples.append(Sample((x,), {"index": index, "shape": shape}))
    return samples


PRODUCTS = [
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((3,), (2, 3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (2, 3, 2)),
    ((7, 2), (2, 3)),
    ((1, 1), (1, 1)),
    ((3, 1), (1, 4)),
]
MATRICES = [(1, 1), (2, 2), (3, 3), (2, 3, 3)]


BLEND = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])

SAMPLES: dict[str, Sequence[Sample]] = {
    "add": [*binary(normal), Sample((2.0, 0.0))],
    "subtract": binary(normal),
    "multiply": [*binary(normal), Sample((2.0, 0.0)), Sample((normal(3), 0.0))],
    "divide": binary(normal, positive),
    "power": [
        *binary(positive, normal),
        Sample((normal(3), 2.0), without=(1,)),
        Sample((normal(2, 3), np.array([1.0, 3.0, -2.0])), without=(1,)),
        Sample((-1.5, 3.0), without=(1,)),
        Sample((positive(3), 0.0)),
        Sample((positive(), 1.0)),
    ],
    "negative": unary(normal),
    "exp": unary(normal),
    "expm1": unary(normal),
    "log": unary(positive),
    "log1p": unary(positive),
    "sqrt": unary(positive),
    "square": unary(normal),
    "sin": unary(normal),
    "cos": unary(normal),
    "tanh": unary(normal),
    "sign": unary(apart),
    "abs": unary(apart),
    "relu": unary(apart),
    "maximum": binary(apart),
    "minimum": binary(apart),
    "where": [
        Sample((1.0, normal(), normal(seed=1))),
        Sample((0.0, normal(3), normal(seed=1))),
        Sample((BLEND, normal(2, 3), normal(2, 3, seed=1))),
        Sample((BLEND, normal(), normal(2, 3))),
        Sample((BLEND, normal(3), normal(2, 1))),
        Sample((BLEND[0], normal(2, 1), normal(1, 3))),
        Sample((BLEND[:, :1], normal(), normal(3))),
    ],
    "sigmoid": unary(normal),
    "sigmoid_slope": unary(normal),
    "softplus": unary(apart),
    "log_sigmoid": unary(apart),
    "logistic_cross_entropy": [
        Sample((apart(*z), probability(*t)))
        for z, t in (((), ()), ((3,), ()), ((), (3,)), ((3,), (3,)), ((2, 1, 3), (2, 1, 3)))
    ],
    "logistic_residual": [
        *binary(apart, probability),
        Sample((0.0, 1.0)),
        Sample((np.array([0.0, -0.0]), probability(2))),
    ],
    "sum": reductions(),
    "mean": reductions(),
    "max": reductions(),
    "min": reductions(),
    "logsumexp": reductions(),
    "matmul": [Sample((normal(*a, seed=1), normal(*b, seed=2))) for a, b in PRODUCTS],
    "outer": [Sample((normal(m), normal(n, seed=1))) for m, n in ((3, 4), (5, 2), (3, 3), (1, 1))],
    "broadcast_to": [
        Sample((normal(*x),), {"shape": shape})
        for x, shape in (
            ((), ()),
            ((), (2, 3)),
            ((3,), (3,)),
            ((3,), (2, 3)),
            ((2, 1), (2, 3)),
            ((1, 3), (4, 2, 3)),
            ((1,), (2, 2)),
        )
    ],
    "cast": [Sample((normal(3),), {"dtype": np.dtype(np.float64)})],
    "identity": unary(normal),
    "reshape": [
        Sample((normal(*x),), {"shape": shape})
        for x, shape in (
            ((2, 3), (6,)),
            ((2, 3), (3, 2)),
            ((2, 3), -1),
            ((2, 3, 4), (4, -1)),
            ((), (1, 1)),
            ((1, 1), ()),
        )
    ],
    "transpose": [
        Sample((normal(*x),), {"axes": axes})
        for x, axes in (
            ((3,), None),
            ((2, 3), None),
            ((2, 3), (1, 0)),
            ((2, 3), (0, 1)),
            ((2, 3, 4), None),
            ((2, 3, 4), (2, 0, 1)),
            ((2, 3, 4), (-1, 0, -2)),
        )
    ],
    "getitem": [Sample((normal(*shape),), {"index": index}) for shape, index in indices()],
    "scatter": scatters(),
    "concatenate": [
        Sample((normal(3),), {"axis": 0}),
        Sample((normal(3), normal(2)), {"axis": 0}),
        Sample((normal(1), normal(2), normal(0), normal(2, seed=1)), {"axis": 0}),
        Sample((normal(2, 3), normal(1, 3)), {"axis": 0}),
        Sample((normal(2, 3), normal(2, 1)), {"axis": 1}),
        Sample((normal(2, 3), normal(2, 2), normal(2, 1)), {"axis": -1}),
        Sample((normal(2, 1, 3), normal(2, 2, 3)), {"axis": -2}),
    ],
    **{name: unary(normal) for name in ("arctan", "sinh", "cosh", "arcsinh", "exp2")},
    **{name: unary(inside) for name in ("tan", "arcsin", "arccos", "arctanh")},
    **{name: unary(positive) for name in ("log2", "log10")},
    **{name: unary(far) for name in ("reciprocal", "cbrt", "fabs")},
    **{name: binary(apart) for name in ("arctan2", "hypot", "fmax", "fmin")},
    **{name: binary(normal) for name in ("logaddexp", "logaddexp2")},
    **{name: binary(halves, whole) for name in ("remainder", "fmod")},
    "arccosh": unary(above_one),
    "cumsum": [
        Sample((normal(*x),), {"axis": axis})
        for x, axis in (((3,), 0), ((2, 3), 0), ((2, 3), 1), ((2, 3, 4), -2))
    ],
    "einsum": [
        Sample(
            tuple([normal(*x, seed=i) for i, x in enumerate(shapes)]), {"subscripts": subscripts}
        )
        for subscripts, *shapes in (
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij->ji", (2, 3)),
            ("ij->", (2, 3)),
            ("ij,ij->j", (2, 3), (2, 3)),
            ("i,jk->k", (3,), (2, 4)),
            ("bij,bjk,k->bi", (2, 3, 4), (2, 4, 3), (3,)),
            (",i->i", (), (3,)),
        )
    ],
    **{name: [Sample((matrices(*x),)) for x in MATRICES] for name in ("inv", "det", "log_abs_det")},
    **{
        name: [Sample((matrices(*x),)) for x in [*MATRICES, (4, 2), (2, 4), (2, 3, 2)]]
        for name in ("pinv", "svdvals", "left_vectors", "right_vectors")
    },
    "solve": [
        Sample((matrices(*a), normal(*b)))
        for a, b in (
            ((2, 2), (2, 1)),
            ((3, 3), (3, 2)),
            ((5, 2, 2), (5, 2, 3)),
            ((3, 3), (2, 3, 2)),
            ((4, 1, 2, 2), (3, 2, 1)),
        )
    ],
    "cholesky": [Sample((matrices(*x, symmetric=True),)) for x in MATRICES],
    **{
        name: [
            Sample((matrices(*x, symmetric=True),), {"UPLO": triangle})
            for x, triangle in [*product(MATRICES, "L"), ((2, 2), "U"), ((2, 3, 3), "U")]
        ]
        for name in ("eigvalsh", "eigenvectors")
    },
}
