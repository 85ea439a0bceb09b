"""Clients: they send batches to a region near them, hear yes or nothing, and try again here or elsewhere.

A client knows only what it sent and what it was told. Some send one batch to two or three regions at once, as a load
balancer that retries does; some send it again long after they had their yes; some void what was sent elsewhere; some
use an id again for something else. All of it is put down, for the comparison at the end.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from homeroom.log.origins import Token
from homeroom.regions.steps import Level
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.met import Case, Met
from homeroom.simulation.regions.outside import Request, Told
from homeroom.simulation.regions.papers import Paper
from homeroom.simulation.regions.rows import DAY_MS, GIVEN, REFUSED, Happening

__all__ = ["STATUSES", "Acknowledged", "Batch", "Client", "Diary"]

_NEAR_MS: Final = 5
_TIMEOUT_MS: Final = 4_000
_DAYS: Final = 5
_CONSENTS: Final = 0.15
_SUPERSEDED_MAX: Final = 3
_AT_ONCE: Final = {2: Case.TWO_REGIONS, 3: Case.THREE_REGIONS}
STATUSES: Final = ("enrolled", "completed", "withdrawn")
"""What an event may say that somebody is in a course."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is sent under one id."""

    id: str
    events: tuple[Happening, ...]
    level: Level
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A yes: of which node, for which entry, at which level, when, and how long it took."""

    batch: Batch
    node: str
    token: Token
    level: Level
    at_ms: int
    waited_ms: int


@dataclass(slots=True)
class Diary:
    """What all clients have sent and were told; ``look`` is called with each yes when it is said.

    ``merges`` is by two learners the ids of what says that they are one.
    """

    look: Callable[["Acknowledged"], None]
    met: Met = field(default_factory=Counter)
    sent: dict[str, Batch] = field(default_factory=dict)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: int = 0
    event_ids: list[str] = field(default_factory=list)
    consents: dict[str, list[str]] = field(default_factory=dict)
    merges: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def take(self, batch: Batch, node: str, told: Told, now_ms: int, waited_ms: int = 0) -> None:
        """Put down what a client was told, if that was yes."""
        if told.token is not None:
            said = Acknowledged(batch, node, told.token, told.level, now_ms, waited_ms)
            self.acknowledged.append(said)


class Client:
    """Clients of one region.

    Parameters
    ----------
    home : the node that they are near to
    machines : all nodes, by name
    agenda, diary : of the world
    chance : settles what they do

    Attributes
    ----------
    learners : whose events they send
    tries_max : how often they send a batch
    """

    learners = 40
    tries_max = 6

    def __init__(
        self,
        home: str,
        machines: Mapping[str, Machine],
        agenda: Agenda,
        diary: Diary,
        chance: Random,
    ) -> None:
        self._home, self._machines = home, machines
        self._agenda, self._diary, self._chance = agenda, diary, chance
        self._seen: Token | None = None
        self._is_done: set[str] = set()
        self._number = 0
        self._until_ms = 0

    def run(self, every_ms: int, until_ms: int) -> None:
        """Send a batch now and again, up to a time."""
        self._until_ms = until_ms
        if self._agenda.now_ms >= until_ms:
            return
        self._begin(self._batch())
        wait_ms = 1 + int(self._chance.expovariate(1 / every_ms))
        self._agenda.after(wait_ms, self.run, every_ms, until_ms)

    def _batch(self) -> Batch:
        self._number += 1
        chance = self._chance
        batch_id = f"{self._home} {self._number}"
        events = tuple(self._event(f"{batch_id} {n}") for n in range(chance.randint(1, 4)))
        events += tuple(self._consents(batch_id))
        level = chance.choices((Level.LOCAL, Level.REMOTE, Level.ALL), (6, 3, 1))[0]
        batch = Batch(batch_id, events, level)
        self._diary.sent[batch_id] = batch
        return batch

    def _event(self, event_id: str) -> Happening:
        chance, known = self._chance, self._diary.event_ids
        at_ms = self._agenda.wall_ms - chance.randrange(_DAYS) * DAY_MS
        learner = f"learner {chance.randrange(self.learners)}"
        kind = chance.random()
        if known and kind < 0.03:
            return Happening(event_id, learner, at_ms, voids=chance.choice(known))
        if known and kind < 0.05:
            event_id = chance.choice(known)
            self._diary.met[Case.EVENT_ID_AGAIN] += 1
        known.append(event_id)
        return Happening(event_id, learner, at_ms, chance.choice(STATUSES) if kind > 0.7 else "")

    def _consents(self, batch_id: str) -> Iterator[Happening]:
        """Return what a learner says of consent now and then: in place of what was said before, or beside it.

        Chance of its own settles it, so that all else is as it was.
        """
        now_ms = self._agenda.now_ms
        chance = Random(f"{batch_id} at {now_ms}")  # noqa: S311 - a seed settles when a batch is sent
        if chance.random() > _CONSENTS:
            return
        learner = f"learner {chance.randrange(self.learners)}"
        before = self._diary.consents.setdefault(learner, [])
        superseded = tuple(before) if chance.random() < 0.7 else ()
        said = chance.choice((GIVEN, REFUSED))
        before.append(f"{batch_id} consent")
        at_ms = self._agenda.wall_ms
        yield Happening(
            before[-1], learner, at_ms, says=said, supersedes=superseded[-_SUPERSEDED_MAX:]
        )

    # --- one batch ---------------------------------------------------------------------------------------------------

    def _begin(self, batch: Batch) -> None:
        others = sorted(set(self._machines) - {self._home})
        copies = self._chance.choices((0, 1, 2), (17, 2, 1))[0]
        nodes = (self._home, *self._chance.sample(others, min(copies, len(others))))
        for node in nodes:
            self._send(batch, node, 1)
        if case := _AT_ONCE.get(len({self._machines[node].region for node in nodes})):
            self._diary.met[case] += 1

    def _send(self, batch: Batch, node: str, tries: int) -> None:
        begun_ms = self._agenda.now_ms
        if begun_ms >= self._until_ms:
            return

        def tell(told: Told) -> None:
            self._hear(batch, node, told, begun_ms)

        sent = batch.papers or batch.events
        request = Request(batch.id, sent, batch.level, tell, begun_ms, self._seen)
        self._agenda.after(_NEAR_MS, self._machines[node].offer, request)
        self._agenda.after(_TIMEOUT_MS, self._again, batch, node, tries)

    def _again(self, batch: Batch, node: str, tries: int) -> None:
        if batch.id in self._is_done or tries >= self.tries_max:
            return
        elsewhere = self._chance.random() < 0.3
        to = self._chance.choice(sorted(self._machines)) if elsewhere else node
        self._send(batch, to, tries + 1)

    def _hear(self, batch: Batch, node: str, told: Told, begun_ms: int) -> None:
        if told.token is None:
            self._diary.refused += 1
            return
        now_ms = self._agenda.now_ms
        waited_ms = now_ms - begun_ms - _NEAR_MS
        acknowledged = Acknowledged(batch, node, told.token, told.level, now_ms, waited_ms)
        self._diary.acknowledged.append(acknowledged)
        self._diary.look(acknowledged)
        self._seen = told.token
        if batch.id not in self._is_done:
            self._is_done.add(batch.id)
            if self._chance.random() < 0.05:
                to = self._chance.choice(sorted(self._machines))
                self._agenda.after(9_000, self._send, batch, to, self.tries_max)
