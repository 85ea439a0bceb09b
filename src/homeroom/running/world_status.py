"""How the world looks from one of its nodes: for the health page, the metrics and the answers.

Everybody sees something else: a node that is cut off sees the others behind, and they it. So this is told by each node
of itself, and never put together by one for all.

Whatever must not be in a world (a fork, another state at equal entries, an entry that nobody has signed) is an alarm of
the core. An alarm is raised once and the fault stays; so it is told until the node starts again, but for those that
pass by themselves.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from homeroom import limits
from homeroom.cohorts.live import EarlyEntries, OtherNode, Trouble, WorldStatus
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.regions import steps
from homeroom.regions.fabric import Carried
from homeroom.regions.residency import holders
from homeroom.running.belonging import Belonging
from homeroom.running.in_world import is_shared

__all__ = ["freshness_of", "lacks_facts", "world_status", "world_troubles"]

_PASSING: Final = (steps.Trouble.BAD_MESSAGE, steps.Trouble.BAD_ENTRY)
"""What may be over as soon as the other node is put right; it is raised again where it is not."""


def freshness_of(belonging: Belonging | None, applied: Vector) -> dict[str, float | None] | None:
    """Return by region how many seconds ago all that it had written was in ``applied``; None for a node alone."""
    if belonging is None:
        return None
    found: dict[str, float | None] = {}
    for node, region in sorted(belonging.looks.members.regions.items()):
        lag_s = _lag_s(belonging, node, applied)
        before = found.get(region, 0.0)
        found[region] = None if lag_s is None or before is None else max(lag_s, before)
    return found


def _lag_s(belonging: Belonging, node: str, applied: Vector) -> float | None:
    age_ms = belonging.age_ms(node, applied)
    return None if age_ms is None else round(age_ms / 1_000, 3)


def world_status(belonging: Belonging | None, applied: Vector) -> WorldStatus | None:
    """Return how the world looks from a node; None for a node alone."""
    if belonging is None:
        return None
    looks, node = belonging.looks, belonging.node
    fabric = belonging.fabric.state()
    views = {**looks.views, node: looks.held}
    return WorldStatus(
        node=node,
        home=belonging.home,
        epoch=looks.members.epoch,
        least=belonging.least,
        nodes={
            name: _carried(
                OtherNode(
                    region=region,
                    is_fenced=name in looks.members.fenced,
                    behind=_missing(views.get(name, {}), applied, looks.members, node),
                    lacks=_missing(looks.held, Vector(views.get(name, {})), looks.members, name),
                    lag_s=_lag_s(belonging, name, applied),
                ),
                fabric.peers.get(name, Carried()),
            )
            for name, region in sorted(looks.members.regions.items())
        },
        stray_ms=looks.stray_ms,
        comparisons=looks.comparisons,
        waiting=looks.waiting,
        held_back=looks.held_back,
        early=tuple(
            EarlyEntries(origin=str(o), first=one.first, last=one.last, until_ms=one.until_ms)
            for o, one in sorted(looks.early.items())
        ),
        apart={name: len(one.shards) for name, one in belonging.alarms.apart().items()},
        alarms=len(belonging.alarms),
        is_connected=fabric.is_connected,
    )


def lacks_facts(belonging: Belonging | None, applied: Vector) -> bool:
    """Say whether more was stated in the world than is folded here, as far as this node has heard."""
    if belonging is None:
        return False
    members, views = belonging.looks.members, belonging.looks.views.values()
    told = [(o, n) for view in views for o, n in view.items() if o.stream is Stream.CONTROL]
    is_behind = any(min(n, members.closed.get(o, n)) > applied[o] for o, n in told)
    return is_behind or members.epoch == 0


def _carried(other: OtherNode, carried: Carried) -> OtherNode:
    return replace(
        other,
        sent_bytes=carried.sent_bytes,
        received_bytes=carried.received_bytes,
        dropped=carried.dropped,
    )


def _missing(held: Mapping[Origin, int], there: Vector, members: steps.Members, node: str) -> int:
    """Return how many entries are held and not with a node that may have them; what has collapsed is with all."""
    return sum(
        number - there[origin]
        for origin, number in held.items()
        if number > there[origin]
        and origin not in members.collapsed
        and (is_shared(origin) or node in holders(members, origin))
    )


def _early(belonging: Belonging) -> list[str]:
    """Say which entries wait so long for their time that somebody should rule on them."""
    told_ms = belonging.wall_ms() + limits.EARLY_TOLD_MS
    return [
        f"entries {one.first:,} to {one.last:,} of {origin} are from the future and wait until "
        f"{_instant(one.until_ms)}; homeroom world rule has them count now, or for nothing"
        for origin, one in sorted(belonging.looks.early.items())
        if one.until_ms > told_ms
    ]


def _instant(time_ms: int) -> str:
    since = dt.timedelta(milliseconds=min(time_ms, limits.TIME_MS_MAX))
    return f"{dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + since:%Y-%m-%d %H:%M:%S} UTC"


def world_troubles(belonging: Belonging | None) -> tuple[Trouble, ...]:
    """Return what is wrong among the nodes, as far as this one knows."""
    if belonging is None:
        return ()
    now_ms, told = belonging.now_ms(), []
    for at_ms, alarm in belonging.alarms.all():
        is_over = now_ms - at_ms > limits.ALARM_MS
        if not (is_over and alarm.trouble in _PASSING):
            told.append(alarm.why)
    if belonging.trouble is not None:
        told.append(belonging.trouble)
    told += _early(belonging)
    refusal = belonging.looks.refusal
    if refusal is not None:
        told.append(f"no batches are taken: {refusal.why}")
    return tuple(map(Trouble, [*told, *belonging.fabric.state().troubles]))
