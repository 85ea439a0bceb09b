"""What a listener hears of a tenant's membership: changes as they are found, and now and then how fresh all is.

A listener holds nothing but the number of the last change that it has heard. The changes themselves are kept once for
all, and bounded: whoever listens too slowly is told that some are missed, and takes the members anew. So a listener
that stands still costs nothing, and nobody waits for it.

A change becomes an object when it is told. A busy node finds ten thousand in a second, and the event loop would make
objects of them for nobody; so a listener may say that it wants none for now, and is only told how far they have come.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeAlias

from homeroom import limits
from homeroom.cohorts.membership.changes import ChangesPage
from homeroom.cohorts.membership.findings import Moment
from homeroom.cohorts.membership.membership import Membership
from homeroom.cohorts.membership.reading import Told
from homeroom.running.memberships import Memberships

__all__ = ["IsWanted", "listen"]

IsWanted: TypeAlias = Callable[[], bool]
"""Says whether changes are to be told now."""


def _always() -> bool:
    return True


async def listen(
    memberships: Memberships,
    tenant: str,
    after: int | None,
    next_fold: Callable[[], asyncio.Future[None]],
    wanted: IsWanted = _always,
) -> AsyncGenerator[Told, None]:
    """Tell changes after a number (None: from now on) for ever, at least once in ``limits.FRESHNESS_MS``.

    Those that are found while ``wanted`` says no are passed over; ``last`` is that of the newest of them.

    Raises `QuestionError` for a tenant that is not there.
    """
    last = memberships.read(tenant, lambda one: one.changes.last) if after is None else after

    def look(membership: Membership) -> tuple[ChangesPage, Moment]:
        changes = membership.changes
        if wanted():
            return changes.page(last, limits.CHANGES_READ_MAX), membership.moment
        return ChangesPage(changes=(), last=max(last, changes.last)), membership.moment

    loop = asyncio.get_running_loop()
    told_s = loop.time()
    while True:
        folded = next_fold()
        page, moment = memberships.read(tenant, look)
        missed, last = page.missed, page.last
        quiet_s = limits.FRESHNESS_MS / 1_000 - (loop.time() - told_s)
        if page.changes or missed or quiet_s <= 0:
            told_s = loop.time()
            yield Told(changes=page.changes, last=last, missed=missed, moment=moment)
            await asyncio.sleep(0)  # a midnight brings a thousand pages, and others want their turn
            continue
        await asyncio.wait((folded,), timeout=quiet_s)
