"""What commands on the same machine ask of a node's shards: how they are, and how many there are to be."""

import msgspec

__all__ = ["MachineTold", "MoreTold", "ScaleAsked", "ScaleTold", "ShardTold"]


class ScaleAsked(msgspec.Struct, frozen=True, tag_field="ask", tag="scale"):
    """Say how shards are; with a number, have so many of them first."""

    shards: int | None = None


class ShardTold(msgspec.Struct, frozen=True, kw_only=True):
    """A shard: its slots, what it holds and has done, and the machine that it is on."""

    number: int
    slots: tuple[int, int]
    learners: int
    events: int
    memory_bytes: int
    questions: int
    asked_ms: int
    folded_ms: int
    machine: str


class MachineTold(msgspec.Struct, frozen=True, kw_only=True):
    """A machine: how many processors it has, and which shards are there."""

    name: str
    processors: int
    shards: tuple[int, ...]


class MoreTold(msgspec.Struct, frozen=True, kw_only=True):
    """What one more machine, like the largest, would cost and bring.

    Parameters
    ----------
    moved, moved_bytes : shards that would move, and the memory of these
    learners_before, learners_after : on the machine that has most of them
    speedup : how many times as fast questions of all learners would be, where shards are what takes time
    """

    moved: int
    moved_bytes: int
    learners_before: int
    learners_after: int
    speedup: float


class ScaleTold(msgspec.Struct, frozen=True, kw_only=True, tag="scale"):
    """How the shards of a node are; ``away`` says why some are, by number."""

    count: int
    shards: tuple[ShardTold, ...]
    away: dict[int, str]
    machines: tuple[MachineTold, ...]
    more: MoreTold | None = None
