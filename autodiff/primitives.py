"""The calculus, written once: every primitive, its NumPy function and its rules side by side.

In a rule `g` is the adjoint of the result `out`; what it returns is the operand's part of it.
"""

import builtins
import operator
from typing import Any

import numpy as np

from autodiff import numerics
from autodiff.arrays import by_columns, indexed, shape, size
from autodiff.graph import Primitive

# fmt: off

# Named in rules above their definitions.
cos: Primitive
log: Primitive
logistic_residual: Primitive
power: Primitive
reshape: Primitive
scatter: Primitive
sigmoid_slope: Primitive
where: Primitive

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
                     lambda g, out, a, b: g * (-out / b), broadcasts=True)
# The comparisons, here and in _base, keep 0 * inf out of the derivatives of x^0 and 0^b at 0.
power    = Primitive("power", np.power,
                     lambda g, out, a, b: g * (b * power(_base(a, b), b - 1.0)),
                     lambda g, out, a, b: g * (out * log(a + (a == 0))), broadcasts=True)
negative = Primitive("negative", operator.neg, lambda g, out, x: -g)


def _base(a: Any, b: Any) -> Any:
    """Return a, or 1 where a and b are 0."""
    return a if type(b) is float and b else a + ((a == 0) & (b == 0))


# Functions of one operand, element by element.

exp    = Primitive("exp",    np.exp,    lambda g, out, x: g * out)
expm1  = Primitive("expm1",  np.expm1,  lambda g, out, x: g * exp(x))
log    = Primitive("log",    np.log,    lambda g, out, x: g / x)
log1p  = Primitive("log1p",  np.log1p,  lambda g, out, x: g / (1.0 + x))
sqrt   = Primitive("sqrt",   np.sqrt,   lambda g, out, x: g * (0.5 / out))
square = Primitive("square", np.square, lambda g, out, x: g * (2.0 * x))
sin    = Primitive("sin",    np.sin,    lambda g, out, x: g * cos(x))
cos    = Primitive("cos",    np.cos,    lambda g, out, x: -g * sin(x))
tanh   = Primitive("tanh",   np.tanh,   lambda g, out, x: g * (1.0 - out * out))

# Masks: true or false, without a derivative.

less          = Primitive("less", operator.lt, None, None, broadcasts=True)
less_equal    = Primitive("less_equal", operator.le, None, None, broadcasts=True)
greater       = Primitive("greater", operator.gt, None, None, broadcasts=True)
greater_equal = Primitive("greater_equal", operator.ge, None, None, broadcasts=True)
equal         = Primitive("equal", operator.eq, None, None, broadcasts=True)
not_equal     = Primitive("not_equal", operator.ne, None, None, broadcasts=True)

logical_and   = Primitive("logical_and", operator.and_, None, None, broadcasts=True)
logical_or    = Primitive("logical_or", operator.or_, None, None, broadcasts=True)
logical_not   = Primitive("logical_not", np.logical_not, None)
MASKS = {less, less_equal, greater, greater_equal, equal, not_equal,
         logical_and, logical_or, logical_not}

# Kinks; docs/kinks.md lists what is chosen at each.

sign    = Primitive("sign", np.sign, None)
abs     = Primitive("abs", operator.abs, lambda g, out, x: g * sign(x))
relu    = Primitive("relu", numerics.relu, lambda g, out, x: g * (x > 0.0))
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

# The logistic family.

sigmoid       = Primitive("sigmoid", numerics.sigmoid, lambda g, out, x: g * sigmoid_slope(x))
sigmoid_slope = Primitive("sigmoid_slope", numerics.sigmoid_slope,
                          lambda g, out, x: g * (out * (sigmoid(-x) - sigmoid(x))))
softplus      = Primitive("softplus", numerics.softplus, lambda g, out, x: g * sigmoid(x))
log_sigmoid   = Primitive("log_sigmoid", numerics.log_sigmoid, lambda g, out, x: g * sigmoid(-x))
logistic_cross_entropy = Primitive("logistic_cross_entropy", numerics.logistic_cross_entropy,
                                   lambda g, out, z, t: g * logistic_residual(z, t),
                                   lambda g, out, z, t: g * -z, broadcasts=True)
logistic_residual = Primitive("logistic_residual", numerics.logistic_residual,
                              lambda g, out, z, t: g * sigmoid_slope(z),
                              lambda g, out, z, t: -g, broadcasts=True)

# Reductions.


def _reduction(ufunc: Any) -> Any:
    return lambda x, axis, keepdims: ufunc.reduce(x, axis=axis, keepdims=keepdims)


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


sum       = Primitive("sum", _reduction(np.add),
                      lambda g, out, x, *, axis, keepdims: _spread(g, x, axis))
mean      = Primitive("mean", numerics.mean,
                      lambda g, out, x, *, axis, keepdims:
                          _spread(g / (size(x) / size(out)), x, axis))
max       = Primitive("max", _reduction(np.maximum), _extreme_rule)
min       = Primitive("min", _reduction(np.minimum), _extreme_rule)
logsumexp = Primitive("logsumexp", numerics.logsumexp,
                      lambda g, out, x, *, axis, keepdims:
                          _expand(g, x, axis) * _softmax(x, axis))

# Products.


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
        return _swap(a) @ g if a.ndim == 2 else (_swap(a) @ g[..., None])[..., 0]
    if a.ndim == 1:
        return outer(a, g) if b.ndim == 2 else a[:, None] * g[..., None, :]
    if by_columns(b):  # as a transpose is: then so is its adjoint
        return _swap(matmul(_swap(g), a))
    return matmul(_swap(a), g)


matmul = Primitive("matmul", numerics.matmul, _matmul_left, _matmul_right, broadcasts=True)
outer  = Primitive("outer", numerics.outer,
                   lambda g, out, a, b: g @ b,
                   lambda g, out, a, b: a @ g)

# Moving, picking and converting elements: linear, in pairs that are each other's rules.


def _transpose(x: Any, axes: Any) -> Any:
    return x.T if axes is None else np.transpose(x, axes)


def _transpose_rule(g: Any, out: Any, x: Any, *, axes: Any) -> Any:
    return g.T if axes is None else transpose(g, axes=tuple(np.argsort(np.mod(axes, len(axes)))))


def _concatenate_rule(g: Any, out: Any, *operands: Any, axis: int, position: int) -> Any:
    axis = axis % out.ndim
    start = builtins.sum(shape(x)[axis] for x in operands[:position])
    stop = start + shape(operands[position])[axis]
    return getitem(g, index=(*[slice(None)] * axis, slice(start, stop)))


broadcast_to = Primitive("broadcast_to", numerics.broadcast_to,
                         lambda g, out, x, *, shape: g, broadcasts=True)
cast         = Primitive("cast", lambda x, dtype: np.asarray(x).astype(dtype),
                         lambda g, out, x, *, dtype: g)
identity     = Primitive("identity", lambda x: x, lambda g, out, x: g)
reshape      = Primitive("reshape", lambda x, shape: np.reshape(x, shape),
                         lambda g, out, x, **to: reshape(g, shape=shape(x)))
transpose    = Primitive("transpose", _transpose, _transpose_rule)
getitem      = Primitive("getitem", lambda x, *at, index: np.asarray(x)[indexed(index, at)],
                         lambda g, out, x, *at, index:
                             scatter(g, *at, index=index, shape=shape(x)), more=True)
scatter      = Primitive("scatter", lambda x, *at, index, shape:
                             numerics.scatter(x, indexed(index, at), shape),
                         lambda g, out, x, *at, index, **_: getitem(g, *at, index=index), more=True)
concatenate  = Primitive("concatenate", lambda *arrays, axis: np.concatenate(arrays, axis),
                         every=_concatenate_rule)
