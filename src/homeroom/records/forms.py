"""Texts of a form: IRIs, UUIDs, times, durations, languages, digests.

The standard leaves it to a store how closely it looks at an IRI or a language tag; what is checked here is what it
demands at least: a scheme, no character that an IRI cannot hold, lengths of the parts of a tag as in RFC 5646. Nothing
is looked up. Each check is one regular expression over the whole text, and quick, since a statement has some dozens of
such texts.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from homeroom.records.versions import Version

__all__ = [
    "instant_us",
    "is_duration",
    "is_iri",
    "is_language",
    "is_mailbox",
    "is_sha1",
    "is_sha2",
    "is_timestamp",
    "is_uuid",
    "time_text",
    "utc_form",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

is_iri = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|\\^`\x7f]+").fullmatch
"""Match an IRI that has a scheme (RFC 3987; xAPI 1.0.3, Data, 2.2 and 4.3)."""
is_uuid = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}").fullmatch
"""Match a UUID in its standard form (RFC 4122; Data, 4.4)."""
is_mailbox = re.compile(r"mailto:[^\s@<>\"]+@[^\s@<>\"]+").fullmatch
"""Match a mailto IRI of one address (Data, 2.4.2.3)."""
is_sha1 = re.compile(r"[0-9A-Fa-f]{40}").fullmatch
"""Match 40 hexadecimal digits."""
is_sha2 = re.compile(r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128}").fullmatch
"""Match the digits of SHA-256, SHA-384 or SHA-512 (Data, 2.4.11)."""
is_duration = re.compile(
    r"P(?:\d+(?:[.,]\d+)?W|(?=\d|T\d)(?:\d+(?:[.,]\d+)?Y)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?D)?"
    r"(?:T(?=\d)(?:\d+(?:[.,]\d+)?H)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?S)?)?)"
).fullmatch
"""Match an ISO 8601 duration (Data, 4.6)."""
is_language = re.compile(
    r"(?:(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|\d[A-Za-z0-9]{3}))*(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*"
    r"(?:-[Xx](?:-[A-Za-z0-9]{1,8})+)?|[Xx](?:-[A-Za-z0-9]{1,8})+|[Ii]-[A-Za-z]{2,8})"
).fullmatch
"""Match a language tag (RFC 5646, section 2.1; Data, 4.2)."""

_DATE: Final = r"(\d{4}-\d\d-\d\d)"
_STRICT: Final = re.compile(
    _DATE + r"[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_LOOSE: Final = re.compile(
    _DATE + r"[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_NO_OFFSET: Final = frozenset({"-00", "-0000", "-00:00"})


def _instant(text: str, version: Version) -> datetime | None:
    """Read a timestamp, None where it is none. An offset of minus zero means that nobody knows, and is refused."""
    match = (_STRICT if version is Version.TWO else _LOOSE).fullmatch(text)
    if match is None or match[4] in _NO_OFFSET:
        return None
    clock = match[2].replace(":60", ":59") if match[2][6:] == "60" else match[2]
    offset = match[4] or "Z"
    try:
        read = datetime.fromisoformat(f"{match[1]}T{clock}.{(match[3] or '0')[:6]}{offset.upper()}")
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_timestamp(text: str, version: Version) -> bool:
    """Say whether a text is a timestamp: RFC 3339 for 2.0 (4.2.7), ISO 8601 with less strictness for 1.0.3 (4.5)."""
    return _instant(text, version) is not None


def instant_us(text: str) -> int:
    """Return the microseconds since 1970 of a timestamp that was checked before."""
    read = _instant(text, Version.ONE)
    assert read is not None, "the text was checked"
    return (read - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=256)
def time_text(time_ms: int) -> str:
    """Write milliseconds since 1970 as a timestamp in UTC."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def utc_form(text: str) -> str:
    """Write a timestamp that was checked before in UTC, its fraction of a second as it was (2.0, 4.2.7)."""
    if text.endswith("Z") and text[10] == "T":
        return text
    match = _LOOSE.fullmatch(text)
    read = _instant(text, Version.ONE)
    assert match is not None and read is not None, "the text was checked"  # noqa: PT018
    fraction = "." + match[3] if match[3] else ""
    return f"{read:%Y-%m-%dT%H:%M:%S}{fraction}Z"
