"""One trial: a world starts, clients write, what was planned goes wrong and ends, and then all must hold.

What is looked at is what the simulation promises (docs/explanation/regions.md), seen from outside, as clients and
operators see it: what was acknowledged is in every node's answer, once; answers are those of a plain set of events; all
nodes have compared fingerprints and found no difference; what every node has on disk is whole.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from tests.trials.clients import Client, Fate, Ledger, Statement, passed
from tests.trials.machines import Machines
from tests.trials.plan import Fault, Kind, Plan

__all__ = ["tried"]

_START_S: Final = 300.0
_EQUAL_S: Final = 240.0
_COMPARED_S: Final = 120.0
_PAUSE_S: Final = 0.1


def tried(plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
    """Run a trial in the network that this process is in. Raises `AssertionError` where something does not hold."""
    machines = Machines(folder)
    try:
        machines.start()
        trial = _Trial(plan, machines, say)
        asyncio.run(trial.run())
        ends = machines.stop()
        assert not any(ends.values()), (ends, {node: machines.said(node) for node in ends})
        for node in machines.regions:
            assert machines.verify(node) is None, (node, machines.verify(node))
        say(f"all end when they are asked to, and what {len(ends)} nodes have on disk is whole")
    finally:
        machines.end()


class _Trial:
    def __init__(self, plan: Plan, machines: Machines, say: Callable[[str], None]) -> None:
        self._plan, self._machines, self._say = plan, machines, say
        self._ledger = Ledger()
        self._urls = {node: machines.url(node) for node in machines.regions}
        self._client: Client
        # What went wrong, from when to when: by the clock that the ledger has too.
        self._were: list[tuple[Fault, float, float]] = []

    async def run(self) -> None:
        begun_s = time.monotonic()
        await self._until(self._listen, _START_S)
        key = await asyncio.to_thread(self._machines.make_key)
        self._client = Client(self._urls, key, self._ledger)
        try:
            await self._until(self._know, _START_S)
            self._say(f"{len(self._urls)} nodes run after {time.monotonic() - begun_s:.0f} s")
            await self._trouble()
            await self._settle()
            await self._hold()
        finally:
            await self._client.close()

    # --- it begins ---------------------------------------------------------------------------------------------------

    async def _until(self, holds: Callable[[], Awaitable[str]], seconds_max: float) -> float:
        """Wait until nothing is missing any more; return how long that took."""
        begun_s = time.monotonic()
        while missing := await holds():
            took_s = time.monotonic() - begun_s
            assert took_s < seconds_max, f"after {took_s:.0f} s: {missing}"
            await passed(_PAUSE_S)
        return time.monotonic() - begun_s

    async def _listen(self) -> str:
        for node in self._urls:
            assert not self._machines.has_ended(node), self._machines.said(node)
            if "listening on" not in self._machines.said(node):
                return f"{node} does not listen"
        return ""

    async def _know(self) -> str:
        for node in self._urls:
            assert not self._machines.has_ended(node), self._machines.said(node)
            if await self._client.status(node) is None:
                return f"{node} does not answer, or does not know the key"
        return ""

    # --- it goes wrong -----------------------------------------------------------------------------------------------

    async def _trouble(self) -> None:
        writers = [asyncio.create_task(self._client.write(node, self._plan)) for node in self._urls]
        begun_s = asyncio.get_running_loop().time()
        faults = [asyncio.create_task(self._happen(fault, begun_s)) for fault in self._plan.faults]
        try:
            await asyncio.gather(*writers)
            await passed(begun_s + self._plan.end_s - asyncio.get_running_loop().time())
        finally:
            for task in (*writers, *faults):
                task.cancel()
            await asyncio.gather(*writers, *faults, return_exceptions=True)

    async def _happen(self, fault: Fault, begun_s: float) -> None:
        loop = asyncio.get_running_loop()
        await passed(begun_s + fault.at_s - loop.time())
        self._say(str(fault))
        self._machines.begin(fault)
        since_s = time.monotonic()
        if fault.kind is Kind.DESTROYED:
            before = self._ledger.lost_batches
            self._ledger.lost(fault.whom[0])
            self._say(
                f"with it {self._ledger.lost_batches - before} batches that were nowhere else"
            )
        try:
            await passed(fault.for_s)
        finally:
            self._were.append((fault, since_s, time.monotonic()))
            self._machines.end_of(fault)
            self._say(f"over: {fault.kind} ({', '.join(fault.whom)})")

    # --- it is put right ---------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Send once more what got no answer, and wait until all hold and have folded the same."""
        self._say(
            f"{self._ledger.count():,} events sent; of batches {', '.join(self._ledger.told())}"
        )
        waits = {level: sorted(waits) for level, waits in self._ledger.waits_s.items() if waits}
        self._say(", ".join(f"{one} in {w[len(w) // 2] * 1e3:.0f} ms" for one, w in waits.items()))
        await self._until(self._know, _START_S)
        begun_s = time.monotonic()
        again = self._ledger.unknown()
        nodes = list(self._urls)
        for batch in again:

            async def taken(batch: Any = batch) -> str:
                node = nodes[batch.number % len(nodes)]
                if isinstance(batch, Statement):  # its document shall not come to lie elsewhere
                    node = batch.home
                return (
                    "" if await self._client.send(node, batch, "local") else f"{node} takes nothing"
                )

            await self._until(taken, _EQUAL_S)
        self._say(f"{len(again)} batches sent again in {time.monotonic() - begun_s:.1f} s")
        took_s = await self._until(self._equal, _EQUAL_S)
        self._say(f"all nodes hold and have folded the same {took_s:.1f} s later")

    async def _equal(self) -> str:
        """Return what is missing until all nodes have folded what any holds."""
        said = {node: await self._client.status(node) for node in self._urls}
        for node, status in said.items():
            if status is None or status["world"] is None:
                return f"{node} does not answer"
            others = status["world"]["nodes"]
            behind = {other: one["behind"] for other, one in others.items() if one["behind"]}
            if behind or len(others) < len(self._urls):
                return f"{node} is behind {behind} of {list(others)}; {status['troubles']}"
            if status["events"] != self._ledger.count():
                return f"{node} counts {status['events']} events of {self._ledger.count()}"
        return ""

    # --- it must hold ------------------------------------------------------------------------------------------------

    async def _hold(self) -> None:
        self._see_that_nobody_alone_said_elsewhere()
        assert all(batch.fate is not Fate.UNKNOWN for batch in self._ledger.batches)
        expected = self._ledger.by_day()
        for node in self._urls:
            found = await self._client.active(node, list(expected))
            wrong = {day for day in expected.keys() | found if expected.get(day) != found.get(day)}
            assert not wrong, (node, {day: (expected.get(day), found.get(day)) for day in wrong})
        for token in self._ledger.tokens.values():
            for node in self._urls:
                assert await self._client.active(node, list(expected), token) == expected
        self._say(
            f"answers of all nodes are those of a plain set of {self._ledger.count():,} events"
        )
        await self._documents()
        took_s = await self._until(self._compared, _COMPARED_S)
        self._say(f"all have compared fingerprints after {took_s:.1f} s, and found no difference")
        await self._erase()

    async def _documents(self) -> None:
        """See that all nodes of a jurisdiction have its documents, and no other node has any of these."""
        statements, regions = self._ledger.statements(), self._machines.regions
        for node, region in regions.items():
            for statement in statements:
                is_here = regions[statement.home] == region
                assert await self._client.has(node, statement) == is_here, (node, statement)
        self._say(f"{len(statements)} documents are where they should be, and nowhere else")

    async def _erase(self) -> None:
        """Erase a person while a node is away: then no node may tell anything of them, that one neither."""
        statement = self._ledger.statements()[0]
        day, regions = str(statement.day), self._machines.regions
        left = self._ledger.by_day()[day] - 1
        away = next(node for node in reversed(regions) if regions[node] != regions[statement.home])
        killed = Fault(0.0, 0.0, Kind.KILLED, (away,))
        self._machines.begin(killed)
        await self._client.erase(statement.home, statement)
        self._machines.end_of(killed)
        await self._until(self._know, _START_S)

        async def told() -> str:
            for node, region in regions.items():
                if (await self._client.active(node, [day])).get(day, 0) != left:
                    return f"{node} counts a person who is erased"
                is_near = region == regions[statement.home]
                if is_near and await self._client.has(node, statement):
                    return f"{node} has a statement about a person who is erased"
            return ""

        took_s = await self._until(told, _EQUAL_S)
        self._say(
            f"a person is erased everywhere, and {took_s:.1f} s later at {away}, which was away"
        )

    def _see_that_nobody_alone_said_elsewhere(self) -> None:
        """See that no node that was heard by no other region said of a batch that another region holds it."""
        for fault, since_s, until_s in self._were:
            if fault.kind is Kind.ALONE:
                for node, asked_s, told_s in self._ledger.elsewhere:
                    is_alone = self._machines.regions[node] == fault.whom[0]
                    assert not (is_alone and asked_s > since_s and told_s < until_s), (node, fault)

    async def _compared(self) -> str:
        """Return what is missing until every node has compared fingerprints with others since all were equal."""
        if not hasattr(self, "_before"):
            self._before = {node: await self._comparisons(node) for node in self._urls}
        for node, before in self._before.items():
            if await self._comparisons(node) < before + len(self._urls) - 1:
                return f"{node} has compared nothing"
        return ""

    async def _comparisons(self, node: str) -> int:
        status = await self._client.status(node)
        assert status is not None, f"{node} answers"
        assert not status["troubles"], (node, status["troubles"])
        assert status["world"]["alarms"] == 0, (node, status["world"])
        return int(status["world"]["comparisons"])
