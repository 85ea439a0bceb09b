"""Clients hear how far their entry has come, by what others hold durably, and not later than they asked."""

import msgspec

from homeroom import limits
from homeroom.log.origins import Origin, Stream, Token
from homeroom.regions.messages import Answer, News, read
from homeroom.regions.steps import (
    Applied,
    AwaitApplied,
    AwaitHeld,
    Committed,
    Folded,
    Held,
    Level,
    Members,
    Send,
    Tick,
)
from homeroom.regions.waiting import Reach, level_of
from tests.log.chains import THERE, chain
from tests.regions.nodes import LIFE, REGIONS, WALL_MS, Driven, item, news

NONE = bytes(8)
HERE = Origin("here", LIFE, Stream.ANALYTIC)


def held(number):
    return item(HERE, number, chain(number, HERE)[-1].digest)


def waiting_for(level, numbers=1):
    node = Driven()
    entries = chain(numbers, HERE)
    node.step(Committed(tuple(entries), WALL_MS, level))
    node.step(AwaitHeld(5, entries[-1].token, level, node.now_ms + 1_000))
    return node


def test_what_is_durable_here_is_local():
    assert waiting_for(Level.LOCAL).effects == [Held(5, Level.LOCAL, is_late=False)]


def test_a_node_of_the_same_region_is_not_remote():
    node = waiting_for(Level.REMOTE)
    assert not node.hear("beside", news(items=[held(1)]))
    node.hear("far", news(items=[held(1)]))
    assert node.of(Held) == [Held(5, Level.REMOTE, is_late=False)]


def test_all_are_all_members_of_the_epoch():
    node = waiting_for(Level.ALL)
    for peer in ("beside", "far"):
        node.hear(peer, news(items=[held(1)]))
        assert not node.of(Held)
    node.step(Members(4, {name: REGIONS[name] for name in ("here", "beside", "far")}))
    assert node.of(Held) == [Held(5, Level.ALL, is_late=False)]


def test_a_prefix_counts_and_nothing_less():
    node = waiting_for(Level.REMOTE, numbers=3)
    node.hear("far", news(items=[held(2)]))
    assert not node.of(Held)


def test_at_the_limit_a_client_hears_how_far_it_is():
    node = waiting_for(Level.ALL)
    node.hear("far", news(items=[held(1)]))
    node.tick(999)
    assert not node.of(Held)
    node.tick(1)
    assert node.of(Held) == [Held(5, Level.REMOTE, is_late=True)]


def test_a_read_waits_until_its_entry_is_folded():
    node = Driven()
    token = Token(THERE, 2, 0)
    node.step(AwaitApplied(6, token, node.now_ms + 1_000))
    node.step(AwaitApplied(7, Token(THERE, 9, 0), node.now_ms + 1_000))
    assert not node.step(Folded(((THERE, 1),)))
    assert node.step(Folded(((THERE, 2),))) == [Applied(6, is_late=False)]
    assert node.step(AwaitApplied(8, token, 0)) == [Applied(8, is_late=False)]
    node.tick(1_000)
    assert node.of(Applied) == [Applied(7, is_late=True)]


def test_who_comes_when_too_many_wait_hears_at_once(monkeypatch):
    monkeypatch.setattr(limits, "WAITING_MAX", 1)
    node = waiting_for(Level.REMOTE)
    node.step(AwaitHeld(6, Token(HERE, 1, 0), Level.REMOTE, node.now_ms + 1_000))
    assert node.effects == [Held(6, Level.LOCAL, is_late=True)]


COLLAPSED = Members(4, REGIONS, closed={THERE: 3}, collapsed=frozenset({THERE}))


def test_all_hold_what_has_collapsed_and_nothing_beyond_it():
    silent = {name: {} for name in REGIONS}
    reach = Reach("here", COLLAPSED, silent, frozenset(REGIONS) - {"here"})
    assert level_of(Token(THERE, 3, 0), reach) is Level.ALL
    assert level_of(Token(THERE, 4, 0), reach) is Level.LOCAL


def test_who_has_just_joined_does_not_count_for_what_has_collapsed_before_it_says_so():
    entries = chain(3, THERE)
    node = Driven(heads={THERE: entries[-1].head})
    node.step(COLLAPSED)
    for peer in ("there", "beside"):
        node.hear(peer, msgspec.structs.replace(news(is_complete=True, total=NONE), epoch=4))
    node.hear("far", msgspec.structs.replace(news(total=NONE), epoch=4))
    node.step(AwaitHeld(5, entries[-1].token, Level.ALL, node.now_ms + 1_000))
    assert not node.of(Held)
    node.hear("far", msgspec.structs.replace(news(is_complete=True, total=NONE), epoch=4))
    assert node.of(Held) == [Held(5, Level.ALL, is_late=False)]


def test_a_node_that_lacks_what_has_collapsed_says_so_until_it_has_it():
    node = Driven()
    node.step(Members(4, REGIONS, closed={THERE: 2}, collapsed=frozenset({THERE})))
    assert {one.is_complete for one in node.sent() if isinstance(one, News)} == {False}
    node.hear("far", news(chain(2, THERE)))
    node.keep()
    node.tick(limits.GOSSIP_MS + 1)
    assert {one.is_complete for one in node.sent() if isinstance(one, News)} == {True}


def test_who_is_not_known_to_have_what_is_waited_for_is_asked_at_each_gossip():
    node = waiting_for(Level.ALL)
    node.hear("far", news(items=[held(1)]))
    node.now_ms += 2 * limits.GOSSIP_MS
    node.effects.clear()
    node.step(Tick(WALL_MS))
    asked = {one.to for one in node.of(Send) if read(one.body)[0].answer is Answer.WHEN_HELD}
    assert asked == set(REGIONS) - {"here", "far"}
