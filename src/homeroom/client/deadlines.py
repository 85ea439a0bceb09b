"""A time by which an attempt of the client that waits is over, whatever the other side does.

The library bounds each read and each write of a socket, and not all of them together: a peer that gives one byte, or
takes one, just before each of them ends holds the caller for ever. In an event loop a task is cancelled instead. Here
the streams of the library are wrapped: before each read and write they look at what is left for the attempt that the
thread is in, wait no longer than that, and raise `TimeoutError` when nothing is. The library then closes the
connection, as after any other failure.

It has no setting for this that leaves proxies of the environment as they are, so its pools are given what opens their
connections once they are made, and a test with real sockets holds that. The way not taken is a thread that closes the
socket from outside: in Linux that wakes nobody who waits in it, and every attempt would need one.
"""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import httpx

from homeroom.client.racing import first_connected

__all__ = ["Deadlines"]

_PIECE_BYTES: Final = 4_096
"""What a socket takes at once where it takes anything: as long as a write needs several goes, nobody looks."""


class Deadlines(threading.local):
    """Until when the attempt lasts that a thread is in; each thread has its own.

    Attributes
    ----------
    until_s : on the steady clock, seconds; None outside of an attempt
    """

    until_s: float | None = None

    @contextmanager
    def within(self, time_ms_max: int) -> Iterator[None]:
        """Have what this thread reads and writes end by then; within another one, by the earlier of both."""
        before = self.until_s
        until_s = time.monotonic() + time_ms_max / 1_000
        self.until_s = until_s if before is None else min(before, until_s)
        try:
            yield
        finally:
            self.until_s = before

    def left_s(self, wait_s: float | None) -> float | None:
        """Return how long to wait at most where the library would wait so long. Raises `TimeoutError` at the end."""
        if self.until_s is None:
            return wait_s
        left_s = self.until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s if wait_s is None else min(left_s, wait_s)

    def bounded(self, client: httpx.Client) -> httpx.Client:
        """Return a client that has opened nothing yet, with all its connections held to this; also those by proxies."""
        for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - see above
            if isinstance(transport, httpx.HTTPTransport):
                pool: Any = transport._pool  # noqa: SLF001
                pool._network_backend = _Opening(pool._network_backend, self)  # noqa: SLF001
        return client


class _Connection(Protocol):
    """A stream of the library."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...

    def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Connection": ...

    def get_extra_info(self, info: str) -> object: ...


class _Connects(Protocol):
    """What opens the streams of the library."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, **rest: object
    ) -> _Connection: ...


class _Opening:
    """What opens connections for a pool: the library's own, with streams that end."""

    def __init__(self, inner: _Connects, deadlines: Deadlines) -> None:
        self._inner, self._deadlines = inner, deadlines

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, **rest: object
    ) -> "_Stream":
        def connect(address: str, wait_s: float | None) -> _Connection:
            return self._inner.connect_tcp(address, port, timeout=wait_s, **rest)

        left_s = self._deadlines.left_s(timeout)
        return _Stream(first_connected((host, port), left_s, connect), self._deadlines)


class _Stream:
    """A connection whose reads and writes end with the attempt."""

    def __init__(self, inner: _Connection, deadlines: Deadlines) -> None:
        self._inner, self._deadlines = inner, deadlines

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, timeout=self._deadlines.left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), _PIECE_BYTES):
            piece = buffer[at : at + _PIECE_BYTES]
            self._inner.write(piece, timeout=self._deadlines.left_s(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Stream":
        left_s = self._deadlines.left_s(timeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, left_s)
        return _Stream(inner, self._deadlines)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
