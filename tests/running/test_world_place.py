"""Where a node stands in its world, by its settings; one that is wrong about itself does not start."""

import asyncio
import shutil
import sys

import pytest

from homeroom.adapters.nats_fabric import NatsFabric
from homeroom.adapters.signing import open_node_key
from homeroom.adapters.world_directory import make_world
from homeroom.cli import main, status
from homeroom.errors import ControlError, SettingsError
from homeroom.log.rulings import EntriesLost
from homeroom.regions.fabric import InProcess
from homeroom.running.world_place import fence, join, located, move_home, world_place
from homeroom.serve.settings import read_settings
from tests.nats_worlds import NOW_MS, planned
from tests.running.nodes import batch, event, on


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("world") / "w"
    make_world(path, planned(north=("ada",), south=("bob",)), 30_000, 1, NOW_MS)
    return path


def place_of(path, node, **environment):
    (file,) = path.glob(f"*/{node}/node.toml")
    return world_place(read_settings(file.read_text(), str(file), environment))


def test_a_node_without_a_file_of_regions_is_alone():
    assert world_place(read_settings("", "settings", {})) is None


def test_settings_of_a_made_world_say_where_each_node_stands(path):
    ada, bob = place_of(path, "ada"), place_of(path, "bob")
    assert (ada.region.name, ada.node) == ("north", "ada")
    assert (bob.region.name, bob.node) == ("south", "bob")
    assert ada.world == bob.world
    assert isinstance(ada.fabric, NatsFabric)
    assert not ada.fabric.state().is_connected


def test_a_node_of_a_world_of_one_needs_no_servers(tmp_path):
    make_world(tmp_path / "w", planned(north=("ada",)), 30_000, 1, NOW_MS)
    assert isinstance(place_of(tmp_path / "w", "ada").fabric, InProcess)


def test_a_name_that_is_not_in_the_file_is_refused(path):
    with pytest.raises(SettingsError, match="no such node; there are: ada, bob"):
        place_of(path, "ada", HOMEROOM_NODE_NAME="eve")


def test_a_node_is_where_the_file_of_regions_says_and_may_not_say_otherwise(path):
    def told(**environment):
        (file,) = path.glob("*/ada/node.toml")
        settings = read_settings(file.read_text(), str(file), environment)
        return located(settings, world_place(settings).world).node

    there = place_of(path, "ada").region
    assert (told().region, told().jurisdiction) == ("north", there.jurisdiction)
    with pytest.raises(SettingsError, match=r"node\.region is south, and .* says north of ada"):
        told(HOMEROOM_NODE_REGION="south")
    with pytest.raises(SettingsError, match=r"node\.jurisdiction is moon, and .* says"):
        told(HOMEROOM_NODE_JURISDICTION="moon")
    alone = read_settings("", "settings", {"HOMEROOM_NODE_REGION": "south"})
    assert located(alone, None) is alone


def test_a_certificate_must_be_there(path):
    without = {
        f"HOMEROOM_WORLD_{name}": "" for name in ("CERTIFICATE", "CERTIFICATE_KEY", "AUTHORITY")
    }
    with pytest.raises(SettingsError, match=r"world\.certificate is not set"):
        place_of(path, "ada", **without)


def test_what_is_not_installed_is_named(path, monkeypatch):
    monkeypatch.delitem(sys.modules, "homeroom.adapters.nats_fabric")
    monkeypatch.setitem(sys.modules, "nats.aio.client", None)
    with pytest.raises(SettingsError, match="pip install 'homeroom"):
        place_of(path, "ada")


def test_a_key_that_others_do_not_know_is_refused(path, tmp_path):
    ada = place_of(path, "ada")
    ada.check_key(open_node_key(path / "north" / "ada" / "data" / "node.key").public_text)
    with pytest.raises(SettingsError, match="no other node would believe it"):
        ada.check_key(open_node_key(tmp_path / "node.key").public_text)


def test_who_belongs_to_the_world_is_stated_by_the_home_that_runs(path, tmp_path, capsys):
    place = shutil.copytree(path, tmp_path / "w")

    async def work(node):
        def commands():
            assert main(["world", "join", str(place), "bob"]) == status.CLEAN
            assert main(["world", "fence", str(place), "bob"]) == status.FAILED
            told = capsys.readouterr().err
            assert "bob is the last node of jurisdiction south" in told
            leave = ["world", "fence", str(place), "bob", "--documents-leave"]
            assert main(leave) == status.CLEAN
            assert main(["world", "hold", str(place), "all"]) == status.CLEAN

        await asyncio.to_thread(commands)
        with pytest.raises(SettingsError, match="no node 'eve'; there are: ada, bob"):
            await asyncio.to_thread(join, place, "eve")
        return node.control().members

    members = on(place / "north" / "ada" / "data", work)
    known = place_of(place, "ada").world.members()
    assert members.nodes == {"bob": known["bob"]}
    assert set(members.vault_checks) == {"south"}
    assert list(members.fenced) == ["bob"]
    assert members.least == "all"
    said = capsys.readouterr().err
    assert "Nothing more is taken from bob." in said
    assert "yes to what every node has (all)" in said


def test_a_node_is_made_to_leave_but_the_last_of_a_jurisdiction_only_when_that_is_said(
    path, tmp_path, capsys
):
    place = shutil.copytree(path, tmp_path / "w")
    leave = ["world", "leave", str(place), "bob", "--wait", "0"]

    async def work(node):
        def commands():
            assert main(["world", "join", str(place), "bob"]) == status.CLEAN
            assert main(leave) == status.FAILED
            assert "bob is the last node of jurisdiction south" in capsys.readouterr().err
            assert not node.control().members.fenced
            leave.append("--documents-leave")
            assert main(leave) == status.CLEAN
            assert "bob belongs to the world no more." in capsys.readouterr().err
            assert main(leave) == status.CLEAN
            assert "bob has left the world already." in capsys.readouterr().err
            leave[3] = "eve"
            assert main(leave) == status.FAILED
            assert "there is no node 'eve'" in capsys.readouterr().err

        await asyncio.to_thread(commands)
        return node.control().members

    members = on(place / "north" / "ada" / "data", work)
    assert not members.nodes
    assert not members.forced


def test_operators_rule_of_entries_and_see_what_nodes_say(tmp_path, capsys):
    place = tmp_path / "w"
    make_world(place, planned(north=("ada",), south=("bob",)), 30_000, 1, NOW_MS)

    async def work(node):
        sent = [await node.offer("main", "key", batch(None, event(n))) for n in range(9)]
        origin = sent[-1].token.origin
        # A home of an earlier release let this through; what it ruled of may be ruled of again.
        before = EntriesLost(origin=str(origin), first=4, last=9)
        await node._folds.reached(await node._facts._state_all([before], "somebody"))

        def commands():
            words = ["world", "rule", str(place), str(origin)]
            assert main([*words, "5-9", "lost"]) == status.CLEAN
            assert main([*words, "7", "now"]) == status.CLEAN
            assert main([*words, "3-5", "lost"]) == status.FAILED
            assert main([*words, "some", "now"]) == status.FAILED
            assert main(["world", "home", str(place), "ada"]) == status.FAILED
            assert main(["world", "check", str(place)]) == status.CLEAN

        await asyncio.to_thread(commands)
        return node.control().members.rulings[origin]

    _, lost, counts = on(place / "north" / "ada" / "data", work)
    assert (lost.first, lost.last, lost.hybrid) == (5, 9, None)
    assert (counts.first, counts.last) == (7, 7)
    told = capsys.readouterr()
    assert "ok\tnorth/ada\truns; the home is node" in told.out
    assert "'some' is no number of an entry" in told.err
    assert "entry 3 of" in told.err
    assert "nobody rules on it" in told.err
    assert "'ada' is no node of a world" in told.err
    with pytest.raises(ControlError, match="bob does not run"):
        move_home(place, "bob")


@pytest.mark.parametrize("act", [join, fence])
def test_nothing_is_stated_where_the_home_does_not_run(path, act):
    with pytest.raises(ControlError, match="ada does not run"):
        act(path, "bob")
    assert not (path / "north" / "ada" / "data" / "log").exists()
