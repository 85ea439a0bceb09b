"""When snapshots are written, of which tenants, and what the log may forget once they are.

Of each tenant that has changed one is written now and then, at the end, and when somebody is erased. Two writers of one
directory would each leave out what the other has just written, so one writes at a time. The log may lose what the
snapshots *before* the newest hold, read back whole; and as long as one tenant's is not whole, nothing. What a tenant
will want that is left out for want of its key, it keeps: from the first entry on that says something of it.

The way not taken is a snapshot after so many entries: a node under load would write one after the other just then.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import partial

from homeroom.adapters.directory import Manifest
from homeroom.errors import HomeroomError
from homeroom.log.origins import Stream, Vector
from homeroom.running.collecting import Collecting
from homeroom.running.live import Live
from homeroom.running.memberships import Memberships
from homeroom.running.refolding import is_true
from homeroom.running.snapshots import Snapshots

__all__ = ["Saving"]


class Saving:
    """Writes snapshots of all tenants, from any thread.

    Parameters
    ----------
    snapshots, live, memberships, collecting : parts of the node

    Attributes
    ----------
    troubles : by tenant what is wrong with its snapshots; exchanged whole
    """

    def __init__(
        self, snapshots: Snapshots, live: Live, memberships: Memberships, collecting: Collecting
    ) -> None:
        self._snapshots, self._live = snapshots, live
        self._memberships, self._collecting = memberships, collecting
        self.troubles: Mapping[str, str] = {}
        # What had been folded when a tenant was written last, and how often all had been folded anew.
        self._seen: dict[str, tuple[Vector, int]] = {}
        self._writing = threading.Lock()
        # Held by whoever saves all: now and then, and when another node asks for a snapshot.
        self._saving = threading.Lock()

    def save(self) -> None:
        """Write a snapshot of every tenant that has changed, and see what the ones before them hold."""
        with self._saving:
            self._save_all()

    def _save_all(self) -> None:
        troubles: dict[str, str] = {}
        held: list[Vector] = []
        for tenant in self._live.tenants():
            what = "no snapshot could be written"
            try:
                if self._is_to_be_written(tenant):
                    self._save_one(tenant)
                self._memberships.write(tenant)
                what = "the log is kept, because a snapshot is not whole"
                verified = self._snapshots.verified(tenant, self._is_true)
                if not self._live.control.pins_events(tenant):  # it has a stream of its own
                    held.append(verified)
            except HomeroomError as error:
                troubles[tenant] = f"{what}: {error}"
        self.troubles = troubles
        live = self._live
        if troubles or live.unknown or live.is_in_doubt:
            # What one tenant still needs of the log stays for all; so does what was passed over, or is to be folded
            # anew.
            self._collecting.snapshots = Vector()
            return
        origins = {origin for one in held for origin in one if origin.stream is Stream.ANALYTIC}
        kept = {o: min(one[o] for one in held) for o in origins}
        for origin, first in live.wanted().items():
            if origin in kept:
                kept[origin] = min(kept[origin], first - 1)
        self._collecting.snapshots = Vector(kept)

    def _is_true(self, manifest: Manifest) -> bool:
        return self._live.judged(partial(is_true, manifest))

    def _save_one(self, tenant: str) -> None:
        asked = self._memberships.asked(tenant)
        with self._writing:
            times = self._live.times_anew
            self._seen[tenant] = self._snapshots.write(tenant, self._live, asked), times

    def save_anew(self) -> None:
        """Write a snapshot of every tenant twice, in the places of both that are kept. Raises `DataDirectoryError`."""
        for tenant in self._live.tenants():
            for _ in range(2):
                self._save_one(tenant)

    def clean(self, tenants: Sequence[str]) -> None:
        """Write snapshots that leave nothing of those who are erased. Raises `DataDirectoryError`."""
        for tenant in tenants:
            asked = self._memberships.asked(tenant)
            with self._writing:
                times = self._live.times_anew
                self._seen[tenant] = self._snapshots.clean(tenant, self._live, asked), times

    def _is_to_be_written(self, tenant: str) -> bool:
        """Say whether a tenant has changed since its last snapshot, or something was cut that is still on the disk."""
        if self._seen.get(tenant) != (self._live.applied, self._live.times_anew):
            return True
        cut = self._live.cuts().get(tenant)
        return cut is not None and self._snapshots.holds_what_was_cut(tenant, cut)
