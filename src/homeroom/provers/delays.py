"""Distance on one machine: what goes through here comes out later, in the order in which it went in.

A door stands before a node, and whoever comes to it is as far away as the address that they come from says. Every byte
takes half of the round trip in each direction; a connection is there after one round trip, as TCP's is (RFC 9293, 3.5),
so the first byte of a request comes out one and a half of them after the connection was asked for. Nothing is lost and
there is no bound of bandwidth: what is shown is what distance alone does. The way not taken is the kernel's own
emulation (netem), which many kernels of containers do not have.

The timers of event loops go by milliseconds, so each way may be longer by one or two, and never shorter: times are
those of the steady clock, since a loop reads its own but once in a round.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final, Generic, TypeVar, cast

from homeroom import limits

__all__ = ["Door", "Line"]

_HERE: Final = "127.0.0.1"
_TICK_S: Final = 0.001
"""The shortest time that the timers of every loop know."""
_Thing = TypeVar("_Thing")


class Line(Generic[_Thing]):
    """One direction: things come out after a time, in the order in which they went in; in one event loop.

    Parameters
    ----------
    way_s : how long each takes
    bring : is given what comes out
    """

    def __init__(self, way_s: float, bring: Callable[[_Thing], None]) -> None:
        self.way_s, self._bring = way_s, bring
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, _Thing]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def __len__(self) -> int:
        """Return how many things are under way."""
        return len(self._waiting)

    def put(self, thing: _Thing, from_s: float = 0.0) -> None:
        """Take a thing, now or from a later instant of the steady clock on."""
        if self._is_closed:
            return
        due_s = max(time.monotonic(), from_s) + self.way_s
        if self._waiting:
            due_s = max(due_s, self._waiting[-1][0])
        self._waiting.append((due_s, thing))
        if self._timer is None:
            self._come()

    def close(self) -> None:
        """Lose what is under way, and take nothing more."""
        self._is_closed = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _come(self) -> None:
        self._timer = None
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            self._bring(self._waiting.popleft()[1])
        if self._waiting and self._timer is None:
            early_s = self._waiting[0][0] - time.monotonic()
            self._timer = self._loop.call_later(max(early_s, _TICK_S), self._come)


class Door:
    """Stands before a node's own address, and breaks all connections when it is slammed.

    Parameters
    ----------
    port : where it stands
    way_s : how far away whoever comes from an address is, one way, in seconds

    Attributes
    ----------
    is_open : whether whoever comes is let in
    connections : how many were let in so far
    """

    def __init__(self, port: int, way_s: Callable[[str], float] = lambda _: 0.0) -> None:
        self._port = self._inside = port
        self._way_s = way_s
        self._visits: set[_Outer] = set()
        self._server: asyncio.Server | None = None
        self.is_open = False
        self.connections = 0

    async def open(self, inside: int) -> None:
        """Let in whoever comes, to this port of the node."""
        self._inside, self.is_open = inside, True
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: _Outer(self), _HERE, self._port, backlog=limits.DELAYED_BACKLOG
            )

    def slam(self) -> None:
        """Break all connections, and send away whoever comes; each hears of it as soon as word can be there."""
        self.is_open = False
        for one in list(self._visits):
            one.cut()

    async def close(self) -> None:
        """Stand there no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.slam()
        await self.ended()

    async def ended(self) -> None:
        """Wait until nothing is left of the connections that there are now; others may come meanwhile."""
        if self._visits:
            await asyncio.wait([one.over for one in self._visits])

    # --- what a visit asks of it -------------------------------------------------------------------------------------

    def come(self, visit: "_Outer", address: str) -> float:
        """Hear of whoever has come from an address; return how far away they are."""
        self._visits.add(visit)
        visit.over.add_done_callback(lambda _: self._visits.discard(visit))
        self.connections += self.is_open
        return self._way_s(address)

    async def enter(self, inner: "_End") -> None:
        """Connect to the node. Raises `OSError`."""
        await asyncio.get_running_loop().create_connection(lambda: inner, _HERE, self._inside)


class _Word(Enum):
    """What goes over a line beside bytes."""

    END = 0
    """Nothing more comes, and what comes back is still taken."""
    GONE = 1
    """The connection is closed."""


class _End(asyncio.Protocol):
    """One of the two connections of a visit; what comes at it goes over a line to the other one."""

    other: "_End"
    transport: asyncio.Transport
    line: Line[bytes | _Word] | None = None

    def __init__(self) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._from_s = 0.0
        # Nothing more comes at this end, or is told to it; with both the connection is over.
        self._is_done = self._is_told = False
        # What came before there was a line: an event loop may read once more than it is to.
        self._early: list[bytes | _Word] = []

    def join(self, other: "_End", way_s: float, from_s: float) -> None:
        """Have a line to another end, over which nothing goes before an instant."""
        self.other, self._from_s = other, from_s
        self.line = Line(way_s, other.take)

    def begin(self) -> None:
        """Send on what has come before both ends had lines."""
        for what in self._early:
            self._put(what)
        self._early.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the connection is spoken to by."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Send on what has come."""
        self._put(data)

    def eof_received(self) -> bool:
        """Send on that nothing more comes; the connection stays open for what comes back."""
        self._is_done = True
        self._put(_Word.END)
        return not self._is_told

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Send on that it is closed."""
        self._put(_Word.GONE)
        if not self.over.done():
            self.over.set_result(None)

    def pause_writing(self) -> None:
        """Read no more at the other end while this one takes nothing."""
        self.other.hold()

    def resume_writing(self) -> None:
        """Read there again."""
        self.other.let_go()

    def hold(self) -> None:
        """Leave what comes at this end where it is."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def let_go(self) -> None:
        """Take it again."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _put(self, what: bytes | _Word) -> None:
        if self.line is None:
            self._early.append(what)
            return
        self.line.put(what, self._from_s)
        if len(self.line) > limits.DELAYED_PIECES_MAX:
            self.hold()

    def take(self, what: bytes | _Word) -> None:
        """Take what comes over the line of the other end."""
        assert self.other.line is not None, "it came over it"
        if len(self.other.line) == limits.DELAYED_PIECES_MAX // 2:
            self.other.let_go()
        if self.transport.is_closing():
            return
        if isinstance(what, bytes):
            self.transport.write(what)
        elif what is _Word.END:
            with suppress(OSError):  # it was broken off, and is told so in a moment
                self.transport.write_eof()
            self._is_told = True
        if what is _Word.GONE or (self._is_told and self._is_done):
            self.transport.close()


class _Outer(_End):
    """The end of whoever came."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door
        self._inner: _End | None = None
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let them in, or send them away after a round trip."""
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        peer = transport.get_extra_info("peername")
        if peer is None:  # they have gone already
            self.transport.abort()
            return
        way_s = self._door.come(self, peer[0])
        if not self._door.is_open:
            loop.call_later(2 * way_s, self.transport.abort)
            return
        self.hold()
        there_s = time.monotonic() + 2 * way_s
        self._opening = asyncio.ensure_future(self._open(way_s, there_s))

    async def _open(self, way_s: float, there_s: float) -> None:
        """Go on to the node; nobody sends before the other side can have said that it is there."""
        inner = _End()
        try:
            await self._door.enter(inner)
        except OSError:  # the node is about to end
            self.transport.abort()
            return
        if inner.over.done():
            self.transport.abort()
            return
        self._inner = inner
        self.join(inner, way_s, there_s)
        inner.join(self, way_s, there_s)
        self.begin()
        inner.begin()
        if self._door.is_open and not self.transport.is_closing():
            self.let_go()
        else:
            self.cut()

    def cut(self) -> None:
        """Break it: the node hears nothing more, and whoever came hears of it when word can be there."""
        if self._inner is None:
            return  # it ends by itself, as soon as it would begin
        assert self.line is not None, "the two were joined"
        assert self._inner.line is not None, "the two were joined"
        self.line.close()
        self._inner.line.put(_Word.GONE)
        self._inner.transport.abort()
