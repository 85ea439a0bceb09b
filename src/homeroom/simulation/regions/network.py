"""Links that delay, lose, repeat and reorder messages, and that can be cut in one direction or in both.

Delay is the great circle's, with a tail that is long now and then. Each message draws its own, so that a later one may
come first. A cut is by ordered pair of nodes: a partition of any shape is a set of these, an asymmetric one too.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from homeroom.regions.fabric import FabricState, check_length
from homeroom.regions.messages import CHECK_BYTES, checked
from homeroom.simulation.regions.agenda import Agenda, Trace

__all__ = ["NEWER", "OLDER", "Network", "SimulatedFabric", "Weather"]

OLDER: Final = "older"
NEWER: Final = "newer"
"""A release before this one, and one after it."""
_UNKNOWN_TAG: Final = 99
_OLDER_FIELDS: Final = 10
"""What news had, its tag included, before it could be whole or behind."""
_SELDOM: Final = 0.1


@dataclass(frozen=True, slots=True)
class Weather:
    """How links behave now: shares of messages that are lost, repeated, damaged, and the longest further delay."""

    lost: float = 0.0
    repeated: float = 0.0
    damaged: float = 0.0
    jitter_ms: int = 3


class Network:
    """All links.

    Parameters
    ----------
    agenda, trace : of the world
    chance : settles what becomes of each message
    delays_ms : by ordered pair of nodes

    Attributes
    ----------
    weather : how links behave now
    carried, carried_bytes : what was handed over, lost or not
    looks : are shown each message
    rewritten : how many messages were of another release
    releases : by node that does not run this release which one it runs
    """

    def __init__(
        self,
        agenda: Agenda,
        trace: Trace,
        chance: Random,
        delays_ms: Mapping[tuple[str, str], float],
    ) -> None:
        self.weather = Weather()
        self.carried = 0
        self.carried_bytes = 0
        self.looks: list[Callable[[str, str, bytes], None]] = []
        self.rewritten = 0
        self.releases: dict[str, str] = {}
        self._agenda, self._trace = agenda, trace
        self._chance = chance
        self._delays_ms = delays_ms
        # How many cuts lie on a link: several partitions may overlap, and each ends by itself.
        self._cuts: dict[tuple[str, str], int] = {}
        # Where a machine was copied, there are two of one name.
        self._arrivals: dict[str, list[Callable[[str, bytes], None]]] = {}

    def connect(self, node: str, arrive: Callable[[str, bytes], None]) -> None:
        """Have messages for a node brought here."""
        self._arrivals.setdefault(node, []).append(arrive)

    def disconnect(self, node: str, arrive: Callable[[str, bytes], None]) -> None:
        """Bring messages for a node here no longer."""
        left = [one for one in self._arrivals.pop(node, []) if one != arrive]
        if left:
            self._arrivals[node] = left

    def cut(self, links: Iterable[tuple[str, str]]) -> None:
        """Let nothing through from the first to the second of each pair."""
        for link in links:
            self._cuts[link] = self._cuts.get(link, 0) + 1

    def part(self, some: Collection[str], for_ms: int) -> None:
        """Let nothing through between some nodes and all others for a while."""
        links = [link for link in self._delays_ms if (link[0] in some) is not (link[1] in some)]
        self.cut(links)
        self._agenda.after(for_ms, self.heal, links)

    def heal(self, links: Iterable[tuple[str, str]]) -> None:
        """End one cut of each of these links."""
        for link in links:
            self._cuts[link] = self._cuts.get(link, 0) - 1
            if self._cuts[link] <= 0:
                del self._cuts[link]

    def is_cut(self, sender: str, to: str) -> bool:
        """Say whether nothing gets through from one node to another."""
        return (sender, to) in self._cuts

    def delay_ms(self, sender: str, to: str) -> float:
        """Return how long a message takes at least."""
        return self._delays_ms[sender, to]

    def heal_all(self) -> None:
        """Let everything through, and nothing be lost."""
        self._cuts.clear()
        self.weather = Weather()
        self.releases.clear()

    def update(self, node: str, release: str | None) -> None:
        """Have a node run another release, None for this one."""
        self.releases.pop(node, None)
        if release is not None:
            self.releases[node] = release

    def heal_weather(self) -> None:
        """Let links behave again."""
        self.weather = Weather()

    def carry(self, sender: str, to: str, body: bytes) -> None:
        """Take a message."""
        self.carried += 1
        self.carried_bytes += len(body)
        self._trace.add(self._agenda.now_ms, body)
        for look in self.looks:
            look(sender, to, body)
        if to not in self._arrivals:
            return
        if sender in self.releases:
            self.rewritten += 1
            body = self._written_otherwise(self.releases[sender], sender, to, body)
        if (sender, to) in self._cuts:
            return
        weather, draw = self.weather, self._chance.random
        if weather.lost and draw() < weather.lost:
            return
        if weather.damaged and draw() < weather.damaged:
            place = int(draw() * len(body))
            body = body[:place] + bytes([body[place] ^ 1 << int(draw() * 8)]) + body[place + 1 :]
        copies = 2 if weather.repeated and draw() < weather.repeated else 1
        for _ in range(copies):
            delay_ms = self._delays_ms[sender, to] + draw() * weather.jitter_ms
            self._agenda.after(int(delay_ms), self._deliver, sender, to, body)

    def _written_otherwise(self, release: str, sender: str, to: str, body: bytes) -> bytes:
        """Return a message as another release writes it; a newer one says things that this one does not know."""
        said = msgspec.msgpack.decode(body[CHECK_BYTES:])
        if release == OLDER:
            said = said[:_OLDER_FIELDS] if said[0] == 1 else said
        else:
            said = [*said, "of a field that is not known"]
            if self._chance.random() < _SELDOM:
                unknown = checked(
                    msgspec.msgpack.encode([_UNKNOWN_TAG, "a message that is not known"])
                )
                delay_ms = int(self._delays_ms[sender, to])
                self._agenda.after(delay_ms, self._deliver, sender, to, unknown)
        return checked(msgspec.msgpack.encode(said))

    def _deliver(self, sender: str, to: str, body: bytes) -> None:
        if (sender, to) not in self._cuts:
            for arrive in self._arrivals.get(to, ()):
                arrive(sender, body)


class SimulatedFabric:
    """The fabric of one node of the simulated world; see `homeroom.regions.fabric.Fabric`.

    Parameters
    ----------
    node : whose it is
    network : all links
    """

    def __init__(self, node: str, network: Network) -> None:
        self._node, self._network = node, network
        self._box: deque[tuple[str, bytes]] = deque()
        self._wake: Callable[[], None] = _nobody
        self._is_closed = False

    def start(self, wake: Callable[[], None]) -> None:
        """Have messages brought here, and say of each that it has come."""
        self._wake = wake
        self._network.connect(self._node, self._arrive)

    def _arrive(self, sender: str, body: bytes) -> None:
        self._box.append((sender, body))
        self._wake()

    def send(self, to: str, body: bytes) -> None:
        """Give a message to the network. Raises `MessageError` if it is too long."""
        check_length(to, body)
        if not self._is_closed:
            self._network.carry(self._node, to, body)

    def receive(self) -> list[tuple[str, bytes]]:
        """Return what has come since the last call."""
        came = list(self._box)
        self._box.clear()
        return came

    def state(self) -> FabricState:
        """Return that all is well: what is lost here is lost on the links."""
        return FabricState(is_connected=not self._is_closed)

    def close(self) -> None:
        """Have no more messages brought here."""
        self._is_closed = True
        self._network.disconnect(self._node, self._arrive)
        self._wake = _nobody
        self._box.clear()


def _nobody() -> None:
    """Wake nobody: it has not begun, or is closed."""
