"""Functions of numbers, element by element: ufuncs of NumPy, a rule for each operand."""

import math
from typing import Any

import numpy as np

from autodiff.functions import where
from autodiff.graph import Primitive
from autodiff.more.extend import primitive, without_derivative
from autodiff.primitives import abs, identity, power, sigmoid, sign, sin, sqrt

LN2, LN10 = math.log(2.0), math.log(10.0)

# fmt: off

# Named in rules above their definitions.
cosh: Primitive
hypot: Primitive

# Trigonometric and hyperbolic.

tan     = primitive(np.tan,     lambda g, out, x: g * (1.0 + out * out))
arcsin  = primitive(np.arcsin,  lambda g, out, x: g / sqrt((1.0 - x) * (1.0 + x)))
arccos  = primitive(np.arccos,  lambda g, out, x: -g / sqrt((1.0 - x) * (1.0 + x)))
arctan  = primitive(np.arctan,  lambda g, out, x: g / (1.0 + x * x))
arctan2 = primitive(np.arctan2, lambda g, out, a, b: g * (b / (a * a + b * b)),
                                lambda g, out, a, b: g * (-a / (a * a + b * b)))
sinh    = primitive(np.sinh,    lambda g, out, x: g * cosh(x))
cosh    = primitive(np.cosh,    lambda g, out, x: g * sinh(x))
arcsinh = primitive(np.arcsinh, lambda g, out, x: g / hypot(x, 1.0))
arccosh = primitive(np.arccosh, lambda g, out, x: g / sqrt((x - 1.0) * (x + 1.0)))
arctanh = primitive(np.arctanh, lambda g, out, x: g / ((1.0 - x) * (1.0 + x)))

# Powers and logarithms. Where hypot is 0 it has slope 0, as abs has.

log2       = primitive(np.log2,  lambda g, out, x: g / (x * LN2))
log10      = primitive(np.log10, lambda g, out, x: g / (x * LN10))
exp2       = primitive(np.exp2,  lambda g, out, x: g * (out * LN2))
logaddexp  = primitive(np.logaddexp,  lambda g, out, a, b: g * sigmoid(a - b),
                                      lambda g, out, a, b: g * sigmoid(b - a))
logaddexp2 = primitive(np.logaddexp2, lambda g, out, a, b: g * sigmoid(LN2 * (a - b)),
                                      lambda g, out, a, b: g * sigmoid(LN2 * (b - a)))
hypot      = primitive(np.hypot, lambda g, out, a, b: g * (a / (out + (out == 0.0))),
                                 lambda g, out, a, b: g * (b / (out + (out == 0.0))))
reciprocal = primitive(np.reciprocal, lambda g, out, x: -g * (out * out))
cbrt       = primitive(np.cbrt, lambda g, out, x: g / (3.0 * out * out))
fabs       = primitive(np.fabs, lambda g, out, x: g * sign(x))
float_power = power
positive = conjugate = real = identity

# Remainders, and the larger and smaller where NaN stands for nothing.

floor_divide = without_derivative(np.floor_divide)
trunc        = without_derivative(np.trunc)
remainder = primitive(np.remainder, lambda g, out, a, b: g,
                                    lambda g, out, a, b: -g * floor_divide(a, b))
fmod      = primitive(np.fmod, lambda g, out, a, b: g,
                               lambda g, out, a, b: -g * trunc(a / b))
fmax = primitive(np.fmax, lambda g, out, a, b: g * ((a > b) + 0.5 * (a == b) + 1.0 * (b != b)),
                          lambda g, out, a, b: g * ((a < b) + 0.5 * (a == b) + 1.0 * (a != a)))
fmin = primitive(np.fmin, lambda g, out, a, b: g * ((a < b) + 0.5 * (a == b) + 1.0 * (b != b)),
                          lambda g, out, a, b: g * ((a > b) + 0.5 * (a == b) + 1.0 * (a != a)))

# fmt: on


def sinc(x: Any) -> Any:
    """Return sin(pi x) / (pi x), near 0 by its series: so all its derivatives hold there too."""
    y = math.pi * x
    is_near = abs(y) < 1.0
    far, squares = where(is_near, 1.0, y), where(is_near, y * y, 0.0)
    series = 1.0
    for k in range(20, 0, -2):
        series = 1.0 - squares / (k * (k + 1.0)) * series
    return where(is_near, series, sin(far) / far)


def radians(x: Any) -> Any:
    """Return an angle in degrees in radians."""
    return x * (math.pi / 180.0)


def degrees(x: Any) -> Any:
    """Return an angle in radians in degrees."""
    return x * (180.0 / math.pi)


deg2rad, rad2deg = radians, degrees
