"""The network on `autodiff`: the forward equations alone, vectorised; the engine does the rest."""

from typing import Any

from autodiff import logistic_cross_entropy, mean, sigmoid, tanh, value_and_grad
from mlp.data import Array, Parameters, Result


def forward(X: Array, params: Parameters) -> Array:
    """Return y (N,), the probability of label 1 for each row of X (N, 2)."""
    y: Array = sigmoid(tanh(X @ params["U"].T + params["b"]) @ params["W"] + params["c"])
    return y


def loss(params: Parameters, X: Array, t: Array) -> Any:
    """Return the mean logistic cross-entropy; a Value where `params` are Values.

    Raises ValueError where t does not have the shape of z or is not in [0, 1], and where shapes do
    not fit.
    """
    G = X @ params["U"].T + params["b"]
    H = tanh(G)
    z = H @ params["W"] + params["c"]
    return mean(logistic_cross_entropy(z, t))


def backprop(X: Array, t: Array, params: Parameters) -> Result:
    """Return the gradients and the loss; raises as `loss` does."""
    value, grads = loss_and_gradients(params, X, t)
    return grads, float(value)


loss_and_gradients = value_and_grad(loss)
