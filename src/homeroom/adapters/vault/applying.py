"""Operations change the file: each set of them in one transaction with the position that it came from.

The file may be lost at any time, since the log has it all; so it is not synced at each commit, and after a crash it
says in `Vault.applied` from where on operations are to be applied again. Applied twice, they change nothing: a
statement is known by its id, a key that was destroyed stays so, a document becomes what its last operation says.

Several nodes write, and what they write arrives in any order. Of each node it arrives in its own order, so the position
is a number an origin; for the rest, every table is a join: what is known grows (keys, forms of people, labels, keys
that were destroyed), is the greatest by its stamp (documents, when they were dropped, what is known of activities), or
is a function of all that came (statements: `homeroom.adapters.vault.keeping`). Nothing is refused because something
else is not here yet.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from homeroom.adapters.vault.journal import Journal
from homeroom.adapters.vault.keeping import KeptStatements
from homeroom.adapters.vault.operations import (
    ActivityKnown,
    DocumentDropped,
    DocumentKept,
    KeyDestroyed,
    LabelsKept,
    PortraitKept,
    Stamped,
    StatementKept,
    StatementSent,
    SubjectKey,
)
from homeroom.adapters.vault.schema import connected, sqlite_errors
from homeroom.adapters.vault.sealing import key_name

__all__ = ["Vault"]


class _Order(NamedTuple):
    """When some operations were written: what their stamps begin with, and the number of the first among all."""

    prefix: bytes
    first: int

    def stamp(self, place: int) -> bytes:
        return self.prefix + (self.first + place).to_bytes(4, "big")


Many: TypeAlias = Callable[[int, list[Any], _Order], None]

_KEEP_DOCUMENT: Final = (
    "INSERT INTO documents (tenant, key, scope, registration, subject, updated_ms, sealed, stamp) "
    "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 "
    "WHERE NOT EXISTS (SELECT 1 FROM destroyed WHERE tenant = ?1 AND subject = ?5) "
    "AND NOT EXISTS (SELECT 1 FROM dropped WHERE tenant = ?1 AND key = ?2 AND stamp > ?8) "
    "ON CONFLICT (tenant, key) DO UPDATE SET scope = excluded.scope, registration = excluded.registration, "
    "subject = excluded.subject, updated_ms = excluded.updated_ms, sealed = excluded.sealed, stamp = excluded.stamp "
    "WHERE excluded.stamp > documents.stamp"
)
_KNOW_ACTIVITY: Final = (
    "INSERT INTO activities (tenant, activity, sealed, stamp) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (tenant, activity) DO UPDATE SET sealed = excluded.sealed, stamp = excluded.stamp "
    "WHERE excluded.stamp > activities.stamp"
)
_COUNT_CONFLICTS: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM conflicts GROUP BY tenant, id HAVING count(*) > 1)"
)
_NOTE_DROPPED: Final = (
    "INSERT INTO dropped (tenant, key, stamp) VALUES (?, ?, ?) "
    "ON CONFLICT (tenant, key) DO UPDATE SET stamp = excluded.stamp WHERE excluded.stamp > dropped.stamp"
)


class Vault:
    """The one writer of a vault's file. Not for two threads at once.

    Parameters
    ----------
    path : of the file, made if there is none
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = connected(path)
        self._journal = Journal(path, self._connection)
        self._run = self._connection.execute
        self._run_many = self._connection.executemany
        self._tenants: dict[str, int] = dict(self._run("SELECT name, number FROM tenants"))
        self._statements = KeptStatements(self._connection)
        self._counted: tuple[int, int] | None = None
        self._appliers: dict[type, Many] = {
            SubjectKey: self._subject_keys,
            PortraitKept: self._portraits,
            ActivityKnown: self._activities,
            StatementKept: lambda tenant, several, _: self._statements.keep(tenant, several),
            DocumentKept: self._documents,
            DocumentDropped: self._dropped,
            KeyDestroyed: self._destroyed,
            LabelsKept: self._labels,
            StatementSent: self._sent,
        }

    @property
    def applied(self) -> str:
        """The position up to which operations were applied, empty if none were."""
        with sqlite_errors(self.path):
            row = self._run("SELECT value FROM positions WHERE name = 'applied'").fetchone()
        return "" if row is None else str(row[0])

    def apply(self, several: Sequence[Stamped], position: str) -> None:
        """Apply changes, and remember the position behind them; all of it or nothing.

        Raises `VaultError` where the file cannot be written; the vault is then as it was.
        """
        tenants = dict(self._tenants)
        with sqlite_errors(self.path):
            self._run("BEGIN IMMEDIATE")
            try:
                for stamped in several:
                    self._apply(stamped)
                self._run(
                    "INSERT INTO positions (name, value) VALUES ('applied', ?) "
                    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (position,),
                )
                self._run("COMMIT")
            except BaseException:
                self._tenants = tenants
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise
        self._journal.written()

    def conflicts(self) -> int:
        """Return under how many ids nodes accepted different statements. Raises `VaultError`."""
        if self._counted is None or self._counted[0] != self._statements.noted:
            with sqlite_errors(self.path):
                (count,) = self._run(_COUNT_CONFLICTS).fetchone()
            self._counted = (self._statements.noted, int(count))
        return self._counted[1]

    @property
    def trouble(self) -> str | None:
        """What is wrong with the file beside the writing of it, None while nothing is."""
        return self._journal.trouble

    def scrub(self) -> str | None:
        """Leave nothing in the file's journal of what was deleted; return why it may be there, None if it is not.

        Raises `VaultError`.
        """
        with sqlite_errors(self.path):
            busy, _, _ = self._run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return f"the journal of {self.path} is being read" if busy else None

    def close(self) -> None:
        """Close the file."""
        self._journal.close()
        self._connection.close()

    def _apply(self, stamped: Stamped) -> None:
        """Apply runs of operations of one kind together."""
        prefix, number = stamped.prefix, 0
        for change in stamped.changes:
            tenant = self._tenant(change.tenant)
            for kind, run in groupby(change.operations, type):
                several = list(run)
                self._appliers[kind](tenant, several, _Order(prefix, number))
                number += len(several)

    def _tenant(self, name: str) -> int:
        number = self._tenants.get(name)
        if number is None:
            self._run("INSERT INTO tenants (name) VALUES (?)", (name,))
            (number,) = self._run("SELECT number FROM tenants WHERE name = ?", (name,)).fetchone()
            self._tenants[name] = number
        return number

    # --- persons, activities, documents ------------------------------------------------------------------------------

    def _subject_keys(self, tenant: int, operations: list[SubjectKey], _: _Order) -> None:
        self._run_many(
            "INSERT OR IGNORE INTO subjects (tenant, subject, name, wrapped) SELECT ?1, ?2, ?3, ?4 "
            "WHERE NOT EXISTS (SELECT 1 FROM destroyed WHERE tenant = ?1 AND subject = ?2)",
            [(tenant, one.subject, key_name(one.wrapped), one.wrapped) for one in operations],
        )

    def _portraits(self, tenant: int, operations: list[PortraitKept], _: _Order) -> None:
        """Keep forms of persons, but not of those whose key was destroyed; their key may come later."""
        self._run_many(
            "INSERT OR IGNORE INTO portraits (tenant, form, subject, sealed) SELECT ?1, ?2, ?3, ?4 "
            "WHERE NOT EXISTS (SELECT 1 FROM destroyed WHERE tenant = ?1 AND subject = ?3)",
            [(tenant, one.form, one.subject, one.sealed) for one in operations],
        )

    def _activities(self, tenant: int, operations: list[ActivityKnown], order: _Order) -> None:
        self._run_many(
            _KNOW_ACTIVITY,
            [
                (tenant, one.activity, one.sealed, order.stamp(at))
                for at, one in enumerate(operations)
            ],
        )

    def _documents(self, tenant: int, operations: list[DocumentKept], order: _Order) -> None:
        self._run_many(
            _KEEP_DOCUMENT,
            [
                (
                    tenant,
                    one.key,
                    one.scope,
                    one.registration,
                    one.subject,
                    one.updated_ms,
                    one.sealed,
                    order.stamp(at),
                )
                for at, one in enumerate(operations)
            ],
        )

    def _dropped(self, tenant: int, operations: list[DocumentDropped], order: _Order) -> None:
        """Take documents away, and remember when: one that was written before that may come later."""
        rows = [(tenant, one.key, order.stamp(at)) for at, one in enumerate(operations)]
        self._run_many(_NOTE_DROPPED, rows)
        self._run_many("DELETE FROM documents WHERE tenant = ? AND key = ? AND stamp < ?", rows)

    def _labels(self, tenant: int, operations: list[LabelsKept], _: _Order) -> None:
        self._run_many(
            "INSERT OR IGNORE INTO labels (tenant, name, sealed) VALUES (?, ?, ?)",
            [(tenant, one.name, one.sealed) for one in operations],
        )

    def _sent(self, tenant: int, operations: list[StatementSent], _: _Order) -> None:
        self._run_many(
            "INSERT OR IGNORE INTO sent (tenant, id, subject, digest, home) SELECT ?1, ?2, ?3, ?4, ?5 "
            "WHERE NOT EXISTS (SELECT 1 FROM destroyed WHERE tenant = ?1 AND subject = ?3)",
            [(tenant, one.id, one.subject, one.digest, one.home) for one in operations],
        )

    def _destroyed(self, tenant: int, operations: list[KeyDestroyed], _: _Order) -> None:
        """Forget a key for ever, and what was sealed under it; ids stay, so that they are not given again."""
        for one in operations:
            self._run(
                "INSERT OR IGNORE INTO destroyed (tenant, subject) VALUES (?, ?)",
                (tenant, one.subject),
            )
            self._statements.erase(tenant, one.subject, one.term)
            for table in ("subjects", "portraits", "documents", "sent"):
                self._run(
                    f"DELETE FROM {table} WHERE tenant = ? AND subject = ?", (tenant, one.subject)
                )
