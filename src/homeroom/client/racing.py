"""A connection to a name that stands for several addresses, of which some may hang: the first that answers is taken.

What waits in a thread tries one address after the other, each for as long as all of them may take: a name whose first
address hangs costs every attempt its whole time, and one with two of these is never reached. Here the next address is
tried beside the one before when that has not answered in a moment, and whichever is there first wins (Happy Eyeballs,
RFC 8305, as the library does it in an event loop). The moment is long enough for any place on Earth, so that an address
which is well is seldom left for its neighbour.

A name is looked up in a thread too: who answers for names may hang as well, and the system would wait for it far longer
than an attempt lasts. A thread that is left behind ends with its wait.
"""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

import httpx

from homeroom import limits

__all__ = ["first_connected"]


class _Closes(Protocol):
    def close(self) -> None: ...


_Made = TypeVar("_Made", bound=_Closes)


def first_connected(
    where: tuple[str, int], wait_s: float | None, connect: Callable[[str, float | None], _Made]
) -> _Made:
    """Return a connection to the first address of a name that answers.

    Parameters
    ----------
    where : name and port
    wait_s : how long it may take altogether; None to do as the library does
    connect : connects to an address within a time in seconds; raises what the library raises

    Raises
    ------
    httpx.ConnectTimeout
        None has answered in time, or nobody has said where the name is.
    """
    if wait_s is None or _is_address(where[0]):
        return connect(where[0], wait_s)
    until_s = time.monotonic() + wait_s
    addresses = _looked_up(where, wait_s)
    left_s = until_s - time.monotonic()
    if len(addresses) < 2:
        # Of a name that is not there the library says so itself.
        return connect(addresses[0] if addresses else where[0], max(left_s, 0.001))
    return _Race(connect, until_s).winner(addresses)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _looked_up(where: tuple[str, int], wait_s: float) -> Sequence[str]:
    """Return the addresses of a name, none if there is no such name. Raises `httpx.ConnectTimeout`."""
    landed: SimpleQueue[list[str]] = SimpleQueue()

    def look_up() -> None:
        found: list[str] = []
        with contextlib.suppress(OSError, UnicodeError):
            found = [str(one[4][0]) for one in socket.getaddrinfo(*where, type=socket.SOCK_STREAM)]
        landed.put(list(dict.fromkeys(found)))

    threading.Thread(target=look_up, name="homeroom-names", daemon=True).start()
    try:
        return landed.get(timeout=wait_s)[: limits.ADDRESSES_TRIED_MAX]
    except Empty:
        raise httpx.ConnectTimeout("nobody has said in time where it is") from None


class _Race(Generic[_Made]):
    """One connection, to whichever address is there first; each is tried in a thread, and the losers are closed."""

    def __init__(self, connect: Callable[[str, float | None], _Made], until_s: float) -> None:
        self._connect, self._until_s = connect, until_s
        self._landed: SimpleQueue[_Made | Exception] = SimpleQueue()
        self._lock, self._is_over = threading.Lock(), False

    def winner(self, addresses: Sequence[str]) -> _Made:
        """Return it; raise what the last one raised if there is none."""
        try:
            for made in self._landings(addresses):
                if not isinstance(made, Exception):
                    return made
                failure = made
            raise failure
        finally:
            self._close_losers()

    def _landings(self, addresses: Sequence[str]) -> Iterator[_Made | Exception]:
        """Yield what comes of each address; raise `httpx.ConnectTimeout` when it is time."""
        waiting, flying = list(addresses), 0
        while waiting or flying:
            if waiting:
                self._try(waiting.pop(0))
                flying += 1
            left_s = self._until_s - time.monotonic()
            patience_s = min(limits.ADDRESS_WAIT_MS / 1_000, left_s) if waiting else left_s
            try:
                yield self._landed.get(timeout=max(patience_s, 0.0))
                flying -= 1
            except Empty:
                if time.monotonic() >= self._until_s:
                    raise httpx.ConnectTimeout("no address of it has answered") from None

    def _try(self, address: str) -> None:
        def work() -> None:
            try:
                made = self._connect(address, max(self._until_s - time.monotonic(), 0.001))
            except Exception as error:  # noqa: BLE001 - raised in the thread that waits, if no other one is there
                self._landed.put(error)
                return
            with self._lock:
                if not self._is_over:
                    self._landed.put(made)
                    return
            made.close()

        threading.Thread(target=work, name="homeroom-connect", daemon=True).start()

    def _close_losers(self) -> None:
        with self._lock:
            self._is_over = True
        while not self._landed.empty():
            late = self._landed.get()
            if not isinstance(late, Exception):
                late.close()
