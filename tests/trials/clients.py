"""Who sends events in a trial, what they were told, and what the answer must be by that: a plain set of events.

Each batch has learners of its own and some who are everywhere, on a day of its own, so one question by day shows what
became of each batch. What got no answer is unknown: it may be there, and is sent again at the end.
"""

import asyncio
import datetime as dt
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import httpx

from tests.trials.plan import Plan

__all__ = ["Batch", "Client", "Fate", "Ledger", "Statement", "passed"]

_FIRST: Final = dt.date(2023, 1, 2)
_DAYS: Final = 1_200
_WAIT_S: Final = 8.0
_ISSUER: Final = "https://lms.example"
_VERSION: Final = {"X-Experience-API-Version": "1.0.3"}


class Fate(Enum):
    """What is known of a batch."""

    UNKNOWN = "no answer came"
    LOCAL = "durable in the node that took it"
    ELSEWHERE = "durable in another region too"


@dataclass(slots=True)
class Batch:
    """Some events under one id.

    Attributes
    ----------
    number : in the ledger; it stands for its day and for its id
    learners : accounts, of whom each has one event
    nodes : that took it
    fate : the most that is known
    """

    number: int
    learners: tuple[str, ...]
    nodes: set[str] = field(default_factory=set)
    fate: Fate = Fate.UNKNOWN

    @property
    def day(self) -> dt.date:
        """The day of its events."""
        return _FIRST + dt.timedelta(days=self.number % _DAYS)

    def request(self, level: str) -> tuple[str, dict[str, str], Any]:
        """Return path, headers and body of what is sent."""
        events = [
            {
                "id": f"{self.number}/{who}",
                "account": who,
                "time": f"{self.day}T10:00:00Z",
                "verb": "read",
                "course": f"course {self.number % 7}",
            }
            for who in self.learners
        ]
        return f"/v1/events?ack={level}", {"Idempotency-Key": f"batch {self.number}"}, events


@dataclass(slots=True, kw_only=True)
class Statement(Batch):
    """A statement: one event for all, and a document that stays in the jurisdiction of the node that took it.

    Attributes
    ----------
    home : the node to which it is sent
    """

    home: str

    @property
    def id(self) -> str:
        """Its id."""
        return str(uuid.UUID(int=(0x4000_8000 << 64) + self.number, version=4))

    def request(self, level: str) -> tuple[str, dict[str, str], Any]:
        """Return path, headers and body of what is sent."""
        del level  # in a jurisdiction of one region there is no other to wait for
        (who,) = self.learners
        statement = {
            "id": self.id,
            "actor": {"account": {"homePage": _ISSUER, "name": who}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
            "object": {"id": f"https://lms.example/pages/{self.number % 40}"},
            "timestamp": f"{self.day}T10:00:00Z",
        }
        return "/xapi/statements", _VERSION, statement


class Ledger:
    """All that was sent, and what was heard of it.

    Attributes
    ----------
    batches : by number
    waits_s : by level how long yes took, where it was yes
    tokens : by node the last one that it gave
    elsewhere : of batches that are said to be in another region too: by whom, when it was asked, when it said so
    lost_batches : that a disk took with it, though yes was said for this node alone
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.waits_s: dict[str, list[float]] = {"local": [], "remote": [], "all": []}
        self.tokens: dict[str, str] = {}
        self.elsewhere: list[tuple[str, float, float]] = []
        self.lost_batches = 0
        self._disks: Counter[str] = Counter()

    def new(self, chance: random.Random) -> Batch:
        """Draw a batch that is to be sent."""
        number = len(self.batches)
        own = [f"learner {number} {n}" for n in range(chance.randint(1, 30))]
        shared = [f"everywhere {n}" for n in chance.sample(range(40), chance.randint(0, 4))]
        self.batches.append(Batch(number, (*own, *shared)))
        return self.batches[-1]

    def new_statement(self, node: str) -> Statement:
        """Make a statement that is to be sent to a node."""
        number = len(self.batches)
        statement = Statement(number, (f"person {number}",), home=node)
        self.batches.append(statement)
        return statement

    def statements(self) -> list[Statement]:
        """Return all statements."""
        return [batch for batch in self.batches if isinstance(batch, Statement)]

    def lost(self, node: str) -> None:
        """Take that the disk of a node is gone: what nobody said to be elsewhere is as if it had not been answered."""
        self._disks[node] += 1
        for batch in self.batches:
            batch.nodes.discard(node)
            if not batch.nodes and batch.fate is not Fate.ELSEWHERE:
                self.lost_batches += batch.fate is Fate.LOCAL
                batch.fate = Fate.UNKNOWN

    def disk(self, node: str) -> int:
        """Return which of its disks a node has now."""
        return self._disks[node]

    def unknown(self) -> list[Batch]:
        """Return the batches of which nothing certain is known."""
        return [batch for batch in self.batches if batch.fate is Fate.UNKNOWN]

    def count(self) -> int:
        """Return how many events there are."""
        return sum(len(batch.learners) for batch in self.batches)

    def by_day(self) -> dict[str, int]:
        """Return how many learners were active on each day that has any."""
        active = {(batch.day, who) for batch in self.batches for who in batch.learners}
        return {str(day): n for day, n in sorted(Counter(day for day, _ in active).items())}

    def told(self) -> Iterator[str]:
        """Yield what clients were told, in words."""
        for fate in Fate:
            yield f"{sum(batch.fate is fate for batch in self.batches)} {fate.value}"


class Client:
    """Sends to nodes and asks them."""

    def __init__(self, urls: dict[str, str], key: str, ledger: Ledger) -> None:
        self.urls, self._ledger = urls, ledger
        self._http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=_WAIT_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def write(self, node: str, plan: Plan) -> None:
        """Send batches to a node, some of them to another one at the same moment."""
        chance = random.Random(f"{plan.seed} {node}")
        others = [other for other in self.urls if other != node]
        number, until_s = 0, time.monotonic() + plan.end_s
        while number < plan.batches or time.monotonic() < until_s:
            number += 1
            if chance.random() < plan.statements:
                await self.send(node, self._ledger.new_statement(node), "local")
                continue
            batch, level = self._ledger.new(chance), chance.choice(plan.levels)
            twin = [chance.choice(others)] if chance.random() < 0.1 else []
            await asyncio.gather(*(self.send(to, batch, level) for to in (node, *twin)))
            await passed(chance.uniform(0.5, 1.5) * plan.pause_s)

    async def send(self, node: str, batch: Batch, level: str) -> bool:
        """Send a batch once; say whether it was taken, and note what is known of it."""
        begun_s, disk = time.monotonic(), self._ledger.disk(node)
        path, headers, body = batch.request(level)
        try:
            answer = await self._http.post(f"{self.urls[node]}{path}", json=body, headers=headers)
        except httpx.TransportError:
            return False
        if answer.status_code not in (200, 504):
            assert answer.status_code == 503, answer.text  # anything else is no fault of the world
            return False
        told = answer.json()
        if answer.status_code == 200:
            self._ledger.waits_s[level].append(time.monotonic() - begun_s)
            assert isinstance(batch, Statement) or told["accepted"] == len(batch.learners), told
        is_elsewhere = answer.headers.get("Homeroom-Held", "local") != "local"
        if disk != self._ledger.disk(node) and not is_elsewhere:
            return False  # the answer was on its way when the disk was destroyed
        batch.nodes.add(node)
        if not isinstance(batch, Statement):
            self._ledger.tokens[node] = told["token"]
        if is_elsewhere:
            self._ledger.elsewhere.append((node, begun_s, time.monotonic()))
        if is_elsewhere or batch.fate is Fate.UNKNOWN:
            batch.fate = Fate.ELSEWHERE if is_elsewhere else Fate.LOCAL
        return True

    async def status(self, node: str) -> dict[str, Any] | None:
        """Return how a node says that it is, None if it says nothing or does not know the key yet."""
        try:
            answer = await self._http.get(f"{self.urls[node]}/v1/status")
        except httpx.TransportError:
            return None
        # One that has just begun says that it does not know the key yet (503); before the home has stated it, 401.
        found: dict[str, Any] | None = answer.json() if answer.is_success else None
        return found

    async def has(self, node: str, statement: Statement) -> bool:
        """Say whether a node gives a statement out."""
        answer = await self._http.get(
            f"{self.urls[node]}/xapi/statements?statementId={statement.id}", headers=_VERSION
        )
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200

    async def erase(self, node: str, statement: Statement) -> None:
        """Have a node erase the person of a statement."""
        learners = [{"issuer": _ISSUER, "account": who} for who in statement.learners]
        answer = await self._http.post(
            f"{self.urls[node]}/v1/erasures", json={"learners": learners}, timeout=60
        )
        assert answer.status_code == 202, answer.text

    async def active(self, node: str, days: Sequence[str], after: str = "") -> dict[str, int]:
        """Return how many learners a node says were active on each day that has any, of these days and all between."""
        asked = {"question": "active", "from": days[0], "to": days[-1]}
        headers = {"Homeroom-After": after} if after else {}
        answer = await self._http.post(
            f"{self.urls[node]}/v1/query", json=asked, headers=headers, timeout=60
        )
        assert answer.is_success, answer.text
        found = answer.json()["answer"]["active"]["day"]
        return {day: n for day, n in zip(found["periods"], found["values"], strict=True) if n}


async def passed(seconds: float) -> None:
    """Return when so much time has passed: what goes wrong here, goes wrong for a while of the real clock."""
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=max(seconds, 0.0))
