"""Faults in the life of a node, which it does not notice itself.

It is removed and comes back, is the home no more, or has a copy of its machine beside it. These are drawn from a chance
of their own beside the other faults of a plan (`homeroom.simulation.regions.plan`), and what they need of the operator
takes longer than a cut: each sees itself through.
"""

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from homeroom.log.control import Change
from homeroom.log.members import HomeMoved, MemberFenced, MemberJoined
from homeroom.regions.steps import Level
from homeroom.simulation.regions.clients import Batch, Diary
from homeroom.simulation.regions.losses import Losses
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.met import Case
from homeroom.simulation.regions.operator import Operator
from homeroom.simulation.regions.outside import Outside, Request, Told
from homeroom.simulation.regions.plan import Fault, Kind
from homeroom.simulation.regions.retries import Retries
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.snapshots import Courier

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Upheavals"]

_AGAIN_MS: Final = 200
_LATER_MS: Final = 700
_BATCH_MS: Final = 400
_WAY_MS_MAX: Final = 1_200
_WEEKS_MS: Final = 21 * 86_400_000


class Upheavals:
    """What is done to nodes, and undone.

    Parameters
    ----------
    machines : all nodes, by name
    operator, outside : of the world
    diary, losses : what clients sent and were told, and what may be gone
    retries : sends again what was acknowledged
    """

    def __init__(
        self,
        machines: dict[str, Machine],
        operator: Operator,
        outside: Outside,
        diary: Diary,
        losses: Losses,
        retries: Retries,
    ) -> None:
        self._machines, self._operator = machines, operator
        self._outside, self._retries = outside, retries
        self._network, self._agenda = outside.network, outside.agenda
        self._diary, self._losses = diary, losses

    def begin(self, fault: Fault) -> None:
        """Let a fault of these kinds begin."""
        begin: dict[Kind, Callable[[Fault], None]] = {
            Kind.RETURN: self._remove,
            Kind.MOVE_HOME: self._move_home,
            Kind.CLONE: self._clone,
            Kind.EACH_OTHER: self._remove_each_other,
            Kind.WEEKS: self._let_weeks_go_by,
        }
        begin[fault.kind](fault)

    def _remove(self, fault: Fault) -> None:
        """Cut a node off and let it leave: it goes on as if nothing had been."""
        name = fault.nodes[0]
        self._network.part(fault.nodes, fault.for_ms)
        self._operator.leave(name)
        self._operator.open += 1
        self._agenda.after(fault.for_ms, self._take_back, self._machines[name])

    def _move_home(self, fault: Fault) -> None:
        """Cut the home off and have another node be it; somebody goes on stating things at the old one."""
        old, new = self._operator.home, self._machines[fault.nodes[0]]
        self._network.part((old.name,), fault.for_ms)
        self._operator.move_home(new)
        self._agenda.after(_LATER_MS, self._see_moved, old, new)

    def _see_moved(self, old: Machine, new: Machine) -> None:
        is_moved = new.life is not None and new.stated.control.members.home == new.name
        then = self._state_too_late if is_moved else self._see_moved
        self._agenda.after(_LATER_MS, then, old, new)

    @staticmethod
    def _state_too_late(old: Machine, _new: Machine) -> None:
        """State that a node belongs to the world which there is not: if anybody folds it, nothing is whole any more."""
        if old.life is None or not old.stated.control.members.nodes:
            return
        fact = MemberJoined(node="nobody", region="nowhere")
        at_ms = old.wall_ms()
        changes = [Change(fact=fact, author="somebody", at_ms=at_ms)]
        request = Request("too late", changes, Level.LOCAL, lambda _: None, 0)
        old.offer(request)

    def _clone(self, fault: Fault) -> None:
        """Start a copy of a machine beside it, and let clients write there; somebody stops it in the end."""
        original = self._machines[fault.nodes[0]]
        outside = replace(
            original.outside,
            courier=Courier(self._agenda, self._network, self._outside.courier.look),
        )
        chance = Random(f"clone of {original.name} at {fault.at_ms}")  # noqa: S311 - settled by the plan
        copy = Machine(original.name, original.place, outside, chance)
        copy.exchange_disk(original.copy_of_disk())
        copy.start()
        self._write_there(copy, 0)
        self._losses.add(original.name, self._agenda.now_ms, self._agenda.now_ms + fault.for_ms)
        self._agenda.after(fault.for_ms, copy.destroy)

    def _write_there(self, copy: Machine, number: int) -> None:
        if copy.is_destroyed:
            return
        name = f"at the copy of {copy.name} {number}"
        event = Happening(name, "learner 1", self._agenda.wall_ms)
        level = Level.REMOTE if number % 2 else Level.LOCAL
        batch = self._diary.sent[name] = Batch(name, (event,), level)

        def tell(told: Told) -> None:
            # What it alone holds is lost with it.
            if told.level > Level.LOCAL:
                self._diary.take(batch, copy.name, told, self._agenda.now_ms)

        copy.offer(Request(name, batch.events, level, tell, self._agenda.now_ms))
        self._agenda.after(_BATCH_MS, self._write_there, copy, number + 1)

    def _remove_each_other(self, fault: Fault) -> None:
        """Cut the world in two, and let each side have a home that removes the one of the other side.

        Who put it right then has both taken back, at a home that was neither.
        """
        old, new = self._operator.home, self._machines[fault.nodes[0]]
        self._network.part(fault.nodes, fault.for_ms)
        self._operator.fence(new.name)
        self._operator.open += 1
        moved = HomeMoved(node=new.name, term=self._operator.next_term())
        changes = [
            Change(fact=fact, author="somebody else", at_ms=new.wall_ms())
            for fact in (moved, MemberFenced(node=old.name))
        ]
        new.offer(Request("removal", changes, Level.LOCAL, lambda _: None, 0))
        self._agenda.after(fault.for_ms, self._reconcile, (old, new))

    def _reconcile(self, two: tuple[Machine, Machine]) -> None:
        """Take two back that have removed each other, at a third home."""
        old, new = two
        is_mutual = _has_fenced(old, new) and _has_fenced(new, old)
        self._outside.met[Case.REMOVED_EACH_OTHER] += is_mutual
        self._operator.open -= 1
        third = next(m for m in self._machines.values() if m.has_begun and m not in two)
        self._operator.move_home(third)
        for machine in two:
            self._operator.join(machine)

    def _let_weeks_go_by(self, _fault: Fault) -> None:
        """Have every machine off for weeks; then clients send again what was acknowledged before."""
        everybody = list(self._machines)
        links = [(one, other) for one in everybody for other in everybody if one != other]
        self._network.cut(links)
        self._turn_off()
        # Until nothing is under way any more.
        self._agenda.after(_WAY_MS_MAX, self._begin_again, links)

    def _turn_off(self) -> None:
        for machine in self._machines.values():
            machine.kill()

    def _begin_again(self, links: list[tuple[str, str]]) -> None:
        self._turn_off()
        self._network.heal(links)
        self._agenda.skipped_ms += _WEEKS_MS
        for machine in self._machines.values():
            if machine.has_begun:
                machine.start()
                self._agenda.after(_LATER_MS, self._retries.send, machine.name, Case.AFTER_WEEKS)

    def _take_back(self, machine: Machine) -> None:
        if not self._operator.has_left(machine.name):
            self._agenda.after(_AGAIN_MS, self._take_back, machine)
            return
        self._operator.open -= 1
        self._operator.join(machine)


def _has_fenced(one: Machine, other: Machine) -> bool:
    """Say whether a node knows that another one is to leave."""
    return one.life is not None and other.name in one.stated.control.members.fenced
