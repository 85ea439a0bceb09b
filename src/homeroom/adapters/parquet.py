"""Accounts and times of Parquet files, row group by row group, for a scan.

Two ways lead out of a row group. The quick one reads the pages of the two columns itself (`homeroom.events.pages`);
the other gives the group to Arrow and to the codec that `homeroom read` uses, a batch at a time, and is taken
whenever the quick one meets something that it does not know. Both yield the same `Accounts`, so what a scan counts
does not depend on how a file was written.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from homeroom.adapters.compression import StreamFault
from homeroom.events.mapping import EventSpec, FieldSpec
from homeroom.events.model import Decoded, Int64s, RawEvents, Reason, Reject, Strings
from homeroom.events.pages import Buffers, Column, PageError, Present, read_texts, read_words
from homeroom.events.siplanes import Spans
from homeroom.events.table import TableCodec
from homeroom.events.texts import buffers, sealed
from homeroom.limits import BATCH_ROWS, SCAN_GROUP_ROWS_MAX, TIME_MS_MAX, TIME_MS_MIN

__all__ = ["Accounts", "Group", "ScanFile", "open_scan_file"]

CODECS: Final = {
    "SNAPPY": "snappy",
    "ZSTD": "zstd",
    "GZIP": "gzip",
    "BROTLI": "brotli",
    "UNCOMPRESSED": None,
}
"""What pages may be compressed with. ``LZ4`` stands for two forms in old files, and is left to Arrow."""
"""placeholder"""
