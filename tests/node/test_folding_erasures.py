"""Erasures among what entries add up to: whoever has redacted what, and whatever comes when, the state is one."""

import datetime as dt
import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from homeroom.events.pseudonyms import pseudonyms
from homeroom.log.compliance import PurposesPut
from homeroom.log.consents import Consent, Consented, Need
from homeroom.log.cuts import HistoryCut
from homeroom.log.erasures import erased_keys, erasure_of
from homeroom.log.origins import Stream, Vector
from homeroom.log.payloads import open_parts, unpack
from homeroom.log.redacting import redacted_entry, redacted_parts
from homeroom.state.keys import whole
from homeroom.state.state import rebuild
from homeroom.state.zones import day_of_date
from tests.node.test_folding import KEY, Node, event, fresh_folding, state_of

FIRST_DAY = day_of_date(dt.date(2024, 3, 1))
ACCOUNTS = [f"a{number}" for number in range(7)]


def raw_key(account):
    hi, lo = pseudonyms(KEY, "", [account])
    return whole(int(hi[0]), int(lo[0]))


def erasure(*accounts):
    keys = [raw_key(account) for account in accounts]
    return erasure_of(bytes([len(accounts)]) * 16, 1_700_000_000_000, keys)


def redacting(*erasures):
    """Return what redacts an entry of events by some erasures."""
    keys = zip(*(half.tolist() for half in erased_keys(erasures)), strict=True)
    erased = {"main": frozenset(keys)}

    def redact(entry):
        if entry.origin.stream is not Stream.ANALYTIC:
            return entry
        left = redacted_entry(
            entry, lambda one: redacted_parts(one, erased), "here", lambda digest: digest
        )
        return left or entry

    return redact


def folded(entries):
    folding = fresh_folding()
    folding.fold(entries)
    assert not folding.troubles
    return state_of(folding)


def covered(node):
    """Return what a cut covers that is stated now."""
    applied = node.folding.applied
    vector = {one: applied[one] for one in applied if one.stream is Stream.ANALYTIC}
    return Vector(vector).to_json()


def drawn(number):
    country = {"country": f"k{number % 4}"}
    return event(number, course=f"c{number % 3}", attributes=country)


def drawn_consent(rng, before):
    account = ACCOUNTS[int(rng.integers(len(ACCOUNTS)))]
    named = tuple(sorted(one.identity for one in before if rng.integers(2)))
    key = raw_key(account).to_bytes(16, "big")
    return Consent(key, ("", "analytics")[int(rng.integers(2))], bool(rng.integers(2)), 1, named)


def what_it_says(state):
    assert rebuild(state).fingerprint() == state.fingerprint()
    span = state.time_range_ms
    return state.fingerprint(), state.events, state.learners.rows, state.enrolments.rows, span


@given(st.integers(0, 1 << 30))
@settings(max_examples=15, deadline=None)
def test_redacted_entries_and_an_erasure_give_what_unredacted_ones_and_the_erasure_give(seed):
    rng = np.random.default_rng(seed)
    node, erasures, consents = Node(), [], []
    for _ in range(int(rng.integers(3, 12))):
        if rng.integers(3) == 0 and len(erasures) < 3:
            some = rng.choice(ACCOUNTS, int(rng.integers(1, 3)), replace=False).tolist()
            erasures.append(erasure(*some))
            node.offer("main", erasures[-1])
            if rng.integers(2):  # the door may hear of it later
                node.doors.erase("main", erased_keys(erasures[-1:]))
        if rng.integers(4) == 0:
            day = FIRST_DAY + int(rng.integers(21))
            node.state(HistoryCut(tenant="main", day=day, vector=covered(node)))
        if rng.integers(2) == 0:
            consents.append(drawn_consent(rng, consents))
            assert node.offer("main", Consented((consents[-1],))) == {}
        if rng.integers(6) == 0:
            need = (Need.CONSENT, Need.NOTHING)[int(rng.integers(2))]
            node.state(PurposesPut(tenant="main", purposes={"analytics": need}))
        numbers = rng.integers(0, 60, int(rng.integers(1, 9))).tolist()
        told = node.send(*(drawn(one) for one in numbers))
        assert not told["refused"]
    live = what_it_says(state_of(node.folding))
    redact = redacting(*erasures) if erasures else lambda entry: entry
    some = [redact(entry) if rng.integers(2) else entry for entry in node.entries]
    later = [entry for entry in node.entries if entry.origin.stream is Stream.CONTROL]
    later += [redact(entry) for entry in node.entries if entry not in later]
    for entries in (node.entries, some, later):
        assert what_it_says(folded(entries)) == live


def test_nothing_of_who_is_erased_is_counted_whenever_it_comes():
    node = Node()
    events = [event(number, course="c") for number in range(14)]
    node.send(*events)
    node.offer("main", erasure("a3", "a4"))
    state = state_of(node.folding)
    assert (state.events, state.learners.rows, state.enrolments.rows) == (10, 5, 5)
    assert node.send(*events)["accepted"] == 14, "nobody hears who is erased"
    assert (state_of(node.folding).events, state.cut_events) == (10, 4)
    node.doors.erase("main", erased_keys([erasure("a3", "a4")]))
    node.send(*events)
    assert node.doors.cut_events == {"main": 4}
    assert (state_of(node.folding).events, state.cut_events) == (10, 4)
    other = Node(("main", "other"))
    other.offer("main", erasure("a3"))
    other.send(*events, tenant="other")
    assert state_of(other.folding, "other").learners.rows == 7, "another tenant's is another person"


def test_who_is_withheld_is_kept_and_counts_again_when_that_is_lifted():
    node = Node()
    node.send(*(event(number, course="c") for number in range(14)))
    whole_state = state_of(node.folding)
    before = what_it_says(whole_state)[1:]
    limit = Consent(raw_key("a3").to_bytes(16, "big"), "", True, 1)
    node.offer("main", Consented((limit,)))
    node.send(event(3 + 7 * 3, course="c"))
    withheld = state_of(node.folding)
    assert (withheld.events, withheld.learners.rows, withheld.enrolments.rows) == (12, 6, 6)
    node.offer("main", Consented((replace(limit, refuses=False, supersedes=(limit.identity,)),)))
    again = what_it_says(state_of(node.folding))[1:]
    assert again[0] == before[0] + 1, "what came meanwhile too"
    assert again[1:3] == before[1:3]


def test_where_analytics_need_consent_only_those_who_gave_it_are_in_answers():
    node = Node()
    node.send(*(event(number) for number in range(14)))
    given = Consent(raw_key("a3").to_bytes(16, "big"), "analytics", False, 1)
    node.offer("main", Consented((given,)))
    node.state(PurposesPut(tenant="main", purposes={"analytics": Need.CONSENT}))
    assert what_it_says(state_of(node.folding))[1:4] == (2, 1, 0)
    node.state(PurposesPut(tenant="main", purposes={"analytics": Need.NOTHING}))
    assert what_it_says(state_of(node.folding))[1:4] == (14, 7, 0)
    assert what_it_says(folded(node.entries)) == what_it_says(state_of(node.folding))


def test_a_door_writes_no_consent_of_who_is_erased():
    node = Node()
    node.doors.erase("main", erased_keys([erasure("a3")]))
    node.offer("main", Consented((Consent(raw_key("a3").to_bytes(16, "big"), "", True, 1),)))
    parts = [part for entry in node.entries for part in parts_of(entry)]
    assert [part.consents for part in parts] == [()]


def parts_of(entry):
    is_analytic = entry.origin.stream is Stream.ANALYTIC
    return open_parts(unpack(entry.payload).content) if is_analytic else []


def test_an_erasure_of_nobody_who_ever_came_counts_all_the_same():
    node = Node()
    node.offer("main", erasure("a3"))
    node.send(*(event(number) for number in range(7)))
    assert state_of(node.folding).learners.rows == 6
    empty = Node()
    assert state_of(empty.folding).fingerprint() != state_of(node.folding).fingerprint()


def test_erasures_in_any_order_are_one_set():
    prints = set()
    for order in itertools.permutations([erasure("a1"), erasure("a1", "a2"), erasure("a3")]):
        node = Node()
        for one in order:
            node.offer("main", one)
        prints.add(state_of(node.folding).fingerprint())
    assert len(prints) == 1
