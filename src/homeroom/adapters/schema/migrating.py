"""Bring a store to the newest revision: the only place where Alembic runs.

All revisions that a store lacks run in one transaction, so a migration that is killed has not happened. Nobody else is
kept out by a lock: the second of two nodes that begin at once finds the tables there, fails, and looks again.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from homeroom.errors import StoreError

__all__ = ["migrate_postgres", "migrate_sqlite"]

_HERE = Path(__file__).parent
_VERSIONS = (_HERE / "versions",)
_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps what it works on in its modules: two threads would change each other's database."""


def migrate_sqlite(
    connect: Callable[[], sqlite3.Connection], place: str, versions: Sequence[Path] = _VERSIONS
) -> None:
    """Bring a database file to the newest revision.

    Parameters
    ----------
    connect : opens it, with transactions left to whoever uses it (``isolation_level=None``)
    place : how errors call it
    versions : folders of revisions

    Raises
    ------
    StoreError
        It cannot be changed; it is as it was.
    """
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", _begin)
    _migrate(engine, place, versions)


def migrate_postgres(
    connect: Callable[[], Any], place: str, versions: Sequence[Path] = _VERSIONS
) -> None:
    """Bring a PostgreSQL database to the newest revision; as `migrate_sqlite`, ``connect`` by psycopg."""
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    _migrate(engine, place, versions)


def _begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's events have no types
    # Left alone, the driver would begin a transaction at the first INSERT only, and each table would be one of its own.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: Engine, place: str, versions: Sequence[Path]) -> None:
    config = Config()
    config.set_main_option("script_location", _escaped(_HERE))
    config.set_main_option("version_locations", "\n".join(map(_escaped, versions)))
    config.set_main_option("path_separator", "newline")
    try:
        with _ONE_AT_A_TIME, engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        why = getattr(error, "orig", None) or error
        raise StoreError(
            f"the tables of {place} could not be made or brought up to date: {why}; nothing was changed. "
            f"Give this release the right to change it, or free the disk, and start again"
        ) from error
    finally:
        engine.dispose()


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
