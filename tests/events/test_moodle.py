"""Moodle's export and logstore: ids out of sentences, times without zone, and who the learner is."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.errors import MappingError
from homeroom.events.door import Door
from homeroom.events.model import STANDINGS
from homeroom.events.moodle import DateOrder, MoodleCodec, MoodleDecoded, looks_like
from homeroom.events.vocabulary import VerbTable
from tests.events.samples_codecs import (
    EXPORT_ROW,
    LOGSTORE_ROW,
    changed,
    column,
    lines,
    only,
    reasons,
)

CODEC = MoodleCodec()
GOOD = lines(LOGSTORE_ROW)


def export(codec: MoodleCodec = CODEC, **fields: str | None) -> MoodleDecoded:
    row = {**EXPORT_ROW, **{name.replace("_", " "): value for name, value in fields.items()}}
    return codec.decode_columns(
        {name: pa.array([value], pa.string()) for name, value in row.items()}, np.array([2])
    )


def logstore(**fields: object) -> MoodleDecoded:
    row = {**LOGSTORE_ROW, **fields}
    return CODEC.decode_columns({name: [value] for name, value in row.items()}, np.array([2]))


def ms(*parts: int) -> int:
    return int(dt.datetime(*parts, tzinfo=dt.UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


def test_a_row_of_the_logstore_becomes_an_event() -> None:
    for decoded in (CODEC.decode(GOOD, 2), logstore()):
        assert decoded.events.line.tolist() == [2]
        assert only(decoded, "account") == "5"
        assert only(decoded, "issuer") == "moodle"
        assert only(decoded, "time") == 1_710_252_333_000
        assert only(decoded, "verb") == "\\mod_quiz\\event\\attempt_submitted"
        assert only(decoded, "activity") == "mod_quiz:12"
        assert only(decoded, "course") == "3"
        assert only(decoded, "event_id") == "901"


def test_a_dump_as_text_and_a_typed_table_say_the_same() -> None:
    texts = {
        name: pa.array([None if v is None else str(v)], pa.string())
        for name, v in LOGSTORE_ROW.items()
    }
    typed = {
        name: pa.array([v])
        for name, v in {**LOGSTORE_ROW, "userid": 5.0, "realuserid": float("nan")}.items()
    }
    for columns in (texts, typed, {name.upper(): values for name, values in texts.items()}):
        assert only(CODEC.decode_columns(columns, np.array([1])), "account") == "5"


def test_columns_that_are_not_there_are_absent() -> None:
    columns = {
        "eventname": ["\\core\\event\\course_viewed"],
        "timecreated": ["1710252333"],
        "userid": ["5"],
    }
    decoded = CODEC.decode_columns(columns, np.array([1]))
    assert (only(decoded, "activity"), only(decoded, "course"), only(decoded, "event_id")) == (
        "",
        None,
        None,
    )


@pytest.mark.parametrize("userid", [0, -1, "", None, "0", "NULL", "\\N"])
def test_cron_and_visitors_are_no_learners(userid: object) -> None:
    assert reasons(logstore(userid=userid)) == [(2, "missing_field")]


def test_who_is_logged_in_as_another_is_not_that_learner() -> None:
    assert reasons(logstore(realuserid=2)) == [(2, "not_events")]
    assert len(logstore(realuserid="NULL").events) == 1


def test_the_learner_of_an_enrolment_is_the_one_who_was_enrolled() -> None:
    enrolment = {
        "eventname": "\\core\\event\\user_enrolment_created",
        "objecttable": "user_enrolments",
    }
    decoded = logstore(**enrolment, userid=2, relateduserid=5, contextlevel=50, objectid=77)
    assert only(decoded, "account") == "5"
    assert only(decoded, "activity") == ""
    assert only(logstore(userid=2, relateduserid=5), "account") == "2"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user_enrolment_created", "enrolled"),
        ("user_enrolment_deleted", "left"),
        ("course_completed", "completed"),
        ("user_graded", "none"),
        ("course_module_completion_updated", "none"),
    ],
)
def test_the_logstore_speaks_of_the_standing_of_who_it_is_about(name: str, expected: str) -> None:
    row = {"eventname": f"\\core\\event\\{name}", "component": "core", "contextlevel": 50}
    decoded = logstore(**row, userid=2, relateduserid=5)
    batch = Door(bytes(32), VerbTable.standard()).admit(decoded, "log.csv").batch
    assert STANDINGS[0 if batch.standing is None else int(batch.standing[0])] == expected
    assert (batch.section, batch.answer, batch.position_s) == (None, None, None)


@pytest.mark.parametrize(
    "fields", [{"objecttable": "user", "contextlevel": 10}, {"contextlevel": 30}]
)
def test_an_object_that_is_a_user_is_no_activity(fields: dict[str, object]) -> None:
    assert only(logstore(**fields), "activity") == ""


def test_an_object_outside_of_a_module_is_named_by_its_id() -> None:
    assert (
        only(logstore(contextlevel=50, component="core", objecttable="badge"), "activity")
        == "core:44"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timecreated": None}, "missing_field"),
        ({"timecreated": "yesterday"}, "time_format"),
        ({"timecreated": "1.5e9"}, "time_format"),
        ({"eventname": None, "component": None, "action": None}, "missing_field"),
    ],
)
def test_a_row_that_makes_no_event_is_rejected(fields: dict[str, object], reason: str) -> None:
    assert reasons(logstore(**fields)) == [(2, reason)]


def test_a_time_beyond_all_bounds_is_left_to_the_door() -> None:
    assert only(logstore(timecreated=10**17), "time") == 10**15


def test_component_and_action_stand_in_for_the_event_name() -> None:
    assert only(logstore(eventname=""), "verb") == "mod_quiz:submitted"


def test_doubled_backslashes_of_a_dump_are_single() -> None:
    decoded = logstore(eventname="\\\\mod_forum\\\\event\\\\post_created")
    assert only(decoded, "verb") == "\\mod_forum\\event\\post_created"


def test_a_broken_json_row_is_rejected_alone() -> None:
    decoded = CODEC.decode(GOOD + lines(changed(LOGSTORE_ROW, "userid", [5])) + b"{\n" + GOOD, 1)
    assert reasons(decoded) == [(2, "wrong_type"), (3, "not_json")]
    assert decoded.events.line.tolist() == [1, 4]
    assert len(CODEC.decode_document(b"[" + GOOD + b"," + GOOD + b"]").events) == 2


def test_a_row_of_the_export_becomes_an_event() -> None:
    decoded = export()
    assert decoded.events.line.tolist() == [2]
    assert decoded.zone_assumed
    assert only(decoded, "account") == "5"
    assert only(decoded, "time") == ms(2024, 3, 12, 14, 5, 33)
    assert only(decoded, "verb") == "Course module viewed"
    assert only(decoded, "activity") == "Quiz:12"
    assert only(decoded, "track") == "problem"


def test_the_full_name_is_an_account_only_where_no_user_is_named() -> None:
    decoded = export(Description="Somebody did something.")
    assert (only(decoded, "account"), only(decoded, "issuer")) == ("Jane Doe", "moodle-names")
    assert reasons(export(Description="", User_full_name="-")) == [(2, "missing_field")]
    assert reasons(export(Description="The user with id '0' did it.")) == [(2, "missing_field")]


def test_names_and_addresses_of_the_export_reach_no_other_column() -> None:
    events = export(Event_context="User: Jane Doe", Affected_user="Joe Roe").events
    written = [
        str(column(events, name)) for name in ("verb", "activity", "course", "account", "event_id")
    ]
    assert not [text for text in written if "Jane" in text or "Roe" in text or "192.0" in text]


def test_an_enrolment_in_the_export_is_that_of_the_enrolled() -> None:
    sentence = (
        "The user with id '2' enrolled the user with id '5' using the enrolment method 'manual' in the course "
        "with id '3'."
    )
    decoded = export(Description=sentence, Event_name="User enrolled in course", Component="System")
    assert (only(decoded, "account"), only(decoded, "course")) == ("5", "3")


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("12/03/24, 14:05", ms(2024, 3, 12, 14, 5)),
        ("7/09/26, 21:40:58", ms(2026, 9, 7, 21, 40, 58)),
        ("12 March 2024, 2:05 PM", ms(2024, 3, 12, 14, 5)),
        ("12 Mar 2024, 12:05 am", ms(2024, 3, 12, 0, 5)),
        ("Tuesday, 12 March 2024, 2:05\u202fPM", ms(2024, 3, 12, 14, 5)),
        ("2024-03-12 14:05:33", ms(2024, 3, 12, 14, 5, 33)),
        ("2024-03-12T14:05:33+02:00", ms(2024, 3, 12, 12, 5, 33)),
    ],
)
def test_the_times_of_exports(text: str, expected_ms: int) -> None:
    assert only(export(Time=text), "time") == expected_ms


@pytest.mark.parametrize(
    "text", ["31/02/24, 14:05", "12/13/24, 14:05", "12 Mai 2024, 14:05", "soon", "1/1/24, 13:00 PM"]
)
def test_a_time_of_no_known_form_is_rejected(text: str) -> None:
    assert reasons(export(Time=text)) == [(2, "time_format")]


def test_zone_and_order_of_the_date_are_arguments() -> None:
    codec = MoodleCodec(timezone="Europe/Berlin", date_order=DateOrder.MONTH_FIRST)
    assert only(export(codec, Time="3/12/24, 14:05"), "time") == ms(2024, 3, 12, 13, 5)
    with pytest.raises(MappingError, match="timezone is 'Mars/Base', which is no IANA time zone"):
        MoodleCodec(timezone="Mars/Base")


def test_headers_and_objects_are_recognised() -> None:
    assert MoodleCodec.looks_like_header(list(EXPORT_ROW))
    assert MoodleCodec.looks_like_header([f"\ufeff{name}" for name in LOGSTORE_ROW])
    assert not MoodleCodec.looks_like_header(["time", "verb", "account"])
    assert looks_like(LOGSTORE_ROW)
    assert not looks_like({"eventname": "x", "userid": 1})


CELLS = st.none() | st.integers() | st.floats() | st.booleans() | st.text(max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(list(LOGSTORE_ROW)), CELLS, max_size=5))
def test_every_row_of_the_logstore_is_an_event_or_a_reject(fields: dict[str, object]) -> None:
    for decoded in (logstore(**fields), CODEC.decode(lines({**LOGSTORE_ROW, **fields}), 2)):
        assert len(decoded.events) + len(decoded.rejects) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["Time", "Description", "Component", "Event name"]),
        st.none() | st.text(max_size=30),
    )
)
def test_every_row_of_an_export_is_an_event_or_a_reject(fields: dict[str, str | None]) -> None:
    decoded = export(**{name.replace(" ", "_"): value for name, value in fields.items()})
    assert len(decoded.events) + len(decoded.rejects) == 1
