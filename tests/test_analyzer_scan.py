"""A scan answers what a read answers, however the file was written, and counts what it refuses alike."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import homeroom as hr
from homeroom.errors import QuestionError, SourceError
from tests.cohorts.engine import key_file

ZONE = "Europe/Berlin"
START_MS = 1_704_067_200_000
QUESTIONS = (
    hr.Retention(interval="day"),
    hr.Retention(interval="week", mode="recurring", match="on-or-after", week_start="sunday"),
    hr.Retention(interval="month", brackets=((1, 2),)),
    hr.Lifecycle(interval="week"),
    hr.Stickiness(),
    hr.Active(),
)
TIMES = {
    "ms": pa.timestamp("ms", "UTC"),
    "us": pa.timestamp("us", "UTC"),
    "ns": pa.timestamp("ns", "UTC"),
    "naive": pa.timestamp("ms"),
    "integers": pa.int64(),
    "text": pa.string(),
}


def draw(rng: np.random.Generator, rows: int, kind: str) -> pa.Table:
    """Draw events with a few absent and impossible values among them."""
    accounts = [f"learner-{n:0{rng.integers(1, 60)}d}" for n in rng.integers(0, 90, rows)]
    holes = rng.random(rows) < 0.02
    ms = START_MS + rng.integers(0, 100 * 86_400_000, rows)
    ms[rng.random(rows) < 0.02] = -1
    time = pa.array(ms, pa.int64(), mask=rng.random(rows) < 0.02)
    if kind == "text":
        time = pa.array(
            [None if v is None else v.isoformat() for v in time.cast(TIMES["ms"]).to_pylist()]
        )
    elif kind != "integers":
        time = time.cast(pa.timestamp("ms", TIMES[kind].tz)).cast(TIMES[kind])
    text = pa.large_string() if rng.random() < 0.3 else pa.string()
    return pa.table(
        {
            "account": pa.array(
                [None if h else a for h, a in zip(holes, accounts, strict=True)], text
            ),
            "time": time,
            "verb": ["viewed"] * rows,
        }
    )


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip", "lz4"])
@pytest.mark.parametrize("kind", TIMES)
def test_a_scan_equals_a_read(tmp_path, rng, compression, kind):
    place = tmp_path / "events.parquet"
    for dictionary in (False, True):
        pq.write_table(
            draw(rng, int(rng.integers(0, 900)), kind),
            place,
            compression=compression,
            use_dictionary=dictionary,
            row_group_size=int(rng.choice([50, 333, 5_000])),
            data_page_size=int(rng.choice([256, 1 << 20])),
            data_page_version=str(rng.choice(["1.0", "2.0"])),
        )
        whole = hr.read(place, timezone=ZONE, key=key_file())
        days = hr.scan(place, timezone=ZONE, key=key_file())
        assert days.source.rejected_by_reason == whole.source.rejected_by_reason
        assert days.source.events_read == whole.source.events_read
        assert days.source.learners == whole.source.learners
        assert days.source.first_event == whole.source.first_event
        for question in QUESTIONS:
            ours, theirs = (data.ask(question).figures() for data in (days, whole))
            assert ours == theirs, question


def test_a_scan_refuses_what_days_cannot_answer(tmp_path, rng):
    place = tmp_path / "events.parquet"
    pq.write_table(draw(rng, 50, "ms"), place)
    days = hr.scan(place, key=key_file())
    assert days.source.events_duplicate is None
    for fields in (
        {"interval": "hour"},
        {"filters": ["verb=viewed"]},
        {"entry": ["track=video"]},
        {"breakdown": "verb"},
        {"timezone": ZONE},
        {"align": "enrolment"},
    ):
        with pytest.raises(QuestionError, match="a scan keeps nothing but days"):
            days.retention(**fields)


def test_a_scan_says_what_it_cannot_read(tmp_path, rng):
    (tmp_path / "notes.txt").write_text("no events")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    pq.write_table(draw(rng, 50, "ms"), tmp_path / "y.parquet")
    with pytest.raises(SourceError, match=r"notes\.txt cannot be scanned"):
        hr.scan(tmp_path / "notes.txt", key=key_file())
    with pytest.raises(SourceError, match="names has no place"):
        hr.scan(tmp_path / "y.parquet", key=key_file(), names=tmp_path / "n.csv")
    days = hr.scan(tmp_path, key=key_file())
    assert days.source.rejected_by_reason["not_events"] == 2
    assert days.source.files == 1
