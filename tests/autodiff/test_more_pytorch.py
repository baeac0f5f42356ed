"""Derivatives of what `autodiff.more` has, to order 3, against PyTorch's of the same name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from samples import above_one, far, inside, matrices, normal, positive

from autodiff import grad, sum

torch = pytest.importorskip("torch")

ELEMENTWISE = {
    **dict.fromkeys(("arctan", "sinh", "cosh", "arcsinh", "exp2"), normal),
    **dict.fromkeys(("tan", "arcsin", "arccos", "arctanh"), inside),
    **dict.fromkeys(("log2", "log10", "reciprocal"), positive),
    "arccosh": above_one,
}
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any]] = {
    **{
        name: (getattr(np, name), getattr(torch, name), draw(2, 3))
        for name, draw in ELEMENTWISE.items()
    },
    **{
        name: (
            lambda x, name=name: getattr(np, name)(x, 1.5 * x[::-1]),
            lambda x, name=name: getattr(torch, name)(x, 1.5 * torch.flip(x, (0,))),
            far(4),
        )
        for name in ("arctan2", "hypot", "logaddexp", "logaddexp2", "fmax", "fmin")
    },
    "prod": (np.prod, torch.prod, far(4)),
    "prod with zeros": (np.prod, torch.prod, np.array([2.0, 0.0, 3.0, 0.0])),
    "cumsum": (lambda x: np.cumsum(x, 1), lambda x: torch.cumsum(x, 1), normal(2, 3)),
    "cumprod": (lambda x: np.cumprod(x, 0), lambda x: torch.cumprod(x, 0), far(4)),
    "std": (np.std, lambda x: torch.std(x, correction=0), normal(5)),
    "norm": (np.linalg.norm, torch.linalg.norm, normal(5)),
    "einsum": (
        lambda x: np.einsum("ij,kj,kl->il", x, x, x),
        lambda x: torch.einsum("ij,kj,kl->il", x, x, x),
        normal(3, 3),
    ),
    "kron": (lambda x: np.kron(x, x), lambda x: torch.kron(x, x), normal(2, 2)),
    **{
        name: (getattr(np.linalg, name), getattr(torch.linalg, name), matrices(3, 3))
        for name in ("inv", "det", "pinv")
    },
    "slogdet": (
        lambda x: np.linalg.slogdet(x)[1],
        lambda x: torch.linalg.slogdet(x)[1],
        matrices(3, 3),
    ),
    "solve": (
        lambda x: np.linalg.solve(x, x[:, 0] ** 2),
        lambda x: torch.linalg.solve(x, x[:, 0] ** 2),
        matrices(3, 3),
    ),
    "cholesky": (
        lambda x: np.linalg.cholesky(x @ x.T),
        lambda x: torch.linalg.cholesky(x @ x.T),
        matrices(3, 3),
    ),
    "eigh": (
        lambda x: np.linalg.eigh(x @ x.T)[0],
        lambda x: torch.linalg.eigh(x @ x.T)[0],
        matrices(3, 3),
    ),
    "singular values": (
        lambda x: np.linalg.svd(x, full_matrices=False)[1],
        lambda x: torch.linalg.svd(x, full_matrices=False)[1],
        matrices(4, 3),
    ),
    "projections on singular vectors": (
        lambda x: np.stack([y.T @ y for y in np.linalg.svd(x[:, :2] @ x[:, 1:3].T)[::2]]),
        lambda x: torch.stack([y.T @ y for y in torch.linalg.svd(x[:, :2] @ x[:, 1:3].T)[::2]]),
        matrices(2, 3),
    ),
    "projections on eigenvectors": (
        lambda x: np.linalg.eigh(x @ x.T)[1] ** 2,
        lambda x: torch.linalg.eigh(x @ x.T)[1] ** 2,
        matrices(3, 3),
    ),
}


def weights(shape: Any) -> Any:
    return np.cos(0.4 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


def slope(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: sum(weights(np.shape(x)) * grad(f)(x))


@pytest.mark.parametrize("name", CASES)
def test_derivatives_to_order_three_are_those_of_pytorch(name: str) -> None:
    ours, theirs, x = CASES[name]

    def f(x: Any) -> Any:
        y = ours(x)
        return sum(weights(np.shape(y)) * y)

    tensor = torch.tensor(x, requires_grad=True)
    y = theirs(tensor)
    total = torch.sum(torch.tensor(weights(tuple(y.shape))) * y)
    for order in range(3):
        (expected,) = torch.autograd.grad(total, tensor, create_graph=True)
        got = grad(f)(x)
        scale = 1.0 + np.max(np.abs(got))
        np.testing.assert_allclose(
            got, expected.detach(), rtol=0, atol=1e-9 * scale, err_msg=f"order {order + 1}"
        )
        if not expected.requires_grad:
            return
        total = torch.sum(torch.tensor(weights(x.shape)) * expected)
        f = slope(f)
