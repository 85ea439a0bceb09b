"""Entries of others are taken whole or not at all, asked for where they are, and called held when they are durable."""

from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.log.origins import Origin, Stream
from homeroom.regions.messages import Answer, News, Pull, Range
from homeroom.regions.steps import (
    Committed,
    Found,
    Keep,
    Kept,
    Level,
    Look,
    Members,
    NotKept,
    Send,
    Trouble,
)
from tests.log.chains import THERE, chain
from tests.regions.nodes import LIFE, REGIONS, WALL_MS, Driven, item, news

HERE = Origin("here", LIFE, Stream.ANALYTIC)


def test_what_this_node_writes_is_sent_to_all_in_one_message():
    node = Driven()
    (entry,) = chain(1, HERE)
    node.step(Committed((entry,), WALL_MS))
    assert {effect.to for effect in node.of(Send)} == {"there", "beside", "far"}
    told = node.sent("far")[0]
    assert [one.number for one in told.items] == [1]
    assert told.opened() == [entry]
    assert told.answer is Answer.NONE


def test_an_answer_is_wanted_only_where_a_client_waits_for_others():
    node = Driven()
    node.step(Committed(tuple(chain(1, HERE)), WALL_MS, Level.REMOTE))
    assert {message.answer for message in node.sent()} == {Answer.WHEN_HELD}


def test_nothing_is_pushed_to_who_does_not_keep_up():
    node = Driven()
    entries = chain(limits.PUSH_AHEAD_MAX + 1, HERE)
    for entry in entries:
        node.step(Committed((entry,), WALL_MS))
    assert not node.of(Send)


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


def test_what_is_missing_is_asked_for_after_a_moment_of_who_has_it():
    node = Driven()
    node.hear("far", news(items=[item(THERE, 2)]))
    node.tick()
    assert not node.asked()
    node.tick(limits.PULL_PATIENCE_MS)
    assert node.asked() == [("far", (Range(THERE, 1),))]
    node.tick(limits.PULL_PATIENCE_MS)
    assert not node.asked()


def test_who_does_not_answer_is_not_asked_again_where_another_has_it():
    node = Driven()
    for peer in ("far", "there"):
        node.hear(peer, news(items=[item(THERE, 2)]))
    node.tick(limits.PULL_PATIENCE_MS)
    assert node.asked() == [("there", (Range(THERE, 1),))]
    node.tick(limits.PULL_WAIT_MS_MAX)
    assert node.asked() == [("far", (Range(THERE, 1),))]


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


def test_a_fork_shows_by_numbers_alone():
    node = Driven()
    node.hear("there", news(chain(2, THERE)))
    node.keep()
    node.hear("far", news(items=[item(THERE, 2, b"otherwise")]))
    assert node.troubles() == [Trouble.FORK]


def test_a_copy_of_this_node_is_noticed():
    node = Driven()
    node.hear("far", news(chain(1, HERE)))
    assert node.troubles() == [Trouble.CLONE]


def test_what_is_asked_for_is_looked_up_and_answered():
    node = Driven()
    entries = chain(3, HERE)
    node.step(Committed(tuple(entries), WALL_MS))
    node.hear("far", Pull("b" * 32, 7, (Range(HERE, 2),)))
    assert node.of(Look) == [Look("far", 7, (Range(HERE, 2),))]
    node.step(Found("far", 7, tuple(entries[1:]), WALL_MS))
    (answer,) = node.sent("far")
    assert (answer.pull, answer.opened()) == (7, entries[1:])


def test_who_asks_for_what_is_not_here_hears_so_at_once():
    node = Driven()
    node.hear("far", Pull("b" * 32, 7, (Range(THERE, 1),)))
    (answer,) = node.sent("far")
    assert (answer.pull, answer.entries) == (7, ())


def test_looks_are_bounded():
    node = Driven()
    node.step(Committed(tuple(chain(1, HERE)), WALL_MS))
    for number in range(limits.LOOKS_MAX + 5):
        node.hear("far", Pull("b" * 32, number, (Range(HERE, 1),)))
    assert not node.effects


def test_news_that_was_missed_is_asked_for_once_a_second():
    node = Driven()
    missed = news(total=b"a sum of", version=5)
    node.hear("far", missed)
    assert [message.answer for message in node.sent("far")] == [Answer.ALL]
    node.hear("far", missed)
    assert not node.effects
    node.hear("far", missed, later_ms=limits.GOSSIP_MS)
    assert node.of(Send)


def test_news_of_an_earlier_life_counts_for_nothing():
    node = Driven()
    node.hear("far", news(items=[item(THERE, 9)], life="1" * 32))
    node.hear("far", news(items=[item(THERE, 2)], life="2" * 32))
    node.hear("far", news(items=[item(THERE, 9)], life="1" * 32, version=9))
    assert node.member.replication.views["far"].numbers == {THERE: 2}


def test_strangers_are_told_once_and_nothing_of_them_is_taken():
    node = Driven()
    node.hear("nobody", news(chain(1, THERE)))
    assert node.troubles() == [Trouble.STRANGER]
    node.hear("nobody", news(chain(1, THERE)))
    assert not node.effects


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


def test_idle_nodes_tell_each_other_a_digest():
    node = Driven()
    node.tick(2 * limits.GOSSIP_MS)
    node.tick(limits.GOSSIP_MS)
    told = [effect.body for effect in node.of(Send)]
    assert len(told) == limits.GOSSIP_PEERS
    assert all(isinstance(message, News) and not message.items for message in node.sent())
    assert max(map(len, told)) < 100


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
