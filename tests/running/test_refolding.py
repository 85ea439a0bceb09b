"""What operators rule of entries is folded alike by all running nodes, and by all that start again."""

import asyncio

import pytest

from homeroom.adapters.directory import Manifest, Under
from homeroom.log.catalogue import IdKind, IdsRegistered
from homeroom.log.control import Change, TenantPut, write_changes
from homeroom.log.entries import Head, make_entry
from homeroom.log.erasures import erasure_of
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import pack
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.regions.stated import Stated
from homeroom.running.refolding import is_true
from tests.log.chains import sign
from tests.running.nodes import now_ms
from tests.running.worlds import active, send

YEAR_MS = 365 * 86_400_000


async def rule(world, node, ruling, **fields):
    """Have something ruled, also of entries that are not of the future: homes of earlier releases let that through."""
    token = await world.nodes[node]._facts._state_all([ruling(**fields)], "somebody")
    for one in world.nodes.values():
        await one._folds.reached(token)


async def sent_from_the_future(world, node, *numbers):
    """Have a node write with a clock that is a year ahead and then right again; return what must be ruled of.

    That is the token of the last entry, with the first and last number of those that are early.
    """
    one = world.nodes[node]
    life = one._committer.life.incarnation
    world.ahead_ms[node] = YEAR_MS
    token = await send(world, node, "future", *numbers)
    world.ahead_ms.clear()
    await world.until(lambda: one._committer.life.incarnation != life, "its clock is right")
    last = one._store.held()[token.origin]
    await world.until(
        lambda: all(n._store.held()[token.origin] == last for n in world.nodes.values()),
        "all hold it",
    )
    return token, {"origin": str(token.origin), "first": token.number, "last": last}


def learners(world):
    return {name: node.status("main").learners for name, node in world.nodes.items()}


def span(token):
    return {"origin": str(token.origin), "first": token.number, "last": token.number}


def told(node):
    """Return the entries that a node says are from the future."""
    return [(one.origin, one.first, one.last) for one in node.status("main").world.early]


def test_an_entry_of_the_future_counts_when_it_is_ruled_to(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        token, early = await sent_from_the_future(world, "b", 2, 3)
        before = learners(world)["a"]
        await world.until(lambda: told(world.nodes["a"]) == [tuple(early.values())], "it is told")
        await rule(world, "a", Restamped, hybrid=now_ms() << 16, **early)
        await active(world.nodes["a"], token)
        return before, learners(world)["a"]

    assert world(work, "a", "b") == (1, 3)


def test_an_entry_of_the_future_that_is_lost_counts_for_nothing_and_what_follows_goes_on(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        token, early = await sent_from_the_future(world, "b", 2, 3)
        await rule(world, "a", EntriesLost, **early)
        await world.nodes["a"]._folds.reached(token)
        after = await send(world, "b", "b3", 4)
        await active(world.nodes["a"], after)
        await world.equal()
        return learners(world)

    assert world(work, "a", "b") == {"a": 2, "b": 2}


def test_what_was_folded_and_is_lost_is_taken_out_everywhere(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2, 3)
        kept = await send(world, "c", "b2", 3, 4)
        await active(world.nodes["a"], lost, kept)
        await world.equal()
        await rule(world, "a", EntriesLost, **span(lost))
        await world.equal()
        found = learners(world)
        await rule(world, "a", Restamped, hybrid=now_ms() << 16, **span(lost))
        await world.equal()
        return found, learners(world), [one.troubles for one in world.nodes.values()]

    lost, again, troubles = world(work, "a", "b", "c")
    assert lost == dict.fromkeys("abc", 2)
    assert again == dict.fromkeys("abc", 4)
    assert troubles == [(), (), ()]


def test_a_batch_that_was_lost_counts_if_another_entry_has_it_too(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2)
        await active(world.nodes["a"], lost)
        again = await send(world, "a", "b2", 2)
        await rule(world, "a", EntriesLost, **span(lost))
        await active(world.nodes["b"], again)
        await world.equal()
        return learners(world)

    assert world(work, "a", "b") == {"a": 1, "b": 1}


def test_a_start_takes_no_snapshot_from_before_a_ruling(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2, 3)
        await active(world.nodes["a"], lost)
        await send(world, "a", "b2", 4)
        await world.equal()
        await asyncio.to_thread(world.nodes["b"].saving.save)
        await rule(world, "a", EntriesLost, **span(lost))
        await world.kill("b")  # before it could write what it has folded anew
        await world.start("b")
        await world.equal()
        return learners(world), world.nodes["b"].troubles, world.nodes["b"]._live.times_anew

    assert world(work, "a", "b") == ({"a": 1, "b": 1}, (), 0)


def test_a_log_forgets_nothing_for_a_snapshot_from_before_a_ruling(world):
    async def work(world):
        node = world.nodes["b"]

        async def forgettable(number):
            """Write a snapshot of something new; return up to which of the lost entry's origin the log may forget."""
            await active(node, await send(world, "b", f"b{number}", number))
            await asyncio.to_thread(node.saving.save)
            return node._collecting.snapshots[lost.origin]

        lost = await send(world, "b", "lost", 1, 2, 3)
        before = [await forgettable(number) for number in (4, 5)]
        await rule(world, "a", EntriesLost, **span(lost))
        await world.until(lambda: not node._live.is_in_doubt, "it is folded anew")
        return before, [await forgettable(number) for number in (6, 7)]

    before, after = world(work, "a", "b")
    assert before[1] > 0, "both snapshots have it"
    assert after[0] == 0, "one of them has what is lost by now"
    assert after[1] > before[1]


def test_questions_and_cohorts_are_answered_from_what_was_folded_anew(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2, 3)
        await active(world.nodes["a"], lost)
        await rule(world, "a", EntriesLost, **span(lost))
        after = await send(world, "b", "b3", 9)
        return await active(world.nodes["a"], after), await active(world.nodes["b"], after)

    one, other = world(work, "a", "b")
    assert one == other


def test_what_a_person_said_in_an_entry_that_is_lost_counts_nevertheless(world):
    async def work(world):
        first = await send(world, "b", "b1", *range(7))
        await active(world.nodes["a"], first)
        who = next(iter(world.nodes["a"]._live.read("main", keys_of)))
        erasure = erasure_of(bytes(16), now_ms(), [who])
        lost = (await world.nodes["b"]._facts.alone("erase", "main", erasure)).token
        for node in world.nodes.values():
            await active(node, lost)
        before = learners(world)
        await rule(world, "a", EntriesLost, **span(lost))
        await world.equal()
        return before, learners(world)

    before, after = world(work, "a", "b")
    assert before == after == {"a": 6, "b": 6}


def keys_of(state):
    return [
        (int(hi) << 64) | int(lo)
        for one in state.learners.partitions
        for hi, lo in zip(one.key_hi[: one.rows], one.key_lo[: one.rows], strict=True)
    ]


# --- under which facts a snapshot was made ---------------------------------------------------------------------------


HERE = Origin("b", "0" * 32, Stream.ANALYTIC)


def stated(*facts):
    found = Stated()
    head = Head()
    for stamp, fact in enumerate(facts, 1):
        payload = pack(write_changes([Change(fact=fact, author="x", at_ms=1)]))
        entry = make_entry(Origin("a", "1" * 32, Stream.CONTROL), head, (stamp, 0), payload, sign)
        found.take(entry)
        head = entry.head
    return found


def snapshot_of(known, named=0):
    under = Under(epoch=known.control.epoch, order=known.order.digest, named=named)
    return Manifest(load=1, applied={str(HERE): 5}, under=under)


LISTED = IdsRegistered(tenant="main", kind=IdKind.ATTRIBUTE, names=("platform",))


def lost(first):
    return EntriesLost(origin=str(HERE), first=first, last=9)


@pytest.mark.parametrize(
    ("named", "more", "is_still_true"),
    [
        (1, [], True),
        (1, [TenantPut(name="other")], True),
        (2, [TenantPut(name="other")], True),
        (2, [LISTED], False),  # an event in it names the epoch that this fact has
        (1, [LISTED], True),
        (1, [lost(6)], True),  # beyond what is in it
        (1, [lost(5)], False),
        (1, [lost(5), Restamped(origin=str(HERE), first=5, last=9, hybrid=1)], True),
        (1, [lost(5), Restamped(origin=str(HERE), first=6, last=9, hybrid=1)], False),
    ],
)
def test_a_snapshot_is_true_while_facts_go_on_from_those_that_it_was_made_under(
    named, more, is_still_true
):
    main = TenantPut(name="main")
    manifest = snapshot_of(stated(main), named)
    assert is_true(manifest, stated(main, *more)) == is_still_true


def test_a_snapshot_under_other_facts_or_of_a_state_in_doubt_is_not_true():
    first, other = TenantPut(name="main"), TenantPut(name="other")
    manifest = snapshot_of(stated(first, other))
    assert not is_true(manifest, stated(other, first))
    assert not is_true(manifest, stated(first))
    doubted = Manifest(load=1, applied={}, under=Under(epoch=1, order="", named=0))
    assert not is_true(doubted, stated(first))


def test_a_snapshot_of_before_rulings_is_true_as_long_as_nothing_is_lost():
    old = Manifest(load=1, applied={str(HERE): 5})
    assert is_true(old, stated(TenantPut(name="main"), lost(6)))
    assert not is_true(old, stated(TenantPut(name="main"), lost(4)))
