"""Labels of ids, told to all shards, so that they read the same texts where they match, sort and show.

The vault of the node knows labels, and shards have no vault. What is sorted or matched by text must be so in all alike,
so nobody may know a label that another who is asked the same question does not know. They are told before a question,
while no other one is under way; a shard that is new is told what the others know.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakKeyDictionary

from homeroom import limits
from homeroom.errors import ShardsAwayError
from homeroom.events.labels import Labels
from homeroom.scaling.gathering import Pending

__all__ = ["Labelled", "Labelling"]


class Labelled(Protocol):
    """A shard, as far as labels go."""

    number: int

    def label(self, tenant: str, texts: Sequence[str]) -> Pending:
        """Have it take texts as the labels of their hashes."""
        ...


class Labelling:
    """Tells labels; its lock is that of the engine's turn.

    Parameters
    ----------
    known : returns the labels of a tenant that the node knows
    heads : returns those that the head knows
    """

    def __init__(self, known: Callable[[str], Labels], heads: Callable[[str], Labels]) -> None:
        self._known, self._heads = known, heads
        self._told: WeakKeyDictionary[Labelled, dict[str, int]] = WeakKeyDictionary()
        self._told_all: dict[str, int] = {}
        self._asking = 0
        self._counting = threading.Lock()

    @contextmanager
    def of(self, tenant: str, shards: Sequence[Labelled], late: dict[int, str]) -> Iterator[None]:
        """Have shards and the head know the same labels of a tenant.

        Raises `ShardsAwayError` where that cannot be; those that did not take them come into ``late``.
        """
        known = self._known(tenant)
        known.of("")  # those that everybody may know are there from here on
        count = self._told_all.get(tenant, 0) if self._asking else len(known)
        behind = [one for one in shards if self._told.get(one, {}).get(tenant, 0) < count]
        if behind or self._told_all.get(tenant, 0) < count:
            self._tell(tenant, known.after(0)[:count], behind, late)
        with self._counting:
            self._asking += 1
        try:
            yield
        finally:
            with self._counting:
                self._asking -= 1

    def _tell(
        self, tenant: str, texts: list[str], behind: Sequence[Labelled], late: dict[int, str]
    ) -> None:
        told = [(one, self._told.setdefault(one, {})) for one in behind]
        pending = [one.label(tenant, texts[of.get(tenant, 0) :]) for one, of in told]
        self._heads(tenant).add(texts[self._told_all.get(tenant, 0) :])
        self._told_all[tenant] = len(texts)
        failed: dict[int, str] = {}
        for one, (shard, of) in zip(pending, told, strict=True):
            try:
                one.result(limits.SHARD_START_MS_MAX)
            except ShardsAwayError as error:
                failed[shard.number] = str(error)
            else:
                of[tenant] = len(texts)
        late |= failed
        if failed:
            raise ShardsAwayError(f"{len(failed)} shards have not taken labels")
