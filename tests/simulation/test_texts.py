"""Accounts, ids and times as text; lines made of slots."""

import datetime as dt
import re

import numpy as np
import pytest

from homeroom.simulation.sessions import EVENT
from homeroom.simulation.texts import Fixed, LineFormat, Pieces, Texts

START = dt.date(2024, 2, 28)
DATES = [START + dt.timedelta(days=day) for day in range(4)]


def texts(learners: int = 50, accounts: str = "short") -> Texts:
    return Texts(learners, accounts, np.uint64(9), DATES)


def events(**fields) -> np.ndarray:
    length = max(len(values) for values in fields.values())
    made = np.zeros(length, EVENT)
    made["time_ms"] = ms(dt.datetime(2024, 2, 28, tzinfo=dt.UTC))
    for name, values in fields.items():
        made[name] = values
    return made


def ms(instant: dt.datetime) -> int:
    return int(instant.timestamp()) * 1000 + instant.microsecond // 1000


def decoded(written: np.ndarray) -> list[str]:
    return [bytes(row).decode() for row in written]


def test_a_short_account_is_a_padded_number_from_one():
    written = texts().accounts(events(learner=[0, 8, 49]))
    assert decoded(written) == ["learner-000001", "learner-000009", "learner-000050"]


def test_accounts_grow_with_the_world_so_that_all_have_one_width():
    written = texts(20_000_000).accounts(events(learner=[0, 19_999_999]))
    assert decoded(written) == ["learner-00000001", "learner-20000000"]


def test_a_long_account_has_27_bytes_that_hardly_repeat():
    written = decoded(texts(accounts="long").accounts(events(learner=[0, 1, 0])))
    assert all(re.fullmatch(r"learner-\d{9}-[0-9a-f]{9}", account) for account in written)
    assert written[0] == written[2]
    assert written[0][-9:] != written[1][-9:]


@pytest.mark.parametrize(
    "instant",
    [
        dt.datetime(2024, 2, 28, tzinfo=dt.UTC),
        dt.datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=dt.UTC),
        dt.datetime(2024, 3, 1, 10, 5, 7, 40_000, tzinfo=dt.UTC),
    ],
)
def test_a_time_is_iso_8601_in_utc(instant):
    written = decoded(texts().times(events(time_ms=[ms(instant)])))
    assert written == [instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")]


def test_an_id_is_a_uuid_with_version_and_variant():
    made = events(id_high=[0, 2**64 - 1], id_low=[0, 2**64 - 1])
    assert decoded(texts().ids(made)) == [
        "00000000-0000-4000-8000-000000000000",
        "ffffffff-ffff-4fff-bfff-ffffffffffff",
    ]


def test_a_line_is_its_slots_in_order():
    form = LineFormat(
        [
            "<",
            Fixed.ACCOUNT,
            "|",
            Pieces("kind", ["a", "", "é"]),
            ";",
            Pieces("country", ["X", "YY"]),
            ">\n",
        ]
    )
    written = form.lines(events(learner=[0, 1, 2], kind=[2, 1, 0], country=[0, 1, 0]), texts())
    assert bytes(written).decode() == (
        "<learner-000001|é;X>\n<learner-000002|;YY>\n<learner-000003|a;X>\n"
    )
