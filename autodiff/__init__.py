"""Reverse-mode automatic differentiation: the engine is `graph`, `primitives` and `walk`.

`Value` records what is computed with it; `Value.backward` and the functions `grad`,
`value_and_grad`, `gradients` and `vjp` differentiate the record. NumPy's functions record too.
`jvp`, `hvp`, `jacobian` and `hessian` differentiate once more; `derivation` prints the equations of
the backward pass, `source` its NumPy code, and `compile` runs that in memory that it keeps;
`in_blocks` goes through data of any size; `draw` makes a picture of the graph; `check_gradient`
compares gradients, also those derived by hand, with numerical differentiation. `primitive`,
`register` and `custom_gradient` add functions, as `autodiff.more` does.
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
    from autodiff.blocks.blocks import in_blocks
    from autodiff.check.gradient import check_gradient
    from autodiff.check.primitive import check_primitive
    from autodiff.more.extend import custom_gradient, primitive, register
    from autodiff.more.moving import array
    from autodiff.readings.compiling.compile import compile as compile
    from autodiff.readings.equations import derivation
    from autodiff.readings.picture import draw
    from autodiff.readings.source import source
    from autodiff.readings.steps import steps

# Imported when they are first used: whoever only differentiates does without them.
READINGS = {
    "array": "more.moving",
    "check_gradient": "check.gradient",
    "check_primitive": "check.primitive",
    "compile": "readings.compiling.compile",
    "custom_gradient": "more.extend",
    "derivation": "readings.equations",
    "draw": "readings.picture",
    "in_blocks": "blocks.blocks",
    "primitive": "more.extend",
    "register": "more.extend",
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
    "Value", "array", "broadcast_to", "check_gradient", "check_primitive", "clip", "concatenate",
    "cos", "custom_gradient", "derivation", "dot", "draw", "exp", "expand_dims", "expm1", "grad",
    "gradients", "hessian", "hvp", "in_blocks", "jacobian", "jvp", "log", "log1p", "log_sigmoid",
    "log_softmax", "logistic_cross_entropy", "logsumexp", "matmul", "maximum", "mean", "minimum",
    "outer", "primitive", "ravel", "register", "relu", "reshape", "sigmoid", "sin", "softmax",
    "softplus", "source", "sqrt", "square", "squeeze", "stack", "steps", "swapaxes", "tanh",
    "transpose", "value_and_grad",
    "var", "vjp", "where", "zero_grad",
]
