"""The network on `autodiff.compile`: the equations of `mlp.engine`, traced and written out."""

from autodiff import compile
from mlp import engine
from mlp.data import Array, Parameters, Result

forward = engine.forward
loss_and_gradients = compile(engine.loss)


def backprop(X: Array, t: Array, params: Parameters) -> Result:
    """Return the gradients and the loss; raises as `mlp.engine.loss` does."""
    value, grads = loss_and_gradients(params, X, t)
    return grads, float(value)
