"""Facts about webhooks: what they add up to, what is refused, and that a secret is never in them."""

import pytest

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.control import Change, Control, TenantPut, read_changes, write_changes
from homeroom.log.webhooks import (
    WebhookCreated,
    WebhookDeleted,
    WebhookPaused,
    WebhookResumed,
    WebhookSecretChanged,
)

TENANT = TenantPut(name="main")


def created(id_="w1", **fields):
    given = {"tenant": "main", "url": "https://example.org/hook", "secret": "s1", **fields}
    return WebhookCreated(id=id_, **given)


def folded(*facts, control=None):
    control = control or Control()
    for fact in facts:
        control.check(fact)
        epoch = control.epoch + 1
        control = control.folded(Change(fact=fact, author="someone", at_ms=epoch), epoch)
    return control


def test_a_webhook_is_there_until_it_is_deleted():
    control = folded(TENANT, created(cohorts=("early",)), created("w2"))
    found = control.webhooks["w1"]
    assert (found.url, found.cohorts, found.author, found.created_ms) == (
        "https://example.org/hook",
        ("early",),
        "someone",
        2,
    )
    assert set(folded(WebhookDeleted(id="w1"), control=control).webhooks) == {"w2"}
    assert set(control.webhooks) == {"w1", "w2"}, "what somebody keeps hold of does not change"


def test_pausing_and_resuming_takes_turns():
    control = folded(TENANT, created(), WebhookPaused(id="w1"))
    assert (control.webhooks["w1"].is_paused, control.webhooks["w1"].turn) == (True, 3)
    control = folded(WebhookResumed(id="w1"), control=control)
    assert (control.webhooks["w1"].is_paused, control.webhooks["w1"].turn) == (False, 4)


def test_while_a_secret_is_changed_both_sign():
    change = WebhookSecretChanged(id="w1", secret="s2", previous_until_ms=5_000)
    found = folded(TENANT, created(), change).webhooks["w1"]
    assert found.secrets_at(4_999) == ("s2", "s1")
    assert found.secrets_at(5_000) == ("s2",)
    third = WebhookSecretChanged(id="w1", secret="s3", previous_until_ms=9_000)
    assert folded(TENANT, created(), change, third).webhooks["w1"].secrets_at(0) == ("s3", "s2")


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        (created("w1"), "there is a webhook w1 already"),
        (created("w2", tenant="other"), "there is no tenant 'other'"),
        (created("w2", url="https://e/" + "x" * 2_000), "characters in the address"),
        (created("w2", cohorts=("c",) * 101), "101 cohorts of a webhook"),
        (WebhookDeleted(id="w9"), "there is no webhook 'w9'"),
        (WebhookPaused(id="w9"), "there is no webhook 'w9'"),
        (WebhookResumed(id="w9"), "there is no webhook 'w9'"),
        (WebhookSecretChanged(id="w9", secret="s", previous_until_ms=0), "there is no webhook"),
    ],
)
def test_what_makes_no_sense_is_refused(fact, message):
    with pytest.raises(ControlError, match=message):
        folded(TENANT, created()).check(fact)


def test_webhooks_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOKS_MAX", 1)
    with pytest.raises(ControlError, match="2 webhooks, at most 1"):
        folded(TENANT, created()).check(created("w2"))


def test_what_is_about_a_webhook_that_is_not_there_changes_nothing():
    control = folded(TENANT, created())
    for fact in (WebhookPaused(id="w9"), WebhookDeleted(id="w9"), created(url="https://thief/")):
        change = Change(fact=fact, author="x", at_ms=9)
        assert control.folded(change, 9).webhooks == control.webhooks


def test_facts_are_read_back_as_they_were_written():
    facts = (
        created(cohorts=("a", "b")),
        WebhookPaused(id="w1"),
        WebhookResumed(id="w1"),
        WebhookSecretChanged(id="w1", secret="s2", previous_until_ms=1),
        WebhookDeleted(id="w1"),
    )
    changes = [Change(fact=fact, author="someone", at_ms=1) for fact in facts]
    assert read_changes(write_changes(changes)) == changes
