"""The data of `autodiff.steps`, computed by the table of primitives in a few lines of Python."""

from typing import Any

import numpy as np
from samples import ALL

from autodiff.arrays import POSITIONS


def evaluated(program: dict[str, Any]) -> list[Any]:
    """Return what each term of a program is."""
    found: list[Any] = []
    for term in program["terms"]:
        if term["primitive"] is None:
            array = np.reshape([float(x) for x in term["data"]], term["shape"])
            found.append(array.astype(bool) if term["mask"] else number_or_array(array))
        else:
            parameters = {key: decoded(x) for key, x in term["parameters"].items()}
            name = term["primitive"]
            function = ALL[name].function if name in ALL else getattr(np, name)
            result = function(*[found[i] for i in term["operands"]], **parameters)
            found.append(number_or_array(result))
    return found


def number_or_array(x: Any) -> Any:
    return float(x) if np.ndim(x) == 0 and np.result_type(x) != np.bool_ else x


def decoded(x: Any) -> Any:
    """Return a parameter as a primitive takes it."""
    if isinstance(x, list):
        return tuple(map(decoded, x))
    if isinstance(x, dict):
        if "slice" in x:
            return slice(*x["slice"])
        return np.reshape(np.asarray(x["array"], None if x["array"] else int), x["shape"])
    return {"...": ..., "operand": POSITIONS}.get(x, x) if isinstance(x, str) else x
