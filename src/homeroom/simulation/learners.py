"""Who enrols when, for how long, and comes on which day.

Everything about an enrolment is a hash of its number, so the only thing that is held is an order: within the cohort
of those who enrol on one day, the longest stay comes first. Those still there on a later day are then a prefix of
the cohort, and a day costs as much as it has learners left, not as many as ever enrolled. A calendar queue of next
visits would cost less still, but its state on a day needs all days before it, and no day could be made alone.
"""

import numpy as np

from homeroom.events.model import Int64s, UInt64s
from homeroom.kernel import kernel
from homeroom.simulation.chance import Stream, below, bits, hashed
from homeroom.simulation.curriculum import DAY_MS, Rules

__all__ = [
    "ENROLMENT_BITS",
    "count_visits",
    "enrolment",
    "is_idle",
    "learner_of",
    "order_enrolments",
    "traits_of",
    "visits_of_day",
]

ENROLMENT_BITS = 32
"""An order key is (stay counted down, enrolment number), a visit is (millisecond of the day, enrolment number)."""

_STAY_MAX = 1 << 20
_ENROLMENT_MASK = np.uint64((1 << ENROLMENT_BITS) - 1)
_ENROLMENT, _LEARNER, _VISIT = int(Stream.ENROLMENT), int(Stream.LEARNER), int(Stream.VISIT)
_HOUR_MS = 3_600_000


@kernel
def enrolment(number: int, rules: Rules) -> tuple[int, int, int]:
    """Return the course of an enrolment, the day it begins, and its stay in days (1: only that day)."""
    draw = hashed(hashed(rules.seed, _ENROLMENT), number)
    second = hashed(draw, 1)
    course = rules.course_of[bits(draw, 0, 16)]
    run = rules.run_start[course]
    if bits(draw, 16, 10) < rules.wave:
        day = run + (rules.exponential[bits(draw, 26, 10)] * rules.wave_days >> 20)
        day = run + (day - run) % (rules.days - run)
    else:
        day = run + below(draw, rules.days - run)
    weekday = (rules.first_weekday + day) % 7
    if bits(second, 0, 16) >= rules.weekday[weekday] and day + 1 < rules.days:
        day += 1
    if is_idle(number, rules):
        return course, day, 1
    learner = learner_of(number, rules)
    persistence = rules.persistence[bits(traits_of(learner, rules), 0, 10)]
    stay = 1 + (rules.exponential[bits(second, 16, 10)] * persistence >> 20)
    return course, day, min(stay, rules.course_days[course])


@kernel
def is_idle(number: int, rules: Rules) -> bool:
    """Return whether an enrolment never does more than enrol."""
    draw = hashed(hashed(rules.seed, _ENROLMENT), number)
    return bool(bits(hashed(draw, 2), 0, 10) < rules.never_start)


@kernel
def learner_of(number: int, rules: Rules) -> int:
    """Return the learner of an enrolment.

    The first enrolments are one a learner. For a further one two learners are drawn and the more persistent takes
    it, so that who stays also takes more courses.
    """
    if number < rules.learners:
        return number
    draw = hashed(hashed(rules.seed, _ENROLMENT), number)
    one = below(hashed(draw, 3), rules.learners)
    other = below(hashed(draw, 4), rules.learners)
    # A low position in the table of persistence is a low rate of dropping out: a long stay.
    return (
        one if bits(traits_of(one, rules), 0, 10) <= bits(traits_of(other, rules), 0, 10) else other
    )


@kernel
def traits_of(learner: int, rules: Rules) -> np.uint64:
    """Return the bits of a learner: 0 persistence, 10 country, 20 rate, 30 eagerness, 40 device; ten bits each."""
    return hashed(hashed(rules.seed, _LEARNER), learner)


@kernel
def order_enrolments(rules: Rules) -> tuple[UInt64s, Int64s]:
    """Put the enrolments in order of their first day, the keys of a cohort not yet sorted.

    Returns
    -------
    tuple
        keys, uint64 of shape (enrolments,), and where the cohort of each day begins, int64 of shape (days + 1,)
    """
    begins = np.zeros(rules.days + 1, np.int64)
    for number in range(rules.enrolments):
        begins[enrolment(number, rules)[1] + 1] += 1
    for day in range(rules.days):
        begins[day + 1] += begins[day]
    place = begins.copy()
    keys = np.empty(rules.enrolments, np.uint64)
    for number in range(rules.enrolments):
        _, day, stay = enrolment(number, rules)
        down = np.uint64(_STAY_MAX - stay) << np.uint64(ENROLMENT_BITS)
        keys[place[day]] = down | np.uint64(number)
        place[day] += 1
    return keys, begins


@kernel
def _visit(number: int, day: int, rules: Rules) -> np.uint64:
    return hashed(hashed(hashed(rules.seed, _VISIT), number), day)


@kernel
def _is_willing(number: int, day: int, rules: Rules) -> bool:
    """Return whether a learner would come if the day were a Monday."""
    traits = traits_of(learner_of(number, rules), rules)
    return bool(bits(_visit(number, day, rules), 0, 32) < rules.rate[bits(traits, 20, 10)])


@kernel
def _begin_ms(number: int, day: int, rules: Rules) -> tuple[int, bool]:
    """Return the millisecond of the (UTC) day at which a visit would begin, and whether the day of the week suits.

    The hour is drawn first, in the learner's own zone; the day of the week is its own too, and may be that of
    yesterday or tomorrow in UTC.
    """
    draw = _visit(number, day, rules)
    traits = traits_of(learner_of(number, rules), rules)
    offset = rules.offset_ms[rules.country_of[bits(traits, 10, 10)], day]
    local = rules.hour[bits(draw, 32, 10)] * _HOUR_MS + below(hashed(draw, 1), _HOUR_MS)
    begin = (local - offset) % DAY_MS
    local_day = day + (begin + offset - local) // DAY_MS
    weekday = (rules.first_weekday + local_day + 7) % 7
    return begin, bits(draw, 42, 16) < rules.weekday[weekday]


@kernel
def _visit_of_key(key: np.uint64, age: int, day: int, rules: Rules) -> int:
    """Return when the enrolment of an order key comes, -1 if not that day, -2 if it (and all after it) is gone."""
    stay = _STAY_MAX - np.int64(key >> np.uint64(ENROLMENT_BITS))
    if stay <= age:
        return -2
    number = int(np.int64(key & _ENROLMENT_MASK))
    # The day of enrolling is seen, and the last day of one who stayed for the whole course.
    forced = age == 0
    if not forced and age == stay - 1:
        forced = stay == rules.course_days[enrolment(number, rules)[0]]
    if not forced and not _is_willing(number, day, rules):
        return -1
    begin, suits = _begin_ms(number, day, rules)
    return begin if forced or suits else -1


@kernel
def count_visits(keys: UInt64s, begins: Int64s, rules: Rules) -> Int64s:
    """Return the number of visits on each day, int64 of shape (days,)."""
    counts = np.zeros(rules.days, np.int64)
    for day in range(rules.days):
        for first in range(day + 1):
            for i in range(begins[first], begins[first + 1]):
                begin = _visit_of_key(keys[i], day - first, day, rules)
                if begin == -2:
                    break
                counts[day] += begin >= 0
    return counts


@kernel
def visits_of_day(keys: UInt64s, begins: Int64s, day: int, visits: UInt64s, rules: Rules) -> int:
    """Fill ``visits`` with (millisecond of the day, enrolment) in no order; return how many there are."""
    count = 0
    for first in range(day + 1):
        for i in range(begins[first], begins[first + 1]):
            begin = _visit_of_key(keys[i], day - first, day, rules)
            if begin == -2:
                break
            if begin >= 0:
                at = np.uint64(begin) << np.uint64(ENROLMENT_BITS)
                visits[count] = at | (keys[i] & _ENROLMENT_MASK)
                count += 1
    return count
