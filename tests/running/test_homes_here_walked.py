"""Learners who live elsewhere, whatever happens: each statement gets home, once, and is read nowhere else.

Statements and erasures come to any node while links are cut, nodes are killed and vaults are lost. When all is whole
again, the nodes of each jurisdiction have one vault, what anybody heard yes for is in that of its home, once, but what
is of who is erased, and nothing that was sealed is anywhere in clear.
"""

import asyncio
import contextlib

import pytest

from homeroom.adapters.vault.fingerprint import fingerprint_of
from homeroom.adapters.vault.passage import redacted_passages
from homeroom.log.homes import HomesPut
from homeroom.log.payloads import unpack
from tests.running.erasures import HOME, erase, record, register_of, statement
from tests.running.worlds import RunningWorld

LAWS = {"a": "us", "b": "eu", "c": "eu", "d": "br"}
STEPS = 50
AT_HOME = {f"learner-{n}": "eu" for n in range(3)}
"""Those who live in a jurisdiction; others are at home where they are taken."""


class Walk:
    """A world, and what it was told."""

    def __init__(self, path, rng, monkeypatch):
        self.path, self.rng = path, rng
        self.world = RunningWorld(path, *LAWS, monkeypatch=monkeypatch, laws=LAWS)
        self.kept = {}
        self.erased = set()
        self.number = 0

    async def begin(self):
        world = self.world
        await world.start("b", "c", "d")
        await world.start("a", erasure_register=register_of(self.path))
        await world.known("main")
        keys = world.nodes["a"].erasures.raw_keys("main", [(HOME, name) for name in AT_HOME])
        learners = {f"{key:032x}": "eu" for key in keys}
        await world.nodes["a"].change(HomesPut(tenant="main", learners=learners), "test")
        await world.equal()

    def who(self):
        return HOME, f"learner-{self.rng.integers(5)}"

    async def keep(self):
        """Send a statement, some of them again, and to another node of the same jurisdiction."""
        name = "abcd"[self.rng.integers(4)]
        who, self.number = self.who(), self.number + 1
        body = statement(who, self.number)
        for _ in range(1 + (self.rng.random() < 0.3)):
            answer = await record(self.world.nodes[name], "POST", "statements", json=body)
            if answer.status_code == 200:
                self.kept[body["id"]] = who, AT_HOME.get(who[1], LAWS[name])

    async def erase(self):
        who = self.who()
        if self.rng.random() < 0.3:
            self.erased.add(who)
            await erase(self.world.nodes["a"], who)

    def cut_off(self, names):
        self.world.cut.clear()
        self.world.cut.update(names)

    async def cut(self):
        self.cut_off(self.rng.choice([*LAWS], self.rng.integers(4), replace=False))

    async def kill(self):
        name = "abcd"[self.rng.integers(4)]
        cut = list(self.world.cut)
        await self.world.kill(name)
        if self.rng.random() < 0.5:
            for file in (self.path / name).glob("documents.db*"):
                file.unlink()
        fields = {"erasure_register": register_of(self.path)} if name == "a" else {}
        await self.world.start(name, **fields)
        self.cut_off(cut)

    async def step(self):
        acts = (self.keep, self.erase, self.cut, self.kill)
        await acts[self.rng.choice(4, p=[0.7, 0.05, 0.15, 0.1])]()

    def is_level(self):
        """Say whether all nodes hold what they may have, and the vaults at home have what was sealed for them."""
        nodes = self.world.nodes
        held = [
            {o: n for o, n in nodes[name]._store.held().items() if o.stream.home} for name in "abc"
        ]
        home = [nodes[name]._recorder.applied for name in "bc"]
        mine = {o for one in held for o in one if o.node == "a"}
        return (
            held[1] == held[2]
            and all(held[0].get(o) == held[1].get(o) for o in mine)
            and all(one[o] == n for one in home for o, n in held[1].items())
            and home[0] == home[1]
        )

    def has_erased(self, name):
        """Say whether a log has anything of who is erased in what was sealed."""
        node = self.world.nodes[name]
        keys = node.erasures.raw_keys("main", list(self.erased))
        gone = {"main": frozenset(key.to_bytes(16, "big") for key in keys)}
        return any(
            redacted_passages(unpack(entry.payload).content, gone) is not None
            for origin, number in node._store.held().items()
            if origin.stream.home
            for entry in node._store.read(origin, 1, number)
        )

    async def end(self):
        self.cut_off(())
        world = self.world
        await world.until(self.is_level, "what was sealed is at home")
        await world.equal()
        for node in world.nodes.values():
            await node.erasures.settled()
        await world.until(lambda: not any(map(self.has_erased, LAWS)), "logs are clean")
        prints = {fingerprint_of(world.nodes[name]._recorder._reader) for name in "bc"}
        assert len(prints) == 1
        for one, (who, home) in self.kept.items():
            for name, law in LAWS.items():
                params = {"statementId": one}
                told = await record(world.nodes[name], "GET", "statements", params=params)
                is_shown = law == home and who not in self.erased
                assert (told.status_code == 200) == is_shown, (name, one, who, home)
        living = [one for one, (who, _) in self.kept.items() if who not in self.erased]
        assert {node.status("main").events for node in world.nodes.values()} == {len(living)}
        sealed = {
            (o.stream.home, name)
            for name, node in world.nodes.items()
            for o in node._store.held()
            if o.stream.home
        }
        assert sealed <= {("eu", name) for name in "abcd"}
        told = [one for node in world.nodes.values() for one in node.troubles]
        assert not [one for one in told if "different states" in one or "border" in one]
        assert not [one for one in told if "sealed" in one]


@pytest.mark.slow
@pytest.mark.parametrize("walk", range(3))
def test_whatever_happens_each_statement_gets_home_once(tmp_path, rng, monkeypatch, walk):
    async def work():
        made = Walk(tmp_path, rng, monkeypatch)
        try:
            await made.begin()
            for _ in range(STEPS):
                with contextlib.suppress(TimeoutError):
                    await made.step()
            await made.end()
        finally:
            await made.world.stop()

    asyncio.run(work())
