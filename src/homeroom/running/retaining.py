"""How long history is kept: a cut that somebody states gets its vector here, and one that is due is stated.

A cut covers what every member of the epoch has applied; of one node that is what it has folded itself. Whoever states a
cut need not know it, nor could: so the node that writes the fact fills it in. A day that has not come is refused, since
whatever came until then would be lost.

A tenant whose history is kept for so many days is cut when the last of them is over, once a day and only where there is
something to cut: an empty cut would be a fact for ever, and say nothing.
"""

from collections.abc import Awaitable, Callable

import msgspec
import numpy as np

from homeroom.errors import ControlError, HomeroomError
from homeroom.log.control import Fact, Tenant
from homeroom.log.cuts import HistoryCut
from homeroom.log.origins import Stream
from homeroom.running.live import Live
from homeroom.state.state import State
from homeroom.state.zones import date_of, day_start_ms, load_zone, local_days

__all__ = ["Retention"]

AUTHOR = "retention"


class Retention:
    """Sees to it that history is not kept for longer than was said.

    Parameters
    ----------
    live : the states
    now_ms : the clock of the machine

    Attributes
    ----------
    troubles : by tenant why its history could not be cut, in words
    """

    def __init__(self, live: Live, now_ms: Callable[[], int]) -> None:
        self.troubles: dict[str, str] = {}
        self._live, self._now_ms = live, now_ms

    def completed(self, fact: Fact) -> Fact:
        """Return a fact as it is to be stated: a cut with the vector that it covers, all others as they are.

        Raises `ControlError` for a cut at a day that has not come where the tenant is.
        """
        if not isinstance(fact, HistoryCut) or fact.tenant not in self._live.control.tenants:
            return fact
        tenant = self._live.control.tenants[fact.tenant]
        today = self._today(tenant)
        if fact.day > today:
            raise ControlError(
                f"history of {tenant.name!r} would begin on {date_of(fact.day)}, and there it is {date_of(today)}; cut "
                f"at a day that has come"
            )
        applied = self._live.applied.to_json()
        ending = f"/{Stream.ANALYTIC}"
        vector = {origin: n for origin, n in applied.items() if origin.endswith(ending)}
        return msgspec.structs.replace(fact, vector=vector)

    async def cut_due(self, change: Callable[[Fact, str], Awaitable[object]]) -> None:
        """State the cuts that are due, by ``change``."""
        self.troubles = {}
        for tenant in list(self._live.control.tenants.values()):
            if tenant.keep_days and self._is_due(tenant, self._first_day(tenant)):
                fact = HistoryCut(tenant=tenant.name, day=self._first_day(tenant))
                try:
                    await change(fact, AUTHOR)
                except HomeroomError as error:
                    self.troubles[tenant.name] = (
                        f"history of {tenant.name} could not be cut: {error}"
                    )

    def _today(self, tenant: Tenant) -> int:
        now = np.array([self._now_ms()], np.int64)
        return int(local_days(now, load_zone(tenant.timezone))[0])

    def _first_day(self, tenant: Tenant) -> int:
        """Return the first day of those that are kept, today being the last."""
        return self._today(tenant) - tenant.keep_days + 1

    def _is_due(self, tenant: Tenant, day: int) -> bool:
        """Say whether there is anything of before a day that has not been cut."""
        made = self._live.control.cuts.get(tenant.name)
        if made is not None and day <= made.day:
            return False

        def has_older(state: State) -> bool:
            span = state.held_ms
            return span is not None and span[0] < day_start_ms(day, state.zone)

        return self._live.read(tenant.name, has_older)
