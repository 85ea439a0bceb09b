"""Numbers and dates by the languages that a browser asks for."""

import datetime as dt

import pytest

from homeroom.serve.pages.locales import language_of, locale_of

DAY = dt.date(2026, 3, 9)
NARROW = "\u202f"


@pytest.mark.parametrize(
    ("accepted", "number", "date"),
    [
        ("", "1,234,567.8", "9 Mar 2026"),
        ("en-US,en;q=0.9", "1,234,567.8", "Mar 9, 2026"),
        ("en-GB", "1,234,567.8", "9 Mar 2026"),
        ("de", "1.234.567,8", "09.03.2026"),
        ("de-CH;q=0.9, fr;q=0.8", "1\u2019234\u2019567.8", "09.03.2026"),
        ("de-AT", "1.234.567,8", "09.03.2026"),
        ("xx, ja;q=0.5, en;q=0.1", "1,234,567.8", "2026/03/09"),
        ("fr;q=0, sv", "1\u00a0234\u00a0567,8", "2026-03-09"),
        ("fr", f"1{NARROW}234{NARROW}567,8", "09/03/2026"),
        ("*, ;;;q=, " + "a" * 9_999, "1,234,567.8", "9 Mar 2026"),
        ("zh-Hans-CN", "1,234,567.8", "2026/03/09"),
    ],
)
def test_a_number_and_a_date(accepted, number, date):
    locale = locale_of(accepted)
    assert locale.number(1_234_567.8, 1) == number
    assert locale.date(DAY) == date


def test_shares_and_instants():
    german = locale_of("de")
    assert german.share(0.1234) == "12,3%"
    assert german.share(float("nan")) == "–"
    assert german.instant(1_795_428_000_000, "Asia/Tokyo") == "23.11.2026, 19:00 JST"


def test_texts_are_in_a_language_that_there_is_a_catalogue_of():
    assert language_of("tlh, de;q=0.5") == "en"
    assert language_of("en-AU") == "en"
