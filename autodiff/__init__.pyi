"""The public names as type checkers see them: a Value in gives a Value, arrays give arrays.

Derivatives have the parameters of their function, and the type of the argument in which is
differentiated. Python has no type for "the structure of several arguments" and for "arrays where
there were numbers"; there, and for what depends on a value such as `axis`, it is Any.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, TypeVarTuple, overload

import numpy as np
from numpy.typing import NDArray

from autodiff.blocks.blocks import in_blocks as in_blocks
from autodiff.check.gradient import check_gradient as check_gradient
from autodiff.check.primitive import check_primitive as check_primitive
from autodiff.more.extend import custom_gradient as custom_gradient
from autodiff.more.extend import primitive as primitive
from autodiff.more.extend import register as register
from autodiff.more.moving import array as array
from autodiff.readings.equations import derivation as derivation
from autodiff.readings.picture import draw as draw
from autodiff.readings.source import source as source
from autodiff.readings.steps import steps as steps
from autodiff.transforms import gradients as gradients
from autodiff.transforms import zero_grad as zero_grad
from autodiff.value import Value as Value

__version__: str

# fmt: off
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
# fmt: on

_Axis = int | tuple[int, ...] | None
_Number = float | np.floating[Any] | Value
_Plain = float | np.number[Any] | NDArray[Any]
_Operand = Value | _Plain
_A = TypeVar("_A")
_R = TypeVar("_R")
_N = TypeVar("_N", bound=float | np.floating[Any] | Value)
_P = ParamSpec("_P")
_Ts = TypeVarTuple("_Ts")

# Elementary functions, element by element.

class _Unary(Protocol):
    @overload
    def __call__(self, x: Value, /) -> Value: ...
    @overload
    def __call__(self, x: NDArray[Any], /) -> NDArray[Any]: ...
    @overload
    def __call__(self, x: float | np.number[Any], /) -> Any: ...

class _Binary(Protocol):
    @overload
    def __call__(self, a: Value, b: _Operand, /) -> Value: ...
    @overload
    def __call__(self, a: _Plain, b: Value, /) -> Value: ...
    @overload
    def __call__(self, a: NDArray[Any], b: _Plain, /) -> NDArray[Any]: ...
    @overload
    def __call__(self, a: _Plain, b: NDArray[Any], /) -> NDArray[Any]: ...
    @overload
    def __call__(self, a: float | np.number[Any], b: float | np.number[Any], /) -> Any: ...

abs: _Unary
cos: _Unary
exp: _Unary
expm1: _Unary
log: _Unary
log1p: _Unary
log_sigmoid: _Unary
relu: _Unary
sigmoid: _Unary
sin: _Unary
softplus: _Unary
sqrt: _Unary
square: _Unary
tanh: _Unary
logistic_cross_entropy: _Binary
matmul: _Binary
maximum: _Binary
minimum: _Binary

# Reductions: of an array they give an array or a number, which depends on `axis`.

class _Reduction(Protocol):
    @overload
    def __call__(self, x: Value, axis: _Axis = None, *, keepdims: bool = False) -> Value: ...
    @overload
    def __call__(self, x: _Plain, axis: _Axis = None, *, keepdims: bool = False) -> Any: ...

sum: _Reduction
mean: _Reduction
max: _Reduction
min: _Reduction
logsumexp: _Reduction

@overload
def var(x: Value, axis: _Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Value: ...
@overload
def var(x: _Plain, axis: _Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Any: ...

class _Softmax(Protocol):
    @overload
    def __call__(self, x: Value, axis: int = -1) -> Value: ...
    @overload
    def __call__(self, x: NDArray[Any], axis: int = -1) -> NDArray[Any]: ...

softmax: _Softmax
log_softmax: _Softmax

# Products, and moving elements.

@overload
def dot(a: Value, b: _Operand) -> Value: ...
@overload
def dot(a: _Plain, b: Value) -> Value: ...
@overload
def dot(a: _Plain, b: _Plain) -> Any: ...
@overload
def outer(a: Value, b: _Operand) -> Value: ...
@overload
def outer(a: _Plain, b: Value) -> Value: ...
@overload
def outer(a: _Plain, b: _Plain) -> NDArray[Any]: ...
@overload
def where(condition: Any, a: Value, b: _Operand) -> Value: ...
@overload
def where(condition: Any, a: _Plain, b: Value) -> Value: ...
@overload
def where(condition: Any, a: _Plain, b: _Plain) -> NDArray[Any]: ...
@overload
def clip(x: Value, a_min: Any = None, a_max: Any = None) -> Value: ...
@overload
def clip(
    x: NDArray[Any], a_min: _Plain | None = None, a_max: _Plain | None = None
) -> NDArray[Any]: ...
@overload
def clip(x: _Plain, a_min: Any = None, a_max: Any = None) -> Any: ...

class _WithShape(Protocol):
    @overload
    def __call__(self, x: Value, shape: int | Sequence[int]) -> Value: ...
    @overload
    def __call__(self, x: _Plain, shape: int | Sequence[int]) -> NDArray[Any]: ...

broadcast_to: _WithShape
reshape: _WithShape

@overload
def expand_dims(x: Value, axis: int | tuple[int, ...]) -> Value: ...
@overload
def expand_dims(x: _Plain, axis: int | tuple[int, ...]) -> NDArray[Any]: ...
@overload
def ravel(x: Value) -> Value: ...
@overload
def ravel(x: _Plain) -> NDArray[Any]: ...
@overload
def squeeze(x: Value, axis: _Axis = None) -> Value: ...
@overload
def squeeze(x: _Plain, axis: _Axis = None) -> NDArray[Any]: ...
@overload
def swapaxes(x: Value, axis1: int, axis2: int) -> Value: ...
@overload
def swapaxes(x: NDArray[Any], axis1: int, axis2: int) -> NDArray[Any]: ...
@overload
def transpose(x: Value, axes: int | Sequence[int] | None = None) -> Value: ...
@overload
def transpose(x: NDArray[Any], axes: int | Sequence[int] | None = None) -> NDArray[Any]: ...

class _Join(Protocol):
    @overload
    def __call__(self, arrays: Iterable[Value], axis: int = 0) -> Value: ...
    @overload
    def __call__(self, arrays: Iterable[_Plain], axis: int = 0) -> NDArray[Any]: ...
    @overload
    def __call__(self, arrays: Iterable[_Operand], axis: int = 0) -> Any: ...

concatenate: _Join
stack: _Join

# Derivatives. Positional arguments stay positional: `argnums` counts them.

@overload
def grad(f: Callable[Concatenate[_A, _P], _Number]) -> Callable[Concatenate[_A, _P], _A]: ...
@overload
def grad(f: Callable[_P, _Number], argnums: int) -> Callable[_P, Any]: ...
@overload
def grad(f: Callable[_P, _Number], argnums: Sequence[int]) -> Callable[_P, tuple[Any, ...]]: ...
@overload
def value_and_grad(
    f: Callable[Concatenate[_A, _P], _N],
) -> Callable[Concatenate[_A, _P], tuple[_N, _A]]: ...
@overload
def value_and_grad(f: Callable[_P, _N], argnums: int) -> Callable[_P, tuple[_N, Any]]: ...
@overload
def value_and_grad(
    f: Callable[_P, _N], argnums: Sequence[int]
) -> Callable[_P, tuple[_N, tuple[Any, ...]]]: ...
@overload
def compile(
    f: Callable[Concatenate[_A, _P], _N], *, backend: str = "numpy"
) -> Callable[Concatenate[_A, _P], tuple[_N, _A]]: ...
@overload
def compile(
    f: Callable[_P, _N], argnums: int | Sequence[int], backend: str = "numpy"
) -> Callable[_P, tuple[_N, Any]]: ...
def jacobian(f: Callable[_P, Any], argnums: int | Sequence[int] = 0) -> Callable[_P, Any]: ...
def hessian(f: Callable[_P, _Number], argnums: int | Sequence[int] = 0) -> Callable[_P, Any]: ...
@overload
def hvp(f: Callable[Concatenate[_A, _P], _Number]) -> Callable[..., _A]: ...
@overload
def hvp(f: Callable[..., _Number], argnums: int | Sequence[int]) -> Callable[..., Any]: ...
def vjp(f: Callable[[*_Ts], _R], *args: *_Ts) -> tuple[_R, Callable[[_R], tuple[*_Ts]]]: ...
@overload
def jvp(f: Callable[[*_Ts], _R], args: tuple[*_Ts], tangents: tuple[*_Ts]) -> tuple[_R, _R]: ...
@overload
def jvp(f: Callable[..., _R], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[_R, _R]: ...
