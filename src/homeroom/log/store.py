"""Where entries are kept: what the log asks of a database, and nothing more.

Two databases do this, SQLite within the process and PostgreSQL beside it; a third, in memory, forgets and tears in the
tests what a disk may forget and tear. All pass one suite.

A store can only say what it holds. That it once held more (a disk was restored, a server failed over to one that had
not everything yet) is seen by whoever remembers: `expect` compares what a store holds with what this node last saw
there, or what its snapshot had applied.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from homeroom.errors import StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Vector

__all__ = ["Store", "expect"]


class Store(Protocol):
    """Entries by origin and number, and the records of batches.

    Every method raises `StoreError` when the database cannot do it. After `write` has raised, the store is not written
    to again: what it holds of that write is not known. One thread writes; any may read.
    """

    def write(self, entries: Sequence[Entry], records: Sequence[BatchRecord]) -> None:
        """Keep all of these or none; return when they are durable. The entries follow those that are there."""

    def record(self, owner: str, batch_id: str) -> BatchRecord | None:
        """Return what is kept of a batch."""

    def records_of(self, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], BatchRecord]:
        """Return what is kept of batches by owner and id; those of which nothing is kept are left out."""

    def held(self) -> Vector:
        """Return by origin the last number."""

    def head(self, origin: Origin) -> Head:
        """Return what the next entry of an origin follows; it stays when the entries before it are collected."""

    def begins(self) -> Vector:
        """Return by origin the number before the first entry that is kept; if all are, it may be left out."""

    def last_hybrid(self) -> int:
        """Return the latest hybrid stamp of all entries, 0 if there is none."""

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries in order, from number ``first`` on; payloads are not checked here.

        Only entries that were collected are left out; one that is missing otherwise is a `StoreError`.
        """

    def collect(self, up_to: Vector) -> int:
        """Forget some entries up to these numbers, but not that they were.

        Return how many went; 0 when none are left. It writes, so it belongs to the thread that writes; one call takes
        a bounded number, so that no write waits long.
        """

    def redact(self, entries: Sequence[Entry]) -> None:
        """Put redacted entries in the places of those that are here under their numbers; return when it is durable.

        Those that were collected are passed over. It writes, so it belongs to the thread that writes. What was there
        before may lie in the database's journal or in free pages until `scrub`.
        """

    def scrub(self) -> str | None:
        """Have nothing left of what was redacted or collected; return why something may be, None if nothing is.

        It belongs to the thread that writes.
        """

    def close(self) -> None:
        """Let go of the database."""


def expect(held: Vector, seen: Vector) -> None:
    """Raise `StoreError` if a store does not hold what was seen there before."""
    lost = [
        f"{held[origin] + 1} to {number} of {origin}"
        for origin, number in sorted(seen.items())
        if held[origin] < number
    ]
    if lost:
        raise StoreError(
            f"the log's store has lost entries that were durable there: {', '.join(lost)}. It was restored to an "
            f"earlier time, or its server failed over to one that lagged; state must be folded anew, and the entries "
            f"fetched from other nodes"
        )
