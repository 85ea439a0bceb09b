"""Files: names settle formats, parts add up, a stopped run leaves nothing, and DuckDB finds the truth."""

import datetime as dt
import gzip
import hashlib
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import zstandard

from homeroom import limits
from homeroom.errors import WorldError
from homeroom.simulation.world import LearnerWorld
from homeroom.simulation.writers import Target, write_world

WORLD = LearnerWorld(learners=150, events=2_000, days=40, courses=3, repeats=0.05, late=0.1)


def quiet(_lines: int) -> None:
    """Hear nothing."""


def instant_ms(written: str) -> int:
    return round(dt.datetime.fromisoformat(written).timestamp() * 1000)


def write(path: Path, world: LearnerWorld = WORLD, **asked) -> Target:
    target = Target.at(path, **asked)
    write_world(world, target, quiet)
    return target


@pytest.mark.parametrize(
    ("name", "form", "compression"),
    [
        ("a.csv", "csv", "none"),
        ("a.csv.gz", "csv", "gz"),
        ("a.ndjson.zst", "xapi", "zst"),
        ("a.jsonl", "xapi", "none"),
        ("a.parquet", "parquet", "zst"),
    ],
)
def test_a_name_settles_format_and_compression(tmp_path, name, form, compression):
    target = Target.at(tmp_path / name)
    assert (target.format, target.compression) == (form, compression)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.ndjson.zst", "a.parquet"])
def test_equal_worlds_make_equal_files(tmp_path, name):
    digests = set()
    for folder in ("one", "two"):
        write(tmp_path / folder / name)
        digests.add(hashlib.sha256((tmp_path / folder / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_compressed_text_is_the_plain_text(tmp_path):
    for name in ("a.csv", "a.csv.gz", "a.csv.zst"):
        write(tmp_path / name)
    plain = (tmp_path / "a.csv").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == plain
    packed = (tmp_path / "a.csv.zst").read_bytes()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == plain


def test_parts_of_a_directory_are_even_and_add_up_to_the_file(tmp_path):
    write(tmp_path / "whole.ndjson")
    target = write(tmp_path / "parts", format="xapi", files=7)
    parts = [path.read_bytes() for path in target.paths]
    assert b"".join(parts) == (tmp_path / "whole.ndjson").read_bytes()
    lines = [part.count(b"\n") for part in parts]
    assert sum(lines) == WORLD.events
    assert max(lines) - min(lines) <= 1
    assert [path.name for path in target.paths[:2]] == ["part-000.ndjson", "part-001.ndjson"]


def test_every_csv_part_has_a_header(tmp_path):
    target = write(tmp_path / "parts", format="csv", files=3)
    for path in target.paths:
        assert path.read_text().startswith("account,issuer,time,verb,activity,course,id,")


def test_row_groups_are_full_but_for_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "GENERATED_GROUP_ROWS", 600)
    write(tmp_path / "a.parquet")
    written = pq.read_metadata(tmp_path / "a.parquet")
    sizes = [written.row_group(i).num_rows for i in range(written.num_row_groups)]
    assert sizes == [600, 600, 600, 200]


def test_parquet_reads_back_as_plain_texts_and_times(tmp_path):
    write(tmp_path / "a.parquet")
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert str(schema.field("verb").type) == "string"
    assert str(schema.field("time").type) == "timestamp[ms, tz=UTC]"


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_duckdb_finds_the_truth(tmp_path, name):
    truth = write_world(WORLD, Target.at(tmp_path / name), quiet).to_json()

    log = f"from '{tmp_path / name}'"
    ((rows, events, learners, distinct),) = duckdb.sql(
        f"select count(*), count(distinct id), count(distinct account), "
        f"(select count(*) from (select distinct * {log})) {log}"
    ).fetchall()
    assert (rows, events, learners) == (truth["rows"], truth["events"], truth["learners"])
    assert distinct == events
    ((first, last),) = duckdb.sql(
        f"select epoch_ms(min(time)), epoch_ms(max(time)) {log}"
    ).fetchall()
    assert (first, last) == (instant_ms(truth["first_time"]), instant_ms(truth["last_time"]))
    for column in ("verb", "course"):
        counted = duckdb.sql(f"select {column}, count(distinct id) {log} group by 1").fetchall()
        assert dict(counted) == truth[f"by_{column}"]


def test_a_run_that_stops_leaves_no_file(tmp_path):
    class StopError(Exception):
        pass

    def stop(_lines: int) -> None:
        raise StopError

    target = Target.at(tmp_path / "a.csv")
    with pytest.raises(StopError):
        write_world(WORLD, target, stop)
    assert list(tmp_path.iterdir()) == []


def test_watching_hears_of_every_line(tmp_path):
    heard: list[int] = []
    write_world(WORLD, Target.at(tmp_path / "a.csv"), heard.append)
    assert sum(heard) == WORLD.events


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("a.csv", {"compression": "snappy"}, "snappy is for parquet, not csv; use gz or zst"),
        ("a.parquet.gz", {}, "leave .gz away"),
        ("a.csv.gz", {"compression": "zst"}, "leave .gz away"),
        ("d", {"files": 0}, "files == 0, must be from 1 to 10,000"),
        ("a.txt", {}, "ends in none of .csv, .ndjson"),
    ],
)
def test_a_target_that_cannot_be_is_refused(tmp_path, name, asked, message):
    with pytest.raises(WorldError, match=message):
        Target.at(tmp_path / name, **asked)


def test_more_files_than_events_are_refused(tmp_path):
    world = LearnerWorld(learners=5, events=3, days=4)
    with pytest.raises(WorldError, match="files == 4, must be at most events, 3"):
        write(tmp_path / "d", world, files=4)


def test_what_is_there_is_refused_when_asked(tmp_path):
    (tmp_path / "a.csv").write_text("a real log")
    with pytest.raises(WorldError, match=r"a\.csv is there already; .*--overwrite"):
        Target.at(tmp_path / "a.csv").refuse_existing()
