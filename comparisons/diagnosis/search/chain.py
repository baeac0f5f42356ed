"""The search along a backward pass: every equation is judged on the numbers that were claimed.

From the loss on, each equation is computed as it should be, and as it is with every slip, from the
numbers that led there; whichever of these was claimed, or seen in a variable, is what was computed,
and counts in all equations after it. So each mistake is a search of its own. An adjoint that
nothing shows may have a slip too, if what comes after it fits then.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autodiff.readings.terms import Term
from comparisons.diagnosis.equations.replay import Numbers
from comparisons.diagnosis.search.evidence import (
    Evidence,
    alike,
    bound,
    error,
    is_close,
    is_simple,
    multiple,
)
from comparisons.diagnosis.search.trials import Trials, cost_of
from comparisons.diagnosis.slips.kinds import FAR_FETCHED, Kind
from comparisons.diagnosis.slips.typical import Slip

SLIP, OPEN, UNSEEN, RETURNED, PASSED_OVER = 3, 6, 1, 2, 5
"""What a slip costs, beside how far-fetched it is; a gradient that does not follow; an adjoint that
nothing shows; one that is seen only as a gradient that was returned; and one that nothing shows
while a slip in its equation would be seen."""
WINDOW, MOST, ALIKE, FINISHED, FINISHED_TWICE = 9, 200, 50, 12, 3
"""How much more than the best a state may cost; how many are followed, of those that have seen the
same if there are others too, and finished."""


class State(NamedTuple):
    """The backward pass so far: the numbers, and the slips that explain them.

    `hidden` counts the slips that nothing has confirmed yet, `open` are gradients, and
    adjoints known by their names, that do not follow from the numbers. `used` are the arrays seen
    that adjoints were found in, and `scale` is how many times larger they are there; None while
    none was found.
    """

    now: Numbers
    slips: tuple[Slip, ...] = ()
    hidden: int = 0
    open: tuple[Term, ...] = ()
    cost: int = 0
    used: frozenset[int] = frozenset()
    scale: float | None = None


class Chain:
    """The search in one backward pass."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.backward = evidence, evidence.backward
        self.case, self.seen = evidence.cases[0], evidence.seen
        self.paths = {x: path for path, x in self.backward.gradients.items() if x is not None}
        self.trials = Trials(evidence)
        self.found: dict[int, tuple[list[tuple[float, int]], Any]] = {}
        self.returned = {i for x in self.case.claimed.values() for i in self.seen.places(x)}
        self.named = evidence.adjoints_named

    def search(self, depth: int, twice: bool = False) -> list[State]:
        """Return the states at the end of the pass that cost least.

        As many slips in a row as `depth` says need not show, and an equation by itself may have two
        if asked for.
        """
        states = [State(dict(self.case.known))]
        for x in self.backward.equations:
            follow = self.gradient if x in self.paths else self.adjoint
            self.limit = min(state.cost for state in states) + WINDOW
            states = [new for state in states for new in follow(x, state, depth)]
            if x in self.paths or any(state.used for state in states):
                states = cheapest(states)
        best = cheapest(states, FINISHED_TWICE if twice else FINISHED)
        return cheapest([self.finished(state, twice) for state in best])

    def gradient(self, x: Term, state: State, depth: int) -> Iterator[State]:
        """Go on with the gradient that is claimed, whether or not it follows."""
        claimed = self.case.claimed[self.paths[x]]
        right = self.trials.value(self.backward.rights[x], state.now)
        now = {**state.now, x: claimed if np.shape(claimed) == x.shape else right}
        if self.is_target(x, state, right):
            yield state._replace(now=now, hidden=0)
        else:
            yield state._replace(now=now, open=(*state.open, x), cost=state.cost + OPEN)

    def adjoint(self, x: Term, state: State, depth: int) -> Iterator[State]:
        """Go on with what is seen of an adjoint, or else with all that it may be."""
        right = self.trials.value(self.backward.rights[x], state.now)
        if right is None:
            return
        if not self.backward.is_adjoint(x):
            yield state._replace(now={**state.now, x: right})
            return
        scale = state.scale or 1.0
        found = [(k, i) for k, i in self.where(right, self.usual(state)) if i not in state.used]
        as_seen = [(k, i) for k, i in found if state.scale is None or is_close(k, scale)]
        for k, i in as_seen:
            yield self.at(state, x, right, i, k)
        if any(is_close(k, scale) and i not in self.returned for k, i in as_seen):
            return
        shown = self.slips_as_seen(x, right, state) if self.seen.arrays else []
        yield from shown
        i, named = self.named.get(x, (-1, None))
        is_open = named is not None and not any(i in new.used for new in [state, *shown])
        for k in self.usual(state) if is_open else ():
            new, cost = self.at(state, x, named / k, i, k), state.cost + OPEN
            yield new._replace(open=(*state.open, x), cost=cost, hidden=state.hidden)
        cost = state.cost + (PASSED_OVER if is_open or shown or as_seen else UNSEEN)
        yield state._replace(now={**state.now, x: right}, cost=cost)
        if not shown and not as_seen and state.hidden < depth:
            for slip, value in self.trials.slips(x, state.now):
                cost = state.cost + price(slip) + UNSEEN
                if slip.cost < FAR_FETCHED and cost <= self.limit:
                    now, slips = {**state.now, x: value}, (*state.slips, slip)
                    yield state._replace(now=now, slips=slips, hidden=state.hidden + 1, cost=cost)

    def usual(self, state: State) -> tuple[float, ...]:
        """Return how many times larger adjoints may be seen."""
        return self.evidence.scales if state.scale is None else (state.scale,)

    def where(self, value: Any, scales: tuple[float, ...]) -> list[tuple[float, int]]:
        """Return where a value is seen, and how many times larger: one number as usual alone."""
        if np.size(value) == 1:
            return [(k, i) for k in scales for i in self.seen.places(value, k)]
        if id(value) not in self.found:
            self.found[id(value)] = self.seen.multiples(value), value  # whose id stays its own
        return self.found[id(value)][0]

    def slips_as_seen(self, x: Term, right: Any, state: State) -> list[State]:
        """Return the states after the likeliest slips that give what is seen."""
        scale = state.scale or 1.0
        usual = self.usual(state)
        found: dict[int, list[State]] = {}
        for slip, value in [(None, right), *self.trials.slips(x, state.now)]:
            for k, i in self.where(value, usual):
                if i in state.used or (slip and slip.kind is Kind.CONSTANT_FACTOR and x.ndim):
                    continue
                near = next((s for s in usual if is_close(k, s)), None) if slip else None
                slips = [slip] if slip else []
                if near is None:
                    factor = self.trials.times(x, slip, k / scale)
                    slips = [factor, *[y._replace(changes=factor.changes) for y in slips]]
                if near is not None or not slip or is_simple(self.evidence, slips[0]):
                    new = value if near else value * (k / scale)
                    found.setdefault(i, []).append(self.at(state, x, new, i, near or scale, *slips))
        for slip in self.trials.unknown(x):
            one, zero = self.trials.ends(slip, x, state.now)
            for i, array in enumerate(self.seen.arrays) if one is not None else ():
                if i not in state.used and np.size(array) == np.size(one) > 1:
                    share = multiple(np.reshape(array, np.shape(one)) / scale, one, zero)
                    if share:
                        exact = bound(self.evidence, slip, share)
                        value = self.trials.computed(exact.changes[x], state.now)
                        found.setdefault(i, []).append(self.at(state, x, value, i, scale, exact))
        return [new for states in found.values() for new in cheapest(states, window=0)]

    def at(self, state: State, x: Term, value: Any, i: int, scale: float, *slips: Slip) -> State:
        """Return the state after an adjoint that is seen."""
        return state._replace(
            now={**state.now, x: value},
            slips=(*state.slips, *slips),
            hidden=0,
            cost=state.cost + sum(map(price, slips)) + RETURNED * (i in self.returned),
            used=state.used | {i},
            scale=scale,
        )

    def finished(self, state: State, twice: bool) -> State:
        """Explain what is open, each equation by itself, where a slip does, or one upon another."""
        slips, left, cost = list(state.slips), [], state.cost - OPEN * len(state.open)
        for x in state.open:
            target, is_target = self.target(x, state), partial(self.is_target, x, state)
            fits = list(self.trials.explaining(x, state.now, target, is_target))
            if not fits and twice and (len(state.open) == 1 or x not in self.paths):
                fits = [
                    (slip, other)
                    for slip, other in self.trials.upon(x)
                    if is_target(self.trials.computed(other.changes[x], state.now))
                ]
            found = min(fits, key=self.likeliness, default=())
            slips += found
            cost += sum(map(price, found)) or 3 * OPEN
            left += [] if found else [x]
        return state._replace(slips=tuple(slips), open=tuple(left), cost=cost)

    def likeliness(self, slips: Sequence[Slip]) -> tuple[Any, ...]:
        """Return what sorts slips: those last that have a factor that nobody would write."""
        return any(not is_simple(self.evidence, x) for x in slips), *cost_of(slips)

    def target(self, x: Term, state: State) -> Any:
        """Return what is claimed of an adjoint."""
        return self.case.claimed[self.paths[x]] if x in self.paths else state.now[x]

    def is_target(self, x: Term, state: State, value: Any) -> bool:
        if value is None:
            return False
        if x in self.paths:
            return error(self.case, self.paths[x], value) <= self.evidence.tolerance
        return bool(np.any(value)) and alike(value, state.now[x])


def price(slip: Slip) -> int:
    return SLIP + slip.cost


def cheapest(states: list[State], most: int = MOST, window: int = WINDOW) -> list[State]:
    """Return the states that cost little more than the best, the best first.

    Of those that have seen the same, there are few enough to leave room for others.
    """
    least = min((state.cost for state in states), default=0)
    states = [state for state in states if state.cost <= least + window]
    found: dict[frozenset[int], list[State]] = {}
    for state in sorted(states, key=lambda state: state.cost):
        found.setdefault(state.used, []).append(state)
    kept = [state for same in found.values() for state in same[: max(ALIKE, most // len(found))]]
    return sorted(kept, key=lambda state: state.cost)[:most]
