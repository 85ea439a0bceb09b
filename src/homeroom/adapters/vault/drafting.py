"""The draft of one request: its operations as they come about, and how it is undone.

Every step asks what is there, in the file or pending, and adds an operation only for what is new: a key for a person
who was never met, a form of a person that was never seen, what is newly known of an activity.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from homeroom import limits
from homeroom.adapters.vault.held import Held
from homeroom.adapters.vault.operations import (
    ActivityKnown,
    DocumentKept,
    Operation,
    PortraitKept,
    SubjectKey,
)
from homeroom.adapters.vault.pending import Noted, Pending
from homeroom.adapters.vault.reading import Row, TenantReader
from homeroom.adapters.vault.sealing import SubjectKeys, key_name
from homeroom.records.activities import joined_definition
from homeroom.records.documents import Document
from homeroom.records.people import Json, identity_of

__all__ = ["Drafting", "Portrait"]

encode_json: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class Portrait(NamedTuple):
    """A form of a person: its keyed hash, and whose it is."""

    form: bytes
    subject: bytes


class Drafting:
    """Drafts requests of one tenant, one after another.

    Parameters
    ----------
    reader : of the tenant's part of the file
    """

    def __init__(self, reader: TenantReader) -> None:
        self.reader = reader
        self.seals = reader.seals
        self.pending = Pending()
        self.operations: list[Operation] = []
        self.noted: list[Noted] = []
        self._forms: Held[bytes, Portrait] = Held(limits.FORMS_HELD)
        self._definitions: Held[int, None] = Held(limits.FORMS_HELD)

    def begin(self) -> None:
        """Begin the draft of a request."""
        self.operations = []
        self.noted = []

    def undo(self) -> None:
        """Undo the draft."""
        self.pending.take_away(self.noted)
        self.forget()
        self.begin()

    def forget(self) -> None:
        """Forget what is held in memory of persons and activities, since some of it may never be in the file."""
        self._forms.clear()
        self._definitions.clear()

    def unmeet(self) -> None:
        """Look again at each description of an activity: another one may have taken its place in the file."""
        self._definitions.clear()

    # --- persons -----------------------------------------------------------------------------------------------------

    def key(self, subject: bytes) -> SubjectKeys | None:
        """Return the keys of a subject, a new one if it has none; None if they were destroyed."""
        if subject in self.pending.destroyed:
            return None
        pending, found = self.pending.keys.get(subject), self.reader.key(subject)
        if pending is not None:
            # Another node's key may have come since; ours is still on its way.
            return pending if found is None else SubjectKeys(pending.ciphers | found.ciphers)
        if found is None and not self.reader.is_destroyed(subject):
            wrapped = self.seals.new_key(subject)
            found = SubjectKeys({key_name(wrapped): self.seals.unwrap(subject, wrapped)})
            self.operations.append(SubjectKey(subject, wrapped))
            self.noted.append(self.pending.note(self.pending.keys, subject, found))
        return found

    def portrait(self, person: Json, written: bytes) -> Portrait | None:
        """Return the form of a person, kept if it is new; None if the person's key was destroyed.

        Parameters
        ----------
        person : an agent, or an identified group without its members
        written : the same as JSON
        """
        found = self._forms.get(written)
        if found is not None:
            return found
        subject = self.seals.pseudonym(*identity_of(person))
        key = self.key(subject)
        if key is None:
            return None
        form = self.seals.hash(b"form", subject + written)
        if form not in self.pending.portraits and not self.reader.people([form]):
            kept = PortraitKept(form, subject, key.seal(written, form))
            self.operations.append(kept)
            self.noted.append(self.pending.note(self.pending.portraits, form, kept))
        found = Portrait(form, subject)
        self._forms.add(written, found)
        return found

    # --- activities --------------------------------------------------------------------------------------------------

    def has_met(self, activity: Json) -> bool:
        """Say whether an activity was described in just these words lately; from now on it was."""
        met = hash(encode_json(activity))
        if met in self._definitions:
            return True
        self._definitions.add(met, None)
        return False

    def know(self, activity: Json) -> None:
        """Join what a statement says of an activity to what is known of it."""
        name = self.seals.hash(b"known", activity["id"].encode())
        known = self.pending.definitions.get(name) or self.reader.definition(name)
        joined = joined_definition(known, activity["definition"])
        content = encode_json(joined)
        if joined == known or len(content) > limits.DEFINITION_BYTES_MAX:
            return
        key = self.key(self.seals.nobody)
        assert key is not None, "nobody is never erased"
        self.operations.append(ActivityKnown(name, key.seal(content, name)))
        self.noted.append(self.pending.note(self.pending.definitions, name, joined))

    # --- what is there -----------------------------------------------------------------------------------------------

    def statement(self, identifier: bytes) -> Row | None:
        """Return a statement by its UUID, in the file or pending."""
        one = self.pending.statements.get(identifier)
        if one is not None:
            return Row(one.place, one.id, one.subject, one.body, one.people, 0, one.digest)
        return self.reader.statement(identifier)

    def sent(self, identifier: bytes) -> list[tuple[bytes, str]]:
        """Return what tells the statements apart that went away under an id, and where each went; pending ones too."""
        one = self.pending.sent.get(identifier)
        return ([] if one is None else [(one.digest, one.home)]) + self.reader.sent(identifier)

    def is_destroyed(self, subject: bytes) -> bool:
        """Say whether the keys of a subject were destroyed, or will be."""
        return subject in self.pending.destroyed or self.reader.is_destroyed(subject)

    def opened(self, row: Row) -> Json | None:
        """Open a statement, in the file or pending; None if its actor's key was destroyed."""
        found = self.reader.opened_with(row, self.key, self._people)
        return None if found is None else found.statement

    def _people(self, forms: Iterable[bytes]) -> dict[bytes, Json]:
        wanted = list(forms)
        found = self.reader.people(wanted)
        for form in wanted:
            kept = self.pending.portraits.get(form)
            key = None if kept is None else self.key(kept.subject)
            if kept is not None and key is not None:
                found[form] = _decode(key.open(kept.sealed, form))
        return found

    def document(self, address: bytes) -> Document | None:
        """Return a document, as it will be when everything pending is applied."""
        pending = self.pending.documents.get(address)
        if pending is None:
            return self.reader.document(address)
        if not isinstance(pending, DocumentKept):
            return None
        form = self.reader.document_form(address, self.key(pending.subject), pending.sealed)
        if form is None:
            return None
        return Document(form.content, form.content_type, pending.updated_ms)
