"""Functions of `scipy.special`, recorded where it is installed, and logarithms of densities.

NumPy's own are enough for all but the gamma and error functions.
"""

import math
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from autodiff.arrays import shape
from autodiff.functions import UFUNCS, sum
from autodiff.graph import Primitive
from autodiff.more.extend import primitive
from autodiff.more.linalg import cholesky, solve
from autodiff.more.moving import diag
from autodiff.primitives import exp, log, log1p

ROOT_2PI = math.sqrt(2.0 * math.pi)


psi: Primitive
_zeta: Primitive


def scipys(name: str, *rules: Callable[..., Any]) -> Primitive:
    """Return a primitive of a function of SciPy's, which is loaded when it is computed."""

    def function(*operands: Any, **parameters: Any) -> Any:
        return getattr(import_module("scipy.special"), name)(*parameters.values(), *operands)

    function.__name__, function.__module__ = f"<{name}>", "scipy.special"
    UFUNCS[name] = found = primitive(function, *rules, name=name, broadcasts=len(rules) > 1)
    return found


# fmt: off

_zeta    = scipys("zeta", lambda g, out, x, *, s: -g * (s * _zeta(x, s=s + 1.0)))
gamma    = scipys("gamma", lambda g, out, x: g * (out * psi(x)))
gammaln  = scipys("gammaln", lambda g, out, x: g * psi(x))
psi      = scipys("psi", lambda g, out, x: g * _zeta(x, s=2.0))
erf      = scipys("erf", lambda g, out, x: g * (2.0 / math.sqrt(math.pi) * exp(-x * x)))
erfc     = scipys("erfc", lambda g, out, x: -g * (2.0 / math.sqrt(math.pi) * exp(-x * x)))
ndtr     = scipys("ndtr", lambda g, out, x: g * (exp(-0.5 * x * x) / ROOT_2PI))
log_ndtr = scipys("log_ndtr", lambda g, out, x: g * (exp(-0.5 * x * x - out) / ROOT_2PI))
logit    = scipys("logit", lambda g, out, x: g / (x * (1.0 - x)))

# fmt: on

del UFUNCS["zeta"]  # of two operands in SciPy


def _norm_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    z = (x - loc) / scale
    return -0.5 * z * z - log(scale) - math.log(ROOT_2PI)


def _t_logpdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    z, half = (x - loc) / scale, 0.5 * (df + 1.0)
    start = gammaln(half) - gammaln(0.5 * df) - 0.5 * log(math.pi * df) - log(scale)
    return start - half * log1p(z * z / df)


def _multivariate_logpdf(x: Any, mean: Any, cov: Any) -> Any:
    """Of each row of `x`, or of one vector."""
    lower = cholesky(cov)
    apart = x - mean
    n = shape(lower)[-1]
    z = solve(lower, apart.reshape(-1, n).T)
    squares = sum(z * z, axis=0).reshape(shape(apart)[:-1])
    return -0.5 * squares - sum(log(diag(lower))) - n * math.log(ROOT_2PI)


def density(logpdf: Callable[..., Any], **others: Callable[..., Any]) -> SimpleNamespace:
    """Return a distribution by the logarithm of its density."""
    pdf = lambda *args, **options: exp(logpdf(*args, **options))  # noqa: E731
    return SimpleNamespace(logpdf=logpdf, pdf=pdf, **others)


norm = density(
    _norm_logpdf,
    cdf=lambda x, loc=0.0, scale=1.0: ndtr((x - loc) / scale),
    logcdf=lambda x, loc=0.0, scale=1.0: log_ndtr((x - loc) / scale),
)
t, multivariate_normal = density(_t_logpdf), density(_multivariate_logpdf)
