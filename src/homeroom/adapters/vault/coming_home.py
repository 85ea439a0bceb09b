"""What was sealed elsewhere for this jurisdiction is opened, and becomes operations of the vault.

Each node here does so for itself, with what came alone: what it comes to must be the same everywhere, byte by byte, in
whatever order other things have come, and whether somebody who is erased was taken out of it before or after. So
nothing of the vault is asked, keys of persons follow from secrets that came with them, and nonces from what they seal.
That a statement is here already, sent to a node of its home too, is settled by the vault as where two nodes took it.

The way not taken is that one node here takes in what came and writes it anew, as its own: another one would have to
know where it was when it failed, or a document that was changed since would be put back.

What a statement says of activities is not joined to what is known of them, since that is there to be asked.
"""

from typing import Final, TypeAlias

import msgspec

from homeroom.adapters.vault.cutting import put_back
from homeroom.adapters.vault.operations import (
    HASH_BYTES,
    Change,
    PortraitKept,
    StatementKept,
    SubjectKey,
)
from homeroom.adapters.vault.passage import Passage, SealKey, opened
from homeroom.adapters.vault.sealing import GivenKey, Seals
from homeroom.adapters.vault.sealing_away import Body, Form, Stub, Stubs
from homeroom.adapters.vault.terms import attachment_name, terms_of
from homeroom.errors import EntryError
from homeroom.records.contents import Part, contents_of

__all__ = ["change_of_passage"]

_Part: TypeAlias = Body | Form
_stubs: Final = msgspec.msgpack.Decoder(Stubs).decode
_part: Final = msgspec.msgpack.Decoder(_Part).decode
_decode: Final = msgspec.json.Decoder().decode


def change_of_passage(passage: Passage, seal_key: SealKey, seals: Seals) -> Change:
    """Return the operations that come of a request that was sealed elsewhere.

    Parameters
    ----------
    passage : as it came
    seal_key : of this jurisdiction
    seals : of its tenant

    Raises
    ------
    VaultError
        It does not open.
    EntryError
        What is in it cannot be read.
    """
    key = seal_key.key_of(passage)
    stubs: list[Stub] = []
    bodies: dict[int, Body] = {}
    forms: list[tuple[bytes, Form]] = []
    keys: dict[bytes, GivenKey] = {}
    for part in passage.parts:
        if part.number == 0:
            stubs = opened(key, passage, part, _stubs).statements
            continue
        one, subject = opened(key, passage, part, _part), part.subject or seals.nobody
        keys.setdefault(subject, seals.given_key(subject, one.secret))
        if isinstance(one, Body):
            bodies[one.number] = one
        else:
            forms.append((subject, one))
    try:
        kept = [_kept(stub, bodies.get(at), keys, seals) for at, stub in enumerate(stubs)]
    except (LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise EntryError(
            f"a statement that was sealed elsewhere cannot be read ({type(error).__name__})"
        ) from None
    return Change(
        passage.tenant,
        [
            *(SubjectKey(subject, one.wrapped) for subject, one in keys.items()),
            *(_portrait(subject, form, keys[subject], seals) for subject, form in forms),
            *kept,
        ],
    )


def _portrait(subject: bytes, form: Form, key: GivenKey, seals: Seals) -> PortraitKept:
    name = _form_name(subject, form.tag, seals)
    return PortraitKept(name, subject, key.seal(form.written, name))


def _form_name(subject: bytes, tag: bytes, seals: Seals) -> bytes:
    """Return the name of a person's form, which is the same when nothing of the person is there any more."""
    return seals.hash(b"given form", subject + tag)


def _kept(
    stub: Stub, body: Body | None, keys: dict[bytes, GivenKey], seals: Seals
) -> StatementKept:
    """Return what keeps a statement; without its content where its actor was erased."""
    kept = StatementKept(
        id=stub.id,
        place=stub.place,
        subject=stub.subject or seals.nobody,
        body=b"",
        people=b"",
        terms=b"",
        target=stub.target,
        voids=stub.voids,
    )
    if len(stub.id) != HASH_BYTES or len(kept.subject) != HASH_BYTES:
        raise ValueError
    if body is None:
        return kept
    key = keys[kept.subject]
    # Persons are known by their pseudonyms; who they are is not asked, since they may have been taken out.
    contents = contents_of(put_back(_decode(body.statement), lambda _: None))
    people = [
        (stub.forms[number][1], Part.MAIN if is_main else Part.RELATED)
        for number, is_main in stub.parts
    ]
    attachments = {attachment_name(seals, digest): data for digest, data in body.attachments}
    return msgspec.structs.replace(
        kept,
        body=key.seal(body.statement, stub.id),
        people=b"".join(_form_name(subject, tag, seals) for tag, subject in stub.forms),
        terms=b"".join(terms_of(contents, people, seals)),
        attachments=[(name, key.seal(data, name + stub.id)) for name, data in attachments.items()],
        digest=seals.hash(b"content", body.compared),
    )
