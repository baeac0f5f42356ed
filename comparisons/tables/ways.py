"""The ways to the gradient that are installed, under the names that the tables give them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from mlp import by_hand, compiled, engine, scalar
from mlp.numerical import central_differences, complex_step

Backprop = Callable[[Any, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Way:
    """A `backprop(X, t, params) -> (grads, loss)` with its name.

    An `exact` one is wrong by float64's rounding alone. `seconds(points, hidden)` is about what one
    call takes, for leaving out what would take minutes.
    """

    name: str
    backprop: Backprop
    exact: bool = True
    seconds: Callable[[int, int], float] = lambda points, hidden: 5e-5 + 5e-8 * points * hidden


# One loss takes some 50 ns a unit and point in complex numbers and 12 in real ones.
BY_HAND = Way("by hand", by_hand.backprop)
COMPLEX_STEP = Way(
    "complex step", complex_step, seconds=lambda n, h: (4 * h + 1) * (3e-5 + 6e-8 * n * h)
)
NUMPY_WAYS = (
    BY_HAND,
    Way("engine", engine.backprop),
    Way("compiled", compiled.backprop),
    Way("number by number", scalar.backprop, seconds=lambda n, h: 1.2e-5 * n * (h + 0.5)),
    COMPLEX_STEP,
    Way(
        "finite differences",
        central_differences,
        exact=False,
        seconds=lambda n, h: (8 * h + 2) * (2e-5 + 1.5e-8 * n * h),
    ),
)


def installed_ways() -> list[Way]:
    """Return the ways, by hand first; those of PyTorch only where it is installed."""
    ways = list(NUMPY_WAYS)
    if find_spec("torch"):
        import torch

        from mlp import pytorch

        torch.set_num_threads(1)
        ways.append(Way("PyTorch float64", pytorch.backprop))
        ways.append(Way("PyTorch float32", pytorch.backprop_float32, exact=False))
    return ways


def affordable(
    ways: Sequence[Any], points: int, hidden: int, seconds: float
) -> tuple[list[Any], str]:
    """Return the ways that take at most `seconds` a gradient, and a sentence about the others."""
    kept = [way for way in ways if way.seconds(points, hidden) <= seconds]
    dropped = ", ".join(way.name for way in ways if way not in kept)
    why = f"Left out, because one gradient takes more than {seconds:g} s at this size"
    return kept, f"{why}: {dropped}." if dropped else ""
