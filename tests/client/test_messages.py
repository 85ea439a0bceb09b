"""What is asked of a node, and what its answers mean."""

import contextlib
import gzip
import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.client import messages
from homeroom.client.ids import uuid7
from homeroom.client.messages import Reply, Request
from homeroom.errors import (
    ConflictError,
    InputError,
    KeyRefusedError,
    NodeError,
    QuestionError,
    RequestRefusedError,
    UnavailableError,
)
from homeroom.events.sent_columns import uuid7_ms

PROBLEM = {"content-type": "application/problem+json"}
ASKED = Request("asking", "POST", "/v1/query")


def problem(status, name, **fields):
    said = {"type": f"/docs#{name}", "title": "No", "detail": "because", **fields}
    return Reply(status, PROBLEM, messages._encode(said))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefusedError),
        (401, KeyRefusedError),
        (403, KeyRefusedError),
        (404, RequestRefusedError),
        (409, ConflictError),
        (412, ConflictError),
        (413, RequestRefusedError),
        (500, NodeError),
        (503, UnavailableError),
    ],
)
def test_a_problem_is_an_error_of_a_kind_that_names_field_and_bound(status, kind):
    with pytest.raises(kind) as caught:
        messages.answer_of(ASKED, problem(status, "some-name", field="interval", bound="B_MAX"))
    error = caught.value
    assert type(error) is kind
    assert (error.name, error.status, error.field, error.bound) == (
        "some-name",
        status,
        "interval",
        "B_MAX",
    )
    assert str(error) == "asking: No: because (field interval) (bound B_MAX)"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, {}, b"<html>"), UnavailableError),
        (Reply(200, {}, b"{}"), UnavailableError),
        (Reply(302, {}, b""), RequestRefusedError),
        (Reply(404, {"content-type": "text/html"}, b"<html>"), RequestRefusedError),
        (Reply(500, PROBLEM, b"\xff"), UnavailableError),
    ],
)
def test_what_is_none_of_a_nodes_answers_is_told_apart(reply, kind):
    with pytest.raises(kind, match="is none of a node's"):
        messages.answer_of(ASKED, reply)


def test_what_a_node_says_is_bounded_and_steers_no_terminal():
    with pytest.raises(NodeError) as caught:
        messages.answer_of(ASKED, problem(500, "internal", detail="\x1b[2J" + "x" * 10_000))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@given(st.binary(max_size=200), st.sampled_from([200, 422, 400, 503]), st.booleans())
def test_any_answer_is_an_answer_or_an_error_of_ours(body, status, is_problem):
    reply = Reply(status, PROBLEM if is_problem else {}, body)
    with contextlib.suppress(NodeError):
        messages.receipt_of(ASKED, reply, "id")


def test_the_same_batch_under_the_same_id_is_the_same_request():
    lines = messages.event_lines([{"account": "ada", "n": n} for n in range(1_000)])
    one, other = (messages.batch_request(lines, "id") for _ in range(2))
    assert (one.body, one.headers) == (other.body, other.headers)
    assert gzip.decompress(one.body) == b"\n".join(lines) + b"\n"
    assert "ada" not in repr(messages.batch_request(lines[:1], "id"))


@pytest.mark.parametrize("batch_id", ["", " x", "ä", "x" * 201, "a\nb"])
def test_an_id_that_cannot_be_sent_is_refused(batch_id):
    with pytest.raises(InputError, match="batch_id has"):
        messages.batch_request([b"{}"], batch_id)


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_cohort_without_a_name_or_with_a_slash_is_refused(name):
    with pytest.raises(QuestionError, match="must be a name without a slash"):
        messages.definition_request("GET", name)


def test_the_later_of_two_tokens_is_kept():
    old, new = "n/0/analytic/9/100", "n/0/control/2/1000"
    assert messages.later(None, old) == messages.later(old, None) == old
    assert messages.later(new, old) == messages.later(old, new) == new


@pytest.mark.parametrize(
    ("text", "ms"), [("7", 7_000), ("0", 0), ("", None), ("-1", None), ("Wed, 21 Oct", None)]
)
def test_seconds_of_retry_after_are_read(text, ms):
    assert messages.retry_after_ms({"retry-after": text}) == ms


@given(st.integers(0, 2**48 - 1), st.integers())
def test_drawn_ids_are_uuids_of_version_7_that_begin_with_the_time(now_ms, seed):
    drawn = uuid.UUID(uuid7(now_ms, random.Random(seed)))
    assert (drawn.version, drawn.variant) == (7, uuid.RFC_4122)
    assert uuid7_ms(str(drawn)) == now_ms
