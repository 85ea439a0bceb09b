"""The tables of the vault's file.

Columns hold sealed bytes, pseudonyms, keyed hashes, ids of statements and times: nothing that names a person. `terms`
is what searches walk: for a term the places of the statements that it finds, in the order of storing. A statement that
refers to another is found by that one's terms as well (xAPI 1.0.3, Communication, 2.1.4), so a row names the statement
that matched beside the one that is found; `follows` is who is found by whom.

`shift` is by how much a statement stands behind its place, because another one has that. A `stamp` says when a row was
written, wherever that was (`homeroom.adapters.vault.operations.Stamped`); `dropped` keeps that of documents that are
gone, so that what comes late does not bring them back. `conflicts` has what came under one id with other content,
`sent` under which ids statements have gone, sealed, to another jurisdiction.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from homeroom import limits
from homeroom.errors import VaultError

__all__ = ["SCHEMA", "check_version", "connected", "sqlite_errors", "vault_error"]

SCHEMA: Final = 4
"""The version of the tables that this release writes."""
_TABLES: Final = """
CREATE TABLE tenants (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE subjects (
    tenant INTEGER NOT NULL, subject BLOB NOT NULL, name BLOB NOT NULL, wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, subject, name)
) WITHOUT ROWID;
CREATE TABLE destroyed (
    tenant INTEGER NOT NULL, subject BLOB NOT NULL, PRIMARY KEY (tenant, subject)
) WITHOUT ROWID;
CREATE TABLE portraits (
    tenant INTEGER NOT NULL, form BLOB NOT NULL, subject BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, form)
) WITHOUT ROWID;
CREATE INDEX portraits_of_subject ON portraits (tenant, subject);
CREATE TABLE statements (
    place INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, id BLOB NOT NULL, subject BLOB NOT NULL, body BLOB NOT NULL,
    people BLOB NOT NULL, terms BLOB NOT NULL, target BLOB, voids INTEGER NOT NULL, standing INTEGER NOT NULL
);
CREATE UNIQUE INDEX statements_by_id ON statements (tenant, id);
CREATE INDEX statements_in_order ON statements (tenant, place) WHERE standing = 0;
CREATE INDEX statements_by_target ON statements (tenant, target) WHERE target IS NOT NULL;
CREATE TABLE terms (
    term BLOB NOT NULL, place INTEGER NOT NULL, matched INTEGER NOT NULL, PRIMARY KEY (term, place, matched)
) WITHOUT ROWID;
CREATE TABLE follows (place INTEGER NOT NULL, matched INTEGER NOT NULL, PRIMARY KEY (place, matched)) WITHOUT ROWID;
CREATE INDEX follows_by_matched ON follows (matched);
CREATE TABLE attachments (
    place INTEGER NOT NULL, digest BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (place, digest)
);
CREATE TABLE activities (
    tenant INTEGER NOT NULL, activity BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (tenant, activity)
) WITHOUT ROWID;
CREATE TABLE documents (
    tenant INTEGER NOT NULL, key BLOB NOT NULL, scope BLOB NOT NULL, registration BLOB NOT NULL, subject BLOB NOT NULL,
    updated_ms INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (tenant, key)
);
CREATE INDEX documents_of_scope ON documents (tenant, scope, updated_ms);
CREATE INDEX documents_of_subject ON documents (tenant, subject);
CREATE TABLE positions (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_LABELS: Final = """
CREATE TABLE labels (
    tenant INTEGER NOT NULL, name BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (tenant, name)
);
"""
_CONVERGING: Final = """
ALTER TABLE statements ADD COLUMN shift INTEGER NOT NULL DEFAULT 0;
ALTER TABLE statements ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE activities ADD COLUMN stamp BLOB NOT NULL DEFAULT x'';
ALTER TABLE documents ADD COLUMN stamp BLOB NOT NULL DEFAULT x'';
CREATE TABLE dropped (
    tenant INTEGER NOT NULL, key BLOB NOT NULL, stamp BLOB NOT NULL, PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE TABLE conflicts (
    tenant INTEGER NOT NULL, id BLOB NOT NULL, subject BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (tenant, id, subject, digest)
) WITHOUT ROWID;
CREATE INDEX conflicts_of_subject ON conflicts (tenant, subject);
UPDATE subjects SET name = substr(wrapped, 1, 12);
"""
_SENT: Final = """
CREATE TABLE sent (
    tenant INTEGER NOT NULL, id BLOB NOT NULL, subject BLOB NOT NULL, digest BLOB NOT NULL, home TEXT NOT NULL,
    PRIMARY KEY (tenant, id, digest, home)
) WITHOUT ROWID;
CREATE INDEX sent_of_subject ON sent (tenant, subject);
"""
_STEPS: Final = (_TABLES, _LABELS, _CONVERGING, _SENT)
"""What makes each schema of the one before it."""


@contextlib.contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn errors of the library into `VaultError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise vault_error(path, error) from error


def vault_error(path: Path, error: sqlite3.Error) -> VaultError:
    """Return the error that tells of an error of the library."""
    return VaultError(
        f"vault {path} cannot be read or written: {error}; check the disk, or remove the file and it is made again"
    )


def connected(path: Path) -> sqlite3.Connection:
    """Return a connection to the vault's file, which is made if there is none.

    Raises `VaultError` where the file is of a newer version or is no vault.
    """
    with sqlite_errors(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA cache_size = -{limits.VAULT_CACHE_KIB}")
            # Hashes lie anywhere, so a statement touches a page for each; the longer a page is written to the journal
            # alone, the more changes it brings home at once. See `homeroom.adapters.vault.journal`.
            connection.execute(f"PRAGMA wal_autocheckpoint = {limits.VAULT_JOURNAL_PAGES_MAX}")
            _make_tables(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a vault's tables. Raises `VaultError` for one that this release does not know."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA:
        raise VaultError(
            f"vault {path} has schema {version}, this homeroom knows {SCHEMA}; run the newer homeroom, or remove the "
            f"file and it is made again"
        )
    return version


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    version = check_version(connection, path)
    if version < SCHEMA:
        connection.executescript(
            f"BEGIN IMMEDIATE; {''.join(_STEPS[version:])} PRAGMA user_version = {SCHEMA}; COMMIT;"
        )
