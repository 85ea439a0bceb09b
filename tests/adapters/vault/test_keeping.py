"""Entries of several nodes in any order: every vault says the same in the end."""

import itertools

import msgspec
import pytest

from homeroom.adapters.vault.operations import Change, Stamped, StatementKept, decode
from homeroom.adapters.vault.terms import PLACE_BITS
from homeroom.records.documents import Address, Kind
from homeroom.records.queries import OneStatement, Search, Voidness
from tests.adapters.vault.stories import VOIDED, Node, Story, destruction, pseudonym, put
from tests.serve.xapi.store import START_MS, agent, new_id, statement


@pytest.mark.parametrize("number", range(4))
def test_any_order_of_origins_and_any_repeats_give_one_vault(number, tmp_path, rng):
    for _ in range(number):
        rng.integers(2)
    story = Story(tmp_path, rng)
    fingerprints, places = set(), set()
    for order in range(4):
        node = story.told(rng, tmp_path / f"order {order}")
        fingerprints.add(node.fingerprint)
        places.add(tuple(node.places()))
        node.close()
    assert len(fingerprints) == 1
    assert len(places) == 1
    assert any(shift for _, shift, _ in places.pop()), "some had to make room"


@pytest.fixture
def make(tmp_path):
    """Make nodes; each has a vault of its own."""
    nodes = []

    def made(**fields):
        nodes.append(Node(tmp_path / str(len(nodes)), **fields))
        return nodes[-1]

    yield made
    for node in nodes:
        node.close()


def entry(hybrid, *prepared, node=b"a"):
    return Stamped(hybrid, node, [decode(one.encoded) for one in prepared])


def told(make, entries):
    """Tell entries in every order, each to a vault of its own; return the vaults, which all say the same."""
    nodes = []
    orders = list(itertools.permutations(entries))
    for order in orders[:: max(1, len(orders) // 6)]:
        nodes.append(make())
        nodes[-1].apply(*order)
    assert len({node.fingerprint for node in nodes}) == 1
    return nodes


def shown(node, identifier, voidness=Voidness.COUNTS):
    asked = OneStatement(statement_id=identifier, voidness=voidness)
    found = node.reads.statement(asked, "main", ())
    return None if found is None else found.statement


def conflicts(node):
    return node.reads.conflicts("main", 10)


def test_of_two_statements_under_one_id_the_one_stored_first_counts_everywhere(make):
    name, one, other = new_id(), make(), make()
    late = one.accept(statement(id=name, verb={"id": "a:late"}), now_ms=START_MS + 5)
    early = other.accept(statement(id=name, verb={"id": "a:early"}), now_ms=START_MS + 1)
    again = make().accept(statement(id=name, verb={"id": "a:early"}), now_ms=START_MS + 9)
    entries = [entry(5, late), entry(1, early, node=b"b"), entry(9, again, node=b"c")]
    for node in told(make, entries):
        assert shown(node, name)["verb"]["id"] == "a:early"
        assert conflicts(node) == [name], "the same in other words is told"
        assert node.vault.conflicts() == 1
        found = node.reads.search(Search(verb="a:late"), "main", ())
        assert found.statements == [], "nothing finds what does not count"


def test_one_statement_that_two_regions_were_sent_is_no_conflict(make):
    one, other, sent = make(), make(), statement(id=new_id())
    here = one.accept(dict(sent), now_ms=START_MS)
    there = other.accept(dict(sent), now_ms=START_MS + 7)
    for node in told(make, [entry(1, here), entry(2, there, node=b"b")]):
        assert shown(node, sent["id"])["stored"] == "2025-10-09T08:53:20.000Z"
        assert conflicts(node) == []
        assert len(node.reads.search(Search(), "main", ()).statements) == 1


def test_what_a_statement_voids_that_does_not_count_is_not_voided(make):
    name, target = new_id(), new_id()
    ref = {"objectType": "StatementRef", "id": target}
    kept = make().accept(statement(id=target))
    voids = make().accept(statement(id=name, verb=VOIDED, object=ref), now_ms=START_MS + 5)
    first = make().accept(statement(id=name), now_ms=START_MS + 1)
    entries = [entry(1, kept), entry(2, voids, node=b"b"), entry(3, first, node=b"c")]
    for node in told(make, entries[:2]):
        assert shown(node, target) is None
        assert shown(node, target, Voidness.VOIDED) is not None
    for node in told(make, entries):
        assert shown(node, target) is not None


def test_a_document_is_what_was_written_last_wherever_that_was(make):
    person = agent(new_id())
    address = Address(kind=Kind.AGENT_PROFILE, agent=person, document_id="a")
    key, first = (make().change(put("a", text, person)) for text in (b"0", b"1"))
    dropper = make()
    dropper.apply(entry(1, first))
    dropped = dropper.change(put("a", None, person))
    last = make().change(put("a", b"2", person))
    entries = [entry(1, first), entry(2, dropped, node=b"b"), entry(3, last, node=b"c")]
    for node in told(make, [entry(0, key), *entries]):
        assert node.reads.document(address, "main").content == b"2"
    for node in told(make, entries[:2]):
        assert node.reads.document(address, "main") is None, "it is not brought back"
    tie = [entry(3, first, node=b"a"), entry(3, last, node=b"b")]
    for node in told(make, tie):
        assert node.reads.document(address, "main").content == b"2"


def test_statements_of_one_place_stand_in_one_order_whoever_came_first(make):
    entries = []
    for number in range(4):
        change = decode(make().accept(statement(id=new_id())).encoded)
        moved = [
            msgspec.structs.replace(one, place=(START_MS << PLACE_BITS) + number // 2)
            if isinstance(one, StatementKept)
            else one
            for one in change.operations
        ]
        entries.append(Stamped(number, b"", [Change("main", moved)]))
    nodes = told(make, entries)
    assert len({tuple(node.places()) for node in nodes}) == 1
    assert len(nodes[0].places()) == 4


def test_a_statement_is_not_shown_before_what_it_names_is_here(make):
    person, one, other = agent(new_id()), make(), make()
    met = one.accept(statement(id=new_id(), actor=person), now_ms=START_MS)
    other.apply(entry(1, met))
    named, done = new_id(), new_id()
    later = other.accept(
        statement(id=named, object=person), statement(id=done, actor=person), now_ms=START_MS + 9
    )
    here = make(through_ms=START_MS)
    here.apply(Stamped(2, b"b", [decode(later.encoded)]))
    assert shown(here, named) is None, "who it names is not known to be erased"
    assert shown(here, done) is None, "its actor's key is not here"
    here.apply(entry(1, met))
    assert shown(here, named)["object"] == person
    assert shown(here, done)["actor"] == person
    here.through_ms = 1 << 62
    here.apply(destruction(pseudonym(person)))
    assert shown(here, named)["object"]["account"]["name"] == "erased"
    assert shown(here, done) is None


def test_what_is_erased_stays_so_whenever_the_rest_comes(make):
    person, name, node = agent(new_id()), new_id(), make()
    gone = frozenset([pseudonym(person)])
    about = {"objectType": "StatementRef", "id": name}
    kept = node.accept(statement(id=name, actor=person))
    document = make().change(put("a", b"1", person))
    refers = make().accept(statement(id=new_id(), object=about))
    entries = [entry(1, kept), entry(2, document, node=b"b"), entry(3, refers, node=b"c")]
    for found in told(make, [*entries, destruction(*gone)]):
        assert shown(found, name) is None
        assert found.reader.rows("SELECT 1 FROM documents", ()) == []
        assert found.reader.rows("SELECT 1 FROM portraits WHERE subject = ?", tuple(gone)) == []
        assert found.accept(statement(id=name)) is None, "its id is not given again"


def test_a_form_of_a_person_may_come_before_their_key(make):
    person, one, other = agent(new_id()), make(), make()
    met = one.accept(statement(id=new_id(), actor=person))
    other.apply(entry(1, met))
    renamed, name = {**person, "name": "Renamed"}, new_id()
    later = other.accept(statement(id=name, actor=renamed))
    for node in told(make, [entry(1, met), entry(2, later, node=b"b")]):
        assert shown(node, name)["actor"] == renamed


def test_a_statement_that_comes_again_to_another_node_is_known_by_its_digest(make):
    sent, one, other = statement(id=new_id()), make(), make()
    kept = one.accept(dict(sent))
    without_keys = Change(
        "main", [op for op in decode(kept.encoded).operations if isinstance(op, StatementKept)]
    )
    other.apply(Stamped(1, b"a", [without_keys]))
    again = other.accept(dict(sent))
    assert again.change.operations == []
    assert other.accept({**sent, "verb": {"id": "a:other"}}) is None
