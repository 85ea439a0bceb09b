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
from collections.abc import Awaitable, Callable, Iterator, Mapping

from homeroom import limits
from homeroom.errors import HomeroomError
from homeroom.log.entries import Entry
from homeroom.log.log import Accepted, Refused
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack
from homeroom.log.store import Store
from homeroom.node.admission import Again
from homeroom.running.live import Live

__all__ = ["Returning", "tail_of"]


def tail_of(node: str, store: Store, closed: Mapping[Origin, int]) -> Iterator[Entry]:
    """Give what a node has written of events beyond where its origins were closed. Raises `StoreError`."""
    for origin, last in store.held().items():
        is_own = origin.node == node and origin.stream is Stream.ANALYTIC
        number = closed.get(origin, last) if is_own else last
        while number < last:
            entries = store.read(origin, number + 1, limits.FOLD_ENTRIES_MAX)
            if not entries:
                break
            yield from entries
            number = entries[-1].number


class Returning:
    """Writes it once more, in the event loop, from `begin` to `stop`.

    Parameters
    ----------
    node : its name
    live, store : parts of the node
    offer : offers something to its log under a name, to be done once

    Attributes
    ----------
    trouble : why not all of it is written yet, None if it is
    """

    def __init__(
        self,
        node: str,
        live: Live,
        store: Store,
        offer: Callable[[str, Again], Awaitable[Accepted | Refused]],
    ) -> None:
        self._node, self._live, self._store, self._offer = node, live, store, offer
        self.trouble: str | None = None
        self._seen: Mapping[Origin, int] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to look whether there is anything, whenever origins were closed."""
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            closed = self._live.control.members.closed
            if closed is not self._seen:
                try:
                    self.trouble = await self._write(closed)
                except HomeroomError as error:
                    self.trouble = str(error)
                self._seen = closed if self.trouble is None else None
            await asyncio.sleep(limits.ENDINGS_MS / 1_000)

    async def _write(self, closed: Mapping[Origin, int]) -> str | None:
        """Write what there is; return why not all could be."""
        for entry in await asyncio.to_thread(
            lambda: list(tail_of(self._node, self._store, closed))
        ):
            entry.check_payload()
            name = f"again {entry.origin} {entry.number}"
            outcome = await self._offer(name, Again(unpack(entry.payload).content))
            if isinstance(outcome, Refused):
                return (
                    f"entry {entry.number} of {entry.origin}, which the world had given up, is not written once more "
                    f"yet: {outcome.why}"
                )
        return None
