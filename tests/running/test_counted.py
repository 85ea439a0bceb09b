"""Of what a log holds counts what the world has not closed before it; redacted copies come in by erasures alone."""

import numpy as np

from homeroom import limits
from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Vector
from homeroom.log.payloads import pack
from homeroom.log.redacting import redacted_entry, redacted_parts
from homeroom.regions.messages import Range
from homeroom.regions.steps import Look
from homeroom.running.counted import counted_heads, explained, looked_up
from homeroom.simulation.disk import Disk
from homeroom.simulation.disk_store import DiskStore
from tests.log.batches import admitted
from tests.log.chains import HERE, THERE, chain, sign
from tests.log.test_redacting import content_of, key


def stored(entries):
    store = DiskStore(Disk(np.random.default_rng(0)))
    store.write(entries, ())
    return store


def test_a_life_begins_with_the_heads_at_which_origins_were_closed():
    entries = chain(5)
    store = stored(entries)
    heads = {HERE: store.head(HERE)}
    assert counted_heads(heads, {}, store) == heads
    assert counted_heads(heads, {HERE: 9}, store) == heads
    assert counted_heads(heads, {HERE: 3}, store) == {HERE: entries[2].head}
    assert counted_heads(heads, {HERE: 0}, store) == {}


def test_what_is_looked_up_for_another_node_goes_into_a_message_however_large_entries_are():
    entries = chain(9, size_bytes=limits.ENTRY_BYTES_MAX)
    found = looked_up(Look("far", 1, (Range(HERE, 1),)), stored(entries), 7).entries
    assert found == tuple(entries[: len(found)])
    size_bytes = sum(len(entry.payload) for entry in found)
    assert limits.PULL_BYTES < size_bytes < limits.MESSAGE_BYTES_MAX
    small = chain(2 * limits.MESSAGE_ENTRIES_MAX)
    found = looked_up(Look("far", 1, (Range(HERE, 3),)), stored(small), 7).entries
    assert found == tuple(small[2 : 2 + limits.MESSAGE_ENTRIES_MAX])


def test_what_was_held_and_is_not_in_the_log_any_more_is_told():
    store = stored(chain(3))
    there, gone = Range(HERE, 2), Range(HERE, 4)
    assert looked_up(Look("far", 1, (there,)), store, 7).lost is None
    assert looked_up(Look("far", 1, (gone, Range(THERE, 1))), store, 7).lost == gone
    store.collect(Vector({HERE: 3}))
    assert looked_up(Look("far", 1, (there,)), store, 7).lost is None


def test_a_redacted_copy_is_taken_if_what_is_erased_here_explains_it():
    batch, dictionaries = admitted()
    content = content_of(batch, dictionaries)
    entry = make_entry(HERE, Head(), (1_000, 0), pack(content), sign)
    first, second = ({"main": frozenset({key(batch, place)})} for place in (0, 1))

    def without(erased):
        return redacted_entry(entry, lambda whole: redacted_parts(whole, erased), "far", sign)

    store, theirs = stored([entry]), without(first)
    assert explained([theirs], store, {}) == []
    assert explained([theirs], store, second) == []
    assert explained([theirs], store, first) == [theirs]
    store.redact([theirs])
    assert explained([theirs], store, first) == [], "it is here"
    assert explained(chain(2)[1:], store, first) == [], "there is no such entry"
