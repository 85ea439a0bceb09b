"""Who waits for what: acknowledgements for other regions, reads for entries that their client knows of.

Both wait for a number of one origin to be reached, and not longer than they said. An acknowledgement counts what other
nodes have *said that they hold*: durable, with all that came before. A number in a gap buffer is none of these.

Documents go no further than their jurisdiction. All who may have them are its members; and if it has one region, no
other can ever say that it has them: who asks for that hears so at once, and does not wait for what cannot come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from homeroom import limits
from homeroom.log.origins import Origin, Token
from homeroom.regions.residency import holders, is_alone
from homeroom.regions.steps import Applied, AwaitApplied, AwaitHeld, Effect, Held, Level, Members

__all__ = ["Reach", "Waiting", "level_of"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of how far entries have come.

    Parameters
    ----------
    node : this one
    members : who belongs to the world
    views : by other node what it has said that it holds
    complete : the others that have said that they hold all that has collapsed into this epoch
    """

    node: str
    members: Members
    views: Mapping[str, Mapping[Origin, int]]
    complete: frozenset[str] = frozenset()


def level_of(token: Token, reach: Reach) -> Level:
    """Return how far an entry that this node holds has come, by what the others say.

    An origin that has collapsed they do not name any more. All members of then hold it; who has joined since does not
    yet, and who was put back from an old copy has perhaps lost it. So each counts when it has said that it is complete.
    What lies beyond the last number of such an origin counts nowhere.
    """
    node, members, origin = reach.node, reach.members, token.origin
    others = holders(members, origin) - {node}
    if origin in members.collapsed:
        having = set(reach.complete) if token.number <= members.closed[origin] else set()
    else:
        views = reach.views.items()
        having = {other for other, numbers in views if numbers.get(origin, 0) >= token.number}
    # What one says that may not have it counts for nothing.
    having &= others
    if having >= others:
        return Level.ALL
    here = members.regions.get(node)
    elsewhere = any(members.regions.get(other, here) != here for other in having)
    return Level.REMOTE if elsewhere else Level.LOCAL


def _is_out_of_reach(asked: AwaitHeld, members: Members) -> bool:
    """Say whether a client waits for another region where there is none that may have its entry."""
    return asked.level is Level.REMOTE and is_alone(members, asked.token.origin)


def _alone(asked: AwaitHeld) -> Effect:
    # Not that all have it, even if they do: they are in one place, and who asked wanted two.
    return Held(asked.ticket, Level.LOCAL, is_late=True, is_alone=True)


class Waiting:
    """Clients that wait."""

    def __init__(self) -> None:
        self._held: dict[Origin, list[AwaitHeld]] = {}
        self._applied: dict[Origin, list[AwaitApplied]] = {}
        self._numbers: dict[Origin, int] = {}

    def __len__(self) -> int:
        held = sum(len(waiting) for waiting in self._held.values())
        return held + sum(len(waiting) for waiting in self._applied.values())

    @property
    def is_idle(self) -> bool:
        """Say whether nobody waits."""
        return not self._held and not self._applied

    # --- acknowledgements --------------------------------------------------------------------------------------------

    def await_held(self, asked: AwaitHeld, reach: Reach, now_ms: int) -> list[Effect]:
        """Let a client wait for a level."""
        level = level_of(asked.token, reach)
        if _is_out_of_reach(asked, reach.members):
            return [_alone(asked)]
        is_full = len(self) >= limits.WAITING_MAX
        if level >= asked.level or is_full or asked.until_ms <= now_ms:
            return [Held(asked.ticket, level, is_late=level < asked.level)]
        self._held.setdefault(asked.token.origin, []).append(asked)
        return []

    def heard(self, origins: Iterable[Origin], reach: Reach) -> list[Effect]:
        """Look again at those who wait for entries of these origins, or of one that nobody names any more."""
        collapsed = sorted(self._held.keys() & reach.members.collapsed)
        return [effect for one in (*origins, *collapsed) for effect in self._look(one, reach)]

    def lacking(self, views: Mapping[str, Mapping[Origin, int]]) -> set[str]:
        """Return the nodes of which it is not known that they have all that clients wait for."""
        last = {o: max(one.token.number for one in some) for o, some in self._held.items()}
        return {
            node
            for node, numbers in views.items()
            if any(numbers.get(origin, 0) < number for origin, number in last.items())
        }

    def _look(self, origin: Origin, reach: Reach) -> list[Effect]:
        waiting = self._held.get(origin)
        if not waiting:
            return []
        effects: list[Effect] = []
        left = []
        for asked in waiting:
            level = level_of(asked.token, reach)
            if _is_out_of_reach(asked, reach.members):
                effects.append(_alone(asked))
            elif level >= asked.level:
                effects.append(Held(asked.ticket, level, is_late=False))
            else:
                left.append(asked)
        self._held[origin] = left
        if not left:
            del self._held[origin]
        return effects

    # --- reads -------------------------------------------------------------------------------------------------------

    def await_applied(self, asked: AwaitApplied, now_ms: int) -> list[Effect]:
        """Let a read wait for an entry."""
        is_there = self._numbers.get(asked.token.origin, 0) >= asked.token.number
        if is_there or len(self) >= limits.WAITING_MAX or asked.until_ms <= now_ms:
            return [Applied(asked.ticket, is_late=not is_there)]
        self._applied.setdefault(asked.token.origin, []).append(asked)
        return []

    def folded(self, numbers: Iterable[tuple[Origin, int]]) -> list[Effect]:
        """Let those reads go on whose entries are folded."""
        effects: list[Effect] = []
        for origin, number in numbers:
            self._numbers[origin] = max(number, self._numbers.get(origin, 0))
            if origin not in self._applied:
                continue
            waiting = self._applied.pop(origin)
            effects += [
                Applied(a.ticket, is_late=False) for a in waiting if a.token.number <= number
            ]
            left = [asked for asked in waiting if asked.token.number > number]
            if left:
                self._applied[origin] = left
        return effects

    def retired(self, origins: Iterable[Origin], closed: Mapping[Origin, int]) -> list[Effect]:
        """Let those reads go on that wait for origins of which all is folded, and keep no number of these."""
        effects: list[Effect] = []
        for origin in origins:
            effects += self.folded([(origin, closed[origin])])
            left = self._applied.pop(origin, [])
            effects += [Applied(asked.ticket, is_late=True) for asked in left]
            self._numbers.pop(origin, None)
        return effects

    # --- time --------------------------------------------------------------------------------------------------------

    def tick(self, reach: Reach, now_ms: int) -> list[Effect]:
        """Tell those who have waited long enough how far it is."""
        effects: list[Effect] = []
        for held in [one for some in self._held.values() for one in some]:
            if held.until_ms <= now_ms:
                level = level_of(held.token, reach)
                effects.append(Held(held.ticket, level, is_late=level < held.level))
                self._held[held.token.origin].remove(held)
        for read in [one for some in self._applied.values() for one in some]:
            if read.until_ms <= now_ms:
                effects.append(Applied(read.ticket, is_late=True))
                self._applied[read.token.origin].remove(read)
        self._held = {origin: some for origin, some in self._held.items() if some}
        self._applied = {origin: some for origin, some in self._applied.items() if some}
        return effects

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        assert len(self) <= limits.WAITING_MAX
        assert all(self._held.values()), "nothing is kept of an origin that nobody waits for"
        assert all(self._applied.values())
        for origin, reads in self._applied.items():
            assert all(read.token.number > self._numbers.get(origin, 0) for read in reads)
