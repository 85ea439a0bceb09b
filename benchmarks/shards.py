"""What shards cost and what a loss costs: a triangle beside one state, a killed process, a lost machine.

A node writes a log of learners with a day and a few more each. A node that has them all itself, and one with shards as
processes of Ray, begin from a copy of it and answer the daily triangle; the answers must be the same. Then the process
of a shard is killed, and after that a whole node of Ray, of two that run on this machine: how long is it until an
answer comes again, and was one of those in between wrong?
"""

import argparse
import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.timing import hash_of, timing_of
from homeroom.adapters.system_clock import now_ms
from homeroom.cohorts.questions import parse_question
from homeroom.errors import ShardsAwayError
from homeroom.events.sent import Form, SentBatch
from homeroom.log.log import Accepted
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.running.sharding.options import ShardOptions
from homeroom.running.sharding.over_ray import over_ray

__all__ = ["add_arguments", "measure", "show"]

_BATCH = 5_000
_DAYS = 90
_MORE_MS_MAX = 10
_KILLED_S_MAX = 5
_LOST_S_MAX = 20
_TRIANGLE = parse_question({"question": "retention", "interval": "day"})
_LOOK_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--runs", type=int, default=30, help="triangles of each form")
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    folder = options.workdir / "shards"
    shutil.rmtree(folder, ignore_errors=True)
    log = folder / "log"
    asyncio.run(_written(log, options.learners))
    local, shards = (shutil.copytree(log, folder / name) for name in ("local", "shards"))
    alone = asyncio.run(_alone(local, options.runs))
    region = ShardOptions(count=options.shards, cluster=over_ray(""))
    killed = asyncio.run(_killed(shards, region, options.runs))
    assert killed["hash"] == alone["hash"], "shards answered otherwise than one state"
    lost = _lost(shards, options.shards)
    assert lost["hash"] == alone["hash"], "shards answered otherwise than one state"
    return {
        "learners": options.learners,
        "shards": options.shards,
        "local": alone["triangle"],
        "sharded": killed["triangle"],
        "more_ms": round(killed["triangle"]["median_ms"] - alone["triangle"]["median_ms"], 3),
        "more_ms_wanted": _MORE_MS_MAX,
        "begun_s": killed["begun_s"],
        "killed_s": killed["back_s"],
        "killed_s_wanted": _KILLED_S_MAX,
        "lost_s": lost["back_s"],
        "lost_s_wanted": _LOST_S_MAX,
        "wrong": killed["wrong"] + lost["wrong"],
        "hash": alone["hash"],
    }


async def _written(path: Path, learners: int) -> None:
    """Have a node write two events of each learner into its log."""
    rng = np.random.default_rng(5)
    node = await RunningNode.open(path, NodeOptions(now_ms=now_ms))
    try:
        for first in range(0, learners, _BATCH):
            events = [
                {"account": f"a{number}", "verb": "read", "time": _time(day)}
                for number in range(first, min(first + _BATCH, learners))
                for day in np.cumsum(rng.integers(0, _DAYS // 2, 2)).tolist()
            ]
            body = msgspec.json.encode(events)
            sent = SentBatch(
                batch_id=f"b{first}", body=body, form=Form.JSON, digest=str(first).encode()
            )
            taken = await node.offer("main", "bench", sent)
            assert isinstance(taken, Accepted), taken
    finally:
        await node.stop()


def _time(day: int) -> str:
    return f"{np.datetime64('2026-01-05') + np.timedelta64(day, 'D')}T10:00:00Z"


async def _alone(path: Path, runs: int) -> dict[str, Any]:
    node = await RunningNode.open(path, NodeOptions(now_ms=now_ms))
    try:
        return await _asked(node, runs)
    finally:
        await node.stop()


async def _asked(node: RunningNode, runs: int) -> dict[str, Any]:
    seconds = []
    for _ in range(runs + 1):
        began_s = time.perf_counter()
        told = await node.ask("main", _TRIANGLE, None)
        seconds.append(time.perf_counter() - began_s)
    counts = told.answer.counts  # type: ignore[attr-defined]
    return {"triangle": timing_of(seconds[1:]).to_json(), "hash": hash_of(counts)}


async def _killed(path: Path, region: ShardOptions, runs: int) -> dict[str, Any]:
    """Ask a node with shards, then kill the process of one."""
    began_s = time.perf_counter()
    node = await RunningNode.open(path, NodeOptions(now_ms=now_ms, shards=region))
    try:
        found = await _back(node, None)
        begun_s = time.perf_counter() - began_s
        await node.save()
        said = await _asked(node, runs)

        def kill() -> None:
            os.kill(node.shards.engine.present[1].pid, signal.SIGKILL)  # type: ignore[union-attr, attr-defined]

        again = await _back(node, said["hash"], kill)
        return {
            **said,
            **again,
            "begun_s": round(begun_s, 2),
            "wrong": found["wrong"] + again["wrong"],
        }
    finally:
        await node.stop()


async def _back(
    node: RunningNode, expected: str | None, lose: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Lose something, and ask until an answer comes; say how long that takes, and how many answers were wrong."""
    if lose is not None:
        await asyncio.to_thread(lose)
    began_s, wrong, refused = time.perf_counter(), 0, 0
    while True:
        try:
            told = await node.ask("main", _TRIANGLE, None)
        except ShardsAwayError:
            refused += 1
            await asyncio.sleep(_LOOK_S)
            continue
        found = hash_of(told.answer.counts)  # type: ignore[attr-defined]
        wrong += expected is not None and found != expected
        if refused or expected is None:
            return {
                "back_s": round(time.perf_counter() - began_s, 2),
                "wrong": wrong,
                "hash": found,
            }


def _lost(path: Path, shards: int) -> dict[str, Any]:
    """Have shards on two nodes of Ray on this machine, and kill one of these whole."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    of_node = {"num_cpus": 1, "object_store_memory": 128 << 20, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=of_node)
    try:
        other = cluster.add_node(**of_node)
        cluster.wait_for_nodes()
        region = ShardOptions(count=shards, cluster=over_ray(cluster.address))
        return asyncio.run(
            _without(path, region, lambda: cluster.remove_node(other, allow_graceful=False))
        )
    finally:
        cluster.shutdown()


async def _without(path: Path, region: ShardOptions, lose: Callable[[], None]) -> dict[str, Any]:
    node = await RunningNode.open(path, NodeOptions(now_ms=now_ms, shards=region))
    try:
        found = await _back(node, None)
        places = {one.machine for one in (await asyncio.to_thread(_told, node)).shards}
        assert len(places) > 1, "shards are on both nodes"
        return await _back(node, found["hash"], lose)
    finally:
        await node.stop()


def _told(node: RunningNode) -> Any:  # noqa: ANN401 - `ScaleTold`
    from homeroom.running.sharding.scale_requests import ScaleAsked

    return node.shards.scale(ScaleAsked())  # type: ignore[union-attr]


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['learners']:,} learners: daily triangle {result['local']['median_ms']:.2f} ms in one state, "
        f"{result['sharded']['median_ms']:.2f} ms in {result['shards']} shards, {result['more_ms']:.2f} ms more "
        f"(wanted: {_MORE_MS_MAX} at most)"
    )
    print(f"shards are made from the log in {result['begun_s']:.1f} s")
    print(
        f"a killed process answers again after {result['killed_s']:.2f} s (wanted: {_KILLED_S_MAX}), a lost node of "
        f"Ray after {result['lost_s']:.2f} s (wanted: {_LOST_S_MAX}); {result['wrong']} wrong answers meanwhile"
    )
