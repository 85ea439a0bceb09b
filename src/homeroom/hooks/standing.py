"""How webhooks stand, as whoever looks after them is told: what waits, what was given up, what is lost.

These are the words between those who keep deliveries and those who show them, over HTTP or on a terminal; neither needs
to know the other.
"""

from dataclasses import dataclass

from homeroom.hooks.messages import Delivery
from homeroom.hooks.steps import Why
from homeroom.log.webhooks import Webhook

__all__ = ["Created", "DeadLetter", "Lost", "Standing", "WebhookShown"]


@dataclass(frozen=True, slots=True)
class Created:
    """A webhook, or a new secret of it; ``secret`` is shown this once."""

    id: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A delivery that was given up.

    Parameters
    ----------
    place : of it among all; later ones have higher places
    delivery : what was to be delivered
    attempts : how often it was tried
    given_up_ms : when it was given up
    why : how the last attempt ended
    is_wanted : whether it is to be sent again
    """

    place: int
    delivery: Delivery
    attempts: int
    given_up_ms: int
    why: str
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """Changes of a webhook that are neither delivered nor kept; those with numbers from ``first`` to ``last``."""

    why: Why
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the deliveries of a webhook stand.

    Parameters
    ----------
    cursor, taken : up to which number changes are in deliveries, and up to which there are any
    open : deliveries that are under way or wait to be tried again
    failures : of its target since it last took something
    dead : dead letters
    suspended : in which words its target asked for no more, None if it did not
    lost : what is neither delivered nor kept
    """

    cursor: int
    taken: int
    open: int
    failures: int
    dead: int
    suspended: str | None
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class WebhookShown:
    """A webhook and how its deliveries stand."""

    webhook: Webhook
    standing: Standing
