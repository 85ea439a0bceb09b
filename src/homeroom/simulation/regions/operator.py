"""The operator: states who belongs to the world at its home node, sees removals through, and lets lives end.

What is stated is tried again until it is durable. If the home is destroyed, or is to be another one, that node says so
first; then what was stated and has not reached it is stated again. A node that is to leave is fenced first; it is
closed when all other members have said what they hold of it, however long that takes. Of entries that some node holds
back because they are of the future, it is ruled that they count now, or not at all. Lives that are over are stated by
no person, but by the home itself, whenever nothing else waits to be stated.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from homeroom.log.control import Change, Fact
from homeroom.log.cuts import HistoryCut
from homeroom.log.members import (
    HomeMoved,
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
from homeroom.simulation.regions.cutting import STATED_FROM_DAY
from homeroom.simulation.regions.folding import TENANT
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.met import Case
from homeroom.simulation.regions.outside import Request, Told

__all__ = ["Operator"]

_AGAIN_MS: Final = 400
_ENDINGS_MS: Final = 1_000
_RULINGS_MS: Final = 1_500
_AHEAD_MS: Final = 60_000
_LOST: Final = 0.3


@dataclass(slots=True, eq=False)
class _Statement:
    """Facts that are stated together."""

    batch_id: str
    changes: list[Change]
    is_done: bool = False


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
    home : the node that writes the control stream
    """

    def __init__(
        self, home: Machine, machines: Mapping[str, Machine], agenda: Agenda, chance: Random
    ) -> None:
        self.open = 0
        self.left: set[str] = set()
        self.home, self._machines, self._agenda = home, machines, agenda
        self._chance = chance
        self._number = self._term = self._cut_day = 0
        self._waiting: deque[_Statement] = deque()
        self._is_resting = False
        # Those that are to belong to the world, whatever becomes of statements.
        self._wanted: set[str] = set()

    def begin(self, nodes: Iterable[str]) -> None:
        """State who belongs to the world at first, and which node states it."""
        self._wanted |= set(nodes)
        self._term = 1
        moved = HomeMoved(node=self.home.name, term=self._term)
        self._state([moved, *(self._joined(node) for node in nodes)])
        self._agenda.after(_ENDINGS_MS, self._look_after)
        self._agenda.after(_RULINGS_MS, self._rule)

    def rest(self) -> None:
        """Let no further lives end."""
        self._is_resting = True

    # --- by itself ---------------------------------------------------------------------------------------------------

    def _look_after(self) -> None:
        """Let lives end; state again who belongs to the world where that was lost with a home; leave a dead home."""
        if self.home.is_destroyed:
            self.home.outside.met[Case.HOME_LOST] += 1
            running = [m for m in self._machines.values() if m.life and m.name not in self.left]
            self.move_home(running[0])
        elif self._is_unknown():
            self.move_home(self.home)
        elif self._may_state():
            facts = [self._joined(node) for node in self._forgotten()] or self._endings()
            if facts:
                self._state(facts)
        if not self._is_resting:
            self._agenda.after(_ENDINGS_MS, self._look_after)

    def _is_unknown(self) -> bool:
        """Say whether the home does not know that it is: it said so with a clock that was a year ahead."""
        home = self.home
        is_up = home.life is not None and not self._waiting
        return is_up and home.stated.control.members.home != home.name

    def _may_state(self) -> bool:
        return not self._waiting and self._is_at_home()

    def _is_at_home(self) -> bool:
        """Say whether the home runs, and knows that it is the home."""
        home = self.home
        return home.life is not None and home.stated.control.members.home == home.name

    def _forgotten(self) -> list[str]:
        members = self.home.stated.control.members
        return sorted(self._wanted - members.nodes.keys() - self.left)

    def _endings(self) -> list[Fact]:
        facts: list[Fact] = []
        member = self.home.member
        lives = member.over(self.home.steady_ms())
        closed = member.closable()
        if lives:
            facts.append(LivesEnded(lives=tuple(map("/".join, lives))))
        if closed:
            written = {str(origin): number for origin, number in closed.items()}
            facts.append(OriginsClosed(closed=written))
        return facts

    def _rule(self) -> None:
        """Rule of what waits for a time that is far off, before all that is not stated while facts wait for theirs."""
        facts: list[Fact] = []
        now_ms = self._agenda.wall_ms
        running = [machine for machine in self._machines.values() if machine.life is not None]
        for machine in running if self._is_at_home() else ():
            gate = machine.member.gate
            for origin, last in gate.ahead(now_ms + _AHEAD_MS).items():
                name, first = str(origin), gate.open.get(origin, 0) + 1
                is_lost = origin.stream is Stream.ANALYTIC and self._chance.random() < _LOST
                if is_lost:
                    facts.append(EntriesLost(origin=name, first=first, last=last))
                else:
                    hybrid = now_ms << 16
                    facts.append(Restamped(origin=name, first=first, last=last, hybrid=hybrid))
        if facts:
            self._state(facts, is_first=True)
        self._agenda.after(_RULINGS_MS, self._rule)

    # --- on demand ---------------------------------------------------------------------------------------------------

    def move_home(self, home: Machine) -> None:
        """Have another node write the control stream from now on, before anything else is stated.

        Where nothing has come to it of what was stated first, it names all nodes that there are as well: else the next
        fact would be the first, and name no more than one.
        """
        self.home = home
        self._term += 1
        facts: list[Fact] = [HomeMoved(node=home.name, term=self._term)]
        if home.life is None or not home.stated.control.members.nodes:
            facts += [self._joined(node) for node in sorted(self._wanted)]
        self._state(facts, is_first=True)

    def join(self, node: Machine) -> None:
        """Start a node and state that it belongs to the world, perhaps once more."""
        node.start()
        self.left.discard(node.name)
        self._wanted.add(node.name)
        self._state([self._joined(node.name)])

    def leave(self, node: str) -> None:
        """Let a node leave."""
        self.left.add(node)
        self._wanted.discard(node)
        self.open += 1
        self._state([MemberFenced(node=node)])
        self._agenda.after(_AGAIN_MS, self._close, node)

    def fence(self, node: str) -> None:
        """Have nothing more taken of a node; nobody sees its removal through."""
        self._state([MemberFenced(node=node)])

    def next_term(self) -> int:
        """Return the term of a move of the home that somebody else states."""
        self._term += 1
        return self._term

    def cut(self, day: int) -> None:
        """Let history begin on a day since 1970, of what all members hold."""
        home, members = self.home, self.home.member.members
        if not self._may_state() or day <= self._cut_day:
            return
        self._cut_day = day
        ledger, views = home.ledger, home.member.replication.views
        others = [
            views[node].numbers for node in members.regions.keys() - members.fenced if node in views
        ]
        vector = {}
        for origin, number in ledger.applied.items():
            least = min([number, *(numbers.get(origin, 0) for numbers in others)])
            if origin.stream is Stream.ANALYTIC and least:
                vector[str(origin)] = least
        vector |= {str(o): members.closed[o] for o in ledger.retired if o.stream is Stream.ANALYTIC}
        self._state([HistoryCut(tenant=TENANT, day=day - STATED_FROM_DAY, vector=vector)])

    def has_left(self, node: str) -> bool:
        """Say whether a node that was to leave is gone, as the home has it."""
        home = self.home
        nodes = home.stated.control.members.nodes if home.life is not None else {}
        return bool(nodes) and node not in nodes and not self._waiting

    def _close(self, node: str) -> None:
        # Who is wanted again had left: nobody is taken back before.
        if self.has_left(node) or node in self._wanted:
            self.open -= 1
            return
        if self._may_state():
            members = self.home.stated.control.members
            if node not in members.fenced:
                self._state([MemberFenced(node=node)])
            else:
                self._state_left(node, members.fenced[node])
        self._agenda.after(_AGAIN_MS, self._close, node)

    def _state_left(self, node: str, fence_epoch: int) -> None:
        home, who = self.home, self.home.member.members
        replication = home.member.replication
        is_heard = not unheard(who, fence_epoch, home.name, replication.views)
        if is_heard and replication.epoch >= fence_epoch:
            closed = closing(node, who, home.member.held, replication.views)
            written = {str(origin): number for origin, number in closed.items()}
            self._state([MemberLeft(node=node, closed=written)])

    # --- statements --------------------------------------------------------------------------------------------------

    def _joined(self, node: str) -> MemberJoined:
        machine = self._machines[node]
        return MemberJoined(node=node, region=machine.region, jurisdiction=machine.jurisdiction)

    def _state(self, facts: Sequence[Fact], *, is_first: bool = False) -> None:
        """State facts after all that was stated before, or before all that waits."""
        self.open += 1
        self._number += 1
        at_ms = self._agenda.wall_ms
        changes = [Change(fact=fact, author="operator", at_ms=at_ms) for fact in facts]
        statement = _Statement(f"operator {self._number}", changes)
        if is_first:
            self._waiting.appendleft(statement)
        else:
            self._waiting.append(statement)
        self._offer(statement)

    def _offer(self, statement: _Statement) -> None:
        """Offer facts, and again until they are durable: under one id, so that a home states them once."""
        if statement.is_done or self._waiting[0] is not statement:
            return

        def tell(told: Told) -> None:
            if told.token is None or statement.is_done:
                return
            statement.is_done = True
            self.open -= 1
            self._waiting.remove(statement)
            if self._waiting:
                self._offer(self._waiting[0])

        now_ms = self._agenda.now_ms
        request = Request(statement.batch_id, statement.changes, Level.LOCAL, tell, now_ms)
        self.home.offer(request)
        self._agenda.after(_AGAIN_MS, self._offer, statement)
