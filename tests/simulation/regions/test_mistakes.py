"""Learners who turn out to be one are answered as one, and clients that make mistakes make all of them."""

from homeroom.simulation.regions.ledger import Ledger, Readings, joined
from homeroom.simulation.regions.model import expected, merged
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import Plan
from homeroom.simulation.regions.rows import DAY_MS, FIRST_DAY, Happening
from homeroom.simulation.regions.world import World


def event(name, learner="", day=1, **fields):
    return Happening(name, learner, (FIRST_DAY + day) * DAY_MS, **fields)


ONE, TWO, THREE = event("1", "a", 1), event("2", "b", 2), event("3", "c", 3)
EDGES = event("x", joins=("a", "b")), event("y", joins=("b", "c"))


def answered(*said):
    """Return by learner how many events, of the ledger of a node and of the model."""
    ledger, readings = Ledger(Readings()), []
    for happening in said:
        reading = ledger._readings.read([happening])
        readings.append(reading)
        for learner in reading.erased:
            ledger._erase(learner)
        ledger._add(reading)
    plain = merged(expected(dict.fromkeys(said, ())), said)
    found = {learner: row.events for learner, row in ledger.answered().items()}
    assert found == {learner: figures[-1] for learner, figures in plain.items()}
    return found


def test_who_is_one_is_answered_under_the_least_name():
    assert answered(ONE, TWO, THREE) == {"a": 1, "b": 1, "c": 1}
    assert answered(ONE, TWO, THREE, *EDGES) == {"a": 3}
    assert answered(*EDGES, THREE, TWO, ONE) == {"a": 3}


def test_an_edge_that_was_taken_back_holds_no_more_whatever_comes_first():
    back = event("z", voids="x")
    assert answered(ONE, TWO, THREE, *EDGES, back) == {"a": 1, "b": 2}
    assert answered(back, *EDGES, ONE, TWO, THREE) == {"a": 1, "b": 2}


def test_who_is_erased_is_named_by_nobody_and_is_between_the_others_still():
    assert answered(ONE, TWO, THREE, *EDGES, event("e", erases="b")) == {"a": 2}
    assert answered(ONE, TWO, *EDGES, event("e", erases="a")) == {"b": 1}


def test_groups_are_joined_where_an_edge_meets_two():
    groups = joined([("a", "b"), ("c", "d"), ("b", "c")])
    assert all(groups[one] == {"a", "b", "c", "d"} for one in "abcd")


def test_clients_merge_take_back_tie_and_use_ids_and_keys_again():
    nodes = {place.name: place for place in WORLD[:3]}
    tried = World(Plan(7, nodes, {}, 8_000, 60, (), has_mistakes=True))
    assert not tried.run().violations
    ledger = tried.running[0].ledger
    assert len(ledger.merged) > 5
    assert any(edge.id in ledger.voided for edge in ledger.merged)
    assert len(ledger.answered()) < len(ledger.rows)
    ties = [event for event in ledger.events() if not event.time_ms % DAY_MS]
    assert len({event.learner for event in ties}) < len(ties)
