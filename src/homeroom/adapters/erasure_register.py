"""The register of erasures: a file outside of the data directory and of every backup, to which lines are only added.

An erasure must outlive whatever brings an older state back: a backup, a disk that was restored, a log that lost its
tail. So it is durable in a place that none of these touches before anybody hears that it was taken, and a node reads
the place to its end before it serves. What it holds are raw keys, which are pseudonyms; it has to, for ever.

Each line holds the digest of the one before, so a line that is changed or taken out shows. That lines are missing at
the end shows no line; so the data directory notes which register it has and how far it had come (`Noted`), and a
register that is another one, or shorter, is refused. A directory that was restored has the note of its backup, which
then says at least that there is one.

The way not taken is the log itself: a restore replaces it.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from homeroom.adapters.locked_files import open_alone
from homeroom.adapters.whole_files import PRIVATE, sync, whole_file
from homeroom.errors import ErasureError
from homeroom.log.erasures import Erasure

__all__ = ["NOTE_FILE", "ErasureRegister", "Noted", "Registered", "read_note"]

NOTE_FILE: Final = "erasures.note"
"""Where a data directory notes which register it has."""
_START: Final = "0" * 64
_ADVICE: Final = "Name the register of this directory with node.erasure_register"


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line; the first has the name of the register in place of an erasure."""

    number: int
    register: str = ""
    tenant: str = ""
    author: str = ""
    erasure: str = ""
    at_ms: int = 0
    keys: tuple[str, ...] = ()
    before: str
    digest: str = ""

    def computed_digest(self) -> str:
        bare = msgspec.structs.replace(self, digest="")
        return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory knows of its register: its name, how many lines it had, and the digest of the last."""

    register: str
    lines: int
    digest: str


@dataclass(frozen=True, slots=True)
class Registered:
    """An erasure in the register, and whose it is."""

    tenant: str
    erasure: Erasure


_decode: Final = msgspec.json.Decoder(_Line).decode
_decode_note: Final = msgspec.json.Decoder(Noted).decode


class ErasureRegister:
    """A register, held by one process.

    Parameters
    ----------
    path : the file, made if there is none
    folder : the data directory whose register it is

    Attributes
    ----------
    registered : all erasures in it, in order

    Raises
    ------
    ErasureError
        It is damaged, in use, or not the one that the directory had; or it lies within the directory, of which backups
        are made.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.registered: list[Registered] = []
        self._note = folder / NOTE_FILE
        if path.resolve().is_relative_to(folder.resolve()):
            raise ErasureError(
                f"the register of erasures {path} lies within {folder}, of which backups are made; name a place "
                f"outside, best on another disk"
            )
        noted = read_note(folder)
        if noted is not None and not path.exists():
            raise ErasureError(
                f"the register of erasures {path} is missing, and {folder} had one: without it people who were erased "
                f"would be back. {_ADVICE}, or restore that file"
            )
        self._lines: list[_Line] = []
        self._file = _opened(path)
        try:
            self._read()
            if not self._lines:
                self._append(_Line(number=1, register=secrets.token_hex(16), before=_START))
            self._check(noted, folder)
            self._write_note()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        whole, _, torn = content.rpartition(b"\n")
        if torn:  # of an erasure that nobody heard yes to
            os.ftruncate(self._file, len(content) - len(torn))
            os.fsync(self._file)
        for number, text in enumerate(whole.splitlines(), 1):
            before = self._lines[-1].digest if self._lines else _START
            self._lines.append(self._checked(text, number, before))

    def _checked(self, text: bytes, number: int, before: str) -> _Line:
        fault = ErasureError(
            f"line {number} of the register of erasures {self.path} is not what was written; restore the file from a "
            f"copy of it"
        )
        try:
            line = _decode(text)
            if (line.number, line.before, line.digest) != (number, before, line.computed_digest()):
                raise fault
            if number > 1:
                self.registered.append(_registered(line))
        except (msgspec.MsgspecError, ValueError):
            raise fault from None
        return line

    def _check(self, noted: Noted | None, folder: Path) -> None:
        if noted is None:
            return
        if self._lines[0].register != noted.register:
            raise ErasureError(
                f"{self.path} is not the register of erasures of {folder}. {_ADVICE}"
            )
        if len(self._lines) < noted.lines or self._lines[noted.lines - 1].digest != noted.digest:
            raise ErasureError(
                f"the register of erasures {self.path} lacks lines that it had: it has {len(self._lines):,}, and had "
                f"{noted.lines:,}. It is an older copy; restore the newest one"
            )

    def append(self, tenant: str, erasure: Erasure, author: str) -> None:
        """Add an erasure that somebody asked for; return when it is durable.

        Raises `ErasureError`; then none can be added any more.
        """
        last = self._lines[-1]
        self._append(
            _Line(
                number=last.number + 1,
                tenant=tenant,
                author=author,
                erasure=erasure.name,
                at_ms=erasure.at_ms,
                keys=tuple(key.hex() for key in erasure.raw_keys()),
                before=last.digest,
            )
        )
        self.registered.append(Registered(tenant, erasure))
        self._write_note()

    def _append(self, bare: _Line) -> None:
        line = msgspec.structs.replace(bare, digest=bare.computed_digest())
        content = msgspec.json.encode(line) + b"\n"
        if self._file < 0:
            raise ErasureError(
                f"the register of erasures {self.path} failed before; free its disk and start the node again"
            )
        try:
            written = os.write(self._file, content)
            os.fsync(self._file)
            if line.number == 1:
                sync(self.path.parent)
        except OSError as error:
            self.close()
            raise ErasureError(
                f"the register of erasures {self.path} cannot be written: {error.strerror}; free its disk and start "
                f"the node again"
            ) from error
        if written < len(content):
            self.close()
            raise ErasureError(
                f"the register of erasures {self.path} took half a line; free its disk and start the node again"
            )
        self._lines.append(line)

    def _write_note(self) -> None:
        last = self._lines[-1]
        noted = Noted(register=self._lines[0].register, lines=len(self._lines), digest=last.digest)
        with whole_file(self._note, PRIVATE) as file:
            file.write(msgspec.json.encode(noted))

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _registered(line: _Line) -> Registered:
    keys = b"".join(bytes.fromhex(key) for key in line.keys)
    return Registered(line.tenant, Erasure(bytes.fromhex(line.erasure), line.at_ms, keys))


def _opened(path: Path) -> int:
    try:
        return open_alone(path, os.O_APPEND)
    except BlockingIOError as error:
        raise ErasureError(
            f"another process has the register of erasures {path}; stop it, or give this node one of its own"
        ) from error
    except OSError as error:
        raise ErasureError(
            f"the register of erasures {path} cannot be opened: {error.strerror}; its folder must be there, and be "
            f"writable for this user"
        ) from error


def read_note(folder: Path) -> Noted | None:
    """Return what a data directory knows of its register, None if it has none. Raises `ErasureError`."""
    try:
        return _decode_note((folder / NOTE_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ErasureError(
            f"{folder / NOTE_FILE} cannot be read, so it is not known which register of erasures the directory has; "
            f"restore it from a backup"
        ) from error
