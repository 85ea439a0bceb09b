"""``homeroom webhooks``: the node that runs does what is asked, and a secret is printed once and alone."""

import asyncio
import re

import pytest

from homeroom import limits
from homeroom.cli import main, status
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.running.hosting import webhooks_of
from homeroom.serve.settings import Settings, WebhookSettings
from tests.adapters.receivers import HOST, answering, receiving
from tests.running.nodes import batch, event, now_ms, running

URL = "https://hooks.example.org/x"


@pytest.fixture
def say(capsys, tmp_path):
    """Give a function that runs a command beside a node, and returns what it printed."""

    async def said(*words, failing=False):
        answer = await asyncio.to_thread(main, ["webhooks", *words, "--data", str(tmp_path)])
        assert answer == (status.FAILED if failing else status.CLEAN)
        out, err = capsys.readouterr()
        return err if failing else out

    return said


def on(path, work):
    """Run something beside a node with webhooks that may reach this machine."""

    async def run():
        settings = Settings(webhooks=WebhookSettings(allowed_hosts=HOST))
        async with running(path) as node, webhooks_of(path, node, settings, now_ms) as hooks:
            await work(node, hooks)

    asyncio.run(run())


def test_a_secret_is_printed_alone_and_shown_no_more(tmp_path, say):
    async def work(node, hooks):
        secret = await say("create", URL)
        assert re.fullmatch(r"whsec_[0-9A-Za-z+/=]{44}\n", secret)
        [shown] = await hooks.list("main")
        listed = (await say("list")).splitlines()[1]
        assert listed.split("\t") == [shown.webhook.id, "active", "0", "0", "-", "all", URL]
        other = await say("rotate", shown.webhook.id, "--overlap", "2h")
        assert secret != other
        assert secret[6:20] not in await say("list")
        changed = node.control().webhooks[shown.webhook.id]
        assert 0 < changed.previous_until_ms - now_ms() <= 2 * 3_600_000
        assert changed.author == "command line"

    on(tmp_path, work)


def test_a_webhook_is_paused_resumed_and_deleted(tmp_path, say):
    async def work(node, hooks):
        await say("create", URL, "--cohorts", "early, late")
        [webhook] = node.control().webhooks
        await say("pause", webhook)
        assert "\tpaused\t" in await say("list")
        assert "early,late" in await say("list")
        await say("resume", webhook)
        assert "\tactive\t" in await say("list")
        await say("delete", webhook)
        assert len((await say("list")).splitlines()) == 1
        assert "no webhook" in await say("pause", webhook, failing=True)

    on(tmp_path, work)


def test_dead_letters_are_shown_without_learners_replayed_and_dropped(tmp_path, say, monkeypatch):
    monkeypatch.setattr(limits, "DELIVERY_ATTEMPTS_MAX", 1)

    async def work(node, hooks):
        async with receiving(answering(503)) as receiver:
            await say("create", receiver.url)
            [webhook] = node.control().webhooks
            put = DefinitionPut(
                tenant="main", kind=DefinitionKind.COHORT, name="seen", written={"did": "any"}
            )
            await node.change(put, "test")
            await node.offer("main", "key", batch("b1", event(1)))
            async with asyncio.timeout(20):
                while not (letters := await hooks.dead_letters("main", webhook, 0, 10)):
                    await asyncio.to_thread(lambda: None)
            shown = await say("dead-letters", webhook)
            id_, _, attempts, changes, why = shown.splitlines()[1].split("\t")
            assert (id_, attempts, changes, why) == (
                letters[0].delivery.id,
                "1",
                "1",
                "answered 503",
            )
            assert letters[0].delivery.changes[0].learner not in shown
            assert "--all" in await say("replay", webhook, failing=True)
            await say("pause", webhook)
            await say("replay", webhook, "--all")
            assert (await hooks.dead_letters("main", webhook, 0, 10))[0].is_wanted
            await say("drop", webhook, id_)
            assert await hooks.dead_letters("main", webhook, 0, 10), "it is on its way"

    on(tmp_path, work)


def test_an_address_that_may_not_be_reached_is_refused(tmp_path, say):
    async def work(node, hooks):
        assert "must begin with https" in await say("create", "http://example.org", failing=True)
        assert not node.control().webhooks

    on(tmp_path, work)


def test_without_a_node_nothing_is_done(tmp_path, say):
    assert main(["keys", "create", "lms", "--scopes", "read", "--data", str(tmp_path)]) == 0
    assert "no node runs" in asyncio.run(say("list", failing=True))


def test_a_node_without_webhooks_says_so(tmp_path, say):
    async def run():
        async with running(tmp_path):
            assert "without webhooks" in await say("list", failing=True)

    asyncio.run(run())
