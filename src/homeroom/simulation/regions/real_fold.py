"""The very entries of a simulated world, folded by the fold of a real node and answered from its state.

What simulated nodes fold while they run is a small state of its own (`ledger`), because the engine's tables want
thousands of events at a time. So when a world has come together, what each of its nodes has folded is put into real
entries (the same origins and numbers, the same events, written as a node writes them) and given to the fold of a real
node: those of each origin in order, otherwise in an order and in portions that are each node's own. Then all nodes must
have one fingerprint; at any cut on the way, and at the end, the state must be what a rebuild gives; entries that were
redacted for an erasure must come to the same as those that were not; and counts and triangle must be those of the
model, which knows nothing of either fold.

The way not taken is to let clients of the simulation send real events: each would go through a door, which costs a
millisecond, and a world has hundreds.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

import numpy as np

from homeroom.cohorts.answers import Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.questions import Retention
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import EventBatch, UInt64s
from homeroom.events.texts import sealed
from homeroom.log.control import Change, Control, TenantPut, write_changes
from homeroom.log.entries import Entry, Head, make_entry
from homeroom.log.erasures import Erasure, erasure_of
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import Part, pack, write_parts
from homeroom.log.redacting import redacted_entry, redacted_parts
from homeroom.log.rulings import ruling_of
from homeroom.node.folding import Folding, TenantState
from homeroom.simulation.regions.agenda import BEGIN_MS
from homeroom.simulation.regions.ledger import Readings
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.model import expected
from homeroom.simulation.regions.rows import Happening
from homeroom.state.state import State, rebuild
from homeroom.state.zones import load_zone

__all__ = ["RealEntries", "check_real_fold"]

_TENANT: Final = "main"
_STATUS: Final = "platform"
_PORTION_MAX: Final = 12
_ERASED: Final = 3
_OPERATOR: Final = "f" * 32


class RealEntries:
    """Entries of a simulated world as a real node would have written them, each made once.

    Parameters
    ----------
    readings : of the world
    written : all entries that were written in it, those too that logs have forgotten
    """

    def __init__(self, readings: Readings, written: Mapping[tuple[Origin, int], Entry]) -> None:
        self.written = written
        self._readings = readings
        self._dictionaries = Dictionaries.under(bytes(32))
        self._made: dict[tuple[Origin, int, bytes], Entry] = {}

    @property
    def learners(self) -> list[str]:
        """All of whom there are events."""
        return sorted(self._readings.events_of)

    def of(self, entry: Entry) -> Entry:
        """Return the real entry of one of the analytic stream."""
        redaction = entry.redaction
        digest = entry.payload_digest if redaction is None else redaction.payload_digest
        name = entry.origin, entry.number, digest
        found = self._made.get(name)
        if found is None:
            reading = self._readings.of(entry)
            events = list(reading.events)
            voids = np.array([_id_hash(one) for one in reading.voided], np.uint64)
            batch = _batch(events, self._dictionaries) if events else None
            erasures = tuple(map(_erasure, reading.erased))
            part = Part(_TENANT, batch, sealed(voids), erasures)
            found = self._made[name] = self._entry(entry, part)
        return found

    def nothing(self, entry: Entry) -> Entry:
        """Return an entry in place of one that was ruled to be lost: of that erasures alone count."""
        erasures = tuple(map(_erasure, self._readings.of(entry).erased))
        return self._entry(entry, Part(_TENANT, None, sealed(np.empty(0, np.uint64)), erasures))

    def erasing(self, erasure: Erasure) -> Entry:
        """Return an entry with an erasure."""
        unfilled = _first(Stream.ANALYTIC, b"")
        return self._entry(
            unfilled, Part(_TENANT, None, sealed(np.empty(0, np.uint64)), (erasure,))
        )

    def _entry(self, entry: Entry, part: Part) -> Entry:
        payload = pack(write_parts([part], {_TENANT: self._dictionaries}))
        digest = hashlib.sha256(payload).digest()
        return replace(entry, payload=payload, payload_digest=digest, epoch=1, redaction=None)


def check_real_fold(
    machines: Sequence[Machine],
    entries: RealEntries,
    chance: Random,
    seal: Callable[[State], None] = lambda _: None,
) -> Iterator[str]:
    """Return what does not hold of nodes that have come together, when a real node folds what they have folded.

    Parameters
    ----------
    machines : nodes that have all folded the same
    entries : of their world
    chance : settles orders, portions and the cut
    seal : may put the rows of a state elsewhere at the cut, from where they are read when they are asked for
    """
    fingerprints: dict[str, str] = {}
    folded: list[Entry] = []
    for machine in machines:
        folded = _shuffled(_analytic(machine, entries), chance)
        cut = chance.randrange(len(folded) + 1)
        folding = _fresh()
        for part in (folded[:cut], folded[cut:]):
            _fold(folding, part, chance)
            state = _state(folding)
            if rebuild(state).fingerprint() != state.fingerprint():
                yield f"the real state of {machine.name} is not what it comes to when it is folded anew"
            seal(state)
        fingerprints[machine.name] = state.fingerprint()
        yield from (f"{machine.name}: {why}" for why in folding.troubles.values())
        if machine is machines[0]:
            yield from _as_the_model(machine, state)
    if len(set(fingerprints.values())) > 1:
        yield f"nodes have folded the same into different real states: {fingerprints}"
    yield from _redacted_is_erased(folded, entries, chance)


def _analytic(machine: Machine, entries: RealEntries) -> Iterator[Entry]:
    """Return what a node has folded, as it is in its log, or was before that forgot it."""
    members = machine.member.members
    retired = {origin: members.closed[origin] for origin in machine.ledger.retired}
    for origin, number in sorted({**machine.ledger.applied, **retired}.items()):
        kept = {entry.number: entry for entry in machine.store.read(origin, 1, number)}
        for each in range(1, number + 1) if origin.stream is Stream.ANALYTIC else ():
            entry = kept.get(each) or entries.written[origin, each]
            ruling = ruling_of(members.rulings, origin, each)
            is_lost = ruling is not None and ruling.hybrid is None
            yield entries.nothing(entry) if is_lost else entries.of(entry)


def _shuffled(entries: Iterable[Entry], chance: Random) -> list[Entry]:
    """Return entries in an order of their own, those of each origin as they are."""
    by_origin: dict[Origin, list[Entry]] = {}
    for entry in entries:
        by_origin.setdefault(entry.origin, []).append(entry)
    turns = [origin for origin, mine in by_origin.items() for _ in mine]
    chance.shuffle(turns)
    left = {origin: iter(mine) for origin, mine in by_origin.items()}
    return [next(left[origin]) for origin in turns]


# --- real entries -----------------------------------------------------------------------------------------------------


def _half(text: str, place: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[8 * place :][:8], "little")


def _id_hash(text: str) -> int:
    return _half(text, 0) | 1


def _key(learner: str) -> int:
    return _half(learner, 0) << 64 | _half(learner, 1)


def _erasure(learner: str) -> Erasure:
    named = hashlib.sha256(f"erasure of {learner}".encode()).digest()
    return erasure_of(named[:16], BEGIN_MS, [_key(learner)])


def _batch(events: Sequence[Happening], dictionaries: Dictionaries) -> EventBatch:
    """Write events as the door does: a status becomes an attribute."""
    count = len(events)
    said = [repr(event) for event in events]

    def halves(texts: Sequence[str], place: int) -> UInt64s:
        return sealed(np.array([_half(text, place) for text in texts], np.uint64))

    learners = [event.learner for event in events]
    absent = sealed(np.full(count, -1, np.int32))
    statuses = [event.status or None for event in events]
    status = dictionaries.attribute(_STATUS).codes(statuses, count)
    return EventBatch(
        key_hi=halves(learners, 0),
        key_lo=halves(learners, 1),
        time_ms=sealed(np.array([event.time_ms for event in events], np.int64)),
        verb=sealed(dictionaries.verb.codes("viewed", count)),
        activity=absent,
        course=absent,
        track=sealed(np.zeros(count, np.uint8)),
        identity_hi=halves(said, 2),
        identity_lo=halves(said, 3),
        id_hash=sealed(np.array([_id_hash(event.id) for event in events], np.uint64)),
        attributes={_STATUS: sealed(status)} if any(statuses) else {},
    )


def _first(stream: Stream, payload: bytes) -> Entry:
    origin = Origin("operator", _OPERATOR, stream)
    return make_entry(origin, Head(), (1, 0), payload, lambda digest: digest)


# --- the fold of a real node ------------------------------------------------------------------------------------------


def _fresh() -> Folding:
    """Return the fold of a node that knows of one tenant."""
    folding = Folding({}, _tenant)
    stated = [Change(fact=TenantPut(name=_TENANT), author="operator", at_ms=BEGIN_MS)]
    folding.fold([_first(Stream.CONTROL, pack(write_changes(stated)))])
    return folding


def _tenant(name: str, control: Control) -> TenantState:
    zone = load_zone(control.tenants[name].timezone)
    return TenantState(State(zone, Dictionaries.under(bytes(32))))


def _fold(folding: Folding, entries: Sequence[Entry], chance: Random) -> None:
    left = list(entries)
    while left:
        count = chance.randint(1, _PORTION_MAX)
        folding.fold(left[:count])
        left = left[count:]


def _state(folding: Folding) -> State:
    state = folding.tenants[_TENANT].state
    state.settle()
    return state


def _redacted_is_erased(
    folded: Sequence[Entry], entries: RealEntries, chance: Random
) -> Iterator[str]:
    """Erase some learners, of whom some nodes have redacted entries before they are folded, and some have not."""
    learners = entries.learners
    keys = [_key(one) for one in chance.sample(learners, min(_ERASED, len(learners)))]
    if not keys:
        return
    erased = {_TENANT: frozenset((key >> 64, key & (1 << 64) - 1) for key in keys)}
    erasing = entries.erasing(erasure_of(bytes(16), BEGIN_MS, keys))
    redacted = [_redacted(entry, erased) for entry in folded]
    mixed = [pair[chance.randrange(2)] for pair in zip(folded, redacted, strict=True)]
    states = []
    for some in (folded, redacted, mixed):
        folding = _fresh()
        _fold(folding, [erasing, *some] if chance.random() < 0.5 else [*some, erasing], chance)
        states.append(_state(folding))
    if len({(state.fingerprint(), state.events) for state in states}) > 1:
        yield "entries that were redacted come to something else than those that were not"


def _redacted(entry: Entry, erased: Mapping[str, frozenset[tuple[int, int]]]) -> Entry:
    left = redacted_entry(
        entry, lambda content: redacted_parts(content, erased), "here", lambda digest: digest
    )
    return left or entry


# --- what the model says ----------------------------------------------------------------------------------------------


def _as_the_model(machine: Machine, state: State) -> Iterator[str]:
    voids = {Happening("", "", 0, voids=voided) for voided in machine.ledger.voided}
    rows = expected(dict.fromkeys(machine.ledger.events() | voids, ()))
    if state.events != sum(events for *_, events in rows.values()):
        yield f"the real state counts {state.events} events, and not those that there are"
    if not rows:
        return
    found = ask(state, Retention(interval="day"), Source()).to_json()
    told = {
        (period, place): count
        for period, counts in zip(found["periods"], found["counts"], strict=True)
        for place, count in enumerate(counts)
        if count
    }
    if told != _triangle(days for days, *_ in rows.values()):
        yield "the daily triangle of the real state is not that of the events"


def _triangle(active: Iterable[frozenset[int]]) -> dict[tuple[str, int], int]:
    """Count by first day, and by days since then, who was active."""
    counts: Counter[tuple[str, int]] = Counter()
    for days in active:
        first = min(days)
        shown = (dt.date(1970, 1, 1) + dt.timedelta(first)).isoformat()
        counts.update((shown, day - first) for day in days)
    return dict(counts)
