"""Pages of the vault's file are brought home beside the writing of it.

What changes is written to a journal, and from there, now and then, to the file, which takes as long as tens of
megabytes and two syncs take. SQLite would do that at the end of whichever commit makes it due: everybody whose
statements are written then would wait for it. So a thread does it, over a connection of its own, while the writer
goes on. It does so again and again, each time what was written meanwhile, until little is left; that little the writer
brings home itself, since a journal begins anew only if nothing is written to it from then on.

What has not been brought home yet is mostly not on the disk either, and the syncs put all of it there at once: for as
long as that takes, the log waits for the same disk, and with it whoever sends anything. So pages are brought home some
megabytes at a time, and only now and then until nothing is left.

If the thread falls behind all the same, the writer's own connection does as SQLite would, at several times the size:
so the journal is bounded whatever happens.
"""

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Final

from homeroom import limits
from homeroom.adapters.vault.schema import connected, vault_error
from homeroom.errors import VaultError

__all__ = ["Journal"]

_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
_FEW_PAGES: Final = 64
"""So many pages are brought home in a moment."""
_ROUNDS_MAX: Final = 8


class Journal:
    """The journal of a vault's file, as its writer sees it. For the thread that writes.

    Parameters
    ----------
    path : of the file
    writer : the connection that writes to it

    Attributes
    ----------
    trouble : why pages were not brought home the last time, None if they were
    """

    def __init__(self, path: Path, writer: sqlite3.Connection) -> None:
        self.trouble: str | None = None
        self._path = path
        self._writer = writer
        # How many changes there had been when pages were brought home last, and when the journal began anew.
        self._changes = self._began = writer.total_changes
        self._thread: threading.Thread | None = None
        self._is_short = False

    def written(self) -> None:
        """Take note of a commit."""
        changes = self._writer.total_changes
        if self._is_short:
            self._is_short = False
            self._brought_home(self._writer)
            self._changes = self._began = changes
        elif self._thread is None and changes - self._changes >= limits.VAULT_JOURNAL_STEP_CHANGES:
            is_long = changes - self._began >= limits.VAULT_JOURNAL_CHANGES
            self._changes = changes
            self._thread = threading.Thread(
                target=self._shorten if is_long else self._step, name="homeroom-vault", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Return when nothing is under way."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _step(self) -> None:
        """Bring home what there is, in a thread."""
        try:
            with contextlib.closing(connected(self._path)) as connection:
                self._brought_home(connection)
        except VaultError as error:
            self.trouble = str(error)
        self._thread = None

    def _shorten(self) -> None:
        """Bring home what there is, in a thread, until little is left."""
        try:
            with contextlib.closing(connected(self._path)) as connection:
                before = 0
                for _ in range(_ROUNDS_MAX):
                    pages = self._brought_home(connection)
                    # What came meanwhile is what the next round has to do.
                    if pages - before <= _FEW_PAGES:
                        break
                    before = pages
        except VaultError as error:
            self.trouble = str(error)
        self._is_short = True
        self._thread = None

    def _brought_home(self, connection: sqlite3.Connection) -> int:
        """Bring home what nobody reads any more; return how many pages the journal had."""
        try:
            _, pages, _ = connection.execute(_CHECKPOINT).fetchone()
        except sqlite3.Error as error:
            self.trouble = str(vault_error(self._path, error))
            return 0
        self.trouble = None
        return int(pages)
