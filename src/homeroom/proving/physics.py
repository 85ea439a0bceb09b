"""What light and cables allow between users and regions: with all regions there, and with each of them down.

A failed criterion of latency tells nothing while nobody knows whether it could have held. So two floors are worked out
beside every one. *Light* in a fibre along the great circle is what nothing on Earth can be under, and a criterion below
it is refused before anything runs. *Cables* are longer than that by the plan's stretch, and a criterion below these
fails with whatever software: then the run says where its users are, and which region would have to be nearer.

The floor of a group of users is that of its P99, as its criterion is: the least time within which 99 % of them, by
their shares, could have an answer if answering took no time.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from homeroom.proving.criteria import Criterion
from homeroom.proving.plans import GeographyPlan, Users, light_ms

__all__ = [
    "Floor",
    "Forbidden",
    "Site",
    "cable_ms",
    "costliest",
    "floors",
    "forbidden",
    "nearest",
    "physics_json",
]

_QUANTILE: Final = 0.99
_REMEDY_MAX: Final = 3
"""So many regions together are tried as a remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A region that answers, or could: degrees north and east."""

    name: str
    latitude: float
    longitude: float

    @property
    def at(self) -> tuple[float, float]:
        """Where it is."""
        return self.latitude, self.longitude


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The least P99 of round trips that users can have, over the last mile too.

    Parameters
    ----------
    of : the region of the users; empty for all
    down : the region that is away; empty where all are there
    light_ms, cables_ms : if cables followed the great circle, and as long as the plan says that they are
    farthest : the place that settles it
    """

    of: str
    down: str
    light_ms: float
    cables_ms: float
    farthest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """A criterion of latency that cannot hold, and what would let it.

    Parameters
    ----------
    criterion, floor : what is asked, and what there can be at least
    by_light : whether light forbids it, and not the length of cables alone
    remedy : the fewest regions that would let it hold if they were added; empty where those that are ready would not
    remedy_ms : the floor with them, None where there are none
    """

    criterion: Criterion
    floor: Floor
    by_light: bool
    remedy: tuple[str, ...]
    remedy_ms: float | None

    @property
    def in_words(self) -> str:
        """What a reader is told."""
        floor = self.floor
        who = floor.of or "all users"
        down = f" while {floor.down} is down" if floor.down else ""
        why = (
            f"light alone takes {floor.light_ms:.1f} ms"
            if self.by_light
            else f"cables of this length take {floor.cables_ms:.1f} ms"
        )
        remedy = (
            f"with {' and '.join(self.remedy)} beside the others all would have it in {self.remedy_ms:.1f} ms"
            if self.remedy
            else "the regions that are ready to be added would not change that"
        )
        return (
            f"the P99 of {who} cannot be {self.criterion.asked}{down}: for users in {floor.farthest} {why} there "
            f"and back; {remedy}"
        )


def cable_ms(plan: GeographyPlan, one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the round trip between two places over cables as long as the plan has them."""
    return plan.stretch * light_ms(one, other)


def nearest(user: Users, sites: Iterable[Site]) -> Site:
    """Return the region that is nearest to users, of those of which there is at least one."""
    return min(sites, key=lambda site: light_ms((user.latitude, user.longitude), site.at))


def floors(plan: GeographyPlan, sites: Sequence[Site]) -> list[Floor]:
    """Return the floors of each region of users and of all, with all regions there and with each of them down."""
    downs = ["", *(site.name for site in sites if len(sites) > 1)]
    return [_floor(plan, sites, of, down) for down in downs for of in (*_groups(plan), "")]


def forbidden(plan: GeographyPlan, sites: Sequence[Site], ready: Sequence[Site]) -> list[Forbidden]:
    """Return the criteria of latency that cannot hold: with all regions, and what more cannot with each of them down.

    Parameters
    ----------
    plan : its criteria, users, stretch and last mile
    sites : the regions that run
    ready : those that could be added
    """
    found = list(_forbidden(plan, (sites, ready), ""))
    always = {one.criterion for one in found}
    for site in sites if len(sites) > 1 else ():
        more = _forbidden(plan, (sites, ready), site.name)
        found += [one for one in more if one.by_light or one.criterion not in always]
    return found


def _forbidden(
    plan: GeographyPlan, regions: tuple[Sequence[Site], Sequence[Site]], down: str
) -> Iterator[Forbidden]:
    for criterion in plan.criteria:
        if criterion.measure != "p99_ms":
            continue
        floor = _floor(plan, regions[0], criterion.of, down)
        if criterion.comparison.holds(floor.cables_ms, criterion.bound):
            continue
        remedy, remedy_ms = _remedy(plan, regions, criterion, down)
        yield Forbidden(
            criterion=criterion,
            floor=floor,
            by_light=not criterion.comparison.holds(floor.light_ms, criterion.bound),
            remedy=remedy,
            remedy_ms=remedy_ms,
        )


def costliest(plan: GeographyPlan, sites: Sequence[Site]) -> str:
    """Return the region whose loss takes users farthest, by their shares."""

    def lost(down: Site) -> float:
        others = [site for site in sites if site is not down]
        return sum(
            user.share * (_way_ms(user, others)[0] - _way_ms(user, sites)[0]) for user in plan.users
        )

    return max(sites, key=lost).name


def physics_json(found: Iterable[Floor], cannot: Iterable[Forbidden]) -> dict[str, Any]:
    """Return floors, and criteria that cannot hold, as JSON-ready data."""
    return {
        "floors": [
            {
                "of": one.of,
                "down": one.down,
                "light_ms": one.light_ms,
                "cables_ms": one.cables_ms,
                "farthest": one.farthest,
            }
            for one in found
        ],
        "forbidden": [
            {
                "criterion": one.criterion.name,
                "asked": one.criterion.asked,
                "down": one.floor.down,
                "by_light": one.by_light,
                "remedy": list(one.remedy),
                "remedy_ms": one.remedy_ms,
                "in_words": one.in_words,
            }
            for one in cannot
        ],
    }


def _groups(plan: GeographyPlan) -> Mapping[str, None]:
    return dict.fromkeys(user.region for user in plan.users)


def _way_ms(user: Users, sites: Sequence[Site]) -> tuple[float, str]:
    site = nearest(user, sites)
    return light_ms((user.latitude, user.longitude), site.at), site.name


def _floor(plan: GeographyPlan, sites: Sequence[Site], of: str, down: str) -> Floor:
    there = [site for site in sites if site.name != down]
    some = [user for user in plan.users if of in ("", user.region)]
    ways = sorted((_way_ms(user, there)[0], user.place, user.share) for user in some)
    whole, so_far = sum(share for _, _, share in ways), 0.0
    # The last one, should rounding have the shares end just under the whole.
    light, place = ways[-1][:2]
    for way_ms, name, share in ways:
        so_far += share
        if so_far >= _QUANTILE * whole:
            light, place = way_ms, name
            break
    return Floor(
        of=of,
        down=down,
        light_ms=light + plan.last_mile_ms,
        cables_ms=plan.stretch * light + plan.last_mile_ms,
        farthest=place,
    )


def _remedy(
    plan: GeographyPlan,
    regions: tuple[Sequence[Site], Sequence[Site]],
    criterion: Criterion,
    down: str,
) -> tuple[tuple[str, ...], float | None]:
    """Return the fewest further regions with which a criterion holds, and the floor then; of as many the best."""
    sites, ready = regions
    for count in range(1, min(len(ready), _REMEDY_MAX) + 1):
        floors_ms = [
            (_floor(plan, [*sites, *more], criterion.of, down).cables_ms, more)
            for more in itertools.combinations(ready, count)
        ]
        best_ms, more = min(floors_ms, key=lambda one: one[0])
        if criterion.comparison.holds(best_ms, criterion.bound):
            return tuple(site.name for site in more), best_ms
    return (), None
