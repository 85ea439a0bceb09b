"""Each store that there is, for suites that run against all of them."""

from pathlib import Path
from typing import Protocol

import numpy as np

from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.log_postgres import PostgresStore
from homeroom.adapters.log_sqlite import SqliteStore, make_file
from homeroom.log.store import Store
from homeroom.simulation.disk import Disk
from homeroom.simulation.disk_store import DiskStore
from tests.databases import emptied


class Place(Protocol):
    """Where a store keeps things: what is there when it is opened again."""

    def open(self) -> Store:
        """Open what is there."""


class File:
    """One file of SQLite."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.db"
        make_file(self.path, {})

    def open(self) -> SqliteStore:
        return SqliteStore(self.path)


class Folder:
    """A folder of files of SQLite."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log"

    def open(self) -> SqliteLogFolder:
        return SqliteLogFolder(self.path)


class Database:
    """A database of a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened = 0

    def open(self) -> PostgresStore:
        self.opened += 1
        return PostgresStore(self.url, "here", f"{self.opened:032x}")


class Memory:
    """The simulated disk."""

    def __init__(self, seed: int = 0) -> None:
        self.disk = Disk(np.random.default_rng(seed))

    def open(self) -> DiskStore:
        return DiskStore(self.disk)


def place_of(kind: str, request) -> Place:
    """Return an empty place of a kind: ``file``, ``folder``, ``postgres`` or ``memory``."""
    if kind == "memory":
        return Memory()
    if kind == "postgres":
        return Database(emptied(request.getfixturevalue("postgres")))
    folder = request.getfixturevalue("tmp_path")
    return File(folder) if kind == "file" else Folder(folder)


KINDS = ("file", "folder", "postgres", "memory")
