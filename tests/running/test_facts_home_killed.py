"""The home moves, and what takes part is killed at each step: what a start finds, and that asking again ends it."""

import asyncio
import shutil

import pytest

from homeroom.errors import HomeElsewhereError, HomeroomError
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.log.members import HomeMoved
from homeroom.log.origins import Stream
from tests.running.worlds import send

STEPS = ("asked", "written", "folded", "told")
"""What the new home has done of it when it ends, or when the former one does."""


def cohort(name):
    written = {"did": "any"}
    return DefinitionPut(tenant="main", kind=DefinitionKind.COHORT, name=name, written=written)


def move(node):
    return node.change(HomeMoved(node="b", term=0), "somebody")


def homes(world):
    return {name: node.control().members.home or "a" for name, node in world.nodes.items()}


def copied(world, name):
    """Have a copy of a node's directory as it is now."""
    copy = world.path / f"{name} as it was"
    shutil.copytree(
        world.path / name, copy, ignore=shutil.ignore_patterns("*.sock", "*.new", "*.part")
    )
    return copy


def copy_around_write(world, node, step):
    """Have the directory of the new home copied just before, or just after, what it states is durable."""
    write = node._store.write

    def copying(entries, records):
        is_move = any(one.origin.stream is Stream.CONTROL for one in entries)
        if is_move and step == "asked":
            copied(world, "b")
        write(entries, records)
        if is_move and step == "written":
            copied(world, "b")

    node._store.write = copying


async def ended(world, name):
    """Have a node end as it was when its directory was copied, and start again."""
    node = world.nodes.pop(name)
    world.cut.add(name)
    await node.stop()
    shutil.rmtree(world.path / name)
    (world.path / f"{name} as it was").rename(world.path / name)
    world.cut.discard(name)
    await world.start(name)


async def turn():
    """Return in the next turn of the loop."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(done.set_result, None)
    await done


async def moved(world):
    """Have all know that b is the home, and a fact that is stated there."""
    nodes = world.nodes
    await world.until(lambda: set(homes(world).values()) == {"b"}, "b is the home everywhere")
    await nodes["b"].change(cohort("late"), "somebody")
    with pytest.raises(HomeElsewhereError):
        await nodes["a"].change(cohort("never"), "somebody")
    await world.equal()
    found = [node.control().definitions("main", DefinitionKind.COHORT) for node in nodes.values()]
    assert all("late" in one and "never" not in one for one in found)
    assert [node.troubles for node in nodes.values()] == [()] * len(nodes)


@pytest.mark.parametrize("step", STEPS)
def test_the_new_home_is_killed(world, step):
    async def work(world):
        await send(world, "c", "c1", *range(9))
        await world.equal()
        node = world.nodes["b"]
        if step != "told":
            world.cut.add("b")  # nobody hears of it before the end
        copy_around_write(world, node, step)
        await move(node)
        if step == "told":
            await world.until(lambda: set(homes(world).values()) == {"b"}, "all know")
        if step in ("folded", "told"):
            copied(world, "b")
        await ended(world, "b")
        found = homes(world)["b"]
        world.cut.clear()
        # Whoever does not know how it ended asks again, and may do so where it had worked.
        await move(world.nodes["b"])
        await moved(world)
        return found

    found = world(work, "a", "b", "c")
    # Up to when it is durable nothing has happened; from then on a start finds that it has.
    assert found == ("a" if step == "asked" else "b")


@pytest.mark.parametrize("step", STEPS)
def test_without_asking_again_it_is_moved_as_soon_as_it_was_durable(world, step):
    async def work(world):
        node = world.nodes["b"]
        world.cut.add("b")
        copy_around_write(world, node, step)
        await move(node)
        if step in ("folded", "told"):
            copied(world, "b")
        await ended(world, "b")
        world.cut.clear()
        if step == "asked":
            await world.nodes["a"].change(cohort("at the former home"), "somebody")
            await world.equal()
            assert set(homes(world).values()) == {"a"}
        else:
            await moved(world)

    world(work, "a", "b", "c")


@pytest.mark.parametrize("step", ["before", "after"])
def test_the_former_home_is_killed_and_states_things_before_it_hears(world, step):
    async def work(world):
        if step == "before":
            await world.kill("a")
            await move(world.nodes["b"])
        else:
            world.cut.add("a")
            await move(world.nodes["b"])
            await world.kill("a")
        await world.nodes["b"].change(cohort("early"), "somebody")
        world.cut.add("a")
        await world.start("a")
        assert homes(world)["a"] == "a"
        stated = False
        try:
            await world.nodes["a"].change(cohort("never"), "somebody")
            stated = True
        except HomeroomError:  # it is not sure of its clock while it hears nobody
            pass
        world.cut.clear()
        await moved(world)
        names = world.nodes["c"].control().definitions("main", DefinitionKind.COHORT)
        return stated, sorted(names)

    stated, names = world(work, "a", "b", "c")
    assert names == ["early", "late"]
    assert stated


@pytest.mark.parametrize("at", range(3))
def test_whoever_asks_is_killed_and_the_node_ends_it_or_has_not_begun(world, at):
    async def work(world):
        asking = asyncio.create_task(move(world.nodes["b"]))
        for _ in range(at):
            await turn()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await move(world.nodes["b"])
        await moved(world)

    world(work, "a", "b", "c")
