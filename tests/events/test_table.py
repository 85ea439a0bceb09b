"""Tables of any type of cell become events, and a bad cell costs its row only."""

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events.mapping import EventSpec, parse_mapping, spec_of_names
from homeroom.events.model import Decoded, Reason
from homeroom.events.table import Lookup, TableCodec, looks_like

TIME = "2024-03-01T10:00:00Z"
TIME_MS = 1_709_287_200_000


def spec_of(toml: str) -> EventSpec:
    return parse_mapping(toml, "m.toml").events[0]


def read(columns: dict, toml: str | None = None, lookups=()) -> Decoded:
    """Read a table in memory, by a mapping or by its names."""
    table = pa.table(columns)
    spec = spec_of_names(table.column_names) if toml is None else spec_of(toml)
    assert spec is not None
    (batch,) = table.combine_chunks().to_batches() or [
        pa.RecordBatch.from_pylist([], schema=table.schema)
    ]
    return TableCodec(spec, lookups).decode_batch(batch, 1)


def plain(column) -> list:
    return column.to_pylist() if isinstance(column, pa.Array) else list(column)


def one_account(values) -> list:
    return plain(read({"account": values, "time": [TIME] * len(values)}).events.account)


def one_time(values, fmt: str = "") -> Decoded:
    toml = f"account = 'account'\ntime = {{column = 'time', {fmt}}}" if fmt else None
    return read({"account": ["a"] * len(values), "time": values}, toml)


def reasons(decoded: Decoded) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason.value) for reject in decoded.rejects]


# --- accounts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "accounts"),
    [
        (pa.array([7, None, 9]), ["7", None, "9"]),
        (pa.array([7.0, None, 9.5]), ["7", None, "9.5"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array(["a", "b"]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())), ["a", "b"]),
        (pa.array([7, 7]).dictionary_encode(), ["7", "7"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array(["a"], pa.string_view()), ["a"]),
        (pa.array([b"a"]), ["a"]),
        (pa.array([2**63 + 5], pa.uint64()), [str(2**63 + 5)]),
        (pa.array([True]), ["true"]),
        (pa.nulls(1), [None]),
    ],
)  # fmt: skip
def test_an_account_may_be_of_any_type_that_is_a_text_in_the_end(values, accounts):
    assert one_account(values) == accounts


def test_bytes_that_are_no_text_cost_their_row():
    decoded = read({"account": pa.array([b"a", b"\xff", b"c"]), "time": [TIME] * 3})
    assert plain(decoded.events.account) == ["a", "c"]
    assert reasons(decoded) == [(2, "wrong_type")]


def test_text_that_is_not_utf8_costs_its_row():
    broken = pa.array([b"a", b"\xff", b"c"]).view(pa.string())
    decoded = read({"account": broken, "time": [TIME] * 3, "verb": ["x", "y", "z"]})
    assert plain(decoded.events.verb) == ["x", "z"]
    assert reasons(decoded) == [(2, "not_utf8")]


def test_nested_cells_are_of_a_wrong_type():
    decoded = read({"account": [["a"], ["b"]], "time": [TIME] * 2})
    assert reasons(decoded) == [(1, "wrong_type"), (2, "wrong_type")]


# --- times -------------------------------------------------------------------------------------------------------


def test_text_goes_to_the_door_as_it_is():
    assert plain(one_time([TIME, "2024-03-01 10:00", None]).events.time) == [
        TIME,
        "2024-03-01 10:00",
        None,
    ]


@pytest.mark.parametrize("factor", [1 / 1_000, 1, 1_000, 1_000_000])
def test_numbers_are_seconds_milli_micro_or_nanoseconds_by_their_size(factor):
    number = int(TIME_MS * factor)
    assert plain(one_time([number]).events.time) == [TIME_MS]
    assert plain(one_time([float(number)]).events.time) == [TIME_MS]
    assert plain(one_time([str(number)]).events.time) == [TIME_MS]


def test_each_number_is_taken_by_its_own_size_also_beside_text():
    assert plain(one_time([TIME_MS, TIME_MS // 1_000]).events.time) == [TIME_MS, TIME_MS]
    assert plain(one_time([TIME, str(TIME_MS)]).events.time) == [TIME, "2024-03-01T10:00:00.000Z"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_typed_instants_become_milliseconds_and_a_missing_zone_is_utc_and_said(unit):
    instants = pa.array([dt.datetime(2024, 3, 1, 10)], pa.timestamp(unit))  # noqa: DTZ001 - a column without zone
    assert plain(one_time(instants).events.time) == [TIME_MS]
    assert one_time(instants).zone_assumed
    assert not one_time(instants.cast(pa.timestamp(unit, "UTC"))).zone_assumed


def test_an_empty_typed_instant_is_a_missing_field():
    decoded = one_time(pa.array([TIME_MS, None], pa.timestamp("ms", "UTC")))
    assert reasons(decoded) == [(2, "missing_field")]
    assert plain(decoded.events.time) == [TIME_MS]


def test_numbers_of_no_time_are_rejected():
    assert reasons(one_time([float(TIME_MS), float("nan")])) == [(2, "time_format")]


def test_a_mapping_names_the_zone_of_local_times():
    decoded = one_time(
        ["2024-03-01 11:00", "2024-07-01T12:00:00", TIME, "2024-03-01"], "timezone = 'Europe/Paris'"
    )
    assert plain(decoded.events.time) == [
        TIME_MS,
        1_719_828_000_000,
        TIME_MS,
        TIME_MS - 11 * 3_600_000,
    ]


def test_a_zone_holds_for_typed_instants_too():
    local = pa.array([dt.datetime(2024, 3, 1, 11)], pa.timestamp("ms"))  # noqa: DTZ001 - a column without zone
    decoded = one_time(local, "timezone = 'Europe/Paris'")
    assert plain(decoded.events.time) == [TIME_MS]
    assert not decoded.zone_assumed


def test_a_local_hour_that_comes_twice_is_the_first_and_one_that_is_skipped_moves_on():
    twice, skipped = "2024-10-27 02:30", "2024-03-31 02:30"
    time = plain(one_time([twice, skipped], "timezone = 'Europe/Paris'").events.time)
    assert time == [1_729_989_000_000, 1_711_848_600_000]  # 00:30Z and 01:30Z


def test_what_cannot_be_read_beside_local_times_stays_for_the_door_to_name():
    time = plain(one_time(["2024-03-01 11:00", "soon"], "timezone = 'Europe/Paris'").events.time)
    assert time == ["2024-03-01T10:00:00.000Z", "soon"]


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        ("%d/%m/%Y %H:%M", "01/03/2024 11:00"),
        ("%d/%m/%Y, %I:%M %p", "01/03/2024, 11:00 AM"),
        ("%d.%m.%Y %H:%M:%S.%f", "01.03.2024 11:00:00.000"),
    ],
)
def test_a_pattern_reads_times_of_its_form_in_a_zone(fmt, text):
    decoded = one_time([text, "01-03-2024", None], f"format = '{fmt}', timezone = 'Europe/Paris'")
    assert plain(decoded.events.time) == [TIME_MS]
    assert reasons(decoded) == [(2, "time_format"), (3, "missing_field")]


def test_a_pattern_may_read_the_zone():
    decoded = one_time(["01/03/2024 11:00 +0100"], "format = '%d/%m/%Y %H:%M %z'")
    assert plain(decoded.events.time) == [TIME_MS]


def test_a_pattern_without_zone_goes_to_the_door_without_zone():
    assert plain(one_time(["01/03/2024 11:00"], "format = '%d/%m/%Y %H:%M'").events.time) == [
        "2024-03-01T11:00:00.000"
    ]


DAYS = """
account = "u"
[time]
column = "day"
format = "days"
start = "run"
starts = {A = 2024-03-01, B = 2024-04-01}
"""


def test_days_count_from_the_start_of_their_course_at_noon():
    decoded = read(
        {"u": [1, 2, 3, 4], "day": ["0", "-1", "5", "x"], "run": ["A", "B", "C", "A"]}, DAYS
    )
    noon_ms = TIME_MS + 2 * 3_600_000
    assert plain(decoded.events.time) == [noon_ms, noon_ms + 30 * 86_400_000]
    assert reasons(decoded) == [(3, "time_format"), (4, "time_format")]


# --- other fields ------------------------------------------------------------------------------------------------


def test_scores_flags_and_durations():
    decoded = read(
        {
            "account": ["a", "b", "c"],
            "time": [TIME] * 3,
            "score": ["7.5", "", " 8 "],
            "success": ["yes", "0", None],
            "completion": [True, None, False],
            "duration": ["90", "PT1M30S", ""],
        }
    )
    events = decoded.events
    assert not decoded.rejects
    np.testing.assert_array_equal(events.score, [7.5, np.nan, 8])
    assert plain(events.success) == [1, 0, -1]
    assert plain(events.completion) == [1, -1, 0]
    assert plain(events.duration_ms) == [90_000, 90_000, -1]


LATER = {
    "standing": ["enrolled", "", None],
    "section": pa.array(["week 1", "week 2", "week 1"]).dictionary_encode(),
    "answer": [7, None, 9],
    "position_s": ["12.5", "", " 8 "],
    "position_from_s": [1, None, 3],
    "length_s": [90.0, float("nan"), 90.0],
}


def check_later(decoded: Decoded) -> None:
    events = decoded.events
    assert not decoded.rejects
    assert [plain(getattr(events, name)) for name in ("standing", "section", "answer")] == [
        ["enrolled", "", None],
        ["week 1", "week 2", "week 1"],
        ["7", None, "9"],
    ]
    np.testing.assert_array_equal(events.position_s, [12.5, np.nan, 8])
    np.testing.assert_array_equal(events.position_from_s, [1, np.nan, 3])
    np.testing.assert_array_equal(events.length_s, [90, np.nan, 90])


def test_standing_section_answer_and_places_in_a_video():
    rows = {"account": ["a", "b", "c"], "time": [TIME] * 3}
    columns = {**LATER, "length_s": pa.array([90.0, None, 90.0])}
    check_later(read({**rows, **columns}))
    renamed = {f"my {name}": column for name, column in columns.items()}
    toml = "account = 'account'\ntime = 'time'\n"
    check_later(read({**rows, **renamed}, toml + "\n".join(f"{n} = 'my {n}'" for n in LATER)))
    plainly = read(rows).events
    assert [getattr(plainly, name) for name in LATER] == [None] * len(LATER)


def test_a_mapping_gives_one_value_and_writes_values_differently():
    toml = """
    account = "account"
    time = "time"
    standing = { column = "state", values = { P = "passed", F = "failed" } }
    section = "{unit}/{part}"
    answer = { value = "yes" }
    length_s = { value = "60" }
    """
    table = {"account": ["a", "b"], "time": [TIME] * 2, "state": ["P", "F"], "unit": ["1", None]}
    events = read({**table, "part": ["2", "3"]}, toml).events
    assert plain(events.standing) == ["passed", "failed"]
    assert plain(events.section) == ["1/2", None]
    assert plain(events.answer) == ["yes", "yes"]
    assert plain(events.length_s) == [60.0, 60.0]


@pytest.mark.parametrize("number", ["NaN", "inf", "-Infinity", float("nan"), float("inf")])
def test_a_score_that_is_not_finite_costs_its_row(number):
    decoded = read({"account": ["a", "b"], "time": [TIME] * 2, "score": [number, type(number)(1)]})
    assert reasons(decoded) == [(1, "score_not_finite")]
    assert plain(decoded.events.account) == ["b"]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("score", "7,5", Reason.NUMBER_FORMAT),
        ("score", "1_000", Reason.NUMBER_FORMAT),
        ("progress", "half", Reason.NUMBER_FORMAT),
        ("success", "maybe", Reason.WRONG_TYPE),
        ("duration_ms", "-5", Reason.NUMBER_FORMAT),
        ("duration", "soon", Reason.NUMBER_FORMAT),
        ("position_s", "soon", Reason.NUMBER_FORMAT),
        ("position_from_s", "1:30", Reason.NUMBER_FORMAT),
        ("length_s", "inf", Reason.SCORE_NOT_FINITE),
    ],
)
def test_a_bad_cell_costs_its_row_with_a_reason_that_holds_nothing_of_it(column, cell, reason):
    decoded = read({"account": ["a", "b"], "time": [TIME] * 2, column: [cell, "1"]})
    (reject,) = decoded.rejects
    assert (reject.line, reject.reason) == (1, reason)
    assert column in reject.detail
    assert cell not in reject.detail
    assert plain(decoded.events.account) == ["b"]


def test_a_row_is_rejected_once_for_the_first_thing_wrong():
    decoded = read({"account": ["a"], "time": [float("nan")], "score": ["x"], "success": ["?"]})
    assert len(decoded.rejects) == 1


def test_without_a_verb_everybody_is_active():
    assert read({"account": ["a"], "time": [TIME]}).events.verb == "active"


def test_points_become_shares_values_are_renamed_and_texts_for_nothing_are_nothing():
    toml = """
    account = "u"
    time = "t"
    verb = {column = "what", values = {V = "viewed"}}
    score = "points"
    score_max = 20
    empty = ["NA"]
    """
    decoded = read(
        {"u": ["a", "b"], "t": [TIME] * 2, "what": ["V", "W"], "points": ["5", "NA"]}, toml
    )
    assert plain(decoded.events.verb) == ["viewed", "W"]
    np.testing.assert_array_equal(decoded.events.score, [0.25, np.nan])


def test_columns_are_joined_and_absent_where_one_is():
    toml = "account = 'u'\ntime = 't'\ncourse = '{m}/{r}!'"
    decoded = read({"u": ["a", "b"], "t": [TIME] * 2, "m": ["X", None], "r": [1, 2]}, toml)
    assert plain(decoded.events.course) == ["X/1!", None]


def test_rows_that_are_no_events_are_left_out_and_counted():
    toml = "account = 'u'\ntime = 't'\nwhen = {column = 'kept', is = ['yes']}"
    decoded = read({"u": ["a", "b", "c"], "t": [TIME] * 3, "kept": ["yes", "no", None]}, toml)
    assert plain(decoded.events.account) == ["a"]
    assert plain(decoded.events.line) == [1]
    assert decoded.left_out == 2


def test_a_look_up_adds_columns_by_key():
    toml = """
    account = "u"
    time = "t"
    course = "course"
    lookups = ["tasks"]
    [lookup.tasks]
    files = ["tasks.csv"]
    key = ["task"]
    columns = ["course"]
    """
    mapping = parse_mapping(toml.replace("lookups", "lookups"), "m.toml")
    tasks = {"task": pa.array(["1", "2", "2"]), "course": pa.array(["X", "Y", "Z"])}
    lookup = Lookup(mapping.lookup["tasks"], tasks)
    table = pa.table({"u": ["a", "b", "c"], "t": [TIME] * 3, "task": [2, 1, 3]})
    codec = TableCodec(mapping.events[0], [lookup])
    assert codec.columns == ("t", "task", "u")
    decoded = codec.decode_batch(table.to_batches()[0], 1)
    assert plain(decoded.events.course) == ["Y", "X", None]


# --- JSON rows ---------------------------------------------------------------------------------------------------


def rows(*objects) -> Decoded:
    text = b"".join(json.dumps(o).encode() + b"\n" for o in objects)
    spec = spec_of_names(["account", "time", "verb", "score"])
    assert spec is not None
    return TableCodec(spec).decode(text, 5)


def test_json_rows_are_rows_of_a_table():
    decoded = rows(
        {"account": 1, "time": TIME, "verb": "x", "score": 1},
        {"account": "b", "time": TIME, "verb": "y"},
        {"account": {"name": "c"}, "time": TIME, "verb": "z"},
        {"account": 2.0, "time": TIME_MS, "verb": "w", "score": None},
    )
    assert plain(decoded.events.account) == ["1", "b", "2"]
    assert plain(decoded.events.line) == [5, 6, 8]
    assert reasons(decoded) == [(7, "wrong_type")]
    np.testing.assert_array_equal(decoded.events.score, [1, np.nan, np.nan])


def test_a_row_looks_like_events_if_it_says_who_and_when():
    assert looks_like({"user_id": 5, "timestamp": TIME})
    assert not looks_like({"user_id": {"id": 5}, "timestamp": TIME})
    assert not looks_like({"user_id": 5})


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.lists(st.integers(), max_size=2),
)


WHEN = st.sampled_from([TIME, TIME_MS, float(TIME_MS), str(TIME_MS)])
FIELDS = dict.fromkeys(
    ("account", "verb", "score", "success", "duration", "section", "answer", "position_s"), CELLS
)


@settings(max_examples=20)
@given(st.lists(st.fixed_dictionaries({"time": WHEN, **FIELDS}), max_size=8))
def test_a_row_is_an_event_or_a_reject_and_never_because_of_its_neighbours(table):
    spec = spec_of_names(["time", *FIELDS])
    assert spec is not None
    codec = TableCodec(spec)
    text = [json.dumps(row).encode() + b"\n" for row in table]
    together = codec.decode(b"".join(text), 1)
    assert len(together.events) + len(together.rejects) == len(table)
    alone = [codec.decode(line, n) for n, line in enumerate(text, 1)]
    assert {r.line for r in together.rejects} == {r.line for d in alone for r in d.rejects}
    for name in ("account", "verb", "score", "success", "duration_ms", "answer", "position_s"):
        values = [str(value) for d in alone for value in plain(getattr(d.events, name))]
        assert [str(value) for value in plain(getattr(together.events, name))] == values


@settings(max_examples=20)
@given(st.lists(CELLS, min_size=1, max_size=8))
def test_any_cell_may_stand_for_a_time(cells):
    spec = spec_of_names(["account", "time"])
    assert spec is not None
    text = b"".join(json.dumps({"account": "a", "time": cell}).encode() + b"\n" for cell in cells)
    decoded = TableCodec(spec).decode(text, 1)
    assert len(decoded.events) + len(decoded.rejects) == len(cells)
