"""A stream of changes of membership, read piece by piece: bytes in, what they say out (Server-Sent Events).

A stream breaks now and then, and whoever listens must not have to notice. Each event carries the number up to which it
tells everything; after a break the client says the last one that it has read, and goes on behind it. What the node no
longer has is told as missed: then the members are to be taken anew.

The form is that of the HTML standard, 9.2 (Server-sent events), of which a node uses ``event``, ``id`` and ``data``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

import msgspec

from homeroom import limits
from homeroom.client.messages import Request
from homeroom.client.retrying import Begun, Event
from homeroom.errors import UnavailableError

__all__ = ["Change", "Followed", "Following", "Freshness", "Missed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A learner entered a cohort or left it.

    Parameters
    ----------
    number : rises from change to change, not one by one
    cohort, version : of the definition by which it holds
    learner : pseudonym, 32 hexadecimal digits
    change : ``entered`` or ``left``
    at : from when on, ISO 8601 in UTC
    cause : event, time, definition, correction or start: see ``docs/explanation/membership.md``
    """

    number: int
    cohort: str
    version: int
    learner: str
    change: Literal["entered", "left"]
    at: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How far memberships have come; told at least every second or so.

    Parameters
    ----------
    as_of : up to when they are true, ISO 8601 in UTC
    vector : by origin the last entry in them
    """

    as_of: str
    vector: Mapping[str, int]

    def holds(self, token: str) -> bool:
        """Say whether memberships hold the entry that a token names."""
        origin, _, rest = token.rpartition("/")[0].rpartition("/")
        return rest.isdigit() and self.vector.get(origin, 0) >= int(rest)


@dataclass(frozen=True, slots=True)
class Missed:
    """Changes before the next ones are gone: take the members anew."""


Followed: TypeAlias = Change | Freshness | Missed

_KINDS: Final[Mapping[str, type[Change | Freshness | Missed]]] = {
    "change": Change,
    "fresh": Freshness,
    "missed": Missed,
}


class Following:
    """One reader of changes, over any number of connections.

    Parameters
    ----------
    cohort : the only one that is wanted; None for all
    after : number of the last change that is known; None for changes from now on
    """

    def __init__(self, cohort: str | None = None, after: int | None = None) -> None:
        self.last = None if after is None else str(after)
        self.heard = 0
        self.ended: Event = Begun()  # why the last connection ended
        self._cohort = cohort
        self._at: str | None = (
            None  # the endpoint whose numbers these are, None for whichever is asked first
        )
        self._asked = ""
        self._begin()

    def _begin(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}

    def request(self, at: str = "") -> Request:
        """Return the request that opens the stream of an endpoint where it was; what was half read is forgotten."""
        self._begin()
        self._asked = at
        query = "" if self._cohort is None else "?" + urlencode({"cohort": self._cohort})
        headers = {"Accept": "text/event-stream"}
        if self.last is not None and self._at in (None, at):
            headers["Last-Event-ID"] = self.last
        return Request("following changes", "GET", f"/v1/stream{query}", headers)

    def read(self, chunk: bytes) -> Iterator[Followed]:
        """Yield what has been told whole by now. Raises `UnavailableError` for what no node tells."""
        if self._asked != self._at:
            has_moved, self._at = self._at is not None, self._asked
            if has_moved:
                self.last = None
                yield Missed()
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > limits.STREAM_LINE_BYTES_MAX:
            raise _strange("a line is too long")
        for line in lines:
            found = self._line(line.removesuffix(b"\r"))
            if found is not None:
                self.heard += 1
                yield found

    def _line(self, line: bytes) -> Followed | None:
        if line:
            name, _, value = line.decode("utf-8", "replace").partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        found = self._told(fields)
        # Only now: a change counts as read when it is handed out.
        if fields.get("id", "").isdigit():
            self.last = fields["id"]
        return found

    @staticmethod
    def _told(fields: Mapping[str, str]) -> Followed | None:
        kind = _KINDS.get(fields.get("event", ""))
        if kind is None:
            return None
        try:
            told: Any = msgspec.json.decode(fields.get("data", "{}"), type=kind)
        except (msgspec.DecodeError, RecursionError):
            raise _strange(f"an event of kind {fields['event']} has other fields") from None
        found: Followed = told
        return found


def _strange(why: str) -> UnavailableError:
    return UnavailableError(
        f"following changes: {why}; what answers is none of a node's, or a newer one"
    )
