"""Others are told what is durable here, are given what they ask for, and no queue grows for it."""

from homeroom import limits
from homeroom.log.origins import Origin, Stream
from homeroom.regions.messages import Answer, News, Pull, Range
from homeroom.regions.steps import (
    BeginAnew,
    Committed,
    Found,
    Level,
    Look,
    Send,
)
from tests.log.chains import THERE, chain
from tests.regions.nodes import LIFE, WALL_MS, Driven

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


def test_idle_nodes_tell_each_other_a_digest():
    node = Driven()
    node.tick(2 * limits.GOSSIP_MS)
    node.tick(limits.GOSSIP_MS)
    told = [effect.body for effect in node.of(Send)]
    assert len(told) == limits.GOSSIP_PEERS
    assert all(isinstance(message, News) and not message.items for message in node.sent())
    assert max(map(len, told)) < 100


def test_a_life_ends_whose_log_has_lost_what_it_has_said_that_it_holds():
    entries = chain(2, THERE)
    node = Driven(heads={THERE: entries[-1].head})
    gone = Range(THERE, 2)
    node.hear("far", Pull("c" * 32, 7, (gone,)))
    node.step(Found("far", 7, (), WALL_MS, gone))
    (begun,) = node.of(BeginAnew)
    assert "has no entry 2 of there/" in begun.why
    (told,) = node.sent("far")
    assert told.entries == ()
