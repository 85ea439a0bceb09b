"""How a node of a world answers reads: from what is kept, and else from its engine, which takes its time.

It does what `homeroom.running.caching` does, with the same lookup: judges what it has by what is folded here, looks
into the region, asks for the lease, computes, and keeps what it has told. Names are made under one key for all tenants,
so that nothing but the parts of a name keeps their answers apart.
"""

from collections.abc import Callable, Iterable
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final

from homeroom.log.origins import Vector
from homeroom.simulation.journeys.asking import Ask, Reply
from homeroom.simulation.journeys.checks import ERROR_MS, STALE_MS
from homeroom.simulation.journeys.shared import Shared, SharedClient
from homeroom.traffic.caching.entries import Kept
from homeroom.traffic.caching.judging import Bounds, Want, vector_of
from homeroom.traffic.caching.keys import CacheKey, Reach, name_of
from homeroom.traffic.caching.lookup import Lookup, Places
from homeroom.traffic.caching.resident import Resident
from homeroom.traffic.caching.steps import (
    Asked,
    Compute,
    Computed,
    Effect,
    Event,
    Failed,
    Found,
    Keep,
    Leased,
    LookAgain,
    Looked,
    LookIn,
    Refuse,
    Release,
    TakeLease,
    Tell,
    Tier,
)

if TYPE_CHECKING:
    from homeroom.simulation.journeys.machine import Machine

__all__ = ["Answering"]

_LIFE_MS: Final = 8_000
_COST_MS: Final = (5, 30, 250)
_ENTRIES: Final = 12
_KEY: Final = b"one key for all tenants"

Answer = Callable[[Reply], None]


class Answering:
    """Answers the reads of one life of a node.

    Parameters
    ----------
    machine : the node
    shared : the cache of its region
    """

    def __init__(self, machine: "Machine", shared: Shared) -> None:
        self._machine, self._life = machine, machine.life
        chance = Random(f"{machine.scene.plan.seed} {machine.name} {machine.life}")  # noqa: S311 - a world, no secret
        self._chance = chance
        resident: Resident[bytes, Kept] = Resident(_ENTRIES, 1 << 20)
        bounds = Bounds(stale_ms=STALE_MS, stale_on_error_ms=ERROR_MS)
        places = Places(has_region=True)
        self.lookup = Lookup(resident, places, bounds, lambda: 1 - chance.random())
        self._region = SharedClient(machine, shared)
        self._tickets = count(1)
        self._waiting: dict[int, Callable[[Tell | None], None]] = {}
        self._bound_ms = STALE_MS  # of what is being told
        self._asks: dict[bytes, Ask] = {}  # by name of a flight, what the engine is asked

    def ready(self, ask: Ask, answer: Answer) -> int:
        """Tell what can be told at once; return how many answers that were, 1 or 0."""
        key, now_ms = _key(ask), self._machine.wall_ms
        found = self.lookup.ready(key, self._want(ask), now_ms)
        if found is None:
            return 0
        effects = self.lookup.renew(found, key, now_ms)
        if effects:
            self._asks[key.name] = ask
            self._do(effects)
        self._tell(ask, found, answer)
        return 1

    def ask(self, ask: Ask, answer: Answer) -> None:
        """Answer a read, whose reader knows of nothing that is not here."""
        if self.ready(ask, answer):
            return
        key, ticket = _key(ask), next(self._tickets)
        asked_ms = self._machine.scene.now_ms

        def told(found: Tell | None) -> None:
            if found is None:
                answer(Reply(status=503))
            else:
                self._tell(ask, found, answer, asked_ms)

        self._waiting[ticket] = told
        self._asks[key.name] = ask
        self._step(Asked(ticket, key, self._want(ask)))

    def _want(self, ask: Ask) -> Want:
        disk = self._machine.disk
        touched, floor = disk.touch(ask.tenant)
        after = Vector() if ask.after is None else Vector({ask.after.origin: ask.after.number})
        return Want(
            here=disk.vector,
            touched=touched,
            floor=floor,
            after=after,
            lag_ms_max=ask.lag_ms_max,
            lag_ms=self._lag_ms,
        )

    def _lag_ms(self, _kept: Kept, vector: Vector) -> int | None:
        scene = self._machine.scene
        return self._machine.disk.lag_ms(vector, scene.machines, scene.now_ms)

    def _tell(self, ask: Ask, found: Tell, answer: Answer, asked_ms: int = 0) -> None:
        kept, standing, scene = found.kept, found.standing, self._machine.scene
        is_computed = found.tier is Tier.ENGINE
        scene.checks.told(self._machine, ask, found, self._bound_ms)
        if asked_ms:
            scene.checks.waited(self._machine, scene.now_ms - asked_ms)
        vector = vector_of(kept, found.want, standing)
        # The engine answers what was let through because all that it must hold was there.
        told_ms = asked_ms if is_computed else scene.now_ms
        answer(
            Reply(
                status=200, body=kept.value, applied=vector, told_ms=told_ms, standing=str(standing)
            )
        )

    # --- effects -----------------------------------------------------------------------------------------------------

    def _step(self, event: Event) -> None:
        if not self._machine.is_up or self._life != self._machine.life:
            return
        effects = self.lookup.step(event, self._machine.wall_ms)
        self._bound_ms = ERROR_MS if isinstance(event, Failed) else STALE_MS
        self._do(effects)
        self._bound_ms = STALE_MS
        self.lookup.check_invariants()

    def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Tell(ticket=ticket) | Refuse(ticket=ticket):
                    waiting = self._waiting.pop(ticket, None)
                    if waiting is not None:
                        waiting(effect if isinstance(effect, Tell) else None)
                case LookIn(key=key):
                    self._look(key)
                case TakeLease(key=key):
                    self._take_lease(key)
                case LookAgain(name=name, after_ms=after_ms):
                    self._machine.scene.agenda.after(after_ms, self._step, Looked(name))
                case Compute(key=key):
                    self._compute(key)
                case _:
                    self._hand_over(effect)

    def _hand_over(self, effect: Effect) -> None:
        """Give the region an answer, or a lease back."""
        if isinstance(effect, Release):
            self._region.release(effect.key)
        elif isinstance(effect, Keep):
            self._keep(effect.key, effect.kept)

    def _look(self, key: CacheKey) -> None:
        self._region.get(key, lambda kept: self._step(Found(key.name, Tier.REGION, kept)))

    def _take_lease(self, key: CacheKey) -> None:
        self._region.lease(key, lambda lease: self._step(Leased(key.name, lease)))

    def _keep(self, key: CacheKey, kept: Kept) -> None:
        if kept.applied.covers(self._machine.disk.touch(key.tenant)[1]):
            until_ms = max(kept.expires_ms, kept.made_ms + STALE_MS)
            self._region.put(key, kept, until_ms - self._machine.wall_ms)

    def _compute(self, key: CacheKey) -> None:
        """Compute an answer from what is folded now; it is there a while later."""
        ask, machine = self._asks[key.name], self._machine
        cost_ms = self._chance.choice(_COST_MS)
        if machine.hold.broken:
            failed = Failed(key.name, OSError("the engine has failed"))
            machine.scene.agenda.after(cost_ms, self._step, failed)
            return
        made_ms = machine.wall_ms
        kept = Kept(
            value=machine.disk.answer(ask.tenant, ask.scope, ask.question),
            applied=machine.disk.vector,
            made_ms=made_ms,
            expires_ms=made_ms + _LIFE_MS,
            cost_ms=float(cost_ms),
            newest=machine.scene.now_ms,
        )
        machine.scene.checks.computed += 1
        machine.scene.agenda.after(cost_ms, self._step, Computed(key.name, kept, may_keep=True))


def _key(ask: Ask) -> CacheKey:
    parts = (ask.tenant.encode(), ask.scope.encode(), ask.question.encode())
    return CacheKey(name_of(_KEY, parts), ask.tenant, "count", Reach.JURISDICTION)
