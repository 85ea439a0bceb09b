"""The record store behind the node's keys.

A statement says who did what, so reading one is reading about persons: it needs the scope ``xapi``, whatever questions
a key may ask. Sending needs ``xapi`` or ``write``. A key that is limited to some courses or organisations may send and
not read: which course a statement belongs to is not the record store's to decide.
"""

from collections.abc import Mapping
from typing import Any, Final

from homeroom.log.control import Scope
from homeroom.records.signatures import Verify
from homeroom.records.store import Caller, Holding, Records
from homeroom.serve.access import Caller as KeyHolder
from homeroom.serve.acknowledging import asked_and_least
from homeroom.serve.interface import KNOWN_CALLER, Interface
from homeroom.serve.problems import ProblemError
from homeroom.serve.xapi.app import READ, WRITE, RecordStore, Settings, send_answer
from homeroom.serve.xapi.auditing import AuditedRecords, PseudonymOf
from homeroom.serve.xapi.exchange import Receive, Send, answer_of
from homeroom.serve.xapi.exchange import Scope as AsgiScope

__all__ = ["Admitted", "caller_of"]

_KEYS_HOME: Final = "urn:homeroom:keys"
_NOBODY: Final = "not-authenticated"


def caller_of(holder: KeyHolder) -> Caller:
    """Return what the record store is told of who holds a key: what they may do here, and whom statements name."""
    scopes = set()
    if Scope.XAPI in holder.scopes or Scope.WRITE in holder.scopes:
        scopes.add(WRITE)
    if Scope.XAPI in holder.scopes and not holder.is_limited:
        scopes.add(READ)
    return Caller(
        tenant=holder.tenant,
        key_name=holder.name,
        scopes=frozenset(scopes),
        authority={
            "objectType": "Agent",
            "account": {"homePage": _KEYS_HOME, "name": holder.name},
        },
    )


class Admitted:
    """The record store as an ASGI application of a node.

    Parameters
    ----------
    interface : of the node; it finds out who asks, and how often
    records : keeps what is sent
    verify : verifies signatures
    pseudonym_of : under which name a person stands in the audit log
    """

    def __init__(
        self, interface: Interface, records: Records, verify: Verify, pseudonym_of: PseudonymOf
    ) -> None:
        self._interface = interface
        audited = AuditedRecords(records, self._write_down, pseudonym_of)
        seconds_max = interface.settings.server.body_seconds_max
        settings = Settings(
            verify,
            authenticate=self._of_form,
            holding=self._holding,
            body_seconds_max=seconds_max,
        )
        self._store = RecordStore(audited, settings)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            known = scope.get(KNOWN_CALLER)
            scope["caller"] = caller_of(await self._interface.admit_data(scope["headers"], known))
        except ProblemError as error:
            if error.name != _NOBODY:
                await send_answer(answer_of(error), error.headers, scope["method"], send)
                return
            # The resource `about` is for anybody, and a form may carry its credentials inside.
        await self._store(scope, receive, send)

    async def _write_down(self, caller: Caller, what: str, about: Mapping[str, Any]) -> None:
        await self._interface.write_down_for(caller.tenant, caller.key_name, what, about)

    def _holding(self, headers: Mapping[str, str]) -> Holding:
        asked, least = asked_and_least(self._interface, headers.get("homeroom-ack"))
        return Holding(asked.name.lower(), least.name.lower())

    async def _of_form(self, headers: Mapping[str, str]) -> Caller | None:
        """Return who has the credentials in a form, None if nobody."""
        given = [(b"authorization", headers["authorization"].encode("latin-1", "replace"))]
        try:
            return caller_of(await self._interface.admit_data(given))
        except ProblemError as error:
            if error.name != _NOBODY:
                raise
            return None
