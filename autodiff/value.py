"""Value: a number or an array that remembers how it was computed."""

import sys
import threading
from collections.abc import Callable, Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any, Never, NoReturn, Self

import numpy as np

from autodiff import functions, primitives
from autodiff.arrays import Operand, Operator, as_data, of_operand, own, plain, read_only
from autodiff.errors import Digits, advice, called, refused
from autodiff.graph import NO_PARAMETERS, Node, Primitive, as_seed, new_node, next_serial, record
from autodiff.walk import walk


def operators(primitive: Primitive) -> tuple[Operator, Operator]:
    """Return the methods of an operator: for the Value on the left, and on the right."""
    function = primitive.function

    @of_operand
    def left(self: Node, other: Operand) -> Any:
        x, kind = self._raw, type(self)
        if type(other) is kind:
            node, y = other, other._raw
        else:
            node, y = None, other
        if type(x) is float and type(y) is float:
            try:
                return new_node(kind, primitive, (self, node), (x, y), function(x, y))
            except (ZeroDivisionError, ValueError):
                pass  # record explains or avoids it
        return record(primitive, (self, other))

    @of_operand
    def right(self: Node, other: Operand) -> Any:
        x = self._raw
        if type(x) is float and type(other) is float:
            try:
                return new_node(type(self), primitive, (None, self), (other, x), function(other, x))
            except (ZeroDivisionError, ValueError):
                pass  # record explains or avoids it
        return record(primitive, (other, self))

    return left, right


def comparison(primitive: Primitive) -> Callable[[Any, Any], Any]:
    """Return the method of a comparison."""
    return lambda self, other: functions.compare(primitive, (self, other))


def advice_for_scipy() -> str:
    """Return the name of ours where a function of SciPy asks for an array that is one of ours."""
    frame: Any = sys._getframe(2)
    while frame:
        name = frame.f_code.co_name
        if hasattr(functions, name) and frame.f_globals.get("__name__", "").startswith("scipy."):
            return f"use autodiff.{name} in place of SciPy's; "
        frame = frame.f_back
    return ""


class Enclosing(threading.local):
    """The number of functions that this thread is differentiating at the moment."""

    count = 0


enclosing = Enclosing()


METHODS = {
    *("all", "any", "argmax", "argmin", "argsort", "cumprod", "cumsum", "diagonal", "prod"),
    *("repeat", "round", "sort", "std", "take", "trace"),
    *("cos", "cosh", "exp", "log", "relu", "sigmoid", "sin", "sinh", "softmax", "softplus"),
    *("sqrt", "square", "tan", "tanh"),
}
"""Functions that are methods too: those of NumPy's arrays, and a few of other libraries."""
STEPS = "it has steps, and no derivative but zero between them: take it of .data, the numbers"


class Expression(Node):
    """A node in an expression: Python's operators and NumPy's functions apply to it, and record."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self._raw)

    @property
    def ndim(self) -> int:
        return np.ndim(self._raw)

    @property
    def size(self) -> int:
        return np.size(self._raw)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(self._raw)

    @property
    def T(self) -> Self:  # noqa: N802
        if type(self._raw) is not np.ndarray or self._raw.ndim < 2:
            return self
        return record(primitives.transpose, (self,), {"axes": None})  # type: ignore[no-any-return]

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"{called(self)} is a number and has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    __getitem__ = functions.getitem
    __add__, __radd__ = operators(primitives.add)
    __sub__, __rsub__ = operators(primitives.subtract)
    __mul__, __rmul__ = operators(primitives.multiply)
    __truediv__, __rtruediv__ = operators(primitives.divide)
    __pow__, __rpow__ = operators(primitives.power)
    __matmul__, __rmatmul__ = operators(primitives.matmul)

    sum = functions.sum
    mean = functions.mean
    max = functions.max
    min = functions.min
    var = functions.var
    clip = functions.clip
    dot = functions.dot
    swapaxes = functions.swapaxes
    ravel = functions.ravel
    flatten = functions.ravel
    squeeze = functions.squeeze

    if not TYPE_CHECKING:  # which would take a Value for an array

        def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
            raise TypeError(
                f"{called(self)} does not become an array by itself, which would drop its graph; "
                f"{advice_for_scipy()}.data holds its numbers, and autodiff.array makes one "
                "Value of several"
            )

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"{called(self)} cannot be assigned into, because its graph would no longer be true; "
            "build a new Value with where, concatenate or stack"
        )

    def __neg__(self) -> Self:
        return record(primitives.negative, (self,))  # type: ignore[no-any-return]

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return record(primitives.abs, (self,))  # type: ignore[no-any-return]

    __divmod__ = __rdivmod__ = refused("divmod()", STEPS)
    __trunc__ = refused("trunc()", STEPS)
    __index__ = refused("use as an integer", STEPS)

    __lt__ = comparison(primitives.less)
    __le__ = comparison(primitives.less_equal)
    __gt__ = comparison(primitives.greater)
    __ge__ = comparison(primitives.greater_equal)
    __eq__ = comparison(primitives.equal)
    __ne__ = comparison(primitives.not_equal)
    __hash__ = Node.__hash__  # by identity, although == compares numbers

    # NumPy's protocols: its own functions record too.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return functions.apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return functions.apply_function(function, args, options)

    def __mod__(self, other: Any) -> Any:
        return np.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return np.remainder(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return np.floor_divide(other, self)

    def __round__(self, digits: int = 0) -> Any:
        return np.round(self, digits)

    def __getattr__(self, name: str) -> Any:
        """Return a method that NumPy's arrays or other libraries' have, or say what to use."""
        if name not in METHODS:
            raise AttributeError(f"a Value has no attribute {name!r}{advice(name)}")
        return MethodType(functions.named(name), self)

    def transpose(self, *axes: Any) -> Self:
        """As `autodiff.transpose`; the axes as one tuple or one by one."""
        return functions.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def reshape(self, *shape: Any) -> Self:
        """As `autodiff.reshape`; the shape as one tuple or one by one."""
        return functions.reshape(self, shape[0] if len(shape) == 1 else shape)


class Value(Expression):
    """A scalar or an array of any shape whose operations are recorded.

    `data` are real numbers: float32 is kept and every other dtype becomes float64. Arrays are
    copied, unless they own their numbers and are read-only. A float64 scalar is a Python float,
    and as such leaves float32 arrays that it meets as they are. `name` is used in messages.

    What leaves the graph has no gradient. So `float(v)`, which functions of `math` call, is refused
    within a function that is being differentiated; `.data` says that it is meant.

    Attributes: `grad`, the gradient of the latest `backward()` (leaves add up until `zero_grad()`);
    `primitive`, the operation that made the Value, None for a leaf; `parents`, the Values that it
    was made from.

    Raises TypeError for data that are not real numbers.

    >>> a = Value(3.0)
    >>> b = a + a
    >>> (b * b).backward()
    >>> float(b.grad), float(a.grad)
    (12.0, 24.0)
    """

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None, **others: Never) -> None:
        if others:
            other = next(iter(others))
            raise TypeError(f"Value takes data and name=, not {other}={advice(other)}")
        if isinstance(data, Node):
            raise TypeError(
                f"{called(data)} is a Value already, and numbers are needed here; .data holds its "
                "numbers, without the graph"
            )
        if name is not None and not isinstance(name, str):
            raise TypeError(f"the name of a Value is a string, not {type(name).__name__}")
        self._raw = own(as_data(data, name or "the data of a Value"))
        self._grad = None
        self.inputs = ()
        self.name = name
        self.operands = ()
        self.parameters = NO_PARAMETERS
        self.primitive = None
        self.serial = next_serial()

    @property
    def data(self) -> Any:
        """The numbers: a float or np.float32 for a scalar, else a read-only array.

        Assigning replaces them, for leaves only and by numbers of the same shape. What has been
        recorded keeps the old ones.
        """
        return read_only(self._raw)

    @data.setter
    def data(self, data: Any) -> None:
        if self.primitive is not None:
            raise ValueError(
                f"{called(self)} is the result of {self.primitive.name}; "
                "only the data of a leaf can be replaced"
            )
        self._raw = self._alike(data, "the new data")

    @property
    def grad(self) -> Any:
        """The gradient of the latest backward pass, of the shape of `data`; zero before any."""
        return read_only(plain(np.zeros_like(self._raw)) if self._grad is None else self._grad)

    @grad.setter
    def grad(self, grad: Any) -> None:
        if grad is None:
            return self.zero_grad()
        self._grad = self._alike(grad, "the gradient")

    def _alike(self, data: Any, what: str) -> Any:
        """Return numbers that take the place of others: of the same shape and dtype."""
        data = own(as_data(data, f"{what} of {called(self)}"))
        if np.shape(data) != self.shape:
            raise ValueError(
                f"numbers of shape {np.shape(data)} do not fit as {what} of {called(self)}"
            )
        return plain(np.asarray(data, self.dtype))

    @property
    def parents(self) -> tuple["Value", ...]:
        """The Values that this one was computed from, in the order of the operands."""
        return tuple([x for x in self.operands if isinstance(x, Value)])

    def backward(self, seed: Any = None) -> None:
        """Store the derivatives of this result in the `grad` of every Value that it depends on.

        `seed` is the adjoint of this result, of its shape; 1 for a number. Leaves add the new
        gradient to the one that they have (see `zero_grad`), other Values replace it.

        Raises ValueError for an array without a seed and for a seed of another shape.
        """
        for node, adjoint in walk({self: as_seed(self, seed)}).items():
            if node.primitive is None and node._grad is not None:
                adjoint = node._grad + adjoint
            node._grad = adjoint

    def zero_grad(self) -> None:
        """Set the gradient back to zero."""
        self._grad = None

    # Python's protocols.

    def __repr__(self) -> str:
        data = np.array2string(
            np.asarray(self._raw), separator=", ", threshold=12, edgeitems=2, prefix="Value("
        )
        parts: list[Any] = [
            data if self.ndim else repr(float(self._raw)),
            self.ndim and f"shape={self.shape}",
            self.dtype != np.float64 and f"dtype={self.dtype}",
            self.name and f"name={self.name!r}",
            self.primitive and f"from {self.primitive.name}",
        ]
        return f"Value({', '.join(filter(None, parts))})"

    def __float__(self) -> float:
        return float(self._leaving("float()"))

    def __int__(self) -> int:
        return int(self._leaving("int()"))

    def _leaving(self, use: str) -> Any:
        """Return the number that this is; not while its gradient is asked for."""
        number = self._single(use)
        if enclosing.count:
            raise TypeError(
                f"{use} would take {called(self)} out of the graph and lose its gradient; use "
                "np.exp and the like for functions of math, or .data where no gradient is wanted"
            )
        return number

    def item(self) -> float:
        """Return the number, as `float` does."""
        return float(self)

    def __bool__(self) -> bool:
        return bool(self._single("a condition (if, and, or, not)"))

    def _single(self, use: str) -> Any:
        if self.size != 1:
            raise TypeError(
                f"{use} needs one number; {called(self)} has {self.size}, "
                "so reduce it first, for example with sum() or mean()"
            )
        return np.asarray(self._raw).reshape(())[()]

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        text = format(float(self._single("a format")), spec)
        return Digits(text) if enclosing.count else text

    def __reduce__(self) -> Any:
        if self.primitive is not None:
            raise TypeError(
                f"{called(self)} is the result of {self.primitive.name} and part of a graph, which "
                "is not copied or pickled; copy its .data, or its leaves"
            )
        return Value, (np.array(self._raw), self.name), (None, {"_grad": self._grad})
