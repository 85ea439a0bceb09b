"""How long history is kept: a cut that somebody states gets its vector here, and one that is due is stated.

A cut covers what every member of the epoch holds: of one node that is what it has folded itself, in a world the least
of all. If it covered more, and this node's disk were lost, nobody could ever make the cut, nor fold what was stated
after it. Whoever states a cut need not know it, nor could: so the node that writes the fact fills it in. A day that has
not come is refused, since whatever came until then would be lost; so is a cut while a member has not said what it
holds, for nothing would be covered.

A tenant whose history is kept for so many days is cut when the last of them is over, once a day and only where there is
something to cut: an empty cut would be a fact for ever, and say nothing.

None is stated while no other node is heard: it would wait for a second holder (`homeroom.running.seconding`), and all
that this node takes and states after it would wait with it.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
import numpy as np

from homeroom import limits
from homeroom.errors import ControlError, HomeroomError
from homeroom.log.control import Fact, Tenant
from homeroom.log.cuts import HistoryCut
from homeroom.log.origins import Origin, Stream
from homeroom.running.live import Live
from homeroom.running.looks import Looks
from homeroom.state.state import State
from homeroom.state.zones import date_of, day_start_ms, load_zone, local_days

__all__ = ["Retention", "held_by_all"]

AUTHOR = "retention"


def held_by_all(vector: Mapping[Origin, int], looks: Looks) -> dict[Origin, int]:
    """Return a vector as far as all members have said that they hold it; what has collapsed is held by all.

    Raises `ControlError` while one of them has not.
    """
    members = looks.members
    views = {node: held for node, held in looks.views.items() if node not in members.fenced}
    unheard = sorted(node for node, held in views.items() if not held)
    if unheard or not members.regions:
        raise ControlError(
            f"it is not known here what {', '.join(unheard) or 'other nodes'} hold, and a cut covers what all do; cut "
            f"when all nodes of the world are heard"
        )
    others = list(views.values())
    least = {
        origin: number
        if origin in members.collapsed
        else min([number, *(held.get(origin, 0) for held in others)])
        for origin, number in vector.items()
    }
    return {origin: number for origin, number in least.items() if number}


def _check_heard(looks: Looks) -> None:
    """Raise `ControlError` if nobody is heard who could hold a cut: what is stated after it would wait for that."""
    others = len(looks.members.regions) - len(looks.members.fenced)
    silent_ms = looks.silent_ms
    if others > 1 and (silent_ms is None or silent_ms > limits.SECONDED_MS_MAX):
        since = "yet" if silent_ms is None else f"for {silent_ms:,} ms"
        raise ControlError(
            f"no other node was heard {since}, and a cut is made once another one holds it; cut when one is heard"
        )


class Retention:
    """Sees to it that history is not kept for longer than was said.

    Parameters
    ----------
    live : the states
    now_ms : the clock of the machine
    looks : returns what this node knows of the others, None in a node alone

    Attributes
    ----------
    troubles : by tenant why its history could not be cut, in words
    """

    def __init__(
        self, live: Live, now_ms: Callable[[], int], looks: Callable[[], Looks] | None = None
    ) -> None:
        self.troubles: dict[str, str] = {}
        self._looks = looks
        self._live, self._now_ms = live, now_ms

    def completed(self, fact: Fact) -> Fact:
        """Return a fact as it is to be stated: a cut with the vector that it covers, all others as they are.

        Raises `ControlError` for a cut at a day that has not come where the tenant is, or while it is not known what
        all nodes hold.
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
        if self._looks is not None:
            _check_heard(self._looks())
        applied = self._live.applied.items()
        vector = {origin: n for origin, n in applied if origin.stream is Stream.ANALYTIC}
        held = vector if self._looks is None else held_by_all(vector, self._looks())
        return msgspec.structs.replace(fact, vector={str(o): n for o, n in held.items()})

    async def cut_due(self, change: Callable[[Fact, str], Awaitable[object]]) -> None:
        """State the cuts that are due, by ``change``."""
        self.troubles = {}
        for tenant in list(self._live.control.tenants.values()):
            is_here = tenant.name in self._live.tenants()
            if is_here and tenant.keep_days and self._is_due(tenant, self._first_day(tenant)):
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
