"""What happens to a member of the world, and what it wants done: events and effects of `homeroom.regions.member`.

Every step is given the time of a steady clock, which nobody sets: limits of time must not move when an operator puts
the clock right. Where the time of day matters, the event brings it (``wall_ms``).

There are some of these for each message, so they are structs of msgspec's: one is made in a sixth of the time of a data
class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

import msgspec

from homeroom.log.entries import Entry
from homeroom.log.members import LifeName
from homeroom.log.origins import Origin, Token
from homeroom.log.rulings import Rulings
from homeroom.regions.messages import Part, Range

__all__ = [
    "Agreed",
    "Alarm",
    "Apart",
    "Applied",
    "Arrived",
    "AskSnapshot",
    "AwaitApplied",
    "AwaitHeld",
    "BeginAnew",
    "Collect",
    "Collected",
    "Committed",
    "Covered",
    "Effect",
    "Event",
    "Exchange",
    "Fold",
    "Folded",
    "Found",
    "Held",
    "Keep",
    "Kept",
    "Level",
    "Look",
    "Members",
    "NotInstalled",
    "NotKept",
    "Print",
    "Printed",
    "Recovered",
    "Retired",
    "Saved",
    "Send",
    "StateAuditEnd",
    "TellAuditEnd",
    "Tick",
    "Trouble",
    "WriteMark",
]


class Apart(msgspec.Struct, frozen=True):
    """Where what this node has folded differs from what another one has.

    Parameters
    ----------
    shards : partitions of tables, in words
    rows : keys of rows, as far as they are found; a learner's is the pseudonym, so they are for operators alone
    is_all : whether these are all rows that differ
    """

    shards: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    is_all: bool = False


class Level(IntEnum):
    """How many regions hold a batch durably when its client hears yes.

    ``LOCAL`` is this node. ``REMOTE`` is a node in another region too, with all that came before. ``ALL`` is every
    member of the epoch.
    """

    LOCAL = 0
    REMOTE = 1
    ALL = 2


class Trouble(StrEnum):
    """What an alarm is about."""

    BAD_MESSAGE = "bad_message"
    BAD_ENTRY = "bad_entry"
    CLAIM = "claim"
    FORK = "fork"
    CLONE = "clone"
    STRANGER = "stranger"
    DIVERGED = "diverged"
    UNPROVEN = "unproven"
    RESIDENCY = "residency"


# --- what comes in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Members:
    """Who belongs to the world from this epoch on.

    Parameters
    ----------
    epoch : of the control stream
    regions : by node the region that it is in, this node included
    fenced : nodes that are to leave: nothing more is taken from them
    closed : by origin the last number that there will ever be
    ended : lives that are over, with the epoch at which that was stated: nothing more is taken from them
    collapsed : those of the closed that no vector names any more: all members hold them
    rulings : what was ruled of entries that are stamped in the future
    home : the node that writes the control stream, empty as long as none was named
    jurisdictions : by node the legal area that it is in, of nodes that have left too; documents of a node of which none
        is named stay with it
    """

    epoch: int
    regions: Mapping[str, str]
    fenced: frozenset[str] = frozenset()
    closed: Mapping[Origin, int] = field(default_factory=dict)
    ended: Mapping[LifeName, int] = field(default_factory=dict)
    collapsed: frozenset[Origin] = frozenset()
    rulings: Rulings = field(default_factory=dict)
    home: str = ""
    jurisdictions: Mapping[str, str] = field(default_factory=dict)


class Recovered(msgspec.Struct, frozen=True):
    """Entries that the log held when this life began, in order by origin; some may be folded already."""

    entries: tuple[Entry, ...]
    wall_ms: int


class Committed(msgspec.Struct, frozen=True):
    """Entries of this life are durable; ``level`` is the highest that a client in them waits for."""

    entries: tuple[Entry, ...]
    wall_ms: int
    level: Level = Level.LOCAL


class Arrived(msgspec.Struct, frozen=True):
    """A message came from a node; the fabric vouches for the name."""

    sender: str
    body: bytes
    wall_ms: int


class Kept(msgspec.Struct, frozen=True):
    """What was to be kept is durable."""

    wall_ms: int


class NotKept(msgspec.Struct, frozen=True):
    """What was to be kept is perhaps not durable. This life is over: the log begins another."""

    why: str


class Found(msgspec.Struct, frozen=True):
    """What `Look` found, in order by origin.

    ``lost`` is the first range that was looked for, if the log ends before it (`homeroom.regions.counting.lost`).
    """

    to: str
    pull: int
    entries: tuple[Entry, ...]
    wall_ms: int
    lost: Range | None = None


class Folded(msgspec.Struct, frozen=True):
    """Entries have been folded up to these numbers."""

    numbers: tuple[tuple[Origin, int], ...]


class Covered(msgspec.Struct, frozen=True):
    """A cut of history was stated that waits here until all is folded that it covers: up to these numbers.

    What is folded is stated to have been with all members once, whether anybody names it still or not. Without numbers
    no cut waits any more.
    """

    numbers: Mapping[Origin, int]


class Printed(msgspec.Struct, frozen=True):
    """The fingerprints that `Print` asked for, each with the digest of the applied vector that it is of.

    Parameters
    ----------
    check : which
    applied, fingerprint : of what all nodes share: documents are left out of both
    documents_applied, documents : of documents alone, empty if this node compares none
    parts : sums of all partitions, and of what the parts that `Print` named are made of
    expanded : the paths of these parts
    pinned_applied, pinned : of events that stay in the jurisdiction of this node, empty if there are none
    """

    check: int
    applied: bytes
    fingerprint: str
    documents_applied: bytes = b""
    documents: str = ""
    parts: tuple[Part, ...] = ()
    expanded: tuple[bytes, ...] = ()
    pinned_applied: bytes = b""
    pinned: str = ""


class AwaitHeld(msgspec.Struct, frozen=True):
    """A client waits until an entry is held at a level, at most until a time of the steady clock."""

    ticket: int
    token: Token
    level: Level
    until_ms: int


class AwaitApplied(msgspec.Struct, frozen=True):
    """A read waits until an entry is folded here, at most until a time of the steady clock."""

    ticket: int
    token: Token
    until_ms: int


class Saved(msgspec.Struct, frozen=True):
    """A snapshot is durable, and was read back whole, in which entries up to these numbers are folded."""

    numbers: Mapping[Origin, int]


class Collected(msgspec.Struct, frozen=True):
    """The log has forgotten entries up to these numbers."""

    numbers: Mapping[Origin, int]


class NotInstalled(msgspec.Struct, frozen=True):
    """The snapshot that was asked for did not come, or is of no use here. If one is, this life ends instead."""

    why: str


class TellAuditEnd(msgspec.Struct, frozen=True):
    """The home is to be told where the audit log of this node ends: it states that. The message may be lost."""

    home: str
    records: int
    digest: str


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""

    wall_ms: int


Event: TypeAlias = (
    Members
    | Recovered
    | Committed
    | Arrived
    | Kept
    | NotKept
    | Found
    | Folded
    | Covered
    | Printed
    | AwaitHeld
    | AwaitApplied
    | Saved
    | Collected
    | NotInstalled
    | TellAuditEnd
    | Tick
)


# --- what goes out ---------------------------------------------------------------------------------------------------


class Send(msgspec.Struct, frozen=True):
    """Give a message to the fabric. It may be lost."""

    to: str
    body: bytes


class Keep(msgspec.Struct, frozen=True):
    """Write entries of others, make them durable, and say `Kept` or `NotKept`."""

    entries: tuple[Entry, ...]


class Exchange(msgspec.Struct, frozen=True):
    """Put redacted entries in the places of those that are here unredacted, as far as erasures known here explain it.

    What another node took out of an entry beyond that stays here until its erasure has come, and is taken out then.
    """

    entries: tuple[Entry, ...]


class Look(msgspec.Struct, frozen=True):
    """Read entries of the log from these numbers on, about ``limits.PULL_BYTES`` of them, and say `Found`."""

    to: str
    pull: int
    ranges: tuple[Range, ...]


class Fold(msgspec.Struct, frozen=True):
    """Entries up to these numbers may be folded; those beyond have to wait."""

    numbers: tuple[tuple[Origin, int], ...]


class Print(msgspec.Struct, frozen=True):
    """Take the fingerprint of what is folded now, after all that was said before, and say `Printed`.

    ``expand`` are the paths of parts of which those are told too that they are made of: there, another node differs.
    """

    check: int
    expand: tuple[bytes, ...] = ()


class WriteMark(msgspec.Struct, frozen=True):
    """Write an entry into the analytic stream, one without events if nothing waits: it is this node's mark."""

    check: int


class Held(msgspec.Struct, frozen=True):
    """Tell a client how far its entry has come.

    Parameters
    ----------
    ticket : of whom
    level : how far
    is_late : whether that is not what it waited for
    is_alone : whether no wait would have brought it: these are documents of a jurisdiction with one region
    """

    ticket: int
    level: Level
    is_late: bool
    is_alone: bool = False


class Applied(msgspec.Struct, frozen=True):
    """Let a read go on; ``is_late`` if the entry is not folded yet."""

    ticket: int
    is_late: bool


class Collect(msgspec.Struct, frozen=True):
    """Let the log forget entries up to these numbers, some at a time, and say `Collected`."""

    numbers: Mapping[Origin, int]


class AskSnapshot(msgspec.Struct, frozen=True):
    """Fetch the newest snapshot of a node, put it in place of this node's state, and begin anew; or say `NotInstalled`.

    It is of use if it covers all that this node's log has forgotten, and goes beyond what the log holds somewhere.
    """

    of: str


class Retired(msgspec.Struct, frozen=True):
    """Vectors do not name these origins any more: all of them is held and may be folded, here and at every member."""

    origins: tuple[Origin, ...]


class BeginAnew(msgspec.Struct, frozen=True):
    """End this life and begin another: what this one has relied upon was stated otherwise.

    The next one leaves out what lies beyond the numbers at which origins were closed, and takes of its own node's what
    it left out as new batches.
    """

    why: str


class Alarm(msgspec.Struct, frozen=True):
    """Something that must not be, for people to look at; ``node`` and ``origin`` say where, if anywhere.

    ``apart`` says where states of two nodes differ, as far as that is known.
    """

    trouble: Trouble
    why: str
    node: str = ""
    origin: Origin | None = None
    apart: Apart | None = None


class StateAuditEnd(msgspec.Struct, frozen=True):
    """State where the audit log of another node ends, if this is the home."""

    node: str
    records: int
    digest: str


class Agreed(msgspec.Struct, frozen=True):
    """What this node and another one have folded is the same again: an alarm that it was not is over."""

    node: str


Effect: TypeAlias = (
    Send
    | Keep
    | Exchange
    | Look
    | Fold
    | Print
    | WriteMark
    | Held
    | Applied
    | Collect
    | AskSnapshot
    | Retired
    | BeginAnew
    | Alarm
    | Agreed
    | StateAuditEnd
)
