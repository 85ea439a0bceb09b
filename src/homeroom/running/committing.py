"""The thread that writes: it drives the log, and is the only one that touches its store.

Whatever has come while a write was under way is taken together for the next one; and while there are many clients, the
next one waits a moment, because those who have just heard are about to send again. Clients hear of it together too, by
one call into their event loop: with hundreds of clients a call each would cost more than the disk. What they offer
comes over the same way, all of one turn of the loop at once.

When a write fails, nothing is acknowledged any more in this life of the log. The store is then asked to go on (in a new
file, over a new connection), and a new life begins; until that works, clients are told what is wrong.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TypeVar

import msgspec

from homeroom import limits
from homeroom.clock import HybridClock, hybrid_ms
from homeroom.errors import HomeroomError, StoreError, kind_and_places
from homeroom.log.entries import Entry, Head, Sign
from homeroom.log.log import (
    Accepted,
    Admit,
    Apply,
    BatchRecord,
    Drain,
    Drained,
    Effect,
    Event,
    Failed,
    Life,
    Log,
    Offer,
    Offers,
    Refusal,
    Refused,
    Reply,
    Write,
    Written,
)
from homeroom.log.origins import Origin, Vector
from homeroom.log.store import Store
from homeroom.node.admission import again_name

_T = TypeVar("_T")

__all__ = ["Committer", "LastingStore", "Lives", "Writing"]


class Lives(Protocol):
    """Is told of the lives of a log, in the thread that writes: what a node does because there are others."""

    def begins(self, life: Life) -> None:
        """Begin with a life of the log, before it has written anything. Raises `StoreError`."""

    def ended(self, why: str) -> None:
        """Take that the life that began last is over; it may be told again."""

    def refusal(self) -> Refused | None:
        """Return why nothing is taken now, None if it is."""

    def named(self, held: Vector) -> Vector:
        """Return what is still named of a vector: without origins that have collapsed into the epoch."""


class LastingStore(Store, Protocol):
    """A store that can go on after a write has failed."""

    def go_on(self) -> None:
        """Be ready for writes again, holding what was known to be durable. Raises `StoreError`."""
        ...

    def pass_over(self, heads: Mapping[Origin, Head]) -> None:
        """Have origins go on from these heads, as though all up to there had been held and collected.

        What is here of an origin that goes on from beyond what is held goes; of the others nothing changes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Writing:
    """Who writes, where, and what is done with it.

    Parameters
    ----------
    node, sign : the node's name, and its signature
    store : where entries are kept
    clock, now_ms : hybrid time, and the clock of the machine
    admit : the doors
    durable : is told of entries that are durable, in order, in the writing thread
    lives : is told of the lives of the log, None where there are no other nodes
    closed : returns by origin the last number that counts, of those that are closed
    """

    node: str
    sign: Sign
    store: LastingStore
    clock: HybridClock
    now_ms: Callable[[], int]
    admit: Admit
    durable: Callable[[Sequence[Entry]], None]
    lives: Lives | None = None
    closed: Callable[[], Mapping[Origin, int]] = dict


class _Stop:
    """Finish what is there, then end."""


@dataclass(frozen=True, slots=True)
class _Work:
    """Something that only the thread that writes may do."""

    do: Callable[[], None]


_Offered = tuple[Offer, "asyncio.Future[Accepted | Refused]"]
_Came = list[_Offered] | _Work | _Stop
_Reply = tuple["asyncio.Future[Accepted | Refused]", Accepted | Refused]


_Name = tuple[str, str]
_STOPPED: Final = Refused(Refusal.DRAINING, "this node has stopped")


class Committer:
    """Writes what is offered. Made and used from one event loop; the work is done in a thread."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Came] = SimpleQueue()
        # What was offered since the loop began to look at who has sent something; handed over together.
        self._offered: list[_Offered] = []
        self._futures: dict[int, asyncio.Future[Accepted | Refused]] = {}
        self._next_ticket = 0
        self._is_draining = False
        self._is_busy = False
        self._stopping = threading.Event()
        self._log = self._new_life()
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="homeroom-log", daemon=True)
        self._thread.start()

    @property
    def life(self) -> Life:
        """Who writes now."""
        return self._log.life

    async def offer(self, offer: Offer) -> Accepted | Refused:
        """Offer a batch; return when it is durable, or why it is not."""
        if not self._thread.is_alive():
            return _STOPPED
        future: asyncio.Future[Accepted | Refused] = self._loop.create_future()
        if not self._offered:
            self._loop.call_soon(self._hand_over)
        self._offered.append((offer, future))
        return await future

    def stamp_after(self, stamp: int) -> None:
        """Stamp what is offered from now on later than this: its client has seen it, at whichever node.

        What is further ahead than the clock of a sound node can be is nobody's stamp, and moves nothing.
        """
        writing = self._writing
        # Most have been left behind long since. The clock is the thread's, and only grows while there are such.
        if (
            stamp > writing.clock.last
            and hybrid_ms(stamp) <= writing.now_ms() + limits.STRAY_MS_MAX
        ):
            self.work(lambda: writing.clock.observe(stamp, writing.now_ms()))

    def _hand_over(self) -> None:
        """Hand over what all those offered who were heard in one turn of the loop: to wake a thread costs much."""
        offered, self._offered = self._offered, []
        self._queue.put(offered)

    def work(self, do: Callable[[], None]) -> None:
        """Have something done in the thread that writes, between two writes; it raises nothing."""
        self._queue.put(_Work(do))

    async def done(self, do: Callable[[], _T]) -> _T:
        """Have something done in the thread that writes, between two writes; return, or raise, what comes of it."""
        future: Future[_T] = Future()

        def work() -> None:
            try:
                future.set_result(do())
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                future.set_exception(error)

        self.work(work)
        return await asyncio.wrap_future(future)

    async def stop(self) -> None:
        """Take nothing new, write what is there, end the thread."""
        self._stopping.set()
        self._hand_over()
        self._queue.put(_Stop())
        await asyncio.to_thread(self._thread.join)
        self._hand_over()
        self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        """Refuse what was offered while the thread ended: it looked for no more, and nobody must wait for ever."""
        while True:
            try:
                one = self._queue.get_nowait()
            except Empty:
                return
            for _, future in one if isinstance(one, list) else ():
                if not future.done():
                    future.set_result(_STOPPED)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _new_life(self) -> Log:
        writing = self._writing
        life = Life(writing.node, secrets.token_hex(16), self._held(), writing.sign)
        if writing.lives is not None:
            writing.lives.begins(life)
        return Log(life, writing.clock, writing.admit)

    def end_life(self, why: str) -> None:
        """Take nothing more in this life of the log."""
        if self._log.failure is None:
            self._do(Failed(why))

    def begin_life(self) -> None:
        """Begin a new life of the log after one that has ended, if the store is ready again."""
        if self._log.failure is None:
            self.renew_life()
        else:
            self._go_on()

    def renew_life(self) -> None:
        """Begin a new life of the log though nothing has failed: between two writes nothing waits in it."""
        try:
            self._log = self._new_life()
        except StoreError as error:
            self.trouble = str(error)
            self.end_life(self.trouble)

    def _held(self) -> Vector:
        """Return what the store holds of this node: what a new life says that it found."""
        held = self._writing.store.held()
        mine = Vector({o: number for o, number in held.items() if o.node == self._writing.node})
        return mine if self._writing.lives is None else self._writing.lives.named(mine)

    def _run(self) -> None:
        while not self._is_draining:
            came = [self._queue.get()]
            if self._is_busy:
                self._stopping.wait(limits.GROUP_GATHER_MS / 1_000)
            while True:
                try:
                    came.append(self._queue.get_nowait())
                except Empty:
                    break
            self._take(came)

    def _take(self, came: Sequence[_Came]) -> None:
        offers = []
        for one in came:
            match one:
                case _Stop():
                    self._is_draining = True
                case _Work():
                    self._do_work(one)
                case list():
                    offers += [self._under_ticket(*offered) for offered in one]
        self._is_busy = len(offers) > 1
        if offers:
            self._go_on()
            self._offer(offers)
        if self._is_draining:
            self._do(Drain())

    def _offer(self, offers: list[Offer]) -> None:
        lives = self._writing.lives
        refused = None if lives is None else lives.refusal()
        if refused is None:
            self._do(Offers(tuple(self._looked_up(offers))))
        else:
            self._tell([(self._futures.pop(one.ticket), refused) for one in offers])

    def _under_ticket(self, offer: Offer, future: "asyncio.Future[Accepted | Refused]") -> Offer:
        self._next_ticket += 1
        self._futures[self._next_ticket] = future
        return offer.under(self._next_ticket)

    def _do_work(self, work: _Work) -> None:
        try:
            work.do()
        except Exception as error:  # noqa: BLE001 - this thread must go on, and the trouble is told
            self.trouble = (
                f"upkeep of the log failed: {kind_and_places(error)}; this is a fault of homeroom"
            )

    def _looked_up(self, offers: list[Offer]) -> list[Offer]:
        """Add what the store knows of batches under these ids; what is not kept has no id to come again under."""
        names = [(offer.owner, offer.batch_id) for offer in offers if offer.is_kept]
        store = self._writing.store
        try:
            known = store.records_of(names) if names else {}
            known = _as_counted(known, self._writing.closed(), store)
        except StoreError as error:
            self.trouble = str(error)
            return offers
        if not known:
            return offers
        found = [(offer, known.get((offer.owner, offer.batch_id))) for offer in offers]
        return [
            offer if of is None else msgspec.structs.replace(offer, known=of) for offer, of in found
        ]

    def _go_on(self) -> None:
        """Begin a new life, if this one has failed and the store is ready again."""
        if self._log.failure is None:
            return
        try:
            self._writing.store.go_on()
            self._log = self._new_life()
        except StoreError as error:
            self.trouble = str(error)
        else:
            self.trouble = None

    def _do(self, event: Event) -> None:
        """Take a step of the log, and all steps that follow from it."""
        following: Event | None = event
        while following is not None:
            following = self._perform(self._step(following))
        if self._log.failure is not None and self._writing.lives is not None:
            self._writing.lives.ended(self._log.failure)

    def _step(self, event: Event) -> Sequence[Effect]:
        """Take a step of the log. A fault of ours ends its life as a fault of the disk would: nobody waits for ever."""
        now_ms = self._writing.now_ms()
        try:
            return self._log.step(event, now_ms)
        except Exception as error:  # noqa: BLE001 - told to those who wait, and as a trouble
            self.trouble = (
                f"a batch could not be taken: {kind_and_places(error)}; this is a fault of homeroom"
            )
            return self._log.step(Failed(self.trouble), now_ms)

    def _perform(self, effects: Sequence[Effect]) -> Event | None:
        replies: list[_Reply] = []
        write: Write | None = None
        for effect in effects:
            match effect:
                case Reply():
                    replies.append((self._futures.pop(effect.ticket), effect.outcome))
                case Apply():
                    self._applied(effect.entries)
                case Write():
                    write = effect
                case Drained():
                    pass
        if replies:
            self._tell(replies)
        return None if write is None else self._written(write)

    def _applied(self, entries: Sequence[Entry]) -> None:
        """Tell of entries that are durable; what goes wrong there is told, and takes nothing back."""
        try:
            self._writing.durable(entries)
        except Exception as error:  # noqa: BLE001 - this thread must go on, and whoever waits must hear
            why = str(error) if isinstance(error, HomeroomError) else kind_and_places(error)
            self.trouble = (
                "entries are durable, and not all that follows from them was done; start the node "
                f"again: {why}"
            )

    def _written(self, write: Write) -> Event:
        try:
            self._writing.store.write(write.entries, write.records)
        except StoreError as error:
            self.trouble = str(error)
            return Failed(str(error))
        return Written()

    def _tell(self, replies: list[_Reply]) -> None:
        def tell() -> None:
            for future, outcome in replies:
                if not future.done():  # its client has gone away
                    future.set_result(outcome)

        self._loop.call_soon_threadsafe(tell)


def _as_counted(
    known: Mapping[_Name, BatchRecord], closed: Mapping[Origin, int], store: Store
) -> Mapping[_Name, BatchRecord]:
    """Return what is known of batches, with the entry that counts where it was written once more.

    That may have been done in a life that was given up too, and then once more.
    """
    counted = dict(known)
    while beyond := {
        name: ("", again_name(one.token.origin, one.token.number))
        for name, one in counted.items()
        if one.token is not None
        and one.token.number > closed.get(one.token.origin, one.token.number)
    }:
        again = store.records_of(list(beyond.values()))
        moved = {
            name: msgspec.structs.replace(counted[name], token=again[of].token)
            for name, of in beyond.items()
            if of in again
        }
        if not moved:
            break
        counted |= moved
    return counted
