"""The log as a state machine: groups, order, repeats, failures; checked after every step."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.clock import HybridClock
from homeroom.log.entries import Head
from homeroom.log.log import (
    Accepted,
    Admission,
    Apply,
    BatchRecord,
    Drain,
    Drained,
    Failed,
    Life,
    Log,
    Offer,
    Offers,
    Refusal,
    Refused,
    Reply,
    Write,
    Written,
)
from homeroom.log.origins import Stream, Vector
from homeroom.log.payloads import unpack

NOW_MS = 1_700_000_000_000
LIFE = Life("here", "a" * 32, Vector(), sign=lambda digest: digest + digest)


def admit(offers):
    content = json.dumps([offer.content for offer in offers]).encode()
    answers = [json.dumps({"accepted": offer.events}).encode() for offer in offers]
    return Admission({Stream.ANALYTIC: content}, answers, [Stream.ANALYTIC] * len(offers))


def offer(ticket, batch_id, content="x", known=None, **fields):
    given = {"tenant": "main", "owner": "key", "events": 1, "size_bytes": 10, **fields}
    return Offer(
        ticket=ticket,
        batch_id=batch_id,
        digest=hashlib.sha256(content.encode()).digest(),
        content=content,
        known=known,
        **given,
    )


class Driven:
    """A log whose invariants are looked at after every step, and all that it has ever done."""

    def __init__(self, life=LIFE, admit=admit):
        self.log = Log(life, HybridClock(), admit)
        self.replies = {}
        self.entries = []
        self.applied = []
        self.records = {}
        self.under_way = None

    def step(self, event):
        if isinstance(event, Written):
            self.records.update({record.batch_id: record for record in self.under_way.records})
        if isinstance(event, Written | Failed):
            self.under_way = None
        if isinstance(event, Offer):
            event = Offers((event,))
        effects = self.log.step(event, NOW_MS)
        self.log.check_invariants()
        for effect in effects:
            if isinstance(effect, Reply):
                assert effect.ticket not in self.replies, "one reply a ticket"
                self.replies[effect.ticket] = effect.outcome
            elif isinstance(effect, Write):
                self.under_way = effect
                self.entries += effect.entries
            elif isinstance(effect, Apply):
                self.applied += effect.entries
        return effects

    def contents(self):
        return list(map(unpack_json, self.entries))


def unpack_json(entry):
    return json.loads(unpack(entry.payload).content)


def test_what_comes_while_a_write_is_under_way_is_written_together():
    log = Driven()
    for ticket in range(5):
        log.step(offer(ticket, f"b{ticket}", content=f"c{ticket}"))
    assert log.contents() == [["c0"]], "the first goes at once, the others wait"
    log.step(Written())
    assert log.contents() == [["c0"], ["c1", "c2", "c3", "c4"]]


def test_what_comes_together_is_written_together():
    log = Driven()
    log.step(
        Offers(tuple(offer(ticket, f"b{ticket}", content=f"c{ticket}") for ticket in range(3)))
    )
    assert log.contents() == [["c0", "c1", "c2"]]


def test_nothing_is_acknowledged_or_folded_before_it_is_durable():
    log = Driven()
    log.step(offer(1, "b"))
    assert not log.replies
    assert not log.applied
    log.step(Written())
    assert log.replies[1] == Accepted(b'{"accepted": 1}', log.entries[0].token, is_repeat=False)
    assert log.applied == log.entries


def test_entries_are_numbered_and_chained():
    log = Driven()
    for number in range(3):
        log.step(offer(number, f"b{number}"))
        log.step(Written())
    head = Head()
    for entry in log.entries:
        entry.check(head, lambda node, digest, signature: signature == digest + digest)
        head = entry.head
    assert head.number == 3


def test_the_first_entry_of_a_life_says_what_was_held_before():
    before = Vector({Log(LIFE, HybridClock(), admit).origin(Stream.ANALYTIC): 7})
    log = Driven(Life("here", "b" * 32, before, sign=lambda digest: digest))
    for number in range(2):
        log.step(offer(number, f"b{number}"))
        log.step(Written())
    assert [unpack(entry.payload).closes for entry in log.entries] == [before, None]


def test_a_repeat_while_the_first_waits_gets_the_same_answer():
    log = Driven()
    log.step(offer(1, "first"))
    log.step(offer(2, "again"))
    log.step(offer(3, "again"))
    log.step(Written())
    log.step(Written())
    assert log.contents() == [["x"], ["x"]], "a repeat is not written again"
    assert log.replies[2].answer == log.replies[3].answer
    assert (log.replies[2].is_repeat, log.replies[3].is_repeat) == (False, True)


def test_a_repeat_of_what_the_store_knows_gets_the_same_answer():
    log = Driven()
    log.step(offer(1, "b"))
    (write,) = [e for e in log.step(offer(2, "c")) if isinstance(e, Write)] or [None]
    assert write is None
    log.step(Written())
    record = BatchRecord(
        owner="key",
        batch_id="b",
        digest=hashlib.sha256(b"x").digest(),
        answer=b"then",
        token=log.entries[0].token,
    )
    log.step(offer(3, "b", known=record))
    assert log.replies[3] == Accepted(b"then", record.token, is_repeat=True)


@pytest.mark.parametrize("is_known", [True, False])
def test_the_same_id_with_another_body_is_a_conflict(is_known):
    log = Driven()
    record = None
    if is_known:
        record = BatchRecord(owner="key", batch_id="b", digest=b"other", answer=b"", token=None)
    else:
        log.step(offer(1, "b", content="one"))
    log.step(offer(2, "b", content="two", known=record))
    assert log.replies[2].refusal is Refusal.CONFLICT


def test_the_same_id_of_another_owner_is_another_batch():
    log = Driven()
    log.step(offer(1, "b", content="one"))
    log.step(offer(2, "b", content="two", owner="other"))
    log.step(Written())
    assert log.contents() == [["one"], ["two"]]


def test_after_a_failed_write_nothing_is_acknowledged_any_more():
    log = Driven()
    log.step(offer(1, "b1"))
    log.step(offer(2, "b2"))
    log.step(Failed("no space left"))
    log.step(offer(3, "b3"))
    refused = Refused(Refusal.UNAVAILABLE, "no space left")
    assert log.replies == {1: refused, 2: refused, 3: refused}
    assert len(log.entries) == 1
    assert not log.applied


def test_a_batch_that_no_entry_can_hold_is_refused_and_its_neighbours_are_written(rng):
    def large(offers):
        noise = b"".join(rng.bytes(o.size_bytes) for o in offers)
        return Admission({Stream.ANALYTIC: noise}, [b"{}"] * len(offers), [None] * len(offers))

    log = Driven(admit=large)
    log.step(offer(0, "first", size_bytes=1))
    log.step(offer(1, "small", size_bytes=100))
    log.step(offer(2, "large", size_bytes=limits.ENTRY_BYTES_MAX + 1))
    log.step(offer(3, "other", size_bytes=600_000))
    log.step(offer(4, "more", size_bytes=600_000))
    for _ in range(5):
        if log.log.waiting or len(log.entries) > len(log.applied):
            log.step(Written())
    assert log.replies[2].refusal is Refusal.TOO_LARGE
    assert all(isinstance(log.replies[ticket], Accepted) for ticket in (0, 1, 3, 4))
    assert all(len(entry.payload) <= limits.ENTRY_BYTES_MAX for entry in log.entries)


def test_a_queue_has_an_end(monkeypatch):
    monkeypatch.setattr(limits, "OFFERS_WAITING_MAX", 2)
    log = Driven()
    for ticket in range(4):
        log.step(offer(ticket, f"b{ticket}"))
    assert log.replies[3].refusal is Refusal.BUSY
    log.step(Written())
    log.step(offer(5, "b3"))
    assert 5 not in log.replies


def test_draining_finishes_what_there_is_and_takes_nothing_new():
    log = Driven()
    log.step(offer(1, "b1"))
    log.step(offer(2, "b2"))
    assert Drained() not in log.step(Drain())
    log.step(offer(3, "b3"))
    assert log.replies[3].refusal is Refusal.DRAINING
    assert Drained() not in log.step(Written())
    assert Drained() in log.step(Written())
    assert isinstance(log.replies[2], Accepted)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 6), st.sampled_from("xy")),
            st.just("written"),
            st.just("failed"),
            st.just("drain"),
        ),
        max_size=40,
    )
)
def test_whatever_comes_each_ticket_has_one_reply_and_each_batch_one_entry(events):
    log = Driven()
    said = {ticket: event for ticket, event in enumerate(events) if isinstance(event, tuple)}
    for ticket, event in enumerate(events):
        if ticket in said:
            name = f"b{event[0]}"
            log.step(offer(ticket, name, content=event[1], known=log.records.get(name)))
        elif event == "drain":
            log.step(Drain())
        elif log.under_way:
            log.step(Written() if event == "written" else Failed("why"))
    while log.under_way:
        log.step(Written())
    assert set(log.replies) == set(said)
    accepted = [t for t, reply in log.replies.items() if isinstance(reply, Accepted)]
    assert {f"b{said[t][0]}" for t in accepted} == set(log.records)
    durable = [content for entry in log.applied for content in unpack_json(entry)]
    assert len(durable) == len(log.records), "each batch is in one entry"
    firsts = [t for t in accepted if not log.replies[t].is_repeat]
    assert sorted(said[t][1] for t in firsts) == sorted(durable)
