"""Bodies become JSON, and nothing is overlooked on the way.

A decoder takes the last of two members with one name and says nothing, so a statement could show one actor to a filter
in front of the store and another one to the store. JSON that repeats a name is refused. To look at every member again
would cost more than decoding; instead the names are counted, in the text and in what was decoded, and only where the
counts could be misled is the text read a second time, member by member.
"""

import json
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.errors import RecordError
from homeroom.events.jsontext import nests_too_deep

__all__ = ["read_json"]

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_SPACES: Final = bytes.maketrans(b"\t\n\r", b"   ")
_OPENINGS: Final = (b"{", b"[")


def read_json(text: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """Return the decoded JSON of a body; raise `RecordError` where it is none, repeats a name, or nests too deep."""
    if sum(map(text.count, _OPENINGS)) > limits.JSON_DEPTH_MAX and nests_too_deep(text):
        raise RecordError("", f"the JSON nests deeper than {limits.JSON_DEPTH_MAX}")
    try:
        value = _decode(text)
        is_repeating = text.count(b'":') != _encode(value).count(b'":')
    except (msgspec.MsgspecError, UnicodeError, OverflowError):
        raise RecordError("", "the body is no JSON (RFC 8259)") from None
    if is_repeating or _is_misleading(text):
        json.loads(text, object_pairs_hook=_once)
    return value


def _is_misleading(text: bytes) -> bool:
    """Say whether space may stand between a name and its colon, or an escape may hide a quotation mark or a colon."""
    return b'" ' in text.translate(_SPACES) or b"\\u002" in text or b"\\u003" in text


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise RecordError("", "the JSON has an object with the same name twice")
    return found
