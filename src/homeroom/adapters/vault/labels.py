"""The labels of hashed ids in the vault: the texts as they came, sealed, some hundred at a time.

Ids of activities may name somebody, so they are kept as what the vault keeps of people is: sealed, in this jurisdiction
alone. They are not sealed under the key of a person, because nobody knows whose name is in them. All of one commit are
sealed together: a start opens a thousand labels by one decryption, and what is new is most often new together.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from homeroom import limits
from homeroom.adapters.vault.operations import Change, LabelsKept
from homeroom.adapters.vault.reading import VaultReader
from homeroom.adapters.vault.sealing import Seals
from homeroom.errors import VaultError

__all__ = ["change_of_labels", "labels_in", "read_labels"]

_NAME_BYTES: Final = 12
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[str]).decode


def change_of_labels(tenant: str, seals: Seals, labels: Sequence[str]) -> Change:
    """Return the change that keeps some labels."""
    operations = []
    for first in range(0, len(labels), limits.LABELS_SEALED_MAX):
        some = labels[first : first + limits.LABELS_SEALED_MAX]
        sealed = seals.seal_labels(zlib.compress(_encode(some), 1))
        operations.append(LabelsKept(sealed[:_NAME_BYTES], sealed))
    return Change(tenant, [*operations])


def read_labels(reader: VaultReader, tenant: str, seals: Seals) -> Iterator[Sequence[str]]:
    """Yield the labels of a tenant, some at a time. Raises `VaultError` for what does not open."""
    rows = reader.rows(
        "SELECT sealed FROM labels WHERE tenant = ? ORDER BY rowid", (reader.number(tenant),)
    )
    return labels_in(seals, (sealed for (sealed,) in rows))


def labels_in(seals: Seals, sealed: Iterable[object]) -> Iterator[Sequence[str]]:
    """Yield the labels in seals. Raises `VaultError` for what does not open."""
    for one in sealed:
        if not isinstance(one, bytes):
            raise VaultError("the vault holds something else where sealed labels should be")
        unpacking = zlib.decompressobj()
        packed = seals.open_labels(one)
        yield _decode(unpacking.decompress(packed, limits.ENTRY_UNPACKED_BYTES_MAX))
