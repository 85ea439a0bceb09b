"""Documents among running nodes of one jurisdiction: what becomes of those that come, and up to when all are here.

What comes is durable first, in the log, and then goes to the vault, in the thread that writes, as own documents do. A
node that may not share (`homeroom.running.residing`) takes itself out of its jurisdiction, which the core knows how to
live with: its documents stay with it, those of others are not taken, and it says so for as long as that is so.

The way not taken is to apply what comes where it is folded: whoever asked for `all` would hear yes from nodes that
cannot show it yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from homeroom import limits
from homeroom.cohorts.live import Trouble
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream, Token
from homeroom.log.payloads import unpack
from homeroom.log.store import Store
from homeroom.regions.holdings import View
from homeroom.regions.residency import holders, is_alone
from homeroom.regions.steps import Members
from homeroom.running.counted import subjects
from homeroom.running.freshness import Freshness
from homeroom.running.live import Live
from homeroom.running.recording import RecordReader, redacted_records
from homeroom.running.residing import Residing

__all__ = ["Shared", "Sharing"]

_LATER_MS: Final = 1 << 62
"""Ages are reckoned from here, so that what comes of it is when the other node told it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a node that shares documents has around it.

    Parameters
    ----------
    residing : where it is
    recorder : writes the vault
    store : the log
    live : what is folded
    """

    residing: Residing
    recorder: RecordReader
    store: Store
    live: Live


class Sharing:
    """Documents among the nodes of a jurisdiction. Unless it is said otherwise, in the thread that writes.

    Attributes
    ----------
    why_not : why no documents are shared, None where they are, or nobody knows yet
    late : how many entries have come with something of who was erased by then
    """

    def __init__(self, around: Shared) -> None:
        self._around = around
        self._node = around.residing.node
        self.why_not: str | None = None
        self._why_not_open: str | None = None
        self.late = 0
        self._members = Members(0, {self._node: ""})
        # Of others, up to which of their documents they had written at a time of their own clocks.
        self._told = Freshness()
        self._heard_ms: dict[str, int] = {}
        self._erased: dict[str, frozenset[bytes]] = {}
        self._removals = -1
        self._is_behind = False
        self._again_ms = 0

    # --- whether -----------------------------------------------------------------------------------------------------

    def among(self, members: Members, control: Control) -> Members:
        """Return who belongs to the world as this node goes by it: if it shares nothing, its jurisdiction is out."""
        residing, stated = self._around.residing, control.members
        self.why_not = residing.why_not(stated)
        if self.why_not is not None or not residing.is_keyed(stated):
            of = members.jurisdictions
            laws = {node: law for node, law in of.items() if node != self._node}
            members = replace(members, jurisdictions=laws)
        self._members = members
        self._told.keep(members.regions)
        here, homes = members.jurisdictions.get(self._node, ""), self._around.recorder.homes
        # What was sealed for here may have come before anybody said where this is.
        self._is_behind = self._is_behind or here != homes.here
        homes.follow(control, here)
        self._why_not_open = residing.why_not_open(stated) if here else None
        return members

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what is wrong; from any thread."""
        stopped = self._around.recorder.stopped.values()
        told = [*stopped, self.why_not, self._why_not_open, self._to_nobody()]
        return tuple(Trouble(one) for one in told if one is not None)

    def _to_nobody(self) -> str | None:
        there = {self._members.jurisdictions.get(node) for node in self._members.regions}
        gone = sorted(self._around.recorder.homes.named() - there)
        if not gone or self.why_not is not None:
            return None
        return (
            f"learners have their home in {', '.join(gone)}, and no node is there any more: their documents are sealed "
            f"and go nowhere. Let a node join there, or say anew where they live (homeroom tenant homes)"
        )

    # --- what comes --------------------------------------------------------------------------------------------------

    def take(self, entries: Sequence[Entry]) -> None:
        """Take entries of others that are durable here."""
        recorder = self._around.recorder
        documents = [one for one in entries if recorder.is_kept(one.origin)]
        if documents:
            recorder.follow(documents, self._around.store)
            self._is_behind = self._is_behind or any(
                one.number > recorder.applied[one.origin] for one in documents
            )
        # What is sealed for elsewhere is not opened here, and cleaned all the same.
        private = [one for one in entries if one.origin.stream.has_documents]
        self._count_late([one for one in private if one.origin not in recorder.stopped])

    def tick(self, now_ms: int) -> None:
        """Try again what could not be taken, some at a time; ``now_ms`` is of a steady clock."""
        recorder, store = self._around.recorder, self._around.store
        if not self._is_behind or now_ms < self._again_ms:
            return
        self._is_behind = False
        for origin, number in store.held().items():
            if recorder.is_kept(origin) and recorder.applied[origin] < number:
                recorder.follow_up(origin, number, store)
                is_stopped = origin in recorder.stopped
                self._is_behind |= not is_stopped and recorder.applied[origin] < number
        # What is in the way now, such as a full disk, may be so for long.
        self._again_ms = now_ms + (limits.TICK_MS if recorder.trouble is not None else 0)

    def _count_late(self, documents: Sequence[Entry]) -> None:
        """Note what came of who is erased: the log is to be cleaned of it, and no event tells of it."""
        live = self._around.live
        if live.removals != self._removals:
            self._removals = live.removals
            self._erased = subjects(live.erased())
        if self._erased:
            self.late += sum(_has_any(one, self._erased) for one in documents)

    def heard(self, sender: str, view: View | None) -> None:
        """Note up to where a node has written documents, if it has just told all that it holds, and when."""
        if view is None or view.whole_ms in (0, self._heard_ms.get(sender)):
            return
        self._heard_ms[sender] = view.whole_ms
        written = {
            origin: number
            for origin, number in view.numbers.items()
            if origin.node == sender and self._around.recorder.is_kept(origin)
        }
        self._told.heard(sender, written, view.whole_ms)

    # --- asked, from any thread --------------------------------------------------------------------------------------

    def is_among_regions(self, home: str) -> bool:
        """Say whether another region may have what this node takes of a home; an empty one is here."""
        stream = Stream.sealed_for(home) if home else Stream.DOCUMENT
        return not is_alone(self._members, Origin(self._node, "", stream))

    def others_ms(self) -> list[int]:
        """Return of each other node that shares documents up to when all is here that it stored, by its clock.

        Milliseconds since 1970 UTC, 0 for one that was not heard yet.
        """
        applied, members = self._around.recorder.applied, self._members
        recorder = self._around.recorder
        # Whoever takes anything may have taken what belongs here.
        is_home = recorder.homes.here in recorder.homes.named()
        all_of_them = set(members.regions) if is_home else holders(members, self._origin)
        others = all_of_them - members.fenced - {self._node}
        ages = (self._told.age_ms(node, applied, _LATER_MS) for node in others)
        return [0 if age is None else _LATER_MS - age for age in ages]

    def is_shared(self) -> bool:
        """Say whether any other node has the documents of this one."""
        return len(holders(self._members, self._origin)) > 1

    def tokens(self) -> list[Token]:
        """Return the last document that is held of each origin. Raises `StoreError`."""
        held = self._around.store.held()
        return [Token(o, n, 0) for o, n in held.items() if self._around.recorder.is_kept(o)]

    def sealed_tokens(self, home: str) -> list[Token]:
        """Return the last of what was sealed here for a jurisdiction, in each life. Raises `StoreError`."""
        held = self._around.store.held()
        return [
            Token(o, n, 0)
            for o, n in held.items()
            if o.stream.home == home and o.node == self._node
        ]

    @property
    def _origin(self) -> Origin:
        return Origin(self._node, "", Stream.DOCUMENT)


def _has_any(entry: Entry, erased: dict[str, frozenset[bytes]]) -> bool:
    return redacted_records(entry.origin.stream, unpack(entry.payload).content, erased) is not None
