"""A state that is not what its log comes to is found, named and put right, whether its node runs or not."""

import asyncio

import numpy as np
import pytest

from homeroom.errors import StoreError
from homeroom.log.control import MAIN
from homeroom.regions.steps import Apart
from homeroom.running.repairing import repair_directory
from homeroom.running.upkeep_requests import WorldAsked
from homeroom.state.table import ANY
from tests.running.nodes import batch, event, now_ms, on, running
from tests.running.worlds import active, send


def spoil(node, tenant=MAIN):
    """Have a learner active on another day too; return where, and who."""
    with node._live.held(tenant) as one:
        number, partition = next(
            (n, p) for n, p in enumerate(one.state.learners.partitions) if p.rows
        )
        words = partition.words[ANY].copy()
        words[0, 0] |= np.uint64(1) << np.uint64(59)
        partition.words[ANY] = words
        return (
            f"learners, shard {number}",
            f"{int(partition.key_hi[0]):016x}{int(partition.key_lo[0]):016x}",
        )


async def written(node, *numbers):
    sent = batch(None, *(event(number) for number in numbers))
    outcome = await node.offer(MAIN, "lms", sent)
    await node._folds.reached(outcome.token)


def print_of(node):
    return node.fingerprint()[1]


def test_damage_is_found_by_the_check_named_by_row_repaired_and_compared_equal_again(world):
    async def work(world):
        await send(world, "a", "b1", *range(9))
        await world.equal()
        place, key = spoil(world.nodes["b"])
        one, other = world.nodes["a"], world.nodes["b"]

        def apart():
            """Return where the two differ, as each of them sees it."""
            seen = {**one.belonging.alarms.apart(), **other.belonging.alarms.apart()}
            return [seen.get(name, Apart()) for name in "ba"]

        await world.until(lambda: all(each.shards == (place,) for each in apart()), "the shard")
        await world.until(lambda: all(each.rows == (key,) for each in apart()), "the row")
        counted = [node.status(MAIN).world.apart for node in world.nodes.values()]
        told = await one.upkeep.of_node(WorldAsked())
        found = await world.nodes["b"].upkeep.repair()
        await world.until(
            lambda: not any(node.troubles for node in world.nodes.values()), "nobody is alarmed"
        )
        await world.equal()
        return place, key, counted, told, found

    place, key, counted, told, found = world(work, "a", "b")
    assert counted == [{"b": 1}, {"a": 1}]
    assert [(one.node, one.shards, one.rows) for one in told.apart] == [("b", (place,), (key,))]
    assert "homeroom repair" in told.troubles[0]
    assert f"{place}: 1 row" in told.troubles[0]
    assert key not in told.troubles[0]
    (tenant,) = found.tenants
    assert [(one.place, one.rows, one.keys) for one in tenant.shards] == [(place, 1, (key,))]
    assert found.begun == "log"


def test_a_repair_finds_nothing_where_nothing_is_wrong(tmp_path):
    async def work(node):
        await written(node, *range(5))
        return await node.upkeep.repair()

    found = on(tmp_path, work)
    assert not found.was_wrong
    assert [(one.learners, one.events) for one in found.tenants] == [(5, 5)]
    again = repair_directory(tmp_path, now_ms)
    assert not again.was_wrong
    assert again.tenants == found.tenants


def test_a_snapshot_of_a_damaged_state_is_put_right_while_the_node_is_stopped(tmp_path):
    async def damage(node):
        await written(node, *range(9))
        right = print_of(node)
        return right, spoil(node)

    right, (place, key) = on(tmp_path, damage)  # the stop writes what is wrong
    assert on(tmp_path, _printed) != right
    found = repair_directory(tmp_path, now_ms)
    assert [(one.place, one.keys) for one in found.tenants[0].shards] == [(place, (key,))]
    assert on(tmp_path, _printed) == right
    assert not repair_directory(tmp_path, now_ms).was_wrong


async def _printed(node):
    return print_of(node)


def test_what_no_snapshot_can_be_read_of_is_made_anew_from_the_log(tmp_path):
    async def work(node):
        await written(node, *range(9))
        return print_of(node)

    right = on(tmp_path, work)
    for file in (tmp_path / "state").glob("*.tensors"):
        file.write_bytes(b"nothing")
    with pytest.raises(StoreError):
        on(tmp_path, _printed)
    found = repair_directory(tmp_path, now_ms)
    assert found.was_wrong
    assert found.troubles == ()
    assert on(tmp_path, _printed) == right


def test_a_node_that_runs_is_asked_to_do_it_itself_and_goes_on(tmp_path):
    async def work():
        async with running(tmp_path) as node:
            await written(node, *range(9))
            right = print_of(node)
            place, key = spoil(node)
            found = await asyncio.to_thread(repair_directory, tmp_path, now_ms)
            same = print_of(node) == right
            await written(node, 10)
            return place, key, found, same, node.troubles

    place, key, found, same, troubles = asyncio.run(work())
    assert [(one.place, one.keys) for one in found.tenants[0].shards] == [(place, (key,))]
    assert (same, troubles) == (True, ())


def test_a_log_that_has_forgotten_its_beginning_is_folded_from_the_snapshot_before_the_newest(
    tmp_path,
):
    async def begin(node):
        await written(node, *range(9))
        await asyncio.to_thread(node.saving.save)
        await written(node, 20)
        await asyncio.to_thread(node.saving.save)
        node._collecting.begin()
        await node._committer.done(lambda: None)

    async def damage(node):
        await written(node, 30)
        right = print_of(node)
        return right, len(node._store.begins()), spoil(node)

    on(tmp_path, begin)
    right, begins, (place, key) = on(tmp_path, damage)
    assert begins, "the log has forgotten something"
    found = repair_directory(tmp_path, now_ms)
    assert (found.begun, found.was_wrong) == ("snapshot", True)
    assert [(one.place, one.keys) for one in found.tenants[0].shards] == [(place, (key,))]
    assert on(tmp_path, _printed) == right


def test_what_is_asked_while_all_is_folded_anew_is_answered(world):
    async def work(world):
        token = await send(world, "a", "b1", 1, 2)
        await active(world.nodes["b"], token)
        repairing = asyncio.create_task(world.nodes["b"].upkeep.repair())
        found = await active(world.nodes["b"], token)
        await repairing
        return found == await active(world.nodes["b"], token)

    assert world(work, "a", "b")
