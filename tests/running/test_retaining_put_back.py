"""A node that is put back to an old copy of its directory comes to what all others have."""

import asyncio
import datetime as dt
import shutil

from homeroom.log.cuts import HistoryCut
from homeroom.state.zones import day_of_date
from tests.running.nodes import question
from tests.running.worlds import RunningWorld, send

DAY = day_of_date(dt.date(2024, 3, 11))


def all_hold(world, token):
    """Say whether the home has folded an entry, and heard that all others hold it."""
    home = world.nodes["a"]
    known = [home._live.applied, *home.belonging.looks.views.values()]
    return all(one.get(token.origin, 0) >= token.number for one in known)


def collapsed(world):
    """Return by node which lives nobody names any more."""
    return {
        name: {o.incarnation for o in node.control().members.collapsed}
        for name, node in world.nodes.items()
    }


def test_what_a_cut_covers_is_fetched_though_its_life_has_collapsed_since(tmp_path, monkeypatch):
    async def work():
        async with RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch) as world:
            await world.equal()
            await world.stop("b")
            shutil.copytree(tmp_path / "b", tmp_path / "copy")
            await world.start("b")
            gone = await send(world, "c", "c1", 1, 2)
            await world.until(lambda: all_hold(world, gone), "the home has heard that all hold it")
            await world.nodes["a"].change(HistoryCut(tenant="main", day=DAY), "somebody")
            covered = world.nodes["a"].control().cuts["main"].vector
            assert covered[gone.origin] >= gone.number
            await world.stop("c")
            await world.start("c")
            await world.until(
                lambda: all(gone.origin.incarnation in of for of in collapsed(world).values()),
                "the life of those entries has collapsed",
            )
            await world.stop("b")
            shutil.rmtree(tmp_path / "b")
            (tmp_path / "copy").rename(tmp_path / "b")
            await world.start("b")
            b = world.nodes["b"]
            await world.until(lambda: "main" in b._live.cuts(), "it makes the cut")
            await world.equal_as_counted()
            asked = [
                await one.ask("main", question("active"), None) for one in world.nodes.values()
            ]
            return [one.answer.day.to_json() for one in asked]

    found = asyncio.run(work())
    assert found == [found[0]] * 3
