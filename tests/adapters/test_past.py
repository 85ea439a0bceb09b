"""What changed the past of a directory is kept with it, whole, and found out if it is not."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

import homeroom as hr
from homeroom import limits
from homeroom.adapters.directory import Manifest
from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.errors import DataDirectoryError, KeyFileError
from tests.adapters.loads import FIRST_MS, answers, copied, events, files_of, load
from tests.cohorts.engine import key_file, read
from tests.oracle import Event

LATER_MS = FIRST_MS + 600_000_000
PAIR = [(("", "learner 3"), ("", "learner b5"))]
OTHER = [(("", "learner 4"), ("", "learner 6"))]


def opened(place: Path):
    return hr.open(place, key=key_file())


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """Return a directory of two loads, of which an event was voided and two accounts were merged."""
    place = tmp_path_factory.mktemp("past") / "data"
    load(place, events(60))
    load(place, events(50, "b"))
    opened(place).void(["1", "b2", "late"])
    opened(place).merge(PAIR)
    return place


@pytest.fixture
def place(base, tmp_path) -> Path:
    return copied(base, f"copy of {tmp_path.name}")


def manifest_of(place: Path) -> dict:
    return json.loads((place / "homeroom.json").read_text())


def test_segments_are_never_rewritten_and_older_states_are_removed(base, tmp_path):
    place = tmp_path / "data"
    load(place, events(60))
    before = {name: content for name, content in files_of(place).items() if "history" in name}
    opened(place).void(["1"])
    opened(place).merge(OTHER)
    after = files_of(place)
    assert {name: content for name, content in after.items() if "history" in name} == before
    assert sorted(name for name in after if name.startswith("state/")) == [
        *(f"state/000003-0000.{kind}" for kind in ("columns", "ids", "index", "parquet")),
        *(f"state/000003.{kind}" for kind in ("dictionaries", "past", "tensors")),
    ]


def test_a_directory_whose_past_never_changed_is_what_earlier_versions_read(tmp_path):
    place = tmp_path / "data"
    load(place, events(10))
    opened(place).void([])
    opened(place).merge([])
    manifest = manifest_of(place)
    assert manifest["format"] == 1
    assert manifest["load"] == 1
    assert not {"past", "joined"} & set(manifest)
    opened(place).void(["3"])
    assert manifest_of(place)["format"] == 2


def test_a_correction_that_changes_nothing_writes_nothing(place):
    before = files_of(place)
    assert opened(place).void(["1"]).new == 0
    assert opened(place).merge(PAIR).new == 0
    assert files_of(place) == before


def test_later_loads_go_on_from_there(place):
    more = [*events(40, "c"), *events(5, "b")]
    late = Event(account="learner 3", time_ms=LATER_MS, verb="posted", id="late")
    joined = Event(account="learner b5", time_ms=LATER_MS, verb="posted", id="more")
    data = load(place, [*more, late, joined])
    assert (data.source.events_duplicate, data.source.events_voided) == (5, 3)
    whole = read([*events(60), *events(50, "b"), *events(40, "c"), joined])
    whole.void(["1", "b2", "late"])
    whole.merge(PAIR)
    assert answers(data) == answers(opened(place)) == answers(whole)


def test_what_was_opened_before_a_change_keeps_its_answers(place):
    before, expected = opened(place), answers(opened(place))
    opened(place).merge(OTHER)
    load(place, events(20, "d"))
    opened(place).unmerge(PAIR)
    assert answers(before) == expected


def test_the_joined_events_are_written_anew_only_when_they_change(place):
    joined = manifest_of(place)["joined"]["name"]
    load(place, events(20, "d"))
    assert manifest_of(place)["joined"]["name"] == joined
    opened(place).unmerge(PAIR)
    assert "joined" not in manifest_of(place)
    assert not list((place / "state").glob("*.parquet"))


def test_an_attribute_that_turns_out_to_identify_people_leaves_the_joined_events_too(
    place, monkeypatch
):
    def names() -> set[str]:
        file = place / "state" / manifest_of(place)["joined"]["name"]
        return set(pq.read_schema(file).names)

    assert "attributes.country" in names()
    monkeypatch.setattr(limits, "ATTRIBUTE_VALUES_MAX", 1)
    load(place, [Event(account="x", time_ms=LATER_MS, attributes={"country": "IS"})])
    assert "attributes.country" not in names()
    assert opened(place).retention(interval="week").counts.shape


def test_a_segment_of_an_earlier_version_has_its_events_voided(tmp_path):
    """Its file of ids does not say where the events stand."""
    place = tmp_path / "data"
    load(place, events(60))
    (file,) = (place / "history").glob("*.ids")
    ids = read_tensors(file)
    old = file.with_name("old")
    write_tensors(old, {"sorted_ids": np.array(ids["sorted_ids"])})
    manifest = manifest_of(place)
    manifest["segments"][0]["sizes"][".ids"] = old.stat().st_size
    old.replace(file)
    _write_manifest(place, manifest)
    assert opened(place).void(["1", "2"]).events == 2
    at_once = read(events(60))
    at_once.void(["1", "2"])
    assert answers(opened(place)) == answers(at_once)


def _write_manifest(place: Path, manifest: dict) -> None:
    """Write a manifest with the checksum that it must have."""
    sealed = msgspec.convert(manifest, Manifest).sealed()
    (place / "homeroom.json").write_bytes(msgspec.json.encode(sealed))


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["past", "parquet", "index", "ids"])
def test_a_file_that_is_missing_or_changed_is_found_out(place, kind):
    (file,) = (place / "state").glob(f"*.{kind}")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataDirectoryError, match=r"cut off|must have|damaged"):
        opened(place)
    file.unlink()
    with pytest.raises(DataDirectoryError, match=r"cannot be read|is missing"):
        opened(place)
    with pytest.raises(DataDirectoryError, match=r"is missing"):
        load(place, events(3))


def test_a_changed_byte_of_what_changed_the_past_is_found_out(place):
    (file,) = (place / "state").glob("*.past")
    content = bytearray(file.read_bytes())
    voids = np.array(read_tensors(file)["voids"]).tobytes()
    content[content.index(voids)] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataDirectoryError, match="damaged at voids"):
        opened(place)


def test_what_changed_another_past_is_found_out(place, tmp_path):
    other = tmp_path / "other"
    load(other, events(10))
    opened(other).void(["1"])
    (mine,), (its,) = ((one / "state").glob("*.past") for one in (place, other))
    mine.write_bytes(its.read_bytes())
    with pytest.raises(DataDirectoryError, match="not of the segments beside it"):
        opened(place)


def test_where_nothing_was_loaded_nothing_is_corrected(tmp_path):
    with pytest.raises(DataDirectoryError, match="holds nothing that was loaded"):
        hr.open(tmp_path / "nowhere").void(["1"])
    assert list(tmp_path.iterdir()) == []


def test_ids_and_accounts_need_the_key_and_pseudonyms_do_not(place):
    """The key of this directory lies elsewhere."""
    data = hr.open(place)
    before = files_of(place)
    for correct in (lambda: data.void(["3"]), lambda: data.merge(OTHER)):
        with pytest.raises(KeyFileError, match=r"pseudonym.key is missing"):
            correct()
    assert files_of(place) == before
    one, other = (
        hr.open(place)
        .members(definitions={"cohort": {"all": {"did": "any"}}}, cohort="all")
        .members[:2]
    )
    assert data.merge([(one, other)]).new == 1
    assert hr.open(place).source.learners == data.source.learners
