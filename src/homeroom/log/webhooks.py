"""Facts about webhooks: that there is one, that it pauses, that its secret is another one now.

They are part of the control stream (`homeroom.log.control`), which is kept for good and read by all nodes. So no secret
is in it: a fact names a secret by an id, and the secret itself lies in a file of its owner
(`homeroom.adapters.webhook_secrets`). While a secret is being changed two of them sign, up to an instant that the fact
names, so that a receiver can take its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import ControlError

__all__ = [
    "Webhook",
    "WebhookCreated",
    "WebhookDeleted",
    "WebhookFact",
    "WebhookPaused",
    "WebhookResumed",
    "WebhookSecretChanged",
    "Webhooks",
    "check_webhook",
    "folded_webhook",
]


class WebhookCreated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="webhook"):
    """A webhook is there.

    Parameters
    ----------
    id : drawn at random
    tenant : whose changes it is told of
    url : where requests go
    secret : the id of the secret that signs
    cohorts : of which it is told; none named are all, those of later too
    """

    id: str
    tenant: str
    url: str
    secret: str
    cohorts: tuple[str, ...] = ()


class WebhookDeleted(msgspec.Struct, frozen=True, kw_only=True, tag="webhook-deleted"):
    """A webhook is none any more; what waited for it is forgotten."""

    id: str


class WebhookPaused(msgspec.Struct, frozen=True, kw_only=True, tag="webhook-paused"):
    """Nothing is sent to a webhook; changes wait."""

    id: str


class WebhookResumed(msgspec.Struct, frozen=True, kw_only=True, tag="webhook-resumed"):
    """A webhook gets what waited, and everything new; also one whose target asked for no more."""

    id: str


class WebhookSecretChanged(msgspec.Struct, frozen=True, kw_only=True, tag="webhook-secret"):
    """Another secret signs from now on, and the one before it too until ``previous_until_ms``."""

    id: str
    secret: str
    previous_until_ms: int


WebhookFact: TypeAlias = (
    WebhookCreated | WebhookDeleted | WebhookPaused | WebhookResumed | WebhookSecretChanged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as it is now.

    Parameters
    ----------
    id, tenant, url, cohorts : those of `WebhookCreated`
    secret, previous, previous_until_ms : ids of the secret that signs, and of the one that does so too until then
    is_paused : whether nothing is sent
    turn : the epoch of the last change of that, 0 if there was none
    author, created_ms : who created it, and when
    """

    id: str
    tenant: str
    url: str
    cohorts: tuple[str, ...]
    secret: str
    previous: str | None = None
    previous_until_ms: int = 0
    is_paused: bool = False
    turn: int = 0
    author: str = ""
    created_ms: int = 0

    def secrets_at(self, now_ms: int) -> tuple[str, ...]:
        """Return the ids of the secrets that sign at an instant, the current one first."""
        if self.previous is None or now_ms >= self.previous_until_ms:
            return (self.secret,)
        return (self.secret, self.previous)


Webhooks: TypeAlias = Mapping[str, Webhook]
"""By id."""


def check_webhook(webhooks: Webhooks, fact: WebhookFact) -> None:
    """Raise `ControlError` for a fact that makes no sense here. Whether a target may be reached is not looked at."""
    if not isinstance(fact, WebhookCreated):
        if fact.id not in webhooks:
            raise ControlError(f"there is no webhook {fact.id!r}")
        return
    if fact.id in webhooks:
        raise ControlError(f"there is a webhook {fact.id} already; draw another id")
    for what, count, count_max in (
        ("webhooks", len(webhooks) + 1, limits.WEBHOOKS_MAX),
        (
            "characters in the address of a webhook",
            len(fact.url),
            limits.WEBHOOK_URL_CHARACTERS_MAX,
        ),
        ("cohorts of a webhook", len(fact.cohorts), limits.WEBHOOK_COHORTS_MAX),
    ):
        if count > count_max:
            raise ControlError(
                f"there would be {count:,} {what}, at most {count_max:,} are allowed"
            )


def folded_webhook(webhooks: Webhooks, fact: WebhookFact, stated: tuple[str, int, int]) -> Webhooks:
    """Return the webhooks after a fact; one about a webhook that is not there changes nothing.

    Parameters
    ----------
    webhooks : before it
    fact : what is stated
    stated : by whom, when (milliseconds since 1970 UTC), and its epoch
    """
    author, at_ms, epoch = stated
    before = webhooks.get(fact.id)
    if isinstance(fact, WebhookCreated):
        if before is not None:
            return webhooks
        made = Webhook(
            id=fact.id,
            tenant=fact.tenant,
            url=fact.url,
            cohorts=fact.cohorts,
            secret=fact.secret,
            author=author,
            created_ms=at_ms,
        )
        return {**webhooks, fact.id: made}
    if before is None:
        return webhooks
    if isinstance(fact, WebhookDeleted):
        return {id_: one for id_, one in webhooks.items() if id_ != fact.id}
    return {**webhooks, fact.id: _changed(before, fact, epoch)}


def _changed(
    before: Webhook, fact: WebhookPaused | WebhookResumed | WebhookSecretChanged, epoch: int
) -> Webhook:
    if isinstance(fact, WebhookSecretChanged):
        return replace(
            before,
            secret=fact.secret,
            previous=before.secret,
            previous_until_ms=fact.previous_until_ms,
        )
    return replace(before, is_paused=isinstance(fact, WebhookPaused), turn=epoch)
