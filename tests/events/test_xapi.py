"""xAPI statements: what becomes of each field, what is refused, and that nothing stops the others."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events.model import Decoded
from homeroom.events.vocabulary import VerbTable
from homeroom.events.xapi import XapiCodec, looks_like
from homeroom.limits import JSON_DEPTH_MAX
from tests.events.samples_codecs import STATEMENT, changed, column, lines, only, reasons

CODEC = XapiCodec(VerbTable.standard())
REAL = Path(__file__).parents[3] / "shared" / "data" / "ralph" / "statements.json.gz"
PROGRESS = "https://w3id.org/xapi/video/extensions/progress"
GOOD = lines(STATEMENT)


def decode_one(path: str, value: object) -> Decoded:
    return CODEC.decode(lines(changed(STATEMENT, path, value)), 1)


def test_a_statement_becomes_an_event() -> None:
    decoded = CODEC.decode(GOOD, 7)
    assert not decoded.rejects
    assert decoded.events.line.tolist() == [7]
    assert only(decoded, "account") == "learner-17"
    assert only(decoded, "issuer") == "https://lms.example"
    assert only(decoded, "time") == "2024-03-12T14:05:33Z"
    assert only(decoded, "verb") == "http://adlnet.gov/expapi/verbs/completed"
    assert only(decoded, "activity") == "https://lms.example/video/1"
    assert only(decoded, "course") == "https://lms.example/course/c1"
    assert only(decoded, "event_id") == STATEMENT["id"]
    assert only(decoded, "track") == "video"


@pytest.mark.parametrize(
    ("actor", "account", "issuer"),
    [
        ({"mbox": "mailto:jane@example.org"}, "jane@example.org", "mailto"),
        ({"mbox_sha1sum": "A" * 40}, "a" * 40, "mbox_sha1sum"),
        ({"openid": "https://id.example/jane"}, "https://id.example/jane", "openid"),
        ({"objectType": "Group", "account": {"name": "team", "homePage": "h:h"}}, "team", "h:h"),
    ],
)
def test_each_identifier_names_a_subject(actor: object, account: str, issuer: str) -> None:
    decoded = decode_one("actor", actor)
    assert (only(decoded, "account"), only(decoded, "issuer")) == (account, issuer)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("actor", {"objectType": "Group", "member": []}, "missing_field"),
        ("actor", {"mbox": "mailto:a@b.c", "openid": "https://x.y"}, "wrong_type"),
        ("actor", {"mbox": "jane@example.org"}, "wrong_type"),
        ("actor", {"mbox_sha1sum": "xyz"}, "wrong_type"),
        ("actor", {"objectType": "Robot", "openid": "https://x.y"}, "wrong_type"),
        ("actor", None, "wrong_type"),
        ("actor", KeyError, "missing_field"),
        ("actor.account.name", "", "missing_field"),
        ("actor.account.name", 5, "wrong_type"),
        ("verb", {}, "missing_field"),
        ("verb.id", "", "missing_field"),
        ("verb.id", "completed", "wrong_type"),
        ("object.id", KeyError, "missing_field"),
        ("object.id", "video 1", "wrong_type"),
        ("id", "17", "wrong_type"),
        ("id", "9dc99b37-e920-4a68-a066-917faca2894g", "wrong_type"),
        ("timestamp", KeyError, "missing_field"),
        ("timestamp", 1710252333, "wrong_type"),
        ("context", None, "wrong_type"),
        ("context.contextActivities.parent", [{}], "missing_field"),
        ("result.score.scaled", 1.5, "score_out_of_range"),
        ("result.score.scaled", "1", "wrong_type"),
        ("result.score", {"raw": 5, "max": 4}, "score_out_of_range"),
        ("result.score", {"raw": 1, "min": 2}, "score_out_of_range"),
        ("result.score", {"min": 3, "max": 2}, "score_out_of_range"),
        ("result.score", {"raw": float("nan")}, "score_not_finite"),
        ("result.score", {"scaled": float("inf")}, "score_not_finite"),
        ("result.success", "yes", "wrong_type"),
        ("result.completion", 1, "wrong_type"),
        ("result.duration", "5 minutes", "number_format"),
        ("result.duration", "P", "number_format"),
        ("result.extensions", {PROGRESS: 1.2}, "score_out_of_range"),
    ],
)
def test_what_the_standard_refuses_is_rejected_alone(path: str, value: object, reason: str) -> None:
    bad = lines(changed(STATEMENT, path, value))
    decoded = CODEC.decode(GOOD + bad + GOOD, 1)
    assert reasons(decoded) == [(2, reason)]
    assert decoded.events.line.tolist() == [1, 3]


def test_a_reject_never_holds_content() -> None:
    secret = "jane.doe@example.org"
    for path in (
        "actor.objectType",
        "verb.id",
        "object.objectType",
        "id",
        "timestamp",
        "result.duration",
    ):
        for value in (secret, {secret: secret}, [secret]):
            for reject in decode_one(path, value).rejects:
                assert "jane" not in reject.detail


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not_json"),
        (b'{"id":"\xff"}', "not_utf8"),
        (b'{"note":"\xff"}', "not_utf8"),
        (b'{"id":"\\ud800"}', "not_utf8"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
        (GOOD[:-2], "not_json"),
        (GOOD[:-1] + GOOD[:-1], "not_json"),
        (b"\x00", "not_json"),
        (b'{"x":' + b"[" * 100_000, "not_json"),
        (b'{"x":' * (JSON_DEPTH_MAX + 1) + b"1" + b"}" * (JSON_DEPTH_MAX + 1), "not_json"),
    ],
)
def test_a_broken_line_costs_nothing_but_itself(line: bytes, reason: str) -> None:
    decoded = CODEC.decode(GOOD + line + b"\n" + GOOD, 1)
    assert reasons(decoded) == [(2, reason)]
    assert decoded.events.line.tolist() == [1, 3]
    assert reasons(CODEC.decode(line + b"\n", 1)) == [(1, reason)]


def test_nesting_up_to_the_bound_is_read_and_beyond_it_is_not() -> None:
    def nested(depth: int) -> dict[str, object]:
        value: object = 1
        for _ in range(depth - 1):
            value = [value]
        return changed(STATEMENT, "deep", value)

    assert len(CODEC.decode(lines(nested(JSON_DEPTH_MAX)), 1).events) == 1
    assert len(CODEC.decode(lines(nested(JSON_DEPTH_MAX + 1)), 1).rejects) == 1


def test_brackets_in_text_are_no_nesting() -> None:
    assert len(decode_one("note", "[{" * 500 + '\\"').events) == 1


def test_a_statement_over_two_lines_is_two_broken_lines() -> None:
    text = json.dumps(STATEMENT, indent=1).encode().replace(b"\n", b"", 3) + b"\n"
    decoded = CODEC.decode(GOOD[:-1] + GOOD + text, 1)
    assert len(decoded.events) == 0
    assert len(decoded.rejects) == len((GOOD + text).splitlines())


def test_blank_lines_and_carriage_returns_keep_the_line_numbers() -> None:
    chunk = b"\r\n" + GOOD.replace(b"\n", b"\r\n") + b"\n  \n" + GOOD + GOOD[:-1]
    decoded = CODEC.decode(b"\xef\xbb\xbf" + chunk, 1)
    assert decoded.events.line.tolist() == [2, 5, 6]
    assert not decoded.rejects


def test_an_empty_chunk_is_no_events() -> None:
    assert len(CODEC.decode(b"", 1).events) == 0
    assert len(CODEC.decode(b"\n\n", 1).events) == 0


def test_stored_stands_in_for_a_missing_timestamp() -> None:
    statement = changed(changed(STATEMENT, "timestamp", KeyError), "stored", "2024-01-01T00:00:00Z")
    assert column(CODEC.decode(lines(statement, STATEMENT), 1).events, "time") == [
        "2024-01-01T00:00:00Z",
        "2024-03-12T14:05:33Z",
    ]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ({"scaled": 0.5, "raw": 9, "max": 10}, 0.5),
        ({"scaled": -1}, -1.0),
        ({"raw": 5, "max": 20}, 0.25),
        ({"raw": 5, "min": 4, "max": 6}, 0.5),
        ({"min": 0, "max": 0, "raw": 0}, None),
        ({"raw": 5}, None),
    ],
)
def test_the_score_is_a_share(score: object, expected: float | None) -> None:
    found = only(decode_one("result.score", score), "score")
    assert found == expected or (expected is None and found != found)  # noqa: PLR0124 - NaN


def test_the_rest_of_the_result() -> None:
    result = {
        "success": True,
        "completion": False,
        "duration": "PT1H2M3.5S",
        "extensions": {PROGRESS: 0.25},
    }
    decoded = CODEC.decode(lines(changed(STATEMENT, "result", result), STATEMENT), 1)
    assert column(decoded.events, "success") == [1, -1]
    assert column(decoded.events, "completion") == [0, -1]
    assert column(decoded.events, "duration_ms") == [3_723_500, -1]
    assert column(decoded.events, "progress")[0] == 0.25


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("PT0S", 0),
        ("P1D", 86_400_000),
        ("P1W", 604_800_000),
        ("PT90M", 5_400_000),
        ("P1Y", 31_557_600_000),
    ],
)
def test_durations(text: str, expected_ms: int) -> None:
    assert only(decode_one("result.duration", text), "duration_ms") == expected_ms


@pytest.mark.parametrize(
    "target",
    [
        {"objectType": "Agent", "mbox": "mailto:jane@example.org"},
        {"objectType": "StatementRef", "id": "9dc99b37-e920-4a68-a066-917faca28949"},
        {"objectType": "SubStatement", "actor": {}, "verb": {}, "object": {}},
    ],
)
def test_an_object_that_is_no_activity_leaves_no_trace(target: object) -> None:
    assert not only(decode_one("object", target), "activity")


COURSE = "http://adlnet.gov/expapi/activities/course"


@pytest.mark.parametrize(
    ("activities", "expected"),
    [
        ({"parent": {"id": "c:1", "definition": {"type": COURSE}}}, "c:1"),
        (
            {
                "parent": [{"id": "m:1"}],
                "grouping": [{"id": "c:2", "definition": {"type": COURSE}}],
            },
            "c:2",
        ),
        (
            {"parent": [{"id": "m:1"}, {"id": "https://x.y/course/course-v1:O+C+R"}]},
            "https://x.y/course/course-v1:O+C+R",
        ),
        ({"grouping": [{"id": "g:1"}, {"id": "g:2"}]}, "g:1"),
        ({"parent": [{"id": "m:1"}]}, None),
        ({}, None),
    ],
)
def test_where_the_course_is_found(activities: object, expected: str | None) -> None:
    assert only(decode_one("context", {"contextActivities": activities}), "course") == expected


def test_an_object_that_is_a_course_is_its_own_course() -> None:
    statement = changed(changed(STATEMENT, "context", {}), "object.definition.type", COURSE)
    assert only(CODEC.decode(lines(statement), 1), "course") == "https://lms.example/video/1"


def test_the_activity_type_decides_where_the_verb_says_too_little() -> None:
    question = changed(
        STATEMENT, "object.definition.type", "http://adlnet.gov/expapi/activities/question"
    )
    played = changed(question, "verb.id", "https://w3id.org/xapi/video/verbs/played")
    plain = changed(STATEMENT, "object.definition", {})
    events = CODEC.decode(lines(STATEMENT, question, played, plain), 1).events
    assert column(events, "track") == ["video", "problem", None, None]


def test_a_document_may_be_an_array_a_result_or_one_statement() -> None:
    array = json.dumps([STATEMENT, STATEMENT], indent=1).encode()
    result = json.dumps({"more": "", "statements": [STATEMENT]}).encode()
    for data, count in ((array, 2), (result, 1), (GOOD, 1), (b"[]", 0), (b"\xef\xbb\xbf [ ]", 0)):
        decoded = CODEC.decode_document(data)
        assert (len(decoded.events), len(decoded.rejects)) == (count, 0)


def test_all_values_of_a_document_are_read_and_what_stands_between_them_is_rejected() -> None:
    array, one = (
        json.dumps([STATEMENT, STATEMENT]).encode(),
        json.dumps(STATEMENT, indent=1).encode(),
    )
    result = b'{"count": 2, "statements": ' + array + b', "more": "x"}'
    for data, count in (
        (array + b"\n" + array, 4),
        (result + b"\n" + result + b"\n", 4),
        (one + b"\n" + one, 2),
        (array + one + result, 5),
    ):
        decoded = CODEC.decode_document(data)
        assert (decoded.events.line.tolist(), decoded.rejects) == (list(range(1, count + 1)), [])
    decoded = CODEC.decode_document(array + b" and so on\n" + array + b",")
    assert decoded.events.line.tolist() == [1, 2, 3, 4]
    assert reasons(decoded) == [(3, "not_json"), (5, "not_json")]
    decoded = CODEC.decode_document(result[:-5])
    assert (len(decoded.events), reasons(decoded)) == (2, [(3, "truncated")])


def test_one_broken_element_of_an_array_is_rejected_alone() -> None:
    data = b"[" + GOOD + b", {oops}," + b'{"id": "\xff"},' + GOOD + b"]"
    decoded = CODEC.decode_document(data)
    assert decoded.events.line.tolist() == [1, 4]
    assert reasons(decoded) == [(2, "not_json"), (3, "not_utf8")]


def test_a_truncated_array_keeps_what_is_whole() -> None:
    decoded = CODEC.decode_document(b"[" + GOOD + b"," + GOOD[:200])
    assert decoded.events.line.tolist() == [1]
    assert [reason for _, reason in reasons(decoded)] == ["not_json", "truncated"]


def test_statements_are_told_from_other_objects() -> None:
    assert looks_like(STATEMENT)
    assert not looks_like({"actor": "jane", "verb": "played", "object": "x"})
    assert not looks_like({"event_type": "play_video", "context": {}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
PATHS = st.sampled_from([
    "id", "actor", "actor.account", "actor.account.name", "actor.mbox", "verb", "verb.id", "object", "object.id",
    "object.definition", "object.objectType", "context", "context.contextActivities", "context.platform",
    "context.contextActivities.parent", "context.contextActivities.grouping", "timestamp", "result",
    "result.score", "result.score.raw", "result.extensions", "result.duration", "stored", "else",
])  # fmt: skip
ODD_LINES = st.builds(lambda path, value: lines(changed(STATEMENT, path, value))[:-1], PATHS, JSON)
BYTES = st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"").lstrip(b"\xef\xbb\xbf"))
CUT = st.integers(0, len(GOOD)).map(lambda size: GOOD[:-1][:size])


@settings(max_examples=80, deadline=None)
@given(st.lists(ODD_LINES | BYTES | CUT | st.just(GOOD[:-1]), max_size=6))
def test_every_line_is_an_event_or_a_reject_whatever_stands_beside_it(texts: list[bytes]) -> None:
    decoded = CODEC.decode(b"\n".join(texts), 1)
    alone = [CODEC.decode(text, line) for line, text in enumerate(texts, 1)]
    read = sorted([*decoded.events.line.tolist(), *(reject.line for reject in decoded.rejects)])
    assert read == [line for line, text in enumerate(texts, 1) if text.strip(b" \t\r\n")]
    assert decoded.events.line.tolist() == [
        line for one in alone for line in one.events.line.tolist()
    ]
    assert list(decoded.rejects) == [reject for one in alone for reject in one.rejects]
    assert column(decoded.events, "account") == [
        a for one in alone for a in column(one.events, "account")
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(ODD_LINES | BYTES, max_size=4), st.binary(max_size=10))
def test_no_document_raises(texts: list[bytes], tail: bytes) -> None:
    decoded = CODEC.decode_document(b"[" + b",".join(texts) + b"]" + tail)
    assert len(set(decoded.events.line.tolist())) == len(decoded.events)
    CODEC.decode_document(tail)


def test_real_statements_all_become_events() -> None:
    if not REAL.exists():
        pytest.skip(f"{REAL.name} is not there: ../shared/data/ralph/statements.json.gz")
    chunk = b"\n".join(gzip.decompress(REAL.read_bytes()).splitlines()[:3_000])
    decoded = CODEC.decode(chunk, 1)
    assert (len(decoded.events), len(decoded.rejects)) == (3_000, 0)
    assert set(column(decoded.events, "course")) == {
        "course-v1:FUN-MOOC+00001+session01",
        "course-v1:FUN-MOOC+00002+session01",
    }
    assert set(column(decoded.events, "track")) == {"video", None}
