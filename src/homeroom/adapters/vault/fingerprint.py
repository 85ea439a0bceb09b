"""What a vault says, as one number: equal where two have the same content, whatever order it came in.

Rows are compared by what they mean: by the names of tenants and the ids of statements, never by numbers that a file
gives out; of what several nodes may have sealed for themselves (the form of a person) it counts that it is there. The
hashes of the rows are added up, so no order is needed.
"""

import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from homeroom.adapters.vault.reading import VaultReader

__all__ = ["VaultPrint", "fingerprint_of", "vault_print"]

_BYTES: Final = 16
_ROWS_AT_ONCE: Final = 256
"""So many rows are read before it rests."""
_STAMP: Final = "substr({}.stamp, 1, 16)"
_OF: Final = "FROM {0} x JOIN tenants t ON t.number = x.tenant"
_OF_STATEMENTS: Final = (
    "JOIN statements s ON s.place = x.place JOIN tenants t ON t.number = s.tenant"
)
_MATCHED: Final = "JOIN statements m ON m.place = x.matched"
_ROWS: Final = {
    "subjects": f"SELECT t.name, x.subject, x.wrapped {_OF.format('subjects')}",
    "destroyed": f"SELECT t.name, x.subject {_OF.format('destroyed')}",
    "portraits": f"SELECT t.name, x.form, x.subject {_OF.format('portraits')}",
    "activities": f"SELECT t.name, x.activity, x.sealed, {_STAMP.format('x')} {_OF.format('activities')}",
    "documents": "SELECT t.name, x.key, x.scope, x.registration, x.subject, x.updated_ms, x.sealed, "
    f"{_STAMP.format('x')} {_OF.format('documents')}",
    "dropped": f"SELECT t.name, x.key, {_STAMP.format('x')} {_OF.format('dropped')}",
    "labels": f"SELECT t.name, x.sealed {_OF.format('labels')}",
    "conflicts": f"SELECT t.name, x.id, x.subject, x.digest {_OF.format('conflicts')} WHERE "
    "(SELECT count(*) FROM conflicts y WHERE y.tenant = x.tenant AND y.id = x.id) > 1",
    "sent": f"SELECT t.name, x.id, x.subject, x.digest, x.home {_OF.format('sent')}",
    "statements": "SELECT t.name, x.id, x.place - x.shift, x.subject, x.body, x.people, x.terms, x.target, x.voids, "
    f"x.standing, x.digest {_OF.format('statements')}",
    "attachments": f"SELECT t.name, s.id, x.digest, x.sealed FROM attachments x {_OF_STATEMENTS}",
    "terms": f"SELECT t.name, x.term, s.id, m.id FROM terms x {_OF_STATEMENTS} {_MATCHED}",
    "follows": f"SELECT t.name, s.id, m.id FROM follows x {_OF_STATEMENTS} {_MATCHED}",
}
_encode: Final = msgspec.msgpack.Encoder().encode


class VaultPrint(NamedTuple):
    """What a vault says, and what it was made of.

    Parameters
    ----------
    applied : the position up to which operations were applied, as `homeroom.adapters.vault.applying.Vault` has it
    destroyed : by tenant the subjects whose keys were destroyed
    fingerprint : 32 hexadecimal digits
    """

    applied: str
    destroyed: dict[str, frozenset[bytes]]
    fingerprint: str


def vault_print(reader: VaultReader, rest: Callable[[], None]) -> VaultPrint:
    """Return what a vault says as of one moment. It reads the whole file, and rests now and then.

    Raises `VaultError` where that cannot be read.
    """
    with reader.at_once():
        applied = reader.rows("SELECT value FROM positions WHERE name = 'applied'", ())
        destroyed: dict[str, set[bytes]] = {}
        for tenant, subject in reader.rows(_ROWS["destroyed"], ()):
            assert isinstance(subject, bytes), "the column has this type"
            destroyed.setdefault(str(tenant), set()).add(subject)
        return VaultPrint(
            str(applied[0][0]) if applied else "",
            {tenant: frozenset(some) for tenant, some in destroyed.items()},
            _fingerprint(reader, rest),
        )


def fingerprint_of(reader: VaultReader) -> str:
    """Return the fingerprint of all that a vault says, 32 hexadecimal digits. It reads the whole file.

    Raises `VaultError` where that cannot be read.
    """
    with reader.at_once():
        return _fingerprint(reader, lambda: None)


def _fingerprint(reader: VaultReader, rest: Callable[[], None]) -> str:
    total = 0
    for table, query in _ROWS.items():
        for number, row in enumerate(reader.walk(query)):
            digest = hashlib.blake2s(_encode((table, row)), digest_size=_BYTES).digest()
            total += int.from_bytes(digest, "big")
            if not number % _ROWS_AT_ONCE:
                rest()
    return f"{total % (1 << 8 * _BYTES):0{2 * _BYTES}x}"
