"""Webhooks of a running node: from what is stated to what a receiver on this machine gets and can check."""

import asyncio
import base64
import hmac
import json
from contextlib import asynccontextmanager

import pytest

from homeroom import limits
from homeroom.adapters.webhook_secrets import WebhookSecrets
from homeroom.cohorts.membership.changes import Cause, Change
from homeroom.errors import ControlError, StoreError, WebhookError
from homeroom.hooks.steps import Result
from homeroom.log.control import Change as Stated
from homeroom.log.control import Control, DefinitionKind, DefinitionPut, TenantPut
from homeroom.running.hosting import webhooks_of
from homeroom.running.streaming import Told
from homeroom.running.webhooks import RunningWebhooks, WebhookOptions
from homeroom.serve.settings import Settings
from tests.adapters.receivers import HOST, answering, hang, receiving, reset
from tests.running.nodes import batch, event, now_ms, running


class Heard:
    """A node's control stream and its changes, as webhooks see them: told by the test, remembered from the start."""

    def __init__(self):
        self.control = Control()
        self.changes = []
        self.told = asyncio.Event()
        self.forgotten = 0

    async def state(self, fact, author):
        self.control.check(fact)
        stated = Stated(fact=fact, author=author, at_ms=now_ms())
        self.control = self.control.folded(stated, self.control.epoch + 1)

    def tell(self, *numbers, cohort="early"):
        self.changes += [
            Change(
                number=number,
                cohort=cohort,
                version=1,
                learner=f"{number % 5:032x}",
                entered=bool(number % 2),
                at_ms=now_ms(),
                cause=Cause.EVENT,
            )
            for number in numbers
        ]
        self.told.set()

    async def listen(self, tenant, after, wanted):
        first, last = True, after
        while True:
            self.told.clear()
            newest = self.changes[-1].number if self.changes else 0
            if last is None:
                last = newest
            found = tuple(one for one in self.changes if one.number > last)
            missed = first and after is not None and after < self.forgotten
            if found or first:
                last = max(newest, last)
                yield Told(changes=found, last=last, missed=missed, moment=None)
            first = False
            await self.told.wait()


@asynccontextmanager
async def webhooks(path, heard, **fields):
    options = WebhookOptions(
        path=path,
        now_ms=now_ms,
        state=heard.state,
        control=lambda: heard.control,
        source=heard.listen,
        allowed_hosts=(HOST,),
        **fields,
    )
    opened = await RunningWebhooks.open(options)
    try:
        yield opened
    finally:
        await opened.stop()


async def started():
    heard = Heard()
    await heard.state(TenantPut(name="main"), "start")
    return heard


def told_numbers(got):
    return [one["number"] for request in got for one in request.json["data"]["changes"]]


def is_signed(got, secret):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = b".".join(
        (got.headers["webhook-id"].encode(), got.headers["webhook-timestamp"].encode(), got.body)
    )
    expected = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return f"v1,{expected}" in got.headers["webhook-signature"].split(" ")


async def until(condition):
    """Return when something holds; what is awaited is done by tasks of this loop."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.to_thread(lambda: None)


# --- delivered -------------------------------------------------------------------------------------------------------


def test_a_receiver_gets_what_changes_signed(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(204)) as receiver, webhooks(tmp_path, heard) as hooks:
            created = await hooks.create("main", receiver.url, ["early"], "someone")
            heard.tell(7, 8, cohort="late")
            heard.tell(9)
            (got,) = await receiver.until(1)
            assert told_numbers([got]) == [9]
            assert is_signed(got, created.secret)
            assert not is_signed(got, "whsec_" + base64.b64encode(bytes(32)).decode())
            (shown,) = await hooks.list("main")
            assert (shown.webhook.id, shown.webhook.author) == (created.id, "someone")

            async def is_over():
                (shown,) = await hooks.list("main")
                return (shown.standing.open, shown.standing.cursor) == (0, 9)

            await until(is_over)
            assert hooks.deliverer.attempts == {Result.DELIVERED: 1}

    asyncio.run(run())


def test_a_slow_or_broken_target_delays_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOK_STOP_MS_MAX", 10)

    async def run():
        heard = await started()
        async with (
            receiving(hang) as slow,
            receiving(reset) as broken,
            receiving(answering(200)) as well,
            webhooks(tmp_path, heard) as hooks,
        ):
            for receiver in (slow, broken, well):
                await hooks.create("main", receiver.url, [], "someone")
            for number in range(1, 101):
                heard.tell(number)
                await asyncio.to_thread(lambda: None)

            async def has_all():
                return set(told_numbers(well.got)) == set(range(1, 101))

            await until(has_all)
            assert len(slow.got) <= limits.DELIVERIES_UNDER_WAY_MAX

    asyncio.run(run())


def test_what_was_not_delivered_goes_out_after_a_restart_under_the_same_id(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOK_STOP_MS_MAX", 10)

    async def run():
        heard = await started()
        ids = set()
        async with receiving(hang) as receiver:
            async with webhooks(tmp_path, heard) as hooks:
                created = await hooks.create("main", receiver.url, [], "someone")
                heard.tell(1, 2)
                await receiver.until(1)
            async with webhooks(tmp_path, heard) as hooks:
                heard.tell(3)
                first, again = (await receiver.until(2))[:2]
                ids = {got.headers["webhook-id"] for got in (first, again)}
                assert first.body == again.body
                assert is_signed(again, created.secret), "its secret is still known"
        assert len(ids) == 1

    asyncio.run(run())


def test_what_changed_while_the_node_was_down_is_heard_after_a_restart(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(200)) as receiver:
            async with webhooks(tmp_path, heard) as hooks:
                await hooks.create("main", receiver.url, [], "someone")
                heard.tell(1)
                await receiver.until(1)
            heard.tell(10**6)
            async with webhooks(tmp_path, heard) as hooks:
                await receiver.until(2)
                heard.tell(10**6 + 1)
                await receiver.until(3)
            assert told_numbers(receiver.got) == [1, 10**6, 10**6 + 1]

    asyncio.run(run())


def test_changes_that_nobody_remembers_are_told_as_lost(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(200)) as receiver:
            async with webhooks(tmp_path, heard) as hooks:
                created = await hooks.create("main", receiver.url, [], "someone")
                heard.tell(1)
                await receiver.until(1)
            heard.forgotten = 50
            heard.tell(51)
            async with webhooks(tmp_path, heard) as hooks:
                await receiver.until(2)
                standing = await hooks.deliverer.standing(created.id)
                assert [(one.first, one.last) for one in standing.lost] == [(2, 50)]

    asyncio.run(run())


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_while_a_secret_is_changed_both_sign_and_afterwards_the_new_one_alone(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(200)) as receiver, webhooks(tmp_path, heard) as hooks:
            first = await hooks.create("main", receiver.url, [], "someone")
            second = await hooks.change_secret("main", first.id, 60_000, "someone")
            heard.tell(1)
            await receiver.until(1)
            third = await hooks.change_secret("main", first.id, 0, "someone")
            heard.tell(2)
            await receiver.until(2)
            signed = [
                [is_signed(got, one.secret) for one in (first, second, third)]
                for got in receiver.got
            ]
            assert signed == [[True, True, False], [False, False, True]]

    asyncio.run(run())


def test_a_secret_is_in_its_own_file_alone(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(500)) as receiver, webhooks(tmp_path, heard) as hooks:
            created = await hooks.create("main", receiver.url, [], "someone")
            heard.tell(1)
            await receiver.until(1)
            assert created.secret not in repr(heard.control)
            return created.secret

    secret = asyncio.run(run())
    key = base64.b64decode(secret.removeprefix("whsec_"))
    holding = [
        path.name
        for path in tmp_path.iterdir()
        if any(form in path.read_bytes() for form in (secret[6:].encode(), key))
    ]
    assert holding == ["webhooks.secrets"]
    assert (tmp_path / "webhooks.secrets").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "deliveries.db").stat().st_mode & 0o777 == 0o600


def test_without_its_secret_nothing_is_sent(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(200)) as receiver:
            async with webhooks(tmp_path, heard) as hooks:
                await hooks.create("main", receiver.url, [], "someone")
                heard.tell(1)
                await receiver.until(1)
            (tmp_path / "webhooks.secrets").unlink()
            async with webhooks(tmp_path, heard) as hooks:
                heard.tell(2)

                async def is_tried():
                    return hooks.deliverer.attempts[Result.NOT_ALLOWED] > 0

                await until(is_tried)
            assert told_numbers(receiver.got) == [1]

    asyncio.run(run())


def test_secrets_that_no_webhook_names_are_dropped(tmp_path):
    async def run():
        heard = await started()
        async with webhooks(tmp_path, heard) as hooks:
            first = await hooks.create("main", "https://example.org/", [], "someone")
            await hooks.delete("main", first.id, "someone")
            await hooks.create("main", "https://example.org/", [], "someone")
        assert len(json.loads((tmp_path / "webhooks.secrets").read_text())) == 1

    asyncio.run(run())


# --- stated ----------------------------------------------------------------------------------------------------------


def test_pausing_resuming_deleting(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(200)) as receiver, webhooks(tmp_path, heard) as hooks:
            created = await hooks.create("main", receiver.url, [], "someone")
            await hooks.pause("main", created.id, "someone")
            heard.tell(1)

            async def is_waiting():
                standing = await hooks.deliverer.standing(created.id)
                return standing is not None and standing.taken == 1

            await until(is_waiting)
            assert receiver.got == []
            await hooks.resume("main", created.id, "someone")
            assert told_numbers(await receiver.until(1)) == [1]
            await hooks.delete("main", created.id, "someone")
            assert await hooks.list("main") == []

    asyncio.run(run())


def test_a_webhook_may_be_deleted_while_its_target_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOK_STOP_MS_MAX", 10)

    async def run():
        heard = await started()
        async with (
            receiving(hang) as slow,
            receiving(answering(200)) as well,
            webhooks(tmp_path, heard) as hooks,
        ):
            created = await hooks.create("main", slow.url, [], "someone")
            heard.tell(1)
            await slow.until(1)
            await hooks.delete("main", created.id, "someone")
            await hooks.create("main", well.url, [], "someone")
            heard.tell(2)
            assert told_numbers(await well.until(1)) == [2]
            assert hooks.trouble is None

    asyncio.run(run())


def test_a_mistake_of_ours_is_told_and_nobody_waits_for_ever(tmp_path):
    async def run():
        heard = await started()
        heard.tell(1)
        async with webhooks(tmp_path, heard) as hooks:

            async def is_listening():
                return hooks.deliverer.taken("main") == 1

            await until(is_listening)
            await hooks.create("main", f"http://{HOST}:9/", ["late"], "someone")
            heard.tell(3, 2)  # numbers that do not grow: whoever tells them has made one

            async def is_told():
                return hooks.trouble is not None

            await until(is_told)
            assert "AssertionError where none should be" in hooks.trouble
            with pytest.raises(StoreError):
                await hooks.deliverer.skip("main", 10)

    asyncio.run(run())


def test_a_target_that_may_not_be_reached_is_refused_before_it_is_stated(tmp_path):
    async def run():
        heard = await started()
        async with webhooks(tmp_path, heard) as hooks:
            for url in ("http://example.org/", "https://127.0.0.2/", "https://[::1]/"):
                with pytest.raises(WebhookError):
                    await hooks.create("main", url, [], "someone")
        assert not heard.control.webhooks

    asyncio.run(run())


def test_a_webhook_of_another_tenant_is_none(tmp_path):
    async def run():
        heard = await started()
        await heard.state(TenantPut(name="other"), "start")
        async with webhooks(tmp_path, heard) as hooks:
            created = await hooks.create("main", "https://example.org/", [], "someone")
            for do in (
                hooks.delete("other", created.id, "x"),
                hooks.pause("other", created.id, "x"),
                hooks.resume("other", created.id, "x"),
                hooks.change_secret("other", created.id, 0, "x"),
                hooks.replay("other", created.id, None),
                hooks.dead_letters("other", created.id, 0, 10),
            ):
                with pytest.raises(ControlError, match="there is no webhook"):
                    await do
            assert await hooks.list("other") == []

    asyncio.run(run())


def test_two_secrets_do_not_sign_for_ever(tmp_path):
    async def run():
        heard = await started()
        async with webhooks(tmp_path, heard) as hooks:
            created = await hooks.create("main", "https://example.org/", [], "someone")
            for overlap_ms in (-1, limits.WEBHOOK_OVERLAP_MS_MAX + 1):
                with pytest.raises(ControlError, match="two secrets would sign"):
                    await hooks.change_secret("main", created.id, overlap_ms, "someone")

    asyncio.run(run())


def test_dead_letters_are_seen_and_sent_again(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "DELIVERY_ATTEMPTS_MAX", 1)
    answers = iter([answering(503)])

    async def behave(got, writer):
        await next(answers, answering(200))(got, writer)

    async def run():
        heard = await started()
        async with receiving(behave) as receiver, webhooks(tmp_path, heard) as hooks:
            created = await hooks.create("main", receiver.url, [], "someone")
            heard.tell(1)

            async def is_dead():
                return bool(await hooks.dead_letters("main", created.id, 0, 10))

            await until(is_dead)
            (letter,) = await hooks.dead_letters("main", created.id, 0, 10)
            assert (letter.why, letter.attempts) == ("answered 503", 1)
            await hooks.replay("main", created.id, [letter.delivery.id])
            first, again = await receiver.until(2)
            assert first.headers["webhook-id"] == again.headers["webhook-id"]
            assert await hooks.dead_letters("main", created.id, 0, 10) == []

    asyncio.run(run())


# --- a disk that fails -----------------------------------------------------------------------------------------------


def test_when_nothing_can_be_kept_nothing_is_sent_and_it_is_told(tmp_path):
    async def run():
        heard = await started()
        async with receiving(answering(200)) as receiver, webhooks(tmp_path, heard) as hooks:
            await hooks.create("main", receiver.url, [], "someone")
            await hooks.list("main")
            # A full disk, as SQLite knows it: the file may grow no more.
            await hooks.deliverer._in_thread(
                hooks.deliverer._store._connection.execute, "PRAGMA max_page_count = 1"
            )
            heard.tell(*range(1, 3_000))

            async def is_told():
                return hooks.trouble is not None

            await until(is_told)
            assert "cannot be written" in hooks.trouble
            assert "full" in hooks.trouble
            with pytest.raises(StoreError, match="told nothing"):
                await hooks.deliverer.skip("main", 10**9)
            assert receiver.got == []

    asyncio.run(run())


def test_what_came_before_there_was_a_webhook_is_passed_over_and_nothing_after_it(tmp_path):
    async def run():
        heard = await started()
        async with webhooks(tmp_path, heard) as hooks, receiving(answering(200)) as receiver:
            heard.tell(1, 2, 3)

            async def is_passed_over():
                return hooks.deliverer.taken("main") == 3

            await until(is_passed_over)
            created = await hooks.create("main", receiver.url, ["early"], "someone")
            heard.tell(4, 5)
            got = await receiver.until(1)
            while told_numbers(got) != [4, 5]:
                got = await receiver.until(len(got) + 1)
            (shown,) = await hooks.list("main")
            assert shown.webhook.id == created.id
            assert shown.standing.lost == ()

    asyncio.run(run())


# --- a whole node ----------------------------------------------------------------------------------------------------


def test_from_an_event_to_a_receiver(tmp_path):
    async def run():
        async with running(tmp_path) as node, receiving(answering(200)) as receiver:
            options = WebhookOptions(
                path=tmp_path,
                now_ms=now_ms,
                state=node.change,
                control=node.control,
                source=node.heed,
                allowed_hosts=(HOST,),
            )
            hooks = await RunningWebhooks.open(options)
            rule = {"did": "any"}
            await node.change(
                DefinitionPut(tenant="main", kind=DefinitionKind.COHORT, name="seen", written=rule),
                "someone",
            )
            created = await hooks.create("main", receiver.url, ["seen"], "someone")
            await node.offer("main", "key", batch("b1", event(1)))
            (got,) = await receiver.until(1)
            (change,) = got.json["data"]["changes"]
            assert (change["cohort"], change["change"]) == ("seen", "entered")
            assert len(change["learner"]) == 32
            assert is_signed(got, created.secret)
            await hooks.stop()

    asyncio.run(run())


def test_what_is_wrong_with_webhooks_is_told_by_the_node_that_hosts_them(tmp_path):
    async def run():
        async with (
            running(tmp_path) as node,
            webhooks_of(tmp_path, node, Settings(), now_ms) as hooks,
        ):
            assert node.troubles == ()
            hooks.deliverer.trouble = "webhooks are told nothing: the disk is full"
            assert node.troubles == ("webhooks are told nothing: the disk is full",)
            assert node.status("main").is_ready, "events are still taken"

    asyncio.run(run())


def test_the_file_of_secrets_must_be_its_owners_alone(tmp_path):
    from homeroom.errors import KeyFileError

    path = tmp_path / "webhooks.secrets"
    WebhookSecrets(path).make([])
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        WebhookSecrets(path)
    path.chmod(0o600)
    path.write_text('{"a": "whsec_words"}')
    with pytest.raises(KeyFileError, match="damaged") as caught:
        WebhookSecrets(path)
    assert "whsec" not in str(caught.value)
