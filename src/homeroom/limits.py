"""Every bound of homeroom, in one file, each with what it protects.

A bound that is met ends in a counted reject or in a clear error, never in a crash or a silent cut. Invariants
between bounds are asserted at the foot of the file, so that a change that breaks one cannot be imported.
"""

from typing import Final

# --- reading ---------------------------------------------------------------------------------------------------
CHUNK_BYTES: Final = 1 << 20
"""Text is decoded in chunks of about this size, so that one broken line costs one chunk's second look."""
LINE_BYTES_MAX: Final = 16 << 20
"""A longer line is rejected and skipped without being held in memory (a statement is about 1 kB)."""
DECOMPRESSED_BYTES_FREE: Final = 256 << 20
"""The ratio of a compressed file is not judged before it has grown to this size."""
DECOMPRESSION_RATIO_MAX: Final = 400
"""Logs compress 5 to 60 times; gzip cannot exceed 1032. Beyond this the rest of the file is refused as a bomb."""
JSON_DEPTH_MAX: Final = 64
"""Deeper nesting is refused before a recursive decoder sees it."""

# --- events ----------------------------------------------------------------------------------------------------
TIME_MS_MIN: Final = 631_152_000_000
"""1990-01-01T00:00:00Z: what is older is a broken clock (epoch 0, year 0), not learning."""
TIME_MS_MAX: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z, excluded: year 3000 is a broken clock."""
ATTRIBUTE_VALUES_MAX: Final = 1_000
"""Distinct values of one attribute. An attribute with more identifies people; its further values are dropped,
counted, and said."""
ATTRIBUTES_MAX: Final = 32
"""Attributes of a data set."""
TEXT_BYTES_MAX: Final = 4_096
"""A verb, activity, course, id or account that is longer is a reject."""

# --- state -----------------------------------------------------------------------------------------------------
PARTITIONS: Final = 16
"""The subject tables are cut by the top bits of the key: two threads fold without locks, and a partition's index
stays in the processor's cache. A power of two."""
DAYS_PER_WORD: Final = 63
"""Nine whole weeks; the top bit stays clear."""

# --- questions -------------------------------------------------------------------------------------------------
PERIODS_MAX: Final = 2_500
"""Periods of one question; a triangle has half the square of it in cells."""
BREAKDOWN_VALUES_MAX: Final = 25
"""Values of a breakdown that are shown; the rest is said, and joined in `(other)`."""

assert PARTITIONS & (PARTITIONS - 1) == 0
assert DAYS_PER_WORD % 7 == 0
assert DAYS_PER_WORD < 64
assert CHUNK_BYTES < LINE_BYTES_MAX < DECOMPRESSED_BYTES_FREE
