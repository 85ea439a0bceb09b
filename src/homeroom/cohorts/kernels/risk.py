"""At risk: which enrolments were current, and which of those had gone quiet, at the ends of some days.

For one day that is a comparison of a few short columns, eight rows at a time (`count_now`). For several days
(*points*, which rise) what holds from one of them to another is added as a change at its first and after its last, and
the caller adds the changes up (`count_points`); words of days are read for rows alone that were active after a point. A
row whose standing changed after the first point is left to `count_changing`, which is given what its events said, in
their order.

What is called for each row gets numbers and addresses and hardly an array: Numba counts the holders of an array up and
down with each call, and of five million rows that is all that would be heard of.
"""

import numpy as np

from homeroom.cohorts.kernels.vectors import popcount
from homeroom.events.model import STANDINGS
from homeroom.events.texts import load_byte, load_word
from homeroom.kernel import inlined, kernel
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.instructions import highest_bit, lowest_bit
from homeroom.state.standing import ENROLLED, FAILED, LEFT, PASSED, REACHED, STANDING_CODES
from homeroom.state.table import NO_DAY

__all__ = [
    "AT_RISK",
    "CURRENT",
    "IS_AT_RISK",
    "IS_CURRENT",
    "IS_UNKNOWN",
    "REVOKED_SAID",
    "active_days",
    "count_changing",
    "count_now",
    "count_points",
    "count_quiet_days",
    "first_days",
    "last_days",
    "newest_days",
    "order_changes",
    "rows_within",
    "tracks_of",
]

IS_CURRENT, IS_AT_RISK, IS_UNKNOWN = 1, 2, 4
"""What a row is: a current enrolment, one at risk, a current one of whom no event says that it was made."""
CURRENT, AT_RISK = 0, 1
"""What is counted at each point."""
REVOKED_SAID = len(STANDINGS)
"""Stands among the places in ``STANDINGS`` for a completion that was revoked."""
_DAYS = DAYS_PER_WORD
_BLOCK_ROWS = 1 << 12
"""A multiple of 64; what is noted of a block stays in the first cache."""
_STATUS_CODES = STANDING_CODES["status"]
_OUTCOME_CODES = STANDING_CODES["outcome"]


@inlined
def _number(at, i):
    """Return number i of an array of int64 at an address."""
    return np.int64(load_word(at + 8 * i))


@inlined
def _upto(day, low):
    """Return the mask of the days of the word that begins on day ``low`` up to ``day``, included."""
    bits = day - low + 1
    if bits >= _DAYS:
        return ~np.uint64(0)
    return (np.uint64(1) << np.uint64(bits)) - np.uint64(1)


@inlined
def _last_by(layout, row, day):
    """Return the last day up to ``day`` on which a row was active; there must be one.

    ``layout`` = (address of the words of any activity, room of one, how many, number of the first).
    """
    any_at, room, count, first_word = layout
    word = min(day // _DAYS - first_word, count - 1)
    held = load_word(any_at + 8 * (word * room + row)) & _upto(day, (first_word + word) * _DAYS)
    while held == 0:
        word -= 1
        held = load_word(any_at + 8 * (word * room + row))
    return (first_word + word) * _DAYS + highest_bit(held)


@inlined
def _point_from(days_at, span, day):
    """Return the first point of a span that lies on ``day`` or later, its end if none does."""
    point, end = span
    while point < end and _number(days_at, point) < day:
        point += 1
    return point


@inlined
def _add(changes, course, span, kind):
    first, end = span
    if first < end:
        changes[course, first, kind] += 1
        changes[course, end, kind] -= 1


@inlined
def _is_sparing(outcome, spares):
    return (outcome == PASSED and spares[0]) or (outcome == FAILED and spares[1])


@kernel
def count_now(columns, rule, counts, at_risk):
    """Count rows at the end of one day, block by block and column by column, without a branch for a row.

    What is done for a block of each column is a loop of its own over slices, from 0 on: that is what the compiler turns
    into vector code.

    Parameters
    ----------
    columns : first active day, last one up to the day, first one beyond the front page, course code, ``status``,
        ``outcome``, ``completed`` (int32 by row), ``chosen`` (int8, 0 for rows that are not asked about); the last
        four may be of length 0: nobody has any of it, all are asked about
    rule : the day; quiet days; whether passed, failed and completed spare; ``until``, int64 by course code, the day
        from which on its enrolments are not current any more, of length 0 where all are
    counts : int64 of shape (courses, 8), to which is added: rows by course and the sum of `IS_CURRENT`, `IS_AT_RISK`
        and `IS_UNKNOWN`
    at_risk : bits of the rows at risk, uint64, overwritten
    """
    start_day, last_day, beyond_day, courses, status, outcome, completed, chosen = columns
    day, quiet_days, spares, until = rule
    here, beyond, lost, known, spared = np.zeros((5, _BLOCK_ROWS), np.uint8)
    for base in range(0, len(start_day), _BLOCK_ROWS):
        size = min(_BLOCK_ROWS, len(start_day) - base)
        end = base + size
        _see_days(start_day[base:end], day, here)
        _see_days(beyond_day[base:end], day, beyond)
        _see_days(last_day[base:end], day - quiet_days, lost)
        _see_status(status[base:end], known, here)
        spared[:] = 0
        _see_outcome(outcome[base:end], spares, spared)
        _see_completed(completed[base:end], spares, spared)
        _keep_chosen(chosen[base:end], courses[base:end], (until, day), here)
        lost[size:] = 0
        _join(here[:size], beyond, lost, known, spared)
        _tally(courses[base:end], here, lost, known, counts)
        _pack(lost, at_risk[base // 64 : (end + 63) // 64])


@kernel
def _see_days(days, day, flags):
    for k in range(len(days)):
        flags[k] = days[k] <= day


@kernel
def _see_status(status, known, here):
    for k in range(len(status)):
        known[k] = status[k] == ENROLLED
        here[k] &= status[k] != LEFT


@kernel
def _see_outcome(outcome, spares, spared):
    for k in range(len(outcome)):
        spared[k] |= ((outcome[k] == PASSED) & spares[0]) | ((outcome[k] == FAILED) & spares[1])


@kernel
def _see_completed(completed, spares, spared):
    for k in range(len(completed)):
        spared[k] |= (completed[k] == REACHED) & spares[2]


@kernel
def _keep_chosen(chosen, courses, ended, here):
    until, day = ended
    for k in range(len(chosen)):
        here[k] &= chosen[k] != 0
    if len(until) != 0:
        for k in range(len(courses)):
            here[k] &= until[courses[k]] > day


@kernel
def _join(here, beyond, lost, known, spared):
    """Clear ``here`` for rows that are not current, ``lost`` for those that are not at risk."""
    for k in range(len(here)):
        here[k] &= known[k] | beyond[k]
        lost[k] &= here[k] & beyond[k] & (spared[k] ^ 1)


@kernel
def _tally(courses, here, lost, known, counts):
    for k in range(len(courses)):
        kind = IS_CURRENT * here[k] + IS_AT_RISK * lost[k] + IS_UNKNOWN * (here[k] & (known[k] ^ 1))
        counts[courses[k], kind] += 1


@kernel
def _pack(flags, bits):
    for i in range(len(bits)):
        held = np.uint64(0)
        for k in range(64):
            held |= np.uint64(flags[64 * i + k]) << np.uint64(k)
        bits[i] = held


@inlined
def _count_quiet(layout, row_days, span, rule, changes):
    """Count a row at the points of a span by which it has been quiet."""
    row, last, _ = row_days
    first, end = span
    days_at, quiet_days, course = rule
    for point in range(first, end):
        day = _number(days_at, point)
        if last <= day:  # nothing comes any more: once it is quiet, it stays so
            quiet = _point_from(days_at, (point, end), last + quiet_days)
            _add(changes, course, (quiet, end), AT_RISK)
            return
        if day - _last_by(layout, row, day) >= quiet_days:
            _add(changes, course, (point, point + 1), AT_RISK)


@inlined
def _count_row(layout, row_days, standing, span, rule, changes):
    """Count a row that has not left at the points of a span.

    ``row_days`` = (row, last day, first day beyond the front page), ``standing`` = (is known to have enrolled, is
    spared), ``rule`` = (address of the days of the points, quiet days, course).
    """
    is_known, is_spared = standing
    days_at, _, course = rule
    beyond = _point_from(days_at, span, row_days[2])
    _add(changes, course, span if is_known else (beyond, span[1]), CURRENT)
    if not is_spared:
        _count_quiet(layout, row_days, (beyond, span[1]), rule, changes)


@kernel
def count_points(columns, since_ms, words, rule, points, found):
    """Count rows at the ends of several days.

    Parameters
    ----------
    columns : as for `count_now`
    since_ms : the times at which status, outcome and completed were set, int64; of length 0 where nobody has any
    words : days of any activity, uint64 of shape (words, room), and the number of the first word
    rule : quiet days; whether passed, failed and completed spare; ``until`` as for `count_now`
    points : the days, int64, rising; the instants after them, int64
    found : ``changes``, int64 of shape (courses, points + 1, 2), to which is added; bits of the rows whose standing
        changed after the first point at which they were there, uint64, zeroed: these are not counted
    """
    start_day, last_day, beyond_day, courses, status, outcome, completed, chosen = columns
    status_ms, outcome_ms, completed_ms = since_ms
    quiet_days, spares, until = rule
    end_day, end_ms = points
    changes, doubtful = found
    layout = (words[0].ctypes.data, words[0].shape[1], words[0].shape[0], words[1])
    days_at, count = end_day.ctypes.data, len(end_day)
    for row in range(len(start_day)):
        if len(chosen) != 0 and chosen[row] == 0:
            continue
        course = courses[row]
        first = _point_from(days_at, (0, count), np.int64(start_day[row]))
        end = count if len(until) == 0 else _point_from(days_at, (first, count), until[course])
        if first >= end:
            continue
        if (
            (len(status_ms) != 0 and status_ms[row] >= end_ms[first])
            or (len(outcome_ms) != 0 and outcome_ms[row] >= end_ms[first])
            or (len(completed_ms) != 0 and completed_ms[row] >= end_ms[first])
        ):
            doubtful[row >> 6] |= np.uint64(1) << np.uint64(row & 63)
            continue
        stands = status[row] if len(status) != 0 else -1
        if stands == LEFT:
            continue
        is_spared = len(outcome) != 0 and _is_sparing(outcome[row], spares)
        is_spared |= len(completed) != 0 and spares[2] and completed[row] == REACHED
        row_days = (row, np.int64(last_day[row]), np.int64(beyond_day[row]))
        standing = (stands == ENROLLED, is_spared)
        its_rule = (days_at, quiet_days, course)
        _count_row(layout, row_days, standing, (first, end), its_rule, changes)


@kernel
def count_changing(doubtful, changed, columns, words, rule, points, changes):
    """Count rows whose standing changed on the way, as `count_points` counts the others.

    ``doubtful`` their bits; ``changed`` = (offsets, times, said) as `order_changes` writes them, for all rows.
    """
    start_day, last_day, beyond_day, courses = columns[0], columns[1], columns[2], columns[3]
    offsets, times, said = changed
    quiet_days, spares, until = rule
    end_day, end_ms = points
    layout = (words[0].ctypes.data, words[0].shape[1], words[0].shape[0], words[1])
    events_at = (times.ctypes.data, said.ctypes.data)
    points_at = (end_day.ctypes.data, end_ms.ctypes.data)
    count = len(end_day)
    for i in range(len(doubtful)):
        held = doubtful[i]
        while held != 0:
            row = 64 * i + lowest_bit(held)
            held &= held - np.uint64(1)
            course = courses[row]
            row_days = (row, np.int64(last_day[row]), np.int64(beyond_day[row]))
            first = _point_from(points_at[0], (0, count), np.int64(start_day[row]))
            end = count
            if len(until) != 0:
                end = _point_from(points_at[0], (first, count), until[course])
            standing = (np.int64(-1), np.int64(-1), False)
            event, event_end = offsets[row], offsets[row + 1]
            while first < end:
                event, standing = _standing_by(
                    events_at, (event, event_end), _number(points_at[1], first), standing
                )
                # How it stands now holds up to the point by which the next event has come.
                after = first + 1
                if event >= event_end:
                    after = end
                else:
                    while after < end and _number(events_at[0], event) >= _number(
                        points_at[1], after
                    ):
                        after += 1
                status, outcome, is_completed = standing
                if status != LEFT:
                    is_spared = _is_sparing(outcome, spares) or (spares[2] and is_completed)
                    its_rule = (points_at[0], quiet_days, course)
                    known = (status == ENROLLED, is_spared)
                    _count_row(layout, row_days, known, (first, after), its_rule, changes)
                first = after


@inlined
def _standing_by(events_at, events, limit_ms, standing):
    """Return the first of the events that comes at an instant or later, and how a row stands before it."""
    event, end = events
    status, outcome, is_completed = standing
    while event < end and _number(events_at[0], event) < limit_ms:
        said = np.int64(load_byte(events_at[1] + event))
        event += 1
        if said in _STATUS_CODES:
            status = said
        elif said in _OUTCOME_CODES:
            outcome = said
        else:
            is_completed = said != REVOKED_SAID
    return event, (status, outcome, is_completed)


@kernel
def order_changes(rows, time_ms, said, offsets, ordered):
    """Put what was said in the order of rows, and for each row of time, of one instant the greater ``said`` last.

    ``offsets``, int64 of shape (rows + 1,), zeroed, gets where each row's begin; ``ordered`` = (times, said).
    """
    times, kinds = ordered
    for i in range(len(rows)):
        offsets[rows[i] + 1] += 1
    for row in range(1, len(offsets)):
        offsets[row] += offsets[row - 1]
    used = np.zeros(len(offsets) - 1, np.int32)
    for i in range(len(rows)):
        row = rows[i]
        place = offsets[row] + used[row]
        used[row] += 1
        # A row has few, so each is put in among those that are there.
        while place > offsets[row] and (
            times[place - 1] > time_ms[i]
            or (times[place - 1] == time_ms[i] and kinds[place - 1] > said[i])
        ):
            times[place], kinds[place] = times[place - 1], kinds[place - 1]
            place -= 1
        times[place], kinds[place] = time_ms[i], said[i]


# --- what is worked out from words once ---------------------------------------------------------------------------


@kernel
def first_days(tracks, layout, first):
    """Write the first day on which each row was active in any of some tracks to ``first``, int32, given as never.

    ``tracks`` int64: addresses of the words of each; ``layout`` = (room of a word, words, number of the first).
    """
    room, count, first_word = layout
    for word in range(count):
        low = (first_word + word) * _DAYS
        for row in range(len(first)):
            held = np.uint64(0)
            for track in range(len(tracks)):
                held |= load_word(tracks[track] + 8 * (word * room + row))
            if held != 0 and first[row] == NO_DAY:
                first[row] = low + lowest_bit(held)


@kernel
def last_days(words, first_word, start_day, day, last):
    """Lower ``last``, int32, the last active day of each row, to the last one up to ``day``; never for later rows."""
    layout = (words.ctypes.data, words.shape[1], words.shape[0], np.int64(first_word))
    for row in range(len(last)):
        if start_day[row] > day:
            last[row] = NO_DAY
        elif last[row] > day:
            last[row] = _last_by(layout, row, day)


@kernel
def newest_days(last_day, courses, newest):
    """Raise ``newest``, int64 by course code, to the last days of the rows of that course; `NO_DAY` is none."""
    for row in range(len(last_day)):
        day = last_day[row]
        if day != NO_DAY and day > newest[courses[row]]:
            newest[courses[row]] = day


@kernel
def tracks_of(words, masks, courses, bit, found):
    """Set a bit of ``found``, uint8 by course code, where a row of that course has a day in ``words``.

    ``words`` is uint64 of shape (words, at least the rows), ``masks`` uint64 by word: the days that count.
    """
    for row in range(len(courses)):
        if found[courses[row]] & bit:
            continue
        held = np.uint64(0)
        for word in range(len(masks)):
            held |= words[word, row] & masks[word]
        if held != 0:
            found[courses[row]] |= bit


# --- the list -----------------------------------------------------------------------------------------------------


@kernel
def count_quiet_days(bits, last_day, day, counts):
    """Add to ``counts[n]``, int64, the rows whose bits are set and that were last active n days before ``day``."""
    for i in range(len(bits)):
        held = bits[i]
        while held != 0:
            counts[day - last_day[64 * i + lowest_bit(held)]] += 1
            held &= held - np.uint64(1)


@kernel
def rows_within(bits, last_day, span, rows):
    """Write the rows whose bits are set and whose last day lies in ``span``, both ends included; return how many."""
    low, high = span
    count = 0
    for i in range(len(bits)):
        held = bits[i]
        while held != 0:
            row = 64 * i + lowest_bit(held)
            held &= held - np.uint64(1)
            if low <= last_day[row] <= high:
                rows[count] = row
                count += 1
    return count


@kernel
def active_days(words, first_word, rows, day, counts):
    """Write to ``counts``, int32, the days up to ``day`` on which each of some rows was active."""
    for i in range(len(rows)):
        count = np.int64(0)
        for word in range(min(day // _DAYS - first_word + 1, words.shape[0])):
            wanted = _upto(day, (first_word + word) * _DAYS)
            count += np.int64(popcount(words[word, rows[i]] & wanted))
        counts[i] = count
