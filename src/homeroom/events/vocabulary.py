"""Which verb counts for which track: one table, in one file, that a user's file extends.

Platforms name the same act in a hundred ways, and questions are asked by kind of activity: video, problem, forum.
The table that says which is which is data (``verbs.toml``), not code, because everybody who reads a new platform's
logs has something to add to it. Verbs are few and events are many: a verb is looked up once a chunk, not once an
event, so the lookup may be as plain as it is here.

Some verbs say too little alone: ``completed`` on a video is video, on a question it is problem. For those, and for
verbs that the table does not know, the type of the activity decides. A codec asks `VerbTable.by_type` for these
pairs; all other events get their track at the door from `VerbTable.track_codes`.
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
from homeroom.events.model import TRACKS, UInt8s

__all__ = ["VerbTable"]

_STANDARD: Final = "verbs.toml"
_UNDECIDED: Final = "by_activity_type"
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
    """Verbs and types of activities, with the track that they count for.

    Tables are values: `extended` returns a new one. An empty table puts every event into ``other``.
    """

    _verbs: _Names = field(default_factory=_Names)
    _types: _Names = field(default_factory=_Names)
    _by_type: _Names = field(default_factory=_Names)

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
            if the text is no TOML, or names a track, a key or a value that is none; or a verb for two tracks
        """
        try:
            written = tomllib.loads(toml_text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise MappingError(f"{source} is no TOML: {error}. {_HOW}") from None
        allowed = (*TRACKS, _UNDECIDED)
        for name, table in written.items():
            if name not in allowed:
                raise MappingError(
                    f"{source}: [{name}] is no track; it must be one of {', '.join(allowed)}. {_HOW}"
                )
            if not isinstance(table, dict):
                raise MappingError(
                    f"{source}: {name} is {table!r}, must be a table: [{name}]. {_HOW}"
                )
        verbs = dict(_by_track(written, "verbs", source))
        types = dict(_by_track(written, "activity_types", source))
        open_table = _listed(written.get(_UNDECIDED, {}), _UNDECIDED, ("verbs",), source)
        undecided = dict.fromkeys(open_table["verbs"], 1)
        # A verb that the user gives to a track is decided by that, unless the user also says otherwise.
        return VerbTable(
            self._verbs.joined(verbs),
            self._types.joined(types),
            self._by_type.joined(undecided, without=frozenset(verbs)),
        )

    def track_codes(self, verbs: Sequence[str]) -> UInt8s:
        """Return the track of each verb by itself: positions in ``TRACKS``, uint8, in the order given."""
        found = [self._verbs.find(verb) for verb in verbs]
        return np.array([_OTHER if track < 0 else track for track in found], np.uint8)

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
