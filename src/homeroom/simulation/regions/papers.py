"""Documents: what people wrote, with their names in it; it stays in its jurisdiction, or goes home sealed.

A simulated node folds documents as a set. Whom an erasure names is taken out of it when it is asked for, so that it
makes no difference which comes first; in the log they are cut as events are (`homeroom.simulation.regions.erasing`).

A seal is made with the name of the jurisdiction that it is for, and opens with that name alone: it keeps nobody out,
but a node that opens what is not for it has to mean to.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from itertools import cycle
from typing import TypeAlias

import msgspec

from homeroom.errors import EntryError
from homeroom.log.entries import Entry
from homeroom.log.payloads import unpack

__all__ = ["Paper", "Papers", "Sealed", "read_papers", "sealed_for", "write_papers"]


class Paper(msgspec.Struct, array_like=True, frozen=True, order=True):
    """One document: its id, of whom, and what it says."""

    id: str
    learner: str
    text: str


class Sealed(msgspec.Struct, array_like=True, frozen=True):
    """One document that is sealed for another jurisdiction, and of whom it is."""

    learner: str
    sealed: bytes


_Written: TypeAlias = Sequence[Paper] | Sequence[Sealed]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Paper]).decode
_decode_sealed = msgspec.msgpack.Decoder(list[Sealed]).decode
_decode_one = msgspec.msgpack.Decoder(Paper).decode


def write_papers(papers: Iterable[Paper] | Iterable[Sealed]) -> bytes:
    """Return documents as the content of an entry."""
    return _encode(list(papers))


def sealed_for(home: str, paper: Paper) -> Sealed:
    """Return a document sealed for a jurisdiction."""
    return Sealed(paper.learner, _mixed(home, _encode(paper)))


def _mixed(home: str, content: bytes) -> bytes:
    key = hashlib.blake2b(home.encode()).digest()
    return bytes(one ^ other for one, other in zip(content, cycle(key), strict=False))


def _opened(here: str, one: Sealed) -> Paper:
    try:
        return _decode_one(_mixed(here, one.sealed))
    except msgspec.MsgspecError as error:
        raise EntryError(f"a document of {one.learner} is sealed, and not for {here}") from error


def read_papers(entry: Entry) -> _Written:
    """Return the documents of an entry, sealed ones as they are. Raises `EntryError`."""
    decode = _decode_sealed if entry.origin.stream.home else _decode
    try:
        return decode(unpack(entry.payload).content)
    except msgspec.MsgspecError as error:
        raise EntryError(f"entry {entry.number} of {entry.origin} cannot be read") from error


class Papers:
    """What entries with documents add up to; ``here`` is the jurisdiction of the node that folds them."""

    def __init__(self, here: str) -> None:
        self._here = here
        self._known: set[Paper] = set()

    def fold(self, entry: Entry) -> None:
        """Take an entry with documents; what is sealed for others stays as it is."""
        assert not entry.origin.stream.is_shared
        if entry.origin.stream.home not in ("", self._here):
            return
        for one in read_papers(entry):
            self._known.add(one if isinstance(one, Paper) else _opened(self._here, one))

    def without(self, erased: Collection[str]) -> set[Paper]:
        """Return all documents but those of learners who are erased."""
        return {paper for paper in self._known if paper.learner not in erased}

    def fingerprint(self, erased: Collection[str]) -> str:
        """Return what is equal for equal documents. It begins with a word for which every link is watched."""
        said = repr(sorted(self.without(erased))).encode()
        return f"document {hashlib.blake2b(said, digest_size=8).hexdigest()}"
