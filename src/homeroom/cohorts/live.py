"""What a running node says of itself, and what it adds to an answer: how much of what was sent is in there.

An answer from a file is about all of the file. An answer from a node that takes events all day is about those that had
come and were folded, so it says which: by vector, and by the age of the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from homeroom.cohorts.answers import Answer
from homeroom.log.origins import Token, Vector

__all__ = [
    "CheckStatus",
    "LiveAnswer",
    "NodeTraffic",
    "OtherNode",
    "RegionTraffic",
    "ShardsStatus",
    "Shows",
    "Status",
    "ToldAnswer",
    "TrafficStatus",
    "Trouble",
    "Wanted",
    "WorldStatus",
    "freshness_in_words",
]

_NOW_S: Final = 0.1
"""What is not older than that is told as now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an answer must hold, and how long it may be waited for.

    Parameters
    ----------
    after : by origin the last entry that must be in it
    lag_s_max : all that the nodes of each region had written so many seconds ago must be in it; None asks for nothing
    wait_ms : how long that is waited for; None for as long as the node lets a read wait, and never for longer
    """

    after: Vector = field(default_factory=Vector)
    lag_s_max: float | None = None
    wait_ms: int | None = None

    @classmethod
    def of(cls, after: "Token | Wanted | None") -> "Wanted":
        """Return what is wanted of an answer after one entry, or after nothing."""
        if isinstance(after, Token):
            return cls(after=Vector({after.origin: after.number}))
        return after or cls()


def freshness_in_words(freshness: Mapping[str, float | None]) -> str:
    """Return how fresh the share of each region is, for people: ``us-east now, lagos 0.8 s``."""
    return ", ".join(f"{region} {_age(lag_s)}" for region, lag_s in freshness.items())


def _age(lag_s: float | None) -> str:
    if lag_s is None:
        return "unknown"
    if lag_s <= _NOW_S:
        return "now"
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if lag_s >= 2 * seconds:
            return f"{lag_s / seconds:.0f} {unit}"
    return f"{lag_s:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardsStatus:
    """The shards of a node: how many there are, and why some of them are away, by number."""

    count: int
    away: Mapping[int, str] = field(default_factory=dict)


class Shows(StrEnum):
    """What an answer shows of ids: texts that anybody may read, and hashes for all others; or all texts there are."""

    REGISTERED = "registered"
    LABELS = "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldAnswer:
    """What is told of an answer, from the engine or from a cache, and what it knows.

    Parameters
    ----------
    applied : by origin the last entry that it was computed from
    age_ms : how long ago the newest of these entries was made, None where there is none
    is_complete : whether everything that was durable here when it was asked is in it, and it needed no event from
        before the day at which history begins
    epoch : the control epoch of the definitions that it used
    freshness : by region how many seconds ago all that it had written was in here, None where that is not known; None
        as a whole for a node alone
    told : what is told of the answer, where whoever asked has said how
    found : where it was found and how it stands, as a header tells it; nothing where no cache was asked
    is_stale : whether more has come that is not in it, and its reader did not say how old it may be
    """

    applied: Vector
    age_ms: int | None
    is_complete: bool
    epoch: int = 0
    freshness: Mapping[str, float | None] | None = None
    told: bytes = b""
    found: Mapping[str, str] = field(default_factory=dict)
    is_stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAnswer(ToldAnswer):
    """The same with the answer itself, as the engine gives it."""

    answer: Answer


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
class NodeTraffic:
    """What a node thinks of another one, or of itself: how ill it is, why, how busy it says it is, and its share."""

    verdict: str
    why: tuple[str, ...] = ()
    load: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionTraffic:
    """How requests go to a region: its state in the table, the share of its clients that it gets, and why not all."""

    state: str
    share: float
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficStatus:
    """Where requests go, as one node sees it.

    Parameters
    ----------
    generation : the number of its routing table, 0 if it has none yet
    nodes, regions : by name
    is_draining : whether this node is being emptied
    tables : that this node has made since the start
    reroutes : how often since then a region lost its clients because it was not well
    refused : messages about traffic that were not taken
    """

    generation: int
    nodes: Mapping[str, NodeTraffic]
    regions: Mapping[str, RegionTraffic]
    is_draining: bool = False
    tables: int = 0
    reroutes: int = 0
    refused: int = 0


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
    shards : those of a node whose learners are in shards, else None; ``learners`` and ``events`` are those that answer
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
    shards: ShardsStatus | None = None

    def told_to(self, tenant: str) -> list[str]:
        """Return in words what is wrong with the node, and with what is this tenant's; of others not even the name."""
        return [one.text for one in self.troubles if one.tenant in (None, tenant)]
