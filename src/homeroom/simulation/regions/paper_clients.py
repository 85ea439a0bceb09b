"""Clients who send documents: to nodes of their own jurisdiction only, as a client library does for a pinned tenant.

They are apart from those who send events, so that a world without them is the same to the last message.
"""

from typing import Final

from homeroom.regions.steps import Level
from homeroom.simulation.regions.clients import Batch, Client
from homeroom.simulation.regions.papers import Paper

__all__ = ["PaperClient"]

_LEVELS: Final = (Level.LOCAL, Level.REMOTE, Level.ALL)


class PaperClient(Client):
    """Clients of one region who send documents to the nodes of its jurisdiction; see `Client`."""

    def _batch(self) -> Batch:
        self._number += 1
        batch_id = f"{self._home} document {self._number}"
        learner = f"learner {self._chance.randrange(self.learners)}"
        papers = tuple(
            Paper(f"{batch_id} {n}", learner, f"{learner} wrote this near {self._home}")
            for n in range(self._chance.randint(1, 2))
        )
        level = self._chance.choice(_LEVELS)
        batch = Batch(batch_id, (), level, papers)
        self._diary.sent[batch_id] = batch
        return batch
