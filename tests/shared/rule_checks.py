"""The rules of a primitive against derivatives of its definition."""

from collections.abc import Callable
from functools import partial

import numpy as np
from oracles import complex_step
from samples import DEFINITIONS, PRIMITIVES, SAMPLES

from autodiff import Value, gradients


def check_rules(
    name: str, jacobian: Callable[..., np.ndarray] = complex_step, tolerance: float = 1e-13
) -> None:
    """Compare value and adjoints at each sample, for a random seed, with the definition's."""
    for number, sample in enumerate(SAMPLES[name]):
        definition = partial(DEFINITIONS[name], **sample.parameters)
        values = [Value(x) for x in sample.operands]
        out = PRIMITIVES[name](*values, **sample.parameters)
        np.testing.assert_allclose(out.data, definition(*sample.operands), rtol=1e-13, atol=1e-14)
        seed = np.random.default_rng(number).normal(size=out.shape)
        for i, got in enumerate(gradients(out, values, seed)):
            if i in sample.without:
                continue
            expected = np.tensordot(seed, jacobian(definition, sample.operands, i), out.ndim)
            assert got.shape == np.shape(sample.operands[i])
            assert got.dtype == np.float64
            np.testing.assert_allclose(
                got,
                expected,
                rtol=tolerance,
                atol=tolerance * (1 + np.max(np.abs(expected), initial=0)),
                err_msg=f"{name}, sample {number}, operand {i + 1}",
            )
