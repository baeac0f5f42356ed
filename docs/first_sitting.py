"""Reverse mode in one sitting: the whole of backpropagation, on NumPy alone.

A program computes a loss in small steps. The *adjoint* of a result is the derivative of the loss
with respect to it. Given the adjoint of what a step returned, the chain rule yields those of what
it was given; so we remember the steps, and then walk through them backwards. Read from top to
bottom, then run this file to watch the network of CSC321, Tutorial 5, learn.
"""

from typing import Any

import numpy as np


# A primitive is a step with a rule for each operand. The rule turns g, the adjoint of the result
# `out`, into the operand's part of it: g times the derivative of `out` with respect to the operand.
# Grown up: `autodiff/graph.py`, where nothing that was recorded can be changed afterwards.
def primitive(function: Any, *rules: Any) -> Any:
    """Return `function` as a step that is remembered; a rule is called as rule(g, out, *inputs)."""

    def apply(*operands: Any) -> Any:
        nodes = [x if isinstance(x, Node) else Node(x) for x in operands]
        return Node(function(*[x.data for x in nodes]), nodes, rules)

    return apply


# All the calculus that we need. Softplus is log(1 + exp(z)); its slope is the logistic function.
# Grown up: `autodiff/primitives.py`, fifty of them, and their rules can be differentiated in turn.
# fmt: off
add       = primitive(np.add,       lambda g, out, a, b: g,
                                    lambda g, out, a, b: g)
multiply  = primitive(np.multiply,  lambda g, out, a, b: g * b,
                                    lambda g, out, a, b: g * a)
matmul    = primitive(np.matmul,    lambda g, out, a, b: g @ b.T if b.ndim > 1 else np.outer(g, b),
                                    lambda g, out, a, b: a.T @ g)
transpose = primitive(np.transpose, lambda g, out, x: g.T)
mean      = primitive(np.mean,      lambda g, out, x: np.full(x.shape, g / x.size))
tanh      = primitive(np.tanh,      lambda g, out, x: g * (1 - out * out))
softplus  = primitive(lambda z: np.logaddexp(0, z), lambda g, out, z: g * np.exp(z - out))
# fmt: on


# Grown up: `autodiff/value.py`, where NumPy's own functions are remembered too, as in np.tanh(v).
class Node:
    """A number or an array that remembers its step, and ranks above all that it was made from."""

    __array_ufunc__ = None  # so that NumPy leaves `array @ node` to the node
    __add__ = __radd__ = add
    __mul__ = __rmul__ = multiply
    __matmul__ = matmul
    T = property(transpose)

    def __init__(self, data: Any, operands: Any = (), rules: Any = ()) -> None:
        self.data, self.operands, self.rules = np.asarray(data, float), operands, rules
        self.rank = 1 + max((x.rank for x in operands), default=0)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)


# Why in order? Let b = a + a, c = b + b and d = b + c, so that d is 6 a. From d, b gets 1, and then
# from c another 2. If it passed on the 1 at once and later all 3, a would end up with 8. A node has
# to wait for whatever was made from it: as that ranks above it, the highest goes first.
# Why `previous + new`? What is used twice moves the loss in two ways, and their effects add up.
# Grown up: `autodiff/walk.py`, which leaves out what nobody asked for, refuses wrong shapes, and
# hands g on without a copy, so that `previous += new` would change an array that others hold.
def walk(result: Node) -> dict[Node, Any]:
    """Return the adjoint of every node that `result`, a number, was computed from."""
    adjoints: dict[Node, Any] = {result: np.float64(1)}
    waiting = {result}
    while waiting:
        node = max(waiting, key=lambda x: x.rank)
        waiting.remove(node)
        for operand, rule in zip(node.operands, node.rules):
            new = rule(adjoints[node], node.data, *[x.data for x in node.operands])
            previous = adjoints.get(operand, 0)
            adjoints[operand] = previous + unbroadcast(new, operand.data.shape)
            waiting.add(operand)
    return adjoints


# In G + b, NumPy adds b (H,) to each of the N rows of G (N, H), so b gets the sum of their parts.
def unbroadcast(part: Any, shape: tuple[int, ...]) -> Any:
    """Return an operand's part in the operand's own shape: summed over what was repeated."""
    part = part.sum(axis=tuple(range(part.ndim - len(shape))))
    return part.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


# Grown up: `autodiff/transforms.py`, for nested structures and for more than one argument.
def grad(f: Any) -> Any:
    """Return the function that computes the gradient of `f(params, *data)` in a dict of arrays."""

    def gradient(params: dict[str, Any], *data: Any) -> dict[str, Any]:
        nodes = {name: Node(p) for name, p in params.items()}
        adjoints = walk(f(nodes, *data))
        return {name: adjoints.get(node, 0 * node.data) for name, node in nodes.items()}

    return gradient


# As z is used twice, it gets two parts. Their sum is the tutorial's z_bar = (1 / N) * (y - t).
def loss(params: dict[str, Any], X: Any, t: Any) -> Any:
    """Return the mean of t log(1 + exp(-z)) + (1 - t) log(1 + exp(z)), here softplus(z) - t z."""
    H = tanh(X @ params["U"].T + params["b"])
    z = H @ params["W"] + params["c"]
    return mean(softplus(z) + -t * z)


if __name__ == "__main__":
    rng, t = np.random.RandomState(0), np.repeat([1, 0], 250)
    u, v = rng.rand(500, 2).T
    r, angle = np.where(t, 2.5 * u, 3.5 + 1.5 * u), 2 * np.pi * v  # a disc inside a ring
    X = np.stack([r * np.sin(angle), r * np.cos(angle)], axis=1)
    params = {"U": rng.randn(3, 2), "b": np.zeros(3), "W": rng.randn(3), "c": np.zeros(())}
    for step in range(1001):
        if step % 200 == 0:
            print(f"step {step:4d}: the loss is {loss(params, X, t).data:.4f}")
        grads = grad(loss)(params, X, t)
        params = {name: p - grads[name] for name, p in params.items()}
