"""What a course report counts of the events of a course run, but for videos and problems.

Events come in blocks of whole learners, each learner's in order of time. ``stamps`` note for a value (a week, a page)
the last learner that was seen with it, as its row: a learner has one row in all blocks, so they are never cleared.
``days`` = (first, end) are the local days that count, the end excluded. Local days can go back while time goes on,
where a zone's clock is set back over midnight, so nothing here takes them for sorted.
"""

import numpy as np

from homeroom.kernel import inlined, kernel

__all__ = [
    "count_acts",
    "count_visits",
    "count_weeks",
    "first_visits",
    "latest_standings",
    "walk_enrolments",
]

_ENROLLED_STANDING, _LEFT_STANDING = 1, 2
_COMPLETED, _PASSED, _FAILED = 5, 6, 7
_ENROLLED, _LEFT = 9, 10


@kernel
def count_weeks(rows, local_days, days, stamps, counts):
    """Add to ``counts[w]``, int64, the learners with an event in the w-th seven days from the first day on."""
    first, end = days
    for i in range(len(rows)):
        day = local_days[i]
        if first <= day < end:
            week = (day - first) // 7
            if stamps[week] != rows[i]:
                stamps[week] = rows[i]
                counts[week] += 1


@kernel
def count_acts(rows, local_days, acts, act, days, stamps, counts):
    """Add the events of an act to ``counts[0]`` by week, and their learners to ``counts[1]``; return all learners.

    ``counts`` is int64 of shape (2, weeks).
    """
    first, end = days
    learners, last = 0, -1
    for i in range(len(rows)):
        day = local_days[i]
        if acts[i] != act or not first <= day < end:
            continue
        week = (day - first) // 7
        counts[0, week] += 1
        if stamps[week] != rows[i]:
            stamps[week] = rows[i]
            counts[1, week] += 1
        if last != rows[i]:
            last = rows[i]
            learners += 1
    return learners


@kernel
def count_visits(rows, time_ms, local_days, codes, days, gap_ms, seen, counts):
    """Add learners to ``counts[0, code]`` and visits to ``counts[1, code]``, int64, by code of a page or section.

    A visit ends where a learner has no event with the code for longer than ``gap_ms``. ``seen`` = (stamps, last_ms)
    by code.
    """
    first, end = days
    stamps, last_ms = seen
    for i in range(len(rows)):
        code = codes[i]
        if code < 0 or not first <= local_days[i] < end:
            continue
        if stamps[code] != rows[i]:
            stamps[code] = rows[i]
            counts[0, code] += 1
            counts[1, code] += 1
        elif time_ms[i] - last_ms[code] > gap_ms:
            counts[1, code] += 1
        last_ms[code] = time_ms[i]


@kernel
def first_visits(rows, time_ms, local_days, codes, days, known_ms, stamps, found):
    """Write a line for each learner and section: its row, the section, how long after its first section.

    ``found`` = (rows, sections, after_ms, last_ms), with room for every event. ``last_ms`` is the learner's last
    event of any kind up to ``known_ms`` (whatever its day), the least number where there is none. Returns how many
    lines there are.
    """
    first, end = days
    found_rows, found_codes, after_ms, last_ms = found
    used, of_learner, start_ms = 0, 0, 0
    never = np.iinfo(np.int64).min
    latest = never
    for i in range(len(rows)):
        if i == 0 or rows[i] != rows[i - 1]:
            last_ms[of_learner:used] = latest
            of_learner, latest = used, never
        if time_ms[i] <= known_ms:
            latest = time_ms[i]
        code = codes[i]
        if code < 0 or stamps[code] == rows[i] or not first <= local_days[i] < end:
            continue
        stamps[code] = rows[i]
        if used == of_learner:
            start_ms = time_ms[i]
        found_rows[used] = rows[i]
        found_codes[used] = code
        after_ms[used] = time_ms[i] - start_ms
        used += 1
    last_ms[of_learner:used] = latest
    return used


@inlined
def _enrolment_step(standing, act, by_verb):
    """Return 1 for joining, 2 for leaving, 0 for anything else."""
    if by_verb:
        return 1 if act == _ENROLLED else 2 if act == _LEFT else 0
    return standing if standing <= _LEFT_STANDING else 0


@kernel
def walk_enrolments(rows, time_ms, local_days, standing, acts, by_verb, days, counts, totals):
    """Follow each learner in and out; what lies before the days counts for where it stands.

    ``counts`` is int64 of shape (2, weeks): who joined, who left. ``totals`` = (in at the end, joined again within
    the days, ever joined). Of joining and leaving at one instant, leaving is first.
    """
    first, end = days
    state, joined_ever = 0, False  # 0 never seen, 1 in, 2 out
    passed = 0  # events before this one have been followed
    for i in range(len(rows)):
        if i >= passed and _enrolment_step(standing[i], acts[i], by_verb) and local_days[i] < end:
            comes, goes, passed = _of_one_instant(i, rows, time_ms, standing, acts, by_verb)
            week = (local_days[i] - first) // 7 if local_days[i] >= first else -1
            state, joined_ever = _moved(state, joined_ever, comes, goes, week, counts, totals)
        if i + 1 == len(rows) or rows[i + 1] != rows[i]:
            totals[0] += state == 1
            totals[2] += joined_ever
            state, joined_ever = 0, False


@inlined
def _of_one_instant(i, rows, time_ms, standing, acts, by_verb):
    """Return whether the learner joins and leaves at the instant of event i, and the first event after it."""
    comes, goes, j = False, False, i
    while j < len(rows) and rows[j] == rows[i] and time_ms[j] == time_ms[i]:
        step = _enrolment_step(standing[j], acts[j], by_verb)
        comes |= step == 1
        goes |= step == 2
        j += 1
    return comes, goes, j


@inlined
def _moved(state, joined_ever, comes, goes, week, counts, totals):
    if goes and state != 2:
        if week >= 0:
            counts[1, week] += 1
        state = 2
    if comes and state != 1:
        if week >= 0:
            counts[0, week] += 1
            totals[1] += state == 2
        state = 1
    return state, joined_ever or comes


@inlined
def _is_newer(at, value, best_at, best):
    """Say whether a value replaces the latest so far: a later one does, of one instant the greater."""
    return not np.isnan(value) and (np.isnan(best) or at > best_at or value > best)


@kernel
def latest_standings(rows, time_ms, local_days, standing, score, progress, end_day, found, totals):
    """Write each learner's latest grade and latest progress in the course run; return how many of each.

    ``score`` and ``progress`` are of length 0 where no event has one; ``found`` = (grades, progress), float64 with
    room for every event. ``totals`` = (completed, passed, failed): passed or failed is what the latest says, and of
    one instant failed.
    """
    grades, shares = found
    used_grades, used_shares = 0, 0
    grade, grade_at, share, share_at = np.nan, 0, np.nan, 0
    completed, verdict, verdict_at = False, 0, 0
    for i in range(len(rows)):
        kind = standing[i]
        if kind > _LEFT_STANDING and local_days[i] < end_day:
            at = time_ms[i]
            if kind > 3 and len(score) and _is_newer(at, score[i], grade_at, grade):
                grade, grade_at = score[i], at
            if len(progress) and _is_newer(at, progress[i], share_at, share):
                share, share_at = progress[i], at
            completed |= kind == _COMPLETED
            if kind >= _PASSED and (verdict == 0 or at > verdict_at or kind == _FAILED):
                verdict, verdict_at = kind, at
        if i + 1 == len(rows) or rows[i + 1] != rows[i]:
            grades[used_grades], shares[used_shares] = grade, share
            used_grades += not np.isnan(grade)
            used_shares += not np.isnan(share)
            totals[0] += completed
            totals[1] += verdict == _PASSED
            totals[2] += verdict == _FAILED
            grade, share, completed, verdict = np.nan, np.nan, False, 0
    return used_grades, used_shares
