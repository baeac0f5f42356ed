"""Backpropagation by hand: the equations of CSC321, Tutorial 5, as lines of NumPy.

The adjoint of a quantity, the derivative of the loss with respect to it, is named after it, with
`_bar`. Shapes: X (N, 2), t (N,), U (H, 2), b (H,), W (H,), c (); G and H (N, H), z and y (N,).
"""

import numpy as np

from mlp.data import Array, Parameters, Result
from mlp.losses import cross_entropy, sigmoid


def forward(X: Array, params: Parameters) -> Array:
    """Return y (N,), the probability of label 1 for each row of X (N, 2)."""
    return hidden_and_output(X, params)[1]


def backprop(X: Array, t: Array, params: Parameters) -> Result:
    """Return the gradients, a dict of the keys and shapes of `params`, and the loss.

    The loss is the mean cross-entropy of y, infinite or NaN where a y rounds to 0 or 1. Raises
    ValueError where t does not have the shape of y; other shapes are not checked.
    """
    H, y = hidden_and_output(X, params)
    loss = (1 / len(X)) * np.sum(cross_entropy(y, t))
    bars = backward(X, t, params["W"], H, y)
    return {name: bars[f"{name}_bar"] for name in ("U", "b", "W", "c")}, float(loss)


def adjoints(X: Array, t: Array, params: Parameters) -> Parameters:
    """Return every adjoint by its name: z_bar, W_bar, c_bar, H_bar, G_bar, U_bar and b_bar."""
    return backward(X, t, params["W"], *hidden_and_output(X, params))


def hidden_and_output(X: Array, params: Parameters) -> tuple[Array, Array]:
    """Return H (N, H) and y (N,)."""
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    G = X @ U.T + b
    H = np.tanh(G)
    z = H @ W + c
    y = sigmoid(z)
    return H, y


def backward(X: Array, t: Array, W: Array, H: Array, y: Array) -> Parameters:
    """Return every adjoint, from the loss back to the parameters."""
    N = len(X)
    z_bar = (1 / N) * (y - t)
    W_bar = H.T @ z_bar
    c_bar = np.sum(z_bar)
    H_bar = np.outer(z_bar, W)
    G_bar = H_bar * (1 - H * H)
    U_bar = G_bar.T @ X
    b_bar = np.sum(G_bar, axis=0)
    return {
        "z_bar": z_bar,
        "W_bar": W_bar,
        "c_bar": c_bar,
        "H_bar": H_bar,
        "G_bar": G_bar,
        "U_bar": U_bar,
        "b_bar": b_bar,
    }
