"""A member that is not honest: what it says of itself is believed, and nothing that it says of anybody else.

It sends, in its own name and in the middle of its honest messages, what a broken or a hostile node would: that it has
another entry than others at a number that it does hold, entries that their node has not signed, lives that never were,
and that it has forgotten what nobody asked it for. All of it may cost a question and an alarm. None may stop an origin,
end a life or exchange anybody's state.

What a member says that *it* holds counts, and no signature can prove it: it could promise to clients what is nowhere.
So this one only claims what it has.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Final

import msgspec

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin
from homeroom.regions.holdings import item_of
from homeroom.regions.messages import Item, News, encode, sealed_entry
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.network import Network
from homeroom.simulation.regions.plan import Fault

__all__ = ["Lies"]

_EVERY_MS: Final = 120
_FAR: Final = 40


class Lies:
    """What dishonest members say.

    Parameters
    ----------
    machines : all nodes, by name
    network, agenda : of the world
    chance : settles who hears what
    """

    def __init__(
        self, machines: Mapping[str, Machine], network: Network, agenda: Agenda, chance: Random
    ) -> None:
        self._machines, self._network, self._agenda = machines, network, agenda
        self._chance = chance

    def begin(self, fault: Fault) -> None:
        """Let a member lie for a while."""
        self._lie(self._machines[fault.nodes[0]], self._agenda.now_ms + fault.for_ms)

    def _lie(self, liar: Machine, until_ms: int) -> None:
        others = [m for m in self._machines.values() if m is not liar and m.life is not None]
        if liar.life is not None and others:
            self._tell(liar, self._chance.choice(others))
        if self._agenda.now_ms < until_ms:
            self._agenda.after(_EVERY_MS, self._lie, liar, until_ms)

    def _tell(self, liar: Machine, other: Machine) -> None:
        held, mine = other.member.replication.holdings.heads, liar.member.held
        shared = [
            origin
            for origin, head in held.items()
            if origin.stream.is_shared and mine.get(origin, 0) >= head.number
        ]
        assert liar.life is not None
        news = News(life=liar.life, version=0, epoch=0, total=b"")
        said: dict[str, object] = {"is_behind": True}
        if shared:
            origin = self._chance.choice(sorted(shared))
            item = item_of(origin, held[origin])
            said = self._chance.choice(
                [
                    {"is_behind": True},
                    {"items": (Item(origin, item.number, b"nonsense"),)},
                    {"items": (self._made_up(origin),)},
                    {"entries": self._forged(liar, origin, item.number)},
                ]
            )
        body = encode(msgspec.structs.replace(news, **said))
        self._network.carry(liar.name, other.name, body)

    def _made_up(self, origin: Origin) -> Item:
        life = f"{self._chance.getrandbits(128):032x}"
        return Item(Origin(origin.node, life, origin.stream), _FAR, b"nonsense")

    def _forged(self, liar: Machine, origin: Origin, number: int) -> tuple[msgspec.Raw, ...]:
        """Return entries that go on from one, and one that is far beyond, all of them made up."""
        entries: list[Entry] = liar.store.read(origin, number, 1)
        if not entries:
            return ()
        (last,) = entries
        return tuple(sealed_entry(_following(last, more)) for more in (1, _FAR))


def _following(entry: Entry, more: int) -> Entry:
    number, nobody = entry.number + more, bytes(64)
    return replace(entry, number=number, previous=entry.digest, signature=nobody, redaction=None)
