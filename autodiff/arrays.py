"""Numbers as the graph holds them and shows them, and the types of functions of them."""

from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)


def as_data(x: Any, what: str, position: int | None = None) -> Any:
    """Return numbers as the graph holds them: a float array, a float or a float32 scalar.

    Of the real dtypes float32 is kept and every other becomes float64. A float64 scalar is held as
    Python's float, ten times faster than a 0-d array. Arrays are copied only if they must be.
    In errors the numbers are called `what`, or operand `position` of the operation `what`.
    """
    if type(x) is float:
        return x
    if type(x) is int and -(2**53) <= x <= 2**53:
        return float(x)
    if type(x) is np.ndarray and x.ndim:
        if x.dtype is FLOAT64 or x.dtype is FLOAT32:
            return x
        if x.dtype.kind in "iu":
            x = x.astype(np.float64)
            x.flags.writeable = False  # ours, so it need not be copied
            return x
        if x.dtype.kind == "b" and position is not None:
            return x  # a mask as an operand leaves the dtype of the others as it is
    if position is not None:
        what = f"{what}: operand {position}"
    try:
        if isinstance(x, (int, float)):
            return float(x)
        array = np.asarray(x)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{what} is no array of numbers: {error}") from None
    if array.dtype.kind == "c":
        raise TypeError(f"{what} is complex; derivatives here are those of real functions")
    if array.dtype.kind not in "biuf" or isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{what} is no array of numbers but {type(x).__name__} of {array.dtype}")
    if array.dtype != FLOAT32:
        array = array.astype(np.float64)
    return array if array.ndim else plain(array)


def plain(data: Any) -> Any:
    """Return a result of NumPy as the graph holds it: a scalar is no array."""
    if type(data) is np.ndarray:
        return data if data.ndim else plain(data[()])
    return float(data) if type(data) is np.float64 else data


def widened(inputs: list[Any], data: Any) -> list[Any]:
    """Return the inputs of a result, float32 arrays as float64 where that is what they led to.

    A rule would else compute in float32 where a number meets only them.
    """
    if getattr(data, "dtype", None) is FLOAT64:
        for x in inputs:
            if type(x) is np.ndarray and x.dtype is FLOAT32:
                return [x.astype(FLOAT64) if getattr(x, "ndim", 0) else x for x in inputs]
    return inputs


def own(x: Any) -> Any:
    """Return data that nobody changes: a copy, unless `x` owns its data and is read-only.

    The flag is taken as a promise that no view made before it was set is written to.
    """
    if type(x) is not np.ndarray or (not x.flags.writeable and x.base is None):
        return x
    return x.copy("K")


def shape(x: Any) -> tuple[int, ...]:
    """Return the shape of an array, a Value or a number; records nothing."""
    return () if type(x) is float else x.shape if hasattr(x, "shape") else np.shape(x)


def size(x: Any) -> int:
    """Return the number of elements of an array, a Value or a number; records nothing."""
    return 1 if type(x) is float else int(x.size)


def by_columns(x: Any) -> bool:
    """Tell whether the columns of a matrix, or of a Value, lie in one piece, as in a transpose."""
    rows, columns = getattr(x, "_raw", x).strides[-2:]
    return bool(rows < columns)


POSITIONS = "positions"  # in an index: the next operand stands there


def indexed(index: Any, positions: tuple[Any, ...]) -> Any:
    """Return an index with the operands in it, which hold positions as floats."""
    if not positions:
        return index
    found = iter(positions)
    return tuple([np.asarray(next(found), np.intp) if i is POSITIONS else i for i in index])


# As a Value shows them.


def in_place(change: Any, compute: Any) -> Any:
    """Return the method that changes an array, or computes a new one if it is read-only."""
    return lambda self, other: (change if self.flags.writeable else compute)(self, other)


class ReadOnlyArray(np.ndarray[Any, np.dtype[Any]]):
    """An array as a Value shows it: computing with it is as usual, writing into it is refused."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(READ_ONLY)
        super().__setitem__(index, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.get("out", ())
        written = inputs[:1] if method == "at" else out
        if any(isinstance(x, ReadOnlyArray) and not x.flags.writeable for x in written):
            raise ValueError(READ_ONLY)
        if out:
            options["out"] = plain_views(out)
        return getattr(ufunc, method)(*plain_views(inputs), **options)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    # `p.data -= step` computes a new array and assigns it; a copy of `p.data` changes in place.
    __iadd__: Any = in_place(np.ndarray.__iadd__, np.ndarray.__add__)
    __isub__: Any = in_place(np.ndarray.__isub__, np.ndarray.__sub__)
    __imul__: Any = in_place(np.ndarray.__imul__, np.ndarray.__mul__)
    __itruediv__: Any = in_place(np.ndarray.__itruediv__, np.ndarray.__truediv__)


READ_ONLY = (
    "the data and the gradient of a Value cannot be changed in place, because recorded results "
    "need them; assign a new array, as in v.data = v.data - step, or change v.data.copy()"
)


def plain_views(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the same arrays as NumPy's own type."""
    return tuple(x.view(np.ndarray) if isinstance(x, ReadOnlyArray) else x for x in arrays)


def read_only(data: Any) -> Any:
    """Return a view of an array that cannot be written to; a number as it is."""
    if type(data) is not np.ndarray:
        return data
    view = data.view(ReadOnlyArray)
    view.flags.writeable = False
    return view


# Functions of them, as type checkers see them. A decorator returns its function as it is.

Array = NDArray[Any]
Number = float | np.number[Any]
Plain = Number | Array


class Recorded(Protocol):
    """A Value, as far as modules below `graph` know it."""

    serial: int


Operand = Recorded | Plain
V = TypeVar("V", bound=Recorded)
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class OfOperands(Protocol):
    """A function of operands: a Value among them gives a Value, otherwise an array an array."""

    @overload
    def __call__(self, a: V, /, *others: Operand, **parameters: Any) -> V: ...
    @overload
    def __call__(self, a: Plain, b: V, /, *others: Operand, **parameters: Any) -> V: ...
    @overload
    def __call__(self, a: Array, /, *others: Plain, **parameters: Any) -> Array: ...
    @overload
    def __call__(self, a: Number, b: Array, /, *others: Plain, **parameters: Any) -> Array: ...
    @overload
    def __call__(self, a: Number, /, *others: Number, **parameters: Any) -> Any: ...


class OfOperand(Protocol[P, R_co]):
    """A function or method of one operand: a Value gives a Value, all else what is annotated."""

    @overload
    def __call__(self, x: V, /, *args: P.args, **options: P.kwargs) -> V: ...
    @overload
    def __call__(self, x: Plain, /, *args: P.args, **options: P.kwargs) -> R_co: ...
    @overload
    def __get__(self, x: None, kind: Any = None, /) -> Self: ...
    @overload
    def __get__(self, x: V, kind: Any = None, /) -> Callable[P, V]: ...


class OfSeveral(Protocol):
    """A function that joins Values into a Value, and arrays or numbers into an array."""

    @overload
    def __call__(self, arrays: Iterable[V], axis: int = 0) -> V: ...
    @overload
    def __call__(self, arrays: Iterable[Plain], axis: int = 0) -> Array: ...
    @overload
    def __call__(self, arrays: Iterable[Operand], axis: int = 0) -> Any: ...


Operator = OfOperand[[Operand], Any]


def of_operands(f: Callable[..., Any]) -> OfOperands:
    return f


def of_operand(f: Callable[Concatenate[Any, P], R_co]) -> OfOperand[P, R_co]:
    return f  # type: ignore[return-value]


def of_several(f: Callable[..., Any]) -> OfSeveral:
    return f
