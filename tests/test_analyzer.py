"""The Python interface: what `read`, `load` and `open` take, give, say and refuse.

What answers are is tested with the questions, what a directory keeps with the directory; here it is the calls.
"""

import os
import subprocess
import sys

import pyarrow as pa
import pytest

import homeroom as hr
from homeroom.cohorts.answers import (
    ActiveAnswer,
    LifecycleAnswer,
    RetentionAnswer,
    StickinessAnswer,
)
from homeroom.errors import KeyFileError, MappingError, QuestionError, SourceError
from tests.adapters.loads import answers, events
from tests.cohorts.engine import key_file, read
from tests.oracle import table

CSV = "account,time,verb,id\na,2024-03-01T08:00:00Z,played,1\nb,2024-03-02T08:00:00Z,played,2\n"


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(CSV)
    return path


def test_inputs_may_be_paths_patterns_folders_and_tables_together(csv, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "third.csv").write_text(CSV.replace("a,", "c,").replace("b,", "d,"))
    inputs = (str(csv), tmp_path / "more", str(tmp_path / "eve*.csv"), table(events(10)))
    source = hr.read(*inputs, key=key_file()).source
    assert (source.events_read, source.files) == (16, 3)
    assert (source.learners, source.events_duplicate) == (14, 2)  # one file was named twice


def test_a_file_that_is_named_twice_counts_once(csv):
    once, twice = (hr.read(*given, key=key_file()) for given in ((csv,), (csv, csv.parent)))
    assert twice.fingerprint() == once.fingerprint()
    assert (twice.source.events_accepted, twice.source.events_duplicate) == (2, 2)


def test_nothing_to_read_is_an_error_and_nothing_in_it_is_not(tmp_path):
    with pytest.raises(SourceError, match="nothing to read"):
        hr.read(key=key_file())
    with pytest.raises(SourceError, match="nowhere"):
        hr.read(tmp_path / "nowhere.csv", key=key_file())
    empty = hr.read(table([]), key=key_file())
    assert empty.source.events_read == 0
    assert empty.retention().counts.shape == (0, 0)
    assert empty.source.first_event is None


def test_every_question_has_a_call_of_its_own_that_takes_its_fields():
    data = read(events(40))
    kinds = {
        "retention": (hr.Retention(interval="day", match="on-or-after"), RetentionAnswer),
        "lifecycle": (hr.Lifecycle(interval="day"), LifecycleAnswer),
        "stickiness": (hr.Stickiness(interval="week"), StickinessAnswer),
        "active": (hr.Active(week_start="sunday"), ActiveAnswer),
    }
    for name, (question, kind) in kinds.items():
        fields = {k: v for k, v in question.to_dict().items() if k != "question"}
        answer = getattr(data, name)(**fields)
        assert isinstance(answer, kind)
        assert answer.question == question
        assert answer.to_json() == data.ask(question).to_json()
    dated = data.retention(from_="2023-11-15", to="2023-11-16", interval="day")
    assert dated.periods == ("2023-11-15", "2023-11-16")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"intervall": "day"}, "did you mean interval"),
        ({"interval": "year"}, "interval"),
        ({"filters": ["nothing=1"]}, "nothing"),
        ({"breakdown": "score"}, "breakdown"),
        ({"from_": "2024-02-30"}, "from"),
        ({"timezone": "Europe/Berlim"}, "Europe/Berlin"),
    ],
)
def test_a_question_that_makes_no_sense_says_what_is_wrong(fields, said):
    with pytest.raises(QuestionError, match=said):
        read(events(5)).retention(**fields)


def test_an_unknown_way_to_read_is_a_type_error(csv, tmp_path):
    for call in (lambda **f: hr.read(csv, **f), lambda **f: hr.load(tmp_path / "d", csv, **f)):
        with pytest.raises(TypeError, match="keyfile"):
            call(keyfile="x")
    assert not (tmp_path / "d").exists()


def test_flags_that_name_nothing_good_are_refused_before_anything_is_read(csv, tmp_path):
    never: list[int] = []
    watch = {"key": key_file(), "progress": lambda *args: never.append(1)}
    with pytest.raises(QuestionError, match="no IANA time zone"):
        hr.read(csv, **watch, timezone="Mars/Olympus")
    with pytest.raises(MappingError, match="ouladd"):
        hr.read(csv, **watch, mapping="ouladd")
    with pytest.raises(MappingError, match=r"gone\.toml"):
        hr.read(csv, **watch, verbs=tmp_path / "gone.toml")
    (tmp_path / "open.key").write_text(bytes(32).hex())
    (tmp_path / "open.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="0600"):
        hr.read(csv, **{**watch, "key": tmp_path / "open.key"})
    assert not never


def test_without_a_key_the_one_of_the_users_configuration_is_made_and_used(
    csv, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    first = hr.read(csv)
    assert (tmp_path / "config" / "homeroom" / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    assert hr.read(csv).fingerprint() == first.fingerprint()
    assert hr.read(csv, key=tmp_path / "other.key").fingerprint() != first.fingerprint()


def test_rejects_are_counted_listed_and_said(tmp_path):
    (tmp_path / "a.csv").write_text(CSV + "c,yesterday,played,3\n,2024-03-01T08:00:00Z,played,4\n")
    data = hr.read(tmp_path / "a.csv", key=key_file(), rejects=tmp_path / "r.ndjson")
    source = data.source
    assert (source.events_read, source.events_accepted, source.events_rejected) == (4, 2, 2)
    assert sum(source.rejected_by_reason.values()) == 2
    assert source.rejects_file == str(tmp_path / "r.ndjson")
    assert (tmp_path / "r.ndjson").read_text().count("\n") == 2


def test_progress_goes_up_to_what_there_is(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"a{i},2024-03-01T08:00:00Z,played,{i}\n" for i in range(50_000))
    path.write_text("account,time,verb,id\n" + rows + "broken\n")
    seen: list[tuple[int, int, int, int]] = []
    hr.read(path, key=key_file(), progress=lambda *args: seen.append(args))
    for column in zip(*seen, strict=True):
        assert list(column) == sorted(column)
    done, total, read_events, rejects = seen[-1]
    assert done == total == path.stat().st_size
    assert (read_events, rejects) == (50_000, 1)


def test_days_are_cut_in_the_zone_and_answers_say_what_they_come_from():
    data = read(events(40), "Asia/Kolkata")
    assert data.timezone == "Asia/Kolkata"
    assert data.retention().answered_from == "columns"
    assert data.retention(timezone="UTC").answered_from == "history"
    assert data.retention().timezone == "Asia/Kolkata"


def test_the_sum_of_what_was_read_is_always_right(tmp_path):
    (tmp_path / "a.csv").write_text(CSV + CSV.split("\n", 1)[1] + "c,never,played,3\n")
    for data in (
        hr.read(tmp_path / "a.csv", key=key_file()),
        hr.load(tmp_path / "d", tmp_path / "a.csv", key=key_file()),
        hr.load(tmp_path / "d", tmp_path / "a.csv", key=key_file()),
        hr.open(tmp_path / "d"),
    ):
        s = data.source
        assert s.events_read == s.events_accepted + s.events_duplicate + s.events_rejected
    assert (s.events_read, s.events_accepted, s.events_duplicate, s.events_rejected) == (
        10,
        2,
        6,
        2,
    )


def test_a_users_verbs_count_for_the_track_that_the_table_says(tmp_path):
    made = [type(e)(account=e.account, time_ms=e.time_ms, verb="pondered") for e in events(9)]
    (tmp_path / "verbs.toml").write_text('[reading]\nverbs = ["pondered"]\n')
    options = {"key": key_file()}
    plain = hr.read(table(made), **options).active(filters=["track=reading"])
    assert plain.day.values.sum() == 0
    asked = hr.read(table(made), **options, verbs=tmp_path / "verbs.toml")
    assert asked.active(filters=["track=reading"]).day.values.sum() > 0


def test_a_table_in_pieces_and_a_record_batch_reader_are_read(tmp_path):
    whole = table(events(30))
    pieces = pa.concat_tables([whole[:7], whole[7:8], whole[8:]])
    assert pieces.column(0).num_chunks == 3
    assert answers(hr.read(pieces, key=key_file())) == answers(hr.read(whole, key=key_file()))


def test_directories_may_be_named_by_text_or_path(tmp_path):
    hr.load(str(tmp_path / "d"), table(events(9)), key=key_file())
    assert hr.open(str(tmp_path / "d")).fingerprint() == hr.open(tmp_path / "d").fingerprint()


def test_the_module_offers_what_it_says_and_loads_nothing_before_it_is_used():
    assert set(hr.__all__) <= set(dir(hr))
    for name in hr.__all__:
        assert getattr(hr, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        hr.nothing  # noqa: B018 - the look-up is the test
    program = "import sys, homeroom; print([m for m in ('numpy', 'numba', 'pyarrow') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
