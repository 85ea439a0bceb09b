"""Which verb counts for which track, and what it says of a standing: one table, in one file, that a user's extends.

Platforms name the same act in a hundred ways, and questions are asked by kind of activity: video, problem, forum.
The table that says which is which is data (``verbs.toml``), not code, because everybody who reads a new platform's
logs has something to add to it. Verbs are few and events are many: a verb is looked up once a chunk, not once an
event, so the lookup may be as plain as it is here.

Some verbs say too little alone: ``completed`` on a video is video, on a question it is problem. For those, and for
verbs that the table does not know, the type of the activity decides. A codec asks `VerbTable.by_type` for these
pairs; all other events get their track at the door from `VerbTable.track_codes`.

A standing (enrolled, passed, …) is about a course run as a whole. Some verbs are never about less
(``edx.course.enrollment.activated``); most are, and mean it only where their activity is the course run itself. So
there are two lists for each standing, and `VerbTable.standing_codes` and `VerbTable.course_standing_codes` answer for
either.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

import numpy as np

from homeroom.errors import MappingError
from homeroom.events.model import STANDINGS, TRACKS, UInt8s

__all__ = ["VerbTable"]

_STANDARD: Final = "verbs.toml"
_UNDECIDED: Final = "by_activity_type"
_STANDING: Final = "standing"
_ALONE: Final = "verbs"
_OF_COURSE: Final = "of_course"
_OTHER: Final = TRACKS.index("other")
_HOW: Final = "See docs/reference/verbs.md"


@dataclass(frozen=True, slots=True)
class _Names:
    """Exact names and prefixes, each with a number; the longest match wins, an exact one first."""

    exact: Mapping[str, int] = field(default_factory=dict)
    prefixes: Mapping[str, int] = field(default_factory=dict)

    def find(self, name: str) -> int:
        """Return the number of the best match, -1 without one."""
        number = self.exact.get(name)
        if number is not None:
            return number
        met = [prefix for prefix in self.prefixes if name.startswith(prefix)]
        return self.prefixes[max(met, key=len)] if met else -1

    def covers(self, name: str) -> bool:
        """Say whether any name or prefix matches."""
        return self.find(name) >= 0

    def joined(self, written: Mapping[str, int], without: frozenset[str] = frozenset()) -> "_Names":
        """Return these and the written names, that override; names that end in ``*`` are prefixes."""
        exact = {name: n for name, n in self.exact.items() if name not in without}
        prefixes = {name: n for name, n in self.prefixes.items() if f"{name}*" not in without}
        for name, number in written.items():
            if name.endswith("*"):
                prefixes[name[:-1]] = number
            else:
                exact[name] = number
        return _Names(MappingProxyType(exact), MappingProxyType(prefixes))


@dataclass(frozen=True, slots=True)
class VerbTable:
    """Verbs and types of activities, with the track that they count for and the standing that they speak of.

    Tables are values: `extended` returns a new one. An empty table puts every event into ``other``, and of no
    standing.
    """

    _verbs: _Names = field(default_factory=_Names)
    _types: _Names = field(default_factory=_Names)
    _by_type: _Names = field(default_factory=_Names)
    _standings: _Names = field(default_factory=_Names)
    _course_standings: _Names = field(default_factory=_Names)

    @classmethod
    def standard(cls) -> "VerbTable":
        """Return the table that comes with homeroom (``homeroom/events/verbs.toml``)."""
        return _standard()

    def extended(self, toml_text: str, source: str) -> "VerbTable":
        """Return this table with what a user's file adds or overrides.

        Parameters
        ----------
        toml_text : the file's text; its form stands in ``docs/reference/verbs.md``
        source : the file's name, for messages

        Raises
        ------
        MappingError
            if the text is no TOML, or names a track, a standing, a key or a value that is none; or a verb for two
            tracks, or for two standings
        """
        try:
            written = tomllib.loads(toml_text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise MappingError(f"{source} is no TOML: {error}. {_HOW}") from None
        _check_tables(written, (*TRACKS, _UNDECIDED, _STANDING), "track", source)
        verbs = dict(_by_track(written, "verbs", source))
        types = dict(_by_track(written, "activity_types", source))
        alone, of_course = _by_standing(written.get(_STANDING, {}), source)
        open_table = _listed(written.get(_UNDECIDED, {}), _UNDECIDED, ("verbs",), source)
        undecided = dict.fromkeys(open_table["verbs"], 1)
        # A verb that the user gives to a track is decided by that, unless the user also says otherwise.
        return VerbTable(
            self._verbs.joined(verbs),
            self._types.joined(types),
            self._by_type.joined(undecided, without=frozenset(verbs)),
            self._standings.joined(alone, without=frozenset(of_course)),
            self._course_standings.joined(of_course, without=frozenset(alone)),
        )

    def track_codes(self, verbs: Sequence[str]) -> UInt8s:
        """Return the track of each verb by itself: positions in ``TRACKS``, uint8, in the order given."""
        found = [self._verbs.find(verb) for verb in verbs]
        return np.array([_OTHER if track < 0 else track for track in found], np.uint8)

    def standing_codes(self, verbs: Sequence[str]) -> UInt8s:
        """Return what each verb by itself says of a standing: positions in ``STANDINGS``, uint8, in the order given."""
        return np.array([max(self._standings.find(verb), 0) for verb in verbs], np.uint8)

    def course_standing_codes(self, verbs: Sequence[str]) -> UInt8s:
        """Return what each verb says of a standing where its activity is the course run itself, as `standing_codes`."""
        found = [self._course_standings.find(verb) for verb in verbs]
        return np.where(np.array(found, np.int64) > 0, found, self.standing_codes(verbs)).astype(
            np.uint8
        )

    def knows(self, verb: str) -> bool:
        """Say whether the table has a verb, by its whole name or by a prefix."""
        tables = (self._verbs, self._by_type, self._standings, self._course_standings)
        return any(table.covers(verb) for table in tables)

    @property
    def names(self) -> frozenset[str]:
        """The verbs that the table has by their whole names."""
        tables = (self._verbs, self._by_type, self._standings, self._course_standings)
        return frozenset(name for table in tables for name in table.exact)

    def by_type(self, verb: str, activity_type: str) -> int:
        """Return the track if the activity's type decides it, else -1: then the verb alone does.

        The type decides where it is known and the verb is listed as saying too little, or is not known at all.
        """
        if not activity_type:
            return -1
        track = self._types.find(activity_type)
        if track < 0:
            return -1
        return track if self._leaves_open(verb) else -1

    def _leaves_open(self, verb: str) -> bool:
        if verb in self._verbs.exact and verb not in self._by_type.exact:
            return False
        return self._by_type.covers(verb) or not self._verbs.covers(verb)


def _by_track(written: Mapping[str, object], key: str, source: str) -> Iterator[tuple[str, int]]:
    """Yield the names under ``key`` of each track, with the track's position; none may stand under two."""
    seen: dict[str, str] = {}
    for position, track in enumerate(TRACKS):
        for name in _listed(written.get(track, {}), track, ("verbs", "activity_types"), source)[
            key
        ]:
            if seen.setdefault(name, track) != track:
                raise MappingError(
                    f"{source}: {name!r} stands under {key} of both [{seen[name]}] and [{track}]; leave one"
                )
            yield name, position


def _by_standing(written: object, source: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the verbs that speak of a standing alone, and those that do where they are about a course run."""
    assert isinstance(written, dict)
    _check_tables(written, STANDINGS, "standing", source)
    found: dict[str, dict[str, int]] = {_ALONE: {}, _OF_COURSE: {}}
    seen: dict[str, str] = {}
    for standing, table in written.items():
        lists = _listed(table, f"{_STANDING}.{standing}", (_ALONE, _OF_COURSE), source)
        for key, names in lists.items():
            for name in names:
                if seen.setdefault(name, standing) != standing:
                    raise MappingError(
                        f"{source}: {name!r} stands under both [{_STANDING}.{seen[name]}] and "
                        f"[{_STANDING}.{standing}]; leave one"
                    )
                found[key][name] = STANDINGS.index(standing)
    return found[_ALONE], found[_OF_COURSE]


def _check_tables(
    written: Mapping[str, object], allowed: Sequence[str], kind: str, source: str
) -> None:
    for name, table in written.items():
        if name not in allowed:
            raise MappingError(
                f"{source}: [{name}] is no {kind}; it must be one of {', '.join(allowed)}. {_HOW}"
            )
        if not isinstance(table, dict):
            raise MappingError(f"{source}: {name} is {table!r}, must be a table: [{name}]. {_HOW}")


def _listed(
    table: object, name: str, allowed: tuple[str, ...], source: str
) -> dict[str, tuple[str, ...]]:
    """Return the lists of one table of the file, checked."""
    assert isinstance(table, dict)
    for key, value in table.items():
        if key not in allowed:
            raise MappingError(
                f"{source}: [{name}] has no key {key!r}; it may have {', '.join(allowed)}. {_HOW}"
            )
        if not isinstance(value, list):
            raise MappingError(
                f"{source}: {key} of [{name}] is {value!r}, must be a list of texts. {_HOW}"
            )
        for item in value:
            if not isinstance(item, str) or not item.strip("*"):
                raise MappingError(
                    f"{source}: {key} of [{name}] holds {item!r}, must be a name, or a prefix and *. {_HOW}"
                )
    return {key: tuple(table.get(key, ())) for key in allowed}


@cache
def _standard() -> VerbTable:
    text = resources.files("homeroom.events").joinpath(_STANDARD).read_text(encoding="utf-8")
    return VerbTable().extended(text, _STANDARD)
