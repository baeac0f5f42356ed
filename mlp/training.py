"""Full-batch gradient descent with the gradients of any `backprop(X, t, params)`."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlp.data import Array, Parameters, as_count, check_shapes


@dataclass
class History:
    """What a training run leaves.

    `params` are the final parameters; `losses[k]` is the loss and, where asked for, `snapshots[k]`
    the parameters after k updates. `interrupted` says that Ctrl-C ended the run early.

    >>> X, t, params = tutorial_problem()
    >>> history = train(by_hand.backprop, X, t, params, steps=100, snapshot_every=50)
    >>> len(history.losses), list(history.snapshots)
    (100, [0, 50, 100])
    """

    params: Parameters
    losses: Array
    snapshots: dict[int, Parameters]
    interrupted: bool = False


class Diverged(FloatingPointError):  # noqa: N818
    """The loss or a parameter stopped being finite.

    `history` is what there is: after a loss that is not finite, the parameters that gave it.

    >>> X, t, params = tutorial_problem()
    >>> try:
    ...     train(lambda X, t, params: (params, np.inf), X, t, params)
    ... except Diverged as diverged:
    ...     print(diverged.history.losses)
    [inf]
    """

    history: History


def train(
    backprop: Callable[[Any, Any, Parameters], tuple[Any, Any]],
    X: Any,
    t: Any,
    params: Parameters,
    steps: int = 1000,
    learning_rate: float = 1.0,
    snapshot_every: int = 0,
    progress: bool | None = None,
) -> History:
    """Train by gradient descent: p <- p - learning_rate * (derivative of the loss w.r.t. p).

    `backprop` gets X (N, 2), t (N,) and `params` (U (H, 2), b (H,), W (H,), c ()) as read-only
    float64 copies, so nothing that it does reaches the caller's arrays, and returns the gradients,
    a dict with the keys and shapes of `params`, and the loss. With `snapshot_every` = k the history
    has the parameters after every k updates, from 0 on. `progress` shows a bar (True) or none
    (False); by default there is one on a terminal when the run takes more than a second and tqdm is
    installed. Ctrl-C ends the run and returns the history so far.

    Raises Diverged when the loss or a parameter is infinite or NaN, and ValueError or TypeError for
    arguments and results of `backprop` that are not as above. Source: CSC321, Tutorial 5, "Training
    the network".

    >>> history = train(by_hand.backprop, *tutorial_problem(), steps=1000)
    >>> print(f"{history.losses[-1]:.4f}")
    0.0331
    """
    steps = as_count(steps, "steps", 0)
    snapshot_every = as_count(snapshot_every, "snapshot_every", 0)
    check_method(backprop, learning_rate)
    check_shapes(X, t, params)
    X, t = private(X, "X"), private(t, "t")
    if not (t.min() >= 0.0 and t.max() <= 1.0):
        raise ValueError(f"t are targets from 0 to 1; these go from {t.min():g} to {t.max():g}")
    params = {name: private(p, name) for name, p in params.items()}
    losses: list[float] = []
    snapshots = {0: copies(params)} if snapshot_every else {}
    interrupted = False
    try:
        for step in counted(steps, progress):
            grads, loss = checked(backprop(X, t, dict(params)), params)
            if math.isfinite(loss):
                params = updated(params, grads, learning_rate)
            losses.append(loss)
            if not math.isfinite(loss):
                break
            if snapshot_every and step % snapshot_every == 0:
                snapshots[step] = copies(params)
    except KeyboardInterrupt:
        interrupted = True
    history = History(copies(params), np.array(losses), snapshots, interrupted)
    if problem := divergence(history, learning_rate):
        diverged = Diverged(problem)
        diverged.history = history
        raise diverged
    return history


def counted(steps: int, progress: bool | None) -> Iterable[int]:
    """Yield the numbers of the steps from 1 on, with a bar where it is wanted and there is tqdm."""
    numbers = range(1, steps + 1)
    if progress is False:
        return numbers
    try:
        from tqdm import tqdm  # here, because importing mlp should not have to wait for it
    except ModuleNotFoundError as error:
        if progress:
            raise ModuleNotFoundError(
                "the bar needs tqdm; install it with: pip install 'backprop-by-hand[cli]'",
                name=error.name,
            ) from None
        return numbers
    quiet = None if progress is None else False  # None: unless on a terminal
    return tqdm(numbers, desc="training", disable=quiet, delay=0.0 if progress else 1.0)


def check_method(backprop: Any, learning_rate: Any) -> None:
    if not callable(backprop):
        raise TypeError(
            "backprop must be a function of (X, t, params) that returns (grads, loss), "
            f"not {backprop!r}"
        )
    is_number = isinstance(learning_rate, (int, float, np.integer, np.floating))
    if not (is_number and 0.0 < learning_rate < math.inf):
        raise ValueError(f"learning_rate must be a positive number, not {learning_rate!r}")


def private(x: Any, name: str) -> Any:
    """Return a read-only float64 copy, or a float64 scalar for a number."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost; fill it first")
    try:
        copy = np.asarray(x).astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is not an array of real numbers: {error}") from None
    copy.flags.writeable = False
    return copy if copy.ndim else copy[()]


def copies(params: Parameters) -> Parameters:
    return {name: p.copy() for name, p in params.items()}


def checked(result: Any, params: Parameters) -> tuple[Any, float]:
    """Return what a backprop gave, the loss as a float, or raise a sentence about what is wrong."""
    try:
        grads, loss = result
        if isinstance(loss, (str, bytes)):
            raise TypeError
        loss = float(loss)
    except (TypeError, ValueError, OverflowError):
        parts = result if isinstance(result, tuple) else [result]
        raise TypeError(
            "backprop must return (grads, loss), a dict and a number, not "
            f"{', '.join(map(kind_of, parts))}"
        ) from None
    if not isinstance(grads, dict):
        raise TypeError(
            f"the gradients must be a dict with the keys of params, not {kind_of(grads)}"
        )
    if grads.keys() != params.keys():
        raise ValueError(
            f"the gradients have the keys {', '.join(map(str, grads))}; "
            f"those of params are {', '.join(params)}"
        )
    return grads, loss


def updated(params: Parameters, grads: Any, learning_rate: float) -> Parameters:
    new = {}
    for name, p in params.items():
        g = np.asarray(grads[name])
        if g.dtype.kind not in "fiu" or isinstance(grads[name], np.ma.MaskedArray):
            raise TypeError(f"the gradient of {name} is not an array of real numbers")
        if g.shape != p.shape:
            raise ValueError(
                f"the gradient of {name} has shape {g.shape}; {name} itself has shape {p.shape}"
            )
        new[name] = p = p - learning_rate * g
        if g.ndim:
            p.flags.writeable = False
    return new


def kind_of(x: Any) -> str:
    """Return the type of a wrong result, with its shape if it has one."""
    shape = getattr(x, "shape", ())
    return f"{type(x).__name__} of shape {shape}" if shape else type(x).__name__


def divergence(history: History, learning_rate: float) -> str:
    """Return what is not finite, and what to do about it, in a sentence; or nothing."""
    step, losses = len(history.losses) - 1, history.losses.tolist()
    if losses and not math.isfinite(losses[-1]):
        if step == 0:
            return (
                f"the loss is {losses[0]} at step 0, before any update: look for NaN, infinity or "
                "very large numbers in X, t and params"
            )
        return (
            f"the loss is {losses[-1]} at step {step}, after {losses[-2]:g} at step {step - 1}; "
            f"try a smaller learning rate than {learning_rate:g}, or a loss computed from z"
        )
    if not all(np.isfinite(p).all() for p in history.params.values()):
        return "the parameters are no longer finite after the last step"
    return ""
