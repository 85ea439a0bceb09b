"""What a receiver gets: a body that stays, an id that follows from it, a signature that anybody's library can check."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.errors import WebhookError
from homeroom.hooks.messages import (
    body_of,
    make_delivery,
    read_secret,
    signed_headers,
    write_secret,
)
from tests.hooks.worlds import NOW_MS, change, changes

SECRET = bytes(range(32))


def test_a_body_says_who_went_where_when():
    delivery = make_delivery("w1", [change(1, "ab", version=3, cause="time"), change(2, "cd")])
    body = json.loads(body_of(delivery, "main"))
    assert body == {
        "type": "cohort.changed",
        "timestamp": "2023-11-14T22:13:20.002Z",
        "data": {
            "tenant": "main",
            "webhook": "w1",
            "changes": [
                {
                    "number": 1,
                    "cohort": "early",
                    "version": 3,
                    "learner": "ab",
                    "change": "entered",
                    "at": "2023-11-14T22:13:20.001Z",
                    "cause": "time",
                },
                {
                    "number": 2,
                    "cohort": "early",
                    "version": 1,
                    "learner": "cd",
                    "change": "left",
                    "at": "2023-11-14T22:13:20.002Z",
                    "cause": "event",
                },
            ],
        },
    }


def test_the_signature_is_that_of_the_standard():
    # Standard Webhooks 1.0.0: HMAC-SHA256 of "id.timestamp.body", base64; the time in seconds.
    body = b'{"type": "cohort.changed"}'
    headers = signed_headers("msg_1", body, [SECRET], 1_700_000_000_999)
    digest = hmac.new(SECRET, b"msg_1.1700000000." + body, hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def test_while_a_secret_is_changed_there_are_two_signatures():
    both = signed_headers("msg_1", b"x", [SECRET, SECRET[::-1]], NOW_MS)["webhook-signature"]
    each = [
        signed_headers("msg_1", b"x", [one], NOW_MS)["webhook-signature"]
        for one in (SECRET, SECRET[::-1])
    ]
    assert both.split(" ") == each


@given(st.integers(0, 3), st.integers(1, 20))
def test_the_same_changes_have_the_same_id_and_others_another_one(webhook, count):
    made = make_delivery(f"w{webhook}", changes(range(1, count + 1)))
    assert made == make_delivery(f"w{webhook}", changes(range(1, count + 1)))
    others = [
        make_delivery(f"w{webhook + 1}", changes(range(1, count + 1))),
        make_delivery(f"w{webhook}", changes(range(1, count + 2))),
        make_delivery(f"w{webhook}", changes(range(2, count + 2))),
        make_delivery(f"w{webhook}", changes(range(1, count + 1), cohort="late")),
    ]
    assert made.id not in {one.id for one in others}
    assert "." not in made.id


def test_a_secret_is_read_as_it_was_written():
    text = write_secret(SECRET)
    assert text.startswith("whsec_")
    assert read_secret(text) == SECRET


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_abc", write_secret(SECRET)[6:], "whsec_é"])
def test_what_is_no_secret_is_refused_and_not_repeated(text):
    with pytest.raises(WebhookError) as caught:
        read_secret(text)
    assert len(text) < 8 or text not in str(caught.value)
