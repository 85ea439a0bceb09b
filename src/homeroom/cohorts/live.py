"""What a running node says of itself, and what it adds to an answer: how much of what was sent is in there.

An answer from a file is about all of the file. An answer from a node that takes events all day is about those that had
come and were folded, so it says which: by vector, and by the age of the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from homeroom.cohorts.answers import Answer
from homeroom.log.origins import Vector

__all__ = [
    "CheckStatus",
    "LiveAnswer",
    "OtherNode",
    "Shows",
    "Status",
    "Trouble",
    "WorldStatus",
]


class Shows(StrEnum):
    """What an answer shows of ids: texts that anybody may read, and hashes for all others; or all texts there are."""

    REGISTERED = "registered"
    LABELS = "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAnswer:
    """An answer and what it knows.

    Parameters
    ----------
    answer : the answer
    applied : by origin the last entry that it was computed from
    age_ms : how long ago the newest of these entries was made, None where there is none
    is_complete : whether everything that was durable here when it was asked is in it, and it needed no event from
        before the day at which history begins
    epoch : the control epoch of the definitions that it used
    freshness : by region how many seconds ago all that it had written was in here, None where that is not known; None
        as a whole for a node alone
    """

    answer: Answer
    applied: Vector
    age_ms: int | None
    is_complete: bool
    epoch: int = 0
    freshness: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong.

    Parameters
    ----------
    text : in words what, and what to do
    tenant : whose it is, None for what is the node's as a whole
    """

    text: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStatus:
    """How far it has been read again what is on disk.

    Parameters
    ----------
    entries, files : read in the round under way, or in the last one
    damages : that were found and have not gone since
    finished_ms : when a round came to its end last, None before the first did
    """

    entries: int = 0
    files: int = 0
    damages: int = 0
    finished_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNode:
    """A node of the world, as another one (or it itself) sees it.

    Parameters
    ----------
    region : where it is
    is_fenced : whether it is to leave
    behind : entries that it has told of and that are not folded here
    lacks : entries that are durable here and that it has not told of
    lag_s : so many seconds ago all that it had written is folded here now; None if nothing was heard of it
    sent_bytes, received_bytes : what went to it and came from it since the start, as it was on the way
    dropped : messages to and from it that were lost here, because there was no room or no connection
    """

    region: str
    is_fenced: bool
    behind: int
    lacks: int
    lag_s: float | None
    sent_bytes: int = 0
    received_bytes: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEntries:
    """Entries that are durable, and count when their time comes or when operators rule that they do.

    Parameters
    ----------
    origin : its text
    first, last : numbers of entries, both included
    until_ms : when the last of them counts, milliseconds since 1970 UTC
    """

    origin: str
    first: int
    last: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldStatus:
    """How the world looks from a node.

    Parameters
    ----------
    node, home : this one, and the one that writes what is stated
    nodes : by name all that belong to it, this one too; none while the node cannot write
    epoch : of the control stream at which these belong to it
    least : the level at which every batch must be held
    stray_ms : how far this node's clock is ahead of the median of all, None if that cannot be said
    comparisons : fingerprints that were compared in this life of the node
    waiting : clients that wait for other regions
    held_back : runs of entries that are durable and may not be folded yet
    early : those of them that are from the future
    apart : by node whose state differs from this one's at equal entries, in how many shards it does
    alarms : what must not be, and was seen since the start
    is_connected : whether messages can go out
    """

    node: str
    home: str
    nodes: Mapping[str, OtherNode]
    epoch: int = 0
    least: str = "local"
    stray_ms: int | None = None
    comparisons: int = 0
    waiting: int = 0
    held_back: int = 0
    early: tuple[EarlyEntries, ...] = ()
    apart: Mapping[str, int] = field(default_factory=dict)
    alarms: int = 0
    is_connected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a node is.

    Parameters
    ----------
    learners, events : of the tenant that was asked about: learners there are, events that were folded
    cut_events : of all tenants, events that came since the start and were of somebody who is erased
    applied, held : by origin the last entry that is folded, and the last that is durable here
    ages_ms : by origin how long ago its newest folded entry was made
    epoch : of the control stream
    troubles : what is wrong
    is_ready : whether it takes questions and events
    checked : how far it has been read again what is on disk
    history_from : ISO date of the day at which the tenant's history begins, None if it was never cut
    lost : its events that came from before that day and that no cut covers; ``lost_of_all``: of all tenants
    world : how the world looks from here, None for a node alone
    record_conflicts : under how many ids of statements, of all tenants, nodes accepted different ones
    """

    learners: int
    events: int
    applied: Vector
    held: Vector
    ages_ms: Mapping[str, int] = field(default_factory=dict)
    epoch: int = 0
    troubles: tuple[Trouble, ...] = ()
    is_ready: bool = True
    cut_events: int = 0
    history_from: str | None = None
    lost: int = 0
    lost_of_all: int = 0
    checked: CheckStatus = CheckStatus()
    world: WorldStatus | None = None
    record_conflicts: int = 0

    def told_to(self, tenant: str) -> list[str]:
        """Return in words what is wrong with the node, and with what is this tenant's; of others not even the name."""
        return [one.text for one in self.troubles if one.tenant in (None, tenant)]
