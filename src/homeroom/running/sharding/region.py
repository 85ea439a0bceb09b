"""The engine over shards: it gives entries and questions to all of them, and puts together what they find.

The head has a state of its own, in which nobody is: it knows what was stated, and which text has which code. Entries go
to all shards and to it, and only when all have folded them anybody is answered from them. So an answer is from one
vector, or there is none: while a shard is gone, and until the one in its place has folded what it lacks, a question is
refused, or answered without that shard's learners and marked so, as its asker wants it.

Questions of columns and entries take turns, as they do in a node; those of history hold the turn until all shards have
frozen what they answer from.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from homeroom import limits
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.answers.belonging import SUPPRESSED
from homeroom.cohorts.answers.risk import AtRiskAnswer, RiskList
from homeroom.cohorts.live import Shows
from homeroom.cohorts.questions import Question
from homeroom.errors import QuestionError, ShardGoneError, ShardsApartError, ShardsAwayError
from homeroom.events.labels import Labels
from homeroom.log.entries import Entry
from homeroom.log.origins import Vector
from homeroom.node.node import Node
from homeroom.running.live import Live
from homeroom.running.sharding.labelling import Labelling
from homeroom.running.sharding.tenants import Shown
from homeroom.scaling.asked import Asked, Then
from homeroom.scaling.engine import Gathered, Missing, ShardSize
from homeroom.scaling.gathering import Gathering, Member, Pending
from homeroom.scaling.journal import Journal
from homeroom.scaling.together import ask_together
from homeroom.state.state import State

__all__ = ["ShardedEngine", "Worker"]


class Worker(Member, Protocol):
    """A shard, wherever it is; all but `end` and `stop` come back at once."""

    node: str
    """Where it is."""

    def open(self, life: str, last: int, stated: Sequence[Entry]) -> Pending:
        """Have it begin; comes to the number of the portion that its snapshot goes to, ``last`` at most, 0 for none."""
        ...

    def label(self, tenant: str, texts: Sequence[str]) -> Pending:
        """Have it take texts as the labels of their hashes."""
        ...

    def apply(self, portion: int, entries: object) -> Pending:
        """Have it fold a portion; comes to what is applied there."""
        ...

    def upkeep(self) -> Pending:
        """Have it put in order what it holds."""
        ...

    def save(self, life: str) -> Pending:
        """Have it write a snapshot; comes to the number of the portion that this goes to."""
        ...

    def size(self) -> Pending:
        """Comes to its `ShardSize`."""
        ...

    def stop(self) -> None:
        """End its process; nothing is saved."""
        ...


class ShardedEngine:
    """Folds and answers with shards.

    Parameters
    ----------
    head : the head's own state, without learners, and the journal of what it has folded
    shards : how many there are
    share : makes of what all shards get something that is sent once
    late_ms : so long is waited for a shard's part of an answer
    labels : returns the labels of a tenant that are known to the node, and those that the head knows

    Attributes
    ----------
    present : the shards that have folded all that is applied, by number
    lost : why shards are away, by number
    apart : those of them that have folded something else: what they have kept is not to be begun with
    is_to_be_mended : is set when a shard is lost
    """

    def __init__(
        self,
        head: tuple[Live, Journal],
        shards: int,
        share: Callable[[object], object] = lambda value: value,
        late_ms: int = limits.SHARD_LATE_MS,
        labels: tuple[Callable[[str], Labels], Callable[[str], Labels]] | None = None,
    ) -> None:
        self.shards, self.late_ms = shards, late_ms
        self._live, self.journal = head
        self.present: dict[int, Worker] = {}
        self.lost: dict[int, str] = dict.fromkeys(range(shards), "it has not begun yet")
        self.apart: set[int] = set()
        self.is_to_be_mended = threading.Event()
        self.turn = threading.Lock()
        self.labelling = None if labels is None else Labelling(*labels)
        self._shown = Shown()
        self._share = share
        self._run = ThreadRun(1)

    @property
    def applied(self) -> Vector:
        """By origin the last entry that all shards have folded."""
        return self._live.applied

    @property
    def live(self) -> Live:
        """The head's own state, without learners."""
        return self._live

    # --- entries -----------------------------------------------------------------------------------------------------

    def apply(self, entries: Sequence[Entry]) -> None:
        """Have all shards fold entries, some at a time; a shard that cannot is away from then on."""
        step = limits.SHARD_PORTION_ENTRIES_MAX
        for start in range(0, len(entries), step):
            self._apply(entries[start : start + step])

    def _apply(self, entries: Sequence[Entry]) -> None:
        with self.turn:
            portion = self.journal.note(entries)
            shared = self._share(entries)
            pending = [(one, one.apply(portion, shared)) for one in self.present.values()]
            self._live.fold(entries)
            for worker, one in pending:
                self._expect(worker, one)

    def _expect(self, worker: Worker, pending: Pending) -> None:
        try:
            applied = pending.result(limits.SHARD_APPLY_LATE_MS)
        except ShardsAwayError as error:
            self.lose(worker.number, str(error))
            return
        if applied != self.applied:
            self.lose(worker.number, "it has folded other entries than the head")

    def lose(self, number: int, why: str) -> None:
        """Ask a shard no more; one may be made in its place."""
        worker = self.present.pop(number, None)
        if worker is not None:
            self.lost[number] = why
            self.is_to_be_mended.set()
            worker.stop()

    def take(self, worker: Worker) -> None:
        """Have a shard in the place of the one of its number, which is stopped; it has folded all that is applied."""
        before = self.present.get(worker.number)
        self.present[worker.number] = worker
        self.lost.pop(worker.number, None)
        self.apart.discard(worker.number)
        if before is not None:
            before.stop()

    def take_all(self, workers: Sequence[Worker]) -> None:
        """Have other shards in the place of all, as many as these; they have folded all that is applied."""
        before, self.present = self.present, {one.number: one for one in workers}
        self.shards = len(workers)
        self.lost.clear()
        self.apart.clear()
        for one in before.values():
            one.stop()

    # --- questions ---------------------------------------------------------------------------------------------------

    def ask(
        self,
        tenant: str,
        question: Question,
        missing: Missing = Missing.REFUSED,
        shows: Shows = Shows.REGISTERED,
    ) -> Gathered:
        """Answer a question; ``shows`` says what of ids.

        Raises `QuestionError`, and `ShardsAwayError` where a shard is away and no answer without it is wanted.
        """
        asked = Asked("", tenant, question, Vector(), Then.NOTHING, shows)
        answer, applied, away = self._asked_until(asked, missing)
        whole = self._with_everyone(asked, _marked(answer, away, self.shards), applied)
        return Gathered(whole, applied, tuple(sorted(away)), self.shards)

    def _asked_until(
        self, asked: Asked, missing: Missing
    ) -> tuple[Answer, Vector, Mapping[int, str]]:
        """Ask until all who are asked answer; return the answer, up to what it goes, and who is missing in it."""
        late: dict[int, str] = {}
        while True:
            members = list[Worker]()
            try:
                return self._asked(asked, missing, members, late)
            except ShardsApartError as error:
                for number in (members[place - 1].number for place in error.places):
                    self.apart.add(number)
                    self.lose(number, str(error))
            except ShardsAwayError:
                if not members:
                    raise
                assert late, "it says who did not answer"
                self._forgive(members, late)

    def _members(
        self, late: Mapping[int, str], missing: Missing
    ) -> tuple[list[Worker], dict[int, str]]:
        """Return who is asked, and why others are not. Raises `ShardsAwayError` if they may not be missing."""
        members = [one for number, one in sorted(self.present.items()) if number not in late]
        away = {**self.lost, **late}
        if away and (missing is Missing.REFUSED or not members):
            told = "; ".join(f"shard {number}: {why}" for number, why in sorted(away.items()))
            raise ShardsAwayError(
                f"{len(away)} of {self.shards} shards are away, and what all learners come to is not known: {told}; "
                f"ask again"
            )
        return members, away

    def _forgive(self, members: Sequence[Worker], late: dict[int, str]) -> None:
        """Leave nobody out in whose place others are by now: it has moved, or learners are cut otherwise."""
        present = list(self.present.values())
        for member in members:
            if member not in present and member.number not in self.lost:
                late.pop(member.number, None)

    def _asked(
        self, asked: Asked, missing: Missing, members: list[Worker], late: dict[int, str]
    ) -> tuple[Answer, Vector, Mapping[int, str]]:
        """Ask the shards that are there, which come into ``members``.

        Those that do not answer come into ``late``, and `ShardsAwayError` is raised.
        """
        with _Turn(self.turn) as turn:
            some, away = self._members(late, missing)
            members += some
            return *self._asked_of(asked, members, late, turn), away

    def _asked_of(
        self, asked: Asked, members: Sequence[Worker], late: dict[int, str], turn: "_Turn"
    ) -> tuple[Answer, Vector]:
        with self._labelled(asked.tenant, members, late):
            asked = replace(asked, session=secrets.token_hex(8), after=self.applied)
            gathering = Gathering(self._run, members, asked, self.late_ms, self._share)

            def look(state: State) -> Answer:
                # The second look is at what is frozen; when all have said what from, entries may be folded.
                opened = turn.give_back if gathering.begin_look() > 1 else _nothing
                view = self._shown(asked.tenant, self._live.control, state, asked.shows)
                return ask_together(view, asked, gathering, Node(state).summary(Source()), opened)

            try:
                answer, _ = self._live.ask(asked.tenant, look, asked.after)
            finally:
                late |= gathering.late
                for number in gathering.gone:
                    self._lose_gone(members, number, late[number])
                gathering.end()
        return answer, asked.after

    def _lose_gone(self, members: Sequence[Worker], number: int, why: str) -> None:
        """Ask a shard no more whose process has ended, unless another is in its place by now."""
        if self.present.get(number) in members:
            self.lose(number, why)

    @contextmanager
    def _labelled(
        self, tenant: str, members: Sequence[Worker], late: dict[int, str]
    ) -> Iterator[None]:
        """Have all that are asked know the same labels, for as long as they are asked."""
        if self.labelling is None:
            yield
            return
        with self.labelling.of(tenant, members, late):
            yield

    def _with_everyone(self, asked: Asked, answer: Answer, applied: Vector) -> Answer:
        """Return an answer whose long list is asked for when somebody wants it."""
        if not isinstance(answer, AtRiskAnswer):
            return answer
        if answer.at_risk == SUPPRESSED:
            nobody = answer.shown
            return replace(answer, everyone=lambda: nobody)

        def everyone() -> RiskList:
            of_all = replace(asked, question=answer.question, then=Then.EVERYONE)
            found, now, _ = self._asked_until(of_all, Missing.REFUSED)
            if now != applied:
                raise QuestionError("the data have changed since this was answered; ask again")
            assert isinstance(found, AtRiskAnswer), "that is what was asked for"
            return found.shown

        parts = tuple(
            (one, self._with_everyone(asked, part, applied)) for one, part in answer.parts
        )
        return replace(answer, everyone=everyone, parts=parts)

    # --- beside these ------------------------------------------------------------------------------------------------

    def sizes(self) -> tuple[ShardSize, ...]:
        """Return what each shard holds; those that are away are left out."""
        pending = [(worker, worker.size()) for _, worker in sorted(self.present.items())]
        found = []
        for worker, one in pending:
            try:
                size = one.result(self.late_ms)
            except ShardGoneError as error:
                self._lose_gone((worker,), worker.number, str(error))
                continue
            except ShardsAwayError:
                continue
            assert isinstance(size, ShardSize), "that is what it was asked for"
            found.append(replace(size, node=worker.node))
        return tuple(found)

    def upkeep(self) -> None:
        """Have all shards seal what has come, and put rows in their places."""
        self.each(lambda worker: worker.upkeep())

    def each(self, call: Callable[[Worker], Pending]) -> Mapping[int, object]:
        """Have all shards do something beside questions and entries; return what came of it where they are not lost."""
        pending = [(worker, call(worker)) for worker in list(self.present.values())]
        found = {worker.number: self._come(worker, one) for worker, one in pending}
        return {number: one for number, one in found.items() if number in self.present}

    def _come(self, worker: Worker, pending: Pending) -> object:
        """Return what comes of something; None from a shard that is lost by it."""
        try:
            return pending.result(limits.SHARD_APPLY_LATE_MS)
        except ShardsAwayError as error:
            if self.present.get(worker.number) is worker:
                self.lose(worker.number, str(error))
            return None

    def close(self) -> None:
        """End all shards."""
        for number in list(self.present):
            self.lose(number, "the region was closed")


class _Turn:
    """Whose turn it is, given back early or at the end."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock, self._is_held = lock, False

    def __enter__(self) -> "_Turn":
        self._lock.acquire()
        self._is_held = True
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._lock.release()


def _nothing() -> None:
    pass


def _marked(answer: Answer, away: Mapping[int, str], shards: int) -> Answer:
    """Return an answer that says so if learners are missing in it."""
    if not away:
        return answer
    note = (
        f"the learners of {len(away)} of {shards} shards are not in this answer, because these are away: it is a part "
        f"of the truth"
    )
    return replace(answer, notes=(note, *answer.notes))
