"""What the nodes of a world say at the end: whether they count what was acknowledged, and settled what contradicts.

Nodes are asked one by one and not by the library, which would go to another one if it does not like an answer.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import httpx

from homeroom.provers.fault_users import FIRST
from homeroom.proving.audit import Audit, Ledger, audited

__all__ = ["Conflicts", "Nodes"]

_LOOK_S: Final = 0.5
_TRIES: Final = 20
_PEOPLE: Final = 12
_LAST: Final = FIRST + dt.timedelta(days=300)


class Nodes:
    """The nodes of a world, asked one by one."""

    def __init__(self, http: httpx.AsyncClient, urls: Mapping[str, str]) -> None:
        self._http, self._urls = http, urls
        self._tokens: dict[str, str] = {}

    async def said(self, region: str, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return what a node says of itself, None if it does not answer."""
        try:
            answer = await self._http.get(f"{self._urls[region]}{path}")
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None

    async def answer(self, region: str, question: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Return a node's answer that holds all that was sent from here, so none that it kept before; None without."""
        headers = {"Homeroom-After": ",".join(self._tokens.values())} if self._tokens else {}
        for _ in range(_TRIES):
            with suppress(httpx.HTTPError):
                found = await self._http.post(
                    f"{self._urls[region]}/v1/query", json=question, headers=headers
                )
                if found.is_success:
                    return found.json()["answer"]
            await asyncio.sleep(_LOOK_S)
        return None

    async def taken(self, region: str, batch: str, events: list[dict[str, Any]]) -> bool:
        """Send a batch to one node; say whether it is durable there."""
        headers = {"Idempotency-Key": batch}
        try:
            answer = await self._http.post(
                f"{self._urls[region]}/v1/events?ack=local", json=events, headers=headers
            )
        except httpx.HTTPError:
            return False
        if not answer.is_success or answer.json()["accepted"] != len(events):
            return False
        token: str = answer.json()["token"]
        self._tokens[token.rsplit("/", 2)[0]] = token
        return True

    async def settled(self, events: int, seconds_max: float, now_s: Callable[[], float]) -> str:
        """Wait until all nodes count so many events, and none lags; return what is missing, nothing if it is so."""
        until_s = now_s() + seconds_max
        while missing := await self._missing(events):
            if now_s() > until_s:
                return missing
            await asyncio.sleep(_LOOK_S)
        return ""

    async def _missing(self, events: int) -> str:
        for region in self._urls:
            status = await self.said(region, "/v1/status")
            if status is None or status["world"] is None:
                return f"{region} does not answer"
            if status["events"] != events:
                return f"{region} counts {status['events']:,} events of {events:,}"
            if any(one["behind"] for one in status["world"]["nodes"].values()):
                return f"{region} is behind"
        return ""

    async def audit(self, ledger: Ledger) -> Audit:
        """Compare what each node counts with what was acknowledged."""
        expected = ledger.by_day(ledger.acknowledged)
        found: dict[str, tuple[dict[str, int], int] | None] = {}
        apart = []
        for region in self._urls:
            status = await self.said(region, "/v1/status")
            asked = {
                "question": "active",
                "from": (FIRST - dt.timedelta(days=14)).isoformat(),
                "to": _LAST.isoformat(),
            }
            told = await self.answer(region, asked)
            if status is None or told is None:
                found[region] = None
                continue
            day = told["active"]["day"]
            counts = zip(day["periods"], day["values"], strict=True)
            found[region] = {when: n for when, n in counts if n}, status["events"]
            if (status.get("world") or {}).get("alarms"):
                apart.append(region)
        return audited(expected, found, apart)


class Conflicts:
    """Facts that contradict each other: a region that is cut off and another say where the same learners are from.

    Half of the learners have the later word on the one side, half on the other, so that no order in which entries come
    is the right one by chance. The rule, worked out apart here: the latest by its time counts.
    """

    def __init__(self, nodes: Nodes, ledger: Ledger) -> None:
        self._nodes, self._ledger = nodes, ledger
        self._rounds = 0

    @property
    def people(self) -> int:
        """Of how many learners regions said different things."""
        return self._rounds * _PEOPLE

    async def say(self, inside: str, outside: str) -> bool:
        """Have both sides contradict each other; say whether both could."""
        self._rounds += 1
        days = (FIRST + dt.timedelta(days=290)).isoformat(), (_LAST).isoformat()
        could = True
        for region, country in ((inside, "DE"), (outside, "FR")):
            for half in (0, 1):
                is_late = (country == "DE") == (half == 0)
                day = days[is_late]
                events = [
                    {
                        "id": f"conflict/{self._rounds}/{n}/{country}",
                        "account": f"conflict {self._rounds} {n}",
                        "time": f"{day}T10:00:00Z",
                        "verb": "read",
                        "attributes": {"country": country},
                    }
                    for n in range(half, _PEOPLE, 2)
                ]
                name = f"conflict {self._rounds} {country} {half}"
                if await self._nodes.taken(region, name, events):
                    self._ledger.send(name, day, len(events))
                    self._ledger.acknowledge(name)
                else:
                    could = False
        return could

    async def unsettled(self, regions: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Return how many learners regions have another country for than the rule says, and what each answers."""
        rules = {code.lower(): {"attribute": f"country={code}"} for code in ("DE", "FR")}
        asked = {"question": "overlap", "definitions": {"cohort": rules}}
        told: dict[str, Any] = {}
        expected, wrong = self.people // 2, 0
        for region in regions:
            answer = await self._nodes.answer(region, asked)
            if answer is None:
                told[region], wrong = None, wrong + self.people
                continue
            sizes = {name: answer["shared"][i][i] for i, name in enumerate(answer["cohorts"])}
            told[region] = sizes
            wrong += max(abs(sizes[code] - expected) for code in rules)
        return wrong, told
