"""Entries of others are taken whole or not at all, and called held when they are durable."""

from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.log.origins import Origin, Stream
from homeroom.regions.messages import Answer, Pull, Range
from homeroom.regions.steps import (
    Keep,
    Kept,
    Members,
    NotKept,
    Trouble,
)
from tests.log.chains import THERE, chain
from tests.regions.nodes import LIFE, REGIONS, WALL_MS, Driven, item, news

HERE = Origin("here", LIFE, Stream.ANALYTIC)


def test_what_came_is_told_as_held_only_when_it_is_durable():
    node = Driven()
    entries = chain(2, THERE)
    node.hear("there", news(entries, answer=Answer.WHEN_HELD))
    assert node.of(Keep)[0].entries == tuple(entries)
    assert not node.sent("there")
    node.keep()
    assert [one.number for one in node.sent("there")[0].items] == [2]


def test_entries_wait_for_those_before_them():
    node = Driven()
    one, two, three = chain(3, THERE)
    node.hear("there", news([three]))
    node.hear("there", news([two]))
    assert not node.of(Keep)
    node.hear("there", news([one]))
    assert node.of(Keep)[0].entries == (one, two, three)


def test_a_gap_buffer_that_is_full_drops_and_asks_again(monkeypatch):
    monkeypatch.setattr(limits, "GAP_ENTRIES_MAX", 3)
    node = Driven()
    entries = chain(9, THERE)
    node.hear("there", news(entries[1:]))
    node.tick(limits.PULL_PATIENCE_MS)
    assert node.sent("there")[0].ranges == (Range(THERE, 1),)
    number = node.sent("there")[0].number
    node.hear("there", news(entries[:1], pull=number))
    # The three that waited go on with it, the others are asked for at once.
    assert node.of(Keep)[0].entries == tuple(entries[:4])
    assert node.sent("there")[0].ranges == (Range(THERE, 5),)


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({"payload": b"other"}, Trouble.BAD_ENTRY),
        ({"signature": b"forged"}, Trouble.BAD_ENTRY),
        ({"hybrid": 5}, Trouble.BAD_ENTRY),
    ],
)
def test_what_is_not_whole_is_dropped_told_and_asked_of_another(change, trouble):
    node = Driven()
    entries = chain(1, THERE)
    node.hear("far", news(items=[item(THERE, 1, entries[0].digest)]))
    node.hear("there", news([replace(entries[0], **change)]))
    assert node.troubles() == [trouble]
    assert not node.of(Keep)
    node.tick(limits.PULL_PATIENCE_MS)
    assert node.asked() == [("far", (Range(THERE, 1),))]


def test_two_entries_of_one_number_are_a_fork_that_is_told_once():
    node = Driven()
    mine = chain(1, THERE)
    node.hear("there", news(mine))
    node.keep()
    others = chain(3, THERE, size_bytes=50)
    node.hear("far", news(others[1:]))
    assert node.troubles() == [Trouble.FORK]
    node.hear("far", news(others[1:], version=2))
    assert not node.effects


def test_what_nobody_has_signed_fills_no_room_for_what_comes_too_early(monkeypatch):
    monkeypatch.setattr(limits, "GAP_ENTRIES_MAX", 2)
    node = Driven()
    entries = chain(4, THERE)
    for number, entry in enumerate(entries[1:], 1):
        forged = replace(entry, number=90 + number, signature=b"forged")
        node.hear("far", news([forged], version=number))
        assert node.troubles() == [Trouble.BAD_ENTRY]
    node.hear("there", news(entries[1:3]))
    node.hear("there", news(entries[:1], version=2))
    assert node.of(Keep)[0].entries == tuple(entries[:3])


def test_that_this_node_was_copied_is_told_by_what_is_signed_alone():
    node = Driven()
    (entry,) = chain(1, HERE)
    node.hear("far", news([replace(entry, signature=b"forged")]))
    assert node.troubles() == [Trouble.BAD_ENTRY]


def test_a_copy_of_this_node_is_noticed():
    node = Driven()
    node.hear("far", news(chain(1, HERE)))
    assert node.troubles() == [Trouble.CLONE]


def test_nothing_more_of_a_node_that_is_to_leave_is_taken_from_itself_but_from_others():
    node = Driven()
    node.step(Members(4, REGIONS, fenced=frozenset({"there"})))
    node.hear("there", news(chain(1, THERE)))
    assert not node.of(Keep)
    node.hear("far", news(chain(1, THERE)))
    assert node.of(Keep)


def test_nothing_of_a_node_that_is_to_leave_waits_for_what_others_bring():
    node = Driven()
    node.step(Members(4, REGIONS, fenced=frozenset({"there"})))
    entries = chain(2, THERE)
    node.hear("there", news(entries))
    node.hear("far", news(entries[:1]))
    assert node.of(Keep)[0].entries == (entries[0],)
    node.keep()
    assert not node.of(Keep)


def test_nothing_beyond_the_end_of_a_closed_origin_is_taken_or_asked_for():
    node = Driven()
    node.step(Members(4, REGIONS, closed={THERE: 1}))
    entries = chain(2, THERE)
    node.hear("far", news(entries))
    assert node.of(Keep)[0].entries == (entries[0],)
    node.keep()
    node.tick(limits.PULL_PATIENCE_MS)
    assert not [message for message in node.sent() if isinstance(message, Pull)]


def test_after_a_write_that_failed_nothing_is_taken():
    node = Driven()
    node.hear("there", news(chain(1, THERE)))
    node.step(NotKept("full"))
    node.hear("there", news(chain(2, THERE)))
    assert not node.of(Keep)


def test_what_was_let_go_of_at_a_fence_is_asked_for_again():
    node = Driven()
    node.hear("far", news(chain(1, Origin("far", "f" * 32, Stream.ANALYTIC))))
    node.hear("beside", news(chain(2, THERE)))
    node.tick(limits.PULL_PATIENCE_MS)
    assert not node.asked(), "all of it is here, and waits to be written"
    node.step(Members(4, REGIONS, fenced=frozenset({"there"})))
    node.step(Kept(WALL_MS))
    node.tick()
    node.tick(limits.PULL_PATIENCE_MS)
    assert node.asked() == [("beside", (Range(THERE, 1),))]
