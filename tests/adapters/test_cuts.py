"""A directory whose history was cut: it is opened, loaded into, corrected, and a damaged base is told of."""

import datetime as dt

import pyarrow as pa
import pytest

import homeroom as hr
from homeroom.adapters.directory import DataDirectory
from homeroom.errors import DataDirectoryError
from homeroom.log.cuts import HistoryCut
from homeroom.running.stating import change_directory
from homeroom.state.state import rebuild
from homeroom.state.zones import day_of_date
from tests.running.nodes import batch, event, now_ms, on

CUT = HistoryCut(tenant="main", day=day_of_date(dt.date(2024, 3, 11)))


@pytest.fixture
def place(tmp_path):
    async def fill(node):
        events = [event(number) for number in range(40)]
        await node.offer("main", "key", batch("a", *events))

    on(tmp_path, fill)
    change_directory(tmp_path, CUT, now_ms)
    return tmp_path


def table(numbers, **fields):
    return pa.table(
        {
            name: [event(number, **fields)[name] for number in numbers]
            for name in ("account", "verb", "time", "id")
        }
    )


def state_of(data):
    return data._node.state


def test_a_load_into_it_counts_what_is_too_old_and_keeps_the_base(place):
    before = hr.open(place)
    base = DataDirectory(place).manifest().cut.base
    data = hr.load(place, table([100, 111], account="new"))  # of 1 and 12 March
    assert data.source.rejected_by_reason == {"before_cut": 1}
    read = data.source
    assert read.events_read == read.events_accepted + read.events_rejected == 2
    again = hr.open(place)
    assert DataDirectory(place).manifest().cut.base == base
    assert again.source.learners == before.source.learners + 1
    assert state_of(again).cut_made.lost == 1
    assert rebuild(state_of(again)).fingerprint() == again.fingerprint()
    assert again.source.first_event == before.source.first_event


def test_what_is_voided_and_merged_begins_from_the_base(place):
    before = hr.open(place)
    days = before.retention(interval="day").counts.tolist()
    data = hr.open(place)
    assert data.void(["e0", "e11", "e31"]).to_json() == {
        "ids": 3,
        "new": 3,
        "missing": 1,
        "events": 2,
    }
    one, other = (f"{n:032x}" for n in sorted(pseudonyms(before))[:2])
    assert data.merge([(one, other)]).missing == 0
    data.unmerge([(one, other)])
    again = hr.open(place)
    assert again.retention(interval="day").counts.tolist() != days
    assert rebuild(state_of(again)).fingerprint() == again.fingerprint() == data.fingerprint()


def test_courses_that_are_loaded_after_a_cut_are_those_of_the_base(tmp_path):
    numbers = range(30)

    async def fill(node):
        events = [event(number, course=f"c{number % 5}") for number in numbers]
        await node.offer("main", "key", batch("a", *events))

    async def look(node):
        with node._live.held("main") as one:
            state = one.state
            assert rebuild(state).fingerprint() == state.fingerprint()
            return state.enrolments.rows, state.base.enrolments.rows

    on(tmp_path, fill)
    change_directory(tmp_path, CUT, now_ms)
    enrolled, cut = on(tmp_path, look)
    later = range(30, 40)
    courses = pa.array([f"c{number % 5}" for number in later])
    hr.load(tmp_path, table(later).append_column("course", courses))
    manifest = DataDirectory(tmp_path).manifest()
    both = {(number % 7, number % 5) for number in (*numbers, *later)}
    assert enrolled < len(both), "some enrolments are new"
    for _ in range(2):
        assert on(tmp_path, look) == (len(both), cut)
    assert manifest.cut.base != DataDirectory(tmp_path).manifest().cut.base


def pseudonyms(data):
    return [
        int(hi) << 64 | int(lo)
        for part in state_of(data).learners.partitions
        for hi, lo in zip(part.key_hi[: part.rows], part.key_lo[: part.rows], strict=True)
    ]


@pytest.mark.parametrize("way", ["flipped", "gone"])
def test_a_damaged_base_is_never_taken_for_the_truth(way, place):
    directory = DataDirectory(place)
    base = place / "state" / directory.manifest().cut.base
    content = bytearray(base.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(byte ^ 1 for byte in content[middle : middle + 100])
    base.unlink() if way == "gone" else base.write_bytes(content)
    with pytest.raises(DataDirectoryError, match=base.name):
        rebuild(state_of(hr.open(place)))
    with pytest.raises(DataDirectoryError, match=base.name):
        directory.verify(directory.manifest(), set())

    async def look(node):
        return node.status("main").events, node.troubles

    events, troubles = on(place, look)
    assert events == 20, "the snapshot before it was taken, and the cut made again"
    assert any(base.name in one for one in troubles)
    assert on(place, look) == (20, ())
