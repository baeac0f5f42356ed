"""The network as one loop over the examples in C: the equations of `mlp.engine`, written out.

Without a C compiler, and for layers too wide for loops, NumPy computes, as in `mlp.compiled`. After
a call `loss_and_gradients.backend` says which: "c" or "numpy".

`backprop_in_blocks` goes through the examples block by block, with as many threads as there are
cores, which pays from some hundred thousand points on; fewer are one block.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from autodiff import compile, in_blocks
from mlp import engine
from mlp.data import Array, Parameters, Result

forward = engine.forward
loss_and_gradients: Any = compile(engine.loss, backend="auto")
threads = ThreadPoolExecutor(os.cpu_count())
in_threads = in_blocks(engine.loss, map=threads.map)


def backprop(X: Array, t: Array, params: Parameters) -> Result:
    """Return the gradients and the loss; raises as `mlp.engine.loss` does."""
    value, grads = loss_and_gradients(params, X, t)
    return grads, float(value)


def backprop_in_blocks(X: Array, t: Array, params: Parameters) -> Result:
    """Return the gradients and the loss; raises as `mlp.engine.loss` does, and without points."""
    value, grads = in_threads(params, X, t)
    return grads, float(value)
