"""Linear algebra of matrices, or of stacks of them: `numpy.linalg`.

`cholesky` and `eigh` read one triangle of a symmetric matrix, as NumPy's do. So only that has a
derivative, and an entry off the diagonal has that of both its places.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.functions import Axis, expand_dims, max, min, reshape, sum, swapaxes
from autodiff.more.extend import primitive, without_derivative
from autodiff.more.moving import moveaxis
from autodiff.more.reductions import root
from autodiff.primitives import abs, power

# NumPy's named tuples.
SVDResult = type(np.linalg.svd(np.eye(1)))
EighResult = type(np.linalg.eigh(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


def T(x: Any) -> Any:  # noqa: N802
    """Swap the last two axes."""
    return x.T if len(shape(x)) == 2 else swapaxes(x, -1, -2)


def wide(g: Any) -> Any:
    """Give the adjoint of a number, or of one for each matrix, the axes of a matrix."""
    return g[..., None, None] if shape(g) else g


# fmt: off

inv  = primitive(np.linalg.inv, lambda g, out, x: -(T(out) @ g @ T(out)))
det  = primitive(np.linalg.det, lambda g, out, x: wide(g * out) * T(inv(x)))
pinv = primitive(np.linalg.pinv, lambda g, out, x: _pinv_rule(g, out, x))
_solve: Any = primitive(np.linalg.solve,
                        lambda g, out, a, b: -(_solve(T(a), g) @ T(out)),
                        lambda g, out, a, b: _solve(T(a), g), broadcasts=True)

# fmt: on


def solve(a: Any, b: Any) -> Any:
    """Return x with a @ x = b; `b` is a vector or a matrix of columns."""
    return _solve(a, reshape(b, (-1, 1)))[..., 0] if len(shape(b)) == 1 else _solve(a, b)


def _pinv_rule(g: Any, out: Any, x: Any) -> Any:
    """Assume that the rank stays as it is, as near a matrix of full rank."""
    of_rows = T(g) @ out @ T(out)
    of_columns = T(out) @ out @ T(g)
    return (
        (of_rows - x @ (out @ of_rows))
        + (of_columns - (of_columns @ out) @ x)
        - T(out) @ g @ T(out)
    )


def sign_of_det(x: Any) -> Any:
    """The sign of the determinant."""
    return np.linalg.slogdet(x)[0]


def log_abs_det(x: Any) -> Any:
    """The logarithm of the absolute value of the determinant."""
    return np.linalg.slogdet(x)[1]


_sign_of_det = without_derivative(sign_of_det)
_log_abs_det = primitive(log_abs_det, lambda g, out, x: wide(g) * T(inv(x)))


def slogdet(x: Any) -> Any:
    """Return the sign of the determinant, plain, and the logarithm of its absolute value."""
    return SlogdetResult(_sign_of_det(x), _log_abs_det(x))


# Factors of symmetric matrices.


def _of_symmetric(part: Any, UPLO: str = "L") -> Any:
    """Turn what a symmetric matrix gets into what its triangle gets, which alone is read."""
    n = shape(part)[-1]
    lower = np.tri(n) - 0.5 * np.eye(n)
    return (part + T(part)) * (lower if UPLO in "Ll" else lower.T)


def _cholesky_rule(g: Any, out: Any, x: Any) -> Any:
    n = shape(x)[-1]
    inner = _solve(T(out), (np.tri(n) - 0.5 * np.eye(n)) * (T(out) @ g))
    return _of_symmetric(T(_solve(T(out), T(inner))))


def _over_gaps(x: Any, w: Any) -> Any:
    """Divide the entries of `x` off the diagonal by w_j - w_i."""
    eye = np.eye(shape(w)[-1])
    return (1.0 - eye) / (w[..., None, :] - w[..., :, None] + eye) * x


def _eigenvalues_rule(g: Any, out: Any, x: Any, *, UPLO: str) -> Any:
    v = _eigenvectors(x, UPLO=UPLO)
    return _of_symmetric((v * g[..., None, :]) @ T(v), UPLO)


def eigenvectors(x: Any, UPLO: Any = "L") -> Any:
    """The eigenvectors of a symmetric matrix as columns, by rising eigenvalues."""
    return np.linalg.eigh(x, UPLO)[1]


def _eigenvectors_rule(g: Any, out: Any, x: Any, *, UPLO: str) -> Any:
    return _of_symmetric(out @ _over_gaps(T(out) @ g, eigvalsh(x, UPLO)) @ T(out), UPLO)


cholesky = primitive(np.linalg.cholesky, _cholesky_rule)
_eigenvalues = primitive(np.linalg.eigvalsh, _eigenvalues_rule)
_eigenvectors = primitive(eigenvectors, _eigenvectors_rule)


def eigvalsh(x: Any, UPLO: str = "L") -> Any:
    """Return the eigenvalues of a symmetric matrix, rising; derivatives where all differ."""
    return _eigenvalues(x, UPLO=UPLO)


def eigh(x: Any, UPLO: str = "L") -> Any:
    """Return eigenvalues and eigenvectors of a symmetric matrix; derivatives where all differ."""
    return EighResult(eigvalsh(x, UPLO), _eigenvectors(x, UPLO=UPLO))


# Singular values and vectors, in the reduced form.


def left_vectors(x: Any) -> Any:
    """The left singular vectors as columns, by falling singular values."""
    return np.linalg.svd(x, full_matrices=False)[0]


def right_vectors(x: Any) -> Any:
    """The right singular vectors as rows, by falling singular values."""
    return np.linalg.svd(x, full_matrices=False)[2]


def _vectors_rule(g: Any, u: Any, s: Any, v: Any) -> Any:
    """Return what a matrix gets from its vectors `u` on the left, with those `v` on the right."""
    inner = _over_gaps(T(u) @ g, s * s)
    outside = (g - u @ (T(u) @ g)) / s[..., None, :]
    return (u @ ((inner + T(inner)) * s[..., None, :]) + outside) @ T(v)


svdvals: Any = primitive(
    np.linalg.svdvals, lambda g, out, x: (_left(x) * g[..., None, :]) @ _right(x)
)
_left: Any = primitive(
    left_vectors, lambda g, out, x: _vectors_rule(g, out, svdvals(x), T(_right(x)))
)
_right: Any = primitive(
    right_vectors, lambda g, out, x: T(_vectors_rule(T(g), T(out), svdvals(x), _left(x)))
)


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return the factors u, s, vh of a matrix; derivatives where the singular values differ."""
    if not compute_uv:
        return svdvals(x)
    if full_matrices and len({*shape(x)[-2:]}) > 1:
        raise ValueError(
            "svd: beside a matrix that is not square some vectors are arbitrary and have no "
            "derivative; give full_matrices=False"
        )
    return SVDResult(_left(x), svdvals(x), _right(x))


def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the norm of a vector or of the entries of a matrix, as `numpy.linalg.norm`."""
    axes = range(len(shape(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    size = abs(x)
    if ord in (None, {1: 2, 2: "fro"}.get(len(axes))):
        return root(sum(x * x, axis, keepdims=keepdims))
    if len(axes) == 1 and ord in (math.inf, -math.inf):
        return (max if ord > 0 else min)(size, axis, keepdims=keepdims)
    if len(axes) == 1 and ord and not isinstance(ord, str):
        return power(sum(power(size, float(ord)), axis, keepdims=keepdims), 1.0 / ord)
    if len(axes) == 2 and ord in ("nuc", 2, -2):
        values = svdvals(moveaxis(x, axes, (-2, -1)))
        found = (sum if ord == "nuc" else max if ord > 0 else min)(values, -1)
        return expand_dims(found, tuple(axes)) if keepdims else found
    if len(axes) == 2 and ord in (1, -1, math.inf, -math.inf):
        sums = sum(size, axes[0 if ord in (1, -1) else 1], keepdims=True)
        return (max if ord > 0 else min)(sums, tuple(axes), keepdims=keepdims)
    raise ValueError(f"norm: ord={ord!r} of {len(axes)} axes has no derivative rule")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cholesky": lambda x, *, upper=False: T(cholesky(T(x))) if upper else cholesky(x),
    "pinv": lambda x: pinv(x),
}
"""Primitives as NumPy calls them: with its keywords, or with none."""
