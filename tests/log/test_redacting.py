"""Redacted entries: what was taken out is gone, the rest is what it was, and the chain can be checked by anybody."""

from dataclasses import replace

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from homeroom.errors import EntryError
from homeroom.events.dictionary import Dictionaries
from homeroom.log.entries import Head, make_entry, redacted
from homeroom.log.erasures import erasure_of
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import Part, pack, read_parts, unpack, write_parts
from homeroom.log.redacting import are_erased, redacted_entry, redacted_parts
from tests.log.batches import KEY, admitted
from tests.log.chains import HERE, chain, checked, sign, verify
from tests.log.test_payloads import texts

VOIDS = np.array([5, 7], np.uint64)
ERASURE = erasure_of(bytes(range(16)), 1_700_000_000_000, [3, 1, 3])


def key(batch, place):
    return int(batch.key_hi[place]), int(batch.key_lo[place])


def content_of(batch, dictionaries):
    return write_parts([Part("main", batch, VOIDS, (ERASURE,))], {"main": dictionaries})


def read(content):
    dictionaries = Dictionaries.under(KEY)
    (part,) = read_parts(content, {"main": dictionaries})
    return part, dictionaries


def test_an_erasure_comes_back_with_its_keys_in_order():
    batch, dictionaries = admitted()
    part, _ = read(content_of(batch, dictionaries))
    assert part.erasures == (ERASURE,)
    assert ERASURE.raw_keys() == [bytes(15) + b"\1", bytes(15) + b"\3"]


@pytest.mark.parametrize("keys", [b"", bytes(15), bytes(16 * 10_001)])
def test_an_erasure_that_is_not_whole_is_refused(keys):
    wrong = type(ERASURE)(ERASURE.id, ERASURE.at_ms, keys)
    content = write_parts([Part("main", None, VOIDS, (wrong,))], {"main": None})
    with pytest.raises(EntryError, match="an erasure of an entry is cut off"):
        read(content)


def test_the_events_of_who_is_erased_are_gone_with_their_texts_and_the_others_stay():
    batch, dictionaries = admitted()
    content = content_of(batch, dictionaries)
    left = redacted_parts(content, {"main": frozenset({key(batch, 0)}), "other": frozenset()})
    part, theirs = read(left)
    before = {name: column[1:] for name, column in texts(batch, dictionaries).items()}
    after = texts(part.events, theirs)
    assert after == {name: before[name] for name in after}
    assert set(before) - set(after) == {"section", "answer", "attributes.country"}
    assert part.voids.tolist() == VOIDS.tolist()
    assert part.erasures == (ERASURE,)
    written = pa.ipc.open_stream(part_bytes(left)).read_all()
    for gone in (b"intro", b"physics", b"week 1", b"blue", b"NO"):
        assert gone not in left
    assert "attributes.country" not in written.schema.names


def part_bytes(content):
    return msgspec.msgpack.decode(content)[0][1]


def test_what_has_nothing_of_them_stays_as_it_is():
    batch, dictionaries = admitted()
    content = content_of(batch, dictionaries)
    hi, lo = key(batch, 0)
    for erased in ({}, {"main": frozenset()}, {"main": {(hi, lo + 1)}}, {"other": {(hi, lo)}}):
        assert redacted_parts(content, erased) is None


def test_an_entry_of_theirs_alone_keeps_what_it_voids_and_erases():
    batch, dictionaries = admitted()
    keys = frozenset(key(batch, place) for place in range(len(batch)))
    part, _ = read(redacted_parts(content_of(batch, dictionaries), {"main": keys}))
    assert part.events is None
    assert (part.voids.tolist(), part.erasures) == (VOIDS.tolist(), (ERASURE,))


def test_both_halves_of_a_key_decide():
    hi, lo = np.array([1, 1, 2], np.uint64), np.array([1, 2, 1], np.uint64)
    assert are_erased(frozenset({(1, 2)}), hi, lo).tolist() == [False, True, False]


# --- the chain -------------------------------------------------------------------------------------------------------


def entries_of(batch, dictionaries):
    """Return three entries, of which the middle one has events, and the first a claim."""
    held = Vector({Origin("here", "ab" * 16, Stream.DOCUMENT): 9})
    payloads = [pack(b"", held), pack(content_of(batch, dictionaries)), pack(b"")]
    found, head = [], Head()
    for number, payload in enumerate(payloads, 1):
        found.append(make_entry(HERE, head, (number, 0), payload, sign))
        head = found[-1].head
    return found


def test_a_redacted_entry_keeps_its_place_in_the_chain():
    batch, dictionaries = admitted()
    entries = entries_of(batch, dictionaries)
    erased = {"main": frozenset({key(batch, 0)})}
    left = redacted_entry(entries[1], lambda one: redacted_parts(one, erased), "there", sign)
    assert left.head == entries[1].head
    assert left.payload != entries[1].payload
    checked([entries[0], left, entries[2]])
    again = redacted_entry(left, lambda one: redacted_parts(one, erased), "there", sign)
    assert again is None, "nothing is left to be taken out"
    more = {"main": frozenset({key(batch, 1)})}
    further = redacted_entry(left, lambda one: redacted_parts(one, more), "here", sign)
    checked([entries[0], further, entries[2]])
    assert len(read(unpack(further.payload).content)[0].events) == 1


def test_the_claim_of_a_life_stays():
    first = entries_of(*admitted())[0]
    left = redacted_entry(first, lambda _: b"something else", "here", sign)
    assert unpack(left.payload).closes == unpack(first.payload).closes


def test_nobody_passes_something_else_off_as_what_was_left():
    entry, other = chain(2)
    left = redacted(entry, b"left", "here", sign)
    left.check(Head(), verify)
    forged = {
        "is damaged": replace(left, payload=b"forged"),
        "was redacted, and that is not signed by here": replace(
            redacted(entry, b"forged", "here", lambda digest: digest), signature=entry.signature
        ),
        "is not signed by its node": replace(left, payload_digest=bytes(32)),
    }
    for fault, one in forged.items():
        with pytest.raises(EntryError, match=fault):
            one.check(Head(), verify)
    moved = replace(left, number=2, previous=entry.digest, hybrid=other.hybrid)
    with pytest.raises(EntryError, match="is not signed by its node"):
        moved.check(entry.head, verify)
    swapped = replace(other, payload=left.payload, redaction=left.redaction)
    with pytest.raises(EntryError, match="was redacted, and that is not signed by here"):
        swapped.check(entry.head, verify)
