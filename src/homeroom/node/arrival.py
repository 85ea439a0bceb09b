"""What is folded of an entry, whoever wrote it: what its node should have left out is left out here.

A door writes hashes of ids and allowed attributes, and nothing else (`homeroom.events.projection`). All the same an
entry may come from a node that is older than this rule, or is none of ours. So the same rule is held once more before
anything of it is joined: ids that came as texts become hashes, as the dictionaries of a state make them
(`homeroom.events.labels`); attributes that were not allowed are left out. Both give the same rows wherever it is done,
since the key is the tenant's and the list is that of the epoch which the entry names. And it is told, because a node
that does so has put texts where they may not be: into its log, and into every link between.
"""

from dataclasses import dataclass, replace

from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.payloads import Part

__all__ = ["Alarm", "arrived"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """How much of an origin's entries should not have been in them: texts of ids, columns of attributes."""

    entries: int = 0
    texts: int = 0
    attributes: int = 0

    def joined(self, other: "Alarm") -> "Alarm":
        """Return both together."""
        return Alarm(
            self.entries + other.entries,
            self.texts + other.texts,
            self.attributes + other.attributes,
        )

    def told(self, origin: object) -> str:
        """Say it in words; what it is about is not repeated."""
        return (
            f"{origin} wrote {self.texts:,} ids as texts and {self.attributes:,} attributes that may not be kept, in "
            f"{self.entries:,} entries; they were hashed and left out here, but its log holds them: run this version "
            f"of homeroom on that node"
        )


def arrived(entry: Entry, part: Part, control: Control) -> tuple[Part, Alarm | None]:
    """Return what may be folded of a part of an entry, and an alarm if that is not all of it.

    Parameters
    ----------
    entry : names the epoch under whose list of attributes it was written
    part : of one tenant
    control : what was stated, at least up to that epoch
    """
    if part.events is None:
        return part, None
    allowed = control.catalogue(part.tenant).allowed_at(entry.epoch)
    attributes = {name: one for name, one in part.events.attributes.items() if name in allowed}
    refused = len(part.events.attributes) - len(attributes)
    if not refused and not part.plain_texts:
        return part, None
    kept = replace(part, events=replace(part.events, attributes=attributes))
    return kept, Alarm(1, part.plain_texts, refused)
