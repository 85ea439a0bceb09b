"""The checks of the door: which events are whole, and why the others are not.

Nearly all chunks hold no bad event, so every check works on a whole column and first asks only *whether* something is
wrong; which lines and why is worked out when something is. An event that breaks several rules is refused for the
first one, in the order in which the door asks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom import limits
from homeroom.events import instants
from homeroom.events.dictionary import ABSENT, DROPPED, INVALID, TOO_LONG
from homeroom.events.model import Float64s, Int32s, Int64s, Reason, Reject, Strings
from homeroom.events.texts import buffers, large_strings

__all__ = [
    "Screened",
    "Verdicts",
    "check_codes",
    "empty",
    "finite",
    "not_negative",
    "text_column",
    "time_column",
]

Flags = npt.NDArray[np.bool_]


class Verdicts:
    """Which events are refused, and why: the first rule broken counts.

    Parameters
    ----------
    count : the number of events
    """

    def __init__(self, count: int) -> None:
        self._rule = np.zeros(count, np.uint16)
        self._rules: list[tuple[Reason, str]] = []

    def refuse(self, bad: Flags, reason: Reason, detail: str) -> None:
        """Refuse the events where ``bad`` is true, if there are any."""
        if bad.any():
            self._rules.append((reason, detail))
            self._rule[bad & (self._rule == 0)] = len(self._rules)

    @property
    def all_good(self) -> bool:
        """Whether no event is refused."""
        return not self._rules

    @property
    def kept(self) -> Flags:
        """Which events are not refused."""
        kept: Flags = self._rule == 0
        return kept

    def rejects(self, line: Int64s, source: str) -> list[Reject]:
        """Return one reject for each event refused."""
        bad = np.flatnonzero(self._rule)
        pairs = zip(line[bad].tolist(), self._rule[bad].tolist(), strict=True)
        return [Reject(source, at, *self._rules[rule - 1]) for at, rule in pairs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """The columns of a chunk half way through the door: checked, but with accounts still in clear.

    ``track`` and ``standing`` are as the source gives them, -1 where it does not. Columns of ``numbers``, ``texts``
    (codes, -1 absent) and ``attributes`` have the names of those of ``EventBatch``.
    """

    account: pa.LargeStringArray
    issuer: Int32s
    time_ms: Int64s
    verb: Int32s
    activity: Int32s
    course: Int32s
    track: Int32s | None
    standing: Int32s | None
    event_id: pa.LargeStringArray | None
    numbers: dict[str, npt.NDArray[Any]]
    texts: dict[str, Int32s]
    attributes: dict[str, Int32s]

    def where(self, kept: Flags) -> "Screened":
        """Return the columns with only the rows that are kept."""
        mask = pa.array(kept)
        return Screened(
            account=self.account.filter(mask),
            issuer=self.issuer[kept],
            time_ms=self.time_ms[kept],
            verb=self.verb[kept],
            activity=self.activity[kept],
            course=self.course[kept],
            track=None if self.track is None else self.track[kept],
            standing=None if self.standing is None else self.standing[kept],
            event_id=None if self.event_id is None else self.event_id.filter(mask),
            numbers={name: column[kept] for name, column in self.numbers.items()},
            texts={name: codes[kept] for name, codes in self.texts.items()},
            attributes={name: codes[kept] for name, codes in self.attributes.items()},
        )


def text_column(field: str, values: Strings, verdicts: Verdicts) -> pa.LargeStringArray:
    """Return a column of text as large strings, absent as empty; refuse what has no UTF-8 form or is too long."""
    try:
        column = large_strings(values)
        if isinstance(values, pa.Array):
            column.validate(full=True)
    except (UnicodeError, pa.ArrowInvalid):
        column = _with_invalid(field, values, verdicts)
    sizes = np.diff(buffers(column).offsets)
    if sizes.max(initial=0) > limits.TEXT_BYTES_MAX:
        verdicts.refuse(sizes > limits.TEXT_BYTES_MAX, *_too_long(field))
    return column


def empty(column: pa.LargeStringArray) -> Flags:
    """Return which texts are empty or absent."""
    offsets = buffers(column).offsets
    nothing: Flags = offsets[1:] == offsets[:-1]
    return nothing


def time_column(values: "Strings | Int64s", verdicts: Verdicts) -> Int64s:
    """Return times in milliseconds; refuse those that are missing, no instants, or out of bounds."""
    if isinstance(values, np.ndarray):
        time_ms, status = instants.check_instants(values)
    else:
        column = text_column("time", values, verdicts)
        time_ms, status = instants.parse_texts(buffers(column))
        if status.any():
            verdicts.refuse(empty(column), Reason.MISSING_FIELD, "time is missing")
    if status.any():
        for code, reason, detail in TIME_RULES:
            verdicts.refuse(status == code, reason, detail)
    return time_ms


TIME_RULES = (
    (instants.FORMAT, Reason.TIME_FORMAT, "time is not ISO 8601, such as 2026-11-23T10:00:00Z"),
    (instants.WITHOUT_ZONE, Reason.TIME_WITHOUT_ZONE, "time has no zone; write Z or an offset"),
    (
        instants.OUT_OF_RANGE,
        Reason.TIME_OUT_OF_RANGE,
        f"time is before {instants.format_instant(limits.TIME_MS_MIN)[:10]} or not before "
        f"{instants.format_instant(limits.TIME_MS_MAX)[:10]}",
    ),
)


def check_codes(field: str, codes: Int32s, verdicts: Verdicts) -> None:
    """Refuse the events whose text may not enter; `ABSENT` may."""
    if codes.min(initial=ABSENT) < ABSENT:
        verdicts.refuse(codes == INVALID, *_not_utf8(field))
        verdicts.refuse(codes == TOO_LONG, *_too_long(field))
        verdicts.refuse(
            codes == DROPPED,
            Reason.WRONG_TYPE,
            f"{field} has more than {limits.DICTIONARY_VALUES_MAX} distinct values",
        )


def finite(field: str, values: Float64s, verdicts: Verdicts) -> None:
    """Refuse the events whose number is infinite; NaN is absent and may pass."""
    infinite = np.isinf(values)
    verdicts.refuse(infinite, Reason.SCORE_NOT_FINITE, f"{field} is not finite")


def not_negative(field: str, values: Float64s, verdicts: Verdicts) -> None:
    """Refuse the events whose number is below 0; NaN is absent and may pass."""
    verdicts.refuse(values < 0, Reason.NUMBER_FORMAT, f"{field} is negative")


def _with_invalid(field: str, values: Strings, verdicts: Verdicts) -> pa.LargeStringArray:
    """Return the column with empty text in place of what has no UTF-8 form, and refuse those events."""
    if isinstance(values, pa.Array):
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        raw = values.cast(pa.large_binary()).to_pylist()
        texts = [None if one is None else one.decode(errors="surrogateescape") for one in raw]
    else:
        texts = list(values)
    bad = np.array([text is not None and not _has_utf8(text) for text in texts], np.bool_)
    verdicts.refuse(bad, *_not_utf8(field))
    return large_strings(["" if wrong else text for text, wrong in zip(texts, bad, strict=True)])


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_long(field: str) -> tuple[Reason, str]:
    return Reason.TEXT_TOO_LONG, f"{field} is longer than {limits.TEXT_BYTES_MAX} bytes"


def _not_utf8(field: str) -> tuple[Reason, str]:
    return Reason.NOT_UTF8, f"{field} is not valid UTF-8"
