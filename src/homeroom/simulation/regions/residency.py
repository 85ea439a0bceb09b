"""What must hold of documents and of erasures, one check a property.

Every message on every link between two jurisdictions is looked at: nothing that belongs to documents may be in it, nor
to events that stay in a jurisdiction, not even the name of one of their origins, but of what is sealed for one of the
two. What a node holds of them is compared among the nodes of its jurisdiction, and what it has on its disk is read back
byte by byte, because what a process says of itself proves nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack
from homeroom.regions.steps import Level
from homeroom.simulation.disk_store import entries_on
from homeroom.simulation.regions.clients import Acknowledged, Diary
from homeroom.simulation.regions.counted import Counted
from homeroom.simulation.regions.door import PINNED
from homeroom.simulation.regions.erasing import has_any
from homeroom.simulation.regions.ledger import Ledger, Readings
from homeroom.simulation.regions.losses import Losses
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.papers import Papers, read_papers
from homeroom.simulation.regions.plan import DISK_KINDS, ERASURES, Kind, Plan
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.snapshots import read_snapshot

__all__ = [
    "BorderWatch",
    "Erased",
    "check_documents",
    "check_erasures",
    "check_pinned",
    "divided",
    "is_true",
    "of_shared",
]

_WORDS: Final = (b"document", b"pinned")
"""The stream's name stands in every origin of documents, or of pinned events, and so in all that is said of them."""
_SEALED: Final = re.compile(rb"sealed-([a-z0-9-]+)")
_LOCAL_MS_MAX: Final = 150
_ALL: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class Erased:
    """A learner whose erasure a node has said yes to."""

    learner: str
    node: str


class BorderWatch:
    """Looks at what crosses from one jurisdiction to another.

    Attributes
    ----------
    violations : what must not have been, in words
    crossed : how many messages were looked at
    """

    def __init__(self, jurisdictions: Mapping[str, str]) -> None:
        self.violations: list[str] = []
        self.crossed = 0
        self._of = jurisdictions

    def carried(self, sender: str, to: str, body: bytes) -> None:
        """Look at a message."""
        if self._of[sender] == self._of.get(to):
            return
        self.crossed += 1
        for word in _WORDS:
            if word in body:
                self.violations.append(f"{sender} has sent something of {word.decode()}s to {to}")
        homes = {home.decode() for home in _SEALED.findall(body)}
        if homes - {self._of[sender], self._of.get(to)}:
            self.violations.append(f"{sender} has sent to {to} what is sealed for somebody else")


def of_shared(numbers: Mapping[Origin, int]) -> dict[Origin, int]:
    """Return those numbers that are of what all nodes share."""
    return {o: number for o, number in numbers.items() if o.stream.is_shared}


def _of_documents(numbers: Mapping[Origin, int]) -> dict[Origin, int]:
    return {o: number for o, number in numbers.items() if not o.stream.is_shared}


def _jurisdictions(machines: Sequence[Machine]) -> dict[str, list[Machine]]:
    found: dict[str, list[Machine]] = {}
    for machine in machines:
        found.setdefault(machine.jurisdiction, []).append(machine)
    return found


def divided(machines: Sequence[Machine]) -> str:
    """Return which nodes of one jurisdiction hold or have folded other documents, in words; empty if none do."""
    for some in _jurisdictions(machines).values():
        for one, other in pairwise(some):
            if _of_documents(one.member.held) != _of_documents(other.member.held):
                return f"{one.name} and {other.name} hold different documents"
            if _of_documents(one.ledger.applied) != _of_documents(other.ledger.applied):
                return f"{one.name} and {other.name} have folded different documents"
    return ""


# --- documents -------------------------------------------------------------------------------------------------------


def check_documents(
    plan: Plan, machines: Sequence[Machine], diary: Diary, homes: Mapping[str, str]
) -> Iterator[str]:
    """Return what does not hold of documents when nodes have come together; ``homes`` is where learners live."""
    yield from _at_home(machines)
    yield from _untold(machines)
    yield from _read_at_home(machines, diary, homes)
    yield from _nothing_lost(plan, machines, diary, homes)
    for some in _jurisdictions(machines).values():
        found = [machine.papers.without(machine.ledger.erased) for machine in some]
        if any(one != found[0] for one in found):
            yield f"{some[0].name} and others of its jurisdiction have different documents"
        yield from _rebuilt(some[0])
    if not plan.faults:
        yield from _all_is_all(machines, diary, homes)
    # How many regions there were is known where none came or went.
    moving = {Kind.DESTROY, Kind.JOIN, Kind.LEAVE, Kind.RETURN}
    if not plan.kinds & {Kind.SLOW_DISK, Kind.PAUSE, Kind.BAD_SYNC, *moving}:
        yield from _said_at_once(machines, diary, homes)


def _at_home(machines: Sequence[Machine]) -> Iterator[str]:
    of = {machine.name: machine.jurisdiction for machine in machines}
    for machine in machines:
        for origin in _of_documents(machine.store.held()):
            wrote = of.get(origin.node, machine.jurisdiction)
            if machine.jurisdiction not in (wrote, origin.stream.home):
                yield f"{machine.name} has documents of {origin.node}, in another jurisdiction"
        snapshot = read_snapshot(machine.disk)
        if snapshot is not None and _of_documents(dict.fromkeys(snapshot.applied, 1)):
            yield f"{machine.name} has documents in a snapshot, which goes anywhere"


def _untold(machines: Sequence[Machine]) -> Iterator[str]:
    """See that what goes to all says nothing of documents either where it is compressed.

    Where all nodes are in one jurisdiction, all may hear of them, and they collapse into the epoch like all else.
    """
    has_borders = len(_jurisdictions(machines)) > 1
    for origin in of_shared(machines[0].store.held()):
        is_stated = origin.stream is Stream.CONTROL
        for entry in machines[0].store.read(origin, 1, _ALL if is_stated else 1):
            opened = unpack(entry.payload)
            if opened.closes is not None and _of_documents(opened.closes):
                yield f"{origin} tells all nodes how many documents {origin.node} held"
                return
            if has_borders and is_stated and any(word in opened.content for word in _WORDS):
                yield f"entry {entry.number} of {origin} states something of documents to all nodes"
                return


def _read_at_home(
    machines: Sequence[Machine], diary: Diary, homes: Mapping[str, str]
) -> Iterator[str]:
    """See that nobody has in clear what belongs elsewhere, folded or on a disk, and each has what was sent, once."""
    sent = {paper for batch in diary.sent.values() for paper in batch.papers}
    for machine in machines:
        here = machine.jurisdiction
        folded = machine.papers.without(())
        written = [
            paper
            for entry in entries_on(machine.copy_of_disk())
            if entry.origin.stream is Stream.DOCUMENT
            for paper in read_papers(entry)
        ]
        if any(homes.get(one.learner, here) != here for one in (*folded, *written)):
            yield f"{machine.name} can read a document of somebody who lives elsewhere"
        if folded - sent:
            yield f"{machine.name} has a document that nobody has sent like that"


def _nothing_lost(
    plan: Plan, machines: Sequence[Machine], diary: Diary, homes: Mapping[str, str]
) -> Iterator[str]:
    """See that what was acknowledged is there; of a world in which nothing was lost for good, or restored."""
    if plan.kinds & {Kind.DESTROY, Kind.LEAVE, Kind.RETURN, Kind.ERASE_AND_RESTORE, *DISK_KINDS}:
        return
    by_name = {machine.name: machine for machine in machines}
    for told in diary.acknowledged:
        home = homes.get(told.batch.papers[0].learner, by_name[told.node].jurisdiction)
        machine = next((one for one in machines if one.jurisdiction == home), by_name[told.node])
        there = machine.papers.without(machine.ledger.erased)
        if any(
            p not in there and p.learner not in machine.ledger.erased for p in told.batch.papers
        ):
            yield f"{told.batch.id}, acknowledged by {told.node}, is gone"


def _rebuilt(machine: Machine) -> Iterator[str]:
    fresh, members = Papers(machine.jurisdiction), machine.member.members
    collapsed = {origin: members.closed[origin] for origin in members.collapsed}
    pinned = Ledger(Readings(), Stream.PINNED)
    for origin, number in _of_documents({**collapsed, **machine.ledger.applied}).items():
        for entry in machine.store.read(origin, 1, number):
            fold = fresh.fold if origin.stream.has_documents else pinned.fold
            fold(entry)
    erased = machine.ledger.erased
    if fresh.without(erased) != machine.papers.without(erased):
        yield f"{machine.name} has other documents than its log comes to when it is folded anew"
    if pinned.fingerprint() != machine.pinned.fingerprint():
        yield f"{machine.name} has other pinned events than its log comes to when it is folded anew"


def _all_is_all(
    machines: Sequence[Machine], diary: Diary, homes: Mapping[str, str]
) -> Iterator[str]:
    """Where nothing goes wrong, all who may have a document have it in time."""
    for told in diary.acknowledged:
        asked = told.batch.level
        is_alone = asked is Level.REMOTE and _regions(told, machines, homes) < 2
        wanted = Level.LOCAL if is_alone else asked
        if told.level < wanted:
            yield f"{told.batch.id} waited for {asked.name.lower()}, and heard {told.level.name.lower()}"
            return


def _said_at_once(
    machines: Sequence[Machine], diary: Diary, homes: Mapping[str, str]
) -> Iterator[str]:
    for told in diary.acknowledged:
        is_alone = told.batch.level is Level.REMOTE and _regions(told, machines, homes) < 2
        if is_alone and told.waited_ms > _LOCAL_MS_MAX:
            yield f"{told.batch.id} waited {told.waited_ms} ms for a region that {told.node} does not have"
            return


def _regions(told: Acknowledged, machines: Sequence[Machine], homes: Mapping[str, str]) -> int:
    """Return how many regions may have a document: those of where it was taken, and of its home."""
    laws = {one.jurisdiction for one in machines if one.name == told.node}
    laws.update(homes.get(paper.learner, "") for paper in told.batch.papers[:1])
    return len({one.region for one in machines if one.jurisdiction in laws})


def is_true(told: Acknowledged, machines: Mapping[str, Machine], losses: Losses) -> bool:
    """Say whether a document is as far as its client was told, or was before a disaster took it."""
    holding = {one.name for one in machines.values() if one.has_durable(told.token)}
    # A store that has failed over is found out with the next write.
    is_here = told.node in holding or losses.is_in_doubt(told)
    others = {*holding, *losses.spans} - {told.node}
    here = machines[told.node]
    elsewhere = any(machines[other].region != here.region for other in others)
    home, members = told.token.origin.stream.home, here.member.members
    # Where no node of its home belongs to the world, all who may have it are those that are left.
    belonging = members.regions.keys() - members.fenced
    at_home = {name for name in belonging & machines.keys() if machines[name].jurisdiction == home}
    if told.level is Level.ALL and at_home.isdisjoint(others) and at_home:
        return False
    # Who asked for another region and hears `all` takes it that there was one.
    return is_here and (elsewhere or told.level is Level.LOCAL or told.batch.level is Level.ALL)


# --- events that stay in a jurisdiction ------------------------------------------------------------------------------


def check_pinned(plan: Plan, machines: Sequence[Machine], diary: Diary) -> Iterator[str]:
    """Return what does not hold of events that stay in a jurisdiction, when nodes have come together."""
    sent = {event for batch in diary.sent.values() for event in batch.events}
    for some in _jurisdictions(machines).values():
        yield from _pinned_alike(some, sent)
        compared = [one.member.agreement.pinned_comparisons for one in some]
        if len(some) > 1 and some[0].pinned.rows and not plan.faults and not all(compared):
            yield f"nobody in {some[0].jurisdiction} has compared its pinned events"
    if not plan.faults:
        yield from _all_is_all(machines, diary, {})
    if not plan.kinds & {Kind.DESTROY, Kind.LEAVE, Kind.RETURN, *DISK_KINDS, *ERASURES}:
        yield from _pinned_kept(machines, diary)


def _pinned_alike(some: Sequence[Machine], sent: Set[Happening]) -> Iterator[str]:
    for machine in some:
        if machine.pinned.fingerprint() != some[0].pinned.fingerprint():
            yield f"{machine.name} and {some[0].name} have other pinned events"
        if machine.pinned.events() - sent:
            yield f"{machine.name} has a pinned event that nobody has sent"
        if any(learner.startswith(PINNED) for learner in machine.ledger.rows):
            yield f"{machine.name} has pinned events among those that all have"


def _pinned_kept(machines: Sequence[Machine], diary: Diary) -> Iterator[str]:
    law = {machine.name: machine.jurisdiction for machine in machines}
    for told in diary.acknowledged:
        wanted = set(told.batch.events)
        for machine in machines:
            there = machine.pinned.events()
            if machine.jurisdiction == law[told.node] and not wanted <= there:
                yield f"{told.batch.id}, acknowledged by {told.node}, is not at {machine.name}"
                return
            if machine.jurisdiction != law[told.node] and not wanted.isdisjoint(there):
                yield f"{told.batch.id}, taken by {told.node}, is at {machine.name}"
                return


# --- erasures --------------------------------------------------------------------------------------------------------


def check_erasures(
    plan: Plan,
    machines: Sequence[Machine],
    erased: Sequence[Erased],
    entries: Mapping[tuple[Origin, int], Entry],
) -> Iterator[str]:
    """Return what does not hold of erasures when nodes have come together; ``entries`` are all that were written."""
    gone = {fault.nodes[0] for fault in plan.faults if fault.kind in (Kind.DESTROY, Kind.LEAVE)}
    for one in erased:
        for machine in machines:
            if one.learner not in machine.ledger.erased and one.node not in gone:
                yield f"{machine.name} knows nothing of an erasure that {one.node} has confirmed"
    for machine in machines:
        yield from _gone_from_disk(machine)
        if not machine.ledger.erased.isdisjoint(machine.ledger.rows):
            yield f"{machine.name} counts events of somebody who is erased"
    readings = Readings()
    for machine in machines:
        yield from _same_as_unredacted(machine, entries, readings)


def _gone_from_disk(machine: Machine) -> Iterator[str]:
    erased, readings = machine.ledger.erased, Readings()
    if not erased:
        return
    disk = machine.copy_of_disk()
    snapshot = read_snapshot(disk)
    said = () if snapshot is None else [one for _, _, some in snapshot.said for one in some]
    rows = () if snapshot is None else snapshot.bases.rows
    if any(one.learner in erased for one in said) or not erased.isdisjoint(rows):
        yield f"{machine.name} has somebody who is erased on its disk, in a snapshot"
    for entry in entries_on(disk):
        if has_any(entry, erased, readings):
            yield f"{machine.name} has somebody who is erased on its disk, in entry {entry.number} of {entry.origin}"
            return


def _same_as_unredacted(
    machine: Machine, entries: Mapping[tuple[Origin, int], Entry], readings: Readings
) -> Iterator[str]:
    """Fold entries as they are in the log now, and as they were written where it has forgotten them."""
    ledger, counted = machine.ledger, Counted(machine, entries)
    if not ledger.erased:
        return
    kept = {
        (origin, entry.number): entry
        for origin, last in counted.last.items()
        for entry in machine.store.read(origin, 1, last)
    }
    fresh = counted.folded_anew(readings, kept)
    if fresh.fingerprint() != ledger.fingerprint():
        yield f"{machine.name} has something else than its redacted entries come to"
