"""How a function is added: its rules, the NumPy name that records it, a backward pass by hand."""

from collections.abc import Callable
from functools import partial, update_wrapper
from inspect import signature
from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.functions import FUNCTIONS, UFUNCS, compare
from autodiff.graph import Primitive

Rule = Callable[..., Any] | None


def primitive(
    function: Callable[..., Any],
    *rules: Rule,
    name: str = "",
    every: Rule = None,
    broadcasts: bool | None = None,
    more: bool = False,
) -> Primitive:
    """Return a primitive: a function of arrays and, for each of its operands, a derivative rule.

    A rule is a function of `(g, out, *operands, **parameters)`, `g` the adjoint of the result
    `out`, that returns what its operand gets of it; None stands for an operand without a
    derivative. `every` is one rule for any number of operands, which is told the `position`; `more`
    operands without a derivative may follow the others. Operands are positional and parameters have
    names. With `broadcasts`, as ufuncs of several operands do, rules ignore broadcasting.

    `name` is that of the function, unless given, and is what errors and equations say.

    Raises ValueError where there is no name, or one of the engine's own, and where a ufunc has
    another number of operands than there are rules.

    >>> cube = primitive(lambda x: x * x * x, lambda g, out, x: g * (3.0 * x * x), name="cube")
    >>> float(grad(cube)(2.0))
    12.0
    """
    name = name or getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ValueError(f"a primitive has an identifier for a name, not {name!r}: give name=")
    if isinstance(getattr(primitives, name, None), Primitive):
        raise ValueError(f"{name} is the name of a primitive of the engine; give another name=")
    if isinstance(function, np.ufunc):
        if len(rules) != function.nin:
            raise ValueError(
                f"{name} has {function.nin} operands, and {len(rules)} rules are given"
            )
        broadcasts = function.nin > 1 if broadcasts is None else broadcasts
    return Primitive(name, function, *rules, every=every, broadcasts=bool(broadcasts), more=more)


def register(numpy_function: Callable[..., Any], ours: Callable[..., Any]) -> None:
    """Have a function of NumPy, or a ufunc of any library, call `ours` where an operand is a Value.

    `ours` is a primitive, or any function that takes the same arguments.

    Raises TypeError for a function that does not ask its operands (NEP 13 and NEP 18).

    >>> register(np.cbrt, primitive(np.cbrt, lambda g, out, x: g / (3.0 * out * out)))
    >>> float(grad(np.cbrt)(8.0)) * 12
    1.0
    """
    if isinstance(numpy_function, np.ufunc):
        UFUNCS[numpy_function.__name__] = ours
    elif isinstance(numpy_function, type(np.sum)):
        FUNCTIONS[numpy_function] = ours
    else:
        raise TypeError(f"{numpy_function!r} does not ask its operands; call yours by its own name")


def without_derivative(function: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """Return a function whose derivative is zero or none: it gives plain numbers, or masks."""
    rules = [None] * getattr(function, "nin", 0)
    made = primitive(function, *rules, name=name, more=not rules)

    def plain(*operands: Any, **parameters: Any) -> Any:
        while made.arity is None and isinstance(operands[-1], int | str | tuple | None):
            parameters[[*signature(function).parameters][len(operands) - 1]] = operands[-1]
            operands = operands[:-1]
        return compare(made, operands, parameters)

    return update_wrapper(plain, function) if not name else plain


def custom_gradient(f: Callable[..., Any]) -> Primitive:
    """Return a function whose backward pass is the one that it brings along, derived by hand.

    `f` takes numbers and arrays and returns `(result, backward)`: `backward` takes the adjoint of
    the result and returns that of the operand, or a tuple of one for each. Where both are written
    in functions that record, derivatives of derivatives are right as well, and `source`,
    `derivation` and `compile` read both.

    >>> @custom_gradient
    ... def log1pexp(x):
    ...     e = np.exp(x)
    ...     return np.log(1.0 + e), lambda g: g * (1.0 - 1.0 / (1.0 + e))
    >>> float(grad(log1pexp)(0.0)), float(grad(grad(log1pexp))(0.0))
    (0.5, 0.25)
    """
    name = f.__name__

    def function(*operands: Any) -> Any:
        found = f(*operands)
        if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
            raise TypeError("it returns its result and a function, backward, of its adjoint")
        return found[0]

    function.__module__ = f.__module__
    last: list[Any] = [None]  # what the operands before were given in the same pass

    def rule(g: Any, out: Any, *operands: Any, position: int) -> Any:
        key = (g, out, *operands)
        known = last[0]
        if known is None or any(a is not b for a, b in zip(known[0], key)):
            parts = f(*operands)[1](g)
            known = (key, parts if isinstance(parts, tuple | list) else (parts,))
        last[0] = known if position + 1 < len(operands) else None
        if len(known[1]) != len(operands):
            raise ValueError(
                f"the backward pass of {name} gave {len(known[1])} adjoints for "
                f"{len(operands)} operands"
            )
        if known[1][position] is None:
            raise ValueError(f"the backward pass of {name} gave None for operand {position + 1}")
        return known[1][position]

    made = ByHand(name, function, every=rule)
    update_wrapper(made, f)
    vars(made)["__code__"] = f.__code__  # where the names of the operands are
    return made


class ByHand(Primitive):
    """A function with a backward pass of its own. What is read as code is what both of them do."""

    def __call__(self, *operands: Any, **parameters: Any) -> Any:
        if parameters:
            raise TypeError(f"{self.name} takes operands only, not {', '.join(parameters)}=")
        if not any(getattr(x, "keeps_masks", False) for x in operands):
            return super().__call__(*operands, **parameters)

        def rule(g: Any, out: Any, result: Any, *xs: Any, position: int) -> Any:
            return by_hand(g, out, *xs, position=position)

        by_hand: Any = self.every
        rules = [partial(rule, position=i) for i in range(len(operands))]
        result = Primitive("identity", lambda result, *xs: result, None, *rules)
        return result(self.function(*operands), *operands)
