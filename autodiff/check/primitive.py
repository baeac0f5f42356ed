"""Whether a primitive is right: its rules, their own derivatives, and what is read from them."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import functions
from autodiff.check.gradient import check_gradient
from autodiff.graph import Primitive
from autodiff.readings.compiling.compile import compile
from autodiff.readings.source import source
from autodiff.transforms import grad, value_and_grad

Function = Callable[[Any], Any]


def check_primitive(p: Primitive, samples: Iterable[Any], **parameters: Any) -> None:
    """Check a primitive at samples: each an operand or a tuple of operands, away from kinks.

    At each its rules, and their own derivatives, must agree with numerical differentiation; results
    and gradients of float32 must be those of float64 to rounding, and float32 themselves; what
    `compile` makes and `source` writes must give the numbers of the engine. Where a primitive
    broadcasts, all of it must also hold with an axis more in one operand. Code of `source` is left
    out where that refuses to write the function down.

    Raises AssertionError with what is wrong at which sample, and ValueError without samples or
    rules.

    >>> cube = primitive(lambda x: x * x * x, lambda g, out, x: g * (3.0 * x * x), name="cube")
    >>> check_primitive(cube, [2.0, np.array([1.0, -2.0])])
    """
    tuples = [x if isinstance(x, tuple) else (x,) for x in samples]
    if not tuples:
        raise ValueError(f"check_primitive: there are no samples to check {p.name} at")
    for number, operands in enumerate(tuples, 1):
        for given in [operands, *broadcast(p, operands)]:
            more = "" if given is operands else f", with operands of shapes {shapes(given)}"
            for problem in problems(p, given, parameters):
                raise AssertionError(f"{p.name} at sample {number}{more}: {problem}")


def shapes(operands: Sequence[Any]) -> str:
    return ", ".join(str(np.shape(x)) for x in operands)


def broadcast(p: Primitive, operands: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the operands with an axis more in one of them, if the primitive broadcasts."""
    ndim = max(map(np.ndim, operands))
    for i, x in enumerate(operands if p.broadcasts else ()):
        wide = np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x))
        yield (*operands[:i], np.stack([wide] * 2), *operands[i + 1 :])


def problems(p: Primitive, operands: Sequence[Any], parameters: Any) -> Iterator[str]:
    """Yield what is wrong at a sample, the most telling first."""
    rules = [i for i, _ in p.rules or p.rules_for(tuple(operands))]
    if not rules:
        raise ValueError(f"check_primitive: {p.name} has no rule to check")
    xs = [np.array(operands[i], float)[()] for i in rules]

    def applied(xs: Sequence[Any], others: Sequence[Any] = operands) -> Any:
        given = list(others)
        for i, x in zip(rules, xs):
            given[i] = x
        return p(*given, **parameters)

    def f(xs: Sequence[Any]) -> Any:
        y = applied(xs)
        return functions.sum(weights(np.shape(y)) * y)

    def slope(xs: Sequence[Any]) -> Any:
        parts = zip(grad(f)(xs), xs)
        return sum(functions.sum(weights(np.shape(x)) * g) for g, x in parts)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a derivative that is a constant
        for function, what in ((f, "its rules"), (slope, "the derivatives of its rules")):
            try:
                report = check_gradient(function, xs)
            except (TypeError, ValueError) as error:
                yield f"{what} cannot be computed: {error}"
                return
            if not report:
                yield f"{what} disagree with numerical differentiation\n{report}"
        value, expected = value_and_grad(f)(xs)
        single = [np.float32(x) for x in xs]
        others = [as_single(x) for x in operands]
        if np.result_type(applied(single, others)) != np.float32:
            yield "it makes float64 of float32"
        if not close(grad(f)(single), expected, 1e-3):
            yield "its gradients in float32 are not those in float64 to rounding"
        if not close([*flat(compile(f)(xs))], [value, *expected], 1e-9):
            yield "what compile makes gives other numbers"
        try:
            text = source(f, xs)
        except ValueError:  # its function is not written down
            return
    names: dict[str, Any] = {}
    exec(text, names)
    if not close([*flat(names["f_and_gradient"](xs))], [value, *expected], 1e-9):
        yield f"what source writes gives other numbers:\n{text}"


def as_single(x: Any) -> Any:
    """Return an array of floats as float32; what else an operand may be as it is."""
    return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def weights(shape: tuple[int, ...]) -> Any:
    """Return numbers of about 1 that are all different."""
    return np.cos(0.7 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


def flat(found: Any) -> Iterator[Any]:
    yield found[0]
    yield from found[1]


def close(got: Sequence[Any], expected: Sequence[Any], tolerance: float) -> bool:
    """Return whether arrays agree, relative to the largest entry of each."""
    return all(
        np.allclose(x, y, tolerance, tolerance * (1e-30 + np.max(np.abs(y), initial=0.0)))
        for x, y in zip(got, expected, strict=True)
    )
