"""Who looked at persons, and who changed what: a file that only grows, and shows when it was touched.

Each line is a record with the digest of the line before, so that a line that is changed, taken out or put in breaks the
chain from there on; the last digest, written down elsewhere, also shows that the end was cut off. A record is durable
before what it tells of is answered: who cannot be audited is told nothing.

Learners stand in it as the pseudonyms by which they were asked for, keys by their names and prefixes. It holds no
secret, and nothing that names a person.

The way not taken is a table in the log's database: whoever can write there could rewrite both.
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.adapters.locked_files import open_alone
from homeroom.errors import AuditError

__all__ = ["CUT", "Audit", "AuditRecord", "Done", "Verified", "verify_audit"]

CUT: Final = "audit.cut"
"""What stands in a record that tells that the end before it was cut off, and how many records there had been."""

_START: Final = "0" * 64
_NEWLINE: Final = b"\n"


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that was done.

    Parameters
    ----------
    number : from 1
    at_ms : when, milliseconds since 1970 UTC
    tenant, who : whose data, and who did it (name and prefix of a key, or the subject of a token, hashed)
    what : what was done, such as ``members``, ``learner`` or ``cohort.put``
    about : to what: the name of a cohort, a pseudonym
    before : digest of the record before, 64 hexadecimal digits
    digest : of this record without its digest: SHA-256, 64 hexadecimal digits
    """

    number: int
    at_ms: int
    tenant: str
    who: str
    what: str
    about: dict[str, Any]
    before: str
    digest: str = ""

    def sealed(self) -> "AuditRecord":
        """Return the record with its digest."""
        return msgspec.structs.replace(self, digest=self.computed_digest())

    def computed_digest(self) -> str:
        """Return what the digest must be."""
        content = msgspec.json.encode(msgspec.structs.replace(self, digest=""), order="sorted")
        return hashlib.sha256(content).hexdigest()


_decode: Final = msgspec.json.Decoder(AuditRecord).decode


@dataclass(frozen=True, slots=True)
class Done:
    """What is to be written down; the fields are those of `AuditRecord`."""

    at_ms: int
    tenant: str
    who: str
    what: str
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verified:
    """A chain that is whole: how many records it has, the digest of the last, and which tell of an end cut off."""

    records: int
    digest: str
    cuts: tuple[int, ...] = ()


class Audit:
    """The audit log of a node.

    Parameters
    ----------
    path : the file; made, readable by its owner alone, if there is none

    Raises
    ------
    AuditError
        Another process writes to it, or its end is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: int | None = _opened(path)
        try:
            last = _last_record(path, self._file)
        except BaseException:
            self.close()
            raise
        self._number, self._digest = (0, _START) if last is None else (last.number, last.digest)
        self._size_bytes = os.fstat(self._file).st_size

    @property
    def end(self) -> Verified:
        """How many records there are, and the digest of the last."""
        with self._lock:
            return Verified(self._number, self._digest)

    def record(
        self, at_ms: int, tenant: str, who: str, what: str, about: Mapping[str, Any]
    ) -> None:
        """Write one record and return when it is durable. Raises `AuditError` as `record_all` does."""
        self.record_all([Done(at_ms, tenant, who, what, about)])

    def record_all(self, several: Sequence[Done]) -> None:
        """Write records, all with one yes of the disk, and return when they are durable.

        Raises `AuditError` if one is too long: then none is written; or if they cannot be written, or somebody else has
        touched the file: then none can be any more.
        """
        with self._lock:
            number, digest, lines = self._number, self._digest, []
            for done in several:
                record = AuditRecord(
                    number=number + 1,
                    at_ms=done.at_ms,
                    tenant=done.tenant,
                    who=done.who,
                    what=done.what,
                    about=dict(done.about),
                    before=digest,
                ).sealed()
                number, digest = record.number, record.digest
                lines.append(msgspec.json.encode(record) + _NEWLINE)
                _check_length(lines[-1])
            self._write(b"".join(lines))
            self._number, self._digest = number, digest

    def _write(self, line: bytes) -> None:
        if self._file is None:
            raise AuditError(
                f"the audit log {self.path} failed before or is closed, and takes nothing more; start again"
            )
        self._check_untouched(self._file)
        try:
            written = os.write(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            self.close()
            raise AuditError(
                f"the audit log {self.path} cannot be written: {error.strerror}; free its disk and start again"
            ) from error
        if written < len(line):
            self.close()
            raise AuditError(f"the audit log {self.path} took half a record; free its disk")
        self._size_bytes += written

    def _check_untouched(self, file: int) -> None:
        """See that nobody has cut the file, or put another one in its place, while it was open."""
        mine, is_mine = os.fstat(file), False
        with contextlib.suppress(OSError):  # it is gone
            is_mine = os.path.samestat(self.path.stat(), mine)
        if is_mine and mine.st_size == self._size_bytes:
            return
        why = f"has {mine.st_size:,} bytes, and must have {self._size_bytes:,}"
        if not is_mine:
            why = "is not the file any more that was opened"
        self.close()
        raise AuditError(
            f"the audit log {self.path} {why}: somebody has touched it. Nothing more is written to it; find out who "
            f"did, restore it from a backup and start again"
        )

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _check_length(line: bytes) -> None:
    if len(line) > limits.AUDIT_RECORD_BYTES_MAX:
        raise AuditError(
            f"a record of the audit log would have {len(line):,} bytes, at most "
            f"{limits.AUDIT_RECORD_BYTES_MAX:,} are written; name less at once"
        )


def _opened(path: Path) -> int:
    try:
        return open_alone(path, os.O_APPEND)
    except BlockingIOError as error:
        raise AuditError(
            f"another process writes to the audit log {path}; stop it, or give this node a directory of its own"
        ) from error
    except OSError as error:
        raise AuditError(
            f"the audit log {path} cannot be opened: {error.strerror}; check the directory"
        ) from error


def _last_record(path: Path, file: int) -> AuditRecord | None:
    """Return the last record; the torn end of one that was never acknowledged is cut off."""
    size = os.fstat(file).st_size
    if not size:
        return None
    start = max(0, size - limits.AUDIT_RECORD_BYTES_MAX)
    tail = os.pread(file, size - start, start)
    whole, _, torn = tail.rpartition(_NEWLINE)
    if torn:
        os.ftruncate(file, size - len(torn))
        os.fsync(file)
    if not whole:
        return None
    line = whole.rpartition(_NEWLINE)[2]
    return _checked(line, f"the last record of {path}")


def _checked(line: bytes, place: str) -> AuditRecord:
    try:
        record = _decode(line)
    except (msgspec.MsgspecError, ValueError) as error:
        raise AuditError(f"{place} cannot be read: the audit log was changed or damaged") from error
    if record.computed_digest() != record.digest:
        raise AuditError(
            f"{place} is not what was written: the audit log was changed. Keep the file as it is, and find out who did"
        )
    return record


def verify_audit(path: Path, known: str | None = None) -> Verified:
    """Return what the chain of a file amounts to.

    Parameters
    ----------
    path : the file
    known : the digest that was the last at an earlier look, which one of the records must have

    Raises
    ------
    AuditError
        A record was changed, taken out or put in; the message says which. Or none has the known digest.
    """
    number, digest = 0, _START
    cuts: list[int] = []
    is_known = known in (None, _START)
    for line in _lines(path):
        record = _checked(line, f"record {number + 1} of {path}")
        if record.number != number + 1 or record.before != digest:
            raise AuditError(
                f"record {number + 1} of {path} does not follow the one before it: a record was taken out or put in"
            )
        number, digest = record.number, record.digest
        is_known = is_known or digest == known
        if record.what == CUT:
            cuts.append(number)
    if not is_known:
        raise AuditError(
            f"no record of {path} has the digest that was the last before: its end was cut off, or it is another log"
        )
    return Verified(number, digest, tuple(cuts))


def _lines(path: Path) -> Iterator[bytes]:
    """Give the whole lines; a torn end was never acknowledged, and is cut off at the next start."""
    try:
        with path.open("rb") as file:
            while line := file.readline(limits.AUDIT_RECORD_BYTES_MAX):
                if not line.endswith(_NEWLINE):
                    if file.read(1):
                        raise AuditError(f"{path} has a line that is too long: it was changed")
                    return
                yield line
    except OSError as error:
        raise AuditError(f"the audit log {path} cannot be read: {error.strerror}") from error
