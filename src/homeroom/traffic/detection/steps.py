"""What happens to a detector, and what it wants done: events and effects of `Detector.step`.

Whoever runs one brings a `Tick` each ``limits.DETECTOR_TICK_MS``, hands over heartbeats as soon as they come, and does
what comes back at once. All times are those of one steady clock.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import TypeAlias

import msgspec

from homeroom.traffic.detection.health import NodeHealth, Readiness, Verdict

__all__ = [
    "Carried",
    "DetectorEffect",
    "DetectorEvent",
    "HeartbeatCame",
    "Judged",
    "MembersChanged",
    "Outcome",
    "OwnState",
    "Probe",
    "ProbeEnded",
    "Refused",
    "SendHeartbeat",
    "Tick",
]


class Outcome(IntEnum):
    """How a probe ended: answered well, refused (an error was answered, or nobody took the connection), not in time."""

    ANSWER = 0
    REFUSAL = 1
    TIME_OUT = 2


# --- what comes in ---------------------------------------------------------------------------------------------------


class MembersChanged(msgspec.Struct, frozen=True):
    """Who belongs to the world from now on: by node the region that it is in, this node included."""

    regions: Mapping[str, str]


class HeartbeatCame(msgspec.Struct, frozen=True):
    """A message for which `is_heartbeat` holds came from a node; the fabric vouches for the name."""

    sender: str
    body: bytes


class ProbeEnded(msgspec.Struct, frozen=True):
    """What `Probe` asked for has come to an end, ``took_ms`` after it began."""

    node: str
    asked_ms: float
    outcome: Outcome
    took_ms: float


class OwnState(msgspec.Struct, frozen=True):
    """What this node says of itself from now on.

    Parameters
    ----------
    load : 0 idle, 1 as much as it can do, above 1 it turns requests away
    draining : whether it is being emptied
    readiness : whether it serves
    generation : of the newest routing table that it knows
    carried : bytes for `Carried` at the others, at most ``limits.HEARTBEAT_CARRIED_BYTES_MAX``
    """

    load: float = 0.0
    draining: bool = False
    readiness: Readiness = Readiness.READY
    generation: int = 0
    carried: bytes = b""


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


DetectorEvent: TypeAlias = MembersChanged | HeartbeatCame | ProbeEnded | OwnState | Tick


# --- what goes out ---------------------------------------------------------------------------------------------------


class SendHeartbeat(msgspec.Struct, frozen=True):
    """Give a message to the fabric. It may be lost."""

    to: str
    body: bytes


class Probe(msgspec.Struct, frozen=True):
    """Ask a node, as clients would, whether it is ready, and say `ProbeEnded` within ``limits.PROBE_WAIT_MS``.

    Several may be open at a time; ``asked_ms`` says of which one it is the end.
    """

    node: str
    asked_ms: float


class Judged(msgspec.Struct, frozen=True):
    """The verdict on a node is another one than ``before``."""

    node: str
    before: Verdict
    health: NodeHealth


class Carried(msgspec.Struct, frozen=True):
    """A member said, in its newest heartbeat, what is not for the detector."""

    sender: str
    generation: int
    carried: bytes


class Refused(msgspec.Struct, frozen=True):
    """A heartbeat was not taken, and why; it did no harm."""

    sender: str
    why: str


DetectorEffect: TypeAlias = SendHeartbeat | Probe | Judged | Carried | Refused
