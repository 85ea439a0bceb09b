"""Up to which entry an origin counts, and which snapshots have folded more."""

import numpy as np
import pytest

from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.regions.counting import counted_head, goes_beyond, lacks_state
from homeroom.simulation.disk import Disk
from homeroom.simulation.disk_store import DiskStore
from tests.log.chains import THERE, chain

ENTRIES = chain(5, THERE)


def store(forgotten=0):
    kept = DiskStore(Disk(np.random.default_rng(0)))
    kept.write(ENTRIES, ())
    kept.collect(Vector({THERE: forgotten}))
    return kept


@pytest.mark.parametrize(("last", "number"), [(9, 5), (5, 5), (3, 3), (0, 0)])
def test_an_origin_counts_up_to_the_number_at_which_it_was_closed(last, number):
    head = counted_head(store(), THERE, last)
    assert head == (ENTRIES[number - 1].head if number else Head())


def test_where_the_log_has_forgotten_it_what_follows_names_it_or_a_snapshot():
    assert counted_head(store(forgotten=3), THERE, 3).digest == ENTRIES[2].digest
    assert counted_head(store(forgotten=5), THERE, 3) == Head()
    assert counted_head(store(forgotten=5), THERE, 3, ENTRIES[2].head) == ENTRIES[2].head


def test_a_snapshot_that_has_folded_what_does_not_count_is_of_no_use():
    applied = {THERE: ENTRIES[3].head}
    assert goes_beyond(applied, {THERE: 3})
    assert not goes_beyond(applied, {THERE: 4})
    assert not goes_beyond(applied, {})


def test_a_log_lacks_state_for_what_it_has_forgotten_and_no_snapshot_has():
    begins, closed = {THERE: 4, Origin("there", "1f" * 16, Stream.CONTROL): 4}, {}
    assert lacks_state(begins, {}, closed)
    assert lacks_state(begins, {THERE: ENTRIES[2].head}, closed)
    assert not lacks_state(begins, {THERE: ENTRIES[3].head}, closed)
    # What lies beyond a closed number is needed by nobody.
    assert not lacks_state(begins, {THERE: ENTRIES[2].head}, {THERE: 3})
