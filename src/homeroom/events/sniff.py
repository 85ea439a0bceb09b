"""Which codec reads a file, by what is in it.

The problem: a log is called ``export(3).txt``, its first line was cut by a rotation, and the directory beside it
holds a photograph. The intuition: the first bytes tell binary forms and documents from lines; of lines, any one
that decodes and looks like a statement settles it, wherever it stands in the head; and of delimited text, the
header does. What nothing recognises is said to hold no events, as a whole, rather than rejected a million times
line by line.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from homeroom.events.delimited import Dialect, split_record
from homeroom.events.jsontext import split_array, walk
from homeroom.events.model import REJECT_KEYS
from homeroom.limits import SNIFF_LINES_MAX

__all__ = [
    "CODECS",
    "Accepts",
    "Container",
    "Found",
    "Looks",
    "container_of",
    "sniff_document",
    "sniff_lines",
    "standard_looks",
]

CODECS: Final = ("xapi", "openedx", "moodle", "table")
"""The names that a codec can be asked for by."""

Accepts: TypeAlias = Callable[[Sequence[str]], str | None]
"""Says which codec reads a table of these column names, None if none does."""

Looks: TypeAlias = Mapping[str, Callable[[Mapping[str, object]], bool]]
"""By codec, what says whether one decoded JSON object is an event of its source; the first that does, wins."""


class Container(StrEnum):
    """The form in which events lie in a file."""

    LINES = "lines"
    DELIMITED = "delimited text"
    DOCUMENT = "JSON document"
    PARQUET = "Parquet"
    ARROW_FILE = "Arrow file"
    ARROW_STREAM = "Arrow stream"


@dataclass(frozen=True, slots=True)
class Found:
    """What a head of text is.

    Parameters
    ----------
    codec : one of `CODECS`; None if nothing recognises it
    names : column names, for the codecs ``table`` and ``moodle``
    dialect : set for delimited text
    header_line : for delimited text, the line of the header, from 1
    own : it is a file that homeroom itself wrote, to be passed over
    empty : it is a document that says itself that it holds nothing
    """

    codec: str | None
    names: tuple[str, ...] = ()
    dialect: Dialect | None = None
    header_line: int = 0
    own: bool = False
    empty: bool = False


NOTHING: Final = Found(None)
_BINARY: Final = (
    (b"PAR1", Container.PARQUET),
    (b"ARROW1", Container.ARROW_FILE),
    (b"\xff\xff\xff\xff", Container.ARROW_STREAM),
)
_DELIMITERS: Final = (b",", b";", b"\t", b"|")
_HEADER_LINES_MAX: Final = 10
_STATEMENTS: Final = re.compile(
    rb'\s*\{\s*(?:"\w+"\s*:\s*(?:"[^"]*"|[\w.+-]+)\s*,\s*){0,8}"statements"\s*:\s*\['
)
"""A statement result, whose array may stand behind a few plain fields, such as ``more``."""
_EMPTY_ARRAY: Final = re.compile(rb"\s*\[\s*\]\s*")
_NOT_FINITE: Final = re.compile(rb"(?<=[:\[,\s])-?(?:NaN|Infinity)\b")
"""No JSON, and yet a statement: its codec says what is wrong with it."""
_KEY_FILE: Final = b"# homeroom pseudonym key"


def standard_looks() -> Looks:
    """Return the looks of all codecs that read JSON objects."""
    from homeroom.events import (
        moodle,
        openedx,
        xapi,
    )  # late: the codecs bring their decoders with them

    return {"xapi": xapi.looks_like, "openedx": openedx.looks_like, "moodle": moodle.looks_like}


def container_of(head: bytes) -> Container:
    """Say how a file is built from its first (decompressed) bytes; text that is no document is ``LINES``."""
    for magic, container in _BINARY:
        if head.startswith(magic):
            return container
    text = head.removeprefix(BOM_UTF8).lstrip()
    first, _, _ = text.partition(b"\n")
    if text[:1] == b"[" and text[1:].lstrip()[:1] in (b"{", b"]", b""):
        return Container.DOCUMENT
    if _STATEMENTS.match(text) or first.strip() == b"{":
        return Container.DOCUMENT
    return Container.LINES


def sniff_document(head: bytes, looks: Looks, accepts: Accepts) -> Found:
    """Say which codec reads a JSON document, from as many of its elements as the head holds whole."""
    head = head.removeprefix(BOM_UTF8)
    if _EMPTY_ARRAY.fullmatch(head):
        return Found(None, empty=True)
    if not head.lstrip().startswith(b"[") and not _STATEMENTS.match(head):
        sample = _decoded(head[: walk(head, 0, len(head))[0]])
        return NOTHING if sample is None else _of_samples([sample], looks, accepts)
    places, _ = split_array(head, head.find(b"["))
    samples = [_decoded(head[a:b]) for a, b in places[:SNIFF_LINES_MAX].tolist()]
    found = _of_samples([sample for sample in samples if sample is not None], looks, accepts)
    return Found("xapi") if found.codec is None and _STATEMENTS.match(head) else found


def sniff_lines(chunk: bytes, looks: Looks, accepts: Accepts) -> Found:
    """Say what the first chunk of a text holds: JSON lines of some source, or delimited text with a header."""
    if chunk.startswith(_KEY_FILE):
        return Found(None, own=True)
    lines = chunk.split(b"\n", SNIFF_LINES_MAX)[:SNIFF_LINES_MAX]
    samples = [
        sample
        for line in lines
        if line.lstrip()[:1] == b"{" and (sample := _decoded(line)) is not None
    ]
    if samples:
        return _of_samples(samples, looks, accepts)
    found = _of_header(lines, accepts)
    return _of_prefixed(lines, looks) if found.codec is None else found


def _of_prefixed(lines: Sequence[bytes], looks: Looks) -> Found:
    """Find tracking logs whose lines begin with what a log writer puts before each event: time, host, process."""
    for line in lines:
        sample = _decoded(line[max(0, line.find(b"{")) :])
        if sample is not None and "openedx" in looks and looks["openedx"](sample):
            return Found("openedx", tuple(sample))
    return NOTHING


def _decoded(text: bytes) -> dict[str, Any] | None:
    try:
        sample = msgspec.json.decode(_NOT_FINITE.sub(b"null", text))
    except (ValueError, RecursionError):
        return None
    return sample if isinstance(sample, dict) else None


def _of_samples(samples: Sequence[Mapping[str, Any]], looks: Looks, accepts: Accepts) -> Found:
    names = tuple(dict.fromkeys(name for sample in samples for name in sample))
    for sample in samples:
        for codec, looks_like in looks.items():
            if looks_like(sample):
                return Found(codec, names)
    for sample in samples:
        if set(sample) == REJECT_KEYS:
            return Found(None, own=True)
        codec_of_row = accepts(tuple(sample))
        if codec_of_row is not None:
            return Found(codec_of_row, names)
    return NOTHING


def _of_header(lines: Sequence[bytes], accepts: Accepts) -> Found:
    """Find the header among the first lines: some exports begin with a title, and Excel's with ``sep=;``."""
    for number, line in enumerate(lines[:_HEADER_LINES_MAX], 1):
        for delimiter in _DELIMITERS:
            names = _names(line, delimiter)
            codec = accepts(names) if len(names) > 1 else None
            if codec is not None:
                return Found(codec, names, Dialect(delimiter, names), number)
    return NOTHING


def _names(line: bytes, delimiter: bytes) -> tuple[str, ...]:
    """Return the column names of a header, each once; empty if it is no text, or several lines in one."""
    try:
        cells = [cell.decode().strip() for cell in split_record(line + b"\n", delimiter)]
    except UnicodeDecodeError:
        return ()
    if any("\r" in cell for cell in cells):
        return ()
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        names.append(cell if cell and cell not in names else f"{cell}#{place}")
    return tuple(names)
