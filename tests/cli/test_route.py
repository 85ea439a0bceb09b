"""``homeroom route`` asks and orders a node that runs, and says in words what it hears."""

import asyncio

import pytest

from homeroom.adapters.haproxy import check_configuration, haproxy_program
from homeroom.cli import main, status
from tests.running.traffic_worlds import TrafficWorld


def test_routes_are_shown_explained_and_ordered(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")

    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "alpha", "bravo", "charlie") as world:
            await world.routes(lambda: all(map(world.is_calm, world.traffic)), "all are well")

            async def said(*words, expected=status.CLEAN):
                capsys.readouterr()
                data = str(tmp_path / "alpha")
                got = await asyncio.to_thread(main, ["route", words[0], data, *words[1:]])
                out = capsys.readouterr()
                assert got == expected, out
                return out.err if expected == status.FAILED else out.out

            shown = await said("table")
            assert "bravo      serving\n  bravo    well, load 0.00  http://127.0.0.1:" in shown
            told = await said("explain", "1,12", "--tenant", "main")
            assert told.startswith(
                "A client at 1,12 goes to bravo.\n\n1. bravo (x, 249 km): serving\n"
            )
            assert "goes to charlie." in await said("explain", "charlie")
            await rehearsed(world, said)
            await ordered(world, said)
            await undone(world, said)
            await refused(said)
            await written(said, tmp_path)

    asyncio.run(asyncio.wait_for(story(), 60))


async def rehearsed(world, said):
    for name, load in (("alpha", 0.4), ("bravo", 0.6), ("charlie", 0.1)):
        world.loads[name] = load
    await world.routes(
        lambda: (
            {n: one.load for n, one in world.traffic["alpha"].status().nodes.items()} == world.loads
        ),
        "loads are known",
    )
    told = await said("evacuate", "bravo", "--rehearse")
    assert told.splitlines() == [
        "Region bravo would be evacuated.",
        "  bravo: serving -> evacuated",
        "  alpha: 0.4 -> 0.8 busy nodes, of 1 node",
        "  bravo: 0.6 -> 0.0 busy nodes, of 1 node",
        "  charlie: 0.1 -> 0.2 busy nodes, of 1 node",
        "The rest can carry it.",
        "Nothing was changed.",
    ]
    assert set(world.states("alpha").values()) == {"serving"}
    world.loads["charlie"] = 0.8
    await world.routes(lambda: world.traffic["alpha"].status().nodes["charlie"].load == 0.8, "load")
    told = await said("drain", "bravo", "--region", "--rehearse", expected=status.WRONG)
    assert "The rest cannot carry all of it now." in told
    assert "bravo: the others have room for 0.5 of its 0.6 busy nodes now" in told
    world.loads.clear()
    await world.routes(lambda: world.traffic["alpha"].status().nodes["charlie"].load == 0, "load")


async def undone(world, said):
    told = await said("undrain", "bravo", "--region")
    nothing = (
        "Nothing was ordered of region bravo, and it is not away: there is nothing to\n  undo.\n"
    )
    assert told == nothing
    assert "(order 3)" not in await said("table"), "nor is it ordered now"
    assert await said("return", "bravo", "--rehearse") == nothing
    await said("drain", "alpha", "--node")
    told = await said("return", "bravo")
    assert told == nothing + "Orders:\n  drain node alpha (order 3)\n"
    assert "Node alpha is to be served again." in await said("undrain", "alpha", "--node")
    await world.routes(lambda: all(map(world.is_calm, world.traffic)), "alpha is back")


async def ordered(world, said):
    assert "Region bravo is to be drained." in await said("drain", "bravo", "--region")
    await world.routes(lambda: world.states("charlie")["bravo"] == "draining", "charlie knows")
    shown = await said("table")
    assert "it is to be drained (order 1)" in shown
    assert "drain region bravo (order 1)" in shown
    told = await said("undrain", "bravo", "--region")
    assert told.startswith("Region bravo is to be served again.\n")
    await world.routes(lambda: world.states("charlie")["bravo"] == "serving", "bravo is back")


async def refused(said):
    assert "say which with --region or --node" in await said(
        "drain", "bravo", expected=status.FAILED
    )
    message = await said("drain", "nobody", expected=status.FAILED)
    assert "there is no region or node 'nobody'; there are regions: alpha, bravo" in message
    assert "; nodes: " in message
    assert "there is no region 'mars'" in await said("explain", "mars", expected=status.FAILED)
    assert "is no place" in await said("explain", "99,12", expected=status.FAILED)
    assert "no tenant" in await said("explain", "bravo", "--tenant", "x", expected=status.FAILED)
    assert "no region" in await said("haproxy", "--near", "mars", expected=status.FAILED)
    assert "cannot be a name" in await said(
        "zone", "a b", "--server", "ns.x", expected=status.FAILED
    )


async def written(said, folder):
    zone = await said("zone", "learn.example.org", "--server", "ns1.example.org")
    assert "\nbravo IN A 127.0.0.1\n" in zone
    door = await said("haproxy", "--near", "bravo")
    assert "default_backend region_bravo" in door
    if haproxy_program() is not None:
        assert check_configuration(door) == ""
        target = folder / "door.cfg"
        await said("haproxy", "--near", "bravo", "--write", str(target))
        assert target.read_text() == door
        target.write_text("as it was")
        no_file = str(folder / "none.pem").replace(str(folder), "/nowhere")
        err = await said(
            "haproxy", "--certificate", no_file, "--write", str(target), expected=status.FAILED
        )
        assert "haproxy refuses it" in err
        assert target.read_text() == "as it was"


@pytest.mark.parametrize("words", [("table",), ("explain", "x"), ("haproxy",), ("drain", "x")])
def test_a_directory_on_which_no_node_runs_is_named(words, tmp_path, capsys):
    assert main(["route", words[0], str(tmp_path), *words[1:]]) == status.FAILED
    assert "no node runs on" in capsys.readouterr().err
