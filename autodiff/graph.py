"""The graph: nodes, the primitives that make them, and `record`, which does both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from autodiff.arrays import FLOAT64, as_data, of_operands, own, plain, shape, widened
from autodiff.errors import called, refuse

NO_PARAMETERS: Mapping[str, Any] = {}
ndarray = np.ndarray
next_serial = count().__next__


class Node:
    """One recorded result, scalar or array; `Value` gives it its operators.

    `operands` are the nodes that it was made from, with None in the place of a constant, and
    `inputs` the data of all operands at that time, in arrays that nothing changes.
    A node knows only older nodes, so a graph has no reference cycle and is freed with its last
    result. `serial` rises with creation.
    """

    __slots__ = ("_grad", "_raw", "inputs", "name", "operands", "parameters", "primitive", "serial")

    keeps_masks = False  # whether comparisons are recorded too

    _raw: Any
    _grad: Any
    inputs: Sequence[Any]
    name: str | None
    operands: tuple[Node | None, ...]
    parameters: Mapping[str, Any]
    primitive: Any
    serial: int


class Primitive:
    """A NumPy function and, beside it, one derivative rule per operand.

    A rule is a function of `(g, out, *operands, **parameters)`, where `g` is the adjoint of the
    result `out`. It returns what its operand gets of it, written in operators and primitives, so
    that it works for arrays and for Values. It may look at shapes and parameters, not at data.
    An operand without a derivative has None for a rule; `more` such operands may follow.

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
        more: bool = False,
    ) -> None:
        self.name = name
        self.function = function
        self.arity = None if every or more else len(rules)
        self.every = every
        self.rules = tuple([(i, rule) for i, rule in enumerate(rules) if rule is not None])
        self.broadcasts = broadcasts
        self.__doc__ = f"{name} of arrays and numbers; recorded if an operand is a Value."
        if getattr(function, "__module__", None) == "autodiff.numerics":
            self.__doc__ = function.__doc__

    @of_operands
    def __call__(self, *operands: Any, **parameters: Any) -> Any:
        """Record if an operand is a Value; of plain numbers and arrays compute the function."""
        if len(operands) != self.arity and self.arity is not None:
            raise TypeError(f"{self.name} takes {self.arity} operands, not {len(operands)}")
        if parameters and isinstance(self.function, np.ufunc):
            raise TypeError(f"{self.name} takes operands only, not {', '.join(parameters)}=")
        for x in operands:
            if type(x) is not float and (type(x) is not ndarray or x.dtype is not FLOAT64):
                return record(self, operands, parameters)
        try:
            return self.function(*operands, **parameters)
        except (ValueError, IndexError, TypeError, ZeroDivisionError):
            return record(self, operands, parameters)  # which explains the error

    def rules_for(self, operands: tuple[Any, ...]) -> Iterable[tuple[int, Callable[..., Any]]]:
        """Return the rules of any number of operands, with their positions."""
        rule: Any = self.every
        return [(i, partial(rule, position=i)) for i in range(len(operands))] if rule else ()

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def record(
    primitive: Primitive, operands: tuple[Any, ...], parameters: Mapping[str, Any] = NO_PARAMETERS
) -> Any:
    """Compute a primitive. The result is a new node if an operand is one, else plain.

    Raises TypeError, ValueError or IndexError, in a sentence that names the operation and its
    operands, where an operand is not a number or where shapes, axes or indices do not fit.
    """
    kind: Any = None
    constants = False
    inputs = []
    for operand in operands:
        if isinstance(operand, Node):
            if kind is None or operand.keeps_masks:
                kind = type(operand)
            inputs.append(operand._raw)
        else:
            constants = True
            inputs.append(own(as_data(operand, primitive.name, len(inputs) + 1)))
    try:
        data = primitive.function(*inputs, **parameters)
    except ZeroDivisionError:  # Python raises where NumPy gives inf or nan
        data = primitive.function(*map(np.float64, inputs))
    except (ValueError, IndexError, TypeError) as error:
        refuse(primitive, operands, inputs, parameters, error)
    if kind is None:
        return data
    if constants:
        operands = tuple([x if isinstance(x, Node) else None for x in operands])
    return new_node(kind, primitive, operands, widened(inputs, data), data, parameters)


def new_node(
    kind: Any,
    primitive: Primitive,
    operands: tuple[Node | None, ...],
    inputs: Sequence[Any],
    data: Any,
    parameters: Mapping[str, Any] = NO_PARAMETERS,
) -> Any:
    """Return a node for what a primitive gave."""
    node = object.__new__(kind)
    node._raw = data if type(data) is float else plain(data)
    node._grad = None
    node.inputs = inputs
    node.name = None
    node.operands = operands
    node.parameters = parameters
    node.primitive = primitive
    node.serial = next_serial()
    return node


def as_seed(y: Node, seed: Any) -> Any:
    """Return the adjoint that a backward pass from `y` starts with; 1 for a number."""
    if seed is None and type(y._raw) is float:
        return 1.0
    to = shape(y._raw)
    if seed is None:
        if np.size(y._raw) != 1:
            raise ValueError(
                f"{called(y)} is not a number: give its adjoint as a seed of the same shape, "
                "or reduce it first, with sum() or mean()"
            )
        seed = np.ones(to)
    if not isinstance(seed, Node):
        seed = as_data(seed, "the seed")
    if shape(seed) != to:
        raise ValueError(f"a seed of shape {shape(seed)} does not fit {called(y)}")
    if isinstance(seed, Node):
        return seed
    dtype = np.result_type(y._raw)
    return own(seed.astype(dtype)) if to else plain(dtype.type(seed))
