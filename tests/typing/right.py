"""A program in the style of the README. Type checkers in strict mode accept it; it runs, too."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from autodiff import (
    Value,
    compile,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    logistic_cross_entropy,
    matmul,
    mean,
    stack,
    sum,
    tanh,
    value_and_grad,
    vjp,
    where,
)

Array = NDArray[np.float64]
Params = dict[str, Array]


def loss(params: Params, X: Array, t: Array) -> float:
    G = X @ params["U"].T + params["b"]
    H = np.tanh(G)
    z = H @ params["W"] + params["c"]
    return float_of(np.mean(logistic_cross_entropy(z, t)))


def float_of(x: Any) -> float:
    """Say that a result is a number: NumPy's types leave it open."""
    return x  # type: ignore[no-any-return]


params: Params = {
    "U": np.ones((3, 2)),
    "b": np.zeros(3),
    "W": np.array([1.0, -2.0, 3.0]),
    "c": np.zeros(()),
}
X, t = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([1.0, 0.0])

assert_type(grad(loss)(params, X, t), Params)
assert_type(value_and_grad(loss)(params, X, t), tuple[float, Params])
assert_type(compile(loss)(params, X, t), tuple[float, Params])
for name, gradient in grad(loss)(params, X, t).items():
    params[name] = params[name] - 0.1 * gradient


def energy(x: Array) -> float:
    return float_of(sum(x * x))


def cubes(x: Array) -> Array:
    return x * x * x


x: Array = np.array([1.0, 2.0])
assert_type(grad(energy)(x), Array)
assert_type(grad(energy, (0,))(x), tuple[Any, ...])
assert_type(hvp(energy)(x, x), Array)
assert_type(hessian(energy)(x), Array)
assert_type(jacobian(cubes)(x), Array)
assert_type(jacobian(energy)(x), Array)
assert_type(hessian(loss)(params, X, t), Any)
result, pullback = vjp(cubes, x)
assert_type(result, Array)
assert_type(pullback(result), tuple[Array])
assert_type(jvp(cubes, (x,), (x,)), tuple[Array, Array])


def loosely(params: Any, X: Any) -> Any:
    return ((X @ params["U"].T) ** 2).mean()


assert_type(grad(loosely)(params, X), Any)
value, gradients = value_and_grad(loosely)(params, X)

v = Value(x, name="v")
assert_type(v + 1.0, Value)
assert_type(2.0 * v, Value)
assert_type(-v.T[0], Value)
assert_type(tanh(v), Value)
assert_type(tanh(x), NDArray[Any])
assert_type(mean(v, axis=0), Value)
assert_type(matmul(x, v), Value)
assert_type(where(x > 1.0, v, 0.0), Value)
assert_type(where(v > 1.0, 0.0, v), Value)
assert_type(Value.sum(v, axis=0), Value)
assert_type(v.dot(x), Value)
assert_type(stack([v, v]).reshape(-1).sum(), Value)
(v * v).sum().backward()
