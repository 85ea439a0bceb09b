"""A node of a world of requests: its vantage point, and how it answers clients.

The vantage point does what `homeroom.running.traffic` does, with the same two cores: ticks ten times a second, asks the
others, judges, makes tables, signs them, keeps them on its disk and begins its next life with them. Time is that of the
node's own steady clock, and the time of day is another one that may jump.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from homeroom import limits
from homeroom.client.routes import RoutingTable, decode, sealed
from homeroom.log.origins import Origin, Stream, Token
from homeroom.simulation.journeys.answering import Answering
from homeroom.simulation.journeys.asking import Ask, Reply, What
from homeroom.simulation.journeys.entries import Entries, Entry
from homeroom.simulation.journeys.scene import NAME, Scene, url_of
from homeroom.simulation.regions.signatures import signature_of
from homeroom.traffic.detection.detector import Detector
from homeroom.traffic.detection.health import Readiness
from homeroom.traffic.detection.steps import (
    Carried,
    DetectorEffect,
    DetectorEvent,
    HeartbeatCame,
    Judged,
    MembersChanged,
    Outcome,
    OwnState,
    Probe,
    ProbeEnded,
    SendHeartbeat,
    Tick,
)
from homeroom.traffic.routing.orders import About, Do, Orders, write_orders
from homeroom.traffic.routing.router import (
    Healths,
    Heard,
    KeepOrders,
    Ordered,
    Places,
    Publish,
    Router,
    RouterEvent,
)

if TYPE_CHECKING:
    from homeroom.simulation.journeys.forging import Forger

__all__ = ["Hold", "Machine"]

_WORK_MS: Final = 4.0
_FULL: Final = 0.95
_WAIT_MS: Final = 2_000
_LOOK_MS: Final = 50
_SYNC_MS: Final = 400
_PEERS: Final = 2
_DAY_MS: Final = 1_750_000_000_000

Answer = Callable[[Reply | None], None]
"""Takes what is answered; None if the connection breaks."""


@dataclass(slots=True)
class Hold:
    """What is wrong with a node now: how many faults say so.

    Attributes
    ----------
    down, refuses, held, broken : it is dead, answers only errors, sends no entries, its engine fails
    slow_ms : what each slow fault adds
    stopped_by : the kind of its last death
    """

    down: int = 0
    refuses: int = 0
    held: int = 0
    broken: int = 0
    slow_ms: list[float] = field(default_factory=list)
    is_silent: int = 0


class Machine:
    """A node.

    Attributes
    ----------
    name, region : its own
    load : how busy it is, 1 as much as it can do
    is_up : whether it lives
    life : how often it has begun
    disk : what it holds, over all lives
    document : the table that it hands out
    jump_ms : how far its time of day is off
    hold : what is wrong with it
    """

    def __init__(self, scene: Scene, name: str, region: str, number: int) -> None:
        self.scene, self.name, self.region = scene, name, region
        self.chance = Random(f"{scene.plan.seed} {name}")  # noqa: S311 - a world, no secret
        self._ahead_ms = self.chance.randint(1_000_000, 900_000_000)
        self._phase_ms = number * 97 % limits.DETECTOR_TICK_MS
        self.load = 0.0
        self.life, self.is_up = 0, False
        self.disk = Entries(name)
        self.document = b""
        self.jump_ms = 0
        self.hold = Hold()
        self.forger: Forger | None = None
        self._orders = Orders()
        self._open: dict[int, Answer] = {}
        self._asked = 0
        self.answering = Answering(self, scene.shared[region])

    # --- lives -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life with what is on the disk."""
        assert not self.is_up, "one life at a time"
        self.is_up = True
        self.life += 1
        now_ms = self.steady_ms
        kept = decode(self.document, self.scene.verify, NAME) if self.document else None
        life = f"{self.chance.getrandbits(62):x}"
        self.origin = Origin(self.name, f"{self.chance.getrandbits(128):032x}", Stream.ANALYTIC)
        self.detector = Detector(self.name, self.region, life, now_ms)
        self.router = Router((self.name, NAME), kept, self._orders, now_ms)
        self._told: OwnState | None = None
        self._carried = (self.router.orders, write_orders(self.router.orders))
        self._due_ms = now_ms
        self.answering = Answering(self, self.scene.shared[self.region])
        members = {
            name: region.name for region in self.scene.regions.values() for name in region.nodes
        }
        self._detect(MembersChanged(members))
        self._route(Places(self.scene.regions))
        wait_ms = (self._phase_ms - self.scene.now_ms) % limits.DETECTOR_TICK_MS
        self.scene.agenda.after(wait_ms, self._keep_ticking, self.life)
        self.scene.agenda.after(self.chance.randint(1, _SYNC_MS), self._keep_syncing, self.life)
        self.scene.note(self.name, f"begins life {self.life}")

    def stop(self, is_silent: int) -> None:
        """End a life: as a process, whose connections break, or silently, as a machine without power."""
        assert self.is_up, "who is dead dies no more"
        self.is_up = False
        self.hold.is_silent = is_silent
        broken, self._open = list(self._open.values()), {}
        if not is_silent:
            for answer in broken:
                answer(None)
        self.scene.note(self.name, "is gone" if is_silent else "ends")

    @property
    def steady_ms(self) -> int:
        """The steady clock."""
        return self.scene.now_ms + self._ahead_ms

    @property
    def wall_ms(self) -> int:
        """The time of day, as this node has it."""
        return _DAY_MS + self.scene.now_ms + self.jump_ms

    @property
    def slow_ms(self) -> float:
        """How much longer answers take than usual."""
        return max(self.hold.slow_ms, default=0.0)

    @property
    def is_good(self) -> bool:
        """Whether it answers whoever reaches it, without much delay."""
        is_slow = self.slow_ms > 0 or self.load > _FULL
        return self.is_up and not (self.hold.refuses or self.hold.broken) and not is_slow

    # --- the vantage point -------------------------------------------------------------------------------------------

    def _keep_ticking(self, life: int) -> None:
        if life != self.life or not self.is_up:
            return
        self._tell()
        self._detect(Tick())
        if self.steady_ms >= self._due_ms:
            self._due_ms = self.steady_ms + limits.ROUTE_TICK_MS
            self._route(Healths(self.detector.health(), self.wall_ms))
        self.scene.agenda.after(limits.DETECTOR_TICK_MS, self._keep_ticking, life)

    def _tell(self) -> None:
        orders = self.router.orders
        if orders is not self._carried[0]:
            self._carried = orders, write_orders(orders)
        state = OwnState(
            load=round(self.load, 2),
            draining=self.is_draining,
            readiness=Readiness.READY,
            generation=self.router.generation,
            carried=self._carried[1],
        )
        if state != self._told:
            self._told = state
            self._detect(state)

    @property
    def is_draining(self) -> bool:
        """Whether it is emptied by order."""
        routes = self.router.routes
        return routes is not None and self.name in routes.drained

    def order(self, about: About, name: str, do: Do) -> None:
        """Take an order of an operator."""
        self.scene.note(self.name, f"is told: {do} {name}")
        self._route(Ordered(about, name, do))
        self._due_ms = self.steady_ms

    def _detect(self, event: DetectorEvent) -> None:
        for effect in self.detector.step(event, self.steady_ms):
            self._do(effect)

    def _do(self, effect: DetectorEffect) -> None:
        match effect:
            case SendHeartbeat():
                self._beat(effect.to, effect.body)
            case Probe():
                self._probe(effect)
            case Judged():
                self.scene.note(self.name, f"{effect.node} is {effect.health.verdict.name}")
                self._due_ms = self.steady_ms
            case Carried():
                self._route(Heard(effect.sender, effect.generation, effect.carried))
            case _:
                pass

    def _beat(self, to: str, body: bytes) -> None:
        links, other = self.scene.links, self.scene.machines[to]
        if not links.loses(self.region, other.region):
            wait_ms = links.way_ms(self.region, other.region)
            self.scene.agenda.after(wait_ms, other.hear, self.name, body)

    def hear(self, sender: str, body: bytes) -> None:
        """Hear a heartbeat."""
        if self.is_up:
            self._detect(HeartbeatCame(sender, body))

    def _probe(self, asked: Probe) -> None:
        links, other, life = self.scene.links, self.scene.machines[asked.node], self.life
        way_ms = links.sure_way_ms(self.region, other.region)
        joins = links.joins("nodes", self.region, other.region)
        outcome, took_ms = Outcome.ANSWER, 2 * way_ms + other.slow_ms
        if other.hold.refuses or (joins and not other.is_up and not other.hold.is_silent):
            outcome = Outcome.REFUSAL
        elif not joins or not other.is_up or took_ms >= limits.PROBE_WAIT_MS:
            outcome, took_ms = Outcome.TIME_OUT, float(limits.PROBE_WAIT_MS)

        def ended() -> None:
            if self.is_up and life == self.life:
                self._detect(ProbeEnded(asked.node, asked.asked_ms, outcome, took_ms))

        self.scene.agenda.after(round(took_ms), ended)

    def _route(self, event: RouterEvent) -> None:
        for effect in self.router.step(event, self.steady_ms):
            match effect:
                case Publish():
                    self._publish(effect.table)
                case KeepOrders():
                    self._orders = effect.orders
                    self._due_ms = self.steady_ms
                case _:
                    pass
        self.router.check_invariants()

    def _publish(self, table: RoutingTable) -> None:
        self.document = sealed(table, lambda digest: signature_of(self.name, digest))
        self.scene.checks.published(self.name, table, self.document)
        said = ", ".join(f"{one.name} {one.state} {one.weight:g}" for one in table.regions)
        self.scene.note(self.name, f"table {table.generation}: {said}")

    # --- what it holds -----------------------------------------------------------------------------------------------

    def _keep_syncing(self, life: int) -> None:
        if life != self.life or not self.is_up:
            return
        self.disk.tell_whole(self.scene.now_ms)
        others = [name for name in self.scene.machines if name != self.name]
        for name in self.chance.sample(others, min(_PEERS, len(others))):
            self._give(self.scene.machines[name])
        self.scene.agenda.after(_SYNC_MS, self._keep_syncing, life)

    def _give(self, other: "Machine") -> None:
        """Send what another node lacks; who has what is known here without a message, which changes nothing."""
        links = self.scene.links
        if self.hold.held or not other.is_up or links.loses(self.region, other.region):
            return
        lacking, wholes = self.disk.beyond(other.disk.vector), self.disk.newest_wholes()

        def come() -> None:
            if other.is_up:
                for origin, first, entries in lacking:
                    other.disk.take(origin, first, entries)
                for node, whole in wholes.items():
                    if other.disk.vector.covers(whole.numbers):
                        other.disk.hear_whole(node, whole)

        self.scene.agenda.after(links.way_ms(self.region, other.region), come)

    # --- clients -----------------------------------------------------------------------------------------------------

    def serve(self, ask: Ask, answer: Answer) -> None:
        """Take a request of a client; ``answer`` is called once, or never if the machine is gone before."""
        self._asked += 1
        number = self._asked
        self._open[number] = answer
        now_ms, load = self.scene.now_ms, self.load
        if self.hold.refuses:
            self._end(number, Reply(status=500 if ask.what is What.ROUTES else 503))
            return
        if load > 1 and self.chance.random() > 1 / load and ask.what is not What.ROUTES:
            wait_ms = self.chance.randint(1_000, 3_000)
            self._end(number, Reply(status=503, retry_after_ms=wait_ms))
            return
        work_ms = round(_WORK_MS / max(1 - load, 0.05) + self.slow_ms)
        self.scene.agenda.after(work_ms, self._work, self.life, number, ask, now_ms)

    def _work(self, life: int, number: int, ask: Ask, asked_ms: int) -> None:
        if not self.is_up or life != self.life:
            return
        if ask.what is What.ROUTES:
            body = self.forger.told(self.document) if self.forger else self.document
            self._end(number, Reply(status=200 if body else 404, body=body))
        elif ask.what is What.WRITE:
            entry = Entry(ask.tenant, ask.batch, ask.takes_back, self.scene.now_ms)
            written = self.disk.write(self.origin, entry)
            token = Token(self.origin, written, self.scene.now_ms)
            self._end(number, Reply(status=200, token=token))
        elif not self.answering.ready(ask, lambda reply: self._end(number, reply)):
            self._read(life, number, ask, asked_ms)

    def _read(self, life: int, number: int, ask: Ask, asked_ms: int) -> None:
        """Answer when what the reader knows is there; wait for it for a while."""
        if not self.is_up or life != self.life:
            return
        after = {} if ask.after is None else {ask.after.origin: ask.after.number}
        is_there = self.disk.vector.covers(after) and self._is_fresh(ask)
        if is_there:
            self.answering.ask(ask, lambda reply: self._end_of(life, number, reply))
        elif self.scene.now_ms - asked_ms >= _WAIT_MS:
            self._end(number, Reply(status=504))
        else:
            self.scene.agenda.after(_LOOK_MS, self._read, life, number, ask, asked_ms)

    def _is_fresh(self, ask: Ask) -> bool:
        if ask.lag_ms_max is None:
            return True
        lag_ms = self.disk.lag_ms(self.disk.vector, self.scene.machines, self.scene.now_ms)
        return lag_ms is not None and lag_ms <= ask.lag_ms_max

    def _end_of(self, life: int, number: int, reply: Reply) -> None:
        if self.is_up and life == self.life:
            self._end(number, reply)

    def _end(self, number: int, reply: Reply) -> None:
        answer = self._open.pop(number, None)
        if answer is not None:
            answer(reply)

    @property
    def url(self) -> str:
        """Its address."""
        return url_of(self.name)
