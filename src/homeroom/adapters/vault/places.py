"""Where the vault of a data directory lies: a tenant's key in its folder, the file and copies of it in the node's."""

from pathlib import Path
from typing import Final

from homeroom.adapters.keyfile import KeyFile, open_key_file

__all__ = ["VAULT_COPIES", "VAULT_FILE", "VAULT_KEY_FILE", "open_vault_key"]

VAULT_FILE: Final = "documents.db"
VAULT_COPIES: Final = "documents.copies"
VAULT_KEY_FILE: Final = "vault.key"
_VAULT_KEY: Final = KeyFile(
    "# homeroom vault key. Without it nothing in documents.db can be read by anybody, for ever. Keep it secret,\n"
    "# and keep a copy.\n",
    "a new key opens nothing that is in the vault",
)


def open_vault_key(folder: Path) -> bytes:
    """Return the key of a tenant's vault, in its directory; made if there is none. Raises `KeyFileError`."""
    return open_key_file(folder / VAULT_KEY_FILE, _VAULT_KEY)
