"""Parquet and Arrow files become record batches of the wanted columns.

They name their columns at the head or the foot, so which codec reads them is settled before the first batch, and
columns that no event is made of are never decompressed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as pa_ipc
import pyarrow.parquet as pq

from homeroom.adapters.compression import StreamFault
from homeroom.events.model import Reason
from homeroom.events.sniff import Container
from homeroom.limits import BATCH_ROWS

__all__ = ["ColumnarFile", "open_columnar"]

_FAULTS = (pa.ArrowException, OSError, ValueError, KeyError, IndexError, MemoryError, OverflowError)
"""What a damaged file may raise."""


@dataclass(frozen=True, slots=True)
class ColumnarFile:
    """An open file of columns. ``rows`` is None where the file does not say (a stream)."""

    names: tuple[str, ...]
    rows: int | None
    _reader: Any

    def batches(self, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the wanted columns in batches of at most ``limits.BATCH_ROWS``.

        Raises
        ------
        StreamFault
            The file is damaged; what came before is good.
        """
        try:
            for batch in self._batches(list(wanted)):
                batch.validate()
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)
        except _FAULTS as error:
            raise StreamFault(
                Reason.UNREADABLE, f"the file is damaged ({type(error).__name__})"
            ) from error

    def _batches(self, wanted: list[str]) -> Iterator[pa.RecordBatch]:
        if isinstance(self._reader, pq.ParquetFile):
            yield from self._reader.iter_batches(batch_size=BATCH_ROWS, columns=wanted)
        elif isinstance(self._reader, pa_ipc.RecordBatchFileReader):
            for number in range(self._reader.num_record_batches):
                yield self._reader.get_batch(number).select(wanted)
        else:
            for batch in self._reader:
                yield batch.select(wanted)


def open_columnar(container: Container, source: Path | bytes) -> ColumnarFile:
    """Open a Parquet or Arrow file, or the bytes of one.

    Raises
    ------
    StreamFault
        It is not what its first bytes promised.
    """
    try:
        if container is Container.PARQUET:
            parquet = pq.ParquetFile(
                source if isinstance(source, Path) else pa.BufferReader(source)
            )
            return ColumnarFile(
                tuple(parquet.schema_arrow.names), parquet.metadata.num_rows, parquet
            )
        data = pa.memory_map(str(source)) if isinstance(source, Path) else pa.BufferReader(source)
        reader = (
            pa_ipc.open_file(data)
            if container is Container.ARROW_FILE
            else pa_ipc.open_stream(data)
        )
        return ColumnarFile(tuple(reader.schema.names), None, reader)
    except _FAULTS as error:
        detail = f"not a whole {container} ({type(error).__name__})"
        raise StreamFault(Reason.UNREADABLE, detail) from error
