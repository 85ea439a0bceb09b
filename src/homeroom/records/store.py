"""What the record store asks of whoever keeps its records.

Requests are checked before they come here, outside of the one thread that writes. What is left to be found out there
is what depends on the records themselves: whether an id is taken, and by what; whether a document is still as its
sender saw it. An answer to `accept` or `change` means that it is durable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from homeroom.records.documents import Action, Address, Conditions, Document
from homeroom.records.people import Json
from homeroom.records.queries import Attachments, OneStatement, Search
from homeroom.records.versions import Version

__all__ = [
    "LOCAL",
    "Accepted",
    "Caller",
    "DocumentChange",
    "Holding",
    "Listed",
    "Page",
    "Records",
    "Refusal",
    "Refused",
    "Sent",
    "Shown",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request, as authentication found it out.

    Parameters
    ----------
    tenant : whose records these are
    key_name : of the key that was used
    scopes : what the key may do; the record store asks for ``read`` and ``write``
    authority : the agent, or group of two, who asserts what is sent under this key
    """

    tenant: str
    key_name: str
    scopes: frozenset[str]
    authority: Json


class Refusal(Enum):
    """Why something was not done."""

    INVALID = "invalid"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"
    UNATTAINABLE = "unattainable"
    """It is to be held where there is nobody."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed; ``field`` and ``rule`` say why, and never repeat what was sent."""

    refusal: Refusal
    field: str
    rule: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Statements that were sent together, checked; all of them are kept, or none.

    Parameters
    ----------
    statements : as sent; whoever keeps them gives an id to those that have none, and changes nothing else
    data : of attachments, by hash in small letters
    version : of the request
    """

    statements: Sequence[Json]
    data: Mapping[str, bytes]
    version: Version


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is durable.

    Parameters
    ----------
    ids : of the statements, in the order in which they were sent
    held : how far it has come: ``local``, ``remote`` or ``all``
    lacks : the level that it was to reach, where the time for that is over; empty if it has
    """

    ids: tuple[str, ...] = ()
    held: str = "all"
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """How far something must have come before its sender hears yes: ``local``, ``remote`` or ``all``.

    Parameters
    ----------
    asked : by the sender; refused where it is not to be had
    least : by operators; counts as far as it can be had
    """

    asked: str = "local"
    least: str = "local"


LOCAL: Final = Holding()
"""It is durable where it was sent to."""


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A change of one document or, for a DELETE without an id, of several.

    ``document`` is None for a DELETE; its ``updated_ms`` is set by whoever keeps it.
    """

    address: Address
    action: Action
    conditions: Conditions
    document: Document | None
    version: Version


@dataclass(frozen=True, slots=True)
class Shown:
    """A statement in the form that was asked for, when it was stored, and the data of its attachments."""

    statement: Json
    stored_ms: int
    attachments: Sequence[tuple[Json, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Statements of a search.

    Parameters
    ----------
    statements : in order
    more : an opaque text that asks for the next page, None if this is the last
    attachments : whether the search wants their data
    """

    statements: Sequence[Shown]
    more: str | None
    attachments: Attachments


@dataclass(frozen=True, slots=True)
class Listed:
    """Ids of documents, and when the latest of them was changed (milliseconds since 1970), None if there is none."""

    ids: Sequence[str]
    updated_ms: int | None


class Records(Protocol):
    """Keeps records. Each method is told who asks, and answers from the records of that tenant alone."""

    async def accept(
        self, sent: Sent, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Keep statements; a statement that is there already, and the same, is passed over."""

    async def change(
        self, change: DocumentChange, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Change documents."""

    async def statement(
        self, asked: OneStatement, caller: Caller, languages: Sequence[str]
    ) -> Shown | None:
        """Return one statement, None if there is none."""

    async def search(self, asked: Search, caller: Caller, languages: Sequence[str]) -> Page:
        """Return the first page of a search."""

    async def more(self, cursor: str, caller: Caller, languages: Sequence[str]) -> Page:
        """Return the page that ``Page.more`` asks for; raise `RecordError` if the text is not such a one."""

    async def document(self, address: Address, caller: Caller) -> Document | None:
        """Return one document, None if there is none."""

    async def document_ids(self, address: Address, caller: Caller) -> Listed:
        """Return the ids of documents, the latest changed first."""

    async def definition(self, activity: str, caller: Caller) -> Json | None:
        """Return what is known of an activity, None if nothing is."""

    async def portraits(self, agent: Json, caller: Caller) -> list[Json]:
        """Return the forms of a person that statements carried."""

    def consistent_through_ms(self) -> int:
        """Return the time (milliseconds since 1970) up to which everything that was stored is found."""
