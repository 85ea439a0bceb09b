"""A cut that the home has stated is made there once another node holds it, over restarts too."""

import asyncio
import datetime as dt

import pytest

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.control import Change, Control, TenantPut, write_changes
from homeroom.log.cuts import HistoryCut
from homeroom.log.entries import Head, make_entry
from homeroom.log.members import MemberJoined
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import pack
from homeroom.regions.steps import Members
from homeroom.running.looks import Looks
from homeroom.running.seconding import Seconding, is_lone_at_start
from homeroom.state.zones import day_of_date
from tests.log.chains import sign
from tests.running.worlds import active, send

DAY = day_of_date(dt.date(2024, 3, 11))
HERE = Origin("a", "0" * 32, Stream.CONTROL)
REGIONS = {"a": "one", "b": "two", "c": "three"}


def entry_of(*facts, origin=HERE):
    payload = pack(write_changes([Change(fact=fact, author="x", at_ms=1) for fact in facts]))
    return make_entry(origin, Head(), (1, 0), payload, sign)


CUT = entry_of(TenantPut(name="other"), HistoryCut(tenant="main", day=DAY))


def looks(views=(), regions=REGIONS, **fields):
    return Looks(members=Members(5, regions, **fields), views=dict(views))


def waits(entry, said, made=()):
    return Seconding("a", lambda: dict(made), said).waits(entry)


def test_a_cut_waits_until_somebody_says_that_they_hold_it():
    assert waits(CUT, looks({"b": {}, "c": {}}))
    assert not waits(CUT, looks({"b": {}, "c": {HERE: 1}}))
    assert waits(CUT, Looks()), "no life runs, and nobody could say it"
    assert not waits(CUT, looks(regions={"a": "one"})), "there is nobody else"
    assert not waits(CUT, looks(fenced=frozenset({"b", "c"})))
    assert not waits(CUT, looks(collapsed=frozenset({HERE})))


def test_what_was_made_and_what_is_no_cut_waits_for_nobody():
    nobody = looks({"b": {}, "c": {}})
    assert not waits(CUT, nobody, {"main": DAY})
    assert waits(CUT, nobody, {"main": DAY - 1, "other": DAY})
    assert not waits(entry_of(TenantPut(name="other")), nobody)


def test_what_another_has_stated_is_held_there():
    nobody = looks({"b": {}, "c": {}})
    there = Origin("b", "0" * 32, Stream.CONTROL)
    cut = HistoryCut(tenant="main", day=DAY)
    assert not waits(entry_of(cut, origin=there), nobody)


def test_a_start_lets_a_cut_wait_that_no_snapshot_has_where_there_are_others():
    def stated(*nodes):
        control = Control()
        for number, node in enumerate(nodes, 1):
            fact = MemberJoined(node=node, region=node, jurisdiction="x", key="k")
            control = control.folded(Change(fact=fact, author="x", at_ms=1), number)
        return control

    assert is_lone_at_start(CUT, "a", stated("a", "b"), dict)
    assert not is_lone_at_start(CUT, "a", stated("a", "b"), lambda: {"main": DAY})
    assert not is_lone_at_start(CUT, "b", stated("a", "b"), dict), "another has stated it"
    assert not is_lone_at_start(CUT, "a", stated("a"), dict)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_home_that_is_cut_off_makes_no_cut_that_would_be_lost_with_it(world, is_restarted):
    async def work(world):
        token = await send(world, "a", "b1", *range(5))
        await active(world.nodes["b"], token)
        home = world.nodes["a"]
        await world.until(lambda: known(home, token), "heard")
        fact = home._facts.retention.completed(HistoryCut(tenant="main", day=DAY))
        world.cut.add("a")  # just now
        cut = await home._facts._state_all([fact], "somebody")
        if is_restarted:
            await world.kill("a")
            world.cut.add("a")
            await world.start("a")
            home = world.nodes["a"]
        for _ in range(5):
            await asyncio.wait([home._folds.next()], timeout=0.1)
        assert "main" not in home._live.cuts()
        assert home._live.applied[cut.origin] < cut.number
        world.cut.clear()
        later = await send(world, "a", "b2", 9)
        for node in world.nodes.values():
            await active(node, later)
        await world.until(
            lambda: all("main" in node._live.cuts() for node in world.nodes.values()), "it is made"
        )
        await world.equal()
        return [node._live.cuts()["main"].day for node in world.nodes.values()]

    assert world(work, "a", "b") == [DAY, DAY]


def known(node, token):
    return node.belonging.looks.views["b"].get(token.origin, 0) >= token.number


def test_no_cut_is_stated_while_nobody_is_heard(world, monkeypatch):
    monkeypatch.setattr(limits, "SECONDED_MS_MAX", 400)

    async def work(world):
        token = await send(world, "a", "b1", 1)
        home = world.nodes["a"]
        await world.until(lambda: known(home, token), "heard")
        world.cut.add("a")
        await world.until(lambda: home.belonging.looks.silent_ms > 400, "silence")
        with pytest.raises(ControlError, match="no other node was heard for"):
            await home.change(HistoryCut(tenant="main", day=DAY), "somebody")
        world.cut.clear()
        await world.until(lambda: home.belonging.looks.silent_ms < 200, "heard again")
        await home.change(HistoryCut(tenant="main", day=DAY), "somebody")
        await world.until(
            lambda: all("main" in node._live.cuts() for node in world.nodes.values()), "it is made"
        )

    world(work, "a", "b")
