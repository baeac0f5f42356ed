"""`compile`: value and gradient as straight-line NumPy with buffers that are used again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from threading import Lock
from typing import Any

from autodiff.arrays import as_data
from autodiff.graph import Node
from autodiff.program import Miss, Program, Unlike, Written
from autodiff.transforms import described, name_of, value_and_grad
from autodiff.tree import tree_map

MOST = 16
"""Combinations of shapes and dtypes that are kept."""


def compile(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes what `value_and_grad(f, argnums)` does, and faster.

    At the first call with arguments of new shapes or dtypes `f` is run once on Values, and what it
    computes, forward and backward, is written as NumPy calls, whose text is in `source`. Later
    calls run these, in memory that is kept between them; what they return is the caller's own.
    Arrays that `f` finds elsewhere become constants: changing them afterwards has no effect. Only
    the last 16 combinations of shapes are kept. Threads may call the function at once.

    Raises TypeError where `f` decides something by the numbers, which would freeze one branch.
    """
    engine = value_and_grad(f, argnums)
    programs: list[Written] = []
    lock = Lock()

    @wraps(f)
    def compiled(*args: Any) -> Any:
        try:
            return programs[0].run(*args)
        except (Miss, IndexError):
            use = other
        except (Unlike, ArithmeticError):  # which the engine explains, or computes as NumPy would
            use = engine
        return use(*args)

    def other(*given: Any) -> Any:
        """Use another program than that of the last call, a new one if there is none."""
        args = [numbers(x, name_of(f)) for x in given]
        for program in [*programs, None]:
            if program is None:
                program = Program(f, args, argnums).written()
            try:
                result = program.run(*args)
            except Miss:
                continue
            except (Unlike, ArithmeticError):
                return engine(*given)
            with lock:
                programs[:] = [program, *[x for x in programs if x is not program]][:MOST]
            compiled.source = program.source  # type: ignore[attr-defined]
            return result
        return engine(*given)

    compiled.source = ""  # type: ignore[attr-defined]
    return compiled


def numbers(tree: Any, name: str) -> Any:
    """Return an argument with float arrays for its numbers."""

    def as_array(x: Any, path: str | None) -> Any:
        if isinstance(x, Node):
            raise TypeError(
                f"{name} is compiled and takes numbers, not {described(x)}; value_and_grad({name}) "
                "takes Values"
            )
        return x if x is None or isinstance(x, (int, str)) else as_data(x, path or "an argument")

    return tree_map(as_array, tree)
