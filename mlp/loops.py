"""The network as one loop over the examples in C: the equations of `mlp.engine`, written out.

Without a C compiler, and for layers too wide for loops, NumPy computes, as in `mlp.compiled`. After
a call `loss_and_gradients.backend` says which: "c" or "numpy".
"""

from typing import Any

from autodiff import compile
from mlp import engine
from mlp.data import Array, Parameters, Result

forward = engine.forward
loss_and_gradients: Any = compile(engine.loss, backend="auto")


def backprop(X: Array, t: Array, params: Parameters) -> Result:
    """Return the gradients and the loss; raises as `mlp.engine.loss` does."""
    value, grads = loss_and_gradients(params, X, t)
    return grads, float(value)
