"""What a state keeps of a person, as a person can read it: events and rows as plain data, with texts in place of codes.

Columns are for machines that scan millions; one person's copy is read by somebody who wants to know what is there, and
by programs of another school that take it over. So every event is an object with the names that clients send, and a
value that is not there is left out.

The way not taken is the segment's own Parquet: whole, exact, and of use to nobody who asked.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from homeroom.errors import RightsError
from homeroom.events.columns import (
    ATTRIBUTE_PREFIX,
    COPY_COLUMNS,
    EVENT_COLUMNS,
    Column,
    is_text,
    joined_columns,
    to_arrow,
)
from homeroom.events.dictionary import Dictionaries
from homeroom.events.instants import format_instant
from homeroom.limits import ARCHIVE_BYTES_MAX
from homeroom.log.consents import EVERYTHING
from homeroom.state.consents import Stated
from homeroom.state.person import Kept

__all__ = ["events_as_csv", "told_consents", "told_events", "told_row"]

_EVENTS_MAX: Final = ARCHIVE_BYTES_MAX // 250
"""An event has some 250 bytes as JSON."""
_LEFT_OUT: Final = frozenset({"identity_hi", "identity_lo", "id_hash", "time_ms"})
"""Hashes that say nothing to anybody; the time is told as text."""


def told_events(kept: Kept, texts: Dictionaries) -> list[dict[str, Any]]:
    """Return the events of a person as plain data. Raises `RightsError` if they are too many for one archive."""
    count = len(kept.events)
    if count > _EVENTS_MAX:
        raise RightsError(
            f"{count:,} events are kept of this person, more than the {_EVENTS_MAX:,} that one archive holds; "
            f"read the segments of history of the data directory"
        )
    columns = joined_columns([kept.events])
    keys = zip(columns.pop("key_hi").tolist(), columns.pop("key_lo").tolist(), strict=True)
    told: list[dict[str, Any]] = [{"learner": f"{hi:016x}{lo:016x}"} for hi, lo in keys]
    for one, time_ms in zip(told, columns["time_ms"].tolist(), strict=True):
        one["time"] = format_instant(time_ms)
    for name, column in columns.items():
        if name in _LEFT_OUT or name in COPY_COLUMNS:
            continue
        absent = EVENT_COLUMNS[name][1] if name in EVENT_COLUMNS else None
        for one, value in zip(told, _read(name, column, texts), strict=True):
            if value is not None and value != absent and value == value:  # noqa: PLR0124 - none is NaN
                one[name] = value
    for one, is_voided in zip(told, kept.voided.tolist(), strict=True):
        one["voided"] = is_voided
    return told


def _read(name: str, column: Column, texts: Dictionaries) -> list[Any]:
    """Return a column as plain values, ids as they may be shown."""
    if not is_text(name):
        found: list[Any] = to_arrow(name, column, texts).to_pylist()
        return found
    attribute = name.removeprefix(ATTRIBUTE_PREFIX)
    dictionary = texts.attributes[attribute] if attribute != name else getattr(texts, name)
    values = dictionary.values
    return [None if code < 0 else values[code] for code in column.tolist()]


def events_as_csv(told: Sequence[Mapping[str, Any]]) -> bytes:
    """Return events as a table: UTF-8 with a line of names (RFC 4180)."""
    names = list(dict.fromkeys(name for one in told for name in one))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in one.items()} for one in told)
    return text.getvalue().encode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def told_row(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a row with its times as text."""
    return None if row is None else {name: _told(value) for name, value in row.items()}


def _told(value: Any) -> Any:  # noqa: ANN401 - plain data
    if not isinstance(value, Mapping):
        return value
    if "set_ms" in value:
        return {"value": value["value"], "since": format_instant(value["set_ms"])}
    return {name: _told(one) for name, one in value.items()}


def told_consents(stated: Sequence[Stated]) -> list[dict[str, Any]]:
    """Return consents and restrictions as plain data."""
    return [
        {
            "id": one.identity.hex(),
            "learner": one.consent.key.hex(),
            "purpose": None if one.consent.purpose == EVERYTHING else one.consent.purpose,
            "says": one.consent.says.value,
            "at": format_instant(one.consent.at_ms),
            "stands": one.stands,
        }
        for one in stated
    ]
