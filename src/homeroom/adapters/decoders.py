"""For each source, the codec that reads it, chosen by its content, and how its pieces are given to that codec.

Sniffing is a core and knows no files; mappings need the name of a file and the tables beside it. Here the two meet:
what a head of text, a list of columns or a document is, with the mapping that fits, becomes one function from bytes
(or batches) to `Decoded`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from homeroom.adapters.compression import StreamFault
from homeroom.adapters.mappings import LookupTables, ready_mappings
from homeroom.adapters.options import ReadOptions
from homeroom.adapters.sources import Source
from homeroom.events.delimited import Columns, Records, parse_records
from homeroom.events.dictionary import looks_like_mail
from homeroom.events.mapping import (
    ALIASES,
    KNOWN_ATTRIBUTES,
    EventSpec,
    MoodleSpec,
    TableMapping,
    fits,
    spec_of_names,
)
from homeroom.events.model import Decoded, Int64s, RawEvents, Reason, Reject
from homeroom.events.moodle import DateOrder, MoodleCodec
from homeroom.events.sniff import Found, Looks, sniff_document, sniff_lines, standard_looks
from homeroom.events.table import (
    Lookup,
    TableCodec,
    columns_of_rows,
    row_reader,
    sound_columns,
)

__all__ = ["NO_EVENTS", "Decoders"]

DecodeLines: TypeAlias = Callable[[bytes, int], Iterator[Decoded]]
DecodeRecords: TypeAlias = Callable[[bytes, Records, int], Iterator[Decoded]]
DecodeBatch: TypeAlias = Callable[[pa.RecordBatch, int], Iterator[Decoded]]

NO_EVENTS: Final = RawEvents(
    line=np.zeros(0, np.int64),
    account=(),
    time=(),
    verb="",
)
"""Stands beside rejects that come without events."""

_NAMES_TOLD_MAX: Final = 20
_NAME_LENGTH_MAX: Final = 60

_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"SQLite format 3", "an SQLite database; export a table of it"),
)


class Decoders:
    """Chooses and keeps the codecs of one run.

    Parameters
    ----------
    options : what the caller asked for
    paths : all files of the run, in which look-ups are sought
    note : is told what a person should know
    """

    def __init__(
        self, options: ReadOptions, paths: Sequence[Path], note: Callable[[str], None]
    ) -> None:
        self._options = options
        self._note = note
        self._lookups = LookupTables(paths)
        self._codecs: dict[str, Any] = {}
        self._left_out: Counter[str] = Counter()
        self._said: set[str] = set()

    # --- what is it ------------------------------------------------------------------------------

    def of_lines(self, chunk: bytes, source: Source) -> Found:
        """Say what the first lines of a source are."""
        forced = self._options.codec
        if forced in ("xapi", "openedx"):
            return Found(forced)
        return sniff_lines(
            chunk, self._looks(source), lambda names: self._codec_of_names(names, source)
        )

    def of_document(self, head: bytes, source: Source) -> Found:
        """Say what a JSON document holds."""
        forced = self._options.codec
        if forced in ("xapi", "openedx"):
            return Found(forced)
        return sniff_document(
            head, self._looks(source), lambda names: self._codec_of_names(names, source)
        )

    def of_names(self, names: Sequence[str], source: Source) -> Found:
        """Say what reads columns of these names."""
        return Found(self._codec_of_names(names, source), tuple(names))

    def why_not(self, head: bytes) -> str:
        """Say why a source is not events, in words for the rejects file."""
        for magic, what in _FOREIGN:
            if head.startswith(magic):
                return what
        if self._options.mapping is not None:
            return f"nothing in it looks like events, and the mapping {self._options.mapping.name} does not fit it"
        if b"\0" in head[:1024]:
            return "a binary file of no form that is known"
        return "nothing in it looks like events; a table needs columns for account and time, or a mapping"

    def lookup_use(self, source: Source) -> str | None:
        """Say what for a file that holds no events is read nevertheless, None if for nothing."""
        if source.path is None:
            return None
        for mapping in self._mappings():
            if names := mapping.lookups_of(source.path.name):
                return f"the mapping {mapping.name} looks up {', '.join(names)} in it"
            if mapping.no_events and fits(source.path.name, mapping.no_events):
                return f"the mapping {mapping.name} says so"
        return None

    def _looks(self, source: Source) -> Looks:
        forced, mapping = self._options.codec, self._options.mapping
        if forced == "moodle":
            return {"moodle": lambda _: True}
        if forced == "table":
            return {}
        if mapping is None:
            return standard_looks()
        fits: Looks = {"table": lambda sample: bool(mapping.specs_for(_file_name(source), sample))}
        return {**fits, **standard_looks()}

    def _mappings(self) -> tuple[TableMapping, ...]:
        return ready_mappings() if self._options.mapping is None else (self._options.mapping,)

    def _codec_of_names(self, names: Sequence[str], source: Source) -> str | None:
        forced = self._options.codec
        if forced == "moodle":
            return "moodle"
        if forced is None and self._may_be_moodle() and MoodleCodec.looks_like_header(names):
            return "moodle"
        return "table" if forced in (None, "table") and self._specs(names, source)[0] else None

    def _may_be_moodle(self) -> bool:
        mapping = self._options.mapping
        return mapping is None or mapping.moodle is not None

    def _specs(
        self, names: Sequence[str], source: Source
    ) -> tuple[tuple[EventSpec, ...], TableMapping | None]:
        if self._options.mapping is None and (spec := spec_of_names(names)) is not None:
            return (spec,), None
        for mapping in self._mappings():
            if specs := mapping.specs_for(_file_name(source), names):
                return specs, mapping
        return (), None

    # --- how is it read --------------------------------------------------------------------------

    def decode_lines(self, found: Found, source: Source) -> DecodeLines:
        """Return what decodes JSON lines."""
        if found.codec != "table":
            decode = self._codec(found.codec).decode
            return lambda chunk, first_line: iter((decode(chunk, first_line),))
        decode_rows = self._rows(found, source)
        reader = row_reader()
        return lambda chunk, first_line: decode_rows(reader.lines(chunk, first_line))

    def decode_document(self, found: Found, source: Source) -> Callable[[bytes], Iterator[Decoded]]:
        """Return what decodes a JSON document."""
        if found.codec == "table":
            decode_rows = self._rows(found, source)
            reader = row_reader()
            return lambda data: decode_rows(reader.document(data))
        codec = self._codec(found.codec)
        if not hasattr(codec, "decode_document"):
            raise StreamFault(
                Reason.NOT_EVENTS,
                f"{found.codec} logs are read one event a line, not as one document",
            )
        return lambda data: iter((codec.decode_document(data),))

    def decode_records(self, found: Found, source: Source) -> DecodeRecords:
        """Return what decodes delimited text."""
        dialect = found.dialect
        assert dialect is not None
        wanted, decode_columns = self._columns(found, source)

        def decode(text: bytes, records: Records, first_line: int) -> Iterator[Decoded]:
            return decode_columns(parse_records(text, records, first_line, dialect, wanted))

        return decode

    def decode_batches(self, found: Found, source: Source) -> tuple[Sequence[str], DecodeBatch]:
        """Return the columns to read and what decodes batches of them."""
        if found.codec != "table":
            wanted, decode_columns = self._columns(found, source)

            def decode(batch: pa.RecordBatch, first_row: int) -> Iterator[Decoded]:
                line = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
                by_name = {name: batch.column(name) for name in batch.schema.names}
                return decode_columns(Columns(*sound_columns(by_name, line)))

            return wanted, decode
        codecs = self._tables(found, source)
        wanted = sorted({name for codec in codecs for name in codec.columns} & set(found.names))

        def decode_all(batch: pa.RecordBatch, first_row: int) -> Iterator[Decoded]:
            for codec in codecs:
                yield self._told(codec.decode_batch(batch, first_row), source)

        return wanted, decode_all

    def _columns(
        self, found: Found, source: Source
    ) -> tuple[Sequence[str], Callable[[Columns], Iterator[Decoded]]]:
        if found.codec == "moodle":
            moodle = self._codec("moodle")

            def decode_log(columns: Columns) -> Iterator[Decoded]:
                decoded = moodle.decode_columns(columns.by_name, columns.line)
                if columns.rejects:
                    yield Decoded(NO_EVENTS, columns.rejects)
                yield self._told(decoded, source)

            return found.names, decode_log
        codecs = self._tables(found, source)

        def decode_table(columns: Columns) -> Iterator[Decoded]:
            return self._each(codecs, columns.by_name, columns.line, columns.rejects, source)

        return sorted(
            {name for codec in codecs for name in codec.columns} & set(found.names)
        ), decode_table

    def _rows(self, found: Found, source: Source) -> Callable[[Any], Iterator[Decoded]]:
        wider = replace(found, names=self._with_optional(found.names))
        codecs = self._tables(wider, source, there=found.names)
        names = sorted({name for codec in codecs for name in codec.columns})

        def decode(items: Any) -> Iterator[Decoded]:  # noqa: ANN401 - Items of rows
            columns, line, rejects = columns_of_rows(items, names)
            return self._each(codecs, columns, line, rejects, source)

        return decode

    def _with_optional(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Add the optional fields that no row of the head has: JSON rows need not have all that later ones have."""
        spec = None if self._options.mapping is not None else spec_of_names(names)
        if spec is None:
            return names
        there = {field for field, _ in spec.fields()}
        there |= {"verb"} | ({"duration_ms"} if "duration" in there else {"duration"})
        return (
            *names,
            *(
                field
                for field in (*ALIASES, *KNOWN_ATTRIBUTES)
                if field not in there and field not in names
            ),
        )

    def _each(
        self,
        codecs: Sequence[TableCodec],
        columns: Any,  # noqa: ANN401 - columns by name
        line: Int64s,
        rejects: Sequence[Reject],
        source: Source,
    ) -> Iterator[Decoded]:
        """Decode the same rows once for each kind of event that they hold; what is no row is rejected once."""
        if rejects:
            yield Decoded(NO_EVENTS, rejects)
        for codec in codecs:
            yield self._told(codec.decode_columns(columns, line), source)

    # --- codecs ----------------------------------------------------------------------------------

    def _codec(self, name: str | None) -> Any:  # noqa: ANN401 - codecs share a form and no base
        if name not in self._codecs:
            self._codecs[str(name)] = self._made(str(name))
        return self._codecs[str(name)]

    def _made(self, name: str) -> Any:  # noqa: ANN401
        from homeroom.events.vocabulary import VerbTable

        verbs = VerbTable.standard() if self._options.verbs is None else self._options.verbs
        if name == "xapi":
            from homeroom.events.xapi import XapiCodec

            return XapiCodec(verbs)
        if name == "openedx":
            from homeroom.events.openedx import OpenedxCodec

            return OpenedxCodec(verbs)
        moodle = (
            MoodleSpec()
            if self._options.mapping is None
            else self._options.mapping.moodle or MoodleSpec()
        )
        return MoodleCodec(verbs, moodle.timezone, DateOrder(moodle.date_order), moodle.issuer)

    def _tables(
        self, found: Found, source: Source, there: Sequence[str] | None = None
    ) -> tuple[TableCodec, ...]:
        """Return a codec for each kind of event; ``there`` are the names that the file has, if not all."""
        specs, mapping = self._specs(found.names, source)
        if not specs:
            raise StreamFault(Reason.NOT_EVENTS, self.why_not(b""))
        if mapping is None:
            self._say_what_is_ignored(specs[0], found.names if there is None else there, source)
            return (TableCodec(specs[0]),)
        if self._options.mapping is None:
            self._note(f"{source.name}: read with the ready mapping {mapping.name}")
        return tuple(TableCodec(spec, self._lookups_for(spec, mapping, source)) for spec in specs)

    def _lookups_for(self, spec: EventSpec, mapping: TableMapping, source: Source) -> list[Lookup]:
        found: list[Lookup] = []
        for name in spec.lookups:
            lookup_spec = mapping.lookup[name]
            lookup = self._lookups.find(lookup_spec, source.path)
            if lookup is not None:
                found.append(lookup)
                continue
            needed = set(lookup_spec.columns) & {
                *spec.time.columns,
                *spec.account.columns,
                *spec.verb.columns,
            }
            missing = (
                f"{' or '.join(lookup_spec.files)}, in which the mapping {mapping.name} looks up"
            )
            if needed:
                raise StreamFault(
                    Reason.NOT_EVENTS, f"{missing} {', '.join(sorted(needed))}, is not beside it"
                )
            self._note(
                f"{source.name}: {missing} {', '.join(lookup_spec.columns)}, is not there; these stay empty"
            )
        return found

    # --- what a person should know ---------------------------------------------------------------

    def say_what_was_left_out(self) -> None:
        """Note how many rows were no events, as the mapping says."""
        for name, count in sorted((+self._left_out).items()):
            self._note(f"{name}: {count:,} rows are no events, as the mapping's `when` says")
        self._left_out.clear()

    def _told(self, decoded: Decoded, source: Source) -> Decoded:
        self._left_out[source.name] += getattr(decoded, "left_out", 0)
        said = source.name in self._said or (
            self._options.mapping is not None and self._options.mapping.moodle is not None
        )
        if getattr(decoded, "zone_assumed", False) and not said:
            self._said.add(source.name)
            self._note(
                f"{source.name}: its times name no zone and were read as UTC; a mapping can name their zone"
            )
        return decoded

    def _say_what_is_ignored(self, spec: EventSpec, names: Sequence[str], source: Source) -> None:
        renamed = [
            f"{field} = {columns.column}"
            for field, columns in spec.fields()
            if columns.column not in ALIASES and columns.column in names
        ]
        if spec.time.column != "time":
            renamed.append(f"time = {spec.time.column}")
        if spec.verb.value is not None:
            renamed.append(f"verb = {spec.verb.value!r} (there is no such column)")
        if renamed:
            self._note(f"{source.name}: read with {', '.join(renamed)}")
        used = set(spec.columns_used)
        ignored = [name for name in names if name not in used]
        if ignored:
            self._note(
                f"{source.name}: columns not read: {_listed(ignored)}; a mapping can say what they are"
            )


def _listed(names: Sequence[str]) -> str:
    """List names of columns for people: a few, and none that may be a person's or is no name at all."""
    told = [name for name in names if len(name) <= _NAME_LENGTH_MAX and not looks_like_mail(name)]
    shown = told[:_NAMES_TOLD_MAX]
    more = len(names) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])


def _file_name(source: Source) -> str:
    return "" if source.path is None else source.path.name
