"""A node whose learners are in shards answers as one that has them all, and says what it does not do."""

import asyncio
import json
import shutil
from contextlib import contextmanager

import pytest

from homeroom.cohorts.live import Shows
from homeroom.errors import (
    ControlError,
    DataDirectoryError,
    NotInShardsError,
    SettingsError,
    ShardsAwayError,
)
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.log.cuts import HistoryKept
from homeroom.log.webhooks import WebhookCreated
from homeroom.running.node import RunningNode
from homeroom.running.sharding.heading import place_of
from homeroom.running.sharding.options import ShardOptions
from homeroom.scaling.engine import Missing
from tests.running.nodes import batch, on, options
from tests.running.sharding.regions import QUESTIONS, Threads, drawn, write_log
from tests.running.sharding.same import same

EVENTS = drawn(900, 60)


class Placed(Threads):
    """Threads whose shards have their places in the data directory, as those of Ray have."""

    def __init__(self, data, *names):
        super().__init__(data, data, *names)
        self.data = data

    def place(self, slots):
        return place_of(self.data, slots)


@contextmanager
def placed(data, *names):
    cluster = Placed(data, *names)
    yield cluster
    assert all(not one.is_running for one in cluster.workers), "shards end with their node"


def shards(count=3, **fields):
    return ShardOptions(count=count, cluster=placed, **fields)


async def there(node, count=3):
    """Wait until all shards are there."""
    async with asyncio.timeout(60):
        while len(node._shards.engine.present) < count:
            await asyncio.to_thread(node._shards.engine.is_to_be_mended.wait, 0.02)


async def asked(node, name, shows=Shows.REGISTERED):
    return (await node.ask("main", QUESTIONS[name], None, shows)).answer


async def sent(node, events, size=150):
    for start in range(0, len(events), size):
        some = events[start : start + size]
        told = await node.offer("main", "key", batch("b" + some[0]["id"], *some))
        assert json.loads(told.answer)["accepted"] == len(some), told
    await node._folds.covers(node._store.held(), 5_000)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("log")
    write_log(path, EVENTS)
    return path


@pytest.fixture
def data(log, tmp_path):
    return shutil.copytree(log, tmp_path / "data")


def of_one_state(path, names, shows=Shows.REGISTERED):
    async def ask(node):
        return {name: (await asked(node, name, shows)).figures() for name in names}

    return on(path, ask)


@pytest.mark.parametrize("shows", Shows)
def test_all_kinds_of_questions_are_answered_as_by_a_node_without_shards(data, tmp_path, shows):
    expected = of_one_state(shutil.copytree(data, tmp_path / "other"), QUESTIONS, shows)

    async def ask(node):
        await there(node)
        for name, figures in expected.items():
            assert same((await asked(node, name, shows)).figures(), figures), name
        assert node.status("main").learners > 40

    on(data, ask, shards=shards())


def test_events_are_taken_while_shards_answer_and_a_restart_goes_on(tmp_path):
    async def begin(node):
        await there(node)
        await sent(node, EVENTS[:450])
        assert (await asked(node, "triangle")).source.learners > 40
        return node._shards.engine.journal.life, node._shards.engine.journal.last

    async def go_on(node):
        await there(node)
        journal = node._shards.engine.journal
        begun = [worker.begun for worker in node._shards._cluster.workers]
        await sent(node, EVENTS[450:])
        found = {name: (await asked(node, name)).figures() for name in QUESTIONS}
        return journal.life, begun, found

    life, last = on(tmp_path / "a", begin, shards=shards())
    again, begun, found = on(tmp_path / "a", go_on, shards=shards())
    assert again == life
    assert begun == [last] * 3
    for name, figures in of_one_state(tmp_path / "a", QUESTIONS).items():
        assert same(found[name], figures), name
    assert not (tmp_path / "a" / "shards").exists()


@pytest.mark.parametrize("saved", ["never", "before", "in the middle"])
def test_a_node_that_was_killed_goes_on_with_what_is_on_the_disk(tmp_path, saved):
    """What lay on the disk at some moment is what a start after a crash finds."""

    async def begin(node):
        await there(node)
        if saved == "before":
            await node.save()
        await sent(node, EVENTS[:450])
        if saved == "in the middle":
            await node.save()
        await sent(node, EVENTS[450:])
        shutil.copytree(tmp_path / "a", tmp_path / "b", ignore=lambda *_: {"control.sock"})

    async def go_on(node):
        await there(node)
        return {name: (await asked(node, name)).figures() for name in QUESTIONS}

    on(tmp_path / "a", begin, shards=shards())
    (tmp_path / "b" / "pseudonym.key").chmod(0o600)
    found = on(tmp_path / "b", go_on, shards=shards())
    for name, figures in of_one_state(tmp_path / "a", QUESTIONS).items():
        assert same(found[name], figures), name


def test_a_journal_that_is_damaged_costs_time_alone(data):
    async def ask(node):
        await there(node)
        return node._shards.engine.journal.life, (await asked(node, "paths")).figures()

    life, figures = on(data, ask, shards=shards())
    journal = data / "shards" / "journal"
    journal.write_bytes(b"{}" + journal.read_bytes())
    again, found = on(data, ask, shards=shards())
    assert again != life
    assert same(found, figures)


def test_a_shard_that_is_lost_comes_back_by_itself(data):
    async def lose(node):
        await there(node)
        before = (await asked(node, "triangle")).figures()
        node._shards._keeper._cluster.is_full = True
        await asyncio.to_thread(node._shards.engine.lose, 1, "its process was killed")
        with pytest.raises(ShardsAwayError, match="shard 1"):
            await asked(node, "triangle")
        assert "shard 1 of 3 is away" in " ".join(node.troubles)
        assert node.status("main").shards.away.keys() == {1}
        node._shards._keeper._cluster.is_full = False
        await there(node)
        assert same((await asked(node, "triangle")).figures(), before)
        assert not node.troubles

    on(data, lose, shards=shards())


def test_an_answer_without_a_shard_says_so_where_it_is_wanted(data):
    async def lose(node):
        await there(node)
        node._shards._keeper._cluster.is_full = True
        await asyncio.to_thread(node._shards.engine.lose, 1, "its process was killed")
        told = await node.ask("main", QUESTIONS["triangle"], None)
        assert not told.is_complete
        assert "learners of 1 of 3 shards are not in this answer" in told.answer.notes[0]

    on(data, lose, shards=shards(missing=Missing.MARKED))


def test_a_definition_that_is_newer_than_snapshots_is_the_same_in_all(data):
    put = DefinitionPut(
        tenant="main",
        kind=DefinitionKind.COHORT,
        name="recent",
        written={"did": "any", "within": "10d"},
    )

    async def state(node):
        await there(node)
        await node.save()
        await node.change(put, "somebody")
        node._shards.engine.lose(1, "gone")
        await there(node)
        await asked(node, "triangle")
        return node.control().epoch, [
            worker.shard._live.control.epoch for worker in node._shards.engine.present.values()
        ]

    epoch, others = on(data, state, shards=shards())
    assert others == [epoch] * 3


def test_what_shards_do_not_do_is_refused(data):
    async def refuse(node):
        for call in (
            node.cohorts("main", None),
            node.conflicts("main", 3),
            node.persons.archive("main", 5),
            node.persons.compliance("main", None),
        ):
            with pytest.raises(NotInShardsError, match="in shards"):
                await call
        with pytest.raises(NotInShardsError):
            node.changes("main", 0, 5, None)
        for fact in (
            WebhookCreated(tenant="main", id="a" * 8, url="https://x.example/", secret="s"),
            HistoryKept(tenant="main", days=90),
        ):
            with pytest.raises(ControlError, match="in shards"):
                await node.change(fact, "somebody")
        with pytest.raises(NotInShardsError, match="remove that"):
            await node.upkeep.repair()
        with pytest.raises(ControlError, match="no register"):
            await node.erasures.erase("main", [5], "somebody")

    on(data, refuse, shards=shards())


def test_settings_that_do_not_go_together_are_refused_at_the_start(data, tmp_path):
    with pytest.raises(SettingsError, match="erasure_register"):
        asyncio.run(
            RunningNode.open(data, options(shards=shards(), erasure_register=tmp_path / "register"))
        )


def test_a_directory_into_which_files_were_loaded_is_refused(tmp_path):
    from homeroom.analyzer import load

    source = tmp_path / "events.csv"
    source.write_text("account,verb,time\na,read,2024-03-04T10:00:00Z\n")
    load(tmp_path / "data", source)

    async def nothing(node):
        pass

    on(tmp_path / "data", nothing)
    with pytest.raises(DataDirectoryError, match="files were loaded into it"):
        on(tmp_path / "data", nothing, shards=shards())
