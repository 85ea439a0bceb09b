"""Operations change the file: in order, each set of them in one transaction with the position that it came from.

The file may be lost at any time, since the log has it all; so it is not synced at each commit, and after a crash it
says in `Vault.applied` from where on operations are to be applied again. Applied twice, they change nothing: a
statement is known by its id, a key that was destroyed stays so, a document becomes what its last operation says.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from homeroom import limits
from homeroom.adapters.vault.journal import Journal
from homeroom.adapters.vault.operations import (
    HASH_BYTES,
    ActivityKnown,
    Change,
    DocumentDropped,
    DocumentKept,
    KeyDestroyed,
    LabelsKept,
    PortraitKept,
    StatementKept,
    SubjectKey,
)
from homeroom.adapters.vault.schema import connected, sqlite_errors
from homeroom.adapters.vault.sealing import key_name

__all__ = ["COUNTS", "ERASED", "VOIDED", "Vault"]

COUNTS, VOIDED, ERASED = 0, 1, 2
"""Standing of a statement: it counts, it was taken back, or its actor's key was destroyed."""

Many: TypeAlias = Callable[[int, list[Any]], None]

_KEEP_STATEMENT: Final = (
    "INSERT INTO statements (place, tenant, id, subject, body, people, terms, target, voids, standing) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_KEEP_TERM: Final = "INSERT OR IGNORE INTO terms (term, place, matched) VALUES (?, ?, ?)"


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
        self._appliers: dict[type, Many] = {
            SubjectKey: self._subject_keys,
            PortraitKept: self._portraits,
            ActivityKnown: self._activities,
            StatementKept: self._statements,
            DocumentKept: self._documents,
            DocumentDropped: self._dropped,
            KeyDestroyed: self._destroyed,
            LabelsKept: self._labels,
        }

    @property
    def applied(self) -> str:
        """The position up to which operations were applied, empty if none were."""
        with sqlite_errors(self.path):
            row = self._run("SELECT value FROM positions WHERE name = 'applied'").fetchone()
        return "" if row is None else str(row[0])

    def apply(self, changes: Sequence[Change], position: str) -> None:
        """Apply changes in order, and remember the position behind them; all of it or nothing.

        Raises `VaultError` where the file cannot be written; the vault is then as it was.
        """
        tenants = dict(self._tenants)
        with sqlite_errors(self.path):
            self._run("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    self._apply(change)
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

    def _apply(self, change: Change) -> None:
        """Apply runs of operations of one kind together."""
        tenant = self._tenant(change.tenant)
        run: list[Any] = []
        for operation in change.operations:
            if run and type(operation) is not type(run[-1]):
                self._appliers[type(run[-1])](tenant, run)
                run = []
            run.append(operation)
        if run:
            self._appliers[type(run[-1])](tenant, run)

    def _tenant(self, name: str) -> int:
        number = self._tenants.get(name)
        if number is None:
            self._run("INSERT INTO tenants (name) VALUES (?)", (name,))
            (number,) = self._run("SELECT number FROM tenants WHERE name = ?", (name,)).fetchone()
            self._tenants[name] = number
        return number

    # --- persons, activities, documents ------------------------------------------------------------------------------

    def _subject_keys(self, tenant: int, operations: list[SubjectKey]) -> None:
        self._run_many(
            "INSERT OR IGNORE INTO subjects (tenant, subject, name, wrapped) SELECT ?1, ?2, ?3, ?4 "
            "WHERE NOT EXISTS (SELECT 1 FROM destroyed WHERE tenant = ?1 AND subject = ?2)",
            [(tenant, one.subject, key_name(one.wrapped), one.wrapped) for one in operations],
        )

    def _portraits(self, tenant: int, operations: list[PortraitKept]) -> None:
        """Keep forms of persons, but not of those whose key was destroyed."""
        self._run_many(
            "INSERT OR IGNORE INTO portraits (tenant, form, subject, sealed) SELECT ?1, ?2, ?3, ?4 "
            "WHERE EXISTS (SELECT 1 FROM subjects WHERE tenant = ?1 AND subject = ?3)",
            [(tenant, one.form, one.subject, one.sealed) for one in operations],
        )

    def _activities(self, tenant: int, operations: list[ActivityKnown]) -> None:
        self._run_many(
            "INSERT INTO activities (tenant, activity, sealed) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, activity) DO UPDATE SET sealed = excluded.sealed",
            [(tenant, one.activity, one.sealed) for one in operations],
        )

    def _documents(self, tenant: int, operations: list[DocumentKept]) -> None:
        self._run_many(
            "INSERT OR REPLACE INTO documents (tenant, key, scope, registration, subject, updated_ms, sealed) "
            "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 "
            "WHERE EXISTS (SELECT 1 FROM subjects WHERE tenant = ?1 AND subject = ?5)",
            [
                (
                    tenant,
                    one.key,
                    one.scope,
                    one.registration,
                    one.subject,
                    one.updated_ms,
                    one.sealed,
                )
                for one in operations
            ],
        )

    def _dropped(self, tenant: int, operations: list[DocumentDropped]) -> None:
        self._run_many(
            "DELETE FROM documents WHERE tenant = ? AND key = ?",
            [(tenant, one.key) for one in operations],
        )

    def _labels(self, tenant: int, operations: list[LabelsKept]) -> None:
        self._run_many(
            "INSERT OR IGNORE INTO labels (tenant, name, sealed) VALUES (?, ?, ?)",
            [(tenant, one.name, one.sealed) for one in operations],
        )

    def _destroyed(self, tenant: int, operations: list[KeyDestroyed]) -> None:
        """Forget a key for ever, and what was sealed under it; ids stay, so that they are not given again."""
        for one in operations:
            self._run(
                "INSERT OR IGNORE INTO destroyed (tenant, subject) VALUES (?, ?)",
                (tenant, one.subject),
            )
            places = self._run(
                "SELECT DISTINCT s.place FROM terms t JOIN statements s ON s.place = t.place "
                "WHERE t.term = ? AND s.tenant = ? AND s.subject = ?",
                (one.term, tenant, one.subject),
            ).fetchall()
            for table, column in (("attachments", "place"), ("terms", "matched")):
                self._run_many(f"DELETE FROM {table} WHERE {column} = ?", places)
            self._run_many(
                f"UPDATE statements SET standing = {ERASED}, body = x'', people = x'', terms = x'' WHERE place = ?",
                places,
            )
            for table in ("subjects", "portraits", "documents"):
                self._run(
                    f"DELETE FROM {table} WHERE tenant = ? AND subject = ?", (tenant, one.subject)
                )

    # --- statements --------------------------------------------------------------------------------------------------

    def _statements(self, tenant: int, operations: list[StatementKept]) -> None:
        for one in operations:
            standing, is_target = self._standing(tenant, one)
            is_erased = standing == ERASED
            place = self._kept(tenant, one, standing)
            if place is None:
                continue
            terms = () if is_erased else _hashes(one.terms)
            self._run_many(_KEEP_TERM, [(term, place, place) for term in terms])
            if one.attachments and not is_erased:
                self._run_many(
                    "INSERT OR IGNORE INTO attachments (place, digest, sealed) VALUES (?, ?, ?)",
                    [(place, digest, sealed) for digest, sealed in one.attachments],
                )
            if one.target:
                self._refer(tenant, one, place)
            if is_target:
                self._referred(tenant, one, place)

    def _kept(self, tenant: int, one: StatementKept, standing: int) -> int | None:
        """Keep a statement at its place, or the next one that is free; return that, None if it is there already.

        Of one whose actor was erased no more is kept than its id, and what it voids.
        """
        place, is_erased = one.place, standing == ERASED
        body, people, terms = (b"", b"", b"") if is_erased else (one.body, one.people, one.terms)
        while True:
            kept = self._run(
                _KEEP_STATEMENT,
                (
                    place,
                    tenant,
                    one.id,
                    one.subject,
                    body,
                    people,
                    terms,
                    one.target or None,
                    int(one.voids),
                    standing,
                ),
            )
            if kept.rowcount:
                return place
            known = "SELECT 1 FROM statements WHERE tenant = ? AND id = ?"
            if self._run(known, (tenant, one.id)).fetchone():
                return None
            place += 1

    def _standing(self, tenant: int, one: StatementKept) -> tuple[int, bool]:
        """Return how a new statement stands, and whether one that is there refers to it.

        It may have been taken back, or its actor erased, before it came.
        """
        row = self._run(
            "SELECT EXISTS (SELECT 1 FROM subjects WHERE tenant = ?1 AND subject = ?2), "
            "(SELECT max(voids) FROM statements WHERE tenant = ?1 AND target = ?3)",
            (tenant, one.subject, one.id),
        ).fetchone()
        is_target = row[1] is not None
        if not row[0]:
            return ERASED, is_target
        return VOIDED if row[1] and not one.voids else COUNTS, is_target

    def _refer(self, tenant: int, one: StatementKept, place: int) -> None:
        """Let a statement be found by what finds its target; void that, if this is what it is for."""
        target = self._run(
            "SELECT place, voids FROM statements WHERE tenant = ? AND id = ?", (tenant, one.target)
        ).fetchone()
        if target is None:
            return
        if one.voids and not target[1]:
            self._run(
                f"UPDATE statements SET standing = {VOIDED} WHERE place = ? AND standing = {COUNTS}",
                (target[0],),
            )
        self._follow([place], target[0])

    def _referred(self, tenant: int, one: StatementKept, place: int) -> None:
        """Let statements that came before, and refer to this one, be found by it; and those that refer to them."""
        sources = self._run(
            "SELECT place FROM statements WHERE tenant = ? AND target = ? AND place <> ?",
            (tenant, one.id, place),
        ).fetchall()
        for (source,) in sources:
            behind = self._run("SELECT place FROM follows WHERE matched = ?", (source,)).fetchall()
            self._follow([source, *(row[0] for row in behind)], place)

    def _follow(self, places: Iterable[int], target: int) -> None:
        """Let statements be found by the terms of a target, and of all that it is found by itself."""
        followed = self._run(
            "SELECT place, terms FROM statements WHERE place = ?1 "
            "OR place IN (SELECT matched FROM follows WHERE place = ?1)",
            (target,),
        ).fetchall()
        for place in places:
            (known,) = self._run(
                "SELECT count(*) FROM follows WHERE place = ?", (place,)
            ).fetchone()
            room = max(0, limits.STATEMENTS_FOLLOWED_MAX - known)
            for matched, terms in followed[:room]:
                if matched == place:
                    continue
                self._run(
                    "INSERT OR IGNORE INTO follows (place, matched) VALUES (?, ?)", (place, matched)
                )
                self._run_many(_KEEP_TERM, [(term, place, matched) for term in _hashes(terms)])


def _hashes(joined: bytes) -> list[bytes]:
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]
