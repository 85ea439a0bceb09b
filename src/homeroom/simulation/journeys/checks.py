"""What is promised of requests, one check each; they know the truth, and nothing of how the cores decide.

- A table is never empty, and its generation is above all that its maker has made before.
- A client never goes back to an older table, and follows only what a node of this world has really made.
- A client always has somewhere to go, and only nodes are sent requests.
- An answer is that of its tenant and scope, and what is in it is what its vector says; it holds what its reader has
  written, and is no older than its reader allows.
- What was acknowledged is in the end everywhere, and counts once.
- No write is under way at two nodes at once, and retries stay within the budget.
- A request is given up only where no node was well, reached the client and held what is asked for, all that time; and
  while all but one region are well, none takes longer than `SOON_MS`.
- A region is ordered away only as far as the others can carry its clients.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeroom import limits
from homeroom.client.routes import Endpoint, RouteState, RoutingTable
from homeroom.log.origins import Vector
from homeroom.simulation.journeys.asking import Ask, Reply, What
from homeroom.simulation.journeys.entries import value_of
from homeroom.traffic.caching.judging import Standing
from homeroom.traffic.caching.steps import Tell

if TYPE_CHECKING:
    from homeroom.simulation.journeys.caller import Caller
    from homeroom.simulation.journeys.machine import Machine
    from homeroom.simulation.journeys.scene import Scene

__all__ = ["ANSWER_MS_MAX", "ERROR_MS", "GONE", "SHED", "SOON_MS", "STALE_MS", "Checks", "Told"]

SOON_MS: Final = 8_000
ANSWER_MS_MAX: Final = 1_200
"""For how long a reader waits at most whose node has all that it asks for: a lease, and two computations."""
SHED: Final = "+"
"""Stands after a status with which a node asked to wait, since it has too much to do."""
GONE: Final = "-"
"""Stands after a failure of a request whose machine, or link, was gone and is back: who asked hears nothing of that."""
STALE_MS: Final = 2_000
"""For how long a node of a world tells an answer that is not current."""
ERROR_MS: Final = 6_000
"""And for how long where its engine fails."""
_SHOWN_MAX: Final = 20
_SPREAD_MS: Final = 6_000
_SETTLED_MS: Final = 12_000
_LEFT: Final = (RouteState.DRAINING, RouteState.EVACUATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a request of a client ended; ``reply`` is None if it was given up.

    ``holders`` are the nodes that had, when it began, what it is to be after; ``path`` is for people.
    """

    client: str
    region: str
    ask: Ask
    reply: Reply | None
    began_ms: int
    ended_ms: int
    at: str
    holders: frozenset[str]
    path: str


class Checks:
    """Hears of everything that is promised.

    Attributes
    ----------
    broken : promises that were broken, in words
    ended_requests : how requests ended, in the order of their ends
    tables, computed, told_on_error : how many tables were made, how often an engine computed, and how often an old
        answer was told because one had failed
    answers : by tier and standing how many were told
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._scene: Scene
        self.broken: list[str] = []
        self.ended_requests: list[Told] = []
        self.tables = self.computed = self.told_on_error = 0
        self.answers: Counter[str] = Counter()
        self._genuine: set[bytes] = set()
        self._generations: dict[str, int] = {}
        self._weights: dict[tuple[str, str], float] = {}
        self._good_ms: dict[tuple[str, str], int] = {}
        self._acknowledged: list[tuple[int, Ask]] = []
        self.demand: Callable[[], float] = lambda: 0.0
        self.upset_ms = 0
        """When something last went wrong, or was put right, that makes nodes know less of each other."""

    def watch(self, scene: "Scene") -> None:
        """Look at a world from now on."""
        self._scene = scene
        for place in scene.plan.places:
            for name in scene.machines:
                self._good_ms[place.name, name] = 0

    def _break(self, what: str) -> None:
        if len(self.broken) < _SHOWN_MAX:
            self.broken.append(f"{self._now_ms() / 1_000:.3f} s: {what}")

    # --- tables ------------------------------------------------------------------------------------------------------

    def published(self, name: str, table: RoutingTable, document: bytes) -> None:
        """Hear that a node has made a table."""
        self.tables += 1
        self._genuine.add(document)
        if not any(one.weight > 0 and node.http for one in table.regions for node in one.nodes):
            self._break(f"{name} has made a table with nowhere to go")
        if table.generation <= self._generations.get(name, 0):
            self._break(f"{name} has made table {table.generation} after a later one")
        self._generations[name] = table.generation
        self._check_leaving(name, table)

    def _check_leaving(self, name: str, table: RoutingTable) -> None:
        """See that nobody is sent away whom the others cannot carry."""
        for one in table.regions:
            before = self._weights.get((name, one.name), 1.0)
            weight = 0.0 if one.state in _LEFT else one.weight
            self._weights[name, one.name] = weight
            is_by_order = one.state in _LEFT and weight < before
            if not is_by_order or self._now_ms() - self.upset_ms < _SETTLED_MS:
                continue
            serving = {r.name for r in table.regions if r.state not in _LEFT and r.name != one.name}
            room = sum(m.is_good for m in self._scene.machines.values() if m.region in serving)
            if self.demand() > room:
                self._break(
                    f"{name} sends the clients of {one.name} away: {self.demand():.1f} nodes' work for {room}"
                )

    def followed(
        self, client: str, table: RoutingTable, before: RoutingTable | None, document: bytes
    ) -> None:
        """Hear that a client follows a table from now on."""
        if document not in self._genuine:
            self._break(f"{client} follows a table that no node of this world has made")
        if before is not None and table.generation < before.generation:
            self._break(f"{client} goes back from table {before.generation} to {table.generation}")

    def has_somewhere(self, client: str, endpoints: Iterable[Endpoint]) -> None:
        """Hear where a client may go."""
        urls = [one.url for one in endpoints]
        known = {machine.url for machine in self._scene.machines.values()}
        if not urls or not set(urls) <= known:
            self._break(f"{client} has nowhere to go, or would go to no node: {urls}")

    # --- requests ----------------------------------------------------------------------------------------------------

    def sent(self, client: str, ask: Ask, flying: int) -> None:
        """Hear that a request is sent, while others of the same are under way."""
        if ask.what is What.WRITE and flying:
            self._break(
                f"{client} sends batch {ask.batch} to a second node before the first has ended"
            )

    def holders(self, ask: Ask) -> frozenset[str]:
        """Return the nodes that have what a request is to be after."""
        after = {} if ask.after is None else {ask.after.origin: ask.after.number}
        machines = self._scene.machines.values()
        return frozenset(one.name for one in machines if one.disk.vector.covers(after))

    def look(self) -> None:
        """See who is well, and for whom; told now and then."""
        now_ms, links = self._now_ms(), self._scene.links
        for region, name in self._good_ms:
            machine = self._scene.machines[name]
            if not (machine.is_good and links.joins("clients", region, machine.region)):
                self._good_ms[region, name] = now_ms + 1

    def ended(self, told: Told) -> None:
        """Hear how a request ended."""
        self.ended_requests.append(told)
        self.look()
        if told.reply is None:
            self._check_given_up(told)
            return
        if told.reply.status != 200:
            self._break(f"{told.client} was answered {told.reply.status}: {told.path}")
            return
        if told.ask.what is What.WRITE:
            self._acknowledged.append((told.ended_ms, told.ask))
        else:
            self._check_answer(told, told.reply)
        self._check_soon(told)

    def _good(self, told: Told) -> list["Machine"]:
        """Return the nodes that were well, and reached the client, all the time of a request."""
        return [
            machine
            for name, machine in self._scene.machines.items()
            if self._good_ms[told.region, name] <= told.began_ms
        ]

    def _check_given_up(self, told: Told) -> None:
        if told.ask.lag_ms_max is not None:
            return  # what is not known to be fresh is not told, and nobody promises that it is known
        if SHED in told.path:
            return  # a node had too much to do: no budget asks others for whom it may be the same
        holding = [one.name for one in self._good(told) if one.name in told.holders]
        if holding:
            self._break(
                f"{told.client} in {told.region}: a {told.ask.what} failed, though {', '.join(holding)} "
                f"would have answered: {told.path}"
            )

    def _check_soon(self, told: Told) -> None:
        took_ms = told.ended_ms - told.began_ms
        is_put_off = _is_put_off(told.path) or told.ask.lag_ms_max is not None
        if took_ms <= SOON_MS or is_put_off:
            return
        good = {one.name for one in self._good(told)}
        bad = {one.region for one in self._scene.machines.values() if one.name not in good}
        if len(bad) <= 1 and good & told.holders:
            self._break(
                f"{told.client} in {told.region}: a {told.ask.what} took {took_ms} ms, with all but "
                f"{', '.join(sorted(bad)) or 'nobody'} well: {told.path}"
            )

    # --- answers -----------------------------------------------------------------------------------------------------

    def told(self, machine: "Machine", ask: Ask, found: Tell, bound_ms: int) -> None:
        """Hear what a node tells, what it had folded when it was asked, and how old that may be."""
        kept, now_ms = found.kept, self._now_ms()
        self.answers[f"{found.tier}_{found.standing}"] += 1
        is_on_error = found.standing is Standing.STALE and bound_ms > STALE_MS
        self.told_on_error += is_on_error
        if not kept.applied.covers(found.want.floor):
            self._break(f"{machine.name} tells what it knows to be taken back, of {ask.tenant}")
        if found.standing is Standing.STALE and now_ms - kept.newest > bound_ms:
            self._break(f"{machine.name} tells an old answer that is {now_ms - kept.newest} ms old")

    def filled(self, machine: "Machine", before: Vector, after: Vector) -> None:
        """Hear of which vectors an answer is in a region's cache, before and after a fill."""
        if before != after and before.covers(after):
            self._break(f"{machine.name} puts an older answer in the place of a newer one")

    def waited(self, machine: "Machine", wait_ms: int) -> None:
        """Hear how long a reader has waited for what its node could tell."""
        if wait_ms > ANSWER_MS_MAX:
            self._break(f"{machine.name} had a reader wait {wait_ms} ms for what it could compute")

    def fault(self, error: AssertionError) -> None:
        """Hear that a core is in no state that it may be in."""
        self._break(f"a core is in no state that it may be in: {error}")

    def _check_answer(self, told: Told, reply: Reply) -> None:
        ask, applied = told.ask, reply.applied
        assert applied is not None, "an answer says what it is from"
        if not reply.body.startswith(f"{ask.tenant}|{ask.scope}|{ask.question}|".encode()):
            self._break(
                f"{told.client} asked for {ask.tenant}|{ask.scope}|{ask.question}: {reply.body!r}"
            )
            return
        if reply.body != self._truth(ask, applied):
            truth = self._truth(ask, applied)
            self._break(f"{told.client} is told {reply.body!r}, and its vector says {truth!r}")
        if ask.after is not None and applied[ask.after.origin] < ask.after.number:
            self._break(f"{told.client} is told an answer without what it has written")
        if ask.lag_ms_max is not None:
            self._check_age(told, applied, reply.told_ms - ask.lag_ms_max)

    def _check_age(self, told: Told, applied: Vector, since_ms: int) -> None:
        for machine in self._scene.machines.values():
            for origin, number in machine.disk.touched_by(machine.name).items():
                log = machine.disk.logs[origin]
                if applied[origin] < number and log[applied[origin]].at_ms < since_ms:
                    self._break(
                        f"{told.client} allows {told.ask.lag_ms_max} ms, and is told an answer without "
                        f"an entry that {machine.name} wrote {since_ms - log[applied[origin]].at_ms} ms before"
                    )

    def _truth(self, ask: Ask, applied: Vector) -> bytes:
        """Return what an answer of a vector must be: from the disks of those who wrote the entries."""
        disks = {name: machine.disk for name, machine in self._scene.machines.items()}
        entries = [
            entry for o, number in applied.items() for entry in disks[o.node].logs[o][:number]
        ]
        return value_of(ask.tenant, ask.scope, ask.question, entries)

    # --- at the end --------------------------------------------------------------------------------------------------

    def finish(self, callers: Iterable["Caller"]) -> None:
        """See that all has come to its end."""
        now_ms = self._now_ms()
        for caller in callers:
            for journey in caller.open.values():
                path = " ".join(journey.path)
                is_late = now_ms - journey.began_ms > SOON_MS and not _is_put_off(path)
                if is_late and journey.ask.lag_ms_max is None:
                    self._break(f"{caller.name} still waits: {path}")
            most = limits.RETRY_RESERVE + limits.RETRIES_PER_REQUEST * caller.asked
            most += now_ms / limits.RETRY_EVERY_MS + 1 + caller.calm
            if caller.retried > most:
                self._break(
                    f"{caller.name} has retried {caller.retried} times in {caller.asked} requests"
                )
        for name, machine in self._scene.machines.items():
            self._check_all_there(name, machine)

    def _check_all_there(self, name: str, machine: "Machine") -> None:
        entries = [entry for log in machine.disk.logs.values() for entry in log]
        there = {(one.tenant, one.batch, one.takes_back) for one in entries}
        until_ms = self._now_ms() - _SPREAD_MS
        acknowledged = [one for at_ms, one in self._acknowledged if at_ms <= until_ms]
        lost = [one for one in acknowledged if (one.tenant, one.batch, one.takes_back) not in there]
        if lost:
            self._break(f"{name} lacks {len(lost)} acknowledged batches, {lost[0].batch} first")
        by_tenant: dict[str, set[str]] = {}
        for tenant, batch, takes_back in there:
            if not takes_back and (tenant, batch, 1) not in there:
                by_tenant.setdefault(tenant, set()).add(batch)
        for tenant, batches in sorted(by_tenant.items()):
            told = machine.disk.answer(tenant, "s", "q")
            if told != f"{tenant}|s|q|{len(batches)}".encode():
                self._break(f"{name} answers {told!r} of {len(batches)} batches")


def _is_put_off(path: str) -> bool:
    """Say whether a request was asked to wait, or seemed to be: no budget lets it go elsewhere at once then."""
    return SHED in path or f"late{GONE}" in path
