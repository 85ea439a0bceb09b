"""Operators rule of entries of the future, and of nothing else: what counts already is taken back in other ways."""

import pytest

from homeroom.errors import ControlError
from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import pack
from homeroom.log.rulings import EntriesLost, Restamped, Ruling
from homeroom.regions.gate import Early
from homeroom.running.ruling import check_held, check_of_the_future
from tests.log.chains import sign
from tests.running.nodes import now_ms
from tests.running.test_refolding import learners, sent_from_the_future, span
from tests.running.worlds import active, send

NOW_MS = 1_700_000_000_000
HERE = Origin("b", "0" * 32, Stream.ANALYTIC)
FACTS = Origin("b", "0" * 32, Stream.CONTROL)


def log_of(ahead_ms, origin=HERE, begins=0):
    """Return what reads an origin of which each entry is so much ahead; those up to ``begins`` are forgotten."""
    head, entries = Head(), []
    for one in ahead_ms:
        stamp = ((NOW_MS + one) << 16) + len(entries)
        entries.append(make_entry(origin, head, (stamp, 0), pack(b""), sign))
        head = entries[-1].head

    def read(_, first, count):
        return [one for one in entries if one.number > begins][max(0, first - begins - 1) :][:count]

    return read


def judged(fact, read, rulings=(), early=None, origin=HERE):
    check_of_the_future(fact, origin, ({origin: tuple(rulings)}, early), read, NOW_MS)


def lost(first, last, origin=HERE):
    return EntriesLost(origin=str(origin), first=first, last=last)


FUTURE = log_of([0, 0, 60_000, 60_000, 90_000])


def test_entries_that_were_stamped_ahead_are_ruled_of():
    judged(lost(3, 5), FUTURE)
    judged(lost(4, 4), FUTURE)
    judged(Restamped(origin=str(HERE), first=3, last=5, hybrid=NOW_MS << 16), FUTURE)


@pytest.mark.parametrize(("first", "last", "named"), [(1, 5, 1), (2, 4, 2), (1, 1, 1)])
def test_a_ruling_on_one_that_counts_is_refused_and_says_what_to_do(first, last, named):
    with pytest.raises(ControlError, match=rf"entry {named} .* at 2023-11-14.*homeroom void"):
        judged(lost(first, last), FUTURE)
    with pytest.raises(ControlError, match="homeroom void"):
        judged(Restamped(origin=str(HERE), first=first, last=last, hybrid=1), FUTURE)


def test_facts_that_count_are_stated_anew_instead():
    with pytest.raises(ControlError, match="stating it as it should be"):
        judged(lost(1, 1, FACTS), log_of([0], FACTS), origin=FACTS)


def test_what_was_ruled_before_may_be_ruled_again():
    rulings = [Ruling(1, 1, None), Ruling(2, 2, 7)]
    judged(lost(1, 5), FUTURE, rulings)
    with pytest.raises(ControlError, match="entry 2 "):
        judged(lost(1, 5), FUTURE, rulings[:1])


def test_what_waits_here_with_others_of_the_future_is_ruled_of_with_them():
    judged(lost(2, 5), FUTURE, early=Early(2, 3, NOW_MS + 60_000))
    with pytest.raises(ControlError, match="entry 1 "):
        judged(lost(1, 5), FUTURE, early=Early(2, 3, NOW_MS + 60_000))


def test_what_a_log_has_forgotten_counted_when_it_was_forgotten():
    with pytest.raises(ControlError, match=r"entry 2 .* has forgotten it"):
        judged(lost(2, 5), log_of([0, 60_000, 60_000, 60_000, 60_000], begins=2))


def test_only_entries_that_are_here_are_ruled_of():
    assert check_held(lost(1, 5), Vector({HERE: 5})) == HERE
    with pytest.raises(ControlError, match=r"up to 6 .* 5 are held here"):
        check_held(lost(1, 6), Vector({HERE: 5}))
    with pytest.raises(ControlError, match="0 are held here"):
        check_held(lost(1, 1, FACTS), Vector({HERE: 5}))


def test_a_home_lets_the_future_be_lost_and_not_what_counts(world):
    async def work(world):
        counts = await send(world, "b", "b1", 1)
        await active(world.nodes["a"], counts)
        token, early = await sent_from_the_future(world, "b", 2, 3)
        node = world.nodes["a"]
        await world.until(lambda: node.status("main").world.early, "it is told")
        with pytest.raises(ControlError, match="nobody rules on it"):
            await node.change(EntriesLost(**span(counts)), "somebody")
        with pytest.raises(ControlError, match="are held here"):
            await node.change(EntriesLost(**{**early, "last": early["last"] + 1}), "somebody")
        ahead = now_ms() + 60_000 << 16
        with pytest.raises(ControlError, match="ahead of now"):
            await node.change(Restamped(**early, hybrid=ahead), "somebody")
        await node.change(EntriesLost(**early), "somebody")
        await node._folds.reached(token)
        # Who has ruled may think better of it.
        await node.change(Restamped(**early, hybrid=now_ms() << 16), "somebody")
        await world.equal()
        return learners(world)

    assert world(work, "a", "b") == {"a": 3, "b": 3}
