"""Schemas go forward: an older store is brought up to date, the release before still works, one too old stops."""

import sqlite3
import subprocess
import sys

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from homeroom.adapters.log_postgres import PostgresStore
from homeroom.adapters.log_sqlite import SqliteStore, make_file
from homeroom.adapters.schema import current
from homeroom.adapters.schema.current import Found, must_migrate
from homeroom.adapters.schema.migrating import _VERSIONS, migrate_postgres, migrate_sqlite
from homeroom.adapters.schema.tables import METADATA
from homeroom.errors import StoreError
from homeroom.log.origins import Vector
from tests.log.chains import HERE, chain, checked, record

EXPAND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.add_column("entries", sa.Column("colour", sa.Text, nullable=False, server_default="none"))
    op.create_table("colours", sa.Column("name", sa.Text, primary_key=True))
    op.execute("UPDATE log_schema SET revision = 2, usable_from = 1")
"""
CONTRACT = """
from alembic import op
revision, down_revision = "0003", "0002"
def upgrade():
    op.drop_table("began")
    op.execute("UPDATE log_schema SET revision = 3, usable_from = 3")
"""
BROKEN = """
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.drop_table("batches")
    op.execute("this is no SQL")
"""

# What the release of schema 1 says to its database, kept as it was then. It must run against each later schema, until
# a contract says otherwise.
RELEASE_1 = (
    "INSERT INTO entries (node, incarnation, stream, number, hybrid, epoch, previous, payload, payload_digest, "
    "signature) VALUES ('old', 'i', 'analytic', 1, 5, 0, :blob, :blob, :blob, :blob)",
    "INSERT INTO heads (node, incarnation, stream, number, digest, hybrid) "
    "VALUES ('old', 'i', 'analytic', 1, :blob, 5)",
    "INSERT INTO batches (owner, batch_id, digest, answer, token, checksum) "
    "VALUES ('old', 'b', :blob, :blob, NULL, 7)",
    "INSERT INTO began (node, incarnation, stream, number) VALUES ('old', 'i', 'analytic', 1)",
    "SELECT node, incarnation, stream, number, digest, hybrid FROM heads",
    "SELECT node, incarnation, stream, number, hybrid, epoch, previous, payload, payload_digest, signature "
    "FROM entries WHERE node = 'old' AND incarnation = 'i' AND stream = 'analytic' AND number BETWEEN 1 AND 9 "
    "ORDER BY number",
    "SELECT owner, batch_id, digest, answer, token, checksum FROM batches WHERE owner = 'old' AND batch_id = 'b'",
    "DELETE FROM entries WHERE node = 'old' AND incarnation = 'i' AND stream = 'analytic' AND number BETWEEN 1 AND 9",
    "SELECT revision, usable_from FROM log_schema",
)


@pytest.fixture
def later(tmp_path):
    """Return a function that makes a folder of revisions beside those of the package."""

    def make(*texts):
        folder = tmp_path / "later"
        folder.mkdir(exist_ok=True)
        for number, text in enumerate(texts, 2):
            (folder / f"r{number:04}.py").write_text(text)
        return (*_VERSIONS, folder)

    return make


class File:
    """A file of the first schema with entries in it."""

    def __init__(self, path):
        self.path = path
        make_file(path, {})

    def open(self):
        return SqliteStore(self.path)

    def connect(self):
        return sqlite3.connect(self.path, isolation_level=None)

    def migrate(self, versions):
        migrate_sqlite(self.connect, str(self.path), versions)

    def run(self, statements):
        connection = self.connect()
        for statement in statements:
            connection.execute(statement, {"blob": b"x"})
        connection.close()

    def engine(self):
        return create_engine("sqlite://", creator=self.connect)


class Database:
    """A database of the first schema, of its own, since others share the server."""

    def __init__(self, server):
        self.server = server
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS migrated WITH (FORCE)")
            connection.execute("CREATE DATABASE migrated")
        self.opened = 0

    def open(self):
        self.opened += 1
        return PostgresStore(self.server.url("migrated"), "here", f"{self.opened:032x}")

    def connect(self):
        return psycopg.connect(self.server.url("migrated"))

    def migrate(self, versions):
        migrate_postgres(self.connect, "the database", versions)

    def run(self, statements):
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.replace(":blob", "%(blob)b"), {"blob": b"x"})

    def engine(self):
        return create_engine("postgresql+psycopg://", creator=self.connect)


@pytest.fixture(params=["file", "database"])
def place(request, tmp_path):
    if request.param == "file":
        return File(tmp_path / "log.db")
    return Database(request.getfixturevalue("postgres"))


def test_the_revisions_make_what_the_definition_says(place):
    place.open().close()
    engine = place.engine()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_newest_revision_is_the_one_that_this_release_writes():
    names = sorted(path.stem for path in _VERSIONS[0].glob("r*.py"))
    assert int(names[-1][1:5]) == current.REVISION


def test_a_store_of_an_older_schema_is_brought_up_to_date(place, later):
    entries = chain(3)
    store = place.open()
    store.write(entries[:2], [record("b", entries[0])])
    store.close()
    place.migrate(later(EXPAND))
    store = place.open()
    assert checked(store.read(HERE, 1, 9)) == entries[:2]
    store.write(entries[2:], [])
    assert store.collect(Vector({HERE: 1})) == 1
    assert store.record("key", "b") == record("b", entries[0])
    store.close()


def test_the_release_before_runs_against_the_new_schema(place, later):
    place.open().close()
    place.run(RELEASE_1[-1:])
    place.migrate(later(EXPAND))
    place.run(RELEASE_1)
    assert not must_migrate(Found(2, 1), "a store", revision=1)
    assert must_migrate(Found(1, 1), "a store", revision=2)


def test_a_release_that_is_too_old_says_so(place, later):
    place.open().close()
    place.migrate(later(EXPAND, CONTRACT))
    with pytest.raises(StoreError, match=r"schema 3, usable from 3 on.*Use the newer release"):
        place.open()


def test_a_migration_that_fails_has_not_happened(place, later):
    store = place.open()
    store.write(chain(1), [record("b")])
    store.close()
    with pytest.raises(StoreError, match="nothing was changed"):
        place.migrate(later(BROKEN))
    store = place.open()
    assert store.record("key", "b") == record("b")
    store.close()


@pytest.mark.slow
def test_two_nodes_may_make_the_tables_at_once(postgres):
    place = Database(postgres)
    program = (
        "import sys; from homeroom.adapters.log_postgres import PostgresStore; "
        "from homeroom.adapters.schema import migrating; print(flush=True); sys.stdin.readline(); "
        "print(PostgresStore(sys.argv[1], sys.argv[2], 'a' * 32).held().to_json())"
    )
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", program, postgres.url("migrated"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("here", "there")
    ]
    for node in nodes:
        node.stdout.readline()
    for node in nodes:
        node.stdin.write("\n")
        node.stdin.flush()
    assert [node.communicate(timeout=60) for node in nodes] == [("{}\n", "")] * 2
    place.run(RELEASE_1)


@pytest.mark.slow
def test_opening_a_store_of_today_imports_no_migration_tool(tmp_path):
    path = tmp_path / "log.db"
    make_file(path, {})
    program = (
        "import sys; from pathlib import Path; from homeroom.adapters.log_sqlite import SqliteStore; "
        "SqliteStore(Path(sys.argv[1])).close(); "
        "print({'sqlalchemy', 'alembic'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("set()\n", "")
