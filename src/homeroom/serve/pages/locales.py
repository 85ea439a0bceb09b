"""Numbers and dates as a reader writes them, by the languages that a browser asks for.

A table of a few locales and not a library of all: what differs is three signs. A locale that is not in the table is
written as its language is, and a language that is not, in English.
"""

import datetime as dt
import functools
import math
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from homeroom.serve.looks.texts import LANGUAGES

__all__ = ["Locale", "language_of", "locale_of"]

_TAG: Final = re.compile(r"([a-z]{2,3})(?:-[a-z]{4})?(?:-([a-z]{2}))?", re.IGNORECASE)
_WISHES_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Locale:
    """How a reader writes.

    Parameters
    ----------
    tag : which locale it is
    thousands, decimal : the signs in numbers
    date_form : of dates, as `datetime.date.strftime` takes it
    """

    tag: str
    thousands: str
    decimal: str
    date_form: str

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number with so many digits after the decimal sign."""
        text = f"{value:,.{digits}f}"
        return text.translate({ord(","): self.thousands, ord("."): self.decimal})

    def share(self, value: float, digits: int = 1) -> str:
        """Write a share as a percentage; one that is none as a dash."""
        return "\u2013" if math.isnan(value) else f"{self.number(100 * value, digits)}%"

    def date(self, date: dt.date) -> str:
        """Write a date."""
        return date.strftime(self.date_form)

    def instant(self, ms: int, zone: str) -> str:
        """Write an instant, milliseconds since 1970 UTC, to the minute, as clocks of a zone show it."""
        when = dt.datetime.fromtimestamp(ms / 1_000, ZoneInfo(zone))
        return f"{self.date(when.date())}, {when:%H:%M} {when:%Z}"


def language_of(accepted: str) -> str:
    """Return the language of the texts for an ``Accept-Language`` (RFC 9110, 12.5.4)."""
    wished = (tag.partition("-")[0] for tag in _wishes(accepted))
    return next((one for one in wished if one in LANGUAGES), LANGUAGES[0])


def locale_of(accepted: str) -> Locale:
    """Return how numbers and dates are written for an ``Accept-Language``."""
    known = _known()
    for tag in _wishes(accepted):
        for one in (tag, tag.partition("-")[0]):
            if one in known:
                return known[one]
    return known["en"]


def _wishes(accepted: str) -> list[str]:
    """Return the tags that are asked for, the most wanted first."""
    found = []
    for place, piece in enumerate(accepted.split(",")[:_WISHES_MAX]):
        tag, _, weight = piece.partition(";")
        match = _TAG.fullmatch(tag.strip())
        if match is None:
            continue
        language, region = match[1].lower(), match[2]
        wanted = _weight(weight)
        if wanted > 0:
            found.append((-wanted, place, f"{language}-{region.upper()}" if region else language))
    return [tag for _, _, tag in sorted(found)]


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


@functools.cache
def _known() -> dict[str, Locale]:
    file = resources.files("homeroom.serve.pages").joinpath("locales.toml")
    written = tomllib.loads(file.read_text(encoding="utf-8"))
    return {
        tag: Locale(tag, one["group"], one["decimal"], one["date"]) for tag, one in written.items()
    }
