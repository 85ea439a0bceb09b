"""A request that has come whole is answered without a task and without timers of its own.

Thousands of clients send one event, or one statement, and wait. Nearly all of these requests are in one piece by the
time that they are seen, so nothing about them is slow but the disk; and yet an event loop asks a task of each, which
waits for its turn, and three timers, for the headers, the body and the answer, which never go off. That costs more than
what the request is about.

So here the same coroutine that would be the task is run at once, up to its first real wait, and goes on as soon as that
is over. Of the bounds of time only the one for the answer is left; as it is the same for all, the one who has waited
longest is the next to be too late, and one timer watches over all.

The way not taken is a second application for what is frequent: it would have to give the same answers as the first for
ever.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, TypeAlias

__all__ = ["Deadline", "Driven", "Watch", "Whole"]

_Coroutine: TypeAlias = Coroutine[Any, Any, None]


class Whole:
    """The body of a request, all of it; an ASGI ``receive`` that never waits."""

    __slots__ = ("body",)

    def __init__(self, body: bytes) -> None:
        self.body: Final = body

    async def __call__(self) -> dict[str, Any]:
        """Return the one message."""
        return {"type": "http.request", "body": self.body, "more_body": False}


class Deadline:
    """What `asyncio.timeout` is to a task: around the work that may be too late, it turns being stopped into that."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End. Raises `TimeoutError` for work that was stopped because it took too long."""
        if self.is_over and kind is asyncio.CancelledError:
            raise TimeoutError from error


class Driven:
    """A coroutine that is run from here, now, and whenever what it waits for has come. In one event loop.

    Parameters
    ----------
    coroutine : handles its own errors, and does not ask which task it is
    deadline : around what it does
    ended : is called when it has
    """

    __slots__ = ("_coroutine", "_deadline", "_ended", "_waits")

    def __init__(
        self, coroutine: _Coroutine, deadline: Deadline, ended: Callable[["Driven"], None]
    ) -> None:
        self._coroutine = coroutine
        self._deadline = deadline
        self._ended = ended
        self._waits: asyncio.Future[Any] | None = None

    def go_on(self, came: "asyncio.Future[Any] | None" = None) -> None:
        """Run up to the next wait, or the end.

        What was waited for may have come in the turn of the loop in which it was stopped: that is nothing any more.
        """
        if came is self._waits:
            self._run(self._coroutine.send, None)

    def stop(self) -> None:
        """Stop because of the time."""
        self._deadline.is_over = True
        waits, self._waits = self._waits, None
        if waits is not None:
            waits.remove_done_callback(self.go_on)
            waits.cancel()
        self._run(self._coroutine.throw, asyncio.CancelledError())

    def _run(self, step: Callable[[Any], Any], given: object) -> None:
        try:
            waits = step(given)
        except StopIteration:
            self._ended(self)
            return
        except BaseException:
            self._ended(self)
            raise
        if waits is None:  # it lets others go first
            loop = asyncio.get_running_loop()
            waits = loop.create_future()
            loop.call_soon(_let, waits)
        # How a future is handed to whoever drives a coroutine; a task does just this.
        waits._asyncio_future_blocking = False  # noqa: SLF001
        self._waits = waits
        waits.add_done_callback(self.go_on)


def _let(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class Watch:
    """Stops what takes too long.

    Parameters
    ----------
    seconds_max : each may take

    Attributes
    ----------
    under_way : what has not ended, in the order in which it was begun, with when that was
    """

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self.under_way: dict[Driven, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def drive(self, work: Callable[[Deadline], Awaitable[None]], now_s: float) -> None:
        """Begin with some work: a coroutine function that puts its deadline around what it does."""
        deadline = Deadline()
        driven = Driven(work(deadline), deadline, self._ended)  # type: ignore[arg-type]
        self.under_way[driven] = now_s
        if self._timer is None:
            self._wait(self._seconds_max)
        driven.go_on()

    def _ended(self, driven: Driven) -> None:
        self.under_way.pop(driven, None)

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Stop all that are too late; look again when the next one may be."""
        self._timer = None
        now_s = asyncio.get_running_loop().time()
        late = []
        for driven, began_s in self.under_way.items():
            left_s = began_s + self._seconds_max - now_s
            if left_s > 0:
                self._wait(left_s)
                break
            late.append(driven)
        for driven in late:
            driven.stop()
