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

    def __iadd__(self, other: Any) -> Any:
        return self + other if not self.flags.writeable else super().__iadd__(other)

    def __isub__(self, other: Any) -> Any:
        return self - other if not self.flags.writeable else super().__isub__(other)

    def __imul__(self, other: Any) -> Any:
        return self * other if not self.flags.writeable else super().__imul__(other)

    def __itruediv__(self, other: Any) -> Any:
        return self / other if not self.flags.writeable else super().__itruediv__(other)


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
