"""The graph: nodes, the primitives that make them, and `record`, which does both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, NoReturn

import numpy as np

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)
NO_PARAMETERS: Mapping[str, Any] = {}
next_serial = count().__next__


class Node:
    """One recorded result, scalar or array; `Value` gives it its operators.

    `operands` are the nodes and constants that it was made from, as they were given, and `inputs`
    their data at that time, in arrays that nothing changes.
    A node knows only older nodes, so a graph has no reference cycle and is freed with its last
    result. `serial` rises with creation.
    """

    __slots__ = (
        "_data",
        "_grad",
        "inputs",
        "name",
        "operands",
        "parameters",
        "primitive",
        "serial",
    )

    _data: Any
    _grad: Any
    inputs: Sequence[Any]
    name: str | None
    operands: tuple[Any, ...]
    parameters: Mapping[str, Any]
    primitive: Primitive | None
    serial: int


class EveryOperand:
    """The same rule for each of any number of operands."""

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return (partial(self.rule, position=i) for i in count())


class Primitive:
    """A NumPy function and, beside it, one derivative rule per operand.

    A rule is a function of `(g, out, *operands, **parameters)`, where `g` is the adjoint of the
    result `out`. It returns what its operand gets of it, written in operators and primitives, so
    that it works for arrays and for Values. It may look at shapes and parameters, not at data.
    An operand without a derivative has None for a rule.

    The rules of a primitive that broadcasts ignore that: the walk undoes it. A primitive of any
    number of operands has one rule for `every` operand, which is told its `position`.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *rules: Callable[..., Any] | None,
        every: Callable[..., Any] | None = None,
        broadcasts: bool = False,
        doc: str | None = None,
    ) -> None:
        self.name = name
        self.function = function
        self.rules: Iterable[Callable[..., Any] | None] = EveryOperand(every) if every else rules
        self.broadcasts = broadcasts
        self.__doc__ = doc or f"As `numpy.{name}`; recorded if an operand is a Value."

    def __call__(self, *operands: Any, **parameters: Any) -> Any:
        for x in operands:
            if type(x) is not np.ndarray and type(x) is not float:
                return record(self, operands, parameters)
        try:
            return self.function(*operands, **parameters)
        except (ValueError, IndexError, TypeError, ZeroDivisionError):
            return record(self, operands, parameters)  # which explains the error

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def record(
    primitive: Primitive, operands: tuple[Any, ...], parameters: Mapping[str, Any] = NO_PARAMETERS
) -> Any:
    """Compute a primitive. The result is a new node if an operand is one, else plain.

    Raises TypeError, ValueError or IndexError, in a sentence that names the operation and its
    operands, where an operand is no number or where shapes, axes or indices do not fit.
    """
    kind: Any = None
    inputs = []
    for operand in operands:
        if isinstance(operand, Node):
            kind = type(operand)
            inputs.append(operand._data)
        elif type(operand) is float:
            inputs.append(operand)
        else:
            inputs.append(own(as_data(operand, primitive.name, len(inputs) + 1)))
    try:
        data = primitive.function(*inputs, **parameters)
    except ZeroDivisionError:  # Python raises where NumPy gives inf or nan
        data = primitive.function(*map(np.float64, inputs))
    except (ValueError, IndexError, TypeError) as error:
        refuse(primitive, operands, inputs, parameters, error)
    if kind is None:
        return data
    node = object.__new__(kind)
    node._data = (
        data if type(data) is float or type(data) is np.ndarray and data.ndim else plain(data)
    )
    node._grad = None
    node.inputs = inputs
    node.name = None
    node.operands = operands
    node.parameters = parameters
    node.primitive = primitive
    node.serial = next_serial()
    return node


def as_data(x: Any, what: str, position: int | None = None) -> Any:
    """Return numbers as the graph holds them: a float array, a float or a float32 scalar.

    Of the real dtypes float32 is kept and every other becomes float64. A float64 scalar is held as
    Python's float, ten times faster than a 0-d array. Arrays are copied only if they must be.
    In errors the numbers are called `what`, or operand `position` of the operation `what`.
    """
    if type(x) is np.ndarray and x.ndim:
        if x.dtype is FLOAT64 or x.dtype is FLOAT32:
            return x
        if x.dtype.kind in "biu":
            return x.astype(np.float64)
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
        if data.ndim:
            return data
        data = data[()]
    return float(data) if type(data) is np.float64 else data


def own(x: Any) -> Any:
    """Return data that nobody else can change: `x` if it is a read-only owner, else a copy."""
    if type(x) is not np.ndarray or (not x.flags.writeable and x.base is None):
        return x
    return x.copy("K")


def as_seed(y: Node, seed: Any) -> Any:
    """Return the adjoint that a backward pass from `y` starts with; 1 for a number."""
    if seed is None and type(y._data) is float:
        return 1.0
    to = shape(y._data)
    if seed is None:
        if np.size(y._data) != 1:
            raise ValueError(
                f"{called(y)} is no number: give its adjoint as a seed of the same shape, "
                "or reduce it first, with sum() or mean()"
            )
        seed = np.ones(to)
    seed = as_data(seed, "the seed")
    if shape(seed) != to:
        raise ValueError(f"a seed of shape {shape(seed)} does not fit {called(y)}")
    dtype = np.result_type(y._data)
    return own(seed.astype(dtype)) if to else plain(dtype.type(seed))


def shape(x: Any) -> tuple[int, ...]:
    """Return the shape of an array, a Value or a number; records nothing."""
    return () if type(x) is float else x.shape if hasattr(x, "shape") else np.shape(x)


def called(x: Any, position: int | None = None) -> str:
    """Name a Value or an operand for an error message, with its shape."""
    if getattr(x, "name", None):
        label = f"'{x.name}'"
    else:
        label = f"operand {position}" if position else "a Value"
    return f"{label} of shape {shape(x)}"


def refuse(
    primitive: Primitive,
    operands: tuple[Any, ...],
    inputs: list[Any],
    parameters: Mapping[str, Any],
    error: Exception,
) -> NoReturn:
    """Raise what NumPy objected to as a sentence about the operation and its operands."""
    names = [called(x, i) for i, x in enumerate(operands, 1)]
    shapes = [shape(x) for x in inputs]
    kind: type[Exception] = type(error) if type(error) in (IndexError, TypeError) else ValueError
    if primitive.name == "matmul" and all(shapes):
        advice = "the last axis of the first must be as long as the first axis of the second"
        if len(shapes[1]) > 1:
            advice = "the last axis of the first must be as long as the last but one of the second"
        transposed = (shapes[0], shapes[1][::-1]), (shapes[0][::-1], shapes[1])
        if any(a[-1] == b[max(len(b) - 2, 0)] for a, b in transposed):
            advice += "; is a transpose (.T) missing?"
        message = f"{' and '.join(names)} do not multiply: {advice}"
    elif primitive.broadcasts and "broadcast" in str(error):
        message = (
            f"{' and '.join(names)} do not broadcast: aligned at the last axis, "
            "each pair of lengths must be equal or contain a 1"
        )
    else:
        options = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
        message = f"{', '.join(names)}{' with ' if options else ''}{options}: {error}"
    raise kind(f"{primitive.name}: {message}") from None
