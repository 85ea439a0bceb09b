"""A sample of a state holds of some learners what the state holds of them, sealed or not, whatever was taken back."""

import copy

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from homeroom.events.texts import sealed
from homeroom.state.keys import distinct_keys
from homeroom.state.sample import sample
from homeroom.state.state import State
from tests.examples import examples
from tests.state.plain import content, draw_facts, history_of, key_of
from tests.state.test_past import LEARNERS, STEPS, Walk


def keys_of(learners):
    pairs = np.array([key_of(int(one)) for one in learners], np.uint64).reshape(-1, 2)
    return distinct_keys([(sealed(pairs[:, 0]), sealed(pairs[:, 1]))])


def test_the_tracks_and_history_of_some_learners(rng):
    walk = Walk(draw_facts(rng, 60, LEARNERS), "Europe/Berlin", rng)
    walk.step("fold")
    few = sample(walk.state, keys_of(range(LEARNERS)), (), set())
    assert few.learners.rows == walk.state.learners.rows
    assert few.time_range_ms == walk.state.time_range_ms


@given(st.integers(0, 1 << 30), st.sampled_from((0, 30, 80)))
@examples(30)
def test_a_sample_is_what_the_settled_state_says_of_its_learners(seed, count):
    rng = np.random.default_rng(seed)
    walk = Walk(draw_facts(rng, count, LEARNERS) if count else [], "Europe/Berlin", rng)
    for _ in range(25):
        walk.step(STEPS[int(rng.integers(len(STEPS)))])
    if walk.state.has_waiting_voids:
        walk.state.seal()
    walk.state.flush()
    keys = keys_of(rng.integers(0, LEARNERS, 5))
    courses = range(len(walk.state.dictionaries.course))
    asked: set[str] = set()
    few = sample(walk.state, keys, courses, asked)
    whole = copy.deepcopy(walk.state)
    whole.settle()
    wanted = set(zip(keys[0].tolist(), keys[1].tolist(), strict=True))
    assert content_of(few) == of_learners(content(whole), wanted)
    assert sorted(history_of(few)) == sorted(one for one in history_of(whole) if one[:2] in wanted)
    assert few.time_range_ms == walk.state.time_range_ms
    assert asked <= {"time_ms", "identity_hi", "identity_lo"}, "no more than is asked for is read"


def content_of(few: State):
    """Read a sample, whose rows are not cut into partitions, as though they were."""
    cut = copy.copy(few)
    for name in ("learners", "enrolments"):
        table = copy.copy(getattr(few, name))
        [part] = table.partitions
        table.partitions = [_rows_of(part, number) for number in range(8)]
        setattr(cut, name, table)
    return content(cut)


def _rows_of(part, number):
    own = copy.copy(part)
    mine = np.flatnonzero(part.key_hi[: part.rows] >> np.uint64(61) == number)
    own.rows, own.slots = len(mine), None
    for name in ("key_hi", "key_lo", "start_day", "last_day"):
        setattr(own, name, getattr(part, name)[mine])
    own.words = {name: words[:, mine] for name, words in part.words.items()}
    for family in ("codes", "set_ms", "numbers", "owners"):
        setattr(own, family, {name: c[mine] for name, c in getattr(part, family).items()})
    return own


def of_learners(rows, wanted):
    return {
        "learner": {key: row for key, row in rows["learner"].items() if key in wanted},
        "enrolment": {key: row for key, row in rows["enrolment"].items() if row["owner"] in wanted},
    }
