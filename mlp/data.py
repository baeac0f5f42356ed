"""The tutorial's data and initial parameters, and what their shapes must be."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Parameters = dict[str, Any]
Result = tuple[Parameters, float]  # of a backprop: the gradients and the loss
Rng = int | np.random.RandomState | np.random.Generator

RADIUS = 5.0


def make_dataset(num_points: int = 500, rng: Rng = 0) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return points in the plane, a disc inside a ring, and their labels (CSC321, Tutorial 5).

    `X` has shape (num_points, 2), `t` (num_points,). The first num_points // 2 points are in the
    disc of radius 2.5 and labelled 1, the others in the ring from 3.5 to 5 and labelled 0; radius
    and angle are uniform. `rng` is a seed of NumPy's legacy generator, which the tutorial uses, or
    a RandomState or Generator. Raises ValueError for num_points < 1 and seeds out of range.

    >>> X, t = make_dataset(4)
    >>> X.shape, t.tolist()
    ((4, 2), [1, 1, 0, 0])
    """
    num_points = as_count(num_points, "num_points", 1)
    rng = as_rng(rng)
    positives = num_points // 2
    discs = (0.0, 0.5 * RADIUS, positives), (0.7 * RADIUS, RADIUS, num_points - positives)
    polar = np.concatenate(
        [rng.uniform([low, 0.0], [high, 2.0 * np.pi], (n, 2)) for low, high, n in discs]
    )
    # The complex exponential uses the C library's sine and cosine, as `math` does; those of NumPy
    # may differ in the last digit.
    points = polar[:, 0] * np.exp(1j * polar[:, 1])
    X = np.stack([points.imag, points.real], axis=1)
    return X, np.repeat([1, 0], [positives, num_points - positives])


def initial_parameters(hidden: int = 3, rng: Rng = 0) -> Parameters:
    """Return normally distributed weights and zero biases for a number of hidden units.

    The shapes are U (hidden, 2), b (hidden,), W (hidden,) and c (). `rng` is as in `make_dataset`.
    Raises ValueError for hidden < 1.

    >>> {name: np.shape(p) for name, p in initial_parameters(hidden=3).items()}
    {'U': (3, 2), 'b': (3,), 'W': (3,), 'c': ()}
    """
    hidden = as_count(hidden, "hidden", 1)
    rng = as_rng(rng)
    return {
        "U": rng.standard_normal((hidden, 2)),
        "b": np.zeros(hidden),
        "W": rng.standard_normal(hidden),
        "c": np.float64(0.0),
    }


def tutorial_problem(
    num_points: int = 500, hidden: int = 3, seed: int = 0
) -> tuple[Array, npt.NDArray[np.int64], Parameters]:
    """Return `(X, t, params)`, drawn one after the other from one legacy generator.

    With the defaults they are exactly those of the tutorial's run.

    >>> X, t, params = tutorial_problem()
    >>> X[0].round(4).tolist(), params["W"].round(4).tolist()
    ([-1.3393, -0.2977], [-0.9191, 0.1928, -0.3651])
    """
    rng = as_rng(as_count(seed, "seed", 0))
    X, t = make_dataset(num_points, rng)
    return X, t, initial_parameters(hidden, rng)


def check_shapes(X: Array, t: Any, params: Parameters) -> None:
    """Raise ValueError unless data and parameters are those of one network.

    The shapes are X (N, D), t (N,), U (H, D), b (H,), W (H,) and c (), with N at least 1. Raises
    TypeError where `params` is not a dict.
    """
    if not isinstance(params, dict):
        raise TypeError(f"params must be a dict with the keys U, b, W and c, not {params!r}")
    if params.keys() != {"U", "b", "W", "c"}:
        raise ValueError(f"params has the keys {', '.join(params)}; it needs U, b, W and c")
    if np.ndim(X) != 2 or np.ndim(params["U"]) != 2:
        raise ValueError(
            f"X of shape {np.shape(X)} and U of shape {np.shape(params['U'])} must be matrices: "
            "a row of X for each point, a row of U for each hidden unit"
        )
    N, D = np.shape(X)
    H = len(params["U"])
    if N < 1:
        raise ValueError(f"X of shape {np.shape(X)} has no points; there is nothing to average")
    expected = {"t": (N,), "U": (H, D), "b": (H,), "W": (H,), "c": ()}
    for name, shape in expected.items():
        given = np.shape(t if name == "t" else params[name])
        if given != shape:
            raise ValueError(
                f"{name} has shape {given}; with {N} points of {D} numbers in X and {H} hidden "
                f"units in U it must have shape {shape}"
            )


def as_count(number: Any, name: str, least: int) -> int:
    """Return an integer argument that is at least `least`, or raise a sentence that names it."""
    if not isinstance(number, (int, np.integer)) or isinstance(number, bool):
        raise TypeError(f"{name} must be an integer, not {number!r}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")
    return int(number)


def as_rng(rng: Any) -> np.random.RandomState | np.random.Generator:
    if isinstance(rng, (np.random.RandomState, np.random.Generator)):
        return rng
    if not isinstance(rng, (int, np.integer)) or isinstance(rng, bool):
        raise TypeError(
            "rng must be an integer seed, a np.random.RandomState or a np.random.Generator, "
            f"not {rng!r}"
        )
    if not 0 <= rng < 2**32:
        raise ValueError(f"a seed must be from 0 to 2**32 - 1, not {rng}")
    return np.random.RandomState(rng)
