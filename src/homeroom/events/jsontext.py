"""The shape of JSON text, looked at before a decoder sees it.

A recursive decoder may be led into the stack's end by nesting alone, and a quick decoder of many lines says of a
broken one only that something in this megabyte is wrong. So three questions are answered here over plain bytes, in
kernels: does every line hold one value that nests within the bound; where do values, and the elements of an array,
begin and end (so that one broken element is refused alone); and how deep does one text go.

The first question is asked of every byte that is read, so it has a quick way that knows nothing of strings: opening
brackets are counted in blocks of 64 bytes, which compiles to vector instructions. A line with at most as many as the
bound allows cannot nest deeper; only one that has more is read again byte by byte. The way not taken: leaving it to
the decoder's own recursion check. Its limit depends on how deep the caller already is, so that the same line could
be an event on one day and a reject on another.
"""

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.model import Int64s
from homeroom.kernel import kernel

__all__ = ["nests_too_deep", "quick_look", "split_array", "walk"]

_BLOCK_BYTES = 64
_TAB = 9
_NEWLINE = 10
_RETURN = 13
_SPACE = 32
_QUOTE = 34
_COMMA = 44
_OPEN_BRACKET = 91
_BACKSLASH = 92
_CLOSE_BRACKET = 93
_OPEN = 123
_CLOSE = 125
_CASE = 32
"""``[`` and ``{``, ``]`` and ``}`` differ in this bit alone."""


def _view(text: bytes) -> npt.NDArray[np.uint8]:
    """View the bytes read-only: the one array type that the kernels here are compiled for."""
    return np.frombuffer(text, np.uint8)


@kernel
def _walk(  # noqa: C901 - one loop over bytes: what compiles well
    data: npt.NDArray[np.uint8], start: int, stop: int, depth: int, floor: int, ceiling: int
) -> tuple[int, int]:
    """Step over brackets, strings left out, until fewer than ``floor`` or more than ``ceiling`` are open.

    Returns the place after the bracket that ended the walk, or ``stop``, and how many are open there.
    """
    quoted = False
    i = start
    while i < stop:
        byte = data[i]
        if quoted:
            if byte == _BACKSLASH:
                i += 1
            elif byte == _QUOTE:
                quoted = False
        elif byte == _QUOTE:
            quoted = True
        elif byte | _CASE == _OPEN:
            depth += 1
            if depth > ceiling:
                return i + 1, depth
        elif byte | _CASE == _CLOSE:
            depth -= 1
            if depth < floor:
                return i + 1, depth
        i += 1
    return stop, depth


@kernel
def _too_deep(data: npt.NDArray[np.uint8], start: int, stop: int, depth_max: int) -> bool:
    """Say whether brackets nest too deep. What closes more than it opens ends the look: a decoder stops there too."""
    return _walk(data, start, stop, 0, 0, depth_max)[1] > depth_max


@kernel
def _edges_fit(data: npt.NDArray[np.uint8], newline: int) -> bool:
    """Say whether a value ends before the line end and another begins after it (or the text ends there).

    Inside a JSON value ``}`` is never followed by ``{``, so that no value goes over such a line end.
    """
    before = newline - 1
    while before >= 0 and (
        data[before] == _SPACE or data[before] == _RETURN or data[before] == _TAB
    ):
        before -= 1
    after = newline + 1
    # Up to the next line end only: it answers for what follows it, and a million blank lines are looked at once.
    while after < len(data) and data[after] <= _SPACE and data[after] != _NEWLINE:
        after += 1
    ended = before < 0 or data[before] == _CLOSE or data[before] == _NEWLINE
    return ended and (after == len(data) or data[after] == _OPEN or data[after] == _NEWLINE)


@kernel
def _is_blank(data: npt.NDArray[np.uint8], start: int, end: int) -> bool:
    """Say whether a line holds nothing but blanks; of most lines the last byte tells."""
    while end > start and data[end - 1] <= _SPACE:
        end -= 1
    return bool(end == start)


@kernel
def _quick_look(  # noqa: C901 - one loop over bytes: what compiles well
    data: npt.NDArray[np.uint8], depth_max: int
) -> tuple[int, int, bool]:
    """Count line ends and blank lines, and say whether every line is sound; stops at the first that is not."""
    size = len(data)
    ends = 0
    blank = 0
    line_start = 0
    opened = 0
    for block in range(size // _BLOCK_BYTES):
        start = block * _BLOCK_BYTES
        opens = np.uint8(0)
        newlines = np.uint8(0)
        for j in range(_BLOCK_BYTES):
            byte = data[start + j]
            folded = byte | np.uint8(_CASE)
            opens = np.uint8(opens + np.uint8(folded == np.uint8(_OPEN)))
            newlines = np.uint8(newlines | np.uint8(byte == np.uint8(_NEWLINE)))
        # Openings of a block count for every line that touches it: perhaps too many, never too few.
        opened += int(opens)
        if newlines > 0:
            for j in range(start, start + _BLOCK_BYTES):
                if data[j] == _NEWLINE:
                    ends += 1
                    deep = opened > depth_max and _too_deep(data, line_start, j, depth_max)
                    if deep or not _edges_fit(data, j):
                        return ends, blank, False
                    blank += int(_is_blank(data, line_start, j))
                    line_start = j + 1
                    opened = int(opens)
    for j in range(size - size % _BLOCK_BYTES, size):
        if data[j] == _NEWLINE:
            ends += 1
            if _too_deep(data, line_start, j, depth_max) or not _edges_fit(data, j):
                return ends, blank, False
            blank += int(_is_blank(data, line_start, j))
            line_start = j + 1
    if line_start < size:
        blank += int(_is_blank(data, line_start, size))
    return ends, blank, not _too_deep(data, line_start, size, depth_max)


@kernel
def _split(  # noqa: C901, PLR0912 - one loop over bytes: what compiles well
    data: npt.NDArray[np.uint8], opening: int, places: npt.NDArray[np.int64]
) -> tuple[int, int]:
    """Write the elements' starts and ends to ``places`` (rows of two); return their number and the place after ``]``.

    That place is -1 if no ``]`` was met. With too few rows the number is right and the rows that fit are written.
    """
    found = 0
    depth = 0
    quoted = False
    start = -1
    end = -1
    i = opening + 1
    while i < len(data):
        byte = data[i]
        closing = False
        if quoted:
            if byte == _BACKSLASH:
                i += 1
            elif byte == _QUOTE:
                quoted = False
        elif byte == _QUOTE:
            quoted = True
        elif byte | _CASE == _OPEN:
            depth += 1
        elif byte | _CASE == _CLOSE:
            closing = depth == 0 and byte == _CLOSE_BRACKET
            depth -= 1 if depth > 0 else 0
        if closing or (byte == _COMMA and depth == 0 and not quoted):
            if start >= 0 or not closing or found > 0:
                if found < len(places):
                    places[found, 0] = start if start >= 0 else i
                    places[found, 1] = end if start >= 0 else i
                found += 1
            start = -1
            if closing:
                return found, i + 1
        elif byte > _SPACE:
            if start < 0:
                start = min(i, len(data) - 1)
            end = min(i, len(data) - 1) + 1
        i += 1
    if start >= 0:
        if found < len(places):
            places[found, 0] = start
            places[found, 1] = end
        found += 1
    return found, -1


def quick_look(text: bytes) -> tuple[int, int, bool]:
    """Look over lines of JSON objects without decoding them.

    Returns
    -------
    The number of line ends, that of lines without text, and whether the lines are sound: none nests more than
    ``limits.JSON_DEPTH_MAX`` deep, no object goes over a line's end. The numbers are those of the whole text only where
    it is sound.
    """
    line_ends, blank, sound = _quick_look(_view(text), limits.JSON_DEPTH_MAX)
    return int(line_ends), int(blank), bool(sound)


def nests_too_deep(text: bytes) -> bool:
    """Say whether one JSON text nests more than ``limits.JSON_DEPTH_MAX`` deep before it ends or breaks."""
    data = _view(text)
    return bool(_too_deep(data, 0, len(data), limits.JSON_DEPTH_MAX))


def walk(text: bytes, start: int, stop: int, depth: int = 0) -> tuple[int, int]:
    """Step over JSON until as many brackets are closed as were open.

    Parameters
    ----------
    start, stop : bytes of ``text`` to look at; ``start`` stands outside of strings
    depth : how many brackets are open at ``start``

    Returns
    -------
    The place after the bracket that closes the last, and 0; or ``stop``, and how many are open there.
    """
    place, left = _walk(_view(text), start, stop, depth, 1, len(text))
    return int(place), max(int(left), 0)


def split_array(text: bytes, opening: int = 0) -> tuple[Int64s, int]:
    """Find the elements of the JSON array that opens at byte ``opening`` of ``text``.

    Strings and nested values are stepped over; nothing is decoded, so that an element may be broken and its
    neighbours still be found, as long as it closes its own quotes and brackets.

    Returns
    -------
    Starts and ends, int64 of shape (n, 2), and the place after the closing bracket, -1 if there is none: a truncated
    array. Nothing between two commas is an element of no length.
    """
    data = _view(text)
    places = np.empty((max(16, len(text) // 256), 2), np.int64)
    found, end = _split(data, opening, places)
    if found > len(places):
        places = np.empty((found, 2), np.int64)
        found, end = _split(data, opening, places)
    return places[:found], int(end)
