"""The functions of the rule table that NumPy has not, for plain numbers and arrays alone."""

from typing import Any

import numpy as np

# The logistic family. Every exponent is at most 0, so nothing overflows, and nearly equal numbers
# are never subtracted, so results and derivatives keep their digits at any argument. One of
# exp(min(x, 0)) and exp(-max(x, 0)) is 1 and the other exp(-|x|).


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), element by element."""
    rise = np.exp(np.minimum(x, 0.0))
    return rise / (rise + np.exp(-np.maximum(x, 0.0)))


def sigmoid_slope(x: Any) -> Any:
    """The derivative of sigmoid: sigmoid(x) sigmoid(-x)."""
    e = np.exp(-abs(x))
    return e / (1.0 + e * (2.0 + e))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), element by element."""
    return np.log1p(np.exp(-abs(x))) + np.maximum(x, 0.0)


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x), element by element."""
    return -softplus(-x)


def logistic_cross_entropy(z: Any, t: Any) -> Any:
    """-t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)), element by element.

    This is the tutorial's t log(1 + exp(-z)) + (1 - t) log(1 + exp(z)), computed so that nothing
    overflows or cancels; its derivative in z is sigmoid(z) - t. The logits z have any shape, the
    targets t, in [0, 1], have the same; either may be a single number.

    Raises ValueError for targets outside [0, 1] or NaN, and for shapes that differ, because (N, 1)
    against (N,) would broadcast to (N, N).
    """
    if getattr(t, "ndim", 0) and getattr(z, "ndim", 0) and z.shape != t.shape:
        raise ValueError("logits and targets differ in shape: t.reshape(-1)?")
    inside = np.count_nonzero(t * (1.0 - t) >= 0.0)  # true from 0 to 1 alone
    if inside < getattr(t, "size", 1):
        raise ValueError(
            f"targets are probabilities, from 0 to 1; these go from {np.min(t):g} to {np.max(t):g}"
        )
    return np.log1p(np.exp(-abs(z))) + z * ((z >= 0.0) - as_targets(t, z))


def logistic_residual(z: Any, t: Any) -> Any:
    """sigmoid(z) - t, as (1 - t) sigmoid(z) - t sigmoid(-z), which keeps its digits."""
    e = np.exp(-abs(z))
    return (~np.signbit(z) - as_targets(t, z)) - np.copysign(e / (1.0 + e), z)


def as_targets(t: Any, z: Any) -> Any:
    """Targets that can be subtracted from a mask: in the dtype of both."""
    if type(t) is float:
        return t if type(z) is float else z.dtype.type(t)
    return t if t.dtype is getattr(z, "dtype", None) else t.astype(np.result_type(t, z))


def relu(x: Any) -> Any:
    """The larger of x and 0, element by element."""
    return max(x, 0.0) if type(x) is float else np.maximum(x, 0.0)


def mean(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """The mean of the elements, or the means over `axis`; an empty batch is refused."""
    size = getattr(x, "size", 1)
    if size == 0:
        raise ValueError("there are no elements to average; is the batch empty?")
    total = np.add.reduce(x, axis=axis, keepdims=keepdims)
    return total / (size / total.size)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over `axis`, without overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis)


# Products. NumPy is fastest along memory, so a product of many rows and few columns is laid out
# column by column; shape and numbers are the same.


def matmul(a: Any, b: Any) -> Any:
    """a @ b; a matrix that is long and narrow is laid out column by column."""
    if type(a) is float or type(b) is float:
        raise ValueError("numbers are multiplied with *")
    if is_plain(a, b):
        return np.matmul(a, b)
    a, b = (x.copy() if 0 in x.strides else x for x in (a, b))
    return np.matmul(b.T, a.T).T if a.ndim == b.ndim == 2 else np.matmul(a, b)


def is_plain(a: Any, b: Any) -> bool:
    """Tell whether nothing is gained by other layouts: those are slow that repeat memory."""
    if a.ndim < 2 or b.ndim < 2:
        return True
    long = a.ndim == b.ndim == 2 and a.shape[0] > 4 * max(b.shape)
    return not (long or 0 in a.strides or 0 in b.strides)


def outer(a: Any, b: Any) -> Any:
    """The products of every element of a vector with every one of another."""
    return (b[:, None] * a).T if a.size > b.size else a[:, None] * b


# Moving elements.


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """A view of `x` as an array of `shape`; as np.broadcast_to, and faster."""
    x = np.asarray(x)
    lead = len(shape) - x.ndim
    if lead < 0:
        raise ValueError(f"{x.ndim} axes do not broadcast to {len(shape)}")
    if not x.flags.c_contiguous:
        return np.broadcast_to(x, shape)
    strides = [0] * lead
    for have, want, stride in zip(x.shape, shape[lead:], x.strides):
        if have != want and have != 1:
            return np.broadcast_to(x, shape)
        strides.append(stride if have == want else 0)
    return np.ndarray(shape, x.dtype, x, 0, strides)


def scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` added at `index`, once for each time that an element is named."""
    out = np.zeros(shape, np.result_type(x))
    parts = index if type(index) is tuple else (index,)
    if any(isinstance(i, np.ndarray) for i in parts):
        np.add.at(out, index, x)
    else:
        out[index] = x
    return out
