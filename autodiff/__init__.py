"""Reverse-mode automatic differentiation: the engine is `graph`, `primitives` and `walk`.

`Value` records what is computed with it; `Value.backward` and the functions `grad`,
`value_and_grad`, `gradients` and `vjp` differentiate the record. NumPy's functions record too.
`jvp`, `hvp`, `jacobian` and `hessian` differentiate once more; `derivation` prints the equations of
the backward pass, `source` its NumPy code, and `compile` runs that in memory that it keeps;
`in_blocks` goes through data of any size; `draw` makes a picture of the graph; `check_gradient`
compares gradients, also those derived by hand, with numerical differentiation.
"""

from typing import TYPE_CHECKING, Any

# isort: off
# fmt: off
from autodiff.functions import (
    broadcast_to, clip, concatenate, dot, expand_dims, log_softmax, logsumexp, max, mean, min,
    outer, ravel, reshape, softmax, squeeze, stack, sum, swapaxes, transpose, var, where,
)
from autodiff.jacobians import hessian, hvp, jacobian, jvp
from autodiff.primitives import (
    abs, cos, exp, expm1, log, log1p, log_sigmoid, logistic_cross_entropy, matmul, maximum, minimum,
    relu, sigmoid, sin, softplus, sqrt, square, tanh,
)
from autodiff.transforms import grad, gradients, value_and_grad, vjp, zero_grad
from autodiff.value import Value

if TYPE_CHECKING:
    from autodiff.blocks.blocks import in_blocks
    from autodiff.check.gradient import check_gradient
    from autodiff.readings.compiling.compile import compile
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
    "in_blocks": "blocks.blocks",
    "source": "readings.source",
    "steps": "readings.steps",
}


def __getattr__(name: str) -> Any:
    if name not in READINGS:
        raise AttributeError(f"module 'autodiff' has no attribute {name!r}")
    from importlib import import_module

    return globals().setdefault(name, getattr(import_module(f"autodiff.{READINGS[name]}"), name))


__all__ = [
    "Value", "abs", "broadcast_to", "check_gradient", "clip", "compile", "concatenate", "cos",
    "derivation", "dot", "draw", "exp", "expand_dims", "expm1", "grad", "gradients", "hessian",
    "hvp", "in_blocks", "jacobian", "jvp", "log", "log1p", "log_sigmoid", "log_softmax",
    "logistic_cross_entropy", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum",
    "outer", "ravel", "relu", "reshape", "sigmoid", "sin", "softmax", "softplus", "source", "sqrt",
    "square", "squeeze", "stack", "steps", "sum", "swapaxes", "tanh", "transpose", "value_and_grad",
    "var", "vjp", "where", "zero_grad",
]
