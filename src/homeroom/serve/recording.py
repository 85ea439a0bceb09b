"""The record store behind the node's own keys.

A record holds what a person said and did, by name. So a key needs the scope ``xapi`` for the record store, whatever
else it may do; and one that sees only some course runs may send statements and read none.
"""

from collections.abc import Mapping
from typing import Any

from litestar.handlers import ASGIRouteHandler, asgi

from homeroom.log.control import Scope
from homeroom.records.signatures import Verify
from homeroom.records.store import Caller, Records
from homeroom.serve import access
from homeroom.serve.interface import Interface, header
from homeroom.serve.problems import ProblemError
from homeroom.serve.xapi import RecordStore, Settings

__all__ = ["record_routes"]


def record_routes(interface: Interface, records: Records, verify: Verify) -> ASGIRouteHandler:
    """Return the record store at ``/xapi``, as a part of the node's application."""
    home = interface.settings.records.authority_home

    async def known(headers: Mapping[str, str]) -> Caller | None:
        named = [
            (name.lower().encode(), value.encode("latin-1", "replace"))
            for name, value in headers.items()
        ]
        try:
            return _of_records(await interface.admit(named), home)
        except ProblemError as error:
            if error.status == 401:
                return None
            raise

    origins = frozenset(
        filter(None, interface.settings.records.origins.replace(" ", "").split(","))
    )
    store = RecordStore(records, Settings(verify, authenticate=known, origins=origins))

    @asgi("/xapi", is_mount=True, copy_scope=True)
    async def xapi(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - Litestar has its own names for these
        headers = list(scope["headers"])
        if header(headers, b"authorization") is not None:
            scope["caller"] = _of_records(await interface.admit(headers), home)
        await store(scope, receive, send)

    return xapi


def _of_records(caller: access.Caller, home: str) -> Caller:
    """Return the caller as the record store knows it; who asserts its statements is the key."""
    scopes = set()
    if Scope.XAPI in caller.scopes:
        scopes.add("write")
        if not caller.is_limited:
            scopes.add("read")
    authority = {
        "objectType": "Agent",
        "account": {"homePage": home, "name": caller.name},
    }
    return Caller(
        tenant=caller.tenant, key_name=caller.name, scopes=frozenset(scopes), authority=authority
    )
