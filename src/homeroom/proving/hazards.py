"""What can go wrong with regions, how often, for how long, and whom it hits: rates with their sources, as data.

A hazard strikes *units*: each node, each region, or the world at once. It makes a share of the requests in its reach
fail until they are served elsewhere (``moved``, measured in trials) or, where nothing can move them, until it is
repaired. While it lasts, what it struck carries nothing: the others must have room.

How often a thing fails is never known well. So a rate has a factor: nine in ten of what it may really be lie between
the rate divided and multiplied by it, and every figure that follows has an interval.
"""

import enum
import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from homeroom.errors import ProvingError

__all__ = ["Change", "Edit", "Hazard", "Place", "Reach", "Setup", "Spell", "changed", "read_setup"]

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Positive = Annotated[float, msgspec.Meta(gt=0)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
# Of a normal distribution: the 95th percentile, in standard deviations.
_Z95: Final = 1.6448536269514722


class Reach(enum.Enum):
    """What one occurrence strikes."""

    NODE = "node"
    REGION = "region"
    WORLD = "world"


class Spell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long something takes: lognormal, by two of its percentiles, in seconds."""

    median_s: _Positive
    p95_s: _Positive

    @property
    def location(self) -> float:
        """Return the mean of the logarithm."""
        return math.log(self.median_s)

    @property
    def spread(self) -> float:
        """Return the standard deviation of the logarithm."""
        return math.log(self.p95_s / self.median_s) / _Z95


class Hazard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong.

    Attributes
    ----------
    name, what : its name, and what happens in a sentence
    reach : what one occurrence strikes
    per_year : occurrences a year and unit (a node, a region, the world)
    factor : how well that is known; see the module
    hit : share of the requests in reach that fail until they are moved or it is repaired
    repair : how long it lasts
    moved : after how long the requests are served elsewhere; None where nothing moves them
    source : where the rate is from, or that it is an assumption and why
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    what: _Text
    reach: Reach
    per_year: Annotated[float, msgspec.Meta(ge=0, le=100_000)]
    factor: Annotated[float, msgspec.Meta(ge=1, le=100)]
    hit: _Share
    repair: Spell
    source: _Text
    moved: Spell | None = None

    @property
    def spread(self) -> float:
        """Return the standard deviation of the logarithm of what the rate may be."""
        return math.log(self.factor) / _Z95


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region and its users.

    Attributes
    ----------
    users : their share of all
    longitude : degrees east; with it goes the time of day
    nodes : how many nodes it has
    room : how much it can carry, as a multiple of what its own users ask at their busiest hour
    """

    users: _Positive
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    nodes: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    room: _Positive


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a change does to one hazard; what is not named stays."""

    hazard: str
    reach: Reach | None = None
    per_year: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None
    hit: _Share | None = None
    repair: Spell | None = None
    moved: Spell | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that would make the world more available, and what it costs.

    Attributes
    ----------
    costs : a month, in the costs of one region a month
    edits : what becomes of hazards
    room, nodes : what every region gets, as a multiple of what it has
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    what: _Text
    costs: Annotated[float, msgspec.Meta(ge=0)]
    edits: tuple[Edit, ...] = ()
    room: _Positive = 1.0
    nodes: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A world whose year is modelled.

    Attributes
    ----------
    day : what users ask in each hour of their day, from midnight by the sun; only the proportions count
    places : by name
    hazards : all of them; each name once
    changes : what could be changed
    """

    day: Annotated[tuple[_Positive, ...], msgspec.Meta(min_length=24, max_length=24)]
    places: Annotated[dict[str, Place], msgspec.Meta(min_length=1, max_length=256)]
    hazards: Annotated[tuple[Hazard, ...], msgspec.Meta(min_length=1, max_length=256)]
    changes: Annotated[tuple[Change, ...], msgspec.Meta(max_length=16)] = ()


def read_setup(tables: Mapping[str, Any], origin: str) -> Setup:
    """Return a setup that was read from a file.

    Raises
    ------
    ProvingError
        A field is missing, unknown or out of bounds, a name stands twice, or a change edits what is not there.
    """
    try:
        setup = msgspec.convert(tables, Setup)
    except msgspec.ValidationError as error:
        raise ProvingError(f"{origin}: {error}") from error
    _check_names(setup, origin)
    for hazard in setup.hazards:
        for spell in (hazard.repair, hazard.moved):
            if spell is not None and spell.p95_s < spell.median_s:
                raise ProvingError(
                    f"{origin}: of the hazard {hazard.name}, p95_s == {spell.p95_s:g} is below its median_s"
                )
    return setup


def _check_names(setup: Setup, origin: str) -> None:
    hazards = [one.name for one in setup.hazards]
    changes = [one.name for one in setup.changes]
    for what, names in (("hazard", hazards), ("change", changes)):
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise ProvingError(f"{origin}: the {what} {twice[0]} stands there twice; rename one")
    for change in setup.changes:
        for edit in change.edits:
            if edit.hazard not in hazards:
                raise ProvingError(
                    f"{origin}: the change {change.name} edits the hazard {edit.hazard}, which is not there"
                )


def changed(setup: Setup, change: Change) -> Setup:
    """Return the setup with a change made."""
    edits = {edit.hazard: edit for edit in change.edits}
    hazards = tuple(
        _edited(one, edits[one.name]) if one.name in edits else one for one in setup.hazards
    )
    places = {
        name: msgspec.structs.replace(
            place, room=place.room * change.room, nodes=place.nodes * change.nodes
        )
        for name, place in setup.places.items()
    }
    return msgspec.structs.replace(setup, hazards=hazards, places=places)


def _edited(hazard: Hazard, edit: Edit) -> Hazard:
    fields = {name: getattr(edit, name) for name in edit.__struct_fields__ if name != "hazard"}
    return msgspec.structs.replace(
        hazard, **{name: value for name, value in fields.items() if value is not None}
    )
