"""A world becomes files: CSV, xAPI statements or Parquet, one file or several, plain or compressed.

A file is written under another name and renamed when it is whole, so that a run that is stopped leaves no log that
looks complete. What is compressed with gzip may differ in its bytes between processors (its library chooses by
what the processor can do); what it holds does not.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Final, Literal, Protocol, Self, TypeAlias, cast

import pyarrow as pa
import pyarrow.parquet as pq

from homeroom import limits
from homeroom.adapters.whole_files import whole_file
from homeroom.errors import WorldError
from homeroom.simulation.columns import SCHEMA, Columns
from homeroom.simulation.formats import CSV_COLUMNS, csv_format, xapi_format
from homeroom.simulation.sessions import Events
from homeroom.simulation.texts import LineFormat, Texts
from homeroom.simulation.truth import Tally
from homeroom.simulation.world import LearnerWorld, Population

__all__ = ["Compression", "Format", "Target", "write_world"]

Format: TypeAlias = Literal["csv", "xapi", "parquet"]
Compression: TypeAlias = Literal["none", "gz", "zst", "snappy"]

SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv", ".ndjson": "xapi", ".jsonl": "xapi", ".json": "xapi", ".parquet": "parquet",
}  # fmt: skip
_SUFFIX_OF: Final = {"csv": ".csv", "xapi": ".ndjson", "parquet": ".parquet"}
_PACKED: Final[dict[str, Compression]] = {".gz": "gz", ".zst": "zst"}
_PARQUET_CODEC: Final = {"none": "none", "gz": "gzip", "zst": "zstd", "snappy": "snappy"}
_LINES_AT_A_TIME: Final = 1 << 14
"""Lines that are rendered at a time: 20 MB of statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a log goes and in which form; `Target.at` settles what is left open by the name.

    ``files`` is 1 for a file; a directory holds ``files`` parts, cut by line numbers.
    """

    paths: tuple[Path, ...]
    format: Format
    compression: Compression

    @classmethod
    def at(
        cls,
        path: Path,
        format: Format | None = None,  # noqa: A002 - the word of the command line
        compression: Compression | None = None,
        files: int | None = None,
    ) -> Self:
        """Settle a target from a path and what was asked for.

        A path with a known suffix is a file; with none, or with ``files``, it is a directory. Raises `WorldError`
        if that cannot be, or if something is there already.
        """
        by_name, packed = _by_name(path)
        single = path.suffix != "" and files is None and not path.is_dir()
        if single and not (by_name or format):
            raise WorldError(
                f"{path} ends in none of {', '.join(SUFFIXES)}; rename it, or add --format"
            )
        format = format or by_name or "parquet"  # noqa: A001
        compression = compression or packed or ("zst" if format == "parquet" else "none")
        if compression == "snappy" and format != "parquet":
            raise WorldError(f"compression == snappy is for parquet, not {format}; use gz or zst")
        if packed and (format == "parquet" or packed != compression):
            raise WorldError(
                f"{path} ends in .{packed}, which is not how {format} with {compression} is written; "
                f"leave .{packed} away"
            )
        if single:
            return cls(paths=(path,), format=format, compression=compression)
        count = 1 if files is None else files
        if not 1 <= count <= limits.GENERATED_FILES_MAX:
            raise WorldError(f"files == {count}, must be from 1 to {limits.GENERATED_FILES_MAX:,}")
        ending = _SUFFIX_OF[format]
        if format != "parquet" and compression != "none":
            ending += f".{compression}"
        digits = max(3, len(str(count - 1)))
        paths = tuple(path / f"part-{number:0{digits}d}{ending}" for number in range(count))
        return cls(paths=paths, format=format, compression=compression)

    def refuse_existing(self) -> None:
        """Raise `WorldError` if one of the files is there: a log may be a real one."""
        for path in self.paths:
            if path.exists():
                raise WorldError(f"{path} is there already; name another file, or add --overwrite")


def write_world(world: LearnerWorld, target: Target, watch: Callable[[int], None]) -> Tally:
    """Write all events of a world, replacing what is there; ``watch`` hears how many lines came since last.

    Lines are cut evenly over the files: file k of K ends with line ``events * (k + 1) // K``.
    """
    if len(target.paths) > world.events:
        raise WorldError(f"files == {len(target.paths)}, must be at most events, {world.events}")
    population = world.population()
    texts = population.texts()
    tally = Tally(world)
    for number, pieces in groupby(
        _pieces(world, population, tally, len(target.paths)), itemgetter(0)
    ):
        path = target.paths[number]
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file, _sink(file, target, texts, world.courses) as sink:
            for _, events in pieces:
                sink.write(events)
                watch(len(events))
    return tally


def _pieces(
    world: LearnerWorld, population: Population, tally: Tally, files: int
) -> Iterator[tuple[int, Events]]:
    """Yield the blocks, counted, cut where a file ends, each with the number of its file."""
    number, line = 0, 0
    for block in population.blocks():
        tally.add(block)
        done = 0
        while done < len(block):
            end = world.events * (number + 1) // files
            take = min(len(block) - done, end - line)
            yield number, block.events[done : done + take]
            done += take
            line += take
            number += line == end


class _Sink(Protocol):
    def write(self, events: Events) -> None: ...


@contextlib.contextmanager
def _sink(file: IO[bytes], target: Target, texts: Texts, courses: int) -> Iterator[_Sink]:
    if target.format == "parquet":
        with _parquet_writer(file, target.compression) as writer:
            groups = _RowGroups(writer, Columns(texts, courses))
            yield groups
            groups.flush()
        return
    lines = csv_format(courses) if target.format == "csv" else xapi_format(courses)
    with _packed(file, target.compression) as stream:
        if target.format == "csv":
            stream.write((",".join(CSV_COLUMNS) + "\n").encode())
        yield _Lines(stream, lines, texts)


class _Lines:
    """Writes events as text, a slice at a time."""

    def __init__(self, stream: IO[bytes], lines: LineFormat, texts: Texts) -> None:
        self._stream = stream
        self._lines = lines
        self._texts = texts

    def write(self, events: Events) -> None:
        for first in range(0, len(events), _LINES_AT_A_TIME):
            part = events[first : first + _LINES_AT_A_TIME]
            self._stream.write(self._lines.lines(part, self._texts))


class _RowGroups:
    """Gathers events until a row group is full."""

    def __init__(self, writer: pq.ParquetWriter, columns: Columns) -> None:
        self._writer = writer
        self._columns = columns
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, events: Events) -> None:
        while self._rows + len(events) >= limits.GENERATED_GROUP_ROWS:
            take = limits.GENERATED_GROUP_ROWS - self._rows
            self._gather(events[:take])
            self.flush()
            events = events[take:]
        self._gather(events)

    def _gather(self, events: Events) -> None:
        if len(events):
            self._waiting.append(self._columns.batch(events))
            self._rows += len(events)

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_batches(self._waiting), self._rows)
        self._waiting, self._rows = [], 0


def _parquet_writer(file: IO[bytes], compression: Compression) -> pq.ParquetWriter:
    """Open a writer of plain Parquet: texts come back as texts, not as Arrow's dictionaries."""
    coded = [f.name for f in SCHEMA if pa.types.is_dictionary(f.type)]
    return pq.ParquetWriter(
        file,
        SCHEMA,
        compression=_PARQUET_CODEC[compression],
        use_dictionary=[*coded, "score", "progress"],
        write_statistics=["time"],
        store_schema=False,
    )


@contextlib.contextmanager
def _packed(file: IO[bytes], compression: Compression) -> Iterator[IO[bytes]]:
    if compression == "gz":
        from isal import igzip

        # No name and no time in the header: the same events make the same file.
        with igzip.IGzipFile(  # type: ignore[no-untyped-call]
            filename="", mode="wb", fileobj=file, mtime=0
        ) as stream:
            yield cast("IO[bytes]", stream)
    elif compression == "zst":
        import zstandard

        with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as stream:
            yield stream
    else:
        yield file


def _by_name(path: Path) -> tuple[Format | None, Compression | None]:
    """Return the format and the compression that the suffixes of a name say."""
    packed = _PACKED.get(path.suffix)
    inner = Path(path.stem).suffix if packed else path.suffix
    return SUFFIXES.get(inner), packed
