"""The certificate of an erasure: a line for each place in which something of the person may have been.

A line is open until its place has reported that nothing is left there, and says what to wait for. What must stay says
so, and why: nobody should read a certificate and believe more than is true.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from homeroom import limits
from homeroom.events.instants import format_instant
from homeroom.log.erasures import Erasure

__all__ = ["CLEANED", "Certificate", "CertificateLine", "Place", "certificate"]

_DAY_MS: Final = 86_400_000


class Place(StrEnum):
    """Where something of a person may be."""

    REGISTER = "register"
    ANSWERS = "answers"
    RECORDS = "records"
    COPIES = "copies"
    LOG = "log"
    HISTORY = "history"
    MEMBERSHIP = "membership"
    WEBHOOKS = "webhooks"
    CACHES = "caches"
    AUDIT = "audit"
    BACKUPS = "backups"


CLEANED: Final = (
    Place.RECORDS,
    Place.COPIES,
    Place.LOG,
    Place.HISTORY,
    Place.MEMBERSHIP,
    Place.WEBHOOKS,
    Place.CACHES,
)
"""Places that are cleaned in the background; the others are done by themselves."""
_NOTES: Final = {
    Place.REGISTER: "the raw keys are in the register of erasures, for ever",
    Place.ANSWERS: "no answer has anything of them, and what comes of them is cut at the door",
    Place.RECORDS: "keys destroyed; statements, profiles, states and attachments removed",
    Place.COPIES: "copies of the records made anew, and the older ones removed",
    Place.LOG: "entries redacted; what they void stays",
    Place.HISTORY: "segments and snapshots written anew, and the older ones removed",
    Place.MEMBERSHIP: "memberships and their changes",
    Place.WEBHOOKS: "changes that are not delivered, dead letters",
    Place.CACHES: "answers that were kept in the process, the region and the world; older ones are told to nobody",
    Place.AUDIT: "stays: who looked at the pseudonym, and when; it names nobody",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One place: when nothing was left there (milliseconds since 1970 UTC), None while it is open; and in words."""

    place: Place
    done_ms: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """How far an erasure is.

    Parameters
    ----------
    name : 32 hexadecimal digits
    tenant, node : whose data it is about, and on which node
    at_ms, due_ms : when it was asked for, and by when all but backups must be done
    keys : the raw keys, 32 hexadecimal digits each
    lines : one a place
    """

    name: str
    tenant: str
    node: str
    at_ms: int
    due_ms: int
    keys: tuple[str, ...]
    lines: tuple[CertificateLine, ...]

    @property
    def is_complete(self) -> bool:
        """Whether no line is open."""
        return all(line.done_ms is not None for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "id": self.name,
            "tenant": self.tenant,
            "node": self.node,
            "at": format_instant(self.at_ms),
            "due": format_instant(self.due_ms),
            "complete": self.is_complete,
            "learners": list(self.keys),
            "places": [
                {
                    "place": line.place.value,
                    "done": None if line.done_ms is None else format_instant(line.done_ms),
                    "note": line.note,
                }
                for line in self.lines
            ],
        }

    def is_overdue(self, now_ms: int) -> bool:
        """Whether a line other than that of backups is open after the time."""
        late = (one.done_ms is None for one in self.lines if one.place is not Place.BACKUPS)
        return now_ms > self.due_ms and any(late)


def certificate(
    whose: tuple[str, str],
    erasure: Erasure,
    done: Mapping[str, int],
    waits: Mapping[Place, str],
    backups: tuple[int | None, int],
) -> Certificate:
    """Return how far an erasure is.

    Parameters
    ----------
    whose : tenant and node
    erasure : what is erased
    done : by place when nothing was left there
    waits : by place what an open one waits for, in words
    backups : for how many days backups are kept, None if nobody said; and the time that it is
    """
    days, now_ms = backups
    lines = [_line(place, erasure, done, waits) for place in Place if place is not Place.BACKUPS]
    lines.append(_line_of_backups(erasure, days, now_ms))
    return Certificate(
        name=erasure.name,
        tenant=whose[0],
        node=whose[1],
        at_ms=erasure.at_ms,
        due_ms=erasure.at_ms + limits.ERASURE_DUE_MS,
        keys=tuple(key.hex() for key in erasure.raw_keys()),
        lines=tuple(lines),
    )


def _line(
    place: Place, erasure: Erasure, done: Mapping[str, int], waits: Mapping[Place, str]
) -> CertificateLine:
    done_ms = done.get(place.value) if place in CLEANED else erasure.at_ms
    note = _NOTES[place] if done_ms is not None else waits.get(place, "under way")
    return CertificateLine(place=place, done_ms=done_ms, note=note)


def _line_of_backups(erasure: Erasure, days: int | None, now_ms: int) -> CertificateLine:
    if days is None:
        note = (
            "older backups hold what they held; say with node.backup_days for how many days backups are kept. A "
            "restore reads the register before it serves"
        )
        return CertificateLine(place=Place.BACKUPS, done_ms=None, note=note)
    until_ms = erasure.at_ms + days * _DAY_MS
    if now_ms < until_ms:
        note = f"backups that are older are kept for {days:,} days; a restore reads the register before it serves"
        return CertificateLine(place=Place.BACKUPS, done_ms=None, note=note)
    note = (
        f"backups that are older have been removed, if they are kept for {days:,} days as was said"
    )
    return CertificateLine(place=Place.BACKUPS, done_ms=until_ms, note=note)
