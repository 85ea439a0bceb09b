"""How available a world of regions is over a year: many years drawn, each request weighted alike.

Availability is the share of all requests that were answered. Failures of one hazard and unit come as a Poisson process.
Each costs what its users would have asked until they are served elsewhere or it is repaired; and while several last at
the same time, the regions that are left may have too little room, which costs what is beyond it. All of it is told in
*lost seconds a year*: 1 s means as many requests as the world gets in a mean second. Five nines are 315.36 of them.

The way not taken is a formula (products of availabilities): it knows neither the time of day, nor that room is shared,
nor how far single years lie from the mean, which is what somebody who promises 26 s a month must know.

Rates are uncertain, so many *worlds* are drawn, each with its own rates (lognormal, `homeroom.proving.hazards`), and
years within each. The interval of the mean is over worlds: 90 % of it. Five nines are claimed only where its whole
length lies within them. Two failures that hit the same users within seconds are counted twice, which is too high by
less than what is measured can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.errors import ProvingError
from homeroom.proving.hazards import Change, Hazard, Place, Reach, Setup, Spell, changed

__all__ = ["FIVE_NINES_S", "ROOM", "YEAR_S", "Outcome", "Way", "cheapest_way", "model_year"]

YEAR_S: Final = 365 * 86_400.0
FIVE_NINES_S: Final = YEAR_S * 1e-5
ROOM: Final = "too little room"
"""What is lost because several regions fail at once stands under this name."""

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was lost in the years that were drawn, in seconds a year.

    Attributes
    ----------
    mean_s : the mean of all years
    low_s, high_s : between these lie the means of 90 % of the worlds
    by_cause : mean of each hazard, and of `ROOM`; the greatest first; they add up to ``mean_s``
    years_within : share of the years that stay within five nines
    months_within : share of the months that stay within a twelfth of it (26 s)
    years : how many were drawn
    """

    mean_s: float
    low_s: float
    high_s: float
    by_cause: Mapping[str, float]
    years_within: float
    months_within: float
    years: int

    @property
    def availability(self) -> float:
        """Return the expected share of requests that are answered."""
        return 1 - self.mean_s / YEAR_S

    @property
    def is_five_nines(self) -> bool:
        """Return whether five nines may be claimed: the whole interval is within them."""
        return self.high_s <= FIVE_NINES_S


@dataclass(frozen=True, slots=True)
class Way:
    """What would reach five nines, at which cost a month, and what is lost then; no changes where none are needed."""

    changes: tuple[Change, ...]
    costs: float
    outcome: Outcome


def model_year(setup: Setup, seed: int, years: int = limits.PROVING_YEARS) -> Outcome:
    """Draw years of a world: `limits.PROVING_WORLDS` worlds with the same number of years each.

    Raises
    ------
    ProvingError
        The regions have too little room even when nothing fails.
    """
    return _Years(seed, years).outcome(setup)


def cheapest_way(setup: Setup, seed: int, years: int = limits.PROVING_YEARS) -> Way | None:
    """Return the cheapest set of changes that reaches five nines; None where not even all of them together do."""
    drawn = _Years(seed, years)
    sets = [
        several
        for size in range(len(setup.changes) + 1)
        for several in combinations(setup.changes, size)
    ]
    for several in sorted(sets, key=lambda one: (_costs(one), len(one))):
        altered = setup
        for change in several:
            altered = changed(altered, change)
        if drawn.is_hopeless(altered):
            continue
        outcome = drawn.outcome(altered)
        if outcome.is_five_nines:
            return Way(several, _costs(several), outcome)
    return None


def _costs(changes: tuple[Change, ...]) -> float:
    return sum(change.costs for change in changes)


class _Years:
    """Years that are drawn once for each hazard, whichever setups it is part of.

    A hazard has a stream of its own by its place in the list, so a change of one leaves the others as they were, and
    two setups differ by what was changed, not by chance.
    """

    def __init__(self, seed: int, years: int) -> None:
        self._seed = seed
        self._years = max(1, years // limits.PROVING_WORLDS) * limits.PROVING_WORLDS
        self._lost: dict[tuple[int, Hazard, tuple[Place, ...]], _Lost] = {}

    def outcome(self, setup: Setup) -> Outcome:
        """Return what is lost in a setup."""
        demand = _Demand(setup)
        lost = self._of(setup, demand)
        room = np.zeros(self._years * 12)
        _count_beyond([spell for one in lost for spell in one.downs], demand, room)
        rows = [one.months for one in lost] + [room]
        return _outcome([one.name for one in setup.hazards] + [ROOM], rows)

    def is_hopeless(self, setup: Setup) -> bool:
        """Return whether a setup cannot reach five nines even if there were always room."""
        by_world = np.sum([one.by_world for one in self._of(setup, _Demand(setup))], axis=0)
        return float(np.quantile(by_world, 0.95)) > FIVE_NINES_S

    def _of(self, setup: Setup, demand: "_Demand") -> "list[_Lost]":
        places = tuple(setup.places.values())
        lost = []
        for number, hazard in enumerate(setup.hazards):
            key = number, hazard, places
            if key not in self._lost:
                rng = np.random.default_rng((self._seed, number))
                self._lost[key] = _lost_by(hazard, places, demand, rng, self._years)
            lost.append(self._lost[key])
        return lost


# --- what one hazard does ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Strikes:
    """Occurrences: in which year and at which second of it, how long requests fail, and when it is repaired."""

    year: _Ints
    start_s: _Floats
    lasts_s: _Floats
    repaired_s: _Floats


@dataclass(frozen=True, slots=True)
class _Down:
    """Times in which a share of a place carries nothing, in seconds from the first year's beginning."""

    column: int
    share: float
    begin_s: _Floats
    end_s: _Floats


@dataclass(frozen=True, slots=True)
class _Lost:
    """What a hazard costs: seconds in each month and, on the mean of its years, in each world; and what is down."""

    months: _Floats
    by_world: _Floats
    downs: list[_Down]


def _lost_by(
    hazard: Hazard,
    places: tuple[Place, ...],
    demand: "_Demand",
    rng: np.random.Generator,
    years: int,
) -> _Lost:
    off = rng.normal(0, hazard.spread, limits.PROVING_WORLDS)
    rates = (hazard.per_year * np.exp(off)).repeat(years // limits.PROVING_WORLDS)
    months, downs = np.zeros(years * 12), []
    for struck, units in _units(hazard, places):
        strikes = _drawn(rng, hazard, rates * units)
        month = strikes.year * 12 + (strikes.start_s * (12 / YEAR_S)).astype(np.int64)
        share = hazard.hit / units
        for column in struck:
            lost_s = demand.of(column, strikes.start_s) * share * strikes.lasts_s
            months += np.bincount(month, lost_s, months.size)
            if hazard.moved is not None:
                downs.append(_down(column, share, strikes))
    by_world = months.reshape(limits.PROVING_WORLDS, -1).sum(axis=1) * (
        limits.PROVING_WORLDS / years
    )
    return _Lost(months, by_world, downs)


def _units(hazard: Hazard, places: tuple[Place, ...]) -> list[tuple[range, int]]:
    """Return which places are struck together, and how many units of the hazard are there."""
    if hazard.reach is Reach.WORLD:
        return [(range(len(places)), 1)]
    is_node = hazard.reach is Reach.NODE
    return [
        (range(column, column + 1), place.nodes if is_node else 1)
        for column, place in enumerate(places)
    ]


def _drawn(rng: np.random.Generator, hazard: Hazard, rates: _Floats) -> _Strikes:
    counts = rng.poisson(rates)
    year = np.arange(counts.size, dtype=np.int64).repeat(counts)
    start_s = rng.uniform(0, YEAR_S, year.size)
    repair_s = _lasting(rng, hazard.repair, year.size)
    moved_s = repair_s if hazard.moved is None else _lasting(rng, hazard.moved, year.size)
    return _Strikes(year, start_s, np.minimum(moved_s, repair_s), start_s + repair_s)


def _lasting(rng: np.random.Generator, spell: Spell, count: int) -> _Floats:
    return rng.lognormal(spell.location, spell.spread, count)


def _down(column: int, share: float, strikes: _Strikes) -> _Down:
    """Return from when users are served elsewhere until it is repaired, or the year ends."""
    begin_s = strikes.start_s + strikes.lasts_s
    end_s: _Floats = np.minimum(strikes.repaired_s, YEAR_S)
    is_long = end_s > begin_s
    year_s = strikes.year[is_long] * YEAR_S
    return _Down(column, share, year_s + begin_s[is_long], year_s + end_s[is_long])


# --- who asks, and how much can be carried ----------------------------------------------------------------------------


class _Demand:
    """What is asked at each instant of a year; the mean over a day and all places is 1."""

    def __init__(self, setup: Setup) -> None:
        places = list(setup.places.values())
        users = np.array([place.users for place in places])
        day = np.array(setup.day)
        hours = np.arange(24)
        by_hour = [np.roll(day, -round(place.longitude / 15))[hours] for place in places]
        # In UTC hours, one row a place.
        self._by_hour = np.array(by_hour) / day.mean() * (users / users.sum())[:, None]
        room = np.array([place.room for place in places])
        self.carried: _Floats = room * self._by_hour.max(axis=1)
        self.places = len(places)
        busiest = self._by_hour.sum(axis=0).max()
        if self.carried.sum() < busiest:
            raise ProvingError(
                f"all regions together have room for {self.carried.sum() / busiest:.0%} of what is asked in the "
                f"busiest hour; give them more `room`"
            )

    def of(self, column: int, at_s: _Floats) -> _Floats:
        """Return what the users of a place ask at seconds of a year."""
        demand: _Floats = self._by_hour[column, (at_s / 3_600).astype(np.int64) % 24]
        return demand

    def of_all(self, at_s: _Floats) -> _Floats:
        """Return what all ask."""
        demand: _Floats = self._by_hour.sum(axis=0)[(at_s / 3_600).astype(np.int64) % 24]
        return demand


def _count_beyond(downs: list[_Down], demand: _Demand, months: _Floats) -> None:
    """Add what is asked beyond the room that is left to the months in which it is, some years at a time."""
    step_s = limits.PROVING_YEARS_AT_ONCE * YEAR_S
    for low_s in np.arange(0, months.size / 12 * YEAR_S, step_s):
        some = []
        for one in downs:
            chosen = (low_s <= one.begin_s) & (one.begin_s < low_s + step_s)
            some.append(_Down(one.column, one.share, one.begin_s[chosen], one.end_s[chosen]))
        at_s, lost_s = _beyond(some, demand)
        months += np.bincount((at_s * (12 / YEAR_S)).astype(np.int64), lost_s, months.size)


def _beyond(downs: list[_Down], demand: _Demand) -> tuple[_Floats, _Floats]:
    """Return for each time between two changes of what is down its middle, and what is lost in it.

    What is asked is taken from the middle, although hours may pass.
    """
    at_s = np.concatenate(
        [edge for one in downs for edge in (one.begin_s, one.end_s)] or [np.zeros(0)]
    )
    columns = np.repeat([one.column for one in downs], [2 * one.begin_s.size for one in downs])
    signed = [np.repeat((one.share, -one.share), one.begin_s.size) for one in downs]
    order = np.argsort(at_s, kind="stable")
    at_s, columns = at_s[order], columns[order]
    shares = np.concatenate(signed or [np.zeros(0)])[order]
    left = np.full(at_s.size, demand.carried.sum())
    for column, carried in enumerate(demand.carried):
        down = np.cumsum(np.where(columns == column, shares, 0))
        left -= np.clip(down, 0, 1) * carried
    middle_s = (at_s[:-1] + at_s[1:]) / 2
    beyond = np.maximum(demand.of_all(middle_s % YEAR_S) - left[:-1], 0)
    # What adding and taking away of shares leaves behind is no lack of room.
    beyond[beyond < limits.PROVING_SHARE_MIN] = 0
    return middle_s, beyond * np.diff(at_s)


def _outcome(causes: list[str], rows: list[_Floats]) -> Outcome:
    by_month = np.sum(rows, axis=0)
    by_year = by_month.reshape(-1, 12).sum(axis=1)
    by_world = by_year.reshape(limits.PROVING_WORLDS, -1).mean(axis=1)
    means = {
        cause: float(row.sum()) / by_year.size for cause, row in zip(causes, rows, strict=True)
    }
    low_s, high_s = np.quantile(by_world, (0.05, 0.95)).tolist()
    return Outcome(
        mean_s=float(by_year.mean()),
        low_s=low_s,
        high_s=high_s,
        by_cause=dict(sorted(means.items(), key=lambda one: -one[1])),
        years_within=float((by_year <= FIVE_NINES_S).mean()),
        months_within=float((by_month <= FIVE_NINES_S / 12).mean()),
        years=by_year.size,
    )
