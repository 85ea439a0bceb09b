"""A mapping says which columns of a table are an event: parsed from TOML, checked, and matched to tables.

The problem: every platform can export a table, and no two name its columns alike. The intuition: a table and an
event differ in little else than names, a fixed value here, two columns joined there, a date that counts from the
start of a course. That little is data, so a mapping is a short file, not a program: whoever knows the table writes
it, and everybody can read what was counted as what. Its form stands in ``docs/reference/mapping.md``.

The way not taken: expressions. They would make a mapping a program in a language of our own; who needs one has SQL,
and can pipe its result in with the model's own column names, which need no mapping at all.
"""

import datetime as dt
import difflib
import fnmatch
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from homeroom.errors import MappingError
from homeroom.events.model import STANDINGS, TRACKS

__all__ = [
    "ALIASES",
    "KNOWN_ATTRIBUTES",
    "EventSpec",
    "FieldSpec",
    "LookupSpec",
    "MoodleSpec",
    "TableMapping",
    "TimeSpec",
    "When",
    "fits",
    "parse_mapping",
    "spec_of_names",
]

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "account": (
        "account", "account_name", "user", "user_id", "userid", "username", "learner", "learner_id",
        "student", "student_id", "actor", "actor_id",
    ),
    "time": ("time", "timestamp", "event_time", "datetime", "occurred_at", "created_at"),
    "verb": ("verb", "event", "event_type", "event_name", "action"),
    "activity": ("activity", "activity_id", "object", "object_id", "page", "resource"),
    "course": ("course", "course_id", "course_run"),
    "id": ("id", "event_id", "uuid"),
    "issuer": ("issuer",),
    "track": ("track",),
    "score": ("score",),
    "progress": ("progress",),
    "success": ("success",),
    "completion": ("completion", "completed"),
    "duration_ms": ("duration_ms",),
    "duration": ("duration", "duration_s"),
    "standing": ("standing",),
    "section": ("section",),
    "answer": ("answer",),
    "position_s": ("position_s",),
    "position_from_s": ("position_from_s",),
    "length_s": ("length_s",),
}  # fmt: skip
"""Column names that are understood without a mapping, the best first; capitals, spaces and dashes do not matter."""

KNOWN_ATTRIBUTES: Final = (
    "age_band",
    "country",
    "gender",
    "language",
    "organisation",
    "organization",
    "platform",
)
"""Attributes of a learner that are taken without a mapping. All other columns are left alone: nobody has said that
they may be kept."""

FIELDS: Final = tuple(ALIASES)
DEFAULT_VERB: Final = "active"


class FieldSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the value of a field comes from.

    Parameters
    ----------
    column : a column, or a text with columns in braces (``{module}/{run}``; null where any of them is)
    value : instead of a column, one value for every event
    values : writes some values of the column differently; others stay as they are
    """

    column: str | None = None
    value: str | None = None
    values: Mapping[str, str] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        if self.column is None:
            return ()
        return tuple(_BRACES.findall(self.column)) if "{" in self.column else (self.column,)


class TimeSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it happened.

    Parameters
    ----------
    column : a column, or a text with columns in braces (``{date} {clock}``)
    format : ``auto``; ``iso`` (text); ``s``, ``ms``, ``us`` or ``ns`` since 1970 UTC; ``days`` since a start; or a
        pattern such as ``%d/%m/%Y %H:%M``
    timezone : IANA name, for times that name no zone
    start, starts : for ``days``: a column or text as above, and the date that stands for each of its values
    at : for ``days``: the time of day
    """

    column: str
    format: str = "auto"
    timezone: str | None = None
    start: str | None = None
    starts: Mapping[str, dt.date] = {}
    at: dt.time = dt.time(12)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        start = () if self.start is None else FieldSpec(self.start).columns
        return (*FieldSpec(self.column).columns, *start)


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"is_": "is"}):
    """Which rows are events: those where ``column`` is not empty, or is one of ``is``."""

    column: str
    is_: tuple[str, ...] = ()


class LookupSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another table from which columns are added, row by row, where ``key`` is equal in both.

    It is sought beside the file that is read; ``files`` are patterns of its name.
    """

    files: tuple[str, ...]
    key: tuple[str, ...]
    columns: tuple[str, ...]


class EventSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one row of a table becomes one event.

    ``files`` are patterns of the file name without the ending of a compression; a table must have all ``columns``
    that are used, and all that are listed here, to be read by this. ``lookups`` names look-ups; a missing look-up
    leaves its columns empty. ``score_max`` and ``progress_max`` turn points into shares; ``empty`` lists texts that
    stand for nothing, such as ``NA``.
    """

    account: FieldSpec
    time: TimeSpec
    issuer: FieldSpec | None = None
    verb: FieldSpec = FieldSpec(value=DEFAULT_VERB)
    activity: FieldSpec | None = None
    course: FieldSpec | None = None
    id: FieldSpec | None = None
    track: FieldSpec | None = None
    score: FieldSpec | None = None
    progress: FieldSpec | None = None
    success: FieldSpec | None = None
    completion: FieldSpec | None = None
    duration: FieldSpec | None = None
    duration_ms: FieldSpec | None = None
    standing: FieldSpec | None = None
    section: FieldSpec | None = None
    answer: FieldSpec | None = None
    position_s: FieldSpec | None = None
    position_from_s: FieldSpec | None = None
    length_s: FieldSpec | None = None
    attributes: Mapping[str, FieldSpec] = {}
    when: When | None = None
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    lookups: tuple[str, ...] = ()
    score_max: float | None = None
    progress_max: float | None = None
    empty: tuple[str, ...] = ()

    def fields(self) -> Iterator[tuple[str, FieldSpec]]:
        """Yield the fields that have a source, attributes left out."""
        for name in FIELDS:
            spec = getattr(self, name)
            if isinstance(spec, FieldSpec):
                yield name, spec

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that are read, each once, sorted."""
        sources: list[str] = list(self.time.columns)
        for spec in (*(spec for _, spec in self.fields()), *self.attributes.values()):
            sources += spec.columns
        if self.when is not None:
            sources.append(self.when.column)
        return tuple(sorted(set(sources)))


class MoodleSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a Moodle log export does not say of itself: see ``homeroom.events.moodle.MoodleCodec``."""

    timezone: str = "UTC"
    date_order: Literal["day-first", "month-first"] = "day-first"
    issuer: str = "moodle"


class TableMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole mapping: a row becomes one event for each spec that fits its table."""

    name: str = "mapping"
    about: str = ""
    events: tuple[EventSpec, ...] = ()
    lookup: Mapping[str, LookupSpec] = {}
    moodle: MoodleSpec | None = None
    no_events: tuple[str, ...] = ()

    def specs_for(self, file_name: str, names: Iterable[str]) -> tuple[EventSpec, ...]:
        """Return what fits a table of this file name and these columns; none if nothing does."""
        there = set(names)
        return tuple(
            spec
            for spec in self.events
            if fits(file_name, spec.files)
            and self._needed(spec) <= there
            and set(spec.columns) <= there
        )

    def lookups_of(self, file_name: str) -> tuple[str, ...]:
        """Return the look-ups that are read from a file of this name."""
        return tuple(name for name, lookup in self.lookup.items() if fits(file_name, lookup.files))

    def _needed(self, spec: EventSpec) -> set[str]:
        added: set[str] = set()
        keys: set[str] = set()
        for name in spec.lookups:
            added |= set(self.lookup[name].columns)
            keys |= set(self.lookup[name].key)
        return (set(spec.columns_used) - added) | (keys - added)


def fits(file_name: str, patterns: Sequence[str]) -> bool:
    """Say whether a file name, less the ending of a compression, fits one of the patterns (or there are none)."""
    for ending in (".gz", ".bz2", ".zst", ".xz"):
        file_name = file_name.removesuffix(ending)
    return not patterns or any(fnmatch.fnmatchcase(file_name, pattern) for pattern in patterns)


def spec_of_names(names: Sequence[str]) -> EventSpec | None:
    """Return how a table with the model's own column names is read; None if it names no account or no time."""
    there: dict[str, str] = {}
    for name in names:
        there.setdefault(re.sub(r"[\s\-]+", "_", name.strip().lower()), name)
    found = {
        field: there[alias]
        for field, aliases in ALIASES.items()
        for alias in aliases[::-1]
        if alias in there
    }
    if "account" not in found or "time" not in found:
        return None
    attributes = {
        known.replace("organization", "organisation"): FieldSpec(there[known])
        for known in KNOWN_ATTRIBUTES
        if known in there
    }
    if "duration_ms" in found:
        found.pop("duration", None)
    time = TimeSpec(found.pop("time"))
    return EventSpec(
        time=time,
        attributes=attributes,
        **{field: FieldSpec(name) for field, name in found.items()},  # type: ignore[arg-type]
    )


# --- from TOML ---------------------------------------------------------------------------------------------------

_BRACES: Final = re.compile(r"\{([^{}]+)\}")
_GENERAL_KEYS: Final = ("name", "about", "lookup", "moodle")
_UNITS: Final = ("auto", "iso", "s", "ms", "us", "ns", "days")


def parse_mapping(text: str, where: str) -> TableMapping:
    """Build a mapping from TOML; ``where`` names it in messages.

    Raises
    ------
    MappingError
        It is no TOML, holds a key that is not known (the nearest is named), a value of a wrong type, or something
        that cannot be (an unknown zone, track, look-up or format).
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"{where}: this is no TOML: {error}") from None
    general: dict[str, Any] = {key: data.pop(key) for key in _GENERAL_KEYS if key in data}
    if "events" not in data and (data or "moodle" not in general):
        data = {"events": [data]}  # the short form: one table, its keys at the top
    data = {"events": [], **data, **general}
    _check_keys(data, TableMapping, where)
    events = data["events"]
    if not isinstance(events, list):
        raise MappingError(f"{where}: events must be tables, written [[events]]")
    data["events"] = [_event_data(event, f"{where}: events[{n}]") for n, event in enumerate(events)]
    try:
        mapping = msgspec.convert(data, TableMapping)
    except msgspec.ValidationError as error:
        raise MappingError(f"{where}: {error}") from None
    if mapping.moodle is not None:
        _check_zone(mapping.moodle.timezone, f"{where}: moodle")
    _check(mapping, where)
    return mapping


def _event_data(event: object, where: str) -> dict[str, Any]:
    """Spell out the short forms (a field that is a text is a column) and refuse unknown keys at their place."""
    if not isinstance(event, dict):
        raise MappingError(f"{where} must be a table, not {event!r}")
    _check_keys(event, EventSpec, where)
    event = dict(event)
    for name in set(FIELDS) & event.keys():
        event[name] = _field_data(
            event[name], TimeSpec if name == "time" else FieldSpec, f"{where}.{name}"
        )
    if isinstance(event.get("when"), dict):
        _check_keys(event["when"], When, f"{where}.when")
    attributes = event.get("attributes", {})
    if isinstance(attributes, list) and all(isinstance(name, str) for name in attributes):
        attributes = {name: name for name in attributes}
    if not isinstance(attributes, dict):
        raise MappingError(
            f"{where}.attributes must be a list of columns or a table, not {attributes!r}"
        )
    event["attributes"] = {
        n: _field_data(v, FieldSpec, f"{where}.attributes.{n}") for n, v in attributes.items()
    }
    return event


def _field_data(value: object, kind: type[msgspec.Struct], where: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"column": value}
    if not isinstance(value, dict):
        raise MappingError(
            f'{where} must be a column name, or a table such as {{value = "viewed"}}, not {value!r}'
        )
    _check_keys(value, kind, where)
    return value


def _check_keys(data: Mapping[str, Any], kind: type[msgspec.Struct], where: str) -> None:
    allowed = [field.encode_name for field in msgspec.structs.fields(kind)]
    for key in data:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(allowed)}."
            raise MappingError(f"{where}: {key} is no key here; {hint}")


def _check(mapping: TableMapping, where: str) -> None:
    for n, spec in enumerate(mapping.events):
        place = f"{where}: events[{n}]"
        _check_fields(spec, place)
        for name in spec.lookups:
            if name not in mapping.lookup:
                known = ", ".join(mapping.lookup) or "none"
                raise MappingError(
                    f"{place}.lookups: there is no [lookup.{name}]; there are: {known}"
                )
        for name in ("score_max", "progress_max"):
            bound = getattr(spec, name)
            if bound is not None and not 0 < bound < float("inf"):
                raise MappingError(f"{place}.{name} == {bound}, must be greater than 0")
        _check_time(spec.time, f"{place}.time")


def _check_fields(spec: EventSpec, place: str) -> None:
    for name, field in (*spec.fields(), *spec.attributes.items()):
        if (field.column is None) == (field.value is None):
            raise MappingError(f"{place}.{name} needs either a column or a value")
        if not field.columns and field.column is not None:
            raise MappingError(f"{place}.{name}: {field.column!r} names no column")
    for name, given, allowed in (
        ("track", spec.track, TRACKS),
        ("standing", spec.standing, STANDINGS),
    ):
        if given is not None and given.value not in (None, *allowed):
            raise MappingError(
                f"{place}.{name} == {given.value!r}, must be one of {', '.join(allowed)}"
            )


def _check_time(time: TimeSpec, where: str) -> None:
    if time.format not in _UNITS and "%" not in time.format:
        raise MappingError(
            f"{where}.format == {time.format!r}, must be one of {', '.join(_UNITS)}, or a pattern such as %d/%m/%Y"
        )
    if time.timezone is not None:
        _check_zone(time.timezone, where)
    if time.format == "days" and (time.start is None or not time.starts):
        raise MappingError(
            f'{where}: format "days" needs start (a column) and starts (its values, with dates)'
        )


def _check_zone(name: str, where: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise MappingError(
            f"{where}.timezone == {name!r} is no IANA name such as Europe/Paris"
        ) from None
