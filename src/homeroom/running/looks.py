"""How a member of a world looked a moment ago.

The member itself is looked at in the thread that writes alone. Whoever asks in another one (health page, metrics,
answers) is given this, which that thread exchanges whole at every tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homeroom.log.log import Refused
from homeroom.log.origins import Origin
from homeroom.regions.gate import Early
from homeroom.regions.steps import Members

__all__ = ["Looks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """How a member looked; its fields are those of `homeroom.cohorts.live.WorldStatus`, and its views.

    ``silent_ms`` is for how long no other node has been heard, None if none ever was.
    """

    members: Members = Members(0, {})  # noqa: RUF009 - it is frozen
    views: Mapping[str, Mapping[Origin, int]] = field(default_factory=dict)
    held: Mapping[Origin, int] = field(default_factory=dict)
    stray_ms: int | None = None
    silent_ms: int | None = None
    refusal: Refused | None = None
    comparisons: int = 0
    waiting: int = 0
    held_back: int = 0
    early: Mapping[Origin, Early] = field(default_factory=dict)
