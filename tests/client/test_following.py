"""A stream of changes, read piece by piece."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.client.following import Change, Following, Freshness, Missed
from homeroom.errors import UnavailableError

STREAM = (
    b": a comment\n\n"
    b"event: missed\ndata: {}\n\n"
    b'event: change\nid: 17\ndata: {"number":17,"cohort":"e\xc3\xa4rly","version":2,"learner":"00","change":"entered",'
    b'"at":"2026-11-23T10:00:00.000Z","cause":"event","token":null}\n\n'
    b"event: of a newer node\nid: 18\ndata: x\n\n"
    b'event: fresh\r\nid: 21\r\ndata: {"as_of":"2026-11-23T10:00:01.000Z","vector":{"n/1/analytic":3}}\r\n\r\n'
)
TOLD = [
    Missed(),
    Change(
        number=17,
        cohort="eärly",
        version=2,
        learner="00",
        change="entered",
        at="2026-11-23T10:00:00.000Z",
        cause="event",
    ),
    Freshness(as_of="2026-11-23T10:00:01.000Z", vector={"n/1/analytic": 3}),
]


@given(st.lists(st.integers(0, len(STREAM))))
def test_it_says_the_same_however_it_is_cut(cuts):
    places = [0, *sorted(cuts), len(STREAM)]
    following = Following()
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(places)]
    assert [one for piece in pieces for one in following.read(piece)] == TOLD
    assert following.last == "21"


def test_after_a_break_it_goes_on_behind_what_was_read_whole():
    following = Following("early bird")
    assert following.request().path == "/v1/stream?cohort=early+bird"
    assert "Last-Event-ID" not in following.request().headers
    list(following.read(STREAM + b"event: change\nid: 30\nda"))
    request = following.request()
    assert request.headers["Last-Event-ID"] == "21"
    assert list(following.read(STREAM)) == TOLD


def test_it_is_said_whether_an_entry_is_in_memberships():
    fresh = TOLD[-1]
    assert fresh.holds("n/1/analytic/3/99")
    assert not fresh.holds("n/1/analytic/4/99")
    assert not fresh.holds("n/2/analytic/1/99")
    assert not fresh.holds("")


def test_one_may_begin_behind_a_change_that_is_known():
    assert Following(after=4).request().headers["Last-Event-ID"] == "4"


@pytest.mark.parametrize(
    "told",
    [
        b"event: change\ndata: {}\n\n",
        b"event: fresh\ndata: not json\n\n",
        b"x" * (limits.STREAM_LINE_BYTES_MAX + 1),
    ],
)
def test_what_no_node_tells_is_an_error(told):
    with pytest.raises(UnavailableError, match="none of a node's"):
        list(Following().read(told))


def test_another_node_counts_by_itself_so_what_was_between_is_missed():
    following = Following(after=4)
    assert following.request("a").headers["Last-Event-ID"] == "4"
    assert list(following.read(b"id: 7\n\n")) == []
    assert following.request("a").headers["Last-Event-ID"] == "7"
    assert "Last-Event-ID" not in following.request("b").headers
    # The other one was not reached: what is known of the first still counts.
    assert following.request("a").headers["Last-Event-ID"] == "7"
    following.request("b")
    assert list(following.read(b": hello\n")) == [Missed()]
    assert list(following.read(b"id: 2\n\n")) == []
    assert following.request("b").headers["Last-Event-ID"] == "2"
