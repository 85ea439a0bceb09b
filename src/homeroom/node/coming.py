"""What came of one tenant between two vectors, entry by entry, as facts about learners.

The entries are read from a log once more and taken as the fold takes them: checked, projected, of nobody who is erased
or withheld now, of nothing from before a cut. What is said of people now holds at both ends: who is erased is in no
explanation of how it was before, because nothing of them is left that could be told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from homeroom import limits
from homeroom.errors import QuestionError
from homeroom.events.model import EventBatch, Int32s, UInt64s
from homeroom.events.texts import sealed
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Stream
from homeroom.log.payloads import OpenPart, open_parts, unpack
from homeroom.log.rulings import is_lost
from homeroom.node.arrival import arrived
from homeroom.state.batches import joined_batches
from homeroom.state.keys import find_sorted
from homeroom.state.state import State

__all__ = ["Came", "came_of"]


@dataclass(frozen=True, slots=True)
class Came:
    """What came.

    Parameters
    ----------
    entries : that hold anything of the tenant, in the order in which they were read
    events : all events in them; ``entry``, int32, is the place of each one's entry
    voids : hashes of voided ids, uint64; ``void_entry``, int32, is the place of each one's entry
    others : how many entries say something of people or of what holds for all, which counts at both ends
    """

    entries: list[Entry]
    events: EventBatch
    entry: Int32s
    voids: UInt64s
    void_entry: Int32s
    others: int = 0


@dataclass(slots=True)
class _Reading:
    """What was read so far; the lists are of one length."""

    entries: list[Entry] = field(default_factory=list)
    events: list[EventBatch] = field(default_factory=list)
    voids: list[UInt64s] = field(default_factory=list)
    others: int = 0
    read: int = 0

    def came(self) -> Came:
        """Return it as one."""
        return Came(
            entries=self.entries,
            events=joined_batches(self.events),
            entry=_places([len(one) for one in self.events]),
            voids=sealed(np.concatenate([np.empty(0, np.uint64), *self.voids])),
            void_entry=_places([len(one) for one in self.voids]),
            others=self.others,
        )


def came_of(state: State, tenant: str, control: Control, entries: Iterable[Entry]) -> Came:
    """Return what entries hold of a tenant.

    Parameters
    ----------
    state : of the tenant, which holds all of these; its dictionaries get no new texts
    tenant : its name
    control : what was stated
    entries : those of an origin in order

    Raises
    ------
    EntryError
        One is damaged.
    QuestionError
        There is more than one explanation can hold.
    """
    reading = _Reading()
    for entry in entries:
        entry.check_payload()
        if entry.origin.stream is Stream.CONTROL:
            reading.others += 1
        elif entry.origin.stream.has_events:
            _take(reading, state, (tenant, control), entry)
    return reading.came()


def _take(reading: _Reading, state: State, of: tuple[str, Control], entry: Entry) -> None:
    tenant, control = of
    for written in open_parts(unpack(entry.payload).content):
        if written.tenant != tenant:
            continue
        part, _ = arrived(entry, written, control)
        if is_lost(control.members.rulings, entry.origin, entry.number, tenant):
            part = part.of_persons()
        reading.others += bool(part.erasures or part.consents)
        reading.read += part.count + len(part.voids)
        if reading.read > limits.EXPLAINED_EVENTS_MAX:
            raise QuestionError(
                f"more than {limits.EXPLAINED_EVENTS_MAX:,} events came between the two vectors; explain a cell "
                f"between vectors that lie nearer"
            )
        reading.entries.append(entry)
        reading.events.append(_effective(state, part))
        reading.voids.append(part.voids)


def _effective(state: State, part: OpenPart) -> EventBatch:
    """Return the events of a part that have an effect now, with codes of a state that has folded them."""
    if part.record is None:
        return joined_batches([])
    history = state.history
    keys = tuple(sealed(part.record.column(name).to_numpy()) for name in ("key_hi", "key_lo"))
    gone = history.withheld.covers(*keys) | (find_sorted(*history.erased, *keys) >= 0)
    if history.begins is not None:
        gone |= history.begins.before(part.keys_and_times()[1])
    if gone.all():
        return joined_batches([])
    # Texts that only erased events had are forgotten: they are not to be asked for.
    known = (part.chosen(~gone) if gone.any() else part).known(state.dictionaries)
    if known is None or known.events is None:
        raise QuestionError(
            "an entry between the two vectors has texts that are not known here: it is not folded; begin later"
        )
    return known.events


def _places(counts: list[int]) -> Int32s:
    return sealed(np.repeat(np.arange(len(counts), dtype=np.int32), counts))
