"""Documents of an open tenant whose learners live elsewhere: they get home, once, and nobody reads them before."""

import asyncio
import json
from functools import partial

import pytest

from homeroom.adapters.vault.fingerprint import fingerprint_of
from homeroom.cli import main
from homeroom.log.homes import HomesPut
from homeroom.log.payloads import unpack
from homeroom.records.store import Holding, Refusal, Sent
from homeroom.records.versions import Version
from tests.running.erasures import ADA, BOB, erase, person, record, register_of, statement
from tests.running.worlds import RunningWorld
from tests.serve.xapi.store import WRITE, caller

LAWS = {"a": "us", "b": "eu", "c": "eu", "d": "br"}
"""A home of the world, two nodes of the home of learners, and one that is neither."""
SECRET = "an answer of ada-account"


@pytest.fixture
def world(world):
    """Run something in a world of nodes of three jurisdictions."""
    return partial(world, laws=LAWS)


async def home_is(world, law, *accounts):
    """State that these accounts have their home in a jurisdiction, and wait until all nodes know it."""
    node = world.nodes[world.names[0]]
    keys = node.erasures.raw_keys("main", accounts)
    learners = {f"{key:032x}": law for key in keys}
    await node.change(HomesPut(tenant="main", learners=learners), "test")
    await world.equal()


async def keep(world, name, number, actor=ADA, status=200, **given):
    answer = await record(
        world.nodes[name], "POST", "statements", json=statement(actor, number), **given
    )
    assert answer.status_code == status, answer.text
    return answer


def identifier(number):
    return statement(ADA, number)["id"]


async def found(world, name, number):
    params = {"statementId": identifier(number)}
    return await record(world.nodes[name], "GET", "statements", params=params)


def sealed(world, name):
    """Return the entries in a node's log that were sealed for another jurisdiction, and by whom."""
    store = world.nodes[name]._store
    return [
        entry
        for origin, number in store.held().items()
        if origin.stream.home
        for entry in store.read(origin, 1, number)
    ]


async def there(world, number, *names):
    """Wait until some nodes show a statement."""

    async def shows(name):
        return (await found(world, name, number)).status_code == 200

    for _ in range(60):
        if all([await shows(name) for name in names]):
            return
        await asyncio.wait([world.nodes[name]._folds.next() for name in names], timeout=0.1)
    raise AssertionError((number, {name: one.troubles for name, one in world.nodes.items()}))


def readable(world, name):
    """Return all bytes in a node's directory and what its log holds, unpacked."""
    path = world.path / name
    files = b"".join(one.read_bytes() for one in path.rglob("*") if one.is_file())
    return files + b"".join(unpack(entry.payload).content for entry in sealed(world, name))


def test_a_statement_goes_home_and_is_counted_everywhere_and_read_there_alone(world):
    async def work(world):
        await home_is(world, "eu", ADA)
        await keep(world, "a", 1)
        await keep(world, "a", 2, BOB)
        await there(world, 1, "b", "c")
        await world.equal()
        told = {name: (await found(world, name, 1)).status_code for name in "abcd"}
        where = (await found(world, "a", 1)).json()["regions"]
        shown = (await found(world, "b", 1)).json()
        prints = {fingerprint_of(world.nodes[name]._recorder._reader) for name in "bc"}
        counted = [node.status("main").events for node in world.nodes.values()]
        origins = {name: len(sealed(world, name)) for name in "abcd"}
        troubles = [node.troubles for node in world.nodes.values()]
        kept = SECRET.encode() in readable(world, "a"), b"Lovelace" in readable(world, "a")
        return told, where, shown, prints, counted, origins, troubles, kept

    told, where, shown, prints, counted, origins, troubles, kept = world(work, *"abcd")
    assert told == {"a": 421, "b": 200, "c": 200, "d": 404}
    assert where == ["b", "c"]
    wanted = statement(ADA, 1)
    assert {name: shown[name] for name in wanted} == wanted
    assert len(prints) == 1
    assert counted == [2] * 4
    assert origins == {"a": 1, "b": 1, "c": 1, "d": 0}
    assert troubles == [()] * 4
    assert kept == (False, False)


@pytest.mark.slow
def test_it_waits_while_the_home_is_away_and_comes_once_after_a_crash_of_both(world):
    async def work(world):
        await home_is(world, "eu", ADA)
        world.cut.update("bc")
        await keep(world, "a", 1)
        await keep(world, "a", 1)
        await world.kill("a")
        (world.path / "a" / "documents.db").unlink()
        await world.start("a")
        world.cut.update("bc")
        await keep(world, "a", 1)
        await keep(world, "a", 2)
        before = (await found(world, "b", 1)).status_code
        await world.kill("b")
        (world.path / "b" / "documents.db").unlink()
        await world.start("b")
        world.cut.clear()
        await there(world, 2, "b", "c")
        await there(world, 1, "b", "c")
        await world.equal()
        prints = {fingerprint_of(world.nodes[name]._recorder._reader) for name in "bc"}
        counted = [node.status("main").events for node in world.nodes.values()]
        return before, len(prints), counted, [len(sealed(world, name)) for name in "abc"]

    before, prints, counted, entries = world(work, *"abc")
    assert (before, prints, counted) == (404, 1, [2] * 3)
    assert entries == [2] * 3


@pytest.mark.slow
def test_who_waits_for_another_region_hears_yes_when_the_home_has_it(world):
    async def work(world):
        async def offer(number, actor, asked):
            sent = Sent([statement(actor, number)], {}, Version.ONE)
            who = caller(WRITE)
            return await world.nodes["a"].records.accept(sent, who, Holding(asked))

        await home_is(world, "eu", ADA)
        remote = await offer(1, ADA, "remote")
        # Bob's goes nowhere: no other region is under the law of this one.
        alone = await offer(2, BOB, "remote")
        every = await offer(3, ADA, "all")
        world.cut.update("bc")
        late = await offer(4, ADA, "remote")
        world.cut.clear()
        again = await offer(4, ADA, "remote")
        return [(one.held, one.lacks) for one in (remote, every, late, again)], alone.refusal

    held, alone = world(work, *"abc")
    assert [one[0] == "local" for one in held] == [False, False, True, False]
    assert [one[1] for one in held] == ["", "", "remote", ""]
    assert alone is Refusal.UNATTAINABLE


def test_who_is_erased_is_taken_out_of_what_waits_for_the_home(tmp_path, monkeypatch):
    async def work(world):
        await home_is(world, "eu", ADA, BOB)
        world.cut.update("bc")
        await keep(world, "a", 1)
        await keep(world, "a", 2, BOB)
        before = [len(unpack(one.payload).content) for one in sealed(world, "a")]
        await erase(world.nodes["a"], ADA)
        await world.nodes["a"].erasures.settled()
        after = [len(unpack(one.payload).content) for one in sealed(world, "a")]
        refused = (await keep(world, "a", 3, status=403)).json()
        world.cut.clear()
        await there(world, 2, "b", "c")
        await world.equal()
        for name in "bc":
            await world.nodes[name].erasures.settled()
        told = [(await found(world, name, 1)).status_code for name in "bc"]
        prints = {fingerprint_of(world.nodes[name]._recorder._reader) for name in "bc"}
        return before, after, refused, told, prints, [n.troubles for n in world.nodes.values()]

    async def whole():
        world = RunningWorld(tmp_path, *"abc", monkeypatch=monkeypatch, laws=LAWS)
        await world.start("b", "c")
        await world.start("a", erasure_register=register_of(tmp_path))
        await world.known("main")
        try:
            return await work(world)
        finally:
            await world.stop()

    before, after, refused, told, prints, troubles = asyncio.run(whole())
    assert after[0] < before[0]
    assert after[1:] == before[1:]
    assert "erased" in refused["detail"]
    assert (told, len(prints)) == ([404] * 2, 1)
    assert troubles == [()] * 3


@pytest.mark.slow
def test_documents_of_who_lives_elsewhere_are_asked_for_there(world):
    async def work(world):
        await home_is(world, "eu", ADA)
        params = {
            "agent": json.dumps(person(ADA)),
            "activityId": "https://lms.example/a",
            "stateId": "s",
        }
        told = []
        for name in "ab":
            node = world.nodes[name]
            path = "activities/state"
            told.append((await record(node, "PUT", path, params=params, content=b"1")).status_code)
            told.append((await record(node, "GET", path, params=params)).status_code)
        params["agent"] = json.dumps(person(BOB))
        other = await record(
            world.nodes["a"], "PUT", "activities/state", params=params, content=b"1"
        )
        return told, other.status_code

    assert world(work, *"abc") == ([421, 421, 204, 200], 204)


@pytest.mark.slow
def test_a_command_says_where_learners_live_shows_it_and_takes_it_back(world, capsys):
    async def work(world):
        async def ran(*words):
            given = ["tenant", *words, "--data", str(world.path / "a")]
            assert await asyncio.to_thread(main, given) == 0
            return capsys.readouterr().out

        key = "0f" * 16
        said = ("--issuer", "https://a?b=c=eu", "--learner", f"{key}=us", "--default", "eu")
        await ran("homes", "main", *said)
        shown = await ran("homes", "main")
        await ran("pin", "main", "--jurisdiction", "us")
        pinned = await ran("homes", "main"), world.nodes["a"].control().homes_of("main")
        await ran("homes", "main", "--nobody")
        return shown, pinned, await ran("homes", "main")

    shown, pinned, none = world(work, *"abc")
    assert shown == f"default\teu\nhttps://a?b=c\teu\n{'0f' * 16}\tus\n"
    assert (pinned, none) == ((shown, None), "nobody\n")
