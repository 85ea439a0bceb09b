"""Which events make a batch, and how much may wait: a machine without threads and clocks.

Events come one by one and go in batches, because a batch costs a node hardly more than an event does. A batch is closed
when it is full, or when its first event has waited long enough: the first bounds the size of a request, the second how
stale anything can be. What has been added stays here until the node has said what became of it, so the bound of the
queue counts what is under way too: it is what the process would lose in a crash.

A batch that the node calls too large is halved. Nothing of it was taken then, so its halves get ids of their own.
"""

from collections import deque
from dataclasses import dataclass

from homeroom.client.options import SenderOptions
from homeroom.errors import InputError

__all__ = ["Batch", "Batching"]


@dataclass(frozen=True, slots=True, repr=False)
class Batch:
    """Events that are sent together, as lines of JSON; ``batch_id`` stays the same over all attempts."""

    lines: tuple[bytes, ...]
    batch_id: str = ""

    def __repr__(self) -> str:
        """Show nothing of the events."""
        return f"Batch({len(self.lines)} events, {self.batch_id!r})"

    @property
    def size_bytes(self) -> int:
        """How many bytes its events have."""
        return sum(map(len, self.lines))


class Batching:
    """Events on their way from one by one to batches.

    Parameters
    ----------
    options : bounds of a batch and of the queue
    """

    def __init__(self, options: SenderOptions) -> None:
        self.options = options
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._opened_ms = 0
        self._closed: deque[Batch] = deque()
        self.events_held = 0  # == events in the open batch, in closed ones, and in those under way
        self.bytes_held = 0
        self._under_way: dict[int, Batch] = {}

    def has_room(self, line: bytes) -> bool:
        """Say whether an event may be added now. Raises `InputError` if it never may."""
        options = self.options
        if len(line) > options.queue_bytes_max:
            raise InputError(
                f"the event has {len(line):,} bytes, over queue_bytes_max ({options.queue_bytes_max:,})"
            )
        return (
            self.events_held < options.queue_events_max
            and self.bytes_held + len(line) <= options.queue_bytes_max
        )

    def add(self, line: bytes, now_ms: int) -> None:
        """Add an event for which there is room."""
        assert self.has_room(line), "whoever adds asks before"
        if self._open and self._open_bytes + len(line) > self.options.batch_bytes_max:
            self.close_batch()
        if not self._open:
            self._opened_ms = now_ms
        self._open.append(line)
        self._open_bytes += len(line)
        self.events_held += 1
        self.bytes_held += len(line)
        is_large = self._open_bytes >= self.options.batch_bytes_max
        if is_large or len(self._open) >= self.options.batch_events_max:
            self.close_batch()

    def close_batch(self) -> None:
        """Send what there is, however little."""
        if self._open:
            self._closed.append(Batch(tuple(self._open)))
            self._open, self._open_bytes = [], 0

    def due_in_ms(self, now_ms: int) -> int | None:
        """Return in how long there is a batch to take: 0 for now, None if nobody knows."""
        if self._closed:
            return 0
        if not self._open:
            return None
        due_ms = self._opened_ms + round(self.options.batch_age_s_max * 1_000)
        return max(0, due_ms - now_ms)

    def take(self, now_ms: int, batch_id: str) -> Batch:
        """Return the next batch that is due, under an id, or under its own if it has one."""
        assert self.due_in_ms(now_ms) == 0, "whoever takes asks before"
        if not self._closed:
            self.close_batch()
        batch = self._closed.popleft()
        if not batch.batch_id:
            batch = Batch(batch.lines, batch_id)
        self._under_way[id(batch)] = batch
        return batch

    def is_under_way(self, batch: Batch) -> bool:
        """Say whether a batch was taken, and nothing is known of it yet."""
        return id(batch) in self._under_way

    def settle(self, batch: Batch) -> None:
        """Forget a batch: the node has said what became of it."""
        del self._under_way[id(batch)]
        self.events_held -= len(batch.lines)
        self.bytes_held -= batch.size_bytes

    def put_back(self, batch: Batch) -> None:
        """Let a batch go first, under its id: it was not sent, or nobody knows."""
        del self._under_way[id(batch)]
        self._closed.appendleft(batch)

    def halve(self, batch: Batch) -> None:
        """Let the halves of a batch go first, which is too large for the node."""
        middle = len(batch.lines) // 2
        assert middle, "one event cannot be halved"
        del self._under_way[id(batch)]
        self._closed.extendleft((Batch(batch.lines[middle:]), Batch(batch.lines[:middle])))

    @property
    def is_empty(self) -> bool:
        """Whether the node has said of everything what became of it."""
        return not self.events_held

    @property
    def has_under_way(self) -> bool:
        """Whether of some batch it is not known yet what becomes of it."""
        return bool(self._under_way)

    def held(self) -> tuple[Batch, ...]:
        """Return all that is held, the oldest first; what has no id yet was never sent."""
        rest = (Batch(tuple(self._open)),) if self._open else ()
        return (*self._under_way.values(), *self._closed, *rest)

    def check_invariants(self) -> None:
        """Raise `AssertionError` if the counts are not those of what is held."""
        held = self.held()
        assert self.events_held == sum(len(one.lines) for one in held), "events are counted"
        assert self.bytes_held == sum(one.size_bytes for one in held), "bytes are counted"
        assert self.events_held <= self.options.queue_events_max, "the queue is bounded"
        assert self.bytes_held <= self.options.queue_bytes_max, "the queue is bounded"
        assert all(one.lines for one in held), "no batch is empty"
