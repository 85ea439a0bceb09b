"""The interface over a node in memory, and a client of it, for tests."""

import asyncio
import json

import httpx

from homeroom.adapters.audit import Audit
from homeroom.serve.access import Access
from homeroom.serve.app import make_app
from homeroom.serve.interface import make_interface
from homeroom.serve.settings import Settings
from tests.serve.nodes import MemoryNode

EVENT = {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", "course": "physics"}
NDJSON = "application/x-ndjson"


class Client:
    """Asks an application without a socket."""

    def __init__(self, app, node, interface):
        self.app, self.node, self.interface = app, node, interface

    def __call__(self, method, path, key=None, **fields):
        """Send one request and return the answer, read."""
        return self.run(self.asked(method, path, key, **fields))

    async def asked(self, method, path, key=None, headers=None, **fields):
        """Send one request."""
        given = {} if key is None else {"Authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            return await http.request(method, path, headers={**given, **(headers or {})}, **fields)

    def run(self, coroutine):
        """Run something of the node's to its end."""
        return asyncio.run(coroutine)

    def key(self, *scopes, **fields):
        """Create a key."""
        return self.run(self.node.key(*scopes, **fields))

    def send(self, *events, key=None, **headers):
        """Send events as lines."""
        key = key or self.key("write", name="loader")
        body = "\n".join(map(json.dumps, events)).encode()
        given = {"Content-Type": NDJSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self("POST", "/v1/events", key, content=body, headers=given)

    def query(self, key, question, **headers):
        """Ask a question."""
        given = {k.replace("_", "-"): v for k, v in headers.items()}
        return self("POST", "/v1/query", key, json=question, headers=given)


def make_client(folder, settings=None, tokens=None, node=None):
    """Return a client of an interface over a node in memory."""
    node = node or MemoryNode()
    audit = Audit(folder / "audit.ndjson")
    interface = make_interface(
        node, settings or Settings(), Access(node.control, tokens), audit, lambda: node.now_ms
    )
    return Client(make_app(interface), node, interface)
