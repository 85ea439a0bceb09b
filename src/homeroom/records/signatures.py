"""Signed statements: an attachment that says who wrote the statement, and that nobody changed it since.

The attachment is a JSON Web Signature in its compact form (RFC 7515) over the statement as JSON. What must hold is in
the standard (xAPI 1.0.3, Data, 2.6): the content type, one of three algorithms, a payload that is the same statement,
and, where the header carries a chain of certificates, a signature that the first of these verifies. Without a chain
nobody can say who signed; such a statement is kept, its signature unverified.

The arithmetic of certificates is handed in: it needs a library, and there is one place for each.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from homeroom.errors import RecordError
from homeroom.records.people import Json
from homeroom.records.reading import read_json
from homeroom.records.statements import check_statement
from homeroom.records.storing import are_same
from homeroom.records.versions import Version

__all__ = ["SIGNATURE", "Signed", "Verify", "check_signatures"]

SIGNATURE: Final = "http://adlnet.gov/expapi/attachments/signature"
"""The usage type of an attachment that is a signature."""
_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512"})
_BASE64URL: Final = re.compile(rb"[A-Za-z0-9_\-]*")


@dataclass(frozen=True, slots=True)
class Signed:
    """What is to be verified.

    Parameters
    ----------
    algorithm : RS256, RS384 or RS512 (RFC 7518, section 3.3)
    message : the bytes that were signed
    signature : of the message
    certificate : DER, that of the signer
    """

    algorithm: str
    message: bytes
    signature: bytes
    certificate: bytes


Verify: TypeAlias = Callable[[Signed], bool]
"""Says whether the signature is that of the certificate's key."""


def check_signatures(
    statement: Json, data: Mapping[str, bytes], version: Version, verify: Verify
) -> None:
    """Raise `RecordError` where a signature of a statement, as it was sent, does not hold.

    Parameters
    ----------
    statement : as sent, checked
    data : of its attachments, by hash
    """
    for place, attachment in enumerate(statement.get("attachments", ())):
        if attachment["usageType"] != SIGNATURE:
            continue
        try:
            _check(statement, attachment, data, version, verify)
        except RecordError as error:
            raise error.under(f"attachments[{place}]") from None


def _check(
    statement: Json, attachment: Json, data: Mapping[str, bytes], version: Version, verify: Verify
) -> None:
    if attachment["contentType"] != "application/octet-stream":
        raise RecordError("contentType", "of a signature must be application/octet-stream")
    text = data.get(attachment["sha2"].lower())
    if text is None:
        raise RecordError("", "is a signature, and its data must be sent with the statement")
    header, payload, signature, message = _pieces(text)
    if header.get("alg") not in _ALGORITHMS:
        raise RecordError("", f"must be signed by one of {', '.join(sorted(_ALGORITHMS))}")
    _check_payload(payload, statement, version)
    chain = header.get("x5c")
    if chain is None:
        return
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        raise RecordError("", "must have an array of certificates in x5c")
    try:
        certificate = base64.b64decode(chain[0], validate=True)
    except (binascii.Error, ValueError):
        raise RecordError("", "must have certificates in Base64 in x5c") from None
    if not verify(Signed(header["alg"], message, signature, certificate)):
        raise RecordError("", "is not the signature of its certificate over the statement")


def _pieces(text: bytes) -> tuple[Json, object, bytes, bytes]:
    """Return header, payload, signature and what was signed, of a JWS in compact form."""
    pieces = text.split(b".")
    if len(pieces) != 3:
        raise RecordError("", "must be a JSON Web Signature in its compact form")
    header, payload = read_json(_decoded(pieces[0])), read_json(_decoded(pieces[1]))
    if not isinstance(header, dict):
        raise RecordError("", "must have an object as its header")
    return header, payload, _decoded(pieces[2]), b".".join(pieces[:2])


def _decoded(piece: bytes) -> bytes:
    if not _BASE64URL.fullmatch(piece) or len(piece) % 4 == 1:
        raise RecordError("", "must be a JSON Web Signature in its compact form")
    return base64.urlsafe_b64decode(piece + b"=" * (-len(piece) % 4))


def _check_payload(payload: object, statement: Json, version: Version) -> None:
    """Check that the payload is the statement before it was signed, without the signature in it."""
    try:
        check_statement(payload, version)
    except RecordError:
        raise RecordError("", "must sign a statement that is valid itself") from None
    signed: Json = payload  # type: ignore[assignment]  # it was checked
    if "id" in signed and signed["id"].lower() != statement.get("id", "").lower():
        raise RecordError("", "signs a statement with another id")
    if not are_same(signed, statement):
        raise RecordError("", "signs another statement than the one that it is attached to")
