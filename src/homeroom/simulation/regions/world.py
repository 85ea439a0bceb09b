"""A world from a seed: it is built, goes through its storm, comes together, and is looked at.

After the storm everything is put right at once: links are whole, processes run, clocks are right. From then on the
nodes have a bounded time to come to the same; then, while nothing else happens, they compare fingerprints once more,
and every check is made.
"""

import gc
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from homeroom import limits
from homeroom.errors import kind_and_places
from homeroom.regions.steps import Level, Members
from homeroom.simulation.regions.agenda import BEGIN_MS, Agenda, Trace
from homeroom.simulation.regions.checks import Watcher, check_all, long_vectors, missing_entries
from homeroom.simulation.regions.clients import Acknowledged, Batch, Client, Diary
from homeroom.simulation.regions.crossings import Crossings
from homeroom.simulation.regions.disks import Disks
from homeroom.simulation.regions.erasures import Erasures
from homeroom.simulation.regions.ledger import POISON, Readings
from homeroom.simulation.regions.lies import Lies
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.met import Case, Met
from homeroom.simulation.regions.mistakes import MistakenClient
from homeroom.simulation.regions.network import NEWER, OLDER, Network, Weather
from homeroom.simulation.regions.operator import Operator
from homeroom.simulation.regions.outside import Cores, Outside, Request, Told
from homeroom.simulation.regions.paper_clients import PaperClient
from homeroom.simulation.regions.pinned_clients import PinnedClient
from homeroom.simulation.regions.places import one_way_ms
from homeroom.simulation.regions.plan import (
    CLOCK_KINDS,
    DISK_KINDS,
    ERASURES,
    UPHEAVALS,
    Fault,
    Kind,
    Plan,
    make_plan,
)
from homeroom.simulation.regions.residency import (
    BorderWatch,
    check_documents,
    check_erasures,
    check_pinned,
    divided,
    is_true,
)
from homeroom.simulation.regions.retries import Retries
from homeroom.simulation.regions.rows import DAY_MS, Happening
from homeroom.simulation.regions.sharing import Sharing
from homeroom.simulation.regions.signatures import is_signed
from homeroom.simulation.regions.snapshots import Courier
from homeroom.simulation.regions.upheavals import Upheavals

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Run", "World", "simulate"]

_CLIENTS_FROM_MS: Final = 500
_CONVERGE_MS_MAX: Final = 5_000
_CLOCKS_MS: Final = 5_000
_DISKS_MS: Final = 5_000
_STEPS_MS: Final = 3_000
_LOSING: Final = frozenset({Kind.FAIL_OVER, Kind.LYING_SYNC, Kind.MISDIRECTED})
_LOOK_MS: Final = 250
_CHECK_AFTER_MS: Final = 1_500
_CHECKS_MORE: Final = 2
_REST_MS_MAX: Final = 3_000
_DOCUMENTS_SELDOM: Final = 3
"""A document is sent for so many batches of events."""
_MISTAKES_SELDOM: Final = 5
_ENDINGS_MS_MAX: Final = 12_000


@dataclass(slots=True)
class Run:
    """What came of a world.

    Parameters
    ----------
    plan : what went wrong in it
    violations : what did not hold
    checksum : of everything that happened
    figures : counts
    met : how often it came to what worlds are made for
    trace : the last lines of what happened
    """

    plan: Plan
    violations: list[str]
    checksum: int
    figures: dict[str, int]
    trace: list[str] = field(default_factory=list)
    met: Met = field(default_factory=Counter)


class World:
    """All of it.

    Parameters
    ----------
    plan : what it is and what goes wrong
    cores : what is tried
    client : who writes in each region
    """

    def __init__(
        self, plan: Plan, cores: Cores | None = None, client: type[Client] = Client
    ) -> None:
        self.plan = plan
        self._client = client
        # So that the storm ends shortly before a check: whether all agree is seen soon.
        self._begun_ms = -(plan.storm_ms + _CHECK_AFTER_MS) % limits.CHECK_MS
        self._calm_ms = self._begun_ms + plan.storm_ms
        self.agenda, self.trace = Agenda(self._begun_ms), Trace()
        self.met: Met = Counter()
        readings, sharing = Readings(), Sharing(is_signed)
        self.crossings = Crossings(self.met, readings, sharing)
        self.watcher = Watcher(plan, self.met, self.crossings)
        self.diary = Diary(self._acknowledged, self.met)
        places = {**plan.nodes, **plan.joining}
        delays_ms = {
            (one, other): one_way_ms(here, there)
            for one, here in places.items()
            for other, there in places.items()
        }
        self.network = Network(self.agenda, self.trace, self._chance("network"), delays_ms)
        self.outside = Outside(
            agenda=self.agenda,
            trace=self.trace,
            network=self.network,
            readings=readings,
            sharing=sharing,
            watch=self.watcher,
            members=_seeds(plan),
            cores=cores or Cores(),
            courier=Courier(self.agenda, self.network, self.crossings.brought),
            met=self.met,
            homes=_homes(plan),
            save_ms=plan.save_ms,
        )
        self.machines = {
            node: Machine(node, place, self.outside, self._chance(node))
            for node, place in places.items()
        }
        self.watcher.machines = self.machines
        home = self.machines[next(iter(plan.nodes))]
        self.operator = Operator(home, self.machines, self.agenda, self._chance("operator"))
        self.papers = Diary(self._acknowledged_paper)
        self.pinned = Diary(self._acknowledged_paper)
        self.border = BorderWatch({node: place.jurisdiction for node, place in places.items()})
        if plan.has_documents:
            self.network.looks.append(self.border.carried)
        if plan.kinds & ERASURES:
            self.network.looks.append(self.crossings.carried)
        retries = Retries(self.machines, self.agenda, self.diary, self._chance("retries"))
        losses = self.watcher.losses
        self.disks = Disks(self.machines, self.agenda, losses, self.crossings, retries)
        self.erasures = Erasures(
            self.machines, self.network, self.agenda, self.disks, self._chance("erasures")
        )
        self.lies = Lies(self.machines, self.network, self.agenda, self._chance("lies"))
        self.upheavals = Upheavals(
            self.machines, self.operator, self.outside, self.diary, losses, retries
        )

    def _chance(self, of: str) -> Random:
        return Random(f"{self.plan.seed}/{of}")  # noqa: S311 - a seed settles everything here

    # --- run ---------------------------------------------------------------------------------------------------------

    def run(self) -> Run:
        """Let all of it happen; all that it makes lives until its end, so that no garbage is looked for until then."""
        collects = gc.isenabled()
        gc.disable()
        try:
            return self._all()
        finally:
            if collects:
                gc.enable()

    def _all(self) -> Run:
        chance = self._chance("world")
        first = {name: self.machines[name] for name in self.plan.nodes}
        for machine in first.values():
            self.agenda.after(chance.randrange(200), machine.start)
        self.agenda.after(0, self.operator.begin, list(first))
        for name in first:
            chance = self._chance(f"{name}/client")
            client = self._client(name, first, self.agenda, self.diary, chance)
            self.agenda.after(_CLIENTS_FROM_MS, client.run, self.plan.every_ms, self._calm_ms)
        if self.plan.has_documents:
            self._send_papers(first)
        if self.plan.has_pinned:
            self._send_pinned(first)
        if self.plan.has_mistakes:
            self._make_mistakes(first)
        for fault in self.plan.faults:
            self.agenda.after(fault.at_ms, self._begin, fault)
        try:
            self.agenda.run(self._calm_ms)
            self._put_right()
            converged_ms = self._come_together()
            self._look(converged_ms)
        except Exception as error:  # noqa: BLE001 - told as a violation, with the seed that leads to it
            self.watcher.violations.append(f"something raised {kind_and_places(error)}: {error}")
            converged_ms = -1
        return self._run(converged_ms)

    def _make_mistakes(self, nodes: dict[str, Machine]) -> None:
        for name in nodes:
            chance = self._chance(f"{name}/mistakes")
            client = MistakenClient(name, nodes, self.agenda, self.diary, chance)
            every_ms = _MISTAKES_SELDOM * self.plan.every_ms
            self.agenda.after(_CLIENTS_FROM_MS, client.run, every_ms, self._calm_ms)

    def _send_papers(self, nodes: dict[str, Machine]) -> None:
        for name, home in nodes.items():
            law = home.jurisdiction
            near = {n: m for n, m in nodes.items() if self.plan.is_open or m.jurisdiction == law}
            chance = self._chance(f"{name}/documents")
            client = PaperClient(name, near, self.agenda, self.papers, chance)
            every_ms = _DOCUMENTS_SELDOM * self.plan.every_ms
            self.agenda.after(_CLIENTS_FROM_MS, client.run, every_ms, self._calm_ms)

    def _send_pinned(self, nodes: dict[str, Machine]) -> None:
        for name, home in nodes.items():
            near = {n: m for n, m in nodes.items() if m.jurisdiction == home.jurisdiction}
            chance = self._chance(f"{name}/pinned")
            client = PinnedClient(name, near, self.agenda, self.pinned, chance)
            every_ms = _DOCUMENTS_SELDOM * self.plan.every_ms
            self.agenda.after(_CLIENTS_FROM_MS, client.run, every_ms, self._calm_ms)

    @property
    def running(self) -> list[Machine]:
        """Nodes that belong to the world and are not destroyed."""
        return [
            machine
            for name, machine in self.machines.items()
            if machine.has_begun and not machine.is_destroyed and name not in self.operator.left
        ]

    def _put_right(self) -> None:
        self.trace.note(self.agenda.now_ms, "world", "everything is put right")
        self.network.heal_all()
        if self.outside.readings.refuses:
            self._fold_again()
        for machine in self.running:
            machine.paused_until_ms = 0
            machine.disk.syncs_to_fail = 0
            machine.disk.is_lying = machine.disk.is_misdirected = False
            machine.disk_ms = (1, 8)
            machine.set_clock(0)
            machine.start()

    def _fold_again(self) -> None:
        """Start all nodes again with a release that folds everything."""
        self.outside.readings.refuses = False
        for machine in self.running:
            machine.kill()

    def _come_together(self) -> int:
        """Wait until all nodes have folded the same; return how long it took."""
        begun_ms = self.agenda.now_ms
        # An operator who is in the middle of a removal waits for what all others say, step by step.
        is_removing = self.operator.open > 0
        # What was stamped ahead by a clock that was wrong waits for its time.
        waits_for_clocks = bool(self.plan.kinds & CLOCK_KINDS)
        # The life of a machine whose copy was heard last is believed again when the copy has been silent for a while.
        waits_for_lives = Kind.CLONE in self.plan.kinds
        wait_ms = _CONVERGE_MS_MAX + _CLOCKS_MS * waits_for_clocks
        wait_ms += limits.LIFE_SILENT_MS * waits_for_lives
        # Who has lost its log without knowing takes snapshots of others, and so do those who had relied on it.
        wait_ms += _DISKS_MS * bool(self.plan.kinds & _LOSING)
        while self._apart():
            steps_ms = _STEPS_MS * (is_removing or self._has_awaited)
            if self.agenda.now_ms >= begun_ms + wait_ms + steps_ms:
                break
            self.agenda.run(self.agenda.now_ms + _LOOK_MS)
        return self.agenda.now_ms - begun_ms

    @property
    def _has_awaited(self) -> bool:
        """Whether some node could not start before it had the state of another one."""
        return any(machine.has_awaited for machine in self.machines.values())

    def _apart(self) -> str:
        if self.operator.open:
            return f"{self.operator.open} things that an operator wanted are not done"
        if self.erasures.open:
            return f"{self.erasures.open} erasures have not been confirmed"
        return missing_entries(self.running) or divided(self.running)

    def _look(self, converged_ms: int) -> None:
        violations = self.watcher.violations
        apart = self._apart()
        if apart:
            violations.append(f"{converged_ms / 1_000} s after all was put right, {apart}")
        # Up to the next check, and until it is over everywhere.
        checks = self.agenda.now_ms // limits.CHECK_MS + 1
        is_whole = not any(machine.is_destroyed for machine in self.machines.values())
        self.agenda.run(checks * limits.CHECK_MS + limits.CHECK_WAIT_MS_MAX + _CHECK_AFTER_MS)
        compared = [machine.member.agreement.comparisons for machine in self.running]
        for _ in range(_CHECKS_MORE):
            if not all(compared) and is_whole:
                # Lives that began just before may have no mark in it; all have one in the next. And where it is stated
                # while a check goes on that lives are over, not all take their fingerprints at one epoch.
                self.agenda.run(self.agenda.now_ms + limits.CHECK_MS)
                compared = [machine.member.agreement.comparisons for machine in self.running]
        if is_whole and not all(compared):
            violations.append("somebody compared no fingerprints while all was well")
        # Nothing is a mark before a node has written something.
        first = (self._begun_ms + 2 * limits.CLOCK_START_MS_MAX) // limits.CHECK_MS + 1
        expected = (len(self.machines) - 1) * (checks - first + 1)
        if not self.plan.faults and min(compared) < expected:
            violations.append("somebody compared fewer fingerprints than there were checks")
        self.operator.rest()
        until_ms = self.agenda.now_ms + _REST_MS_MAX
        while self._apart() and self.agenda.now_ms < until_ms:
            self.agenda.run(self.agenda.now_ms + _LOOK_MS)
        if is_whole and self.agenda.now_ms > self._calm_ms + _ENDINGS_MS_MAX:
            violations += long_vectors(self.running, self._calm_ms - 1_000)
        violations += check_all(self.plan, self.running, self.diary, self.watcher)
        self._look_at_people()

    def _look_at_people(self) -> None:
        """Look whether documents are where they may be, and whoever was erased is gone."""
        violations = self.watcher.violations
        violations += self.border.violations
        if self.plan.has_documents:
            homes = self.outside.homes
            violations += check_documents(self.plan, self.running, self.papers, homes)
        if self.plan.has_pinned:
            violations += check_pinned(self.plan, self.running, self.pinned)
        if self.erasures.confirmed:
            confirmed, entries = self.erasures.confirmed, self.watcher.entries
            violations += check_erasures(self.plan, self.running, confirmed, entries)

    def _run(self, converged_ms: int) -> Run:
        alive = [machine for machine in self.running if machine.life is not None]
        figures = {
            "virtual_ms": self.agenda.now_ms - self._begun_ms,
            "happened": self.agenda.happened,
            "messages": self.network.carried,
            "message_bytes": self.network.carried_bytes,
            "batches": len(self.diary.sent),
            "acknowledged": len(self.diary.acknowledged),
            "refused": self.diary.refused,
            "comparisons": sum(machine.member.agreement.comparisons for machine in alive),
            "converged_ms": converged_ms,
            "faults": len(self.plan.faults),
            "documents": sum(len(told.batch.papers) for told in self.papers.acknowledged),
            "pinned": len(self.pinned.acknowledged),
            "erasures": len(self.erasures.confirmed),
        }
        violations = list(dict.fromkeys(self.watcher.violations))
        self.met[Case.TWO_RELEASES] = self.network.rewritten
        lines = self.trace.lines(60)
        return Run(self.plan, violations, self.trace.checksum, figures, lines, self.met)

    def _acknowledged(self, told: Acknowledged) -> None:
        self.watcher.acknowledged(told, self.machines)

    def _acknowledged_paper(self, told: Acknowledged) -> None:
        if not is_true(told, self.machines, self.watcher.losses):
            level = told.level.name.lower()
            self.watcher.violations.append(
                f"{told.node} acknowledged {told.batch.id} as {level}, and it is not"
            )

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def _begin(self, fault: Fault) -> None:
        self.trace.note(self.agenda.now_ms, "fault", str(fault))
        begin: dict[Kind, Callable[[Fault], None]] = {
            **dict.fromkeys((Kind.CUT, Kind.CUT_ONE_WAY, Kind.ISOLATE), self._cut),
            **dict.fromkeys((Kind.WEATHER, Kind.DAMAGE), self._weather),
            **dict.fromkeys(DISK_KINDS, self.disks.begin),
            **dict.fromkeys(ERASURES, self.erasures.begin),
            **dict.fromkeys(UPHEAVALS, self.upheavals.begin),
            Kind.LIES: self.lies.begin,
            Kind.RELEASES: self._update,
            Kind.POISON: self._poison,
            Kind.CUT_HISTORY: self._cut_history,
        }
        begin.get(fault.kind, self._befall)(fault)

    def _cut(self, fault: Fault) -> None:
        if fault.kind is not Kind.CUT_ONE_WAY:
            self.network.part(fault.nodes, fault.for_ms)
            return
        outside = [name for name in self.machines if name not in fault.nodes]
        links = [(one, other) for one in fault.nodes for other in outside]
        self.network.cut(links)
        self.agenda.after(fault.for_ms, self.network.heal, links)

    def _weather(self, fault: Fault) -> None:
        amount = fault.amount
        is_damage = fault.kind is Kind.DAMAGE
        self.network.weather = (
            Weather(damaged=amount)
            if is_damage
            else Weather(amount, amount / 2, jitter_ms=int(800 * amount))
        )
        self.agenda.after(fault.for_ms, self.network.heal_weather)

    def _update(self, fault: Fault) -> None:
        """Have a node run the release before this one, or the one after it, for a while."""
        (name,) = fault.nodes
        self.network.update(name, OLDER if fault.amount else NEWER)
        self.agenda.after(fault.for_ms, self.network.update, name, None)

    def _poison(self, fault: Fault) -> None:
        """Have a client send what no node of this release can fold: all store it, and that origin waits everywhere."""
        (name,) = fault.nodes
        event = Happening(f"{POISON} {fault.at_ms}", "learner 1", self.agenda.wall_ms)
        batch = self.diary.sent[event.id] = Batch(event.id, (event,), Level.LOCAL)
        self.outside.readings.refuses = True

        def tell(told: Told) -> None:
            self.diary.take(batch, name, told, self.agenda.now_ms)

        request = Request(event.id, batch.events, batch.level, tell, self.agenda.now_ms)
        self.machines[name].offer(request)

    def _cut_history(self, fault: Fault) -> None:
        # Learners have events of the last days: some are before this day, and some come later.
        self.operator.cut(BEGIN_MS // DAY_MS - int(fault.amount))

    def _befall(self, fault: Fault) -> None:
        machine = self.machines[fault.nodes[0]]
        match fault.kind:
            case Kind.KILL | Kind.POWER:
                machine.kill() if fault.kind is Kind.KILL else machine.lose_power()
                self.agenda.after(fault.for_ms, machine.start)
            case Kind.DESTROY | Kind.JOIN | Kind.LEAVE:
                self._change_members(machine, fault.kind)
            case Kind.PAUSE:
                machine.paused_until_ms = self.agenda.now_ms + fault.for_ms
            case Kind.BAD_SYNC:
                machine.disk.syncs_to_fail = 1
            case Kind.SLOW_DISK:
                machine.disk_ms = (50, 400)
                self.agenda.after(fault.for_ms, setattr, machine, "disk_ms", (1, 8))
            case _:
                self._set_clock(machine, fault)

    def _change_members(self, machine: Machine, kind: Kind) -> None:
        if kind is Kind.JOIN:
            self.operator.join(machine)
        elif kind is Kind.LEAVE:
            self.operator.leave(machine.name)
            self.watcher.losses.add(machine.name, 0, self.agenda.now_ms + 3_600_000)
        else:
            machine.destroy()
            self.watcher.losses.add(machine.name, 0, self.agenda.now_ms)

    def _set_clock(self, machine: Machine, fault: Fault) -> None:
        if fault.kind is Kind.ALONE_AND_WRONG:
            self.network.part(fault.nodes, fault.for_ms)
            machine.set_clock(fault.amount)
        elif fault.kind is Kind.CLOCK_DRIFT:
            machine.set_clock(0, fault.amount)
        else:
            if fault.kind is Kind.CLOCK_AT_BOOT:
                machine.kill()
            machine.set_clock(fault.amount)
            machine.start()
        self.agenda.after(fault.for_ms, machine.set_clock, 0)


def _homes(plan: Plan) -> dict[str, str]:
    """Return by learner in which jurisdiction they live, in an open world; some are at home wherever they write."""
    laws = sorted({place.jurisdiction for place in plan.nodes.values()}) if plan.is_open else []
    numbers = range(PaperClient.learners) if laws else ()
    found = {f"learner {n}": n % (len(laws) + 1) for n in numbers}
    return {learner: laws[at] for learner, at in found.items() if at < len(laws)}


def _seeds(plan: Plan) -> Members:
    return Members(
        0,
        {node: place.name for node, place in plan.nodes.items()},
        jurisdictions={node: place.jurisdiction for node, place in plan.nodes.items()},
    )


def simulate(seed: int, storm_ms: int | None = None, cores: Cores | None = None) -> Run:
    """Return what comes of the world of a seed."""
    return World(make_plan(seed, storm_ms), cores).run()
