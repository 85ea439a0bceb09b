"""Clients that get things wrong and put them right: learners who are one, ids that are used twice, other keys, ties.

They are apart from the other clients, so that a world without them is the same to the last message.
"""

from typing import Final

from homeroom.regions.steps import Level
from homeroom.simulation.regions.clients import STATUSES, Batch, Client
from homeroom.simulation.regions.met import Case
from homeroom.simulation.regions.outside import Told
from homeroom.simulation.regions.retries import Retries
from homeroom.simulation.regions.rows import DAY_MS, Happening

__all__ = ["MistakenClient"]

_ROTATED: Final = "client, under another key"
_TIED: Final = 4
"""So few learners have statuses that are tied, so that most are."""


class MistakenClient(Client):
    """Clients of one region that merge learners, take that back, and use ids and keys otherwise; see `Client`."""

    def run(self, every_ms: int, until_ms: int) -> None:
        """Do one of these now and again, up to a time."""
        self._until_ms = until_ms
        if self._agenda.now_ms >= until_ms:
            return
        self._number += 1
        choices = (self._merge, self._merge, self._use_again, self._rotate, self._tie, self._tie)
        self._chance.choice(choices)()
        wait_ms = 1 + int(self._chance.expovariate(1 / every_ms))
        self._agenda.after(wait_ms, self.run, every_ms, until_ms)

    def _merge(self) -> None:
        """Say of two learners that they are one, or that they are not: then every edge between them is taken back."""
        name, at_ms = f"{self._home} merge {self._number}", self._agenda.wall_ms
        merges = self._diary.merges
        if merges and self._chance.random() < 0.3:
            pair = self._chance.choice(sorted(merges))
            said = [
                Happening(f"{name} {n}", "", at_ms, voids=edge)
                for n, edge in enumerate(merges[pair])
            ]
        else:
            one, other = sorted(self._chance.sample(range(self.learners), 2))
            pair = (f"learner {one}", f"learner {other}")
            merges.setdefault(pair, []).append(name)
            said = [Happening(name, "", at_ms, joins=pair)]
        self._offer(Batch(name, tuple(said), Level.LOCAL), self._home)

    def _tie(self) -> None:
        """Say what the status of a learner is, with no more than the day for its time: others say otherwise."""
        name, day = f"{self._home} tie {self._number}", self._agenda.wall_ms // DAY_MS
        learner = f"learner {self._chance.randrange(_TIED)}"
        status = self._chance.choice(STATUSES)
        event = Happening(name, learner, day * DAY_MS, status)
        self._offer(Batch(name, (event,), Level.LOCAL), self._home)

    def _use_again(self) -> None:
        """Send something else under the id of a batch that was acknowledged, there or elsewhere."""
        known = self._diary.acknowledged
        if not known:
            return
        before = self._chance.choice(known)
        event = self._event(f"{self._home} other {self._number}")
        other = Batch(before.batch.id, (event,), Level.LOCAL)
        node = before.node if self._chance.random() < 0.5 else self._home
        self._offer(other, node)

    def _offer(self, batch: Batch, node: str) -> None:
        self._diary.sent[f"{batch.id} of {self._home} {self._number}"] = batch
        self._send(batch, node, self.tries_max)

    def _hear(self, batch: Batch, node: str, told: Told, begun_ms: int) -> None:
        if told.token is not None and batch.id in self._diary.sent:
            self._diary.met[Case.BATCH_ID_ELSEWHERE] += 1
        super()._hear(batch, node, told, begun_ms)

    def _rotate(self) -> None:
        """Send what was acknowledged again, under another key than before."""
        retries = Retries(self._machines, self._agenda, self._diary, self._chance)
        retries.send(self._home, Case.AFTER_ROTATION, _ROTATED)
