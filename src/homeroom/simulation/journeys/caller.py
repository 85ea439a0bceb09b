"""A client of a world: the same discovery, retries, second questions and budgets as a program that uses the library.

What `homeroom.client.reaching` does with threads is done here on the agenda. A caller asks at a rate of its own and
does not wait for answers, as a program with many users does: what it asks for while a region is dead piles up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from homeroom import limits
from homeroom.client.connecting import asked_for_routes
from homeroom.client.discovery import Discovery
from homeroom.client.endpoints import Endpoints
from homeroom.client.measures import Kind
from homeroom.client.retrying import (
    Answered,
    Begun,
    Done,
    Event,
    Exchange,
    Failed,
    GiveUp,
    Late,
    Retrying,
    Try,
    Wait,
    Waited,
)
from homeroom.regions.world import Region
from homeroom.simulation.journeys.asking import Ask, Reply, What
from homeroom.simulation.journeys.checks import GONE, SHED, Told
from homeroom.simulation.journeys.scene import NAME, Scene, url_of
from homeroom.simulation.journeys.wires import Wires

if TYPE_CHECKING:
    from homeroom.log.origins import Token

__all__ = ["TIME_MS_MAX", "Caller", "Journey"]

TIME_MS_MAX: Final = 30_000
_FREE: Final = 2
_ATTEMPT_MS_MAX: Final = 30_000
_FRESH_MS: Final = (1_500, 4_000)
_TENANTS: Final = ("t1", "t11", "t2")
_SCOPES: Final = ("1s", "s")
_QUESTIONS: Final = ("q", "qq", "1q")


@dataclass(slots=True)
class Journey:
    """One request, from its first attempt to its end.

    ``turn`` counts what has happened, so that what is late is late only if nothing has.
    """

    ask: Ask
    exchange: Exchange
    began_ms: int
    flying: int = 0
    turn: int = 0
    is_over: int = 0
    holders: frozenset[str] = frozenset()
    last: Reply | None = None
    moves: int = 0
    lost: int = 0
    path: list[str] = field(default_factory=list)


class Caller:
    """A client.

    Parameters
    ----------
    scene : of the world
    name : of the client
    region : where it is
    """

    def __init__(self, scene: Scene, name: str, region: Region) -> None:
        self._scene, self.name, self.region = scene, name, region.name
        self._chance = Random(f"{scene.plan.seed} client {name}")  # noqa: S311 - a world, no secret
        near = self._chance.choice(scene.plan.nodes_of(region.name))
        far = self._chance.choice([one for one in scene.machines if one != near])
        given = (url_of(near), url_of(far))
        place = (region.latitude, region.longitude)
        self.discovery = Discovery((given, ()), scene.verify, NAME, place, self._chance)
        endpoints = Endpoints(self.discovery.endpoints(), self._chance)
        self.retrying = Retrying(TIME_MS_MAX, _ATTEMPT_MS_MAX, self._chance, endpoints)
        self._wires = Wires(scene, region.name)
        self._every_ms = self._chance.choice((150, 400, 900))
        self._is_refreshing = 0
        self._batches = 0
        self._tenant = self._chance.choice(_TENANTS)
        self.token: Token | None = None
        self.open: dict[int, Journey] = {}
        self.asked = self.retried = self.calm = 0
        self._in_row = 0

    def begin(self, until_ms: int) -> None:
        """Ask for the first time in a moment, and then until a time."""
        self._scene.agenda.after(self._chance.randint(1_000, 3_000), self._keep_asking, until_ms)

    def _keep_asking(self, until_ms: int) -> None:
        if self._scene.now_ms >= until_ms:
            return
        self._begin(self._drawn())
        wait_ms = 1 + int(self._chance.expovariate(1 / self._every_ms))
        self._scene.agenda.after(wait_ms, self._keep_asking, until_ms)

    def _drawn(self) -> Ask:
        chance = self._chance
        if chance.random() < 0.3:
            self._batches += 1
            batch = f"{self.name}/{self._batches}"
            is_undoing = self._batches > 1 and chance.random() < 0.1
            if is_undoing:
                batch = f"{self.name}/{chance.randint(1, self._batches - 1)}"
            return Ask(
                what=What.WRITE, tenant=self._tenant, batch=batch, takes_back=int(is_undoing)
            )
        is_own = chance.random() < 0.5
        return Ask(
            what=What.READ,
            tenant=self._tenant,
            scope=chance.choice(_SCOPES),
            question=chance.choice(_QUESTIONS),
            after=self.token if is_own else None,
            lag_ms_max=None if is_own or chance.random() < 0.5 else chance.choice(_FRESH_MS),
        )

    # --- one request -------------------------------------------------------------------------------------------------

    def _begin(self, ask: Ask) -> None:
        self._refresh_if_due()
        kind = Kind.WRITE if ask.what is What.WRITE else Kind.READ
        journey = Journey(ask, self.retrying.exchange(kind), self._scene.now_ms)
        journey.holders = self._scene.checks.holders(ask)
        self.asked += 1
        self.open[self.asked] = journey
        self._step(self.asked, Begun())

    def _step(self, number: int, event: Event) -> None:
        journey = self.open.get(number)
        if journey is None:
            return
        now_ms = self._scene.now_ms
        journey.turn += 1
        if isinstance(event, Failed):
            self.discovery.hurry(now_ms)
            journey.lost += 1
        attempts = journey.exchange.attempts
        found = journey.exchange.step(event, now_ms)
        self.retrying.endpoints.check_invariants()
        match found:
            case Try():
                if attempts:
                    self._count(journey, event)
                self._try(number, journey, found)
            case Wait():
                self._scene.agenda.after(found.wait_ms, self._step, number, Waited())
            case Done() | GiveUp():
                del self.open[number]
                self._end(journey, found)
                return
            case _:
                pass
        self._watch(number, journey)

    def _count(self, journey: Journey, event: Event) -> None:
        """Count a retry that a budget must pay for: not those after a loss, on credit and by what is known."""
        is_moved = journey.lost and journey.moves < _FREE
        if is_moved:
            journey.moves += 1
        is_near_end = self._scene.now_ms - journey.began_ms >= TIME_MS_MAX - 4_200
        if not (is_moved or is_near_end or isinstance(event, Late)):
            self.retried += 1

    def _hear_how(self, is_well: int) -> None:
        """Count attempts that were answered after many in a row were: by each a retry may be made that is owed."""
        self._in_row = self._in_row + 1 if is_well else 0
        self.calm += self._in_row > limits.RETRY_WELL_AFTER

    def _watch(self, number: int, journey: Journey) -> None:
        """Say `Late` when nothing has happened for as long as the exchange says."""
        late_ms, turn = journey.exchange.late_in_ms, journey.turn
        if late_ms is None:
            return

        def is_late() -> None:
            if self.open.get(number) is journey and journey.turn == turn:
                self._step(number, Late())

        self._scene.agenda.after(late_ms, is_late)

    def _try(self, number: int, journey: Journey, found: Try) -> None:
        self._scene.checks.sent(self.name, journey.ask, journey.flying)
        journey.flying += 1
        journey.path.append(f"{self._scene.now_ms - journey.began_ms}:{found.at[7:-8]}")

        life = self._scene.at(found.at).life

        def landed(what: Reply | Failed) -> None:
            journey.flying -= 1
            if isinstance(what, Failed):
                is_back = self._scene.at(found.at).life != life or what.why.endswith(GONE)
                gone = GONE if is_back else ""
                journey.path.append(f"{self._scene.now_ms - journey.began_ms}:{what.loss}{gone}")
                self._hear_how(0)
                self._step(number, what)
                return
            journey.path.append(f"{self._scene.now_ms - journey.began_ms}:{_said(what)}")
            journey.last = what
            self._hear_how(what.status < 400)
            self._step(number, Answered(what.status, what.retry_after_ms, found.at))

        self._wires.send(journey.ask, found, landed)

    def _end(self, journey: Journey, found: Done | GiveUp) -> None:
        reply = journey.last if isinstance(found, Done) else None
        told = Told(
            client=self.name,
            region=self.region,
            ask=journey.ask,
            reply=reply,
            began_ms=journey.began_ms,
            ended_ms=self._scene.now_ms,
            at=journey.exchange.last,
            holders=journey.holders,
            path=" ".join(journey.path),
        )
        if reply is not None and reply.token is not None:
            self.token = max(self.token or reply.token, reply.token, key=lambda one: one.hybrid)
        self._scene.checks.ended(told)
        if isinstance(found, GiveUp):
            self._scene.note(self.name, f"{journey.ask.what} given up: {found.why}; {told.path}")

    # --- tables ------------------------------------------------------------------------------------------------------

    def _refresh_if_due(self) -> None:
        if self._is_refreshing or not self.discovery.is_due(self._scene.now_ms):
            return
        self._is_refreshing = 1
        self._refresh(asked_for_routes(self.retrying.endpoints, self._scene.now_ms))

    def _refresh(self, tries: Iterator[Try]) -> None:
        found = next(tries, None)
        if found is None:
            self._is_refreshing = 0
            return

        def landed(what: Reply | Failed) -> None:
            body = b"" if isinstance(what, Failed) or what.status != 200 else what.body
            if self._heard(body):
                self._is_refreshing = 0
            else:
                self._refresh(tries)

        self._wires.send(Ask(what=What.ROUTES), found, landed)

    def _heard(self, body: bytes) -> bool:
        before = self.discovery.table
        if body and self.discovery.hear(body):
            table = self.discovery.table
            assert table is not None, "it was taken"
            self._scene.checks.followed(self.name, table, before, body)
            self._scene.note(self.name, f"follows table {table.generation} of {table.publisher}")
            self.retrying.endpoints.take(self.discovery.endpoints())
        self._scene.checks.has_somewhere(self.name, self.discovery.endpoints())
        return bool(body) and not self.discovery.trouble


def _said(reply: Reply) -> str:
    """Return what became of an attempt, for people and checks; who asks to wait has too much to do."""
    return f"{reply.status}{SHED if reply.retry_after_ms else ''}"
