"""What a statement is found by, and the search that walks it.

A term is a keyed hash of a kind and a value. A filter of a request becomes the terms of which one must be there: for a
person the main term, and where related places count, the related one as well. All filters must hold for the same
statement, which may be the one that is shown or one that it refers to. One index, in the order of storing, answers
each page from where the last one ended.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from homeroom.adapters.vault.sealing import Seals
from homeroom.errors import RecordError, VaultError
from homeroom.records.contents import Contents, Part
from homeroom.records.people import identity_of
from homeroom.records.queries import Attachments, Breadth, Order, Search
from homeroom.records.showing import Form

__all__ = ["PLACE_BITS", "Walk", "agent_term", "attachment_name", "terms_of", "walk_of"]

PLACE_BITS: Final = 20
"""Bits of a place that count the statements of a millisecond."""
_LAST_PLACE: Final = (1 << 62) - 1
_AGENT: Final = {Part.MAIN: b"agent", Part.RELATED: b"related agent"}
_ACTIVITY: Final = {Part.MAIN: b"activity", Part.RELATED: b"related activity"}
_PARTS: Final = {Breadth.MAIN: (Part.MAIN,), Breadth.ALL: (Part.MAIN, Part.RELATED)}


def agent_term(seals: Seals, subject: bytes) -> bytes:
    """Return the term of statements whose actor or object is a subject."""
    return seals.hash(_AGENT[Part.MAIN], subject)


def attachment_name(seals: Seals, digest: str) -> bytes:
    """Return under which name the data of an attachment are kept: a keyed hash of their hash."""
    return seals.hash(b"attachment", digest.encode())


def terms_of(
    contents: Contents, people: Sequence[tuple[bytes, Part]], seals: Seals
) -> dict[bytes, None]:
    """Return the terms of a statement, each once.

    Parameters
    ----------
    contents : what it names
    people : pseudonyms of its persons, with the part that they play
    """
    found = {seals.known_hash(b"verb", contents.verb.encode()): None}
    for subject, part in people:
        found[seals.known_hash(_AGENT[part], subject)] = None
    for activity, part in contents.activities:
        found[seals.known_hash(_ACTIVITY[part], activity["id"].encode())] = None
    if contents.registration is not None:
        found[seals.known_hash(b"registration", UUID(contents.registration).bytes)] = None
    return found


class Walk(msgspec.Struct, frozen=True, array_like=True):
    """A search as a walk through terms; what a link to the next page says.

    Parameters
    ----------
    filters : of each, one of the terms must be there; the one that finds least stands first
    low, high : places, both included
    limit : statements of a page
    form, attachments, order : how they are shown
    """

    filters: list[list[bytes]]
    low: int
    high: int
    limit: int
    form: Form
    attachments: Attachments
    order: Order

    def query(self, tenant: int) -> tuple[str, list[object]]:
        """Return SQL for the places of a page, and of one statement more, and what is bound in it."""
        descending = " DESC" if self.order is Order.NEWEST_FIRST else ""
        end = f"ORDER BY place{descending} LIMIT ?"
        if not self.filters:
            return (
                "SELECT place FROM statements WHERE tenant = ? AND standing = 0 AND place BETWEEN ? AND ? "
                + end,
                [tenant, self.low, self.high, self.limit + 1],
            )
        first, *others = self.filters
        arm = (
            "SELECT t.place AS place FROM terms t JOIN statements s ON s.place = t.place "
            "WHERE t.term = ? AND t.place BETWEEN ? AND ? AND s.standing = 0 AND s.tenant = ?"
        )
        given: list[object] = []
        for alternatives in others:
            marks = ", ".join("?" * len(alternatives))
            arm += (
                f" AND EXISTS (SELECT 1 FROM terms x WHERE x.term IN ({marks}) AND x.place = t.place "
                "AND x.matched = t.matched)"
            )
            given += alternatives
        arms = [[term, self.low, self.high, tenant, *given] for term in first]
        # Two arms in the order of the index are merged, never sorted; UNION leaves repeats out.
        query = (
            " UNION ".join([arm] * len(arms))
            if len(arms) > 1
            else arm.replace("SELECT", "SELECT DISTINCT", 1)
        )
        return f"{query} {end}", [*(one for each in arms for one in each), self.limit + 1]

    def after(self, place: int) -> "Walk":
        """Return the walk that goes on behind a place."""
        if self.order is Order.NEWEST_FIRST:
            return msgspec.structs.replace(self, high=place - 1)
        return msgspec.structs.replace(self, low=place + 1)

    def sealed(self, seals: Seals) -> str:
        """Write the walk as an opaque text."""
        sealed = seals.seal_cursor(msgspec.msgpack.encode(self))
        return sealed.hex()

    @classmethod
    def opened(cls, text: str, seals: Seals) -> "Walk":
        """Read what `sealed` wrote; raise `RecordError` if it is something else."""
        try:
            return msgspec.msgpack.decode(seals.open_cursor(bytes.fromhex(text)), type=cls)
        except (ValueError, VaultError, msgspec.MsgspecError):
            raise RecordError(
                "cursor", "must be one that this store gave in `more`", "begin the search again"
            ) from None


def walk_of(search: Search, seals: Seals) -> Walk:
    """Return the walk that answers a search."""
    filters: list[list[bytes]] = []
    if search.agent is not None:
        subject = seals.pseudonym(*identity_of(search.agent))
        filters.append([seals.hash(_AGENT[part], subject) for part in _PARTS[search.agent_breadth]])
    if search.registration is not None:
        filters.append([seals.hash(b"registration", UUID(search.registration).bytes)])
    if search.activity is not None:
        activity = search.activity.encode()
        filters.append(
            [seals.hash(_ACTIVITY[part], activity) for part in _PARTS[search.activity_breadth]]
        )
    if search.verb is not None:
        filters.append([seals.hash(b"verb", search.verb.encode())])
    low = 0 if search.since_us is None else _place_after(search.since_us)
    high = _LAST_PLACE if search.until_us is None else _place_after(search.until_us) - 1
    return Walk(filters, low, high, search.limit, search.form, search.attachments, search.order)


def _place_after(time_us: int) -> int:
    """Return the first place of the millisecond after the one that an instant lies in."""
    return min(max(0, (time_us // 1000 + 1) << PLACE_BITS), _LAST_PLACE)
