"""Shards in processes of their own: the same answers, and none that is wrong while a process is gone."""

import functools
import importlib.util
import os
import signal
from contextlib import contextmanager

import pytest

from homeroom.errors import ShardsAwayError
from homeroom.running.sharding.keeping import Keeper
from homeroom.running.sharding.region import ShardedEngine
from homeroom.running.sharding.shard import open_shard
from homeroom.scaling.engine import Missing
from tests.ray_ends import ray_ends
from tests.running.sharding.regions import QUESTIONS, drawn, entries_of, head, local, write_log
from tests.running.sharding.same import same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed (make tools): its shards are not tried",
    ),
]
SHARDS = 2


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    path = tmp_path_factory.mktemp("region")
    write_log(path, drawn(1_500, 90))
    return path


@pytest.fixture(scope="module")
def alone(region):
    engine = local(region)
    engine.apply(entries_of(region))
    return engine


@pytest.fixture(scope="module")
def cluster():
    from homeroom.adapters.ray_shards import RayCluster

    with ray_ends(), RayCluster() as made:
        yield made


class Places:
    """Starts the shards of a region in a cluster."""

    def __init__(self, cluster, region):
        self._cluster, self._region = cluster, region

    def start(self, slots, node):
        place = self._region / f"ray-{slots.number}"
        make = functools.partial(open_shard, place, self._region, slots)
        return self._cluster.start(slots.number, make, node)

    def machines(self):
        return self._cluster.machines()


def reader(region):
    entries = entries_of(region)
    return lambda origin, first, count: [
        one for one in entries if one.origin == origin and first <= one.number < first + count
    ]


@contextmanager
def over(cluster, region, **fields):
    engine = ShardedEngine(head(region / "ray-head", region), SHARDS, cluster.share, **fields)
    assert Keeper(engine, Places(cluster, region), reader(region)).mend() == {}
    try:
        engine.apply(entries_of(region))
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def engine(cluster, region):
    with over(cluster, region) as made:
        yield made


@pytest.mark.parametrize("name", QUESTIONS)
def test_actors_answer_what_one_state_answers(engine, alone, name):
    expected, found = (one.ask("main", QUESTIONS[name]) for one in (alone, engine))
    assert found.is_whole
    assert found.applied == expected.applied
    assert same(found.answer.figures(), expected.answer.figures())


def test_a_killed_process_makes_no_wrong_answer(cluster, region, alone):
    with over(cluster, region) as engine:
        os.kill(engine.present[1].pid, signal.SIGKILL)
        with pytest.raises(ShardsAwayError, match="shard 1: its process is gone"):
            engine.ask("main", QUESTIONS["triangle"])
        found = engine.ask("main", QUESTIONS["triangle"], Missing.MARKED)
        assert found.missing == (1,)
        assert (
            found.answer.counts[:, 0].sum()
            < alone.ask("main", QUESTIONS["triangle"]).answer.counts[:, 0].sum()
        )


def test_a_killed_process_is_back_with_all_that_it_had(cluster, region, alone):
    with over(cluster, region) as engine:
        keeper = Keeper(engine, Places(cluster, region), reader(region))
        keeper.save()
        os.kill(engine.present[1].pid, signal.SIGKILL)
        with pytest.raises(ShardsAwayError):
            engine.ask("main", QUESTIONS["triangle"])
        assert "its process is gone" in engine.lost[1]
        assert keeper.mend() == {}
        for name in ("triangle", "funnel"):
            found, expected = (one.ask("main", QUESTIONS[name]) for one in (engine, alone))
            assert same(found.answer.figures(), expected.answer.figures())


def test_a_process_that_stands_still_is_late(cluster, region):
    with over(cluster, region, late_ms=1_000) as engine:
        os.kill(engine.present[0].pid, signal.SIGSTOP)
        try:
            found = engine.ask("main", QUESTIONS["triangle"], Missing.MARKED)
        finally:
            os.kill(engine.present[0].pid, signal.SIGCONT)
        assert found.missing == (0,)
        assert engine.ask("main", QUESTIONS["triangle"]).is_whole


def test_nothing_is_reached_from_other_machines(engine):
    from tests.adapters.listening import sockets_below

    addresses = {address for address, _ in sockets_below(os.getpid())}
    assert "127.0.0.1" in addresses
    assert addresses <= {
        "127.0.0.1",
        "::1",
        "::ffff:7f00:1",
    }  # the last is 127.0.0.1, as IPv6 writes it
