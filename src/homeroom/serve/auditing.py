"""Who does what, on its way into the audit log: what comes together is written together.

A record must be durable before what it tells of is answered, and the disk says yes some hundred times a second. So
while one write is under way, whatever else is to be written waits, and goes with the next one: one yes for all of it.
Nobody waits for a timer. The way not taken, a write a request, lets a hundred readers wait for a hundred disks in turn.
"""

import asyncio
from collections.abc import Sequence

from homeroom.adapters.audit import Audit, Done

__all__ = ["Auditing"]


class Auditing:
    """Writes to an audit log from one event loop.

    Parameters
    ----------
    audit : the log
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._waiting: list[tuple[Done, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None  # there is one while anything waits

    async def write(self, done: Done) -> None:
        """Return when it is durable that something was done. Raises `AuditError` if it cannot be."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((done, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await future

    async def _write(self) -> None:
        try:
            while self._waiting:
                several, self._waiting = self._waiting, []
                found = await asyncio.to_thread(self._written, [done for done, _ in several])
                for (_, future), error in zip(several, found, strict=True):
                    if future.done():  # who asked has gone away; it is written all the same
                        continue
                    if error is None:
                        future.set_result(None)
                    else:
                        future.set_exception(error)
        finally:
            self._writing = None

    def _written(self, several: Sequence[Done]) -> list[Exception | None]:
        """Write all, or where that fails one by one: a record that is too long is nobody else's fault."""
        try:
            self._audit.record_all(several)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            if len(several) == 1:
                return [error]
        else:
            return [None] * len(several)
        return [found for done in several for found in self._written([done])]
