"""The tutorial's network, 2 inputs, tanh hidden units and a logistic output, in several ways.

Each way is a module with `forward(X, params) -> y` and `backprop(X, t, params) -> (grads, loss)`:
`mlp.by_hand`, `mlp.engine`, `mlp.compiled`, `mlp.loops`, `mlp.scalar`, `mlp.numerical` and, where
PyTorch is installed, `mlp.pytorch`. X is (N, 2), t (N,), params and grads are dicts of U (H, 2), b
(H,), W (H,) and c (), and the loss is a float. `mlp.plots` draws.
"""

from mlp.data import initial_parameters, make_dataset, tutorial_problem
from mlp.losses import cross_entropy, sigmoid
from mlp.training import Diverged, History, train

__all__ = [
    "Diverged",
    "History",
    "cross_entropy",
    "initial_parameters",
    "make_dataset",
    "sigmoid",
    "train",
    "tutorial_problem",
]
