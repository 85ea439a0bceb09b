"""A running node fetches the snapshot of another one, because others have forgotten what it needs.

Some pieces are asked for at once, the next one whenever one has come; what does not come is asked for again, and if
nothing comes for a while the snapshot is given up: the member asks for another one, of whoever says next that this node
is behind. When all is there it is read back to the last byte. It is of use if it covers all that this log has
forgotten, goes beyond what it holds somewhere, has nothing in it that the world has closed, and is of tenants with the
same keys; and it must not know more of what was stated than this node does, or the node would go on from a state whose
tenants it does not know. Then it is made ready to take the place of this node's state at the next start, which follows
at once.

The way not taken is to put it into the running state: every part of a node would have to be right about it, and a start
is right already.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from homeroom import limits
from homeroom.adapters.directory import Manifest
from homeroom.adapters.shipment_files import Contents, Incoming
from homeroom.errors import HomeroomError
from homeroom.log.control import MAIN, Control
from homeroom.log.origins import Stream, Vector
from homeroom.log.store import Store
from homeroom.regions.counting import goes_beyond, lacks_state
from homeroom.regions.shipments import (
    AskPart,
    AskShipment,
    NoShipment,
    Part,
    ShipmentMessage,
    Shipped,
    ShippedFile,
)
from homeroom.running.live import Live
from homeroom.running.refolding import is_true, stated_entries, stated_of
from homeroom.running.snapshots import Snapshots

__all__ = ["Fetching", "useless"]


@dataclass(slots=True)
class _Fetch:
    """A snapshot that is being fetched: of whom, what is to be asked for, and what was, and when."""

    of: str
    heard_ms: int
    asked_ms: int
    name: str = ""
    files: tuple[ShippedFile, ...] = ()
    left: Iterator[tuple[int, int]] = field(default_factory=lambda: iter(()))
    asked: dict[tuple[int, int], int] = field(default_factory=dict)
    manifests: list[Manifest] | None = None


class Fetching:
    """Fetches snapshots, one at a time; in one thread.

    Parameters
    ----------
    snapshots, live, store : parts of the node
    send : hands a message for a node to the fabric
    told : what is told that one is ready to take the place of this node's state, and what is told that none is, with
        what is wrong; None if nothing is
    now_ms : a clock that nobody sets
    """

    def __init__(
        self,
        parts: tuple[Snapshots, Live, Store],
        send: Callable[[str, ShipmentMessage], None],
        told: tuple[Callable[[], None], Callable[[str | None], None]],
        now_ms: Callable[[], int],
    ) -> None:
        self._snapshots, self._live, self._store = parts
        self._send, self._now_ms = send, now_ms
        self._fetched, self._failed = told
        self._incoming = Incoming(self._snapshots.place(MAIN).path)
        self._fetch: _Fetch | None = None
        self._is_done = False

    @property
    def is_busy(self) -> bool:
        """Whether a snapshot is being fetched, or waits for the next start: the log must not forget what it lacks."""
        return self._fetch is not None or self._is_done

    def begin(self, of: str) -> None:
        """Fetch the snapshot of a node, unless one is being fetched."""
        if self._fetch is None and not self._is_done:
            now_ms = self._now_ms()
            self._fetch = _Fetch(of, now_ms, now_ms)
            self._send(of, self._asking())

    def _asking(self) -> AskShipment:
        begins, closed = self._store.begins(), self._live.control.members.closed
        wanted = (
            (o, min(n, closed.get(o, n))) for o, n in begins.items() if o.stream is Stream.ANALYTIC
        )
        return AskShipment({str(origin): number for origin, number in wanted})

    def came(self, sender: str, message: Shipped | Part | NoShipment) -> None:
        """Take what a node says of its snapshot."""
        fetch = self._fetch
        if fetch is None or sender != fetch.of:
            return
        try:
            self._take(fetch, message)
        except HomeroomError as error:
            self.give_up(str(error))

    def _take(self, fetch: _Fetch, message: Shipped | Part | NoShipment) -> None:
        now_ms = self._now_ms()
        match message:
            case NoShipment():
                if message.name in ("", fetch.name):
                    self.give_up(message.why)
                return
            case Shipped():
                if fetch.name:
                    return
                self._incoming.begin(message.files)
                fetch.name, fetch.files = message.name, message.files
                fetch.left = _pieces(message.files)
            case Part():
                place = message.file, message.first
                if message.name != fetch.name or fetch.asked.pop(place, None) is None:
                    return
                self._incoming.put(message.file, message.first, message.content)
        fetch.heard_ms = now_ms
        self._ask(fetch)

    def _ask(self, fetch: _Fetch) -> None:
        """Ask for as much as may be under way; make the snapshot ready if there is nothing left to ask for."""
        while len(fetch.asked) < limits.SHIPPED_PARTS_MAX:
            piece = next(fetch.left, None)
            if piece is None:
                break
            fetch.asked[piece] = self._now_ms()
            self._send(fetch.of, AskPart(fetch.name, *piece))
        if not fetch.asked:
            self._finish(fetch)

    def tick(self) -> None:
        """Ask again for what has not come, and give up what does not come at all."""
        fetch, now_ms = self._fetch, self._now_ms()
        if fetch is None:
            return
        if now_ms - fetch.heard_ms > limits.SHIPMENT_SILENT_MS_MAX:
            self.give_up(f"nothing came of it for {limits.SHIPMENT_SILENT_MS_MAX // 1_000} s")
            return
        late_ms = now_ms - limits.SHIPPED_WAIT_MS
        if not fetch.name and fetch.asked_ms < late_ms:
            fetch.asked_ms = now_ms
            self._send(fetch.of, self._asking())
        for piece in [piece for piece, at_ms in fetch.asked.items() if at_ms < late_ms]:
            fetch.asked[piece] = now_ms
            self._send(fetch.of, AskPart(fetch.name, *piece))
        if fetch.manifests is not None:
            self._finish(fetch)

    def forget(self) -> None:
        """Fetch no more of what is being fetched: somebody in it was erased; it is asked for anew if it is needed."""
        if self._fetch is not None:
            self._drop(None)

    def give_up(self, why: str) -> None:
        """Fetch no more of what is being fetched, if anything is."""
        if self._fetch is not None:
            of = self._fetch.of
            self._drop(f"the snapshot of {of}, which this node needs, could not be had: {why}")

    def _drop(self, trouble: str | None) -> None:
        self._fetch = None
        try:
            self._incoming.clear()
        except HomeroomError as error:
            trouble = str(error)
        self._failed(trouble)

    # --- there -------------------------------------------------------------------------------------------------------

    def _finish(self, fetch: _Fetch) -> None:
        """Make what is there ready, or wait until as much was stated here as its node knew."""
        try:
            contents = self._incoming.contents()
            if fetch.manifests is None:
                fetch.manifests = self._incoming.verify(len(contents.tenants))
                fetch.heard_ms = self._now_ms()
            if not self._store.held().covers(Vector.from_json(contents.stated)):
                return
            why = self._unfit(contents, fetch.manifests)
            if why is not None:
                self.give_up(why)
                return
            if not (self._live.is_in_doubt or self._goes_on(contents)):
                self._drop(None)  # word that this node is behind came late
                return
            places = map(self._snapshots.make_place, contents.tenants)
            self._incoming.finish(list(zip(places, fetch.manifests, strict=True)))
        except HomeroomError as error:
            self.give_up(str(error))
            return
        self._fetch, self._is_done = None, True
        self._fetched()

    def _goes_on(self, contents: Contents) -> bool:
        held = self._store.held()
        return any(head.number > held[origin] for origin, head in contents.by_origin.items())

    def _unfit(self, contents: Contents, manifests: list[Manifest]) -> str | None:
        stated = stated_of(stated_entries(self._store))
        if not all(is_true(manifest, stated) for manifest in manifests):
            return "it was made under facts that do not count any more"
        # What is held of facts, which may be more than what is folded of them yet.
        return useless(contents, self._store, self._live) or _foreign(
            contents, manifests, stated.control
        )


def _foreign(contents: Contents, manifests: Sequence[Manifest], control: Control) -> str | None:
    """Return why the tenants of a snapshot are not those that are stated by now, None if they are."""
    for tenant, manifest in zip(contents.tenants, manifests, strict=True):
        if tenant not in control.tenants:
            return f"it has a tenant {tenant!r}, of which nothing was stated"
        wanted = control.members.key_checks.get(tenant)
        if manifest.key_check != wanted:
            return (
                f"the pseudonyms of {tenant} in it are made with another key than that of the world"
            )
        if manifest.timezone != control.tenants[tenant].timezone:
            return f"it cuts days of {tenant} in another zone"
    # Also of one that is left out here: with its key it goes on from where this snapshot ends.
    shared = {name for name in control.tenants if not control.pins_events(name)}
    if set(contents.tenants) - shared:
        return "it has a tenant whose events stay in their jurisdiction"
    missing = shared - set(contents.tenants)
    return f"it has nothing of {', '.join(sorted(missing))}" if missing else None


def useless(contents: Contents, store: Store, live: Live) -> str | None:
    """Return why a snapshot must not take the place of what a node has, None if it may."""
    heads = contents.by_origin
    if goes_beyond(heads, live.control.members.closed):
        return "it has folded entries that the world has closed"
    if lacks_state(store.begins(), heads, live.control.members.closed):
        return "it does not go as far as what this log has forgotten"
    return None


def _pieces(files: tuple[ShippedFile, ...]) -> Iterator[tuple[int, int]]:
    for number, file in enumerate(files):
        for first in range(0, file.size_bytes, limits.SHIPPED_PART_BYTES):
            yield number, first
