"""What touched a part of a tenant: at least that, and of what lies far back not much more."""

import random

import numpy as np

from homeroom import limits
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.node.touched_parts import PartRead, TouchedParts, Written

ONE = Origin("one", "a" * 32, Stream.ANALYTIC)
PHYSICS, ART = PartRead(courses=(0,)), PartRead(courses=(1,))


def at(number):
    return Vector({ONE: number})


def written(*courses, learners=(), attributes=()):
    keys = np.array(learners, np.uint64)
    return [Written(np.array(courses, np.int32), (keys,), frozenset(attributes))]


def test_events_touch_their_course_runs_and_no_others():
    parts = TouchedParts(at(3))
    parts.events(at(4), written(0, -1, 0))
    parts.events(at(5), written(7))
    assert parts.of(PHYSICS) == at(4)
    assert parts.of(ART) == at(3)
    assert parts.of(PartRead(courses=(1, 7))) == at(5)
    assert parts.of(PartRead(courses=(900,))) == at(3)


def test_events_touch_attributes_and_learners():
    parts = TouchedParts(at(0))
    ada, bob = 5 << 48, 6 << 48
    parts.events(at(1), written(-1, learners=(ada,), attributes=("country",)))
    assert parts.of(PartRead(learners=(ada,))) == at(1)
    assert parts.of(PartRead(learners=(bob,))) == at(0)
    assert parts.of(PartRead(attributes=frozenset({"country"}))) == at(1)
    assert parts.of(PartRead(attributes=frozenset({"platform"}))) == at(0)


def test_learners_who_share_a_place_are_touched_together():
    parts = TouchedParts(at(0))
    parts.events(at(1), written(-1, learners=(5 << 48,)))
    assert parts.of(PartRead(learners=((5 << 48) + 99,))) == at(1)


def test_what_may_be_about_everything_touches_all_parts():
    parts = TouchedParts(at(0))
    parts.events(at(1), written(0))
    parts.all(at(2))
    parts.events(at(3), written(1))
    assert parts.of(PHYSICS) == at(2)
    assert parts.of(PartRead()) == at(2)
    assert parts.of(ART) == at(3)


def test_however_much_comes_steps_are_bounded_and_never_too_little_is_told():
    """Of each course run it is known when it was touched last; what is told of it covers that."""
    draw, parts, last = random.Random(7), TouchedParts(at(0)), [0] * 40
    for number in range(1, 5 * limits.TOUCHED_STEPS_MAX):
        course = min(int(draw.expovariate(0.2)), 39)
        last[course] = number
        parts.events(at(number), written(course))
        assert len(parts._steps[0]) <= limits.TOUCHED_STEPS_MAX
    for course, number in enumerate(last):
        told = parts.of(PartRead(courses=(course,)))[ONE]
        assert number <= told
    newest = sorted(last)[-10:]
    exact = {parts.of(PartRead(courses=(last.index(number),)))[ONE] for number in newest}
    assert exact == set(newest)
