"""A function and its gradient as a call of C, with the manners of other compiled programs."""

from typing import Any

import numpy as np

from autodiff.readings.compiling.guards import Scope, run_text
from autodiff.readings.compiling.program import Runnable
from autodiff.readings.listing import Listing
from autodiff.readings.native.build import built
from autodiff.readings.native.program import Writer
from autodiff.readings.trace import Path


def native(listing: Listing) -> Runnable:
    """Build and define a function of arguments like those that a listing was made for.

    Raises NoLoops and NotBuilt.
    """
    program = Writer(listing).program()
    trace, inputs = listing.trace, listing.terms.inputs
    arrays = len(program.inputs) + len(program.outputs)
    function = built(program.text, program.name, arrays, len(program.numbers))
    scope = Scope({"function": function}, ["others", "value", "run"])
    names = {path: scope.new(listing.names[x]) for path, x in inputs.items()}
    name_of = {x: names[path] for path, x in inputs.items()}
    names |= {path: scope.new(path[0]) for path in trace.parameters if path not in names}
    lines = []
    contiguous = scope.object("contiguous", as_contiguous)
    for x in program.inputs:
        if x not in name_of:
            name_of[x] = scope.object("constant", as_contiguous(x.data))
        elif x.ndim == 1 or not x.data.flags.c_contiguous:
            name = name_of[x]
            lines.append(f"if {name}.strides != {np.empty(x.shape).strides}:")
            lines.append(f"    {name} = {contiguous}({name})")
    made = {path: scope.new("gradient") for path in program.outputs}
    empty = scope.object("empty", np.empty)
    lines += [f"{name} = {empty}({inputs[path].shape})" for path, name in made.items()]
    given = [name_of[x] for x in program.inputs] + [*made.values()]
    given += [name_of.get(x, repr(x.data)) for x in program.numbers]
    lines += [f"value = function({', '.join(given)})", "if value != value:", "    raise Unlike"]

    def gradient(_: Any, path: Path) -> str:
        """Write a gradient; of a number NumPy's own."""
        zeros = f"{scope.object('zeros', np.zeros)}({inputs[path].shape})"
        return f"{made.get(path, zeros)}{'' if inputs[path].shape else '[()]'}"

    value = f"{scope.object('float64', np.float64)}(value)"
    text = run_text(trace, names, scope, lines, value, gradient)
    namespace = dict(scope.objects)
    exec(text, namespace)
    return Runnable(program.text, namespace.pop("run"), "c")


def as_contiguous(x: Any) -> Any:
    return np.ascontiguousarray(x, np.float64)
