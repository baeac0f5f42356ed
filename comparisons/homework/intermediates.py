"""The adjoints that are seen in the variables of a hand-written `backprop`, one by one."""

import inspect
from pathlib import Path

import numpy as np

from comparisons.diagnosis.adjoints import AdjointCheck, as_adjoints, compared, variables
from comparisons.diagnosis.equations.conventions import variable_of
from comparisons.diagnosis.equations.replay import Backward
from comparisons.homework import sandbox
from comparisons.homework.checking import TUTORIAL, Task


def check_intermediates(
    path: Path, name: str | None = None, task: Task = TUTORIAL, seed: int = 0
) -> AdjointCheck:
    """Check what the function `name` of a file returns and keeps in variables with adjoints' names.

    Of several values of a variable the last one counts. ValueError, in a sentence, where the file
    could not be checked.
    """
    params, data = point = task.drawn(seed)[0]
    expected = list(inspect.signature(task.loss).parameters)[1 : 1 + len(data)]
    collected = sandbox.run(path, name, [point], expected)
    if collected.problem is not None:
        raise ValueError(f"{name or 'backprop'} in {path.name}: {collected.problem}.")
    backward = Backward(task.loss, params, data, apart=True)
    result, known = collected.results[0], variables(backward)
    seen = {x.name: x.value for x in collected.variables} | result.extras
    named = {of: x for key, x in seen.items() if (of := variable_of(key, known))}
    gradients = {key: x for key, x in result.grads.items() if key in known}
    others = {
        of: x
        for of, x in named.items()
        if known[of] not in backward.gradients.values()
        and np.size(x) == np.size(known[of].data)  # in a loop it is that of one example
    }
    checks, N = [], float(backward.N or 1)
    for k in (1.0, N, 1.0 / N):  # all adjoints may be N times larger: 1/N can be put in later
        scaled = {of: k * x for of, x in others.items()}
        checks.append(compared(backward, point, as_adjoints(backward, scaled | gradients)))
    return next(filter(None, checks), checks[0])
