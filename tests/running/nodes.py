"""Running nodes for tests: started on a directory, driven from one event loop, stopped or dropped."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from homeroom.cohorts.questions import parse_question
from homeroom.events.sent import Form, SentBatch
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions

_T = TypeVar("_T")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def options(**fields: Any) -> NodeOptions:
    return NodeOptions(**{"now_ms": now_ms, **fields})


@asynccontextmanager
async def running(path: Path, **fields: Any) -> AsyncIterator[RunningNode]:
    """Have a node that is stopped at the end."""
    node = await RunningNode.open(path, options(**fields))
    try:
        yield node
    finally:
        await node.stop()


def on(path: Path, work: Callable[[RunningNode], Awaitable[_T]], **fields: Any) -> _T:
    """Run something on a node and stop it."""

    async def run() -> _T:
        async with running(path, **fields) as node:
            return await work(node)

    return asyncio.run(run())


def batch(name: str | None, *events: dict[str, Any]) -> SentBatch:
    body = msgspec.json.encode(events)
    return SentBatch(batch_id=name, body=body, form=Form.JSON, digest=hashlib.sha256(body).digest())


def event(number: int, **fields: Any) -> dict[str, Any]:
    at = f"2024-03-{1 + number % 20:02d}T10:{number % 60:02d}:00Z"
    return {
        "account": f"a{number % 7}",
        "verb": "watched",
        "time": at,
        "id": f"e{number}",
        **fields,
    }


def question(kind: str, **fields: Any) -> Any:
    return parse_question({"question": kind, **fields})
