"""A few columns of a table that is small enough to be held: look-ups of a mapping, lists of learners.

Read like any input (found by content, packed or not), but whole, and as text.
"""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from homeroom.adapters.columnar import open_columnar
from homeroom.adapters.compression import MAGIC_BYTES, StreamFault, read_blocks
from homeroom.errors import SourceError
from homeroom.events.cells import as_text
from homeroom.events.delimited import cut_last_records, parse_records
from homeroom.events.sniff import Container, container_of, sniff_lines
from homeroom.limits import LOOKUP_BYTES_MAX

__all__ = ["read_columns"]


def read_columns(path: Path, wanted: Sequence[str], called: str = "") -> dict[str, pa.Array] | None:
    """Return columns of a file as text, by name; None if it has not all of them.

    Parameters
    ----------
    path : the file
    wanted : the names of the columns
    called : what an error calls the file; its path if absent

    Raises
    ------
    SourceError
        It cannot be read or unpacked, or is larger than ``limits.LOOKUP_BYTES_MAX``.
    """
    called = called or str(path)
    try:
        data = _read(path)
    except OSError as error:
        raise SourceError(f"{called} cannot be read: {error.strerror or error}") from error
    except StreamFault as fault:
        raise SourceError(f"{called} cannot be read: {fault.detail}") from fault
    container = container_of(data)
    if container in (Container.LINES, Container.DOCUMENT):
        return _delimited(data, wanted)
    columnar = open_columnar(container, data)
    if not set(wanted) <= set(columnar.names):
        return None
    table = pa.Table.from_batches(columnar.batches(wanted))
    return {
        name: as_text(table.column(name).combine_chunks())[0].cast(pa.string()) for name in wanted
    }


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(MAGIC_BYTES)
        parts, size = [], 0
        for block in read_blocks(head, file):
            parts.append(block)
            size += len(block)
            if size > LOOKUP_BYTES_MAX:
                raise SourceError(
                    f"{path} is larger than {LOOKUP_BYTES_MAX} bytes, too large to be held whole"
                )
    return b"".join(parts).removeprefix(BOM_UTF8)


def _delimited(data: bytes, wanted: Sequence[str]) -> dict[str, pa.Array] | None:
    found = sniff_lines(data, {}, lambda names: "table" if set(wanted) <= set(names) else None)
    if found.dialect is None:
        return _single(data, *wanted) if len(wanted) == 1 else None
    body = data.split(b"\n", found.header_line)[found.header_line :]
    text = (body[0] if body else b"").removesuffix(b"\n") + b"\n"
    records = cut_last_records(text, found.dialect.delimiter)
    columns = parse_records(
        text, records, found.header_line + 1, found.dialect, list(dict.fromkeys(wanted))
    )
    return dict(columns.by_name)


def _single(data: bytes, name: str) -> dict[str, pa.Array] | None:
    """Read a file of one column, which has no delimiter by which it could be known."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode())))
    except (UnicodeDecodeError, csv.Error):
        return None
    if not rows or rows[0] != [name] or any(len(row) > 1 for row in rows):
        return None
    return {name: pa.array([row[0] if row else None for row in rows[1:]], pa.string())}
