"""Records of which it is written down who reads them.

A statement says who did what, so who reads one looks at a person. Each read is a line in the audit log before it is
answered; a write is none, for it shows nothing, and must not wait. What a reader filters by may be anything, so of
filters only the names are written, and of a person the pseudonym, which is the one that its events have.

This stands between the interface and whoever keeps the records, because here a request is understood: over the
alternate syntax a reader comes as a POST, and a POST of statements is no reader.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from homeroom.records.documents import Address, Document
from homeroom.records.people import Json
from homeroom.records.queries import OneStatement, Search
from homeroom.records.store import (
    LOCAL,
    Accepted,
    Caller,
    DocumentChange,
    Holding,
    Listed,
    Page,
    Records,
    Refused,
    Sent,
    Shown,
)

__all__ = ["AuditedRecords", "PseudonymOf", "WriteDown"]

WriteDown: TypeAlias = Callable[[Caller, str, Mapping[str, Any]], Awaitable[None]]
"""Returns when it is durable that a caller does something. Raises `AuditError`."""
PseudonymOf: TypeAlias = Callable[[str, Json], str]
"""Returns the pseudonym of a person (second) with a tenant (first)."""
_FILTERS: Final = ("verb", "activity", "registration", "since_us", "until_us")


class AuditedRecords:
    """Records that are read only after that was written down; a `homeroom.records.store.Records`.

    Parameters
    ----------
    records : keeps them
    write_down, pseudonym_of : see there
    """

    def __init__(self, records: Records, write_down: WriteDown, pseudonym_of: PseudonymOf) -> None:
        self._records = records
        self._write_down = write_down
        self._pseudonym_of = pseudonym_of

    # --- written: passed on ------------------------------------------------------------------------------------------

    async def accept(
        self, sent: Sent, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Keep statements."""
        return await self._records.accept(sent, caller, holding)

    async def change(
        self, change: DocumentChange, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Change documents."""
        return await self._records.change(change, caller, holding)

    def consistent_through_ms(self) -> int:
        """Return the time up to which everything that was stored is found."""
        return self._records.consistent_through_ms()

    # --- read: written down ------------------------------------------------------------------------------------------

    async def statement(
        self, asked: OneStatement, caller: Caller, languages: Sequence[str]
    ) -> Shown | None:
        """Return one statement, None if there is none."""
        await self._write_down(caller, "records.statement", {"statement": asked.statement_id})
        return await self._records.statement(asked, caller, languages)

    async def search(self, asked: Search, caller: Caller, languages: Sequence[str]) -> Page:
        """Return the first page of a search."""
        named = [name.removesuffix("_us") for name in _FILTERS if getattr(asked, name) is not None]
        about = {"filters": named, "limit": asked.limit, **self._person(caller, asked.agent)}
        await self._write_down(caller, "records.search", about)
        return await self._records.search(asked, caller, languages)

    async def more(self, cursor: str, caller: Caller, languages: Sequence[str]) -> Page:
        """Return the page that a link asks for."""
        await self._write_down(caller, "records.more", {})
        return await self._records.more(cursor, caller, languages)

    async def document(self, address: Address, caller: Caller) -> Document | None:
        """Return one document, None if there is none."""
        await self._write_down(caller, "records.document", self._place(caller, address))
        return await self._records.document(address, caller)

    async def document_ids(self, address: Address, caller: Caller) -> Listed:
        """Return the ids of documents."""
        await self._write_down(caller, "records.documents", self._place(caller, address))
        return await self._records.document_ids(address, caller)

    async def definition(self, activity: str, caller: Caller) -> Json | None:
        """Return what is known of an activity; it tells of nobody, so it is not written down."""
        return await self._records.definition(activity, caller)

    async def portraits(self, agent: Json, caller: Caller) -> list[Json]:
        """Return the forms of a person."""
        await self._write_down(caller, "records.person", self._person(caller, agent))
        return await self._records.portraits(agent, caller)

    def _place(self, caller: Caller, address: Address) -> dict[str, Any]:
        return {"kind": address.kind.value, **self._person(caller, address.agent)}

    def _person(self, caller: Caller, person: Json | None) -> dict[str, Any]:
        return {} if person is None else {"learner": self._pseudonym_of(caller.tenant, person)}
