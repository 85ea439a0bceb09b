"""The door of a simulated node: what is sent becomes the content of entries, a stream each, without who is erased.

A document of somebody who lives in another jurisdiction is sealed for there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from homeroom.log.control import Change, write_changes
from homeroom.log.log import Admission, Offer
from homeroom.log.origins import Stream
from homeroom.simulation.regions.erasing import cut
from homeroom.simulation.regions.ledger import write_happenings
from homeroom.simulation.regions.papers import Paper, sealed_papers, write_papers
from homeroom.simulation.regions.rows import Happening

__all__ = ["PINNED", "Content", "Residence", "admitted", "stream_of", "write_content"]

PINNED: Final = "pinned"
"""So begins the name of each learner of the tenant whose events stay in a jurisdiction."""

Content: TypeAlias = tuple[Happening, ...] | tuple[Paper, ...] | list[Change]
"""What is sent in a batch."""


@dataclass(frozen=True, slots=True)
class Residence:
    """In which jurisdiction a node is, and by learner in which they live; of all others that is wherever they write."""

    here: str = ""
    homes: Mapping[str, str] = field(default_factory=dict)

    def stream_of(self, content: Content) -> Stream:
        """Return the stream that something belongs to here. Documents of a batch are of one learner."""
        stream = stream_of(content)
        if stream is not Stream.DOCUMENT:
            return stream
        home = self.homes.get(cast("tuple[Paper, ...]", content)[0].learner, self.here)
        return stream if home == self.here else Stream.sealed_for(home)


def stream_of(content: Content) -> Stream:
    """Return the stream that something belongs to; nothing at all is a mark, and of the analytic one."""
    if isinstance(content, list):
        return Stream.CONTROL
    first = content[0] if content else None
    if isinstance(first, Paper):
        return Stream.DOCUMENT
    is_pinned = first is not None and first.learner.startswith(PINNED)
    return Stream.PINNED if is_pinned else Stream.ANALYTIC


def write_content(content: Content, erased: Collection[str] = ()) -> bytes:
    """Return the content of an entry, without what it has of learners who are erased."""
    match stream_of(content):
        case Stream.CONTROL:
            return write_changes(cast("list[Change]", content))
        case Stream.DOCUMENT:
            papers = cast("tuple[Paper, ...]", content)
            return write_papers(paper for paper in papers if paper.learner not in erased)
        case _:
            return write_happenings(cut(cast("tuple[Happening, ...]", content), erased))


def admitted(offers: Sequence[Offer], erased: Collection[str], residence: Residence) -> Admission:
    """Return what becomes of offers at a door that lets nothing in of learners who are erased."""
    streams = [residence.stream_of(offer.content) for offer in offers]
    contents = {}
    for stream in sorted(set(streams)):
        sent = [o.content for o, of in zip(offers, streams, strict=True) if of is stream]
        joined = [one for content in sent for one in content]
        # A list is of changes; there is nothing else that a stream of its own could be told by.
        whole = cast("Content", joined if stream is Stream.CONTROL else tuple(joined))
        contents[stream] = (
            _sealed(stream.home, joined, erased) if stream.home else write_content(whole, erased)
        )
    return Admission(contents, [b"{}"] * len(offers), streams)


def _sealed(home: str, papers: Sequence[object], erased: Collection[str]) -> bytes:
    kept = [one for one in papers if isinstance(one, Paper) and one.learner not in erased]
    return sealed_papers(home, kept)
