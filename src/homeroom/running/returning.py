"""What a node wrote while the world had given it up is written once more, under the life that follows.

A node that was made to leave while nobody could reach it went on and told clients yes. When it is taken back it hears
that its life was closed before that: nobody folds what lies beyond, not even the node itself. But somebody was told yes
for it. So each such entry of its own becomes a batch of its new life, as it went through the door then: events keep
their identities, and count once, whoever else has them. That it was done is noted beside the log under the name of the
entry, in one step with writing it, so it is done once whatever ends the node meanwhile.

Nothing else of it is believed: what it stated then was for a world that there was not, and what it holds of others it
is given again.

The way not taken is to let clients send it again: they have heard yes, and have forgotten it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

from homeroom import limits
from homeroom.cohorts.live import Trouble
from homeroom.errors import HomeroomError
from homeroom.log.entries import Entry
from homeroom.log.log import Accepted, Refused
from homeroom.log.origins import Origin
from homeroom.log.payloads import open_parts, unpack
from homeroom.log.store import Store
from homeroom.node.admission import Again, again_name
from homeroom.running.live import Live

__all__ = ["Returning", "tail_of"]

_AT_ONCE: Final = 16
"""Entries that are read together; one holds a megabyte at most."""


def tail_of(
    node: str, store: Store, closed: Mapping[Origin, int]
) -> Iterator[list[tuple[str, Entry]]]:
    """Give, some at a time, what a node has written of events beyond where its origins were closed.

    Each with the name under which it is written once more; what was is left out. Raises `StoreError`.
    """
    for origin, last in store.held().items():
        number = closed.get(origin, last) if _has_own_events(origin, node) else last
        for first in range(number + 1, last + 1, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, last + 1))
            names = {again_name(origin, number): number for number in numbers}
            done = store.records_of([("", name) for name in names])
            left = {number: name for name, number in names.items() if ("", name) not in done}
            entries = store.read(origin, first, len(numbers)) if left else []
            yield [(left[one.number], one) for one in entries if one.number in left]


class Returning:
    """Writes it once more, in the event loop, from `begin` to `stop`.

    Parameters
    ----------
    node : its name
    live, store : parts of the node
    offer : offers something to its log under a name, to be done once
    is_open : says of a tenant whether anything of it can be taken: else it would be left out of what is done once
    """

    def __init__(
        self,
        node: str,
        live: Live,
        store: Store,
        offer: Callable[[str, Again], Awaitable[Accepted | Refused]],
        is_open: Callable[[str], bool],
    ) -> None:
        self._node, self._live, self._store, self._offer = node, live, store, offer
        self._is_open = is_open
        self._trouble: str | None = None
        # By origin the last entry of what was written once more, all of it.
        self._done: Mapping[Origin, int] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to look whether there is anything, whenever origins were closed."""
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    def troubles(self) -> Sequence[Trouble]:
        """Return why not all of it is written yet, if it is not."""
        return () if self._trouble is None else (Trouble(self._trouble),)

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            closed = self._live.control.members.closed
            try:
                # More may come of a life that was closed a moment ago, what was written once more too.
                beyond = self._beyond(closed)
                if beyond != self._done:
                    self._trouble = await self._write(closed)
                    self._done = beyond if self._trouble is None else {}
            except HomeroomError as error:
                self._trouble = str(error)
            await asyncio.sleep(limits.ENDINGS_MS / 1_000)

    def _beyond(self, closed: Mapping[Origin, int]) -> dict[Origin, int]:
        """Return by origin the last entry that is here, of those of its own that go on beyond their closing."""
        own = ((o, n) for o, n in self._store.held().items() if _has_own_events(o, self._node))
        return {origin: number for origin, number in own if number > closed.get(origin, number)}

    async def _write(self, closed: Mapping[Origin, int]) -> str | None:
        """Write what there is; return why not all could be."""
        why = None
        tail = tail_of(self._node, self._store, closed)
        while (some := await asyncio.to_thread(next, tail, None)) is not None:
            for name, entry in some:
                entry.check_payload()
                content = unpack(entry.payload).content
                of = {one.tenant for one in open_parts(content)}
                shut = sorted(one for one in of if not self._is_open(one))
                if shut:  # the others need not wait for it
                    left_out = f"{', '.join(shut)} is left out here, or nobody has stated it"
                    why = _not_yet(entry, left_out)
                    continue
                outcome = await self._offer(name, Again(content))
                if isinstance(outcome, Refused):
                    return _not_yet(entry, outcome.why)
        return why


def _has_own_events(origin: Origin, node: str) -> bool:
    return origin.node == node and origin.stream.has_events


def _not_yet(entry: Entry, why: str) -> str:
    return f"entry {entry.number} of {entry.origin}, which the world had given up, is not written once more yet: {why}"
