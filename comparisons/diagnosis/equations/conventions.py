"""How adjoints are called: G_bar, dG, dL_dG, grad_G, G_grad and the like."""

import re
from collections.abc import Collection

PREFIX = (
    r"d_?(?:L|E|J|C|[Ll]oss|cost)_?d_?|(?:bar|grad|gradient|g|nabla|delta|d)_"
    r"|(?:grad|d)(?=[A-Z])|d(?=[a-z]\d*$)"
)
DECORATED = re.compile(rf"(?:{PREFIX})([A-Za-z]\w*)|(\w+)_(?:bar|grad|gradient)|([A-Z]\w*)bar")


def undecorated(name: str) -> str:
    """Return "W" for "W_bar", "dW", "grad_W", "dL_dW" and the like, other names as they are."""
    match = DECORATED.fullmatch(name)
    return next(filter(None, match.groups())) if match else name


def variable_of(name: str, known: Collection[str]) -> str | None:
    """Return of which of the known variables a name is that of the adjoint, None if of none.

    A "d" in front of a whole word means something only where the word is known: "dlogits".
    """
    bare = (undecorated(name), name.removeprefix("d"))
    return next((x for x in bare if x != name and x in known), None)
