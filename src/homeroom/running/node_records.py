"""What the record store's interface asks of a running node: reads go to the vault's file, writes through the log.

Who writes may want to wait until other nodes of the jurisdiction have it too; who reads is told up to when all is here
that was stored anywhere in it.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from homeroom.adapters.vault.reading import all_is_here
from homeroom.adapters.vault.records import VaultQuestions
from homeroom.adapters.vault.sealing import TenantKeys
from homeroom.adapters.vault.statements import uuid_bytes
from homeroom.log import log
from homeroom.records.documents import Address, Document
from homeroom.records.queries import OneStatement
from homeroom.records.store import (
    LOCAL,
    Accepted,
    Caller,
    DocumentChange,
    Holding,
    Listed,
    Refusal,
    Refused,
    Sent,
    Shown,
)
from homeroom.regions.steps import Level
from homeroom.running.homes_here import HomesHere
from homeroom.running.recording import RecordRequest, outcome_of

__all__ = ["Among", "NodeRecords"]


class Among(Protocol):
    """Other nodes that have the records of a node."""

    def others_ms(self) -> Sequence[int]:
        """Return of each up to when all is here that it stored, milliseconds since 1970."""

    def wanted(self, asked: Level, least: Level, homes: frozenset[str]) -> Level | log.Refused:
        """Return the level that is waited for: what is asked for, and the floor as far as it can be had.

        ``homes`` are the jurisdictions in which what is sent is kept, an empty one is here.
        """

    async def held(
        self, level: Level, offer: Callable[[], Awaitable[log.Accepted | log.Refused]]
    ) -> tuple[log.Accepted | log.Refused, Level]:
        """Offer something; return when it is held at a level or the time for that is over, and how far it is."""


class NodeRecords(VaultQuestions):
    """What the record store's interface asks of a node; see `homeroom.records.store.Records`.

    Parameters
    ----------
    path, keys_of : of the vault, as for `RecordReader`
    offer : offers something to the log
    now_ms : the clock of the machine
    among : of other nodes of the jurisdiction, None for a node alone
    homes : where persons have their homes
    """

    def __init__(
        self,
        path: Path,
        keys_of: Callable[[str], TenantKeys],
        offer: Callable[[log.Offer], Awaitable[log.Accepted | log.Refused]],
        now_ms: Callable[[], int],
        among: Among | None = None,
        homes: HomesHere | None = None,
    ) -> None:
        self._homes = homes or HomesHere()
        super().__init__(path, keys_of, self._through_others_ms)
        self._offer = offer
        self._now_ms = now_ms
        self._among = among

    async def accept(
        self, sent: Sent, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Keep statements; return when they are durable and found, and held as far as is wanted."""
        size_bytes = sum(map(len, sent.data.values()))
        offer = _offer(RecordRequest(sent, caller), len(sent.statements), size_bytes)
        actors = [one["actor"] for one in sent.statements]
        homes = self._homes.homes(caller.tenant, self._keys_of, actors)
        return await self._asked_for(offer, holding, homes or _HERE)

    async def change(
        self, change: DocumentChange, caller: Caller, holding: Holding = LOCAL
    ) -> Accepted | Refused:
        """Change documents; return when that is durable and found, and held as far as is wanted.

        Raises `RecordsElsewhereError` for documents of somebody whose home is in another jurisdiction: what a change
        comes to depends on what is there.
        """
        self._expect_here(change.address, caller)
        size_bytes = 0 if change.document is None else len(change.document.content)
        offer = _offer(RecordRequest(change, caller), 0, size_bytes)
        return await self._asked_for(offer, holding, _HERE)

    async def statement(
        self, asked: OneStatement, caller: Caller, languages: Sequence[str]
    ) -> Shown | None:
        """Return one statement, None if there is none. Raises `RecordsElsewhereError` for one that was sealed."""
        shown = await super().statement(asked, caller, languages)
        if shown is None:
            identifier = uuid_bytes(asked.statement_id)
            gone = await self._asked(lambda reads: reads.of(caller.tenant).sent(identifier))
            for _, home in gone:
                raise self._homes.elsewhere(home)
        return shown

    async def document(self, address: Address, caller: Caller) -> Document | None:
        """Return one document, None if there is none. Raises `RecordsElsewhereError` as `change` does."""
        self._expect_here(address, caller)
        return await super().document(address, caller)

    async def document_ids(self, address: Address, caller: Caller) -> Listed:
        """Return the ids of documents. Raises `RecordsElsewhereError` as `change` does."""
        self._expect_here(address, caller)
        return await super().document_ids(address, caller)

    def _expect_here(self, address: Address, caller: Caller) -> None:
        agents = [] if address.agent is None else [address.agent]
        for home in self._homes.homes(caller.tenant, self._keys_of, agents) - _HERE:
            raise self._homes.elsewhere(home)

    async def _asked_for(
        self, offer: log.Offer, holding: Holding, homes: frozenset[str]
    ) -> Accepted | Refused:
        asked, least = (Level[one.upper()] for one in (holding.asked, holding.least))
        if self._among is None:
            outcome, wanted, reached = await self._alone(offer, asked), asked, Level.ALL
        else:
            level = self._among.wanted(asked, least, homes)
            if isinstance(level, log.Refused):
                return _refused(level)
            wanted = level
            outcome, reached = await self._among.held(level, lambda: self._offer(offer))
        if isinstance(outcome, log.Refused):
            return _refused(outcome)
        told = outcome_of(outcome.answer)
        if isinstance(told, Refused):
            return told
        lacks = wanted.name.lower() if reached < wanted else ""
        return replace(told, held=reached.name.lower(), lacks=lacks)

    async def _alone(self, offer: log.Offer, asked: Level) -> log.Accepted | log.Refused:
        if asked is Level.REMOTE:
            why = "there is no node in another region; ask for local, or for all"
            return log.Refused(log.Refusal.UNATTAINABLE, why)
        return await self._offer(offer)

    def consistent_through_ms(self) -> int:
        """Return the time up to which everything that was stored is found, wherever it was stored.

        Of what is stored here that is now, since nobody hears yes before; of other nodes, as far as they are heard.
        """
        return min([self._now_ms(), *self._others_ms()])

    def _through_others_ms(self) -> int:
        return min([all_is_here(), *self._others_ms()])

    def _others_ms(self) -> Sequence[int]:
        return () if self._among is None else self._among.others_ms()


def _offer(request: RecordRequest, events: int, size_bytes: int) -> log.Offer:
    return log.Offer(
        ticket=0,
        tenant=request.caller.tenant,
        owner="",
        batch_id=secrets.token_hex(16),
        digest=b"",
        content=request,
        events=events,
        size_bytes=size_bytes + 1_000 * events,
        is_kept=False,
    )


_HERE: Final = frozenset({""})
_REFUSALS: Final = {
    log.Refusal.TOO_LARGE: Refusal.TOO_LARGE,
    log.Refusal.UNATTAINABLE: Refusal.UNATTAINABLE,
}


def _refused(refused: log.Refused) -> Refused:
    return Refused(_REFUSALS.get(refused.refusal, Refusal.UNAVAILABLE), "", refused.why)
