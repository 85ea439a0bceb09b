"""A log with cuts, folded in any order and with any restarts, is what the rule says, told plainly.

Entries are real ones, given to the fold in random portions, some too early, some again. A restart takes the newest
snapshot, or the one before it, and folds what came after; the cuts among it find their places. All walks over one log
end in one state, and a rebuild of that log from nothing does too.
"""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.adapters.threads import ThreadRun
from homeroom.events.ids import IdHasher
from homeroom.events.labels import KINDS
from homeroom.log.control import Change, Control, TenantPut, write_changes
from homeroom.log.cuts import HistoryCut
from homeroom.log.entries import Entry, Head, make_entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import Part, pack, write_parts
from homeroom.node.folding import Folding, TenantState
from homeroom.running.live import Live
from homeroom.running.refolding import skip_applied
from homeroom.running.snapshots import Snapshots
from tests.oracle.cuts import Sent
from tests.state.cutting_walks import Replica, World, assert_is_what_the_twin_says
from tests.state.plain import Fact, batch_of, fresh_state, hash_of_id

if TYPE_CHECKING:
    from homeroom.state.state import State

CONTROL = Origin("n0", "f" * 32, Stream.CONTROL)
NOW_MS = 1_720_000_000_000


def hashed_world(world: World) -> World:
    """Have hashes for the ids of a world, as the door of a node writes them."""
    hashed = IdHasher.under(bytes(32)).hashed

    def written(fact: Fact) -> Fact:
        texts = {name: getattr(fact, name) for name in KINDS}
        return replace(
            fact,
            **{name: text if text is None else hashed(text) for name, text in texts.items()},
            attributes=tuple((name, hashed(value)) for name, value in fact.attributes),
        )

    world.entries = {
        origin: [replace(one, facts=tuple(map(written, one.facts))) for one in entries]
        for origin, entries in world.entries.items()
    }
    return world


def logged(world: World) -> dict[Origin, list[Entry]]:
    """Write a world as entries, admitted under the epochs between which their cuts lie."""
    stamps = itertools.count(1)
    log: dict[Origin, list[Entry]] = {}

    def write(origin: Origin, content: bytes, epoch: int) -> None:
        mine = log.setdefault(origin, [])
        head = mine[-1].head if mine else Head()
        mine.append(make_entry(origin, head, (next(stamps), epoch), pack(content), lambda d: d))

    facts = [TenantPut(name="main", timezone=world.zone)]
    facts += [
        HistoryCut(tenant="main", day=day, vector=vector.to_json()) for day, vector in world.cuts
    ]
    for fact in facts:
        write(CONTROL, write_changes([Change(fact=fact, author="a", at_ms=NOW_MS)]), 0)
    dictionaries = fresh_state().dictionaries
    for origin, entries in world.entries.items():
        for entry in entries:
            events = batch_of(entry.facts, dictionaries) if entry.facts else None
            voids = np.array([hash_of_id(one) for one in entry.voids], np.uint64)
            covering = [
                epoch
                for epoch, (_, vector) in enumerate(world.cuts, 2)
                if vector[origin] >= entry.number
            ]
            content = write_parts([Part("main", events, voids)], {"main": dictionaries})
            write(origin, content, min(covering, default=len(facts) + 1) - 1)
    return log


class Walker(Replica):
    """A node with a log that gives entries in random portions, and a directory in which it leaves snapshots."""

    def __init__(self, world: World, log: dict[Origin, list[Entry]], path: Path, rng: Any) -> None:
        super().__init__(world, rng)
        self.log, self.path = log, path
        self.folding = self.opened()
        self.follow()

    def opened(self) -> Folding:
        """Open the newest snapshot as a start does, and fold what was stated."""
        self.snapshots = Snapshots(self.path, ThreadRun(1))
        with self.snapshots.place("main").run_by_node():
            pass

        def make(name: str, control: Control) -> TenantState:
            return self.snapshots.open(name, control.tenants[name].timezone).tenant

        folding = Folding({}, make)
        folding.fold(self.log[CONTROL])
        skip_applied(folding, Vector())
        self.live = Live(folding, lambda: NOW_MS)
        self.snapshots.key("main")
        return folding

    def follow(self) -> None:
        """Have the twin know what is folded."""
        self.state = self.folding.tenants["main"].state
        made = self.state.cut_made
        self.applied, self.cuts = self.folding.applied, 0 if made is None else made.epoch - 1
        self.sent = Sent()
        for origin, entries in self.world.entries.items():
            for entry in entries[: self.applied[origin]]:
                self.sent.entry(str(origin), entry.number, entry.facts, entry.voids)

    @property
    def is_all_folded(self) -> bool:
        return self.folding.applied == Vector({o: len(entries) for o, entries in self.log.items()})

    def give(self) -> None:
        """Give the next entries of some origins, and sometimes one that is not the next."""
        given: list[Entry] = []
        for origin in self.rng.permutation(len(self.log))[: int(self.rng.integers(1, 4))]:
            entries = self.log[list(self.log)[int(origin)]]
            first = self.folding.applied[entries[0].origin]
            first = max(first - int(self.rng.integers(2)), 0)
            given += entries[first : first + int(self.rng.integers(1, 5))]
        self.live.fold(given)
        assert not self.folding.troubles
        self.follow()

    def restart(self) -> None:
        """Leave a snapshot, or none, and begin again from the newest or the one before it."""
        if self.rng.integers(3):
            self.snapshots.write("main", self.live)
        manifest = self.path / "homeroom.json"
        before = self.path / "homeroom.json.before"
        if before.exists() and not self.rng.integers(3):
            manifest.write_text("damaged")
        self.folding = self.opened()
        self.follow()


def walk(walker: Walker) -> None:
    while not walker.is_all_folded:
        walker.give()
        chance = int(walker.rng.integers(10))
        if chance == 0:
            walker.restart()
        elif chance == 1:
            walker.live.settle(lambda: False)
        elif chance == 2:
            walker.snapshots.write("main", walker.live)
        elif chance == 3:
            assert_is_what_the_twin_says(walker)
    assert not walker.folding.waiting
    walker.state.settle()
    assert_is_what_the_twin_says(walker)


def check_walks(seed: int, count: int, zone: str, tmp_path_factory: Any, walks: int) -> None:
    rng = np.random.default_rng(seed)
    world = hashed_world(World(rng, count, zone))
    log = logged(world)
    prints = set()
    for _ in range(walks):
        walker = Walker(world, log, tmp_path_factory.mktemp("node"), rng)
        walk(walker)
        walker.restart()
        walk(walker)
        prints.add(walker.state.fingerprint())
    everything = sorted(itertools.chain(*log.values()), key=lambda entry: entry.hybrid)
    fresh = Folding({}, lambda _, control: TenantState(fresh_state(world.zone)))
    fresh.fold(everything)
    state: State = fresh.tenants["main"].state
    state.settle()
    assert not fresh.waiting
    assert prints == {state.fingerprint()}, "a rebuild from all entries is the same"


@given(st.integers(0, 1 << 30), st.sampled_from((4, 30)))
@settings(max_examples=2)
def test_a_log_with_cuts_ends_in_one_state_over_any_restarts(tmp_path_factory, seed, count):
    check_walks(seed, count, "UTC", tmp_path_factory, 2)


@pytest.mark.slow
@given(
    st.integers(0, 1 << 30),
    st.sampled_from((4, 30, 80)),
    st.sampled_from(("UTC", "America/Sao_Paulo")),
)
@settings(max_examples=20)
def test_many_logs_with_cuts_end_in_one_state_each(tmp_path_factory, seed, count, zone):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FOLD_EVENTS", 8)
        check_walks(seed, count, zone, tmp_path_factory, 2)
