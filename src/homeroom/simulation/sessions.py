"""What a learner does in one visit, event by event.

A visit walks through the unit of the course that its age has reached: pages, videos that are played, paused, played
on and watched to the end, problems with scores, now and then a post. Results are one small code an event, which
later turns into columns or into a piece of JSON, so that all formats say the same.

The number of events of a visit is settled before (``share_out``): a file of a million events holds exactly a
million, whoever comes. Drawing lengths freely and stopping at the million would cut the last days off.
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int64s, UInt64s
from homeroom.kernel import kernel
from homeroom.simulation.chance import Stream, below, bits, hashed
from homeroom.simulation.curriculum import ACTIVITIES, DAY_MS, ITEMS, UNITS, Kind, Rules
from homeroom.simulation.learners import (
    ENROLMENT_BITS,
    enrolment,
    is_idle,
    learner_of,
    traits_of,
)

__all__ = [
    "ANSWERED",
    "EVENT",
    "PASSED",
    "PAUSED",
    "PLAYED",
    "RESULTS",
    "WATCHED",
    "Events",
    "choose_repeats",
    "share_out",
    "write_visits",
]

ANSWERED, PAUSED, WATCHED, PASSED, PLAYED = 1, 203, 304, 305, 306
RESULTS = 407
"""Codes of a result: 0 none; ANSWERED + 2 * percent + success; PAUSED + percent of the video; WATCHED; PASSED (the
course); PLAYED + percent of the video at which it went on."""

_REGISTERED, _VIEWED, _PLAYED = int(Kind.REGISTERED), int(Kind.VIEWED), int(Kind.PLAYED)
_PAUSED, _WATCHED, _ANSWERED = int(Kind.PAUSED), int(Kind.WATCHED), int(Kind.ANSWERED)
_POSTED, _PASSED = int(Kind.POSTED), int(Kind.PASSED)
_SESSION, _ID_HIGH, _ID_LOW = int(Stream.SESSION), int(Stream.ID_HIGH), int(Stream.ID_LOW)
_ENROLMENT_MASK = np.uint64((1 << ENROLMENT_BITS) - 1)
_REPEAT = int(Stream.REPEAT)
_REPEAT_DELAY_MS = 600
"""Times a draw of mean 1024: a copy comes ten minutes after its event, on average."""
_VISIT_MS_MAX = 6 * 3_600_000


EVENT: Final = np.dtype(
    [
        ("time_ms", np.int64),
        ("id_high", np.uint64),
        ("id_low", np.uint64),
        ("arrival_ms", np.int64),
        ("learner", np.int32),
        ("activity", np.int32),
        ("result", np.int32),
        ("kind", np.uint8),
        ("country", np.uint8),
        ("platform", np.uint8),
        ("late", np.uint8),
    ],
    align=True,
)
"""An event as numbers.

``time_ms`` since 1970, ``arrival_ms`` since the beginning of the day for the line in the log (an event whose ``late``
is 1 arrives days after it happened), the two halves of its id, and codes of `homeroom.simulation.curriculum`. Rows and
not columns, because they are written and sorted as wholes, and because a kernel that hands ten arrays to a function
counts ten references. There is no padding: equal events are equal bytes.
"""

Events: TypeAlias = npt.NDArray[np.void]
"""An array of `EVENT`, shape (n,)."""


@kernel
def _session(number: int, day: int, rules: Rules) -> np.uint64:
    return hashed(hashed(hashed(rules.seed, _SESSION), number), day)


@kernel
def share_out(visits: UInt64s, day: int, events: int, rules: Rules) -> Int64s:
    """Return how many events each visit has, int64 of shape (visits,), ``events`` in sum.

    One each, and the rest by weight: eager learners and chance; who only enrols gets next to none. Where there are
    fewer events than visits, every so many-th visit has one.
    """
    count = len(visits)
    each = 1 if events >= count else 0
    rest = events - each * count
    reach = np.empty(count, np.int64)
    total = 0
    for i in range(count):
        number = int(np.int64(visits[i] & _ENROLMENT_MASK))
        weight = 1
        if each == 1 and not is_idle(number, rules):
            draw = _session(number, day, rules)
            eager = 256 + bits(traits_of(learner_of(number, rules), rules), 30, 10)
            weight += rules.exponential[bits(draw, 0, 10)] * eager >> 10
        total += weight
        reach[i] = total
    lengths = np.empty(count, np.int64)
    before = 0
    for i in range(count):
        until: int = min(rest, int(reach[i] * np.float64(rest) / total))
        if i == count - 1:
            until = rest
        lengths[i] = each + until - before
        before = until
    return lengths


@kernel
def write_visits(visits: UInt64s, lengths: Int64s, day: int, out: Events, rules: Rules) -> None:
    """Write the events of visits into ``out``; times count from the start of the world."""
    at = 0
    for i in range(len(visits)):
        length = lengths[i]
        if length == 0:
            continue
        number = int(np.int64(visits[i] & _ENROLMENT_MASK))
        begin = int(np.int64(visits[i] >> np.uint64(ENROLMENT_BITS)))
        _walk(number, day, at, length, out, rules)
        _set_times(begin, day, at, length, out, rules)
        _set_who(number, day, at, length, out, rules)
        lag_ms = _lag_ms(number, day, rules)
        for k in range(at, at + length):
            out[k].late = lag_ms > 0
            out[k].time_ms -= lag_ms
        at += length


@kernel
def _lag_ms(number: int, day: int, rules: Rules) -> int:
    """Return by how much the events of a visit are older than their lines: whole days, never before enrolling."""
    draw = hashed(_session(number, day, rules), -1)
    if bits(draw, 0, 32) >= rules.late:
        return 0
    age = day - enrolment(number, rules)[1]
    return min(1 + below(draw * np.uint64(3), rules.late_days), max(0, age - 1)) * DAY_MS


@kernel
def _set_who(number: int, day: int, at: int, length: int, out: Events, rules: Rules) -> None:
    learner = learner_of(number, rules)
    traits = traits_of(learner, rules)
    country = rules.country_of[bits(traits, 10, 10)]
    draw = hashed(_session(number, day, rules), -2)
    # Four of five visits are on the learner's usual device.
    platform = rules.platform_of[bits(traits if bits(draw, 0, 10) < 819 else draw, 40, 10)]
    for k in range(length):
        place = at + k
        out[place].learner = learner
        out[place].country = country
        out[place].platform = platform
        one = (np.uint64(number) << np.uint64(32)) | (np.uint64(day) << np.uint64(20))
        event = hashed(hashed(rules.seed, _ID_HIGH), one) + np.uint64(k)
        out[place].id_high = hashed(hashed(rules.seed, _ID_HIGH), event)
        out[place].id_low = hashed(hashed(rules.seed, _ID_LOW), event)


@kernel
def _set_times(begin: int, day: int, at: int, length: int, out: Events, rules: Rules) -> None:
    """Turn the gaps that the walk left in ``time_ms`` into times; a visit ends within six hours and the world."""
    room = min(_VISIT_MS_MAX, (rules.days - day) * DAY_MS - begin - 1)
    whole = 0
    for k in range(at + 1, at + length):
        whole += out[k].time_ms
    passed = 0
    for k in range(at, at + length):
        if k > at:
            passed += out[k].time_ms
        since = passed if whole <= room else np.int64(passed * (np.float64(room) / whole))
        out[k].arrival_ms = begin + since
        out[k].time_ms = day * DAY_MS + begin + since


@kernel
def _walk(number: int, day: int, at: int, length: int, out: Events, rules: Rules) -> None:
    """Choose kind, activity, result and the gap before each event; a gap stands in ``time_ms`` until it is used."""
    session = _session(number, day, rules)
    course, first_day, stay = enrolment(number, rules)
    age = day - first_day
    whole = rules.course_days[course]
    passes = stay == whole and age == stay - 1
    unit = course * ACTIVITIES + 1 + min(UNITS - 1, age * UNITS // whole) * ITEMS
    activity = unit
    watched = 0
    kind = _VIEWED
    for k in range(length):
        draw = hashed(session, k)
        gap = 8_000 + rules.exponential[bits(draw, 0, 10)] * 25
        result = 0
        if k == 0 and age == 0:
            kind, activity = _REGISTERED, course * ACTIVITIES
        elif k == length - 1 and passes:
            kind, activity, result = _PASSED, course * ACTIVITIES, PASSED
        elif kind == _PLAYED:
            gap += rules.exponential[bits(draw, 10, 10)] * 120
            if bits(draw, 20, 10) < 480:
                kind, watched = _PAUSED, watched + below(draw, 100 - watched)
                result = PAUSED + watched
            else:
                kind, result = _WATCHED, WATCHED
        elif kind == _PAUSED and bits(draw, 20, 10) < 700:
            kind, result = _PLAYED, PLAYED + watched
        else:
            kind, item, result = _new_item(draw)
            activity = unit + item
            watched = 0
        out[at + k].kind = kind
        out[at + k].activity = activity
        out[at + k].result = result
        out[at + k].time_ms = gap


@kernel
def _new_item(draw: np.uint64) -> tuple[int, int, int]:
    """Return what a learner turns to next: kind, place in the unit, result."""
    choice = bits(draw, 20, 10)
    if choice < 400:
        return _VIEWED, 4 + bits(draw, 32, 16) % 3, 0
    if choice < 730:
        return _PLAYED, bits(draw, 32, 2), PLAYED
    if choice < 980:
        # The better of two throws: most answers are good, few are perfect, some fail.
        percent = max(bits(draw, 40, 12) * 101 >> 12, bits(draw, 52, 12) * 101 >> 12)
        return _ANSWERED, 7 + bits(draw, 30, 10) % 3, ANSWERED + 2 * percent + (percent >= 50)
    return _POSTED, 10, 0


@kernel
def choose_repeats(key: np.uint64, size: int, repeats: int, rules: Rules) -> tuple[Int64s, Int64s]:
    """Choose which of ``size`` lines come again, and how many milliseconds later.

    The lines are all different: even steps from a random one on. ``key`` makes the choice that of one block.
    """
    draw = hashed(hashed(rules.seed, _REPEAT), key)
    first = below(draw, size)
    lines = np.empty(repeats, np.int64)
    delays_ms = np.empty(repeats, np.int64)
    for i in range(repeats):
        lines[i] = (first + i * size // repeats) % size
        again = bits(hashed(draw, i), 0, 10)
        delays_ms[i] = 1 + rules.exponential[again] * _REPEAT_DELAY_MS
    return lines, delays_ms
