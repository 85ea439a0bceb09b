"""What a scan reads: the Parquet files behind its inputs, and which of their columns are account and time.

All files are opened before the first is scanned, so that a file that cannot be scanned is said at once. What a scan
cannot do is refused with the advice to read: to leave out silently would be to answer another question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from homeroom.adapters.mappings import ready_mappings
from homeroom.adapters.parquet import FAULTS, ScanFile, columns_needed
from homeroom.adapters.sources import Input, Source, find_sources
from homeroom.errors import SourceError
from homeroom.events.mapping import EventSpec, TableMapping, spec_of_names
from homeroom.events.model import Reason, Reject
from homeroom.events.moodle import MoodleCodec

__all__ = ["ScanInputs", "open_scan_inputs"]

MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class ScanInputs:
    """What was found.

    Parameters
    ----------
    files : to be scanned; a file of which the mapping makes several kinds of events is there once for each
    rejects : files in directories that are no Parquet, are damaged, or hold no events
    notes : what a person should know
    size_bytes : of all sources
    """

    files: tuple[ScanFile, ...]
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]
    size_bytes: int


def open_scan_inputs(inputs: Sequence[Input], mapping: TableMapping | None) -> ScanInputs:
    """Open all that the inputs stand for.

    Raises
    ------
    SourceError
        An input does not exist, is no Parquet file although it was named itself, or needs more than a scan can do.
    """
    files: list[ScanFile] = []
    rejects: list[Reject] = []
    notes: dict[str, None] = {}
    size_bytes = 0
    for source in find_sources(inputs):
        size_bytes += source.size_bytes or 0
        if source.size_bytes == 0:
            notes[f"{source.name} is empty"] = None
            continue
        found = _opened(source, mapping)
        if isinstance(found, Reject):
            rejects.append(found)
            continue
        files += found
        if any(file.is_zone_assumed for file in found):
            notes[
                f"{source.name}: its times name no zone and were read as UTC; a mapping can name their zone"
            ] = None
    return ScanInputs(tuple(files), tuple(rejects), tuple(notes), size_bytes)


def _opened(source: Source, mapping: TableMapping | None) -> list[ScanFile] | Reject:
    path = source.path
    if path is None:
        raise SourceError(
            f"{source.name} cannot be scanned: a scan reads Parquet files; read it instead"
        )
    try:
        with path.open("rb") as opened:
            is_parquet = opened.read(len(MAGIC)) == MAGIC
    except OSError as error:
        if source.named:
            raise SourceError(f"{path} cannot be opened: {error.strerror}") from error
        return Reject(source.name, 0, Reason.UNREADABLE, f"cannot be opened: {error.strerror}")
    if not is_parquet:
        if source.named:
            raise SourceError(
                f"{path} is no Parquet file: a scan reads nothing else; read it instead"
            )
        return Reject(
            source.name, 0, Reason.NOT_EVENTS, "no Parquet file; a scan reads nothing else"
        )
    try:
        with pq.ParquetFile(path) as parquet:
            specs = _specs(source, parquet.schema_arrow.names, mapping)
            return [ScanFile(path, source.name, columns_needed(spec), parquet) for spec in specs]
    except FAULTS as error:
        detail = f"not a whole Parquet ({type(error).__name__})"
        return Reject(source.name, 0, Reason.UNREADABLE, detail)
    except _NoEventsError as error:
        return Reject(source.name, 0, Reason.NOT_EVENTS, str(error))


class _NoEventsError(Exception):
    """The columns are none that events are made of."""


def _specs(
    source: Source, names: Sequence[str], mapping: TableMapping | None
) -> tuple[EventSpec, ...]:
    """Return how the rows become events, as `homeroom.adapters.decoders` settles it for a read."""
    if mapping is None and MoodleCodec.looks_like_header(names):
        raise SourceError(
            f"{source.name} is a Moodle log, which a scan does not know; read it instead"
        )
    spec = spec_of_names(names) if mapping is None else None
    if spec is not None:
        return (spec,)
    file_name = "" if source.path is None else source.path.name
    for one in ready_mappings() if mapping is None else (mapping,):
        specs = one.specs_for(file_name, names)
        if any(spec.lookups for spec in specs):
            raise SourceError(
                f"{source.name}: the mapping {one.name} looks values up in other tables, which a scan does not; "
                f"read it instead"
            )
        if specs:
            return specs
    raise _NoEventsError(
        "nothing in it looks like events; a table needs columns for account and time, or a mapping"
    )
