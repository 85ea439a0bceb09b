"""State is a pure function of a set of events: whatever is done in whatever order, it holds what plain sets hold.

The steps that a state goes through (fold, seal, settle, cluster) are drawn at random between batches that come late,
twice and mixed; after every step the invariants must hold, and at the end the columns, the history, the counters and
the fingerprint must be those of the facts alone.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.adapters.threads import ThreadRun
from homeroom.events.model import STANDINGS, TRACKS
from homeroom.state.state import State, joined_batches, rebuild, segment_events
from tests.examples import examples
from tests.state.plain import (
    Fact,
    batch_of,
    content,
    draw_facts,
    fresh_state,
    history_of,
    plain_content,
)

STEPS = ("fold", "fold", "fold", "fold tables again", "seal", "settle", "cluster")
ZONES = ("UTC", "Europe/Berlin", "America/Los_Angeles")


def check(state: State) -> None:
    for table in (state.learners, state.enrolments):
        for partition in table.partitions:
            partition.check_invariants()
    for number, partition in enumerate(state.enrolments.partitions):
        rows = state.owner_rows(number)
        owning = state.learners.partitions[number]
        for half, keys in (("hi", owning.key_hi), ("lo", owning.key_lo)):
            owners = partition.owners.get(half, keys[:0])[: partition.rows]
            assert (keys[rows] == owners).all(), "an enrolment knows the row of its learner"


def walked(facts: list[Fact], zone: str, rng: np.random.Generator, order: tuple[str, ...] = ()):
    """Take facts into a state in random portions, with random steps between; return it settled."""
    state = fresh_state(zone, order)
    cuts = sorted(int(c) for c in rng.integers(0, len(facts) + 1, 6))
    portions = [facts[a:b] for a, b in pairwise([0, *cuts, len(facts)])]
    while portions:
        step = STEPS[int(rng.integers(len(STEPS)))]
        if step == "fold":
            state.fold(batch_of(portions.pop(0), state.dictionaries))
        elif step == "fold tables again":
            state.fold_tables(batch_of(facts[: int(rng.integers(10))], state.dictionaries))
        elif step == "cluster":
            state.learners.cluster(state.run)
        else:
            getattr(state, step)()
        check(state)
    state.settle()
    check(state)
    return state


def assert_is_fold_of(state: State, facts: list[Fact], zone: str) -> None:
    assert content(state) == plain_content(facts, zone)
    again = rebuild(state)
    check(again)
    assert again.fingerprint() == state.fingerprint()
    assert content(again) == content(state)
    distinct = set(facts)
    assert len(history_of(state)) == len(set(history_of(state))) == len(distinct) == state.events
    assert (state.counts.accepted, state.counts.duplicate) == (
        len(distinct),
        len(facts) - len(distinct),
    )
    given_ids = [fact.id for fact in distinct if fact.id is not None]
    assert state.counts.conflicts == len(given_ids) - len(set(given_ids))


@given(st.integers(0, 1 << 30), st.sampled_from((0, 1, 2, 15, 60)), st.sampled_from(ZONES))
@examples(40)
def test_any_walk_ends_in_what_plain_sets_hold(seed, count, zone):
    rng = np.random.default_rng(seed)
    facts = draw_facts(rng, count) if count else []
    facts += [facts[int(i)] for i in rng.integers(0, count, count // 3)] if count else []
    state = walked(facts, zone, rng)
    assert_is_fold_of(state, facts, zone)
    shuffled = [facts[int(i)] for i in rng.permutation(len(facts))]
    other = walked(shuffled, zone, rng, order=("posted", "FR", "web", "AT", "c2", "b", "DE"))
    assert other.fingerprint() == state.fingerprint()
    assert content(other) == content(state)
    assert (other.counts.duplicate, other.counts.conflicts) == (
        state.counts.duplicate,
        state.counts.conflicts,
    )


@pytest.mark.parametrize("run", [None, ThreadRun(2)], ids=["one thread", "two threads"])
def test_many_learners_are_folded_as_plain_sets_fold_them(run, rng):
    facts = draw_facts(rng, 2_400, learners=700, days=400)
    state = fresh_state("Europe/Berlin")
    state.run = run or state.run
    for start in range(0, len(facts), 600):
        state.fold(batch_of(facts[start : start + 600], state.dictionaries))
        if start == 1_200:
            state.settle()
    state.settle()
    check(state)
    assert_is_fold_of(state, facts, "Europe/Berlin")


@given(st.integers(0, 1 << 30))
@examples(15)
def test_the_join_laws(seed):
    """Fold is idempotent, commutative and associative over whole batches."""
    rng = np.random.default_rng(seed)
    a, b, c = (draw_facts(rng, 25, learners=6) for _ in range(3))

    def folded(*batches: list[Fact]) -> State:
        state = fresh_state()
        for facts in batches:
            state.fold_tables(batch_of(facts, state.dictionaries))
            check(state)
        return state

    once = folded(a)
    assert folded(a, a).fingerprint() == once.fingerprint()
    ab = folded(a, b)
    assert folded(b, a).fingerprint() == folded(a + b).fingerprint() == ab.fingerprint()
    assert folded(a + b, c).fingerprint() == folded(a, b + c).fingerprint()
    assert folded(ab_again := a + b, ab_again, a).fingerprint() == ab.fingerprint()
    assert content(folded(c, b, a)) == plain_content(a + b + c, "UTC")


def test_a_fingerprint_changes_with_every_part_of_what_is_held():
    base = Fact(learner=2, time_ms=1_710_000_000_000, course="c", attributes=(("country", "DE"),))
    day_ms = 86_400_000

    def fingerprint(*facts: Fact) -> str:
        state = fresh_state()
        state.fold_tables(batch_of(facts, state.dictionaries))
        return state.fingerprint()

    def but(**changed: object) -> Fact:
        fields = {name: getattr(base, name) for name in Fact.__slots__}
        return Fact(**{**fields, **changed})

    others = [
        but(learner=3),
        but(time_ms=base.time_ms + day_ms),
        but(time_ms=base.time_ms + 63 * day_ms),
        but(time_ms=base.time_ms + 1),  # the time at which an attribute was set
        but(track=1),
        but(course="d"),
        but(course=None),
        but(attributes=(("country", "FR"),)),
        but(attributes=(("platform", "DE"),)),
        but(attributes=()),
        *(
            but(standing=standing)
            for standing in range(1, len(STANDINGS))
            if standing not in (3, 4)
        ),
        but(standing=5, completion=0),
        but(standing=4, score=0.5),
        but(standing=4, score=0.25),
        but(standing=4, score=0.5, time_ms=base.time_ms + 1),
        but(standing=3, progress=0.5),
        but(standing=3, progress=0.25),
        but(track=TRACKS.index("enrolment")),
    ]
    prints = [fingerprint(base), fingerprint(), *(fingerprint(fact) for fact in others)]
    assert len(set(prints)) == len(prints)
    # What columns do not hold does not count: that is history's.
    same = [but(verb="posted"), but(activity="x"), but(id="i"), but(score=0.5), but(progress=0.5)]
    same += [but(standing=0), but(standing=3), but(standing=4), but(standing=3, score=0.5)]
    assert {fingerprint(fact) for fact in same} == {fingerprint(base)}
    # Two learners that exchange their courses are others than before.
    left, right = but(course="c", learner=1), but(course="d", learner=2)
    crossed = but(course="d", learner=1), but(course="c", learner=2)
    assert fingerprint(left, right) != fingerprint(*crossed)


def test_of_values_set_at_one_instant_the_last_in_the_alphabet_wins_whatever_its_code():
    at = 1_710_000_000_000
    values = ("DE", "Österreich", "AT", "FR")
    for order in (values, values[::-1], ("FR", "Österreich", "DE", "AT")):
        state = fresh_state(order=order)
        for value in order:
            fact = Fact(learner=0, time_ms=at, attributes=(("country", value),))
            state.fold_tables(batch_of([fact], state.dictionaries))
        (row,) = content(state)["learner"].values()
        assert row["attributes"] == {"country": (at, "Österreich")}


def test_an_early_event_that_comes_late_moves_a_clustered_row():
    day_ms = 86_400_000
    facts = [Fact(learner=n, time_ms=1_710_000_000_000 + n * day_ms) for n in range(90)]
    state = fresh_state()
    state.fold(batch_of(facts, state.dictionaries))
    state.settle()
    late = [
        Fact(learner=n, time_ms=1_710_000_000_000 - (n + 100) * day_ms) for n in range(0, 90, 7)
    ]
    state.fold(batch_of(late, state.dictionaries))
    state.seal()
    assert sum(len(p.displaced()) for p in state.learners.partitions) == len(late)
    check(state)
    state.settle()
    assert not any(len(p.displaced()) for p in state.learners.partitions)
    assert_is_fold_of(state, facts + late, "UTC")


def test_small_batches_wait_and_count_all_the_same():
    facts = draw_facts(np.random.default_rng(5), 300, learners=40)
    state = fresh_state()
    for fact in facts:
        state.fold(batch_of([fact], state.dictionaries))
    state.settle()
    assert_is_fold_of(state, facts, "UTC")


def test_joined_batches_hold_the_events_of_all_and_absent_columns_stay_absent():
    state = fresh_state()
    plain = [Fact(learner=n, time_ms=1_710_000_000_000 + n) for n in range(5)]
    rich = draw_facts(np.random.default_rng(9), 40)
    joined = joined_batches([batch_of(part, state.dictionaries) for part in (plain, rich)])
    assert len(joined) == 45
    assert np.isnan(joined.score[:5]).all()
    assert (joined.duration_ms[:5] == -1).all()
    assert np.isnan(joined.position_s[:5]).all()
    assert joined.position_from_s is None
    assert (joined.attributes["country"][:5] == -1).all()
    whole = batch_of(plain + rich, state.dictionaries)
    for name in ("key_hi", "time_ms", "verb", "course", "track", "identity_lo", "id_hash"):
        assert (getattr(joined, name) == getattr(whole, name)).all(), name


def test_a_segment_gives_its_events_back():
    state = fresh_state()
    facts = draw_facts(np.random.default_rng(11), 120)
    state.fold(batch_of(facts, state.dictionaries))
    state.seal()
    events = segment_events(state.segments[0])
    whole = batch_of(list(dict.fromkeys(facts)), state.dictionaries)
    rank = {int(lo): i for i, lo in enumerate(whole.identity_lo)}
    places = [rank[int(lo)] for lo in events.identity_lo]
    assert sorted(places) == list(range(len(whole)))
    for name in ("key_hi", "key_lo", "time_ms", "verb", "activity", "course", "track", "id_hash"):
        assert (getattr(events, name) == getattr(whole, name)[places]).all(), name
    assert np.array_equal(events.score, whole.score[places], equal_nan=True)
    for name, codes in whole.attributes.items():
        assert (events.attributes[name] == codes[places]).all()
