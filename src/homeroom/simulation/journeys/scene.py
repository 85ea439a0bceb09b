"""What everything in a world of requests shares: time, chance, links, the nodes by name and address, and the checks."""

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from homeroom.regions.world import Region, RegionNode
from homeroom.simulation.journeys.checks import Checks
from homeroom.simulation.journeys.links import Links
from homeroom.simulation.journeys.plan import JourneyPlan
from homeroom.simulation.journeys.shared import Shared
from homeroom.simulation.regions.agenda import Agenda, Trace
from homeroom.simulation.regions.signatures import is_signed

if TYPE_CHECKING:
    from homeroom.simulation.journeys.machine import Machine

__all__ = ["NAME", "Scene", "regions_of", "url_of"]

NAME = "simulated"


def url_of(node: str) -> str:
    """Return the address of a node."""
    return f"http://{node}.example"


def regions_of(plan: JourneyPlan) -> dict[str, Region]:
    """Return the regions of a world as operators write them down."""
    return {
        place.name: Region(
            name=place.name,
            latitude=place.latitude,
            longitude=place.longitude,
            jurisdiction=place.jurisdiction,
            nodes={
                name: RegionNode(key="", http=url_of(name)) for name in plan.nodes_of(place.name)
            },
        )
        for place in plan.places
    }


@dataclass(slots=True)
class Scene:
    """What all share.

    Parameters
    ----------
    plan : of the world
    agenda : virtual time
    trace : what happened
    chance : draws what nobody else draws
    links : who reaches whom
    checks : hear of all that is promised
    regions : as operators wrote them down
    machines : by name of the node
    shared : by region the cache of its nodes
    """

    plan: JourneyPlan
    agenda: Agenda
    trace: Trace
    chance: Random
    links: Links
    checks: Checks
    regions: dict[str, Region]
    machines: "dict[str, Machine]" = field(default_factory=dict)
    shared: dict[str, Shared] = field(default_factory=dict)

    @property
    def now_ms(self) -> int:
        """Virtual time."""
        return self.agenda.now_ms

    def verify(self, node: str, digest: bytes, signature: bytes) -> bool:
        """Say whether a node of the world has signed a digest."""
        return node in self.machines and is_signed(node, digest, signature)

    def at(self, url: str) -> "Machine":
        """Return the node at an address."""
        name = url.removeprefix("http://").removesuffix(".example")
        assert name in self.machines, f"{url} is the address of no node, and is sent a request"
        return self.machines[name]

    def note(self, who: str, what: str) -> None:
        """Write down what happened."""
        self.trace.note(self.agenda.now_ms, who, what)
