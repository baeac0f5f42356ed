"""Linear algebra of square matrices, or of stacks of them: `numpy.linalg`.

`cholesky` and `eigh` read the lower triangle of a symmetric matrix, as NumPy's do. So only that has
a derivative, and an entry below the diagonal has that of both its places.
"""

from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.functions import swapaxes
from autodiff.more.extend import primitive, without_derivative

# NumPy's named tuples.
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
    return _solve(a, b[:, None])[..., 0] if len(shape(b)) == 1 else _solve(a, b)


def _pinv_rule(g: Any, out: Any, x: Any) -> Any:
    """Assume that the rank stays as it is, as near a matrix of full rank."""
    of_rows = T(g) @ out @ T(out)
    of_columns = T(out) @ out @ T(g)
    return (
        (of_rows - x @ (out @ of_rows))
        + (of_columns - (of_columns @ out) @ x)
        - T(out) @ g @ T(out)
    )


def log_abs_det(x: Any) -> Any:
    """The logarithm of the absolute value of the determinant."""
    return np.linalg.slogdet(x)[1]


def sign_of_det(x: Any) -> Any:
    """The sign of the determinant."""
    return np.linalg.slogdet(x)[0]


_log_abs_det = primitive(log_abs_det, lambda g, out, x: wide(g) * T(inv(x)))
_sign_of_det = without_derivative(sign_of_det)


def slogdet(x: Any) -> Any:
    """Return the sign of the determinant, plain, and the logarithm of its absolute value."""
    return SlogdetResult(_sign_of_det(x), _log_abs_det(x))


def _of_symmetric(part: Any) -> Any:
    """Turn what a symmetric matrix gets into what its lower triangle gets, which alone is read."""
    n = shape(part)[-1]
    return (part + T(part)) * (np.tri(n) - 0.5 * np.eye(n))


def _cholesky_rule(g: Any, out: Any, x: Any) -> Any:
    n = shape(x)[-1]
    inner = _solve(T(out), (np.tri(n) - 0.5 * np.eye(n)) * (T(out) @ g))
    return _of_symmetric(T(_solve(T(out), T(inner))))


def _eigenvalues_rule(g: Any, out: Any, x: Any) -> Any:
    v = _eigenvectors(x)
    return _of_symmetric((v * g[..., None, :]) @ T(v))


def eigenvectors(x: Any) -> Any:
    """The eigenvectors of a symmetric matrix as columns, by rising eigenvalues."""
    return np.linalg.eigh(x)[1]


def _eigenvectors_rule(g: Any, out: Any, x: Any) -> Any:
    w, eye = eigvalsh(x), np.eye(shape(x)[-1])
    gaps = w[..., None, :] - w[..., :, None] + eye
    return _of_symmetric(out @ (((1.0 - eye) / gaps) * (T(out) @ g)) @ T(out))


cholesky = primitive(np.linalg.cholesky, _cholesky_rule)
eigvalsh = primitive(np.linalg.eigvalsh, _eigenvalues_rule)
_eigenvectors = primitive(eigenvectors, _eigenvectors_rule)


def eigh(x: Any, UPLO: str = "L") -> Any:
    """Return eigenvalues and eigenvectors of a symmetric matrix; derivatives where all differ."""
    if UPLO != "L":  # of which NumPy gives other signs than of the transpose
        raise ValueError("eigh: the lower triangle is read; give the transpose instead of UPLO")
    return EighResult(eigvalsh(x), _eigenvectors(x))
