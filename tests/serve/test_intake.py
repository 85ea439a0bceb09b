"""Batches over HTTP: what is taken, what is refused and how, and that a repeat counts once."""

import gzip
import json

import pytest
import zstandard

from homeroom import limits
from homeroom.clock import hybrid_of
from homeroom.log.log import Refusal, Refused
from homeroom.log.origins import Token
from homeroom.serve import intake
from homeroom.serve.settings import LimitSettings, Settings
from tests.events.streams import stream
from tests.serve.clients import EVENT, NDJSON

ARROW = "application/vnd.apache.arrow.stream"


def post(client, body, key=None, **headers):
    key = key or client.key("write")
    given = {"Content-Type": NDJSON, **{name.replace("_", "-"): v for name, v in headers.items()}}
    return client("POST", "/v1/events", key, content=body, headers=given)


def lines(*events):
    return "\n".join(map(json.dumps, events)).encode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (NDJSON, lines(EVENT, EVENT | {"id": "2"})),
        ("application/ndjson; charset=utf-8", lines(EVENT, EVENT | {"id": "2"})),
        ("application/json", json.dumps([EVENT, EVENT | {"id": "2"}]).encode()),
        (ARROW, stream([EVENT, EVENT | {"id": "2"}])),
    ],
)
def test_events_are_taken_in_each_form(client, kind, body):
    answer = post(client, body, Content_Type=kind)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["accepted"], said["refused"]) == (2, [])
    assert said["token"] == answer.headers["Homeroom-Token"]
    assert client.events() == 2


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress), ("zstd", zstandard.compress)]
)
def test_a_body_may_be_compressed(client, encoding, packed):
    answer = post(client, packed(lines(EVENT)), Content_Encoding=encoding)
    assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress), ("zstd", zstandard.compress)]
)
def test_a_body_that_unpacks_to_too_much_is_refused(client, encoding, packed):
    answer = post(client, packed(b"\n" * (64 << 20)), Content_Encoding=encoding)
    assert answer.status_code == 413
    assert answer.json()["bound"] == "limits.body_bytes_max"


def test_a_zstd_body_that_asks_for_much_memory_is_refused(client):
    wide = zstandard.ZstdCompressionParameters.from_level(3, window_log=27, write_content_size=0)
    packed = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    answer = post(client, packed.compress(lines(EVENT)) + packed.flush(), Content_Encoding="zstd")
    assert answer.status_code == 400
    assert "134,217,728 bytes to be unpacked" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [b"no gzip at all", gzip.compress(lines(EVENT))[:-4], b""],
    ids=["no gzip", "cut off", "empty"],
)
def test_a_damaged_body_is_refused(client, body):
    assert post(client, body, Content_Encoding="gzip").status_code == 400


def test_the_same_batch_again_gets_the_same_answer_and_counts_once(client):
    key = client.key("write")
    first = post(client, lines(EVENT), key, Idempotency_Key="b1")
    again = post(client, lines(EVENT), key, Idempotency_Key='"b1"')
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert client.events() == 1


def test_another_batch_under_the_same_id_is_a_conflict_but_not_for_another_owner(client):
    key = client.key("write")
    assert post(client, lines(EVENT), key, Idempotency_Key="b1").status_code == 200
    other = lines(EVENT | {"account": "bob"})
    answer = post(client, other, key, Idempotency_Key="b1")
    assert answer.status_code == 409
    assert answer.json()["type"] == "/docs#conflict"
    assert post(client, other, Idempotency_Key="b1").status_code == 200


def test_a_batch_is_taken_in_part_and_says_what_was_refused(client):
    answer = post(client, lines(EVENT, EVENT | {"time": "soon"}, EVENT | {"id": "3"}))
    assert answer.status_code == 200
    said = answer.json()
    assert said["accepted"] == 2
    assert said["refused"] == [
        {
            "position": 2,
            "reason": "time_format",
            "detail": "time is not ISO 8601, such as 2026-11-23T10:00:00Z",
        }
    ]


def test_a_batch_of_which_nothing_is_accepted_is_no_success(client):
    answer = post(client, lines({"account": "ada"}))
    assert answer.status_code == 422
    assert answer.json()["refused"][0]["reason"] == "missing_field"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"", b"\r", b" \n"])
def test_a_body_without_any_json_is_no_batch(client, body):
    answer = post(client, body, Content_Type="application/json")
    assert (answer.status_code, answer.json()["refused"][0]["reason"]) == (422, "not_json")


def test_an_empty_batch_is_taken(client):
    answer = post(client, b"[]", Content_Type="application/json")
    assert (answer.status_code, answer.json()["token"]) == (200, None)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Encoding": "br"}, 415),
        ({"Idempotency_Key": "x" * (limits.BATCH_ID_CHARACTERS_MAX + 1)}, 400),
        ({"Idempotency_Key": b"caf\xe9"}, 400),
        ({"Idempotency_Key": '""'}, 400),
        ({"Authorization": "Bearer hr_nothing"}, 401),
        ({"Authorization": "Basic !!"}, 401),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason(client, headers, status):
    answer = post(client, lines(EVENT), **headers)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert client.events() == 0


def test_a_key_without_the_scope_sends_nothing(client):
    answer = post(client, lines(EVENT), client.key("read"))
    assert answer.status_code == 403
    assert answer.json()["scope"] == ["write"]


def test_without_a_key_nothing_is_read(client):
    async def body():
        raise AssertionError("the body was read")
        yield b""

    answer = client("POST", "/v1/events", content=body(), headers={"Content-Type": NDJSON})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_only_posting_is_possible(client):
    answer = client("GET", "/v1/events", client.key("write"))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_over_the_bound_is_refused_however_it_comes(make_client):
    client = make_client(Settings(limits=LimitSettings(body_bytes_max=1_024)))
    key = client.key("write")

    async def pieces():
        for _ in range(3):
            yield b" " * 512

    for body in (b" " * 1_025, pieces()):
        assert post(client, body, key).status_code == 413


def test_too_many_events_in_one_batch_are_refused(client):
    answer = post(client, b"\n" * (limits.SENT_EVENTS_MAX + 1))
    assert answer.status_code == 413
    assert answer.json()["bound"] == "SENT_EVENTS_MAX"


def test_an_arrow_stream_with_compressed_buffers_is_refused(client):
    import pyarrow as pa

    body = stream([EVENT] * 99, options=pa.ipc.IpcWriteOptions(compression="zstd"))
    answer = post(client, body, Content_Type=ARROW)
    assert answer.status_code == 400
    assert "compressed buffers" in answer.json()["detail"]


def test_whoever_asks_too_often_is_told_when_to_come_again(make_client):
    bounds = LimitSettings(requests_per_second=1, requests_burst=2)
    client = make_client(Settings(limits=bounds))
    key = client.key("write")
    statuses = [post(client, lines(EVENT), key).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    answer = post(client, lines(EVENT), key)
    assert answer.headers["Retry-After"] == "2"
    client.now_ms += 1_000
    assert post(client, lines(EVENT), key).status_code == 200


def test_too_many_events_in_a_while_are_told_so_too(make_client):
    bounds = LimitSettings(events_per_second=1, events_burst=limits.SENT_EVENTS_MAX)
    client = make_client(Settings(limits=bounds))
    key = client.key("write")
    body = b"\n" * limits.SENT_EVENTS_MAX
    assert post(client, body, key).status_code == 200
    answer = post(client, lines(EVENT), key)
    assert (answer.status_code, answer.json()["bound"]) == (429, "limits.events_per_second")


@pytest.mark.parametrize(
    ("refusal", "status", "after"),
    [
        (Refusal.BUSY, 503, "1"),
        (Refusal.DRAINING, 503, "5"),
        (Refusal.UNAVAILABLE, 503, "5"),
        (Refusal.TOO_LARGE, 413, None),
        (Refusal.CONFLICT, 409, None),
    ],
)
def test_each_refusal_of_the_log_says_whether_to_come_again(refusal, status, after):
    problem = intake._refused(Refused(refusal, "because"))
    assert (problem.status, problem.headers.get("Retry-After")) == (status, after)


def test_nothing_of_an_event_comes_back(client):
    marked = EVENT | {"account": "zq-secret", "time": "zq-secret", "zq-secret": 1}
    for body in (lines(marked), b'{"account": "zq-secret"', b"zq-secret"):
        answer = post(client, body)
        assert answer.status_code == 422
        assert "zq-secret" not in answer.text


def after(client, hybrid, number=0):
    """Send a batch after an entry of another node; return the stamp that it gets."""
    token = f"elsewhere/{'ab' * 16}/analytic/7/{hybrid}"
    answer = client.send({**EVENT, "id": f"after {number}"}, Homeroom_After=token)
    return Token.parse(answer.headers["Homeroom-Token"]).hybrid


def test_a_batch_is_stamped_later_than_what_its_client_has_written_elsewhere(client):
    seen = hybrid_of(client.now_ms + limits.STRAY_MS_MAX) + 3
    assert after(client, seen) == seen + 1
    assert after(client, seen - 9, 1) > seen + 1, "and never earlier than before"


def test_a_stamp_that_no_sound_node_gives_moves_no_clock(client):
    stamp = after(client, hybrid_of(client.now_ms + limits.STRAY_MS_MAX + 1))
    assert stamp <= hybrid_of(client.now_ms) + 100
    assert after(client, 1 << 80, 1) <= stamp + 100


def test_what_a_batch_comes_after_may_be_a_pair_and_must_be_something(client):
    origin = f"elsewhere/{'ab' * 16}/analytic"
    assert post(client, lines(EVENT), Homeroom_After=f"{origin}/3").status_code == 200
    refused = post(client, lines(EVENT), Homeroom_After="yesterday")
    assert refused.status_code == 400
    assert refused.json()["type"] == "/docs#bad-token"
