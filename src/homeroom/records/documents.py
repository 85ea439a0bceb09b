"""Documents: what a state or a profile is addressed by, and when it may be changed.

Three resources keep documents for programs: the state of an activity for a person, the profile of an activity, the
profile of a person. A document is bytes with a content type; JSON objects can be merged. Two programs may change one
document at the same time, so a change can be bound to what its sender last saw, by the entity tag of that (RFC 9110,
section 13; xAPI 1.0.3, Communication, 2.2 and 3.1; 2.0, 4.1.4).
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec

from homeroom.errors import RecordError
from homeroom.records.people import Json
from homeroom.records.queries import (
    agent_of,
    iri_of,
    once_each,
    person_of_parameter,
    time_of,
    uuid_of,
)
from homeroom.records.reading import read_json
from homeroom.records.versions import Version

__all__ = [
    "Action",
    "Address",
    "Conditions",
    "Document",
    "Kind",
    "activity_asked",
    "address_of",
    "agent_asked",
    "entity_tag",
    "merged",
    "must_be_conditional",
]


class Kind(Enum):
    """A resource that keeps documents."""

    STATE = "state"
    ACTIVITY_PROFILE = "activity_profile"
    AGENT_PROFILE = "agent_profile"


class Action(Enum):
    """What is done to a document."""

    PUT = "PUT"
    POST = "POST"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which document, or where ``document_id`` is None which documents, a request means."""

    kind: Kind
    activity: str | None = None
    agent: Json | None = None
    registration: str | None = None
    document_id: str | None = None
    since_us: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Content with its type, and when it was changed last (milliseconds since 1970)."""

    content: bytes
    content_type: str
    updated_ms: int


_ALLOWED: Final = {
    Kind.STATE: frozenset({"activityId", "agent", "registration", "stateId", "since"}),
    Kind.ACTIVITY_PROFILE: frozenset({"activityId", "profileId", "since"}),
    Kind.AGENT_PROFILE: frozenset({"agent", "profileId", "since"}),
}
_JSON: Final = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)


def address_of(kind: Kind, pairs: Iterable[tuple[str, str]], version: Version) -> Address:
    """Return what the parameters address; raise `RecordError` where they miss or break something."""
    given = once_each(pairs, _ALLOWED[kind])
    id_name = "stateId" if kind is Kind.STATE else "profileId"
    for name in ("activityId", "agent"):
        if name in _ALLOWED[kind] and name not in given:
            raise RecordError(name, "is missing")
    if id_name in given and "since" in given:
        given.pop("since")
    return Address(
        kind=kind,
        activity=iri_of(given, "activityId") if "activityId" in given else None,
        agent=person_of_parameter(given, "agent") if "agent" in given else None,
        registration=uuid_of(given, "registration") if "registration" in given else None,
        document_id=given.get(id_name),
        since_us=time_of(given, "since", version),
    )


def entity_tag(content: bytes) -> str:
    """Return the entity tag of a document: the SHA-1 of its content, as the standard wants it (1.0.3, 3.1)."""
    return f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a sender demands of the document as it is now: the headers If-Match and If-None-Match."""

    if_match: str | None = None
    if_none_match: str | None = None

    @property
    def are_given(self) -> bool:
        """Whether there is any."""
        return self.if_match is not None or self.if_none_match is not None

    def hold(self, current: Document | None) -> bool:
        """Say whether the document, None where there is none, is as demanded (RFC 9110, section 13.1)."""
        tag = None if current is None else entity_tag(current.content)
        if self.if_match is not None and not _matches(self.if_match, tag):
            return False
        return self.if_none_match is None or not _matches(self.if_none_match, tag)


def _matches(header: str, tag: str | None) -> bool:
    if tag is None:
        return False
    listed = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in listed or tag in listed


def must_be_conditional(kind: Kind, version: Version) -> bool:
    """Say whether a PUT over a document that is there needs a condition: not for states of 1.0.3 (3.1)."""
    return kind is not Kind.STATE or version is Version.TWO


def merged(current: Document | None, sent: Document) -> Document:
    """Return what a POST makes of a document: its members are laid over those that are there (2.2).

    Raises `RecordError` where one of the two is not a JSON object, or is sent as JSON and is none.
    """
    posted = _members(sent) if _JSON.fullmatch(sent.content_type) else None
    if current is None:
        return sent
    known = _members(current) if _JSON.fullmatch(current.content_type) else None
    if not isinstance(posted, dict) or not isinstance(known, dict):
        raise RecordError(
            "Content-Type",
            "of both documents must be application/json, and both must be objects, to be merged",
            "send the whole document with PUT",
        )
    content = msgspec.json.encode({**known, **posted})
    return Document(content, "application/json", sent.updated_ms)


def _members(document: Document) -> object:
    value: object = read_json(document.content)
    return value


def agent_asked(pairs: Iterable[tuple[str, str]]) -> Json:
    """Return the agent that a GET of the agents resource asks for (2.4)."""
    given = once_each(pairs, {"agent"})
    if "agent" not in given:
        raise RecordError("agent", "is missing")
    return agent_of(given, "agent")


def activity_asked(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the id of the activity that a GET of the activities resource asks for (2.5)."""
    given = once_each(pairs, {"activityId"})
    if "activityId" not in given:
        raise RecordError("activityId", "is missing")
    return iri_of(given, "activityId")
