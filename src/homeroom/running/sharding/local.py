"""The engine in one process: one state has all learners."""

from collections.abc import Callable, Sequence

from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.live import Shows
from homeroom.cohorts.questions import Question
from homeroom.log.entries import Entry
from homeroom.log.origins import Vector
from homeroom.node.folding import Folding
from homeroom.node.node import Node
from homeroom.running.live import Live
from homeroom.running.sharding.tenants import Make, Shown, counts_of, memory_bytes
from homeroom.scaling.engine import Gathered, Missing, ShardSize
from homeroom.state.state import State

__all__ = ["LocalEngine"]


class LocalEngine:
    """Folds and answers here.

    Parameters
    ----------
    make : makes the state of a tenant that is new
    now_ms, steady_ms : the clocks of the machine
    """

    def __init__(self, make: Make, now_ms: Callable[[], int], steady_ms: Callable[[], int]) -> None:
        self.live = Live(Folding({}, make), now_ms)
        self._steady_ms = steady_ms
        self._shown = Shown()
        self._asked_ms = self._folded_ms = self._questions = 0

    @property
    def applied(self) -> Vector:
        """By origin the last entry that is folded."""
        return self.live.applied

    def apply(self, entries: Sequence[Entry]) -> None:
        """Fold entries."""
        began_ms = self._steady_ms()
        self.live.fold(entries)
        self._folded_ms += self._steady_ms() - began_ms

    def ask(
        self,
        tenant: str,
        question: Question,
        missing: Missing = Missing.REFUSED,
        shows: Shows = Shows.REGISTERED,
    ) -> Gathered:
        """Answer a question; nobody is ever missing. Raises `QuestionError`."""
        del missing

        def look(state: State) -> Answer:
            node = Node(self._shown(tenant, self.live.control, state, shows))
            return node.ask(question, node.summary(Source()))

        began_ms = self._steady_ms()
        answer, seen = self.live.ask(tenant, look, self.applied)
        self._asked_ms += self._steady_ms() - began_ms
        self._questions += 1
        return Gathered(answer, seen.applied)

    def sizes(self) -> tuple[ShardSize, ...]:
        """Return what there is, as one shard."""
        return (
            ShardSize(
                number=0,
                tenants=counts_of(self.live),
                memory_bytes=memory_bytes(),
                node="here",
                questions=self._questions,
                asked_ms=self._asked_ms,
                folded_ms=self._folded_ms,
            ),
        )

    def upkeep(self) -> None:
        """Seal what has come, and put rows in their places."""
        self.live.settle(lambda: False)

    def close(self) -> None:
        """Hold nothing beyond this process."""
