"""Eight regions on this machine, two continents cut off, and one answer: ``python -m demos.world``.

Eight nodes run in this process, each on a directory of its own, as `homeroom world init` makes them. Each takes events
of its own learners, all at the same moment, and some learners are at home in several regions. Then Africa and Asia are
cut off: every region goes on to take writes, which is acknowledged locally as before. The cut is healed, and when all
have what any has, their fingerprints are compared, and one of them is asked for retention.
"""

import argparse
import asyncio
import hashlib
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from demos import crowd, saying
from demos.crowd import QUESTION, Crowd, Death, library_programs
from homeroom.adapters import system_clock
from homeroom.adapters.world_directory import make_world
from homeroom.adapters.world_file import SHIPPED, Stage, read_world
from homeroom.cli.terminal.console import stdout_console
from homeroom.cli.terminal.view import AnswerView
from homeroom.cohorts.answers import Answer
from homeroom.cohorts.questions import parse_question
from homeroom.events.sent import Form, SentBatch
from homeroom.log.log import Accepted
from homeroom.provers.geography_nodes import Doors, NodesHere
from homeroom.provers.ports import free_ports
from homeroom.regions.world import World

CUT_OFF: Final = ("lagos", "singapore")
DYING: Final = "eu-central"
BATCH: Final = 50
INTERRUPTED: Final = 130
PACE_S: Final = 0.05
WEEKS: Final = 6
DAY_S: Final = 86_400
START_S: Final = 1_735_689_600  # 2025-01-01


def main() -> int:
    """Run the demo; return 0 if all regions come to the same."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("demo/world"))
    parser.add_argument(
        "--batches", type=int, default=20, help="a region, before and during the cut each"
    )
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    try:
        return asyncio.run(show(options.folder, options.batches))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("ends")
        return INTERRUPTED


def say(text: str) -> None:
    """Say what happens."""
    saying.say("world", text)


def say_waits(region: str, waits: Sequence[float]) -> None:
    """Say how long batches waited for their acknowledgement; given in seconds."""
    middle, longest = 1_000 * median(waits), 1_000 * max(waits)
    say(
        f"{region:<11} {len(waits)} batches acknowledged, half in {middle:.1f} ms, all in {longest:.0f} ms"
    )


async def show(folder: Path, batches: int) -> int:
    """Make a world, cut it, heal it, compare."""
    began = time.perf_counter()
    plan = make_world(
        folder, read_world(SHIPPED, Stage.PLANNED), free_ports(100), 1, system_clock.now_ms()
    )
    world = Regions(folder, plan)
    await world.start()
    try:
        say(
            f"{len(world.nodes)} regions, each a node on a directory of its own; {plan.home} states what is stated"
        )
        await world.first_writes()
        say(f"each takes {batches} batches of events of its own learners, all at the same moment")
        await world.write("before", batches)
        await world.settle(world.nodes)
        world.cut = set(CUT_OFF)
        say(f"{' and '.join(CUT_OFF)} are cut off from the others, and everybody goes on")
        await world.write("meanwhile", batches)
        for side in (world.cut, world.nodes.keys() - world.cut):
            count = await world.settle(side)
            say(f"{', '.join(sorted(side))} count {count:,} events of {world.sent:,}")
        world.cut = set()
        healed = time.perf_counter()
        count = await world.settle(world.nodes)
        say(f"healed: {time.perf_counter() - healed:.1f} s later all count {count:,}")
        prints = world.fingerprints()
        for region, text in prints.items():
            say(f"{region:<11} fingerprint {text[:24]}")
        answers = [await world.triangle(region) for region in (CUT_OFF[0], plan.home)]
        is_one = len(set(prints.values())) == 1 and answers[0].to_json() == answers[1].to_json()
        stdout_console().print(AnswerView(answers[0], "brief"))
        verdict = "eight fingerprints are one, and so is the answer" if is_one else "THIS IS WRONG"
        say(f"{verdict}; {time.perf_counter() - began:.0f} s")
        is_one = await under_traffic(world) and is_one
    finally:
        await world.stop()
    return 0 if is_one else 1


async def under_traffic(world: "Regions") -> bool:
    """Have a region die under traffic and come back; return whether nobody noticed, and all count the same."""
    began = time.perf_counter()
    whole = asyncio.current_task()
    assert whole is not None, "it runs in one"
    doors = Doors(world, whole.cancel)
    await doors.open()
    try:
        sizes = dict.fromkeys(world.nodes, 1) | {DYING: 6}
        async with library_programs(doors, sizes) as programs:
            crowd.say(
                f"{len(programs)} programs send and ask, {sizes[DYING]} of them at {DYING}; two regions hold what is "
                "acknowledged"
            )
            async with Crowd(programs) as programs_at_work:
                await Death(doors, DYING, programs_at_work).show(before_s=1.0, share=0.1)
                is_fine = await programs_at_work.stop()
            world.add(programs_at_work.events)
    finally:
        await doors.close()
    count = await world.settle(world.nodes)
    is_one = len(set(world.fingerprints().values())) == 1
    crowd.say(f"all {len(world.nodes)} regions count {count:,} events: what was acknowledged, once")
    verdict = "nobody noticed" if is_fine and is_one else "THIS IS WRONG"
    crowd.say(f"{verdict}; {time.perf_counter() - began:.0f} s")
    return is_fine and is_one


class Regions(NodesHere):
    """The nodes of a world, all in this process, and what was sent to them.

    Attributes
    ----------
    sent : how many events were acknowledged
    """

    def __init__(self, folder: Path, plan: World) -> None:
        super().__init__(folder, plan)
        # By region what it has acknowledged.
        self._taken: Counter[str] = Counter()
        self._known: dict[str, int] = {}

    @property
    def sent(self) -> int:
        """How many events were acknowledged."""
        return self._taken.total()

    def add(self, events: int) -> None:
        """Count events that programs had acknowledged, wherever."""
        self._taken[self.plan.home] += events

    async def first_writes(self) -> None:
        """Send each region one batch: the first one waits until clocks are compared and code is loaded."""
        await asyncio.gather(*(self._write(region, "first", 1) for region in self.nodes))

    async def write(self, name: str, batches: int) -> None:
        """Send batches to all regions at the same moment; tell how long each waited."""
        waits = await asyncio.gather(*(self._write(region, name, batches) for region in self.nodes))
        for region, waited in zip(self.nodes, waits, strict=True):
            say_waits(region, waited)

    async def _write(self, region: str, name: str, batches: int) -> list[float]:
        waits = []
        for number in range(batches):
            body = json.dumps(list(events(region, name, number))).encode()
            batch = SentBatch(
                batch_id=f"{region} {name} {number}",
                body=body,
                form=Form.JSON,
                digest=hashlib.sha256(body).digest(),
            )
            began = time.perf_counter()
            while True:
                if isinstance(await self.nodes[region].offer("main", "demo", batch), Accepted):
                    break
                await asyncio.sleep(PACE_S)  # it has just started: see `first_writes`
            waits.append(time.perf_counter() - began)
            self._taken[region] += BATCH
            await asyncio.sleep(PACE_S)
        return waits

    async def settle(self, regions: Collection[str]) -> int:
        """Wait until regions that hear each other count what all of them have taken; return how many events that is.

        What the others had taken before they could not be heard any more is counted too.
        """
        heard = {**self._known, **{region: self._taken[region] for region in regions}}
        if len(regions) == len(self.nodes):
            self._known = heard
        count = sum(heard.values())
        while True:
            if all(self.events(region) == count for region in regions):
                return count
            await asyncio.sleep(PACE_S)

    def fingerprints(self) -> dict[str, str]:
        """Return the fingerprint of what each region has folded."""
        return {region: node.fingerprint()[1] for region, node in self.nodes.items()}

    async def triangle(self, region: str) -> Answer:
        """Ask a region for retention by week."""
        return (await self.nodes[region].ask("main", parse_question(QUESTION), None)).answer


def events(region: str, name: str, number: int) -> Iterator[dict[str, object]]:
    """Yield a batch: of learners of a region, some of whom learn in others too."""
    drawn = random.Random(f"{region} {name} {number}")
    for event in range(BATCH):
        learner = drawn.randrange(400)
        began = drawn.randrange(WEEKS)
        week = min(began if drawn.random() < 0.4 else drawn.randrange(began, WEEKS), WEEKS - 1)
        home = "everywhere" if learner < 40 else region
        instant = START_S + 7 * DAY_S * week + drawn.randrange(7 * DAY_S)
        yield {
            "id": f"{region}/{name}/{number}/{event}",
            "account": f"{home} {learner}",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant)),
            "verb": drawn.choice(("played", "answered", "posted")),
            "activity": f"week {week}",
            "course": "oceans",
        }


if __name__ == "__main__":
    raise SystemExit(main())
