"""Removes old backups, and then the objects that none of the others names.

Manifests go first. So whatever ends it leaves objects that nobody needs, which the next one removes, and never a backup
that lacks something.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from homeroom import limits
from homeroom.adapters.backup.manifest import Manifest
from homeroom.adapters.backup.repository import Repository

__all__ = ["Keep", "Pruned", "prune"]

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Keep:
    """Which backups stay: the newest ``count``, and those of the last ``days``. None: not asked about.

    The newest stays whatever is said.
    """

    count: int | None = None
    days: int | None = None

    def stays(self, manifests: Sequence[Manifest], now_ms: int) -> set[str]:
        """Return the ids of those that stay; ``manifests`` are in order, the oldest first."""
        kept = {one.id for one in manifests[-max(self.count or 1, 1) :]}
        if self.days is not None:
            kept |= {one.id for one in manifests if one.at_ms >= now_ms - self.days * _DAY_MS}
        return kept


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed; ``is_whole`` says whether all was that could be, which may take more than one turn."""

    backups: int
    objects: int
    is_whole: bool


def prune(repository: Repository, keep: Keep, now_ms: Callable[[], int]) -> Pruned:
    """Remove backups that do not stay, and objects that no backup names.

    Raises
    ------
    BackupError
        A backup is being made, or the repository cannot be written.
    DamagedBackupError
        A manifest cannot be read: what it names is not known, so nothing is removed.
    """
    began_ms = now_ms()
    with repository.pruning(began_ms):
        manifests = list(repository.manifests())
        stays = keep.stays(manifests, began_ms)
        gone = [one.id for one in manifests if one.id not in stays]
        for backup in gone:
            repository.forget(backup)
        objects = 0
        for name in repository.unnamed():
            # A backup that begins counts on it that pruning has ended by then, and this bound is half of that time.
            if now_ms() - began_ms > limits.PRUNING_MS_MAX // 2:
                return Pruned(len(gone), objects, is_whole=False)
            repository.objects.remove(name)
            objects += 1
    return Pruned(len(gone), objects, is_whole=True)
