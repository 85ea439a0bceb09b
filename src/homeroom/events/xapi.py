"""xAPI statements become events: the codec that has to be quick.

A statement is about a kilobyte of JSON of which an event keeps a dozen fields. The budget for the whole way into
history is four microseconds a statement on one core, and building one Python object with the values of one event
already takes a quarter of that. So nothing here runs once a statement but the decoder (in C, into types that hold
only what is used: `homeroom.events.statements`) and list comprehensions, one a column
(`homeroom.events.statement_columns`); this module cuts chunks into blocks and builds the arrays.

The way not taken: ``pyarrow.json`` builds columns at once, but of 1 MB with one broken line it returns nothing, and
it is slower than this.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypedDict, TypeVar

import numpy as np
import pyarrow as pa

from homeroom.events.jsonlines import JsonReader
from homeroom.events.model import (
    TRACKS,
    Decoded,
    Float64s,
    Int8s,
    Int32s,
    Int64s,
    RawEvents,
    Strings,
)
from homeroom.events.personal import without_accounts
from homeroom.events.statement_columns import StatementColumns
from homeroom.events.statements import Statement
from homeroom.events.vocabulary import VerbTable
from homeroom.limits import TEXT_BYTES_MAX

__all__ = ["XapiCodec", "looks_like"]

K = TypeVar("K", bound=Hashable)

_BLOCK_BYTES: Final = 1 << 20
"""Statements of this many bytes, decoded, stay in the second-level cache."""
_PAIRS_MAX: Final = 256
"""Pairs of verb and type of a chunk of which all are looked up; of more, only those that are met."""
_PAIRS_CACHED: Final = 4_096
_TRACKS: Final = pa.array(TRACKS)


def looks_like(sample: Mapping[str, object]) -> bool:
    """Say whether one decoded JSON object is an xAPI statement: it has an actor, a verb and an object."""
    return all(isinstance(sample.get(part), Mapping) for part in ("actor", "verb", "object"))


class XapiCodec:
    """Decodes xAPI 1.0.3 and 2.0 statements.

    Parameters
    ----------
    verbs : the table that says which verb, on which type of activity, counts for which track
    """

    name: Final = "xapi"

    def __init__(self, verbs: VerbTable) -> None:
        self._by_type = lru_cache(_PAIRS_CACHED)(verbs.by_type)
        self._reader = JsonReader(Statement, members=("statements",))

    def decode(self, chunk: bytes, first_line: int) -> Decoded:
        """Decode whole lines, one statement a line."""
        columns = StatementColumns()
        for block in _blocks(chunk):
            columns.add(self._reader.lines(block, first_line))
            first_line += block.count(b"\n")
        return self._decoded(columns)

    def decode_document(self, data: bytes) -> Decoded:
        """Decode one document: an array of statements, a statement result, or one statement.

        In an array, the number of the statement (from 1) stands where else the line's number does.
        """
        columns = StatementColumns()
        columns.add(self._reader.document(data))
        return self._decoded(columns)

    def _decoded(self, columns: StatementColumns) -> Decoded:
        account = pa.array(columns.account, pa.string())
        activity = pa.array(columns.activity, pa.string())
        verb = _coded(columns.verb)
        events = RawEvents(
            line=np.concatenate([np.empty(0, np.int64), *columns.line]),
            account=account,
            issuer=_one_or_coded(columns.issuer),
            time=pa.array(columns.time, pa.string()),
            verb=verb,
            activity=without_accounts(activity, account),
            course=without_accounts(_coded(columns.course), account),
            event_id=pa.array(columns.event_id, pa.string()),
            track=self._tracks(verb, columns.kind),
            attributes=_attributes(columns, account),
            **_results(columns),
        )
        return Decoded(events, columns.rejects)

    def _tracks(self, verb: pa.DictionaryArray, kind: list[str]) -> Strings | None:
        """Return the track of each event whose verb says too little, so that the activity's type decides."""
        verbs: list[str] = verb.dictionary.to_pylist()
        codes, kinds = _codes(kind)
        pairs = verb.indices.to_numpy() * len(kinds) + codes
        if len(verbs) * len(kinds) <= _PAIRS_MAX:
            places, met = pairs, list(range(len(verbs) * len(kinds)))
        else:
            places, met = _codes(pairs.tolist())
        decided = np.array(
            [self._decided(verbs[p // len(kinds)], kinds[p % len(kinds)]) for p in met], np.int8
        )
        if decided.max(initial=-1) < 0:
            return None
        tracks = decided[places]
        return pa.DictionaryArray.from_arrays(pa.array(tracks, mask=tracks < 0), _TRACKS)

    def _decided(self, verb: str, kind: str) -> int:
        # What is too long for an event is too long to be remembered here.
        long = len(verb) > TEXT_BYTES_MAX or len(kind) > TEXT_BYTES_MAX
        return -1 if long else self._by_type(verb, kind)


def _blocks(chunk: bytes) -> Iterator[bytes]:
    """Cut a chunk after line ends."""
    start = 0
    while start < len(chunk):
        end = chunk.find(b"\n", start + _BLOCK_BYTES) + 1 or len(chunk)
        yield chunk[start:end]
        start = end


def _attributes(columns: StatementColumns, account: pa.Array) -> dict[str, Strings]:
    return {
        name: without_accounts(_coded(values), account)
        for name, values in (("platform", columns.platform), ("language", columns.language))
        if values.count(None) != len(values)
    }


class _ResultColumns(TypedDict, total=False):
    score: Float64s
    progress: Float64s
    success: Int8s
    completion: Int8s
    duration_ms: Int64s


def _results(columns: StatementColumns) -> _ResultColumns:
    """Return the columns that any result fills."""
    count = len(columns.score)
    filled: _ResultColumns = {}
    if columns.progress.count(None) != count:
        filled["progress"] = _numbers(columns.progress)
    if columns.score.count(None) != count:
        filled["score"] = _numbers(columns.score)
    if columns.success.count(None) != count:
        filled["success"] = _flags(columns.success)
    if columns.completion.count(None) != count:
        filled["completion"] = _flags(columns.completion)
    if columns.duration_ms.count(-1) != count:
        filled["duration_ms"] = np.array(columns.duration_ms, np.int64)
    return filled


def _numbers(values: list[float | None]) -> Float64s:
    """Write numbers as an array; absent is NaN."""
    column: Float64s = pa.array(values, pa.float64()).to_numpy(zero_copy_only=False)
    return column


def _flags(values: list[bool | None]) -> Int8s:
    return np.array([-1 if value is None else value for value in values], np.int8)


class _Numbering(dict[K, int]):
    """Gives each new key the next number."""

    def __missing__(self, key: K) -> int:
        number = self[key] = len(self)
        return number


def _codes(values: Sequence[K]) -> tuple[Int32s, list[K]]:
    """Return for each value its number, in the order met, and the distinct values by number."""
    numbering = _Numbering[K]()
    codes = np.fromiter(map(numbering.__getitem__, values), np.int32, len(values))
    return codes, list(numbering)


def _coded(values: Sequence[str | None]) -> pa.Array:
    """Write a column of few distinct texts as a dictionary; absent ones are null in the codes."""
    codes, texts = _codes(values)
    absent = None
    if None in texts:
        absent = codes == texts.index(None)
        texts[texts.index(None)] = ""
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=absent), pa.array(texts, pa.string())
    )


def _one_or_coded(values: list[str]) -> Strings | str:
    """Write a column as one text where all values are the same."""
    if values and values.count(values[0]) == len(values):
        return values[0]
    return _coded(values)
