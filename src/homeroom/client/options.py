"""How a client and a sender behave, in two small objects that refuse what makes no sense."""

import ipaddress
import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from homeroom import limits
from homeroom.client.known_world import KnownWorld
from homeroom.errors import SettingsError

__all__ = ["ClientOptions", "SenderOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How a client waits and tries again.

    Parameters
    ----------
    time_s_max : how long a request may take with all its retries, in seconds
    attempt_s_max : how long one attempt may take, its answer read, in seconds
    certificates : file of certificates by which an https node is known; None for those of the system
    generator : draws ids and pauses; by default from the random source of the system
    ack : how many regions must hold a batch before the node says yes: ``local``, ``remote`` or ``all``; None leaves it
        to the node. What is not held in time is sent again, until ``time_s_max``
    world : whose routing tables are followed, to find other nodes than those that are handed in; None for none
    retried : is told in words why an attempt failed, while the next one is waited for; in whichever thread waits
    source : the address of this machine from which connections are made, where it has several; None leaves it to the
        system. With one, proxies of the environment are not used

    Raises
    ------
    SettingsError
        A number is out of its bounds.
    """

    time_s_max: float = 60.0
    attempt_s_max: float = 30.0
    certificates: str | None = None
    generator: random.Random = field(default_factory=random.SystemRandom, repr=False)
    ack: str | None = None
    world: KnownWorld | None = None
    retried: Callable[[str], None] | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        _check("time_s_max", self.time_s_max, 86_400)
        _check("attempt_s_max", self.attempt_s_max, 3_600)
        if self.source is not None:
            try:
                ipaddress.ip_address(self.source)
            except ValueError:
                raise SettingsError(
                    f"source is {self.source!r}, must be an address of this machine, such as 192.0.2.1"
                ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """How a sender makes batches, and how much may wait.

    Parameters
    ----------
    batch_events_max, batch_bytes_max : a batch is sent when it has as many events, or so many bytes
    batch_age_s_max : or when its first event has waited so long, in seconds
    queue_events_max, queue_bytes_max : what may wait and be under way at once; whoever adds more waits
    under_way_max : batches that are sent at once

    Raises
    ------
    SettingsError
        A number is out of its bounds, or a batch may be larger than the queue.
    """

    batch_events_max: int = 500
    batch_bytes_max: int = 256 << 10
    batch_age_s_max: float = 1.0
    queue_events_max: int = 10_000
    queue_bytes_max: int = 16 << 20
    under_way_max: int = 4

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        bounds = {
            "batch_events_max": limits.SENT_EVENTS_MAX,
            "batch_bytes_max": limits.SENDER_BYTES_MAX,
            "batch_age_s_max": 3_600,
            "queue_events_max": limits.SENDER_EVENTS_MAX,
            "queue_bytes_max": limits.SENDER_BYTES_MAX,
            "under_way_max": limits.SENDER_UNDER_WAY_MAX,
        }
        for one in fields(self):
            _check(one.name, getattr(self, one.name), bounds[one.name])
        for what in ("events", "bytes"):
            batch, queue = getattr(self, f"batch_{what}_max"), getattr(self, f"queue_{what}_max")
            if batch > queue:
                raise SettingsError(
                    f"batch_{what}_max is {batch:,}, must be at most queue_{what}_max, which is {queue:,}"
                )


def _check(name: str, value: float, most: float) -> None:
    if not 0 < value <= most:
        raise SettingsError(f"{name} is {value!r}, must be over 0 and at most {most:,}")
