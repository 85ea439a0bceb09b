"""Requests become operations, by looking at the file and at what is pending, and changing neither.

`Preparer.accept` and `Preparer.change` are called in the thread that writes the log, one after another. They return
either a refusal or the operations of the request; these go into the log, and when they are durable, into the file
(`Vault.apply`), and then the preparer is told (`Preparer.applied`), or told that they never will be
(`Preparer.forget`): then nothing that is pending will be, since what was prepared later may rest on it, and all of it
may be prepared anew.

The cost of a statement is one seal, rarely a second one (a form of a person that was never seen), and a dozen keyed
hashes. What was met before, a form of a person or a description of an activity, is recognised by its JSON.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from homeroom import limits
from homeroom.adapters.vault.documents import draft_document
from homeroom.adapters.vault.drafting import Drafting
from homeroom.adapters.vault.operations import Change, KeyDestroyed, encode
from homeroom.adapters.vault.pending import Noted
from homeroom.adapters.vault.reading import TenantReader, VaultReader
from homeroom.adapters.vault.sealing import Seals, TenantKeys
from homeroom.adapters.vault.sealing_away import Away
from homeroom.adapters.vault.statements import StatementDrafter
from homeroom.adapters.vault.terms import PLACE_BITS, agent_term
from homeroom.records.store import Accepted, Caller, DocumentChange, Refusal, Refused, Sent

__all__ = ["KeysOf", "Prepared", "Preparer"]

KeysOf: TypeAlias = Callable[[str], TenantKeys]
"""Returns the keys of a tenant."""


_BEGIN_BITS: Final = 12


class Prepared(NamedTuple):
    """A request that can be done.

    Parameters
    ----------
    change : its operations; there may be none
    encoded : the same as bytes, empty where there are none
    answer : for the client, once the operations are durable
    noted : what was laid over the file for it
    sealed : by jurisdiction what goes there, sealed
    homes : where what was sent is kept: jurisdictions, empty for here
    """

    change: Change
    encoded: bytes
    answer: Accepted
    noted: list[Noted]
    sealed: Mapping[str, bytes] = {}
    homes: frozenset[str] = frozenset({""})


class Preparer:
    """Prepares requests. Not for two threads at once.

    Parameters
    ----------
    reader : of the vault's file; it is this preparer's own
    keys_of : returns the keys of a tenant
    away_of : returns which statements of a tenant go to another jurisdiction, None where all stay
    """

    def __init__(
        self,
        reader: VaultReader,
        keys_of: KeysOf,
        away_of: Callable[[str], Away | None] = lambda _tenant: None,
    ) -> None:
        self._away_of = away_of
        self._reader = reader
        self._keys_of = keys_of
        self._tenants: dict[str, Drafting] = {}
        self._last_place = reader.last_place()
        # Where in a millisecond this process begins to number: so two nodes seldom give one place to two statements.
        self._begin = secrets.randbits(_BEGIN_BITS) << (PLACE_BITS - _BEGIN_BITS)

    def accept(self, sent: Sent, caller: Caller, now_ms: int) -> Prepared | Refused:
        """Prepare that statements are kept; all of them or none.

        Parameters
        ----------
        sent : statements without an id get one, so that the same request, prepared once more, is the same
        now_ms : milliseconds since 1970; what is stored is never stored earlier than what was stored before
        """
        drafting = self._begun(caller.tenant)
        drafter = StatementDrafter(drafting, sent, caller, self._away_of(caller.tenant))
        ids = drafter.draft(lambda: self._next_place(now_ms))
        if isinstance(ids, Refused):
            return self._prepared(caller.tenant, ids)
        sealed = drafter.sealed()
        prepared = self._prepared(
            caller.tenant, Accepted(ids), max(map(len, sealed.values()), default=0)
        )
        if isinstance(prepared, Refused):
            return prepared
        return prepared._replace(sealed=sealed, homes=frozenset(drafter.homes or {""}))

    def change(self, change: DocumentChange, caller: Caller, now_ms: int) -> Prepared | Refused:
        """Prepare that documents change."""
        refused = draft_document(self._begun(caller.tenant), change, now_ms)
        return self._prepared(caller.tenant, refused or Accepted())

    def erase(self, tenant: str, subject: bytes) -> Prepared | Refused:
        """Prepare that the key of a person is destroyed.

        Parameters
        ----------
        subject : pseudonym, 16 bytes
        """
        drafting = self._begun(tenant)
        if subject == drafting.seals.nobody:
            rule = "is the one that is nobody, whose key everybody's activities are under"
            return self._prepared(tenant, Refused(Refusal.FORBIDDEN, "subject", rule))
        drafting.operations.append(KeyDestroyed(subject, agent_term(drafting.seals, subject)))
        drafting.noted.append(drafting.pending.note(drafting.pending.destroyed, subject, subject))
        drafting.forget()
        drafting.reader.forget(subject)
        return self._prepared(tenant, Accepted())

    def destroying(self, tenant: str, subjects: Sequence[bytes]) -> Change:
        """Return the operations that destroy the keys of people, by pseudonym, and hold nothing of them any more.

        What is pending must have been applied. Those whose keys are destroyed already are passed over, and so is
        nobody, under whose key everybody's activities are.
        """
        drafting = self._drafting(tenant)
        drafting.forget()
        known = {one for one in subjects if drafting.reader.is_destroyed(one)}
        subjects = [one for one in subjects if one not in {*known, drafting.seals.nobody}]
        for subject in subjects:
            drafting.reader.forget(subject)
        terms = (agent_term(drafting.seals, subject) for subject in subjects)
        return Change(tenant, list(map(KeyDestroyed, subjects, terms)))

    def applied(self, prepared: Prepared) -> None:
        """Take note that the operations are in the file."""
        self._drafting(prepared.change.tenant).pending.take_away(prepared.noted)

    def forget(self) -> None:
        """Forget all that is pending: it will never be applied."""
        self._tenants.clear()
        self._last_place = max(self._last_place, self._reader.last_place())

    def unmeet(self, tenant: str) -> None:
        """Take that another node wrote what it knows of activities: what was said of them here may be said again."""
        if tenant in self._tenants:
            self._tenants[tenant].unmeet()

    def _begun(self, tenant: str) -> Drafting:
        drafting = self._drafting(tenant)
        drafting.begin()
        return drafting

    def _drafting(self, tenant: str) -> Drafting:
        found = self._tenants.get(tenant)
        if found is None:
            seals = Seals(self._keys_of(tenant))
            found = Drafting(TenantReader(self._reader, tenant, seals))
            self._tenants[tenant] = found
        return found

    def _prepared(
        self, tenant: str, answer: Accepted | Refused, sealed_bytes: int = 0
    ) -> Prepared | Refused:
        drafting = self._drafting(tenant)
        if isinstance(answer, Refused):
            drafting.undo()
            return answer
        change = Change(tenant, drafting.operations)
        encoded = encode(change) if change.operations else b""
        size_bytes = max(len(encoded), sealed_bytes)
        if (
            size_bytes > limits.RECORD_CHANGE_BYTES_MAX
            or len(change.operations) > limits.RECORD_CHANGE_UNITS_MAX
        ):
            drafting.undo()
            rule = (
                f"the request comes to {size_bytes:,} bytes when sealed, at most "
                f"{limits.RECORD_CHANGE_BYTES_MAX:,} are allowed; send fewer statements at a time"
            )
            return Refused(Refusal.TOO_LARGE, "", rule)
        return Prepared(change, encoded, answer, drafting.noted)

    def _next_place(self, now_ms: int) -> int:
        self._last_place = max(self._last_place + 1, (now_ms << PLACE_BITS) | self._begin)
        return self._last_place
