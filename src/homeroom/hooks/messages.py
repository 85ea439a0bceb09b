"""What a receiver gets: changes of membership as JSON, under an id that stays, signed with the time of the attempt.

A receiver must be able to tell a repeat from news and a message of this node from anybody else's. So a delivery has an
id that is worked out from what it holds: the same over retries, restarts and replays, and another one as soon as the
content differs, even where numbers were given twice because a disk was restored. A counter would not do that. The
signature is that of Standard Webhooks 1.0.0, for which receivers find libraries in most languages.
"""

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.errors import WebhookError
from homeroom.events.instants import format_instant

__all__ = [
    "EVENT_TYPE",
    "Delivery",
    "Direction",
    "MemberChange",
    "body_of",
    "make_delivery",
    "read_secret",
    "signed_headers",
    "write_secret",
]

EVENT_TYPE: Final = "cohort.changed"
"""What kind of message it is, the same in every body."""
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how every secret begins


class Direction(StrEnum):
    """Which way a learner went."""

    ENTERED = "entered"
    LEFT = "left"


class MemberChange(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A learner entered a cohort or left it.

    Parameters
    ----------
    number : of the change; later changes of a tenant have higher numbers
    cohort, version : the cohort, and the version of its definition
    learner : the pseudonym
    direction : entered or left
    at_ms : from when on it is so, milliseconds since 1970 UTC
    cause : why: ``event``, ``time``, ``definition`` or ``correction``
    """

    number: int
    cohort: str
    version: int
    learner: str
    direction: Direction
    at_ms: int
    cause: str = "event"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Changes that are sent together, in the order of their numbers.

    Parameters
    ----------
    id : the same for the same changes of the same webhook, and for no others
    webhook : whose it is
    changes : at least one
    """

    id: str
    webhook: str
    changes: tuple[MemberChange, ...]

    @property
    def learners(self) -> frozenset[str]:
        """Whom it is about."""
        return frozenset(change.learner for change in self.changes)


_pack: Final = msgspec.msgpack.Encoder().encode


def make_delivery(webhook: str, changes: Sequence[MemberChange]) -> Delivery:
    """Return changes as what is sent together, with the id that follows from them."""
    digest = hashlib.blake2s(_pack((webhook, list(changes))), digest_size=16).hexdigest()
    return Delivery(f"msg_{digest}", webhook, tuple(changes))


def body_of(delivery: Delivery, tenant: str) -> bytes:
    """Return the body of the request: JSON, byte for byte the same each time.

    ``type``, ``timestamp`` and ``data`` are the names that Standard Webhooks recommends (1.0.0, payload structure); the
    timestamp is that of the newest change.
    """
    newest = max(change.at_ms for change in delivery.changes)
    changes = [told_change(change) for change in delivery.changes]
    data = {"tenant": tenant, "webhook": delivery.webhook, "changes": changes}
    return msgspec.json.encode(
        {"type": EVENT_TYPE, "timestamp": format_instant(newest), "data": data}
    )


def told_change(change: MemberChange) -> dict[str, Any]:
    """Return a change as it is told to others, JSON-ready."""
    return {
        "number": change.number,
        "cohort": change.cohort,
        "version": change.version,
        "learner": change.learner,
        "change": change.direction.value,
        "at": format_instant(change.at_ms),
        "cause": change.cause,
    }


# --- signed ----------------------------------------------------------------------------------------------------------


def write_secret(secret: bytes) -> str:
    """Return a secret as whoever receives is given it: ``whsec_`` and base64 (Standard Webhooks 1.0.0, signatures)."""
    return _SECRET_PREFIX + base64.b64encode(secret).decode("ascii")


def read_secret(text: str) -> bytes:
    """Return the bytes of what `write_secret` wrote.

    Raises
    ------
    WebhookError
        It is no such secret. The message holds nothing of it.
    """
    with contextlib.suppress(ValueError):  # told below, without what was given
        secret = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
        if text.startswith(_SECRET_PREFIX) and len(secret) >= limits.WEBHOOK_SECRET_BYTES:
            return secret
    raise WebhookError(
        f"a secret of a webhook is {_SECRET_PREFIX} and at least {limits.WEBHOOK_SECRET_BYTES} bytes in base64; "
        f"what was given is not"
    )


def signed_headers(
    delivery_id: str, body: bytes, secrets: Sequence[bytes], now_ms: int
) -> dict[str, str]:
    """Return the headers that say who sent a body and when (Standard Webhooks 1.0.0, webhook headers).

    Parameters
    ----------
    delivery_id : of the delivery
    body : as it is sent
    secrets : the current one, and while it is being changed the one before; a signature each
    now_ms : the time of this attempt, milliseconds since 1970 UTC; it is signed in whole seconds
    """
    assert secrets, "what is not signed is not sent"
    timestamp = str(now_ms // 1_000)
    content = b".".join((delivery_id.encode(), timestamp.encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode("ascii")
        for secret in secrets
    ]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
