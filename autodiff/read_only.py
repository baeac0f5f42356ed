"""The arrays that a Value shows: they can be computed with but not written to."""

from __future__ import annotations

from typing import Any

import numpy as np


class ReadOnlyArray(np.ndarray[Any, np.dtype[Any]]):
    """An array as a Value shows it: computing with it is as usual, writing into it is refused."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(READ_ONLY)
        super().__setitem__(index, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        written = inputs[:1] if method == "at" else options.get("out", ())
        if any(isinstance(x, ReadOnlyArray) and not x.flags.writeable for x in written):
            raise ValueError(READ_ONLY)
        inputs = tuple(x.view(np.ndarray) if isinstance(x, ReadOnlyArray) else x for x in inputs)
        return getattr(ufunc, method)(*inputs, **options)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    # So `p.data -= step` computes a new array and assigns it.
    __iadd__: Any = np.ndarray.__add__
    __isub__: Any = np.ndarray.__sub__
    __imul__: Any = np.ndarray.__mul__
    __itruediv__: Any = np.ndarray.__truediv__


READ_ONLY = (
    "the data and the gradient of a Value cannot be changed in place, because recorded results "
    "need them; assign a new array, as in v.data = v.data - step, or change v.data.copy()"
)


def read_only(data: Any) -> Any:
    """Return a view of an array that cannot be written to; a number as it is."""
    if type(data) is not np.ndarray:
        return data
    view = data.view(ReadOnlyArray)
    view.flags.writeable = False
    return view
