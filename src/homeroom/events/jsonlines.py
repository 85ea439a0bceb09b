"""Many JSON texts at once, and each broken one alone.

Decoding a megabyte of lines in one call is twice as quick as a call a line, but says of a broken line only that the
megabyte is broken. So the quick call is tried first, and a chunk that fails is halved until the broken lines stand
alone: what is sound becomes an item, what is not becomes a `Reject` with its line, its reason and the path of the
field, never its content. Both ways must agree on every line, whatever stands beside it in the chunk; so what the quick call would
let through (bytes that are no UTF-8 in a field that is stepped over, nesting beyond the bound, two values on a
line) is looked for before it.

Elements of an array are read in the same two ways; their place in the array stands where lines have their number.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from homeroom import limits
from homeroom.events.jsontext import nests_too_deep, quick_look, split_array
from homeroom.events.model import Int64s, Reason, Reject

__all__ = ["Items", "JsonReader", "why_not_json"]

T = TypeVar("T")

_BLANK: Final = b" \t\r\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_PATH: Final = re.compile(r" - at `\$(?:\[\d+\])?\.?(?P<path>[^`]*)`")
_MISSING: Final = re.compile(r"missing required field `(?P<field>[^`]*)`")
_LONE_SURROGATE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_NOT_FINITE: Final = re.compile(
    rb'"(?:scaled|raw|min|max|score|progress|\w*grade|weighted_\w+)"\s*:\s*[-+]?(?:NaN|Infinity)\b'
)


@dataclass(frozen=True, slots=True)
class Items(Generic[T]):
    """What was decoded, the line (or place) of each, and what could not be."""

    values: list[T]
    line: Int64s
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class _Piece:
    line: int
    text: bytes


class JsonReader(Generic[T]):
    """Reads JSON texts into values of one type.

    Parameters
    ----------
    type_ : what every line or element must be
    members : keys under which an object may hold the array of a document, such as ``statements``
    """

    __slots__ = ("_list", "_members", "_one")

    def __init__(self, type_: type[T], members: tuple[str, ...] = ()) -> None:
        self._one: msgspec.json.Decoder[T] = msgspec.json.Decoder(type_)
        self._list: msgspec.json.Decoder[list[T]] = msgspec.json.Decoder(list[type_])  # type: ignore[valid-type]
        self._members = members

    def lines(self, chunk: bytes, first_line: int) -> Items[T]:
        """Decode whole lines, one text a line; blank lines are no lines."""
        if first_line == 1:
            chunk = chunk.removeprefix(_BYTE_ORDER_MARK)
        values = self._of_lines(chunk)
        lines = _line_numbers(chunk, first_line, len(values))
        if lines is not None:
            return Items(values, lines, [])
        texts = enumerate(chunk.split(b"\n"), first_line)
        pieces = [_Piece(line, text) for line, text in texts if text.strip(_BLANK)]
        return self._sifted(pieces, lambda some: self._of_lines(b"\n".join(p.text for p in some)))

    def document(self, data: bytes) -> Items[T]:
        """Decode a whole document: an array, an object that holds one, or one object that is an item itself."""
        data = data.removeprefix(_BYTE_ORDER_MARK)
        opening = _array_opening(data, self._members)
        if opening < 0:
            whole = [_Piece(1, data)] if data.strip(_BLANK) else []
            return self._sifted(whole, self._of_elements)
        places, closed = split_array(data, opening)
        pieces = [_Piece(n, data[a:b]) for n, (a, b) in enumerate(places.tolist(), 1)]
        items = self._sifted(pieces, self._of_elements)
        if not closed:
            detail = "the array is not closed: the document ends too early"
            items.rejects.append(Reject("", len(pieces) + 1, Reason.TRUNCATED, detail))
        return items

    def _of_lines(self, chunk: bytes) -> list[T]:
        """Decode all lines in one call; none if any of them may be unsound."""
        if not (quick_look(chunk)[1] and _is_utf8(chunk)):
            return []
        try:
            return self._one.decode_lines(chunk)
        except (ValueError, RecursionError):
            return []

    def _of_elements(self, pieces: Sequence[_Piece]) -> list[T]:
        """Decode all elements in one call; none if any of them may be unsound."""
        if any(nests_too_deep(piece.text) for piece in pieces):
            return []
        joined = b"[" + b",".join(piece.text for piece in pieces) + b"]"
        if not _is_utf8(joined):
            return []
        try:
            return self._list.decode(joined)
        except (ValueError, RecursionError):
            return []

    def _sifted(self, pieces: list[_Piece], decode: Callable[[list[_Piece]], list[T]]) -> Items[T]:
        """Decode all pieces: halves that are sound in one call, and what is broken alone.

        One broken line of a thousand costs the decoding of about two thousand this way, and not a thousand calls.
        """
        found: Items[T] = Items([], np.empty(0, np.int64), [])
        lines: list[int] = []
        waiting = [pieces] if pieces else []
        while waiting:
            some = waiting.pop()
            if len(some) == 1:
                self._exactly(some[0], found, lines)
                continue
            values = decode(some)
            if len(values) == len(some):
                found.values.extend(values)
                lines.extend(piece.line for piece in some)
            else:
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
        return Items(found.values, np.array(lines, np.int64), found.rejects)

    def _exactly(self, piece: _Piece, found: Items[T], lines: list[int]) -> None:
        """Decode one piece, or say why it is refused."""
        try:
            _refuse_unsound(piece.text)
            found.values.append(self._one.decode(piece.text))
            lines.append(piece.line)
        except _UnsoundError as error:
            found.rejects.append(Reject("", piece.line, error.reason, error.detail))
        except msgspec.ValidationError as error:
            found.rejects.append(Reject("", piece.line, *_explain(str(error))))
        except (ValueError, RecursionError):
            found.rejects.append(Reject("", piece.line, *why_not_json(piece.text)))


class _UnsoundError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _array_opening(data: bytes, members: tuple[str, ...]) -> int:
    """Find where the array of items opens; -1 if the document is no array and holds none."""
    head = len(data) - len(data.lstrip(_BLANK))
    if data[head : head + 1] == b"[":
        return head
    for member in members:
        key = re.compile(rb'[{,]\s*"' + re.escape(member.encode()) + rb'"\s*:\s*\[')
        found = key.search(data)
        if found:
            return found.end() - 1
    return -1


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _line_numbers(chunk: bytes, first_line: int, count: int) -> Int64s | None:
    """Give the numbers of the lines that hold text; None if there are not ``count`` of them."""
    line_ends, _ = quick_look(chunk)
    if line_ends + (not chunk.endswith(b"\n")) == count:
        return np.arange(first_line, first_line + count, dtype=np.int64)
    texts = enumerate(chunk.split(b"\n"), first_line)
    lines = [line for line, text in texts if text.strip(_BLANK)]
    return np.array(lines, np.int64) if len(lines) == count else None


def _refuse_unsound(text: bytes) -> None:
    if not _is_utf8(text):
        raise _UnsoundError(Reason.NOT_UTF8, "the line is not UTF-8")
    if nests_too_deep(text):
        detail = f"nested more than {limits.JSON_DEPTH_MAX} deep"
        raise _UnsoundError(Reason.NOT_JSON, detail)


def _explain(message: str) -> tuple[Reason, str]:
    """Turn the decoder's message into a reason and a field path. The message quotes types, never content."""
    at = _PATH.search(message)
    path = at["path"] if at else ""
    missing = _MISSING.search(message)
    if missing:
        return Reason.MISSING_FIELD, f"{path}.{missing['field']} is missing".lstrip(".")
    where = path or "the value"
    if "length >= 1" in message:
        return Reason.MISSING_FIELD, f"{where} is empty"
    if "Invalid enum value" in message:
        return Reason.WRONG_TYPE, f"{where} is none of the allowed values"
    if "out of range" in message:
        reason = Reason.SCORE_NOT_FINITE if "score" in path else Reason.NUMBER_FORMAT
        return reason, f"{where} is no finite number"
    if "<=" in message or ">=" in message:
        bound = _PATH.sub("", message).removeprefix("Expected ").replace("`", "")
        return Reason.SCORE_OUT_OF_RANGE, f"{where} must be {bound}"
    what = _PATH.sub("", message).replace("`", "")
    return Reason.WRONG_TYPE, f"{where}: {what[:1].lower()}{what[1:]}"


def why_not_json(text: bytes) -> tuple[Reason, str]:
    """Say why a text that no decoder reads is refused."""
    if _NOT_FINITE.search(text):
        return Reason.SCORE_NOT_FINITE, "a score is no finite number"
    if _LONE_SURROGATE.search(text):
        return Reason.NOT_UTF8, "half of a surrogate pair is escaped: no text"
    return Reason.NOT_JSON, "the line is not JSON"
