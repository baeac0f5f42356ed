"""Functions beyond the engine's own table, loaded when one of them is first asked for.

They are made as anybody makes one, with `primitive` and `register`, and have NumPy's names and
arguments. Once this is loaded, NumPy's own functions record them.
"""

from types import ModuleType

import numpy as np

from autodiff.more import elementwise, linalg, moving, plain, products, reductions, special
from autodiff.more.extend import custom_gradient, primitive, register

__all__ = ["custom_gradient", "primitive", "register"]


def _register(numpy: ModuleType, *modules: ModuleType) -> None:
    """Have NumPy's functions call those of ours that have their names."""
    for module in modules:
        for name, ours in (vars(module) | getattr(module, "FUNCTIONS", {})).items():
            theirs = getattr(numpy, name, None)
            if isinstance(theirs, type(np.sum) | np.ufunc) and theirs is not ours:
                register(theirs, ours)
                globals()[name] = ours


_register(np, elementwise, moving, products, reductions, plain, special)
_register(np.linalg, linalg)
