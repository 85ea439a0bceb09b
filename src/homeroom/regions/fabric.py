"""What carries messages between nodes: one small protocol, and the fabric of nodes that share a process.

A fabric promises little, and that is all that the cores need: a message arrives at most a few times, whole, under the
name of the node that sent it, or not at all. Order is not promised. What is in flight is bounded: a node that does not
take its messages loses some, and hears of what was in them later.
"""

from collections import deque
from typing import Final, Protocol

from homeroom import limits
from homeroom.errors import MessageError

__all__ = ["Fabric", "InProcess"]

_WAITING_MAX: Final = 4 * limits.MESSAGE_ENTRIES_MAX


class Fabric(Protocol):
    """Carries messages from one node to others."""

    def send(self, to: str, body: bytes) -> None:
        """Take a message for a node; return at once. It may be lost. Raises `MessageError` if it is too long."""

    def receive(self) -> list[tuple[str, bytes]]:
        """Return what has come since the last call, each with the name of the node that sent it."""


class InProcess:
    """The fabric of one node among nodes of the same process; safe between threads.

    Parameters
    ----------
    node : whose it is
    boxes : by node what waits for it; shared by all fabrics of the world
    """

    def __init__(self, node: str, boxes: dict[str, deque[tuple[str, bytes]]]) -> None:
        self._node = node
        self._boxes = boxes
        # A deque drops its oldest when it is full, and its operations are atomic.
        self._box = boxes.setdefault(node, deque(maxlen=_WAITING_MAX))

    def send(self, to: str, body: bytes) -> None:
        """Put a message into another node's box; if nobody has that name, it is lost."""
        if len(body) > limits.MESSAGE_BYTES_MAX:
            raise MessageError(
                f"a message for {to} has {len(body):,} bytes, at most {limits.MESSAGE_BYTES_MAX:,} are allowed"
            )
        box = self._boxes.get(to)
        if box is not None:
            box.append((self._node, body))

    def receive(self) -> list[tuple[str, bytes]]:
        """Empty this node's box."""
        return [self._box.popleft() for _ in range(len(self._box))]
