"""Any table becomes events, as a mapping or its column names say.

The problem: a table has no form of its own, so each cell may be of any type, and a table is also the form in which
the largest files come (Parquet by the hundred million rows). The intuition: columns stay columns. What a column
becomes is a handful of whole-column operations, and only the rows that one of them could not read are taken out,
each with its reason; a clean Parquet column of text passes through without being copied.

The way not taken: one row at a time through a typed object, as statements are read. It is tidier, and thirty times
slower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homeroom.events.cells import (
    Mask,
    as_durations_ms,
    as_flags,
    as_numbers,
    as_text,
    mask_of,
    without,
)
from homeroom.events.celltimes import day_times, read_times
from homeroom.events.jsonlines import Items, JsonReader
from homeroom.events.mapping import EventSpec, FieldSpec, LookupSpec, spec_of_names
from homeroom.events.model import Decoded, Float64s, Int64s, RawEvents, Reason, Reject, Strings

__all__ = [
    "Lookup",
    "TableCodec",
    "TableDecoded",
    "columns_of_rows",
    "looks_like",
    "row_reader",
    "sound_columns",
]

_JOINT: Final = "\x1f"


def looks_like(sample: Mapping[str, object]) -> bool:
    """Say whether one decoded JSON object is a row of a table with the model's own column names."""
    spec = spec_of_names(list(sample))
    if spec is None:
        return False
    used = [sample.get(name) for name in (*spec.account.columns, *spec.time.columns)]
    return all(isinstance(value, str | int | float) for value in used)


@dataclass(frozen=True, slots=True)
class TableDecoded(Decoded):
    """What a table's rows became; ``left_out`` rows are no events, as the mapping's ``when`` says."""

    left_out: int = 0
    zone_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table to look values up in, in memory: columns of text by name, all of one length."""

    spec: LookupSpec
    columns: Mapping[str, pa.Array]

    def added_to(self, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """Return the columns that this adds, null where the key is not found; the first row with a key counts."""
        here = _joined([columns[name] for name in self.spec.key])
        there = _joined([self.columns[name] for name in self.spec.key])
        place = pc.index_in(here, there)
        return {name: self.columns[name].take(place) for name in self.spec.columns}


def _joined(keys: Sequence[pa.Array]) -> pa.Array:
    texts = [as_text(key)[0].cast(pa.string()) for key in keys]
    return pc.binary_join_element_wise(*texts, _JOINT)


class TableCodec:
    """Reads the rows of one table as events.

    Parameters
    ----------
    spec : which column is what
    lookups : the tables that the spec looks values up in; one that is not there leaves its columns empty
    """

    name: Final = "table"

    def __init__(self, spec: EventSpec, lookups: Sequence[Lookup] = ()) -> None:
        self._spec = spec
        self._lookups = tuple(lookups)
        added = {name for lookup in lookups for name in lookup.spec.columns}
        keys = {name for lookup in lookups for name in lookup.spec.key}
        self.columns: tuple[str, ...] = tuple(sorted((set(spec.columns_used) - added) | keys))
        """The columns of the source that are read."""
        self._reader = row_reader()

    def decode(self, chunk: bytes, first_line: int) -> TableDecoded:
        """Decode whole lines, one flat JSON object a line."""
        return self._rows(self._reader.lines(chunk, first_line))

    def decode_document(self, data: bytes) -> TableDecoded:
        """Decode a JSON array of flat objects; the number of the object stands for its line."""
        return self._rows(self._reader.document(data))

    def decode_batch(self, batch: pa.RecordBatch, first_row: int) -> TableDecoded:
        """Decode a record batch; ``first_row`` is the number of its first row, from 1."""
        line = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
        there = set(batch.schema.names)
        found = {name: batch.column(name) for name in self.columns if name in there}
        columns, line, rejects = sound_columns(found, line)
        decoded = self.decode_columns(columns, line)
        return replace(decoded, rejects=[*rejects, *decoded.rejects]) if rejects else decoded

    def decode_columns(self, columns: Mapping[str, pa.Array], line: Int64s) -> TableDecoded:
        """Decode columns by name, all of the length of ``line``; a column that is not there is empty."""
        table = _Rows(dict(columns), line, self._spec.empty)
        for lookup in self._lookups:
            table.add(lookup)
        left_out = table.keep_when(self._spec)
        return _Event(self._spec, table, left_out).decoded()

    def _rows(self, items: Items[dict[str, Any]]) -> TableDecoded:
        columns, line, rejects = columns_of_rows(items, self.columns)
        decoded = self.decode_columns(columns, line)
        return replace(decoded, rejects=[*rejects, *decoded.rejects]) if rejects else decoded


def row_reader() -> JsonReader[dict[str, Any]]:
    """Return a reader of JSON objects as rows."""
    return JsonReader(dict[str, Any], members=("rows", "data", "events"))


def columns_of_rows(
    items: Items[dict[str, Any]], names: Sequence[str]
) -> tuple[dict[str, pa.Array], Int64s, list[Reject]]:
    """Turn rows into columns; a row in which one of the columns holds an object or an array is rejected."""
    columns: dict[str, pa.Array] = {}
    nested = np.zeros(len(items.values), bool)
    for name in names:
        cells = [row.get(name) for row in items.values]
        kinds = set(map(type, cells))
        if kinds & {dict, list}:
            nested |= np.array([isinstance(cell, dict | list) for cell in cells], bool)
        columns[name] = _column(cells, kinds - {type(None)})
    rejects = list(items.rejects)
    line = items.line
    if nested.any():
        rejects += [
            Reject("", n, Reason.WRONG_TYPE, "a cell holds an object or an array")
            for n in line[nested].tolist()
        ]
        columns = {name: column.filter(pa.array(~nested)) for name, column in columns.items()}
        line = line[~nested]
    return columns, line, rejects


def _column(cells: list[Any], kinds: set[type]) -> pa.Array:
    """Return cells as one column: of their type if they have one, else of text (so that no type depends on luck)."""
    if kinds <= {str}:
        return pa.array(cells, pa.string())
    if kinds in ({int}, {bool}):
        try:
            return pa.array(cells, pa.bool_() if bool in kinds else pa.int64())
        except (pa.ArrowInvalid, OverflowError):
            pass
    if kinds == {float}:
        return pa.array(cells, pa.float64())
    return pa.array([_cell_text(cell) for cell in cells], pa.string())


def _cell_text(cell: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return None if cell is None or isinstance(cell, dict | list) else str(cell)


def sound_columns(
    columns: Mapping[str, pa.Array], line: Int64s
) -> tuple[dict[str, pa.Array], Int64s, list[Reject]]:
    """Refuse rows whose text is not UTF-8, which neither Parquet nor Arrow files check.

    Where a column is damaged beyond that (offsets that lie outside of its data), no row is kept, and one reject says
    so: it is not known how many rows there were.
    """
    try:
        return _with_utf8(dict(columns), line)
    except (pa.ArrowException, ValueError, IndexError) as error:
        first = int(line[0]) if len(line) else 1
        detail = f"the rows from {first} on are damaged ({type(error).__name__})"
        empty = {name: pa.array([], pa.string()) for name in columns}
        return empty, line[:0], [Reject("", 0, Reason.UNREADABLE, detail)]


def _with_utf8(
    columns: dict[str, pa.Array], line: Int64s
) -> tuple[dict[str, pa.Array], Int64s, list[Reject]]:
    bad = np.zeros(len(line), bool)
    for name, column in columns.items():
        try:
            column.validate(full=True)
        except (pa.ArrowInvalid, pa.ArrowIndexError):
            text, odd = as_text(_as_bytes(column))
            columns[name] = text
            bad |= False if odd is None else odd
    if not bad.any():
        return columns, line, []
    rejects = [
        Reject("", row, Reason.NOT_UTF8, "a cell is not UTF-8 text") for row in line[bad].tolist()
    ]
    keep = pa.array(~bad)
    return {name: column.filter(keep) for name, column in columns.items()}, line[~bad], rejects


def _as_bytes(column: pa.Array) -> pa.Array:
    """Return text as bytes, once it is sure that its offsets lie within its data (a damaged file's may not)."""
    if pa.types.is_dictionary(column.type):
        values = _as_bytes(column.dictionary)
        return values.take(column.indices)
    if pa.types.is_string(column.type):
        column = column.view(pa.binary())
    elif pa.types.is_large_string(column.type):
        column = column.view(pa.large_binary())
    column.validate(full=True)
    return column.cast(pa.large_binary())


class _Rows:
    """The rows of one chunk while they are read: columns, lines, and which rows are refused and why."""

    def __init__(self, columns: dict[str, pa.Array], line: Int64s, empty: tuple[str, ...]) -> None:
        self.columns = {name: without(column, empty) for name, column in columns.items()}
        self.line = line
        self.rule = np.zeros(
            len(line), np.uint8
        )  # 0: not refused, else a position in `rules`, from 1
        self.rules: list[tuple[Reason, str]] = []

    def __len__(self) -> int:
        return len(self.line)

    def add(self, lookup: Lookup) -> None:
        self.columns.update(lookup.added_to(self.columns))

    def keep_when(self, spec: EventSpec) -> int:
        """Keep the rows that are events, as ``when`` says, and return how many are not."""
        if spec.when is None:
            return 0
        text = as_text(self.column(spec.when.column))[0].cast(pa.string())
        if spec.when.is_:
            kept = pc.is_in(text, pa.array(spec.when.is_, pa.string()))
        else:
            kept = pc.not_equal(text, "").fill_null(fill_value=False)
        left_out = len(self) - int(pc.sum(kept).as_py() or 0)
        if left_out:
            self.columns = {name: column.filter(kept) for name, column in self.columns.items()}
            self.line = self.line[mask_of(kept)]
            self.rule = np.zeros(len(self.line), np.uint8)
        return left_out

    def column(self, name: str) -> pa.Array:
        found = self.columns.get(name)
        return pa.nulls(len(self), pa.string()) if found is None else found

    def source(self, spec: FieldSpec) -> pa.Array:
        """Return the column of a field, joined from several where its spec says so, with its values rewritten."""
        if spec.column is not None and "{" in spec.column:
            column = self._template(spec.column)
        else:
            column = self.column(spec.column or "")
        if not spec.values:
            return column
        text = as_text(column)[0].cast(pa.string())
        place = pc.index_in(text, pa.array(list(spec.values), pa.string()))
        return pc.coalesce(pa.array(list(spec.values.values()), pa.string()).take(place), text)

    def _template(self, template: str) -> pa.Array:
        parts: list[Any] = []
        for n, part in enumerate(_split_braces(template)):
            parts.append(
                pa.scalar(part) if n % 2 == 0 else as_text(self.column(part))[0].cast(pa.string())
            )
        return pc.binary_join_element_wise(*parts, "")

    def refuse(self, odd: Mask | None, reason: Reason, detail: str) -> None:
        if odd is not None:
            self.rules.append((reason, detail))
            self.rule[odd & (self.rule == 0)] = len(self.rules)


def _split_braces(template: str) -> list[str]:
    """Split a template; text stands at even places, column names at odd ones."""
    parts: list[str] = []
    for piece in template.split("{"):
        parts += piece.split("}", 1) if parts else [piece]
    return parts


class _Event:
    """The fields of the events that rows become."""

    def __init__(self, spec: EventSpec, rows: _Rows, left_out: int) -> None:
        self._spec = spec
        self._rows = rows
        self._left_out = left_out
        self._zone_assumed = False

    def decoded(self) -> TableDecoded:
        spec, rows = self._spec, self._rows
        events = RawEvents(
            line=rows.line,
            account=self._column("account", spec.account),
            issuer=self._text("issuer", spec.issuer),
            time=self._time(),
            verb=self._text("verb", spec.verb),
            activity=self._text("activity", spec.activity),
            course=self._optional("course", spec.course),
            event_id=self._optional("id", spec.id),
            track=self._optional("track", spec.track),
            score=self._number("score", spec.score, spec.score_max),
            progress=self._number("progress", spec.progress, spec.progress_max),
            success=self._flags("success", spec.success),
            completion=self._flags("completion", spec.completion),
            duration_ms=self._duration(),
            standing=self._optional("standing", spec.standing),
            section=self._optional("section", spec.section),
            answer=self._optional("answer", spec.answer),
            position_s=self._number("position_s", spec.position_s, None),
            position_from_s=self._number("position_from_s", spec.position_from_s, None),
            length_s=self._number("length_s", spec.length_s, None),
            attributes={
                name: self._column(name, source) for name, source in spec.attributes.items()
            },
        )
        if not rows.rule.any():
            return TableDecoded(events, left_out=self._left_out, zone_assumed=self._zone_assumed)
        bad = np.flatnonzero(rows.rule)
        pairs = zip(rows.line[bad].tolist(), rows.rule[bad].tolist(), strict=True)
        rejects = [Reject("", line, *rows.rules[rule - 1]) for line, rule in pairs]
        return TableDecoded(
            _kept(events, rows.rule == 0),
            rejects,
            left_out=self._left_out,
            zone_assumed=self._zone_assumed,
        )

    def _column(self, name: str, spec: FieldSpec) -> Strings:
        if spec.value is not None:
            return pa.DictionaryArray.from_arrays(
                np.zeros(len(self._rows), np.int32), pa.array([spec.value])
            )
        text, odd = as_text(self._rows.source(spec))
        self._rows.refuse(odd, Reason.WRONG_TYPE, f"{name} is no text")
        return text

    def _text(self, name: str, spec: FieldSpec | None) -> Strings | str:
        if spec is None:
            return ""
        return self._column(name, spec) if spec.value is None else spec.value

    def _optional(self, name: str, spec: FieldSpec | None) -> Strings | None:
        return None if spec is None else self._column(name, spec)

    def _time(self) -> Strings | Int64s:
        spec, rows = self._spec.time, self._rows
        column = rows.source(FieldSpec(spec.column))
        if spec.format == "days" and spec.start is not None:
            times = day_times(column, rows.source(FieldSpec(spec.start)), spec)
        else:
            times = read_times(column, spec)
        if times.odd is not None:
            absent = _absent(column)
            rows.refuse(times.odd & absent, Reason.MISSING_FIELD, "time is empty")
            rows.refuse(times.odd, Reason.TIME_FORMAT, times.detail)
        self._zone_assumed = times.zone_assumed
        return times.time

    def _number(self, name: str, spec: FieldSpec | None, best: float | None) -> Float64s | None:
        if spec is None:
            return None
        numbers, no_number, not_finite = as_numbers(self._source(spec))
        self._rows.refuse(not_finite, Reason.SCORE_NOT_FINITE, f"{name} is not finite")
        self._rows.refuse(no_number, Reason.NUMBER_FORMAT, f"{name} is no number")
        return numbers if best is None else numbers / best

    def _flags(self, name: str, spec: FieldSpec | None) -> Any:  # noqa: ANN401 - an int8 array or None
        if spec is None:
            return None
        flags, odd = as_flags(self._source(spec))
        self._rows.refuse(odd, Reason.WRONG_TYPE, f"{name} is neither yes nor no")
        return flags

    def _duration(self) -> Int64s | None:
        name, spec, unit_ms = "duration_ms", self._spec.duration_ms, 1
        if spec is None:
            name, spec, unit_ms = "duration", self._spec.duration, 1_000
        if spec is None:
            return None
        column = self._source(spec)
        if pa.types.is_duration(column.type):
            column, unit_ms = column.cast(pa.duration("ms"), safe=False).cast(pa.int64()), 1
        durations, odd = as_durations_ms(column, unit_ms)
        self._rows.refuse(odd, Reason.NUMBER_FORMAT, f"{name} is no duration")
        return durations

    def _source(self, spec: FieldSpec) -> pa.Array:
        if spec.value is not None:
            return pa.array([spec.value] * len(self._rows), pa.string())
        return self._rows.source(spec)


def _absent(column: pa.Array) -> Mask:
    absent = mask_of(column.is_null())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        absent |= mask_of(pc.equal(column, "").fill_null(fill_value=True))
    return absent


def _kept(events: RawEvents, keep: Mask) -> RawEvents:
    """Return the events with only the rows that are kept."""
    mask = pa.array(keep)

    def chosen(value: Any) -> Any:  # noqa: ANN401 - a column, a constant or nothing
        if isinstance(value, pa.Array):
            return value.filter(mask)
        return value[keep] if isinstance(value, np.ndarray) else value

    columns = {
        name: chosen(getattr(events, name)) for name in RawEvents.__slots__ if name != "attributes"
    }
    return RawEvents(
        **columns, attributes={name: chosen(value) for name, value in events.attributes.items()}
    )
