"""Cells of a table, of whatever type, become the text, numbers and yes-or-no of an event.

The problem: the same user id is an integer in Parquet, a text in CSV, a float where pandas met a gap, and a
dictionary code in a data lake; and one cell that is wrong must cost its row and not the column. The intuition: Arrow
converts whole columns quickly but gives up as a whole, so each conversion is first asked of the column, and only a
column that fails is looked at value by value. What a value becomes never depends on its neighbours, or the cutting
of a file into chunks would show in its events.

Every function returns its column and where it could not: a mask, or None if there is nothing wrong.
"""

import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from homeroom.events.model import Float64s, Int8s, Int64s
from homeroom.events.statements import duration_ms

__all__ = [
    "Mask",
    "as_durations_ms",
    "as_flags",
    "as_numbers",
    "as_text",
    "is_text",
    "mask_of",
    "without",
]

Mask: TypeAlias = npt.NDArray[np.bool_]

_FLAGS: Final = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "1.0"), 1),
    **dict.fromkeys(("0", "false", "f", "no", "n", "0.0"), 0),
}
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[+-]?(nan|inf(inity)?)\Z", re.IGNORECASE)


def is_text(array: pa.Array) -> bool:
    """Say whether an array is text, or a dictionary of texts."""
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def mask_of(array: pa.Array) -> Mask:
    """Return a Boolean Arrow array without nulls as a NumPy mask."""
    mask: Mask = array.to_numpy(zero_copy_only=False)
    return mask


def without(array: pa.Array, texts: tuple[str, ...]) -> pa.Array:
    """Return an array of text in which the given texts are null."""
    if not texts or not is_text(array):
        return array
    hollow = pc.is_in(array, pa.array(texts, pa.string()))
    return pc.if_else(hollow, pa.scalar(None, array.type), array)


def as_text(array: pa.Array) -> tuple[pa.Array, Mask | None]:  # noqa: PLR0911 - one return a family of types
    """Return a column as text (string, large string, or a dictionary of these); what holds no text is marked.

    Integers become their digits; a float that is whole becomes the digits of its integer, since that is what a
    column of ids with a gap in it comes as. Bytes are read as UTF-8.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        if not is_text(array):
            return as_text(array.dictionary_decode())
        if pa.types.is_string_view(kind.value_type):
            return array.dictionary_decode().cast(pa.string()), None
        return (array if kind.index_type == pa.int32() else _with_int32_codes(array)), None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array, None
    if pa.types.is_floating(kind):
        return _float_text(array.cast(pa.float64())), None
    if (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    ):
        return _bytes_text(array)
    try:
        return array.cast(pa.string()), None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(array), pa.string()), mask_of(array.is_valid())


def _with_int32_codes(array: pa.DictionaryArray) -> pa.Array:
    try:
        return pa.DictionaryArray.from_arrays(array.indices.cast(pa.int32()), array.dictionary)
    except pa.ArrowInvalid:
        return array.dictionary_decode()


def _float_text(array: pa.Array) -> pa.Array:
    values = array.to_numpy(zero_copy_only=False)
    absent = np.isnan(values)
    whole = (np.floor(values) == values) & (np.abs(values) < 2**53)
    digits = np.where(whole, values, 0).astype(np.int64)
    if bool((whole | absent).all()):
        return pa.array(digits, mask=absent).cast(pa.string())
    texts = [
        repr(v) if not w else str(d)
        for v, w, d in zip(values.tolist(), whole.tolist(), digits.tolist(), strict=True)
    ]
    return pa.array(texts, pa.string(), mask=absent)


def _bytes_text(array: pa.Array) -> tuple[pa.Array, Mask | None]:
    array = array.cast(pa.large_binary())
    try:
        return array.cast(pa.large_string()), None
    except pa.ArrowInvalid:
        texts = [_decoded(value) for value in array.to_pylist()]
        column = pa.array(texts, pa.large_string())
        return column, mask_of(column.is_null()) & mask_of(array.is_valid())


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def as_numbers(array: pa.Array) -> tuple[Float64s, Mask | None, Mask | None]:
    """Return a column as numbers, NaN where a cell is empty; then what is no number, then what is not finite."""
    if is_text(array):
        return _text_numbers(array)
    kind = array.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (numeric or pa.types.is_null(kind)):
        return np.full(len(array), np.nan), _some(mask_of(array.is_valid())), None
    values: Float64s = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    odd = ~np.isfinite(values)
    if odd.any():
        odd &= mask_of(array.is_valid())
    return values, None, _some(odd)


def _text_numbers(array: pa.Array) -> tuple[Float64s, Mask | None, Mask | None]:
    text = _filled(array)
    try:
        values: Float64s = text.cast(pa.float64()).to_numpy(zero_copy_only=False)
        # Arrow also reads "nan" and "inf", which are not what anybody counts with.
        odd = ~np.isfinite(values) & mask_of(text.is_valid())
        if not odd.any():
            return values, None, None
    except pa.ArrowInvalid:
        pass
    cells: list[str] = ["" if cell is None else cell.strip() for cell in text.to_pylist()]
    values = np.array([float(c) if _NUMBER.match(c) else math.nan for c in cells], np.float64)
    not_finite: Mask = np.array(
        [_NOT_FINITE.match(c) is not None for c in cells], np.bool_
    ) | np.isinf(values)
    no_number: Mask = np.array([bool(c) for c in cells], np.bool_) & np.isnan(values) & ~not_finite
    return np.where(not_finite, np.nan, values), _some(no_number), _some(not_finite)


def _filled(array: pa.Array) -> pa.Array:
    """Return text as plain strings, null where it is empty."""
    text = array.cast(pa.string())
    if pc.any(pc.equal(pc.binary_length(text), 0)).as_py():
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return text


def as_flags(array: pa.Array) -> tuple[Int8s, Mask | None]:
    """Return a column as 1 (yes), 0 (no) or -1 (empty), and what is neither."""
    text, odd = as_text(array)
    return _by_value(text, lambda cell: _FLAGS.get(cell.strip().lower()), np.int8, odd)


def as_durations_ms(array: pa.Array, unit_ms: int) -> tuple[Int64s, Mask | None]:
    """Return a column as milliseconds, -1 where it is empty, and what is no duration.

    Numbers count ``unit_ms`` milliseconds each; a text may also be an ISO 8601 duration (``PT5M30S``).
    """
    numbers, no_number, not_finite = as_numbers(array)
    if no_number is None and not_finite is None:
        return _milliseconds(numbers, unit_ms)
    odd = np.zeros(len(array), bool)
    for mask in (no_number, not_finite):
        odd |= False if mask is None else mask
    text, _ = as_text(array)
    spelt, no_duration = _by_value(text.filter(pa.array(odd)), _iso_duration, np.int64, None)
    whole, negative = _milliseconds(np.where(odd, 0, numbers), unit_ms)
    whole[odd] = spelt
    odd[odd] = no_duration if no_duration is not None else False
    return whole, _some(odd if negative is None else odd | negative)


def _milliseconds(numbers: Float64s, unit_ms: int) -> tuple[Int64s, Mask | None]:
    absent = np.isnan(numbers)
    odd = (numbers < 0) | (numbers >= 2**53 / unit_ms)
    sound = np.where(absent | odd, 0, numbers)
    return np.where(absent | odd, -1, (sound * unit_ms).round()).astype(np.int64), _some(odd)


def _iso_duration(text: str) -> int | None:
    value = duration_ms(text.strip())
    return value if value >= 0 else None


def _by_value(
    text: pa.Array,
    convert: Callable[[str], int | None],
    dtype: npt.DTypeLike,
    odd: Mask | None,
) -> tuple[npt.NDArray[Any], Mask | None]:
    """Convert each distinct text once; empty is -1, and what cannot be converted is marked."""
    coded = text if pa.types.is_dictionary(text.type) else text.dictionary_encode()
    values = coded.dictionary.to_pylist()
    converted = [-1 if not value or value.isspace() else convert(value) for value in values]
    table = np.array([-1 if value is None else value for value in converted] + [-1], dtype)
    wrong = np.array([value is None for value in converted] + [False], bool)
    codes = coded.indices.cast(pa.int64()).fill_null(len(values)).to_numpy(zero_copy_only=False)
    bad = wrong[codes] if odd is None else wrong[codes] | odd
    return table[codes], _some(bad)


def _some(mask: Mask) -> Mask | None:
    return mask if mask.any() else None
