"""News of others is compared with what is here: what is missing is asked for, and what differs is told."""

from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.log.origins import Origin, Stream
from homeroom.regions.messages import Answer, Range
from homeroom.regions.steps import (
    Alarm,
    Keep,
    Send,
    Trouble,
)
from tests.log.chains import THERE, chain
from tests.regions.nodes import LIFE, Driven, item, news

HERE = Origin("here", LIFE, Stream.ANALYTIC)


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


def disagreeing():
    """Return a node that holds two entries, and one that says otherwise of the second."""
    node = Driven()
    node.hear("there", news(chain(2, THERE)))
    node.keep()
    node.hear("far", news(items=[item(THERE, 2, b"otherwise")]))
    return node


def test_who_says_that_it_has_another_entry_is_told_and_asked_for_it():
    node = disagreeing()
    assert node.troubles() == [Trouble.CLAIM]
    assert node.asked() == [("far", (Range(THERE, 2),))]
    node.hear("far", news(items=[item(THERE, 2, b"otherwise")], version=2))
    assert not node.troubles(), "it is told once"


def test_a_word_alone_stops_nothing():
    node = disagreeing()
    node.hear("there", news(chain(3, THERE)[2:], version=3))
    assert node.keep() == tuple(chain(3, THERE)[2:])


@pytest.mark.parametrize(
    ("change", "trouble"), [({}, Trouble.FORK), ({"signature": b"forged"}, Trouble.BAD_ENTRY)]
)
def test_another_entry_of_one_number_is_a_fork_if_it_is_signed(change, trouble):
    node = disagreeing()
    other = chain(2, THERE, size_bytes=50)[1]
    node.hear("far", news([replace(other, **change)], version=2))
    assert node.troubles()[-1] is trouble
    node.hear("there", news(chain(3, THERE)[2:], version=3))
    assert bool(node.of(Keep)) == (trouble is not Trouble.FORK)


def test_who_only_says_so_and_sends_the_same_entry_has_stopped_nothing():
    node = disagreeing()
    node.hear("far", news(chain(2, THERE)[1:], version=2))
    assert not node.troubles()
    node.hear("there", news(chain(3, THERE)[2:], version=3))
    assert node.of(Keep)


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
    node.hear("nobody", news(chain(1, THERE)), later_ms=limits.STRANGER_AGAIN_MS)
    assert node.troubles() == [Trouble.STRANGER], "it speaks still"


def test_a_node_that_has_just_left_may_speak_until_somebody_has_stopped_it():
    node = Driven()
    everybody = node.member.members
    rest = {name: region for name, region in everybody.regions.items() if name != "far"}
    node.step(replace(everybody, epoch=4, regions=rest))
    node.hear("far", news(chain(1, THERE)))
    assert not node.effects
    node.hear("far", news(chain(1, THERE)), later_ms=limits.LEFT_STOP_MS)
    assert node.troubles() == [Trouble.STRANGER]
    assert "far sends messages and has left the world" in node.of(Alarm)[0].why
    node.step(replace(everybody, epoch=5))
    node.step(replace(everybody, epoch=6, regions=rest))
    node.hear("far", news(chain(1, THERE)))
    assert not node.effects, "it has left once more"
