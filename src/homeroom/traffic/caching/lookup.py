"""From a question to an answer by way of the tiers: in the process, in the region, in the world, from the engine.

What is in the process is told at once. Else there is one *flight* for a name, whoever else asks: it looks into the
region, then asks to be the one node that goes on (a lease), looks into the world if that is quicker than the engine
has been with this kind of question, and computes. Who joins while the engine computes may know of entries that came
after it began; to such a one the answer is told only if it holds these, else the engine is asked once more for all of
them together. So ten thousand clients cost one computation, or two.

A lease is a courtesy and no lock: one that is lost ends by itself, and nobody waits for another's answer longer than
`limits.CACHE_LEASE_WAIT_MS`. Whatever a tier does, each flight ends at the engine.

An answer that is older and may be told meanwhile is told at once, and a flight without anybody waiting makes it anew.

The way not taken is to ask all tiers at once and take the first answer: the engine would do all its work for nothing,
just when there is most of it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from homeroom import limits
from homeroom.log.origins import Vector
from homeroom.traffic.caching.entries import Kept, replaces
from homeroom.traffic.caching.judging import Bounds, Standing, Want, is_due, judge
from homeroom.traffic.caching.keys import CacheKey, Reach
from homeroom.traffic.caching.resident import Held, Resident
from homeroom.traffic.caching.steps import (
    Asked,
    Compute,
    Computed,
    Effect,
    Event,
    Failed,
    Forgotten,
    Found,
    Keep,
    Lease,
    Leased,
    Left,
    LookAgain,
    Looked,
    LookIn,
    Refuse,
    Release,
    TakeLease,
    Tell,
    Tier,
)

__all__ = ["Lookup", "Places"]

_COST_SHARE: Final = 0.2
"""How much of what a kind is believed to cost is taken from the last answer of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which tiers there are beside the process; ``world_ms`` is the time to the world's and back."""

    has_region: bool = False
    has_world: bool = False
    world_ms: float = 0.0


class _Phase(StrEnum):
    REGION = "looks into the region"
    LEASE = "asks for the lease"
    PAUSE = "waits for another node"
    WORLD = "looks into the world"
    ENGINE = "computes"


@dataclass(slots=True)
class _Flight:
    """An answer on its way.

    Parameters
    ----------
    key : of it
    began_ms : when it was first asked for
    waiting : by ticket what those want who are told
    late : tickets of those who joined after the engine began; a part of ``waiting``
    renewing : the answer that is made anew though nobody waits, None for a flight that somebody asked for
    """

    key: CacheKey
    began_ms: int
    waiting: dict[int, Want] = field(default_factory=dict)
    late: set[int] = field(default_factory=set)
    renewing: Kept | None = None
    phase: _Phase = _Phase.REGION
    has_lease: bool = False
    is_forgotten: bool = False


class Lookup:
    """Answers by way of the tiers; one thread owns it.

    Parameters
    ----------
    resident : what is kept in the process, by name
    places : which further tiers there are
    bounds : for how long answers may be told that are not current
    draw : returns a number, uniform in (0, 1]
    """

    def __init__(
        self,
        resident: Resident[bytes, Kept],
        places: Places,
        bounds: Bounds,
        draw: Callable[[], float],
    ) -> None:
        self.resident = resident
        self._places, self._bounds, self._draw = places, bounds, draw
        # By name; each is at one phase, and ends at the engine.
        self._flights: dict[bytes, _Flight] = {}
        self._costs: dict[str, float] = {}  # by kind of question, what the engine takes, ms
        self._steps: Mapping[type, Callable[[Any, int], list[Effect]]] = {
            Asked: self._asked,
            Found: self._found,
            Leased: self._leased,
            Looked: self._looked,
            Computed: self._computed,
            Failed: self._failed,
            Left: self._left,
            Forgotten: self._forgotten,
        }
        self._stale_ms = max(bounds.stale_ms, bounds.stale_on_error_ms)

    @property
    def under_way(self) -> int:
        """How many answers are on their way."""
        return len(self._flights)

    def is_under_way(self, name: bytes) -> bool:
        """Say whether an answer is on its way."""
        return name in self._flights

    def ready(self, key: CacheKey, want: Want, now_ms: int) -> Tell | None:
        """Return what can be told at once, None if nothing can; the ticket in it is 0."""
        held = self.resident.get(key.name, now_ms)
        if held is None:
            return None
        standing = judge(held.value, want, now_ms, self._bounds.stale_ms)
        if standing is None:
            return None
        return Tell(0, held.value, Tier.PROCESS, standing, want)

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Take what has happened; return what is to be done."""
        return self._steps[type(event)](event, now_ms)

    def _forgotten(self, event: Forgotten, _now_ms: int) -> list[Effect]:
        self.resident.invalidate(event.tenant)
        for flight in self._flights.values():
            flight.is_forgotten |= flight.key.tenant == event.tenant
        return []

    def _left(self, event: Left, _now_ms: int) -> list[Effect]:
        flight = self._flights.get(event.name)
        if flight is not None:
            flight.waiting.pop(event.ticket, None)
            flight.late.discard(event.ticket)
        return []

    def renew(self, tell: Tell, key: CacheKey, now_ms: int) -> list[Effect]:
        """Make an answer anew that was told at once, if it is old or will soon be; nobody waits for that."""
        if key.name in self._flights:
            return []
        is_old = tell.standing is not Standing.CURRENT
        if not is_old and not is_due(tell.kept, now_ms, self._draw()):
            return []
        return self._begin(_Flight(key, now_ms, renewing=tell.kept), Vector())

    # --- asked --------------------------------------------------------------------------------------------------------

    def _asked(self, event: Asked, now_ms: int) -> list[Effect]:
        flight = self._flights.get(event.key.name)
        if flight is None:
            flight = _Flight(event.key, now_ms, waiting={event.ticket: event.want})
            return self._begin(flight, event.want.after)
        flight.waiting[event.ticket] = event.want
        if flight.phase is _Phase.ENGINE:
            flight.late.add(event.ticket)
        return []

    def _begin(self, flight: _Flight, after: Vector) -> list[Effect]:
        self._flights[flight.key.name] = flight
        if self._places.has_region:
            flight.phase = _Phase.REGION
            return [LookIn(Tier.REGION, flight.key)]
        return self._go_far(flight, after)

    # --- on the way ---------------------------------------------------------------------------------------------------

    def _found(self, event: Found, now_ms: int) -> list[Effect]:
        flight = self._flights.get(event.name)
        if flight is None or flight.phase not in (_Phase.REGION, _Phase.WORLD, _Phase.PAUSE):
            return []
        effects: list[Effect] = []
        if event.kept is not None and not flight.is_forgotten:
            effects += self._tell(flight, event.kept, event.tier, now_ms)
            is_useful = bool(effects) or _renews(flight, event.kept)
            if is_useful:
                self._take(flight.key, event.kept, now_ms)
                if event.tier is Tier.WORLD:
                    effects.append(Keep(Tier.REGION, flight.key, event.kept))
            if not flight.waiting and (flight.renewing is None or is_useful):
                return effects + self._end(flight)
        if event.tier is Tier.WORLD:
            return effects + self._compute(flight)
        flight.phase = _Phase.LEASE
        return [*effects, TakeLease(flight.key)]

    def _leased(self, event: Leased, now_ms: int) -> list[Effect]:
        flight = self._flights.get(event.name)
        if flight is None or flight.phase is not _Phase.LEASE:
            return [Release(flight.key)] if flight and event.lease is Lease.GOT else []
        flight.has_lease = event.lease is Lease.GOT
        is_over = not 0 <= now_ms - flight.began_ms < limits.CACHE_LEASE_WAIT_MS
        if event.lease is Lease.TAKEN and flight.renewing is not None and not flight.waiting:
            return self._end(flight)  # another node renews it
        if event.lease is Lease.TAKEN and not is_over:
            flight.phase = _Phase.PAUSE
            return [LookAgain(event.name, limits.CACHE_LEASE_LOOK_MS)]
        return self._go_far(flight, _all_after(flight))

    def _looked(self, event: Looked, _now_ms: int) -> list[Effect]:
        flight = self._flights.get(event.name)
        if flight is None or flight.phase is not _Phase.PAUSE:
            return []
        flight.phase = _Phase.REGION
        return [LookIn(Tier.REGION, flight.key)]

    def _go_far(self, flight: _Flight, after: Vector) -> list[Effect]:
        if self._is_world_worth(flight.key):
            flight.phase = _Phase.WORLD
            return [LookIn(Tier.WORLD, flight.key)]
        return self._compute(flight, after)

    def _is_world_worth(self, key: CacheKey) -> bool:
        is_there = self._places.has_world and key.reach is Reach.WORLD
        return is_there and self._costs.get(key.kind, 0.0) > self._places.world_ms

    def _compute(self, flight: _Flight, after: Vector | None = None) -> list[Effect]:
        flight.phase = _Phase.ENGINE
        flight.late.clear()
        return [Compute(flight.key, _all_after(flight) if after is None else after)]

    # --- computed -----------------------------------------------------------------------------------------------------

    def _computed(self, event: Computed, now_ms: int) -> list[Effect]:
        flight, kept = self._flights.get(event.name), event.kept
        if flight is None or flight.phase is not _Phase.ENGINE:
            return []
        before = self._costs.get(flight.key.kind, kept.cost_ms)
        self._costs[flight.key.kind] = before + _COST_SHARE * (kept.cost_ms - before)
        on_time = [ticket for ticket in flight.waiting if ticket not in flight.late]
        effects: list[Effect] = [
            Tell(ticket, kept, Tier.ENGINE, Standing.CURRENT, flight.waiting.pop(ticket))
            for ticket in on_time
        ]
        effects += self._tell(flight, kept, Tier.ENGINE, now_ms)
        if event.may_keep and not flight.is_forgotten:
            effects += self._keep(flight.key, kept, now_ms)
        flight.is_forgotten = False
        if flight.waiting:
            return effects + self._compute(flight)
        return effects + self._end(flight)

    def _keep(self, key: CacheKey, kept: Kept, now_ms: int) -> Iterator[Effect]:
        self._take(key, kept, now_ms)
        if kept.is_refusal or len(kept.value) > limits.CACHE_VALUE_BYTES_MAX:
            return
        if self._places.has_region:
            yield Keep(Tier.REGION, key, kept)
        if self._is_world_worth(key):
            yield Keep(Tier.WORLD, key, kept)

    def _failed(self, event: Failed, now_ms: int) -> list[Effect]:
        flight = self._flights.get(event.name)
        if flight is None or flight.phase is not _Phase.ENGINE:
            return []
        held = self.resident.peek(event.name)
        effects: list[Effect] = []
        for ticket, want in flight.waiting.items():
            standing = None
            if held is not None:
                standing = judge(held.value, want, now_ms, self._bounds.stale_on_error_ms)
            if held is None or standing is None:
                effects.append(Refuse(ticket, event.error))
            else:
                effects.append(Tell(ticket, held.value, Tier.PROCESS, standing, want))
        flight.waiting.clear()
        return effects + self._end(flight)

    # --- all ----------------------------------------------------------------------------------------------------------

    def _tell(self, flight: _Flight, kept: Kept, tier: Tier, now_ms: int) -> list[Effect]:
        """Tell those who may be told this answer."""
        effects: list[Effect] = []
        for ticket, want in list(flight.waiting.items()):
            # Others wait for what is current: who could have been told what is old was told it already.
            standing = judge(kept, want, now_ms, 0)
            if standing is not None:
                del flight.waiting[ticket]
                flight.late.discard(ticket)
                effects.append(Tell(ticket, kept, tier, standing, want))
        return effects

    def _take(self, key: CacheKey, kept: Kept, now_ms: int) -> None:
        """Keep an answer in the process, unless what is there is not older."""
        held = self.resident.peek(key.name)
        if held is not None and not replaces(kept, held.value):
            return
        until_ms = kept.told_until_ms(self._stale_ms)
        # Clocks of nodes differ: what another one has made stays no longer than if it had been made here.
        until_ms = min(until_ms, now_ms + max(until_ms - kept.made_ms, 0))
        self.resident.put(
            key.name,
            Held(
                value=kept,
                size_bytes=kept.size_bytes,
                put_ms=kept.made_ms,
                fresh_until_ms=kept.expires_ms,
                stale_until_ms=until_ms,
                tags=(key.tenant,),
            ),
        )

    def warm(self, key: CacheKey, kept: Kept, now_ms: int) -> None:
        """Keep an answer that nobody has asked for here."""
        self._take(key, kept, now_ms)

    def _end(self, flight: _Flight) -> list[Effect]:
        del self._flights[flight.key.name]
        return [Release(flight.key)] if flight.has_lease else []

    def check_invariants(self) -> None:
        """Check what must hold between steps."""
        for name, flight in self._flights.items():
            assert flight.key.name == name
            assert flight.late <= flight.waiting.keys()
            assert flight.waiting or flight.renewing is not None or flight.phase is not None
            assert not flight.late or flight.phase is _Phase.ENGINE
        self.resident.check_invariants()


def _all_after(flight: _Flight) -> Vector:
    found = Vector()
    for want in flight.waiting.values():
        found = found.joined(want.after)
    return found


def _renews(flight: _Flight, kept: Kept) -> bool:
    before = flight.renewing
    return before is not None and kept.made_ms > before.made_ms and replaces(kept, before)
