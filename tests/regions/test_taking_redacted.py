"""Redacted entries travel as any other, and take the place of those that were not redacted."""

from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.log.entries import Head, make_entry, redacted
from homeroom.log.origins import Origin, Stream
from homeroom.regions.gaps import Gaps
from homeroom.regions.messages import Pull, Range
from homeroom.regions.steps import Exchange, Found, Keep, Kept, Printed, Recovered, Send, Trouble
from tests.log.chains import THERE, chain, sign
from tests.regions.nodes import WALL_MS, Driven, news


def left_of(entry, payload=b"left", node="far"):
    return redacted(entry, payload, node, sign)


def test_a_redacted_entry_is_taken_with_those_that_follow_it():
    node = Driven()
    one, two = chain(2, THERE)
    node.hear("far", news([left_of(one), two]))
    assert node.keep() == (left_of(one), two)
    assert node.member.held == {THERE: 2}


def test_a_redacted_entry_is_given_as_it_is():
    entries = [left_of(one) for one in chain(1, THERE)]
    node = Driven(heads={THERE: entries[-1].head})
    node.hear("there", Pull("b" * 32, 1, (Range(THERE, 1),)))
    node.step(Found("there", 1, tuple(entries), WALL_MS))
    assert node.sent("there")[0].opened() == entries


def test_a_redaction_that_nobody_signed_is_refused():
    node = Driven()
    (entry,) = chain(1, THERE)
    left = left_of(entry)
    forged = replace(left, redaction=replace(left.redaction, signature=b"forged"))
    node.hear("far", news([forged]))
    assert node.troubles() == [Trouble.BAD_ENTRY]
    assert not node.of(Keep)


def test_a_redacted_copy_of_what_is_held_is_exchanged():
    (entry,) = chain(1, THERE)
    node = Driven(heads={THERE: entry.head})
    node.hear("far", news([entry]))
    assert not node.of(Exchange)
    node.hear("far", news([left_of(entry)]))
    assert node.of(Exchange) == [Exchange((left_of(entry),))]
    assert not node.of(Keep)


def test_a_forged_copy_of_what_is_held_is_told_and_not_exchanged():
    (entry,) = chain(1, THERE)
    node = Driven(heads={THERE: entry.head})
    node.hear("far", news([replace(left_of(entry), payload=b"other")]))
    assert node.troubles() == [Trouble.BAD_ENTRY]
    assert not node.of(Exchange)


def test_of_what_waits_to_be_written_the_redacted_copy_is_written():
    node = Driven()
    one, two = chain(2, THERE)
    node.hear("there", news([one]))
    node.hear("there", news([two]))
    node.hear("far", news([left_of(two)]))
    assert not node.of(Exchange)
    node.step(Kept(WALL_MS))
    assert node.of(Keep)[0].entries == (left_of(two),)


def test_in_a_gap_the_redacted_copy_stays():
    gaps = Gaps()
    (_, two) = chain(2, THERE)
    for entry in (two, left_of(two), two):
        gaps.add(entry)
        gaps.check_invariants()
    assert gaps.take(THERE, 2) == left_of(two)
    assert len(gaps) == 0


@pytest.mark.parametrize("is_redacted", [True, False])
def test_nothing_is_compared_before_what_explains_a_redaction_is_folded_everywhere(is_redacted):
    (entry,) = chain(1, THERE)
    node = Driven(heads={THERE: entry.head})
    node.step(Recovered((left_of(entry) if is_redacted else entry,), WALL_MS))
    node.step(Printed(5, b"shared", "ab"), limits.REDACTED_MS - 1)
    assert bool(node.of(Send)) != is_redacted
    node.step(Printed(6, b"shared", "ab"), 1)
    assert node.of(Send)


def test_nothing_is_compared_while_what_explains_a_redaction_may_be_held_back():
    (entry,) = chain(1, THERE)
    node = Driven(heads={THERE: entry.head, FAR: late().head})
    node.step(Recovered((left_of(entry), late()), WALL_MS))
    node.tick(limits.REDACTED_MS)
    node.step(Printed(5, b"shared", "ab"), 1)
    assert not node.of(Send)
    node.tick(1, wall_ms=WALL_MS + 86_400_000)
    node.step(Printed(6, b"shared", "ab"), limits.REDACTED_MS)
    assert node.of(Send)


FAR = Origin("far", "d" * 32, Stream.ANALYTIC)


def late():
    """Return an entry that is stamped a day ahead."""
    return make_entry(FAR, Head(), ((WALL_MS + 86_400_000) << 16, 3), b"late", sign)
