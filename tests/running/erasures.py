"""Nodes with a register of erasures, and one person in everything that they keep."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from litestar.middleware import DefineMiddleware

from homeroom.adapters.certificates import is_signature
from homeroom.log.certificates import Certificate, Place
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.running.node import RunningNode
from homeroom.serve.xapi import Settings, record_store
from tests.running.nodes import batch, event, question, running
from tests.serve.xapi.store import READ, WRITE, GivesCaller, caller

HOME = "https://lms.example"
ADA, BOB = (HOME, "ada-account"), (HOME, "bob-account")
OWN_TEXTS = ("ada-only-activity", "ada-only-course", "ada-only-country")
"""Texts of events that nobody else has."""
NAME = "Ada Lovelace-Byron"
OPEN_ALWAYS = {Place.BACKUPS}


def register_of(folder: Path) -> Path:
    return folder / "register of erasures"


@asynccontextmanager
async def erasing(folder: Path, **fields: Any) -> AsyncIterator[RunningNode]:
    """Have a node on ``folder / data`` with a register beside it."""
    given = {"erasure_register": register_of(folder), **fields}
    async with running(folder / "data", **given) as node:
        yield node


def person(account: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {"account": {"homePage": account[0], "name": account[1]}, **fields}


def events_of(account: tuple[str, str], first: int, count: int, **fields: Any) -> list[Any]:
    issuer, name = account
    return [event(n, account=name, issuer=issuer, **fields) for n in range(first, first + count)]


async def record(node: RunningNode, method: str, path: str, **given: Any) -> httpx.Response:
    """Ask the record store of a node."""

    class _Store:
        caller = caller(READ, WRITE)

    app = Litestar(
        [record_store(node.records, Settings(is_signature))],
        middleware=[DefineMiddleware(GivesCaller, store=_Store)],
        logging_config=None,
        openapi_config=None,
    )
    headers = {"x-experience-api-version": "1.0.3", **given.pop("headers", {})}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://store") as http:
        return await http.request(method, f"/xapi/{path}", headers=headers, **given)


def statement(actor: tuple[str, str], number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "actor": person(actor, name=NAME if actor == ADA else "Bob"),
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": f"https://lms.example/quiz/{number}"},
        "timestamp": "2024-03-05T10:00:00Z",
        "result": {"response": f"an answer of {actor[1]}"},
        **fields,
    }


async def fill(node: RunningNode) -> None:
    """Send events, statements and documents of Ada, of Bob and of others; each in several entries."""
    cohort = {"did": "verb=watched"}
    fact = DefinitionPut(tenant="main", kind=DefinitionKind.COHORT, name="watchers", written=cohort)
    await node.change(fact, "test")
    activity, course, country = OWN_TEXTS
    attributes = {"country": country}
    for name, events in (
        ("others", [event(n) for n in range(20)]),
        ("ada", events_of(ADA, 100, 5, activity=activity, course=course, attributes=attributes)),
        ("both", [*events_of(ADA, 200, 3), *events_of(BOB, 210, 3, activity="shared")]),
        ("bob", events_of(BOB, 220, 4, course="shared-course")),
    ):
        told = await node.offer("main", "key", batch(name, *events))
        assert b"position" not in told.answer, "all are taken"
    for one in (
        statement(ADA, 1),
        statement(BOB, 2),
        statement(BOB, 3, object=person(ADA, objectType="Agent", name=NAME)),
    ):
        assert (await record(node, "POST", "statements", json=one)).status_code == 200
    await keep_documents(node)
    told = await node.offer("main", "key", batch("last", event(50)))
    await node.ask("main", question("active"), told.token)


async def keep_documents(node: RunningNode) -> None:
    agent = json.dumps(person(ADA))
    for path, params in (
        ("agents/profile", {"agent": agent, "profileId": "p"}),
        (
            "activities/state",
            {"agent": agent, "activityId": "https://lms.example/a", "stateId": "s"},
        ),
    ):
        answer = await record(
            node,
            "PUT",
            path,
            params=params,
            content=b'{"about": "ada-document"}',
            headers={"content-type": "application/json", "if-none-match": "*"},
        )
        assert answer.status_code == 204, answer.text


async def erase(node: RunningNode, *accounts: tuple[str, str]) -> Certificate:
    keys = node.erasures.raw_keys("main", accounts)
    return await node.erasures.erase("main", keys, "a test")


async def erased(node: RunningNode, *accounts: tuple[str, str]) -> Certificate:
    """Erase, and return the certificate when all is cleaned that can be."""
    made = await erase(node, *accounts)
    await node.erasures.settled()
    return node.erasures.find("main", made.name)


def open_places(certificate: Certificate) -> set[Place]:
    return {line.place for line in certificate.lines if line.done_ms is None}


def run(work: Any) -> Any:
    return asyncio.run(work)


def keys_text(node: RunningNode, accounts: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{key:032x}" for key in node.erasures.raw_keys("main", accounts)]
