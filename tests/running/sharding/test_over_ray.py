"""A node whose shards are processes of Ray: right, or not there, when one of these is killed."""

import asyncio
import importlib.util
import os
import signal

import pytest

from homeroom.errors import ShardsAwayError
from homeroom.running.sharding.options import ShardOptions
from homeroom.running.sharding.over_ray import over_ray
from tests.ray_ends import ray_ends
from tests.running.nodes import on
from tests.running.sharding.regions import QUESTIONS, drawn
from tests.running.sharding.same import same
from tests.running.sharding.test_leading import asked, of_one_state, sent, there

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed (make tools): its shards are not tried",
    ),
]
EVENTS = drawn(900, 60)


def test_a_node_takes_events_and_answers_while_processes_are_killed(tmp_path):
    async def run(node):
        await there(node, 2)
        await sent(node, EVENTS[:450])
        await node.save()
        os.kill(node._shards.engine.present[1].pid, signal.SIGKILL)
        await sent(node, EVENTS[450:])
        found = {}
        async with asyncio.timeout(60):
            while len(found) < len(QUESTIONS):
                for name in QUESTIONS.keys() - found.keys():
                    try:
                        found[name] = (await asked(node, name)).figures()
                    except ShardsAwayError:
                        await there(node, 2)
        return found

    with ray_ends():
        found = on(tmp_path, run, shards=ShardOptions(count=2, cluster=over_ray("")))
    for name, figures in of_one_state(tmp_path, QUESTIONS).items():
        assert same(found[name], figures), name
