"""Whether a store has the schema of this release, asked without importing a migration tool.

A store says two numbers of itself: its revision, and the oldest revision whose release can still use it. So a node of
the release before goes on while its neighbour has already changed the database that both know, and one that is too old
stops before it reads a column that is gone. A single number cannot tell these two apart.
"""

from dataclasses import dataclass
from typing import Final

from homeroom.errors import StoreError

__all__ = ["REVISION", "Found", "must_migrate"]

REVISION: Final = 1
"""The revision that this release writes: the number of the newest module in ``versions``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a store says of its schema: its revision, and the oldest revision of a release that can use it."""

    revision: int
    usable_from: int


def must_migrate(found: Found | None, place: str, revision: int = REVISION) -> bool:
    """Say whether a store must be changed before this release can use it; None: it has no tables yet.

    Raises
    ------
    StoreError
        A newer release has changed the store, and this one cannot use it any more.
    """
    if found is None or found.revision < revision:
        return True
    if found.usable_from > revision:
        raise StoreError(
            f"{place} was changed by a newer release (schema {found.revision}, usable from {found.usable_from} on); "
            f"this release has schema {revision}. Use the newer release, or restore a backup from before the change"
        )
    return False
