"""What simulated nodes have folded is folded by real nodes too, to one state that answers as the events say."""

from dataclasses import replace
from itertools import count
from random import Random

import numpy as np
import pytest

from homeroom.adapters.rows import arrays_of_rows, open_rows
from homeroom.adapters.tensors import TensorFile, write_each
from homeroom.simulation.regions.agenda import BEGIN_MS
from homeroom.simulation.regions.plan import Kind, make_plan
from homeroom.simulation.regions.real_fold import RealEntries, check_real_fold
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.world import World

SHORT_MS = 4_000


def come_together(seed, storm_ms=SHORT_MS):
    """Return the world of a seed, without retention cuts, when it has come together, and what it broke.

    Real states are cut in tests of their own (tests/state): here counts are those of whole history.
    """
    plan = make_plan(seed, storm_ms)
    kept = tuple(fault for fault in plan.faults if fault.kind is not Kind.CUT_HISTORY)
    world = World(replace(plan, faults=kept))
    return world, world.run().violations


def found(seed, world, entries=RealEntries):
    made = entries(world.outside.readings, world.watcher.entries)
    return list(check_real_fold(world.running, made, Random(seed)))


def checked(seed, storm_ms=SHORT_MS):
    world, violations = come_together(seed, storm_ms)
    assert not violations, f"seed {seed}"
    assert not found(seed, world), f"seed {seed}"


@pytest.mark.parametrize("seed", [3, 5])
def test_real_nodes_come_to_one_state_from_what_simulated_ones_have_folded(seed):
    checked(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 30, 5))
def test_real_nodes_come_to_one_state_in_many_worlds(first):
    for seed in range(first, first + 5):
        checked(seed, None)


class Forgetful(RealEntries):
    """Leaves a status out of what it gives to the second node and those after it, once all entries have been given."""

    def __init__(self, readings, written):
        super().__init__(readings, written)
        self.given = set()

    def of(self, entry):
        name = entry.origin, entry.number
        if name not in self.given:
            self.given.add(name)
            return super().of(entry)
        other = replace(entry, payload_digest=b"other" + entry.payload_digest)
        told = [replaced(event) for event in self._readings.of(entry).events]
        reading = type(self._readings.of(entry))(told)
        self._readings._read[other.payload_digest] = reading
        return super().of(other)


def replaced(event):
    return Happening(event.id, event.learner, event.time_ms)


def test_a_node_that_folds_something_else_is_noticed():
    world, _ = come_together(3)
    (told,) = [why for why in found(3, world, Forgetful) if "nodes have folded" in why]
    assert "different real states" in told


class Blank(TensorFile):
    """A file in which every word of days is zero."""

    def array(self, name):
        found = super().array(name)
        return np.zeros_like(found) if "/words/" in name else found


@pytest.mark.parametrize("kind", [TensorFile, Blank])
def test_words_that_lie_in_a_file_read_as_what_they_were_and_zero_is_noticed(kind, tmp_path):
    world, numbers = come_together(5)[0], count()

    def seal(state):
        path = tmp_path / f"{next(numbers)}.tensors"
        write_each(path, arrays_of_rows(state.learners, state.enrolments))
        open_rows(kind(path), state.learners, state.enrolments)

    made = RealEntries(world.outside.readings, world.watcher.entries)
    told = list(check_real_fold(world.running, made, Random(5), seal))
    assert bool(told) == (kind is Blank)
    assert next(numbers) == 2 * len(world.running)


def test_an_event_that_a_real_state_lacks_is_noticed():
    world, _ = come_together(5)
    more = Happening("more", "learner 1", BEGIN_MS - 3 * 86_400_000)
    world.running[0].ledger._known.add(more)
    told = found(5, world)
    assert any("and not those that there are" in why for why in told)
