"""Statements whose actors have their home in another jurisdiction are sealed for it, at the door of the node they met.

As in the vault itself, persons are cut out of a statement, and what is of each is a part of its own. What the vault
makes of a statement beyond that (keyed hashes to find it by, keys of persons) needs the vault's key, which is not here;
so it is made at home (`homeroom.adapters.vault.coming_home`), in the same way by each node there. All that this takes
travels with it: where the statement stands in the order of storing, who is meant, a secret for each person's key.

Here is kept under which ids statements have gone, and a keyed hash of each, so that one that comes again goes once.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from homeroom.adapters.vault.cutting import cut_people
from homeroom.adapters.vault.passage import Sealing
from homeroom.adapters.vault.sealing import Seals
from homeroom.records.contents import Contents, Part, statement_parts
from homeroom.records.people import Json, identity_of, is_anonymous

__all__ = ["Arrived", "Away", "Body", "Form", "PassageDraft", "Stub", "Stubs", "is_nobody"]

_encode_json: Final = msgspec.json.Encoder().encode


class Stub(msgspec.Struct, frozen=True, array_like=True):
    """What stays of a statement, whoever of its persons is erased.

    Parameters
    ----------
    id, place, target, voids : as of `homeroom.adapters.vault.operations.StatementKept`
    subject : pseudonym of its actor, empty for a group without an identifier
    forms : of each person that was cut out of it what tells its form from others, and the pseudonym
    parts : which of these persons stand in it, and whether in a main part
    """

    id: bytes
    place: int
    subject: bytes
    forms: list[tuple[bytes, bytes]]
    parts: list[tuple[int, bool]]
    target: bytes = b""
    voids: bool = False


class Stubs(msgspec.Struct, frozen=True, array_like=True):
    """The first part of a request: of its statements, in order, what stays."""

    statements: list[Stub]


class Body(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A statement without its persons.

    Parameters
    ----------
    secret : of its actor; the key at home is made from it
    number : of its stub
    statement : its stored form as JSON, with numbers in the places of persons
    compared : what is compared when its id comes again
    attachments : SHA-2 and data of each that was sent
    """

    secret: bytes
    number: int
    statement: bytes
    compared: bytes
    attachments: list[tuple[str, bytes]] = []


class Form(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A form of a person, as JSON; ``tag`` tells it from others, ``secret`` is as of `Body`."""

    secret: bytes
    tag: bytes
    written: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Who has their home elsewhere, and how it is sealed for.

    Parameters
    ----------
    home_of : returns the jurisdiction of an issuer, account and pseudonym if it is another one than here, else nothing
    seal_keys : by jurisdiction the key by which others seal for it
    root : 32 bytes that were drawn for this process; secrets of persons are made from it, so that each has one
    """

    home_of: Callable[[str, str, bytes], str]
    seal_keys: Mapping[str, str]
    root: bytes

    def home(self, actor: Json, seals: Seals) -> str:
        """Return where the home of an actor who was checked is, if that is elsewhere; nothing for one who is here.

        What a group without an identifier has done goes with the first of its members who lives elsewhere.
        """
        people = actor["member"] if is_nobody(actor) else [actor]
        for issuer, account in map(identity_of, people):
            home = self.home_of(issuer, account, seals.pseudonym(issuer, account))
            if home:
                return home
        return ""


def is_nobody(actor: Json) -> bool:
    """Say whether an actor is a group without an identifier, whose statements are under nobody's key."""
    return actor.get("objectType") == "Group" and is_anonymous(actor)


class Arrived(NamedTuple):
    """A statement that is to be sealed.

    Parameters
    ----------
    statement : in its stored form
    place : in the order of storing
    compared : what is compared when its id comes again
    data : of attachments that were sent, by SHA-2
    """

    statement: Json
    place: int
    compared: bytes
    data: Mapping[str, bytes]


@dataclass(slots=True)
class PassageDraft:
    """The statements of one request that go to one jurisdiction.

    Parameters
    ----------
    tenant, home : whose, and where they go
    away : how
    """

    tenant: str
    home: str
    away: Away
    stubs: list[Stub] = field(default_factory=list)
    bodies: list[tuple[bytes, Body]] = field(default_factory=list)
    forms: dict[tuple[bytes, bytes], Form] = field(default_factory=dict)

    def add(self, arrived: "Arrived", contents: Contents, seals: Seals) -> None:
        """Add a statement, whose persons are cut out of it; ``contents`` is what it names."""
        statement = arrived.statement
        forms, parts = self._people(contents, seals)
        subject = b"" if is_nobody(statement["actor"]) else next(iter(forms.values()))[1]
        self.stubs.append(
            Stub(
                id=_uuid(statement["id"]),
                place=arrived.place,
                subject=subject,
                forms=list(forms.values()),
                parts=parts,
                target=b"" if contents.target is None else _uuid(contents.target),
                voids=contents.voids,
            )
        )
        numbers = {written: number for number, written in enumerate(forms)}
        named = {
            attachment["sha2"].lower()
            for part in statement_parts(statement)
            for attachment in part.get("attachments", ())
        }
        cut_people(statement, lambda person: numbers[_encode_json(person)])
        data = arrived.data
        body = Body(
            self._secret(subject),
            len(self.stubs) - 1,
            _encode_json(statement),
            arrived.compared,
            [(name, data[name]) for name in sorted(named) if name in data],
        )
        self.bodies.append((subject, body))

    def _people(
        self, contents: Contents, seals: Seals
    ) -> tuple[dict[bytes, tuple[bytes, bytes]], list[tuple[int, bool]]]:
        """Return the forms of persons by their JSON, and the parts that they play."""
        forms: dict[bytes, tuple[bytes, bytes]] = {}
        numbers: dict[bytes, int] = {}
        parts = []
        for person, part in contents.people:
            own = {name: value for name, value in person.items() if name != "member"}
            written = _encode_json(own)
            if written not in forms:
                subject = seals.pseudonym(*identity_of(own))
                tag = seals.hash_everywhere(b"form", written)
                numbers[written] = len(forms)
                forms[written] = tag, subject
                self.forms.setdefault((subject, tag), Form(self._secret(subject), tag, written))
            parts.append((numbers[written], part is Part.MAIN))
        return forms, parts

    def _secret(self, subject: bytes) -> bytes:
        named = b"%b:%b:" % (self.home.encode(), self.tenant.encode())
        return hashlib.blake2s(named + subject, key=self.away.root).digest()

    def encoded(self) -> bytes:
        """Return the request sealed."""
        sealing = Sealing(self.tenant, self.away.seal_keys[self.home])
        sealing.add(b"", Stubs(self.stubs))
        for subject, body in self.bodies:
            sealing.add(subject, body)
        for (subject, _), form in self.forms.items():
            sealing.add(subject, form)
        return sealing.encoded()


def _uuid(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))
