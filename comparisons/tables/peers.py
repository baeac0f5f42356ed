"""One step of the tutorial's gradient descent in other libraries, each in that library's style.

A peer starts with `(X, t, params)` and returns `(step, current)`: `step()` makes one step with
learning rate 1, loss, gradients and update, and returns the loss; `current()` returns the
parameters as arrays of the tutorial's shapes.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from comparisons.tables.ways import Backprop
from mlp import scalar
from mlp.data import Array, Parameters

Steps = tuple[Callable[[], Any], Callable[[], Parameters]]


@dataclass(frozen=True)
class Peer:
    """A library's step; its difference from by hand may be what its precision explains."""

    name: str
    package: str
    start: Callable[[Array, Any, Parameters], Steps]
    tolerance: float = 1e-10
    seconds: Callable[[int, int], float] = lambda points, hidden: 0.0


def descent(backprop: Backprop, X: Array, t: Any, params: Parameters) -> Steps:
    """Make the steps with a `backprop(X, t, params)`."""
    params = dict(params)

    def step() -> Any:
        grads, loss = backprop(X, t, params)
        for name in params:
            params[name] = params[name] - grads[name]
        return loss

    return step, lambda: params


def pytorch(dtype: str, X: Array, t: Any, params: Parameters, threads: int = 1) -> Steps:
    """The tutorial's PyTorch loop."""
    import torch

    from mlp import pytorch

    torch.set_num_threads(threads)
    return pytorch.descent(X, t, params, getattr(torch, dtype))


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
    return descent(lambda X, t, params: both(params)[::-1], X, t, params)


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

    def operation(x: Any, y: float, slope: float) -> Any:
        out = Value(y, (x,))

        def _backward() -> None:
            x.grad += slope * out.grad

        out._backward = _backward
        return out

    def tanh(g: Any) -> Any:
        h = math.tanh(g.data)
        return operation(g, h, 1 - h**2)

    arrays = {name: np.frompyfunc(Value, 1, 1)(np.array(p, object)) for name, p in params.items()}
    lists = {name: p.tolist() if np.ndim(p) else p for name, p in arrays.items()}
    total: Any = 0.0
    for x, t_i in zip(X.tolist(), np.asarray(t, float).tolist()):
        z = scalar.logit(lists, x, tanh)
        e = math.exp(-abs(z.data))
        cross_entropy = math.log1p(e) + max(z.data, 0.0) - t_i * z.data
        total += operation(z, cross_entropy, (1.0 if z.data > 0 else e) / (1.0 + e) - t_i)
    loss = (1 / len(X)) * total
    # Its sort is recursive, and the sum over the points is as deep as there are points.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 2 * len(X) + 10 * len(params["b"]))
    try:
        loss.backward()
    finally:
        sys.setrecursionlimit(limit)
    gradient = np.frompyfunc(lambda value: value.grad, 1, 1)
    return {name: np.array(gradient(p), float) for name, p in arrays.items()}, loss.data


PEERS = (
    Peer("PyTorch float64", "torch", partial(pytorch, "float64")),
    Peer("PyTorch float32", "torch", partial(pytorch, "float32"), 1e-4),
    Peer("JAX jit", "jax", jax_jit),
    Peer("HIPS autograd", "autograd", hips_autograd),
    Peer("MyGrad", "mygrad", partial(descent, mygrad_backprop)),
    Peer(
        "micrograd",
        "micrograd",
        partial(descent, micrograd_backprop),
        seconds=lambda points, hidden: 2e-4 * points * (hidden + 1),
    ),
)


def installed_peers() -> list[Peer]:
    return [peer for peer in PEERS if find_spec(peer.package)]
