"""Snapshots of simulated nodes: what is folded, on the disk beside the log, and on its way to a node that needs it.

A snapshot is a file of its own, written under another name and renamed when it is durable: an old one is whole, or the
new one is. It holds the events that are folded and the head of each origin, so a log that has forgotten them, or never
had them, goes on where the snapshot ends. It is read back before anything is forgotten because of it.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from homeroom.log.entries import Head
from homeroom.log.origins import Origin
from homeroom.simulation.disk import Disk
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.cutting import Bases
from homeroom.simulation.regions.erasing import cut
from homeroom.simulation.regions.ledger import Ledger, Reading
from homeroom.simulation.regions.network import Network
from homeroom.simulation.regions.rows import Happening

__all__ = ["Courier", "Snapshot", "packed", "read_snapshot", "write_snapshot"]

_NAME: Final = "snapshot"
_FRESH: Final = "snapshot.new"
_CHECK_BYTES: Final = 8
_SEND_MS: Final = 40


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """What is folded, by entry, up to the head of each origin, and what was before history begins."""

    heads: list[tuple[str, int, bytes, int]]
    said: list[tuple[str, int, tuple[Happening, ...]]]
    bases: Bases

    @property
    def applied(self) -> dict[Origin, Head]:
        """By origin the last entry that is in it."""
        return {
            Origin.parse(text): Head(number, digest, hybrid)
            for text, number, digest, hybrid in self.heads
        }

    def restore(self, ledger: Ledger, numbers: Mapping[Origin, int]) -> None:
        """Put what it holds into an empty ledger, as folded up to some numbers."""
        said = ((Origin.parse(text), n, some) for text, n, some in self.said)
        ledger.restore(said, numbers, self.bases)

    def content(self) -> bytes:
        """Return it as bytes."""
        return _encode(self)


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """The same on its way to the disk: what was said by an entry is packed once for all snapshots of all nodes."""

    heads: list[tuple[str, int, bytes, int]]
    said: list[msgspec.Raw]
    bases: Bases


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


def packed(ledger: Ledger, heads: Mapping[Origin, Head]) -> bytes:
    """Return as bytes what a node has folded, without who is erased."""
    written = [(str(o), head.number, head.digest, head.hybrid) for o, head in sorted(heads.items())]
    history = ledger.readings_of.items()
    if ledger.erased:
        said = [_said(name, reading, ledger.erased) for name, reading in history]
    else:
        said = [reading.packed.get(name) or _said(name, reading, ()) for name, reading in history]
    return _encode(_Packed(written, said, ledger.bases))


def _said(name: tuple[Origin, int], reading: Reading, erased: Collection[str]) -> msgspec.Raw:
    origin, number = name
    if not reading.learners.isdisjoint(erased):
        return msgspec.Raw(_encode((str(origin), number, tuple(cut(reading.said, erased)))))
    found = reading.packed.get(name)
    if found is None:
        found = reading.packed[name] = msgspec.Raw(_encode((str(origin), number, reading.said)))
    return found


def write_snapshot(disk: Disk, content: bytes) -> bool:
    """Make a snapshot durable in place of the one before; return whether it was, and is read back as it was written."""
    data = hashlib.sha256(content).digest()[:_CHECK_BYTES] + content
    try:
        disk.create(_FRESH)
        disk.append(_FRESH, data)
        disk.sync(_FRESH)
        disk.rename(_FRESH, _NAME)
        disk.sync_names()
    except OSError:
        return False
    return disk.read(_NAME) == data


def read_snapshot(disk: Disk) -> Snapshot | None:
    """Return the snapshot of a disk, None if there is none that is whole."""
    if not disk.exists(_NAME):
        return None
    data = disk.read(_NAME)
    check, content = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
    if hashlib.sha256(content).digest()[:_CHECK_BYTES] != check:
        return None
    return _decode(content)


class Courier:
    """Carries snapshots from node to node, as a running node's fabric carries files.

    Parameters
    ----------
    agenda, network : of the world
    look : is shown each snapshot that comes
    """

    def __init__(self, agenda: Agenda, network: Network, look: Callable[[Snapshot], None]) -> None:
        self.look, self._agenda, self._network = look, agenda, network
        self._disks: dict[str, Callable[[], Disk | None]] = {}
        self.carried = 0

    def connect(self, node: str, disk: Callable[[], Disk | None]) -> None:
        """Have snapshots of a node read from its disk; there is none while it does not run."""
        self._disks[node] = disk

    def fetch(self, of: str, to: str, tell: Callable[[Snapshot | None], None]) -> None:
        """Bring the snapshot of a node, or None if it cannot be had."""
        delay_ms = _SEND_MS + 2 * int(self._network.delay_ms(of, to))
        self._agenda.after(delay_ms, self._bring, of, to, tell)

    def _bring(self, of: str, to: str, tell: Callable[[Snapshot | None], None]) -> None:
        disk = self._disks[of]() if of in self._disks else None
        is_cut = self._network.is_cut(of, to) or self._network.is_cut(to, of)
        found = None if disk is None or is_cut else read_snapshot(disk)
        if found is not None:
            self.carried += 1
            self.look(found)
        tell(found)
