"""Where the vault of a data directory lies, and which keys its tenants have.

There is one key a directory; those of tenants but the first follow from it and their names. So nodes that share their
records have to be given one file each, however many tenants come later. A release of before this drew a key for each
tenant, in its folder; where there is one it stays, since records are under it.
"""

import hashlib
from pathlib import Path
from typing import Final

from homeroom.adapters.keyfile import KeyFile, open_key_file
from homeroom.adapters.vault.passage import SealKey
from homeroom.log.control import MAIN

__all__ = [
    "VAULT_COPIES",
    "VAULT_FILE",
    "VAULT_KEY_FILE",
    "open_vault_key",
    "own_vault_keys",
    "seal_key_of",
    "vault_key_check",
    "vault_key_path",
]

VAULT_FILE: Final = "documents.db"
VAULT_COPIES: Final = "documents.copies"
VAULT_KEY_FILE: Final = "vault.key"
_TENANTS: Final = "tenants"
_VAULT_KEY: Final = KeyFile(
    "# homeroom vault key. Without it nothing in documents.db can be read by anybody, for ever. Keep it secret,\n"
    "# and keep a copy.\n",
    "a new key opens nothing that is in the vault",
)


def vault_key_path(directory: Path, tenant: str = MAIN) -> Path:
    """Return the file that a tenant's key is in, or follows from."""
    own = _folder(directory, tenant) / VAULT_KEY_FILE
    return own if own.exists() else directory / VAULT_KEY_FILE


def open_vault_key(directory: Path, tenant: str = MAIN) -> bytes:
    """Return the key of a tenant's vault, 32 bytes; that of the directory is made if there is none.

    Raises `KeyFileError`.
    """
    path = vault_key_path(directory, tenant)
    key = open_key_file(path, _VAULT_KEY)
    if tenant == MAIN or path.parent != directory:
        return key
    return hashlib.blake2s(
        b"homeroom vault of " + tenant.encode(), key=key, person=b"homevalt"
    ).digest()


def own_vault_keys(directory: Path) -> list[str]:
    """Return the tenants that have a key of their own, which follows from no other."""
    return sorted(path.parent.name for path in directory.glob(f"{_TENANTS}/*/{VAULT_KEY_FILE}"))


def vault_key_check(key: bytes) -> str:
    """Return what tells one vault key from another and does not help to find it: 16 hexadecimal digits."""
    return hashlib.blake2s(key=key, person=b"homevchk", digest_size=8).hexdigest()


def seal_key_of(key: bytes) -> SealKey:
    """Return the key that follows from the vault key of a jurisdiction, by which others seal for it."""
    return SealKey(hashlib.blake2s(b"homeroom seal 1", key=key, person=b"homeseal").digest())


def _folder(directory: Path, tenant: str) -> Path:
    return directory if tenant == MAIN else directory / _TENANTS / tenant
