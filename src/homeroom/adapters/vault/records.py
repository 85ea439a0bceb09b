"""The records of one process, kept in the vault directly: each request is prepared and applied under one lock.

A node does the same in two steps, with its log in between; what is here is the shortest whole form of it.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.operations import Stamped
from homeroom.adapters.vault.person import PersonRecords, records_of
from homeroom.adapters.vault.preparing import KeysOf, Prepared, Preparer
from homeroom.adapters.vault.reading import VaultReader, all_is_here
from homeroom.adapters.vault.reads import Reads
from homeroom.adapters.vault.sealing import Seals
from homeroom.clock import HybridClock
from homeroom.records.documents import Address, Document
from homeroom.records.people import Json, identity_of
from homeroom.records.queries import OneStatement, Search
from homeroom.records.store import (
    LOCAL,
    Accepted,
    Caller,
    DocumentChange,
    Holding,
    Listed,
    Page,
    Refusal,
    Refused,
    Sent,
    Shown,
)

__all__ = ["VaultQuestions", "VaultRecords"]

T = TypeVar("T")
_NOWHERE_ELSE: Final = Refused(
    Refusal.UNATTAINABLE, "", "these records are kept in one place; ask for local, or for all"
)


class VaultQuestions:
    """Answers questions from a vault's file, each in a thread, while it is being written.

    Parameters
    ----------
    path : of the file, which is there
    keys_of : returns the keys of a tenant
    through_ms : returns up to when all that was stored is here, milliseconds since 1970
    """

    def __init__(
        self, path: Path, keys_of: KeysOf, through_ms: Callable[[], int] = all_is_here
    ) -> None:
        self._path = path
        self._through_ms = through_ms
        self._keys_of = keys_of
        self._idle: queue.SimpleQueue[Reads] = queue.SimpleQueue()
        self._all_reads: list[Reads] = []

    def close(self) -> None:
        """Close the file; nothing may be under way."""
        for reads in self._all_reads:
            reads.close()

    def forget(self, tenant: str, subject: bytes) -> None:
        """Hold nothing any more of a person whose key was destroyed."""
        for reads in self._all_reads:
            reads.of(tenant).forget(subject)

    def pseudonym_of(self, tenant: str, person: Json) -> str:
        """Return the pseudonym of a person who was checked, 32 hexadecimal digits: that of its events."""
        return Seals(self._keys_of(tenant)).pseudonym(*identity_of(person)).hex()

    async def statement(
        self, asked: OneStatement, caller: Caller, languages: Sequence[str]
    ) -> Shown | None:
        """Return one statement, None if there is none."""
        return await self._asked(lambda reads: reads.statement(asked, caller.tenant, languages))

    async def of_person(self, tenant: str, subject: bytes) -> PersonRecords:
        """Return all that is kept of a person, by raw key. Raises `VaultError`."""
        return await self._asked(lambda reads: records_of(reads.of(tenant), subject))

    async def search(self, asked: Search, caller: Caller, languages: Sequence[str]) -> Page:
        """Return the first page of a search."""
        return await self._asked(lambda reads: reads.search(asked, caller.tenant, languages))

    async def more(self, cursor: str, caller: Caller, languages: Sequence[str]) -> Page:
        """Return the page that a link asks for."""
        return await self._asked(lambda reads: reads.more(cursor, caller.tenant, languages))

    async def document(self, address: Address, caller: Caller) -> Document | None:
        """Return one document, None if there is none."""
        return await self._asked(lambda reads: reads.document(address, caller.tenant))

    async def document_ids(self, address: Address, caller: Caller) -> Listed:
        """Return the ids of documents."""
        return await self._asked(lambda reads: reads.document_ids(address, caller.tenant))

    async def definition(self, activity: str, caller: Caller) -> Json | None:
        """Return what is known of an activity."""
        return await self._asked(lambda reads: reads.definition(activity, caller.tenant))

    async def portraits(self, agent: Json, caller: Caller) -> list[Json]:
        """Return the forms of a person."""
        return await self._asked(lambda reads: reads.portraits(agent, caller.tenant))

    async def conflicts(self, caller: Caller, count_max: int) -> list[str]:
        """Return ids under which nodes accepted different statements, of which the one stored first is kept."""
        return await self._asked(lambda reads: reads.conflicts(caller.tenant, count_max))

    async def _asked(self, ask: Callable[[Reads], T]) -> T:
        return await asyncio.to_thread(self._ask, ask)

    def _ask(self, ask: Callable[[Reads], T]) -> T:
        """Ask with a connection that nobody else is asking with."""
        try:
            reads = self._idle.get_nowait()
        except queue.Empty:
            reads = Reads(self._path, self._keys_of, self._through_ms)
            self._all_reads.append(reads)
        try:
            return ask(reads)
        finally:
            self._idle.put(reads)


class VaultRecords(VaultQuestions):
    """Keeps records in a vault's file.

    Parameters
    ----------
    path : of the file, made if there is none
    keys_of : returns the keys of a tenant
    now_ms : tells the time, milliseconds since 1970
    """

    def __init__(self, path: Path, keys_of: KeysOf, now_ms: Callable[[], int]) -> None:
        self.vault = Vault(path)
        self._reader = VaultReader(path)
        self._preparer = Preparer(self._reader, keys_of)
        super().__init__(path, keys_of)
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._clock = HybridClock(int(self.vault.applied or 0))

    def close(self) -> None:
        """Close the file; nothing may be under way."""
        super().close()
        self._reader.close()
        self.vault.close()

    # --- changes -----------------------------------------------------------------------------------------------------

    async def accept(
        self, sent: Sent, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Keep statements."""
        if holding.asked == "remote":
            return _NOWHERE_ELSE
        return self._done(lambda now_ms: self._preparer.accept(sent, caller, now_ms))

    async def change(
        self, change: DocumentChange, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Change documents."""
        if holding.asked == "remote":
            return _NOWHERE_ELSE
        return self._done(lambda now_ms: self._preparer.change(change, caller, now_ms))

    def erase(self, tenant: str, subject: bytes) -> Accepted | Refused:
        """Destroy the key of a person, by pseudonym."""
        answer = self._done(lambda _: self._preparer.erase(tenant, subject))
        if isinstance(answer, Accepted):
            self.forget(tenant, subject)
        return answer

    def _done(self, prepare: Callable[[int], Prepared | Refused]) -> Accepted | Refused:
        with self._lock:
            now_ms = self._now_ms()
            prepared = prepare(now_ms)
            if isinstance(prepared, Refused):
                return prepared
            if prepared.change.operations:
                stamp = self._clock.stamp(now_ms)
                try:
                    self.vault.apply([Stamped(stamp, b"", [prepared.change])], str(stamp))
                except BaseException:
                    self._preparer.forget()
                    raise
                self._preparer.applied(prepared)
            return prepared.answer

    def consistent_through_ms(self) -> int:
        """Return the time up to which everything that was stored is found: now, since nothing waits."""
        return self._now_ms()
