"""Events that stay in a jurisdiction: at all of its nodes, at no other, whatever happens to them."""

import asyncio
from functools import partial

import pytest

from homeroom.errors import TenantElsewhereError
from homeroom.log.control import TenantPut
from homeroom.log.log import Accepted, Refused
from homeroom.log.members import MemberJoined
from homeroom.log.origins import Stream
from homeroom.log.payloads import unpack
from homeroom.log.redacting import redacted_parts
from homeroom.regions.steps import Level
from tests.running.erasures import ADA, BOB, events_of, register_of
from tests.running.nodes import batch, question
from tests.running.test_courier import forget, renewed
from tests.running.test_repairing import spoil
from tests.running.worlds import RunningWorld, a_batch, active, send

LAWS = {"a": "us", "b": "eu", "c": "eu", "d": "eu", "e": "br"}
"""A home elsewhere, and nodes of one jurisdiction; the last two join in some tests."""
ACME = TenantPut(name="acme", jurisdiction="eu", pins_events=True)


@pytest.fixture
def world(world):
    """Run something in a world of nodes of two jurisdictions."""
    return partial(world, laws=LAWS)


async def begin(world, *names):
    """State the tenant, of which only nodes of its jurisdiction have the key beside the home."""
    for name in names:
        world.copy_key("acme", name)
    await world.nodes["a"].change(ACME, "somebody")
    await known(world, *names)


async def known(world, *names):
    doors = [world.nodes[name]._tenant_doors for name in names]
    await world.until(lambda: all(one.is_open("acme") for one in doors), "acme is known")


async def take(world, name, batch_id, *numbers):
    """Have a node take events of the tenant; return the token."""
    outcome = await world.nodes[name].offer("acme", "key", a_batch(batch_id, *numbers))
    assert isinstance(outcome, Accepted), outcome
    return outcome.token


async def days(node, *tokens):
    """Return an answer of the tenant that is after all these entries."""
    for token in tokens:
        found = await node.ask("acme", question("active"), token)
    return found.answer.day.to_json()


def pinned(node):
    """Return what a node holds of such events, by the node that wrote them."""
    held = node._store.held().items()
    return {o.node: n for o, n in held if o.stream is Stream.PINNED}


def is_found(world, name, what):
    """Say whether a file below a node's directory has some bytes."""
    files = [one for one in (world.path / name).rglob("*") if one.is_file()]
    return any(what in one.read_bytes() for one in files)


def is_nowhere(world, name):
    """Say whether nothing that a node keeps, or says of itself, names an origin of such events."""
    said = repr((world.nodes[name].status("main"), world.nodes[name]._store.held()))
    return "/pinned" not in said and not is_found(world, name, b"/pinned")


def test_events_are_at_all_nodes_of_their_jurisdiction_and_at_no_other(world):
    async def work(world):
        await begin(world, "b", "c")
        tokens = [await take(world, name, name, *range(ord(name), ord(name) + 9)) for name in "bc"]
        shared = await send(world, "b", "shared", 1, 2)
        found = [await days(world.nodes[name], *tokens) for name in "bc"]
        everywhere = [await active(node, shared) for node in world.nodes.values()]
        await world.equal()
        with pytest.raises(TenantElsewhereError, match="stay in another jurisdiction") as error:
            await world.nodes["a"].ask("acme", question("active"), None)
        refused = await world.nodes["a"].offer("acme", "key", a_batch("a1", 1))
        return (
            found[0] == found[1],
            everywhere[0] == everywhere[1] == everywhere[2],
            [pinned(world.nodes[name]) for name in "abc"],
            error.value.regions,
            type(refused),
            is_nowhere(world, "a"),
            [node.troubles for node in world.nodes.values()],
        )

    told = world(work, "a", "b", "c")
    assert told[:2] == (True, True)
    assert told[2] == [{}, {"b": 1, "c": 1}, {"b": 1, "c": 1}]
    assert told[3:] == (("b", "c"), Refused, True, [(), (), ()])


def test_their_nodes_compare_what_they_have_folded_and_the_others_hear_nothing_of_it(world):
    async def work(world):
        await begin(world, "b", "c")
        await take(world, "b", "b1", *range(9))
        counted = {name: world.nodes[name].belonging.member.agreement for name in world.nodes}
        await world.until(
            lambda: all(counted[n].pinned_comparisons > 1 for n in "bc"), "events are compared"
        )
        before = counted["a"].comparisons
        await world.until(lambda: counted["a"].comparisons > before, "all are compared")
        return counted["a"].pinned_comparisons, [n.troubles for n in world.nodes.values()]

    assert world(work, "a", "b", "c") == (0, [(), (), ()])


def test_nodes_that_have_come_to_other_states_of_them_say_so(world):
    async def work(world):
        await begin(world, "b", "c")
        token = await take(world, "b", "b1", *range(9))
        await days(world.nodes["c"], token)
        spoil(world.nodes["c"], "acme")
        nodes = world.nodes.values()
        told = [world.nodes[name] for name in "bc"]
        await world.until(
            lambda: all(any("pinned events" in why for why in one.troubles) for one in told), "told"
        )
        elsewhere = world.nodes["a"].troubles
        await world.nodes["c"].upkeep.repair()
        await world.until(lambda: not any(one.troubles for one in nodes), "it is over")
        return elsewhere

    assert world(work, "a", "b", "c") == ()


def test_a_batch_waits_for_regions_of_the_jurisdiction_alone(world):
    async def work(world):
        await begin(world, "b", "c")
        world.cut.add("a")
        node = world.nodes["b"]
        _, level = await node.offer_held("acme", "key", a_batch("b1", 1), Level.ALL)
        world.cut.add("c")
        _, alone = await node.offer_held("acme", "key", a_batch("b2", 2), Level.REMOTE)
        return level, alone

    assert world(work, "a", "b", "c") == (Level.ALL, Level.LOCAL)


def test_a_start_and_a_fold_anew_come_to_the_same(world):
    async def work(world):
        await begin(world, "b", "c")
        token = await take(world, "b", "b1", *range(9))
        await days(world.nodes["c"], token)
        await asyncio.to_thread(world.nodes["b"].saving.save)
        await world.kill("b")
        await world.kill("c")
        await world.start("b", "c")
        await known(world, "b", "c")
        more = await take(world, "c", "c1", 30, 31)
        found = [await days(world.nodes[name], token, more) for name in "bc"]
        live = world.nodes["b"]._live
        before = live.fingerprint()
        await asyncio.to_thread(live.fold_anew)
        after = live.fingerprint()
        return found[0] == found[1], before.pinned == after.pinned != ""

    assert world(work, "a", "b", "c") == (True, True)


def test_nodes_that_join_late_have_them_if_they_are_of_the_jurisdiction(world):
    async def work(world):
        await begin(world, "b", "c")
        token = await take(world, "b", "b1", *range(9))
        await days(world.nodes["c"], token)
        await forget(world, "a", "b", "c")
        world.copy_key("acme", "b")
        for name in "de":
            world.prepare(name)
            fact = MemberJoined(
                node=name, region=name, jurisdiction=LAWS[name], key=world.key(name)
            )
            await world.nodes["a"].change(fact, "somebody")
        world.copy_key("acme", "d")
        await world.start("d", "e")
        for name in "de":
            await renewed(world, name)
        await known(world, "d")
        found = [await days(world.nodes[name], token) for name in "bd"]
        with pytest.raises(TenantElsewhereError):
            await world.nodes["e"].ask("acme", question("active"), None)
        return (
            found[0] == found[1],
            [pinned(world.nodes[name]) for name in "de"],
            is_nowhere(world, "e"),
            [world.nodes[name].troubles for name in "de"],
        )

    assert world(work, "a", "b", "c") == (True, [{"b": 1}, {}], True, [(), ()])


def has_any(node, keys):
    """Say whether a log has anything of somebody in what stays in the jurisdiction."""
    erased = {"acme": frozenset((key >> 64, key & (1 << 64) - 1) for key in keys)}
    store = node._store
    return any(
        redacted_parts(unpack(entry.payload).content, erased) is not None
        for origin, number in store.held().items()
        if origin.stream is Stream.PINNED
        for entry in store.read(origin, 1, number)
    )


def test_who_is_erased_is_erased_at_these_nodes_and_nobody_else_is_told(tmp_path, monkeypatch):
    async def work():
        world = RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch, laws=LAWS)
        await world.start("a", "c")
        await world.start("b", erasure_register=register_of(tmp_path))
        await world.known("main")
        try:
            await begin(world, "b", "c")
            node, nodes = world.nodes["b"], [world.nodes["b"], world.nodes["c"]]
            some = batch("b1", *events_of(ADA, 1, 5), *events_of(BOB, 50, 5))
            token = (await node.offer("acme", "key", some)).token
            await days(world.nodes["c"], token)
            keys = node.erasures.raw_keys("acme", [ADA])
            assert all(has_any(one, keys) for one in nodes)
            await node.erasures.erase("acme", keys, "a test")
            await world.until(
                lambda: not any(has_any(one, keys) for one in nodes), "logs are clean"
            )
            for one in nodes:
                await one.erasures.settled()
            await world.equal()
            assert [one.status("acme").learners for one in nodes] == [1, 1]
            assert f"{keys[0]:032x}" not in repr(world.nodes["a"]._live.erased())
            assert not is_found(world, "a", keys[0].to_bytes(16, "big"))
            assert [one.troubles for one in world.nodes.values()] == [(), (), ()]
        finally:
            await world.stop()

    asyncio.run(work())
