"""Entries, their chain, and the clock that stamps them: whatever is changed, dropped or exchanged is seen."""

from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.clock import HybridClock, hybrid_ms
from homeroom.errors import EntryError, InputError
from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Origin, Stream, Token, Vector

ORIGIN = Origin("here", "0f" * 16, Stream.ANALYTIC)
OTHER = Origin("here", "1f" * 16, Stream.ANALYTIC)


def sign(digest):
    return digest[::-1]


def verify(node, digest, signature):
    return node == "here" and signature == digest[::-1]


def chain(count):
    entries, head = [], Head()
    for number in range(count):
        entries.append(make_entry(ORIGIN, head, (100 + number, 0), b"payload %d" % number, sign))
        head = entries[-1].head
    return entries


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"payload": b"other"}, "checksum of its payload"),
        ({"hybrid": 999}, "signed"),
        ({"epoch": 7}, "signed"),
        ({"signature": bytes(32)}, "signed"),
        ({"previous": bytes(32)}, "does not follow"),
        ({"number": 3}, "follows number 1"),
        ({"origin": OTHER}, "signed"),
        ({"hybrid": 100}, "stamped no later"),
        ({"payload": bytes(limits.ENTRY_BYTES_MAX + 1)}, "at most"),
    ],
)
def test_an_entry_that_was_changed_is_seen(change, why):
    first, second = chain(2)
    second.check(first.head, verify)
    with pytest.raises(EntryError, match=why):
        replace(second, **change).check(first.head, verify)


def test_an_entry_that_is_missing_is_seen():
    first, _, third = chain(3)
    with pytest.raises(EntryError, match="follows number 1"):
        third.check(first.head, verify)


def test_stamps_only_go_forward_whatever_the_clock_does():
    clock = HybridClock()
    stamps = [clock.stamp(now_ms) for now_ms in (1_000, 1_000, 900, 2_000, 1)]
    assert stamps == sorted(set(stamps))
    assert hybrid_ms(stamps[3]) == 2_000


def test_a_stamp_from_elsewhere_moves_the_clock_unless_it_is_far_ahead():
    clock = HybridClock()
    clock.observe(1_400 << 16, 1_000)
    assert clock.stamp(1_000) > 1_400 << 16
    clock.observe(9_999 << 16, 1_000)
    assert hybrid_ms(clock.stamp(1_000)) == 1_400


def test_vectors_are_joined_and_compared_number_by_number():
    one, other = Vector({ORIGIN: 3}), Vector({ORIGIN: 2, OTHER: 1})
    assert not one.covers(other)
    assert not other.covers(one)
    assert one.joined(other) == Vector({ORIGIN: 3, OTHER: 1})
    assert one.joined(other).covers(one)
    assert one[OTHER] == 0
    assert one.advanced(OTHER, 1)[OTHER] == 1
    assert Vector.from_json(one.joined(other).to_json()) == one.joined(other)


def test_a_token_is_read_as_it_was_written():
    token = Token(ORIGIN, 7, 12345)
    assert Token.parse(str(token)) == token


@pytest.mark.parametrize(
    "text", ["", "x", "here/0/analytic/1/2", f"{ORIGIN}/one/2", f"{ORIGIN}/1", f"{ORIGIN}x/1/2"]
)
def test_what_is_no_token_is_refused(text):
    with pytest.raises(InputError, match="token"):
        Token.parse(text)
