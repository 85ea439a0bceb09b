"""Mapping files and the tables that they look values up in, read from disk.

The mapping itself is plain data (``homeroom.events.mapping``); here it gets its bytes, from a file that somebody
wrote or from those that ship with homeroom.
"""

import functools
import itertools
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path

import pyarrow as pa

from homeroom.adapters.columnar import open_columnar
from homeroom.adapters.compression import MAGIC_BYTES, StreamFault, read_blocks
from homeroom.errors import MappingError, SourceError
from homeroom.events.cells import as_text
from homeroom.events.delimited import cut_last_records, parse_records
from homeroom.events.mapping import LookupSpec, TableMapping, parse_mapping
from homeroom.events.mapping import fits as name_fits
from homeroom.events.sniff import Container, container_of, sniff_lines
from homeroom.events.table import Lookup
from homeroom.limits import LOOKUP_BYTES_MAX

__all__ = ["LookupTables", "load_mapping", "ready_mappings"]


@functools.cache
def ready_mappings() -> tuple[TableMapping, ...]:
    """Return the mappings that ship with homeroom, by name."""
    folder = resources.files("homeroom.events") / "mappings"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")),
        key=lambda file: file.name,
    )
    return tuple(parse_mapping(file.read_text("utf-8"), file.name) for file in files)


def load_mapping(name_or_path: str) -> TableMapping:
    """Return a ready mapping by its name (``oulad``), or one from a TOML file.

    Raises
    ------
    MappingError
        It makes no sense, or there is none of that name.
    SourceError
        The file cannot be read.
    """
    for mapping in ready_mappings():
        if mapping.name == name_or_path:
            return mapping
    path = Path(name_or_path)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        known = ", ".join(mapping.name for mapping in ready_mappings())
        raise MappingError(
            f"{name_or_path}: no such file, and no ready mapping; there are: {known}"
        ) from None
    except UnicodeDecodeError:
        raise MappingError(f"{path}: a mapping is TOML in UTF-8, and this is not UTF-8") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    return parse_mapping(text, str(path))


class LookupTables:
    """Finds and keeps the tables of look-ups: beside the file that is read, else among all files of the run."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._loaded: dict[Path, dict[LookupSpec, Lookup]] = {}

    def find(self, spec: LookupSpec, beside: Path | None) -> Lookup | None:
        """Return a look-up's table, None if it is nowhere to be found.

        Raises
        ------
        SourceError
            It is there and cannot be read, or has not the columns that the mapping says.
        """
        for path in itertools.chain(_siblings(beside), self._paths):
            if name_fits(path.name, spec.files):
                loaded = self._loaded.setdefault(path, {})
                if spec not in loaded:
                    loaded[spec] = _load(path, spec)
                return loaded[spec]
        return None


def _siblings(path: Path | None) -> Iterator[Path]:
    if path is not None:
        try:
            yield from sorted(path.parent.iterdir())
        except OSError:
            return


def _load(path: Path, spec: LookupSpec) -> Lookup:
    wanted = (*spec.key, *spec.columns)
    try:
        columns = _columns(path, wanted)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    except StreamFault as fault:
        raise SourceError(
            f"{path}, which the mapping looks values up in, cannot be read: {fault.detail}"
        ) from fault
    if columns is None:
        raise SourceError(
            f"{path}: the mapping looks up the columns {', '.join(wanted)}, and this has not all of them"
        )
    return Lookup(spec, columns)


def _columns(path: Path, wanted: Sequence[str]) -> dict[str, pa.Array] | None:
    with path.open("rb") as file:
        head = file.read(MAGIC_BYTES)
        parts, size = [], 0
        for block in read_blocks(head, file):
            parts.append(block)
            size += len(block)
            if size > LOOKUP_BYTES_MAX:
                raise SourceError(
                    f"{path} is larger than {LOOKUP_BYTES_MAX} bytes, too large to look values up in"
                )
    data = b"".join(parts).removeprefix(BOM_UTF8)
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


def _delimited(data: bytes, wanted: Sequence[str]) -> dict[str, pa.Array] | None:
    found = sniff_lines(data, {}, lambda names: "table" if set(wanted) <= set(names) else None)
    if found.dialect is None:
        return None
    body = data.split(b"\n", found.header_line)[found.header_line :]
    text = (body[0] if body else b"").removesuffix(b"\n") + b"\n"
    records = cut_last_records(text, found.dialect.delimiter)
    columns = parse_records(
        text, records, found.header_line + 1, found.dialect, list(dict.fromkeys(wanted))
    )
    return dict(columns.by_name)
