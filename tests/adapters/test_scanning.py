"""The scan as threads do it: what was refused, what was cut off, and what only Arrow can read, all counted alike."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import homeroom as hr
from tests.cohorts.engine import key_file

START_MS = 1_704_067_200_000
DAY_MS = 86_400_000


def events(accounts: list[str | None] | list[bytes], step_ms: int = 60_000) -> pa.Table:
    """Return events in the order of time, one a step."""
    kind = pa.binary() if any(isinstance(one, bytes) for one in accounts) else pa.string()
    account = pa.array(accounts, kind)
    if kind == pa.binary():
        account = account.view(pa.string())  # not checked, like a file
    time = pa.array(
        START_MS + np.arange(len(accounts)) * step_ms, pa.timestamp("ms", "UTC"), safe=False
    )
    return pa.table({"account": account, "time": time, "verb": ["viewed"] * len(accounts)})


def both(place, timezone="UTC"):
    """Return the scan and the read of a file, after they agreed on what they counted."""
    days = hr.scan(place, key=key_file(), timezone=timezone)
    whole = hr.read(place, key=key_file(), timezone=timezone)
    for name in ("rejected_by_reason", "events_read", "learners", "first_event", "last_event"):
        assert getattr(days.source, name) == getattr(whole.source, name), name
    ours, theirs = (data.retention(interval="day").figures() for data in (days, whole))
    assert ours == theirs
    return days


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Kathmandu"])
def test_a_log_in_the_order_of_time_is_cut_into_its_days(tmp_path, timezone):
    names = [f"learner number {n % 37}" for n in range(5_000)]
    pq.write_table(
        events(names),
        tmp_path / "log.parquet",
        data_page_size=2_000,
        write_batch_size=200,
        row_group_size=1_500,
    )
    both(tmp_path / "log.parquet", timezone)


@pytest.mark.parametrize("refused", [0, 700, 1_999])
def test_the_newest_event_is_one_that_counts_even_where_bounds_were_enough(tmp_path, refused):
    names: list[str | None] = [f"learner number {n % 37}" for n in range(2_000)]
    names[refused] = None
    pq.write_table(
        events(names),
        tmp_path / "log.parquet",
        data_page_size=2_000,
        write_batch_size=200,
        row_group_size=700,
    )
    days = both(tmp_path / "log.parquet")
    assert days.source.rejected_by_reason == {"missing_field": 1}


def test_rejects_name_the_row_and_stand_in_order(tmp_path):
    accounts = [b"a fine account"] * 100
    for row, account in {3: b"", 42: b"bro\xffken account", 77: b"x" * 5_000}.items():
        accounts[row] = account
    pq.write_table(events(accounts), tmp_path / "log.parquet", row_group_size=40)
    both(tmp_path / "log.parquet")
    files = [tmp_path / "scan.jsonl", tmp_path / "read.jsonl"]
    for file, take in zip(files, (hr.scan, hr.read), strict=True):
        take(tmp_path / "log.parquet", key=key_file(), rejects=file)
    scanned, read = (sorted(file.read_text().splitlines()) for file in files)
    assert scanned == read
    assert [row in files[0].read_text() for row in ('"line":4', '"line":43', '"line":78')] == [
        True
    ] * 3


def test_accounts_of_two_issuers_are_two_learners(tmp_path):
    table = events(["ann", "ann", "bob"]).append_column("issuer", pa.array(["a", "b", None]))
    pq.write_table(table, tmp_path / "log.parquet")
    assert both(tmp_path / "log.parquet").source.learners == 3


def test_a_file_that_is_damaged_in_the_middle_loses_only_its_row_group(tmp_path):
    names = [f"learner number {n}" for n in range(3_000)]
    pq.write_table(
        events(names), tmp_path / "log.parquet", row_group_size=1_000, use_dictionary=False
    )
    chunk = pq.read_metadata(tmp_path / "log.parquet").row_group(1).column(0)
    with (tmp_path / "log.parquet").open("r+b") as file:
        file.seek(chunk.data_page_offset)
        file.write(b"\xff" * 40)
    source = hr.scan(tmp_path / "log.parquet", key=key_file()).source
    assert source.rejected_by_reason == {"unreadable": 1}
    assert source.events_accepted == 2_000


def test_what_pages_are_not_read_for_is_read_by_arrow(tmp_path):
    table = events([f"learner number {n % 9}" for n in range(500)], DAY_MS // 3)
    pq.write_table(
        table,
        tmp_path / "delta.parquet",
        use_dictionary=False,
        column_encoding={"account": "DELTA_LENGTH_BYTE_ARRAY", "time": "DELTA_BINARY_PACKED"},
    )
    both(tmp_path / "delta.parquet")
    pq.write_table(table, tmp_path / "int96.parquet", use_deprecated_int96_timestamps=True)
    both(tmp_path / "int96.parquet")


def test_several_files_and_many_groups_become_one_set_of_learners(tmp_path, rng):
    for number in range(3):
        names = [f"learner number {n}" for n in rng.integers(0, 50, 400)]
        pq.write_table(events(names), tmp_path / f"{number}.parquet", row_group_size=30)
    days = both(tmp_path)
    assert days.source.files == 3
    assert days.source.last_event == dt.datetime.fromtimestamp(
        (START_MS + 399 * 60_000) / 1000, dt.UTC
    ).strftime("%Y-%m-%dT%H:%M:%S.000Z")
