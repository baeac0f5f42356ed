"""Value: a number or an array that remembers how it was computed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from autodiff import functions, numpy_dispatch, primitives
from autodiff.graph import (
    NO_PARAMETERS,
    Node,
    as_data,
    as_seed,
    called,
    next_serial,
    own,
    record,
)
from autodiff.walk import walk


class ReadOnlyArray(np.ndarray[Any, np.dtype[Any]]):
    """An array as a Value shows it: computing with it is as usual, writing into it is refused."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(READ_ONLY)
        super().__setitem__(index, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(
            isinstance(x, ReadOnlyArray) and not x.flags.writeable for x in options.get("out", ())
        ):
            raise ValueError(READ_ONLY)
        inputs = tuple(x.view(np.ndarray) if isinstance(x, ReadOnlyArray) else x for x in inputs)
        return getattr(ufunc, method)(*inputs, **options)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    # So `p.data -= step` computes a new array and assigns it.
    __iadd__ = np.ndarray.__add__
    __isub__ = np.ndarray.__sub__
    __imul__ = np.ndarray.__mul__
    __itruediv__ = np.ndarray.__truediv__


READ_ONLY = (
    "the data and the gradient of a Value cannot be changed in place, because recorded results "
    "need them; assign a new array, as in v.data = v.data - step, or change v.data.copy()"
)


def shown(data: Any) -> Any:
    if type(data) is not np.ndarray:
        return data
    view = data.view(ReadOnlyArray)
    view.flags.writeable = False
    return view


class Value(Node):
    """A scalar or an array of any shape whose operations are recorded.

    `data` are real numbers: float32 is kept, every other dtype becomes float64, and arrays are
    copied. `name` is used in messages and listings.

    Attributes: `grad`, the gradient of the latest `backward()` (leaves add up until `zero_grad()`);
    `primitive`, the operation that made the Value, None for a leaf; `parents`, the Values that it
    was made from.

    Raises TypeError for data that are no real numbers.
    """

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None) -> None:
        if isinstance(data, Node):
            raise TypeError(f"{called(data)} is a Value already; Value(v.data) is a new leaf")
        self._data = own(as_data(data, name or "the data of a Value"))
        self._grad = None
        self.inputs = ()
        self.name = name
        self.operands = ()
        self.parameters = NO_PARAMETERS
        self.primitive = None
        self.serial = next_serial()

    @property
    def data(self) -> Any:
        """The numbers: a float for a float64 scalar, else a read-only array.

        Assigning replaces them, for leaves only and by numbers of the same shape. What has been
        recorded keeps the old ones.
        """
        return shown(self._data)

    @data.setter
    def data(self, data: Any) -> None:
        if self.primitive is not None:
            raise ValueError(
                f"{called(self)} is the result of {self.primitive.name}; "
                "only the data of a leaf can be replaced"
            )
        data = own(as_data(data, f"the new data of {called(self)}"))
        if np.shape(data) != self.shape:
            raise ValueError(
                f"the new data of {called(self)} have shape {np.shape(data)}; the shape must stay"
            )
        self._data = data

    @property
    def grad(self) -> Any:
        """The gradient of the latest backward pass, of the shape of `data`; zero before any."""
        if self._grad is None:
            return 0.0 if type(self._data) is float else shown(np.zeros_like(self._data))
        return shown(self._grad)

    @grad.setter
    def grad(self, grad: Any) -> None:
        grad = own(as_data(grad, f"the gradient of {called(self)}"))
        if np.shape(grad) != self.shape:
            raise ValueError(f"a gradient of shape {np.shape(grad)} does not fit {called(self)}")
        self._grad = grad

    @property
    def parents(self) -> tuple[Value, ...]:
        """The Values that this one was computed from, in the order of the operands."""
        return tuple(x for x in self.operands if isinstance(x, Value))

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes; () for a number. Asking records nothing."""
        return np.shape(self._data)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return np.ndim(self._data)

    @property
    def size(self) -> int:
        """The number of elements."""
        return np.size(self._data)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64 or float32."""
        return np.result_type(self._data)

    @property
    def T(self) -> Value:  # noqa: N802
        """The transpose: the axes in reverse order."""
        if type(self._data) is not np.ndarray or self._data.ndim < 2:
            return self
        return record(primitives.transpose, (self,), {"axes": None})

    # Differentiation.

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
            np.asarray(self._data), separator=", ", threshold=20, prefix="Value("
        )
        parts = [data if self.ndim else repr(float(self._data))]
        if self.ndim:
            parts.append(f"shape={self.shape}")
        if self.dtype != np.float64:
            parts.append(f"dtype={self.dtype}")
        if self.name:
            parts.append(f"name={self.name!r}")
        if self.primitive:
            parts.append(f"from {self.primitive.name}")
        return f"Value({', '.join(parts)})"

    def __float__(self) -> float:
        return float(self._single("float()"))

    def __bool__(self) -> bool:
        return bool(self._single("a condition (if, and, or, not)"))

    def _single(self, use: str) -> Any:
        if self.size != 1:
            raise TypeError(
                f"{use} needs one number; {called(self)} has {self.size}, "
                "so reduce it first, for example with sum() or mean()"
            )
        return np.asarray(self._data).reshape(())[()]

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else repr(self)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"{called(self)} is a number and has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self)))

    __hash__ = Node.__hash__  # by identity, although == compares numbers

    def __reduce__(self) -> Any:
        if self.primitive is not None:
            raise TypeError(
                f"{called(self)} is the result of {self.primitive.name} and part of a graph, which "
                "is not copied or pickled; copy its .data, or its leaves"
            )
        return restored, (np.array(self._data), self.name, self._grad)

    def __getitem__(self, index: Any) -> Value:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, Node) for part in parts):
            raise TypeError(
                "the index of a Value is made of integers, slices, None, ... and arrays of "
                "integers or booleans, not of Values; a comparison such as v > 0 gives such an array"
            )
        basic = (int, np.integer, slice, type(None), type(...))
        parts = tuple(p if isinstance(p, basic) else np.array(p) for p in parts)
        return record(primitives.getitem, (self,), {"index": parts})

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"{called(self)} cannot be assigned into, because its graph would no longer be true; "
            "build a new Value with where, concatenate or stack"
        )

    # Operators.

    def __neg__(self) -> Value:
        return record(primitives.negative, (self,))

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return record(primitives.abs, (self,))

    def __add__(self, other: Any) -> Value:
        return record(primitives.add, (self, other))

    def __radd__(self, other: Any) -> Value:
        return record(primitives.add, (other, self))

    def __sub__(self, other: Any) -> Value:
        return record(primitives.subtract, (self, other))

    def __rsub__(self, other: Any) -> Value:
        return record(primitives.subtract, (other, self))

    def __mul__(self, other: Any) -> Value:
        return record(primitives.multiply, (self, other))

    def __rmul__(self, other: Any) -> Value:
        return record(primitives.multiply, (other, self))

    def __truediv__(self, other: Any) -> Value:
        return record(primitives.divide, (self, other))

    def __rtruediv__(self, other: Any) -> Value:
        return record(primitives.divide, (other, self))

    def __pow__(self, other: Any) -> Value:
        return record(primitives.power, (self, other))

    def __rpow__(self, other: Any) -> Value:
        return record(primitives.power, (other, self))

    def __matmul__(self, other: Any) -> Value:
        return record(primitives.matmul, (self, other))

    def __rmatmul__(self, other: Any) -> Value:
        return record(primitives.matmul, (other, self))

    # A comparison gives a plain mask of booleans, which has no derivative.

    def __lt__(self, other: Any) -> Any:
        return numpy_dispatch.compare(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return numpy_dispatch.compare(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return numpy_dispatch.compare(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return numpy_dispatch.compare(operator.ge, self, other)

    def __eq__(self, other: Any) -> Any:  # type: ignore[override]
        return numpy_dispatch.compare(operator.eq, self, other)

    def __ne__(self, other: Any) -> Any:  # type: ignore[override]
        return numpy_dispatch.compare(operator.ne, self, other)

    # NumPy's protocols: its own functions record too.

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TypeError(
            f"{called(self)} does not become an array by itself, which would drop its graph; "
            ".data are its numbers, and stack makes one Value of several"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_dispatch.apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return numpy_dispatch.apply_function(function, args, options)

    # NumPy's methods.

    def sum(self, axis: functions.Axis = None, keepdims: bool = False) -> Value:
        """As `autodiff.sum`."""
        return functions.sum(self, axis, keepdims)

    def mean(self, axis: functions.Axis = None, keepdims: bool = False) -> Value:
        """As `autodiff.mean`."""
        return functions.mean(self, axis, keepdims)

    def max(self, axis: functions.Axis = None, keepdims: bool = False) -> Value:
        """As `autodiff.max`."""
        return functions.max(self, axis, keepdims)

    def min(self, axis: functions.Axis = None, keepdims: bool = False) -> Value:
        """As `autodiff.min`."""
        return functions.min(self, axis, keepdims)

    def var(self, axis: functions.Axis = None, ddof: int = 0, keepdims: bool = False) -> Value:
        """As `autodiff.var`."""
        return functions.var(self, axis, ddof, keepdims)

    def clip(self, a_min: Any = None, a_max: Any = None) -> Value:
        """As `autodiff.clip`."""
        return functions.clip(self, a_min, a_max)

    def dot(self, other: Any) -> Value:
        """As `autodiff.dot`."""
        return functions.dot(self, other)

    def transpose(self, *axes: Any) -> Value:
        """As `autodiff.transpose`; the axes as one tuple or one by one."""
        return functions.transpose(self, unpacked(axes) or None)

    def swapaxes(self, axis1: int, axis2: int) -> Value:
        """As `autodiff.swapaxes`."""
        return functions.swapaxes(self, axis1, axis2)

    def reshape(self, *shape: Any) -> Value:
        """As `autodiff.reshape`; the shape as one tuple or one by one."""
        return functions.reshape(self, unpacked(shape))

    def ravel(self) -> Value:
        """As `autodiff.ravel`."""
        return functions.ravel(self)

    def squeeze(self, axis: functions.Axis = None) -> Value:
        """As `autodiff.squeeze`."""
        return functions.squeeze(self, axis)


def restored(data: Any, name: str | None, grad: Any) -> Value:
    """Rebuild a copied or unpickled leaf."""
    value = Value(data, name)
    value._grad = grad
    return value


def unpacked(lengths: tuple[Any, ...]) -> Any:
    """Return the one tuple in `lengths`, or `lengths` themselves."""
    return lengths[0] if len(lengths) == 1 else lengths
