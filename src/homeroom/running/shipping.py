"""A running node gives its newest snapshot to nodes that need it.

What is given is a snapshot of all tenants that every node has, and with it the heads of the log up to which it goes, so
that whoever takes it can go on from there: by origin the least that all these tenants have, because a log goes on at
one number. Documents are not in it, nor is a tenant whose events stay in a jurisdiction, of which no log forgets
anything. What was stated is in every log, and the snapshot only says up to where it knew it.

Whoever fetches sets the pace. Here files are linked, read and handed to the fabric, in a thread of their own.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from homeroom import limits
from homeroom.adapters.directory import DataDirectory, Manifest
from homeroom.adapters.shipment_files import Contents, Outgoing
from homeroom.errors import DataDirectoryError, HomeroomError
from homeroom.log.control import MAIN
from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.store import Store
from homeroom.regions.counting import counted_head
from homeroom.regions.shipments import AskPart, NoShipment, Part, ShipmentMessage, Shipped
from homeroom.running.live import Live
from homeroom.running.snapshots import Snapshots

__all__ = ["Shipping"]


class Shipping:
    """Gives snapshots; in one thread.

    Parameters
    ----------
    snapshots, live, store : parts of the node
    save : writes snapshots of all tenants
    send : hands a message for a node to the fabric
    now_ms : a clock that nobody sets
    """

    def __init__(
        self,
        parts: tuple[Snapshots, Live, Store],
        save: Callable[[], None],
        send: Callable[[str, ShipmentMessage], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._snapshots, self._live, self._store = parts
        self._save, self._send, self._now_ms = save, send, now_ms
        self._outgoing = Outgoing(self._path)
        # By snapshot that is kept, whose it is and when it was asked for last.
        self._kept: dict[str, tuple[str, int]] = {}
        # By node for which one is kept, what its log had forgotten by then, and which it is.
        self._asked: dict[str, tuple[Mapping[str, int], str]] = {}

    @property
    def _path(self) -> Path:
        return self._snapshots.place(MAIN).path

    def clear(self) -> None:
        """Keep no snapshot for anybody: at a start, at the end, and when somebody in them was erased."""
        self._kept.clear()
        self._asked.clear()
        self._outgoing.clear()

    def tick(self) -> None:
        """Drop what nobody has asked for in a while."""
        since_ms = self._now_ms() - limits.SHIPMENT_SILENT_MS_MAX
        for name in [name for name, (_, at_ms) in self._kept.items() if at_ms < since_ms]:
            self._drop(name)

    def asked(self, sender: str, forgotten: Mapping[str, int]) -> None:
        """Say of which files the newest snapshot consists; the same as before, as long as it is being fetched.

        One that goes as far as what the other node has forgotten is written, if the newest does not.
        """
        wanted, name = self._asked.get(sender, ({}, ""))
        try:
            if name not in self._kept or wanted != forgotten:
                self._drop(name)
                name = self._outgoing.keep(*self._newest(forgotten))
                self._asked[sender] = forgotten, name
        except HomeroomError as error:
            self._send(sender, NoShipment("", str(error)[:1_000]))
            return
        self._kept[name] = sender, self._now_ms()
        while len(self._kept) > limits.SHIPMENTS_MAX:
            self._drop(min(self._kept, key=lambda one: self._kept[one][1]))
        self._send(sender, Shipped(name, self._outgoing.files(name)))

    def part(self, sender: str, asked: AskPart) -> None:
        """Send a piece of a file; the last one of all may be asked for again, so it is kept for a while."""
        content = None
        if asked.name in self._kept and self._kept[asked.name][0] == sender:
            self._kept[asked.name] = sender, self._now_ms()
            content = self._outgoing.part(asked.name, asked.file, asked.first)
        if content is None:
            self._send(sender, NoShipment(asked.name, "it is not kept any more"))
        else:
            self._send(sender, Part(asked.name, asked.file, asked.first, content))

    def _drop(self, name: str) -> None:
        if self._kept.pop(name, None) is not None:
            self._outgoing.drop(name)

    # --- what is given -----------------------------------------------------------------------------------------------

    def _newest(
        self, wanted: Mapping[str, int]
    ) -> tuple[Contents, list[tuple[DataDirectory, Manifest]]]:
        pins = self._live.control.pins_events
        left_out = {one for one in self._live.refused if not pins(one)} | self._live.unknown
        if left_out:
            raise DataDirectoryError(
                f"this node leaves out {', '.join(sorted(left_out))}, and whoever went on from its snapshot would "
                f"never have what lies before"
            )
        tenants = sorted(one for one in self._live.tenants() if not pins(one))
        found = self._manifests(tenants)
        if not all(manifest is not None and _goes_to(manifest, wanted) for manifest in found):
            self._save()
            found = self._manifests(tenants)
        manifests = [manifest for manifest in found if manifest is not None]
        if len(manifests) < len(tenants) or not tenants:
            raise DataDirectoryError("there is no snapshot of all tenants here yet")
        applied = [Vector.from_json(one.applied or {}) for one in manifests]
        stated = [
            Vector({o: n for o, n in one.items() if o.stream is Stream.CONTROL}) for one in applied
        ]
        heads = {origin: self._head(origin, applied) for origin in applied[0]}
        contents = Contents(
            tenants=tenants,
            heads={str(o): (h.number, h.digest, h.hybrid) for o, h in heads.items() if h.number},
            stated=stated[0].joined({o: n for one in stated for o, n in one.items()}).to_json(),
        )
        return contents, [
            (self._snapshots.place(tenant), _shared(manifest))
            for tenant, manifest in zip(tenants, manifests, strict=True)
        ]

    def _manifests(self, tenants: list[str]) -> list[Manifest | None]:
        found = [self._snapshots.place(tenant).manifest() for tenant in tenants]
        return [one if one is not None and one.applied else None for one in found]

    def _head(self, origin: Origin, applied: list[Vector]) -> Head:
        """Return up to which entry the log of whoever takes it goes on; number 0 where that is not known."""
        if origin.stream is not Stream.ANALYTIC:
            return Head()
        return counted_head(self._store, origin, min(one[origin] for one in applied))


def _goes_to(manifest: Manifest, wanted: Mapping[str, int]) -> bool:
    applied = manifest.applied or {}
    return all(applied.get(origin, 0) >= number for origin, number in wanted.items())


def _shared(manifest: Manifest) -> Manifest:
    """Return what another node may have of a manifest: nothing of documents, and nothing of loads."""
    applied = Vector.from_json(manifest.applied or {})
    kept = {o: n for o, n in applied.items() if o.stream.is_shared}
    return msgspec.structs.replace(manifest, applied=Vector(kept).to_json(), loaded=msgspec.UNSET)
