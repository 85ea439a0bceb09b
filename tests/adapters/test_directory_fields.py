"""The data directory and the later fields of an event: they come back, and what was written before them is read."""

import json
import zlib
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

import homeroom as hr
from homeroom.adapters.directory import MANIFEST_FILE, DataDirectory
from homeroom.cohorts.questions import Condition, Question
from tests.adapters.loads import FIRST_MS, load
from tests.cohorts.engine import misses
from tests.oracle import Event

LATER = {"standing", "section", "answer", "position_s", "length_s"}
EVENTS = [
    Event(
        account=f"learner {i % 7}",
        time_ms=FIRST_MS + i * 20_000_000,
        verb=("played", "answered")[i % 2],
        course="algebra",
        standing=(None, "enrolled", "passed", "none")[i % 4],
        section=("https://example.org/weeks/1", None, "week 2")[i % 3],
        answer=("blue", None, "4.2", None, "käse")[i % 5],
        position_s=(None, 0.0, 12.5)[i % 3],
        length_s=60.0 if i % 2 else None,
    )
    for i in range(60)
]
PLAIN = [Event(account=e.account, time_ms=e.time_ms + 7, verb=e.verb) for e in EVENTS]
ASKED: list[Question] = [
    *(
        hr.Active(filters=(Condition(field, values, op),))
        for field, values, op in [
            ("section", ("1",), "="),
            ("section", ("(none)", "week 2"), "="),
            ("answer", ("käse", "blue"), "="),
            ("answer", ("(none)",), "!="),
            ("standing", ("passed",), "="),
            ("standing", ("none",), "="),
            ("position_s", ("0.5",), ">"),
            ("length_s", ("60",), "!="),
        ]
    ),
    *(hr.Active(breakdown=field) for field in ("section", "answer", "standing")),
]


def columns_of(directory: Path) -> list[set[str]]:
    return [set(pq.read_schema(one).names) for one in sorted(directory.glob("history/*.parquet"))]


@pytest.mark.parametrize("first", [EVENTS, PLAIN], ids=["with", "without"])
def test_the_later_fields_come_back_from_loads_with_and_without_them(tmp_path, first):
    second = PLAIN if first is EVENTS else EVENTS
    load(tmp_path / "data", first)
    loaded = load(tmp_path / "data", second)
    there = [LATER & names for names in columns_of(tmp_path / "data")]
    assert there == ([LATER, set()] if first is EVENTS else [set(), LATER])
    for data in (loaded, hr.open(tmp_path / "data")):
        for question in ASKED:
            assert misses(data, EVENTS + PLAIN, question, "UTC") == []


def test_a_repeat_of_an_event_with_later_fields_is_known(tmp_path):
    load(tmp_path / "data", EVENTS)
    again = load(tmp_path / "data", EVENTS)
    assert (again.source.events_accepted, again.source.events_duplicate) == (0, 60)


def test_a_directory_of_before_the_later_fields_is_read_and_loaded_into(tmp_path):
    place = tmp_path / "data"
    load(place, PLAIN)
    _forget_texts(place)
    opened = hr.open(place)
    for question in ASKED:
        assert misses(opened, PLAIN, question, "UTC") == []
    loaded = load(place, EVENTS)
    for data in (loaded, hr.open(place)):
        for question in ASKED:
            assert misses(data, EVENTS + PLAIN, question, "UTC") == []


def _forget_texts(place: Path) -> None:
    """Write the dictionaries as they were written before there were sections and answers."""
    directory = DataDirectory(place)
    manifest = directory.manifest()
    assert manifest is not None
    file = place / "state" / str(manifest.dictionaries)
    texts = json.loads(file.read_bytes())
    assert {texts.pop("section") is None, texts.pop("answer") is None} == {False}
    written = json.dumps(texts).encode()
    file.write_bytes(written)
    older = msgspec.structs.replace(manifest, dictionaries_crc=zlib.crc32(written)).sealed()
    (place / MANIFEST_FILE).write_bytes(msgspec.json.encode(older))
