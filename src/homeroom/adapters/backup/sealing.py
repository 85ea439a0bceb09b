"""What makes objects unreadable and unchangeable for whoever keeps them: one key, and names that follow from it.

A repository has one random key, and only that seals objects: AES-256-GCM (NIST SP 800-38D), under a random nonce,
bound to the object's name, so that one object cannot be put in the place of another. The key itself lies in the
repository, wrapped by what its owner keeps elsewhere: a key file, or a passphrase stretched by scrypt (RFC 7914). So a
passphrase can be slow to try without making objects slow to read.

An object's name is a keyed hash (BLAKE2b, RFC 7693) of its content: what is there already is known by its name, and
whoever keeps the objects cannot tell from names whether he has a certain file.

The way not taken is to encrypt on the store's side: then whoever runs the store, or gets its keys, can read all of it.
"""

import hashlib
import secrets
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from homeroom import limits
from homeroom.adapters import keyfile
from homeroom.errors import BackupError, DamagedBackupError, KeyFileError

__all__ = [
    "OVERHEAD_BYTES",
    "KeyFile",
    "Passphrase",
    "Sealer",
    "Secret",
    "Wrapped",
    "read_passphrase",
    "unwrap",
    "wrap",
]

_MAGIC: Final = b"hrb1"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
OVERHEAD_BYTES: Final = len(_MAGIC) + _NONCE_BYTES + 16
"""What sealing adds to an object."""
_KIND: Final = keyfile.KeyFile(
    "# homeroom backup key. Who has it and the repository can read every backup in it; without it nobody can.\n"
    "# Keep a copy in a place that is not lost together with the data directory.\n",
    "a new key opens no backup that there is",
)
_LOG2_COST: Final = 17
_BLOCK: Final = 8


# --- what an owner keeps ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of 32 bytes, for its owner alone."""

    path: Path

    def make(self) -> bytes:
        """Return the key, made if there is no such file. Raises `KeyFileError`."""
        return keyfile.open_key_file(self.path, _KIND)

    def read(self) -> bytes:
        """Return the key. Raises `KeyFileError`, also if there is no such file."""
        if not self.path.exists():
            raise KeyFileError(
                f"key file {self.path} of the backups is not there; name the one that the repository was made with, "
                f"by --key-file"
            )
        return keyfile.open_key_file(self.path, _KIND)


@dataclass(frozen=True, slots=True, repr=False)
class Passphrase:
    """A passphrase; none that is short."""

    text: str

    def __post_init__(self) -> None:
        """Raise `BackupError` if it could be found by trying."""
        if len(self.text) < limits.PASSPHRASE_CHARACTERS_MIN:
            raise BackupError(
                f"the passphrase has {len(self.text)} characters, must have at least "
                f"{limits.PASSPHRASE_CHARACTERS_MIN}; take several words, or a key file"
            )


Secret: TypeAlias = KeyFile | Passphrase


def read_passphrase(path: Path) -> Passphrase:
    """Return the first line of a file. Raises `BackupError` if it cannot be read, or others may read it."""
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            raise BackupError(
                f"passphrase file {path} has mode {stat.S_IMODE(mode):04o}, so others may use it; run: chmod 600 {path}"
            )
        with path.open(encoding="utf-8") as file:
            return Passphrase(file.read(limits.KEY_FILE_BYTES_MAX).partition("\n")[0].rstrip("\r"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise BackupError(f"passphrase file {path} cannot be read: {reason}") from error


# --- the key of a repository -----------------------------------------------------------------------------------------


class _Way(StrEnum):
    FILE = "key-file"
    PASSPHRASE = "passphrase"  # noqa: S105 - names a way, and is none


class Wrapped(msgspec.Struct, frozen=True, kw_only=True):
    """A repository's key under what its owner keeps; ``log2_cost`` and ``block`` are of scrypt, 0 for a key file."""

    way: _Way
    salt: bytes
    nonce: bytes
    sealed: bytes
    log2_cost: int = 0
    block: int = 0


def wrap(key: bytes, secret: Secret, repository: str) -> Wrapped:
    """Wrap a repository's key. Raises `KeyFileError`."""
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(_NONCE_BYTES)
    is_file = isinstance(secret, KeyFile)
    bare = Wrapped(
        way=_Way.FILE if is_file else _Way.PASSPHRASE,
        salt=salt,
        nonce=nonce,
        sealed=b"",
        log2_cost=0 if is_file else _LOG2_COST,
        block=0 if is_file else _BLOCK,
    )
    outer = (
        _of_file(secret.make(), salt)
        if isinstance(secret, KeyFile)
        else _of_passphrase(secret.text, bare)
    )
    return msgspec.structs.replace(
        bare, sealed=AESGCM(outer).encrypt(nonce, key, repository.encode())
    )


def unwrap(wrapped: Wrapped, secret: Secret, repository: str, shown: str) -> bytes:
    """Return the key that `wrap` wrapped.

    Raises
    ------
    KeyFileError
        There is no such key file, or others may read it.
    BackupError
        The repository opens with the other of the two.
    DamagedBackupError
        It is another key or passphrase, or what is wrapped was changed.
    """
    if isinstance(secret, KeyFile):
        if wrapped.way is not _Way.FILE:
            raise BackupError(
                f"{shown} opens with a passphrase, not with a key file; use --passphrase-file"
            )
        outer, what = _of_file(secret.read(), wrapped.salt), f"key file {secret.path}"
    else:
        if wrapped.way is not _Way.PASSPHRASE:
            raise BackupError(
                f"{shown} opens with a key file, not with a passphrase; use --key-file"
            )
        outer, what = _of_passphrase(secret.text, wrapped), "the passphrase"
    try:
        return AESGCM(outer).decrypt(wrapped.nonce, wrapped.sealed, repository.encode())
    except (InvalidTag, ValueError):
        raise DamagedBackupError(
            f"{what} does not open {shown}: it is another one, or repository.json there was changed"
        ) from None


def _of_file(key: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt, b"homeroom backup key file").derive(key)


def _of_passphrase(text: str, wrapped: Wrapped) -> bytes:
    if not 0 < wrapped.log2_cost <= limits.SCRYPT_LOG2_COST_MAX or wrapped.block != _BLOCK:
        raise DamagedBackupError(
            f"repository.json asks for scrypt of cost 2^{wrapped.log2_cost} and block {wrapped.block}; at most "
            f"2^{limits.SCRYPT_LOG2_COST_MAX} and {_BLOCK} are ever written: it was changed"
        )
    memory = 128 * _BLOCK << wrapped.log2_cost
    return hashlib.scrypt(
        text.encode(),
        salt=wrapped.salt,
        n=1 << wrapped.log2_cost,
        r=_BLOCK,
        p=1,
        maxmem=memory + (1 << 20),
        dklen=_KEY_BYTES,
    )


# --- objects ---------------------------------------------------------------------------------------------------------


class Sealer:
    """Seals and opens the objects of one repository.

    Parameters
    ----------
    key : of the repository, 32 bytes
    repository : its id, which each object is bound to
    """

    def __init__(self, key: bytes, repository: str) -> None:
        def derived(what: bytes) -> bytes:
            return HKDF(SHA256(), _KEY_BYTES, repository.encode(), what).derive(key)

        self._cipher = AESGCM(derived(b"homeroom backup objects"))
        self._names = derived(b"homeroom backup names")
        self._repository = repository

    def name(self, content: bytes) -> str:
        """Return the name of an object: it follows from the content, and tells nothing of it."""
        digest = hashlib.blake2b(content, key=self._names, digest_size=32).hexdigest()
        return f"objects/{digest[:2]}/{digest}"

    def seal(self, name: str, content: bytes) -> bytes:
        """Return what is put under a name."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _MAGIC + nonce + self._cipher.encrypt(nonce, content, self._bound(name))

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed under a name. Raises `DamagedBackupError`."""
        start = len(_MAGIC)
        nonce, rest = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            if len(sealed) >= OVERHEAD_BYTES and sealed.startswith(_MAGIC):
                return self._cipher.decrypt(nonce, rest, self._bound(name))
        except InvalidTag:
            pass
        raise DamagedBackupError(
            f"object {name} is damaged: its {len(sealed):,} bytes are not those that were written there"
        )

    def _bound(self, name: str) -> bytes:
        return f"{self._repository}/{name}".encode()
