"""The interface over a running node, and a client of it, for tests."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx

from homeroom.adapters.audit import Audit
from homeroom.log.control import KeyCreated, Scope, TenantPut
from homeroom.log.origins import Token
from homeroom.running.cache_hosting import cache_of
from homeroom.running.hosting import webhooks_of
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.serve.access import Access
from homeroom.serve.app import make_app
from homeroom.serve.interface import make_interface
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import Settings

EVENT = {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", "course": "physics"}
NDJSON = "application/x-ndjson"
NOW_MS = 1_795_428_000_000
"""2026-11-23T10:00:00Z."""


class Client:
    """A running node on a folder, and the interface before it, asked without a socket; its clock stands still."""

    def __init__(self, folder, settings=None, tokens=None, provider=None):
        self.now_ms = NOW_MS
        self._runner = asyncio.Runner()
        settings = settings or Settings()
        register = settings.node.erasure_register
        options = NodeOptions(
            now_ms=lambda: self.now_ms,
            wait_ms=5_000,
            region=settings.node.region,
            jurisdiction=settings.node.jurisdiction,
            erasure_register=Path(register) if register else None,
        )
        self.node = self.run(RunningNode.open(folder, options))
        self._stack = AsyncExitStack()
        running = webhooks_of(folder, self.node, settings, lambda: self.now_ms)
        self.webhooks = self.run(self._stack.enter_async_context(running))
        self.audit = Audit(folder / "audit.ndjson")
        caching = cache_of(self.node, settings, "", lambda: self.now_ms)
        self.cache = self.run(self._stack.enter_async_context(caching))
        bare = make_interface(
            self.node,
            self.webhooks,
            settings,
            Access(self.node.control, tokens),
            self.audit,
            lambda: self.now_ms,
        )
        bare.metrics.caches = None if self.cache is None else self.cache.status
        self.interface = replace(bare, remembering=self.cache, provider=provider)
        self.app = make_app(self.interface)

    def close(self):
        """Stop the node."""
        self.run(self._stack.aclose())
        self.run(self.node.stop())
        self.audit.close()
        self._runner.close()

    def run(self, coroutine):
        """Run something of the node's to its end."""
        return self._runner.run(coroutine)

    def __call__(self, method, path, key=None, **fields):
        """Send one request and return the answer, read; what was acknowledged is folded by then."""
        return self.run(self.asked(method, path, key, **fields))

    async def asked(self, method, path, key=None, headers=None, **fields):
        """Send one request."""
        given = {} if key is None else {"Authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            answer = await http.request(
                method, path, headers={**given, **(headers or {})}, **fields
            )
        if "Homeroom-Token" in answer.headers:
            await self.node._folds.reached(Token.parse(answer.headers["Homeroom-Token"]))
        return answer

    def key(self, *scopes, tenant="main", name="test", **fields):
        """Create a key and return its text."""
        drawn = draw_key()
        if tenant not in self.node.control().tenants:
            self.run(self.node.change(TenantPut(name=tenant), "test"))
        fact = KeyCreated(
            prefix=drawn.prefix,
            name=name,
            digest=drawn.digest,
            tenant=tenant,
            owner=fields.pop("owner", drawn.prefix),
            scopes=tuple(map(Scope, scopes)),
            **fields,
        )
        self.run(self.node.change(fact, "test"))
        return drawn.text

    def send(self, *events, key=None, **headers):
        """Send events as lines."""
        key = key or self.key("write", name="loader")
        body = "\n".join(map(json.dumps, events)).encode()
        given = {"Content-Type": NDJSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
        answer = self("POST", "/v1/events", key, content=body, headers=given)
        assert answer.status_code == 200, answer.text
        return answer

    def query(self, key, question, **headers):
        """Ask a question."""
        given = {k.replace("_", "-"): v for k, v in headers.items()}
        return self("POST", "/v1/query", key, json=question, headers=given)

    def events(self, tenant="main"):
        """Return how many events a tenant has."""
        return self.node.status(tenant).events
