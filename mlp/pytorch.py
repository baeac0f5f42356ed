"""The tutorial's PyTorch model: two linear layers and `BCEWithLogitsLoss`.

`forward` and `backprop` work in float64, for comparison; `backprop_float32` and `train_float32` in
the tutorial's float32.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    import torch
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "mlp.pytorch needs PyTorch; install it with: pip install 'backprop-by-hand[torch]'"
    ) from error
from torch import nn

from mlp.data import Array, Parameters, Result, as_count, check_shapes
from mlp.training import History


class Model(nn.Module):
    """The network with given parameters: X (N, 2) -> logits (N, 1)."""

    def __init__(self, params: Parameters, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer1 = linear(params["U"], params["b"], dtype)
        self.layer2 = linear(params["W"], params["c"], dtype)

    def by_name(self) -> dict[str, torch.Tensor]:
        """Return PyTorch's parameters by their names in the tutorial."""
        return dict(zip(("U", "b", "W", "c"), self.parameters()))

    def forward(self, X: torch.Tensor) -> Any:
        return self.layer2(torch.tanh(self.layer1(X)))


def linear(weight: Array, bias: Array, dtype: torch.dtype) -> nn.Linear:
    """Return a layer with these weights, a row or a matrix, and these biases."""
    rows = np.atleast_2d(weight)
    # On the "meta" device a layer has no numbers, so none are drawn only to be replaced.
    layer = nn.Linear(rows.shape[1], rows.shape[0], device="meta", dtype=dtype)
    layer.weight = nn.Parameter(torch.tensor(rows, dtype=dtype))
    layer.bias = nn.Parameter(torch.tensor(np.atleast_1d(bias), dtype=dtype))
    return layer


def forward(X: Array, params: Parameters) -> Array:
    """Return y (N,), the probability of label 1 for each row of X (N, 2), in float64."""
    with torch.no_grad():
        z = Model(params, torch.float64)(torch.tensor(X, dtype=torch.float64))
        return np.asarray(torch.sigmoid(z)[:, 0])


def backprop(X: Array, t: Array, params: Parameters, dtype: torch.dtype = torch.float64) -> Result:
    """Return the gradients and the loss; ValueError where shapes do not fit each other."""
    check_shapes(X, t, params)
    model = Model(params, dtype)
    loss = nn.BCEWithLogitsLoss()(
        model(torch.tensor(X, dtype=dtype)), torch.tensor(t, dtype=dtype)[:, None]
    )
    loss.backward()
    grads = {name: like(p.grad, params[name]) for name, p in model.by_name().items()}
    return grads, loss.item()


def backprop_float32(X: Array, t: Array, params: Parameters) -> Result:
    """As `backprop`, in single precision; the gradients are float32."""
    return backprop(X, t, params, torch.float32)


def descent(
    X: Array, t: Array, params: Parameters, dtype: torch.dtype, learning_rate: float = 1.0
) -> tuple[Callable[[], float], Callable[[], Parameters]]:
    """Return the tutorial's loop as `(step, current)`: one model, PyTorch's own loss and SGD.

    `step()` makes a step and returns the loss before it; `current()` returns the parameters.
    """
    check_shapes(X, t, params)
    model = Model(params, dtype)
    inputs, targets = torch.tensor(X, dtype=dtype), torch.tensor(t, dtype=dtype)[:, None]
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)

    def step() -> float:
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.item())

    def current() -> Parameters:
        found = model.by_name().items()
        return {name: like(p.detach().clone(), params[name]) for name, p in found}

    return step, current


def train_float32(
    X: Array, t: Array, params: Parameters, steps: int = 1000, learning_rate: float = 1.0
) -> History:
    """Train as the tutorial does, by `descent` in float32."""
    step, current = descent(X, t, params, torch.float32, learning_rate)
    losses = np.array([step() for _ in range(as_count(steps, "steps", 0))])
    return History(current(), losses, {})


def like(tensor: Any, parameter: Array) -> Any:
    return tensor.numpy().reshape(np.shape(parameter))[()]
