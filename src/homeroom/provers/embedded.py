"""A node in this process, loaded in an open loop: events arrive, questions are asked, and everybody is analysed.

Three things go on at once, as they would on a machine of one region. Batches are offered at the times of a Poisson
process at the rate of the day's busiest hour; questions are asked at times of their own, most of them about one
learner, as platforms ask; and the analysis set is asked over and over with no pause. A time counts from when something
was to happen, not from when this process came to it. The node is whole: doors, log, fold, membership; what is missing
is the way over HTTP.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers import Answer, AtRiskAnswer, LifecycleAnswer, RetentionAnswer
from homeroom.cohorts.answers.belonging import OverlapAnswer
from homeroom.cohorts.questions import Question, parse_definitions, parse_question
from homeroom.errors import HomeroomError
from homeroom.log.log import Accepted
from homeroom.log.origins import Token, Vector
from homeroom.provers.learners import Arriving
from homeroom.provers.open_loop import on_time
from homeroom.proving.analysis import PARTS, QUESTIONS, Passes, cohort_rules
from homeroom.proving.latencies import Latencies
from homeroom.proving.plans import LoadPlan
from homeroom.running.node import RunningNode

__all__ = [
    "TENANT",
    "Analysis",
    "Asking",
    "Loading",
    "Sample",
    "Taken",
    "plain_answer",
    "questions_of",
]

TENANT: Final = "main"
_LEARNER: Final = "learner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An answer that is compared later: which part, from which entries, and what was said."""

    part: str
    applied: Vector
    said: Any
    pass_number: int | None = None


@dataclass(slots=True)
class Taken:
    """Batches that were acknowledged, each with its token, and what became of the others."""

    batches: list[tuple[Token, Arriving]] = field(default_factory=list)
    latencies: Latencies = field(default_factory=Latencies)
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Asking:
    """What became of questions: how many, how long they took, which failed or were late, and samples."""

    asked: Counter[str] = field(default_factory=Counter)
    latencies: dict[str, Latencies] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    late: int = 0
    samples: list[Sample] = field(default_factory=list)
    begun_late: Latencies = field(default_factory=Latencies)


@dataclass(slots=True)
class Analysis:
    """Passes over the analysis set, by number how many learners each had, and what may still prove to be wrong."""

    passes: Passes = field(default_factory=Passes)
    learners_of: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0


def questions_of(first: str, today: str) -> dict[str, Question]:
    """Return the analysis set for learners from one date to another, part by part."""
    dates = {"from": first, "to": today}
    as_of = {"as_of": f"{today}T12:00:00Z"}
    rules = parse_definitions({"cohort": cohort_rules()})
    written: dict[str, dict[str, Any]] = {
        "triangle": {**QUESTIONS["triangle"], **dates},
        "lifecycle": {**QUESTIONS["lifecycle"], **dates},
        "at risk": {**QUESTIONS["at risk"], **as_of},
        "cohorts": {"question": "overlap", "definitions": rules, **as_of},
    }
    return {part: parse_question(written[part]) for part in PARTS}


def plain_answer(answer: Answer) -> Any:  # noqa: ANN401 - plain data, by kind
    """Return what `homeroom.provers.truth.Truth.answer` returns of the same learners."""
    if isinstance(answer, RetentionAnswer):
        return [[int(count) for count in row if count >= 0] for row in answer.counts]
    if isinstance(answer, LifecycleAnswer):
        stages = (answer.new, answer.returning, answer.resurrecting, answer.dormant)
        return np.stack(stages, axis=1).tolist()
    if isinstance(answer, AtRiskAnswer):
        return answer.at_risk
    assert isinstance(answer, OverlapAnswer), type(answer)
    return dict(zip(answer.cohorts, answer.shared.diagonal().tolist(), strict=True))


class Loading:
    """What goes on at a node for a while.

    Parameters
    ----------
    node : runs, and keeps the twenty cohorts
    questions : the analysis set
    plan : says what is late, how many answers are compared, and who is asked about; None where only passes are run
    """

    def __init__(
        self, node: RunningNode, questions: dict[str, Question], plan: LoadPlan | None
    ) -> None:
        self._node, self._questions = node, questions
        self._late_ms = math.inf if plan is None else plan.late_ms
        self._every = 0 if plan is None else plan.compared_every
        self._of_all = 0.0 if plan is None else plan.asked_of_all
        self._stop = asyncio.Event()
        self.taken, self.asking, self.analysis = Taken(), Asking(), Analysis()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()

    async def warm(self, arriving: Arriving, learner: str | None) -> list[tuple[Token, Arriving]]:
        """Send a batch and ask everything once; return the batch with its token.

        What a node does for the first time after a start is not what is measured: nothing of this counts.
        """
        await self._send(arriving, time.perf_counter())
        taken = self.taken.batches
        for question in self._questions.values():
            await self._node.ask(TENANT, question, taken[0][0] if taken else None)
        if learner is not None:
            await self._node.cohorts_of(TENANT, learner, None)
        self.taken = Taken()
        return taken

    async def passes(self, count: int) -> Analysis:
        """Run some passes alone."""
        begun_s = time.perf_counter()
        for number in range(count):
            await self._pass(number)
        self.analysis.seconds = time.perf_counter() - begun_s
        return self.analysis

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    async def run(
        self,
        batches: tuple[Sequence[Arriving], npt.NDArray[np.float64]],
        asked_s: npt.NDArray[np.float64],
        learners: Sequence[str],
        rng: np.random.Generator,
    ) -> float:
        """Have all three go on until all that was to happen has; return how many seconds that took."""
        begin_s = time.perf_counter() + 0.05
        kinds = np.where(
            rng.uniform(size=len(asked_s)) < self._of_all,
            rng.choice(PARTS, len(asked_s)),
            _LEARNER if learners else PARTS[0],
        )
        who = rng.integers(0, max(len(learners), 1), len(asked_s))

        async def ask(number: int, wanted_s: float) -> None:
            kind = str(kinds[number])
            await self._ask(
                number, kind, learners[who[number]] if kind == _LEARNER else "", wanted_s
            )

        async def send(number: int, wanted_s: float) -> None:
            await self._send(batches[0][number], wanted_s)

        ending = asyncio.Event()
        passing = asyncio.create_task(self._analyse(ending))
        try:
            await asyncio.gather(
                on_time(begin_s, batches[1], send, self._stop),
                on_time(begin_s, asked_s, ask, self._stop),
            )
        finally:
            ending.set()
            await passing
        return time.perf_counter() - begin_s

    async def _send(self, arriving: Arriving, wanted_s: float) -> None:
        outcome = await self._node.offer(TENANT, "prove", arriving.batch)
        self.taken.latencies.add((time.perf_counter() - wanted_s) * 1_000)
        if isinstance(outcome, Accepted) and outcome.token is not None:
            self.taken.batches.append((outcome.token, arriving))
        else:
            self.taken.failed[str(getattr(outcome, "why", "nothing was taken"))[:200]] += 1

    async def _ask(self, number: int, kind: str, learner: str, wanted_s: float) -> None:
        asking = self.asking
        asking.begun_late.add((time.perf_counter() - wanted_s) * 1_000)
        asking.asked[kind] += 1
        try:
            if kind == _LEARNER:
                await self._node.cohorts_of(TENANT, learner, None)
            else:
                found = await self._node.ask(TENANT, self._questions[kind], None)
                if self._is_compared(number):
                    said = plain_answer(found.answer)
                    asking.samples.append(Sample(part=kind, applied=found.applied, said=said))
        except HomeroomError as error:
            asking.failed[str(error)[:200]] += 1
            return
        took_ms = (time.perf_counter() - wanted_s) * 1_000
        asking.latencies.setdefault(kind, Latencies()).add(took_ms)
        asking.late += took_ms > self._late_ms

    def _is_compared(self, number: int) -> bool:
        return self._every > 0 and number % self._every == 0

    async def _analyse(self, ending: asyncio.Event) -> None:
        """Ask the analysis set over and over; a pass that has begun is ended, and its time counts."""
        analysis, begun_s = self.analysis, time.perf_counter()
        while not ending.is_set() and not self.is_stopped:
            await self._pass(len(analysis.learners_of))
        analysis.seconds = time.perf_counter() - begun_s

    async def _pass(self, number: int) -> None:
        analysis, is_sampled = self.analysis, self._is_compared(number)
        for part in PARTS:
            begun_s = time.perf_counter()
            try:
                found = await self._node.ask(TENANT, self._questions[part], None)
            except HomeroomError as error:
                self.asking.failed[str(error)[:200]] += 1
                analysis.passes.failed(part)
                continue
            took_s = time.perf_counter() - begun_s
            analysis.passes.answered(part, self._node.status(TENANT).learners, took_s)
            if is_sampled:
                analysis.samples.append(
                    Sample(
                        part=part,
                        applied=found.applied,
                        said=plain_answer(found.answer),
                        pass_number=number,
                    )
                )
        analysis.learners_of.append(analysis.passes.end())
