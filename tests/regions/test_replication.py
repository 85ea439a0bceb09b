"""News of others is compared with what is here: what is missing is asked for, and what differs is told."""

from homeroom import limits
from homeroom.log.origins import Origin, Stream
from homeroom.regions.messages import Answer, Range
from homeroom.regions.steps import (
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


def test_a_fork_shows_by_numbers_alone():
    node = Driven()
    node.hear("there", news(chain(2, THERE)))
    node.keep()
    node.hear("far", news(items=[item(THERE, 2, b"otherwise")]))
    assert node.troubles() == [Trouble.FORK]


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
