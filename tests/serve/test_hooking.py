"""Webhooks over HTTP, before a receiver on this machine: had, stopped, given secrets, and their dead letters."""

import asyncio
import base64
import hmac

import msgspec
import pytest

from homeroom import limits
from homeroom.serve.settings import Settings, WebhookSettings
from tests.adapters.receivers import HOST, answering, receiving
from tests.serve.clients import EVENT

URL = "https://hooks.example.org/zq-secret-path"
NOBODY = "0" * 16


@pytest.fixture
def hooked(make_client):
    """Give a client of a node whose webhooks may reach this machine."""
    return make_client(Settings(webhooks=WebhookSettings(allowed_hosts=HOST)))


def keys(client):
    return client.key("admin", "persons", name="boss"), client.key("admin", name="keeper")


def made(client, key, url=URL, **fields):
    answer = client("POST", "/v1/webhooks", key, json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/webhooks/{answer.json()['id']}"
    return answer.json()


def is_signed(got, secret):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = b".".join(
        (got.headers["webhook-id"].encode(), got.headers["webhook-timestamp"].encode(), got.body)
    )
    expected = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return f"v1,{expected}" in got.headers["webhook-signature"].split(" ")


def audited(client):
    lines = client.audit.path.read_bytes().splitlines()
    return [(one["what"], one["about"]) for one in map(msgspec.json.decode, lines)]


async def send(client, key, number, **fields):
    event = {**EVENT, "account": f"learner {number}", "id": f"e{number}", **fields}
    answer = await client.asked(
        "POST", "/v1/events", key, json=[event], headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text


# --- had, looked at, had no more --------------------------------------------------------------------------------------


def test_a_webhook_is_created_listed_paused_resumed_and_deleted(client):
    boss, keeper = keys(client)
    client("PUT", "/v1/cohorts/readers", boss, json={"did": "verb=read"})
    webhook = made(client, boss, cohorts=["readers", "readers"])
    assert webhook["cohorts"] == ["readers"]
    path = f"/v1/webhooks/{webhook['id']}"
    said = client("GET", path, keeper).json()
    assert (said["url"], said["cohorts"], said["paused"]) == (URL, ["readers"], False)
    assert said["author"].startswith("boss (")
    assert said["created_at"] == "2026-11-23T10:00:00.000Z"
    assert said["standing"]["dead_letters"] == said["standing"]["open"] == 0
    assert client("GET", "/v1/webhooks", keeper).json() == {"webhooks": [said]}
    assert client("POST", f"{path}/pause", keeper).status_code == 204
    assert client("GET", path, keeper).json()["paused"] is True
    assert client("POST", f"{path}/resume", keeper).status_code == 403
    assert client("POST", f"{path}/resume", boss).status_code == 204
    assert client("GET", path, keeper).json()["paused"] is False
    assert client("DELETE", path, keeper).status_code == 204
    assert client("GET", path, keeper).status_code == 404
    assert client("GET", "/v1/webhooks", keeper).json() == {"webhooks": []}


def test_a_secret_is_told_when_it_is_made_and_never_again(client):
    boss, keeper = keys(client)
    webhook = made(client, boss)
    path = f"/v1/webhooks/{webhook['id']}"
    assert webhook["secret"].startswith("whsec_")
    other = client("POST", f"{path}/secret", boss, json={"overlap_seconds": 60}).json()
    assert other["overlap_seconds"] == 60
    assert other["secret"] not in ("", webhook["secret"])
    answers = [
        client("GET", where, key)
        for where in ("/v1/webhooks", path, f"{path}/dead-letters", "/v1/status", "/metrics")
        for key in (boss, keeper)
    ]
    audit = client.audit.path.read_text()
    for secret in (webhook["secret"], other["secret"]):
        assert not any(secret[6:] in answer.text for answer in answers)
        assert secret[6:] not in audit
    assert client("POST", f"{path}/secret", keeper, json={}).status_code == 403


def test_what_is_done_to_webhooks_is_written_down_without_their_addresses(client):
    boss, _ = keys(client)
    webhook = made(client, boss)["id"]
    path = f"/v1/webhooks/{webhook}"
    client("POST", f"{path}/pause", boss)
    client("POST", f"{path}/resume", boss)
    client("POST", f"{path}/secret", boss, json={})
    client("GET", f"{path}/dead-letters", boss)
    client("POST", f"{path}/dead-letters/replay", boss, json={"all": True})
    client("POST", f"{path}/dead-letters/drop", boss, json={"ids": ["msg_" + "0" * 32]})
    client("DELETE", path, boss)
    about = {"webhook": webhook}
    assert audited(client) == [
        ("webhook.created", {"host": "hooks.example.org", "cohorts": []}),
        ("webhook.paused", about),
        ("webhook.resumed", about),
        ("webhook.secret", about),
        ("webhook.dead-letters", about),
        ("webhook.replayed", {**about, "dead_letters": "all"}),
        ("webhook.dropped", {**about, "dead_letters": 1}),
        ("webhook.deleted", about),
    ]
    assert "zq-secret" not in client.audit.path.read_text()


def test_what_cannot_be_written_down_is_not_done(client):
    boss, _ = keys(client)
    webhook = made(client, boss)["id"]
    client.audit.close()
    for method, path, fields in (
        ("POST", "/v1/webhooks", {"json": {"url": URL}}),
        ("POST", f"/v1/webhooks/{webhook}/pause", {}),
        ("POST", f"/v1/webhooks/{webhook}/secret", {"json": {}}),
        ("GET", f"/v1/webhooks/{webhook}/dead-letters", {}),
        ("DELETE", f"/v1/webhooks/{webhook}", {}),
    ):
        assert client(method, path, boss, **fields).status_code == 503
    [kept] = client("GET", "/v1/webhooks", boss).json()["webhooks"]
    assert (kept["id"], kept["paused"]) == (webhook, False)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({}, "url"),
        ({"url": 7}, "url"),
        ({"url": "http://zq-secret.example.org/"}, "url"),
        ({"url": "https://127.0.0.1/zq-secret"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://user:zq-secret@example.org/"}, "url"),
        ({"url": "gopher://zq-secret/"}, "url"),
        ({"url": f"https://example.org/{'a' * 2_000}"}, "url"),
        ({"url": URL, "cohorts": "readers"}, "cohorts"),
        ({"url": URL, "cohorts": [7]}, "cohorts"),
        ({"url": URL, "cohorts": ["zq-secret"]}, "cohorts"),
        ({"url": URL, "cohorts": [f"c{n}" for n in range(101)]}, "cohorts"),
        ({"url": URL, "zq-secret": 1}, None),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused_without_repeating_it(
    shared_client, written, field
):
    key = shared_client.key("admin", "persons")
    answer = shared_client("POST", "/v1/webhooks", key, json=written)
    assert (answer.status_code, answer.json().get("field")) == (400, field)
    for sent in ("zq-secret", "127.0.0.1", "10.0.0.1"):
        assert sent not in answer.text
    assert not shared_client.node.control().webhooks


@pytest.mark.parametrize(
    ("path", "written", "field"),
    [
        ("secret", {"overlap_seconds": -1}, "overlap_seconds"),
        ("secret", {"overlap_seconds": 10**9}, "overlap_seconds"),
        ("secret", {"overlap_seconds": True}, "overlap_seconds"),
        ("dead-letters/replay", {}, "ids"),
        ("dead-letters/drop", {}, "ids"),
        ("dead-letters/drop", {"all": 1}, "ids"),
        ("dead-letters/drop", {"all": True, "ids": []}, "ids"),
        ("dead-letters/drop", {"ids": ["zq-secret"]}, "ids"),
        ("dead-letters/drop", {"ids": [f"msg_{n:032x}" for n in range(1_001)]}, "ids"),
    ],
)
def test_a_body_out_of_its_bounds_is_told_with_its_field(client, path, written, field):
    boss, _ = keys(client)
    webhook = made(client, boss)["id"]
    answer = client("POST", f"/v1/webhooks/{webhook}/{path}", boss, json=written)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert "zq-secret" not in answer.text


def test_of_too_many_webhooks_one_more_is_a_conflict(client, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOKS_MAX", 1)
    boss, _ = keys(client)
    made(client, boss)
    answer = client("POST", "/v1/webhooks", boss, json={"url": URL})
    assert (answer.status_code, answer.json()["bound"]) == (409, "WEBHOOKS_MAX")


PATHS = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("POST", "/pause", None),
    ("POST", "/resume", None),
    ("POST", "/secret", {}),
    ("GET", "/dead-letters", None),
    ("POST", "/dead-letters/replay", {"all": True}),
    ("POST", "/dead-letters/drop", {"all": True}),
]


def test_a_webhook_of_another_tenant_is_none(client):
    boss, _ = keys(client)
    webhook = made(client, boss)["id"]
    stranger = client.key("admin", "persons", tenant="other", name="stranger")
    for id_ in (webhook, NOBODY, "zq-secret"):
        for method, path, written in PATHS:
            fields = {} if written is None else {"json": written}
            answer = client(method, f"/v1/webhooks/{id_}{path}", stranger, **fields)
            assert answer.status_code == 404, (method, path)
            assert "zq-secret" not in answer.text
    assert client("GET", "/v1/webhooks", stranger).json() == {"webhooks": []}
    assert client("GET", f"/v1/webhooks/{webhook}", boss).status_code == 200


def test_a_key_of_a_course_has_no_webhooks(client):
    boss, _ = keys(client)
    webhook = made(client, boss)["id"]
    for limit in ({"courses": ("physics",)}, {"organisations": ("school 1",)}):
        key = client.key("admin", "persons", "read", **limit)
        assert client("GET", "/v1/webhooks", key).status_code == 403
        assert client("POST", "/v1/webhooks", key, json={"url": URL}).status_code == 403
        for method, path, written in PATHS:
            fields = {} if written is None else {"json": written}
            assert client(method, f"/v1/webhooks/{webhook}{path}", key, **fields).status_code == 403


# --- before a receiver ------------------------------------------------------------------------------------------------


def test_from_the_route_to_a_receiver_signed_with_the_secret_that_was_shown(hooked):
    boss, _ = keys(hooked)
    writer = hooked.key("write")
    hooked("PUT", "/v1/cohorts/readers", boss, json={"did": "verb=read"})

    async def run():
        async with receiving(answering(204)) as receiver:
            written = {"url": receiver.url, "cohorts": ["readers"]}
            webhook = (await hooked.asked("POST", "/v1/webhooks", boss, json=written)).json()
            await send(hooked, writer, 1)
            [got] = await receiver.until(1)
            path = f"/v1/webhooks/{webhook['id']}"
            other = await hooked.asked("POST", f"{path}/secret", boss, json={"overlap_seconds": 0})
            await send(hooked, writer, 2)
            _, second = await receiver.until(2)
            return got, second, webhook["secret"], other.json()["secret"]

    got, second, first_secret, second_secret = hooked.run(run())
    assert got.json["data"]["changes"][0]["cohort"] == "readers"
    assert is_signed(got, first_secret)
    assert is_signed(second, second_secret)
    assert not is_signed(second, first_secret)


class Failing:
    """A webhook whose target fails until it is well, and what is asked about it; attempts are one each."""

    def __init__(self, client, receiver, webhook):
        self.client, self.receiver = client, receiver
        self.path = f"/v1/webhooks/{webhook['id']}"

    async def ask(self, key, method, path="", **fields):
        return await self.client.asked(method, f"{self.path}{path}", key, **fields)

    async def dead(self, key, count):
        """Return the dead letters as soon as there are so many; time passes meanwhile, and the deliverer is woken."""
        async with asyncio.timeout(20):
            while True:
                said = (await self.ask(key, "GET", "/dead-letters")).json()["dead_letters"]
                if len(said) == count:
                    return said
                self.client.now_ms += limits.BACKOFF_MS_MAX
                await self.client.webhooks.deliverer.taken_in()


@pytest.fixture
def with_failing(hooked, monkeypatch):
    """Give a function that runs something with a failing webhook of two dead letters, and what makes it well."""
    monkeypatch.setattr(limits, "DELIVERY_ATTEMPTS_MAX", 1)
    boss, _ = keys(hooked)
    writer = hooked.key("write")
    hooked("PUT", "/v1/cohorts/readers", boss, json={"did": "verb=read"})

    async def begun(work):
        is_well = asyncio.Event()

        async def behave(got, to):
            await answering(204 if is_well.is_set() else 503)(got, to)

        async with receiving(behave) as receiver:
            written = {"url": receiver.url}
            webhook = await hooked.asked("POST", "/v1/webhooks", boss, json=written)
            failing = Failing(hooked, receiver, webhook.json())
            for number in (1, 2):
                await send(hooked, writer, number)
                letters = await failing.dead(boss, number)
            return await work(failing, letters, is_well)

    return lambda work: hooked.run(begun(work))


def test_dead_letters_are_listed_in_pages(hooked, with_failing):
    boss = hooked.key("admin", "persons", name="lister")

    async def work(failing, letters, _):
        first, second = letters
        assert (first["why"], first["attempts"], first["wanted_again"]) == (
            "answered 503",
            1,
            False,
        )
        assert first["changes"][0]["change"] == "entered"
        page = (await failing.ask(boss, "GET", "/dead-letters?count=1")).json()
        assert page == {"dead_letters": [first], "after": first["place"]}
        rest = await failing.ask(boss, "GET", f"/dead-letters?after={first['place']}")
        assert rest.json() == {"dead_letters": [second], "after": None}

    with_failing(work)


def test_dead_letters_are_dropped_by_who_may_not_see_them_and_told_as_lost(hooked, with_failing):
    keeper, boss = (
        hooked.key("admin", name="dropper"),
        hooked.key("admin", "persons", name="looker"),
    )

    async def work(failing, letters, _):
        first, second = letters
        drop = {"ids": [second["id"]]}
        answer = await failing.ask(keeper, "POST", "/dead-letters/drop", json=drop)
        assert answer.status_code == 204
        assert await failing.dead(boss, 1) == [first]
        numbers = [one["number"] for one in second["changes"]]
        standing = (await failing.ask(keeper, "GET")).json()["standing"]
        assert standing["dead_letters"] == 1
        assert standing["lost"] == [{"why": "dropped", "first": numbers[0], "last": numbers[-1]}]
        await failing.ask(keeper, "POST", "/dead-letters/drop", json={"all": True})
        assert await failing.dead(boss, 0) == []

    with_failing(work)


def test_dead_letters_that_are_replayed_arrive_under_their_ids(hooked, with_failing):
    boss = hooked.key("admin", "persons", name="replayer")

    async def work(failing, letters, is_well):
        is_well.set()
        before = len(failing.receiver.got)
        again = {"ids": [letters[0]["id"]]}
        answer = await failing.ask(boss, "POST", "/dead-letters/replay", json=again)
        assert answer.status_code == 204
        await failing.ask(boss, "POST", "/resume")  # the target need not be left alone any longer
        got = await failing.receiver.until(before + 1)
        assert got[-1].headers["webhook-id"] == letters[0]["id"]
        assert await failing.dead(boss, 1) == letters[1:]

    with_failing(work)
