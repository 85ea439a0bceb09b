"""The files that hold keys: that of the pseudonyms, and that by which a node signs.

Whoever has the pseudonym key can find out who is behind a pseudonym, and whoever loses it can never add to the same
data again. So a key is made once, by the tool, readable by its owner alone, and a file that others may read is refused
rather than used: it says what to do.

Two commands may start at once where there is no key yet. Each writes a whole file under a name of its own and then
links it to the real one, which succeeds for one of them only; so nobody ever reads half a key, and both go on with
the same. The way not taken, creating the real name with ``O_EXCL`` and writing to it, leaves a moment in which the
other finds an empty file.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homeroom import limits
from homeroom.adapters.whole_files import sync
from homeroom.errors import KeyFileError

__all__ = ["KeyFile", "default_key_path", "open_key", "open_key_file"]

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A kind of key: the comment that stands above it in its file, and what a new one in its place would mean."""

    comment: str
    loss: str


PSEUDONYMS: Final = KeyFile(
    "# homeroom pseudonym key. Who has it can find out who is behind a pseudonym. Keep it secret,\n"
    "# and keep a copy: without it, later data cannot be joined to what is loaded already.\n",
    "a new key makes other pseudonyms",
)


def default_key_path(environment: Mapping[str, str]) -> Path:
    """Return where the key lies if nobody says otherwise: ``homeroom/pseudonym.key`` in the configuration folder.

    Parameters
    ----------
    environment : the variables of the process; ``XDG_CONFIG_HOME`` counts if it is an absolute path (XDG Base
        Directory Specification), else ``~/.config``
    """
    configured = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(configured) if configured.startswith("/") else Path("~/.config").expanduser()
    return folder / "homeroom" / "pseudonym.key"


def open_key(path: Path) -> bytes:
    """Return the 32 bytes of the pseudonym key, made and written first if there is no such file.

    Raises `KeyFileError` as `open_key_file` does.
    """
    return open_key_file(path, PSEUDONYMS)


def open_key_file(path: Path, kind: KeyFile) -> bytes:
    """Return the 32 bytes of a key, made and written first if there is no such file.

    Raises
    ------
    KeyFileError
        The file cannot be read or made, others may read it, or it holds no key.
    """
    try:
        try:
            return _read(path, kind)
        except FileNotFoundError:
            _make(path, kind)
        return _read(path, kind)
    except FileNotFoundError:
        raise KeyFileError(
            f"key file {path} is a symbolic link to nothing; remove it or restore the file that it names"
        ) from None
    except OSError as error:
        raise KeyFileError(
            f"key file {path} cannot be opened: {_reason(error)}; check the path and its permissions, "
            f"or name another file"
        ) from error


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "its symbolic links go in a circle"
    return error.strerror or str(error)


def _read(path: Path, kind: KeyFile) -> bytes:
    # Without O_NONBLOCK a named pipe would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check_status(os.fstat(descriptor), path)
        content = os.read(descriptor, limits.KEY_FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    return _parse(content, path, kind)


def _check_status(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise KeyFileError(f"key file {path} is {kind}; name a file")
    if status.st_mode & 0o077:
        raise KeyFileError(
            f"key file {path} has mode {stat.S_IMODE(status.st_mode):04o}, so others may use it; must be 0600. "
            f"Run: chmod 600 {path}"
        )


def _parse(content: bytes, path: Path, kind: KeyFile) -> bytes:
    lines = [line.strip() for line in content.splitlines()]
    digits = b"".join(line for line in lines if not line.startswith(b"#"))
    if len(content) <= limits.KEY_FILE_BYTES_MAX and len(digits) == 2 * KEY_BYTES:
        with contextlib.suppress(ValueError):
            return bytes.fromhex(digits.decode("ascii"))
    raise KeyFileError(
        f"key file {path} holds no key: {len(content)} bytes, must be {2 * KEY_BYTES} hexadecimal digits and "
        f"comment lines. Restore it from a copy; {kind.loss}"
    )


def _make(path: Path, kind: KeyFile) -> None:
    """Write a new key; leave the file alone if another process was quicker."""
    _make_folders(path.parent)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    content = f"{kind.comment}{secrets.token_hex(KEY_BYTES)}\n".encode()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
    sync(path.parent)


def _make_folders(folder: Path) -> None:
    """Make the folders that are missing, for the owner alone."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
