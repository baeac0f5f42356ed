"""`compile`: value and gradient as straight-line NumPy with buffers that are used again."""

import warnings
from collections.abc import Callable, Sequence
from functools import update_wrapper
from threading import Lock
from types import MethodType
from typing import Any, Concatenate, overload

import numpy as np

from autodiff.arguments import described, name_of, parameter_names, tree_map
from autodiff.arrays import P, as_data, own
from autodiff.errors import explained
from autodiff.graph import Node
from autodiff.readings.compiling.guards import Miss, Unlike
from autodiff.readings.compiling.program import Runnable, program
from autodiff.readings.listing import Listing
from autodiff.readings.native.build import NoCompiler, NotBuilt
from autodiff.readings.native.call import native
from autodiff.readings.native.loop import NoLoops
from autodiff.transforms import A, S, value_and_grad
from autodiff.value import enclosing

BACKENDS = ("numpy", "c", "auto")
MOST = 16
"""Combinations of shapes and dtypes that are kept."""


@overload
def compile(
    f: Callable[Concatenate[A, P], S], *, backend: str = "numpy"
) -> Callable[Concatenate[A, P], tuple[S, A]]: ...
@overload
def compile(
    f: Callable[P, S], argnums: int | Sequence[int], backend: str = "numpy"
) -> Callable[P, tuple[S, Any]]: ...
@explained
def compile(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, backend: str = "numpy"
) -> Callable[..., Any]:
    """Return a function that computes what `value_and_grad(f, argnums)` does, and faster.

    At the first call with arguments of new shapes, memory orders, dtypes or structures `f` is run
    once on Values, and what it computes, forward and backward, is written as NumPy calls; `source`
    is their text. Later calls run these, in memory that is kept between them; what they return is
    the caller's own. Only the last 16 combinations are kept. Threads may call the function at once.

    What `f` finds elsewhere (arrays, numbers, Values, random numbers) becomes constant: changing it
    afterwards has no effect. So do integers, strings and the like among the arguments that are not
    differentiated; with others, `f` is traced anew, and so it is where an array of
    integers is no operand, as in `np.eye(3)[t]`. Arrays of integers become floats, or an index.

    With the `backend` "c" it is the loop over examples that `source` writes in C, built by the
    system's compiler (CC, cc, gcc or clang) and kept in XDG_CACHE_HOME, by default ~/.cache;
    numbers are equal to rounding. Where there is no such loop (wide layers, float32) or it is not
    built, NumPy computes, and a warning says why; with "auto" only where that is unexpected. The
    result's own `backend` says what computed last.

    Raises ValueError for another backend, TypeError where `f` decides something by the numbers,
    which would freeze one branch, and where it returns no number that depends on its arguments.

    >>> value, gradient = compile(lambda x: sum(x * x))(np.array([1.0, 2.0]))
    >>> float(value), gradient.tolist()
    (5.0, [2.0, 4.0])
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is {', '.join(map(repr, BACKENDS))}, not {backend!r}")
    return Compiled(f, argnums, backend)


class Compiled:
    """Runs the program of the last call, or another that is kept, or a new one."""

    def __init__(self, f: Callable[..., Any], argnums: int | Sequence[int], wanted: str) -> None:
        update_wrapper(self, f)
        self.f, self.argnums, self.wanted = f, argnums, wanted
        self.engine = value_and_grad(f, argnums)
        self.programs: list[Runnable] = []
        self.lock = Lock()

    @property
    def source(self) -> str:
        return self.programs[0].source if self.programs else ""

    @property
    def backend(self) -> str:
        return self.programs[0].backend if self.programs else ""

    def __call__(self, *args: Any, **options: Any) -> Any:
        if enclosing.count or options:
            return self.engine(*args, **options)
        try:
            return self.programs[0].run(*args)
        except (Miss, IndexError):
            use = self.other
        except (Unlike, ArithmeticError):  # which the engine explains, or computes as NumPy would
            use = self.engine
        return use(*args)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    def __reduce__(self) -> str:
        return self.f.__qualname__  # as functions are: by where they are found

    def other(self, *given: Any) -> Any:
        """Run another program than that of the last call, a new one if none is for these."""
        names = parameter_names(self.f)
        args = [numbers(x, names.get(i, "an argument"), self.f) for i, x in enumerate(given)]
        for known in [*self.programs, None]:
            runnable = known or self.written(given)
            try:
                result = runnable.run(*args)
            except Miss:
                continue
            except (Unlike, ArithmeticError, IndexError):
                break
            with self.lock:
                rest = [x for x in self.programs if x is not runnable]
                self.programs[:] = [runnable, *rest][:MOST]
            return result
        return self.engine(*given)

    def written(self, args: Sequence[Any]) -> Runnable:
        """Write a program for arguments like these: of NumPy's calls where there is none in C."""
        listing = Listing(self.f, args, self.argnums)
        if self.wanted != "numpy":
            try:
                return native(listing)
            except (NoLoops, NotBuilt) as reason:
                if self.wanted == "c" or not isinstance(reason, (NoLoops, NoCompiler)):
                    message = f"{listing.trace.name} is computed by NumPy, not in C: {reason}"
                    warnings.warn(message, RuntimeWarning, stacklevel=4)
        return program(listing)


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
