"""Who is asked for what is missing here.

Whoever has an entry may be asked for it, not only who wrote it: an origin that is cut off, or dead, is fetched from
those whom it reached. Of each origin one range is asked for at a time, of one node. If that does not answer in time,
or has nothing, another is asked.

What is missing has mostly just been written and is on its way. So a moment passes before it is asked for; else each
entry would come from its node and from whoever tells of it, and cross the sea twice.

What is kept is bounded. What does not fit is looked for again in what others have said they hold, when there is room.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from homeroom import limits
from homeroom.log.origins import Origin
from homeroom.regions.messages import Pull, Range

__all__ = ["Draw", "Pulling"]

Draw: TypeAlias = Callable[[int], int]
"""Returns a whole number from 0 up to its argument, excluded, by chance."""


@dataclass(slots=True)
class _Asked:
    """A pull that is under way."""

    peer: str
    origins: tuple[Origin, ...]
    until_ms: int


class Pulling:
    """What is missing, and who was asked for it.

    Parameters
    ----------
    life : the incarnation of this node
    draw : chance
    """

    def __init__(self, life: str, draw: Draw) -> None:
        self._life = life
        self._draw = draw
        self._last = 0
        # By origin since when something of it has been missing, and the last number that was told of.
        self._missing: dict[Origin, tuple[int, int]] = {}
        # Whether more is missing than is kept here.
        self._has_more = False
        self._is_over = False
        self._asked: dict[int, _Asked] = {}
        self._origins_asked: set[Origin] = set()
        # By origin who had nothing, gave something bad or did not answer when asked last.
        self._avoided: dict[Origin, str] = {}

    @property
    def under_way(self) -> int:
        """Number of pulls that have no answer yet."""
        return len(self._asked)

    @property
    def is_idle(self) -> bool:
        """Say whether nothing is missing, and nothing was asked for."""
        return not (self._missing or self._asked or self._has_more)

    def has_asked(self, peer: str) -> bool:
        """Say whether a node was asked for something, and has not answered yet."""
        return any(asked.peer == peer for asked in self._asked.values())

    def missing(self, origin: Origin, number: int, now_ms: int) -> None:
        """Take that somebody has more of an origin than is here, up to a number."""
        if self._is_over:
            return
        if origin not in self._missing and len(self._missing) >= limits.MISSING_ORIGINS_MAX:
            self._has_more = True
            return
        since_ms, known = self._missing.get(origin, (now_ms, 0))
        if number > known:
            self._missing[origin] = since_ms, number

    def stop(self) -> None:
        """Ask for nothing any more: nothing is written in this life."""
        self._is_over, self._has_more = True, False
        for kept in (self._missing, self._asked, self._origins_asked, self._avoided):
            kept.clear()

    def avoid(self, origin: Origin, peer: str) -> None:
        """Ask somebody else for an origin the next time."""
        if len(self._avoided) >= limits.MISSING_ORIGINS_MAX:
            del self._avoided[next(iter(self._avoided))]
        self._avoided[origin] = peer

    def answered(self, peer: str, number: int, brought: set[Origin], now_ms: int) -> None:
        """Take the answer to a pull: it may be asked on at once, of somebody else for what it did not bring."""
        asked = self._asked.get(number)
        if asked is None or asked.peer != peer:
            return
        self._end(number)
        for origin in asked.origins:
            if origin not in brought:
                self.avoid(origin, peer)
                if origin in self._missing:
                    self._missing[origin] = now_ms, self._missing[origin][1]
            elif self._avoided.get(origin) != peer:
                self._avoided.pop(origin, None)

    def plan(
        self, tails: Callable[[Origin], int], views: Mapping[str, Mapping[Origin, int]], now_ms: int
    ) -> list[tuple[str, Pull]]:
        """Return whom to ask for what now.

        ``tails`` gives the number up to which an origin is here or is being written, ``views`` by node what it holds.
        """
        for number in [n for n, asked in self._asked.items() if asked.until_ms <= now_ms]:
            for origin in self._asked[number].origins:
                self.avoid(origin, self._asked[number].peer)
            self._end(number)
        self._look_again(tails, views, now_ms)
        ranges: dict[str, list[Range]] = {}
        for origin, (since_ms, last) in list(self._missing.items()):
            if origin in self._origins_asked:
                continue
            tail = tails(origin)
            having = self._having(origin, tail, views) if tail < last else []
            if not having:
                del self._missing[origin]
                self._avoided.pop(origin, None)
            elif now_ms - since_ms >= limits.PULL_PATIENCE_MS:
                chosen = ranges.setdefault(self._choose(origin, having), [])
                if len(chosen) < limits.PULL_RANGES_MAX:
                    chosen.append(Range(origin, tail + 1))
        return [self._ask(peer, wanted, now_ms) for peer, wanted in ranges.items()]

    def _look_again(
        self, tails: Callable[[Origin], int], views: Mapping[str, Mapping[Origin, int]], now_ms: int
    ) -> None:
        """Look for what was not kept before, once most of what was has come."""
        if not self._has_more or len(self._missing) > limits.MISSING_ORIGINS_MAX // 2:
            return
        self._has_more = False
        for numbers in views.values():
            for origin, number in numbers.items():
                if number > tails(origin):
                    self.missing(origin, number, now_ms)

    @staticmethod
    def _having(origin: Origin, tail: int, views: Mapping[str, Mapping[Origin, int]]) -> list[str]:
        """Return who has more of an origin than is here."""
        return [peer for peer, numbers in views.items() if numbers.get(origin, 0) > tail]

    def _choose(self, origin: Origin, having: Sequence[str]) -> str:
        avoided = self._avoided.get(origin)
        others = [peer for peer in having if peer != avoided] or list(having)
        return origin.node if origin.node in others else others[self._draw(len(others))]

    def _ask(self, peer: str, ranges: list[Range], now_ms: int) -> tuple[str, Pull]:
        self._last += 1
        origins = tuple(one.origin for one in ranges)
        self._asked[self._last] = _Asked(peer, origins, now_ms + limits.PULL_WAIT_MS_MAX)
        self._origins_asked.update(origins)
        return peer, Pull(self._life, self._last, tuple(ranges))

    def _end(self, number: int) -> None:
        self._origins_asked.difference_update(self._asked.pop(number).origins)

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        asked = [origin for one in self._asked.values() for origin in one.origins]
        assert len(asked) == len(set(asked)), "an origin is asked for once at a time"
        assert set(asked) == self._origins_asked
        assert max(len(self._missing), len(self._avoided)) <= limits.MISSING_ORIGINS_MAX
        assert not (self._is_over and (self._missing or self._asked)), "nothing is asked for"
        assert len(self._asked) <= limits.WORLD_NODES_MAX * 2
