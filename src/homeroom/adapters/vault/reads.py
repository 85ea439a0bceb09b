"""Questions to the vault, for one connection: what the protocol of the record store asks, without its waiting."""

from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from homeroom import limits
from homeroom.adapters.vault.documents import place_of
from homeroom.adapters.vault.keeping import COUNTS, VOIDED
from homeroom.adapters.vault.preparing import KeysOf
from homeroom.adapters.vault.reading import Row, TenantReader, VaultReader, all_is_here
from homeroom.adapters.vault.sealing import Seals
from homeroom.adapters.vault.statements import uuid_bytes
from homeroom.adapters.vault.terms import Walk, attachment_name, walk_of
from homeroom.records.contents import statement_parts
from homeroom.records.documents import Address, Document
from homeroom.records.people import Json, identity_of
from homeroom.records.queries import Attachments, OneStatement, Search, Voidness
from homeroom.records.showing import Form, in_form
from homeroom.records.store import Listed, Page, Shown

__all__ = ["Reads"]

_STANDINGS = {Voidness.COUNTS: COUNTS, Voidness.VOIDED: VOIDED}


class Reads:
    """Answers questions. Not for two threads at once.

    Parameters
    ----------
    path : of the vault's file
    keys_of : returns the keys of a tenant
    through_ms : returns up to when all that was stored is here, milliseconds since 1970
    """

    def __init__(
        self, path: Path, keys_of: KeysOf, through_ms: Callable[[], int] = all_is_here
    ) -> None:
        self._reader = VaultReader(path)
        self._keys_of = keys_of
        self._through_ms = through_ms
        self._tenants: dict[str, TenantReader] = {}

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def of(self, tenant: str) -> TenantReader:
        """Return the reader of a tenant."""
        found = self._tenants.get(tenant)
        if found is None:
            seals = Seals(self._keys_of(tenant))
            found = TenantReader(self._reader, tenant, seals, self._through_ms)
            self._tenants[tenant] = found
        return found

    def statement(self, asked: OneStatement, tenant: str, languages: Sequence[str]) -> Shown | None:
        """Return one statement, None if there is none that stands as it was asked for."""
        reader = self.of(tenant)
        row = reader.statement(uuid_bytes(asked.statement_id))
        if row is None or row.standing != _STANDINGS[asked.voidness]:
            return None
        return _Showing(reader, asked.form, asked.attachments, languages).show(row)

    def search(self, asked: Search, tenant: str, languages: Sequence[str]) -> Page:
        """Return the first page of a search."""
        reader = self.of(tenant)
        return self._page(walk_of(asked, reader.seals), reader, languages)

    def more(self, cursor: str, tenant: str, languages: Sequence[str]) -> Page:
        """Return the page that a link asks for; raise `RecordError` if it is none of this tenant's."""
        reader = self.of(tenant)
        return self._page(Walk.opened(cursor, reader.seals), reader, languages)

    def _page(self, walk: Walk, reader: TenantReader, languages: Sequence[str]) -> Page:
        """Return statements up to the limit, or to the size that a page may have."""
        places = reader.places(*walk.query(reader.number))
        showing = _Showing(reader, walk.form, walk.attachments, languages)
        shown: list[Shown] = []
        size_bytes = 0
        last = 0
        for row in reader.at(places[: walk.limit]):
            one = showing.show(row)
            last = row.place
            if one is not None:
                shown.append(one)
                size_bytes += len(row.body) + sum(len(data) for _, data in one.attachments)
            if size_bytes > limits.STATEMENTS_PAGE_BYTES_MAX:
                break
        has_more = bool(places) and last != places[-1]
        more = walk.after(last).sealed(reader.seals) if has_more else None
        return Page(shown, more, walk.attachments)

    def document(self, address: Address, tenant: str) -> Document | None:
        """Return one document, None if there is none."""
        reader = self.of(tenant)
        return reader.document(place_of(address, reader.seals).key)

    def document_ids(self, address: Address, tenant: str) -> Listed:
        """Return the ids of documents, the latest changed first."""
        reader = self.of(tenant)
        place = place_of(address, reader.seals)
        registration = None if address.registration is None else place.registration
        since_ms = -1 if address.since_us is None else address.since_us // 1000
        rows = reader.document_rows(place.scope, registration, since_ms, limits.DOCUMENT_IDS_MAX)
        # One id under several registrations is one id.
        ids = dict.fromkeys(reader.document_id(row) for row in rows)
        ids.pop(None, None)
        return Listed([one for one in ids if one is not None], rows[0].updated_ms if rows else None)

    def definition(self, activity: str, tenant: str) -> Json | None:
        """Return what is known of an activity, None if nothing is."""
        reader = self.of(tenant)
        return reader.definition(reader.seals.hash(b"known", activity.encode()))

    def portraits(self, agent: Json, tenant: str) -> list[Json]:
        """Return the forms of a person that statements carried."""
        reader = self.of(tenant)
        return reader.portraits(reader.seals.pseudonym(*identity_of(agent)))

    def conflicts(self, tenant: str, count_max: int) -> list[str]:
        """Return ids under which two nodes accepted different statements; the one that was stored first counts."""
        rows = self._reader.rows(
            "SELECT id FROM conflicts WHERE tenant = ? GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT ?",
            (self.of(tenant).number, count_max),
        )
        return [str(UUID(bytes=one)) for (one,) in rows if isinstance(one, bytes)]


class _Showing:
    """Shows statements of one answer; what is known of an activity is looked up once."""

    def __init__(
        self, reader: TenantReader, form: Form, attachments: Attachments, languages: Sequence[str]
    ) -> None:
        self._reader = reader
        self._form = form
        self._attachments = attachments
        self._languages = languages
        self._definitions: dict[str, Json | None] = {}

    def show(self, row: Row) -> Shown | None:
        """Return a statement in its form, None if its actor was erased, or something of it is not here yet."""
        opened = self._reader.opened(row)
        if opened is None:
            return None
        attachments = self._data(row, opened.statement)
        statement = in_form(opened.statement, self._form, self._languages, self._definition)
        return Shown(statement, opened.stored_ms, attachments)

    def _definition(self, activity: str) -> Json | None:
        if activity not in self._definitions:
            seals = self._reader.seals
            self._definitions[activity] = self._reader.definition(
                seals.hash(b"known", activity.encode())
            )
        return self._definitions[activity]

    def _data(self, row: Row, statement: Json) -> list[tuple[Json, bytes]]:
        if self._attachments is Attachments.LEFT_OUT:
            return []
        listed = [one for part in statement_parts(statement) for one in part.get("attachments", ())]
        if not listed:
            return []
        data = self._reader.attachments(row)
        named = [(one, attachment_name(self._reader.seals, one["sha2"].lower())) for one in listed]
        return [(one, data[name]) for one, name in named if name in data]
