"""What carries messages between nodes: one small protocol, and the fabric of nodes that share a process.

A fabric promises little, and that is all that the cores need: a message arrives at most a few times, whole, under the
name of the node that sent it, or not at all. Order is not promised. What is in flight is bounded, by messages and by
bytes: a node that does not take its messages loses the oldest, and hears of what was in them later.

The way not taken is a fabric that waits until there is room: the thread that writes would then stand still because some
other region is slow, and a node would acknowledge nothing here because of a link to there.
"""

import queue
from collections import deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from homeroom import limits
from homeroom.errors import MessageError

__all__ = ["Box", "Carried", "Fabric", "FabricState", "InProcess", "check_length"]


@dataclass(slots=True)
class Carried:
    """What a fabric has carried from or to one other node since it was made.

    Attributes
    ----------
    sent, sent_bytes : messages that were handed over for it, and their bytes as they went out
    received, received_bytes : messages that came from it, and their bytes as they came in
    dropped : messages from or to it that were lost here, because there was no room or no connection
    """

    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class FabricState:
    """How a fabric is.

    Attributes
    ----------
    is_connected : whether messages can go out now
    peers : by node what was carried
    troubles : what people should look at, in words; empty if nothing is wrong
    """

    is_connected: bool
    peers: dict[str, Carried] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


class Fabric(Protocol):
    """Carries messages from one node to others. Everything in it may be called from any thread."""

    def start(self, wake: Callable[[], None]) -> None:
        """Begin to carry, once. ``wake`` is called from any thread when something has come.

        It must neither wait nor raise. It may be called once for several messages, and when `receive` has taken them
        already.
        """

    def send(self, to: str, body: bytes) -> None:
        """Take a message for a node; return at once. It may be lost. Raises `MessageError` if it is too long."""

    def receive(self) -> list[tuple[str, bytes]]:
        """Return what has come since the last call, each with the name of the node that sent it."""

    def state(self) -> FabricState:
        """Return how it is."""

    def close(self) -> None:
        """End for good: nothing is sent, received or woken any more, and what waits is lost."""


def check_length(to: str, body: bytes) -> None:
    """Raise `MessageError` for a message that is too long for any fabric."""
    if len(body) > limits.MESSAGE_BYTES_MAX:
        raise MessageError(
            f"a message for {to} has {len(body):,} bytes, at most {limits.MESSAGE_BYTES_MAX:,} are allowed"
        )


class Box(queue.Queue[tuple[str, bytes]]):
    """Messages that wait to be taken; the oldest are dropped where more come than may wait. Safe between threads.

    Parameters
    ----------
    dropped : is called with the node of each message that is dropped, while the box is locked

    Attributes
    ----------
    wake : is called when something has come, from whichever thread brought it
    """

    def __init__(self, dropped: Callable[[str], None]) -> None:
        self.wake: Callable[[], None] | None = None
        self._drop = dropped
        self._is_awake = False
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        super().__init__()

    # What `queue.Queue` lets others define; it calls them one at a time.

    def _init(self, maxsize: int) -> None:
        pass

    def _qsize(self) -> int:
        return len(self._waiting)

    def _put(self, item: tuple[str, bytes]) -> None:
        self._waiting.append(item)
        self._bytes += len(item[1])
        while (
            len(self._waiting) > limits.FABRIC_MESSAGES_MAX or self._bytes > limits.FABRIC_BYTES_MAX
        ):
            self._drop(self._get()[0])

    def _get(self) -> tuple[str, bytes]:
        item = self._waiting.popleft()
        self._bytes -= len(item[1])
        return item

    def bring(self, node: str, body: bytes) -> None:
        """Put a message in, and wake whoever takes them if they do not know yet."""
        self.put_nowait((node, body))
        self.tell()

    def tell(self) -> None:
        """Wake whoever takes the messages, if they do not know yet."""
        wake = self.wake
        if wake is not None and not self._is_awake:
            self._is_awake = True
            wake()

    def take(self) -> list[tuple[str, bytes]]:
        """Take all that waits."""
        # Before the first is taken: what comes from here on is told anew, at worst for nothing.
        self._is_awake = False
        with self.mutex:
            came = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
        return came


class InProcess:
    """The fabric of one node among nodes of the same process; see `Fabric`.

    Parameters
    ----------
    node : whose it is
    boxes : by node what waits for it; shared by all fabrics of the world. A later fabric of a node takes the place of
        the one before.
    """

    def __init__(self, node: str, boxes: MutableMapping[str, Box]) -> None:
        self._node = node
        self._boxes = boxes
        self._peers: dict[str, Carried] = {}
        self._box = boxes[node] = Box(self._dropped)
        self._is_closed = False

    def _dropped(self, sender: str) -> None:
        self._peers.setdefault(sender, Carried()).dropped += 1

    def start(self, wake: Callable[[], None]) -> None:
        """Say from now on when something has come."""
        assert self._box.wake is None, "a fabric is started once"
        self._box.wake = wake
        if self._box.qsize():
            self._box.tell()

    def send(self, to: str, body: bytes) -> None:
        """Put a message into another node's box; if nobody has that name, it is lost."""
        check_length(to, body)
        box = None if self._is_closed else self._boxes.get(to)
        if box is None:
            self._dropped(to)
            return
        carried = self._peers.setdefault(to, Carried())
        carried.sent += 1
        carried.sent_bytes += len(body)
        box.bring(self._node, body)

    def receive(self) -> list[tuple[str, bytes]]:
        """Empty this node's box."""
        came = [] if self._is_closed else self._box.take()
        for sender, body in came:
            carried = self._peers.setdefault(sender, Carried())
            carried.received += 1
            carried.received_bytes += len(body)
        return came

    def state(self) -> FabricState:
        """Return how it is: connected until it is closed."""
        return FabricState(
            not self._is_closed, {n: replace(c) for n, c in dict(self._peers).items()}
        )

    def close(self) -> None:
        """Take this node's box away."""
        self._is_closed = True
        self._box.wake = None
        if self._boxes.get(self._node) is self._box:
            del self._boxes[self._node]
