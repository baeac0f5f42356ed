"""The ways to the gradient that are installed, and how far their results are apart."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from typing import Any

import numpy as np

from autodiff.readings.native.build import compiler
from comparisons.printing import scientific
from mlp import by_hand, compiled, engine, loops, scalar, sigmoid
from mlp.data import Array, Parameters
from mlp.numerical import central_differences, complex_step

TOLERANCE, LOSS_TOLERANCE = 1e-12, 1e-6
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
LOOPS = Way("loops in C", loops.backprop)
BLOCKS = Way("in blocks", loops.backprop_in_blocks)  # of threads, so not among those of one
COMPLEX_STEP = Way(
    "complex step", complex_step, seconds=lambda n, h: (4 * h + 1) * (3e-5 + 6e-8 * n * h)
)
NUMPY_WAYS = (
    BY_HAND,
    Way("engine", engine.backprop),
    Way("compiled", compiled.backprop),
    LOOPS,
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


def fallback(names: Container[str]) -> str:
    """Return a sentence where NumPy has just computed what is named loops in C, or nothing."""
    if LOOPS.name not in names or loops.loss_and_gradients.backend == "c":
        return ""
    why = "they are not built for this network" if compiler() else "there is no C compiler"
    return f"The {LOOPS.name} were computed by NumPy: {why}."


def compared(place: str, ways: list[Way], X: Array, t: Any, params: Parameters) -> dict[str, Any]:
    """Return the gradients of all ways at some parameters, and the difference of every pair.

    "allowed" is what the gradients of a pair may differ by, 1e-12 of their largest entry, and
    "allowed_loss" what their losses may, 1e-6 of the smaller; or where that is less than the
    rounding of right ones, the rounding. "culprits" are the exact ways that disagree with most of
    the others.
    """
    results = {way.name: way.backprop(X, t, params) for way in ways}
    floor, loss_floor = rounding(X, t, params)
    pairs = []
    for a, b in combinations(results, 2):
        found = difference(results[a], results[b])
        allowed = max(floor, TOLERANCE * found["largest"])
        smaller = float(np.fmin(*(abs(results[name][1]) for name in (a, b))))
        allowed_loss = max(loss_floor, LOSS_TOLERANCE * smaller)
        pairs.append({"ways": [a, b], **found, "allowed": allowed, "allowed_loss": allowed_loss})
    return {
        "place": place,
        "losses": {name: float(loss) for name, (_, loss) in results.items()},
        "gradients": {
            name: {key: np.asarray(g, float).tolist() for key, g in grads.items()}
            for name, (grads, _) in results.items()
        },
        "pairs": pairs,
        "culprits": culprits([way.name for way in ways if way.exact], pairs),
    }


def culprits(exact: list[str], pairs: list[dict[str, Any]]) -> list[str]:
    """Return the exact ways that disagree with most of the others, or all that disagree."""
    apart = [pair["ways"] for pair in pairs if set(pair["ways"]) <= set(exact) and disagree(pair)]
    against = {name: sum(name in ways for ways in apart) for name in exact}
    majority = [name for name, count in against.items() if count > (len(exact) - 1) / 2]
    return majority or [name for name, count in against.items() if count]


def difference(a: tuple[Parameters, float], b: tuple[Parameters, float]) -> dict[str, Any]:
    """Return how far two results `(grads, loss)` are apart.

    Per parameter: the largest absolute difference, its ratio to the largest entry of that
    parameter's gradient, and the entry where it is. "relative" is the largest absolute difference
    of all in units of "largest", the largest entry of the whole gradient. NaN and another shape
    differ infinitely.
    """
    parameters = {}
    largest = worst = 0.0
    for name in b[0]:
        x, y = np.asarray(a[0][name], float), np.asarray(b[0][name], float)
        if x.shape == y.shape:
            gap = np.asarray(np.where(np.isfinite(x) & np.isfinite(y), np.abs(x - y), np.inf))
            index = np.unravel_index(np.argmax(gap), gap.shape)
            absolute = float(gap[index])
            entry = f"{name}[{','.join(map(str, index))}]" if index else name
        else:
            absolute, entry = np.inf, f"{name}, of shape {x.shape} and {y.shape}"
        sizes = np.abs(np.concatenate([x.ravel(), y.ravel()]))
        size = float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))
        worst, largest = max(worst, absolute), max(largest, size)
        parameters[name] = {"absolute": absolute, "relative": ratio(absolute, size), "entry": entry}
    loss = abs(a[1] - b[1]) if np.isfinite(a[1]) and np.isfinite(b[1]) else np.inf
    return {
        "loss": float(loss),
        "relative_loss": ratio(float(loss), max(abs(a[1]), abs(b[1]))),
        "relative": ratio(worst, largest),
        "absolute": worst,
        "largest": largest,
        "parameters": parameters,
    }


def ratio(difference: float, size: float) -> float:
    """Return a difference relative to a size; none is 0, even of size 0."""
    return difference if difference in (0.0, np.inf) else float(difference / size)


def disagree(pair: dict[str, Any]) -> bool:
    """Return whether two results differ by more than is allowed."""
    return bool(pair["absolute"] > pair["allowed"] or pair["loss"] > pair["allowed_loss"])


def lost_digits(found: dict[str, Any]) -> str:
    """Say how far a right way's loss is from that by hand, and why, if by more than 1e-10."""
    if found["relative_loss"] <= 1e-10:
        return ""
    gap = found["relative_loss"]
    is_off = f"is off by {scientific(gap)}" if np.isfinite(gap) else "is infinite or NaN"
    return (
        f"The loss by hand {is_off}: the tutorial's formula takes it from y, and where z is large, "
        "1 - y has few digits left or none (see `backprop stability`)."
    )


def rounding(X: Array, t: Any, params: Parameters) -> tuple[float, float]:
    """Return how far apart gradients and losses of right ways may be, however small they are.

    Near a minimum a gradient is small because its terms are, or because they cancel; what rounding
    does to them is neither. In a term for U, (y - t) (1 - H^2) W x, both y and H^2 are rounded to
    eps, 2.2e-16. So it is off by eps (1 - H^2) W x and by eps (y - t) W x, and adding N of them one
    by one adds about sqrt(N) / 20 times the latter. In those for b x is 1; those for W and c are
    off by eps.

    Of right ways at 12,000 places, those that differed by more than 1e-12 differed by at most 0.9
    times the mean of these errors, for 2 to 500 points, 1 to 20 hidden units and up to 20,000
    steps, and by 1.4 times for up to 300,000 points or steps. 4 times are allowed.

    By hand the loss is computed from y: eps in y makes eps / (1 - y) of log(1 - y), and where y
    rounds to 1 there is nothing left, nor of 0 log(0).
    """
    N = len(X)
    H = np.tanh(X @ params["U"].T + params["b"])
    y = sigmoid(H @ params["W"] + params["c"])
    gap = np.abs(y - t)
    errors = (1 - H * H + (1 + N**0.5 / 20) * gap[:, None]) * np.abs(params["W"])
    inputs = np.column_stack([np.ones(N), np.abs(X)])
    in_loss = np.mean((1 - t) / (1 - y)) if np.all(y < 1) else np.inf
    eps = np.finfo(float).eps
    return float(4 * eps * max(1.0, np.max(errors.T @ inputs) / N)), float(4 * eps * in_loss)
