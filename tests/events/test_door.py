"""The door: everything that comes in goes out as an event or as a reject, and nothing that goes out names a person."""

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.events import digests
from homeroom.events.door import Admitted, Door
from homeroom.events.model import (
    STANDINGS,
    TRACKS,
    Decoded,
    EventBatch,
    RawEvents,
    Reason,
    Reject,
    UInt8s,
    UInt64s,
)
from homeroom.events.pseudonyms import subject_prefix
from tests.oracle.siphash import plain_siphash

KEY = bytes(range(32))
COMPLETED = STANDINGS.index("completed")


class VideoVerbs:
    """A verb table in which `played` counts for video and all else for other; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def track_codes(self, verbs: list[str]) -> UInt8s:
        self.asked += verbs
        return np.array(
            [TRACKS.index("video") if verb == "played" else 0 for verb in verbs], np.uint8
        )

    def standing_codes(self, verbs: list[str]) -> UInt8s:
        """Say that `enrolled` alone speaks of a standing."""
        return np.array([int(verb == "enrolled") for verb in verbs], np.uint8)

    def course_standing_codes(self, verbs: list[str]) -> UInt8s:
        """Say that `completed` does where it is about the course run."""
        known = {"enrolled": STANDINGS.index("enrolled"), "completed": COMPLETED}
        return np.array([known.get(verb, 0) for verb in verbs], np.uint8)


def door() -> Door:
    return Door(KEY, VideoVerbs())


def events(count: int = 3, **columns: Any) -> RawEvents:
    whole: dict[str, Any] = {
        "line": np.arange(1, count + 1),
        "account": [f"learner {n}" for n in range(count)],
        "time": ["2026-11-23T10:00:00Z"] * count,
        "verb": "played",
    }
    return RawEvents(**{**whole, **columns})


def admit(raw: RawEvents, at: Door | None = None) -> Admitted:
    return (at or door()).admit(Decoded(raw), "log.json")


def identities(batch: EventBatch) -> list[tuple[int, int]]:
    return list(zip(batch.identity_hi.tolist(), batch.identity_lo.tolist(), strict=True))


FULL: dict[str, Any] = {
    "issuer": "https://lms.example",
    "activity": ["video 1"],
    "course": ["course 1"],
    "event_id": ["6fa459ea-ee8a-3ca4-894e-db77e160355e"],
    "score": np.array([0.5]),
    "progress": np.array([0.25]),
    "success": np.array([1], np.int8),
    "completion": np.array([0], np.int8),
    "duration_ms": np.array([90_000]),
    "attributes": {"platform": ["web"], "country": ["DE"]},
}


def test_whole_events_pass_with_all_their_columns() -> None:
    at = door()
    admitted = admit(events(1, **FULL), at)
    batch = admitted.batch
    assert admitted.rejects == []
    digest = hashlib.blake2s(
        subject_prefix("https://lms.example") + b"learner 0", key=KEY, digest_size=16
    )
    assert f"{batch.key_hi[0]:016x}{batch.key_lo[0]:016x}" == digest.hexdigest()
    assert batch.time_ms.tolist() == [1_795_428_000_000]
    texts = at.dictionaries
    assert [texts.verb.values, texts.activity.values, texts.course.values] == [
        ["played"],
        ["video 1"],
        ["course 1"],
    ]
    assert [batch.verb[0], batch.activity[0], batch.course[0]] == [0, 0, 0]
    assert TRACKS[batch.track[0]] == "video"
    assert batch.score is not None
    assert batch.score.tolist() == [0.5]
    assert {name: texts.attributes[name].values for name in batch.attributes} == {
        "country": ["DE"],
        "platform": ["web"],
    }
    assert batch.id_hash[0] != 0


def test_what_the_source_does_not_have_is_absent() -> None:
    batch = admit(events()).batch
    assert batch.activity.tolist() == batch.course.tolist() == [-1, -1, -1]
    assert batch.id_hash.tolist() == [0, 0, 0]
    numbers = [batch.score, batch.progress, batch.success, batch.completion, batch.duration_ms]
    assert numbers == [None] * 5
    assert batch.attributes == {}


def plain_identity(raw: dict[str, Any], batch: EventBatch) -> tuple[int, int]:
    """Return the identity of one event as the module's description has it, byte by byte."""

    def text(value: str) -> bytes:
        return struct.pack("<QQ", *plain_siphash(digests.TEXT_KEY, value.encode()))

    flags = 0b111111 | (1 + 1) << 16 | (0 + 1) << 18 | int(batch.track[0]) << 24 | 2 << 32
    message = struct.pack("<QQQq", flags, batch.key_hi[0], batch.key_lo[0], batch.time_ms[0])
    message += text("played") + text(raw["activity"][0]) + text(raw["course"][0])
    message += struct.pack("<QQ", *plain_siphash(digests.id_key(KEY), raw["event_id"][0].encode()))
    message += struct.pack("<ddq", raw["score"][0], raw["progress"][0], raw["duration_ms"][0])
    for name in sorted(raw["attributes"]):
        message += text(name) + text(raw["attributes"][name][0])
    return plain_siphash(digests.row_key(KEY), message)


def test_an_identity_is_what_the_layout_says_and_stays_so() -> None:
    batch = admit(events(1, **FULL)).batch
    assert identities(batch) == [plain_identity(FULL, batch)]
    # Whoever changes this number makes every event that was ever loaded a different one.
    assert (
        f"{batch.identity_hi[0]:016x}{batch.identity_lo[0]:016x}"
        == "dccc2c4a08ba3468f89fdc8e12983ce0"
    )


CHANGES: dict[str, Any] = {
    "account": ["another"],
    "issuer": "https://other.example",
    "time": ["2026-11-23T10:00:00.001Z"],
    "verb": "paused",
    "activity": ["video 2"],
    "course": None,
    "event_id": ["another"],
    "score": np.array([np.nan]),
    "progress": None,
    "success": np.array([0], np.int8),
    "completion": np.array([-1], np.int8),
    "duration_ms": np.array([-1]),
    "attributes": {"platform": ["web"], "country": ["FR"]},
    "track": ["forum"],
}


@pytest.mark.parametrize("field", CHANGES)
def test_an_identity_changes_with_every_field(field: str) -> None:
    assert identities(admit(events(1, **FULL)).batch) != identities(
        admit(events(1, **{**FULL, field: CHANGES[field]})).batch
    )


@pytest.mark.parametrize(
    "same",
    [
        {"line": np.array([77])},
        {"time": np.array([1_795_428_000_000])},
        {"time": ["2026-11-23T11:00:00.0009+01:00"]},
        {"event_id": ["{6FA459EA-EE8A-3CA4-894E-DB77E160355E}"]},
        {"attributes": {"country": ["DE"], "platform": ["web"], "city": [None]}},
    ],
)
def test_an_identity_does_not_change_with_the_way_of_writing(same: dict[str, Any]) -> None:
    assert identities(admit(events(1, **FULL)).batch) == identities(
        admit(events(1, **{**FULL, **same})).batch
    )


def test_absent_numbers_are_the_same_as_a_column_that_is_not_there() -> None:
    absent: dict[str, Any] = {
        "score": np.full(3, np.nan),
        "progress": np.full(3, -np.nan),
        "success": np.full(3, -1, np.int8),
        "completion": np.full(3, -1, np.int8),
        "duration_ms": np.full(3, -1),
        "course": [None] * 3,
        "event_id": [None, "", None],
    }
    assert identities(admit(events(**absent)).batch) == identities(admit(events()).batch)


def test_minus_zero_is_zero() -> None:
    found = [identities(admit(events(1, score=np.array([zero]))).batch) for zero in (0.0, -0.0)]
    assert found[0] == found[1]


def test_identities_do_not_depend_on_what_the_door_saw_before() -> None:
    seasoned = door()
    names = [f"value {n}" for n in range(200)]
    other = events(200, verb=names, activity=names, course=names, attributes={"country": names})
    admit(other, seasoned)
    raw = events(1, **FULL)
    first, second = admit(raw), admit(raw, seasoned)
    assert first.batch.verb.tolist() != second.batch.verb.tolist()
    assert identities(first.batch) == identities(second.batch)


@pytest.mark.parametrize(
    "form",
    [pa.array, lambda v: pa.array(v).dictionary_encode(), lambda v: pa.array(v, pa.large_string())],
)
def test_lists_and_arrow_arrays_make_the_same_batch(
    form: Callable[[Sequence[str | None]], pa.Array],
) -> None:
    columns: dict[str, Sequence[str | None]] = {
        "account": ["a", "b", None, "a"],
        "issuer": ["x", "", None, "x"],
        "time": ["2026-11-23T10:00:00Z", "2026-11-23", "2026-11-23T10:00:00Z", None],
        "verb": ["played", "paused", "played", None],
        "activity": ["1", None, "2", "1"],
        "course": [None, "1", "2", "1"],
        "event_id": ["i", None, "j", "i"],
        "track": [None, "forum", "", "video"],
    }
    one = admit(events(4, **columns, attributes={"country": ["DE", None, "FR", "DE"]}))
    arrow = {name: form(values) for name, values in columns.items()}
    two = admit(events(4, **arrow, attributes={"country": form(["DE", None, "FR", "DE"])}))
    assert one.rejects == two.rejects
    assert identities(one.batch) == identities(two.batch)
    assert one.batch.track.tolist() == two.batch.track.tolist()


REFUSED = [
    ({"account": [None]}, Reason.MISSING_FIELD, "account is missing"),
    ({"account": [""]}, Reason.MISSING_FIELD, "account is missing"),
    ({"account": ["\ud800"]}, Reason.NOT_UTF8, "account is not valid UTF-8"),
    ({"account": pa.array([b"\xff"]).view(pa.string())}, Reason.NOT_UTF8, "account is not valid UTF-8"),
    ({"account": ["x" * 4097]}, Reason.TEXT_TOO_LONG, "account is longer than 4096 bytes"),
    ({"issuer": ["\udfff"]}, Reason.NOT_UTF8, "issuer is not valid UTF-8"),
    ({"time": [None]}, Reason.MISSING_FIELD, "time is missing"),
    ({"time": ["\ud800"]}, Reason.NOT_UTF8, "time is not valid UTF-8"),
    ({"time": ["soon"]}, Reason.TIME_FORMAT, "time is not ISO 8601, such as 2026-11-23T10:00:00Z"),
    ({"time": ["2026-11-23T10:00"]}, Reason.TIME_WITHOUT_ZONE, "time has no zone; write Z or an offset"),
    ({"time": ["3000-01-01T00:00Z"]}, Reason.TIME_OUT_OF_RANGE, "time is before 1990-01-01 or not before 2100-01-01"),
    ({"time": np.array([0])}, Reason.TIME_OUT_OF_RANGE, "time is before 1990-01-01 or not before 2100-01-01"),
    ({"verb": [None]}, Reason.MISSING_FIELD, "verb is missing"),
    ({"verb": ""}, Reason.MISSING_FIELD, "verb is missing"),
    ({"verb": ["x" * 4097]}, Reason.TEXT_TOO_LONG, "verb is longer than 4096 bytes"),
    ({"activity": ["\ud800"]}, Reason.NOT_UTF8, "activity is not valid UTF-8"),
    ({"course": pa.array([b"\xff"]).view(pa.string())}, Reason.NOT_UTF8, "course is not valid UTF-8"),
    ({"event_id": ["x" * 4097]}, Reason.TEXT_TOO_LONG, "id is longer than 4096 bytes"),
    ({"track": ["dancing"]}, Reason.WRONG_TYPE, f"track is none of {', '.join(TRACKS)}"),
    ({"score": np.array([np.inf])}, Reason.SCORE_NOT_FINITE, "score is not finite"),
    ({"progress": np.array([-np.inf])}, Reason.SCORE_NOT_FINITE, "progress is not finite"),
    ({"attributes": {"country": ["x" * 4097]}}, Reason.TEXT_TOO_LONG, "country is longer than 4096 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "reason", "detail"), REFUSED)
def test_what_breaks_a_rule_is_refused_with_its_line_and_the_rule(
    columns: dict[str, Any], reason: Reason, detail: str
) -> None:
    admitted = admit(events(1, **columns))
    assert len(admitted.batch) == 0
    assert admitted.rejects == [Reject("log.json", 1, reason, detail)]


def test_the_good_events_beside_a_bad_one_pass_unchanged() -> None:
    whole = events(
        5,
        score=np.arange(5.0),
        event_id=list("abcde"),
        course=list("vwxyz"),
        attributes={"a": list("12345")},
    )
    kept = [0, 2, 4]
    clean = admit(whole).batch
    accounts = [f"learner {n}" if n in kept else "" for n in range(5)]
    admitted = admit(replace(whole, account=accounts))
    assert [reject.line for reject in admitted.rejects] == [2, 4]
    assert identities(admitted.batch) == [identities(clean)[n] for n in kept]
    assert admitted.batch.id_hash.tolist() == clean.id_hash[kept].tolist()
    assert admitted.batch.score is not None
    assert admitted.batch.score.tolist() == [0.0, 2.0, 4.0]
    assert admitted.batch.attributes["a"].tolist() == [0, 2, 4]


def test_the_rejects_of_the_codec_go_through_and_get_their_source() -> None:
    decoded = Decoded(
        events(0),
        [Reject("", 3, Reason.NOT_JSON, "x"), Reject("inner.zip", 4, Reason.NOT_JSON, "x")],
    )
    admitted = door().admit(decoded, "log.json")
    assert [(reject.source, reject.line) for reject in admitted.rejects] == [
        ("log.json", 3),
        ("inner.zip", 4),
    ]
    assert len(admitted.batch) == 0


TEXTS = st.none() | st.sampled_from(
    ["", "a", "played", "\ud800", "x" * 4097, "ada@example.org", "video"]
)
TIMES = st.none() | st.sampled_from(
    ["2026-11-23T10:00Z", "2026-11-23", "soon", "3000-01-01T00:00Z", "\ud800"]
)


@settings(max_examples=40)
@given(st.data(), st.integers(0, 12), st.booleans())
def test_events_and_rejects_add_up_to_what_came_in(
    data: Any, count: int, with_optional: bool
) -> None:
    def column(values: Any) -> Any:
        return data.draw(st.lists(values, min_size=count, max_size=count))

    columns: dict[str, Any] = {
        "account": column(TEXTS),
        "time": column(TIMES),
        "verb": column(TEXTS),
    }
    if with_optional:
        columns |= {
            name: column(TEXTS) for name in ("issuer", "activity", "course", "event_id", "track")
        }
        columns["score"] = np.array(column(st.floats()), np.float64)
        columns["attributes"] = {"country": column(TEXTS)}
    codec_rejects = [Reject("", 99, Reason.NOT_JSON, "x")]
    admitted = door().admit(Decoded(events(count, **columns), codec_rejects), "log.json")
    assert len(admitted.batch) + len(admitted.rejects) == count + 1
    lines = [reject.line for reject in admitted.rejects[1:]]
    assert len(set(lines)) == len(lines)


def test_an_event_keeps_its_own_track_and_others_get_that_of_their_verb() -> None:
    verbs = VideoVerbs()
    at = Door(KEY, verbs)
    raw = events(3, verb=["played", "paused", "paused"], track=[None, "forum", ""])
    assert [TRACKS[t] for t in admit(raw, at).batch.track] == ["video", "forum", "other"]
    admit(raw, at)
    assert verbs.asked == ["played", "paused"]


def test_an_attribute_of_too_many_values_is_said_and_counts_for_the_identity_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ATTRIBUTE_VALUES_MAX", 2)
    at = door()
    batch = admit(events(4, attributes={"city": ["a", "b", "c", "c"]}), at).batch
    assert len(set(identities(batch))) == len({"a", "b", "c"}) + 1  # the accounts differ too
    (note,) = at.notes
    assert note.startswith("attribute city has more than 2 different values")


def test_attributes_beyond_the_bound_are_dropped_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ATTRIBUTES_MAX", 1)
    at = door()
    batch = admit(events(1, attributes={"b": ["1"], "a": ["1"]}), at).batch
    assert list(batch.attributes) == ["a"]
    assert at.notes == ("attributes dropped, beyond the first 1: b",)


def test_an_address_in_a_text_is_replaced_by_a_hash() -> None:
    at = door()
    admit(events(1, activity=["mailto:ada@example.org"], course=["ada@example.org"]), at)
    for dictionary in (at.dictionaries.activity, at.dictionaries.course):
        assert dictionary.values[0].startswith("hashed:")


def test_names_are_told_only_to_who_was_given() -> None:
    class Book:
        def __init__(self) -> None:
            self.seen: list[tuple[int, str, str]] = []

        def add(
            self, key_hi: UInt64s, _key_lo: UInt64s, issuers: Sequence[str], accounts: pa.Array
        ) -> None:
            self.seen += zip(key_hi.tolist(), issuers, accounts.to_pylist(), strict=True)

    book = Book()
    raw = events(3, account=["ada", "", "grace"], issuer=["x", "x", "y"])
    batch = admit(raw, Door(KEY, VideoVerbs(), book)).batch
    assert book.seen == [(int(batch.key_hi[0]), "x", "ada"), (int(batch.key_hi[1]), "y", "grace")]


def test_a_batch_is_read_only() -> None:
    batch = admit(events(1, **FULL)).batch
    given = [
        getattr(batch, name) for name in EventBatch.__dataclass_fields__ if name != "attributes"
    ]
    columns = [column for column in given if column is not None]
    assert not any(column.flags.writeable for column in [*columns, *batch.attributes.values()])


def test_no_text_that_holds_the_account_of_its_event_comes_in() -> None:
    account = ["jane.doe", "jane.doe", "joe"]
    raw = events(
        account=account,
        verb=["u/Jane.Doe", "played", "played"],
        activity=["video", "u/jane%2Edoe", "u/jane.doe"],
        course=pa.array(["of jane.doe", "b", "jane.doers"]).dictionary_encode(),
        attributes={"platform": ["a", "jane.doe", None]},
    )
    at = door()
    batch = admit(raw, at).batch
    texts = at.dictionaries
    assert texts.verb.values[0].startswith("hashed:")
    assert texts.verb.values[1:] == ["played"]
    assert texts.activity.values == ["video", "u/jane.doe"]
    assert texts.course.values == ["b", "jane.doers"]
    assert texts.attributes["platform"].values == ["a"]
    assert batch.activity.tolist() == [0, -1, 1]
