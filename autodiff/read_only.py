"""The arrays that a Value shows: they can be computed with but not written to."""

from __future__ import annotations

from typing import Any

import numpy as np


def in_place(change: Any, compute: Any) -> Any:
    """Return the method that changes an array, or computes a new one if it is read-only."""
    return lambda self, other: (change if self.flags.writeable else compute)(self, other)


class ReadOnlyArray(np.ndarray[Any, np.dtype[Any]]):
    """An array as a Value shows it: computing with it is as usual, writing into it is refused."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(READ_ONLY)
        super().__setitem__(index, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.get("out", ())
        written = inputs[:1] if method == "at" else out
        if any(isinstance(x, ReadOnlyArray) and not x.flags.writeable for x in written):
            raise ValueError(READ_ONLY)
        if out:
            options["out"] = plain_views(out)
        return getattr(ufunc, method)(*plain_views(inputs), **options)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    # `p.data -= step` computes a new array and assigns it; a copy of `p.data` changes in place.
    __iadd__: Any = in_place(np.ndarray.__iadd__, np.ndarray.__add__)
    __isub__: Any = in_place(np.ndarray.__isub__, np.ndarray.__sub__)
    __imul__: Any = in_place(np.ndarray.__imul__, np.ndarray.__mul__)
    __itruediv__: Any = in_place(np.ndarray.__itruediv__, np.ndarray.__truediv__)


READ_ONLY = (
    "the data and the gradient of a Value cannot be changed in place, because recorded results "
    "need them; assign a new array, as in v.data = v.data - step, or change v.data.copy()"
)


def plain_views(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the same arrays as NumPy's own type."""
    return tuple(x.view(np.ndarray) if isinstance(x, ReadOnlyArray) else x for x in arrays)


def read_only(data: Any) -> Any:
    """Return a view of an array that cannot be written to; a number as it is."""
    if type(data) is not np.ndarray:
        return data
    view = data.view(ReadOnlyArray)
    view.flags.writeable = False
    return view
