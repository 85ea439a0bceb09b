"""What became of a batch, told event by event: refused events are handed back as they were added."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from homeroom.client.batching import Batch
from homeroom.client.messages import Receipt

__all__ = ["TOO_LARGE", "Delivered", "RefusedEvent", "Sent", "delivered", "too_large"]

TOO_LARGE: Final = 413
"""The status of a batch, or an event, that the node will never take as it is (RFC 9110, 15.5.14)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEvent:
    """An event that the node did not take; ``event`` is not shown, as it names a person."""

    event: dict[str, Any] = field(repr=False)
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of a batch of a sender.

    Parameters
    ----------
    receipt : what the node said
    refused : the events that it did not take, of those that it told one by one (``receipt.refused_more`` besides)
    """

    receipt: Receipt
    refused: tuple[RefusedEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a sender has sent so far.

    Parameters
    ----------
    accepted, refused : events
    batches : that the node has settled
    repeats : batches that the node had already, at an attempt whose answer was lost
    waiting : events that wait or are under way
    """

    accepted: int = 0
    refused: int = 0
    batches: int = 0
    repeats: int = 0
    waiting: int = 0

    def plus(self, receipt: Receipt) -> "Sent":
        """Return the same, a batch later."""
        return Sent(
            accepted=self.accepted + receipt.accepted,
            refused=self.refused + receipt.events_refused,
            batches=self.batches + 1,
            repeats=self.repeats + receipt.is_repeat,
        )

    def waiting_for(self, events: int) -> "Sent":
        """Return the same, with so many events that wait."""
        return replace(self, waiting=events)


def delivered(batch: Batch, receipt: Receipt) -> Delivered:
    """Return what became of a batch, with the events that were refused."""
    return Delivered(
        receipt=receipt,
        refused=tuple(
            RefusedEvent(
                event=msgspec.json.decode(batch.lines[one.position - 1]),
                reason=one.reason,
                detail=one.detail,
            )
            for one in receipt.refused
            if 0 < one.position <= len(batch.lines)
        ),
    )


def too_large(batch: Batch, detail: str) -> Delivered:
    """Return what became of a batch of one event that the node will never take."""
    refused = RefusedEvent(
        event=msgspec.json.decode(batch.lines[0]), reason="too_large", detail=detail
    )
    return Delivered(
        receipt=Receipt(batch_id=batch.batch_id, accepted=0, refused_more=1), refused=(refused,)
    )
