"""The data directory: what was loaded is what is opened, and whatever goes wrong is said and costs nothing.

The loads here are real ones; only what a disk, a person or another process may do to a directory is played. Kills at
every moment are in ``tests/cli/test_load_killed.py``.
"""

import contextlib
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import homeroom as hr
from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.errors import DataDirectoryError, HomeroomError
from homeroom.limits import SEGMENTS_APART_MAX
from tests.adapters.loads import FIRST_MS, answers, copied, events, files_of, load
from tests.cohorts.engine import key_file, read
from tests.oracle import Event, table


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> Path:
    """Return a directory of two loads; tests that change it work on a copy."""
    place = tmp_path_factory.mktemp("directory") / "data"
    load(place, events(120), timezone="Europe/Berlin")
    load(place, events(80, "b") + events(10))
    return place


@pytest.fixture
def place(loaded, tmp_path) -> Path:
    """Return a copy of the directory of two loads."""
    return copied(loaded, f"copy of {tmp_path.name}")


# --- what is kept ------------------------------------------------------------------------------------------------


def test_what_is_opened_is_what_was_loaded(loaded):
    at_once = read([*events(120), *events(80, "b")], "Europe/Berlin")
    opened = hr.open(loaded)
    assert answers(opened) == answers(at_once)
    assert opened.timezone == "Europe/Berlin"
    source = opened.source
    assert (source.events_read, source.events_accepted, source.events_duplicate) == (210, 200, 10)
    assert (source.learners, source.conflicts, source.events_rejected) == (34, 0, 0)


def test_a_load_says_what_it_read_and_answers_for_all(place):
    more = load(place, events(30, "c") + events(5, "b"))
    source = more.source
    assert (source.events_read, source.events_accepted, source.events_duplicate) == (35, 30, 5)
    assert answers(more) == answers(hr.open(place))
    assert hr.open(place).source.events_read == 245


def test_ids_that_come_again_with_other_content_are_counted_across_loads(tmp_path):
    place = tmp_path / "data"
    assert load(place, events(20)).source.conflicts == 0
    other = list(events(40, start=20))
    clash = [type(e)(account=e.account, time_ms=e.time_ms, id="3") for e in other[:6]]
    assert load(place, clash).source.conflicts == 6
    assert hr.open(place).source.conflicts == 6
    assert load(place, clash).source.conflicts == 0
    assert load(place, other).source.conflicts == 0
    assert hr.open(place).source.conflicts == 6


def test_the_first_load_may_be_empty_and_so_may_the_next(tmp_path):
    place = tmp_path / "data"
    for _ in range(2):
        load(place, [])
        assert hr.open(place).source.events_read == 0
        assert hr.open(place).lifecycle().new.tolist() == []
    load(place, events(20))
    assert answers(hr.open(place)) == answers(read(events(20)))


def test_old_states_are_removed_and_segments_are_kept(place):
    load(place, events(10, "c"))
    assert sorted(file.name for file in (place / "state").iterdir()) == [
        "000003.dictionaries",
        "000003.tensors",
    ]
    assert sorted(file.name for file in (place / "history").iterdir()) == sorted(
        f"00000{n}-0000.{kind}"
        for n in (1, 2, 3)
        for kind in ("columns", "ids", "index", "parquet")
    )


def test_what_was_opened_before_a_load_keeps_its_answers(place):
    before = hr.open(place)
    expected = answers(hr.open(place))
    load(place, events(50, "later"))
    load(place, events(50, "latest"))
    assert answers(before) == expected


def test_segments_of_many_loads_become_few_and_what_was_opened_before_keeps_its_answers(place):
    before = hr.open(place)
    expected = answers(hr.open(place))
    for number in range(SEGMENTS_APART_MAX):
        load(place, events(50, f"later {number}"))
    named = DataDirectory(place).manifest()
    assert named is not None
    assert len(named.segments) <= SEGMENTS_APART_MAX
    left = {file.name for file in (place / "history").iterdir()}
    assert left == {name.removeprefix("history/") for name in named.files() if "history/" in name}
    assert "000001-0000.parquet" not in left
    assert answers(before) == expected
    more = [one for n in range(SEGMENTS_APART_MAX) for one in events(50, f"later {n}")]
    whole = read([*events(120), *events(80, "b"), *more], "Europe/Berlin")
    assert answers(hr.open(place)) == answers(whole)
    assert hr.open(place).fingerprint() == whole.fingerprint()


def test_what_changed_the_past_is_kept_when_segments_become_one(place):
    hr.open(place, key=key_file()).void(["1", "2"])
    for number in range(SEGMENTS_APART_MAX):
        load(place, events(50, f"later {number}"))
    opened = hr.open(place)
    assert opened.source.events_voided == 2
    load(place, events(120))
    assert answers(hr.open(place)) == answers(opened), "what was voided is still a repeat"


def test_segments_stay_many_where_the_disk_has_no_room(place, monkeypatch):
    room = shutil.disk_usage(place)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    for number in range(SEGMENTS_APART_MAX):
        load(place, events(50, f"later {number}"))
    named = DataDirectory(place).manifest()
    assert named is not None
    assert len(named.segments) == SEGMENTS_APART_MAX + 2


def test_attributes_verbs_and_tracks_of_a_later_load_join_those_of_earlier_ones(place):
    late = events(6, "late")
    late = [
        type(e)(
            account=e.account, time_ms=e.time_ms, verb="wondered", attributes={"platform": "app"}
        )
        for e in late
    ]
    data = load(place, late)
    whole = read([*events(120), *events(80, "b"), *late], "Europe/Berlin")
    for question in (hr.Active(breakdown="platform"), hr.Active(breakdown="verb")):
        left, right = data.ask(question).to_json(), whole.ask(question).to_json()
        assert left["breakdown"] == right["breakdown"]
    assert data.fingerprint() == whole.fingerprint()


def test_a_directory_from_before_enrolments_knew_their_learners_gets_these_columns_from_history(
    place,
):
    joined = [Event(account="joiner", time_ms=FIRST_MS, verb="enrolled", course="algebra")]
    load(place, joined)
    expected, file = answers(hr.open(place)), place / "state" / "000003.tensors"
    whole = {name: array.copy() for name, array in read_tensors(file).items()}
    older = {
        name: array for name, array in whole.items() if not name.endswith(("/hi", "/lo", "/status"))
    }
    assert len(older) < len(whole)
    file.unlink()
    write_tensors(file, older)
    opened = hr.open(place)
    assert answers(opened) == expected
    enrolments = opened._node.state.enrolments.partitions
    assert all(part.owners for part in enrolments if part.rows)
    assert (
        sum((part.codes["status"] >= 0).sum() for part in enrolments if "status" in part.codes) == 1
    )
    load(place, events(10, "c"))
    assert set(read_tensors(place / "state" / "000004.tensors")) >= set(whole)


# --- what is refused ---------------------------------------------------------------------------------------------


def refused(place: Path, match: str) -> None:
    """Check that neither questions nor a load get through, and that nothing is changed by trying."""
    before = files_of(place)
    for attempt in (lambda: answers(hr.open(place)), lambda: load(place, events(3, "n"))):
        with pytest.raises(DataDirectoryError, match=match):
            attempt()
        assert files_of(place) == before


def test_a_second_load_at_the_same_time_is_refused(place):
    before = answers(hr.open(place))

    def while_another_loads(_source: object) -> None:
        with pytest.raises(DataDirectoryError, match="another process, a load or a node; wait"):
            load(place, events(3, "n"))
        assert answers(hr.open(place)) == before  # questions need not wait

    load(place, events(9, "c"), accept=while_another_loads)
    assert hr.open(place).source.events_read == 219


def test_a_load_that_is_not_accepted_leaves_the_directory_as_it_was(place):
    before = answers(hr.open(place)), (place / "homeroom.json").read_bytes()

    def refuse(_source: object) -> None:
        raise RuntimeError("not these")

    with pytest.raises(RuntimeError, match="not these"):
        load(place, events(9, "c"), accept=refuse)
    assert (answers(hr.open(place)), (place / "homeroom.json").read_bytes()) == before
    assert not [name for name in files_of(place) if "000003" in name]
    load(place, events(9, "c"))
    assert not [name for name in files_of(place) if "000004" in name]


def test_an_attribute_that_turns_out_to_identify_people_leaves_the_earlier_segments_too(tmp_path):
    def people(numbers):
        return [
            Event(account=f"a{n}", time_ms=FIRST_MS + n, attributes={"country": f"real name {n}"})
            for n in numbers
        ]

    def columns(place):
        return {name for path in place.rglob("*.parquet") for name in pq.read_schema(path).names}

    place = tmp_path / "data"
    load(place, people(range(900)))
    before = hr.open(place)
    assert "attributes.country" in columns(place)
    data = load(place, people(range(900, 1_100)))
    assert any("could identify people" in note for note in data.source.notes)
    assert "attributes.country" not in columns(place)
    assert not [f for f in place.rglob("*.dictionaries") if b"real name" in f.read_bytes()]
    again = hr.open(place)
    assert again.fingerprint() == data.fingerprint()
    played = {"interval": "day", "entry": ["verb=played"]}
    assert again.retention(**played).sizes.sum() == 1_100
    assert before.fingerprint() != again.fingerprint()
    load(place, people(range(5)))
    assert hr.open(place).retention(**played).sizes.sum() == 1_100


def test_a_newer_format_is_refused(place):
    manifest = place / "homeroom.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 6'))
    refused(place, "is of format 6, this version reads 1 to 5")


def test_another_zone_is_refused_and_the_same_is_not(place):
    with pytest.raises(DataDirectoryError, match="cuts days in Europe/Berlin, not UTC"):
        load(place, events(3, "n"), timezone="UTC")
    load(place, events(3, "n"), timezone="Europe/Berlin")


def test_what_was_never_loaded_cannot_be_opened(tmp_path):
    for place in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(DataDirectoryError, match="holds nothing that was loaded"):
            hr.open(place)


def test_a_directory_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match="cannot be written: Not a directory"):
        load(tmp_path / "file" / "data", events(3))


@contextlib.contextmanager
def as_somebody_else() -> Iterator[None]:
    """Give up root, which may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only(loaded) -> Iterator[Path]:
    """Return a copy that may be read by everybody and written by nobody."""
    with tempfile.TemporaryDirectory() as folder:
        outer = Path(folder)
        outer.chmod(0o755)
        place = copied(loaded, "for reading").rename(outer / "data")
        every = [place, *place.rglob("*")]
        for path in every:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield place
        for path in every:
            path.chmod(0o755)


def test_a_directory_that_may_only_be_read_is_asked(read_only, loaded):
    expected = answers(hr.open(loaded))
    with as_somebody_else():
        assert answers(hr.open(read_only)) == expected


def test_a_directory_that_may_only_be_read_is_not_loaded_into(read_only):
    key = read_only.parent / "some.key"
    key.touch()
    key.chmod(0o600)
    key.write_text(bytes(range(32)).hex())
    os.chown(key, 65_534, -1) if os.geteuid() == 0 else None
    before = files_of(read_only)
    with (
        as_somebody_else(),
        pytest.raises(DataDirectoryError, match=r"cannot be written|read-only"),
    ):
        load(read_only, events(3, "n"), key=key)
    assert files_of(read_only) == before


@contextlib.contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size_bytes", [0, 100, 400, 3_000, 20_000])
def test_a_full_disk_ends_a_load_and_leaves_the_directory_as_it_was(place, size_bytes):
    before = answers(hr.open(place)), (place / "homeroom.json").read_bytes()
    given = table(events(400, "c"))
    load(place.with_name("warm-up"), events(1))
    with files_of_at_most(size_bytes), pytest.raises((HomeroomError, OSError)):
        hr.load(place, given, key=key_file())
    assert (answers(hr.open(place)), (place / "homeroom.json").read_bytes()) == before
    after = load(place, events(400, "c"))
    assert answers(after) == answers(hr.open(place))
    assert after.source.events_accepted == 400


# --- what is damaged ---------------------------------------------------------------------------------------------

KEPT = (
    "homeroom.json",
    "history/000001-0000.parquet",
    "history/000001-0000.index",
    "history/000002-0000.parquet",
    "state/000002.tensors",
    "state/000002.dictionaries",
)


@pytest.mark.parametrize("name", KEPT)
def test_a_file_that_is_cut_off_is_named(place, name):
    whole = (place / name).read_bytes()
    for size_bytes in (0, 1, 8, 27, len(whole) // 3, len(whole) - 30, len(whole) - 1):
        (place / name).write_bytes(whole[: max(size_bytes, 0)])
        refused(place, name.rpartition("/")[2].replace(".", r"\."))


@pytest.mark.parametrize("name", [name for name in KEPT if name != "homeroom.json"])
def test_a_file_that_is_gone_is_named(place, name):
    (place / name).unlink()
    refused(place, name.rpartition("/")[2].replace(".", r"\."))


def test_an_index_of_another_segment_is_found_out(place):
    history = place / "history"
    (history / "000001-0000.index").write_bytes((history / "000002-0000.index").read_bytes())
    refused(place, r"000001-0000\.index has .* bytes, must have")


# A flipped bit is caught in the footer of a file of tensors and in most of JSON's structure alone; elsewhere it
# ends in a traceback, in a wrong answer, or in a segmentation fault, so it is not tried within this process.


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("state/000002.dictionaries", b"algebra", b"amgebra"),
        ("state/000002.dictionaries", b'"verb"', b'"vurb"'),
        ("homeroom.json", b"Europe/Berlin", b"Europe/Merlin"),
        ("homeroom.json", b"Europe/Berlin", b"Europe/Madrid"),
        ("homeroom.json", b'"load": 2', b'"load": 3'),
        ("homeroom.json", b'"events_read": 210', b'"events_read": 211'),
        ("homeroom.json", None, b"{}"),
        ("homeroom.json", b"Europe", b"Eur\xffpe"),
    ],
)
def test_a_changed_byte_of_text_is_never_taken_for_the_truth(place, name, old, new):
    whole = (place / name).read_bytes()
    assert old is None or old in whole
    (place / name).write_bytes(new if old is None else whole.replace(old, new))
    refused(place, name.rpartition("/")[2].replace(".", r"\."))


def flip_last_byte_of_an_array(path: Path) -> None:
    """Change data of the last array, so that nothing worse than a wrong figure comes of it."""
    whole = bytearray(path.read_bytes())
    footer = int.from_bytes(whole[-27:-23], "little")
    whole[-27 - footer - 8] ^= 1
    path.write_bytes(whole)


def test_a_changed_byte_of_the_state_is_never_taken_for_the_truth(place):
    flip_last_byte_of_an_array(place / "state" / "000002.tensors")
    refused(place, r"000002\.tensors is damaged")


def test_a_changed_byte_of_history_is_found_by_the_first_question_that_needs_it(place):
    flip_last_byte_of_an_array(place / "history" / "000001-0000.index")
    data = hr.open(place)
    data.retention(interval="week")
    with pytest.raises(DataDirectoryError, match=r"000001-0000\.index is damaged"):
        data.retention(interval="hour", from_="2024-02-01", to="2024-02-02")


def test_a_damaged_manifest_costs_no_segment(place):
    manifest = place / "homeroom.json"
    manifest.write_text(manifest.read_text().replace("000001-0000.parquet", "000009-0000.parquet"))
    refused(place, r"homeroom\.json is damaged")


def test_a_lost_manifest_costs_no_segment(place):
    (place / "homeroom.json").unlink()
    refused(place, r"homeroom\.json")


def test_files_of_others_are_left_alone(tmp_path):
    for name in ("state/thesis.txt", "history/notes.md", "state/drafts/one.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    load(tmp_path, events(3))
    assert {"state/thesis.txt", "history/notes.md", "state/drafts/one.txt"} <= set(
        files_of(tmp_path)
    )


# --- the key of the pseudonyms -----------------------------------------------------------------------------------


def test_the_key_lies_in_the_directory_unless_one_is_given(tmp_path):
    hr.load(tmp_path / "own", table(events(9)))
    assert (tmp_path / "own" / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    load(tmp_path / "given", events(9))
    assert not (tmp_path / "given" / "pseudonym.key").exists()


def test_questions_need_no_key(tmp_path):
    place = tmp_path / "data"
    hr.load(place, table(events(50)))
    expected = answers(hr.open(place))
    (place / "pseudonym.key").unlink()
    assert answers(hr.open(place)) == expected


def test_a_lost_key_is_not_replaced(tmp_path):
    place = tmp_path / "data"
    hr.load(place, table(events(50)))
    (place / "pseudonym.key").unlink()
    with pytest.raises(HomeroomError, match="key"):
        hr.load(place, table(events(50)))
    assert not (place / "pseudonym.key").exists()
    assert hr.open(place).source.learners == 17


def test_another_key_than_the_first_is_refused(tmp_path):
    place = tmp_path / "data"
    hr.load(place, table(events(50)))
    with pytest.raises(HomeroomError, match="key"):
        load(place, events(50))
    assert hr.open(place).source.learners == 17


# --- questions while a load ends ---------------------------------------------------------------------------------


def test_a_load_that_ends_between_two_steps_of_opening_is_not_noticed(place, monkeypatch):
    plain = DataDirectory.manifest

    def then_a_load_ends(self: DataDirectory):
        found = plain(self)
        monkeypatch.setattr(DataDirectory, "manifest", plain)
        load(place, events(9, "c"))
        return found

    expected = {str(answers(hr.open(place))[0])}
    monkeypatch.setattr(DataDirectory, "manifest", then_a_load_ends)
    data = hr.open(place)
    monkeypatch.undo()
    expected.add(str(answers(hr.open(place))[0]))
    assert str(answers(data)[0]) in expected
