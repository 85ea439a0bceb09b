"""Many JSON texts at once, and each broken one alone.

Decoding a hundred lines in one call is twice as quick as a call a line, but gives nothing of them if one is broken, and
a hint of which that is. So the quick call is tried first, on pieces that are small enough for a second try to cost
little; where it fails, the piece is cut around the line that the hint names, and what fails all the same is halved
until the broken lines stand alone: what is sound becomes an item, what is not becomes a `Reject` with its line, its
reason and the path of the field, never its content.
All ways must agree on every line, whatever stands beside it in the chunk; so what the quick call would let through
(bytes that are no UTF-8 in a field that is stepped over, nesting beyond the bound, two values on a line) is looked for
before it.

Elements of an array are read in the same two ways; their place in the array stands where lines have their number.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Generic, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from homeroom import limits
from homeroom.events.jsontext import nests_too_deep, quick_look, split_array, walk
from homeroom.events.linebreaks import count_newlines, line_bounds
from homeroom.events.model import Int64s, Reason, Reject

__all__ = ["Items", "JsonReader", "why_not_json"]

T = TypeVar("T")

_BLANK: Final = b" \t\r\n"
_TEXT: Final = re.compile(rb"[^ \t\r\n]")
_PATH: Final = re.compile(r" - at `\$(?:\[\d+\])?\.?(?P<path>[^`]*)`")
_ITEM: Final = re.compile(r" - at `\$\[(?P<item>\d+)\]")
_BYTE: Final = re.compile(r"\(byte (?P<byte>\d+)\)")
_HINTS_MAX: Final = 8
"""Cuts of a chunk: where more is broken, halving ends sooner."""
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
class _Look(Generic[T]):
    """What one call made of some lines: all of them, or nothing and perhaps the line to blame; and their ends."""

    items: Items[T] | None
    hint: int | None
    line_ends: int


@dataclass(frozen=True, slots=True)
class _Fault:
    reason: Reason
    detail: str


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
            chunk = chunk.removeprefix(BOM_UTF8)
        parts: list[Items[T]] = []
        start = 0
        while start < len(chunk) or not parts:
            stop = chunk.find(b"\n", start + limits.JSON_PIECE_BYTES) + 1 or len(chunk)
            found, first_line = self._piece(chunk[start:stop], first_line)
            parts += found
            start = stop
        return _joined(parts)

    def _piece(self, piece: bytes, first_line: int) -> tuple[list[Items[T]], int]:
        """Decode some whole lines; return them and the number of the line behind."""
        parts: list[Items[T]] = []
        for _ in range(_HINTS_MAX):
            look = self._quickly(piece, first_line)
            if look.items is not None:
                return [*parts, look.items], first_line + look.line_ends
            place = None if look.hint is None else line_bounds(piece, look.hint)
            if place is None or look.hint is None:
                break
            start, stop = place
            before = self._quickly(piece[:start], first_line).items
            if before is None:
                break  # the hint was wrong
            number = first_line + look.hint
            parts += [before, self._slowly(piece[start:stop], number)]
            piece, first_line = piece[stop:], number + 1
        return [*parts, self._slowly(piece, first_line)], first_line + piece.count(b"\n")

    def _quickly(self, chunk: bytes, first_line: int) -> "_Look[T]":
        """Decode all lines in one call; or say which of them, from 0, may be to blame, if that is known."""
        line_ends, blank, sound = quick_look(chunk)
        if not sound:
            return _Look(None, max(line_ends - 1, 0), line_ends)
        if not _is_utf8(chunk):
            return _Look(None, None, line_ends)
        try:
            values = self._one.decode_lines(chunk)
        except (ValueError, RecursionError) as error:
            return _Look(None, _place_of(str(error), chunk), line_ends)
        lines = _line_numbers(chunk, (line_ends, blank), first_line, len(values))
        return _Look(None if lines is None else Items(values, lines, []), None, line_ends)

    def _slowly(self, chunk: bytes, first_line: int) -> Items[T]:
        """Decode lines of which many may be broken."""
        texts = [text if text.strip(_BLANK) else b"" for text in chunk.split(b"\n")]
        numbers = [line for line, text in enumerate(texts, first_line) if text]
        return self._sifted([text for text in texts if text], numbers, self._of_lines)

    def document(self, data: bytes) -> Items[T]:
        """Decode a whole document: arrays, objects that hold one, and objects that are items, one after another."""
        texts, rejects = _elements(data.removeprefix(BOM_UTF8), self._members)
        items = self._sifted(texts, range(1, len(texts) + 1), self._of_elements)
        items.rejects.extend(rejects)
        return items

    def _of_lines(self, texts: Sequence[bytes]) -> list[T]:
        """Decode all lines in one call; none if any of them is broken, or may be unsound."""
        items = self._quickly(b"\n".join(texts), 1).items
        return [] if items is None else items.values

    def _of_elements(self, texts: Sequence[bytes]) -> list[T]:
        """Decode all elements in one call; none if any of them may be unsound."""
        if any(nests_too_deep(text) for text in texts):
            return []
        joined = b"[" + b",".join(texts) + b"]"
        try:
            return self._list.decode(joined) if _is_utf8(joined) else []
        except (ValueError, RecursionError):
            return []

    def _sifted(
        self,
        texts: Sequence[bytes],
        numbers: Sequence[int],
        decode: Callable[[Sequence[bytes]], list[T]],
    ) -> Items[T]:
        """Decode all texts: halves that are sound in one call, and what is broken alone.

        One broken line of a thousand costs the decoding of about two thousand this way, and not a thousand calls.
        """
        values: list[T] = []
        lines: list[int] = []
        rejects: list[Reject] = []
        waiting = [(0, len(texts))] if texts else []
        while waiting:
            start, stop = waiting.pop()
            if stop - start > 1:
                some = decode(texts[start:stop])
                if len(some) == stop - start:
                    values += some
                    lines += numbers[start:stop]
                else:
                    middle = (start + stop) // 2
                    waiting += [(middle, stop), (start, middle)]
                continue
            found = self._exactly(texts[start])
            if isinstance(found, _Fault):
                rejects.append(Reject("", numbers[start], found.reason, found.detail))
            else:
                values.append(found)
                lines.append(numbers[start])
        return Items(values, np.array(lines, np.int64), rejects)

    def _exactly(self, text: bytes) -> "T | _Fault":
        """Decode one text, or say why it is refused."""
        if not _is_utf8(text):
            return _Fault(Reason.NOT_UTF8, "the line is not UTF-8")
        if nests_too_deep(text):
            return _Fault(Reason.NOT_JSON, f"nested more than {limits.JSON_DEPTH_MAX} deep")
        try:
            return self._one.decode(text)
        except msgspec.ValidationError as error:
            return _Fault(*_explain(str(error)))
        except (ValueError, RecursionError):
            return _Fault(*why_not_json(text))


def _joined(parts: Sequence[Items[T]]) -> Items[T]:
    """Put items together that follow each other."""
    if len(parts) == 1:
        return parts[0]
    return Items(
        list(chain.from_iterable(part.values for part in parts)),
        np.concatenate([part.line for part in parts]),
        list(chain.from_iterable(part.rejects for part in parts)),
    )


def _place_of(message: str, chunk: bytes) -> int | None:
    """Return the line at which decoding ended, as the decoder's message says: by number, or by byte."""
    item = _ITEM.search(message)
    if item:
        return int(item["item"])
    byte = _BYTE.search(message)
    return count_newlines(chunk[: int(byte["byte"])]) if byte else None


def _elements(data: bytes, members: tuple[str, ...]) -> tuple[list[bytes], list[Reject]]:
    """Cut a document into the texts of its items; what stands around them and is no JSON is refused, line by line."""
    texts: list[bytes] = []
    rejects: list[Reject] = []
    at = _next_text(data, 0)
    while at < len(data):
        fault: tuple[Reason, str] | None = None
        if data[at] in b"[{":
            some, at, closed = _elements_of(data, at, members)
            texts += some
            if not closed:
                fault = Reason.TRUNCATED, "the array is not closed: the document ends too early"
        else:
            fault = Reason.NOT_JSON, "text that belongs to no JSON value"
            line_end = data.find(b"\n", at)
            at = len(data) if line_end < 0 else line_end
        if fault is not None:
            rejects.append(Reject("", len(texts) + 1, *fault))
        at = _next_text(data, at)
    return texts, rejects


def _elements_of(data: bytes, at: int, members: tuple[str, ...]) -> tuple[list[bytes], int, bool]:
    """Cut the value that begins at ``at``; return its items, the place after it, and whether it is closed.

    A value that is no array and holds none is an item itself: if it is broken, its decoder says so.
    """
    opening, around = at, 0
    if data[at] not in b"[":
        stop, _ = walk(data, at, len(data))
        opening = _member_opening(data, at, stop, members)
        if opening < 0:
            return [data[at:stop]], stop, True
        _, around = walk(data, at, opening)
    places, end = split_array(data, opening)
    closed = end >= 0
    if closed and around:
        end, left = walk(data, end, len(data), around)
        closed = left == 0
    return [data[a:b] for a, b in places.tolist()], end if closed else len(data), closed


def _next_text(data: bytes, at: int) -> int:
    """Return the place of the next byte that is not blank."""
    found = _TEXT.search(data, at)
    return len(data) if found is None else found.start()


def _member_opening(data: bytes, at: int, stop: int, members: tuple[str, ...]) -> int:
    """Find where the array of items opens in the object ``data[at:stop]``; -1 if it holds none."""
    for member in members:
        key = re.compile(rb'[{,]\s*"' + re.escape(member.encode()) + rb'"\s*:\s*\[')
        found = key.search(data, at, stop)
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


def _line_numbers(
    chunk: bytes, looked: tuple[int, int], first_line: int, count: int
) -> Int64s | None:
    """Give the numbers of the lines that hold text; None if there are not ``count`` of them.

    ``looked`` = (line ends, blank lines): where two values stand on one line, a blank one must not make up for it.
    """
    line_ends, blank = looked
    lines = line_ends + (bool(chunk) and not chunk.endswith(b"\n"))
    if lines - blank != count:
        return None
    if not blank:
        return np.arange(first_line, first_line + count, dtype=np.int64)
    texts = enumerate(chunk.split(b"\n"), first_line)
    numbers = [line for line, text in texts if text.strip(_BLANK)]
    return np.array(numbers, np.int64) if len(numbers) == count else None


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
