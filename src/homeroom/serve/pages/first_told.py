"""What a whole week was when it was first shown here: if it is another number now, that is news, and has a reason.

A week that has ended changes only when events come late, or what was sent is taken back. Nobody who looks on two
Mondays can tell that from a number that is not the one they wrote down; so the node remembers what it told, for as long
as it runs, and says where it differs.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

from homeroom import limits
from homeroom.serve.access import Caller

__all__ = ["FirstTold", "Told"]

_Sight: TypeAlias = tuple[str, frozenset[str], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Told:
    """A number, and when it was told."""

    value: int
    at_ms: int


class FirstTold:
    """Numbers of whole periods as they were first told; of at most ``limits.FIRST_TOLD_MAX``."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[_Sight, str, str], Told] = OrderedDict()

    def of(self, caller: Caller, name: str, period: str, now: Told) -> Told:
        """Return what was first told of a figure in a period to those who see the same; ``now`` if nothing was."""
        sight = (caller.tenant, caller.scopes, caller.courses, caller.organisations)
        key = (sight, name, period)
        found = self._told.get(key)
        if found is None:
            while len(self._told) >= limits.FIRST_TOLD_MAX:
                self._told.popitem(last=False)
            found = self._told[key] = now
        return found
