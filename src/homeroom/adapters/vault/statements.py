"""Statements of a request become operations.

A statement is completed, its persons are cut out and replaced by numbers, and the rest is sealed under the key of its
actor. A group without an identifier is nobody in particular; what such a group did is under the key of nobody, and its
members are under their own.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from homeroom.adapters.vault.cutting import cut_people
from homeroom.adapters.vault.drafting import Drafting, encode_json
from homeroom.adapters.vault.operations import StatementKept, StatementSent
from homeroom.adapters.vault.sealing_away import Arrived, Away, PassageDraft, is_nobody
from homeroom.adapters.vault.terms import PLACE_BITS, attachment_name, terms_of
from homeroom.events.personal import holds_account
from homeroom.records.contents import Contents, Part, contents_of, statement_parts
from homeroom.records.people import Json, identity_of
from homeroom.records.store import Caller, Refusal, Refused, Sent
from homeroom.records.storing import Arrival, are_same, compared_form, stored_form

__all__ = ["StatementDrafter", "uuid_bytes"]

_decode: Final = msgspec.json.Decoder().decode
_ERASED: Final = "names a person who was erased; nothing is kept of them any more"


def uuid_bytes(text: str) -> bytes:
    """Return the 16 bytes of a UUID that was checked."""
    return bytes.fromhex(text.replace("-", ""))


@dataclass(slots=True)
class _People:
    """Persons of a statement: their forms in order, the number of each by its JSON, and who plays which part."""

    forms: list[bytes] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)
    subjects: list[bytes] = field(default_factory=list)
    parts: list[tuple[bytes, Part]] = field(default_factory=list)


class StatementDrafter:
    """Drafts what keeps the statements of one request.

    Parameters
    ----------
    drafting : has begun a draft; it is to be undone after a refusal
    sent : the statements; those that have no id get one
    caller : who sends them
    away : which of them go to another jurisdiction; None where all stay

    Attributes
    ----------
    homes : where the statements are kept: jurisdictions, empty for here
    """

    def __init__(
        self, drafting: Drafting, sent: Sent, caller: Caller, away: Away | None = None
    ) -> None:
        self._away = away
        self._passages: dict[str, PassageDraft] = {}
        self.homes: set[str] = set()
        self._drafting = drafting
        self._seals = drafting.seals
        self._sent = sent
        self._caller = caller

    def draft(self, next_place: Callable[[], int]) -> tuple[str, ...] | Refused:
        """Return the ids of the statements, or why none of them is kept.

        Parameters
        ----------
        next_place : returns the place of the next statement
        """
        ids: list[str] = []
        met: set[bytes] = set()
        for number, statement in enumerate(self._sent.statements):
            if "id" in statement:
                identifier = uuid_bytes(statement["id"])
                if identifier in met:
                    rule = "is that of another statement of the same request"
                    return Refused(Refusal.INVALID, f"[{number}].id", rule)
                met.add(identifier)
                same = self._is_there(identifier, statement)
                if same is False:
                    rule = "is that of a statement that is there, and is another one"
                    return Refused(Refusal.CONFLICT, f"[{number}].id", rule)
                if same:
                    ids.append(statement["id"].lower())
                    continue
            home = "" if self._away is None else self._away.home(statement["actor"], self._seals)
            keep = partial(self._seal, home) if home else self._keep
            kept = keep(statement, next_place())
            self.homes.add(home)
            if kept is None:
                return Refused(Refusal.FORBIDDEN, f"[{number}]", _ERASED)
            ids.append(kept)
        return tuple(ids)

    def _is_there(self, identifier: bytes, statement: Json) -> bool | None:
        """Say whether the statement of an id is the same; None if there is none."""
        row = self._drafting.statement(identifier)
        if row is None:
            return self._has_gone(identifier, statement)
        self.homes.add("")
        if row.digest and row.digest == self._digest(statement):
            return True
        # Not the same, or the same in other words: without the timestamp that the store gave it, say.
        there = self._drafting.opened(row)
        return there is not None and are_same(there, statement)

    def _has_gone(self, identifier: bytes, statement: Json) -> bool | None:
        """Say whether the statement that has gone away under an id is the same; None if none has."""
        sent = self._drafting.sent(identifier)
        digest = self._digest(statement) if sent else b""
        self.homes.update(home for one, home in sent if one == digest)
        return any(one == digest for one, _ in sent) if sent else None

    def _digest(self, statement: Json) -> bytes:
        return self._seals.hash(b"content", compared_form(statement))

    def _keep(self, statement: Json, place: int) -> str | None:
        """Draft what keeps one statement; return its id, None if it names somebody who was erased."""
        # What was sent gets no more than an id: the same request may have to be prepared once more.
        if "id" not in statement:
            statement["id"] = str(uuid.uuid4())
        digest = self._digest(statement)
        statement = _decode(encode_json(statement))
        arrival = Arrival(place >> PLACE_BITS, self._caller.authority, self._sent.version)
        stored_form(statement, arrival)
        contents = contents_of(statement)
        people = self._people(contents)
        if people is None:
            return None
        actor = statement["actor"]
        subject = self._seals.nobody if is_nobody(actor) else people.subjects[0]
        self._know(contents, None if is_nobody(actor) else actor)
        terms = terms_of(contents, people.parts, self._seals)
        attachments = self._attachments(statement, subject)
        cut_people(statement, lambda person: people.numbers[encode_json(person)])
        identifier = uuid_bytes(statement["id"])
        key = self._drafting.key(subject)
        assert key is not None, "the persons of the statement were looked at"
        kept = StatementKept(
            id=identifier,
            place=place,
            subject=subject,
            body=key.seal(encode_json(statement), identifier),
            people=b"".join(people.forms),
            terms=b"".join(terms),
            target=b"" if contents.target is None else uuid_bytes(contents.target),
            voids=contents.voids,
            attachments=attachments,
            digest=digest,
        )
        self._drafting.operations.append(kept)
        pending = self._drafting.pending
        self._drafting.noted.append(pending.note(pending.statements, identifier, kept))
        identity: str = statement["id"]
        return identity

    def _seal(self, home: str, statement: Json, place: int) -> str | None:
        """Seal one statement for another jurisdiction; return its id, None if it names somebody who was erased."""
        assert self._away is not None, "somebody has said where it goes"
        if "id" not in statement:
            statement["id"] = str(uuid.uuid4())
        digest, compared = self._digest(statement), compared_form(statement)
        statement = _decode(encode_json(statement))
        arrival = Arrival(place >> PLACE_BITS, self._caller.authority, self._sent.version)
        stored_form(statement, arrival)
        contents = contents_of(statement)
        subjects = {self._seals.pseudonym(*identity_of(one)) for one, _ in contents.people}
        if any(map(self._drafting.is_destroyed, subjects)):
            return None
        passage = self._passages.get(home)
        if passage is None:
            passage = PassageDraft(self._caller.tenant, home, self._away)
            self._passages[home] = passage
        passage.add(Arrived(statement, place, compared, self._sent.data), contents, self._seals)
        identity: str = statement["id"]
        subject = passage.stubs[-1].subject or self._seals.nobody
        one = StatementSent(uuid_bytes(identity), place, subject, digest, home)
        self._drafting.operations.append(one)
        pending = self._drafting.pending
        self._drafting.noted.append(pending.note(pending.sent, one.id, one))
        return identity

    def sealed(self) -> dict[str, bytes]:
        """Return by jurisdiction the statements that go there, sealed."""
        return {home: passage.encoded() for home, passage in self._passages.items()}

    def _people(self, contents: Contents) -> _People | None:
        """Keep the forms of all persons; None if one of them was erased."""
        found = _People()
        for person, part in contents.people:
            own = person
            if "member" in person:
                own = {name: value for name, value in person.items() if name != "member"}
            written = encode_json(own)
            number = found.numbers.get(written)
            if number is None:
                portrait = self._drafting.portrait(own, written)
                if portrait is None:
                    return None
                number = found.numbers[written] = len(found.forms)
                found.forms.append(portrait.form)
                found.subjects.append(portrait.subject)
            found.parts.append((found.subjects[number], part))
        return found

    def _know(self, contents: Contents, actor: Json | None) -> None:
        """Join what is said of activities to what is known, but for what may name the actor."""
        for activity, _ in contents.activities:
            if "definition" not in activity or self._drafting.has_met(activity):
                continue
            account = None if actor is None else identity_of(actor)[1]
            if not holds_account(encode_json(activity).decode(), account):
                self._drafting.know(activity)

    def _attachments(self, statement: Json, subject: bytes) -> list[tuple[bytes, bytes]]:
        """Seal the data of the attachments, as far as they were sent."""
        if not self._sent.data:
            return []
        found: dict[bytes, bytes] = {}
        identifier = uuid_bytes(statement["id"])
        key = self._drafting.key(subject)
        assert key is not None, "the persons of the statement were looked at"
        for part in statement_parts(statement):
            for attachment in part.get("attachments", ()):
                digest = attachment["sha2"].lower()
                name = attachment_name(self._seals, digest)
                if digest in self._sent.data and name not in found:
                    found[name] = key.seal(self._sent.data[digest], name + identifier)
        return list(found.items())
