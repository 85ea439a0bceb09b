"""Conflicts in history, against the same found with dictionaries; bounds, and who is told of nothing."""

from dataclasses import replace

import numpy as np
import pytest

from homeroom import limits
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS
from homeroom.state.conflicts import conflicts_of
from homeroom.state.copies import origin_codes
from homeroom.state.settling import Domain
from homeroom.state.state import State
from homeroom.state.zones import DAY_MS, load_zone
from tests.log.chains import HERE, THERE
from tests.state.plain import Fact, batch_of, key_of

AT_MS = 1_709_510_400_000
WHENEVER = (0, limits.TIME_MS_MAX)


def fresh():
    return State(load_zone("UTC"), Dictionaries.under(bytes(32)))


def take(state, facts, origin, entry):
    """Have some facts come with an entry; without an origin from no log."""
    batch = batch_of(facts, state.dictionaries)
    if origin is not None:
        (code,) = origin_codes([origin], state.dictionaries.origin)
        batch = replace(
            batch,
            origin=np.full(len(batch), code, np.int32),
            entry=np.full(len(batch), entry, np.int64),
        )
    state.fold(batch)
    state.settle()


def drawn(rng):
    return Fact(
        learner=int(rng.integers(0, 4)),
        time_ms=AT_MS + int(rng.integers(0, 3)) * DAY_MS,
        course=[None, "x", "y"][rng.integers(0, 3)],
        standing=int(rng.integers(0, len(STANDINGS))) or None,
        score=[None, 0.5, 0.9][rng.integers(0, 3)],
        id=[None, "one", "other"][rng.integers(0, 3)],
        attributes=[(), (("country", "NO"),), (("country", "SE"),)][rng.integers(0, 3)],
    )


def about(fact):
    """Return what a fact says, by domain and thing."""
    found = {(Domain.ATTRIBUTE, (fact.learner, field)): value for field, value in fact.attributes}
    if fact.course is None:
        return found
    name, thing = STANDINGS[fact.standing or 0], (fact.learner, fact.course)
    if name in ("enrolled", "left"):
        found[Domain.STATUS, thing] = name
    if name in ("passed", "failed"):
        found[Domain.OUTCOME, thing] = name
    if name == "completed":
        found[Domain.COMPLETION, thing] = "reached"
    if name in ("graded", "completed", "passed", "failed") and fact.score is not None:
        found[Domain.GRADE, thing] = fact.score
    return found


def expected(said):
    """Return by domain how many things there are of which two nodes say different things."""
    values, ids = {}, {}
    for node, fact in said:
        for key, value in about(fact).items():
            values.setdefault(key, set()).add((node, value))
        if fact.id is not None:
            ids.setdefault(fact.id, set()).add(fact)
    found = dict.fromkeys(Domain, 0)
    for (domain, _), some in values.items():
        found[domain] += all(len(set(each)) > 1 for each in zip(*some, strict=True))
    found[Domain.EVENT] = sum(len(some) > 1 for some in ids.values())
    return {domain: count for domain, count in found.items() if count}


@pytest.mark.parametrize("number", range(12))
def test_conflicts_are_those_that_a_plain_look_finds(rng, number):
    state, said, seen = fresh(), [], set()
    for entry in range(1, 2 + number):
        origin = [HERE, THERE][rng.integers(0, 2)]
        facts = list({drawn(rng): None for _ in range(4)})
        facts = [
            fact for fact in facts if fact not in seen
        ]  # a copy says nothing that the first did not
        seen.update(facts)
        said += [(origin.node, fact) for fact in facts]
        if facts:
            take(state, facts, origin, entry)
    found = conflicts_of(state, *WHENEVER)
    assert dict(found.counts) == expected(said)
    assert len(found.newest) == sum(found.counts.values())
    assert found.is_whole


def conflicting(state):
    take(state, [Fact(learner=1, time_ms=AT_MS, attributes=(("country", "NO"),))], HERE, 1)
    later = AT_MS + 5 * DAY_MS
    take(state, [Fact(learner=1, time_ms=later, attributes=(("country", "SE"),))], THERE, 7)
    return state


def test_a_conflict_names_nodes_times_and_entries():
    (one,) = conflicts_of(conflicting(fresh()), *WHENEVER).newest
    assert (one.domain, one.field, one.values) == (Domain.ATTRIBUTE, "country", 2)
    assert one.nodes == ("here", "there")
    assert (one.first_ms, one.last_ms) == (AT_MS, AT_MS + 5 * DAY_MS)
    assert one.entries == ((str(THERE), 7), (str(HERE), 1))


def test_only_what_was_said_for_the_stretch_is_compared():
    state = conflicting(fresh())
    assert not conflicts_of(state, AT_MS + DAY_MS, WHENEVER[1]).counts
    assert not conflicts_of(state, 0, AT_MS + DAY_MS).counts


def test_of_who_is_erased_no_conflict_is_told():
    state = conflicting(fresh())
    hi, lo = (np.array([half], np.uint64) for half in key_of(1))
    state.erase((hi, lo))
    assert not conflicts_of(state, *WHENEVER).counts


def test_what_no_log_tells_of_conflicts_with_nothing_but_its_ids():
    state = fresh()
    take(
        state, [Fact(learner=1, time_ms=AT_MS, id="same", attributes=(("country", "NO"),))], None, 0
    )
    take(
        state, [Fact(learner=1, time_ms=AT_MS, id="same", attributes=(("country", "SE"),))], HERE, 1
    )
    found = conflicts_of(state, *WHENEVER)
    assert dict(found.counts) == {Domain.EVENT: 1}
    assert found.newest[0].values == 2
    assert found.newest[0].entries == ((str(HERE), 1),)


def test_where_there_is_too_much_the_newest_are_compared_and_that_is_said(monkeypatch):
    monkeypatch.setattr(limits, "CONFLICT_FACTS_MAX", 2)
    monkeypatch.setattr(limits, "CONFLICTS_TOLD_MAX", 0)
    state = fresh()
    take(
        state,
        [Fact(learner=n, time_ms=AT_MS - n, attributes=(("country", "NO"),)) for n in (2, 3)],
        HERE,
        1,
    )
    found = conflicts_of(conflicting(state), *WHENEVER)
    assert not found.is_whole
    assert (dict(found.counts), found.newest) == ({Domain.ATTRIBUTE: 1}, ())
