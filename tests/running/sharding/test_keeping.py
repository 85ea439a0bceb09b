"""Shards come back with all that they had, and go elsewhere while questions are answered."""

import threading
from contextlib import contextmanager

import pytest

from homeroom.errors import ShardsAwayError
from homeroom.running.sharding.keeping import Keeper
from homeroom.running.sharding.region import ShardedEngine
from tests.running.sharding.regions import (
    QUESTIONS,
    Threads,
    drawn,
    entries_of,
    head,
    local,
    write_log,
)
from tests.running.sharding.same import same

NAMES = ("triangle", "by verb", "funnel", "course report")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("log")
    write_log(path, drawn(1_200, 80), 60)
    return path


@pytest.fixture(scope="module")
def entries(log):
    return entries_of(log)


@contextmanager
def kept(path, log, entries, shards=3, names=()):
    """Have an engine whose shards have begun, and who keeps them; the log is a list."""
    cluster = Threads(path, log, *names)
    engine = ShardedEngine(head(path / "head", log), shards)

    def read(origin, first, count):
        return [
            one for one in entries if one.origin == origin and first <= one.number < first + count
        ]

    keeper = Keeper(engine, cluster, read)
    assert keeper.mend() == {}
    try:
        yield engine, keeper, cluster
    finally:
        engine.close()


def whole(log, entries):
    engine = local(log)
    engine.apply(entries)
    return engine


def agree(engine, alone):
    for name in NAMES:
        found, expected = (one.ask("main", QUESTIONS[name]) for one in (engine, alone))
        assert found.is_whole
        assert same(found.answer.figures(), expected.answer.figures()), name


@pytest.mark.parametrize("saved", ["never", "in the middle", "at the end"])
def test_a_shard_that_was_lost_comes_back_with_all_that_it_had(tmp_path, log, entries, saved):
    with kept(tmp_path, log, entries) as (engine, keeper, _):
        for number, one in enumerate(entries):
            engine.apply([one])
            if saved == "in the middle" and number == len(entries) // 2:
                assert len(keeper.save()) == 3
        if saved == "at the end":
            keeper.save()
        engine.lose(1, "its process was killed")
        with pytest.raises(ShardsAwayError, match="its process was killed"):
            engine.ask("main", QUESTIONS["triangle"])
        assert keeper.mend() == {}
        agree(engine, whole(log, entries))


def test_entries_that_come_while_a_shard_is_gone_are_in_the_one_that_comes(tmp_path, log, entries):
    with kept(tmp_path, log, entries) as (engine, keeper, _):
        engine.apply(entries[:5])
        keeper.save()
        engine.lose(0, "gone")
        engine.apply(entries[5:])
        assert keeper.mend() == {}
        agree(engine, whole(log, entries))


def test_a_snapshot_that_is_damaged_costs_time_alone(tmp_path, log, entries):
    with kept(tmp_path, log, entries) as (engine, keeper, _):
        engine.apply(entries)
        keeper.save()
        (tmp_path / "3-kept-2" / "shard.json").write_text("{")
        engine.lose(2, "gone")
        assert keeper.mend() == {}
        agree(engine, whole(log, entries))


def test_a_log_that_has_forgotten_leaves_the_shard_away_and_says_why(tmp_path, log, entries):
    few = list(entries)
    with kept(tmp_path, log, few) as (engine, keeper, _):
        engine.apply(entries)
        engine.lose(1, "gone")
        events = [one for one in few if one.origin.stream.value == "analytic"]
        few.remove(events[0])
        assert "the log has forgotten entries" in keeper.mend()[1]
        with pytest.raises(ShardsAwayError, match="the log has forgotten"):
            engine.ask("main", QUESTIONS["triangle"])


def test_a_region_grows_and_shrinks_while_it_answers(tmp_path, log, entries):
    with kept(tmp_path, log, entries, 4, ("one",)) as (engine, keeper, cluster):
        half = len(entries) // 2
        engine.apply(entries[:half])
        stop, wrong = threading.Event(), []

        def ask():
            while not stop.is_set():
                found = engine.ask("main", QUESTIONS["triangle"])
                alone = whole(
                    log, [one for one in entries if one.number <= found.applied[one.origin]]
                )
                expected = alone.ask("main", QUESTIONS["triangle"])
                if not same(found.answer.figures(), expected.answer.figures()):
                    wrong.append(found)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            cluster.names = ["one", "two"]
            assert len(keeper.balance()) == 2
            engine.apply(entries[half:])
            assert sorted(one.node for one in engine.sizes()) == ["one", "one", "two", "two"]
            cluster.names = ["two"]
            assert len(keeper.balance()) == 2
            assert {one.node for one in engine.sizes()} == {"two"}
        finally:
            stop.set()
            asking.join()
        assert not asking.is_alive()
        assert not wrong
        assert keeper.planned() == ()
        agree(engine, whole(log, entries))


def test_a_move_that_fails_leaves_the_shard_where_it_is(tmp_path, log, entries):
    with kept(tmp_path, log, entries, 2, ("one", "two")) as (engine, keeper, cluster):
        engine.apply(entries)

        def start(slots, node):
            raise ShardsAwayError("no room")

        cluster.start = start
        with pytest.raises(ShardsAwayError, match="no room"):
            keeper.move(0, "two")
        agree(engine, whole(log, entries))


def test_a_shard_without_the_key_of_the_region_does_not_answer(tmp_path, log, entries):
    with kept(tmp_path, log, entries, 2) as (engine, keeper, cluster):
        engine.apply(entries)
        cluster._keys = tmp_path
        (tmp_path / "2-kept-1" / "pseudonym.key").unlink()
        engine.lose(1, "gone")
        keeper.mend()
        with pytest.raises(ShardsAwayError, match="shard 1"):
            engine.ask("main", QUESTIONS["funnel"])
