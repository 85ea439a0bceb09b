"""From what clients send to states: through the doors, into entries, and out of these again."""

import json
from dataclasses import replace
from itertools import permutations

import msgspec
import pytest

from homeroom.clock import HybridClock
from homeroom.errors import KeyFileError, TenantElsewhereError
from homeroom.events.dictionary import Dictionaries
from homeroom.events.door import Door
from homeroom.events.sent import Form, SentBatch
from homeroom.events.vocabulary import VerbTable
from homeroom.log.control import (
    Change,
    Control,
    DefinitionKind,
    DefinitionPut,
    TenantPut,
    write_changes,
)
from homeroom.log.cuts import HistoryCut
from homeroom.log.entries import Head, make_entry
from homeroom.log.log import Apply, Life, Log, Offer, Offers, Reply, Write, Written
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import pack
from homeroom.node import folding as folding_module
from homeroom.node.admission import Doors, SentReader
from homeroom.node.folding import Folding, TenantState
from homeroom.state.state import State, rebuild
from homeroom.state.zones import load_zone

KEY = bytes(range(32))
NOW_MS = 1_700_000_000_000


def event(number, **fields):
    at = f"2024-03-{1 + number % 20:02d}T10:{number % 60:02d}:00Z"
    return {
        "account": f"a{number % 7}",
        "verb": "watched",
        "time": at,
        "id": f"e{number}",
        **fields,
    }


def fresh_tenant(name, control):
    zone = load_zone(control.tenants[name].timezone)
    return TenantState(State(zone, Dictionaries.under(bytes(32))))


def fresh_folding():
    return Folding({}, fresh_tenant)


class Node:
    """Doors, a log whose disk always says yes, and all entries that were written."""

    def __init__(self, tenants=("main",)):
        self.doors = Doors({SentBatch: SentReader()}, Control())
        self.log = Log(
            Life("here", "a" * 32, Vector(), lambda digest: digest), HybridClock(), self.doors.admit
        )
        self.folding, self.entries, self.answers, self.next = fresh_folding(), [], {}, 0
        for name in tenants:
            self.tenant(name)

    def tenant(self, name, **fields):
        self.state(TenantPut(name=name, **fields))
        self.doors.open(name, Door(KEY, VerbTable.standard()))

    def state(self, fact):
        answer = self.offer("", Change(fact=fact, author="somebody", at_ms=NOW_MS))
        self.doors.follow(self.folding.control)
        return answer

    def send(self, *events, tenant="main", batch_id=None, form=Form.JSON):
        body = (
            msgspec.json.encode(events)
            if form is Form.JSON
            else b"\n".join(
                one if isinstance(one, bytes) else json.dumps(one).encode() for one in events
            )
        )
        name = batch_id or f"b{self.next}"
        return self.offer(tenant, SentBatch(batch_id=name, body=body, form=form, digest=body))

    def offer(self, tenant, content):
        self.next += 1
        ticket = self.next
        offer = Offer(
            ticket=ticket,
            tenant=tenant,
            owner="key",
            batch_id=f"id{ticket}",
            digest=b"",
            content=content,
            events=1,
            size_bytes=1,
        )
        effects = self.log.step(Offers((offer,)), NOW_MS + self.next)
        for write in (one for one in effects if isinstance(one, Write)):
            self.entries += write.entries
            effects = self.log.step(Written(), NOW_MS)
        for one in effects:
            if isinstance(one, Apply):
                self.folding.fold(one.entries)
            elif isinstance(one, Reply):
                self.answers[one.ticket] = json.loads(one.outcome.answer)
        return self.answers[ticket]


def state_of(folding, tenant="main"):
    state = folding.tenants[tenant].state
    state.settle()
    return state


def test_what_was_sent_is_what_the_state_holds():
    node = Node()
    node.send(*(event(number) for number in range(20)))
    node.send(*(event(number) for number in range(15, 30)), form=Form.NDJSON)
    state = state_of(node.folding)
    assert state.events == 30
    assert state.learners.rows == 7
    assert state.counts.duplicate == 5
    assert rebuild(state).fingerprint() == state.fingerprint()


def test_a_log_folded_from_nothing_in_any_portions_gives_the_same_state():
    node = Node()
    for number in range(0, 60, 6):
        node.send(*(event(one, course=f"c{one % 3}") for one in range(number, number + 6)))
    prints = {state_of(node.folding).fingerprint()}
    for size in (1, 3, 100):
        again = fresh_folding()
        for start in range(0, len(node.entries), size):
            again.fold(node.entries[start : start + size])
            again.fold(node.entries[start : start + size])
        prints.add(state_of(again).fingerprint())
        assert again.applied == node.folding.applied
        assert again.control == node.folding.control
    assert len(prints) == 1


def test_what_is_refused_is_told_with_its_place_and_the_rest_is_taken():
    node = Node()
    answer = node.send(
        event(0), b"{broken", {"verb": "watched"}, event(3, time="yesterday"), form=Form.NDJSON
    )
    assert answer["accepted"] == 1
    assert [one["position"] for one in answer["refused"]] == [2, 3, 4]
    assert state_of(node.folding).events == 1


def test_tenants_share_entries_and_nothing_else():
    node = Node(("main", "other"))
    node.send(event(1), event(2), tenant="main")
    node.send(event(1), tenant="other")
    assert (state_of(node.folding).events, state_of(node.folding, "other").events) == (2, 1)


def test_an_entry_that_cannot_be_folded_stops_its_origin_and_is_told():
    node = Node()
    for number in range(4):
        node.send(event(number))
    last = node.folding.applied
    damaged = list(node.entries)
    at = len(damaged) - 2
    damaged[at] = replace(damaged[at], payload=damaged[at].payload[:-1] + b"?")
    folding = fresh_folding()
    folding.fold(damaged)
    origin = damaged[at].origin
    assert folding.applied[origin] == damaged[at].number - 1 < last[origin]
    assert "checksum" in folding.troubles[origin]
    assert str(damaged[at].number) in folding.troubles[origin]
    assert folding.applied[node.log.origin(Stream.CONTROL)] == 1, "other origins go on"


def test_what_cannot_be_sealed_stops_its_origin_and_is_told(monkeypatch):
    monkeypatch.setattr(folding_module, "SEAL_EVENTS", 3)
    node = Node()

    def keep(segment):
        raise OSError("the disk is gone")

    node.folding.tenants["main"].state.keep = keep
    for number in range(5):
        node.send(event(number))
    (origin,) = node.folding.troubles
    assert "after entry 3" in node.folding.troubles[origin]
    assert node.folding.applied[origin] == 3
    assert node.folding.tenants["main"].state.unsealed_events == 3, "nothing is lost"


def test_changes_are_numbered_and_one_that_makes_no_sense_is_not_written():
    node = Node()
    put = DefinitionPut(
        tenant="main", kind=DefinitionKind.COHORT, name="c", written={"did": "verb=watched"}
    )
    assert node.state(put) == {"epoch": 2}
    refused = node.state(replace_struct(put, tenant="nobody"))
    assert "nobody" in refused["error"]
    assert node.state(put) == {"epoch": 3}
    versions = node.folding.control.history("main", DefinitionKind.COHORT, "c")
    assert [one.epoch for one in versions] == [2, 3]
    node.send(event(1))
    assert [entry.epoch for entry in node.entries] == [0, 1, 2, 3]


def replace_struct(struct, **fields):
    return msgspec.structs.replace(struct, **fields)


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_days_are_cut_in_the_zone_of_the_tenant(zone):
    node = Node(())
    node.tenant("main", timezone=zone)
    node.send(event(0, time="2024-03-05T02:00:00Z"))
    (partition,) = [p for p in state_of(node.folding).learners.partitions if p.rows]
    first = int(partition.start_day[0])
    node.send(event(1, account="a0", time="2024-03-05T12:00:00Z"))
    (partition,) = [p for p in state_of(node.folding).learners.partitions if p.rows]
    assert int(partition.last_day[0]) - first == (0 if zone == "UTC" else 1)


# --- among other nodes -----------------------------------------------------------------------------------------------


def stated(life, hybrid, *facts):
    changes = [Change(fact=fact, author="x", at_ms=NOW_MS) for fact in facts]
    origin = Origin("home", life * 32, Stream.CONTROL)
    return make_entry(
        origin, Head(), (hybrid, 0), pack(write_changes(changes)), lambda digest: digest
    )


def test_what_was_stated_adds_up_to_the_same_in_whatever_order_it_comes():
    entries = [
        stated("a", 10, TenantPut(name="main")),
        stated("b", 20, TenantPut(name="main", suppress_below=3), TenantPut(name="other")),
        stated("c", 30, TenantPut(name="main", suppress_below=7)),
    ]
    found = []
    for order in permutations(entries):
        folding = fresh_folding()
        for entry in order:
            folding.fold([entry])
        found.append((folding.control, sorted(folding.tenants), folding.stated.digest))
    assert all(one == found[0] for one in found)
    assert found[0][0].tenants["main"].suppress_below == 7


def test_events_wait_for_what_was_stated_when_they_were_admitted():
    node = Node()
    node.tenant("other")
    node.send(event(1), tenant="other")
    control = [e for e in node.entries if e.origin.stream is Stream.CONTROL]
    events = [e for e in node.entries if e.origin.stream is Stream.ANALYTIC]
    folding = fresh_folding()
    folding.fold(events)
    assert (folding.troubles, list(folding.waiting)) == ({}, [events[0].origin])
    folding.fold([*events, *control])
    assert folding.waiting == {}
    assert folding.tenants["other"].state.unsealed_events == 1


def test_what_a_cut_covers_that_waits_is_told_until_it_is_made():
    node = Node()
    node.send(event(1))
    folding = fresh_folding()
    (sent,) = [e for e in node.entries if e.origin.stream is Stream.ANALYTIC]
    covers = {str(sent.origin): sent.number}
    cut = HistoryCut(tenant="main", day=19_000, vector=covers)
    folding.fold([e for e in node.entries if e.origin.stream is Stream.CONTROL])
    entry = stated("f", 1 << 60, cut)
    folding.fold([entry])
    assert folding.covered == {entry.origin: Vector({sent.origin: sent.number})}
    folding.fold([sent, entry])
    assert (folding.covered, folding.waiting) == ({}, {})


def test_a_tenant_that_cannot_be_made_for_want_of_its_key_is_left_out_and_others_are_folded():
    def make(name, control):
        if name == "other":
            raise KeyFileError("its key is another one")
        return fresh_tenant(name, control)

    node = Node(("main", "other"))
    node.send(event(1), tenant="other")
    node.send(event(2))
    folding = Folding({}, make)
    folding.fold(node.entries)
    assert folding.refused == {"other": "its key is another one"}
    assert (folding.troubles, sorted(folding.tenants)) == ({}, ["main"])
    assert folding.tenants["main"].state.unsealed_events == 1
    assert folding.applied == node.folding.applied


def test_events_that_stay_have_a_stream_of_their_own_and_count_in_no_other():
    node = Node()
    node.tenant("acme", jurisdiction="eu", pins_events=True)
    node.send(event(1), event(2), tenant="acme")
    node.send(event(3))
    streams = [entry.origin.stream for entry in node.entries if entry.origin.stream.has_events]
    assert streams == [Stream.PINNED, Stream.ANALYTIC]
    events = [state_of(node.folding, name).events for name in ("acme", "main")]
    assert events == [2, 1]
    staying, other = (one for one in node.entries if one.origin.stream.has_events)
    for entry, stream in ((staying, Stream.ANALYTIC), (other, Stream.PINNED)):
        origin = Origin("astray", "b" * 32, stream)
        astray = make_entry(origin, Head(), (entry.hybrid, entry.epoch), entry.payload, bytes)
        node.folding.fold([astray])
        assert "not the one they belong to" in node.folding.alarms[origin].told(origin)
        assert node.folding.applied[origin] == 1
    assert [state_of(node.folding, name).events for name in ("acme", "main")] == events


def test_of_a_tenant_that_is_elsewhere_nothing_is_made_until_it_is_here():
    where = {"law": "us"}

    def make(name, control):
        if name == "acme" and where["law"] != control.tenants[name].jurisdiction:
            raise TenantElsewhereError(name, ("eu-1",))
        return fresh_tenant(name, control)

    node = Node()
    node.tenant("acme", jurisdiction="eu", pins_events=True)
    folding = Folding({}, make)
    folding.fold(node.entries)
    assert (sorted(folding.tenants), folding.elsewhere, folding.refused) == (["main"], {"acme"}, {})
    where["law"] = "eu"
    node.state(TenantPut(name="main", timezone="Europe/Oslo"))
    folding.fold(node.entries)
    assert (sorted(folding.tenants), folding.elsewhere) == (["acme", "main"], set())
