"""A whole world of requests, from its seed to what is to be said of it."""

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Final

from homeroom.simulation.journeys.caller import Caller
from homeroom.simulation.journeys.checks import Checks
from homeroom.simulation.journeys.crowds import Crowds
from homeroom.simulation.journeys.links import Links
from homeroom.simulation.journeys.machine import Machine
from homeroom.simulation.journeys.operator import Operator
from homeroom.simulation.journeys.plan import BEGIN_MS, JourneyPlan, Kind
from homeroom.simulation.journeys.scene import Scene, regions_of
from homeroom.simulation.journeys.shared import Shared
from homeroom.simulation.regions.agenda import Agenda, Trace

__all__ = ["JourneyRun", "travel"]

_CALLERS: Final = 2
_LAST_MS: Final = 9_000
_LOOK_MS: Final = 250
_TRACE_LINES: Final = 60


@dataclass(frozen=True, slots=True)
class JourneyRun:
    """What happened in a world.

    Parameters
    ----------
    plan : what went wrong
    violations : promises that were broken
    checksum : of all that happened
    figures : counts
    rerouted_ms : for each client whose region died how long it took until it was answered by another one
    took_ms : how long requests took that were answered
    trace : the last that happened, for people
    """

    plan: JourneyPlan
    violations: list[str]
    checksum: int
    figures: dict[str, int]
    rerouted_ms: list[int]
    took_ms: list[int]
    trace: list[str]


def travel(plan: JourneyPlan) -> JourneyRun:
    """Live through a plan."""
    scene = _made(plan)
    crowds = Crowds(scene)
    scene.checks.demand = lambda: crowds.demand
    Operator(scene, crowds)
    names = [place.name for place in plan.places for _ in range(_CALLERS)]
    callers = [
        Caller(scene, f"client-{number}", scene.regions[name]) for number, name in enumerate(names)
    ]
    for caller in callers:
        caller.begin(plan.length_ms - _LAST_MS)

    def look() -> None:
        scene.checks.look()
        scene.agenda.after(_LOOK_MS, look)

    look()
    try:
        scene.agenda.run(plan.length_ms)
    except AssertionError as error:
        scene.checks.fault(error)
    else:
        scene.checks.finish(callers)
    return _run(scene, callers)


def _made(plan: JourneyPlan) -> Scene:
    chance = Random(f"{plan.seed} world")  # noqa: S311 - a world, no secret
    agenda = Agenda()
    scene = Scene(
        plan=plan,
        agenda=agenda,
        trace=Trace(),
        chance=chance,
        links=Links(plan, chance),
        checks=Checks(lambda: agenda.now_ms),
        regions=regions_of(plan),
        shared={place.name: Shared(place.name) for place in plan.places},
    )
    nodes = [(name, place.name) for place in plan.places for name in plan.nodes_of(place.name)]
    for number, (name, region) in enumerate(nodes):
        scene.machines[name] = Machine(scene, name, region, number)
    scene.checks.watch(scene)
    for machine in scene.machines.values():
        agenda.at(chance.randint(0, 500), machine.start)
    return scene


def _run(scene: Scene, callers: list[Caller]) -> JourneyRun:
    checks = scene.checks
    ended = checks.ended_requests
    counts = Counter(f"{one.ask.what}" for one in ended if one.reply is not None)
    figures = {
        "virtual_ms": scene.plan.length_ms,
        "asked": sum(caller.asked for caller in callers),
        "answered": sum(counts.values()),
        "written": counts["write"],
        "given_up": sum(one.reply is None for one in ended),
        "retried": sum(caller.retried for caller in callers),
        "tables": checks.tables,
        "computed": checks.computed,
        "told_on_error": checks.told_on_error,
        "poisoned": sum(one.poisoned for one in scene.shared.values()),
        **{f"from_{where}": number for where, number in sorted(checks.answers.items())},
        "happened": scene.agenda.happened,
    }
    return JourneyRun(
        plan=scene.plan,
        violations=checks.broken,
        checksum=scene.trace.checksum,
        figures=figures,
        rerouted_ms=_rerouted_ms(scene),
        took_ms=[one.ended_ms - one.began_ms for one in ended if one.reply is not None],
        trace=scene.trace.lines(_TRACE_LINES),
    )


def _rerouted_ms(scene: Scene) -> list[int]:
    """Return how long clients of a region that died waited for an answer from elsewhere."""
    found = []
    ended = scene.checks.ended_requests
    for fault in scene.plan.faults:
        if fault.kind is not Kind.REGION_DIES or fault.begin_ms < BEGIN_MS:
            continue
        (region,) = fault.ones
        clients = sorted({one.client for one in ended if one.region == region})
        for client in clients:
            times = (
                one.ended_ms - fault.begin_ms
                for one in ended
                if one.client == client
                and fault.begin_ms <= one.ended_ms <= fault.end_ms
                and one.reply is not None
                and scene.at(one.at).region != region
            )
            first_ms = next(times, None)
            if first_ms is not None:
                found.append(first_ms)
    return found
