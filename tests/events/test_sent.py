"""Batches that clients send: several become one chunk, and each client hears of its own events."""

import hashlib
import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.events.door import Door
from homeroom.events.sent import Form, SentBatch, SentPart, answers, columns, count_events
from homeroom.events.vocabulary import VerbTable
from tests.events.streams import stream

UUID7 = "018bcfe5-6800-7000-8000-000000000000"
UUID7_MS = 0x018BCFE56800
EVENT = {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", "id": "e1"}


def part(body, form=Form.NDJSON, batch_id="b", owner="key"):
    digest = hashlib.sha256(body).digest()
    return SentPart(owner, SentBatch(batch_id=batch_id, body=body, form=form, digest=digest))


def lines(*events, **fields):
    return part("\n".join(map(json.dumps, events)).encode(), **fields)


def array(*events, **fields):
    return part(json.dumps(events).encode(), Form.JSON, **fields)


def arrow(*events, **fields):
    return part(stream(events), Form.ARROW, **fields)


def told(*parts):
    decoded = columns(parts)
    admitted = Door(bytes(32), VerbTable.standard()).admit(decoded, "sent")
    return [json.loads(answer) for answer in answers(decoded, admitted.rejects)]


def without(name, event=EVENT):
    return {key: value for key, value in event.items() if key != name}


FORMS = pytest.mark.parametrize("make", [lines, array, arrow])


@FORMS
def test_every_field_of_the_event_model_arrives(make):
    full = EVENT | {
        "issuer": "campus",
        "activity": "intro",
        "course": "physics",
        "track": "video",
        "score": 0.5,
        "progress": 0.25,
        "success": True,
        "completion": False,
        "duration_ms": 1_500,
        "standing": "passed",
        "section": "week 1",
        "answer": "blue",
        "position_s": 12.5,
        "position_from_s": 3.0,
        "length_s": 90.0,
    }
    written = full | ({"country": "NO"} if make is arrow else {"attributes": {"country": "NO"}})
    raw = columns([make(written)]).events
    for name, value in full.items():
        column = getattr(raw, "event_id" if name == "id" else name)
        assert list(column.to_pylist() if isinstance(column, pa.Array) else column) == [value]
    countries = raw.attributes["country"]
    assert list(countries.to_pylist() if isinstance(countries, pa.Array) else countries) == ["NO"]


@FORMS
def test_an_event_without_an_id_gets_one_of_owner_batch_and_place(make):
    events = [EVENT, without("id"), without("id")]
    raw = columns([make(*events, batch_id="b7", owner="k9")]).events
    assert list(raw.event_id) == ["e1", "k9/b7/2", "k9/b7/3"]


def test_a_batch_without_an_id_is_known_by_its_body():
    sent = lines(without("id"), batch_id=None)
    name = hashlib.sha256(sent.batch.body).hexdigest()
    assert columns([sent]).events.event_id == [f"key/{name}/1"]


@FORMS
def test_an_event_without_a_time_gets_that_of_the_batch(make):
    sent = make(without("time"), EVENT, batch_id=UUID7)
    decoded = columns([sent])
    admitted = Door(bytes(32), VerbTable.standard()).admit(decoded, "sent")
    assert admitted.batch.time_ms.tolist() == [UUID7_MS, 1_795_428_000_000]


@FORMS
@pytest.mark.parametrize("batch_id", [None, "b", UUID7.replace("-7", "-4")])
def test_an_event_without_a_time_in_a_batch_without_one_is_refused(make, batch_id):
    (answer,) = told(make(EVENT, without("time"), batch_id=batch_id))
    assert answer["accepted"] == 1
    assert [(one["position"], one["reason"]) for one in answer["refused"]] == [(2, "missing_field")]


def test_each_client_hears_of_its_own_events_whatever_form_the_others_wrote():
    bad = EVENT | {"time": "yesterday"}
    heard = told(
        lines(EVENT, bad, EVENT | {"id": "e2"}),
        arrow(bad, EVENT | {"id": "e3"}),
        array(EVENT | {"id": "e4"}),
        lines(without("account"), EVENT | {"progress": 2.0}),
        array(EVENT | {"id": "e5"}, "no object", without("verb")),
    )
    assert [one["accepted"] for one in heard] == [2, 1, 1, 0, 1]
    places = [[one["position"] for one in answer["refused"]] for answer in heard]
    assert places == [[2], [1], [], [1, 2], [2, 3]]


def test_a_broken_line_leaves_the_lines_of_others_alone():
    heard = told(lines(EVENT), part(b'{"account": "x", '), part(b'1}\n{"verb":'), lines(EVENT))
    assert [one["accepted"] for one in heard] == [1, 0, 0, 1]


def test_blank_lines_count_as_lines_and_as_no_events():
    (answer,) = told(part(b"\n" + json.dumps(EVENT).encode() + b"\n\nno json\n"))
    assert answer["accepted"] == 1
    assert [one["position"] for one in answer["refused"]] == [4]


@pytest.mark.parametrize(
    ("event", "reason", "detail"),
    [
        (EVENT | {"cuorse": "x"}, "wrong_type", "did you mean course?"),
        (EVENT | {"zzzz": "x"}, "wrong_type", "a field that is not known; there are: account"),
        (EVENT | {"attributes": {"contry": "x"}}, "wrong_type", "did you mean country?"),
        (EVENT | {"account": 7}, "wrong_type", "account: expected str | null, got int"),
        (EVENT | {"duration_ms": -1}, "number_format", "duration_ms is negative"),
        (EVENT | {"duration_ms": 1 << 63}, "number_format", "duration_ms is negative, or too"),
        (EVENT | {"progress": 1.5}, "score_out_of_range", "progress must be from 0 to 1"),
        (EVENT | {"position_s": -1}, "number_format", "position_s is negative"),
        (EVENT | {"time": 1_700_000_000}, "time_out_of_range", "time is before 1990"),
        (EVENT | {"time": (1 << 64) - 1}, "time_out_of_range", "time is before 1990"),
        (EVENT | {"standing": "great"}, "wrong_type", "standing is none of"),
        (EVENT | {"verb": "x" * (limits.TEXT_BYTES_MAX + 1)}, "text_too_long", "verb is longer"),
    ],
)
@pytest.mark.parametrize("make", [lines, array])
def test_what_is_refused_names_the_field_and_never_its_content(make, event, reason, detail):
    (answer,) = told(make(EVENT, event))
    (refused,) = answer["refused"]
    assert (answer["accepted"], refused["position"], refused["reason"]) == (1, 2, reason)
    assert detail in refused["detail"]
    assert not {"cuorse", "zzzz", "contry", "great"} & set(refused["detail"].split())


def test_what_nests_too_deep_is_refused_alone():
    deep = '{"account": ' + "[" * 100_000 + "]" * 100_000 + "}"
    for sent in (
        part(f"{json.dumps(EVENT)}\n{deep}".encode()),
        part(f"[{json.dumps(EVENT)},{deep}]".encode(), Form.JSON),
    ):
        (answer,) = told(sent)
        assert answer["accepted"] == 1
        assert answer["refused"][0]["detail"].startswith("nested more than")


def test_only_so_many_refusals_are_told_and_the_rest_is_counted():
    (answer,) = told(lines(*[without("account")] * (limits.REFUSALS_TOLD_MAX + 5)))
    assert len(answer["refused"]) == limits.REFUSALS_TOLD_MAX
    assert answer["refused_more"] == 5


def test_numbers_of_time_are_milliseconds():
    raw = columns([lines(EVENT | {"time": UUID7_MS}, EVENT | {"time": UUID7_MS + 1})]).events
    assert raw.time.tolist() == [UUID7_MS, UUID7_MS + 1]


@FORMS
@pytest.mark.parametrize("count", [0, 1, 3])
def test_events_are_counted_without_decoding_them(make, count):
    sent = make(*[EVENT] * count)
    expected = 1 if make is lines and count == 0 else count
    assert count_events(sent.batch) == expected


sound = st.fixed_dictionaries(
    {
        "account": st.text(min_size=1, max_size=5).filter(lambda text: text.isprintable()),
        "verb": st.sampled_from(["read", "played"]),
        "time": st.sampled_from(["2026-11-23T10:00:00Z", UUID7_MS]),
    },
    optional={
        "id": st.text("abc", min_size=1, max_size=3),
        "score": st.floats(0, 1),
        "attributes": st.fixed_dictionaries({}, optional={"country": st.just("NO")}),
    },
)
broken = st.sampled_from([b"{", b"[]", b'{"a": 1}', b"\xff", b'{"verb": 1}', b"{}}", b"1 2", b'"'])
line = st.one_of(sound.map(lambda event: json.dumps(event).encode()), broken)


@settings(max_examples=25)
@given(st.lists(st.lists(line, min_size=1, max_size=4), min_size=1, max_size=4))
def test_together_they_are_what_each_is_alone(bodies):
    parts = [part(b"\n".join(body), batch_id=f"b{i}") for i, body in enumerate(bodies)]
    assert told(*parts) == [answer for one in parts for answer in told(one)]
