"""A function and its gradient as a call of C, with the manners of other compiled programs."""

from typing import Any

import numpy as np

from autodiff.readings.compiling.guards import Miss, Scope, Unlike, as_number, guards, place_of
from autodiff.readings.compiling.program import Runnable
from autodiff.readings.indexed.build import built
from autodiff.readings.indexed.c import Writer
from autodiff.readings.listing import Listing
from autodiff.readings.source import nested_gradients


def native(listing: Listing) -> Runnable:
    """Build and define a function of arguments like those that a listing was made for.

    Raises NoLoops and NotBuilt.
    """
    program = Writer(listing).program()
    trace, terms = listing.trace, listing.terms
    arrays = [*program.inputs, *program.outputs]
    function = built(program.text, program.name, len(arrays), len(program.numbers))
    objects = {"np": np, "missing": object(), "Miss": Miss, "Unlike": Unlike}
    scope = Scope({**objects, "as_number": as_number, "run_c": function}, ["others", "value", "run"])
    names: Any = {path: scope.new(listing.names[x]) for path, x in terms.inputs.items()}
    for parameter in trace.args:
        if (parameter,) not in names:
            names[parameter,] = scope.new(parameter)
    name_of = {x: names[path] for path, x in terms.inputs.items()}
    empty, contiguous = scope.object("empty", np.empty), scope.object("contiguous", as_contiguous)
    lines = guards(trace, names, scope)
    for x in program.inputs:
        if x not in name_of:  # a constant
            name_of[x] = scope.object("constant", np.ascontiguousarray(x.data, np.float64))
        elif x.ndim == 1 or not x.data.flags.c_contiguous:
            name = name_of[x]
            lines += [f"if {name}.strides != {strides(x.shape)}:", f"    {name} = {contiguous}({name})"]
    made = {path: scope.new("gradient") for path in program.outputs}
    lines += [f"{made[path]} = {empty}({terms.inputs[path].shape})" for path in program.outputs]
    given = [*[name_of[x] for x in program.inputs], *made.values()]
    given += [name_of[x] if x in name_of else repr(float(x.data)) for x in program.numbers]
    lines.append(f"value = run_c({', '.join(given)})")
    lines += ["if value != value:", "    raise Unlike"]

    def gradient(x: Any, path: Any) -> str:
        if path not in made:
            shape = terms.inputs[path].shape
            return f"{scope.object('zeros', np.zeros)}({shape}){'' if shape else '[()]'}"
        return made[path] if terms.inputs[path].shape else f"{made[path]}[()]"

    nested = nested_gradients(trace, gradient, lambda path: place_of(path, names))
    lines.append(f"return {scope.object('float64', np.float64)}(value), {nested}")
    parameters = [f"{names[x,]}=missing" for x in trace.args]
    text = "\n    ".join([f"def run({', '.join([*parameters, '*others'])}):", *lines]) + "\n"
    namespace = dict(scope.objects)
    exec(text, namespace)
    return Runnable(program.text, namespace.pop("run"))


def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return np.empty(shape).strides


def as_contiguous(x: Any) -> Any:
    return np.ascontiguousarray(x, np.float64)
