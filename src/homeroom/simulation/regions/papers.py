"""Documents: what people wrote, with their names in it; it stays in its jurisdiction.

A simulated node folds documents as a set. Whom an erasure names is taken out of it when it is asked for, so that it
makes no difference which comes first; in the log they are cut as events are (`homeroom.simulation.regions.erasing`).
"""

import hashlib
from collections.abc import Collection, Iterable

import msgspec

from homeroom.errors import EntryError
from homeroom.log.entries import Entry
from homeroom.log.origins import Stream
from homeroom.log.payloads import unpack

__all__ = ["Paper", "Papers", "read_papers", "write_papers"]


class Paper(msgspec.Struct, array_like=True, frozen=True, order=True):
    """One document: its id, of whom, and what it says."""

    id: str
    learner: str
    text: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Paper]).decode


def write_papers(papers: Iterable[Paper]) -> bytes:
    """Return documents as the content of an entry."""
    return _encode(list(papers))


def read_papers(entry: Entry) -> list[Paper]:
    """Return the documents of an entry. Raises `EntryError`."""
    try:
        return _decode(unpack(entry.payload).content)
    except msgspec.MsgspecError as error:
        raise EntryError(f"entry {entry.number} of {entry.origin} cannot be read") from error


class Papers:
    """What entries with documents add up to."""

    def __init__(self) -> None:
        self._known: set[Paper] = set()

    def fold(self, entry: Entry) -> None:
        """Take an entry with documents."""
        assert entry.origin.stream is Stream.DOCUMENT
        self._known.update(read_papers(entry))

    def without(self, erased: Collection[str]) -> set[Paper]:
        """Return all documents but those of learners who are erased."""
        return {paper for paper in self._known if paper.learner not in erased}

    def fingerprint(self, erased: Collection[str]) -> str:
        """Return what is equal for equal documents. It begins with a word for which every link is watched."""
        said = repr(sorted(self.without(erased))).encode()
        return f"document {hashlib.blake2b(said, digest_size=8).hexdigest()}"
