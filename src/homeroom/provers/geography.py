"""``prove geography``: eight regions in this process, as far apart as they are, and users all over the world.

What is real: nodes with their doors, logs, caches and vantage points, replication, routing tables, HTTP, and the client
library with its discovery. What is made: distance (`homeroom.provers.delays`), for which each place and each region has
an address of its own on this machine. A criterion that light forbids is refused before anything starts.
"""

import asyncio
import contextlib
import datetime as dt
import difflib
import gc
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import uvloop

from homeroom.adapters import system_clock
from homeroom.adapters.world_directory import make_world
from homeroom.adapters.world_file import SHIPPED, read_world
from homeroom.adapters.world_file import Stage as FileStage
from homeroom.errors import ProvingError
from homeroom.provers.geography_nodes import Apart, Doors, NodesHere
from homeroom.provers.geography_process import UsersElsewhere
from homeroom.provers.geography_users import Kit, Met, written_questions
from homeroom.provers.learners import Arriving, History, arriving, disk_bytes, make_history
from homeroom.provers.loading import check_free, compared, noon_clock, world_of
from homeroom.provers.outcome import Outcome, Proving
from homeroom.provers.ports import check_addresses, free_ports
from homeroom.proving.geography import Phase, Seen, Stage
from homeroom.proving.physics import (
    Forbidden,
    Site,
    cable_ms,
    costliest,
    floors,
    forbidden,
    physics_json,
)
from homeroom.proving.plans import GeographyPlan, Sizes
from homeroom.proving.targets import EMBEDDED
from homeroom.regions.world import Region, RegionState, World

__all__ = ["check_geography", "prove_geography"]

_BATCH: Final = 20
_WARMING: Final = 4
_POLL_S: Final = 0.05
_CALM_S_MAX: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """Where a plan is run.

    Parameters
    ----------
    plan : that is run
    world : its regions, as a file of regions has them
    sites, ready : those that run, and those that could be added
    down : the one that goes down at the end
    """

    plan: GeographyPlan
    world: World
    sites: tuple[Site, ...]
    ready: tuple[Site, ...]
    down: str

    @classmethod
    def of(cls, plan: GeographyPlan) -> "_Ground":
        """Return the ground of a plan. Raises `ProvingError` if there is no such region."""
        shipped = read_world(SHIPPED, FileStage.PLANNED)
        names = plan.regions or tuple(shipped.active())
        for name in (*names, *filter(None, (plan.down,))):
            if name not in shipped.regions:
                near = difflib.get_close_matches(name, shipped.regions, 1) or list(shipped.regions)
                raise ProvingError(
                    f"there is no region {name[:80]!r} in the shipped world; there is {', '.join(near)}"
                )
        if len(names) < 2:
            raise ProvingError(
                "a world of one region has nobody who could take its users; name two"
            )
        regions = {name: replace(shipped.regions[name], state=RegionState.ACTIVE) for name in names}
        home = shipped.home if shipped.home in regions else names[0]
        world = replace(shipped, regions=regions, home=home)
        sites = tuple(map(_site, regions.values()))
        ready = tuple(_site(one) for one in shipped.regions.values() if one.name not in regions)
        down = plan.down or costliest(plan, sites)
        if down not in regions:
            raise ProvingError(f"down is {down!r}, which does not run; there is {', '.join(names)}")
        return cls(plan=plan, world=world, sites=sites, ready=ready, down=down)

    def cannot(self) -> list[Forbidden]:
        """Return the criteria that nothing could meet."""
        return forbidden(self.plan, self.sites, self.ready)

    def addresses(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return from which address of this machine users of each place come, and nodes of each region."""
        users = {
            user.place: f"127.1.{number // 250}.{1 + number % 250}"
            for number, user in enumerate(self.plan.users)
        }
        regions = {
            site.name: f"127.2.0.{number}" for number, site in enumerate(self.sites, start=1)
        }
        return users, regions

    def apart(self, today: dt.date) -> Apart:
        """Return how far all are apart, for whom it is noon of a date."""
        plan, at = self.plan, {site.name: site.at for site in self.sites}
        users, regions = self.addresses()
        place = {user.place: (user.latitude, user.longitude) for user in plan.users}
        way_s = {
            (site, address): (cable_ms(plan, place[who], at[site]) + plan.last_mile_ms) / 2_000
            for who, address in users.items()
            for site in at
        }
        between_s = {
            (one, other): cable_ms(plan, at[one], at[other]) / 2_000 for one in at for other in at
        }
        way_s |= {(one, regions[other]): ms for (one, other), ms in between_s.items()}
        return Apart(
            between_s=lambda one, other: between_s[one, other],
            to_s=lambda region, address: way_s.get((region, address), 0.0),
            source=regions.__getitem__,
            now_ms=noon_clock(today),
        )


def _site(region: Region) -> Site:
    return Site(name=region.name, latitude=region.latitude, longitude=region.longitude)


# --- before anything starts ------------------------------------------------------------------------------------------


def check_geography(plan: GeographyPlan, how: Proving) -> None:
    """Refuse what cannot be run, and what light forbids. Raises `ProvingError`."""
    if how.target.name != EMBEDDED:
        raise ProvingError(
            f"the target {how.target.name} cannot be tried over distances; leave --target out to have all regions in "
            "this process"
        )
    ground = _Ground.of(plan)
    for one in ground.cannot():
        if one.by_light and not one.floor.down:
            raise ProvingError(f"{one.criterion.name} {one.criterion.asked}: {one.in_words}")
    check_addresses(ground.addresses()[0].values())
    how.report.mkdir(parents=True, exist_ok=True)
    sizes = how.sizes(plan)
    needed = len(ground.sites) * disk_bytes(
        sizes.learners, sizes.learners * plan.events_per_learner
    )
    check_free(how.report, needed, sizes.learners)


# --- the run ---------------------------------------------------------------------------------------------------------


def prove_geography(plan: GeographyPlan, how: Proving, began_ms: int) -> Outcome:
    """Run a plan that was checked, and began then; Ctrl-C ends it with what was measured until then."""
    ground = _Ground.of(plan)
    with tempfile.TemporaryDirectory(prefix="proving-", dir=how.report) as folder:
        run = _Run(ground, how, Path(folder), began_ms)
        uvloop.run(run.whole())
    seen = Seen(
        plan=plan,
        sites=ground.sites,
        down=ground.down,
        phases=run.phases,
        cannot=ground.cannot(),
    )
    evidence = {"phases": [phase.to_json() for phase in run.phases]}
    physics = physics_json(floors(plan, ground.sites), seen.cannot)
    return Outcome(
        is_partial=run.is_partial,
        measured=seen.measured(f"{plan.name}-evidence.json"),
        series=seen.series(),
        timelines=seen.timelines(),
        figures={**seen.figures(), "physics": physics},
        evidence={**evidence, "physics": physics},
        notes=seen.notes(),
    )


class _Run:
    """One run, in an empty folder.

    Attributes
    ----------
    phases : those that were begun
    is_partial : whether it was stopped
    """

    def __init__(self, ground: _Ground, how: Proving, folder: Path, began_ms: int) -> None:
        self._ground, self._how, self._folder, self._began_ms = ground, how, folder, began_ms
        self._sizes: Sizes = how.sizes(ground.plan)
        self._begun_s = time.perf_counter()
        self._rng = np.random.default_rng(ground.plan.seed)
        self.phases: list[Phase] = []
        self._stopping: asyncio.Event

    @property
    def is_partial(self) -> bool:
        """Whether it was stopped."""
        return self._stopping.is_set()

    async def whole(self) -> None:
        """Make the world, run all phases, compare answers."""
        self._stopping = asyncio.Event()
        with contextlib.suppress(ValueError, RuntimeError):  # signals are the main thread's
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._stopping.set)
        plan, world = self._ground.plan, self._ground.world
        made = make_world(
            self._folder / "world",
            world,
            free_ports(10 * len(world.regions)),
            1,
            system_clock.now_ms(),
        )
        learners = world_of(plan, self._sizes.learners, self._began_ms)
        today = learners.start + dt.timedelta(days=learners.days)
        nodes = NodesHere(self._folder / "world", made, self._ground.apart(today))
        self._how.say(
            f"{learners.learners:,} learners with {learners.events:,} events of {learners.days} days are made and "
            f"loaded at {made.home}"
        )
        home = nodes.path(made.home)
        history = await asyncio.to_thread(make_history, home, learners, self._stopping.is_set)
        if history is not None:
            async with self._served(nodes) as doors:
                if not self._stopping.is_set():
                    await self._asked(doors, history)

    @contextlib.asynccontextmanager
    async def _served(self, nodes: NodesHere) -> AsyncIterator[Doors]:
        """Have all nodes, with what was loaded at the home, behind their doors."""
        try:
            await nodes.start()
            events = nodes.events(nodes.plan.home)
            self._how.say(f"{len(nodes.nodes)} regions take over what was loaded")
            while not self._stopping.is_set() and any(
                nodes.events(region) < events for region in nodes.nodes
            ):
                await asyncio.sleep(_POLL_S)
                await nodes.renew()
            doors = Doors(nodes, self._stopping.set)
            try:
                await doors.open()
                gc.collect()
                # As a node does that serves: what is there now stays, and nobody waits while it is looked through.
                gc.freeze()
                yield doors
            finally:
                gc.unfreeze()
                await doors.close()
        finally:
            await nodes.stop()

    async def _asked(self, doors: Doors, history: History) -> None:
        plan, ground = self._ground.plan, self._ground
        count = round(1.5 * plan.batches_per_second * self._sizes.seconds) + 8
        batches = await asyncio.to_thread(
            arriving, history, self._rng, _WARMING + count * len(Stage), _BATCH
        )
        kit = Kit(
            plan=plan,
            sites=ground.sites,
            urls=doors.urls,
            key=doors.key,
            known=doors.known,
            addresses=ground.addresses()[0],
            questions=written_questions(history.world.start.isoformat(), history.today.isoformat()),
        )
        met: list[Met] = []
        async with UsersElsewhere(kit) as users:
            minding = asyncio.ensure_future(self._mind(users))
            self._how.say(f"users at {len(plan.users)} places look where they can go")
            met.append(await users.warm(batches[:_WARMING]))
            await self._calm(doors)
            for number, stage in enumerate(Stage):
                if self._stopping.is_set():
                    break
                first = _WARMING + number * count
                met.append(await self._phase(stage, doors, users, batches[first : first + count]))
            minding.cancel()
        self._how.say("answers are compared with what is true of the learners")
        await asyncio.to_thread(_compare, met, history)

    async def _mind(self, users: UsersElsewhere) -> None:
        await self._stopping.wait()
        users.stop()

    async def _calm(self, doors: Doors) -> None:
        """Wait until all regions serve: what a busy start has looked like is over."""
        until_s = time.perf_counter() + _CALM_S_MAX
        while not (doors.is_calm() or time.perf_counter() > until_s):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _POLL_S)
                return

    async def _phase(
        self, stage: Stage, doors: Doors, users: UsersElsewhere, batches: Sequence[Arriving]
    ) -> Met:
        sizes, down = self._sizes, self._ground.down
        told = f"{down} goes down" if stage is Stage.DOWN else stage.value
        self._how.say(
            f"{told}: {sizes.questions_per_second:g} questions a second for {sizes.seconds:g} s"
        )
        doors.caches = stage is not Stage.PLAIN
        before, used_s = doors.connections(), time.process_time()
        phase = Phase(stage=stage, began_s=time.perf_counter() - self._begun_s)
        going = asyncio.ensure_future(doors.kill(down)) if stage is Stage.DOWN else None
        met = await users.run(phase, sizes, batches, int(self._rng.integers(2**32)))
        if going is not None:
            await going
        met.phase.connections = doors.connections() - before
        met.phase.processor_s = time.process_time() - used_s
        if stage is Stage.PLAIN:
            doors.caches = True
            await self._calm(doors)
        self.phases.append(met.phase)
        return met


def _compare(met: Sequence[Met], history: History) -> None:
    """Compare answers with the truth of the entries that they are from, and note in their phases what was found."""
    taken = [one for some in met for one in some.taken]
    for one in met:
        one.phase.compared = len(one.samples)
        one.phase.wrong = len(compared(history, one.samples, taken))
