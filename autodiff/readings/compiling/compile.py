"""`compile`: value and gradient as straight-line NumPy with buffers that are used again."""

from collections.abc import Callable, Sequence
from functools import wraps
from threading import Lock
from typing import Any

import numpy as np

from autodiff.arguments import described, name_of, parameter_names, tree_map
from autodiff.arrays import as_data, own
from autodiff.graph import Node
from autodiff.readings.compiling.guards import Miss, Unlike
from autodiff.readings.compiling.program import Runnable, program
from autodiff.readings.listing import Listing
from autodiff.transforms import value_and_grad
from autodiff.value import enclosing

MOST = 16
"""Combinations of shapes and dtypes that are kept."""


def compile(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes what `value_and_grad(f, argnums)` does, and faster.

    At the first call with arguments of new shapes, memory orders, dtypes or structures `f` is run
    once on Values, and what it computes, forward and backward, is written as NumPy calls; `source`
    is their text. Later calls run these, in memory that is kept between them; what they return is
    the caller's own. Only the last 16 combinations are kept. Threads may call the function at once.

    What `f` finds elsewhere (arrays, numbers, Values, random numbers) becomes constant: changing it
    afterwards has no effect. So do integers, strings and the like among the arguments that are not
    differentiated; with others, `f` is traced anew, and so it is where an array of
    integers is no operand, as in `np.eye(3)[t]`. Arrays of integers become floats, or an index.

    Raises TypeError where `f` decides something by the numbers, which would freeze one branch, and
    where it returns no number that depends on its arguments.

    >>> value, gradient = compile(lambda x: sum(x * x))(np.array([1.0, 2.0]))
    >>> float(value), gradient.tolist()
    (5.0, [2.0, 4.0])
    """
    engine = value_and_grad(f, argnums)
    names = parameter_names(f)
    programs: list[Runnable] = []
    lock = Lock()

    @wraps(f)
    def compiled(*args: Any, **options: Any) -> Any:
        if enclosing.count or options:
            return engine(*args, **options)
        try:
            return programs[0].run(*args)
        except (Miss, IndexError):
            use = other
        except (Unlike, ArithmeticError):  # which the engine explains, or computes as NumPy would
            use = engine
        return use(*args)

    # `compiled` knows `other`, which must not know it: reference counts would free neither.
    attributes = vars(compiled)
    attributes["source"] = ""

    def other(*given: Any) -> Any:
        """Use another program than that of the last call, a new one if there is none."""
        args = [numbers(x, names.get(i, "an argument"), f) for i, x in enumerate(given)]
        for known in [*programs, None]:
            runnable = known or program(Listing(f, given, argnums))
            try:
                result = runnable.run(*args)
            except Miss:
                continue
            except (Unlike, ArithmeticError, IndexError):
                break
            with lock:
                programs[:] = [runnable, *[x for x in programs if x is not runnable]][:MOST]
            attributes["source"] = runnable.source
            return result
        return engine(*given)

    return compiled


def numbers(tree: Any, name: str, f: Callable[..., Any]) -> Any:
    """Return an argument with float arrays for its arrays; what is not a number stays as it is."""

    def as_array(x: Any, path: str | None) -> Any:
        if isinstance(x, Node):
            raise TypeError(
                f"{name_of(f)} is compiled and takes numbers, not {described(x)}; "
                f"value_and_grad({name_of(f)}) takes Values"
            )
        if not isinstance(x, (np.ndarray, float, np.floating)):
            return x
        return own(as_data(x, path or name))

    return tree_map(as_array, tree)
