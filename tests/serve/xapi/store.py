"""A record store to ask: the real application over the real vault, spoken to over ASGI; only the clock is a test's."""

import asyncio
import copy
import uuid
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from litestar.middleware import DefineMiddleware

from homeroom.adapters.certificates import is_signature
from homeroom.adapters.vault.records import VaultRecords
from homeroom.adapters.vault.sealing import TenantKeys
from homeroom.log.control import TenantPut
from homeroom.records.store import Caller
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.serve.xapi import Settings, record_store

START_MS = 1_760_000_000_000
KEYS = TenantKeys(pseudonym=bytes(range(32)), vault=bytes(range(32, 64)))
AUTHORITY = {"objectType": "Agent", "account": {"homePage": "https://keys.example", "name": "lms"}}
READ, WRITE = "read", "write"


def caller(*scopes: str, tenant: str = "main") -> Caller:
    return Caller(tenant=tenant, key_name="lms", scopes=frozenset(scopes), authority=AUTHORITY)


class Clock:
    """Goes on by three milliseconds at each look."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        self.ms += 3
        return self.ms


class GivesCaller:
    """Stands where authentication stands, and lets everybody in as one caller."""

    def __init__(self, app: Any, store: "Store") -> None:
        self.app = app
        self.store = store

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.store.caller is not None:
            scope["caller"] = self.store.caller
        await self.app(scope, receive, send)


class Store:
    """A record store over one vault, or behind the log of a running node.

    Attributes
    ----------
    caller : who sends the requests, None for nobody
    version : of the requests
    """

    def __init__(self, folder: Path, keeper: str = "vault", **settings: Any) -> None:
        self.path = folder / "documents.db"
        self.clock = Clock()
        self._runner = asyncio.Runner()
        self.node: RunningNode | None = None
        if keeper == "node":
            options = NodeOptions(now_ms=self.clock)
            self.node = self._runner.run(RunningNode.open(folder, options))
            self._runner.run(self.node.change(TenantPut(name="other"), "a test"))
        self.records = (
            VaultRecords(self.path, lambda tenant: KEYS, self.clock)
            if self.node is None
            else self.node.records
        )
        self.caller: Caller | None = caller(READ, WRITE)
        self.version = "1.0.3"
        route = record_store(self.records, Settings(is_signature, **settings))
        app = Litestar(
            [route],
            middleware=[DefineMiddleware(GivesCaller, store=self)],
            logging_config=None,
            openapi_config=None,
        )
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://store.example"
        )

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        if self.node is None:
            self.records.close()
        else:
            self._runner.run(self.node.stop())
        self._runner.close()

    def run(self, coroutine: Any) -> Any:
        """Run something in the loop of the store."""
        return self._runner.run(coroutine)

    def ask(self, method: str, path: str, version: str | None = "", **given: Any) -> httpx.Response:
        headers = {name.lower(): value for name, value in given.pop("headers", {}).items()}
        version = self.version if version == "" else version
        if version is not None:
            headers.setdefault("x-experience-api-version", version)
        return self._runner.run(
            self._client.request(method, f"/xapi/{path}", headers=headers, **given)
        )

    def get(self, path: str, params: dict[str, Any] | None = None, **given: Any) -> httpx.Response:
        return self.ask("GET", path, params=written(params), **given)

    def put(self, path: str, params: dict[str, Any] | None = None, **given: Any) -> httpx.Response:
        return self.ask("PUT", path, params=written(params), **given)

    def post(self, path: str, params: dict[str, Any] | None = None, **given: Any) -> httpx.Response:
        return self.ask("POST", path, params=written(params), **given)

    def delete(self, path: str, params: dict[str, Any] | None = None, **given: Any) -> Any:
        return self.ask("DELETE", path, params=written(params), **given)

    # --- shorter --------------------------------------------------------------------------------------------------

    def send(self, *statements: Any, **given: Any) -> list[str]:
        answer = self.post("statements", json=list(statements), **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def one(self, statement_id: str, **params: Any) -> dict[str, Any]:
        answer = self.get("statements", {"statementId": statement_id, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, **params: Any) -> list[str]:
        answer = self.get("statements", params)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["statements"]]


def written(params: dict[str, Any] | None) -> dict[str, str] | None:
    """Write parameters as the standard wants them: objects as JSON, truths in small letters."""
    if params is None:
        return None
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in params.items()
    }


_count = iter(range(1, 1 << 40))


def new_id() -> str:
    """Return a UUID that no other call returns, the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"homeroom {next(_count)}"))


def agent(name: str = "ada") -> dict[str, Any]:
    return {"objectType": "Agent", "mbox": f"mailto:{name}@people.example", "name": name.title()}


def statement(**parts: Any) -> dict[str, Any]:
    """Return a small valid statement, with parts of it in other words."""
    return {
        "actor": agent(),
        "verb": {"id": "http://verbs.example/read", "display": {"en": "read"}},
        "object": {"id": "http://things.example/page"},
        **parts,
    }


def changed(value: dict[str, Any], path: str, new: Any) -> dict[str, Any]:
    """Return a copy with something else at a path like ``context.team.name``; `GONE` takes it away."""
    value = copy.deepcopy(value)
    *outer, last = path.split(".")
    holder: Any = value
    for name in outer:
        holder = holder[int(name)] if isinstance(holder, list) else holder.setdefault(name, {})
    if new is GONE:
        del holder[last]
    elif isinstance(holder, list):
        holder[int(last)] = new
    else:
        holder[last] = new
    return value


GONE = object()
