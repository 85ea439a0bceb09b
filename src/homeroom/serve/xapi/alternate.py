"""Requests in disguise: the alternate request syntax of 1.0.3.

A page in an old browser could send nothing but a plain POST to another site. So the real method stands in the query,
and headers, parameters and content are fields of a form (xAPI 1.0.3, Communication, 1.3). Version 2.0 has no such
thing; there the parameter is one that nobody knows.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from homeroom.errors import RecordError
from homeroom.records.versions import VERSION_HEADER
from homeroom.serve.xapi.exchange import read_pairs

__all__ = ["Disguised", "is_disguised", "undisguised"]

_HEADERS: Final = {
    name.lower(): name
    for name in (
        "Authorization",
        VERSION_HEADER,
        "Content-Type",
        "Content-Length",
        "If-Match",
        "If-None-Match",
        "Accept-Language",
    )
}
_METHODS: Final = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD"})


class Disguised(NamedTuple):
    """What a form says a request is."""

    method: str
    pairs: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


def is_disguised(method: str, pairs: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> bool:
    """Say whether a request is in the alternate syntax; under a header that names 2.0 none is."""
    if method != "POST" or not pairs:
        return False
    is_later = headers.get(VERSION_HEADER.lower(), "1").startswith("2")
    return not is_later and any(name == "method" for name, _ in pairs)


def undisguised(
    pairs: Sequence[tuple[str, str]], headers: Mapping[str, str], body: bytes
) -> Disguised:
    """Return the request that a form says; raise `RecordError` where it is not in that syntax."""
    if len(pairs) != 1:
        raise RecordError("method", "must be the only parameter in the URL; the others are fields")
    method = pairs[0][1].upper()
    if method not in _METHODS:
        raise RecordError("method", f"must be one of {', '.join(sorted(_METHODS))}")
    form = headers.get("content-type", "").partition(";")[0].strip().lower()
    if form != "application/x-www-form-urlencoded":
        raise RecordError("Content-Type", "must be application/x-www-form-urlencoded")
    fields = read_pairs(body)
    given = {name.lower(): value for name, value in fields if name.lower() in _HEADERS}
    contents = [value for name, value in fields if name == "content"]
    if len(contents) > 1 or (method in ("PUT", "POST") and not contents):
        raise RecordError("content", "must be a field of the form, once")
    kept = {name: value for name, value in headers.items() if not name.startswith("content-")}
    return Disguised(
        method,
        [(n, v) for n, v in fields if n != "content" and n.lower() not in _HEADERS],
        {"content-type": "application/json", **kept, **given},
        contents[0].encode() if contents else b"",
    )
