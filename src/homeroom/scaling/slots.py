"""Which shard a learner belongs to.

Raw keys are keyed hashes, so any of their bits are as good as drawn at random. The lowest twelve of them make 4,096
*slots*, and a shard has a range of slots, all ranges equally long but for one slot. The highest bits are no use: by
them a table is cut into partitions, and a shard would have some partitions full and the others empty.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.model import UInt64s

__all__ = ["SLOTS", "Slots", "nobody", "slots_of"]

SLOTS: Final = 4_096
_MASK: Final = np.uint64(SLOTS - 1)

assert limits.SHARDS_MAX <= SLOTS, "each shard has a slot"


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots ``first`` to ``end``, excluded: those of shard ``number`` of so many ``shards``."""

    number: int
    shards: int

    def __post_init__(self) -> None:
        assert 0 <= self.number < self.shards <= limits.SHARDS_MAX, (
            "a shard is one of those there are"
        )

    @property
    def first(self) -> int:
        """The first slot."""
        return self.number * SLOTS // self.shards

    @property
    def end(self) -> int:
        """The slot after the last."""
        return (self.number + 1) * SLOTS // self.shards

    def owns(self, _key_hi: UInt64s, key_lo: UInt64s) -> npt.NDArray[np.bool_]:
        """Return which raw keys are of this shard, bool of shape (n,)."""
        slots = key_lo & _MASK
        return (slots >= np.uint64(self.first)) & (slots < np.uint64(self.end))


def slots_of(shards: int) -> tuple[Slots, ...]:
    """Return the slots of so many shards; each slot is of one."""
    return tuple(Slots(number, shards) for number in range(shards))


def nobody(key_hi: UInt64s, _key_lo: UInt64s) -> npt.NDArray[np.bool_]:
    """Return that no raw key is of whoever has no learners: of the one who puts together what shards find."""
    return np.zeros(len(key_hi), np.bool_)
