"""All that is sealed in a vault's file is opened once before the log forgets what it was made of.

A database whose pages hang together can hold a bit that has flipped within a value, and SQLite cannot know. Every copy
that is made of it has that bit too, with a checksum that is right, and once the log has forgotten the entry the record
is gone, though the node said yes to it. Seals know: they carry a tag (AES-GCM), so whoever has the keys can tell.

Keyed hashes, times and places are in clear and have no tag. Nor is a seal looked at whose key is not here: it may be of
somebody who was erased, or on its way. The way not taken, a checksum a row, would find these, and needs tables of
another schema.
"""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

from homeroom import limits
from homeroom.adapters.vault.held import Held
from homeroom.adapters.vault.sealing import Seals, SubjectKeys, TenantKeys
from homeroom.errors import VaultError

__all__ = ["check_seals"]

_SEALED: Final = (
    ("statement", "SELECT tenant, subject, id, x'', body FROM statements WHERE body <> x''"),
    ("form of a person", "SELECT tenant, subject, form, x'', sealed FROM portraits"),
    (
        "attachment",
        "SELECT s.tenant, s.subject, a.digest, s.id, a.sealed "
        "FROM attachments a JOIN statements s ON s.place = a.place",
    ),
    ("document", "SELECT tenant, subject, key, x'', sealed FROM documents"),
    ("activity", "SELECT tenant, NULL, activity, x'', sealed FROM activities"),
)
"""What is sealed: tenant, subject (none for nobody), the two parts of what the seal is bound to, and the seal."""
_ROWS: Final = 256
"""So many are opened before it stops."""


def check_seals(
    connection: sqlite3.Connection, keys_of: Callable[[str], TenantKeys | None]
) -> Iterator[None]:
    """Open all that is sealed in a file, and stop after each piece.

    Parameters
    ----------
    connection : to the file
    keys_of : returns the keys of a tenant; what is of a tenant without any is passed over

    Raises
    ------
    VaultError
        Something does not open under the key that it names.
    """
    for number, name in connection.execute("SELECT number, name FROM tenants").fetchall():
        keys = keys_of(name)
        if keys is not None:
            yield from _check_tenant(connection, number, Seals(keys))


def _check_tenant(connection: sqlite3.Connection, number: int, seals: Seals) -> Iterator[None]:
    keys: Held[bytes, SubjectKeys | None] = Held(limits.SUBJECT_KEYS_HELD)
    for what, query in _SEALED:
        rows = connection.execute(f"SELECT * FROM ({query}) WHERE tenant = ?", (number,))
        for count, (_, whose, first, second, sealed) in enumerate(rows):
            subject = seals.nobody if whose is None else whose
            if subject not in keys:
                keys.add(subject, _keys(connection, seals, (number, subject)))
            key = keys.get(subject)
            if key is not None and key.can_open(sealed):
                _open(what, key, sealed, first + second)
            if not count % _ROWS:
                yield
    for (sealed,) in connection.execute("SELECT sealed FROM labels WHERE tenant = ?", (number,)):
        seals.open_labels(sealed)
    yield


def _keys(
    connection: sqlite3.Connection, seals: Seals, whose: tuple[int, bytes]
) -> SubjectKeys | None:
    query = "SELECT name, wrapped FROM subjects WHERE tenant = ? AND subject = ?"
    ciphers = {
        name: seals.unwrap(whose[1], wrapped) for name, wrapped in connection.execute(query, whose)
    }
    return SubjectKeys(ciphers) if ciphers else None


def _open(what: str, key: SubjectKeys, sealed: bytes, bound_to: bytes) -> None:
    try:
        key.open(sealed, bound_to)
    except VaultError:
        raise VaultError(f"a sealed {what} does not open") from None
