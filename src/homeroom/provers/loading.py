"""``prove load`` at a node of this process: learners are made, the node is loaded, and answers are compared.

Answers are kept while the load runs and compared afterwards, each with the truth of the very entries that it says it
was computed from: the comparison takes processor time that would otherwise be the node's. A wrong answer is an error,
and the pass that it belongs to has analysed nobody.
"""

import asyncio
import datetime as dt
import math
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from homeroom.errors import ProvingError
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.log.origins import Token
from homeroom.provers.embedded import TENANT, Loading, Sample, questions_of
from homeroom.provers.learners import (
    COURSES,
    Arriving,
    History,
    arriving,
    disk_bytes,
    make_history,
)
from homeroom.proving.analysis import cohort_rules
from homeroom.proving.arrivals import DailyCurve, arrival_times
from homeroom.proving.plans import GeographyPlan, LoadPlan, Sizes
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.simulation.curriculum import HOURS
from homeroom.simulation.world import LearnerWorld

__all__ = [
    "Loaded",
    "check_disk",
    "check_free",
    "compared",
    "defined",
    "events_per_second",
    "load_embedded",
    "noon_clock",
    "options_at_noon",
    "world_of",
]

_BATCH: Final = 20
_PEOPLE: Final = 500
_DAY_S: Final = 86_400
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a run of load has left.

    Attributes
    ----------
    loading : what went on, None where it was stopped before that began
    seconds, processor_s : how long it did, and the time that this process used of all processors
    compared, wrong : answers that were compared, and what was wrong with some of them
    events_per_second : that were to arrive
    learners : that the node had at the end
    """

    loading: Loading | None
    seconds: float = 0.0
    processor_s: float = 0.0
    compared: int = 0
    wrong: Sequence[Sample] = ()
    events_per_second: float = 0.0
    learners: int = 0
    is_partial: bool = False


def events_per_second(plan: LoadPlan, sizes: Sizes) -> float:
    """Return how many events arrive a second: as in the busiest hour of a day."""
    return DailyCurve(HOURS).peak_per_second(sizes.learners * plan.events_per_learner_day)


def world_of(plan: LoadPlan | GeographyPlan, learners: int, now_ms: int) -> LearnerWorld:
    """Return learners whose history ends yesterday and begins on the Monday before the first day of the plan."""
    today = dt.datetime.fromtimestamp(now_ms / 1_000, dt.UTC).date()
    start = today - dt.timedelta(days=plan.days)
    start -= dt.timedelta(days=start.weekday())
    return LearnerWorld(
        seed=plan.seed,
        learners=learners,
        events=math.ceil(learners * plan.events_per_learner),
        days=(today - start).days,
        start=start,
        courses=COURSES,
    )


def check_disk(folder: Path, plan: LoadPlan, sizes: Sizes) -> None:
    """Refuse a run for which the disk is too small. Raises `ProvingError`."""
    events = (
        sizes.learners * plan.events_per_learner + events_per_second(plan, sizes) * sizes.seconds
    )
    check_free(folder, disk_bytes(sizes.learners, events), sizes.learners)


def check_free(folder: Path, needed: int, learners: int) -> None:
    """Refuse a run that needs more bytes for so many learners than a folder's disk has. Raises `ProvingError`."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ProvingError(
            f"{learners:,} learners need about {needed / 2**30:,.1f} GiB in {folder}, and {free / 2**30:,.1f} "
            "are free; take fewer learners, or another folder with --report"
        )


def load_embedded(plan: LoadPlan, sizes: Sizes, folder: Path, now_ms: int, say: Say) -> Loaded:
    """Run it in an empty folder; Ctrl-C ends it with what was measured until then."""
    return asyncio.run(_load(plan, sizes, folder, now_ms, say))


async def _load(plan: LoadPlan, sizes: Sizes, folder: Path, now_ms: int, say: Say) -> Loaded:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(ValueError, RuntimeError):  # signals are the main thread's, where there are any
        loop.add_signal_handler(signal.SIGINT, stopped.set)
    world = world_of(plan, sizes.learners, now_ms)
    say(
        f"{world.learners:,} learners with {world.events:,} events of {world.days} days are made and loaded"
    )
    place = folder / "node"
    history = await asyncio.to_thread(make_history, place, world, stopped.is_set)
    if history is None:
        return Loaded(loading=None, is_partial=True)
    node = await RunningNode.open(place, options_at_noon(history.today))
    try:
        return await _at_node(node, history, plan, sizes, (stopped, say))
    finally:
        await node.stop()


def options_at_noon(today: dt.date) -> NodeOptions:
    """Return how a node runs for which it is noon of a date now, so that no day ends while it is measured."""
    return NodeOptions(now_ms=noon_clock(today), wait_ms=600_000)


def noon_clock(today: dt.date) -> Callable[[], int]:
    """Return a clock, in milliseconds since 1970 UTC, that begins at noon of a date."""
    noon = dt.datetime.combine(today, dt.time(12), dt.UTC)
    begun_s, noon_ms = time.monotonic(), int(noon.timestamp() * 1_000)
    return lambda: noon_ms + int((time.monotonic() - begun_s) * 1_000)


async def _at_node(
    node: RunningNode,
    history: History,
    plan: LoadPlan,
    sizes: Sizes,
    ways: tuple[asyncio.Event, Say],
) -> Loaded:
    stopped, say = ways
    people = await defined(node)
    rng = np.random.default_rng(plan.seed)
    rate = events_per_second(plan, sizes)
    times = arrival_times(rng, max(rate / _BATCH, 1e-9), sizes.seconds)
    batches = await asyncio.to_thread(arriving, history, rng, len(times) + 1, _BATCH)
    questions = questions_of(history.world.start.isoformat(), history.today.isoformat())
    loading = Loading(node, questions, plan)
    first = await loading.warm(batches[-1], people[0] if people else None)
    watching = asyncio.create_task(_stop_with(stopped, loading))
    say(
        f"{rate:,.0f} events a second arrive, and {sizes.questions_per_second:g} questions; {sizes.seconds:g} s"
    )
    asked_s = arrival_times(rng, sizes.questions_per_second, sizes.seconds)
    used_s = time.process_time()
    seconds = await loading.run((batches[:-1], times), asked_s, people, rng)
    used_s = time.process_time() - used_s
    watching.cancel()
    say("answers are compared with what is true of the learners")
    samples = [*loading.analysis.samples, *loading.asking.samples]
    taken = [*first, *loading.taken.batches]
    wrong = await asyncio.to_thread(compared, history, samples, taken)
    return Loaded(
        loading=loading,
        seconds=seconds,
        processor_s=used_s,
        compared=len(samples),
        wrong=wrong,
        events_per_second=rate,
        learners=node.status(TENANT).learners,
        is_partial=stopped.is_set(),
    )


async def _stop_with(stopped: asyncio.Event, loading: Loading) -> None:
    await stopped.wait()
    loading.stop()


async def defined(node: RunningNode) -> list[str]:
    """Have the node keep the twenty cohorts; return some learners that are in one of them."""
    token = None
    for name, rule in cohort_rules().items():
        put = DefinitionPut(tenant=TENANT, kind=DefinitionKind.COHORT, name=name, written=rule)
        token = await node.change(put, "prove")
    now = await node.cohorts(TENANT, token)
    sizes = {one.name: one.size or 0 for one in now.cohorts}
    largest = max(sizes, key=lambda name: sizes[name])
    page = await node.members(TENANT, largest, 0, _PEOPLE, token)
    return list(page.members)


def compared(
    history: History, samples: Sequence[Sample], taken: Sequence[tuple[Token, Arriving]]
) -> list[Sample]:
    """Compare answers with the truth of the entries that they are from; return those that are wrong."""
    rules, wrong = cohort_rules(), []
    for sample in samples:
        held = [one for token, one in taken if sample.applied.covers({token.origin: token.number})]
        truth = history.truth.with_arrived((one.learner, one.course) for one in held)
        if truth.answer(sample.part, rules) != sample.said:
            wrong.append(sample)
    return wrong
