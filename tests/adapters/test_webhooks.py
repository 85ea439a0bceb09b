"""One attempt against real servers on this machine, which do whatever a target may do; the test looks names up."""

import asyncio
import socket

import pytest

from homeroom import limits
from homeroom.adapters.webhooks import Message, SystemResolver, WebhookClient
from homeroom.hooks.steps import Result
from homeroom.hooks.targets import Allowed
from tests.adapters.receivers import (
    HOST,
    answering,
    babble,
    certified,
    drip,
    flood,
    flood_headers,
    hang,
    receiving,
    reset,
)

HERE = Allowed(frozenset({HOST}))


def message(url, webhook="w", **headers):
    return Message(webhook=webhook, url=url, headers={"webhook-id": "msg_1", **headers}, body=b"{}")


async def itself(host, port):
    return [host]


def leading(*addresses):
    """Return a resolver that gives these answers one after the other, the last for ever."""
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return addresses[min(len(asked), len(addresses)) - 1]

    resolve.asked = asked
    return resolve


def attempt(behave, count=1, allowed=HERE, resolve=itself, url=None):
    """Send to a receiver that behaves so; return the outcomes and the receiver."""

    async def run():
        async with receiving(behave) as receiver:
            client = WebhookClient(allowed, resolve)
            try:
                target = url(receiver) if url else receiver.url
                return [await client.send(message(target)) for _ in range(count)], receiver
            finally:
                await client.close()

    return asyncio.run(run())


# --- what arrives ----------------------------------------------------------------------------------------------------


def test_a_request_arrives_as_it_was_made():
    (outcome,), receiver = attempt(answering(204))
    assert outcome.result is Result.DELIVERED
    (got,) = receiver.got
    assert got.line == "POST /hook?a=b HTTP/1.1"
    assert got.body == b"{}"
    assert got.headers["host"] == f"{HOST}:{receiver.port}"
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == "homeroom"


def test_requests_of_a_webhook_share_a_connection():
    outcomes, receiver = attempt(answering(200, body=b"thank you"), count=3)
    assert {one.result for one in outcomes} == {Result.DELIVERED}
    assert receiver.connections == 1


def test_requests_of_two_webhooks_share_none():
    async def run():
        async with receiving(answering(200)) as receiver:
            client = WebhookClient(HERE, itself)
            for webhook in ("w1", "w2", "w1"):
                await client.send(message(receiver.url, webhook))
            await client.close()
            return receiver

    assert asyncio.run(run()).connections == 2


def test_cookies_are_not_kept():
    _, receiver = attempt(answering(200, ["set-cookie: a=b; path=/"]), count=2)
    assert all("cookie" not in got.headers for got in receiver.got)


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (outcome,), _ = attempt(answering(200))
    assert outcome.result is Result.DELIVERED


# --- what a target may do --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_one(status):
    assert attempt(answering(status))[0][0].result is Result.DELIVERED


@pytest.mark.parametrize("status", [304, 400, 401, 404, 409, 429, 500, 502, 503, 504])
def test_anything_else_is_a_refusal_that_says_the_status_alone(status):
    (outcome,), _ = attempt(answering(status, body=b"secret words of the target"))
    assert outcome.result is Result.REFUSED
    assert outcome.why == f"answered {status}"


def test_a_target_that_is_gone_says_so():
    assert attempt(answering(410))[0][0].result is Result.GONE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    async def run():
        async with receiving(answering(200)) as inside:
            behave = answering(status, [f"location: {inside.url}"])
            async with receiving(behave) as receiver:
                client = WebhookClient(HERE, itself)
                outcome = await client.send(message(receiver.url))
                await client.close()
                return outcome, inside

    outcome, inside = asyncio.run(run())
    assert outcome.result is Result.REFUSED
    assert outcome.why == f"answered {status}, and redirects are not followed"
    assert inside.got == []


@pytest.mark.parametrize(
    ("asked", "wait_ms"),
    [("120", 120_000), ("0", 0), ("-5", 0), ("soon", 0), ("9" * 30, 0), ("1.5", 0)],
)
def test_a_target_may_ask_for_time(asked, wait_ms):
    (outcome,), _ = attempt(answering(503, [f"retry-after: {asked}"]))
    assert outcome.wait_ms == wait_ms


@pytest.mark.parametrize("behave", [hang, drip])
def test_a_target_that_does_not_answer_is_left_after_the_bound(behave, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOK_ATTEMPT_MS_MAX", 100)
    (outcome,), receiver = attempt(behave)
    assert outcome.result is Result.TIMED_OUT
    assert len(receiver.got) == 1


def test_an_answer_without_end_is_not_read():
    outcomes, receiver = attempt(flood, count=2)
    assert {one.result for one in outcomes} == {Result.DELIVERED}, "the status is what counts"
    assert receiver.connections == 2, "the connection is not used again"


def test_headers_without_end_are_a_broken_connection():
    (outcome,), _ = attempt(flood_headers)
    assert outcome.result is Result.UNREACHABLE


@pytest.mark.parametrize("behave", [reset, babble])
def test_a_connection_that_breaks_is_told_without_what_the_target_said(behave):
    (outcome,), _ = attempt(behave)
    assert outcome.result is Result.UNREACHABLE
    assert outcome.why.startswith("the connection broke")
    assert "banner" not in outcome.why


def test_nobody_listening_is_told():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    (outcome,), _ = attempt(answering(200), url=lambda _: f"http://{HOST}:{port}/")
    assert (outcome.result, outcome.why) == (Result.UNREACHABLE, "no connection could be made")


def test_after_a_failure_the_next_request_works():
    answers = iter([reset, answering(500), answering(200)])

    async def behave(got, writer):
        await next(answers)(got, writer)

    outcomes, _ = attempt(behave, count=3)
    assert [one.result for one in outcomes] == [
        Result.UNREACHABLE,
        Result.REFUSED,
        Result.DELIVERED,
    ]


# --- where requests go -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%lo"],
        ["8.8.8.8", "127.0.0.1"],
        [],
    ],
)
def test_a_name_that_leads_inside_is_not_reached(addresses):
    (outcome,), receiver = attempt(
        answering(200),
        allowed=Allowed(),
        resolve=leading(addresses),
        url=lambda receiver: f"https://example.org:{receiver.port}/",
    )
    assert outcome.result is Result.NOT_ALLOWED
    assert "example.org leads to" in outcome.why
    assert receiver.connections == 0


def test_the_connection_goes_to_the_address_that_was_judged_and_the_name_is_not_looked_up_again():
    resolve = leading([HOST], ["10.0.0.1"])
    (outcome,), receiver = attempt(
        answering(200),
        allowed=Allowed(frozenset({"hooks.example.org"})),
        resolve=resolve,
        # The guard of the tests refuses to look up this name: only the test's own resolver can lead there.
        url=lambda receiver: f"http://hooks.example.org:{receiver.port}/in",
    )
    assert outcome.result is Result.DELIVERED
    assert resolve.asked == ["hooks.example.org"]
    assert receiver.got[0].headers["host"] == f"hooks.example.org:{receiver.port}"


def test_an_answer_that_changes_is_judged_again_also_where_a_connection_is_open(tmp_path):
    resolve = leading([HOST], ["10.0.0.1"])

    async def run():
        server, trusted = certified(tmp_path, "example.org")
        async with receiving(answering(200), server) as receiver:
            client = WebhookClient(Allowed(frozenset({"example.org"})), resolve, trusted)
            outcomes = []
            for allowed in (client._allowed, Allowed()):
                client._allowed = allowed
                outcomes.append(await client.send(message(f"https://example.org:{receiver.port}/")))
            await client.close()
            return [one.result for one in outcomes], receiver

    results, receiver = asyncio.run(run())
    assert results == [Result.DELIVERED, Result.NOT_ALLOWED]
    assert resolve.asked == ["example.org"] * 2
    assert len(receiver.got) == 1


def test_where_one_address_takes_no_connection_the_next_is_tried():
    (outcome,), receiver = attempt(
        answering(200),
        allowed=Allowed(frozenset({"example.org"})),
        resolve=leading(["127.0.0.9", HOST]),
        url=lambda receiver: f"http://example.org:{receiver.port}/",
    )
    assert outcome.result is Result.DELIVERED
    assert len(receiver.got) == 1


def test_a_look_up_that_fails_or_hangs_is_told(monkeypatch):
    async def nowhere(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    async def never(host, port):
        await asyncio.Event().wait()

    (outcome,), _ = attempt(answering(200), resolve=nowhere)
    assert (outcome.result, outcome.why) == (
        Result.UNREACHABLE,
        "the name of its host leads nowhere",
    )
    monkeypatch.setattr(limits, "WEBHOOK_ATTEMPT_MS_MAX", 50)
    (outcome,), _ = attempt(answering(200), resolve=never)
    assert outcome.result is Result.TIMED_OUT


def test_the_machine_looks_names_up():
    async def run():
        resolver = SystemResolver()
        found = await resolver("localhost", 80)
        resolver.close()
        return found

    assert set(asyncio.run(run())) <= {"127.0.0.1", "::1"}


# --- certificates ----------------------------------------------------------------------------------------------------


def over_tls(tmp_path, proves, name, trusts=True):
    """Send by HTTPS to a name, at a server whose certificate is for another or the same."""

    async def run():
        server, client_tls = certified(tmp_path, proves)
        async with receiving(answering(200), server) as receiver:
            resolve = leading([HOST])
            client = WebhookClient(
                Allowed(frozenset({name})), resolve, client_tls if trusts else None
            )
            outcome = await client.send(message(f"https://{name}:{receiver.port}/in"))
            await client.close()
            return outcome, receiver

    return asyncio.run(run())


def test_the_certificate_must_be_for_the_name_though_the_connection_goes_to_an_address(tmp_path):
    outcome, receiver = over_tls(tmp_path, "hooks.example.org", "hooks.example.org")
    assert outcome.result is Result.DELIVERED
    assert receiver.got[0].headers["host"] == f"hooks.example.org:{receiver.port}"


def test_a_certificate_for_another_name_is_refused(tmp_path):
    outcome, receiver = over_tls(tmp_path, "other.example.org", "hooks.example.org")
    assert (outcome.result, outcome.why) == (
        Result.UNREACHABLE,
        "its certificate is not trusted",
    )
    assert receiver.got == []


def test_a_certificate_for_the_address_alone_is_refused(tmp_path):
    assert over_tls(tmp_path, HOST, "hooks.example.org")[0].result is Result.UNREACHABLE


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    outcome, _ = over_tls(tmp_path, "hooks.example.org", "hooks.example.org", trusts=False)
    assert outcome.why == "its certificate is not trusted"
