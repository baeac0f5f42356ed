"""Reverse-mode automatic differentiation: the engine is `graph`, `primitives` and `walk`.

`Value` records what is computed with it; `Value.backward` and the functions `grad`,
`value_and_grad`, `gradients` and `vjp` differentiate the record. NumPy's functions record too.
`jvp`, `hvp`, `jacobian` and `hessian` differentiate once more; `derivation` prints the equations of
the backward pass, `source` its NumPy code, and `compile` runs that in memory that it keeps; `draw`
makes a picture of the graph; `check_gradient` compares gradients, also those derived by hand, with
numerical differentiation.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# isort: off
# fmt: off
from autodiff.functions import (
    broadcast_to, clip, concatenate, dot, expand_dims, log_softmax, logsumexp, mean, outer, ravel,
    reshape, softmax, squeeze, stack, swapaxes, transpose, var, where,
    max as max, min as min, sum as sum,
)
from autodiff.jacobians import hessian, hvp, jacobian, jvp
from autodiff.primitives import (
    abs as abs, cos, exp, expm1, log, log1p, log_sigmoid, logistic_cross_entropy, matmul, maximum,
    minimum, relu, sigmoid, sin, softplus, sqrt, square, tanh,
)
from autodiff.transforms import grad, gradients, value_and_grad, vjp, zero_grad
from autodiff.value import Value

if TYPE_CHECKING:
    from autodiff.check.gradient import check_gradient
    from autodiff.readings.compiling.compile import compile as compile
    from autodiff.readings.equations import derivation
    from autodiff.readings.picture import draw
    from autodiff.readings.source import source
    from autodiff.readings.steps import steps

# Imported when they are first used: whoever only differentiates does without them.
READINGS = {
    "check_gradient": "check.gradient",
    "compile": "readings.compiling.compile",
    "derivation": "readings.equations",
    "draw": "readings.picture",
    "source": "readings.source",
    "steps": "readings.steps",
}


def __getattr__(name: str) -> Any:
    if name not in READINGS:
        raise AttributeError(f"module 'autodiff' has no attribute {name!r}")
    from importlib import import_module

    return globals().setdefault(name, getattr(import_module(f"autodiff.{READINGS[name]}"), name))


# Without abs, compile, max, min and sum: `import *` replaces no builtin.
__all__ = [
    "Value", "broadcast_to", "check_gradient", "clip", "concatenate", "cos",
    "derivation", "dot", "draw", "exp", "expand_dims", "expm1", "grad", "gradients", "hessian",
    "hvp", "jacobian", "jvp", "log", "log1p", "log_sigmoid", "log_softmax",
    "logistic_cross_entropy", "logsumexp", "matmul", "maximum", "mean", "minimum",
    "outer", "ravel", "relu", "reshape", "sigmoid", "sin", "softmax", "softplus", "source", "sqrt",
    "square", "squeeze", "stack", "steps", "swapaxes", "tanh", "transpose", "value_and_grad",
    "var", "vjp", "where", "zero_grad",
]
