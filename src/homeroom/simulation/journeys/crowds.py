"""Who fills the nodes: the people of each region, as a stream and not one by one.

A world of some dozen clients loads nothing. So each region has a crowd that asks for as much as so many nodes can do.
It goes where its clients would: by the table that they have fetched, the nearest region first, in tenths that are drawn
apart as clients are. What comes of it is the load that nodes measure, that tables follow from, and by which a node
turns requests away.
"""

from random import Random
from typing import Final

from homeroom.client.routes import RoutingTable, candidates, decode, is_newer
from homeroom.simulation.journeys.scene import NAME, Scene

__all__ = ["Crowds"]

_PARTS: Final = 10
_STEP_MS: Final = 1_000
_FETCH_MS: Final = (2_000, 9_000)
_NEW: Final = 0.5


class Crowds:
    """The people of all regions.

    Attributes
    ----------
    more : by region how many times as much it asks for as usual
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._chance = Random(f"{scene.plan.seed} crowds")  # noqa: S311 - a world, no secret
        places = scene.plan.places
        self.more = dict.fromkeys((place.name for place in places), 1.0)
        self._tables: dict[str, RoutingTable | None] = dict.fromkeys(self.more)
        scene.agenda.after(_STEP_MS, self._step)
        for place in places:
            scene.agenda.after(self._chance.randint(*_FETCH_MS), self._fetch, place.name)

    @property
    def demand(self) -> float:
        """What all ask for, in nodes."""
        pairs = zip(self._scene.plan.places, self._scene.plan.demand, strict=True)
        return sum(much * self.more[place.name] for place, much in pairs)

    def _fetch(self, region: str) -> None:
        self._scene.agenda.after(self._chance.randint(*_FETCH_MS), self._fetch, region)
        there = [
            one
            for one in self._scene.machines.values()
            if one.is_up and one.document and self._scene.links.joins("clients", region, one.region)
        ]
        near = [one for one in there if one.region == region] or there
        if near:
            table = decode(self._chance.choice(near).document, self._scene.verify, NAME)
            if is_newer(table, self._tables[region]):
                self._tables[region] = table

    def _step(self) -> None:
        self._scene.agenda.after(_STEP_MS, self._step)
        loads = dict.fromkeys(self._scene.machines, 0.0)
        for place, demand in zip(self._scene.plan.places, self._scene.plan.demand, strict=True):
            much = demand * self.more[place.name]
            for part in range(_PARTS):
                shares = self._shares(place.name, (place.latitude, place.longitude), part)
                for node, share in shares.items():
                    loads[node] += much / _PARTS * share
        for name, machine in self._scene.machines.items():
            machine.load += _NEW * (loads[name] - machine.load)

    def _shares(self, region: str, at: tuple[float, float], part: int) -> dict[str, float]:
        """Return where a tenth of a crowd goes."""
        table = self._tables[region]
        if table is None:
            there = [
                one for one in self._scene.plan.nodes_of(region) if self._is_there(region, one)
            ]
            return dict.fromkeys(there, 1 / max(1, len(there)))
        order = candidates(table, lambda _name: (part + 0.5) / _PARTS, at)
        first = next((one.region for one in order if self._is_there(region, one.name)), None)
        nodes = [o for o in order if o.region == first and self._is_there(region, o.name)]
        whole = sum(node.weight for node in nodes)
        if not whole:
            return dict.fromkeys((node.name for node in nodes), 1 / max(1, len(nodes)))
        return {node.name: node.weight / whole for node in nodes}

    def _is_there(self, region: str, node: str) -> bool:
        machine = self._scene.machines[node]
        is_well = machine.is_up and not machine.hold.refuses
        return is_well and self._scene.links.joins("clients", region, machine.region)
