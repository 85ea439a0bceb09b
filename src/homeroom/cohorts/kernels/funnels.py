"""How far each learner comes along the steps of a funnel, and how long it takes.

A chain is a row of events that take the steps in order. There are more chains than anybody can count, but of all that
have taken k steps only one matters: the one that began last, since it has the most time left and may do whatever an
older one may. So what is kept for a learner is, by number of steps taken, the latest start and the times of the steps
taken since; an event moves chains from k to k + 1, from the last step down, so that it takes one step of a chain only.

Where each step must be later than the one before, a chain that has just moved must wait for the clock: it stays in a
second row of the same table until an event comes at another time.

The way not taken: to try attempts one by one from each possible start, which is quadratic for learners who do the
first step often; and those are the ones that have many events.
"""

import numpy as np

from homeroom.kernel import inlined, kernel

__all__ = ["any_attempts", "best_any", "best_chains", "chains_by_attempt", "count_spans"]

NEVER = np.iinfo(np.int64).min


@kernel
def best_chains(line, rules, way, span, found):
    """Write the longest chain of each learner; return how many learners have begun one.

    Parameters
    ----------
    line : (offsets, time_ms, what) of a timeline; bit k of ``what``: step k + 1, further bits: kinds that end chains
    rules : (steps, within_ms, ends); ``ends[k]``, uint32, are the kinds that end a chain of k steps
    way : (1 if no other step may lie between, 1 if each step must be later than the one before)
    span : (from_ms, to_ms, as_of_ms); a chain begins from ``from_ms`` on and before ``to_ms``
    found : (level, is_open, took), uint8, uint8 and int64 of shape (rooms, steps - 1): steps taken, whether the end can
        still come, and ms from the first step to each other one, -1 where it was not taken
    """
    offsets, time_ms, what = line
    steps, within_ms, ends = rules
    from_ms, to_ms, as_of_ms = span
    levels, is_open, took = found
    is_strict, wait = way
    start_ms = np.full((2, steps + 1), NEVER)
    times_ms = np.zeros((2, steps + 1, steps), np.int64)
    used = 0
    for row in range(len(offsets) - 1):
        level, now_ms = 0, NEVER
        start_ms[:] = NEVER
        for event in range(offsets[row], offsets[row + 1]):
            at_ms, mark = time_ms[event], np.uint32(what[event] & np.uint64(0xFFFFFFFF))
            if wait and at_ms != now_ms:
                _let_move(start_ms, times_ms)
                now_ms = at_ms
            _end_excluded(mark, ends, start_ms)
            level = _take_steps(at_ms, mark, level, within_ms, wait, start_ms, times_ms, took, used)
            if level == steps:
                break
            if is_strict:
                _end_interrupted(mark, start_ms)
            if (mark & np.uint32(1)) != 0 and from_ms <= at_ms < to_ms:
                _begin(at_ms, wait, start_ms, times_ms)
                level = max(level, 1)
        if level > 0:
            levels[used] = level
            is_open[used] = level < steps and _latest_start(start_ms) > as_of_ms - within_ms
            took[used, level - 1 :] = -1
            used += 1
    return used


@kernel
def chains_by_attempt(line, rules, way, span, found, attempts_max):
    """Write the attempts of each learner one after the other, at most so many; return how many there are.

    As `best_chains`; an attempt lasts until its last step, until its time is over or until it is ended, and the next
    begins after that.
    """
    offsets, time_ms, what = line
    start_ms = np.full((2, rules[0] + 1), NEVER)
    times_ms = np.zeros((2, rules[0] + 1, rules[0]), np.int64)
    used = 0
    for row in range(len(offsets) - 1):
        level, now_ms, begun_ms, left = 0, NEVER, NEVER, attempts_max
        start_ms[:] = NEVER
        for event in range(offsets[row], offsets[row + 1]):
            at_ms, mark = time_ms[event], np.uint32(what[event] & np.uint64(0xFFFFFFFF))
            is_over = level > 0 and at_ms - begun_ms > rules[1]
            is_done = False
            if level > 0 and not is_over:
                if way[1] and at_ms != now_ms:
                    _let_move(start_ms, times_ms)
                _end_excluded(mark, rules[2], start_ms)
                level = _take_steps(
                    at_ms, mark, level, rules[1], way[1], start_ms, times_ms, found[2], used
                )
                is_done = level == rules[0]
                is_over = is_done or _is_cut(mark, way[0], start_ms)
            now_ms = at_ms
            if is_over:
                used = _write(level, rules, start_ms, span[2], found, used)
                level = 0
            is_first = (mark & np.uint32(1)) != 0 and span[0] <= at_ms < span[1]
            if level == 0 and left > 0 and is_first and not is_done:
                level, begun_ms, left = 1, at_ms, left - 1
                _begin(at_ms, way[1], start_ms, times_ms)
        if level > 0:
            used = _write(level, rules, start_ms, span[2], found, used)
    return used


@kernel
def _write(level, rules, start_ms, as_of_ms, found, used):
    """Note an attempt that is over, or cut off by the end of the data, and clear the table."""
    steps, within_ms, _ = rules
    found[0][used] = level
    found[1][used] = level < steps and _latest_start(start_ms) > as_of_ms - within_ms
    found[2][used, level - 1 :] = -1
    start_ms[:] = NEVER
    return used + 1


@inlined
def _is_cut(mark, is_strict, start_ms):
    """Say whether no chain can go on after an event."""
    if is_strict:
        _end_interrupted(mark, start_ms)
    return _latest_start(start_ms) == NEVER


@inlined
def _latest_start(start_ms):
    """Return the latest start of a chain that can go on; `NEVER` if none can."""
    latest = NEVER
    for level in range(1, start_ms.shape[1] - 1):
        latest = max(latest, start_ms[0, level], start_ms[1, level])
    return latest


@inlined
def _begin(at_ms, wait, start_ms, times_ms):
    if at_ms > start_ms[wait, 1]:
        start_ms[wait, 1] = at_ms
        times_ms[wait, 1, 0] = at_ms


@inlined
def _let_move(start_ms, times_ms):
    """Let the chains move that have waited for the clock."""
    for level in range(1, start_ms.shape[1] - 1):
        if start_ms[1, level] > start_ms[0, level]:
            start_ms[0, level] = start_ms[1, level]
            for i in range(level):
                times_ms[0, level, i] = times_ms[1, level, i]
        start_ms[1, level] = NEVER


@inlined
def _end_excluded(mark, ends, start_ms):
    for level in range(1, len(ends)):
        if mark & ends[level]:
            start_ms[0, level] = NEVER
            start_ms[1, level] = NEVER


@inlined
def _end_interrupted(mark, start_ms):
    """End the chains whose last step the event is not, if it is any step: those that have just moved keep theirs."""
    steps = start_ms.shape[1] - 1
    if mark & np.uint32((1 << steps) - 1):
        for level in range(1, steps):
            if (mark >> np.uint32(level - 1)) & np.uint32(1) == 0:
                start_ms[0, level] = NEVER
                start_ms[1, level] = NEVER


@inlined
def _take_steps(at_ms, mark, level, within_ms, wait, start_ms, times_ms, took, used):
    """Move the chains that the event takes a step further; return the most steps taken so far."""
    for k in range(start_ms.shape[1] - 2, 0, -1):
        since_ms = start_ms[0, k]
        if (mark >> np.uint32(k)) & np.uint32(1) == 0 or since_ms == NEVER:
            continue
        if at_ms - since_ms > within_ms:
            continue
        if since_ms > start_ms[wait, k + 1]:
            start_ms[wait, k + 1] = since_ms
            for i in range(k):
                times_ms[wait, k + 1, i] = times_ms[0, k, i]
            times_ms[wait, k + 1, k] = at_ms
        if k + 1 > level:
            level = k + 1
            for i in range(k):
                took[used, i] = times_ms[wait, level, i + 1] - since_ms
    return level


@kernel
def best_any(line, rules, span, found):
    """Write the window of each learner that holds the most of the steps, in whatever order; return how many learners.

    ``line``, ``span`` and ``found`` as in `best_chains`, with the steps numbered in the order in which they were met;
    ``rules`` = (steps, within_ms). Of all windows that end at an event none holds more than the longest; what is kept
    of a learner is where each step was met last.
    """
    offsets, time_ms, what = line
    steps, within_ms = rules
    from_ms, to_ms, as_of_ms = span
    latest = np.empty(steps, np.int64)
    used = 0
    for row in range(len(offsets) - 1):
        level, begun = 0, -1
        latest[:] = -1
        for event in range(offsets[row], offsets[row + 1]):
            at_ms = time_ms[event]
            if at_ms < from_ms:
                continue
            if at_ms < to_ms:
                begun = event
            mark = np.uint32(what[event] & np.uint64(0xFFFFFFFF))
            count, oldest = _met(event, mark, time_ms, within_ms, latest)
            first = min(oldest, begun)
            if first >= 0 and at_ms - time_ms[first] <= within_ms and count > level:
                level = count
                _note_times(first, event, time_ms, what, found[2], used)
                if level == steps:
                    break
        if level > 0:
            found[0][used] = level
            found[1][used] = level < steps and time_ms[begun] > as_of_ms - within_ms
            found[2][used, level - 1 :] = -1
            used += 1
    return used


@inlined
def _met(event, mark, time_ms, within_ms, latest):
    """Return how many steps were met in the window that ends at an event, and the oldest of their latest events."""
    count, oldest = 0, event
    for step in range(len(latest)):
        if (mark >> np.uint32(step)) & np.uint32(1):
            latest[step] = event
        met = latest[step]
        if met >= 0 and time_ms[event] - time_ms[met] <= within_ms:
            count += 1
            oldest = min(oldest, met)
    return count, oldest


@inlined
def _note_times(first, last, time_ms, what, took, used):
    """Note when each further step was met from one event to another."""
    seen, level = np.uint32(0), 0
    for event in range(first, last + 1):
        mark, since_ms = (
            np.uint32(what[event] & np.uint64(0xFFFFFFFF)),
            time_ms[event] - time_ms[first],
        )
        seen, level = _meet(mark, seen, level, since_ms, took, used)


@inlined
def _meet(mark, seen, level, since_ms, took, used):
    """Note the steps of an event that were not seen before; return all that were, and how many."""
    fresh = np.uint32(mark & ~seen)
    while fresh:
        fresh = np.uint32(fresh & (fresh - np.uint32(1)))
        if level > 0:
            took[used, level - 1] = since_ms
        level += 1
    return np.uint32(seen | mark), level


@kernel
def any_attempts(line, rules, span, found, attempts_max):
    """Write the windows of each learner one after the other, at most so many; return how many there are.

    As `best_any`; a window begins at the first step that is met after the one before it was full or over.
    """
    offsets, time_ms, what = line
    steps, within_ms = rules
    from_ms, to_ms, as_of_ms = span
    used = 0
    for row in range(len(offsets) - 1):
        level, left, begun_ms, seen = 0, attempts_max, NEVER, np.uint32(0)
        for event in range(offsets[row], offsets[row + 1]):
            at_ms = time_ms[event]
            if level > 0 and (level == steps or at_ms - begun_ms > within_ms):
                used = _write_any(level, rules, begun_ms, as_of_ms, found, used)
                level = 0
            if level == 0:
                if left == 0 or not from_ms <= at_ms < to_ms:
                    continue
                left, begun_ms, seen = left - 1, at_ms, np.uint32(0)
            mark = np.uint32(what[event] & np.uint64(0xFFFFFFFF))
            seen, level = _meet(mark, seen, level, at_ms - begun_ms, found[2], used)
        if level > 0:
            used = _write_any(level, rules, begun_ms, as_of_ms, found, used)
    return used


@kernel
def _write_any(level, rules, begun_ms, as_of_ms, found, used):
    steps, within_ms = rules
    found[0][used] = level
    found[1][used] = level < steps and begun_ms > as_of_ms - within_ms
    found[2][used, level - 1 :] = -1
    return used + 1


@kernel
def count_spans(took, edges_ms, bins):
    """Add times to bins that begin at ``edges_ms``, the first of them 0.

    ``took`` is as in `best_chains`; ``bins``, int64 of shape (2, steps - 1, edges), counts times from the first step,
    and from the one before.
    """
    for row in range(len(took)):
        before_ms = np.int64(0)
        for step in range(took.shape[1]):
            since_ms = took[row, step]
            if since_ms < 0:
                break
            bins[0, step, _bin(since_ms, edges_ms)] += 1
            bins[1, step, _bin(since_ms - before_ms, edges_ms)] += 1
            before_ms = since_ms


@inlined
def _bin(span_ms, edges_ms):
    place = len(edges_ms) - 1
    while span_ms < edges_ms[place]:
        place -= 1
    return place
