"""What is folded of an entry, whoever wrote it: what its node should have left out is left out here.

A door writes hashes of ids and allowed attributes, and nothing else (`homeroom.events.projection`). All the same an
entry may come from a node that is older than this rule, or is none of ours. So the same rule is held once more before
anything of it is joined: ids that came as texts become hashes, as the dictionaries of a state make them
(`homeroom.events.labels`); attributes that were not allowed are left out. Both give the same rows wherever it is done,
since the key is the tenant's and the list is that of the epoch which the entry names. And it is told, because a node
that does so has put texts where they may not be: into its log, and into every link between.
"""

from dataclasses import dataclass

from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.payloads import OpenPart

__all__ = ["Alarm", "arrived"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """How much of an origin's entries should not have been in them: texts of ids, columns of attributes, tenants.

    What is ``misplaced`` is of a tenant whose events stay in a jurisdiction, in the stream that goes everywhere; or the
    other way round.
    """

    entries: int = 0
    texts: int = 0
    attributes: int = 0
    misplaced: int = 0

    def joined(self, other: "Alarm") -> "Alarm":
        """Return both together."""
        return Alarm(
            self.entries + other.entries,
            self.texts + other.texts,
            self.attributes + other.attributes,
            self.misplaced + other.misplaced,
        )

    def told(self, origin: object) -> str:
        """Say it in words; what it is about is not repeated."""
        if self.misplaced:
            return (
                f"{origin} wrote events of a tenant into a stream that is not the one they belong to, in "
                f"{self.entries:,} entries; they count nowhere, but its log holds them: run this version of homeroom "
                f"on that node"
            )
        return (
            f"{origin} wrote {self.texts:,} ids as texts and {self.attributes:,} attributes that may not be kept, in "
            f"{self.entries:,} entries; they were hashed and left out here, but its log holds them: run this version "
            f"of homeroom on that node"
        )


def arrived(entry: Entry, part: OpenPart, control: Control) -> tuple[OpenPart, Alarm | None]:
    """Return what may be folded of a part of an entry, and an alarm if that is not all of it.

    Parameters
    ----------
    entry : names the epoch under whose list of attributes it was written
    part : of one tenant
    control : what was stated, at least up to that epoch
    """
    refused = part.attributes - control.catalogue(part.tenant).allowed_at(entry.epoch)
    texts = part.plain_texts
    if not refused and not texts:
        return part, None
    return part.without(refused), Alarm(1, texts, len(refused))
