"""One step of the tutorial's gradient descent in other libraries, each in that library's style.

A peer is a function of `(X, t, params)` that returns `(step, current)`: `step()` makes one step
with learning rate 1, loss, gradients and update, and returns the loss; `current()` returns the
parameters as arrays of the tutorial's shapes.
"""

import math
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from comparisons.tables.ways import Backprop
from mlp.data import Array, Parameters

Steps = tuple[Callable[[], Any], Callable[[], Parameters]]
Peer = Callable[[Array, Any, Parameters], Steps]


def from_backprop(backprop: Backprop) -> Peer:
    """Return the step of a `backprop(X, t, params)`."""

    def start(X: Array, t: Any, params: Parameters) -> Steps:
        params = dict(params)

        def step() -> Any:
            grads, loss = backprop(X, t, params)
            for name in params:
                params[name] = params[name] - grads[name]
            return loss

        return step, lambda: params

    return start


def pytorch(dtype_name: str) -> Peer:
    """Return the tutorial's PyTorch loop: one model, `BCEWithLogitsLoss` and SGD."""

    def start(X: Array, t: Any, params: Parameters) -> Steps:
        import torch

        from mlp.pytorch import Model, like

        torch.set_num_threads(1)
        dtype = getattr(torch, dtype_name)
        model = Model(params, dtype)
        inputs, targets = torch.tensor(X, dtype=dtype), torch.tensor(t, dtype=dtype)[:, None]
        criterion = torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

        def step() -> Any:
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss.item()

        def current() -> Parameters:
            found = model.by_name().items()
            return {name: like(p.detach().clone(), params[name]) for name, p in found}

        return step, current

    return start


def loss_in(numpy: Any, dot: Any, params: Any, X: Any, t: Any) -> Any:
    """Return the loss of the tutorial's network, written with a library's own NumPy."""
    z = dot(numpy.tanh(dot(X, params["U"].T) + params["b"]), params["W"]) + params["c"]
    return numpy.mean(t * numpy.logaddexp(0.0, -z) + (1 - t) * numpy.logaddexp(0.0, z))


def jax_jit(X: Array, t: Any, params: Parameters) -> Steps:
    """JAX: loss, gradients and update compiled into one call."""
    jax: Any = import_module("jax")
    jnp = jax.numpy
    jax.config.update("jax_enable_x64", True)

    def updated(params: Any, X: Any, t: Any) -> Any:
        value, grads = jax.value_and_grad(loss_in, argnums=2)(jnp, jnp.matmul, params, X, t)
        return {name: params[name] - grads[name] for name in params}, value

    compiled = jax.jit(updated)
    inputs, targets = jnp.asarray(X), jnp.asarray(t, float)
    state = {name: jnp.asarray(p) for name, p in params.items()}

    def step() -> float:
        nonlocal state
        state, value = compiled(state, inputs, targets)
        return float(jax.block_until_ready((state, value))[1])

    return step, lambda: {name: np.asarray(p) for name, p in state.items()}


def hips_autograd(X: Array, t: Any, params: Parameters) -> Steps:
    """HIPS autograd, with its own NumPy."""
    autograd: Any = import_module("autograd")
    anp: Any = import_module("autograd.numpy")
    both = autograd.value_and_grad(lambda params: loss_in(anp, anp.dot, params, X, t))
    return from_backprop(lambda X, t, params: both(params)[::-1])(X, t, params)


def mygrad_backprop(X: Array, t: Any, params: Parameters) -> tuple[Parameters, float]:
    """MyGrad: tensors and `backward()`."""
    mg: Any = import_module("mygrad")
    tensors = {name: mg.tensor(p) for name, p in params.items()}
    loss = loss_in(mg, mg.matmul, tensors, X, t)
    loss.backward()
    return {name: tensor.grad for name, tensor in tensors.items()}, float(loss)


def micrograd_backprop(X: Array, t: Any, params: Parameters) -> tuple[Parameters, float]:
    """Return the gradients and the loss by micrograd, on the graph of numbers of `mlp.scalar`.

    micrograd has neither tanh nor this loss; both are added as it writes its own operations.
    """
    Value: Any = import_module("micrograd.engine").Value

    def tanh(x: Any) -> Any:
        out = Value(math.tanh(x.data), (x,), "tanh")

        def _backward() -> None:
            x.grad += (1 - out.data**2) * out.grad

        out._backward = _backward
        return out

    def logistic_cross_entropy(z: Any, t: float) -> Any:
        e = math.exp(-abs(z.data))
        out = Value(math.log1p(e) + max(z.data, 0.0) - t * z.data, (z,), "loss")

        def _backward() -> None:
            z.grad += ((1.0 if z.data > 0 else e) / (1.0 + e) - t) * out.grad

        out._backward = _backward
        return out

    def values(numbers: Any) -> Any:
        return [values(n) for n in numbers] if isinstance(numbers, list) else Value(numbers)

    def grads(tree: Any) -> Any:
        return [grads(v) for v in tree] if isinstance(tree, list) else tree.grad

    tree = {name: values(np.asarray(p).tolist()) for name, p in params.items()}
    total: Any = 0.0
    for (x_1, x_2), t_i in zip(X.tolist(), np.asarray(t, float).tolist()):
        z = tree["c"]
        for (u_1, u_2), b_j, w_j in zip(tree["U"], tree["b"], tree["W"]):
            z = z + w_j * tanh(u_1 * x_1 + u_2 * x_2 + b_j)
        total = total + logistic_cross_entropy(z, t_i)
    loss = (1 / len(X)) * total
    # Its sort is recursive, and the sum over the points is as deep as there are points.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 2 * len(X) + 10 * len(params["b"]))
    try:
        loss.backward()
    finally:
        sys.setrecursionlimit(limit)
    return {name: np.array(grads(branch)) for name, branch in tree.items()}, loss.data


def micrograd_seconds(points: int, hidden: int) -> float:
    """Return about what one gradient with micrograd takes."""
    return 2e-4 * points * (hidden + 1)


# Name in the tables: package, peer, and the difference from by hand that its precision explains.
PEERS: dict[str, tuple[str, Peer, float]] = {
    "PyTorch float64": ("torch", pytorch("float64"), 1e-10),
    "PyTorch float32": ("torch", pytorch("float32"), 1e-4),
    "JAX jit": ("jax", jax_jit, 1e-10),
    "HIPS autograd": ("autograd", hips_autograd, 1e-10),
    "MyGrad": ("mygrad", from_backprop(mygrad_backprop), 1e-10),
    "micrograd": ("micrograd", from_backprop(micrograd_backprop), 1e-10),
}


def installed_peers() -> dict[str, tuple[str, Peer, float]]:
    """Return the peers whose packages are installed."""
    return {name: peer for name, peer in PEERS.items() if find_spec(peer[0])}
