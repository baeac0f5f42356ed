"""Reading a function: run it once on named Values and record its backward pass as well."""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import numpy as np

from autodiff import graph, numerics, primitives
from autodiff.arguments import (
    as_positions,
    described,
    fold,
    leaves,
    name_of,
    parameter_names,
    positions_of,
    rebuilt,
)
from autodiff.arrays import POSITIONS
from autodiff.errors import called
from autodiff.functions import as_index
from autodiff.graph import Node, Primitive, record
from autodiff.transforms import enclosed
from autodiff.value import Value, operators
from autodiff.walk import oldest_first, walk, ways_to

# Names that the code which is written needs for itself.
HELPERS = {"np", "checked", *(name for name, x in vars(numerics).items() if callable(x))}
LIBRARY = (os.path.dirname(graph.__file__) + os.sep, os.path.dirname(np.__file__) + os.sep)


class Traced(Value):
    """A Value whose numbers stand for any of the same shape: nothing may be decided by them."""

    __slots__ = ()
    keeps_masks = True

    def _single(self, use: str) -> NoReturn:
        raise TypeError(
            f"{use} on {called(self)}: the code that is written holds for any numbers, and this "
            "would freeze what holds for these; use where, maximum, minimum or abs"
        )

    @property  # type: ignore[misc]
    def data(self) -> NoReturn:
        """Refused: numbers that leave the graph would be frozen into the code."""
        self._single(".data")

    def __getitem__(self, index: Any) -> Any:
        """Record what is picked: positions among the arguments are operands."""
        parts = index if isinstance(index, tuple) else (index,)
        traced = [x for x in parts if isinstance(x, Traced)]
        if not all(x.is_of_integers for x in traced):
            raise TypeError(
                "in what is compiled or written as code an index does not depend on what is "
                "differentiated, or on floats: instead of a mask use where(mask, x, 0.0)"
            )
        fixed = [
            POSITIONS if isinstance(x, Traced) and not x.is_mask else as_index(x) for x in parts
        ]
        positions = [x for x in traced if not x.is_mask]
        return record(primitives.getitem, (self, *positions), {"index": tuple(fixed)})

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Return integers or a mask as an array, which the code that is written then is for."""
        if not self.is_of_integers:
            super().__array__(dtype, copy)  # type: ignore[misc]
        for x in oldest_first([self]):
            if isinstance(x, Integers):
                x.is_read = True
        return np.array(self._raw, dtype or (np.bool_ if self.is_mask else np.intp))

    @property
    def is_mask(self) -> bool:
        return bool(getattr(self, "is_boolean", self.dtype == np.bool_))

    @property
    def is_of_integers(self) -> bool:
        """Whether this depends on integers and booleans outside `argnums` alone."""
        starts = [x for x in oldest_first([self]) if x.primitive is None]
        return all(isinstance(x, Integers) for x in starts)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Value(numbers of shape {self.shape}{name})"  # none, which would be frozen

    def astype(self, dtype: Any) -> Any:
        """Return the numbers, or a mask as numbers, as float64 or float32."""
        if np.dtype(dtype) not in (np.float64, np.float32):
            raise TypeError(f"{called(self)} becomes float64 or float32, not {np.dtype(dtype)}")
        return record(primitives.cast, (self,), {"dtype": np.dtype(dtype)})

    def __invert__(self) -> Any:
        return record(primitives.logical_not, (self,))

    __and__ = __rand__ = operators(primitives.logical_and)[0]
    __or__ = __ror__ = operators(primitives.logical_or)[0]
    __xor__ = __rxor__ = operators(primitives.not_equal)[0]


class Integers(Traced):
    """An array of integers or booleans outside `argnums`.

    `is_read` says that its numbers left the graph, as in `np.eye(3)[t]`.
    """

    __slots__ = ("is_boolean", "is_read")

    def __init__(self, x: Any, name: str | None) -> None:
        super().__init__(x, name)
        self.is_boolean = x.dtype == np.bool_
        self.is_read = False


Path = tuple[Any, ...]
"""Where something is found among the arguments, as in ("params", "U")."""


class Trace:
    """What running a function and its backward pass once has recorded.

    `args` are the arguments by the names of their parameters, `wanted` the names of those whose
    gradient is wanted, `several` whether that is a tuple. `inputs` are the numbers and arrays among
    the arguments; `fixed` is what else there is, which becomes part of what is read, and arrays of
    integers that left the graph. `names` are the variables in which the function keeps Values, and
    `lines` the lines of its code in which they were found there first.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        argnums: int | Sequence[int],
        apart: bool = False,
    ) -> None:
        """Run `f` and its backward pass on Values for the numbers in `args`.

        Integers, strings and the like outside `argnums` are passed as they are and become part of
        what is read; arrays of integers become floats, or positions where they are an index. With
        `apart` every variable of `f` has an adjoint of its own, also where that is equal to
        another.

        Raises TypeError where `f` returns no number that depends on its arguments, and where
        `argnums` names none of them.
        """
        self.name = name_of(f) if name_of(f).isidentifier() else "f"
        self.several = isinstance(argnums, Sequence)
        positions = positions_of(f, as_positions(f, argnums), args)
        known = parameter_names(f)
        self.args: dict[str, Any] = {}
        for i, x in enumerate(args):
            name = known.get(i, f"arg{i}")
            while name in HELPERS or name in self.args:
                name += "_"
            self.args[name] = x
        self.wanted = [[*self.args][i] for i in positions]
        self.inputs: dict[Path, Node] = {}
        self.fixed: dict[Path, Any] = {}
        values = {name: fold(x, self.leaf, checked_keys, (name,)) for name, x in self.args.items()}
        self.value, self.names, self.lines = with_names(f, [*values.values()])
        y = self.value
        if not isinstance(y, Node) or np.size(y._raw) != 1:
            raise TypeError(
                f"{name_of(f)} returned {described(y)}; a gradient is that of one number that "
                "depends on the arguments, such as a sum or a mean"
            )
        if apart:
            y, self.names = with_own_adjoints(y, self.names)
            self.value = y
        nodes = oldest_first([y])
        self.fixed |= {
            path: np.asarray(x)
            for path, x in self.inputs.items()
            if isinstance(x, Integers) and x.is_read
        }
        needed = ways_to(leaves([values[name] for name in self.wanted]), nodes).intersection(nodes)
        seed = Traced(np.ones(np.shape(y._raw), np.result_type(y._raw))[()])
        self.adjoints: dict[Node, Node] = walk({y: seed}, needed, record=True)

    @property
    def parameters(self) -> list[Path]:
        """Where whole arguments are found."""
        return [(name,) for name in self.args]

    def leaf(self, x: Any, path: Path) -> Any:
        """Return a Value for a number or an array; note what was found."""
        if isinstance(x, Node):
            x = x._raw
        if path[0] not in self.wanted and not isinstance(x, (float, np.floating, np.ndarray)):
            return self.fixed.setdefault(path, x)
        name = next((str(part) for part in reversed(path) if isinstance(part, str)), None)
        is_float = path[0] in self.wanted or not isinstance(x, np.ndarray) or x.dtype.kind == "f"
        return self.inputs.setdefault(path, (Traced if is_float else Integers)(x, name))


def checked_keys(tree: Any, parts: dict[Any, Any], path: Path) -> Any:
    """Return a container with Values in it, whose keys can be written as code."""
    for key in parts:
        if not isinstance(key, (str, int)):
            raise TypeError(f"the keys of {path[0]} are strings or integers, not {key!r}")
    return rebuilt(tree, parts)


def with_names(
    f: Callable[..., Any], args: Sequence[Any]
) -> tuple[Any, dict[Node, str], dict[Node, int]]:
    """Call `f`; return its result and under which variables code keeps the Values it computes.

    With these come the lines of `f` that computed them, or called what did.
    """
    found: dict[Node, Found] = {}
    before = sys.gettrace()
    sys.settrace(partial(note_names, found, {}))
    try:
        y = enclosed(f, args, {})
    finally:
        sys.settrace(before)
    code = getattr(inspect.unwrap(getattr(f, "func", f)), "__code__", None)
    lines = {node: x.lines[code] for node, x in found.items() if code in x.lines}
    return y, {node: x.name for node, x in found.items() if x.name}, lines


class Found(NamedTuple):
    """A variable: in how many calls, its name, and the line that each of their codes was at.

    What is returned without one has the name "".
    """

    depth: int
    name: str
    lines: Mapping[Any, int]


own_adjoint: Primitive = Primitive("own_adjoint", lambda x: x, lambda g, out, x: own_adjoint(g))


def with_own_adjoints(value: Any, names: Mapping[Node, str]) -> tuple[Any, dict[Node, str]]:
    """Record a function again so that each variable passes an adjoint of its own on."""
    new: dict[Node, Any] = {}
    named: dict[Node, str] = {}
    for node in oldest_first([value]):
        x = node
        if node.primitive is not None:
            given = zip(node.operands, node.inputs)
            operands = tuple([raw if y is None else new[y] for y, raw in given])
            x = record(node.primitive, operands, node.parameters)
        if node in names:
            named[x] = names[node]
        read = node in names and node is not value and node.primitive is not None
        new[node] = own_adjoint(x) if read else x
    return new[value], named


def note_names(
    found: dict[Node, Found], last: dict[int, int], frame: FrameType, event: str, arg: Any
) -> Callable[..., Any] | None:
    """Look at the variables of a function at each of its lines; `last` has the lines before.

    The first name counts, and one in the calling function before one in the function called.
    """
    before = last.get(id(frame), 0)
    last[id(frame)] = frame.f_lineno
    if event == "call":
        is_ours = frame.f_code.co_filename.startswith(LIBRARY)
        return None if is_ours else partial(note_names, found, last)
    nodes = {name: x for name, x in frame.f_locals.items() if isinstance(x, Node)}
    depth, caller = 0, frame.f_back if nodes or isinstance(arg, Node) else None
    lines = {frame.f_code: before}
    while caller is not None:
        lines.setdefault(caller.f_code, caller.f_lineno)
        depth, caller = depth + 1, caller.f_back
    for name, node in nodes.items():
        if node not in found or depth < found[node].depth:
            found[node] = Found(depth, name, lines)
    if event == "return" and isinstance(arg, Node):
        found.setdefault(arg, Found(depth, "", {**lines, frame.f_code: frame.f_lineno}))
    return partial(note_names, found, last)
