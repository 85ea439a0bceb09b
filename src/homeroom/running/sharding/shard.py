"""A shard: it folds the events of its own learners, and has its part in each answer.

A question is worked at in a thread of its own, which waits where parts are put together. While it looks at the columns
it holds the guard, as any question does (`homeroom.running.live`), waiting included: so whoever asks lets only one
question look at columns at a time, and lets entries be folded before or after it. A question that nobody goes on with
is dropped when its head says so, or when there are too many.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar, cast

from homeroom import limits
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Answer, Source
from homeroom.errors import HomeroomError, NotYetError, kind_and_places
from homeroom.log.entries import Entry
from homeroom.log.origins import Vector
from homeroom.node.folding import Folding
from homeroom.node.node import Node
from homeroom.running.live import Live
from homeroom.running.sharding.shard_files import Begun, ShardFiles
from homeroom.running.sharding.tenants import Shown, counts_of, memory_bytes, owning
from homeroom.scaling.asked import Asked
from homeroom.scaling.engine import ShardSize
from homeroom.scaling.gathering import Again, Done, Part, Step
from homeroom.scaling.slots import Slots
from homeroom.scaling.together import ask_together
from homeroom.state.columns_alone import HistoryNeededError
from homeroom.state.running import Run, Task
from homeroom.state.state import State

__all__ = ["Shard", "open_shard"]

_T = TypeVar("_T")


class _DroppedError(Exception):
    """The question was dropped."""


class _Giving:
    """The run of a shard for one question: where parts are put together it hands out its own, and waits."""

    def __init__(self, run: Run, place: int) -> None:
        self.workers, self.place, self.look = run.workers, place, 0
        self.steps: SimpleQueue[Step] = SimpleQueue()
        self._joined: SimpleQueue[tuple[object] | None] = SimpleQueue()
        self._run = run

    def __call__(self, tasks: Sequence[Task]) -> None:
        self._run(tasks)

    def gathered(self, part: _T, join: Callable[[Sequence[_T]], _T]) -> _T:
        del join  # the head joins
        self.steps.put(Part(self.look, part))
        joined = self._joined.get()
        if joined is None:
            raise _DroppedError
        if isinstance(joined[0], Again):
            raise HistoryNeededError
        return cast("_T", joined[0])

    def go_on(self, joined: object) -> None:
        self._joined.put((joined,))

    def drop(self) -> None:
        self._joined.put(None)


class Shard:
    """A shard that runs; any thread may call it.

    Parameters
    ----------
    slots : which learners are its own
    files : its directory
    now_ms, steady_ms : the clocks of the machine
    """

    def __init__(
        self,
        slots: Slots,
        files: ShardFiles,
        now_ms: Callable[[], int],
        steady_ms: Callable[[], int],
    ) -> None:
        self._slots, self._files, self._run = slots, files, ThreadRun()
        self._steady_ms = steady_ms
        self._now_ms = now_ms
        self._live = Live(Folding({}, owning(files.fresh, slots.owns)), now_ms)
        self._sessions: dict[str, _Giving] = {}
        self._room = threading.BoundedSemaphore(limits.SHARD_SESSIONS_MAX)
        self._applying = threading.Lock()
        self._shown = Shown()
        self._asked_ms = self._folded_ms = self._questions = 0
        self._last = 0

    def open(self, life: str, last: int, stated: Sequence[Entry]) -> int:
        """Begin with the snapshot that it has of a life of the head, if it has one; return the portion that it goes to.

        A snapshot of a portion after ``last`` is of no use. ``stated`` is all that was stated up to now.
        """
        folding, self._last = self._files.folding(life, last, stated, self._slots.owns)
        self._live = Live(folding, self._now_ms)
        return self._last

    def label(self, tenant: str, texts: Sequence[str]) -> None:
        """Take texts as the labels of their hashes."""
        self._files.labels(tenant).add(texts)

    def apply(self, portion: int, entries: Sequence[Entry]) -> Vector:
        """Fold a portion of entries; one that is folded already is passed over. Return what is applied."""
        with self._applying:
            if portion > self._last:
                began_ms = self._steady_ms()
                self._last = (
                    portion  # before: a snapshot that is written meanwhile may have some of it
                )
                self._live.fold(entries)
                self._folded_ms += self._steady_ms() - began_ms
            return self._live.applied

    def upkeep(self) -> None:
        """Seal what has come, and put rows in their places."""
        self._live.settle(lambda: False)

    def save(self, life: str) -> int:
        """Write a snapshot; return the portion that it goes to."""
        with self._applying:  # no portion is folded in part
            begun = Begun(life, self._last, self._live.applied)
        return self._files.write(begun, self._live, lambda: self._last)

    def size(self) -> ShardSize:
        """Return what it holds."""
        return ShardSize(
            number=self._slots.number,
            tenants=counts_of(self._live),
            memory_bytes=memory_bytes(),
            node="here",
            questions=self._questions,
            asked_ms=self._asked_ms,
            folded_ms=self._folded_ms,
        )

    # --- questions ---------------------------------------------------------------------------------------------------

    def begin(self, asked: Asked) -> Callable[[], Step]:
        """Begin with a question; return what waits for its first step."""
        giving = _Giving(self._run, self._slots.number)
        self._sessions[asked.session] = giving
        threading.Thread(
            target=self._work, args=(asked, giving), name="homeroom-shard", daemon=True
        ).start()
        return giving.steps.get

    def go_on(self, session: str, joined: object) -> Callable[[], Step]:
        """Go on with a question; return what waits for its next step."""
        giving = self._sessions.get(session)
        if giving is None:
            return lambda: Done("the question was dropped here")
        giving.go_on(joined)
        return giving.steps.get

    def end(self, session: str) -> None:
        """Drop a question."""
        giving = self._sessions.pop(session, None)
        if giving is not None:
            giving.drop()

    def _work(self, asked: Asked, giving: _Giving) -> None:
        def look(state: State) -> Answer:
            giving.look += 1
            if self._live.applied != asked.after:
                raise NotYetError("other entries are folded here than the question is asked of")
            view = self._shown(asked.tenant, self._live.control, state, asked.shows)
            return ask_together(view, asked, giving, Node(state).summary(Source()))

        with self._room:
            began_ms = self._steady_ms()
            try:
                self._live.ask(asked.tenant, look, asked.after)
                giving.steps.put(Done())
            except _DroppedError:
                pass
            except KeyError:
                giving.steps.put(Done(f"no tenant {asked.tenant} is known here"))
            except HomeroomError as error:
                giving.steps.put(Done(str(error)))
            except Exception as error:  # noqa: BLE001 - told to whoever asked
                giving.steps.put(Done(f"{kind_and_places(error)}; this is a fault of homeroom"))
            finally:
                self._asked_ms += self._steady_ms() - began_ms
                self._questions += 1
                self._sessions.pop(asked.session, None)


def open_shard(path: Path, keys: Path, slots: Slots) -> Shard:
    """Return a shard whose directory is ``path``; ``keys`` is the data directory that has the keys of the tenants."""
    from homeroom.adapters.system_clock import now_ms, steady_ms

    return Shard(slots, ShardFiles(path, keys), now_ms, steady_ms)
