"""Documents: what people wrote, with their names in it; it stays in its jurisdiction, or goes home sealed.

A simulated node folds documents as a set. Whom an erasure names is taken out of it when it is asked for, so that it
makes no difference which comes first; in the log they are cut as events are (`homeroom.simulation.regions.erasing`).

What goes home is sealed as a running node seals it (`homeroom.adapters.vault.passage`), for the key of the jurisdiction
where it is at home, a part a document. The key that is drawn for each passage follows from what is in it, so that the
same seed gives the same bytes.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homeroom.adapters.vault.operations import HASH_BYTES
from homeroom.adapters.vault.passage import (
    Sealing,
    SealKey,
    opened,
    redacted_passages,
    written_passages,
)
from homeroom.adapters.vault.places import seal_key_of
from homeroom.errors import EntryError, VaultError
from homeroom.log.entries import Entry
from homeroom.log.payloads import unpack

__all__ = [
    "Paper",
    "Papers",
    "names_any",
    "read_papers",
    "sealed_papers",
    "without_papers",
    "write_papers",
]

_TENANT: Final = "main"


class Paper(msgspec.Struct, array_like=True, frozen=True, order=True):
    """One document: its id, of whom, and what it says."""

    id: str
    learner: str
    text: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Paper]).decode
_decode_one = msgspec.msgpack.Decoder(Paper).decode


def write_papers(papers: Iterable[Paper]) -> bytes:
    """Return documents as the content of an entry."""
    return _encode(list(papers))


def read_papers(entry: Entry) -> list[Paper]:
    """Return the documents of an entry that are not sealed. Raises `EntryError`."""
    try:
        return _decode(unpack(entry.payload).content)
    except msgspec.MsgspecError as error:
        raise EntryError(f"entry {entry.number} of {entry.origin} cannot be read") from error


# --- sealed -----------------------------------------------------------------------------------------------------------


@cache
def _seal_key(jurisdiction: str) -> SealKey:
    """Return the key that the nodes of a jurisdiction have; others know its public half alone."""
    return seal_key_of(hashlib.blake2s(jurisdiction.encode()).digest())


@cache
def _subject(learner: str) -> bytes:
    return hashlib.blake2s(learner.encode(), digest_size=HASH_BYTES).digest()


def sealed_papers(home: str, papers: Iterable[Paper]) -> bytes:
    """Return documents as the content of an entry, sealed for a jurisdiction."""
    some = list(papers)
    drawn = hashlib.blake2s(home.encode() + _encode(some)).digest()
    draw = X25519PrivateKey.from_private_bytes(drawn)
    sealing = Sealing(_TENANT, _seal_key(home).public_text, lambda: draw)
    for paper in some:
        sealing.add(_subject(paper.learner), paper)
    return _encode([sealing.encoded()])


def _opened_papers(here: str, entry: Entry) -> list[Paper]:
    """Return the documents of an entry that are sealed for a jurisdiction. Raises `EntryError`."""
    seal_key, found = _seal_key(here), []
    for passage in written_passages(unpack(entry.payload).content):
        key = seal_key.key_of(passage)
        try:
            found += [opened(key, passage, part, _decode_one) for part in passage.parts]
        except VaultError as error:
            raise EntryError(f"entry {entry.number} of {entry.origin}: {error}") from error
    return found


# --- erased -----------------------------------------------------------------------------------------------------------


def names_any(entry: Entry, erased: Collection[str]) -> bool:
    """Say whether an entry has documents of learners who are erased, sealed or not. Raises `EntryError`."""
    if not entry.origin.stream.home:
        return any(paper.learner in erased for paper in read_papers(entry))
    subjects = {_subject(learner) for learner in erased}
    passages = written_passages(unpack(entry.payload).content)
    return any(part.subject in subjects for passage in passages for part in passage.parts)


def without_papers(entry: Entry, erased: Collection[str]) -> Callable[[bytes], bytes | None]:
    """Return what takes learners who are erased out of the content of an entry."""
    if not entry.origin.stream.home:
        return lambda content: write_papers(p for p in _decode(content) if p.learner not in erased)
    subjects = {_TENANT: frozenset(_subject(learner) for learner in erased)}
    return lambda content: redacted_passages(content, subjects)


class Papers:
    """What entries with documents add up to; ``here`` is the jurisdiction of the node that folds them."""

    def __init__(self, here: str) -> None:
        self._here = here
        self._known: set[Paper] = set()

    def fold(self, entry: Entry) -> None:
        """Take an entry with documents; what is sealed for others stays as it is."""
        home = entry.origin.stream.home
        assert not entry.origin.stream.is_shared
        if home not in ("", self._here):
            return
        self._known.update(_opened_papers(self._here, entry) if home else read_papers(entry))

    def without(self, erased: Collection[str]) -> set[Paper]:
        """Return all documents but those of learners who are erased."""
        return {paper for paper in self._known if paper.learner not in erased}

    def fingerprint(self, erased: Collection[str]) -> str:
        """Return what is equal for equal documents. It begins with a word for which every link is watched."""
        said = repr(sorted(self.without(erased))).encode()
        return f"document {hashlib.blake2b(said, digest_size=8).hexdigest()}"
