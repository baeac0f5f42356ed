"""Every way to the gradient of the tutorial's network compared with every other, and with yours.

`check_backprop` checks a function that somebody wrote by hand, and `diagnose` finds the slip in
wrong gradients of any network, `check_adjoints` in every adjoint on the way to them. `explore`
writes a page on which any function and its backward pass are computed live.
`python -m comparisons` compares the ways.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comparisons.diagnosis.adjoints import check_adjoints
    from comparisons.diagnosis.diagnose import diagnose
    from comparisons.homework.checking import check_backprop
    from comparisons.page.explore import explore

# Imported when they are first used: the process in which a student's file runs needs neither.
MODULES = {
    "check_adjoints": "diagnosis.adjoints",
    "check_backprop": "homework.checking",
    "diagnose": "diagnosis.diagnose",
    "explore": "page.explore",
}


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module 'comparisons' has no attribute {name!r}")
    try:
        module = import_module(f"comparisons.{MODULES[name]}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(advice(error), name=error.name) from None
    return globals().setdefault(name, getattr(module, name))


def advice(error: ModuleNotFoundError) -> str:
    """Return a sentence for a library that is not installed; another missing module is a bug."""
    if error.name not in {"click", "latex2mathml", "matplotlib", "rich", "tqdm"}:
        raise error
    return f"{error.name} is missing; install it with: pip install 'backprop-by-hand[cli]'"


__all__ = ["check_adjoints", "check_backprop", "diagnose", "explore"]
