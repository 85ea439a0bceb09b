"""Two homes that each removed the other by force: what each side says, and what a person does who puts it right."""

import asyncio
import shutil

from homeroom import limits
from homeroom.errors import HomeElsewhereError
from homeroom.log.members import HomeMoved, MemberFenced, MemberJoined, MemberLeft
from tests.running.test_courier import forgotten, renewed
from tests.running.worlds import active, send

KEYS = ("node.key", "pseudonym.key", "vault.key")


async def remove(node, name):
    await node.change(MemberFenced(node=name), "somebody")
    await node.change(MemberLeft(node=name, closed={}, forced="its region is gone"), "somebody")


async def part(world):
    """Cut the home off; it removes the others by force, and one of these, the home now, removes it."""
    world.cut.add("a")
    for name in "bc":
        await remove(world.nodes["a"], name)
    await world.nodes["b"].change(HomeMoved(node="b", term=0), "somebody")
    await remove(world.nodes["b"], "a")


async def forget(world, name, among):
    """Have a log forget what its side of the world holds."""
    node = world.nodes[name]
    for number in range(2):
        token = await send(world, name, None, 300 + number)
        for one in among:
            await active(world.nodes[one], token)
        await asyncio.to_thread(node.saving.save)

    def forgets():
        node._collecting.begin()
        return forgotten(node)

    await world.until(forgets, "the log forgets")


def homes(world):
    return {n: (one.control().members.home or "a") for n, one in sorted(world.nodes.items())}


def begin_anew(world, name):
    """Set a node's directory aside, and make an empty one with its keys."""
    place, aside = world.path / name, world.path / f"{name} aside"
    place.rename(aside)
    place.mkdir()
    for key in KEYS:
        shutil.copy(aside / key, place)


def test_of_two_sides_a_person_chooses_one_and_begins_the_other_anew(world, monkeypatch):
    monkeypatch.setattr(limits, "LEFT_STOP_MS", 0)

    async def work(world):
        before = await send(world, "a", "before", *range(9))
        for node in world.nodes.values():
            await active(node, before)
        await part(world)
        await send(world, "a", "alone", *range(40, 47))
        theirs = await send(world, "b", "theirs", *range(60, 65))
        await forget(world, "a", "a")
        for name in "bc":
            await forget(world, name, "bc")
        world.cut.clear()
        # Each side goes on by itself, with a home of its own, and takes nothing of the other.
        assert homes(world) == {"a": "a", "b": "b", "c": "b"}
        joined = MemberJoined(node="a", region="a", jurisdiction="x", key=world.key("a"))
        await world.nodes["b"].change(joined, "somebody")
        # Who is taken back on the one side hears of it as of strangers, on the other.
        old = world.nodes["a"]
        await world.until(
            lambda: any(
                "is no member" in one or "has left the world" in one for one in old.troubles
            ),
            "the other side is told of",
        )
        await world.stop("a")
        begin_anew(world, "a")
        world.names = [
            "b",
            "a",
            "c",
        ]  # the file of regions names the new home: else a would found a world
        await world.start("a")
        await renewed(world, "a")
        await world.equal()
        assert set(homes(world).values()) == {"b"}
        lacks = await active(world.nodes["a"], theirs)
        await send(world, "c", "alone", *range(40, 47))  # whoever sent it has it still
        again = await send(world, "a", "alone", *range(40, 47))
        await world.equal()
        whole = [await active(node, again) for node in world.nodes.values()]
        assert whole[0] == whole[1] == whole[2]
        assert whole[0] != lacks
        try:
            await remove(world.nodes["a"], "c")
        except HomeElsewhereError:
            pass
        else:
            raise AssertionError("the former home states nothing any more")
        await world.until(lambda: not any(n.troubles for n in world.nodes.values()), "all is well")

    world(work, "a", "b", "c")


def test_without_that_they_do_not_come_together(world, monkeypatch):
    monkeypatch.setattr(limits, "LEFT_STOP_MS", 0)

    async def work(world):
        await send(world, "a", "before", *range(9))
        await world.equal()
        await part(world)
        world.cut.clear()
        for here, there in (("b", "a"), ("a", "b")):
            joined = MemberJoined(node=there, region=there, jurisdiction="x", key=world.key(there))
            await world.nodes[here].change(joined, "somebody")
        old = world.nodes["a"]
        await world.until(
            lambda: any("c sends messages and" in one for one in old.troubles), "it is told"
        )
        await send(world, "b", "later", 70, 71)
        await world.until(lambda: world.shared("b") == world.shared("c"), "the others go on")
        return world.shared("a") == world.shared("b")

    assert not world(work, "a", "b", "c")
