"""The world as its operators wrote it down: which regions there are, where, under which law, with which nodes.

This is where a node begins, before anything is stated: it says whom to believe (keys) and whom to talk to (addresses).
From the first fact about members on, the control stream alone says who belongs to the world; what stays of this are the
places and addresses, which no fold reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from homeroom.distance import km_between
from homeroom.log.members import MemberNode

__all__ = ["Region", "RegionNode", "RegionState", "World"]


class RegionState(StrEnum):
    """Whether a region runs nodes, or is only made ready for them."""

    ACTIVE = "active"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionNode:
    """A node of a region.

    Attributes
    ----------
    key : the public half of its signing key, ``ed25519:`` and base64
    http : where clients reach it, ``https://host:port``; empty if nobody said
    """

    key: str
    http: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A place that runs nodes.

    Attributes
    ----------
    name : of the region
    latitude, longitude : where it is, in degrees north and east
    jurisdiction : the legal area that it is in
    tier : who takes over for others first: 1 before 2 before 3
    state : whether it runs nodes
    fabric : where the servers of its fabric take clients, ``tls://host:port`` each
    gateways : where they take the servers of other regions, ``tls://host:port`` each
    nodes : by name its nodes
    """

    name: str
    latitude: float
    longitude: float
    jurisdiction: str
    tier: int = 1
    state: RegionState = RegionState.ACTIVE
    fabric: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    nodes: Mapping[str, RegionNode] = field(default_factory=dict)

    def km_to(self, other: "Region") -> float:
        """Return the distance to another region along the great circle, in kilometres."""
        here, there = (self.latitude, self.longitude), (other.latitude, other.longitude)
        return km_between(here, there)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All regions.

    Attributes
    ----------
    name : of the world; nodes of two worlds never hear each other
    home : the region of the node that writes what is stated
    regions : by name
    vaults : by jurisdiction the check of the vault key that its nodes have; documents of others stay with their node
    seals : by jurisdiction the public half of the key by which other jurisdictions seal for it
    """

    name: str
    home: str
    regions: Mapping[str, Region]
    vaults: Mapping[str, str] = field(default_factory=dict)
    seals: Mapping[str, str] = field(default_factory=dict)

    def members(self) -> dict[str, MemberNode]:
        """Return by name all nodes, as they belong to the world until something is stated of members."""
        return {
            name: MemberNode(region=region.name, jurisdiction=region.jurisdiction, key=node.key)
            for region in self.active().values()
            for name, node in region.nodes.items()
        }

    def region_of(self, node: str) -> Region | None:
        """Return the region of a node; None if there is no such node."""
        for region in self.active().values():
            if node in region.nodes:
                return region
        return None

    @property
    def home_node(self) -> str:
        """The node that states facts: the first by name of the home region. It is one, so their order is true."""
        return min(self.regions[self.home].nodes)

    def active(self) -> dict[str, Region]:
        """Return by name the regions that run nodes, or are to."""
        return {
            name: region
            for name, region in self.regions.items()
            if region.state is RegionState.ACTIVE
        }
