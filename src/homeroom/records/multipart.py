"""Bodies of several parts: a statement, and the data of its attachments.

The parts stand between lines of a boundary (RFC 2046, section 5.1). The first is JSON, each other one is the data of
an attachment, named by its hash (xAPI 1.0.3, Communication, 1.5.2; 2.0, 4.1.3). Data are taken by their hash, which is
worked out anew: what is kept under a hash has that hash.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from homeroom import limits
from homeroom.errors import RecordError
from homeroom.records.people import Json

__all__ = ["HASH_HEADER", "Part", "boundary_of", "data_of", "split_parts", "written_parts"]

HASH_HEADER: Final = "X-Experience-API-Hash"
_BOUNDARY: Final = re.compile(r";\s*boundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE)
_HASHES: Final = {64: hashlib.sha256, 96: hashlib.sha384, 128: hashlib.sha512}


class Part(NamedTuple):
    """A part of a body: its headers, names in small letters, and its data."""

    headers: Mapping[str, str]
    data: bytes


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names; raise `RecordError` where it names none."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise RecordError("Content-Type", "must name a boundary")
    return (match[1] or match[2]).encode("latin-1", "replace")


def split_parts(body: bytes, boundary: bytes) -> list[Part]:
    """Return the parts of a body; raise `RecordError` where it is not whole."""
    mark = b"--" + boundary
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise RecordError("", "the body is no multipart body with the boundary that is named")
    if len(pieces) - 2 > limits.PARTS_MAX:
        raise RecordError("", f"the body has more than {limits.PARTS_MAX} parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    start = piece.find(b"\r\n")
    if piece[:start].strip() or start < 0:
        raise RecordError("", "a line of the boundary holds something else")
    head, separator, data = piece[start:].partition(b"\r\n\r\n")
    if not separator:
        raise RecordError("", "a part of the body has no empty line after its headers")
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Part(headers, data)


def data_of(parts: Iterable[Part], statements: Iterable[Json]) -> dict[str, bytes]:
    """Return the data of attachments by their hash, in small letters.

    Raises `RecordError` where a part belongs to no attachment, is not what its hash says, or where an attachment has
    neither data nor a ``fileUrl`` (1.0.3, Communication, 1.5).
    """
    named = {
        attachment["sha2"].lower(): "fileUrl" in attachment
        for statement in statements
        for attachment in _attachments(statement)
    }
    found: dict[str, bytes] = {}
    for place, part in enumerate(parts, 2):
        digest = part.headers.get(HASH_HEADER.lower(), "").lower()
        if digest not in named:
            raise RecordError(f"part {place}", f"must be an attachment, named by its {HASH_HEADER}")
        if part.headers.get("content-transfer-encoding", "").lower() != "binary":
            raise RecordError(f"part {place}", "must have Content-Transfer-Encoding: binary")
        if _HASHES[len(digest)](part.data).hexdigest() != digest:
            raise RecordError(f"part {place}", f"is not the data that its {HASH_HEADER} names")
        found[digest] = part.data
    if any(digest not in found and not has_url for digest, has_url in named.items()):
        raise RecordError(
            "attachments",
            "has one without data and without fileUrl",
            "send its data as a part of a multipart/mixed body",
        )
    return found


def _attachments(statement: Json) -> Iterator[Json]:
    yield from statement.get("attachments", ())
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        yield from target.get("attachments", ())


def written_parts(first: bytes, attachments: Iterable[tuple[Json, bytes]]) -> tuple[str, bytes]:
    """Return the Content-Type and the body of an answer with attachments, each of them once."""
    data = {attachment["sha2"].lower(): (attachment, held) for attachment, held in attachments}
    digest = hashlib.sha256(first)
    for name in data:
        digest.update(name.encode())
    boundary = digest.hexdigest()[:48]
    chunks = [f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode(), first]
    for name, (attachment, held) in data.items():
        kind = re.sub(r"[^\x20-\x7e]", "", attachment["contentType"])
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n"
            f"{HASH_HEADER}: {name}\r\n\r\n"
        )
        chunks += [head.encode(), held]
    chunks.append(f"\r\n--{boundary}--\r\n".encode())
    return f'multipart/mixed; boundary="{boundary}"', b"".join(chunks)
