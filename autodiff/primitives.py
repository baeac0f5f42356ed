"""The calculus, written once: every primitive, its NumPy function and its rules side by side.

In a rule `g` is the adjoint of the result `out`; what it returns is the operand's part of it.
"""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from autodiff.arrays import shape
from autodiff.graph import Primitive

# Named in rules above their definitions.
cos: Primitive
log: Primitive
logistic_residual: Primitive
power: Primitive
reshape: Primitive
scatter: Primitive
sigmoid_slope: Primitive
where: Primitive

# fmt: off

# Arithmetic. Python's operators serve arrays and floats alike, and floats fast.

add      = Primitive("add", operator.add,
                     lambda g, out, a, b: g,
                     lambda g, out, a, b: g, broadcasts=True)
subtract = Primitive("subtract", operator.sub,
                     lambda g, out, a, b: g,
                     lambda g, out, a, b: -g, broadcasts=True)
multiply = Primitive("multiply", operator.mul,
                     lambda g, out, a, b: g * b,
                     lambda g, out, a, b: g * a, broadcasts=True)
divide   = Primitive("divide", operator.truediv,
                     lambda g, out, a, b: g / b,
                     lambda g, out, a, b: -g * out / b, broadcasts=True)
# The comparisons keep 0 * inf out of the derivatives of x^0 at 0 and of 0^b, which are 0.
power    = Primitive("power", np.power,
                     lambda g, out, a, b: g * b * power(a + ((a == 0) & (b == 0)), b - 1.0),
                     lambda g, out, a, b: g * out * log(a + (a == 0)), broadcasts=True)
negative = Primitive("negative", operator.neg, lambda g, out, x: -g)

# Functions of one operand, element by element.

exp    = Primitive("exp",    np.exp,    lambda g, out, x: g * out)
expm1  = Primitive("expm1",  np.expm1,  lambda g, out, x: g * exp(x))
log    = Primitive("log",    np.log,    lambda g, out, x: g / x)
log1p  = Primitive("log1p",  np.log1p,  lambda g, out, x: g / (1.0 + x))
sqrt   = Primitive("sqrt",   np.sqrt,   lambda g, out, x: 0.5 * g / out)
square = Primitive("square", np.square, lambda g, out, x: 2.0 * g * x)
sin    = Primitive("sin",    np.sin,    lambda g, out, x: g * cos(x))
cos    = Primitive("cos",    np.cos,    lambda g, out, x: -g * sin(x))
tanh   = Primitive("tanh",   np.tanh,   lambda g, out, x: g * (1.0 - out * out))

# Kinks; docs/kinks.md lists what is chosen at each.

sign    = Primitive("sign", np.sign, None)
abs     = Primitive("abs", operator.abs, lambda g, out, x: g * sign(x))
relu    = Primitive("relu", lambda x: np.maximum(x, 0.0), lambda g, out, x: g * (x > 0.0),
                    doc="The larger of x and 0, element by element.")
maximum = Primitive("maximum", np.maximum,
                    lambda g, out, a, b: g * ((a > b) + 0.5 * (a == b)),
                    lambda g, out, a, b: g * ((a < b) + 0.5 * (a == b)), broadcasts=True)
minimum = Primitive("minimum", np.minimum,
                    lambda g, out, a, b: g * ((a < b) + 0.5 * (a == b)),
                    lambda g, out, a, b: g * ((a > b) + 0.5 * (a == b)), broadcasts=True)
where   = Primitive("where", np.where,
                    None,
                    lambda g, out, condition, a, b: where(condition, g, 0.0),
                    lambda g, out, condition, a, b: where(condition, 0.0, g), broadcasts=True)

# fmt: on

# The logistic family. Every exponent is at most 0, so nothing overflows, and nearly equal numbers
# are never subtracted, so results and derivatives keep their digits at any argument. One of
# exp(min(x, 0)) and exp(-max(x, 0)) is 1 and the other exp(-|x|).


def _sigmoid(x: Any) -> Any:
    rise = np.exp(np.minimum(x, 0.0))
    return rise / (rise + np.exp(-np.maximum(x, 0.0)))


def _sigmoid_slope(x: Any) -> Any:
    e = np.exp(-builtins.abs(x))
    return e / (1.0 + e * (2.0 + e))


def _softplus(x: Any) -> Any:
    return np.log1p(np.exp(-builtins.abs(x))) + np.maximum(x, 0.0)


def _like(t: Any, z: Any) -> Any:
    """Return targets that can be subtracted from a mask and leave the dtype of `z` as it is."""
    if type(t) is float:
        return t if type(z) is float else z.dtype.type(t)
    return t.astype(getattr(z, "dtype", np.float64)) if t.dtype.kind == "b" else t


def _logistic_cross_entropy(z: Any, t: Any) -> Any:
    low = high = t
    if shape(t):
        if shape(z) and shape(z) != t.shape:
            raise ValueError("logits and targets differ in shape; reshape one, as in t.reshape(-1)")
        low, high = (np.minimum.reduce(t, None), np.maximum.reduce(t, None)) if t.size else (0, 1)
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"targets are probabilities, from 0 to 1; these go from {low:g} to {high:g}"
        )
    return np.log1p(np.exp(-builtins.abs(z))) + z * ((z > 0.0) - _like(t, z))


def _logistic_residual(z: Any, t: Any) -> Any:
    part = np.exp(-builtins.abs(z))
    part /= 1.0 + part
    part = np.copysign(part, z + 0.0)  # + 0.0 makes -0.0 positive
    return (z >= 0.0) - _like(t, z) - part


# fmt: off

sigmoid       = Primitive("sigmoid", _sigmoid, lambda g, out, x: g * sigmoid_slope(x),
                          doc="1 / (1 + exp(-x)), element by element.")
sigmoid_slope = Primitive("sigmoid_slope", _sigmoid_slope,
                          lambda g, out, x: g * out * (sigmoid(-x) - sigmoid(x)),
                          doc="The derivative of sigmoid: sigmoid(x) sigmoid(-x).")
softplus      = Primitive("softplus", _softplus, lambda g, out, x: g * sigmoid(x),
                          doc="log(1 + exp(x)), element by element.")
log_sigmoid   = Primitive("log_sigmoid", lambda x: -_softplus(-x),
                          lambda g, out, x: g * sigmoid(-x),
                          doc="log(sigmoid(x)) = -softplus(-x), element by element.")
logistic_cross_entropy = Primitive("logistic_cross_entropy", _logistic_cross_entropy,
                          lambda g, out, z, t: g * logistic_residual(z, t),
                          lambda g, out, z, t: -g * z, broadcasts=True, doc='''
    -t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)), element by element.

    This is the tutorial's t log(1 + exp(-z)) + (1 - t) log(1 + exp(z)), computed so that nothing
    overflows or cancels; its derivative in z is sigmoid(z) - t. The logits z have any shape, the
    targets t, in [0, 1], have the same; either may be a single number.

    Raises ValueError for targets outside [0, 1] or NaN, and for shapes that differ, because (N, 1)
    against (N,) would broadcast to (N, N).
    ''')
logistic_residual = Primitive("logistic_residual", _logistic_residual,
                          lambda g, out, z, t: g * sigmoid_slope(z),
                          lambda g, out, z, t: -g, broadcasts=True,
                          doc="sigmoid(z) - t, as (1 - t) sigmoid(z) - t sigmoid(-z).")

# fmt: on

# Reductions.


def _reduction(ufunc: Any) -> Any:
    return lambda x, axis, keepdims: ufunc.reduce(np.asarray(x), axis=axis, keepdims=keepdims)


_sum = _reduction(np.add)


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    if _size(x) == 0:
        raise ValueError("there are no elements to average; is the batch empty?")
    total = _sum(x, axis, keepdims)
    return total / (_size(x) / total.size)


def _size(x: Any) -> int:
    return 1 if type(x) is float else int(x.size)


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis)


def _expand(g: Any, x: Any, axis: Any) -> Any:
    """Give `g`, of the shape of a reduction of `x`, the reduced axes back with length 1."""
    if type(g) is float or g.ndim == 0:
        return g
    ndim = len(shape(x))
    if axis is None:
        axis = tuple(range(ndim))
    axes = {a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))}
    return reshape(g, shape=tuple(1 if i in axes else n for i, n in enumerate(shape(x))))


def _spread(g: Any, x: Any, axis: Any) -> Any:
    """Repeat `g`, of the shape of a reduction of `x`, over the reduced axes."""
    return broadcast_to(_expand(g, x, axis), shape=shape(x))


def _softmax(x: Any, axis: Any) -> Any:
    """Return exp(x) / sum(exp(x)) over `axis`, shifted so that large logits keep their digits."""
    e = exp(x - max(x, axis=axis, keepdims=True))
    return e / sum(e, axis=axis, keepdims=True)


def _extreme_rule(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """Share `g` equally among all elements that reach the maximum or minimum."""
    reached = 1.0 * (x == _expand(out, x, axis))
    return _expand(g, x, axis) * (reached / sum(reached, axis=axis, keepdims=True))


# fmt: off

sum       = Primitive("sum", _sum,
                      lambda g, out, x, *, axis, keepdims: _spread(g, x, axis))
mean      = Primitive("mean", _mean,
                      lambda g, out, x, *, axis, keepdims:
                          _spread(g / (_size(x) / _size(out)), x, axis))
max       = Primitive("max", _reduction(np.maximum), _extreme_rule)
min       = Primitive("min", _reduction(np.minimum), _extreme_rule)
logsumexp = Primitive("logsumexp", _logsumexp,
                      lambda g, out, x, *, axis, keepdims:
                          _expand(g, x, axis) * _softmax(x, axis))

# fmt: on

# Products. NumPy is fastest along memory, so a product of many rows and few columns is laid out
# column by column; shape and numbers are the same.


def _matmul(a: Any, b: Any) -> Any:
    if type(a) is float or type(b) is float:
        raise ValueError("numbers are multiplied with *")
    if a.ndim == 2 == b.ndim and a.shape[0] > b.shape[1]:
        return np.matmul(b.T, a.T).T
    return np.matmul(a, b)


def _outer(a: Any, b: Any) -> Any:
    return (b[:, None] * a).T if a.size > b.size else a[:, None] * b


def _swap(x: Any) -> Any:
    """Swap the last two axes."""
    return x.T if x.ndim == 2 else transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _matmul_left(g: Any, out: Any, a: Any, b: Any) -> Any:
    if a.ndim == b.ndim == 1:
        return g * b
    if b.ndim == 1:
        return outer(g, b) if a.ndim == 2 else g[..., None] * b
    if a.ndim == 1:
        return b @ g if b.ndim == 2 else (b @ g[..., None])[..., 0]
    return matmul(g, _swap(b))


def _matmul_right(g: Any, out: Any, a: Any, b: Any) -> Any:
    if a.ndim == b.ndim == 1:
        return g * a
    if b.ndim == 1:
        return g @ a if a.ndim == 2 else (_swap(a) @ g[..., None])[..., 0]
    if a.ndim == 1:
        return outer(a, g) if b.ndim == 2 else a[:, None] * g[..., None, :]
    return _swap(a) @ g


# fmt: off

matmul = Primitive("matmul", _matmul, _matmul_left, _matmul_right, broadcasts=True)
outer  = Primitive("outer", _outer,
                   lambda g, out, a, b: g @ b,
                   lambda g, out, a, b: a @ g)

# fmt: on

# Moving and picking elements: linear, in pairs that are each other's rules.


def _broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    if np.ndim(x) > len(shape):
        raise ValueError(f"an array of {np.ndim(x)} axes does not broadcast to {len(shape)}")
    out = np.empty(shape, getattr(x, "dtype", np.float64))
    out[...] = x
    return out


def _transpose(x: Any, axes: Any) -> Any:
    return x.T if axes is None else np.transpose(x, axes)


def _transpose_rule(g: Any, out: Any, x: Any, *, axes: Any) -> Any:
    return g.T if axes is None else transpose(g, axes=tuple(np.argsort(np.mod(axes, len(axes)))))


def _scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros with `x` added at `index`, once for each time that an element is named."""
    out = np.zeros(shape, np.result_type(x))
    if builtins.any(
        isinstance(i, np.ndarray) for i in (index if type(index) is tuple else (index,))
    ):
        np.add.at(out, index, x)
    else:
        out[index] = x
    return out


def _concatenate_rule(g: Any, out: Any, *operands: Any, axis: int, position: int) -> Any:
    axis = axis % out.ndim
    start = builtins.sum(shape(x)[axis] for x in operands[:position])
    stop = start + shape(operands[position])[axis]
    return getitem(g, index=(*[slice(None)] * axis, slice(start, stop)))


# fmt: off

broadcast_to = Primitive("broadcast_to", _broadcast_to,
                         lambda g, out, x, *, shape: g, broadcasts=True)
reshape      = Primitive("reshape", lambda x, shape: np.reshape(x, shape),
                         lambda g, out, x, **to: reshape(g, shape=shape(x)))
transpose    = Primitive("transpose", _transpose, _transpose_rule)
getitem      = Primitive("getitem", lambda x, index: np.asarray(x)[index],
                         lambda g, out, x, *, index: scatter(g, index=index, shape=shape(x)))
scatter      = Primitive("scatter", _scatter,
                         lambda g, out, x, *, index, shape: getitem(g, index=index),
                         doc="Zeros of `shape` with x added at `index`; the adjoint of getitem.")
concatenate  = Primitive("concatenate", lambda *arrays, axis: np.concatenate(arrays, axis),
                         every=_concatenate_rule)
