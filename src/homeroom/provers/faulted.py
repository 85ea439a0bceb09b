"""A run of resilience, in a process and a network of its own: ``python -m homeroom.provers.faulted FOLDER``.

The folder holds what is asked (`asked.json`), and gets what was measured after each fault (`measured.json`), so that
whatever ends this process leaves what was measured until then. Ctrl-C ends it, and what was measured is partial. What
it says goes to standard output, a line each.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import numpy as np

from homeroom.adapters.whole_files import whole_file
from homeroom.client.routes import RouteState
from homeroom.errors import HomeroomError, ProvingError
from homeroom.provers.fault_audit import Conflicts, Nodes
from homeroom.provers.fault_users import PROBES, Users
from homeroom.provers.fault_world import FaultWorld
from homeroom.provers.watching import GONE, Watch
from homeroom.proving.audit import Ledger
from homeroom.proving.episodes import Episode
from homeroom.proving.faults import Fault, Promise, catalogue

__all__ = ["ASKED", "MEASURED", "Asked", "main"]

ASKED: Final = "asked.json"
MEASURED: Final = "measured.json"
_START_S: Final = 240.0
_CALM_S: Final = 4.0
_RETURN_S: Final = 120.0
_THERE_S: Final = 20.0
_SETTLE_S: Final = 120.0
_LOOK_S: Final = 0.25
_ANSWER_S: Final = 5.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run.

    Attributes
    ----------
    faults : names of the catalogue, one after the other and again
    regions, users : how many, and programs at each
    learners : who are there before the load
    seconds, per_second : for how long faults are begun, and how many requests a second are
    late_ms : a request that takes longer is late
    seed : of what programs do
    """

    faults: tuple[str, ...]
    regions: int
    users: int
    learners: int
    seconds: float
    per_second: float
    late_ms: float
    seed: int


class _Run:
    """One run, from the start of the processes to the audit."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        self._folder, self._asked = folder, asked
        self._faults = [catalogue()[name] for name in asked.faults]
        needs = {need for fault in self._faults for need in fault.needs}
        self._world = FaultWorld(folder, asked.regions, needs)
        self._ledger = Ledger()
        self._begun_s = time.perf_counter()
        self._users = Users(self._ledger, self._now_s, np.random.default_rng(asked.seed))
        self._stopping = asyncio.Event()
        self._loaded_s = (0.0, 0.0)
        self._nodes: Nodes
        self._conflicts: Conflicts
        self._interrupted = asyncio.Event()
        self._episodes: list[tuple[Episode, list[tuple[str, float]]]] = []
        self._told: dict[str, Any] = {"is_partial": True}

    def _now_s(self) -> float:
        return time.perf_counter() - self._begun_s

    def _say(self, text: str) -> None:
        _tell(f"{self._now_s():6.1f} s  {text}")

    async def run(self) -> None:
        """Run it, and end whatever was started."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupted.set)
        try:
            work = asyncio.ensure_future(self._work())
            waiting = asyncio.ensure_future(self._interrupted.wait())
            await asyncio.wait((work, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await work
        finally:
            self._leave()
            await asyncio.to_thread(self._world.stop)

    async def _work(self) -> None:
        self._say(
            f"{self._asked.regions} regions are started, a node and a server of the fabric each"
        )
        await asyncio.to_thread(self._world.start)
        await self._until(self._world.processes.are_listening)
        await asyncio.to_thread(self._world.processes.make_key, "read,write,admin")
        headers = {"Authorization": f"Bearer {self._world.processes.key}"}
        async with AsyncExitStack() as stack:
            http = httpx.AsyncClient(headers=headers, timeout=_ANSWER_S, trust_env=False)
            await stack.enter_async_context(http)
            self._nodes = Nodes(http, self._world.urls)
            self._conflicts = Conflicts(self._nodes, self._ledger)
            await self._until(self._know)
            await stack.enter_async_context(self._users)
            async with asyncio.timeout(_START_S):
                await self._users.come(
                    self._world.urls,
                    self._world.processes.key,
                    self._world.known,
                    self._asked.users,
                )
                await self._users.load(self._asked.learners)
            self._say(f"all run, and {self._asked.learners:,} learners are there; the load begins")
            await self._load()
            await self._audit()
        self._told["is_partial"] = False

    async def _until(self, holds: Any) -> None:  # noqa: ANN401 - an asynchronous function
        async with asyncio.timeout(_START_S):
            while not await holds():  # noqa: ASYNC110 - other processes set no event here
                await asyncio.sleep(_LOOK_S)

    async def _know(self) -> bool:
        for region in self._world.urls:
            status = await self._nodes.said(region, "/v1/status")
            routes = await self._nodes.said(region, "/v1/routes")
            if status is None or routes is None:
                return False
        return True

    # --- faults under load -------------------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Have requests go on while one fault follows another."""
        going = asyncio.ensure_future(self._users.go_on(self._asked.per_second, self._stopping))
        begun_s = self._now_s()
        try:
            await asyncio.sleep(_CALM_S)
            number = 0
            while number < len(self._faults) or self._has_time(number, begun_s):
                fault = self._faults[number % len(self._faults)]
                await self._episode(fault, number)
                self._loaded_s = begun_s, self._now_s()
                self._leave()
                number += 1
            await asyncio.sleep(_CALM_S)
            self._loaded_s = begun_s, self._now_s()
        finally:
            self._stopping.set()
            if self._interrupted.is_set():
                going.cancel()
            await asyncio.gather(going, return_exceptions=True)

    def _has_time(self, number: int, begun_s: float) -> bool:
        next_s = self._faults[number % len(self._faults)].seconds
        return self._now_s() - begun_s + next_s <= self._asked.seconds

    async def _episode(self, fault: Fault, number: int) -> None:
        """Have one fault happen and end, and note what followed."""
        whom = self._world.turns.next(fault)
        marks: list[tuple[str, float]] = []
        watch = Watch(self._world, whom[0], _LOOK_S)
        broken: list[str] = []
        async with watch.looking():
            is_there = await self._is_there(watch)
            begun_s = self._now_s()
            await asyncio.to_thread(self._world.begin, fault, whom)
            self._say(f"{fault.name}: {', '.join(whom)}")
            seen = asyncio.ensure_future(self._see(watch, marks if is_there else []))
            over_s = begun_s
            try:
                await self._meanwhile(fault, whom, broken)
                await asyncio.sleep(max(begun_s + fault.seconds - self._now_s(), 0))
            finally:
                await asyncio.to_thread(self._world.end, fault, whom)
                over_s = self._now_s()
                seen.cancel()
                await asyncio.gather(seen, return_exceptions=True)
            returned_s = await self._returned(whom, number)
        if returned_s is not None:
            marks.append(("takes writes itself", returned_s))
        episode = Episode(
            fault=fault.name,
            whom=whom,
            begun_s=begun_s,
            over_s=over_s,
            recovery_s=None if returned_s is None else returned_s - begun_s,
            broken=tuple(broken),
        )
        self._episodes.append((episode, marks))
        self._say(f"{fault.name} is over, and what was struck takes writes again")

    async def _is_there(self, watch: Watch) -> bool:
        """Wait for a while until nobody takes a region for gone after an earlier fault; say whether it came to that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_THERE_S):
                await watch.until(lambda one: one.state not in GONE)
                return True
        return False

    async def _see(self, watch: Watch, marks: list[tuple[str, float]]) -> None:
        """Note what routing tables of the others say of what was struck."""
        whole = watch.others
        for what, states, count in (
            ("suspected by the first other region", GONE, 1),
            ("clients are sent elsewhere by all tables", GONE, whole),
            ("evacuated in all tables", (RouteState.EVACUATED,), whole),
        ):
            with suppress(TimeoutError):
                at_s = await watch.until(lambda one, states=states: one.state in states, count)  # type: ignore[misc]
                marks.append((what, at_s - self._begun_s))

    async def _meanwhile(self, fault: Fault, whom: Sequence[str], broken: list[str]) -> None:
        """Do what belongs to some faults while they last."""
        if fault.gives == "conflicts_unsettled":
            outside = next(one for one in self._world.urls if one not in whom)
            if not await self._conflicts.say(whom[0], outside):
                broken.append("a side of the partition did not take what its users said")
        if Promise.REFUSED in fault.holds:
            until_s = self._now_s() + _RETURN_S
            while self._now_s() < until_s:
                if self._world.has_refused(whom[0]):
                    return
                await asyncio.sleep(_LOOK_S)
            broken.append("a node with settings that it cannot understand did not refuse to start")

    async def _returned(self, whom: Sequence[str], number: int) -> float | None:
        """Wait until all that was struck takes a write itself; return when, None if it does not in time."""
        until_s, last_s = self._now_s() + _RETURN_S, self._now_s()
        for region in whom:
            name = f"probe {number} {region}"
            day, account = PROBES.isoformat(), f"{name} learner"
            event = {"id": name, "account": account, "time": f"{day}T10:00:00Z", "verb": "read"}
            self._ledger.send(name, day, 1)
            while not await self._nodes.taken(region, name, [event]):
                if self._now_s() > until_s:
                    return None
                await asyncio.sleep(_LOOK_S)
            self._ledger.acknowledge(name)
            last_s = self._now_s()
        return last_s

    # --- afterwards --------------------------------------------------------------------------------------------------

    async def _audit(self) -> None:
        """Send again what nobody is known to have taken, wait until all nodes agree, and compare."""
        before = len(self._ledger.unknown())
        left = await self._users.send_again()
        self._say(
            f"{before} batches of which nothing was known are sent again; {left} are not taken"
        )
        asked_s = self._now_s()
        missing = await self._nodes.settled(self._ledger.events, _SETTLE_S, self._now_s)
        settled_s = self._now_s() - asked_s
        audit = await self._nodes.audit(self._ledger)
        wrong, told = await self._conflicts.unsettled(self._world.urls)
        self._told["audit"] = audit.to_json() | {
            "wrong": audit.wrong,
            "missing": missing,
            "settled_s": settled_s,
            "sent_again": before,
            "not_taken": left,
        }
        self._told["conflicts"] = {
            "people": self._conflicts.people,
            "unsettled": wrong,
            "told": told,
        }
        self._say(
            f"audit: {audit.events:,} events, {audit.wrong} not counted once; {missing or 'all agree'}"
        )

    def _leave(self) -> None:
        """Write what was measured until now."""
        late_s = self._asked.late_ms / 1_000
        episodes = [self._measured(one, marks, late_s).to_json() for one, marks in self._episodes]
        theirs, others = self._users.counts(self._loaded_s, set(), late_s)
        document = {
            **self._told,
            "episodes": episodes,
            "load_s": list(self._loaded_s),
            "requests": (theirs + others).to_json(),
            "failed": [[one.region, one.due_s, one.failed] for one in self._users.failed[:50]],
        }
        with whole_file(self._folder / MEASURED) as sink:
            sink.write(json.dumps(document).encode())

    def _measured(self, one: Episode, marks: list[tuple[str, float]], late_s: float) -> Episode:
        """Return an episode with what the requests of users say of it."""
        users, begun_s = self._users.users_of(one.whom), one.begun_s
        over_s = one.over_s if one.over_s is not None else self._now_s()
        answered = self._users.answered_after(begun_s, users)
        trouble_s = self._users.first_trouble(begun_s, users, late_s)
        struck, others = self._users.counts((begun_s, over_s), users, late_s)
        failover_s = tuple(sorted(at_s - begun_s for at_s in answered.values()))
        more = (
            [] if trouble_s is None or trouble_s > over_s else [("first failed or late", trouble_s)]
        )
        if len(answered) == len(users) and users:
            more.append(("all its users were answered", begun_s + failover_s[-1]))
        rerouted = [at_s for what, at_s in marks if what.startswith("suspected")]
        found = replace(
            one,
            marks=(*marks, *more),
            detection_s=rerouted[0] - begun_s if rerouted else None,
            failover_s=failover_s,
            unanswered=len(users) - len(answered),
            struck=struck,
            others=others,
        )
        return replace(found, broken=(*one.broken, *_broken(found)))


def _broken(one: Episode) -> list[str]:
    """Return which promises of a fault did not hold, in words."""
    fault, found = catalogue()[one.fault], []
    if Promise.ANSWERED in fault.holds and (one.struck + one.others).failed:
        found.append(f"{(one.struck + one.others).failed} requests failed")
    if Promise.OTHERS_ANSWERED in fault.holds and one.others.failed:
        found.append(f"{one.others.failed} requests at other regions failed")
    if Promise.MOVED in fault.holds and (one.moved_s is None or one.moved_s > fault.seconds):
        found.append("not all users of what was struck were answered before it was over")
    if Promise.RETURNED in fault.holds and one.recovery_s is None:
        found.append(f"what was struck took no writes within {_RETURN_S:g} s after it was over")
    return found


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(folder: Path) -> int:
    """Run what is asked in a folder; return 0 if it came to an end, however it went."""
    asked = msgspec.json.decode((folder / ASKED).read_bytes(), type=Asked)
    try:
        asyncio.run(_Run(folder, asked).run())
    except (HomeroomError, ProvingError, TimeoutError, OSError) as error:
        _tell(f"it could not go on: {error!r}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
