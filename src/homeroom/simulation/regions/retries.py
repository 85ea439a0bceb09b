"""Batches that were acknowledged and are sent again: a client that lost its notes, after weeks or under another key.

What they hold must count once, whatever became of the record of them: a node that was put back may have none, and under
another key a batch has another name.
"""

from collections.abc import Mapping
from random import Random
from typing import Final

from homeroom.regions.steps import Level
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.clients import Acknowledged, Diary
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.met import Case
from homeroom.simulation.regions.outside import OWNER, Request, Told

__all__ = ["Retries"]

_BATCHES_MAX: Final = 5


class Retries:
    """Sends again what was acknowledged.

    Parameters
    ----------
    machines : all nodes, by name
    agenda, diary : of the world
    chance : settles which batches
    """

    def __init__(
        self, machines: Mapping[str, Machine], agenda: Agenda, diary: Diary, chance: Random
    ) -> None:
        self._machines, self._agenda = machines, agenda
        self._diary, self._chance = diary, chance

    def send(self, node: str, case: Case, owner: str = OWNER) -> None:
        """Send some batches to a node again, of those that it or others have acknowledged."""
        known = self._diary.acknowledged
        for told in self._chance.sample(known, min(_BATCHES_MAX, len(known))):
            self._again(told, node, case, owner)

    def _again(self, before: Acknowledged, node: str, case: Case, owner: str) -> None:
        batch, begun_ms = before.batch, self._agenda.now_ms

        def tell(told: Told) -> None:
            if told.token is not None:
                now_ms = self._agenda.now_ms
                said = Acknowledged(batch, node, told.token, told.level, now_ms, now_ms - begun_ms)
                self._diary.met[case] += 1
                self._diary.acknowledged.append(said)
                self._diary.look(said)

        request = Request(batch.id, batch.events, Level.LOCAL, tell, begun_ms, owner=owner)
        self._machines[node].offer(request)
