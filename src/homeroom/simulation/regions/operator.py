"""The operator: states who belongs to the world at its home node, sees removals through, and lets lives end.

What is stated is tried again until it is durable. A node that is to leave is fenced first; it is closed when all other
members have said what they hold of it, however long that takes. Of entries that some node holds back because they are
of the future, it is ruled that they count now, or not at all. Lives that are over are stated by no person, but by the
home itself, whenever nothing else waits to be stated.
"""

from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Final

from homeroom.log.control import Change, Fact
from homeroom.log.members import (
    LivesEnded,
    MemberFenced,
    MemberJoined,
    MemberLeft,
    OriginsClosed,
)
from homeroom.log.origins import Stream
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.regions.leaving import closing, unheard
from homeroom.regions.steps import Level
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.machine import BEGIN_MS, Machine, Request, Told

__all__ = ["Operator"]

_AGAIN_MS: Final = 400
_ENDINGS_MS: Final = 1_000
_RULINGS_MS: Final = 1_500
_AHEAD_MS: Final = 60_000


class Operator:
    """States facts at the home node.

    Parameters
    ----------
    home : the node that writes the control stream
    machines : all nodes, by name
    agenda : of the world
    chance : settles what is ruled

    Attributes
    ----------
    open : statements that are not durable yet, and removals that are not through
    left : nodes that are to leave
    """

    def __init__(
        self, home: Machine, machines: Mapping[str, Machine], agenda: Agenda, chance: Random
    ) -> None:
        self.open = 0
        self.left: set[str] = set()
        self._gone: set[str] = set()
        self._home, self._machines, self._agenda = home, machines, agenda
        self._chance = chance
        self._number = 0
        self._waiting: deque[list[Change]] = deque()
        self._is_resting = False

    def begin(self, nodes: Mapping[str, str]) -> None:
        """State who belongs to the world at first; ``nodes`` are regions by name."""
        self._state([MemberJoined(node=node, region=region) for node, region in nodes.items()])
        self._agenda.after(_ENDINGS_MS, self._end_lives)
        self._agenda.after(_RULINGS_MS, self._rule)

    def rest(self) -> None:
        """Let no further lives end."""
        self._is_resting = True

    def _end_lives(self) -> None:
        home = self._home
        if home.life is not None and not self._waiting:
            facts: list[Fact] = []
            lives = home.member.over(home.steady_ms())
            closed = home.member.closable()
            if lives:
                facts.append(LivesEnded(lives=tuple(map("/".join, lives))))
            if closed:
                written = {str(origin): number for origin, number in closed.items()}
                facts.append(OriginsClosed(closed=written))
            if facts:
                self._state(facts)
        if not self._is_resting:
            self._agenda.after(_ENDINGS_MS, self._end_lives)

    def _rule(self) -> None:
        """Rule of what waits for a time that is far off."""
        facts: list[Fact] = []
        now_ms = BEGIN_MS + self._agenda.now_ms
        running = [machine for machine in self._machines.values() if machine.life is not None]
        for machine in running if self._home.life is not None and not self._waiting else ():
            gate = machine.member.gate
            for origin, last in gate.ahead(now_ms + _AHEAD_MS).items():
                name, first = str(origin), gate.open.get(origin, 0) + 1
                is_lost = origin.stream is Stream.ANALYTIC and self._chance.random() < 0.3
                if is_lost:
                    facts.append(EntriesLost(origin=name, first=first, last=last))
                else:
                    hybrid = now_ms << 16
                    facts.append(Restamped(origin=name, first=first, last=last, hybrid=hybrid))
        if facts:
            self._state(facts)
        self._agenda.after(_RULINGS_MS, self._rule)

    def join(self, node: Machine) -> None:
        """Start a node and state that it belongs to the world, perhaps once more."""
        node.start()
        self.left.discard(node.name)
        self._gone.discard(node.name)
        self._state([MemberJoined(node=node.name, region=node.region)])

    def leave(self, node: str) -> None:
        """Let a node leave."""
        self.left.add(node)
        self.open += 1
        self._state([MemberFenced(node=node)])
        self._agenda.after(_AGAIN_MS, self._close, node)

    def has_left(self, node: str) -> bool:
        """Say whether a node that was to leave was closed."""
        return node in self._gone

    def _close(self, node: str) -> None:
        home = self._home
        if home.life is not None:
            members = home.stated.control.members
            if node in members.fenced:
                replication, who = home.member.replication, home.member.members
                if not unheard(who, members.fenced[node], home.name, replication.views):
                    closed = closing(node, who, home.member.held, replication.views)
                    written = {str(origin): number for origin, number in closed.items()}
                    self.open -= 1
                    self._gone.add(node)
                    self._state([MemberLeft(node=node, closed=written)])
                    return
        self._agenda.after(_AGAIN_MS, self._close, node)

    def _state(self, facts: list[Fact]) -> None:
        """State facts after all that was stated before: the first that are durable say who there is at all."""
        self.open += 1
        at_ms = BEGIN_MS + self._agenda.now_ms
        changes = [Change(fact=fact, author="operator", at_ms=at_ms) for fact in facts]
        self._waiting.append(changes)
        if len(self._waiting) == 1:
            self._next()

    def _next(self) -> None:
        if self._waiting:
            self._number += 1
            self._offer(f"operator {self._number}", self._waiting[0], [])

    def _offer(self, batch_id: str, changes: list[Change], done: list[Told]) -> None:
        """Offer facts, and again until they are durable: under one id, so they are stated once."""
        if done:
            return

        def tell(told: Told) -> None:
            if told.token is not None and not done:
                done.append(told)
                self.open -= 1
                self._waiting.popleft()
                self._next()

        request = Request(batch_id, changes, Level.LOCAL, tell, self._agenda.now_ms)
        self._home.offer(request)
        self._agenda.after(_AGAIN_MS, self._offer, batch_id, changes, done)
