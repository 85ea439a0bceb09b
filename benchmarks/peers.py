"""How quickly a node takes the entries of others: checked, made durable and folded, by size of an entry.

Two peers have written entries of so many events, through the doors of a node and signed with its key. They come as one
message each, as a node sends what it has just written, or many in a message, as one answers who asks for what it lacks
(``together``). The core of the member checks each entry, SQLite writes it, the fold of a node joins it into its state;
the figures are processor time, without the wait for the disk. At the end state and events must be all there.

A node that is kept busy folds what has come within a while (``GATHER_MS``), and so does this one: as many entries as
can be checked and written in that time. ``signatures`` is what of the check the signatures of as many entries take by
themselves, one after the other: nobody can be quicker who looks at each.
"""

import argparse
import gc
import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from homeroom import limits
from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.signing import KnownKeys, NodeKey
from homeroom.clock import HybridClock
from homeroom.events.dictionary import Dictionaries
from homeroom.events.door import Door
from homeroom.events.projection import Projection
from homeroom.events.sent import Form, SentBatch
from homeroom.events.vocabulary import VerbTable
from homeroom.log.control import Change, Control, TenantPut
from homeroom.log.entries import Entry
from homeroom.log.log import Life, Log, Offer, Offers, Write, Written
from homeroom.log.origins import Origin, Vector
from homeroom.node.admission import Doors, SentReader
from homeroom.node.folding import Folding, TenantState
from homeroom.regions.holdings import item_of
from homeroom.regions.knowledge import Birth
from homeroom.regions.member import Member
from homeroom.regions.messages import News, encode, sealed_entry
from homeroom.regions.steps import Arrived, Effect, Fold, Keep, Kept, Members
from homeroom.state.state import State
from homeroom.state.zones import load_zone

__all__ = ["add_arguments", "measure", "show"]

_NOW_MS: Final = 1_764_000_000_000
_DAY_MS: Final = 86_400_000
_DAYS: Final = 30
_VERBS: Final = ("viewed", "answered", "completed", "played")
_PEERS: Final = ("one", "other")
_KEYS: Final = {name: NodeKey(hashlib.sha256(name.encode()).digest()) for name in _PEERS}
_PUBLIC: Final = KnownKeys({name: key.public_text for name, key in _KEYS.items()})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--learners", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Take entries of each size; the result is JSON-ready."""
    ways = {}
    for size in options.sizes:
        entries = list(_written(options, size))
        signatures_s = _signatures_s(entries)
        for name, many in (("single", 1), ("together", limits.MESSAGE_ENTRIES_MAX)):
            bodies = list(_messages(entries, many))
            runs = [_taken(bodies, options) for _ in range(options.runs)]
            best = _best(runs, options.events)
            ways[f"{size} {name}"] = {**best, "signatures_ms": round(1e3 * signatures_s, 1)}
    return {
        "events": options.events,
        "learners": options.learners,
        "ways": ways,
        "hash": hashlib.sha256(str([way["hash"] for way in ways.values()]).encode()).hexdigest()[
            :16
        ],
    }


def _best(runs: Sequence["_Spent"], events: int) -> dict[str, Any]:
    best = min(runs, key=lambda run: run.total_s)
    assert len({run.fingerprint for run in runs}) == 1, "the same entries are the same state"
    return {
        "events_a_second": round(events / best.total_s),
        "check_ms": round(1e3 * best.check_s, 1),
        "write_ms": round(1e3 * best.write_s, 1),
        "fold_ms": round(1e3 * best.fold_s, 1),
        "hash": best.fingerprint,
    }


def _signatures_s(entries: Sequence[Entry]) -> float:
    begun = time.process_time()
    for entry in entries:
        assert _PUBLIC.verify(entry.origin.node, entry.digest, entry.signature)
    return time.process_time() - begun


# --- what the peers have written --------------------------------------------------------------------------------------


def _written(options: argparse.Namespace, size: int) -> Iterator[Entry]:
    """Return entries of two peers, in turns."""
    logs = {name: _log_of(name) for name in _PEERS}
    for ticket, first in enumerate(range(0, options.events, size)):
        last = min(first + size, options.events)
        body = b"\n".join(_event(number, options.learners) for number in range(first, last))
        digest = hashlib.sha256(body).digest()
        sent = SentBatch(batch_id=f"b{ticket}", body=body, form=Form.NDJSON, digest=digest)
        log = logs[_PEERS[ticket % len(_PEERS)]]
        yield from _offered(log, sent, ticket, size)


def _log_of(name: str) -> Log:
    doors = Doors({SentBatch: SentReader()}, Control().folded(_stated(), 1))
    door = Door(bytes(32), VerbTable.standard(), projection=Projection(bytes(32)))
    doors.open("main", door)
    incarnation = hashlib.sha256(name.encode()).hexdigest()[:32]
    return Log(Life(name, incarnation, Vector(), _KEYS[name].sign), HybridClock(), doors.admit)


def _stated() -> Change:
    return Change(fact=TenantPut(name="main"), author="operator", at_ms=_NOW_MS)


def _offered(log: Log, content: SentBatch, ticket: int, events: int) -> Iterator[Entry]:
    offer = Offer(
        ticket=ticket,
        tenant="main",
        owner="key",
        batch_id=content.name,
        digest=content.digest,
        content=content,
        events=events,
        size_bytes=len(content.body),
    )
    for effect in log.step(Offers((offer,)), _NOW_MS):
        if isinstance(effect, Write):
            yield from effect.entries
    log.step(Written(), _NOW_MS)


def _event(number: int, learners: int) -> bytes:
    mixed = number * 2_654_435_761 % (1 << 32)
    time_ms = _NOW_MS - mixed % _DAYS * _DAY_MS - number % _DAY_MS
    return (
        f'{{"account":"learner-{mixed % learners:08d}","verb":"{_VERBS[mixed % 4]}","time":{time_ms},'
        f'"activity":"unit/{mixed % 997}","course":"course-{mixed % 20}","id":"{number:032x}"}}'
    ).encode()


def _messages(entries: Sequence[Entry], many: int) -> Iterator[tuple[str, bytes]]:
    """Return messages with at most so many entries of one peer each, and about as many bytes as an answer has."""
    for peer in _PEERS:
        mine = [entry for entry in entries if entry.origin.node == peer]
        portion: list[Entry] = []
        for entry in mine:
            size_bytes = sum(len(one.payload) for one in portion)
            if portion and (len(portion) >= many or size_bytes > limits.PULL_BYTES):
                yield peer, _message(portion)
                portion = []
            portion.append(entry)
        yield peer, _message(portion)


def _message(entries: Sequence[Entry]) -> bytes:
    last = entries[-1]
    news = News(
        life=last.origin.incarnation,
        version=last.number,
        epoch=1,
        total=b"",
        items=(item_of(last.origin, last.head),),
        entries=tuple(map(sealed_entry, entries)),
    )
    return encode(news)


# --- who takes it -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Spent:
    check_s: float = 0.0
    write_s: float = 0.0
    fold_s: float = 0.0
    fingerprint: str = ""

    @property
    def total_s(self) -> float:
        return self.check_s + self.write_s + self.fold_s


@dataclass(slots=True)
class _Node:
    """A node that takes entries: a core, a log, a state, and what they took."""

    store: SqliteLogFolder
    member: Member
    folding: Folding
    spent: _Spent = field(default_factory=_Spent)
    waiting: dict[Origin, list[Entry]] = field(default_factory=dict)
    open: dict[Origin, int] = field(default_factory=dict)
    folded_at_s: float = 0.0

    def hear(self, sender: str, body: bytes) -> None:
        begun = time.process_time()
        effects = self.member.step(Arrived(sender, body, _NOW_MS), 0)
        self.spent.check_s += time.process_time() - begun
        while effects:
            effects = [one for effect in effects for one in self._done(effect)]

    def _done(self, effect: Effect) -> list[Effect]:
        begun = time.process_time()
        if isinstance(effect, Keep):
            self.store.write(effect.entries, ())
            for entry in effect.entries:
                self.waiting.setdefault(entry.origin, []).append(entry)
            self.spent.write_s += time.process_time() - begun
            return self.member.step(Kept(_NOW_MS), 0)
        if isinstance(effect, Fold):
            self.open.update(effect.numbers)
            came_s = self.spent.check_s + self.spent.write_s - self.folded_at_s
            count = sum(len(self.waiting[origin]) for origin in self.open)
            if came_s * 1e3 >= limits.GATHER_MS or count >= limits.FOLD_ENTRIES_MAX:
                self.fold()
        return []

    def fold(self) -> None:
        """Fold what is open."""
        begun = time.process_time()
        self.folding.fold([e for origin in self.open for e in self.waiting.pop(origin)])
        self.open.clear()
        self.folded_at_s = self.spent.check_s + self.spent.write_s
        self.spent.fold_s += time.process_time() - begun


def _taken(bodies: Sequence[tuple[str, bytes]], options: argparse.Namespace) -> _Spent:
    folder = options.workdir / "peers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    birth = Birth(
        node="here", life="0" * 32, heads={}, verify=_PUBLIC.verify, draw=lambda count: count - 1
    )
    member = Member(birth, 0)
    member.step(Members(1, dict.fromkeys(("here", *_PEERS), "region")), 0)
    folding = Folding({}, _fresh)
    folding.fold(list(_stating()))
    node = _Node(SqliteLogFolder(folder), member, folding)
    gc.collect()
    for sender, body in bodies:
        node.hear(sender, body)
    node.fold()
    begun = time.process_time()
    state = node.folding.tenants["main"].state
    state.settle()
    node.spent.fold_s += time.process_time() - begun
    if state.events != options.events or node.folding.troubles or node.folding.alarms:
        raise RuntimeError(f"{state.events} events of {options.events}: {node.folding.troubles}")
    node.spent.fingerprint = state.fingerprint()
    node.store.close()
    shutil.rmtree(folder)
    return node.spent


def _fresh(name: str, control: Control) -> TenantState:
    zone = load_zone(control.tenants[name].timezone)
    return TenantState(State(zone, Dictionaries.under(bytes(32))))


def _stating() -> Iterator[Entry]:
    """Return an entry that says that there is a tenant."""
    doors = Doors({}, Control())
    life = Life("here", "0" * 32, Vector(), lambda digest: digest)
    offer = Offer(
        ticket=1,
        tenant="",
        owner="key",
        batch_id="stated",
        digest=b"",
        content=_stated(),
        events=1,
        size_bytes=1,
    )
    for effect in Log(life, HybridClock(), doors.admit).step(Offers((offer,)), _NOW_MS):
        if isinstance(effect, Write):
            yield from effect.entries


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(f"{result['events']:,} events of {result['learners']:,} learners, entries of two peers")
    for name, way in result["ways"].items():
        print(
            f"{name:>16}: {way['events_a_second']:>9,} events a second of a core; check {way['check_ms']:.0f} ms "
            f"(signatures {way['signatures_ms']:.0f}), write {way['write_ms']:.0f}, fold {way['fold_ms']:.0f}"
        )
