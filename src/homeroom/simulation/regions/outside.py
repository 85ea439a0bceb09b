"""What a simulated node has around it, and what is asked of it.

The node itself (`homeroom.simulation.regions.machine`) reaches everything through here: so a test puts something else
in the place of a core, and a world looks on without the node's help.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from homeroom.clock import HybridClock
from homeroom.log.entries import Entry
from homeroom.log.log import Admission, Log, Offer
from homeroom.log.origins import Origin, Token
from homeroom.regions.knowledge import Birth
from homeroom.regions.member import Member
from homeroom.regions.stated import Stated
from homeroom.regions.steps import Alarm, Level, Members
from homeroom.simulation.disk import Disk
from homeroom.simulation.disk_store import DiskStore
from homeroom.simulation.regions.agenda import Agenda, Trace
from homeroom.simulation.regions.beginning import Beginning, begin
from homeroom.simulation.regions.door import Content, Residence, admitted
from homeroom.simulation.regions.erasing import Cleaning, Register
from homeroom.simulation.regions.ledger import Ledger, Readings
from homeroom.simulation.regions.met import Met
from homeroom.simulation.regions.network import Network
from homeroom.simulation.regions.papers import Papers
from homeroom.simulation.regions.sharing import Sharing
from homeroom.simulation.regions.snapshots import Courier

if TYPE_CHECKING:
    from homeroom.log.entries import Entry
    from homeroom.simulation.regions.machine import Machine

__all__ = [
    "OWNER",
    "Cores",
    "Outside",
    "Request",
    "Told",
    "Watch",
]

OWNER: Final = "client"
"""Who sends batches, under the key that all have at first."""


@dataclass(frozen=True, slots=True)
class Cores:
    """What is tried: the cores of production, or copies with a fault that tests have made."""

    log: type[Log] = Log
    member: Callable[[Birth, int], Member] = Member
    store: Callable[[Disk], DiskStore] = DiskStore
    ledger: Callable[..., Ledger] = Ledger
    cleaning: Callable[[str, DiskStore, Ledger, Readings], Cleaning] = Cleaning
    register: Callable[[], Register] = Register
    stated: Callable[[], Stated] = Stated
    clock: type[HybridClock] = HybridClock
    begin: Callable[..., Beginning] = begin
    papers: Callable[[str], Papers] = Papers
    admit: Callable[[Sequence[Offer], Collection[str], Residence], Admission] = admitted


class Watch(Protocol):
    """Is told what happens, and looks whether it may."""

    def started(self, machine: Machine, said: Mapping[Origin, int]) -> None:
        """Take that a node has opened its log, and what it held by its own words when its last life ended."""

    def committed(self, machine: Machine, entries: Sequence[Entry]) -> None:
        """Take entries that a node has numbered, and that are durable there."""

    def folded(self, machine: Machine, entry: Entry) -> None:
        """Take an entry that a node has folded."""

    def collected(self, machine: Machine, numbers: Mapping[Origin, int]) -> None:
        """Take that a node's log has forgotten entries up to these numbers."""

    def stepped(self, machine: Machine) -> None:
        """Look at a node that has taken a step."""

    def alarmed(self, machine: Machine, alarm: Alarm) -> None:
        """Take an alarm that a node raised."""

    def erased(self, machine: Machine) -> None:
        """Take that a node has folded an erasure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a node has around it, and how long it is between two of its snapshots, at least and at most."""

    agenda: Agenda
    trace: Trace
    network: Network
    readings: Readings
    sharing: Sharing
    watch: Watch
    members: Members
    cores: Cores
    courier: Courier
    met: Met
    save_ms: tuple[int, int]
    """How long it is between two snapshots of a node, at least and at most."""
    homes: Mapping[str, str]
    """By learner in which jurisdiction they live, of those who are not at home wherever they write."""


@dataclass(frozen=True, slots=True)
class Request:
    """A batch that a client sends, or facts that an operator states, when, and whom to tell.

    ``seen`` is the last token that the client has, ``owner`` whose its key is.
    """

    batch_id: str
    events: Content
    level: Level
    tell: Callable[[Told], None]
    sent_ms: int
    seen: Token | None = None
    owner: str = OWNER


@dataclass(frozen=True, slots=True)
class Told:
    """What a client hears: refused (no token), or the token and the level that it has reached.

    ``is_alone`` if no other region may have it.
    """

    token: Token | None
    level: Level
    is_late: bool = False
    is_alone: bool = False
