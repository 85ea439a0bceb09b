"""Parquet's pages, as far as accounts and times need them: bytes of a column chunk become addresses of texts and words.

A scan that asks Arrow for a column of text gets a copy of every account, which it then reads once. Here texts stay
where the page's decompressor put them and only their addresses go on, so an account is written once and read once.
That halves the time of a scan.

A log lies in the order of time, so most pages of times begin and end on one day. Their headers say so, and they are
not even decompressed (`read_words`).

Understood is what nearly every writer writes for these two columns: data pages of version 1 and 2, plain or by
dictionary, with or without absent values, not nested (Parquet format 2.11, "Data Pages" and "Encodings"). Everything
else raises `PageError`, and the caller takes Arrow's reader for that row group. A file is not to be trusted: every
length and index is checked before it is used as an address.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int32s, Int64s, UInt8s
from homeroom.events.siplanes import Spans
from homeroom.events.texts import address_of, load_byte, sealed
from homeroom.kernel import kernel
from homeroom.limits import PAGE_BYTES_MAX, PAGE_HEADER_DEPTH_MAX

__all__ = [
    "Buffers",
    "Column",
    "Enough",
    "PageError",
    "PageTexts",
    "Present",
    "read_texts",
    "read_words",
]

Present: TypeAlias = npt.NDArray[np.bool_]
Decompress: TypeAlias = Callable[[memoryview, int], Any]
"""Takes compressed bytes and their size when decompressed, returns a buffer."""
Buffers: TypeAlias = list[Any]
Enough: TypeAlias = Callable[[int, int], bool]
"""Says whether the least and the greatest value of a page are all that needs to be known of it."""


class PageError(Exception):
    """A column chunk is not of the form that is read here, or is damaged. Never leaves the scan."""


class _Kind(IntEnum):
    """Page types of the format."""

    DATA = 0
    DICTIONARY = 2
    DATA_V2 = 3


PLAIN: Final = 0
PLAIN_DICTIONARY: Final = 2
RLE_DICTIONARY: Final = 8
DICTIONARY_ENCODINGS: Final = (PLAIN_DICTIONARY, RLE_DICTIONARY)
WORD_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One column chunk.

    Parameters
    ----------
    data : its bytes, from the first page's header on
    rows : the number of values that it must have
    optional : whether values may be absent (the maximum definition level is 1, else 0)
    decompress : undoes its compression; None where there is none
    """

    data: memoryview
    rows: int
    optional: bool
    decompress: Decompress | None


@dataclass(frozen=True, slots=True)
class PageTexts:
    """The texts of one data page, and what must be kept alive as long as they are used."""

    spans: Spans
    buffers: Buffers


@dataclass(frozen=True, slots=True)
class Words:
    """What `read_words` found beside the values.

    Parameters
    ----------
    present : which values are there; None if all are
    bounded : whether the values of some pages are only their bounds
    """

    present: Present | None
    bounded: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """One page before it is decompressed: its own header is ``about``; ``body`` becomes ``size`` bytes."""

    kind: int
    count: int
    encoding: int
    about: "Fields"
    body: memoryview
    size: int

    def bounds(self, column: Column) -> tuple[int, int] | None:
        """Return the least and the greatest of its 64-bit integers, if the header says them and none is absent."""
        about = self.about.get(8 if self.kind == _Kind.DATA_V2 else 5)
        if not isinstance(about, dict) or (column.optional and about.get(3) != 0):
            return None
        low, high = about.get(6), about.get(5)
        if not isinstance(low, bytes) or not isinstance(high, bytes):
            return None
        if len(low) != WORD_BYTES or len(high) != WORD_BYTES:
            return None
        return int.from_bytes(low, "little", signed=True), int.from_bytes(
            high, "little", signed=True
        )


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: ``values`` begins with the encoded values; ``present`` is None where none is absent."""

    kind: int
    count: int
    encoding: int
    values: UInt8s
    present: Present | None = None

    @property
    def stored(self) -> int:
        """Values that are there."""
        return self.count if self.present is None else int(np.count_nonzero(self.present))


# --- headers -----------------------------------------------------------------------------------------------------

Fields: TypeAlias = dict[int, Any]


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise PageError("a number of a page header is too long")


def _zigzag(data: memoryview, position: int) -> tuple[int, int]:
    value, position = _varint(data, position)
    return (value >> 1) ^ -(value & 1), position


def _fields(data: memoryview, position: int, depth: int = 0) -> tuple[Fields, int]:
    """Read a structure in Thrift's compact protocol: values by field number, and the position after it."""
    found: Fields = {}
    field = 0
    while True:
        head = data[position]
        position += 1
        if head == 0:
            return found, position
        if head >> 4:
            field += head >> 4
        else:
            field, position = _zigzag(data, position)
        found[field], position = _field(data, position, head & 0x0F, depth)


def _field(data: memoryview, position: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, position
    if kind in (3, 4, 5, 6):
        return _zigzag(data, position)
    if kind == 8:
        size, position = _varint(data, position)
        return bytes(data[position : position + size]), position + size
    if kind == 12 and depth < PAGE_HEADER_DEPTH_MAX:
        return _fields(data, position, depth + 1)
    raise PageError(f"a page header holds a field of kind {kind}")


def _heads(column: Column) -> Iterator[_Head]:
    """Yield the heads of the pages of a chunk until all its values were seen."""
    position = seen = 0
    while seen < column.rows:
        try:
            header, body = _fields(column.data, position)
            kind, size, stored = header[1], header[2], header[3]
            about = header.get({_Kind.DATA: 5, _Kind.DICTIONARY: 7, _Kind.DATA_V2: 8}.get(kind, 0))
        except (IndexError, KeyError) as error:
            raise PageError("a page header is damaged") from error
        position = body + stored
        if not (0 <= size <= PAGE_BYTES_MAX and stored >= 0 and position <= len(column.data)):
            raise PageError(f"a page of {size} bytes does not fit its chunk")
        if about is None:
            continue  # an index page, or a kind that came later
        count = about.get(1, -1)
        encoding = about.get(4 if kind == _Kind.DATA_V2 else 2)
        if not 0 <= count <= PAGE_BYTES_MAX or encoding is None:
            raise PageError("a page header is damaged")
        if kind != _Kind.DICTIONARY:
            seen += count
        if seen > column.rows:
            raise PageError("a chunk has more values than its row group")
        yield _Head(kind, count, encoding, about, column.data[body:position], size)


def _page(column: Column, head: _Head) -> _Page:
    kind, count, encoding = head.kind, head.count, head.encoding
    if kind == _Kind.DATA_V2:
        return _page_v2(column, head.about, head.body, head.size)
    values = _decompressed(column, head.body, head.size)
    if kind == _Kind.DICTIONARY or not column.optional:
        return _Page(kind, count, encoding, values)
    if len(values) < 4:
        raise PageError("a page is too short for its levels")
    end = 4 + int.from_bytes(values[:4].tobytes(), "little")
    if end > len(values):
        raise PageError("the levels of a page are longer than the page")
    return _Page(kind, count, encoding, values[end:], _present(values[4:end], count))


def _page_v2(column: Column, about: Fields, body: memoryview, size: int) -> _Page:
    count, levels, repetition = about[1], about.get(5, 0), about.get(6, 0)
    if repetition or not 0 <= levels <= min(len(body), size) or (levels and not column.optional):
        raise PageError("the levels of a page are not those of a column that is not nested")
    present = None
    if column.optional and about.get(2, 1):
        present = _present(np.frombuffer(body[:levels], np.uint8), count)
    rest = body[levels:]
    is_compressed = about.get(7, True)
    plain = None if is_compressed else sealed(np.frombuffer(rest, np.uint8))
    values = _decompressed(column, rest, size - levels) if plain is None else plain
    return _Page(_Kind.DATA_V2, count, about[4], values, present)


def _decompressed(column: Column, body: memoryview, size: int) -> UInt8s:
    if column.decompress is None or (size == 0 and len(body) == 0):
        return sealed(np.frombuffer(body, np.uint8))
    try:
        data = sealed(np.frombuffer(column.decompress(body, size), np.uint8))
    except (OSError, ValueError) as error:
        raise PageError("a page cannot be decompressed") from error
    if len(data) != size:
        raise PageError("a page has not the size that its header says")
    return data


def _present(levels: UInt8s, count: int) -> Present | None:
    """Return which values are there, None if all are."""
    found = np.empty(count, np.int32)
    status = _read_hybrid(sealed(levels), 0, 1, found)
    if status == DAMAGED:
        raise PageError("the levels of a page are damaged")
    if status == ALL_ONES:
        return None
    present: Present = found != 0
    return None if present.all() else present


# --- columns -----------------------------------------------------------------------------------------------------


def read_texts(column: Column) -> Iterator[PageTexts]:
    """Yield the texts of each data page of a column of byte arrays; an absent one is empty.

    Raises
    ------
    PageError
        Some page is of another form, or damaged. What was yielded before is right.
    """
    dictionary: Spans | None = None
    dictionary_data: UInt8s | None = None
    for head in _heads(column):
        page = _page(column, head)
        if page.kind == _Kind.DICTIONARY:
            dictionary, dictionary_data = _plain_texts(page), page.values
            continue
        if page.encoding == PLAIN:
            spans, kept = _plain_texts(page), page.values
        elif page.encoding in DICTIONARY_ENCODINGS and dictionary is not None:
            assert dictionary_data is not None
            codes = _codes(page, len(dictionary.starts))
            spans, kept = Spans(dictionary.starts[codes], dictionary.ends[codes]), dictionary_data
        else:
            raise PageError(f"text in encoding {page.encoding}")
        if page.present is not None:
            spans = Spans(*(_spread(values, page.present) for values in spans))
        yield PageTexts(spans, [kept])


def read_words(column: Column, out: Int64s, are_enough: Enough) -> Words:
    """Write the values of a column of 64-bit integers to ``out``.

    A page whose bounds ``are_enough`` is not decompressed: its values are written as the least of them, the last one
    as the greatest.

    Raises
    ------
    PageError
        Some page is of another form, or damaged.
    """
    place = 0
    bounded = False
    absent: list[tuple[int, Present]] = []
    codes = _WordDictionary(column)
    for head in _heads(column):
        if head.kind == _Kind.DICTIONARY:
            codes.head = head
            continue
        bounds = head.bounds(column)
        end = place + head.count
        if bounds is not None and head.count and are_enough(*bounds):
            out[place:end], out[end - 1] = bounds
            bounded = True
            place = end
            continue
        page = _page(column, head)
        if page.encoding == PLAIN:
            values = _plain_words(page)
        elif page.encoding in DICTIONARY_ENCODINGS:
            values = codes.values(page)
        else:
            raise PageError(f"integers in encoding {page.encoding}")
        if page.present is not None:
            values = _spread(values, page.present)
            absent.append((place, page.present))
        out[place:end] = values
        place = end
    return Words(_joined(absent, len(out)), bounded)


class _WordDictionary:
    """The dictionary of a column of integers, decompressed when a page first needs it."""

    def __init__(self, column: Column) -> None:
        self.head: _Head | None = None
        self._column = column
        self._values: Int64s | None = None

    def values(self, page: _Page) -> Int64s:
        if self._values is None:
            if self.head is None:
                raise PageError("codes without a dictionary")
            self._values = _plain_words(_page(self._column, self.head))
        values: Int64s = self._values[_codes(page, len(self._values))]
        return values


def _joined(absent: list[tuple[int, Present]], rows: int) -> Present | None:
    """Return which values of a chunk are there, from the pages where some are not."""
    if not absent:
        return None
    present = np.ones(rows, np.bool_)
    for start, some in absent:
        present[start : start + len(some)] = some
    return present


def _plain_texts(page: _Page) -> Spans:
    starts, ends = np.empty(page.stored, np.int64), np.empty(page.stored, np.int64)
    if not _plain_spans(page.values, starts, ends):
        raise PageError("a text ends beyond its page")
    return Spans(starts, ends)


def _plain_words(page: _Page) -> Int64s:
    size = page.stored * WORD_BYTES
    if len(page.values) < size:
        raise PageError("a page holds fewer values than its header says")
    words: Int64s = np.frombuffer(page.values[:size].tobytes(), "<i8")
    return words


def _codes(page: _Page, values: int) -> Int32s:
    """Return the codes of a page of codes; all lie within the dictionary."""
    count = page.stored
    codes = np.zeros(count, np.int32)
    if count == 0:
        return codes
    bits = int(page.values[0]) if len(page.values) else 0
    if bits > 31:
        raise PageError(f"codes of {bits} bits")
    if bits and _read_hybrid(page.values, 1, bits, codes) == DAMAGED:
        raise PageError("the codes of a page are damaged")
    if values == 0 or codes.max() >= values:
        raise PageError("a code is not in the dictionary")
    return codes


def _spread(values: Int64s, present: Present) -> Int64s:
    """Put values where they are present, 0 elsewhere."""
    spread = np.zeros(len(present), np.int64)
    spread[present] = values
    return spread


# --- kernels -----------------------------------------------------------------------------------------------------

MIXED: Final = 0
ALL_ONES: Final = 1
DAMAGED: Final = 2


@kernel
def _plain_spans(data: UInt8s, starts: Int64s, ends: Int64s) -> bool:
    """Write the addresses of texts that each stand after their length; False if one ends beyond the data."""
    at = address_of(data)
    limit = at + len(data)
    for i in range(len(starts)):
        if at + 4 > limit:
            return False
        length = (
            np.int64(load_byte(at)) | np.int64(load_byte(at + 1)) << 8
            | np.int64(load_byte(at + 2)) << 16 | np.int64(load_byte(at + 3)) << 24
        )  # fmt: skip
        at += 4
        if length > limit - at:
            return False
        starts[i] = at
        at += int(length)
        ends[i] = at
    return True


@kernel
def _read_hybrid(  # noqa: C901, PLR0915 - one loop over bytes: what compiles well
    data: UInt8s, position: int, bits: int, out: Int32s
) -> int:
    """Read runs and packed groups of eight (the format's RLE / bit-packing hybrid) until ``out`` is full.

    Returns `ALL_ONES` if it is one run of ones, `MIXED` if not, `DAMAGED` if the data end early.
    """
    count = len(out)
    filled = 0
    run_bytes = (bits + 7) // 8
    mask = (np.int64(1) << bits) - 1
    while filled < count:
        head = np.int64(0)
        shift = 0
        while True:
            if position >= len(data) or shift > 56:
                return DAMAGED
            byte = np.int64(data[position])
            position += 1
            head |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        runs = int(head >> 1)
        if head & 1 == 0:
            if position + run_bytes > len(data):
                return DAMAGED
            value = np.int64(0)
            for place in range(run_bytes):
                value |= np.int64(data[position + place]) << (8 * place)
            position += run_bytes
            end = filled + min(count - filled, runs)
            if filled == 0 and end == count and value == 1:
                out[:] = 1
                return ALL_ONES
            out[filled:end] = value & mask
            filled = end
            continue
        groups = min(runs, (count - filled + 7) // 8)
        taken = min(count - filled, groups * 8)
        if (taken * bits + 7) // 8 > len(data) - position:
            return DAMAGED
        held = np.int64(0)
        held_bits = 0
        at = position
        for i in range(filled, filled + taken):
            while held_bits < bits:
                held |= np.int64(data[at]) << held_bits
                at += 1
                held_bits += 8
            out[i] = held & mask
            held >>= bits
            held_bits -= bits
        filled += taken
        position += groups * bits
    return MIXED
