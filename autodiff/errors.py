"""Error messages: sentences that name the operation, its operands and their shapes."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn, TypeVar

from autodiff.arrays import shape

F = TypeVar("F", bound=Callable[..., Any])


def called(x: Any, position: int | None = None) -> str:
    """Name a Value or an operand for an error message, with its shape."""
    if getattr(x, "name", None):
        label = f"'{x.name}'"
    else:
        label = f"operand {position}" if position else "a Value"
    return f"{label} of shape {shape(x)}"


def refuse(
    primitive: Any, operands: tuple[Any, ...], inputs: list[Any], parameters: Any, error: Exception
) -> NoReturn:
    """Raise what NumPy objected to as a sentence about the operation and its operands."""
    names = [called(x, i) for i, x in enumerate(operands, 1)]
    shapes = [shape(x) for x in inputs]
    kind: type[Exception] = type(error) if type(error) in (IndexError, TypeError) else ValueError
    if primitive.name == "matmul" and all(shapes):
        a, b = shapes
        inner = b[max(len(b) - 2, 0)]
        if a[-1] == inner:
            advice = "the axes before the last two do not broadcast"
        elif len(b) == 1:
            advice = "the last axis of the first must be as long as the second"
        else:
            advice = "the last axis of the first must be as long as the last but one of the second"
        if a[-1] != inner and (a[0] == inner or a[-1] == b[-1]):
            advice += "; is a transpose (.T) missing?"
        message = f"{' and '.join(names)} do not multiply: {advice}"
    elif primitive.broadcasts and len(names) > 1 and "broadcast" in str(error):
        message = (
            f"{' and '.join(names)} do not broadcast: aligned at the last axis, "
            "each pair of lengths must be equal or contain a 1"
        )
    else:
        options = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
        message = f"{', '.join(names)}{' with ' if options else ''}{options}: {error}"
    raise kind(f"{primitive.name}: {message}") from None


def check_call(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
) -> None:
    """Raise a TypeError that says how a function is called, where these are not its arguments."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        bare = [x.replace(annotation=x.empty) for x in signature.parameters.values()]
        raise TypeError(f"{name} takes {inspect.Signature(bare)}: {error}") from None


def explained(function: F) -> F:
    """Return a function that says how it is called, where it is called with other arguments."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except TypeError:
            check_call(function.__name__, function, args, options)
            raise

    return call  # type: ignore[return-value]


DATA = ".data holds the numbers, without the graph"
WORDS = {
    **dict.fromkeys(("detach", "numpy", "tolist", "astype", "copy", "clone", "cpu"), DATA),
    **dict.fromkeys(("requires_grad", "requires_grad_"), "every Value has a gradient"),
    "at": "a Value is not written into: build a new one with where, concatenate or stack",
    "label": "its name is .name",
    **dict.fromkeys(("device", "to"), "everything is computed by NumPy, in main memory"),
    "no_grad": "functions of plain arrays record nothing",
    "view": "use reshape",
    **dict.fromkeys(("unsqueeze", "permute"), "use np.expand_dims and transpose"),
    **dict.fromkeys(("mm", "matmul", "bmm"), "use @"),
    **dict.fromkeys(("pow", "add", "mul", "sub", "div"), "use Python's operators"),
    **dict.fromkeys(("real", "imag", "conj"), "Values are real numbers"),
    **dict.fromkeys(("_prev", "_op", "_children", "grad_fn"), "see .parents and .primitive"),
    **dict.fromkeys(("fill", "put", "resize"), "a Value is not changed in place"),
}
"""What to use here instead of an attribute that other libraries have."""


def advice(name: str) -> str:
    """Return the end of a sentence about an attribute that there is not."""
    return f"; {WORDS[name]}" if name in WORDS else ""


def refused(name: str, advice: str) -> Callable[..., NoReturn]:
    """Return the method of an operation of Python's that is not recorded."""

    def method(self: Any, *_: Any) -> NoReturn:
        raise TypeError(f"{name} of {called(self)} is not recorded; {advice}")

    return method


class Digits(str):
    """The digits of a Value, to be read by people: as a number they would have no gradient."""

    def refuse(self) -> NoReturn:
        raise TypeError(
            f"{str(self)!r} are the digits of a Value in a function that is being differentiated; "
            "as a number they would lose its gradient. Use the Value, or its .data"
        )

    __float__ = __int__ = refuse
