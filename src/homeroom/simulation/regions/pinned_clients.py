"""Clients of a tenant whose events stay in a jurisdiction: they send to its nodes only, as a client library does.

They are apart from all others, so that a world without them is the same to the last message.
"""

from typing import Final

from homeroom.regions.steps import Level
from homeroom.simulation.regions.clients import STATUSES, Batch, Client
from homeroom.simulation.regions.door import PINNED
from homeroom.simulation.regions.rows import DAY_MS, Happening

__all__ = ["PinnedClient"]

_LEVELS: Final = (Level.LOCAL, Level.REMOTE, Level.ALL)
_DAYS: Final = 5


class PinnedClient(Client):
    """Clients of one region who send such events; see `Client`."""

    def _batch(self) -> Batch:
        self._number += 1
        batch_id = f"{self._home} {PINNED} {self._number}"
        count = self._chance.randint(1, 3)
        events = tuple(self._event(f"{batch_id} {n}") for n in range(count))
        batch = Batch(batch_id, events, self._chance.choice(_LEVELS))
        self._diary.sent[batch_id] = batch
        return batch

    def _event(self, event_id: str) -> Happening:
        chance = self._chance
        at_ms = self._agenda.wall_ms - chance.randrange(_DAYS) * DAY_MS
        learner = f"{PINNED} learner {chance.randrange(self.learners)}"
        return Happening(event_id, learner, at_ms, chance.choice(("", *STATUSES)))
