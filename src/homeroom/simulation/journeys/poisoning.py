"""Somebody who reaches the cache of a region, and changes what lies there: exchanged, damaged, forged or replayed.

A cache is a program on a network, and whoever reaches it can write. What a thief has not is the key of a tenant; all
else is known to whoever reads this repository. The forged value is the worst that can be made without the key: it is
written as nodes write, under the right name, of the newest entries, and says something else.
"""

from dataclasses import replace
from random import Random
from typing import Final

from homeroom.adapters.sealed_values import NONCE_BYTES
from homeroom.simulation.journeys.shared import Lying, Shared
from homeroom.traffic.caching.entries import pack

__all__ = ["Poisoner"]

_LIE: Final = b"|1000000"
_WAYS: Final = 4


class Poisoner:
    """Changes the values of one cache.

    Parameters
    ----------
    shared : the cache
    chance : draws which value is changed, and how
    """

    def __init__(self, shared: Shared, chance: Random) -> None:
        self._shared, self._chance = shared, chance
        self._seen: dict[bytes, bytes] = {}  # by name what lay there first

    def poison(self, now_ms: int) -> None:
        """Change about half of what lies there."""
        values = self._shared.values
        for name, lying in list(values.items()):
            first = self._seen.setdefault(name, lying.content)
            if self._chance.random() < 0.5:
                values[name] = replace(lying, content=self._changed(lying, first, now_ms))

    def _changed(self, lying: Lying, first: bytes, now_ms: int) -> bytes:
        way = self._chance.randrange(_WAYS)
        if way == 0:
            return self._chance.choice(list(self._shared.values.values())).content
        if way == 1:
            damaged = bytearray(lying.content)
            damaged[self._chance.randrange(len(damaged))] ^= 1 << self._chance.randrange(8)
            return bytes(damaged)
        kept = self._shared.get(lying.key, now_ms)
        if way == 2 or kept is None:
            return first
        lie = kept.value.rpartition(b"|")[0] + _LIE
        return bytes(NONCE_BYTES) + pack(lying.key.name, replace(kept, value=lie))
