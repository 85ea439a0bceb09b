"""The demos of a world show what they say: all regions come to the same, cut off or killed in between or not."""

import asyncio
import subprocess
import sys

import pytest

from demos import saying
from demos.crowd import Crowd, Program
from homeroom.adapters.haproxy import haproxy_program
from homeroom.errors import UnavailableError
from homeroom.provers.redis_server import redis_program
from tests.nats_worlds import free_ports

LARGE = ["world_processes", "--once", "--share", "0.1"]


@pytest.mark.slow
@pytest.mark.parametrize("demo", [["world"], LARGE], ids=["world", "world_processes"])
def test_regions_that_were_cut_off_and_killed_come_to_one_answer(root, tmp_path, demo):
    command = [sys.executable, "-m", f"demos.{demo[0]}", *demo[1:], "--batches", "5"]
    folder = ["--folder", str(tmp_path / "world")]
    if demo == LARGE:
        folder += ["--first-port", str(free_ports(100))]
    done = subprocess.run(
        [*command, *folder], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "later all count" in done.stdout
    said = [line.split()[3] for line in done.stdout.splitlines() if " s  " in line]
    assert "moved" in said  # when, is up to what was under way
    assert [one for one in said if one not in ("moved", "redis")] == [
        *("suspected", "rerouted", "confirmed", "started", "returning")
    ]
    assert " requests in all: 0 failed" in done.stdout
    assert "nobody noticed" in done.stdout
    if demo == LARGE:
        assert ("come through HAProxy at" in done.stdout) is (haproxy_program() is not None)
        assert ("redis" in said) is (redis_program() is not None)


class Flaky:
    """Takes every batch, and answers no question."""

    def __init__(self):
        self.asked = asyncio.Event()

    async def send(self, events):
        return f"node-{len(events)}"

    async def ask(self):
        self.asked.set()
        raise UnavailableError("no answer")


def test_what_fails_is_counted_and_said(monkeypatch, capsys):
    monkeypatch.setattr("demos.crowd.PACE_S", 0)

    async def story():
        flaky = Flaky()
        crowd = Crowd([Program(name="one", region="here", asker=flaky)])
        await flaky.asked.wait()
        assert not await crowd.stop()
        return crowd

    crowd = asyncio.run(story())
    assert crowd.requests >= 2
    assert crowd.events == 10 * len(crowd.programs[0].taken) >= 10
    assert {node for _, node in crowd.programs[0].taken} == {"node-10"}
    assert crowd.programs[0].first_elsewhere(0, {"node-10"}) is None
    assert {why for _, why in crowd.failed} == {"one: no answer"}
    assert (
        f"{crowd.requests} requests in all: {len(crowd.failed)} failed" in capsys.readouterr().out
    )


class Broken(Flaky):
    async def send(self, events):
        raise RuntimeError("a fault")


def test_a_program_that_ends_by_a_fault_of_ours_is_no_failed_request():
    async def story():
        async with Crowd([Program(name="one", region="here", asker=Broken())]) as crowd:
            await asyncio.wait(crowd._running)
            with pytest.raises(RuntimeError, match="a fault"):
                crowd.check()

    asyncio.run(story())


def test_what_is_said_is_wrapped_below_itself(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    saying.say("world", "word " * 20, hanging=4)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("world     word word")
    assert {line[:15] for line in lines[1:]} == {" " * 14 + "w"}
    assert max(map(len, lines)) <= 60
