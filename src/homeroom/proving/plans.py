"""What a test does, and what must hold: a typed plan, checked whole before anything starts (TOML 1.0).

A run of hours that ends with "this criterion could not have been met" is a lost day, so whatever can be seen to be
impossible from the plan alone is refused here: criteria that contradict each other, a share of errors finer than the
answers that it is counted over, a latency that light does not allow, a fault that nobody can inject.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from homeroom import limits
from homeroom.distance import km_between
from homeroom.errors import ProvingError
from homeroom.proving.criteria import Comparison, Criterion, check_criteria
from homeroom.proving.faults import Fault, chosen_faults

__all__ = [
    "TESTS",
    "GeographyPlan",
    "LoadPlan",
    "Plan",
    "ResiliencePlan",
    "Sizes",
    "Users",
    "light_ms",
    "parse_plan",
]

TESTS: Final = ("load", "geography", "resilience")
_GLASS_KM_PER_MS: Final = 299.792458 / 1.468
"""Light in a fibre: the speed in a vacuum by the index of refraction of silica at 1,550 nm (ITU-T G.652)."""
_HOW: Final = "docs/reference/proving-plans.md says what a plan may have"
_GIVEN: Final = ("failover_s", "recovery_s", "cache_errors", "conflicts_unsettled")
"""Figures that only some faults give."""

_Count: TypeAlias = Annotated[int, Meta(ge=1)]
_Rate: TypeAlias = Annotated[float, Meta(gt=0)]
_Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=limits.PROVING_SECONDS_MAX)]


class _CriterionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    measure: str
    below: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    above: float | None = None
    of: str = ""
    aim: float | None = None


class _SizesTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    learners: _Count | None = None
    seconds: _Seconds | None = None
    questions_per_second: _Rate | None = None


class _PlanTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    test: str
    name: str
    learners: _Count
    seconds: _Seconds
    questions_per_second: _Rate
    about: str = ""
    days: Annotated[int, Meta(ge=28, le=limits.GENERATED_DAYS_MAX)] = 90
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    late_ms: _Rate = 1_000.0
    criteria: list[_CriterionTable] = []
    quick: _SizesTable = _SizesTable()


class _LoadTable(_PlanTable, frozen=True, kw_only=True):
    events_per_learner: _Rate = 12.0
    events_per_learner_day: _Rate = 20.0
    asked_of_all: Annotated[float, Meta(ge=0, le=1)] = 0.05
    compared_every: _Count = 10
    growth: list[Annotated[float, Meta(gt=0, le=1)]] = []


class _UsersTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    region: str
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    share: _Rate


class _GeographyTable(_PlanTable, frozen=True, kw_only=True):
    users: dict[str, _UsersTable] = {}
    stretch: Annotated[float, Meta(ge=1, le=10)] = 1.5
    last_mile_ms: Annotated[float, Meta(ge=0, le=1_000)] = 8.0
    regions: tuple[str, ...] = ()
    down: str = ""
    batches_per_second: _Rate = 1.0
    events_per_learner: _Rate = 12.0


class _ResilienceTable(_PlanTable, frozen=True, kw_only=True):
    faults: tuple[str, ...] = ("region", "database", "caches", "partition")
    changes: tuple[str, ...] = ()
    regions: Annotated[int, Meta(ge=3, le=limits.PROVING_REGIONS_MAX)] = 8
    users: Annotated[int, Meta(ge=1, le=limits.PROVING_USERS_MAX)] = 2
    quick_regions: Annotated[int, Meta(ge=3, le=limits.PROVING_REGIONS_MAX)] = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large a run is, and for how long it lasts."""

    learners: int
    seconds: float
    questions_per_second: float

    @property
    def questions(self) -> float:
        """About how many questions are asked."""
        return self.seconds * self.questions_per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all plans have.

    Parameters
    ----------
    name, about : of the plan
    days : of history before the run
    seed : from which learners and arrivals are drawn
    late_ms : an answer that comes later is an error
    sizes, quick : of a whole run, and of its quick form
    criteria : what must hold
    written : the plan as it was read, JSON-ready
    """

    name: str
    about: str
    days: int
    seed: int
    late_ms: float
    sizes: Sizes
    quick: Sizes
    criteria: tuple[Criterion, ...]
    written: Mapping[str, Any]

    @property
    def test(self) -> str:
        """Which kind of test it is."""
        return str(self.written["test"])


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan(Plan):
    """Learners that are analysed over and over while their events arrive.

    Parameters
    ----------
    events_per_learner : of history, on average
    events_per_learner_day : the rate is that of the busiest hour of such a day
    asked_of_all : share of the questions that are about all learners; the others are about one
    compared_every : one of so many answers is compared with an independent computation
    growth : shares of the learners at which processor time and memory are measured too
    """

    events_per_learner: float
    events_per_learner_day: float
    asked_of_all: float
    compared_every: int
    growth: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Users at one place.

    Parameters
    ----------
    place : its name
    region : by which their latency is judged
    latitude, longitude : degrees north and east
    share : of all users, by weight
    """

    place: str
    region: str
    latitude: float
    longitude: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GeographyPlan(Plan):
    """Users all over the world, who ask the region that is nearest to them.

    Parameters
    ----------
    users : where they are
    stretch : how many times as long as the great circle cables are
    last_mile_ms : of a round trip, between a user and the network
    regions : those of the shipped world that run; empty for all that are active in it
    down : the one that goes down at the end; empty for the one whose loss takes users farthest
    batches_per_second : of twenty events, that users send meanwhile
    events_per_learner : of history, on average
    """

    users: tuple[Users, ...]
    stretch: float
    last_mile_ms: float
    regions: tuple[str, ...]
    down: str
    batches_per_second: float
    events_per_learner: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResiliencePlan(Plan):
    """Faults that are injected into a world under load.

    Parameters
    ----------
    faults : one after the other, again and again while there is time
    changes : of the shipped year (`homeroom.proving.hazards`) that the world whose year is modelled has made
    regions, quick_regions : how many there are, and in the quick form
    users : programs at each region
    """

    faults: tuple[Fault, ...]
    changes: tuple[str, ...]
    regions: int
    quick_regions: int
    users: int


def parse_plan(text: str, source: str) -> LoadPlan | GeographyPlan | ResiliencePlan:
    """Return the plan in a text; ``source`` is its name in messages.

    Raises
    ------
    ProvingError
        The text is no plan, or asks for what cannot be; the message says what, and what to do.
    """
    try:
        written = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProvingError(f"{source} is no TOML: {error}") from None
    test = written.get("test")
    if test not in TESTS:
        raise ProvingError(f"{source}: test is {test!r}, must be one of {', '.join(TESTS)}")
    try:
        if test == "load":
            return _load(_table(_LoadTable, written), written)
        if test == "geography":
            return _geography(_table(_GeographyTable, written), written)
        return _resilience(_table(_ResilienceTable, written), written)
    except msgspec.ValidationError as error:
        raise ProvingError(f"{source}: {error}; {_HOW}") from None
    except ProvingError as error:
        raise ProvingError(f"{source}: {error}") from None


def _table(form: type[Any], written: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a table of that form
    return msgspec.convert(written, form, strict=True)


def _shared(table: _PlanTable, written: Mapping[str, Any]) -> dict[str, Any]:
    sizes = Sizes(
        learners=table.learners,
        seconds=table.seconds,
        questions_per_second=table.questions_per_second,
    )
    quick = Sizes(
        learners=table.quick.learners or min(table.learners, limits.PROVING_QUICK_LEARNERS),
        seconds=table.quick.seconds or min(table.seconds, limits.PROVING_QUICK_S),
        questions_per_second=table.quick.questions_per_second or table.questions_per_second,
    )
    criteria = tuple(map(_criterion, table.criteria))
    check_criteria(table.test, criteria)
    for size in (sizes, quick):
        _check_sizes(size, criteria)
    _check_late(table.late_ms, criteria)
    return {
        "name": table.name,
        "about": table.about,
        "days": table.days,
        "seed": table.seed,
        "late_ms": table.late_ms,
        "sizes": sizes,
        "quick": quick,
        "criteria": criteria,
        "written": dict(written),
    }


def _criterion(table: _CriterionTable) -> Criterion:
    bounds = {
        comparison: bound
        for comparison in Comparison
        if (bound := getattr(table, comparison.value)) is not None
    }
    if len(bounds) != 1:
        said = " and ".join(bounds) or "no bound"
        raise ProvingError(
            f"the criterion {table.measure[:80]} has {said}; give exactly one of {', '.join(Comparison)}"
        )
    ((comparison, bound),) = bounds.items()
    return Criterion(
        measure=table.measure, comparison=comparison, bound=bound, of=table.of, aim=table.aim
    )


def _check_sizes(sizes: Sizes, criteria: tuple[Criterion, ...]) -> None:
    if sizes.learners > limits.GENERATED_LEARNERS_MAX:
        raise ProvingError(
            f"learners == {sizes.learners:,}, must be at most {limits.GENERATED_LEARNERS_MAX:,}"
        )
    if sizes.questions > limits.PROVING_QUESTIONS_MAX:
        raise ProvingError(
            f"{sizes.questions:,.0f} questions in a run, must be at most {limits.PROVING_QUESTIONS_MAX:,}; "
            "ask for fewer seconds or questions_per_second"
        )
    for one in criteria:
        if one.measure == "errors" and one.bound * sizes.questions < 1:
            raise ProvingError(
                f"{sizes.questions:,.0f} questions cannot show whether errors are {one.asked}: that needs "
                f"{math.ceil(1 / one.bound) if one.bound else math.inf:,} of them at least"
            )


def _check_late(late_ms: float, criteria: tuple[Criterion, ...]) -> None:
    for one in criteria:
        if one.measure == "p99_ms" and one.bound > late_ms:
            raise ProvingError(
                f"{one.name} {one.asked} contradicts late_ms = {late_ms:g}: what is later than that is an error anyhow"
            )


def _load(table: _LoadTable, written: Mapping[str, Any]) -> LoadPlan:
    shared = _shared(table, written)
    grows = [one.name for one in shared["criteria"] if one.measure.endswith("_growth")]
    if grows and len(set(table.growth)) < 3:
        raise ProvingError(
            f"{grows[0]} is fitted to three sizes or more, and growth has {len(set(table.growth))}"
        )
    return LoadPlan(
        **shared,
        events_per_learner=table.events_per_learner,
        events_per_learner_day=table.events_per_learner_day,
        asked_of_all=table.asked_of_all,
        compared_every=table.compared_every,
        growth=tuple(table.growth),
    )


def _geography(table: _GeographyTable, written: Mapping[str, Any]) -> GeographyPlan:
    if not 1 <= len(table.users) <= limits.PROVING_PLACES_MAX:
        raise ProvingError(
            f"users at {len(table.users)} places, must be 1 to {limits.PROVING_PLACES_MAX}; add [users.NAME]"
        )
    users = tuple(
        Users(
            place=place,
            region=one.region,
            latitude=one.latitude,
            longitude=one.longitude,
            share=one.share,
        )
        for place, one in table.users.items()
    )
    shared = _shared(table, written)
    there = {one.region for one in users}
    for one in shared["criteria"]:
        if one.of and one.of not in there:
            raise ProvingError(
                f"{one.name}: no users are there; they are in {', '.join(sorted(there))}"
            )
        if one.measure == "p99_ms" and one.bound <= table.last_mile_ms:
            raise ProvingError(
                f"{one.name} {one.asked} is impossible: a round trip over the last mile alone takes "
                f"{table.last_mile_ms:g} ms"
            )
    if table.regions and table.down not in ("", *table.regions):
        raise ProvingError(
            f"down is {table.down!r}, which does not run; regions are {', '.join(table.regions)}"
        )
    return GeographyPlan(
        **shared,
        users=users,
        stretch=table.stretch,
        last_mile_ms=table.last_mile_ms,
        regions=table.regions,
        down=table.down,
        batches_per_second=table.batches_per_second,
        events_per_learner=table.events_per_learner,
    )


def _resilience(table: _ResilienceTable, written: Mapping[str, Any]) -> ResiliencePlan:
    faults = chosen_faults(table.faults)
    shared = _shared(table, written)
    for one in shared["criteria"]:
        _check_given(one, faults)
    lasting_s = sum(one.seconds for one in faults if one.is_real)
    for sizes in (shared["sizes"], shared["quick"]):
        if sizes.seconds < lasting_s:
            raise ProvingError(
                f"these faults last {lasting_s:g} s one after the other, and seconds == {sizes.seconds:g}; give more "
                "seconds or fewer faults"
            )
    return ResiliencePlan(
        **shared,
        faults=faults,
        changes=table.changes,
        regions=table.regions,
        quick_regions=min(table.quick_regions, table.regions),
        users=table.users,
    )


def _check_given(one: Criterion, faults: tuple[Fault, ...]) -> None:
    """Refuse a criterion whose figure none of the faults gives, or that is over before anybody could fail it."""
    if one.measure not in _GIVEN:
        return
    giving = [
        fault for fault in faults if fault.gives == one.measure and one.of in ("", fault.name)
    ]
    if not giving:
        raise ProvingError(
            f"{one.name} cannot be measured: none of the faults {', '.join(fault.name for fault in faults)} gives it"
        )
    short = min(giving, key=lambda fault: fault.seconds)
    if one.measure == "failover_s" and one.bound >= short.seconds:
        raise ProvingError(
            f"{one.name} {one.asked} is no demand: the fault {short.name} is over after {short.seconds:g} s"
        )


def light_ms(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return how long light takes there and back in a fibre along the great circle: no answer can be sooner."""
    return 2 * km_between(one, other) / _GLASS_KM_PER_MS
