"""What the answer to a question must hold, as requests say it."""

import pytest

from homeroom import limits
from homeroom.log.origins import Origin, Stream, Token, Vector
from homeroom.serve.problems import ProblemError
from homeroom.serve.tokens import read_after
from homeroom.serve.wanting import seconds_of
from tests.serve.clients import EVENT

ONE = Origin("a", "1" * 32, Stream.ANALYTIC)
OTHER = Origin("b", "2" * 32, Stream.CONTROL)
ACTIVE = {"question": "active"}


def test_tokens_and_pairs_of_vectors_add_up_to_one_vector():
    token = str(Token(ONE, 7, 123))
    assert read_after([]) == Vector()
    assert read_after([token]) == Vector({ONE: 7})
    assert read_after([f"{token}, {OTHER}/3", f"{ONE}/9"]) == Vector({ONE: 9, OTHER: 3})


@pytest.mark.parametrize(
    "text", ["", "x", f"{ONE}", f"{ONE}/x/y", f"{ONE}/-1", f"{ONE}/1,", "a/b/c/1"]
)
def test_what_is_neither_is_refused_by_its_name(text):
    with pytest.raises(ProblemError, match="after is no token"):
        read_after([text])


def test_a_read_is_after_so_many_entries_at_most():
    read_after([f"{ONE}/1"] * limits.AFTER_MAX)
    with pytest.raises(ProblemError, match="more than 256 entries"):
        read_after([f"{ONE}/1"] * (limits.AFTER_MAX + 1))


@pytest.mark.parametrize(
    ("text", "seconds"), [("2s", 2.0), ("500ms", 0.5), ("1.5", 1.5), (" 0s ", 0.0)]
)
def test_spans_of_time_are_read(text, seconds):
    assert seconds_of("fresh", text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1h", "99999", "1e3", "٣s", "nan"])
def test_spans_that_are_none_are_refused(text):
    with pytest.raises(ProblemError, match="fresh must be a span of time"):
        seconds_of("fresh", text)


def test_an_answer_is_after_all_that_a_request_names_in_either_place(client):
    sent = [client.send({**EVENT, "account": one}).headers["Homeroom-Token"] for one in "abc"]
    key = client.key("read")
    first = client.query(key, ACTIVE, Homeroom_After=", ".join(sent[:2])).json()
    pairs = [f"{origin}/{number}" for origin, number in first["vector"].items()]
    query = "&".join(f"after={one}" for one in (*pairs, sent[2]))
    second = client("POST", f"/v1/query?{query}&fresh=0s", key, json=ACTIVE)
    assert second.status_code == 200
    assert second.json()["vector"] == first["vector"]
    assert "freshness" not in second.json()


def test_what_has_not_come_in_the_time_that_a_request_gives_is_told(client):
    key = client.key("read")
    answer = client("POST", f"/v1/query?after={ONE}/1&wait=10ms", key, json=ACTIVE)
    assert (answer.status_code, answer.json()["type"]) == (504, "/docs#not-yet")
    for path, name in ((f"after={ONE}", "bad-token"), ("wait=soon", "bad-request")):
        answer = client("POST", f"/v1/query?{path}", key, json=ACTIVE)
        assert (answer.status_code, answer.json()["type"]) == (400, f"/docs#{name}")
