"""How a node has its learners in shards, and what such a node does not do."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from homeroom.adapters.erasure_register import read_note
from homeroom.errors import ControlError, DataDirectoryError, NotInShardsError, SettingsError
from homeroom.log.control import Control, Fact
from homeroom.log.cuts import HistoryCut, HistoryKept
from homeroom.log.store import Store
from homeroom.log.webhooks import WebhookCreated
from homeroom.running.in_world import InWorld
from homeroom.running.sharding.keeping import Cluster
from homeroom.running.snapshots import Snapshots
from homeroom.scaling.engine import Missing

__all__ = ["ShardOptions", "check_directory", "check_fact", "check_settings", "refused_here"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardOptions:
    """How a node has its learners in shards.

    Parameters
    ----------
    count : how many a directory begins with that has none yet
    cluster : has the machines for the shards of a data directory, for as long as the context lasts
    missing : what becomes of a question while a shard is away
    """

    count: int
    cluster: Callable[[Path], AbstractContextManager[Cluster]]
    missing: Missing = Missing.REFUSED


def refused_here(what: str) -> NotInShardsError:
    """Return what is told of something that a node with shards does not do."""
    return NotInShardsError(
        f"{what} is not there in a node whose learners are in shards; run it without [shards] on a machine that holds "
        f"them all"
    )


def check_fact(fact: Fact) -> None:
    """Refuse to state what a node with shards would not do. Raises `ControlError`."""
    if isinstance(fact, WebhookCreated):
        raise ControlError(str(refused_here("a webhook, which is told of changes of membership,")))
    if isinstance(fact, HistoryCut) or (isinstance(fact, HistoryKept) and fact.days):
        raise ControlError(str(refused_here("a cut of history")))


def check_directory(path: Path, control: Control, store: Store, snapshots: Snapshots) -> None:
    """Refuse to begin with what shards cannot have: they are made of a whole log.

    Raises `DataDirectoryError`, and `ErasureError` where it cannot be read who was erased.
    """
    forgotten = any(origin.stream.has_events for origin in store.begins())
    against = {
        "its log has forgotten its beginning, which two snapshots hold": forgotten,
        "files were loaded into it, or accounts merged, and its log tells nothing of that": any(
            snapshots.unlogged(name) for name in control.tenants
        ),
        "its history was cut, or is kept for some days only": bool(control.cuts)
        or any(one.keep_days for one in control.tenants.values()),
        "it has webhooks, which are told of changes of membership": bool(control.webhooks),
        "it has a register of erasures, and shards erase nobody": read_note(path) is not None,
    }
    for why, is_so in against.items():
        if is_so:
            raise DataDirectoryError(
                f"the learners of {path} cannot be in shards: {why}. Run it without [shards], or begin with another "
                f"directory and send its events there"
            )


def check_settings(world: InWorld | None, register: Path | None) -> None:
    """Refuse what a node with shards does not do yet. Raises `SettingsError`."""
    if world is not None:
        raise SettingsError("world.file and shards.count do not go together yet; leave one of them")
    if register is not None:
        raise SettingsError(
            "node.erasure_register and shards.count do not go together: shards erase nobody yet; leave one of them"
        )
