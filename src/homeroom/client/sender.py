"""A sender that waits: events are added one by one from any thread, and go to the node in batches.

Threads of its own send; `Sender.add` waits while as much waits as may, so that a node which is slower than its clients
slows them down, and no event is lost and no memory filled. When a batch cannot be delivered within the client's time
limit the sender stops, says so to whoever adds, and still has the events: `Sender.unsent` returns them with the ids of
their batches, under which they can be sent again by anybody, whatever the node has of them.
"""

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from homeroom.client.batching import Batch, Batching
from homeroom.client.client import Client
from homeroom.client.connecting import monotonic_ms, wall_ms
from homeroom.client.ids import uuid7
from homeroom.client.messages import event_lines
from homeroom.client.options import SenderOptions
from homeroom.client.settling import TOO_LARGE, Delivered, Sent, delivered, too_large
from homeroom.errors import NodeError, QueueFullError

__all__ = ["Sender"]


def _ignore(_: Delivered) -> None:
    pass


class Sender:
    """Sends events in batches. A context manager that sends what is left at its end.

    Parameters
    ----------
    client : through which is sent; it is not closed
    heard : is told what became of each batch, in a thread of the sender's; what it raises stops the sender
    options : of batches and of the queue
    """

    def __init__(
        self,
        client: Client,
        heard: Callable[[Delivered], None] = _ignore,
        options: SenderOptions | None = None,
    ) -> None:
        self._client = client
        self._heard = heard
        self._batching = Batching(options or SenderOptions())
        self._sent = Sent()
        self._failure: Exception | None = None
        self._closing = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"homeroom-sender-{n}", daemon=True)
            for n in range(self._batching.options.under_way_max)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        """Return the sender."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what is left."""
        self.close()

    # --- for whoever has events --------------------------------------------------------------------------------------

    def add(self, event: Mapping[str, Any]) -> None:
        """Add an event; wait while the queue is full.

        Raises
        ------
        InputError
            The event cannot be written as JSON, or is larger than the queue.
        HomeroomError
            The sender has stopped: what it could not do.
        """
        (line,) = event_lines([event])
        with self._changed:
            while not self._has_room(line):
                self._changed.wait()
            self._add(line)

    def offer(self, event: Mapping[str, Any]) -> None:
        """Add an event, and never wait. Raises `QueueFullError` if there is no room, and what `add` raises."""
        (line,) = event_lines([event])
        with self._changed:
            if not self._has_room(line):
                held = self._batching.events_held
                raise QueueFullError(
                    f"{held:,} events wait to be sent, which is all that may; offer it again later, or use add, which "
                    "waits"
                )
            self._add(line)

    def flush(self) -> None:
        """Send what there is; return when the node has said what became of it, and of what is added meanwhile.

        Raises
        ------
        HomeroomError
            A batch could not be sent: why. The sender has stopped.
        """
        with self._changed:
            self._batching.close_batch()
            self._changed.notify_all()
            while not self._batching.is_empty:
                self._check()
                self._changed.wait()
            self._check()

    def close(self) -> None:
        """Send what there is and end the threads. Raises like `flush`; to close again does nothing."""
        with self._changed:
            was_closing, self._closing = self._closing, True
            self._batching.close_batch()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if not was_closing:
            self._check()

    def unsent(self) -> tuple[Batch, ...]:
        """Return the batches of which nothing is known yet; those that the node may have had are under their ids."""
        with self._changed:
            return self._batching.held()

    def statistics(self) -> Sent:
        """Return what was sent so far."""
        with self._changed:
            return self._sent.waiting_for(self._batching.events_held)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _has_room(self, line: bytes) -> bool:
        self._check()
        if self._closing:
            raise QueueFullError("the sender is closed and takes nothing any more; make another")
        return self._batching.has_room(line)

    def _add(self, line: bytes) -> None:
        self._batching.add(line, monotonic_ms())
        self._changed.notify_all()

    # --- in the sender's threads -------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            try:
                self._deliver(batch)
            except Exception as error:  # noqa: BLE001 - raised where somebody adds, flushes or closes
                self._stop(batch, error)

    def _next(self) -> Batch | None:
        """Wait for the next batch that is due; None if there will be none."""
        with self._changed:
            while self._failure is None:
                due_ms = self._batching.due_in_ms(monotonic_ms())
                if due_ms == 0:
                    drawn = uuid7(wall_ms(), self._client.options.generator)
                    return self._batching.take(monotonic_ms(), drawn)
                if self._closing and not self._batching.has_under_way:
                    return None
                self._changed.wait(None if due_ms is None else due_ms / 1_000)
            return None

    def _deliver(self, batch: Batch) -> None:
        """Send a batch and say what became of it. Raises `HomeroomError` if nobody knows, and what `heard` raises."""
        try:
            receipt = self._client.send_lines(batch.lines, batch.batch_id)
        except NodeError as error:
            if error.status != TOO_LARGE:
                raise
            if len(batch.lines) > 1:
                with self._changed:
                    self._batching.halve(batch)
                    self._changed.notify_all()
                return
            told = too_large(batch, str(error))
        else:
            told = delivered(batch, receipt)
        try:
            self._heard(told)
        finally:
            with self._changed:
                self._sent = self._sent.plus(told.receipt)
                self._batching.settle(batch)
                self._changed.notify_all()

    def _stop(self, batch: Batch, error: Exception) -> None:
        with self._changed:
            if self._batching.is_under_way(batch):
                self._batching.put_back(batch)
            self._failure = self._failure or error
            self._changed.notify_all()
