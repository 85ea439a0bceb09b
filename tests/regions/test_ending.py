"""A life that is over collapses into the epoch when all members hold the same of it, and not before."""

from dataclasses import replace

from msgspec.structs import replace as with_fields

from homeroom import limits
from homeroom.log.origins import Origin, Stream, Token
from homeroom.regions.messages import Answer
from homeroom.regions.steps import (
    Applied,
    AwaitApplied,
    BeginAnew,
    Covered,
    Kept,
    Members,
    Retired,
    Trouble,
)
from tests.log.chains import THERE, chain
from tests.regions.nodes import LIFE, REGIONS, WALL_MS, Driven, item, news

OLD = (THERE.node, THERE.incarnation)
ENTRIES = chain(3, THERE)
ENDED = Members(9, REGIONS, ended={OLD: 9})
COLLAPSED = replace(ENDED, epoch=10, closed={THERE: 3}, collapsed=frozenset({THERE}))


def holding(count=3):
    """Return a node that holds some entries of a life."""
    node = Driven()
    for entry in ENTRIES[:count]:
        node.hear("beside", news([entry], version=entry.number))
        node.keep()
    return node


def hear_all(node, epoch=9, numbers=(3, 3, 3)):
    for number, sender in zip(numbers, ("there", "beside", "far"), strict=True):
        entry = ENTRIES[number - 1]
        said = item(THERE, number, entry.digest)
        message = news(items=[said], version=9, total=said.head, is_whole=True)
        node.hear(sender, with_fields(message, epoch=epoch))


def test_a_life_is_over_when_another_was_heard_and_it_is_silent():
    node = holding()
    node.hear("there", news(life=OLD[1]))
    node.hear("there", news(life="c" * 32))
    assert node.member.over(node.now_ms) == []
    node.hear("there", news(life=OLD[1], version=2), later_ms=1_000)
    node.tick(later_ms=limits.LIFE_SILENT_MS - 1)
    assert node.member.over(node.now_ms) == []
    node.tick(later_ms=1)
    assert node.member.over(node.now_ms) == [], "the other is silent too: perhaps a third has begun"
    node.hear("there", news(life="c" * 32, version=2))
    assert node.member.over(node.now_ms) == [OLD]


def test_of_a_node_that_is_cut_off_no_life_is_over_of_which_others_tell():
    node = holding()
    node.hear("there", news(life="c" * 32))
    node.tick(later_ms=3 * limits.LIFE_SILENT_MS)
    assert THERE in node.member.held
    assert node.member.over(node.now_ms) == []


def test_the_only_life_that_was_heard_is_not_over_however_long_it_is_silent():
    node = holding()
    node.hear("there", news(life=OLD[1]))
    node.tick(later_ms=3_600_000)
    assert node.member.over(node.now_ms) == []


def test_it_is_closed_when_all_have_said_at_the_epoch_that_they_hold_the_same():
    node = holding()
    hear_all(node, epoch=8)
    assert node.member.closable() == {}
    node.step(ENDED)
    hear_all(node, epoch=8)
    assert node.member.closable() == {}
    hear_all(node)
    assert node.member.closable() == {THERE: 3}


def test_it_is_not_closed_while_somebody_holds_less_or_something_else():
    node = holding()
    node.step(ENDED)
    hear_all(node, numbers=(3, 2, 3))
    assert node.member.closable() == {}
    forked = item(THERE, 3, b"y" * 8)
    node.hear("beside", with_fields(news(items=[forked], version=10, total=forked.head), epoch=9))
    assert node.member.closable() == {}


def test_nothing_more_is_taken_out_of_messages_of_a_life_that_is_over():
    node = holding(1)
    node.hear("there", news(life=OLD[1]))
    node.step(ENDED)
    node.hear("there", news([ENTRIES[1]], life=OLD[1], version=2))
    assert node.effects == []
    node.hear("there", news([ENTRIES[1]], life="c" * 32))
    assert [entry.number for entry in node.keep()] == [2]


def test_what_has_collapsed_is_named_no_more_and_all_is_told_once():
    node = holding()
    node.step(ENDED)
    node.step(COLLAPSED)
    assert node.of(Retired) == [Retired((THERE,))]
    assert node.member.held == {}
    node.hear("far", news(answer=Answer.ALL))
    (told,) = node.sent("far")
    assert told.is_whole
    assert told.items == ()
    assert told.total == bytes(8)


def test_who_lacks_some_of_it_asks_whoever_there_is_and_names_it_until_then():
    node = holding(2)
    node.step(COLLAPSED)
    assert node.member.held == {THERE: 2}
    node.tick(later_ms=limits.PULL_PATIENCE_MS)
    ((peer, ranges),) = node.asked()
    assert peer == "there"
    assert [(one.origin, one.first) for one in ranges] == [(THERE, 3)]
    node.hear("beside", news([ENTRIES[2]], version=9))
    node.keep()
    node.tick()
    assert node.of(Retired)


def test_what_a_waiting_cut_covers_is_asked_for_though_nobody_names_it_any_more():
    node = holding(1)
    node.step(Covered({THERE: 3}))
    node.tick()
    node.tick(later_ms=limits.PULL_PATIENCE_MS)
    ((_, ranges),) = node.asked()
    assert [(one.origin, one.first) for one in ranges] == [(THERE, 2)]
    node.hear("beside", news(ENTRIES[1:], version=9))
    node.keep()
    node.tick(later_ms=limits.PULL_WAIT_MS_MAX)
    assert node.asked() == [], "all that it covers is here"


def test_what_a_cut_covers_that_waits_no_more_is_not_asked_for():
    node = holding(1)
    node.step(Covered({THERE: 3}))
    node.step(Covered({}))
    node.tick()
    node.tick(later_ms=limits.PULL_PATIENCE_MS)
    assert node.asked() == []


def test_whoever_asks_for_what_has_collapsed_is_given_it():
    from homeroom.regions.messages import Pull, Range
    from homeroom.regions.steps import Look

    node = holding()
    node.step(COLLAPSED)
    node.hear("far", Pull("d" * 32, 1, (Range(THERE, 2),)))
    assert node.of(Look) == [Look("far", 1, (Range(THERE, 2),))]


def test_a_read_after_an_entry_of_a_life_that_has_collapsed_goes_on_at_once():
    node = holding()
    node.step(COLLAPSED)
    for number, is_late in ((3, False), (4, True)):
        node.step(AwaitApplied(number, Token(THERE, number, 1), node.now_ms + 1_000))
        assert node.effects == [Applied(number, is_late=is_late)]


def test_more_than_there_is_by_what_was_stated_begins_a_new_life():
    node = holding()
    node.step(replace(COLLAPSED, closed={THERE: 2}))
    assert node.of(BeginAnew)


def test_a_life_that_was_given_up_begins_anew():
    for given_up in (
        replace(ENDED, ended={("here", LIFE): 9}),
        replace(ENDED, closed={Origin("here", LIFE, Stream.CONTROL): 0}),
    ):
        node = holding()
        node.step(given_up)
        assert node.of(BeginAnew)


def test_what_collapsed_by_a_fact_that_counts_no_more_begins_a_new_life():
    node = holding()
    node.step(COLLAPSED)
    node.step(replace(ENDED, epoch=11))
    assert node.of(BeginAnew)


def test_two_that_speak_under_one_name_are_told_once_and_what_both_wrote_is_taken():
    node = Driven()
    node.hear("there", news([ENTRIES[0]], life=OLD[1]))
    node.step(Kept(WALL_MS))
    told = []
    for number in range(1, 9):
        node.hear("there", news(life="c" * 32, version=number), later_ms=500)
        node.hear("there", news(ENTRIES[1:2], life=OLD[1], version=number), later_ms=500)
        told += node.troubles()
    assert told == [Trouble.CLONE]
    assert node.member.replication.holdings.version == 1
    node.step(Kept(WALL_MS))
    assert node.member.held == {THERE: 2}


def test_messages_of_a_life_that_is_over_which_come_late_tell_of_no_second_process():
    """A node that begins to listen hears the new life, then what was under way of the old one."""
    node = Driven()
    node.hear("there", news(life="c" * 32))
    for number in (1, 2):
        node.hear("there", news(life=OLD[1], version=number), later_ms=60)
    node.hear("there", news(life="c" * 32, version=2), later_ms=limits.LIFE_SILENT_MS - 30)
    assert node.troubles() == []


def test_the_life_that_speaks_is_the_present_one_though_the_other_was_heard_first():
    node = Driven()
    node.hear("there", news(life="c" * 32))
    node.hear("there", news(life=OLD[1]))
    node.hear("there", news(life="c" * 32, version=2), later_ms=1_000)
    assert node.member.replication.views["there"].life == OLD[1]
    node.hear("there", news(life="c" * 32, version=3), later_ms=limits.LIFE_SILENT_MS)
    assert node.member.replication.views["there"].life == OLD[1]
    node.hear("there", news(life="c" * 32, version=4), later_ms=limits.GOSSIP_MS)
    assert node.member.replication.views["there"].life == "c" * 32


def test_what_a_node_that_is_to_leave_has_more_is_waited_for():
    node = holding(2)
    node.step(replace(ENDED, fenced=frozenset({"far"})))
    hear_all(node, numbers=(2, 2, 3))
    assert node.member.closable() == {}


def test_a_life_of_which_only_others_say_that_it_was_is_ended_by_nobody():
    node = holding()
    made_up = Origin("there", "e" * 32, Stream.ANALYTIC)
    node.hear("there", news(life="c" * 32))
    node.hear("beside", news(items=[item(made_up, 3)], version=9))
    node.hear("there", news(life="c" * 32, version=2), later_ms=limits.LIFE_SILENT_MS)
    assert node.member.over(node.now_ms) == [OLD]
