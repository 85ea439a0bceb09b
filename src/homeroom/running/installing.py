"""At a start: the snapshot of another node takes the place of this one's state, if one was fetched whole.

Each tenant's state is exchanged in one step, then the log goes on from where the snapshot ends; entries that this log
has beyond that stay, and are folded as at any start. Whatever ends this half way, the next start does it once more: so
after it was fetched whole there is the new state or none, and before that the old one.
"""

from pathlib import Path

from homeroom.adapters.erasure_reports import REPORT_FILE, write_reports
from homeroom.adapters.shipment_files import Incoming, Outgoing
from homeroom.running.committing import LastingStore
from homeroom.running.snapshots import Snapshots

__all__ = ["install"]


def install(path: Path, store: LastingStore, snapshots: Snapshots) -> None:
    """Put a snapshot that was fetched whole in the place of the state of a directory; remove one that was not.

    Raises `DataDirectoryError` and `StoreError`.
    """
    Outgoing(path).clear()
    incoming = Incoming(path)
    if incoming.is_whole:
        contents = incoming.contents()
        if incoming.is_of_other_loads(list(map(snapshots.unlogged, contents.tenants))):
            incoming.clear()  # files were loaded since, which are nowhere else
            return
        held = store.held()
        if (path / REPORT_FILE).exists():
            write_reports(path, {})  # what comes may hold again what was removed here
        incoming.install([snapshots.make_place(tenant) for tenant in contents.tenants])
        heads = contents.by_origin.items()
        store.pass_over({origin: head for origin, head in heads if head.number > held[origin]})
    incoming.clear()
