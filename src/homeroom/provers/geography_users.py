"""Users at the places of a plan: each place asks and sends with a client of its own, from an address of its own.

They use what programs of others use, `homeroom.client.AsyncClient`: it is given one address, finds the others by
routing tables, and goes to the nearest. Times are settled beforehand (an open loop), and a time counts from when a
question was to be asked. What they ask is the analysis set; what they send are batches that two regions must hold,
since a read after a batch must be answered where the region that took it is gone.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np

from homeroom import limits
from homeroom.client import AsyncClient, ClientOptions, KnownWorld
from homeroom.errors import HomeroomError
from homeroom.log.origins import Token, Vector
from homeroom.provers.embedded import Sample
from homeroom.provers.learners import Arriving
from homeroom.provers.open_loop import on_time
from homeroom.proving.analysis import PARTS, QUESTIONS, cohort_rules
from homeroom.proving.arrivals import arrival_times
from homeroom.proving.geography import Heard, Phase, Stage
from homeroom.proving.physics import Site, nearest
from homeroom.proving.plans import GeographyPlan, Sizes

__all__ = ["Asking", "Kit", "Met", "said_of", "written_questions"]

_GIVE_UP_S: Final = 10.0
"""A question that has no answer by then has none."""
_FIRST_POLL_S: Final = 0.25
_ATTEMPTS_MAX: Final = 120
_WARMED_AT_ONCE: Final = 4


def written_questions(first: str, today: str) -> dict[str, dict[str, Any]]:
    """Return the analysis set for learners from one date to another, as it is sent, part by part."""
    dates, as_of = {"from": first, "to": today}, {"as_of": f"{today}T12:00:00Z"}
    return {
        "triangle": {**QUESTIONS["triangle"], **dates},
        "lifecycle": {**QUESTIONS["lifecycle"], **dates},
        "at risk": {**QUESTIONS["at risk"], **as_of},
        "cohorts": {"question": "overlap", "definitions": {"cohort": cohort_rules()}, **as_of},
    }


def said_of(part: str, answer: Mapping[str, Any]) -> Any:  # noqa: ANN401 - plain data, by part
    """Return what `homeroom.provers.truth.Truth.answer` returns of the same learners."""
    if part == "triangle":
        return answer["counts"]
    if part == "lifecycle":
        stages = ("new", "returning", "resurrecting", "dormant")
        return [list(row) for row in zip(*(answer[stage] for stage in stages), strict=True)]
    if part == "at risk":
        return answer["at_risk"]
    assert part == "cohorts", part
    return {name: answer["shared"][i][i] for i, name in enumerate(answer["cohorts"])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What users are given.

    Parameters
    ----------
    plan, sites : the users, and the regions
    urls, key, known : by region where it is reached, with which key, and the world whose routing tables count
    addresses : by place, from which address of this machine its users come
    questions : by part, as they are sent
    """

    plan: GeographyPlan
    sites: tuple[Site, ...]
    urls: Mapping[str, str]
    key: str = field(repr=False)
    known: KnownWorld
    addresses: Mapping[str, str]
    questions: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Met:
    """What came of a phase: what users met, batches that were acknowledged, and answers that are to be compared."""

    phase: Phase
    taken: list[tuple[Token, Arriving]]
    samples: list[Sample]


class Asking:
    """The users of a plan; a context manager that closes their connections.

    Parameters
    ----------
    kit : what they are given
    stopping : once set, nothing more is begun
    """

    def __init__(self, kit: Kit, stopping: asyncio.Event) -> None:
        self._kit, self._stopping = kit, stopping
        self._stack = AsyncExitStack()
        self._taken: list[tuple[Token, Arriving]] = []
        self._samples: list[Sample] = []
        self._clients = {
            user.place: AsyncClient(
                kit.urls[nearest(user, kit.sites).name],
                kit.key,
                ClientOptions(
                    time_s_max=_GIVE_UP_S,
                    attempt_s_max=_GIVE_UP_S,
                    ack="remote",
                    world=replace(kit.known, place=(user.latitude, user.longitude)),
                    source=kit.addresses[user.place],
                ),
            )
            for user in kit.plan.users
        }

    async def __aenter__(self) -> Self:
        """Return the users."""
        for client in self._clients.values():
            await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close all connections."""
        await self._stack.aclose()

    async def warm(self, batches: Sequence[Arriving]) -> Met:
        """Have batches sent, and each place ask everything and know where else it may go; no time of it counts."""
        phase, places = Phase(stage=Stage.WELL, began_s=0.0), list(self._clients)
        for number, batch in enumerate(batches):
            await self._send(phase, places[number % len(places)], batch, time.perf_counter())

        turns = asyncio.Semaphore(_WARMED_AT_ONCE)
        await asyncio.gather(
            *(
                self._find(client, PARTS[number % len(PARTS)], turns)
                for number, client in enumerate(self._clients.values())
            )
        )
        return self._met(phase)

    async def _find(self, client: AsyncClient, part: str, turns: asyncio.Semaphore) -> None:
        """Ask until there is an answer and a routing table. Raises what the last question did, if it never is."""
        for attempt in range(_ATTEMPTS_MAX):
            if self._stopping.is_set():
                return
            try:
                async with turns:
                    await client.query(self._kit.questions[part])
            except HomeroomError:
                if attempt == _ATTEMPTS_MAX - 1:
                    raise
            if client.statistics()["generation"] is not None:
                return
            await asyncio.sleep(_FIRST_POLL_S)

    def _met(self, phase: Phase) -> Met:
        met = Met(phase, self._taken, self._samples)
        self._taken, self._samples = [], []
        return met

    async def run(
        self, phase: Phase, sizes: Sizes, batches: Sequence[Arriving], rng: np.random.Generator
    ) -> Met:
        """Have users ask for as long as a phase lasts, and send batches, as long as there are any."""
        plan = self._kit.plan
        phase.heard = {user.place: Heard() for user in plan.users}
        asked_s = arrival_times(rng, sizes.questions_per_second, sizes.seconds)
        sent_s = arrival_times(rng, plan.batches_per_second, sizes.seconds)[: len(batches)]
        asking, sending = (self._drawn(rng, len(times)) for times in (asked_s, sent_s))
        parts = rng.choice(PARTS, len(asked_s))
        every = max(len(asked_s) // limits.PROVING_COMPARED_MAX, 1)
        begin_s = time.perf_counter()

        async def ask(number: int, wanted_s: float) -> None:
            phase.begun_late.add((time.perf_counter() - wanted_s) * 1_000)
            heard = phase.heard[asking[number]]
            found = await self._ask(heard, asking[number], str(parts[number]), wanted_s)
            if found is None:
                return
            took_ms, sample = found
            since_s = wanted_s - begin_s
            if 2 * since_s >= sizes.seconds:
                heard.settled.add(took_ms)
            done_s = since_s + took_ms / 1_000
            heard.first_s = done_s if heard.first_s is None else min(heard.first_s, done_s)
            heard.late += took_ms > plan.late_ms
            if number % every == 0:
                self._samples.append(sample)

        async def send(number: int, wanted_s: float) -> None:
            await self._send(phase, sending[number], batches[number], wanted_s)

        await asyncio.gather(
            on_time(begin_s, asked_s, ask, self._stopping),
            on_time(begin_s, sent_s, send, self._stopping),
        )
        phase.seconds = time.perf_counter() - begin_s
        for place, heard in phase.heard.items():
            heard.region = self._goes_to(place)
        return self._met(phase)

    def _drawn(self, rng: np.random.Generator, count: int) -> list[str]:
        """Return places, as often as their shares say."""
        shares = np.array([user.share for user in self._kit.plan.users])
        places = rng.choice(len(shares), count, p=shares / shares.sum())
        return [self._kit.plan.users[place].place for place in places]

    async def _ask(
        self, heard: Heard, place: str, part: str, wanted_s: float
    ) -> tuple[float, Sample] | None:
        """Ask a question; return how long it took and what was said, None if nothing was."""
        heard.asked += 1
        try:
            told = await self._clients[place].query(self._kit.questions[part])
        except HomeroomError as error:
            heard.failed[str(error)[:200]] += 1
            return None
        took_ms = (time.perf_counter() - wanted_s) * 1_000
        heard.latencies.add(took_ms)
        applied = Vector.from_json(told.vector)
        return took_ms, Sample(part=part, applied=applied, said=said_of(part, told.answer))

    async def _send(self, phase: Phase, place: str, batch: Arriving, wanted_s: float) -> None:
        lines, client = batch.batch.body.split(b"\n"), self._clients[place]
        batch_id = batch.batch.batch_id
        assert batch_id is not None, "it was given one"
        try:
            receipt = await client.send_lines(lines, batch_id)
        except HomeroomError as error:
            phase.batches_failed[str(error)[:200]] += 1
            return
        phase.acknowledged.add((time.perf_counter() - wanted_s) * 1_000)
        assert receipt.token is not None, "nothing of a batch is refused"
        self._taken.append((Token.parse(receipt.token), batch))

    def _goes_to(self, place: str) -> str:
        """Return the region to which a client would send the next question."""
        endpoints = self._clients[place].statistics()["endpoints"].values()
        return next((str(one["region"]) for one in endpoints if one["asked"]), "")
