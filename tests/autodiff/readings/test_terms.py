"""Terms, their naming and the listing made of them: finished values that nothing writes into."""

import gc
import weakref
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from autodiff.readings.listing import Listing
from autodiff.readings.naming import Naming
from autodiff.readings.terms import Table, Terms
from autodiff.readings.trace import Trace, Traced
from mlp import engine
from mlp.data import tutorial_problem


def problem():
    X, t, params = tutorial_problem(7)
    return params, X, t


def test_terms_are_frozen_and_know_no_name():
    found = Terms(Trace(engine.loss, problem(), 0))
    for term in found.used:
        assert not hasattr(term, "name")
        with pytest.raises(FrozenInstanceError):
            term.data = 0.0


def test_no_term_computes_what_another_does():
    used = Terms(Trace(engine.loss, problem(), 0)).used
    keys = {(x.primitive, x.operands, str(x.parameters)) for x in used}
    assert len(keys) == len(used)
    for i, term in enumerate(used):
        assert all(x in used[:i] for x in term.operands if x.primitive)


def test_naming_is_a_mapping_that_depends_on_nothing_but_trace_and_terms():
    record = Trace(engine.loss, problem(), 0)
    found = Terms(record)
    first, second = Naming(record, found), Naming(record, found)
    first.shorten()
    second.shorten()
    for part in ("names", "pieces", "bars", "constants", "arrays"):
        assert getattr(first, part) == getattr(second, part)
    assert first.identifiers.taken == second.identifiers.taken


def test_every_statement_has_a_name_of_its_own_and_reads_only_what_is_defined():
    listed = Listing(engine.loss, problem(), 0)
    defined = {*listed.terms.inputs.values()}
    for term, _ in [*listed.forward, *listed.backward]:
        stack = list(term.operands)
        while stack:
            x = stack.pop()
            assert x in defined or x not in listed.names
            stack += [] if x in defined else x.operands
        defined.add(term)
    assert len(set(listed.names.values())) == len(listed.names)


def test_a_table_of_its_own_answers_a_question_and_leaves_what_it_asks_as_it_is():
    listed = Listing(engine.loss, problem(), 0)
    before = dict(listed.terms.of_node)
    x = Traced(np.ones(3))
    table = Table({x: listed.terms.inputs["params", "b"]}, {})
    table.add([np.tanh(x)], forward=False)
    assert listed.terms.of_node == before


def test_a_listing_is_freed_by_reference_counts():
    gc.collect()
    gc.disable()
    try:
        found = Listing(engine.loss, problem(), 0)
        held = [
            weakref.ref(found),
            *[weakref.ref(x.data) for x in [*found.terms.inputs.values()][:3]],
        ]
        del found
        assert all(x() is None for x in held)
    finally:
        gc.enable()
