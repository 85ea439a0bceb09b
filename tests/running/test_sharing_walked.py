"""Two nodes of a jurisdiction and one elsewhere, whatever happens: one vault in the end, and nothing over there.

Statements, documents and erasures come while links are cut, nodes are killed and vaults are lost. When all is whole
again, both nodes of the jurisdiction have one vault, everything that anybody heard yes for is in it but what is of who
is erased, and the third has never had any of it.
"""

import asyncio
import contextlib
import json

import pytest

from homeroom.adapters.vault.fingerprint import fingerprint_of
from homeroom.log.origins import Stream
from tests.running.erasures import erase, person, record, register_of, statement
from tests.running.worlds import RunningWorld

LAWS = {"a": "us", "b": "eu", "c": "eu"}
STEPS = 60
HOME = "https://lms.example"


class Walk:
    """A world, and what it was told."""

    def __init__(self, path, rng, monkeypatch):
        self.path, self.rng = path, rng
        self.world = RunningWorld(path, "a", "b", "c", monkeypatch=monkeypatch, laws=LAWS)
        self.kept = {}
        self.documents = {}
        self.erased = set()
        self.number = 0

    def who(self):
        return HOME, f"learner-{self.rng.integers(5)}"

    def node(self):
        return self.world.nodes["bc"[self.rng.integers(2)]]

    async def keep(self):
        """Send a statement; one that somebody who is erased is in is taken all the same."""
        who, self.number = self.who(), self.number + 1
        body = statement(who, self.number)
        answer = await record(self.node(), "POST", "statements", json=body)
        if answer.status_code == 200:
            self.kept[body["id"]] = who

    async def keep_state(self):
        who = self.who()
        params = {
            "agent": json.dumps(person(who)),
            "activityId": "https://lms.example/a",
            "stateId": f"s{self.rng.integers(3)}",
        }
        path = "activities/state"
        if self.rng.random() < 0.3:
            await record(self.node(), "DELETE", path, params=params)
        else:
            await record(self.node(), "PUT", path, params=params, content=b"%d" % self.number)

    async def erase(self):
        who = self.who()
        if self.rng.random() < 0.3:
            self.erased.add(who)
            await erase(self.world.nodes["a"], who)

    def cut_off(self, names):
        """Cut these off, and nobody else; nodes look at the one set."""
        self.world.cut.clear()
        self.world.cut.update(names)

    async def cut(self):
        self.cut_off(self.rng.choice(["a", "b", "c"], self.rng.integers(3), replace=False))

    async def kill(self):
        name = "bc"[self.rng.integers(2)]
        cut = list(self.world.cut)
        await self.world.kill(name)
        if self.rng.random() < 0.5:
            for file in (self.path / name).glob("documents.db*"):
                file.unlink()
        await self.world.start(name)
        self.cut_off(cut)

    async def step(self):
        acts = (self.keep, self.keep_state, self.erase, self.cut, self.kill)
        act = self.rng.choice(5, p=[0.5, 0.3, 0.05, 0.1, 0.05])
        await acts[act]()

    def held(self, name):
        store = self.world.nodes[name]._store.held()
        return {o: n for o, n in store.items() if o.stream is Stream.DOCUMENT}

    def is_level(self):
        b, c = (self.world.nodes[name]._recorder for name in "bc")
        return self.held("b") == self.held("c") == dict(b.applied) == dict(c.applied)

    async def end(self):
        self.cut_off(())
        world = self.world
        await world.until(self.is_level, "documents are level")
        await world.equal()
        for name in "abc":
            await world.nodes[name].erasures.settled()
        prints = {fingerprint_of(world.nodes[name]._recorder._reader) for name in "bc"}
        assert len(prints) == 1
        for one, who in self.kept.items():
            wanted = 404 if who in self.erased else 200
            for name in "bc":
                told = await record(
                    world.nodes[name], "GET", "statements", params={"statementId": one}
                )
                assert told.status_code == wanted, (name, one, who)
        assert not {origin.node for origin in self.held("a")} & {"b", "c"}
        for name in "bc":
            assert {origin.node for origin in self.held(name)} <= {"b", "c"}
        told = [one for name in "abc" for one in world.nodes[name].troubles]
        assert not [one for one in told if "different states" in one or "border" in one]


@pytest.mark.slow
@pytest.mark.parametrize("walk", range(3))
def test_whatever_happens_documents_come_to_one_and_stay_where_they_belong(
    tmp_path, rng, monkeypatch, walk
):
    async def work():
        made = Walk(tmp_path, rng, monkeypatch)
        await made.world.start("b", "c")
        await made.world.start("a", erasure_register=register_of(tmp_path))
        await made.world.known("main")
        try:
            for _ in range(STEPS):
                with contextlib.suppress(TimeoutError):
                    await made.step()
            await made.end()
        finally:
            await made.world.stop()

    asyncio.run(work())
